//! SUBSCRIBE, ACK, UNSUBSCRIBE and DEAD_LETTERS, and the event itself.

use crate::plain::plain;

plain! {
    /// Which events, from where on, and how many may be sent before more is granted by ACK.
    pub struct SubscribeHead / ArchivedSubscribeHead {
        /// Who subscribes, by the name of its cursor: printable ASCII, zero padded. Needed with `from` 2; else it may be empty, and then nothing that was parked is told again here.
        pub cursor: [u8; 32],
        /// With `from` 1, the position behind which to begin; 0: the first event that there is. Else 0.
        pub position: u64,
        /// Bit n: events of type n; 0: all types that are on disk, so not StockReserveFailed.
        pub types: u64,
        /// Only events of this user's orders; 0: any.
        pub user: u64,
        /// Only events that name this sku; 0: any.
        pub sku: u64,
        /// Only events that name this sale; 0: any.
        pub sale: u32,
        /// Events that may be sent, to begin with.
        pub credit_events: u32,
        /// Bytes of frames that may be sent, to begin with. An event is sent whole while any are left.
        pub credit_bytes: u32,
        /// Of the stream; an embedded store has 0 only.
        pub partition: u16,
        /// 0: what becomes durable from now on; 1: behind `position`; 2: behind the named cursor (behind 0 where it is new).
        pub from: u8,
    }

    /// Events behind each other, or none: then the cursor moved past what the filter leaves out.
    pub struct SubscribeAnswerHead / ArchivedSubscribeAnswerHead {
        /// The cursor before this frame.
        pub after: u64,
        /// The cursor behind this frame: every event up to it was sent or left out by the filter.
        pub through: u64,
        /// Position of the last durable event; what is between `through` and this is still to come.
        pub durable: u64,
        /// The server's time, µs UTC.
        pub server_time: i64,
        /// Of the stream.
        pub partition: u16,
    }

    /// What became true, once it is durable. One that names several lines or shelves comes as so many items of
    /// the same `position`; fields that its type has no use for are 0.
    pub struct Event / ArchivedEvent {
        /// Where it stands in the stream. Positions grow; not each of them is an event.
        pub position: u64,
        /// Position of the event sent before it in this subscription; of the first one, the cursor it began at.
        pub previous: u64,
        /// Position of the event that this tells again, because DEAD_LETTERS asked for it; else 0. Where that is not kept any more, `event` is 0.
        pub again: u64,
        /// Ledger time, µs UTC.
        pub at: i64,
        /// The order that it is about.
        pub order: u64,
        /// The payment that it is about; its refund, where money goes back.
        pub payment: u64,
        /// The coupon that it is about.
        pub coupon: u64,
        /// Whose order that is, or who claimed the coupon.
        pub user: u64,
        /// The sku of this line or shelf.
        pub sku: u64,
        /// Price of one unit, minor units.
        pub unit_price: i64,
        /// Total of the order, or what was paid or went back by this event, or is to go back by this case, or what the coupon takes off, minor units.
        pub amount: i64,
        /// Units of this line or shelf; where stock was adjusted, what `on_hand` changed by.
        pub units: i64,
        /// What `safety` of the shelf changed by.
        pub safety_delta: i64,
        /// What `unavailable` of the shelf changed by.
        pub unavailable_delta: i64,
        /// The user, or the id of the operator's key, who caused it; 0 for a timer.
        pub actor_id: u64,
        /// The request that caused it; 0 for a timer.
        pub request: u128,
        /// Trace of that request.
        pub trace: u128,
        /// The warehouse of this line or shelf.
        pub warehouse: u32,
        /// The sale that this line sold in, or that changed.
        pub sale: u32,
        /// Version of the order, sku, sale or coupon from now on, where this event changed it.
        pub version: u32,
        /// What happened, by the table of events.
        pub event: u16,
        /// Version of the meaning of these fields for this type; counts from 1.
        pub schema: u16,
        /// Which item of its event this is, from 0.
        pub part: u16,
        /// How many items the event has.
        pub parts: u16,
        /// ISO 4217 number of the money.
        pub currency: u16,
        /// The shop's own number for why.
        pub why: u16,
        /// State of the order from now on, where this event changed it.
        pub state: u8,
        /// Why stock could not be reserved: 1 sold out, 2 too few. Who cancelled: 1 user, 2 timer, 3 operator, 4 risk. Why stock changed: 1 received, 2 adjusted, 3 returned, 4 transferred, 5 lost. Why money goes back: 1 late,
        /// 2 duplicate, 3 cancelled, 4 an operator, 5 an after-sales case. Where a case stands: as in AFTERSALE_GET. Money that arrived: 1 it goes back. An attempt that failed: 1 the
        /// gateway said so, 2 it was given up. What a switch stops from now on: the sum of 1 creating, 2 paying,
        /// 4 changing.
        pub reason: u8,
        /// Who caused it: 1 user, 2 operator, 3 timer, 4 gateway.
        pub actor: u8,
    }

    /// Grants credit to a subscription, or moves a named cursor, or both.
    pub struct AckHead / ArchivedAckHead {
        /// Name of the cursor to move: printable ASCII, zero padded. Empty: none.
        pub cursor: [u8; 32],
        /// Where the cursor is to stand: the subscriber needs nothing up to here any more. It never moves back.
        pub position: u64,
        /// Correlation of this connection's SUBSCRIBE that the credit is for; looked at where credit is granted.
        pub subscription: u64,
        /// Events more that may be sent.
        pub credit_events: u32,
        /// Bytes more that may be sent.
        pub credit_bytes: u32,
        /// Of the stream.
        pub partition: u16,
        /// 1: forget the cursor instead.
        pub forget: bool,
    }

    /// Where the cursor stands, durably.
    pub struct AckAnswerHead / ArchivedAckAnswerHead {
        /// Its position; 0 where none was named, or where it was forgotten.
        pub position: u64,
    }

    /// Which subscription to end.
    pub struct UnsubscribeHead / ArchivedUnsubscribeHead {
        /// Correlation of this connection's SUBSCRIBE.
        pub subscription: u64,
    }

    /// Nothing of the subscription follows this.
    pub struct UnsubscribeAnswerHead / ArchivedUnsubscribeAnswerHead {
        /// Its cursor: where another subscription goes on without a gap.
        pub through: u64,
    }
    /// Parks a fact that a subscriber could not take, so that it can go on; or looks at, retries or drops what is
    /// parked.
    pub struct DeadLettersHead / ArchivedDeadLettersHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask. 0 where it only reads.
        pub request: u128,
        /// The name of the subscriber's cursor: printable ASCII, zero padded. Empty: read from the beginning.
        pub subscriber: [u8; 32],
        /// Why it is parked: 1 to 64 printable ASCII characters, zero padded. Else empty.
        pub reason: [u8; 64],
        /// Position of the fact. With `action` 0, only letters behind this one of this subscriber are read.
        pub position: u64,
        /// Of the stream; an embedded store has 0 only.
        pub partition: u16,
        /// With `action` 0, letters of the answer, 1 to 100; else 0.
        pub limit: u16,
        /// 0: read, by subscriber and position; 1: park; 2: retry: the subscriber is told again; 3: drop. INVALID_FIELD for a letter that is not there.
        pub action: u8,
    }

    /// What is parked.
    pub struct DeadLettersAnswerHead / ArchivedDeadLettersAnswerHead {
        /// Letters that are parked now, of all subscribers.
        pub parked: u64,
        /// There are more behind the last item.
        pub more: bool,
    }

    /// A fact that a subscriber parked.
    pub struct DeadLetter / ArchivedDeadLetter {
        /// The name of the subscriber's cursor, zero padded.
        pub subscriber: [u8; 32],
        /// Why, zero padded.
        pub reason: [u8; 64],
        /// Position of the fact.
        pub position: u64,
        /// When it was parked, µs UTC.
        pub at: i64,
        /// Of the stream.
        pub partition: u16,
    }
}
