//! The seam below the store: what it asks of a disk, so that a simulated one can stand in for files.
//!
//! Two halves. [`HotDisk`] is what serving needs: writes and syncs that are started now and collected later, on
//! the thread that runs the engine. [`Disk`] is the rest: blocking calls for opening a folder and for making
//! segments ahead of use. A file is made by the one and handed to the other ([`HotDisk::adopt`]).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use super::background::Background;
use super::cold::{ColdError, ColdSettings, ColdStore};
use super::journal::Identity;

/// Bytes of a block. Groups begin and end at a multiple of it, in the file and in memory, as O_DIRECT wants.
pub const BLOCK_BYTES: usize = 4_096;

/// Files that the journal has adopted at once, at most: each write in flight may be of a file of its own.
pub const FILES_MAX: usize = OPERATIONS_MAX;

/// Operations that the journal has in flight at once, at most: its writes, and one sync.
pub const OPERATIONS_MAX: usize = GROUPS_IN_FLIGHT_MAX + 1;

/// Groups that are being written or synced at once, at most.
pub const GROUPS_IN_FLIGHT_MAX: usize = 4;

/// A write or sync that came back.
#[derive(Debug)]
pub struct FileDone {
    /// As it was given when it was started.
    pub token: u64,
    /// All of it, or what went wrong: a short write is no success.
    pub result: io::Result<()>,
    /// The buffer of a write, unchanged and never reallocated; a sync has none.
    pub buffer: Option<Vec<u8>>,
}

/// Writes and syncs that are started now and collected later. Never blocks the caller on purpose.
///
/// Writes may complete in any order. A write is durable when it completed on a file opened for
/// [`DurabilityPath::Dsync`], or when a sync of its file that was started after its completion has completed.
pub trait HotDisk {
    /// A file as [`Disk::open_for_groups`] makes it.
    type File: Send + std::fmt::Debug + 'static;
    /// Names a file that was adopted.
    type Slot: Copy + std::fmt::Debug;

    /// Takes a file over, until [`HotDisk::release`]. The journal holds at most [`FILES_MAX`] at a time.
    fn adopt(&mut self, file: Self::File) -> Self::Slot;

    /// Closes an adopted file. Nothing of it is in flight any more.
    fn release(&mut self, slot: Self::Slot);

    /// Starts a write of `buffer[range]`. The range begins at a block in memory, and it and `offset` are whole
    /// blocks.
    fn write(&mut self, slot: Self::Slot, offset: u64, buffer: Vec<u8>, range: Range<usize>, token: u64);

    /// Starts a sync of a file's bytes, as fdatasync does.
    fn sync_data(&mut self, slot: Self::Slot, token: u64);

    /// The next write or sync that is through, in the order in which they completed.
    fn completed(&mut self) -> Option<FileDone>;
}

/// How a group becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurabilityPath {
    /// Each write carries its own sync (O_DSYNC).
    Dsync,
    /// Plain writes, then a sync that covers those that have completed.
    Fsync,
}

impl DurabilityPath {
    /// As configuration and tables spell it.
    pub const fn name(self) -> &'static str {
        match self {
            DurabilityPath::Dsync => "dsync",
            DurabilityPath::Fsync => "fsync",
        }
    }
}

/// Somebody wants a file to stay, until this is dropped.
#[derive(Debug, Default)]
pub struct Held {
    /// Locked, where a system knows locks.
    _file: Option<File>,
}

impl Held {
    /// For as long as this file is open.
    pub(crate) fn by(file: File) -> Held {
        Held { _file: Some(file) }
    }
}

/// Reading a folder. Names are plain file names, without a path.
pub trait ReadDisk {
    /// What a person calls this folder, for messages.
    fn place(&self) -> String;

    /// Every name in the folder, in any order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Bytes of a file.
    fn file_bytes(&self, name: &str) -> io::Result<u64>;

    /// Reads from `offset` until `into` is full or the file ends; says how many bytes there were.
    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Wants a file to stay while it is read, though a server would let it go: see [`Disk::claim`]. Nothing where it is
    /// just going.
    fn hold(&self, _name: &str) -> io::Result<Option<Held>> {
        Ok(Some(Held::default()))
    }
}

impl<D: ReadDisk + ?Sized> ReadDisk for &D {
    fn place(&self) -> String {
        (**self).place()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        (**self).list()
    }

    fn file_bytes(&self, name: &str) -> io::Result<u64> {
        (**self).file_bytes(name)
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(name, offset, into)
    }

    fn hold(&self, name: &str) -> io::Result<Option<Held>> {
        (**self).hold(name)
    }
}

/// Everything else that a store does with its folder. Blocking; used at opening and by the segment maker's
/// thread, hence shared.
pub trait Disk: ReadDisk + Send + Sync + 'static {
    /// An open file.
    type File: Send + std::fmt::Debug + 'static;

    /// Fills with random bytes that nobody can guess: what a new store is named and salted by.
    fn fill_random(&self, into: &mut [u8]) -> io::Result<()> {
        io::Read::read_exact(&mut File::open("/dev/urandom")?, into)
    }

    /// Takes the folder for this process, until this value is dropped. False: another process has it. An error
    /// where the folder cannot be written.
    fn lock(&self) -> io::Result<bool>;

    /// Makes a file that is not there yet, with room for so many bytes (0: who knows how many it will be): a full disk
    /// shows here if it can.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Self::File>;

    /// Writes all bytes. They, their place in memory and the offset are whole blocks.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when the file's bytes and length are durable.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Returns when all that a file holds is durable, whoever wrote it.
    fn sync_named(&self, name: &str) -> io::Result<()>;

    /// Which path is faster here; may try a few writes in the folder.
    fn faster_path(&self) -> io::Result<DurabilityPath>;

    /// Opens a file for [`HotDisk`].
    fn open_for_groups(&self, name: &str, path: DurabilityPath) -> io::Result<Self::File>;

    /// Renames; what had the new name is gone.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns when all names made, changed and removed so far are durable.
    fn sync_folder(&self) -> io::Result<()>;

    /// Wants a file for itself before it goes, until the value is dropped. Nothing where somebody holds it
    /// ([`ReadDisk::hold`]).
    fn claim(&self, _name: &str) -> io::Result<Option<Held>> {
        Ok(Some(Held::default()))
    }

    /// Another folder, to which segments go that are kept no longer here; made where it is missing.
    fn archive(&self, place: &Path) -> io::Result<Self>
    where
        Self: Sized;

    /// Gives a file the same name in another folder as well, without copying it. False: that cannot be done here.
    fn share(&self, _name: &str, _with: &Self) -> io::Result<bool>
    where
        Self: Sized,
    {
        Ok(false)
    }

    /// Opens the orders at rest, in a place of their own; makes it where there is none.
    fn open_cold(
        &self,
        identity: Identity,
        settings: ColdSettings,
        background: Background,
    ) -> Result<Box<dyn ColdStore>, ColdError>;
}
