//! Joins the journal's hot disk to the reactor's file queue.
//!
//! The engine's type names its disk, and the file queue is lent for one turn at a time; so [`Relay`] stands between:
//! what has completed is fetched before the engine's turn, and what the engine started is queued after it.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;

use reactor::{FileQueue, FileSlot};
use storage::embedded::disk::{FILES_MAX, FileDone, HotDisk, OPERATIONS_MAX};

/// The journal's files in a reactor.
#[derive(Debug)]
pub struct Relay {
    files: Vec<Option<Relayed>>,
    started: Vec<Started>,
    done: VecDeque<FileDone>,
}

/// Names a file of the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(usize);

#[derive(Debug)]
enum Relayed {
    /// Not yet handed to the reactor.
    New(File),
    Adopted(FileSlot),
}

#[derive(Debug)]
enum Started {
    Write { slot: Slot, offset: u64, buffer: Vec<u8>, range: Range<usize>, token: u64 },
    Sync { slot: Slot, token: u64 },
    Release { slot: Slot },
}

// The reactor takes all that the journal may have under way, so nothing the journal starts is ever turned away.
const _: () = assert!(reactor::Bounds::DEFAULT.files >= FILES_MAX);
const _: () = assert!(reactor::Bounds::DEFAULT.files_in_flight >= OPERATIONS_MAX);
const FITS: &str = "the reactor's bounds hold what the journal has under way";

impl Relay {
    /// A relay without files.
    pub fn new() -> Relay {
        Relay {
            files: Vec::with_capacity(FILES_MAX),
            started: Vec::with_capacity(2 * OPERATIONS_MAX),
            done: VecDeque::with_capacity(OPERATIONS_MAX),
        }
    }

    /// Before the engine's turn: what has completed.
    pub fn fetch(&mut self, queue: &mut FileQueue) {
        while let Some(done) = queue.completed() {
            let reactor::FileDone { token, result, buffer } = done;
            self.done.push_back(FileDone { token, result, buffer });
        }
    }

    /// After the engine's turn: what it started.
    pub fn hand_over(&mut self, queue: &mut FileQueue) {
        for started in self.started.drain(..) {
            match started {
                Started::Write { slot, offset, buffer, range, token } => {
                    let slot = adopted(&mut self.files, slot, queue);
                    queue.write(slot, offset, buffer, range, token).expect(FITS);
                }
                Started::Sync { slot, token } => {
                    let slot = adopted(&mut self.files, slot, queue);
                    queue.sync_data(slot, token).expect(FITS);
                }
                Started::Release { slot } => {
                    // One that was never written to is just dropped.
                    if let Some(Relayed::Adopted(adopted)) = self.files[slot.0].take() {
                        queue.release(adopted);
                    }
                }
            }
        }
    }
}

impl HotDisk for Relay {
    type File = File;
    type Slot = Slot;

    fn adopt(&mut self, file: File) -> Slot {
        // A released place is free from the end of the turn on; until then its release is still to be done.
        let free = (0..self.files.len()).find(|&place| self.files[place].is_none());
        let place = free.unwrap_or(self.files.len());
        if free.is_none() {
            self.files.push(None);
        }
        self.files[place] = Some(Relayed::New(file));
        Slot(place)
    }

    fn release(&mut self, slot: Slot) {
        self.started.push(Started::Release { slot });
    }

    fn write(&mut self, slot: Slot, offset: u64, buffer: Vec<u8>, range: Range<usize>, token: u64) {
        self.started.push(Started::Write { slot, offset, buffer, range, token });
    }

    fn sync_data(&mut self, slot: Slot, token: u64) {
        self.started.push(Started::Sync { slot, token });
    }

    fn completed(&mut self) -> Option<FileDone> {
        self.done.pop_front()
    }
}

/// The reactor's name for a file, which it takes over at its first use.
fn adopted(files: &mut [Option<Relayed>], slot: Slot, queue: &mut FileQueue) -> FileSlot {
    let place = &mut files[slot.0];
    let name = match place.take().expect("a file is used between its adoption and its release") {
        Relayed::New(file) => queue.adopt(file).expect(FITS),
        Relayed::Adopted(name) => name,
    };
    *place = Some(Relayed::Adopted(name));
    name
}
