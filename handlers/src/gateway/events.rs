//! SUBSCRIBE, ACK and UNSUBSCRIBE at the gateway: it takes what the broadcaster offers when the client has room for it.

use std::sync::Arc;

use domain::intent::CursorMove;
use domain::{CursorName, Intent, Micros, MicrosUtc, Verdict};
use protocol::structs::{
    AckAnswerHead, AckHead, SubscribeAnswerHead, SubscribeHead, UnsubscribeAnswerHead, UnsubscribeHead,
};
use protocol::{EventType, Flags, Kind, Meta, Status, messages, parse};
use storage::{Outcome, Share, Store};

use super::{Asked, Gateway, deadline, envelope, pending};
use crate::events::{Filter, Subscription};
use crate::in_flight::{Pending, Place};
use crate::letters;
use crate::outlet::{Client, Outlet};
use crate::refused::Refused;
use crate::session::Phase;

/// Bytes that a client has not read, beyond which no more events are written to it: they wait in the journal.
const UNREAD_BYTES_MAX: usize = 64 << 10;
/// Bytes of events that leave in one turn, at most, but for a frame: requests wait behind them.
const DELIVERED_BYTES_MAX: i64 = 256 << 10;
/// When events had to wait, they are looked at again after this time.
const DELIVER_AGAIN: Micros = Micros(200);
/// The only partition of an embedded store's stream.
const PARTITION: u16 = 0;

/// The subscriptions of one gateway's connections.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    live: Vec<Live>,
    /// Those that wait for the store to say where their cursor stands.
    waiting: Vec<Waiting>,
    /// Somebody has not read enough to be written more.
    blocked: bool,
    /// Place of the one that was looked at last: the next one is first in the next turn.
    turn: usize,
    pace: Pace,
}

/// How many bytes of events may leave: what they take of the thread is taken from orders.
#[derive(Debug, Default)]
struct Pace {
    /// May fall below 0 by a frame.
    bytes: i64,
    filled_at: MicrosUtc,
    /// Something was offered and had to wait.
    is_late: bool,
}

#[derive(Debug)]
struct Live {
    client: Client,
    subscription: Arc<Subscription>,
    /// The cursor behind the last frame that was written.
    through: u64,
    /// It was refused.
    is_over: bool,
}

#[derive(Debug)]
struct Waiting {
    client: Client,
    meta: Meta,
    wish: Wish,
}

/// What a subscriber wants, but for where to begin.
#[derive(Clone, Copy, Debug)]
struct Wish {
    subscriber: Option<CursorName>,
    filter: Filter,
    credit_events: u32,
    credit_bytes: u32,
}

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Now,
    Position(u64),
    Cursor(CursorName),
}

impl Pace {
    /// What time has brought since the last time.
    fn fill(&mut self, now: MicrosUtc, bytes_per_s: u32) {
        let micros = now.since(self.filled_at).0.clamp(0, 1_000_000);
        let more = i64::from(bytes_per_s) * micros / 1_000_000;
        (self.bytes, self.filled_at) = ((self.bytes + more).min(DELIVERED_BYTES_MAX), now);
    }
}

impl Subscriptions {
    /// Ends all that this client has.
    pub(super) fn closed(&mut self, client: Client) {
        self.live.retain(|one| {
            let goes = one.client == client;
            if goes {
                one.subscription.end();
            }
            !goes
        });
        self.waiting.retain(|one| one.client != client);
    }

    fn waits(&self, client: Client, correlation: u64) -> Option<usize> {
        self.waiting.iter().position(|one| one.client == client && one.meta.correlation == correlation)
    }

    fn place(&self, client: Client, correlation: u64) -> Option<usize> {
        self.live
            .iter()
            .position(|one| one.client == client && one.subscription.meta.correlation == correlation)
    }
}

impl<S: Store> Gateway<S> {
    pub(super) fn serve_subscribe(&mut self, asked: Asked<'_>, out: &mut impl Outlet) -> Result<(), Refused> {
        self.check_room(asked.client, out)?;
        let Asked { client, header, body } = asked;
        let head = parse::<messages::Subscribe>(header, body)?.head;
        let (start, wish) = from_wire(&head)?;
        let Subscriptions { live, waiting, .. } = &self.subscriptions;
        let correlation = header.correlation;
        let taken = self.subscriptions.place(client, correlation).is_some();
        if taken || self.subscriptions.waits(client, correlation).is_some() {
            return Err(Refused::field("correlation: it has a subscription"));
        }
        if live.len() + waiting.len() >= self.settings.bounds.subscriptions as usize {
            return Err(self.no_room());
        }
        let meta = Meta { flags: Flags::MORE, ..Meta::answering(header) };
        let durable = self.door.store.stats().durable_position;
        match start {
            Start::Now => self.subscribe(client, meta, wish, durable, out),
            Start::Position(position) if position <= durable => {
                self.subscribe(client, meta, wish, position, out)
            }
            Start::Position(_) => Err(Refused::field("position: beyond the end")),
            Start::Cursor(name) => {
                let pending = pending(client, header, Place::Subscribe);
                let deadline = deadline(self.now, header);
                self.door.ask(Share::Any, pending, envelope(header), deadline, Intent::CursorGet(name))?;
                self.sessions.get(client).expect("its frame is being served").in_flight += 1;
                self.subscriptions.waiting.push(Waiting { client, meta, wish });
                Ok(())
            }
        }
    }

    /// The store says where the cursor of a subscription stands.
    pub(super) fn begin_subscription(&mut self, pending: &Pending, outcome: &Outcome, out: &mut impl Outlet) {
        let waits = self.subscriptions.waits(pending.client, pending.correlation);
        let waiting = waits.map(|place| self.subscriptions.waiting.swap_remove(place));
        let (Ok(Verdict::Cursor(after)), Some(Waiting { client, meta, wish })) = (outcome, waiting) else {
            return self.answer_frame(pending, Kind::Subscribe, outcome, out);
        };
        let Some(session) = self.sessions.get(client) else { return };
        session.in_flight -= 1;
        let last = session.phase == Phase::Leaving && session.in_flight == 0;
        if let Err(refused) = self.subscribe(client, meta, wish, *after, out) {
            let to = &mut self.settings.to(client, out);
            let meta = Meta { flags: Flags::NONE, ..meta };
            self.pen.refuse(to, &meta, Kind::Subscribe.into(), &refused);
        }
        if last {
            out.close(client);
        }
    }

    fn subscribe(
        &mut self,
        client: Client,
        meta: Meta,
        wish: Wish,
        after: u64,
        out: &mut impl Outlet,
    ) -> Result<(), Refused> {
        let Wish { subscriber, filter, credit_events, credit_bytes } = wish;
        let subscription = Arc::new(Subscription::new(meta, subscriber, filter, after));
        subscription.grant(credit_events, credit_bytes);
        if !self.events.subscribe(Arc::clone(&subscription)) {
            return Err(self.no_room());
        }
        self.subscriptions.live.push(Live { client, subscription, through: after, is_over: false });
        let head = self.frame_head(after, self.door.store.stats().durable_position);
        let to = &mut self.settings.to(client, out);
        self.pen.answer::<messages::SubscribeAnswer>(to, &meta, &head, [], &[]);
        Ok(())
    }

    fn no_room(&self) -> Refused {
        Refused::later(Status::Overloaded, self.settings.bounds.retry_after_ms, "subscriptions")
    }

    pub(super) fn serve_ack(&mut self, asked: Asked<'_>, out: &mut impl Outlet) -> Result<(), Refused> {
        let Asked { client, header, body } = asked;
        let AckHead { cursor, position, subscription, credit_events, credit_bytes, partition, forget } =
            parse::<messages::Ack>(header, body)?.head;
        if partition != PARTITION {
            return Err(Refused::field("partition"));
        }
        let grants = credit_events > 0 || credit_bytes > 0;
        let place = self.subscriptions.place(client, subscription);
        if grants && place.is_none() {
            return Err(Refused::field("subscription"));
        }
        let named = cursor != [0; 32];
        if named {
            self.move_cursor(asked, cursor, position, forget, out)?;
        } else if position != 0 || forget {
            return Err(Refused::field("cursor: it has no name"));
        }
        if let Some(place) = place.filter(|_| grants) {
            self.subscriptions.live[place].subscription.grant(credit_events, credit_bytes);
            self.events.nudge();
        }
        if named {
            return Ok(()); // The answer comes when the cursor is durable.
        }
        let to = &mut self.settings.to(client, out);
        let answer = AckAnswerHead { position: 0 };
        self.pen.answer::<messages::AckAnswer>(to, &Meta::answering(header), &answer, [], &[]);
        Ok(())
    }

    fn move_cursor(
        &mut self,
        asked: Asked<'_>,
        name: [u8; 32],
        position: u64,
        forget: bool,
        out: &mut impl Outlet,
    ) -> Result<(), Refused> {
        let Asked { client, header, .. } = asked;
        self.check_room(client, out)?;
        let name = CursorName::parse(name).ok_or(Refused::field("cursor"))?;
        if position > self.door.store.stats().durable_position {
            return Err(Refused::field("position: beyond the end"));
        }
        let intent = Intent::CursorMove(CursorMove { name, position, forget });
        let pending = pending(client, header, Place::Frame(Kind::Ack));
        self.door.ask(Share::Any, pending, envelope(header), deadline(self.now, header), intent)?;
        self.sessions.get(client).expect("its frame is being served").in_flight += 1;
        Ok(())
    }

    pub(super) fn serve_dead_letters(
        &mut self,
        asked: Asked<'_>,
        out: &mut impl Outlet,
    ) -> Result<(), Refused> {
        let position = parse::<messages::DeadLetters>(asked.header, asked.body)?.head.position;
        if position > self.door.store.stats().durable_position {
            return Err(Refused::field("position: beyond the end"));
        }
        self.forward(asked, Kind::DeadLetters, Share::Reserved, out, |header, body, room| {
            letters::dead_letters(header, body, &mut room.reason)
        })
    }

    pub(super) fn serve_unsubscribe(
        &mut self,
        asked: Asked<'_>,
        out: &mut impl Outlet,
    ) -> Result<(), Refused> {
        let Asked { client, header, body } = asked;
        let UnsubscribeHead { subscription } = parse::<messages::Unsubscribe>(header, body)?.head;
        let place = self.subscriptions.place(client, subscription);
        let place = place.ok_or(Refused::field("subscription"))?;
        let Live { subscription, through, .. } = self.subscriptions.live.swap_remove(place);
        subscription.end();
        self.events.nudge();
        let last = self.frame_head(through, self.door.store.stats().durable_position);
        let to = &mut self.settings.to(client, out);
        let meta = Meta { flags: Flags::NONE, ..subscription.meta };
        self.pen.answer::<messages::SubscribeAnswer>(to, &meta, &last, [], &[]);
        let answer = UnsubscribeAnswerHead { through };
        self.pen.answer::<messages::UnsubscribeAnswer>(to, &Meta::answering(header), &answer, [], &[]);
        Ok(())
    }

    /// Writes what is offered to those who have room for it, as fast as orders leave time for it.
    pub(super) fn deliver(&mut self, out: &mut impl Outlet) {
        let Gateway { subscriptions, settings, pen, events, now, .. } = self;
        let Subscriptions { live, blocked, pace, turn, .. } = subscriptions;
        if live.is_empty() || !(events.ready() || *blocked || pace.is_late) {
            return;
        }
        pace.fill(*now, settings.bounds.event_bytes_per_s);
        (*blocked, pace.is_late) = (false, false);
        let (mut taken, mut over) = (false, false);
        for _ in 0..live.len() {
            *turn = (*turn + 1) % live.len();
            let one = &mut live[*turn];
            if !one.subscription.is_offered() {
                continue;
            }
            if pace.bytes <= 0 {
                pace.is_late = true;
                *turn = (*turn + live.len() - 1) % live.len(); // It comes first in the next turn.
                break;
            }
            if out.queued_bytes(one.client) > UNREAD_BYTES_MAX {
                *blocked = true;
                continue;
            }
            let to = &mut settings.to(one.client, out);
            let mut offer = one.subscription.offer();
            one.subscription.set_offered(false);
            if !offer.frame.is_empty() {
                let behind = offer.behind.take();
                pace.bytes -= to.write_in_two(&offer.frame, behind.as_deref().unwrap_or_default());
                one.through = offer.through;
                offer.frame.clear();
                taken = true;
            }
            if let Some(why) = offer.failed {
                let meta = Meta { flags: Flags::NONE, ..one.subscription.meta };
                pen.refuse(to, &meta, Kind::Subscribe.into(), &why);
                (one.is_over, over) = (true, true);
            }
        }
        if over {
            live.retain(|one| !one.is_over);
        }
        if taken {
            events.nudge();
        }
    }

    /// How long until there are events to deliver that had to wait; nothing where none do.
    pub(super) fn next_delivery(&self) -> Option<Micros> {
        self.subscriptions.pace.is_late.then_some(DELIVER_AGAIN)
    }

    /// A frame without events at this cursor.
    fn frame_head(&self, cursor: u64, durable: u64) -> SubscribeAnswerHead {
        let (after, through, server_time) = (cursor, cursor, self.now.0);
        SubscribeAnswerHead { after, through, durable, server_time, partition: PARTITION }
    }
}

fn from_wire(head: &SubscribeHead) -> Result<(Start, Wish), Refused> {
    let SubscribeHead {
        cursor,
        position,
        types,
        user,
        sku,
        sale,
        credit_events,
        credit_bytes,
        partition,
        from,
    } = *head;
    if partition != PARTITION {
        return Err(Refused::field("partition"));
    }
    if types & !EventType::ALL_BITS != 0 {
        return Err(Refused::field("types"));
    }
    let subscriber = match cursor {
        [0, ..] if cursor == [0; 32] => None,
        named => Some(CursorName::parse(named).ok_or(Refused::field("cursor"))?),
    };
    let start = match (from, subscriber) {
        (0, _) if position == 0 => Start::Now,
        (1, _) => Start::Position(position),
        (2, Some(name)) if position == 0 => Start::Cursor(name),
        _ => return Err(Refused::field("from, position or cursor")),
    };
    let filter = Filter { types, user, sku, sale };
    Ok((start, Wish { subscriber, filter, credit_events, credit_bytes }))
}
