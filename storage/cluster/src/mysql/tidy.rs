//! Rows that have done their work: which shelves have many deltas, and returns that nobody will ask for again.

use super::fault::{Fault, FaultKind};
use super::pool::Lease;
use super::text::{Cell, Sql, shelf_of};
use crate::shelf::ShelfKey;

/// Shelves with more than so many rows of deltas, those with the most first, at most `most`.
///
/// # Errors
/// The database's.
pub async fn shelves_to_compact(
    lease: &mut Lease<'_>,
    above_rows: u64,
    most: usize,
) -> Result<Vec<ShelfKey>, Fault> {
    let mut sql = Sql::new();
    sql.raw("SELECT shelf_kind, shelf_id, place FROM stock_delta FORCE INDEX (by_shelf)");
    sql.raw(" GROUP BY shelf_kind, shelf_id, place HAVING COUNT(*) > ").number(above_rows);
    sql.raw(" ORDER BY COUNT(*) DESC LIMIT ").number(most as u64);
    let rows = lease.read(&sql).await?.next::<(u8, u64, u32)>()?;
    rows.into_iter()
        .map(|row| {
            shelf_of(row)
                .ok_or_else(|| Fault::new(FaultKind::Corrupt, format!("a shelf is of kind {}", row.0)))
        })
        .collect()
}

/// Deletes returns that are of no use any more, at most so many of a kind: what a raised fence has voided, and batches
/// that Redis has, but the last one of each shelf, whose number the next one follows. Says how many rows went.
///
/// # Errors
/// The database's; what is left goes the next time.
pub async fn forget_returns(lease: &mut Lease<'_>, most: usize) -> Result<u64, Fault> {
    let mut sql = Sql::new();
    sql.raw("SELECT loose.seq FROM loose_units AS loose JOIN fences USING (shelf_kind, shelf_id, place)");
    sql.raw(" WHERE loose.epoch < fences.epoch LIMIT ").number(most as u64);
    sql.raw("; SELECT batch.shelf_kind, batch.shelf_id, batch.place, batch.shard, batch.epoch, batch.number");
    sql.raw(" FROM return_batches AS batch JOIN fences USING (shelf_kind, shelf_id, place)");
    sql.raw(" WHERE batch.epoch < fences.epoch OR (batch.confirmed AND EXISTS (SELECT 1 FROM");
    sql.raw(" return_batches AS later WHERE later.shelf_kind = batch.shelf_kind AND later.shelf_id = batch.shelf_id");
    sql.raw(" AND later.place = batch.place AND later.shard = batch.shard AND later.epoch = batch.epoch");
    sql.raw(" AND later.number > batch.number)) LIMIT ").number(most as u64);
    let mut answer = lease.read(&sql).await?;
    let loose = answer.next::<(u64,)>()?;
    let batches = answer.next::<(u64, u64, u64, u64, u64, u64)>()?;

    let mut gone = 0;
    if !loose.is_empty() {
        let mut sql = Sql::new();
        sql.raw("DELETE FROM loose_units WHERE ");
        for (seq,) in &loose {
            sql.choice(&["seq"], &[Cell::Number(*seq)]);
        }
        lease.run(&sql).await?;
        gone += lease.affected();
    }
    if !batches.is_empty() {
        let names = ["shelf_kind", "shelf_id", "place", "shard", "epoch", "number"];
        let mut sql = Sql::new();
        sql.raw("DELETE FROM return_batches WHERE ");
        for (kind, id, place, shard, epoch, number) in batches {
            sql.choice(&names, &[kind, id, place, shard, epoch, number].map(Cell::Number));
        }
        lease.run(&sql).await?;
        gone += lease.affected();
    }
    Ok(gone)
}
