//! Growth: whether a server becomes slower or larger as orders come and go, and which rate it holds.
//!
//! Its orders are free, so they are over as soon as they are made, and may rest soon after: room for few of them is
//! all that the server is given. What an order leaves in memory for good is its request id, as long as that is
//! remembered; room for those is made real at the start, so a server that stays as it is stays as large.

mod moments;
mod page;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use protocol::messages::{List, ListAnswer};
use protocol::structs::ListHead;
use serde::Serialize;
use serde_json::Value;

use self::moments::{Moment, Watching, median};
use crate::asking::Asking;
use crate::processes::Ended;
use crate::tidegate::{Bench, Run};

/// How long growth is watched.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// Orders in all, of the row `growth`.
    #[arg(long, value_name = "N", default_value_t = 8_000_000, value_parser = clap::value_parser!(u64).range(2_000_000..=200_000_000))]
    orders: u64,
    /// The rate that is tried first, orders a second; lower ones follow until one holds. Of the row `growth`.
    #[arg(long, value_name = "R", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    rate: u64,
    /// Orders a second of the burst behind it, a minute at most. Of the row `growth`.
    #[arg(long, value_name = "R", default_value_t = 150_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    burst: u64,
    /// How long each rate is tried. Of the row `growth`.
    #[arg(long, value_name = "S", default_value_t = 45, value_parser = clap::value_parser!(u32).range(20..=3_600))]
    sustain_seconds: u32,
    /// Where the row `growth` draws what it saw, as one HTML page.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

/// What was seen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Growth {
    /// Orders in all.
    pub orders: u64,
    /// Accepted orders a second of the first million and of the last, closed loop.
    pub first_and_last_tps: [f64; 2],
    /// Resident memory behind each of them, once all orders rest, bytes.
    pub first_and_last_resident_bytes: [u64; 2],
    /// The rates that were tried, in turn.
    pub rates: Vec<Held>,
    /// What followed the rate that held; nothing where none did.
    pub burst: Option<Burst>,
    /// First pages of a user with [`LISTED`] orders at rest, over loopback: p50, p99, µs.
    pub list_us: [f64; 2],
    /// The server each second, from its start on.
    pub moments: Vec<Moment>,
    /// 99th percentile of each second with load: (seconds from the start, µs).
    pub p99_us: Vec<(f64, f64)>,
}

/// A rate, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Held {
    /// Orders a second, on schedule.
    pub rate: u64,
    /// Everything was accepted, and neither orders in memory nor memory grew from the middle third to the last.
    pub holds: bool,
    /// What was not accepted or never sent.
    pub missing: u64,
    /// Orders in memory: the middle of the middle third, and of the last.
    pub in_memory: [u64; 2],
    /// Resident memory but for [`REQUEST_ID_BYTES`] an order: the same, bytes.
    pub resident_bytes: [u64; 2],
    /// Of the whole run's answers, µs; and of the median second and the worst.
    pub p99_us: [f64; 3],
}

/// A minute of more than the server holds.
#[derive(Clone, Debug, Serialize)]
pub struct Burst {
    /// Orders a second.
    pub rate: u64,
    /// How long.
    pub seconds: u32,
    /// What was not accepted or never sent.
    pub missing: u64,
    /// Orders in memory at most.
    pub in_memory_max: u64,
    /// From its end until no more orders are in memory than at the held rate.
    pub caught_up_seconds: f64,
    /// Of the whole burst's answers, µs.
    pub p99_us: f64,
}

/// Orders of the closed loops at the beginning and at the end.
const COMPARED: u64 = 1_000_000;
/// Of a user whose first page is asked for.
const LISTED: u64 = 100_000;
const LIST_LIMIT: u16 = 100;
const LISTS: usize = 2_000;
/// What an order leaves in memory as long as its request id is remembered; the index over those is real from the start.
const REQUEST_ID_BYTES: u64 = 24;
/// Orders that have room in memory: more than a burst leaves there.
const IN_MEMORY: u64 = 10_000_000;
/// An order rests when nobody touched it for so long.
const REST_AFTER_SECONDS: &str = "5";
/// Four times as much as is usual: larger pieces of the trees are merged less often.
const WRITE_BUFFER_BYTES: &str = "134217728";
/// As few orders in memory as make no difference.
const FEW: u64 = 5_000;
/// What rests in this time does not rest at all.
const AT_REST_WITHIN: Duration = Duration::from_secs(300);
/// Of the first rate, in percent, until one holds.
const RATES_PERCENT: [u64; 4] = [100, 75, 50, 25];
/// An audit takes up to 600 bytes for each order. Of more, the journal's older segments are deleted, as a shop would
/// archive them: the disk would be full of them.
const AUDITED_MAX: u64 = 25_000_000;
/// By how much the last third of a run that holds may be above the middle one, in percent.
const STEADY_PERCENT: u64 = 110;
const BURST_SECONDS_MAX: u32 = 60;

/// Watches a server from its first order on; the figure is the throughput of the last million by that of the first.
pub fn run(bench: &Bench<'_>, plan: &Plan) -> Result<Run> {
    let (server, address) = bench.serve("data", &variables(plan))?;
    let watching = Watching::begin(&address)?;
    let mut sitting =
        Sitting { bench, server: &server, address: &address, watching: &watching, seen: Growth::default() };

    let (_, first) = sitting.load(&["--orders", &COMPARED.to_string()])?;
    let resident_first = sitting.wait_until_at_rest(FEW)?;
    sitting.find_rate(plan)?;
    sitting.grow(plan)?;
    sitting.wait_until_at_rest(FEW)?;
    let (mut run, last) = sitting.load(&["--orders", &COMPARED.to_string()])?;
    let resident_last = sitting.wait_until_at_rest(FEW)?;
    sitting.list()?;

    let mut seen = sitting.seen;
    let tps = |report: &Value| report["tps"].as_f64().context("the report has a rate");
    seen.first_and_last_tps = [tps(&first)?, tps(&last)?];
    seen.first_and_last_resident_bytes = [resident_first, resident_last];
    seen.moments = watching.end()?;
    drop(server);
    if expected(plan) <= AUDITED_MAX {
        bench.audit("data")?;
    } else {
        eprintln!("{} orders are more than an audit finds memory for here: it is left out", seen.orders);
    }
    run.figure = seen.first_and_last_tps[1] / seen.first_and_last_tps[0];
    for line in page::told(&seen) {
        eprintln!("{line}");
    }
    if let Some(path) = &plan.page {
        std::fs::write(path, page::page(&seen))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    run.growth = Some(seen);
    Ok(run)
}

/// Orders in all, at most.
fn expected(plan: &Plan) -> u64 {
    let tries = RATES_PERCENT.iter().sum::<u64>() * plan.rate * u64::from(plan.sustain_seconds) / 100;
    let burst = plan.burst * u64::from(BURST_SECONDS_MAX);
    plan.orders.max(tries + burst) + 3 * COMPARED + LISTED
}

/// Room for few orders in memory, and for all request ids.
fn variables(plan: &Plan) -> Vec<(&'static str, String)> {
    let orders = expected(plan);
    // Room for one more is kept for each order that can still be cancelled, at rest or not.
    let (ids, changes) = ((2 * orders).to_string(), orders.to_string());
    let in_memory = IN_MEMORY.to_string();
    let history = (4 * IN_MEMORY).to_string();
    let (on_expiry, retain_bytes) = match orders <= AUDITED_MAX {
        true => ("keep", "0"),
        false => ("delete", "1073741824"),
    };
    vec![
        ("TIDEGATE_JOURNAL_ON_EXPIRY", on_expiry.to_owned()),
        ("TIDEGATE_JOURNAL_RETAIN_BYTES", retain_bytes.to_owned()),
        ("TIDEGATE_BOUNDS_ORDERS", in_memory.clone()),
        ("TIDEGATE_BOUNDS_LINES", FEW.to_string()),
        ("TIDEGATE_BOUNDS_CLIENT_BYTES", "1048576".to_owned()),
        ("TIDEGATE_BOUNDS_HISTORY_ROWS", history),
        ("TIDEGATE_BOUNDS_REQUEST_IDS", ids),
        ("TIDEGATE_BOUNDS_CHANGES", changes),
        ("TIDEGATE_BOUNDS_PAYMENTS", in_memory),
        ("TIDEGATE_STORE_REST_AFTER_SECONDS", REST_AFTER_SECONDS.to_owned()),
        ("TIDEGATE_STORE_COLD_WRITE_BUFFER_BYTES", WRITE_BUFFER_BYTES.to_owned()),
    ]
}

/// A server that is watched.
struct Sitting<'a> {
    bench: &'a Bench<'a>,
    server: &'a Ended,
    address: &'a str,
    watching: &'a Watching,
    seen: Growth,
}

impl Sitting<'_> {
    /// Free orders.
    fn load(&mut self, flags: &[&str]) -> Result<(Run, Value)> {
        self.load_from(flags).map(|(_, run, report)| (run, report))
    }

    /// The same; when its first order was due, too, in seconds from the start.
    fn load_from(&mut self, flags: &[&str]) -> Result<(f64, Run, Value)> {
        let began_at_s = self.watching.seconds();
        // An audit takes memory for every order there is, which would be taken for growth. One follows at the end.
        let flags = [&["--free", "--no-audit"], flags].concat();
        let (run, report) = self.bench.load_with_report(self.server, self.address, &flags)?;
        // The load begins when the shop is set up, which the report knows by the server's clock alone.
        let began_us = report["started_at_us"].as_i64().context("the report says when it began")?;
        let began_s = self.watching.seconds_at(began_us).unwrap_or(began_at_s);
        let p99 = report["p99_by_second_us"].as_array().into_iter().flatten().filter_map(Value::as_f64);
        self.seen.p99_us.extend(p99.enumerate().map(|(second, us)| (began_s + second as f64, us)));
        self.seen.orders += accepted(&report)?;
        Ok((began_s, run, report))
    }

    /// Tries one rate after the other, and when one has held, a burst over the first.
    fn find_rate(&mut self, plan: &Plan) -> Result<()> {
        for percent in RATES_PERCENT {
            let held = self.try_rate(plan.rate * percent / 100, plan.sustain_seconds)?;
            eprintln!("{held:?}");
            let (holds, level) = (held.holds, held.in_memory[1]);
            self.seen.rates.push(held);
            if holds {
                let burst = self.burst(plan.burst, plan.sustain_seconds.min(BURST_SECONDS_MAX), level)?;
                eprintln!("{burst:?}");
                self.seen.burst = Some(burst);
                return Ok(());
            }
            self.wait_until_at_rest(FEW)?;
        }
        Ok(())
    }

    fn try_rate(&mut self, rate: u64, seconds: u32) -> Result<Held> {
        let (from, run, report) = self.load_at(rate, seconds)?;
        let third = f64::from(seconds) / 3.0;
        let moments = |third_from: f64, of: fn(&Moment) -> u64| {
            median(&self.watching.between(third_from, third_from + third), of)
        };
        let both = |of: fn(&Moment) -> u64| [moments(from + third, of), moments(from + 2.0 * third, of)];
        let (in_memory, resident_bytes) = (both(|moment| moment.orders), both(Moment::resident_besides_ids));
        let is_steady = |[middle, last]: [u64; 2]| last <= middle * STEADY_PERCENT / 100;
        let missing = (rate * u64::from(seconds)).saturating_sub(accepted(&report)?);
        let seconds_p99 = self.seen.p99_us.iter().filter(|(at, _)| *at >= from).map(|&(_, us)| us as u64);
        let mut seconds_p99: Vec<u64> = seconds_p99.collect();
        seconds_p99.sort_unstable();
        let median_p99 = seconds_p99.get(seconds_p99.len() / 2).copied().unwrap_or(0);
        let worst_p99 = seconds_p99.last().copied().unwrap_or(0);
        Ok(Held {
            rate,
            // A thousandth may be under way when the time is over.
            holds: missing * 1_000 <= rate * u64::from(seconds)
                && is_steady(in_memory)
                && is_steady(resident_bytes),
            missing,
            in_memory,
            resident_bytes,
            p99_us: [run.latency_us[1], median_p99 as f64, worst_p99 as f64],
        })
    }

    fn burst(&mut self, rate: u64, seconds: u32, level: u64) -> Result<Burst> {
        let (from, run, report) = self.load_at(rate, seconds)?;
        let ended = Instant::now();
        self.wait_until_at_rest(level)?;
        let in_memory_max =
            self.watching.between(from, self.watching.seconds()).iter().map(|moment| moment.orders).max();
        Ok(Burst {
            rate,
            seconds,
            missing: (rate * u64::from(seconds)).saturating_sub(accepted(&report)?),
            in_memory_max: in_memory_max.unwrap_or(0),
            caught_up_seconds: ended.elapsed().as_secs_f64(),
            p99_us: run.latency_us[1],
        })
    }

    /// On schedule; when it began, too.
    fn load_at(&mut self, rate: u64, seconds: u32) -> Result<(f64, Run, Value)> {
        let (rate, seconds) = (rate.to_string(), seconds.to_string());
        self.load_from(&["--rate", &rate, "--seconds", &seconds])
    }

    /// Makes what is missing but for the last million, at a rate that holds.
    fn grow(&mut self, plan: &Plan) -> Result<()> {
        let missing = plan.orders.saturating_sub(self.seen.orders + COMPARED);
        let held = self.seen.rates.iter().find(|held| held.holds).map(|held| held.rate);
        let rate = held.unwrap_or(plan.rate * RATES_PERCENT[RATES_PERCENT.len() - 1] / 100);
        if missing > 0 {
            self.load(&["--orders", &missing.to_string(), "--rate", &rate.to_string()])?;
        }
        Ok(())
    }

    /// Waits until no more orders than these are in memory; how large the server is then.
    fn wait_until_at_rest(&self, orders: u64) -> Result<u64> {
        let until = Instant::now() + AT_REST_WITHIN;
        loop {
            std::thread::sleep(moments::LOOK_EVERY);
            let now = self.watching.last().context("the server was asked")?;
            if now.orders <= orders {
                return Ok(now.resident_bytes);
            }
            ensure!(Instant::now() < until, "{} orders stay in memory", now.orders);
        }
    }

    /// Gives a user many orders, lets them rest, and asks for the first page again and again.
    fn list(&mut self) -> Result<()> {
        let count = LISTED.to_string();
        self.load(&["--orders", &count, "--users", "1", "--rate", "50000"])?;
        self.wait_until_at_rest(0)?;
        let mut asking = Asking::open(self.address)?;
        let head = ListHead { user: 1, before: 0, limit: LIST_LIMIT, state: 0 };
        let mut took_us = Vec::with_capacity(LISTS);
        for _ in 0..LISTS {
            let began = Instant::now();
            let (_, orders) = asking.ask::<List, ListAnswer>(&head)?;
            took_us.push(began.elapsed().as_secs_f64() * 1e6);
            ensure!(orders == usize::from(LIST_LIMIT), "a page has {orders} orders");
        }
        took_us.sort_by(f64::total_cmp);
        self.seen.list_us = [took_us[LISTS / 2], took_us[LISTS * 99 / 100]];
        Ok(())
    }
}

fn accepted(report: &Value) -> Result<u64> {
    report["accepted"].as_u64().context("the report says how many orders were accepted")
}
