//! What people ask of a database: whether it lives, what it has of each shelf, how full its tables are. Nothing here locks,
//! and nothing that is decided comes from it.

use domain::OrderId;

use super::fault::{Fault, FaultKind};
use super::pool::Lease;
use super::slices::Slice;
use super::text::{Sql, shelf_of};
use crate::shelf::ShelfKey;

/// A server, as it says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alive {
    /// Its `VERSION()`.
    pub version: String,
    /// Since when it runs, in seconds.
    pub up_seconds: u64,
    /// Transactions whose events wait to be published.
    pub unpublished: u64,
}

/// What a database has of one shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShelfHere {
    /// Which.
    pub shelf: ShelfKey,
    /// The epoch of its fence; 0: it was never raised.
    pub epoch: u64,
    /// The sum of its deltas: units that left it, less those that came.
    pub taken: i64,
    /// Units that came back under this epoch, and that Redis has not confirmed.
    pub returning: i64,
}

/// A slice and how full it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceHere {
    /// Which.
    pub slice: Slice,
    /// Orders in it.
    pub orders: u64,
    /// Whether it has begun: the next one is entered some seconds ahead.
    pub has_begun: bool,
}

/// No page is longer; who has more shelves asks for one of them.
const SHELVES_MAX: usize = 1 << 20;

/// Whether it lives, and how.
///
/// # Errors
/// It does not, or has not our tables.
pub async fn alive(lease: &mut Lease<'_>) -> Result<Alive, Fault> {
    let mut sql = Sql::new();
    sql.raw("SELECT VERSION(); SHOW GLOBAL STATUS LIKE 'Uptime'");
    sql.raw("; SELECT COUNT(*) FROM outbox WHERE published = FALSE");
    let mut answer = lease.read(&sql).await?;
    let version = answer.next::<(String,)>()?.pop().map_or(String::new(), |(version,)| version);
    let up = answer.next::<(String, String)>()?.pop().and_then(|(_, seconds)| seconds.parse().ok());
    let unpublished = answer.next::<(u64,)>()?.first().map_or(0, |(rows,)| *rows);
    Ok(Alive { version, up_seconds: up.unwrap_or(0), unpublished })
}

/// Which cluster this home is of: random, and the same for all its life.
///
/// # Errors
/// The database's, or it has none.
pub async fn cluster_id(lease: &mut Lease<'_>) -> Result<u128, Fault> {
    let mut sql = Sql::new();
    sql.raw("SELECT id FROM cluster_ids WHERE one = 1");
    let id = lease.read(&sql).await?.next::<(Vec<u8>,)>()?.pop().and_then(|(id,)| id.try_into().ok());
    id.map(u128::from_be_bytes).ok_or_else(|| Fault::new(FaultKind::Schema, "the cluster has no id"))
}

/// What this database has of every shelf, by shelf, as of one instant.
///
/// # Errors
/// The database's, or more than a million shelves.
pub async fn shelves_here(lease: &mut Lease<'_>) -> Result<Vec<ShelfHere>, Fault> {
    // One statement: it reads as of one instant, so that what moves from one table to another is not missed or twice.
    let mut sql = Sql::new();
    sql.raw("SELECT shelf_kind, shelf_id, place, 0 AS what, CAST(epoch AS SIGNED) AS amount FROM fences");
    sql.raw(" UNION ALL SELECT shelf_kind, shelf_id, place, 1, CAST(SUM(units) AS SIGNED) FROM stock_delta");
    sql.raw(" GROUP BY shelf_kind, shelf_id, place");
    for table in ["loose_units", "return_batches"] {
        sql.raw(" UNION ALL SELECT r.shelf_kind, r.shelf_id, r.place, 2, CAST(SUM(r.units) AS SIGNED) FROM ");
        sql.raw(table).raw(" r JOIN fences f ON r.shelf_kind = f.shelf_kind AND r.shelf_id = f.shelf_id");
        sql.raw(" AND r.place = f.place AND r.epoch = f.epoch");
        sql.raw(if table == "return_batches" { " WHERE r.confirmed = FALSE" } else { "" });
        sql.raw(" GROUP BY r.shelf_kind, r.shelf_id, r.place");
    }
    sql.raw(" ORDER BY shelf_kind, shelf_id, place LIMIT ").number(SHELVES_MAX as u64);
    let rows = lease.read(&sql).await?.next::<(u8, u64, u32, u8, i64)>()?;
    few_enough(rows.len())?;
    let mut here: Vec<ShelfHere> = Vec::new();
    for (kind, id, place, what, amount) in rows {
        let shelf = shelf_of((kind, id, place)).ok_or_else(|| strange(kind))?;
        if here.last().is_none_or(|last| last.shelf != shelf) {
            here.push(ShelfHere { shelf, epoch: 0, taken: 0, returning: 0 });
        }
        let last = here.last_mut().expect("it was just put there");
        match what {
            0 => last.epoch = u64::try_from(amount).unwrap_or(0),
            1 => last.taken = amount,
            _ => last.returning += amount,
        }
    }
    Ok(here)
}

/// All slices of this database, oldest first, with their orders counted.
///
/// # Errors
/// The database's.
pub async fn slices_here(lease: &mut Lease<'_>) -> Result<Vec<SliceHere>, Fault> {
    let mut sql = Sql::new();
    sql.raw("SELECT first_ms, month, number FROM slices WHERE first_ms > 0 ORDER BY first_ms");
    sql.raw("; SELECT CAST(FLOOR(UNIX_TIMESTAMP(SYSDATE(3)) * 1000) AS SIGNED)");
    let mut answer = lease.read(&sql).await?;
    let rows = answer.next::<(u64, u32, u16)>()?;
    let unix_ms = answer.next::<(i64,)>()?.first().map_or(0, |(ms,)| *ms);
    let now_ms = u64::try_from(unix_ms - OrderId::EPOCH_MS).unwrap_or(0);
    let mut here = Vec::with_capacity(rows.len());
    for (first_ms, month, number) in rows {
        let slice = Slice { first_ms, month, number };
        let mut sql = Sql::new();
        sql.raw("SELECT COUNT(*) FROM ").table_of("orders_", &slice);
        let orders = lease.read(&sql).await?.next::<(u64,)>()?.first().map_or(0, |(rows,)| *rows);
        here.push(SliceHere { slice, orders, has_begun: first_ms <= now_ms });
    }
    Ok(here)
}

fn few_enough(rows: usize) -> Result<(), Fault> {
    if rows < SHELVES_MAX {
        return Ok(());
    }
    Err(Fault::new(FaultKind::Unfit, format!("{SHELVES_MAX} rows of shelves or more")))
}

fn strange(kind: u8) -> Fault {
    Fault::new(FaultKind::Corrupt, format!("there is no shelf of kind {kind}"))
}
