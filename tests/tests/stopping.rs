//! How a server ends when it is asked to: nothing acknowledged is lost, everybody is told, and it takes no longer than
//! it was given, whatever hangs.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use e2e::Server;
use e2e::wire::{Heard, Wire, create, frame, unix_ms};
use protocol::structs::{CancelHead, DrainHead, OrderBrief, StatsHead};
use protocol::{Kind, KindCode, Nothing, Plain, Status, messages};
use storage::embedded::{FileDisk, reader};
use tidegate_sdk::{
    AdjustReason, Currency, Money, OrderId, SkuId, State, UserId, WarehouseId, blocking::Client,
};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const PRICE: Money = Money::new(19_99, Currency::EUR);
const STOCK: u64 = 1_000_000;
/// A machine may stand still for a while.
const PATIENCE: Duration = Duration::from_secs(60);

fn shop(environment: &[(&str, &str)]) -> Server {
    let server = Server::start_in(TIDEGATE, &[], environment);
    let client = Client::connect_with(server.patiently()).unwrap();
    client.wait(client.sku_put(SkuId(1), PRICE)).unwrap();
    let adjust = client.stock_adjust(SkuId(1), WarehouseId(1)).on_hand(STOCK as i64, AdjustReason::Received);
    client.wait(adjust).unwrap();
    server
}

/// The engine on a thread of its own, so that it can hang while connections are served.
const SPLIT: (&str, &str) = ("TIDEGATE_THREADS_LAYOUT", "split");

fn cancel(number: u64, order: u64, now: u64) -> Vec<u8> {
    let request = u128::from(now) << 80 | 1 << 64 | u128::from(number);
    let head = CancelHead { request, user: number + 1, order, version: 0, why: 0 };
    frame::<messages::Cancel>(number, &head, &[])
}

/// Orders, and how they stand: by order id, with the user.
#[derive(Default)]
struct Promised {
    made: BTreeSet<(u64, u64)>,
    cancelled: BTreeSet<(u64, u64)>,
    goaways: usize,
}

/// Makes orders and cancels every third, 64 unanswered at a time, until the server says no more.
fn buy_and_regret(address: &str, first: u64) -> Promised {
    let mut wire = Wire::connect(address);
    let now = unix_ms();
    let mut promised = Promised::default();
    for number in first..first + 64 {
        wire.send(&create(number, now));
    }
    let mut next = first + 64;
    while let Some(heard) = wire.hear() {
        let number = heard.header.correlation;
        if heard.header.kind == KindCode::from(Kind::Goaway).answer() {
            promised.goaways += 1;
        } else if heard.header.kind == KindCode::from(Kind::Create).answer() && heard.status().is_none() {
            let order = OrderBrief::read(&heard.body).unwrap();
            promised.made.insert((order.order, order.user));
            if number.is_multiple_of(3) {
                wire.send(&cancel(number, order.order, now));
            }
            wire.send(&create(next, now));
            next += 1;
        } else if heard.status().is_none() {
            let order = OrderBrief::read(&heard.body).unwrap();
            promised.cancelled.insert((order.order, order.user));
        } else {
            let create = heard.header.kind == KindCode::from(Kind::Create).answer();
            let farewell = if create { Status::Draining } else { Status::GoingAway };
            assert_eq!(heard.status(), Some(farewell));
        }
    }
    promised
}

#[test]
fn a_stop_under_load_loses_nothing_and_seals_the_journal() {
    let mut server = shop(&[]);
    let address = server.address().to_owned();
    let buyers: Vec<_> = (0..4)
        .map(|place| {
            let address = address.clone();
            thread::spawn(move || buy_and_regret(&address, place << 32))
        })
        .collect();
    thread::sleep(Duration::from_millis(500));
    let asked = Instant::now();
    assert_eq!(server.terminate(PATIENCE).code(), Some(0), "{}", server.log());
    println!("drained within {:?}", asked.elapsed());
    let promised: Vec<Promised> = buyers.into_iter().map(|it| it.join().unwrap()).collect();

    // The last group is a seal: nothing was under way, and the next opening cuts nothing off.
    let mut facts_of_last = None;
    let reading =
        reader::read_groups(&FileDisk::at(&server.data()), |group| facts_of_last = Some(group.header.facts));
    assert!(reading.damage.is_none(), "{reading:?}");
    assert_eq!(facts_of_last, Some(0), "{reading:?}");
    server.restart();
    assert!(!server.log().contains("never acknowledged"), "{}", server.log());

    let client = Client::connect_with(server.patiently()).unwrap();
    let (mut made, mut cancelled) = (0, 0);
    for Promised { made: theirs, cancelled: regretted, goaways } in &promised {
        assert_eq!(*goaways, 1, "everybody is told once");
        assert!(theirs.len() > 64 && !regretted.is_empty(), "there was a load");
        (made, cancelled) = (made + theirs.len(), cancelled + regretted.len());
        for &(order, user) in theirs {
            let found = client.wait(client.get(UserId(user), OrderId(order))).unwrap();
            let ended = found.brief.state == State::Cancelled;
            assert!(ended || !regretted.contains(&(order, user)), "a cancel was acknowledged and is lost");
        }
    }
    println!("{made} orders and {cancelled} cancels acknowledged, all there");
    let audited = server.run(&["audit", "--target", server.address()]);
    assert!(audited.status.success(), "{}", String::from_utf8_lossy(&audited.stdout));
}

#[test]
fn while_the_server_ends_creates_hear_draining_and_what_was_taken_is_answered() {
    let mut server = shop(&[SPLIT]);
    let now = unix_ms();
    let mut wire = Wire::connect(server.address());
    // As long as the engine does nothing, this order is taken and not answered, and the server drains.
    let engine = server.freeze("tidegate-engine");
    wire.send(&create(1, now));
    is_taken(&mut wire);
    server.ask_to_end();
    let heard = wire.hear().unwrap();
    assert_eq!(heard.header.kind, KindCode::from(Kind::Goaway).answer());
    wire.send(&create(2, now));
    assert_eq!(wire.hear().unwrap().status(), Some(Status::Draining));
    wire.send(&cancel(1, 1, now));
    assert_eq!(wire.hear().unwrap().status(), Some(Status::GoingAway));
    drop(engine);
    let Heard { header, body } = wire.hear().unwrap();
    assert_eq!((header.correlation, header.status.known()), (1, None));
    let order = OrderBrief::read(&body).unwrap();
    assert!(wire.hear().is_none(), "closed behind the last answer");
    assert_eq!(server.ended(PATIENCE).code(), Some(0), "{}", server.log());

    server.restart();
    let client = Client::connect_with(server.patiently()).unwrap();
    client.wait(client.get(UserId(order.user), OrderId(order.order))).unwrap();
    assert_eq!(client.wait(client.stock_get(SkuId(1))).unwrap().held, 1);
}

/// Waits until the server has taken a request that nobody answers: STATS never reaches the engine.
fn is_taken(wire: &mut Wire) {
    let since = Instant::now();
    loop {
        wire.send(&frame::<messages::Stats>(0, &Nothing, &[]));
        let stats = StatsHead::read(&wire.hear().unwrap().body).unwrap();
        if stats.in_flight == 1 {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "it takes nothing");
    }
}

#[test]
fn a_server_told_to_drain_refuses_creates_alone_until_told_otherwise() {
    let server = shop(&[]);
    let now = unix_ms();
    let mut wire = Wire::connect(server.address());
    wire.send(&create(1, now));
    let order = OrderBrief::read(&wire.hear().unwrap().body).unwrap();
    let mut drain = |on| {
        wire.send(&frame::<messages::Drain>(9, &DrainHead { on }, &[]));
        assert_eq!(wire.hear().unwrap().status(), None);
    };
    drain(true);
    let mut another = Wire::connect(server.address());
    another.send(&create(2, now));
    assert_eq!(another.hear().unwrap().status(), Some(Status::Draining));
    another.send(&cancel(1, order.order, now));
    assert_eq!(another.hear().unwrap().status(), None, "units are given back");
    drain(false);
    another.send(&create(2, now));
    assert_eq!(another.hear().unwrap().status(), None);
}

#[test]
fn a_second_signal_ends_a_server_that_hangs_at_once_and_nothing_acknowledged_is_lost() {
    let mut server = shop(&[SPLIT]);
    let client = Client::connect_with(server.patiently()).unwrap();
    let placed = client.wait(client.create(UserId(1), PRICE).line(SkuId(1), 1)).unwrap();
    let engine = server.freeze("tidegate-engine");
    server.ask_to_end();
    while !server.log().contains("draining; a second signal ends at once") {
        thread::sleep(Duration::from_millis(5));
    }
    server.ask_to_end();
    assert_eq!(server.ended(Duration::from_secs(8)).code(), Some(1), "{}", server.log());
    drop(engine);
    server.restart();
    let client = Client::connect_with(server.patiently()).unwrap();
    client.wait(client.get(UserId(1), placed.order)).unwrap();
}

#[test]
fn a_server_that_hangs_ends_soon_after_its_time_to_drain() {
    let mut server = shop(&[SPLIT, ("TIDEGATE_SERVER_DRAIN_SECONDS", "1")]);
    let _engine = server.freeze("tidegate-engine");
    let asked = Instant::now();
    server.ask_to_end();
    assert_eq!(server.ended(PATIENCE).code(), Some(1), "{}", server.log());
    assert!(asked.elapsed() >= Duration::from_secs(1));
    assert!(server.log().contains("a thread hangs"), "{}", server.log());
}
