//! What a reactor serves.

use std::time::{Duration, Instant};

use crate::files::FileQueue;
use crate::output::Output;

/// The program behind the sockets of one reactor. Calls come from the reactor's thread, one at a time.
///
/// The first turn comes before anything arrives. A turn: completions are collected, [`Service::received`] runs for each connection that has bytes, then
/// [`Service::turn`] once; what was written to the [`Output`] leaves in one send a connection. A service without
/// connections (an engine of its own thread) only has turns.
pub trait Service {
    /// A connection is there.
    fn opened(&mut self, connection: Connection, out: &mut Output);

    /// Bytes of a connection, beginning with those that were not taken last time. Whoever takes none of a full
    /// buffer (`Bounds::connection_in_bytes`) is cut off: that is longer than the longest message.
    fn received(&mut self, connection: Connection, bytes: &[u8], out: &mut Output) -> Received;

    /// The other side sends nothing more, but may still read. Whoever owes it answers says [`Ended::Keep`] and
    /// calls [`Output::close`] after the last of them.
    fn input_ended(&mut self, _connection: Connection, _out: &mut Output) -> Ended {
        Ended::Close
    }

    /// A connection is gone; its name is never used again. Not called for one that [`Received::Close`] ended
    /// before its last bytes left: it comes when they have, or could not.
    fn closed(&mut self, connection: Connection);

    /// Once a turn, after all that arrived was handed over.
    fn turn(&mut self, turn: Turn<'_>) -> Next;

    /// Whether threads that work behind this one need its core: then the reactor sleeps as soon as it has nothing to do,
    /// in place of spinning for `Bounds::spin_us`, in which a thread that steps back would get next to nothing.
    fn gives_way(&self) -> bool {
        false
    }
}

/// Names a connection of one reactor. A slot is used again, a name never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Place in the reactor's table, below `Bounds::connections`.
    pub slot: u32,
    /// How often the place was used before, up to [`Connection::GENERATION_MAX`]; a place used up to there rests.
    pub generation: u32,
}

impl Connection {
    /// The last use of a place: 28 bits, what a completion can carry beside the slot.
    pub const GENERATION_MAX: u32 = (1 << 28) - 1;
}

/// What became of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// So many were understood; the rest comes again with what follows it.
    Taken(usize),
    /// Take nothing more from this connection; close it when what was written to it has left.
    Close,
}

/// What to do with a connection whose other side has ended its sending half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Close it when what was written to it has left.
    Close,
    /// Answers still come: keep it until [`Output::close`], or until sending to it fails.
    Keep,
}

/// What a turn has at hand.
#[derive(Debug)]
pub struct Turn<'a> {
    /// When the turn began, read once.
    pub now: Instant,
    /// Writes and syncs of files through the reactor's ring.
    pub files: &'a mut FileQueue,
    /// Bytes to the connections.
    pub out: &'a mut Output,
}

/// When the next turn is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once: there is more to do.
    Again,
    /// When something arrives, completes or rings, or after this time at the latest.
    Within(Duration),
    /// When something arrives, completes or rings.
    Idle,
    /// Never: leave the loop.
    Stop,
}
