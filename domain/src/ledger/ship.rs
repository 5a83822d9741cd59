//! Sending an order, in parts or at once, and its way to the buyer.

use alloc::vec::Vec;

use crate::fact::{Actor, Fact, Facts, Request, RequestKey, ShelfUnits, Stamp};
use crate::ids::{OrderId, TraceId, UserId};
use crate::intent::{ConfirmReceipt, Intent, SentLine, Ship, Sign, TrackNote};
use crate::ledger::orders::NONE;
use crate::ledger::pay::acting;
use crate::ledger::requests::Subject;
use crate::ledger::shipments::Shipments;
use crate::ledger::{Ledger, by_operator};
use crate::order::{self, Event, State};
use crate::refusal::{Reason, Refusal};
use crate::shipment::{self, SHIPMENTS_OF_ORDER_MAX, Waybill, Whereabouts};
use crate::units::{Micros, MicrosUtc, Quantity};
use crate::verdict::{ShipmentView, ShipmentsView, Verdict};

impl Ledger {
    pub(super) fn ship(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        ship: &Ship<'_>,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        shipment::judge_named_once(ship.lines)?;
        let key = RequestKey { who: UserId(0), id: ship.request };
        let body = Intent::Ship(*ship).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.order_of(UserId(0), ship.order)?;
        self.judge_step(slot, ship.version, Event::AllSent)?;
        self.judge_sent_lines(slot, ship.lines)?;
        let mut units = self.scratch.take_units();
        let whole = self.plan_shipment(slot, ship.lines, &mut units);
        let event = if whole { Event::AllSent } else { Event::PartSent };
        let number = self.shipments_of(slot) + 1;
        let room = self.judge_room_for_shipment(slot, event, number, units.len());
        if let Err(full) = room.and_then(|()| self.judge_room_for_change(now)) {
            self.scratch.put_units_back(units);
            return Err(full);
        }

        // Doing.
        let (order, version) = (ship.order, self.orders.at(slot).version + 1);
        let stamp = by_operator(now, trace, key, body);
        let waybill = ship.waybill;
        let shipped = Fact::OrderShipped { order, version, number, whole, waybill, units: &units };
        self.enter_one(&stamp, &shipped, facts);
        self.scratch.put_units_back(units);
        Ok(Verdict::Order(self.orders.at(slot).brief()))
    }

    pub(super) fn sign(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        sign: &Sign,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        let key = RequestKey { who: UserId(0), id: sign.request };
        let body = Intent::Sign(*sign).body_hash();
        let stamp = by_operator(now, trace, key, body);
        self.move_on(&stamp, (UserId(0), sign.order, sign.version), Event::Signed, facts)
    }

    pub(super) fn confirm_receipt(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        confirm: &ConfirmReceipt,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        let ConfirmReceipt { user, request, order, version } = *confirm;
        let key = RequestKey { who: user, id: request };
        let body = Intent::ConfirmReceipt(*confirm).body_hash();
        let stamp = Stamp { at: now, actor: acting(user), request: Some(Request { key, body }), trace };
        self.move_on(&stamp, (user, order, version), Event::Received, facts)
    }

    pub(super) fn track(&self, user: UserId, order: OrderId) -> Result<Verdict, Refusal> {
        let slot = self.order_of(user, order)?;
        let newest = self.orders.newest_shipment(slot);
        let mut shipments: Vec<_> = self.shipments.newest_first(newest).collect();
        shipments.reverse();
        let view = |it: &&super::shipments::Shipment| ShipmentView {
            number: it.number,
            at: it.at,
            waybill: it.waybill,
            noted_at: self.shipments.note(it).0,
            note: self.shipments.note(it).1,
            lines: (self.orders.lines(slot).enumerate())
                .filter_map(|(at, line)| {
                    let quantity = Quantity::parse(self.shipments.units(it, at, line.quantity))?;
                    Some(SentLine { sku: line.sku, quantity })
                })
                .collect(),
        };
        let shipments = shipments.iter().map(view).collect();
        Ok(Verdict::Shipments(ShipmentsView { order: self.orders.at(slot).brief(), shipments }.into()))
    }

    pub(super) fn note_tracking(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        asked: &TrackNote,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let TrackNote { request, order, number, note } = *asked;
        let key = RequestKey { who: UserId(0), id: request };
        let body = Intent::TrackNote(*asked).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.order_of(UserId(0), order)?;
        let there = self.shipments_of(slot);
        if number == 0 || number > there {
            return Err(Refusal::of(Reason::InvalidField).with(i64::from(number), i64::from(there)));
        }
        self.judge_room_for_change(now)?;

        // Doing.
        let stamp = by_operator(now, trace, key, body);
        self.enter_one(&stamp, &Fact::ShipmentTracked { order, number, note }, facts);
        Ok(Verdict::Order(self.orders.at(slot).brief()))
    }

    /// When the next delivered order counts as complete, and which.
    pub(super) fn next_completion(&self) -> Option<(MicrosUtc, u32)> {
        let (delivered_at, slot) = self.completions.next().filter(|_| self.rules.completion > Micros(0))?;
        Some((delivered_at.after(self.rules.completion), slot))
    }

    /// The time after this order's delivery is over.
    pub(super) fn complete_one(&mut self, now: MicrosUtc, slot: u32, facts: &mut impl Facts) {
        let order = self.orders.at(slot);
        let completed = Fact::OrderCompleted { order: order.id, version: order.version + 1 };
        let stamp = Stamp { at: now, actor: Actor::Timer, request: None, trace: TraceId(0) };
        self.enter_one(&stamp, &completed, facts);
    }

    /// One step of an order that was asked for and takes nothing but a word: SIGN, CONFIRM_RECEIPT.
    fn move_on(
        &mut self,
        stamp: &Stamp,
        (user, order, version): (UserId, OrderId, u32),
        event: Event,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let Request { key, body } = stamp.request.expect("somebody asked for it");
        if let Some(answer) = self.asked_before(stamp.at, key, || body)? {
            return Ok(answer);
        }
        let slot = self.order_of(user, order)?;
        self.judge_step(slot, version, event)?;
        self.judge_room_for_step(slot, event)?;
        self.judge_room_for_change(stamp.at)?;

        // Doing.
        let version = self.orders.at(slot).version + 1;
        let fact = match event {
            Event::Signed => Fact::OrderDelivered { order, version },
            Event::Received => Fact::OrderCompleted { order, version },
            Event::Settled
            | Event::TimedOut
            | Event::Cancel
            | Event::CancelFree
            | Event::TakenBack
            | Event::TakenBackFree
            | Event::AttemptOpened
            | Event::AttemptFailed
            | Event::SettledLate
            | Event::SentBackLate
            | Event::AllRefunded
            | Event::PartSent
            | Event::AllSent
            | Event::UnitsGone
            | Event::Restocked => unreachable!("this takes more than a word"),
        };
        self.enter_one(stamp, &fact, facts);
        Ok(Verdict::Order(self.orders.at(slot).brief()))
    }

    /// Version, then state.
    fn judge_step(&self, slot: u32, version: u32, event: Event) -> Result<(), Refusal> {
        let order = self.orders.at(slot);
        if version != 0 && version != order.version {
            let (asked, there) = (i64::from(version), i64::from(order.version));
            return Err(Refusal::of(Reason::VersionConflict).with(asked, there));
        }
        match order::step(order.state, event) {
            Ok(_) => Ok(()),
            Err(wrong) => {
                let (wanted, is) = (i64::from(wrong.wanted.number()), i64::from(wrong.is.number()));
                Err(Refusal::of(Reason::WrongState).with(wanted, is))
            }
        }
    }

    /// Each line is the order's, then each has so many units left.
    fn judge_sent_lines(&self, slot: u32, lines: &[SentLine]) -> Result<(), Refusal> {
        let find = |sku| self.orders.lines(slot).enumerate().find(|(_, line)| line.sku == sku);
        if let Some(unknown) = lines.iter().position(|line| find(line.sku).is_none()) {
            return Err(Refusal::of(Reason::SkuNotFound).at_line(unknown));
        }
        for (at, asked) in lines.iter().enumerate() {
            let (place, line) = find(asked.sku).expect("all lines were found");
            let sent = self.sent_of_line(slot, place, line.quantity);
            shipment::judge_units(at, asked.quantity.get(), line.quantity.get(), sent)?;
        }
        Ok(())
    }

    /// What goes, in the order of the order's lines; says whether nothing is left behind it.
    fn plan_shipment(&self, slot: u32, lines: &[SentLine], units: &mut Vec<ShelfUnits>) -> bool {
        let mut whole = true;
        for (at, line) in self.orders.lines(slot).enumerate() {
            let left = line.quantity.get() - self.sent_of_line(slot, at, line.quantity);
            let asked = lines.iter().find(|it| it.sku == line.sku).map(|it| it.quantity.get());
            let goes = if lines.is_empty() { left } else { asked.unwrap_or(0) };
            whole &= goes == left;
            if let Some(quantity) = Quantity::parse(goes) {
                units.push(ShelfUnits { sku: line.sku, warehouse: line.warehouse, quantity });
            }
        }
        whole
    }

    /// What was not sent of the order, in room that goes back to the scratch.
    pub(super) fn units_left_to_send(&mut self, slot: u32) -> Vec<ShelfUnits> {
        let mut units = self.scratch.take_units();
        self.plan_shipment(slot, &[], &mut units);
        units
    }

    /// Units of the line at this place that went so far.
    pub(super) fn sent_of_line(&self, slot: u32, line: usize, has: Quantity) -> u32 {
        let shipments = self.shipments.newest_first(self.orders.newest_shipment(slot));
        shipments.map(|it| self.shipments.units(it, line, has)).sum()
    }

    fn shipments_of(&self, slot: u32) -> u16 {
        self.shipments.newest_first(self.orders.newest_shipment(slot)).next().map_or(0, |it| it.number)
    }

    fn judge_room_for_shipment(
        &self,
        slot: u32,
        event: Event,
        number: u16,
        lines: usize,
    ) -> Result<(), Refusal> {
        let arena_lines = Shipments::arena_lines(number, event == Event::AllSent, lines);
        // The last one that an order can have must be the one that ends it: no part is left behind.
        let numbers =
            if event == Event::AllSent { SHIPMENTS_OF_ORDER_MAX } else { SHIPMENTS_OF_ORDER_MAX - 1 };
        let fits = number <= numbers
            && self.shipments.has_room(&self.bounds)
            && self.shipments.has_room_for_lines(&self.bounds, arena_lines);
        if !fits {
            return Err(Refusal::of(Reason::Overloaded));
        }
        self.judge_room_for_step(slot, event)
    }

    /// Whether a history row for this step fits, besides what is kept before and behind it.
    fn judge_room_for_step(&self, slot: u32, event: Event) -> Result<(), Refusal> {
        let state = self.orders.at(slot).state;
        let to = order::step(state, event).map_or(state, order::Step::to);
        let has_payments = self.orders.newest_payment(slot) != NONE;
        let rows =
            self.rows_kept - order::rows_kept(state, has_payments) + order::rows_kept(to, has_payments) + 1;
        if self.orders.has_room_for_rows(&self.bounds, rows) {
            return Ok(());
        }
        Err(Refusal::of(Reason::Overloaded))
    }
}

/// What the facts do.
impl Ledger {
    pub(super) fn order_shipped(
        &mut self,
        stamp: &Stamp,
        (order, version): (OrderId, u32),
        (number, whole): (u16, bool),
        waybill: Waybill,
        units: &[ShelfUnits],
    ) {
        let slot = self.known(order);
        let at_once = Shipments::arena_lines(number, whole, units.len()) == 0;
        let place = |it: &ShelfUnits| {
            let found = self.orders.lines(slot).position(|line| line.sku == it.sku);
            found.expect("units of a shipment are of the order's lines") as u16
        };
        let places = (!at_once).then(|| units.iter().map(place));
        let older = self.orders.newest_shipment(slot);
        let row = self.shipments.add(order, (stamp.at, number, waybill), older, units, places);
        self.orders.set_newest_shipment(slot, row);
        let to = if whole { State::Shipped } else { State::PartShipped };
        self.order_moved(stamp, order, version, to);
    }

    pub(super) fn shipment_tracked(&mut self, stamp: &Stamp, order: OrderId, number: u16, note: Whereabouts) {
        let slot = self.known(order);
        let newest = self.orders.newest_shipment(slot);
        self.shipments.set_note(order, newest, number, (stamp.at, note));
        self.remember(stamp, Subject::order(order));
    }

    pub(super) fn order_moved(&mut self, stamp: &Stamp, order: OrderId, version: u32, to: State) {
        let slot = self.known(order);
        self.transit(stamp, slot, to, version, 0);
        self.remember(stamp, Subject::order(order));
    }
}
