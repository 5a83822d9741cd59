//! What transactions are given and give back, as plain rows: no rule of the shop is known here, and nothing of SQL.

use domain::desk::Moved;
use domain::order::State;
use domain::verdict::HistoryRow;
use domain::{Currency, MicrosUtc, MinorUnits, OrderId, RequestId, RequestKey, UserId};

use crate::shelf::{Attempt, Epoch, HoldId, ShelfKey};

/// Bytes of an order's record at most, and of an event's body: what a BLOB holds.
pub const BODY_BYTES_MAX: usize = 65_535;
/// Bytes of a refusal that stands in a key row, at most; and of what a request led to.
pub const REFUSAL_BYTES_MAX: usize = 64;

/// What stands under a request id that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No attempt up to this one commits any more.
    Dead(Attempt),
    /// It made an order.
    Order {
        /// The order.
        order: OrderId,
        /// Of the request: another one is REQUEST_ID_REUSED.
        body_hash: u64,
    },
    /// It did something else, once and for all.
    Done {
        /// Of the request: another one is REQUEST_ID_REUSED.
        body_hash: u64,
        /// The hold whose units it took; none: it took none. Under another one nothing was bought.
        hold: Option<HoldId>,
        /// What it led to: the bytes of the domain's row of the request, at most [`REFUSAL_BYTES_MAX`] of them.
        led_to: Vec<u8>,
    },
    /// It was refused for good: no attempt commits any more, and whoever asks again hears the same.
    Refused {
        /// Of the request: another one is REQUEST_ID_REUSED.
        body_hash: u64,
        /// As the one who refused it wrote it, at most [`REFUSAL_BYTES_MAX`] bytes.
        refusal: Vec<u8>,
    },
}

/// One ask of a request id at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Whose request, and which.
    pub key: RequestKey,
    /// The first one commits over no row; any other over the dead one right before it.
    pub attempt: Attempt,
    /// Of the request.
    pub body_hash: u64,
}

/// An order's row: what is asked for by column, and the domain's own record of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// The order.
    pub id: OrderId,
    /// Whose it is.
    pub user: UserId,
    /// Where it stands.
    pub state: State,
    /// Counts from 1; one more with each transition.
    pub version: u32,
    /// When it was made.
    pub made_at: MicrosUtc,
    /// When a timer of it runs out; none: nothing is due.
    pub due_at: Option<MicrosUtc>,
    /// What is to be paid.
    pub total: MinorUnits,
    /// Of the total.
    pub currency: Currency,
    /// The domain's record, at most [`BODY_BYTES_MAX`] bytes.
    pub record: Vec<u8>,
}

/// What an order took of one shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemRow {
    /// The shelf.
    pub shelf: ShelfKey,
    /// How many; never 0.
    pub units: u32,
    /// The hold that bought them: the id of the RESERVE that took them.
    pub hold: HoldId,
    /// The epoch in which Redis gave them.
    pub epoch: Epoch,
}

/// Names a count of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountKey {
    /// Whose count.
    pub user: UserId,
    /// What is counted.
    pub kind: CountKind,
    /// The sale or the coupon.
    pub subject: u64,
}

/// What is counted of one user. The numbers are in the table, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CountKind {
    /// Units bought in a sale.
    SaleUnits = 1,
    /// How often a coupon was claimed.
    CouponClaimed = 2,
    /// How often it is locked by orders that wait for payment.
    CouponLocked = 3,
    /// How often it was used.
    CouponUsed = 4,
}

/// An event of an order on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The order that it is of.
    pub order: OrderId,
    /// When it became true.
    pub at: MicrosUtc,
    /// As the domain writes facts, at most [`BODY_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
}

/// All that an accepted CREATE writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// The order; its id is the one that was asked for.
    pub row: OrderRow,
    /// What it took, a row a shelf, of shelves that were asked for.
    pub items: Vec<ItemRow>,
    /// By how much it moved what is counted over all users. Units that came back also become loose units.
    pub moved: Vec<Moved>,
    /// How it came to its state, oldest first.
    pub history: Vec<HistoryRow>,
    /// Counts of users as they are from now on, of those that were asked for.
    pub counts: Vec<(CountKey, u64)>,
    /// What is told of it, in this order.
    pub events: Vec<EventRow>,
}

/// All that a change of an order writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedOrder {
    /// The order as it is from now on; its version is not below the one that was read. (What becomes of a payment leaves
    /// it where it is.)
    pub row: OrderRow,
    /// The transitions, oldest first.
    pub history: Vec<HistoryRow>,
    /// By how much it moved what is counted over all users. Where units moved, the shelf was asked for; those that came
    /// back also become loose units under the fence's epoch.
    pub moved: Vec<Moved>,
    /// What it took again, with other holds, of shelves that were asked for with an epoch; each is also in `moved`.
    pub items: Vec<ItemRow>,
    /// For the key row, where there was a request: see [`Standing::Done`].
    pub hold: Option<HoldId>,
    /// For the key row: what the request led to.
    pub led_to: Vec<u8>,
    /// Counts of users as they are from now on, of those that were asked for.
    pub counts: Vec<(CountKey, u64)>,
    /// What is told of it, in this order.
    pub events: Vec<EventRow>,
}

impl CountKind {
    /// The kind of this number, if there is one.
    pub const fn from_number(number: u8) -> Option<CountKind> {
        match number {
            1 => Some(CountKind::SaleUnits),
            2 => Some(CountKind::CouponClaimed),
            3 => Some(CountKind::CouponLocked),
            4 => Some(CountKind::CouponUsed),
            _ => None,
        }
    }
}

impl Standing {
    /// Whether an attempt may commit over what stands (or over nothing).
    pub fn admits(standing: Option<&Standing>, attempt: Attempt) -> bool {
        match standing {
            None => attempt == Attempt(1),
            Some(Standing::Dead(dead)) => dead.0.checked_add(1) == Some(attempt.0),
            Some(Standing::Order { .. } | Standing::Done { .. } | Standing::Refused { .. }) => false,
        }
    }

    /// What stands after an attempt was ended: a dead row counts up one by one, and everything else stays.
    #[must_use]
    pub fn dead(standing: Option<Standing>, attempt: Attempt) -> Standing {
        match standing {
            Some(Standing::Dead(dead)) if dead.0.checked_add(1) != Some(attempt.0) => Standing::Dead(dead),
            Some(Standing::Dead(_)) | None => Standing::Dead(attempt),
            Some(stays @ (Standing::Order { .. } | Standing::Done { .. } | Standing::Refused { .. })) => {
                stays
            }
        }
    }

    /// What stands after a refusal for good: over nothing and over whatever is dead; what was done stays, and so does an
    /// earlier refusal.
    #[must_use]
    pub fn refused(standing: Option<Standing>, body_hash: u64, refusal: &[u8]) -> Standing {
        match standing {
            Some(Standing::Dead(_)) | None => Standing::Refused { body_hash, refusal: refusal.to_vec() },
            Some(stays @ (Standing::Order { .. } | Standing::Done { .. } | Standing::Refused { .. })) => {
                stays
            }
        }
    }
}

/// The instant that a request id begins with, and then its random bits: this is how its column sorts.
pub(super) fn request_bytes(id: RequestId) -> [u8; 16] {
    id.0.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Standing = Standing::Order { order: OrderId(9), body_hash: 3 };
    const DONE: Standing = Standing::Done { body_hash: 3, hold: None, led_to: Vec::new() };

    fn dead(attempt: u32) -> Option<Standing> {
        Some(Standing::Dead(Attempt(attempt)))
    }

    fn refused() -> Standing {
        Standing::Refused { body_hash: 3, refusal: vec![7] }
    }

    #[test]
    fn an_attempt_commits_over_nothing_or_over_the_dead_one_before_it() {
        let admits =
            |standing: Option<Standing>, attempt| Standing::admits(standing.as_ref(), Attempt(attempt));
        assert!(admits(None, 1));
        assert!(!admits(None, 2), "what it saw is gone");
        assert!(!admits(dead(1), 1));
        assert!(admits(dead(1), 2));
        assert!(!admits(dead(1), 3));
        assert!(!admits(dead(u32::MAX), 1));
        for stands in [ORDER, DONE, refused()] {
            assert!(!admits(Some(stands.clone()), 1) && !admits(Some(stands), 2));
        }
    }

    #[test]
    fn a_dead_row_counts_up_one_by_one() {
        let after = |standing, attempt| Some(Standing::dead(standing, Attempt(attempt)));
        assert_eq!(after(None, 1), dead(1));
        assert_eq!(after(dead(1), 2), dead(2));
        assert_eq!(after(dead(1), 1), dead(1));
        assert_eq!(after(dead(1), 3), dead(1), "attempt 3 saw a row that is not this one");
        assert_eq!(after(dead(u32::MAX), 1), dead(u32::MAX));
        for stands in [ORDER, DONE, refused()] {
            assert_eq!(after(Some(stands.clone()), 1), Some(stands));
        }
    }

    #[test]
    fn a_refusal_stands_over_whatever_is_dead_and_for_good() {
        let after = |standing| Standing::refused(standing, 3, &[7]);
        assert_eq!(after(None), refused());
        assert_eq!(after(dead(5)), refused());
        let earlier = Standing::Refused { body_hash: 3, refusal: vec![1] };
        for stands in [ORDER, DONE, earlier] {
            assert_eq!(after(Some(stands.clone())), stands);
        }
    }
}
