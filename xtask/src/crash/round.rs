//! One round: a folder of its own, a server that is loaded and killed there, and every question asked afterwards.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail};
use powercut::Losses;
use serde_json::Value;
use tempfile::TempDir;

use super::power::Power;
use super::process::{Process, READY_WITHIN, Server, last_line};

/// A load whose server is gone gives up after 3 s; past this it hangs, which is a bug of its own.
const LOAD_ENDS_WITHIN: Duration = Duration::from_secs(30);
/// Verifying and auditing read everything once.
const CHECK_WITHIN: Duration = Duration::from_secs(300);

/// What server and load sign callbacks with.
const GATEWAY_KEY: &str = "the crash rounds' own gateway key";
/// The server's gateway of this key.
const GATEWAYS: &str = r#"[{ id = 1, key_env = "TIDEGATE_GATEWAY_KEY" }]"#;

/// Where the data folder lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disk {
    /// Where temporary files lie: the server is killed, the machine goes on.
    OfTheMachine,
    /// On a disk that loses what was not synced.
    WithPowerCuts,
    /// On one that loses what was synced, too.
    ThatLies,
}

/// A folder of its own, and the processes that work in it.
pub(super) struct Round<'a> {
    binary: &'a Path,
    /// The disk whose power is cut, and which goes before the folder that it is mounted on; nothing: the server
    /// alone is killed.
    power: Option<Power>,
    folder: TempDir,
}

/// What a round that went well can say.
pub(super) struct Done {
    pub scenario: &'static str,
    pub killed_after_ms: u64,
    pub acknowledged: u64,
    pub unknown: u64,
    pub verified: u64,
    /// Requests about orders behind their CREATE that were acknowledged, all of them verified.
    pub went_on: u64,
    /// What the power cuts of the round took.
    pub losses: Losses,
}

/// What `load --verify` says that it asked for and found.
struct Verified {
    orders: u64,
    went_on: u64,
}

impl Round<'_> {
    /// A round on the file system of temporary files, or on a disk of its own whose power can be cut.
    pub fn begin<'a>(binary: &'a Path, disk: Disk, random: &mut fastrand::Rng) -> Result<Round<'a>> {
        let folder = tempfile::Builder::new().prefix("tidegate-crash-").tempdir()?;
        let at = folder.path().join("disk");
        let power = match disk {
            Disk::OfTheMachine => None,
            Disk::WithPowerCuts => Some(Power::new(&at, false, random)?),
            Disk::ThatLies => Some(Power::new(&at, true, random)?),
        };
        Ok(Round { binary, power, folder })
    }

    pub fn run(&mut self, random: &mut fastrand::Rng, number: u32, within_ms: u64) -> Result<Done> {
        let killed_after_ms = random.u64(200..=within_ms.max(201));
        // Shops under steady load: whole lives, one line an order, or baskets over many skus.
        let scenario = match (number % 2, random.bool()) {
            (1, _) => "lifecycle",
            (_, true) => "steady",
            (_, false) => "cart",
        };
        let report = self.load_and_kill(scenario, killed_after_ms, random)?;
        let acknowledged = report["accepted"].as_u64().context("the load's report has no `accepted`")?;
        let unknown = report["unknown"].as_u64().context("the load's report has no `unknown`")?;

        // Every other round is hit once more while it opens: that leaves a cut behind a cut.
        if random.bool() {
            let mut opening = self.serve()?;
            thread::sleep(Duration::from_millis(random.u64(1..200)));
            self.hit(&mut opening, random)?;
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
        let losses = self.power.as_ref().map(|power| power.losses).unwrap_or_default();
        Ok(Done { scenario, killed_after_ms, acknowledged, unknown, verified, went_on, losses })
    }

    /// What is special about the disk of this round; nothing where it has none.
    pub fn disk_in_words(&self) -> String {
        self.power.as_ref().map(Power::in_words).unwrap_or_default()
    }

    /// Leaves all files of the round where they are, those of its disk beside them.
    pub fn keep(self) -> PathBuf {
        let Round { power, folder, .. } = self;
        if let Some(power) = power
            && let Err(error) = power.save(&folder.path().join("data"))
        {
            eprintln!("the files of the disk cannot be kept: {error:#}");
        }
        folder.keep()
    }

    /// The moment itself: the process dies, and where the round has a disk of its own, the power goes first.
    fn hit(&mut self, server: &mut Server, random: &mut fastrand::Rng) -> Result<()> {
        server.still_runs()?;
        match &mut self.power {
            Some(power) => power.cut(random, || server.kill()),
            None => server.kill(),
        }
    }

    /// Loads a server, kills it, and gives the report of the load.
    fn load_and_kill(&mut self, scenario: &str, after_ms: u64, random: &mut fastrand::Rng) -> Result<Value> {
        let mut server = self.serve()?;
        server.wait_ready()?;
        let mut load = self.tidegate("load");
        // Far longer than it may live: it is the kill that ends it.
        load.args(["--target", &server.address.to_string(), "--scenario", scenario, "--seconds", "120"]);
        load.args(["--connections", "16", "--pipeline", "16", "--seed", &random.u64(..).to_string()]);
        load.arg("--record").arg(self.path("record.txt")).arg("--json").arg(self.path("load.json"));
        let mut load = Process::spawn(&mut load, &self.path("load.log"))?;
        self.wait_for_first_order(&mut load)?;
        thread::sleep(Duration::from_millis(after_ms));
        self.hit(&mut server, random)?;
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
        let mut audit = Process::spawn(audit.arg("--data").arg(self.data()), &self.path("audit.log"))?;
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
        serve.args(["--listen", &address.to_string()]).arg("--data").arg(self.data());
        Ok(Server { address, process: Process::spawn(&mut serve, &self.path("serve.log"))? })
    }

    fn tidegate(&self, command: &str) -> Command {
        let mut tidegate = Command::new(self.binary);
        tidegate.arg(command).current_dir(self.folder.path());
        tidegate.env("TIDEGATE_GATEWAY_KEY", GATEWAY_KEY).env("TIDEGATE_PAYMENTS_GATEWAYS", GATEWAYS);
        tidegate.envs(self.power.iter().flat_map(Power::settings));
        tidegate
    }

    fn data(&self) -> PathBuf {
        self.power.as_ref().map_or_else(|| self.path("data"), |power| power.data())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The number in the line `accepted  12,345   asked for by request id, …` of `load --verify`, or another one's.
fn number_in(said: &str, name: &str) -> Option<u64> {
    let behind = said.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(' '))?;
    let number = behind.split_whitespace().next()?;
    number.replace(',', "").parse().ok()
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
