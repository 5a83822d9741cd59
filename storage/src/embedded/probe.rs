//! How long this disk takes to make a block durable, by either path.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use rustix::fs::OFlags;

use super::disk::{BLOCK_BYTES, DurabilityPath};
use super::file_disk::open_direct;
use super::journal::buffer::AlignedBuffer;

/// Blocks written by each path.
const TRIES: usize = 64;

/// Microseconds from the start of a 4 KiB write to its durability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Median of O_DIRECT|O_DSYNC writes.
    pub dsync_us_p50: u64,
    /// 99th percentile of the same.
    pub dsync_us_p99: u64,
    /// Median of O_DIRECT writes, each with its own fdatasync.
    pub fsync_us_p50: u64,
    /// 99th percentile of the same.
    pub fsync_us_p99: u64,
}

impl Probe {
    /// The path that `auto` takes: the one with the better median, unless its worst cases are twice the other's.
    pub fn faster_path(&self) -> DurabilityPath {
        if self.dsync_us_p50 <= self.fsync_us_p50 && self.dsync_us_p99 <= 2 * self.fsync_us_p99 {
            DurabilityPath::Dsync
        } else {
            DurabilityPath::Fsync
        }
    }
}

/// Writes 64 blocks by each path to a file in the folder, and removes it. Takes some tens of milliseconds.
pub fn probe(dir: &Path) -> io::Result<Probe> {
    // Named as a spare, so that one left by a crash goes at the next opening.
    let path = dir.join("probe.spare");
    let measured = probe_file(&path);
    match std::fs::remove_file(&path) {
        Ok(()) => measured,
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => measured,
        Err(error) => measured.and(Err(error)),
    }
}

fn probe_file(path: &Path) -> io::Result<Probe> {
    let mut zeros = AlignedBuffer::new(TRIES * BLOCK_BYTES);
    let file =
        open_direct(path, OpenOptions::new().write(true).create(true).truncate(true), OFlags::empty())?;
    file.write_all_at(zeros.as_mut_slice(), 0)?;
    file.sync_all()?;
    let block = &zeros.as_slice()[..BLOCK_BYTES];
    let (fsync_us_p50, fsync_us_p99) = measure(|offset| {
        file.write_all_at(block, offset)?;
        file.sync_data()
    })?;
    let file = open_direct(path, OpenOptions::new().write(true), OFlags::DSYNC)?;
    let (dsync_us_p50, dsync_us_p99) = measure(|offset| file.write_all_at(block, offset))?;
    Ok(Probe { dsync_us_p50, dsync_us_p99, fsync_us_p50, fsync_us_p99 })
}

/// Median and 99th percentile of one try, in microseconds.
fn measure(mut one: impl FnMut(u64) -> io::Result<()>) -> io::Result<(u64, u64)> {
    let mut took_us = Vec::with_capacity(TRIES);
    for at in 0..TRIES {
        let started = Instant::now();
        one((at * BLOCK_BYTES) as u64)?;
        took_us.push(started.elapsed().as_micros() as u64);
    }
    took_us.sort_unstable();
    Ok((took_us[TRIES / 2], took_us[TRIES * 99 / 100]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_measures_leaves_nothing_behind_and_prefers_what_is_faster() {
        let dir = tempfile::tempdir().unwrap();
        let probe = probe(dir.path()).unwrap();
        assert!(probe.dsync_us_p50 <= probe.dsync_us_p99 && probe.fsync_us_p50 <= probe.fsync_us_p99);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

        let path = |dsync: (u64, u64), fsync: (u64, u64)| {
            let (dsync_us_p50, dsync_us_p99) = dsync;
            let (fsync_us_p50, fsync_us_p99) = fsync;
            Probe { dsync_us_p50, dsync_us_p99, fsync_us_p50, fsync_us_p99 }.faster_path()
        };
        assert_eq!(path((90, 200), (120, 250)), DurabilityPath::Dsync);
        assert_eq!(path((130, 200), (120, 250)), DurabilityPath::Fsync);
        assert_eq!(path((90, 4_000), (120, 1_000)), DurabilityPath::Fsync);
    }
}
