//! The store over threads: the engine on one of its own, and a [`StoreHandle`] for each thread that serves.
//!
//! Between a handle and the engine run four rings: batches there and back, answers there and back. Each is as
//! long as there are things to go round in it, so a push never fails and nothing is allocated once warm.

use std::fmt;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use domain::MicrosUtc;

use super::clock::{ClockReading, LedgerClock};
use super::config::Config;
use super::counters::Counters;
use super::disk::HotDisk;
use super::engine::{Engine, Progress};
use super::fatal::Fatal;
use super::port;
use crate::batch::IntentBatch;
use crate::store::{Answer, Share, Stats, Store};

/// Wakes a thread that may sleep. Called after every push; whether it has to do something is its business.
pub trait Ring: Send + Sync {
    /// Something was pushed for that thread.
    fn ring(&self);
}

/// The rings between one handle and the engine.
#[derive(Debug)]
struct Lane {
    submitted: ArrayQueue<IntentBatch>,
    free: ArrayQueue<IntentBatch>,
    answered: ArrayQueue<Vec<Answer>>,
    given_back: ArrayQueue<Vec<Answer>>,
}

/// The engine, for the thread that runs it.
pub struct EngineSide<H: HotDisk> {
    engine: Engine<H>,
    clock: LedgerClock,
    lanes: Vec<(Arc<Lane>, Arc<dyn Ring>)>,
}

/// The door of one serving thread.
pub struct StoreHandle {
    lane: Arc<Lane>,
    engine: Arc<dyn Ring>,
    counters: Arc<Counters>,
    free: Vec<IntentBatch>,
    reserved: usize,
}

/// Joins an engine with its handles.
pub(crate) fn join<H: HotDisk>(
    engine: Engine<H>,
    clock: LedgerClock,
    config: &Config,
    engine_ring: Arc<dyn Ring>,
    handle_rings: Vec<Arc<dyn Ring>>,
) -> (EngineSide<H>, Vec<StoreHandle>) {
    let lane = |ring| {
        let lane = Lane {
            submitted: ArrayQueue::new(config.batches),
            free: ArrayQueue::new(config.batches),
            answered: ArrayQueue::new(config.answer_vectors),
            given_back: ArrayQueue::new(config.answer_vectors),
        };
        (Arc::new(lane), ring)
    };
    let lanes: Vec<_> = handle_rings.into_iter().map(lane).collect();
    let handle = |(lane, _): &(Arc<Lane>, Arc<dyn Ring>)| StoreHandle {
        lane: Arc::clone(lane),
        engine: Arc::clone(&engine_ring),
        counters: Arc::clone(engine.counters()),
        free: (0..config.batches).map(|_| IntentBatch::with_capacity(config.batch_intents)).collect(),
        reserved: config.batches_reserved,
    };
    let handles = lanes.iter().map(handle).collect();
    (EngineSide { engine, clock, lanes }, handles)
}

impl<H: HotDisk> EngineSide<H> {
    /// Takes what the handles pushed, runs the engine once, and pushes what is for them.
    pub fn turn(&mut self, reading: ClockReading, disk: &mut H) -> Result<Progress, Fatal> {
        let now = self.clock.now(reading);
        self.turn_at(now, disk)
    }

    /// The engine itself, to drain or leave.
    pub fn engine(&mut self) -> &mut Engine<H> {
        &mut self.engine
    }

    /// Whether the engine is settled and no handle has pushed anything since.
    pub fn is_settled(&self) -> bool {
        self.engine.is_settled() && self.lanes.iter().all(|(lane, _)| lane.submitted.is_empty())
    }

    fn turn_at(&mut self, now: MicrosUtc, disk: &mut H) -> Result<Progress, Fatal> {
        for (at, (lane, _)) in self.lanes.iter().enumerate() {
            let port = self.engine.port(at);
            while let Some(answers) = lane.given_back.pop() {
                port.give_back(answers);
            }
            while let Some(batch) = lane.submitted.pop() {
                port.submit(batch);
            }
        }
        let progress = self.engine.turn(now, disk)?;
        for (at, (lane, ring)) in self.lanes.iter().enumerate() {
            let port = self.engine.port(at);
            let mut pushed = false;
            while let Some(batch) = port.take_free() {
                // A batch that comes back is no news to a sleeping thread; it finds it when it needs one.
                lane.free.push(batch).expect("the ring is as long as there are batches");
            }
            while let Some(answers) = port.poll() {
                lane.answered.push(answers).expect("the ring is as long as there are vectors");
                pushed = true;
            }
            if pushed {
                ring.ring();
            }
        }
        Ok(progress)
    }
}

impl Store for StoreHandle {
    fn lend(&mut self, share: Share) -> Option<IntentBatch> {
        while let Some(batch) = self.lane.free.pop() {
            self.free.push(batch);
        }
        port::lend(&mut self.free, self.reserved, share)
    }

    fn submit(&mut self, batch: IntentBatch) {
        if batch.is_empty() {
            self.free.push(batch);
            return;
        }
        self.lane.submitted.push(batch).expect("the ring is as long as there are batches");
        self.engine.ring();
    }

    fn poll(&mut self) -> Option<Vec<Answer>> {
        self.lane.answered.pop()
    }

    fn give_back(&mut self, answers: Vec<Answer>) {
        self.lane.given_back.push(answers).expect("the ring is as long as there are vectors");
        self.engine.ring();
    }

    fn stats(&self) -> Stats {
        self.counters.stats()
    }
}

impl<H: HotDisk> fmt::Debug for EngineSide<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineSide").field("handles", &self.lanes.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for StoreHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreHandle").field("free_batches", &self.free.len()).finish_non_exhaustive()
    }
}
