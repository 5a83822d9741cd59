//! How a gateway parts with connections: bad frames, silence, the end of the server.

use domain::{Micros, MicrosUtc};
use protocol::structs::GoawayAnswerHead;
use protocol::{KindCode, Meta, Status, messages};
use storage::Store;

use super::Gateway;
use crate::outlet::{Client, Outlet};
use crate::refused::Refused;
use crate::session::Phase;

/// What happens to many connections is told in the log at most once in so long; STATS counts them all.
const LOG_EVERY: Micros = Micros::from_seconds(1);
/// Silent connections that one turn closes: a wave of them does not hold up the others' answers.
const SILENT_A_TURN_MAX: usize = 64;

/// When each kind of parting was last told in the log.
#[derive(Debug, Default)]
pub(super) struct Told {
    bad_frame: MicrosUtc,
    silent: MicrosUtc,
}

impl<S: Store> Gateway<S> {
    /// The server ends: nothing more is taken. Every client is told, and closed after its last answer.
    pub fn leave(&mut self, out: &mut impl Outlet) {
        self.settings.common.set_draining(true);
        for client in self.sessions.clients() {
            let Some(session) = self.sessions.get(client) else { continue };
            let known = session.phase == Phase::Known;
            let in_flight = session.in_flight;
            session.phase = Phase::Leaving;
            if known {
                let to = &mut self.settings.to(client, out);
                let head = GoawayAnswerHead { in_flight };
                self.pen.answer::<messages::GoawayAnswer>(to, &Meta::default(), &head, [], &[]);
            }
            if in_flight == 0 {
                out.close(client);
            }
        }
    }

    /// How long until [`Gateway::answer`] has something to do though nothing happens: a silent connection to close, or
    /// events that had to wait.
    pub fn next_due(&self) -> Option<Micros> {
        [self.next_silent(), self.next_delivery()].into_iter().flatten().min()
    }

    /// How long until there is a silent connection to close; nothing while all have said HELLO.
    fn next_silent(&self) -> Option<Micros> {
        let (_, since) = self.newcomers.first()?;
        Some(Micros(self.hello_until(since).since(self.now).0.max(0)))
    }

    /// Closes those who have not said HELLO in time: a slot is for who wants something.
    pub(super) fn part_with_silent(&mut self, out: &mut impl Outlet) {
        for _ in 0..SILENT_A_TURN_MAX {
            let Some((client, since)) = self.newcomers.first() else { return };
            if self.now < self.hello_until(since) {
                return;
            }
            self.newcomers.remove(client.slot);
            let Some(session) = self.sessions.get(client) else { continue };
            if session.phase != Phase::Stranger {
                continue; // On its way out already.
            }
            session.phase = Phase::Leaving;
            let to = &mut self.settings.to(client, out);
            to.counters.silent.add(1);
            let refused = Refused::of(Status::AuthRequired, "no HELLO came in time");
            self.pen.refuse(to, &Meta::default(), KindCode::NO_REQUEST, &refused);
            if self.now.since(self.told.silent) >= LOG_EVERY {
                self.told.silent = self.now;
                let silent = to.counters.silent.get();
                tracing::warn!(client = client.slot, silent, "closing a connection: no HELLO came in time");
            }
            out.close(client);
        }
    }

    pub(super) fn part_with_bad_frame(&mut self, client: Client, status: Status, out: &mut impl Outlet) {
        self.newcomers.remove(client.slot);
        let to = &mut self.settings.to(client, out);
        to.counters.bad_frames.add(1);
        let refused = Refused::of(status, "bytes that are no frame");
        self.pen.refuse(to, &Meta::default(), KindCode::NO_REQUEST, &refused);
        if self.now.since(self.told.bad_frame) >= LOG_EVERY {
            self.told.bad_frame = self.now;
            let bad_frames = to.counters.bad_frames.get();
            let status = status.name();
            tracing::warn!(client = client.slot, status, bad_frames, "closing a connection: bad frame");
        }
    }

    fn hello_until(&self, since: MicrosUtc) -> MicrosUtc {
        since.after(Micros::from_seconds(self.settings.bounds.hello_seconds))
    }
}
