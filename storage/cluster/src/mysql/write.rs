//! The rows of a transaction on their way: gathered order by order, then written as one statement a table.

use std::collections::BTreeMap;

use domain::verdict::HistoryRow;
use domain::{OrderId, RequestKey};

use super::commit::Counts;
use super::fault::{Fault, FaultKind};
use super::keys::{Over, put_keys};
use super::moved::Moves;
use super::outbox;
use super::pool::Lease;
use super::rows::{BODY_BYTES_MAX, CountKey, EventRow, ItemRow, OrderRow, Standing};
use super::settings::STATEMENT_BYTES_MAX;
use super::slices::Slice;
use super::text::{Cell, Sql, count_cells, history_cells, shelf_cells};
use crate::shelf::{Epoch, ShelfKey};

/// Epochs of fences, as they were read under their locks.
pub(super) type Fences = BTreeMap<ShelfKey, Epoch>;

/// What a transaction writes.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Over nothing: a plain INSERT, so that a row which came meanwhile is noticed.
    pub new_keys: Vec<(RequestKey, Standing)>,
    /// Over a row that was read and is locked.
    pub keys: Vec<(RequestKey, Standing)>,
    pub new_orders: Vec<OrderRow>,
    /// Over rows that are locked.
    pub orders: Vec<OrderRow>,
    pub items: Vec<(OrderId, ItemRow)>,
    pub history: Vec<(OrderId, HistoryRow)>,
    /// Counts that no row had.
    pub new_counts: BTreeMap<CountKey, u64>,
    /// Counts over rows that are locked.
    pub counts: BTreeMap<CountKey, u64>,
    pub moves: Moves,
    pub events: Vec<EventRow>,
}

impl Rows {
    pub fn is_empty(&self) -> bool {
        self.new_keys.is_empty() && self.keys.is_empty() && self.orders.is_empty()
    }

    /// What was counted, over rows that are there and are locked, or where none is.
    pub fn take_counts(&mut self, counts: &Counts) {
        for (key, units) in &counts.changed {
            let rows = if counts.read.contains_key(key) { &mut self.counts } else { &mut self.new_counts };
            rows.insert(*key, *units);
        }
    }

    /// Writes all, in one round trip. The transaction is open afterwards.
    pub async fn write(&self, lease: &mut Lease<'_>, slice: &Slice, fences: &Fences) -> Result<(), Fault> {
        self.fits()?;
        let mut sql = Sql::new();
        put_keys(&mut sql, &by_ref(&self.new_keys), Over::Nothing);
        put_keys(&mut sql, &by_ref(&self.keys), Over::Locked);
        put_orders(&mut sql, slice, &self.new_orders, "");
        let over = " ON DUPLICATE KEY UPDATE state = VALUES(state), version = VALUES(version), \
                    due_at = VALUES(due_at), total = VALUES(total), record = VALUES(record)";
        put_orders(&mut sql, slice, &self.orders, over);
        self.put_items(&mut sql, slice);
        self.put_history(&mut sql, slice);
        put_counts(&mut sql, &self.new_counts, "");
        put_counts(&mut sql, &self.counts, " ON DUPLICATE KEY UPDATE units = VALUES(units)");
        self.moves.put(&mut sql, fences);
        self.put_events(&mut sql);
        if sql.text().len() > STATEMENT_BYTES_MAX {
            let said = format!("{} bytes of rows in one transaction", sql.text().len());
            return Err(Fault::new(FaultKind::Unfit, said));
        }
        lease.run(&sql).await
    }

    fn fits(&self) -> Result<(), Fault> {
        let records = self.new_orders.iter().chain(&self.orders).map(|row| row.record.len());
        match records.chain(self.events.iter().map(|event| event.body.len())).max() {
            Some(bytes) if bytes > BODY_BYTES_MAX => {
                Err(Fault::new(FaultKind::Unfit, format!("a record of {bytes} bytes")))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn put_items(&self, sql: &mut Sql, slice: &Slice) {
        if self.items.is_empty() {
            return;
        }
        sql.raw("INSERT INTO ").table_of("order_items_", slice);
        sql.raw(" (order_id, shelf_kind, shelf_id, place, units, hold, epoch) VALUES ");
        for (order, item) in &self.items {
            let ItemRow { shelf, units, hold, epoch } = item;
            let [kind, id, place] = shelf_cells(*shelf);
            sql.row(&[
                Cell::Number(order.0),
                kind,
                id,
                place,
                Cell::Number(u64::from(*units)),
                Cell::Bytes(&hold.0.to_be_bytes()),
                Cell::Number(epoch.get()),
            ]);
        }
        // A late payment takes a line's units again, with another hold; no new order has a row yet.
        sql.raw(
            " ON DUPLICATE KEY UPDATE units = VALUES(units), hold = VALUES(hold), epoch = VALUES(epoch);",
        );
    }

    fn put_history(&self, sql: &mut Sql, slice: &Slice) {
        if self.history.is_empty() {
            return;
        }
        sql.raw("INSERT INTO ").table_of("order_history_", slice);
        sql.raw(" (order_id, version, from_state, to_state, at, actor_kind, actor, why) VALUES ");
        for (order, row) in &self.history {
            sql.row(&history_cells(*order, row));
        }
        sql.raw(";");
    }

    fn put_events(&self, sql: &mut Sql) {
        if self.events.is_empty() {
            return;
        }
        sql.raw("INSERT INTO outbox (events) VALUES ")
            .row(&[Cell::Bytes(&outbox::joined(&self.events))])
            .raw(";");
    }
}

fn by_ref(keys: &[(RequestKey, Standing)]) -> Vec<(&RequestKey, &Standing)> {
    keys.iter().map(|(key, standing)| (key, standing)).collect()
}

fn put_orders(sql: &mut Sql, slice: &Slice, orders: &[OrderRow], end: &'static str) {
    if orders.is_empty() {
        return;
    }
    sql.raw("INSERT INTO ").table_of("orders_", slice);
    sql.raw(" (id, user, state, version, made_at, due_at, total, currency, record) VALUES ");
    for row in orders {
        let OrderRow { id, user, state, version, made_at, due_at, total, currency, record } = row;
        sql.row(&[
            Cell::Number(id.0),
            Cell::Number(user.0),
            Cell::Number(u64::from(state.number())),
            Cell::Number(u64::from(*version)),
            Cell::Signed(made_at.0),
            due_at.map_or(Cell::Null, |due| Cell::Signed(due.0)),
            Cell::Signed(total.0),
            Cell::Number(u64::from(currency.0)),
            Cell::Bytes(record),
        ]);
    }
    sql.raw(end).raw(";");
}

fn put_counts(sql: &mut Sql, counts: &BTreeMap<CountKey, u64>, end: &'static str) {
    if counts.is_empty() {
        return;
    }
    sql.raw("INSERT INTO user_counts (user, kind, subject, units) VALUES ");
    for (key, units) in counts {
        let [user, kind, subject] = count_cells(key);
        sql.row(&[user, kind, subject, Cell::Number(*units)]);
    }
    sql.raw(end).raw(";");
}
