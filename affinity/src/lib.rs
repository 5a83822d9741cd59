//! Which thread sits on which core, and why.
//!
//! [`Machine`] is what there is: cores, hardware threads, memory nodes, limits, and where the disk's interrupt
//! arrives. [`plan`] is a pure function from that and an operator's [`Wishes`] to a [`Plan`], which explains itself
//! when printed. Threads then seat themselves with [`Seat::take`].
#![forbid(unsafe_code)]

mod machine;
mod plan;
mod seat;

pub use machine::{Cpu, Machine, ReadError};
pub use plan::{Layout, Plan, PlanError, Wishes, plan};
pub use seat::{Seat, cpus_left_to_others, pin_current_thread};
