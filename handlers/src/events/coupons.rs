//! Facts about coupons, as events.

use domain::coupon::{Coupon, CouponShare};
use domain::{Fact, OrderId};
use protocol::EventType;
use protocol::structs::Event;

use super::sketch::{Parts, Sketch};

/// The event that a fact about coupons is; nothing for other facts.
pub(super) fn sketch(blank: Event, fact: &Fact<'_>) -> Option<Sketch> {
    let of_order = |order: OrderId, coupons: &[CouponShare]| {
        (Event { order: order.0, ..blank }, Parts::Coupons(coupons.to_vec()))
    };
    let (event, (filled, parts)) = match *fact {
        // Its skus may be tens of thousands: who wants them reads the coupon.
        Fact::CouponDefined { coupon: Coupon { id, version, currency, .. }, skus: _ } => {
            let filled = Event { coupon: id.0, version, currency: currency.0, ..blank };
            (EventType::CouponDefined, (filled, Parts::One))
        }
        Fact::CouponClaimed { coupon, user } => {
            let filled = Event { coupon: coupon.0, user: user.0, ..blank };
            (EventType::CouponClaimed, (filled, Parts::One))
        }
        Fact::CouponLocked { order, coupons } => (EventType::CouponLocked, of_order(order, coupons)),
        Fact::CouponReleased { order, coupons } => (EventType::CouponReleased, of_order(order, coupons)),
        Fact::CouponUsed { order, coupons } => (EventType::CouponUsed, of_order(order, coupons)),
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
        | Fact::CursorMoved { .. }
        | Fact::LetterParked { .. }
        | Fact::LetterEnded { .. }
        | Fact::SwitchChanged { .. }
        | Fact::LimitChanged(_)
        | Fact::AftersaleChanged(_)
        | Fact::OrderShipped { .. }
        | Fact::ShipmentTracked { .. }
        | Fact::OrderDelivered { .. }
        | Fact::OrderCompleted { .. }
        | Fact::PaymentOpened { .. }
        | Fact::PaymentFailed { .. }
        | Fact::PaymentSuccess { .. }
        | Fact::PaymentMismatched { .. }
        | Fact::PaymentRepeated { .. }
        | Fact::PaymentOverdrawn { .. }
        | Fact::RefundRequested { .. }
        | Fact::RefundFailed { .. }
        | Fact::RefundSettled { .. } => return None,
    };
    Some(Sketch { event: Event { event: event.number(), ..filled }, parts })
}
