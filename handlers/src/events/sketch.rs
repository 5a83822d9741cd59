//! Facts to events: what a fact says by itself, before what is known of its order is added.

use domain::coupon::CouponShare;
use domain::fact::{CancelReason, OrderCreated, ShelfUnits, StockAdjusted};
use domain::freight::FreightRule;
use domain::hold::HoldEnd;
use domain::intent::{AdjustReason, Sale, Sku};
use domain::order::State;
use domain::switch::Scope;
use domain::{Actor, CursorName, Fact, Stamp, WarehouseId};
use protocol::EventType;
use protocol::structs::Event;

use super::orders::OrderLine;
use super::{coupons, payments};

/// The schema that each type of event has now. A changed meaning of a field gets a number of its own.
const SCHEMA: u16 = 1;

/// An event without what its fact does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sketch {
    /// One item; of order, sku and so on what the fact itself says.
    pub(super) event: Event,
    /// The lines or shelves that it names.
    pub(super) parts: Parts,
}

/// What the items of an event are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// There is one item, and it is whole.
    One,
    /// An item each of these shelves of the order.
    Shelves(Vec<ShelfUnits>),
    /// Two shelves, and what `on_hand` of each changed by.
    Moved([(WarehouseId, i64); 2]),
    /// An item each line of the order.
    Lines,
    /// All of the event at another position, for this subscriber alone.
    Again { subscriber: CursorName, position: u64 },
    /// An item each coupon of the order.
    Coupons(Vec<CouponShare>),
}

/// The event that a fact is; nothing for what is none.
pub(super) fn sketch(position: u64, stamp: &Stamp, fact: &Fact<'_>) -> Option<Sketch> {
    let blank = blank(position, stamp);
    let of = |event: EventType, parts: Parts, filled: Event| {
        Some(Sketch { event: Event { event: event.number(), ..filled }, parts })
    };
    match fact {
        Fact::SkuChanged(sku) => of(EventType::SkuChanged, Parts::One, sku_changed(blank, sku)),
        // Its skus may be tens of thousands: who wants them reads the sale.
        Fact::SaleChanged { sale: Sale { id, version, .. }, skus: _ } => {
            of(EventType::SaleChanged, Parts::One, Event { sale: id.0, version: *version, ..blank })
        }
        Fact::FreightChanged(FreightRule { currency, version, base, .. }) => {
            let filled = Event { currency: currency.0, version: *version, amount: base.0, ..blank };
            of(EventType::FreightChanged, Parts::One, filled)
        }
        Fact::StockAdjusted(adjusted) => of(EventType::StockAdjusted, Parts::One, shelf(blank, adjusted)),
        Fact::StockTransferred { sku, from, to, units } => {
            let units = i64::try_from(*units).unwrap_or(i64::MAX);
            let shelves = [(*from, -units), (*to, units)];
            let filled = Event { sku: sku.0, reason: 4, ..blank };
            of(EventType::StockAdjusted, Parts::Moved(shelves), filled)
        }
        Fact::StockReturned { sku, warehouse, units } => {
            let units = i64::try_from(*units).unwrap_or(i64::MAX);
            let filled = Event { sku: sku.0, warehouse: warehouse.0, units, reason: 3, ..blank };
            of(EventType::StockAdjusted, Parts::One, filled)
        }
        Fact::HoldMade { hold: _, user, until: _, units } => {
            of(EventType::StockReserved, Parts::Shelves(units.to_vec()), Event { user: user.0, ..blank })
        }
        Fact::HoldExtended { .. } => None, // Nothing moved.
        Fact::HoldEnded { hold: _, end, units } => {
            let event = match end {
                HoldEnd::Committed => EventType::StockReduced,
                HoldEnd::Taken | HoldEnd::Released | HoldEnd::Expired => EventType::StockReleased,
            };
            of(event, Parts::Shelves(units.to_vec()), blank)
        }
        Fact::OrderCreated(OrderCreated { order, user, total, currency, .. }) => {
            let (order, user, currency) = (order.0, user.0, currency.0);
            let state = State::PendingPayment.number();
            let filled = Event { order, user, currency, amount: total.0, version: 1, state, ..blank };
            of(EventType::OrderCreated, Parts::Lines, filled)
        }
        Fact::StockReserved { order, units } => {
            of(EventType::StockReserved, Parts::Shelves(units.to_vec()), Event { order: order.0, ..blank })
        }
        Fact::StockReduced { order, units } => {
            of(EventType::StockReduced, Parts::Shelves(units.to_vec()), Event { order: order.0, ..blank })
        }
        Fact::StockReleased { order, units } => {
            of(EventType::StockReleased, Parts::Shelves(units.to_vec()), Event { order: order.0, ..blank })
        }
        Fact::OrderConfirmed { order, version } => {
            let state = State::Confirmed.number();
            let filled = Event { order: order.0, version: *version, state, ..blank };
            of(EventType::OrderConfirmed, Parts::Lines, filled)
        }
        Fact::StockException { order, version, units } => {
            let state = State::StockException.number();
            let filled = Event { order: order.0, version: *version, state, ..blank };
            of(EventType::StockException, Parts::Shelves(units.to_vec()), filled)
        }
        Fact::OrderCancelled { order, version, reason, why } => {
            let (state, reason) = (State::Cancelled.number(), cancel_reason(*reason));
            let filled = Event { order: order.0, version: *version, state, reason, why: *why, ..blank };
            of(EventType::OrderCancelled, Parts::Lines, filled)
        }
        Fact::PaymentOpened { .. }
        | Fact::PaymentFailed { .. }
        | Fact::PaymentSuccess { .. }
        | Fact::PaymentMismatched { .. }
        | Fact::PaymentRepeated { .. }
        | Fact::PaymentOverdrawn { .. }
        | Fact::RefundRequested { .. }
        | Fact::RefundFailed { .. }
        | Fact::RefundSettled { .. } => payments::sketch(blank, fact),
        Fact::OrderShipped { order, version, number: _, whole, waybill: _, units } => {
            let state = if *whole { State::Shipped } else { State::PartShipped };
            let filled = Event { order: order.0, version: *version, state: state.number(), ..blank };
            of(EventType::OrderShipped, Parts::Shelves(units.to_vec()), filled)
        }
        Fact::AftersaleChanged(case) => {
            let (reason, why, units) = (case.state.number(), case.why, i64::from(case.units));
            let (order, sku, amount) = (case.order.0, case.sku.0, case.amount.0);
            let filled = Event { order, sku, amount, units, reason, why, ..blank };
            of(EventType::AftersaleChanged, Parts::One, filled)
        }
        Fact::ShipmentTracked { order, number: _, note: _ } => {
            of(EventType::ShipmentTracked, Parts::One, Event { order: order.0, ..blank })
        }
        Fact::OrderDelivered { order, version } => {
            let state = State::Delivered.number();
            of(
                EventType::OrderDelivered,
                Parts::Lines,
                Event { order: order.0, version: *version, state, ..blank },
            )
        }
        Fact::OrderCompleted { order, version } => {
            let state = State::Completed.number();
            of(
                EventType::OrderCompleted,
                Parts::Lines,
                Event { order: order.0, version: *version, state, ..blank },
            )
        }
        Fact::CursorMoved { .. } | Fact::LetterParked { .. } => None,
        Fact::LetterEnded { retried: false, .. } => None,
        Fact::LetterEnded { subscriber, position, retried: true } => Some(Sketch {
            event: blank,
            parts: Parts::Again { subscriber: *subscriber, position: *position },
        }),
        // Whom a shop blocks or favours is nobody else's business.
        Fact::LimitChanged(_) => None,
        Fact::SwitchChanged { scope, stops, version, note: _ } => {
            let filled = Event { version: *version, reason: stops.bits(), ..blank };
            let filled = match *scope {
                Scope::All => filled,
                Scope::Sale(sale) => Event { sale: sale.0, ..filled },
                Scope::Sku(sku) => Event { sku: sku.0, ..filled },
            };
            of(EventType::SwitchChanged, Parts::One, filled)
        }
        Fact::CouponDefined { .. }
        | Fact::CouponClaimed { .. }
        | Fact::CouponLocked { .. }
        | Fact::CouponReleased { .. }
        | Fact::CouponUsed { .. } => coupons::sketch(blank, fact),
        Fact::RefundDone { order, version, amount, why } => {
            let state = State::Refunded.number();
            let (order, amount) = (order.0, amount.0);
            let filled = Event { order, version: *version, state, amount, why: *why, ..blank };
            of(EventType::RefundDone, Parts::Lines, filled)
        }
    }
}

/// An item of an event, about this line of its order.
pub(super) fn with_line(event: Event, line: &OrderLine) -> Event {
    let OrderLine { sku, unit_price, units, warehouse, sale } = *line;
    Event { sku, unit_price, units: units.into(), warehouse, sale, ..event }
}

/// An item of an event, about this coupon of its order.
pub(super) fn with_coupon(event: Event, share: &CouponShare) -> Event {
    let CouponShare { coupon, discount } = share;
    Event { coupon: coupon.0, amount: discount.0, ..event }
}

/// An item of an event, about this shelf, and about the line of the order that the shelf is of.
pub(super) fn with_shelf(event: Event, shelf: &ShelfUnits, line: Option<&OrderLine>) -> Event {
    let ShelfUnits { sku, warehouse, quantity } = shelf;
    let (sale, unit_price) = line.map_or((0, 0), |line| (line.sale, line.unit_price));
    Event { sku: sku.0, warehouse: warehouse.0, units: quantity.get().into(), sale, unit_price, ..event }
}

/// What the stamp says.
pub(super) fn blank(position: u64, stamp: &Stamp) -> Event {
    let Stamp { at, actor, request, trace } = stamp;
    let (actor, actor_id) = match actor {
        Actor::User(user) => (1, user.0),
        Actor::Operator(key) => (2, u64::from(*key)),
        Actor::Timer => (3, 0),
        Actor::Gateway(gateway) => (4, u64::from(gateway.0)),
    };
    Event {
        position,
        previous: 0,
        again: 0,
        at: at.0,
        order: 0,
        payment: 0,
        coupon: 0,
        user: 0,
        sku: 0,
        unit_price: 0,
        amount: 0,
        units: 0,
        safety_delta: 0,
        unavailable_delta: 0,
        actor_id,
        request: request.map_or(0, |request| request.key.id.0),
        trace: trace.0,
        warehouse: 0,
        sale: 0,
        version: 0,
        event: 0,
        schema: SCHEMA,
        part: 0,
        parts: 1,
        currency: 0,
        why: 0,
        state: 0,
        reason: 0,
        actor,
    }
}

fn sku_changed(blank: Event, sku: &Sku) -> Event {
    let Sku { id, version, currency, unit_price, .. } = sku;
    Event { sku: id.0, version: *version, currency: currency.0, unit_price: unit_price.0, ..blank }
}

fn shelf(blank: Event, adjusted: &StockAdjusted) -> Event {
    let StockAdjusted { sku, warehouse, on_hand_delta, safety_delta, unavailable_delta, reason, order } =
        *adjusted;
    let reason = match reason {
        AdjustReason::Received => 1,
        AdjustReason::Adjusted => 2,
        AdjustReason::Returned => 3,
        AdjustReason::Lost => 5,
    };
    Event {
        order: order.0,
        sku: sku.0,
        units: on_hand_delta,
        safety_delta,
        unavailable_delta,
        warehouse: warehouse.0,
        reason,
        ..blank
    }
}

const fn cancel_reason(reason: CancelReason) -> u8 {
    match reason {
        CancelReason::User => 1,
        CancelReason::Timer => 2,
        CancelReason::Operator => 3,
        CancelReason::Risk => 4,
    }
}
