//! What is counted over all users, as far as one database knows: by how much transactions moved it, and what that adds
//! up to.

use std::collections::BTreeMap;

use domain::coupon::CouponCounts;
use domain::desk::{Moved, QuotaMoved, Row, ShelfMoved};
use domain::shelf::Shelf;

use super::fault::{Fault, FaultKind};
use super::pool::Lease;
use super::text::{Cell, Sql, shelf_cells, shelf_of};
use crate::shelf::{Epoch, ShelfKey};

/// What moved of a shelf, or the sum of it: of one database, or of several added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Units that were taken of what can be given, and not brought back.
    pub units: i64,
    /// Of stock: on hand, held, safety, unavailable, sold, returned. Of a cap: units. Of a quota: claimed, locked, used.
    pub each: [i64; 6],
}

impl Numbers {
    /// What a decision moved, and of which shelf.
    pub fn of(moved: &Moved) -> (ShelfKey, Numbers) {
        let each = match *moved {
            Moved::Shelf(_, _, by) => {
                let ShelfMoved { on_hand, held, safety, unavailable, sold, returned } = by;
                [on_hand, held, safety, unavailable, sold, returned]
            }
            Moved::Cap(_, units) => [units, 0, 0, 0, 0, 0],
            Moved::Quota(_, by) => {
                let QuotaMoved { claimed, locked, used, counts_claims: _ } = by;
                [claimed, locked, used, 0, 0, 0]
            }
        };
        (moved.of().into(), Numbers { units: moved.units_taken(), each })
    }

    /// Adds what moved elsewhere, or at another time.
    pub fn add(&mut self, other: Numbers) {
        self.units = self.units.saturating_add(other.units);
        for (each, by) in self.each.iter_mut().zip(other.each) {
            *each = each.saturating_add(by);
        }
    }

    /// The domain's row of these sums. Databases are not read at one instant, so a unit may be seen where it went and not
    /// where it came from: what falls below 0 by that is 0.
    pub fn row(&self, shelf: ShelfKey) -> Row {
        let [a, b, c, d, e, f] = self.each.map(|number| u64::try_from(number).unwrap_or(0));
        match shelf {
            ShelfKey::Stock(sku, warehouse) => {
                let shelf = Shelf { on_hand: a, held: b, safety: c, unavailable: d, sold: e, returned: f };
                Row::Shelf(sku, warehouse, shelf)
            }
            ShelfKey::SaleCap(sale) => Row::Cap(sale, a),
            ShelfKey::CouponQuota(coupon) => {
                Row::Quota(coupon, CouponCounts { claimed: a, locked: b, used: c })
            }
        }
    }
}

/// The sums of a shelf in this database.
///
/// # Errors
/// The database's.
pub async fn numbers(lease: &mut Lease<'_>, shelf: ShelfKey) -> Result<Numbers, Fault> {
    Ok(numbers_of(lease, &[shelf]).await?.remove(&shelf).unwrap_or_default())
}

/// The sums of several shelves in this database, all of one instant. Of what never moved here there is nothing.
///
/// # Errors
/// The database's.
pub async fn numbers_of(
    lease: &mut Lease<'_>,
    shelves: &[ShelfKey],
) -> Result<BTreeMap<ShelfKey, Numbers>, Fault> {
    if shelves.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut sql = Sql::new();
    sql.raw(SUMS).raw(" FORCE INDEX (by_shelf) WHERE ");
    for shelf in shelves {
        sql.shelf_choice(*shelf);
    }
    sql.raw(" GROUP BY shelf_kind, shelf_id, place");
    sums(lease, &sql).await
}

/// The sums of all shelves in this database whose key is behind this one, by key, at most so many.
///
/// # Errors
/// The database's.
pub async fn numbers_behind(
    lease: &mut Lease<'_>,
    after: Option<ShelfKey>,
    most: usize,
) -> Result<BTreeMap<ShelfKey, Numbers>, Fault> {
    let mut sql = Sql::new();
    sql.raw(SUMS).raw(" FORCE INDEX (by_shelf)");
    if let Some(after) = after {
        let [kind, id, place] = shelf_cells(after);
        sql.raw(" WHERE shelf_kind > ").cell(kind).raw(" OR (shelf_kind = ").cell(kind);
        sql.raw(" AND (shelf_id > ").cell(id).raw(" OR (shelf_id = ").cell(id);
        sql.raw(" AND place > ").cell(place).raw(")))");
    }
    sql.raw(" GROUP BY shelf_kind, shelf_id, place ORDER BY shelf_kind, shelf_id, place LIMIT ");
    sql.number(most as u64);
    sums(lease, &sql).await
}

const SUMS: &str = "SELECT shelf_kind, shelf_id, place, CAST(SUM(units) AS SIGNED), CAST(SUM(n1) AS SIGNED), \
     CAST(SUM(n2) AS SIGNED), CAST(SUM(n3) AS SIGNED), CAST(SUM(n4) AS SIGNED), CAST(SUM(n5) AS SIGNED), \
     CAST(SUM(n6) AS SIGNED) FROM stock_delta";

async fn sums(lease: &mut Lease<'_>, sql: &Sql) -> Result<BTreeMap<ShelfKey, Numbers>, Fault> {
    let rows = lease.read(sql).await?.next::<(u8, u64, u32, i64, i64, i64, i64, i64, i64, i64)>()?;
    rows.into_iter()
        .map(|(kind, id, place, units, n1, n2, n3, n4, n5, n6)| {
            let shelf = shelf_of((kind, id, place))
                .ok_or_else(|| Fault::new(FaultKind::Corrupt, format!("a shelf is of kind {kind}")))?;
            Ok((shelf, Numbers { units, each: [n1, n2, n3, n4, n5, n6] }))
        })
        .collect()
}

/// What one transaction moved.
#[derive(Clone, Debug, Default)]
pub(super) struct Moves {
    by: BTreeMap<ShelfKey, Numbers>,
    /// Units that came back, for Redis to hear of: never netted with those that others of the same transaction took.
    loose: BTreeMap<ShelfKey, u64>,
}

impl Moves {
    /// Adds what a decision moved. `is_locked` says whether the fence of a shelf is among those that the transaction
    /// locks.
    ///
    /// # Panics
    /// Where units move under no fence.
    pub fn take(&mut self, moved: &[Moved], is_locked: impl Fn(&ShelfKey) -> bool) {
        for moved in moved {
            let (shelf, by) = Numbers::of(moved);
            let is_locked = by.units == 0 || is_locked(&shelf);
            assert!(is_locked, "the desk moved units of {shelf:?}, which was not asked for");
            self.by.entry(shelf).or_default().add(by);
            if by.units < 0 {
                *self.loose.entry(shelf).or_default() += by.units.unsigned_abs();
            }
        }
    }

    /// Writes them. What is under a fence that was never raised has no epoch, and is nobody's to hear of: the first opening
    /// sums it.
    pub fn put(&self, sql: &mut Sql, fences: &BTreeMap<ShelfKey, Epoch>) {
        let mut moved = self.by.iter().filter(|(_, by)| **by != Numbers::default()).peekable();
        if moved.peek().is_some() {
            sql.raw(
                "INSERT INTO stock_delta (shelf_kind, shelf_id, place, epoch, units, n1, n2, n3, n4, n5, n6)",
            );
            sql.raw(" VALUES ");
            for (shelf, by) in moved {
                let epoch = fences.get(shelf).map_or(0, |epoch| epoch.get());
                put_numbers(sql, *shelf, epoch, by);
            }
            sql.raw(";");
        }
        let loose = self.loose.iter().filter_map(|(shelf, units)| Some((shelf, fences.get(shelf)?, units)));
        let mut loose = loose.peekable();
        if loose.peek().is_some() {
            sql.raw("INSERT INTO loose_units (shelf_kind, shelf_id, place, epoch, units) VALUES ");
            for (shelf, epoch, units) in loose {
                let [kind, id, place] = shelf_cells(*shelf);
                sql.row(&[kind, id, place, Cell::Number(epoch.get()), Cell::Number(*units)]);
            }
            sql.raw(";");
        }
    }
}

/// A row of `stock_delta`.
pub(super) fn put_numbers(sql: &mut Sql, shelf: ShelfKey, epoch: u64, by: &Numbers) {
    let [kind, id, place] = shelf_cells(shelf);
    let [n1, n2, n3, n4, n5, n6] = by.each.map(Cell::Signed);
    sql.row(&[kind, id, place, Cell::Number(epoch), Cell::Signed(by.units), n1, n2, n3, n4, n5, n6]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{SaleId, SkuId, WarehouseId};

    #[test]
    fn what_moved_adds_up_to_the_domains_row() {
        let (sku, warehouse) = (SkuId(7), WarehouseId(2));
        let put = ShelfMoved { on_hand: 10, safety: 1, ..ShelfMoved::default() };
        let sold = ShelfMoved { on_hand: -3, sold: 3, ..ShelfMoved::default() };
        let mut sum = Numbers::default();
        for by in [put, sold] {
            let (shelf, by) = Numbers::of(&Moved::Shelf(sku, warehouse, by));
            assert_eq!(shelf, ShelfKey::Stock(sku, warehouse));
            sum.add(by);
        }
        assert_eq!(sum.units, -6, "10 came, 1 is kept back, 3 were sold");
        let shelf = Shelf { on_hand: 7, safety: 1, sold: 3, ..Shelf::default() };
        assert_eq!(sum.row(ShelfKey::Stock(sku, warehouse)), Row::Shelf(sku, warehouse, shelf));
    }

    #[test]
    fn a_unit_that_is_seen_only_where_it_went_is_no_number_below_0() {
        let cap = ShelfKey::SaleCap(SaleId(5));
        let sum = Numbers { units: -2, each: [-2, 0, 0, 0, 0, 0] };
        assert_eq!(sum.row(cap), Row::Cap(SaleId(5), 0));
    }

    #[test]
    fn units_that_come_back_are_not_netted_with_those_that_go() {
        let cap = |units| Moved::Cap(SaleId(5), units);
        let key = ShelfKey::SaleCap(SaleId(5));
        let mut moves = Moves::default();
        moves.take(&[cap(4)], |_| true);
        moves.take(&[cap(-3)], |_| true);
        assert_eq!(moves.by[&key].units, 1);
        assert_eq!(moves.loose[&key], 3);
    }

    #[test]
    #[should_panic(expected = "not asked for")]
    fn no_units_move_under_no_fence() {
        Moves::default().take(&[Moved::Cap(SaleId(5), 1)], |_| false);
    }
}
