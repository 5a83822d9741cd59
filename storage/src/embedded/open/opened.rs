//! What serves from a folder that is open.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::{Ledger, Micros};

use super::OpenReport;
use crate::batch::IntentBatch;
use crate::embedded::background::Background;
use crate::embedded::checkpoint::maker::{CheckpointMaker, InlineCheckpoints, ThreadCheckpoints};
use crate::embedded::checkpoint::taking::{Pace, Taking, Usable};
use crate::embedded::clock::LedgerClock;
use crate::embedded::cold::{ColdDesk, ColdStore, InlineDesk, OrdersAtRest, ThreadDesk};
use crate::embedded::config::Config;
use crate::embedded::disk::{Disk, HotDisk};
use crate::embedded::engine::Engine;
use crate::embedded::fused::FusedStore;
use crate::embedded::journal::maker::{InlineMaker, Plan, ReadySegment, SegmentMaker, ThreadMaker};
use crate::embedded::journal::segment::segment_name;
use crate::embedded::journal::{Identity, Journal, Start};
use crate::embedded::port::Port;
use crate::embedded::rest::Rest;
use crate::embedded::retention::{InlineKeeper, Leaving, SegmentKeeper, ThreadKeeper};
use crate::embedded::split::{self, EngineSide};
use crate::lane::{Handle, Ring};
use crate::planted;

/// A folder that is open: what became of it, and what serves from it.
#[derive(Debug)]
pub struct Opened<D: Disk> {
    pub(super) disk: Arc<D>,
    pub(super) config: Config,
    pub(super) ledger: Ledger,
    pub(super) clock: LedgerClock,
    pub(super) plan: Plan,
    pub(super) start: Start,
    pub(super) cold: Box<dyn ColdStore>,
    pub(super) usable: Usable,
    pub(super) leaving: Option<Leaving<D>>,
    /// What was found.
    pub report: OpenReport,
}

impl<D: Disk> Opened<D> {
    /// A way to the orders at rest, for who reads them beside the engine, from any thread.
    pub fn orders_at_rest(&self) -> Arc<dyn OrdersAtRest> {
        self.cold.reader()
    }

    /// The store on the caller's own thread, whose turn runs the engine; `ring` wakes it.
    pub fn fused<H: HotDisk<File = D::File>>(self, ring: Arc<dyn Ring>) -> io::Result<FusedStore<H>> {
        let clock = self.clock.clone();
        let port = port(&self.config, true);
        Ok(FusedStore::new(self.into_engine(vec![port], Desk::Thread(ring), Helpers::threads)?, clock))
    }

    /// The engine for a thread of its own, and one handle for each ring: that of the thread which will use it.
    /// `engine_ring` wakes the engine's thread.
    pub fn split<H: HotDisk<File = D::File>>(
        self,
        engine_ring: Arc<dyn Ring>,
        handle_rings: Vec<Arc<dyn Ring>>,
    ) -> io::Result<(EngineSide<H>, Vec<Handle>)> {
        let (clock, config) = (self.clock.clone(), self.config.clone());
        let ports = handle_rings.iter().map(|_| port(&config, false)).collect();
        let engine = self.into_engine(ports, Desk::Thread(Arc::clone(&engine_ring)), Helpers::threads)?;
        Ok(split::join(engine, clock, &config, engine_ring, handle_rings))
    }

    /// A fused store that makes its segments and checkpoints on the caller's thread, when they are needed: every step
    /// of it happens within a turn, so a test or a simulator sees them all.
    pub fn fused_inline<H: HotDisk<File = D::File>>(self) -> io::Result<FusedStore<H>>
    where
        D: std::fmt::Debug,
    {
        let clock = self.clock.clone();
        let port = port(&self.config, true);
        Ok(FusedStore::new(self.into_engine(vec![port], Desk::Inline, Helpers::inline)?, clock))
    }

    fn into_engine<H: HotDisk<File = D::File>>(
        self,
        ports: Vec<Port>,
        desk: Desk,
        helpers: impl FnOnce(Beside<D>) -> io::Result<Helpers<D>>,
    ) -> io::Result<Engine<H>> {
        let Opened { disk, config, ledger, clock: _, mut plan, start, cold, usable, leaving, report } = self;
        let torn = planted::torn_tail();
        let number = torn.map_or(plan.next.number, |(segment, _)| segment);
        let cut = ReadySegment { number, file: disk.open_for_groups(&segment_name(number), plan.path)? };
        plan.next.number += u64::from(torn.is_none());
        let beside = Beside { disk, identity: start.identity, plan, leaving, background: config.background };
        let Helpers { segments, checkpoints, keeper } = helpers(beside)?;
        let journal = Journal::new(config.limits(plan.path), start, cut, segments);
        let pace =
            Pace { every_bytes: config.checkpoint_bytes, lag_bytes_max: config.checkpoint_lag_bytes_max };
        let checkpoints = Taking::new(checkpoints, pace, usable, keeper);
        let desk: Box<dyn ColdDesk> = match desk {
            Desk::Thread(ring) => Box::new(ThreadDesk::start(cold, ring, config.background)?),
            Desk::Inline => Box::new(InlineDesk::new(cold)),
        };
        let rest = Rest::new(desk, Micros::from_seconds(config.rest_after_seconds));
        let engine = Engine::new(&config, ledger, journal, ports, checkpoints, rest, report.replayed.bytes);
        engine.counters().begins_behind.store(report.begins_behind, Ordering::Relaxed);
        Ok(engine)
    }
}

/// Where the engine asks for orders at rest.
enum Desk {
    /// At a thread, which wakes the engine.
    Thread(Arc<dyn Ring>),
    /// Within its own turn.
    Inline,
}

/// What those who work beside the engine need.
struct Beside<D: Disk> {
    disk: Arc<D>,
    identity: Identity,
    plan: Plan,
    leaving: Option<Leaving<D>>,
    background: Background,
}

/// Who works beside the engine.
struct Helpers<D: Disk> {
    segments: Box<dyn SegmentMaker<D::File>>,
    checkpoints: Box<dyn CheckpointMaker>,
    keeper: Option<Box<dyn SegmentKeeper>>,
}

impl<D: Disk> Helpers<D> {
    /// Each on a thread of its own.
    fn threads(beside: Beside<D>) -> io::Result<Helpers<D>> {
        let Beside { disk, identity, plan, leaving, background } = beside;
        let segments = Box::new(ThreadMaker::start(Arc::clone(&disk), plan, background)?);
        let keeper: Option<Box<dyn SegmentKeeper>> = match leaving {
            Some(leaving) => Some(Box::new(ThreadKeeper::start(leaving, background)?)),
            None => None,
        };
        let checkpoints = Box::new(ThreadCheckpoints::start(disk, identity, background)?);
        Ok(Helpers { segments, checkpoints, keeper })
    }

    /// All within the engine's turn.
    fn inline(beside: Beside<D>) -> io::Result<Helpers<D>>
    where
        D: std::fmt::Debug,
    {
        let Beside { disk, identity, plan, leaving, background: _ } = beside;
        let segments = Box::new(InlineMaker::new(Arc::clone(&disk), plan));
        let keeper = leaving.map(|leaving| Box::new(InlineKeeper::new(leaving)) as Box<dyn SegmentKeeper>);
        Ok(Helpers { segments, checkpoints: Box::new(InlineCheckpoints::new(disk, identity)), keeper })
    }
}

fn port(config: &Config, keeps_batches: bool) -> Port {
    let batches = if keeps_batches { config.batches } else { 0 };
    let batches = (0..batches).map(|_| IntentBatch::with_capacity(config.batch_intents)).collect();
    Port::new(batches, config.batches_reserved, config.batches, config.answer_vectors)
}
