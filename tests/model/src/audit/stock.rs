//! Units that moved without being held: between warehouses, and back from a buyer.

use domain::{SkuId, WarehouseId};

use super::Auditor;
use super::tally::Rule;

impl Auditor {
    /// What left one shelf came to the other, and nothing of it was held.
    pub(super) fn stock_transferred(&mut self, sku: SkuId, from: WarehouseId, to: WarehouseId, units: u64) {
        let known = self.books.skus.contains_key(&sku);
        let right = known && units > 0 && from != to && from.0 != 0 && to.0 != 0;
        self.tally.check(Rule::Catalogue, right, || {
            format!("{units} units of sku {} went from warehouse {} to {}", sku.0, from.0, to.0)
        });

        let units = i128::from(units);
        let left = self.books.shelves.entry((sku, from)).or_default();
        left.on_hand -= units;
        left.transferred -= units;
        let left = *left;
        let right = self.books.shelves.entry((sku, to)).or_default();
        right.on_hand += units;
        right.transferred += units;

        let missing = left.held.max(0) - left.on_hand;
        self.books.totals.oversold += missing.max(0);
        self.tally.check(Rule::Oversold, missing <= 0, || {
            let (on_hand, held) = (left.on_hand, left.held);
            format!("sku {} in warehouse {}: {on_hand} units are left, {held} are held", sku.0, from.0)
        });
    }

    /// Units came back, of a sku that had sold as many.
    pub(super) fn stock_returned(&mut self, sku: SkuId, warehouse: WarehouseId, units: u64) {
        let right = self.books.skus.contains_key(&sku) && units > 0 && warehouse.0 != 0;
        self.tally.check(Rule::Catalogue, right, || {
            format!("{units} units of sku {} came back to warehouse {}", sku.0, warehouse.0)
        });

        let units = i128::from(units);
        let shelf = self.books.shelves.entry((sku, warehouse)).or_default();
        shelf.on_hand += units;
        shelf.returned += units;
        shelf.came_back += units;

        let of_sku = self.books.shelves.range((sku, WarehouseId(0))..=(sku, WarehouseId(u32::MAX)));
        let (sold, came_back) = of_sku
            .fold((0, 0), |(sold, came_back), (_, shelf)| (sold + shelf.sold, came_back + shelf.came_back));
        self.tally.check(Rule::Returns, came_back <= sold, || {
            format!("{came_back} units of sku {} came back, {sold} were sold", sku.0)
        });
    }
}
