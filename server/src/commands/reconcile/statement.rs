//! A gateway's statement, read from CSV and judged line by line before anything is asked or sent.
//!
//! The first line names the columns, in any order: `status`, `amount_minor`, `currency` and `at`, and `payment` or
//! `order` with `attempt`; `reference` and `refund` may be there. Fields may stand in double quotes; they hold no
//! commas.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, Read};
use std::str::FromStr;

use tidegate_sdk::{Currency, MicrosUtc, Money, OrderId, PaymentId};

/// Bytes of one line, at most; the longest sensible one has about 160.
pub const LINE_BYTES_MAX: usize = 4_096;
/// Rows of one statement, at most: a longer one is cut by days.
pub const ROWS_MAX: usize = 1 << 22;

/// The columns that are understood.
const COLUMNS: [&str; 9] =
    ["payment", "order", "attempt", "status", "amount_minor", "currency", "at", "reference", "refund"];

/// Rows by payment, in the order of their first appearance.
#[derive(Debug, Default)]
pub struct Statement {
    /// Every row.
    pub rows: usize,
    /// Of each payment.
    pub payments: Vec<OfPayment>,
    /// Rows that name no payment.
    pub nameless: Vec<Row>,
}

/// What the statement says of one payment.
#[derive(Debug)]
pub struct OfPayment {
    pub payment: PaymentId,
    pub rows: Vec<Row>,
}

/// A line of the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Counted from 1, the header included.
    pub line: u64,
    /// The order, where the line names one.
    pub order: Option<OrderId>,
    pub says: Says,
    pub money: Money,
    pub at: MicrosUtc,
    /// The gateway's own number of the transfer; 0: none.
    pub reference: u64,
    /// Which refund of the payment, from 1; 0: the line does not say.
    pub refund: u16,
}

/// What happened, as the gateway has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    Paid,
    Failed,
    Refunded,
    RefundFailed,
}

/// Why a file is no statement.
#[derive(Debug)]
pub enum NotAStatement {
    /// It could not be read.
    Read(std::io::Error),
    /// A line is wrong.
    Line { line: u64, why: String },
}

impl Statement {
    /// Reads a whole file.
    pub fn read(file: impl BufRead) -> Result<Statement, NotAStatement> {
        let mut lines = Lines { file, number: 0, bytes: Vec::with_capacity(LINE_BYTES_MAX) };
        let columns = match lines.next()? {
            Some((line, text)) => {
                Columns::read(text.trim_start_matches('\u{feff}')).map_err(|why| wrong(line, why))?
            }
            None => return Err(wrong(1, "it is empty: the first line names the columns".to_owned())),
        };
        let (mut statement, mut places) = (Statement::default(), HashMap::new());
        while let Some((line, text)) = lines.next()? {
            let (payment, row) = columns.row(line, text).map_err(|why| wrong(line, why))?;
            if statement.rows == ROWS_MAX {
                return Err(wrong(line, format!("more than {ROWS_MAX} rows: cut the statement by days")));
            }
            statement.rows += 1;
            let Some(payment) = payment else {
                statement.nameless.push(row);
                continue;
            };
            let place = *places.entry(payment).or_insert_with(|| {
                statement.payments.push(OfPayment { payment, rows: Vec::with_capacity(1) });
                statement.payments.len() - 1
            });
            statement.payments[place].rows.push(row);
        }
        Ok(statement)
    }
}

impl Says {
    const ALL: [Says; 4] = [Says::Paid, Says::Failed, Says::Refunded, Says::RefundFailed];

    /// As the file has it.
    pub const fn name(self) -> &'static str {
        match self {
            Says::Paid => "paid",
            Says::Failed => "failed",
            Says::Refunded => "refunded",
            Says::RefundFailed => "refund_failed",
        }
    }
}

impl fmt::Display for NotAStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotAStatement::Read(why) => write!(f, "cannot be read: {why}"),
            NotAStatement::Line { line, why } => write!(f, "line {line}: {why}"),
        }
    }
}

impl std::error::Error for NotAStatement {}

fn wrong(line: u64, why: String) -> NotAStatement {
    NotAStatement::Line { line, why }
}

/// Where each of [`COLUMNS`] stands in a line.
struct Columns {
    places: [Option<usize>; COLUMNS.len()],
    count: usize,
}

impl Columns {
    fn read(header: &str) -> Result<Columns, String> {
        let mut columns = Columns { places: [None; COLUMNS.len()], count: 0 };
        for name in header.split(',').map(unquoted) {
            let known = COLUMNS.iter().position(|column| *column == name);
            let known = known.ok_or_else(|| {
                format!("«{}» is no column: there are {}", shortened(name), COLUMNS.join(", "))
            })?;
            if columns.places[known].replace(columns.count).is_some() {
                return Err(format!("column {name} stands twice"));
            }
            columns.count += 1;
        }
        let has = |name: &str| columns.place(name).is_some();
        for name in ["status", "amount_minor", "currency", "at"] {
            if !has(name) {
                return Err(format!("there is no column {name}"));
            }
        }
        if !(has("payment") || has("order") && has("attempt")) {
            return Err("there is no column payment, nor order with attempt".to_owned());
        }
        Ok(columns)
    }

    fn place(&self, name: &str) -> Option<usize> {
        let column =
            COLUMNS.iter().position(|column| *column == name).expect("only known columns are asked for");
        self.places[column]
    }

    fn row(&self, line: u64, text: &str) -> Result<(Option<PaymentId>, Row), String> {
        let mut fields = [""; COLUMNS.len()];
        let mut count = 0;
        for field in text.split(',') {
            if let Some(place) = fields.get_mut(count) {
                *place = unquoted(field);
            }
            count += 1;
        }
        if count != self.count {
            return Err(format!("it has {count} fields, the header has {}", self.count));
        }
        let field = |name: &str| self.place(name).map_or("", |place| fields[place]);
        let order = number("order", field("order"))?;
        let payment =
            match (number("payment", field("payment"))?, order, number("attempt", field("attempt"))?) {
                (Some(payment), _, _) => Some(payment),
                (None, Some(order), Some(attempt)) => {
                    Some(domain::PaymentId::new(domain::OrderId(order), attempt).0)
                }
                (None, _, _) => None,
            };
        let status = field("status");
        let says = Says::ALL.into_iter().find(|says| says.name() == status).ok_or_else(|| {
            format!("status «{}» is none of paid, failed, refunded, refund_failed", shortened(status))
        })?;
        let row = Row {
            line,
            order: order.map(OrderId),
            says,
            money: money(says, field("amount_minor"), field("currency"))?,
            at: field("at").parse().map_err(|_| {
                format!("at «{}» is no time like 2026-01-31T23:59:59Z", shortened(field("at")))
            })?,
            reference: number("reference", field("reference"))?.unwrap_or(0),
            refund: number("refund", field("refund"))?.unwrap_or(0),
        };
        Ok((payment.map(PaymentId), row))
    }
}

/// What moved; of a failed attempt it may be left out.
fn money(says: Says, amount: &str, currency: &str) -> Result<Money, String> {
    if says == Says::Failed && amount.is_empty() && currency.is_empty() {
        return Ok(Money::new(0, Currency(0)));
    }
    let minor_units = number::<i64>("amount_minor", amount)?.ok_or("amount_minor is empty")?;
    if minor_units < 0 {
        return Err(format!("amount_minor {minor_units} is below 0: what went back has a status of its own"));
    }
    let currency = Currency::parse(currency).ok_or_else(|| {
        format!("currency «{}» is none: use letters like EUR, or a number", shortened(currency))
    })?;
    Ok(Money::new(minor_units, currency))
}

/// A whole number; nothing where the field is empty.
fn number<N: FromStr>(name: &str, text: &str) -> Result<Option<N>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    // «+5» and «-0» would pass as numbers, and are more likely a column that slipped.
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{name} «{}» is no whole number", shortened(text)));
    }
    text.parse().map(Some).map_err(|_| format!("{name} «{}» is out of range", shortened(text)))
}

fn unquoted(field: &str) -> &str {
    let field = field.trim();
    field.strip_prefix('"').and_then(|it| it.strip_suffix('"')).map_or(field, str::trim)
}

/// What fits into a sentence.
fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    let shown: String =
        text.chars().take(SHOWN_MAX).map(|it| if it.is_control() { '?' } else { it }).collect();
    if text.chars().nth(SHOWN_MAX).is_some() { shown + "…" } else { shown }
}

/// The lines of a file that are not empty, each within its bound.
struct Lines<R> {
    file: R,
    number: u64,
    bytes: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<(u64, &str)>, NotAStatement> {
        loop {
            self.bytes.clear();
            let bound = LINE_BYTES_MAX as u64 + 1;
            let read = (&mut self.file).take(bound).read_until(b'\n', &mut self.bytes);
            if read.map_err(NotAStatement::Read)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.bytes.len() > LINE_BYTES_MAX {
                return Err(wrong(self.number, format!("it is longer than {LINE_BYTES_MAX} bytes")));
            }
            if !self.bytes.trim_ascii().is_empty() {
                break;
            }
        }
        match std::str::from_utf8(self.bytes.trim_ascii()) {
            Ok(text) => Ok(Some((self.number, text))),
            Err(_) => Err(wrong(self.number, "it is not UTF-8 text".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "payment,order,attempt,status,amount_minor,currency,at,reference,refund\n";

    fn read(text: &str) -> Result<Statement, String> {
        Statement::read(text.as_bytes()).map_err(|why| why.to_string())
    }

    #[test]
    fn a_line_is_read_whatever_its_columns_order() {
        let text = "\u{feff}\"at\",currency,status,payment,amount_minor\r\n\r\n\
                    2026-01-31T23:59:59Z,EUR,paid,\"77\",500\r\n2026-02-01T00:00:00Z,978,refunded,77,20\n";
        let statement = read(text).expect("it is one");
        let row = Row {
            line: 3,
            order: None,
            says: Says::Paid,
            money: Money::new(500, Currency::EUR),
            at: "2026-01-31T23:59:59Z".parse().expect("a time"),
            reference: 0,
            refund: 0,
        };
        let [of] = &statement.payments[..] else { panic!("{statement:?}") };
        assert_eq!((of.payment, of.rows[0], of.rows.len()), (PaymentId(77), row, 2));
        assert_eq!(of.rows[1].money, Money::new(20, Currency::EUR));
    }

    #[test]
    fn a_payment_is_named_by_its_order_and_attempt_too_or_not_at_all() {
        let order = domain::OrderId::new(9, 5, 1);
        let text = format!(
            "{HEAD},{},2,failed,,,2026-01-31T23:59:59Z,,\n,,,paid,1,EUR,2026-01-31T23:59:59Z,8,",
            order.0
        );
        let statement = read(&text).expect("it is one");
        assert_eq!(statement.payments[0].payment.0, domain::PaymentId::new(order, 2).0);
        assert_eq!((statement.nameless[0].reference, statement.rows), (8, 2));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let row = |row: &str| read(&format!("{HEAD}\n{row}\n")).expect_err(row);
        let says = |row_text: &str, why: &str| assert_eq!(row(row_text), format!("line 3: {why}"));
        says("1,2", "it has 2 fields, the header has 9");
        says("x,,,paid,1,EUR,2026-01-31T23:59:59Z,,", "payment «x» is no whole number");
        says("+1,,,paid,1,EUR,2026-01-31T23:59:59Z,,", "payment «+1» is no whole number");
        says("-1,,,paid,1,EUR,2026-01-31T23:59:59Z,,", "payment «-1» is out of range");
        says(
            "99999999999999999999,,,paid,1,EUR,2026-01-31T23:59:59Z,,",
            "payment «99999999999999999999» is out of range",
        );
        says("1,2,65536,paid,1,EUR,2026-01-31T23:59:59Z,,", "attempt «65536» is out of range");
        says(
            "1,,,Paid,1,EUR,2026-01-31T23:59:59Z,,",
            "status «Paid» is none of paid, failed, refunded, refund_failed",
        );
        says("1,,,paid,,EUR,2026-01-31T23:59:59Z,,", "amount_minor is empty");
        says(
            "1,,,paid,-5,EUR,2026-01-31T23:59:59Z,,",
            "amount_minor -5 is below 0: what went back has a status of its own",
        );
        says(
            "1,,,paid,9223372036854775808,EUR,2026-01-31T23:59:59Z,,",
            "amount_minor «9223372036854775808» is out of range",
        );
        says("1,,,paid,1.5,EUR,2026-01-31T23:59:59Z,,", "amount_minor «1.5» is no whole number");
        says(
            "1,,,paid,1,EURO,2026-01-31T23:59:59Z,,",
            "currency «EURO» is none: use letters like EUR, or a number",
        );
        says("1,,,paid,1,EUR,yesterday,,", "at «yesterday» is no time like 2026-01-31T23:59:59Z");
        assert_eq!(read("").expect_err("empty"), "line 1: it is empty: the first line names the columns");
        let head = |text: &str| read(text).expect_err(text);
        assert_eq!(head("payment,status,amount_minor,at"), "line 1: there is no column currency");
        assert_eq!(
            head("order,status,amount_minor,currency,at"),
            "line 1: there is no column payment, nor order with attempt"
        );
        assert_eq!(head("payment,payment,at"), "line 1: column payment stands twice");
        assert!(
            head("payment,colour").starts_with("line 1: «colour» is no column: there are payment, order")
        );
        let long = head(&format!("{HEAD}{}", "x".repeat(LINE_BYTES_MAX + 1)));
        assert_eq!(long, "line 2: it is longer than 4096 bytes");
    }

    #[test]
    fn nonsense_is_refused_and_never_a_panic() {
        const LETTERS: &[u8] = b",,,,\n\"0159-:TZpaid\xff\0";
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        for length in 0..2_000_usize {
            let bytes: Vec<u8> = (0..length % 97)
                .map(|_| {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    LETTERS[(random >> 33) as usize % LETTERS.len()]
                })
                .collect();
            let whole = [HEAD.as_bytes(), &bytes].concat();
            if let Err(why) = Statement::read(&whole[..]) {
                assert!(why.to_string().starts_with("line "), "{why}");
            }
        }
    }
}
