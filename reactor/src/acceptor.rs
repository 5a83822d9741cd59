//! The main reactor: accepts, and hands each socket to a sub-reactor. Asleep in the kernel while nobody connects.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, ipproto, sockopt};

use crate::bounds::Bounds;
use crate::counters::Counters;
use crate::doorbell::Doorbell;
use crate::files::Full;
use crate::reactor::{Inlet, RunError};
use crate::ring::{Event, Ring};
use crate::seldom::Seldom;
use crate::setup::SetupError;

/// Listens on an address for a set of reactors.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    address: SocketAddr,
    ring: Ring,
    inlets: Vec<Inlet>,
    /// The inlet that gets the next socket.
    turn: usize,
    stopper: Stopper,
    counters: Arc<Counters>,
    refusals: Seldom,
    shortages: Seldom,
}

/// Ends an acceptor from any thread.
#[derive(Clone, Debug)]
pub struct Stopper {
    stop: Arc<AtomicBool>,
    bell: Doorbell,
}

impl Stopper {
    /// No connection is accepted after this; [`Acceptor::run`] returns and the port is free.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.bell.ring();
    }
}

impl Acceptor {
    /// Listens from now on, so that nobody is turned away between this and [`Acceptor::run`].
    pub fn listen(address: SocketAddr, inlets: Vec<Inlet>) -> Result<Acceptor, SetupError> {
        assert!(!inlets.is_empty(), "somebody takes the sockets");
        let listener = open(address).map_err(|error| SetupError::Listen { address, error })?;
        let address = listener.local_addr().map_err(|error| SetupError::Listen { address, error })?;
        let counters = Arc::new(Counters::default());
        let bell = Doorbell::new().map_err(SetupError::Other)?;
        Ok(Acceptor {
            listener,
            address,
            ring: Ring::new(&Bounds { submissions: 8, ..Bounds::NO_SOCKETS }, counters.clone())?,
            inlets,
            turn: 0,
            stopper: Stopper { stop: Arc::new(AtomicBool::new(false)), bell },
            counters,
            refusals: Seldom::new(),
            shortages: Seldom::new(),
        })
    }

    /// Where it listens; the port is the one that the kernel chose if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// What it counts: `accepted`, `refused_connections`, `out_of_descriptors`.
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// Accepts until it is stopped.
    pub fn run(mut self) -> Result<(), RunError> {
        self.ring.enable()?;
        let (mut accepting, mut watching) = (false, false);
        let mut pause = None;
        loop {
            self.stopper.bell.begin_turn();
            if self.stopper.stop.load(Ordering::Acquire) {
                break;
            }
            if !accepting && pause.is_none() {
                accepting = true;
                self.ring.accept(self.listener.as_fd())?;
            }
            if !watching {
                watching = true;
                self.ring.watch(self.stopper.bell.fd())?;
            }
            if self.stopper.bell.fall_asleep() {
                let slept = self.ring.enter_and_sleep(pause.take());
                self.stopper.bell.wake_up();
                slept?;
            }
            self.ring.collect();
            while let Some(event) = self.ring.next_event()? {
                match event {
                    Event::Accepted { result, armed } => {
                        accepting = armed;
                        match result {
                            Ok(socket) => self.hand_out(TcpStream::from(socket)),
                            Err(error) => pause = self.pause_after(&error),
                        }
                    }
                    Event::Rung { armed } => watching = armed,
                    Event::Received { .. }
                    | Event::Sent { .. }
                    | Event::Written { .. }
                    | Event::Synced { .. } => {
                        unreachable!("an acceptor only accepts")
                    }
                }
            }
        }
        // First this, or the port stays taken until the ring has let go of the listening socket.
        let _ = rustix::net::shutdown(&self.listener, Shutdown::Both);
        Ok(())
    }

    /// Round robin; a reactor whose inlet is full is passed over.
    fn hand_out(&mut self, mut socket: TcpStream) {
        for _ in 0..self.inlets.len() {
            self.turn = (self.turn + 1) % self.inlets.len();
            match self.inlets[self.turn].offer(socket) {
                Ok(()) => return self.counters.accepted.add(1),
                Err(Full(back)) => socket = back,
            }
        }
        self.counters.refused_connections.add(1);
        drop(socket);
        self.refusals
            .say(|more| tracing::warn!(more, "connections refused: the bound `inlet_sockets` is reached"));
    }

    /// How long to wait before the next try.
    fn pause_after(&mut self, error: &io::Error) -> Option<Duration> {
        match error.raw_os_error() {
            // The one who came is gone again; the next may be fine.
            Some(libc::ECONNABORTED | libc::EINTR | libc::EAGAIN | libc::EPROTO) => None,
            _ => {
                self.counters.out_of_descriptors.add(1);
                self.shortages.say(|more| {
                    tracing::warn!(%error, more, "cannot accept; raise RLIMIT_NOFILE if descriptors ran out");
                });
                Some(PAUSE)
            }
        }
    }
}

/// Connections that the kernel holds for us until they are accepted.
const BACKLOG: i32 = 4_096;

/// Without descriptors or memory, accepting again at once would only burn the core that could free some.
const PAUSE: Duration = Duration::from_millis(50);

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC;
    let socket: OwnedFd = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    // A restarted server must not wait for the last connections of the one before.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}
