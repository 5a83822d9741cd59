//! A burst of holds that expire within a second, while orders go on: whether buyers notice.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::tidegate::{Bench, Run};

/// Orders that nobody pays.
const BURST: u64 = 500_000;
/// How long they keep their units: until the usual p99 is known.
const HOLD_SECONDS: i64 = 20;
/// The orders that go on, from the end of the burst until all of it has expired.
const GO_ON_SECONDS: i64 = HOLD_SECONDS + 4;
/// In the first seconds of a run server and memory are not warm yet.
const WARM_SECONDS: usize = 2;
/// By how much an expiry may be late.
const LATE_US_MAX: i64 = 1_000_000;

/// How many times the usual p99 of a second the highest one is while the holds expire.
pub fn run(bench: &Bench<'_>) -> Result<Run> {
    let (server, address) = bench.serve("data", &[("TIDEGATE_STORE_OPENING_GRACE_SECONDS", "0")])?;
    let (hold, burst) = (HOLD_SECONDS.to_string(), BURST.to_string());
    // Deep pipelines, so that all of it is made within a second, and expires within one.
    let flags = ["--orders", &burst, "--hold-seconds", &hold, "--pipeline", "64"];
    let (_, made) = bench.load_with_report(&server, &address, &flags)?;

    let rate = bench.case.rate.context("orders go on by a schedule")?.to_string();
    let flags = ["--seconds", &GO_ON_SECONDS.to_string(), "--rate", &rate];
    let (mut run, report) = bench.load_with_report(&server, &address, &flags)?;
    let expired = bench.stats(&address)?["expired"].as_u64().unwrap_or(0);
    ensure!(expired >= BURST, "only {expired} of {BURST} holds had expired at the end");

    // All by the server's clock.
    let from_us = started_us(&made)? + HOLD_SECONDS * 1_000_000;
    let made_seconds = made["seconds"].as_f64().context("a report says how long it took")?;
    let to_us = from_us + (made_seconds * 1e6) as i64 + LATE_US_MAX;
    let begin_us = started_us(&report)?;
    let second_of = |at_us: i64| usize::try_from((at_us - begin_us) / 1_000_000).unwrap_or(0);
    let (from, to) = (second_of(from_us), second_of(to_us));
    let by_second: Vec<f64> = serde_json::from_value(report["p99_by_second_us"].clone())?;
    ensure!(from > WARM_SECONDS + 2 && to < by_second.len(), "the burst was over too late: {from} to {to}");
    let mut usual = by_second[WARM_SECONDS..from].to_vec();
    usual.sort_by(f64::total_cmp);
    let highest = by_second[from..=to].iter().copied().fold(0.0, f64::max);
    eprintln!(
        "{BURST} holds made in {made_seconds:.1} s expire in seconds {from} to {to}; p99 by second, µs: {by_second:.0?}"
    );
    run.figure = highest / usual[usual.len() / 2];
    Ok(run)
}

fn started_us(report: &Value) -> Result<i64> {
    report["started_at_us"].as_i64().context("a report says when it began")
}
