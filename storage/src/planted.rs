//! Bugs on purpose. The simulator must find each of them (`tests/sim/tests/planted.rs`), or it proves nothing about the
//! store without them.
//!
//! Without the cargo feature `planted`, which no crate that ships turns on, there is no way to plant one and [`is`] is
//! a constant.

/// A bug, named by what the code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Answers leave before what they depend on is durable.
    AnswerBeforeDurable,
    /// A group counts as good whatever its checksum says.
    GroupChecksumSkipped,
    /// Reading leaves out a group that stands in the last block of a segment.
    LastBlockNotRead,
    /// Writing goes one block past the end of a segment.
    SegmentEndPassed,
    /// A segment is used before its name is durable.
    FolderNotSynced,
    /// A segment is used before its bytes are durable.
    SegmentNotSynced,
    /// A group counts as durable when a later one is.
    LaterGroupCounts,
    /// A write that completed while a sync ran counts as synced by it.
    SyncCountsLateWrites,
    /// Files are opened without O_DSYNC, and written as though with it.
    OpenedWithoutDsync,
    /// A write that failed counts as done.
    WriteErrorIgnored,
    /// A sync that failed counts as done.
    SyncErrorIgnored,
    /// No group seals the last facts.
    SealOmitted,
    /// Groups do not say how far all was durable.
    DurableThroughOmitted,
    /// A damaged middle counts as a torn tail.
    RestNotJudged,
    /// What an opening read is not made durable before it is built on.
    ReadNotSynced,
    /// The cut of an opening names the group before the last one.
    CutNamesWrongGroup,
    /// No cut: a process goes on in the torn tail of the last one.
    TornTailReused,
    /// Of the facts of one intent, those behind the first stand in another group.
    EntrySplit,
    /// What was released is released once more when the journal is read.
    ReleaseReplayedTwice,
    /// A spare that an earlier process left is used.
    SpareReused,
    /// A checkpoint is published before the group at its boundary is durable.
    CheckpointBeforeGroup,
    /// A checkpoint gets its name before its bytes are durable.
    CheckpointNotSynced,
    /// A frame of a checkpoint counts as good whatever its checksum says.
    FrameChecksumSkipped,
    /// A checkpoint is taken while facts wait for the group behind its boundary.
    CheckpointInsideGroup,
    /// Orders go to the cold store before their last fact is durable.
    RestBeforeDurable,
    /// A checkpoint is published before the orders that rest by then are durable.
    ColdNotSynced,
    /// An opening wakes orders as they are now, not as they were.
    WokenAsOfNow,
    /// A segment goes when the checkpoint behind it is begun, before it is published.
    SegmentGoneEarly,
    /// A segment leaves the data folder before it is durable in the archive.
    ArchiveNotSynced,
    /// The cold store forgets what only the checkpoint before the newest needs.
    ForgottenByNewest,
    /// Ledger time starts at the wall clock, however far that is behind.
    ClockGoesBack,
}

#[cfg(feature = "planted")]
mod planting {
    use super::Bug;
    use std::cell::Cell;

    std::thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
        static TORN_TAIL: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
    }

    /// Plants a bug in what this thread does from here on; nothing takes it out.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }

    /// Whether this bug is planted.
    pub fn is(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }

    /// Notes in which segment and where the next process goes on, for [`Bug::TornTailReused`].
    pub(crate) fn go_on_in(torn_tail: Option<(u64, u64)>) {
        TORN_TAIL.set(torn_tail);
    }

    /// What was noted last.
    pub(crate) fn torn_tail() -> Option<(u64, u64)> {
        TORN_TAIL.get()
    }
}

#[cfg(feature = "planted")]
pub(crate) use planting::{go_on_in, torn_tail};
#[cfg(feature = "planted")]
pub use planting::{is, plant};

/// Whether this bug is planted: never.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn is(_: Bug) -> bool {
    false
}

/// Notes nothing: every process cuts.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub(crate) const fn go_on_in(_: Option<(u64, u64)>) {}

/// Nowhere: every process cuts.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub(crate) const fn torn_tail() -> Option<(u64, u64)> {
    None
}
