//! What a reactor counts. Written by one thread, read by any.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only its reactor's thread adds to. Others may read it at any time.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Load and store, no locked instruction: there is one writer.
    pub(crate) fn add(&self, more: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }
}

/// What a reactor (or an acceptor) counted since it was made.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections that got a place.
    pub accepted: Counter,
    /// Connections that are gone.
    pub closed: Counter,
    /// Sockets closed at once because `Bounds::connections` or `Bounds::inlet_sockets` was reached.
    pub refused_connections: Counter,
    /// Times that accepting paused because no file descriptor was free.
    pub out_of_descriptors: Counter,
    /// Bytes received.
    pub recv_bytes: Counter,
    /// Receive completions with bytes.
    pub recvs: Counter,
    /// Bytes sent.
    pub send_bytes: Counter,
    /// Sends started.
    pub sends: Counter,
    /// Calls into the kernel.
    pub enters: Counter,
    /// Times that the thread went to sleep in the kernel.
    pub sleeps: Counter,
    /// Turns of the service.
    pub turns: Counter,
    /// Receives that ended because all receive buffers were filled.
    pub enobufs: Counter,
    /// Connections cut off at `Bounds::connection_out_bytes` or `Bounds::out_bytes`.
    pub output_cut_off: Counter,
    /// Connections cut off at `Bounds::connection_in_bytes` or `Bounds::in_bytes`.
    pub input_cut_off: Counter,
    /// Connections that did not read their last bytes within `Bounds::closing_ms`.
    pub closing_cut_off: Counter,
    /// Times that a doorbell woke this reactor.
    pub doorbells: Counter,
    /// Bytes of files written.
    pub file_bytes: Counter,
    /// Writes of files begun.
    pub file_writes: Counter,
    /// Syncs of files begun.
    pub file_syncs: Counter,
}

impl Counters {
    /// Connections open now. Read from another thread it may be off by those in the making.
    pub fn connections(&self) -> u64 {
        self.accepted.get().saturating_sub(self.closed.get())
    }
}
