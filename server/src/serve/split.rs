//! The engine on a thread of its own, and one thread a sub-reactor ([`serving`]). Between them run the store's rings.

use std::sync::Arc;
use std::sync::mpsc;

use anyhow::Context;
use domain::MicrosUtc;
use handlers::Desks;
use reactor::{Connection, Next, Output, Reactor, Received, Service, Turn};
use storage::embedded::{ClockReading, DiskWatch, EngineSide, FileDisk, Opened};
use storage::{Count, Ring};

use super::audit::Desk;
use super::control::{Control, next, next_while_draining};
use super::disk::Relay;
use super::events::Sender;
use super::link::Bell;
use super::watch::Pulse;
use super::{Parts, Threads, serving, thread};
use crate::folders::Folders;

/// Starts all threads; `ready` hears how many orders there are after the engine's first turn.
pub(super) fn start(
    opened: Opened<FileDisk>,
    folders: &Folders,
    parts: &Parts,
    reactors: Vec<Reactor>,
    ready: mpsc::Sender<u64>,
) -> anyhow::Result<Threads> {
    let Parts { settings, plan, control, .. } = parts;
    let last_fact_at = opened.report.last_fact_at.unwrap_or(MicrosUtc(0));
    let engine_reactor =
        Reactor::new(&reactor::Bounds { spin_us: settings.reactor.spin_us, ..reactor::Bounds::NO_SOCKETS })?;
    let engine_pulse = control.join("engine", engine_reactor.doorbell());
    let bells = reactors.iter().map(|it| Arc::new(Bell(it.doorbell())) as Arc<dyn Ring>).collect();
    let engine_bell = Arc::new(Bell(engine_reactor.doorbell()));
    let at_rest = opened.orders_at_rest();
    let (mut side, handles) =
        opened.split::<Relay>(engine_bell, bells).context("the journal cannot be written")?;

    let disk = DiskWatch::start(
        &folders.data,
        (settings.store.disk, settings.store.background),
        Arc::clone(side.engine().counters()),
    )?;
    let subscriptions = settings.gateway.subscriptions as usize * handles.len();
    let events = Sender::start(folders, Arc::clone(side.engine().counters()), subscriptions)?;

    let mut threads = Threads::new();
    for (place, (reactor, handle)) in reactors.into_iter().zip(handles).enumerate() {
        let at_rest = Arc::clone(&at_rest);
        let desk = Desk::start(folders.clone(), settings.store.rules, at_rest, reactor.doorbell())?;
        let desks = Desks { audit: Box::new(desk), events: events.desk(reactor.doorbell()) };
        threads.push(serving::start(parts, place, reactor, handle, desks, last_fact_at)?);
    }
    let mut service = Deciding {
        side,
        relay: Relay::new(),
        control: Arc::clone(control),
        pulse: engine_pulse,
        _disk: disk,
        ready: Some(ready),
        gives_way: false,
        leaving: false,
    };
    threads.push(thread("engine", plan.engine, move || {
        engine_reactor.run(&mut service).inspect_err(|why| tracing::error!("the engine ended: {why}"))?;
        Ok(())
    })?);
    Ok(threads)
}

/// The engine's thread: no sockets, the journal's files.
struct Deciding {
    side: EngineSide<Relay>,
    relay: Relay,
    control: Arc<Control>,
    pulse: Pulse,
    /// Looks at the disk as long as orders are taken.
    _disk: DiskWatch,
    ready: Option<mpsc::Sender<u64>>,
    gives_way: bool,
    leaving: bool,
}

impl Service for Deciding {
    fn opened(&mut self, _connection: Connection, _out: &mut Output) {}

    fn received(&mut self, _connection: Connection, _bytes: &[u8], _out: &mut Output) -> Received {
        Received::Close // There are no sockets on this thread.
    }

    fn closed(&mut self, _connection: Connection) {}

    fn turn(&mut self, turn: Turn<'_>) -> Next {
        self.relay.fetch(turn.files);
        let turned = self.side.turn(ClockReading::now(), &mut self.relay);
        let progress = turned.unwrap_or_else(|fatal| fatal.abort());
        self.gives_way = self.side.engine().is_followed_slowly();
        self.relay.hand_over(turn.files);
        self.pulse.beat();
        if let Some(ready) = self.ready.take() {
            // Nobody listens any more where the start was given up: then the end is on its way as well.
            let _ = ready.send(self.side.engine().counters().stats().orders);
        }
        let Some(until) = self.control.drain_until() else { return next(progress) };
        // The engine outlives its reactors: what they took is answered first.
        if self.control.nobody_serves() && !self.leaving {
            self.leaving = true;
            self.side.engine().leave();
        } else if self.leaving && (self.side.is_settled() || turn.now >= until) {
            return Next::Stop;
        }
        next_while_draining(progress)
    }
    fn gives_way(&self) -> bool {
        self.gives_way
    }
}
