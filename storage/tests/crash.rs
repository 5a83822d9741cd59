//! A crash at any moment, whatever the disk does with what was not synced: what was acknowledged is there
//! afterwards, nothing is half there, and what was there once stays.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

mod common;

use common::mem_disk::{End, MemDisk, MemHot};
use common::{
    Life, cancel, create, facts, orders, request_id, submit, take_answers, tiny, tiny_without_checkpoints,
    with_seeds,
};
use domain::{OrderId, RequestId, Verdict};
use fastrand::Rng;
use storage::embedded::disk::DurabilityPath;
use storage::embedded::{Damage, OpenError, reader};
use storage::{Answer, Store};

/// What the outside knows.
#[derive(Debug, Default)]
struct Known {
    /// Requests that were answered with an order.
    acknowledged: Vec<(u64, RequestId, OrderId)>,
    /// All facts at the last opening: they were there, so they stay.
    facts: Vec<String>,
    asked: u64,
    micros: i64,
}

#[test]
fn acknowledged_orders_survive_any_crash_on_both_paths() {
    let mut acknowledged = 0;
    with_seeds(&[1, 2, 3], 100, |seed| {
        let mut rng = Rng::with_seed(seed);
        let path = if rng.bool() { DurabilityPath::Dsync } else { DurabilityPath::Fsync };
        let mut disk = MemDisk::new(rng.u64(..));
        let mut known = Known::default();
        for _ in 0..6 {
            disk = live_and_die(disk, path, &mut known, &mut rng);
        }
        disk = reopen(disk, path, &mut known, &mut rng);
        let before = facts(&disk).0;
        disk = reopen(disk, path, &mut known, &mut rng);
        assert_eq!(facts(&disk).0, before, "an opening changes no fact");
        acknowledged += known.acknowledged.len();
    });
    assert!(acknowledged > 0, "the runs did sell something");
}

/// One process: opens, checks, sells, and ends in the middle of something.
fn live_and_die(disk: MemDisk, path: DurabilityPath, known: &mut Known, rng: &mut Rng) -> MemDisk {
    let disk = disk.next_process();
    if rng.u8(..4) == 0 {
        disk.stop_in(rng.u64(..60)); // Somewhere in the opening, most likely.
    }
    let how = if rng.bool() { End::Kill } else { End::PowerCut };
    known.micros += 1_000_000;
    let life = match Life::open(&disk, tiny(path), known.micros) {
        Ok(life) => life,
        Err(error) => {
            assert!(disk.is_stopped(), "refused to open: {error}");
            disk.end(how, MemHot::new(&disk));
            return disk;
        }
    };
    let mut life = life;
    if !disk.is_stopped() {
        disk.go_on();
        check(&disk, known);
        if known.facts.is_empty() {
            life.set_up_shop(1_000_000);
        }
        disk.stop_in(rng.u64(1..150));
        sell(&mut life, known, rng);
    }
    known.micros = life.micros;
    drop(life.store);
    disk.end(how, life.hot);
    disk
}

/// Orders and cancels in batches of all sizes, until the disk stops.
fn sell(life: &mut Life, known: &mut Known, rng: &mut Rng) {
    while !life.disk.is_stopped() {
        let asked: Vec<_> =
            (0..rng.u64(1..6)).map(|n| (known.asked + n, request_id(life.micros, known.asked + n))).collect();
        known.asked += asked.len() as u64;
        let client_bytes = [0xAB; 300];
        let bytes = &client_bytes[..rng.usize(..300)];
        let mut intents: Vec<_> =
            asked.iter().map(|&(user, request)| create(user + 1, request, bytes)).collect();
        if let Some(&(user, _, order)) = known.acknowledged.last() {
            intents.push(cancel(user, request_id(life.micros, known.asked | 1 << 40), order));
        }
        submit(&mut life.store, &intents);
        let mut answers = Vec::new();
        for _ in 0..rng.u8(..12) {
            let Ok(_) = life.turn(rng.i64(1..3_000)) else { return };
            answers.extend(take_answers(&mut life.store));
        }
        // What was answered after the disk stopped was durable before: it counts all the same.
        for Answer { outcome, .. } in answers {
            if let Ok(Verdict::Order(brief)) = outcome
                && brief.version == 1
            {
                let request = request_of(life, brief.user.0);
                known.acknowledged.push((brief.user.0, request, brief.order));
            }
        }
        if life.store.stats().orders > 3_000 {
            return;
        }
    }
}

/// Users are asked once each, so a user names the request; only the order counts here.
fn request_of(life: &Life, user: u64) -> RequestId {
    request_id(life.micros, user - 1)
}

/// Everything acknowledged is there, and nothing that was there is gone.
fn check(disk: &MemDisk, known: &mut Known) {
    let (there, reading) = facts(disk);
    assert!(reading.damage.is_none(), "{:?}", reading.damage);
    assert!(there.len() >= known.facts.len() && there[..known.facts.len()] == known.facts, "a fact is gone");
    let orders = orders(disk);
    for (user, _, order) in &known.acknowledged {
        assert!(orders.contains(order), "order {order:?} of user {user} was acknowledged and is gone");
    }
    known.facts = there;
}

/// Opens without a crash on the way, checks, and is killed at once.
fn reopen(disk: MemDisk, path: DurabilityPath, known: &mut Known, _rng: &mut Rng) -> MemDisk {
    let disk = disk.next_process();
    known.micros += 1_000_000;
    let life = Life::open(&disk, tiny(path), known.micros).unwrap();
    check(&disk, known);
    drop(life.store);
    disk.end(End::Kill, life.hot);
    disk
}

#[test]
fn a_damaged_group_that_was_acknowledged_is_refused_and_nothing_is_changed() {
    with_seeds(&[], 60, |seed| {
        let mut rng = Rng::with_seed(seed);
        let (disk, groups) = sold_and_left(&mut rng);
        let with_facts: Vec<_> = groups.iter().filter(|it| it.header.facts > 0).collect();
        let hit = with_facts[rng.usize(..with_facts.len())];
        let byte = hit.place.offset as usize + rng.usize(..hit.header.bytes as usize);
        disk.flip(&hit.place.file, byte, rng.u8(..8));
        for _ in 0..2 {
            refuses(&disk, |damage| {
                let Damage::Middle { missing, group, .. } = damage else { panic!("{damage}") };
                assert_eq!((missing, *group), (&hit.place, hit.header.number()), "it says where");
            });
        }
    });
}

#[test]
fn a_damaged_segment_header_is_refused_and_nothing_is_changed() {
    with_seeds(&[], 30, |seed| {
        let mut rng = Rng::with_seed(seed);
        let (disk, groups) = sold_and_left(&mut rng);
        let hit = &groups[rng.usize(..groups.len())].place.file;
        disk.flip(hit, rng.usize(..96), rng.u8(..8));
        refuses(&disk, |damage| {
            let Damage::BadHeader { file } = damage else { panic!("{damage}") };
            assert_eq!(file, hit);
        });
    });
}

#[test]
fn a_missing_segment_is_refused() {
    let mut rng = Rng::with_seed(4);
    let (disk, groups) = sold_and_left(&mut rng);
    let files: std::collections::BTreeSet<_> = groups.iter().map(|it| it.place.file.clone()).collect();
    assert!(files.len() > 3, "the history rolled: {files:?}");
    let disk = disk.next_process();
    storage::embedded::disk::Disk::remove(&disk, files.iter().nth(1).unwrap()).unwrap();
    disk.end(End::Kill, MemHot::new(&disk));
    refuses(&disk, |damage| assert!(matches!(damage, Damage::Middle { .. }), "{damage}"));
}

#[test]
fn of_two_cuts_that_name_the_same_group_the_one_of_the_highest_run_is_followed() {
    let disk = MemDisk::new(1).next_process();
    let mut life = Life::open(&disk, tiny(DurabilityPath::Dsync), 0).unwrap();
    life.set_up_shop(10);
    disk.end(End::Kill, life.hot);

    // Run 2 cuts and ends before its first group; run 3 cuts behind the same group, takes the segment of run 2
    // away, and sells. Then the power goes, before the folder without that segment is durable.
    let disk = disk.next_process();
    let life = Life::open(&disk, tiny(DurabilityPath::Dsync), 1).unwrap();
    drop(life.store);
    disk.end(End::Kill, life.hot);
    let with_second_cut = disk.content();
    let disk = disk.next_process();
    let mut life = Life::open(&disk, tiny(DurabilityPath::Dsync), 2).unwrap();
    let sold = life.ask(create(1, request_id(2, 1), b"")).outcome;
    assert!(matches!(sold, Ok(Verdict::Order(_))), "{sold:?}");
    drop(life.store);
    disk.end(End::Kill, life.hot);
    let now = disk.content();
    for (name, bytes) in with_second_cut.iter().filter(|(name, _)| !now.contains_key(*name)) {
        if name.ends_with(".journal") {
            disk.bring_back(name, bytes);
        }
    }

    let disk = disk.next_process();
    let seen = reader::segments(&disk).unwrap().readable;
    let cuts: Vec<_> = seen.iter().filter_map(|it| it.cut_after.map(|after| (after, it.run))).collect();
    let [(0, 1), (after, 2), (same, 3)] = cuts[..] else { panic!("{cuts:?}") };
    assert_eq!(after, same, "both cuts name one group");
    assert_eq!(orders(&disk).len(), 1, "what run 3 sold is there");
    let mut life = Life::open(&disk, tiny(DurabilityPath::Dsync), 3).unwrap();
    life.settle();
    assert_eq!(life.store.stats().orders, 1);
}

/// A store that sold over a few openings and was left in good order, and its groups.
fn sold_and_left(rng: &mut Rng) -> (MemDisk, Vec<reader::GroupSeen>) {
    let path = if rng.bool() { DurabilityPath::Dsync } else { DurabilityPath::Fsync };
    let mut disk = MemDisk::new(rng.u64(..));
    let mut asked = 0;
    for run in 0..3 {
        disk = disk.next_process();
        let mut life = Life::open(&disk, tiny_without_checkpoints(path), run * 10_000_000).unwrap();
        if run == 0 {
            life.set_up_shop(1_000_000);
        }
        for _ in 0..20 {
            let micros = life.micros;
            let intents: Vec<_> =
                (0..10).map(|n| create(asked + n + 1, request_id(micros, asked + n), &[1; 900])).collect();
            asked += 10;
            submit(&mut life.store, &intents);
            assert_eq!(life.settle().len(), 10);
        }
        life.store.engine().leave();
        life.settle();
        drop(life.store);
        disk.end(End::Kill, life.hot);
    }
    let mut groups = Vec::new();
    let disk = disk.next_process();
    let reading = reader::read_groups(&disk, |group| groups.push(group));
    assert!(reading.damage.is_none() && reading.summary.cuts == 3, "{reading:?}");
    (disk, groups)
}

/// Opening refuses with damage and leaves every byte as it is.
fn refuses(disk: &MemDisk, judge: impl Fn(&Damage)) {
    let disk = disk.next_process();
    let before = disk.content();
    match Life::open(&disk, tiny(DurabilityPath::Dsync), 100_000_000) {
        Err(OpenError::Damaged { damage, .. }) => judge(&damage),
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("it opened"),
    }
    assert_eq!(disk.content(), before, "nothing was changed");
    disk.end(End::Kill, MemHot::new(&disk));
}
