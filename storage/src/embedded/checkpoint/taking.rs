//! When the engine takes a checkpoint, and how it goes on with it a piece a turn.

use domain::Ledger;

use super::layout::Boundary;
use super::maker::{BUFFER_BYTES, CheckpointMaker, Making};
use crate::planted::{self, Bug};

/// Bytes of an image that one turn writes, about: some ten microseconds.
const BYTES_A_TURN: usize = 32 << 10;
/// A failed checkpoint is tried again after this part of what lies between two.
const RETRY_PART: u64 = 8;

/// What the engine knows of the journal at the end of a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JournalNow {
    /// The boundary behind the last group; nothing while facts wait for the next one.
    pub boundary: Option<Boundary>,
    /// Bytes written so far, and those that the opening replayed.
    pub bytes: u64,
    /// Every group up to this one is durable.
    pub durable_through: u64,
}

/// Takes one checkpoint after the other, each when the journal has grown by so much.
#[derive(Debug)]
pub(crate) struct Taking {
    maker: Box<dyn CheckpointMaker>,
    /// Bytes of journal between two; 0: none is ever taken.
    every_bytes: u64,
    /// The next one is begun when the journal has so many.
    due_at_bytes: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    /// The ledger writes its image.
    Writing {
        boundary: Boundary,
        buffer: Option<Vec<u8>>,
    },
    /// All of it is handed over; its last group is not durable yet.
    Written {
        boundary: Boundary,
    },
    /// The file is being finished.
    Publishing,
}

impl Taking {
    pub(crate) fn new(maker: Box<dyn CheckpointMaker>, every_bytes: u64) -> Taking {
        Taking { maker, every_bytes, due_at_bytes: every_bytes, state: State::Idle }
    }

    /// Goes on with what is under way, or begins. True: there is more to do at once.
    pub(crate) fn turn(&mut self, ledger: &mut Ledger, journal: JournalNow) -> bool {
        if self.every_bytes == 0 {
            return false;
        }
        match &mut self.state {
            State::Idle => {
                let boundary = journal.boundary.filter(|_| journal.bytes >= self.due_at_bytes);
                if let Some(boundary) = boundary {
                    ledger.begin_image();
                    self.maker.begin(boundary);
                    self.due_at_bytes = journal.bytes + self.every_bytes;
                    self.state = State::Writing { boundary, buffer: None };
                }
                false
            }
            State::Writing { .. } | State::Written { .. } | State::Publishing
                if self.maker.progress() == Making::Failed =>
            {
                ledger.give_up_image();
                self.due_at_bytes = journal.bytes + self.every_bytes / RETRY_PART;
                self.state = State::Idle;
                false
            }
            State::Writing { boundary, buffer } => {
                let boundary = *boundary;
                let Some(mut bytes) = buffer.take().or_else(|| self.maker.lend()) else { return false };
                let until = bytes.len() + BYTES_A_TURN;
                let done = ledger.write_image(&mut bytes, until);
                if done || bytes.len() >= BUFFER_BYTES {
                    self.maker.write(bytes);
                } else {
                    *buffer = Some(bytes);
                }
                if done {
                    self.state = State::Written { boundary };
                }
                true
            }
            State::Written { boundary } => {
                let early = planted::is(Bug::CheckpointBeforeGroup);
                if early || journal.durable_through >= boundary.group.number {
                    self.maker.publish();
                    self.state = State::Publishing;
                }
                false
            }
            State::Publishing => {
                if self.maker.progress() == Making::Published {
                    self.state = State::Idle;
                }
                false
            }
        }
    }

    /// Whether a checkpoint is under way: somebody has to look after it, though nothing else happens.
    pub(crate) fn is_busy(&self) -> bool {
        !matches!(self.state, State::Idle)
    }
}
