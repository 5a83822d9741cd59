//! The store on one thread: whoever submits also turns the engine. No ring, no wake; best on one or two cores.

use std::sync::Arc;

use domain::MicrosUtc;

use super::clock::{ClockReading, LedgerClock};
use super::counters::Counters;
use super::disk::HotDisk;
use super::engine::{Engine, Progress};
use super::fatal::Fatal;
use crate::batch::IntentBatch;
use crate::lane::Count;
use crate::store::{Answer, Share, Stats, Store};

/// The only port of a fused engine.
const PORT: usize = 0;

/// The engine behind the [`Store`] door of its own thread.
#[derive(Debug)]
pub struct FusedStore<H: HotDisk> {
    engine: Engine<H>,
    clock: LedgerClock,
}

impl<H: HotDisk> FusedStore<H> {
    pub(crate) fn new(engine: Engine<H>, clock: LedgerClock) -> FusedStore<H> {
        FusedStore { engine, clock }
    }

    /// Ledger time at this reading of the clocks: what deadlines are compared with.
    pub fn now(&mut self, reading: ClockReading) -> MicrosUtc {
        self.clock.now(reading)
    }

    /// Runs the engine once; answers are there to be polled afterwards.
    pub fn turn(&mut self, reading: ClockReading, disk: &mut H) -> Result<Progress, Fatal> {
        let now = self.clock.now(reading);
        self.engine.turn(now, disk)
    }

    /// The engine itself: draining, leaving, and [`Engine::turn`] at a time of the caller's choice.
    pub fn engine(&mut self) -> &mut Engine<H> {
        &mut self.engine
    }

    /// What the engine counts, for other threads.
    pub fn counters(&self) -> &Arc<Counters> {
        self.engine.counters()
    }
}

impl<H: HotDisk> Store for FusedStore<H> {
    fn lend(&mut self, share: Share) -> Option<IntentBatch> {
        self.engine.port(PORT).lend(share)
    }

    fn submit(&mut self, batch: IntentBatch) {
        self.engine.port(PORT).submit(batch);
    }

    fn poll(&mut self) -> Option<Vec<Answer>> {
        self.engine.port(PORT).poll()
    }

    fn give_back(&mut self, answers: Vec<Answer>) {
        self.engine.port(PORT).give_back(answers);
    }

    fn stats(&self) -> Stats {
        self.engine.counters().stats()
    }
}
