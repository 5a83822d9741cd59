//! Reading orders, without locks: by id, by request id (through `look`), by user, and those that are due.

use std::collections::{BTreeMap, BTreeSet};

use domain::order::State;
use domain::{Currency, Making, MicrosUtc, MinorUnits, OrderId, RequestId, RequestKey, UserId};

use super::BATCH_MAX;
use super::commit::{Counts, ask_for_counts, counts};
use super::fault::{Fault, FaultKind};
use super::pool::{Answer, Lease};
use super::rows::{CountKey, ItemRow, OrderRow, request_bytes};
use super::slices::{NoSlice, Slice, Slices};
use super::text::{Cell, Sql, key_table, shelf_of};
use crate::shelf::{Epoch, HoldId};

/// An order with what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its row.
    pub row: OrderRow,
    /// What it took, a row a shelf.
    pub items: Vec<ItemRow>,
}

/// An order with what it took; nothing where there is none of this id.
///
/// # Errors
/// The database's; or the slices have to be read again.
pub async fn order(lease: &mut Lease<'_>, slices: &Slices, id: OrderId) -> Result<Option<Order>, Fault> {
    let Some(slice) = slice_of(slices, id)? else { return Ok(None) };
    let mut sql = Sql::new();
    ask_for_orders(&mut sql, &slice, &BTreeSet::from([id]), ";");
    sql.raw("SELECT shelf_kind, shelf_id, place, units, hold, epoch FROM ").table_of("order_items_", &slice);
    sql.raw(" WHERE order_id = ").number(id.0);
    let mut answer = lease.read(&sql).await?;
    let Some(row) = order_rows(&mut answer)?.pop() else { return Ok(None) };
    let items = answer.next::<(u8, u64, u32, u32, Vec<u8>, u64)>()?;
    let items = items.into_iter().map(|(kind, shelf, place, units, hold, epoch)| {
        let shelf = shelf_of((kind, shelf, place)).ok_or_else(|| corrupt("the shelf of an item"))?;
        let hold = hold.try_into().map(|bytes| HoldId(u128::from_be_bytes(bytes)));
        let hold = hold.map_err(|_| corrupt("the hold of an item"))?;
        let epoch = Epoch::parse(epoch).ok_or_else(|| corrupt("the epoch of an item"))?;
        Ok(ItemRow { shelf, units, hold, epoch })
    });
    Ok(Some(Order { row, items: items.collect::<Result<_, Fault>>()? }))
}

/// Orders by their ids, at most [`BATCH_MAX`], those that there are, by id.
///
/// # Errors
/// The database's; or the slices have to be read again.
pub async fn orders(lease: &mut Lease<'_>, slices: &Slices, ids: &[OrderId]) -> Result<Vec<OrderRow>, Fault> {
    assert!(ids.len() <= BATCH_MAX, "{} orders in one read", ids.len());
    let mut of_slices = BTreeMap::<u64, (Slice, BTreeSet<OrderId>)>::new();
    for id in ids {
        if let Some(slice) = slice_of(slices, *id)? {
            of_slices.entry(slice.first_ms).or_insert((slice, BTreeSet::new())).1.insert(*id);
        }
    }
    if of_slices.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new();
    for (slice, ids) in of_slices.values() {
        ask_for_orders(&mut sql, slice, ids, ";");
    }
    let mut answer = lease.read(&sql).await?;
    let mut rows = Vec::with_capacity(ids.len());
    for _ in &of_slices {
        rows.extend(order_rows(&mut answer)?);
    }
    rows.sort_unstable_by_key(|row| row.id);
    Ok(rows)
}

/// The orders of a user by their request ids, latest first, before the one named: at most `most`, which is at most
/// [`BATCH_MAX`]. With each the request id to go on from.
///
/// # Errors
/// The database's.
pub async fn page_of_user(
    lease: &mut Lease<'_>,
    user: UserId,
    before: RequestId,
    most: usize,
) -> Result<Vec<(RequestId, OrderId)>, Fault> {
    assert!(most <= BATCH_MAX, "{most} orders in one page");
    let key = RequestKey { who: user, id: before };
    let mut sql = Sql::new();
    sql.raw("SELECT request, subject FROM ").keys_of(key_table(&key)).raw(" WHERE user = ").number(user.0);
    sql.raw(" AND request < ").cell(Cell::Bytes(&request_bytes(before)));
    sql.raw(" AND kind = 1 ORDER BY request DESC LIMIT ").number(most as u64);
    let rows = lease.read(&sql).await?.next::<(Vec<u8>, u64)>()?;
    rows.into_iter()
        .map(|(request, order)| {
            let request = request.try_into().map_err(|_| corrupt("a request id"))?;
            Ok((RequestId(u128::from_be_bytes(request)), OrderId(order)))
        })
        .collect()
}

/// Orders of one slice that are due by the database's clock, earliest first, at most `most`, which is at most
/// [`BATCH_MAX`].
///
/// # Errors
/// The database's.
pub async fn due_orders(lease: &mut Lease<'_>, slice: &Slice, most: usize) -> Result<Vec<OrderRow>, Fault> {
    assert!(most <= BATCH_MAX, "{most} orders in one read");
    let mut sql = Sql::new();
    sql.raw("SELECT ").raw(COLUMNS).raw(" FROM ").table_of("orders_", slice);
    sql.raw(" WHERE due_at <= CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED) ORDER BY due_at LIMIT ");
    sql.number(most as u64);
    order_rows(&mut lease.read(&sql).await?)
}

/// Counts of users, without locks, at most [`BATCH_MAX`] of them; those that were never counted are 0.
///
/// # Errors
/// The database's.
pub async fn user_counts(lease: &mut Lease<'_>, keys: &[CountKey]) -> Result<Counts, Fault> {
    let keys: BTreeSet<CountKey> = keys.iter().copied().collect();
    if keys.is_empty() {
        return Ok(Counts::default());
    }
    let mut sql = Sql::new();
    ask_for_counts(&mut sql, &keys, ";");
    Ok(Counts::of(counts(&mut lease.read(&sql).await?, &keys)?))
}

/// The order that was made then, whatever its slot; nothing where this database has none. Orders of one millisecond lie
/// side by side, so it looks at these.
///
/// # Errors
/// The database's; or the slices have to be read again.
pub async fn order_made(
    lease: &mut Lease<'_>,
    slices: &Slices,
    making: Making,
) -> Result<Option<OrderId>, Fault> {
    let any = making.any_order();
    let Some(slice) = slice_of(slices, any)? else { return Ok(None) };
    let (first, last) = (OrderId::new(any.ms(), 0, 0), OrderId::new(any.ms(), u16::MAX, u16::MAX));
    let mut sql = Sql::new();
    sql.raw("SELECT id FROM ").table_of("orders_", &slice);
    sql.raw(" WHERE id BETWEEN ").number(first.0).raw(" AND ").number(last.0);
    let ids = lease.read(&sql).await?.next::<(u64,)>()?;
    Ok(ids.into_iter().map(|(id,)| OrderId(id)).find(|order| order.making() == making))
}

/// Nothing for an id that no order can have.
fn slice_of(slices: &Slices, id: OrderId) -> Result<Option<Slice>, Fault> {
    match slices.of(id) {
        Ok(slice) => Ok(Some(slice)),
        Err(NoSlice::BeforeTheFirst) => Ok(None),
        Err(NoSlice::ReadAgain) => {
            Err(Fault::new(FaultKind::TimedOut, "the known slices are too old for this order"))
        }
    }
}

pub(super) const COLUMNS: &str = "id, user, state, version, made_at, due_at, total, currency, record";

/// Asks for order rows; never an empty list.
pub(super) fn ask_for_orders(sql: &mut Sql, slice: &Slice, ids: &BTreeSet<OrderId>, end: &'static str) {
    sql.raw("SELECT ").raw(COLUMNS).raw(" FROM ").table_of("orders_", slice);
    sql.raw(" FORCE INDEX (PRIMARY) WHERE ");
    for id in ids {
        sql.choice(&["id"], &[Cell::Number(id.0)]);
    }
    sql.raw(end);
}

/// The answer to [`ask_for_orders`].
pub(super) fn order_rows(answer: &mut Answer) -> Result<Vec<OrderRow>, Fault> {
    type Columns = (u64, u64, u8, u32, i64, Option<i64>, i64, u16, Vec<u8>);
    let rows = answer.next::<Columns>()?;
    rows.into_iter()
        .map(|(id, user, state, version, made_at, due_at, total, currency, record)| {
            Ok(OrderRow {
                id: OrderId(id),
                user: UserId(user),
                state: State::from_number(state).ok_or_else(|| corrupt("the state of an order"))?,
                version,
                made_at: MicrosUtc(made_at),
                due_at: due_at.map(MicrosUtc),
                total: MinorUnits(total),
                currency: Currency(currency),
                record,
            })
        })
        .collect()
}

fn corrupt(what: &str) -> Fault {
    Fault::new(FaultKind::Corrupt, format!("{what} makes no sense"))
}
