//! STOCK_RESERVE, STOCK_RELEASE, STOCK_COMMIT, STOCK_EXTEND, STOCK_TRANSFER and STOCK_RETURN.

use super::Shelf;
use crate::plain::plain;

plain! {
    /// Units to be set aside without an order: every line or nothing. Neither prices nor limits are judged.
    pub struct StockReserveHead / ArchivedStockReserveHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Whose hold it is; 0: an operator's, which no CREATE can take over.
        pub user: u64,
        /// For how long, seconds, 1 to 2,592,000 (30 days).
        pub hold_seconds: u32,
    }

    /// A hold to be ended: its units are freed (STOCK_RELEASE), or sold without an order (STOCK_COMMIT).
    pub struct EndHoldHead / ArchivedEndHoldHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Whose hold it must be; 0: an operator ends it.
        pub user: u64,
        /// The hold; never 0. HOLD_EXPIRED where its timer was first.
        pub hold: u64,
    }

    /// A hold to be made longer, and never shorter.
    pub struct StockExtendHead / ArchivedStockExtendHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Whose hold it must be; 0: an operator extends it.
        pub user: u64,
        /// The hold; never 0.
        pub hold: u64,
        /// From now, seconds, 1 to 2,592,000 (30 days).
        pub hold_seconds: u32,
    }

    /// A hold as it stands now.
    pub struct HoldBrief / ArchivedHoldBrief {
        /// Its id; no order has it.
        pub hold: u64,
        /// Whose it is; 0: an operator's.
        pub user: u64,
        /// Until when its units are set aside, µs UTC. It ends by the timer up to 1 s later.
        pub until: i64,
        /// 1 open, 2 taken over by an order, 3 sold, 4 freed, 5 freed by its timer.
        pub state: u8,
    }

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
