//! The engine on a thread of its own, and one thread a sub-reactor. Between them run the store's rings.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::Context;
use domain::MicrosUtc;
use handlers::{Desks, Gateway};
use reactor::{Connection, Ended, Next, Output, Reactor, Received, Service, Turn};
use storage::embedded::{ClockReading, DiskWatch, EngineSide, FileDisk, LedgerClock, Opened};
use storage::{Count, Handle, Ring};

use super::audit::Desk;
use super::control::{Control, next, next_while_draining, no_later_than};
use super::disk::Relay;
use super::events::Sender;
use super::link::{Bell, Out, client, received};
use super::watch::Pulse;
use super::{Parts, thread};

type Threads = Vec<JoinHandle<anyhow::Result<()>>>;

/// Starts all threads; `ready` hears how many orders there are after the engine's first turn.
pub(super) fn start(
    opened: Opened<FileDisk>,
    parts: Parts,
    ready: mpsc::Sender<u64>,
) -> anyhow::Result<Threads> {
    let Parts { settings, plan, control, common, reactors, folders, seed } = parts;
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
    let events = Sender::start(&folders, Arc::clone(side.engine().counters()), subscriptions)?;

    let mut threads = Threads::new();
    for (place, (reactor, handle)) in reactors.into_iter().zip(handles).enumerate() {
        let name = format!("reactor-{place}");
        let pulse = control.join(&name, reactor.doorbell());
        let at_rest = Arc::clone(&at_rest);
        let desk = Desk::start(folders.clone(), settings.store.rules, at_rest, reactor.doorbell())?;
        let desks = Desks { audit: Box::new(desk), events: events.desk(reactor.doorbell()) };
        let common = Arc::clone(&common);
        let gateway = Gateway::new(handle, settings.gateway, &settings.rates, common, place, desks, seed);
        // Ledger time itself is the engine's; this one follows the same clocks, for deadlines and greetings.
        let clock = LedgerClock::start(ClockReading::now(), last_fact_at, true)?;
        let control = Arc::clone(&control);
        let mut service = Serving { gateway, clock, control, pulse, begun: false, leaving: false };
        threads.push(thread(&name, plan.reactors[place], move || {
            reactor.run(&mut service).inspect_err(|why| tracing::error!("a reactor ended: {why}"))?;
            Ok(())
        })?);
    }
    let mut service = Deciding {
        side,
        relay: Relay::new(),
        control,
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

/// A sub-reactor: sockets and gateway.
struct Serving {
    gateway: Gateway<Handle>,
    clock: LedgerClock,
    control: Arc<Control>,
    pulse: Pulse,
    begun: bool,
    leaving: bool,
}

impl Serving {
    fn begin(&mut self) {
        if !self.begun {
            self.begun = true;
            self.gateway.begin(self.clock.now(ClockReading::now()));
        }
    }
}

impl Service for Serving {
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

    fn turn(&mut self, turn: Turn<'_>) -> Next {
        self.begin();
        self.gateway.submit();
        self.gateway.answer(&mut Out(turn.out));
        self.begun = false;
        self.pulse.beat();
        let Some(until) = self.control.drain_until() else {
            return no_later_than(Next::Idle, self.gateway.next_due());
        };
        if !self.leaving {
            self.leaving = true;
            self.gateway.leave(&mut Out(turn.out));
        }
        if self.gateway.busy() && turn.now < until {
            return next_while_draining(storage::embedded::Progress::Idle);
        }
        if self.gateway.busy() {
            tracing::warn!("the time to drain is over: some requests stay without an answer");
        }
        self.control.reactor_ended();
        Next::Stop
    }
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
