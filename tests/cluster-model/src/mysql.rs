//! The MySQL shards: what they hold of orders, and the transactions. Each is one function here, because the locks that
//! it takes (fence rows in share mode, the key row) make it one: whatever it read is still so when it commits.

use crate::mutation::{Mutation, Rules};
use crate::{Attempt, Basket, Epoch, HoldId, REQUESTS, RequestNo, SHARDS, SHELVES, ShardNo, Units};

/// All shards. A request id lives in one shard, its user's; fences, sums and returns stand in every shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mysql {
    /// Key rows, one a request id.
    pub rows: [Row; REQUESTS],
    /// How many orders each request id ever made: more than one is a violation.
    pub orders: [u8; REQUESTS],
    /// Of each shelf, what each shard has of it.
    pub shelves: [[Desk; SHARDS]; SHELVES],
}

/// What one shard has of one shelf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Desk {
    /// The fence row: the epoch whose units may be bought here.
    pub fence: Epoch,
    /// The sum of `stock_delta`: units of live orders.
    pub sold: Units,
    /// Units given back under this fence that are in no batch yet.
    pub loose: Units,
    /// The number of the last RETURN batch under this fence.
    pub batch: u8,
    /// What is in that batch; 0: Redis has confirmed it.
    pub batch_units: Units,
}

/// The key row of a request id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Row {
    /// There is none.
    #[default]
    None,
    /// No attempt up to this one can commit any more.
    Dead(Attempt),
    /// Its client was told, or will be, that there is no order. No attempt can commit any more.
    Refused,
    /// The order, with the hold ids of its lines.
    Order {
        /// Not cancelled, expired or returned.
        live: bool,
        /// Of each shelf's line; 0: no such line.
        holds: [HoldId; SHELVES],
    },
}

/// What the transaction of an order says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The order stands.
    Now,
    /// It stood already.
    Before,
    /// Rolled back: a dead row is in the way of this attempt.
    DeadInTheWay,
    /// Rolled back: a later ask was refused, and that stands.
    Refused,
    /// Rolled back: a shelf has another epoch by now.
    Fenced,
}

impl Mysql {
    /// The transaction of an order: fences, key row, order with lines and hold ids, `stock_delta`.
    pub fn commit(
        &mut self,
        rules: Rules,
        (request, basket, shard): (RequestNo, Basket, ShardNo),
        attempt: Attempt,
        holds: [HoldId; SHELVES],
        epochs: [Epoch; SHELVES],
    ) -> Committed {
        // Looking. Known keys first: an order there is the answer.
        match self.rows[request] {
            Row::Order { .. } if !rules.broken(Mutation::KeyNotUnique) => return Committed::Before,
            Row::Order { .. } => (),
            Row::None if attempt == 1 => (),
            Row::None => return Committed::DeadInTheWay,
            // By compare-and-set: over a dead row of its own or a later attempt, its units may be somebody else's.
            Row::Dead(n) if n + 1 == attempt || rules.broken(Mutation::RevivalWithoutCompare) => (),
            Row::Dead(_) => return Committed::DeadInTheWay,
            Row::Refused => return Committed::Refused,
        }
        // Redis gave the units under an epoch. Under another one the sum may have been taken without this order.
        let fenced = basket.shelves().any(|shelf| self.shelves[shelf][shard].fence != epochs[shelf]);
        if fenced && !rules.broken(Mutation::NoFenceOnCreate) {
            return Committed::Fenced;
        }

        // Doing.
        self.rows[request] = Row::Order { live: true, holds };
        self.orders[request] += 1;
        for shelf in basket.shelves() {
            self.shelves[shelf][shard].sold += 1;
        }
        Committed::Now
    }

    /// Makes the key row `dead a`, by insert or over `dead a − 1`; what stands there afterwards decides. From here on
    /// no attempt up to the row's number can commit.
    pub fn make_dead(&mut self, request: RequestNo, attempt: Attempt) -> Row {
        match self.rows[request] {
            Row::None => self.rows[request] = Row::Dead(attempt),
            Row::Dead(n) if n + 1 == attempt => self.rows[request] = Row::Dead(attempt),
            Row::Dead(_) | Row::Refused | Row::Order { .. } => (),
        }
        self.rows[request]
    }

    /// Makes the key row say that its request id is refused, over whatever is no order; what stands there afterwards
    /// decides. An ask that began earlier, and is still on its way, cannot land behind it whatever its attempt.
    pub fn refuse(&mut self, request: RequestNo) -> Row {
        match self.rows[request] {
            Row::None | Row::Dead(_) | Row::Refused => self.rows[request] = Row::Refused,
            Row::Order { .. } => (),
        }
        self.rows[request]
    }

    /// Ends a live order (cancel, expiry, return): under the fences, its units leave the sum and go back to Redis
    /// through a batch. `read` is the epoch of each fence as this transaction read it; as the rows are locked, it is
    /// what they are at the end.
    pub fn end_order(&mut self, request: RequestNo, basket: Basket, shard: ShardNo, read: [Epoch; SHELVES]) {
        let Row::Order { live: true, holds } = self.rows[request] else {
            return;
        };
        self.rows[request] = Row::Order { live: false, holds };
        for shelf in basket.shelves() {
            let desk = &mut self.shelves[shelf][shard];
            desk.sold -= 1;
            // Rows of an older epoch are void: the new sum has them.
            if desk.fence == read[shelf] {
                desk.loose += 1;
            }
        }
    }

    /// The epoch of each shelf's fence in a shard.
    pub fn fences(&self, shard: ShardNo) -> [Epoch; SHELVES] {
        std::array::from_fn(|shelf| self.shelves[shelf][shard].fence)
    }

    /// Whether the request id stands as an order that has not ended.
    pub fn is_live(&self, request: RequestNo) -> bool {
        matches!(self.rows[request], Row::Order { live: true, .. })
    }
}

impl Desk {
    /// Gives the loose units a number, in a transaction of its own. A batch that may have been sent keeps its content,
    /// so there is at most one that Redis has not confirmed.
    pub fn number_batch(&mut self, rules: Rules) {
        let grows = self.batch_units > 0 && rules.broken(Mutation::BatchGrowsAfterSending);
        self.batch += u8::from(!grows);
        self.batch_units += self.loose;
        self.loose = 0;
    }

    /// Raises the fence and sums, under one lock. `None`: the fence is there or further, another opener has it.
    pub fn raise(&mut self, epoch: Epoch, rules: Rules) -> Option<Units> {
        if self.fence >= epoch && !rules.broken(Mutation::FenceMayFall) {
            return None;
        }
        // Loose units and batches of the fence before are void from here on.
        *self = Self { fence: epoch, sold: self.sold, ..Self::default() };
        Some(self.sold)
    }
}
