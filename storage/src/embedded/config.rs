//! The embedded store's settings and bounds, and the check that they go together.

use domain::{LedgerBounds, Micros, Rules};

use super::background::Background;
use super::budget::DiskBudget;
use super::cold::ColdSettings;
use super::disk::{BLOCK_BYTES, DurabilityPath};
use super::journal::Limits;
use super::record::ENTRY_BYTES_MAX;
use super::retention::Retention;
use crate::lane::LaneBounds;

/// How groups become durable, as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Whichever is faster on this disk, measured at opening.
    Auto,
    /// Always this one.
    Always(DurabilityPath),
}

/// Settings of the embedded store. [`Config::default`] serves a small machine well.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bounds of the ledger: orders, request ids, skus and so on.
    pub ledger: LedgerBounds,
    /// Rules of the ledger: windows of time and the like.
    pub rules: Rules,
    /// Bytes of a journal segment.
    pub segment_bytes: usize,
    /// Segments that lie ready ahead of use.
    pub segments_ahead: usize,
    /// Bytes of the largest group: what one write carries.
    pub group_bytes: usize,
    /// How groups become durable.
    pub durability: Durability,
    /// Seconds for which nobody touched an order and after which it leaves memory, give or take half of them; it comes
    /// back for whoever asks for it.
    pub rest_after_seconds: u32,
    /// Memory that the cold store reads and collects in.
    pub cold: ColdSettings,
    /// Bytes of journal between two checkpoints; 0: none is taken.
    pub checkpoint_bytes: u64,
    /// Bytes of journal behind the newest checkpoint at which CREATE is overloaded until there is a newer one; 0: none.
    pub checkpoint_lag_bytes_max: u64,
    /// What stays of the journal in the data folder.
    pub retention: Retention,
    /// How the store's own threads step behind those who serve.
    pub background: Background,
    /// What the data folder may take of its disk.
    pub disk: DiskBudget,
    /// Microseconds from the durability of all to the group that seals it.
    pub seal_after_us: u32,
    /// Seconds after an opening in which no order expires.
    pub opening_grace_seconds: u32,
    /// Start although the wall clock is far behind the journal.
    pub accept_clock: bool,
    /// Batches of intents of each handle.
    pub batches: usize,
    /// Of these, batches that creates cannot use.
    pub batches_reserved: usize,
    /// Intents in a batch, at most.
    pub batch_intents: usize,
    /// Vectors of answers of each handle.
    pub answer_vectors: usize,
    /// Answers that wait for the disk, at most; beyond it intents wait in their batches.
    pub answers_waiting_max: usize,
    /// What OVERLOADED tells the client to wait, milliseconds.
    pub retry_after_ms: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            ledger: LedgerBounds::DEFAULT,
            rules: Rules::DEFAULT,
            segment_bytes: 64 << 20,
            segments_ahead: 3,
            group_bytes: 1 << 20,
            durability: Durability::Auto,
            rest_after_seconds: 600,
            cold: ColdSettings::DEFAULT,
            checkpoint_bytes: 256 << 20,
            checkpoint_lag_bytes_max: 2 << 30,
            retention: Retention::DEFAULT,
            background: Background::NICE,
            disk: DiskBudget::DEFAULT,
            seal_after_us: 1_000,
            opening_grace_seconds: 60,
            accept_clock: false,
            batches: 64,
            batches_reserved: 8,
            batch_intents: 512,
            answer_vectors: 32,
            answers_waiting_max: 1 << 18,
            retry_after_ms: 50,
        }
    }
}

const _: () = assert!(ENTRY_BYTES_MAX <= 1 << 20, "the default group holds the largest intent");

/// Settings that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadConfig(String);

impl Config {
    /// Judges the settings, and names the first that is wrong.
    ///
    /// A group smaller than the largest sale is allowed (tests use tiny ones); a SALE_PUT that does not fit is
    /// answered as overloaded then.
    pub fn check(&self) -> Result<(), BadConfig> {
        let wrong = |why: &str| Err(BadConfig(why.into()));
        if !self.segment_bytes.is_multiple_of(BLOCK_BYTES) || !self.group_bytes.is_multiple_of(BLOCK_BYTES) {
            return wrong("segment_bytes and group_bytes are multiples of 4096");
        }
        if self.group_bytes < 4 * BLOCK_BYTES || self.group_bytes > 64 << 20 {
            return wrong("group_bytes is 16384 to 67108864");
        }
        if self.segment_bytes < self.group_bytes + 2 * BLOCK_BYTES {
            return wrong("segment_bytes has room for a group, a header and a sealing group");
        }
        let lag_max = self.checkpoint_lag_bytes_max;
        if self.checkpoint_bytes > 0 && lag_max > 0 && lag_max / 2 < self.checkpoint_bytes {
            return wrong("checkpoint_lag_bytes_max is at least twice checkpoint_bytes, or 0");
        }
        if let Some(why) = self.retention.fault(self.segment_bytes, self.checkpoint_bytes) {
            return wrong(why);
        }
        let ready_bytes = self.segment_bytes.saturating_mul(self.segments_ahead.saturating_add(2)) as u64;
        if let Some(why) = self.disk.fault(ready_bytes) {
            return wrong(why);
        }
        if self.batches_reserved == 0 || self.batches <= self.batches_reserved {
            return wrong("batches_reserved is at least 1, and batches is more than that");
        }
        if self.batch_intents == 0 || self.answer_vectors < 2 || self.answers_waiting_max == 0 {
            return wrong("batch_intents and answers_waiting_max are at least 1, answer_vectors at least 2");
        }
        Ok(())
    }

    pub(crate) fn lanes(&self) -> LaneBounds {
        LaneBounds {
            batches: self.batches,
            batches_reserved: self.batches_reserved,
            batch_intents: self.batch_intents,
            answer_vectors: self.answer_vectors,
        }
    }

    pub(crate) fn limits(&self, path: DurabilityPath) -> Limits {
        Limits {
            segment_bytes: self.segment_bytes,
            group_bytes: self.group_bytes,
            seal_after: Micros(i64::from(self.seal_after_us)),
            path,
        }
    }
}
