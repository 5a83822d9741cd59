//! The way to the store: the batch being filled, and the table of what is on its way.

use domain::intent::Envelope;
use domain::{Intent, MicrosUtc};
use protocol::Status;
use storage::{Answer, IntentBatch, Share, Store, Submitted, Ticket};

use crate::in_flight::{InFlight, Pending};
use crate::refused::Refused;

/// One batch is open at a time, so intents reach the store in the order in which they came, whatever their share.
#[derive(Debug)]
pub(crate) struct Door<S> {
    pub(crate) store: S,
    open: Option<(Share, IntentBatch)>,
    in_flight: InFlight,
    retry_after_ms: u32,
}

impl<S: Store> Door<S> {
    pub(crate) fn new(store: S, in_flight: InFlight, retry_after_ms: u32) -> Door<S> {
        Door { store, open: None, in_flight, retry_after_ms }
    }

    /// Hands an intent over; its answer comes with [`Door::take_back`]. Full is OVERLOADED.
    pub(crate) fn ask(
        &mut self,
        share: Share,
        pending: Pending,
        envelope: Envelope,
        deadline: Option<MicrosUtc>,
        intent: Intent<'_>,
    ) -> Result<(), Refused> {
        let full = Refused::later(Status::Overloaded, self.retry_after_ms, "requests in flight");
        self.open_for(share)?;
        let ticket = self.in_flight.insert(share, pending).ok_or(full)?;
        let submitted = Submitted { ticket, envelope, deadline, intent };
        if self.push(&submitted) {
            return Ok(());
        }
        self.submit();
        let done = self.open_for(share).map(|()| self.push(&submitted));
        if done != Ok(true) {
            self.in_flight.remove(ticket);
        }
        done.map(|pushed| assert!(pushed, "an empty batch has room"))
    }

    /// Hands what was asked to the store.
    pub(crate) fn submit(&mut self) {
        if let Some((_, batch)) = self.open.take() {
            self.store.submit(batch);
        }
    }

    /// The request behind an answer, which is answered once.
    pub(crate) fn take_back(&mut self, ticket: Ticket) -> Pending {
        self.in_flight.remove(ticket)
    }

    /// Answers that may leave now.
    pub(crate) fn poll(&mut self) -> Option<Vec<Answer>> {
        self.store.poll()
    }

    /// Requests that the store has not answered.
    pub(crate) const fn in_flight(&self) -> u32 {
        self.in_flight.len()
    }

    /// Makes sure that a batch is open that an intent of this share may go into.
    fn open_for(&mut self, share: Share) -> Result<(), Refused> {
        match (&self.open, share) {
            (Some((Share::Any, _)), Share::Any | Share::Reserved)
            | (Some((Share::Reserved, _)), Share::Reserved) => {
                return Ok(());
            }
            (Some((Share::Reserved, _)), Share::Any) | (None, Share::Any | Share::Reserved) => (),
        }
        // The common batches first: the reserved ones are for the flood.
        let (lent, batch) = match self.store.lend(Share::Any) {
            Some(batch) => (Share::Any, batch),
            None => {
                let full = Refused::later(Status::Overloaded, self.retry_after_ms, "batches to the store");
                match share {
                    Share::Any => return Err(full),
                    Share::Reserved => (share, self.store.lend(share).ok_or(full)?),
                }
            }
        };
        // What was open goes first, so the order stays.
        self.submit();
        self.open = Some((lent, batch));
        Ok(())
    }

    fn push(&mut self, submitted: &Submitted<'_>) -> bool {
        let (_, batch) = self.open.as_mut().expect("a batch was opened for it");
        batch.push(submitted).is_ok()
    }
}
