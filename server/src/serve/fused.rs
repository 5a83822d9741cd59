//! One thread for everything: a turn takes frames, decides them, writes groups and sends answers, without a wake.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::Context;
use handlers::{Desks, Gateway};
use reactor::{Connection, Ended, Next, Output, Reactor, Received, Service, Turn};
use storage::Store;
use storage::embedded::{ClockReading, DiskWatch, FileDisk, FusedStore, Opened};

use super::audit::Desk;
use super::control::{Control, next, next_while_draining, no_later_than};
use super::disk::Relay;
use super::events::Sender;
use super::link::{Bell, Out, client, received};
use super::watch::Pulse;
use super::{Parts, thread};
use crate::folders::Folders;

/// Starts the thread; `ready` hears how many orders there are after the first turn.
pub(super) fn start(
    opened: Opened<FileDisk>,
    folders: &Folders,
    parts: &Parts,
    mut reactors: Vec<Reactor>,
    ready: mpsc::Sender<u64>,
) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
    let Parts { settings, plan, control, common, seed } = parts;
    let reactor = reactors.pop().expect("a fused plan has one reactor");
    let pulse = control.join("fused", reactor.doorbell());
    // Before the thread takes its seat: the desk's thread and the segment maker's must not sit on it.
    let (rules, at_rest) = (settings.store.rules, opened.orders_at_rest());
    let desk = Desk::start(folders.clone(), rules, at_rest, reactor.doorbell())?;
    let store: FusedStore<Relay> =
        opened.fused(Arc::new(Bell(reactor.doorbell()))).context("the journal cannot be written")?;
    let disk = DiskWatch::start(
        &folders.data,
        (settings.store.disk, settings.store.background),
        Arc::clone(store.counters()),
    )?;
    let subscriptions = settings.gateway.subscriptions as usize;
    let events =
        Sender::start(folders, Arc::clone(store.counters()), subscriptions)?.desk(reactor.doorbell());
    let desks = Desks { audit: Box::new(desk), events };
    let gateway = Gateway::new(store, settings.gateway, &settings.rates, Arc::clone(common), 0, desks, *seed);
    let mut service = Fused {
        gateway,
        relay: Relay::new(),
        control: Arc::clone(control),
        pulse,
        _disk: disk,
        reading: None,
        ready: Some(ready),
        gives_way: false,
        leaving: false,
    };
    thread("fused", plan.engine, move || {
        reactor.run(&mut service).inspect_err(|why| tracing::error!("the reactor ended: {why}"))?;
        Ok(())
    })
}

struct Fused {
    gateway: Gateway<FusedStore<Relay>>,
    relay: Relay,
    control: Arc<Control>,
    pulse: Pulse,
    /// Looks at the disk as long as orders are taken.
    _disk: DiskWatch,
    /// The clocks, read once a turn; nothing between turns.
    reading: Option<ClockReading>,
    ready: Option<mpsc::Sender<u64>>,
    gives_way: bool,
    leaving: bool,
}

impl Fused {
    fn begin(&mut self) -> ClockReading {
        if let Some(reading) = self.reading {
            return reading;
        }
        let reading = ClockReading::now();
        let now = self.gateway.store_mut().now(reading);
        self.gateway.begin(now);
        self.reading = Some(reading);
        reading
    }

    /// Drains: tells the clients, waits for their last answers, then lets the engine seal and leaves.
    fn end(&mut self, turn: &mut Turn<'_>) -> Option<Next> {
        let until = self.control.drain_until()?;
        if !self.leaving {
            self.leaving = true;
            self.gateway.leave(&mut Out(turn.out));
        }
        let late = turn.now >= until;
        if self.gateway.busy() && !late {
            return None;
        }
        let engine = self.gateway.store_mut().engine();
        engine.leave();
        let settled = engine.is_settled();
        if !settled && !late {
            return None;
        }
        if !settled {
            tracing::warn!("the time to drain is over: some requests stay without an answer");
        }
        self.control.reactor_ended();
        Some(Next::Stop)
    }
}

impl Service for Fused {
    fn opened(&mut self, connection: Connection, out: &mut Output) {
        self.begin();
        self.gateway.opened(client(connection), &mut Out(out));
    }

    fn received(&mut self, connection: Connection, bytes: &[u8], out: &mut Output) -> Received {
        self.begin();
        received(self.gateway.received(client(connection), bytes, &mut Out(out)))
    }

    fn input_ended(&mut self, connection: Connection, _out: &mut Output) -> Ended {
        if self.gateway.input_ended(client(connection)) { Ended::Keep } else { Ended::Close }
    }

    fn closed(&mut self, connection: Connection) {
        self.gateway.closed(client(connection));
    }

    fn turn(&mut self, mut turn: Turn<'_>) -> Next {
        let reading = self.begin();
        self.gateway.submit();
        self.relay.fetch(turn.files);
        let turned = self.gateway.store_mut().turn(reading, &mut self.relay);
        let progress = turned.unwrap_or_else(|fatal| fatal.abort());
        self.gives_way = self.gateway.store_mut().engine().is_followed_slowly();
        self.relay.hand_over(turn.files);
        self.gateway.answer(&mut Out(turn.out));
        self.reading = None;
        self.pulse.beat();
        if let Some(ready) = self.ready.take() {
            // Nobody listens any more where the start was given up: then the end is on its way as well.
            let _ = ready.send(self.gateway.store_mut().stats().orders);
        }
        if let Some(next) = self.end(&mut turn) {
            return next;
        }
        if self.leaving {
            next_while_draining(progress)
        } else {
            no_later_than(next(progress), self.gateway.next_due())
        }
    }
    fn gives_way(&self) -> bool {
        self.gives_way
    }
}
