//! A shop's purchase history, read from CSV: `order,user,at,sku,quantity,unit_price_minor`.
//!
//! A line that does not parse is an error that names it. Values that parse but that no server would take (a
//! quantity of 0, user 0) stay in: what the server says to them is part of a replay. Nothing is sent from here.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, Read};

use crate::instant::parse_rfc3339_us;

/// The first line of the file.
pub const HEADER: &str = "order,user,at,sku,quantity,unit_price_minor";
/// Bytes of one line, at most; the longest sensible one has about 120.
pub const LINE_BYTES_MAX: usize = 1_024;
/// Skus of one order, at most: what the wire carries.
pub const ORDER_LINES_MAX: usize = protocol::bounds::LINES_MAX as usize;
/// Orders in one file, at most.
pub const ORDERS_MAX: usize = 1 << 27;

/// A file's orders in the order of their times (in that of the file, where times are equal).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purchases {
    orders: Vec<Purchase>,
    lines: Vec<PurchaseLine>,
    goods: Vec<Goods>,
}

/// One order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// The file's own number for it.
    pub order: u64,
    /// Who bought.
    pub user: u64,
    /// When, in microseconds since 1970, UTC.
    pub at_us: i64,
    /// What the rows add up to, in minor units.
    pub total: i64,
    first_line: u32,
    line_count: u32,
}

/// What an order takes of one sku.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurchaseLine {
    /// Place of the sku in [`Purchases::goods`].
    pub goods: u32,
    /// Units, summed over the order's rows of this sku.
    pub quantity: u32,
    /// Price of one unit in minor units, as the order's last row of this sku shows it.
    pub unit_price: i64,
}

/// A sku of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goods {
    /// Its id.
    pub sku: u64,
    /// Units that all orders together ask for.
    pub units: u64,
    /// The price that the earliest order shows, in minor units.
    pub first_price: i64,
}

/// Why a file cannot be replayed.
#[derive(Debug)]
pub enum NotPurchases {
    /// The file could not be read.
    Read(std::io::Error),
    /// A line is wrong.
    Line {
        /// Counted from 1, the header included.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl Purchases {
    /// Reads a whole file. Rows of one order follow each other and name the same user; a sku that stands in
    /// several of them is summed.
    pub fn read(file: impl BufRead) -> Result<Purchases, NotPurchases> {
        let mut reading = Reading::default();
        let mut rows = Rows { file, number: 0, bytes: Vec::with_capacity(LINE_BYTES_MAX) };
        rows.expect_header()?;
        while let Some((line, text)) = rows.next_row()? {
            parse_row(text)
                .and_then(|row| reading.add(row))
                .map_err(|why| NotPurchases::Line { line, why })?;
        }
        Ok(reading.finish())
    }

    /// All orders, earliest first.
    pub fn orders(&self) -> &[Purchase] {
        &self.orders
    }

    /// The lines of one order: each sku once.
    pub fn lines(&self, order: &Purchase) -> &[PurchaseLine] {
        &self.lines[order.first_line as usize..][..order.line_count as usize]
    }

    /// Every sku of the file, in the order of its first appearance there.
    pub fn goods(&self) -> &[Goods] {
        &self.goods
    }
}

impl fmt::Display for NotPurchases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotPurchases::Read(error) => write!(f, "cannot be read: {error}"),
            NotPurchases::Line { line, why } => write!(f, "line {line}: {why}"),
        }
    }
}

impl std::error::Error for NotPurchases {}

/// The lines of a file, each within its bound.
struct Rows<R> {
    file: R,
    number: u64,
    bytes: Vec<u8>,
}

impl<R: BufRead> Rows<R> {
    fn expect_header(&mut self) -> Result<(), NotPurchases> {
        let header = self.next_row()?.map(|(_, text)| text.trim_start_matches('\u{feff}') == HEADER);
        match header {
            Some(true) => Ok(()),
            Some(false) | None => {
                Err(NotPurchases::Line { line: 1, why: format!("the first line must be «{HEADER}»") })
            }
        }
    }

    /// The next line that is not empty, with its number.
    fn next_row(&mut self) -> Result<Option<(u64, &str)>, NotPurchases> {
        loop {
            self.bytes.clear();
            let bound = LINE_BYTES_MAX as u64 + 1;
            let read = (&mut self.file)
                .take(bound)
                .read_until(b'\n', &mut self.bytes)
                .map_err(NotPurchases::Read)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.bytes.len() > LINE_BYTES_MAX {
                let why = format!("it is longer than {LINE_BYTES_MAX} bytes");
                return Err(NotPurchases::Line { line: self.number, why });
            }
            if !self.bytes.trim_ascii().is_empty() {
                break;
            }
        }
        match std::str::from_utf8(self.bytes.trim_ascii()) {
            Ok(text) => Ok(Some((self.number, text))),
            Err(_) => Err(NotPurchases::Line { line: self.number, why: "it is not UTF-8 text".to_owned() }),
        }
    }
}

/// A parsed line.
struct Row {
    order: u64,
    user: u64,
    at_us: i64,
    sku: u64,
    quantity: u32,
    unit_price: i64,
}

fn parse_row(text: &str) -> Result<Row, String> {
    let mut fields = [""; 6];
    let mut count = 0;
    for field in text.split(',') {
        if let Some(place) = fields.get_mut(count) {
            *place = field.trim();
        }
        count += 1;
    }
    if count != fields.len() {
        return Err(format!("it has {count} fields, not the 6 of «{HEADER}»"));
    }
    let [order, user, at, sku, quantity, unit_price] = fields;
    let at_us = parse_rfc3339_us(at)
        .ok_or_else(|| format!("at «{}» is no time like 1997-01-31T23:59:59Z", shortened(at)))?;
    Ok(Row {
        order: whole_number("order", order)?,
        user: whole_number("user", user)?,
        at_us,
        sku: whole_number("sku", sku)?,
        quantity: whole_number("quantity", quantity)?,
        unit_price: whole_number("unit_price_minor", unit_price)?,
    })
}

fn whole_number<N: std::str::FromStr<Err = std::num::ParseIntError>>(
    name: &str,
    text: &str,
) -> Result<N, String> {
    text.parse().map_err(|error| format!("{name} «{}»: {error}", shortened(text)))
}

/// The beginning of a field, for an error message.
fn shortened(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(end, _)| &text[..end])
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    purchases: Purchases,
    place_of_sku: HashMap<u64, u32>,
    seen: std::collections::HashSet<u64>,
    /// Where a sku of the order being read stands, so that a basket of thousands is not searched row by row.
    line_of_sku: HashMap<u64, usize>,
}

impl Reading {
    fn add(&mut self, row: Row) -> Result<(), String> {
        let same_order = self.purchases.orders.last().is_some_and(|last| last.order == row.order);
        if !same_order {
            self.begin_order(&row)?;
        }
        let money = i64::from(row.quantity).checked_mul(row.unit_price);
        let order = self.purchases.orders.last_mut().expect("an order was begun above, or is being read");
        if order.user != row.user {
            return Err(format!(
                "order {} belongs to user {} in the line before and to user {} here",
                row.order, order.user, row.user
            ));
        }
        order.total = money
            .and_then(|money| order.total.checked_add(money))
            .ok_or_else(|| format!("the total of order {} does not fit 64 bits", row.order))?;
        let goods = self.goods(&row)?;
        self.add_line(&row, goods)
    }

    fn begin_order(&mut self, row: &Row) -> Result<(), String> {
        if !self.seen.insert(row.order) {
            return Err(format!(
                "order {} stood further up already: its lines must follow each other",
                row.order
            ));
        }
        if self.purchases.orders.len() >= ORDERS_MAX {
            return Err(format!("more than {ORDERS_MAX} orders in one file"));
        }
        let first_line = u32::try_from(self.purchases.lines.len())
            .map_err(|_| format!("more than {} lines in one file", u32::MAX))?;
        self.line_of_sku.clear();
        self.purchases.orders.push(Purchase {
            order: row.order,
            user: row.user,
            at_us: row.at_us,
            total: 0,
            first_line,
            line_count: 0,
        });
        Ok(())
    }

    /// The place of a row's sku, with the row's units counted.
    fn goods(&mut self, row: &Row) -> Result<u32, String> {
        let goods = &mut self.purchases.goods;
        let place = *self.place_of_sku.entry(row.sku).or_insert_with(|| {
            goods.push(Goods { sku: row.sku, units: 0, first_price: row.unit_price });
            // Each sku has a line, and lines are counted in 32 bits.
            (goods.len() - 1) as u32
        });
        let units = &mut goods[place as usize].units;
        *units = units
            .checked_add(u64::from(row.quantity))
            .ok_or_else(|| format!("the units of sku {} do not fit 64 bits", row.sku))?;
        Ok(place)
    }

    fn add_line(&mut self, row: &Row, goods: u32) -> Result<(), String> {
        let Purchases { orders, lines, .. } = &mut self.purchases;
        let order = orders.last_mut().expect("a line is added to the order being read");
        if let Some(&place) = self.line_of_sku.get(&row.sku) {
            let line = &mut lines[place];
            line.quantity = line
                .quantity
                .checked_add(row.quantity)
                .ok_or_else(|| format!("the units of sku {} in this order do not fit 32 bits", row.sku))?;
            line.unit_price = row.unit_price;
            return Ok(());
        }
        if order.line_count as usize >= ORDER_LINES_MAX {
            return Err(format!("order {} has more than {ORDER_LINES_MAX} skus", row.order));
        }
        self.line_of_sku.insert(row.sku, lines.len());
        lines.push(PurchaseLine { goods, quantity: row.quantity, unit_price: row.unit_price });
        order.line_count += 1;
        Ok(())
    }

    fn finish(self) -> Purchases {
        let mut purchases = self.purchases;
        // Stable: orders of one instant keep the order of the file.
        purchases.orders.sort_by_key(|order| order.at_us);
        let mut priced = vec![false; purchases.goods.len()];
        for order in &purchases.orders {
            for line in &purchases.lines[order.first_line as usize..][..order.line_count as usize] {
                let place = line.goods as usize;
                if !std::mem::replace(&mut priced[place], true) {
                    purchases.goods[place].first_price = line.unit_price;
                }
            }
        }
        purchases
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads rows below the header; gives `order/user: sku×quantity@price… =total` an order, or the error.
    fn check(rows: &str, expected: &str) {
        let text = format!("{HEADER}\n{rows}");
        let found = match Purchases::read(text.as_bytes()) {
            Ok(purchases) => {
                purchases.orders().iter().map(|o| told(&purchases, o)).collect::<Vec<_>>().join("; ")
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "of {rows:?}");
    }

    fn told(purchases: &Purchases, order: &Purchase) -> String {
        let lines: Vec<String> = purchases
            .lines(order)
            .iter()
            .map(|l| format!("{}×{}@{}", purchases.goods()[l.goods as usize].sku, l.quantity, l.unit_price))
            .collect();
        format!("{}/{}: {} ={}", order.order, order.user, lines.join(" "), order.total)
    }

    #[test]
    fn rows_become_orders() {
        check("", "");
        check("1,7,1997-01-01T00:00:00Z,10,2,150", "1/7: 10×2@150 =300");
        check("1,7,1997-01-01T00:00:00Z,10,2,150\r\n\r\n", "1/7: 10×2@150 =300");
        check(
            "1,7,1997-01-01T00:00:00Z,10,2,150\n1,7,1997-01-01T00:00:00Z,11,1,5",
            "1/7: 10×2@150 11×1@5 =305",
        );
        // The same sku twice is summed.
        check("1,7,1997-01-01T00:00:00Z,10,2,150\n1,7,1997-01-01T00:00:00Z,10,3,150", "1/7: 10×5@150 =750");
        // Times give the order, the file where they are equal.
        check(
            "1,7,1997-01-02T00:00:00Z,10,1,1\n2,8,1997-01-01T00:00:00Z,10,1,1\n3,9,1997-01-01T00:00:00Z,10,1,1",
            "2/8: 10×1@1 =1; 3/9: 10×1@1 =1; 1/7: 10×1@1 =1",
        );
        // What a server refuses is still a row.
        check("1,0,1997-01-01T00:00:00Z,0,0,-5", "1/0: 0×0@-5 =0");
    }

    #[test]
    fn a_bad_line_is_named() {
        let good = "1,7,1997-01-01T00:00:00Z,10,2,150";
        check(
            &format!("{good}\nx"),
            "line 3: it has 1 fields, not the 6 of «order,user,at,sku,quantity,unit_price_minor»",
        );
        check("1,7,1997-01-01T00:00:00Z,10,-1,150", "line 2: quantity «-1»: invalid digit found in string");
        check(
            "1,7,1997-01-01T00:00:00Z,10,,150",
            "line 2: quantity «»: cannot parse integer from empty string",
        );
        check(
            "1,7,1997-02-30T00:00:00Z,10,1,1",
            "line 2: at «1997-02-30T00:00:00Z» is no time like 1997-01-31T23:59:59Z",
        );
        check(
            &format!("{good}\n1,8,1997-01-01T00:00:00Z,11,1,1"),
            "line 3: order 1 belongs to user 7 in the line before and to user 8 here",
        );
        check(
            &format!("{good}\n2,7,1997-01-01T00:00:00Z,11,1,1\n{good}"),
            "line 4: order 1 stood further up already: its lines must follow each other",
        );
        check(
            "1,7,1997-01-01T00:00:00Z,10,2,9223372036854775807",
            "line 2: the total of order 1 does not fit 64 bits",
        );
        check(&format!("{good}\n{}", "9".repeat(2_000)), "line 3: it is longer than 1024 bytes");
    }

    #[test]
    fn a_file_without_the_header_is_told_so() {
        for text in ["", "1,7,1997-01-01T00:00:00Z,10,2,150\n", "\n\norder;user\n"] {
            let error = Purchases::read(text.as_bytes()).expect_err("there is no header").to_string();
            assert!(error.starts_with("line 1: the first line must be"), "{error}");
        }
        let with_mark = format!("\u{feff}{HEADER}\n");
        assert!(Purchases::read(with_mark.as_bytes()).is_ok(), "a byte-order mark is harmless");
    }

    #[test]
    fn the_first_price_is_that_of_the_earliest_order() {
        let text =
            format!("{HEADER}\n1,7,1997-01-02T00:00:00Z,10,1,200\n2,7,1997-01-01T00:00:00Z,10,4,100\n");
        let purchases = Purchases::read(text.as_bytes()).expect("a good file");
        assert_eq!(purchases.goods(), [Goods { sku: 10, units: 5, first_price: 100 }]);
    }

    #[test]
    fn no_bytes_make_it_panic_and_every_error_names_a_line() {
        let seed = crate::testing::seed();
        let mut random = fastrand::Rng::with_seed(seed);
        let alphabet = b"0123456789,,,,,--::TZ.\n\n\r\"\xff\xc3 +e";
        for round in 0..20_000 {
            let mut text = if random.u8(..) < 200 { format!("{HEADER}\n").into_bytes() } else { Vec::new() };
            for _ in 0..random.usize(..4) {
                text.extend_from_slice(b"1,7,1997-01-01T00:00:00Z,10,2,150\n");
            }
            for _ in 0..random.usize(..60) {
                text.push(alphabet[random.usize(..alphabet.len())]);
            }
            let lines = 1 + text.iter().filter(|&&byte| byte == b'\n').count() as u64;
            match Purchases::read(text.as_slice()) {
                Ok(purchases) => assert!(purchases.orders().len() <= 6),
                Err(NotPurchases::Line { line, .. }) => {
                    assert!((1..=lines).contains(&line), "round {round}, again with TIDEGATE_SEED={seed:#x}");
                }
                Err(NotPurchases::Read(error)) => panic!("memory cannot fail to be read: {error}"),
            }
        }
    }
}
