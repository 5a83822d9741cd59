//! What growth came to, in sentences and as a page of charts.

use loadgen::charts::{self, Chart, Unit};
use loadgen::text::{bytes, grouped, rounded, span_us};

use super::moments::Moment;
use super::{Growth, LISTED};

/// Everything in a few sentences.
pub fn told(seen: &Growth) -> Vec<String> {
    let [first, last] = seen.first_and_last_tps;
    let [small, large] = seen.first_and_last_resident_bytes;
    let mut told = vec![format!(
        "{} orders: {}/s in the first million, {}/s in the last; {} and {} resident behind them",
        grouped(seen.orders),
        rounded(first),
        rounded(last),
        bytes(small),
        bytes(large)
    )];
    told.extend(seen.rates.iter().map(|held| {
        format!(
            "{}/s {}: {} then {} orders in memory, {} then {} resident besides request ids, {} missing; p99 {}, of a second {} in the \
             middle and {} at most",
            grouped(held.rate),
            if held.holds { "holds" } else { "does not hold" },
            grouped(held.in_memory[0]),
            grouped(held.in_memory[1]),
            bytes(held.resident_bytes[0]),
            bytes(held.resident_bytes[1]),
            grouped(held.missing),
            span_us(held.p99_us[0]),
            span_us(held.p99_us[1]),
            span_us(held.p99_us[2]),
        )
    }));
    told.extend(seen.burst.iter().map(|burst| {
        format!(
            "{}/s for {} s: {} orders in memory at most, {} missing, caught up {:.0} s later; p99 {}",
            grouped(burst.rate),
            burst.seconds,
            grouped(burst.in_memory_max),
            grouped(burst.missing),
            burst.caught_up_seconds,
            span_us(burst.p99_us)
        )
    }));
    let [p50, p99] = seen.list_us;
    told.push(format!(
        "first page of a user with {} orders at rest: {} in the middle, p99 {}, over loopback",
        grouped(LISTED),
        span_us(p50),
        span_us(p99)
    ));
    if let Some(end) = seen.moments.last() {
        told.push(format!(
            "at the end {} orders at rest in {}; {} of journal were written",
            grouped(end.at_rest),
            bytes(end.cold_bytes),
            bytes(end.journal_bytes)
        ));
    }
    told
}

/// The same, with what happened when.
pub fn page(seen: &Growth) -> String {
    let over = |name, unit, of: fn(&Moment) -> u64| Chart {
        name,
        remark: String::new(),
        unit,
        points: seen.moments.iter().map(|moment| (moment.at_s, of(moment) as f64)).collect(),
    };
    let charts = [
        Chart {
            name: "Orders accepted",
            remark: "a second".to_owned(),
            unit: Unit::PerSecond,
            points: rates(&seen.moments),
        },
        Chart {
            name: "99 % of a second's answers within",
            remark: "on schedule: from the scheduled time".to_owned(),
            unit: Unit::Micros,
            points: seen.p99_us.clone(),
        },
        over("Orders in memory", Unit::Count, |moment| moment.orders),
        over("Orders at rest", Unit::Count, |moment| moment.at_rest),
        over("Resident memory", Unit::Bytes, |moment| moment.resident_bytes),
        over("Journal behind the newest checkpoint", Unit::Bytes, |moment| moment.checkpoint_lag_bytes),
        over("Orders at rest, on disk", Unit::Bytes, |moment| moment.cold_bytes),
    ];
    charts::page("Growth", &told(seen), &charts)
}

/// Orders a second between each two moments.
fn rates(moments: &[Moment]) -> Vec<(f64, f64)> {
    let pairs = moments.iter().zip(moments.iter().skip(1));
    pairs
        .map(|(before, after)| {
            let made = after.created.saturating_sub(before.created) as f64;
            (after.at_s, made / (after.at_s - before.at_s).max(1e-3))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::growth::{Burst, Held};

    fn moment(at_s: f64, created: u64) -> Moment {
        Moment {
            at_s,
            created,
            orders: 10,
            at_rest: created - 10,
            resident_bytes: 5 << 20,
            cold_bytes: 1_000,
            journal_bytes: 2_000,
            checkpoint_lag_bytes: 500,
            server_time_us: 0,
        }
    }

    fn seen() -> Growth {
        Growth {
            orders: 3_000_000,
            first_and_last_tps: [500_000.0, 490_000.0],
            first_and_last_resident_bytes: [1_000_000, 1_100_000],
            rates: vec![Held {
                rate: 100_000,
                holds: true,
                missing: 0,
                in_memory: [700_000, 710_000],
                resident_bytes: [1_000_000, 1_000_000],
                p99_us: [900.0, 800.0, 2_000.0],
            }],
            burst: Some(Burst {
                rate: 150_000,
                seconds: 60,
                missing: 7,
                in_memory_max: 1_500_000,
                caught_up_seconds: 9.6,
                p99_us: 3_000.0,
            }),
            list_us: [50.0, 90.0],
            moments: vec![moment(1.0, 100), moment(3.0, 500)],
            p99_us: vec![(1.0, 900.0)],
        }
    }

    #[test]
    fn orders_a_second_lie_between_two_moments() {
        assert_eq!(rates(&seen().moments), [(3.0, 200.0)]);
        assert_eq!(rates(&[moment(1.0, 100)]), []);
    }

    #[test]
    fn the_sentences_say_what_holds_and_what_was_missed() {
        let told = told(&seen()).join("\n");
        for part in [
            "100,000/s holds",
            "7 missing, caught up 10 s later",
            "490,000/s in the last",
            "50.0 µs in the middle",
        ] {
            assert!(told.contains(part), "{part} is not in {told}");
        }
    }

    #[test]
    fn the_page_shows_everything_over_time() {
        let page = page(&seen());
        assert_eq!(page.matches("<svg").count(), 7);
        assert!(page.contains("Resident memory") && page.contains("150,000/s for 60 s"));
    }
}
