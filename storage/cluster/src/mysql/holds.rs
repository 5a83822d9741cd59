//! Which holds orders bought with: what a held record is judged by.

use std::collections::BTreeMap;

use domain::OrderId;

use super::BATCH_MAX;
use super::fault::{Fault, FaultKind};
use super::pool::Lease;
use super::slices::Slice;
use super::text::{Cell, Sql, shelf_cells};
use crate::shelf::{HoldId, ShelfKey};

/// The hold ids with which orders of a slice bought of a shelf, of at most [`BATCH_MAX`]; an order that is not in it bought
/// nothing there. Live or ended is all the same.
///
/// # Errors
/// The database's.
pub async fn holds(
    lease: &mut Lease<'_>,
    slice: &Slice,
    shelf: ShelfKey,
    orders: &[OrderId],
) -> Result<BTreeMap<OrderId, HoldId>, Fault> {
    assert!(orders.len() <= BATCH_MAX, "{} orders in one read", orders.len());
    if orders.is_empty() {
        return Ok(BTreeMap::new());
    }
    let [kind, id, place] = shelf_cells(shelf);
    let mut sql = Sql::new();
    sql.raw("SELECT order_id, hold FROM ").table_of("order_items_", slice);
    sql.raw(" FORCE INDEX (PRIMARY) WHERE ");
    for order in orders {
        let cells = [Cell::Number(order.0), kind, id, place];
        sql.choice(&["order_id", "shelf_kind", "shelf_id", "place"], &cells);
    }
    let rows = lease.read(&sql).await?.next::<(u64, Vec<u8>)>()?;
    rows.into_iter()
        .map(|(order, hold)| {
            let hold = hold.try_into().map(|bytes| HoldId(u128::from_be_bytes(bytes)));
            let hold = hold.map_err(|_| Fault::new(FaultKind::Corrupt, "a hold id has not 16 bytes"))?;
            Ok((OrderId(order), hold))
        })
        .collect()
}
