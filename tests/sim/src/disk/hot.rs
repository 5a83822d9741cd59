//! The half of the disk that serving uses: what is started completes later, in any order.

use std::io;
use std::ops::Range;

use storage::embedded::disk::{FileDone, HotDisk};

use super::{MemDisk, MemFile, Write};

/// The hot half: what is started completes later, in any order.
#[derive(Debug)]
pub struct MemHot {
    disk: MemDisk,
    files: Vec<Option<MemFile>>,
    pub(super) under_way: Vec<UnderWay>,
}

#[derive(Debug)]
pub(super) struct UnderWay {
    token: u64,
    pub(super) write: Option<Write>,
    buffer: Option<Vec<u8>>,
    dsync: bool,
    /// For a sync: the file, and how many of its writes had completed when it was started.
    sync: Option<(usize, usize)>,
}

impl MemHot {
    /// Nothing is open, nothing under way.
    pub fn new(disk: &MemDisk) -> MemHot {
        MemHot { disk: disk.clone(), files: Vec::new(), under_way: Vec::new() }
    }

    fn file(&self, slot: usize) -> MemFile {
        self.files[slot].expect("a released file is not used again")
    }
}

impl HotDisk for MemHot {
    type File = MemFile;
    type Slot = usize;

    fn adopt(&mut self, file: MemFile) -> usize {
        self.files.push(Some(file));
        self.files.len() - 1
    }

    fn release(&mut self, slot: usize) {
        let file = self.file(slot).file;
        let used = self.under_way.iter().any(|op| {
            op.write.as_ref().is_some_and(|write| write.file == file)
                || op.sync.is_some_and(|it| it.0 == file)
        });
        assert!(!used, "released with something under way");
        self.files[slot] = None;
    }

    fn write(&mut self, slot: usize, offset: u64, buffer: Vec<u8>, range: Range<usize>, token: u64) {
        let MemFile { file, dsync } = self.file(slot);
        assert!(offset.is_multiple_of(4_096) && range.len().is_multiple_of(4_096), "whole blocks");
        assert_eq!(buffer[range.clone()].as_ptr().align_offset(4_096), 0, "aligned in memory");
        let end = offset as usize + range.len();
        assert!(end <= self.disk.world().files[file].seen.len(), "a group stays inside its segment");
        let write = Write { file, offset: offset as usize, bytes: buffer[range].to_vec() };
        self.under_way.push(UnderWay { token, write: Some(write), buffer: Some(buffer), dsync, sync: None });
    }

    fn sync_data(&mut self, slot: usize, token: u64) {
        let file = self.file(slot).file;
        let covers = self.disk.world().files[file].unsynced.len();
        let sync = Some((file, covers));
        self.under_way.push(UnderWay { token, write: None, buffer: None, dsync: false, sync });
    }

    fn completed(&mut self) -> Option<FileDone> {
        if self.under_way.is_empty() {
            return None;
        }
        let disk = self.disk.clone();
        let mut world = disk.world();
        if world.rng.u8(..) < world.slowness {
            return None;
        }
        assert_eq!(world.process, disk.process, "a dead process does nothing");
        match &mut world.stops_in {
            Some(0) => return None,
            Some(more) => *more -= 1,
            None => (),
        }
        world.land_late_writes();
        let fails = world.fails_now();
        let at = world.rng.usize(..self.under_way.len());
        let UnderWay { token, write, buffer, dsync, sync } = self.under_way.swap_remove(at);
        if fails {
            if let Some(write) = write.filter(|_| world.rng.bool()) {
                world.land_torn(&write);
            }
            return Some(FileDone { token, result: Err(io::Error::other("the disk failed")), buffer });
        }
        if let Some(write) = write {
            world.see(&write);
            if dsync {
                // Its own bytes alone: what others wrote to the file stays unsynced.
                let state = &mut world.files[write.file];
                state.unsynced.pop();
                let end = write.offset + write.bytes.len();
                state.durable[write.offset..end].copy_from_slice(&write.bytes);
            }
        }
        if let Some((file, covers)) = sync {
            world.sync(file, covers);
        }
        Some(FileDone { token, result: Ok(()), buffer })
    }
}
