//! Rules about the text of sources: where `unsafe` may stand, how long a file may be, and that nothing in it
//! speaks of the machine it was written on.

use super::{Findings, TextFile};

/// Only here may `unsafe` stand: where the kernel is spoken to, where a linker is proved something, and where an
/// allocator counts what it is asked for.
const UNSAFE_FOLDERS: &[&str] = &["reactor/", "domain/purity/"];
const COUNTING_ALLOCATORS: &str = "/tests/allocations.rs";

/// Past this, a file has more than one purpose.
const LINES_MAX: usize = 800;

/// Folders of one machine. In pieces, so that this file does not find itself.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/tmp/", "wt"),
    concat!("/Us", "ers/"),
];

/// Hosts that settings and lock files may name. A mirror of somebody's registry is of no use to anybody else.
const HOSTS: &[&str] = &["github.com", "docs.rs", "crates.io", "127.0.0.1", "localhost"];

pub fn check(files: &[TextFile]) -> Findings {
    let mut findings = Findings::new();
    for file in files {
        unsafe_outside(file, &mut findings);
        too_long(file, &mut findings);
        machine_paths(file, &mut findings);
        foreign_hosts(file, &mut findings);
    }
    findings
}

fn unsafe_outside(file: &TextFile, findings: &mut Findings) {
    if !file.is(&["rs"]) || is_unsafe_place(&file.path) {
        return;
    }
    for (number, line) in numbered(&file.text) {
        if says_unsafe(line) {
            findings.push(format!("{}:{number}: unsafe belongs in reactor/: find a safe way", file.path));
        }
    }
}

fn is_unsafe_place(path: &str) -> bool {
    UNSAFE_FOLDERS.iter().any(|folder| path.starts_with(folder)) || path.ends_with(COUNTING_ALLOCATORS)
}

/// The keyword where code has it: followed by a block, a function, an impl or the like. Comments do not count.
fn says_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or("");
    let keyword = concat!("un", "safe");
    code.match_indices(keyword).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + keyword.len()..].trim_start();
        let is_word = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"');
        is_word && ["{", "fn ", "impl", "extern", "trait", "("].iter().any(|next| after.starts_with(next))
    })
}

fn too_long(file: &TextFile, findings: &mut Findings) {
    let lines = file.text.lines().count();
    // What a command writes is as long as what it is written from.
    let by_hand = !file.text.lines().next().is_some_and(|first| first.ends_with("not by hand:"));
    if file.is(&["rs", "py"]) && by_hand && lines > LINES_MAX {
        findings.push(format!("{}: {lines} lines; split it by purpose, at most {LINES_MAX}", file.path));
    }
}

fn machine_paths(file: &TextFile, findings: &mut Findings) {
    for (number, line) in numbered(&file.text) {
        if let Some(path) = MACHINE_PATHS.iter().find(|path| line.contains(**path)) {
            findings
                .push(format!("{}:{number}: names {path}, a folder of one machine: take it out", file.path));
        }
    }
}

fn foreign_hosts(file: &TextFile, findings: &mut Findings) {
    if !file.is(&["toml", "lock", "sh", "yml", "yaml"]) && !file.path.starts_with(".ci/") {
        return;
    }
    for (number, line) in numbered(&file.text) {
        for (_, rest) in line.match_indices("://").map(|(at, found)| line.split_at(at + found.len())) {
            let host =
                rest.split(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-')).next().unwrap_or("");
            if !HOSTS.contains(&host) {
                findings
                    .push(format!("{}:{number}: names the host {host}: use the public registry", file.path));
            }
        }
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The findings about one file of this path and text.
    fn about(path: &str, text: &str) -> Vec<String> {
        check(&[TextFile { path: path.into(), text: text.into() }])
    }

    #[test]
    fn what_is_untidy_is_found_at_its_line() {
        let block = concat!("fn f() {\n    un", "safe { g() }\n}");
        assert!(about("storage/src/a.rs", block)[0].starts_with("storage/src/a.rs:2: unsafe"));
        assert_eq!(about("reactor/src/a.rs", block), [""; 0]);
        assert_eq!(about("storage/src/a.rs", "#![forbid(unsafe_code)] // unsafe { }"), [""; 0]);

        assert!(about("a/b.md", concat!("see /ro", "ot/notes"))[0].starts_with("a/b.md:1: names"));
        assert!(about("a/b.rs", &"\n".repeat(LINES_MAX + 1))[0].contains("split it"));
        assert_eq!(about("a/b.rs", &"\n".repeat(LINES_MAX)), [""; 0]);

        assert!(
            about("Cargo.lock", "source = \"registry+https://mirror.example/index\"")[0]
                .contains("mirror.example")
        );
        assert_eq!(about("Cargo.lock", "source = \"registry+https://github.com/rust-lang/index\""), [""; 0]);
    }
}
