//! The life of a server: what survives its end, who may open its folder, and how it leaves.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::fs;
use std::process::Command;
use std::time::Duration;

use e2e::Server;
use e2e::wire::{Wire, create, unix_ms};
use protocol::structs::OrderBrief;
use protocol::{Kind, KindCode, Plain, Status};
use tidegate_sdk::{
    AdjustReason, Currency, Money, Order, OrderId, SkuId, UserId, WarehouseId, blocking::Client,
};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const PRICE: Money = Money::new(19_99, Currency::EUR);

fn shop() -> Server {
    let server = Server::start(TIDEGATE);
    let client = Client::connect_with(server.patiently()).unwrap();
    client.wait(client.sku_put(SkuId(1), PRICE)).unwrap();
    let adjust = client.stock_adjust(SkuId(1), WarehouseId(1)).on_hand(1_000_000, AdjustReason::Received);
    client.wait(adjust).unwrap();
    server
}

#[test]
fn orders_survive_a_kill() {
    let mut server = shop();
    let client = Client::connect_with(server.patiently()).unwrap();
    let placed: Vec<Order> = (1..=50)
        .map(|user| {
            let placed = client.wait(client.create(UserId(user), PRICE).line(SkuId(1), 1)).unwrap();
            client.wait(client.get(placed.user, placed.order)).unwrap()
        })
        .collect();
    for round in 0..3 {
        server.kill();
        server.restart();
        let client = Client::connect_with(server.patiently()).unwrap();
        for order in &placed {
            assert_eq!(
                client.wait(client.get(order.brief.user, order.brief.order)).as_ref(),
                Ok(order),
                "round {round}"
            );
        }
        assert_eq!(client.wait(client.stock_get(SkuId(1))).unwrap().held, 50);
    }
}

/// Runs `serve` where it cannot work: its exit code and all that it says of it.
fn fails(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(TIDEGATE)
        .args(["--log", "error", "serve"])
        .args(arguments)
        .env("TIDEGATE_SERVER_LISTEN", "127.0.0.1:0")
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// One line that begins with `error:` and has these words.
fn says(told: &str, words: &[&str]) {
    assert!(told.starts_with("error: ") && told.lines().count() == 1, "{told}");
    assert!(words.iter().all(|word| told.contains(word)), "{told}");
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_in_a_sentence_and_left_alone() {
    let server = shop();
    let data = server.data();
    let before = fs::read_dir(&data).unwrap().count();
    let (code, told) = fails(&["--data", data.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{told}");
    says(&told, &["another process", data.to_str().unwrap()]);
    assert_eq!(fs::read_dir(&data).unwrap().count(), before);
    let client = Client::connect_with(server.patiently()).unwrap();
    client.wait(client.create(UserId(1), PRICE).line(SkuId(1), 1)).unwrap();

    // A folder in which nobody, root included, can make a file; and a path that is no folder.
    let (code, told) = fails(&["--data", "/proc/sys/kernel"]);
    assert_eq!(code, Some(1), "{told}");
    says(&told, &["/proc/sys/kernel"]);
    let file = data.with_file_name("file");
    fs::write(&file, "mine").unwrap();
    let (code, told) = fails(&["--data", file.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{told}");
    says(&told, &[file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn a_bound_below_what_the_folder_holds_is_named_by_its_key_and_the_folder_left_alone() {
    let mut server = shop();
    server.kill();
    let data = server.data();
    let list = || {
        let mut names: Vec<_> = fs::read_dir(&data).unwrap().map(|it| it.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = list();
    let config = data.with_file_name("small.toml");
    fs::write(&config, "[bounds]\nshelves = 0\n").unwrap();
    let (code, told) = fails(&["--config", config.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{told}");
    says(&told, &[data.to_str().unwrap(), "[bounds] shelves = 0 ", "set a larger shelves"]);
    assert_eq!(list(), before);
    server.restart();
    let client = Client::connect_with(server.patiently()).unwrap();
    client.wait(client.create(UserId(1), PRICE).line(SkuId(1), 1)).unwrap();
}

#[test]
fn bad_usage_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("tidegate.toml");
    fs::write(&config, "[journal]\ngroup_byte = 4096\n").unwrap();
    let (code, told) = fails(&["--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    says(&told, &["«group_byte» is no key in [journal]; did you mean «group_bytes»?"]);
    fs::write(&config, "[journal]\ngroup_bytes = 5000\n").unwrap();
    let (code, told) = fails(&["--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    says(&told, &["group_bytes", "4096"]);
    let (code, told) = fails(&["--lisen", "127.0.0.1:1"]);
    assert_eq!(code, Some(2));
    says(&told, &["--lisen", "--listen", "--help"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = folder.path().join("data");
    let (code, told) = fails(&["--listen", &address, "--data", data.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{told}");
    says(&told, &["cannot listen on", &address]);
}

#[test]
fn a_drained_server_answers_what_it_took_and_ends_well() {
    let mut server = shop();
    let now = unix_ms();
    let mut wire = Wire::connect(server.address());
    for number in 0..500 {
        wire.send(&create(number, now));
    }
    let first = wire.hear().unwrap();
    assert_eq!(first.status(), None);
    let ended = server.terminate(Duration::from_secs(60));
    assert_eq!(ended.code(), Some(0), "{}", server.log());

    // Everything that was answered before the connection closed is an order, was refused, or the farewell.
    let mut orders = Vec::new();
    let mut goaways = 0;
    for heard in std::iter::once(first).chain(wire.hear_to_the_end()) {
        if heard.header.kind == KindCode::from(Kind::Goaway).answer() {
            goaways += 1;
        } else if heard.status().is_none() {
            orders.push(OrderBrief::read(&heard.body).unwrap());
        } else {
            assert_eq!(heard.status(), Some(Status::Draining));
        }
    }
    assert_eq!(goaways, 1);
    server.restart();
    let client = Client::connect_with(server.patiently()).unwrap();
    for order in &orders {
        let found = client.wait(client.get(UserId(order.user), OrderId(order.order))).unwrap();
        assert_eq!(found.brief.order.0, order.order);
    }
    let held = client.wait(client.stock_get(SkuId(1))).unwrap().held;
    assert!(held >= orders.len() as u64, "{held} units held, {} orders acknowledged", orders.len());
    // The clean end sealed the journal: nothing is cut off at the next start.
    assert!(!server.log().contains("never acknowledged"), "{}", server.log());
}
