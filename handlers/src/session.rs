//! Connections as a gateway sees them, and the kinds that are about the session or the server itself: HELLO, PING,
//! GOAWAY, DRAIN and STATS. They never reach the store.

use domain::MicrosUtc;
use protocol::structs::{
    DrainAnswerHead, DrainHead, GoawayAnswerHead, HelloAnswerHead, HelloHead, KindServed, PingAnswerHead,
    StatsHead,
};
use protocol::{Header, bounds, messages, parse, text, text_of};

use crate::bounds::Bounds;
use crate::common::{About, Common, Host};
use crate::outlet::Client;
use crate::rate::Bucket;
use crate::refused::Refused;

/// Bytes that a connection takes.
pub(crate) const SESSION_BYTES: usize = size_of::<Session>();

/// One connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) generation: u32,
    pub(crate) phase: Phase,
    /// Unanswered requests; a BATCH is one.
    pub(crate) in_flight: u32,
    /// Unanswered BATCHes.
    pub(crate) batches: u32,
    pub(crate) bucket: Bucket,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody is there.
    Gone,
    /// Connected; has not said HELLO.
    Stranger,
    /// Said HELLO and was answered.
    Known,
    /// Takes nothing more; closes after its last answer.
    Leaving,
}

/// All connections, by slot. What was for an earlier connection of a slot finds nobody.
#[derive(Debug)]
pub(crate) struct Sessions {
    slots: Vec<Session>,
    max: u32,
}

impl Sessions {
    pub(crate) fn new(max: u32) -> Sessions {
        Sessions { slots: Vec::with_capacity(max as usize), max }
    }

    /// A connection is there. False: the owner of the sockets broke the bound.
    pub(crate) fn open(&mut self, client: Client) -> bool {
        if client.slot >= self.max {
            return false;
        }
        let gone = Session {
            generation: 0,
            phase: Phase::Gone,
            in_flight: 0,
            batches: 0,
            bucket: Bucket::default(),
        };
        let slots = self.slots.len().max(client.slot as usize + 1);
        self.slots.resize(slots, gone);
        self.slots[client.slot as usize] =
            Session { generation: client.generation, phase: Phase::Stranger, ..gone };
        true
    }

    /// The session of a connection that is still there.
    pub(crate) fn get(&mut self, client: Client) -> Option<&mut Session> {
        let session = self.slots.get_mut(client.slot as usize)?;
        (session.generation == client.generation && session.phase != Phase::Gone).then_some(session)
    }

    /// Every connection that is there.
    pub(crate) fn clients(&self) -> impl Iterator<Item = Client> + use<> {
        let there: Vec<Client> = (0..)
            .zip(&self.slots)
            .filter(|(_, session)| session.phase != Phase::Gone)
            .map(|(slot, session)| Client { slot, generation: session.generation })
            .collect();
        there.into_iter()
    }
}

/// HELLO's answer, or what is wrong with it.
pub(crate) fn hello(
    header: &Header,
    body: &[u8],
    about: &About,
    bounds: &Bounds,
    now: MicrosUtc,
) -> Result<HelloAnswerHead, Refused> {
    let HelloHead { client, client_version } = parse::<messages::Hello>(header, body)?.head;
    let client = text_of(&client).ok_or(Refused::field("client"))?;
    let version = text_of(&client_version).ok_or(Refused::field("client_version"))?;
    tracing::debug!(client, version, "hello");
    Ok(HelloAnswerHead {
        store: about.store,
        server_time: now.0,
        request_window_us: about.request_window.0,
        request_ahead_us: about.request_ahead.0,
        frame_bytes_max: bounds::FRAME_BYTES_MAX as u32,
        in_flight_max: bounds.connection_in_flight,
        lines_max: bounds::LINES_MAX,
        client_bytes_max: bounds::CLIENT_BYTES_MAX,
        batch_items_max: bounds::BATCH_ITEMS_MAX,
        page_max: bounds::PAGE_MAX,
        server: text(&about.server),
        wire_version: protocol::VERSION,
    })
}

/// The kinds that HELLO's answer names.
pub(crate) fn kinds_served(common: &Common) -> impl ExactSizeIterator<Item = KindServed> {
    common.kinds().iter().map(|kind| KindServed { kind: kind.code() })
}

/// PING's answer.
pub(crate) fn ping(header: &Header, body: &[u8], now: MicrosUtc) -> Result<PingAnswerHead, Refused> {
    parse::<messages::Ping>(header, body)?;
    Ok(PingAnswerHead { server_time: now.0 })
}

/// GOAWAY's answer.
pub(crate) fn goaway(header: &Header, body: &[u8], in_flight: u32) -> Result<GoawayAnswerHead, Refused> {
    parse::<messages::Goaway>(header, body)?;
    Ok(GoawayAnswerHead { in_flight })
}

/// DRAIN's answer; from here on it holds for all connections of the server.
pub(crate) fn drain(header: &Header, body: &[u8], common: &Common) -> Result<DrainAnswerHead, Refused> {
    let DrainHead { on } = parse::<messages::Drain>(header, body)?.head;
    if common.draining() != on {
        tracing::info!(on, "draining was switched by a client");
    }
    common.set_draining(on);
    Ok(DrainAnswerHead { on, in_flight: common.in_flight() })
}

/// STATS' answer.
pub(crate) fn stats(
    header: &Header,
    body: &[u8],
    common: &Common,
    store: &storage::Stats,
    now: MicrosUtc,
) -> Result<StatsHead, Refused> {
    parse::<messages::Stats>(header, body)?;
    let About { server, store: store_id, store_mode, durable, reactors, workers, cores, started_at, .. } =
        &common.about;
    let Host { connections, connections_max, accepted, cut_off, bytes_in, bytes_out, resident_bytes } =
        common.host();
    let bad_frames = common.sum(|counters| &counters.bad_frames);
    let storage::Stats {
        decided,
        created,
        refused,
        not_decided,
        expired,
        orders,
        orders_max,
        last_position,
        durable_position,
        groups,
        bytes,
        write_us_p50,
        write_us_p99,
        disk_bytes,
        disk_bytes_max,
        disk_level,
        checkpoint_lag_bytes,
        checkpoint_lag_bytes_max,
        checkpoint_lag_facts,
        begins_behind,
        at_rest,
        cold_bytes,
    } = *store;
    Ok(StatsHead {
        server: text(server),
        store_mode: text(store_mode),
        store: *store_id,
        server_time: now.0,
        uptime_us: now.since(*started_at).0.max(0) as u64,
        reactors: *reactors,
        workers: *workers,
        cores: *cores,
        draining: common.draining(),
        durable: *durable,
        connections,
        connections_max,
        accepted,
        cut_off: cut_off + bad_frames + common.sum(|counters| &counters.silent),
        frames_in: common.sum(|counters| &counters.frames_in),
        frames_out: common.sum(|counters| &counters.frames_out),
        bytes_in,
        bytes_out,
        bad_frames,
        in_flight: common.in_flight(),
        decided,
        created,
        refused,
        not_decided,
        turned_away: common.sum(|counters| &counters.turned_away),
        expired,
        orders,
        orders_max,
        last_position,
        durable_position,
        journal_groups: groups,
        journal_bytes: bytes,
        journal_write_us_p50: write_us_p50,
        journal_write_us_p99: write_us_p99,
        resident_bytes,
        disk_bytes,
        disk_bytes_max,
        disk_level,
        checkpoint_lag_bytes,
        checkpoint_lag_bytes_max,
        checkpoint_lag_facts,
        orders_at_rest: at_rest,
        cold_bytes,
        journal_begins_behind: begins_behind,
    })
}
