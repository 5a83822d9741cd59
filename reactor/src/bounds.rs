//! How much a reactor may hold: every bound by its name, and their sum.

/// The bounds of one reactor. Each is filled by a test; what happens at a bound stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at once. At the bound a new one is closed at once, with a counter and a log line.
    pub connections: usize,
    /// Bytes of one connection that wait for the rest of their message: longer than the longest message.
    /// Whoever fills it is cut off.
    pub connection_in_bytes: usize,
    /// Bytes written to one connection that have not left yet. A client that does not read is cut off here.
    pub connection_out_bytes: usize,
    /// All bytes that wait for the rest of their message. The connection that needs more is cut off.
    pub in_bytes: usize,
    /// All bytes written and not gone yet. The connection that needs more is cut off.
    pub out_bytes: usize,
    /// Buffers that the kernel receives into: a power of two, at most 32,768. When all are filled, receiving
    /// goes on as soon as they are given back, in the same turn.
    pub recv_buffers: usize,
    /// Size of one of them.
    pub recv_buffer_bytes: usize,
    /// Emptied buffers that are kept for the next connection that needs one. Others are freed.
    pub pooled_buffers: usize,
    /// A buffer that has grown beyond this is freed instead of kept.
    pub pooled_buffer_bytes: usize,
    /// Sockets handed to this reactor that it has not taken yet. The acceptor closes what does not fit.
    pub inlet_sockets: usize,
    /// Files adopted at once.
    pub files: usize,
    /// Writes and syncs of files between their call and [`crate::FileQueue::completed`].
    pub files_in_flight: usize,
    /// Entries of the submission ring; a full one is handed to the kernel early.
    pub submissions: usize,
    /// Entries of the completion ring; the kernel keeps what does not fit, slowly.
    pub completions: usize,
    /// How long to watch for work after the last work, before sleeping in the kernel. Microseconds.
    pub spin_us: u64,
    /// How long a connection that the service closed may take to read its last bytes. Milliseconds.
    pub closing_ms: u64,
}

/// What the defaults may add up to.
const REACTOR_BYTES_MAX: usize = 768 << 20;
const _: () = assert!(Bounds::DEFAULT.reactor_bytes() <= REACTOR_BYTES_MAX);
const _: () = assert!(Bounds::DEFAULT.fault().is_none());

impl Bounds {
    /// For a server of many thousand connections.
    pub const DEFAULT: Bounds = Bounds {
        connections: 16_384,
        connection_in_bytes: 1 << 20,
        connection_out_bytes: 1 << 20,
        in_bytes: 64 << 20,
        out_bytes: 256 << 20,
        recv_buffers: 1_024,
        recv_buffer_bytes: 4_096,
        pooled_buffers: 1_024,
        pooled_buffer_bytes: 64 << 10,
        inlet_sockets: 1_024,
        files: 16,
        files_in_flight: 64,
        submissions: 4_096,
        completions: 16_384,
        spin_us: 100,
        closing_ms: 1_000,
    };

    /// For a thread that has turns, files and a doorbell, but no sockets.
    pub const NO_SOCKETS: Bounds = Bounds {
        connections: 0,
        connection_in_bytes: 0,
        connection_out_bytes: 0,
        in_bytes: 0,
        out_bytes: 0,
        recv_buffers: 0,
        recv_buffer_bytes: 0,
        pooled_buffers: 0,
        inlet_sockets: 1,
        submissions: 256,
        completions: 1_024,
        ..Bounds::DEFAULT
    };

    /// The most memory that a reactor with these bounds takes, bytes of files in flight aside (their owner
    /// counts them). Buffers double as they grow, hence the factor on what waits.
    pub const fn reactor_bytes(&self) -> usize {
        self.connections * CONNECTION_BYTES
            + 2 * (self.in_bytes + self.out_bytes)
            + self.recv_buffers * (self.recv_buffer_bytes + RECV_ENTRY_BYTES)
            + self.pooled_buffers * self.pooled_buffer_bytes / POOL_SHARE
            + self.inlet_sockets * 16
            + (self.files + self.files_in_flight) * 128
            + self.submissions * SUBMISSION_BYTES
            + self.completions * COMPLETION_BYTES
    }

    /// What is wrong with these bounds, in a sentence that begins with the name of one; nothing if they hold.
    pub const fn fault(&self) -> Option<&'static str> {
        if self.connections > 0 {
            if !self.recv_buffers.is_power_of_two() || self.recv_buffers > 32_768 {
                return Some("recv_buffers: must be a power of two of at most 32768");
            }
            if self.recv_buffer_bytes < 64 || self.recv_buffer_bytes > 1 << 20 {
                return Some("recv_buffer_bytes: must be 64 to 1048576");
            }
            if self.connection_in_bytes < self.recv_buffer_bytes {
                return Some("connection_in_bytes: must hold at least one receive buffer");
            }
            if self.in_bytes < self.connection_in_bytes || self.out_bytes < self.connection_out_bytes {
                return Some("in_bytes, out_bytes: must hold at least what one connection may");
            }
        }
        if self.connections > 1 << 24 {
            return Some("connections: must be at most 16777216");
        }
        if self.inlet_sockets == 0 {
            return Some("inlet_sockets: must be at least 1");
        }
        if self.submissions == 0 || self.submissions > 32_768 || self.completions < self.submissions {
            return Some("submissions, completions: must be 1 to 32768, and at least as many completions");
        }
        None
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds::DEFAULT
    }
}

/// A place in the table and one send in flight; asserted beside the structs.
pub(crate) const CONNECTION_BYTES: usize = 320;
const RECV_ENTRY_BYTES: usize = 16;
/// Pooled buffers have been counted where they were in use; an eighth of them is taken as idle on top.
const POOL_SHARE: usize = 8;
const SUBMISSION_BYTES: usize = 64;
const COMPLETION_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(bounds: Bounds) -> &'static str {
        bounds.fault().expect("they contradict each other")
    }

    #[test]
    fn bounds_that_contradict_each_other_are_named() {
        let fine = Bounds::DEFAULT;
        assert_eq!(fine.fault(), None);
        assert_eq!(Bounds::NO_SOCKETS.fault(), None);
        let named = [
            (Bounds { recv_buffers: 1_000, ..fine }, "recv_buffers"),
            (Bounds { recv_buffers: 65_536, ..fine }, "recv_buffers"),
            (Bounds { recv_buffer_bytes: 8, ..fine }, "recv_buffer_bytes"),
            (Bounds { connection_in_bytes: 100, ..fine }, "connection_in_bytes"),
            (Bounds { in_bytes: 1 << 10, ..fine }, "in_bytes"),
            (Bounds { out_bytes: 1 << 10, ..fine }, "in_bytes, out_bytes"),
            (Bounds { connections: 1 << 25, ..fine }, "connections"),
            (Bounds { inlet_sockets: 0, ..fine }, "inlet_sockets"),
            (Bounds { completions: 16, ..fine }, "submissions, completions"),
        ];
        for (bounds, name) in named {
            assert!(fault(bounds).starts_with(name), "{}", fault(bounds));
        }
    }

    #[test]
    fn memory_grows_with_each_bound() {
        let less = Bounds::DEFAULT.reactor_bytes();
        let fine = Bounds::DEFAULT;
        assert!(Bounds { connections: fine.connections + 1, ..fine }.reactor_bytes() > less);
        assert!(Bounds { in_bytes: fine.in_bytes + 1, ..fine }.reactor_bytes() > less);
        assert!(Bounds { out_bytes: fine.out_bytes + 1, ..fine }.reactor_bytes() > less);
        assert!(Bounds { recv_buffers: fine.recv_buffers * 2, ..fine }.reactor_bytes() > less);
        assert!(Bounds::NO_SOCKETS.reactor_bytes() < 1 << 20, "a thread without sockets is small");
    }
}
