//! `tidegate demo`: a flash sale against a server of its own, from nothing to an audited end.

mod cluster;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use loadgen::report::Ended;
use loadgen::{LoadPlan, Report, Scenario};
use rustix::process::{Pid, Signal, kill_process};

use super::load::{command_line, generator_core, publish, stop_on_signals};
use crate::cli::{print, say};

/// How long a fresh server may take to be ready.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long it may take to drain at the end.
const ENDED_WITHIN: Duration = Duration::from_secs(10);
/// What it said last is kept, for the case that it does not start.
const LAST_WORDS_MAX: usize = 20;

/// Watch a flash sale: a million attempts on a fresh server
///
/// Starts a server of its own on a free port with a temporary folder, sells out a few skus to very many users over
/// real TCP, audits, and cleans up. With --cluster it is a node over Redis and two databases, which are started for it in a
/// checkout of Tidegate (cargo xtask cluster up), and the audit compares their sums.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate demo --json demo.json --html demo.html
Example: tidegate demo --cluster --seconds 10")]
pub struct Demo {
    /// How long to go on, instead of a million attempts.
    #[arg(long, value_name = "N")]
    seconds: Option<u32>,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as an HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Sell from a cluster store.
    #[arg(long)]
    cluster: bool,
    /// The configuration of a cluster with nothing in it, instead of one that is started for the demo.
    #[arg(long, value_name = "FILE", requires = "cluster")]
    config: Option<PathBuf>,
}

impl Demo {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if self.cluster {
            return self.run_on_cluster();
        }
        let stop = stop_on_signals()?;
        let folder = tempfile::Builder::new()
            .prefix("tidegate-demo-")
            .tempdir()
            .context("no temporary folder can be made: set TMPDIR to one that can be written to")?;
        let server = OwnServer::start("--data", folder.path().join("data").as_os_str())?;
        let mut plan = LoadPlan::new(&server.address, Scenario::Flash);
        if self.seconds.is_some() {
            (plan.seconds_max, plan.requests_max) = (self.seconds, None);
        }
        plan.core = generator_core();
        plan.command = command_line(None);
        let report = loadgen::run(&plan, &mut loadgen::bar(stop)).with_context(|| server.last_words())?;
        server.end()?;
        publish(&report, self.json.as_deref(), self.html.as_deref())?;
        let sold_as_planned = check(&report);
        if let Err(wrong) = &sold_as_planned {
            say(&format_args!("\n  {wrong}"));
        }
        print(NEXT)?;
        Ok(if sold_as_planned.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

const NEXT: &str = "
  Try next:
    tidegate serve --data ./shop                            a server that stays
    tidegate load --scenario steady --html report.html      plenty of stock: durable orders a second
    tidegate load --scenario soldout                        how fast it says no
    tidegate audit --target 127.0.0.1:7171                  count everything again, from the facts
";

/// What a flash sale must come to.
fn check(report: &Report) -> Result<(), String> {
    let Some(audit) = report.audit else { return Err("The audit was not made.".to_owned()) };
    if !audit.ok || audit.oversold > 0 || audit.duplicate_orders > 0 || audit.lost > 0 {
        return Err("The audit FAILED: the store is not in order.".to_owned());
    }
    went_well(report)
}

/// What a flash sale must come to, whatever is counted behind it.
fn went_well(report: &Report) -> Result<(), String> {
    if report.errors > 0 || report.ended == Ended::ServerGone {
        return Err("The run did not go as it should: see the errors above.".to_owned());
    }
    let sold_out = report.refused.contains_key("SOLD_OUT");
    if sold_out && report.accepted_units != report.stock_units {
        return Err(format!(
            "Of {} units, {} were promised: that is not exactly all of them.",
            report.stock_units, report.accepted_units
        ));
    }
    Ok(())
}

/// A server process that ends with this value, whatever happens.
#[derive(Debug)]
struct OwnServer {
    child: Child,
    address: String,
    lines: Receiver<String>,
}

impl OwnServer {
    /// `serve` with this flag and its value.
    fn start(flag: &str, value: &OsStr) -> anyhow::Result<OwnServer> {
        let program = std::env::current_exe().context("this program does not know where it lies")?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", flag])
            .arg(value)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C is for this process, which then ends the server in good order.
            .process_group(0)
            .spawn()
            .context("the server cannot be started")?;
        let (said, lines) = channel();
        let stderr = child.stderr.take().context("the server's stderr was piped")?;
        let mut server = OwnServer { child, address: String::new(), lines };
        thread::Builder::new().name("server-log".to_owned()).spawn(move || listen(stderr, &said))?;
        server.address = server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<String> {
        let until = Instant::now() + READY_WITHIN;
        let mut said = Vec::new();
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => match ready_address(&line) {
                    Some(address) => return Ok(address.to_owned()),
                    None => said.push(line),
                },
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the server did not start; it said:\n{}", said.join("\n"));
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!(
                        "the server was not ready within {} s; it said:\n{}",
                        READY_WITHIN.as_secs(),
                        said.join("\n")
                    );
                }
            }
        }
    }

    /// What it said last, for an error that it caused.
    fn last_words(&self) -> String {
        let said: Vec<String> = self.lines.try_iter().collect();
        let last = &said[said.len().saturating_sub(LAST_WORDS_MAX)..];
        if last.is_empty() {
            "the demo failed".to_owned()
        } else {
            format!("the server said:\n{}", last.join("\n"))
        }
    }

    /// Asks it to drain and end, as an operator would.
    fn end(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("a child has an id")?;
        kill_process(pid, Signal::TERM).context("the server cannot be asked to end")?;
        let until = Instant::now() + ENDED_WITHIN;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                if !status.success() {
                    bail!("the server ended with {status}; {}", self.last_words());
                }
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        bail!("the server did not end within {} s of SIGTERM", ENDED_WITHIN.as_secs())
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // It may have ended already; either way it must not outlive us.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hands the server's lines over as they come. It ends with the server.
fn listen(stderr: ChildStderr, said: &Sender<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if said.send(line).is_err() {
            break;
        }
    }
}

/// The address in a ready line.
fn ready_address(line: &str) -> Option<&str> {
    let ready = line.contains("ready").then_some(line)?;
    let words = ready.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '='));
    let address =
        words.map(|word| word.trim_end_matches(['.', ':'])).find(|word| word.starts_with("127.0.0.1:"))?;
    address["127.0.0.1:".len()..].parse::<u16>().ok().map(|_| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_line_is_told_from_others() {
        assert_eq!(ready_address("tidegate 0.1.0 ready on 127.0.0.1:40123: fused"), Some("127.0.0.1:40123"));
        assert_eq!(ready_address("ready: 127.0.0.1:40123, store 5f."), Some("127.0.0.1:40123"));
        assert_eq!(ready_address("INFO listening on 127.0.0.1:40123"), None);
        assert_eq!(ready_address("ready, but where"), None);
    }
}
