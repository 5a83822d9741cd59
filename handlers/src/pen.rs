//! Writes frames to an outlet, through one buffer that is used again and again.

use protocol::{KindCode, Message, Meta, Status, append, append_refusal, structs};

use crate::common::Counters;
use crate::outlet::{Client, Outlet};
use crate::refused::Refused;

/// The buffer, which never grows beyond the longest frame.
#[derive(Debug, Default)]
pub(crate) struct Pen {
    frame: Vec<u8>,
}

impl Pen {
    /// Writes an answer; where it cannot be written the client hears INTERNAL, as that is a bug of ours.
    pub(crate) fn answer<M: Message>(
        &mut self,
        to: &mut To<'_, impl Outlet>,
        meta: &Meta,
        head: &M::Head,
        items: impl IntoIterator<Item = M::Item, IntoIter: ExactSizeIterator>,
        tail: &[u8],
    ) {
        self.frame.clear();
        if let Err(why) = append::<M>(&mut self.frame, meta, head, items, tail) {
            let kind = M::ABOUT.kind.name();
            tracing::error!(kind, trace = %format_args!("{:032x}", meta.trace), "an answer is no frame: {why}");
            let bug = Refused::of(Status::Internal, "an answer that is no frame");
            return self.refuse(to, meta, M::ABOUT.kind_code(), &bug);
        }
        to.write(&self.frame);
    }

    /// Writes an answer that may be given up: a read whose answer the client has no room for is OVERLOADED, since
    /// asking again costs nothing, and being cut off would.
    pub(crate) fn answer_read<M: Message>(
        &mut self,
        to: &mut To<'_, impl Outlet>,
        meta: &Meta,
        head: &M::Head,
        items: impl IntoIterator<Item = M::Item, IntoIter: ExactSizeIterator>,
        tail: &[u8],
    ) {
        let items = items.into_iter();
        let bytes = protocol::frame_bytes::<M>(items.len(), tail.len());
        let queued = to.outlet.queued_bytes(to.client);
        if queued > 0 && queued + bytes > 2 * to.answer_bytes_max {
            let full = Refused::later(Status::Overloaded, to.retry_after_ms, "unread answers");
            return self.refuse(to, meta, M::ABOUT.kind_code(), &full);
        }
        self.answer::<M>(to, meta, head, items, tail);
    }

    /// Writes a no. `kind` is the request's.
    pub(crate) fn refuse(
        &mut self,
        to: &mut To<'_, impl Outlet>,
        meta: &Meta,
        kind: KindCode,
        refused: &Refused,
    ) {
        let Refused { status, body, retry_after_ms, what } = refused;
        tracing::debug!(client = to.client.slot, %kind, status = status.name(), what, "refused");
        self.frame.clear();
        let meta = Meta { time_ms: *retry_after_ms, ..*meta };
        append_refusal(&mut self.frame, &meta, kind, *status, body);
        to.write(&self.frame);
    }
}

/// Whom an answer goes to.
pub(crate) struct To<'a, O> {
    pub(crate) client: Client,
    pub(crate) outlet: &'a mut O,
    pub(crate) counters: &'a Counters,
    pub(crate) answer_bytes_max: usize,
    pub(crate) retry_after_ms: u32,
}

impl<O: Outlet> To<'_, O> {
    /// A frame that lies in two places. Says how many bytes it has.
    pub(crate) fn write_in_two(&mut self, frame: &[u8], behind: &[u8]) -> i64 {
        self.counters.frames_out.add(1);
        self.outlet.write(self.client, frame);
        if !behind.is_empty() {
            self.outlet.write(self.client, behind);
        }
        (frame.len() + behind.len()) as i64
    }

    fn write(&mut self, frame: &[u8]) {
        self.counters.frames_out.add(1);
        self.outlet.write(self.client, frame);
    }
}

/// The body of a refusal as an item of a BATCH.
pub(crate) const fn refused_item(refused: &Refused) -> structs::BatchAnswerItem {
    let structs::Refusal { line: _, asked, there } = refused.body; // An item is one line: its place says which.
    structs::BatchAnswerItem {
        order: 0,
        asked,
        there,
        retry_after_ms: refused.retry_after_ms,
        status: refused.status.code(),
    }
}
