//! Delivered orders that wait for the time after which they count as complete.
//!
//! The time is the same for all, so the order in which they were delivered is the order in which they are due:
//! one list, however far off the times are. Its links are those that the payment timer used before.

use crate::image::flat;
use crate::ledger::orders::{NONE, Orders};

flat! { Completions { first: u32, last: u32 } }

/// The delivered orders, in the order of their delivery.
#[derive(Debug)]
pub(crate) struct Completions {
    first: u32,
    last: u32,
}

impl Completions {
    pub(crate) fn new() -> Completions {
        Completions { first: NONE, last: NONE }
    }

    /// The order that was delivered the longest ago.
    pub(crate) fn next(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// Puts an order that was delivered just now behind all others.
    pub(crate) fn push(&mut self, orders: &mut Orders, slot: u32) {
        if self.last == NONE {
            self.first = slot;
        } else {
            orders.at_mut(self.last).timer_next = slot;
            orders.at_mut(slot).timer_prev = self.last;
        }
        self.last = slot;
    }

    /// Takes out an order that waits.
    pub(crate) fn remove(&mut self, orders: &mut Orders, slot: u32) {
        let order = orders.at_mut(slot);
        let (prev, next) = (order.timer_prev, order.timer_next);
        (order.timer_prev, order.timer_next) = (NONE, NONE);
        if prev == NONE {
            self.first = next;
        } else {
            orders.at_mut(prev).timer_next = next;
        }
        if next == NONE {
            self.last = prev;
        } else {
            orders.at_mut(next).timer_prev = prev;
        }
    }
}
