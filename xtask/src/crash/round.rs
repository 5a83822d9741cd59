//! One round: a folder of its own, a server that is loaded and killed there, and every question asked afterwards.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail};
use history::Verdict;
use powercut::Losses;
use serde_json::Value;
use tempfile::TempDir;

use super::power::{GROUP_BYTES, Power};
use super::process::{Process, READY_WITHIN, Server, last_line};

/// A load whose server is gone gives up after 3 s; past this it hangs, which is a bug of its own.
const LOAD_ENDS_WITHIN: Duration = Duration::from_secs(30);
/// Verifying and auditing read everything once.
const CHECK_WITHIN: Duration = Duration::from_secs(300);

/// What server and load sign callbacks with.
const GATEWAY_KEY: &str = "the crash rounds' own gateway key";
/// Bytes of journal between two checkpoints; and where segments leave, so that they do within seconds.
const CHECKPOINT_BYTES: u64 = 8 << 20;
const CHECKPOINT_BYTES_ARCHIVING: u64 = 1 << 20;
/// Of a segment where they leave, unless the round's disk has a word in it.
const SEGMENT_BYTES: usize = 1 << 20;
/// The server's gateway of [`GATEWAY_KEY`].
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
    rest_after_seconds: u32,
    /// Segments leave the data folder.
    archives: bool,
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
    /// Seconds after which orders rest, and how many did just before the kill and when all was verified.
    pub rest_after_seconds: u32,
    pub at_rest: [u64; 2],
    /// Segments in the archive in the end; nothing where none leaves.
    pub archived: Option<u64>,
    /// What the records of the round came to, judged as one history.
    pub history: Verdict,
    /// What the power cuts of the round took.
    pub losses: Losses,
}

/// How a round is loaded: the same skus and seed before the crash and after it.
struct Plan {
    scenario: &'static str,
    options: &'static [&'static str],
    seed: u64,
    rest_after_seconds: u32,
}

/// Orders rest at once, soon, or (as by default) not within a round: by turns, so that each meets each scenario.
const REST_AFTER_SECONDS: [u32; 3] = [0, 1, 600];

impl Plan {
    /// Shops under steady load: whole lives, one line an order, baskets over many skus, or a stock that is soon gone
    /// (by few at a time, for each refusal is asked about afterwards, too).
    fn by_chance(number: u32, random: &mut fastrand::Rng) -> Plan {
        const MANY: &[&str] = &["--connections", "16", "--pipeline", "16"];
        const FEW: &[&str] = &["--connections", "8", "--pipeline", "4", "--stock", "2000"];
        let (scenario, options) = match (number % 2, random.u8(..4)) {
            (1, _) => ("lifecycle", MANY),
            (_, 0) => ("steady", MANY),
            (_, 1) => ("cart", MANY),
            (_, _) => ("soldout", FEW),
        };
        let rest_after_seconds = REST_AFTER_SECONDS[number as usize % REST_AFTER_SECONDS.len()];
        Plan { scenario, options, seed: random.u64(..), rest_after_seconds }
    }
}

/// The record of the load that the server was killed under, and of the one after the restart.
const RECORDS: [&str; 2] = ["record.txt", "record-after.txt"];
/// Seconds of load after the restart.
const SECONDS_AFTER: &str = "1";

/// What `load --verify` says that it asked for and found.
struct Verified {
    orders: u64,
    went_on: u64,
    /// Orders at rest when all were asked for.
    at_rest: u64,
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
        Ok(Round { binary, power, folder, rest_after_seconds: REST_AFTER_SECONDS[0], archives: false })
    }

    pub fn run(&mut self, random: &mut fastrand::Rng, number: u32, within_ms: u64) -> Result<Done> {
        let killed_after_ms = random.u64(200..=within_ms.max(201));
        let plan = Plan::by_chance(number, random);
        self.rest_after_seconds = plan.rest_after_seconds;
        // By twos, so that it meets each scenario.
        self.archives = (number / 2).is_multiple_of(2);
        let (report, before) = self.load_and_kill(&plan, killed_after_ms, random)?;
        let acknowledged = report["accepted"].as_u64().context("the load's report has no `accepted`")?;
        let unknown = report["unknown"].as_u64().context("the load's report has no `unknown`")?;

        // Every other round is hit once more while it opens: that leaves a cut behind a cut.
        if random.bool() {
            let mut opening = self.serve()?;
            thread::sleep(Duration::from_millis(random.u64(1..200)));
            self.hit(&mut opening, random)?;
        }
        let done = report["done"].as_u64().context("the load's report has no `done`")?;
        let Verified { orders: verified, went_on, at_rest: behind } = self.verify_and_go_on(&plan)?;
        if verified < acknowledged {
            bail!("{acknowledged} were acknowledged, only {verified} are there: orders are lost");
        }
        if went_on < done {
            bail!("{done} acts were acknowledged, only {went_on} were asked for again");
        }
        self.audit()?;
        let history = self.judge()?;
        let losses = self.power.as_ref().map(|power| power.losses).unwrap_or_default();
        let Plan { scenario, rest_after_seconds, .. } = plan;
        Ok(Done {
            scenario,
            killed_after_ms,
            acknowledged,
            unknown,
            verified,
            went_on,
            rest_after_seconds,
            at_rest: [before, behind],
            archived: self.archived()?,
            history,
            losses,
        })
    }

    /// What is special about the disk of this round; nothing where it has none.
    pub fn disk_in_words(&self) -> String {
        self.power.as_ref().map(Power::in_words).unwrap_or_default()
    }

    /// Leaves all files of the round where they are, those of its disk beside them.
    pub fn keep(self) -> PathBuf {
        let Round { power, folder, .. } = self;
        if let Some(power) = power
            && let Err(error) = power.save(folder.path())
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

    /// Loads a server, kills it, and gives the report of the load, and how many orders were at rest just before.
    fn load_and_kill(
        &mut self,
        plan: &Plan,
        after_ms: u64,
        random: &mut fastrand::Rng,
    ) -> Result<(Value, u64)> {
        let mut server = self.serve()?;
        server.wait_ready()?;
        // Far longer than it may live: it is the kill that ends it.
        let mut load = self.load(plan, &server, "120", RECORDS[0]);
        load.arg("--json").arg(self.path("load.json"));
        let mut load = Process::spawn(&mut load, &self.path("load.log"))?;
        self.wait_for_first_order(&mut load)?;
        let started = Instant::now();
        // Asked before the moment itself, which must not depend on an answer.
        thread::sleep(Duration::from_millis(after_ms * 3 / 4));
        let at_rest = self.orders_at_rest(&server)?;
        thread::sleep(Duration::from_millis(after_ms).saturating_sub(started.elapsed()));
        self.hit(&mut server, random)?;
        let status = load.wait(LOAD_ENDS_WITHIN)?;
        if status.success() {
            bail!("the load was done before the server was killed: give a larger --seconds in crash.rs");
        }
        let report = fs::read_to_string(self.path("load.json"))
            .context("the load wrote no report when its server was gone")?;
        Ok((serde_json::from_str(&report)?, at_rest))
    }

    /// What STATS says.
    fn orders_at_rest(&self, server: &Server) -> Result<u64> {
        let mut stats = self.tidegate("admin");
        stats.args(["--target", &server.address.to_string(), "--json", "stats"]);
        let said = stats.output()?;
        let stats: Value = serde_json::from_slice(&said.stdout)
            .with_context(|| format!("no STATS: {}", String::from_utf8_lossy(&said.stderr)))?;
        stats["orders_at_rest"].as_u64().context("STATS does not say how many orders rest")
    }

    /// The record grows as soon as orders are sent; before that the load sets up its skus.
    fn wait_for_first_order(&self, load: &mut Process) -> Result<()> {
        let started = Instant::now();
        while fs::metadata(self.path(RECORDS[0])).map_or(0, |record| record.len()) == 0 {
            if started.elapsed() > READY_WITHIN || load.has_ended()? {
                bail!("the load sent no order; see {}", self.path("load.log").display());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Opens the folder again, asks some again, asks for every recorded request, sells on, and asks for those as
    /// well; gives what was found of the first record.
    fn verify_and_go_on(&self, plan: &Plan) -> Result<Verified> {
        let mut server = self.serve()?;
        server.wait_ready()?;
        self.ask_again(&server)?;
        let verified = self.verify(&server, RECORDS[0])?;
        let mut load = self.load(plan, &server, SECONDS_AFTER, RECORDS[1]);
        let mut load = Process::spawn(&mut load, &self.path("load-after.log"))?;
        if !load.wait(CHECK_WITHIN)?.success() {
            bail!("the load after the restart failed: {}", last_line(&self.path("load-after.log")));
        }
        self.verify(&server, RECORDS[1])?;
        let at_rest = self.orders_at_rest(&server)?;
        server.terminate()?;
        Ok(Verified { at_rest, ..verified })
    }

    /// Requests that the crash left without an answer are asked again, and some of the others: before anything else,
    /// so that the record still tells all that happened to the stock.
    fn ask_again(&self, server: &Server) -> Result<()> {
        let mut again = self.tidegate("load");
        again.args(["--target", &server.address.to_string()]).arg("--ask-again").arg(self.path(RECORDS[0]));
        let log = self.path("again.log");
        if !Process::spawn(&mut again, &log)?.wait(CHECK_WITHIN)?.success() {
            bail!("asked again, not all are the orders that they were: {}", last_line(&log));
        }
        Ok(())
    }

    fn verify(&self, server: &Server, record: &str) -> Result<Verified> {
        let mut verify = self.tidegate("load");
        verify.args(["--target", &server.address.to_string()]).arg("--verify").arg(self.path(record));
        let log = self.path(&format!("verify-{record}"));
        if !Process::spawn(&mut verify, &log)?.wait(CHECK_WITHIN)?.success() {
            bail!("what is there is not what was acknowledged: {}", last_line(&log));
        }
        let said = fs::read_to_string(log)?;
        let orders = number_in(&said, "accepted")
            .context("load --verify did not say how many accepted orders it asked for")?;
        // Only where orders went on does it say how far.
        Ok(Verified { orders, went_on: number_in(&said, "went on").unwrap_or(0), at_rest: 0 })
    }

    /// Judges both records as one history: stock that is linearizable, and each request once.
    fn judge(&self) -> Result<Verdict> {
        let records = RECORDS.map(|record| self.path(record));
        let verdict = history::judge_files(&[&records[0], &records[1]])?;
        if !verdict.is_good() {
            bail!("no order of events explains the answers: {verdict}");
        }
        Ok(verdict)
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
        // A few a round: some crashes come while one is written.
        let checkpoint_bytes = if self.archives { CHECKPOINT_BYTES_ARCHIVING } else { CHECKPOINT_BYTES };
        serve.env("TIDEGATE_JOURNAL_CHECKPOINT_BYTES", checkpoint_bytes.to_string());
        serve.env("TIDEGATE_STORE_REST_AFTER_SECONDS", self.rest_after_seconds.to_string());
        serve.args(["--listen", &address.to_string()]).arg("--data").arg(self.data());
        Ok(Server { address, process: Process::spawn(&mut serve, &self.path("serve.log"))? })
    }

    fn load(&self, plan: &Plan, server: &Server, seconds: &str, record: &str) -> Command {
        let mut load = self.tidegate("load");
        load.args(["--target", &server.address.to_string(), "--scenario", plan.scenario]);
        load.args(plan.options).args(["--seconds", seconds, "--seed", &plan.seed.to_string()]);
        load.arg("--record").arg(self.path(record));
        load
    }

    fn tidegate(&self, command: &str) -> Command {
        let mut tidegate = Command::new(self.binary);
        tidegate.arg(command).current_dir(self.folder.path());
        tidegate.env("TIDEGATE_GATEWAY_KEY", GATEWAY_KEY).env("TIDEGATE_PAYMENTS_GATEWAYS", GATEWAYS);
        if self.archives {
            let segment_bytes = self.power.as_ref().map_or(SEGMENT_BYTES, Power::segment_bytes);
            tidegate.env("TIDEGATE_JOURNAL_ON_EXPIRY", "archive");
            tidegate.env("TIDEGATE_JOURNAL_ARCHIVE_DIR", self.archive());
            tidegate.env("TIDEGATE_JOURNAL_RETAIN_BYTES", segment_bytes.to_string());
            tidegate.env("TIDEGATE_JOURNAL_SEGMENT_BYTES", segment_bytes.to_string());
            tidegate.env("TIDEGATE_JOURNAL_GROUP_BYTES", GROUP_BYTES.to_string());
        }
        tidegate.envs(self.power.iter().flat_map(Power::settings));
        tidegate
    }

    /// How many segments have left.
    fn archived(&self) -> Result<Option<u64>> {
        if !self.archives {
            return Ok(None);
        }
        let mut segments = 0;
        for entry in fs::read_dir(self.archive())? {
            segments += u64::from(entry?.path().extension().is_some_and(|it| it == "journal"));
        }
        Ok(Some(segments))
    }

    /// Beside the data folder, on the same disk: what is not synced there is lost, too.
    fn archive(&self) -> PathBuf {
        self.data().with_file_name("archive")
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
