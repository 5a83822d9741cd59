//! The protocol as it is: every scenario is searched to its end, and nothing goes wrong in it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use cluster_model::{Model, Property, Rules, SCENARIOS, Scenario, search};

/// More states than any of these scenarios has: what grows past it belongs into `LARGE`.
const STATES_MAX: usize = 5_000_000;

/// Searches a scenario to its end; `docs/CLUSTER.md` says how many states that are.
fn holds(name: &str) {
    let scenario = *Scenario::named(name).unwrap();
    let outcome = search(&Model { scenario, rules: Rules::KEPT }, Property::ALL, STATES_MAX);
    if let Some(violation) = outcome.violation {
        panic!("in «{name}», found among {} states:\n{violation}", outcome.states);
    }
    assert!(outcome.exhausted, "«{name}» has more than {STATES_MAX} states: make it smaller");
    let row = format!("| {} | {} |", grouped(outcome.states), outcome.depth);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CLUSTER.md");
    let page = fs::read_to_string(page).unwrap();
    let line = page.lines().find(|line| line.starts_with(&format!("| {name} |")));
    let line = line.unwrap_or_else(|| panic!("docs/CLUSTER.md: no row for «{name}»"));
    assert!(line.ends_with(&row), "docs/CLUSTER.md: the row of «{name}» ends with {row}");
}

/// 1,234,567
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

#[test]
fn every_scenario_has_a_test() {
    let here = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios.rs")).unwrap();
    for scenario in SCENARIOS {
        assert!(here.contains(&format!("holds(\"{}\")", scenario.name)), "{} has no test", scenario.name);
    }
}

#[test]
fn retries() {
    holds("retries");
}

#[test]
fn rush() {
    holds("rush");
}

#[test]
fn fail_over() {
    holds("fail-over");
}

#[test]
fn flush() {
    holds("flush");
}

#[test]
fn openers_die() {
    holds("openers die");
}

#[test]
fn cancel() {
    holds("cancel");
}

#[test]
fn cancel_and_flush() {
    holds("cancel and flush");
}

#[test]
fn baskets() {
    holds("baskets");
}

#[test]
fn baskets_and_fail_over() {
    holds("baskets and fail-over");
}

#[test]
fn cancel_and_fail_over() {
    holds("cancel and fail-over");
}

#[test]
fn split_brain() {
    holds("split brain");
}
