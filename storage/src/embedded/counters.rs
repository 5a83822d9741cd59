//! What the engine counts, readable from every thread while it serves.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use domain::Micros;

use super::budget::DiskLevel;
use super::checkpoint::taking::Lag;
use crate::lane::Count;
use crate::store::Stats;

/// Counters, each of which one thread writes and any thread reads.
#[derive(Debug)]
pub struct Counters {
    pub(crate) decided: AtomicU64,
    pub(crate) created: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) not_decided: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) orders: AtomicU64,
    pub(crate) orders_max: AtomicU64,
    pub(crate) at_rest: AtomicU64,
    pub(crate) cold_bytes: AtomicU64,
    pub(crate) last_position: AtomicU64,
    pub(crate) durable_position: AtomicU64,
    pub(crate) begins_behind: AtomicU64,
    checkpoint_lag_bytes: AtomicU64,
    pub(crate) checkpoint_lag_bytes_max: AtomicU64,
    checkpoint_lag_facts: AtomicU64,
    /// Written by who looks at the disk, not by the engine.
    disk_bytes: AtomicU64,
    disk_bytes_max: AtomicU64,
    disk_level: AtomicU8,
    groups: AtomicU64,
    bytes: AtomicU64,
    /// Groups by the time from the start of their write to their durability.
    write_us: [AtomicU64; BUCKETS],
}

/// Four buckets for each doubling: a percentile is at most a quarter too high.
const BUCKETS_PER_DOUBLING: u32 = 4;
/// Up to about 67 seconds; what takes longer counts there.
const BUCKETS: usize = 26 * BUCKETS_PER_DOUBLING as usize;

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            decided: AtomicU64::new(0),
            created: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            not_decided: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            orders: AtomicU64::new(0),
            orders_max: AtomicU64::new(0),
            at_rest: AtomicU64::new(0),
            cold_bytes: AtomicU64::new(0),
            last_position: AtomicU64::new(0),
            durable_position: AtomicU64::new(0),
            begins_behind: AtomicU64::new(0),
            checkpoint_lag_bytes: AtomicU64::new(0),
            checkpoint_lag_bytes_max: AtomicU64::new(0),
            checkpoint_lag_facts: AtomicU64::new(0),
            disk_bytes: AtomicU64::new(0),
            disk_bytes_max: AtomicU64::new(0),
            disk_level: AtomicU8::new(DiskLevel::Enough.number()),
            groups: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            write_us: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }
}

impl Count for Counters {
    /// Each number is right; together they may be of different instants.
    fn stats(&self) -> Stats {
        Stats {
            decided: self.decided.load(Relaxed),
            created: self.created.load(Relaxed),
            refused: self.refused.load(Relaxed),
            not_decided: self.not_decided.load(Relaxed),
            expired: self.expired.load(Relaxed),
            orders: self.orders.load(Relaxed),
            orders_max: self.orders_max.load(Relaxed),
            at_rest: self.at_rest.load(Relaxed),
            cold_bytes: self.cold_bytes.load(Relaxed),
            last_position: self.last_position.load(Relaxed),
            durable_position: self.durable_position.load(Relaxed),
            groups: self.groups.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            write_us_p50: self.write_us_at(50),
            write_us_p99: self.write_us_at(99),
            disk_bytes: self.disk_bytes.load(Relaxed),
            disk_bytes_max: self.disk_bytes_max.load(Relaxed),
            disk_level: self.disk_level.load(Relaxed),
            checkpoint_lag_bytes: self.checkpoint_lag_bytes.load(Relaxed),
            checkpoint_lag_bytes_max: self.checkpoint_lag_bytes_max.load(Relaxed),
            checkpoint_lag_facts: self.checkpoint_lag_facts.load(Relaxed),
            begins_behind: self.begins_behind.load(Relaxed),
        }
    }
}

impl Counters {
    /// Position up to which facts are durable.
    pub fn durable_position(&self) -> u64 {
        self.durable_position.load(Relaxed)
    }

    /// How far the newest checkpoint is behind the journal.
    pub(crate) fn lag(&self, lag: Lag) {
        self.checkpoint_lag_bytes.store(lag.bytes, Relaxed);
        self.checkpoint_lag_facts.store(lag.facts, Relaxed);
    }

    /// Whether the disk is too full for new orders.
    pub(crate) fn is_disk_stopped(&self) -> bool {
        self.disk_level.load(Relaxed) == DiskLevel::Stopped.number()
    }

    /// How full the disk is.
    pub(crate) fn disk(&self, bytes: u64, bytes_max: u64, level: DiskLevel) {
        self.disk_bytes.store(bytes, Relaxed);
        self.disk_bytes_max.store(bytes_max, Relaxed);
        self.disk_level.store(level.number(), Relaxed);
    }

    pub(crate) fn wrote(&self, bytes: usize) {
        add(&self.groups, 1);
        add(&self.bytes, bytes as u64);
    }

    pub(crate) fn durable(&self, took: Micros) {
        add(&self.write_us[bucket(took.0.max(0) as u64)], 1);
    }

    fn write_us_at(&self, percent: u64) -> u64 {
        let counts = self.write_us.each_ref().map(|count| count.load(Relaxed));
        let wanted = (counts.iter().sum::<u64>() * percent).div_ceil(100);
        let mut seen = 0;
        let found = counts.iter().position(|count| {
            seen += count;
            seen >= wanted && wanted > 0
        });
        found.map_or(0, upper_us)
    }
}

/// Adds without a locked instruction: only the engine's thread writes.
pub(crate) fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed) + more, Relaxed);
}

/// The bucket of a value: its doubling, and the quarter within it.
fn bucket(us: u64) -> usize {
    let us = us.max(1);
    let doubling = us.ilog2();
    let quarter =
        (us << BUCKETS_PER_DOUBLING.ilog2() >> doubling) as usize & (BUCKETS_PER_DOUBLING as usize - 1);
    (doubling as usize * BUCKETS_PER_DOUBLING as usize + quarter).min(BUCKETS - 1)
}

/// The largest value of a bucket.
fn upper_us(bucket: usize) -> u64 {
    let per_doubling = u64::from(BUCKETS_PER_DOUBLING);
    let (doubling, quarter) = (bucket as u64 / per_doubling, bucket as u64 % per_doubling);
    ((per_doubling + quarter + 1) << doubling).div_ceil(per_doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_at_most_a_quarter_too_high_and_never_too_low() {
        for us in [1, 2, 3, 5, 100, 999, 4_096, 1_000_000] {
            let counters = Counters::default();
            counters.durable(Micros(us));
            let p50 = counters.stats().write_us_p50;
            assert!(p50 >= us as u64 && p50 <= us as u64 + us as u64 / 4, "{us} became {p50}");
        }
        let counters = Counters::default();
        for us in 1..=1_000 {
            counters.durable(Micros(us));
        }
        let stats = counters.stats();
        assert!((500..=640).contains(&stats.write_us_p50), "{}", stats.write_us_p50);
        assert!((990..=1_279).contains(&stats.write_us_p99), "{}", stats.write_us_p99);
    }
}
