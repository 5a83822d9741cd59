//! The thread's work: for each subscriber in turn, what its filter wants and its credit allows, one offer at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{Micros, MicrosUtc};
use protocol::messages::SubscribeAnswer;
use protocol::structs::{Event, Refusal, SubscribeAnswerHead};
use protocol::{EventType, Flags, Meta, Plain, Status, append_before};

use super::pages::Pages;
use super::pieces::{Piece, Pieces, Wanted};
use super::{EventLog, LogFailed, Subscription};
use crate::refused::Refused;

/// Without an event for so long, a frame says where the cursor is.
const HEARTBEAT_EVERY: Micros = Micros::from_seconds(1);

/// Refusals that are kept for who listens; older ones are lost to those who did not take them.
pub const LIVE_MAX: usize = 256;

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
    pieces: Pieces,
    live: Live,
}

/// What is told to who listens now, and never again.
#[derive(Default)]
struct Live {
    events: VecDeque<Event>,
    /// How many there were before the first of these.
    before: u64,
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
    /// Refusals up to this one were told, or were none for it.
    live_seen: u64,
    /// Something was offered in this turn.
    rings: bool,
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
        Broadcaster {
            pages: Pages::new(log),
            served: Vec::new(),
            pieces: Pieces::default(),
            live: Live::default(),
        }
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
            rings: false,
            live_seen: self.live.before + self.live.events.len() as u64,
        });
    }

    /// Keeps a refusal for who listens.
    pub fn tell_refusal(&mut self, refusal: Event) {
        let Live { events, before } = &mut self.live;
        if events.len() >= LIVE_MAX {
            events.pop_front();
            *before += 1;
        }
        events.push_back(refusal);
    }

    /// Whether somebody listens to refusals.
    pub fn wants_refusals(&self) -> bool {
        self.served.iter().any(Served::wants_refusals)
    }

    /// Looks at each subscriber once, and offers what there is for it.
    pub fn turn(&mut self, now: MicrosUtc) -> Pace {
        let mut pace = if self.served.is_empty() { Pace::Rest } else { Pace::Wait };
        let Broadcaster { pages, served, pieces, live } = self;
        served.retain_mut(|one| {
            let look = one.look(pages, pieces, live, now).unwrap_or_else(|why| {
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
        self.ring();
        pace
    }
}

impl<L> Broadcaster<L> {
    /// Tells each gateway once, however much is there for it.
    fn ring(&mut self) {
        let mut rung: Option<&Arc<dyn Fn() + Send + Sync>> = None;
        for one in &mut self.served {
            if std::mem::take(&mut one.rings) && rung.is_none_or(|rung| !Arc::ptr_eq(rung, &one.bell)) {
                (one.bell)();
                rung = Some(&one.bell);
            }
        }
    }
}

impl Served {
    fn look(
        &mut self,
        pages: &mut Pages<impl EventLog>,
        pieces: &mut Pieces,
        live: &Live,
        now: MicrosUtc,
    ) -> Result<Look, LogFailed> {
        if self.subscription.has_ended() {
            return Ok(Look::Over);
        }
        if self.subscription.is_offered() {
            return Ok(Look::Its);
        }
        let (events, bytes) = self.credit();
        let mut look = Look::Its;
        if events > 0 && bytes > 0 {
            let wanted = Wanted {
                filter: self.subscription.filter,
                subscriber: self.subscription.subscriber,
                after: self.cursor,
                events,
                // Whole events while any bytes are left, so the last one may pass them.
                items: usize::try_from(bytes).unwrap_or(usize::MAX).div_ceil(Event::LAYOUT.bytes),
            };
            let piece = pieces.next(pages, &wanted)?;
            look = if piece.is_last { Look::AllSent } else { Look::More };
            self.cursor = piece.through;
            if piece.events > 0 {
                self.send(Some(&piece), pages.log.durable(), now);
                // An offer is on its way: the next look comes when it was taken.
                return Ok(if piece.is_last { look } else { Look::Its });
            }
            // They are of now: who is behind is not told.
            if piece.is_last && self.wants_refusals() {
                let refusals = self.refusals(live, events);
                if refusals.events > 0 {
                    self.send(Some(&refusals), pages.log.durable(), now);
                    return Ok(look);
                }
            }
        }
        if now.since(self.told_at) >= HEARTBEAT_EVERY {
            self.send(None, pages.log.durable(), now);
        }
        Ok(look)
    }

    /// Whether it names them: who wants all types wants what is on disk.
    fn wants_refusals(&self) -> bool {
        self.subscription.filter.types & EventType::StockReserveFailed.bit() != 0
    }

    /// Refusals that it was not told, as a piece between no facts.
    fn refusals(&mut self, live: &Live, events_max: u64) -> Piece {
        let Live { events, before } = live;
        let seen = usize::try_from(self.live_seen.saturating_sub(*before)).unwrap_or(usize::MAX);
        let mut taken = Vec::new();
        self.live_seen = self.live_seen.max(*before);
        for event in events.iter().skip(seen) {
            if taken.len() as u64 >= events_max.min(LIVE_MAX as u64) {
                break;
            }
            self.live_seen += 1;
            if self.subscription.filter.wants(&[*event]) {
                taken.push(Event { position: self.cursor, ..*event });
            }
        }
        Piece::of_now(self.cursor, self.previous, &taken)
    }

    /// Events and bytes that may be sent now.
    fn credit(&self) -> (u64, u64) {
        let (events, bytes) = self.subscription.granted();
        (events.saturating_sub(self.used_events), bytes.saturating_sub(self.used_bytes))
    }

    /// Offers a piece, or a frame without events.
    fn send(&mut self, piece: Option<&Piece>, durable: u64, now: MicrosUtc) {
        let head = SubscribeAnswerHead {
            after: self.told,
            through: self.cursor,
            durable,
            server_time: now.0,
            partition: 0,
        };
        let meta = Meta { flags: Flags::MORE, ..self.subscription.meta };
        let (first, behind) = match piece {
            Some(piece) => (&piece.first[..], Some(&piece.behind)),
            None => (&[][..], None),
        };
        let first = first.iter().map(|item| Event { previous: self.previous, ..*item });
        // Written before the place is locked: whoever takes it must not wait for a thread that gives way to it.
        let mut frame = std::mem::take(&mut self.subscription.offer().frame);
        let behind_bytes = behind.map_or(&[][..], |behind| behind);
        let done = append_before::<SubscribeAnswer>(&mut frame, &meta, &head, first, behind_bytes);
        done.expect("a piece has no more items than a frame holds");
        if let Some(piece) = piece {
            self.used_events += piece.events;
            self.used_bytes += (frame.len() + behind_bytes.len()) as u64;
            self.previous = piece.last;
        }
        (self.told, self.told_at, self.rings) = (self.cursor, now, true);
        let mut offer = self.subscription.offer();
        (offer.frame, offer.behind, offer.through) = (frame, behind.cloned(), self.cursor);
        drop(offer);
        self.subscription.set_offered(true);
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
        self.subscription.set_offered(true);
        (self.bell)();
    }
}

impl<L> std::fmt::Debug for Broadcaster<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broadcaster").field("subscriptions", &self.served.len()).finish_non_exhaustive()
    }
}
