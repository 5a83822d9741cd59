//! How long segments stay in the data folder, and where they go then.
//!
//! A segment may go when no checkpoint that an opening could begin with needs it: the newest, and the one before it,
//! which stands in when the newest cannot be read. Of those it is the oldest that goes, and only when it is beyond what
//! is to be kept. Each step is durable before the next begins, so wherever a crash falls, the segment is in the data
//! folder, in the archive, or in both.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::background::Background;
use domain::{Micros, MicrosUtc};

use super::chain::segment;
use super::damage::{Damage, Place};
use super::disk::{BLOCK_BYTES, Disk, ReadDisk};
use super::journal::buffer::AlignedBuffer;
use super::journal::layout::{GROUP_HEADER_BYTES, GroupHeader, Identity, SEGMENT_HEADER_BYTES};
use super::journal::segment::{Name, parse_name, promote, segment_name, spare_name};
use super::record::EntryHead;
use crate::planted::{self, Bug};

/// Bytes that are copied, or compared, at once.
const CHUNK_BYTES: usize = 256 << 10;
/// No group has more: see the bounds of `group_bytes`.
const GROUP_BYTES_MAX: usize = 64 << 20;
/// How many times as long as a chunk took the thread rests after it, as the maker of segments does.
const RESTS: u32 = 8;
/// No rest is longer.
const REST_MAX: Duration = Duration::from_millis(50);

/// What stays of the journal in the data folder, and what becomes of the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Bytes of segments that may stay; 0: any.
    pub bytes: u64,
    /// Seconds for which a segment stays, from its last fact on; 0: for ever.
    pub seconds: u32,
    /// What becomes of a segment that is beyond one of the two.
    pub expiry: Expiry,
}

/// What becomes of a segment that is kept no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It stays: nothing ever goes.
    Keep,
    /// It goes to this folder.
    Archive(PathBuf),
    /// It is deleted, for good.
    Delete,
}

impl Retention {
    /// All stays: nobody deletes a shop's books without being told to.
    pub const DEFAULT: Retention = Retention { bytes: 0, seconds: 0, expiry: Expiry::Keep };

    /// The first setting that is wrong, if one is.
    pub fn fault(&self, segment_bytes: usize, checkpoint_bytes: u64) -> Option<&'static str> {
        let bounded = self.bytes > 0 || self.seconds > 0;
        match &self.expiry {
            Expiry::Keep if bounded => {
                Some("retain_bytes and retain_seconds need on_expiry = \"archive\" or \"delete\"")
            }
            Expiry::Keep => None,
            Expiry::Archive(_) | Expiry::Delete if !bounded => {
                Some("on_expiry needs retain_bytes or retain_seconds, or nothing expires")
            }
            Expiry::Archive(_) | Expiry::Delete if checkpoint_bytes == 0 => {
                Some("on_expiry needs checkpoint_bytes: without a checkpoint, a start reads every segment")
            }
            Expiry::Archive(place) if place.as_os_str().is_empty() => {
                Some("on_expiry = \"archive\" needs archive_dir")
            }
            Expiry::Archive(_) | Expiry::Delete if self.bytes > 0 && self.bytes < segment_bytes as u64 => {
                Some("retain_bytes has room for a segment, or is 0")
            }
            Expiry::Archive(_) | Expiry::Delete => None,
        }
    }
}

/// Lets segments go that are kept no longer. Never blocks on the disk unless the keeper says so.
pub(crate) trait SegmentKeeper: Send + std::fmt::Debug {
    /// Looks whether one has to go. Those from `needed` on are needed by an opening.
    fn look(&mut self, needed: u64, now: MicrosUtc);

    /// Position that the journal in the data folder begins behind.
    fn begins_behind(&self) -> u64;
}

/// Lets segments go within the call, on the caller's thread. For tests and the simulator.
#[derive(Debug)]
pub(crate) struct InlineKeeper<D> {
    leaving: Leaving<D>,
}

impl<D: Disk> InlineKeeper<D> {
    pub(crate) fn new(leaving: Leaving<D>) -> InlineKeeper<D> {
        InlineKeeper { leaving }
    }
}

impl<D: Disk + std::fmt::Debug> SegmentKeeper for InlineKeeper<D> {
    fn look(&mut self, needed: u64, now: MicrosUtc) {
        self.leaving.look(needed, now, &mut || true);
    }

    fn begins_behind(&self) -> u64 {
        self.leaving.begins_behind
    }
}

/// Lets segments go on a thread of its own, behind who serves.
#[derive(Debug)]
pub(crate) struct ThreadKeeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    needed: AtomicU64,
    now: AtomicI64,
    begins_behind: AtomicU64,
    stop: AtomicBool,
}

impl ThreadKeeper {
    /// Starts the thread.
    pub(crate) fn start<D: Disk>(
        mut leaving: Leaving<D>,
        background: Background,
    ) -> io::Result<ThreadKeeper> {
        let shared = Arc::new(Shared {
            needed: AtomicU64::new(0),
            now: AtomicI64::new(0),
            begins_behind: AtomicU64::new(leaving.begins_behind),
            stop: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let thread = background.spawn("retention", move || {
            while !theirs.stop.load(Ordering::Relaxed) {
                std::thread::park();
                let (needed, now) =
                    (theirs.needed.load(Ordering::Relaxed), theirs.now.load(Ordering::Relaxed));
                let mut began = Instant::now();
                leaving.look(needed, MicrosUtc(now), &mut || {
                    std::thread::sleep((began.elapsed() * RESTS).min(REST_MAX));
                    began = Instant::now();
                    !theirs.stop.load(Ordering::Relaxed)
                });
                theirs.begins_behind.store(leaving.begins_behind, Ordering::Relaxed);
            }
        })?;
        Ok(ThreadKeeper { shared, thread: Some(thread) })
    }
}

impl SegmentKeeper for ThreadKeeper {
    fn look(&mut self, needed: u64, now: MicrosUtc) {
        // Both only grow, so a pair of two looks keeps a segment for longer, never for less.
        self.shared.needed.store(needed, Ordering::Relaxed);
        self.shared.now.store(now.0, Ordering::Relaxed);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    fn begins_behind(&self) -> u64 {
        self.shared.begins_behind.load(Ordering::Relaxed)
    }
}

impl Drop for ThreadKeeper {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of that thread has been printed by it; there is nothing to save here.
            let _ = thread.join();
        }
    }
}

/// Why a segment stays though it is kept no longer.
#[derive(Debug, thiserror::Error)]
enum Stays {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Damaged(#[from] Damage),
    #[error("the archive has another {file}: name another folder in [journal] archive_dir")]
    Another { file: String },
    #[error("the server ends")]
    Interrupted,
}

/// The segments of a data folder, on their way out.
#[derive(Debug)]
pub(crate) struct Leaving<D> {
    disk: Arc<D>,
    archive: Option<D>,
    retention: Retention,
    begins_behind: u64,
    /// When the segment of this number was begun: that of the oldest one's successor, which is asked for again and again.
    begun: Option<(u64, MicrosUtc)>,
    /// The log has said why one stays; it says so once.
    is_told: bool,
}

impl<D: Disk> Leaving<D> {
    /// Of a folder whose journal begins behind this position. `archive` is where segments go, if they go anywhere.
    pub(crate) fn new(
        disk: Arc<D>,
        archive: Option<D>,
        retention: Retention,
        begins_behind: u64,
    ) -> Leaving<D> {
        Leaving { disk, archive, retention, begins_behind, begun: None, is_told: false }
    }

    /// Lets go what is kept no longer, the oldest first. `breathe` is called now and then; false: stop.
    fn look(&mut self, needed: u64, now: MicrosUtc, breathe: &mut dyn FnMut() -> bool) {
        match self.let_go(needed, now, breathe) {
            Ok(()) => self.is_told = false,
            Err(Stays::Interrupted) => (),
            Err(why) => {
                if !std::mem::replace(&mut self.is_told, true) {
                    tracing::warn!(%why, "a journal segment stays longer than it should; trying again");
                }
            }
        }
    }

    fn let_go(
        &mut self,
        needed: u64,
        now: MicrosUtc,
        breathe: &mut dyn FnMut() -> bool,
    ) -> Result<(), Stays> {
        loop {
            let numbers = segments_of(&*self.disk)?;
            let [oldest, behind @ ..] = &numbers[..] else { return Ok(()) };
            if *oldest >= needed || behind.is_empty() || !self.is_beyond(&numbers, now)? {
                return Ok(());
            }
            let file = segment_name(*oldest);
            // A backup or somebody who looks is at it.
            let Some(_claimed) = self.disk.claim(&file)? else { return Ok(()) };
            if let Some(archive) = &self.archive {
                put_away(&*self.disk, archive, *oldest, breathe)?;
            }
            self.disk.remove(&file)?;
            // Before the next: the oldest go first, or there would be a gap.
            self.disk.sync_folder()?;
            self.begins_behind = behind_of(&*self.disk, behind[0])?.unwrap_or(self.begins_behind);
            let kept = if self.archive.is_some() { "archived" } else { "deleted" };
            tracing::info!(file, begins_behind = self.begins_behind, "a journal segment was {kept}");
        }
    }

    /// Whether the oldest of these is kept no longer.
    fn is_beyond(&mut self, numbers: &[u64], now: MicrosUtc) -> Result<bool, Stays> {
        let Retention { bytes, seconds, expiry: _ } = self.retention;
        if bytes > 0 {
            let mut there = 0;
            for number in numbers {
                there += self.disk.file_bytes(&segment_name(*number))?;
            }
            if there > bytes {
                return Ok(true);
            }
        }
        if seconds == 0 {
            return Ok(false);
        }
        let kept_from = MicrosUtc(now.0 - Micros::from_seconds(seconds).0);
        // No fact in a segment is later than the first one behind it.
        for &number in &numbers[1..] {
            if let Some(at) = self.begun(number)? {
                return Ok(at < kept_from);
            }
        }
        Ok(false)
    }

    fn begun(&mut self, number: u64) -> Result<Option<MicrosUtc>, Damage> {
        if let Some((of, at)) = self.begun
            && of == number
        {
            return Ok(Some(at));
        }
        let at = first_fact_at(&*self.disk, number)?;
        self.begun = at.map(|at| (number, at));
        Ok(at)
    }
}

/// The archive, if there is to be one: of no other store, and locked for as long as it lives. The journal in the data
/// folder begins behind this position.
///
/// # Errors
/// Its place, and what is wrong with it.
pub(crate) fn archive_of<D: Disk>(
    disk: &D,
    retention: &Retention,
    identity: Identity,
    begins_behind: u64,
) -> Result<Option<D>, (String, String)> {
    let place = match &retention.expiry {
        Expiry::Archive(place) => place,
        Expiry::Keep | Expiry::Delete => return Ok(None),
    };
    let wrong = |why: String| (place.display().to_string(), why);
    let archive = disk.archive(place).map_err(|why| wrong(why.to_string()))?;
    if !archive.lock().map_err(|why| wrong(why.to_string()))? {
        return Err(wrong("another process uses it".into()));
    }
    match first_header(&archive).map_err(|why| wrong(why.to_string()))? {
        Some(theirs) if theirs != identity => Err(wrong("it holds segments of another store".into())),
        None if begins_behind > 0 => {
            // Right where they were deleted until now, so no reason to refuse.
            tracing::warn!(
                archive = %place.display(),
                "the archive is empty, and older segments have left before: is its disk mounted?"
            );
            Ok(Some(archive))
        }
        Some(_) | None => Ok(Some(archive)),
    }
}

/// Position that the journal of a folder begins behind.
pub(crate) fn begins_behind(disk: &impl ReadDisk) -> Result<u64, Damage> {
    let numbers = numbers_of(disk)?;
    for number in numbers {
        if let Some(behind) = behind_of(disk, number)? {
            return Ok(behind);
        }
    }
    Ok(0)
}

fn first_header(disk: &impl ReadDisk) -> Result<Option<Identity>, Damage> {
    let Some(&first) = numbers_of(disk)?.first() else { return Ok(None) };
    Ok(Some(segment(disk, segment_name(first), first)?.header.identity))
}

/// Has a segment in the archive, durably.
fn put_away<D: Disk>(
    disk: &D,
    archive: &D,
    number: u64,
    breathe: &mut dyn FnMut() -> bool,
) -> Result<(), Stays> {
    let (file, spare) = (segment_name(number), spare_name(number));
    let names = archive.list()?;
    if names.contains(&file) {
        // A process died between this and removing it from the data folder.
        if !is_same(disk, archive, &file, breathe)? {
            return Err(Stays::Another { file });
        }
        archive.sync_named(&file)?;
    } else if !disk.share(&file, archive)? {
        if names.contains(&spare) {
            archive.remove(&spare)?;
        }
        copy(disk, archive, &file, &spare, breathe)?;
        if planted::is(Bug::ArchiveNotSynced) {
            archive.rename(&spare, &file)?;
            return Ok(());
        }
        promote(archive, number)?;
    }
    archive.sync_folder()?;
    Ok(())
}

fn copy<D: Disk>(
    disk: &D,
    archive: &D,
    file: &str,
    spare: &str,
    breathe: &mut dyn FnMut() -> bool,
) -> Result<(), Stays> {
    let bytes = disk.file_bytes(file)?;
    let copied = archive.create(spare, bytes)?;
    let mut chunk = AlignedBuffer::new(CHUNK_BYTES);
    let mut offset = 0;
    while offset < bytes {
        let size = (bytes - offset).min(CHUNK_BYTES as u64) as usize;
        // Segments are whole blocks; the end of one that is not reads as zeros, as it always did.
        let block = &mut chunk.as_mut_slice()[..size.next_multiple_of(BLOCK_BYTES)];
        let read = disk.read_at(file, offset, block)?;
        block[read..].fill(0);
        archive.write_at(&copied, offset, block)?;
        offset += size as u64;
        if !breathe() {
            return Err(Stays::Interrupted);
        }
    }
    if !planted::is(Bug::ArchiveNotSynced) {
        archive.sync(&copied)?;
    }
    Ok(())
}

fn is_same<D: Disk>(
    disk: &D,
    archive: &D,
    file: &str,
    breathe: &mut dyn FnMut() -> bool,
) -> Result<bool, Stays> {
    let bytes = disk.file_bytes(file)?;
    if archive.file_bytes(file)? != bytes {
        return Ok(false);
    }
    let (mut ours, mut theirs) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    for offset in (0..bytes).step_by(CHUNK_BYTES) {
        let read = disk.read_at(file, offset, &mut ours)?;
        if archive.read_at(file, offset, &mut theirs)? != read || ours[..read] != theirs[..read] {
            return Ok(false);
        }
        if !breathe() {
            return Err(Stays::Interrupted);
        }
    }
    Ok(true)
}

/// Numbers of the segments in a folder, the oldest first.
fn segments_of(disk: &impl ReadDisk) -> io::Result<Vec<u64>> {
    let number = |name: String| match parse_name(&name) {
        Name::Segment(number) => Some(number),
        Name::Spare | Name::Checkpoint(_) | Name::Making | Name::Cold | Name::Other => None,
    };
    let mut numbers: Vec<u64> = disk.list()?.into_iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn numbers_of(disk: &impl ReadDisk) -> Result<Vec<u64>, Damage> {
    segments_of(disk).map_err(|source| Damage::Io { file: disk.place(), source })
}

/// Position of the last fact before a segment; nothing where it has no group yet.
fn behind_of(disk: &impl ReadDisk, number: u64) -> Result<Option<u64>, Damage> {
    let mut groups = Groups::of(disk, number)?;
    Ok(groups.next()?.map(|(header, _)| header.first_fact - 1))
}

/// When the first fact in a segment happened; nothing where it has none yet.
fn first_fact_at(disk: &impl ReadDisk, number: u64) -> Result<Option<MicrosUtc>, Damage> {
    let mut groups = Groups::of(disk, number)?;
    while let Some((header, group)) = groups.next()? {
        if header.facts > 0 {
            let head = EntryHead::parse(&group[GROUP_HEADER_BYTES..]);
            let place = Place { file: segment_name(number), offset: SEGMENT_HEADER_BYTES as u64 };
            return head.map(|head| Some(head.stamp.at)).map_err(|why| Damage::Entry { place, why });
        }
    }
    Ok(None)
}

/// The groups that a segment begins with, one behind the other, whole ones only.
struct Groups<'d, D> {
    disk: &'d D,
    file: String,
    identity: Identity,
    run: u64,
    offset: u64,
    group: Vec<u8>,
}

impl<'d, D: ReadDisk> Groups<'d, D> {
    fn of(disk: &'d D, number: u64) -> Result<Groups<'d, D>, Damage> {
        let header = segment(disk, segment_name(number), number)?.header;
        let offset = SEGMENT_HEADER_BYTES as u64;
        let (file, group) = (segment_name(number), Vec::new());
        Ok(Groups { disk, file, identity: header.identity, run: header.run, offset, group })
    }

    fn next(&mut self) -> Result<Option<(GroupHeader, &[u8])>, Damage> {
        self.read(BLOCK_BYTES)?;
        let Some(header) = GroupHeader::peek(&self.identity, &self.group) else { return Ok(None) };
        if header.run != self.run || header.bytes as usize > GROUP_BYTES_MAX {
            return Ok(None);
        }
        self.read(header.bytes as usize)?;
        if header.check(&self.identity, &self.group).is_none() {
            return Ok(None);
        }
        self.offset += header.padded_bytes() as u64;
        Ok(Some((header, &self.group)))
    }

    fn read(&mut self, bytes: usize) -> Result<(), Damage> {
        self.group.resize(bytes, 0);
        let read = self.disk.read_at(&self.file, self.offset, &mut self.group);
        let read = read.map_err(|source| Damage::Io { file: self.file.clone(), source })?;
        self.group.truncate(read);
        Ok(())
    }
}
