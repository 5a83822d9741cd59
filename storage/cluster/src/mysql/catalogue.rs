//! The catalogue's tables, in the home: rows by the number of the change that wrote them.
//!
//! Changes come one after the other, for each locks the row that counts them. So numbers are committed in their order,
//! and whoever has read all rows up to a number has missed none.

use domain::desk::{Key, Row, Shared};
use domain::{CouponId, Currency, SaleId, SellerId, SkuId, UserId, WarehouseId};

use domain::switch::Scope;

use super::fault::{Fault, FaultKind};
use super::pool::{Answer, Lease};
use super::text::{Cell, Sql};

/// A row of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueRow {
    /// What it is named by.
    pub key: Key,
    /// The number of the change that wrote it.
    pub changed: u64,
    /// What it says; nothing: it is gone.
    pub row: Option<Row>,
}

/// Rows that are read in one statement at most. A row is some hundred bytes, but for coupons with many skus.
const PAGE_ROWS: usize = 2_000;
/// Bytes of rows that are written in one statement, about: far below what a server takes as one packet.
const CHUNK_BYTES: usize = 1 << 20;

/// What was changed since this number (0: all that there is), as of one change: none of it is seen in half.
///
/// # Errors
/// The database's, or a row that makes no sense.
pub async fn read_catalogue(lease: &mut Lease<'_>, since: u64) -> Result<Vec<CatalogueRow>, Fault> {
    let mut rows = Vec::new();
    // A row that is changed while pages are read comes once more, behind what was read already. The last page is the one
    // that is not full: behind it there was nothing at the instant when it was read.
    let mut last = (since, u8::MAX, u64::MAX, u64::MAX);
    loop {
        let mut sql = Sql::new();
        ask_behind(&mut sql, last);
        let mut answer = lease.read(&sql).await?;
        let (page, end) = page(&mut answer)?;
        let is_last = page.len() < PAGE_ROWS;
        rows.extend(page);
        match end {
            Some(end) if !is_last => last = end,
            Some(_) | None => return Ok(rows),
        }
    }
}

/// The kind, and the two numbers that name a row of it; nothing where it is no row of the catalogue.
pub(super) fn cells_of(key: &Key) -> Option<(u8, u64, u64)> {
    match *key {
        Key::Sku(sku) => Some((1, sku.0, 0)),
        Key::Sale(sale) => Some((2, sale.0.into(), 0)),
        Key::Place(sku, sale) => Some((3, sku.0, sale.0.into())),
        Key::Freight(seller, currency) => Some((4, seller.0.into(), currency.0.into())),
        Key::Coupon(coupon) => Some((5, coupon.0, 0)),
        Key::Limit(user) => Some((6, user.0, 0)),
        Key::Switch(scope) => Some((7, scope.number().into(), scope.id())),
        Key::SwitchVersion => Some((8, 0, 0)),
        Key::Shared(Shared::Shelf(sku, warehouse)) => Some((9, sku.0, warehouse.0.into())),
        Key::Shared(Shared::Cap(_) | Shared::Quota(_))
        | Key::Request(_)
        | Key::Order(_)
        | Key::Count(..)
        | Key::CouponUser(..)
        | Key::Hold(_)
        | Key::FailedRefunds(_)
        | Key::Making(_)
        | Key::Letter(..)
        | Key::Letters => None,
    }
}

/// The opposite of [`cells_of`].
fn key_of((kind, a, b): (u8, u64, u64)) -> Option<Key> {
    let small = |number: u64| u32::try_from(number).ok();
    Some(match kind {
        1 => Key::Sku(SkuId(a)),
        2 => Key::Sale(SaleId(small(a)?)),
        3 => Key::Place(SkuId(a), SaleId(small(b)?)),
        4 => Key::Freight(SellerId(small(a)?), Currency(u16::try_from(b).ok()?)),
        5 => Key::Coupon(CouponId(a)),
        6 => Key::Limit(UserId(a)),
        7 => Key::Switch(Scope::parse(u8::try_from(a).ok()?, b)?),
        8 => Key::SwitchVersion,
        9 => Key::Shared(Shared::Shelf(SkuId(a), WarehouseId(small(b)?))),
        _ => return None,
    })
}

/// Asks for the first page behind this place.
pub(super) fn ask_behind(sql: &mut Sql, (changed, kind, a, b): (u64, u8, u64, u64)) {
    sql.raw("SELECT changed, kind, a, b, body FROM catalogue_rows FORCE INDEX (by_change) WHERE changed >= ");
    sql.number(changed).raw(" AND (changed > ").number(changed).raw(" OR kind > ").number(kind.into());
    sql.raw(" OR (kind = ").number(kind.into()).raw(" AND (a > ").number(a);
    sql.raw(" OR (a = ").number(a).raw(" AND b > ").number(b).raw("))))");
    sql.raw(" ORDER BY changed, kind, a, b LIMIT ").number(PAGE_ROWS as u64);
}

type Place = (u64, u8, u64, u64);

/// A page, and where it ends.
fn page(answer: &mut Answer) -> Result<(Vec<CatalogueRow>, Option<Place>), Fault> {
    let mut end = None;
    let mut rows = Vec::new();
    for (changed, kind, a, b, body) in answer.next::<(u64, u8, u64, u64, Vec<u8>)>()? {
        let strange = || Fault::new(FaultKind::Corrupt, format!("row {kind}, {a}, {b} of the catalogue"));
        let key = key_of((kind, a, b)).ok_or_else(strange)?;
        let row = if body.is_empty() { None } else { Some(Row::parse(&body).map_err(|_| strange())?) };
        if row.as_ref().is_some_and(|row| row.key() != key) {
            return Err(strange());
        }
        end = Some((changed, kind, a, b));
        rows.push(CatalogueRow { key, changed, row });
    }
    Ok((rows, end))
}

/// Writes rows of the catalogue as of this change, in as many statements as they need.
pub(super) async fn put_catalogue(
    lease: &mut Lease<'_>,
    changed: u64,
    rows: &[(Key, Option<Row>)],
) -> Result<(), Fault> {
    let mut sql = Sql::new();
    let mut body = Vec::new();
    for (key, row) in rows {
        let (kind, a, b) = cells_of(key).expect("only rows of the catalogue are put here");
        if sql.is_empty() {
            sql.raw("INSERT INTO catalogue_rows (kind, a, b, changed, body) VALUES ");
        }
        body.clear();
        row.iter().for_each(|row| row.put(&mut body));
        let [kind, a, b] = [kind.into(), a, b].map(Cell::Number);
        sql.row(&[kind, a, b, Cell::Number(changed), Cell::Bytes(&body)]);
        if sql.text().len() >= CHUNK_BYTES {
            sql.raw(OVER);
            lease.run(&sql).await?;
            sql = Sql::new();
        }
    }
    if sql.is_empty() {
        return Ok(());
    }
    sql.raw(OVER);
    lease.run(&sql).await
}

const OVER: &str = " ON DUPLICATE KEY UPDATE changed = VALUES(changed), body = VALUES(body)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_from_their_columns() {
        for key in [
            Key::Sku(SkuId(u64::MAX)),
            Key::Sale(SaleId(5)),
            Key::Place(SkuId(7), SaleId(u32::MAX)),
            Key::Freight(SellerId(3), Currency(978)),
            Key::Coupon(CouponId(9)),
            Key::Limit(UserId(4)),
            Key::Switch(Scope::All),
            Key::Switch(Scope::Sale(SaleId(5))),
            Key::SwitchVersion,
            Key::Shared(Shared::Shelf(SkuId(7), WarehouseId(2))),
        ] {
            let cells = cells_of(&key).expect("it is of the catalogue");
            assert_eq!(key_of(cells), Some(key), "{cells:?}");
        }
        for nonsense in [(0, 1, 1), (2, u64::MAX, 0), (4, 1, 70_000), (7, 9, 9), (10, 1, 1)] {
            assert_eq!(key_of(nonsense), None, "{nonsense:?}");
        }
    }
}
