//! Fences and sums of one shelf, and what keeps `stock_delta` small.

use std::collections::BTreeMap;

use super::fault::{Fault, TxFault};
use super::moved::{Numbers, put_numbers};
use super::opening::{Fenced, raise_fences};
use super::pool::{Lease, START};
use super::text::{Cell, Sql};
use crate::shelf::{Epoch, ShelfKey};

/// What raising a fence found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// The fence is there now; so many units of the shelf are in live orders of this shard.
    Sum(i64),
    /// The fence is there already, or further: another opener has the shelf. Give up.
    There {
        /// The fence's epoch.
        epoch: Epoch,
    },
}

/// Raises a shelf's fence in this shard to an epoch and sums its deltas under that lock: every transaction that moved
/// units under an earlier epoch is in the sum, and none commits after it. Loose units and batches of earlier epochs are
/// void from here on.
///
/// # Errors
/// The database's. Where the outcome is unknown the opener gives up, too: the next one takes a further epoch.
pub async fn raise(lease: &mut Lease<'_>, shelf: ShelfKey, epoch: Epoch) -> Result<Raised, TxFault> {
    let fenced = raise_fences(lease, &BTreeMap::from([(shelf, epoch)])).await?;
    Ok(match fenced[&shelf] {
        Fenced::Raised { sum, .. } => Raised::Sum(sum),
        Fenced::There { epoch } => Raised::There { epoch },
    })
}

/// Units of a shelf in live orders of this shard, as of now: for audits and for who compares at rest.
///
/// # Errors
/// The database's.
pub async fn sum(lease: &mut Lease<'_>, shelf: ShelfKey) -> Result<i64, Fault> {
    let mut sql = Sql::new();
    ask_for_sum(&mut sql, shelf);
    Ok(lease.read(&sql).await?.next::<(i64,)>()?.first().map_or(0, |(units,)| *units))
}

/// Makes one row of a shelf's deltas, of at most `most` of them, oldest first. Says how many rows went. A sum that is taken
/// meanwhile sees all of them or the one, never both: it reads as of one instant.
///
/// # Errors
/// The database's; where the outcome is unknown it is one of the two all the same.
pub async fn compact(lease: &mut Lease<'_>, shelf: ShelfKey, most: usize) -> Result<usize, TxFault> {
    match try_to_compact(lease, shelf, most).await {
        Ok(0) => {
            lease.roll_back().await;
            Ok(0)
        }
        Ok(rows) => lease.commit().await.map(|()| rows),
        Err(fault) => {
            lease.roll_back().await;
            Err(fault.into())
        }
    }
}

async fn try_to_compact(lease: &mut Lease<'_>, shelf: ShelfKey, most: usize) -> Result<usize, Fault> {
    let mut sql = Sql::new();
    sql.raw(START).raw("SELECT seq, epoch, units, n1, n2, n3, n4, n5, n6 FROM stock_delta");
    sql.raw(" FORCE INDEX (by_shelf) WHERE ").shelf_choice(shelf);
    sql.raw(" ORDER BY epoch, units, seq LIMIT ").number(most as u64).raw(" FOR UPDATE");
    let mut answer = lease.begin(&sql).await?;
    answer.skip()?;
    let rows = answer.next::<(u64, u64, i64, i64, i64, i64, i64, i64, i64)>()?;
    if rows.len() < 2 {
        return Ok(0);
    }
    let epoch = rows.iter().map(|(_, epoch, ..)| *epoch).max().unwrap_or(0);
    let mut sum = Numbers::default();
    for (_, _, units, n1, n2, n3, n4, n5, n6) in &rows {
        sum.add(Numbers { units: *units, each: [*n1, *n2, *n3, *n4, *n5, *n6] });
    }
    let mut sql = Sql::new();
    sql.raw("DELETE FROM stock_delta WHERE ");
    for (seq, ..) in &rows {
        sql.choice(&["seq"], &[Cell::Number(*seq)]);
    }
    sql.raw("; INSERT INTO stock_delta (shelf_kind, shelf_id, place, epoch, units, n1, n2, n3, n4, n5, n6) VALUES ");
    put_numbers(&mut sql, shelf, epoch, &sum);
    lease.run(&sql).await?;
    Ok(rows.len())
}

fn ask_for_sum(sql: &mut Sql, shelf: ShelfKey) {
    sql.raw("SELECT CAST(COALESCE(SUM(units), 0) AS SIGNED) FROM stock_delta FORCE INDEX (by_shelf) WHERE ");
    sql.shelf_choice(shelf);
}
