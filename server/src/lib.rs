//! The `tidegate` binary as a library: commands, configuration, and the wiring that joins the other crates.
//!
//! Nothing is decided here: the shop is in `domain`, the wire in `protocol`, the disk in `storage`.
#![forbid(unsafe_code)]

mod address;
mod begun;
pub mod cli;
pub mod commands;
pub mod config;
pub mod folders;
pub mod serve;

use std::process::ExitCode;

/// Runs the command that the process was asked for. Exit codes: 0 done, 1 failed, 2 bad usage.
pub fn main() -> ExitCode {
    cli::run()
}
