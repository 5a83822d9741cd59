//! Redis as the protocol uses it: one script a step, each of which runs alone on one shelf, and a client that sends
//! them, many at once, and never one of them twice.
//!
//! Redis may only under-promise: what it says counts for nothing until MySQL has judged it. Nothing here knows MySQL.

mod answer;
mod asked;
mod check;
mod client;
mod failed;
mod script;
mod settings;

pub use answer::{
    CatalogueSet, Finished, GivenBack, HeldPage, HeldRecord, Judged, Look, NotNow, Opened, Reserved, Returned,
};
pub use asked::{Ask, Batch, Judgement, Opening, Own, Terms, Verdict, Window};
pub use check::{Alive, Unfit};
pub use client::Client;
pub use failed::{Failed, Why};
pub use settings::{Settings, Timeouts};

/// How many asks or records one call may have. A script keeps everybody else of its server waiting: these take it some
/// tenths of a millisecond.
pub const CALL_MAX: usize = 64;

/// How many held records one page of [`Client::held_older_than`] looks at.
pub const PAGE_MAX: usize = 128;
