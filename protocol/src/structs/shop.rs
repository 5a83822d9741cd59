//! STOCK_GET, STOCK_ADJUST, SKU_PUT, SKU_GET, SKU_LIST, SALE_PUT, SALE_GET and SALE_LIST.

use crate::plain::plain;

plain! {
    /// Which shelf.
    pub struct StockGetHead / ArchivedStockGetHead {
        /// The sku.
        pub sku: u64,
        /// The warehouse; 0 sums over all of the sku.
        pub warehouse: u32,
    }

    /// A shelf, or the sum of a sku's shelves.
    pub struct Shelf / ArchivedShelf {
        /// The sku.
        pub sku: u64,
        /// Units that are there.
        pub on_hand: u64,
        /// Units of `on_hand` that open orders and holds have set aside.
        pub held: u64,
        /// Units kept back from selling.
        pub safety: u64,
        /// Units that cannot be sold.
        pub unavailable: u64,
        /// Units sold so far, those that came back later included.
        pub sold: u64,
        /// on_hand − held − safety − unavailable, never below 0; a sum adds up what each shelf can sell.
        pub sellable: u64,
        /// The warehouse; 0 for the sum of all.
        pub warehouse: u32,
    }

    /// A change of one shelf. Deltas, so that two operators do not overwrite each other.
    pub struct StockAdjustHead / ArchivedStockAdjustHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// The sku.
        pub sku: u64,
        /// Units added to `on_hand`.
        pub on_hand_delta: i64,
        /// Units added to `safety`.
        pub safety_delta: i64,
        /// Units added to `unavailable`.
        pub unavailable_delta: i64,
        /// Never 0.
        pub warehouse: u32,
        /// Why `on_hand` changes: 1 goods came in, 2 a count, loss or find, 3 a buyer's units came back, 5 units are
        /// gone, whoever holds them (then it must fall).
        pub reason: u8,
    }

    /// A sku as the operator wants it.
    pub struct SkuPutHead / ArchivedSkuPutHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Never 0.
        pub sku: u64,
        /// Price of one unit outside any sale, minor units, 0 or more.
        pub unit_price: i64,
        /// The version that this one replaces; 0: the sku is new.
        pub replaces: u32,
        /// Whose goods; 0 is the shop.
        pub seller: u32,
        /// How long an unpaid order holds its units, seconds, 1 to 2,592,000 (30 days).
        pub hold_seconds: u32,
        /// What one unit weighs, grams, for freight by weight; 0 where that does not matter.
        pub weight_grams: u32,
        /// ISO 4217 numeric; never 0.
        pub currency: u16,
        /// 0: every CREATE that names it answers SKU_CLOSED.
        pub open: bool,
    }

    /// The version that stands now.
    pub struct SkuPutAnswerHead / ArchivedSkuPutAnswerHead {
        /// The sku.
        pub sku: u64,
        /// Its version.
        pub version: u32,
    }

    /// What is known of a sku.
    pub struct Sku / ArchivedSku {
        /// Its id.
        pub sku: u64,
        /// Price of one unit outside any sale, minor units.
        pub unit_price: i64,
        /// Counts from 1; one more with each SKU_PUT.
        pub version: u32,
        /// Whose goods; 0 is the shop.
        pub seller: u32,
        /// How long an unpaid order holds its units, seconds.
        pub hold_seconds: u32,
        /// What one unit weighs, grams; 0 where that does not matter.
        pub weight_grams: u32,
        /// ISO 4217 numeric.
        pub currency: u16,
        /// 0: every CREATE that names it answers SKU_CLOSED.
        pub open: bool,
    }

    /// Which sku.
    pub struct SkuGetHead / ArchivedSkuGetHead {
        /// The sku.
        pub sku: u64,
    }

    /// A sku and what speaks for it now.
    pub struct SkuGetAnswerHead / ArchivedSkuGetAnswerHead {
        /// The sku.
        pub sku: Sku,
        /// The sum of its shelves.
        pub stock: Shelf,
        /// The sale that speaks for it now; 0: none.
        pub sale: u32,
    }

    /// Which skus, by id.
    pub struct SkuListHead / ArchivedSkuListHead {
        /// Skus up to this one are left out; 0 starts at the beginning.
        pub after: u64,
        /// Items wanted, 1 to 100.
        pub limit: u16,
    }

    /// A sale as the operator wants it. The items are the whole of it: skus that are not named leave the sale.
    pub struct SalePutHead / ArchivedSalePutHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// From when its skus answer SALE_NOT_OPEN, µs UTC; not after `opens`.
        pub closed_from: i64,
        /// The first instant at which it sells, µs UTC; before `closes`.
        pub opens: i64,
        /// The first instant at which it does not sell any more, µs UTC.
        pub closes: i64,
        /// Units that it sells over all its skus; 0: no cap.
        pub cap_units: u64,
        /// Never 0.
        pub sale: u32,
        /// The version that this one replaces; 0: the sale is new.
        pub replaces: u32,
        /// Units that one user may take over all its skus; 0: no limit.
        pub user_limit_units: u32,
        /// Units that one order may take over all its skus; 0: no limit.
        pub order_limit_units: u32,
        /// How long an unpaid order holds its units, seconds, 1 to 2,592,000 (30 days).
        pub hold_seconds: u32,
    }

    /// The version that stands now.
    pub struct SalePutAnswerHead / ArchivedSalePutAnswerHead {
        /// The sale.
        pub sale: u32,
        /// Its version.
        pub version: u32,
    }

    /// A sku in a sale.
    pub struct SaleSku / ArchivedSaleSku {
        /// The sku; each once.
        pub sku: u64,
        /// Price of one unit in this sale, minor units, 0 or more.
        pub unit_price: i64,
    }

    /// Which sale.
    pub struct SaleGetHead / ArchivedSaleGetHead {
        /// The sale.
        pub sale: u32,
    }

    /// A sale and what it took.
    pub struct Sale / ArchivedSale {
        /// From when its skus answer SALE_NOT_OPEN, µs UTC.
        pub closed_from: i64,
        /// The first instant at which it sells, µs UTC.
        pub opens: i64,
        /// The first instant at which it does not sell any more, µs UTC.
        pub closes: i64,
        /// Units that it sells over all its skus; 0: no cap.
        pub cap_units: u64,
        /// Units that its orders hold or bought, over all its skus: what the cap counts.
        pub taken_units: u64,
        /// Its id.
        pub sale: u32,
        /// Counts from 1; one more with each SALE_PUT.
        pub version: u32,
        /// Units that one user may take over all its skus; 0: no limit.
        pub user_limit_units: u32,
        /// Units that one order may take over all its skus; 0: no limit.
        pub order_limit_units: u32,
        /// How long an unpaid order holds its units, seconds.
        pub hold_seconds: u32,
    }

    /// Which sales, by id.
    pub struct SaleListHead / ArchivedSaleListHead {
        /// Sales up to this one are left out; 0 starts at the beginning.
        pub after: u32,
        /// Items wanted, 1 to 100.
        pub limit: u16,
    }
}
