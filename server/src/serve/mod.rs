//! The server: joins sockets, gateway, engine and disk, each from a crate that does not know the others.
//!
//! [`start`] opens the store, seats the threads and serves; [`Running`] is the handle to it. There is one way
//! through a turn in each layout: `fused` has all on one thread, `split` gives the engine its own.

mod settings;

mod fused;
mod split;

mod audit;
mod control;
mod disk;
mod events;
mod link;

mod notify;
mod watch;

pub use settings::{Settings, servers};

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use affinity::{Layout, Machine, Plan, Seat};
use anyhow::Context;
use domain::{MicrosUtc, PassedBound};
use handlers::{About, Common, Host};
use reactor::{Acceptor, Counters, Reactor};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use storage::embedded::{ClockReading, FileDisk, OpenError, Opened, open};

pub use notify::Notifier;
pub use watch::Watch;

use crate::cli::BadUsage;
use crate::config::Config;
use crate::folders::Folders;
use control::Control;

/// A server that serves. Dropped without [`Running::stop`], it goes on until the process ends.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Orders that were there at the start.
    pub orders: u64,
    /// Which thread sits where, and why.
    pub plan: Plan,
    drainer: Drainer,
    threads: Vec<JoinHandle<anyhow::Result<()>>>,
}

/// Ends a server from any thread.
#[derive(Clone, Debug)]
pub struct Drainer {
    control: Arc<Control>,
    acceptor: reactor::Stopper,
}

impl Drainer {
    /// Begins to drain: no new orders, what was taken is answered. Returns at once; [`Running::wait`] waits.
    pub fn drain(&self) {
        self.acceptor.stop();
        self.control.drain();
    }
}

impl Running {
    /// The handle that ends it.
    pub fn drainer(&self) -> Drainer {
        self.drainer.clone()
    }

    /// Who sees whether all its threads go on.
    pub fn watch(&self) -> Watch {
        Watch::over(Arc::clone(&self.drainer.control))
    }

    /// Which threads sit where, in a few words.
    pub fn seats(&self) -> String {
        let seats: Vec<String> = self.plan.reactors.iter().map(ToString::to_string).collect();
        match self.plan.layout {
            Layout::Fused => format!("fused on {}", self.plan.engine),
            Layout::Split => format!("engine on {}, reactors on {}", self.plan.engine, seats.join(" and ")),
            Layout::Workers => {
                let workers: Vec<String> = self.plan.workers.iter().map(ToString::to_string).collect();
                format!("workers on {}, reactors on {}", workers.join(" and "), seats.join(" and "))
            }
        }
    }

    /// Waits for the end of all threads: after [`Drainer::drain`], or when one of them fails.
    pub fn wait(self) -> anyhow::Result<()> {
        for thread in self.threads {
            let ended = thread.join().map_err(|_| anyhow::anyhow!("a thread panicked: see the log"))?;
            ended?;
        }
        Ok(())
    }

    /// Drains and waits.
    pub fn stop(self) -> anyhow::Result<()> {
        self.drainer.drain();
        self.wait()
    }
}

/// What every layout's threads are made of.
struct Parts {
    settings: Settings,
    plan: Plan,
    control: Arc<Control>,
    common: Arc<Common>,
    reactors: Vec<Reactor>,
    folders: Folders,
    seed: u64,
}

/// Opens the store, starts all threads, and returns when the first order can be taken.
pub fn start(config: &Config) -> anyhow::Result<Running> {
    let settings = Settings::of(config)?;
    if settings.cluster.is_some() {
        let told = "[store] mode = \"cluster\": this build makes and shows a cluster (`tidegate cluster`), and cannot \
                    serve one yet: set mode = \"embedded\"";
        return Err(BadUsage(told.into()).into());
    }
    allow_open_files();
    let data = &config.store.data;
    let machine = Machine::read(Some(data))?;
    let plan = affinity::plan(&machine, &settings.wishes)?;
    tracing::info!("{plan}");

    let opened = open_store(config, &settings)?;
    let reactors =
        plan.reactors.iter().map(|_| Reactor::new(&settings.reactor)).collect::<Result<Vec<_>, _>>()?;
    let inlets = reactors.iter().map(Reactor::inlet).collect();
    let acceptor = Acceptor::listen(config.server.listen, inlets)?;
    let counters: Vec<Arc<Counters>> = reactors.iter().map(Reactor::counters).collect();
    let about = about(&opened, &settings, &plan, &machine);
    let host = host(counters, acceptor.counters(), settings.reactor.connections);
    let common = Arc::new(Common::new(about, reactors.len(), host).with_keys(settings.keys.clone()));

    let control = Arc::new(Control::new(reactors.len(), config.server.drain_seconds));
    let (ready, is_ready) = mpsc::channel();
    let parts = Parts {
        settings,
        plan: plan.clone(),
        control: Arc::clone(&control),
        common,
        reactors,
        folders: Folders::of(config),
        seed: seed_of(opened.report.store_id),
    };
    let mut threads = match plan.layout {
        Layout::Fused => vec![fused::start(opened, parts, ready)?],
        Layout::Split | Layout::Workers => split::start(opened, parts, ready)?,
    };

    let address = acceptor.address();
    let drainer = Drainer { control, acceptor: acceptor.stopper() };
    threads.push(thread("acceptor", plan.acceptor, move || Ok(acceptor.run()?))?);
    match is_ready.recv() {
        Ok(orders) => Ok(Running { address, orders, plan, drainer, threads }),
        Err(_) => {
            let ended = Running { address, orders: 0, plan, drainer, threads }.stop();
            Err(ended.err().unwrap_or_else(|| anyhow::anyhow!("the server ended before it could serve")))
        }
    }
}

fn open_store(config: &Config, settings: &Settings) -> anyhow::Result<Opened<FileDisk>> {
    let data = &config.store.data;
    let disk = FileDisk::make(data).with_context(|| {
        format!("the data folder {} cannot be made: choose another with --data", data.display())
    })?;
    let mut told = 0;
    let opened = open(Arc::new(disk), settings.store.clone(), ClockReading::now(), &mut |replayed| {
        // A long replay says that it lives, every ten million facts.
        if replayed.facts / 10_000_000 > told {
            told = replayed.facts / 10_000_000;
            tracing::info!(facts = replayed.facts, groups = replayed.groups, "replaying the journal");
        }
    })
    .map_err(in_keys)?;
    let report = &opened.report;
    tracing::info!(
        run = report.run,
        checkpoint = report.checkpoint_position,
        facts = report.replayed.facts,
        groups = report.replayed.groups,
        durability = report.path.name(),
        "the store is open"
    );
    // The chain always ends somewhere; only groups behind its end are worth a line.
    if let Some(tail) = report.tail.as_ref().filter(|tail| tail.stranded_groups > 0) {
        tracing::info!(?tail, "what stood behind the last good group was never acknowledged");
    }
    Ok(opened)
}

/// The error with the name that a bound has in the configuration: the ledger's without its `_max`.
fn in_keys(error: OpenError) -> anyhow::Error {
    match &error {
        OpenError::TooSmall { place, bound: PassedBound { name, value } } => {
            let key = name.trim_end_matches("_max");
            anyhow::anyhow!(
                "{place} holds more than [bounds] {key} = {value} allows: set a larger {key} in the \
                 configuration, then start again"
            )
        }
        OpenError::Config(_)
        | OpenError::Cold { .. }
        | OpenError::InUse { .. }
        | OpenError::Folder { .. }
        | OpenError::NotOurs { .. }
        | OpenError::Damaged { .. }
        | OpenError::NoBeginning { .. }
        | OpenError::Archive { .. }
        | OpenError::Full { .. }
        | OpenError::Clock(_) => error.into(),
    }
}

fn about(opened: &Opened<FileDisk>, settings: &Settings, plan: &Plan, machine: &Machine) -> About {
    let reactors = plan.reactors.len() as u32;
    About {
        server: concat!("tidegate ", env!("CARGO_PKG_VERSION")).to_owned(),
        store: opened.report.store_id,
        store_mode: "embedded",
        request_window: settings.store.rules.request_window,
        request_ahead: settings.store.rules.request_ahead,
        durable: true,
        reactors,
        workers: reactors + u32::from(plan.layout == Layout::Split),
        cores: machine.usable_cpus() as u32,
        started_at: ClockReading::now().wall,
    }
}

/// Counts over all reactors, when somebody asks.
fn host(
    reactors: Vec<Arc<Counters>>,
    acceptor: Arc<Counters>,
    connections_each: usize,
) -> Box<dyn Fn() -> Host + Send + Sync> {
    Box::new(move || {
        let sum = |of: fn(&Counters) -> u64| reactors.iter().map(|counters| of(counters)).sum::<u64>();
        Host {
            connections: sum(Counters::connections),
            connections_max: (connections_each * reactors.len()) as u64,
            accepted: acceptor.accepted.get(),
            cut_off: sum(|counters| counters.output_cut_off.get() + counters.input_cut_off.get()),
            bytes_in: sum(|counters| counters.recv_bytes.get()),
            bytes_out: sum(|counters| counters.send_bytes.get()),
            resident_bytes: resident_bytes().unwrap_or(0),
        }
    })
}

/// Takes as many descriptors as the system allows: each connection is one, and the usual limit is 1,024.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(why) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!("the limit of open files stays at {:?}: {why}", limit.current);
    }
}

/// Resident memory of this process, from the kernel's own count of pages.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Starts a thread that takes its seat first. What it needs threads for itself has to be started before: they
/// would sit on the same core.
fn thread(
    name: &str,
    seat: Seat,
    run: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
    let started = std::thread::Builder::new().name(format!("tidegate-{name}")).spawn(move || {
        if let Err(why) = seat.take() {
            tracing::warn!("a thread stays unpinned: {why}");
        }
        run()
    });
    started.context("a thread cannot be started: raise the limit of processes (ulimit -u)")
}

/// Unknown to clients and different at each start, for tables that hash what clients choose. The store's id is
/// random, the clock makes starts differ.
fn seed_of(store: u128) -> u64 {
    let MicrosUtc(now) = ClockReading::now().wall;
    (store as u64 ^ (store >> 64) as u64).wrapping_add(now as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
