//! Fences and sums: what an opener does in one shard, and what keeps `stock_delta` small.

use super::fault::{Fault, TxFault};
use super::moved::{Numbers, put_numbers};
use super::pool::{Lease, START};
use super::text::{Cell, Sql, shelf_cells};
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
    match try_to_raise(lease, shelf, epoch).await {
        Ok(Raised::Sum(units)) => lease.commit().await.map(|()| Raised::Sum(units)),
        Ok(there @ Raised::There { .. }) => {
            lease.roll_back().await;
            Ok(there)
        }
        Err(fault) => {
            lease.roll_back().await;
            Err(fault.into())
        }
    }
}

async fn try_to_raise(lease: &mut Lease<'_>, shelf: ShelfKey, epoch: Epoch) -> Result<Raised, Fault> {
    let [kind, id, place] = shelf_cells(shelf);
    // A row of epoch 0 where there is none, so that there is something to lock.
    let mut sql = Sql::new();
    sql.raw(START).raw("INSERT IGNORE INTO fences (shelf_kind, shelf_id, place, epoch) VALUES ");
    sql.row(&[kind, id, place, Cell::Number(0)]);
    sql.raw("; SELECT epoch FROM fences WHERE ").shelf_choice(shelf).raw(" FOR UPDATE");
    let mut answer = lease.begin(&sql).await?;
    answer.skip()?;
    answer.skip()?;
    let there = answer.next::<(u64,)>()?.first().and_then(|(epoch,)| Epoch::parse(*epoch));
    if let Some(there) = there.filter(|there| *there >= epoch) {
        return Ok(Raised::There { epoch: there });
    }
    let mut sql = Sql::new();
    sql.raw("UPDATE fences SET epoch = ").number(epoch.get()).raw(" WHERE ").shelf_choice(shelf).raw(";");
    ask_for_sum(&mut sql, shelf);
    let mut answer = lease.read(&sql).await?;
    answer.skip()?;
    Ok(Raised::Sum(answer.next::<(i64,)>()?.first().map_or(0, |(units,)| *units)))
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
