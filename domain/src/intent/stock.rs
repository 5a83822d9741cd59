//! What is asked about stock besides STOCK_ADJUST: moving it between warehouses, taking it back, holding it.

use crate::ids::{RequestId, SkuId, UserId, WarehouseId};
use crate::intent::Lines;

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

/// Sets units aside without an order: all lines or nothing.
///
/// Neither prices nor limits are judged: that is CREATE's work, or PREPARE's, when somebody is to buy them. A
/// hold ends by CREATE, STOCK_COMMIT, STOCK_RELEASE or its timer. Checked in this order: fields → request id →
/// skus known → stock of every line → bounds of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockReserve<'a> {
    /// Whose hold it is; 0: an operator's, which no CREATE can take over.
    pub user: UserId,
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// For how long, 1 to [`HOLD_SECONDS_MAX`](super::HOLD_SECONDS_MAX).
    pub hold_seconds: u32,
    /// 1 to [`LINES_MAX`](super::LINES_MAX) lines, each sku once.
    pub lines: Lines<'a>,
}

/// Ends a hold: by freeing its units (STOCK_RELEASE), or by selling them without an order (STOCK_COMMIT).
///
/// Checked in this order: request id → hold there and this user's (HOLD_NOT_FOUND) → not ended: HOLD_EXPIRED where
/// its timer was first (as long as the request that made it is remembered), else HOLD_NOT_FOUND → to be sold, its
/// units are on their shelves (INSUFFICIENT_STOCK where they were lost). It never finds the ledger full: each open
/// hold keeps room for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndHold {
    /// Whose hold it must be; 0: an operator ends it.
    pub user: UserId,
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The hold.
    pub hold: u64,
}

/// Makes a hold longer, and never shorter. Checked as [`EndHold`], then the bounds of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockExtend {
    /// Whose hold it must be; 0: an operator extends it.
    pub user: UserId,
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The hold.
    pub hold: u64,
    /// From now, 1 to [`HOLD_SECONDS_MAX`](super::HOLD_SECONDS_MAX).
    pub hold_seconds: u32,
}
