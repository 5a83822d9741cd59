//! Bytes to the connections: gathered in a turn, sent with one call a connection, capped.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::{Shutdown, shutdown, sockopt};

use crate::bounds::Bounds;
use crate::connections::{Connections, Phase, Place};
use crate::counters::Counters;
use crate::pool::Pool;
use crate::ring::Ring;
use crate::service::Connection;

/// Where a service writes to its connections.
///
/// A connection has at most one send under way; what is written meanwhile waits for its end and leaves as the next
/// one. A client that does not read fills its own buffers only, and is cut off at `Bounds::connection_out_bytes`.
#[derive(Debug)]
pub struct Output {
    pub(crate) connections: Connections,
    pub(crate) pool: Pool,
    /// Connections with something to send.
    dirty: Vec<Connection>,
    /// Connections whose life may have moved on; looked at when the turn ends.
    pub(crate) unsettled: Vec<Connection>,
    /// Closing ones, the first to lose patience with in front.
    closing: VecDeque<(Instant, Connection)>,
    /// Bytes written and not gone, of all connections.
    out_bytes: usize,
    bounds: Bounds,
    counters: Arc<Counters>,
}

/// Why bytes were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The connection is closed, or being closed.
    Gone,
    /// The client does not read: its output cap was reached by this write, and it is cut off.
    CutOff,
}

impl Output {
    /// Takes bytes for a connection; they leave when the turn ends. All of them or none.
    pub fn write(&mut self, connection: Connection, bytes: &[u8]) -> Result<(), Refused> {
        let Some(place) = self.connections.get(connection) else { return Err(Refused::Gone) };
        if place.phase != Phase::Open {
            return Err(Refused::Gone);
        }
        let waiting = place.out.len() + place.sending_bytes + bytes.len();
        if waiting > self.bounds.connection_out_bytes || self.out_bytes + bytes.len() > self.bounds.out_bytes
        {
            self.counters.output_cut_off.add(1);
            let what =
                if waiting > self.bounds.connection_out_bytes { "connection_out_bytes" } else { "out_bytes" };
            self.cut_off(connection, what, "it does not read its answers");
            return Err(Refused::CutOff);
        }

        if place.out.capacity() == 0 {
            place.out = self.pool.take();
        }
        place.out.extend_from_slice(bytes);
        self.out_bytes += bytes.len();
        if !place.dirty {
            place.dirty = true;
            self.dirty.push(connection);
        }
        Ok(())
    }

    /// Bytes written to a connection that have not left yet.
    pub fn queued_bytes(&self, connection: Connection) -> usize {
        self.connections.peek(connection).map_or(0, |place| place.out.len() + place.sending_bytes)
    }

    /// Takes nothing more from a connection, and closes it when what was written to it has left.
    pub fn close(&mut self, connection: Connection) {
        let Some(place) = self.connections.get(connection) else { return };
        if place.phase != Phase::Open {
            return;
        }
        place.phase = Phase::Closing;
        self.unsettled.push(connection);
        if self.closing.len() > self.bounds.connections {
            // Most have closed long before their time: keep the list within its bound.
            self.closing.retain(|(_, connection)| self.connections.peek(*connection).is_some());
        }
        self.closing.push_back((Instant::now() + Duration::from_millis(self.bounds.closing_ms), connection));
    }

    /// Connections that are open, or not quite closed.
    pub fn connections(&self) -> usize {
        self.connections.live()
    }

    pub(crate) fn new(bounds: &Bounds, counters: Arc<Counters>) -> Output {
        Output {
            connections: Connections::new(bounds.connections),
            pool: Pool::new(bounds.pooled_buffers, bounds.pooled_buffer_bytes),
            dirty: Vec::with_capacity(bounds.connections),
            unsettled: Vec::with_capacity(bounds.connections),
            closing: VecDeque::new(),
            out_bytes: 0,
            bounds: *bounds,
            counters,
        }
    }

    /// Hands what the turn wrote to the ring, one send a connection; it leaves with the next enter.
    pub(crate) fn start(&mut self, ring: &mut Ring) -> io::Result<()> {
        while let Some(connection) = self.dirty.pop() {
            let Some(place) = self.connections.get(connection) else { continue };
            place.dirty = false;
            if place.sending_bytes > 0 || place.out.is_empty() || place.phase == Phase::Dead {
                continue;
            }
            let buffer = std::mem::take(&mut place.out);
            place.sending_bytes = buffer.len();
            ring.send(socket(place).as_fd(), connection, buffer)?;
        }
        Ok(())
    }

    /// A send has completed: its buffer is free.
    pub(crate) fn note_sent(&mut self, connection: Connection, result: io::Result<()>, buffer: Vec<u8>) {
        let place = self.connections.get(connection).expect("a place stays until its send has completed");
        self.out_bytes -= place.sending_bytes;
        place.sending_bytes = 0;
        self.pool.put(buffer);
        if place.phase != Phase::Open {
            self.unsettled.push(connection);
        }
        if result.is_err() {
            // The other side is gone, which is no news worth a log line.
            self.kill(connection);
        } else if !place.out.is_empty() && !place.dirty {
            place.dirty = true;
            self.dirty.push(connection);
        }
    }

    /// Ends a connection for a fault of its own, at once and without its last bytes: the kernel forgets those too.
    pub(crate) fn cut_off(&mut self, connection: Connection, bound: &str, why: &str) {
        let Some(place) = self.connections.get(connection) else { return };
        let socket = socket(place);
        let peer = rustix::net::getpeername(socket).ok();
        tracing::warn!(?peer, bound, "connection cut off: {why}");
        // Without this, megabytes of answers wait in the kernel for somebody who does not read.
        let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
        self.kill(connection);
    }

    /// Nothing goes over the connection any more; it is gone when the kernel is done with it.
    pub(crate) fn kill(&mut self, connection: Connection) {
        let Some(place) = self.connections.get(connection) else { return };
        if place.phase == Phase::Dead {
            return;
        }
        place.phase = Phase::Dead;
        self.out_bytes -= place.out.len();
        place.out.clear();
        // Ends what is under way, each with its own completion. Already reset by the other side: ended, too.
        let _ = shutdown(socket(place), Shutdown::Both);
        self.unsettled.push(connection);
    }

    /// Closing connections whose time is over.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(&(until, connection)) = self.closing.front()
            && until <= now
        {
            self.closing.pop_front();
            let Some(place) = self.connections.get(connection) else { continue };
            if !place.output_over {
                self.counters.closing_cut_off.add(1);
                self.cut_off(connection, "closing_ms", "it did not read its last bytes");
            } else {
                self.kill(connection);
            }
        }
    }

    /// True: nothing that was written waits to leave.
    pub(crate) fn all_sent(&self) -> bool {
        self.out_bytes == 0
    }

    /// When [`Output::expire`] has something to do.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.closing.front().map(|(until, _)| *until)
    }

    /// Moves a connection on in its life. True: it is gone, tell the service.
    pub(crate) fn settle(&mut self, connection: Connection) -> bool {
        let Some(place) = self.connections.get(connection) else { return false };
        let all_sent = place.sending_bytes == 0 && place.out.is_empty();
        if place.phase == Phase::Closing && all_sent {
            if place.input_over {
                self.kill(connection);
            } else if !place.output_over {
                // Closing with bytes of the other side unread would reset the connection, and the reset may
                // destroy our last answer on its way. So: say that it was the last, wait for the other's end.
                place.output_over = true;
                let _ = shutdown(socket(place), Shutdown::Write);
            }
        }
        let Some(place) = self.connections.get(connection) else { return false };
        if place.phase != Phase::Dead || place.receiving || place.sending_bytes > 0 {
            return false;
        }
        for buffer in self.connections.remove(connection).into_iter().flatten() {
            self.pool.put(buffer);
        }
        self.counters.closed.add(1);
        true
    }
}

pub(crate) fn socket(place: &Place) -> &OwnedFd {
    place.socket.as_ref().expect("a place that is not free has a socket")
}
