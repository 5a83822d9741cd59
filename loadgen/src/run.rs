//! A run from the first connection to the report.

use std::fmt;
use std::thread;

use protocol::messages::{Audit as AuditKind, AuditAnswer, Stats, StatsAnswer};
use protocol::structs::StatsHead;
use protocol::{Nothing, text_of};
use reactor::{Bounds, Reactor};

use crate::connector;
use crate::drive::{Drive, Driven, Terms};
use crate::gateway::{self, Gateway};
use crate::instant::rfc3339;
use crate::lanes::Lanes;
use crate::market::{CURRENCY, Market};
use crate::orders::{self, Orders};
use crate::plan::{CONNECTIONS_MAX, LINES_MAX, LoadPlan, PIPELINE_MAX, Pace, SKUS_MAX, Scenario};
use crate::record::Recorder;
use crate::report::{Audit, Ended, Journal, Machine, Mode, Report, Server};
use crate::schedule::Schedule;
use crate::subscribers::{SUBSCRIBERS_MAX, Subscribers};
use crate::talk::{AUDIT_TIME_MAX, Talk, TalkError};
use crate::tally::Tally;
use crate::watch::Watcher;

/// Why there is no report at all.
#[derive(Debug)]
pub enum LoadError {
    /// A value of the plan is out of its bounds; the sentence says which.
    Plan(String),
    /// The server cannot be reached, or says no to the set-up.
    Server {
        /// `host:port`.
        target: String,
        /// What happened.
        why: String,
    },
    /// The server does not let the load play its payment gateway; the sentence says what to do.
    Gateway {
        /// `host:port`.
        target: String,
        /// What happened, and the remedy.
        why: String,
    },
    /// The record cannot be written.
    Record(std::io::Error),
    /// This machine does not let the generator work.
    Machine(String),
}

/// Plays a plan. A server that goes away during the load ends it with a report ([`Ended::ServerGone`]).
pub fn run<W: Watcher + Send>(plan: &LoadPlan, watcher: &mut W) -> Result<Report, LoadError> {
    check(plan)?;
    let failed = |error: TalkError| LoadError::Server { target: plan.target.clone(), why: error.to_string() };
    watcher.step("connecting");
    let mut talk = Talk::open(&plan.target).map_err(failed)?;
    if plan.scenario.pays() {
        watcher.step("asking whether the gateway is believed");
        gateway::greet(&mut talk, plan)
            .map_err(|why| LoadError::Gateway { target: plan.target.clone(), why })?;
    }
    let mut market = Market::planned(plan);
    market.set_up(&mut talk, &mut |step| watcher.step(step)).map_err(failed)?;
    let before = talk.ask::<Stats, StatsAnswer, _>(&Nothing {}, |answer| answer.head).map_err(failed)?;
    let set_up = SetUp {
        stock_units: market.stock_units(),
        skus: market.goods.len() as u64,
        recorder: recorder(plan, &market, &talk)?,
        pipeline: plan.pipeline.min(talk.hello().in_flight_max).max(1),
        server_time_us: talk.server_time_us(),
        schedule: schedule(plan),
    };
    let outline = Outline::of(&set_up);

    watcher.step("opening connections");
    // A thread of its own: it may be seated on a core, and whoever called goes on where it was.
    let driven = thread::scope(|scope| {
        let load = scope.spawn(|| drive(plan, market, set_up, watcher));
        load.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    watcher.step(if plan.audit {
        "asking the server for its audit"
    } else {
        "asking the server for its figures"
    });
    let report = outline.report(plan, driven, &before, &mut talk);
    watcher.done();
    Ok(report)
}

/// What the load needs and the set-up made.
struct SetUp {
    stock_units: u64,
    skus: u64,
    recorder: Option<Recorder>,
    pipeline: u32,
    server_time_us: i64,
    schedule: Option<Schedule>,
}

fn check(plan: &LoadPlan) -> Result<(), LoadError> {
    let within = |name: &str, value: u64, most: u64| match value {
        0 => Err(LoadError::Plan(format!("{name} must be at least 1"))),
        value if value > most => Err(LoadError::Plan(format!("{name} must be at most {most}"))),
        _ => Ok(()),
    };
    within("connections", plan.connections.into(), CONNECTIONS_MAX.into())?;
    within("pipeline", plan.pipeline.into(), PIPELINE_MAX.into())?;
    within("users", plan.users, orders::USERS_MAX)?;
    if let Pace::PerSecond(rate) = plan.pace {
        within("rate", rate, 1_000_000_000)?;
    }
    match &plan.scenario {
        Scenario::Replay(_) => Ok(()),
        _ if plan.pace == Pace::Trace => Err(LoadError::Plan(
            "only a replay has a pace of its own: name a rate in requests a second".into(),
        )),
        Scenario::Flash | Scenario::Steady | Scenario::SoldOut | Scenario::Cart => {
            within("skus", plan.skus.into(), SKUS_MAX.into())
        }
        Scenario::Lifecycle(lifecycle) => {
            within("lines", lifecycle.lines.into(), LINES_MAX.into())?;
            within("skus", plan.skus.into(), SKUS_MAX.into())
        }
        Scenario::Mixed(_) if plan.skus < 2 => {
            Err(LoadError::Plan("skus must be at least 2: orders take some, holds take others".into()))
        }
        Scenario::Mixed(mixed) => {
            within("subscribers", u64::from(mixed.subscribers) + 1, u64::from(SUBSCRIBERS_MAX) + 1)?;
            within("skus", plan.skus.into(), SKUS_MAX.into())
        }
    }
}

fn schedule(plan: &LoadPlan) -> Option<Schedule> {
    match (plan.pace, &plan.scenario) {
        (Pace::Closed, _) => None,
        (Pace::PerSecond(per_second), _) => Some(Schedule::Even { per_second }),
        (Pace::Trace, Scenario::Replay(replay)) => {
            let at_us = replay.purchases.orders().iter().map(|order| order.at_us);
            Some(Schedule::of_trace(at_us, plan.seconds_max))
        }
        (
            Pace::Trace,
            Scenario::Flash
            | Scenario::Steady
            | Scenario::SoldOut
            | Scenario::Cart
            | Scenario::Lifecycle(_)
            | Scenario::Mixed(_),
        ) => None,
    }
}

fn recorder(plan: &LoadPlan, market: &Market, talk: &Talk) -> Result<Option<Recorder>, LoadError> {
    let Some(path) = &plan.record else { return Ok(None) };
    let write = || {
        // The time of the greeting: before every order of this run, and after those of earlier ones.
        let mut recorder = Recorder::create(path, talk.hello().server_time, CURRENCY)?;
        recorder.remark(&plan.command)?;
        for goods in orders::goods_of_orders(&plan.scenario, &market.goods) {
            recorder.sku(goods.sku, goods.units_before, goods.sellable_at_start())?;
        }
        recorder.flush()?;
        Ok(recorder)
    };
    write().map(Some).map_err(LoadError::Record)
}

/// On the load's own thread, to its end.
fn drive<W: Watcher>(
    plan: &LoadPlan,
    market: Market,
    set_up: SetUp,
    watcher: &mut W,
) -> Result<Driven, LoadError> {
    let machine = |error: &dyn fmt::Display| LoadError::Machine(error.to_string());
    if let Some(core) = plan.core {
        affinity::pin_current_thread(core).map_err(|error| machine(&error))?;
    }
    let connections = plan.connections + plan.scenario.subscribers();
    let bounds = bounds(connections);
    let mut reactor = Reactor::new(&bounds).map_err(|error| machine(&error))?;
    for _ in 0..connections {
        let stream = Talk::open(&plan.target).and_then(Talk::into_stream);
        let failed =
            |error: TalkError| LoadError::Server { target: plan.target.clone(), why: error.to_string() };
        // There is room: the bounds were made for this many.
        reactor.adopt(stream.map_err(failed)?).map_err(|_| machine(&"too many connections"))?;
    }
    let (connector, connecting) =
        connector::start(plan.target.clone(), reactor.inlet()).map_err(|error| machine(&error))?;
    let lanes = Lanes::new(plan.connections, set_up.pipeline, bounds.connections);
    // With a history's own pace the seconds are its length, not its end.
    let seconds_max = plan.seconds_max.filter(|_| plan.pace != Pace::Trace);
    let SetUp { schedule, server_time_us, recorder, .. } = set_up;
    let (gateway, key) = &plan.gateway;
    let gateway = Gateway::new(*gateway, key);
    let kinds = plan.scenario.other_kinds();
    let sku = market.goods.first().map_or(0, |goods| goods.sku);
    let subscribers = Subscribers::new(plan.scenario.subscribers(), sku);
    let hold_seconds = plan.hold_seconds;
    let terms =
        Terms { schedule, seconds_max, server_time_us, recorder, gateway, kinds, subscribers, hold_seconds };
    let mut drive = Drive::new(Orders::new(plan, market), lanes, connector, terms, watcher);
    reactor.run(&mut drive).map_err(|error| machine(&error))?;
    let mut driven = drive.finish();
    // The wishes ended with the drive, so the thread behind them ends now.
    drop(connecting);
    match driven.failure.take() {
        Some(error) => Err(LoadError::Record(error)),
        None => Ok(driven),
    }
}

/// Room for what one connection can have in flight, and no spinning: the generator shares its core with the
/// disk's interrupt and must not keep it busy for nothing.
fn bounds(connections: u32) -> Bounds {
    let connections = connections as usize;
    Bounds {
        // Some slots more: a broken connection leaves its slot a little after the next one has come.
        connections: connections + connections / 4 + 8,
        connection_in_bytes: 1 << 20,
        connection_out_bytes: 4 << 20,
        in_bytes: 64 << 20,
        out_bytes: 512 << 20,
        recv_buffers: 512,
        recv_buffer_bytes: 16 << 10,
        inlet_sockets: connections.max(16),
        spin_us: 0,
        ..Bounds::DEFAULT
    }
}

/// What the report says of the plan.
struct Outline {
    stock_units: u64,
    skus: u64,
    pipeline: u32,
    started_at_us: i64,
    offered_per_s: Option<f64>,
}

impl Outline {
    fn of(set_up: &SetUp) -> Outline {
        Outline {
            stock_units: set_up.stock_units,
            skus: set_up.skus,
            pipeline: set_up.pipeline,
            started_at_us: set_up.server_time_us,
            offered_per_s: set_up.schedule.as_ref().map(Schedule::per_second),
        }
    }

    fn report(self, plan: &LoadPlan, driven: Driven, before: &StatsHead, talk: &mut Talk) -> Report {
        let Driven { mut tally, ended, seconds, events, failure: _ } = driven;
        let asked = match ended {
            Ended::ServerGone => None,
            Ended::Done | Ended::Interrupted => ask_server(talk, before, plan.audit, &mut tally),
        };
        let a_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let (all, of_accepted) = tally.latencies();
        let audit_left_out = !plan.audit || asked.as_ref().is_some_and(|asked| !asked.has_audit);
        let (durable, journal, server, audit) = match asked {
            Some(Asked { durable, journal, server, audit, .. }) => {
                (durable, Some(journal), Some(server), audit)
            }
            None => (false, None, None, None),
        };
        Report {
            scenario: plan.scenario.name(),
            mode: if self.offered_per_s.is_some() { Mode::Open } else { Mode::Closed },
            seconds,
            connections: plan.connections,
            pipeline: self.pipeline,
            offered_per_s: self.offered_per_s.unwrap_or_else(|| a_second(tally.sent)),
            sent: tally.sent,
            answered: tally.answered,
            accepted: tally.accepted,
            done: tally.done,
            refused: tally.refused(),
            errors: tally.errors,
            unknown: tally.unknown(),
            tps: a_second(tally.accepted),
            rps: a_second(tally.answered),
            latency_us: all.percentiles(),
            accepted_latency_us: of_accepted.percentiles(),
            durable,
            journal,
            server,
            machine: Machine::this(),
            audit,
            audit_left_out,
            ended,
            started_at: rfc3339(self.started_at_us),
            started_at_us: self.started_at_us,
            command: plan.command.clone(),
            seed: plan.seed,
            users: users(plan, tally.orders_asked()),
            skus: self.skus,
            stock_units: self.stock_units,
            accepted_units: tally.accepted_units,
            unsent: tally.unsent,
            retries: tally.retries,
            kinds: tally.kinds(seconds),
            subscribers: plan.scenario.subscribers(),
            events,
            first_errors: tally.first_errors.clone(),
            p99_by_second_us: tally.p99_by_second_us().to_vec(),
            timeline: tally.timeline.clone(),
            curve: all.curve(),
            accepted_curve: of_accepted.curve(),
        }
    }
}

/// Who can have bought.
fn users(plan: &LoadPlan, new_orders: u64) -> u64 {
    match &plan.scenario {
        Scenario::Flash => plan.users.min(new_orders),
        Scenario::Steady
        | Scenario::SoldOut
        | Scenario::Cart
        | Scenario::Lifecycle(_)
        | Scenario::Mixed(_) => new_orders,
        Scenario::Replay(replay) => {
            let mut users: Vec<u64> = replay.purchases.orders().iter().map(|order| order.user).collect();
            users.sort_unstable();
            users.dedup();
            users.len() as u64
        }
    }
}

/// What the server says afterwards.
struct Asked {
    durable: bool,
    journal: Journal,
    server: Server,
    audit: Option<Audit>,
    /// Whether such a store has one.
    has_audit: bool,
}

fn ask_for_audit(talk: &mut Talk, tally: &mut Tally) -> Option<Audit> {
    let audit = talk.set_answer_time(AUDIT_TIME_MAX).and_then(|()| {
        talk.ask::<AuditKind, AuditAnswer, _>(&Nothing {}, |answer| Audit {
            ok: answer.head.ok,
            stock: u64::try_from(answer.head.stock).unwrap_or(0),
            sold: answer.head.sold,
            held: answer.head.held,
            oversold: answer.head.oversold,
            duplicate_orders: answer.head.duplicate_orders,
            lost: answer.head.lost,
        })
    });
    audit
        .map_err(|error| tally.error(|| format!("the server could not be asked for its audit: {error}")))
        .ok()
}

/// STATS, and AUDIT where it is wanted. What cannot be had is an error of the run.
fn ask_server(talk: &mut Talk, before: &StatsHead, wants_audit: bool, tally: &mut Tally) -> Option<Asked> {
    let stats = match talk.ask::<Stats, StatsAnswer, _>(&Nothing {}, |answer| answer.head) {
        Ok(stats) => stats,
        Err(error) => {
            tally.error(|| format!("the server could not be asked for its figures: {error}"));
            return None;
        }
    };
    let name = text_of(&stats.server).unwrap_or("");
    let mode = text_of(&stats.store_mode).unwrap_or("");
    // A cluster has no journal to recompute: `tidegate cluster status` compares its servers.
    let has_audit = mode != "cluster";
    let audit = if wants_audit && has_audit { ask_for_audit(talk, tally) } else { None };
    Some(Asked {
        durable: stats.durable,
        journal: Journal {
            groups: stats.journal_groups.saturating_sub(before.journal_groups),
            bytes: stats.journal_bytes.saturating_sub(before.journal_bytes),
            write_us_p50: stats.journal_write_us_p50,
        },
        server: Server {
            version: name.rsplit(' ').next().unwrap_or(name).to_owned(),
            store: mode.to_owned(),
            reactors: stats.reactors,
            workers: stats.workers,
            cores: stats.cores,
            resident_bytes_before: before.resident_bytes,
            resident_bytes: stats.resident_bytes,
        },
        audit,
        has_audit,
    })
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Plan(why) => f.write_str(why),
            LoadError::Server { target, why } => {
                write!(
                    f,
                    "the server at {target} cannot be loaded: {why}; is it running, and is this its address?"
                )
            }
            LoadError::Gateway { target, why } => {
                write!(f, "orders of the server at {target} cannot be paid: {why}")
            }
            LoadError::Record(error) => write!(f, "the record cannot be written: {error}"),
            LoadError::Machine(why) => write!(f, "the generator cannot work here: {why}"),
        }
    }
}

impl std::error::Error for LoadError {}
