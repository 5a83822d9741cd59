//! A report for the terminal.

use std::fmt::Write;

use crate::latency::Percentiles;
use crate::report::{Ended, Mode, Report};
use crate::text::{bytes, counted, grouped, percent, rounded, span_us};

/// The report as aligned lines, with colours where `colour` is set.
pub fn table(report: &Report, colour: bool) -> String {
    let mut table = Table { text: String::new(), colour };
    table.headline(report);
    table.counts(report);
    table.refusals(report);
    table.latency(report);
    table.surroundings(report);
    table.text
}

struct Table {
    text: String,
    colour: bool,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31";

impl Table {
    /// Writing to a string cannot fail; this keeps that in one place.
    fn line(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.text.write_fmt(arguments).expect("a string takes everything");
        self.text.push('\n');
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn headline(&mut self, report: &Report) {
        let title = self.paint(BOLD, &title(report));
        let how = match report.mode {
            Mode::Closed => format!(
                "{}, {} in flight on each",
                counted(report.connections.into(), "connection", "connections"),
                grouped(report.pipeline.into())
            ),
            Mode::Open => format!(
                "{}, {} requests a second on schedule",
                counted(report.connections.into(), "connection", "connections"),
                rounded(report.offered_per_s)
            ),
        };
        let end = match report.ended {
            Ended::Done => "",
            Ended::Interrupted => ", stopped before its end",
            Ended::ServerGone => ", ended because the server was gone",
        };
        let how = self.paint(DIM, &format!("{how}{end}"));
        self.line(format_args!("\n  {title}\n  {how}\n"));
    }

    fn count(&mut self, name: &str, count: u64, remark: &str) {
        let count = self.paint(BOLD, &format!("{:>13}", grouped(count)));
        self.line(format_args!("  {name:<22}{count}   {remark}"));
    }

    fn counts(&mut self, report: &Report) {
        self.count("answers", report.answered, &format!("{} /s", rounded(report.rps)));
        self.count("orders accepted", report.accepted, &format!("{} /s", rounded(report.tps)));
        let of_stock = format!("of {} in stock", grouped(report.stock_units));
        self.count("units promised", report.accepted_units, &of_stock);
        if report.kinds.len() > 1 {
            self.kinds(report);
        }
        if report.subscribers > 0 {
            let subscribers = counted(report.subscribers.into(), "subscriber", "subscribers");
            self.count("events", report.events, &format!("to {subscribers}, without a gap"));
        }
        if report.retries.sent > 0 {
            let answered =
                format!("{} answered with their order", grouped(report.retries.answered_with_their_order));
            self.count("asked again", report.retries.sent, &answered);
        }
        if report.unknown > 0 {
            self.count("unknown", report.unknown, "sent, and no answer that tells");
        }
        if report.unsent > 0 {
            self.count("never sent", report.unsent, "due on schedule, but the server did not keep up");
        }
        if report.errors > 0 {
            self.count("errors", report.errors, "");
            for error in &report.first_errors {
                let error = self.paint(RED, error);
                self.line(format_args!("    {error}"));
            }
        }
    }

    /// A row a kind, with how long half of its answers and all but one in a hundred took.
    fn kinds(&mut self, report: &Report) {
        for (name, of_kind) in report.kinds.iter().filter(|(_, of_kind)| of_kind.sent > 0) {
            let (p50, p99) = (span_us(of_kind.latency_us.p50), span_us(of_kind.latency_us.p99));
            let remark = format!("{:>9} /s   p50 {p50:>9}   p99 {p99:>9}", rounded(of_kind.per_s));
            let remark = self.paint(DIM, &remark);
            self.line(format_args!("    {name:<20}{:>13}   {remark}", grouped(of_kind.answered)));
        }
    }

    fn refusals(&mut self, report: &Report) {
        let total = report.refused_total();
        if total == 0 {
            return;
        }
        self.count("refused", total, &format!("{} of all answers", percent(total, report.answered)));
        for (name, count) in report.refusals() {
            let share = self.paint(DIM, &percent(count, total));
            self.line(format_args!("    {name:<20}{:>13}   {share}", grouped(count)));
        }
    }

    fn latency(&mut self, report: &Report) {
        if report.answered == 0 {
            return;
        }
        let from = match report.mode {
            Mode::Closed => "latency",
            Mode::Open => "latency from schedule",
        };
        let names = ["p50", "p90", "p95", "p99", "p99.9", "max"].map(|name| format!("{name:>10}")).concat();
        let names = self.paint(DIM, &names);
        self.line(format_args!("\n  {from:<22}{names}"));
        self.latency_row("all answers", &report.latency_us);
        if report.accepted > 0 && report.accepted < report.answered {
            self.latency_row("accepted orders", &report.accepted_latency_us);
        }
    }

    fn latency_row(&mut self, name: &str, us: &Percentiles) {
        let row = [us.p50, us.p90, us.p95, us.p99, us.p999, us.max].map(|us| format!("{:>10}", span_us(us)));
        self.line(format_args!("  {name:<22}{}", row.concat()));
    }

    fn surroundings(&mut self, report: &Report) {
        self.text.push('\n');
        if let Some(journal) = report.journal {
            let durable = if report.durable { "all durable" } else { "NOT all durable" };
            self.line(format_args!(
                "  journal   {} in {} · median write {} · {durable}",
                bytes(journal.bytes),
                counted(journal.groups, "group", "groups"),
                span_us(journal.write_us_p50 as f64),
            ));
        }
        if let Some(server) = &report.server {
            self.line(format_args!(
                "  server    tidegate {} · {} store · {} · {} · {}",
                server.version,
                server.store,
                counted(server.reactors.into(), "reactor", "reactors"),
                counted(server.workers.into(), "thread", "threads"),
                counted(server.cores.into(), "core", "cores"),
            ));
        }
        let machine = &report.machine;
        self.line(format_args!(
            "  machine   {} · {} · {}",
            machine.cpu,
            counted(machine.cores.into(), "core", "cores"),
            machine.kernel
        ));
        self.audit(report);
    }

    fn audit(&mut self, report: &Report) {
        let Some(audit) = report.audit else {
            let none = match report.audit_left_out {
                true => "left out, as was asked for".to_owned(),
                false => self.paint(RED, "not made: the server could not be asked").to_string(),
            };
            self.line(format_args!("  audit     {none}"));
            return;
        };
        let verdict = if audit.ok { self.paint(GREEN, "ok") } else { self.paint(RED, "FAILED") };
        self.line(format_args!(
            "  audit     {verdict} · stock {} · sold {} · held {} · oversold {} · duplicate orders {} · lost {}",
            grouped(audit.stock),
            grouped(audit.sold),
            grouped(audit.held),
            grouped(audit.oversold),
            grouped(audit.duplicate_orders),
            grouped(audit.lost),
        ));
    }
}

/// What was played, in a sentence.
pub(crate) fn title(report: &Report) -> String {
    let name = match report.scenario {
        "flash" => "Flash sale",
        "steady" => "Steady selling",
        "soldout" => "Sold out",
        "cart" => "Baskets",
        "lifecycle" => "Lives of orders",
        "mixed" => "A mixed shop",
        "replay" => "Replay of a history",
        other => other,
    };
    format!(
        "{name}: {} by up to {} on {}, in {:.2} s",
        counted(report.sent, "request", "requests"),
        counted(report.users, "user", "users"),
        counted(report.skus, "sku", "skus"),
        report.seconds
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_table_is_aligned_and_says_what_happened() {
        let text = table(&sample::report(), false);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[1], "  Flash sale: 1,000,000 requests by up to 150,000 users on 4 skus, in 1.62 s");
        assert_eq!(rows[2], "  64 connections, 16 in flight on each");
        assert_eq!(rows[4], "  answers                   1,000,000   617,284 /s");
        assert_eq!(rows[5], "  orders accepted              62,500   38,580 /s");
        assert_eq!(rows[6], "  units promised               80,000   of 80,000 in stock");
        assert_eq!(rows[7], "  refused                     937,500   93.8 % of all answers");
        assert_eq!(rows[8], "    SOLD_OUT                  830,011   88.5 %");
        assert_eq!(rows[10], "    INSUFFICIENT_STOCK             73   < 0.1 %");
        assert!(text.contains("audit     ok · stock 80,000 · sold 0 · held 80,000 · oversold 0"), "{text}");
        assert!(!text.contains('\x1b'), "no colours where none are wanted");
        assert!(table(&sample::report(), true).contains("\x1b[32mok"), "and colours where they are");
    }

    #[test]
    fn what_went_wrong_is_not_left_out() {
        let report = Report {
            ended: Ended::ServerGone,
            unknown: 1_024,
            errors: 1,
            first_errors: vec!["connection 3 broke: reset by peer".to_owned()],
            audit: None,
            ..sample::report()
        };
        let text = table(&report, false);
        for part in ["ended because the server was gone", "1,024", "connection 3 broke", "not made"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
}
