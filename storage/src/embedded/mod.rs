//! The embedded store: one engine over one ledger, and a journal of facts that is the truth.
//!
//! From the door inward: `fused` and `split` are the two ways to stand behind [`crate::Store`], `engine` decides and
//! knows what may be answered, `journal` makes groups durable, `disk` is the seam to files. `open` and `chain` read
//! what is there; `record` is the shape of facts on disk. `docs/DISK.md` has the layouts and the rules of opening.

mod config;
mod open;

mod fused;
mod split;

mod background;
mod budget;
mod clock;
mod counters;
mod engine;
mod fatal;
mod port;

pub mod journal;
pub mod record;
mod rest;

pub mod backup;
pub mod balance;
mod chain;
mod checkpoint;
mod damage;
pub mod follow;
mod joined;
pub mod reader;
mod retention;

pub mod author;

pub mod cold;

pub mod disk;
mod file_disk;
mod probe;

pub use background::Background;
pub use budget::{DiskBudget, DiskLevel, DiskUse, DiskWatch};
pub use chain::{TornTail, identity_of};
pub use clock::{ClockBehind, ClockReading, LedgerClock};
pub use config::{BadConfig, Config, Durability};
pub use counters::Counters;
pub use damage::{Damage, Evidence, Place};
pub use engine::{Engine, Progress};
pub use fatal::Fatal;
pub use file_disk::{BlockingFiles, FileDisk};
pub use fused::FusedStore;
pub use joined::Joined;
pub use open::{OpenError, OpenReport, Opened, Replayed, open};
pub use probe::{Probe, probe};
pub use retention::{Expiry, Retention};
pub use split::EngineSide;
