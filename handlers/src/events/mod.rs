//! Events: what became durable goes to whoever subscribed, from the journal and beside the orders.
//!
//! One [`Broadcaster`] a server runs on a thread of its own. A gateway gives it a [`Subscription`], which both hold:
//! the gateway grants credit in it, the broadcaster offers one batch of frames at a time, and the next one only
//! when that was taken. So a subscriber that does not read holds one batch, and nobody up.

mod broadcaster;
mod coupons;
mod orders;
mod pages;
mod payments;
mod pieces;
mod refusals;
mod sketch;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{CursorName, Fact, OrderId, Stamp};
use protocol::structs::Event;
use protocol::{Meta, Plain};

use crate::refused::Refused;

pub use broadcaster::{Broadcaster, LIVE_MAX, Pace};
pub(crate) use refusals::{Refusals, Row, WATCHED_BYTES};

/// Bytes of frames that are offered at once, at most; one event more than that many may come with them.
pub(crate) const OFFER_BYTES: usize = 64 << 10;
/// What a subscription takes: its own fields, and an offer with an event of the longest basket over.
pub(crate) const SUBSCRIPTION_BYTES: usize = OFFER_BYTES + 256 * Event::LAYOUT.bytes + 512;

/// Where the facts are read from.
pub trait EventLog {
    /// Position of the last durable fact.
    fn durable(&self) -> u64;

    /// Reads facts behind `after`, in order and up to the last durable one, a piece at a time; says up to where.
    fn read(&mut self, after: u64, each: &mut dyn FnMut(u64, &Stamp, &Fact<'_>)) -> Result<u64, LogFailed>;

    /// Reads facts from the one that made this order on (or a little before it), while `each` says to go on.
    fn read_from_order(
        &mut self,
        order: OrderId,
        each: &mut dyn FnMut(&Fact<'_>) -> bool,
    ) -> Result<(), LogFailed>;
}

/// Why the log does not give what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFailed {
    /// It does not go back so far any more.
    Gone {
        /// The oldest position that facts can be read behind.
        oldest: u64,
    },
    /// It cannot be read. The reason is for the server's own log.
    Broken(String),
}

/// The way from a gateway to the broadcaster's thread.
pub trait EventDesk: Send {
    /// Hands a subscription over. False: there is no room for it now.
    fn subscribe(&mut self, subscription: Arc<Subscription>) -> bool;

    /// An offer was taken, credit granted, or a subscription ended.
    fn nudge(&mut self);

    /// Whether something was offered since this was last asked.
    fn ready(&mut self) -> bool;

    /// Whether somebody listens to refusals for want of stock.
    fn wants_refusals(&self) -> bool;

    /// A refusal for who listens; lost where too many are on their way.
    fn tell_refusal(&mut self, refusal: Event);
}

/// What gateway and broadcaster share of one subscription.
#[derive(Debug)]
pub struct Subscription {
    /// Header of its frames.
    pub(crate) meta: Meta,
    /// Who subscribes, if it says so: parked facts that are retried go to it.
    pub(crate) subscriber: Option<CursorName>,
    pub(crate) filter: Filter,
    /// The cursor that it begins at.
    pub(crate) after: u64,
    granted_events: AtomicU64,
    granted_bytes: AtomicU64,
    ended: AtomicBool,
    /// The gateway has something to take.
    offered: AtomicBool,
    offer: Mutex<Offer>,
}

/// A frame for the gateway to take.
#[derive(Debug, Default)]
pub(crate) struct Offer {
    /// A whole frame, but for what is behind it; nothing: the place is free.
    pub(crate) frame: Vec<u8>,
    /// The rest of it, which other subscribers may have as well.
    pub(crate) behind: Option<Arc<[u8]>>,
    /// The cursor behind it.
    pub(crate) through: u64,
    /// Why nothing more comes.
    pub(crate) failed: Option<Refused>,
}

impl Subscription {
    pub(crate) fn new(
        meta: Meta,
        subscriber: Option<CursorName>,
        filter: Filter,
        after: u64,
    ) -> Subscription {
        Subscription {
            meta,
            subscriber,
            filter,
            after,
            granted_events: AtomicU64::new(0),
            granted_bytes: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            offered: AtomicBool::new(false),
            offer: Mutex::new(Offer { through: after, ..Offer::default() }),
        }
    }

    /// Lets so much more be sent.
    pub(crate) fn grant(&self, events: u32, bytes: u32) {
        self.granted_events.fetch_add(events.into(), Ordering::Relaxed);
        self.granted_bytes.fetch_add(bytes.into(), Ordering::Relaxed);
    }

    /// All that was granted so far: events, bytes.
    pub(crate) fn granted(&self) -> (u64, u64) {
        (self.granted_events.load(Ordering::Relaxed), self.granted_bytes.load(Ordering::Relaxed))
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether the gateway has something to take.
    pub(crate) fn is_offered(&self) -> bool {
        self.offered.load(Ordering::Acquire)
    }

    pub(crate) fn set_offered(&self, offered: bool) {
        self.offered.store(offered, Ordering::Release);
    }

    pub(crate) fn offer(&self) -> MutexGuard<'_, Offer> {
        // Nobody panics while holding it, and if somebody did, every field is still whole.
        self.offer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which events a subscriber wants. All that is set must hold; sku and sale, of the same item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Bit n: type n; 0: all.
    pub(crate) types: u64,
    /// 0: any.
    pub(crate) user: u64,
    /// 0: any.
    pub(crate) sku: u64,
    /// 0: any.
    pub(crate) sale: u32,
}

impl Filter {
    /// Whether an event of these items is wanted.
    pub(crate) fn wants(&self, items: &[Event]) -> bool {
        let Some(first) = items.first() else { return false };
        let of_type = self.types == 0 || self.types & 1 << (first.event & 63) != 0;
        let of_user = self.user == 0 || self.user == first.user;
        of_type
            && of_user
            && items.iter().any(|item| {
                (self.sku == 0 || self.sku == item.sku) && (self.sale == 0 || self.sale == item.sale)
            })
    }
}
