//! A run of Tidegate: its server and its load generator as processes of their own, pinned as they pin themselves.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;

use crate::audience::{Heard, Listening};
use crate::case::{Audience, Case, Figure};
use crate::growth::{self, Growth};
use crate::processes::{Cpu, Ended, Samples, watch};
use crate::{Args, expiry, memory, recovery};

/// A server that is not ready by then will not be.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// What a run came to.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// In the unit of the case.
    pub figure: f64,
    /// Accepted orders a second.
    pub tps: f64,
    /// Answers a second.
    pub rps: f64,
    /// Of all answers: p50, p99, p999, µs.
    pub latency_us: [f64; 3],
    /// Groups written to the journal.
    pub journal_groups: u64,
    /// Accepted orders a group.
    pub orders_per_group: f64,
    /// Median time of a group's write, µs.
    pub journal_write_us_p50: u64,
    /// Of both processes.
    pub cpu: Cpu,
    /// How it went over a long time; of the row of that name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// What subscribers were sent, over the whole run with its audit.
    pub heard: Heard,
    /// What the load generator says of the machine.
    pub machine: Value,
    /// The command that repeats it.
    pub command: String,
}

/// No variables: a server as it is.
pub const DEFAULTS: &[(&str, &str)] = &[];

/// What server and generator of a run sign callbacks with.
const GATEWAY_KEY: &str = "the benches' own gateway key";
const GATEWAYS: &str = r#"[{ id = 1, key_env = "TIDEGATE_GATEWAY_KEY" }]"#;

/// Runs a case over a fresh folder, with these subscribers.
pub fn run(binary: &Path, case: &Case, audience: Audience, args: &Args, folder: &Path) -> Result<Run> {
    let folder = tempfile::Builder::new().prefix("tidegate-bench-").tempdir_in(folder)?;
    let bench = Bench { binary, case, audience, folder: folder.path() };
    match case.figure {
        Figure::OrdersPerSecond
        | Figure::AnswersPerSecond
        | Figure::LatencyP99Us
        | Figure::RequestsPerSecond => {
            let (server, address) = bench.serve("data", DEFAULTS)?;
            let seconds = args.seconds.to_string();
            let rate = case.rate.map(|rate| rate.to_string());
            let rate = rate.as_ref().map_or(vec![], |rate| vec!["--rate", rate]);
            bench.load(&server, &address, &[&["--seconds", &seconds][..], &rate].concat())
        }
        Figure::BytesAnOrder => memory::run(&bench),
        Figure::SecondsToReady => recovery::run(&bench),
        Figure::TimesUsualP99 => expiry::run(&bench),
        Figure::TimesFirstMillion => growth::run(&bench, &args.growth),
    }
}

/// A case and where it is run.
pub struct Bench<'a> {
    binary: &'a Path,
    pub case: &'a Case,
    audience: Audience,
    folder: &'a Path,
}

impl Bench<'_> {
    /// Starts the server over a folder of this name, with these variables set, and waits for its ready line; its address is in it.
    pub fn serve(&self, data: &str, variables: &[(&str, impl AsRef<OsStr>)]) -> Result<(Ended, String)> {
        let mut command = Command::new(self.binary);
        command.args(["serve", "--log", "warn", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(self.folder.join(data));
        command.env("TIDEGATE_GATEWAY_KEY", GATEWAY_KEY).env("TIDEGATE_PAYMENTS_GATEWAYS", GATEWAYS);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        serve(&mut command)
    }

    /// Files with this ending in the data folder.
    pub fn files(&self, ending: &str) -> Result<Vec<PathBuf>> {
        let names = std::fs::read_dir(self.folder.join("data"))?.map(|entry| Ok(entry?.path()));
        let names: Vec<PathBuf> = names.collect::<std::io::Result<_>>()?;
        Ok(names.into_iter().filter(|path| path.to_string_lossy().ends_with(ending)).collect())
    }

    /// Audits the folder of this name, which no server uses any more. Fails where anything does not hold.
    pub fn audit(&self, data: &str) -> Result<()> {
        let mut command = Command::new(self.binary);
        command.args(["audit", "--log", "warn", "--data"]).arg(self.folder.join(data));
        let output = command.output().context("the audit does not start")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "the audit fails: {said} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Plays the case against a server. Fails where the load generator does, so a figure stands for a run in which
    /// nothing went wrong and the audit was good.
    pub fn load(&self, server: &Ended, address: &str, flags: &[&str]) -> Result<Run> {
        let (run, _) = self.load_with_report(server, address, flags)?;
        Ok(run)
    }

    /// The same, with the generator's report.
    pub fn load_with_report(&self, server: &Ended, address: &str, flags: &[&str]) -> Result<(Run, Value)> {
        let case = self.case;
        let report_path = self.folder.join("report.json");
        let mut command = Command::new(self.binary);
        command.env("TIDEGATE_GATEWAY_KEY", GATEWAY_KEY);
        command.args(["load", "--log", "warn", "--target", address]);
        let (connections, skus) = (case.connections.to_string(), case.skus.to_string());
        let pipeline = case.pipeline.to_string();
        let usual = [
            ("--scenario", case.scenario()),
            ("--connections", &connections),
            ("--pipeline", &pipeline),
            ("--skus", &skus),
        ];
        for (flag, value) in usual.into_iter().filter(|(flag, _)| !flags.contains(flag)) {
            command.args([flag, value]);
        }
        command.args(flags).arg("--json").arg(&report_path);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let listening = Listening::begin(address, self.audience)?;
        let generator = command.spawn().context("the load generator does not start")?;
        let (output, samples) = watch(server.0.id(), generator)?;
        let heard = listening.end()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            bail!("{}: tidegate load failed: {said}", case.name);
        }
        let report = std::fs::read_to_string(&report_path).context("the load generator wrote no report")?;
        let report = serde_json::from_str(&report)?;
        Ok((read_report(case, &report, &samples, heard), report))
    }

    /// What the server counted: STATS.
    pub fn stats(&self, address: &str) -> Result<Value> {
        let stats =
            Command::new(self.binary).args(["admin", "--target", address, "--json", "stats"]).output()?;
        serde_json::from_slice(&stats.stdout).context("tidegate admin stats said nothing")
    }
}

/// Waits until a server is ready, and gives its address.
fn serve(command: &mut Command) -> Result<(Ended, String)> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut server = Ended(command.spawn().context("the server does not start")?);
    let said = lines(&mut server.0);
    let mut heard = String::new();
    while let Ok(line) = said.recv_timeout(READY_WITHIN) {
        if let Some(address) = line.split_once(" ready on ").and_then(|(_, behind)| behind.split(": ").next())
        {
            return Ok((server, address.to_owned()));
        }
        heard = heard + &line + "\n";
    }
    bail!("tidegate serve does not get ready: {}", heard.trim())
}

/// What the server says, read to the end so that it never waits for a full pipe.
fn lines(server: &mut Child) -> mpsc::Receiver<String> {
    let (to, from) = mpsc::channel();
    let stderr = server.stderr.take().expect("stderr is piped");
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            // Nobody listens any more once it is ready.
            let _ = to.send(line);
        }
    });
    from
}

fn read_report(case: &Case, report: &Value, samples: &Samples, heard: Heard) -> Run {
    let number = |path: &str| report.pointer(path).and_then(Value::as_f64).unwrap_or(0.0);
    let latency_us = [number("/latency_us/p50"), number("/latency_us/p99"), number("/latency_us/p999")];
    let groups = number("/journal/groups");
    Run {
        figure: match case.figure {
            Figure::OrdersPerSecond => number("/tps"),
            Figure::AnswersPerSecond | Figure::RequestsPerSecond => number("/rps"),
            Figure::LatencyP99Us => latency_us[1],
            // Not of one load alone: whoever asked for it puts it in.
            Figure::BytesAnOrder
            | Figure::SecondsToReady
            | Figure::TimesUsualP99
            | Figure::TimesFirstMillion => 0.0,
        },
        tps: number("/tps"),
        rps: number("/rps"),
        latency_us,
        journal_groups: groups as u64,
        orders_per_group: if groups > 0.0 { number("/accepted") / groups } else { 0.0 },
        journal_write_us_p50: number("/journal/write_us_p50") as u64,
        cpu: samples.busiest(number("/seconds")),
        heard,
        growth: None,
        machine: report["machine"].clone(),
        command: report["command"].as_str().unwrap_or_default().to_owned(),
    }
}
