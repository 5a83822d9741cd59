//! BATCH at the gateway: each item is an intent of its own.

use domain::intent::Envelope;
use domain::{Intent, TraceId};
use protocol::structs::BatchAnswerItem;
use protocol::{Flags, Header, Kind, Meta, Parsed, Status, messages, parse};
use storage::{Share, Store};

use super::{Asked, Gateway, deadline, pending};
use crate::bounds::Bounds;
use crate::create;
use crate::in_flight::Place;
use crate::outlet::{Client, Outlet};
use crate::pen::refused_item;
use crate::refused::Refused;
use crate::session::Phase;

impl<S: Store> Gateway<S> {
    /// Each item is an intent of its own; the answer leaves when all are answered.
    pub(super) fn serve_batch(&mut self, asked: Asked<'_>, out: &mut impl Outlet) -> Result<(), Refused> {
        self.check_draining(Kind::Batch)?;
        self.check_room(asked.client, out)?;
        let Asked { client, header, body } = asked;
        let Bounds { connection_batches, retry_after_ms, .. } = self.settings.bounds;
        let Parsed { items, .. } = parse::<messages::Batch>(header, body)?;
        let session = self.sessions.get(client).expect("its frame is being served");
        if session.batches >= connection_batches {
            return Err(Refused::later(Status::TooManyInFlight, retry_after_ms, "connection_batches"));
        }
        let trace = TraceId(header.trace);
        let full = Refused::later(Status::Overloaded, retry_after_ms, "batches");
        let batch = self.batches.begin(client, header.correlation, trace, items.len()).ok_or(full)?;
        session.in_flight += 1;
        session.batches += 1;

        for (place, item) in items.iter().enumerate() {
            if let Err(refused) = self.ask_item(client, header, batch, place, &item) {
                self.answer_item(batch, place as u32, refused_item(&refused), out);
            }
        }
        Ok(())
    }

    fn ask_item(
        &mut self,
        client: Client,
        header: &Header,
        batch: u32,
        place: usize,
        item: &protocol::structs::BatchItem,
    ) -> Result<(), Refused> {
        let create = create::batch_item(place, item, &mut self.room.lines)?;
        let session = self.sessions.get(client).expect("its frame is being served");
        self.paces.take(&mut session.bucket, create.user, self.now)?;
        let envelope = Envelope { trace: TraceId(header.trace), asked_before: item.asked_before };
        let intent = Intent::Create(create);
        let watched = self.refusals.watch(&intent, envelope.trace);
        let pending = pending(client, header, Place::Item { batch, item: place as u32, watched });
        let asked = self.door.ask(Share::Any, pending, envelope, deadline(self.now, header), intent);
        if let (Err(_), Some(row)) = (&asked, watched) {
            self.refusals.leave(row);
        }
        asked
    }

    pub(super) fn answer_item(
        &mut self,
        batch: u32,
        item: u32,
        answer: BatchAnswerItem,
        out: &mut impl Outlet,
    ) {
        let Some(gathered) = self.batches.answer(batch, item, answer) else { return };
        let client = gathered.client;
        if let Some(session) = self.sessions.get(client) {
            session.in_flight -= 1;
            session.batches -= 1;
            let last = session.phase == Phase::Leaving && session.in_flight == 0;
            let meta = Meta {
                correlation: gathered.correlation,
                trace: gathered.trace.0,
                flags: Flags::NONE,
                time_ms: 0,
            };
            let to = &mut self.settings.to(client, out);
            let items = gathered.items.iter().copied();
            self.pen.answer::<messages::BatchAnswer>(to, &meta, &protocol::Nothing, items, &[]);
            if last {
                out.close(client);
            }
        }
        self.batches.end(batch);
    }
}
