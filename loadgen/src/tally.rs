//! What is counted while a run goes on. Nothing here allocates after the start.

use std::collections::BTreeMap;

use protocol::{Class, Kind, Status, StatusCode};

use crate::latency::{Latencies, Timeline};
use crate::report::{OfKind, Retries};

/// Errors that are kept in words; all are counted.
const FIRST_ERRORS_MAX: usize = 10;
const CODES: usize = 0x1000;
/// Seconds that have a figure of their own, from the start on.
const SECONDS_MAX: usize = 3_600;

/// The counts of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) accepted: u64,
    pub(crate) accepted_units: u64,
    pub(crate) retries: Retries,
    /// Answers that said yes to anything but an order.
    pub(crate) done: u64,
    /// Sent and never answered.
    pub(crate) unanswered: u64,
    /// Due in an open loop, and never sent.
    pub(crate) unsent: u64,
    pub(crate) errors: u64,
    pub(crate) first_errors: Vec<String>,
    /// CREATE first, then whatever else the scenario asks.
    kinds: Vec<KindTally>,
    accepted_latency: Latencies,
    pub(crate) timeline: Timeline,
    /// Accepted and other answers that the timeline has not got yet.
    span: (u64, u64),
    /// Of the answers of the second that goes on, and which second that is.
    second_latency: Latencies,
    second: u64,
    p99_by_second_us: Vec<f64>,
}

/// What is counted of one kind of request.
#[derive(Debug)]
struct KindTally {
    kind: Kind,
    sent: u64,
    answered: u64,
    /// Answers that say no, by status code.
    by_code: Box<[u64]>,
    /// Of all answers but accepted orders, which have their own.
    latency: Latencies,
}

/// What an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// An order, new.
    Accepted {
        units: u64,
    },
    /// Asked again, and answered with its order.
    Again,
    /// Whatever else was asked for is done.
    Done,
    Refused(StatusCode),
}

impl Tally {
    /// For a scenario that asks these kinds besides CREATE.
    pub(crate) fn new(others: impl IntoIterator<Item = Kind>) -> Tally {
        Tally {
            sent: 0,
            answered: 0,
            accepted: 0,
            accepted_units: 0,
            retries: Retries::default(),
            done: 0,
            unanswered: 0,
            unsent: 0,
            errors: 0,
            first_errors: Vec::with_capacity(FIRST_ERRORS_MAX),
            kinds: std::iter::once(Kind::Create).chain(others).map(KindTally::new).collect(),
            accepted_latency: Latencies::default(),
            timeline: Timeline::default(),
            span: (0, 0),
            second_latency: Latencies::default(),
            second: 0,
            p99_by_second_us: Vec::with_capacity(SECONDS_MAX),
        }
    }

    /// One request leaves.
    pub(crate) fn ask(&mut self, kind: Kind) {
        self.sent += 1;
        self.of(kind).sent += 1;
    }

    /// One answer, so long after its request (or the time scheduled for it).
    pub(crate) fn answer(&mut self, kind: Kind, came: Came, latency_ns: u64) {
        self.answered += 1;
        self.second_latency.record_ns(latency_ns);
        let of_kind = self.of(kind);
        of_kind.answered += 1;
        if let Came::Accepted { units } = came {
            self.accepted += 1;
            self.accepted_units += units;
            self.span.0 += 1;
            self.accepted_latency.record_ns(latency_ns);
            return;
        }
        of_kind.latency.record_ns(latency_ns);
        self.span.1 += 1;
        match came {
            Came::Accepted { .. } => (),
            Came::Again => self.retries.answered_with_their_order += 1,
            Came::Done => self.done += 1,
            Came::Refused(status) => {
                self.of(kind).by_code[usize::from(status.0) % CODES] += 1;
                self.note_if_error(status);
            }
        }
    }

    /// The answers since the last call came about now.
    pub(crate) fn end_span(&mut self, at_ns: u64) {
        let (accepted, other) = std::mem::take(&mut self.span);
        if accepted + other > 0 {
            self.timeline.record(at_ns, accepted, other);
        }
        while self.second < at_ns / 1_000_000_000 {
            self.end_second();
        }
    }

    /// The 99th percentile of each whole second's answers, µs; 0 where there were none.
    pub(crate) fn p99_by_second_us(&self) -> &[f64] {
        &self.p99_by_second_us
    }

    fn end_second(&mut self) {
        self.second += 1;
        if self.p99_by_second_us.len() < SECONDS_MAX {
            self.p99_by_second_us.push(self.second_latency.percentiles().p99);
        }
        self.second_latency.clear();
    }

    /// Something that must not be.
    pub(crate) fn error(&mut self, tell: impl FnOnce() -> String) {
        self.errors += 1;
        if self.first_errors.len() < FIRST_ERRORS_MAX {
            self.first_errors.push(tell());
        }
    }

    /// Answers that say no, by name.
    pub(crate) fn refused(&self) -> BTreeMap<String, u64> {
        by_name(|status| self.count(status))
    }

    /// Answers that say no, whatever the reason.
    pub(crate) fn refused_total(&self) -> u64 {
        self.answered - self.accepted - self.done - self.retries.answered_with_their_order
    }

    /// Requests of which nobody knows what came of them.
    pub(crate) fn unknown(&self) -> u64 {
        let told = Status::ALL.iter().filter(|status| status.class() == Class::OutcomeUnknown);
        self.unanswered + told.map(|status| self.count(*status)).sum::<u64>()
    }

    /// Of all answers, and of the accepted ones.
    pub(crate) fn latencies(&self) -> (Latencies, &Latencies) {
        let mut all = self.accepted_latency.clone();
        for of_kind in &self.kinds {
            all.add(&of_kind.latency);
        }
        (all, &self.accepted_latency)
    }

    /// What came of each kind, by its name.
    pub(crate) fn kinds(&self, seconds: f64) -> BTreeMap<&'static str, OfKind> {
        let told = self.kinds.iter().map(|it| {
            let mut latency = it.latency.clone();
            if it.kind == Kind::Create {
                latency.add(&self.accepted_latency);
            }
            let of_kind = OfKind {
                sent: it.sent,
                answered: it.answered,
                refused: by_name(|status| it.count(status)),
                per_s: if seconds > 0.0 { it.answered as f64 / seconds } else { 0.0 },
                latency_us: latency.percentiles(),
            };
            (it.kind.name(), of_kind)
        });
        told.collect()
    }

    /// New orders that were asked for.
    pub(crate) fn orders_asked(&self) -> u64 {
        self.kinds[0].sent - self.retries.sent
    }

    fn of(&mut self, kind: Kind) -> &mut KindTally {
        let found = self.kinds.iter_mut().find(|it| it.kind == kind);
        found.expect("a scenario names the kinds that it asks")
    }

    fn count(&self, status: Status) -> u64 {
        self.kinds.iter().map(|it| it.count(status)).sum()
    }

    /// A shop says no; a server that calls our frames bad, or has a bug, is something else.
    fn note_if_error(&mut self, status: StatusCode) {
        match status.known() {
            Some(Status::Internal) => self.error(|| "the server answered INTERNAL: see its log".to_owned()),
            Some(known) if known.class() == Class::Session => {
                self.error(|| format!("the server answered {}: {}", known.name(), known.meaning()));
            }
            Some(_) => (),
            None => self.error(|| format!("the server answered with a status that nobody knows: {status:?}")),
        }
    }
}

impl KindTally {
    fn new(kind: Kind) -> KindTally {
        let by_code = vec![0; CODES].into_boxed_slice();
        KindTally { kind, sent: 0, answered: 0, by_code, latency: Latencies::default() }
    }

    fn count(&self, status: Status) -> u64 {
        self.by_code[usize::from(status.code()) % CODES]
    }
}

/// Statuses that say no, by name, without those that nobody got.
fn by_name(count: impl Fn(Status) -> u64) -> BTreeMap<String, u64> {
    let known = Status::ALL.iter().filter(|status| status.class() != Class::OutcomeUnknown);
    let counts = known.map(|&status| (status.name().to_owned(), count(status)));
    counts.filter(|&(_, count)| count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_counted_once() {
        let mut tally = Tally::new([Kind::Ship]);
        tally.answer(Kind::Create, Came::Accepted { units: 3 }, 1_000);
        tally.answer(Kind::Create, Came::Again, 1_000);
        tally.answer(Kind::Ship, Came::Done, 1_000);
        for status in Status::ALL {
            tally.answer(Kind::Ship, Came::Refused((*status).into()), 2_000);
        }
        tally.unanswered = 5;
        let statuses = Status::ALL.len() as u64;
        assert_eq!((tally.answered, tally.refused_total()), (statuses + 3, statuses));
        assert_eq!(tally.refused().values().sum::<u64>(), statuses - 2, "all but those that do not know");
        assert_eq!(tally.unknown(), 5 + 2);
        assert_eq!(tally.latencies().0.count(), statuses + 3);
        let kinds = tally.kinds(2.0);
        assert_eq!((kinds["CREATE"].answered, kinds["SHIP"].answered), (2, statuses + 1));
        assert_eq!(kinds["SHIP"].refused.values().sum::<u64>(), statuses - 2);
        assert_eq!(kinds["CREATE"].per_s, 1.0);
        assert!(
            tally.errors >= 8 && tally.first_errors.len() <= FIRST_ERRORS_MAX,
            "{:?}",
            tally.first_errors
        );
        tally.end_span(0);
        assert_eq!((tally.timeline.accepted[0], tally.timeline.refused[0]), (1, statuses + 2));
    }

    #[test]
    fn each_second_has_its_own_p99() {
        let mut tally = Tally::new([]);
        tally.answer(Kind::Create, Came::Again, 5_000_000);
        tally.end_span(900_000_000);
        assert!(tally.p99_by_second_us().is_empty(), "this second goes on");
        tally.end_span(3_100_000_000);
        tally.answer(Kind::Create, Came::Again, 1_000_000);
        tally.end_span(4_000_000_000);
        let [first, second, third, fourth] = *tally.p99_by_second_us() else { panic!("four whole seconds") };
        assert!((first - 5_000.0).abs() < 10.0 && (fourth - 1_000.0).abs() < 2.0, "{first} {fourth}");
        assert_eq!((second, third), (0.0, 0.0));
    }

    #[test]
    fn a_shop_that_says_no_is_no_error() {
        let mut tally = Tally::new([]);
        for status in [Status::SoldOut, Status::UserLimit, Status::Overloaded, Status::OutcomeUnknown] {
            tally.answer(Kind::Create, Came::Refused(status.into()), 1);
        }
        assert_eq!(tally.errors, 0, "{:?}", tally.first_errors);
    }
}
