//! Orders of the toy shop behind their CREATE. Whatever is asked is done: the real shop decides what may be.

use std::sync::atomic::Ordering;

use protocol::messages::*;
use protocol::structs::*;
use protocol::{Header, Message, Status};

use super::{Faults, Shop, now_us, reply};

type Told<T> = Result<T, (Status, Refusal)>;

/// False: it is of no kind that is known here.
pub fn answer(header: &Header, body: &[u8], faults: &Faults, shop: &mut Shop, out: &mut Vec<u8>) -> bool {
    let kind = header.kind;
    if kind == PayOpen::ABOUT.kind_code() {
        reply::<PayOpen, PayOpenAnswer>(header, body, out, |ask| shop.open_payment(&ask.head).map(alone));
    } else if kind == PayCallback::ABOUT.kind_code() {
        reply::<PayCallback, PayCallbackAnswer>(header, body, out, |ask| {
            shop.told(&ask.head, faults).map(alone)
        });
    } else if kind == PayGet::ABOUT.kind_code() {
        reply::<PayGet, PayGetAnswer>(header, body, out, |ask| {
            let found = shop.payments.values().filter(|it| it.order == ask.head.order);
            let latest = found.max_by_key(|it| it.payment).copied();
            Ok((latest.ok_or((Status::PaymentNotFound, Refusal::WHOLE))?, vec![]))
        });
    } else if kind == Ship::ABOUT.kind_code() {
        reply::<Ship, ShipAnswer>(header, body, out, |ask| shop.lead(ask.head.order, 8).map(alone));
    } else if kind == Sign::ABOUT.kind_code() {
        reply::<Sign, SignAnswer>(header, body, out, |ask| shop.lead(ask.head.order, 9).map(alone));
    } else if kind == Cancel::ABOUT.kind_code() {
        reply::<Cancel, CancelAnswer>(header, body, out, |ask| shop.cancel(ask.head.order).map(alone));
    } else if kind == Refund::ABOUT.kind_code() {
        reply::<Refund, RefundAnswer>(header, body, out, |ask| {
            shop.change(ask.head.payment, |it| (it.refund_state, it.refund_number) = (1, 1)).map(alone)
        });
    } else if kind == RefundResult::ABOUT.kind_code() {
        reply::<RefundResult, RefundResultAnswer>(header, body, out, |ask| {
            shop.change(ask.head.payment, |it| {
                (it.refund_state, it.refunded, it.order_state) = (3, it.arrived, 14);
            })
            .map(alone)
        });
    } else if kind == StockReserve::ABOUT.kind_code() {
        reply::<StockReserve, StockReserveAnswer>(header, body, out, |ask| {
            shop.last_order += 1;
            Ok(alone(hold(shop.last_order, ask.head.user, 1)))
        });
    } else if kind == StockRelease::ABOUT.kind_code() {
        reply::<StockRelease, StockReleaseAnswer>(header, body, out, |ask| {
            Ok(alone(hold(ask.head.hold, ask.head.user, 4)))
        });
    } else if kind == StockCommit::ABOUT.kind_code() {
        reply::<StockCommit, StockCommitAnswer>(header, body, out, |ask| {
            Ok(alone(hold(ask.head.hold, ask.head.user, 3)))
        });
    } else if kind == Subscribe::ABOUT.kind_code() {
        let begin =
            SubscribeAnswerHead { after: 9, through: 9, durable: 9, server_time: now_us(), partition: 0 };
        reply::<Subscribe, SubscribeAnswer>(header, body, out, |_| Ok(alone(begin)));
    } else {
        return false;
    }
    true
}

const fn hold(hold: u64, user: u64, state: u8) -> HoldBrief {
    HoldBrief { hold, user, until: i64::MAX, state }
}

/// An answer without items.
fn alone<H, I>(head: H) -> (H, Vec<I>) {
    (head, Vec::new())
}

impl Shop {
    fn open_payment(&mut self, ask: &PayOpenHead) -> Told<Payment> {
        let brief = self.lead(ask.order, 3)?;
        let payment = Payment {
            payment: ask.order + 1_000_000_000,
            order: ask.order,
            amount: brief.total,
            arrived: 0,
            refunded: 0,
            refund_amount: 0,
            pay_until: brief.pay_until,
            order_version: brief.version,
            currency: brief.currency,
            arrived_currency: 0,
            gateway: ask.gateway,
            refund_number: 0,
            state: 1,
            refund_state: 0,
            order_state: brief.state,
        };
        self.payments.insert(payment.payment, payment);
        Ok(payment)
    }

    fn told(&mut self, ask: &PayCallbackHead, faults: &Faults) -> Told<Payment> {
        if faults.doubts_gateways.load(Ordering::SeqCst) || ask.signed_at.abs_diff(now_us()) > 60_000_000 {
            return Err((Status::BadSignature, Refusal::WHOLE));
        }
        let before = self.payments.get(&ask.payment).copied();
        let answer =
            self.change(ask.payment, |it| (it.state, it.arrived, it.order_state) = (4, ask.amount, 6))?;
        if faults.loses_money.load(Ordering::SeqCst) {
            self.payments.extend(before.map(|payment| (payment.payment, payment)));
        }
        Ok(answer)
    }

    fn cancel(&mut self, order: u64) -> Told<OrderBrief> {
        let paid = self.payments.values_mut().find(|it| it.order == order && it.state == 4);
        let state = match paid {
            Some(payment) => {
                (payment.refund_state, payment.refund_number) = (1, 1);
                13
            }
            None => 12,
        };
        let answer = self.lead(order, state)?;
        if state == 12 {
            let (_, lines) = &self.orders[&self.asks[&order]];
            for line in lines {
                self.shelves.entry(line.sku).or_default().1 -= i64::from(line.quantity);
            }
        }
        Ok(answer)
    }

    /// Changes a payment, and its order with it.
    fn change(&mut self, payment: u64, change: impl FnOnce(&mut Payment)) -> Told<Payment> {
        let it = self.payments.get_mut(&payment).ok_or((Status::PaymentNotFound, Refusal::WHOLE))?;
        change(it);
        let said = *it;
        self.lead(said.order, said.order_state)?;
        Ok(said)
    }

    /// Leads an order to another state, which its payments name from then on.
    fn lead(&mut self, order: u64, state: u8) -> Told<OrderBrief> {
        let ask = self.asks.get(&order).ok_or((Status::OrderNotFound, Refusal::WHOLE))?;
        let (brief, _) = self.orders.get_mut(ask).ok_or((Status::OrderNotFound, Refusal::WHOLE))?;
        (brief.state, brief.version) = (state, brief.version + 1);
        for payment in self.payments.get_mut(&(order + 1_000_000_000)).into_iter() {
            payment.order_state = brief.state;
        }
        Ok(*brief)
    }
}
