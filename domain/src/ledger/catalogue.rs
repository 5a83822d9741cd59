//! What operators change: skus, sales, stock.

use alloc::vec::Vec;

use crate::fact::{Fact, Facts, RequestKey, StockAdjusted};
use crate::ids::{OrderId, SkuId, TraceId, UserId, WarehouseId};
use crate::intent::{HOLD_SECONDS_MAX, Intent, SalePut, SaleSku, Sku, SkuPut, StockAdjust};
use crate::ledger::{Ledger, by_operator};
use crate::refusal::{Reason, Refusal};
use crate::sale;
use crate::shelf::Shelf;
use crate::units::{Currency, MicrosUtc};
use crate::verdict::{ShelfView, Verdict};

impl Ledger {
    pub(super) fn put_sku(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        put: &SkuPut,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        judge_sku_fields(&put.sku)?;
        let key = RequestKey { who: UserId(0), id: put.request };
        let body = Intent::SkuPut(*put).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let there = self.goods.find_sku(put.sku.id).map(|slot| self.goods.sku(slot).version);
        let version = next_version(put.replaces, there)?;
        if there.is_none() && !self.goods.has_room_for_sku(&self.bounds) {
            return Err(Refusal::of(Reason::Overloaded));
        }
        self.judge_room_for_change(now)?;

        // Doing.
        let sku = Sku { version, ..put.sku };
        self.enter_one(&by_operator(now, trace, key, body), &Fact::SkuChanged(sku), facts);
        Ok(Verdict::Sku { sku: sku.id, version })
    }

    pub(super) fn put_sale(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        put: &SalePut<'_>,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        sale::judge_fields(put)?;
        judge_each_once(put.skus)?;
        let key = RequestKey { who: UserId(0), id: put.request };
        let body = Intent::SalePut(*put).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.goods.find_sale(put.sale.id);
        let version = next_version(put.replaces, slot.map(|slot| self.goods.sale(slot).sale.version))?;
        self.judge_skus_of(put)?;
        let fits = self.goods.has_room_for_sale(&self.bounds, slot)
            && self.goods.has_room_for_items(&self.bounds, slot, put.skus.len());
        if !fits {
            return Err(Refusal::of(Reason::Overloaded));
        }
        self.judge_room_for_change(now)?;

        // Doing.
        let sale = crate::intent::Sale { version, ..put.sale };
        let changed = Fact::SaleChanged { sale, skus: put.skus };
        self.enter_one(&by_operator(now, trace, key, body), &changed, facts);
        Ok(Verdict::Sale { sale: sale.id, version })
    }

    pub(super) fn adjust_stock(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        adjust: &StockAdjust,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        if adjust.warehouse == WarehouseId(0) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let key = RequestKey { who: UserId(0), id: adjust.request };
        let body = Intent::StockAdjust(*adjust).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        if self.goods.find_sku(adjust.sku).is_none() {
            return Err(Refusal::of(Reason::SkuNotFound));
        }
        let slot = self.goods.find_shelf(adjust.sku, adjust.warehouse);
        let shelf = slot.map_or(Shelf::default(), |slot| self.goods.shelf(slot).shelf);
        shelf.judge(adjust)?;
        self.judge_room_for_shelf_of(adjust.sku, adjust.warehouse)?;
        self.judge_room_for_change(now)?;

        // Doing.
        let StockAdjust { sku, warehouse, on_hand_delta, safety_delta, unavailable_delta, reason, .. } =
            *adjust;
        let order = OrderId(0);
        let adjusted =
            StockAdjusted { sku, warehouse, on_hand_delta, safety_delta, unavailable_delta, reason, order };
        self.enter_one(&by_operator(now, trace, key, body), &Fact::StockAdjusted(adjusted), facts);
        let slot = self.goods.find_shelf(sku, warehouse).expect("the fact made the shelf");
        Ok(Verdict::Shelf(ShelfView::of(self.goods.shelf(slot))))
    }

    /// Skus known, then no other sale at the same time: the first item that fails is named.
    fn judge_skus_of(&self, put: &SalePut<'_>) -> Result<(), Refusal> {
        for (at, item) in put.skus.iter().enumerate() {
            if self.goods.find_sku(item.sku).is_none() {
                return Err(Refusal::of(Reason::SkuNotFound).at_line(at));
            }
        }
        for (at, item) in put.skus.iter().enumerate() {
            let slot = self.goods.find_sku(item.sku).expect("all skus were found");
            if self.goods.overlaps(slot, &put.sale) {
                return Err(Refusal::of(Reason::InvalidField).at_line(at));
            }
        }
        Ok(())
    }
}

fn judge_sku_fields(sku: &Sku) -> Result<(), Refusal> {
    let wrong = sku.id == SkuId(0)
        || sku.currency == Currency(0)
        || sku.unit_price.0 < 0
        || !(1..=HOLD_SECONDS_MAX).contains(&sku.hold_seconds);
    if wrong { Err(Refusal::of(Reason::InvalidField)) } else { Ok(()) }
}

/// The first item that repeats the sku of an earlier one is named.
fn judge_each_once(skus: &[SaleSku]) -> Result<(), Refusal> {
    let mut by_sku: Vec<(SkuId, usize)> = skus.iter().enumerate().map(|(at, item)| (item.sku, at)).collect();
    by_sku.sort_unstable();
    match by_sku.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min() {
        Some(item) => Err(Refusal::of(Reason::InvalidField).at_line(item)),
        None => Ok(()),
    }
}

/// The version that follows the one named, which must be the one that stands (0: none).
pub(super) fn next_version(replaces: u32, there: Option<u32>) -> Result<u32, Refusal> {
    let there = there.unwrap_or(0);
    if replaces != there {
        return Err(Refusal::of(Reason::VersionConflict).with(i64::from(replaces), i64::from(there)));
    }
    there.checked_add(1).ok_or(Refusal::of(Reason::InvalidField))
}
