//! The engine of a node: what stands behind the [`storage::Store`] trait in a cluster.
//!
//! A worker thread has a runtime of its own and serves the lanes of some reactors. Each intent is a task that goes the
//! protocol's way from its first step to its answer (`create` for new orders, `change` for what becomes of them, `read`
//! for the rest); what many of them ask of one shelf or one shard at the same time goes there together (`gather`). The
//! rules of the shop are the ledger's, decided on desks (`plan`).

mod change;
mod commit;
mod counters;
mod create;
mod gather;
mod home;
mod node;
mod orders;
mod plan;
mod read;
mod rows;
mod shelves;
mod upkeep;
mod way;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

use domain::request::Rules;
use storage::LaneBounds;

use crate::links::Servers;
use crate::repair;

pub use counters::Counters;
pub use worker::{Ended, Leaver, Worker, start};

/// What an engine is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the servers are.
    pub servers: Servers,
    /// The shop's rules.
    pub rules: Rules,
    /// What goes round between a reactor and its worker.
    pub lanes: LaneBounds,
    /// What is not decided may be asked again after so many milliseconds.
    pub retry_after_ms: u32,
    /// A shelf that said how many units it had left is believed for so long.
    pub left_for: Duration,
    /// What mends, and how often.
    pub repairs: repair::Settings,
    /// Where events are written, a line of JSON each; nowhere: they are kept as published at once.
    pub events: Option<PathBuf>,
}

impl Settings {
    /// For servers, all else as usual.
    pub const fn new(servers: Servers) -> Settings {
        Settings {
            servers,
            rules: Rules::DEFAULT,
            lanes: LaneBounds { batches: 64, batches_reserved: 8, batch_intents: 256, answer_vectors: 64 },
            retry_after_ms: 20,
            left_for: Duration::from_millis(10),
            repairs: repair::Settings::DEFAULT,
            events: None,
        }
    }
}
