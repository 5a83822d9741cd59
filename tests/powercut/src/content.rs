//! What is in a file: the bytes that every process sees, the bytes that are on the platter, and the changes between
//! the two. It knows nothing of names.

use std::collections::VecDeque;

use fastrand::Rng;

use crate::Losses;

/// The smallest that a disk writes whole; inside a larger sector this is where it tears.
const PART_BYTES: usize = 512;
/// Sizes of the sectors of which each is kept, dropped or torn by itself; one is chosen for each write.
const SECTOR_BYTES: [usize; 2] = [PART_BYTES, 8 * PART_BYTES];

/// How much of a file was written back at a cut: nothing yet, all of it, or something between.
const KEPT_OF_FOUR: [u8; 8] = [0, 0, 0, 0, 1, 2, 3, 4];

/// A file's bytes.
#[derive(Debug, Default)]
pub(crate) struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// In the order in which they were made.
    unsynced: VecDeque<Change>,
    changes_made: u64,
}

/// Says which changes a sync covers: those that were made before it was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(u64);

#[derive(Debug)]
struct Change {
    number: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Write { offset: usize, bytes: Vec<u8> },
    Size(usize),
}

impl Content {
    /// What a process reads.
    pub fn seen(&self) -> &[u8] {
        &self.seen
    }

    /// A write that lives in caches until a sync.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        put(&mut self.seen, offset, bytes);
        self.note(What::Write { offset, bytes: bytes.to_vec() });
    }

    /// A write that is on the platter when it returns, with the size that it needs; of what others wrote to the
    /// file before, only what it overwrites is settled by it.
    pub fn write_durably(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        put(&mut self.seen, offset, bytes);
        let changes_size = self.unsynced.iter().any(|change| matches!(change.what, What::Size(_)));
        if changes_size {
            // A cut may not shrink the file below this write again, so the sizes before it are settled as well.
            self.sync(self.mark());
        } else {
            self.unsynced = std::mem::take(&mut self.unsynced)
                .into_iter()
                .flat_map(|change| change.outside(offset, end))
                .collect();
        }
        put(&mut self.durable, offset, bytes);
    }

    /// A new size: bytes go, or zeros come. In caches until a sync.
    pub fn resize(&mut self, bytes: usize) {
        self.seen.resize(bytes, 0);
        self.note(What::Size(bytes));
    }

    /// What a sync that is asked for now covers.
    pub fn mark(&self) -> Mark {
        Mark(self.changes_made)
    }

    /// Ends a sync: what it covers is durable.
    pub fn sync(&mut self, covers: Mark) {
        while self.unsynced.front().is_some_and(|change| change.number < covers.0) {
            match self.unsynced.pop_front().expect("it has a front").what {
                What::Write { offset, bytes } => put(&mut self.durable, offset, &bytes),
                What::Size(bytes) => self.durable.resize(bytes, 0),
            }
        }
    }

    /// The power goes: what was not synced is kept, dropped or torn, sector by sector.
    pub fn cut(&mut self, rng: &mut Rng, losses: &mut Losses) {
        let kept_of_four = KEPT_OF_FOUR[rng.usize(..KEPT_OF_FOUR.len())];
        let mut size = self.durable.len();
        for change in std::mem::take(&mut self.unsynced) {
            match change.what {
                What::Write { offset, bytes } => {
                    let end = offset + bytes.len();
                    let kept = self.keep_some(offset, &bytes, kept_of_four, rng);
                    // A loss that does not show is none: zeros that a dropped write would have put over zeros.
                    let shows = self.durable.get(offset..end) != Some(&bytes);
                    losses.writes += 1;
                    losses.writes_dropped += u64::from(shows && kept == 0);
                    losses.writes_torn += u64::from(shows && kept > 0);
                    // The size is data of its own, and may stay behind the bytes.
                    if end > size && rng.u8(..4) < kept_of_four {
                        size = end;
                    } else if end > size {
                        losses.sizes_dropped += 1;
                    }
                }
                What::Size(bytes) if rng.u8(..4) < kept_of_four => {
                    self.durable.truncate(bytes);
                    size = bytes;
                }
                What::Size(_) => losses.sizes_dropped += 1,
            }
        }
        self.durable.resize(size, 0);
        self.seen.clone_from(&self.durable);
    }

    fn note(&mut self, what: What) {
        self.unsynced.push_back(Change { number: self.changes_made, what });
        self.changes_made += 1;
    }

    /// Puts the sectors that the platter took; gives how many bytes these are.
    fn keep_some(&mut self, offset: usize, bytes: &[u8], kept_of_four: u8, rng: &mut Rng) -> usize {
        let sector_bytes = SECTOR_BYTES[rng.usize(..SECTOR_BYTES.len())];
        let mut kept = 0;
        let mut keep = |at: usize, part: &[u8]| {
            put(&mut self.durable, offset + at, part);
            kept += part.len();
        };
        let mut at = 0;
        while at < bytes.len() {
            // Sectors lie where the disk has them, not where the write begins.
            let end = (at + sector_bytes - (offset + at) % sector_bytes).min(bytes.len());
            let sector = &bytes[at..end];
            let is_between = (1..4).contains(&kept_of_four);
            if is_between && rng.u8(..8) == 0 {
                // Torn: some of its parts, or where it has but one, the first half of that.
                for (part_at, part) in sector.chunks(PART_BYTES).enumerate() {
                    if sector.len() <= PART_BYTES {
                        keep(at, &part[..part.len() / 2]);
                    } else if rng.bool() {
                        keep(at + part_at * PART_BYTES, part);
                    }
                }
            } else if rng.u8(..4) < kept_of_four {
                keep(at, sector);
            }
            at = end;
        }
        kept
    }
}

impl Change {
    /// What is left of it outside of these bytes.
    fn outside(self, from: usize, to: usize) -> Vec<Change> {
        let Change { number, what } = self;
        match what {
            What::Size(_) => vec![Change { number, what }],
            What::Write { offset, bytes } if offset + bytes.len() <= from || to <= offset => {
                vec![Change { number, what: What::Write { offset, bytes } }]
            }
            What::Write { offset, bytes } => {
                let before = bytes[..from.saturating_sub(offset)].to_vec();
                let after_from = to.saturating_sub(offset).min(bytes.len());
                let after = bytes[after_from..].to_vec();
                [(offset, before), (offset + after_from, after)]
                    .into_iter()
                    .filter(|(_, left)| !left.is_empty())
                    .map(|(offset, bytes)| Change { number, what: What::Write { offset, bytes } })
                    .collect()
            }
        }
    }
}

/// Writes into bytes that grow, with zeros where nothing was written.
fn put(into: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if into.len() < end {
        into.resize(end, 0);
    }
    into[offset..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: usize = 4_096;

    /// Every content that so many cuts leave of a file that was made in this way.
    fn after_cuts(make: impl Fn(&mut Content)) -> Vec<Vec<u8>> {
        (0..400)
            .map(|seed| {
                let mut content = Content::default();
                make(&mut content);
                content.cut(&mut Rng::with_seed(seed), &mut Losses::default());
                assert_eq!(content.seen, content.durable);
                content.seen
            })
            .collect()
    }

    #[test]
    fn what_was_synced_survives_every_cut() {
        let durable = |content: &mut Content| {
            content.write(0, &[1; 3 * BLOCK]);
            content.sync(content.mark());
        };
        assert!(after_cuts(durable).iter().all(|it| *it == [1; 3 * BLOCK]));
        let also_dsync = |content: &mut Content| {
            content.write(0, &[1; 3 * BLOCK]);
            content.write_durably(BLOCK, &[2; BLOCK]);
        };
        assert!(after_cuts(also_dsync).iter().all(|it| it[BLOCK..2 * BLOCK] == [2; BLOCK]));
        let shrunk_before = |content: &mut Content| {
            content.write(0, &[1; 3 * BLOCK]);
            content.resize(0);
            content.write_durably(0, &[2; BLOCK]);
        };
        assert!(after_cuts(shrunk_before).iter().all(|it| it[..BLOCK] == [2; BLOCK]));
    }

    #[test]
    fn what_was_not_synced_is_kept_dropped_and_torn() {
        let found = after_cuts(|content| {
            content.write(0, &[1; 4 * BLOCK]);
            content.sync(content.mark());
            content.write(BLOCK, &[2; 2 * BLOCK]);
        });
        let count =
            |what: &dyn Fn(&[u8]) -> bool| found.iter().filter(|it| what(&it[BLOCK..3 * BLOCK])).count();
        let whole = count(&|it| it.iter().all(|&byte| byte == 2));
        let gone = count(&|it| it.iter().all(|&byte| byte == 1));
        let torn_inside = count(&|it| it[..BLOCK].contains(&1) && it[..BLOCK].contains(&2));
        let half_a_part =
            count(&|it| it.chunks(PART_BYTES).any(|part| part.contains(&1) && part.contains(&2)));
        assert!(
            whole > 10 && gone > 10 && torn_inside > 50 && half_a_part > 10,
            "{whole} {gone} {torn_inside}"
        );
        assert!(found.iter().all(|it| it[..BLOCK] == [1; BLOCK] && it[3 * BLOCK..] == [1; BLOCK]));
    }

    #[test]
    fn a_size_is_lost_by_itself() {
        let found = after_cuts(|content| content.write(0, &[1; BLOCK]));
        assert!(found.iter().any(|it| it.is_empty()), "neither");
        assert!(found.iter().any(|it| *it == [0; BLOCK]), "the size without the bytes");
        assert!(found.iter().any(|it| *it == [1; BLOCK]), "both");
        let shrunk = after_cuts(|content| {
            content.write_durably(0, &[1; BLOCK]);
            content.resize(7);
        });
        assert!(shrunk.iter().any(|it| it.len() == 7) && shrunk.iter().any(|it| it.len() == BLOCK));
    }

    #[test]
    fn a_sync_covers_only_what_was_written_before_it_began() {
        let found = after_cuts(|content| {
            content.write(0, &[1; BLOCK]);
            let sync = content.mark();
            content.write(BLOCK, &[2; BLOCK]);
            content.sync(sync);
        });
        assert!(found.iter().all(|it| it[..BLOCK] == [1; BLOCK]));
        assert!(found.iter().any(|it| it.len() == BLOCK), "the later one was lost");
    }
}
