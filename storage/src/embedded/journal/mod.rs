//! The journal: facts in, durable groups out. It never reads back; `chain.rs` and `reader.rs` do.

pub(crate) mod buffer;
pub(crate) mod layout;
pub mod maker;
pub(crate) mod segment;
mod sinks;
mod writer;

pub use layout::{FORMAT_VERSION, GroupHeader, GroupRef, Identity, SegmentHeader};
pub(crate) use writer::{Journal, Limits, Room, Start};
