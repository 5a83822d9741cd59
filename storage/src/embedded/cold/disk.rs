//! The cold store on disk: five log-structured trees in the data folder's `cold`.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `orders` | made | newest version |
//! | `older` | made, through inverted | a version that has a successor |
//! | `superseded` | through of the successor, then made and through of the version in `older` | |
//! | `by_user` | user, made inverted | what LIST shows |
//! | `due` | due, made | |
//!
//! The newest version stands under a key of its own, so reading an order is one look through filters, and most orders
//! rest once and never have another. There is no journal here: ours is one. What was put is in memory until its
//! trees are written out by the threads of `upkeep`, always all five as of the same batch, `orders` last. A crash
//! between two of them leaves `orders` behind the others, never ahead: no version is replaced on disk before its copy
//! is there. What the others are ahead is put again by the replay, and whoever reads them checks with `orders`.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, File};
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use crate::embedded::background::Background;
use domain::MicrosUtc;
use domain::verdict::OrderBrief;
use lsm_tree::AbstractTree;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::layout::{Sealer, due_key, older_key, order_key, superseded_key, superseded_of, user_key};
use super::mark::Mark;
use super::store::{
    ColdError, ColdStore, DueKey, FORGET_PIECE, OrdersAtRest, Resting, RestingBatch, Standing, Statistics,
    UserAsk, Version, made_at,
};
use super::trees::{NOW, Trees};
use super::upkeep::{Upkeep, io_error};
use crate::embedded::journal::Identity;

/// The folder inside the data folder.
pub const FOLDER: &str = "cold";

/// What the cold store may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColdSettings {
    /// Bytes of blocks kept in memory.
    pub cache_bytes: u64,
    /// Bytes put that wait in memory before they are written out, about; twice as much while that happens.
    pub write_buffer_bytes: u64,
}

impl ColdSettings {
    /// For a small machine.
    pub const DEFAULT: ColdSettings = ColdSettings { cache_bytes: 64 << 20, write_buffer_bytes: 32 << 20 };
}

impl Default for ColdSettings {
    fn default() -> ColdSettings {
        Self::DEFAULT
    }
}

/// The cold store on disk. See the module for how it lies there.
pub struct DiskCold {
    trees: Trees,
    upkeep: Upkeep,
    sealer: Sealer,
    write_buffer_bytes: u64,
    /// Put so far, and of this what is durable.
    standing: Standing,
    durable: Standing,
    /// Bytes put since the trees were last sealed.
    unwritten_bytes: u64,
    /// For each sync that was begun and not reported, the batches that it is to cover.
    syncs: VecDeque<u64>,
    /// Where the next forgetting begins: what stood before is gone, and would be passed again as so many gravestones.
    forget_from: Option<[u8; 24]>,
    /// Held open while the folder is locked.
    _lock: File,
}

impl DiskCold {
    /// Opens the cold store of a data folder, making it where there is none. Reads little, whatever its size.
    ///
    /// It may hold more than the last sync promised; whoever opens replays the journal from a checkpoint that stands
    /// at or before that sync.
    pub fn open(
        data: &Path,
        identity: Identity,
        settings: ColdSettings,
        background: Background,
    ) -> Result<DiskCold, ColdError> {
        let folder = data.join(FOLDER);
        let lock = make_and_lock(data, &folder)?;
        let mark = match Mark::read(&folder, identity)? {
            Some(mark) => mark,
            None => {
                // Before the trees: where there are trees, a mark that is missing was lost.
                let mark = Mark { store: identity.store, standing: Standing::default(), last_change: 0 };
                mark.write(&folder)?;
                mark
            }
        };
        let trees = Trees::open(&folder, None, identity, &mark, settings)?;
        let upkeep = Upkeep::start(&trees, identity, background)
            .map_err(|error| io_error(folder.display().to_string(), &error))?;
        Ok(DiskCold {
            trees,
            upkeep,
            sealer: Sealer::new(identity),
            write_buffer_bytes: settings.write_buffer_bytes,
            standing: mark.standing,
            durable: mark.standing,
            unwritten_bytes: 0,
            syncs: VecDeque::new(),
            forget_from: None,
            _lock: lock,
        })
    }

    /// One order of a batch. Whatever it reads, it reads before it changes anything.
    fn put_order(&mut self, order: Resting<'_>, through: u64) -> Result<(), ColdError> {
        let Resting { brief, due, was_kept, record } = order;
        let made = made_at(brief.order);
        let version = Version { through, due };
        let key = order_key(made);
        let before = if was_kept { self.trees.newest_version(made)? } else { None };

        if let Some((old, value)) = before {
            let (_, old_record) = self.trees.opener.version(&key, &value).expect("it was just taken apart");
            if old.through > through {
                // A replay is where the run before was earlier. The newer version is as true as it was.
                self.put_older(made, version, record, old.through);
                return Ok(());
            }
            if old.through < through {
                self.put_older(made, old, old_record, through);
            }
            if let Some(old_due) = old.due.filter(|_| old.due != due) {
                self.unwritten_bytes += self.trees.remove(&self.trees.due, &due_key(old_due, made));
            }
        }
        let Trees { orders, by_user, due: by_due, .. } = &self.trees;
        let user_key = user_key(brief.user, made);
        let mut bytes = self.trees.insert(orders, &key, self.sealer.version(&key, version, record));
        bytes += self.trees.insert(by_user, &user_key, self.sealer.brief(&user_key, &brief));
        if let Some(due) = due {
            bytes += self.trees.insert(by_due, &due_key(due, made), &[]);
        }
        self.unwritten_bytes += bytes;
        Ok(())
    }

    /// Keeps a version until its successor's position is behind a checkpoint.
    fn put_older(&mut self, made: u64, version: Version, record: &[u8], newer_through: u64) {
        let Trees { older, superseded, .. } = &self.trees;
        let older_key = older_key(made, version.through);
        let mut bytes =
            self.trees.insert(older, &older_key, self.sealer.version(&older_key, version, record));
        let key = superseded_key(newer_through, made, version.through);
        bytes += self.trees.insert(superseded, &key, &[]);
        self.unwritten_bytes += bytes;
        if self.forget_from.is_some_and(|from| key <= from) {
            self.forget_from = None;
        }
    }

    fn forget_piece(&mut self, through: u64) -> Result<bool, ColdError> {
        let from = match self.forget_from {
            Some(last) => Bound::Excluded(last),
            None => Bound::Unbounded,
        };
        let to = Bound::Included(superseded_key(through, u64::MAX, u64::MAX));
        if let (Bound::Excluded(from), Bound::Included(to)) = (&from, &to)
            && from >= to
        {
            return Ok(false);
        }
        let tree = &self.trees.superseded;
        let mut looks = 0;
        for entry in tree.range((from, to), NOW, None).take(FORGET_PIECE) {
            let (key, _) = self.trees.entry("superseded", entry)?;
            let (made, older_through) =
                superseded_of(&key).ok_or_else(|| self.trees.damaged("superseded", &key))?;
            let is_succeeded = self.has_successor(made, older_through, through)?;

            if is_succeeded {
                self.unwritten_bytes += self.trees.remove(&self.trees.older, &older_key(made, older_through));
            }
            self.unwritten_bytes += self.trees.remove(tree, &key);
            self.forget_from = key.as_ref().try_into().ok();
            looks += 1;
        }
        Ok(looks == FORGET_PIECE)
    }

    /// Whether a version is not needed at `through` any more. An entry of `superseded` alone does not prove it: its
    /// successor may have been lost in a crash, and come again later.
    fn has_successor(&self, made: u64, older_through: u64, through: u64) -> Result<bool, ColdError> {
        if let Some((newest, _)) = self.trees.newest_version(made)?
            // If it is the version itself, the copy was made for a successor that was lost.
            && (older_through..=through).contains(&newest.through)
        {
            return Ok(true);
        }
        let between = older_key(made, through)..older_key(made, older_through);
        let mut found = self.trees.older.range(between, NOW, None);
        found.next().map_or(Ok(false), |entry| self.trees.entry("older", entry).map(|_| true))
    }

    /// Takes note of what upkeep has done, and gives it what there is to do.
    fn tend(&mut self) {
        match self.upkeep.finished() {
            None => (),
            Some(Ok(standing)) => self.durable = standing,
            Some(Err(error)) => self.upkeep.give_up(&error),
        }
        let to_sync = self.syncs.back().is_some_and(|&batches| batches > self.durable.batches);
        let to_write = self.unwritten_bytes >= self.write_buffer_bytes;
        // One at a time: while trees are being written none may be sealed, or one could be written ahead of another.
        if (to_sync || to_write) && !self.upkeep.is_busy() && !self.upkeep.is_broken() {
            for (_, tree) in self.trees.in_order_of_writing() {
                tree.rotate_memtable();
            }
            self.unwritten_bytes = 0;
            self.upkeep.write_out(self.standing);
        }
    }
}

impl ColdStore for DiskCold {
    fn has_room(&mut self) -> bool {
        self.tend();
        // Broken: whoever puts is told so, and need not wait.
        let is_writing_behind = self.upkeep.is_busy() && self.unwritten_bytes >= self.write_buffer_bytes;
        self.upkeep.is_broken() || !(is_writing_behind || self.upkeep.is_merging_behind(&self.trees))
    }

    fn put(&mut self, batch: &RestingBatch) -> Result<(), ColdError> {
        if self.upkeep.is_broken() {
            return Err(ColdError::Broken);
        }
        for order in batch.orders() {
            // Half of the batch is in memory only, and a broken store writes nothing out.
            self.put_order(order, batch.through()).inspect_err(|error| self.upkeep.give_up(error))?;
        }
        self.standing.through = self.standing.through.max(batch.through());
        self.standing.batches += 1;
        self.tend();
        Ok(())
    }

    fn read(&self, made: u64, through: u64, record: &mut Vec<u8>) -> Result<Option<Version>, ColdError> {
        self.trees.read(made, through, record)
    }

    fn of_user(&self, ask: UserAsk, page: &mut Vec<OrderBrief>) -> Result<u64, ColdError> {
        self.trees.of_user(ask, page)
    }

    fn newest(
        &self,
        before_made: u64,
        looks_max: usize,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<u64, ColdError> {
        self.trees.newest(before_made, looks_max, each)
    }

    fn due(
        &self,
        after: Option<DueKey>,
        until: MicrosUtc,
        limit: usize,
        found: &mut Vec<DueKey>,
    ) -> Result<(), ColdError> {
        self.trees.due(after, until, limit, found)
    }

    fn forget(&mut self, through: u64) -> Result<bool, ColdError> {
        if self.upkeep.is_broken() {
            return Err(ColdError::Broken);
        }
        let more = self.forget_piece(through).inspect_err(|error| self.upkeep.give_up(error))?;
        self.tend();
        Ok(more)
    }

    fn begin_sync(&mut self) {
        self.syncs.push_back(self.standing.batches);
        self.tend();
    }

    fn synced(&mut self) -> Option<Result<Standing, ColdError>> {
        self.tend();
        let batches = *self.syncs.front()?;
        if batches <= self.durable.batches {
            self.syncs.pop_front();
            return Some(Ok(self.durable));
        }
        self.upkeep.is_broken().then(|| {
            self.syncs.pop_front();
            Err(ColdError::Broken)
        })
    }

    fn is_broken(&self) -> bool {
        self.upkeep.is_broken()
    }

    fn reader(&self) -> Arc<dyn OrdersAtRest> {
        Arc::new(self.trees.clone())
    }

    fn standing(&self) -> Standing {
        self.standing
    }

    fn statistics(&self) -> Statistics {
        self.trees.statistics()
    }
}

impl fmt::Debug for DiskCold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DiskCold { trees, standing, durable, .. } = self;
        let mut debug = f.debug_struct("DiskCold");
        debug.field("folder", &trees.folder).field("standing", standing).field("durable", durable);
        debug.finish_non_exhaustive()
    }
}

/// Makes the folder where it is missing, and keeps others out of it while the file is open.
fn make_and_lock(data: &Path, folder: &Path) -> Result<File, ColdError> {
    if !folder.is_dir() {
        let made = fs::create_dir(folder).and_then(|()| File::open(data)?.sync_all());
        made.map_err(|error| io_error(folder.display().to_string(), &error))?;
    }
    lock(folder, FlockOperation::NonBlockingLockExclusive)
}

pub(super) fn lock(folder: &Path, how: FlockOperation) -> Result<File, ColdError> {
    let place = folder.display().to_string();
    let file = File::open(folder).map_err(|error| io_error(place.clone(), &error))?;
    match rustix::fs::flock(&file, how) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(ColdError::InUse { place }),
        Err(error) => Err(io_error(place, &error.into())),
    }
}

/// A process that dies while its trees are written, so many of them done.
#[cfg(test)]
pub(super) fn crash_while_writing(store: DiskCold, trees_done: usize) {
    let began = std::time::Instant::now();
    let mut store = store;
    while store.upkeep.is_busy() && !store.upkeep.is_broken() {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "the writing does not end");
        store.tend();
    }
    for (_, tree) in &store.trees.in_order_of_writing()[..trees_done] {
        let lock = tree.get_flush_lock();
        tree.rotate_memtable();
        tree.flush(&lock, store.trees.changes.get()).expect("the disk of a test works");
    }
}
