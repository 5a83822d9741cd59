//! Payments and refunds, from the wire and back.

use domain::intent::{
    PayCallback, PayClose, PayOpen, PayOutcome, Refund, RefundResult, Repair, RepairAction,
};
use domain::verdict::PaymentBrief;
use domain::{Currency, GatewayId, Intent, MinorUnits, OrderId, PaymentId, RequestId, UserId};
use protocol::{Header, messages, parse, structs};

use crate::refused::Refused;

/// PAY_OPEN as an intent.
pub(crate) fn open(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::PayOpenHead { request, user, order, gateway } =
        parse::<messages::PayOpen>(header, body)?.head;
    if gateway == 0 {
        return Err(Refused::field("gateway"));
    }
    Ok(Intent::PayOpen(PayOpen {
        user: UserId(user),
        request: RequestId(request),
        order: OrderId(order),
        gateway: GatewayId(gateway),
    }))
}

/// PAY_CALLBACK as an intent. Its signature was verified.
pub(crate) fn callback(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::PayCallbackHead {
        payment,
        amount,
        reference,
        signed_at: _,
        currency,
        gateway,
        outcome,
        signature_first: _,
        signature_second: _,
    } = parse::<messages::PayCallback>(header, body)?.head;
    let outcome = match outcome {
        1 => PayOutcome::Succeeded { amount: not_below_0(amount)?, currency: Currency(currency), reference },
        2 => PayOutcome::Failed,
        _ => return Err(Refused::field("outcome")),
    };
    Ok(Intent::PayCallback(PayCallback { gateway: GatewayId(gateway), payment: PaymentId(payment), outcome }))
}

/// PAY_GET as an intent.
pub(crate) fn get(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::PayGetHead { user, order, payment } = parse::<messages::PayGet>(header, body)?.head;
    if (order == 0) == (payment == 0) {
        return Err(Refused::field("order or payment"));
    }
    Ok(Intent::PayGet { user: UserId(user), order: OrderId(order), payment: PaymentId(payment) })
}

/// PAY_CLOSE as an intent.
pub(crate) fn close(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::PayCloseHead { request, user, payment } = parse::<messages::PayClose>(header, body)?.head;
    let (user, request) = (UserId(user), RequestId(request));
    Ok(Intent::PayClose(PayClose { user, request, payment: PaymentId(payment) }))
}

/// REFUND as an intent.
pub(crate) fn refund(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::RefundHead { request, payment, amount, why } = parse::<messages::Refund>(header, body)?.head;
    let (request, payment) = (RequestId(request), PaymentId(payment));
    Ok(Intent::Refund(Refund { request, payment, amount: not_below_0(amount)?, why }))
}

/// REFUND_RESULT as an intent. Its signature was verified.
pub(crate) fn refund_result(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::RefundResultHead {
        payment,
        amount,
        signed_at: _,
        gateway,
        number,
        succeeded,
        signature_first: _,
        signature_second: _,
    } = parse::<messages::RefundResult>(header, body)?.head;
    Ok(Intent::RefundResult(RefundResult {
        gateway: GatewayId(gateway),
        payment: PaymentId(payment),
        number,
        succeeded,
        amount: not_below_0(amount)?,
    }))
}

/// REPAIR as an intent.
pub(crate) fn repair(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::RepairHead { request, order, payment, version, action } =
        parse::<messages::Repair>(header, body)?.head;
    let action = match action {
        1 if payment != 0 => RepairAction::Settle(PaymentId(payment)),
        2 if payment == 0 => RepairAction::Restock,
        1 | 2 => return Err(Refused::field("payment")),
        _ => return Err(Refused::field("action")),
    };
    let (request, order) = (RequestId(request), OrderId(order));
    Ok(Intent::Repair(Repair { request, order, version, action }))
}

/// A payment, for the wire.
pub(crate) fn payment_to_wire(brief: &PaymentBrief) -> structs::Payment {
    let PaymentBrief {
        payment,
        order,
        order_state,
        order_version,
        pay_until,
        gateway,
        state,
        amount,
        currency,
        arrived,
        arrived_currency,
        refunded,
        refund_number,
        refund_amount,
        refund_state,
    } = *brief;
    structs::Payment {
        payment: payment.0,
        order: order.0,
        amount: amount.0,
        arrived: arrived.0,
        refunded: refunded.0,
        refund_amount: refund_amount.0,
        pay_until: pay_until.0,
        order_version,
        currency: currency.0,
        arrived_currency: arrived_currency.0,
        gateway: gateway.0,
        refund_number,
        state: state.number(),
        refund_state: refund_state.number(),
        order_state: order_state.number(),
    }
}

fn not_below_0(amount: i64) -> Result<MinorUnits, Refused> {
    if amount < 0 { Err(Refused::field("amount")) } else { Ok(MinorUnits(amount)) }
}
