//! A disk in memory that is as unkind as a real one may be: writes complete late and in any order, what was not
//! synced is lost or torn at a power cut, names become durable one by one, and a killed process's writes may
//! still land in the life after. Operations fail when they are told to, the disk is full when it is told to be, and
//! bits turn over in what was durable.
//!
//! Kind it is in one thing: a sync that failed has lost nothing, what it was for is merely unsynced still.

// Named, because the store's own tests take this file from here.
#[path = "disk/hot.rs"]
mod hot;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use fastrand::Rng;
use storage::embedded::Background;
use storage::embedded::cold::{ColdError, ColdSettings, ColdStore, Faults, MemoryCold, MemoryFolder};
use storage::embedded::disk::{Disk, DurabilityPath, ReadDisk};
use storage::embedded::journal::Identity;

pub use hot::MemHot;

/// What tears: a sector is written whole or not at all.
const SECTOR_BYTES: usize = 512;

/// See [`World::slowness`].
const QUICK: u8 = 85;
const SLOW: u8 = 230;

/// What the names of files in the archive begin with. No name in the data folder has a slash.
const ARCHIVE: &str = "archive/";

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The process alone: what the system holds stays, what was under way may still land, now or later.
    Kill,
    /// The machine: only what was synced is sure.
    PowerCut,
}

/// One operation on a name, not yet durable.
#[derive(Clone, Debug)]
enum NameChange {
    Add(String, usize),
    Rename(String, String),
    Remove(String),
}

#[derive(Clone, Debug)]
struct Write {
    file: usize,
    offset: usize,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct FileState {
    durable: Vec<u8>,
    seen: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug)]
struct World {
    rng: Rng,
    files: Vec<FileState>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    name_changes: Vec<NameChange>,
    /// Writes of killed processes that may still land.
    late: Vec<Write>,
    locked_by: Option<u64>,
    process: u64,
    /// Of 256 looks at what is under way, so many find that nothing has completed yet.
    slowness: u8,
    /// Operations until everything stops; nothing: it does not.
    stops_in: Option<u64>,
    /// Operations until one of them fails; nothing: none does.
    fails_in: Option<u64>,
    bytes_max: usize,
    losses: Losses,
}

/// What became of writes that were not synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Writes of dead processes that landed after all, whole or torn.
    pub late: u64,
    /// Sectors that a power cut took.
    pub sectors: u64,
    /// Changes of names that a power cut took.
    pub names: u64,
    /// Operations that failed.
    pub failed: u64,
}

/// The folder. Clones are the same folder, held by the same process.
#[derive(Clone, Debug)]
pub struct MemDisk {
    world: Arc<Mutex<World>>,
    /// What the names of its files begin with: the archive is a folder of its own on the same disk.
    folder: &'static str,
    process: u64,
    cold: MemoryFolder,
}

/// An open file.
#[derive(Clone, Copy, Debug)]
pub struct MemFile {
    file: usize,
    dsync: bool,
}

impl MemDisk {
    /// An empty folder.
    pub fn new(seed: u64) -> MemDisk {
        let world = World {
            rng: Rng::with_seed(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            late: Vec::new(),
            locked_by: None,
            process: 0,
            slowness: QUICK,
            stops_in: None,
            fails_in: None,
            bytes_max: usize::MAX,
            losses: Losses::default(),
        };
        let world = Arc::new(Mutex::new(world));
        MemDisk { world, folder: "", process: 0, cold: MemoryFolder::new() }
    }

    /// The same folder for the next process. The one before must have ended.
    pub fn next_process(&self) -> MemDisk {
        let mut world = self.world();
        world.process += 1;
        // Of what the cold store had not synced, the first part may have landed.
        let kept = world.rng.usize(0..=self.cold.unsynced());
        self.cold.crash(kept);
        self.cold.set_faults(Faults::default());
        world.slowness = QUICK;
        world.stops_in = None;
        world.fails_in = None;
        let (folder, process, cold) = (self.folder, world.process, self.cold.clone());
        MemDisk { world: Arc::clone(&self.world), folder, process, cold }
    }

    /// The folder that segments go to.
    pub fn archived(&self) -> MemDisk {
        MemDisk { folder: ARCHIVE, ..self.clone() }
    }

    /// Where its orders rest.
    pub fn cold(&self) -> &MemoryFolder {
        &self.cold
    }

    /// Everything stops after so many more operations: from then on each fails.
    pub fn stop_in(&self, operations: u64) {
        self.world().stops_in = Some(operations);
    }

    /// From now on nothing stops.
    pub fn go_on(&self) {
        self.world().stops_in = None;
    }

    /// Whether everything has stopped.
    pub fn is_stopped(&self) -> bool {
        self.world().stops_in == Some(0)
    }

    /// The operation after so many more fails, once.
    pub fn fail_in(&self, operations: u64) {
        self.world().fails_in = Some(operations);
    }

    /// Until the process ends, what is under way takes so long that as much of it gathers as may be.
    pub fn be_slow(&self) {
        self.world().slowness = SLOW;
    }

    /// Whether an operation is still to fail.
    pub fn will_fail(&self) -> bool {
        self.world().fails_in.is_some()
    }

    /// What was lost so far.
    pub fn losses(&self) -> Losses {
        self.world().losses
    }

    /// How many segments are in the archive.
    pub fn archived_segments(&self) -> u64 {
        let is_archived = |path: &&String| path.starts_with(ARCHIVE) && path.ends_with(".journal");
        self.world().names.keys().filter(is_archived).count() as u64
    }

    /// The same folder for somebody who only looks: nothing that this one does counts, stops or fails.
    pub fn seen_from_outside(&self) -> Outside {
        Outside(self.clone())
    }

    /// How many files there are.
    pub fn files(&self) -> usize {
        self.world().names.len()
    }

    /// Bytes of all files together.
    pub fn bytes(&self) -> usize {
        let world = self.world();
        world.names.values().map(|&file| world.files[file].seen.len()).sum()
    }

    /// How many bytes all files may have together.
    pub fn hold_at_most(&self, bytes: usize) {
        self.world().bytes_max = bytes;
    }

    /// Ends the process; `hot` is what it had under way.
    pub fn end(&self, how: End, hot: MemHot) {
        let mut world = self.world();
        world.locked_by = None;
        let under_way = hot.under_way.into_iter().filter_map(|op| op.write);
        match how {
            End::Kill => world.late.extend(under_way),
            End::PowerCut => {
                world.late.extend(under_way);
                world.power_cut();
            }
        }
    }

    /// Flips a bit for good, if the file is there.
    pub fn flip(&self, name: &str, byte: usize, bit: u8) {
        let mut world = self.world();
        let Some(&file) = world.names.get(&self.path(name)) else { return };
        let FileState { durable, seen, .. } = &mut world.files[file];
        for bytes in [durable, seen] {
            if let Some(byte) = bytes.get_mut(byte) {
                *byte ^= 1 << bit;
            }
        }
    }

    /// Lets a file be there again whose removal a power cut undid.
    pub fn bring_back(&self, name: &str, bytes: &[u8]) {
        let mut world = self.world();
        let file = world.files.len();
        world.files.push(FileState { durable: bytes.to_vec(), seen: bytes.to_vec(), ..FileState::default() });
        world.names.insert(self.path(name), file);
        world.durable_names.insert(self.path(name), file);
    }

    /// Takes a file away for good, as somebody does who has read why it is refused.
    pub fn take_away(&self, name: &str) {
        let (path, mut world) = (self.path(name), self.world());
        world.names.remove(&path);
        world.durable_names.remove(&path);
    }

    /// All that a process sees in the folder, to compare.
    pub fn content(&self) -> BTreeMap<String, Vec<u8>> {
        let world = self.world();
        let names = world.names.iter().filter_map(|(path, &file)| Some((self.name(path)?.to_owned(), file)));
        names.map(|(name, file)| (name, world.files[file].seen.clone())).collect()
    }

    /// What the disk calls a file of this folder.
    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    /// The name of a file, if it is in this folder.
    fn name<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(self.folder).filter(|name| !name.contains('/'))
    }

    fn names(&self, world: &World) -> Vec<String> {
        world.names.keys().filter_map(|path| self.name(path)).map(str::to_owned).collect()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no test panics while holding it")
    }

    /// The world, if it has not stopped; one operation less until it does.
    fn operate(&self) -> io::Result<MutexGuard<'_, World>> {
        let mut world = self.world();
        assert_eq!(world.process, self.process, "a dead process does nothing");
        match &mut world.stops_in {
            Some(0) => return Err(io::Error::other("stopped")),
            Some(more) => *more -= 1,
            None => (),
        }
        if world.fails_now() {
            return Err(io::Error::other("the disk failed"));
        }
        world.land_late_writes();
        Ok(world)
    }
}

impl World {
    /// Whether this operation fails.
    fn fails_now(&mut self) -> bool {
        match &mut self.fails_in {
            Some(0) => {
                self.fails_in = None;
                self.losses.failed += 1;
                true
            }
            Some(more) => {
                *more -= 1;
                false
            }
            None => false,
        }
    }

    /// Whether all files may have so many bytes more.
    fn judge_room(&self, bytes: usize) -> io::Result<()> {
        let used: usize = self.names.values().map(|&file| self.files[file].seen.len()).sum();
        let full = io::ErrorKind::StorageFull.into();
        if used + bytes > self.bytes_max { Err(full) } else { Ok(()) }
    }

    fn file(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read_at(&self, file: usize, offset: u64, into: &mut [u8]) -> usize {
        let seen = &self.files[file].seen;
        let from = (offset as usize).min(seen.len());
        let read = into.len().min(seen.len() - from);
        into[..read].copy_from_slice(&seen[from..from + read]);
        read
    }

    /// Puts bytes where every process sees them, unsynced.
    fn see(&mut self, write: &Write) {
        let state = &mut self.files[write.file];
        let end = write.offset + write.bytes.len();
        if state.seen.len() < end {
            state.seen.resize(end, 0);
        }
        state.seen[write.offset..end].copy_from_slice(&write.bytes);
        state.unsynced.push((write.offset, write.bytes.clone()));
    }

    fn sync(&mut self, file: usize, writes: usize) {
        let state = &mut self.files[file];
        let writes = writes.min(state.unsynced.len());
        for (offset, bytes) in state.unsynced.drain(..writes) {
            let end = offset + bytes.len();
            if state.durable.len() < end {
                state.durable.resize(end, 0);
            }
            state.durable[offset..end].copy_from_slice(&bytes);
        }
    }

    /// Each write of the dead lands now, torn or whole, or goes on waiting.
    fn land_late_writes(&mut self) {
        if self.late.is_empty() || self.rng.u8(..) > 8 {
            return;
        }
        let at = self.rng.usize(..self.late.len());
        let write = self.late.swap_remove(at);
        self.losses.late += 1;
        self.land_torn(&write);
    }

    fn land_torn(&mut self, write: &Write) {
        let whole = self.rng.bool();
        for (at, sector) in write.bytes.chunks(SECTOR_BYTES).enumerate() {
            if whole || self.rng.bool() {
                let offset = write.offset + at * SECTOR_BYTES;
                self.see(&Write { file: write.file, offset, bytes: sector.to_vec() });
            }
        }
    }

    fn power_cut(&mut self) {
        for write in std::mem::take(&mut self.late) {
            if self.rng.bool() {
                self.land_torn(&write);
            }
        }
        for change in std::mem::take(&mut self.name_changes) {
            if self.rng.bool() {
                apply(&mut self.durable_names, &change);
            } else {
                self.losses.names += 1;
            }
        }
        for file in 0..self.files.len() {
            let keep = self.rng.u8(..4);
            for (offset, bytes) in std::mem::take(&mut self.files[file].unsynced) {
                for (at, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                    if self.rng.u8(..4) < keep {
                        let state = &mut self.files[file];
                        let from = offset + at * SECTOR_BYTES;
                        let end = from + sector.len();
                        if state.durable.len() < end {
                            state.durable.resize(end, 0);
                        }
                        state.durable[from..end].copy_from_slice(sector);
                    } else {
                        self.losses.sectors += 1;
                    }
                }
            }
            self.files[file].seen = self.files[file].durable.clone();
        }
        self.names = self.durable_names.clone();
    }

    fn change_name(&mut self, change: NameChange) {
        apply(&mut self.names, &change);
        self.name_changes.push(change);
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: &NameChange) {
    match change {
        NameChange::Add(name, file) => {
            names.insert(name.clone(), *file);
        }
        NameChange::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        NameChange::Remove(name) => {
            names.remove(name);
        }
    }
}

impl ReadDisk for MemDisk {
    fn place(&self) -> String {
        "memory".into()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let world = self.operate()?;
        Ok(self.names(&world))
    }

    fn file_bytes(&self, name: &str) -> io::Result<u64> {
        let world = self.operate()?;
        Ok(world.files[world.file(&self.path(name))?].seen.len() as u64)
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let world = self.operate()?;
        Ok(world.read_at(world.file(&self.path(name))?, offset, into))
    }
}

/// See [`MemDisk::seen_from_outside`].
#[derive(Clone, Debug)]
pub struct Outside(MemDisk);

impl ReadDisk for Outside {
    fn place(&self) -> String {
        self.0.place()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.names(&self.0.world()))
    }

    fn file_bytes(&self, name: &str) -> io::Result<u64> {
        let world = self.0.world();
        Ok(world.files[world.file(&self.0.path(name))?].seen.len() as u64)
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let world = self.0.world();
        Ok(world.read_at(world.file(&self.0.path(name))?, offset, into))
    }
}

impl Disk for MemDisk {
    type File = MemFile;

    /// The same seed makes the same store.
    fn fill_random(&self, into: &mut [u8]) -> io::Result<()> {
        let mut world = self.operate()?;
        world.rng.fill(into);
        Ok(())
    }

    fn lock(&self) -> io::Result<bool> {
        let mut world = self.operate()?;
        // Whoever has the data folder has the archive.
        let free = world.locked_by.is_none_or(|process| process == self.process);
        if free {
            world.locked_by = Some(self.process);
        }
        Ok(free)
    }

    fn open_cold(
        &self,
        _: Identity,
        _: ColdSettings,
        _: Background,
    ) -> Result<Box<dyn ColdStore>, ColdError> {
        Ok(Box::new(MemoryCold::open(&self.cold)))
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<MemFile> {
        let mut world = self.operate()?;
        let path = self.path(name);
        if world.names.contains_key(&path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        world.judge_room(bytes as usize)?;
        let file = world.files.len();
        world.files.push(FileState::default());
        world.change_name(NameChange::Add(path, file));
        Ok(MemFile { file, dsync: false })
    }

    fn write_at(&self, file: &MemFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.operate()?;
        let longer = (offset as usize + bytes.len()).saturating_sub(world.files[file.file].seen.len());
        world.judge_room(longer)?;
        world.see(&Write { file: file.file, offset: offset as usize, bytes: bytes.to_vec() });
        Ok(())
    }

    fn sync(&self, file: &MemFile) -> io::Result<()> {
        self.operate()?.sync(file.file, usize::MAX);
        Ok(())
    }

    fn sync_named(&self, name: &str) -> io::Result<()> {
        let mut world = self.operate()?;
        let file = world.file(&self.path(name))?;
        world.sync(file, usize::MAX);
        Ok(())
    }

    fn faster_path(&self) -> io::Result<DurabilityPath> {
        Ok(DurabilityPath::Dsync)
    }

    fn open_for_groups(&self, name: &str, path: DurabilityPath) -> io::Result<MemFile> {
        let world = self.operate()?;
        Ok(MemFile { file: world.file(&self.path(name))?, dsync: path == DurabilityPath::Dsync })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.operate()?;
        let (from, to) = (self.path(from), self.path(to));
        world.file(&from)?;
        world.change_name(NameChange::Rename(from, to));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.operate()?;
        let path = self.path(name);
        world.file(&path)?;
        world.change_name(NameChange::Remove(path));
        Ok(())
    }

    fn archive(&self, _: &Path) -> io::Result<MemDisk> {
        drop(self.operate()?);
        Ok(self.archived())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut world = self.operate()?;
        for change in std::mem::take(&mut world.name_changes) {
            let (NameChange::Add(path, _) | NameChange::Rename(path, _) | NameChange::Remove(path)) = &change;
            // Of this folder alone.
            if self.name(path).is_some() {
                apply(&mut world.durable_names, &change);
            } else {
                world.name_changes.push(change);
            }
        }
        Ok(())
    }
}
