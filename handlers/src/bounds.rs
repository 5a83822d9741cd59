//! How much one gateway may hold, and how fast clients may ask.

/// The bounds of one gateway. What happens at each stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at once; whoever owns the sockets lets in no more.
    pub connections: u32,
    /// Requests that the store has not answered, of all connections together. More: OVERLOADED.
    pub in_flight: u32,
    /// Of these, places that only what frees stock and operators' work may take.
    pub in_flight_reserved: u32,
    /// Unanswered requests of one connection; a BATCH is one. More: TOO_MANY_IN_FLIGHT.
    pub connection_in_flight: u32,
    /// Unanswered BATCHes of one connection. More: TOO_MANY_IN_FLIGHT.
    pub connection_batches: u32,
    /// Bytes of answers that a client has not read, beyond which its next requests are TOO_MANY_IN_FLIGHT. A read
    /// whose answer would pass twice this is OVERLOADED instead. Sockets cut off at about four times this.
    pub connection_answer_bytes: u32,
    /// Unanswered BATCHes of all connections together. More: OVERLOADED.
    pub batches: u32,
    /// Subscriptions to events of all connections together. More: OVERLOADED.
    pub subscriptions: u32,
    /// Bytes of events that leave in a second, of all subscriptions together: sending them takes time from orders.
    /// What has to wait stays in the journal.
    pub event_bytes_per_s: u32,
    /// Refusals for want of stock that are told to who listens, in a second. Others are not told.
    pub refusal_events_per_s: u32,
    /// Users whose pace is remembered, where [`Rates::user_per_s`] is on: a power of two, at least 8. A user for
    /// whom there is no place is RATE_LIMITED until there is one.
    pub rate_users: u32,
    /// Orders of a store that AUDIT recomputes: it takes some 230 bytes of memory for each as long as it lasts. More:
    /// SWITCHED_OFF, for asking again does not help.
    pub audit_orders: u64,
    /// Told with OVERLOADED and TOO_MANY_IN_FLIGHT. Milliseconds.
    pub retry_after_ms: u32,
    /// How long a connection may take to say HELLO, 1 to [`Bounds::HELLO_SECONDS_MAX`]. Then it hears AUTH_REQUIRED
    /// and is closed.
    pub hello_seconds: u32,
}

impl Bounds {
    /// For a server of many thousand connections.
    pub const DEFAULT: Bounds = Bounds {
        connections: 16_384,
        in_flight: 65_536,
        in_flight_reserved: 4_096,
        connection_in_flight: 1_024,
        connection_batches: 8,
        connection_answer_bytes: 1 << 20,
        batches: 64,
        subscriptions: 256,
        event_bytes_per_s: 100 << 20,
        refusal_events_per_s: 100,
        rate_users: 1 << 17,
        audit_orders: 8_000_000,
        retry_after_ms: 20,
        hello_seconds: 10,
    };

    /// An hour: whoever needs longer for its first 80 bytes is not there.
    pub const HELLO_SECONDS_MAX: u32 = 3_600;

    /// What is wrong with these bounds, in a sentence that begins with the name of one; nothing if they hold.
    pub const fn fault(&self) -> Option<&'static str> {
        if self.connections == 0 || self.connection_in_flight == 0 || self.connection_batches == 0 {
            return Some("connections, connection_in_flight, connection_batches: must be at least 1");
        }
        if self.in_flight <= self.in_flight_reserved {
            return Some("in_flight: must be more than in_flight_reserved");
        }
        if self.in_flight > 1 << 24 {
            return Some("in_flight: must be at most 16777216");
        }
        if self.batches == 0 {
            return Some("batches: must be at least 1");
        }
        if self.subscriptions > 1 << 16 {
            return Some("subscriptions: must be at most 65536");
        }
        if self.event_bytes_per_s == 0 {
            return Some("event_bytes_per_s: must be at least 1");
        }
        if self.connection_answer_bytes < 4_096 {
            return Some("connection_answer_bytes: must be at least 4096");
        }
        if self.rate_users < 8 || !self.rate_users.is_power_of_two() {
            return Some("rate_users: must be a power of two of at least 8");
        }
        if self.hello_seconds == 0 || self.hello_seconds > Self::HELLO_SECONDS_MAX {
            return Some("hello_seconds: must be 1 to 3600");
        }
        None
    }

    /// The most memory that a gateway with these bounds takes, the intents themselves aside (the store counts
    /// them).
    pub const fn gateway_bytes(&self) -> usize {
        self.connections as usize * (crate::session::SESSION_BYTES + crate::newcomers::NEWCOMER_BYTES)
            + self.in_flight as usize * crate::in_flight::PENDING_BYTES
            + self.batches as usize * crate::batch::BATCH_BYTES
            + self.subscriptions as usize * crate::events::SUBSCRIPTION_BYTES
            + crate::events::WATCHED_BYTES
            + self.rate_users as usize * crate::rate::USER_BYTES
    }
}

/// What the defaults may add up to.
const GATEWAY_BYTES_MAX: usize = 64 << 20;
const _: () = assert!(Bounds::DEFAULT.gateway_bytes() <= GATEWAY_BYTES_MAX);
const _: () = assert!(Bounds::DEFAULT.fault().is_none());

impl Default for Bounds {
    fn default() -> Self {
        Bounds::DEFAULT
    }
}

/// How fast clients may ask. Each gateway keeps its own count. CANCEL is never limited: it frees stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Requests a second of one user, over all its connections; 0: no limit.
    pub user_per_s: u32,
    /// Requests that a user may send at once after a pause.
    pub user_burst: u32,
    /// Requests a second of one connection, BATCH items counted; 0: no limit.
    pub connection_per_s: u32,
    /// Requests that a connection may send at once after a pause.
    pub connection_burst: u32,
}
