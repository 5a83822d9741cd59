//! What an order costs in memory: how much larger a server with so many orders is than one that has room for none.
//!
//! Two servers, because tables whose size the bounds fix are made real at the start: the first has the smallest
//! bounds, the second has room for exactly the orders that it is given. What lies between them is the orders', their
//! index, ids, timers and counts a user included.

use anyhow::{Context, Result, ensure};

use crate::tidegate::{Bench, Run};

/// Orders that are made.
const ORDERS: u64 = 2_000_000;
/// Orders of the server that everything is compared with.
const FEW_ORDERS: u64 = 10_000;

/// Makes the orders and says how many bytes each of them takes.
pub fn run(bench: &Bench<'_>) -> Result<Run> {
    let paid = bench.case.name == "memory-paid";
    let (before, _) = fill(bench, paid, FEW_ORDERS, "few")?;
    let (after, mut run) = fill(bench, paid, ORDERS, "many")?;
    run.figure = after.saturating_sub(before) as f64 / (ORDERS - FEW_ORDERS) as f64;
    Ok(run)
}

/// A server with room for so many orders is given them; what it has in memory then.
fn fill(bench: &Bench<'_>, paid: bool, orders: u64, folder: &str) -> Result<(u64, Run)> {
    let bounds = bounds(paid, orders);
    let bounds: Vec<_> = bounds.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (server, address) = bench.serve(folder, &bounds)?;
    let count = orders.to_string();
    let mut flags = vec!["--orders", &count];
    if paid {
        flags.extend(["--scenario", "lifecycle", "--lines", "2", "--until", "pay-callback"]);
    }
    let (run, report) = bench.load_with_report(&server, &address, &flags)?;
    ensure!(report["accepted"] == orders, "only {} of {orders} orders were accepted", report["accepted"]);
    // As the server said when the load was over: the audit behind it takes memory of its own.
    let bytes = report["server"]["resident_bytes"].as_u64().context("the report says what was resident")?;
    Ok((bytes, run))
}

/// Just enough of everything.
fn bounds(paid: bool, orders: u64) -> Vec<(&'static str, String)> {
    // Some more: the catalogue's own requests, and what each table keeps free.
    let room = |count: u64| (count + count / 64 + 4_096).to_string();
    let lines = if paid { 2 * orders } else { 0 };
    // An order is only taken where its payment and its end have room, too.
    vec![
        ("TIDEGATE_BOUNDS_ORDERS", room(orders)),
        ("TIDEGATE_BOUNDS_LINES", room(lines)),
        ("TIDEGATE_BOUNDS_CLIENT_BYTES", "65536".to_owned()),
        ("TIDEGATE_BOUNDS_HISTORY_ROWS", room(6 * orders)),
        ("TIDEGATE_BOUNDS_REQUEST_IDS", room(3 * orders)),
        ("TIDEGATE_BOUNDS_CHANGES", room(2 * orders)),
        ("TIDEGATE_BOUNDS_PAYMENTS", room(orders)),
        ("TIDEGATE_BOUNDS_SHIPMENTS", room(0)),
        ("TIDEGATE_BOUNDS_SENT_LINES", room(0)),
        ("TIDEGATE_BOUNDS_USER_COUNTS", room(orders)),
        ("TIDEGATE_BOUNDS_HOLDS", room(0)),
        ("TIDEGATE_BOUNDS_HOLD_LINES", room(0)),
    ]
}
