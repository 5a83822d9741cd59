//! Every single bit of a small journal, turned over one after the other: each time opening refuses and says where,
//! or the facts that it reads are exactly those that were there.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;

use common::mem_disk::{End, MemDisk};
use common::{Life, create, request_id, submit, tiny_without_checkpoints};
use domain::LedgerBounds;
use storage::embedded::disk::DurabilityPath;
use storage::embedded::reader::{self, GroupSeen};
use storage::embedded::{Config, Damage, OpenError};

/// The smallest that the bounds allow, so that a few groups roll.
const SEGMENT_BYTES: usize = 24 << 10;
const BLOCK: usize = 4_096;
/// Of a segment's first block, what the checksum covers, itself included (docs/DISK.md).
const SEGMENT_HEADER: usize = 96;
/// Of a group, before its entries.
const GROUP_HEADER: usize = 80;

/// What a byte of a file is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Region {
    SegmentHeader,
    SegmentHeaderPadding,
    GroupHeader,
    Entries,
    /// A group without facts that others stand behind.
    SealingGroup,
    /// The last one: nothing stands behind it, and it holds no fact.
    LastSealingGroup,
    GroupPadding,
    /// Torn or stranded behind a cut, or never used.
    BehindTheChain,
}

/// What a flip led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Refused, and what was named is the segment and the place that was hit.
    Refused,
    /// Every fact is there as it was, and no other.
    Harmless,
}

impl Region {
    /// What must come of a flip here.
    fn expected(self) -> Outcome {
        match self {
            Region::SegmentHeader | Region::GroupHeader | Region::Entries | Region::SealingGroup => {
                Outcome::Refused
            }
            Region::SegmentHeaderPadding
            | Region::LastSealingGroup
            | Region::GroupPadding
            | Region::BehindTheChain => Outcome::Harmless,
        }
    }
}

#[test]
fn every_flip_in_a_sealed_journal_is_refused_with_its_place_or_harmless() {
    let journal = Journal::of(&sealed_store());
    let groups = &journal.groups;
    assert!(groups.len() >= 8 && journal.files.len() >= 3, "{groups:?}");
    assert!(groups.last().is_some_and(|it| it.header.facts == 0), "it ends with a seal");
    let regions = journal.files.keys().flat_map(|file| journal.regions(file));
    assert!(regions.into_iter().any(|(region, _)| region == Region::SealingGroup), "and has one inside");

    // A thread a segment: they share nothing.
    let counted = std::thread::scope(|threads| {
        let flips = journal.files.keys().map(|file| threads.spawn(|| journal.flip_all(file)));
        let flips: Vec<_> = flips.collect();
        let mut counted: BTreeMap<Region, u64> = BTreeMap::new();
        for flip in flips {
            flip.join()
                .unwrap()
                .into_iter()
                .for_each(|(region, bits)| *counted.entry(region).or_default() += bits);
        }
        counted
    });
    for (region, bits) in &counted {
        println!("{bits:>8} bits of {region:?}: {:?}", region.expected());
    }
    let bytes: usize = journal.files.values().map(Vec::len).sum();
    assert_eq!(counted.values().sum::<u64>(), bytes as u64 * 8, "no bit was left out");
    assert_eq!(counted.len(), 8, "every region is there: {counted:?}");
}

#[test]
fn opening_goes_by_the_same_rules_and_changes_nothing_where_it_refuses() {
    let journal = Journal::of(&sealed_store());
    let mut opened = 0;
    for file in journal.files.keys() {
        for (at, (region, _)) in journal.regions(file).into_iter().enumerate() {
            // Of bytes that say nothing a few are enough: opening reads them by the same code.
            let says_nothing = matches!(
                region,
                Region::SegmentHeaderPadding | Region::GroupPadding | Region::BehindTheChain
            );
            if says_nothing && at % 509 != 0 {
                continue;
            }
            let disk = journal.disk();
            disk.flip(file, at, (at % 8) as u8);
            let before = disk.content();
            let life = Life::open(&disk, smallest(), 100_000_000);
            match region.expected() {
                Outcome::Refused => {
                    let refused = life.expect_err("what was acknowledged is hit");
                    let OpenError::Damaged { damage, .. } = refused else { panic!("{refused}") };
                    assert_eq!(place_of(&damage), journal.unit_at(file, at), "flipped byte {at} of {file}");
                    assert_eq!(disk.content(), before, "nothing was changed");
                }
                Outcome::Harmless => {
                    drop(life.unwrap_or_else(|why| panic!("byte {at} of {file}, {region:?}: {why}")));
                    assert_eq!(facts_of(&disk).0, journal.facts, "byte {at} of {file}");
                }
            }
            opened += 1;
        }
    }
    println!("{opened} openings");
    assert!(opened > 2_000, "{opened}");
}

/// In the millisecond before the seal, damage to the last groups cannot be told from a torn tail: then these are
/// lost whole, and nothing else changes.
#[test]
fn before_the_seal_a_flip_loses_at_most_the_groups_that_nothing_proves_durable() {
    let journal = Journal::of(&unsealed_store());
    let proven = journal.groups.iter().map(|it| it.header.durable_through).max().unwrap();
    let last = journal.groups.last().unwrap();
    assert!(proven < last.header.number(), "the last group is not sealed");
    let disk = journal.disk();
    let (mut refused, mut harmless, mut torn) = (0, 0, 0);
    for at in 0..SEGMENT_BYTES {
        for bit in 0..8 {
            disk.flip(&last.place.file, at, bit);
            let (facts, damage) = facts_of(&disk);
            match damage {
                Some(damage) => {
                    assert_eq!(place_of(&damage), journal.unit_at(&last.place.file, at));
                    refused += 1;
                }
                None if facts == journal.facts => harmless += 1,
                None => {
                    let hit = journal.group_at(&last.place.file, at).expect("only a group holds facts");
                    assert!(hit.header.number() > proven, "group {} was durable", hit.header.number());
                    assert_eq!(facts, journal.facts[..hit.header.first_fact as usize - 1]);
                    torn += 1;
                }
            }
            disk.flip(&last.place.file, at, bit);
        }
    }
    println!("{refused} refused, {harmless} harmless, {torn} taken for a torn tail");
    assert!(refused > 0 && harmless > 0 && torn > 0);
}

/// A store of two openings: one that is torn by a power cut, with a whole group stranded behind the tear, and one
/// that cuts there, rolls, seals now and then, and is left in good order.
fn sealed_store() -> MemDisk {
    let disk = (0..).map(torn_store).find(|disk| {
        let tail = reader::read(disk, u64::MAX, |_| ()).summary.tail;
        tail.is_some_and(|tail| tail.stranded_groups > 0)
    });
    let disk = disk.expect("some power cut strands a group").next_process();
    let mut life = Life::open(&disk, smallest(), 10_000_000).unwrap();
    for user in 100..103 {
        let request = request_id(life.micros, user);
        assert!(life.ask(create(user, request, &[1; 64])).outcome.is_ok());
    }
    life.store.engine().leave();
    life.settle();
    drop(life.store);
    disk.end(End::Kill, life.hot);
    disk.next_process()
}

/// A store whose power went while several groups were under way.
fn torn_store(seed: u64) -> MemDisk {
    let disk = MemDisk::new(seed).next_process();
    let mut life = Life::open(&disk, smallest(), 0).unwrap();
    life.set_up_shop(1_000);
    for user in 1..4 {
        submit(&mut life.store, &[create(user, request_id(life.micros, user), &[1; 64])]);
        life.turn(10).unwrap();
    }
    drop(life.store);
    disk.end(End::PowerCut, life.hot);
    disk.next_process()
}

/// A store that was killed right after its last answer.
fn unsealed_store() -> MemDisk {
    let disk = MemDisk::new(1).next_process();
    let mut life = Life::open(&disk, smallest(), 0).unwrap();
    life.set_up_shop(1_000);
    submit(&mut life.store, &[create(1, request_id(life.micros, 1), b"")]);
    while common::take_answers(&mut life.store).is_empty() {
        life.turn(10).unwrap();
    }
    drop(life.store);
    disk.end(End::Kill, life.hot);
    disk.next_process()
}

fn smallest() -> Config {
    let ledger = LedgerBounds {
        orders_max: 64,
        lines_max: 64,
        client_bytes_max: 1 << 12,
        history_rows_max: 400,
        request_ids_max: 256,
        changes_max: 256,
        payments_max: 64,
        shipments_max: 64,
        sent_lines_max: 64,
        cases_max: 64,
        user_counts_max: 64,
        coupon_skus_max: 64,
        coupon_users_max: 64,
        coupon_orders_max: 64,
        ..common::small_bounds()
    };
    Config { ledger, segment_bytes: SEGMENT_BYTES, ..tiny_without_checkpoints(DurabilityPath::Dsync) }
}

/// A journal as it should be.
struct Journal {
    files: BTreeMap<String, Vec<u8>>,
    groups: Vec<GroupSeen>,
    facts: Vec<String>,
}

impl Journal {
    fn of(disk: &MemDisk) -> Journal {
        let mut groups = Vec::new();
        let reading = reader::read_groups(disk, |group| groups.push(group));
        assert!(reading.damage.is_none(), "{reading:?}");
        let files = disk.content().into_iter().filter(|(name, _)| name.ends_with(".journal")).collect();
        Journal { files, groups, facts: facts_of(disk).0 }
    }

    /// A disk of its own with these files.
    fn disk(&self) -> MemDisk {
        let disk = MemDisk::new(0);
        self.files.iter().for_each(|(name, bytes)| disk.bring_back(name, bytes));
        disk
    }

    /// Flips every bit of a file, one at a time, and judges what is read; gives the bits of each region.
    fn flip_all(&self, file: &str) -> BTreeMap<Region, u64> {
        let disk = self.disk();
        let mut counted: BTreeMap<Region, u64> = BTreeMap::new();
        for (at, (region, unit)) in self.regions(file).into_iter().enumerate() {
            for bit in 0..8 {
                disk.flip(file, at, bit);
                let outcome = self.judge(&disk, (file, unit as u64));
                disk.flip(file, at, bit);
                assert_eq!(outcome, Ok(region.expected()), "bit {bit} of byte {at} of {file}, {region:?}");
                *counted.entry(region).or_default() += 1;
            }
        }
        counted
    }

    /// Reads it; an error is a fact that changed, or a refusal that names another place than the one hit.
    fn judge(&self, disk: &MemDisk, hit: (&str, u64)) -> Result<Outcome, String> {
        let mut expected = self.facts.iter();
        let mut text = String::new();
        let mut changed = None;
        let reading = reader::read(disk, u64::MAX, |record| {
            text.clear();
            write!(text, "{:?} {:?} {:?}", record.begins_entry, record.stamp, record.fact).unwrap();
            if expected.next().is_none_or(|expected| *expected != text) {
                changed.get_or_insert_with(|| text.clone());
            }
        });
        match (changed, reading.damage) {
            (Some(fact), _) => Err(format!("read as {fact}")),
            (None, Some(damage)) if place_of(&damage) == (hit.0.to_owned(), hit.1) => Ok(Outcome::Refused),
            (None, Some(damage)) => Err(format!("it named another place: {damage}")),
            (None, None) if expected.next().is_some() => Err("facts are lost".into()),
            (None, None) => Ok(Outcome::Harmless),
        }
    }

    /// For each byte of a file: what it is, and where what it belongs to begins.
    fn regions(&self, file: &str) -> Vec<(Region, usize)> {
        let mut regions = vec![(Region::BehindTheChain, 0); self.files[file].len()];
        regions[..SEGMENT_HEADER].fill((Region::SegmentHeader, 0));
        regions[SEGMENT_HEADER..BLOCK].fill((Region::SegmentHeaderPadding, 0));
        for group in self.groups.iter().filter(|group| group.place.file == file) {
            let from = group.place.offset as usize;
            let end = from + group.header.bytes as usize;
            let is_last = group.header == self.groups.last().unwrap().header;
            let (head, entries) = match (group.header.facts, is_last) {
                (0, false) => (Region::SealingGroup, Region::SealingGroup),
                (0, true) => (Region::LastSealingGroup, Region::LastSealingGroup),
                (_, _) => (Region::GroupHeader, Region::Entries),
            };
            regions[from..from + GROUP_HEADER].fill((head, from));
            regions[from + GROUP_HEADER..end].fill((entries, from));
            regions[end..end.next_multiple_of(BLOCK)].fill((Region::GroupPadding, from));
        }
        regions
    }

    fn group_at(&self, file: &str, at: usize) -> Option<&GroupSeen> {
        self.groups.iter().find(|group| {
            let from = group.place.offset as usize;
            group.place.file == file && (from..from + group.header.bytes as usize).contains(&at)
        })
    }

    /// The group or the segment's header that a byte belongs to, as a refusal names it.
    fn unit_at(&self, file: &str, at: usize) -> (String, u64) {
        (file.to_owned(), self.group_at(file, at).map_or(0, |group| group.place.offset))
    }
}

/// What is read, fact by fact as text, up to the damage if there is any.
fn facts_of(disk: &MemDisk) -> (Vec<String>, Option<Damage>) {
    let mut facts = Vec::new();
    let reading = reader::read(disk, u64::MAX, |record| {
        facts.push(format!("{:?} {:?} {:?}", record.begins_entry, record.stamp, record.fact));
    });
    (facts, reading.damage)
}

/// The place that a refusal names.
fn place_of(damage: &Damage) -> (String, u64) {
    match damage {
        Damage::BadHeader { file } | Damage::Newer { file, .. } | Damage::CutShort { file, .. } => {
            (file.clone(), 0)
        }
        Damage::Middle { missing, .. } => (missing.file.clone(), missing.offset),
        Damage::Entry { place, .. } | Damage::Oldest { place } => (place.file.clone(), place.offset),
        Damage::Io { .. }
        | Damage::Foreign { .. }
        | Damage::Checkpoint { .. }
        | Damage::NotBehind { .. }
        | Damage::BeginsLater { .. }
        | Damage::NoJournal => panic!("no flip makes this: {damage}"),
    }
}
