//! `tidegate reconcile`: what a gateway's statement says beside what the server has.
//!
//! The whole statement is read before the first question is asked. What can be repaired is a callback that never
//! came in: with --repair it is said again, signed like the gateway's own. Everything else is left to people.

mod books;
mod compare;
mod statement;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{Error, GatewayId, GatewayKey, Money, Payment, PaymentState, Status};

use crate::cli::{BadUsage, print};
use crate::commands::admin::show;
use crate::config::Config;
use crate::folders::ArchiveFlag;
use crate::serve::Settings;
use books::{Books, Folder};
use compare::{Finding, Missing, What, compare};
use statement::{OfPayment, Says, Statement};

/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// Findings that the table shows; --json has all of them.
const SHOWN_MAX: usize = 200;

/// Compare a payment gateway's statement with the server, and repair what the server has not heard of
///
/// The statement is CSV. Its first line names the columns, in any order: status (paid, failed, refunded or
/// refund_failed), amount_minor, currency, at (UTC, like 2026-01-31T23:59:59Z), and payment, or order with attempt;
/// it may have reference (the gateway's own number of the transfer) and refund (which one of the payment, from 1).
/// A line without a payment is money without an order. With --data it reads a folder that no server uses, changes
/// nothing, and also lists what the ledger has between the first and the last line's time and the statement lacks, of
/// the gateways whose payments it names. Exit code 1: something is left to do.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate reconcile --statement friday.csv
Example: tidegate reconcile --statement friday.csv --data /backup/tidegate
Example: tidegate reconcile --statement friday.csv --repair --config tidegate.toml --json report.json")]
pub struct Reconcile {
    /// The gateway's statement.
    #[arg(long, value_name = "CSV")]
    statement: PathBuf,
    /// The server.
    #[arg(long, value_name = "HOST:PORT", env = "TIDEGATE_TARGET", default_value = "127.0.0.1:7171")]
    target: String,
    /// The data folder to read, instead of asking a server.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    archive: ArchiveFlag,
    /// Say to the server what it has not heard of, signed with the keys of the configuration.
    #[arg(long, conflicts_with = "data")]
    repair: bool,
    /// The server's configuration: the keys in [payments], and how long it remembers requests.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the whole report here, too; - for stdout, instead of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What was compared, and what became of each difference.
#[derive(Debug, Default)]
struct Report {
    rows: usize,
    payments: usize,
    outcomes: Vec<Outcome>,
    /// Whether what the statement lacks was looked for.
    both_ways: bool,
}

/// A difference, and what was done about it.
#[derive(Debug)]
struct Outcome {
    finding: Finding,
    /// As the server has it, before any repair.
    ledger: Option<Payment>,
    done: Done,
}

#[derive(Debug, PartialEq, Eq)]
enum Done {
    /// The server has heard of it now; where it stands since.
    Repaired(String),
    /// It is left to people; what they do.
    Left(String),
}

impl Reconcile {
    /// Compares, repairs where that was asked for, and tells: exit code 1 where something is left.
    ///
    /// # Errors
    /// Where the statement cannot be read, a line of it is wrong, keys are missing or the server cannot be asked.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.statement.display();
        let file = File::open(&self.statement).with_context(|| format!("{name} cannot be opened"))?;
        let statement = Statement::read(BufReader::new(file)).with_context(|| format!("{name}"))?;
        let keys = if self.repair { keys(self.config.as_deref())? } else { BTreeMap::new() };
        let books = match &self.data {
            Some(data) => {
                let config = Config::load(self.config.as_deref())?;
                let rules = Settings::of(&config)?.store.rules;
                let folders = self.archive.beside(data, Some(&config))?;
                Books::Folder(Box::new(Folder::read(&folders, rules)?))
            }
            None => {
                let builder = tidegate_sdk::Client::builder(&self.target).deadline(DEADLINE);
                Books::Server(Client::connect_with(builder)?)
            }
        };
        let mut desk = Desk { books, keys, repair: self.repair };
        let report = desk.reconcile(&statement)?;
        self.tell(&report)?;
        Ok(if report.left() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn tell(&self, report: &Report) -> anyhow::Result<()> {
        let Some(path) = &self.json else { return print(&report.table()) };
        let text = format!("{:#}\n", report.json());
        if path == Path::new("-") {
            return print(&text);
        }
        std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        print(&report.table())
    }
}

fn keys(config: Option<&Path>) -> anyhow::Result<BTreeMap<GatewayId, GatewayKey>> {
    let gateways = Config::load(config)?.payments.gateways;
    if gateways.is_empty() {
        let why = "--repair signs as the gateway, and the configuration has no key in [payments]: name it with --config";
        return Err(BadUsage(why.to_owned()).into());
    }
    let keys = gateways.iter().map(|it| Ok((GatewayId(it.id), GatewayKey::new(&it.key()?))));
    keys.collect()
}

/// A way to the payments, and what may be said there.
struct Desk {
    books: Books,
    keys: BTreeMap<GatewayId, GatewayKey>,
    repair: bool,
}

impl Desk {
    fn reconcile(&mut self, statement: &Statement) -> anyhow::Result<Report> {
        let (rows, payments) = (statement.rows, statement.payments.len());
        let mut report = Report { rows, payments, ..Report::default() };
        for row in statement.nameless.iter().filter(|row| row.says != Says::Failed) {
            let finding = Finding { row: *row, payment: None, what: What::PaidWithoutOrder };
            report.outcomes.push(Outcome::left(finding, None));
        }
        for of in &statement.payments {
            let repaired = report.repaired();
            for of in self.books.split(of) {
                self.compare_one(&of, &mut report).with_context(|| {
                    format!("{repaired} repaired, and then this; to run it again is safe")
                })?;
            }
        }
        if let Some(lacking) = self.books.lacking(statement)? {
            report.both_ways = true;
            for moved in lacking {
                let finding =
                    Finding { row: moved.row, payment: Some(moved.payment), what: What::NotInStatement };
                report.outcomes.push(Outcome::left(finding, self.books.ask(moved.payment)?));
            }
        }
        Ok(report)
    }

    /// Compares, repairs one difference, and compares again: what was repaired may show the next one.
    fn compare_one(&mut self, of: &OfPayment, report: &mut Report) -> anyhow::Result<()> {
        let mut ledger = self.books.ask(of.payment)?;
        let mut tried = Vec::new();
        loop {
            let found = compare(of.payment, &of.rows, ledger.as_ref());
            let next = found.iter().find(|it| self.can_repair(it) && !tried.contains(&it.what));
            let (Some(&finding), Some(before)) = (next, &ledger) else {
                let left = found.into_iter().filter(|it| !tried.contains(&it.what));
                report.outcomes.extend(left.map(|finding| Outcome::left(finding, ledger)));
                return Ok(());
            };
            tried.push(finding.what);
            let done = match self.keys.get(&before.gateway) {
                Some(key) => self.repair(finding.what, before, key)?,
                None => Done::Left(format!("[payments] has no key of gateway {}", before.gateway)),
            };
            report.outcomes.push(Outcome { finding, ledger: Some(*before), done });
            ledger = self.books.ask(of.payment)?;
        }
    }

    fn can_repair(&self, finding: &Finding) -> bool {
        self.repair && finding.what.can_be_said_again()
    }

    /// Says to the server what it has not heard of.
    fn repair(&self, what: What, before: &Payment, key: &GatewayKey) -> anyhow::Result<Done> {
        let Books::Server(client) = &self.books else { return Ok(Done::Left(what.remedy().to_owned())) };
        let now = client.server_time();
        let said = match what {
            What::MissingCallback(Missing::Paid { money, reference }) => {
                let paid = Some((money, reference));
                client.wait(client.pay_callback(before.payment, before.gateway, paid, now).signed(key))
            }
            What::MissingCallback(Missing::Failed) => {
                client.wait(client.pay_callback(before.payment, before.gateway, None, now).signed(key))
            }
            What::MissingRefundResult { number, amount, succeeded } => {
                let about = (number, amount.minor_units);
                let told = client.refund_result(before.payment, before.gateway, about, succeeded, now);
                client.wait(told.signed(key))
            }
            What::PaidWithoutOrder
            | What::OtherOrder
            | What::AmountDiffers
            | What::PaidTwice
            | What::WaitsForPeople
            | What::FailedWithMoney
            | What::RefundDiffers
            | What::NotInStatement => return Ok(Done::Left(what.remedy().to_owned())),
        };
        match said {
            Ok(payment) => Ok(Done::Repaired(stands(&payment))),
            // Recorded, and shown by the next look as what waits for people.
            Err(Error::Refused(no)) if no.status == Status::AmountMismatch => {
                Ok(Done::Repaired("recorded, and not what was asked for".to_owned()))
            }
            Err(Error::Refused(no)) => Ok(Done::Left(format!("the server refuses it: {no}"))),
            Err(why) => Err(why.into()),
        }
    }
}

/// Where a payment and its order stand, in a few words.
fn stands(payment: &Payment) -> String {
    let order = payment.order_state.name();
    match payment.state {
        PaymentState::Surplus => format!("order {order}, the money goes back"),
        PaymentState::Open
        | PaymentState::Failed
        | PaymentState::Closed
        | PaymentState::Paid
        | PaymentState::Mismatched => format!("order {order}"),
    }
}

impl Outcome {
    fn left(finding: Finding, ledger: Option<Payment>) -> Outcome {
        Outcome { finding, ledger, done: Done::Left(finding.what.remedy().to_owned()) }
    }

    fn cells(&self) -> Vec<String> {
        let Outcome { finding: Finding { row, payment, what }, done, .. } = self;
        let then = match done {
            Done::Repaired(then) => format!("repaired: {then}"),
            Done::Left(then) => then.clone(),
        };
        let line = if row.line == 0 { "-".to_owned() } else { row.line.to_string() };
        vec![
            line,
            payment.map_or_else(|| "-".to_owned(), |it| it.to_string()),
            what.name().to_owned(),
            format!("{} {}", row.says.name(), row.money),
            then,
        ]
    }

    fn json(&self) -> Value {
        let Outcome { finding: Finding { row, payment, what }, ledger, done } = self;
        let (repaired, then) = match done {
            Done::Repaired(then) => (true, then),
            Done::Left(then) => (false, then),
        };
        let said = json!({
            "status": row.says.name(),
            "money": money_json(row.money),
            "at": row.at.to_string(),
            "reference": row.reference.to_string(),
        });
        // What the statement lacks is said by the facts.
        let is_said = row.line != 0;
        json!({
            "line": is_said.then_some(row.line),
            "finding": what.name(),
            "payment": payment.map(|it| it.to_string()),
            "order": ledger.map(|it| it.order).or(row.order).map(|it| it.to_string()),
            "statement": is_said.then(|| said.clone()),
            "ledger": (!is_said).then_some(said),
            "server": ledger.map(|it| json!({
                "gateway": it.gateway.0,
                "order_state": it.order_state.name(),
                "amount": money_json(it.amount),
                "arrived": money_json(it.arrived),
                "refunded": money_json(it.refunded),
            })),
            "repaired": repaired,
            "then": then,
        })
    }
}

fn money_json(money: Money) -> Value {
    json!({"minor_units": money.minor_units, "currency": money.currency.to_string()})
}

impl Report {
    fn repaired(&self) -> usize {
        self.outcomes.iter().filter(|it| matches!(it.done, Done::Repaired(_))).count()
    }

    fn left(&self) -> usize {
        self.outcomes.len() - self.repaired()
    }

    fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for outcome in &self.outcomes {
            *counts.entry(outcome.finding.what.name()).or_default() += 1;
        }
        counts
    }

    fn table(&self) -> String {
        let mut text = String::new();
        if !self.outcomes.is_empty() {
            let rows: Vec<_> = self.outcomes.iter().take(SHOWN_MAX).map(Outcome::cells).collect();
            text = show::table(&["line", "payment", "finding", "what is said", "then"], &rows);
        }
        if self.outcomes.len() > SHOWN_MAX {
            text += &format!("and {} more: --json has all of them\n", self.outcomes.len() - SHOWN_MAX);
        }
        let (rows, payments) = (self.rows, self.payments);
        let (repaired, left) = (self.repaired(), self.left());
        text += &format!("{rows} lines about {payments} payments: {repaired} repaired, {left} left\n");
        if !self.both_ways {
            text += "What the ledger has and the statement lacks is listed with --data, of a folder or a backup.\n";
        }
        text
    }

    fn json(&self) -> Value {
        json!({
            "rows": self.rows,
            "payments": self.payments,
            "repaired": self.repaired(),
            "left": self.left(),
            "both_ways": self.both_ways,
            "counts": self.counts(),
            "findings": self.outcomes.iter().map(Outcome::json).collect::<Vec<_>>(),
        })
    }
}
