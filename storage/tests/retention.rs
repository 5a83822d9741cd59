//! Segments leave the data folder: what is left opens, with either of two checkpoints; what left is in the archive, or
//! nobody claims to have it.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::mem_disk::{End, MemDisk};
use common::{Life, create, look, request_id, submit, take_answers, tiny, with_seeds};
use domain::{LedgerBounds, OrderId, Verdict};
use fastrand::Rng;
use storage::Store;
use storage::embedded::disk::{Disk, DurabilityPath, ReadDisk};
use storage::embedded::follow::{Follower, Unreadable};
use storage::embedded::reader::{self, Reading};
use storage::embedded::{
    BlockingFiles, ClockReading, Config, Damage, Expiry, FileDisk, Joined, OpenError, Retention, open,
};

const SEGMENT_BYTES: u64 = 64 << 10;

#[test]
fn what_left_is_in_the_archive_and_what_stays_is_bounded() {
    let (disk, mut clock) = sold(archived(3 * SEGMENT_BYTES, 0), 1_000);
    let (all, here) = (facts_of(&joined(&disk)), reader::read_what_is_there(&disk, u64::MAX, |_| ()));
    assert!(all.damage.is_none(), "{:?}", all.damage);
    let behind = here.summary.begins_behind;
    assert!(behind > 500 && here.damage.is_none(), "{here:?}");
    assert_eq!(here.summary.facts, all.summary.facts);
    let (archived, stay) = (numbers(&disk.archived()), numbers(&disk));
    // What was written while the last two checkpoints were, which is more than was to be kept.
    assert!((2..=9).contains(&stay.len()) && archived.len() > 40, "{archived:?} left, {stay:?} stay");
    assert!(archived.iter().chain(&stay).is_sorted(), "{archived:?} then {stay:?}");

    let (report, held) = opened(&disk, &mut clock).unwrap();
    assert_eq!(report.begins_behind, behind);
    assert!(report.checkpoint_position > behind);
    // As a store that has kept all of it.
    let (kept, mut clock) = sold(tiny(DurabilityPath::Dsync), 1_000);
    assert_eq!(opened(&kept, &mut clock).unwrap().1, held);
}

#[test]
fn without_the_archive_nobody_claims_to_have_read_all() {
    let (disk, _) = sold(archived(3 * SEGMENT_BYTES, 0), 1_000);
    let Reading { summary, damage } = reader::read(&disk, u64::MAX, |_| panic!("nothing is read"));
    let first = format!("{:016}.journal", numbers(&disk)[0]);
    match damage {
        Some(Damage::BeginsLater { file, behind }) => assert!(file == first && behind > 500, "{behind}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(summary.facts, 0);
    // What is there has the positions that it always had.
    let mut next = None;
    reader::read_what_is_there(&disk, u64::MAX, |record| {
        assert!(next.is_none_or(|next| next == record.position));
        next = Some(record.position + 1);
    });
    let all = facts_of(&joined(&disk)).summary.facts;
    assert_eq!(next, Some(all + 1));
}

#[test]
fn a_segment_that_is_missing_in_the_archive_shows() {
    let (disk, _) = sold(archived(2 * SEGMENT_BYTES, 0), 1_000);
    let archive = disk.archived();
    let archived = numbers(&archive);
    for missing in [archived[0], archived[1], archived[archived.len() - 1]] {
        let name = format!("{missing:016}.journal");
        let mut bytes = vec![0; SEGMENT_BYTES as usize];
        archive.read_at(&name, 0, &mut bytes).unwrap();
        archive.remove(&name).unwrap();
        let damage = facts_of(&joined(&disk)).damage.expect("one is missing");
        match missing == archived[0] {
            true => assert!(matches!(damage, Damage::BeginsLater { .. }), "{damage}"),
            false => assert!(matches!(damage, Damage::Middle { .. }), "{damage}"),
        }
        archive.bring_back(&name, &bytes);
    }
    assert!(facts_of(&joined(&disk)).damage.is_none());
}

#[test]
fn either_of_the_two_newest_checkpoints_is_enough_and_without_both_it_says_what_is_missing() {
    let (disk, mut clock) = sold(archived(2 * SEGMENT_BYTES, 0), 1_000);
    let (report, held) = opened(&disk, &mut clock).unwrap();
    let checkpoints = || disk.content().into_keys().filter(|name| name.ends_with(".checkpoint"));
    assert_eq!(checkpoints().count(), 2);
    // A bit of the newest turns over: it is refused, and taken away by somebody who reads why.
    let newest = checkpoints().next_back().unwrap();
    disk.flip(&newest, 5_000, 0);
    let refused = opened(&disk, &mut clock).unwrap_err();
    assert!(refused.to_string().contains(&newest), "{refused}");
    disk.next_process().remove(&newest).unwrap();
    let (with_older, held_by_older) = opened(&disk, &mut clock).unwrap();
    assert!((1..report.checkpoint_position).contains(&with_older.checkpoint_position));
    assert_eq!(held_by_older, held);

    let next = disk.next_process();
    checkpoints().for_each(|name| next.remove(&name).unwrap());
    let before = disk.content();
    let refused = opened(&disk, &mut clock).unwrap_err();
    let first = format!("{:016}.journal", numbers(&disk.seen_from_outside())[0]);
    assert!(matches!(&refused, OpenError::NoBeginning { file, .. } if *file == first), "{refused}");
    assert!(refused.to_string().contains("copy all segments before it back from the archive"));
    assert!(before == disk.content(), "a refused folder is left as it is");
    // Which helps.
    let archive = disk.archived();
    for (name, bytes) in archive.content() {
        disk.bring_back(&name, &bytes);
    }
    let (report, held_by_journal) = opened(&disk, &mut clock).unwrap();
    assert_eq!((report.checkpoint_position, report.begins_behind), (0, 0));
    assert_eq!(held_by_journal, held);
}

#[test]
fn segments_that_are_deleted_are_gone_and_the_rest_goes_on() {
    let retention = Retention { bytes: 2 * SEGMENT_BYTES, seconds: 0, expiry: Expiry::Delete };
    let (disk, mut clock) = sold(Config { retention, ..tiny(DurabilityPath::Dsync) }, 1_000);
    assert_eq!(disk.archived().files() - disk.content().len(), 0, "nothing is anywhere else");
    let (report, held) = opened(&disk, &mut clock).unwrap();
    assert!(report.begins_behind > 500);
    let (kept, mut clock) = sold(tiny(DurabilityPath::Dsync), 1_000);
    assert_eq!(opened(&kept, &mut clock).unwrap().1, held);
}

#[test]
fn a_segment_stays_for_as_long_as_it_should_though_nobody_orders_any_more() {
    let kept_seconds = 600;
    let disk = MemDisk::new(3).next_process();
    let mut life = Life::open(&disk, archived(0, kept_seconds), 0).unwrap();
    life.set_up_shop(1_000_000);
    sell(&mut life, 0..600);
    assert!(numbers(&disk.archived()).is_empty(), "all of it is young");
    // Nobody asks for anything.
    let before = numbers(&disk).len();
    for _ in 0..11 {
        life.turn(61_000_000).unwrap();
    }
    let archived = numbers(&disk.archived()).len();
    assert!(archived > 2, "{archived} of {before} left");
    assert!(numbers(&disk).len() >= 2, "those that an opening needs stay");
    assert!(life.store.stats().begins_behind > 0);
}

#[test]
fn a_subscriber_who_is_behind_hears_where_the_journal_begins_and_holds_nothing_back() {
    let disk = MemDisk::new(3).next_process();
    let mut life = Life::open(&disk, archived(2 * SEGMENT_BYTES, 0), 0).unwrap();
    life.set_up_shop(1_000_000);
    sell(&mut life, 0..4);
    let mut follower = Follower::new(disk.clone());
    let mut slow = follower.seek(0).unwrap();
    let first = orders_of(&disk)[0];
    assert!(follower.next(&mut slow, 0, u64::MAX, |_| ()).unwrap());
    sell(&mut life, 4..1_000);
    let (behind, durable) = (life.store.stats().begins_behind, life.store.stats().durable_position);
    assert!(behind > 500);
    let gone = |read: Result<(), Unreadable>| match read {
        Err(Unreadable::Gone { oldest }) => oldest,
        other => panic!("{other:?}"),
    };
    // What it has read ahead of them it still gives; then it says what it cannot give.
    let mut heard = slow.next_fact() - 1;
    let why = loop {
        let more = follower.next(&mut slow, 0, durable, |record| {
            assert_eq!(record.position, heard + 1, "a gap that nobody hears of");
            heard = record.position;
        });
        match more {
            Ok(more) => assert!(more && heard < behind, "it goes on behind {heard}"),
            Err(why) => break why,
        }
    };
    assert_eq!(gone(Err(why)), behind);
    assert_eq!(gone(follower.seek(behind - 1).map(drop)), behind);
    assert_eq!(follower.seek(behind).unwrap().next_fact(), behind + 1);
    // The fact that made the order is gone, too.
    assert_eq!(gone(follower.seek_order(first, durable).map(drop)), behind);
    assert!(Follower::new(disk.archived()).seek_order(first, durable).unwrap().next_fact() <= 10);
}

#[test]
fn whatever_crash_cuts_into_a_leaving_all_facts_are_there_once() {
    let (mut both, mut left) = (0, 0);
    with_seeds(&[1], 60, |seed| {
        let mut rng = Rng::with_seed(seed);
        let mut disk = MemDisk::new(rng.u64(..));
        let mut clock = 0;
        let mut acknowledged = 0;
        for run in 0..4 {
            disk = disk.next_process();
            clock += 1_000_000;
            let mut life = match Life::open(&disk, archived(2 * SEGMENT_BYTES, 0), clock) {
                Ok(life) => life,
                Err(refused) => panic!("{refused}"),
            };
            if run == 0 {
                life.set_up_shop(1_000_000);
            }
            disk.stop_in(rng.u64(500..4_000));
            for n in 0..600 {
                let micros = life.micros;
                submit(&mut life.store, &[create(1 + n % 30, request_id(micros, n), &[5; 700])]);
                if life.turn(500).is_err() || disk.is_stopped() {
                    break;
                }
                for answer in take_answers(&mut life.store) {
                    acknowledged = acknowledged.max(answer.position);
                }
            }
            clock = life.micros;
            drop(life.store);
            disk.end(if rng.bool() { End::Kill } else { End::PowerCut }, life.hot);
            disk = disk.next_process();
            let read = facts_of(&joined(&disk));
            assert!(read.damage.is_none(), "{:?}", read.damage);
            assert!(read.summary.facts >= acknowledged, "{} of {acknowledged}", read.summary.facts);
            let (here, there) = (numbers(&disk), numbers(&disk.archived()));
            both += u32::from(there.last().is_some_and(|last| here.contains(last)));
            left += there.len();
        }
    });
    assert!(left > 100 && both > 0, "{left} segments left, {both} crashes between copying and removing");
}

#[test]
fn an_archive_that_cannot_take_a_segment_keeps_it_where_it_is() {
    // Another life of the store was archived there before: what it calls the same is something else.
    let disk = MemDisk::new(3).next_process();
    disk.archived().bring_back("0000000000000001.spare", &[1; 4_096]);
    let config = archived(2 * SEGMENT_BYTES, 0);
    let mut life = Life::open(&disk, config, 0).unwrap();
    life.set_up_shop(1_000_000);
    sell(&mut life, 0..10);
    let mut other = vec![0; SEGMENT_BYTES as usize];
    disk.read_at("0000000000000001.journal", 0, &mut other).unwrap();
    other[SEGMENT_BYTES as usize / 2] ^= 1;
    disk.archived().bring_back("0000000000000001.journal", &other);
    sell(&mut life, 10..600);
    assert_eq!(numbers(&disk)[0], 1);
    assert!(facts_of(&disk).damage.is_none());
    disk.archived().remove("0000000000000001.journal").unwrap();
    sell(&mut life, 600..900);
    assert!(numbers(&disk)[0] > 1, "as soon as it can, it goes");
    assert!(facts_of(&joined(&disk)).damage.is_none());
}

#[test]
fn an_archive_in_the_data_folder_of_another_store_or_in_use_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let open_at = |data: &str, archive: PathBuf| {
        let config = Config {
            ledger: LedgerBounds { ..common::small_bounds() },
            ..archived_to(archive, 2 * SEGMENT_BYTES)
        };
        let disk = FileDisk::make(&root.path().join(data)).unwrap();
        open(Arc::new(disk), config, ClockReading::now(), &mut |_| ())
    };
    let refused = |data: &str, archive: PathBuf, why: &str| {
        let refused = open_at(data, archive).unwrap_err().to_string();
        assert!(refused.contains(why) && refused.contains("archive_dir"), "{refused}");
    };
    refused("one", root.path().join("one/archive"), "it lies in the data folder");
    refused("one", root.path().join("one"), "it lies in the data folder");
    assert_eq!(std::fs::read_dir(root.path().join("one")).unwrap().count(), 0, "nothing was made");
    let opened = open_at("one", root.path().join("archive")).unwrap();
    refused("two", root.path().join("archive"), "another process uses it");
    drop(opened);
    std::fs::copy(
        root.path().join("one/0000000000000001.journal"),
        root.path().join("archive/0000000000000001.journal"),
    )
    .unwrap();
    refused("two", root.path().join("archive"), "segments of another store");
}

#[test]
fn in_a_folder_of_files_a_segment_that_somebody_reads_stays() {
    let root = tempfile::tempdir().unwrap();
    let (data, archive) = (root.path().join("data"), root.path().join("archive"));
    let disk = FileDisk::make(&data).unwrap();
    let config = archived_to(archive.clone(), 2 * SEGMENT_BYTES);
    let now = ClockReading::now();
    let mut store =
        open(Arc::new(disk), config, now, &mut |_| ()).unwrap().fused_inline::<BlockingFiles>().unwrap();
    let mut files = BlockingFiles::default();
    let base = now.wall.0 - common::START;
    submit(&mut store, &[common::sku_put(base), common::stock(base, 1_000_000)]);
    let mut sell = |users: std::ops::Range<u64>| {
        for user in users {
            submit(&mut store, &[create(user, request_id(base, user), &[5; 700])]);
            for _ in 0..4 {
                store.turn(ClockReading::now(), &mut files).unwrap();
            }
            take_answers(&mut store);
        }
    };
    sell(1..10);
    let held = FileDisk::at(&data).hold("0000000000000001.journal").unwrap().unwrap();
    sell(10..900);
    assert_eq!(numbers(&FileDisk::at(&data))[0], 1);
    drop(held);
    sell(900..1_800);
    let (here, there) = (FileDisk::at(&data), FileDisk::at(&archive));
    assert!(numbers(&here)[0] > 1);
    assert_eq!(numbers(&there)[0], 1);
    assert!(facts_of(&Joined::new(here, Some(there))).damage.is_none());
}

/// A shop with tiny segments, which go to the archive beyond so many bytes or seconds.
fn archived(bytes: u64, seconds: u32) -> Config {
    let retention = Retention { bytes, seconds, expiry: Expiry::Archive("archive".into()) };
    Config { retention, ..tiny(DurabilityPath::Dsync) }
}

fn archived_to(place: PathBuf, bytes: u64) -> Config {
    let retention = Retention { bytes, seconds: 0, expiry: Expiry::Archive(place) };
    Config { retention, ..tiny(DurabilityPath::Fsync) }
}

/// A store that has sold so much, always the same, and was left in peace.
fn sold(config: Config, orders: u64) -> (MemDisk, i64) {
    let disk = MemDisk::new(3).next_process();
    let mut life = Life::open(&disk, config, 0).unwrap();
    life.set_up_shop(1_000_000);
    sell(&mut life, 0..orders);
    let clock = life.micros;
    drop(life.store);
    disk.end(End::Kill, life.hot);
    (disk, clock)
}

fn sell(life: &mut Life, orders: std::ops::Range<u64>) {
    for user in orders {
        submit(&mut life.store, &[create(1 + user, request_id(0, user), &[5; 700])]);
        life.turn(500).unwrap();
        take_answers(&mut life.store);
    }
    life.settle();
}

fn joined(disk: &MemDisk) -> Joined<MemDisk, MemDisk> {
    Joined::new(disk.clone(), Some(disk.archived()))
}

fn facts_of(disk: &impl ReadDisk) -> Reading {
    reader::read(disk, u64::MAX, |_| ())
}

fn orders_of(disk: &MemDisk) -> Vec<OrderId> {
    common::orders(disk)
}

fn numbers(disk: &impl ReadDisk) -> Vec<u64> {
    let names = disk.list().unwrap();
    let mut numbers: Vec<u64> = names
        .iter()
        .filter_map(|name| Path::new(name.strip_suffix(".journal")?).to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// What an opening found, and what the ledger then holds. It changes no fact.
fn opened(disk: &MemDisk, clock: &mut i64) -> Result<(storage::embedded::OpenReport, Verdict), OpenError> {
    *clock += 1_000_000;
    look(disk, clock, Config { checkpoint_bytes: 0, ..tiny(DurabilityPath::Dsync) })
}
