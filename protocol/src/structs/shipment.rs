//! SHIP, TRACK, SIGN and CONFIRM_RECEIPT.

use super::order::OrderBrief;
use crate::plain::plain;

plain! {
    /// Records that units of an order were handed to a carrier. Without items, all that is left of it.
    pub struct ShipHead / ArchivedShipHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// The order.
        pub order: u64,
        /// The version that the order must have; 0: any.
        pub version: u32,
        /// Who carries it: printable ASCII, zero padded; may be empty.
        pub carrier: [u8; 16],
        /// The carrier's number of it: printable ASCII, zero padded; may be empty.
        pub tracking: [u8; 40],
    }

    /// Units of one line that go with one shipment.
    pub struct SentLine / ArchivedSentLine {
        /// Names the line: an order has each sku once.
        pub sku: u64,
        /// Units, 1 to what is left of the line.
        pub quantity: u32,
    }

    /// Which order's shipments to read; or where one of them is, in its carrier's words.
    pub struct TrackHead / ArchivedTrackHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask. 0 where `number` is 0.
        pub request: u128,
        /// Whose order it must be; 0 (an operator) reads any.
        pub user: u64,
        /// The order.
        pub order: u64,
        /// The shipment that the note is about, counted from 1, with `user` 0; 0: there is none, and all are read.
        pub number: u16,
        /// Where that shipment is: printable ASCII, zero padded. It takes the place of the note before it.
        pub note: [u8; 40],
    }

    /// The order in a few words; where it was read, an item each line of each shipment follows, oldest shipment
    /// first.
    pub struct TrackAnswerHead / ArchivedTrackAnswerHead {
        /// The order in a few words.
        pub brief: OrderBrief,
    }

    /// A line of a shipment, with all that is known of the shipment.
    pub struct TrackedLine / ArchivedTrackedLine {
        /// When it was handed to its carrier, µs UTC.
        pub at: i64,
        /// When its carrier last said where it is, µs UTC; `at` where none did.
        pub noted_at: i64,
        /// What.
        pub sku: u64,
        /// Units that went with this shipment.
        pub quantity: u32,
        /// Counts the order's shipments from 1.
        pub number: u16,
        /// Who carries it: printable ASCII, zero padded.
        pub carrier: [u8; 16],
        /// The carrier's number of it: printable ASCII, zero padded.
        pub tracking: [u8; 40],
        /// Where it is: printable ASCII, zero padded; empty where nothing is known.
        pub note: [u8; 40],
    }

    /// Records that the buyer signed for an order of which everything was sent.
    pub struct SignHead / ArchivedSignHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// The order.
        pub order: u64,
        /// The version that the order must have; 0: any.
        pub version: u32,
    }

    /// The buyer has it all, and the order is complete.
    pub struct ConfirmReceiptHead / ArchivedConfirmReceiptHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Whose order it must be; 0: an operator says it for the buyer.
        pub user: u64,
        /// The order.
        pub order: u64,
        /// The version that the order must have; 0: any.
        pub version: u32,
    }
}
