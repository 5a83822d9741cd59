//! Facts to bytes, straight into the open group's buffer.

use domain::fact::{
    CancelReason, Fact, Line, OrderCreated, Request, RequestKey, ShelfUnits, Stamp, StockAdjusted,
};
use domain::intent::{AdjustReason, CLIENT_BYTES_MAX, LINES_MAX, Sale, SaleSku, Sku};
use domain::{Actor, Intent};

use super::coupons::{CLAIMED_BYTES, COUPON_BYTES, COUPON_SKU_BYTES, ORDER_COUPONS_BYTES_MAX};
use super::operators::{LIMIT_BYTES, SWITCH_BYTES};
use super::{
    ADJUSTED_BYTES, CASE_BYTES, CREATED_BYTES, CURSOR_BYTES, FACT_VERSION, FREIGHT_BYTES, HEAD_BYTES_MAX,
    HOLD_ENDED_BYTES, HOLD_EXTENDED_BYTES, HOLD_MADE_BYTES, KIND_BYTES, LETTER_ENDED_BYTES,
    LETTER_PARKED_BYTES, LINE_BYTES, PAYMENT_BYTES_MAX, RETURNED_BYTES, SALE_BYTES, SALE_SKU_BYTES,
    SHIPPED_BYTES, SKU_BYTES, SKU_WITH_WEIGHT, TRACKED_BYTES, TRANSFERRED_BYTES, UNITS_BYTES, flag, kind,
};

/// An upper bound of the bytes that this intent's entry takes. A fact list is never cut in the middle, so the
/// room is there before the ledger is asked.
pub(crate) fn entry_bytes_max(intent: &Intent<'_>) -> usize {
    let facts = match intent {
        Intent::Create(create) => {
            let lines = create.lines.as_slice().len();
            // At worst the order is free: held, sold and confirmed in one step.
            fact_bytes(CREATED_BYTES + lines * LINE_BYTES + create.client_bytes.len())
                + 2 * units_bytes(lines)
                + fact_bytes(8 + 4)
                + if create.hold == 0 { 0 } else { HOLD_ENDED_BYTES_MAX }
                + if create.coupons.is_empty() { 0 } else { 2 * fact_bytes(ORDER_COUPONS_BYTES_MAX) }
        }
        Intent::Cancel(_) => CANCEL_BYTES_MAX,
        Intent::StockReserve(reserve) => hold_made_bytes(reserve.lines.as_slice().len()),
        Intent::Prepare(prepare) if prepare.hold.is_some() => hold_made_bytes(prepare.lines.as_slice().len()),
        // What a hold holds is not known here.
        Intent::StockRelease(_) | Intent::StockCommit(_) => HOLD_ENDED_BYTES_MAX,
        Intent::StockExtend(_) => fact_bytes(HOLD_EXTENDED_BYTES),
        Intent::SkuPut(_) => fact_bytes(SKU_BYTES),
        Intent::FreightPut(_) => fact_bytes(FREIGHT_BYTES),
        Intent::SalePut(put) => fact_bytes(SALE_BYTES + 4 + put.skus.len() * SALE_SKU_BYTES),
        Intent::StockAdjust(_) => fact_bytes(ADJUSTED_BYTES),
        Intent::StockTransfer(_) => fact_bytes(TRANSFERRED_BYTES),
        Intent::StockReturn(_) => fact_bytes(RETURNED_BYTES),
        Intent::CursorMove(_) => fact_bytes(CURSOR_BYTES),
        Intent::LimitPut(_) => fact_bytes(LIMIT_BYTES),
        Intent::SwitchPut(put) => fact_bytes(SWITCH_BYTES + put.note.as_str().len()),
        Intent::PayOpen(_) | Intent::PayClose(_) | Intent::Refund(_) => fact_bytes(PAYMENT_BYTES_MAX),
        // At worst a shelf each line of the order.
        Intent::Ship(_) => SHIP_BYTES_MAX,
        Intent::CaseOpen(_) => fact_bytes(CASE_BYTES),
        Intent::CaseDecide(_) => fact_bytes(CASE_BYTES) + fact_bytes(PAYMENT_BYTES_MAX),
        Intent::CaseReceive(_) => {
            fact_bytes(CASE_BYTES) + fact_bytes(ADJUSTED_BYTES) + fact_bytes(PAYMENT_BYTES_MAX)
        }
        Intent::TrackNote(_) => fact_bytes(TRACKED_BYTES),
        Intent::Sign(_) | Intent::ConfirmReceipt(_) => fact_bytes(8 + 4),
        Intent::PayCallback(_) | Intent::Repair(_) => CALLBACK_BYTES_MAX,
        Intent::RefundResult(_) => {
            fact_bytes(CASE_BYTES) + 3 * fact_bytes(PAYMENT_BYTES_MAX) + CANCEL_BYTES_MAX
        }
        Intent::LetterPark(park) => fact_bytes(LETTER_PARKED_BYTES + park.reason.as_str().len()),
        Intent::LetterEnd(_) => fact_bytes(LETTER_ENDED_BYTES),
        Intent::CouponDefine(define) => fact_bytes(COUPON_BYTES + define.skus.len() * COUPON_SKU_BYTES),
        Intent::CouponClaim(_) => fact_bytes(CLAIMED_BYTES),
        Intent::Prepare(_)
        | Intent::Get { .. }
        | Intent::GetByRequest { .. }
        | Intent::List(_)
        | Intent::History { .. }
        | Intent::SkuGet(_)
        | Intent::SkuList { .. }
        | Intent::SaleGet(_)
        | Intent::SaleList { .. }
        | Intent::FreightList { .. }
        | Intent::StockGet { .. }
        | Intent::Holdings
        | Intent::SwitchList { .. }
        | Intent::Scan(_)
        | Intent::LimitList { .. }
        | Intent::CursorGet(_)
        | Intent::PayGet { .. }
        | Intent::LetterList(_)
        | Intent::Track { .. }
        | Intent::CaseList { .. }
        | Intent::CouponCheck(_)
        | Intent::CouponGet { .. }
        | Intent::CouponList { .. } => return 0,
    };
    HEAD_BYTES_MAX + facts
}

/// The most that one expired order takes: its entry cancels it and releases every line and its coupons.
pub(crate) const EXPIRY_BYTES_MAX: usize =
    HEAD_BYTES_MAX + fact_bytes(8 + 4 + 1 + 2) + units_bytes(LINES_MAX) + fact_bytes(ORDER_COUPONS_BYTES_MAX);

/// The most that the end of a hold takes; an expired one takes less than an expired order.
const HOLD_ENDED_BYTES_MAX: usize = fact_bytes(HOLD_ENDED_BYTES + LINES_MAX * UNITS_BYTES);
const _: () = assert!(HEAD_BYTES_MAX + HOLD_ENDED_BYTES_MAX <= EXPIRY_BYTES_MAX);

/// Ended while unpaid: cancelled and released. Ended when free: given back, each line booked back.
const CANCEL_BYTES_MAX: usize = fact_bytes(8 + 4 + 8 + 2) + LINES_MAX * fact_bytes(ADJUSTED_BYTES);

const _: () = assert!(HEAD_BYTES_MAX + CANCEL_BYTES_MAX >= EXPIRY_BYTES_MAX);

/// Money that comes late: recorded, then held and sold again, coupons, too.
const CALLBACK_BYTES_MAX: usize = fact_bytes(PAYMENT_BYTES_MAX)
    + 2 * units_bytes(LINES_MAX)
    + 2 * fact_bytes(ORDER_COUPONS_BYTES_MAX)
    + fact_bytes(PAYMENT_BYTES_MAX);

/// A shipment of every line of the longest order.
const SHIP_BYTES_MAX: usize = fact_bytes(SHIPPED_BYTES + LINES_MAX * UNITS_BYTES);

/// The most that any one intent takes: no group may be smaller.
pub(crate) const ENTRY_BYTES_MAX: usize = {
    let sale = fact_bytes(SALE_BYTES + 4 + domain::intent::SALE_SKUS_MAX * SALE_SKU_BYTES);
    let create = fact_bytes(CREATED_BYTES + LINES_MAX * LINE_BYTES + CLIENT_BYTES_MAX)
        + 2 * units_bytes(LINES_MAX)
        + fact_bytes(8 + 4)
        + HOLD_ENDED_BYTES_MAX
        + 2 * fact_bytes(ORDER_COUPONS_BYTES_MAX);
    let coupon = fact_bytes(COUPON_BYTES + domain::coupon::COUPON_SKUS_MAX * COUPON_SKU_BYTES);
    let refunded = 2 * fact_bytes(PAYMENT_BYTES_MAX) + CANCEL_BYTES_MAX;
    assert!(
        sale > create
            && sale > refunded
            && sale > CALLBACK_BYTES_MAX
            && sale > SHIP_BYTES_MAX
            && sale > coupon
    );
    HEAD_BYTES_MAX + sale
};

const fn fact_bytes(body: usize) -> usize {
    KIND_BYTES + body
}

const fn hold_made_bytes(lines: usize) -> usize {
    fact_bytes(HOLD_MADE_BYTES + lines * UNITS_BYTES)
}

const fn units_bytes(lines: usize) -> usize {
    fact_bytes(8 + 2 + lines * UNITS_BYTES)
}

/// Writes entries one behind the other into a buffer of fixed size.
///
/// The caller has seen to the room ([`entry_bytes_max`]); running over the end is a bug and stops the process.
#[derive(Debug)]
pub(crate) struct EntryWriter<'a> {
    buffer: &'a mut [u8],
    at: usize,
    entry: usize,
    facts: u16,
}

impl<'a> EntryWriter<'a> {
    /// Goes on at `at`.
    pub(crate) fn new(buffer: &'a mut [u8], at: usize) -> EntryWriter<'a> {
        EntryWriter { buffer, at, entry: at, facts: 0 }
    }

    /// Goes on in the entry that begins the buffer, where [`Self::so_far`] said that it stands.
    pub(super) fn resume(buffer: &'a mut [u8], (at, facts): (usize, u16)) -> EntryWriter<'a> {
        EntryWriter { buffer, at, entry: 0, facts }
    }

    /// How far the entry that begins the buffer is: bytes, and facts.
    pub(super) fn so_far(&self) -> (usize, u16) {
        (self.at, self.facts)
    }

    /// Where the next entry would begin.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Writes an entry's header; [`Self::end`] fills in its length and count.
    pub(crate) fn begin(&mut self, stamp: &Stamp) {
        let Stamp { at, actor, request, trace } = *stamp;
        self.entry = self.at;
        self.facts = 0;
        self.u32(0);
        self.u16(0);
        let (actor_flag, acting_user) = match actor {
            Actor::User(user) => (flag::ACTOR_USER, Some(user)),
            Actor::Operator(_) => (flag::ACTOR_OPERATOR, None),
            Actor::Timer => (flag::ACTOR_TIMER, None),
            Actor::Gateway(_) => (flag::ACTOR_GATEWAY, None),
        };
        let who_is_actor = request.is_some_and(|request| Some(request.key.who) == acting_user);
        let mut flags = actor_flag;
        flags |= if request.is_some() { flag::REQUEST } else { 0 };
        flags |= if who_is_actor { flag::WHO_IS_ACTOR } else { 0 };
        flags |= if trace.0 != 0 { flag::TRACE } else { 0 };
        self.u8(flags);
        self.i64(at.0);
        match actor {
            Actor::User(user) => self.u64(user.0),
            Actor::Operator(key) => self.u32(key),
            Actor::Timer => (),
            Actor::Gateway(gateway) => self.u16(gateway.0),
        }
        if let Some(Request { key: RequestKey { who, id }, body }) = request {
            if !who_is_actor {
                self.u64(who.0);
            }
            self.u128(id.0);
            self.u64(body);
        }
        if trace.0 != 0 {
            self.u128(trace.0);
        }
    }

    /// Writes one fact.
    pub(crate) fn fact(&mut self, fact: &Fact<'_>) {
        self.facts += 1;
        match *fact {
            Fact::OrderCreated(ref created) => self.created(created),
            Fact::StockReserved { order, units } => self.units(kind::STOCK_RESERVED, order.0, units),
            Fact::StockReduced { order, units } => self.units(kind::STOCK_REDUCED, order.0, units),
            Fact::StockReleased { order, units } => self.units(kind::STOCK_RELEASED, order.0, units),
            Fact::OrderConfirmed { order, version } => {
                self.kind(kind::ORDER_CONFIRMED);
                self.u64(order.0);
                self.u32(version);
            }
            Fact::StockException { order, version, units } => {
                self.kind(kind::STOCK_EXCEPTION);
                self.u64(order.0);
                self.u32(version);
                self.shelves(units);
            }
            Fact::OrderCancelled { order, version, reason, why } => {
                self.kind(kind::ORDER_CANCELLED);
                self.u64(order.0);
                self.u32(version);
                self.u8(cancel_reason_number(reason));
                self.u16(why);
            }
            Fact::RefundDone { order, version, amount, why } => {
                self.kind(kind::REFUND_DONE);
                self.u64(order.0);
                self.u32(version);
                self.i64(amount.0);
                self.u16(why);
            }
            Fact::StockAdjusted(ref adjusted) => self.adjusted(adjusted),
            Fact::HoldMade { hold, user, until, units } => {
                self.kind(kind::HOLD_MADE);
                self.u64(hold);
                self.u64(user.0);
                self.i64(until.0);
                self.shelves(units);
            }
            Fact::HoldExtended { hold, until } => {
                self.kind(kind::HOLD_EXTENDED);
                self.u64(hold);
                self.i64(until.0);
            }
            Fact::HoldEnded { hold, end, units } => {
                self.kind(kind::HOLD_ENDED);
                self.u64(hold);
                self.u8(end.number());
                self.shelves(units);
            }
            Fact::StockTransferred { sku, from, to, units } => {
                self.kind(kind::STOCK_TRANSFERRED);
                self.u64(sku.0);
                self.u32(from.0);
                self.u32(to.0);
                self.u64(units);
            }
            Fact::StockReturned { sku, warehouse, units } => {
                self.kind(kind::STOCK_RETURNED);
                self.u64(sku.0);
                self.u32(warehouse.0);
                self.u64(units);
            }
            Fact::CursorMoved { name, position, forgotten } => {
                self.kind(kind::CURSOR_MOVED);
                name.as_padded().iter().for_each(|&byte| self.u8(byte));
                self.u64(position);
                self.u8(forgotten.into());
            }
            Fact::LetterParked { subscriber, position, reason } => {
                self.kind(kind::LETTER_PARKED);
                subscriber.as_padded().iter().for_each(|&byte| self.u8(byte));
                self.u64(position);
                // At most LETTER_REASON_BYTES_MAX.
                self.u8(reason.as_str().len() as u8);
                reason.as_str().bytes().for_each(|byte| self.u8(byte));
            }
            Fact::LetterEnded { subscriber, position, retried } => {
                self.kind(kind::LETTER_ENDED);
                subscriber.as_padded().iter().for_each(|&byte| self.u8(byte));
                self.u64(position);
                self.u8(retried.into());
            }
            Fact::SkuChanged(ref sku) => self.sku(sku),
            Fact::FreightChanged(ref rule) => self.freight(rule),
            Fact::SaleChanged { ref sale, skus } => self.sale(sale, skus),
            Fact::LimitChanged(ref limit) => self.limit(limit),
            Fact::SwitchChanged { scope, stops, version, note } => {
                self.switch(scope, stops, version, note);
            }
            Fact::PaymentOpened { .. }
            | Fact::PaymentFailed { .. }
            | Fact::PaymentSuccess { .. }
            | Fact::PaymentMismatched { .. }
            | Fact::PaymentRepeated { .. }
            | Fact::PaymentOverdrawn { .. }
            | Fact::RefundRequested { .. }
            | Fact::RefundFailed { .. }
            | Fact::RefundSettled { .. } => self.payment(fact),
            Fact::OrderShipped { order, version, number, whole, ref waybill, units } => {
                self.shipped((order, version), (number, whole), waybill, units);
            }
            Fact::AftersaleChanged(ref case) => self.case(case),
            Fact::ShipmentTracked { order, number, ref note } => self.tracked(order, number, note),
            Fact::OrderDelivered { order, version } => self.moved(kind::ORDER_DELIVERED, order, version),
            Fact::OrderCompleted { order, version } => self.moved(kind::ORDER_COMPLETED, order, version),
            Fact::CouponDefined { .. }
            | Fact::CouponClaimed { .. }
            | Fact::CouponLocked { .. }
            | Fact::CouponReleased { .. }
            | Fact::CouponUsed { .. } => self.coupon(fact),
        }
    }

    /// Completes the entry; says how many facts it holds.
    pub(crate) fn end(&mut self) -> u16 {
        let length = (self.at - self.entry) as u32;
        self.buffer[self.entry..self.entry + 4].copy_from_slice(&length.to_le_bytes());
        self.buffer[self.entry + 4..self.entry + 6].copy_from_slice(&self.facts.to_le_bytes());
        self.facts
    }

    fn created(&mut self, created: &OrderCreated<'_>) {
        let OrderCreated {
            order,
            user,
            hold,
            currency,
            discount,
            freight,
            total,
            pay_until,
            lines,
            client_bytes,
        } = *created;
        self.kind(kind::ORDER_CREATED);
        self.u64(order.0);
        self.u64(user.0);
        self.u64(hold);
        self.u16(currency.0);
        self.i64(discount.0);
        self.i64(freight.0);
        self.i64(total.0);
        self.i64(pay_until.0);
        self.u16(lines.len() as u16);
        self.u16(client_bytes.len() as u16);
        for line in lines {
            self.line(line);
        }
        self.bytes(client_bytes);
    }

    fn line(&mut self, line: &Line) {
        let Line { sku, seller, warehouse, sale, quantity, parcel, unit_price, discount, freight } = *line;
        self.u64(sku.0);
        self.u32(seller.0);
        self.u32(warehouse.0);
        self.u32(sale.0);
        self.u32(quantity.get());
        self.u32(parcel);
        self.i64(unit_price.0);
        self.i64(discount.0);
        self.i64(freight.0);
    }

    fn units(&mut self, kind: u8, order: u64, units: &[ShelfUnits]) {
        self.kind(kind);
        self.u64(order);
        self.shelves(units);
    }

    pub(super) fn shelves(&mut self, units: &[ShelfUnits]) {
        self.u16(units.len() as u16);
        for ShelfUnits { sku, warehouse, quantity } in units {
            self.u64(sku.0);
            self.u32(warehouse.0);
            self.u32(quantity.get());
        }
    }

    fn adjusted(&mut self, adjusted: &StockAdjusted) {
        let StockAdjusted { sku, warehouse, on_hand_delta, safety_delta, unavailable_delta, reason, order } =
            *adjusted;
        self.kind(kind::STOCK_ADJUSTED);
        self.u64(sku.0);
        self.u32(warehouse.0);
        self.i64(on_hand_delta);
        self.i64(safety_delta);
        self.i64(unavailable_delta);
        self.u8(adjust_reason_number(reason));
        self.u64(order.0);
    }

    fn sku(&mut self, sku: &Sku) {
        let Sku { id, version, seller, currency, unit_price, hold_seconds, open, weight_grams } = *sku;
        // A sku without weight is written as it ever was, so builds of before read it.
        let schema = if weight_grams == 0 { FACT_VERSION } else { SKU_WITH_WEIGHT };
        self.bytes(&[kind::SKU_CHANGED, schema]);
        self.u64(id.0);
        self.u32(version);
        self.u32(seller.0);
        self.u16(currency.0);
        self.i64(unit_price.0);
        self.u32(hold_seconds);
        self.u8(u8::from(open));
        if weight_grams != 0 {
            self.u32(weight_grams);
        }
    }

    fn sale(&mut self, sale: &Sale, skus: &[SaleSku]) {
        let Sale {
            id,
            version,
            closed_from,
            opens,
            closes,
            user_limit_units,
            order_limit_units,
            cap_units,
            hold_seconds,
        } = *sale;
        self.kind(kind::SALE_CHANGED);
        self.u32(id.0);
        self.u32(version);
        self.i64(closed_from.0);
        self.i64(opens.0);
        self.i64(closes.0);
        self.u32(user_limit_units);
        self.u32(order_limit_units);
        self.u64(cap_units);
        self.u32(hold_seconds);
        self.u32(skus.len() as u32);
        for SaleSku { sku, unit_price } in skus {
            self.u64(sku.0);
            self.i64(unit_price.0);
        }
    }

    pub(super) fn kind(&mut self, kind: u8) {
        self.bytes(&[kind, FACT_VERSION]);
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    fn u128(&mut self, value: u128) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.buffer[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }
}

const fn cancel_reason_number(reason: CancelReason) -> u8 {
    match reason {
        CancelReason::User => 1,
        CancelReason::Timer => 2,
        CancelReason::Operator => 3,
        CancelReason::Risk => 4,
    }
}

const fn adjust_reason_number(reason: AdjustReason) -> u8 {
    match reason {
        AdjustReason::Received => 1,
        AdjustReason::Adjusted => 2,
        AdjustReason::Returned => 3,
        AdjustReason::Lost => 4,
    }
}
