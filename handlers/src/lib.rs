//! From bytes to intents and back: sessions, limits, deadlines.
//!
//! A [`Gateway`] is given what arrives on the connections of one thread, and writes what leaves to an [`Outlet`].
//! Between the two stands the store: each frame that asks for something becomes an intent (`create`, `reads`,
//! `catalogue`, `batch`), each answer a frame (`answer`). What never reaches the store is answered here
//! (`session`, `audit`).
//!
//! This crate does not know sockets, threads or files, and decides nothing about orders: it parses fields into
//! their ranges, and what is out of range never becomes an intent.
#![forbid(unsafe_code)]

mod gateway;
mod outlet;

mod bounds;
mod common;

mod aftersale;
mod answer;
mod audit;
mod batch;
mod catalogue;
mod coupon;
mod create;
mod freight;
mod guards;
mod letters;
mod payment;
mod reads;
mod session;
mod shipment;
mod signed;
mod stock;

mod events;
mod unmanned;

mod door;
mod in_flight;
mod newcomers;
mod pen;
mod rate;
mod refused;

pub use audit::{AuditDesk, AuditFailed, AuditReport, Invariant};
pub use bounds::{Bounds, Rates};
pub use common::{About, Common, Counter, Counters, Host};
pub use events::{Broadcaster, EventDesk, EventLog, LIVE_MAX, LogFailed, Pace, Subscription};
pub use gateway::{Desks, Gateway, SERVED, Taken};
pub use outlet::{Client, Outlet};
pub use signed::{GATEWAYS_MAX, KEY_BYTES_MIN, Keys};
pub use unmanned::OF_A_JOURNAL;
