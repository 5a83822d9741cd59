//! An order's states. Which event leads from which to which is in [`table`].

mod table;

pub use table::{Event, Row, Step, TABLE, WrongState, step};
pub(crate) use table::{can_end, is_timed, rows_kept, waits_for_completion};

use crate::image::flat_by_number;

/// Where an order stands. The numbers are on the wire and on disk, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum State {
    /// Kept for queued orders; nothing enters it yet.
    Reserving = 1,
    /// Units are held; the payment timer runs.
    PendingPayment = 2,
    /// A payment attempt is open.
    Paying = 3,
    /// Paid, not yet confirmed: passed through within one step.
    Paid = 4,
    /// Paid, but the units are gone (cluster only).
    StockException = 5,
    /// Paid (or free), units sold; waits to be shipped.
    Confirmed = 6,
    /// Some lines are shipped.
    PartShipped = 7,
    /// Every line is shipped or cancelled.
    Shipped = 8,
    /// Signed for.
    Delivered = 9,
    /// Closed by the buyer or by time.
    Completed = 10,
    /// Kept for queued orders; nothing enters it yet.
    Failed = 11,
    /// Ended before payment; units, limits and coupon went back.
    Cancelled = 12,
    /// Money is on its way back.
    Refunding = 13,
    /// Money went back (or there was none).
    Refunded = 14,
}

flat_by_number!(State);

impl State {
    /// Every state, by number.
    pub const ALL: [State; 14] = [
        State::Reserving,
        State::PendingPayment,
        State::Paying,
        State::Paid,
        State::StockException,
        State::Confirmed,
        State::PartShipped,
        State::Shipped,
        State::Delivered,
        State::Completed,
        State::Failed,
        State::Cancelled,
        State::Refunding,
        State::Refunded,
    ];

    /// The number on the wire and on disk.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state of this number, if there is one.
    pub const fn from_number(number: u8) -> Option<State> {
        match number {
            1..=14 => Some(Self::ALL[number as usize - 1]),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_states_agree() {
        for number in 0..=u8::MAX {
            match State::from_number(number) {
                Some(state) => assert_eq!(state.number(), number),
                None => assert!(!(1..=14).contains(&number)),
            }
        }
    }
}
