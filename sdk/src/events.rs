//! Events as a stream: credit, acknowledgement, lost connections and restarts are its own business.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use protocol::messages::{Ack, Subscribe, SubscribeAnswer};
use protocol::structs::{self as wire, AckHead, SubscribeHead};
use protocol::{Class, EventType, Flags, Message, Meta, Status, text};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep};

use crate::attempts::{Asker, refused};
use crate::connection::{Answer, Broken, Connection};
use crate::error::{Error, Violation};
use crate::shop::Actor;
use crate::values::{
    CouponId, Currency, GatewayId, MicrosUtc, Money, OrderId, PaymentId, RequestId, SaleId, SkuId, State,
    UserId, WarehouseId,
};

/// Events and bytes that the server may send ahead of what was taken.
const CREDIT_EVENTS: u32 = 4_096;
const CREDIT_BYTES: u32 = 2 << 20;
/// A named cursor is moved after so many events, or after this time.
const ACK_EVERY_EVENTS: u64 = 1_024;
const ACK_EVERY: Duration = Duration::from_secs(1);
/// The pause before a lost subscription is asked for again; it doubles up to the second.
const BACKOFF_FIRST: Duration = Duration::from_millis(10);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Which events: all of them, unless something is set; all that is set must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    types: u64,
    user: u64,
    sku: u64,
    sale: u32,
}

impl EventFilter {
    /// Everything.
    pub const ALL: EventFilter = EventFilter { types: 0, user: 0, sku: 0, sale: 0 };

    /// This type too; without any, all types.
    #[must_use]
    pub const fn of_type(mut self, event: EventType) -> EventFilter {
        self.types |= event.bit();
        self
    }

    /// Only of this user's orders.
    #[must_use]
    pub const fn user(mut self, user: UserId) -> EventFilter {
        self.user = user.0;
        self
    }

    /// Only what names this sku.
    #[must_use]
    pub const fn sku(mut self, sku: SkuId) -> EventFilter {
        self.sku = sku.0;
        self
    }

    /// Only what names this sale.
    #[must_use]
    pub const fn sale(mut self, sale: SaleId) -> EventFilter {
        self.sale = sale.0;
        self
    }
}

/// Where a subscription begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// What becomes durable from now on.
    Now,
    /// Behind this position; 0: at the first event that there is.
    Behind(u64),
    /// Behind this named cursor, which the server keeps and the stream moves on: 1 to 32 printable ASCII characters.
    Cursor(String),
}

/// What became true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where it stands in the stream; positions grow.
    pub position: u64,
    /// Position of the event before it in this subscription.
    pub previous: u64,
    /// Position of the event that this tells again, because it was parked and is retried. Where that is not kept any
    /// more, `event` is `Err(0)` and nothing else is known.
    pub again: Option<u64>,
    /// When.
    pub at: MicrosUtc,
    /// What happened; `Err` with its number where this client is older than the server.
    pub event: Result<EventType, u16>,
    /// Version of the meaning of its fields, from 1.
    pub schema: u16,
    /// Who caused it.
    pub actor: Actor,
    /// The request that caused it.
    pub request: Option<RequestId>,
    /// Trace of that request; 0 for none.
    pub trace: u128,
    /// The order that it is about.
    pub order: Option<OrderId>,
    /// The payment that it is about; its refund, where money goes back.
    pub payment: Option<PaymentId>,
    /// Whose order that is.
    pub user: Option<UserId>,
    /// Total of the order, or what was paid or went back by this event.
    pub amount: Option<Money>,
    /// State of the order from now on, where this event changed it.
    pub state: Option<State>,
    /// Version of order, sku or sale from now on, where this event changed it; else 0.
    pub version: u32,
    /// Why, as the wire numbers it for this type; 0 for no reason.
    pub reason: u8,
    /// The shop's own number for why; 0 for none.
    pub why: u16,
    /// The lines or shelves that it names, at least one.
    pub items: Vec<EventItem>,
}

/// An event that a subscriber parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The name of the subscriber's cursor.
    pub subscriber: String,
    /// Where the event stands in the stream.
    pub position: u64,
    /// When it was parked.
    pub at: MicrosUtc,
    /// Why.
    pub reason: String,
}

/// A page of what is parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetters {
    /// By subscriber and position.
    pub items: Vec<DeadLetter>,
    /// Whether there are more behind the last one.
    pub more: bool,
    /// How many are parked in all.
    pub parked: u64,
}

/// A line or shelf that an event names; what does not apply is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventItem {
    /// The sku.
    pub sku: SkuId,
    /// The warehouse.
    pub warehouse: WarehouseId,
    /// The sale.
    pub sale: SaleId,
    /// Units; where stock was adjusted, what `on_hand` changed by.
    pub units: i64,
    /// What `safety` changed by.
    pub safety_delta: i64,
    /// What `unavailable` changed by.
    pub unavailable_delta: i64,
    /// Price of one unit, minor units.
    pub unit_price: i64,
    /// The coupon.
    pub coupon: CouponId,
    /// The event's amount, minor units; where it names coupons of an order, what this one takes off.
    pub amount: i64,
}

/// A subscription that goes on until it is dropped, over lost connections and restarts of the server.
///
/// Every event comes at least once and in order. With [`StartAt::Cursor`] an event counts as taken when the next one is
/// asked for; the server hears of it within a second, so after a crash of this program the last ones come again.
#[derive(Debug)]
pub struct Events {
    asker: Arc<Asker>,
    filter: EventFilter,
    start: StartAt,
    /// The cursor behind what was received; nothing before the first frame.
    through: Option<u64>,
    session: Option<Session>,
    ready: VecDeque<Event>,
    /// Position of the last event handed out, and of the last one whose cursor was moved.
    handed_out: u64,
    acked: u64,
    acked_at: Instant,
    unacked_events: u64,
    failures: u32,
}

#[derive(Debug)]
struct Session {
    connection: Arc<Connection>,
    correlation: u64,
    frames: Receiver<Answer>,
    /// Received since the last grant.
    events: u32,
    bytes: u32,
}

impl Events {
    pub(crate) fn new(asker: Arc<Asker>, filter: EventFilter, start: StartAt) -> Events {
        let through = match start {
            StartAt::Behind(position) => Some(position),
            StartAt::Now | StartAt::Cursor(_) => None,
        };
        Events {
            asker,
            filter,
            start,
            through,
            session: None,
            ready: VecDeque::new(),
            handed_out: 0,
            acked: 0,
            acked_at: Instant::now(),
            unacked_events: 0,
            failures: 0,
        }
    }

    /// The next event, whenever it comes. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Refused`] where the server refuses the subscription (CURSOR_TOO_OLD, INVALID_FIELD),
    /// [`Error::Violation`] where it breaks the rules of the wire. Lost connections are none: they are mended.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            self.acknowledge().await;
            if let Some(event) = self.ready.pop_front() {
                self.handed_out = event.position;
                self.unacked_events += 1;
                return Ok(event);
            }
            if self.session.is_none() {
                self.open().await?;
                continue;
            }
            let frame = match &mut self.session {
                Some(session) => session.frames.recv().await,
                None => None,
            };
            match frame {
                Some(frame) => self.take(&frame)?,
                None => self.session = None, // Lost: what was received stands, the rest is asked for again.
            }
            self.grant().await;
        }
    }

    /// Where the stream is: everything up to here was received or left out by the filter. Another subscription
    /// [`StartAt::Behind`] it has no gap; nothing before the server was first heard.
    pub fn position(&self) -> Option<u64> {
        match self.ready.front() {
            Some(event) => Some(event.previous),
            None => self.through,
        }
    }

    /// Moves the named cursor to the last event that was handed out, now, and waits until that is durable.
    ///
    /// # Errors
    /// Those of [`crate::Client::ack`]. Without a named cursor there is nothing to do.
    pub async fn flush(&mut self) -> Result<(), Error> {
        let StartAt::Cursor(name) = &self.start else { return Ok(()) };
        let request = crate::request::Ack { cursor: name.clone(), position: self.handed_out, forget: false };
        request.ask(&self.asker).await?;
        (self.acked, self.unacked_events, self.acked_at) = (self.handed_out, 0, Instant::now());
        Ok(())
    }

    /// Asks for the subscription once; a failure that mends leaves none.
    async fn open(&mut self) -> Result<(), Error> {
        if self.failures > 0 {
            let doubled = BACKOFF_FIRST.saturating_mul(1 << (self.failures - 1).min(16));
            sleep(doubled.min(BACKOFF_MAX).mul_f64(fastrand::f64())).await;
        }
        self.failures += 1; // Until the first frame says otherwise.
        let head = self.subscribe_head();
        let connection = match self.asker.pool.connection(&self.asker.clock).await {
            Ok(connection) => connection,
            Err(Broken::Lost(_)) => return Ok(()),
            Err(Broken::Against(why)) => return Err(why.into()),
        };
        let bytes = protocol::frame_bytes::<Subscribe>(0, 0);
        let mut write = |correlation: u64, out: &mut Vec<u8>| {
            let meta = Meta { correlation, ..Meta::default() };
            protocol::append::<Subscribe>(out, &meta, &head, [], &[])?;
            Ok(())
        };
        match connection.subscribe(bytes, &mut write).await {
            Ok((correlation, frames)) => {
                self.session = Some(Session { connection, correlation, frames, events: 0, bytes: 0 });
                Ok(())
            }
            Err(Broken::Lost(_)) => Ok(()),
            Err(Broken::Against(why)) => Err(why.into()),
        }
    }

    fn subscribe_head(&self) -> SubscribeHead {
        let EventFilter { types, user, sku, sale } = self.filter;
        // The name is said each time: what is retried goes to it.
        let cursor = match &self.start {
            StartAt::Cursor(name) => name.as_str(),
            StartAt::Behind(_) | StartAt::Now => "",
        };
        let (from, position) = match (self.through, &self.start) {
            (Some(through), _) => (1, through),
            (None, StartAt::Cursor(_)) => (2, 0),
            (None, StartAt::Behind(_) | StartAt::Now) => (0, 0),
        };
        SubscribeHead {
            cursor: text(cursor),
            position,
            types,
            user,
            sku,
            sale,
            credit_events: CREDIT_EVENTS,
            credit_bytes: CREDIT_BYTES,
            partition: 0,
            from,
        }
    }

    /// Takes a frame of the subscription over.
    fn take(&mut self, frame: &Answer) -> Result<(), Error> {
        let server = |rule| Error::from(Violation::Server(rule));
        if !frame.header.status.is_ok() {
            self.session = None;
            return judge_refusal(frame);
        }
        let parsed = protocol::parse::<SubscribeAnswer>(&frame.header, &frame.body)
            .map_err(|_| server("events that cannot be read"))?;
        if self.through.is_some_and(|through| through != parsed.head.after) {
            return Err(server("a gap between events"));
        }
        self.failures = 0;
        let before = self.ready.len();
        for item in parsed.items.iter() {
            match self.ready.back_mut() {
                Some(event) if item.part > 0 && event.position == item.position => {
                    event.items.push(item_of(&item));
                }
                Some(_) | None => self.ready.push_back(event_of(&item)),
            }
        }
        self.through = Some(parsed.head.through);
        if self.acked == 0 && before == 0 {
            self.acked = self.acked.max(parsed.head.after);
        }
        if !frame.header.flags.has(Flags::MORE) {
            self.session = None; // The server ended it; it is asked for again.
        } else if let Some(session) = self.session.as_mut().filter(|_| self.ready.len() > before) {
            session.events += (self.ready.len() - before) as u32;
            session.bytes += frame.header.length;
        }
        Ok(())
    }

    /// Grants again what was received, once it is half of what may be ahead.
    async fn grant(&mut self) {
        let Some(session) = &mut self.session else { return };
        if session.events < CREDIT_EVENTS / 2 && session.bytes < CREDIT_BYTES / 2 {
            return;
        }
        let head = AckHead {
            cursor: [0; 32],
            position: 0,
            subscription: session.correlation,
            credit_events: session.events,
            credit_bytes: session.bytes,
            partition: 0,
            forget: false,
        };
        (session.events, session.bytes) = (0, 0);
        if send_ack(&session.connection, &head).await.is_err() {
            self.session = None;
        }
    }

    /// Moves the named cursor to the last event handed out, when it is time, and does not wait for the answer.
    async fn acknowledge(&mut self) {
        let StartAt::Cursor(name) = &self.start else { return };
        let due = self.unacked_events >= ACK_EVERY_EVENTS || self.acked_at.elapsed() >= ACK_EVERY;
        if !due || self.handed_out <= self.acked {
            return;
        }
        let Some(session) = &self.session else { return };
        let head = AckHead {
            cursor: text(name),
            position: self.handed_out,
            subscription: 0,
            credit_events: 0,
            credit_bytes: 0,
            partition: 0,
            forget: false,
        };
        match send_ack(&session.connection, &head).await {
            Ok(()) => (self.acked, self.unacked_events, self.acked_at) = (self.handed_out, 0, Instant::now()),
            Err(_) => self.session = None,
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            session.connection.unsubscribe(session.correlation);
        }
    }
}

/// Sends an ACK; its answer is heard by nobody.
async fn send_ack(connection: &Connection, head: &AckHead) -> Result<(), Broken> {
    let bytes = protocol::frame_bytes::<Ack>(0, 0);
    debug_assert_eq!(Ack::ABOUT.items_max, 0, "its frame has no items");
    let mut write = |correlation: u64, out: &mut Vec<u8>| {
        protocol::append::<Ack>(out, &Meta { correlation, ..Meta::default() }, head, [], &[])?;
        Ok(())
    };
    connection.send(bytes, &mut write).await.map(drop)
}

/// A refusal ends the stream, or is mended by asking again.
fn judge_refusal(frame: &Answer) -> Result<(), Error> {
    let Some(status) = frame.header.status.known() else {
        return Err(Violation::UnknownStatus(frame.header.status.0).into());
    };
    let refusal = protocol::parse_refusal(&frame.header, &frame.body)
        .map_err(|_| Violation::Server("a refusal that cannot be read"))?;
    match (status, status.class()) {
        (Status::GoingAway, _) | (_, Class::TryAgain | Class::OutcomeUnknown) => Ok(()),
        (_, Class::Refused) => Err(refused(status, &refusal).into()),
        (_, Class::Session) => Err(Violation::Session(status).into()),
    }
}

fn event_of(item: &wire::Event) -> Event {
    let some = |id: u64| (id != 0).then_some(id);
    Event {
        position: item.position,
        previous: item.previous,
        again: some(item.again),
        at: MicrosUtc(item.at),
        event: EventType::from_number(item.event).ok_or(item.event),
        schema: item.schema,
        actor: match item.actor {
            1 => Actor::User(UserId(item.actor_id)),
            2 => Actor::Operator(item.actor_id),
            4 => Actor::Gateway(GatewayId(item.actor_id as u16)),
            _ => Actor::Timer,
        },
        request: (item.request != 0).then_some(RequestId(item.request)),
        trace: item.trace,
        order: some(item.order).map(OrderId),
        payment: some(item.payment).map(PaymentId),
        user: some(item.user).map(UserId),
        amount: (item.currency != 0).then(|| Money::new(item.amount, Currency(item.currency))),
        state: State::from_number(item.state),
        version: item.version,
        reason: item.reason,
        why: item.why,
        items: vec![item_of(item)],
    }
}

fn item_of(item: &wire::Event) -> EventItem {
    EventItem {
        sku: SkuId(item.sku),
        warehouse: WarehouseId(item.warehouse),
        sale: SaleId(item.sale),
        units: item.units,
        safety_delta: item.safety_delta,
        unavailable_delta: item.unavailable_delta,
        unit_price: item.unit_price,
        coupon: CouponId(item.coupon),
        amount: item.amount,
    }
}
