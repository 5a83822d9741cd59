//! What mends, against real servers that are flushed, restarted, paused and cut off: afterwards Redis has, of each shelf, the
//! total less what is sold and held.
#![allow(clippy::unwrap_used)] // The lint spares only functions marked as tests, not their helpers.
#![allow(clippy::wildcard_enum_match_arm)] // An outcome that a test does not name fails it.

mod events;
mod loops;
mod node;
mod opening;
mod reconciling;
mod returning;
mod world;
