//! Orders on their way from fact to fact: what was sent of them, and that it arrived.

use domain::fact::{Actor, ShelfUnits};
use domain::order::State;
use domain::shipment::{SHIPMENTS_OF_ORDER_MAX, Waybill, Whereabouts};
use domain::verdict::{Holdings, digest_note, digest_shipment};
use domain::{MicrosUtc, OrderId, Stamp};

use super::Auditor;
use super::books::{LineBook, OrderBook};
use super::orders::Together;
use super::tally::Rule;

impl OrderBook {
    /// What was not sent of each line, where that is anything.
    pub(super) fn left_to_send(&self) -> Vec<LineBook> {
        let left =
            |(line, sent): (&LineBook, &u32)| LineBook { units: line.units.saturating_sub(*sent), ..*line };
        self.lines.iter().zip(&self.sent).map(left).filter(|line| line.units > 0).collect()
    }

    /// Adds what was sent; says whether it was all of the order's, and not more than that.
    pub(super) fn send(&mut self, units: &[ShelfUnits]) -> bool {
        let mut right = !units.is_empty();
        let mut from = 0;
        for it in units {
            let is_of = |line: &LineBook| (line.sku, line.warehouse) == (it.sku, it.warehouse);
            let Some(at) = self.lines.iter().skip(from).position(is_of).map(|at| from + at) else {
                right = false;
                continue;
            };
            let sent = self.sent[at].saturating_add(it.quantity.get());
            right &= sent <= self.lines[at].units;
            self.sent[at] = sent.min(self.lines[at].units);
            from = at + 1;
        }
        right
    }
}

impl Auditor {
    pub(super) fn order_shipped(
        &mut self,
        stamp: &Stamp,
        (id, version): (OrderId, u32),
        (number, whole): (u16, bool),
        waybill: &Waybill,
        units: &[ShelfUnits],
        together: &mut Together,
    ) {
        self.by_an_operator(stamp);
        together.asked_for += 1;
        let to = if whole { State::Shipped } else { State::PartShipped };
        let may = |order: &OrderBook| matches!(order.state, State::Confirmed | State::PartShipped);
        if !self.step(id, to, version, may, together) {
            return;
        }
        let Some(order) = self.books.orders.get_mut(&id) else { return };
        let counts = usize::from(number) == order.shipments.len() + 1 && number <= SHIPMENTS_OF_ORDER_MAX;
        let right = counts && order.send(units) && order.left_to_send().is_empty() == whole;
        order.shipments.push(None);
        self.books.shipments += 1;
        let row = digest_shipment(id, number, stamp.at, waybill, units);
        self.books.shipments_digest = self.books.shipments_digest.wrapping_add(row);
        self.tally.check(Rule::Shipments, right, || {
            format!("shipment {number} of order {} sent {units:?}, whole: {whole}", id.0)
        });
    }

    pub(super) fn shipment_tracked(
        &mut self,
        stamp: &Stamp,
        id: OrderId,
        number: u16,
        note: Whereabouts,
        together: &mut Together,
    ) {
        self.by_an_operator(stamp);
        together.asked_for += 1;
        let shipment = (self.books.orders.get_mut(&id))
            .and_then(|order| order.shipments.get_mut(usize::from(number).checked_sub(1)?));
        let there = shipment.is_some();
        if let Some(shipment) = shipment {
            let digest = |(at, note): (MicrosUtc, Whereabouts)| digest_note(id, number, at, &note);
            let (now, before) = ((stamp.at, note), shipment.map_or(0, digest));
            *shipment = Some(now);
            let sum = self.books.shipments_digest.wrapping_sub(before).wrapping_add(digest(now));
            self.books.shipments_digest = sum;
        } else {
            together.of(id).blame();
        }
        self.tally.check(Rule::Shipments, there, || format!("order {} has no shipment {number}", id.0));
    }

    pub(super) fn order_delivered(
        &mut self,
        stamp: &Stamp,
        id: OrderId,
        version: u32,
        together: &mut Together,
    ) {
        self.by_an_operator(stamp);
        together.asked_for += 1;
        self.step(id, State::Delivered, version, |order| order.state == State::Shipped, together);
    }

    pub(super) fn order_completed(
        &mut self,
        stamp: &Stamp,
        id: OrderId,
        version: u32,
        together: &mut Together,
    ) {
        match stamp.actor {
            Actor::Timer => together.by_timer += 1,
            Actor::User(_) | Actor::Operator(_) | Actor::Gateway(_) => together.asked_for += 1,
        }
        let by_whom = match stamp.actor {
            Actor::User(user) => self.books.orders.get(&id).is_some_and(|order| order.user == user),
            Actor::Operator(_) | Actor::Timer => true,
            Actor::Gateway(_) => false,
        };
        self.tally.check(Rule::Entries, by_whom, || format!("order {} completed by {:?}", id.0, stamp.actor));
        self.step(id, State::Completed, version, |order| order.state == State::Delivered, together);
    }

    pub(super) fn compare_shipments(&mut self, holdings: &Holdings) {
        let ours = (self.books.shipments, self.books.shipments_digest);
        let theirs = (holdings.shipments, holdings.shipments_digest);
        self.tally.check(Rule::StoreShipments, ours == theirs, || {
            format!("the store has {} shipments, the facts make {}, or other ones", theirs.0, ours.0)
        });
    }
}
