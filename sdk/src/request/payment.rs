//! PAY_OPEN, PAY_CALLBACK, PAY_GET, PAY_CLOSE, REFUND, REFUND_RESULT, and what REPAIR does to payments.

use protocol::structs as wire;
use protocol::{GatewayKey, Parsed, SIGNATURE_BYTES, Signed, messages};

use super::sealed::{Told, Wire};
use super::{Ask, Changes, Request};
use crate::shop::{self, OrderBrief, Payment};
use crate::values::{GatewayId, MicrosUtc, Money, OrderId, PaymentId, UserId};

/// Opens an attempt to pay an order.
#[derive(Clone, Debug)]
pub struct PayOpen {
    pub(crate) user: UserId,
    pub(crate) order: OrderId,
    pub(crate) gateway: GatewayId,
}

impl Wire for PayOpen {
    type Question = messages::PayOpen;
    type Reply = messages::PayOpenAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::PayOpenHead {
        let PayOpen { user, order, gateway } = *self;
        wire::PayOpenHead { request, user: user.0, order: order.0, gateway: gateway.0 }
    }
}

impl Ask for PayOpen {
    type Answer = Payment;

    fn read(answer: &Parsed<'_, messages::PayOpenAnswer>) -> Option<Payment> {
        shop::payment(&answer.head)
    }
}

impl Changes for PayOpen {}

/// Reads a payment attempt.
#[derive(Clone, Debug)]
pub struct PayGet {
    pub(crate) user: UserId,
    pub(crate) order: OrderId,
    pub(crate) payment: PaymentId,
}

impl Wire for PayGet {
    type Question = messages::PayGet;
    type Reply = messages::PayGetAnswer;
    const CHANGES: bool = false;

    fn head(&self, _: u128) -> wire::PayGetHead {
        let PayGet { user, order, payment } = *self;
        wire::PayGetHead { user: user.0, order: order.0, payment: payment.0 }
    }
}

impl Ask for PayGet {
    type Answer = Payment;

    fn read(answer: &Parsed<'_, messages::PayGetAnswer>) -> Option<Payment> {
        shop::payment(&answer.head)
    }
}

/// Gives an attempt up.
#[derive(Clone, Debug)]
pub struct PayClose {
    pub(crate) user: UserId,
    pub(crate) payment: PaymentId,
}

impl Wire for PayClose {
    type Question = messages::PayClose;
    type Reply = messages::PayCloseAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::PayCloseHead {
        wire::PayCloseHead { request, user: self.user.0, payment: self.payment.0 }
    }
}

impl Ask for PayClose {
    type Answer = Payment;

    fn read(answer: &Parsed<'_, messages::PayCloseAnswer>) -> Option<Payment> {
        shop::payment(&answer.head)
    }
}

impl Changes for PayClose {}

/// Asks the gateway to send money back.
#[derive(Clone, Debug)]
pub struct Refund {
    payment: PaymentId,
    amount: i64,
    why: u16,
}

impl Refund {
    pub(crate) fn new(payment: PaymentId) -> Refund {
        Refund { payment, amount: 0, why: 0 }
    }
}

impl Request<Refund> {
    /// So much, in minor units of what arrived. Without this, all that is left.
    pub fn amount(mut self, minor_units: i64) -> Self {
        self.ask.amount = minor_units;
        self
    }

    /// The shop's own number for why; it stays with the fact.
    pub fn why(mut self, why: u16) -> Self {
        self.ask.why = why;
        self
    }
}

impl Wire for Refund {
    type Question = messages::Refund;
    type Reply = messages::RefundAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::RefundHead {
        let Refund { payment, amount, why } = *self;
        wire::RefundHead { request, payment: payment.0, amount, why }
    }
}

impl Ask for Refund {
    type Answer = Payment;

    fn read(answer: &Parsed<'_, messages::RefundAnswer>) -> Option<Payment> {
        shop::payment(&answer.head)
    }
}

impl Changes for Refund {}

/// Takes the money of a mismatched payment for its order's total.
#[derive(Clone, Debug)]
pub struct Settle {
    order: OrderId,
    payment: PaymentId,
    version: u32,
}

impl Settle {
    pub(crate) fn new(order: OrderId, payment: PaymentId) -> Settle {
        Settle { order, payment, version: 0 }
    }
}

impl Request<Settle> {
    /// Only if the order has this version; otherwise VERSION_CONFLICT.
    pub fn version(mut self, version: u32) -> Self {
        self.ask.version = version;
        self
    }
}

impl Wire for Settle {
    type Question = messages::Repair;
    type Reply = messages::RepairAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::RepairHead {
        let Settle { order, payment, version } = *self;
        wire::RepairHead { request, order: order.0, payment: payment.0, version, action: 1 }
    }
}

impl Ask for Settle {
    type Answer = OrderBrief;

    fn read(answer: &Parsed<'_, messages::RepairAnswer>) -> Option<OrderBrief> {
        shop::brief(&answer.head)
    }
}

impl Changes for Settle {}

/// Sells units to an order in STOCK_EXCEPTION after all.
#[derive(Clone, Debug)]
pub struct Restock {
    order: OrderId,
    version: u32,
}

impl Restock {
    pub(crate) fn new(order: OrderId) -> Restock {
        Restock { order, version: 0 }
    }
}

impl Request<Restock> {
    /// Only if the order has this version; otherwise VERSION_CONFLICT.
    pub fn version(mut self, version: u32) -> Self {
        self.ask.version = version;
        self
    }
}

impl Wire for Restock {
    type Question = messages::Repair;
    type Reply = messages::RepairAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::RepairHead {
        let Restock { order, version } = *self;
        wire::RepairHead { request, order: order.0, payment: 0, version, action: 2 }
    }
}

impl Ask for Restock {
    type Answer = OrderBrief;

    fn read(answer: &Parsed<'_, messages::RepairAnswer>) -> Option<OrderBrief> {
        shop::brief(&answer.head)
    }
}

impl Changes for Restock {}

/// What a gateway tells, and signs.
impl<A: Told> Request<A> {
    /// Signs it with the gateway's key.
    pub fn signed(mut self, key: &GatewayKey) -> Self {
        let told = self.ask.told();
        *told = told.signed(key);
        self
    }

    /// Signs it where the key is not at hand: `hmac` is given the bytes to be signed and returns HMAC-SHA256 over
    /// them with the gateway's key.
    pub fn signed_by(mut self, hmac: impl FnOnce(&[u8]) -> [u8; SIGNATURE_BYTES]) -> Self {
        let told = self.ask.told();
        *told = told.with_signature(&hmac(&told.said()));
        self
    }
}

/// What a gateway says of an attempt.
#[derive(Clone, Debug)]
pub struct PayCallback(wire::PayCallbackHead);

impl PayCallback {
    /// `paid`: what arrived and the gateway's number of the transfer; nothing: it failed.
    pub(crate) fn new(
        payment: PaymentId,
        gateway: GatewayId,
        paid: Option<(Money, u64)>,
        signed_at: MicrosUtc,
    ) -> PayCallback {
        PayCallback(wire::PayCallbackHead {
            payment: payment.0,
            amount: paid.map_or(0, |(money, _)| money.minor_units),
            reference: paid.map_or(0, |(_, reference)| reference),
            signed_at: signed_at.0,
            currency: paid.map_or(0, |(money, _)| money.currency.0),
            gateway: gateway.0,
            outcome: if paid.is_some() { 1 } else { 2 },
            signature_first: 0,
            signature_second: 0,
        })
    }
}

impl Told for PayCallback {
    type Head = wire::PayCallbackHead;

    fn told(&mut self) -> &mut wire::PayCallbackHead {
        &mut self.0
    }
}

impl Wire for PayCallback {
    type Question = messages::PayCallback;
    type Reply = messages::PayCallbackAnswer;
    // It has no request id: said again, it changes nothing.
    const CHANGES: bool = false;

    fn head(&self, _: u128) -> wire::PayCallbackHead {
        self.0
    }
}

impl Ask for PayCallback {
    type Answer = Payment;

    fn read(answer: &Parsed<'_, messages::PayCallbackAnswer>) -> Option<Payment> {
        shop::payment(&answer.head)
    }
}

/// What a gateway says of a refund.
#[derive(Clone, Debug)]
pub struct RefundResult(wire::RefundResultHead);

impl RefundResult {
    pub(crate) fn new(
        payment: PaymentId,
        gateway: GatewayId,
        (number, amount): (u16, i64),
        succeeded: bool,
        signed_at: MicrosUtc,
    ) -> RefundResult {
        RefundResult(wire::RefundResultHead {
            payment: payment.0,
            amount,
            signed_at: signed_at.0,
            gateway: gateway.0,
            number,
            succeeded,
            signature_first: 0,
            signature_second: 0,
        })
    }
}

impl Told for RefundResult {
    type Head = wire::RefundResultHead;

    fn told(&mut self) -> &mut wire::RefundResultHead {
        &mut self.0
    }
}

impl Wire for RefundResult {
    type Question = messages::RefundResult;
    type Reply = messages::RefundResultAnswer;
    // It has no request id: said again, it changes nothing.
    const CHANGES: bool = false;

    fn head(&self, _: u128) -> wire::RefundResultHead {
        self.0
    }
}

impl Ask for RefundResult {
    type Answer = Payment;

    fn read(answer: &Parsed<'_, messages::RefundResultAnswer>) -> Option<Payment> {
        shop::payment(&answer.head)
    }
}
