//! What happens to a frame: one [`Gateway`] a thread, between the connections of that thread and the store.

mod audit;
mod batch;
mod events;
mod parting;

use std::sync::Arc;

use domain::intent::{AskedLine, Envelope, SaleSku, SentLine};
use domain::letter::LETTER_REASON_BYTES_MAX;
use domain::{Intent, Micros, MicrosUtc, TraceId, UserId};
use protocol::bounds::{FRAME_BYTES_MAX, FRAME_BYTES_MAX_BEFORE_HELLO};
use protocol::{Flags, Header, Kind, Meta, Split, Status, messages, split};
use storage::{Answer, Outcome, Share, Store};

use crate::answer::{item_of, write_outcome};
use crate::audit::AuditDesk;
use crate::batch::Batches;
use crate::bounds::{Bounds, Rates};
use crate::common::{Common, Counters};
use crate::door::Door;
use crate::events::{EventDesk, Refusals, Row};
use crate::in_flight::{InFlight, Pending, Place};
use crate::newcomers::Newcomers;
use crate::outlet::{Client, Outlet};
use crate::pen::{Pen, To};
use crate::rate::Paces;
use crate::refused::Refused;
use crate::session::{Phase, Sessions, drain, goaway, hello, kinds_served, ping, stats};
use crate::{aftersale, catalogue, coupon, create, freight, guards, payment, reads, shipment, stock};

/// The kinds that this build serves, but for what a store has not ([`Common::without`]); all others are UNKNOWN_KIND.
pub const SERVED: &[Kind] = &[
    Kind::Hello,
    Kind::Ping,
    Kind::Goaway,
    Kind::Prepare,
    Kind::Create,
    Kind::Get,
    Kind::List,
    Kind::History,
    Kind::Cancel,
    Kind::ConfirmReceipt,
    Kind::Repair,
    Kind::StockGet,
    Kind::StockAdjust,
    Kind::StockReserve,
    Kind::StockRelease,
    Kind::StockCommit,
    Kind::StockExtend,
    Kind::StockTransfer,
    Kind::StockReturn,
    Kind::PayOpen,
    Kind::PayCallback,
    Kind::PayGet,
    Kind::PayClose,
    Kind::Refund,
    Kind::RefundResult,
    Kind::Ship,
    Kind::Track,
    Kind::Sign,
    Kind::CouponDefine,
    Kind::CouponClaim,
    Kind::CouponCheck,
    Kind::CouponGet,
    Kind::CouponList,
    Kind::AftersaleOpen,
    Kind::AftersaleGet,
    Kind::AftersaleDecide,
    Kind::AftersaleReceive,
    Kind::SaleGet,
    Kind::Subscribe,
    Kind::Ack,
    Kind::Unsubscribe,
    Kind::DeadLetters,
    Kind::SkuPut,
    Kind::SalePut,
    Kind::LimitPut,
    Kind::Switch,
    Kind::OrdersScan,
    Kind::Stats,
    Kind::Audit,
    Kind::Drain,
    Kind::SkuGet,
    Kind::SkuList,
    Kind::SaleList,
    Kind::SwitchList,
    Kind::LimitList,
    Kind::FreightPut,
    Kind::FreightList,
    Kind::Batch,
];

/// Sessions of one thread's connections, and the way of their requests to the store and back.
///
/// A turn: [`Gateway::begin`], [`Gateway::received`] for each connection that has bytes, [`Gateway::submit`], the
/// store's own work, [`Gateway::answer`]. Nothing is allocated a request once warm, reads and BATCH aside.
pub struct Gateway<S> {
    door: Door<S>,
    sessions: Sessions,
    newcomers: Newcomers,
    batches: Batches,
    paces: Paces,
    desk: Box<dyn AuditDesk>,
    events: Box<dyn EventDesk>,
    subscriptions: events::Subscriptions,
    refusals: Refusals,
    /// Who waits for the desk.
    audit_for: Option<Pending>,
    room: Room,
    pen: Pen,
    settings: Settings,
    now: MicrosUtc,
    told: parting::Told,
}

/// The threads that work for a gateway beside it.
pub struct Desks {
    /// Recomputes the journal.
    pub audit: Box<dyn AuditDesk>,
    /// Sends events.
    pub events: Box<dyn EventDesk>,
}

/// What became of received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// So many were understood; give the rest again, with what follows.
    Bytes(usize),
    /// Take nothing more from this connection; close it when what was written to it has left.
    Close,
}

/// Room for the lists of one request.
#[derive(Debug)]
struct Room {
    lines: Vec<AskedLine>,
    sent: Vec<SentLine>,
    skus: Vec<SaleSku>,
    reason: [u8; LETTER_REASON_BYTES_MAX],
    note: Vec<u8>,
    coupon: coupon::Defined,
}

/// What does not change while serving.
#[derive(Debug)]
struct Settings {
    common: Arc<Common>,
    /// Which of the gateways this is.
    place: usize,
    bounds: Bounds,
}

/// A frame that asks for something.
#[derive(Clone, Copy, Debug)]
struct Asked<'a> {
    client: Client,
    header: &'a Header,
    body: &'a [u8],
}

/// How the body of a kind becomes an intent.
type Parse = for<'a> fn(&Header, &'a [u8], &'a mut Room) -> Result<Intent<'a>, Refused>;

impl<S: Store> Gateway<S> {
    /// A gateway to this store. `place` says which of the server's gateways it is, counted from 0; `seed` is to
    /// be unknown to clients.
    pub fn new(
        store: S,
        bounds: Bounds,
        rates: &Rates,
        common: Arc<Common>,
        place: usize,
        desks: Desks,
        seed: u64,
    ) -> Gateway<S> {
        let in_flight = InFlight::new(bounds.in_flight, bounds.in_flight_reserved);
        Gateway {
            door: Door::new(store, in_flight, bounds.retry_after_ms),
            sessions: Sessions::new(bounds.connections),
            newcomers: Newcomers::new(bounds.connections),
            batches: Batches::new(bounds.batches),
            paces: Paces::new(rates, bounds.rate_users, seed),
            desk: desks.audit,
            events: desks.events,
            subscriptions: events::Subscriptions::default(),
            refusals: Refusals::default(),
            audit_for: None,
            room: Room {
                lines: Vec::new(),
                skus: Vec::new(),
                reason: [0; LETTER_REASON_BYTES_MAX],
                note: Vec::new(),
                sent: Vec::new(),
                coupon: coupon::Defined::default(),
            },
            pen: Pen::default(),
            settings: Settings { common, place, bounds },
            now: MicrosUtc(0),
            told: parting::Told::default(),
        }
    }

    /// A turn begins: ledger time for all that arrives in it.
    pub fn begin(&mut self, now: MicrosUtc) {
        self.now = now;
        let wanted = self.events.wants_refusals();
        self.refusals.begin(now, wanted, self.settings.bounds.refusal_events_per_s);
    }

    /// A connection is there, in a turn that has begun: its time to say HELLO runs. One beyond the bound is closed.
    pub fn opened(&mut self, client: Client, out: &mut impl Outlet) {
        if !self.sessions.open(client) {
            return out.close(client);
        }
        self.newcomers.add(client, self.now);
    }

    /// Bytes of a connection, beginning with those not taken last time.
    pub fn received(&mut self, client: Client, bytes: &[u8], out: &mut impl Outlet) -> Taken {
        let mut taken = 0;
        loop {
            let Some(session) = self.sessions.get(client) else { return Taken::Close };
            let frame_bytes_max = match session.phase {
                Phase::Gone | Phase::Stranger => FRAME_BYTES_MAX_BEFORE_HELLO,
                Phase::Known | Phase::Leaving => FRAME_BYTES_MAX,
            };
            match split(&bytes[taken..], frame_bytes_max) {
                Split::NeedMore => return Taken::Bytes(taken),
                Split::Frame { header, body, used } => {
                    taken += used;
                    let stranger = session.phase == Phase::Stranger;
                    let asked = Asked { client, header: &header, body };
                    if self.take(asked, stranger, out) == Taken::Close {
                        return Taken::Close;
                    }
                }
                Split::Bad(status) => {
                    self.part_with_bad_frame(client, status, out);
                    return Taken::Close;
                }
            }
        }
    }

    /// The client sends nothing more. True: it still waits for answers; it is closed after the last of them.
    pub fn input_ended(&mut self, client: Client) -> bool {
        match self.sessions.get(client) {
            Some(session) => {
                session.phase = Phase::Leaving;
                session.in_flight > 0
            }
            None => false,
        }
    }

    /// A connection is gone. Answers to it are dropped when they come.
    pub fn closed(&mut self, client: Client) {
        if let Some(session) = self.sessions.get(client) {
            session.phase = Phase::Gone;
            self.newcomers.remove(client.slot);
            self.subscriptions.closed(client);
        }
    }

    /// Hands what was asked in this turn to the store.
    pub fn submit(&mut self) {
        self.door.submit();
    }

    /// Writes the answers that may leave now, and closes who has not said HELLO in time.
    pub fn answer(&mut self, out: &mut impl Outlet) {
        while let Some(mut answers) = self.door.poll() {
            for Answer { ticket, position, at: _, outcome } in answers.drain(..) {
                let pending = self.door.take_back(ticket);
                match pending.place {
                    Place::Frame(kind) => self.answer_frame(&pending, kind, &outcome, out),
                    Place::Watched { kind, row } => {
                        self.tell_if_refused(row, &outcome);
                        self.answer_frame(&pending, kind, &outcome, out);
                    }
                    Place::Item { batch, item, watched } => {
                        if let Some(row) = watched {
                            self.tell_if_refused(row, &outcome);
                        }
                        let answer = item_of(&outcome, self.settings.bounds.retry_after_ms);
                        self.answer_item(batch, item, answer, out);
                    }
                    Place::Subscribe => self.begin_subscription(&pending, &outcome, out),
                    Place::Audit => self.begin_audit(pending, position, outcome, out),
                }
            }
            self.door.store.give_back(answers);
        }
        self.answer_audit(out);
        self.deliver(out);
        self.part_with_silent(out);
        self.settings.counters().in_flight.set(u64::from(self.door.in_flight()));
    }

    /// What became of a watched request, for who listens to refusals.
    fn tell_if_refused(&mut self, row: Row, outcome: &Outcome) {
        if let Some(refusal) = self.refusals.judge(self.now, row, outcome) {
            self.events.tell_refusal(refusal);
        }
    }

    /// Whether somebody still waits for an answer.
    pub const fn busy(&self) -> bool {
        self.door.in_flight() > 0 || self.audit_for.is_some()
    }

    /// The store behind this gateway.
    pub const fn store_mut(&mut self) -> &mut S {
        &mut self.door.store
    }

    fn take(&mut self, asked: Asked<'_>, stranger: bool, out: &mut impl Outlet) -> Taken {
        let Asked { client, header, .. } = asked;
        let counters = self.settings.counters();
        counters.frames_in.add(1);
        let goes_on = Taken::Bytes(header.length as usize);
        let is_hello = header.check_request().is_ok() && header.kind.known() == Some(Kind::Hello);
        let (result, then) = if stranger && !is_hello {
            self.newcomers.remove(client.slot);
            (Err(Refused::of(Status::AuthRequired, "the first frame is no HELLO")), Taken::Close)
        } else {
            (self.serve(asked, out), goes_on)
        };
        if let Err(refused) = result {
            let to = &mut self.settings.to(client, out);
            to.counters.turned_away.add(1);
            self.pen.refuse(to, &Meta::answering(header), header.kind, &refused);
        }
        then
    }

    /// One arm a kind: what it needs, and which share of the store it may use.
    fn serve(&mut self, asked: Asked<'_>, out: &mut impl Outlet) -> Result<(), Refused> {
        const UNKNOWN: Refused = Refused::of(Status::UnknownKind, "not served by this build and its store");
        asked.header.check_request().map_err(|_| Refused::field("flags, kind or status of the header"))?;
        let known = asked.header.kind.known().filter(|&kind| self.settings.common.has(kind));
        let kind = known.ok_or(UNKNOWN)?;
        self.check_leaving(asked.client, kind)?;
        match kind {
            Kind::Hello | Kind::Ping | Kind::Goaway | Kind::Drain | Kind::Stats => {
                self.serve_here(asked, kind, out)
            }
            Kind::Batch => self.serve_batch(asked, out),
            Kind::Audit => self.serve_audit(asked, out),
            Kind::Subscribe => self.serve_subscribe(asked, out),
            Kind::Ack => self.serve_ack(asked, out),
            Kind::DeadLetters => self.serve_dead_letters(asked, out),
            Kind::Unsubscribe => self.serve_unsubscribe(asked, out),

            Kind::Create => self.forward(asked, kind, Share::Any, out, |header, body, room| {
                create::create(header, body, &mut room.lines)
            }),
            Kind::Prepare => self.forward(asked, kind, Share::Any, out, |header, body, room| {
                create::prepare(header, body, &mut room.lines)
            }),
            Kind::Get => self.forward(asked, kind, Share::Any, out, |h, b, _| reads::get(h, b)),
            Kind::List => self.forward(asked, kind, Share::Any, out, |h, b, _| reads::list(h, b)),
            Kind::History => self.forward(asked, kind, Share::Any, out, |h, b, _| reads::history(h, b)),
            Kind::StockGet => {
                self.forward(asked, kind, Share::Any, out, |h, b, _| catalogue::stock_get(h, b))
            }
            Kind::SkuGet => self.forward(asked, kind, Share::Any, out, |h, b, _| catalogue::sku_get(h, b)),
            Kind::SkuList => self.forward(asked, kind, Share::Any, out, |h, b, _| catalogue::sku_list(h, b)),
            Kind::SaleGet => self.forward(asked, kind, Share::Any, out, |h, b, _| catalogue::sale_get(h, b)),
            Kind::SaleList => {
                self.forward(asked, kind, Share::Any, out, |h, b, _| catalogue::sale_list(h, b))
            }

            Kind::FreightList => self.forward(asked, kind, Share::Any, out, |h, b, _| freight::list(h, b)),

            // What frees stock, and operators' work: gets through a flood of orders.
            Kind::Cancel => self.forward(asked, kind, Share::Reserved, out, |h, b, _| create::cancel(h, b)),
            Kind::Repair => self.forward(asked, kind, Share::Reserved, out, |h, b, _| payment::repair(h, b)),
            Kind::SkuPut => {
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| catalogue::sku_put(h, b))
            }
            Kind::FreightPut => self.forward(asked, kind, Share::Reserved, out, |h, b, _| freight::put(h, b)),
            Kind::SalePut => self.forward(asked, kind, Share::Reserved, out, |header, body, room| {
                catalogue::sale_put(header, body, &mut room.skus)
            }),
            Kind::StockAdjust => {
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| catalogue::stock_adjust(h, b))
            }

            Kind::StockReserve => self.forward(asked, kind, Share::Any, out, |header, body, room| {
                stock::reserve(header, body, &mut room.lines)
            }),
            Kind::StockExtend => self.forward(asked, kind, Share::Any, out, |h, b, _| stock::extend(h, b)),
            // What confirms or frees stock gets through a flood of orders, too.
            Kind::StockRelease => {
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| stock::release(h, b))
            }
            Kind::StockCommit => {
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| stock::commit(h, b))
            }
            Kind::StockTransfer => {
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| stock::transfer(h, b))
            }
            Kind::StockReturn => {
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| stock::take_back(h, b))
            }

            // Money gets through a flood of orders, too.
            Kind::PayOpen => {
                self.check_gateway(asked)?;
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| payment::open(h, b))
            }
            Kind::PayCallback => {
                self.check_signed(asked, kind)?;
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| payment::callback(h, b))
            }
            Kind::PayGet => self.forward(asked, kind, Share::Reserved, out, |h, b, _| payment::get(h, b)),
            Kind::PayClose => self.forward(asked, kind, Share::Reserved, out, |h, b, _| payment::close(h, b)),
            Kind::Refund => self.forward(asked, kind, Share::Reserved, out, |h, b, _| payment::refund(h, b)),
            Kind::RefundResult => {
                self.check_signed(asked, kind)?;
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| payment::refund_result(h, b))
            }

            Kind::Switch => self.forward(asked, kind, Share::Reserved, out, |header, body, room| {
                guards::switch(header, body, &mut room.note)
            }),
            Kind::LimitPut => {
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| guards::limit_put(h, b))
            }
            Kind::LimitList => self.forward(asked, kind, Share::Any, out, |h, b, _| guards::limit_list(h, b)),
            Kind::OrdersScan => self.forward(asked, kind, Share::Any, out, |h, b, _| reads::scan(h, b)),
            Kind::SwitchList => {
                self.forward(asked, kind, Share::Any, out, |h, b, _| guards::switch_list(h, b))
            }
            // What is paid for is sent and arrives, whatever else is asked.
            Kind::Ship => self.forward(asked, kind, Share::Reserved, out, |h, b, room| {
                shipment::ship(h, b, &mut room.sent)
            }),
            Kind::Sign => self.forward(asked, kind, Share::Reserved, out, |h, b, _| shipment::sign(h, b)),
            Kind::ConfirmReceipt => {
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| shipment::confirm_receipt(h, b))
            }
            Kind::AftersaleOpen => {
                self.forward(asked, kind, Share::Any, out, |h, b, _| aftersale::open(h, b))
            }
            Kind::AftersaleGet => self.forward(asked, kind, Share::Any, out, |h, b, _| aftersale::get(h, b)),
            Kind::AftersaleDecide => {
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| aftersale::decide(h, b))
            }
            Kind::AftersaleReceive => {
                self.forward(asked, kind, Share::Reserved, out, |h, b, _| aftersale::receive(h, b))
            }
            Kind::Track => self.forward(asked, kind, Share::Any, out, |h, b, _| shipment::track(h, b)),

            Kind::CouponDefine => self.forward(asked, kind, Share::Reserved, out, |header, body, room| {
                coupon::define(header, body, &mut room.coupon)
            }),
            Kind::CouponClaim => self.forward(asked, kind, Share::Any, out, |h, b, _| coupon::claim(h, b)),
            Kind::CouponCheck => self.forward(asked, kind, Share::Any, out, |header, body, room| {
                coupon::check(header, body, &mut room.lines)
            }),
            Kind::CouponGet => self.forward(asked, kind, Share::Any, out, |h, b, _| coupon::get(h, b)),
            Kind::CouponList => self.forward(asked, kind, Share::Any, out, |h, b, _| coupon::list(h, b)),

            Kind::Auth | Kind::QueueEnter | Kind::QueueStatus | Kind::QueueLeave | Kind::Snapshot => {
                Err(UNKNOWN)
            }
        }
    }

    /// A payment is opened at a gateway whose callbacks would be believed.
    fn check_gateway(&self, asked: Asked<'_>) -> Result<(), Refused> {
        let gateway = protocol::parse::<messages::PayOpen>(asked.header, asked.body)?.head.gateway;
        if self.settings.common.keys().has(gateway) { Ok(()) } else { Err(Refused::field("gateway")) }
    }

    /// What a gateway says is its own, and of now.
    fn check_signed(&self, asked: Asked<'_>, kind: Kind) -> Result<(), Refused> {
        self.settings.common.keys().verify(self.now, kind, asked.header, asked.body)
    }

    /// Hands a request to the store; its answer comes later.
    fn forward(
        &mut self,
        asked: Asked<'_>,
        kind: Kind,
        share: Share,
        out: &mut impl Outlet,
        parse: Parse,
    ) -> Result<(), Refused> {
        self.check_draining(kind)?;
        self.check_room(asked.client, out)?;
        let Asked { client, header, body } = asked;
        let intent = parse(header, body, &mut self.room)?;
        let session = self.sessions.get(client).expect("its frame is being served");
        if share == Share::Any {
            self.paces.take(&mut session.bucket, asker(&intent), self.now)?;
        }
        let place = match self.refusals.watch(&intent, TraceId(header.trace)) {
            None => Place::Frame(kind),
            Some(row) => Place::Watched { kind, row },
        };
        let pending = pending(client, header, place);
        let asked = self.door.ask(share, pending, envelope(header), deadline(self.now, header), intent);
        if let (Err(_), Place::Watched { row, .. }) = (&asked, place) {
            self.refusals.leave(row);
        }
        asked?;
        session.in_flight += 1;
        Ok(())
    }

    /// What is about the session or the server: answered at once.
    fn serve_here(&mut self, asked: Asked<'_>, kind: Kind, out: &mut impl Outlet) -> Result<(), Refused> {
        let Asked { client, header, body } = asked;
        let (now, meta) = (self.now, Meta::answering(header));
        let Settings { common, bounds, .. } = &self.settings;
        let session = self.sessions.get(client).expect("its frame is being served");
        let to = &mut self.settings.to(client, out);
        let pen = &mut self.pen;
        if kind == Kind::Hello {
            let head = hello(header, body, &common.about, bounds, now)?;
            session.phase = Phase::Known;
            self.newcomers.remove(client.slot);
            pen.answer::<messages::HelloAnswer>(to, &meta, &head, kinds_served(common), &[]);
        } else if kind == Kind::Ping {
            pen.answer::<messages::PingAnswer>(to, &meta, &ping(header, body, now)?, [], &[]);
        } else if kind == Kind::Drain {
            pen.answer::<messages::DrainAnswer>(to, &meta, &drain(header, body, common)?, [], &[]);
        } else if kind == Kind::Stats {
            let head = stats(header, body, common, &self.door.store.stats(), now)?;
            pen.answer::<messages::StatsAnswer>(to, &meta, &head, [], &[]);
        } else {
            let head = goaway(header, body, session.in_flight)?;
            session.phase = Phase::Leaving;
            pen.answer::<messages::GoawayAnswer>(to, &meta, &head, [], &[]);
            if session.in_flight == 0 {
                out.close(client);
            }
        }
        Ok(())
    }

    fn answer_frame(&mut self, pending: &Pending, kind: Kind, outcome: &Outcome, out: &mut impl Outlet) {
        let client = pending.client;
        // Gone: whoever asked will ask again by the same request id.
        let Some(session) = self.sessions.get(client) else { return };
        session.in_flight -= 1;
        let last = session.phase == Phase::Leaving && session.in_flight == 0;
        let to = &mut self.settings.to(client, out);
        write_outcome(&mut self.pen, to, &pending.meta(0), kind, outcome);
        if last {
            out.close(client);
        }
    }

    /// GOING_AWAY once the session ends, whoever ends it.
    fn check_leaving(&mut self, client: Client, kind: Kind) -> Result<(), Refused> {
        let session = self.sessions.get(client).expect("its frame is being served");
        match session.phase {
            Phase::Gone | Phase::Stranger | Phase::Known => Ok(()),
            Phase::Leaving => {
                self.check_draining(kind)?;
                Err(Refused::of(Status::GoingAway, "the session ends"))
            }
        }
    }

    /// DRAINING for what leads to new orders.
    fn check_draining(&self, kind: Kind) -> Result<(), Refused> {
        let new_orders = kind == Kind::Create
            || kind == Kind::Prepare
            || kind == Kind::StockReserve
            || kind == Kind::Batch;
        if new_orders && self.settings.common.draining() {
            return Err(Refused::later(Status::Draining, self.settings.bounds.retry_after_ms, "draining"));
        }
        Ok(())
    }

    /// TOO_MANY_IN_FLIGHT for a connection that has as much under way as it may.
    fn check_room(&mut self, client: Client, out: &mut impl Outlet) -> Result<(), Refused> {
        let Bounds { connection_in_flight, connection_answer_bytes, retry_after_ms, .. } =
            self.settings.bounds;
        let session = self.sessions.get(client).expect("its frame is being served");
        if session.in_flight >= connection_in_flight {
            return Err(Refused::later(Status::TooManyInFlight, retry_after_ms, "connection_in_flight"));
        }
        if out.queued_bytes(client) > connection_answer_bytes as usize {
            return Err(Refused::later(Status::TooManyInFlight, retry_after_ms, "connection_answer_bytes"));
        }
        Ok(())
    }
}

impl Settings {
    fn counters(&self) -> &Counters {
        &self.common.counters()[self.place]
    }

    fn to<'a, O: Outlet>(&'a self, client: Client, outlet: &'a mut O) -> To<'a, O> {
        To {
            client,
            outlet,
            counters: self.counters(),
            answer_bytes_max: self.bounds.connection_answer_bytes as usize,
            retry_after_ms: self.bounds.retry_after_ms,
        }
    }
}

fn pending(client: Client, header: &Header, place: Place) -> Pending {
    Pending { client, correlation: header.correlation, trace: TraceId(header.trace), place }
}

fn envelope(header: &Header) -> Envelope {
    Envelope { trace: TraceId(header.trace), asked_before: header.flags.has(Flags::ASKED_BEFORE) }
}

/// The instant from which the client does not wait any more.
fn deadline(now: MicrosUtc, header: &Header) -> Option<MicrosUtc> {
    (header.time_ms > 0).then(|| now.after(Micros(i64::from(header.time_ms) * 1_000)))
}

/// Whose pace a request counts against; nobody's (user 0) where it is no buyer's.
const fn asker(intent: &Intent<'_>) -> UserId {
    match intent {
        Intent::Create(create) => create.user,
        Intent::Prepare(prepare) => prepare.user,
        Intent::Get { user, .. } | Intent::GetByRequest { user, .. } | Intent::History { user, .. } => *user,
        Intent::List(list) => list.user,
        Intent::StockReserve(reserve) => reserve.user,
        Intent::StockExtend(extend) => extend.user,
        Intent::Track { user, .. } | Intent::CaseList { user, .. } => *user,
        Intent::CaseOpen(open) => open.user,
        Intent::CouponClaim(claim) => claim.user,
        Intent::CouponCheck(check) => check.user,
        Intent::CouponGet { user, .. } => *user,
        // Money is never paced.
        Intent::PayOpen(_)
        | Intent::PayCallback(_)
        | Intent::PayGet { .. }
        | Intent::PayClose(_)
        | Intent::Refund(_)
        | Intent::RefundResult(_)
        | Intent::Repair(_)
        | Intent::Ship(_)
        | Intent::TrackNote(_)
        | Intent::CaseDecide(_)
        | Intent::CaseReceive(_)
        | Intent::Sign(_)
        | Intent::ConfirmReceipt(_)
        | Intent::Cancel(_)
        | Intent::SkuPut(_)
        | Intent::SalePut(_)
        | Intent::FreightPut(_)
        | Intent::FreightList { .. }
        | Intent::StockAdjust(_)
        | Intent::StockRelease(_)
        | Intent::StockCommit(_)
        | Intent::StockTransfer(_)
        | Intent::StockReturn(_)
        | Intent::SkuGet(_)
        | Intent::SkuList { .. }
        | Intent::SaleGet(_)
        | Intent::SaleList { .. }
        | Intent::StockGet { .. }
        | Intent::Holdings
        | Intent::CursorMove(_)
        | Intent::CursorGet(_)
        | Intent::LetterPark(_)
        | Intent::LetterEnd(_)
        | Intent::LetterList(_)
        | Intent::LimitPut(_)
        | Intent::LimitList { .. }
        | Intent::Scan(_)
        | Intent::SwitchPut(_)
        | Intent::SwitchList { .. }
        | Intent::CouponDefine(_)
        | Intent::CouponList { .. } => UserId(0),
    }
}

impl std::fmt::Debug for Desks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desks").finish_non_exhaustive()
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for Gateway<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("door", &self.door).field("now", &self.now).finish_non_exhaustive()
    }
}
