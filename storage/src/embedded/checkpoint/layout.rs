//! The bytes of a checkpoint: a header block, then frames. `docs/DISK.md` has the tables.

use crate::embedded::disk::BLOCK_BYTES;
use crate::embedded::journal::layout::{GroupRef, Identity, u16_at, u32_at, u64_at, u128_at};
use crate::planted::{self, Bug};

/// Version of the layout. A reader refuses a newer one.
const FORMAT_VERSION: u16 = 2;
const MAGIC: [u8; 8] = *b"TGCHKPNT";
/// Bytes of the header that its checksum covers, the checksum included.
const CHECKED_BYTES: usize = 100;
/// The same in format version 1.
const CHECKED_BYTES_1: usize = 96;

/// Bytes of a frame, header included; the last one ends at the first whole block behind its bytes.
pub(crate) const FRAME_BYTES: usize = 256 << 10;
/// Bytes of a frame's header.
pub(crate) const FRAME_HEADER_BYTES: usize = 24;

/// Between which groups a checkpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Boundary {
    /// The last group that is in it.
    pub group: GroupRef,
    /// The run that wrote this group.
    pub run: u64,
    /// The segment in which the group stands.
    pub segment: u64,
    /// Where it begins there.
    pub offset: u64,
    /// Position of the next fact.
    pub next_fact: u64,
    /// Batches of orders that the cold store had put by then, and has for ever.
    pub cold_batches: u64,
}

/// What a checkpoint begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CheckpointHeader {
    pub identity: Identity,
    pub boundary: Boundary,
}

/// Why the first block of a checkpoint is no good header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// Not what a checkpoint begins with, or its checksum does not match.
    Damaged,
    /// Made by a newer version.
    Newer(u16),
    /// Made by version 1, which knew no orders at rest: it is left out, and the journal read from its beginning.
    Older,
}

impl CheckpointHeader {
    /// Writes the header into the first block.
    pub(crate) fn encode(&self, block: &mut [u8; BLOCK_BYTES]) {
        let CheckpointHeader { identity: Identity { store, salt, ledger_seed }, boundary } = *self;
        let Boundary { group, run, segment, offset, next_fact, cold_batches } = boundary;
        block.fill(0);
        block[0..8].copy_from_slice(&MAGIC);
        block[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        block[16..32].copy_from_slice(&store.to_le_bytes());
        block[32..40].copy_from_slice(&ledger_seed.to_le_bytes());
        block[40..44].copy_from_slice(&salt.to_le_bytes());
        block[44..48].copy_from_slice(&group.checksum.to_le_bytes());
        block[48..56].copy_from_slice(&group.number.to_le_bytes());
        block[56..64].copy_from_slice(&run.to_le_bytes());
        block[64..72].copy_from_slice(&segment.to_le_bytes());
        block[72..80].copy_from_slice(&offset.to_le_bytes());
        block[80..88].copy_from_slice(&next_fact.to_le_bytes());
        block[88..96].copy_from_slice(&cold_batches.to_le_bytes());
        let checksum = crc32c::crc32c(&block[..CHECKED_BYTES - 4]);
        block[CHECKED_BYTES - 4..CHECKED_BYTES].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Reads the first block.
    pub(crate) fn decode(block: &[u8; BLOCK_BYTES]) -> Result<CheckpointHeader, BadHeader> {
        let ends_with_its_checksum =
            |bytes: usize| u32_at(block, bytes - 4) == crc32c::crc32c(&block[..bytes - 4]);
        if block[0..8] == MAGIC && u16_at(block, 8) == 1 && ends_with_its_checksum(CHECKED_BYTES_1) {
            return Err(BadHeader::Older);
        }
        if block[0..8] != MAGIC || !ends_with_its_checksum(CHECKED_BYTES) {
            return Err(BadHeader::Damaged);
        }
        match u16_at(block, 8) {
            FORMAT_VERSION => (),
            0 => return Err(BadHeader::Damaged),
            newer => return Err(BadHeader::Newer(newer)),
        }
        Ok(CheckpointHeader {
            identity: Identity {
                store: u128_at(block, 16),
                ledger_seed: u64_at(block, 32),
                salt: u32_at(block, 40),
            },
            boundary: Boundary {
                group: GroupRef { number: u64_at(block, 48), checksum: u32_at(block, 44) },
                run: u64_at(block, 56),
                segment: u64_at(block, 64),
                offset: u64_at(block, 72),
                next_fact: u64_at(block, 80),
                cold_batches: u64_at(block, 88),
            },
        })
    }

    /// Writes the header of frame `number`, whose bytes stand behind it in `frame`.
    pub(crate) fn seal(&self, number: u64, bytes: usize, last: bool, frame: &mut [u8]) {
        frame[0..4].copy_from_slice(&(bytes as u32).to_le_bytes());
        frame[4..8].copy_from_slice(&u32::from(last).to_le_bytes());
        frame[8..16].copy_from_slice(&number.to_le_bytes());
        frame[16..24].fill(0);
        let checksum = self.checksum(&frame[..FRAME_HEADER_BYTES + bytes]);
        frame[16..20].copy_from_slice(&checksum.to_le_bytes());
    }

    /// The bytes of frame `number`, and whether it is the last; nothing where it is not good.
    pub(crate) fn open<'f>(&self, number: u64, frame: &'f mut [u8]) -> Option<(&'f [u8], bool)> {
        if frame.len() < FRAME_HEADER_BYTES || u64_at(frame, 8) != number {
            return None;
        }
        let bytes = u32_at(frame, 0) as usize;
        let last = match u32_at(frame, 4) {
            0 if bytes == FRAME_BYTES - FRAME_HEADER_BYTES => false,
            1 => true,
            _ => return None,
        };
        let checksum = u32_at(frame, 16);
        let frame = frame.get_mut(..FRAME_HEADER_BYTES + bytes)?;
        frame[16..20].fill(0);
        let is_good = frame[20..24] == [0; 4] && self.checksum(frame) == checksum;
        let is_good = is_good || planted::is(Bug::FrameChecksumSkipped);
        is_good.then(|| (&frame[FRAME_HEADER_BYTES..], last))
    }

    /// Of a frame whose checksum field is 0. It begins with what only this store's checkpoint at this boundary has.
    fn checksum(&self, frame: &[u8]) -> u32 {
        let salted = crc32c::crc32c(&self.identity.salt.to_le_bytes());
        let salted = crc32c::crc32c_append(salted, &self.boundary.group.number.to_le_bytes());
        crc32c::crc32c_append(salted, frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: CheckpointHeader = CheckpointHeader {
        identity: Identity { store: 1 << 100, salt: 5, ledger_seed: 6 },
        boundary: Boundary {
            group: GroupRef { number: 7, checksum: 8 },
            run: 9,
            segment: 10,
            offset: 4_096,
            next_fact: 12,
            cold_batches: 13,
        },
    };

    #[test]
    fn a_header_comes_back_and_no_flipped_bit_passes() {
        let mut block = [0; BLOCK_BYTES];
        HEADER.encode(&mut block);
        assert_eq!(CheckpointHeader::decode(&block), Ok(HEADER));
        for bit in 0..CHECKED_BYTES * 8 {
            let mut block = block;
            block[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(CheckpointHeader::decode(&block), Err(BadHeader::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_header_says_so() {
        let mut block = [0; BLOCK_BYTES];
        HEADER.encode(&mut block);
        block[8] = 3;
        let checksum = crc32c::crc32c(&block[..CHECKED_BYTES - 4]);
        block[CHECKED_BYTES - 4..CHECKED_BYTES].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(CheckpointHeader::decode(&block), Err(BadHeader::Newer(FORMAT_VERSION + 1)));
    }

    #[test]
    fn a_header_of_version_1_is_older() {
        let mut block = [0; BLOCK_BYTES];
        HEADER.encode(&mut block);
        block[8] = 1;
        let checksum = crc32c::crc32c(&block[..CHECKED_BYTES_1 - 4]);
        block[CHECKED_BYTES_1 - 4..CHECKED_BYTES_1].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(CheckpointHeader::decode(&block), Err(BadHeader::Older));
    }

    #[test]
    fn a_frame_is_good_in_its_place_alone() {
        let mut frame = vec![0; 100];
        frame[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + 3].copy_from_slice(b"abc");
        HEADER.seal(4, 3, true, &mut frame);
        assert_eq!(HEADER.open(4, &mut frame.clone()), Some((&b"abc"[..], true)));
        assert_eq!(HEADER.open(5, &mut frame.clone()), None);
        let mut other = HEADER;
        other.boundary.group.number += 1;
        assert_eq!(other.open(4, &mut frame.clone()), None, "of another checkpoint");
        for bit in 0..(FRAME_HEADER_BYTES + 3) * 8 {
            let mut frame = frame.clone();
            frame[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(HEADER.open(4, &mut frame), None, "bit {bit}");
        }
    }
}
