//! Rows read off a desk.

use alloc::vec::Vec;

use crate::coupon::CouponCounts;
use crate::ids::{OrderId, PaymentId, SaleId, SkuId};
use crate::ledger::Ledger;
use crate::ledger::desk::{About, Desk, FailedRefund, HoldRecord, Key, LedTo, Place, Row, Shared};
use crate::ledger::requests::Subject;

impl Desk {
    /// The row as it is here, if it is.
    pub(super) fn row_of(&self, key: &Key) -> Option<Row> {
        let Ledger { goods, orders, freight, coupons, holds, limits, switches, letters, .. } = &self.ledger;
        match *key {
            Key::Sku(sku) => Some(Row::Sku(*goods.sku(goods.find_sku(sku)?))),
            Key::Sale(sale) => Some(Row::Sale(goods.sale(goods.find_sale(sale)?).sale)),
            Key::Place(sku, sale) => self.place(sku, sale).map(Row::Place),
            Key::Freight(seller, currency) => freight.find(seller, currency).copied().map(Row::Freight),
            Key::Coupon(coupon) => {
                let row = coupons.at(coupons.find(coupon)?);
                Some(Row::Coupon(row.coupon, row.skus.clone()))
            }
            Key::Limit(user) => limits.row(user).copied().map(Row::Limit),
            Key::Switch(scope) => switches.row(scope).cloned().map(Row::Switch),
            Key::SwitchVersion => Some(switches.version()).filter(|&it| it != 0).map(Row::SwitchVersion),
            Key::Shared(Shared::Shelf(sku, warehouse)) => {
                let slot = goods.find_shelf(sku, warehouse)?;
                Some(Row::Shelf(sku, warehouse, goods.shelf(slot).shelf))
            }
            Key::Shared(Shared::Cap(sale)) => {
                Some(Row::Cap(sale, goods.sale(goods.find_sale(sale)?).taken_units))
            }
            Key::Shared(Shared::Quota(coupon)) => {
                Some(Row::Quota(coupon, coupons.at(coupons.find(coupon)?).counts))
            }
            Key::Request(key) => {
                let (subject, body) = self.ledger.requests.find(orders, key)?;
                let led_to = match self.ledger.requests.find_made(orders, key) {
                    Some(slot) => LedTo::Made(orders.at(slot).id),
                    None => LedTo::Change { body, about: self.about(subject) },
                };
                Some(Row::Request(key, led_to))
            }
            Key::Order(order) => {
                let slot = orders.find(order)?;
                let mut record = Vec::new();
                self.ledger.put_record(slot, &mut record);
                Some(Row::Order(order, record.into()))
            }
            Key::Count(sale, user) => {
                let units = self.ledger.counts.units(sale, user);
                (units > 0).then_some(Row::Count(sale, user, units as u32))
            }
            Key::CouponUser(coupon, user) => {
                let counts = coupons.taken_by(coupons.find(coupon)?, user);
                (counts != CouponCounts::default()).then_some(Row::CouponUser(coupon, user, counts))
            }
            Key::Hold(hold) => {
                let slot = holds.find(hold)?;
                let row = holds.at(slot);
                let units = holds.units(slot).collect();
                Some(Row::Hold(HoldRecord { hold: row.hold, made: row.made, units }))
            }
            Key::FailedRefunds(order) => {
                let slot = orders.find(order)?;
                let payments = self.ledger.payments.attempts_from(orders.newest_payment(slot));
                let of = |payment: PaymentId| {
                    let left = self.ledger.failed_refunds.of(payment);
                    left.map(move |(number, amount)| FailedRefund { payment, number, amount })
                };
                let refunds: Vec<_> = payments.flat_map(|(_, it)| of(it.id)).collect();
                (!refunds.is_empty()).then_some(Row::FailedRefunds(order, refunds))
            }
            Key::Making(making) => self.made.get(&making).map(|&order| Row::Making(making, order)),
            Key::Letter(subscriber, position) => {
                let (at, reason) = letters.row(subscriber, position)?;
                Some(Row::Letter(subscriber, position, at, reason.into()))
            }
            Key::Letters => Some(letters.len() as u64).filter(|&it| it != 0).map(Row::Letters),
        }
    }

    /// As the sale has it, where that is here; else as it was laid.
    fn place(&self, sku: SkuId, sale: SaleId) -> Option<Place> {
        let goods = &self.ledger.goods;
        let (Some(sku_slot), Some(sale_slot)) = (goods.find_sku(sku), goods.find_sale(sale)) else {
            return self.places.get(&(sku, sale)).copied();
        };
        let closed_from = goods.sale(sale_slot).sale.closed_from;
        let unit_price = goods.price_in(sale_slot, sku_slot)?;
        Some(Place { sku, sale, closed_from, unit_price })
    }

    fn about(&self, subject: Subject) -> About {
        let Ledger { goods, orders, freight, coupons, holds, .. } = &self.ledger;
        match subject {
            Subject::Order(order) => About::Order(OrderId(order.id())),
            Subject::Sku(slot) => About::Sku(goods.sku(slot).id),
            Subject::Sale(slot) => About::Sale(goods.sale(slot).sale.id),
            Subject::Freight(slot) => {
                let rule = freight.at(slot);
                About::Freight(rule.seller, rule.currency)
            }
            Subject::Shelf(slot) => About::Shelf(goods.shelf(slot).sku, goods.shelf(slot).warehouse),
            Subject::Hold(slot) => About::Hold(holds.at(slot).hold.id),
            Subject::Limit => About::Limit,
            Subject::Switch { version } => About::Switch(version),
            Subject::Shelves { from, to } => {
                let warehouses = [from, to].map(|slot| goods.shelf(slot).warehouse);
                About::Shelves(goods.shelf(from).sku, warehouses)
            }
            Subject::Payment(payment) => {
                let payment = PaymentId(payment.id());
                let slot = orders.find_made(payment.making()).expect("payments are of orders that are here");
                About::Payment(orders.at(slot).id, payment)
            }
            Subject::Case { order, number } => About::Case(OrderId(order.id()), number),
            Subject::Letters => About::Letters,
            Subject::Coupon(slot) => About::Coupon(coupons.at(slot).coupon.id),
            Subject::CouponTaken(pair) => {
                let (slot, user) = coupons.pair(pair);
                About::CouponTaken(coupons.at(slot).coupon.id, user)
            }
        }
    }
}
