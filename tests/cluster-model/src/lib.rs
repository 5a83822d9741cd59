//! The cluster's order protocol as a model, and an exhaustive search through all that can happen to it at small bounds.
//!
//! This is the specification that the cluster store follows; `docs/CLUSTER.md` tells it as a story. Redis, the MySQL
//! shards and the nodes are values; whatever one of them does is an [`Action`]; a search tries every action in every
//! state, with every loss, delay and crash that a [`Scenario`] allows, and judges each state. Not in it: batching of
//! statements, prices, windows and limits a user (they are judged in the shard's own transaction), the loss of a MySQL
//! disk, time (whatever is slow is simply later than everything else).

mod client;
mod few;
mod message;
mod mutation;
mod mysql;
mod node;
mod properties;
mod redis;
mod repair;
mod scenarios;
mod search;
mod story;
mod world;

pub use client::{Client, Heard};
pub use few::Few;
pub use message::Message;
pub use mutation::{ECONOMIES, Found, Mutation, NEEDED, Rules};
pub use mysql::{Committed, Desk, Mysql, Row};
pub use node::{Ask, Got, Step, Why};
pub use properties::Property;
pub use redis::{Held, Reserved, Returned, Shelf, Verdict};
pub use repair::{Judging, Opener, OpenerStep, Reconciling};
pub use scenarios::{Faults, LARGE, Order, SCENARIOS, Scenario};
pub use search::{Outcome, Violation, search};
pub use story::Story;
pub use world::{Action, Fate, Model, World};

/// Most request ids of a scenario.
pub const REQUESTS: usize = 3;
/// Shelves: what is counted over all users, a sku's stock or a sale's cap.
pub const SHELVES: usize = 2;
/// MySQL shards.
pub const SHARDS: usize = 2;
/// Most asks of one request id, the last one of [`properties`](Property::Wedged) included.
pub const ASKS: usize = 5;
/// Most messages that are late at once.
pub const LATE: usize = 4;
/// Most openers, and most reconcilers, at once.
pub const WORKERS: usize = 2;

/// Which INIT opened a shelf; 0: none.
pub type Epoch = u8;
/// Units of a shelf.
pub type Units = i8;
/// The number of an attempt, from 1.
pub type Attempt = u8;
/// A RESERVE's own id: here the number of the ask that sent it, for an ask sends one a shelf. 0: none.
pub type HoldId = u8;
/// A request id, by its place in the scenario.
pub type RequestNo = usize;
/// A shelf, by its place.
pub type ShelfNo = usize;
/// A shard, by its place.
pub type ShardNo = usize;

/// The shelves that an order takes one unit of each from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Basket(
    /// One bit a shelf.
    pub u8,
);

impl Basket {
    /// Its shelves, in the fixed order in which they are asked.
    pub fn shelves(self) -> impl Iterator<Item = ShelfNo> {
        (0..SHELVES).filter(move |shelf| self.0 & (1 << shelf) != 0)
    }

    /// The first of its shelves from this one on.
    pub fn from(self, shelf: ShelfNo) -> Option<ShelfNo> {
        self.shelves().find(|at| *at >= shelf)
    }
}

/// The shard that keeps a shelf's total and numbers its epochs.
pub fn home(shelf: ShelfNo) -> ShardNo {
    shelf % SHARDS
}
