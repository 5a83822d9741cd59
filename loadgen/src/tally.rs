//! What is counted while a run goes on. Nothing here allocates after the start.

use std::collections::BTreeMap;

use protocol::{Class, Status, StatusCode};

use crate::latency::{Latencies, Timeline};
use crate::report::Retries;

/// Errors that are kept in words; all are counted.
const FIRST_ERRORS_MAX: usize = 10;
const CODES: usize = 0x1000;

/// The counts of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) accepted: u64,
    pub(crate) accepted_units: u64,
    pub(crate) retries: Retries,
    /// Sent and never answered.
    pub(crate) unanswered: u64,
    /// Due in an open loop, and never sent.
    pub(crate) unsent: u64,
    pub(crate) errors: u64,
    pub(crate) first_errors: Vec<String>,
    /// Answers that are not accepted, by status code.
    by_code: Box<[u64]>,
    accepted_latency: Latencies,
    other_latency: Latencies,
    pub(crate) timeline: Timeline,
    /// Accepted and other answers that the timeline has not got yet.
    span: (u64, u64),
}

/// What an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Accepted {
        units: u64,
    },
    /// Asked again, and answered with its order.
    Again,
    Refused(StatusCode),
}

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally {
            sent: 0,
            answered: 0,
            accepted: 0,
            accepted_units: 0,
            retries: Retries::default(),
            unanswered: 0,
            unsent: 0,
            errors: 0,
            first_errors: Vec::with_capacity(FIRST_ERRORS_MAX),
            by_code: vec![0; CODES].into_boxed_slice(),
            accepted_latency: Latencies::default(),
            other_latency: Latencies::default(),
            timeline: Timeline::default(),
            span: (0, 0),
        }
    }

    /// One answer, so long after its request (or the time scheduled for it).
    pub(crate) fn answer(&mut self, kind: Kind, latency_ns: u64) {
        self.answered += 1;
        match kind {
            Kind::Accepted { units } => {
                self.accepted += 1;
                self.accepted_units += units;
                self.span.0 += 1;
                self.accepted_latency.record_ns(latency_ns);
            }
            Kind::Again => {
                self.retries.answered_with_their_order += 1;
                self.span.1 += 1;
                self.other_latency.record_ns(latency_ns);
            }
            Kind::Refused(status) => {
                self.by_code[usize::from(status.0) % CODES] += 1;
                self.span.1 += 1;
                self.other_latency.record_ns(latency_ns);
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
        let known = Status::ALL.iter().filter(|status| status.class() != Class::OutcomeUnknown);
        let counts = known.map(|status| (status.name().to_owned(), self.count(*status)));
        counts.filter(|&(_, count)| count > 0).collect()
    }

    /// Answers that say no, whatever the reason.
    pub(crate) fn refused_total(&self) -> u64 {
        self.answered - self.accepted - self.retries.answered_with_their_order
    }

    /// Requests of which nobody knows what came of them.
    pub(crate) fn unknown(&self) -> u64 {
        let told = Status::ALL.iter().filter(|status| status.class() == Class::OutcomeUnknown);
        self.unanswered + told.map(|status| self.count(*status)).sum::<u64>()
    }

    /// Of all answers, and of the accepted ones.
    pub(crate) fn latencies(&self) -> (Latencies, &Latencies) {
        let mut all = self.accepted_latency.clone();
        all.add(&self.other_latency);
        (all, &self.accepted_latency)
    }

    fn count(&self, status: Status) -> u64 {
        self.by_code[usize::from(status.code()) % CODES]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_counted_once() {
        let mut tally = Tally::new();
        tally.answer(Kind::Accepted { units: 3 }, 1_000);
        tally.answer(Kind::Again, 1_000);
        for status in Status::ALL {
            tally.answer(Kind::Refused((*status).into()), 2_000);
        }
        tally.unanswered = 5;
        let statuses = Status::ALL.len() as u64;
        assert_eq!((tally.answered, tally.refused_total()), (statuses + 2, statuses));
        assert_eq!(tally.refused().values().sum::<u64>(), statuses - 2, "all but those that do not know");
        assert_eq!(tally.unknown(), 5 + 2);
        assert_eq!(tally.latencies().0.count(), statuses + 2);
        assert!(
            tally.errors >= 8 && tally.first_errors.len() <= FIRST_ERRORS_MAX,
            "{:?}",
            tally.first_errors
        );
        tally.end_span(0);
        assert_eq!((tally.timeline.accepted[0], tally.timeline.refused[0]), (1, statuses + 1));
    }

    #[test]
    fn a_shop_that_says_no_is_no_error() {
        let mut tally = Tally::new();
        for status in [Status::SoldOut, Status::UserLimit, Status::Overloaded, Status::OutcomeUnknown] {
            tally.answer(Kind::Refused(status.into()), 1);
        }
        assert_eq!(tally.errors, 0, "{:?}", tally.first_errors);
    }
}
