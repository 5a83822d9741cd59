//! Judges what a store says by what its journal holds: the model hears every fact in the order of the journal, answers
//! what was answered, and so never knows more than what is durable. What a crash took it has never heard of.

use std::collections::VecDeque;
use std::fmt::{self, Write};

use domain::fact::{Actor, CancelReason, Fact};
use domain::hold::HoldEnd;
use domain::intent::Envelope;
use domain::request::Rules;
use domain::verdict::Holdings;
use domain::{Intent, Micros, MicrosUtc, OrderId, TraceId, UserId, Verdict};
use model::{Auditor, Model};
use storage::embedded::reader::Record;
use storage::{Answer, IntentBatch};

/// How late a timer may be while nothing keeps it: what the ledger promises.
const LATE_MAX: Micros = Micros::from_seconds(1);

/// What came of something that was asked.
#[derive(Debug)]
pub(crate) struct Answered {
    /// Which one it was.
    pub place: usize,
    /// Ledger time at which it was decided.
    pub at: MicrosUtc,
    /// As the store gave it.
    pub answer: Answer,
}

/// What the journal says, and whether the store's answers go with it.
#[derive(Debug)]
pub(crate) struct Judge {
    model: Model,
    auditor: Auditor,
    /// Entries that the model has not heard yet.
    entries: VecDeque<Entry>,
    /// Answers whose facts the journal has not shown yet.
    answers: VecDeque<Answered>,
    /// Every fact so far, by position: what was there once stays as it was.
    facts: Vec<u64>,
    /// Holds that were made, with whose they are.
    holds: Vec<(u64, UserId)>,
    /// The highest position in an answer.
    acknowledged: u64,
    /// Of the last answer, facts or none.
    now: MicrosUtc,
    /// Of the last facts.
    fact_at: MicrosUtc,
    judged: u64,
}

#[derive(Debug)]
struct Entry {
    last: u64,
    at: MicrosUtc,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Asked(usize),
    Timer { orders: Vec<OrderId>, holds: Vec<u64> },
}

impl Judge {
    pub(crate) fn new() -> Judge {
        let window = Rules::DEFAULT.request_window;
        Judge {
            model: Model::new(window),
            auditor: Auditor::new(window),
            entries: VecDeque::new(),
            answers: VecDeque::new(),
            facts: Vec::new(),
            holds: Vec::new(),
            acknowledged: 0,
            now: MicrosUtc(0),
            fact_at: MicrosUtc(0),
            judged: 0,
        }
    }

    /// The trace by which the facts of something that was asked are known again.
    pub(crate) fn trace(place: usize) -> TraceId {
        TraceId(place as u128 + 1)
    }

    /// Position of the last fact heard.
    pub(crate) fn heard(&self) -> u64 {
        self.facts.len() as u64
    }

    /// Answers judged so far.
    pub(crate) fn judged(&self) -> u64 {
        self.judged
    }

    /// What the model says to a read, to draw what comes next by.
    pub(crate) fn read(&mut self, intent: &Intent<'_>) -> Verdict {
        self.model.answer(self.now, Envelope::default(), intent)
    }

    /// Holds that were made, with whose they are.
    pub(crate) fn holds(&self) -> &[(u64, UserId)] {
        &self.holds
    }

    /// A fact of the journal, new or heard before.
    pub(crate) fn hear(&mut self, record: &Record<'_>) -> Result<(), String> {
        let Record { position, begins_entry, stamp, fact } = *record;
        let hash = hash_of(record);
        if let Some(heard) = self.facts.get(position as usize - 1) {
            let changed = || Err(format!("the fact at {position} was another before; now it is {fact:?}"));
            return if *heard == hash { Ok(()) } else { changed() };
        }
        if position != self.heard() + 1 {
            return Err(format!("fact {position} follows fact {}", self.heard()));
        }
        self.facts.push(hash);
        self.auditor.fact(position, begins_entry, stamp, fact);
        if let Fact::HoldMade { hold, user, .. } = fact {
            self.holds.push((*hold, *user));
        }
        if begins_entry {
            let cause = match stamp.actor {
                Actor::Timer => Cause::Timer { orders: Vec::new(), holds: Vec::new() },
                Actor::User(_) | Actor::Operator(_) | Actor::Gateway(_) => {
                    Cause::Asked((stamp.trace.0 as usize).wrapping_sub(1))
                }
            };
            self.entries.push_back(Entry { last: position, at: stamp.at, cause });
        }
        let Some(entry) = self.entries.back_mut() else {
            return Err(format!("the fact at {position} belongs to an entry that was durable without it"));
        };
        entry.last = position;
        if let Cause::Timer { orders, holds } = &mut entry.cause {
            if let Fact::OrderCancelled { order, reason: CancelReason::Timer, .. }
            | Fact::OrderCompleted { order, .. } = fact
            {
                orders.push(*order);
            }
            if let Fact::HoldEnded { hold, end: HoldEnd::Expired, .. } = fact {
                holds.push(*hold);
            }
        }
        Ok(())
    }

    /// The store has let this answer go.
    pub(crate) fn answered(&mut self, answered: Answered) {
        self.acknowledged = self.acknowledged.max(answered.answer.position);
        self.answers.push_back(answered);
    }

    /// Judges the answers that the journal has shown the facts of.
    pub(crate) fn judge(&mut self, asked: &IntentBatch) -> Result<(), String> {
        while let Some(first) = self.answers.front() {
            if first.answer.position > self.heard() {
                break;
            }
            if let Some(answered) = self.answers.pop_front() {
                self.judge_one(answered, asked)?;
            }
        }
        Ok(())
    }

    /// A process has opened the journal and read it up to here.
    pub(crate) fn opened(&mut self, last: u64, asked: &IntentBatch) -> Result<(), String> {
        let (heard, acknowledged) = (self.heard(), self.acknowledged);
        if last < acknowledged.max(heard) {
            return Err(format!(
                "the journal ends at {last}; answers were given up to {acknowledged}, and {heard} was durable"
            ));
        }
        self.judge(asked)?;
        self.drain(asked)
    }

    /// Timers were not late, as of this ledger time, at which the store had nothing left to do.
    pub(crate) fn judge_timers(&mut self, now: MicrosUtc, asked: &IntentBatch) -> Result<(), String> {
        self.drain(asked)?;
        let due = MicrosUtc(now.0 - LATE_MAX.0);
        let (orders, holds) = (self.model.due(due), self.model.due_holds(due));
        if orders.is_empty() && holds.is_empty() {
            return Ok(());
        }
        Err(format!("due for more than a second at {}: orders {orders:?}, holds {holds:?}", now.0))
    }

    /// The audit of all that the journal holds.
    pub(crate) fn finish(self, holdings: &Holdings) -> Result<(), String> {
        let report = self.auditor.finish(Some(holdings));
        if report.ok() {
            return Ok(());
        }
        Err(format!("the audit names {:#?}", report.failed().collect::<Vec<_>>()))
    }

    /// What no answer waits for: timers, and what was done and never answered.
    pub(crate) fn drain(&mut self, asked: &IntentBatch) -> Result<(), String> {
        while let Some(entry) = self.entries.pop_front() {
            self.apply(&entry, asked)?;
        }
        Ok(())
    }

    fn judge_one(&mut self, answered: Answered, asked: &IntentBatch) -> Result<(), String> {
        let Answered { place, at, answer } = answered;
        let mut ours = None;
        while self.entries.front().is_some_and(|entry| entry.last <= answer.position) {
            let Some(entry) = self.entries.pop_front() else { break };
            let said = self.apply(&entry, asked)?;
            match entry.cause {
                Cause::Asked(by) if by == place => ours = ours.or(said),
                Cause::Asked(by) => return Err(format!("{by} made facts before the answer to {place}")),
                Cause::Timer { .. } => (),
            }
        }
        let theirs = match answer.outcome {
            Ok(verdict) => verdict,
            Err(not_decided) if ours.is_none() => return self.not_decided(not_decided),
            Err(not_decided) => return Err(format!("{place} was {not_decided:?}, and made facts")),
        };
        let ours = match ours {
            Some(ours) => ours,
            None => self.answer(at, place, asked)?,
        };
        self.judged += 1;
        if ours == theirs || is_part_of(&theirs, &ours) {
            return Ok(());
        }
        Err(format!("{place}\nthe model says {ours:?}\nthe store says {theirs:?}"))
    }

    /// Nothing was done, so the model has nothing to say.
    fn not_decided(&mut self, why: storage::NotDecided) -> Result<(), String> {
        if why == storage::NotDecided::OutcomeUnknown {
            return Err("a store that answers knows what it did".into());
        }
        self.judged += 1;
        Ok(())
    }

    fn apply(&mut self, entry: &Entry, asked: &IntentBatch) -> Result<Option<Verdict>, String> {
        if entry.at < self.fact_at {
            return Err(format!("the time of facts went back from {} to {}", self.fact_at.0, entry.at.0));
        }
        self.fact_at = entry.at;
        match &entry.cause {
            Cause::Asked(place) => self.answer(entry.at, *place, asked).map(Some),
            Cause::Timer { orders, holds } => {
                for &order in orders {
                    self.model.expire_one(entry.at, order).map_err(|_| format!("{order:?} was not due"))?;
                }
                for &hold in holds {
                    self.model.expire_hold(entry.at, hold).map_err(|_| format!("hold {hold} was not due"))?;
                }
                Ok(None)
            }
        }
    }

    fn answer(&mut self, at: MicrosUtc, place: usize, asked: &IntentBatch) -> Result<Verdict, String> {
        if place >= asked.len() {
            return Err(format!("facts of {place}, which nobody asked"));
        }
        // What made no facts is forgotten by a crash, its time too: only the time of facts never goes back.
        self.now = at;
        let asked = asked.at(place);
        Ok(self.model.answer(at, asked.envelope, &asked.intent))
    }
}

/// Of all that a fact says, by the way it prints (FNV-1a).
fn hash_of(record: &Record<'_>) -> u64 {
    struct Hash(u64);
    impl Write for Hash {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for byte in text.bytes() {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
            Ok(())
        }
    }
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    let Record { position: _, begins_entry, stamp, fact } = record;
    write!(hash, "{begins_entry}{stamp:?}{fact:?}").expect("a hash takes all");
    hash.0
}

/// Whether a page is the model's, or the beginning of it with a cursor: orders that rested lately make pages shorter.
fn is_part_of(theirs: &Verdict, ours: &Verdict) -> bool {
    let (Verdict::Orders(theirs), Verdict::Orders(ours)) = (theirs, ours) else { return false };
    let (shown, rest) = match ours.items.split_at_checked(theirs.items.len()) {
        Some((shown, rest)) => (shown, rest),
        None => return false,
    };
    shown == theirs.items && (theirs.next != OrderId(0) || (rest.is_empty() && ours.next == OrderId(0)))
}
