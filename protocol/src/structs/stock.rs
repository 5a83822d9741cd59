//! STOCK_TRANSFER and STOCK_RETURN.

use super::Shelf;
use crate::plain::plain;

plain! {
    /// Units of a sku go from one warehouse to another, in one step.
    pub struct StockTransferHead / ArchivedStockTransferHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// The sku.
        pub sku: u64,
        /// How many, 1 to 2^63 − 1. INSUFFICIENT_STOCK where fewer are free: held units stay.
        pub units: u64,
        /// The warehouse that they leave; never 0.
        pub from: u32,
        /// The warehouse that they come to; never 0, another than `from`.
        pub to: u32,
    }

    /// Both shelves as they stand now.
    pub struct StockTransferAnswerHead / ArchivedStockTransferAnswerHead {
        /// The shelf that units left.
        pub from: Shelf,
        /// The shelf that they came to.
        pub to: Shelf,
    }

    /// Sold units come back onto a shelf, whichever warehouse sold them.
    pub struct StockReturnHead / ArchivedStockReturnHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// The sku.
        pub sku: u64,
        /// How many, 1 to 2^63 − 1. INSUFFICIENT_STOCK where fewer were sold and have not come back yet.
        pub units: u64,
        /// The warehouse that they come to; never 0.
        pub warehouse: u32,
    }
}
