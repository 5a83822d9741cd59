//! What is asked, as frames, and what is answered, judged: an answer must say what the request led to.

use protocol::messages::{
    Cancel, CancelAnswer, Create, PayCallback, PayCallbackAnswer, PayOpen, PayOpenAnswer, Refund,
    RefundAnswer, RefundResult, RefundResultAnswer, Ship, ShipAnswer, Sign, SignAnswer, SkuPut,
};
use protocol::structs::{
    AskedLine, CancelHead, Coupons, CreateHead, OrderBrief, PayCallbackHead, PayOpenHead, Payment,
    RefundHead, RefundResultHead, ShipHead, SignHead, SkuPutHead,
};
use protocol::{Flags, Header, Message, Meta, parse, text};

use crate::gateway::Gateway;
use crate::life::{Act, MoneySaid, Standing};
use crate::market::CURRENCY;
use crate::orders::{Basket, Life};
use crate::talk::append;

/// What PAY_CALLBACK says where money arrived.
const ARRIVED: u8 = 1;

/// A frame is answered by this correlation; `asked_before` marks a request id that was sent already.
pub(crate) fn meta(correlation: u64, asked_before: bool) -> Meta {
    let flags = if asked_before { Flags::ASKED_BEFORE } else { Flags::NONE };
    Meta { flags, correlation, ..Meta::default() }
}

pub(crate) fn create(out: &mut Vec<u8>, meta: &Meta, basket: &Basket) {
    let head = CreateHead {
        request: basket.request,
        user: basket.user,
        hold: 0,
        coupons: Coupons::NONE,
        total: basket.total,
        currency: CURRENCY,
        client_bytes: 0,
    };
    let items = basket.lines.iter().map(|&(sku, quantity)| AskedLine { sku, warehouse: 0, quantity });
    append::<Create>(out, meta, &head, items);
}

pub(crate) fn sku_put(out: &mut Vec<u8>, meta: &Meta, head: &SkuPutHead) {
    append::<SkuPut>(out, meta, head, []);
}

/// The next act of an order. `now_us` is the server's time: gateways sign with it.
pub(crate) fn act(
    out: &mut Vec<u8>,
    meta: &Meta,
    act: Act,
    life: &Life,
    request: u128,
    gateway: &Gateway,
    now_us: i64,
) {
    let Life { user, order, payment, total, number, .. } = *life;
    match act {
        Act::PayOpen => {
            append::<PayOpen>(out, meta, &PayOpenHead { request, user, order, gateway: gateway.id }, []);
        }
        Act::PayCallback => {
            let head = callback(gateway, payment, total, number.wrapping_add(1), now_us);
            append::<PayCallback>(out, meta, &head, []);
        }
        Act::Ship => {
            let (carrier, tracking) = (text("load"), text(""));
            append::<Ship>(out, meta, &ShipHead { request, order, version: 0, carrier, tracking }, []);
        }
        Act::Sign => append::<Sign>(out, meta, &SignHead { request, order, version: 0 }, []),
        Act::Cancel => {
            append::<Cancel>(out, meta, &CancelHead { request, user, order, version: 0, why: 0 }, []);
        }
        Act::Refund => {
            append::<Refund>(out, meta, &RefundHead { request, payment, amount: 0, why: 0 }, []);
        }
        Act::RefundResult => {
            append::<RefundResult>(out, meta, &refund_result(gateway, payment, total, now_us), []);
        }
    }
}

/// A gateway tells that money arrived.
pub(crate) fn callback(
    gateway: &Gateway,
    payment: u64,
    amount: i64,
    reference: u64,
    signed_at: i64,
) -> PayCallbackHead {
    let head = PayCallbackHead {
        payment,
        amount,
        reference,
        signed_at,
        currency: CURRENCY,
        gateway: gateway.id,
        outcome: ARRIVED,
        signature_first: 0,
        signature_second: 0,
    };
    gateway.sign(head)
}

/// A gateway tells that the first refund of a payment went back.
fn refund_result(gateway: &Gateway, payment: u64, amount: i64, signed_at: i64) -> RefundResultHead {
    let head = RefundResultHead {
        payment,
        amount,
        signed_at,
        gateway: gateway.id,
        number: 1,
        succeeded: true,
        signature_first: 0,
        signature_second: 0,
    };
    gateway.sign(head)
}

/// What an answer to an act says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    order: u64,
    /// Number of the order's state.
    state: u8,
    /// 0: the answer names none.
    pub(crate) payment: u64,
    money: Option<MoneySaid>,
}

/// Reads the answer to an act; nothing where it is none.
pub(crate) fn read_act(act: Act, header: &Header, body: &[u8]) -> Option<Said> {
    fn of_order<M: Message<Head = OrderBrief>>(header: &Header, body: &[u8]) -> Option<Said> {
        let brief = parse::<M>(header, body).ok()?.head;
        Some(Said { order: brief.order, state: brief.state, payment: 0, money: None })
    }
    fn of_payment<M: Message<Head = Payment>>(header: &Header, body: &[u8]) -> Option<Said> {
        let said = parse::<M>(header, body).ok()?.head;
        let Payment { order, payment, order_state: state, .. } = said;
        Some(Said { order, state, payment, money: Some(money_said(&said)) })
    }
    match act {
        Act::PayOpen => of_payment::<PayOpenAnswer>(header, body),
        Act::PayCallback => of_payment::<PayCallbackAnswer>(header, body),
        Act::Ship => of_order::<ShipAnswer>(header, body),
        Act::Sign => of_order::<SignAnswer>(header, body),
        Act::Cancel => of_order::<CancelAnswer>(header, body),
        Act::Refund => of_payment::<RefundAnswer>(header, body),
        Act::RefundResult => of_payment::<RefundResultAnswer>(header, body),
    }
}

/// The money of a payment, as a server says it.
pub(crate) fn money_said(payment: &Payment) -> MoneySaid {
    let Payment { state, refund_state, arrived, refunded, .. } = *payment;
    MoneySaid { state, refund_state, arrived, refunded }
}

impl Said {
    /// Whether the act led the order where it should.
    pub(crate) fn is_right(&self, life: &Life, act: Act) -> bool {
        let Standing { state, money } = life.standing.after(act);
        let payment = if act == Act::PayOpen { self.payment } else { life.payment };
        let is_its_money =
            self.money.is_none_or(|said| self.payment == payment && Some(said) == money.said(life.total));
        self.order == life.order && self.state == state && is_its_money
    }
}
