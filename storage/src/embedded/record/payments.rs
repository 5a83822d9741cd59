//! Facts about payments and refunds, to bytes and back.

use domain::fact::{Fact, RefundReason};
use domain::{Currency, GatewayId, MicrosUtc, MinorUnits, OrderId, PaymentId};

use super::decode::{BadEntry, Cursor};
use super::encode::EntryWriter;
use super::kind;

impl EntryWriter<'_> {
    /// Writes a fact about a payment; others are written elsewhere.
    pub(super) fn payment(&mut self, fact: &Fact<'_>) {
        match *fact {
            Fact::PaymentOpened { payment, order, version, gateway, pay_until } => {
                self.of_payment(kind::PAYMENT_OPENED, payment, order);
                self.u32(version);
                self.u16(gateway.0);
                self.i64(pay_until.0);
            }
            Fact::PaymentFailed { payment, order, version, by_gateway } => {
                self.of_payment(kind::PAYMENT_FAILED, payment, order);
                self.u32(version);
                self.u8(u8::from(by_gateway));
            }
            Fact::PaymentSuccess { payment, order, amount, reference, surplus } => {
                self.of_payment(kind::PAYMENT_SUCCESS, payment, order);
                self.i64(amount.0);
                self.u64(reference);
                self.u8(u8::from(surplus));
            }
            Fact::PaymentMismatched { payment, order, amount, currency, reference } => {
                self.of_payment(kind::PAYMENT_MISMATCHED, payment, order);
                self.i64(amount.0);
                self.u16(currency.0);
                self.u64(reference);
            }
            Fact::RefundRequested { payment, order, version, number, amount, currency, reason, why } => {
                self.of_payment(kind::REFUND_REQUESTED, payment, order);
                self.u32(version);
                self.u16(number);
                self.i64(amount.0);
                self.u16(currency.0);
                self.u8(refund_reason_number(reason));
                self.u16(why);
            }
            Fact::RefundFailed { payment, order, number } => {
                self.of_payment(kind::REFUND_FAILED, payment, order);
                self.u16(number);
            }
            Fact::RefundSettled { payment, order, number, amount, currency } => {
                self.of_payment(kind::REFUND_SETTLED, payment, order);
                self.u16(number);
                self.i64(amount.0);
                self.u16(currency.0);
            }
            Fact::PaymentRepeated { payment, order, attempt, amount, currency, reference } => {
                self.of_payment(kind::PAYMENT_REPEATED, payment, order);
                self.u16(attempt);
                self.i64(amount.0);
                self.u16(currency.0);
                self.u64(reference);
            }
            Fact::PaymentOverdrawn { payment, order, beyond, currency } => {
                self.of_payment(kind::PAYMENT_OVERDRAWN, payment, order);
                self.i64(beyond.0);
                self.u16(currency.0);
            }
            Fact::SkuChanged(_)
            | Fact::FreightChanged(_)
            | Fact::SaleChanged { .. }
            | Fact::StockAdjusted(_)
            | Fact::StockTransferred { .. }
            | Fact::SwitchChanged { .. }
            | Fact::LimitChanged(_)
            | Fact::CursorMoved { .. }
            | Fact::LetterParked { .. }
            | Fact::LetterEnded { .. }
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
            | Fact::CouponDefined { .. }
            | Fact::CouponClaimed { .. }
            | Fact::CouponLocked { .. }
            | Fact::CouponReleased { .. }
            | Fact::CouponUsed { .. } => unreachable!("only facts about payments come here"),
        }
    }

    fn of_payment(&mut self, kind: u8, payment: PaymentId, order: OrderId) {
        self.kind(kind);
        self.u64(payment.0);
        self.u64(order.0);
    }
}

/// Whether this kind of fact is about a payment.
pub(super) const fn is_payment(kind: u8) -> bool {
    kind::PAYMENT_OPENED <= kind && kind <= kind::PAYMENT_OVERDRAWN
}

/// Reads a fact of such a kind.
pub(super) fn payment(kind: u8, from: &mut Cursor<'_>) -> Result<Fact<'static>, BadEntry> {
    let (payment, order) = (PaymentId(from.u64()?), OrderId(from.u64()?));
    Ok(match kind {
        kind::PAYMENT_OPENED => Fact::PaymentOpened {
            payment,
            order,
            version: from.u32()?,
            gateway: GatewayId(from.u16()?),
            pay_until: MicrosUtc(from.i64()?),
        },
        kind::PAYMENT_FAILED => {
            let version = from.u32()?;
            let by_gateway = from.flag("by_gateway flag")?;
            Fact::PaymentFailed { payment, order, version, by_gateway }
        }
        kind::PAYMENT_SUCCESS => {
            let (amount, reference) = (MinorUnits(from.i64()?), from.u64()?);
            let surplus = from.flag("surplus flag")?;
            Fact::PaymentSuccess { payment, order, amount, reference, surplus }
        }
        kind::PAYMENT_MISMATCHED => {
            let (amount, currency) = (MinorUnits(from.i64()?), Currency(from.u16()?));
            Fact::PaymentMismatched { payment, order, amount, currency, reference: from.u64()? }
        }
        kind::REFUND_REQUESTED => Fact::RefundRequested {
            payment,
            order,
            version: from.u32()?,
            number: from.u16()?,
            amount: MinorUnits(from.i64()?),
            currency: Currency(from.u16()?),
            reason: refund_reason(from.u8()?)?,
            why: from.u16()?,
        },
        kind::REFUND_FAILED => Fact::RefundFailed { payment, order, number: from.u16()? },
        kind::REFUND_SETTLED => {
            let (number, amount) = (from.u16()?, MinorUnits(from.i64()?));
            Fact::RefundSettled { payment, order, number, amount, currency: Currency(from.u16()?) }
        }
        kind::PAYMENT_REPEATED => {
            let (attempt, amount, currency) = (from.u16()?, MinorUnits(from.i64()?), Currency(from.u16()?));
            let reference = from.u64()?;
            Fact::PaymentRepeated { payment, order, attempt, amount, currency, reference }
        }
        // PAYMENT_OVERDRAWN: the caller told the kinds apart.
        _ => {
            let (beyond, currency) = (MinorUnits(from.i64()?), Currency(from.u16()?));
            Fact::PaymentOverdrawn { payment, order, beyond, currency }
        }
    })
}

const fn refund_reason_number(reason: RefundReason) -> u8 {
    match reason {
        RefundReason::Late => 1,
        RefundReason::Duplicate => 2,
        RefundReason::Cancelled => 3,
        RefundReason::Operator => 4,
        RefundReason::Aftersale => 5,
    }
}

fn refund_reason(number: u8) -> Result<RefundReason, BadEntry> {
    match number {
        1 => Ok(RefundReason::Late),
        2 => Ok(RefundReason::Duplicate),
        3 => Ok(RefundReason::Cancelled),
        4 => Ok(RefundReason::Operator),
        5 => Ok(RefundReason::Aftersale),
        _ => Err(BadEntry::Field("refund reason")),
    }
}
