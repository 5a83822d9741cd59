//! Where orders live: one door ([`Store`]), and behind it the embedded durable store.
//!
//! This crate does not know connections, frames or threads' places; it is handed intents and hands out answers.
#![forbid(unsafe_code)]

mod batch;
pub mod embedded;
mod lane;
pub mod planted;
mod store;

pub use batch::{IntentBatch, NoRoom, Submitted, Ticket};
pub use lane::{Count, Handle, Lane, LaneBounds, Ring, lane};
pub use store::{Answer, NotDecided, Outcome, Share, Stats, Store};
