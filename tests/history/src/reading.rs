//! Records as rows, read into what happened to each request. Nothing is judged here.

use std::collections::HashMap;
use std::io::BufRead;

use crate::{ROWS_MAX, Unreadable};

/// A moment: rows are counted through all records.
pub(crate) type Row = u64;

/// All records.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub requests: Vec<Request>,
    pub lives: Vec<Life>,
    /// What requests are about: (sku, units), one request behind the other.
    lines: Vec<(u64, u64)>,
}

/// What one record says in common.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub skus: Vec<SkuBefore>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SkuBefore {
    pub sku: u64,
    /// Held and sold.
    pub units: u64,
    pub sellable: u64,
}

/// What happened to one request id.
#[derive(Debug)]
pub(crate) struct Request {
    /// Index of its record.
    pub life: usize,
    pub user: u64,
    pub id: u128,
    lines: std::ops::Range<usize>,
    /// Asks without an answer so far.
    open: Vec<Row>,
    /// Every answer, in order.
    pub answers: Vec<Answer>,
    pub asks: u64,
    /// Since when it may have become an order: the first ask that is not known to have been refused.
    pub possible_from: Option<Row>,
    /// An ask of it was lost: it may have taken effect at any later time.
    lost: bool,
    /// The first accepted answer.
    pub accepted: Option<(Row, u64)>,
    pub given_back: GivenBack,
    paid: bool,
}

/// What an ask was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// When the ask left. Of several without an answer the earliest, for nobody knows which it was.
    pub asked: Row,
    pub at: Row,
    pub said: Said,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Order(u64),
    SoldOut,
    InsufficientStock,
    /// Another rule of the shop, judged after the request id was looked up.
    RefusedByRule(String),
    /// Refused, and decided: nothing was done; but not of what is there.
    Refused,
    /// Nobody knows.
    Nothing,
}

/// When the units of an accepted order came back, if they did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GivenBack {
    /// A cancel or a refund was asked for.
    pub possibly: Option<Row>,
    /// A cancel of the unpaid order was answered.
    pub surely: Option<Row>,
    /// It was not paid when its cancel was asked for: then its units are no longer held, rather than back from
    /// having been sold.
    pub was_unpaid: bool,
}

/// Statuses that come before the request id is looked up, or that decide nothing: they may be told of an order that
/// is there. (WIRE.md: frame and session, load, and the window of request ids.)
const SAY_NOTHING_OF_THE_ORDER: [&str; 17] = [
    "BAD_FRAME",
    "UNSUPPORTED_VERSION",
    "FRAME_TOO_LARGE",
    "BAD_CHECKSUM",
    "UNKNOWN_KIND",
    "AUTH_REQUIRED",
    "AUTH_FAILED",
    "FORBIDDEN",
    "GOING_AWAY",
    "OVERLOADED",
    "RATE_LIMITED",
    "DEADLINE_EXCEEDED",
    "DRAINING",
    "STORE_UNAVAILABLE",
    "TOO_MANY_IN_FLIGHT",
    "SWITCHED_OFF",
    "REQUEST_ID_EXPIRED",
];

impl History {
    pub fn lines(&self, request: &Request) -> &[(u64, u64)] {
        &self.lines[request.lines.clone()]
    }
}

pub(crate) fn read<R: BufRead>(records: Vec<R>) -> Result<History, Unreadable> {
    let mut reading = Reading::default();
    for (at, mut record) in records.into_iter().enumerate() {
        let begins = reading.now;
        reading.history.lives.push(Life::default());
        reading.numbers.clear();
        let mut text = String::new();
        loop {
            text.clear();
            record.read_line(&mut text).map_err(Unreadable::Read)?;
            // Torn by the kill of who wrote it: nothing of this row left.
            let Some(row) = text.strip_suffix('\n') else { break };
            reading.now += 1;
            let read = if reading.now > ROWS_MAX { Err("there are too many rows") } else { reading.row(row) };
            read.map_err(|why| Unreadable::Row {
                record: at + 1,
                row: reading.now - begins,
                why: why.into(),
            })?;
        }
    }
    Ok(reading.history)
}

#[derive(Default)]
struct Reading {
    history: History,
    /// The numbers of this record.
    numbers: HashMap<u64, usize>,
    now: Row,
}

impl Reading {
    fn row(&mut self, row: &str) -> Result<(), &'static str> {
        let mut fields = row.split(' ');
        match fields.next() {
            Some("tidegate-record" | "#") => Ok(()),
            Some("sku") => {
                let [sku, units, sellable] = numbers(&mut fields)?;
                self.life().skus.push(SkuBefore { sku, units, sellable });
                Ok(())
            }
            Some(">") => self.asked(&mut fields),
            Some("+") => self.asked_again(&mut fields),
            Some("<") => self.answered(&mut fields),
            Some("!") => self.act_asked(&mut fields),
            Some("=") => self.act_answered(&mut fields),
            Some(_) | None => Err("no row begins like this"),
        }
    }

    fn asked<'a>(&mut self, fields: &mut impl Iterator<Item = &'a str>) -> Result<(), &'static str> {
        let [number, user] = numbers(fields)?;
        let id = u128::from_str_radix(fields.next().ok_or("a field is missing")?, 16).map_err(|_| "no id")?;
        fields.next().ok_or("the total is missing")?;
        let from = self.history.lines.len();
        for line in fields {
            let (sku, units) = line.split_once('*').ok_or("a line is SKU*UNITS")?;
            let [line] = [[sku, units].map(str::parse)];
            let [Ok(sku), Ok(units)] = line else { return Err("a line is SKU*UNITS") };
            self.history.lines.push((sku, units));
        }
        let request = Request {
            life: self.history.lives.len() - 1,
            user,
            id,
            lines: from..self.history.lines.len(),
            open: vec![self.now],
            answers: Vec::new(),
            asks: 1,
            possible_from: Some(self.now),
            lost: false,
            accepted: None,
            given_back: GivenBack::default(),
            paid: false,
        };
        if self.numbers.insert(number, self.history.requests.len()).is_some() {
            return Err("this number was asked before");
        }
        self.history.requests.push(request);
        Ok(())
    }

    fn asked_again<'a>(&mut self, fields: &mut impl Iterator<Item = &'a str>) -> Result<(), &'static str> {
        let now = self.now;
        let request = self.request(fields)?;
        request.asks += 1;
        request.open.push(now);
        request.possible_from.get_or_insert(now);
        Ok(())
    }

    fn answered<'a>(&mut self, fields: &mut impl Iterator<Item = &'a str>) -> Result<(), &'static str> {
        let now = self.now;
        let request = self.request(fields)?;
        if request.open.is_empty() {
            return Err("there was no ask to answer");
        }
        let asked = request.open.remove(0);
        let said = match fields.next().ok_or("the status is missing")? {
            "ACCEPTED" => {
                let [order] = numbers(fields)?;
                request.accepted.get_or_insert((now, order));
                Said::Order(order)
            }
            "UNKNOWN" | "OUTCOME_UNKNOWN" => {
                request.lost = true;
                Said::Nothing
            }
            "SOLD_OUT" => Said::SoldOut,
            "INSUFFICIENT_STOCK" => Said::InsufficientStock,
            other if SAY_NOTHING_OF_THE_ORDER.contains(&other) => Said::Refused,
            rule => Said::RefusedByRule(rule.to_owned()),
        };
        // All asks are answered, and none of them became an order.
        if request.accepted.is_none() && !request.lost && request.open.is_empty() {
            request.possible_from = None;
        }
        request.answers.push(Answer { asked, at: now, said });
        Ok(())
    }

    fn act_asked<'a>(&mut self, fields: &mut impl Iterator<Item = &'a str>) -> Result<(), &'static str> {
        let now = self.now;
        let request = self.request(fields)?;
        match fields.next().ok_or("the act is missing")? {
            "CANCEL" => {
                request.given_back.possibly.get_or_insert(now);
                request.given_back.was_unpaid = !request.paid;
            }
            "REFUND" | "REFUND_RESULT" => {
                request.given_back.possibly.get_or_insert(now);
            }
            // From here on nobody knows whether it is paid, so no cancel frees what is held for sure.
            "PAY_CALLBACK" => request.paid = true,
            _ => (),
        }
        Ok(())
    }

    fn act_answered<'a>(&mut self, fields: &mut impl Iterator<Item = &'a str>) -> Result<(), &'static str> {
        let now = self.now;
        let request = self.request(fields)?;
        let is_done = fields.next() == Some("ACCEPTED");
        // Of one order one act is under way at a time: the answer to a cancel comes before anything else is asked.
        if is_done && request.given_back.was_unpaid {
            request.given_back.surely.get_or_insert(now);
        }
        Ok(())
    }

    fn request<'a>(
        &mut self,
        fields: &mut impl Iterator<Item = &'a str>,
    ) -> Result<&mut Request, &'static str> {
        let [number] = numbers(fields)?;
        let at = self.numbers.get(&number).ok_or("this number was not asked before")?;
        Ok(&mut self.history.requests[*at])
    }

    fn life(&mut self) -> &mut Life {
        self.history.lives.last_mut().expect("a record is being read")
    }
}

fn numbers<'a, const N: usize>(fields: &mut impl Iterator<Item = &'a str>) -> Result<[u64; N], &'static str> {
    let mut found = [0; N];
    for number in &mut found {
        *number = fields.next().and_then(|field| field.parse().ok()).ok_or("a number is missing")?;
    }
    Ok(found)
}
