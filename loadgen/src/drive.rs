//! The load itself: one thread, one reactor, many connections, each with many requests in flight.
//!
//! Closed loop: a connection sends as soon as an answer makes room. Open loop: the schedule says when, whatever
//! the server does, and each latency counts from there. Nothing is allocated for a request.

mod answers;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use protocol::bounds::FRAME_BYTES_MAX;
use protocol::{Kind, Split, split};
use reactor::{Connection, Next, Output, Received, Service, Turn};

use crate::asking;
use crate::connector::Connector;
use crate::gateway::Gateway;
use crate::lanes::{Lanes, Sent, What};
use crate::life::Act;
use crate::orders::{Basket, NO_PLACE, Orders, PriceChange, Step};
use crate::record::{AskedRow, Recorder};
use crate::report::Ended;
use crate::schedule::Schedule;
use crate::subscribers::Subscribers;
use crate::tally::Tally;
use crate::watch::{Progress, Watcher};

/// Without any connection for so long, the server is gone.
pub(crate) const GONE_AFTER: Duration = Duration::from_secs(3);
/// Connected, but without an answer to anything for so long, it is gone as well.
pub(crate) const SILENT_AFTER: Duration = Duration::from_secs(15);
/// How often whoever watches is told, and how long the longest sleep is.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// How long an open loop goes on behind its end with what was due before.
const OVERTIME: Duration = Duration::from_secs(10);
/// An open loop sleeps to its next request, and no shorter: a wake costs more than it could be late.
const SHORTEST_SLEEP: Duration = Duration::from_micros(10);

/// Drives the load; see [`Service`].
pub(crate) struct Drive<'a, W> {
    orders: Orders,
    tally: Tally,
    recorder: Option<Recorder>,
    ended: Ended,
    /// The record could not be written: that ends the run.
    failure: Option<std::io::Error>,
    lanes: Lanes,
    connector: Connector,
    watcher: &'a mut W,
    /// Open loop only.
    schedule: Option<Schedule>,
    /// Requests that the schedule has let go.
    scheduled: u64,
    seconds_max: Option<u32>,
    started: Instant,
    /// Of the server, at the start.
    started_server_us: i64,
    /// The last answer, or the start.
    last_answer: Instant,
    /// Since when no connection is there.
    alone_since: Option<Instant>,
    told: Instant,
    /// Everything was asked, or nothing more is wanted.
    over: bool,
    /// Some connection has room, but nothing was to be asked then.
    hungry: bool,
    basket: Basket,
    frames: Vec<u8>,
    gateway: Gateway,
    subscribers: Subscribers,
    /// How long holds without an order last.
    hold_seconds: u32,
}

/// What a drive needs besides orders and connections.
pub(crate) struct Terms {
    pub(crate) schedule: Option<Schedule>,
    pub(crate) seconds_max: Option<u32>,
    pub(crate) server_time_us: i64,
    pub(crate) recorder: Option<Recorder>,
    /// Where lifecycles pay.
    pub(crate) gateway: Gateway,
    /// What is asked besides CREATE.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) subscribers: Subscribers,
    pub(crate) hold_seconds: u32,
}

/// What a drive came to.
pub(crate) struct Driven {
    pub(crate) tally: Tally,
    pub(crate) ended: Ended,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// That subscribers received.
    pub(crate) events: u64,
    /// The record could not be written.
    pub(crate) failure: Option<std::io::Error>,
}

impl<'a, W: Watcher> Drive<'a, W> {
    pub(crate) fn new(
        orders: Orders,
        lanes: Lanes,
        connector: Connector,
        terms: Terms,
        watcher: &'a mut W,
    ) -> Drive<'a, W> {
        let Terms {
            schedule,
            seconds_max,
            server_time_us,
            recorder,
            gateway,
            kinds,
            subscribers,
            hold_seconds,
        } = terms;
        let now = Instant::now();
        Drive {
            orders,
            tally: Tally::new(kinds),
            recorder,
            ended: Ended::Done,
            failure: None,
            lanes,
            connector,
            watcher,
            schedule,
            scheduled: 0,
            seconds_max,
            started: now,
            started_server_us: server_time_us,
            last_answer: now,
            alone_since: Some(now),
            told: now,
            over: false,
            hungry: true,
            basket: Basket::new(),
            frames: Vec::with_capacity(FRAME_BYTES_MAX),
            gateway,
            subscribers,
            hold_seconds,
        }
    }

    /// What is left when the reactor has ended.
    pub(crate) fn finish(self) -> Driven {
        let seconds = (self.last_answer - self.started).as_secs_f64();
        let events = self.subscribers.events;
        Driven { tally: self.tally, ended: self.ended, seconds, events, failure: self.failure }
    }

    /// Fills a connection's room, as far as there is something to ask and (open loop) it is due.
    fn feed(&mut self, lane: u32, now_ns: u64, out: &mut Output) {
        let Some(connection) = self.lanes.connection(lane) else { return };
        self.frames.clear();
        while !self.over && self.lanes.has_room(lane) {
            let since_ns = match &self.schedule {
                None => now_ns,
                Some(schedule) => match schedule.due_ns(self.scheduled) {
                    Some(due_ns) if due_ns <= now_ns => due_ns,
                    Some(_) | None => break,
                },
            };
            if self.ask_next(lane, since_ns, now_ns).is_break() {
                break;
            }
            // One a visit: the next request of an open loop goes to the next connection.
            if self.schedule.is_some() {
                break;
            }
        }
        if !self.frames.is_empty() && out.write(connection, &self.frames).is_err() {
            // It has just gone; `closed` comes and counts what was in flight, this included.
            self.hungry = true;
        }
    }

    /// Appends the next request to `frames`. Break: there is none now.
    fn ask_next(&mut self, lane: u32, since_ns: u64, now_ns: u64) -> ControlFlow<()> {
        let server_ms = (self.started_server_us / 1_000) as u64 + now_ns / 1_000_000;
        match self.orders.next(server_ms, &mut self.basket) {
            Step::Ask => {
                self.ask_basket(lane, since_ns);
                self.scheduled += 1;
                ControlFlow::Continue(())
            }
            Step::Act { place, act, request } => {
                self.ask_act(lane, (place, act, request), since_ns, now_ns);
                self.scheduled += 1;
                ControlFlow::Continue(())
            }
            Step::Errand { errand, request } => {
                let sent =
                    Sent { what: What::Errand(errand), number: 0, units: 0, place: NO_PLACE, since_ns };
                let meta = asking::meta(self.lanes.take_room(lane, sent), false);
                errand.append(&mut self.frames, &meta, request, self.hold_seconds);
                self.tally.ask(errand.kind());
                self.scheduled += 1;
                ControlFlow::Continue(())
            }
            Step::SetPrice(change) => {
                self.ask_price(lane, &change);
                ControlFlow::Continue(())
            }
            Step::Wait => {
                self.hungry = true;
                ControlFlow::Break(())
            }
            Step::Over => {
                self.over = true;
                ControlFlow::Break(())
            }
        }
    }

    fn ask_basket(&mut self, lane: u32, since_ns: u64) {
        let Basket { number, user, request, total, units, asked_before, place, lines } = &self.basket;
        let what = if *asked_before { What::Again } else { What::Order };
        let sent = Sent { what, number: *number, units: *units, place: *place, since_ns };
        let correlation = self.lanes.take_room(lane, sent);
        asking::create(&mut self.frames, &asking::meta(correlation, *asked_before), &self.basket);
        self.tally.ask(Kind::Create);
        self.tally.retries.sent += u64::from(*asked_before);
        if let Some(recorder) = &mut self.recorder {
            let row = AskedRow { number: *number, user: *user, request: *request, total: *total, lines };
            let written = if *asked_before { recorder.asked_again(*number) } else { recorder.asked(&row) };
            self.failure = self.failure.take().or(written.err());
        }
    }

    fn ask_act(&mut self, lane: u32, (place, act, request): (u32, Act, u128), since_ns: u64, now_ns: u64) {
        let life = self.orders.life(place);
        let sent = Sent { what: What::Act(act), number: life.number, units: 0, place, since_ns };
        let meta = asking::meta(self.lanes.take_room(lane, sent), false);
        let now_us = self.started_server_us + (now_ns / 1_000) as i64;
        asking::act(&mut self.frames, &meta, act, life, request, &self.gateway, now_us);
        self.tally.ask(act.kind());
        if let Some(recorder) = &mut self.recorder {
            self.failure = self.failure.take().or(recorder.act_asked(life.number, act).err());
        }
    }

    fn ask_price(&mut self, lane: u32, change: &PriceChange) {
        let sent =
            Sent { what: What::Price, number: change.goods.into(), units: 0, place: NO_PLACE, since_ns: 0 };
        let meta = asking::meta(self.lanes.take_room(lane, sent), change.asked_before);
        let goods = &self.orders.market.goods[change.goods as usize];
        asking::sku_put(&mut self.frames, &meta, &goods.put_head(change.request, change.unit_price));
    }

    /// When the time for sending is over, since the start.
    fn end_ns(&self) -> Option<u64> {
        self.seconds_max.map(|seconds| u64::from(seconds) * 1_000_000_000)
    }

    /// Ends the sending when its time is over. An open loop still sends what was due before: to leave it out would
    /// hide just those that waited longest.
    fn note_end(&mut self, now_ns: u64) {
        let Some(end_ns) = self.end_ns().filter(|_| !self.over) else { return };
        let Some(schedule) = &self.schedule else {
            self.over = now_ns >= end_ns;
            return;
        };
        let all_sent = schedule.due_ns(self.scheduled).is_none_or(|due_ns| due_ns >= end_ns);
        self.over = all_sent || now_ns >= end_ns + OVERTIME.as_nanos() as u64;
        if self.over && !all_sent {
            let due = schedule.due_by(end_ns);
            self.tally.unsent = due.saturating_sub(self.scheduled);
        }
    }

    /// Whether it is time to end, and how.
    fn end(&mut self, now: Instant) -> Option<Ended> {
        if self.failure.is_some() {
            return Some(Ended::Interrupted);
        }
        // What is on its way is still waited for, so that whoever stops a run leaves nothing unknown behind.
        if !self.over && self.watcher.is_stopped() {
            self.over = true;
            self.ended = Ended::Interrupted;
        }
        let in_flight = self.lanes.in_flight();
        if self.over && in_flight == 0 {
            return Some(self.ended);
        }
        let gone = self.alone_since.is_some_and(|since| now - since >= GONE_AFTER);
        let silent = in_flight > 0 && now - self.last_answer >= SILENT_AFTER;
        if gone || silent {
            let how = if gone { "is gone: no connection" } else { "is silent: no answer" };
            let seconds = if gone { GONE_AFTER } else { SILENT_AFTER }.as_secs();
            self.tally.error(|| format!("the server {how} for {seconds} s"));
            return Some(Ended::ServerGone);
        }
        None
    }

    /// Sends what may leave now, wherever there is room.
    fn feed_all(&mut self, now_ns: u64, out: &mut Output) {
        if let Some(schedule) = &self.schedule {
            // One request a connection in turn, as long as one is due and some connection has room.
            let until_ns = self.end_ns().map_or(now_ns, |end_ns| now_ns.min(end_ns.saturating_sub(1)));
            let mut due = schedule.due_ns(self.scheduled);
            while due.is_some_and(|due_ns| due_ns <= until_ns) {
                let Some(lane) = self.lanes.next_with_room() else { return };
                let before = self.tally.sent;
                self.feed(lane, now_ns, out);
                if self.tally.sent == before && (self.hungry || self.over) {
                    return;
                }
                due = self.schedule.as_ref().and_then(|schedule| schedule.due_ns(self.scheduled));
            }
            self.over |= due.is_none();
        } else if std::mem::take(&mut self.hungry) {
            for lane in 0..self.lanes.count() {
                self.feed(lane, now_ns, out);
            }
        }
    }

    fn tell(&mut self, now: Instant) {
        self.told = now;
        let progress = Progress {
            seconds: (now - self.started).as_secs_f64(),
            seconds_max: self.seconds_max,
            asked: self.tally.orders_asked(),
            asked_max: self.orders.expected(),
            answered: self.tally.answered,
            accepted: self.tally.accepted,
            refused: self.tally.refused_total(),
            connected: self.lanes.connected(),
        };
        self.watcher.progress(&progress);
    }

    /// When the next turn is wanted at the latest.
    fn next_turn(&self, now_ns: u64) -> Next {
        let due = self.schedule.as_ref().and_then(|schedule| schedule.due_ns(self.scheduled));
        match due {
            Some(due_ns) if !self.over && due_ns > now_ns => {
                Next::Within(Duration::from_nanos(due_ns - now_ns).clamp(SHORTEST_SLEEP, TELL_EVERY))
            }
            // Overdue means that no connection has room: an answer will come and wake us.
            Some(_) | None => Next::Within(TELL_EVERY),
        }
    }
}

impl<W: Watcher> Service for Drive<'_, W> {
    fn opened(&mut self, connection: Connection, out: &mut Output) {
        match self.lanes.join(connection) {
            Some(_) => {
                self.alone_since = None;
                self.hungry = true;
            }
            None => {
                self.frames.clear();
                let is_gone = !self.subscribers.join(connection, &mut self.frames)
                    || out.write(connection, &self.frames).is_err();
                if is_gone {
                    out.close(connection);
                }
            }
        }
    }

    fn received(&mut self, connection: Connection, bytes: &[u8], out: &mut Output) -> Received {
        let Some(lane) = self.lanes.of(connection) else {
            return self.events_received(connection, bytes, out);
        };
        let now = Instant::now();
        let now_ns = (now - self.started).as_nanos() as u64;
        let mut taken = 0;
        loop {
            match split(&bytes[taken..], FRAME_BYTES_MAX) {
                Split::NeedMore => break,
                Split::Frame { header, body, used } => {
                    taken += used;
                    if self.take_answer(lane, &header, body, now_ns).is_break() {
                        return Received::Close;
                    }
                }
                Split::Bad(status) => {
                    self.tally.error(|| format!("the server sent a frame that is {}", status.name()));
                    return Received::Close;
                }
            }
        }
        if taken > 0 {
            self.last_answer = now;
            self.tally.end_span(now_ns);
            if self.schedule.is_none() {
                self.feed(lane, now_ns, out);
            }
        }
        Received::Taken(taken)
    }

    fn closed(&mut self, connection: Connection) {
        let Some(lane) = self.lanes.leave(connection) else {
            if self.subscribers.leave(connection) {
                self.connector.want_one();
            }
            return;
        };
        self.give_up(lane);
        if self.lanes.connected() == 0 {
            self.alone_since = Some(Instant::now());
        }
        self.connector.want_one();
    }

    fn turn(&mut self, turn: Turn<'_>) -> Next {
        let now = turn.now;
        let now_ns = (now - self.started).as_nanos() as u64;
        self.note_end(now_ns);
        self.feed_all(now_ns, turn.out);
        // Before the sends leave: whoever is killed now has a row for all that left.
        if let Some(recorder) = &mut self.recorder {
            self.failure = self.failure.take().or(recorder.flush().err());
        }
        if now - self.told >= TELL_EVERY {
            self.tell(now);
        }
        match self.end(now) {
            None => self.next_turn(now_ns),
            Some(ended) => {
                self.ended = ended;
                self.tell(now);
                for lane in 0..self.lanes.count() {
                    self.give_up(lane);
                }
                if let Some(recorder) = &mut self.recorder {
                    self.failure = self.failure.take().or(recorder.flush().err());
                }
                Next::Stop
            }
        }
    }
}
