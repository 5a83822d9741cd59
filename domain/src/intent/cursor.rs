//! What a subscriber wants of its cursor.

use crate::cursor::CursorName;

/// Moves a named cursor on, or makes it. It never moves back, so asking twice does nothing twice and needs no
/// request id.
///
/// Checked in this order: room for one more name (OVERLOADED). Whether the position is there is not the ledger's
/// to know: who hands this in has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorMove {
    /// Which.
    pub name: CursorName,
    /// Nothing up to here is needed any more.
    pub position: u64,
    /// Forget the cursor instead.
    pub forget: bool,
}
