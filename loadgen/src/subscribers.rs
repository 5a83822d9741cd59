//! Subscribers beside the load: each on a connection of its own, each holding the server to «no gap».

use protocol::messages::{Ack, AckAnswer, Subscribe, SubscribeAnswer};
use protocol::structs::{AckHead, SubscribeHead};
use protocol::{EventType, Header, Message, Meta, Status, parse};
use reactor::Connection;

use crate::talk::append;

/// Subscribers of one run, at most.
pub const SUBSCRIBERS_MAX: u32 = 1_000;
/// What each lets the server send ahead. Half of it taken, as much is granted again.
const CREDIT_EVENTS: u32 = 4_096;
const CREDIT_BYTES: u32 = 2 << 20;
const SUBSCRIBE_CORRELATION: u64 = 1;
const ACK_CORRELATION: u64 = 2;

/// The subscribers of a run.
#[derive(Debug)]
pub(crate) struct Subscribers {
    seats: Vec<Seat>,
    pub(crate) events: u64,
}

/// A subscriber; without a connection it waits for one.
#[derive(Debug)]
struct Seat {
    connection: Option<Connection>,
    /// What it wants to hear of: types as bits, and a sku; 0: all.
    types: u64,
    sku: u64,
    /// Where it stands; nothing before its first frame.
    cursor: Option<u64>,
    /// Position of the event that came last on this connection, or where it began.
    last: Option<u64>,
    taken_events: u32,
    taken_bytes: u32,
}

impl Subscribers {
    /// `count` of them: one hears everything, one of payments, one of shipments, one of a single sku, and again.
    pub(crate) fn new(count: u32, sku: u64) -> Subscribers {
        let wish = |at: u32| match at % 4 {
            0 => (0, 0),
            1 => (EventType::PaymentSuccess.bit(), 0),
            2 => (EventType::OrderShipped.bit(), 0),
            _ => (0, sku),
        };
        let seat = |at| {
            let (types, sku) = wish(at);
            Seat { connection: None, types, sku, cursor: None, last: None, taken_events: 0, taken_bytes: 0 }
        };
        Subscribers { seats: (0..count).map(seat).collect(), events: 0 }
    }

    /// A connection for whoever waits for one; what to send there first goes to `out`. False: nobody waits.
    pub(crate) fn join(&mut self, connection: Connection, out: &mut Vec<u8>) -> bool {
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.connection.is_none()) else { return false };
        seat.connection = Some(connection);
        (seat.last, seat.taken_events, seat.taken_bytes) = (None, 0, 0);
        const NOW: u8 = 0;
        const BEHIND: u8 = 1;
        let (from, position) = seat.cursor.map_or((NOW, 0), |cursor| (BEHIND, cursor));
        let head = SubscribeHead {
            cursor: [0; 32],
            position,
            types: seat.types,
            user: 0,
            sku: seat.sku,
            sale: 0,
            credit_events: CREDIT_EVENTS,
            credit_bytes: CREDIT_BYTES,
            partition: 0,
            from,
        };
        let meta = Meta { correlation: SUBSCRIBE_CORRELATION, ..Meta::default() };
        append::<Subscribe>(out, &meta, &head, []);
        true
    }

    /// Whether this connection is a subscriber's.
    pub(crate) fn has(&self, connection: Connection) -> bool {
        self.seats.iter().any(|seat| seat.connection == Some(connection))
    }

    /// The connection is gone. True: a subscriber had it.
    pub(crate) fn leave(&mut self, connection: Connection) -> bool {
        let seat = self.seats.iter_mut().find(|seat| seat.connection == Some(connection));
        seat.map(|seat| seat.connection = None).is_some()
    }

    /// A frame came; what to send because of it goes to `out`.
    ///
    /// # Errors
    /// What the server did wrong: a gap, a refusal, a frame that is none of its answers.
    pub(crate) fn take(
        &mut self,
        connection: Connection,
        header: &Header,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.connection == Some(connection)) else {
            return Ok(());
        };
        if let Some(status) = header.status.known() {
            return Err(format!("a subscriber was refused: {}", Status::name(status)));
        }
        if header.kind == AckAnswer::ABOUT.kind_code() {
            return Ok(());
        }
        let events = parse::<SubscribeAnswer>(header, body).map_err(|_| {
            format!("a subscriber was sent a frame that is none of its subscription: {header}")
        })?;
        let head = events.head;
        let begins_at = *seat.cursor.get_or_insert(head.after);
        let mut last = seat.last.unwrap_or(head.after);
        let mut gap = (begins_at != head.after).then_some(head.after);
        for event in events.items.iter() {
            if event.part == 0 {
                gap = gap.or((event.previous != last).then_some(event.position));
                last = event.position;
                seat.taken_events += 1;
                self.events += 1;
            }
        }
        (seat.last, seat.cursor) = (Some(last), Some(head.through));
        seat.taken_bytes = seat.taken_bytes.saturating_add(header.length);
        if seat.taken_events >= CREDIT_EVENTS / 2 || seat.taken_bytes >= CREDIT_BYTES / 2 {
            seat.grant(out);
        }
        gap.map_or(Ok(()), |position| Err(format!("a subscriber misses events before position {position}")))
    }
}

impl Seat {
    /// What was taken is granted again.
    fn grant(&mut self, out: &mut Vec<u8>) {
        let head = AckHead {
            cursor: [0; 32],
            position: 0,
            subscription: SUBSCRIBE_CORRELATION,
            credit_events: std::mem::take(&mut self.taken_events),
            credit_bytes: std::mem::take(&mut self.taken_bytes),
            partition: 0,
            forget: false,
        };
        append::<Ack>(out, &Meta { correlation: ACK_CORRELATION, ..Meta::default() }, &head, []);
    }
}

#[cfg(test)]
mod tests {
    use protocol::bounds::FRAME_BYTES_MAX;
    use protocol::structs::{Event, SubscribeAnswerHead};
    use protocol::{Plain, Split, split};

    use super::*;

    const CONNECTION: Connection = Connection { slot: 3, generation: 1 };

    /// A frame from `after` through `through` with events of these (position, position before).
    fn frame(after: u64, through: u64, events: &[(u64, u64)]) -> Vec<u8> {
        let head = SubscribeAnswerHead { after, through, durable: through, server_time: 0, partition: 0 };
        let blank = Event::read(&[0; Event::LAYOUT.bytes]).expect("zeros are an event");
        let events = events.iter().map(|&(position, previous)| Event { position, previous, ..blank });
        let mut out = Vec::new();
        append::<SubscribeAnswer>(&mut out, &Meta::default(), &head, events.collect::<Vec<_>>());
        out
    }

    fn take(subscribers: &mut Subscribers, frame: &[u8]) -> Result<Vec<u8>, String> {
        let Split::Frame { header, body, .. } = split(frame, FRAME_BYTES_MAX) else {
            panic!("a whole frame")
        };
        let mut out = Vec::new();
        subscribers.take(CONNECTION, &header, body, &mut out).map(|()| out)
    }

    fn joined() -> Subscribers {
        let mut subscribers = Subscribers::new(1, 7);
        let mut out = Vec::new();
        assert!(subscribers.join(CONNECTION, &mut out) && !out.is_empty());
        assert!(!subscribers.join(CONNECTION, &mut out), "nobody else waits");
        subscribers
    }

    #[test]
    fn events_that_follow_each_other_are_counted() {
        let mut subscribers = joined();
        assert_eq!(take(&mut subscribers, &frame(10, 10, &[])), Ok(vec![]));
        assert_eq!(take(&mut subscribers, &frame(10, 20, &[(12, 10), (15, 12)])), Ok(vec![]));
        assert_eq!(take(&mut subscribers, &frame(20, 30, &[(22, 15)])), Ok(vec![]));
        assert_eq!(subscribers.events, 3);
    }

    #[test]
    fn a_gap_is_found_between_frames_and_between_events() {
        let mut subscribers = joined();
        take(&mut subscribers, &frame(10, 20, &[(12, 10)])).expect("no gap");
        assert!(take(&mut subscribers, &frame(21, 30, &[])).is_err(), "the cursor jumped");
        let mut subscribers = joined();
        assert!(take(&mut subscribers, &frame(10, 20, &[(12, 10), (15, 13)])).is_err(), "one is missing");
    }

    #[test]
    fn who_comes_back_goes_on_behind_the_last_frame() {
        let mut subscribers = joined();
        take(&mut subscribers, &frame(10, 20, &[(12, 10)])).expect("no gap");
        assert!(subscribers.leave(CONNECTION) && !subscribers.leave(CONNECTION));
        let mut out = Vec::new();
        assert!(subscribers.join(CONNECTION, &mut out));
        assert_eq!(take(&mut subscribers, &frame(20, 30, &[(22, 20)])), Ok(vec![]));
    }

    #[test]
    fn half_the_credit_taken_is_granted_again() {
        let mut subscribers = joined();
        let mut granted = 0;
        for at in 0..u64::from(CREDIT_EVENTS) {
            let grant = take(&mut subscribers, &frame(at, at + 1, &[(at + 1, at)])).expect("no gap");
            granted += usize::from(!grant.is_empty());
        }
        assert_eq!(granted, 2);
    }
}
