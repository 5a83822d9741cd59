//! What each fact does to the ledger, live and replayed. Nothing here decides or fails: a fact is true.

use crate::fact::{CancelReason, Fact, Line, OrderCreated, ShelfUnits, Stamp, StockAdjusted};
use crate::hold::{Hold, HoldEnd, HoldState};
use crate::ids::{OrderId, SaleId, UserId};
use crate::image::flat;
use crate::ledger::Ledger;
use crate::ledger::coupons::Taking;
use crate::ledger::orders::{LiveOrder, NONE, Orders};
use crate::ledger::requests::Subject;
use crate::ledger::timers::{Timed, TimedRows};
use crate::order::{self, State};
use crate::payment::PaymentState;
use crate::shelf::Shelf;
use crate::verdict::digest_order;

/// Sums over all orders, kept as they change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    /// By state number − 1.
    pub(crate) orders: [u64; 14],
    pub(crate) totals: [i64; 14],
    pub(crate) digest: u64,
}

flat! { Sums { orders: [u64; 14], totals: [i64; 14], digest: u64 } }

impl Sums {
    #[inline]
    pub(super) fn add(&mut self, order: &LiveOrder) {
        let state = usize::from(order.state.number()) - 1;
        self.orders[state] += 1;
        self.totals[state] = self.totals[state].wrapping_add(order.total.0);
        self.digest = self.digest.wrapping_add(digest_of(order));
    }

    fn take(&mut self, order: &LiveOrder) {
        let state = usize::from(order.state.number()) - 1;
        self.orders[state] -= 1;
        self.totals[state] = self.totals[state].wrapping_sub(order.total.0);
        self.digest = self.digest.wrapping_sub(digest_of(order));
    }
}

#[inline]
fn digest_of(order: &LiveOrder) -> u64 {
    digest_order(order.id, order.user, order.state, order.version, order.total)
}

impl Ledger {
    /// The one way in which a ledger changes.
    ///
    /// The facts that can begin an entry (those that remember its request) are those that say so here; the ones
    /// that only follow in an entry do not.
    #[inline]
    pub(super) fn evolve(&mut self, stamp: &Stamp, fact: &Fact<'_>) {
        self.at = self.at.max(stamp.at);
        if self.rests {
            self.touch(fact);
        }
        match fact {
            Fact::OrderCreated(created) => self.order_created(stamp, created),
            Fact::StockReserved { units, .. } => self.change_shelves(units, Shelf::hold),
            Fact::StockReduced { units, .. } => self.change_shelves(units, Shelf::sell),
            Fact::StockReleased { units, .. } => self.change_shelves(units, Shelf::release),
            Fact::OrderConfirmed { order, version } => {
                let slot = self.known(*order);
                let before = self.orders.at(slot).state;
                if before == State::Cancelled {
                    self.take_counts_again(slot);
                }
                self.transit(stamp, slot, State::Confirmed, *version, 0);
                // Elsewhere the order's making, or its money, has remembered the request.
                if before == State::StockException {
                    self.remember(stamp, Subject::order(*order));
                }
            }
            Fact::StockException { order, version, units } => {
                self.change_shelves(units, Shelf::release);
                let slot = self.known(*order);
                self.transit(stamp, slot, State::StockException, *version, 0);
            }
            Fact::OrderCancelled { order, version, reason, why } => {
                // All end the same way; the reason is the actor's, and matters when money comes late.
                let (CancelReason::User | CancelReason::Timer | CancelReason::Operator | CancelReason::Risk) =
                    reason;
                let slot = self.known(*order);
                self.transit(stamp, slot, State::Cancelled, *version, *why);
                self.give_back_counts(slot);
                self.remember(stamp, Subject::order(*order));
            }
            Fact::RefundDone { order, version, amount: _, why } => {
                let slot = self.known(*order);
                let counted = self.is_counted(slot);
                self.transit(stamp, slot, State::Refunded, *version, *why);
                if counted {
                    self.give_back_counts(slot);
                }
                self.remember(stamp, Subject::order(*order));
            }
            Fact::CursorMoved { name, position, forgotten } => {
                self.cursor_moved(*name, *position, *forgotten);
                self.requests.advance(stamp.at);
            }
            Fact::LetterParked { subscriber, position, reason } => {
                self.letters.park(stamp.at, (*subscriber, *position), *reason);
                self.remember(stamp, Subject::Letters);
            }
            Fact::LetterEnded { subscriber, position, retried: _ } => {
                self.letters.end(*subscriber, *position);
                self.remember(stamp, Subject::Letters);
            }
            Fact::LimitChanged(limit) => self.limit_changed(stamp, limit),
            Fact::SwitchChanged { scope, stops, version, note } => {
                self.switch_changed(stamp, (*scope, *stops), *version, *note);
            }
            Fact::SkuChanged(sku) => {
                let slot = self.goods.put_sku(*sku);
                self.remember(stamp, Subject::Sku(slot));
            }
            Fact::SaleChanged { sale, skus } => {
                let slot = self.goods.put_sale(*sale, skus);
                self.remember(stamp, Subject::Sale(slot));
            }
            Fact::FreightChanged(rule) => {
                let slot = self.freight.put(*rule);
                self.remember(stamp, Subject::Freight(slot));
            }
            Fact::StockAdjusted(change) => self.stock_adjusted(stamp, change),
            Fact::HoldMade { hold, user, until, units } => {
                let hold = Hold { id: *hold, user: *user, state: HoldState::Open, until: *until };
                self.hold_made(stamp, hold, units);
            }
            Fact::HoldExtended { hold, until } => {
                let slot = self.known_hold(*hold);
                self.disarm(Timed::Hold(slot));
                self.holds.at_mut(slot).hold.until = *until;
                self.arm(Timed::Hold(slot));
                self.remember(stamp, Subject::Hold(slot));
            }
            Fact::HoldEnded { hold, end, units } => self.hold_ended(stamp, *hold, *end, units),
            Fact::StockTransferred { sku, from, to, units } => {
                let from = self.goods.shelf_or_new(*sku, *from);
                let to = self.goods.shelf_or_new(*sku, *to);
                self.goods.change_shelf(from, |shelf| shelf.send(*units));
                self.goods.change_shelf(to, |shelf| shelf.receive(*units));
                self.remember(stamp, Subject::Shelves { from, to });
            }
            Fact::StockReturned { sku, warehouse, units } => {
                let slot = self.goods.shelf_or_new(*sku, *warehouse);
                self.goods.change_shelf(slot, |shelf| shelf.take_back(*units));
                self.remember(stamp, Subject::Shelf(slot));
            }
            Fact::PaymentOpened { payment, order, version, gateway, pay_until } => {
                self.payment_opened(stamp, (*payment, *order), *version, *gateway, *pay_until);
            }
            Fact::PaymentFailed { payment, order, version, by_gateway } => {
                self.payment_failed(stamp, (*payment, *order), *version, *by_gateway);
            }
            Fact::PaymentSuccess { payment, order, amount, reference, surplus } => {
                let currency = self.orders.at(self.known(*order)).currency;
                let state = if *surplus { PaymentState::Surplus } else { PaymentState::Paid };
                self.money_arrived(stamp, *payment, state, (*amount, currency), *reference);
            }
            Fact::PaymentMismatched { payment, order: _, amount, currency, reference } => {
                let state = PaymentState::Mismatched;
                self.money_arrived(stamp, *payment, state, (*amount, *currency), *reference);
            }
            Fact::PaymentRepeated { payment, order, attempt, amount, currency, reference } => {
                let money = (*amount, *currency);
                self.money_came_again((*payment, *order), *attempt, money, *reference, stamp);
            }
            // The refund before it has booked the money.
            Fact::PaymentOverdrawn { .. } => (),
            Fact::RefundRequested { payment, order, version, number, amount, currency: _, reason, why } => {
                self.refund_requested(stamp, (*payment, *order), *version, (*number, *amount), *reason, *why);
            }
            Fact::RefundFailed { payment, .. } => {
                let slot = self.known_payment(*payment);
                self.payments.change(slot, |it| it.money = it.money.refund_failed());
                self.requests.advance(stamp.at);
            }
            Fact::CouponDefined { coupon, skus } => self.coupon_defined(stamp, *coupon, skus),
            Fact::CouponClaimed { coupon, user } => self.coupon_claimed(stamp, *coupon, *user),
            Fact::CouponLocked { order, coupons } => self.coupons_taken(*order, coupons, Taking::Locked),
            Fact::CouponReleased { order, coupons } => self.coupons_taken(*order, coupons, Taking::Released),
            Fact::CouponUsed { order, coupons } => self.coupons_taken(*order, coupons, Taking::Used),
            Fact::RefundSettled { payment, order: _, number, amount, currency: _ } => {
                self.money_went_back(*payment, *number, *amount);
                self.requests.advance(stamp.at);
            }
            Fact::OrderShipped { order, version, number, whole, waybill, units } => {
                self.order_shipped(stamp, (*order, *version), (*number, *whole), *waybill, units);
            }
            Fact::AftersaleChanged(case) => self.aftersale_changed(stamp, case),
            Fact::ShipmentTracked { order, number, note } => {
                self.shipment_tracked(stamp, *order, *number, *note);
            }
            Fact::OrderDelivered { order, version } => {
                self.order_moved(stamp, *order, *version, State::Delivered);
            }
            Fact::OrderCompleted { order, version } => {
                self.order_moved(stamp, *order, *version, State::Completed);
            }
        }
    }

    #[inline]
    fn order_created(&mut self, stamp: &Stamp, created: &OrderCreated<'_>) {
        let request = stamp.request.expect("an order is made by a request");
        let slot = self.orders.add(stamp.at, request, created);
        self.ids.used(created.order);
        self.requests.remember_order(stamp.at, request.key, created.order);
        self.leave_holds();
        self.arm(Timed::Order(slot));
        self.can_end += 1;
        self.unopened += 1;
        self.rows_kept += order::rows_kept(State::PendingPayment, false);
        self.sums.add(self.orders.at(slot));
        for line in created.lines {
            self.count_units(created.user, line);
        }
    }

    #[inline]
    fn count_units(&mut self, user: UserId, line: &Line) {
        if line.sale != SaleId(0) {
            self.counts.add(line.sale, user, line.quantity.units());
            let sale = self.goods.find_sale(line.sale).expect("lines name known sales");
            self.goods.sale_mut(sale).taken_units += line.quantity.units();
        }
    }

    fn hold_made(&mut self, stamp: &Stamp, hold: Hold, units: &[ShelfUnits]) {
        let made = stamp.request.expect("a hold is made by a request").key.id.time();
        let slot = self.holds.add(hold, made, units);
        self.ids.used(OrderId(hold.id));
        self.arm(Timed::Hold(slot));
        self.change_shelves(units, Shelf::hold);
        self.remember(stamp, Subject::Hold(slot));
    }

    fn hold_ended(&mut self, stamp: &Stamp, hold: u64, end: HoldEnd, units: &[ShelfUnits]) {
        let slot = self.known_hold(hold);
        self.disarm(Timed::Hold(slot));
        match end {
            HoldEnd::Committed => self.change_shelves(units, Shelf::sell),
            HoldEnd::Taken | HoldEnd::Released | HoldEnd::Expired => {
                self.change_shelves(units, Shelf::release);
            }
        }
        // Of a hold that was taken over, the request made the order that follows and is remembered there.
        if end != HoldEnd::Taken {
            self.remember(stamp, Subject::Hold(slot));
        }
        self.holds.end(slot, end.state());
    }

    fn stock_adjusted(&mut self, stamp: &Stamp, change: &StockAdjusted) {
        let slot = self.goods.shelf_or_new(change.sku, change.warehouse);
        self.goods.change_shelf(slot, |shelf| shelf.adjust(change));
        // Units of an order come back behind the fact that ended it, which remembered the request.
        if change.order == OrderId(0) {
            self.remember(stamp, Subject::Shelf(slot));
        }
    }

    #[inline]
    fn change_shelves(&mut self, units: &[ShelfUnits], change: impl Fn(Shelf, u64) -> Shelf) {
        for &ShelfUnits { sku, warehouse, quantity } in units {
            let slot = self.goods.find_shelf(sku, warehouse).expect("units of orders are on known shelves");
            self.goods.change_shelf(slot, |shelf| change(shelf, quantity.units()));
        }
    }

    pub(super) fn transit(&mut self, stamp: &Stamp, slot: u32, to: State, version: u32, why: u16) {
        let order = self.orders.at(slot);
        assert!(version == order.version + 1, "each transition adds one to the version: {order:?}");
        let has_payments = self.orders.newest_payment(slot) != NONE;
        self.can_end -= usize::from(order::can_end(order.state));
        self.unopened -= usize::from(!has_payments && order.state == State::PendingPayment);
        self.rows_kept -= order::rows_kept(order.state, has_payments);
        self.sums.take(order);
        if order::is_timed(order.state) && !order::is_timed(to) {
            self.disarm(Timed::Order(slot));
        }
        if order::waits_for_completion(self.orders.at(slot).state) {
            self.completions.remove(self.orders.delivered_at(slot), slot);
        }
        self.orders.transit(slot, to, version, stamp.at, stamp.actor, why);
        if order::waits_for_completion(to) {
            self.completions.add(stamp.at, slot);
        }
        self.sums.add(self.orders.at(slot));
        self.can_end += usize::from(order::can_end(to));
        self.rows_kept += order::rows_kept(to, has_payments);
    }

    fn take_counts_again(&mut self, slot: u32) {
        let user = self.orders.at(slot).user;
        let mut at = 0;
        while let Some(line) = self.orders.line(slot, at) {
            at += 1;
            self.count_units(user, &line);
        }
    }

    fn give_back_counts(&mut self, slot: u32) {
        let user = self.orders.at(slot).user;
        let mut at = 0;
        while let Some(Line { sale, quantity, .. }) = self.orders.line(slot, at) {
            at += 1;
            if sale == SaleId(0) {
                continue;
            }
            self.counts.give_back(sale, user, quantity.units());
            let sale = self.goods.find_sale(sale).expect("lines name known sales");
            self.goods.sale_mut(sale).taken_units -= quantity.units();
        }
    }

    /// Timers have no request.
    pub(super) fn remember(&mut self, stamp: &Stamp, subject: Subject) {
        match stamp.request {
            Some(request) => {
                self.requests.remember_change(stamp.at, request, subject);
                if let Subject::Hold(slot) = subject {
                    self.holds.remembered(slot);
                }
            }
            None => self.requests.advance(stamp.at),
        }
        self.leave_holds();
    }

    /// Lets go of holds that no request leads to any more.
    #[inline]
    pub(super) fn leave_holds(&mut self) {
        while let Some(slot) = self.requests.left_hold() {
            self.holds.forgotten(slot);
        }
    }

    #[inline]
    pub(super) fn arm(&mut self, timed: Timed) {
        self.timers.arm(TimedRows { orders: &mut self.orders, holds: &mut self.holds }, timed);
    }

    pub(super) fn disarm(&mut self, timed: Timed) {
        self.timers.disarm(TimedRows { orders: &mut self.orders, holds: &mut self.holds }, timed);
    }

    fn known_hold(&self, hold: u64) -> u32 {
        self.holds.find(hold).expect("facts name holds that were made")
    }

    pub(super) fn known(&self, order: OrderId) -> u32 {
        Orders::find(&self.orders, order).expect("facts name orders that were created")
    }
}
