//! Docs held to the project: paths that they name exist, crates that exist are named, examples that they show are
//! the files that are compiled. (Layouts and commands are held to the code by tests beside that code.)

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::{Findings, TextFile, members};
use crate::lifecycle;

/// An ADR fits on a screen.
const ADR_LINES_MAX: usize = 40;

pub fn check(root: &Path, files: &[TextFile], metadata: &Value) -> Result<Findings> {
    let mut findings = Findings::new();
    for file in files.iter().filter(|file| file.is(&["md"])) {
        named_paths_exist(root, file, &mut findings);
        examples_are_files(root, file, &mut findings)?;
    }
    match files.iter().find(|file| file.path == "docs/ARCHITECTURE.md") {
        Some(map) => every_crate_is_on_the_map(map, metadata, &mut findings),
        None => findings.push("docs/ARCHITECTURE.md is missing: write the map of the folders".into()),
    }
    life_is_as_in_the_table(files, &mut findings);
    adrs_count_up(files, &mut findings);
    Ok(findings)
}

/// `` `a/path.rs` `` and `](a/path.md)` must be there, from the root or beside the page.
fn named_paths_exist(root: &Path, file: &TextFile, findings: &mut Findings) {
    let beside = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    for (number, line) in prose(&file.text) {
        let spans = line.split('`').skip(1).step_by(2).filter(|span| looks_like_a_path(span));
        let links = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let links = links.filter(|link| !link.is_empty() && !link.contains("://"));
        for path in spans.chain(links) {
            if !root.join(path).exists() && !root.join(beside).join(path).exists() {
                findings.push(format!("{}:{number}: {path} does not exist; name what does", file.path));
            }
        }
    }
}

/// A path of ours: folders and a file with an ending, or a folder with `/` at its end; no blanks, no wildcards.
fn looks_like_a_path(span: &str) -> bool {
    let plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let ends_like_one = [".rs", ".md", ".toml", ".py", ".json", "/"].iter().any(|end| span.ends_with(end));
    plain && span.contains('/') && ends_like_one && !span.starts_with('/') && !span.starts_with("..")
}

/// A code block that begins with `// a/path.rs` is that file, from its first line of code to its last.
fn examples_are_files(root: &Path, file: &TextFile, findings: &mut Findings) -> Result<()> {
    for block in file.text.split("```rust\n").skip(1) {
        let block = block.split("```").next().unwrap_or("");
        let Some((path, shown)) = block.strip_prefix("// ").and_then(|block| block.split_once('\n')) else {
            continue;
        };
        if !looks_like_a_path(path) || !root.join(path).exists() {
            continue; // a sketch; a path that is not there is found by `named_paths_exist`, if it is ours
        }
        let real = fs::read_to_string(root.join(path))?;
        if !without_head(&real).contains(shown.trim()) {
            findings
                .push(format!("{}: the example {path} is not the file any more; copy it anew", file.path));
        }
    }
    Ok(())
}

/// A source without its `//!` lines.
fn without_head(source: &str) -> String {
    source.lines().filter(|line| !line.starts_with("//!")).collect::<Vec<_>>().join("\n")
}

fn life_is_as_in_the_table(files: &[TextFile], findings: &mut Findings) {
    let stands = files.iter().find(|file| file.path == lifecycle::PAGE);
    if stands.is_none_or(|file| file.text != lifecycle::page()) {
        findings.push(format!("{}: not as in the table; run cargo xtask lifecycle --write", lifecycle::PAGE));
    }
}

fn every_crate_is_on_the_map(map: &TextFile, metadata: &Value, findings: &mut Findings) {
    for (name, folder, _) in members(metadata) {
        if !map.text.contains(&format!("`{folder}/`")) {
            findings.push(format!("docs/ARCHITECTURE.md: say what `{folder}/` ({name}) is for"));
        }
    }
}

/// docs/adr/0001-some-title.md, «# 0001 Some title», without a gap, each on a screen.
fn adrs_count_up(files: &[TextFile], findings: &mut Findings) {
    let adrs = files.iter().filter(|file| file.path.starts_with("docs/adr/") && file.is(&["md"]));
    for (at, adr) in adrs.enumerate() {
        let number = format!("{:04}", at + 1);
        let path = &adr.path;
        if !path.starts_with(&format!("docs/adr/{number}-")) {
            findings.push(format!("{path}: number it {number}: ADRs count up without gap or repetition"));
        }
        if !adr.text.starts_with(&format!("# {number} ")) {
            findings.push(format!("{path}: begin it with «# {number} » and what was decided"));
        }
        for word in ["Chosen: ", "Again when: "] {
            if !adr.text.lines().any(|line| line.starts_with(word)) {
                findings.push(format!("{path}: say «{word}…» on a line of its own"));
            }
        }
        if adr.text.lines().count() > ADR_LINES_MAX {
            findings
                .push(format!("{path}: more than a screen; move the rest to the page that owns the fact"));
        }
    }
}

/// The lines outside code blocks, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            return None;
        }
        (!in_code).then_some((at + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools;

    fn page(path: &str, text: &str) -> TextFile {
        TextFile { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_path_that_is_gone_is_found() {
        let mut findings = Findings::new();
        let text = "See `xtask/src/main.rs`, `no/such.rs`, [this](docs/nowhere.md) and `tidegate serve`.\n\
                    ```\n`not/prose.rs`\n```";
        named_paths_exist(tools::root(), &page("README.md", text), &mut findings);
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings[0].starts_with("README.md:1: no/such.rs does not exist"));
    }

    #[test]
    fn an_example_that_went_its_own_way_is_found() {
        let check = |shown: &str| {
            let mut findings = Findings::new();
            let text = format!("```rust\n// xtask/src/tidy/docs.rs\n{shown}\n```\n");
            examples_are_files(tools::root(), &page("README.md", &text), &mut findings).unwrap();
            findings.len()
        };
        assert_eq!(check("/// An ADR fits on a screen."), 0);
        assert_eq!(check(concat!("/// An ADR fits on ", "two screens.")), 1);
    }

    #[test]
    fn adrs_are_numbered_without_a_gap() {
        let good = "# 0001 A\nChosen: this.\nAgain when: never.\n";
        let mut findings = Findings::new();
        adrs_count_up(&[page("docs/adr/0001-a.md", good)], &mut findings);
        assert_eq!(findings, [""; 0]);
        adrs_count_up(&[page("docs/adr/0003-b.md", "# 0003 B\nChosen: that.\n")], &mut findings);
        assert_eq!(findings.len(), 3, "{findings:?}");
    }
}
