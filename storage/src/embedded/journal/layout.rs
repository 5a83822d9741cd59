//! The bytes of segments and groups: their headers, and when they are good. `docs/DISK.md` has the tables.
//!
//! Pure: bytes in, values out. Which good group belongs to the journal's chain is decided in `chain.rs`.

use crate::embedded::disk::BLOCK_BYTES;
use crate::planted::{self, Bug};

/// Version of the layout of segments and groups. A reader refuses a newer one.
pub const FORMAT_VERSION: u16 = 1;

/// Bytes of a segment's header: one block, so that groups begin at a block.
pub(crate) const SEGMENT_HEADER_BYTES: usize = BLOCK_BYTES;
/// Bytes of a group's header.
pub(crate) const GROUP_HEADER_BYTES: usize = 80;

const SEGMENT_MAGIC: [u8; 8] = *b"TGSEGMNT";
const GROUP_MAGIC: [u8; 4] = *b"TGGP";
const SEGMENT_CHECKED_BYTES: usize = 96;

/// What is the same in every segment of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Names the store for ever; random. Clients are told.
    pub store: u128,
    /// Where checksums of groups begin; random, and never leaves the folder. So bytes that a client had stored
    /// cannot pass for a group, wherever a torn write leaves them.
    pub(crate) salt: u32,
    /// Seed of the ledger's hashes; random, and never leaves the folder.
    pub(crate) ledger_seed: u64,
}

impl Identity {
    /// The identity of a store that is only made to try something out; a real one is made of random bytes.
    pub const fn of_a_trial(store: u128) -> Identity {
        Identity { store, salt: store as u32, ledger_seed: store as u64 }
    }
}

/// A group as the next one names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupRef {
    /// Its number. Groups count from 1.
    pub number: u64,
    /// Its checksum.
    pub checksum: u32,
}

impl GroupRef {
    /// What stands before the first group.
    pub const NONE: GroupRef = GroupRef { number: 0, checksum: 0 };
}

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The store that it belongs to.
    pub identity: Identity,
    /// The opening that made it, counted from 1: one more at each.
    pub run: u64,
    /// Segments are numbered in the order in which they are used.
    pub number: u64,
    /// Bytes of the whole file.
    pub bytes: u64,
    /// This segment was made by an opening: the chain goes on here right after this group, whatever stands
    /// behind that group elsewhere.
    pub cut: Option<GroupRef>,
}

/// Why the first block of a segment is no good header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadSegment {
    /// Not what a segment begins with, or its checksum does not match.
    Damaged,
    /// Made by a newer version.
    Newer(u16),
}

impl SegmentHeader {
    /// Writes the header into the first block of a segment.
    pub(crate) fn encode(&self, block: &mut [u8; BLOCK_BYTES]) {
        let SegmentHeader { identity: Identity { store, salt, ledger_seed }, run, number, bytes, cut } =
            *self;
        block.fill(0);
        block[0..8].copy_from_slice(&SEGMENT_MAGIC);
        block[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        block[10] = u8::from(cut.is_some());
        block[16..32].copy_from_slice(&store.to_le_bytes());
        block[32..40].copy_from_slice(&ledger_seed.to_le_bytes());
        block[40..44].copy_from_slice(&salt.to_le_bytes());
        block[48..56].copy_from_slice(&run.to_le_bytes());
        block[56..64].copy_from_slice(&number.to_le_bytes());
        block[64..72].copy_from_slice(&bytes.to_le_bytes());
        let after = cut.unwrap_or(GroupRef::NONE);
        block[72..80].copy_from_slice(&after.number.to_le_bytes());
        block[80..84].copy_from_slice(&after.checksum.to_le_bytes());
        let checksum = crc32c::crc32c(&block[..SEGMENT_CHECKED_BYTES - 4]);
        block[SEGMENT_CHECKED_BYTES - 4..SEGMENT_CHECKED_BYTES].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Reads the first block of a segment.
    pub(crate) fn decode(block: &[u8; BLOCK_BYTES]) -> Result<SegmentHeader, BadSegment> {
        let checksum = crc32c::crc32c(&block[..SEGMENT_CHECKED_BYTES - 4]);
        if block[0..8] != SEGMENT_MAGIC || u32_at(block, SEGMENT_CHECKED_BYTES - 4) != checksum {
            return Err(BadSegment::Damaged);
        }
        match u16_at(block, 8) {
            FORMAT_VERSION => (),
            0 => return Err(BadSegment::Damaged),
            newer => return Err(BadSegment::Newer(newer)),
        }
        let after = GroupRef { number: u64_at(block, 72), checksum: u32_at(block, 80) };
        Ok(SegmentHeader {
            identity: Identity {
                store: u128_at(block, 16),
                ledger_seed: u64_at(block, 32),
                salt: u32_at(block, 40),
            },
            run: u64_at(block, 48),
            number: u64_at(block, 56),
            bytes: u64_at(block, 64),
            cut: match block[10] {
                0 => None,
                1 => Some(after),
                _ => return Err(BadSegment::Damaged),
            },
        })
    }
}

/// The header of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupHeader {
    /// The run that wrote it.
    pub run: u64,
    /// The group before it, by number and checksum; its own number is one more.
    pub previous: GroupRef,
    /// Position of its first fact (or of the next one to come, if it holds none). Facts count from 1.
    pub first_fact: u64,
    /// How many facts it holds; 0 for a sealing group.
    pub facts: u32,
    /// Bytes of header and entries, without the padding to a block.
    pub bytes: u32,
    /// When this group was sealed, every group up to this one was durable.
    pub durable_through: u64,
}

impl GroupHeader {
    /// Its number. Groups count from 1.
    pub const fn number(&self) -> u64 {
        self.previous.number + 1
    }

    /// Bytes that it takes in its segment.
    pub const fn padded_bytes(&self) -> usize {
        (self.bytes as usize).next_multiple_of(BLOCK_BYTES)
    }

    /// Puts the header before the entries, which lie in `group` already, and pads with zeros. Returns the
    /// group's checksum.
    pub(crate) fn seal(&self, identity: &Identity, group: &mut [u8]) -> u32 {
        let GroupHeader { run, previous, first_fact, facts, bytes, durable_through } = *self;
        let (head, _) = group.split_at_mut(GROUP_HEADER_BYTES);
        head[0..4].copy_from_slice(&GROUP_MAGIC);
        head[4..6].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        head[6..8].fill(0);
        head[8..24].copy_from_slice(&identity.store.to_le_bytes());
        head[24..32].copy_from_slice(&run.to_le_bytes());
        head[32..40].copy_from_slice(&self.number().to_le_bytes());
        head[40..48].copy_from_slice(&first_fact.to_le_bytes());
        head[48..52].copy_from_slice(&facts.to_le_bytes());
        head[52..56].copy_from_slice(&bytes.to_le_bytes());
        head[56..64].copy_from_slice(&durable_through.to_le_bytes());
        head[64..68].copy_from_slice(&previous.checksum.to_le_bytes());
        head[68..80].fill(0);
        group[bytes as usize..self.padded_bytes()].fill(0);
        let checksum = checksum(identity, &group[..bytes as usize]);
        group[76..80].copy_from_slice(&checksum.to_le_bytes());
        checksum
    }

    /// Reads a header from the front of a block, if it looks like one; its checksum is not compared yet.
    pub(crate) fn peek(identity: &Identity, block: &[u8]) -> Option<GroupHeader> {
        let head = block.get(..GROUP_HEADER_BYTES)?;
        let number = u64_at(head, 32);
        let plausible = head[0..4] == GROUP_MAGIC
            && u16_at(head, 4) == FORMAT_VERSION
            && u128_at(head, 8) == identity.store
            && number > 0
            && u32_at(head, 52) as usize >= GROUP_HEADER_BYTES;
        plausible.then(|| GroupHeader {
            run: u64_at(head, 24),
            previous: GroupRef { number: number - 1, checksum: u32_at(head, 64) },
            first_fact: u64_at(head, 40),
            facts: u32_at(head, 48),
            bytes: u32_at(head, 52),
            durable_through: u64_at(head, 56),
        })
    }

    /// Compares the checksum of a whole group, padding not needed. Returns it where it matches.
    pub(crate) fn check(&self, identity: &Identity, group: &[u8]) -> Option<u32> {
        let group = group.get(..self.bytes as usize)?;
        let stored = u32_at(group, 76);
        let good = checksum(identity, group) == stored || planted::is(Bug::GroupChecksumSkipped);
        good.then_some(stored)
    }
}

/// crc32c of the store's salt and the whole group, its own field taken as 0.
fn checksum(identity: &Identity, group: &[u8]) -> u32 {
    let salted = crc32c::crc32c(&identity.salt.to_le_bytes());
    let head = crc32c::crc32c_append(salted, &group[..76]);
    let own_field = crc32c::crc32c_append(head, &[0; 4]);
    crc32c::crc32c_append(own_field, &group[GROUP_HEADER_BYTES..])
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u128_at(bytes: &[u8], at: usize) -> u128 {
    u128::from_le_bytes(array_at(bytes, at))
}

/// The bytes of a field. Offsets are the constants above, inside a header whose length was checked.
fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("fields lie inside the header")
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity = Identity { store: 0x11 << 64 | 7, salt: 0xABCD_EF01, ledger_seed: 99 };

    #[test]
    fn a_segment_header_comes_back_and_every_flipped_bit_shows() {
        let cut = Some(GroupRef { number: 41, checksum: 0xFEED });
        for cut in [None, cut, Some(GroupRef::NONE)] {
            let header = SegmentHeader { identity: IDENTITY, run: 3, number: 17, bytes: 64 << 20, cut };
            let mut block = [0; BLOCK_BYTES];
            header.encode(&mut block);
            assert_eq!(SegmentHeader::decode(&block), Ok(header));
            for bit in 0..SEGMENT_CHECKED_BYTES * 8 {
                block[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(SegmentHeader::decode(&block), Err(BadSegment::Damaged), "bit {bit}");
                block[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    #[test]
    fn the_bytes_of_headers_are_pinned() {
        let last = GroupRef { number: 0x0102_0304, checksum: 0x0506_0708 };
        let segment =
            SegmentHeader { identity: IDENTITY, run: 3, number: 17, bytes: 64 << 20, cut: Some(last) };
        let mut block = [0; BLOCK_BYTES];
        segment.encode(&mut block);
        let group =
            GroupHeader { run: 3, previous: last, first_fact: 77, facts: 2, bytes: 85, durable_through: 6 };
        let mut bytes = vec![0; BLOCK_BYTES];
        bytes[GROUP_HEADER_BYTES..GROUP_HEADER_BYTES + 5].copy_from_slice(b"facts");
        group.seal(&IDENTITY, &mut bytes);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let now = format!("segment {}\ngroup {}\n", hex(&block[..SEGMENT_CHECKED_BYTES]), hex(&bytes[..85]));
        let pinned = include_str!("../../../vectors/headers.txt");
        assert_eq!(now, pinned, "the layout of headers changed: that needs a new format version");
    }

    #[test]
    fn a_group_comes_back_and_every_flipped_bit_shows() {
        let header = GroupHeader {
            run: 2,
            previous: GroupRef { number: 8, checksum: 0x1234 },
            first_fact: 77,
            facts: 2,
            bytes: GROUP_HEADER_BYTES as u32 + 5,
            durable_through: 6,
        };
        let mut group = vec![0xFF; BLOCK_BYTES];
        group[GROUP_HEADER_BYTES..GROUP_HEADER_BYTES + 5].copy_from_slice(b"facts");
        let checksum = header.seal(&IDENTITY, &mut group);
        let good = |group: &[u8], identity: &Identity| {
            GroupHeader::peek(identity, group).filter(|it| it.check(identity, group).is_some())
        };
        assert_eq!(good(&group, &IDENTITY), Some(header));
        assert_eq!(header.check(&IDENTITY, &group), Some(checksum));
        assert_eq!(
            group[header.bytes as usize..],
            [0; BLOCK_BYTES - GROUP_HEADER_BYTES - 5],
            "padding is zero"
        );
        for bit in 0..header.bytes as usize * 8 {
            group[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(good(&group, &IDENTITY), None, "bit {bit}");
            group[bit / 8] ^= 1 << (bit % 8);
        }
        let salted_otherwise = Identity { salt: 1, ..IDENTITY };
        assert_eq!(good(&group, &salted_otherwise), None, "a group forged without the salt is none");
    }
}
