//! The load generator.
pub mod instant;
pub mod latency;
pub mod purchases;
pub mod record;
pub mod schedule;
#[cfg(test)]
mod testing;
