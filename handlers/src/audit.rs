//! AUDIT: the holdings of the store go to a desk that recomputes them beside the serving threads.

use domain::MicrosUtc;
use domain::verdict::Holdings;
use protocol::{structs, text};

/// Recomputes the journal beside serving. One audit at a time, over all gateways of a server.
pub trait AuditDesk: Send {
    /// Begins: recompute all facts up to `position`, and compare with what the store held there. Returns at once.
    fn begin(&mut self, holdings: Box<Holdings>, position: u64);

    /// The outcome of what was begun, once. Asked each turn; the desk wakes the gateway's thread when it is done.
    fn poll(&mut self) -> Option<Result<AuditReport, AuditFailed>>;
}

/// What a recomputation found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// No invariant is violated.
    pub ok: bool,
    /// Position of the last fact looked at.
    pub position: u64,
    /// Ledger time there.
    pub at: MicrosUtc,
    /// Units that came in, over all shelves.
    pub stock: i64,
    /// Units sold, over all shelves.
    pub sold: u64,
    /// Units held, over all shelves.
    pub held: u64,
    /// Orders made.
    pub orders: u64,
    /// Units promised beyond what there was.
    pub oversold: u64,
    /// Orders made twice for one request id.
    pub duplicate_orders: u64,
    /// Orders that the facts made and the store does not hold.
    pub lost: u64,
    /// How long it took.
    pub millis: u64,
    /// Position that it began behind, with the balance of a checkpoint; 0: with the first fact.
    pub begins_behind: u64,
    /// Each invariant that was judged.
    pub invariants: Vec<Invariant>,
}

/// An invariant and what was found of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invariant {
    /// Its name: ASCII, of which 32 bytes are told.
    pub name: String,
    /// How many things it was checked on.
    pub counted: u64,
    /// On how many of them it does not hold.
    pub violations: u64,
}

/// The journal could not be read; whether it holds is not known. The reason is for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFailed(pub String);

/// The head of AUDIT's answer.
pub(crate) fn report_to_wire(report: &AuditReport) -> structs::AuditHead {
    let AuditReport {
        ok,
        position,
        at,
        stock,
        sold,
        held,
        orders,
        oversold,
        duplicate_orders,
        lost,
        millis,
        begins_behind,
        // They follow as items.
        invariants: _,
    } = *report;
    structs::AuditHead {
        ok,
        position,
        at: at.0,
        stock,
        sold,
        held,
        orders,
        oversold,
        duplicate_orders,
        lost,
        millis,
        begins_behind,
    }
}

/// An item of AUDIT's answer.
pub(crate) fn invariant_to_wire(invariant: &Invariant) -> structs::Invariant {
    let Invariant { name, counted, violations } = invariant;
    structs::Invariant { name: text(name), counted: *counted, violations: *violations }
}
