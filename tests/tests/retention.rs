//! A shop that keeps little of its journal on its own disk: segments leave while it sells, and with the archive all of it
//! is there to be audited, copied and looked at; without, nobody claims so.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use e2e::Server;
use e2e::feed::{EVERYTHING, FEED, Feed, shop};
use e2e::wire::{Wire, create, frame, unix_ms};
use protocol::structs::{Event, OrderBrief, Refusal, SubscribeHead};
use protocol::{EventType, Plain, Status, messages};
use serde_json::Value;

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const MIB: u64 = 1 << 20;
/// What may stay in the data folder, beyond what openings need.
const KEPT_BYTES: u64 = 6 * MIB;
/// A segment, and what is written while two checkpoints are made, which the load makes faster than this disk is.
const SLACK_BYTES: u64 = 60 * MIB;
/// How long the last segments may take to leave.
const PATIENCE: Duration = Duration::from_secs(60);

fn settings(archive: &Path) -> String {
    format!(
        "[journal]\nsegment_bytes = 2097152\ngroup_bytes = 262144\ncheckpoint_bytes = 3145728\n\
         on_expiry = \"archive\"\nretain_bytes = {KEPT_BYTES}\narchive_dir = \"{}\"\n",
        archive.display()
    )
}

#[test]
fn segments_leave_under_load_and_a_killed_server_has_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (config, archive) = (folder.path().join("small.toml"), folder.path().join("archive"));
    fs::write(&config, settings(&archive)).unwrap();
    let (config, place) = (config.to_str().unwrap(), archive.to_str().unwrap());
    let mut server = Server::start_with(TIDEGATE, &["--config", config]);
    let data = server.data();
    let data = data.to_str().unwrap();

    // Killed twice while it sells and segments leave.
    for _ in 0..2 {
        let before = journal_bytes(&archive);
        let mut load = sell(&server, "400000");
        let began = Instant::now();
        while journal_bytes(&archive) < before + 8 * MIB {
            assert!(began.elapsed() < PATIENCE, "only {} bytes left", journal_bytes(&archive));
            std::thread::sleep(Duration::from_millis(20));
        }
        server.kill();
        let _ = load.kill();
        load.wait().unwrap();
        server.restart_with(&["--config", config]);
    }
    assert!(sell(&server, "60000").wait().unwrap().success());

    // Segments leave behind who serves: on full cores later, and when there is room, all that may.
    let began = Instant::now();
    while journal_bytes(Path::new(data)) >= KEPT_BYTES + SLACK_BYTES {
        assert!(began.elapsed() < PATIENCE, "{} bytes stay", journal_bytes(Path::new(data)));
        std::thread::sleep(Duration::from_millis(20));
    }

    // A running server reads its archive for an audit; events end where the data folder does.
    done(&server, &["audit", "--target", server.address()]);
    let stats: Value = serde_json::from_str(&done(&server, &["admin", "--json", "stats"])).unwrap();
    let behind = stats["journal_begins_behind"].as_u64().unwrap();
    assert!(behind > 10_000, "{stats}");
    assert!(begins_at(&server) >= behind);

    // A backup of a running server.
    let copy = folder.path().join("copy");
    let copy = copy.to_str().unwrap();
    let said = refused(&server, &["backup", "--data", data, "--to", copy]);
    assert!(said.contains("name the archive"), "{said}");
    done(&server, &["backup", "--data", data, "--archive", place, "--to", copy]);
    assert!(sell(&server, "3000").wait().unwrap().success());
    let told = done(&server, &["backup", "--data", data, "--to", copy]);
    assert!(told.contains(" were there"), "it goes on without the archive: {told}");

    server.kill();
    let whole = audited(&server, &["--data", data, "--archive", place]);
    assert_eq!((&whole["ok"], &whole["begins_behind"]), (&true.into(), &0.into()), "{whole}");
    // Without the archive it begins with a checkpoint.
    let alone = audited(&server, &["--data", data]);
    assert_eq!((&alone["ok"], &alone["position"]), (&true.into(), &whole["position"]), "{alone}");
    assert!(alone["begins_behind"].as_u64().unwrap() > behind, "{alone}");
    assert_eq!(audited(&server, &["--data", data, "--config", config])["position"], whole["position"]);
    assert_eq!(audited(&server, &["--data", copy])["ok"], true);
    done(&server, &["verify-backup", data, "--archive", place]);
    refused(&server, &["verify-backup", data]);

    // Who looks sees what is there, and is told what is not.
    let seen = done(&server, &["inspect", data]);
    assert!(seen.contains("the journal begins behind fact") && seen.contains("whole up to"), "{seen}");
    let seen = done(&server, &["inspect", data, "--archive", place]);
    assert!(seen.contains("0000000000000001.journal") && !seen.contains("begins behind"), "{seen}");
    let first = ["inspect", data, "--as-of", "20", "--sku", "1"];
    let said = refused(&server, &first);
    assert!(said.contains("name the archive"), "{said}");
    done(&server, &[&first[..], &["--archive", place]].concat());
}

#[test]
fn an_event_says_whose_order_it_was_though_the_segment_with_its_making_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let (config, archive) = (folder.path().join("small.toml"), folder.path().join("archive"));
    let smaller = settings(&archive)
        .replace("segment_bytes = 2097152", "segment_bytes = 1048576")
        .replace("checkpoint_bytes = 3145728", "checkpoint_bytes = 1048576")
        .replace(&format!("retain_bytes = {KEPT_BYTES}"), "retain_bytes = 1048576");
    fs::write(&config, smaller).unwrap();
    let config = config.to_str().unwrap();
    let mut server = shop(TIDEGATE, &["--config", config]);
    let mut wire = Wire::connect(server.address());
    let first = buy(&mut wire, 0..2);
    let began = Instant::now();
    let mut numbers = 2;
    while journal_bytes(&archive) < 3 * MIB {
        buy(&mut wire, numbers..numbers + 500);
        numbers += 500;
        assert!(began.elapsed() < PATIENCE, "nothing leaves");
    }

    // The archive says whose it was; where somebody has taken that away, nobody does, and the stream goes on.
    for (order, says_whose) in first.iter().zip([true, false]) {
        if !says_whose {
            // It has read the orders beside the first one as well.
            server.kill();
            fs::rename(&archive, folder.path().join("elsewhere")).unwrap();
            server.restart_with(&["--config", config]);
        }
        let mut feed = Feed::open(&server, SubscribeHead { from: 0, ..EVERYTHING });
        let id = order.order.to_string();
        done(&server, &["admin", "order", "cancel", &id, "--why", "12"]);
        let cancelled = loop {
            let of_it = |event: &&Event| event.event == EventType::OrderCancelled.number();
            if let Some(event) = feed.next_frame().iter().find(of_it) {
                break *event;
            }
        };
        assert_eq!(cancelled.order, order.order);
        assert_eq!(cancelled.user, if says_whose { order.user } else { 0 }, "of {}", order.user);
    }
}

/// Makes so many orders.
fn buy(wire: &mut Wire, numbers: std::ops::Range<u64>) -> Vec<OrderBrief> {
    let asked: Vec<u8> = numbers.clone().flat_map(|number| create(number, unix_ms())).collect();
    wire.send(&asked);
    numbers
        .map(|_| {
            let heard = wire.hear().unwrap();
            assert_eq!(heard.status(), None);
            OrderBrief::read(&heard.body).unwrap()
        })
        .collect()
}

/// Where events begin for who asks for the first one.
fn begins_at(server: &Server) -> u64 {
    let mut wire = Wire::connect(server.address());
    wire.send(&frame::<messages::Subscribe>(FEED, &EVERYTHING, &[]));
    loop {
        let heard = wire.hear().expect("an answer");
        if let Some(status) = heard.status() {
            assert_eq!(status, Status::CursorTooOld);
            return Refusal::read(&heard.body).unwrap().there.cast_unsigned();
        }
    }
}

/// A load in the background.
fn sell(server: &Server, orders: &str) -> Child {
    let mut load = Command::new(TIDEGATE);
    load.args(["load", "--target", server.address(), "--scenario", "steady", "--orders", orders]);
    load.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Bytes of the segments in a folder; what goes meanwhile counts or not.
fn journal_bytes(folder: &Path) -> u64 {
    let Ok(files) = fs::read_dir(folder) else { return 0 };
    let journals = files.flatten().filter(|file| file.path().extension().is_some_and(|it| it == "journal"));
    journals.flat_map(|file| file.metadata()).map(|it| it.len()).sum()
}

/// Runs a command; whether it succeeded, and what it said.
fn run(server: &Server, args: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = server.run(args);
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

fn done(server: &Server, args: &[&str]) -> String {
    let (succeeded, said) = run(server, args);
    assert!(succeeded, "{args:?}: {said}");
    said
}

fn refused(server: &Server, args: &[&str]) -> String {
    let (succeeded, said) = run(server, args);
    assert!(!succeeded, "{args:?}: {said}");
    said
}

fn audited(server: &Server, args: &[&str]) -> Value {
    let args = [&["audit", "--json"], args].concat();
    let Output { stdout, .. } = server.run(&args);
    serde_json::from_slice(&stdout).unwrap()
}
