//! Two threads that work behind the cold store: one writes out what was put, one merges what was written.
//!
//! They never hold up a read, nor a put until both of their bounds are reached.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use lsm_tree::AbstractTree;
use lsm_tree::compaction::Leveled;

use super::mark::Mark;
use super::store::{ColdError, Standing};
use super::trees::Trees;
use crate::embedded::background::Background;
use crate::embedded::journal::Identity;

/// Written pieces of one tree that are merged together. Keys by user fall anywhere, so each merge writes the whole next
/// level anew: four times as many pieces as is usual are a quarter of that work, which bounds how many orders may rest.
const MERGED_AT_ONCE: u8 = 16;
/// Bytes of a merged file. With the above, as much in the next level as is usual.
const MERGED_FILE_BYTES: u64 = 16 << 20;
/// Written pieces of one tree that wait to be merged, at most: each costs every read by range a look.
const UNMERGED_MAX: usize = 2 * MERGED_AT_ONCE as usize;

/// The threads, as the thread that puts sees them.
pub(super) struct Upkeep {
    to_write: Option<SyncSender<Standing>>,
    written: Receiver<Result<Standing, ColdError>>,
    is_busy: bool,
    broken: Broken,
    /// All ends: the merger leaves undone what it has not begun.
    is_closing: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Set once, by whichever thread fails first, and reported then.
#[derive(Clone, Debug, Default)]
struct Broken(Arc<AtomicBool>);

impl Upkeep {
    /// Starts the threads.
    pub(super) fn start(trees: &Trees, identity: Identity, background: Background) -> io::Result<Upkeep> {
        let broken = Broken::default();
        let (to_write, standings) = sync_channel(1);
        let (report, written) = sync_channel(1);
        let (wake_merger, woken) = sync_channel(1);
        let ours = trees.clone();
        let writer = background.spawn("cold writer", move || {
            for standing in standings {
                let result = write_out(&ours, identity, standing);
                // Full: it is awake. Gone: everything ends.
                let _ = wake_merger.try_send(());
                if report.send(result).is_err() {
                    break;
                }
            }
        })?;
        let is_closing = Arc::new(AtomicBool::new(false));
        let mut upkeep = Upkeep {
            to_write: Some(to_write),
            written,
            is_busy: false,
            broken: broken.clone(),
            is_closing: Arc::clone(&is_closing),
            threads: vec![writer],
        };
        let ours = trees.clone();
        let merger = background.spawn("cold merger", move || {
            let must_stop = || is_closing.load(Ordering::Relaxed) || broken.is_set();
            // What an earlier run left, first.
            merge(&ours, &broken, must_stop);
            for () in woken {
                merge(&ours, &broken, must_stop);
            }
        })?;
        upkeep.threads.push(merger);
        Ok(upkeep)
    }

    /// Makes durable what the trees have sealed, which is all that was put until this standing. Nothing else is being
    /// written.
    pub(super) fn write_out(&mut self, standing: Standing) {
        self.is_busy = true;
        if let Some(to_write) = &self.to_write {
            // It fails only where the thread is gone, which `finished` reports.
            let _ = to_write.try_send(standing);
        }
    }

    /// The end of the last writing, once.
    pub(super) fn finished(&mut self) -> Option<Result<Standing, ColdError>> {
        if !self.is_busy {
            return None;
        }
        let result = match self.written.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(ColdError::Broken),
        };
        self.is_busy = false;
        Some(result)
    }

    /// Whether something is being written.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Whether merging is so far behind that no more should be written.
    pub(super) fn is_merging_behind(&self, trees: &Trees) -> bool {
        trees.in_order_of_writing().iter().any(|(_, tree)| tree.l0_run_count() >= UNMERGED_MAX)
    }

    /// From here on nothing is written any more.
    pub(super) fn give_up(&self, error: &ColdError) {
        self.broken.set(error);
    }

    /// Whether anything has failed.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_set()
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        // The writer ends with its orders, and the merger with the writer.
        self.is_closing.store(true, Ordering::Relaxed);
        self.to_write = None;
        for thread in self.threads.drain(..) {
            // A panic of that thread has been printed by it; there is nothing to save here.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upkeep").field("is_busy", &self.is_busy).field("broken", &self.broken).finish()
    }
}

impl Broken {
    fn set(&self, error: &ColdError) {
        if !self.0.swap(true, Ordering::Release) {
            tracing::error!(
                %error,
                "no more orders go to the cold store, memory will fill up: see to the disk, then start again"
            );
        }
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What the system said, with its place.
pub(super) fn io_error(place: String, error: &io::Error) -> ColdError {
    let kind = error.kind();
    let why = error.to_string();
    // A file that should be there, or be longer, or was read where its own bytes said, before its beginning.
    let is_damage = matches!(
        kind,
        io::ErrorKind::NotFound
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
    );
    if is_damage { ColdError::Damaged { place, why } } else { ColdError::Io { place, kind, why } }
}

/// What a tree said, with its place.
pub(super) fn tree_error(place: String, error: lsm_tree::Error) -> ColdError {
    if let lsm_tree::Error::Io(error) = error {
        return io_error(place, &error);
    }
    ColdError::Damaged { place, why: format!("{error:?}") }
}

fn write_out(trees: &Trees, identity: Identity, standing: Standing) -> Result<Standing, ColdError> {
    for (name, tree) in trees.in_order_of_writing() {
        let lock = tree.get_flush_lock();
        let written = tree.flush(&lock, trees.changes.get());
        written.map_err(|error| tree_error(trees.folder.join(name).display().to_string(), error))?;
    }
    let last_change = trees.orders.get_highest_persisted_seqno().unwrap_or(0);
    Mark { store: identity.store, standing, last_change }.write(&trees.folder)?;
    Ok(standing)
}

/// Merges until every tree has found nothing more to do.
fn merge(trees: &Trees, broken: &Broken, must_stop: impl Fn() -> bool) {
    let strategy =
        Leveled::default().with_l0_threshold(MERGED_AT_ONCE).with_table_target_size(MERGED_FILE_BYTES);
    let strategy = Arc::new(strategy);
    for (name, tree) in trees.in_order_of_writing() {
        loop {
            if must_stop() {
                return;
            }
            let before = tree.current_version().id();
            if let Err(error) = tree.compact(strategy.clone(), trees.changes.get()) {
                broken.set(&tree_error(trees.folder.join(name).display().to_string(), error));
                return;
            }
            if tree.current_version().id() == before {
                break;
            }
        }
    }
}
