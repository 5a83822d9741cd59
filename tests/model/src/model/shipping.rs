//! An order on its way, as SPEC tells it: sent in parts, signed for, complete.

use std::collections::BTreeSet;

use domain::fact::{Actor, ShelfUnits};
use domain::intent::{ConfirmReceipt, SentLine, Ship, Sign, TrackNote};
use domain::order::State;
use domain::shipment::{SHIPMENTS_OF_ORDER_MAX, Waybill, Whereabouts};
use domain::verdict::{Holdings, ShipmentView, ShipmentsView, digest_note, digest_shipment};
use domain::{Micros, MicrosUtc, OrderId, Quantity, Reason, Refusal, SkuId, UserId, Verdict};

use super::{Model, OneOrder, Subject, payments};

/// Who got an order has so long to say that something is wrong with it.
const TIME_TO_COMPLETE: Micros = Micros::from_seconds(10 * 24 * 3_600);

/// Units that went together.
#[derive(Clone, Debug)]
pub(super) struct OneShipment {
    at: MicrosUtc,
    waybill: Waybill,
    note: Option<(MicrosUtc, Whereabouts)>,
    units: Vec<ShelfUnits>,
}

/// A sku is named once in what goes together; the first that is not is to blame.
pub(super) fn named_once(lines: &[SentLine]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    match lines.iter().position(|line| !seen.insert(line.sku)) {
        Some(at) => Err(Refusal::of(Reason::InvalidField).at_line(at)),
        None => Ok(()),
    }
}

impl OneOrder {
    /// Units of this sku that went so far.
    pub(super) fn sent(&self, sku: SkuId) -> u32 {
        let units = self.shipments.iter().flat_map(|it| &it.units);
        units.filter(|it| it.sku == sku).map(|it| it.quantity.get()).sum()
    }

    /// When it counts as complete, where nobody says so before.
    pub(super) fn completes_at(&self) -> MicrosUtc {
        self.history.last().map_or(MicrosUtc(i64::MAX), |row| row.at.after(TIME_TO_COMPLETE))
    }
}

impl Model {
    pub(super) fn ship(&mut self, now: MicrosUtc, ship: &Ship<'_>) -> Result<Subject, Refusal> {
        let order = self.at_version(UserId(0), ship.order, ship.version)?;
        match order.view.brief.state {
            State::Confirmed | State::PartShipped => (),
            state @ (State::Reserving
            | State::PendingPayment
            | State::Paying
            | State::Paid
            | State::StockException
            | State::Shipped
            | State::Delivered
            | State::Completed
            | State::Failed
            | State::Cancelled
            | State::Refunding
            | State::Refunded) => return Err(payments::wrong_state(State::Shipped, state)),
        }
        let lines = &order.view.lines;
        if let Some(at) = ship.lines.iter().position(|asked| lines.iter().all(|line| line.sku != asked.sku)) {
            return Err(Refusal::of(Reason::SkuNotFound).at_line(at));
        }
        for (at, asked) in ship.lines.iter().enumerate() {
            let has: u32 =
                lines.iter().filter(|line| line.sku == asked.sku).map(|line| line.quantity.get()).sum();
            let (asked, left) = (asked.quantity.get(), has - order.sent(asked.sku));
            if asked > left {
                let refusal = Refusal::of(Reason::InsufficientStock).at_line(at);
                return Err(refusal.with(i64::from(asked), i64::from(left)));
            }
        }
        let goes = |sku: SkuId, left: u32| {
            let asked = ship.lines.iter().find(|it| it.sku == sku).map_or(0, |it| it.quantity.get());
            if ship.lines.is_empty() { left } else { asked }
        };
        let units: Vec<ShelfUnits> = (lines.iter())
            .filter_map(|line| {
                let units = goes(line.sku, line.quantity.get() - order.sent(line.sku));
                let quantity = Quantity::parse(units)?;
                Some(ShelfUnits { sku: line.sku, warehouse: line.warehouse, quantity })
            })
            .collect();
        let whole = lines.iter().all(|line| {
            let left = line.quantity.get() - order.sent(line.sku);
            goes(line.sku, left) == left
        });
        // The last shipment that an order can have leaves nothing behind.
        let so_far = order.shipments.len();
        let most = usize::from(SHIPMENTS_OF_ORDER_MAX);
        if so_far == most || so_far + 1 == most && !whole {
            return Err(Refusal::of(Reason::Overloaded));
        }
        let shipment = OneShipment { at: now, waybill: ship.waybill, note: None, units };
        if let Some(order) = self.orders.get_mut(&ship.order) {
            order.shipments.push(shipment);
        }
        let to = if whole { State::Shipped } else { State::PartShipped };
        self.move_to(now, ship.order, to, Actor::Operator(0), 0);
        Ok(Subject::Order(ship.order))
    }

    pub(super) fn track(&self, user: UserId, order: OrderId) -> Result<Verdict, Refusal> {
        let order = self.order_of(user, order)?;
        let lines = |it: &OneShipment| {
            it.units.iter().map(|it| SentLine { sku: it.sku, quantity: it.quantity }).collect()
        };
        let view = |(place, it): (usize, &OneShipment)| {
            let (noted_at, note) = it.note.unwrap_or((it.at, Whereabouts::NONE));
            let number = place as u16 + 1;
            ShipmentView { number, at: it.at, waybill: it.waybill, noted_at, note, lines: lines(it) }
        };
        let shipments = order.shipments.iter().enumerate().map(view).collect();
        Ok(Verdict::Shipments(Box::new(ShipmentsView { order: order.view.brief, shipments })))
    }

    pub(super) fn track_note(&mut self, now: MicrosUtc, asked: &TrackNote) -> Result<Subject, Refusal> {
        let there = self.order_of(UserId(0), asked.order)?.shipments.len();
        let shipment = (self.orders.get_mut(&asked.order))
            .and_then(|order| order.shipments.get_mut(usize::from(asked.number).checked_sub(1)?));
        let Some(shipment) = shipment else {
            return Err(Refusal::of(Reason::InvalidField).with(i64::from(asked.number), there as i64));
        };
        shipment.note = Some((now, asked.note));
        Ok(Subject::Order(asked.order))
    }

    pub(super) fn sign(&mut self, now: MicrosUtc, sign: &Sign) -> Result<Subject, Refusal> {
        let state = self.at_version(UserId(0), sign.order, sign.version)?.view.brief.state;
        if state != State::Shipped {
            return Err(payments::wrong_state(State::Delivered, state));
        }
        self.move_to(now, sign.order, State::Delivered, Actor::Operator(0), 0);
        Ok(Subject::Order(sign.order))
    }

    pub(super) fn confirm_receipt(
        &mut self,
        now: MicrosUtc,
        confirm: &ConfirmReceipt,
    ) -> Result<Subject, Refusal> {
        let state = self.at_version(confirm.user, confirm.order, confirm.version)?.view.brief.state;
        if state != State::Delivered {
            return Err(payments::wrong_state(State::Completed, state));
        }
        let actor = match confirm.user {
            UserId(0) => Actor::Operator(0),
            user => Actor::User(user),
        };
        self.move_to(now, confirm.order, State::Completed, actor, 0);
        Ok(Subject::Order(confirm.order))
    }

    pub(super) fn count_shipments(&self, holdings: &mut Holdings) {
        for (id, order) in &self.orders {
            for (place, it) in order.shipments.iter().enumerate() {
                let number = place as u16 + 1;
                let row = digest_shipment(*id, number, it.at, &it.waybill, &it.units);
                let noted = it.note.map_or(0, |(at, note)| digest_note(*id, number, at, &note));
                holdings.shipments += 1;
                holdings.shipments_digest = holdings.shipments_digest.wrapping_add(row).wrapping_add(noted);
            }
        }
    }

    fn at_version(&self, user: UserId, order: OrderId, version: u32) -> Result<&OneOrder, Refusal> {
        let found = self.order_of(user, order)?;
        let there = found.view.brief.version;
        if version != 0 && version != there {
            return Err(Refusal::of(Reason::VersionConflict).with(i64::from(version), i64::from(there)));
        }
        Ok(found)
    }
}
