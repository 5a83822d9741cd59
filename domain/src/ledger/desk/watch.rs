//! Which rows a decision touches, as its facts go by.

use alloc::vec::Vec;
use core::mem;

use crate::coupon::COUPONS_MAX;
use crate::fact::{Fact, Facts, ShelfUnits, Stamp, StockAdjusted};
use crate::hold::HoldEnd;
use crate::ids::{CouponId, OrderId, PaymentId, SaleId, SkuId, UserId, WarehouseId};
use crate::ledger::desk::{Desk, Key, Row, Shared};

/// Passes facts on, and notes what they are about.
#[derive(Debug)]
pub(super) struct Watch<'a, F> {
    facts: &'a mut F,
    pub(super) touched: Touched,
}

/// What a decision touches.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Rows, some of them several times.
    keys: Vec<Key>,
    /// Units that were taken from what can be given (or came back, below 0), step by step.
    pub(super) steps: Vec<(Shared, i64)>,
}

impl<'a, F> Watch<'a, F> {
    pub(super) fn new(facts: &'a mut F, touched: Touched) -> Watch<'a, F> {
        Watch { facts, touched }
    }
}

impl Touched {
    /// Nothing yet, in room that was used before.
    pub(super) fn of(mut keys: Vec<Key>, mut steps: Vec<(Shared, i64)>) -> Touched {
        keys.clear();
        steps.clear();
        Touched { keys, steps }
    }

    fn shelf(&mut self, sku: SkuId, warehouse: WarehouseId) {
        self.keys.push(Key::Shared(Shared::Shelf(sku, warehouse)));
    }

    fn shelves(&mut self, units: &[ShelfUnits]) {
        units.iter().for_each(|it| self.shelf(it.sku, it.warehouse));
    }

    fn take(&mut self, units: &[ShelfUnits]) {
        let step = |it: &ShelfUnits| (Shared::Shelf(it.sku, it.warehouse), i64::from(it.quantity.get()));
        self.steps.extend(units.iter().map(step));
    }

    fn give_back(&mut self, units: &[ShelfUnits]) {
        let step = |it: &ShelfUnits| (Shared::Shelf(it.sku, it.warehouse), -i64::from(it.quantity.get()));
        self.steps.extend(units.iter().map(step));
    }

    /// Which units go and come, in the order of the facts: what comes behind is no help to what goes before.
    fn step(&mut self, fact: &Fact<'_>) {
        match fact {
            Fact::StockReserved { units, .. } | Fact::HoldMade { units, .. } => self.take(units),
            Fact::StockReleased { units, .. } | Fact::StockException { units, .. } => self.give_back(units),
            Fact::HoldEnded { end, units, .. } => match end {
                HoldEnd::Committed => (),
                HoldEnd::Taken | HoldEnd::Released | HoldEnd::Expired => self.give_back(units),
            },
            Fact::StockAdjusted(it) => {
                let StockAdjusted { on_hand_delta, safety_delta, unavailable_delta, .. } = *it;
                let taken = safety_delta.saturating_add(unavailable_delta).saturating_sub(on_hand_delta);
                self.steps.push((Shared::Shelf(it.sku, it.warehouse), taken));
            }
            Fact::StockTransferred { .. }
            | Fact::StockReturned { .. }
            | Fact::StockReduced { .. }
            | Fact::SkuChanged(_)
            | Fact::SaleChanged { .. }
            | Fact::FreightChanged(_)
            | Fact::HoldExtended { .. }
            | Fact::OrderCreated(_)
            | Fact::OrderConfirmed { .. }
            | Fact::OrderCancelled { .. }
            | Fact::CursorMoved { .. }
            | Fact::LetterParked { .. }
            | Fact::LetterEnded { .. }
            | Fact::LimitChanged(_)
            | Fact::SwitchChanged { .. }
            | Fact::RefundDone { .. }
            | Fact::PaymentOpened { .. }
            | Fact::PaymentFailed { .. }
            | Fact::PaymentSuccess { .. }
            | Fact::PaymentMismatched { .. }
            | Fact::PaymentRepeated { .. }
            | Fact::PaymentOverdrawn { .. }
            | Fact::RefundRequested { .. }
            | Fact::RefundFailed { .. }
            | Fact::RefundSettled { .. }
            | Fact::OrderShipped { .. }
            | Fact::ShipmentTracked { .. }
            | Fact::OrderDelivered { .. }
            | Fact::AftersaleChanged(_)
            | Fact::OrderCompleted { .. }
            | Fact::CouponDefined { .. }
            | Fact::CouponClaimed { .. }
            | Fact::CouponLocked { .. }
            | Fact::CouponReleased { .. }
            | Fact::CouponUsed { .. } => (),
        }
    }

    /// What the fact changes besides the order that it names: of that, all that is counted for it is looked at.
    fn note(&mut self, fact: &Fact<'_>) {
        if let Some(order) = fact.order() {
            self.keys.push(Key::Order(order));
        }
        match fact {
            Fact::SkuChanged(sku) => self.keys.push(Key::Sku(sku.id)),
            Fact::SaleChanged { sale, skus } => {
                self.keys.push(Key::Sale(sale.id));
                self.keys.extend(skus.iter().map(|item| Key::Place(item.sku, sale.id)));
            }
            Fact::FreightChanged(rule) => self.keys.push(Key::Freight(rule.seller, rule.currency)),
            Fact::StockAdjusted(adjusted) => self.shelf(adjusted.sku, adjusted.warehouse),
            Fact::StockTransferred { sku, from, to, units: _ } => {
                self.shelf(*sku, *from);
                self.shelf(*sku, *to);
            }
            Fact::StockReturned { sku, warehouse, units: _ } => self.shelf(*sku, *warehouse),
            Fact::HoldMade { hold, units, .. } | Fact::HoldEnded { hold, units, .. } => {
                self.keys.push(Key::Hold(*hold));
                self.shelves(units);
            }
            Fact::HoldExtended { hold, until: _ } => self.keys.push(Key::Hold(*hold)),
            Fact::LetterParked { subscriber, position, .. } | Fact::LetterEnded { subscriber, position, .. } => {
                self.keys.extend([Key::Letter(*subscriber, *position), Key::Letters]);
            }
            Fact::LimitChanged(limit) => self.keys.push(Key::Limit(limit.user)),
            Fact::SwitchChanged { scope, .. } => {
                self.keys.extend([Key::Switch(*scope), Key::SwitchVersion]);
            }
            Fact::CouponDefined { coupon, skus: _ } => self.keys.push(Key::Coupon(coupon.id)),
            Fact::CouponClaimed { coupon, user } => {
                self.keys
                    .extend([Key::Shared(Shared::Quota(*coupon)), Key::CouponUser(*coupon, *user)]);
            }
            // The first of an order's payments: from here gateways speak of it.
            Fact::PaymentOpened { payment, order, .. } if *payment == PaymentId::new(*order, 1) => {
                self.keys.push(Key::Making(order.making()));
            }
            Fact::RefundRequested { order, .. } | Fact::RefundSettled { order, .. } => {
                self.keys.push(Key::FailedRefunds(*order));
            }
            Fact::OrderCreated(_)
            | Fact::StockReserved { .. }
            | Fact::StockReduced { .. }
            | Fact::StockReleased { .. }
            | Fact::StockException { .. }
            | Fact::OrderConfirmed { .. }
            | Fact::OrderCancelled { .. }
            | Fact::RefundDone { .. }
            | Fact::PaymentOpened { .. }
            | Fact::PaymentFailed { .. }
            | Fact::PaymentSuccess { .. }
            | Fact::PaymentMismatched { .. }
            | Fact::PaymentRepeated { .. }
            | Fact::PaymentOverdrawn { .. }
            | Fact::RefundFailed { .. }
            | Fact::OrderShipped { .. }
            | Fact::ShipmentTracked { .. }
            | Fact::OrderDelivered { .. }
            | Fact::AftersaleChanged(_)
            | Fact::OrderCompleted { .. }
            | Fact::CouponLocked { .. }
            | Fact::CouponReleased { .. }
            | Fact::CouponUsed { .. }
            // Cursors are no business of desks.
            | Fact::CursorMoved { .. } => (),
        }
    }
}

impl<F: Facts> Facts for Watch<'_, F> {
    fn begin(&mut self, stamp: &Stamp) {
        self.touched.keys.extend(stamp.request.map(|request| Key::Request(request.key)));
        self.facts.begin(stamp);
    }

    fn fact(&mut self, fact: &Fact<'_>) {
        self.touched.note(fact);
        self.touched.step(fact);
        self.facts.fact(fact);
    }

    fn end(&mut self) {
        self.facts.end();
    }
}

impl Desk {
    /// A decision touched these.
    pub(super) fn note(&mut self, mut touched: Touched) {
        self.steps = mem::take(&mut touched.steps);
        let mut latest = None; // Facts of one order follow each other.
        for key in touched.keys.drain(..) {
            match key {
                Key::Shared(shared) => self.add_moved(shared),
                Key::Order(order) if latest == Some(order) => (),
                Key::Order(order) => {
                    latest = Some(order);
                    self.touched.insert(key);
                    self.note_counts_of(order);
                }
                Key::Sale(sale) => {
                    self.touched.insert(key);
                    // Those that are left out of it are gone; the others come behind it.
                    let left = self.places.extract_if(.., |_, place| place.sale == sale);
                    self.touched.extend(left.map(|(_, place)| Key::Place(place.sku, place.sale)));
                }
                Key::Place(sku, sale) => {
                    self.touched.insert(key);
                    if let Some(Row::Place(place)) = self.row_of(&key) {
                        self.places.insert((sku, sale), place);
                    }
                }
                Key::Making(making) => {
                    let slot = self.ledger.orders.find_made(making);
                    let order = slot.map(|slot| self.ledger.orders.at(slot).id);
                    self.made.extend(order.map(|order| (making, order)));
                    self.touched.insert(key);
                }
                Key::CouponUser(coupon, user) => self.note_coupon_user(coupon, user),
                Key::Sku(_)
                | Key::Freight(..)
                | Key::Coupon(_)
                | Key::Limit(_)
                | Key::Switch(_)
                | Key::SwitchVersion
                | Key::Request(_)
                | Key::Count(..)
                | Key::Hold(_)
                | Key::FailedRefunds(_)
                | Key::Letter(..)
                | Key::Letters => {
                    self.touched.insert(key);
                }
            }
        }
        self.spare = touched.keys;
    }

    /// What this order may be counted in.
    fn note_counts_of(&mut self, order: OrderId) {
        let slot = self.ledger.known(order);
        let user = self.ledger.orders.at(slot).user;
        let mut at = 0;
        while let Some(line) = self.ledger.orders.line(slot, at) {
            at += 1;
            self.add_moved(Shared::Shelf(line.sku, line.warehouse));
            if line.sale != SaleId(0) {
                self.add_moved(Shared::Cap(line.sale));
                self.note_count(line.sale, user);
            }
        }
        let mut coupons = [CouponId(0); COUPONS_MAX];
        let shares = self.ledger.coupons.of_order(self.ledger.orders.coupons(slot));
        coupons.iter_mut().zip(shares).for_each(|(coupon, share)| *coupon = share.coupon);
        for coupon in coupons.into_iter().take_while(|&coupon| coupon != CouponId(0)) {
            self.add_moved(Shared::Quota(coupon));
            self.note_coupon_user(coupon, user);
        }
    }

    fn note_count(&mut self, sale: SaleId, user: UserId) {
        let now = self.ledger.counts.units(sale, user);
        if self.counted.insert((sale, user), now).unwrap_or_default() != now {
            self.touched.insert(Key::Count(sale, user));
        }
    }

    fn note_coupon_user(&mut self, coupon: CouponId, user: UserId) {
        let slot = self.ledger.coupons.find(coupon).expect("orders have known coupons");
        let now = self.ledger.coupons.taken_by(slot, user);
        if self.coupons_taken.insert((coupon, user), now).unwrap_or_default() != now {
            self.touched.insert(Key::CouponUser(coupon, user));
        }
    }
}
