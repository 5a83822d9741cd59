//! The MySQL half against real mariadbd: what the protocol promises, with faults at the instants that matter.

mod changes;
mod commits;
mod doubt;
mod faults;
mod fences;
mod shard;
mod slices;
