//! `tidegate load`: plays a scenario against a server, or verifies a record.

use std::fs::File;
use std::io::{BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use loadgen::purchases::Purchases;
use loadgen::{Act, GATEWAY, GATEWAY_KEY, Lifecycle, LoadPlan, Mixed, Pace, Replay, Report, Scenario};

use crate::cli::{BadUsage, print, say};

/// Load a server and report what it did
///
/// Closed loop by default: each connection keeps --pipeline requests in flight. With --rate it is open loop:
/// requests leave on schedule, and latency counts from the scheduled time. Ctrl-C ends it with the report.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate load --scenario flash
Example: tidegate load --scenario steady --seconds 10 --skus 1 --html report.html
Example: tidegate load --scenario steady --rate 50000 --seconds 30
Example: tidegate load --scenario lifecycle --seconds 20 --json life.json
Example: tidegate load --scenario replay --file orders.csv --record r.txt && tidegate load --verify r.txt")]
pub struct Load {
    /// The server.
    #[arg(long, value_name = "HOST:PORT", env = "TIDEGATE_TARGET", default_value = "127.0.0.1:7171")]
    target: String,
    /// What to play.
    #[arg(long, value_enum, required_unless_present_any = ["verify", "ask_again"])]
    scenario: Option<Name>,
    /// Ask for every row of a record and compare; sends no order.
    #[arg(long, value_name = "RECORD", conflicts_with_all = ["scenario", "record", "json", "html"])]
    verify: Option<PathBuf>,
    /// Send again, under their request ids, what has no known outcome in a record and a share of what was accepted,
    /// and continue the record: each must be one order, whatever happened to the server in between.
    #[arg(long, value_name = "RECORD", conflicts_with_all = ["scenario", "verify", "record", "json", "html"])]
    ask_again: Option<PathBuf>,
    /// The history to replay: CSV with order,user,at,sku,quantity,unit_price_minor.
    #[arg(long, value_name = "CSV", required_if_eq("scenario", "replay"))]
    file: Option<PathBuf>,
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 64)]
    connections: u32,
    /// Requests in flight on each connection, at most.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pipeline: u32,
    /// Requests a second, on schedule; or `trace`: at the pace of the history (with --seconds: pressed into them).
    #[arg(long, value_name = "R")]
    rate: Option<Rate>,
    /// How long to send; flash and replay otherwise send all they have.
    #[arg(long, value_name = "N")]
    seconds: Option<u32>,
    /// How many orders to send, at most.
    #[arg(long, value_name = "N")]
    orders: Option<u64>,
    /// Skus on sale; 1 is one hot sku.
    #[arg(long, value_name = "N")]
    skus: Option<u32>,
    /// Units of each sku that are sellable at the start (replay: otherwise as many as the history asks for).
    #[arg(long, value_name = "N")]
    stock: Option<u64>,
    /// Users of a flash sale, or of one in which all is free.
    #[arg(long, value_name = "N")]
    users: Option<u64>,
    /// Nothing costs anything and nobody is limited: an order is over as soon as it is made. Of a steady run alone.
    #[arg(long)]
    free: bool,
    /// Lines of each order of a lifecycle.
    #[arg(long, value_name = "N", default_value_t = 1)]
    lines: u32,
    /// The last thing that is asked for an order of a lifecycle, none of which is cancelled then.
    #[arg(long, value_enum, value_name = "KIND")]
    until: Option<Until>,
    /// Subscribers of a mixed shop: to all events, to payments, to shipments, to one sku, and again.
    #[arg(long, value_name = "N", default_value_t = 4)]
    subscribers: u32,
    /// How long unpaid orders keep their units, in seconds; a day otherwise.
    #[arg(long, value_name = "S")]
    hold_seconds: Option<u32>,
    /// Where lifecycle and mixed pay: number of a gateway in the server's configuration.
    #[arg(long, value_name = "N", default_value_t = GATEWAY)]
    gateway: u16,
    /// The key that this gateway signs with; the server must have the same.
    #[arg(long, value_name = "KEY", env = "TIDEGATE_GATEWAY_KEY", hide_env_values = true,
          default_value = GATEWAY_KEY, hide_default_value = true)]
    gateway_key: String,
    /// Everything random comes from it, also the ids of skus and sale; a new one each time otherwise.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Keep a row for each request before it is sent, and one when it is answered.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Leave out the server's audit at the end: it takes time and memory for every order that the server ever made.
    #[arg(long)]
    no_audit: bool,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as an HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The core of the generator; `any`: none of its own. Chosen by the machine otherwise.
    #[arg(long, value_name = "CPU")]
    cpu: Option<Core>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Name {
    /// Little stock of a few skus, a million attempts by very many users
    Flash,
    /// Plenty of stock, one line an order, every user buys once
    Steady,
    /// The stock goes at once; some who have an order ask for it again
    Soldout,
    /// Baskets of several lines
    Cart,
    /// Orders to their end: paid, sent, signed for; one in five cancelled instead, one in twenty refunded
    Lifecycle,
    /// Of 100 things that begin: 12 lives of baskets, 40 GET, 15 LIST, 25 STOCK_GET, 3 STOCK_ADJUST, 5 holds; with subscribers
    Mixed,
    /// A shop's history from --file
    Replay,
}

/// Where every order of a lifecycle ends.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Until {
    /// It is open for payment
    PayOpen,
    /// It is paid
    PayCallback,
    /// It is on its way
    Ship,
    /// It is signed for
    Sign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rate {
    PerSecond(u64),
    Trace,
}

/// Where the generator runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Core {
    Any,
    Cpu(usize),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        match text.replace('_', "").parse() {
            Ok(rate) => Ok(Rate::PerSecond(rate)),
            Err(_) if text == "trace" => Ok(Rate::Trace),
            Err(_) => Err("give whole requests a second, or «trace»".to_owned()),
        }
    }
}

impl FromStr for Core {
    type Err = String;

    fn from_str(text: &str) -> Result<Core, String> {
        match text.parse() {
            Ok(cpu) => Ok(Core::Cpu(cpu)),
            Err(_) if text == "any" => Ok(Core::Any),
            Err(_) => Err("give the number of a core, or «any»".to_owned()),
        }
    }
}

impl Load {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let stop = stop_on_signals()?;
        let mut bar = loadgen::bar(stop);
        if let Some(record) = &self.verify {
            let found = loadgen::verify(&self.target, record, &mut bar)
                .with_context(|| format!("{} cannot be verified", record.display()))?;
            print(&format!("\n{found}"))?;
            return Ok(if found.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if let Some(record) = &self.ask_again {
            let found = loadgen::ask_again(&self.target, record, &mut bar)
                .with_context(|| format!("{} cannot be asked again", record.display()))?;
            print(&format!("\n{found}"))?;
            return Ok(if found.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        let plan = self.plan()?;
        let report = loadgen::run(&plan, &mut bar)?;
        publish(&report, self.json.as_deref(), self.html.as_deref())?;
        Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn plan(&self) -> anyhow::Result<LoadPlan> {
        let mut plan = LoadPlan::new(&self.target, self.scenario()?);
        plan.connections = self.connections;
        plan.pipeline = self.pipeline;
        plan.pace = match self.rate {
            None => Pace::Closed,
            Some(Rate::PerSecond(rate)) => Pace::PerSecond(rate),
            Some(Rate::Trace) => Pace::Trace,
        };
        if self.seconds.is_some() || self.orders.is_some() {
            (plan.seconds_max, plan.requests_max) = (self.seconds, self.orders);
        }
        plan.skus = self.skus.unwrap_or(plan.skus);
        plan.stock = self.stock.unwrap_or(plan.stock);
        plan.users = self.users.unwrap_or(plan.users);
        plan.free = self.is_free(&plan.scenario)?;
        plan.audit = !self.no_audit;
        plan.seed = self.seed.unwrap_or(plan.seed);
        plan.hold_seconds = self.hold_seconds.unwrap_or(plan.hold_seconds);
        plan.gateway = (self.gateway, self.gateway_key.clone().into_bytes());
        plan.record.clone_from(&self.record);
        plan.core = match self.cpu {
            Some(Core::Any) => None,
            Some(Core::Cpu(cpu)) => Some(cpu),
            None => generator_core(),
        };
        plan.command = command_line(self.seed.is_none().then_some(plan.seed));
        Ok(plan)
    }

    fn is_free(&self, scenario: &Scenario) -> Result<bool, BadUsage> {
        if self.free && !matches!(scenario, Scenario::Steady) {
            return Err(BadUsage("--free goes with --scenario steady alone".to_owned()));
        }
        Ok(self.free)
    }

    fn scenario(&self) -> anyhow::Result<Scenario> {
        // Both are required by the command line wherever they are needed.
        let missing = |what: &str| BadUsage(format!("{what} is missing: see tidegate load --help"));
        Ok(match self.scenario.ok_or_else(|| missing("--scenario"))? {
            Name::Flash => Scenario::Flash,
            Name::Steady => Scenario::Steady,
            Name::Soldout => Scenario::SoldOut,
            Name::Cart => Scenario::Cart,
            Name::Lifecycle => {
                Scenario::Lifecycle(Lifecycle { lines: self.lines, until: self.until.map(Until::act) })
            }
            Name::Mixed => Scenario::Mixed(Mixed { subscribers: self.subscribers }),
            Name::Replay => {
                let path = self.file.as_deref().ok_or_else(|| missing("--file"))?;
                Scenario::Replay(Replay { purchases: read_purchases(path)?, stock: self.stock })
            }
        })
    }
}

impl Until {
    fn act(self) -> Act {
        match self {
            Until::PayOpen => Act::PayOpen,
            Until::PayCallback => Act::PayCallback,
            Until::Ship => Act::Ship,
            Until::Sign => Act::Sign,
        }
    }
}

fn read_purchases(path: &Path) -> anyhow::Result<Purchases> {
    let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    Purchases::read(BufReader::with_capacity(1 << 20, file))
        .with_context(|| format!("{} is not replayed, nothing was sent", path.display()))
}

/// The first Ctrl-C (or SIGTERM) ends the run with its report, the second one ends the process.
pub(super) fn stop_on_signals() -> anyhow::Result<Arc<AtomicBool>> {
    const KILLED_BY_SIGNAL: i32 = 130;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, KILLED_BY_SIGNAL, stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(stop)
}

/// Prints the table, and writes the files that were asked for.
pub(super) fn publish(report: &Report, json: Option<&Path>, html: Option<&Path>) -> anyhow::Result<()> {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    print(&loadgen::table::table(report, colour))?;
    if let Some(path) = json {
        report.write_json(path).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if let Some(path) = html {
        loadgen::page::write(report, path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        say(&format_args!("  The page: {}", path.display()));
    }
    Ok(())
}

/// Where a generator sits beside a server on this machine. Nothing where that cannot be told: then anywhere.
pub(super) fn generator_core() -> Option<usize> {
    let machine = affinity::Machine::read(None).ok()?;
    let wishes = affinity::Wishes { generator: true, ..affinity::Wishes::default() };
    match affinity::plan(&machine, &wishes).ok()?.generator {
        affinity::Seat::Cpu(cpu) => Some(cpu),
        affinity::Seat::Anywhere => None,
    }
}

/// The command as it was typed, with the seed that was drawn for it.
pub(super) fn command_line(seed: Option<u64>) -> String {
    let words = std::env::args().skip(1).map(|word| match word.chars().all(is_plain) && !word.is_empty() {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    });
    let seed = seed.map(|seed| format!("--seed {seed}"));
    std::iter::once("tidegate".to_owned()).chain(words).chain(seed).collect::<Vec<_>>().join(" ")
}

/// Whether a shell takes it for what it is.
fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || "-_./:=,@+".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_or_the_pace_of_the_history() {
        assert_eq!("50000".parse(), Ok(Rate::PerSecond(50_000)));
        assert_eq!("50_000".parse(), Ok(Rate::PerSecond(50_000)));
        assert_eq!("trace".parse(), Ok(Rate::Trace));
        assert!("fast".parse::<Rate>().is_err());
        assert!("-1".parse::<Rate>().is_err());
        assert_eq!(("any".parse(), "3".parse()), (Ok(Core::Any), Ok(Core::Cpu(3))));
    }

    #[test]
    fn a_bad_history_is_named_with_its_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("orders.csv");
        std::fs::write(&path, format!("{}\n1,2,x,4,5,6\n", loadgen::purchases::HEADER))
            .expect("it is written");
        let error = format!("{:#}", read_purchases(&path).expect_err("x is no time"));
        assert!(error.contains("nothing was sent: line 2: at «x»"), "{error}");
    }
}
