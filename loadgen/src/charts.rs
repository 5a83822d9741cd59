//! Numbers over time on one HTML page that needs nothing else, in the style of a report's.

use crate::page::{document, escaped, section};
use crate::plot::{over_time, short_rate, short_us};
use crate::text::{bytes, grouped};

/// A number over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What it is.
    pub name: &'static str,
    /// More about it.
    pub remark: String,
    /// What is counted.
    pub unit: Unit,
    /// (seconds from the beginning, value), in the order of time; nothing below 0.
    pub points: Vec<(f64, f64)>,
}

/// What a chart counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// So many a second.
    PerSecond,
    /// Microseconds.
    Micros,
    /// Bytes.
    Bytes,
    /// Whole things.
    Count,
}

/// The page: a title, sentences, and the charts, one below the other over the same time.
pub fn page(title: &str, told: &[String], charts: &[Chart]) -> String {
    let told: String = told.iter().map(|line| format!("<p class=\"soft\">{}</p>\n", escaped(line))).collect();
    let header = format!("<header>\n<h1>{}</h1>\n{told}</header>\n", escaped(title));
    let charts = charts.iter().map(|chart| {
        let plot = over_time(chart.name, &chart.points, |value| chart.unit.label(value));
        section(chart.name, &escaped(&chart.remark), &plot)
    });
    document(title, &(header + &charts.collect::<String>()))
}

impl Unit {
    fn label(self, value: f64) -> String {
        match self {
            Unit::PerSecond => short_rate(value),
            Unit::Micros => short_us(value),
            Unit::Bytes => bytes(value as u64),
            Unit::Count => grouped(value as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_charts_needs_nothing_else_and_shows_each() {
        let chart = |name, unit| Chart {
            name,
            remark: "in the middle < 3".to_owned(),
            unit,
            points: vec![(0.0, 0.0), (1.0, 5e6), (2.0, 3e6)],
        };
        let charts = [
            chart("Rate", Unit::PerSecond),
            chart("Wait", Unit::Micros),
            chart("Memory", Unit::Bytes),
            chart("Orders", Unit::Count),
        ];
        let page = page("Growth", &["told & done".to_owned()], &charts);
        for foreign in ["http:", "https:", "src=", "<script", "<link", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign} leads out of the page");
        }
        assert_eq!(page.matches("<svg").count(), charts.len());
        for part in ["5 M/s", "5 s", "5,000,000", "told &amp; done", "in the middle &lt; 3"] {
            assert!(page.contains(part), "{part} is missing");
        }
    }
}
