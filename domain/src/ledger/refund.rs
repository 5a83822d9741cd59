//! Money that goes back: asked for by an operator or by what happened, and what the gateway says of it.

use crate::fact::{Actor, Fact, Facts, RefundReason, Request, RequestKey, ShelfUnits, Stamp, StockAdjusted};
use crate::ids::{OrderId, PaymentId, TraceId, UserId};
use crate::intent::{AdjustReason, Intent, Refund, RefundResult};
use crate::ledger::Ledger;
use crate::ledger::payments::Payment;
use crate::ledger::requests::Subject;
use crate::order::{self, Event, State};
use crate::payment::{self, Money, PaymentState, REFUNDS_MAX, RefundState};
use crate::refusal::{Reason, Refusal};
use crate::units::{MicrosUtc, MinorUnits};
use crate::verdict::Verdict;

impl Ledger {
    pub(super) fn ask_refund(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        refund: &Refund,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let key = RequestKey { who: UserId(0), id: refund.request };
        let body = Intent::Refund(*refund).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.payment_of(UserId(0), refund.payment)?;
        let it = self.payments.at(slot);
        let order = self.orders.at(it.order);
        let amount = payment::judge_refund(&it.money, order.state, refund.amount)?;
        if !self.has_room_for_refund(&it.money, it.money.next_number(amount)) {
            return Err(Refusal::of(Reason::Overloaded));
        }
        self.judge_room_for_change(now)?;

        // Doing.
        let stamp = Stamp { at: now, actor: Actor::Operator(0), request: Some(Request { key, body }), trace };
        let asked = Fact::RefundRequested {
            payment: it.id,
            order: order.id,
            version: order.version,
            number: it.money.next_number(amount),
            amount,
            currency: it.currency,
            reason: RefundReason::Operator,
            why: refund.why,
        };
        self.enter_one(&stamp, &asked, facts);
        Ok(Verdict::Payment(self.payment_brief(slot)))
    }

    pub(super) fn refund_result(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        result: &RefundResult,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        let slot = self.payment_of_gateway(result.gateway, result.payment)?;
        let it = self.payments.at(slot);
        let RefundResult { number, succeeded, amount, .. } = *result;
        if number == 0 || number > it.money.refund_number {
            return Err(Refusal::of(Reason::PaymentNotFound));
        }
        let Some((about, state)) = self.refund_of(slot, number) else {
            return Ok(self.money_answer(slot));
        };
        if amount != about {
            return Err(Refusal::of(Reason::AmountMismatch).with(amount.0, about.0));
        }
        let stamp = Stamp { at: now, actor: Actor::Gateway(result.gateway), request: None, trace };
        let (payment, order) = (it.id, self.orders.at(it.order).id);
        match (state, succeeded) {
            // A refund that was said to have failed, and went through: the money is gone, and that is a fact.
            (RefundState::Asked | RefundState::Failed, true) => {
                if it.money.went_back(amount).is_none() {
                    return Err(Refusal::of(Reason::AmountMismatch).with(amount.0, it.money.arrived.0));
                }
                self.settle_refund(&stamp, slot, number, amount, facts);
            }
            (RefundState::Asked, false) => {
                self.enter_one(&stamp, &Fact::RefundFailed { payment, order, number }, facts);
            }
            (RefundState::Failed, false) | (RefundState::None | RefundState::Done, _) => (),
        }
        Ok(self.money_answer(slot))
    }

    /// What this refund is about and where it stands: the latest one, or one that was left behind when it failed.
    /// Nothing for the others: their result was known when the next one was asked for.
    fn refund_of(&self, slot: u32, number: u16) -> Option<(MinorUnits, RefundState)> {
        let it = self.payments.at(slot);
        if number == it.money.refund_number {
            return Some((it.money.refund_amount, it.money.refund));
        }
        self.failed_refunds.find(it.id, number).map(|amount| (amount, RefundState::Failed))
    }

    /// The payment for its gateway, which hears that more went back than came for as long as that is so.
    fn money_answer(&self, slot: u32) -> Verdict {
        let brief = self.payment_brief(slot);
        if brief.refunded > brief.arrived { Verdict::Mismatched(brief) } else { Verdict::Payment(brief) }
    }

    /// Whether the refund of this number finds room beside those that failed.
    pub(super) fn has_room_for_refund(&self, money: &Money, number: u16) -> bool {
        !money.leaves_behind(number) || self.failed_refunds.has_room()
    }

    /// Money went back. An order in REFUNDING asks for what is left; where nothing is, it is REFUNDED, and what
    /// was never sent comes back to its shelves.
    fn settle_refund(
        &mut self,
        stamp: &Stamp,
        slot: u32,
        number: u16,
        amount: MinorUnits,
        facts: &mut impl Facts,
    ) {
        let Payment { id: payment, order: order_slot, currency, .. } = *self.payments.at(slot);
        let order = self.orders.at(order_slot).id;
        facts.begin(stamp);
        self.enter(stamp, &Fact::RefundSettled { payment, order, number, amount, currency }, facts);
        let beyond = self.payments.at(slot).money.beyond();
        if beyond > MinorUnits::ZERO {
            self.enter(stamp, &Fact::PaymentOverdrawn { payment, order, beyond, currency }, facts);
        }
        self.settle_case(stamp, slot, number, facts);
        let it = self.payments.at(slot);
        let left = it.money.left();
        let order = self.orders.at(order_slot);
        if order.state == State::Refunding && left > MinorUnits::ZERO {
            let next = it.money.next_number(left);
            // Behind a refund that failed, or so many in part, people ask for the last one themselves.
            if it.money.refund == RefundState::Done && next <= REFUNDS_MAX {
                let asked = Fact::RefundRequested {
                    payment: it.id,
                    order: order.id,
                    version: order.version,
                    number: next,
                    amount: left,
                    currency: it.currency,
                    reason: it.reason,
                    why: 0,
                };
                self.enter(stamp, &asked, facts);
            }
        } else if self.kept_of(order_slot) == MinorUnits::ZERO
            && order::step(order.state, Event::AllRefunded).is_ok()
        {
            self.finish_refund(stamp, order_slot, 0, facts);
        }
        facts.end();
    }

    /// The order's money is all back: REFUNDED, and its units on their shelves where they were never sent.
    pub(super) fn finish_refund(&mut self, stamp: &Stamp, slot: u32, why: u16, facts: &mut impl Facts) {
        let is_sold = self.is_sold(slot);
        let (order, version) = (self.orders.at(slot).id, self.orders.at(slot).version + 1);
        let amount = self.refunded_of(slot);
        self.enter(stamp, &Fact::RefundDone { order, version, amount, why }, facts);
        if !is_sold {
            return;
        }
        let units = self.units_left_to_send(slot);
        for &ShelfUnits { sku, warehouse, quantity } in &units {
            let returned = StockAdjusted {
                sku,
                warehouse,
                on_hand_delta: i64::from(quantity.get()),
                safety_delta: 0,
                unavailable_delta: 0,
                reason: AdjustReason::Returned,
                order,
            };
            self.enter(stamp, &Fact::StockAdjusted(returned), facts);
        }
        self.scratch.put_units_back(units);
    }

    /// The payment whose money paid the order.
    pub(super) fn paying_payment(&self, order: u32) -> Option<u32> {
        let mut attempts = self.payments.attempts_from(self.orders.newest_payment(order));
        attempts.find(|(_, it)| it.state == PaymentState::Paid).map(|(slot, _)| slot)
    }

    /// Whether the order's units are sold to it: not where it had been cancelled before, or they were gone.
    fn is_sold(&self, slot: u32) -> bool {
        self.is_counted(slot) && self.refunded_from(slot) != State::StockException
    }

    /// Whether the order is paid and counts against limits: not where it had been cancelled before.
    pub(super) fn is_counted(&self, slot: u32) -> bool {
        match self.refunded_from(slot) {
            State::Paid
            | State::StockException
            | State::Confirmed
            | State::PartShipped
            | State::Shipped
            | State::Delivered
            | State::Completed => true,
            State::Reserving
            | State::PendingPayment
            | State::Paying
            | State::Failed
            | State::Cancelled
            | State::Refunding
            | State::Refunded => false,
        }
    }

    /// Where the order stands; while its money goes back, where it stood before.
    fn refunded_from(&self, slot: u32) -> State {
        let state = self.orders.at(slot).state;
        if state != State::Refunding {
            return state;
        }
        self.orders.latest_step(slot).expect("a step led the order to REFUNDING").from
    }

    /// Money of the order that came as it was asked for, or twice, and has not gone back.
    fn kept_of(&self, order: u32) -> MinorUnits {
        self.sum_of(order, |it| it.money.kept())
    }

    fn refunded_of(&self, order: u32) -> MinorUnits {
        self.sum_of(order, |it| it.money.refunded)
    }

    /// Over the order's payments in its currency; those with another amount or currency are an operator's.
    fn sum_of(&self, order: u32, part: impl Fn(&Payment) -> MinorUnits) -> MinorUnits {
        let attempts = self.payments.attempts_from(self.orders.newest_payment(order));
        let counted = attempts.filter(|(_, it)| match it.state {
            PaymentState::Paid | PaymentState::Surplus => true,
            PaymentState::Open | PaymentState::Failed | PaymentState::Closed | PaymentState::Mismatched => {
                false
            }
        });
        // At most ATTEMPTS_MAX totals of one order; a sum that does not fit shows the most there is to show.
        MinorUnits(counted.fold(0_i64, |sum, (_, it)| sum.saturating_add(part(it).0)))
    }
}

/// What the facts do.
impl Ledger {
    pub(super) fn refund_requested(
        &mut self,
        stamp: &Stamp,
        (payment, order): (PaymentId, OrderId),
        version: u32,
        (number, amount): (u16, MinorUnits),
        reason: RefundReason,
        why: u16,
    ) {
        let (slot, order) = (self.known_payment(payment), self.known(order));
        let before = self.payments.at(slot).money;
        if before.leaves_behind(number) {
            self.failed_refunds.add(payment, before.refund_number, before.refund_amount);
        }
        self.payments.change(slot, |it| {
            it.money = it.money.ask_back(number, amount);
            it.reason = reason;
        });
        self.follow(stamp, order, version, State::Refunding, why);
        match reason {
            RefundReason::Cancelled => self.remember(stamp, Subject::order(self.orders.at(order).id)),
            RefundReason::Late | RefundReason::Duplicate | RefundReason::Operator => {
                self.remember(stamp, Subject::payment(self.payments.at(slot).id));
            }
            // The case before it in the entry has remembered the request.
            RefundReason::Aftersale => (),
        }
    }

    /// A refund went through: the latest one, or one that was left behind when it failed.
    pub(super) fn money_went_back(&mut self, payment: PaymentId, number: u16, amount: MinorUnits) {
        let slot = self.known_payment(payment);
        let is_latest = number == self.payments.at(slot).money.refund_number;
        if !is_latest {
            self.failed_refunds.remove(payment, number);
        }
        self.payments.change(slot, |it| {
            let after = if is_latest { it.money.refund_settled() } else { it.money.went_back(amount) };
            it.money = after.expect("a sum that has no number is refused");
        });
    }
}
