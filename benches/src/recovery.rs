//! From `kill -9` to ready, with millions of orders in memory and as many at rest: with the checkpoint that was there,
//! and, where all are in memory, without it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::tidegate::{Bench, DEFAULTS, Run};

/// Orders that wait for payment when the server is killed.
const ORDERS: u64 = 5_000_000;
/// They are still there when it is ready again.
const HOLD_SECONDS: &str = "86400";
/// Orders at rest then, in the row that has some: free ones, which wait for nothing.
const AT_REST: u64 = 5_000_000;
/// So that they rest soon.
const REST_AFTER_SECONDS: &str = "1";
/// All of them are audited behind the load.
const AUDITED: &str = "10000000";
/// What rests in this time does not rest at all.
const AT_REST_WITHIN: Duration = Duration::from_secs(300);
/// Between two looks at whether they do.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Seconds from the start of the process to its ready line.
pub fn run(bench: &Bench<'_>) -> Result<Run> {
    let at_rest = if bench.case.name == "recovery-resting" { AT_REST } else { 0 };
    let variables = [
        ("TIDEGATE_STORE_REST_AFTER_SECONDS", REST_AFTER_SECONDS),
        ("TIDEGATE_REQUESTS_AUDIT_ORDERS", AUDITED),
    ];
    let (mut server, address) = bench.serve("data", &variables)?;
    if at_rest > 0 {
        bench.load(&server, &address, &["--free", "--orders", &at_rest.to_string()])?;
        wait_until_at_rest(bench, &address)?;
    }
    let flags = ["--orders", &ORDERS.to_string(), "--hold-seconds", HOLD_SECONDS];
    let mut run = bench.load(&server, &address, &flags)?;
    server.0.kill().context("the server cannot be killed")?;
    server.0.wait()?;
    drop(server);

    let with_checkpoint = ready_after(bench, at_rest)?;
    let checkpoints = bench.files(".checkpoint")?;
    ensure!(!checkpoints.is_empty(), "no checkpoint was taken");
    run.figure = with_checkpoint.as_secs_f64();
    eprintln!("{ORDERS} orders in memory, {at_rest} at rest: ready after {:.2} s", run.figure);
    if at_rest == 0 {
        for checkpoint in checkpoints {
            std::fs::remove_file(checkpoint)?;
        }
        eprintln!("by the journal alone: {:.2} s", ready_after(bench, at_rest)?.as_secs_f64());
    }
    Ok(run)
}

/// Waits until no order is in memory.
fn wait_until_at_rest(bench: &Bench<'_>, address: &str) -> Result<()> {
    let until = Instant::now() + AT_REST_WITHIN;
    while count(&bench.stats(address)?, "orders")? > 0 {
        ensure!(Instant::now() < until, "orders stay in memory that could rest");
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Starts the server, looks whether all is there, and kills it.
fn ready_after(bench: &Bench<'_>, at_rest: u64) -> Result<Duration> {
    let began = Instant::now();
    let (mut server, address) = bench.serve("data", DEFAULTS)?;
    let took = began.elapsed();
    let stats = bench.stats(&address)?;
    let (orders, resting) = (count(&stats, "orders")?, count(&stats, "orders_at_rest")?);
    ensure!((orders, resting) == (ORDERS, at_rest), "{orders} orders are in memory, {resting} at rest");
    server.0.kill().context("the server cannot be killed")?;
    server.0.wait()?;
    Ok(took)
}

fn count(stats: &Value, name: &str) -> Result<u64> {
    stats[name].as_u64().with_context(|| format!("the server does not say its {name}"))
}
