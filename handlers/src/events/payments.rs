//! Facts about money, as events.

use domain::fact::RefundReason;
use domain::order::State;
use domain::{Fact, OrderId, PaymentId};
use protocol::EventType;
use protocol::structs::Event;

use super::sketch::{Parts, Sketch};

/// The event that a fact about a payment is; nothing for other facts.
pub(super) fn sketch(blank: Event, fact: &Fact<'_>) -> Option<Sketch> {
    let of = |payment: PaymentId, order: OrderId| Event { payment: payment.0, order: order.0, ..blank };
    let (event, filled) = match *fact {
        Fact::PaymentOpened { payment, order, version, gateway: _, pay_until: _ } => {
            let state = State::Paying.number();
            (EventType::PaymentOpened, Event { version, state, ..of(payment, order) })
        }
        Fact::PaymentFailed { payment, order, version, by_gateway } => {
            let reason = if by_gateway { 1 } else { 2 };
            (EventType::PaymentFailed, Event { version, reason, ..of(payment, order) })
        }
        Fact::PaymentSuccess { payment, order, amount, reference: _, surplus } => {
            let reason = u8::from(surplus);
            (EventType::PaymentSuccess, Event { amount: amount.0, reason, ..of(payment, order) })
        }
        Fact::PaymentMismatched { payment, order, amount, currency, reference: _ } => {
            let (amount, currency) = (amount.0, currency.0);
            (EventType::PaymentMismatched, Event { amount, currency, ..of(payment, order) })
        }
        // A payment of its own; for who watches it is money that waits for people, too.
        Fact::PaymentRepeated { payment, order, attempt: _, amount, currency, reference: _ } => {
            let (amount, currency) = (amount.0, currency.0);
            (EventType::PaymentMismatched, Event { amount, currency, ..of(payment, order) })
        }
        Fact::PaymentOverdrawn { payment, order, beyond, currency } => {
            let (amount, currency) = (beyond.0, currency.0);
            (EventType::PaymentOverdrawn, Event { amount, currency, ..of(payment, order) })
        }
        Fact::RefundRequested { payment, order, version, number: _, amount, currency, reason, why } => {
            let (amount, currency, reason) = (amount.0, currency.0, refund_reason(reason));
            let filled = Event { version, amount, currency, reason, why, ..of(payment, order) };
            (EventType::RefundRequested, filled)
        }
        Fact::RefundFailed { payment, order, number: _ } => (EventType::RefundFailed, of(payment, order)),
        // Of money, as RefundDone is of an order: both say that it went back.
        Fact::RefundSettled { payment, order, number: _, amount, currency } => {
            let (amount, currency) = (amount.0, currency.0);
            (EventType::RefundDone, Event { amount, currency, ..of(payment, order) })
        }
        Fact::SkuChanged(_)
        | Fact::FreightChanged(_)
        | Fact::SaleChanged { .. }
        | Fact::StockAdjusted(_)
        | Fact::StockTransferred { .. }
        | Fact::StockReturned { .. }
        | Fact::HoldMade { .. }
        | Fact::HoldExtended { .. }
        | Fact::HoldEnded { .. }
        | Fact::OrderCreated(_)
        | Fact::StockReserved { .. }
        | Fact::StockReduced { .. }
        | Fact::StockReleased { .. }
        | Fact::OrderConfirmed { .. }
        | Fact::StockException { .. }
        | Fact::OrderCancelled { .. }
        | Fact::RefundDone { .. }
        | Fact::OrderShipped { .. }
        | Fact::AftersaleChanged(_)
        | Fact::ShipmentTracked { .. }
        | Fact::OrderDelivered { .. }
        | Fact::OrderCompleted { .. }
        | Fact::CursorMoved { .. }
        | Fact::LetterParked { .. }
        | Fact::LetterEnded { .. }
        | Fact::LimitChanged(_)
        | Fact::SwitchChanged { .. }
        | Fact::CouponDefined { .. }
        | Fact::CouponClaimed { .. }
        | Fact::CouponLocked { .. }
        | Fact::CouponReleased { .. }
        | Fact::CouponUsed { .. } => return None,
    };
    Some(Sketch { event: Event { event: event.number(), ..filled }, parts: Parts::One })
}

const fn refund_reason(reason: RefundReason) -> u8 {
    match reason {
        RefundReason::Late => 1,
        RefundReason::Duplicate => 2,
        RefundReason::Cancelled => 3,
        RefundReason::Operator => 4,
        RefundReason::Aftersale => 5,
    }
}
