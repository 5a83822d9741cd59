//! Goods on a desk.

use super::Goods;
use crate::units::MinorUnits;

impl Goods {
    /// Puts a sku into a sale, beside what is in it. There is room for it.
    pub(crate) fn join(&mut self, sale: u32, sku: u32, unit_price: MinorUnits) {
        self.add_item(sale, sku, unit_price);
    }

    /// What a sku costs in a sale that it is in.
    pub(crate) fn price_in(&self, sale: u32, sku: u32) -> Option<MinorUnits> {
        self.items_of_sku(sku).find(|item| item.sale == sale).map(|item| item.unit_price)
    }

    /// Shelves that are here.
    pub(crate) fn shelves(&self) -> usize {
        self.shelves.len()
    }

    /// Places in sales that are here.
    pub(crate) fn items(&self) -> usize {
        self.items_used
    }
}
