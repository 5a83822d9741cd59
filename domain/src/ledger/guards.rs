//! What operators put in the way of an intent before it is judged by itself: switches, and lists of users.
//!
//! Every intent says here what it does and what it names. A new one does not compile until somebody has decided.

use crate::coupon::CouponScope;
use crate::fact::ShelfUnits;
use crate::ids::{OrderId, PaymentId, SaleId, SkuId};
use crate::intent::{AskedLine, Intent, Prepare};
use crate::ledger::Ledger;
use crate::refusal::Refusal;
use crate::switch::Deed;
use crate::units::MicrosUtc;

/// A part of what an intent is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Part {
    /// Where the intent names it by a line.
    pub(super) line: Option<usize>,
    pub(super) sku: Option<SkuId>,
    pub(super) sale: Option<SaleId>,
}

impl Ledger {
    /// Whether there is anything in the way of anybody, besides the shop's usual rules.
    #[inline]
    pub(super) fn is_guarded(&self) -> bool {
        !self.switches.is_empty() || !self.limits.is_empty()
    }

    /// What stands in the way of an intent. Only asked where something does. It comes before all that the intent
    /// itself is judged by, but a request that was asked before (or whose id expired) is answered as ever.
    #[cold]
    pub(super) fn judge_guards(&self, now: MicrosUtc, intent: &Intent<'_>) -> Result<(), Refusal> {
        let judged = self.judge_unasked(now, intent);
        // Looked up last: few are refused, and an id that is looked for costs more than all of the above.
        if judged.is_err()
            && let Some(key) = intent.request()
            && (self.requests.judge(now, key.id).is_err() || self.requests.find(&self.orders, key).is_some())
        {
            return Ok(());
        }
        judged
    }

    /// SWITCHED_OFF or BLOCKED, for an intent that was not asked before.
    fn judge_unasked(&self, now: MicrosUtc, intent: &Intent<'_>) -> Result<(), Refusal> {
        let switches = &self.switches;
        match intent {
            Intent::Create(create) => {
                switches.judge(Deed::Creating, self.parts_of_lines(now, create.lines.as_slice()))?;
                self.judge_blocked(now, create.user)
            }
            Intent::Prepare(Prepare { user, lines, .. }) => {
                switches.judge(Deed::Creating, self.parts_of_lines(now, lines.as_slice()))?;
                self.judge_blocked(now, *user)
            }
            Intent::StockReserve(reserve) => {
                switches.judge(Deed::Creating, self.parts_of_lines(now, reserve.lines.as_slice()))?;
                self.judge_blocked(now, reserve.user)
            }
            Intent::SkuPut(put) => switches.judge(Deed::Changing, part_of_sku(put.sku.id)),
            Intent::SalePut(put) => {
                let itself = Part { sale: Some(put.sale.id), ..Part::default() };
                let skus = put.skus.iter().enumerate();
                let skus = skus.map(|(at, item)| Part { line: Some(at), sku: Some(item.sku), sale: None });
                switches.judge(Deed::Changing, core::iter::once(itself).chain(skus))
            }
            Intent::CouponDefine(define) => {
                let sale = match define.coupon.scope {
                    CouponScope::Sale(sale) => Some(sale),
                    CouponScope::All | CouponScope::Skus => None,
                };
                let sale = sale.map(|sale| Part { sale: Some(sale), ..Part::default() });
                let skus = define.skus.iter().enumerate();
                let skus = skus.map(|(at, &sku)| Part { line: Some(at), sku: Some(sku), sale: None });
                switches.judge(Deed::Changing, sale.into_iter().chain(skus))
            }
            Intent::CouponClaim(claim) => {
                switches.judge(Deed::Changing, core::iter::empty())?;
                self.judge_blocked(now, claim.user)
            }
            Intent::StockAdjust(adjust) => switches.judge(Deed::Changing, part_of_sku(adjust.sku)),
            Intent::StockTransfer(transfer) => switches.judge(Deed::Changing, part_of_sku(transfer.sku)),
            Intent::StockReturn(back) => switches.judge(Deed::Changing, part_of_sku(back.sku)),
            Intent::StockCommit(end) => switches.judge(Deed::Changing, self.parts_of_hold(end.hold)),
            Intent::StockExtend(extend) => {
                switches.judge(Deed::Changing, self.parts_of_hold(extend.hold))?;
                self.judge_blocked(now, extend.user)
            }
            Intent::LimitPut(_) | Intent::FreightPut(_) => {
                switches.judge(Deed::Changing, core::iter::empty())
            }
            Intent::PayOpen(open) => switches.judge(Deed::Paying, self.parts_of_order(open.order)),
            Intent::PayClose(close) => switches.judge(Deed::Changing, self.parts_of_payment(close.payment)),
            Intent::Refund(refund) => switches.judge(Deed::Changing, self.parts_of_payment(refund.payment)),
            Intent::Repair(repair) => switches.judge(Deed::Changing, self.parts_of_order(repair.order)),
            Intent::CaseOpen(open) => switches.judge(Deed::Changing, self.parts_of_order(open.order)),
            Intent::CaseDecide(it) => switches.judge(Deed::Changing, self.parts_of_order(it.order)),
            Intent::CaseReceive(it) => switches.judge(Deed::Changing, self.parts_of_order(it.order)),
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
            | Intent::FreightList { .. }
            | Intent::StockGet { .. }
            | Intent::SwitchList { .. }
            | Intent::Scan(_)
            | Intent::LimitList { .. }
            | Intent::Holdings
            | Intent::PayGet { .. }
            | Intent::LetterPark(_)
            | Intent::LetterEnd(_)
            | Intent::LetterList(_)
            | Intent::Track { .. }
            | Intent::CaseList { .. }
            | Intent::CouponCheck(_)
            | Intent::CouponGet { .. }
            | Intent::CouponList { .. }
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

    /// Nothing, where no such payment was opened: its id alone would lead to an order.
    fn parts_of_payment(&self, payment: PaymentId) -> impl Iterator<Item = Part> {
        let order = self.find_payment(payment).map(|slot| self.payments.at(slot).order);
        self.parts_of_order(order.map_or(OrderId(0), |slot| self.orders.at(slot).id))
    }
}

fn part_of_sku(sku: SkuId) -> impl Iterator<Item = Part> {
    core::iter::once(Part { sku: Some(sku), ..Part::default() })
}
