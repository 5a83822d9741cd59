//! How an order ends: unpaid, by somebody or by its timer; paid, by sending its money back.

use alloc::vec::Vec;

use crate::fact::{Actor, CancelReason, Fact, Facts, RefundReason, Request, RequestKey, ShelfUnits, Stamp};
use crate::ids::{TraceId, UserId};
use crate::intent::{Cancel, Intent};
use crate::ledger::Ledger;
use crate::order::{self, Event, State, Step};
use crate::payment::REFUNDS_MAX;
use crate::refusal::{Reason, Refusal};
use crate::units::{MicrosUtc, MinorUnits};
use crate::verdict::Verdict;

impl Ledger {
    pub(super) fn cancel(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        cancel: &Cancel,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let key = RequestKey { who: cancel.user, id: cancel.request };
        let body = Intent::Cancel(*cancel).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.order_of(cancel.user, cancel.order)?;
        let step = self.judge_cancel(slot, cancel)?;
        if !order::can_end(self.orders.at(slot).state) {
            self.judge_room_for_change(now)?;
        }
        let order = self.orders.at(slot);
        let version = order.version + 1;

        // Doing. There is room: each order that can still end keeps some.
        let (actor, reason) = match cancel.user {
            UserId(0) => (Actor::Operator(0), CancelReason::Operator),
            user => (Actor::User(user), CancelReason::User),
        };
        let stamp = Stamp { at: now, actor, request: Some(Request { key, body }), trace };
        let (order, why) = (order.id, cancel.why);
        match step {
            Step::Cancel => {
                self.end_unpaid(&stamp, slot, &Fact::OrderCancelled { order, version, reason, why }, facts)
            }
            Step::RefundFree => {
                facts.begin(&stamp);
                self.finish_refund(&stamp, slot, why, facts);
                facts.end();
            }
            Step::Refund => {
                let payment = self.paying_payment(slot).expect("a paid order has a payment that paid it");
                let it = self.payments.at(payment);
                let (payment, amount, currency) = (it.id, it.money.left(), it.currency);
                let (number, reason) = (it.money.next_number(amount), RefundReason::Cancelled);
                let asked =
                    Fact::RefundRequested { payment, order, version, number, amount, currency, reason, why };
                self.enter_one(&stamp, &asked, facts);
            }
            Step::Confirm
            | Step::Except
            | Step::Restock
            | Step::Pay
            | Step::AwaitPayment
            | Step::Revive
            | Step::FinishRefund
            | Step::ShipPart
            | Step::ShipRest
            | Step::Deliver
            | Step::Complete => {
                unreachable!("no cancel leads there")
            }
        }
        Ok(Verdict::Order(self.orders.at(slot).brief()))
    }

    /// The time to pay of this order, which waits for payment, is over.
    pub(super) fn expire_one(&mut self, now: MicrosUtc, slot: u32, facts: &mut impl Facts) {
        let order = self.orders.at(slot);
        assert!(
            order::step(order.state, Event::TimedOut) == Ok(Step::Cancel),
            "only orders that wait for payment have a timer: {order:?}"
        );
        let cancelled = Fact::OrderCancelled {
            order: order.id,
            version: order.version + 1,
            reason: CancelReason::Timer,
            why: 0,
        };
        let stamp = Stamp { at: now, actor: Actor::Timer, request: None, trace: TraceId(0) };
        self.end_unpaid(&stamp, slot, &cancelled, facts);
    }

    /// What the order held is free again.
    fn end_unpaid(&mut self, stamp: &Stamp, slot: u32, cancelled: &Fact<'_>, facts: &mut impl Facts) {
        let units = self.units_of(slot);
        let order = self.orders.at(slot).id;
        facts.begin(stamp);
        self.enter(stamp, cancelled, facts);
        self.enter(stamp, &Fact::StockReleased { order, units: &units }, facts);
        self.enter_coupons(stamp, slot, |order, coupons| Fact::CouponReleased { order, coupons }, facts);
        facts.end();
        self.scratch.put_units_back(units);
    }

    /// The order's units, in room that goes back to the scratch.
    pub(super) fn units_of(&mut self, slot: u32) -> Vec<ShelfUnits> {
        let mut units = self.scratch.take_units();
        units.extend(self.orders.lines(slot).map(|line| ShelfUnits {
            sku: line.sku,
            warehouse: line.warehouse,
            quantity: line.quantity,
        }));
        units
    }

    /// Version, then state, then that no refund in part is on its way: what is left is known when it arrived.
    fn judge_cancel(&self, slot: u32, cancel: &Cancel) -> Result<Step, Refusal> {
        let order = self.orders.at(slot);
        if cancel.version != 0 && cancel.version != order.version {
            let (asked, there) = (i64::from(cancel.version), i64::from(order.version));
            return Err(Refusal::of(Reason::VersionConflict).with(asked, there));
        }
        let paying = self.paying_payment(slot).map(|payment| self.payments.at(payment).money);
        let free = order.is_free() || paying.is_some_and(|money| money.kept() == MinorUnits::ZERO);
        let wrong_state = |wanted: State| {
            let (wanted, is) = (i64::from(wanted.number()), i64::from(order.state.number()));
            Refusal::of(Reason::WrongState).with(wanted, is)
        };
        let on_its_way = matches!(order.state, State::PartShipped | State::Shipped);
        let event = match (cancel.user == UserId(0) && on_its_way, free) {
            (true, true) => Event::TakenBackFree,
            (true, false) => Event::TakenBack,
            (false, true) => Event::CancelFree,
            (false, false) => Event::Cancel,
        };
        let step = order::step(order.state, event).map_err(|wrong| wrong_state(wrong.wanted))?;
        let full = paying.is_some_and(|money| {
            let number = money.next_number(money.left());
            number > REFUNDS_MAX || !self.has_room_for_refund(&money, number)
        });
        match step {
            Step::Refund if paying.is_some_and(|money| money.is_asked()) => {
                Err(wrong_state(State::Refunding))
            }
            Step::Refund if full => Err(Refusal::of(Reason::Overloaded)),
            Step::Refund
            | Step::Cancel
            | Step::RefundFree
            | Step::Confirm
            | Step::Except
            | Step::Restock
            | Step::Pay
            | Step::AwaitPayment
            | Step::Revive
            | Step::FinishRefund
            | Step::ShipPart
            | Step::ShipRest
            | Step::Deliver
            | Step::Complete => Ok(step),
        }
    }
}
