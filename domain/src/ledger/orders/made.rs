//! The orders in memory in the order of their making, for whoever looks through those of everybody.
//!
//! Slots stand in blocks. A new order goes to the end of the newest block, which costs next to nothing; one that
//! leaves or comes back is found by a look into the map of blocks and a walk through one of them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::ids::Making;

/// Slots in a block: one kilobyte.
const BLOCK_SLOTS: usize = 256;
/// Blocks beside each other with no more together become one, so that room is never lost to nearly empty ones.
const MERGED_SLOTS_MAX: usize = BLOCK_SLOTS / 2;

/// All slots, oldest first.
#[derive(Debug, Default)]
pub(super) struct ByMaking {
    /// By the making that each begins with: its orders were made then or later, and before the next one's.
    blocks: BTreeMap<Making, Vec<u32>>,
    /// What is behind all of these, and where it begins.
    newest: Vec<u32>,
    newest_from: Making,
}

impl ByMaking {
    /// Bytes for so many orders: two neighbouring blocks are more than a quarter full.
    pub(super) const fn bytes(orders_max: usize) -> u64 {
        (4 * orders_max * size_of::<u32>()) as u64
    }

    /// Adds an order that was made after all others.
    #[inline]
    pub(super) fn push(&mut self, made: Making, slot: u32) {
        if self.newest.len() == BLOCK_SLOTS {
            self.begin_block(made);
        }
        if self.newest.is_empty() {
            self.newest_from = made;
        }
        self.newest.push(slot);
    }

    /// Adds an order wherever it belongs. `made` says when those were made that are in here.
    pub(super) fn insert(&mut self, making: Making, slot: u32, made: impl Fn(u32) -> Making) {
        if making >= self.newest_from || (self.newest.is_empty() && self.blocks.is_empty()) {
            if self.newest.len() == BLOCK_SLOTS {
                let upper = self.newest.split_off(BLOCK_SLOTS / 2);
                let upper_from = made(upper[0]);
                self.begin_block(upper_from);
                self.newest = upper;
                return self.insert(making, slot, made);
            }
            if self.newest.is_empty() {
                self.newest_from = making;
            }
            let at = self.newest.partition_point(|&it| made(it) < making);
            self.newest.insert(at, slot);
            return;
        }
        let from = match self.blocks.range(..=making).next_back() {
            Some((&from, _)) => from,
            // It is older than all others: the first block begins with it from here.
            None => {
                let first = match self.blocks.first_key_value() {
                    Some((_, block)) if block.len() < BLOCK_SLOTS => self.blocks.pop_first(),
                    Some(_) | None => None,
                };
                self.blocks.insert(making, first.map_or_else(Vec::new, |(_, block)| block));
                making
            }
        };
        let block = self.blocks.get_mut(&from).expect("it was found, or made just now");
        let at = block.partition_point(|&it| made(it) < making);
        block.insert(at, slot);
        if block.len() > BLOCK_SLOTS {
            let upper = block.split_off(BLOCK_SLOTS / 2);
            self.blocks.insert(made(upper[0]), upper);
        }
    }

    /// Takes an order out that is in here.
    pub(super) fn remove(&mut self, making: Making, slot: u32) {
        if making >= self.newest_from {
            take_out(&mut self.newest, slot);
            return;
        }
        let (&from, block) =
            self.blocks.range_mut(..=making).next_back().expect("its block begins before it");
        take_out(block, slot);
        let left = block.len();
        if left > MERGED_SLOTS_MAX {
            return;
        }
        if left == 0 {
            self.blocks.remove(&from);
            return;
        }
        let before = self.blocks.range(..from).next_back();
        if before.is_some_and(|(_, before)| before.len() + left <= MERGED_SLOTS_MAX) {
            self.merge(from);
        }
    }

    /// The orders that were made before then, newest first. `made` says when each was.
    pub(super) fn before(&self, making: Making, made: impl Fn(u32) -> Making) -> impl Iterator<Item = u32> {
        let older = |block: &Vec<u32>| block.partition_point(|&it| made(it) < making);
        let newest = &self.newest[..older(&self.newest)];
        let mut blocks = self.blocks.range(..making).rev();
        // Only the first of these reaches up to `making`.
        let first = blocks.next().map_or(&[][..], |(_, block)| &block[..older(block)]);
        let rest = blocks.flat_map(|(_, block)| block.iter().rev());
        newest.iter().rev().chain(first.iter().rev()).chain(rest).copied()
    }

    /// What was the newest block is one of the others from here.
    fn begin_block(&mut self, from: Making) {
        let full = core::mem::replace(&mut self.newest, Vec::with_capacity(BLOCK_SLOTS));
        self.blocks.insert(self.newest_from, full);
        self.newest_from = from;
    }

    /// Adds the block that begins there to the one before it.
    fn merge(&mut self, from: Making) {
        let block = self.blocks.remove(&from).expect("a block is merged that is there");
        let (_, before) = self.blocks.range_mut(..from).next_back().expect("one before it was seen");
        before.extend(block);
    }
}

fn take_out(block: &mut Vec<u32>, slot: u32) {
    let at = block.iter().position(|&it| it == slot).expect("an order is in the block of its making");
    block.remove(at);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    /// Orders come, leave and come back at random, beside an ordered map.
    fn check(seed: u64, orders: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut index, mut model) = (ByMaking::default(), BTreeMap::new());
        let mut gone = Vec::new();
        // The slot of an order is its making here, cut to 32 bits.
        let made = |slot: u32| Making(u64::from(slot));
        for at in 0..orders {
            let made_at = 10 * at + 5;
            index.push(Making(made_at), made_at as u32);
            model.insert(made_at, ());
            for _ in 0..random.usize(..3) {
                let Some((&leaves, _)) = model.range(random.u64(..=made_at)..).next() else { continue };
                model.remove(&leaves);
                index.remove(Making(leaves), leaves as u32);
                gone.push(leaves);
            }
            if random.u8(..4) == 0 && !gone.is_empty() {
                let back = gone.swap_remove(random.usize(..gone.len()));
                index.insert(Making(back), back as u32, made);
                model.insert(back, ());
            }
            if at % 97 == 0 {
                let before = random.u64(..=made_at + 20);
                let found: Vec<u64> = index.before(Making(before), made).map(u64::from).collect();
                let wanted: Vec<u64> = model.range(..before).rev().map(|(&it, ())| it).collect();
                assert_eq!(found, wanted, "seed {seed}, order {at}");
            }
        }
        // All come back at once, the oldest last.
        gone.sort_unstable();
        for back in gone.into_iter().rev() {
            index.insert(Making(back), back as u32, made);
            model.insert(back, ());
        }
        let found: Vec<u64> = index.before(Making::MAX, made).map(u64::from).collect();
        assert_eq!(found, model.keys().rev().copied().collect::<Vec<_>>(), "seed {seed}");
        // All leave, and nothing is left of any block.
        for leaves in model.into_keys() {
            index.remove(Making(leaves), leaves as u32);
        }
        assert!(index.blocks.is_empty() && index.newest.is_empty(), "seed {seed}");
    }

    #[test]
    fn orders_stand_in_the_order_of_their_making_however_they_come_and_go() {
        for seed in 0..6 {
            check(seed, 5_000);
        }
    }

    #[test]
    fn few_that_stay_behind_share_blocks() {
        let mut index = ByMaking::default();
        for at in 0..100_000_u32 {
            index.push(Making(at.into()), at);
        }
        for at in (0..100_000_u32).filter(|at| at % 200 != 0) {
            index.remove(Making(at.into()), at);
        }
        let left = index.before(Making::MAX, |slot| Making(slot.into())).count();
        assert_eq!(left, 500);
        assert!(index.blocks.len() <= 20, "{} blocks of {left} orders", index.blocks.len());
    }
}
