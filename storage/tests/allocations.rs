//! Once warm, an order and a refusal cost no allocation on the engine's way: submit, decide, write, answer.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.
#![allow(unsafe_code)] // A counting allocator cannot be written without; only this test has it.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use common::{create, request_id, sku_put, small_bounds, stock};
use domain::{LedgerBounds, Reason, Verdict};
use storage::embedded::disk::DurabilityPath::Dsync;
use storage::embedded::{BlockingFiles, ClockReading, Config, Durability, FileDisk, FusedStore, open};
use storage::{Ring, Share, Store, Submitted, Ticket};

thread_local! {
    /// Of this thread: another one makes segments meanwhile, and may.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter is a plain cell that allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Asks for `count` orders in batches of 100; the allocations that it took, and how many were made and sold out.
fn ask(
    store: &mut FusedStore<BlockingFiles>,
    files: &mut BlockingFiles,
    from: u64,
    count: u64,
) -> (u64, u64, u64) {
    let micros = ClockReading::now().wall.0 - common::START;
    let before = ALLOCATIONS.get();
    let (mut made, mut sold_out) = (0, 0);
    for batch_from in (from..from + count).step_by(100) {
        let mut batch = store.lend(Share::Any).unwrap();
        for n in batch_from..batch_from + 100 {
            let intent = create(n, request_id(micros, n), b"gift");
            batch
                .push(&Submitted { ticket: Ticket(n), envelope: Default::default(), deadline: None, intent })
                .unwrap();
        }
        store.submit(batch);
        for _ in 0..4 {
            store.turn(ClockReading::now(), files).unwrap();
            while let Some(answers) = store.poll() {
                for answer in &answers {
                    match &answer.outcome {
                        Ok(Verdict::Order(_)) => made += 1,
                        Ok(Verdict::Refused(it)) if it.reason == Reason::SoldOut => sold_out += 1,
                        other => panic!("{other:?}"),
                    }
                }
                store.give_back(answers);
            }
        }
    }
    (ALLOCATIONS.get() - before, made, sold_out)
}

/// Nobody sleeps here who had to be woken.
struct Nobody;

impl Ring for Nobody {
    fn ring(&self) {}
}

#[test]
fn orders_and_refusals_allocate_nothing_once_warm() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = LedgerBounds {
        orders_max: 100_000,
        history_rows_max: 600_000,
        request_ids_max: 310_000,
        changes_max: 210_000,
        payments_max: 100_000,
        ..small_bounds()
    };
    let durability = Durability::Always(Dsync);
    let config =
        Config { ledger, segment_bytes: 16 << 20, segments_ahead: 1, durability, ..Config::default() };
    let opened = open(Arc::new(FileDisk::at(dir.path())), config, ClockReading::now(), &mut |_| ()).unwrap();
    let mut store: FusedStore<BlockingFiles> = opened.fused(Arc::new(Nobody)).unwrap();
    let mut files = BlockingFiles::default();
    let micros = ClockReading::now().wall.0 - common::START;
    common::submit(&mut store, &[sku_put(micros), stock(micros, 20_000)]);
    store.turn(ClockReading::now(), &mut files).unwrap();
    store.turn(ClockReading::now(), &mut files).unwrap();
    assert_eq!(common::take_answers(&mut store).len(), 2);

    let warming = ask(&mut store, &mut files, 1, 10_000);
    assert_eq!((warming.1, warming.2), (10_000, 0));
    assert_eq!(ask(&mut store, &mut files, 20_001, 10_000), (0, 10_000, 0), "created");
    assert_eq!(ask(&mut store, &mut files, 40_001, 10_000), (0, 0, 10_000), "sold out");
}
