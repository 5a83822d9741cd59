//! Units that move without being held: between warehouses, and back from a buyer.

use crate::fact::{Fact, Facts, RequestKey};
use crate::ids::{SkuId, TraceId, UserId, WarehouseId};
use crate::intent::{Intent, SHELF_UNITS_MAX, StockReturn, StockTransfer, WAREHOUSES_A_SKU_MAX};
use crate::ledger::{Ledger, by_operator};
use crate::refusal::{Reason, Refusal};
use crate::shelf::Shelf;
use crate::units::MicrosUtc;
use crate::verdict::{ShelfView, TransferView, Verdict};

impl Ledger {
    pub(super) fn transfer_stock(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        transfer: &StockTransfer,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let StockTransfer { request, sku, from, to, units } = *transfer;
        if from == to {
            return Err(Refusal::of(Reason::InvalidField));
        }
        judge_fields(&[from, to], units)?;
        let key = RequestKey { who: UserId(0), id: request };
        let body = Intent::StockTransfer(*transfer).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        if self.goods.find_sku(sku).is_none() {
            return Err(Refusal::of(Reason::SkuNotFound));
        }
        let free = self.shelf_now(sku, from).free();
        if free < units {
            return Err(Refusal::of(Reason::InsufficientStock).with(units as i64, free as i64));
        }
        self.shelf_now(sku, to).judge_more(units)?;
        self.judge_room_for_shelf_of(sku, to)?;
        self.judge_room_for_change(now)?;

        // Doing.
        let fact = Fact::StockTransferred { sku, from, to, units };
        self.enter_one(&by_operator(now, trace, key, body), &fact, facts);
        let there = |warehouse| self.goods.find_shelf(sku, warehouse).expect("the fact made the shelves");
        Ok(self.transferred(there(from), there(to)))
    }

    pub(super) fn return_stock(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        back: &StockReturn,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let StockReturn { request, sku, warehouse, units } = *back;
        judge_fields(&[warehouse], units)?;
        let key = RequestKey { who: UserId(0), id: request };
        let body = Intent::StockReturn(*back).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let Some(slot) = self.goods.find_sku(sku) else {
            return Err(Refusal::of(Reason::SkuNotFound));
        };
        let away = self.units_away(slot);
        if away < units {
            return Err(Refusal::of(Reason::InsufficientStock).with(units as i64, away as i64));
        }
        self.shelf_now(sku, warehouse).judge_more(units)?;
        self.judge_room_for_shelf_of(sku, warehouse)?;
        self.judge_room_for_change(now)?;

        // Doing.
        let fact = Fact::StockReturned { sku, warehouse, units };
        self.enter_one(&by_operator(now, trace, key, body), &fact, facts);
        let slot = self.goods.find_shelf(sku, warehouse).expect("the fact made the shelf");
        Ok(Verdict::Shelf(ShelfView::of(self.goods.shelf(slot))))
    }

    /// Both shelves of a transfer, as they stand now.
    pub(super) fn transferred(&self, from: u32, to: u32) -> Verdict {
        let view = |slot| ShelfView::of(self.goods.shelf(slot));
        Verdict::Transferred(TransferView { from: view(from), to: view(to) }.into())
    }

    /// Units of a sku that were sold and have not come back, over all its shelves. What was sold here may come
    /// back there, so only the sums compare.
    fn units_away(&self, sku: u32) -> u64 {
        let (mut sold, mut returned) = (0_u64, 0_u64);
        for (_, row) in self.goods.shelves_of(sku) {
            sold = sold.saturating_add(row.shelf.sold);
            returned = returned.saturating_add(row.shelf.returned);
        }
        sold.saturating_sub(returned).min(SHELF_UNITS_MAX)
    }

    /// The numbers of a shelf; 0 where it is not there.
    fn shelf_now(&self, sku: SkuId, warehouse: WarehouseId) -> Shelf {
        let slot = self.goods.find_shelf(sku, warehouse);
        slot.map_or(Shelf::default(), |slot| self.goods.shelf(slot).shelf)
    }

    /// The shelf is there, or may be made.
    pub(super) fn judge_room_for_shelf_of(&self, sku: SkuId, warehouse: WarehouseId) -> Result<(), Refusal> {
        let Some(slot) = self.goods.find_sku(sku) else { return Err(Refusal::of(Reason::SkuNotFound)) };
        if self.goods.shelf_of(slot, warehouse).is_some() {
            return Ok(());
        }
        let shelves = self.goods.shelves_of(slot).count();
        if shelves >= WAREHOUSES_A_SKU_MAX {
            let refusal = Refusal::of(Reason::InvalidField);
            return Err(refusal.with(shelves as i64 + 1, WAREHOUSES_A_SKU_MAX as i64));
        }
        if self.goods.has_room_for_shelf(&self.bounds) {
            Ok(())
        } else {
            Err(Refusal::of(Reason::Overloaded))
        }
    }
}

fn judge_fields(warehouses: &[WarehouseId], units: u64) -> Result<(), Refusal> {
    let wrong = warehouses.contains(&WarehouseId(0)) || !(1..=SHELF_UNITS_MAX).contains(&units);
    if wrong { Err(Refusal::of(Reason::InvalidField)) } else { Ok(()) }
}
