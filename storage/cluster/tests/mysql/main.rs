//! The MySQL half against real mariadbd: what the protocol promises, with faults at the instants that matter.
#![allow(clippy::unwrap_used)] // The lint spares only functions marked as tests, not their helpers.
#![allow(clippy::wildcard_enum_match_arm)] // An outcome that a test does not name fails it.

mod changes;
mod commits;
mod doubt;
mod faults;
mod fences;
mod home;
mod shard;
mod slices;
