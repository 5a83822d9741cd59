//! Statements as text. Everything that is not written in this crate goes in as a number or in hex, so nothing that a
//! client sent is ever read as SQL. One statement of many rows as text is one round trip and nothing to prepare: batches
//! have all sizes, and a statement prepared for each of them would be another one each time.

use domain::order::State;
use domain::verdict::HistoryRow;
use domain::{Actor, CouponId, OrderId, RequestKey, SaleId, SkuId, WarehouseId};

use super::rows::{CountKey, request_bytes};
use super::slices::Slice;
use crate::shelf::ShelfKey;

/// Tables of request ids in a database.
pub const KEY_TABLES: u8 = 8;

/// Which of [`KEY_TABLES`] a request id is in: by its user, whose slot's low bits say it.
pub(super) fn key_table(key: &RequestKey) -> u8 {
    (OrderId::slot_of(key.who) % u16::from(KEY_TABLES)) as u8
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'a> {
    Number(u64),
    Signed(i64),
    Bytes(&'a [u8]),
    Null,
}

/// A statement, or several parted by `;`, in the making.
#[derive(Debug, Default)]
pub(super) struct Sql {
    text: String,
    /// Whether a list has begun: what comes next is parted from what was.
    in_list: bool,
}

impl Sql {
    pub fn new() -> Sql {
        Sql::default()
    }

    /// What is written in the source, and only that.
    pub fn raw(&mut self, text: &'static str) -> &mut Sql {
        self.text.push_str(text);
        self.in_list = false;
        self
    }

    pub fn number(&mut self, number: u64) -> &mut Sql {
        self.cell(Cell::Number(number))
    }

    pub fn cell(&mut self, cell: Cell<'_>) -> &mut Sql {
        match cell {
            Cell::Number(number) => push_number(&mut self.text, number),
            Cell::Signed(number) => {
                if number < 0 {
                    self.text.push('-');
                }
                push_number(&mut self.text, number.unsigned_abs());
            }
            Cell::Bytes(bytes) => push_hex(&mut self.text, bytes),
            Cell::Null => self.text.push_str("NULL"),
        }
        self
    }

    /// The name of a table of request ids.
    pub fn keys_of(&mut self, table: u8) -> &mut Sql {
        self.raw("request_keys_").number(u64::from(table))
    }

    /// The name of a slice's table: `orders_202611_03`.
    pub fn table_of(&mut self, table: &'static str, slice: &Slice) -> &mut Sql {
        self.raw(table);
        self.text.push_str(&slice.name());
        self
    }

    /// The next row of a list: `(1, x'00', NULL)`.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> &mut Sql {
        self.text.push_str(if self.in_list { ",(" } else { "(" });
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            self.cell(*cell);
        }
        self.text.push(')');
        self.in_list = true;
        self
    }

    /// The next choice of a condition: `(user=1 AND request=x'00')`. Both MySQL and MariaDB turn such choices into one look at
    /// the index each; of a list of rows (`(a, b) IN (…)`) MariaDB makes a walk through the table, with all its locks.
    pub fn choice(&mut self, names: &[&'static str], cells: &[Cell<'_>]) -> &mut Sql {
        debug_assert_eq!(names.len(), cells.len());
        self.text.push_str(if self.in_list { " OR (" } else { "(" });
        for (at, (name, cell)) in names.iter().zip(cells).enumerate() {
            if at > 0 {
                self.text.push_str(" AND ");
            }
            self.text.push_str(name);
            self.text.push('=');
            self.cell(*cell);
        }
        self.text.push(')');
        self.in_list = true;
        self
    }

    pub fn shelf_choice(&mut self, shelf: ShelfKey) -> &mut Sql {
        self.choice(&["shelf_kind", "shelf_id", "place"], &shelf_cells(shelf))
    }

    pub fn key_choice(&mut self, key: &RequestKey) -> &mut Sql {
        let id = request_bytes(key.id);
        self.choice(&["user", "request"], &[Cell::Number(key.who.0), Cell::Bytes(&id)])
    }

    pub fn count_choice(&mut self, key: &CountKey) -> &mut Sql {
        self.choice(&["user", "kind", "subject"], &count_cells(key))
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The three columns of a shelf.
pub(super) fn shelf_cells(shelf: ShelfKey) -> [Cell<'static>; 3] {
    let (kind, id, place) = match shelf {
        ShelfKey::Stock(sku, warehouse) => (1, sku.0, warehouse.0),
        ShelfKey::SaleCap(sale) => (2, u64::from(sale.0), 0),
        ShelfKey::CouponQuota(coupon) => (3, coupon.0, 0),
    };
    [Cell::Number(kind), Cell::Number(id), Cell::Number(u64::from(place))]
}

/// The shelf of three columns; nothing where they name none.
pub(super) fn shelf_of((kind, id, place): (u8, u64, u32)) -> Option<ShelfKey> {
    match kind {
        1 => Some(ShelfKey::Stock(SkuId(id), WarehouseId(place))),
        2 => u32::try_from(id).ok().map(|sale| ShelfKey::SaleCap(SaleId(sale))),
        3 => Some(ShelfKey::CouponQuota(CouponId(id))),
        _ => None,
    }
}

/// The three columns of a count.
pub(super) fn count_cells(key: &CountKey) -> [Cell<'static>; 3] {
    [Cell::Number(key.user.0), Cell::Number(key.kind as u64), Cell::Number(key.subject)]
}

/// The columns of a transition, after the order's id.
pub(super) fn history_cells(order: OrderId, row: &HistoryRow) -> [Cell<'static>; 8] {
    let HistoryRow { from, to, at, actor, why, version } = row; // no `..`: a new field stops the build here
    let (actor_kind, actor) = match actor {
        Actor::User(user) => (1, user.0),
        Actor::Operator(key) => (2, u64::from(*key)),
        Actor::Timer => (3, 0),
        Actor::Gateway(gateway) => (4, u64::from(gateway.0)),
    };
    [
        Cell::Number(order.0),
        Cell::Number(u64::from(*version)),
        Cell::Number(u64::from(from.map_or(0, State::number))),
        Cell::Number(u64::from(to.number())),
        Cell::Signed(at.0),
        Cell::Number(actor_kind),
        Cell::Number(actor),
        Cell::Number(u64::from(*why)),
    ]
}

fn push_number(text: &mut String, number: u64) {
    // The digits of 2^64, from the last.
    let mut digits = [0; 20];
    let (mut at, mut rest) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.reserve(bytes.len() * 2 + 3);
    text.push_str("x'");
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::UserId;

    #[test]
    fn fields_are_numbers_and_hex() {
        let mut sql = Sql::new();
        sql.raw("VALUES ").row(&[Cell::Number(u64::MAX), Cell::Signed(i64::MIN), Cell::Null]);
        sql.row(&[Cell::Bytes(b"');--"), Cell::Bytes(b""), Cell::Number(0)]);
        let text = "VALUES (18446744073709551615,-9223372036854775808,NULL),(x'27293b2d2d',x'',0)";
        assert_eq!(sql.text(), text);
    }

    #[test]
    fn lists_begin_anew_after_words() {
        let stock = ShelfKey::Stock(SkuId(7), WarehouseId(2));
        let mut sql = Sql::new();
        sql.raw("WHERE ").shelf_choice(stock).shelf_choice(ShelfKey::SaleCap(SaleId(1))).raw("; VALUES ");
        sql.row(&[Cell::Number(1)]);
        let text = "WHERE (shelf_kind=1 AND shelf_id=7 AND place=2) OR (shelf_kind=2 AND shelf_id=1 AND place=0); VALUES (1)";
        assert_eq!(sql.text(), text);
    }

    #[test]
    fn shelves_come_back_from_their_columns() {
        for shelf in [
            ShelfKey::Stock(SkuId(u64::MAX), WarehouseId(3)),
            ShelfKey::SaleCap(SaleId(u32::MAX)),
            ShelfKey::CouponQuota(CouponId(5)),
        ] {
            let [Cell::Number(kind), Cell::Number(id), Cell::Number(place)] = shelf_cells(shelf) else {
                panic!("three numbers");
            };
            assert_eq!(shelf_of((kind as u8, id, place as u32)), Some(shelf));
        }
        assert_eq!(shelf_of((4, 1, 1)), None);
        assert_eq!(shelf_of((2, u64::MAX, 0)), None);
    }

    #[test]
    fn every_table_of_request_ids_has_users() {
        let table = |user| key_table(&RequestKey { who: UserId(user), id: domain::RequestId(1) });
        assert!((0..KEY_TABLES).all(|wanted| (0..1_000).any(|user| table(user) == wanted)));
    }
}
