//! The thread's work: for each subscriber in turn, what its filter wants and its credit allows, one offer at a time.

use std::sync::Arc;

use domain::{Micros, MicrosUtc};
use protocol::bounds::EVENT_ITEMS_MAX;
use protocol::messages::SubscribeAnswer;
use protocol::structs::{Event, Refusal, SubscribeAnswerHead};
use protocol::{Flags, Meta, Plain, Status, append, frame_bytes};

use super::pages::Pages;
use super::{EventLog, LogFailed, OFFER_BYTES, Subscription};
use crate::refused::Refused;

/// Without an event for so long, a frame says where the cursor is.
const HEARTBEAT_EVERY: Micros = Micros::from_seconds(1);
/// Pages that are looked through for one subscriber before the next one has its turn.
const PAGES_A_TURN: usize = 16;

/// How soon the next turn is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At once: there is more to send.
    Again,
    /// Soon: somebody may be sent what becomes durable.
    Follow,
    /// When somebody nudges, or within the time of a heartbeat.
    Wait,
    /// When somebody subscribes.
    Rest,
}

/// All subscriptions of a server.
pub struct Broadcaster<L> {
    pages: Pages<L>,
    served: Vec<Served>,
    items: Vec<Event>,
}

/// One subscription, as far as it is.
struct Served {
    subscription: Arc<Subscription>,
    /// Rings for its gateway after each offer.
    bell: Arc<dyn Fn() + Send + Sync>,
    /// Looked through so far.
    cursor: u64,
    /// What the last frame said.
    told: u64,
    /// The event sent last.
    previous: u64,
    used_events: u64,
    used_bytes: u64,
    told_at: MicrosUtc,
}

/// What one look at a subscriber came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It has to take an offer, or has no credit.
    Its,
    /// It has all that is durable.
    AllSent,
    /// There is more for it.
    More,
    /// It is over.
    Over,
}

impl<L: EventLog> Broadcaster<L> {
    /// Reads from this log; nobody is subscribed.
    pub fn new(log: L) -> Broadcaster<L> {
        Broadcaster { pages: Pages::new(log), served: Vec::new(), items: Vec::new() }
    }

    /// Serves a subscription from now on. `bell` is rung after each offer.
    pub fn add(
        &mut self,
        subscription: Arc<Subscription>,
        bell: Arc<dyn Fn() + Send + Sync>,
        now: MicrosUtc,
    ) {
        let after = subscription.after;
        self.served.push(Served {
            subscription,
            bell,
            cursor: after,
            told: after,
            previous: after,
            used_events: 0,
            used_bytes: 0,
            told_at: now,
        });
    }

    /// Looks at each subscriber once, and offers what there is for it.
    pub fn turn(&mut self, now: MicrosUtc) -> Pace {
        let mut pace = if self.served.is_empty() { Pace::Rest } else { Pace::Wait };
        let Broadcaster { pages, served, items } = self;
        served.retain_mut(|one| {
            let look = one.look(pages, items, now).unwrap_or_else(|why| {
                one.fail(why);
                Look::Over
            });
            match (look, pace) {
                (Look::More, _) => pace = Pace::Again,
                (Look::AllSent, Pace::Wait | Pace::Rest) => pace = Pace::Follow,
                (Look::AllSent, Pace::Follow | Pace::Again) | (Look::Its | Look::Over, _) => (),
            }
            look != Look::Over
        });
        pace
    }
}

impl Served {
    fn look(
        &mut self,
        pages: &mut Pages<impl EventLog>,
        items: &mut Vec<Event>,
        now: MicrosUtc,
    ) -> Result<Look, LogFailed> {
        if self.subscription.has_ended() {
            return Ok(Look::Over);
        }
        if !self.subscription.offer().frames.is_empty() {
            return Ok(Look::Its);
        }
        items.clear();
        let (events, bytes) = self.credit();
        let look =
            if events == 0 || bytes == 0 { Look::Its } else { self.gather(pages, items, events, bytes)? };
        let silent = now.since(self.told_at) >= HEARTBEAT_EVERY;
        if !items.is_empty() || silent {
            self.send(items, pages.log.durable(), now);
        }
        Ok(look)
    }

    /// Events and bytes that may be sent now.
    fn credit(&self) -> (u64, u64) {
        let (events, bytes) = self.subscription.granted();
        (events.saturating_sub(self.used_events), bytes.saturating_sub(self.used_bytes))
    }

    /// Collects events up to the credit and to what one offer holds.
    fn gather(
        &mut self,
        pages: &mut Pages<impl EventLog>,
        items: &mut Vec<Event>,
        mut events: u64,
        bytes: u64,
    ) -> Result<Look, LogFailed> {
        let offer_items = OFFER_BYTES / Event::LAYOUT.bytes;
        // Whole events while any bytes are left, so the last one may pass them.
        let most =
            usize::try_from(bytes).unwrap_or(usize::MAX).div_ceil(Event::LAYOUT.bytes).min(offer_items);
        for _ in 0..PAGES_A_TURN {
            let page = match pages.behind(self.cursor) {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(Look::AllSent),
                Err(why) if items.is_empty() => return Err(why),
                Err(_) => return Ok(Look::More), // What there is goes first, then the next look says why no more.
            };
            for event in page.events_behind(self.cursor) {
                let Some(Event { position, .. }) = event.first().copied() else { continue };
                let wanted = match page.addressee(position) {
                    None => self.subscription.filter.wants(event),
                    addressee => addressee == self.subscription.subscriber,
                };
                if wanted {
                    if events == 0
                        || items.len() >= most
                        || items.len() + event.len() > EVENT_ITEMS_MAX as usize
                    {
                        return Ok(Look::Its); // An offer is on its way: the next look comes when it was taken.
                    }
                    items.extend(event.iter().map(|item| Event { previous: self.previous, ..*item }));
                    (self.previous, events) = (position, events - 1);
                    self.used_events += 1;
                }
                self.cursor = position;
            }
            self.cursor = page.through;
        }
        Ok(Look::More)
    }

    fn send(&mut self, items: &[Event], durable: u64, now: MicrosUtc) {
        let head = SubscribeAnswerHead {
            after: self.told,
            through: self.cursor,
            durable,
            server_time: now.0,
            partition: 0,
        };
        let meta = Meta { flags: Flags::MORE, ..self.subscription.meta };
        if !items.is_empty() {
            self.used_bytes += frame_bytes::<SubscribeAnswer>(items.len(), 0) as u64;
        }
        (self.told, self.told_at) = (self.cursor, now);
        // Written before the place is locked: whoever takes it must not wait for a thread that gives way to it.
        let mut frames = std::mem::take(&mut self.subscription.offer().frames);
        let done = append::<SubscribeAnswer>(&mut frames, &meta, &head, items.iter().copied(), &[]);
        done.expect("no more items are gathered than a frame holds");
        let mut offer = self.subscription.offer();
        offer.frames = frames;
        (offer.count, offer.through) = (1, self.cursor);
        drop(offer);
        (self.bell)();
    }

    fn fail(&mut self, why: LogFailed) {
        let refused = match why {
            LogFailed::Gone { oldest } => {
                let body = Refusal {
                    line: Refusal::NO_LINE,
                    asked: self.cursor.cast_signed(),
                    there: oldest.cast_signed(),
                };
                Refused { body, ..Refused::of(Status::CursorTooOld, "events that are gone") }
            }
            LogFailed::Broken(why) => {
                tracing::error!("events cannot be read: {why}");
                Refused::of(Status::StoreUnavailable, "events")
            }
        };
        self.subscription.offer().failed = Some(refused);
        (self.bell)();
    }
}

impl<L> std::fmt::Debug for Broadcaster<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broadcaster").field("subscriptions", &self.served.len()).finish_non_exhaustive()
    }
}
