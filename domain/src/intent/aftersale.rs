//! What is asked about after-sales cases.

use crate::aftersale::{CaseKind, Condition};
use crate::ids::{OrderId, RequestId, SkuId, UserId, WarehouseId};
use crate::units::MinorUnits;

/// Opens a case about one line of an order.
///
/// Checked in this order: request id → order there and this user's → its state → the line is the order's
/// (SKU_NOT_FOUND) → units (INSUFFICIENT_STOCK: fewer were sent and have not come back) → amount
/// (REFUND_EXCEEDS_PAID: the line has less) → cases of the order and bounds of the ledger (OVERLOADED).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseOpen {
    /// Whose order it must be; 0: an operator opens it for the buyer.
    pub user: UserId,
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The order.
    pub order: OrderId,
    /// What the buyer wants.
    pub kind: CaseKind,
    /// Names the line: an order has each sku once.
    pub sku: SkuId,
    /// Units that come back: 0 for money alone, else at least 1.
    pub units: u32,
    /// How much is to go back; 0: all that the line still has, and for goods their part of what was paid for them.
    /// Of an exchange always 0 (INVALID_FIELD).
    pub amount: MinorUnits,
    /// The shop's own number for why.
    pub why: u16,
}

/// An operator decides a case. Refusing ends one whose money is not on its way. Accepting asks for the money, or
/// for the goods first; a case whose refund failed is accepted again.
///
/// Checked in this order: request id → order there → case there (INVALID_FIELD, with how many there are) → its
/// state; and to accept: the order's state → amount (REFUND_EXCEEDS_PAID) → no other refund on its way (WRONG_STATE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseDecide {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The order.
    pub order: OrderId,
    /// Which of its cases, counted from 1.
    pub number: u16,
    /// Yes, or no.
    pub accept: bool,
    /// How much goes back; 0: what was asked for, and always of an exchange.
    pub amount: MinorUnits,
    /// The shop's own number for why.
    pub why: u16,
}

/// The goods of a case came back: they go on a shelf, and its money goes back. Of an exchange, as many units of the
/// sku leave the shelf that the line was sent from; where they are not there, nothing changes, and it can be asked again.
///
/// Checked in this order: fields → request id → order there → case there → its state → the order's state → room
/// for the shelf → units for an exchange (SOLD_OUT, INSUFFICIENT_STOCK) → money (REFUND_EXCEEDS_PAID), and no other refund on its way (WRONG_STATE: ask again then).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseReceive {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The order.
    pub order: OrderId,
    /// Which of its cases, counted from 1.
    pub number: u16,
    /// Where they came to; 0: where they were sent from.
    pub warehouse: WarehouseId,
    /// In which condition.
    pub condition: Condition,
}
