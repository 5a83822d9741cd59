//! The orders in memory in the order of their making, for whoever looks through those of everybody.
//!
//! Slots stand in blocks. A new order goes to the end of the newest block, which costs next to nothing; one that
//! leaves or comes back is found by a look into the list of blocks and a walk through one of them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::ids::Making;

/// Slots in a block: one kilobyte.
const BLOCK_SLOTS: usize = 256;
/// Blocks beside each other with no more together become one, so that room is never lost to nearly empty ones.
const MERGED_SLOTS_MAX: usize = BLOCK_SLOTS / 2;

/// All slots, oldest first.
#[derive(Debug)]
pub(super) struct ByMaking {
    /// Oldest first; none is empty.
    blocks: VecDeque<Block>,
    /// The slots of blocks, by place; those of no block are free.
    places: Vec<[u32; BLOCK_SLOTS]>,
    free_places: Vec<u32>,
}

/// Orders that were made from then on, and before those of the next block.
#[derive(Clone, Copy, Debug)]
struct Block {
    from: Making,
    place: u32,
    len: u32,
}

impl ByMaking {
    /// Bytes for so many orders: two neighbouring blocks are more than a quarter full.
    pub(super) const fn bytes(orders_max: usize) -> u64 {
        let block = BLOCK_SLOTS * size_of::<u32>() + size_of::<u32>() + size_of::<Block>();
        (Self::blocks_max(orders_max) * block) as u64
    }

    const fn blocks_max(orders_max: usize) -> usize {
        2 * orders_max.div_ceil(MERGED_SLOTS_MAX) + 2
    }

    /// Nothing moves or grows until there are more orders than this. Its memory becomes real as it is used.
    pub(super) fn with_orders_max(orders_max: usize) -> ByMaking {
        let blocks_max = Self::blocks_max(orders_max);
        ByMaking {
            blocks: VecDeque::with_capacity(blocks_max),
            places: Vec::with_capacity(blocks_max),
            free_places: Vec::with_capacity(blocks_max),
        }
    }

    /// The order that was made last.
    #[inline]
    pub(super) fn newest(&self) -> Option<u32> {
        self.blocks.back().and_then(|block| self.slots(block).last().copied())
    }

    /// Adds an order that was made after all others.
    #[inline]
    pub(super) fn push(&mut self, made: Making, slot: u32) {
        match self.blocks.back_mut() {
            Some(Block { place, len, .. }) if (*len as usize) < BLOCK_SLOTS => {
                self.places[*place as usize][*len as usize] = slot;
                *len += 1;
            }
            Some(_) | None => self.add_block(self.blocks.len(), made, &[slot]),
        }
    }

    /// Adds an order wherever it belongs. `made` says when those were made that are in here.
    pub(super) fn insert(&mut self, making: Making, slot: u32, made: impl Fn(u32) -> Making) {
        let Some(at) = self.block_of(making) else {
            // It is older than all others.
            return match self.blocks.front_mut() {
                Some(first) if (first.len as usize) < BLOCK_SLOTS => {
                    first.from = making;
                    self.insert_into(0, 0, slot);
                }
                Some(_) | None => self.add_block(0, making, &[slot]),
            };
        };
        let slots = self.slots(&self.blocks[at]);
        let place = slots.partition_point(|&it| made(it) < making);
        if slots.len() < BLOCK_SLOTS {
            return self.insert_into(at, place, slot);
        }
        let mut upper = [0; BLOCK_SLOTS / 2];
        upper.copy_from_slice(&slots[BLOCK_SLOTS / 2..]);
        self.blocks[at].len = (BLOCK_SLOTS / 2) as u32;
        self.add_block(at + 1, made(upper[0]), &upper);
        match place.checked_sub(BLOCK_SLOTS / 2) {
            // Between the halves it belongs to the lower one, for the upper one begins later.
            None | Some(0) => self.insert_into(at, place, slot),
            Some(place) => self.insert_into(at + 1, place, slot),
        }
    }

    /// Takes an order out that is in here.
    pub(super) fn remove(&mut self, making: Making, slot: u32) {
        let at = self.block_of(making).expect("an order is in the block of its making");
        let Block { place, len, .. } = self.blocks[at];
        let slots = &mut self.places[place as usize][..len as usize];
        let out = slots.iter().position(|&it| it == slot).expect("an order is in the block of its making");
        slots.copy_within(out + 1.., out);
        self.blocks[at].len = len - 1;
        if len == 1 {
            self.remove_block(at);
        } else if at > 0 && (self.blocks[at - 1].len + len - 1) as usize <= MERGED_SLOTS_MAX {
            self.merge(at);
        }
    }

    /// The orders that were made before then, newest first. `made` says when each was.
    pub(super) fn before(&self, making: Making, made: impl Fn(u32) -> Making) -> impl Iterator<Item = u32> {
        let blocks = self.blocks.partition_point(|block| block.from < making);
        // Only the last of these reaches up to `making`.
        let last = blocks.checked_sub(1).map_or(&[][..], |last| self.slots(&self.blocks[last]));
        let last = &last[..last.partition_point(|&it| made(it) < making)];
        let older = self.blocks.range(..blocks.saturating_sub(1)).rev();
        last.iter().rev().chain(older.flat_map(|block| self.slots(block).iter().rev())).copied()
    }

    /// The block that an order of this making is in, or would be in; nothing: it is older than all.
    fn block_of(&self, making: Making) -> Option<usize> {
        self.blocks.partition_point(|block| block.from <= making).checked_sub(1)
    }

    #[inline]
    fn slots(&self, block: &Block) -> &[u32] {
        &self.places[block.place as usize][..block.len as usize]
    }

    fn insert_into(&mut self, at: usize, place: usize, slot: u32) {
        let Block { place: slots, len, .. } = self.blocks[at];
        let slots = &mut self.places[slots as usize];
        slots.copy_within(place..len as usize, place + 1);
        slots[place] = slot;
        self.blocks[at].len = len + 1;
    }

    fn add_block(&mut self, at: usize, from: Making, slots: &[u32]) {
        let place = self.free_places.pop().unwrap_or_else(|| {
            self.places.push([0; BLOCK_SLOTS]);
            self.places.len() as u32 - 1
        });
        self.places[place as usize][..slots.len()].copy_from_slice(slots);
        self.blocks.insert(at, Block { from, place, len: slots.len() as u32 });
    }

    fn remove_block(&mut self, at: usize) {
        if let Some(block) = self.blocks.remove(at) {
            self.free_places.push(block.place);
        }
    }

    /// Adds what is in this block to the one before it.
    fn merge(&mut self, at: usize) {
        let Block { place, len, .. } = self.blocks[at];
        let slots = self.places[place as usize];
        let before = &mut self.blocks[at - 1];
        let end = before.len as usize;
        self.places[before.place as usize][end..end + len as usize].copy_from_slice(&slots[..len as usize]);
        before.len += len;
        self.remove_block(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    /// Orders come, leave and come back at random, beside an ordered map.
    fn check(seed: u64, orders: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut index, mut model) = (ByMaking::with_orders_max(200_000), BTreeMap::new());
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
        assert!(index.blocks.is_empty() && index.places.len() == index.free_places.len(), "seed {seed}");
    }

    #[test]
    fn orders_stand_in_the_order_of_their_making_however_they_come_and_go() {
        for seed in 0..6 {
            check(seed, 5_000);
        }
    }

    #[test]
    fn few_that_stay_behind_share_blocks() {
        let mut index = ByMaking::with_orders_max(200_000);
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
