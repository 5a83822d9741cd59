//! Every fact is an event, or stands here as none.

use std::collections::BTreeSet;

use domain::aftersale::{Case, CaseKind, CaseState};
use domain::coupon::{Benefit, Coupon, CouponScope};
use domain::fact::{Actor, CancelReason, Fact, OrderCreated, RefundReason, Stamp, StockAdjusted};
use domain::freight::{FreightBy, FreightRule};
use domain::hold::HoldEnd;
use domain::intent::{AdjustReason, Sale, Sku};
use domain::letter::LetterReason;
use domain::limit::{UserLimit, UserList};
use domain::shipment::{Waybill, Whereabouts};
use domain::switch::{Note, Scope, Stops};
use domain::{
    CouponId, Currency, CursorName, GatewayId, MicrosUtc, MinorUnits, OrderId, PaymentId, SaleId, SellerId,
    SkuId, TraceId, UserId, WarehouseId,
};
use protocol::EventType;

use super::sketch::{Parts, sketch};

/// Facts that nobody is told of: they are about subscribers or an operator's lists, or nothing moved.
const NO_EVENTS: &[&str] = &["HoldExtended", "CursorMoved", "LetterParked", "LetterEnded", "LimitChanged"];
/// Types that no fact is: live alone.
const NO_FACTS: &[EventType] = &[EventType::StockReserveFailed];

/// The name of a fact, and the event that it is. A new fact stops the build here: give it a line in `facts`, too.
fn event_of(fact: &Fact<'_>) -> (&'static str, Option<EventType>) {
    match fact {
        Fact::SkuChanged(_) => ("SkuChanged", Some(EventType::SkuChanged)),
        Fact::FreightChanged(_) => ("FreightChanged", Some(EventType::FreightChanged)),
        Fact::SaleChanged { .. } => ("SaleChanged", Some(EventType::SaleChanged)),
        Fact::StockAdjusted(_) => ("StockAdjusted", Some(EventType::StockAdjusted)),
        Fact::StockTransferred { .. } => ("StockTransferred", Some(EventType::StockAdjusted)),
        Fact::StockReturned { .. } => ("StockReturned", Some(EventType::StockAdjusted)),
        Fact::HoldMade { .. } => ("HoldMade", Some(EventType::StockReserved)),
        Fact::HoldExtended { .. } => ("HoldExtended", None),
        Fact::HoldEnded { .. } => ("HoldEnded", Some(EventType::StockReleased)),
        Fact::OrderCreated(_) => ("OrderCreated", Some(EventType::OrderCreated)),
        Fact::StockReserved { .. } => ("StockReserved", Some(EventType::StockReserved)),
        Fact::StockReduced { .. } => ("StockReduced", Some(EventType::StockReduced)),
        Fact::StockReleased { .. } => ("StockReleased", Some(EventType::StockReleased)),
        Fact::OrderConfirmed { .. } => ("OrderConfirmed", Some(EventType::OrderConfirmed)),
        Fact::StockException { .. } => ("StockException", Some(EventType::StockException)),
        Fact::OrderCancelled { .. } => ("OrderCancelled", Some(EventType::OrderCancelled)),
        Fact::CursorMoved { .. } => ("CursorMoved", None),
        Fact::LetterParked { .. } => ("LetterParked", None),
        Fact::LetterEnded { .. } => ("LetterEnded", None),
        Fact::SwitchChanged { .. } => ("SwitchChanged", Some(EventType::SwitchChanged)),
        Fact::LimitChanged(_) => ("LimitChanged", None),
        Fact::CouponDefined { .. } => ("CouponDefined", Some(EventType::CouponDefined)),
        Fact::CouponClaimed { .. } => ("CouponClaimed", Some(EventType::CouponClaimed)),
        Fact::CouponLocked { .. } => ("CouponLocked", Some(EventType::CouponLocked)),
        Fact::CouponReleased { .. } => ("CouponReleased", Some(EventType::CouponReleased)),
        Fact::CouponUsed { .. } => ("CouponUsed", Some(EventType::CouponUsed)),
        Fact::RefundDone { .. } => ("RefundDone", Some(EventType::RefundDone)),
        Fact::PaymentOpened { .. } => ("PaymentOpened", Some(EventType::PaymentOpened)),
        Fact::PaymentFailed { .. } => ("PaymentFailed", Some(EventType::PaymentFailed)),
        Fact::PaymentSuccess { .. } => ("PaymentSuccess", Some(EventType::PaymentSuccess)),
        Fact::PaymentMismatched { .. } => ("PaymentMismatched", Some(EventType::PaymentMismatched)),
        Fact::PaymentRepeated { .. } => ("PaymentRepeated", Some(EventType::PaymentMismatched)),
        Fact::PaymentOverdrawn { .. } => ("PaymentOverdrawn", Some(EventType::PaymentOverdrawn)),
        Fact::RefundRequested { .. } => ("RefundRequested", Some(EventType::RefundRequested)),
        Fact::RefundFailed { .. } => ("RefundFailed", Some(EventType::RefundFailed)),
        Fact::RefundSettled { .. } => ("RefundSettled", Some(EventType::RefundDone)),
        Fact::OrderShipped { .. } => ("OrderShipped", Some(EventType::OrderShipped)),
        Fact::ShipmentTracked { .. } => ("ShipmentTracked", Some(EventType::ShipmentTracked)),
        Fact::AftersaleChanged(_) => ("AftersaleChanged", Some(EventType::AftersaleChanged)),
        Fact::OrderDelivered { .. } => ("OrderDelivered", Some(EventType::OrderDelivered)),
        Fact::OrderCompleted { .. } => ("OrderCompleted", Some(EventType::OrderCompleted)),
    }
}

/// One of each.
fn facts() -> Vec<Fact<'static>> {
    let (order, payment, sku) = (OrderId(7), PaymentId(8), SkuId(9));
    let (amount, currency, version) = (MinorUnits(100), Currency(978), 2);
    let (warehouse, to, at) = (WarehouseId(1), WarehouseId(2), MicrosUtc(5));
    let subscriber = CursorName::parse([b'a'; 32]).expect("letters");
    let (reason, note) =
        (LetterReason::parse(b"why").expect("letters"), Note::parse(b"why").expect("letters"));
    let created = OrderCreated {
        order,
        user: UserId(1),
        hold: 0,
        currency,
        discount: MinorUnits(0),
        freight: MinorUnits(0),
        total: amount,
        pay_until: at,
        lines: &[],
        client_bytes: &[],
    };
    let adjusted = StockAdjusted {
        sku,
        warehouse,
        on_hand_delta: 1,
        safety_delta: 0,
        unavailable_delta: 0,
        reason: AdjustReason::Received,
        order: OrderId(0),
    };
    vec![
        Fact::SkuChanged(a_sku(sku, currency, amount)),
        Fact::FreightChanged(a_freight_rule(currency, amount)),
        Fact::SaleChanged { sale: a_sale(at), skus: &[] },
        Fact::StockAdjusted(adjusted),
        Fact::StockTransferred { sku, from: warehouse, to, units: 1 },
        Fact::StockReturned { sku, warehouse, units: 1 },
        Fact::HoldMade { hold: 1, user: UserId(1), until: at, units: &[] },
        Fact::HoldExtended { hold: 1, until: at },
        Fact::HoldEnded { hold: 1, end: HoldEnd::Released, units: &[] },
        Fact::OrderCreated(created),
        Fact::StockReserved { order, units: &[] },
        Fact::StockReduced { order, units: &[] },
        Fact::StockReleased { order, units: &[] },
        Fact::OrderConfirmed { order, version },
        Fact::StockException { order, version, units: &[] },
        Fact::OrderCancelled { order, version, reason: CancelReason::User, why: 0 },
        Fact::CursorMoved { name: subscriber, position: 1, forgotten: false },
        Fact::LetterParked { subscriber, position: 1, reason },
        Fact::LetterEnded { subscriber, position: 1, retried: false },
        Fact::SwitchChanged { scope: Scope::All, stops: Stops::default(), version, note },
        Fact::LimitChanged(UserLimit { user: UserId(1), list: UserList::Blocked, sale_units: 0, until: at }),
        Fact::RefundDone { order, version, amount, why: 0 },
        Fact::PaymentOpened { payment, order, version, gateway: GatewayId(1), pay_until: at },
        Fact::PaymentFailed { payment, order, version, by_gateway: true },
        Fact::PaymentSuccess { payment, order, amount, reference: 1, surplus: false },
        Fact::PaymentMismatched { payment, order, amount, currency, reference: 1 },
        Fact::PaymentRepeated { payment, order, attempt: 1, amount, currency, reference: 2 },
        Fact::PaymentOverdrawn { payment, order, beyond: amount, currency },
        Fact::RefundRequested {
            payment,
            order,
            version,
            number: 1,
            amount,
            currency,
            reason: RefundReason::Duplicate,
            why: 0,
        },
        Fact::RefundFailed { payment, order, number: 1 },
        Fact::RefundSettled { payment, order, number: 1, amount, currency },
        Fact::OrderShipped {
            order,
            version,
            number: 1,
            whole: true,
            waybill: Waybill { carrier: [b'a'; 16], tracking: [b'1'; 40] },
            units: &[],
        },
        Fact::AftersaleChanged(Case {
            order,
            number: 1,
            kind: CaseKind::ReturnRefund,
            state: CaseState::Open,
            sku,
            units: 2,
            amount,
            refund: 0,
            why: 3,
        }),
        Fact::ShipmentTracked { order, number: 1, note: Whereabouts([b'a'; 40]) },
        Fact::OrderDelivered { order, version },
        Fact::OrderCompleted { order, version },
        Fact::CouponDefined { coupon: a_coupon(at, currency, amount), skus: &[] },
        Fact::CouponClaimed { coupon: CouponId(1), user: UserId(1) },
        Fact::CouponLocked { order, coupons: &[] },
        Fact::CouponReleased { order, coupons: &[] },
        Fact::CouponUsed { order, coupons: &[] },
    ]
}

fn a_freight_rule(currency: Currency, base: MinorUnits) -> FreightRule {
    let (seller, by, none) = (SellerId(0), FreightBy::Total, MinorUnits(0));
    FreightRule { seller, currency, version: 1, by, free_from: none, base, first: 0, step: 0, per_step: none }
}

fn a_sku(id: SkuId, currency: Currency, unit_price: MinorUnits) -> Sku {
    let (seller, hold_seconds, open, weight_grams) = (SellerId(0), 1, true, 0);
    Sku { id, version: 1, seller, currency, unit_price, hold_seconds, open, weight_grams }
}

fn a_coupon(at: MicrosUtc, currency: Currency, amount: MinorUnits) -> Coupon {
    Coupon {
        id: CouponId(1),
        version: 1,
        currency,
        benefit: Benefit::Amount(amount),
        threshold: MinorUnits(0),
        scope: CouponScope::Skus,
        opens: at,
        closes: at,
        quota: 1,
        user_quota: 1,
        group: 0,
        rank: 0,
        must_claim: false,
    }
}

fn a_sale(at: MicrosUtc) -> Sale {
    Sale {
        id: SaleId(1),
        version: 1,
        closed_from: at,
        opens: at,
        closes: at,
        user_limit_units: 0,
        order_limit_units: 0,
        cap_units: 0,
        hold_seconds: 1,
    }
}

#[test]
fn every_fact_is_an_event_or_is_listed_as_none() {
    let stamp = Stamp { at: MicrosUtc(5), actor: Actor::Timer, request: None, trace: TraceId(0) };
    let (mut named, mut told) = (BTreeSet::new(), BTreeSet::new());
    for fact in facts() {
        let (name, event) = event_of(&fact);
        let drawn = sketch(3, &stamp, &fact).map(|drawn| drawn.event.event);
        assert_eq!(drawn, event.map(EventType::number), "{name}");
        assert_eq!(event.is_none(), NO_EVENTS.contains(&name), "{name}");
        assert!(named.insert(name), "{name} twice");
        told.extend(event);
    }
    assert_eq!(named.len(), 41, "a fact without an example: {named:?}");
    let untold: Vec<_> = EventType::ALL.iter().filter(|event| !told.contains(event)).collect();
    assert_eq!(untold, NO_FACTS.iter().collect::<Vec<_>>());
}

#[test]
fn a_letter_that_is_retried_is_told_to_its_subscriber_alone() {
    let stamp = Stamp { at: MicrosUtc(5), actor: Actor::Operator(0), request: None, trace: TraceId(0) };
    let subscriber = CursorName::parse([b'a'; 32]).expect("letters");
    let fact = Fact::LetterEnded { subscriber, position: 2, retried: true };
    let drawn = sketch(9, &stamp, &fact).expect("it is told");
    assert_eq!((drawn.event.position, drawn.parts), (9, Parts::Again { subscriber, position: 2 }));
}
