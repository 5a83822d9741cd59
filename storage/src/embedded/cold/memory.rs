//! A cold store in memory, for the simulator and for tests: the same answers, and a crash at any moment.
//!
//! What a [`MemoryCold`] was given is lost with it, but for what the [`MemoryFolder`] has of it: all that was synced, and
//! at a crash as much more as the test says. The folder also says what fails.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard};

use domain::verdict::OrderBrief;
use domain::{MicrosUtc, UserId};

use super::store::{
    ColdError, ColdStore, DueKey, FORGET_PIECE, OrdersAtRest, Resting, RestingBatch, Standing, Statistics,
    UserAsk, Version, made_at,
};

/// What is on the disk that is not there.
#[derive(Clone, Debug, Default)]
pub struct MemoryFolder(Arc<Mutex<Disk>>);

/// What fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Puts and forgets.
    pub writes: bool,
    /// Syncs that end from now on.
    pub syncs: bool,
    /// Reads.
    pub reads: bool,
    /// No sync ends.
    pub syncs_hang: bool,
}

#[derive(Debug, Default)]
struct Disk {
    synced: Contents,
    /// What was done since, oldest first.
    unsynced: VecDeque<Step>,
    faults: Faults,
}

#[derive(Clone, Debug)]
enum Step {
    Put(RestingBatch),
    Forget(u64),
}

/// All that a cold store knows.
#[derive(Clone, Debug, Default)]
struct Contents {
    orders: BTreeMap<u64, Kept>,
    older: BTreeMap<(u64, u64), Kept>,
    superseded: BTreeSet<(u64, u64, u64)>,
    /// By user and, newest first, by time; `u64::MAX - made` for that.
    by_user: BTreeMap<(UserId, u64), OrderBrief>,
    due: BTreeSet<DueKey>,
    bytes: u64,
    standing: Standing,
}

#[derive(Clone, Debug)]
struct Kept {
    version: Version,
    record: Vec<u8>,
}

/// A cold store over a [`MemoryFolder`].
#[derive(Debug)]
pub struct MemoryCold {
    folder: MemoryFolder,
    contents: Contents,
    durable: Standing,
    syncs: VecDeque<u64>,
    is_broken: bool,
}

impl MemoryFolder {
    /// An empty one.
    pub fn new() -> MemoryFolder {
        MemoryFolder::default()
    }

    /// What fails from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.disk().faults = faults;
    }

    /// What a crash leaves: all that was synced, and the first `kept` of the batches and forgets behind it. Whoever has
    /// the folder open goes on in vain.
    pub fn crash(&self, kept: usize) {
        let mut disk = self.disk();
        disk.unsynced.truncate(kept);
        let steps: Vec<Step> = disk.unsynced.drain(..).collect();
        for step in steps {
            disk.synced.apply(&step);
        }
    }

    /// Batches and forgets that a crash may lose.
    pub fn unsynced(&self) -> usize {
        self.disk().unsynced.len()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

impl MemoryCold {
    /// Opens what is in the folder. What was not synced is lost, as in a crash that kept none of it.
    pub fn open(folder: &MemoryFolder) -> MemoryCold {
        folder.crash(0);
        let contents = folder.disk().synced.clone();
        let durable = contents.standing;
        MemoryCold { folder: folder.clone(), contents, durable, syncs: VecDeque::new(), is_broken: false }
    }

    fn write(&mut self, step: Step) -> Result<bool, ColdError> {
        if self.is_broken {
            return Err(ColdError::Broken);
        }
        let mut disk = self.folder.disk();
        if disk.faults.writes {
            self.is_broken = true;
            return Err(refused("a write"));
        }
        let more = self.contents.apply(&step);
        disk.unsynced.push_back(step);
        Ok(more)
    }

    fn judge_read(&self) -> Result<(), ColdError> {
        if self.folder.disk().faults.reads { Err(refused("a read")) } else { Ok(()) }
    }
}

impl ColdStore for MemoryCold {
    fn has_room(&mut self) -> bool {
        true
    }

    fn put(&mut self, batch: &RestingBatch) -> Result<(), ColdError> {
        self.write(Step::Put(batch.clone())).map(drop)
    }

    fn read(&self, made: u64, through: u64, record: &mut Vec<u8>) -> Result<Option<Version>, ColdError> {
        record.clear();
        self.judge_read()?;
        let found = self.contents.version(made, through);
        Ok(found.map(|kept| {
            record.extend_from_slice(&kept.record);
            kept.version
        }))
    }

    fn of_user(&self, ask: UserAsk, page: &mut Vec<OrderBrief>) -> Result<u64, ColdError> {
        self.judge_read()?;
        let UserAsk { user, before_made, state, limit, looks_max } = ask;
        let Some(first) = before_made.checked_sub(1) else { return Ok(0) };
        let mut orders = self.contents.by_user.range((user, u64::MAX - first)..=(user, u64::MAX));
        let (mut looks, mut found, mut last) = (0, 0, 0);
        while found < limit && looks < looks_max {
            let Some((_, brief)) = orders.next() else { return Ok(0) };
            if state.is_none_or(|state| state == brief.state) {
                page.push(*brief);
                found += 1;
            }
            looks += 1;
            last = made_at(brief.order);
        }
        Ok(if orders.next().is_some() { last } else { 0 })
    }

    fn newest(
        &self,
        before_made: u64,
        looks_max: usize,
        each: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<u64, ColdError> {
        self.judge_read()?;
        let mut orders = self.contents.orders.range(..before_made).rev();
        let (mut looks, mut last) = (0, 0);
        let mut flow = ControlFlow::Continue(());
        while flow.is_continue() && looks < looks_max {
            let Some((made, kept)) = orders.next() else { return Ok(0) };
            flow = each(*made, &kept.record);
            looks += 1;
            last = *made;
        }
        Ok(if orders.next().is_some() { last } else { 0 })
    }

    fn due(
        &self,
        after: Option<DueKey>,
        until: MicrosUtc,
        limit: usize,
        found: &mut Vec<DueKey>,
    ) -> Result<(), ColdError> {
        self.judge_read()?;
        let all = self.contents.due.iter().copied();
        let asked = all.filter(|key| after.is_none_or(|after| *key > after) && key.0 <= until);
        found.extend(asked.take(limit));
        Ok(())
    }

    fn forget(&mut self, through: u64) -> Result<bool, ColdError> {
        self.write(Step::Forget(through))
    }

    fn begin_sync(&mut self) {
        self.syncs.push_back(self.contents.standing.batches);
    }

    fn synced(&mut self) -> Option<Result<Standing, ColdError>> {
        let batches = *self.syncs.front()?;
        let mut disk = self.folder.disk();
        if disk.faults.syncs_hang && !self.is_broken {
            return None;
        }
        self.syncs.pop_front();
        self.is_broken |= disk.faults.syncs && batches > self.durable.batches;
        if batches > self.durable.batches {
            if self.is_broken {
                return Some(Err(ColdError::Broken));
            }
            while disk.synced.standing.batches < batches {
                let step = disk.unsynced.pop_front().expect("each batch that is not synced is there");
                disk.synced.apply(&step);
            }
            self.durable = disk.synced.standing;
        }
        Some(Ok(self.durable))
    }

    fn is_broken(&self) -> bool {
        self.is_broken
    }

    fn reader(&self) -> Arc<dyn OrdersAtRest> {
        Arc::new(self.contents.clone())
    }

    fn standing(&self) -> Standing {
        self.contents.standing
    }

    fn statistics(&self) -> Statistics {
        Statistics { orders_about: self.contents.orders.len() as u64, disk_bytes: self.contents.bytes }
    }
}

impl OrdersAtRest for Contents {
    fn each_as_of(&self, through: u64, each: &mut dyn FnMut(u64, &[u8])) -> Result<(), ColdError> {
        for &made in self.orders.keys() {
            if let Some(kept) = self.version(made, through) {
                each(made, &kept.record);
            }
        }
        Ok(())
    }
}

impl Contents {
    /// Does it, and says whether there is more of the kind.
    fn apply(&mut self, step: &Step) -> bool {
        match step {
            Step::Put(batch) => {
                for order in batch.orders() {
                    self.put(order, batch.through());
                }
                self.standing.through = self.standing.through.max(batch.through());
                self.standing.batches += 1;
                false
            }
            Step::Forget(through) => self.forget(*through),
        }
    }

    fn put(&mut self, order: Resting<'_>, through: u64) {
        let Resting { brief, due, was_kept, record } = order;
        let made = made_at(brief.order);
        let new = Kept { version: Version { through, due }, record: record.to_vec() };
        self.bytes += record.len() as u64;
        if let Some(old) = self.orders.get(&made) {
            let old_through = old.version.through;
            if was_kept && old_through > through {
                self.older.insert((made, through), new);
                self.superseded.insert((old_through, made, through));
                return;
            }
            if let Some(old_due) = old.version.due {
                self.due.remove(&(old_due, made));
            }
            if was_kept && old_through < through {
                self.older.insert((made, old_through), old.clone());
                self.superseded.insert((through, made, old_through));
            }
        }
        self.orders.insert(made, new);
        self.by_user.insert((brief.user, u64::MAX - made), brief);
        self.due.extend(due.map(|due| (due, made)));
    }

    fn version(&self, made: u64, through: u64) -> Option<&Kept> {
        let newest = self.orders.get(&made)?;
        if newest.version.through <= through {
            return Some(newest);
        }
        self.older.range((made, 0)..=(made, through)).next_back().map(|(_, kept)| kept)
    }

    fn forget(&mut self, through: u64) -> bool {
        let piece: Vec<_> = self.superseded.iter().copied().take(FORGET_PIECE).collect();
        let mut looks = 0;
        for entry in piece {
            let (newer_through, made, older_through) = entry;
            if newer_through > through {
                break;
            }
            self.superseded.remove(&entry);
            let newest = self.orders.get(&made).map(|kept| kept.version.through);
            let is_succeeded = newest.is_some_and(|newest| (older_through..=through).contains(&newest))
                || self.older.range((made, older_through + 1)..=(made, through)).next().is_some();
            if is_succeeded {
                self.older.remove(&(made, older_through));
            }
            looks += 1;
        }
        looks == FORGET_PIECE
    }
}

fn refused(what: &str) -> ColdError {
    let why = format!("the test lets {what} fail");
    ColdError::Io { place: "memory".into(), kind: std::io::ErrorKind::Other, why }
}
