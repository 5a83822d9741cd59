//! Checkpoints: images of the ledger at a boundary between two groups, so that an opening reads one of them and the
//! journal behind it instead of all that ever happened.
//!
//! The engine takes one a piece at a time ([`taking`]); a thread of its own writes the file ([`maker`]), which counts
//! from the moment it has its final name. [`reading`] makes a ledger of it. A checkpoint repeats what the journal
//! says: where one cannot be written, the server goes on, and an opening takes longer.

pub(crate) mod layout;
pub(crate) mod maker;
pub(crate) mod reading;
pub(crate) mod taking;
