//! Whether rows that lie on a desk bear each other out, before anything is decided.
//!
//! What an order or a hold has set aside is counted elsewhere, too: on shelves, in caps, for its user. Rows of which
//! some were lost, or that were read at several instants, would count below 0 on the way; here they are found out.

use alloc::collections::BTreeMap;

use crate::ids::{OrderId, SaleId};
use crate::ledger::desk::{Desk, Key, RowFault, Shared};
use crate::order;

/// Units that orders and holds say are counted under a key.
type Said = BTreeMap<Key, u64>;

impl Desk {
    /// Whether the counts have room for what these orders and holds say.
    pub(super) fn judge_rows(&self) -> Result<(), RowFault> {
        let mut said = Said::new();
        self.whole_orders.iter().for_each(|&order| self.said_by_order(order, &mut said));
        self.whole_holds.iter().for_each(|&hold| self.said_by_hold(hold, &mut said));
        match said.into_iter().find(|(key, said)| *said > self.counted_under(key)) {
            Some((key, _)) => Err(RowFault::Contradicted(key)),
            None => Ok(()),
        }
    }

    fn said_by_order(&self, order: OrderId, said: &mut Said) {
        let ledger = &self.ledger;
        let Some(slot) = ledger.orders.find(order) else { return };
        let it = ledger.orders.at(slot);
        let (user, waits) = (it.user, order::is_timed(it.state));
        let mut add = |key, units| *said.entry(key).or_default() += units;
        for line in ledger.orders.lines(slot) {
            let units = line.quantity.units();
            if waits {
                add(Key::Shared(Shared::Shelf(line.sku, line.warehouse)), units);
            }
            if line.sale != SaleId(0) && (waits || ledger.is_counted(slot)) {
                add(Key::Shared(Shared::Cap(line.sale)), units);
                add(Key::Count(line.sale, user), units);
            }
        }
        if waits {
            for share in ledger.coupons.of_order(ledger.orders.coupons(slot)) {
                add(Key::Shared(Shared::Quota(share.coupon)), 1);
                add(Key::CouponUser(share.coupon, user), 1);
            }
        }
    }

    fn said_by_hold(&self, hold: u64, said: &mut Said) {
        let Some(slot) = self.ledger.holds.find(hold) else { return };
        for it in self.ledger.holds.units(slot) {
            let key = Key::Shared(Shared::Shelf(it.sku, it.warehouse));
            *said.entry(key).or_default() += it.quantity.units();
        }
    }

    /// What can be taken back from this count.
    fn counted_under(&self, key: &Key) -> u64 {
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        match *key {
            Key::Shared(shared) => match (shared, self.numbers(shared)) {
                (Shared::Shelf(..) | Shared::Quota(_), [_, held_or_locked, ..]) => number(held_or_locked),
                (Shared::Cap(_), [taken, ..]) => number(taken),
            },
            Key::Count(sale, user) => self.ledger.counts.units(sale, user),
            Key::CouponUser(coupon, user) => {
                let slot = self.ledger.coupons.find(coupon);
                slot.map_or(0, |slot| self.ledger.coupons.taken_by(slot, user).locked)
            }
            Key::Sku(_)
            | Key::Sale(_)
            | Key::Place(..)
            | Key::Freight(..)
            | Key::Coupon(_)
            | Key::Limit(_)
            | Key::Switch(_)
            | Key::SwitchVersion
            | Key::Request(_)
            | Key::Order(_)
            | Key::Hold(_)
            | Key::FailedRefunds(_)
            | Key::Making(_)
            | Key::Letter(..)
            | Key::Letters => 0,
        }
    }
}
