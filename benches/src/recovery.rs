//! From `kill -9` to ready, with millions of orders in memory: with the checkpoint that was there, and without it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::tidegate::{Bench, Run};

/// Orders that wait for payment when the server is killed.
const ORDERS: u64 = 5_000_000;
/// They are still there when it is ready again.
const HOLD_SECONDS: &str = "86400";

/// Seconds from the start of the process to its ready line.
pub fn run(bench: &Bench<'_>) -> Result<Run> {
    let (mut server, address) = bench.serve("data", &[])?;
    let flags = ["--orders", &ORDERS.to_string(), "--hold-seconds", HOLD_SECONDS];
    let mut run = bench.load(&server, &address, &flags)?;
    server.0.kill().context("the server cannot be killed")?;
    server.0.wait()?;
    drop(server);

    let with_checkpoint = ready_after(bench)?;
    let checkpoints = bench.files(".checkpoint")?;
    ensure!(!checkpoints.is_empty(), "no checkpoint was taken");
    for checkpoint in checkpoints {
        std::fs::remove_file(checkpoint)?;
    }
    let without = ready_after(bench)?;
    eprintln!(
        "{ORDERS} orders: ready after {:.2} s with the checkpoint, {:.2} s by the journal alone",
        with_checkpoint.as_secs_f64(),
        without.as_secs_f64()
    );
    run.figure = with_checkpoint.as_secs_f64();
    Ok(run)
}

/// Starts the server, looks whether all is there, and kills it.
fn ready_after(bench: &Bench<'_>) -> Result<Duration> {
    let began = Instant::now();
    let (mut server, address) = bench.serve("data", &[])?;
    let took = began.elapsed();
    let orders = bench.stats(&address)?["orders"].as_u64().unwrap_or(0);
    ensure!(orders == ORDERS, "{orders} of {ORDERS} orders are there");
    server.0.kill().context("the server cannot be killed")?;
    server.0.wait()?;
    Ok(took)
}
