//! Tidegate beside Redis with a Lua script, on the same machine in one sitting: absolute figures here are noise,
//! ratios are not. Each is a process of its own that is started fresh for each run, and the two take turns.
//!
//! Run it by `cargo xtask bench`, which builds the server in release and sees that redis-server is there.

mod asking;
mod audience;
mod case;
mod expiry;
mod growth;
mod memory;
mod processes;
mod recovery;
mod redis;
mod table;
mod tidegate;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde::Serialize;

use crate::case::{CASES, Case, NOBODY};

/// Measures Tidegate beside Redis-Lua and prints a table.
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo xtask bench",
    after_help = "Example: cargo xtask bench --json bench.json\nExample: cargo xtask bench --only durable,durable-hot --rounds 5"
)]
struct Args {
    /// Write every run, the table and the machine as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only these rows, by name, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// How long each run sends.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// How often each row is run; the row shows the run in the middle.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Where data folders are made: on the disk that is to be measured. The system's temporary folder otherwise.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Leave Redis out.
    #[arg(long)]
    no_redis: bool,
    #[command(flatten)]
    growth: growth::Plan,
}

/// All that was measured.
#[derive(Debug, Serialize)]
struct Sitting {
    seconds: u32,
    machine: serde_json::Value,
    /// How many processes were at work before the first run: above 1, figures say little.
    load_before: f64,
    redis: Option<String>,
    rows: Vec<Row>,
}

/// All runs of a case, in the order in which they were made.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    case: &'static Case,
    tidegate: Vec<tidegate::Run>,
    /// The same without subscribers, where the row has some: a run of each in turn.
    unheard: Vec<tidegate::Run>,
    redis: Vec<redis::Run>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let cases = chosen(&args.only)?;
    let binary = server_binary()?;
    let folder = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    warn_of_memory_disk(&folder);
    let load_before = busy_processes();
    if load_before > 1.0 {
        eprintln!("the machine is busy (load {load_before}): figures say little until that ends");
    }
    let redis = if args.no_redis { None } else { Some(redis::version()?) };

    let mut rows: Vec<Row> = cases
        .into_iter()
        .map(|case| Row { case, tidegate: Vec::new(), unheard: Vec::new(), redis: Vec::new() })
        .collect();
    for round in 1..=args.rounds {
        for row in rows.iter_mut().filter(|row| round == 1 || row.case.is_run_again()) {
            eprintln!("round {round} of {}: {}", args.rounds, row.case.name);
            if row.case.audience.subscribers > 0 {
                row.unheard.push(tidegate::run(&binary, row.case, NOBODY, args, &folder)?);
            }
            row.tidegate.push(tidegate::run(&binary, row.case, row.case.audience, args, &folder)?);
            if let (Some(_), Some(redis)) = (&redis, row.case.redis()) {
                row.redis.push(redis::run(&redis, args.seconds, &folder)?);
            }
        }
    }
    let machine = rows.first().and_then(|row| row.tidegate.first()).map(|run| run.machine.clone());
    let sitting =
        Sitting { seconds: args.seconds, machine: machine.unwrap_or_default(), load_before, redis, rows };
    print!("{}", table::table(&sitting));
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&sitting)? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The cases asked for, in their own order.
fn chosen(only: &[String]) -> Result<Vec<&'static Case>> {
    if let Some(unknown) = only.iter().find(|name| CASES.iter().all(|case| case.name != name.as_str())) {
        let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
        bail!("no row is called {unknown}; there are {}", names.join(", "));
    }
    Ok(CASES.iter().filter(|case| only.is_empty() || only.iter().any(|name| name == case.name)).collect())
}

/// The server that xtask built, or the one beside this program.
fn server_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("TIDEGATE_BIN") {
        return Ok(path.into());
    }
    let beside = std::env::current_exe()?.with_file_name("tidegate");
    if !beside.exists() {
        bail!(
            "{} is not there: run `cargo xtask bench`, or `cargo build --release -p tidegate`",
            beside.display()
        );
    }
    Ok(beside)
}

/// What is durable in memory is no figure worth keeping.
fn warn_of_memory_disk(folder: &Path) {
    const TMPFS_MAGIC: u64 = 0x0102_1994;
    if rustix::fs::statfs(folder).is_ok_and(|disk| disk.f_type as u64 == TMPFS_MAGIC) {
        eprintln!(
            "{} lies in memory: figures of durable orders mean nothing; name a disk by --folder",
            folder.display()
        );
    }
}

/// How many processes were running or waiting for the disk, over the last minute; 0 where /proc does not tell.
fn busy_processes() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}
