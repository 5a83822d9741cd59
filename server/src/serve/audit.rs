//! The desk where AUDIT is worked on: a thread that gives way to all others, and reads the journal from outside.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use anyhow::Context;
use domain::verdict::Holdings;
use domain::{MicrosUtc, Rules};
use handlers::{AuditDesk, AuditFailed, AuditReport, Invariant};
use reactor::Doorbell;
use storage::embedded::balance;
use storage::embedded::cold::OrdersAtRest;

use crate::begun::Begun;
use crate::folders::{Folders, WholeJournal};

/// How nice the desk is to serving threads: most, yet the scheduler still gives it a share.
const NICE: i32 = 19;

/// How often an audit begins anew where what it begins with leaves.
const BEGINNINGS_MAX: u32 = 3;

/// A thread that sleeps until there is something to audit, and ends with the desk.
#[derive(Debug)]
pub(super) struct Desk {
    work: Sender<(Box<Holdings>, u64)>,
    done: Receiver<Result<AuditReport, AuditFailed>>,
}

impl Desk {
    /// Starts the thread. `bell` wakes who polls.
    pub(super) fn start(
        folders: Folders,
        rules: Rules,
        at_rest: Arc<dyn OrdersAtRest>,
        bell: Doorbell,
    ) -> anyhow::Result<Desk> {
        let source = Source { folders, rules, at_rest };
        let (work, to_do) = channel::<(Box<Holdings>, u64)>();
        let (finished, done) = channel();
        let run = move || {
            reactor::step_back(NICE);
            // One audit at a time is all that gateways ask for, so these channels never hold more than one.
            while let Ok((holdings, position)) = to_do.recv() {
                if finished.send(source.audit(&holdings, position)).is_err() {
                    break;
                }
                bell.ring();
            }
        };
        std::thread::Builder::new()
            .name("tidegate-audit".to_owned())
            .spawn(run)
            .context("a thread cannot be started: raise the limit of processes (ulimit -u)")?;
        Ok(Desk { work, done })
    }
}

impl AuditDesk for Desk {
    fn begin(&mut self, holdings: Box<Holdings>, position: u64) {
        // A thread that is gone shows in `poll`.
        let _ = self.work.send((holdings, position));
    }

    fn poll(&mut self) -> Option<Result<AuditReport, AuditFailed>> {
        match self.done.try_recv() {
            Ok(done) => Some(done),
            Err(std::sync::mpsc::TryRecvError::Empty) => None,
            Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                Some(Err(AuditFailed("the auditing thread is gone".to_owned())))
            }
        }
    }
}

/// What an audit reads.
struct Source {
    folders: Folders,
    rules: Rules,
    at_rest: Arc<dyn OrdersAtRest>,
}

impl Source {
    fn audit(&self, holdings: &Holdings, position: u64) -> Result<AuditReport, AuditFailed> {
        let began = Instant::now();
        let journal = self.folders.journal();
        let mut begun = self.begin(&journal, position)?;
        let mut at = MicrosUtc(0);
        let reading = begun.read(&journal, position, |record| at = record.stamp.at);
        if let Some(damage) = reading.damage {
            return Err(AuditFailed(format!("the journal cannot be read: {damage}")));
        }
        if reading.summary.facts < position {
            let facts = reading.summary.facts;
            return Err(AuditFailed(format!("the journal ends at position {facts}, not at {position}")));
        }
        let found = begun.auditor.finish(Some(holdings));
        let millis = began.elapsed().as_millis() as u64;
        for broken in found.failed() {
            let first = broken.first.as_deref().unwrap_or("");
            tracing::error!(
                "audit: {} does not hold ({} times), first {first}",
                broken.name,
                broken.violations
            );
        }
        Ok(report(&found, position, at, millis))
    }

    /// With the first fact, or behind a checkpoint. A server that goes on may take that away while it is read: then
    /// behind the next one.
    fn begin(&self, journal: &WholeJournal, position: u64) -> Result<Begun, AuditFailed> {
        let begin = || {
            let beginning = balance::beginning(journal, position)?;
            Begun::at(journal, beginning, self.rules, Some(&*self.at_rest), |_| ())
        };
        let mut tries = BEGINNINGS_MAX;
        loop {
            tries -= 1;
            match begin() {
                Ok(begun) => return Ok(begun),
                Err(why) if tries == 0 => return Err(AuditFailed(why.to_string())),
                Err(why) => tracing::info!("an audit begins once more: {why}"),
            }
        }
    }
}

fn report(found: &model::AuditReport, position: u64, at: MicrosUtc, millis: u64) -> AuditReport {
    let totals = &found.totals;
    AuditReport {
        ok: found.ok(),
        begins_behind: found.begins_behind,
        position,
        at,
        stock: clamp_i64(totals.stock),
        sold: clamp_u64(totals.sold),
        held: clamp_u64(totals.held),
        orders: totals.orders.iter().sum(),
        oversold: clamp_u64(totals.oversold),
        duplicate_orders: totals.duplicate_orders,
        lost: totals.lost,
        millis,
        invariants: found
            .invariants
            .iter()
            .map(|it| Invariant { name: it.name.to_owned(), counted: it.counted, violations: it.violations })
            .collect(),
    }
}

/// A sum over a journal may pass what the wire holds only when the journal is nonsense; then the invariants tell.
fn clamp_i64(sum: i128) -> i64 {
    sum.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

fn clamp_u64(sum: i128) -> u64 {
    sum.clamp(0, u64::MAX.into()) as u64
}
