//! Facts as JSON, one object a fact.

use std::fmt::Write as _;

use domain::coupon::{Benefit, Coupon, CouponScope, CouponShare};
use domain::fact::{CancelReason, Fact, OrderCreated, RefundReason, ShelfUnits, StockAdjusted};
use domain::hold::HoldEnd;
use domain::intent::AdjustReason;
use domain::limit::UserLimit;
use domain::switch::Scope;
use domain::{Actor, OrderId, SkuId, Stamp};
use serde_json::{Map, Value, json};
use storage::embedded::reader::Record;

/// One fact as a JSON object. u64 ids are numbers; whoever reads them with 53 bits should not.
pub(super) fn json_of(record: &Record<'_>) -> Value {
    let Stamp { at, actor, request, trace } = *record.stamp;
    let mut row = Map::new();
    let mut put = |key: &str, value: Value| row.insert(key.into(), value);
    put("position", json!(record.position));
    put("at_us", json!(at.0));
    match actor {
        Actor::User(user) => put("user", json!(user.0)),
        Actor::Operator(key) => put("operator", json!(key)),
        Actor::Timer => put("timer", json!(true)),
        Actor::Gateway(gateway) => put("gateway", json!(gateway.0)),
    };
    if let Some(request) = request {
        put("request", json!(format!("{:032x}", request.key.id.0)));
    }
    if trace.0 != 0 {
        put("trace", json!(format!("{:032x}", trace.0)));
    }
    let (name, body) = json_of_fact(record.fact);
    put("fact", json!(name));
    if let Value::Object(body) = body {
        row.extend(body);
    }
    Value::Object(row)
}

fn json_of_fact(fact: &Fact<'_>) -> (&'static str, Value) {
    match *fact {
        Fact::OrderCreated(ref created) => ("OrderCreated", json_of_created(created)),
        Fact::StockReserved { order, units } => ("StockReserved", json_of_units(order, units)),
        Fact::StockReduced { order, units } => ("StockReduced", json_of_units(order, units)),
        Fact::StockReleased { order, units } => ("StockReleased", json_of_units(order, units)),
        Fact::OrderConfirmed { order, version } => {
            ("OrderConfirmed", json!({ "order": order.0, "version": version }))
        }
        Fact::StockException { order, version, units } => {
            let units = json_of_shelves(units);
            ("StockException", json!({ "order": order.0, "version": version, "units": units }))
        }
        Fact::OrderCancelled { order, version, reason, why } => {
            let reason = cancel_reason(reason);
            ("OrderCancelled", json!({ "order": order.0, "version": version, "reason": reason, "why": why }))
        }
        Fact::RefundDone { order, version, amount, why } => {
            ("RefundDone", json!({ "order": order.0, "version": version, "amount": amount.0, "why": why }))
        }
        Fact::PaymentOpened { payment, order, version, gateway, pay_until } => {
            let body = json!({
                "payment": payment.0, "order": order.0, "version": version, "gateway": gateway.0,
                "pay_until_us": pay_until.0,
            });
            ("PaymentOpened", body)
        }
        Fact::PaymentFailed { payment, order, version, by_gateway } => {
            let body = json!({
                "payment": payment.0, "order": order.0, "version": version, "by_gateway": by_gateway,
            });
            ("PaymentFailed", body)
        }
        Fact::PaymentSuccess { payment, order, amount, reference, surplus } => {
            let body = json!({
                "payment": payment.0, "order": order.0, "amount": amount.0, "reference": reference,
                "surplus": surplus,
            });
            ("PaymentSuccess", body)
        }
        Fact::PaymentMismatched { payment, order, amount, currency, reference } => {
            let body = json!({
                "payment": payment.0, "order": order.0, "amount": amount.0, "currency": currency.0,
                "reference": reference,
            });
            ("PaymentMismatched", body)
        }
        Fact::PaymentRepeated { payment, order, attempt, amount, currency, reference } => {
            let body = json!({
                "payment": payment.0, "order": order.0, "attempt": attempt, "amount": amount.0,
                "currency": currency.0, "reference": reference,
            });
            ("PaymentRepeated", body)
        }
        Fact::PaymentOverdrawn { payment, order, beyond, currency } => {
            let body = json!({
                "payment": payment.0, "order": order.0, "beyond": beyond.0, "currency": currency.0,
            });
            ("PaymentOverdrawn", body)
        }
        Fact::RefundRequested { payment, order, version, number, amount, currency, reason, why } => {
            let body = json!({
                "payment": payment.0, "order": order.0, "version": version, "number": number,
                "amount": amount.0, "currency": currency.0, "reason": refund_reason(reason), "why": why,
            });
            ("RefundRequested", body)
        }
        Fact::RefundFailed { payment, order, number } => {
            ("RefundFailed", json!({ "payment": payment.0, "order": order.0, "number": number }))
        }
        Fact::RefundSettled { payment, order, number, amount, currency } => {
            let body = json!({
                "payment": payment.0, "order": order.0, "number": number, "amount": amount.0,
                "currency": currency.0,
            });
            ("RefundSettled", body)
        }
        Fact::OrderShipped { order, version, number, whole, ref waybill, units } => {
            let mut body = json_of_units(order, units);
            body["version"] = json!(version);
            body["shipment"] = json!(number);
            body["whole"] = json!(whole);
            body["carrier"] = json!(words(&waybill.carrier));
            body["tracking"] = json!(words(&waybill.tracking));
            ("OrderShipped", body)
        }
        Fact::AftersaleChanged(ref case) => {
            let body = json!({
                "order": case.order.0, "number": case.number, "kind": case.kind.number(),
                "state": case.state.number(), "sku": case.sku.0, "units": case.units,
                "amount": case.amount.0, "refund": case.refund, "why": case.why,
            });
            ("AftersaleChanged", body)
        }
        Fact::ShipmentTracked { order, number, ref note } => {
            ("ShipmentTracked", json!({ "order": order.0, "shipment": number, "note": words(&note.0) }))
        }
        Fact::OrderDelivered { order, version } => {
            ("OrderDelivered", json!({ "order": order.0, "version": version }))
        }
        Fact::OrderCompleted { order, version } => {
            ("OrderCompleted", json!({ "order": order.0, "version": version }))
        }
        Fact::StockAdjusted(ref adjusted) => ("StockAdjusted", json_of_adjusted(adjusted)),
        Fact::HoldMade { hold, user, until, units } => {
            let units = json_of_shelves(units);
            ("HoldMade", json!({ "hold": hold, "user": user.0, "until_us": until.0, "units": units }))
        }
        Fact::HoldExtended { hold, until } => ("HoldExtended", json!({ "hold": hold, "until_us": until.0 })),
        Fact::HoldEnded { hold, end, units } => {
            let (end, units) = (hold_end(end), json_of_shelves(units));
            ("HoldEnded", json!({ "hold": hold, "end": end, "units": units }))
        }
        Fact::StockTransferred { sku, from, to, units } => {
            ("StockTransferred", json!({ "sku": sku.0, "from": from.0, "to": to.0, "units": units }))
        }
        Fact::StockReturned { sku, warehouse, units } => {
            ("StockReturned", json!({ "sku": sku.0, "warehouse": warehouse.0, "units": units }))
        }
        Fact::CouponDefined { ref coupon, skus } => ("CouponDefined", json_of_coupon(coupon, skus)),
        Fact::CouponClaimed { coupon, user } => {
            ("CouponClaimed", json!({ "coupon": coupon.0, "by_user": user.0 }))
        }
        Fact::CouponLocked { order, coupons } => ("CouponLocked", json_of_shares(order, coupons)),
        Fact::CouponReleased { order, coupons } => ("CouponReleased", json_of_shares(order, coupons)),
        Fact::CouponUsed { order, coupons } => ("CouponUsed", json_of_shares(order, coupons)),
        Fact::CursorMoved { name, position, forgotten } => (
            "CursorMoved",
            json!({ "cursor": name.as_str(), "cursor_position": position, "forgotten": forgotten }),
        ),
        Fact::LetterParked { subscriber, position, reason } => {
            let reason = reason.as_str();
            (
                "LetterParked",
                json!({ "subscriber": subscriber.as_str(), "of_position": position, "reason": reason }),
            )
        }
        Fact::LetterEnded { subscriber, position, retried } => (
            "LetterEnded",
            json!({ "subscriber": subscriber.as_str(), "of_position": position, "retried": retried }),
        ),
        Fact::LimitChanged(UserLimit { user, list, sale_units, until }) => {
            let list = format!("{list:?}");
            let body = json!({ "user": user.0, "list": list, "sale_units": sale_units, "until_us": until.0 });
            ("LimitChanged", body)
        }
        Fact::SwitchChanged { scope, stops, version, note } => {
            let (creating, paying, changing) = (stops.creating, stops.paying, stops.changing);
            let body = json!({
                "scope": scope_name(scope), "id": scope.id(), "version": version, "stops_creating": creating,
                "stops_paying": paying, "stops_changing": changing, "note": note.as_str(),
            });
            ("SwitchChanged", body)
        }
        Fact::SkuChanged(sku) => {
            let body = json!({
                "sku": sku.id.0, "version": sku.version, "seller": sku.seller.0, "currency": sku.currency.0,
                "unit_price": sku.unit_price.0, "hold_seconds": sku.hold_seconds, "open": sku.open,
                "weight_grams": sku.weight_grams,
            });
            ("SkuChanged", body)
        }
        Fact::FreightChanged(rule) => {
            let body = json!({
                "seller": rule.seller.0, "currency": rule.currency.0, "version": rule.version,
                "by": format!("{:?}", rule.by), "free_from": rule.free_from.0, "base": rule.base.0,
                "first": rule.first, "step": rule.step, "per_step": rule.per_step.0,
            });
            ("FreightChanged", body)
        }
        Fact::SaleChanged { sale, skus } => {
            let skus: Vec<_> =
                skus.iter().map(|it| json!({ "sku": it.sku.0, "unit_price": it.unit_price.0 })).collect();
            let body = json!({
                "sale": sale.id.0, "version": sale.version, "closed_from_us": sale.closed_from.0,
                "opens_us": sale.opens.0, "closes_us": sale.closes.0, "user_limit_units": sale.user_limit_units,
                "order_limit_units": sale.order_limit_units, "cap_units": sale.cap_units,
                "hold_seconds": sale.hold_seconds, "skus": skus,
            });
            ("SaleChanged", body)
        }
    }
}

fn json_of_coupon(coupon: &Coupon, skus: &[SkuId]) -> Value {
    let (amount, basis_points) = match coupon.benefit {
        Benefit::Amount(amount) => (amount, 0),
        Benefit::Percent { basis_points, cap } => (cap, basis_points),
    };
    let (scope, sale) = match coupon.scope {
        CouponScope::All => ("all", 0),
        CouponScope::Skus => ("skus", 0),
        CouponScope::Sale(sale) => ("sale", sale.0),
    };
    json!({
        "coupon": coupon.id.0, "version": coupon.version, "currency": coupon.currency.0, "amount": amount.0,
        "basis_points": basis_points, "threshold": coupon.threshold.0, "scope": scope, "sale": sale,
        "opens_us": coupon.opens.0, "closes_us": coupon.closes.0, "quota": coupon.quota,
        "user_quota": coupon.user_quota, "group": coupon.group, "rank": coupon.rank,
        "must_claim": coupon.must_claim, "skus": skus.iter().map(|sku| sku.0).collect::<Vec<_>>(),
    })
}

fn json_of_shares(order: OrderId, shares: &[CouponShare]) -> Value {
    let row = |share: &CouponShare| json!({ "coupon": share.coupon.0, "discount": share.discount.0 });
    json!({ "order": order.0, "coupons": shares.iter().map(row).collect::<Vec<_>>() })
}

fn json_of_created(created: &OrderCreated<'_>) -> Value {
    let lines: Vec<_> = created
        .lines
        .iter()
        .map(|line| {
            json!({
                "sku": line.sku.0, "seller": line.seller.0, "warehouse": line.warehouse.0, "sale": line.sale.0,
                "quantity": line.quantity.get(), "parcel": line.parcel, "unit_price": line.unit_price.0,
                "discount": line.discount.0, "freight": line.freight.0,
            })
        })
        .collect();
    json!({
        "order": created.order.0, "buyer": created.user.0, "hold": created.hold, "currency": created.currency.0,
        "discount": created.discount.0, "freight": created.freight.0, "total": created.total.0,
        "pay_until_us": created.pay_until.0, "lines": lines, "client_bytes": hex(created.client_bytes),
    })
}

/// A text field up to its first zero; what is no UTF-8 is shown as such.
fn words(field: &[u8]) -> std::borrow::Cow<'_, str> {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end])
}

fn json_of_units(order: OrderId, units: &[ShelfUnits]) -> Value {
    json!({ "order": order.0, "units": json_of_shelves(units) })
}

fn json_of_shelves(units: &[ShelfUnits]) -> Vec<Value> {
    units
        .iter()
        .map(|it| json!({ "sku": it.sku.0, "warehouse": it.warehouse.0, "quantity": it.quantity.get() }))
        .collect()
}

fn json_of_adjusted(adjusted: &StockAdjusted) -> Value {
    let reason = match adjusted.reason {
        AdjustReason::Received => "received",
        AdjustReason::Adjusted => "adjusted",
        AdjustReason::Returned => "returned",
        AdjustReason::Lost => "lost",
    };
    json!({
        "sku": adjusted.sku.0, "warehouse": adjusted.warehouse.0, "on_hand_delta": adjusted.on_hand_delta,
        "safety_delta": adjusted.safety_delta, "unavailable_delta": adjusted.unavailable_delta, "reason": reason,
        "order": adjusted.order.0,
    })
}

const fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::All => "all",
        Scope::Sale(_) => "sale",
        Scope::Sku(_) => "sku",
    }
}

fn hold_end(end: HoldEnd) -> &'static str {
    match end {
        HoldEnd::Taken => "taken over",
        HoldEnd::Committed => "sold",
        HoldEnd::Released => "released",
        HoldEnd::Expired => "expired",
    }
}

const fn refund_reason(reason: RefundReason) -> &'static str {
    match reason {
        RefundReason::Late => "late",
        RefundReason::Duplicate => "duplicate",
        RefundReason::Cancelled => "cancelled",
        RefundReason::Operator => "operator",
        RefundReason::Aftersale => "aftersale",
    }
}

const fn cancel_reason(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::User => "user",
        CancelReason::Timer => "timer",
        CancelReason::Operator => "operator",
        CancelReason::Risk => "risk",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
