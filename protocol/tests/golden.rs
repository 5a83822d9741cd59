//! Code, golden vectors, `docs/WIRE.md` and the Python client's tables say the same.

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use protocol::bounds::FRAME_BYTES_MAX;
use protocol::{Split, describe, messages, split};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn frames_are_written_as_the_vectors_say() {
    for file in support::files() {
        let pinned = read(&format!("protocol/vectors/{}", file.name));
        assert!(
            pinned == file.text,
            "vectors/{}: the code writes other bytes. Clients that exist would break: undo the change, or raise the \
             version of the wire and run `cargo run -p protocol --example vectors`",
            file.name
        );
    }
}

#[test]
fn vectors_are_read_as_they_say() {
    let mut read_so_far = 0;
    for file in fs::read_dir(root().join("protocol/vectors")).expect("the folder of vectors") {
        let path = file.expect("a file of vectors").path();
        let text = fs::read_to_string(&path).expect("a text file");
        for record in text.split("\n\n").skip(1).filter(|record| record.contains("\nmessage = ")) {
            let (before, values) = record.split_at(record.find("\nmessage").expect("as filtered") + 1);
            let digits = before.lines().find_map(|line| line.strip_prefix("hex = ")).expect("a frame in hex");
            let bytes: Vec<u8> = (0..digits.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits"))
                .collect();
            let Split::Frame { header, body, .. } = split(&bytes, FRAME_BYTES_MAX) else {
                panic!("{path:?}: {before}")
            };
            let found = describe::values(&header, body).expect("a known message");
            assert_eq!(found.trim_end(), values.trim_end(), "{path:?}: {before}");
            read_so_far += 1;
        }
    }
    assert!(read_so_far > 2 * messages::ALL.len(), "only {read_so_far} vectors were found");
}

#[test]
fn every_message_has_vectors_and_every_file_is_meant() {
    let files = support::files();
    let all: String = files.iter().map(|file| file.text.as_str()).collect();
    for about in messages::ALL {
        let side = if about.answer { "answer" } else { "request" };
        let line = format!("\nmessage = {} {side}\n", about.kind.name());
        assert!(all.matches(&line).count() >= 2, "vectors for {line:?}");
        assert!(files.iter().any(|file| file.name == format!("{}.txt", about.kind.name().to_lowercase())));
    }
    let meant: BTreeSet<_> = files.iter().map(|file| file.name.clone()).collect();
    let there: BTreeSet<_> = fs::read_dir(root().join("protocol/vectors"))
        .expect("the folder of vectors")
        .map(|file| file.expect("a file of vectors").file_name().into_string().expect("a plain name"))
        .collect();
    assert_eq!(there, meant);
}

#[test]
fn the_page_and_the_python_tables_are_those_of_the_code() {
    const REWRITE: &str = "rewrite it: cargo run -p protocol --example wire_tables -- --write";
    let page = read("docs/WIRE.md");
    let renewed = describe::page(&page).unwrap_or_else(|why| panic!("docs/WIRE.md: {why}"));
    assert!(page == renewed, "docs/WIRE.md differs from the code; {REWRITE}");
    let tables = read("sdk/python/tidegate/_tables.py");
    assert!(tables == describe::python(), "sdk/python/tidegate/_tables.py differs from the code; {REWRITE}");
}
