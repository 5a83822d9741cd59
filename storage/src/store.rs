//! The one door to a store: submit batches of intents, poll answers.

use domain::{MicrosUtc, Verdict};

use crate::batch::{IntentBatch, Ticket};

/// A store as one thread sees it. Never blocks: what does not fit is said at [`Store::lend`].
///
/// Batches belong to the store and go round: `lend` an empty one, fill it, `submit` it. So the number of
/// batches bounds what waits, and nothing is allocated once warm.
pub trait Store {
    /// An empty batch to fill. Nothing: this share is used up, which is an answer (OVERLOADED).
    fn lend(&mut self, share: Share) -> Option<IntentBatch>;

    /// Hands a lent batch over; its intents are decided in their order. An empty batch just goes back.
    fn submit(&mut self, batch: IntentBatch);

    /// Answers that may leave now (what they depend on is durable), in the order decided.
    fn poll(&mut self) -> Option<Vec<Answer>>;

    /// Gives the vector of [`Store::poll`] back, emptied.
    fn give_back(&mut self, answers: Vec<Answer>);

    /// What the store counted so far.
    fn stats(&self) -> Stats;
}

/// Who may use a lent batch. Each store keeps some batches that creates cannot use, so that what confirms or
/// frees stock gets through a flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Any intent may go into it.
    Any,
    /// Only what confirms or frees stock (payment, cancel, release) and operators' work. Never CREATE.
    Reserved,
}

/// The outcome of one intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The asker's own value, as it was submitted.
    pub ticket: Ticket,
    /// Position of the last fact made when this was decided: what was read is the state there. An audit takes
    /// the facts up to it.
    pub position: u64,
    /// Ledger time when it was decided.
    pub at: MicrosUtc,
    /// What came of it.
    pub outcome: Outcome,
}

/// Decided, or not.
pub type Outcome = Result<Verdict, NotDecided>;

/// No decision that we know of. Sending the same request id again is always safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDecided {
    /// Nothing was done: a bound is reached. Ask again after the time given.
    Overloaded {
        /// Milliseconds.
        retry_after_ms: u32,
    },
    /// Nothing was done: the client's time was up before the step.
    DeadlineExceeded,
    /// Nothing was done: the server takes no new orders any more.
    Draining,
    /// Nothing was done: what the step needs cannot be reached. Ask again after the time given.
    Unavailable {
        /// Milliseconds.
        retry_after_ms: u32,
    },
    /// Nothing was done: the disk is nearly full, and new orders are switched off until somebody has made room.
    SwitchedOff {
        /// Milliseconds.
        retry_after_ms: u32,
    },
    /// Nothing was done, and never will be: this store does not do such things.
    NotServed,
    /// It may have been done.
    OutcomeUnknown,
}

/// What a store counted since it opened, and how full its bounds are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Intents decided.
    pub decided: u64,
    /// Orders made.
    pub created: u64,
    /// Intents refused.
    pub refused: u64,
    /// Intents answered with [`NotDecided`].
    pub not_decided: u64,
    /// Orders ended by the payment timer.
    pub expired: u64,
    /// Orders in memory.
    pub orders: u64,
    /// Of at most so many.
    pub orders_max: u64,
    /// Orders at rest on disk.
    pub at_rest: u64,
    /// Bytes on disk that these take, as of a while ago.
    pub cold_bytes: u64,
    /// Position of the last fact made.
    pub last_position: u64,
    /// Position up to which facts are durable.
    pub durable_position: u64,
    /// Groups written to the journal.
    pub groups: u64,
    /// Bytes written to the journal, padding included.
    pub bytes: u64,
    /// Median time from submit of a group to its durability, microseconds.
    pub write_us_p50: u64,
    /// 99th percentile of the same.
    pub write_us_p99: u64,
    /// Bytes that the data folder takes; 0 until somebody looked.
    pub disk_bytes: u64,
    /// Of at most so many.
    pub disk_bytes_max: u64,
    /// 0 there is room, 1 somebody should make room, 2 new orders are switched off.
    pub disk_level: u8,
    /// Bytes of journal behind the newest checkpoint; 0 where none is ever taken.
    pub checkpoint_lag_bytes: u64,
    /// Of at most so many, then CREATE is overloaded; 0: any.
    pub checkpoint_lag_bytes_max: u64,
    /// Facts behind the newest checkpoint.
    pub checkpoint_lag_facts: u64,
    /// Position that the journal in the data folder begins behind; more than 0 where older segments have left it.
    pub begins_behind: u64,
}
