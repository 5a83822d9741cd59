//! Skus, their shelves and their sales.

mod desk;
mod image;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::ids::{SaleId, SkuId, WarehouseId};
use crate::intent::{Sale, SaleSku, Sku};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::orders::NONE;
use crate::sale;
use crate::shelf::Shelf;
use crate::slot_table::{HashKey, SlotTable, Tag};
use crate::table::Table;
use crate::units::{MicrosUtc, MinorUnits};

#[derive(Clone, Debug)]
pub(crate) struct SkuRow {
    pub(crate) sku: Sku,
    /// Its shelves, by warehouse.
    first_shelf: u32,
    /// Its places in sales, the latest `closed_from` first: nearly always the first one speaks.
    first_item: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct ShelfRow {
    pub(crate) sku: SkuId,
    pub(crate) warehouse: WarehouseId,
    /// The sku's shelf in the next warehouse.
    next: u32,
    pub(crate) shelf: Shelf,
}

#[derive(Clone, Debug)]
pub(crate) struct SaleRow {
    pub(crate) sale: Sale,
    /// Units that its orders hold or bought.
    pub(crate) taken_units: u64,
    /// Its skus, linked.
    first_item: u32,
}

/// A sku in a sale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) unit_price: MinorUnits,
    sku: u32,
    pub(crate) sale: u32,
    /// The sale's next sku; links free rows, too.
    next_of_sale: u32,
    /// The sku's next place in a sale.
    next_of_sku: u32,
}

/// Bytes that an ordered map takes for one (id, slot), its nodes half full.
const ORDERED_BYTES: usize = 32;

#[derive(Debug)]
pub(crate) struct Goods {
    key: HashKey,
    skus: Table<SkuRow>,
    sku_slots: SlotTable,
    /// For lists and audits only; nothing on the hot path looks at it.
    skus_by_id: BTreeMap<SkuId, u32>,
    shelves: Table<ShelfRow>,
    shelf_slots: SlotTable,
    sales: Table<SaleRow>,
    sales_by_id: BTreeMap<SaleId, u32>,
    sale_slots: SlotTable,
    items: Table<Item>,
    unused_items: u32,
    items_used: usize,
}

impl Goods {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        SlotTable::bytes(bounds.skus_max)
            + SlotTable::bytes(bounds.shelves_max)
            + SlotTable::bytes(bounds.sales_max)
            + (bounds.skus_max * (size_of::<SkuRow>() + ORDERED_BYTES)
                + bounds.shelves_max * size_of::<ShelfRow>()
                + bounds.sales_max * (size_of::<SaleRow>() + ORDERED_BYTES)
                + bounds.sale_skus_max * size_of::<Item>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds, key: HashKey) -> Goods {
        Goods {
            key,
            skus: Table::with_rows_max(bounds.skus_max),
            sku_slots: SlotTable::with_rows_max(bounds.skus_max),
            skus_by_id: BTreeMap::new(),
            shelves: Table::with_rows_max(bounds.shelves_max),
            shelf_slots: SlotTable::with_rows_max(bounds.shelves_max),
            sales: Table::with_rows_max(bounds.sales_max),
            sales_by_id: BTreeMap::new(),
            sale_slots: SlotTable::with_rows_max(bounds.sales_max),
            items: Table::with_rows_max(bounds.sale_skus_max),
            unused_items: NONE,
            items_used: 0,
        }
    }

    // Skus

    #[inline]
    pub(crate) fn find_sku(&self, id: SkuId) -> Option<u32> {
        self.sku_slots.find(self.key.tag(id.0, 0), |slot| self.skus[slot as usize].sku.id == id)
    }

    #[inline]
    pub(crate) fn sku(&self, slot: u32) -> &Sku {
        &self.skus[slot as usize].sku
    }

    pub(crate) fn has_room_for_sku(&self, bounds: &LedgerBounds) -> bool {
        self.skus.len() < bounds.skus_max
    }

    /// Makes or replaces a sku, and says where it is.
    pub(crate) fn put_sku(&mut self, sku: Sku) -> u32 {
        if let Some(slot) = self.find_sku(sku.id) {
            self.skus[slot as usize].sku = sku;
            return slot;
        }
        let slot = self.skus.len() as u32;
        self.skus.push(SkuRow { sku, first_shelf: NONE, first_item: NONE });
        self.sku_slots.insert(self.key.tag(sku.id.0, 0), slot);
        self.skus_by_id.insert(sku.id, slot);
        slot
    }

    /// Skus by id, from the first above `after`.
    pub(crate) fn skus_after(&self, after: SkuId) -> impl Iterator<Item = &Sku> {
        use core::ops::Bound::{Excluded, Unbounded};
        self.skus_by_id.range((Excluded(after), Unbounded)).map(|(_, &slot)| self.sku(slot))
    }

    // Shelves

    #[inline]
    pub(crate) fn find_shelf(&self, sku: SkuId, warehouse: WarehouseId) -> Option<u32> {
        self.shelf_of(self.find_sku(sku)?, warehouse)
    }

    /// The shelf of a sku in a warehouse. Most skus lie in one warehouse: it is looked at before the index, whose
    /// places are far apart in memory.
    #[inline]
    pub(crate) fn shelf_of(&self, sku: u32, warehouse: WarehouseId) -> Option<u32> {
        let SkuRow { sku: Sku { id, .. }, first_shelf, .. } = self.skus[sku as usize];
        if self.shelves.get(first_shelf as usize)?.warehouse == warehouse {
            return Some(first_shelf);
        }
        self.shelf_slots.find(self.shelf_tag(id, warehouse), |slot| {
            let row = &self.shelves[slot as usize];
            row.sku == id && row.warehouse == warehouse
        })
    }

    #[inline]
    pub(crate) fn shelf(&self, slot: u32) -> &ShelfRow {
        &self.shelves[slot as usize]
    }

    /// Lets a pure function change a shelf.
    #[inline]
    pub(crate) fn change_shelf(&mut self, slot: u32, change: impl FnOnce(Shelf) -> Shelf) {
        let shelf = &mut self.shelves[slot as usize].shelf;
        *shelf = change(*shelf);
    }

    pub(crate) fn has_room_for_shelf(&self, bounds: &LedgerBounds) -> bool {
        self.shelves.len() < bounds.shelves_max
    }

    /// The shelf, made empty where it was not there. The sku is.
    pub(crate) fn shelf_or_new(&mut self, sku: SkuId, warehouse: WarehouseId) -> u32 {
        let owner = self.find_sku(sku).expect("only known skus have shelves");
        if let Some(slot) = self.shelf_of(owner, warehouse) {
            return slot;
        }
        let slot = self.shelves.len() as u32;
        let before = self.shelves_of(owner).take_while(|&(_, row)| row.warehouse < warehouse).last();
        let before = before.map(|(slot, _)| slot);
        let link = match before {
            Some(before) => &mut self.shelves[before as usize].next,
            None => &mut self.skus[owner as usize].first_shelf,
        };
        let next = core::mem::replace(link, slot);
        self.shelves.push(ShelfRow { sku, warehouse, next, shelf: Shelf::default() });
        self.shelf_slots.insert(self.shelf_tag(sku, warehouse), slot);
        slot
    }

    /// The shelves of a sku, by warehouse.
    pub(crate) fn shelves_of(&self, sku: u32) -> impl Iterator<Item = (u32, &ShelfRow)> {
        let mut next = self.skus[sku as usize].first_shelf;
        core::iter::from_fn(move || {
            let row = self.shelves.get(next as usize)?;
            let slot = core::mem::replace(&mut next, row.next);
            Some((slot, row))
        })
    }

    /// All shelves, by sku and warehouse.
    pub(crate) fn all_shelves(&self) -> impl Iterator<Item = &ShelfRow> {
        self.skus_by_id.values().flat_map(|&sku| self.shelves_of(sku).map(|(_, row)| row))
    }

    // Sales

    #[inline]
    pub(crate) fn find_sale(&self, id: SaleId) -> Option<u32> {
        self.sale_slots.find(self.key.tag(u64::from(id.0), 1), |slot| self.sales[slot as usize].sale.id == id)
    }

    #[inline]
    pub(crate) fn sale(&self, slot: u32) -> &SaleRow {
        &self.sales[slot as usize]
    }

    #[inline]
    pub(crate) fn sale_mut(&mut self, slot: u32) -> &mut SaleRow {
        &mut self.sales[slot as usize]
    }

    /// Whether a sale fits, in the place of the one that is at `replaced`.
    pub(crate) fn has_room_for_sale(&self, bounds: &LedgerBounds, replaced: Option<u32>) -> bool {
        replaced.is_some() || self.sales.len() < bounds.sales_max
    }

    /// Whether the skus of a sale fit, in the place of those of the sale that is at `replaced`.
    pub(crate) fn has_room_for_items(
        &self,
        bounds: &LedgerBounds,
        replaced: Option<u32>,
        skus: usize,
    ) -> bool {
        let freed = replaced.map_or(0, |slot| self.items_of_sale(slot).count());
        self.items_used - freed + skus <= bounds.sale_skus_max
    }

    /// Makes or replaces a sale with all its skus, which are known, and says where it is.
    pub(crate) fn put_sale(&mut self, sale: Sale, skus: &[SaleSku]) -> u32 {
        let slot = match self.find_sale(sale.id) {
            Some(slot) => {
                self.drop_items(slot);
                self.sales[slot as usize].sale = sale;
                slot
            }
            None => {
                let slot = self.sales.len() as u32;
                self.sales.push(SaleRow { sale, taken_units: 0, first_item: NONE });
                self.sale_slots.insert(self.key.tag(u64::from(sale.id.0), 1), slot);
                self.sales_by_id.insert(sale.id, slot);
                slot
            }
        };
        for item in skus {
            let sku = self.find_sku(item.sku).expect("only known skus are in sales");
            self.add_item(slot, sku, item.unit_price);
        }
        slot
    }

    /// The place in a sale that speaks for a sku now: of those that began to speak, the latest.
    #[inline]
    pub(crate) fn speaking(&self, sku: u32, now: MicrosUtc) -> Option<&Item> {
        self.items_of_sku(sku).find(|item| self.sale(item.sale).sale.closed_from <= now)
    }

    /// Whether a sale would speak for a sku at the same time as another one.
    pub(crate) fn overlaps(&self, sku: u32, wanted: &Sale) -> bool {
        self.items_of_sku(sku).any(|item| {
            let other = &self.sale(item.sale).sale;
            other.id != wanted.id && sale::overlap(other, wanted)
        })
    }

    /// The skus of a sale, by id.
    pub(crate) fn skus_of_sale(&self, sale: &SaleRow) -> Vec<SaleSku> {
        let item = |item: &Item| SaleSku { sku: self.sku(item.sku).id, unit_price: item.unit_price };
        let mut skus: Vec<SaleSku> = self.items_from(sale.first_item).map(item).collect();
        skus.sort_unstable_by_key(|item| item.sku);
        skus
    }

    /// Sales by id, from the first above `after`.
    pub(crate) fn sales_after(&self, after: SaleId) -> impl Iterator<Item = &SaleRow> {
        use core::ops::Bound::{Excluded, Unbounded};
        self.sales_by_id.range((Excluded(after), Unbounded)).map(|(_, &slot)| self.sale(slot))
    }

    #[inline]
    fn items_of_sku(&self, sku: u32) -> impl Iterator<Item = &Item> {
        let mut next = self.skus[sku as usize].first_item;
        core::iter::from_fn(move || {
            let item = self.items.get(next as usize)?;
            next = item.next_of_sku;
            Some(item)
        })
    }

    fn items_of_sale(&self, sale: u32) -> impl Iterator<Item = &Item> {
        self.items_from(self.sales[sale as usize].first_item)
    }

    fn items_from(&self, mut next: u32) -> impl Iterator<Item = &Item> {
        core::iter::from_fn(move || {
            let item = self.items.get(next as usize)?;
            next = item.next_of_sale;
            Some(item)
        })
    }

    fn add_item(&mut self, sale: u32, sku: u32, unit_price: MinorUnits) {
        let slot = if self.unused_items == NONE { self.items.len() as u32 } else { self.unused_items };
        let next_of_sale = core::mem::replace(&mut self.sales[sale as usize].first_item, slot);
        let closed_from = self.sales[sale as usize].sale.closed_from;
        let mut before = NONE;
        let mut next_of_sku = self.skus[sku as usize].first_item;
        while next_of_sku != NONE {
            let other = &self.items[next_of_sku as usize];
            if self.sales[other.sale as usize].sale.closed_from < closed_from {
                break;
            }
            (before, next_of_sku) = (next_of_sku, other.next_of_sku);
        }
        if before == NONE {
            self.skus[sku as usize].first_item = slot;
        } else {
            self.items[before as usize].next_of_sku = slot;
        }
        let item = Item { unit_price, sku, sale, next_of_sale, next_of_sku };
        if slot == self.unused_items {
            self.unused_items = self.items[slot as usize].next_of_sale;
            self.items[slot as usize] = item;
        } else {
            self.items.push(item);
        }
        self.items_used += 1;
    }

    /// Takes all skus out of a sale.
    fn drop_items(&mut self, sale: u32) {
        let mut slot = core::mem::replace(&mut self.sales[sale as usize].first_item, NONE);
        while slot != NONE {
            let Item { sku, next_of_sku, next_of_sale, .. } = self.items[slot as usize];
            if self.skus[sku as usize].first_item == slot {
                self.skus[sku as usize].first_item = next_of_sku;
            } else {
                let mut before = self.skus[sku as usize].first_item;
                while self.items[before as usize].next_of_sku != slot {
                    before = self.items[before as usize].next_of_sku;
                }
                self.items[before as usize].next_of_sku = next_of_sku;
            }
            self.items[slot as usize].next_of_sale = self.unused_items;
            self.unused_items = slot;
            self.items_used -= 1;
            slot = next_of_sale;
        }
    }

    #[inline]
    fn shelf_tag(&self, sku: SkuId, warehouse: WarehouseId) -> Tag {
        self.key.tag(sku.0, u64::from(warehouse.0))
    }
}
