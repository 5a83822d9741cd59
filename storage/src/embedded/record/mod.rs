//! Entries: how facts lie in a group on disk. Explicit little-endian, field by field, both ways.
//!
//! An entry holds the facts of one stamp: a header, then each fact with its kind and schema version. Encoding
//! knows nothing of groups and files; decoding takes hostile bytes and answers with a typed error, never with a
//! panic nor an allocation of an unchecked size. `docs/DISK.md` gives every layout as a table.

mod aftersale;
mod coupons;
mod decode;
mod encode;
mod entries;
mod freight;
mod operators;
mod payments;
mod shipments;

use domain::shipment::{CARRIER_BYTES, NOTE_BYTES, TRACKING_BYTES};

pub use decode::{BadEntry, Decoder, EntryHead};
pub(crate) use encode::{ENTRY_BYTES_MAX, EXPIRY_BYTES_MAX, EntryWriter, entry_bytes_max};
pub use entries::{Entries, Entry};

/// Schema version of every fact kind so far, but for a sku with a weight. A kind that changes gets its own next number, and both decode.
pub const FACT_VERSION: u8 = 1;

/// Schema version of SkuChanged with a weight.
const SKU_WITH_WEIGHT: u8 = 2;

/// Bytes of an entry's header that are always there: length, count, flags, time.
const HEAD_BYTES: usize = 4 + 2 + 1 + 8;
/// The most that an entry's header takes: with an operator's or user's id, request of another, trace.
const HEAD_BYTES_MAX: usize = HEAD_BYTES + 8 + (8 + 16 + 8) + 16;
/// Kind and schema version, before every fact.
const KIND_BYTES: usize = 2;
const CREATED_BYTES: usize = 8 + 8 + 8 + 2 + 8 + 8 + 8 + 8 + 2 + 2;
const LINE_BYTES: usize = 8 + 4 + 4 + 4 + 4 + 4 + 8 + 8 + 8;
const UNITS_BYTES: usize = 8 + 4 + 4;
const SKU_BYTES: usize = 8 + 4 + 4 + 2 + 8 + 4 + 1 + 4;
const FREIGHT_BYTES: usize = 4 + 2 + 4 + 1 + 5 * 8;
const SALE_BYTES: usize = 4 + 4 + 8 + 8 + 8 + 4 + 4 + 8 + 4;
const SALE_SKU_BYTES: usize = 8 + 8;
/// Of the largest fact about a payment: PaymentRepeated.
const PAYMENT_BYTES_MAX: usize = 8 + 8 + 2 + 8 + 2 + 8;
/// Of OrderShipped, but for its units.
const SHIPPED_BYTES: usize = 8 + 4 + 2 + 1 + CARRIER_BYTES + TRACKING_BYTES + 2;
/// Of AftersaleChanged.
const CASE_BYTES: usize = 8 + 2 + 1 + 1 + 8 + 4 + 8 + 2 + 2;
/// Of ShipmentTracked.
const TRACKED_BYTES: usize = 8 + 2 + NOTE_BYTES;
const ADJUSTED_BYTES: usize = 8 + 4 + 8 + 8 + 8 + 1 + 8;
const TRANSFERRED_BYTES: usize = 8 + 4 + 4 + 8;
/// Name, position, forgotten.
const CURSOR_BYTES: usize = 32 + 8 + 1;
/// Subscriber, position, length of the reason.
const LETTER_PARKED_BYTES: usize = 32 + 8 + 1;
const LETTER_ENDED_BYTES: usize = 32 + 8 + 1;
const RETURNED_BYTES: usize = 8 + 4 + 8;
const HOLD_MADE_BYTES: usize = 8 + 8 + 8 + 2;
const HOLD_EXTENDED_BYTES: usize = 8 + 8;
const HOLD_ENDED_BYTES: usize = 8 + 1 + 2;

/// Flags of an entry's header.
mod flag {
    /// Two bits: who caused it.
    pub const ACTOR_MASK: u8 = 0b11;
    pub const ACTOR_USER: u8 = 0;
    pub const ACTOR_OPERATOR: u8 = 1;
    pub const ACTOR_TIMER: u8 = 2;
    pub const ACTOR_GATEWAY: u8 = 3;
    /// A request stands in the header.
    pub const REQUEST: u8 = 1 << 2;
    /// The request is remembered under the acting user, so `who` is not repeated.
    pub const WHO_IS_ACTOR: u8 = 1 << 3;
    /// A trace stands in the header.
    pub const TRACE: u8 = 1 << 4;
}

/// Kind numbers of facts; never used for something else.
mod kind {
    pub const ORDER_CREATED: u8 = 1;
    pub const STOCK_RESERVED: u8 = 2;
    pub const STOCK_REDUCED: u8 = 3;
    pub const STOCK_RELEASED: u8 = 4;
    pub const ORDER_CONFIRMED: u8 = 5;
    pub const ORDER_CANCELLED: u8 = 6;
    pub const REFUND_DONE: u8 = 7;
    pub const STOCK_ADJUSTED: u8 = 8;
    pub const SKU_CHANGED: u8 = 9;
    pub const SALE_CHANGED: u8 = 10;
    pub const FREIGHT_CHANGED: u8 = 144;
    pub const STOCK_TRANSFERRED: u8 = 48;
    pub const STOCK_RETURNED: u8 = 49;
    pub const CURSOR_MOVED: u8 = 64;
    pub const PAYMENT_OPENED: u8 = 32;
    pub const PAYMENT_FAILED: u8 = 33;
    pub const PAYMENT_SUCCESS: u8 = 34;
    pub const PAYMENT_MISMATCHED: u8 = 35;
    pub const REFUND_REQUESTED: u8 = 36;
    pub const REFUND_FAILED: u8 = 37;
    pub const REFUND_SETTLED: u8 = 38;
    pub const PAYMENT_REPEATED: u8 = 39;
    pub const PAYMENT_OVERDRAWN: u8 = 40;
    pub const STOCK_EXCEPTION: u8 = 41;
    pub const LETTER_PARKED: u8 = 65;
    pub const LETTER_ENDED: u8 = 66;
    pub const HOLD_MADE: u8 = 50;
    pub const HOLD_EXTENDED: u8 = 51;
    pub const HOLD_ENDED: u8 = 52;
    pub const SWITCH_CHANGED: u8 = 80;
    pub const LIMIT_CHANGED: u8 = 81;
    pub const ORDER_SHIPPED: u8 = 96;
    pub const ORDER_DELIVERED: u8 = 97;
    pub const ORDER_COMPLETED: u8 = 98;
    pub const SHIPMENT_TRACKED: u8 = 99;
    pub const COUPON_DEFINED: u8 = 112;
    pub const COUPON_CLAIMED: u8 = 113;
    pub const COUPON_LOCKED: u8 = 114;
    pub const COUPON_RELEASED: u8 = 115;
    pub const COUPON_USED: u8 = 116;
    pub const AFTERSALE_CHANGED: u8 = 128;
}

#[cfg(test)]
mod tests;
