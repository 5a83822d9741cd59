//! What subscribers and operators want of dead letters.

use crate::cursor::CursorName;
use crate::ids::RequestId;
use crate::letter::LetterReason;

/// Parks a fact that a subscriber could not take, so that it can go on behind it. Parked again, it has the new
/// reason.
///
/// Checked in this order: position (never 0) → request id → room for one more (OVERLOADED). Whether the fact is
/// there is not the ledger's to know: who hands this in has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterPark<'a> {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// What the subscriber calls its cursor.
    pub subscriber: CursorName,
    /// Position of the fact.
    pub position: u64,
    /// Why it could not be taken.
    pub reason: LetterReason<'a>,
}

/// Ends a dead letter: by telling the subscriber of its fact again, or by dropping it.
///
/// Checked in this order: request id → letter there (INVALID_FIELD).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterEnd {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// Whose letter.
    pub subscriber: CursorName,
    /// Position of its fact.
    pub position: u64,
    /// The subscriber is told of the fact again; else it is dropped.
    pub retry: bool,
}

/// Reads dead letters, by subscriber and position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterList {
    /// Letters up to the one of this subscriber and position are left out; without, it starts at the beginning.
    pub after: Option<(CursorName, u64)>,
    /// 1 to [`PAGE_MAX`](super::PAGE_MAX).
    pub limit: u16,
}
