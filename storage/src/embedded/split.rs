//! The store over threads: the engine on one of its own, and a [`Handle`] for each thread that serves.

use std::fmt;
use std::sync::Arc;

use domain::MicrosUtc;

use super::clock::{ClockReading, LedgerClock};
use super::config::Config;
use super::disk::HotDisk;
use super::engine::{Engine, Progress};
use super::fatal::Fatal;
use crate::lane::{Count, Handle, Lane, Ring, lane};

/// The engine, for the thread that runs it.
pub struct EngineSide<H: HotDisk> {
    engine: Engine<H>,
    clock: LedgerClock,
    lanes: Vec<Lane>,
}

/// Joins an engine with its handles.
pub(crate) fn join<H: HotDisk>(
    engine: Engine<H>,
    clock: LedgerClock,
    config: &Config,
    engine_ring: Arc<dyn Ring>,
    handle_rings: Vec<Arc<dyn Ring>>,
) -> (EngineSide<H>, Vec<Handle>) {
    let counters = Arc::clone(engine.counters()) as Arc<dyn Count>;
    let joined = |ring| lane(config.lanes(), Arc::clone(&engine_ring), ring, Arc::clone(&counters));
    let (lanes, handles) = handle_rings.into_iter().map(joined).unzip();
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
        self.engine.is_settled() && self.lanes.iter().all(Lane::is_empty)
    }

    fn turn_at(&mut self, now: MicrosUtc, disk: &mut H) -> Result<Progress, Fatal> {
        for (at, lane) in self.lanes.iter().enumerate() {
            let port = self.engine.port(at);
            while let Some(answers) = lane.given_back() {
                port.give_back(answers);
            }
            while let Some(batch) = lane.submitted() {
                port.submit(batch);
            }
        }
        let progress = self.engine.turn(now, disk)?;
        for (at, lane) in self.lanes.iter().enumerate() {
            let port = self.engine.port(at);
            let mut pushed = false;
            while let Some(batch) = port.take_free() {
                lane.free(batch);
            }
            while let Some(answers) = port.poll() {
                lane.answer(answers);
                pushed = true;
            }
            if pushed {
                lane.ring();
            }
        }
        Ok(progress)
    }
}

impl<H: HotDisk> fmt::Debug for EngineSide<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineSide").field("handles", &self.lanes.len()).finish_non_exhaustive()
    }
}
