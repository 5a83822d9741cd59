//! Copies a data folder to another one while a server writes to it, up to a boundary between two groups.
//!
//! Groups are written out of order, so bytes that are copied while they come may be a picture of no instant. Therefore
//! the chain is followed first, and only what it vouched for is copied: the copy ends behind one good group, with zeros
//! behind it, and opens like a folder whose server ended there. What an earlier copy brought whole is not copied again.

use std::io;

use super::chain::{Chain, Survey, survey};
use super::checkpoint::layout::Boundary;
use super::checkpoint::reading::header_of;
use super::damage::Damage;
use super::disk::{BLOCK_BYTES, Disk, ReadDisk};
use super::joined::Joined;
use super::journal::buffer::AlignedBuffer;
use super::journal::layout::SEGMENT_HEADER_BYTES;
use super::journal::segment::{checkpoint_name, making_name, promote, spare_name};

/// Bytes that are copied at once.
const CHUNK_BYTES: usize = 1 << 20;
/// How often a copy is begun again, where what it was to copy was replaced meanwhile.
const TRIES: u32 = 5;

/// What a copy came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Names the store.
    pub store_id: u128,
    /// Position of the last fact in the copy.
    pub position: u64,
    /// Segments that were copied, and those that were there already.
    pub segments: u64,
    /// Segments that an earlier copy had brought whole.
    pub segments_before: u64,
    /// Whether a checkpoint was copied.
    pub has_new_checkpoint: bool,
    /// Bytes written.
    pub bytes: u64,
}

/// Why a folder could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is no store to copy.
    #[error("{place} is no data folder: it has no journal")]
    Nothing {
        /// The folder.
        place: String,
    },
    /// The folder to copy from, or that to copy to, is damaged.
    #[error("{place}: {damage}")]
    Damaged {
        /// The folder.
        place: String,
        /// What and where.
        damage: Damage,
    },
    /// What is to be copied has lost its oldest segments, and an earlier copy does not reach up to what it has.
    #[error(
        "{place}: the journal begins with {file}, and what stood before it is neither there nor in the copy: name \
         the archive"
    )]
    NoBeginning {
        /// The folder to copy from.
        place: String,
        /// Its oldest segment.
        file: String,
    },
    /// The folder to copy to has something else in it.
    #[error("{place} holds {what}: name an empty folder, or one with an earlier copy of the same store")]
    Taken {
        /// The folder.
        place: String,
        /// What is in it.
        what: String,
    },
    /// The copy cannot be written.
    #[error("{place} cannot be written: {source}")]
    Write {
        /// The folder.
        place: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Copies a folder, from the first fact to the last group that ends at `through` or before. Whoever copies holds the
/// lock of `to`. Of segments that have left `from` since an earlier copy, that copy has them.
///
/// # Errors
/// Where one of them is not what it should be. What was copied by then opens, and is gone on with the next time.
pub fn copy<T: Disk>(from: &impl ReadDisk, to: &T, through: u64) -> Result<Copied, CopyError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match copy_once(from, to, through) {
            // A newer checkpoint took the place of the one that was being copied.
            Err(CopyError::Damaged { damage: Damage::Io { source, .. }, .. })
                if source.kind() == io::ErrorKind::NotFound && tries < TRIES => {}
            done => return done,
        }
    }
}

fn copy_once<T: Disk>(from: &impl ReadDisk, to: &T, through: u64) -> Result<Copied, CopyError> {
    let damaged = |damage| CopyError::Damaged { place: from.place(), damage };
    let found = survey(from).map_err(damaged)?;
    // The server lets no segment go meanwhile. Where the oldest was just going, it is begun again without it.
    let _held = match found.segments.first() {
        Some(oldest) => from
            .hold(&oldest.file)
            .and_then(|held| held.ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map_err(|source| damaged(Damage::Io { file: oldest.file.clone(), source }))?,
        None => return Err(CopyError::Nothing { place: from.place() }),
    };
    let there = survey(to).map_err(|damage| CopyError::Damaged { place: to.place(), damage })?;
    judge_target(to, &there, &found)?;
    if found.has_beginning() {
        return copy_all(from, &found, to, &there, (0, through));
    }
    let oldest = &found.segments[0];
    // The last segment of a copy may be half of one; those before it are whole.
    let (_, last) = there.highest();
    if !there.has_beginning() || last < oldest.header.number {
        return Err(CopyError::NoBeginning { place: from.place(), file: oldest.file.clone() });
    }
    let both = Joined::new(from, Some(to));
    let found = survey(&both).map_err(damaged)?;
    copy_all(&both, &found, to, &there, (oldest.header.number, through))
}

/// Copies what was found, which begins with the store's first fact. Its chain reaches at least into the segment of the
/// number `reaches`, or to `through`; else what stands before belongs to another life of the store.
fn copy_all<T: Disk>(
    from: &impl ReadDisk,
    found: &Survey,
    to: &T,
    there: &Survey,
    (reaches, through): (u64, u64),
) -> Result<Copied, CopyError> {
    let damaged = |damage| CopyError::Damaged { place: from.place(), damage };
    let write = |source| CopyError::Write { place: to.place(), source };
    let Some(identity) = found.identity() else { return Err(CopyError::Nothing { place: from.place() }) };

    // What is to be copied.
    // Orders that rest are in no checkpoint, and not copied: the journal has them all.
    // Where the copy is to be gone on with, the chain shows whether it is one journal.
    let checkpoint = match found.has_cold_store || reaches > 0 {
        true => None,
        false => newest_checkpoint(from, found, through).map_err(damaged)?,
    };
    let chain = match &checkpoint {
        Some((file, boundary)) => Chain::behind(from, found, file, boundary).map_err(damaged)?,
        None => Chain::new(from, found).map_err(damaged)?.expect("there are segments"),
    };
    let end = End::of(chain, through).map_err(damaged)?;
    let End { segment: last, offset, position, is_all } = end.unwrap_or(End::before_all(found));
    if is_all && last < reaches {
        let what = "a copy of another life of the store, which was restored from an older one".into();
        return Err(CopyError::Taken { place: to.place(), what });
    }

    // Copying. The checkpoint goes first, since it may go away, and gets its name last, since it needs its journal.
    for spare in &there.spares {
        to.remove(spare).map_err(write)?;
    }
    let mut copied = Copied { store_id: identity.store, position, ..Copied::default() };
    let new_checkpoint = checkpoint.filter(|(_, at)| !there.checkpoints.contains_key(&at.group.number));
    if let Some((file, boundary)) = &new_checkpoint {
        let bytes =
            from.file_bytes(file).map_err(|source| damaged(Damage::Io { file: file.clone(), source }))?;
        copy_file(from, file, (bytes, bytes), to, &making_name(boundary.group.number), &mut copied)?;
    }
    let whole_before = there.segments.iter().map(|it| it.header.number).max().unwrap_or(0);
    for segment in found.segments.iter().take_while(|it| it.header.number <= last) {
        let number = segment.header.number;
        let is_there = there.segments.iter().any(|it| it.header == segment.header);
        if number < whole_before && is_there && begin_alike(from, to, &segment.file).map_err(damaged)? {
            copied.segments_before += 1;
            continue;
        }
        let bytes = segment.header.bytes;
        let used = if number == last { offset } else { bytes };
        copy_file(from, &segment.file, (used, bytes), to, &spare_name(number), &mut copied)?;
        promote(to, number).map_err(write)?;
        copied.segments += 1;
    }
    for behind in there.segments.iter().filter(|it| it.header.number > last) {
        to.remove(&behind.file).map_err(write)?;
    }
    if let Some((_, boundary)) = &new_checkpoint {
        let number = boundary.group.number;
        to.rename(&making_name(number), &checkpoint_name(number)).map_err(write)?;
        to.sync_folder().map_err(write)?;
        for older in there.checkpoints.values() {
            to.remove(older).map_err(write)?;
        }
        copied.has_new_checkpoint = true;
    }
    to.sync_folder().map_err(write)?;
    Ok(copied)
}

/// Whether the folder is empty, or has an earlier copy of the same store.
fn judge_target(to: &impl ReadDisk, there: &Survey, found: &Survey) -> Result<(), CopyError> {
    let taken = |what: String| Err(CopyError::Taken { place: to.place(), what });
    if there.identity().is_some_and(|identity| Some(identity) != found.identity()) {
        return taken("another store".into());
    }
    match there.others.iter().find(|name| *name != "lost+found") {
        Some(other) => taken(other.clone()),
        None => Ok(()),
    }
}

/// Whether two segments with the same header are the same: two lives of a store, restored from one copy, give the same
/// names and numbers to what they write, but each group names the one before it.
fn begin_alike(from: &impl ReadDisk, to: &impl ReadDisk, file: &str) -> Result<bool, Damage> {
    let read = |result: io::Result<usize>| result.map_err(|source| Damage::Io { file: file.into(), source });
    let (mut ours, mut theirs) = ([0; BLOCK_BYTES], [0; BLOCK_BYTES]);
    let first = SEGMENT_HEADER_BYTES as u64;
    read(from.read_at(file, first, &mut ours))?;
    read(to.read_at(file, first, &mut theirs))?;
    Ok(ours == theirs)
}

/// The newest checkpoint that is not of a later position.
fn newest_checkpoint(
    from: &impl ReadDisk,
    found: &Survey,
    through: u64,
) -> Result<Option<(String, Boundary)>, Damage> {
    let Some(identity) = found.identity() else { return Ok(None) };
    for file in found.checkpoints.values().rev() {
        let boundary = header_of(from, file, identity)?.boundary;
        if boundary.next_fact - 1 <= through {
            return Ok(Some((file.clone(), boundary)));
        }
    }
    Ok(None)
}

/// Behind the last group that is copied.
struct End {
    /// Number of the segment.
    segment: u64,
    offset: u64,
    position: u64,
    /// There is no further group.
    is_all: bool,
}

impl End {
    /// Before the first group of a store: what is copied there is an empty one.
    fn before_all(found: &Survey) -> End {
        let segment = found.segments.first().map_or(0, |segment| segment.header.number);
        End { segment, offset: SEGMENT_HEADER_BYTES as u64, position: 0, is_all: true }
    }

    /// Follows the chain as far as it goes, or as far as is wanted; nothing where it has no group for that.
    fn of(mut chain: Chain<'_, impl ReadDisk>, through: u64) -> Result<Option<End>, Damage> {
        let (mut end, mut is_all) = (chain.at(), true);
        while let Some(group) = chain.next_group()? {
            if group.header.first_fact + u64::from(group.header.facts) - 1 > through {
                is_all = false;
                break;
            }
            end = chain.at();
        }
        Ok(end.map(|(segment, offset, position)| End { segment, offset, position, is_all }))
    }
}

/// Copies the first `used` bytes of a file that is to have `bytes`, with zeros behind them, durably.
fn copy_file<T: Disk>(
    from: &impl ReadDisk,
    file: &str,
    (used, bytes): (u64, u64),
    to: &T,
    name: &str,
    copied: &mut Copied,
) -> Result<(), CopyError> {
    let write = |source| CopyError::Write { place: to.place(), source };
    let target = to.create(name, bytes).map_err(write)?;
    let mut chunk = AlignedBuffer::new(CHUNK_BYTES);
    let mut offset = 0;
    while offset < bytes {
        let size = (bytes - offset).min(CHUNK_BYTES as u64) as usize;
        let wanted = used.saturating_sub(offset).min(size as u64) as usize;
        let block = &mut chunk.as_mut_slice()[..size.next_multiple_of(BLOCK_BYTES)];
        let read = from.read_at(file, offset, &mut block[..wanted]).map_err(|source| CopyError::Damaged {
            place: from.place(),
            damage: Damage::Io { file: file.into(), source },
        })?;
        block[read..].fill(0);
        to.write_at(&target, offset, block).map_err(write)?;
        offset += size as u64;
    }
    to.sync(&target).map_err(write)?;
    copied.bytes += bytes;
    Ok(())
}

impl std::fmt::Display for Copied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Copied { position, segments, segments_before, bytes, .. } = self;
        write!(
            f,
            "up to fact {position}: {segments} segments copied ({bytes} bytes), {segments_before} were there"
        )
    }
}
