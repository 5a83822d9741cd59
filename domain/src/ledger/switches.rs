//! Switches: what operators stopped, and whether an intent runs into one of them.

use alloc::collections::BTreeMap;
use core::ops::Bound;

use crate::fact::{Fact, Facts, RequestKey, ShelfUnits, Stamp};
use crate::ids::{OrderId, PaymentId, SaleId, SkuId, TraceId, UserId};
use crate::intent::{AskedLine, Intent, PAGE_MAX, Prepare, SwitchPut};
use crate::ledger::requests::Subject;
use crate::ledger::{Ledger, by_operator};
use crate::refusal::{Reason, Refusal};
use crate::switch::{Deed, Note, SWITCHES_MAX, Scope, Stops, Switch};
use crate::units::MicrosUtc;
use crate::verdict::{Page, Verdict, digest_switch};

/// All switches that are set; at most [`SWITCHES_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Switches {
    set: BTreeMap<Scope, Switch>,
    /// Of the last change of any.
    version: u32,
}

impl Switches {
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }

    pub(crate) fn digest(&self) -> u64 {
        self.set.values().fold(0, |sum, switch| sum.wrapping_add(digest_switch(switch)))
    }

    fn stops(&self, scope: Scope, deed: Deed) -> bool {
        self.set.get(&scope).is_some_and(|switch| switch.stops.stop(deed))
    }

    /// The whole shop first, then the parts in their order, of each the sku before the sale.
    fn judge(&self, deed: Deed, parts: impl Iterator<Item = Part>) -> Result<(), Refusal> {
        let off = |scope: Scope| {
            let there = scope.id() as i64; // Ids are u64: whoever reads it casts it back.
            Refusal::of(Reason::SwitchedOff).with(i64::from(scope.number()), there)
        };
        if self.stops(Scope::All, deed) {
            return Err(off(Scope::All));
        }
        for Part { line, sku, sale } in parts {
            let scopes = [sku.map(Scope::Sku), sale.map(Scope::Sale)];
            if let Some(scope) = scopes.into_iter().flatten().find(|&scope| self.stops(scope, deed)) {
                let refusal = off(scope);
                return Err(line.map_or(refusal, |line| refusal.at_line(line)));
            }
        }
        Ok(())
    }
}

/// A part of what an intent is about.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    /// Where the intent names it by a line.
    line: Option<usize>,
    sku: Option<SkuId>,
    sale: Option<SaleId>,
}

impl Ledger {
    pub(super) fn put_switch(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        put: &SwitchPut<'_>,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let SwitchPut { request, scope, replaces, stops, note } = *put;
        if replaces == 0 && !stops.any() {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let key = RequestKey { who: UserId(0), id: request };
        let body = Intent::SwitchPut(*put).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let there = self.switches.set.get(&scope).map_or(0, |switch| switch.version);
        if replaces != there {
            return Err(Refusal::of(Reason::VersionConflict).with(i64::from(replaces), i64::from(there)));
        }
        if stops.any() {
            self.judge_scope_known(scope)?;
        }
        if there == 0 && self.switches.len() >= SWITCHES_MAX {
            return Err(Refusal::of(Reason::Overloaded));
        }
        let version = self.switches.version.checked_add(1).ok_or(Refusal::of(Reason::InvalidField))?;
        self.judge_room_for_change(now)?;

        // Doing.
        let fact = Fact::SwitchChanged { scope, stops, version, note };
        self.enter_one(&by_operator(now, trace, key, body), &fact, facts);
        Ok(Verdict::Switched { version })
    }

    pub(super) fn list_switches(&self, after: Option<Scope>, limit: u16) -> Result<Verdict, Refusal> {
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut behind = self.switches.set.range((from, Bound::Unbounded)).map(|(_, switch)| switch.clone());
        let items = behind.by_ref().take(usize::from(limit)).collect();
        Ok(Verdict::Switches(Page { items, more: behind.next().is_some() }.into()))
    }

    pub(super) fn switch_changed(
        &mut self,
        stamp: &Stamp,
        (scope, stops): (Scope, Stops),
        version: u32,
        note: Note<'_>,
    ) {
        self.switches.version = version;
        if stops.any() {
            let switch = Switch { scope, stops, version, since: stamp.at, note: note.as_str().into() };
            self.switches.set.insert(scope, switch);
        } else {
            self.switches.set.remove(&scope);
        }
        self.remember(stamp, Subject::Switch { version });
    }

    /// SWITCHED_OFF where a switch stops this intent. Only asked where one is set.
    pub(super) fn judge_switches(&self, now: MicrosUtc, intent: &Intent<'_>) -> Result<(), Refusal> {
        let switches = &self.switches;
        match intent {
            Intent::Create(create) => {
                switches.judge(Deed::Creating, self.parts_of_lines(now, create.lines.as_slice()))
            }
            Intent::Prepare(Prepare { lines, .. }) => {
                switches.judge(Deed::Creating, self.parts_of_lines(now, lines.as_slice()))
            }
            Intent::StockReserve(reserve) => {
                switches.judge(Deed::Creating, self.parts_of_lines(now, reserve.lines.as_slice()))
            }
            Intent::SkuPut(put) => switches.judge(Deed::Changing, part_of_sku(put.sku.id)),
            Intent::SalePut(put) => {
                let itself = Part { sale: Some(put.sale.id), ..Part::default() };
                let skus = put.skus.iter().enumerate();
                let skus = skus.map(|(at, item)| Part { line: Some(at), sku: Some(item.sku), sale: None });
                switches.judge(Deed::Changing, core::iter::once(itself).chain(skus))
            }
            Intent::StockAdjust(adjust) => switches.judge(Deed::Changing, part_of_sku(adjust.sku)),
            Intent::StockTransfer(transfer) => switches.judge(Deed::Changing, part_of_sku(transfer.sku)),
            Intent::StockReturn(back) => switches.judge(Deed::Changing, part_of_sku(back.sku)),
            Intent::StockCommit(end) => switches.judge(Deed::Changing, self.parts_of_hold(end.hold)),
            Intent::StockExtend(extend) => switches.judge(Deed::Changing, self.parts_of_hold(extend.hold)),
            Intent::PayOpen(open) => switches.judge(Deed::Paying, self.parts_of_order(open.order)),
            Intent::PayClose(close) => switches.judge(Deed::Changing, self.parts_of_payment(close.payment)),
            Intent::Refund(refund) => switches.judge(Deed::Changing, self.parts_of_payment(refund.payment)),
            Intent::Repair(repair) => switches.judge(Deed::Changing, self.parts_of_order(repair.order)),
            Intent::Ship(ship) => switches.judge(Deed::Changing, self.parts_of_order(ship.order)),
            Intent::TrackNote(note) => switches.judge(Deed::Changing, self.parts_of_order(note.order)),
            Intent::Sign(sign) => switches.judge(Deed::Changing, self.parts_of_order(sign.order)),
            Intent::ConfirmReceipt(confirm) => {
                switches.judge(Deed::Changing, self.parts_of_order(confirm.order))
            }
            // What gives units back, what a gateway tells, what is no business of the shop, and what only reads.
            Intent::Cancel(_)
            | Intent::StockRelease(_)
            | Intent::PayCallback(_)
            | Intent::RefundResult(_)
            | Intent::SwitchPut(_)
            | Intent::CursorMove(_)
            | Intent::Get { .. }
            | Intent::GetByRequest { .. }
            | Intent::List(_)
            | Intent::History { .. }
            | Intent::SkuGet(_)
            | Intent::SkuList { .. }
            | Intent::SaleGet(_)
            | Intent::SaleList { .. }
            | Intent::StockGet { .. }
            | Intent::SwitchList { .. }
            | Intent::Holdings
            | Intent::PayGet { .. }
            | Intent::LetterPark(_)
            | Intent::LetterEnd(_)
            | Intent::LetterList(_)
            | Intent::Track { .. }
            | Intent::CursorGet(_) => Ok(()),
        }
    }

    /// Skus, and the sales that speak for them now.
    fn parts_of_lines(&self, now: MicrosUtc, lines: &[AskedLine]) -> impl Iterator<Item = Part> {
        lines.iter().enumerate().map(move |(at, line)| {
            let speaking = self.goods.find_sku(line.sku).and_then(|sku| self.goods.speaking(sku, now));
            let sale = speaking.map(|item| self.goods.sale(item.sale).sale.id);
            Part { line: Some(at), sku: Some(line.sku), sale }
        })
    }

    fn parts_of_hold(&self, hold: u64) -> impl Iterator<Item = Part> {
        let units = self.holds.find(hold).into_iter().flat_map(|slot| self.holds.units(slot));
        units.map(|ShelfUnits { sku, .. }| Part { sku: Some(sku), ..Part::default() })
    }

    /// Nothing, where there is no such order: that is said later.
    fn parts_of_order(&self, order: OrderId) -> impl Iterator<Item = Part> {
        let lines = self.orders.find(order).into_iter().flat_map(|slot| self.orders.lines(slot));
        lines.map(|line| {
            let sale = (line.sale != SaleId(0)).then_some(line.sale);
            Part { line: None, sku: Some(line.sku), sale }
        })
    }

    fn parts_of_payment(&self, payment: PaymentId) -> impl Iterator<Item = Part> {
        let order = self.orders.find_of_payment(payment).map_or(OrderId(0), |slot| self.orders.at(slot).id);
        self.parts_of_order(order)
    }

    fn judge_scope_known(&self, scope: Scope) -> Result<(), Refusal> {
        let known = match scope {
            Scope::All => true,
            Scope::Sale(sale) => self.goods.find_sale(sale).is_some(),
            Scope::Sku(sku) => self.goods.find_sku(sku).is_some(),
        };
        if known { Ok(()) } else { Err(Refusal::of(Reason::SkuNotFound)) }
    }
}

fn part_of_sku(sku: SkuId) -> impl Iterator<Item = Part> {
    core::iter::once(Part { sku: Some(sku), ..Part::default() })
}
