//! Orders, stock and sales: what the shop decides, and nothing else.
//!
//! Decisions are pure functions over values. The ledger keeps the values and calls them: `apply` turns an
//! [`Intent`] into a [`Verdict`] and the [`Facts`] that it made, and `replay` of the facts rebuilds the same state.
//! There is no clock, no randomness, no I/O and no iteration order of a hash map that shows, so the same ledger,
//! time and intents give the same answers on every machine, for ever.
//!
//! This crate does not know the wire, the disk, threads or connections; it is `no_std` and owns no `unsafe`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod aftersale;
pub mod coupon;
pub mod cursor;
pub mod fact;
pub mod freight;
pub mod hold;
pub mod ids;
mod image;
pub mod intent;
pub mod ledger;
pub mod letter;
pub mod limit;
pub mod order;
pub mod payment;
mod pool;
pub mod refusal;
pub mod request;
pub mod sale;
pub mod shelf;
pub mod shipment;
mod slot_table;
pub mod switch;
mod table;
pub mod units;
pub mod verdict;

pub use cursor::CursorName;
pub use fact::{Actor, Fact, Facts, RequestKey, Stamp};
pub use ids::{
    CouponId, GatewayId, Making, Makings, OrderId, PaymentId, RequestId, SaleId, SellerId, SkuId, TraceId,
    UserId, WarehouseId,
};
pub use image::{ImageSource, Unreadable};
pub use intent::Intent;
pub use ledger::desk;
pub use ledger::{
    Balance, CaseBalance, ImageFault, Ledger, LedgerBounds, Look, Looked, Needs, OrderBalance, PageFilter,
    PagePart, PassedBound, PaymentBalance, RecordFault, Resting, RestingOrder, ShelfBalance, ShipmentBalance,
    ShortBound,
};
pub use refusal::{Reason, Refusal};
pub use request::Rules;
pub use units::{Currency, Micros, MicrosUtc, MinorUnits, Quantity};
pub use verdict::Verdict;
