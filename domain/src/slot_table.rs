//! The one index of this crate: from the hash of a key to the slot of the row that has the key.
//!
//! Open addressing with linear probing over a fixed number of entries: it never grows and never rehashes, so no
//! insert is slower than its neighbours. An entry is a 32-bit tag of a keyed hash and the 32-bit slot of a row;
//! the key itself stays in the row, and look-ups confirm against it. The tag alone says where an entry belongs,
//! so removing can shift entries back without reading a row. Nothing here iterates in an order that shows.

use alloc::vec;
use alloc::vec::Vec;

use crate::image::Flat;

/// Rows that one table can tell apart.
pub(crate) const SLOTS_MAX: usize = u32::MAX as usize;
/// Entries for each 7 rows: a table is never fuller than 0.7, which keeps probes short.
const ENTRIES_PER_7: usize = 10;
/// Entries that lie in one page of memory.
const ENTRIES_PER_PAGE: usize = 4_096 / size_of::<u64>();

/// Keyed hashing: without the key nobody can choose ids that fall on one place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashKey([u64; 4]);

/// The part of a keyed hash that a table stores; its place follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tag(u32);

/// Finds rows by the tag of their key.
#[derive(Debug)]
pub(crate) struct SlotTable {
    /// 0: empty; else the tag in the upper half, slot + 1 in the lower.
    entries: Vec<u64>,
    rows: usize,
    rows_max: usize,
}

impl HashKey {
    /// Four words from one, each by the finisher of splitmix64.
    pub(crate) fn new(seed: u64) -> HashKey {
        let word = |n: u64| {
            let mut word = seed.wrapping_add(n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            word ^ word >> 31
        };
        HashKey([word(1), word(2), word(3), word(4)])
    }

    /// Tag of a key of two words.
    #[inline]
    pub(crate) fn tag(&self, a: u64, b: u64) -> Tag {
        let [k0, k1, k2, _] = self.0;
        // Both factors are keyed: a zero factor, which would forget the other one, cannot be aimed at.
        Tag((fold(fold(a ^ k0, b ^ k1) ^ k2, k1 | 1) >> 32) as u32)
    }

    /// Hash of a key of three words.
    #[inline]
    pub(crate) fn hash3(&self, a: u64, b: u64, c: u64) -> u64 {
        let [k0, k1, k2, k3] = self.0;
        fold(fold(a ^ k0, b ^ k1) ^ k2, c ^ k3)
    }
}

impl Tag {
    /// The upper half of a hash.
    #[inline]
    pub(crate) const fn of(hash: u64) -> Tag {
        Tag((hash >> 32) as u32)
    }
}

/// Whoever keeps tags has to keep the key as well.
impl Flat for HashKey {
    const BYTES: usize = <[u64; 4]>::BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Flat::take(from).map(HashKey)
    }
}

/// Both halves of the product in one word.
#[inline]
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

impl SlotTable {
    /// A table for at most `rows_max` rows, all of its memory real from the start.
    pub(crate) fn with_rows_max(rows_max: usize) -> SlotTable {
        assert!(rows_max < SLOTS_MAX, "a slot and one more fit 32 bits");
        let mut entries = vec![0; Self::entries_for(rows_max)];
        // Keys fall anywhere, so every page would be new for a long time: looked at (a fault that maps the zero
        // page), then written (another). That was a third of all time in the first minute of a sale.
        for page in entries.chunks_mut(ENTRIES_PER_PAGE) {
            *core::hint::black_box(&mut page[0]) = 0;
        }
        SlotTable { entries, rows: 0, rows_max }
    }

    /// Bytes of a table for so many rows.
    pub(crate) const fn bytes(rows_max: usize) -> u64 {
        (Self::entries_for(rows_max) * size_of::<u64>()) as u64
    }

    const fn entries_for(rows_max: usize) -> usize {
        rows_max * ENTRIES_PER_7 / 7 + 1
    }

    /// Rows that are in it.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// A tag whose place is so many entries behind that of `tag`: keys that are used one after the other can so
    /// lie side by side and share their cache misses.
    #[inline]
    pub(crate) fn tag_behind(&self, tag: Tag, entries: u32) -> Tag {
        let stride = (1_u64 << 32).div_ceil(self.entries.len() as u64) as u32;
        Tag(tag.0.wrapping_add(entries.wrapping_mul(stride)))
    }

    /// The slot with this tag that `is_it` confirms.
    #[inline]
    pub(crate) fn find(&self, tag: Tag, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut place = self.home(tag);
        loop {
            let entry = self.entries[place];
            if entry == 0 {
                return None;
            }
            if entry_tag(entry) == tag && is_it(entry_slot(entry)) {
                return Some(entry_slot(entry));
            }
            place = self.after(place);
        }
    }

    /// Adds a row that is not in it.
    #[inline]
    pub(crate) fn insert(&mut self, tag: Tag, slot: u32) {
        assert!(self.rows < self.rows_max, "room was looked for before anything was done");
        let mut place = self.home(tag);
        while self.entries[place] != 0 {
            place = self.after(place);
        }
        self.entries[place] = entry_of(tag, slot);
        self.rows += 1;
    }

    /// Lets a key that stands for `from` stand for `to`.
    #[inline]
    pub(crate) fn replace(&mut self, tag: Tag, from: u32, to: u32) {
        let place = self.place_of(tag, from);
        self.entries[place] = entry_of(tag, to);
    }

    /// Takes a row out that is in it.
    pub(crate) fn remove(&mut self, tag: Tag, slot: u32) {
        let mut hole = self.place_of(tag, slot);
        let mut place = hole;
        loop {
            place = self.after(place);
            let entry = self.entries[place];
            if entry == 0 {
                break;
            }
            // An entry may fill the hole unless that is before the place where its probe begins.
            if self.steps(self.home(entry_tag(entry)), place) >= self.steps(hole, place) {
                self.entries[hole] = entry;
                hole = place;
            }
        }
        self.entries[hole] = 0;
        self.rows -= 1;
    }

    /// Loads the entries where look-ups of these tags begin. Loads and nothing else in one tight loop: only so
    /// do many of them wait for memory at the same time.
    #[inline]
    pub(crate) fn touch(&self, tags: &[Tag]) {
        core::hint::black_box(tags.iter().fold(0, |all, &tag| all ^ self.entries[self.home(tag)]));
    }

    fn place_of(&self, tag: Tag, slot: u32) -> usize {
        let wanted = entry_of(tag, slot);
        let mut place = self.home(tag);
        while self.entries[place] != wanted {
            assert!(self.entries[place] != 0, "only rows that are in the table are taken out or replaced");
            place = self.after(place);
        }
        place
    }

    #[inline]
    fn home(&self, tag: Tag) -> usize {
        ((u64::from(tag.0) * self.entries.len() as u64) >> 32) as usize
    }

    #[inline]
    fn after(&self, place: usize) -> usize {
        if place + 1 == self.entries.len() { 0 } else { place + 1 }
    }

    /// Steps forward from one place to another, around the end.
    fn steps(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.entries.len() - from }
    }
}

const fn entry_of(tag: Tag, slot: u32) -> u64 {
    (tag.0 as u64) << 32 | (slot as u64 + 1)
}

const fn entry_tag(entry: u64) -> Tag {
    Tag((entry >> 32) as u32)
}

const fn entry_slot(entry: u64) -> u32 {
    (entry as u32).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    /// Random inserts, replacements, removals and look-ups beside a BTreeMap, in a table that is often full.
    fn check(seed: u64, rows_max: usize, tag_of: impl Fn(u64) -> Tag) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut table = SlotTable::with_rows_max(rows_max);
        let mut rows: Vec<u64> = Vec::new(); // the key of each slot
        let mut model: BTreeMap<u64, u32> = BTreeMap::new();
        for _ in 0..20_000 {
            let key = random.u64(..rows_max as u64 * 2);
            let found = table.find(tag_of(key), |slot| rows[slot as usize] == key);
            assert_eq!(found, model.get(&key).copied(), "seed {seed}, key {key}");
            let new_slot = rows.len() as u32;
            match (found, random.u8(..3)) {
                (None, _) if model.len() < rows_max => {
                    rows.push(key);
                    table.insert(tag_of(key), new_slot);
                    model.insert(key, new_slot);
                }
                (Some(slot), 0) => {
                    table.remove(tag_of(key), slot);
                    model.remove(&key);
                }
                (Some(slot), 1) => {
                    rows.push(key);
                    table.replace(tag_of(key), slot, new_slot);
                    model.insert(key, new_slot);
                }
                (Some(_), _) | (None, _) => {}
            }
            assert_eq!(table.len(), model.len());
        }
    }

    #[test]
    fn it_answers_like_a_plain_map() {
        for seed in 0..20 {
            let key = HashKey::new(seed);
            check(seed, 1 + seed as usize * 13, |row| key.tag(row, 0));
            check(seed, 50, |row| Tag::of(key.hash3(row, 1, 2)));
        }
    }

    #[test]
    fn keys_with_one_tag_are_told_apart_by_their_rows() {
        check(7, 40, |_| Tag(u32::MAX)); // all of them wrap around the end
        check(8, 40, |row| Tag((row % 3) as u32 * (u32::MAX / 2)));
    }

    #[test]
    fn keys_spread_and_another_seed_spreads_them_otherwise() {
        let (one, other) = (HashKey::new(1), HashKey::new(2));
        let mut buckets = [0_u32; 64];
        let mut same = 0;
        for n in 0..64_000 {
            buckets[(one.tag(n, 5).0 >> 26) as usize] += 1;
            same += u32::from(one.tag(n, 5).0 >> 26 == other.tag(n, 5).0 >> 26);
        }
        assert!(buckets.iter().all(|&keys| (800..1_200).contains(&keys)), "{buckets:?}");
        assert!((500..1_600).contains(&same), "{same} of 64,000 fell on the same 64th by both seeds");
    }
}
