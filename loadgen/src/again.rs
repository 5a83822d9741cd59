//! Asks again, under their own request ids, for requests of a record: those of which nobody knows what became of
//! them, and some that were accepted. A server that was killed in between must decide the first, once, and answer the
//! second with the orders that they are. The record is continued, so what is answered can be held against it.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;

use protocol::Status;
use protocol::messages::CreateAnswer;

use crate::asking;
use crate::orders::{Basket, NO_PLACE};
use crate::record::{Asked, Record, Recorded, Recorder};
use crate::talk::{Talk, TalkError};
use crate::text::grouped;
use crate::verify::VerifyError;
use crate::watch::Watcher;

/// Accepted requests that are asked again, at most: spread over the record.
pub const ACCEPTED_MAX: usize = 5_000;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskedAgain {
    /// Accepted requests that were asked again and are the same orders.
    pub same: u64,
    /// Accepted requests that were answered otherwise; 0: all is well.
    pub different: u64,
    /// Requests of unknown outcome that are orders: since then, or from now on.
    pub accepted: u64,
    /// Requests of unknown outcome that were refused.
    pub refused: u64,
}

/// Asks again for requests of this record, and continues it.
pub fn ask_again(target: &str, path: &Path, watcher: &mut impl Watcher) -> Result<AskedAgain, VerifyError> {
    watcher.step("reading the record");
    let record = Record::open(path).map_err(VerifyError::Record)?;
    let recorder = Recorder::go_on(path).map_err(|error| VerifyError::Record(error.into()))?;
    let failed = |error: TalkError| VerifyError::Server { target: target.to_owned(), why: error.to_string() };
    let mut talk = Talk::open(target).map_err(failed)?;
    watcher.step("asking again");
    let asked = chosen(record.asked());
    // Both directions write to it: before a request leaves, and when its answer came.
    let recorder = RefCell::new(recorder);
    let mut found = AskedAgain::default();
    talk.ask_each_frame::<CreateAnswer>(
        asked.len(),
        |at, correlation, out| {
            let request = asked[at];
            let mut recorder = recorder.borrow_mut();
            recorder
                .asked_again(request.number)
                .and_then(|()| recorder.flush())
                .map_err(TalkError::Broken)?;
            asking::create(out, &asking::meta(correlation, true), &basket(&record, request));
            Ok(())
        },
        |at, answer| {
            let order = answer.map(|answer| answer.head.order).map_err(|(status, _)| status);
            let mut recorder = recorder.borrow_mut();
            found.count(asked[at].outcome, order);
            let written = match order {
                Ok(order) => recorder.accepted(asked[at].number, order),
                Err(status) => recorder.not_accepted(asked[at].number, status.name()),
            };
            written.map_err(TalkError::Broken)
        },
    )
    .map_err(failed)?;
    recorder.into_inner().flush().map_err(|error| VerifyError::Record(error.into()))?;
    watcher.done();
    Ok(found)
}

/// All that are unknown, and every so many of those that were accepted.
fn chosen(asked: &[Asked]) -> Vec<&Asked> {
    let accepted = asked.iter().filter(|it| matches!(it.outcome, Recorded::Accepted(_)));
    let every = accepted.clone().count().div_ceil(ACCEPTED_MAX).max(1);
    let unknown = asked.iter().filter(|it| it.outcome == Recorded::Unknown);
    unknown.chain(accepted.step_by(every)).collect()
}

fn basket(record: &Record, asked: &Asked) -> Basket {
    let &Asked { number, user, request, total, .. } = asked;
    let lines = record.lines(asked).to_vec();
    let units = lines.iter().map(|&(_, units)| u64::from(units)).sum();
    Basket { number, user, request, total, units, asked_before: true, place: NO_PLACE, lines }
}

impl AskedAgain {
    /// Whether every order is what it was.
    pub fn is_good(&self) -> bool {
        self.different == 0
    }

    fn count(&mut self, before: Recorded, now: Result<u64, Status>) {
        match (before, now) {
            (Recorded::Accepted(order), Ok(same)) if order == same => self.same += 1,
            (Recorded::Accepted(_), Ok(_) | Err(_)) => self.different += 1,
            (Recorded::Unknown | Recorded::Refused, Ok(_)) => self.accepted += 1,
            (Recorded::Unknown | Recorded::Refused, Err(_)) => self.refused += 1,
        }
    }
}

/// As lines for a terminal.
impl fmt::Display for AskedAgain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AskedAgain { same, different, accepted, refused } = self;
        writeln!(f, "  the same  {:>13}   accepted before, and answered with that order", grouped(*same))?;
        writeln!(f, "  different {:>13}   accepted before, and answered otherwise", grouped(*different))?;
        let (accepted, refused) = (grouped(*accepted), grouped(*refused));
        writeln!(f, "  unknown   {accepted:>13}   of unknown outcome are orders, {refused} were refused")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_accepted_must_be_the_same_order() {
        let mut found = AskedAgain::default();
        found.count(Recorded::Accepted(7), Ok(7));
        found.count(Recorded::Unknown, Ok(8));
        found.count(Recorded::Unknown, Err(Status::SoldOut));
        assert!(found.is_good());
        assert_eq!(found, AskedAgain { same: 1, different: 0, accepted: 1, refused: 1 });
        found.count(Recorded::Accepted(7), Ok(8));
        found.count(Recorded::Accepted(7), Err(Status::SoldOut));
        assert_eq!(found.different, 2);
        assert!(!found.is_good());
    }

    #[test]
    fn all_that_are_unknown_and_a_share_of_the_accepted_are_chosen() {
        let mut text = String::from("tidegate-record 1 1000 978\n");
        for number in 0..12_000 {
            text.push_str(&format!("> {number} 7 {number:032x} 300 10*2\n"));
            match number % 12 {
                0 => (),
                1 => text.push_str(&format!("< {number} SOLD_OUT\n")),
                _ => text.push_str(&format!("< {number} ACCEPTED {number}\n")),
            }
        }
        let record = Record::read(text.as_bytes()).expect("a good record");
        let chosen = chosen(record.asked());
        let unknown = chosen.iter().filter(|it| it.outcome == Recorded::Unknown).count();
        assert_eq!((unknown, chosen.len() - unknown), (1_000, 5_000));
        assert_eq!(basket(&record, chosen[0]).lines, [(10, 2)]);
    }
}
