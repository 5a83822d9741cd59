//! The embedded store: one engine over one ledger, and a journal of facts that is the truth.
//!
//! From the door inward: `fused` and `split` are the two ways to stand behind [`crate::Store`], `engine` decides and
//! knows what may be answered, `journal` makes groups durable, `disk` is the seam to files. `open` and `chain` read
//! what is there; `record` is the shape of facts on disk.

mod chain;
mod clock;
mod counters;
pub mod disk;
mod fatal;
mod file_disk;
pub mod journal;
mod probe;
pub mod reader;
pub mod record;

pub use chain::{Damage, Evidence, Place, TornTail};
pub use clock::{ClockBehind, ClockReading, LedgerClock};
pub use counters::Counters;
pub use fatal::Fatal;
pub use file_disk::{BlockingFiles, FileDisk};
pub use probe::{Probe, probe};
