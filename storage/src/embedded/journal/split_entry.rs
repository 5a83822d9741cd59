//! For [`Bug::EntrySplit`](crate::planted::Bug::EntrySplit) alone: breaks the rule that the facts of one intent stand
//! in one group.

use domain::MicrosUtc;
use domain::fact::{Fact, Facts, Stamp};

use super::Journal;
use crate::embedded::counters::Counters;
use crate::embedded::disk::HotDisk;
use crate::embedded::reader::each_entry;
use crate::embedded::record::Decoder;

/// Where the open group ended, and how many facts it had.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    bytes: usize,
    facts: u32,
}

impl<H: HotDisk> Journal<H> {
    /// The end of the open group, before an intent is decided.
    pub(crate) fn mark(&self) -> Mark {
        Mark { bytes: self.open.bytes, facts: self.open.facts }
    }

    /// Lets the group go behind the first fact made since then; the others are in the next.
    pub(crate) fn split_entry(&mut self, at: Mark, now: MicrosUtc, disk: &mut H, counters: &Counters) {
        let made = self.open.facts - at.facts;
        if made < 2 || !self.can_write() {
            return;
        }
        let entries = self.open.buffer.as_mut_slice()[at.bytes..self.open.bytes].to_vec();
        (self.open.bytes, self.open.facts) = (at.bytes, at.facts);
        let mut is_first = true;
        let again = |_, stamp: &Stamp, fact: &Fact<'_>| {
            let mut facts = self.facts();
            facts.begin(stamp);
            facts.fact(fact);
            facts.end();
            if std::mem::take(&mut is_first) {
                self.make_room(now, disk, counters);
            }
        };
        each_entry(&mut Decoder::default(), &entries, made, again, u64::MAX).expect("it was just written");
    }
}
