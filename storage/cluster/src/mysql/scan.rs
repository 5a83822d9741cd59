//! Walking through all rows of a kind, a page at a time, without locks: for audits.

use domain::{OrderId, RequestId, UserId};

use super::fault::{Fault, FaultKind};
use super::pool::Lease;
use super::read::{COLUMNS, order_rows};
use super::rows::{CountKey, CountKind, OrderRow, request_bytes};
use super::slices::Slice;
use super::text::{Cell, KEY_TABLES, Sql, count_cells};

/// Orders of a slice with ids above this one, by id, at most so many.
///
/// # Errors
/// The database's.
pub async fn orders_behind(
    lease: &mut Lease<'_>,
    slice: &Slice,
    after: OrderId,
    most: usize,
) -> Result<Vec<OrderRow>, Fault> {
    let mut sql = Sql::new();
    sql.raw("SELECT ").raw(COLUMNS).raw(" FROM ").table_of("orders_", slice);
    sql.raw(" WHERE id > ").number(after.0).raw(" ORDER BY id LIMIT ").number(most as u64);
    order_rows(&mut lease.read(&sql).await?)
}

/// Counts of users behind this one, by user, kind and subject, at most so many.
///
/// # Errors
/// The database's.
pub async fn counts_behind(
    lease: &mut Lease<'_>,
    after: Option<CountKey>,
    most: usize,
) -> Result<Vec<(CountKey, u64)>, Fault> {
    let mut sql = Sql::new();
    sql.raw("SELECT user, kind, subject, units FROM user_counts");
    if let Some(after) = after {
        let [user, kind, subject] = count_cells(&after);
        sql.raw(" WHERE user >= ").cell(user).raw(" AND (user > ").cell(user);
        sql.raw(" OR kind > ").cell(kind).raw(" OR (kind = ").cell(kind);
        sql.raw(" AND subject > ").cell(subject).raw("))");
    }
    sql.raw(" ORDER BY user, kind, subject LIMIT ").number(most as u64);
    let rows = lease.read(&sql).await?.next::<(u64, u8, u64, u64)>()?;
    rows.into_iter()
        .map(|(user, kind, subject, units)| {
            let kind = CountKind::from_number(kind)
                .ok_or_else(|| Fault::new(FaultKind::Corrupt, format!("a count is of kind {kind}")))?;
            Ok((CountKey { user: UserId(user), kind, subject }, units))
        })
        .collect()
}

/// How many request ids from this one on led to something.
///
/// # Errors
/// The database's.
pub async fn count_requests(lease: &mut Lease<'_>, from: RequestId) -> Result<u64, Fault> {
    let mut sql = Sql::new();
    for table in 0..KEY_TABLES {
        sql.raw("SELECT COUNT(*) FROM ").keys_of(table).raw(" WHERE kind IN (1, 2) AND request >= ");
        sql.cell(Cell::Bytes(&request_bytes(from))).raw(";");
    }
    let mut answer = lease.read(&sql).await?;
    let mut requests = 0;
    for _ in 0..KEY_TABLES {
        requests += answer.next::<(u64,)>()?.first().map_or(0, |(rows,)| *rows);
    }
    Ok(requests)
}
