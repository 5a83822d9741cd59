//! The desk where AUDIT is worked on: a thread that gives way to all others, and reads the journal from outside.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use anyhow::Context;
use domain::verdict::Holdings;
use domain::{Micros, MicrosUtc};
use handlers::{AuditDesk, AuditFailed, AuditReport, Invariant};
use model::Auditor;
use reactor::Doorbell;
use storage::embedded::reader;

use crate::folders::Folders;

/// How nice the desk is to serving threads: most, yet the scheduler still gives it a share.
const NICE: i32 = 19;

/// A thread that sleeps until there is something to audit, and ends with the desk.
#[derive(Debug)]
pub(super) struct Desk {
    work: Sender<(Box<Holdings>, u64)>,
    done: Receiver<Result<AuditReport, AuditFailed>>,
}

impl Desk {
    /// Starts the thread. `bell` wakes who polls.
    pub(super) fn start(folders: Folders, request_window: Micros, bell: Doorbell) -> anyhow::Result<Desk> {
        let (work, to_do) = channel::<(Box<Holdings>, u64)>();
        let (finished, done) = channel();
        let run = move || {
            reactor::step_back(NICE);
            // One audit at a time is all that gateways ask for, so these channels never hold more than one.
            while let Ok((holdings, position)) = to_do.recv() {
                if finished.send(audit(&folders, request_window, &holdings, position)).is_err() {
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

fn audit(
    folders: &Folders,
    request_window: Micros,
    holdings: &Holdings,
    position: u64,
) -> Result<AuditReport, AuditFailed> {
    let began = Instant::now();
    let mut auditor = Auditor::new(request_window);
    let mut at = MicrosUtc(0);
    let reading = reader::read(&folders.journal(), position, |record| {
        at = record.stamp.at;
        auditor.fact(record.position, record.begins_entry, record.stamp, record.fact);
    });
    if let Some(damage) = reading.damage {
        return Err(AuditFailed(format!("the journal cannot be read: {damage}")));
    }
    if reading.summary.facts < position {
        let facts = reading.summary.facts;
        return Err(AuditFailed(format!("the journal ends at position {facts}, not at {position}")));
    }
    let millis = began.elapsed().as_millis() as u64;
    let found = auditor.finish(Some(holdings));
    for broken in found.failed() {
        let first = broken.first.as_deref().unwrap_or("");
        tracing::error!("audit: {} does not hold ({} times), first {first}", broken.name, broken.violations);
    }
    Ok(report(&found, position, at, millis))
}

fn report(found: &model::AuditReport, position: u64, at: MicrosUtc, millis: u64) -> AuditReport {
    let totals = &found.totals;
    AuditReport {
        ok: found.ok(),
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
