//! How long answers took and how many came when: histograms and a timeline, both of fixed size.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Times to answer. Three digits are kept, from a microsecond to two minutes; longer counts as two minutes.
#[derive(Clone, Debug)]
pub struct Latencies {
    nanos: Histogram<u64>,
}

/// The points of a latency distribution that reports name. Microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half of all answers took at most this long.
    pub p50: f64,
    /// Nine in ten.
    pub p90: f64,
    /// Nineteen in twenty.
    pub p95: f64,
    /// 99 in a hundred.
    pub p99: f64,
    /// 999 in a thousand.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

/// A point of a latency curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Share of answers, 0 to 1.
    pub share: f64,
    /// That share took at most so long, microseconds.
    pub us: f64,
}

const LONGEST_NS: u64 = 120_000_000_000;

impl Default for Latencies {
    fn default() -> Latencies {
        let nanos =
            Histogram::new_with_bounds(1_000, LONGEST_NS, 3).expect("1 µs, 120 s and 3 digits are valid");
        Latencies { nanos }
    }
}

impl Latencies {
    /// One answer.
    pub fn record_ns(&mut self, nanos: u64) {
        self.nanos.saturating_record(nanos);
    }

    /// All answers of `other`, too.
    pub fn add(&mut self, other: &Latencies) {
        self.nanos.add(&other.nanos).expect("both have the same bounds");
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.nanos.reset();
    }

    /// How many answers were recorded.
    pub fn count(&self) -> u64 {
        self.nanos.len()
    }

    /// The named points; zeros where nothing was recorded.
    pub fn percentiles(&self) -> Percentiles {
        Percentiles {
            p50: self.at_us(0.50),
            p90: self.at_us(0.90),
            p95: self.at_us(0.95),
            p99: self.at_us(0.99),
            p999: self.at_us(0.999),
            max: self.at_us(1.0),
        }
    }

    /// The curve for a plot whose axis shows each further nine as wide as the one before, up to the last share
    /// that this many answers can tell.
    pub fn curve(&self) -> Vec<CurvePoint> {
        const STEPS_PER_NINE: u32 = 24;
        let count = self.count();
        if count == 0 {
            return Vec::new();
        }
        let nines = (count as f64).log10().clamp(1.0, 6.0);
        let steps = (nines * f64::from(STEPS_PER_NINE)) as u32;
        (0..=steps)
            .map(|step| 1.0 - 10_f64.powf(-f64::from(step) / f64::from(STEPS_PER_NINE)))
            .map(|share| CurvePoint { share, us: self.at_us(share) })
            .collect()
    }

    fn at_us(&self, share: f64) -> f64 {
        // The histogram rounds up to the end of its bucket: never beyond what was really measured.
        let nanos = self.nanos.value_at_quantile(share).min(self.nanos.max());
        (nanos as f64 / 100.0).round() / 10.0
    }
}

/// Answers in equal spans of time. When it is full the spans double, so a run of any length fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Milliseconds of one span.
    pub span_ms: u64,
    /// Orders accepted in each span.
    pub accepted: Vec<u64>,
    /// All other answers in each span.
    pub refused: Vec<u64>,
}

/// Spans of a timeline, at most; more than a plot has pixels for is of no use.
pub const SPANS_MAX: usize = 240;
const FIRST_SPAN_MS: u64 = 25;

impl Default for Timeline {
    fn default() -> Timeline {
        let empty = || Vec::with_capacity(SPANS_MAX);
        Timeline { span_ms: FIRST_SPAN_MS, accepted: empty(), refused: empty() }
    }
}

impl Timeline {
    /// So many answers came at this time since the start.
    pub fn record(&mut self, at_ns: u64, accepted: u64, refused: u64) {
        let mut span = self.span_at(at_ns);
        while span >= SPANS_MAX {
            self.double();
            span = self.span_at(at_ns);
        }
        if span >= self.accepted.len() {
            self.accepted.resize(span + 1, 0);
            self.refused.resize(span + 1, 0);
        }
        self.accepted[span] += accepted;
        self.refused[span] += refused;
    }

    fn span_at(&self, at_ns: u64) -> usize {
        usize::try_from(at_ns / (self.span_ms * 1_000_000)).unwrap_or(usize::MAX)
    }

    fn double(&mut self) {
        self.span_ms *= 2;
        for counts in [&mut self.accepted, &mut self.refused] {
            for at in 0..counts.len().div_ceil(2) {
                counts[at] = counts[at * 2] + counts.get(at * 2 + 1).copied().unwrap_or(0);
            }
            counts.truncate(counts.len().div_ceil(2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_list() {
        let mut latencies = Latencies::default();
        for us in (1..=1_000).rev() {
            latencies.record_ns(us * 1_000);
        }
        let found = latencies.percentiles();
        let close =
            |us: f64, expected: f64| assert!((us - expected).abs() <= expected / 500.0, "{us} {expected}");
        close(found.p50, 500.0);
        close(found.p90, 900.0);
        close(found.p95, 950.0);
        close(found.p99, 990.0);
        close(found.p999, 999.0);
        close(found.max, 1_000.0);
    }

    #[test]
    fn nothing_recorded_is_all_zeros_and_no_curve() {
        assert_eq!(Latencies::default().percentiles(), Percentiles::default());
        assert_eq!(Latencies::default().curve(), []);
    }

    #[test]
    fn an_hour_counts_as_the_longest() {
        let mut latencies = Latencies::default();
        latencies.record_ns(3_600_000_000_000);
        assert!((latencies.percentiles().max - 120e6).abs() < 1e5, "{:?}", latencies.percentiles());
        latencies.record_ns(0);
        assert_eq!(latencies.count(), 2);
    }

    #[test]
    fn the_curve_only_rises_and_ends_where_the_count_does() {
        let mut latencies = Latencies::default();
        for n in 1..=10_000_u64 {
            latencies.record_ns(n * n);
        }
        let curve = latencies.curve();
        assert!(curve.windows(2).all(|pair| pair[0].share < pair[1].share && pair[0].us <= pair[1].us));
        let last = curve.last().expect("ten thousand answers make a curve").share;
        assert!((last - 0.9999).abs() < 1e-9, "{last}");
    }

    #[test]
    fn a_timeline_of_any_length_keeps_its_sums() {
        let seed = crate::testing::seed();
        let mut random = fastrand::Rng::with_seed(seed);
        let mut timeline = Timeline::default();
        let (mut at_ns, mut accepted, mut refused) = (0, 0, 0);
        for _ in 0..5_000 {
            at_ns += random.u64(..400_000_000);
            let (a, r) = (random.u64(..9), random.u64(..9));
            timeline.record(at_ns, a, r);
            accepted += a;
            refused += r;
        }
        let again = format!("again with TIDEGATE_SEED={seed:#x}");
        assert_eq!(timeline.accepted.iter().sum::<u64>(), accepted, "{again}");
        assert_eq!(timeline.refused.iter().sum::<u64>(), refused, "{again}");
        assert!(timeline.accepted.len() <= SPANS_MAX);
        assert_eq!(timeline.accepted.len() as u64 - 1, at_ns / (timeline.span_ms * 1_000_000), "{again}");
    }
}
