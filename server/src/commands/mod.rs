//! One command a file: its flags as a `clap::Args` struct, and `run`.
//!
//! A new command is a file here, a `mod` line, a variant of `cli::Command` and its arm in `Command::run`.

pub mod admin;
pub mod audit;
pub mod backup;
pub mod check;
pub mod cluster;
pub mod config;
pub mod demo;
pub mod inspect;
pub mod load;
pub mod reconcile;
pub mod serve;
