//! What answers come to: counted, recorded, and handed to whoever waits for them.

use std::ops::ControlFlow;

use protocol::bounds::FRAME_BYTES_MAX;
use protocol::messages::{CreateAnswer, SkuPutAnswer};
use protocol::{Class, Header, Kind, Split, Status, StatusCode, parse, split};
use reactor::{Connection, Output, Received};

use crate::asking::read_act;
use crate::drive::Drive;
use crate::errands::Errand;
use crate::lanes::{Sent, What};
use crate::life::Act;
use crate::record::UNKNOWN;
use crate::tally::Came;
use crate::watch::Watcher;

impl<W: Watcher> Drive<'_, W> {
    /// One answer. Break: the other side does not keep to the protocol.
    pub(super) fn take_answer(
        &mut self,
        lane: u32,
        header: &Header,
        body: &[u8],
        now_ns: u64,
    ) -> ControlFlow<()> {
        let Some(sent) = self.lanes.give_room(lane, header.correlation) else {
            return self.unfit(|| format!("an answer to nothing that was asked: {header}"));
        };
        match sent.what {
            What::Order | What::Again => self.order_answered(&sent, header, body, now_ns),
            What::Act(act) => self.act_answered(&sent, act, header, body, now_ns),
            What::Errand(errand) => self.errand_answered(&sent, errand, header, body, now_ns),
            What::Price => self.price_answered(header, body),
        }
    }

    /// Frames of a subscriber.
    pub(super) fn events_received(
        &mut self,
        connection: Connection,
        bytes: &[u8],
        out: &mut Output,
    ) -> Received {
        if !self.subscribers.has(connection) {
            return Received::Close;
        }
        self.frames.clear();
        let mut taken = 0;
        while let Split::Frame { header, body, used } = split(&bytes[taken..], FRAME_BYTES_MAX) {
            taken += used;
            if let Err(wrong) = self.subscribers.take(connection, &header, body, &mut self.frames) {
                self.tally.error(|| wrong);
            }
        }
        if !self.frames.is_empty() && out.write(connection, &self.frames).is_err() {
            return Received::Close;
        }
        Received::Taken(taken)
    }

    fn order_answered(&mut self, sent: &Sent, header: &Header, body: &[u8], now_ns: u64) -> ControlFlow<()> {
        let status = header.status;
        let mut order = 0;
        if status.is_ok()
            && (self.recorder.is_some() || sent.what == What::Again || self.orders.wants_order_ids())
        {
            match parse::<CreateAnswer>(header, body) {
                Ok(answer) => order = answer.head.order,
                Err(_) => {
                    self.orders.settled(sent.number, sent.place, 0);
                    return self.unfit(|| format!("an answer that is none to CREATE: {header}"));
                }
            }
        }
        let came = if !status.is_ok() {
            Came::Refused(status)
        } else if sent.what == What::Again {
            if self.orders.order_of(sent.number) != Some(order) {
                let first = self.orders.order_of(sent.number).unwrap_or(0);
                self.tally
                    .error(|| format!("order {first} was answered with order {order} when asked again"));
            }
            Came::Again
        } else {
            Came::Accepted { units: sent.units }
        };
        self.tally.answer(Kind::Create, came, now_ns.saturating_sub(sent.since_ns));
        self.orders.settled(sent.number, sent.place, order);
        if let Some(recorder) = &mut self.recorder {
            let written = match status.is_ok() {
                true => recorder.accepted(sent.number, order),
                false => recorder.not_accepted(sent.number, name_of(status)),
            };
            self.failure = self.failure.take().or(written.err());
        }
        ControlFlow::Continue(())
    }

    fn act_answered(
        &mut self,
        sent: &Sent,
        act: Act,
        header: &Header,
        body: &[u8],
        now_ns: u64,
    ) -> ControlFlow<()> {
        let latency_ns = now_ns.saturating_sub(sent.since_ns);
        let status = header.status;
        let written = if status.is_ok() {
            let Some(said) = read_act(act, header, body) else {
                self.orders.act_failed(sent.place);
                return self.unfit(|| format!("an answer that is none to {}: {header}", act.kind().name()));
            };
            self.tally.answer(act.kind(), Came::Done, latency_ns);
            let life = self.orders.life(sent.place);
            if !said.is_right(life, act) {
                let name = act.kind().name();
                self.tally.error(|| format!("{name} of order {} was answered with {said:?}", life.order));
            }
            self.orders.act_done(sent.place, said.payment);
            self.recorder.as_mut().map(|recorder| recorder.act_done(sent.number, said.payment))
        } else {
            self.tally.answer(act.kind(), Came::Refused(status), latency_ns);
            self.note_refused_act(sent, act, status);
            self.orders.act_failed(sent.place);
            self.recorder.as_mut().map(|recorder| recorder.act_not_done(sent.number, name_of(status)))
        };
        self.failure = self.failure.take().or(written.and_then(Result::err));
        ControlFlow::Continue(())
    }

    fn errand_answered(
        &mut self,
        sent: &Sent,
        errand: Errand,
        header: &Header,
        body: &[u8],
        now_ns: u64,
    ) -> ControlFlow<()> {
        let latency_ns = now_ns.saturating_sub(sent.since_ns);
        let status = header.status;
        if !status.is_ok() {
            self.tally.answer(errand.kind(), Came::Refused(status), latency_ns);
            if !errand.may_be_refused() && is_refusal(status) {
                self.tally.error(|| format!("{errand:?} was refused: {}", name_of(status)));
            }
            return ControlFlow::Continue(());
        }
        let Some(told) = errand.read(header, body) else {
            return self.unfit(|| format!("an answer that is none to {}: {header}", errand.kind().name()));
        };
        self.tally.answer(errand.kind(), Came::Done, latency_ns);
        if !told.is_right {
            self.tally.error(|| format!("the answer to {errand:?} is about something else"));
        }
        if let Some(then) = told.then {
            self.orders.owe(then);
        }
        ControlFlow::Continue(())
    }

    /// Each act is one that its order can go through: a shop in order says no only where it is busy.
    fn note_refused_act(&mut self, sent: &Sent, act: Act, status: StatusCode) {
        if is_refusal(status) {
            let order = self.orders.life(sent.place).order;
            let (name, status) = (act.kind().name(), name_of(status));
            self.tally.error(|| format!("{name} of order {order} was refused: {status}"));
        }
    }

    fn price_answered(&mut self, header: &Header, body: &[u8]) -> ControlFlow<()> {
        self.hungry = true;
        match header.status.known() {
            None => match parse::<SkuPutAnswer>(header, body) {
                Ok(answer) => self.orders.price_set(Some(answer.head.version)),
                Err(_) => return self.unfit(|| format!("an answer that is none to SKU_PUT: {header}")),
            },
            Some(status) if matches!(status.class(), Class::TryAgain | Class::OutcomeUnknown) => {
                self.orders.price_lost();
            }
            Some(status) => {
                if status != Status::InvalidField {
                    self.tally.error(|| format!("a price could not be set: {}", status.name()));
                }
                self.orders.price_set(None);
            }
        }
        ControlFlow::Continue(())
    }

    fn unfit(&mut self, tell: impl FnOnce() -> String) -> ControlFlow<()> {
        self.tally.error(tell);
        ControlFlow::Break(())
    }

    /// What was in flight on a connection that is gone: nobody knows what came of it.
    pub(super) fn give_up(&mut self, lane: u32) {
        let Drive { lanes, orders, tally, recorder, failure, .. } = self;
        lanes.drain(lane, |sent| {
            let written = match sent.what {
                What::Price => {
                    orders.price_lost();
                    return;
                }
                What::Errand(_) => None,
                What::Order | What::Again => {
                    orders.settled(sent.number, sent.place, 0);
                    recorder.as_mut().map(|recorder| recorder.not_accepted(sent.number, UNKNOWN))
                }
                What::Act(_) => {
                    orders.act_failed(sent.place);
                    recorder.as_mut().map(|recorder| recorder.act_not_done(sent.number, UNKNOWN))
                }
            };
            tally.unanswered += 1;
            *failure = failure.take().or(written.and_then(Result::err));
        });
        self.hungry = true;
    }
}

/// Whether the shop says no, and not only that it is busy.
fn is_refusal(status: StatusCode) -> bool {
    status.known().is_some_and(|status| status.class() == Class::Refused)
}

/// What a record calls a status that says no.
fn name_of(status: StatusCode) -> &'static str {
    status.known().map_or(UNKNOWN, Status::name)
}
