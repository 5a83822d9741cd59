//! What a run came to: the numbers that `--json` writes, and that table and page are made of.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::latency::{CurvePoint, Percentiles, Timeline};

/// The outcome of a run. Every request that was sent is answered or `unknown`; every answer is accepted, done, a
/// retry answered with its order, refused, an error, or `OUTCOME_UNKNOWN` (which counts as `unknown`, too).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What was played.
    pub scenario: &'static str,
    /// Whether requests kept to a schedule.
    pub mode: Mode,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Connections to the server.
    pub connections: u32,
    /// Requests in flight on each, at most.
    pub pipeline: u32,
    /// Open loop: what the schedule asked for. Closed loop: what was sent.
    pub offered_per_s: f64,
    /// Requests sent, retries included.
    pub sent: u64,
    /// Answers received.
    pub answered: u64,
    /// Orders made.
    pub accepted: u64,
    /// Answers that said yes to anything but an order.
    pub done: u64,
    /// Refused requests by the name of their status.
    pub refused: BTreeMap<String, u64>,
    /// Answers that must not be, and connections that broke; [`Report::first_errors`] tells.
    pub errors: u64,
    /// Requests of which nobody knows whether they became orders.
    pub unknown: u64,
    /// Orders accepted a second.
    pub tps: f64,
    /// Answers a second.
    pub rps: f64,
    /// Of all answers. Open loop: from the scheduled time.
    pub latency_us: Percentiles,
    /// Of accepted orders alone.
    pub accepted_latency_us: Percentiles,
    /// Whether the server says that all it decided is durable.
    pub durable: bool,
    /// What the server's journal did meanwhile; nothing when it could not be asked.
    pub journal: Option<Journal>,
    /// Who answered; nothing when it could not be asked.
    pub server: Option<Server>,
    /// Where this ran.
    pub machine: Machine,
    /// What the server's own audit says; nothing when it could not be asked, or was not to be.
    pub audit: Option<Audit>,
    /// It was not to be asked for its audit.
    pub audit_left_out: bool,

    /// How it ended.
    pub ended: Ended,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// The same by the server's clock, microseconds UTC.
    pub started_at_us: i64,
    /// The command that repeats it.
    pub command: String,
    /// Everything random came from it.
    pub seed: u64,
    /// Who bought, at most so many.
    pub users: u64,
    /// Skus on sale.
    pub skus: u64,
    /// Units of all skus that were sellable when it began.
    pub stock_units: u64,
    /// Units of the accepted orders.
    pub accepted_units: u64,
    /// Open loop: requests that were due and never left, for want of answers. Their latency counts nowhere.
    pub unsent: u64,
    /// Requests that were asked again on purpose.
    pub retries: Retries,
    /// What came of each kind of request, by name.
    pub kinds: BTreeMap<&'static str, OfKind>,
    /// Who listened to events meanwhile.
    pub subscribers: u32,
    /// Events that they received, all of them together.
    pub events: u64,
    /// What the errors were, the first few of them, in words.
    pub first_errors: Vec<String>,
    /// 99th percentile of each whole second's answers, µs, for an hour at most; 0 where there were none.
    pub p99_by_second_us: Vec<f64>,
    /// Answers over time.
    pub timeline: Timeline,
    /// Latency of all answers by share.
    pub curve: Vec<CurvePoint>,
    /// Latency of accepted orders by share.
    pub accepted_curve: Vec<CurvePoint>,
}

/// Whether a late server is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Requests leave on schedule.
    Open,
    /// A request leaves when an answer came.
    Closed,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Everything was sent, or the time was over.
    Done,
    /// Somebody stopped it.
    Interrupted,
    /// The server was gone, or silent, for too long.
    ServerGone,
}

/// What a journal did during the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Journal {
    /// Groups written.
    pub groups: u64,
    /// Bytes written, padding included.
    pub bytes: u64,
    /// Median time from a group's write to its durability, microseconds.
    pub write_us_p50: u64,
}

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Server {
    /// Of the program.
    pub version: String,
    /// `embedded` or `cluster`.
    pub store: String,
    /// Threads that serve sockets.
    pub reactors: u32,
    /// Threads that serve: reactors, engine and their helpers.
    pub workers: u32,
    /// Cores that it may use.
    pub cores: u32,
    /// Memory that it had resident when the load began, bytes, …
    pub resident_bytes_before: u64,
    /// … and when it ended, before its audit took some.
    pub resident_bytes: u64,
}

/// Where the generator ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Name of the processor.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: u32,
    /// Release of the kernel.
    pub kernel: String,
}

/// The server's own audit, over all that it ever did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Every invariant holds.
    pub ok: bool,
    /// Units received, returned and adjusted.
    pub stock: u64,
    /// Units sold.
    pub sold: u64,
    /// Units held by open orders.
    pub held: u64,
    /// Units promised beyond the stock.
    pub oversold: u64,
    /// Orders beyond the first for one request.
    pub duplicate_orders: u64,
    /// Orders that were acknowledged in this run and are not there.
    pub lost: u64,
}

/// What came of one kind of request.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OfKind {
    /// Sent.
    pub sent: u64,
    /// Answered.
    pub answered: u64,
    /// Refused, by the name of the status.
    pub refused: BTreeMap<String, u64>,
    /// Answers a second.
    pub per_s: f64,
    /// Of all answers. Open loop: from the scheduled time.
    pub latency_us: Percentiles,
}

/// Asking again on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Retries {
    /// Sent.
    pub sent: u64,
    /// Answered with the order that the first ask had made.
    pub answered_with_their_order: u64,
}

impl Report {
    /// Refused requests, whatever the reason.
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Refusals, the most frequent first.
    pub fn refusals(&self) -> Vec<(&str, u64)> {
        let mut rows: Vec<_> = self.refused.iter().map(|(name, &count)| (name.as_str(), count)).collect();
        rows.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        rows
    }

    /// Whether nothing went wrong: the server was there to the end, made no mistake and is in order, as far as its
    /// audit was wanted.
    pub fn is_good(&self) -> bool {
        let is_in_order = self.audit.map_or(self.audit_left_out, |audit| audit.ok);
        self.ended != Ended::ServerGone && self.errors == 0 && is_in_order
    }

    /// Writes it as one JSON object.
    pub fn write_json(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        text.push('\n');
        std::fs::write(path, text)
    }
}

impl Machine {
    /// This machine, as far as it tells.
    pub fn this() -> Machine {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let info = read("/proc/cpuinfo");
        let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Machine {
            cpu: name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned()),
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        }
    }
}

#[cfg(test)]
pub(crate) mod sample {
    use super::*;
    use crate::latency::Latencies;

    /// A flash sale as it could have been: the numbers are made up, but add up.
    pub(crate) fn report() -> Report {
        let mut random = fastrand::Rng::with_seed(7);
        let (mut all, mut of_accepted) = (Latencies::default(), Latencies::default());
        let mut timeline = Timeline::default();
        for n in 0..200_000_u64 {
            let accepted = n % 8 == 0 && n < 100_000;
            let slow = if random.u32(..400) == 0 { random.u64(..4_000_000) } else { 0 };
            let nanos = 250_000 + random.u64(..300_000) + random.u64(..200_000) + slow;
            all.record_ns(nanos);
            if accepted {
                of_accepted.record_ns(nanos + 250_000);
            }
            let pace = 7_100 + (n % 20_000) / 10;
            timeline.record(n * pace, u64::from(accepted) * 5, u64::from(!accepted) * 5);
        }
        let refused = [("SOLD_OUT", 830_011), ("USER_LIMIT", 107_416), ("INSUFFICIENT_STOCK", 73)];
        Report {
            scenario: "flash",
            mode: Mode::Closed,
            seconds: 1.62,
            connections: 64,
            pipeline: 16,
            offered_per_s: 617_284.0,
            sent: 1_000_000,
            answered: 1_000_000,
            accepted: 62_500,
            done: 0,
            refused: refused.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
            errors: 0,
            unknown: 0,
            tps: 38_580.2,
            rps: 617_284.0,
            latency_us: all.percentiles(),
            accepted_latency_us: of_accepted.percentiles(),
            durable: true,
            journal: Some(Journal { groups: 1_234, bytes: 12_345_678, write_us_p50: 131 }),
            server: Some(Server {
                version: "0.1.0".to_owned(),
                store: "embedded".to_owned(),
                reactors: 1,
                workers: 1,
                cores: 2,
                resident_bytes_before: 500 << 20,
                resident_bytes: 512 << 20,
            }),
            machine: Machine { cpu: "AMD EPYC".to_owned(), cores: 2, kernel: "Linux 6.12.0".to_owned() },
            audit: Some(Audit {
                ok: true,
                stock: 80_000,
                sold: 0,
                held: 80_000,
                oversold: 0,
                duplicate_orders: 0,
                lost: 0,
            }),
            audit_left_out: false,
            ended: Ended::Done,
            started_at: "2026-11-21T11:30:00Z".to_owned(),
            started_at_us: 1_795_260_600_000_000,
            command: "tidegate load --scenario flash --seed 7".to_owned(),
            seed: 7,
            users: 150_000,
            skus: 4,
            stock_units: 80_000,
            accepted_units: 80_000,
            unsent: 0,
            retries: Retries::default(),
            kinds: BTreeMap::new(),
            subscribers: 0,
            events: 0,
            first_errors: Vec::new(),
            p99_by_second_us: Vec::new(),
            timeline,
            curve: all.curve(),
            accepted_curve: of_accepted.curve(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The names in an object, parted by a space.
    fn names(value: &Value) -> String {
        let object = value.as_object().unwrap_or_else(|| panic!("{value} is no object"));
        let mut names: Vec<_> = object.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.join(" ")
    }

    #[test]
    fn the_json_has_the_fields_of_the_specification() {
        let json = serde_json::to_value(sample::report()).expect("a report is plain data");
        for name in [
            "scenario",
            "mode",
            "seconds",
            "connections",
            "pipeline",
            "offered_per_s",
            "sent",
            "answered",
            "accepted",
            "refused",
            "errors",
            "unknown",
            "tps",
            "rps",
            "latency_us",
            "accepted_latency_us",
            "durable",
            "journal",
            "server",
            "machine",
            "audit",
        ] {
            assert!(json.get(name).is_some(), "{name} is missing");
        }
        assert_eq!(names(&json["latency_us"]), "max p50 p90 p95 p99 p999");
        assert_eq!(names(&json["accepted_latency_us"]), "max p50 p90 p95 p99 p999");
        assert_eq!(names(&json["journal"]), "bytes groups write_us_p50");
        assert_eq!(
            names(&json["server"]),
            "cores reactors resident_bytes resident_bytes_before store version workers"
        );
        assert_eq!(names(&json["machine"]), "cores cpu kernel");
        assert_eq!(names(&json["audit"]), "duplicate_orders held lost ok oversold sold stock");
        assert_eq!(json["mode"], "closed");
        assert_eq!(json["refused"]["SOLD_OUT"], 830_011);
        assert_eq!(json["durable"], true);
    }

    #[test]
    fn good_is_a_server_that_stayed_made_no_mistake_and_is_in_order() {
        let good = sample::report();
        assert!(good.is_good());
        assert!(!Report { ended: Ended::ServerGone, ..good.clone() }.is_good());
        assert!(!Report { errors: 1, ..good.clone() }.is_good());
        assert!(!Report { audit: None, ..good.clone() }.is_good());
        assert!(Report { audit: None, audit_left_out: true, ..good.clone() }.is_good());
        assert!(Report { ended: Ended::Interrupted, ..good }.is_good());
    }

    #[test]
    fn a_machine_has_a_name_and_cores() {
        let machine = Machine::this();
        assert!(machine.cores >= 1 && !machine.cpu.is_empty() && machine.kernel.len() > "Linux ".len());
    }
}
