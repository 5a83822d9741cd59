//! Who asks for what, and what may go wrong: each scenario is small enough that everything that can happen in it is
//! tried. A fault is in each only so often; which scenario has which is the table in `docs/CLUSTER.md`.

use crate::{Basket, SHELVES, ShardNo, Units};

/// A small shop, and a bad day.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The request ids.
    pub orders: &'static [Order],
    /// Units of each shelf; 0: there is no such shelf.
    pub stock: [Units; SHELVES],
    /// Reconcilers at once.
    pub reconcilers: u8,
    /// What may go wrong, and how often.
    pub faults: Faults,
}

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// One unit of each of these shelves.
    pub basket: Basket,
    /// The shard of its user.
    pub shard: ShardNo,
    /// Most asks.
    pub asks: u8,
}

/// How often each thing may go wrong, or may happen besides asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// Messages whose answer does not come, and that land later or never.
    pub time_outs: u8,
    /// Asks or openers that die with their node.
    pub deaths: u8,
    /// How often a replica catches up (it has the beginning).
    pub saves: u8,
    /// Fail-overs to the replica, or restarts with what was saved.
    pub fail_overs: u8,
    /// How often nodes come to reach the other one of two masters after a fail-over.
    pub strays: u8,
    /// FLUSHALL, or restarts with nothing.
    pub flushes: u8,
    /// Openers that open what is open, or is being opened.
    pub spare_openers: u8,
    /// Orders that are cancelled or expire.
    pub ends: u8,
}

impl Scenario {
    /// The one of this name, of those that the tests search.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }
}

const NONE: Faults = Faults {
    time_outs: 0,
    deaths: 0,
    saves: 0,
    fail_overs: 0,
    strays: 0,
    flushes: 0,
    spare_openers: 0,
    ends: 0,
};
const ONE: Basket = Basket(0b01);
const OTHER: Basket = Basket(0b10);
const BOTH: Basket = Basket(0b11);

const fn order(basket: Basket, shard: ShardNo, asks: u8) -> Order {
    Order { basket, shard, asks }
}

/// Those that the tests search, each to its end in seconds.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "retries",
        about: "one request id asks three times while messages are late and nodes die; another one wants the unit",
        orders: &[order(ONE, 0, 3), order(ONE, 1, 1)],
        stock: [1, 0],
        reconcilers: 2,
        faults: Faults { time_outs: 2, ..NONE },
    },
    Scenario {
        name: "rush",
        about: "three request ids, one of them retried, for two units",
        orders: &[order(ONE, 0, 2), order(ONE, 0, 1), order(ONE, 1, 1)],
        stock: [2, 0],
        reconcilers: 1,
        faults: Faults { time_outs: 1, deaths: 1, ..NONE },
    },
    Scenario {
        name: "fail-over",
        about: "Redis loses its last writes, or comes back with an old state",
        orders: &[order(ONE, 0, 2), order(ONE, 1, 1)],
        stock: [1, 0],
        reconcilers: 1,
        faults: Faults { time_outs: 1, deaths: 1, saves: 1, fail_overs: 1, ..NONE },
    },
    Scenario {
        name: "flush",
        about: "Redis is emptied twice; openers race, and what they send may be late",
        orders: &[order(ONE, 0, 1), order(ONE, 1, 1)],
        stock: [1, 0],
        reconcilers: 1,
        faults: Faults { time_outs: 2, flushes: 2, spare_openers: 1, ..NONE },
    },
    Scenario {
        name: "openers die",
        about: "Redis is emptied and fails over; openers race and die midway",
        orders: &[order(ONE, 0, 1), order(ONE, 1, 1)],
        stock: [1, 0],
        reconcilers: 1,
        faults: Faults { deaths: 2, flushes: 1, saves: 1, fail_overs: 1, spare_openers: 1, ..NONE },
    },
    Scenario {
        name: "cancel",
        about: "orders end while their answers, FINISH and RETURN are late",
        orders: &[order(ONE, 0, 2), order(ONE, 0, 1), order(ONE, 1, 1)],
        stock: [1, 0],
        reconcilers: 1,
        faults: Faults { time_outs: 1, ends: 2, ..NONE },
    },
    Scenario {
        name: "cancel and flush",
        about: "orders end while their shelf is opened again",
        orders: &[order(ONE, 0, 1), order(ONE, 1, 1), order(ONE, 1, 1)],
        stock: [1, 0],
        reconcilers: 1,
        faults: Faults { time_outs: 1, flushes: 1, spare_openers: 1, ends: 2, ..NONE },
    },
    Scenario {
        name: "baskets",
        about: "two shelves, a retried basket over both, and for each shelf somebody who wants its unit",
        orders: &[order(BOTH, 0, 2), order(OTHER, 1, 1), order(ONE, 1, 1)],
        stock: [1, 1],
        reconcilers: 1,
        faults: Faults { time_outs: 1, deaths: 1, ..NONE },
    },
    Scenario {
        name: "baskets and fail-over",
        about: "one of a basket's two shelves fails over",
        orders: &[order(BOTH, 0, 2), order(ONE, 1, 1)],
        stock: [1, 1],
        reconcilers: 1,
        faults: Faults { deaths: 1, saves: 1, fail_overs: 1, ..NONE },
    },
    Scenario {
        name: "cancel and fail-over",
        about: "orders end, and Redis forgets what came back, or what was bought",
        orders: &[order(ONE, 0, 1), order(ONE, 1, 1)],
        stock: [1, 0],
        reconcilers: 1,
        faults: Faults { time_outs: 1, saves: 1, fail_overs: 1, ends: 2, ..NONE },
    },
    Scenario {
        name: "split brain",
        about: "after a fail-over nodes still reach the old master, and the new one again",
        orders: &[order(ONE, 0, 1), order(ONE, 1, 1)],
        stock: [1, 0],
        reconcilers: 1,
        faults: Faults { saves: 1, fail_overs: 1, strays: 3, ends: 1, ..NONE },
    },
];

/// Larger ones, for `cargo xtask model --large`: a minute or two and some gigabytes each.
pub const LARGE: &[Scenario] = &[
    Scenario {
        name: "retries",
        about: "four asks",
        orders: &[order(ONE, 0, 4), order(ONE, 1, 1)],
        stock: [1, 0],
        reconcilers: 1,
        faults: Faults { time_outs: 1, deaths: 1, ..NONE },
    },
    Scenario {
        name: "rush",
        about: "three request ids, two of them retried, for two units",
        orders: &[order(ONE, 0, 2), order(ONE, 0, 2), order(ONE, 1, 1)],
        stock: [2, 0],
        reconcilers: 1,
        faults: Faults { time_outs: 1, deaths: 1, ..NONE },
    },
    Scenario {
        name: "fail-over",
        about: "three request ids for two units, and a fail-over",
        orders: &[order(ONE, 0, 2), order(ONE, 1, 1), order(ONE, 1, 1)],
        stock: [2, 0],
        reconcilers: 1,
        faults: Faults { saves: 1, fail_overs: 1, ..NONE },
    },
    Scenario {
        name: "flush",
        about: "a retry while openers race",
        orders: &[order(ONE, 0, 2), order(ONE, 1, 1)],
        stock: [1, 0],
        reconcilers: 1,
        faults: Faults { time_outs: 1, flushes: 2, spare_openers: 1, ..NONE },
    },
    Scenario {
        name: "cancel",
        about: "two late messages",
        orders: &[order(ONE, 0, 2), order(ONE, 0, 1), order(ONE, 1, 1)],
        stock: [1, 0],
        reconcilers: 1,
        faults: Faults { time_outs: 2, ends: 2, ..NONE },
    },
    Scenario {
        name: "split brain",
        about: "with a retry",
        orders: &[order(ONE, 0, 2), order(ONE, 1, 1)],
        stock: [1, 0],
        reconcilers: 1,
        faults: Faults { saves: 1, fail_overs: 1, strays: 3, ..NONE },
    },
    Scenario {
        name: "baskets",
        about: "a basket that asks three times",
        orders: &[order(BOTH, 0, 3), order(OTHER, 1, 1)],
        stock: [1, 1],
        reconcilers: 1,
        faults: Faults { time_outs: 1, ..NONE },
    },
    Scenario {
        name: "baskets and fail-over",
        about: "two baskets, a late message",
        orders: &[order(BOTH, 0, 1), order(BOTH, 1, 1)],
        stock: [1, 1],
        reconcilers: 1,
        faults: Faults { time_outs: 1, saves: 1, fail_overs: 1, ..NONE },
    },
];
