//! Redis as the protocol sees it: one key a shelf, and the four scripts, each of which runs alone.
//!
//! Redis may only under-promise (R1). It may lose its last writes in a failover, come back with an old state, or be
//! empty, at any instant; what it says counts for nothing until MySQL has judged it (R2).

use crate::mutation::{Mutation, Rules};
use crate::{Attempt, Epoch, HoldId, REQUESTS, RequestNo, SHARDS, ShardNo, Units};

/// What a shelf's key holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shelf {
    /// Which INIT made it; 0: there is no key.
    pub epoch: Epoch,
    /// Whether the incarnation written by INIT is this server's `master_replid`. A server that was promoted or
    /// restarted has another one, so one bit says all that the comparison can.
    pub same_incarnation: bool,
    /// Units that can be taken.
    pub units: Units,
    /// Of each shard, the number of its last RETURN batch that was added.
    pub returned: [u8; SHARDS],
    /// Held records, one a request id.
    pub held: [Held; REQUESTS],
}

/// One held record: a unit that was taken for a request id, and is not yet known to be sold or free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// The id of the RESERVE that took it; 0: there is no record.
    pub hold: HoldId,
    /// The epoch in which it was taken.
    pub epoch: Epoch,
    /// The highest attempt that was given it.
    pub attempt: Attempt,
    /// Whether an ask other than the one that took it has seen it.
    pub shared: bool,
}

/// What RESERVE says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// A unit was taken under the new hold id.
    Taken,
    /// This request id holds a unit already; this is its hold id.
    Seen(HoldId),
    /// No unit is left.
    SoldOut,
    /// Not the epoch or not the incarnation that was asked: the shelf has to be opened again.
    Stale,
    /// A later attempt has the record.
    LowerAttempt,
}

/// What MySQL said of a record's request id, carried to the script that ends the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The key row is `dead n`.
    Dead(Attempt),
    /// The key row says that the request id is refused.
    Refused,
    /// The key row is an order, live or ended; its line on this shelf carries this hold id.
    Order(HoldId),
}

/// What RETURN says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Added now, or by an earlier copy.
    Added,
    /// The shelf is not open at this epoch yet, or not in this incarnation, or an earlier batch is missing: send it again later.
    NotYet,
    /// The shelf is past this epoch: its sum has the units.
    Void,
}

impl Shelf {
    /// A shelf that was opened with these units.
    pub fn open(epoch: Epoch, units: Units) -> Self {
        Self { epoch, same_incarnation: true, units, ..Self::default() }
    }

    /// The record of a request id; one of another epoch counts as absent, in every script.
    pub fn record(&self, request: RequestNo) -> Option<Held> {
        let held = self.held[request];
        (held.hold != 0 && held.epoch == self.epoch).then_some(held)
    }

    /// RESERVE: takes a unit for a request id, or says who has one.
    pub fn reserve(&mut self, rules: Rules, request: RequestNo, asked: Held) -> Reserved {
        if self.epoch == 0 || self.epoch != asked.epoch {
            return Reserved::Stale;
        }
        // A promoted replica has the epoch too, but not the last writes: units that were sold may look free, and
        // records that ended may stand again. So this comes before anything the record could answer.
        let stale = !self.same_incarnation && !rules.broken(Mutation::NoIncarnationCheck);
        if stale && !(rules.broken(Mutation::SeenBeforeIncarnation) && self.record(request).is_some()) {
            return Reserved::Stale;
        }
        if let Some(record) = self.record(request) {
            return self.see(rules, request, record, asked);
        }
        if self.units == 0 {
            return Reserved::SoldOut;
        }
        self.units -= 1;
        self.held[request] = asked;
        Reserved::Taken
    }

    /// No unit moves twice for a request id. The record is marked shared, so that the ask that took it no longer
    /// gives it back on its own, and takes the higher attempt, so that a dead row of a lower one no longer ends it.
    fn see(&mut self, rules: Rules, request: RequestNo, record: Held, asked: Held) -> Reserved {
        if asked.attempt < record.attempt && !rules.broken(Mutation::LowerAttemptServed) {
            return Reserved::LowerAttempt;
        }
        if !rules.broken(Mutation::AttemptNotRaised) {
            self.held[request].attempt = record.attempt.max(asked.attempt);
        }
        // A second copy of the same RESERVE is not another ask.
        self.held[request].shared |= record.hold != asked.hold;
        Reserved::Seen(record.hold)
    }

    /// An ask gives back a record that it took and that no other ask has seen: nothing was sent to MySQL for it, and
    /// nothing will be.
    pub fn give_back_own(&mut self, rules: Rules, request: RequestNo, hold: HoldId, epoch: Epoch) {
        let own = self.record(request).filter(|record| record.hold == hold && self.epoch == epoch);
        if own.is_some_and(|record| !record.shared || rules.broken(Mutation::SharedMarkIgnored)) {
            self.end(request, 1);
        }
    }

    /// FINISH: the unit is sold; the record goes, the unit does not come back. By hold id: the request id may have
    /// another record by now, whose unit nobody bought.
    pub fn finish(&mut self, rules: Rules, request: RequestNo, hold: HoldId, epoch: Epoch) {
        let same = |record: &Held| record.hold == hold || rules.broken(Mutation::FinishByRequest);
        if self.epoch == epoch && self.record(request).as_ref().is_some_and(same) {
            self.end(request, 0);
        }
    }

    /// Ends a held record as MySQL judged it, comparing what the record is now: between the judgement and this script
    /// another attempt may have seen it.
    pub fn judge(&mut self, rules: Rules, request: RequestNo, hold: HoldId, epoch: Epoch, verdict: Verdict) {
        let same = |record: &Held| record.hold == hold && self.epoch == epoch;
        let Some(record) = self.record(request).filter(same) else {
            return;
        };
        match verdict {
            Verdict::Dead(n) if n >= record.attempt || rules.broken(Mutation::AttemptNotCompared) => {
                self.end(request, 1);
            }
            Verdict::Refused => self.end(request, 1),
            Verdict::Dead(_) => (), // A later attempt holds it and may still commit.
            Verdict::Order(bought) if bought == hold || rules.broken(Mutation::HoldIdsLeftOut) => {
                self.end(request, 0);
            }
            // The order has another unit: this one was taken by a RESERVE that came late.
            Verdict::Order(_) => self.end(request, 1),
        }
    }

    fn end(&mut self, request: RequestNo, units: Units) {
        self.held[request] = Held::default();
        self.units += units;
    }

    /// RETURN: units that an order gave back in MySQL. A batch is added once, whatever the network repeats.
    pub fn add_batch(
        &mut self,
        rules: Rules,
        shard: ShardNo,
        epoch: Epoch,
        number: u8,
        units: Units,
    ) -> Returned {
        if self.epoch > epoch {
            return Returned::Void;
        }
        // A promoted replica may have lost an earlier batch, and what it says is not what stands in the end.
        let stale = !self.same_incarnation && !rules.broken(Mutation::ReturnToAnyIncarnation);
        if self.epoch < epoch || stale {
            return Returned::NotYet;
        }
        if rules.broken(Mutation::ReturnWithoutNumbers) {
            self.units += units;
            return Returned::Added;
        }
        if number == self.returned[shard] + 1 {
            self.returned[shard] = number;
            self.units += units;
        }
        if number <= self.returned[shard] { Returned::Added } else { Returned::NotYet }
    }

    /// INIT: opens the shelf with what is not sold, over a lower epoch only. Records of older epochs count as absent;
    /// here they go, for a state without them behaves the same.
    pub fn init(&mut self, rules: Rules, epoch: Epoch, units: Units) {
        if self.epoch < epoch || rules.broken(Mutation::InitOverAnyEpoch) {
            *self = Self::open(epoch, units);
        }
    }

    /// A replica is promoted, or the server restarts with an old state: this is what it has of the shelf.
    pub fn come_back_as(&mut self, saved: Self) {
        *self = Self { same_incarnation: false, ..saved };
    }
}
