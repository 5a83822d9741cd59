//! Before a store without a journal: the kinds that it has nothing for, and the desks at which nobody sits.

use std::sync::Arc;

use domain::verdict::Holdings;
use protocol::Kind;
use protocol::structs::Event;

use crate::audit::{AuditDesk, AuditFailed, AuditReport};
use crate::events::{EventDesk, Subscription};
use crate::gateway::Desks;

/// What is answered from a journal, and by nothing else. For [`Common::without`](crate::Common::without).
pub const OF_A_JOURNAL: &[Kind] =
    &[Kind::Audit, Kind::Subscribe, Kind::Ack, Kind::Unsubscribe, Kind::DeadLetters];

impl Desks {
    /// For a store without a journal. With [`OF_A_JOURNAL`] left out nobody comes to them; whoever does hears that
    /// there is nothing.
    pub fn unmanned() -> Desks {
        Desks { audit: Box::new(Unmanned::default()), events: Box::new(Unmanned::default()) }
    }
}

#[derive(Debug, Default)]
struct Unmanned {
    was_asked: bool,
}

impl AuditDesk for Unmanned {
    fn begin(&mut self, _holdings: Box<Holdings>, _position: u64) {
        self.was_asked = true;
    }

    fn poll(&mut self) -> Option<Result<AuditReport, AuditFailed>> {
        let was_asked = std::mem::take(&mut self.was_asked);
        was_asked.then(|| Err(AuditFailed("this store has no journal to recompute".to_owned())))
    }
}

impl EventDesk for Unmanned {
    fn subscribe(&mut self, _subscription: Arc<Subscription>) -> bool {
        false
    }

    fn nudge(&mut self) {}

    fn ready(&mut self) -> bool {
        false
    }

    fn wants_refusals(&self) -> bool {
        false
    }

    fn tell_refusal(&mut self, _refusal: Event) {}
}
