//! Segments ahead of use: somebody makes them while the engine writes to the last one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;

use super::layout::SegmentHeader;
use super::segment::{make_spare, promote, spare_name};
use crate::embedded::background::Background;
use crate::embedded::disk::{Disk, DurabilityPath};
use crate::planted::{self, Bug};

/// How long the thread waits after a failure (a full disk, most likely) before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How many times as long as a write took the thread rests after it, while no segment is missing. Filled without
/// a rest, 64 MiB held up the groups of a quiet server for 50 to 100 ms.
const RESTS: u32 = 8;
/// No rest is longer, however slow the disk.
const REST_MAX: Duration = Duration::from_millis(50);

/// A segment that stands under its final name: groups may go to it.
#[derive(Debug)]
pub struct ReadySegment<F> {
    /// Its number.
    pub number: u64,
    /// The file, for [`super::super::disk::HotDisk::adopt`].
    pub file: F,
}

/// What asking for a segment yields.
#[derive(Debug)]
pub enum Making<F> {
    /// Here it is.
    Ready(ReadySegment<F>),
    /// It will be there soon.
    Busy,
    /// The last try failed; it is tried again.
    Failing,
}

/// Makes the segments of one run, one behind the other.
pub trait SegmentMaker<F>: Send + std::fmt::Debug {
    /// The next segment, if it is there. Never blocks on the disk unless the maker says so.
    fn take(&mut self) -> Making<F>;
}

/// What a maker has to know.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Header of the next segment to make; the numbers count up from it.
    pub next: SegmentHeader,
    /// How the files are opened.
    pub path: DurabilityPath,
    /// How many spares lie ready, in number.
    pub ahead: usize,
}

/// Makes a segment when it is asked for, on the caller's thread. For tests, tools and the simulator.
#[derive(Debug)]
pub struct InlineMaker<D> {
    disk: Arc<D>,
    plan: Plan,
}

impl<D: Disk> InlineMaker<D> {
    /// A maker that goes by this plan.
    pub fn new(disk: Arc<D>, plan: Plan) -> InlineMaker<D> {
        InlineMaker { disk, plan }
    }

    fn make(&mut self) -> io::Result<ReadySegment<D::File>> {
        let number = self.plan.next.number;
        make_spare(&*self.disk, &self.plan.next, || ())?;
        let plain = planted::is(Bug::OpenedWithoutDsync);
        let path = if plain { DurabilityPath::Fsync } else { self.plan.path };
        let file = self.disk.open_for_groups(&spare_name(number), path)?;
        promote(&*self.disk, number)?;
        self.plan.next.number += 1;
        Ok(ReadySegment { number, file })
    }
}

impl<D: Disk + std::fmt::Debug> SegmentMaker<D::File> for InlineMaker<D> {
    fn take(&mut self) -> Making<D::File> {
        match self.make() {
            Ok(ready) => Making::Ready(ready),
            Err(error) => {
                tracing::warn!(%error, "the next journal segment cannot be made; trying again");
                Making::Failing
            }
        }
    }
}

/// Makes segments on a thread of its own, behind who serves.
#[derive(Debug)]
pub struct ThreadMaker<F: Send + 'static> {
    shared: Arc<Shared<F>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared<F> {
    /// One segment under its final name; the spares behind it lie on disk.
    ready: ArrayQueue<ReadySegment<F>>,
    failing: AtomicBool,
    stop: AtomicBool,
}

impl<F: Send + 'static> ThreadMaker<F> {
    /// Starts the thread.
    pub fn start<D: Disk<File = F>>(
        disk: Arc<D>,
        plan: Plan,
        background: Background,
    ) -> io::Result<ThreadMaker<F>> {
        let shared = Arc::new(Shared {
            ready: ArrayQueue::new(1),
            failing: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let thread = background.spawn("segments", move || {
            make_ahead(&*disk, plan, &theirs);
        })?;
        Ok(ThreadMaker { shared, thread: Some(thread) })
    }
}

impl<F: Send + std::fmt::Debug + 'static> SegmentMaker<F> for ThreadMaker<F> {
    fn take(&mut self) -> Making<F> {
        match self.shared.ready.pop() {
            Some(ready) => {
                if let Some(thread) = &self.thread {
                    thread.thread().unpark();
                }
                Making::Ready(ready)
            }
            None if self.shared.failing.load(Ordering::Relaxed) => Making::Failing,
            None => Making::Busy,
        }
    }
}

impl<F: Send + 'static> Drop for ThreadMaker<F> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of that thread has been printed by it; there is nothing to save here.
            let _ = thread.join();
        }
    }
}

/// Leaves the disk to the journal while zeros are written.
struct Pace {
    /// When the last rest ended.
    began: Instant,
    rests: u32,
}

impl Pace {
    /// Rests after a write, unless the journal waits for a segment or the server ends.
    fn rest<F>(&mut self, shared: &Shared<F>) {
        if !shared.ready.is_empty() && !shared.stop.load(Ordering::Relaxed) {
            std::thread::sleep((self.began.elapsed() * self.rests).min(REST_MAX));
        }
        self.began = Instant::now();
    }
}

/// The thread: the segment that is ready first, then spares up to the plan, then sleep until one was taken.
fn make_ahead<D: Disk>(disk: &D, plan: Plan, shared: &Shared<D::File>) {
    let mut spares_from = plan.next.number; // Spares lie ready from here …
    let mut next = plan.next; // … up to here, exclusive.
    while !shared.stop.load(Ordering::Relaxed) {
        let spares = (next.number - spares_from) as usize;
        let done = if shared.ready.is_empty() && spares > 0 {
            let number = spares_from;
            disk.open_for_groups(&spare_name(number), plan.path).and_then(|file| {
                promote(disk, number)?;
                spares_from += 1;
                // Only this thread pushes, and it saw the queue empty.
                let _ = shared.ready.push(ReadySegment { number, file });
                Ok(())
            })
        } else if spares < plan.ahead.max(1) {
            let mut pace = Pace { began: Instant::now(), rests: if spares == 0 { 1 } else { RESTS } };
            make_spare(disk, &next, || pace.rest(shared)).map(|()| next.number += 1)
        } else {
            std::thread::park();
            Ok(())
        };
        match done {
            Ok(()) => shared.failing.store(false, Ordering::Relaxed),
            Err(error) => {
                if !shared.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the next journal segment cannot be made; trying every second");
                }
                std::thread::park_timeout(RETRY_AFTER);
            }
        }
    }
}
