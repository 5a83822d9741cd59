//! Loading ahead what a few intents will look at, so that their cache misses overlap.

use crate::intent::{Create, Intent};
use crate::ledger::Ledger;
use crate::slot_table::Tag;
use crate::units::MicrosUtc;

/// Where look-ups of one table will begin.
struct Tags {
    tags: [Tag; Ledger::WARMED_AT_ONCE],
    len: usize,
}

impl Ledger {
    /// Intents that [`Ledger::warm`] looks at, at most: as many loads as a core keeps under way, and few enough
    /// that what they bring is still there when it is wanted.
    pub const WARMED_AT_ONCE: usize = 16;

    /// Looks at the places in memory that these intents will look at, and does nothing. Called before the first
    /// of them is applied, it lets their cache misses overlap, where `apply` waits for one after the other.
    /// Intents behind the first [`Ledger::WARMED_AT_ONCE`] are left out.
    pub fn warm<'a>(&self, now: MicrosUtc, intents: impl Iterator<Item = Intent<'a>>) {
        let mut requests = Tags::none();
        let mut users = Tags::none();
        let mut counts = Tags::none();
        for intent in intents.take(Self::WARMED_AT_ONCE) {
            let Some(key) = intent.request() else { continue };
            requests.push(self.requests.tag(key));
            let Intent::Create(create) = intent else { continue };
            users.push(self.orders.user_tag(create.user));
            if let Some(tag) = self.count_tag(now, &create) {
                counts.push(tag);
            }
        }
        // First all places, then all loads: a load that misses holds up what comes behind it after a few hundred
        // instructions, and working out one intent's places takes about as many. One by one, as this was first
        // done, three loads overlapped and a quarter of the engine's time went into waiting for them.
        self.requests.touch(requests.as_slice());
        self.orders.touch(users.as_slice());
        self.counts.touch(counts.as_slice());
    }

    /// Where the user's count stands in the sale that speaks for the first line. It stands for all lines: large
    /// baskets are rare, and the skus of a rush are few.
    fn count_tag(&self, now: MicrosUtc, create: &Create<'_>) -> Option<Tag> {
        let line = create.lines.as_slice().first()?;
        let item = self.goods.speaking(self.goods.find_sku(line.sku)?, now)?;
        Some(self.counts.tag(self.goods.sale(item.sale).sale.id, create.user))
    }
}

impl Tags {
    fn none() -> Tags {
        Tags { tags: [Tag::default(); Ledger::WARMED_AT_ONCE], len: 0 }
    }

    fn push(&mut self, tag: Tag) {
        self.tags[self.len] = tag;
        self.len += 1;
    }

    fn as_slice(&self) -> &[Tag] {
        &self.tags[..self.len]
    }
}
