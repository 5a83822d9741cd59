//! Arrows between crates point one way: the table of what may use what, compared with every Cargo.toml.

use serde_json::Value;

use super::{Findings, members};

/// What each of our crates may use of our crates. A new arrow is a decision: it wants an ADR and a word here.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("protocol", &[]),
    ("affinity", &[]),
    ("reactor", &["affinity"]), // no shop noun: bytes in, bytes out
    ("storage", &["domain"]),
    ("storage-cluster", &["domain", "storage"]),
    ("handlers", &["domain", "protocol", "storage"]),
    ("tidegate-sdk", &["protocol"]), // a client's programmer compiles two crates of ours, not ten
    ("loadgen", &["affinity", "protocol", "reactor"]), // drives its sockets with the server's reactor
    ("model", &["domain"]),          // shares only values and the record decoder with what it judges
    ("history", &[]),                // judges records, not the code that made them
    ("powercut", &[]),               // a disk that knows nothing of shops
    ("servers", &[]),                // others' servers, whoever asks them
    ("cluster-model", &[]),          // the protocol as values, before there is any code of it
    ("sim", &["domain", "model", "storage"]), // turns the real engine over a disk of its own
    ("tidegate", ANY),
    ("e2e", ANY),
    ("benches", ANY),
    ("xtask", ANY),
];

/// These stand at the end of all arrows: they may use whatever they like, and nothing else may use them.
const ANY: &[&str] = &["*"];

/// Tests may look across where the crate itself may not.
const TESTS_MAY_ALSO_USE: &[&str] = &["model", "servers"];

pub fn check(metadata: &Value) -> Findings {
    let ours: Vec<&str> = members(metadata).map(|(name, ..)| name).collect();
    let mut findings = Findings::new();
    for (name, folder, package) in members(metadata) {
        let Some((_, allowed)) = MAY_USE.iter().find(|(of, _)| *of == name) else {
            findings.push(format!(
                "{folder}/Cargo.toml: give {name} a row in MAY_USE (xtask/src/tidy/arrows.rs)"
            ));
            continue;
        };
        for used in package["dependencies"].as_array().into_iter().flatten() {
            let (target, in_tests) = (used["name"].as_str().unwrap_or_default(), used["kind"] == "dev");
            if !ours.contains(&target) || *allowed == ANY || allowed.contains(&target) {
                continue;
            }
            if !(in_tests && TESTS_MAY_ALSO_USE.contains(&target)) {
                findings.push(format!(
                    "{folder}/Cargo.toml: {name} may not use {target}; turn the arrow round, or decide it with an \
                     ADR and a row in MAY_USE"
                ));
            }
        }
    }
    findings
        .extend(members(metadata).filter_map(|(name, folder, package)| plants_bugs(name, &folder, package)));
    for (name, _) in MAY_USE.iter().filter(|(name, _)| !ours.contains(name)) {
        findings
            .push(format!("xtask/src/tidy/arrows.rs: MAY_USE names {name}, which is no crate; take it out"));
    }
    findings
}

/// Bugs on purpose are the simulator's alone, and even there only where somebody asks for them.
fn plants_bugs(name: &str, folder: &str, package: &Value) -> Option<String> {
    let asks = |dependency: &Value| dependency["features"].to_string().contains("\"planted\"");
    let always = package["dependencies"].as_array().into_iter().flatten().any(asks);
    let passes_on = name != "sim" && package["features"].to_string().contains("/planted\"");
    let finding = "turns on storage's feature «planted»: only tests/sim may, by a feature of its own";
    (always || passes_on).then(|| format!("{folder}/Cargo.toml: {name} {finding}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The findings about one crate that uses one other.
    fn about(name: &str, uses: &str, kind: &str) -> Vec<String> {
        let kind = if kind.is_empty() { Value::Null } else { json!(kind) };
        let package = |name: &str, dependencies: Value| {
            json!({"name": name, "manifest_path": format!("/w/{name}/Cargo.toml"), "source": null,
                   "dependencies": dependencies})
        };
        let metadata = json!({"workspace_root": "/w", "packages":
            [package(name, json!([{"name": uses, "kind": kind}])), package(uses, json!([]))]});
        check(&metadata).into_iter().filter(|finding| finding.starts_with(&format!("{name}/"))).collect()
    }

    #[test]
    fn only_the_simulator_can_plant_bugs() {
        let features = json!({"planted": ["storage/planted"]});
        let by_feature = json!({"dependencies": [{"name": "storage", "features": []}], "features": features});
        let always = json!({"dependencies": [{"name": "storage", "features": ["planted"]}], "features": {}});
        assert_eq!(plants_bugs("sim", "tests/sim", &by_feature), None);
        assert!(plants_bugs("tidegate", "server", &by_feature).is_some());
        assert!(plants_bugs("tidegate", "server", &always).is_some());
        assert!(plants_bugs("sim", "tests/sim", &always).is_some());
    }

    #[test]
    fn arrows_against_the_table_are_found() {
        assert_eq!(about("storage", "domain", ""), [""; 0]);
        assert_eq!(about("storage", "model", "dev"), [""; 0]);
        assert_eq!(about("tidegate", "loadgen", ""), [""; 0]);
        assert!(about("storage", "model", "")[0].contains("storage may not use model"));
        assert!(about("domain", "protocol", "dev")[0].contains("domain may not use protocol"));
        assert!(about("newcomer", "domain", "")[0].contains("give newcomer a row"));
    }
}
