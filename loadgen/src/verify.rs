//! Holds a record against the store: what was promised is there and equal, what was refused is not, and what is
//! counted adds up.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use protocol::messages::{Get, GetAnswer, List, ListAnswer, PayGet, PayGetAnswer, StockGet, StockGetAnswer};
use protocol::structs::{GetHead, ListHead, PayGetHead, Payment, StockGetHead};
use protocol::{Parsed, Status, bounds};

use crate::asking::money_said;
use crate::life::{Standing, takes_nothing};
use crate::record::{Asked, NotARecord, Record, Recorded};
use crate::talk::{Talk, TalkError};
use crate::text::{counted, grouped};
use crate::watch::Watcher;

/// Differences that are kept in words; all are counted.
pub const DIFFERENCES_TOLD: usize = 20;

/// What came of verifying.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Requests that were recorded as accepted.
    pub accepted: u64,
    /// As refused.
    pub refused: u64,
    /// As unknown.
    pub unknown: u64,
    /// Of the unknown ones, those that are there.
    pub unknown_there: u64,
    /// What was asked for of orders behind their CREATE, and acknowledged.
    pub acts: u64,
    /// Of which nobody knows whether it was done.
    pub acts_unknown: u64,
    /// Orders whose payments were asked for.
    pub payments: u64,
    /// Users whose orders were counted.
    pub users: u64,
    /// Skus whose units were counted.
    pub skus: u64,
    /// How often record and store differ; 0: all is well.
    pub differences: u64,
    /// The first of them in words, [`DIFFERENCES_TOLD`] at most.
    pub first_differences: Vec<String>,
}

/// Why nothing can be said.
#[derive(Debug)]
pub enum VerifyError {
    /// The file is no record.
    Record(NotARecord),
    /// The server cannot be asked.
    Server {
        /// `host:port`.
        target: String,
        /// What happened.
        why: String,
    },
}

/// Asks the server for everything in the record. Orders that other runs make for the same users at the same time
/// would show as differences: verify before they start.
pub fn verify(target: &str, record: &Path, watcher: &mut impl Watcher) -> Result<Verification, VerifyError> {
    watcher.step("reading the record");
    let record = Record::open(record).map_err(VerifyError::Record)?;
    let failed = |error: TalkError| VerifyError::Server { target: target.to_owned(), why: error.to_string() };
    let mut talk = Talk::open(target).map_err(failed)?;
    let mut verifying = Verifying {
        record: &record,
        found: Verification::default(),
        users: BTreeMap::new(),
        units: BTreeMap::new(),
        seen: vec![(0, 0); record.asked().len()],
    };
    watcher.step("asking for every order");
    verifying.orders(&mut talk).map_err(failed)?;
    if record.has_lives() {
        watcher.step("asking for every payment");
        verifying.payments(&mut talk).map_err(failed)?;
    }
    watcher.step("counting the orders of every user");
    verifying.users(&mut talk).map_err(failed)?;
    watcher.step("counting the units of every sku");
    verifying.skus(&mut talk).map_err(failed)?;
    watcher.done();
    Ok(verifying.found)
}

impl Verification {
    /// Whether record and store agree.
    pub fn is_good(&self) -> bool {
        self.differences == 0
    }

    fn differ(&mut self, tell: impl FnOnce() -> String) {
        self.differences += 1;
        if self.first_differences.len() < DIFFERENCES_TOLD {
            self.first_differences.push(tell());
        }
    }
}

/// As lines for a terminal.
impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verification {
            accepted,
            refused,
            unknown,
            unknown_there,
            acts,
            acts_unknown,
            payments,
            users,
            skus,
            differences,
            first_differences,
        } = self;
        writeln!(f, "  accepted  {:>13}   asked for by request id, each with its lines", grouped(*accepted))?;
        writeln!(f, "  refused   {:>13}   must not be there", grouped(*refused))?;
        writeln!(f, "  unknown   {:>13}   {} of them there", grouped(*unknown), grouped(*unknown_there))?;
        if *acts + *acts_unknown > 0 {
            let unknown = grouped(*acts_unknown);
            writeln!(
                f,
                "  went on   {:>13}   where each order must stand; {unknown} unknown",
                grouped(*acts)
            )?;
            writeln!(
                f,
                "  payments  {:>13}   orders asked for what was paid and went back",
                grouped(*payments)
            )?;
        }
        let (users, skus) = (counted(*users, "user", "users"), counted(*skus, "sku", "skus"));
        writeln!(f, "  counted   {users}' orders, {skus}' units")?;
        if *differences == 0 {
            return writeln!(f, "  verified  record and store agree");
        }
        writeln!(f, "  DIFFERENT {}:", counted(*differences, "difference", "differences"))?;
        for difference in first_differences {
            writeln!(f, "    {difference}")?;
        }
        let more = *differences - first_differences.len() as u64;
        if more > 0 { writeln!(f, "    and {} more", grouped(more)) } else { Ok(()) }
    }
}

struct Verifying<'a> {
    record: &'a Record,
    found: Verification,
    /// Orders of this run that are there, by user.
    users: BTreeMap<u64, u64>,
    /// Units that they hold or bought, by sku.
    units: BTreeMap<u64, u64>,
    /// The order of each row and the number of its state; 0: it is not there.
    seen: Vec<(u64, u8)>,
}

impl Verifying<'_> {
    fn orders(&mut self, talk: &mut Talk) -> Result<(), TalkError> {
        let asked = self.record.asked();
        talk.ask_each::<Get, GetAnswer>(
            asked.len(),
            |at| GetHead { request: asked[at].request, user: asked[at].user, order: 0 },
            |at, answer| {
                let row = &asked[at];
                self.users.entry(row.user).or_default();
                match row.outcome {
                    Recorded::Accepted(_) => self.found.accepted += 1,
                    Recorded::Refused => self.found.refused += 1,
                    Recorded::Unknown => self.found.unknown += 1,
                }
                match answer {
                    Ok(order) => {
                        let brief = order.head.brief;
                        self.seen[at] = (brief.order, brief.state);
                        self.there(row, &order);
                    }
                    // User 0 is nobody: there can be no such order.
                    Err((Status::OrderNotFound, _)) => self.not_there(row),
                    Err((Status::InvalidField, _)) if row.user == 0 => self.not_there(row),
                    Err((status, _)) => return Err(TalkError::Refused { asked: "GET", status }),
                }
                Ok(())
            },
        )
    }

    fn there(&mut self, row: &Asked, order: &Parsed<'_, GetAnswer>) {
        let brief = order.head.brief;
        *self.users.entry(row.user).or_default() += 1;
        if !takes_nothing(brief.state) {
            for line in order.items.iter() {
                *self.units.entry(line.sku).or_default() += u64::from(line.quantity);
            }
        }
        match row.outcome {
            Recorded::Refused => {
                let Asked { number, user, .. } = row;
                self.found.differ(|| {
                    format!("request {number} of user {user} was refused, but order {} is there", brief.order)
                });
                return;
            }
            Recorded::Unknown => self.found.unknown_there += 1,
            Recorded::Accepted(promised) if promised != brief.order => {
                self.found.differ(|| {
                    format!(
                        "request {} was answered with order {promised}, and is order {}",
                        row.number, brief.order
                    )
                });
            }
            Recorded::Accepted(_) => (),
        }
        let mut asked = self.record.lines(row).to_vec();
        let mut kept: Vec<(u64, u32)> = order.items.iter().map(|line| (line.sku, line.quantity)).collect();
        asked.sort_unstable();
        kept.sort_unstable();
        let is_equal = asked == kept
            && brief.user == row.user
            && brief.total == row.total
            && brief.currency == self.record.currency
            && order.head.request == row.request;
        if !is_equal {
            self.found.differ(|| {
                format!(
                    "order {} is not what request {} asked for: user {} and {}, total {} and {}, lines {kept:?} and \
                     {asked:?}",
                    brief.order, row.number, brief.user, row.user, brief.total, row.total
                )
            });
        }
    }

    /// Each order and its money stand where what was acknowledged led them, or one act of unknown outcome further.
    fn payments(&mut self, talk: &mut Talk) -> Result<(), TalkError> {
        let asked = self.record.asked();
        let there: Vec<(usize, u64)> = self
            .seen
            .iter()
            .enumerate()
            .map(|(at, seen)| (at, seen.0))
            .filter(|&(_, order)| order != 0)
            .collect();
        self.found.payments = there.len() as u64;
        talk.ask_each::<PayGet, PayGetAnswer>(
            there.len(),
            |at| PayGetHead { user: asked[there[at].0].user, order: there[at].1, payment: 0 },
            |at, answer| {
                let payment = match answer {
                    Ok(payment) => Some(payment.head),
                    Err((Status::PaymentNotFound, _)) => None,
                    Err((status, _)) => return Err(TalkError::Refused { asked: "PAY_GET", status }),
                };
                self.stands(there[at].0, payment.as_ref());
                Ok(())
            },
        )
    }

    /// Judges the order of a row, with its latest payment.
    fn stands(&mut self, at: usize, payment: Option<&Payment>) {
        let row = &self.record.asked()[at];
        let life = row.life;
        self.found.acts += u64::from(life.acts);
        self.found.acts_unknown += u64::from(life.unknown.is_some());
        let (order, state) = self.seen[at];
        let is_so = |standing: Standing| {
            state == standing.state && standing.money.said(row.total) == payment.map(money_said)
        };
        // Which payment is known where the answer that names it came.
        let is_its_payment = life.payment == 0 || payment.is_some_and(|it| it.payment == life.payment);
        let may_be_so =
            is_so(life.standing) || life.unknown.is_some_and(|act| is_so(life.standing.after(act)));
        if !may_be_so || !is_its_payment {
            self.found.differ(|| {
                let unknown = life.unknown.map_or("nothing", |act| act.kind().name());
                format!(
                    "order {order} is in state {state} with {payment:?}; by what was acknowledged it is {:?} with \
                     payment {}, and of {unknown} nobody knows",
                    life.standing, life.payment
                )
            });
        }
    }

    fn not_there(&mut self, row: &Asked) {
        match row.outcome {
            Recorded::Accepted(order) => self.found.differ(|| {
                format!(
                    "order {order} of user {} was acknowledged (request {}) and is lost",
                    row.user, row.number
                )
            }),
            Recorded::Refused | Recorded::Unknown => (),
        }
    }

    /// Each user has exactly the orders that were found.
    fn users(&mut self, talk: &mut Talk) -> Result<(), TalkError> {
        let users: Vec<(u64, u64)> =
            std::mem::take(&mut self.users).into_iter().filter(|&(user, _)| user != 0).collect();
        self.found.users = users.len() as u64;
        let mut listed = vec![Listed { before: 0, orders: 0, more: true }; users.len()];
        let mut left: Vec<usize> = (0..users.len()).collect();
        // A page for each, then the next page for those who have more.
        while !left.is_empty() {
            let from: Vec<u64> = left.iter().map(|&at| listed[at].before).collect();
            talk.ask_each::<List, ListAnswer>(
                left.len(),
                |at| ListHead {
                    user: users[left[at]].0,
                    before: from[at],
                    limit: bounds::PAGE_MAX as u16,
                    state: 0,
                },
                |at, answer| {
                    let page = answer.map_err(|(status, _)| TalkError::Refused { asked: "LIST", status })?;
                    listed[left[at]].add(&page, self.record.started_at_us);
                    Ok(())
                },
            )?;
            left.retain(|&at| listed[at].more);
        }
        for ((user, expected), listed) in users.iter().zip(&listed) {
            if listed.orders != *expected {
                let listed = counted(listed.orders, "order", "orders");
                self.found.differ(|| {
                    format!(
                        "user {user} lists {listed} since the run began, and has {expected} by request id"
                    )
                });
            }
        }
        Ok(())
    }

    /// Each sku holds and sold what the orders that are there took.
    fn skus(&mut self, talk: &mut Talk) -> Result<(), TalkError> {
        let skus = &self.record.skus;
        self.found.skus = skus.len() as u64;
        talk.ask_each::<StockGet, StockGetAnswer>(
            skus.len(),
            |at| StockGetHead { sku: skus[at].0, warehouse: 0 },
            |at, answer| {
                let (sku, before) = skus[at];
                let taken = match answer {
                    Ok(shelf) => shelf.head.held + shelf.head.sold,
                    Err((Status::SkuNotFound | Status::InvalidField, _)) => 0,
                    Err((status, _)) => return Err(TalkError::Refused { asked: "STOCK_GET", status }),
                };
                let expected = before + self.units.get(&sku).copied().unwrap_or(0);
                if taken != expected {
                    self.found.differ(|| {
                        format!(
                            "sku {sku} holds and sold {taken} units; by its orders it would be {expected}"
                        )
                    });
                }
                Ok(())
            },
        )
    }
}

/// What was listed of a user so far.
#[derive(Clone, Copy)]
struct Listed {
    /// What brings the next page; 0 before the first.
    before: u64,
    orders: u64,
    more: bool,
}

impl Listed {
    /// A page, newest first. Orders from before the run end it.
    fn add(&mut self, page: &Parsed<'_, ListAnswer>, started_at_us: i64) {
        let of_this_run = page.items.iter().filter(|order| order.created_at >= started_at_us).count();
        self.orders += of_this_run as u64;
        self.before = page.head.next;
        self.more = page.head.next != 0 && of_this_run == page.items.len();
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerifyError::Record(error) => write!(f, "the record cannot be used: {error}"),
            VerifyError::Server { target, why } => {
                write!(
                    f,
                    "the server at {target} cannot be asked: {why}; is it running, and is this its address?"
                )
            }
        }
    }
}

impl std::error::Error for VerifyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verification_says_what_differs_and_how_much_more() {
        let mut found = Verification { accepted: 1_200, ..Verification::default() };
        assert!(found.to_string().ends_with("record and store agree\n"), "{found}");
        for order in 0..25 {
            found.differ(|| format!("order {order} is lost"));
        }
        assert!(!found.is_good());
        let text = found.to_string();
        assert!(text.contains("order 19 is lost") && !text.contains("order 20 is lost"), "{text}");
        assert!(text.ends_with("and 5 more\n"), "{text}");
    }
}
