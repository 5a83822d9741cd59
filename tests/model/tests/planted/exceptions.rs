//! Faults around orders that were paid while their units were gone.

use domain::fact::{Actor, Fact, OrderCreated, RefundReason, ShelfUnits};
use domain::intent::AdjustReason;
use domain::{GatewayId, MicrosUtc, MinorUnits, PaymentId};

use super::{EURO, Journal, Names, PLAIN, line, operator, quantity, units_of, user};

const GATEWAY: GatewayId = GatewayId(1);

/// Paid orders that wait for people, and what people do.
pub fn paid_orders_whose_units_are_gone(names: &mut Names<'_>) {
    names(&[], &|journal| {
        let order = excepted(journal);
        finds(journal, 3);
        restocks(journal, &order, operator());
    });
    names(&[], &|journal| {
        let order = excepted(journal);
        sends_back(journal, &order, &[]);
    });
    names(&["shelves"], &|journal| {
        journal.adjusts(|lost| (lost.on_hand_delta, lost.reason) = (1, AdjustReason::Lost));
    });
    names(&["oversold"], &|journal| {
        short(journal);
        journal.creates(&[line(PLAIN, 1)], |_| ());
    });
    names(&["oversold"], &|journal| {
        let (order, units) = short(journal);
        let sold = Fact::StockReduced { order: order.order, units: &units };
        paid(journal, &order, &[sold, Fact::OrderConfirmed { order: order.order, version: 3 }]);
    });
    names(&["oversold"], &|journal| {
        let order = excepted(journal);
        restocks(journal, &order, operator());
    });
    names(&["exceptions"], &|journal| {
        let order = journal.creates(&[line(PLAIN, 4)], |_| ());
        let units = units_of(&order);
        paid(journal, &order, &[Fact::StockException { order: order.order, version: 3, units: &units }]);
    });
    names(&["units"], &|journal| {
        let (order, mut units) = short(journal);
        units[0].quantity = quantity(3);
        paid(journal, &order, &[Fact::StockException { order: order.order, version: 3, units: &units }]);
    });
    names(&["entries"], &|journal| {
        let (order, units) = short(journal);
        let (order_id, units) = (order.order, &units);
        let excepted = Fact::StockException { order: order_id, version: 3, units };
        paid(journal, &order, &[excepted, Fact::StockReleased { order: order_id, units }]);
    });
    names(&["transitions"], &|journal| {
        let order = excepted(journal);
        finds(journal, 3);
        restocks(journal, &order, user());
    });
    names(&["entries", "units"], &|journal| {
        let order = excepted(journal);
        let mut back = super::units_in(PLAIN, 4);
        (back.reason, back.order) = (AdjustReason::Returned, order.order);
        sends_back(journal, &order, &[Fact::StockAdjusted(back)]);
    });
}

/// An order of 4 units, on a shelf that has 1 left.
fn short(journal: &mut Journal<'_>) -> (OrderCreated<'static>, Vec<ShelfUnits>) {
    let order = journal.creates(&[line(PLAIN, 4)], |_| ());
    journal.adjusts(|lost| (lost.on_hand_delta, lost.reason) = (-9, AdjustReason::Lost));
    (order, units_of(&order))
}

fn excepted(journal: &mut Journal<'_>) -> OrderCreated<'static> {
    let (order, units) = short(journal);
    paid(journal, &order, &[Fact::StockException { order: order.order, version: 3, units: &units }]);
    order
}

/// The order's money comes, and does this.
fn paid(journal: &mut Journal<'_>, order: &OrderCreated<'_>, then: &[Fact<'_>]) {
    let (payment, order, amount) = (PaymentId::new(order.order, 1), order.order, order.total);
    let (gateway, pay_until) = (GATEWAY, MicrosUtc(i64::MAX));
    journal.by(user(), &[Fact::PaymentOpened { payment, order, version: 2, gateway, pay_until }]);
    let success = Fact::PaymentSuccess { payment, order, amount, reference: 1, surplus: false };
    journal.by(Actor::Gateway(GATEWAY), &[&[success], then].concat());
}

fn finds(journal: &mut Journal<'_>, units: i64) {
    journal.adjusts(|found| found.on_hand_delta = units);
}

fn restocks(journal: &mut Journal<'_>, order: &OrderCreated<'_>, by: Actor) {
    let (units, order) = (units_of(order), order.order);
    let held = Fact::StockReserved { order, units: &units };
    let sold = Fact::StockReduced { order, units: &units };
    journal.by(by, &[held, sold, Fact::OrderConfirmed { order, version: 4 }]);
}

/// The buyer cancels, and the money goes back; this goes with it.
fn sends_back(journal: &mut Journal<'_>, order: &OrderCreated<'_>, beside: &[Fact<'_>]) {
    let (payment, order, amount) = (PaymentId::new(order.order, 1), order.order, order.total);
    let (number, currency, reason) = (1, EURO, RefundReason::Cancelled);
    let asked =
        Fact::RefundRequested { payment, order, version: 4, number, amount, currency, reason, why: 0 };
    journal.by(user(), &[asked]);
    let settled = Fact::RefundSettled { payment, order, number, amount, currency };
    let done = Fact::RefundDone { order, version: 5, amount: MinorUnits(1_000), why: 0 };
    journal.by(Actor::Gateway(GATEWAY), &[&[settled, done], beside].concat());
}
