//! The disk itself: files, names, power, and what is under way. Every process sees it through `fuse`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;
use rustix::io::Errno;

use crate::content::{Content, Mark};
use crate::names::{Names, ROOT};
use crate::{DISK_BYTES_MAX, Losses};

/// How long a durable write or a sync takes, microseconds: on a fast disk, on a middling one, and on one so slow that
/// several are under way all the time. The seed chooses.
const TAKES_US: [Range<u64>; 3] = [50..300, 200..2_000, 1_000..8_000];
/// One in so many takes five times as long, so that later ones overtake it.
const SLOW_ONE_IN: u8 = 64;

/// Told when an operation that took its time has ended. It is called without any lock held.
pub(crate) type Answer = Box<dyn FnOnce(Result<(), Errno>) + Send>;

/// The disk, shared by the mount and by who cuts its power.
pub(crate) struct World {
    state: Mutex<State>,
    /// Something is under way, or nothing more will be.
    changed: Condvar,
    /// The power is off.
    dark: Condvar,
}

/// What a name leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes {
    pub node: u64,
    pub is_folder: bool,
    pub bytes: u64,
    pub modified: SystemTime,
}

struct State {
    rng: Rng,
    takes_us: Range<u64>,
    nodes: BTreeMap<u64, Node>,
    names: Names,
    last_node: u64,
    has_power: bool,
    /// Says that something is durable, and leaves it in its cache.
    lies: bool,
    /// So many writes more, and the power goes by itself.
    writes_until_cut: Option<u32>,
    /// What the last cut took.
    losses: Losses,
    is_stopped: bool,
    /// Each holds up the caller that asked for it, so there are no more of them than callers.
    under_way: Vec<UnderWay>,
}

struct Node {
    /// Nothing: it is a folder.
    content: Option<Content>,
    modified: SystemTime,
    /// How many hold it open: it outlives its last name as long.
    opened: u32,
}

struct UnderWay {
    due: Instant,
    what: What,
    answer: Answer,
}

enum What {
    Write { file: u64, offset: u64, bytes: Vec<u8> },
    Sync { file: u64, covers: Mark },
    SyncFolder { folder: u64 },
}

impl World {
    pub fn new(seed: u64, lies: bool) -> World {
        let mut rng = Rng::with_seed(seed);
        let takes_us = TAKES_US[rng.usize(..TAKES_US.len())].clone();
        let root = Node { content: None, modified: SystemTime::now(), opened: 0 };
        let state = State {
            rng,
            takes_us,
            nodes: BTreeMap::from([(ROOT, root)]),
            names: Names::default(),
            last_node: ROOT,
            has_power: true,
            lies,
            writes_until_cut: None,
            losses: Losses::default(),
            is_stopped: false,
            under_way: Vec::new(),
        };
        World { state: Mutex::new(state), changed: Condvar::new(), dark: Condvar::new() }
    }

    /// The platter's thread: completes what is under way when it is due, until [`World::stop`].
    pub fn complete_all(&self) {
        let mut state = self.lock();
        while !state.is_stopped {
            let now = Instant::now();
            let Some(next) = (0..state.under_way.len()).min_by_key(|&at| state.under_way[at].due) else {
                state = self.changed.wait(state).expect("nobody panics while holding it");
                continue;
            };
            let due = state.under_way[next].due;
            if due > now {
                let waited = self.changed.wait_timeout(state, due - now);
                state = waited.expect("nobody panics while holding it").0;
                continue;
            }
            let UnderWay { what, answer, .. } = state.under_way.swap_remove(next);
            let done = state.complete(what);
            drop(state);
            answer(done);
            state = self.lock();
        }
    }

    pub fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }

    /// The power goes, in one moment; what was under way fails. Without power nothing more is lost.
    pub fn cut(&self) -> Losses {
        self.cut_now(self.lock())
    }

    /// The power goes in the moment in which so many writes more have come, the last of them not done; or after
    /// this time, where no such write comes.
    pub fn cut_at_write(&self, writes: u32, within: Duration) -> Losses {
        let mut state = self.lock();
        state.writes_until_cut = Some(writes);
        let waited = self.dark.wait_timeout_while(state, within, |state| state.has_power);
        self.cut_now(waited.expect("nobody panics while holding it").0)
    }

    fn cut_now(&self, mut state: MutexGuard<'_, State>) -> Losses {
        let answers = state.cut();
        let losses = state.losses;
        drop(state);
        self.dark.notify_all();
        answers.into_iter().for_each(|answer| answer(Err(Errno::IO)));
        losses
    }

    pub fn power_on(&self) {
        let mut state = self.lock();
        state.has_power = true;
        state.nodes.values_mut().for_each(|node| node.opened = 0);
        state.forget_the_nameless();
    }

    pub fn look_up(&self, folder: u64, name: &OsStr) -> Result<Attributes, Errno> {
        let state = self.powered()?;
        let node = state.names.get(folder, name).ok_or(Errno::NOENT)?;
        state.attributes(node)
    }

    pub fn attributes(&self, node: u64) -> Result<Attributes, Errno> {
        self.powered()?.attributes(node)
    }

    /// A new file, held open, or a new folder.
    pub fn make(&self, folder: u64, name: &OsStr, is_folder: bool) -> Result<Attributes, Errno> {
        let mut state = self.powered()?;
        if state.names.get(folder, name).is_some() {
            return Err(Errno::EXIST);
        }
        state.last_node += 1;
        let node = state.last_node;
        let content = (!is_folder).then(Content::default);
        let opened = u32::from(!is_folder);
        state.nodes.insert(node, Node { content, modified: SystemTime::now(), opened });
        state.names.add(folder, name, node);
        state.attributes(node)
    }

    pub fn remove(&self, folder: u64, name: &OsStr, is_folder: bool) -> Result<(), Errno> {
        let mut state = self.powered()?;
        let node = state.names.get(folder, name).ok_or(Errno::NOENT)?;
        match (state.attributes(node)?.is_folder, is_folder) {
            (true, false) => return Err(Errno::ISDIR),
            (false, true) => return Err(Errno::NOTDIR),
            (true, true) if state.names.list(node).next().is_some() => return Err(Errno::NOTEMPTY),
            (true, true) | (false, false) => state.names.remove(folder, name),
        }
        Ok(())
    }

    pub fn rename(&self, from: (u64, &OsStr), to: (u64, &OsStr), may_replace: bool) -> Result<(), Errno> {
        let mut state = self.powered()?;
        let node = state.names.get(from.0, from.1).ok_or(Errno::NOENT)?;
        match state.names.get(to.0, to.1) {
            Some(_) if !may_replace => return Err(Errno::EXIST),
            Some(same) if same == node => return Ok(()),
            Some(replaced) if state.names.list(replaced).next().is_some() => return Err(Errno::NOTEMPTY),
            Some(_) | None => state.names.rename(from, to),
        }
        Ok(())
    }

    /// Every name of a folder and whether it is a folder.
    pub fn list(&self, folder: u64) -> Result<Vec<(OsString, Attributes)>, Errno> {
        let state = self.powered()?;
        let named = state.names.list(folder);
        named.map(|(name, node)| Ok((name.to_owned(), state.attributes(node)?))).collect()
    }

    pub fn open(&self, node: u64) -> Result<(), Errno> {
        self.powered()?.nodes.get_mut(&node).ok_or(Errno::NOENT)?.opened += 1;
        Ok(())
    }

    /// The last that is asked of an open file, with power or without.
    pub fn close(&self, node: u64) {
        let mut state = self.lock();
        if let Some(node) = state.nodes.get_mut(&node) {
            node.opened = node.opened.saturating_sub(1);
        }
        state.forget_the_nameless();
    }

    pub fn read(&self, file: u64, offset: u64, bytes: usize) -> Result<Vec<u8>, Errno> {
        let mut state = self.powered()?;
        let seen = state.content(file)?.seen();
        let from = (offset as usize).min(seen.len());
        Ok(seen[from..(from + bytes).min(seen.len())].to_vec())
    }

    /// A write that a cache takes: it completes at once, and is durable with the next sync.
    pub fn write(&self, file: u64, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let mut state = self.powered()?;
        state.has_room(file, offset + bytes.len() as u64)?;
        state.content(file)?.write(offset as usize, bytes);
        state.touch(file);
        if state.is_last_write() {
            self.cut_now(state);
            return Err(Errno::IO);
        }
        Ok(())
    }

    pub fn resize(&self, file: u64, bytes: u64) -> Result<(), Errno> {
        let mut state = self.powered()?;
        state.has_room(file, bytes)?;
        state.content(file)?.resize(bytes as usize);
        state.touch(file);
        Ok(())
    }

    /// A write that is durable when it completes, which takes its time.
    pub fn write_durably(&self, file: u64, offset: u64, bytes: Vec<u8>, answer: Answer) {
        let state = self.powered().and_then(|mut state| {
            state.has_room(file, offset + bytes.len() as u64)?;
            state.content(file)?;
            Ok(state)
        });
        self.begin(state, What::Write { file, offset, bytes }, answer);
    }

    /// Makes durable what was written to a file so far, which takes its time.
    pub fn sync(&self, file: u64, answer: Answer) {
        let mut covers = None;
        let state = self.powered().and_then(|mut state| {
            covers = Some(state.content(file)?.mark());
            Ok(state)
        });
        match covers {
            Some(covers) => self.begin(state, What::Sync { file, covers }, answer),
            None => answer(state.map(drop)),
        }
    }

    /// Makes the names of a folder durable, which takes its time.
    pub fn sync_folder(&self, folder: u64, answer: Answer) {
        self.begin(self.powered(), What::SyncFolder { folder }, answer);
    }

    /// Bytes that all files have together.
    pub fn bytes_used(&self) -> u64 {
        self.lock().bytes_used()
    }

    fn begin(&self, state: Result<MutexGuard<'_, State>, Errno>, what: What, answer: Answer) {
        let mut state = match state {
            Ok(state) => state,
            Err(error) => return answer(Err(error)),
        };
        let range = state.takes_us.clone();
        let slower = if state.rng.u8(..SLOW_ONE_IN) == 0 { 5 } else { 1 };
        let takes_us = state.rng.u64(range) * slower;
        let due = Instant::now() + Duration::from_micros(takes_us);
        let is_write = matches!(what, What::Write { .. });
        state.under_way.push(UnderWay { due, what, answer });
        if is_write && state.is_last_write() {
            self.cut_now(state);
            return;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn powered(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let state = self.lock();
        if state.has_power { Ok(state) } else { Err(Errno::IO) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl State {
    fn attributes(&self, node: u64) -> Result<Attributes, Errno> {
        let Node { content, modified, .. } = self.nodes.get(&node).ok_or(Errno::NOENT)?;
        let bytes = content.as_ref().map_or(0, |content| content.seen().len() as u64);
        Ok(Attributes { node, is_folder: content.is_none(), bytes, modified: *modified })
    }

    fn content(&mut self, file: u64) -> Result<&mut Content, Errno> {
        self.nodes.get_mut(&file).ok_or(Errno::NOENT)?.content.as_mut().ok_or(Errno::ISDIR)
    }

    fn touch(&mut self, node: u64) {
        if let Some(node) = self.nodes.get_mut(&node) {
            node.modified = SystemTime::now();
        }
    }

    fn complete(&mut self, what: What) -> Result<(), Errno> {
        match what {
            What::Write { file, offset, bytes } if self.lies => {
                self.content(file)?.write(offset as usize, &bytes);
            }
            What::Sync { .. } | What::SyncFolder { .. } if self.lies => (),
            What::Write { file, offset, bytes } => {
                self.content(file)?.write_durably(offset as usize, &bytes);
                self.touch(file);
            }
            What::Sync { file, covers } => self.content(file)?.sync(covers),
            What::SyncFolder { folder } => {
                self.names.sync(folder);
                self.forget_the_nameless();
            }
        }
        Ok(())
    }

    /// Gives whom to tell that what they asked for failed.
    fn cut(&mut self) -> Vec<Answer> {
        if !self.has_power {
            return Vec::new();
        }
        self.has_power = false;
        self.writes_until_cut = None;
        let mut answers = Vec::new();
        for UnderWay { what, answer, .. } in std::mem::take(&mut self.under_way) {
            // A write was on its way through a cache like any other; a sync did nothing yet.
            if let What::Write { file, offset, bytes } = what
                && let Ok(content) = self.content(file)
            {
                content.write(offset as usize, &bytes);
            }
            answers.push(answer);
        }
        let State { rng, nodes, names, losses, .. } = self;
        *losses = Losses::default();
        names.cut(rng, losses);
        nodes.values_mut().filter_map(|node| node.content.as_mut()).for_each(|file| file.cut(rng, losses));
        answers
    }

    /// Counts a write; true where it is the one at which the power goes.
    fn is_last_write(&mut self) -> bool {
        let left = self.writes_until_cut.map(|left| left.saturating_sub(1));
        self.writes_until_cut = left;
        left == Some(0)
    }

    fn has_room(&self, file: u64, bytes: u64) -> Result<(), Errno> {
        let more = bytes.saturating_sub(self.attributes(file)?.bytes);
        if self.bytes_used() + more > DISK_BYTES_MAX { Err(Errno::NOSPC) } else { Ok(()) }
    }

    fn bytes_used(&self) -> u64 {
        let files = self.nodes.values().filter_map(|node| node.content.as_ref());
        files.map(|content| content.seen().len() as u64).sum()
    }

    /// What nobody holds open and no cut can give a name again is gone. (A lost folder keeps its files' names,
    /// and so the files, which nobody can reach: these are few, and go with the disk.)
    fn forget_the_nameless(&mut self) {
        let named: BTreeSet<u64> = self.names.named().chain([ROOT]).collect();
        self.nodes.retain(|node, it| it.opened > 0 || named.contains(node));
    }
}
