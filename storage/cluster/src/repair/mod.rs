//! What mends: opens shelves, ends held records that nobody ended, brings returned units back, publishes events, keeps
//! tables short and slices ahead. Each is a plain step that may be the last thing its node does, and a loop around it.
//! Any number of nodes may run them at once: the locks that keep them apart are an economy, not a guard.
//!
//! No rule of the shop is known here, and no order is made or changed.

mod counters;
mod keep_open;
mod log_file;
mod node;
mod opener;
mod outbox;
mod reconciler;
mod relay;
mod sink;
mod stop;
mod tidier;
mod totals;
mod trouble;
mod wanted;
mod watch;

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;

pub use counters::{Count, Counters};
pub use log_file::{FILE_BYTES_MAX, FILES_MAX, LogFile, LogFileSettings};
pub use node::{LeaseTimes, NoNumber, NodeLease, lease_node};
pub use opener::{Ended, Openings, open_shelf, open_shelves};
pub use outbox::{PUBLISH_MAX, relay_events};
pub use reconciler::{Reconciled, database_of, reconcile_shelf};
pub use relay::{Relayed, relay_returns};
pub use sink::{Nowhere, Sink, SinkFault};
pub use stop::{Stop, Stopper};
pub use tidier::{DELTAS_MAX, Tidied, tidy};
pub use totals::Totals;
pub use trouble::Trouble;
pub use wanted::{WANTED_MAX, Wanted, Why};
pub use watch::{Noticed, look_at};

use crate::links::Links;
use crate::mysql;

/// Up to which number transactions that wait in an outbox are counted.
pub const BACKLOG_MAX: u64 = 100_000;
/// Shelves whose held records are looked at together.
const RECONCILED_TOGETHER: usize = 16;

/// How often a node looks at what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Held records older than this are ended, by Redis's clock: more than any ask takes from RESERVE to COMMIT.
    pub held_age: Duration,
    /// Whether some shelves are open.
    pub probe_every: Duration,
    /// Whether all are.
    pub round_every: Duration,
    /// Held records of all shelves.
    pub reconcile_every: Duration,
    /// Returns and events, where there were none.
    pub relay_every: Duration,
    /// Deltas, and rows that have done their work.
    pub tidy_every: Duration,
}

impl Settings {
    /// A closed shelf is found in a quarter of a second, a forgotten record in twenty.
    pub const DEFAULT: Settings = Settings {
        held_age: Duration::from_secs(15),
        probe_every: Duration::from_millis(250),
        round_every: Duration::from_secs(5),
        reconcile_every: Duration::from_secs(5),
        relay_every: Duration::from_millis(200),
        tidy_every: Duration::from_secs(5),
    };
}

/// The loops of a node.
#[derive(Debug)]
pub struct Repairs<T> {
    links: Rc<Links>,
    totals: T,
    wanted: Wanted,
    settings: Settings,
    counters: Arc<Counters>,
    /// Names this node in locks.
    owner: u64,
    /// Until when a job is this node's without asking again, by job: to ask is a write that the home flushes.
    ours_until: [Cell<Option<Instant>>; Job::COUNT],
}

/// What one node at a time does.
#[derive(Clone, Copy, Debug)]
enum Job {
    Opener,
    Reconciler,
    Returns,
    Events,
    Tidier,
}

impl<T: Totals> Repairs<T> {
    /// Loops over these connections. `wanted` is what others tell of closed shelves by.
    pub fn new(links: Rc<Links>, totals: T, wanted: Wanted, settings: Settings) -> Repairs<T> {
        let owner = RandomState::new().hash_one(Instant::now());
        Repairs {
            links,
            totals,
            wanted,
            settings,
            counters: Arc::default(),
            owner,
            ours_until: Default::default(),
        }
    }

    /// What they have done.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Mends until it is told to stop: then each loop ends behind the step that it is at.
    pub async fn run(&self, sink: impl Sink, stop: Stop) {
        tokio::join!(
            self.keep_open(stop.clone()),
            self.reconcile(stop.clone()),
            self.relay_returns(stop.clone()),
            self.publish(sink, stop.clone()),
            self.tidy(stop.clone()),
            self.tend_slices(stop),
        );
    }

    async fn reconcile(&self, mut stop: Stop) {
        while !stop.pause(self.settings.reconcile_every).await {
            if !self.alone(Job::Reconciler).await {
                continue;
            }
            for some in self.totals.shelves().chunks(RECONCILED_TOGETHER) {
                let age = self.settings.held_age;
                let each = some.iter().map(|shelf| reconcile_shelf(&self.links, *shelf, age));
                for done in join_all(each).await {
                    self.counters.reconciled_freed_units.add(done.freed_units);
                    self.counters.reconciled_sold.add(done.sold);
                    self.note(done.trouble);
                }
            }
        }
    }

    async fn relay_returns(&self, mut stop: Stop) {
        loop {
            let mut moved = 0;
            if self.alone(Job::Returns).await {
                let each = self.links.databases().map(|(no, _)| relay_returns(&self.links, no, &self.wanted));
                for done in join_all(each).await {
                    moved += done.units;
                    self.counters.returned_units.add(done.units);
                    self.counters.return_batches.add(done.batches);
                    self.counters.return_gaps.add(done.gaps);
                    self.note(done.trouble);
                }
            }
            let pause = if moved > 0 { Duration::ZERO } else { self.settings.relay_every };
            if stop.pause(pause).await {
                return;
            }
        }
    }

    async fn publish(&self, mut sink: impl Sink, mut stop: Stop) {
        let mut measured: Option<Instant> = None;
        loop {
            let mut more = false;
            if self.alone(Job::Events).await {
                for (no, _) in self.links.databases() {
                    match relay_events(&self.links, no, &mut sink).await {
                        Ok((transactions, events)) => {
                            more |= transactions == PUBLISH_MAX;
                            self.counters.published_events.add(events);
                        }
                        Err(trouble) => self.note(Some(trouble)),
                    }
                }
                if measured.is_none_or(|at| at.elapsed() >= LAG_EVERY) {
                    self.measure_lag().await;
                    measured = Some(Instant::now());
                }
            }
            let pause = if more { Duration::ZERO } else { self.settings.relay_every };
            if stop.pause(pause).await {
                return;
            }
        }
    }

    /// What waits to be published, in all databases that say so.
    async fn measure_lag(&self) {
        let (mut rows, mut ms) = (0, 0);
        for (_, database) in self.links.databases() {
            let waiting = async { mysql::backlog(&mut database.lease().await?, BACKLOG_MAX).await };
            match waiting.await {
                Ok((waiting, oldest)) => {
                    rows += waiting;
                    ms = oldest.map_or(0, |at| ms_since(at.0)).max(ms);
                }
                Err(fault) => self.note(Some(fault.into())),
            }
        }
        self.counters.outbox_lag_rows.set(rows);
        self.counters.outbox_lag_ms.set(ms);
    }

    async fn tidy(&self, mut stop: Stop) {
        while !stop.pause(self.settings.tidy_every).await {
            if !self.alone(Job::Tidier).await {
                continue;
            }
            for (no, _) in self.links.databases() {
                match tidy(&self.links, no).await {
                    Ok(Tidied { compacted, forgotten }) => {
                        self.counters.compacted_rows.add(compacted);
                        self.counters.forgotten_rows.add(forgotten);
                    }
                    Err(trouble) => self.note(Some(trouble)),
                }
            }
        }
    }

    async fn tend_slices(&self, stop: Stop) {
        join_all(self.links.databases().map(|(no, _)| self.tend_slices_of(no, stop.clone()))).await;
    }

    async fn tend_slices_of(&self, no: crate::shelf::ShardNo, mut stop: Stop) {
        loop {
            let tended = async {
                let mut lease = self.links.database(no).lease().await?;
                Ok::<_, Trouble>(mysql::tend_slices(&mut lease, self.links.slice_rules()).await?)
            };
            let pause = match tended.await {
                Ok(pause) => pause,
                Err(trouble) => {
                    self.note(Some(trouble));
                    SLICES_AGAIN
                }
            };
            if stop.pause(pause).await {
                return;
            }
        }
    }

    /// Whether this node does a job now. Where the home cannot say so, it does: twice does no harm.
    async fn alone(&self, job: Job) -> bool {
        let ours_until = &self.ours_until[job as usize];
        if ours_until.get().is_some_and(|until| Instant::now() < until) {
            return true;
        }
        let (name, for_ms) = job.lock();
        let asked = Instant::now();
        let taken =
            async { mysql::take_lock(&mut self.links.home().lease().await?, name, self.owner, for_ms).await };
        let is_ours = taken.await.unwrap_or(true);
        ours_until.set(is_ours.then(|| asked + Duration::from_millis(u64::from(for_ms)) / 2));
        is_ours
    }

    fn note(&self, trouble: Option<Trouble>) {
        if let Some(trouble) = trouble {
            self.counters.note(&trouble);
        }
    }
}

/// How often what waits to be published is counted.
const LAG_EVERY: Duration = Duration::from_secs(1);
/// When slices are looked at again that could not be.
const SLICES_AGAIN: Duration = Duration::from_secs(1);

impl Job {
    const COUNT: usize = 5;

    /// The lock's name, and for how many milliseconds: so long nobody does it when the node that does dies.
    fn lock(self) -> (&'static str, u32) {
        match self {
            Job::Opener => ("opener", 750),
            Job::Reconciler => ("reconciler", 15_000),
            Job::Returns => ("returns", 4_000),
            Job::Events => ("events", 6_000),
            Job::Tidier => ("tidier", 15_000),
        }
    }
}

/// How long an instant is past, by this node's clock; 0 where it is not.
fn ms_since(at_us: i64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_us = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    u64::try_from(now_us.saturating_sub(at_us) / 1_000).unwrap_or(0)
}
