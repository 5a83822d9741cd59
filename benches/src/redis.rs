//! A run of Redis: its own server with the log on disk before each answer, and redis-benchmark with a script that
//! does the work of a CREATE.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::case::RedisLoad;
use crate::processes::{Cpu, Ended, watch};

const SCRIPT: &str = include_str!("create.lua");
/// Request ids and users come from this many: a small range measures duplicates, three times faster.
const IDS: &str = "100000000";
/// Units that one user may take: on, but never reached by chance.
const USER_LIMIT: &str = "1000";
const STOCK: u64 = 1_000_000_000;
/// Requests that tell how many are needed to fill the seconds.
const TRIAL_REQUESTS_A_SLOT: u64 = 60;
const READY_WITHIN: Duration = Duration::from_secs(10);

/// What a run came to.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Accepted orders a second, or sold-out answers.
    pub figure: f64,
    /// Answers a second, by redis-benchmark.
    pub rps: f64,
    /// Share of answers that were accepted orders (or sold out).
    pub counted: f64,
    /// p50 and p99, µs.
    pub latency_us: [f64; 2],
    /// Of both processes.
    pub cpu: Cpu,
}

/// The version, or a sentence with the line to run.
pub fn version() -> Result<String> {
    for program in ["redis-server", "redis-benchmark", "redis-cli"] {
        let there =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            bail!(
                "{program} is missing: `sudo apt-get install redis-server redis-tools`, or leave Redis out with --no-redis"
            );
        }
    }
    let said = Command::new("redis-server").arg("--version").output()?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// Starts a server over a fresh folder, fills its shelves and plays the load for about so many seconds.
pub fn run(load: &RedisLoad, seconds: u32, folder: &Path) -> Result<Run> {
    let folder = tempfile::Builder::new().prefix("redis-bench-").tempdir_in(folder)?;
    let (server, port) = serve(folder.path())?;
    let stock = if load.sold_out { 0 } else { STOCK };
    let fill = "for sku = 0, ARGV[1] - 1 do redis.call('SET', 'shelf:' .. sku, ARGV[2]) end";
    client(port, &["EVAL", fill, "0", &load.skus.to_string(), &stock.to_string()])?;
    let script = client(port, &["SCRIPT", "LOAD", SCRIPT])?;

    let slots = u64::from(load.connections) * u64::from(load.pipeline);
    let trial = benchmark(&server, port, load, &script, slots * TRIAL_REQUESTS_A_SLOT)?;
    let requests = (trial.rps * f64::from(seconds)) as u64;
    let taken_before = taken(port, load)?;
    let measured = benchmark(&server, port, load, &script, requests.max(slots))?;
    let counted = if load.sold_out {
        // Nothing was taken and no request id kept: every answer was «sold out».
        let keys: u64 = client(port, &["DBSIZE"])?.parse().context("DBSIZE is a number")?;
        if keys == u64::from(load.skus) { 1.0 } else { bail!("redis kept {keys} keys of a sold-out sale") }
    } else {
        (taken(port, load)? - taken_before) as f64 / requests.max(slots) as f64
    };
    let Benchmark { rps, latency_us, cpu } = measured;
    Ok(Run { figure: rps * counted, rps, counted, latency_us, cpu })
}

fn serve(folder: &Path) -> Result<(Ended, u16)> {
    // Free a moment ago; when somebody takes it meanwhile, redis-server says so.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no", "--save", ""]);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]);
    command.arg("--dir").arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = Ended(command.spawn().context("redis-server does not start")?);
    let until = Instant::now() + READY_WITHIN;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > until || server.0.try_wait()?.is_some() {
            bail!("redis-server does not get ready on port {port}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok((server, port))
}

/// Units taken from all shelves so far.
fn taken(port: u16, load: &RedisLoad) -> Result<u64> {
    let sum = "local left = 0 for sku = 0, ARGV[1] - 1 do left = left + redis.call('GET', 'shelf:' .. sku) end \
               return string.format('%d', ARGV[1] * ARGV[2] - left)";
    let text = client(port, &["EVAL", sum, "0", &load.skus.to_string(), &STOCK.to_string()])?;
    text.parse().with_context(|| format!("the shelves do not add up: {text}"))
}

/// One command by redis-cli.
fn client(port: u16, command: &[&str]) -> Result<String> {
    let output = Command::new("redis-cli").args(["-p", &port.to_string(), "--raw"]).args(command).output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || said.starts_with("ERR") {
        bail!("redis-cli {}: {said}", command[0]);
    }
    Ok(said)
}

struct Benchmark {
    rps: f64,
    latency_us: [f64; 2],
    cpu: Cpu,
}

fn benchmark(server: &Ended, port: u16, load: &RedisLoad, script: &str, requests: u64) -> Result<Benchmark> {
    let mut command = Command::new("redis-benchmark");
    command.args(["-p", &port.to_string(), "--csv", "-r", IDS, "-n", &requests.to_string()]);
    command.args(["-c", &load.connections.to_string(), "-P", &load.pipeline.to_string()]);
    command.args([
        "evalsha",
        script,
        "1",
        "id:__rand_int__",
        "__rand_int__",
        &load.skus.to_string(),
        USER_LIMIT,
    ]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let generator = command.spawn().context("redis-benchmark does not start")?;
    let (output, samples) = watch(server.0.id(), generator)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (rps, latency_us) = read_csv(&text).with_context(|| {
        format!("redis-benchmark said no figures: {text} {}", String::from_utf8_lossy(&output.stderr))
    })?;
    Ok(Benchmark { rps, latency_us, cpu: samples.busiest(requests as f64 / rps) })
}

/// Answers a second, p50 and p99 from the last line, whose columns the first names.
fn read_csv(text: &str) -> Option<(f64, [f64; 2])> {
    let mut lines = text.lines().filter(|line| line.starts_with('"'));
    let names: Vec<_> = lines.next()?.split("\",\"").map(|name| name.trim_matches('"').to_owned()).collect();
    let values: Vec<_> = lines.next_back()?.split("\",\"").map(|value| value.trim_matches('"')).collect();
    // From the right: the first column is the command, which may hold anything.
    let column = |name: &str| {
        let from_right = names.len() - names.iter().position(|known| known == name)?;
        values.get(values.len().checked_sub(from_right)?)?.parse::<f64>().ok()
    };
    Some((column("rps")?, [column("p50_latency_ms")? * 1_000.0, column("p99_latency_ms")? * 1_000.0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_by_the_names_of_their_columns() {
        let text = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\
                    \"p99_latency_ms\",\"max_latency_ms\"\n\
                    \"evalsha x 1 id:1\",\"81234.50\",\"9.1\",\"1.0\",\"8.5\",\"12.0\",\"20.25\",\"31.0\"\n";
        assert_eq!(read_csv(text), Some((81_234.5, [8_500.0, 20_250.0])));
        assert_eq!(read_csv("Could not connect"), None);
    }
}
