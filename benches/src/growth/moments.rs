//! A server, looked at each second over a connection of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use protocol::Nothing;
use protocol::messages::{Stats, StatsAnswer};
use protocol::structs::StatsHead;
use serde::Serialize;

use super::REQUEST_ID_BYTES;
use crate::asking::Asking;

/// Between two looks.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What STATS said.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Moment {
    /// Seconds from the beginning.
    pub at_s: f64,
    /// Orders made so far.
    pub created: u64,
    /// Orders in memory.
    pub orders: u64,
    /// Orders at rest.
    pub at_rest: u64,
    /// Of the process, bytes.
    pub resident_bytes: u64,
    /// Of the orders at rest, on disk.
    pub cold_bytes: u64,
    /// Of journal, written so far.
    pub journal_bytes: u64,
    /// Of journal behind the newest checkpoint.
    pub checkpoint_lag_bytes: u64,
    /// By the server's clock, µs UTC.
    #[serde(skip)]
    pub server_time_us: i64,
}

/// Looks until it is asked to end.
#[derive(Debug)]
pub struct Watching {
    began: Instant,
    over: Arc<AtomicBool>,
    moments: Arc<Mutex<Vec<Moment>>>,
    thread: JoinHandle<Result<()>>,
}

impl Watching {
    /// From now on.
    pub fn begin(address: &str) -> Result<Watching> {
        let mut asking = Asking::open(address)?;
        let (over, moments) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (seen_over, kept) = (Arc::clone(&over), Arc::clone(&moments));
        let began = Instant::now();
        let thread = std::thread::spawn(move || {
            while !seen_over.load(Ordering::Relaxed) {
                let (head, _) = asking.ask::<Stats, StatsAnswer>(&Nothing {})?;
                let moment = Moment::of(began.elapsed(), &head);
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(moment);
                std::thread::sleep(LOOK_EVERY);
            }
            Ok(())
        });
        Ok(Watching { began, over, moments, thread })
    }

    /// Since the beginning.
    pub fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// The same, of a time by the server's clock.
    pub fn seconds_at(&self, server_time_us: i64) -> Option<f64> {
        let moments = self.moments();
        let first = moments.first()?;
        Some((first.at_s + (server_time_us - first.server_time_us) as f64 / 1e6).max(0.0))
    }

    /// The newest moment.
    pub fn last(&self) -> Option<Moment> {
        self.moments().last().copied()
    }

    /// The moments of a stretch.
    pub fn between(&self, from_s: f64, until_s: f64) -> Vec<Moment> {
        let moments = self.moments();
        moments.iter().filter(|moment| (from_s..until_s).contains(&moment.at_s)).copied().collect()
    }

    /// Ends, with all that was seen.
    pub fn end(self) -> Result<Vec<Moment>> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("looking never panics").context("the server stopped to answer")?;
        Ok(std::mem::take(&mut self.moments.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn moments(&self) -> std::sync::MutexGuard<'_, Vec<Moment>> {
        // Who panicked while it held this left a whole vector.
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moment {
    fn of(at: Duration, stats: &StatsHead) -> Moment {
        Moment {
            at_s: at.as_secs_f64(),
            created: stats.created,
            orders: stats.orders,
            at_rest: stats.orders_at_rest,
            resident_bytes: stats.resident_bytes,
            cold_bytes: stats.cold_bytes,
            journal_bytes: stats.journal_bytes,
            checkpoint_lag_bytes: stats.checkpoint_lag_bytes,
            server_time_us: stats.server_time,
        }
    }

    /// Resident memory but for remembered request ids, bytes.
    pub fn resident_besides_ids(&self) -> u64 {
        self.resident_bytes.saturating_sub(self.created * REQUEST_ID_BYTES)
    }
}

/// The value in the middle; 0 of none.
pub fn median(moments: &[Moment], of: fn(&Moment) -> u64) -> u64 {
    let mut values: Vec<u64> = moments.iter().map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}
