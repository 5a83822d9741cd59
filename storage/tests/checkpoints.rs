//! Checkpoints: an opening that begins with one knows what an opening that reads everything knows, whatever happened
//! while it was written; and a damaged one is never believed.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

mod common;

use common::mem_disk::{End, MemDisk};
use common::{
    Life, cancel, create, look, request_id, submit, take_answers, tiny, tiny_without_checkpoints, with_seeds,
};
use domain::{Intent, OrderId, Verdict};
use fastrand::Rng;
use storage::embedded::disk::{Disk, DurabilityPath};
use storage::embedded::{Config, Damage, OpenError, OpenReport, Progress};
use storage::{NotDecided, Store};

#[test]
fn an_opening_with_a_checkpoint_knows_what_one_without_it_knows() {
    let mut with_checkpoint = 0;
    with_seeds(&[1], 60, |seed| {
        let mut rng = Rng::with_seed(seed);
        let mut disk = MemDisk::new(rng.u64(..));
        let mut clock = 0;
        for run in 0..4 {
            disk = sold(&disk, &mut clock, run == 0, &mut rng);
            let (report, holdings) = opened(&disk, &mut clock);
            with_checkpoint += u32::from(report.checkpoint_position > 0);
            for (name, _) in disk.content() {
                if name.ends_with(".checkpoint") {
                    let disk = disk.next_process();
                    disk.remove(&name).unwrap();
                    disk.sync_folder().unwrap();
                }
            }
            let (report, all) = opened(&disk, &mut clock);
            assert_eq!(report.checkpoint_position, 0);
            assert_eq!(holdings, all, "run {run}");
        }
    });
    assert!(with_checkpoint > 60, "only {with_checkpoint} openings began with a checkpoint");
}

#[test]
fn an_opening_reads_the_checkpoint_and_the_journal_behind_it() {
    let mut clock = 0;
    let disk = sold(&MemDisk::new(1), &mut clock, true, &mut Rng::with_seed(7));
    let (report, _) = opened(&disk, &mut clock);
    let position = report.checkpoint_position;
    assert!(position > 20 && report.replayed.facts < position, "{report:?}");
    let checkpoints = disk.content().into_keys().filter(|name| name.ends_with(".checkpoint")).count();
    assert_eq!(checkpoints, 2, "the newest, and the one that stands in for it");
}

#[test]
fn a_segment_before_the_checkpoint_is_not_read() {
    let mut clock = 0;
    let disk = sold(&MemDisk::new(1), &mut clock, true, &mut Rng::with_seed(7));
    let (_, holdings) = opened(&disk, &mut clock);
    disk.flip("0000000000000001.journal", 5_000, 3);
    assert_eq!(opened(&disk, &mut clock).1, holdings);
}

#[test]
fn a_checkpoint_whose_journal_is_gone_is_refused() {
    let mut clock = 0;
    let disk = sold(&MemDisk::new(1), &mut clock, true, &mut Rng::with_seed(7));
    let journals = || disk.content().into_keys().filter(|name| name.ends_with(".journal"));
    let next = disk.next_process();
    for name in journals() {
        next.remove(&name).unwrap();
        match Life::open(&next, tiny(DurabilityPath::Dsync), clock) {
            Err(OpenError::Damaged { damage: Damage::NotBehind { .. }, .. }) => break,
            Err(OpenError::Damaged { damage: Damage::Middle { .. }, .. }) => (),
            Err(other) => panic!("{name}: {other}"),
            Ok(_) => (), // It stood before the checkpoint.
        }
        assert!(journals().next().is_some(), "all of the journal is gone, and nobody minds");
    }
}

#[test]
fn a_full_disk_takes_the_checkpoint_and_leaves_the_service() {
    let disk = MemDisk::new(1).next_process();
    let mut life = Life::open(&disk, tiny(DurabilityPath::Dsync), 0).unwrap();
    life.set_up_shop(1_000_000);
    // The segment that is there goes on; for a checkpoint there is no room.
    let used: usize = disk.content().values().map(Vec::len).sum();
    disk.hold_at_most(used + (6 << 10));
    let mut answered = 0;
    for n in 0..120 {
        let micros = life.micros;
        let verdict = life.ask(create(n + 1, request_id(micros, n), &[7; 600])).outcome;
        answered += u64::from(matches!(verdict, Ok(Verdict::Order(_))));
    }
    assert!(answered > 5, "{answered} orders");
    let other = disk.content().into_keys().find(|name| !name.ends_with(".journal"));
    assert_eq!(other, None, "half a checkpoint takes no room");
    disk.hold_at_most(usize::MAX);
    for n in 200..300 {
        let micros = life.micros;
        life.ask(create(n + 1, request_id(micros, n), &[7; 600])).outcome.unwrap();
    }
    assert!(disk.content().into_keys().any(|name| name.ends_with(".checkpoint")), "it is tried again");
}

#[test]
fn orders_wait_for_a_checkpoint_that_lags_too_far_and_nothing_else_does() {
    const MAX: u64 = 48 << 10;
    let config = Config { checkpoint_lag_bytes_max: MAX, ..tiny(DurabilityPath::Dsync) };
    let disk = MemDisk::new(1).next_process();
    let mut life = Life::open(&disk, config.clone(), 0).unwrap();
    life.set_up_shop(1_000_000);
    // The segment that is there goes on; for a checkpoint there is no room.
    let used: usize = disk.content().values().map(Vec::len).sum();
    disk.hold_at_most(used + (2 << 10));
    let mut orders = Vec::new();
    let overloaded = (1..).find_map(|n| {
        let request = request_id(life.micros, n);
        match life.ask(create(n, request, &[7; 600])).outcome {
            Ok(verdict) => {
                let Verdict::Order(brief) = verdict else { panic!("{verdict:?}") };
                orders.push((n, brief.order));
                None
            }
            Err(why) => Some(why),
        }
    });
    assert_eq!(overloaded, Some(NotDecided::Overloaded { retry_after_ms: 1_000 }));
    let stats = life.store.stats();
    assert!((MAX..MAX + (16 << 10)).contains(&stats.checkpoint_lag_bytes), "{stats:?}");
    assert_eq!(stats.checkpoint_lag_facts, stats.last_position);
    assert_eq!(stats.checkpoint_lag_bytes_max, MAX);

    // What frees units goes on, and so do operators and reads.
    let (user, order) = orders[0];
    let request = request_id(life.micros, 1 << 40);
    assert!(matches!(life.ask(cancel(user, request, order)).outcome, Ok(Verdict::Order(_))));
    assert!(life.ask(common::stock(life.micros + 5_000, 5)).outcome.is_ok());
    assert!(life.ask(Intent::Holdings).outcome.is_ok());

    // With room, and without a single new fact, one is taken: within seconds, and the engine asks for these turns.
    disk.hold_at_most(usize::MAX);
    let facts = life.store.stats().last_position;
    let until = life.micros + 3_000_000;
    while life.store.stats().checkpoint_lag_bytes > 0 {
        assert!(life.micros < until, "no checkpoint was taken");
        match life.turn(0).unwrap() {
            Progress::Again => (),
            Progress::Within(span) => assert!(life.turn(span.0.min(100_000)).is_ok()),
            Progress::Idle => panic!("nobody looks after the checkpoint any more"),
        }
    }
    assert_eq!(life.store.stats().last_position, facts);
    let request = request_id(life.micros, 2 << 40);
    assert!(life.ask(create(9_999, request, b"")).outcome.is_ok(), "it has caught up");
}

#[test]
fn an_opening_far_behind_takes_one_as_soon_as_it_can() {
    let disk = MemDisk::new(1).next_process();
    let mut life = Life::open(&disk, tiny_without_checkpoints(DurabilityPath::Dsync), 0).unwrap();
    life.set_up_shop(1_000_000);
    for n in 1..60 {
        let request = request_id(life.micros, n);
        life.ask(create(n, request, &[7; 600])).outcome.unwrap();
    }
    let clock = life.micros + 1_000;
    drop(life.store);
    disk.end(End::Kill, life.hot);
    let config = Config { checkpoint_lag_bytes_max: 48 << 10, ..tiny(DurabilityPath::Dsync) };
    let mut life = Life::open(&disk.next_process(), config, clock).unwrap();
    life.turn(0).unwrap();
    assert!(life.store.stats().checkpoint_lag_bytes > 48 << 10, "{:?}", life.store.stats());
    // It stands behind a group of its own run, so the first order makes it possible; the next ones may have to wait.
    let request = request_id(life.micros, 1 << 40);
    assert!(life.ask(create(1, request, b"")).outcome.is_ok());
    for _ in 0..100 {
        life.turn(1_000).unwrap();
    }
    assert!(life.store.stats().checkpoint_lag_bytes < 48 << 10, "{:?}", life.store.stats());
    let request = request_id(life.micros, 2 << 40);
    assert!(life.ask(create(1, request, b"")).outcome.is_ok());
}

#[test]
fn none_is_taken_where_none_is_wanted() {
    let disk = MemDisk::new(1).next_process();
    let mut life = Life::open(&disk, tiny_without_checkpoints(DurabilityPath::Dsync), 0).unwrap();
    life.set_up_shop(1_000_000);
    for n in 0..200 {
        let micros = life.micros;
        life.ask(create(n + 1, request_id(micros, n), &[7; 600])).outcome.unwrap();
    }
    let other = disk.content().into_keys().find(|name| !name.ends_with(".journal"));
    assert_eq!(other, None);
}

/// One process that sells, in batches of all sizes and with turns of all lengths, and is killed.
fn sold(disk: &MemDisk, clock: &mut i64, is_first: bool, rng: &mut Rng) -> MemDisk {
    let disk = disk.next_process();
    *clock += 1_000_000;
    let path = if rng.bool() { DurabilityPath::Dsync } else { DurabilityPath::Fsync };
    let mut life = Life::open(&disk, tiny(path), *clock).unwrap();
    if is_first {
        life.set_up_shop(1_000_000);
    }
    let mut orders: Vec<(u64, OrderId)> = Vec::new();
    for n in 0..rng.u64(40..200) {
        let micros = life.micros;
        let user = rng.u64(1..20);
        let bytes = [5; 700];
        let order = create(user, request_id(micros, n), &bytes[..rng.usize(..700)]);
        let ended =
            rng.choice(&orders).map(|&(user, order)| cancel(user, request_id(micros, n | 1 << 40), order));
        submit(&mut life.store, &[Some(order), ended].into_iter().flatten().collect::<Vec<_>>());
        for _ in 0..rng.u8(1..9) {
            life.turn(rng.i64(1..3_000)).unwrap();
        }
        for answer in take_answers(&mut life.store) {
            if let Ok(Verdict::Order(brief)) = answer.outcome {
                orders.push((brief.user.0, brief.order));
            }
        }
    }
    *clock = life.micros;
    drop(life.store);
    disk.end(if rng.bool() { End::Kill } else { End::PowerCut }, life.hot);
    disk
}

/// What an opening found, and what the ledger then holds. It changes no fact.
fn opened(disk: &MemDisk, clock: &mut i64) -> (OpenReport, Verdict) {
    *clock += 1_000;
    look(disk, clock, tiny_without_checkpoints(DurabilityPath::Dsync)).unwrap()
}
