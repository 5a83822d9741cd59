//! Units that move without being held: between warehouses, and back from a buyer.

use domain::intent::{SHELF_UNITS_MAX, StockReturn, StockTransfer};
use domain::{Reason, Refusal, SkuId, WarehouseId};

use super::{Model, Shelf, Subject};

impl Model {
    pub(super) fn stock_transfer(&mut self, transfer: &StockTransfer) -> Result<Subject, Refusal> {
        let StockTransfer { request: _, sku, from, to, units } = *transfer;
        if !self.skus.contains_key(&sku) {
            return Err(Refusal::of(Reason::SkuNotFound));
        }
        let mut left = self.shelf(sku, from);
        let mut right = self.shelf(sku, to);
        let free = left.on_hand.saturating_sub(left.held);
        if units > free {
            return Err(Refusal::of(Reason::InsufficientStock).with(units as i64, free as i64));
        }
        left.on_hand -= units;
        right.on_hand += units;
        fits(&right)?;
        self.may_lie_in(sku, to)?;

        self.shelves.insert((sku, from), left);
        self.shelves.insert((sku, to), right);
        Ok(Subject::Shelves { sku, from, to })
    }

    pub(super) fn stock_return(&mut self, back: &StockReturn) -> Result<Subject, Refusal> {
        let StockReturn { request: _, sku, warehouse, units } = *back;
        if !self.skus.contains_key(&sku) {
            return Err(Refusal::of(Reason::SkuNotFound));
        }
        let sold: u64 = self.shelves_of(sku).map(|(_, shelf)| shelf.sold).sum();
        let returned: u64 = self.shelves_of(sku).map(|(_, shelf)| shelf.returned).sum();
        // An order's refund brings its units back even where they had come back by hand.
        let away = sold.saturating_sub(returned);
        if units > away {
            return Err(Refusal::of(Reason::InsufficientStock).with(units as i64, away as i64));
        }
        let mut shelf = self.shelf(sku, warehouse);
        shelf.on_hand += units;
        shelf.returned += units;
        fits(&shelf)?;
        self.may_lie_in(sku, warehouse)?;

        self.shelves.insert((sku, warehouse), shelf);
        Ok(Subject::Shelf(sku, warehouse))
    }

    /// A shelf that is not there yet is an empty one.
    fn shelf(&self, sku: SkuId, warehouse: WarehouseId) -> Shelf {
        self.shelves.get(&(sku, warehouse)).copied().unwrap_or_default()
    }
}

/// A transfer's fields are in their ranges.
pub(super) fn is_a_transfer(it: &StockTransfer) -> bool {
    is_a_return(it.from, it.units) && is_a_return(it.to, it.units) && it.from != it.to
}

/// A return's fields are in their ranges.
pub(super) fn is_a_return(warehouse: WarehouseId, units: u64) -> bool {
    warehouse != WarehouseId(0) && (1..=SHELF_UNITS_MAX).contains(&units)
}

fn fits(shelf: &Shelf) -> Result<(), Refusal> {
    if shelf.on_hand > SHELF_UNITS_MAX { Err(Refusal::of(Reason::InvalidField)) } else { Ok(()) }
}
