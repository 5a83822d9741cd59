//! Commands that pages for people show are commands that there are, with the flags that they show.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::path::Path;
use std::process::Command;

const PAGES: [&str; 4] = ["README.md", "CONTRIBUTING.md", "docs/DISK.md", "docs/CLUSTER.md"];

#[test]
fn every_command_that_a_page_shows_is_there() {
    let mut shown = 0;
    for page in PAGES {
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page)).unwrap();
        for line in text.lines() {
            let command = line.split(" #").next().unwrap_or(line);
            let command =
                command.strip_prefix("cargo run --release -- ").or(command.strip_prefix("tidegate "));
            if let Some(command) = command {
                check(page, command);
                shown += 1;
            }
        }
    }
    assert!(shown >= 6, "the README shows how to begin; {shown} commands were found");
}

/// The command's own help must know its sub-commands and flags.
fn check(page: &str, command: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    let is_name =
        |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
    let names: Vec<&str> = words.iter().take_while(is_name).copied().collect();
    let ran =
        Command::new(env!("CARGO_BIN_EXE_tidegate-under-test")).args(&names).arg("--help").output().unwrap();
    let help = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{page}: there is no `tidegate {command}`");
    for flag in words.iter().filter(|word| word.starts_with("--")) {
        assert!(help.contains(flag), "{page}: `tidegate {command}`: there is no {flag}");
    }
}
