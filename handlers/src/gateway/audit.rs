//! AUDIT at the gateway: the store says what it holds, then the desk works on beside the orders, one audit a server.

use domain::{Intent, Verdict};
use protocol::bounds::INVARIANTS_MAX;
use protocol::{Kind, Status, messages, parse};
use storage::{NotDecided, Outcome, Share, Store};

use super::{Asked, Gateway, deadline, envelope, pending};
use crate::audit::{AuditFailed, AuditReport, invariant_to_wire, report_to_wire};
use crate::in_flight::{Pending, Place};
use crate::outlet::Outlet;
use crate::refused::Refused;
use crate::session::Phase;

/// How long a client waits before it asks for another audit while one runs.
const AUDIT_RETRY_MS: u32 = 1_000;

impl<S: Store> Gateway<S> {
    pub(super) fn serve_audit(&mut self, asked: Asked<'_>, out: &mut impl Outlet) -> Result<(), Refused> {
        self.check_room(asked.client, out)?;
        let Asked { client, header, body } = asked;
        parse::<messages::Audit>(header, body)?;
        if !self.settings.common.begin_audit() {
            return Err(Refused::later(Status::Overloaded, AUDIT_RETRY_MS, "an audit is under way"));
        }
        let pending = pending(client, header, Place::Audit);
        let deadline = deadline(self.now, header);
        let done = self.door.ask(Share::Reserved, pending, envelope(header), deadline, Intent::Holdings);
        match done {
            Ok(()) => self.sessions.get(client).expect("its frame is being served").in_flight += 1,
            Err(_) => self.settings.common.end_audit(),
        }
        done
    }

    /// The store says what it holds; from here on it is the desk's work.
    pub(super) fn begin_audit(
        &mut self,
        pending: Pending,
        position: u64,
        outcome: Outcome,
        out: &mut impl Outlet,
    ) {
        match outcome {
            Ok(Verdict::Holdings(holdings))
                if holdings.orders.iter().sum::<u64>() > self.settings.bounds.audit_orders =>
            {
                self.settings.common.end_audit();
                let too_many = Err(NotDecided::SwitchedOff { retry_after_ms: 0 });
                self.answer_frame(&pending, Kind::Audit, &too_many, out);
            }
            Ok(Verdict::Holdings(holdings)) => {
                self.audit_for = Some(pending);
                self.desk.begin(holdings, position);
            }
            other => {
                self.settings.common.end_audit();
                self.answer_frame(&pending, Kind::Audit, &other, out);
            }
        }
    }

    pub(super) fn answer_audit(&mut self, out: &mut impl Outlet) {
        let Some(pending) = self.audit_for else { return };
        let Some(result) = self.desk.poll() else { return };
        self.audit_for = None;
        self.settings.common.end_audit();
        let client = pending.client;
        let Some(session) = self.sessions.get(client) else { return };
        session.in_flight -= 1;
        let last = session.phase == Phase::Leaving && session.in_flight == 0;
        self.write_audit(&pending, &result, out);
        if last {
            out.close(client);
        }
    }

    fn write_audit(
        &mut self,
        pending: &Pending,
        result: &Result<AuditReport, AuditFailed>,
        out: &mut impl Outlet,
    ) {
        let to = &mut self.settings.to(pending.client, out);
        let meta = pending.meta(0);
        match result {
            Ok(report) => {
                let most = (INVARIANTS_MAX as usize).min(report.invariants.len());
                let invariants = report.invariants[..most].iter().map(invariant_to_wire);
                self.pen.answer::<messages::AuditAnswer>(to, &meta, &report_to_wire(report), invariants, &[]);
            }
            Err(AuditFailed(why)) => {
                tracing::error!("the audit could not be made: {why}");
                let refused = Refused::later(Status::StoreUnavailable, AUDIT_RETRY_MS, "the audit failed");
                self.pen.refuse(to, &meta, Kind::Audit.into(), &refused);
            }
        }
    }
}
