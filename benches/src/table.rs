//! The table that people read.

use std::fmt::Write;

use crate::audience::Heard;
use crate::case::{Case, Figure};
use crate::tidegate::Run;
use crate::{Row, Sitting};

/// From this share of a core on, a process counts as having filled it.
const FULL_CORE_PERCENT: f64 = 88.0;

/// A row a case: the run in the middle, its bar, Redis beside it, and what bounds it.
pub fn table(sitting: &Sitting) -> String {
    let mut text = String::new();
    let text_of = |name: &str| sitting.machine[name].as_str().unwrap_or("?").to_owned();
    let cores = sitting.machine["cores"].as_u64().unwrap_or(0);
    let _ = writeln!(text, "{}, {cores} cores, {}", text_of("cpu"), text_of("kernel"));
    if let Some(version) = &sitting.redis {
        let _ = writeln!(text, "{version}; appendfsync always, script as in benches/src/create.lua");
    }
    let seconds = sitting.seconds;
    let _ = writeln!(text, "{seconds} s a run; of several the one in the middle (lowest to highest)\n");
    let _ = writeln!(
        text,
        "{:<14} {:>10} {:>23}  {:<20} {:>10} {:>6} {:>8} {:>8} {:>9} {:>8}  bound by",
        "row", "figure", "", "at least, goal", "beside", "ratio", "p50 µs", "p99 µs", "a group", "write µs"
    );
    for row in &sitting.rows {
        write_row(&mut text, row);
    }
    text
}

fn write_row(text: &mut String, row: &Row) {
    let Some((run, spread)) = middle(&row.tidegate, |run| run.figure) else { return };
    let peer = middle(&row.redis, |run| run.figure).map(|(peer, _)| peer.figure);
    let unheard = middle(&row.unheard, |run| run.figure).map(|(unheard, _)| unheard.figure);
    let (peer, ratio) = beside(row.case, run, peer.or(unheard));
    let _ = writeln!(
        text,
        "{:<14} {:>10} {:>23}  {:<20} {:>10} {:>6} {:>8.0} {:>8.0} {:>9.1} {:>8}  {}",
        row.case.name,
        figure(row.case, run.figure),
        format!("({} to {})", figure(row.case, spread[0]), figure(row.case, spread[1])),
        bar(row.case, run.figure),
        peer,
        ratio,
        run.latency_us[0],
        run.latency_us[1],
        run.orders_per_group,
        run.journal_write_us_p50,
        bound_by(row.case, run),
    );
}

/// The run whose figure is in the middle, with the lowest and the highest figure.
fn middle<T>(runs: &[T], figure: impl Fn(&T) -> f64) -> Option<(&T, [f64; 2])> {
    let mut sorted: Vec<&T> = runs.iter().collect();
    sorted.sort_by(|a, b| figure(a).total_cmp(&figure(b)));
    let (lowest, highest) = (sorted.first()?, sorted.last()?);
    Some((sorted[sorted.len() / 2], [figure(lowest), figure(highest)]))
}

/// The figure of Redis, or of the row without its subscribers, and how many times it this one is; dashes where
/// there is neither.
fn beside(case: &Case, run: &Run, peer: Option<f64>) -> (String, String) {
    match (peer, case.figure) {
        (Some(peer), Figure::OrdersPerSecond | Figure::AnswersPerSecond) if peer > 0.0 => {
            (number(peer), format!("{:.2}", run.figure / peer))
        }
        (Some(_) | None, _) => ("-".to_owned(), "-".to_owned()),
    }
}

/// `+ 600 000, 1 500 000`: the bar and the goal, before them how far the figure came.
fn bar(case: &Case, figure: f64) -> String {
    let is_reached = case.at_least.is_some_and(|bar| case.reaches(figure, bar));
    let reached = match (is_reached, case.reaches(figure, case.goal)) {
        (_, true) => "++",
        (true, false) => "+",
        (false, false) => "-",
    };
    let at_least = case.at_least.map_or_else(|| "none".to_owned(), |bar| self::figure(case, bar));
    format!("{reached:<2} {at_least}, {}", self::figure(case, case.goal))
}

/// Which core is full, or else what is waited for.
fn bound_by(case: &Case, run: &Run) -> String {
    let cpu = run.cpu;
    let full = |percent: f64| percent >= FULL_CORE_PERCENT;
    let by = match (full(cpu.server_percent), full(cpu.generator_percent)) {
        (true, true) => "both cores",
        (true, false) => "the server's core",
        (false, true) => "the generator's core",
        (false, false) if case.rate.is_some() => "the schedule",
        (false, false) => "disk and wakes",
    };
    let cores =
        format!("{by} (server {:.0} %, generator {:.0} %)", cpu.server_percent, cpu.generator_percent);
    let Heard { subscribers, events, .. } = run.heard;
    match subscribers {
        0 => cores,
        _ => format!(
            "{cores}; beside it without {subscribers} subscribers, who got {} events",
            number(events as f64)
        ),
    }
}

/// A figure of a case: whole, but for ratios.
fn figure(case: &Case, value: f64) -> String {
    match case.figure {
        Figure::TimesUsualP99 | Figure::SecondsToReady | Figure::TimesFirstMillion => format!("{value:.2}"),
        Figure::OrdersPerSecond
        | Figure::AnswersPerSecond
        | Figure::LatencyP99Us
        | Figure::RequestsPerSecond
        | Figure::BytesAnOrder => number(value),
    }
}

/// A whole number with a thin gap every three digits.
fn number(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::CASES;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (value, text) in [(0.0, "0"), (999.4, "999"), (1_000.0, "1 000"), (1_500_000.0, "1 500 000")] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn the_middle_of_three_runs_is_shown_with_its_spread() {
        let (middle, spread) = middle(&[7.0, 3.0, 5.0], |figure| *figure).expect("three runs");
        assert_eq!((*middle, spread), (5.0, [3.0, 7.0]));
    }

    #[test]
    fn more_orders_and_less_latency_are_better() {
        let of = |name: &str| CASES.iter().find(|case| case.name == name).expect("a row");
        assert!(bar(of("durable"), 599_999.0).starts_with("- "));
        assert!(bar(of("durable"), 600_000.0).starts_with("+ "));
        assert!(bar(of("open-loop"), 1_400.0).starts_with("+ "));
        assert!(bar(of("open-loop"), 500.0).starts_with("++"));
        assert_eq!(bar(of("expiry"), 1.5), "+  2.00, 1.20");
        assert!(bar(of("memory"), 251.0).starts_with("- "));
    }
}
