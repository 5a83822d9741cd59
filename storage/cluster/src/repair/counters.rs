//! What the loops have done, for `cluster status` and metrics. Read on any thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::trouble::Trouble;

/// A number that only its loop changes.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn set(&self, to: u64) {
        self.0.store(to, Ordering::Relaxed);
    }

    pub(super) fn raise_to(&self, at_least: u64) {
        self.0.fetch_max(at_least, Ordering::Relaxed);
    }
}

/// What the loops of one node have done since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Shelves that this node opened.
    pub opened: Count,
    /// Openings that another opener was further with.
    pub openings_passed: Count,
    /// Openings that did not come to their end, INITs without an answer among them.
    pub openings_failed: Count,
    /// Shelves that were found closed at the last look at all of them.
    pub closed_now: Count,
    /// Shelves of which nobody knows: a server did not answer the last look at all of them.
    pub unknown_now: Count,
    /// The longest that a shelf was closed, in milliseconds: from when this node found it so, with every server answering,
    /// until it had opened it.
    pub closed_ms_max: Count,
    /// Units of held records that came back, as no order has them.
    pub reconciled_freed_units: Count,
    /// Held records that went, as an order has their units.
    pub reconciled_sold: Count,
    /// Units that came back from ended orders.
    pub returned_units: Count,
    /// Batches of returns that Redis has.
    pub return_batches: Count,
    /// Batches of which Redis was without an earlier one: their shelves were opened again.
    pub return_gaps: Count,
    /// Events that the sink has.
    pub published_events: Count,
    /// Transactions whose events wait, over all databases, counted up to [`super::BACKLOG_MAX`] each.
    pub outbox_lag_rows: Count,
    /// How long the oldest of them waits, in milliseconds by this node's clock.
    pub outbox_lag_ms: Count,
    /// Rows of deltas that went into others.
    pub compacted_rows: Count,
    /// Rows of published events and of old returns that went.
    pub forgotten_rows: Count,
    /// How often a server did not do what was wanted of it.
    pub troubles: Count,
    last_trouble: Mutex<Option<String>>,
}

impl Counters {
    /// All numbers, with their names.
    pub fn all(&self) -> [(&'static str, u64); 17] {
        let Counters {
            opened,
            openings_passed,
            openings_failed,
            closed_now,
            unknown_now,
            closed_ms_max,
            reconciled_freed_units,
            reconciled_sold,
            returned_units,
            return_batches,
            return_gaps,
            published_events,
            outbox_lag_rows,
            outbox_lag_ms,
            compacted_rows,
            forgotten_rows,
            troubles,
            last_trouble: _,
        } = self; // no `..`: a new number stops the build here
        [
            ("shelves_opened", opened.get()),
            ("openings_passed", openings_passed.get()),
            ("openings_failed", openings_failed.get()),
            ("shelves_closed_now", closed_now.get()),
            ("shelves_unknown_now", unknown_now.get()),
            ("shelf_closed_ms_max", closed_ms_max.get()),
            ("reconciled_freed_units", reconciled_freed_units.get()),
            ("reconciled_sold", reconciled_sold.get()),
            ("returned_units", returned_units.get()),
            ("return_batches", return_batches.get()),
            ("return_gaps", return_gaps.get()),
            ("published_events", published_events.get()),
            ("outbox_lag_rows", outbox_lag_rows.get()),
            ("outbox_lag_ms", outbox_lag_ms.get()),
            ("compacted_rows", compacted_rows.get()),
            ("forgotten_rows", forgotten_rows.get()),
            ("repair_troubles", troubles.get()),
        ]
    }

    /// The last server that did not do what was wanted, in its own words.
    pub fn last_trouble(&self) -> Option<String> {
        self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, trouble: &Trouble) {
        self.troubles.add(1);
        *self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble.to_string());
    }
}
