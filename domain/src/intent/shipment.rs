//! What is asked about sending an order: SHIP, TRACK, SIGN and CONFIRM_RECEIPT.

use crate::ids::{OrderId, RequestId, SkuId, UserId};
use crate::shipment::{Waybill, Whereabouts};
use crate::units::Quantity;

/// Records that units of an order were handed to a carrier: all that is left of it, or a part.
///
/// Checked in this order: fields (each sku once: INVALID_FIELD) → request id → order there → version → state →
/// each line is one of the order's (SKU_NOT_FOUND) and has so many units left to send (INSUFFICIENT_STOCK) →
/// shipments of the order and bounds of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ship<'a> {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The order.
    pub order: OrderId,
    /// The version that the order must have; 0: any.
    pub version: u32,
    /// Who carries it, under which number.
    pub waybill: Waybill,
    /// At most [`LINES_MAX`](crate::intent::LINES_MAX), each sku once; none: all that is left.
    pub lines: &'a [SentLine],
}

/// Units of one line of an order that go with one shipment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentLine {
    /// Names the line: an order has each sku once.
    pub sku: SkuId,
    /// How many.
    pub quantity: Quantity,
}

/// Records where a shipment is, in its carrier's words. The latest note stands beside the shipment; each is a fact.
///
/// Checked in this order: request id → order there → shipment there (INVALID_FIELD, with how many there are).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackNote {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The order.
    pub order: OrderId,
    /// Which of its shipments, counted from 1.
    pub number: u16,
    /// The carrier's words.
    pub note: Whereabouts,
}

/// Records that the buyer signed for an order of which everything was sent.
///
/// Checked in this order: request id → order there → version → state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The order.
    pub order: OrderId,
    /// The version that the order must have; 0: any.
    pub version: u32,
}

/// The buyer has it all, and the order is complete.
///
/// Checked in this order: request id → order there and this user's → version → state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfirmReceipt {
    /// Whose order it must be; 0: an operator says it for the buyer.
    pub user: UserId,
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The order.
    pub order: OrderId,
    /// The version that the order must have; 0: any.
    pub version: u32,
}
