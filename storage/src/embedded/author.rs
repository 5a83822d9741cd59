//! Writes a journal of any facts, for tests of whoever judges journals. Its checksums are good and its groups
//! follow each other, whatever the facts say; a server would never have made most of them.

use std::io;
use std::path::Path;

use domain::{Fact, Stamp};

use super::disk::BLOCK_BYTES;
use super::journal::layout::{GROUP_HEADER_BYTES, SEGMENT_HEADER_BYTES};
use super::journal::segment::segment_name;
use super::journal::{GroupHeader, GroupRef, Identity, SegmentHeader};
use super::record::{ENTRY_BYTES_MAX, EntryWriter};

/// A journal in the making: one segment, a group for each entry.
#[derive(Debug)]
pub struct Author {
    identity: Identity,
    last: GroupRef,
    next_position: u64,
    groups: Vec<u8>,
}

impl Author {
    /// The journal of a store with this id.
    pub fn new(store: u128) -> Author {
        let identity = Identity { store, salt: 0x5A17, ledger_seed: 7 };
        Author { identity, last: GroupRef::NONE, next_position: 1, groups: Vec::new() }
    }

    /// Puts an entry behind the others. Facts count from 1; a `position` that does not follow is a gap, well
    /// checksummed. At least one fact, and no more than an intent makes.
    pub fn entry(&mut self, position: u64, stamp: &Stamp, facts: &[Fact<'_>]) {
        let mut group = vec![0; (GROUP_HEADER_BYTES + ENTRY_BYTES_MAX).next_multiple_of(BLOCK_BYTES)];
        let mut writer = EntryWriter::new(&mut group, GROUP_HEADER_BYTES);
        writer.begin(stamp);
        for fact in facts {
            writer.fact(fact);
        }
        writer.end();
        let bytes = writer.at();
        self.next_position = position;
        self.seal(group, bytes, facts.len() as u32);
        self.next_position = position.saturating_add(facts.len() as u64);
    }

    /// Seals the journal and writes its one segment into a folder that is there.
    pub fn finish(mut self, dir: &Path) -> io::Result<()> {
        self.seal(vec![0; BLOCK_BYTES], GROUP_HEADER_BYTES, 0);
        let bytes = (SEGMENT_HEADER_BYTES + self.groups.len()) as u64;
        let header =
            SegmentHeader { identity: self.identity, run: 1, number: 1, bytes, cut: Some(GroupRef::NONE) };
        let mut block = [0; BLOCK_BYTES];
        header.encode(&mut block);
        std::fs::write(dir.join(segment_name(header.number)), [&block[..], &self.groups].concat())
    }

    fn seal(&mut self, mut group: Vec<u8>, bytes: usize, facts: u32) {
        let header = GroupHeader {
            run: 1,
            previous: self.last,
            first_fact: self.next_position,
            facts,
            bytes: bytes as u32,
            durable_through: self.last.number,
        };
        let checksum = header.seal(&self.identity, &mut group);
        self.last = GroupRef { number: header.number(), checksum };
        self.groups.extend_from_slice(&group[..header.padded_bytes()]);
    }
}
