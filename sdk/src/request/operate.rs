//! PING, STATS, AUDIT and DRAIN.

use protocol::structs as wire;
use protocol::{Nothing, Parsed, messages};

use super::Ask;
use super::sealed::Wire;
use crate::shop;
use crate::values::MicrosUtc;

/// Asks whether the server is there.
#[derive(Clone, Debug)]
pub struct Ping;

impl Wire for Ping {
    type Question = messages::Ping;
    type Reply = messages::PingAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> Nothing {
        Nothing
    }
}

/// The answer is the server's time.
impl Ask for Ping {
    type Answer = MicrosUtc;

    fn read(answer: &Parsed<'_, messages::PingAnswer>) -> Option<MicrosUtc> {
        Some(MicrosUtc(answer.head.server_time))
    }
}

/// Reads what the server counted.
#[derive(Clone, Debug)]
pub struct Stats;

impl Wire for Stats {
    type Question = messages::Stats;
    type Reply = messages::StatsAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> Nothing {
        Nothing
    }
}

impl Ask for Stats {
    type Answer = wire::StatsHead;

    fn read(answer: &Parsed<'_, messages::StatsAnswer>) -> Option<wire::StatsHead> {
        Some(answer.head)
    }
}

/// Has the server recompute everything and compare.
#[derive(Clone, Debug)]
pub struct Audit;

impl Wire for Audit {
    type Question = messages::Audit;
    type Reply = messages::AuditAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> Nothing {
        Nothing
    }
}

impl Ask for Audit {
    type Answer = shop::Audit;

    fn read(answer: &Parsed<'_, messages::AuditAnswer>) -> Option<shop::Audit> {
        let wire::AuditHead {
            ok,
            position,
            at,
            stock,
            sold,
            held,
            orders,
            oversold,
            duplicate_orders,
            lost,
            millis,
            begins_behind,
        } = answer.head;
        let invariant = |item: wire::Invariant| {
            Some((protocol::text_of(&item.name)?.to_string(), item.counted, item.violations))
        };
        let invariants = answer.items.iter().map(invariant).collect::<Option<_>>()?;
        let at = MicrosUtc(at);
        Some(shop::Audit {
            ok,
            position,
            at,
            stock,
            sold,
            held,
            orders,
            oversold,
            duplicate_orders,
            lost,
            millis,
            begins_behind,
            invariants,
        })
    }
}

/// Stops, or takes up again, taking new orders. It has no request id: to ask twice is to ask once.
#[derive(Clone, Debug)]
pub struct Drain {
    pub(crate) on: bool,
}

impl Wire for Drain {
    type Question = messages::Drain;
    type Reply = messages::DrainAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::DrainHead {
        wire::DrainHead { on: self.on }
    }
}

/// The answer: requests, of all connections, without an answer so far.
impl Ask for Drain {
    type Answer = u64;

    fn read(answer: &Parsed<'_, messages::DrainAnswer>) -> Option<u64> {
        Some(answer.head.in_flight)
    }
}
