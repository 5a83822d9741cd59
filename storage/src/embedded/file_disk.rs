//! A folder of real files. [`FileDisk`] is the cold half; [`BlockingFiles`] is the plainest hot half, for tests
//! and tools: it writes where it is asked to and reports at the next poll. The server puts its reactor's ring there.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{Access, FallocateFlags, FlockOperation, OFlags};
use rustix::io::Errno;

use super::background::Background;
use super::cold::{ColdError, ColdSettings, ColdStore, DiskCold};
use super::disk::{Disk, DurabilityPath, FileDone, Held, HotDisk, ReadDisk};
use super::journal::Identity;
use super::probe::probe;

/// A data folder.
#[derive(Debug)]
pub struct FileDisk {
    dir: PathBuf,
    /// The folder itself, held open while it is locked: no lock file is needed, so a refused start leaves nothing.
    locked: Mutex<Option<File>>,
}

impl FileDisk {
    /// A folder that is there. Nothing is touched yet.
    pub fn at(dir: &Path) -> FileDisk {
        FileDisk { dir: dir.to_owned(), locked: Mutex::new(None) }
    }

    /// A folder that is made, durably, where it is missing.
    pub fn make(dir: &Path) -> io::Result<FileDisk> {
        if !dir.is_dir() {
            std::fs::create_dir_all(dir)?;
            let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(FileDisk::at(dir))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl ReadDisk for FileDisk {
    fn place(&self) -> String {
        self.dir.display().to_string()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(&self.dir)?.map(|entry| Ok(entry?.file_name()));
        names.map(|name| name.map(|name| name.to_string_lossy().into_owned())).collect()
    }

    fn file_bytes(&self, name: &str) -> io::Result<u64> {
        Ok(std::fs::metadata(self.path(name))?.len())
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let file = File::open(self.path(name))?;
        let mut read = 0;
        while read < into.len() {
            match file.read_at(&mut into[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn hold(&self, name: &str) -> io::Result<Option<Held>> {
        lock_file(&self.path(name), FlockOperation::NonBlockingLockShared)
    }
}

impl Disk for FileDisk {
    type File = File;

    fn lock(&self) -> io::Result<bool> {
        rustix::fs::access(&self.dir, Access::WRITE_OK | Access::EXEC_OK)?;
        let folder = File::open(&self.dir)?;
        match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                *self.locked.lock().expect("nobody panics while holding it") = Some(folder);
                Ok(true)
            }
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<File> {
        let file =
            open_direct(&self.path(name), OpenOptions::new().write(true).create_new(true), OFlags::empty())?;
        if bytes == 0 {
            return Ok(file);
        }
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            // A file system without it takes its room as the zeros are written.
            Ok(()) | Err(Errno::OPNOTSUPP) => Ok(file),
            Err(error) => {
                let _ = std::fs::remove_file(self.path(name));
                Err(error.into())
            }
        }
    }

    fn open_cold(
        &self,
        identity: Identity,
        settings: ColdSettings,
        background: Background,
    ) -> Result<Box<dyn ColdStore>, ColdError> {
        Ok(Box::new(DiskCold::open(&self.dir, identity, settings, background)?))
    }

    fn claim(&self, name: &str) -> io::Result<Option<Held>> {
        lock_file(&self.path(name), FlockOperation::NonBlockingLockExclusive)
    }

    fn archive(&self, place: &Path) -> io::Result<FileDisk> {
        let inside = || Err(io::Error::new(io::ErrorKind::InvalidInput, "it lies in the data folder"));
        // Before it is made, and behind links.
        if std::path::absolute(place)?.starts_with(std::path::absolute(&self.dir)?) {
            return inside();
        }
        let archive = FileDisk::make(place)?;
        if place.canonicalize()?.starts_with(self.dir.canonicalize()?) {
            return inside();
        }
        Ok(archive)
    }

    fn share(&self, name: &str, with: &FileDisk) -> io::Result<bool> {
        match rustix::fs::link(self.path(name), with.path(name)) {
            Ok(()) => Ok(true),
            // Another file system, or one without links.
            Err(Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_named(&self, name: &str) -> io::Result<()> {
        File::open(self.path(name))?.sync_all()
    }

    fn faster_path(&self) -> io::Result<DurabilityPath> {
        Ok(probe(&self.dir)?.faster_path())
    }

    fn open_for_groups(&self, name: &str, path: DurabilityPath) -> io::Result<File> {
        let flags = match path {
            DurabilityPath::Dsync => OFlags::DSYNC,
            DurabilityPath::Fsync => OFlags::empty(),
        };
        open_direct(&self.path(name), OpenOptions::new().write(true), flags)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }
}

/// Locks a file for as long as the value lives; nothing where somebody else has it in a way that goes against that.
fn lock_file(path: &Path, how: FlockOperation) -> io::Result<Option<Held>> {
    let file = File::open(path)?;
    match rustix::fs::flock(&file, how) {
        Ok(()) => Ok(Some(Held::by(file))),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Opens past the page cache where the file system can; else through it, which is slower and as durable.
pub(super) fn open_direct(path: &Path, options: &OpenOptions, flags: OFlags) -> io::Result<File> {
    let with = |flags: OFlags| options.clone().custom_flags(flags.bits() as i32).open(path);
    match with(flags | OFlags::DIRECT) {
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => with(flags),
        opened => opened,
    }
}

/// Writes and syncs at the call, and reports at the next poll.
#[derive(Debug, Default)]
pub struct BlockingFiles {
    files: Vec<Option<File>>,
    done: VecDeque<FileDone>,
}

impl BlockingFiles {
    fn file(&self, slot: u32) -> &File {
        self.files[slot as usize].as_ref().expect("a released file is not used again")
    }
}

impl HotDisk for BlockingFiles {
    type File = File;
    type Slot = u32;

    fn adopt(&mut self, file: File) -> u32 {
        let free = self.files.iter().position(Option::is_none);
        let slot = free.unwrap_or(self.files.len());
        if free.is_none() {
            self.files.push(None);
        }
        self.files[slot] = Some(file);
        slot as u32
    }

    fn release(&mut self, slot: u32) {
        self.files[slot as usize] = None;
    }

    fn write(&mut self, slot: u32, offset: u64, buffer: Vec<u8>, range: Range<usize>, token: u64) {
        let result = self.file(slot).write_all_at(&buffer[range], offset);
        self.done.push_back(FileDone { token, result, buffer: Some(buffer) });
    }

    fn sync_data(&mut self, slot: u32, token: u64) {
        let result = self.file(slot).sync_data();
        self.done.push_back(FileDone { token, result, buffer: None });
    }

    fn completed(&mut self) -> Option<FileDone> {
        self.done.pop_front()
    }
}
