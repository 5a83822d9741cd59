//! Judges the files of a tree before the tree believes them.
//!
//! `lsm-tree` (as of 3.1.10) checks every block that it reads, but not two things, which cost more than an answer:
//!
//! - The list of a tree's tables has its checksum in the file `current`, which is not looked at. A flipped bit can take
//!   a table out of the list, and a table that is on no list is deleted.
//! - A table ends with its contents under a checksum, but room is made for as many entries as it says before they are
//!   read: a flipped bit asks for gigabytes, and the process dies.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::store::ColdError;
use super::upkeep::io_error;
use crate::embedded::journal::layout::{u32_at, u64_at, u128_at};

/// Names the list of a tree's tables. A tree without it counts as new.
pub(super) const CURRENT: &str = "current";
/// The folder of a tree's tables.
pub(super) const TABLES: &str = "tables";
/// Number of the list, its checksum, and the kind of that.
const CURRENT_BYTES: usize = 25;
/// Entries of a table's contents, at most. There are half a dozen.
const ENTRIES_MAX: u32 = 1_024;
/// From the position of the contents to the end of a table.
const POSITION_FROM_END: u64 = 16;
/// From the beginning of the contents to the number of entries.
const COUNT_AT: u64 = 4;

/// Judges all files of a tree but the blocks of its tables. A new tree has none.
pub(super) fn judge(tree: &Path) -> Result<(), ColdError> {
    if tree.join(CURRENT).is_file() {
        judge_list(tree)?;
        judge_ends(&tree.join(TABLES))?;
    }
    Ok(())
}

fn judge_list(tree: &Path) -> Result<(), ColdError> {
    let read = |path: &Path| fs::read(path).map_err(|error| io_error(path.display().to_string(), &error));
    let path = tree.join(CURRENT);
    let current = read(&path)?;
    let Ok(current) = <[u8; CURRENT_BYTES]>::try_from(current) else {
        return damaged(&path, "it is not as long as it was written");
    };
    let list = tree.join(format!("v{}", u64_at(&current, 0)));
    if current[CURRENT_BYTES - 1] != 0 || xxh3_128(&read(&list)?) != u128_at(&current, 8) {
        return damaged(&list, "its checksum does not match");
    }
    Ok(())
}

fn judge_ends(tables: &Path) -> Result<(), ColdError> {
    let cannot_list = |error| io_error(tables.display().to_string(), &error);
    for entry in fs::read_dir(tables).map_err(cannot_list)? {
        let path = entry.map_err(cannot_list)?.path();
        let count = entries_of(&path).map_err(|error| io_error(path.display().to_string(), &error))?;
        if count.is_some_and(|count| count > ENTRIES_MAX) {
            return damaged(&path, "its end makes no sense");
        }
    }
    Ok(())
}

/// What the end of a table says of its contents; nothing where it is refused anyway.
fn entries_of(table: &Path) -> io::Result<Option<u32>> {
    let file = File::open(table)?;
    let bytes = file.metadata()?.len();
    let (mut position, mut count) = ([0; 8], [0; 4]);
    let Some(at) = bytes.checked_sub(POSITION_FROM_END) else { return Ok(None) };
    file.read_exact_at(&mut position, at)?;
    let position = u64_at(&position, 0);
    if position.checked_add(COUNT_AT + 4).is_none_or(|end| end > bytes) {
        return Ok(None);
    }
    file.read_exact_at(&mut count, position + COUNT_AT)?;
    Ok(Some(u32_at(&count, 0)))
}

fn damaged(path: &Path, why: &str) -> Result<(), ColdError> {
    Err(ColdError::Damaged { place: path.display().to_string(), why: why.into() })
}
