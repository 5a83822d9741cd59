//! Clients that misbehave, over real sockets: each hears its status or is closed, and others are unharmed.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::time::{Duration, Instant};

use e2e::Server;
use e2e::wire::{Wire, create, frame, hello, unix_ms};
use protocol::structs::SkuListHead;
use protocol::{Nothing, Status, messages};
use tidegate_sdk::{AdjustReason, Currency, Money, SkuId, WarehouseId, blocking::Client};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

/// A server with a million units of sku 1, and a client who behaves.
fn shop() -> (Server, Client) {
    shop_with(&[])
}

fn shop_with(variables: &[(&str, &str)]) -> (Server, Client) {
    let server = Server::start_in(TIDEGATE, &[], variables);
    let client = Client::connect_with(server.patiently()).unwrap();
    client.wait(client.sku_put(SkuId(1), Money::new(19_99, Currency::EUR))).unwrap();
    let adjust = client.stock_adjust(SkuId(1), WarehouseId(1)).on_hand(1_000_000, AdjustReason::Received);
    client.wait(adjust).unwrap();
    (server, client)
}

/// The one who behaves is served, and soon.
fn others_are_unharmed(client: &Client, user: u64) {
    let began = Instant::now();
    let order = client.create(tidegate_sdk::UserId(user), Money::new(19_99, Currency::EUR)).line(SkuId(1), 1);
    client.wait(order).unwrap();
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

fn ping() -> Vec<u8> {
    frame::<messages::Ping>(1, &Nothing, &[])
}

#[test]
fn garbage_is_told_so_and_closed() {
    let (server, client) = shop();
    let mut wrong_sum = ping();
    wrong_sum[20] ^= 1;
    let mut wrong_version = ping();
    wrong_version[6] = 9;
    let mut endless = ping();
    endless[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    for (bytes, status) in [
        (b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n".to_vec(), Status::BadFrame),
        (vec![0; 4_096], Status::BadFrame),
        (wrong_sum, Status::BadChecksum),
        (wrong_version, Status::UnsupportedVersion),
        (endless, Status::FrameTooLarge),
    ] {
        for mut wire in [Wire::stranger(server.address()), Wire::connect(server.address())] {
            wire.send(&bytes);
            let heard = wire.hear_to_the_end();
            assert_eq!(heard.iter().map(|it| it.status()).collect::<Vec<_>>(), [Some(status)]);
        }
    }
    let mut wire = Wire::stranger(server.address());
    wire.send(&ping());
    assert_eq!(wire.hear_to_the_end()[0].status(), Some(Status::AuthRequired));
    others_are_unharmed(&client, 1);
    assert!(server.log().contains("bad frame"), "{}", server.log());
}

#[test]
fn frames_arrive_however_they_are_cut() {
    let (server, _client) = shop();
    let now = unix_ms();
    let mut wire = Wire::stranger(server.address());
    let mut bytes = hello();
    (0..10).for_each(|number| bytes.extend(create(number, now)));
    wire.send(&bytes);
    let heard: Vec<_> = (0..11).map(|_| wire.hear().unwrap()).collect();
    assert!(heard.iter().all(|it| it.status().is_none()), "ten orders in one segment with HELLO: {heard:?}");

    let mut wire = Wire::connect(server.address());
    for byte in create(11, now) {
        wire.send(&[byte]);
    }
    assert_eq!(wire.hear().unwrap().status(), None, "byte by byte");
}

#[test]
fn a_client_that_never_reads_is_cut_off_alone() {
    let (server, client) = shop();
    let before = client.wait(client.stats()).unwrap();
    let mut wire = Wire::connect(server.address());
    let asks = frame::<messages::SkuList>(1, &SkuListHead { after: 0, limit: 100 }, &[]).repeat(1_000);
    let began = Instant::now();
    while wire.try_send(&asks).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(60), "nobody stops it");
    }
    others_are_unharmed(&client, 1);
    let after = client.wait(client.stats()).unwrap();
    assert!(after.cut_off > before.cut_off, "{after:?}");
    let grown = after.resident_bytes.saturating_sub(before.resident_bytes);
    assert!(grown < 64 << 20, "its unread answers took {grown} bytes");
}

#[test]
fn who_ends_its_input_still_hears_and_who_vanishes_harms_nobody() {
    let (server, client) = shop();
    let now = unix_ms();
    let mut wire = Wire::connect(server.address());
    wire.send(&create(1, now));
    wire.end_input();
    let heard = wire.hear_to_the_end();
    assert_eq!((heard.len(), heard[0].status()), (1, None));

    // Half a frame and then nothing; and a whole one whose answer nobody waits for.
    let mut half = Wire::connect(server.address());
    half.send(&create(2, now)[..60]);
    let mut gone = Wire::connect(server.address());
    gone.send(&create(3, now));
    drop(gone);
    others_are_unharmed(&client, 9);
    drop(half);
    others_are_unharmed(&client, 10);
}

#[test]
fn two_thousand_silent_connections_cost_next_to_nothing() {
    let (server, client) = shop_with(&[("TIDEGATE_CONNECTIONS_HELLO_SECONDS", "3600")]);
    e2e::allow_open_files(4_096);
    let before = client.wait(client.stats()).unwrap();
    let mut silent: Vec<Wire> = Vec::new();
    let mut stats = before;
    while silent.len() < 2_000 {
        // Not so many at once that some find the inlet full, where the server's thread has to wait for its core.
        silent.extend((0..200).map(|_| Wire::stranger(server.address())));
        let began = Instant::now();
        while stats.connections < silent.len() as u64 && began.elapsed() < Duration::from_secs(60) {
            stats = client.wait(client.stats()).unwrap();
        }
        assert!(stats.connections >= silent.len() as u64, "{} connections", stats.connections);
    }
    let grown = stats.resident_bytes.saturating_sub(before.resident_bytes);
    assert!(grown < 32 << 20, "they took {grown} bytes");
    others_are_unharmed(&client, 1);

    // The client's own pool may ping now and then; the server does next to nothing otherwise.
    // Where others use the disk, the journal's next segments are still being filled for a while.
    let idle = || {
        let busy_before = server.cpu_seconds();
        std::thread::sleep(Duration::from_secs(3));
        server.cpu_seconds() - busy_before
    };
    let busy: Vec<f64> = (0..20).map(|_| idle()).take_while(|&busy| busy > 0.03).collect();
    assert!(busy.len() < 20, "an idle server used, each time of 3 s: {busy:?} s");
    drop(silent);
    others_are_unharmed(&client, 2);
}

#[test]
fn who_says_no_hello_in_time_is_closed_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("hasty.toml");
    std::fs::write(&config, "[connections]\nhello_seconds = 4\n").unwrap();
    let server = Server::start_with(TIDEGATE, &["--config", config.to_str().unwrap()]);
    let mut idle = Wire::connect(server.address());
    let mut busy = Wire::connect(server.address());
    let mut silent: Vec<Wire> = (0..200).map(|_| Wire::stranger(server.address())).collect();
    for slow in &mut silent[..100] {
        slow.send(&hello()[..40]); // Most of a header is no HELLO.
    }
    let began = Instant::now();
    for wire in &mut silent {
        let heard: Vec<_> = wire.hear_to_the_end().iter().map(|it| it.status()).collect();
        assert_eq!(heard, [Some(Status::AuthRequired)]);
        busy.send(&ping());
        assert_eq!(busy.hear().unwrap().status(), None, "served next to them");
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    idle.send(&ping());
    assert_eq!(idle.hear().unwrap().status(), None, "who greeted may be idle");
    let client = Client::connect_with(server.patiently()).unwrap();
    assert_eq!(client.wait(client.stats()).unwrap().cut_off, 200);
    let lines = server.log().matches("no HELLO came in time").count();
    assert!((1..=4).contains(&lines), "{lines} lines in the log");
}
