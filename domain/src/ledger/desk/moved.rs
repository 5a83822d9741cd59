//! By how much the counts over all users moved.

use crate::coupon::CouponCounts;
use crate::ids::{CouponId, SaleId, SkuId, WarehouseId};
use crate::ledger::Ledger;
use crate::ledger::desk::{Desk, Row, Shared};
use crate::shelf::Shelf;

/// What is counted of one thing, in the order of its fields; the rest is 0. A number beyond 63 bits wraps, and so do
/// differences: they come out right.
pub(super) type Numbers = [i64; 6];

/// A count over all users moved by these differences. Those of several desks add up, in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// See [`Shared::Shelf`].
    Shelf(SkuId, WarehouseId, ShelfMoved),
    /// See [`Shared::Cap`]: units.
    Cap(SaleId, i64),
    /// See [`Shared::Quota`].
    Quota(CouponId, QuotaMoved),
}

/// Differences of a [`Shelf`], field by field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShelfMoved {
    /// See [`Shelf::on_hand`].
    pub on_hand: i64,
    /// See [`Shelf::held`].
    pub held: i64,
    /// See [`Shelf::safety`].
    pub safety: i64,
    /// See [`Shelf::unavailable`].
    pub unavailable: i64,
    /// See [`Shelf::sold`].
    pub sold: i64,
    /// See [`Shelf::returned`].
    pub returned: i64,
}

/// Differences of [`CouponCounts`], field by field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaMoved {
    /// See [`CouponCounts::claimed`].
    pub claimed: i64,
    /// See [`CouponCounts::locked`].
    pub locked: i64,
    /// See [`CouponCounts::used`].
    pub used: i64,
    /// The quota counts claims, and not uses.
    pub counts_claims: bool,
}

impl Moved {
    /// What moved.
    pub const fn of(&self) -> Shared {
        match *self {
            Moved::Shelf(sku, warehouse, _) => Shared::Shelf(sku, warehouse),
            Moved::Cap(sale, _) => Shared::Cap(sale),
            Moved::Quota(coupon, _) => Shared::Quota(coupon),
        }
    }

    /// Units fewer that can be given from here; below 0: so many came back. Who gives units away counts these.
    pub const fn units_taken(&self) -> i64 {
        match self {
            Moved::Shelf(_, _, by) => {
                // An operator may set back as many as there are numbers.
                by.held.saturating_add(by.safety).saturating_add(by.unavailable).saturating_sub(by.on_hand)
            }
            Moved::Cap(_, units) => *units,
            Moved::Quota(_, by) if by.counts_claims => by.claimed,
            Moved::Quota(_, by) => by.locked + by.used,
        }
    }

    /// The row as it is after it moved. One that is not there starts at 0. Nothing, where `before` is another row, or a
    /// number would fall below 0: rows contradict each other.
    pub fn applied(&self, before: Option<Row>) -> Option<Row> {
        let before = match (before, *self) {
            (Some(row), _) => row,
            (None, Moved::Shelf(sku, warehouse, _)) => Row::Shelf(sku, warehouse, Shelf::default()),
            (None, Moved::Cap(sale, _)) => Row::Cap(sale, 0),
            (None, Moved::Quota(coupon, _)) => Row::Quota(coupon, CouponCounts::default()),
        };
        let moved = |number: u64, by: i64| number.checked_add_signed(by);
        match *self {
            Moved::Shelf(sku, warehouse, by) => {
                let Row::Shelf(its, at, shelf) = before else { return None };
                let shelf = Shelf {
                    on_hand: moved(shelf.on_hand, by.on_hand)?,
                    held: moved(shelf.held, by.held)?,
                    safety: moved(shelf.safety, by.safety)?,
                    unavailable: moved(shelf.unavailable, by.unavailable)?,
                    sold: moved(shelf.sold, by.sold)?,
                    returned: moved(shelf.returned, by.returned)?,
                };
                ((its, at) == (sku, warehouse)).then_some(Row::Shelf(sku, warehouse, shelf))
            }
            Moved::Cap(sale, by) => {
                let Row::Cap(its, units) = before else { return None };
                let units = moved(units, by)?;
                (its == sale).then_some(Row::Cap(sale, units))
            }
            Moved::Quota(coupon, by) => {
                let Row::Quota(its, counts) = before else { return None };
                let counts = CouponCounts {
                    claimed: moved(counts.claimed, by.claimed)?,
                    locked: moved(counts.locked, by.locked)?,
                    used: moved(counts.used, by.used)?,
                };
                (its == coupon).then_some(Row::Quota(coupon, counts))
            }
        }
    }
}

impl Desk {
    /// How this stands now; all 0, where it is not here.
    pub(super) fn numbers(&self, shared: Shared) -> Numbers {
        let Ledger { goods, coupons, .. } = &self.ledger;
        match shared {
            Shared::Shelf(sku, warehouse) => {
                let shelf = goods.find_shelf(sku, warehouse).map(|slot| goods.shelf(slot).shelf);
                let Shelf { on_hand, held, safety, unavailable, sold, returned } = shelf.unwrap_or_default();
                [on_hand, held, safety, unavailable, sold, returned].map(|number| number as i64)
            }
            Shared::Cap(sale) => {
                let taken = goods.find_sale(sale).map_or(0, |slot| goods.sale(slot).taken_units);
                [taken as i64, 0, 0, 0, 0, 0]
            }
            Shared::Quota(coupon) => {
                let counts = coupons.find(coupon).map(|slot| coupons.at(slot).counts);
                let CouponCounts { claimed, locked, used } = counts.unwrap_or_default();
                [claimed as i64, locked as i64, used as i64, 0, 0, 0]
            }
        }
    }

    /// From here, what moves counts from how this stands now.
    pub(super) fn stands(&mut self, shared: Shared) {
        self.stood.insert(shared, self.numbers(shared));
    }

    /// Adds what moved since this stood somewhere. A shelf that stood nowhere was made, even where nothing is on it.
    pub(super) fn add_moved(&mut self, shared: Shared) {
        let now = self.numbers(shared);
        let before = self.stood.insert(shared, now);
        if before.is_none() && matches!(shared, Shared::Shelf(..)) {
            self.made_shelves.insert(shared);
        }
        let before = before.unwrap_or_default();
        if now != before {
            // Those of shelves stand in the steps already, one by one.
            match self.moved_by(shared, difference(now, before)) {
                Moved::Shelf(..) => (),
                moved @ (Moved::Cap(..) | Moved::Quota(..)) => self.steps.push((shared, moved.units_taken())),
            }
        }
        if now != before || self.made_shelves.contains(&shared) {
            let moved = self.moved.entry(shared).or_default();
            moved
                .iter_mut()
                .zip(difference(now, before))
                .for_each(|(moved, by)| *moved = moved.wrapping_add(by));
        }
    }

    pub(super) fn moved_by(&self, shared: Shared, by: Numbers) -> Moved {
        match shared {
            Shared::Shelf(sku, warehouse) => {
                let [on_hand, held, safety, unavailable, sold, returned] = by;
                let by = ShelfMoved { on_hand, held, safety, unavailable, sold, returned };
                Moved::Shelf(sku, warehouse, by)
            }
            Shared::Cap(sale) => Moved::Cap(sale, by[0]),
            Shared::Quota(coupon) => {
                let [claimed, locked, used, ..] = by;
                let slot = self.ledger.coupons.find(coupon);
                let counts_claims = slot.is_some_and(|slot| self.ledger.coupons.at(slot).coupon.must_claim);
                Moved::Quota(coupon, QuotaMoved { claimed, locked, used, counts_claims })
            }
        }
    }
}

fn difference(now: Numbers, before: Numbers) -> Numbers {
    let mut by = now;
    by.iter_mut().zip(before).for_each(|(by, before)| *by = by.wrapping_sub(before));
    by
}
