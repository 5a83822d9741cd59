//! What the data folder may take of its disk: a warning first, then no new orders, and all else goes on.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use e2e::wire::{Wire, create, create_again, frame, unix_ms};
use e2e::{Server, SmallDisk};
use protocol::structs::{CancelHead, OrderBrief, Refusal};
use protocol::{Plain, Status, messages};
use tidegate_sdk::{AdjustReason, Currency, Money, SkuId, WarehouseId, blocking::Client};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const PRICE: Money = Money::new(19_99, Currency::EUR);
/// A machine may stand still for a while.
const PATIENCE: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

/// Segments of 2 MiB, of which a new store has three: 6 MiB.
const SETTINGS: &[(&str, &str)] = &[
    ("TIDEGATE_JOURNAL_SEGMENT_BYTES", "2097152"),
    ("TIDEGATE_JOURNAL_GROUP_BYTES", "262144"),
    ("TIDEGATE_JOURNAL_SEGMENTS_AHEAD", "1"),
];
/// And a budget of 40 MiB.
const WITH_BUDGET: &[(&str, &str)] =
    &[SETTINGS[0], SETTINGS[1], SETTINGS[2], ("TIDEGATE_STORE_DISK_BUDGET_BYTES", "41943040")];

fn set_up(server: &Server) -> Client {
    let client = Client::connect_with(server.patiently()).unwrap();
    client.wait(client.sku_put(SkuId(1), PRICE)).unwrap();
    let adjust = client.stock_adjust(SkuId(1), WarehouseId(1)).on_hand(1_000_000, AdjustReason::Received);
    client.wait(adjust).unwrap();
    client
}

/// Asks for an order; its brief, or why not.
fn buys(wire: &mut Wire, number: u64, now: u64) -> Result<OrderBrief, Status> {
    wire.send(&create(number, now));
    let heard = wire.hear().unwrap();
    match heard.status() {
        None => Ok(OrderBrief::read(&heard.body).unwrap()),
        Some(status) => {
            // Scope 0: no operator did it, the server itself.
            assert_eq!(Refusal::read(&heard.body).unwrap(), Refusal::WHOLE);
            assert!(heard.header.time_ms >= 1_000, "there is no use in asking again soon");
            Err(status)
        }
    }
}

/// Waits until STATS says this of the disk, and this many bytes at least: it is looked at once a second.
fn is_at(client: &Client, level: u8, bytes_min: u64) {
    let since = Instant::now();
    loop {
        let stats = client.wait(client.stats()).unwrap();
        if stats.disk_level == level && stats.disk_bytes >= bytes_min {
            return;
        }
        let (bytes, max) = (stats.disk_bytes, stats.disk_bytes_max);
        assert!(since.elapsed() < PATIENCE, "at level {} with {bytes} of {max}", stats.disk_level);
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn orders_end_before_the_budget_does_and_come_back_with_room() {
    let server = Server::start_in(TIDEGATE, &[], WITH_BUDGET);
    let client = set_up(&server);
    let now = unix_ms();
    let mut wire = Wire::connect(server.address());
    let first = buys(&mut wire, 1, now).unwrap();
    // Segments that lie ready count.
    is_at(&client, 0, 4 * MIB);
    assert_eq!(client.wait(client.stats()).unwrap().disk_bytes_max, 40 * MIB);

    // Whatever lies in the folder counts. From 32 MiB on there is a warning, and nothing else.
    let ballast = server.data().join("ballast");
    fs::write(&ballast, vec![1; 27 * MIB as usize]).unwrap();
    is_at(&client, 1, 32 * MIB);
    assert!(server.log().contains("the disk fills: make room, or raise disk_budget_bytes"));
    let second = buys(&mut wire, 2, now).unwrap();

    // From 36 on no new orders. Who asked before hears of his order; who gives units back, and who reads, gets through.
    fs::write(&ballast, vec![1; 34 * MIB as usize]).unwrap();
    is_at(&client, 2, 36 * MIB);
    assert!(server.log().contains("new orders are switched off until there is room"));
    assert_eq!(buys(&mut wire, 3, now).unwrap_err(), Status::SwitchedOff);
    wire.send(&create_again(2, now));
    assert_eq!(OrderBrief::read(&wire.hear().unwrap().body).unwrap().order, second.order);
    let request = u128::from(now) << 80 | 1 << 70;
    let head = CancelHead { request, user: first.user, order: first.order, version: 0, why: 0 };
    wire.send(&frame::<messages::Cancel>(9, &head, &[]));
    assert_eq!(wire.hear().unwrap().status(), None);
    assert_eq!(client.wait(client.stock_get(SkuId(1))).unwrap().held, 1);
    let shown = server.run(&["admin", "stats"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("of 40.0 MiB: new orders are switched off"), "{shown}");

    // Not a byte below, but some percent: then they come back.
    fs::write(&ballast, vec![1; 29 * MIB as usize]).unwrap();
    thread::sleep(Duration::from_millis(2_500));
    assert_eq!(buys(&mut wire, 3, now).unwrap_err(), Status::SwitchedOff);
    fs::remove_file(&ballast).unwrap();
    is_at(&client, 0, 0);
    buys(&mut wire, 3, now).unwrap();
    assert!(server.log().contains("there is room on the disk"));
}

#[test]
fn orders_fill_the_budget_and_a_larger_one_lets_them_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tidegate.toml");
    let flags = ["--config", config.to_str().unwrap()];
    fs::write(&config, "[store]\ndisk_budget_bytes = 12582912\n").unwrap();
    let mut server = Server::start_in(TIDEGATE, &flags, SETTINGS);
    let client = set_up(&server);
    // However fast it is, the disk is looked at meanwhile.
    let load = ["load", "--scenario", "steady", "--seconds", "5", "--json", "load.json", "--target"];
    let load = server.run(&[&load[..], &[server.address()]].concat());
    let report = fs::read_to_string(server.data().with_file_name("load.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let off = report["refused"]["SWITCHED_OFF"].as_u64();
    assert!(off.is_some_and(|refused| refused > 0), "{report} {}", String::from_utf8_lossy(&load.stderr));
    let accepted = report["accepted"].as_u64().unwrap();
    assert!(accepted > 10_000, "{report}");
    is_at(&client, 2, 0);

    // Still full at a start, it reads, and says what is wrong from the first moment on.
    server.kill();
    server.restart_with(&flags);
    assert!(server.log().contains("new orders are switched off until there is room"), "{}", server.log());
    let client = Client::connect_with(server.patiently()).unwrap();
    assert_eq!(client.wait(client.stats()).unwrap().orders, accepted);
    let mut wire = Wire::connect(server.address());
    assert_eq!(buys(&mut wire, 1, unix_ms()).unwrap_err(), Status::SwitchedOff);
    server.kill();
    fs::write(&config, "[store]\ndisk_budget_bytes = 104857600\n").unwrap();
    server.restart_with(&flags);
    buys(&mut Wire::connect(server.address()), 1, unix_ms()).unwrap();
    let audited = server.run(&["audit", "--target", server.address()]);
    assert!(audited.status.success(), "{}", String::from_utf8_lossy(&audited.stdout));
}

#[test]
fn a_disk_that_others_fill_ends_orders_whatever_the_budget_is() {
    let Some(disk) = SmallDisk::mount(30 * MIB) else { return };
    let server = Server::start_on(TIDEGATE, Some(&disk.path().join("data")), &[], WITH_BUDGET);
    let client = set_up(&server);
    let mut wire = Wire::connect(server.address());
    buys(&mut wire, 1, unix_ms()).unwrap();
    disk.fill();
    is_at(&client, 2, 0);
    assert_eq!(buys(&mut wire, 2, unix_ms()).unwrap_err(), Status::SwitchedOff);
    disk.make_room();
    is_at(&client, 0, 0);
    buys(&mut wire, 2, unix_ms()).unwrap();
}

#[test]
fn a_budget_without_room_for_what_lies_ready_is_named() {
    for (line, words) in [
        ("disk_budget_bytes = 1000000", "disk_budget_bytes has no room for orders"),
        ("disk_warn_percent = 95", "disk_warn_percent is not above disk_stop_percent"),
        ("disk_stop_percent = 101", "are 0 to 100"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tidegate.toml");
        fs::write(&file, format!("[store]\n{line}\n")).unwrap();
        let output = std::process::Command::new(TIDEGATE)
            .args(["serve", "--config", file.to_str().unwrap()])
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.starts_with("error: [store] disk_") && told.contains(words), "{told}");
    }
}
