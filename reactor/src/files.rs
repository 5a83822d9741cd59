//! Writes and syncs of files through the reactor's ring. Bytes only: what they mean, how they are aligned and in
//! which order they become durable is the caller's concern.
//!
//! Calls only queue; what a turn queued goes to the kernel with the sends of that turn, in one call.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;

use crate::bounds::Bounds;
use crate::ring::Ring;

/// The files of one reactor.
#[derive(Debug)]
pub struct FileQueue {
    slots: Vec<Slot>,
    queued: VecDeque<Operation>,
    done: VecDeque<FileDone>,
    /// Queued, in the kernel, or done and not collected.
    unsettled: usize,
    files_max: usize,
    in_flight_max: usize,
}

/// Names a file that a [`FileQueue`] has adopted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileSlot(u32);

/// What came of a write or sync.
#[derive(Debug)]
pub struct FileDone {
    /// The caller's own value.
    pub token: u64,
    /// All of it, or the error. After a failed write or sync nobody knows what is on disk.
    pub result: io::Result<()>,
    /// The buffer of a write, unchanged.
    pub buffer: Option<Vec<u8>>,
}

/// A bound is reached (`Bounds::files`, `Bounds::files_in_flight`): what was offered comes back.
#[derive(Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl FileQueue {
    /// Takes a file over, until [`FileQueue::release`].
    pub fn adopt(&mut self, file: File) -> Result<FileSlot, Full<File>> {
        let free = self.slots.iter().position(|slot| slot.file.is_none());
        match free {
            Some(place) => {
                self.slots[place] = Slot { file: Some(file), unsettled: 0, released: false };
                Ok(FileSlot(place as u32))
            }
            None if self.slots.len() < self.files_max => {
                self.slots.push(Slot { file: Some(file), unsettled: 0, released: false });
                Ok(FileSlot(self.slots.len() as u32 - 1))
            }
            None => Err(Full(file)),
        }
    }

    /// Closes the file when its last operation has completed. The name is not to be used again.
    pub fn release(&mut self, slot: FileSlot) {
        self.slots[slot.0 as usize].released = true;
        self.close_if_settled(slot);
    }

    /// Writes `buffer[range]` at `offset`. The buffer belongs to the kernel until it comes back with
    /// [`FileQueue::completed`]. A short write is continued; only all of it is success.
    pub fn write(
        &mut self,
        slot: FileSlot,
        offset: u64,
        buffer: Vec<u8>,
        range: Range<usize>,
        token: u64,
    ) -> Result<(), Full<Vec<u8>>> {
        assert!(range.start <= range.end && range.end <= buffer.len(), "a range within the buffer");
        if !self.take_place(slot) {
            return Err(Full(buffer));
        }
        self.queued.push_back(Operation::Write { slot, offset, buffer, range, token });
        Ok(())
    }

    /// Makes durable what was written to the file and has completed before this call (`fdatasync`).
    pub fn sync_data(&mut self, slot: FileSlot, token: u64) -> Result<(), Full<()>> {
        if !self.take_place(slot) {
            return Err(Full(()));
        }
        self.queued.push_back(Operation::Sync { slot, token });
        Ok(())
    }

    /// What has completed, in the order that the kernel told it. Ask until there is nothing: each turn.
    pub fn completed(&mut self) -> Option<FileDone> {
        let done = self.done.pop_front()?;
        self.unsettled -= 1;
        Some(done)
    }

    /// Operations between their call and [`FileQueue::completed`].
    pub fn in_flight(&self) -> usize {
        self.unsettled
    }

    pub(crate) fn new(bounds: &Bounds) -> FileQueue {
        FileQueue {
            slots: Vec::with_capacity(bounds.files),
            queued: VecDeque::with_capacity(bounds.files_in_flight),
            done: VecDeque::with_capacity(bounds.files_in_flight),
            unsettled: 0,
            files_max: bounds.files,
            in_flight_max: bounds.files_in_flight,
        }
    }

    /// Hands what was queued to the ring; it leaves with the next enter.
    pub(crate) fn start(&mut self, ring: &mut Ring) -> io::Result<()> {
        while let Some(operation) = self.queued.pop_front() {
            match operation {
                Operation::Write { slot, offset, buffer, range, token } => {
                    let file = self.file(slot);
                    ring.write(file.as_fd(), slot, offset, buffer, range, token)?;
                }
                Operation::Sync { slot, token } => {
                    let file = self.file(slot);
                    ring.sync_data(file.as_fd(), slot, token)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn note_done(&mut self, slot: FileSlot, done: FileDone) {
        self.done.push_back(done);
        self.slots[slot.0 as usize].unsettled -= 1;
        self.close_if_settled(slot);
    }

    fn file(&self, slot: FileSlot) -> &File {
        self.slots[slot.0 as usize].file.as_ref().expect("a file stays until its operations have completed")
    }

    fn take_place(&mut self, slot: FileSlot) -> bool {
        let place = &mut self.slots[slot.0 as usize];
        assert!(place.file.is_some() && !place.released, "a name is not used after its release");
        if self.unsettled == self.in_flight_max {
            return false;
        }
        place.unsettled += 1;
        self.unsettled += 1;
        true
    }

    fn close_if_settled(&mut self, slot: FileSlot) {
        let place = &mut self.slots[slot.0 as usize];
        if place.released && place.unsettled == 0 {
            place.file = None;
        }
    }
}

#[derive(Debug)]
struct Slot {
    file: Option<File>,
    /// Operations queued or in the kernel.
    unsettled: usize,
    released: bool,
}

#[derive(Debug)]
enum Operation {
    Write { slot: FileSlot, offset: u64, buffer: Vec<u8>, range: Range<usize>, token: u64 },
    Sync { slot: FileSlot, token: u64 },
}
