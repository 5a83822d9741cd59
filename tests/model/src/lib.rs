//! The plain reference model: what SPEC says, with ordered maps and no cleverness.
//!
//! [`Model`] answers every intent beside the ledger, refusal by refusal; [`Auditor`] recomputes a journal from its
//! facts and names every invariant that fails. Both are a second opinion: they share the data types of `domain`
//! and none of its decisions, so a mistake has to be made twice to pass unseen. Nothing here is made for speed,
//! and nothing here knows the wire, the disk or the clock.
#![forbid(unsafe_code)]

mod audit;
mod freight;
mod model;

pub use audit::{AuditReport, Auditor, FIRST_POSITION, Invariant, Opening, Totals, says};
pub use model::{Model, NotDue};
