//! A report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.

use std::fmt::Write;
use std::io;
use std::path::Path;

use crate::latency::Percentiles;
use crate::plot;
use crate::report::{Ended, Mode, Report};
use crate::table::title;
use crate::text::{bytes, counted, grouped, percent, rounded, span_us};

/// Writes the page.
pub fn write(report: &Report, path: &Path) -> io::Result<()> {
    std::fs::write(path, page(report))
}

/// The page.
pub fn page(report: &Report) -> String {
    let parts =
        [header(report), cards(report), throughput(report), latency(report), details(report)].concat();
    document(&title(report), &parts)
}

/// A whole document of these parts, which are markup.
pub(crate) fn document(title: &str, parts: &str) -> String {
    let title = escaped(title);
    let style = include_str!("page.css");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Tidegate</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{parts}</main>\n\
         </body>\n</html>\n"
    )
}

fn header(report: &Report) -> String {
    let how = match report.mode {
        Mode::Closed => format!("closed loop, {} in flight on each", grouped(report.pipeline.into())),
        Mode::Open => format!("open loop, {} requests a second on schedule", rounded(report.offered_per_s)),
    };
    let (class, verdict) = verdict(report);
    format!(
        "<header>\n<h1>{}</h1>\n<p class=\"soft\">{} · {how} · {}</p>\n<span class=\"verdict {class}\">{}</span>\n\
         </header>\n",
        escaped(&title(report)),
        counted(report.connections.into(), "connection", "connections"),
        escaped(&report.started_at),
        escaped(&verdict)
    )
}

/// The one sentence that everybody looks for.
fn verdict(report: &Report) -> (&'static str, String) {
    match (report.ended, report.audit) {
        (Ended::ServerGone, _) => {
            ("bad", format!("The server was gone; {} requests are unknown", grouped(report.unknown)))
        }
        (_, None) if !report.audit_left_out => {
            ("bad", "The server could not be asked for its audit".to_owned())
        }
        (_, None) if report.errors > 0 => {
            ("bad", format!("{} in the answers", counted(report.errors, "error", "errors")))
        }
        (Ended::Interrupted, None) => ("good", "Stopped before its end · no audit wanted".to_owned()),
        (Ended::Done, None) => ("good", "All answered · no audit wanted".to_owned()),
        (_, Some(audit)) if !audit.ok => ("bad", "The audit failed".to_owned()),
        (_, Some(_)) if report.errors > 0 => {
            ("bad", format!("Audit ok, but {} in the answers", counted(report.errors, "error", "errors")))
        }
        (Ended::Interrupted, Some(_)) => ("good", "Stopped before its end · audit ok".to_owned()),
        (Ended::Done, Some(_)) => ("good", "Audit ok · nothing oversold, doubled or lost".to_owned()),
    }
}

fn cards(report: &Report) -> String {
    let durable = if report.durable { "all of them durable" } else { "not all durable" };
    let audit = report.audit.map_or_else(
        || card("Oversold", "?", "", "no audit was made"),
        |audit| {
            let remark =
                format!("{} promised of {} units", grouped(audit.held + audit.sold), grouped(audit.stock));
            card("Oversold units", &grouped(audit.oversold), "", &remark)
        },
    );
    let (p99, p99_unit) = number_and_unit(report.latency_us.p99);
    let cards = [
        card("Answers", &rounded(report.rps), "/s", &format!("{} in all", grouped(report.answered))),
        card(
            "Orders accepted",
            &grouped(report.accepted),
            "",
            &format!("{} a second, {durable}", rounded(report.tps)),
        ),
        card(
            "99 % answered within",
            &p99,
            &p99_unit,
            &format!("half within {}", span_us(report.latency_us.p50)),
        ),
        audit,
    ];
    format!("<div class=\"cards\">\n{}</div>\n", cards.concat())
}

fn card(name: &str, number: &str, unit: &str, remark: &str) -> String {
    format!(
        "<div class=\"card\"><div class=\"name\">{name}</div><div class=\"number\">{number} \
         <span class=\"unit\">{unit}</span></div><div class=\"remark\">{remark}</div></div>\n"
    )
}

fn number_and_unit(us: f64) -> (String, String) {
    let text = span_us(us);
    text.split_once(' ').map_or((text.clone(), String::new()), |(number, unit)| (number.into(), unit.into()))
}

fn throughput(report: &Report) -> String {
    section(
        "Answers over time",
        "<span class=\"key accepted\"></span>accepted<span class=\"key refused\"></span>all other answers",
        &plot::throughput(&report.timeline, report.seconds),
    )
}

fn latency(report: &Report) -> String {
    let from = match report.mode {
        Mode::Closed => "from sending to the answer",
        Mode::Open => "from the scheduled time to the answer",
    };
    let both = report.accepted > 0 && report.accepted < report.answered;
    let accepted_key = if both { "<span class=\"key accepted\"></span>accepted orders" } else { "" };
    let keys = format!("{from}<span class=\"key all\"></span>all answers{accepted_key}");
    let accepted_curve = if both { report.accepted_curve.as_slice() } else { &[] };
    let mut rows = latency_row("all answers", &report.latency_us);
    if both {
        rows += &latency_row("accepted orders", &report.accepted_latency_us);
    }
    let table = format!(
        "<table><tr><th></th><th>p50</th><th>p90</th><th>p95</th><th>p99</th><th>p99.9</th><th>max</th></tr>\n\
         {rows}</table>"
    );
    let us = &report.latency_us;
    let marked = [(0.5, us.p50), (0.99, us.p99), (0.999, us.p999)];
    let plot = plot::latency(&report.curve, accepted_curve, &marked);
    section("Latency by percentile", &keys, &(plot + &table))
}

fn latency_row(name: &str, us: &Percentiles) -> String {
    let cells =
        [us.p50, us.p90, us.p95, us.p99, us.p999, us.max].map(|us| format!("<td>{}</td>", span_us(us)));
    format!("<tr><td>{name}</td>{}</tr>\n", cells.concat())
}

fn details(report: &Report) -> String {
    let rows: String = facts(report)
        .into_iter()
        .map(|(name, fact)| format!("<tr><td>{name}</td><td>{}</td></tr>\n", escaped(&fact)))
        .collect();
    let facts = section("What ran where", "", &format!("<table class=\"facts\">\n{rows}</table>"));
    let pair = match report.refused_total() {
        0 => format!("<div class=\"last pair\">{facts}</div>\n"),
        _ => format!("<div class=\"last pair\">{}{facts}</div>\n", refusals(report)),
    };
    let errors: String = report.first_errors.iter().map(|error| escaped(error) + "\n").collect();
    let errors =
        if errors.is_empty() { errors } else { section("Errors", "", &format!("<pre>{errors}</pre>")) };
    let command = section("Run it again", "", &format!("<pre>{}</pre>", escaped(&report.command)));
    pair + &errors + &command
}

fn refusals(report: &Report) -> String {
    let total = report.refused_total();
    let most = report.refusals().first().map_or(1, |&(_, count)| count.max(1));
    let mut rows = String::new();
    for (name, count) in report.refusals() {
        let width = count as f64 * 100.0 / most as f64;
        let (count, share) = (grouped(count), percent(count, total));
        writeln!(
            rows,
            "<tr><td>{}</td><td class=\"bar\"><span style=\"width:{width:.1}%\"></span></td><td>{count}</td>\
             <td>{share}</td></tr>",
            escaped(name)
        )
        .expect("a string takes everything");
    }
    let keys = format!("{} of {} answers", grouped(total), grouped(report.answered));
    section("Refused, by reason", &keys, &format!("<table>\n{rows}</table>"))
}

/// Names and texts for the table of what ran.
fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(server) = &report.server {
        facts.push((
            "server",
            format!(
                "tidegate {}, {} store, {}, {}, {}",
                server.version,
                server.store,
                counted(server.reactors.into(), "reactor", "reactors"),
                counted(server.workers.into(), "thread", "threads"),
                counted(server.cores.into(), "core", "cores")
            ),
        ));
    }
    if let Some(journal) = report.journal {
        let written = counted(journal.groups, "group", "groups");
        let write = span_us(journal.write_us_p50 as f64);
        facts.push(("journal", format!("{written}, {}, median write {write}", bytes(journal.bytes))));
    }
    let machine = &report.machine;
    let cores = counted(machine.cores.into(), "core", "cores");
    facts.push(("machine", format!("{}, {cores}, {}", machine.cpu, machine.kernel)));
    if let Some(audit) = report.audit {
        facts.push((
            "audit",
            format!(
                "stock {}, sold {}, held {}, oversold {}, duplicate orders {}, lost {}",
                grouped(audit.stock),
                grouped(audit.sold),
                grouped(audit.held),
                grouped(audit.oversold),
                grouped(audit.duplicate_orders),
                grouped(audit.lost)
            ),
        ));
    }
    if report.retries.sent > 0 {
        let (sent, answered) = (grouped(report.retries.sent), report.retries.answered_with_their_order);
        facts.push(("asked again", format!("{sent}, {} answered with their order", grouped(answered))));
    }
    if report.unsent > 0 {
        facts.push(("never sent", format!("{}, due on schedule", grouped(report.unsent))));
    }
    facts.push(("seed", report.seed.to_string()));
    facts
}

pub(crate) fn section(name: &str, keys: &str, body: &str) -> String {
    format!(
        "<section>\n<div class=\"head\"><h2>{name}</h2><span class=\"keys\">{keys}</span></div>\n{body}\n</section>\n"
    )
}

/// Text that cannot become markup.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_page_needs_nothing_else() {
        let page = page(&sample::report());
        for foreign in ["http:", "https:", "src=", "<script", "<link", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign} leads out of the page");
        }
        assert_eq!(page.matches("<svg").count(), 2);
        for part in ["SOLD_OUT", "830,011", "617,284", "prefers-color-scheme", "Oversold units"] {
            assert!(page.contains(part), "{part} is missing");
        }
    }

    #[test]
    fn every_tag_is_closed() {
        let page = page(&sample::report());
        for tag in
            ["section", "div", "span", "table", "tr", "td", "th", "svg", "text", "pre", "main", "header"]
        {
            let opened =
                page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "<{tag}>");
        }
    }

    #[test]
    fn what_was_typed_cannot_become_markup() {
        let report = Report {
            command: "tidegate load --file '<script>&\"'".to_owned(),
            first_errors: vec!["</pre><b>".to_owned()],
            ..sample::report()
        };
        let page = page(&report);
        assert!(page.contains("--file &#39;&lt;script&gt;&amp;&quot;&#39;"), "the command is shown");
        assert!(!page.contains("<script") && !page.contains("</pre><b>"));
    }

    #[test]
    fn the_verdict_says_the_worst_first() {
        let good = sample::report();
        assert_eq!(verdict(&good).0, "good");
        for worse in [
            Report { ended: Ended::ServerGone, ..good.clone() },
            Report { audit: None, ..good.clone() },
            Report { errors: 2, ..good.clone() },
        ] {
            assert_eq!(verdict(&worse).0, "bad", "{}", verdict(&worse).1);
        }
    }
}
