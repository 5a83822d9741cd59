//! A sub-reactor whose store decides on another thread: sockets and gateway here, and a door to the store.

use std::sync::Arc;
use std::thread::JoinHandle;

use domain::MicrosUtc;
use handlers::{Desks, Gateway};
use reactor::{Connection, Ended, Next, Output, Reactor, Received, Service, Turn};
use storage::Handle;
use storage::embedded::{ClockReading, LedgerClock, Progress};

use super::control::{Control, next_while_draining, no_later_than};
use super::link::{Out, client, received};
use super::watch::Pulse;
use super::{Parts, thread};

/// Starts the thread of the sub-reactor at this place. Ledger time is that of who decides; here it is followed by the
/// same clocks, from this instant on, for deadlines and greetings.
pub(super) fn start(
    parts: &Parts,
    place: usize,
    reactor: Reactor,
    handle: Handle,
    desks: Desks,
    last_fact_at: MicrosUtc,
) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
    let Parts { settings, plan, control, common, seed } = parts;
    let name = format!("reactor-{place}");
    let pulse = control.join(&name, reactor.doorbell());
    let common = Arc::clone(common);
    let gateway = Gateway::new(handle, settings.gateway, &settings.rates, common, place, desks, *seed);
    let clock = LedgerClock::start(ClockReading::now(), last_fact_at, true)?;
    let control = Arc::clone(control);
    let mut service = Serving { gateway, clock, control, pulse, begun: false, leaving: false };
    thread(&name, plan.reactors[place], move || {
        reactor.run(&mut service).inspect_err(|why| tracing::error!("a reactor ended: {why}"))?;
        Ok(())
    })
}

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
            return next_while_draining(Progress::Idle);
        }
        if self.gateway.busy() {
            tracing::warn!("the time to drain is over: some requests stay without an answer");
        }
        self.control.reactor_ended();
        Next::Stop
    }
}
