//! STATS, AUDIT and DRAIN.

use crate::plain::plain;

plain! {
    /// What the server counted since it started, and how full its bounds are.
    pub struct StatsHead / ArchivedStatsHead {
        /// The server's name and version: printable ASCII, zero padded.
        pub server: [u8; 32],
        /// Which store serves: `embedded` or `cluster`, zero padded.
        pub store_mode: [u8; 16],
        /// The store's own id.
        pub store: u128,
        /// The server's time, µs UTC.
        pub server_time: i64,
        /// How long the server has been serving, µs.
        pub uptime_us: u64,
        /// Sub-reactors.
        pub reactors: u32,
        /// Threads that serve: reactors, engine and their helpers.
        pub workers: u32,
        /// Cores that the server may use.
        pub cores: u32,
        /// 1: the server takes no new orders.
        pub draining: bool,
        /// 1: what it answered is on disk, and survives a power cut.
        pub durable: bool,
        /// Connections open now.
        pub connections: u64,
        /// Of at most so many.
        pub connections_max: u64,
        /// Connections accepted.
        pub accepted: u64,
        /// Connections that the server cut off: bad frames, no HELLO, or answers that nobody read.
        pub cut_off: u64,
        /// Frames received.
        pub frames_in: u64,
        /// Frames sent.
        pub frames_out: u64,
        /// Bytes received.
        pub bytes_in: u64,
        /// Bytes sent.
        pub bytes_out: u64,
        /// Frames whose length, magic, version or checksum was wrong.
        pub bad_frames: u64,
        /// Requests without an answer so far.
        pub in_flight: u64,
        /// Requests decided by the store.
        pub decided: u64,
        /// Orders made.
        pub created: u64,
        /// Requests refused by the store.
        pub refused: u64,
        /// Requests that the store did not decide: overloaded, too late, draining, unavailable, unknown.
        pub not_decided: u64,
        /// Requests refused before the store: limits, bounds, deadlines, fields.
        pub turned_away: u64,
        /// Orders ended by the payment timer.
        pub expired: u64,
        /// Orders in memory.
        pub orders: u64,
        /// Of at most so many.
        pub orders_max: u64,
        /// Position of the last fact made.
        pub last_position: u64,
        /// Position up to which facts are durable.
        pub durable_position: u64,
        /// Groups written to the journal.
        pub journal_groups: u64,
        /// Bytes written to the journal, padding included.
        pub journal_bytes: u64,
        /// Median time from submit of a group to its durability, µs.
        pub journal_write_us_p50: u64,
        /// 99th percentile of the same, µs.
        pub journal_write_us_p99: u64,
        /// Memory of the process that is resident, bytes.
        pub resident_bytes: u64,
        /// Bytes that the data folder takes.
        pub disk_bytes: u64,
        /// Of at most so many: the budget, or what its file system has room for.
        pub disk_bytes_max: u64,
        /// 0 there is room, 1 somebody should make room, 2 new orders are SWITCHED_OFF until somebody does.
        pub disk_level: u8,
        /// Bytes of journal that the newest checkpoint lags behind: what a start would read. 0 where none is taken.
        pub checkpoint_lag_bytes: u64,
        /// Of at most so many: then what leads to new orders is OVERLOADED until it has caught up. 0: any.
        pub checkpoint_lag_bytes_max: u64,
        /// Facts that the newest checkpoint lags behind.
        pub checkpoint_lag_facts: u64,
        /// Orders at rest: on disk alone, until somebody needs them.
        pub orders_at_rest: u64,
        /// Bytes that orders at rest take on disk.
        pub cold_bytes: u64,
        /// Position that the journal in the data folder begins behind: events are there from the next one on. More than 0
        /// where older segments were archived or deleted.
        pub journal_begins_behind: u64,
    }

    /// What an independent recomputation found.
    pub struct AuditHead / ArchivedAuditHead {
        /// 1: no invariant is violated.
        pub ok: bool,
        /// Position of the last fact looked at.
        pub position: u64,
        /// Ledger time there, µs UTC.
        pub at: i64,
        /// Units that came in, over all shelves: received, returned and adjusted.
        pub stock: i64,
        /// Units sold, over all shelves.
        pub sold: u64,
        /// Units held, over all shelves.
        pub held: u64,
        /// Orders made.
        pub orders: u64,
        /// Units sold or held beyond what there was.
        pub oversold: u64,
        /// Orders made twice for one request id.
        pub duplicate_orders: u64,
        /// Acknowledged orders that are not there.
        pub lost: u64,
        /// How long it took, ms.
        pub millis: u64,
        /// Position that it began behind, with the balance of a checkpoint; 0: with the first fact.
        pub begins_behind: u64,
    }

    /// An invariant and what was found of it.
    pub struct Invariant / ArchivedInvariant {
        /// Its name: printable ASCII, zero padded.
        pub name: [u8; 32],
        /// How many things it was checked on.
        pub counted: u64,
        /// On how many of them it does not hold.
        pub violations: u64,
    }

    /// Whether to take new orders.
    pub struct DrainHead / ArchivedDrainHead {
        /// 1: CREATE answers DRAINING from now on; 0: orders are taken again.
        pub on: bool,
    }

    /// How far draining is.
    pub struct DrainAnswerHead / ArchivedDrainAnswerHead {
        /// 1: no new orders are taken.
        pub on: bool,
        /// Requests, of all connections, without an answer so far.
        pub in_flight: u64,
    }
}
