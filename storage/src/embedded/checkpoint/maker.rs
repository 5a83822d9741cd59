//! Writing checkpoints: the file, and who writes it while the engine goes on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use crossbeam_queue::ArrayQueue;

use super::layout::{Boundary, CheckpointHeader, FRAME_BYTES, FRAME_HEADER_BYTES};
use crate::embedded::background::Background;
use crate::embedded::disk::{BLOCK_BYTES, Disk};
use crate::embedded::journal::Identity;
use crate::embedded::journal::buffer::AlignedBuffer;
use crate::embedded::journal::segment::{Name, checkpoint_name, making_name, parse_name};
use crate::planted::{self, Bug};

/// Buffers between the engine and the thread.
const BUFFERS: usize = 4;
/// Bytes of a buffer, about: what is small in an image comes in one piece, and may make one larger.
pub(crate) const BUFFER_BYTES: usize = 256 << 10;

/// Writes one checkpoint after the other. Never blocks on the disk unless the maker says so.
pub(crate) trait CheckpointMaker: Send + std::fmt::Debug {
    /// An empty buffer, if one is free.
    fn lend(&mut self) -> Option<Vec<u8>>;

    /// What comes from here is a checkpoint at this boundary.
    fn begin(&mut self, boundary: Boundary);

    /// The next bytes of it. The buffer was lent.
    fn write(&mut self, bytes: Vec<u8>);

    /// That was all of it, and the boundary's group is durable: it may be found by an opening.
    fn publish(&mut self);

    /// How the checkpoint that was begun last is doing.
    fn progress(&self) -> Making;
}

/// How a checkpoint is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Making {
    /// It is being written, or none was begun.
    Underway,
    /// It is there for good.
    Published,
    /// It could not be written; nothing of it is left.
    Failed,
}

/// Writes when it is asked to, on the caller's thread. For tests and the simulator.
#[derive(Debug)]
pub(crate) struct InlineCheckpoints<D: Disk> {
    disk: Arc<D>,
    identity: Identity,
    file: Option<CheckpointFile<D>>,
    progress: Making,
}

impl<D: Disk> InlineCheckpoints<D> {
    pub(crate) fn new(disk: Arc<D>, identity: Identity) -> InlineCheckpoints<D> {
        InlineCheckpoints { disk, identity, file: None, progress: Making::Underway }
    }

    fn failed(&mut self, boundary: Boundary, error: &io::Error) {
        given_up(&*self.disk, boundary, error);
        self.file = None;
        self.progress = Making::Failed;
    }
}

impl<D: Disk + std::fmt::Debug> CheckpointMaker for InlineCheckpoints<D> {
    fn lend(&mut self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }

    fn begin(&mut self, boundary: Boundary) {
        self.progress = Making::Underway;
        match CheckpointFile::begin(&*self.disk, CheckpointHeader { identity: self.identity, boundary }) {
            Ok(file) => self.file = Some(file),
            Err(error) => self.failed(boundary, &error),
        }
    }

    fn write(&mut self, bytes: Vec<u8>) {
        if let Some(file) = &mut self.file
            && let Err(error) = file.write(&*self.disk, &bytes)
        {
            let boundary = file.header.boundary;
            self.failed(boundary, &error);
        }
    }

    fn publish(&mut self) {
        let Some(mut file) = self.file.take() else { return };
        match file.publish(&*self.disk) {
            Ok(()) => self.progress = Making::Published,
            Err(error) => self.failed(file.header.boundary, &error),
        }
    }

    fn progress(&self) -> Making {
        self.progress
    }
}

/// Writes on a thread of its own, behind who serves.
#[derive(Debug)]
pub(crate) struct ThreadCheckpoints {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    orders: ArrayQueue<Order>,
    free: ArrayQueue<Vec<u8>>,
    /// Checkpoints that were published or failed, so far; and begun.
    ended: AtomicU64,
    begun: AtomicU64,
    /// The last one that ended failed.
    failed: AtomicBool,
    stop: AtomicBool,
}

#[derive(Debug)]
enum Order {
    Begin(Boundary),
    Write(Vec<u8>),
    Publish,
}

impl ThreadCheckpoints {
    /// Starts the thread.
    pub(crate) fn start<D: Disk>(
        disk: Arc<D>,
        identity: Identity,
        background: Background,
    ) -> io::Result<ThreadCheckpoints> {
        let shared = Arc::new(Shared {
            // Each buffer once, and what begins and ends.
            orders: ArrayQueue::new(BUFFERS + 2),
            free: ArrayQueue::new(BUFFERS),
            ended: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        for _ in 0..BUFFERS {
            // The queue has room for all of them; they grow when the first checkpoint is taken.
            let _ = shared.free.push(Vec::new());
        }
        let theirs = Arc::clone(&shared);
        let thread = background.spawn("checkpoints", move || {
            write_checkpoints(&*disk, identity, &theirs);
        })?;
        Ok(ThreadCheckpoints { shared, thread: Some(thread) })
    }

    fn order(&self, order: Order) {
        self.shared.orders.push(order).expect("there are no more buffers than the queue has room for");
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl CheckpointMaker for ThreadCheckpoints {
    fn lend(&mut self) -> Option<Vec<u8>> {
        self.shared.free.pop()
    }

    fn begin(&mut self, boundary: Boundary) {
        self.shared.begun.fetch_add(1, Ordering::Relaxed);
        self.order(Order::Begin(boundary));
    }

    fn write(&mut self, bytes: Vec<u8>) {
        self.order(Order::Write(bytes));
    }

    fn publish(&mut self) {
        self.order(Order::Publish);
    }

    fn progress(&self) -> Making {
        if self.shared.ended.load(Ordering::Acquire) < self.shared.begun.load(Ordering::Relaxed) {
            Making::Underway
        } else if self.shared.failed.load(Ordering::Relaxed) {
            Making::Failed
        } else {
            Making::Published
        }
    }
}

impl Drop for ThreadCheckpoints {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of that thread has been printed by it; there is nothing to save here.
            let _ = thread.join();
        }
    }
}

/// The thread: does as it is told, and sleeps where nobody says anything.
fn write_checkpoints<D: Disk>(disk: &D, identity: Identity, shared: &Shared) {
    let mut file: Option<CheckpointFile<D>> = None;
    let mut last = None;
    while !shared.stop.load(Ordering::Relaxed) {
        let ended = |failed| {
            shared.failed.store(failed, Ordering::Relaxed);
            shared.ended.fetch_add(1, Ordering::Release);
        };
        let done = match shared.orders.pop() {
            None => {
                std::thread::park();
                Ok(())
            }
            Some(Order::Begin(boundary)) => {
                last = Some(boundary);
                CheckpointFile::begin(disk, CheckpointHeader { identity, boundary }).map(|it| file = Some(it))
            }
            Some(Order::Write(mut bytes)) => {
                let done = file.as_mut().map_or(Ok(()), |file| file.write(disk, &bytes));
                bytes.clear();
                // It came from there, so there is room for it.
                let _ = shared.free.push(bytes);
                done
            }
            Some(Order::Publish) => match file.take() {
                Some(mut file) => file.publish(disk).map(|()| ended(false)),
                None => Ok(()), // It failed before, and was reported.
            },
        };
        if let (Err(error), Some(boundary)) = (done, last) {
            given_up(disk, boundary, &error);
            file = None;
            ended(true);
        }
    }
}

/// Half a checkpoint only takes room from the journal.
fn given_up<D: Disk>(disk: &D, boundary: Boundary, error: &io::Error) {
    let _ = disk.remove(&making_name(boundary.group.number));
    tracing::warn!(%error, "a checkpoint cannot be written: the next start reads more journal; trying again later");
}

/// A checkpoint under its temporary name.
#[derive(Debug)]
struct CheckpointFile<D: Disk> {
    header: CheckpointHeader,
    file: D::File,
    /// Where the next frame goes.
    offset: u64,
    frames: u64,
    frame: AlignedBuffer,
    /// Bytes in the frame, its header included.
    filled: usize,
}

impl<D: Disk> CheckpointFile<D> {
    fn begin(disk: &D, header: CheckpointHeader) -> io::Result<CheckpointFile<D>> {
        let file = disk.create(&making_name(header.boundary.group.number), 0)?;
        let mut block = AlignedBuffer::new(BLOCK_BYTES);
        header.encode(block.as_mut_slice().first_chunk_mut().expect("a block is a block"));
        disk.write_at(&file, 0, block.as_slice())?;
        let frame = AlignedBuffer::new(FRAME_BYTES);
        Ok(CheckpointFile {
            header,
            file,
            offset: BLOCK_BYTES as u64,
            frames: 0,
            frame,
            filled: FRAME_HEADER_BYTES,
        })
    }

    fn write(&mut self, disk: &D, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.filled == FRAME_BYTES {
                self.write_frame(disk, false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(FRAME_BYTES - self.filled));
            self.frame.as_mut_slice()[self.filled..self.filled + now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
        }
        Ok(())
    }

    /// From here on an opening finds it. The one before it stays, for the day on which this one cannot be read.
    fn publish(&mut self, disk: &D) -> io::Result<()> {
        self.write_frame(disk, true)?;
        if !planted::is(Bug::CheckpointNotSynced) {
            disk.sync(&self.file)?;
        }
        let number = self.header.boundary.group.number;
        disk.rename(&making_name(number), &checkpoint_name(number))?;
        disk.sync_folder()?;
        let older = |name: String| match parse_name(&name) {
            Name::Checkpoint(older) if older < number => Some(older),
            Name::Checkpoint(_)
            | Name::Segment(_)
            | Name::Spare
            | Name::Making
            | Name::Cold
            | Name::Other => None,
        };
        let mut older: Vec<u64> = disk.list()?.into_iter().filter_map(older).collect();
        older.sort_unstable();
        older.pop();
        for number in older {
            disk.remove(&checkpoint_name(number))?;
        }
        Ok(())
    }

    fn write_frame(&mut self, disk: &D, last: bool) -> io::Result<()> {
        let end = self.filled.next_multiple_of(BLOCK_BYTES);
        let frame = &mut self.frame.as_mut_slice()[..end];
        frame[self.filled..].fill(0);
        self.header.seal(self.frames, self.filled - FRAME_HEADER_BYTES, last, frame);
        disk.write_at(&self.file, self.offset, frame)?;
        self.offset += end as u64;
        self.frames += 1;
        self.filled = FRAME_HEADER_BYTES;
        Ok(())
    }
}
