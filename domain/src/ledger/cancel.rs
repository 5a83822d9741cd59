//! How an order ends before it is paid: by somebody, or by its timer.

use alloc::vec::Vec;

use crate::fact::{Actor, CancelReason, Fact, Facts, Request, RequestKey, ShelfUnits, Stamp, StockAdjusted};
use crate::ids::{TraceId, UserId};
use crate::intent::{AdjustReason, Cancel, Intent};
use crate::ledger::Ledger;
use crate::ledger::orders::LiveOrder;
use crate::order::{self, Event, Step};
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
        let order = self.orders.at(slot);
        let step = judge(order, cancel)?;
        let version = order.version + 1;

        // Doing. There is room: each order that can end keeps some.
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
            Step::RefundFree => self.end_free(
                &stamp,
                slot,
                &Fact::RefundDone { order, version, amount: MinorUnits::ZERO, why },
                facts,
            ),
            Step::Confirm => unreachable!("no cancel confirms"),
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
        facts.end();
        self.scratch.put_units_back(units);
    }

    /// What was sold comes back to its shelves.
    fn end_free(&mut self, stamp: &Stamp, slot: u32, refunded: &Fact<'_>, facts: &mut impl Facts) {
        let units = self.units_of(slot);
        let order = self.orders.at(slot).id;
        facts.begin(stamp);
        self.enter(stamp, refunded, facts);
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
        facts.end();
        self.scratch.put_units_back(units);
    }

    /// The order's units, in room that goes back to the scratch.
    fn units_of(&mut self, slot: u32) -> Vec<ShelfUnits> {
        let mut units = self.scratch.take_units();
        units.extend(self.orders.lines(slot).map(|line| ShelfUnits {
            sku: line.sku,
            warehouse: line.warehouse,
            quantity: line.quantity,
        }));
        units
    }
}

/// Version, then state.
fn judge(order: &LiveOrder, cancel: &Cancel) -> Result<Step, Refusal> {
    if cancel.version != 0 && cancel.version != order.version {
        let (asked, there) = (i64::from(cancel.version), i64::from(order.version));
        return Err(Refusal::of(Reason::VersionConflict).with(asked, there));
    }
    order::step(order.state, Event::Cancel { free: order.is_free() }).map_err(|wrong| {
        let (wanted, is) = (i64::from(wrong.wanted.number()), i64::from(wrong.is.number()));
        Refusal::of(Reason::WrongState).with(wanted, is)
    })
}
