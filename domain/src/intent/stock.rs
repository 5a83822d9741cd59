//! What is asked about stock besides STOCK_ADJUST: moving it between warehouses, taking it back.

use crate::ids::{RequestId, SkuId, WarehouseId};

/// Units that one transfer or return can name, at most: what a shelf can have.
pub const SHELF_UNITS_MAX: u64 = i64::MAX as u64;

/// Moves units of a sku from one warehouse to another, in one step.
///
/// Checked in this order: fields → request id → sku known → `from` has so many units that nobody holds
/// (INSUFFICIENT_STOCK) → `to` can take them (INVALID_FIELD above [`SHELF_UNITS_MAX`]). Safety and unavailable
/// units stay as they are set on both shelves. A shelf that is not there yet starts at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockTransfer {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The sku.
    pub sku: SkuId,
    /// The warehouse that they leave; never 0.
    pub from: WarehouseId,
    /// The warehouse that they come to; never 0, another than `from`.
    pub to: WarehouseId,
    /// How many, 1 to [`SHELF_UNITS_MAX`].
    pub units: u64,
}

/// Takes sold units back onto a shelf, whichever warehouse sold them.
///
/// Checked in this order: fields → request id → sku known → so many units of the sku were sold and have not come
/// back yet, over all its shelves (INSUFFICIENT_STOCK). Units that never were sold come in by STOCK_ADJUST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockReturn {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The sku.
    pub sku: SkuId,
    /// The warehouse that they come to; never 0.
    pub warehouse: WarehouseId,
    /// How many, 1 to [`SHELF_UNITS_MAX`].
    pub units: u64,
}
