//! Delivered orders in memory that wait for the time after which they count as complete.
//!
//! They are found anew when an image is read. Those at rest are not here: whoever keeps them says when they are due,
//! and they come back for it.

use alloc::collections::BTreeSet;

use crate::units::MicrosUtc;

/// The delivered orders, by the time of their delivery and by slot.
#[derive(Debug, Default)]
pub(crate) struct Completions {
    waiting: BTreeSet<(MicrosUtc, u32)>,
}

/// What an ordered set takes for one order, its nodes half full.
pub(crate) const COMPLETION_BYTES: usize = 32;

impl Completions {
    /// When the order that was delivered the longest ago was delivered, and which that is.
    pub(crate) fn next(&self) -> Option<(MicrosUtc, u32)> {
        self.waiting.first().copied()
    }

    pub(crate) fn add(&mut self, delivered_at: MicrosUtc, slot: u32) {
        self.waiting.insert((delivered_at, slot));
    }

    /// Takes out an order that waits.
    pub(crate) fn remove(&mut self, delivered_at: MicrosUtc, slot: u32) {
        let waited = self.waiting.remove(&(delivered_at, slot));
        debug_assert!(waited, "only orders that wait are taken out");
    }
}
