//! Real files: a folder that is ours, in use, foreign, damaged or written by a newer version; and the engine on a
//! thread of its own.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{create, request_id, sku_put, small_bounds, stock, take_answers};
use domain::{LedgerBounds, Verdict};
use storage::embedded::disk::DurabilityPath::{Dsync, Fsync};
use storage::embedded::{
    BlockingFiles, ClockReading, Config, Durability, FileDisk, FusedStore, OpenError, Progress, open, reader,
};
use storage::{Ring, Share, Store, Submitted, Ticket};

const EVERY_DURABILITY: [Durability; 3] =
    [Durability::Auto, Durability::Always(Dsync), Durability::Always(Fsync)];

fn config(durability: Durability) -> Config {
    let ledger = LedgerBounds {
        orders_max: 100_000,
        history_rows_max: 600_000,
        request_ids_max: 310_000,
        changes_max: 210_000,
        payments_max: 100_000,
        ..small_bounds()
    };
    Config { ledger, segment_bytes: 2 << 20, segments_ahead: 2, durability, ..Config::default() }
}

/// Nobody sleeps here who had to be woken.
struct Nobody;

impl Ring for Nobody {
    fn ring(&self) {}
}

fn open_folder(dir: &Path, config: Config) -> Result<FusedStore<BlockingFiles>, OpenError> {
    let disk = FileDisk::make(dir).unwrap();
    let opened = open(Arc::new(disk), config, ClockReading::now(), &mut |_| ())?;
    Ok(opened.fused(Arc::new(Nobody)).unwrap())
}

/// Runs the store until it has left, sealed.
fn leave(mut store: FusedStore<BlockingFiles>, files: &mut BlockingFiles) {
    store.engine().leave();
    while !store.engine().is_settled() {
        store.turn(ClockReading::now(), files).unwrap();
        take_answers(&mut store);
    }
}

fn now_micros() -> i64 {
    ClockReading::now().wall.0 - common::START
}

#[test]
fn orders_are_there_after_reopening_whatever_the_durability() {
    for durability in EVERY_DURABILITY {
        let dir = tempfile::tempdir().unwrap();
        let mut created = 0;
        for run in 1..=3 {
            let mut store = open_folder(dir.path(), config(durability)).unwrap();
            let mut files = BlockingFiles::default();
            assert_eq!(store.stats().last_position, store.stats().durable_position);
            if run == 1 {
                common::submit(&mut store, &[sku_put(now_micros()), stock(now_micros(), 1_000_000)]);
            }
            for _ in 0..20 {
                let mut batch = store.lend(Share::Any).unwrap();
                for n in 0..100 {
                    let request = request_id(now_micros(), created + n);
                    let intent = create(1, request, b"");
                    let ticket = Ticket(n);
                    batch
                        .push(&Submitted { ticket, envelope: Default::default(), deadline: None, intent })
                        .unwrap();
                }
                store.submit(batch);
                created += 100;
                store.turn(ClockReading::now(), &mut files).unwrap();
                for answer in take_answers(&mut store) {
                    assert!(!matches!(answer.outcome, Ok(Verdict::Refused(_)) | Err(_)), "{answer:?}");
                }
            }
            leave(store, &mut files);
            let reading = reader::read(&FileDisk::at(dir.path()), u64::MAX, |_| ());
            assert!(reading.damage.is_none(), "{:?}", reading.damage);
            assert_eq!(reading.summary.facts, 2 + 2 * created);
            assert_eq!(reading.summary.run, run);
            assert_eq!(reading.summary.tail.map(|tail| tail.stranded_groups), Some(0));
        }
    }
}

#[test]
fn a_folder_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_folder(dir.path(), config(EVERY_DURABILITY[1])).unwrap();
    let error = open_folder(dir.path(), config(EVERY_DURABILITY[1])).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    drop(store);
    assert!(open_folder(dir.path(), config(EVERY_DURABILITY[1])).is_ok(), "it goes with its holder");
}

#[test]
fn foreign_damaged_newer_and_missing_folders_are_refused_and_left_as_they_are() {
    let foreign = tempfile::tempdir().unwrap();
    std::fs::write(foreign.path().join("thesis.tex"), "mine").unwrap();
    let damaged = tempfile::tempdir().unwrap();
    std::fs::write(damaged.path().join("0000000000000001.journal"), vec![7; 8_192]).unwrap();
    let short = tempfile::tempdir().unwrap();
    std::fs::write(short.path().join("0000000000000001.journal"), b"TGSEGMNT").unwrap();

    let check = |dir: &Path, says: &str| {
        let list =
            || -> Vec<_> { std::fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name()).collect() };
        let before = list();
        let error = open_folder(dir, config(EVERY_DURABILITY[1])).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(!error.contains('\n'), "one sentence: {error}");
        assert_eq!(list(), before);
    };
    check(foreign.path(), "thesis.tex, which is not Tidegate's");
    check(damaged.path(), "the header of 0000000000000001.journal is damaged");
    check(short.path(), "the header of 0000000000000001.journal is damaged");

    let missing = FileDisk::at(Path::new("/nowhere/at/all"));
    let error =
        open(Arc::new(missing), config(EVERY_DURABILITY[1]), ClockReading::now(), &mut |_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error}");
}

#[test]
fn restarts_leave_no_pile_of_empty_segments() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..8 {
        let store = open_folder(dir.path(), config(EVERY_DURABILITY[1])).unwrap();
        drop(store);
    }
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert!(files <= 5, "{files} files: the cut, one ahead, and the spares");
}

#[test]
fn the_engine_on_its_own_thread_answers_every_handle() {
    #[derive(Debug)]
    struct Wake(std::thread::Thread);
    impl Ring for Wake {
        fn ring(&self) {
            self.0.unpark();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let disk = FileDisk::make(dir.path()).unwrap();
    let opened = open(Arc::new(disk), config(EVERY_DURABILITY[1]), ClockReading::now(), &mut |_| ()).unwrap();
    let left = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&left);
    let (send, receive) = std::sync::mpsc::channel();
    let (give, engine_side) = std::sync::mpsc::channel();
    let engine = std::thread::spawn(move || {
        send.send(std::thread::current()).unwrap();
        let mut side: storage::embedded::EngineSide<BlockingFiles> = engine_side.recv().unwrap();
        let mut files = BlockingFiles::default();
        loop {
            if stop.load(Ordering::Relaxed) {
                side.engine().leave();
            }
            let progress = side.turn(ClockReading::now(), &mut files).unwrap();
            if stop.load(Ordering::Relaxed) && side.is_settled() {
                return;
            }
            if progress == Progress::Idle {
                std::thread::park_timeout(std::time::Duration::from_millis(1));
            }
        }
    });
    let wake = Arc::new(Wake(receive.recv().unwrap()));
    let here: Arc<dyn Ring> = Arc::new(Wake(std::thread::current()));
    let (side, mut handles) = opened.split::<BlockingFiles>(wake, vec![here.clone(), here]).unwrap();
    give.send(side).unwrap();

    let mut first = Some([sku_put(now_micros()), stock(now_micros(), 1_000_000)]);
    let (mut asked, mut answered) = ([0_u64; 2], [0_u64; 2]);
    let orders = AtomicUsize::new(0);
    while answered[0] + answered[1] < 20_002 {
        for (at, handle) in handles.iter_mut().enumerate() {
            for answer in take_answers(handle) {
                assert_eq!(answer.ticket, Ticket(answered[at]), "in the order submitted");
                answered[at] += 1;
                let is_order = matches!(answer.outcome, Ok(Verdict::Order(_)));
                orders.fetch_add(usize::from(is_order), Ordering::Relaxed);
                assert!(answer.outcome.is_ok(), "{:?}", answer.outcome);
            }
            if first.is_none() && answered[0] < 2 {
                continue; // The shop is set up first.
            }
            let Some(mut batch) = handle.lend(Share::Any) else { continue };
            let intents = first.take().map_or_else(
                || {
                    (0..50)
                        .map(|n| {
                            create(1, request_id(now_micros(), asked[at] + n + at as u64 * 1_000_000), b"")
                        })
                        .collect()
                },
                |setup| setup.to_vec(),
            );
            for intent in intents {
                if asked[0] + asked[1] == 20_002 {
                    break;
                }
                let ticket = Ticket(asked[at]);
                batch
                    .push(&Submitted { ticket, envelope: Default::default(), deadline: None, intent })
                    .unwrap();
                asked[at] += 1;
            }
            handle.submit(batch);
        }
    }
    assert_eq!(orders.load(Ordering::Relaxed), 20_000);
    assert_eq!(handles[0].stats().created, 20_000);
    left.store(true, Ordering::Relaxed);
    engine.join().unwrap();
    let summary = reader::read(&FileDisk::at(dir.path()), u64::MAX, |_| ()).summary;
    assert_eq!(summary.facts, 40_002);
    assert!(summary.sealing_groups > 0, "{summary:?}");
}
