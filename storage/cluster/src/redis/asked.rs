//! What is asked of a shelf, and how a script reads it. Hold ids come in as arguments: a test knows them before.

use std::num::NonZeroU32;

use domain::MicrosUtc;

use crate::shelf::{Attempt, CatalogueVersion, Epoch, HoldId, Holder, ShardNo};

/// Under what a node asks a shelf: what it knows of it, and until when what it judged by holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The epoch in which the shelf is open.
    pub epoch: Epoch,
    /// The version of sku and sale by which the node judged price and limits.
    pub catalogue: CatalogueVersion,
    /// When they hold, by Redis's clock: one clock for all nodes.
    pub window: Window,
}

/// An interval of time: from an instant (inclusive) until one (exclusive), each of which may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// From when on.
    pub from: Option<MicrosUtc>,
    /// Until when.
    pub until: Option<MicrosUtc>,
}

/// What one CREATE wants of a shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Who asks.
    pub holder: Holder,
    /// Under which number.
    pub attempt: Attempt,
    /// Fresh for this RESERVE.
    pub hold: HoldId,
    /// How many units.
    pub units: NonZeroU32,
    /// The hash of the CREATE's body: the same request id with another body is another wish.
    pub body: u64,
}

/// A held record as its owner names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// Who holds it.
    pub holder: Holder,
    /// Under which hold id: the same holder may have another record by now.
    pub hold: HoldId,
}

/// What MySQL said of a record's request, carried to the script that ends the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The record as it was read.
    pub own: Own,
    /// What its key row is.
    pub verdict: Verdict,
}

/// What a key row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `dead n`: no attempt up to n commits any more.
    Dead(Attempt),
    /// The request is refused for good: no attempt commits any more, whatever its number.
    Refused,
    /// An order, live or ended; its line on this shelf carries this hold id.
    Order(HoldId),
}

/// Units that were given back in MySQL, under the next number of its shard in this epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The epoch of the fence that it was made under.
    pub epoch: Epoch,
    /// Whose.
    pub shard: ShardNo,
    /// From 1, without gaps. At most [`crate::shelf::NUMBER_MAX`].
    pub number: u64,
    /// How many. At most [`crate::shelf::NUMBER_MAX`].
    pub units: u64,
}

/// What an opener gives a shelf when all shards are fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The epoch that the bump in the home database made.
    pub epoch: Epoch,
    /// The total less the sums. Below 0 where the total was lowered below what is sold.
    pub units: i64,
    /// The version of sku and sale that stands.
    pub catalogue: CatalogueVersion,
}

impl Terms {
    pub(super) fn words(&self) -> [String; 4] {
        let Terms { epoch, catalogue, window: Window { from, until } } = self;
        // No sale begins or ends in 1970: 0 is «no bound».
        let bound = |at: &Option<MicrosUtc>| at.map_or(0, |at| at.0.max(1)).to_string();
        [epoch.get().to_string(), catalogue.0.to_string(), bound(from), bound(until)]
    }
}

impl Ask {
    pub(super) fn words(&self) -> [String; 5] {
        let Ask { holder, attempt, hold, units, body } = self;
        [
            holder_word(*holder),
            attempt.0.to_string(),
            hold_word(*hold),
            units.to_string(),
            format!("{body:016x}"),
        ]
    }
}

impl Own {
    pub(super) fn words(&self) -> [String; 2] {
        [holder_word(self.holder), hold_word(self.hold)]
    }
}

impl Judgement {
    pub(super) fn words(&self) -> [String; 4] {
        let [holder, hold] = self.own.words();
        let (verdict, of) = match self.verdict {
            Verdict::Dead(attempt) => ("dead", attempt.0.to_string()),
            Verdict::Refused => ("refused", String::new()),
            Verdict::Order(bought) => ("order", hold_word(bought)),
        };
        [holder, hold, verdict.into(), of]
    }
}

impl Batch {
    pub(super) fn words(&self) -> [String; 4] {
        let Batch { epoch, shard, number, units } = self;
        [epoch.get().to_string(), shard.0.to_string(), number.to_string(), units.to_string()]
    }
}

impl Opening {
    pub(super) fn words(&self) -> [String; 3] {
        let Opening { epoch, units, catalogue } = self;
        [epoch.get().to_string(), units.to_string(), catalogue.0.to_string()]
    }
}

fn holder_word(Holder { user, request }: Holder) -> String {
    format!("{}.{:032x}", user.0, request.0)
}

/// Always the same length: scripts compare hold ids as texts.
fn hold_word(HoldId(hold): HoldId) -> String {
    format!("{hold:032x}")
}
