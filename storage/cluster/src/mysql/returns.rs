//! Units that came back, on their way to Redis: loose rows become batches with numbers without gaps, and a batch is
//! sent until Redis has it.
//!
//! Two relays may work on one shelf: the loose rows that one has locked the other waits for, and the number is unique.

use super::fault::{Fault, FaultKind, TxFault};
use super::pool::{Lease, START};
use super::text::{Cell, Sql, shelf_cells, shelf_of};
use crate::shelf::{Epoch, ShardNo, ShelfKey};

/// Loose rows that become one batch at most.
const LOOSE_MAX: u64 = 1_000;

/// Units that Redis is to add once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnBatch {
    /// The shelf.
    pub shelf: ShelfKey,
    /// The epoch in which they came back: under another one they are in the sum.
    pub epoch: Epoch,
    /// From 1, without gaps a (shelf, shard, epoch).
    pub number: u64,
    /// How many.
    pub units: u64,
}

/// The batch of a shelf that is to be sent now: the last one, where Redis has not confirmed it; else a new one of what
/// is loose under the fence's epoch. Nothing where nothing is loose. What a batch has never changes.
///
/// # Errors
/// The database's. Where the outcome is unknown the next call finds what was made.
pub async fn next_return(
    lease: &mut Lease<'_>,
    shard: ShardNo,
    shelf: ShelfKey,
) -> Result<Option<ReturnBatch>, TxFault> {
    match try_next(lease, shard, shelf).await {
        Ok(Next::Made(batch)) => lease.commit().await.map(|()| Some(batch)),
        Ok(Next::Sent(batch)) => {
            lease.roll_back().await;
            Ok(Some(batch))
        }
        Ok(Next::Nothing) => {
            lease.roll_back().await;
            Ok(None)
        }
        Err(fault) => {
            lease.roll_back().await;
            Err(fault.into())
        }
    }
}

enum Next {
    Made(ReturnBatch),
    Sent(ReturnBatch),
    Nothing,
}

async fn try_next(lease: &mut Lease<'_>, shard: ShardNo, shelf: ShelfKey) -> Result<Next, Fault> {
    // The fence first, in share mode: its epoch stays while the batch is made.
    let mut sql = Sql::new();
    sql.raw(START).raw("SELECT epoch FROM fences WHERE ").shelf_choice(shelf).raw(" LOCK IN SHARE MODE");
    let mut answer = lease.begin(&sql).await?;
    answer.skip()?;
    let fence = answer.next::<(u64,)>()?;
    let Some(epoch) = fence.first().and_then(|(epoch,)| Epoch::parse(*epoch)) else {
        return Ok(Next::Nothing);
    };

    // The loose rows before the number: who waited here for another relay sees the number that it gave.
    let mut sql = Sql::new();
    sql.raw("SELECT seq, units FROM loose_units FORCE INDEX (by_shelf) WHERE ").shelf_choice(shelf);
    sql.raw(" AND epoch = ").number(epoch.get());
    sql.raw(" ORDER BY seq LIMIT ").number(LOOSE_MAX).raw(" FOR UPDATE;");
    sql.raw("SELECT number, units, confirmed FROM return_batches WHERE ").shelf_choice(shelf);
    sql.raw(" AND shard = ").number(u64::from(shard.0)).raw(" AND epoch = ").number(epoch.get());
    sql.raw(" ORDER BY number DESC LIMIT 1");
    let mut answer = lease.read(&sql).await?;
    let loose = answer.next::<(u64, u64)>()?;
    let last = answer.next::<(u64, u64, bool)>()?.first().copied();
    if let Some((number, units, false)) = last {
        return Ok(Next::Sent(ReturnBatch { shelf, epoch, number, units }));
    }
    if loose.is_empty() {
        return Ok(Next::Nothing);
    }
    let number = last.map_or(1, |(number, ..)| number + 1);
    let units = loose.iter().map(|(_, units)| *units).sum();
    let mut sql = Sql::new();
    sql.raw("INSERT INTO return_batches (shelf_kind, shelf_id, place, shard, epoch, number, units) VALUES ");
    let [kind, id, place] = shelf_cells(shelf);
    let [shard, epoch_cell] = [u64::from(shard.0), epoch.get()].map(Cell::Number);
    sql.row(&[kind, id, place, shard, epoch_cell, Cell::Number(number), Cell::Number(units)]);
    sql.raw("; DELETE FROM loose_units WHERE ");
    for (seq, _) in &loose {
        sql.choice(&["seq"], &[Cell::Number(*seq)]);
    }
    lease.run(&sql).await?;
    Ok(Next::Made(ReturnBatch { shelf, epoch, number, units }))
}

/// Redis has a batch: the next one may be made.
///
/// # Errors
/// The database's; then it is sent again, which does nothing in Redis.
pub async fn confirm_return(lease: &mut Lease<'_>, shard: ShardNo, batch: &ReturnBatch) -> Result<(), Fault> {
    let mut sql = Sql::new();
    sql.raw("UPDATE return_batches SET confirmed = TRUE WHERE ").shelf_choice(batch.shelf);
    sql.raw(" AND shard = ").number(u64::from(shard.0)).raw(" AND epoch = ").number(batch.epoch.get());
    sql.raw(" AND number = ").number(batch.number);
    lease.run(&sql).await
}

/// Shelves that may have something to send, at most `most`; among them those whose units are void by now.
///
/// # Errors
/// The database's.
pub async fn shelves_with_returns(lease: &mut Lease<'_>, most: usize) -> Result<Vec<ShelfKey>, Fault> {
    // By the fence of now: what is older is void and nobody's work.
    let mut sql = Sql::new();
    sql.raw("SELECT shelf_kind, shelf_id, place FROM loose_units JOIN fences USING (shelf_kind, shelf_id, place, epoch)");
    sql.raw(" UNION SELECT shelf_kind, shelf_id, place FROM return_batches");
    sql.raw(" JOIN fences USING (shelf_kind, shelf_id, place, epoch) WHERE NOT confirmed LIMIT ")
        .number(most as u64);
    let rows = lease.read(&sql).await?.next::<(u8, u64, u32)>()?;
    rows.into_iter()
        .map(|row| {
            shelf_of(row)
                .ok_or_else(|| Fault::new(FaultKind::Corrupt, format!("a shelf is of kind {}", row.0)))
        })
        .collect()
}
