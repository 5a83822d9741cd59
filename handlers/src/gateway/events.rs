//! SUBSCRIBE, ACK and UNSUBSCRIBE at the gateway: it takes what the broadcaster offers when the client has room for it.

use std::sync::Arc;

use protocol::structs::{
    AckAnswerHead, AckHead, SubscribeAnswerHead, SubscribeHead, UnsubscribeAnswerHead, UnsubscribeHead,
};
use protocol::{Flags, Meta, Status, messages, parse, text_of};
use storage::Store;

use super::{Asked, Gateway};
use crate::events::{Filter, Subscription};
use crate::outlet::{Client, Outlet};
use crate::refused::Refused;

/// Bytes that a client has not read, beyond which no more events are written to it: they wait in the journal.
const UNREAD_BYTES_MAX: usize = 64 << 10;
/// The only partition of an embedded store's stream.
const PARTITION: u16 = 0;

/// The subscriptions of one gateway's connections.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    live: Vec<Live>,
    /// Somebody has not read enough to be written more.
    blocked: bool,
}

#[derive(Debug)]
struct Live {
    client: Client,
    subscription: Arc<Subscription>,
    /// The cursor behind the last frame that was written.
    through: u64,
}

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Now,
    Position(u64),
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
        let (from, filter) = from_wire(&head)?;
        if self.subscriptions.place(client, header.correlation).is_some() {
            return Err(Refused::field("correlation: it has a subscription"));
        }
        let retry_after_ms = self.settings.bounds.retry_after_ms;
        if self.subscriptions.live.len() >= self.settings.bounds.subscriptions as usize {
            return Err(Refused::later(Status::Overloaded, retry_after_ms, "subscriptions"));
        }
        let durable = self.door.store.stats().durable_position;
        let after = match from {
            From::Now => durable,
            From::Position(position) if position <= durable => position,
            From::Position(_) => return Err(Refused::field("position: beyond the end")),
        };
        let meta = Meta { flags: Flags::MORE, ..Meta::answering(header) };
        let subscription = Arc::new(Subscription::new(meta, filter, after));
        subscription.grant(head.credit_events, head.credit_bytes);
        if !self.events.subscribe(Arc::clone(&subscription)) {
            return Err(Refused::later(Status::Overloaded, retry_after_ms, "subscriptions"));
        }
        self.subscriptions.live.push(Live { client, subscription, through: after });
        let head = self.frame_head(after, durable);
        let to = &mut self.settings.to(client, out);
        self.pen.answer::<messages::SubscribeAnswer>(to, &meta, &head, [], &[]);
        Ok(())
    }

    pub(super) fn serve_ack(&mut self, asked: Asked<'_>, out: &mut impl Outlet) -> Result<(), Refused> {
        let Asked { client, header, body } = asked;
        let AckHead { cursor, position, subscription, credit_events, credit_bytes, partition, forget } =
            parse::<messages::Ack>(header, body)?.head;
        let cursor = text_of(&cursor).ok_or(Refused::field("cursor"))?;
        if partition != PARTITION {
            return Err(Refused::field("partition"));
        }
        if !cursor.is_empty() || position != 0 || forget {
            return Err(Refused::field("cursor"));
        }
        if credit_events > 0 || credit_bytes > 0 {
            let place = self.subscriptions.place(client, subscription);
            let place = place.ok_or(Refused::field("subscription"))?;
            self.subscriptions.live[place].subscription.grant(credit_events, credit_bytes);
            self.events.nudge();
        }
        let to = &mut self.settings.to(client, out);
        let answer = AckAnswerHead { position: 0 };
        self.pen.answer::<messages::AckAnswer>(to, &Meta::answering(header), &answer, [], &[]);
        Ok(())
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

    /// Writes what is offered to those who have room for it.
    pub(super) fn deliver(&mut self, out: &mut impl Outlet) {
        if self.subscriptions.live.is_empty() || !(self.events.ready() || self.subscriptions.blocked) {
            return;
        }
        let Gateway { subscriptions, settings, pen, events, .. } = self;
        let mut taken = false;
        subscriptions.blocked = false;
        subscriptions.live.retain_mut(|one| {
            let client = one.client;
            let mut offer = one.subscription.offer();
            if !offer.frames.is_empty() {
                if out.queued_bytes(client) > UNREAD_BYTES_MAX {
                    subscriptions.blocked = true;
                    return true;
                }
                settings.to(client, out).write_all(&offer.frames, offer.count);
                one.through = offer.through;
                offer.frames.clear();
                taken = true;
            }
            match offer.failed {
                None => true,
                Some(status) => {
                    let meta = Meta { flags: Flags::NONE, ..one.subscription.meta };
                    let to = &mut settings.to(client, out);
                    pen.refuse(to, &meta, protocol::Kind::Subscribe.into(), &Refused::of(status, "events"));
                    false
                }
            }
        });
        if taken {
            events.nudge();
        }
    }

    /// A frame without events at this cursor.
    fn frame_head(&self, cursor: u64, durable: u64) -> SubscribeAnswerHead {
        let (after, through, server_time) = (cursor, cursor, self.now.0);
        SubscribeAnswerHead { after, through, durable, server_time, partition: PARTITION }
    }
}

fn from_wire(head: &SubscribeHead) -> Result<(From, Filter), Refused> {
    let SubscribeHead { cursor, position, types, user, sku, sale, partition, from, .. } = *head;
    let cursor = text_of(&cursor).ok_or(Refused::field("cursor"))?;
    if partition != PARTITION {
        return Err(Refused::field("partition"));
    }
    if types & !protocol::EventType::ALL_BITS != 0 {
        return Err(Refused::field("types"));
    }
    let from = match (from, position, cursor) {
        (0, 0, "") => From::Now,
        (1, position, "") => From::Position(position),
        _ => return Err(Refused::field("from, position or cursor")),
    };
    Ok((from, Filter { types, user, sku, sale }))
}
