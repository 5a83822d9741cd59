//! What a run is to do.

use std::path::PathBuf;

use protocol::Kind;

use crate::errands::Errand;
use crate::gateway::{GATEWAY, GATEWAY_KEY};
use crate::life::Act;
use crate::purchases::{ORDER_LINES_MAX, Purchases};
pub use crate::subscribers::SUBSCRIBERS_MAX;

/// Connections of one run, at most.
pub const CONNECTIONS_MAX: u32 = 16_384;
/// Requests in flight on one connection, at most; fewer where the server's HELLO allows fewer.
pub const PIPELINE_MAX: u32 = 4_096;
/// Skus of one run (a replay brings its own), at most: as many as one sale can hold.
pub const SKUS_MAX: u32 = protocol::bounds::SALE_SKUS_MAX;

/// How long an unpaid order of a run keeps its units where nothing else is said: longer than any run, so that its
/// record can be verified.
const HOLD_SECONDS: u32 = 24 * 3_600;

/// A run.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// `host:port` of the server.
    pub target: String,
    /// What is played.
    pub scenario: Scenario,
    /// Connections, 1 to [`CONNECTIONS_MAX`].
    pub connections: u32,
    /// Requests in flight on each, 1 to [`PIPELINE_MAX`].
    pub pipeline: u32,
    /// Whether requests wait for answers or for the clock.
    pub pace: Pace,
    /// Requests, at most; nothing: as many as the time allows.
    pub requests_max: Option<u64>,
    /// Seconds, at most; nothing: until all is sent.
    pub seconds_max: Option<u32>,
    /// Skus on sale, 1 to [`SKUS_MAX`].
    pub skus: u32,
    /// Units of each that are sellable when the run begins.
    pub stock: u64,
    /// Who buys: users 1 to this number, at random. For scenarios of distinct users it does not matter.
    pub users: u64,
    /// Of a steady run: nothing costs anything and nobody is limited, so an order is over as soon as it is made. Users
    /// 1 to [`LoadPlan::users`] take turns then.
    pub free: bool,
    /// Whether the server is asked for its audit when the load is over: it takes memory and time for every order that
    /// it ever made.
    pub audit: bool,
    /// The gateway that lifecycles pay at: its number in the server's configuration, and the key that it signs with.
    pub gateway: (u16, Vec<u8>),
    /// How long unpaid orders keep their units, seconds.
    pub hold_seconds: u32,
    /// Everything random comes from it, the ids of skus and sale too.
    pub seed: u64,
    /// Where to keep the record, if anywhere.
    pub record: Option<PathBuf>,
    /// The core to stay on, if any.
    pub core: Option<usize>,
    /// The command that repeats this run, for the report.
    pub command: String,
}

/// What is played.
#[derive(Clone, Debug)]
pub enum Scenario {
    /// Little stock of a few skus, very many users.
    Flash,
    /// Plenty of stock, one line an order, every user buys once.
    Steady,
    /// The stock goes at once; then sold out, and some ask again for the orders that they have.
    SoldOut,
    /// Baskets of several lines.
    Cart,
    /// Orders from their first hold to the buyer's signature: paid, sent and signed for; some are cancelled instead,
    /// some get their money back.
    Lifecycle(Lifecycle),
    /// A shop as it goes: orders among many reads, stock operations, and subscribers to its events.
    Mixed(Mixed),
    /// A shop's history.
    Replay(Replay),
}

/// How orders live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// Lines of each order, 1 to [`LINES_MAX`]; fewer where fewer skus are on sale.
    pub lines: u32,
    /// The last act of every order, none of which is cancelled then; nothing: they live to their end.
    pub until: Option<Act>,
}

/// Who listens to a mixed shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mixed {
    /// Subscribers, 0 to [`SUBSCRIBERS_MAX`], each on a connection of its own.
    pub subscribers: u32,
}

impl Default for Mixed {
    fn default() -> Mixed {
        Mixed { subscribers: 4 }
    }
}

/// Lines of one order, at most.
pub const LINES_MAX: u32 = ORDER_LINES_MAX as u32;

impl Default for Lifecycle {
    fn default() -> Lifecycle {
        Lifecycle { lines: 1, until: None }
    }
}

/// A history and what there is to sell for it.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The history.
    pub purchases: Purchases,
    /// Units of each sku; nothing: as many as the history asks for.
    pub stock: Option<u64>,
}

/// When the next request leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// When an answer came: closed loop.
    Closed,
    /// When its time is there, so many a second: open loop.
    PerSecond(u64),
    /// When its time in the history is there: open loop, replay only. The run's seconds press the history into
    /// this length.
    Trace,
}

impl Scenario {
    /// Its name on the command line.
    pub const fn name(&self) -> &'static str {
        match self {
            Scenario::Flash => "flash",
            Scenario::Steady => "steady",
            Scenario::SoldOut => "soldout",
            Scenario::Cart => "cart",
            Scenario::Lifecycle(_) => "lifecycle",
            Scenario::Mixed(_) => "mixed",
            Scenario::Replay(_) => "replay",
        }
    }
}

impl Scenario {
    /// What it asks besides CREATE, once what it sells is set up.
    pub(crate) fn other_kinds(&self) -> Vec<Kind> {
        match self {
            Scenario::Flash | Scenario::Steady | Scenario::SoldOut | Scenario::Cart | Scenario::Replay(_) => {
                Vec::new()
            }
            Scenario::Lifecycle(_) => Act::ALL.map(Act::kind).to_vec(),
            Scenario::Mixed(_) => Act::ALL.map(Act::kind).into_iter().chain(Errand::KINDS).collect(),
        }
    }
}

impl Scenario {
    /// Whether its orders are paid.
    pub(crate) fn pays(&self) -> bool {
        match self {
            Scenario::Flash | Scenario::Steady | Scenario::SoldOut | Scenario::Cart | Scenario::Replay(_) => {
                false
            }
            Scenario::Lifecycle(_) | Scenario::Mixed(_) => true,
        }
    }

    /// Connections besides those of the load.
    pub(crate) fn subscribers(&self) -> u32 {
        match self {
            Scenario::Flash
            | Scenario::Steady
            | Scenario::SoldOut
            | Scenario::Cart
            | Scenario::Lifecycle(_)
            | Scenario::Replay(_) => 0,
            Scenario::Mixed(mixed) => mixed.subscribers,
        }
    }
}

impl LoadPlan {
    /// A plan with the defaults of its scenario.
    pub fn new(target: impl Into<String>, scenario: Scenario) -> LoadPlan {
        let (skus, stock) = match &scenario {
            Scenario::Flash => (4, 20_000),
            Scenario::Steady => (1_000, 10_000_000),
            Scenario::SoldOut => (8, 250),
            Scenario::Cart | Scenario::Lifecycle(_) | Scenario::Mixed(_) => (1_000, 10_000_000),
            Scenario::Replay(_) => (0, 0),
        };
        let (requests_max, seconds_max) = match &scenario {
            Scenario::Flash => (Some(1_000_000), None),
            Scenario::Steady
            | Scenario::SoldOut
            | Scenario::Cart
            | Scenario::Lifecycle(_)
            | Scenario::Mixed(_) => (None, Some(10)),
            Scenario::Replay(_) => (None, None),
        };
        LoadPlan {
            target: target.into(),
            connections: 64,
            pipeline: 16,
            pace: Pace::Closed,
            requests_max,
            seconds_max,
            skus,
            stock,
            users: 150_000,
            free: false,
            audit: true,
            gateway: (GATEWAY, GATEWAY_KEY.as_bytes().to_vec()),
            hold_seconds: HOLD_SECONDS,
            seed: fastrand::u64(1..1_000_000_000),
            record: None,
            core: None,
            command: format!("tidegate load --scenario {}", scenario.name()),
            scenario,
        }
    }
}
