//! Faults in a real folder whose checksums are all good: `tidegate audit --data` names each and exits 1.

#[path = "../model/tests/planted/faults.rs"]
mod faults;

use std::path::Path;
use std::process::{Command, Output};

use domain::{Fact, Stamp};
use e2e::Server;
use faults::Journal;
use storage::embedded::author::Author;

#[test]
fn each_fault_on_disk_is_named_and_fails_the_command() {
    for faults in faults::ALL {
        faults(&mut |expected, plant| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            write(folder.path(), |journal| {
                plant(journal);
                journal.adjusts(|_| ());
            });
            let told = audit(folder.path(), &["--json"]);
            let finding: serde_json::Value = serde_json::from_slice(&told.stdout).expect("one JSON object");
            let invariants = finding["invariants"].as_array().expect("a list of invariants");
            let failed: Vec<_> = (invariants.iter())
                .filter(|it| it["violations"] != 0)
                .map(|it| it["name"].as_str().expect("a name"))
                .collect();
            assert_eq!(failed, expected, "{finding:#}");
            assert_eq!(finding["ok"], expected.is_empty());
            assert_eq!(told.status.code(), Some(i32::from(!expected.is_empty())));
        });
    }
}

#[test]
fn a_person_reads_what_failed_and_where() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), |journal| {
        journal.creates(&[faults::line(faults::PLAIN, 1)], |order| order.total.0 -= 1);
    });
    let told = audit(folder.path(), &[]);
    let table = String::from_utf8(told.stdout).expect("text");
    assert!(table.contains("FAIL  money"), "{table}");
    assert!(table.contains("first at position 7: order"), "{table}");
    assert!(table.contains("FAILED: money, up to position 8"), "{table}");
    assert_eq!(told.status.code(), Some(1));
}

#[test]
fn a_folder_without_a_journal_or_with_a_server_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = folder.path().join("nothing");
    for (data, sentence) in [(folder.path(), "holds no journal"), (&missing, "cannot be read")] {
        let told = audit(data, &[]);
        let said = String::from_utf8(told.stderr).expect("text");
        assert!(said.contains(sentence), "{said}");
        assert_eq!(told.status.code(), Some(1));
    }
    write(folder.path(), |_| ());
    let server = std::fs::File::open(folder.path()).expect("the folder");
    server.lock().expect("nobody else has it");
    let said = String::from_utf8(audit(folder.path(), &[]).stderr).expect("text");
    assert!(said.contains("used by a server"), "{said}");
    drop(server);
    assert_eq!(audit(folder.path(), &[]).status.code(), Some(0));
}

/// Writes a healthy journal that goes on like this.
#[test]
fn a_server_audits_no_more_orders_than_it_may_and_says_what_to_do() {
    const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
    let server = Server::start_in(TIDEGATE, &[], &[("TIDEGATE_REQUESTS_AUDIT_ORDERS", "10")]);
    let target = ["--target", server.address()];
    let load = |orders: &str, flags: &[&str]| {
        let load = ["load", "--scenario", "steady", "--connections", "2", "--orders", orders];
        server.run(&[&load[..], &target, flags].concat())
    };
    assert_eq!(load("10", &[]).status.code(), Some(0));
    assert_eq!(server.run(&[&["audit"][..], &target].concat()).status.code(), Some(0));

    let over = load("1", &["--no-audit"]);
    let told = String::from_utf8(over.stdout).expect("text");
    assert!(told.contains("audit     left out, as was asked for"), "{told}");
    assert_eq!(over.status.code(), Some(0));
    let refused = server.run(&[&["audit"][..], &target].concat());
    let said = String::from_utf8(refused.stderr).expect("text");
    assert!(said.contains("more orders than requests.audit_orders"), "{said}");
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(load("1", &[]).status.code(), Some(1), "who wants an audit hears that there is none");
}

fn write(folder: &Path, goes_on: impl FnOnce(&mut Journal<'_>)) {
    let mut author = Author::new(0x7E57);
    let mut tell = |position, stamp: &Stamp, facts: &[Fact<'_>]| author.entry(position, stamp, facts);
    goes_on(&mut Journal::healthy(&mut tell));
    author.finish(folder).expect("the folder can be written");
}

fn audit(data: &Path, flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidegate-under-test"))
        .arg("audit")
        .arg("--data")
        .arg(data)
        .args(flags)
        .output()
        .expect("the binary runs")
}
