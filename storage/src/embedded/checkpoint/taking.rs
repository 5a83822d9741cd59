//! When the engine takes a checkpoint, how it goes on with it a piece a turn, and how far the newest lags behind.

use domain::{Ledger, Micros, MicrosUtc};

use super::layout::Boundary;
use super::maker::{BUFFER_BYTES, CheckpointMaker, Making};
use crate::embedded::retention::SegmentKeeper;
use crate::planted::{self, Bug};

/// Bytes of an image that one turn writes, about: some ten microseconds.
const BYTES_A_TURN: usize = 32 << 10;
/// A failed checkpoint is tried again after this part of what lies between two.
const RETRY_PART: u64 = 8;
/// Where the journal does not grow, because new orders wait for it, a failed one is tried again after this time.
const RETRY_AFTER: Micros = Micros::from_seconds(1);
/// How soon to look after a checkpoint that waits for its file to be written.
const POLL: Micros = Micros(1_000);

/// How often somebody looks whether a segment is old enough to go, though no checkpoint was published.
const LOOK_EVERY: Micros = Micros::from_seconds(60);

/// What the engine knows of the journal at the end of a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JournalNow {
    /// The boundary behind the last group; nothing while facts wait for the next one.
    pub boundary: Option<Boundary>,
    /// Bytes written so far, and those that the opening replayed.
    pub bytes: u64,
    /// Position of the last fact.
    pub position: u64,
    /// Every group up to this one is durable.
    pub durable_through: u64,
    /// All orders that rested before the checkpoint under way are durable.
    pub cold_synced: bool,
    /// Batches that the cold store has put by now.
    pub cold_batches: u64,
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    /// There is more to do at once.
    pub more: bool,
    /// A checkpoint of this instant was begun.
    pub begun: bool,
    /// An opening begins behind this one, or a later one, from here on.
    pub needed: Option<Boundary>,
}

/// When to take checkpoints, and how far they may lag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Bytes of journal between two; 0: none is ever taken.
    pub every_bytes: u64,
    /// The most that the journal may be ahead of the newest one, bytes; 0: any.
    pub lag_bytes_max: u64,
}

/// How far the newest checkpoint is behind the journal: what the next opening would replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lag {
    /// Of journal, padding included.
    pub bytes: u64,
    /// Of facts.
    pub facts: u64,
}

/// Takes one checkpoint after the other, each when the journal has grown by so much.
#[derive(Debug)]
pub(crate) struct Taking {
    maker: Box<dyn CheckpointMaker>,
    pace: Pace,
    /// The next one is begun when the journal has so many bytes.
    due_at_bytes: u64,
    /// Not begun before, where new orders wait for it.
    retry_at: MicrosUtc,
    /// What the newest one that is there for good covers, and the one that is under way.
    covered: Mark,
    begun: Mark,
    lag: Lag,
    /// The newest that is there for good, and the one before it: it stands in where the newest cannot be read.
    usable: Usable,
    /// Who lets segments go, if they ever do.
    keeper: Option<Box<dyn SegmentKeeper>>,
    /// When to look at the latest whether one may go.
    look_at: MicrosUtc,
    /// Whether this run has written a group: before, there is nothing that a checkpoint could stand behind.
    may_begin: bool,
    state: State,
}

/// Checkpoints that an opening could begin with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usable {
    pub newest: Option<Boundary>,
    pub older: Option<Boundary>,
}

/// A place in the journal.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    bytes: u64,
    /// Position of the last fact before it.
    position: u64,
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
    Publishing {
        boundary: Boundary,
    },
}

impl Taking {
    /// Behind an opening that began with the newest of these; bytes count from there.
    pub(crate) fn new(
        maker: Box<dyn CheckpointMaker>,
        pace: Pace,
        usable: Usable,
        keeper: Option<Box<dyn SegmentKeeper>>,
    ) -> Taking {
        let position = usable.newest.map_or(0, |newest| newest.next_fact - 1);
        let covered = Mark { bytes: 0, position };
        Taking {
            maker,
            pace,
            due_at_bytes: pace.every_bytes,
            retry_at: MicrosUtc(0),
            covered,
            begun: covered,
            lag: Lag::default(),
            usable,
            keeper,
            look_at: MicrosUtc(0),
            may_begin: false,
            state: State::Idle,
        }
    }

    /// Goes on with what is under way, or begins.
    pub(crate) fn turn(&mut self, now: MicrosUtc, ledger: &mut Ledger, journal: JournalNow) -> Taken {
        if self.pace.every_bytes == 0 {
            return Taken::default();
        }
        let taken = self.go_on(now, ledger, journal);
        self.let_go(now, taken.needed.is_some());
        self.may_begin |= journal.boundary.is_some();
        self.lag = Lag {
            bytes: journal.bytes - self.covered.bytes,
            facts: journal.position - self.covered.position,
        };
        taken
    }

    /// Lets segments go that no opening needs any more.
    fn let_go(&mut self, now: MicrosUtc, published: bool) {
        let (Some(keeper), Some(needed)) = (&mut self.keeper, self.usable.older) else { return };
        if published || now >= self.look_at {
            self.look_at = now.after(LOOK_EVERY);
            keeper.look(needed.segment, now);
        }
    }

    /// Position that the journal in the data folder begins behind; nothing where no segment ever goes.
    pub(crate) fn begins_behind(&self) -> Option<u64> {
        self.keeper.as_ref().map(|keeper| keeper.begins_behind())
    }

    /// How far the newest one is behind; nothing where none is ever taken.
    pub(crate) fn lag(&self) -> Lag {
        self.lag
    }

    /// Whether new orders have to wait for it. The first group of a run never does: without it none can be taken.
    pub(crate) fn is_behind(&self) -> bool {
        self.may_begin && self.pace.lag_bytes_max > 0 && self.lag.bytes >= self.pace.lag_bytes_max
    }

    /// When somebody has to look after it at the latest, though nothing else happens.
    pub(crate) fn next_due(&self, now: MicrosUtc) -> Option<MicrosUtc> {
        let look = (self.keeper.is_some() && self.usable.older.is_some()).then_some(self.look_at);
        let go_on = match self.state {
            State::Writing { .. } | State::Written { .. } | State::Publishing { .. } => Some(now.after(POLL)),
            State::Idle => self.is_behind().then_some(self.retry_at.max(now.after(POLL))),
        };
        go_on.into_iter().chain(look).min()
    }

    fn go_on(&mut self, now: MicrosUtc, ledger: &mut Ledger, journal: JournalNow) -> Taken {
        let mut taken = Taken::default();
        let due = journal.bytes >= self.due_at_bytes || (self.is_behind() && now >= self.retry_at);
        match &mut self.state {
            State::Idle => {
                if let Some(boundary) = journal.boundary.filter(|_| due) {
                    let boundary = Boundary { cold_batches: journal.cold_batches, ..boundary };
                    ledger.begin_image();
                    self.maker.begin(boundary);
                    self.due_at_bytes = journal.bytes + self.pace.every_bytes;
                    self.begun = Mark { bytes: journal.bytes, position: boundary.next_fact - 1 };
                    self.state = State::Writing { boundary, buffer: None };
                    taken.begun = true;
                    if planted::is(Bug::SegmentGoneEarly)
                        && let Some(keeper) = &mut self.keeper
                    {
                        keeper.look(boundary.segment, now);
                    }
                }
            }
            State::Writing { .. } | State::Written { .. } | State::Publishing { .. }
                if self.maker.progress() == Making::Failed =>
            {
                ledger.give_up_image();
                self.due_at_bytes = journal.bytes + self.pace.every_bytes / RETRY_PART;
                self.retry_at = now.after(RETRY_AFTER);
                self.state = State::Idle;
            }
            State::Writing { boundary, buffer } => {
                let boundary = *boundary;
                let Some(mut bytes) = buffer.take().or_else(|| self.maker.lend()) else { return taken };
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
                taken.more = true;
            }
            State::Written { boundary } => {
                let early = planted::is(Bug::CheckpointBeforeGroup);
                let durable = journal.durable_through >= boundary.group.number;
                if early || (durable && journal.cold_synced) {
                    self.maker.publish();
                    self.state = State::Publishing { boundary: *boundary };
                }
            }
            State::Publishing { boundary } => {
                if self.maker.progress() == Making::Published {
                    self.usable = Usable { newest: Some(*boundary), older: self.usable.newest };
                    taken.needed = match planted::is(Bug::ForgottenByNewest) {
                        true => self.usable.newest,
                        false => self.usable.older,
                    };
                    self.covered = self.begun;
                    self.state = State::Idle;
                }
            }
        }
        taken
    }
}
