//! What happens to a machine: its clock jumps, its disk is full, fails and rots.

use std::collections::BTreeMap;

use storage::embedded::cold::Faults;
use storage::embedded::disk::BLOCK_BYTES;

use super::World;
use crate::Tally;

impl World {
    /// Things that happen to a machine.
    pub(super) fn disturb(&mut self, tally: &mut Tally) {
        match self.dice.u16(0..3_000) {
            0..=3 => self.jump(tally),
            4..=9 => self.fill_up(tally),
            10..=24 if !self.disk.will_fail() => self.disk.fail_in(self.dice.u64(0..20)),
            25..=31 => self.fail_at_rest(tally),
            _ if self.full && self.dice.u8(0..30) == 0 => self.make_room(),
            _ if self.dice.u8(0..8) == 0 => self.disk.cold().set_faults(Faults::default()),
            _ => (),
        }
    }

    pub(super) fn jump(&mut self, tally: &mut Tally) {
        tally.faults.clock_jumps += 1;
        let most = *self.dice.choice(&[2_000_000, 600_000_000, 7_200_000_000]).expect("a choice");
        self.wall_us += self.dice.i64(-most..=most);
        let wall_us = self.wall_us;
        self.happened(|| format!("the wall clock is off by {wall_us} us"));
    }

    /// The cold store fails: for ever at writes and syncs, for as long as this process lives.
    fn fail_at_rest(&mut self, tally: &mut Tally) {
        tally.faults.cold_errors += 1;
        let mut faults = Faults::default();
        match self.dice.u8(0..4) {
            0 => faults.writes = true,
            1 => faults.syncs = true,
            2 => faults.reads = true,
            _ => faults.syncs_hang = true,
        }
        self.disk.cold().set_faults(faults);
        self.happened(|| format!("the cold store fails: {faults:?}"));
    }

    pub(super) fn fill_up(&mut self, tally: &mut Tally) {
        tally.faults.full_disks += 1;
        self.full = true;
        let room = self.dice.usize(0..3 * self.config.segment_bytes);
        self.disk.hold_at_most(self.disk.bytes() + room);
        self.happened(|| format!("the disk has room for {room} bytes more"));
    }

    pub(super) fn make_room(&mut self) {
        self.full = false;
        self.disk.hold_at_most(usize::MAX);
    }

    /// Turns over a bit of what is durable: of what was written last, or anywhere that is not zeros.
    pub(super) fn rot(&mut self, tally: &mut Tally) -> Option<(String, usize, u8)> {
        let files = self.disk.content();
        let (name, byte) =
            if self.dice.bool() { self.in_last_groups(&files) } else { self.anywhere(&files) }?;
        let bit = self.dice.u8(0..8);
        tally.faults.flipped_bits += 1;
        self.disk.flip(&name, byte, bit);
        self.happened(|| format!("bit {bit} of byte {byte} of {name} turned over"));
        Some((name, byte, bit))
    }

    /// Somebody takes a newest checkpoint away that an opening refused: the one before it stands in. Not that one, too, before
    /// another one was made: the journal goes back to the second newest and no further.
    pub(super) fn do_without(&mut self, name: &str, tally: &mut Tally) {
        let files = self.disk.content();
        let mut checkpoints = files.keys().rev().filter(|name| name.ends_with(".checkpoint"));
        let is_newest = checkpoints.next().is_some_and(|newest| newest == name);
        if is_newest && checkpoints.next().is_some() && name > self.done_without.as_str() {
            name.clone_into(&mut self.done_without);
            tally.faults.checkpoints_lost += 1;
            self.disk.take_away(name);
            self.happened(|| format!("{name} was taken away"));
        }
    }

    /// Most likely the last group with facts, which only its seal protects.
    fn in_last_groups(&mut self, files: &BTreeMap<String, Vec<u8>>) -> Option<(String, usize)> {
        let journal = files.iter().rev().filter(|(name, _)| name.ends_with(".journal"));
        let written = |(name, bytes): (&String, &Vec<u8>)| {
            let end = bytes.iter().rposition(|&byte| byte != 0)?;
            (end >= BLOCK_BYTES).then(|| (name.clone(), end / BLOCK_BYTES * BLOCK_BYTES))
        };
        let (name, last) = journal.filter_map(written).next()?;
        let block = last.saturating_sub(BLOCK_BYTES * self.dice.usize(0..3)).max(BLOCK_BYTES);
        Some((name, block + self.dice.usize(0..200)))
    }

    fn anywhere(&mut self, files: &BTreeMap<String, Vec<u8>>) -> Option<(String, usize)> {
        let is_checkpoint = |name: &str| name.ends_with(".checkpoint");
        let checkpoints = self.dice.bool();
        let mut names: Vec<_> = files
            .iter()
            .filter(|(name, bytes)| (!checkpoints || is_checkpoint(name)) && !bytes.is_empty())
            .map(|(name, _)| name)
            .collect();
        if checkpoints && self.dice.bool() {
            // The newest, which an opening begins with.
            names = names.into_iter().next_back().into_iter().collect();
        }
        let mut found = None;
        for _ in 0..40 {
            let name = *self.dice.choice(&names)?;
            let byte = self.dice.usize(0..files[name].len());
            found = Some((name.clone(), byte));
            if files[name][byte] != 0 {
                break;
            }
        }
        found
    }
}
