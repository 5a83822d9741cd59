//! A shelf's numbers and what may be done to them.
//!
//! Nothing that is decided here takes `held` above `on_hand`: else the shop oversold. Only units that are found to
//! be gone ([`AdjustReason::Lost`]) do, and such a short shelf promises nothing more until it is whole again.

use crate::fact::StockAdjusted;
use crate::ids::OrderId;
use crate::image::flat;
use crate::intent::{AdjustReason, SHELF_UNITS_MAX, StockAdjust};
use crate::refusal::{Reason, Refusal};

/// Units of one sku in one warehouse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shelf {
    /// Units that are there.
    pub on_hand: u64,
    /// Units of `on_hand` that open orders and holds have set aside; more than it where units were lost.
    pub held: u64,
    /// Units kept back from selling.
    pub safety: u64,
    /// Units that cannot be sold.
    pub unavailable: u64,
    /// Units sold so far, those that came back later included.
    pub sold: u64,
    /// Sold units that came back to this shelf: by an order's refund or by STOCK_RETURN.
    pub returned: u64,
}

flat! { Shelf { on_hand: u64, held: u64, safety: u64, unavailable: u64, sold: u64, returned: u64 } }

impl Shelf {
    /// Units that an order can have.
    #[inline]
    pub const fn sellable(&self) -> u64 {
        self.on_hand.saturating_sub(self.held).saturating_sub(self.safety).saturating_sub(self.unavailable)
    }

    /// The shelf with an order's units held. Safety is no matter here: a fact is not judged again.
    #[inline]
    #[must_use]
    pub fn hold(self, units: u64) -> Shelf {
        Shelf { held: self.held + units, ..self }.sound()
    }

    /// Units that an order can have whose hold of `own` units ends for it: its own even where others may not have
    /// them, but none that are gone.
    #[inline]
    pub const fn sellable_with(&self, own: u64) -> u64 {
        let sellable = self.sellable() + own;
        let there = self.on_hand.saturating_sub(self.held - own);
        if sellable < there { sellable } else { there }
    }

    /// Units that an operator can give an order whose own are gone: those kept as safety, too.
    pub const fn spare(&self) -> u64 {
        self.free().saturating_sub(self.unavailable)
    }

    /// The shelf with held units free again.
    #[must_use]
    pub fn release(self, units: u64) -> Shelf {
        let held = self.held.checked_sub(units).expect("only held units are released");
        Shelf { held, ..self }
    }

    /// The shelf with held units sold, which are there. On a short shelf, others may hold what is not.
    #[must_use]
    pub fn sell(self, units: u64) -> Shelf {
        let held = self.held.checked_sub(units).expect("only held units are sold");
        let on_hand = self.on_hand.checked_sub(units).expect("held units are on hand");
        Shelf { held, on_hand, sold: self.sold + units, ..self }
    }

    /// Whether an operator may change the shelf like this.
    pub fn judge(&self, adjust: &StockAdjust) -> Result<(), Refusal> {
        let (Some(on_hand), Some(_), Some(_)) = (
            moved(self.on_hand, adjust.on_hand_delta),
            moved(self.safety, adjust.safety_delta),
            moved(self.unavailable, adjust.unavailable_delta),
        ) else {
            return Err(Refusal::of(Reason::InvalidField));
        };
        let lost = match adjust.reason {
            AdjustReason::Received | AdjustReason::Adjusted | AdjustReason::Returned => false,
            AdjustReason::Lost if adjust.on_hand_delta < 0 => true,
            AdjustReason::Lost => return Err(Refusal::of(Reason::InvalidField)),
        };
        if adjust.on_hand_delta < 0 && on_hand < self.held && !lost {
            let (asked, free) = (adjust.on_hand_delta.saturating_neg(), self.free() as i64);
            return Err(Refusal::of(Reason::InsufficientStock).with(asked, free));
        }
        Ok(())
    }

    /// Units that an operator can take away: those that nobody holds.
    pub const fn free(&self) -> u64 {
        self.on_hand.saturating_sub(self.held)
    }

    /// Whether so many more units have room.
    pub const fn judge_more(&self, units: u64) -> Result<(), Refusal> {
        match self.on_hand.checked_add(units) {
            Some(on_hand) if on_hand <= SHELF_UNITS_MAX => Ok(()),
            Some(_) | None => Err(Refusal::of(Reason::InvalidField)),
        }
    }

    /// The shelf without units that went to another.
    #[must_use]
    pub fn send(self, units: u64) -> Shelf {
        let on_hand = self.on_hand.checked_sub(units).expect("only free units are sent");
        Shelf { on_hand, ..self }.sound()
    }

    /// The shelf with units that came from another.
    #[must_use]
    pub fn receive(self, units: u64) -> Shelf {
        Shelf { on_hand: self.on_hand + units, ..self }
    }

    /// The shelf with sold units back on it.
    #[must_use]
    pub fn take_back(self, units: u64) -> Shelf {
        Shelf { on_hand: self.on_hand + units, returned: self.returned + units, ..self }
    }

    /// The shelf after such a change.
    #[must_use]
    pub fn adjust(self, change: &StockAdjusted) -> Shelf {
        let moved = |units: u64, delta| units.checked_add_signed(delta).expect("the change was judged");
        // Units of an order came back; what operators book by hand is no return that was judged.
        let of_order = if change.order == OrderId(0) { 0 } else { change.on_hand_delta };
        let after = Shelf {
            on_hand: moved(self.on_hand, change.on_hand_delta),
            safety: moved(self.safety, change.safety_delta),
            unavailable: moved(self.unavailable, change.unavailable_delta),
            returned: moved(self.returned, of_order),
            ..self
        };
        let taken = change.on_hand_delta < 0 && change.reason != AdjustReason::Lost;
        if taken { after.sound() } else { after }
    }

    #[inline]
    fn sound(self) -> Shelf {
        assert!(self.held <= self.on_hand, "oversold: {self:?}");
        self
    }
}

/// A count after an operator's change: operators can put up to `i64::MAX` on a shelf. Units that come back by
/// an order may go above, so that a cancel always can.
fn moved(units: u64, delta: i64) -> Option<u64> {
    units.checked_add_signed(delta).filter(|&units| units <= i64::MAX as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{RequestId, SkuId, WarehouseId};
    use crate::intent::AdjustReason;

    const SOME: Shelf = Shelf { on_hand: 10, held: 4, safety: 3, unavailable: 2, sold: 0, returned: 0 };

    fn check(deltas: (i64, i64, i64), answer: Result<(), Refusal>) {
        check_on(SOME, AdjustReason::Adjusted, deltas, answer);
    }

    fn check_on(shelf: Shelf, reason: AdjustReason, deltas: (i64, i64, i64), answer: Result<(), Refusal>) {
        let (on_hand_delta, safety_delta, unavailable_delta) = deltas;
        let adjust = StockAdjust {
            request: RequestId(1),
            sku: SkuId(1),
            warehouse: WarehouseId(1),
            on_hand_delta,
            safety_delta,
            unavailable_delta,
            reason,
        };
        assert_eq!(shelf.judge(&adjust), answer, "{deltas:?} on {shelf:?}");
    }

    #[test]
    fn an_operator_can_take_what_is_free_and_no_field_below_0() {
        let invalid = Err(Refusal::of(Reason::InvalidField));
        check((-6, 0, 0), Ok(()));
        check((-7, 0, 0), Err(Refusal::of(Reason::InsufficientStock).with(7, 6)));
        check((-11, 0, 0), invalid);
        check((0, -3, -2), Ok(()));
        check((0, -4, 0), invalid);
        check((0, 0, -3), invalid);
        check((0, i64::MAX, 0), invalid);
        check((i64::MAX - 10, 0, 0), Ok(()));
        check((i64::MIN, 0, 0), invalid);
    }

    #[test]
    fn units_are_lost_whoever_holds_them_and_a_short_shelf_can_be_filled() {
        let invalid = Err(Refusal::of(Reason::InvalidField));
        check_on(SOME, AdjustReason::Lost, (-7, 0, 0), Ok(()));
        check_on(SOME, AdjustReason::Lost, (-10, 0, 0), Ok(()));
        check_on(SOME, AdjustReason::Lost, (-11, 0, 0), invalid);
        check_on(SOME, AdjustReason::Lost, (0, 1, 0), invalid);
        check_on(SOME, AdjustReason::Lost, (1, 0, 0), invalid);
        let short = Shelf { on_hand: 1, ..SOME };
        check_on(short, AdjustReason::Received, (1, 0, 0), Ok(()));
        check_on(short, AdjustReason::Adjusted, (0, -1, 0), Ok(()));
        let none_free = Err(Refusal::of(Reason::InsufficientStock).with(1, 0));
        check_on(short, AdjustReason::Adjusted, (-1, 0, 0), none_free);
    }

    #[test]
    fn a_short_shelf_promises_nothing_and_frees_and_sells_what_it_has() {
        let short = Shelf { on_hand: 3, held: 5, ..Shelf::default() };
        assert_eq!((short.sellable(), short.free(), short.spare()), (0, 0, 0));
        // Of 5 held, 2 are this hold's own and 3 are another's: nothing is left for it.
        assert_eq!((short.sellable_with(2), short.sellable_with(5)), (0, 3));
        assert_eq!(short.sell(2), Shelf { on_hand: 1, held: 3, sold: 2, ..Shelf::default() });
        assert_eq!(short.release(4).sellable(), 2);
    }

    #[test]
    fn a_hold_keeps_its_units_where_more_is_kept_back_later() {
        let shelf = Shelf { safety: 30, ..SOME };
        assert_eq!((shelf.sellable_with(3), SOME.sellable_with(3)), (3, 4));
        assert_eq!(shelf.spare(), 4);
    }

    #[test]
    fn what_is_kept_back_is_not_sellable_and_sellable_is_never_below_0() {
        let shelf = SOME;
        assert_eq!(shelf.sellable(), 1);
        assert_eq!(Shelf { safety: 30, ..shelf }.sellable(), 0);
    }

    #[test]
    fn held_units_do_not_leave_and_a_shelf_has_an_end() {
        assert_eq!(SOME.free(), 6);
        assert_eq!(SOME.send(6).free(), 0);
        assert_eq!(SOME.judge_more(SHELF_UNITS_MAX - 10), Ok(()));
        for units in [SHELF_UNITS_MAX - 9, u64::MAX] {
            assert_eq!(SOME.judge_more(units), Err(Refusal::of(Reason::InvalidField)));
        }
        let back = SOME.take_back(3);
        assert_eq!((back.on_hand, back.returned), (13, 3));
    }

    #[test]
    #[should_panic(expected = "oversold")]
    fn holding_more_than_there_is_is_a_bug() {
        let _ = Shelf { on_hand: 1, ..Shelf::default() }.hold(2);
    }
}
