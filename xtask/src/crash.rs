//! `cargo xtask crash`: real processes, killed for real. Each round loads a fresh server, kills it with -9 at a
//! random moment, opens its folder again, asks for every recorded request, and audits what lies on disk. Every other
//! round plays lives of orders: paid, shipped, signed for, cancelled, refunded.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::tools;

/// How often to crash, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: cargo xtask crash --rounds 20")]
pub struct Args {
    /// Servers to kill.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Seed of the moments; a failing run prints the one to give here.
    #[arg(long, env = "TIDEGATE_SEED")]
    seed: Option<u64>,
    /// The server is killed within so many milliseconds of load.
    #[arg(long, default_value_t = 3_000)]
    within_ms: u64,
    /// Use the optimised build: more orders a second, without debug assertions.
    #[arg(long)]
    release: bool,
}

impl Args {
    /// What `cargo xtask test` runs.
    pub fn short() -> Args {
        Args { rounds: 3, seed: None, within_ms: 1_500, release: false }
    }
}

/// An opening replays a journal; this much is generous for seconds of load.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A load whose server is gone gives up after 3 s; past this it hangs, which is a bug of its own.
const LOAD_ENDS_WITHIN: Duration = Duration::from_secs(30);
/// Verifying and auditing read everything once.
const CHECK_WITHIN: Duration = Duration::from_secs(300);

/// What server and load sign callbacks with.
const GATEWAY_KEY: &str = "the crash rounds' own gateway key";
/// The server's gateway of this key.
const GATEWAYS: &str = r#"[{ id = 1, key_env = "TIDEGATE_GATEWAY_KEY" }]"#;

/// Runs the rounds and fails when one does.
pub fn run(args: &Args) -> Result<()> {
    rounds(args).map(drop)
}

/// Runs the rounds; the line that sums them up is printed and given back.
pub fn rounds(args: &Args) -> Result<String> {
    let binary = tools::build_binary("tidegate", args.release)?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("crash: seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut acknowledged, mut verified, mut went_on) = (0, 0, 0);
    for number in 1..=args.rounds {
        let round = Round::begin(&binary)?;
        let outcome = round.run(&mut random, number, args.within_ms);
        let done = outcome.map_err(|why| {
            let kept = round.keep();
            why.context(format!(
                "round {number} of seed {seed} failed; its files are in {}; run again with TIDEGATE_SEED={seed}",
                kept.display()
            ))
        })?;
        println!(
            "round {number:>3}: {}, killed after {} ms, {} orders and {} acts behind them acknowledged, {} unknown, \
             {} verified, audit ok",
            done.scenario, done.killed_after_ms, done.acknowledged, done.went_on, done.unknown, done.verified
        );
        acknowledged += done.acknowledged;
        verified += done.verified;
        went_on += done.went_on;
    }
    let summary = format!(
        "crash: {} rounds, {acknowledged} acknowledged, {verified} verified, lost 0, oversold 0; {went_on} payments, \
         shipments and refunds where they were",
        args.rounds
    );
    println!("{summary}");
    Ok(summary)
}

/// A folder of its own, and the processes that work in it.
struct Round<'a> {
    binary: &'a Path,
    folder: TempDir,
}

/// What a round that went well can say.
struct Done {
    scenario: &'static str,
    killed_after_ms: u64,
    acknowledged: u64,
    unknown: u64,
    verified: u64,
    /// Requests about orders behind their CREATE that were acknowledged, all of them verified.
    went_on: u64,
}

/// What `load --verify` says that it asked for and found.
struct Verified {
    orders: u64,
    went_on: u64,
}

impl Round<'_> {
    fn begin(binary: &Path) -> Result<Round<'_>> {
        Ok(Round { binary, folder: tempfile::Builder::new().prefix("tidegate-crash-").tempdir()? })
    }

    fn run(&self, random: &mut fastrand::Rng, number: u32, within_ms: u64) -> Result<Done> {
        let killed_after_ms = random.u64(200..=within_ms.max(201));
        // Shops under steady load: whole lives, one line an order, or baskets over many skus.
        let scenario = match (number % 2, random.bool()) {
            (1, _) => "lifecycle",
            (_, true) => "steady",
            (_, false) => "cart",
        };
        let report = self.load_and_kill(scenario, killed_after_ms, random.u64(..))?;
        let acknowledged = report["accepted"].as_u64().context("the load's report has no `accepted`")?;
        let unknown = report["unknown"].as_u64().context("the load's report has no `unknown`")?;

        // Every other round is hit once more while it opens: that leaves a cut behind a cut.
        if random.bool() {
            let mut opening = self.serve()?;
            thread::sleep(Duration::from_millis(random.u64(1..200)));
            opening.kill()?;
        }
        let done = report["done"].as_u64().context("the load's report has no `done`")?;
        let Verified { orders: verified, went_on } = self.verify()?;
        if verified < acknowledged {
            bail!("{acknowledged} were acknowledged, only {verified} are there: orders are lost");
        }
        if went_on < done {
            bail!("{done} acts were acknowledged, only {went_on} were asked for again");
        }
        self.audit()?;
        Ok(Done { scenario, killed_after_ms, acknowledged, unknown, verified, went_on })
    }

    /// Loads a server, kills it, and gives the report of the load.
    fn load_and_kill(&self, scenario: &str, after_ms: u64, seed: u64) -> Result<Value> {
        let mut server = self.serve()?;
        server.wait_ready()?;
        let mut load = self.tidegate("load");
        // Far longer than it may live: it is the kill that ends it.
        load.args(["--target", &server.address.to_string(), "--scenario", scenario, "--seconds", "120"]);
        load.args(["--connections", "16", "--pipeline", "16", "--seed", &seed.to_string()]);
        load.arg("--record").arg(self.path("record.txt")).arg("--json").arg(self.path("load.json"));
        let mut load = Process::spawn(&mut load, &self.path("load.log"))?;
        self.wait_for_first_order(&mut load)?;
        thread::sleep(Duration::from_millis(after_ms));
        server.kill()?;
        let status = load.wait(LOAD_ENDS_WITHIN)?;
        if status.success() {
            bail!("the load was done before the server was killed: give a larger --seconds in crash.rs");
        }
        let report = fs::read_to_string(self.path("load.json"))
            .context("the load wrote no report when its server was gone")?;
        Ok(serde_json::from_str(&report)?)
    }

    /// The record grows as soon as orders are sent; before that the load sets up its skus.
    fn wait_for_first_order(&self, load: &mut Process) -> Result<()> {
        let started = Instant::now();
        while fs::metadata(self.path("record.txt")).map_or(0, |record| record.len()) == 0 {
            if started.elapsed() > READY_WITHIN || load.has_ended()? {
                bail!("the load sent no order; see {}", self.path("load.log").display());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Opens the folder again and asks for every recorded request; gives how many orders were found.
    fn verify(&self) -> Result<Verified> {
        let mut server = self.serve()?;
        server.wait_ready()?;
        let mut verify = self.tidegate("load");
        verify.args(["--target", &server.address.to_string()]).arg("--verify").arg(self.path("record.txt"));
        let mut verify = Process::spawn(&mut verify, &self.path("verify.log"))?;
        if !verify.wait(CHECK_WITHIN)?.success() {
            bail!("what is there is not what was acknowledged: {}", last_line(&self.path("verify.log")));
        }
        server.terminate()?;
        let said = fs::read_to_string(self.path("verify.log"))?;
        let orders = number_in(&said, "accepted")
            .context("load --verify did not say how many accepted orders it asked for")?;
        // Only where orders went on does it say how far.
        Ok(Verified { orders, went_on: number_in(&said, "went on").unwrap_or(0) })
    }

    fn audit(&self) -> Result<()> {
        let mut audit = self.tidegate("audit");
        let mut audit = Process::spawn(audit.arg("--data").arg(self.path("data")), &self.path("audit.log"))?;
        if !audit.wait(CHECK_WITHIN)?.success() {
            bail!("the audit failed: {}", last_line(&self.path("audit.log")));
        }
        Ok(())
    }

    fn serve(&self) -> Result<Server> {
        // The port is free when asked for, and taken a moment later: whoever takes it in between makes the
        // server say so and the round fail, never pass.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut serve = self.tidegate("serve");
        serve.args(["--listen", &address.to_string()]).arg("--data").arg(self.path("data"));
        Ok(Server { address, process: Process::spawn(&mut serve, &self.path("serve.log"))? })
    }

    fn tidegate(&self, command: &str) -> Command {
        let mut tidegate = Command::new(self.binary);
        tidegate.arg(command).current_dir(self.folder.path());
        tidegate.env("TIDEGATE_GATEWAY_KEY", GATEWAY_KEY).env("TIDEGATE_PAYMENTS_GATEWAYS", GATEWAYS);
        tidegate
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// A running `tidegate serve`.
struct Server {
    address: SocketAddr,
    process: Process,
}

impl Server {
    /// Waits until it accepts connections.
    fn wait_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_err() {
            if self.process.has_ended()? {
                bail!("the server did not open its folder: {}", last_line(&self.process.log));
            }
            if started.elapsed() > READY_WITHIN {
                bail!("the server is not ready after {READY_WITHIN:?}; see {}", self.process.log.display());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Kill -9, and nothing else: no handler runs.
    fn kill(&mut self) -> Result<()> {
        if self.process.has_ended()? {
            bail!("the server ended by itself before it was killed: {}", last_line(&self.process.log));
        }
        self.process.child.kill()?;
        self.process.child.wait()?;
        Ok(())
    }

    /// SIGTERM: it drains and must end well.
    fn terminate(&mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.process.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let status = self.process.wait(READY_WITHIN)?;
        if !status.success() {
            bail!("the server did not drain well ({status}): {}", last_line(&self.process.log));
        }
        Ok(())
    }
}

/// A child that never outlives us; all it prints goes to a file.
struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    fn spawn(command: &mut Command, log: &Path) -> Result<Process> {
        let file = fs::File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{} does not start", tools::shown(command)))?;
        Ok(Process { child, log: log.to_path_buf() })
    }

    fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    fn wait(&mut self, at_most: Duration) -> Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if started.elapsed() > at_most {
                bail!("it did not end within {at_most:?}; see {}", self.log.display());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number in the line `accepted  12,345   asked for by request id, …` of `load --verify`, or another one's.
fn number_in(said: &str, name: &str) -> Option<u64> {
    let behind = said.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(' '))?;
    let number = behind.split_whitespace().next()?;
    number.replace(',', "").parse().ok()
}

/// What a program said last: its one sentence, where it failed.
fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_string()
}

#[cfg(test)]
mod tests {
    use super::number_in;

    #[test]
    fn what_verify_says_is_read() {
        let said = "reading the record\n  accepted         12,345   asked for by request id, each with its lines\n  \
                    went on          54,321   where each order must stand; 1 unknown\n";
        assert_eq!(number_in(said, "accepted"), Some(12_345));
        assert_eq!(number_in(said, "went on"), Some(54_321));
        assert_eq!(number_in("error: no server answers", "accepted"), None);
    }
}
