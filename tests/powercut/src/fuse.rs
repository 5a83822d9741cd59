//! The disk as the kernel asks for it: one short function a request, no state of its own.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use rustix::fs::OFlags;

use crate::DISK_BYTES_MAX;
use crate::world::{Answer, Attributes, World};

const BLOCK_BYTES: u32 = 4_096;
/// The longest name, bytes.
const NAME_BYTES_MAX: u32 = 255;
/// The kernel remembers nothing: after a cut a name may lead elsewhere.
const TTL: Duration = Duration::ZERO;
/// Numbers of nodes are never used twice.
const GENERATION: Generation = Generation(0);

/// What the kernel talks to.
#[derive(Debug)]
pub(crate) struct Mounted {
    world: Arc<World>,
}

impl Mounted {
    pub fn new(world: Arc<World>) -> Mounted {
        Mounted { world }
    }
}

/// Past the page cache, so that a write is here when it returns; and several at once, as on a real disk.
fn how_opened() -> FopenFlags {
    FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_PARALLEL_DIRECT_WRITES
}

fn is_durable(flags: OpenFlags) -> bool {
    // O_SYNC is O_DSYNC and a bit of its own.
    OFlags::from_bits_retain(flags.0 as u32).contains(OFlags::DSYNC)
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_i32(error.raw_os_error())
}

fn attr(of: &Attributes) -> FileAttr {
    let Attributes { node, is_folder, bytes, modified } = *of;
    FileAttr {
        ino: INodeNo(node),
        size: bytes,
        blocks: bytes.div_ceil(512),
        atime: modified,
        mtime: modified,
        ctime: modified,
        crtime: modified,
        kind: kind(of),
        perm: if is_folder { 0o755 } else { 0o644 },
        nlink: if is_folder { 2 } else { 1 },
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: BLOCK_BYTES,
        flags: 0,
    }
}

fn kind(of: &Attributes) -> FileType {
    if of.is_folder { FileType::Directory } else { FileType::RegularFile }
}

/// Answers where nothing but success or failure is to be told.
fn say(reply: ReplyEmpty, done: Result<(), rustix::io::Errno>) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(error)),
    }
}

fn answer(reply: ReplyEmpty) -> Answer {
    Box::new(|done| say(reply, done))
}

impl Filesystem for Mounted {
    fn init(&mut self, _: &Request, _: &mut KernelConfig) -> std::io::Result<()> {
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.world.look_up(parent.0, name) {
            Ok(found) => reply.entry(&TTL, &attr(&found), GENERATION),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.world.attributes(ino.0) {
            Ok(found) => reply.attr(&TTL, &attr(&found)),
            Err(error) => reply.error(errno(error)),
        }
    }

    /// Sizes alone can be set; times are the disk's own, and all belongs to root.
    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if mode.is_some() || uid.is_some() || gid.is_some() {
            return reply.error(Errno::EOPNOTSUPP);
        }
        let resized = size.map_or(Ok(()), |size| self.world.resize(ino.0, size));
        match resized.and_then(|()| self.world.attributes(ino.0)) {
            Ok(found) => reply.attr(&TTL, &attr(&found)),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        match self.world.make(parent.0, name, true) {
            Ok(made) => reply.entry(&TTL, &attr(&made), GENERATION),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        say(reply, self.world.remove(parent.0, name, false));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        say(reply, self.world.remove(parent.0, name, true));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if flags.intersects(RenameFlags::RENAME_EXCHANGE | RenameFlags::RENAME_WHITEOUT) {
            return reply.error(Errno::EINVAL);
        }
        let may_replace = !flags.contains(RenameFlags::RENAME_NOREPLACE);
        say(reply, self.world.rename((parent.0, name), (newparent.0, newname), may_replace));
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.world.open(ino.0) {
            Ok(()) => reply.opened(FileHandle(0), how_opened()),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn create(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, _: i32, reply: ReplyCreate) {
        match self.world.make(parent.0, name, false) {
            Ok(made) => reply.created(&TTL, &attr(&made), GENERATION, FileHandle(0), how_opened()),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.world.read(ino.0, offset, size as usize) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        flags: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let bytes = data.len() as u32;
        let answer = move |done: Result<(), rustix::io::Errno>| match done {
            Ok(()) => reply.written(bytes),
            Err(error) => reply.error(errno(error)),
        };
        if is_durable(flags) {
            self.world.write_durably(ino.0, offset, data.to_vec(), Box::new(answer));
        } else {
            answer(self.world.write(ino.0, offset, data));
        }
    }

    /// A file is closed by one of those who share it: that promises nothing.
    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.world.close(ino.0);
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.world.sync(ino.0, answer(reply));
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.world.sync_folder(ino.0, answer(reply));
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = match self.world.list(ino.0) {
            Ok(listed) => listed,
            Err(error) => return reply.error(errno(error)),
        };
        for (at, (name, found)) in listed.iter().enumerate().skip(offset as usize) {
            if reply.add(INodeNo(found.node), at as u64 + 1, kind(found), name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let blocks = DISK_BYTES_MAX / u64::from(BLOCK_BYTES);
        let free = blocks.saturating_sub(self.world.bytes_used().div_ceil(u64::from(BLOCK_BYTES)));
        reply.statfs(blocks, free, free, 0, 0, BLOCK_BYTES, NAME_BYTES_MAX, BLOCK_BYTES);
    }

    /// Room is taken as bytes come.
    fn fallocate(&self, _: &Request, _: INodeNo, _: FileHandle, _: u64, _: u64, _: i32, reply: ReplyEmpty) {
        reply.error(Errno::EOPNOTSUPP);
    }
}
