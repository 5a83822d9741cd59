//! The wire: frame header, bodies, kinds and statuses, and nothing else.
//!
//! A frame is a [`Header`] of 48 bytes and a body: one fixed head struct, then items of one kind, then (where an
//! order is made or read) the client's own bytes. [`split`] finds a frame in what arrived, [`parse`] reads its
//! body, [`encode`] writes one. Nothing here allocates on that way, and hostile bytes end in a [`Status`].
//!
//! This crate does not know sockets, sessions, orders' rules or the ledger: whether a field makes sense in the
//! shop is not judged here, only whether the bytes are what the kind says. `docs/WIRE.md` is for people, and its
//! tables are printed from this code.
#![forbid(unsafe_code)]

pub mod bounds;
mod code;
pub mod describe;

mod event;
mod frame;
mod header;
mod kind;
mod message;
mod plain;
mod signature;
mod status;
pub mod structs;

pub mod messages;

pub use code::{KindCode, StatusCode};
pub use event::EventType;
pub use frame::{Split, split};
pub use header::{Flags, HEADER_BYTES, HEADER_FIELDS, Header, MAGIC, VERSION};
pub use kind::Kind;
pub use message::{
    About, Items, Message, Meta, Parsed, REFUSAL_FRAME_BYTES, Tail, Unencodable, append, append_before,
    append_items, append_refusal, encode, encode_refusal, frame_bytes, parse, parse_refusal,
};
pub use plain::{Field, Layout, Nothing, Plain, Shape, text, text_of};
pub use signature::{GatewayKey, SIGNATURE_BYTES, Signed};
pub use status::{Class, Status};
