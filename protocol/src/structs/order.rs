//! PREPARE, CREATE, GET, LIST, HISTORY, CANCEL and BATCH.

use crate::plain::plain;
use crate::structs::{CouponDiscounts, Coupons};

plain! {
    /// A line as the buyer asks for it. Price, sale and seller are the server's to say.
    pub struct AskedLine / ArchivedAskedLine {
        /// Never 0; each sku once an order.
        pub sku: u64,
        /// 0: the server chooses, for few parcels; a line is never split.
        pub warehouse: u32,
        /// Units, 1 to 1,000,000.
        pub quantity: u32,
    }

    /// A line as it was decided.
    pub struct Line / ArchivedLine {
        /// What.
        pub sku: u64,
        /// Price of one unit, minor units.
        pub unit_price: i64,
        /// What the whole line is cheaper by, minor units.
        pub discount: i64,
        /// What the whole line costs to send, minor units.
        pub freight: i64,
        /// Whose goods; 0 is the shop.
        pub seller: u32,
        /// From where; never 0.
        pub warehouse: u32,
        /// The sale that it sells in; 0: none.
        pub sale: u32,
        /// Units.
        pub quantity: u32,
        /// The parcel that it goes in: the warehouses of an order, from 0 in the order of its lines.
        pub parcel: u32,
    }

    /// A basket to be checked and priced.
    pub struct PrepareHead / ArchivedPrepareHead {
        /// Must be 0 without `hold`: only what changes something has a request id. With it, as for CREATE.
        pub request: u128,
        /// Who asks; never 0.
        pub user: u64,
        /// Priced in; not locked, even with `hold`: CREATE does.
        pub coupons: Coupons,
        /// ISO 4217 numeric.
        pub currency: u16,
        /// Hold the units, too, for CREATE to take over.
        pub hold: bool,
    }

    /// A basket with its prices, now.
    pub struct PrepareAnswerHead / ArchivedPrepareAnswerHead {
        /// What CREATE would have to show: goods − discount + freight, minor units.
        pub total: i64,
        /// Sum of the lines' discounts, minor units.
        pub discount: i64,
        /// Sum of the lines' freight, minor units.
        pub freight: i64,
        /// The hold made, for CREATE to take over; 0: none.
        pub hold: u64,
        /// Until when the hold made lasts, µs UTC; 0: none.
        pub hold_until: i64,
        /// How long CREATE would hold the units, seconds.
        pub hold_seconds: u32,
    }

    /// An order to be made. The client's own bytes follow the lines.
    pub struct CreateHead / ArchivedCreateHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Who buys; never 0.
        pub user: u64,
        /// The hold that becomes this order; 0: none.
        pub hold: u64,
        /// Used by this order.
        pub coupons: Coupons,
        /// The total that the buyer was shown, minor units, 0 or more.
        pub total: i64,
        /// ISO 4217 numeric.
        pub currency: u16,
        /// How many of the client's own bytes follow the lines, 0 to 1,024.
        pub client_bytes: u16,
    }

    /// An order in a few words.
    pub struct OrderBrief / ArchivedOrderBrief {
        /// Its id.
        pub order: u64,
        /// Whose it is.
        pub user: u64,
        /// What is to be paid, minor units.
        pub total: i64,
        /// When it was made, µs UTC.
        pub created_at: i64,
        /// Until when its units are held for payment, µs UTC.
        pub pay_until: i64,
        /// Counts from 1; one more with each transition.
        pub version: u32,
        /// ISO 4217 numeric.
        pub currency: u16,
        /// 1 RESERVING 2 PENDING_PAYMENT 3 PAYING 4 PAID 5 STOCK_EXCEPTION 6 CONFIRMED 7 PART_SHIPPED 8 SHIPPED
        /// 9 DELIVERED 10 COMPLETED 11 FAILED 12 CANCELLED 13 REFUNDING 14 REFUNDED.
        pub state: u8,
    }

    /// Which order: by its id, or by who asked for it and how.
    pub struct GetHead / ArchivedGetHead {
        /// The request id of the CREATE; 0 where `order` names the order.
        pub request: u128,
        /// Whose order it must be; with `order`, 0 (an operator) reads any.
        pub user: u64,
        /// The order; 0 where `request` names it. Exactly one of the two is 0.
        pub order: u64,
    }

    /// An order with all that is known of it but its history. The client's own bytes follow the lines.
    pub struct OrderHead / ArchivedOrderHead {
        /// The order in a few words.
        pub brief: OrderBrief,
        /// The request that made it.
        pub request: u128,
        /// The hold that it took over; 0: none.
        pub hold: u64,
        /// Its coupons, in the order in which they were applied.
        pub coupons: Coupons,
        /// What each of them took off.
        pub coupon_discounts: CouponDiscounts,
        /// Sum of the lines' discounts, minor units.
        pub discount: i64,
        /// Sum of the lines' freight, minor units.
        pub freight: i64,
        /// How many of the client's own bytes follow the lines, 0 to 1,024.
        pub client_bytes: u16,
    }

    /// Which orders of a user, newest first.
    pub struct ListHead / ArchivedListHead {
        /// Whose; never 0.
        pub user: u64,
        /// Only orders made before this one, which need not be there any more; 0 starts at the newest.
        pub before: u64,
        /// Items wanted, 1 to 100.
        pub limit: u16,
        /// Only orders in this state; 0: all.
        pub state: u8,
    }

    /// A page of a user's orders. It may have fewer than were asked for, or none, and still not be the last.
    pub struct ListAnswerHead / ArchivedListAnswerHead {
        /// The `before` that brings the next page; 0: this is the last one.
        pub next: u64,
    }

    /// A page of a longer list.
    pub struct PageHead / ArchivedPageHead {
        /// There is more behind the last item: ask again from there.
        pub more: bool,
    }

    /// Which order's history.
    pub struct HistoryHead / ArchivedHistoryHead {
        /// Whose order it must be; 0 (an operator) reads any.
        pub user: u64,
        /// The order.
        pub order: u64,
    }

    /// Whose history the rows are.
    pub struct HistoryAnswerHead / ArchivedHistoryAnswerHead {
        /// The order.
        pub order: u64,
    }

    /// One transition of an order.
    pub struct HistoryRow / ArchivedHistoryRow {
        /// When, µs UTC.
        pub at: i64,
        /// Which user or operator's key did it; 0 for the timer.
        pub actor_id: u64,
        /// The order's version from then on.
        pub version: u32,
        /// The shop's own number for why; 0: none was given.
        pub why: u16,
        /// The state before; 0 in the row that made the order.
        pub from: u8,
        /// The state that it led to.
        pub to: u8,
        /// Who did it: 1 the user, 2 an operator, 3 the timer.
        pub actor: u8,
    }

    /// An order to be ended.
    pub struct CancelHead / ArchivedCancelHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Whose order it must be; 0: an operator ends it.
        pub user: u64,
        /// The order.
        pub order: u64,
        /// The version that the order must have; 0: any.
        pub version: u32,
        /// The shop's own number for why; kept in the history.
        pub why: u16,
    }

    /// A one-line order of a BATCH.
    pub struct BatchItem / ArchivedBatchItem {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Who buys; never 0.
        pub user: u64,
        /// What; never 0.
        pub sku: u64,
        /// The total that the buyer was shown, minor units, 0 or more.
        pub total: i64,
        /// 0: the server chooses.
        pub warehouse: u32,
        /// Units, 1 to 1,000,000.
        pub quantity: u32,
        /// ISO 4217 numeric.
        pub currency: u16,
        /// This request id was sent before. Must be set on every ask after the first.
        pub asked_before: bool,
    }

    /// What became of the item in the same place of the BATCH.
    pub struct BatchAnswerItem / ArchivedBatchAnswerItem {
        /// The order; 0 where there is none.
        pub order: u64,
        /// As in a refusal.
        pub asked: i64,
        /// As in a refusal.
        pub there: i64,
        /// Milliseconds before which asking again is of no use; 0: at once.
        pub retry_after_ms: u32,
        /// 0, or why not.
        pub status: u16,
    }
}
