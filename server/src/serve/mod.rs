//! The server: joins sockets, gateway, engine and disk, each from a crate that does not know the others.
//!
//! [`start`] opens the store, seats the threads and serves; [`Running`] is the handle to it. There is one way
//! through a turn in each layout: `fused` has all on one thread, `split` gives the embedded store's engine its own,
//! and with `cluster` workers ask servers elsewhere. In the last two, sub-reactors are `serving`.

mod settings;

mod cluster;
mod embedded;
mod fused;
mod serving;
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
use domain::MicrosUtc;
use handlers::{About, Common, Host, OF_A_JOURNAL};
use reactor::{Acceptor, Counters, Reactor};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use storage::embedded::ClockReading;

pub use notify::Notifier;
pub use watch::Watch;

use crate::config::Config;
use cluster::Cluster;
use control::Control;
use embedded::Embedded;

/// A server that serves. Dropped without [`Running::stop`], it goes on until the process ends.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Orders that were there at the start. A cluster's are not counted.
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

type Threads = Vec<JoinHandle<anyhow::Result<()>>>;

/// What all threads of a server are made of.
struct Parts {
    settings: Settings,
    plan: Plan,
    control: Arc<Control>,
    common: Arc<Common>,
    seed: u64,
}

/// What stands behind the door.
enum House {
    Embedded(Box<Embedded>),
    Cluster(Box<Cluster>),
}

impl House {
    /// Opens the store, or meets its servers.
    fn open(config: &Config, settings: &Settings) -> anyhow::Result<House> {
        match &settings.cluster {
            None => Ok(House::Embedded(Box::new(Embedded::open(config, settings)?))),
            Some(servers) => Ok(House::Cluster(Box::new(Cluster::meet(servers)?))),
        }
    }
}

/// Opens the store, starts all threads, and returns when the first order can be taken.
pub fn start(config: &Config) -> anyhow::Result<Running> {
    let settings = Settings::of(config)?;
    allow_open_files();
    let data = settings.cluster.is_none().then_some(config.store.data.as_path());
    let machine = Machine::read(data)?;
    let plan = affinity::plan(&machine, &settings.wishes)?;
    tracing::info!("{plan}");

    let house = House::open(config, &settings)?;
    let reactors =
        plan.reactors.iter().map(|_| Reactor::new(&settings.reactor)).collect::<Result<Vec<_>, _>>()?;
    let inlets = reactors.iter().map(Reactor::inlet).collect();
    let acceptor = Acceptor::listen(config.server.listen, inlets)?;
    let counters: Vec<Arc<Counters>> = reactors.iter().map(Reactor::counters).collect();
    let about = about(&house, &settings, &plan, &machine);
    let seed = seed_of(about.store);
    let host = host(counters, acceptor.counters(), settings.reactor.connections);
    let common = Common::new(about, reactors.len(), host).with_keys(settings.keys.clone());

    let control = Arc::new(Control::new(reactors.len(), config.server.drain_seconds));
    let drainer = Drainer { control: Arc::clone(&control), acceptor: acceptor.stopper() };
    let (ready, is_ready) = mpsc::channel();
    let parts = |common| Parts { settings, plan: plan.clone(), control, common: Arc::new(common), seed };
    let mut threads = match house {
        House::Embedded(store) => store.start(&parts(common), reactors, ready)?,
        House::Cluster(servers) => {
            servers.start(&parts(common.without(OF_A_JOURNAL)), reactors, &drainer, ready)?
        }
    };

    let address = acceptor.address();
    threads.push(thread("acceptor", plan.acceptor, move || Ok(acceptor.run()?))?);
    let deciders = plan.workers.len().max(1);
    match is_ready.iter().take(deciders).collect::<Vec<u64>>() {
        orders if orders.len() == deciders => {
            Ok(Running { address, orders: orders.iter().sum(), plan, drainer, threads })
        }
        _ => {
            let ended = Running { address, orders: 0, plan, drainer, threads }.stop();
            Err(ended.err().unwrap_or_else(|| anyhow::anyhow!("the server ended before it could serve")))
        }
    }
}

fn about(house: &House, settings: &Settings, plan: &Plan, machine: &Machine) -> About {
    let reactors = plan.reactors.len() as u32;
    let (store, store_mode) = match house {
        House::Embedded(store) => (store.id(), "embedded"),
        House::Cluster(servers) => (servers.id(), "cluster"),
    };
    About {
        server: concat!("tidegate ", env!("CARGO_PKG_VERSION")).to_owned(),
        store,
        store_mode,
        request_window: settings.store.rules.request_window,
        request_ahead: settings.store.rules.request_ahead,
        durable: true,
        reactors,
        workers: reactors + u32::from(plan.layout == Layout::Split) + plan.workers.len() as u32,
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
