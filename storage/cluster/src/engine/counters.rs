//! What an engine counted, for any thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use domain::Verdict;
use storage::{Count, Outcome, Stats};

/// Counts of one worker's engine since it began.
#[derive(Debug, Default)]
pub struct Counters {
    decided: AtomicU64,
    created: AtomicU64,
    refused: AtomicU64,
    not_decided: AtomicU64,
    expired: AtomicU64,
    /// Orders of which nobody knew at first whether their COMMIT was done.
    in_doubt: AtomicU64,
    commits: AtomicU64,
    /// Orders that these transactions made.
    committed: AtomicU64,
    reserves: AtomicU64,
    /// Asks that these calls had.
    asked: AtomicU64,
}

impl Counters {
    pub(super) fn answered(&self, outcome: &Outcome) {
        let counter = match outcome {
            Ok(Verdict::Refused(_)) => &self.refused,
            Ok(_) => &self.decided,
            Err(_) => &self.not_decided,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn created(&self) {
        self.created.fetch_add(1, Relaxed);
    }

    pub(super) fn expired(&self) {
        self.expired.fetch_add(1, Relaxed);
    }

    pub(super) fn in_doubt(&self) {
        self.in_doubt.fetch_add(1, Relaxed);
    }

    pub(super) fn committed(&self, orders: usize) {
        self.commits.fetch_add(1, Relaxed);
        self.committed.fetch_add(orders as u64, Relaxed);
    }

    pub(super) fn reserved(&self, asks: usize) {
        self.reserves.fetch_add(1, Relaxed);
        self.asked.fetch_add(asks as u64, Relaxed);
    }

    /// Mean orders a transaction, and asks a call to Redis: how well the flood is bundled.
    pub fn bundled(&self) -> (f64, f64) {
        let mean =
            |sum: &AtomicU64, of: &AtomicU64| sum.load(Relaxed) as f64 / of.load(Relaxed).max(1) as f64;
        (mean(&self.committed, &self.commits), mean(&self.asked, &self.reserves))
    }

    /// Orders that were in doubt.
    pub fn doubts(&self) -> u64 {
        self.in_doubt.load(Relaxed)
    }
}

impl Count for Counters {
    fn stats(&self) -> Stats {
        let refused = self.refused.load(Relaxed);
        Stats {
            decided: self.decided.load(Relaxed) + refused,
            created: self.created.load(Relaxed),
            refused,
            not_decided: self.not_decided.load(Relaxed),
            expired: self.expired.load(Relaxed),
            ..Stats::default()
        }
    }
}
