//! What stands in the home database alone: slots and locks. (The catalogue and the numbers of nodes have files of their own.)

use super::fault::{Fault, FaultKind};
use super::pool::Lease;
use super::text::{Cell, Sql};
use crate::shelf::ShardNo;

/// Slots that users are spread over.
pub const SLOTS: u16 = 1_024;

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
