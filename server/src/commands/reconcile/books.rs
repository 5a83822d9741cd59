//! Where the payments are that a statement is compared with: at a server, or in a folder that no server uses.
//!
//! A folder tells more: every fact is read, so what went through and does not stand in the statement is known, and so
//! is which transfer was a second one of the same attempt.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use domain::fact::{Actor, Facts, Stamp};
use domain::intent::Envelope;
use domain::verdict::PaymentBrief;
use domain::{Fact, Intent, Ledger, Rules, Verdict};
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{
    Currency, Error, GatewayId, MicrosUtc, Money, OrderId, Payment, PaymentId, PaymentState, RefundNow,
    RefundState, State, Status, UserId,
};

use super::statement::{OfPayment, Row, Says, Statement};
use crate::commands::audit;
use crate::folders::Folders;

/// On the wire, user 0 is an operator, who may see any payment.
const ANYBODY: UserId = UserId(0);

/// Where payments are looked up.
pub enum Books {
    /// A server, asked payment by payment.
    Server(Client),
    /// A folder, read whole.
    Folder(Box<Folder>),
}

/// What the facts of a folder come to.
pub struct Folder {
    ledger: Ledger,
    now: domain::MicrosUtc,
    /// Money that came, and that went back, in the order of the facts.
    moved: Vec<Moved>,
}

/// Money that the ledger believes went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    pub payment: PaymentId,
    pub order: OrderId,
    /// The attempt that brought it, where it had its money already.
    pub came_by: Option<PaymentId>,
    /// As a line of the statement would have it; its line is 0.
    pub row: Row,
}

impl Books {
    /// The payment, if it is there.
    ///
    /// # Errors
    /// Where the server cannot be asked.
    pub fn ask(&mut self, payment: PaymentId) -> anyhow::Result<Option<Payment>> {
        match self {
            Books::Server(client) => match client.wait(client.pay_get(ANYBODY, payment)) {
                Ok(found) => Ok(Some(found)),
                Err(Error::Refused(no)) if no.status == Status::PaymentNotFound => Ok(None),
                // A number that is no id of a payment at all.
                Err(Error::Refused(no)) if no.status == Status::InvalidField => Ok(None),
                Err(why) => Err(why.into()),
            },
            Books::Folder(folder) => folder.ask(payment),
        }
    }

    /// The lines about a payment, those of transfers that are payments of their own apart.
    pub fn split(&self, of: &OfPayment) -> Vec<OfPayment> {
        let one = || OfPayment { payment: of.payment, rows: of.rows.clone() };
        match self {
            Books::Server(_) => vec![one()],
            Books::Folder(folder) => split(&folder.moved, one()),
        }
    }

    /// What the ledger believes went through in the statement's time and at its gateways, and the statement does not
    /// have; nothing is known of that from a server.
    ///
    /// # Errors
    /// Where a payment cannot be read.
    pub fn lacking(&mut self, statement: &Statement) -> anyhow::Result<Option<Vec<Moved>>> {
        let Books::Folder(folder) = self else { return Ok(None) };
        let mut gateways = BTreeSet::new();
        for of in &statement.payments {
            gateways.extend(folder.ask(of.payment)?.map(|it| it.gateway));
        }
        let mut found = Vec::new();
        for moved in lacking(&folder.moved, statement) {
            if folder.ask(moved.payment)?.is_some_and(|it| gateways.contains(&it.gateway)) {
                found.push(moved);
            }
        }
        Ok(Some(found))
    }
}

impl Folder {
    /// Reads a folder whose facts pass the audit.
    ///
    /// # Errors
    /// Where it cannot be read, a server uses it, or its facts contradict each other.
    pub fn read(folders: &Folders, rules: Rules) -> anyhow::Result<Folder> {
        let mut moved = Vec::new();
        let mut currencies = BTreeMap::new();
        let (ledger, now) = audit::ledger_of(folders, rules, |stamp, fact| {
            if let Fact::OrderCreated(created) = fact {
                currencies.insert(created.order, created.currency);
            }
            moved.extend(moved_by(stamp, fact, |order| currencies.get(&order).copied()));
        })
        .with_context(|| format!("{}", folders.data.display()))?;
        Ok(Folder { ledger, now, moved })
    }

    fn ask(&mut self, payment: PaymentId) -> anyhow::Result<Option<Payment>> {
        let read = Intent::PayGet {
            user: domain::UserId(0),
            order: domain::OrderId(0),
            payment: domain::PaymentId(payment.0),
        };
        let found = self.ledger.apply(self.now, Envelope::default(), &read, &mut Nobody);
        // Else there is none, or the number is no id of a payment at all.
        let Verdict::Payment(brief) = found else { return Ok(None) };
        Ok(Some(of_brief(&brief).context("a payment in a state without a name")?))
    }
}

/// Reading makes no facts.
struct Nobody;

impl Facts for Nobody {
    fn begin(&mut self, _: &Stamp) {}
    fn fact(&mut self, _: &Fact<'_>) {}
    fn end(&mut self) {}
}

/// The money that a fact says came or went, if it does; `currency` is that of an order.
fn moved_by(
    stamp: &Stamp,
    fact: &Fact<'_>,
    currency: impl Fn(domain::OrderId) -> Option<domain::Currency>,
) -> Option<Moved> {
    let by_gateway = matches!(stamp.actor, Actor::Gateway(_));
    let moved =
        |payment: domain::PaymentId, order: domain::OrderId, says, (amount, of), (reference, refund)| {
            let (amount, of): (domain::MinorUnits, domain::Currency) = (amount, of);
            let money = Money::new(amount.0, Currency(of.0));
            let (order, at) = (OrderId(order.0), MicrosUtc(stamp.at.0));
            let row = Row { line: 0, order: Some(order), says, money, at, reference, refund };
            Moved { payment: PaymentId(payment.0), order, came_by: None, row }
        };
    // What an operator took for the total had come before.
    if let Fact::PaymentSuccess { payment, order, amount, reference, surplus: _ } = *fact
        && by_gateway
    {
        return Some(moved(payment, order, Says::Paid, (amount, currency(order)?), (reference, 0)));
    }
    if let Fact::PaymentMismatched { payment, order, amount, currency, reference } = *fact {
        return Some(moved(payment, order, Says::Paid, (amount, currency), (reference, 0)));
    }
    if let Fact::PaymentRepeated { payment, order, attempt, amount, currency, reference } = *fact {
        let came_by = Some(PaymentId(domain::PaymentId::new(order, attempt).0));
        let again = moved(payment, order, Says::Paid, (amount, currency), (reference, 0));
        return Some(Moved { came_by, ..again });
    }
    if let Fact::RefundSettled { payment, order, number, amount, currency } = *fact {
        return Some(moved(payment, order, Says::Refunded, (amount, currency), (0, number)));
    }
    None
}

/// Lines of second transfers of an attempt go to the payments that they are.
fn split(moved: &[Moved], mut of: OfPayment) -> Vec<OfPayment> {
    let mut all = Vec::with_capacity(1);
    for again in moved.iter().filter(|it| it.came_by == Some(of.payment)) {
        let (own, rest): (Vec<_>, Vec<_>) = of.rows.iter().partition(|row| again.is_told_by(row));
        of.rows = rest;
        all.push(OfPayment { payment: again.payment, rows: own });
    }
    all.retain(|own| !own.rows.is_empty());
    if !of.rows.is_empty() {
        all.insert(0, of);
    }
    all
}

/// What went through in the time from the first line of the statement to its last, and stands in no line.
fn lacking(moved: &[Moved], statement: &Statement) -> Vec<Moved> {
    let mut rows: BTreeMap<PaymentId, &[Row]> = BTreeMap::new();
    for of in &statement.payments {
        rows.insert(of.payment, &of.rows);
    }
    let all = || statement.payments.iter().flat_map(|of| &of.rows).chain(&statement.nameless);
    let (Some(first), Some(last)) = (all().map(|row| row.at.0).min(), all().map(|row| row.at.0).max()) else {
        return Vec::new();
    };
    let of = |payment: PaymentId| rows.get(&payment).copied().unwrap_or_default();
    let told = |it: &Moved| match (it.row.says, it.came_by) {
        (Says::Paid, None) => of(it.payment).iter().any(|row| row.says == Says::Paid),
        (Says::Paid, Some(attempt)) => {
            of(it.payment).iter().any(|row| row.says == Says::Paid)
                || of(attempt).iter().any(|row| it.is_told_by(row))
        }
        (Says::Refunded | Says::Failed | Says::RefundFailed, _) => {
            let mut lines = of(it.payment).iter().filter(|row| row.says == it.row.says);
            lines.any(|row| row.refund == it.row.refund || row.refund == 0 && row.money == it.row.money)
        }
    };
    let in_time = |it: &&Moved| (first..=last).contains(&it.row.at.0);
    moved.iter().filter(in_time).filter(|it| !told(it)).copied().collect()
}

impl Moved {
    /// Whether this line is about this transfer.
    fn is_told_by(&self, row: &Row) -> bool {
        row.says == self.row.says && (row.money, row.reference) == (self.row.money, self.row.reference)
    }
}

/// A payment of the ledger as a client would see it.
fn of_brief(brief: &PaymentBrief) -> Option<Payment> {
    let arrived_in = |amount: domain::MinorUnits| Money::new(amount.0, Currency(brief.arrived_currency.0));
    let state = match brief.refund_state {
        domain::payment::RefundState::None => None,
        domain::payment::RefundState::Asked => Some(RefundState::Asked),
        domain::payment::RefundState::Failed => Some(RefundState::Failed),
        domain::payment::RefundState::Done => Some(RefundState::Done),
    };
    let (number, amount) = (brief.refund_number, arrived_in(brief.refund_amount));
    Some(Payment {
        payment: PaymentId(brief.payment.0),
        order: OrderId(brief.order.0),
        order_state: State::from_number(brief.order_state.number())?,
        order_version: brief.order_version,
        pay_until: MicrosUtc(brief.pay_until.0),
        gateway: GatewayId(brief.gateway.0),
        state: match brief.state {
            domain::payment::PaymentState::Open => PaymentState::Open,
            domain::payment::PaymentState::Failed => PaymentState::Failed,
            domain::payment::PaymentState::Closed => PaymentState::Closed,
            domain::payment::PaymentState::Paid => PaymentState::Paid,
            domain::payment::PaymentState::Surplus => PaymentState::Surplus,
            domain::payment::PaymentState::Mismatched => PaymentState::Mismatched,
        },
        amount: Money::new(brief.amount.0, Currency(brief.currency.0)),
        arrived: arrived_in(brief.arrived),
        refunded: arrived_in(brief.refunded),
        refund: state.map(|state| RefundNow { number, amount, state }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EUR: fn(i64) -> Money = |minor_units| Money::new(minor_units, Currency::EUR);

    fn line(says: Says, amount: i64, at: i64, (reference, refund): (u64, u16)) -> Row {
        Row { line: 2, order: None, says, money: EUR(amount), at: MicrosUtc(at), reference, refund }
    }

    fn moved(payment: u64, row: Row) -> Moved {
        Moved { payment: PaymentId(payment), order: OrderId(7), came_by: None, row: Row { line: 0, ..row } }
    }

    fn statement(payments: &[(u64, Row)]) -> Statement {
        let of = |&(payment, row): &(u64, Row)| OfPayment { payment: PaymentId(payment), rows: vec![row] };
        Statement { rows: payments.len(), payments: payments.iter().map(of).collect(), nameless: Vec::new() }
    }

    #[test]
    fn what_went_through_and_is_in_no_line_is_found_within_the_statements_time() {
        let paid = |at| line(Says::Paid, 500, at, (0, 0));
        let said = statement(&[(1, paid(10)), (2, paid(20))]);
        let had = [moved(1, paid(11)), moved(3, paid(9)), moved(4, paid(15)), moved(5, paid(21))];
        assert_eq!(
            lacking(&had, &said),
            [had[2]],
            "what came before its first line or behind its last is of others"
        );
        assert_eq!(lacking(&had, &Statement::default()), []);
        let failed = statement(&[(1, line(Says::Failed, 0, 10, (0, 0))), (2, paid(20))]);
        assert_eq!(lacking(&had[..1], &failed), [had[0]], "that it failed does not say that it was paid");
    }

    #[test]
    fn refunds_are_found_by_number_or_amount() {
        let back = |amount, refund| line(Says::Refunded, amount, 15, (0, refund));
        let span = |row| {
            statement(&[(8, line(Says::Paid, 1, 0, (0, 0))), (1, row), (9, line(Says::Paid, 1, 99, (0, 0)))])
        };
        let had = [moved(1, back(300, 1))];
        assert_eq!(lacking(&had, &span(back(300, 1))), []);
        assert_eq!(lacking(&had, &span(back(300, 0))), []);
        assert_eq!(lacking(&had, &span(back(299, 0))), had);
        assert_eq!(lacking(&had, &span(back(300, 2))), had);
    }

    #[test]
    fn a_second_transfer_of_an_attempt_is_a_payment_of_its_own() {
        let paid = |reference| line(Says::Paid, 500, 15, (reference, 0));
        let again = Moved { came_by: Some(PaymentId(1)), ..moved(2, paid(9)) };
        let rows = OfPayment { payment: PaymentId(1), rows: vec![paid(8), paid(9), paid(10)] };
        let apart: Vec<_> = split(&[again], rows).into_iter().map(|of| (of.payment.0, of.rows)).collect();
        assert_eq!(apart, [(1, vec![paid(8), paid(10)]), (2, vec![paid(9)])]);
        let said = statement(&[(1, paid(8))]);
        assert_eq!(lacking(&[again], &said), [again]);
    }
}
