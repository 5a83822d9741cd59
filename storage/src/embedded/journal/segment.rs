//! Segment files: their names, and how one comes to be before the first group goes to it.

use std::io;

use super::buffer::AlignedBuffer;
use super::layout::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::embedded::disk::{BLOCK_BYTES, Disk, DurabilityPath};
use crate::planted::{self, Bug};

/// Zeros go out in writes of so many bytes: a group that is written meanwhile waits for one of them.
const FILL_BYTES: usize = 256 << 10;

/// What a name in the folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A segment: its header is good, or the folder is damaged.
    Segment(u64),
    /// A segment in the making; of no use to another process.
    Spare,
    /// A checkpoint behind the group of this number.
    Checkpoint(u64),
    /// A checkpoint in the making; of no use to another process.
    Making,
    /// The cold store's folder.
    Cold,
    /// Nothing of ours.
    Other,
}

/// The name of a segment.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:016}.journal")
}

/// The temporary name of a segment in the making.
pub(crate) fn spare_name(number: u64) -> String {
    format!("{number:016}.spare")
}

/// The name of a checkpoint, by the last group that is in it.
pub(crate) fn checkpoint_name(group: u64) -> String {
    format!("{group:016}.checkpoint")
}

/// The temporary name of a checkpoint in the making.
pub(crate) fn making_name(group: u64) -> String {
    format!("{group:016}.making")
}

/// What a name stands for.
pub(crate) fn parse_name(name: &str) -> Name {
    let number = |suffix| name.strip_suffix(suffix).and_then(|stem| stem.parse().ok());
    if name.ends_with(".spare") {
        return Name::Spare;
    }
    if name == crate::embedded::cold::FOLDER {
        return Name::Cold;
    }
    if name.ends_with(".making") {
        return Name::Making;
    }
    match (number(".journal"), number(".checkpoint")) {
        (Some(number), _) if segment_name(number) == name => Name::Segment(number),
        (_, Some(group)) if checkpoint_name(group) == name => Name::Checkpoint(group),
        _ => Name::Other,
    }
}

/// Makes a segment under its temporary name: every byte written, header included, and synced. After each write
/// `breathe` is called, which may wait so that others get to the disk.
pub(crate) fn make_spare<D: Disk>(disk: &D, header: &SegmentHeader, breathe: impl FnMut()) -> io::Result<()> {
    let name = spare_name(header.number);
    let made = fill(disk, &name, header, breathe);
    if made.is_err() {
        // Half a segment only takes room from what comes next; whatever else is wrong shows there.
        let _ = disk.remove(&name);
    }
    made
}

/// Gives a spare its final name, durably. From here on a group may be written to it.
pub(crate) fn promote<D: Disk>(disk: &D, number: u64) -> io::Result<()> {
    disk.rename(&spare_name(number), &segment_name(number))?;
    if planted::is(Bug::FolderNotSynced) {
        return Ok(());
    }
    disk.sync_folder()
}

fn fill<D: Disk>(disk: &D, name: &str, header: &SegmentHeader, mut breathe: impl FnMut()) -> io::Result<()> {
    let reused = planted::is(Bug::SpareReused) && disk.file_bytes(name).is_ok();
    let file = match reused {
        true => disk.open_for_groups(name, DurabilityPath::Fsync)?,
        false => disk.create(name, header.bytes)?,
    };
    let bytes = if reused { BLOCK_BYTES } else { header.bytes as usize };
    let mut chunk = AlignedBuffer::new(FILL_BYTES.min(bytes));
    let block = chunk.as_mut_slice().first_chunk_mut::<BLOCK_BYTES>();
    header.encode(block.expect("a chunk has at least a block"));
    const { assert!(SEGMENT_HEADER_BYTES == BLOCK_BYTES) };
    // Zeros are written, not only allocated: the first write into a block that is merely allocated also changes
    // the file's extents, and takes twice as long.
    for at in (0..bytes).step_by(FILL_BYTES) {
        let size = FILL_BYTES.min(bytes - at);
        disk.write_at(&file, at as u64, &chunk.as_slice()[..size])?;
        if at == 0 {
            chunk.as_mut_slice()[..SEGMENT_HEADER_BYTES].fill(0);
        }
        breathe();
    }
    if planted::is(Bug::SegmentNotSynced) {
        return Ok(());
    }
    disk.sync(&file)
}
