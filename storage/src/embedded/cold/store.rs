//! What a cold store is: what goes in, what can be asked, and what a crash leaves.

use std::fmt::Debug;
use std::io;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

pub use domain::Resting;
use domain::order::State;
use domain::verdict::OrderBrief;
use domain::{Making, MicrosUtc, OrderId, UserId};

/// Bytes of one record, at most.
pub const RECORD_BYTES_MAX: usize = 64 << 10;
/// Orders of one batch, at most: they are packed in one turn of the engine, which all others wait for.
pub const BATCH_ORDERS_MAX: usize = 128;
/// Bytes of the records of one batch, at most.
pub const BATCH_BYTES_MAX: usize = 128 << 10;
/// Old versions that one call of [`ColdStore::forget`] looks at, at most.
pub const FORGET_PIECE: usize = 512;
/// As the `through` of a read: the newest version.
pub const LATEST: u64 = u64::MAX;

const _: () = assert!(BATCH_BYTES_MAX >= RECORD_BYTES_MAX, "the largest record fits a batch");

/// When an order was made, as its id says without the slot. No two orders of a store have it in common, and it grows
/// in the order in which they were made.
pub const fn made_at(order: OrderId) -> u64 {
    order.making().0
}

/// The id of the order that this user made then.
pub const fn order_made_at(made: u64, user: UserId) -> OrderId {
    let order = Making(made).any_order();
    OrderId::new(order.ms(), OrderId::slot_of(user), order.sequence())
}

/// Orders that go to rest together: all of them or none are there after a crash.
#[derive(Clone, Debug, Default)]
pub struct RestingBatch {
    through: u64,
    orders: Vec<Packed>,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Packed {
    brief: OrderBrief,
    due: Option<MicrosUtc>,
    was_kept: bool,
    record: Range<usize>,
}

impl RestingBatch {
    /// An empty one. It grows to its bound once and keeps its memory.
    pub fn new() -> RestingBatch {
        RestingBatch::default()
    }

    /// Empties it and says through which fact the orders to come are true. That fact is durable in the journal.
    pub fn begin(&mut self, through: u64) {
        self.through = through;
        self.orders.clear();
        self.bytes.clear();
    }

    /// Whether there is room for a record of so many bytes.
    pub fn has_room(&self, record_bytes: usize) -> bool {
        self.orders.len() < BATCH_ORDERS_MAX && self.bytes.len() + record_bytes <= BATCH_BYTES_MAX
    }

    /// Adds an order. There is room for it, and the batch does not hold it yet.
    pub fn push(&mut self, order: Resting<'_>) {
        let Resting { brief, due, was_kept, record } = order;
        assert!(self.has_room(record.len()) && record.len() <= RECORD_BYTES_MAX, "a batch keeps its bounds");
        let began = self.bytes.len();
        self.bytes.extend_from_slice(record);
        self.orders.push(Packed { brief, due, was_kept, record: began..self.bytes.len() });
    }

    /// The last fact that is in the records.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// The orders, as they were pushed.
    pub fn orders(&self) -> impl ExactSizeIterator<Item = Resting<'_>> {
        self.orders.iter().map(|Packed { brief, due, was_kept, record }| Resting {
            brief: *brief,
            due: *due,
            was_kept: *was_kept,
            record: &self.bytes[record.clone()],
        })
    }

    /// How many orders it holds.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }
}

/// One version of an order at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// The last fact that is in it.
    pub through: u64,
    /// When the ledger wanted it back.
    pub due: Option<MicrosUtc>,
}

/// One page of a user's orders, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserAsk {
    /// Whose.
    pub user: UserId,
    /// Only orders made before; `u64::MAX` begins at the newest.
    pub before_made: u64,
    /// Only orders in this state.
    pub state: Option<State>,
    /// Orders of the page, at most.
    pub limit: usize,
    /// Orders that are looked at for it, at most.
    pub looks_max: usize,
}

/// An order that the ledger wants back: when, and when it was made. Sorts as they are handed out.
pub type DueKey = (MicrosUtc, u64);

/// How far the store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The last fact that is in any record; 0: there is none.
    pub through: u64,
    /// Batches put so far, those of earlier runs included that a sync had made durable.
    pub batches: u64,
}

/// What there is to show of a cold store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Orders at rest, about: one that rested anew counts twice until upkeep has met it.
    pub orders_about: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
}

/// Why a cold store does not do what it is asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColdError {
    /// What is there is not what was written.
    #[error("the cold store is damaged at {place}: {why}; restore a copy of the folder")]
    Damaged {
        /// File, or tree and key.
        place: String,
        /// What is wrong there.
        why: String,
    },
    /// The system refused to read or write.
    #[error("the cold store cannot be used at {place} ({why}): see to the disk, then start again")]
    Io {
        /// File, or tree and key.
        place: String,
        /// What kind of refusal.
        kind: io::ErrorKind,
        /// What the system said.
        why: String,
    },
    /// A newer version wrote it.
    #[error("{place} has the format {version}, which is newer than this version reads: use a newer one")]
    Newer {
        /// The file that says so.
        place: String,
        /// The version.
        version: u16,
    },
    /// It belongs to another store.
    #[error("{place} belongs to another store than the journal: put back the one that was there")]
    Foreign {
        /// The file that says so.
        place: String,
    },
    /// Another process has it.
    #[error("{place} is used by another process: stop it first")]
    InUse {
        /// The folder.
        place: String,
    },
    /// A write or sync failed before: nothing more goes in until the next start.
    #[error("the cold store takes no more orders since a write failed: see to the disk, then start again")]
    Broken,
}

/// Shows what a cold store holds to whoever has a checkpoint.
pub trait OrdersAtRest: Send + Sync + Debug {
    /// Shows each order, oldest first, as of its newest version through at most this fact: when it was made, and its
    /// record. Orders without one are left out, and so are those whose version was forgotten.
    ///
    /// An order that was in memory at that fact may be among them, in an older state.
    fn each_as_of(&self, through: u64, each: &mut dyn FnMut(u64, &[u8])) -> Result<(), ColdError>;
}

/// Holds orders that left memory. One thread puts and asks, and a put is seen by whatever is asked behind it.
///
/// Reads go on when it is broken, as far as they can. A failed read is the failure of that question alone.
pub trait ColdStore: Send + Debug {
    /// Whether there is room for another batch: else writing is behind, and putting anyway would only take memory.
    fn has_room(&mut self) -> bool;

    /// Puts orders to rest. Nothing is durable yet. After an error the store is broken.
    ///
    /// An order may come again as of the same or another position: a replay of the journal does as the run before did.
    fn put(&mut self, batch: &RestingBatch) -> Result<(), ColdError>;

    /// The newest version of an order through at most this fact ([`LATEST`]: of all), its bytes in `record`, which is
    /// emptied first.
    fn read(&self, made: u64, through: u64, record: &mut Vec<u8>) -> Result<Option<Version>, ColdError>;

    /// Adds one page of a user's orders to `page`, newest first, as of their newest version. Returns the last one that
    /// was looked at; 0 where none is older.
    fn of_user(&self, ask: UserAsk, page: &mut Vec<OrderBrief>) -> Result<u64, ColdError>;

    /// Shows the newest version of all orders made before, newest first, until `each` breaks off. Returns the last one
    /// that was shown; 0 where none is older.
    fn newest(
        &self,
        before_made: u64,
        looks_max: usize,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<u64, ColdError>;

    /// Adds to `found` the orders whose newest version is due by `until`, in this order, beginning behind `after`; at
    /// most `limit`.
    ///
    /// One that was read back stays due here until it rests again.
    fn due(
        &self,
        after: Option<DueKey>,
        until: MicrosUtc,
        limit: usize,
        found: &mut Vec<DueKey>,
    ) -> Result<(), ColdError>;

    /// Forgets versions that had a successor at `through` or before: no opening begins earlier any more. Looks at
    /// [`FORGET_PIECE`] of them, and says whether there are more. After an error the store is broken.
    fn forget(&mut self, through: u64) -> Result<bool, ColdError>;

    /// Begins to make durable all that was put so far.
    fn begin_sync(&mut self);

    /// The end of the oldest sync that was begun and not reported yet, if it has ended: what is durable now.
    fn synced(&mut self) -> Option<Result<Standing, ColdError>>;

    /// Whether a write or sync has failed.
    fn is_broken(&self) -> bool;

    /// Another way in, for reading only, from any thread. It sees at least what was put by now.
    fn reader(&self) -> Arc<dyn OrdersAtRest>;

    /// How far it is, durable or not.
    fn standing(&self) -> Standing;

    /// What there is to show.
    fn statistics(&self) -> Statistics;
}

/// Whichever it is.
impl<S: ColdStore + ?Sized> ColdStore for Box<S> {
    fn has_room(&mut self) -> bool {
        (**self).has_room()
    }

    fn put(&mut self, batch: &RestingBatch) -> Result<(), ColdError> {
        (**self).put(batch)
    }

    fn read(&self, made: u64, through: u64, record: &mut Vec<u8>) -> Result<Option<Version>, ColdError> {
        (**self).read(made, through, record)
    }

    fn of_user(&self, ask: UserAsk, page: &mut Vec<OrderBrief>) -> Result<u64, ColdError> {
        (**self).of_user(ask, page)
    }

    fn newest(
        &self,
        before_made: u64,
        looks_max: usize,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<u64, ColdError> {
        (**self).newest(before_made, looks_max, each)
    }

    fn due(
        &self,
        after: Option<DueKey>,
        until: MicrosUtc,
        limit: usize,
        found: &mut Vec<DueKey>,
    ) -> Result<(), ColdError> {
        (**self).due(after, until, limit, found)
    }

    fn forget(&mut self, through: u64) -> Result<bool, ColdError> {
        (**self).forget(through)
    }

    fn begin_sync(&mut self) {
        (**self).begin_sync();
    }

    fn synced(&mut self) -> Option<Result<Standing, ColdError>> {
        (**self).synced()
    }

    fn is_broken(&self) -> bool {
        (**self).is_broken()
    }

    fn reader(&self) -> Arc<dyn OrdersAtRest> {
        (**self).reader()
    }

    fn standing(&self) -> Standing {
        (**self).standing()
    }

    fn statistics(&self) -> Statistics {
        (**self).statistics()
    }
}
