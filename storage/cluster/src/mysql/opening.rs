//! What openers do in a database: raise the fences of many shelves in one transaction, and sum under their locks.
//!
//! To each of its shelves such a transaction is what the protocol has: one that raises the fence and, under that lock,
//! sums. That others are in it, too, changes nothing: it commits as a whole at one instant, what is read of one shelf
//! decides nothing about another, and a shelf that another opener has is left as it is. Locks are taken in the order
//! of shelves, as by everybody else. What it saves is a COMMIT, with its two flushes, for each shelf but one.

use std::collections::BTreeMap;

use super::fault::{Fault, FaultKind, TxFault};
use super::keys::TRIES;
use super::pool::{Lease, START};
use super::text::{Cell, Sql, shelf_cells, shelf_of};
use crate::shelf::{Epoch, ShelfKey};

/// Shelves in one transaction at most: who buys one of them waits for all.
pub const OPEN_MAX: usize = 128;

/// What raising a fence found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fenced {
    /// The fence stands at this epoch now.
    Raised {
        /// Of the opening.
        epoch: Epoch,
        /// Units of the shelf that live orders of this database have; below 0 where more came than went.
        sum: i64,
    },
    /// The fence is there already, or further: another opener has the shelf. Give up.
    There {
        /// The fence's epoch.
        epoch: Epoch,
    },
}

/// Begins openings in the home, of at most [`OPEN_MAX`] shelves: each gets an epoch above the home's fence and above the one
/// that is named with it (the highest that was seen anywhere), and the fence is raised to it, in one transaction. So no
/// two openings of a shelf have one number, and whoever dies right behind it leaves a fence that Redis is below: others
/// notice.
///
/// # Errors
/// The database's. Where the outcome is unknown the numbers may be used up; the next opening has further ones.
///
/// # Panics
/// With more shelves.
pub async fn begin_openings(
    lease: &mut Lease<'_>,
    shelves: &BTreeMap<ShelfKey, Option<Epoch>>,
) -> Result<BTreeMap<ShelfKey, Fenced>, TxFault> {
    let keys: Vec<ShelfKey> = shelves.keys().copied().collect();
    let above = |shelf: ShelfKey, there: Option<Epoch>| {
        let seen = there.max(shelves[&shelf]);
        Some(seen.map_or(Epoch::FIRST, Epoch::next))
    };
    raise_each(lease, &keys, above).await
}

/// Raises the fences of at most [`OPEN_MAX`] shelves in another database to the epochs that the home gave.
///
/// # Errors
/// The database's. Where the outcome is unknown the opener gives up, too: the next one takes further epochs.
///
/// # Panics
/// With more shelves.
pub async fn raise_fences(
    lease: &mut Lease<'_>,
    shelves: &BTreeMap<ShelfKey, Epoch>,
) -> Result<BTreeMap<ShelfKey, Fenced>, TxFault> {
    let keys: Vec<ShelfKey> = shelves.keys().copied().collect();
    let to = |shelf: ShelfKey, there: Option<Epoch>| {
        let epoch = shelves[&shelf];
        there.is_none_or(|there| there < epoch).then_some(epoch)
    };
    raise_each(lease, &keys, to).await
}

/// The fences of these shelves; those that are not in it were never raised here.
///
/// # Errors
/// The database's.
pub async fn read_fences(
    lease: &mut Lease<'_>,
    shelves: &[ShelfKey],
) -> Result<BTreeMap<ShelfKey, Epoch>, Fault> {
    if shelves.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut sql = Sql::new();
    ask_for_fences(&mut sql, shelves);
    let rows = lease.read(&sql).await?.next()?;
    let fences = fences(rows)?;
    Ok(fences.into_iter().filter_map(|(shelf, epoch)| Some((shelf, epoch?))).collect())
}

/// A transaction of raises. `to` says which epoch a fence is raised to from where it stands, if at all.
async fn raise_each(
    lease: &mut Lease<'_>,
    shelves: &[ShelfKey],
    to: impl Fn(ShelfKey, Option<Epoch>) -> Option<Epoch>,
) -> Result<BTreeMap<ShelfKey, Fenced>, TxFault> {
    assert!(shelves.len() <= OPEN_MAX, "{} shelves in one transaction", shelves.len());
    if shelves.is_empty() {
        return Ok(BTreeMap::new());
    }
    for _ in 0..TRIES {
        match try_to_raise(lease, shelves, &to).await {
            Ok(Ok(fenced)) if fenced.values().any(|one| matches!(one, Fenced::Raised { .. })) => {
                return lease.commit().await.map(|()| fenced);
            }
            Ok(Ok(fenced)) => {
                lease.roll_back().await;
                return Ok(fenced);
            }
            Ok(Err(missing)) => {
                lease.roll_back().await;
                make_rows(lease, &missing).await?;
            }
            Err(fault) => {
                lease.roll_back().await;
                return Err(fault.into());
            }
        }
    }
    Err(Fault::new(FaultKind::Corrupt, "rows of fences go as soon as they are made").into())
}

/// The shelves that have no row to lock yet.
type Missing = Vec<ShelfKey>;

async fn try_to_raise(
    lease: &mut Lease<'_>,
    shelves: &[ShelfKey],
    to: impl Fn(ShelfKey, Option<Epoch>) -> Option<Epoch>,
) -> Result<Result<BTreeMap<ShelfKey, Fenced>, Missing>, Fault> {
    // Looking.
    let mut sql = Sql::new();
    sql.raw(START);
    ask_for_fences(&mut sql, shelves);
    sql.raw(" ORDER BY shelf_kind, shelf_id, place FOR UPDATE");
    let mut answer = lease.begin(&sql).await?;
    answer.skip()?;
    let there = fences(answer.next()?)?;
    let missing: Missing = shelves.iter().filter(|shelf| !there.contains_key(shelf)).copied().collect();
    if !missing.is_empty() {
        return Ok(Err(missing));
    }

    // Doing.
    let raised = there.iter().filter_map(|(shelf, there)| Some((*shelf, to(*shelf, *there)?)));
    let raised: BTreeMap<ShelfKey, Epoch> = raised.collect();
    let sums = if raised.is_empty() { BTreeMap::new() } else { raise_and_sum(lease, &raised).await? };
    let fenced = there.into_iter().map(|(shelf, there)| match (raised.get(&shelf), there) {
        (Some(epoch), _) => {
            (shelf, Fenced::Raised { epoch: *epoch, sum: sums.get(&shelf).copied().unwrap_or(0) })
        }
        (None, Some(epoch)) => (shelf, Fenced::There { epoch }),
        (None, None) => unreachable!("a fence that was never raised is below every epoch"),
    });
    Ok(Ok(fenced.collect()))
}

/// The sum is a statement behind the locks: it reads what was committed until then, and nothing commits until ours does.
async fn raise_and_sum(
    lease: &mut Lease<'_>,
    raised: &BTreeMap<ShelfKey, Epoch>,
) -> Result<BTreeMap<ShelfKey, i64>, Fault> {
    let mut sql = Sql::new();
    put_fences(&mut sql, "INSERT INTO fences", raised.iter().map(|(shelf, epoch)| (*shelf, epoch.get())));
    sql.raw(" ON DUPLICATE KEY UPDATE epoch = VALUES(epoch);");
    sql.raw("SELECT shelf_kind, shelf_id, place, CAST(SUM(units) AS SIGNED) FROM stock_delta");
    sql.raw(" FORCE INDEX (by_shelf) WHERE ");
    raised.keys().for_each(|shelf| {
        sql.shelf_choice(*shelf);
    });
    sql.raw(" GROUP BY shelf_kind, shelf_id, place");
    let mut answer = lease.read(&sql).await?;
    answer.skip()?;
    let sums = answer.next::<(u8, u64, u32, i64)>()?;
    sums.into_iter().map(|(kind, id, place, units)| Ok((shelf((kind, id, place))?, units))).collect()
}

/// Rows of epoch 0, so that there is something to lock. By itself, and only where none are: an INSERT that meets a row
/// locks it in share mode, and two openers would wait for each other.
async fn make_rows(lease: &mut Lease<'_>, shelves: &[ShelfKey]) -> Result<(), Fault> {
    let mut sql = Sql::new();
    put_fences(&mut sql, "INSERT IGNORE INTO fences", shelves.iter().map(|shelf| (*shelf, 0)));
    lease.run(&sql).await
}

fn put_fences(sql: &mut Sql, insert: &'static str, rows: impl Iterator<Item = (ShelfKey, u64)>) {
    sql.raw(insert).raw(" (shelf_kind, shelf_id, place, epoch) VALUES ");
    for (shelf, epoch) in rows {
        let [kind, id, place] = shelf_cells(shelf);
        sql.row(&[kind, id, place, Cell::Number(epoch)]);
    }
}

fn ask_for_fences(sql: &mut Sql, shelves: &[ShelfKey]) {
    sql.raw("SELECT shelf_kind, shelf_id, place, epoch FROM fences FORCE INDEX (PRIMARY) WHERE ");
    for shelf in shelves {
        sql.shelf_choice(*shelf);
    }
}

/// No epoch: the row was made to be locked, and never raised.
fn fences(rows: Vec<(u8, u64, u32, u64)>) -> Result<BTreeMap<ShelfKey, Option<Epoch>>, Fault> {
    rows.into_iter()
        .map(|(kind, id, place, epoch)| Ok((shelf((kind, id, place))?, Epoch::parse(epoch))))
        .collect()
}

fn shelf(columns: (u8, u64, u32)) -> Result<ShelfKey, Fault> {
    shelf_of(columns)
        .ok_or_else(|| Fault::new(FaultKind::Corrupt, format!("a shelf is of kind {}", columns.0)))
}
