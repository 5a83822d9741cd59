//! Workers that decide by asking Redis and the databases, each for its share of the sub-reactors ([`serving`]).
//!
//! Nothing is kept here, so there is nothing to open: the servers are asked once whether they will do, and every
//! worker connects by itself.

use std::sync::Arc;
use std::sync::mpsc;

use anyhow::bail;
use domain::MicrosUtc;
use handlers::Desks;
use reactor::Reactor;
use storage::{Count, Handle, LaneBounds, Ring, Stats};
use storage_cluster::engine;
use storage_cluster::links::{Links, Servers};
use storage_cluster::mysql;

use super::link::Bell;
use super::{Drainer, Parts, Threads, serving, thread};
use crate::commands::cluster::runtime;

/// A cluster whose servers will do.
pub(super) struct Cluster {
    servers: Servers,
    id: u128,
}

impl Cluster {
    /// Asks every server but the databases of users alone, so that what is wrong is told before anybody is let in. A
    /// database that is away keeps only its users from ordering.
    pub(super) fn meet(servers: &Servers) -> anyhow::Result<Cluster> {
        let met = async {
            let links = Links::connect(servers).await?;
            let unfit: Vec<String> = links.redis.check().await?.iter().map(ToString::to_string).collect();
            if !unfit.is_empty() {
                bail!("{}", unfit.join("; "));
            }
            Ok(mysql::cluster_id(&mut links.home().lease().await?).await?)
        };
        Ok(Cluster { servers: servers.clone(), id: runtime()?.block_on(met)? })
    }

    /// The same for all nodes of the cluster.
    pub(super) const fn id(&self) -> u128 {
        self.id
    }

    /// Starts all threads; `ready` hears 0 from each worker when it can decide. A worker that ends ends the server.
    pub(super) fn start(
        self,
        parts: &Parts,
        reactors: Vec<Reactor>,
        drainer: &Drainer,
        ready: mpsc::Sender<u64>,
    ) -> anyhow::Result<Threads> {
        let seats = &parts.plan.workers;
        let settings = settings(self.servers, parts);
        let mut doors: Vec<(usize, Handle)> = Vec::with_capacity(reactors.len());
        let mut workers = Vec::with_capacity(seats.len());
        for place in 0..seats.len() {
            let served: Vec<usize> = (place..reactors.len()).step_by(seats.len()).collect();
            let bell = |&it: &usize| Arc::new(Bell(reactors[it].doorbell())) as Arc<dyn Ring>;
            let (worker, handles) = engine::start(settings.clone(), served.iter().map(bell).collect());
            doors.extend(served.into_iter().zip(handles));
            workers.push(worker);
        }
        doors.sort_by_key(|(place, _)| *place);
        let all = workers.iter().map(|worker| worker.counters() as Arc<dyn Count>).collect();
        let count: Arc<dyn Count> = Arc::new(All(all));

        let mut threads = Threads::new();
        for (reactor, (place, handle)) in reactors.into_iter().zip(doors) {
            let handle = handle.counting(Arc::clone(&count));
            let desks = Desks::unmanned();
            threads.push(serving::start(parts, place, reactor, handle, desks, MicrosUtc(0))?);
        }
        for (place, (worker, &seat)) in workers.into_iter().zip(seats).enumerate() {
            // It outlives its reactors: what they took is answered first.
            let leaver = worker.leaver();
            parts.control.at_last(move || leaver.leave());
            let (ready, end) = (ready.clone(), EndsAll(drainer.clone()));
            threads.push(thread(&format!("worker-{place}"), seat, move || {
                let _end = end;
                let told = move || {
                    // Nobody listens any more where the start was given up.
                    let _ = ready.send(0);
                };
                worker.run(told).inspect_err(|why| tracing::error!("a worker ended: {why}"))?;
                Ok(())
            })?);
        }
        Ok(threads)
    }
}

fn settings(servers: Servers, parts: &Parts) -> engine::Settings {
    let store = &parts.settings.store;
    engine::Settings {
        rules: store.rules,
        lanes: LaneBounds {
            batches: store.batches.max(BATCHES_MIN),
            batches_reserved: store.batches_reserved.max(BATCHES_RESERVED_MIN),
            batch_intents: store.batch_intents.min(BATCH_INTENTS_MAX),
            answer_vectors: store.answer_vectors,
        },
        retry_after_ms: store.retry_after_ms,
        events: parts.settings.events_file.clone(),
        ..engine::Settings::new(servers)
    }
}

/// A batch is away until its last intent has its answer, which takes tens of milliseconds here and not one: there are
/// many of them, and they are short.
const BATCHES_MIN: usize = 1_024;
const BATCHES_RESERVED_MIN: usize = 128;
const BATCH_INTENTS_MAX: usize = 64;

/// Counts over all workers: a reactor has one of them, and STATS is about the server.
struct All(Vec<Arc<dyn Count>>);

impl Count for All {
    fn stats(&self) -> Stats {
        self.0.iter().map(|worker| worker.stats()).fold(Stats::default(), |all, one| Stats {
            decided: all.decided + one.decided,
            created: all.created + one.created,
            refused: all.refused + one.refused,
            not_decided: all.not_decided + one.not_decided,
            expired: all.expired + one.expired,
            // All else is about a journal, a folder and orders in memory, which there are not.
            ..all
        })
    }
}

/// Dropped with what a worker's thread runs, panic or not: without it, its share of the requests would never be answered.
struct EndsAll(Drainer);

impl Drop for EndsAll {
    fn drop(&mut self) {
        self.0.drain();
    }
}
