//! What operators do, decided at the home, against real redis-server and mariadbd.
#![allow(clippy::unwrap_used)] // The lint spares only functions marked as tests, not their helpers.
#![allow(clippy::wildcard_enum_match_arm)] // A row that a test does not name fails it.

mod alike;
mod faults;
mod holdings;
mod shop;
mod taking;
