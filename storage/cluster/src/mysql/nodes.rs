//! Numbers of nodes, leased in the home: who has one makes order ids with it, and nobody else does meanwhile.

use domain::Makings;

use super::fault::Fault;
use super::pool::Lease;
use super::text::{Cell, Sql};

/// The home's clock, in milliseconds.
const NOW: &str = "CAST(FLOOR(UNIX_TIMESTAMP(SYSDATE(3)) * 1000) AS SIGNED)";

/// Takes a number for an owner, whose own is fresh with each call, until so many milliseconds from now by the database's
/// clock: the number that is free for the longest time, and has been for `grace_ms` at least. Nothing where none is.
///
/// # Errors
/// The database's. A number that was taken all the same is free again when its time is over.
pub async fn take_node(
    lease: &mut Lease<'_>,
    owner: u64,
    for_ms: u32,
    grace_ms: u32,
) -> Result<Option<u16>, Fault> {
    let mut sql = Sql::new();
    sql.raw("INSERT IGNORE INTO nodes (number, owner, until) VALUES ");
    for number in 0..Makings::NODES_MAX {
        sql.row(&[Cell::Number(u64::from(number)), Cell::Number(0), Cell::Number(0)]);
    }
    // One statement: of two that want the same row the second one reads it again.
    sql.raw("; UPDATE nodes SET owner = ").number(owner).raw(", until = ").raw(NOW).raw(" + ");
    sql.number(u64::from(for_ms)).raw(" WHERE until + ").number(u64::from(grace_ms)).raw(" < ").raw(NOW);
    sql.raw(" ORDER BY until, number LIMIT 1");
    sql.raw("; SELECT number FROM nodes WHERE owner = ").number(owner).raw(" AND until > ").raw(NOW);
    let mut answer = lease.read(&sql).await?;
    answer.skip()?;
    answer.skip()?;
    Ok(answer.next::<(u16,)>()?.first().map(|(number,)| *number))
}

/// Keeps a number for so many milliseconds from now. Says whether it is still this owner's.
///
/// # Errors
/// The database's; it may have been done.
pub async fn renew_node(lease: &mut Lease<'_>, number: u16, owner: u64, for_ms: u32) -> Result<bool, Fault> {
    let mut sql = Sql::new();
    sql.raw("UPDATE nodes SET until = ").raw(NOW).raw(" + ").number(u64::from(for_ms));
    sql.raw(" WHERE number = ").number(u64::from(number)).raw(" AND owner = ").number(owner);
    sql.raw("; SELECT owner FROM nodes WHERE number = ").number(u64::from(number));
    let mut answer = lease.read(&sql).await?;
    answer.skip()?;
    Ok(answer.next::<(u64,)>()? == [(owner,)])
}

/// Gives a number back, where it is this owner's: whoever comes next may have it at once.
///
/// # Errors
/// The database's; then it is free when its time is over.
pub async fn leave_node(lease: &mut Lease<'_>, number: u16, owner: u64) -> Result<(), Fault> {
    let mut sql = Sql::new();
    sql.raw("UPDATE nodes SET until = 0 WHERE number = ").number(u64::from(number));
    sql.raw(" AND owner = ").number(owner);
    lease.run(&sql).await
}
