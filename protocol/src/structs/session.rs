//! HELLO, PING, GOAWAY and refusals.

use crate::plain::plain;

plain! {
    /// The body of every answer whose status is not 0. It has no items.
    pub struct Refusal / ArchivedRefusal {
        /// The first line or item to blame, counted from 0; 0xFFFFFFFF where none is.
        pub line: u32,
        /// What was asked for: units, a price, a version, a time (µs); 0 where there is no number.
        pub asked: i64,
        /// What there is, in the unit of `asked`. REQUEST_ID_EXPIRED: the server's time (µs UTC).
        pub there: i64,
    }

    /// Who is calling.
    pub struct HelloHead / ArchivedHelloHead {
        /// The client's name, for logs: printable ASCII, zero padded.
        pub client: [u8; 32],
        /// The client's version, for logs: printable ASCII, zero padded.
        pub client_version: [u8; 16],
    }

    /// Who answers, and what it takes.
    pub struct HelloAnswerHead / ArchivedHelloAnswerHead {
        /// The store's own id: another one means other orders.
        pub store: u128,
        /// The server's time, µs since 1970-01-01 UTC: request ids are made with it.
        pub server_time: i64,
        /// A request id older than this is REQUEST_ID_EXPIRED, µs.
        pub request_window_us: i64,
        /// A request id further ahead than this is REQUEST_ID_EXPIRED, µs.
        pub request_ahead_us: i64,
        /// Bytes of a whole frame from now on, at most.
        pub frame_bytes_max: u32,
        /// Unanswered requests of this connection, at most: more are TOO_MANY_IN_FLIGHT.
        pub in_flight_max: u32,
        /// Lines of one order, at most.
        pub lines_max: u32,
        /// The client's own bytes in one order, at most.
        pub client_bytes_max: u32,
        /// Items of one BATCH, at most.
        pub batch_items_max: u32,
        /// Items of one page, at most.
        pub page_max: u32,
        /// The server's name and version, for logs: printable ASCII, zero padded.
        pub server: [u8; 32],
        /// The version of the wire that it speaks.
        pub wire_version: u8,
    }

    /// A kind that the server serves.
    pub struct KindServed / ArchivedKindServed {
        /// Its number, as a request.
        pub kind: u16,
    }

    /// The server's time.
    pub struct PingAnswerHead / ArchivedPingAnswerHead {
        /// µs since 1970-01-01 UTC.
        pub server_time: i64,
    }

    /// The server takes nothing more from this connection.
    pub struct GoawayAnswerHead / ArchivedGoawayAnswerHead {
        /// Requests of this connection whose answers are still to come; then the server closes it.
        pub in_flight: u32,
    }
}

impl Refusal {
    /// Stands in [`Refusal::line`] where no line is to blame.
    pub const NO_LINE: u32 = u32::MAX;

    /// Of the whole request, without numbers.
    pub const WHOLE: Refusal = Refusal { line: Self::NO_LINE, asked: 0, there: 0 };
}
