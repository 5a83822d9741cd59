//! What keeps tables short: deltas become few, and what was published or has come back goes.

use super::trouble::Trouble;
use crate::links::Links;
use crate::mysql;
use crate::shelf::ShardNo;

/// Rows of deltas that a shelf may have before they are made fewer. An opener sums those of
/// [`mysql::OPEN_MAX`] shelves while everybody else waits: 32,768 rows, some milliseconds.
pub const DELTAS_MAX: u64 = 256;
/// Rows that become one at most: the transaction has their locks.
const COMPACT_MAX: usize = 1_000;
/// Shelves of a database in one round.
const SHELVES_MAX: usize = 64;
/// Rows that one statement deletes.
const FORGET_MAX: usize = 1_000;
/// Statements that delete published events, of a database in one round.
const FORGET_ROUNDS_MAX: usize = 32;

/// What a round over a database came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Rows of deltas that went into others.
    pub compacted: u64,
    /// Rows that went.
    pub forgotten: u64,
}

/// Makes a database's tables short.
///
/// # Errors
/// The database's; the next round goes on.
pub async fn tidy(links: &Links, no: ShardNo) -> Result<Tidied, Trouble> {
    let mut tidied = Tidied::default();
    let mut lease = links.database(no).lease().await?;
    for shelf in mysql::shelves_to_compact(&mut lease, DELTAS_MAX, SHELVES_MAX).await? {
        let rows = mysql::compact(&mut lease, shelf, COMPACT_MAX).await?;
        // One is left of them.
        tidied.compacted += (rows as u64).saturating_sub(1);
    }
    tidied.forgotten += mysql::forget_returns(&mut lease, FORGET_MAX).await?;
    for _ in 0..FORGET_ROUNDS_MAX {
        let gone = mysql::forget_published(&mut lease, FORGET_MAX).await?;
        tidied.forgotten += gone;
        if gone < FORGET_MAX as u64 {
            break;
        }
    }
    Ok(tidied)
}
