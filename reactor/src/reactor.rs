//! The loop of one thread: completions in, a turn of the service, submissions out, and sleep.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;
use rustix::net::sockopt;

use crate::bounds::Bounds;
use crate::buffers::Lent;
use crate::connections::Phase;
use crate::counters::Counters;
use crate::doorbell::Doorbell;
use crate::files::{FileDone, FileQueue, Full};
use crate::output::{Output, socket};
use crate::ring::{Event, Ring};
use crate::seldom::Seldom;
use crate::service::{Connection, Ended, Next, Received, Service, Turn};
use crate::setup::SetupError;

/// One thread's sockets and files. Made anywhere, run by the thread that is to own it.
#[derive(Debug)]
pub struct Reactor {
    /// First, so that it is dropped first: descriptors below stay open until the kernel is done with them.
    ring: Ring,
    output: Output,
    files: FileQueue,
    inlet: Inlet,
    /// Connections that the service has not been told of.
    adopted: Vec<Connection>,
    /// Receives to arm (again) once buffers have been given back.
    rearm: Vec<Connection>,
    /// Bytes in carry buffers, of all connections.
    in_bytes: usize,
    bell_armed: bool,
    refusals: Seldom,
    bounds: Bounds,
    counters: Arc<Counters>,
}

/// Hands sockets to a reactor from any thread. Clones lead to the same one.
#[derive(Clone, Debug)]
pub struct Inlet {
    sockets: Arc<ArrayQueue<TcpStream>>,
    bell: Doorbell,
}

/// The ring itself failed: no connection of this reactor can go on.
#[derive(Debug, thiserror::Error)]
#[error("io_uring failed while running: {0}")]
pub struct RunError(#[from] io::Error);

impl Inlet {
    /// A place in line; full (`Bounds::inlet_sockets`): the socket back.
    pub fn offer(&self, socket: TcpStream) -> Result<(), Full<TcpStream>> {
        self.sockets.push(socket).map_err(Full)?;
        self.bell.ring();
        Ok(())
    }
}

impl Reactor {
    /// Sets the rings up. Errors say what to do.
    pub fn new(bounds: &Bounds) -> Result<Reactor, SetupError> {
        if let Some(fault) = bounds.fault() {
            return Err(SetupError::Bounds(fault));
        }
        let counters = Arc::new(Counters::default());
        let bell = Doorbell::new().map_err(SetupError::Other)?;
        Ok(Reactor {
            ring: Ring::new(bounds, counters.clone())?,
            output: Output::new(bounds, counters.clone()),
            files: FileQueue::new(bounds),
            inlet: Inlet { sockets: Arc::new(ArrayQueue::new(bounds.inlet_sockets)), bell },
            adopted: Vec::new(),
            rearm: Vec::with_capacity(bounds.connections),
            in_bytes: 0,
            bell_armed: false,
            refusals: Seldom::new(),
            bounds: *bounds,
            counters,
        })
    }

    /// Wakes this reactor.
    pub fn doorbell(&self) -> Doorbell {
        self.inlet.bell.clone()
    }

    /// Hands sockets to this reactor.
    pub fn inlet(&self) -> Inlet {
        self.inlet.clone()
    }

    /// What this reactor counts.
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// The files of this reactor, to adopt some before it runs.
    pub fn files(&mut self) -> &mut FileQueue {
        &mut self.files
    }

    /// Takes a connected socket before the reactor runs; [`Service::opened`] comes with the first turn. While it
    /// runs, use [`Reactor::inlet`].
    pub fn adopt(&mut self, stream: TcpStream) -> Result<Connection, Full<TcpStream>> {
        prepare(&stream);
        match self.output.connections.insert(OwnedFd::from(stream)) {
            Ok(connection) => {
                self.counters.accepted.add(1);
                self.adopted.push(connection);
                Ok(connection)
            }
            Err(socket) => Err(Full(TcpStream::from(socket))),
        }
    }

    /// Serves until the service says [`Next::Stop`]. Then what was written leaves, and all is closed.
    pub fn run<S: Service>(mut self, service: &mut S) -> Result<(), RunError> {
        self.ring.enable()?;
        let mut due = Some(Instant::now());
        let mut spin_from = None;
        loop {
            let rung = self.take_in();
            let arrived = self.handle_completions(service)?;
            let now = Instant::now();
            self.output.expire(now);
            if rung || arrived || due.is_some_and(|due| due <= now) {
                self.counters.turns.add(1);
                if rung || arrived {
                    // Where something came, more may follow soon. A timer alone is no such hint.
                    spin_from = None;
                }
                let turn = Turn { now, files: &mut self.files, out: &mut self.output };
                due = match service.turn(turn) {
                    Next::Again => Some(now),
                    // A time beyond the clock's end is never.
                    Next::Within(time) => now.checked_add(time),
                    Next::Idle => None,
                    Next::Stop => break,
                };
            }
            self.start_all(service)?;
            self.wait(due, &mut spin_from, service.gives_way())?;
        }
        self.finish(service)
    }

    /// Sockets from the inlet. True: somebody rang.
    fn take_in(&mut self) -> bool {
        if !self.inlet.bell.begin_turn() {
            return false;
        }
        while let Some(stream) = self.inlet.sockets.pop() {
            if let Err(Full(_closed_after_it_is_counted)) = self.adopt(stream) {
                self.counters.refused_connections.add(1);
                self.refusals.say(|more| {
                    let bound = self.bounds.connections;
                    tracing::warn!(bound, more, "connections refused: the bound `connections` is reached");
                });
            }
        }
        true
    }

    /// True: something came that the service's turn may want to know.
    fn handle_completions<S: Service>(&mut self, service: &mut S) -> io::Result<bool> {
        let mut arrived = !self.adopted.is_empty();
        for connection in self.adopted.drain(..) {
            self.rearm.push(connection);
            service.opened(connection, &mut self.output);
        }

        self.ring.collect();
        while let Some(event) = self.ring.next_event()? {
            match event {
                Event::Received { connection, result, lent, armed } => {
                    arrived |= self.received(service, connection, result, lent, armed);
                }
                Event::Sent { connection, result, buffer } => {
                    self.output.note_sent(connection, result, buffer);
                }
                Event::Written { file, token, result, buffer } => {
                    self.files.note_done(file, FileDone { token, result, buffer: Some(buffer) });
                    arrived = true;
                }
                Event::Synced { file, token, result } => {
                    self.files.note_done(file, FileDone { token, result, buffer: None });
                    arrived = true;
                }
                Event::Rung { armed } => {
                    self.counters.doorbells.add(1);
                    self.bell_armed = armed;
                }
                Event::Accepted { .. } => unreachable!("only acceptors accept"),
            }
        }
        Ok(arrived)
    }

    /// True: the service got something.
    fn received<S: Service>(
        &mut self,
        service: &mut S,
        connection: Connection,
        result: io::Result<usize>,
        lent: Option<Lent>,
        armed: bool,
    ) -> bool {
        let place = self.output.connections.get(connection).expect("a place stays while a receive is armed");
        place.receiving = armed;
        let phase = place.phase;
        let goes_on = match &result {
            Ok(count) => *count > 0,
            Err(error) => error.raw_os_error() == Some(libc::ENOBUFS),
        };
        if goes_on && !armed && phase != Phase::Dead {
            self.rearm.push(connection);
        }
        if !goes_on {
            place.input_over = true;
        }
        if phase != Phase::Open {
            self.output.unsettled.push(connection);
            if let Some(lent) = lent {
                self.ring.give_back(lent);
            }
            return false;
        }
        match (result, lent) {
            (Ok(count), Some(lent)) if count > 0 => {
                self.counters.recvs.add(1);
                self.counters.recv_bytes.add(count as u64);
                self.hand_over(service, connection, &lent);
                self.ring.give_back(lent);
                true
            }
            (Ok(_), lent) => {
                lent.into_iter().for_each(|lent| self.ring.give_back(lent));
                match service.input_ended(connection, &mut self.output) {
                    Ended::Close => self.output.close(connection),
                    Ended::Keep => (),
                }
                true
            }
            (Err(_), lent) => {
                lent.into_iter().for_each(|lent| self.ring.give_back(lent));
                if goes_on {
                    self.counters.enobufs.add(1);
                } else {
                    self.output.kill(connection);
                }
                false
            }
        }
    }

    /// Gives the service the bytes where the kernel put them, unless some wait for the rest of their message.
    fn hand_over<S: Service>(&mut self, service: &mut S, connection: Connection, lent: &Lent) {
        let place = self.output.connections.get(connection).expect("just looked up");
        let mut carry = std::mem::take(&mut place.carry);
        self.in_bytes -= carry.len();
        let fresh = self.ring.bytes(lent);
        let received = if carry.is_empty() {
            service.received(connection, fresh, &mut self.output)
        } else {
            carry.extend_from_slice(fresh);
            service.received(connection, &carry, &mut self.output)
        };
        let taken = match received {
            Received::Taken(taken) => {
                let given = if carry.is_empty() { fresh.len() } else { carry.len() };
                assert!(taken <= given, "a service takes no more than it was given: {taken} of {given}");
                taken
            }
            Received::Close => {
                self.output.pool.put(carry);
                return self.output.close(connection);
            }
        };
        if carry.is_empty() {
            let rest = &fresh[taken..];
            if rest.is_empty() {
                return self.output.pool.put(carry);
            }
            carry = self.output.pool.take();
            carry.extend_from_slice(rest);
        } else {
            carry.drain(..taken);
        }
        self.keep(connection, carry);
    }

    /// Keeps bytes for the rest of their message, within the bounds.
    fn keep(&mut self, connection: Connection, carry: Vec<u8>) {
        let too_long = carry.len() >= self.bounds.connection_in_bytes;
        if too_long || self.in_bytes + carry.len() > self.bounds.in_bytes {
            self.counters.input_cut_off.add(1);
            let bound = if too_long { "connection_in_bytes" } else { "in_bytes" };
            self.output.cut_off(connection, bound, "its message does not end");
        } else if !carry.is_empty()
            && let Some(place) = self.output.connections.get(connection)
            && place.phase == Phase::Open
        {
            self.in_bytes += carry.len();
            place.carry = carry;
            return;
        }
        self.output.pool.put(carry);
    }

    /// Everything that the turn wants from the kernel, queued for one enter; then whoever is gone is let go.
    fn start_all<S: Service>(&mut self, service: &mut S) -> io::Result<()> {
        self.files.start(&mut self.ring)?;
        self.output.start(&mut self.ring)?;
        self.ring.publish_buffers();
        while let Some(connection) = self.rearm.pop() {
            let Some(place) = self.output.connections.get(connection) else { continue };
            if place.phase != Phase::Dead && !place.receiving {
                place.receiving = true;
                self.ring.receive(socket(place).as_fd(), connection)?;
            }
        }
        if !self.bell_armed {
            self.bell_armed = true;
            self.ring.watch(self.inlet.bell.fd())?;
        }
        while let Some(connection) = self.output.unsettled.pop() {
            let carried = self.output.connections.get(connection).map_or(0, |place| place.carry.len());
            if self.output.settle(connection) {
                self.in_bytes -= carried;
                service.closed(connection);
            }
        }
        Ok(())
    }

    /// Until there is something to do: a moment with open eyes, then asleep in the kernel.
    fn wait(
        &mut self,
        due: Option<Instant>,
        spin_from: &mut Option<Instant>,
        gives_way: bool,
    ) -> io::Result<()> {
        if self.ring.wants_enter() {
            self.ring.enter()?;
        }
        if self.ring.has_completions() || self.inlet.bell.is_rung() {
            return Ok(());
        }
        let mut now = Instant::now();
        let wake_at = match (due, self.output.next_expiry()) {
            (Some(due), Some(expiry)) => Some(due.min(expiry)),
            (due, expiry) => due.or(expiry),
        };
        let over = |now: Instant| wake_at.is_some_and(|wake_at| wake_at <= now);
        let spin_us = if gives_way { 0 } else { self.bounds.spin_us };
        let spin_until = *spin_from.get_or_insert(now) + Duration::from_micros(spin_us);
        while now < spin_until {
            if over(now) {
                return Ok(());
            }
            if self.ring.wants_enter() {
                self.ring.enter()?;
            }
            if self.ring.has_completions() || self.inlet.bell.is_rung() {
                return Ok(());
            }
            // Not a pause instruction: on few cores the client or the disk's worker may need this very core.
            rustix::thread::sched_yield();
            now = Instant::now();
        }
        if over(now) || !self.inlet.bell.fall_asleep() {
            return Ok(());
        }
        self.counters.sleeps.add(1);
        let slept = self.ring.enter_and_sleep(wake_at.map(|wake_at| wake_at - now));
        self.inlet.bell.wake_up();
        slept
    }

    /// After the last turn: what was written leaves, then all connections are closed.
    fn finish<S: Service>(mut self, service: &mut S) -> Result<(), RunError> {
        let began = Instant::now();
        for connection in self.everybody() {
            self.output.close(connection);
        }
        while self.output.connections() > 0 {
            self.handle_completions(service)?;
            let now = Instant::now();
            self.output.expire(now);
            let nothing_written = self.output.all_sent();
            if nothing_written && now - began > LAST_WORD {
                for connection in self.everybody() {
                    self.output.kill(connection);
                }
            }
            self.start_all(service)?;
            self.ring.enter_and_sleep(Some(FINISH_STEP))?;
        }
        Ok(())
    }

    fn everybody(&self) -> Vec<Connection> {
        let connections = &self.output.connections;
        (0..connections.slots()).filter_map(|slot| connections.name(slot)).collect()
    }
}

/// What every connection's socket is set to. On one that is dead already it fails, and receiving will tell.
fn prepare(stream: &TcpStream) {
    // Small answers leave at once.
    let _ = stream.set_nodelay(true);
    // A client that lost power or cable says nothing, ever: asked so often, its place is free again in two minutes.
    let _ = sockopt::set_socket_keepalive(stream, true);
    let _ = sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE);
    let _ = sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL);
    let _ = sockopt::set_tcp_keepcnt(stream, KEEPALIVE_PROBES);
}

const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 6;

/// At the end, how long to wait for the other sides to hang up too, when they have been sent all there was.
const LAST_WORD: Duration = Duration::from_millis(100);
const FINISH_STEP: Duration = Duration::from_millis(5);
