//! `tidegate load` and `demo` against the real server: a flash sale sells exactly its stock, a record outlives a
//! kill −9 and is verified, and whatever was typed wrong is said.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::Server;
use serde_json::Value;
use tempfile::TempDir;
use tidegate_sdk::blocking::Client;

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn said(ran: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
}

/// Runs `load` with these flags to its end, which must be this exit code.
fn load(server: &Server, flags: &str, code: i32) -> String {
    let flags: Vec<&str> = std::iter::once("load").chain(flags.split_whitespace()).collect();
    let ran = server.run(&flags);
    assert_eq!(ran.status.code(), Some(code), "{flags:?}: {}", said(&ran));
    said(&ran)
}

#[test]
fn a_flash_sale_sells_exactly_its_stock() {
    let server = Server::start(TIDEGATE);
    let folder = tempfile::tempdir().unwrap();
    let (report, page) = (folder.path().join("r.json"), folder.path().join("r.html"));
    let files = format!("--json {} --html {}", report.display(), page.display());
    let table =
        load(&server, &format!("--scenario flash --orders 100000 --users 20000 --stock 1000 {files}"), 0);
    assert!(table.contains("of 4,000 in stock") && table.contains("SOLD_OUT"), "{table}");

    let report = json(&report);
    assert_eq!((&report["sent"], &report["answered"]), (&100_000.into(), &100_000.into()));
    assert_eq!((&report["accepted_units"], &report["stock_units"]), (&4_000.into(), &4_000.into()));
    assert_eq!(
        (&report["errors"], &report["unknown"], &report["durable"]),
        (&0.into(), &0.into(), &true.into())
    );
    let audit = &report["audit"];
    assert_eq!((&audit["ok"], &audit["oversold"], &audit["stock"]), (&true.into(), &0.into(), &4_000.into()));
    assert_eq!(audit["held"], 4_000, "nobody has paid yet");
    assert!(report["journal"]["groups"].as_u64().unwrap() > 0);
    let refused: u64 = report["refused"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(refused + report["accepted"].as_u64().unwrap(), 100_000);
    assert!(fs::read_to_string(page).unwrap().contains("Audit ok"));
}

#[test]
fn every_scenario_ends_well() {
    let server = Server::start(TIDEGATE);
    load(&server, "--scenario steady --orders 20000 --skus 100", 0);
    load(&server, "--scenario steady --orders 20000 --skus 1 --pipeline 1", 0);
    load(&server, "--scenario steady --rate 5000 --seconds 1", 0);
    load(&server, "--scenario cart --orders 5000 --skus 50 --connections 4", 0);
    let table = load(&server, "--scenario soldout --orders 50000 --stock 20", 0);
    assert!(table.contains("answered with their order"), "{table}");
    // The same seed again: what the first run left is used again.
    for _ in 0..2 {
        load(&server, "--scenario flash --orders 20000 --stock 50 --seed 7", 0);
    }
}

/// The key that `tidegate load` signs with where none is named.
const LOADS_KEY: &str = "tidegate load is not a real gateway";

/// A server that believes the gateway which the load plays, and what has to live as long.
fn server_with_gateway(key: &str) -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (config, key_file) = (folder.path().join("tidegate.toml"), folder.path().join("key"));
    fs::write(&key_file, key).unwrap();
    fs::write(&config, format!("[payments]\ngateways = [{{ id = 1, key_file = {key_file:?} }}]\n")).unwrap();
    (Server::start_with(TIDEGATE, &["--config", &config.display().to_string()]), folder)
}

#[test]
fn orders_live_to_their_end_and_are_verified() {
    let (server, folder) = server_with_gateway(LOADS_KEY);
    let (record, report) = (folder.path().join("r.txt"), folder.path().join("r.json"));
    let files = format!("--record {} --json {}", record.display(), report.display());
    let table = load(&server, &format!("--scenario lifecycle --orders 5000 --skus 50 {files}"), 0);
    assert!(table.contains("PAY_CALLBACK") && table.contains("Lives of orders"), "{table}");

    let report = json(&report);
    let answered = |kind: &str| report["kinds"][kind]["answered"].as_u64().unwrap();
    assert_eq!(
        (&report["accepted"], &report["errors"], answered("CREATE")),
        (&5_000.into(), &0.into(), 5_000)
    );
    assert_eq!(report["refused"].as_object().unwrap().len(), 0, "{}", report["refused"]);
    let cancelled = 5_000 - answered("PAY_OPEN");
    assert!((850..1_150).contains(&cancelled), "one in five is cancelled: {cancelled}");
    assert!((180..320).contains(&answered("REFUND_RESULT")), "one in twenty is refunded");
    assert_eq!(report["audit"]["ok"], true);

    let told = load(&server, &format!("--verify {}", record.display()), 0);
    assert!(told.contains("went on") && told.contains("record and store agree"), "{told}");

    // A shipment that the store knows nothing of: the record says that this order was cancelled, then sent.
    let rows = fs::read_to_string(&record).unwrap();
    let cancel = rows.lines().find_map(|row| row.strip_prefix("! ")?.strip_suffix(" CANCEL")).unwrap();
    fs::write(&record, format!("{rows}! {cancel} SHIP\n= {cancel} ACCEPTED 0\n")).unwrap();
    let told = load(&server, &format!("--verify {}", record.display()), 1);
    assert!(told.contains("1 difference") && told.contains("is in state"), "{told}");
}

#[test]
fn a_mixed_shop_is_read_and_followed() {
    let (server, folder) = server_with_gateway(LOADS_KEY);
    let (record, report) = (folder.path().join("r.txt"), folder.path().join("r.json"));
    let files = format!("--record {} --json {}", record.display(), report.display());
    load(&server, &format!("--scenario mixed --seconds 3 --subscribers 3 {files}"), 0);
    let report = json(&report);
    let answered = |kind: &str| report["kinds"][kind]["answered"].as_u64().unwrap();
    for kind in ["CREATE", "GET", "LIST", "STOCK_GET", "STOCK_ADJUST", "STOCK_RESERVE", "SHIP"] {
        assert!(answered(kind) > 0, "{kind}: {report}");
    }
    assert_eq!(
        (&report["subscribers"], &report["errors"]),
        (&3.into(), &0.into()),
        "{}",
        report["first_errors"]
    );
    assert!(report["events"].as_u64().unwrap() > 0);
    let told = load(&server, &format!("--verify {}", record.display()), 0);
    assert!(told.contains("record and store agree"), "{told}");
}

#[test]
fn a_gateway_that_the_server_does_not_believe_is_said() {
    let (server, _folder) = server_with_gateway("another key than that of the load");
    let said = load(&server, "--scenario lifecycle --orders 10", 1);
    assert!(said.contains("does not believe gateway 1") && said.contains("--gateway-key"), "{said}");
    let said = load(&server, "--scenario lifecycle --orders 10 --gateway 7", 1);
    assert!(said.contains("it has no gateway 7") && said.contains("TIDEGATE_PAYMENTS_GATEWAYS"), "{said}");
}

#[test]
fn a_record_outlives_a_kill_and_is_verified() {
    let mut server = Server::start(TIDEGATE);
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("r.txt");
    let mut run = Command::new(TIDEGATE);
    run.args([
        "load",
        "--scenario",
        "steady",
        "--seconds",
        "600",
        "--skus",
        "50",
        "--target",
        server.address(),
    ]);
    let run =
        run.arg("--record").arg(&record).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = run.spawn().unwrap();
    wait_for_rows(&record);
    server.kill();
    let killed = Instant::now();
    let ran = run.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(1), "{}", said(&ran));
    assert!(killed.elapsed() < Duration::from_secs(60), "it went on for {:?}", killed.elapsed());
    assert!(said(&ran).contains("ended because the server was gone"), "{}", said(&ran));

    server.restart();
    let told = load(&server, &format!("--verify {}", record.display()), 0);
    assert!(told.contains("record and store agree"), "{told}");

    // A promise that the store knows nothing of.
    let rows = fs::read_to_string(&record).unwrap();
    let request = rows.lines().find(|row| row.starts_with("> ")).unwrap().split(' ').nth(3).unwrap();
    let broken = format!("{rows}> 99999999 4711 {request} 5 1*1\n< 99999999 ACCEPTED 12345\n");
    fs::write(&record, broken).unwrap();
    let told = load(&server, &format!("--verify {}", record.display()), 1);
    assert!(told.contains("order 12345 of user 4711 was acknowledged") && told.contains("is lost"), "{told}");
}

#[test]
fn a_killed_generator_leaves_a_record_of_all_that_it_sent() {
    let server = Server::start(TIDEGATE);
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("r.txt");
    let mut run = Command::new(TIDEGATE);
    run.args([
        "load",
        "--scenario",
        "steady",
        "--seconds",
        "600",
        "--skus",
        "50",
        "--target",
        server.address(),
    ]);
    let mut run =
        run.arg("--record").arg(&record).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_rows(&record);
    run.kill().unwrap();
    run.wait().unwrap();
    come_to_rest(&server);
    let told = load(&server, &format!("--verify {}", record.display()), 0);
    assert!(told.contains("record and store agree"), "{told}");
}

/// Waits until nobody is connected but who asks, and all that was sent is decided.
fn come_to_rest(server: &Server) {
    let client = Client::connect_with(server.patiently().connections(1)).unwrap();
    let began = Instant::now();
    loop {
        let stats = client.wait(client.stats()).unwrap();
        if stats.connections == 1 && stats.in_flight == 0 {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{stats:?}");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn whoever_interrupts_gets_the_report() {
    let server = Server::start(TIDEGATE);
    let mut run = Command::new(TIDEGATE);
    run.args(["load", "--scenario", "steady", "--seconds", "600", "--target", server.address()]);
    let run = run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    sleep(Duration::from_secs(2));
    let interrupted = Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let ran = run.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", said(&ran));
    assert!(
        said(&ran).contains("stopped before its end") && said(&ran).contains("audit     ok"),
        "{}",
        said(&ran)
    );
}

/// Until orders were accepted, and some more.
fn wait_for_rows(record: &Path) {
    let until = Instant::now() + Duration::from_secs(60);
    while !fs::read_to_string(record).is_ok_and(|rows| rows.contains(" ACCEPTED ")) {
        assert!(Instant::now() < until, "nothing was accepted");
        sleep(Duration::from_millis(20));
    }
    sleep(Duration::from_millis(300));
}

#[test]
fn a_demo_needs_nothing_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (report, temporary) = (folder.path().join("demo.json"), folder.path().join("tmp"));
    fs::create_dir(&temporary).unwrap();
    let mut demo = Command::new(TIDEGATE);
    let demo = demo.args(["demo", "--seconds", "1", "--json"]).arg(&report).env("TMPDIR", &temporary);
    let ran = demo.stdin(Stdio::null()).output().unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
    assert!(said(&ran).contains("Try next"), "{}", said(&ran));
    let report = json(&report);
    assert_eq!((&report["scenario"], &report["audit"]["ok"]), (&"flash".into(), &true.into()));
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "the data folder is gone");
}

#[test]
fn what_was_typed_wrong_is_said() {
    let server = Server::start(TIDEGATE);
    load(&server, "--scenario lifetime", 2);
    load(&server, "", 2);
    assert!(load(&server, "--scenario replay", 2).contains("--file"));
    assert!(load(&server, "--scenario steady --connections 0", 1).contains("connections must be at least 1"));
    assert!(load(&server, "--scenario steady --rate trace", 1).contains("only a replay"));
    assert!(load(&server, "--verify nowhere.txt", 1).contains("nowhere.txt cannot be verified"));
    assert!(load(&server, "--scenario steady --target 127.0.0.1:1", 1).contains("is it running"));
}
