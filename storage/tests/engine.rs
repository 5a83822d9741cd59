//! What the engine promises to whoever submits: answers only when durable, refusals before the step, a sealed
//! journal, bounds that are answers.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

mod common;

use common::mem_disk::{End, MemDisk, MemHot};
use common::{Life, START, create, facts, request_id, stock, submit, take_answers, tiny};
use domain::{Intent, LedgerBounds, MicrosUtc, Reason, Verdict};
use storage::embedded::disk::DurabilityPath::{self, Dsync, Fsync};
use storage::embedded::{Config, OpenError, Progress};
use storage::{Answer, NotDecided, Outcome, Share, Store, Submitted, Ticket};

fn shop(path: DurabilityPath) -> (MemDisk, Life) {
    let disk = MemDisk::new(1).next_process();
    let mut life = Life::open(&disk, tiny(path), 0).unwrap();
    life.set_up_shop(1_000);
    (disk, life)
}

fn ask_with(life: &mut Life, intent: Intent<'_>, deadline: Option<MicrosUtc>) -> Outcome {
    let mut batch = life.store.lend(Share::Any).unwrap();
    let submitted = Submitted { ticket: Ticket(1), envelope: Default::default(), deadline, intent };
    batch.push(&submitted).unwrap();
    life.store.submit(batch);
    let mut answers = life.settle();
    assert_eq!(answers.len(), 1);
    answers.remove(0).outcome
}

#[test]
fn an_answer_waits_for_the_last_fact_before_it_and_for_nothing_else() {
    for path in [Dsync, Fsync] {
        let (disk, mut life) = shop(path);
        // Reads with nothing pending leave in the same turn.
        submit(&mut life.store, &[Intent::SkuGet(common::SKU)]);
        life.turn(1).unwrap();
        assert_eq!(take_answers(&mut life.store).len(), 1);

        // Behind a create, the same read waits with it, although it changed nothing.
        submit(&mut life.store, &[create(1, request_id(0, 1), b""), Intent::SkuGet(common::SKU)]);
        disk.stop_in(0);
        for _ in 0..50 {
            life.turn(1_000).unwrap();
            assert_eq!(take_answers(&mut life.store).len(), 0, "nothing is durable");
        }
        disk.go_on();
        let answers = life.settle();
        assert_eq!(answers.len(), 2);
        assert!(answers.iter().all(|answer| answer.position == life.store.stats().durable_position));
    }
}

#[test]
fn the_same_request_again_is_the_same_order() {
    let (_, mut life) = shop(Dsync);
    let request = request_id(0, 1);
    let first = life.ask(create(1, request, b"")).outcome;
    assert!(matches!(first, Ok(Verdict::Order(_))));
    assert_eq!(life.ask(create(1, request, b"")).outcome, first);
    assert_eq!(life.store.stats().created, 1);
}

#[test]
fn time_up_and_draining_are_said_before_the_step() {
    let (_, mut life) = shop(Dsync);
    let late = Some(MicrosUtc(START + life.micros));
    assert_eq!(
        ask_with(&mut life, create(1, request_id(0, 1), b""), late),
        Err(NotDecided::DeadlineExceeded)
    );
    let in_time = Some(MicrosUtc(START + life.micros + 1_000_000));
    assert!(ask_with(&mut life, create(1, request_id(0, 2), b""), in_time).is_ok());

    life.store.engine().drain();
    assert_eq!(ask_with(&mut life, create(1, request_id(0, 3), b""), None), Err(NotDecided::Draining));
    assert!(ask_with(&mut life, stock(1_000, 5), None).is_ok(), "everything else goes on");
    assert_eq!((life.store.stats().created, life.store.stats().not_decided), (1, 2));
}

#[test]
fn a_full_ledger_is_overloaded_for_creates() {
    let disk = MemDisk::new(1).next_process();
    let ledger = LedgerBounds { orders_max: 2, ..common::small_bounds() };
    let mut life = Life::open(&disk, Config { ledger, ..tiny(Dsync) }, 0).unwrap();
    life.set_up_shop(1_000);
    for n in 0..2 {
        assert!(life.ask(create(1, request_id(0, n), b"")).outcome.is_ok());
    }
    let refused = life.ask(create(1, request_id(0, 9), b"")).outcome;
    assert_eq!(refused, Err(NotDecided::Overloaded { retry_after_ms: Config::default().retry_after_ms }));
    assert_eq!((life.store.stats().orders, life.store.stats().orders_max), (2, 2));
}

#[test]
fn batches_run_out_for_creates_before_they_run_out_for_others() {
    let (_, mut life) = shop(Dsync);
    let lent: Vec<_> = std::iter::from_fn(|| life.store.lend(Share::Any)).collect();
    assert_eq!(lent.len(), 6);
    let reserved: Vec<_> = std::iter::from_fn(|| life.store.lend(Share::Reserved)).collect();
    assert_eq!(reserved.len(), 2);
    lent.into_iter().chain(reserved).for_each(|batch| life.store.submit(batch));
    assert!(life.store.lend(Share::Any).is_some(), "an empty batch just goes back");
}

#[test]
fn an_idle_journal_is_sealed_once_and_then_asks_for_no_turn() {
    for path in [Dsync, Fsync] {
        let (disk, mut life) = shop(path);
        let groups = |disk: &MemDisk| facts(disk).1.summary;
        let before = groups(&disk);
        assert_eq!(before.sealing_groups, 2, "one after the sku, one after the stock");
        for _ in 0..100 {
            life.turn(10_000).unwrap();
        }
        assert_eq!(groups(&disk), before);
        assert_eq!(life.turn(1).unwrap(), Progress::Idle);
    }
}

#[test]
fn orders_expire_after_the_opening_grace_and_at_most_a_second_late() {
    let (disk, mut life) = shop(Dsync);
    life.ask(create(1, request_id(0, 1), b""));
    let due = 900_000_000 + life.micros;
    disk.end(End::Kill, life.hot);
    drop(life.store);

    // Opened right after the order's time: nothing ends within the grace.
    let disk = disk.next_process();
    let mut life = Life::open(&disk, tiny(Dsync), due + 1).unwrap();
    let mut until = life.micros + 59_000_000;
    while life.micros < until {
        assert!(life.turn(500_000).is_ok());
        assert_eq!(life.store.stats().expired, 0);
    }
    until = life.micros + 2_000_000;
    while life.micros < until {
        life.turn(100_000).unwrap();
    }
    assert_eq!(life.store.stats().expired, 1);
    life.settle();
    assert!(facts(&disk).0.iter().any(|fact| fact.contains("OrderCancelled")));
}

#[test]
fn on_a_full_disk_creates_are_unavailable_while_others_go_on_and_nothing_is_lost() {
    let disk = MemDisk::new(1).next_process();
    disk.hold_at_most(3 * (64 << 10));
    let mut life = Life::open(&disk, tiny(Dsync), 0).unwrap();
    life.set_up_shop(1_000_000);
    let mut made = 0;
    let mut refused = None;
    for n in 0..2_000 {
        match life.ask(create(1, request_id(0, n), &[1; 500])).outcome {
            Ok(verdict) => {
                assert!(matches!(verdict, Verdict::Order(_)), "{verdict:?}");
                made += 1;
            }
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    assert!(made > 10);
    assert_eq!(refused, Some(NotDecided::Unavailable { retry_after_ms: 1_000 }));
    assert!(life.ask(stock(5_000, 5)).outcome.is_ok(), "the rest of the last segment is for others");
    assert!(life.ask(Intent::SkuGet(common::SKU)).outcome.is_ok(), "reads go on");

    disk.hold_at_most(usize::MAX);
    assert!(life.ask(create(1, request_id(0, 5_000), b"")).outcome.is_ok(), "room was made");
    assert_eq!(common::orders(&disk).len(), made + 1);
}

#[test]
fn an_opening_on_a_full_disk_says_so_and_leaves_what_was_there() {
    let (disk, life) = shop(Dsync);
    drop(life.store);
    disk.end(End::Kill, life.hot);
    let disk = disk.next_process();
    disk.hold_at_most(0);
    let (before, _) = facts(&disk);
    let error = Life::open(&disk, tiny(Dsync), 1).unwrap_err();
    assert!(matches!(error, OpenError::Full { .. }), "{error}");
    assert_eq!(facts(&disk).0, before);
}

#[test]
fn a_sale_larger_than_the_group_is_answered() {
    let (_, mut life) = shop(Dsync);
    let skus: Vec<_> = (0..5_000)
        .map(|sku| domain::intent::SaleSku { sku: domain::SkuId(sku), unit_price: domain::MinorUnits(1) })
        .collect();
    let sale = domain::intent::Sale {
        id: domain::SaleId(1),
        version: 0,
        closed_from: MicrosUtc(0),
        opens: MicrosUtc(0),
        closes: MicrosUtc(1),
        user_limit_units: 0,
        order_limit_units: 0,
        cap_units: 0,
        hold_seconds: 1,
    };
    let put = domain::intent::SalePut { request: request_id(0, 8), replaces: 0, sale, skus: &skus };
    let outcome = life.ask(Intent::SalePut(put)).outcome;
    assert!(matches!(outcome, Err(NotDecided::Overloaded { .. })), "{outcome:?}");
}

#[test]
fn sold_out_leaves_at_once_and_writes_nothing() {
    let disk = MemDisk::new(1).next_process();
    let mut life = Life::open(&disk, tiny(Dsync), 0).unwrap();
    life.set_up_shop(1);
    assert!(life.ask(create(1, request_id(0, 1), b"")).outcome.is_ok());
    let bytes = life.store.stats().bytes;
    for n in 2..50 {
        submit(&mut life.store, &[create(1, request_id(0, n), b"")]);
        life.turn(1).unwrap();
        let [Answer { outcome: Ok(Verdict::Refused(refusal)), .. }] = &take_answers(&mut life.store)[..]
        else {
            panic!("it waits");
        };
        assert_eq!(refusal.reason, Reason::SoldOut);
    }
    assert_eq!(life.store.stats().bytes, bytes);
}

#[test]
fn a_failed_write_ends_everything() {
    struct Failing;
    impl storage::embedded::disk::HotDisk for Failing {
        type File = <MemHot as storage::embedded::disk::HotDisk>::File;
        type Slot = usize;
        fn adopt(&mut self, _: Self::File) -> usize {
            0
        }
        fn release(&mut self, _: usize) {}
        fn write(&mut self, _: usize, _: u64, _: Vec<u8>, _: std::ops::Range<usize>, _: u64) {}
        fn sync_data(&mut self, _: usize, _: u64) {}
        fn completed(&mut self) -> Option<storage::embedded::disk::FileDone> {
            let result = Err(std::io::Error::other("the disk is gone"));
            Some(storage::embedded::disk::FileDone { token: 1, result, buffer: None })
        }
    }
    let disk = MemDisk::new(1).next_process();
    let opened = storage::embedded::open(disk.into(), tiny(Dsync), common::at(9), &mut |_| ()).unwrap();
    let mut store = opened.fused_inline::<Failing>().unwrap();
    let fatal = store.turn(common::at(10), &mut Failing).unwrap_err();
    assert!(fatal.to_string().contains("the disk is gone"), "{fatal}");
}
