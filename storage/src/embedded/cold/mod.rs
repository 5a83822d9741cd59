//! The cold store: where orders lie that nothing waits for any more, so that memory does not grow with their number.
//!
//! It only ever holds what the journal says too, as of a position that is durable there, and an opening replays the
//! journal from the checkpoint: so what was not synced may be lost, in whole batches, without harm. What it does not
//! do: understand an order. A record is opaque bytes that the domain packed.
//!
//! `store` says what a cold store is, `disk` is the one on disk (`trees` and `reading` what it is made of, `upkeep` its
//! two threads, `layout`, `mark` and `judge` its bytes, `view` a look from outside), `memory` the one of the simulator.
//! `desk` puts either behind questions and answers that never block, `pages` is what LIST and ORDERS_SCAN read.

mod desk;
mod pages;
mod store;

mod disk;
mod reading;
mod trees;
mod upkeep;
mod view;

mod judge;
mod layout;
mod mark;

mod memory;

pub use desk::{Answer, Ask, ColdDesk, Full, IN_FLIGHT_MAX, InlineDesk, ThreadDesk};
pub use disk::{ColdSettings, DiskCold, FOLDER};
pub use memory::{Faults, MemoryCold, MemoryFolder};
pub use store::{
    BATCH_BYTES_MAX, BATCH_ORDERS_MAX, ColdError, ColdStore, DueKey, FORGET_PIECE, LATEST, OrdersAtRest,
    RECORD_BYTES_MAX, Resting, RestingBatch, Standing, Statistics, UserAsk, Version, made_at, order_made_at,
};

pub use view::ColdView;

#[cfg(test)]
mod tests;
