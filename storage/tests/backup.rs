//! Copies of a folder that is written to: each opens, has all that was acknowledged before it was begun, and can be
//! gone on with.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

mod common;

use std::collections::BTreeSet;

use common::mem_disk::{End, MemDisk, MemHot};
use common::{Life, create, facts, request_id, submit, take_answers, tiny, with_seeds};
use domain::{Intent, Verdict};
use fastrand::Rng;
use storage::Store;
use storage::embedded::backup::{CopyError, copy};
use storage::embedded::disk::{Disk, DurabilityPath};
use storage::embedded::{Config, Expiry, Joined, Retention};

#[test]
fn a_copy_of_a_store_at_work_opens_and_has_what_was_acknowledged() {
    let (mut copies, mut with_checkpoint) = (0, 0);
    with_seeds(&[], 40, |seed| {
        let mut rng = Rng::with_seed(seed);
        let path = if rng.bool() { DurabilityPath::Dsync } else { DurabilityPath::Fsync };
        let disk = MemDisk::new(rng.u64(..)).next_process();
        let target = MemDisk::new(rng.u64(..));
        let mut life = Life::open(&disk, tiny(path), 0).unwrap();
        life.set_up_shop(1_000_000);
        let mut acknowledged = 0;
        for n in 0..300 {
            let (micros, bytes) = (life.micros, [5; 700]);
            submit(&mut life.store, &[create(n + 1, request_id(micros, n), &bytes[..rng.usize(..700)])]);
            for _ in 0..rng.u8(1..6) {
                life.turn(rng.i64(1..2_000)).unwrap();
            }
            acknowledged += take_answers(&mut life.store).len() as u64;
            if rng.u8(..60) == 0 {
                let to = target.next_process();
                let copied = copy(&disk, &to, u64::MAX).unwrap();
                with_checkpoint += u32::from(copied.has_new_checkpoint);
                to.end(if rng.bool() { End::Kill } else { End::PowerCut }, MemHot::new(&to));
                let seen = target.next_process();
                let (all, reading) = facts(&seen);
                assert!(reading.damage.is_none(), "{:?}", reading.damage);
                assert_eq!(all.len() as u64, copied.position);
                assert!(all[..] == facts(&disk).0[..all.len()], "a copy has what the store has");
                assert!(orders_of(&seen) >= acknowledged, "{acknowledged} were acknowledged");
                copies += 1;
            }
        }
    });
    assert!(copies > 100 && with_checkpoint > 20, "{copies} copies, {with_checkpoint} with a new checkpoint");
}

#[test]
fn a_copy_is_gone_on_with_and_brings_only_what_is_new() {
    let (disk, mut life) = sold(0..200);
    let target = MemDisk::new(2).next_process();
    let first = copy(&disk, &target, u64::MAX).unwrap();
    assert!(first.segments > 2 && first.segments_before == 0, "{first}");
    let again = copy(&disk, &target, u64::MAX).unwrap();
    assert_eq!((again.segments, again.segments_before), (1, first.segments - 1), "only the last one");
    sell(&mut life, 200..300);
    let later = copy(&disk, &target, u64::MAX).unwrap();
    assert!(later.position > first.position && later.segments_before == first.segments - 1, "{later}");
    assert_eq!(facts(&target).0, facts(&disk).0);
}

#[test]
fn a_restore_ends_at_the_position_that_is_asked_for() {
    let (disk, _life) = sold(0..200);
    let all = facts(&disk).0;
    let mut ends = BTreeSet::new();
    for through in [0, 2, 10, 57, all.len() as u64 / 2, all.len() as u64, u64::MAX] {
        let target = MemDisk::new(2).next_process();
        let copied = copy(&disk, &target, through).unwrap();
        assert!(copied.position <= through);
        assert_eq!(facts(&target).0, all[..copied.position as usize]);
        opens(&target, copied.position);
        ends.insert(copied.position);
    }
    assert!(ends.len() >= 4, "{ends:?}");
}

#[test]
fn a_copy_goes_on_though_segments_left_and_a_first_one_needs_the_archive() {
    let retention = Retention { bytes: 512 << 10, seconds: 0, expiry: Expiry::Archive("archive".into()) };
    let disk = MemDisk::new(1).next_process();
    let mut life = Life::open(&disk, Config { retention, ..tiny(DurabilityPath::Dsync) }, 0).unwrap();
    life.set_up_shop(1_000_000);
    let (target, late) = (MemDisk::new(2).next_process(), MemDisk::new(5).next_process());
    for round in 0..50 {
        sell(&mut life, round * 10..round * 10 + 10);
        let copied = copy(&disk, &target, u64::MAX).unwrap();
        assert!(round == 0 || copied.segments_before > 0, "{copied}");
        if round == 0 {
            copy(&disk, &late, u64::MAX).unwrap();
        }
    }
    assert!(life.store.stats().begins_behind > 300);
    let all = Joined::new(disk.clone(), Some(disk.archived()));
    assert_eq!(facts(&target).0, facts(&all).0);
    let first = copy(&all, &MemDisk::new(3).next_process(), u64::MAX).unwrap();
    assert_eq!(first.position, facts(&all).0.len() as u64);
    let refused = copy(&disk, &MemDisk::new(4).next_process(), u64::MAX).unwrap_err();
    assert!(matches!(refused, CopyError::NoBeginning { .. }), "{refused}");
    // One that was left alone for so long that what came behind it has left as well.
    let before = late.content();
    let refused = copy(&disk, &late, u64::MAX).unwrap_err();
    assert!(matches!(refused, CopyError::NoBeginning { .. }), "{refused}");
    assert_eq!(late.content(), before);
    assert_eq!(copy(&all, &late, u64::MAX).unwrap().position, first.position);
    assert_eq!(facts(&late).0, facts(&target).0);
}

#[test]
fn a_copy_of_another_life_is_left_as_it_is() {
    let (disk, life) = sold(0..60);
    drop(life);
    // Two stores go on from one copy, and a backup with the first of them.
    let go_on = |config: Config, micros, orders| {
        let one = MemDisk::new(9).next_process();
        copy(&disk, &one, 50).unwrap();
        let mut life = Life::open(&one, config, micros).unwrap();
        sell(&mut life, orders);
        (one, life)
    };
    let (first, _life) = go_on(tiny(DurabilityPath::Dsync), 200_000_000, 5_000..5_400);
    let retention = Retention { bytes: 128 << 10, seconds: 0, expiry: Expiry::Delete };
    let (second, life) =
        go_on(Config { retention, ..tiny(DurabilityPath::Dsync) }, 100_000_000, 1_000..1_300);
    assert!(life.store.stats().begins_behind > 0);
    let target = MemDisk::new(2).next_process();
    copy(&first, &target, u64::MAX).unwrap();
    let before = target.content();
    let refused = copy(&second, &target, u64::MAX).unwrap_err();
    assert!(matches!(refused, CopyError::Taken { .. }), "{refused}");
    assert_eq!(target.content(), before);
}

#[test]
fn another_store_and_other_files_are_left_as_they_are() {
    let (disk, _life) = sold(0..10);
    let (other, _other_life) = sold_by(2, 0..10);
    let before = other.content();
    let error = copy(&disk, &other, u64::MAX).unwrap_err();
    assert!(matches!(error, CopyError::Taken { .. }), "{error}");
    assert_eq!(other.content(), before);

    let full = MemDisk::new(3).next_process();
    full.create("thesis.tex", 4_096).unwrap();
    let error = copy(&disk, &full, u64::MAX).unwrap_err();
    assert!(error.to_string().contains("thesis.tex"), "{error}");
    let nothing = MemDisk::new(3).next_process();
    let error = copy(&nothing, &MemDisk::new(4).next_process(), u64::MAX).unwrap_err();
    assert!(matches!(error, CopyError::Nothing { .. }), "{error}");
}

fn sold(orders: std::ops::Range<u64>) -> (MemDisk, Life) {
    sold_by(1, orders)
}

/// The seed of the disk names the store, too.
fn sold_by(seed: u64, orders: std::ops::Range<u64>) -> (MemDisk, Life) {
    let disk = MemDisk::new(seed).next_process();
    let mut life = Life::open(&disk, tiny(DurabilityPath::Dsync), 0).unwrap();
    life.set_up_shop(1_000_000);
    sell(&mut life, orders);
    (disk, life)
}

fn sell(life: &mut Life, orders: std::ops::Range<u64>) {
    for n in orders {
        let micros = life.micros;
        life.ask(create(n + 1, request_id(micros, n), &[7; 600])).outcome.unwrap();
    }
}

fn orders_of(disk: &MemDisk) -> u64 {
    common::orders(disk).len() as u64
}

/// A store opens with it, and holds what its facts say.
fn opens(disk: &MemDisk, position: u64) {
    let disk = disk.next_process();
    let orders = orders_of(&disk);
    let mut life = Life::open(&disk, tiny(DurabilityPath::Dsync), 100_000_000).unwrap();
    assert!(matches!(life.ask(Intent::Holdings).outcome, Ok(Verdict::Holdings(_))));
    assert_eq!((life.store.stats().last_position, life.store.stats().orders), (position, orders));
    drop(life.store);
    disk.end(End::Kill, life.hot);
}
