//! What operators ask about the orders of everybody.

use crate::ids::{OrderId, SaleId, SkuId, UserId};
use crate::units::MicrosUtc;

/// Which orders in memory to read, newest first. What is 0 filters nothing.
///
/// A page looks at no more than [`LIST_LOOKS_MAX`](super::LIST_LOOKS_MAX) orders or, where a sku or sale is named,
/// lines. As the order in which orders were made never changes, no page shows one twice or leaves one out, whatever
/// happens meanwhile; each is shown as it stands when its page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Only orders made before this one: ORDER_NOT_FOUND where there is none, or it is not `user`'s.
    pub before: OrderId,
    /// Only this user's.
    pub user: UserId,
    /// Only orders in the state of this number.
    pub state: u8,
    /// Only orders with a line of this sku.
    pub sku: SkuId,
    /// Only orders with a line that sold in this sale. With a sku, one line must be both.
    pub sale: SaleId,
    /// Only orders made at this time or later.
    pub from: MicrosUtc,
    /// Only orders made before this time.
    pub to: MicrosUtc,
    /// 1 to [`PAGE_MAX`](super::PAGE_MAX).
    pub limit: u16,
}
