//! Judges what a server answered, from the outside: is there an order of events, each somewhere between its asking
//! and its answer, in which every answer was right? It reads records of `tidegate load --record` (the format is in
//! `loadgen/src/record.rs`), with code of its own, and knows nothing else of the server.
//!
//! A row number is a time: a row stands in the record before its request leaves, and after its answer came. Several
//! records of one store, each made by a life of the server and in this order, are judged together.
//!
//! What is checked; each is necessary for a linearizable store, so each violation is a fault:
//!
//! - **Once**: a request id (with its user) is one request; all its accepted answers name one order; no order is two
//!   requests; an ask that left after the first accepted answer is never refused by a rule of the shop.
//! - **Real time**: order ids count up as the log does ((ms, sequence), docs/WIRE.md). What was answered before
//!   another request left has the smaller id, also across a crash and a restart.
//! - **Never oversold**: at no row are more units surely taken (accepted, answered) than the stock and what was
//!   possibly given back (a cancel or refund that was asked for) together.
//! - **Room**: an accepted order had, at some row of its own interval, its units left by what was surely taken then.
//! - **Sold out, rightly**: at some row of a SOLD_OUT's interval, all units may have been gone: those of orders that
//!   were accepted, or whose outcome nobody knows, and that had been asked for by then, less what was surely given
//!   back (a cancel of an unpaid order that was answered). INSUFFICIENT_STOCK: some, but fewer than asked, likewise.
//!   Of a basket at least one line must bear this out: the record does not say which it was.
//! - **Over a crash**: what a later record says was held and sold of a sku before it, lies between what was surely
//!   and what was possibly taken by then.
//!
//! What is not checked: that one single order of events bears out all of this at once (each condition looks at its
//! own interval, so together they are not sufficient); limits of users, prices and sales; payments and shipments
//! (`load --verify` asks where each order stands); stock that changes otherwise (operators, expiry: holds are to
//! outlive the record; skus that the record does not name are left out).

mod reading;
mod requests;
mod stock;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// Violations that are told in words; the rest is counted.
pub const TOLD_MAX: usize = 20;
/// Rows of all records together. It bounds what is kept of them in memory.
pub const ROWS_MAX: u64 = 50_000_000;

/// What was judged, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Records read.
    pub records: u64,
    /// Requests, each under an id of its own.
    pub requests: u64,
    /// Asks of them, again and again counted.
    pub asks: u64,
    /// Requests that became orders.
    pub accepted: u64,
    /// Requests of which nobody knows what became of them.
    pub unknown: u64,
    /// Answers SOLD_OUT and INSUFFICIENT_STOCK that were judged.
    pub refusals: u64,
    /// Skus whose stock was known.
    pub skus: u64,
    /// How many conditions are broken; 0: all is well.
    pub violations: u64,
    /// The first of them in words, [`TOLD_MAX`] at most.
    pub told: Vec<String>,
}

/// Why a record cannot be judged.
#[derive(Debug)]
pub enum Unreadable {
    /// The file cannot be read.
    Read(io::Error),
    /// A row makes no sense.
    Row {
        /// Which record, counted from 1.
        record: usize,
        /// Which row of it, counted from 1.
        row: u64,
        /// What is wrong.
        why: String,
    },
}

/// Judges the records of one store, in the order in which they were made.
pub fn judge_files(records: &[&Path]) -> Result<Verdict, Unreadable> {
    let open = |path: &&Path| File::open(path).map(BufReader::new).map_err(Unreadable::Read);
    judge(records.iter().map(open).collect::<Result<Vec<_>, _>>()?)
}

/// Judges records that are there already.
pub fn judge<R: BufRead>(records: Vec<R>) -> Result<Verdict, Unreadable> {
    let history = reading::read(records)?;
    let mut verdict = Verdict { records: history.lives.len() as u64, ..Verdict::default() };
    requests::judge(&history, &mut verdict);
    stock::judge(&history, &mut verdict);
    Ok(verdict)
}

impl Verdict {
    /// Whether nothing is broken.
    pub fn is_good(&self) -> bool {
        self.violations == 0
    }

    fn broken(&mut self, tell: impl FnOnce() -> String) {
        self.violations += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(tell());
        }
    }
}

/// One line where all is well, else one more for each violation that is told.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { records, requests, asks, accepted, unknown, refusals, skus, violations, told } = self;
        write!(
            f,
            "{requests} requests ({asks} asks, {accepted} accepted, {unknown} unknown) in {records} lives, stock of \
             {skus} skus, {refusals} refusals for want of it: {violations} violations"
        )?;
        told.iter().try_for_each(|violation| write!(f, "\n  {violation}"))
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Read(error) => write!(f, "a record cannot be read: {error}"),
            Unreadable::Row { record, row, why } => write!(f, "record {record}, row {row}: {why}"),
        }
    }
}

impl std::error::Error for Unreadable {}
