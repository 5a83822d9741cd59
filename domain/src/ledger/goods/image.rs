//! Goods in an image.

use alloc::vec;
use alloc::vec::Vec;

use super::{Goods, Item, SaleRow, ShelfRow, SkuRow};
use crate::ids::{SkuId, WarehouseId};
use crate::image::{Flat, flat};
use crate::intent::{Sale, Sku};
use crate::ledger::image::{ImageFault, ImagePart, Reading};
use crate::shelf::Shelf;
use crate::table::Imaged;
use crate::units::MinorUnits;

flat! {
    SkuRow { sku: Sku, first_shelf: u32, first_item: u32 }
    ShelfRow { sku: SkuId, warehouse: WarehouseId, next: u32, shelf: Shelf }
    SaleRow { sale: Sale, taken_units: u64, first_item: u32 }
    Item { unit_price: MinorUnits, sku: u32, sale: u32, next_of_sale: u32, next_of_sku: u32 }
}

impl ImagePart for Goods {
    fn put_head(&self, out: &mut Vec<u8>) {
        (self.unused_items, self.items_used as u64).put(out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        let items_used: u64;
        (self.unused_items, items_used) = from.one()?;
        self.items_used = items_used as usize;
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        vec![
            ("skus_max", &mut self.skus),
            ("shelves_max", &mut self.shelves),
            ("sales_max", &mut self.sales),
            ("sale_skus_max", &mut self.items),
        ]
    }
}

impl Goods {
    /// Finds the indexes anew.
    pub(crate) fn index(&mut self) {
        for (slot, row) in (0..).zip(self.skus.iter()) {
            self.sku_slots.insert(self.key.tag(row.sku.id.0, 0), slot);
            self.skus_by_id.insert(row.sku.id, slot);
        }
        for (slot, row) in (0..).zip(self.shelves.iter()) {
            self.shelf_slots.insert(self.shelf_tag(row.sku, row.warehouse), slot);
        }
        for (slot, row) in (0..).zip(self.sales.iter()) {
            self.sale_slots.insert(self.key.tag(u64::from(row.sale.id.0), 1), slot);
            self.sales_by_id.insert(row.sale.id, slot);
        }
    }
}
