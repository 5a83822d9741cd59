//! A subscriber that holds the server to every promise of the stream.

use std::time::{Duration, Instant};

use protocol::structs::{AckHead, Event, SubscribeAnswerHead, SubscribeHead};
use protocol::{EventType, Flags, Kind, KindCode, messages, parse};
use tidegate_sdk::{AdjustReason, Currency, Money, SkuId, WarehouseId, blocking::Client};

use crate::Server;
use crate::wire::{Heard, Wire, frame};

/// What a unit costs in [`shop`].
pub const PRICE: Money = Money::new(19_99, Currency::EUR);
/// Correlation of the subscriptions here.
pub const FEED: u64 = 1 << 40;

/// All events that there are, as fast as they come.
pub const EVERYTHING: SubscribeHead = SubscribeHead {
    cursor: [0; 32],
    position: 0,
    types: 0,
    user: 0,
    sku: 0,
    sale: 0,
    credit_events: u32::MAX,
    credit_bytes: u32::MAX,
    partition: 0,
    from: 1,
};

/// A server with a million units of skus 1 and 2 at 19.99 EUR.
///
/// # Panics
/// Where it does not start.
pub fn shop(binary: &str, flags: &[&str]) -> Server {
    let server = Server::start_with(binary, flags);
    let client = Client::connect(server.address()).expect("the shop is set up");
    for sku in [1, 2] {
        client.wait(client.sku_put(SkuId(sku), PRICE)).expect("the shop is set up");
        let adjust =
            client.stock_adjust(SkuId(sku), WarehouseId(1)).on_hand(1_000_000, AdjustReason::Received);
        client.wait(adjust).expect("the shop is set up");
    }
    server
}

/// A subscription, and what is promised of it: each frame begins where the one before ended, each event names the
/// one before it, and the items of an event stand together.
#[derive(Debug)]
pub struct Feed {
    /// Its connection.
    pub wire: Wire,
    /// The cursor behind the last frame.
    pub through: u64,
    /// Position of the event before the next one.
    pub previous: u64,
    /// Frames so far, the first one too.
    pub frames: u64,
    /// Those of them that had no events.
    pub heartbeats: u64,
}

impl Feed {
    /// Subscribes on a connection of its own.
    ///
    /// # Panics
    /// Where it is refused.
    pub fn open(server: &Server, head: SubscribeHead) -> Feed {
        let mut wire = Wire::connect(server.address());
        wire.send(&frame::<messages::Subscribe>(FEED, &head, &[]));
        let heard = wire.hear().expect("a frame");
        let (first, events) = understood(&heard);
        assert_eq!((first.after, events.len()), (first.through, 0), "the first frame says where it begins");
        Feed { wire, through: first.through, previous: first.through, frames: 1, heartbeats: 0 }
    }

    /// The events of the next frame.
    ///
    /// # Panics
    /// Where it is not as promised.
    pub fn next_frame(&mut self) -> Vec<Event> {
        self.try_frame().expect("the subscription goes on")
    }

    /// The events of the next frame, or the one that ends the subscription.
    ///
    /// # Errors
    /// The refusal.
    ///
    /// # Panics
    /// Where it is not as promised.
    pub fn try_frame(&mut self) -> Result<Vec<Event>, Heard> {
        let heard = self.wire.hear().expect("a frame");
        if heard.status().is_some() {
            return Err(heard);
        }
        let (head, events) = understood(&heard);
        assert!(heard.header.flags.has(Flags::MORE), "the answer goes on");
        assert_eq!(head.after, self.through, "no gap between frames");
        assert!(head.through <= head.durable, "only what is durable");
        self.through = head.through;
        (self.frames, self.heartbeats) = (self.frames + 1, self.heartbeats + u64::from(events.is_empty()));
        let mut part = 0;
        for event in &events {
            assert_eq!(event.part, part, "items stand in order");
            part = if event.part + 1 == event.parts { 0 } else { part + 1 };
            assert_eq!(event.previous, self.previous, "no gap between events");
            if event.event == EventType::StockReserveFailed.number() {
                assert_eq!(event.position, head.through, "it is no fact: it has the place of the last one");
                continue;
            }
            assert!(event.position > head.after && event.position <= head.through);
            assert!(event.previous < event.position);
            if part == 0 {
                self.previous = event.position;
            }
        }
        assert_eq!(part, 0, "an event is whole");
        Ok(events)
    }

    /// Events until so many have come.
    ///
    /// # Panics
    /// Where they do not come, or not as promised.
    pub fn take(&mut self, count: usize) -> Vec<Event> {
        let (began, mut taken) = (Instant::now(), Vec::new());
        while taken.len() < count {
            taken.extend(self.next_frame());
            assert!(began.elapsed() < Duration::from_secs(20), "{} of {count} came", taken.len());
        }
        taken
    }

    /// Lets so many more come.
    ///
    /// # Panics
    /// Where that is refused.
    pub fn grant(&mut self, credit_events: u32) {
        let head = AckHead {
            cursor: [0; 32],
            position: 0,
            subscription: FEED,
            credit_events,
            credit_bytes: 1 << 20,
            partition: 0,
            forget: false,
        };
        self.wire.send(&frame::<messages::Ack>(2, &head, &[]));
        let heard = self.wire.hear().expect("a frame");
        assert_eq!(heard.header.kind, KindCode::from(Kind::Ack).answer());
        assert_eq!(heard.status(), None);
    }
}

/// A frame of events.
///
/// # Panics
/// Where it is something else.
pub fn understood(heard: &Heard) -> (SubscribeAnswerHead, Vec<Event>) {
    assert_eq!(heard.status(), None);
    assert_eq!(heard.header.correlation, FEED);
    let parsed = parse::<messages::SubscribeAnswer>(&heard.header, &heard.body).expect("a frame");
    (parsed.head, parsed.items.iter().collect())
}
