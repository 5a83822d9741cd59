//! The store for who outgrows one machine: nodes without state of their own over Redis, which gives units away, and
//! MySQL shards, which judge. `docs/CLUSTER.md` has the protocol, and `tests/cluster-model` searches it.
//!
//! What one server is asked stands in a module of its own ([`redis`], [`mysql`]); nothing here decides by the rules of the shop,
//! which are `domain`'s.

pub mod catalogue;
pub mod engine;
pub mod links;
pub mod mysql;
pub mod redis;
mod refused;
pub mod repair;
pub mod shelf;
