//! Where Redis is, and how long it may take.

use std::fmt;
use std::time::Duration;

/// Where Redis is, and how long it may take.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// `redis://host:port`, `redis-sentinel://host:port?node=host:port&sentinelServiceName=name`, or
    /// `redis-cluster://host:port?node=host:port`; `user:password@` before the host.
    pub url: String,
    /// How long it may take.
    pub timeouts: Timeouts,
}

impl Settings {
    /// With the time-outs that stand.
    pub fn new(url: impl Into<String>) -> Settings {
        Settings { url: url.into(), timeouts: Timeouts::DEFAULT }
    }
}

/// Without the address: it has a password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("timeouts", &self.timeouts).finish_non_exhaustive()
    }
}

/// How long Redis may take; nothing waits for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A connection, with what is said on it first.
    pub connect: Duration,
    /// A call, from its handing in to its answer.
    pub call: Duration,
    /// A connection with calls on it that says nothing for so long is given up, and another one made.
    pub silence: Duration,
    /// The shortest and the longest pause between two tries to connect.
    pub reconnect: (Duration, Duration),
}

impl Timeouts {
    /// A server that works answers within milliseconds; an order that waits longer than this is better asked again.
    pub const DEFAULT: Timeouts = Timeouts {
        connect: Duration::from_millis(1_000),
        call: Duration::from_millis(500),
        silence: Duration::from_millis(1_000),
        reconnect: (Duration::from_millis(20), Duration::from_millis(500)),
    };
}
