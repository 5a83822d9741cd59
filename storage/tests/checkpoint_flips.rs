//! Every single bit of a small checkpoint, turned over one after the other, and one of every byte of the journal beside
//! it: each time opening refuses, says where and changes nothing, or the ledger is exactly the one that was there.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

mod common;

use std::collections::BTreeMap;
use std::thread;

use common::mem_disk::{End, MemDisk};
use common::{Life, create, request_id};
use domain::{Intent, LedgerBounds, Verdict};
use storage::embedded::disk::DurabilityPath;
use storage::embedded::{Config, Damage, OpenError};

const BLOCK: usize = 4_096;
/// Of a checkpoint's first block, what the checksum covers, itself included (docs/DISK.md).
const HEADER: usize = 100;
/// The same of a segment's.
const SEGMENT_HEADER: usize = 96;
/// Of a frame, before its bytes.
const FRAME_HEADER: usize = 24;
/// Of a group, before its entries.
const GROUP_HEADER: usize = 80;
/// When the folder is opened, in the test's microseconds.
const OPENED_AT: i64 = 100_000_000;
/// Threads that turn bits: they share nothing.
const THREADS: usize = 2;

/// What a flip led to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Refused, and this is the file and the place that was named.
    Refused(String, u64),
    /// The same ledger as without the flip.
    Harmless,
}

#[test]
fn every_flipped_bit_of_a_small_checkpoint_is_refused_with_its_place_or_harmless() {
    let folder = Folder::sold();
    let (name, bytes) = folder.file(".checkpoint");
    let used = u32::from_le_bytes(bytes[BLOCK..BLOCK + 4].try_into().unwrap()) as usize;
    let frame = BLOCK..BLOCK + FRAME_HEADER + used;
    assert!(used > 300 && frame.end <= bytes.len(), "{frame:?} of {}", bytes.len());
    let bits = (0..bytes.len()).flat_map(|byte| (0..8).map(move |bit| (byte, bit)));
    let outcomes = folder.flips(&name, bits.collect());
    assert_eq!(outcomes.len(), bytes.len() * 8, "no bit was left out");
    for ((byte, bit), outcome) in &outcomes {
        let expected = match byte {
            0..HEADER => Outcome::Refused(name.clone(), 0),
            byte if frame.contains(byte) => Outcome::Refused(name.clone(), BLOCK as u64),
            // Padding, of the header's block and behind the last frame.
            _ => Outcome::Harmless,
        };
        assert_eq!(*outcome, expected, "bit {bit} of byte {byte}");
    }
    println!("{} bits, {} of them say something", outcomes.len(), (HEADER + frame.len()) * 8);
}

#[test]
fn any_flipped_byte_of_the_journal_beside_it_is_refused_in_its_file_or_harmless() {
    let folder = Folder::sold();
    let mut say_something = Vec::new();
    for (name, bytes) in folder.files.iter().filter(|(name, _)| name.ends_with(".journal")) {
        let outcomes = folder.flips(name, (0..bytes.len()).map(|byte| (byte, (byte % 8) as u8)).collect());
        let mut refused = 0;
        for ((byte, bit), outcome) in &outcomes {
            match outcome {
                Outcome::Harmless => (),
                Outcome::Refused(file, from) => {
                    assert!(file == name && *from <= *byte as u64, "bit {bit} of byte {byte}: {file} {from}");
                    refused += 1;
                }
            }
        }
        println!("{name}: {refused} of {} bytes say something", bytes.len());
        assert!(refused >= SEGMENT_HEADER, "the header of a segment is read, whatever the checkpoint covers");
        say_something.push(refused);
    }
    // The group that the checkpoint ends with, and at least one behind it.
    assert!(
        say_something.iter().any(|&bytes| bytes > SEGMENT_HEADER + 2 * GROUP_HEADER),
        "{say_something:?}"
    );
}

/// A checkpoint, the journal, and what the ledger holds.
struct Folder {
    files: BTreeMap<String, Vec<u8>>,
    holdings: Verdict,
}

impl Folder {
    /// A few orders: some in the checkpoint, some behind it.
    fn sold() -> Folder {
        let disk = MemDisk::new(1).next_process();
        let mut life = Life::open(&disk, smallest(), 0).unwrap();
        life.set_up_shop(1_000);
        let mut users = 1..;
        let mut sell = |life: &mut Life| {
            let (micros, user) = (life.micros, users.next().unwrap());
            assert!(life.ask(create(user, request_id(micros, user), &[1; 8])).outcome.is_ok());
        };
        while !disk.content().keys().any(|name| name.ends_with(".checkpoint")) {
            sell(&mut life);
        }
        sell(&mut life);
        life.store.engine().leave();
        life.settle();
        drop(life.store);
        disk.end(End::Kill, life.hot);
        let files = disk.next_process().content();
        let files = files.into_iter().filter(|(name, _)| !name.ends_with(".spare")).collect();
        let holdings = open(&disk_of(&files)).unwrap();
        Folder { files, holdings }
    }

    fn file(&self, ending: &str) -> (String, &Vec<u8>) {
        let mut found = self.files.iter().filter(|(name, _)| name.ends_with(ending));
        let (name, bytes) = found.next().unwrap();
        assert!(found.next().is_none(), "there is one {ending}");
        (name.clone(), bytes)
    }

    /// Turns these bits of a file over, one at a time, and opens the folder each time.
    fn flips(&self, name: &str, bits: Vec<(usize, u8)>) -> Vec<((usize, u8), Outcome)> {
        let flip = |(byte, bit): (usize, u8)| ((byte, bit), self.flip(name, byte, bit));
        thread::scope(|threads| {
            let pieces = bits.chunks(bits.len().div_ceil(THREADS));
            let pieces = pieces
                .map(|piece| threads.spawn(move || piece.iter().copied().map(flip).collect::<Vec<_>>()));
            let pieces: Vec<_> = pieces.collect();
            pieces.into_iter().flat_map(|piece| piece.join().unwrap()).collect()
        })
    }

    fn flip(&self, name: &str, byte: usize, bit: u8) -> Outcome {
        let disk = disk_of(&self.files);
        disk.flip(name, byte, bit);
        match open(&disk) {
            Ok(holdings) => {
                assert_eq!(holdings, self.holdings, "bit {bit} of byte {byte} of {name} changed the ledger");
                Outcome::Harmless
            }
            Err(OpenError::Damaged { damage, .. }) => {
                disk.flip(name, byte, bit);
                assert_eq!(disk.content(), self.files, "a refusal changes nothing");
                let (file, place) = place_of(damage);
                Outcome::Refused(file, place)
            }
            Err(other) => panic!("bit {bit} of byte {byte} of {name}: {other}"),
        }
    }
}

/// A disk of its own with these files.
fn disk_of(files: &BTreeMap<String, Vec<u8>>) -> MemDisk {
    let disk = MemDisk::new(0);
    files.iter().for_each(|(name, bytes)| disk.bring_back(name, bytes));
    disk
}

/// Opens a folder; what its ledger holds.
fn open(disk: &MemDisk) -> Result<Verdict, OpenError> {
    let disk = disk.next_process();
    let mut life = Life::open(&disk, smallest(), OPENED_AT)?;
    Ok(life.ask(Intent::Holdings).outcome.unwrap())
}

/// The smallest that the bounds allow: a ledger is made for each bit.
fn smallest() -> Config {
    let ledger = LedgerBounds {
        orders_max: 32,
        lines_max: 32,
        client_bytes_max: 1 << 12,
        history_rows_max: 200,
        request_ids_max: 128,
        changes_max: 96,
        payments_max: 33,
        shipments_max: 32,
        sent_lines_max: 32,
        cases_max: 32,
        user_counts_max: 32,
        coupon_skus_max: 32,
        coupon_users_max: 32,
        coupon_orders_max: 32,
        ..common::small_bounds()
    };
    Config {
        ledger,
        segment_bytes: 6 * BLOCK,
        checkpoint_bytes: 5 * BLOCK as u64,
        ..common::tiny(DurabilityPath::Dsync)
    }
}

/// The file and the place that a refusal names.
fn place_of(damage: Damage) -> (String, u64) {
    match damage {
        Damage::BadHeader { file } | Damage::Newer { file, .. } | Damage::CutShort { file, .. } => (file, 0),
        Damage::Middle { missing: place, .. }
        | Damage::Entry { place, .. }
        | Damage::Oldest { place }
        | Damage::Checkpoint { place, .. } => (place.file, place.offset),
        // The very group that the checkpoint goes on behind.
        Damage::NotBehind { file, .. } => (file, 0),
        Damage::NoJournal | Damage::BeginsLater { .. } | Damage::Io { .. } | Damage::Foreign { .. } => {
            panic!("no flip makes this: {damage}")
        }
    }
}
