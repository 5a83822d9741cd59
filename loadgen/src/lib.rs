//! The load generator: scenarios over real sockets, honest latencies, a report, and a record that can be verified.
//!
//! [`run`] plays a [`LoadPlan`] against a server and gives a [`report::Report`]; [`table`] and [`page`] show it;
//! [`verify()`] holds a record against the store afterwards, [`ask_again()`] asks for some of it once more. It
//! speaks the wire and nothing else: it knows no store, no ledger and no disk, so what it says of a server it has
//! seen from outside.
#![forbid(unsafe_code)]

mod again;
mod run;
mod verify;

pub mod plan;
pub mod purchases;
pub mod report;

mod errands;
mod gateway;
mod life;
mod market;
mod orders;
mod random;
mod schedule;

mod asking;
mod connector;
mod drive;
mod lanes;
mod subscribers;
mod talk;
mod tally;
mod watch;

pub mod record;

pub mod charts;
pub mod latency;
pub mod page;
mod plot;
pub mod table;

mod instant;
#[cfg(test)]
mod testing;
pub mod text;

pub use again::{ACCEPTED_MAX, AskedAgain, ask_again};
pub use gateway::{GATEWAY, GATEWAY_KEY};
pub use life::Act;
pub use plan::{Lifecycle, LoadPlan, Mixed, Pace, Replay, Scenario};
pub use report::Report;
pub use run::{LoadError, run};
pub use verify::{DIFFERENCES_TOLD, Verification, VerifyError, verify};
pub use watch::{Bar, Progress, Silent, Watcher, bar};
