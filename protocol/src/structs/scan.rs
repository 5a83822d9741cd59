//! ORDERS_SCAN.

use crate::plain::plain;

plain! {
    /// Which orders of everybody, newest first. What is 0 filters nothing.
    pub struct OrdersScanHead / ArchivedOrdersScanHead {
        /// Only orders made before this one, which need not be there any more; 0 starts at the newest.
        pub before: u64,
        /// Only this user's.
        pub user: u64,
        /// Only orders with a line of this sku.
        pub sku: u64,
        /// Only orders made at this time or later, µs UTC.
        pub from: i64,
        /// Only orders made before this time, µs UTC.
        pub to: i64,
        /// Only orders with a line that sold in this sale; with a sku, one line must be both.
        pub sale: u32,
        /// Items wanted, 1 to 100.
        pub limit: u16,
        /// Only orders in this state.
        pub state: u8,
    }
}
