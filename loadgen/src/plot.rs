//! Plots as SVG, made by hand: how many answers came when, how long they took, and any number over time. Colours come from the
//! page's style sheet, so that they follow light and dark.

use std::fmt::Write;

use crate::latency::{CurvePoint, Timeline};
use crate::text::{grouped, rounded, span_us};

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 34.0;

/// Answers a second over the run: accepted orders below, all other answers stacked on them.
pub fn throughput(timeline: &Timeline, seconds: f64) -> String {
    let rates = rates(timeline, seconds);
    let highest = rates.iter().map(|rate| rate.accepted + rate.refused).fold(1.0, f64::max);
    let mut plot = Plot::new("Answers a second over time");
    let (step, top) = nice_scale(highest, 5.0);
    let y = |rate: f64| HEIGHT - BOTTOM - rate / top * (HEIGHT - TOP - BOTTOM);
    for tick in ticks(step, top) {
        plot.horizontal(y(tick), "grid", &short_rate(tick));
    }
    let length = rates.last().map_or(seconds, |rate| rate.until_s).max(1e-9);
    let x = |at: f64| LEFT + at / length * (WIDTH - LEFT - RIGHT);
    let (second_step, _) = nice_scale(length, 9.0);
    for tick in ticks(second_step, length) {
        plot.below(x(tick), &short_seconds(tick));
    }
    let accepted = |rate: &Rate| y(rate.accepted);
    let all = |rate: &Rate| y(rate.accepted + rate.refused);
    if rates.iter().any(|rate| rate.refused > 0.0) {
        plot.area("refused", &rates, x, accepted, all);
    }
    plot.area("accepted", &rates, x, |_| y(0.0), accepted);
    plot.axis();
    plot.finish()
}

/// Latency by share of answers. Each further nine is as wide as the one before it, and so is each decade of
/// time high: the tail is what a buyer remembers. `marked` are (share, microseconds) of the first curve.
pub fn latency(all: &[CurvePoint], accepted: &[CurvePoint], marked: &[(f64, f64)]) -> String {
    let mut plot = Plot::new("Latency by percentile");
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return plot.finish() };
    let lowest = accepted.first().map_or(first.us, |point| point.us.min(first.us)).max(1.0);
    let highest = accepted.last().map_or(last.us, |point| point.us.max(last.us)).max(lowest * 1.01);
    let (low, high) = (nice_below(lowest).log10(), nice_above(highest).log10());
    let y = |us: f64| {
        HEIGHT - BOTTOM - (us.max(1.0).log10() - low) / (high - low).max(1e-9) * (HEIGHT - TOP - BOTTOM)
    };
    for (us, is_decade) in log_ticks(low, high) {
        plot.horizontal(y(us), if is_decade { "grid" } else { "fine" }, &short_us(us));
    }
    let nines_max = nines(last.share).max(1.0);
    let x = |share: f64| LEFT + nines(share) / nines_max * (WIDTH - LEFT - RIGHT - 18.0);
    for (share, name) in SHARES.iter().filter(|(share, _)| nines(*share) <= nines_max + 1e-6) {
        plot.vertical(x(*share), TOP, name);
    }
    plot.curve("accepted", accepted.iter().map(|point| (x(point.share), y(point.us))));
    plot.curve("all", all.iter().map(|point| (x(point.share), y(point.us))));
    for (share, us) in marked.iter().filter(|(share, _)| nines(*share) <= nines_max + 1e-6) {
        plot.dot(x(*share), y(*us), &span_us(*us));
    }
    plot.axis();
    plot.finish()
}

/// One number over time, from the first second on: `label` writes it at the ticks.
pub fn over_time(name: &str, points: &[(f64, f64)], label: impl Fn(f64) -> String) -> String {
    let mut plot = Plot::new(name);
    let highest = points.iter().map(|&(_, value)| value).fold(0.0, f64::max);
    let (step, top) = nice_scale(highest, 5.0);
    let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
    for tick in ticks(step, top) {
        plot.horizontal(y(tick), "grid", &label(tick));
    }
    let length = points.last().map_or(0.0, |&(at, _)| at).max(1e-9);
    let x = |at: f64| LEFT + at / length * (WIDTH - LEFT - RIGHT);
    let (second_step, _) = nice_scale(length, 9.0);
    for tick in ticks(second_step, length) {
        plot.below(x(tick), &short_seconds(tick));
    }
    plot.curve("all", points.iter().map(|&(at, value)| (x(at), y(value))));
    plot.axis();
    plot.finish()
}

const SHARES: &[(f64, &str)] = &[
    (0.0, "0 %"),
    (0.5, "50 %"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
    (0.99999, "99.999 %"),
    (0.999999, "99.9999 %"),
];

/// How many nines a share has: 0.99 has two.
fn nines(share: f64) -> f64 {
    -(1.0 - share).max(1e-9).log10()
}

/// What happened in one span of the timeline, a second.
struct Rate {
    from_s: f64,
    until_s: f64,
    accepted: f64,
    refused: f64,
}

fn rates(timeline: &Timeline, seconds: f64) -> Vec<Rate> {
    let span_s = timeline.span_ms as f64 / 1e3;
    let spans = timeline.accepted.iter().zip(&timeline.refused).enumerate();
    let mut rates: Vec<Rate> = spans
        .map(|(at, (&accepted, &refused))| {
            let from_s = at as f64 * span_s;
            let until_s = (from_s + span_s).min(seconds.max(from_s));
            let length = until_s - from_s;
            let a_second = |count: u64| if length > 0.0 { count as f64 / length } else { 0.0 };
            Rate { from_s, until_s, accepted: a_second(accepted), refused: a_second(refused) }
        })
        .collect();
    // The last span ends with the run. A sliver of one says nothing of a rate: it is left out.
    if rates.len() > 1 && rates.last().is_some_and(|last| last.until_s - last.from_s < span_s / 2.0) {
        rates.pop();
    }
    rates
}

/// An SVG picture that is being drawn.
struct Plot {
    svg: String,
}

impl Plot {
    fn new(name: &str) -> Plot {
        let mut plot = Plot { svg: String::new() };
        plot.put(format_args!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{name}\"><title>{name}</title>\n"
        ));
        plot
    }

    /// Writing to a string cannot fail; this keeps that in one place.
    fn put(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.svg.write_fmt(arguments).expect("a string takes everything");
    }

    fn horizontal(&mut self, y: f64, class: &str, label: &str) {
        let (end, text_x, text_y) = (WIDTH - RIGHT, LEFT - 10.0, y + 4.0);
        self.put(format_args!(
            "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{end}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{text_x}\" y=\"{text_y:.1}\" text-anchor=\"end\">{label}</text>\n"
        ));
    }

    fn vertical(&mut self, x: f64, top: f64, label: &str) {
        let bottom = HEIGHT - BOTTOM;
        self.put(format_args!(
            "<line class=\"fine\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\n"
        ));
        self.below(x, label);
    }

    fn below(&mut self, x: f64, label: &str) {
        let y = HEIGHT - BOTTOM + 20.0;
        self.put(format_args!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>\n"));
    }

    /// The space between two outlines, in steps: a span's rate is one number.
    fn area(
        &mut self,
        class: &str,
        rates: &[Rate],
        x: impl Fn(f64) -> f64,
        below: impl Fn(&Rate) -> f64,
        above: impl Fn(&Rate) -> f64,
    ) {
        let Some(first) = rates.first() else { return };
        self.put(format_args!(
            "<path class=\"area {class}\" d=\"M{:.1} {:.1}",
            x(first.from_s),
            below(first)
        ));
        for rate in rates {
            let (from, until, y) = (x(rate.from_s), x(rate.until_s), above(rate));
            self.put(format_args!("L{from:.1} {y:.1}L{until:.1} {y:.1}"));
        }
        for rate in rates.iter().rev() {
            let (from, until, y) = (x(rate.from_s), x(rate.until_s), below(rate));
            self.put(format_args!("L{until:.1} {y:.1}L{from:.1} {y:.1}"));
        }
        self.put(format_args!("Z\"/>\n"));
    }

    fn curve(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>) {
        let mut pen = 'M';
        for (x, y) in points {
            if pen == 'M' {
                self.put(format_args!("<path class=\"curve {class}\" d=\""));
            }
            self.put(format_args!("{pen}{x:.1} {y:.1}"));
            pen = 'L';
        }
        if pen == 'L' {
            self.put(format_args!("\"/>\n"));
        }
    }

    fn dot(&mut self, x: f64, y: f64, label: &str) {
        // Below and to the right: the curve only rises, so there it is never in the way.
        let (text_x, text_y) = (x + 8.0, y + 17.0);
        self.put(format_args!(
            "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>\
             <text class=\"mark\" x=\"{text_x:.1}\" y=\"{text_y:.1}\">{label}</text>\n"
        ));
    }

    fn axis(&mut self) {
        let (y, end) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        self.put(format_args!("<line class=\"axis\" x1=\"{LEFT}\" x2=\"{end}\" y1=\"{y}\" y2=\"{y}\"/>\n"));
    }

    fn finish(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }
}

/// A step of 1, 2 or 5 times a power of ten of which about `count` fit, and the first multiple at or above.
fn nice_scale(highest: f64, count: f64) -> (f64, f64) {
    let step = nice_above(highest.max(1e-9) / count);
    (step, (highest / step).ceil().max(1.0) * step)
}

fn ticks(step: f64, top: f64) -> impl Iterator<Item = f64> {
    let count = (top / step + 1e-6).floor() as u32;
    (0..=count).map(move |tick| f64::from(tick) * step)
}

/// The next 1, 2 or 5 times a power of ten.
fn nice_above(number: f64) -> f64 {
    let decade = 10_f64.powf(number.log10().floor());
    [1.0, 2.0, 5.0]
        .map(|digit| digit * decade)
        .into_iter()
        .find(|&nice| nice >= number * 0.999_999)
        .unwrap_or(10.0 * decade)
}

fn nice_below(number: f64) -> f64 {
    let decade = 10_f64.powf((number * 1.000_001).log10().floor());
    [5.0, 2.0]
        .map(|digit| digit * decade)
        .into_iter()
        .find(|&nice| nice <= number * 1.000_001)
        .unwrap_or(decade)
}

/// 1, 2 and 5 of each decade in the range (given as logarithms), and whether it is the 1.
fn log_ticks(low: f64, high: f64) -> Vec<(f64, bool)> {
    let decades = low.floor() as i32..=high.ceil() as i32;
    let all =
        decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| (digit * 10_f64.powi(decade), digit < 1.5)));
    // Over many decades the labels of 2 and 5 would touch each other.
    let few = high - low < 3.5;
    let in_range = |us: f64| us.log10() > low - 1e-6 && us.log10() < high + 1e-6;
    all.filter(|&(us, is_decade)| in_range(us) && (few || is_decade)).collect()
}

pub(crate) fn short_rate(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{} M/s", trimmed(rate / 1e6)),
        rate if rate >= 1e3 => format!("{} k/s", trimmed(rate / 1e3)),
        rate => format!("{}/s", trimmed(rate)),
    }
}

pub(crate) fn short_us(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{} s", trimmed(us / 1e6)),
        us if us >= 1e3 => format!("{} ms", trimmed(us / 1e3)),
        us => format!("{} µs", trimmed(us)),
    }
}

fn short_seconds(seconds: f64) -> String {
    if seconds >= 1_000.0 { format!("{} s", rounded(seconds)) } else { format!("{} s", trimmed(seconds)) }
}

/// Three decimals at most, and no zeros behind them.
fn trimmed(number: f64) -> String {
    let text = format!("{number:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text.parse::<u64>() {
        Ok(whole) => grouped(whole),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Latencies;

    #[test]
    fn scales_are_round() {
        assert_eq!(nice_scale(617_000.0, 5.0), (200_000.0, 800_000.0));
        assert_eq!(nice_scale(1.0, 5.0), (0.2, 1.0));
        assert_eq!((nice_above(3.0), nice_above(1_000.0), nice_above(6.0)), (5.0, 1_000.0, 10.0));
        assert_eq!((nice_below(3.0), nice_below(1_000.0), nice_below(6.0)), (2.0, 1_000.0, 5.0));
        let ticks: Vec<f64> = log_ticks(2.0, 3.0).into_iter().map(|(us, _)| us).collect();
        assert_eq!(ticks, [100.0, 200.0, 500.0, 1_000.0]);
    }

    #[test]
    fn labels_are_short() {
        let labels =
            [short_rate(0.0), short_rate(250_000.0), short_rate(1.5e6), short_us(50.0), short_us(2e3)];
        assert_eq!(labels, ["0/s", "250 k/s", "1.5 M/s", "50 µs", "2 ms"]);
    }

    #[test]
    fn a_sliver_at_the_end_is_no_rate() {
        let mut timeline = Timeline::default();
        timeline.record(0, 25, 0);
        timeline.record(25_000_000, 25, 0);
        timeline.record(50_000_000, 1, 0);
        let found: Vec<f64> = rates(&timeline, 0.051).iter().map(|rate| rate.accepted.round()).collect();
        assert_eq!(found, [1_000.0, 1_000.0]);
    }

    #[test]
    fn nothing_makes_a_number_that_is_none() {
        let mut one = Latencies::default();
        one.record_ns(1);
        let mut instant = Timeline::default();
        instant.record(0, 1, 1);
        for plot in [
            throughput(&Timeline::default(), 0.0),
            throughput(&instant, 0.0),
            latency(&[], &[], &[(0.5, 1.0)]),
            latency(&one.curve(), &[], &[]),
            latency(&one.curve(), &one.curve(), &[(0.5, 0.0), (0.99, 1.0)]),
            over_time("nothing", &[], short_us),
            over_time("an instant", &[(0.0, 0.0)], short_us),
        ] {
            assert!(!plot.contains("NaN") && !plot.contains("inf"), "{plot}");
            assert!(plot.starts_with("<svg") && plot.ends_with("</svg>"));
        }
    }
}
