//! How much of a disk the store may take, judged from beside it: first a warning, then no new orders.
//!
//! Everything else goes on: what frees units, money that arrives, operators. That needs room, too, so new orders end
//! long before the disk does. The engine never asks the disk; it reads a level that a thread of low priority looks up
//! every second.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::background::Background;
use super::counters::Counters;

/// From one look to the next.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Points of a percent that have to become free before new orders are taken again: a segment made or deleted must not
/// switch a shop on and off.
const BACK_POINTS: u8 = 5;
/// Bytes of the blocks in which file systems count what a file takes, whatever their own are.
const STAT_BLOCK_BYTES: u64 = 512;

/// How much of a disk the data folder may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskBudget {
    /// Bytes that the folder may come to; 0: all that it has, and what is free on its file system. It is never more.
    pub bytes: u64,
    /// Of that, from so many percent on there is a warning; 0: none.
    pub warn_percent: u8,
    /// From so many percent on there are no new orders; 0: only a full disk ends them.
    pub stop_percent: u8,
}

impl DiskBudget {
    /// Warns and stops early enough that there is time to make room.
    pub const DEFAULT: DiskBudget = DiskBudget { bytes: 0, warn_percent: 80, stop_percent: 90 };

    /// The first setting that is wrong, if one is. `ready_bytes` lie ready ahead of use whatever is sold.
    pub fn fault(&self, ready_bytes: u64) -> Option<&'static str> {
        let DiskBudget { bytes, warn_percent, stop_percent } = *self;
        if warn_percent > 100 || stop_percent > 100 {
            return Some("disk_warn_percent and disk_stop_percent are 0 to 100");
        }
        if stop_percent > 0 && warn_percent > stop_percent {
            return Some("disk_warn_percent is not above disk_stop_percent");
        }
        if bytes > 0 && reaches(ready_bytes, bytes, stop_percent) {
            return Some("disk_budget_bytes has no room for orders beside the segments that lie ready");
        }
        None
    }

    /// What the folder may come to, bytes.
    pub fn bytes_max(&self, found: DiskUse) -> u64 {
        let there = found.folder_bytes.saturating_add(found.free_bytes);
        if self.bytes == 0 { there } else { self.bytes.min(there) }
    }

    /// How it stands, from how it stood before.
    pub fn judge(&self, found: DiskUse, before: DiskLevel) -> DiskLevel {
        let used = |percent| reaches(found.folder_bytes, self.bytes_max(found), percent);
        let stays = before == DiskLevel::Stopped && used(self.stop_percent.saturating_sub(BACK_POINTS));
        if used(self.stop_percent) || (stays && self.stop_percent > 0) {
            DiskLevel::Stopped
        } else if used(self.warn_percent) {
            DiskLevel::Warned
        } else {
            DiskLevel::Enough
        }
    }
}

/// What a folder takes, and what else there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUse {
    /// Bytes of the folder and all below it, as the file system counts them.
    pub folder_bytes: u64,
    /// Bytes that are free on its file system for who is not root.
    pub free_bytes: u64,
}

impl DiskUse {
    /// Looks. Takes a system call for each file.
    pub fn of(folder: &Path) -> io::Result<DiskUse> {
        let stat = rustix::fs::statvfs(folder)?;
        let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
        Ok(DiskUse { folder_bytes: bytes_below(folder)?, free_bytes })
    }
}

/// How full the disk is, of what the store may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskLevel {
    /// There is room.
    Enough,
    /// Somebody should make room.
    Warned,
    /// New orders are switched off.
    Stopped,
}

impl DiskLevel {
    /// 0 there is room, 1 warned, 2 new orders are switched off.
    pub const fn number(self) -> u8 {
        match self {
            DiskLevel::Enough => 0,
            DiskLevel::Warned => 1,
            DiskLevel::Stopped => 2,
        }
    }
}

/// Looks at a data folder every second, and tells the engine how full it is, until it is dropped.
#[derive(Debug)]
pub struct DiskWatch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl DiskWatch {
    /// Looks once, then starts the thread: a server that begins on a full disk takes no order.
    pub fn start(
        folder: &Path,
        (budget, background): (DiskBudget, Background),
        counters: Arc<Counters>,
    ) -> io::Result<DiskWatch> {
        let mut looking = Looking { folder: folder.to_owned(), budget, counters, level: DiskLevel::Enough };
        looking.look();
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stop);
        let thread = background.spawn("disk", move || {
            while !theirs.load(Ordering::Relaxed) {
                std::thread::park_timeout(LOOK_EVERY);
                looking.look();
            }
        })?;
        Ok(DiskWatch { stop, thread: Some(thread) })
    }
}

impl Drop for DiskWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of that thread has been printed by it; there is nothing to save here.
            let _ = thread.join();
        }
    }
}

struct Looking {
    folder: PathBuf,
    budget: DiskBudget,
    counters: Arc<Counters>,
    level: DiskLevel,
}

impl Looking {
    fn look(&mut self) {
        match DiskUse::of(&self.folder) {
            Ok(found) => {
                let before = self.level;
                self.level = self.budget.judge(found, before);
                let of = self.budget.bytes_max(found);
                self.counters.disk(found.folder_bytes, of, self.level);
                if self.level != before {
                    told(&self.folder, found.folder_bytes, of, self.level);
                }
            }
            // What was known stays: no order is taken or refused because nobody could look.
            Err(error) => tracing::warn!(%error, "nobody sees how full the disk is"),
        }
    }
}

fn told(folder: &Path, bytes: u64, of: u64, level: DiskLevel) {
    let folder = folder.display();
    match level {
        DiskLevel::Enough => tracing::info!(%folder, bytes, of, "there is room on the disk"),
        DiskLevel::Warned => tracing::warn!(
            %folder, bytes, of,
            "the disk fills: make room, or raise disk_budget_bytes, before new orders are switched off"
        ),
        DiskLevel::Stopped => tracing::error!(
            %folder, bytes, of,
            "the disk is nearly full: new orders are switched off until there is room, all else goes on"
        ),
    }
}

/// Whether `bytes` are so many percent of a whole; never where 0 percent are asked for.
fn reaches(bytes: u64, whole: u64, percent: u8) -> bool {
    percent > 0 && u128::from(bytes) * 100 >= u128::from(whole) * u128::from(percent)
}

fn bytes_below(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let there = match entry.metadata() {
            Ok(it) if it.is_dir() => bytes_below(&entry.path()),
            Ok(it) => Ok(it.blocks() * STAT_BLOCK_BYTES),
            Err(error) => Err(error),
        };
        bytes += match there {
            // Renamed or deleted since it was listed: it is counted by its new name, or gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            other => other?,
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::DiskLevel::{Enough, Stopped, Warned};
    use super::*;

    fn level(budget: u64, folder_bytes: u64, free_bytes: u64, before: DiskLevel) -> DiskLevel {
        let budget = DiskBudget { bytes: budget, ..DiskBudget::DEFAULT };
        budget.judge(DiskUse { folder_bytes, free_bytes }, before)
    }

    #[test]
    fn levels_are_shares_of_the_budget_or_of_what_there_is() {
        // Budget, bytes of the folder, free bytes: a warning from 80 percent on, no new orders from 90 on.
        for (budget, folder, free, wanted) in [
            (1_000, 0, 1 << 40, Enough),
            (1_000, 799, 1 << 40, Enough),
            (1_000, 800, 1 << 40, Warned),
            (1_000, 900, 1 << 40, Stopped),
            (1_000, 2_000, 1 << 40, Stopped),
            // Without one: what it has and what is free. Others who fill the disk make that less.
            (0, 799, 201, Enough),
            (0, 800, 200, Warned),
            (0, 800, 80, Stopped),
            // A budget beyond the disk is no room.
            (1 << 40, 900, 100, Stopped),
            (0, 0, 0, Stopped),
            (u64::MAX, u64::MAX, u64::MAX, Stopped),
        ] {
            assert_eq!(level(budget, folder, free, Enough), wanted, "{budget} {folder} {free}");
        }
    }

    #[test]
    fn new_orders_come_back_some_points_below() {
        for (folder, before, wanted) in [
            (890, Warned, Warned),
            (890, Stopped, Stopped),
            (850, Stopped, Stopped),
            (849, Stopped, Warned),
            (700, Stopped, Enough),
        ] {
            assert_eq!(level(1_000, folder, 1 << 40, before), wanted, "{folder} {before:?}");
        }
        let never = DiskBudget { bytes: 1_000, warn_percent: 0, stop_percent: 0 };
        for before in [Enough, Warned, Stopped] {
            assert_eq!(never.judge(DiskUse { folder_bytes: 2_000, free_bytes: 0 }, before), Enough);
        }
    }

    #[test]
    fn a_budget_has_room_for_what_lies_ready() {
        let fault = |bytes, warn_percent, stop_percent| {
            DiskBudget { bytes, warn_percent, stop_percent }.fault(256 << 20).is_some()
        };
        for (bytes, warn, stop, wrong) in [
            (0, 80, 90, false),
            (0, 0, 0, false),
            (0, 80, 0, false),
            (0, 80, 70, true),
            (0, 101, 0, true),
            (0, 80, 101, true),
            (300 << 20, 80, 90, false),
            (280 << 20, 80, 90, true),
            (1, 0, 0, false),
        ] {
            assert_eq!(fault(bytes, warn, stop), wrong, "{bytes} {warn} {stop}");
        }
    }

    #[test]
    fn a_folder_is_counted_with_all_below_it() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("below")).expect("a folder");
        let before = DiskUse::of(folder.path()).expect("it is there");
        for name in ["a", "below/b"] {
            fs::write(folder.path().join(name), vec![1; 100_000]).expect("a file");
        }
        let after = DiskUse::of(folder.path()).expect("it is there");
        let more = after.folder_bytes - before.folder_bytes;
        assert!((200_000..400_000).contains(&more), "{more}");
        assert!(after.free_bytes > 0);
        assert!(DiskUse::of(&folder.path().join("missing")).is_err());
    }
}
