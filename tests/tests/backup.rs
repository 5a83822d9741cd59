//! Checkpoints and backups of the real server: a killed one is ready by its checkpoint, and a folder that is sold into
//! is copied, restored elsewhere, and right.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use e2e::Server;
use serde_json::Value;

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
/// Small segments and groups, and a checkpoint every few of them.
const SETTINGS: &str =
    "[journal]\nsegment_bytes = 2097152\ngroup_bytes = 262144\ncheckpoint_bytes = 3145728\n";

/// Runs a command that must succeed; what it printed.
fn done(server: &Server, args: &[&str]) -> String {
    let Output { status, stdout, stderr } = server.run(args);
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{args:?}: {said}");
    said
}

fn started(folder: &Path) -> (Server, String) {
    let config = folder.join("small.toml");
    fs::write(&config, SETTINGS).unwrap();
    let config = config.to_str().unwrap().to_owned();
    (Server::start_with(TIDEGATE, &["--config", &config]), config)
}

/// A load in the background.
fn sell(server: &Server, orders: &str) -> Child {
    let mut load = Command::new(TIDEGATE);
    load.args(["load", "--target", server.address(), "--scenario", "steady", "--orders", orders]);
    load.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn checkpoints(server: &Server) -> Vec<String> {
    let names = fs::read_dir(server.data()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".checkpoint")).collect()
}

fn audited(server: &Server, folder: &Path) -> Value {
    let told = done(server, &["audit", "--json", "--data", folder.to_str().unwrap()]);
    serde_json::from_str(&told).unwrap()
}

#[test]
fn a_killed_server_begins_with_its_checkpoint_and_has_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, config) = started(folder.path());
    assert!(sell(&server, "60000").wait().unwrap().success());
    server.kill();
    let checkpoints = checkpoints(&server);
    let Some(checkpoint) = checkpoints.iter().max() else { panic!("there is none") };
    let seen = done(&server, &["inspect", server.data().to_str().unwrap()]);
    assert!(seen.contains(checkpoint) && seen.contains("all up to fact"), "{seen}");
    server.restart_with(&["--config", &config]);
    let log = server.log();
    let position = log.split_once("checkpoint=").unwrap().1.split(' ').next().unwrap();
    assert!(position.parse::<u64>().unwrap() > 10_000, "{log}");
    done(&server, &["audit", "--target", server.address()]);
    let stats: Value = serde_json::from_str(&done(&server, &["admin", "--json", "stats"])).unwrap();
    assert_eq!(stats["orders"], 60_000);
}

#[test]
fn a_backup_of_a_server_at_work_is_restored_and_right() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, _) = started(folder.path());
    let (data, copy) = (server.data(), folder.path().join("copy"));
    let (data, copy) = (data.to_str().unwrap(), copy.to_str().unwrap());
    let mut load = sell(&server, "120000");
    let mut told = String::new();
    for _ in 0..3 {
        told = done(&server, &["backup", "--data", data, "--to", copy]);
    }
    assert!(load.wait().unwrap().success());
    let first = position(&told);
    let told = done(&server, &["backup", "--data", data, "--to", copy]);
    assert!(position(&told) > first && told.contains(" were there"), "{told}");
    assert!(
        done(&server, &["verify-backup", copy]).contains(&format!("whole up to fact {}", position(&told)))
    );
    server.kill();

    // All of it, and half of it.
    let elsewhere = folder.path().join("elsewhere");
    done(&server, &["restore", "--from", copy, "--to", elsewhere.to_str().unwrap()]);
    let (ours, theirs) = (audited(&server, Path::new(data)), audited(&server, &elsewhere));
    assert_eq!((&ours["ok"], &theirs["ok"]), (&true.into(), &true.into()));
    assert_eq!(ours["invariants"], theirs["invariants"], "the same was counted");
    let half = folder.path().join("half");
    let through = (position(&told) / 2).to_string();
    let restored =
        done(&server, &["restore", "--from", copy, "--to", half.to_str().unwrap(), "--through", &through]);
    assert!(position(&restored) <= position(&told) / 2 && position(&restored) > 0, "{restored}");
    assert_eq!(audited(&server, &half)["ok"], true);

    // Nobody's folder is overwritten.
    let again = server.run(&["restore", "--from", copy, "--to", half.to_str().unwrap()]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("is not empty"));

    // A flipped byte is found.
    let segment = Path::new(copy).join("0000000000000001.journal");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[4_096 + 100] ^= 1; // in the first group
    fs::write(&segment, bytes).unwrap();
    let judged = server.run(&["verify-backup", copy]);
    let said = String::from_utf8_lossy(&judged.stdout).into_owned();
    assert!(!judged.status.success() && said.contains("0000000000000001.journal at byte"), "{said}");
}

/// The number behind «up to fact».
fn position(told: &str) -> u64 {
    let behind = told.split_once("up to fact ").expect(told).1;
    behind.split(|it: char| !it.is_ascii_digit()).next().unwrap().parse().unwrap()
}
