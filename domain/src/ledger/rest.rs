//! Orders at rest: they leave memory in one piece, as a record that somebody keeps, and come back for whoever needs
//! them.
//!
//! Nothing that the ledger sums up or promises changes by it: an order at rest is as true as one in memory. Only what
//! looks at an order needs it here, and [`Ledger::needs`] says which that is.

use alloc::vec::Vec;
use core::fmt;
use core::ops::ControlFlow;

use crate::coupon::CouponShare;
use crate::fact::{Fact, Line, RequestKey};
use crate::ids::{Making, OrderId};
use crate::image::Flat;
use crate::intent::Intent;
use crate::ledger::Ledger;
use crate::ledger::cases::CaseRow;
use crate::ledger::orders::{Found, OrderRecord};
use crate::ledger::pages::PageFilter;
use crate::ledger::payments::Payment;
use crate::ledger::room::PassedBound;
use crate::ledger::shipments::ShipmentRecord;
use crate::order;
use crate::pool::NONE;
use crate::request::Rules;
use crate::units::{Micros, MicrosUtc};
use crate::verdict::OrderBrief;

/// Of the layout of all records: another one is another version.
const RECORD_VERSION: u16 = 1;

/// An order that goes to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting<'a> {
    /// The order in a few words.
    pub brief: OrderBrief,
    /// When it has to be back in memory by itself, for something becomes due.
    pub due: Option<MicrosUtc>,
    /// Whether it was handed out before, so that an older record of it may be kept.
    pub was_kept: bool,
    /// All of it.
    pub record: &'a [u8],
}

/// How far the hand came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Rows that it went over.
    pub rows: usize,
    /// Of these, how many hold an order that may rest, now or later.
    pub may_rest: usize,
}

/// What an intent must find in memory before it can be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing that is not here.
    Nothing,
    /// An order; there may be more to ask for once it is here.
    Order {
        /// When it was made.
        making: Making,
        /// There is one, for a remembered request made it; else somebody may have made the id up.
        is_there: bool,
    },
    /// The orders at rest that its page may show, for [`Ledger::page`].
    Page(PageFilter),
}

/// Why no order could be made of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// Bytes in it mean nothing: it is none, or damaged.
    Nonsense,
    /// It was written by a newer version of this program.
    Version(u16),
    /// There is no room for the order.
    PassedBound(PassedBound),
}

/// A record, taken apart.
pub(super) struct Record {
    pub(super) order: OrderRecord,
    /// As they are linked: newest first.
    pub(super) payments: Vec<Payment>,
    pub(super) shipments: Vec<ShipmentRecord>,
    pub(super) coupons: Vec<CouponShare>,
    pub(super) cases: Vec<CaseRow>,
}

impl Ledger {
    /// Rounds of the hand that an order outlasts untouched before it may rest, unless room is short.
    pub const REST_ROUNDS: u8 = 2;
    /// An order that becomes due within this time stays in memory: whoever keeps the others hands them back before.
    pub const AWAKE_BEFORE_DUE: Micros = Micros::from_seconds(120);

    /// Moves the hand over so many rows, and hands out the orders that it finds untouched for `rounds` rounds or more
    /// (0 to 3), until `hand_out` breaks off. Orders that wait for a timer never rest, nor do those that are due within
    /// [`Ledger::AWAKE_BEFORE_DUE`]. What was handed out stays here until [`Ledger::rested`] is told that it is kept,
    /// and is not handed out again before that; what is kept already leaves at once.
    ///
    /// A record is true up to the last fact that was made.
    pub fn rest(
        &mut self,
        rows: usize,
        rounds: u8,
        mut hand_out: impl FnMut(Resting<'_>) -> ControlFlow<()>,
    ) -> Looked {
        let mut record = Vec::new();
        let mut looked = Looked::default();
        self.rests = true;
        while looked.rows < rows {
            looked.rows += 1;
            let slot = match self.orders.next_to_rest(rounds) {
                Found::Nobody => continue,
                Found::Tired => {
                    looked.may_rest += 1;
                    continue;
                }
                Found::Asleep(slot) => slot,
            };
            let due = self.due_at_rest(slot);
            if due.is_some_and(|due| due <= self.clock.after(Self::AWAKE_BEFORE_DUE)) {
                continue;
            }
            looked.may_rest += 1;
            let marks = self.orders.at(slot).rest;
            if marks.is_unchanged() {
                self.leave(slot);
                continue;
            }
            record.clear();
            self.put_record(slot, &mut record);
            let brief = self.orders.at(slot).brief();
            self.orders.at_mut(slot).rest = marks.leaving();
            if hand_out(Resting { brief, due, was_kept: marks.was_kept(), record: &record }).is_break() {
                break;
            }
        }
        looked
    }

    /// The order was handed out and is kept from here on: it leaves, unless it changed since. Says whether it left.
    pub fn rested(&mut self, order: OrderId) -> bool {
        let Some(slot) = self.orders.find(order) else { return false };
        let marks = self.orders.at(slot).rest;
        if marks.is_changed() {
            self.orders.at_mut(slot).rest = marks.staying();
            return false;
        }
        if marks.is_leaving() {
            self.leave(slot);
        }
        marks.is_leaving()
    }

    /// Rows that the hand goes over in a round.
    pub fn rows(&self) -> usize {
        self.orders.rows()
    }

    /// Orders at rest.
    pub fn at_rest(&self) -> u64 {
        self.at_rest
    }

    /// Takes an order back that was at rest. One that is here stays as it is.
    ///
    /// # Errors
    /// Where the record is damaged, of another version, or finds no room.
    pub fn wake(&mut self, record: &[u8]) -> Result<(), RecordFault> {
        let record = Record::read(record)?;
        let brief = record.order.brief();
        if self.orders.find(brief.order).is_some() {
            return Ok(());
        }
        self.put_back(&record)?;
        self.rests = true;
        self.at_rest = self.at_rest.saturating_sub(1);
        Ok(())
    }

    /// Puts the order of a record, which is not here, among the others.
    pub(super) fn put_back(&mut self, record: &Record) -> Result<u32, RecordFault> {
        self.judge_room_for_record(record)?;
        let slot = self.orders.add_record(&record.order);
        let brief = record.order.brief();
        if !record.payments.is_empty() {
            let newest = self.payments.add_all(slot, &record.payments);
            self.orders.set_newest_payment(slot, newest);
        }
        if !record.shipments.is_empty() {
            let newest = self.shipments.add_all(&record.shipments);
            self.orders.set_newest_shipment(slot, newest);
        }
        if !record.coupons.is_empty() {
            let coupons = self.coupons.keep_for_order(&record.coupons);
            self.orders.set_coupons(slot, coupons);
        }
        if !record.cases.is_empty() {
            let newest = self.cases.add_all(&record.cases);
            self.orders.set_newest_case(slot, newest);
        }
        self.rows_kept += order::rows_kept(brief.state, !record.payments.is_empty());
        self.can_end += usize::from(order::can_end(brief.state));
        if order::waits_for_completion(brief.state) {
            self.completions.add(self.orders.delivered_at(slot), slot);
        }
        Ok(slot)
    }

    /// What this intent must find in memory.
    pub fn needs(&self, intent: &Intent<'_>) -> Needs {
        if self.at_rest == 0 {
            return Needs::Nothing;
        }
        if let Some(filter) = PageFilter::of(intent) {
            return Needs::Page(filter);
        }
        let key = if let Intent::GetByRequest { user, request } = intent {
            Some(RequestKey { who: *user, id: *request })
        } else {
            intent.request()
        };
        if let Some(order) = key.and_then(|key| self.requests.asleep(&self.orders, key)) {
            return Needs::Order { making: order.making(), is_there: true };
        }
        match intent.order().filter(|&making| self.may_rest(making)) {
            Some(making) => Needs::Order { making, is_there: false },
            None => Needs::Nothing,
        }
    }

    /// The order that this fact changes, if it has to come back for that.
    pub fn needs_of_fact(&self, fact: &Fact<'_>) -> Option<Making> {
        if self.at_rest == 0 {
            return None;
        }
        fact.changes().filter(|&making| self.may_rest(making))
    }

    /// The order is not here, and was made by now.
    pub(super) fn may_rest(&self, making: Making) -> bool {
        making <= self.ids.last() && self.orders.find_made(making).is_none()
    }

    /// An order changes: what was handed out or is kept of it is not true any more.
    pub(super) fn touch(&mut self, fact: &Fact<'_>) {
        if let Some(slot) = fact.changes().and_then(|making| self.orders.find_made(making)) {
            self.orders.touch_row(slot);
        }
    }

    /// The order leaves memory.
    fn leave(&mut self, slot: u32) {
        let state = self.orders.at(slot).state;
        let payments = self.orders.newest_payment(slot);
        // What is kept for its end is kept again when it comes back for that.
        self.rows_kept -= order::rows_kept(state, payments != NONE);
        self.can_end -= usize::from(order::can_end(state));
        if order::waits_for_completion(state) {
            self.completions.remove(self.orders.delivered_at(slot), slot);
        }
        self.payments.forget_from(payments);
        self.shipments.forget_from(self.orders.newest_shipment(slot));
        self.coupons.forget_order(self.orders.coupons(slot));
        self.cases.forget_from(self.orders.newest_case(slot));
        self.orders.remove(slot);
        self.at_rest += 1;
    }

    /// When an order that rests has to be back.
    fn due_at_rest(&self, slot: u32) -> Option<MicrosUtc> {
        let waits = order::waits_for_completion(self.orders.at(slot).state);
        let Rules { completion, .. } = self.rules;
        (waits && completion > Micros(0)).then(|| self.orders.delivered_at(slot).after(completion))
    }

    pub(super) fn put_record(&self, slot: u32, out: &mut Vec<u8>) {
        RECORD_VERSION.put(out);
        self.orders.put_record(slot, out);
        put_counted(self.payments.attempts_from(self.orders.newest_payment(slot)).map(|(_, it)| *it), out);
        self.shipments.put_records(self.orders.newest_shipment(slot), out);
        put_counted(self.coupons.of_order(self.orders.coupons(slot)), out);
        put_counted(self.cases.newest_first(self.orders.newest_case(slot)).map(|(_, it)| *it), out);
    }

    fn judge_room_for_record(&self, record: &Record) -> Result<(), RecordFault> {
        let bounds = &self.bounds;
        let state = record.order.brief().state;
        let rows_kept = self.rows_kept + order::rows_kept(state, !record.payments.is_empty());
        let has_coupons = !record.coupons.is_empty();
        let kept_ids = self.kept_ids() + usize::from(order::can_end(state));
        let has_room_for_end = self.requests.has_room(bounds, self.clock, (kept_ids, kept_ids));
        let rooms = [
            (
                self.orders.has_room_for_record(bounds, &record.order, rows_kept),
                ("orders_max", bounds.orders_max),
            ),
            (
                self.payments.has_room(bounds, self.unopened + record.payments.len()),
                ("payments_max", bounds.payments_max),
            ),
            (
                self.shipments.has_room_for_records(bounds, &record.shipments),
                ("shipments_max", bounds.shipments_max),
            ),
            (
                !has_coupons || self.coupons.has_room_for_order(bounds),
                ("coupon_orders_max", bounds.coupon_orders_max),
            ),
            (self.cases.has_room_for(bounds, record.cases.len()), ("cases_max", bounds.cases_max)),
            (has_room_for_end, ("changes_max", bounds.changes_max)),
        ];
        match rooms.into_iter().find(|(fits, _)| !fits) {
            Some((_, (name, value))) => Err(RecordFault::PassedBound(PassedBound { name, value })),
            None => Ok(()),
        }
    }
}

/// An order at rest, as far as pages look at it.
#[derive(Clone, Debug)]
pub struct RestingOrder {
    /// The order in a few words.
    pub brief: OrderBrief,
    /// Its lines, in their order.
    pub lines: Vec<Line>,
}

impl RestingOrder {
    /// Reads a record.
    ///
    /// # Errors
    /// Where it is damaged or of another version.
    pub fn read(record: &[u8]) -> Result<RestingOrder, RecordFault> {
        let Record { order, .. } = Record::read(record)?;
        Ok(RestingOrder { brief: order.brief(), lines: order.lines })
    }
}

impl Record {
    pub(super) fn read(mut record: &[u8]) -> Result<Record, RecordFault> {
        let version = u16::take(&mut record).ok_or(RecordFault::Nonsense)?;
        if version != RECORD_VERSION {
            return Err(RecordFault::Version(version));
        }
        let read = |from: &mut &[u8]| {
            Some(Record {
                order: OrderRecord::take(from)?,
                payments: take_counted(from)?,
                shipments: ShipmentRecord::take_all(from)?,
                coupons: take_counted(from)?,
                cases: take_counted(from)?,
            })
        };
        read(&mut record).filter(|_| record.is_empty()).ok_or(RecordFault::Nonsense)
    }
}

/// Appends how many there are, at most 65,535, then all of them.
pub(super) fn put_counted<T: Flat>(all: impl Iterator<Item = T>, out: &mut Vec<u8>) {
    let at = out.len();
    0_u16.put(out);
    let mut count = 0_u16;
    for one in all {
        one.put(out);
        count = count.checked_add(1).expect("no order has so many of anything");
    }
    out[at..at + 2].copy_from_slice(&count.to_le_bytes());
}

/// Takes what [`put_counted`] wrote.
pub(super) fn take_counted<T: Flat>(from: &mut &[u8]) -> Option<Vec<T>> {
    let count = u16::take(from)?;
    (0..count).map(|_| T::take(from)).collect()
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordFault::Nonsense => {
                write!(f, "the record of an order at rest holds bytes that mean nothing")
            }
            RecordFault::Version(version) => {
                write!(f, "a record has version {version}, and this program reads {RECORD_VERSION}")
            }
            RecordFault::PassedBound(PassedBound { name, value }) => {
                write!(f, "{name} = {value} leaves no room for an order at rest")
            }
        }
    }
}

impl core::error::Error for RecordFault {}
