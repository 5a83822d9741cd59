//! What stands in the home database alone: totals and the numbers of epochs, slots, locks. (The catalogue has a file of its own.)

use super::fault::{Fault, FaultKind, TxFault};
use super::pool::{Lease, START};
use super::text::{Cell, Sql, shelf_cells};
use crate::shelf::{Epoch, ShardNo, ShelfKey};

/// Slots that users are spread over.
pub const SLOTS: u16 = 1_024;

/// What the bump of an opening made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bumped {
    /// The new epoch: no other opener has its number.
    pub epoch: Epoch,
    /// The shelf's units before anything was sold, as of this epoch.
    pub total: u64,
}

/// Begins an opening: the shelf's next epoch, and its total under it. Every shard is raised to it next, the one in this
/// database too. Nothing where there is no such shelf.
///
/// # Errors
/// The database's. Where the outcome is unknown the number may be used up; the next bump has a further one.
pub async fn bump(lease: &mut Lease<'_>, shelf: ShelfKey) -> Result<Option<Bumped>, TxFault> {
    let mut sql = Sql::new();
    sql.raw(START).raw("UPDATE shelves SET epoch = epoch + 1 WHERE ").shelf_choice(shelf);
    sql.raw("; SELECT epoch, total FROM shelves WHERE ").shelf_choice(shelf);
    let bumped = async {
        let mut answer = lease.begin(&sql).await?;
        answer.skip()?;
        answer.skip()?;
        Ok::<_, Fault>(answer.next::<(u64, u64)>()?.first().copied())
    };
    match bumped.await {
        Ok(Some((epoch, total))) => {
            let epoch = Epoch::parse(epoch).expect("it was just raised, and epochs are not used up");
            lease.commit().await.map(|()| Some(Bumped { epoch, total }))
        }
        Ok(None) => {
            lease.roll_back().await;
            Ok(None)
        }
        Err(fault) => {
            lease.roll_back().await;
            Err(fault.into())
        }
    }
}

/// Sets a shelf's total, and makes the shelf where there is none. Redis hears of it by the next opening, which has to
/// follow.
///
/// # Errors
/// The database's.
pub async fn put_total(lease: &mut Lease<'_>, shelf: ShelfKey, total: u64) -> Result<(), Fault> {
    let [kind, id, place] = shelf_cells(shelf);
    let mut sql = Sql::new();
    sql.raw("INSERT INTO shelves (shelf_kind, shelf_id, place, total, epoch) VALUES ");
    sql.row(&[kind, id, place, Cell::Number(total), Cell::Number(0)]);
    sql.raw(" ON DUPLICATE KEY UPDATE total = VALUES(total)");
    lease.run(&sql).await
}

/// Which shard has the users of each slot, by slot: [`SLOTS`] of them once they are dealt out, else none.
///
/// # Errors
/// The database's.
pub async fn read_slots(lease: &mut Lease<'_>) -> Result<Vec<(ShardNo, u64)>, Fault> {
    let mut sql = Sql::new();
    sql.raw("SELECT slot, shard, version FROM slots ORDER BY slot");
    let rows = lease.read(&sql).await?.next::<(u16, u16, u64)>()?;
    let dense = rows.iter().enumerate().all(|(at, (slot, ..))| at == usize::from(*slot));
    if !rows.is_empty() && (!dense || rows.len() != usize::from(SLOTS)) {
        return Err(Fault::new(FaultKind::Corrupt, "the table of slots has gaps"));
    }
    Ok(rows.into_iter().map(|(_, shard, version)| (ShardNo(shard), version)).collect())
}

/// Deals all slots out over so many shards, in equal runs, where that was not done before.
///
/// # Errors
/// The database's.
pub async fn deal_slots(lease: &mut Lease<'_>, shards: u16) -> Result<(), Fault> {
    assert!((1..=SLOTS).contains(&shards), "{shards} shards");
    let mut sql = Sql::new();
    sql.raw("INSERT IGNORE INTO slots (slot, shard, version) VALUES ");
    for slot in 0..SLOTS {
        let shard = u64::from(slot) * u64::from(shards) / u64::from(SLOTS);
        sql.row(&[Cell::Number(u64::from(slot)), Cell::Number(shard), Cell::Number(1)]);
    }
    lease.run(&sql).await
}

/// Gives a slot to another shard, over the version that was read. Says whether it did.
///
/// # Errors
/// The database's.
pub async fn move_slot(lease: &mut Lease<'_>, slot: u16, to: ShardNo, version: u64) -> Result<bool, Fault> {
    let mut sql = Sql::new();
    sql.raw("UPDATE slots SET shard = ").number(u64::from(to.0)).raw(", version = version + 1 WHERE slot = ");
    sql.number(u64::from(slot)).raw(" AND version = ").number(version);
    lease.run(&sql).await?;
    Ok(lease.affected() == 1)
}

/// Takes or keeps a lock until so many milliseconds from now by the database's clock. Says whether this owner has it.
/// It keeps two from doing the same work, no more: who has it may have lost it the moment after.
///
/// # Errors
/// The database's.
pub async fn take_lock(
    lease: &mut Lease<'_>,
    name: &'static str,
    owner: u64,
    for_ms: u32,
) -> Result<bool, Fault> {
    let now = "CAST(FLOOR(UNIX_TIMESTAMP(SYSDATE(3)) * 1000) AS SIGNED)";
    let name = Cell::Bytes(name.as_bytes());
    let mut sql = Sql::new();
    sql.raw("INSERT IGNORE INTO locks (name, owner, until) VALUES ").row(&[
        name,
        Cell::Number(0),
        Cell::Number(0),
    ]);
    sql.raw("; UPDATE locks SET owner = ").number(owner).raw(", until = ").raw(now).raw(" + ");
    sql.number(u64::from(for_ms)).raw(" WHERE name = ").cell(name);
    sql.raw(" AND (owner = ").number(owner).raw(" OR until < ").raw(now).raw(")");
    sql.raw("; SELECT owner FROM locks WHERE name = ").cell(name);
    let mut answer = lease.read(&sql).await?;
    answer.skip()?;
    answer.skip()?;
    Ok(answer.next::<(u64,)>()? == [(owner,)])
}
