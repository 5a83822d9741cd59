//! The load generator.
pub mod instant;
pub mod latency;
pub mod page;
pub mod plot;
pub mod purchases;
pub mod record;
pub mod report;
pub mod schedule;
pub mod table;
#[cfg(test)]
mod testing;
pub mod text;
