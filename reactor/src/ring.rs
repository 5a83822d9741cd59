//! The io_uring of one thread, made safe: what the kernel may still read or write is owned here.
//!
//! A buffer goes in with `send` or `write` and comes back with the [`Event`] of its completion; the receive buffers
//! belong to the ring for good. So no other file of this crate can free memory under the kernel. Dropping the ring
//! cancels what is under way and waits for it; what does not end in time is leaked on purpose.
//!
//! How it is set up, and why: `SINGLE_ISSUER` and `DEFER_TASKRUN` keep completions on the thread that wants them,
//! `TASKRUN_FLAG` tells in user space that some wait to be run, `R_DISABLED` lets a ring be made (and its errors be
//! told) on one thread and run on another, and the registered ring descriptor saves a look-up a call.

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use io_uring::{IoUring, cqueue, opcode, squeue, types};

use crate::bounds::Bounds;
use crate::buffers::{GROUP, Lent, RecvBuffers};
use crate::counters::Counters;
use crate::files::FileSlot;
use crate::service::Connection;
use crate::setup::SetupError;

/// One thread's io_uring.
pub(crate) struct Ring {
    ring: IoUring,
    buffers: RecvBuffers,
    flights: Flights,
    /// Completions taken from the ring, those before `next` told already.
    collected: Vec<cqueue::Entry>,
    next: usize,
    /// Operations handed over whose last completion has not been seen.
    outstanding: usize,
    counters: Arc<Counters>,
}

/// What has completed.
#[derive(Debug)]
pub(crate) enum Event {
    /// Bytes, an end (`Ok(0)`), or an error. Not `armed`: nothing more comes before the next `receive`.
    Received { connection: Connection, result: io::Result<usize>, lent: Option<Lent>, armed: bool },
    /// All of a buffer was sent, or it could not be.
    Sent { connection: Connection, result: io::Result<()>, buffer: Vec<u8> },
    /// A write of a file.
    Written { file: FileSlot, token: u64, result: io::Result<()>, buffer: Vec<u8> },
    /// A sync of a file.
    Synced { file: FileSlot, token: u64, result: io::Result<()> },
    /// A new socket, or why not.
    Accepted { result: io::Result<OwnedFd>, armed: bool },
    /// The doorbell.
    Rung { armed: bool },
}

impl Ring {
    /// Makes a ring that does nothing before [`Ring::enable`].
    pub(crate) fn new(bounds: &Bounds, counters: Arc<Counters>) -> Result<Ring, SetupError> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_r_disabled()
            .setup_clamp()
            .setup_cqsize(bounds.completions as u32)
            .build(bounds.submissions as u32)
            .map_err(SetupError::of_ring)?;
        let mut buffers = RecvBuffers::new(bounds.recv_buffers, bounds.recv_buffer_bytes);
        // SAFETY: the buffers move into the `Ring`, whose drop frees them only when no operation is left.
        unsafe { buffers.register(&ring) }.map_err(SetupError::of_buffers)?;
        let flights = Flights::new(bounds.connections + bounds.files_in_flight);
        let collected = Vec::with_capacity(bounds.completions);
        Ok(Ring { ring, buffers, flights, collected, next: 0, outstanding: 0, counters })
    }

    /// From now on the ring belongs to this thread.
    pub(crate) fn enable(&mut self) -> io::Result<()> {
        self.ring.submitter().register_enable_rings()?;
        // A thread has few such places. Without one, all works, a little slower.
        if let Err(error) = self.ring.submitter().register_ring_fd() {
            tracing::debug!(%error, "ring descriptor not registered");
        }
        if let Err(error) = self.seat_workers() {
            tracing::debug!(%error, "the kernel's workers stay on the cpu of this thread");
        }
        Ok(())
    }

    /// Lets the kernel's workers for this ring run beside this thread. They would inherit its one CPU, and there
    /// each sync of a file takes the CPU from this thread twice: 10,000 times a second under load.
    fn seat_workers(&self) -> io::Result<()> {
        let cpus = affinity::cpus_left_to_others()?;
        if cpus.is_empty() {
            return Ok(());
        }
        // SAFETY: a CPU set is an array of plain words; zeros are the empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        for cpu in cpus {
            // SAFETY: the CPU comes from a set of the same size, so its word is inside.
            unsafe { libc::CPU_SET(cpu, &mut set) };
        }
        self.ring.submitter().register_iowq_aff(&set)
    }

    /// Bytes of the connection from now on, as long as events say `armed`. The descriptor stays open until then.
    pub(crate) fn receive(&mut self, fd: BorrowedFd<'_>, connection: Connection) -> io::Result<()> {
        let entry = opcode::RecvMulti::new(types::Fd(fd.as_raw_fd()), GROUP).build();
        self.push(entry.user_data(Tag::receive(connection).0))
    }

    /// Sends all of the buffer. The descriptor stays open until the event.
    pub(crate) fn send(
        &mut self,
        fd: BorrowedFd<'_>,
        connection: Connection,
        buffer: Vec<u8>,
    ) -> io::Result<()> {
        self.counters.sends.add(1);
        let end = buffer.len();
        let flight = Flight { purpose: Purpose::Send(connection), fd: fd.as_raw_fd(), buffer, begin: 0, end };
        self.start(flight)
    }

    /// Writes `buffer[range]` at `offset`. The descriptor stays open until the event.
    pub(crate) fn write(
        &mut self,
        fd: BorrowedFd<'_>,
        file: FileSlot,
        offset: u64,
        buffer: Vec<u8>,
        range: Range<usize>,
        token: u64,
    ) -> io::Result<()> {
        assert!(range.start <= range.end && range.end <= buffer.len(), "a range within the buffer");
        self.counters.file_writes.add(1);
        let purpose = Purpose::Write { file, offset, token };
        self.start(Flight { purpose, fd: fd.as_raw_fd(), buffer, begin: range.start, end: range.end })
    }

    /// `fdatasync`. The descriptor stays open until the event.
    pub(crate) fn sync_data(&mut self, fd: BorrowedFd<'_>, file: FileSlot, token: u64) -> io::Result<()> {
        self.counters.file_syncs.add(1);
        let purpose = Purpose::Sync { file, token };
        self.start(Flight { purpose, fd: fd.as_raw_fd(), buffer: Vec::new(), begin: 0, end: 0 })
    }

    /// New sockets from now on, as long as events say `armed`.
    pub(crate) fn accept(&mut self, listener: BorrowedFd<'_>) -> io::Result<()> {
        let entry =
            opcode::AcceptMulti::new(types::Fd(listener.as_raw_fd())).flags(libc::SOCK_CLOEXEC).build();
        self.push(entry.user_data(Tag::ACCEPT.0))
    }

    /// [`Event::Rung`] each time that the eventfd is written, as long as events say `armed`.
    pub(crate) fn watch(&mut self, eventfd: BorrowedFd<'_>) -> io::Result<()> {
        let readable = libc::POLLIN as u32;
        let entry = opcode::PollAdd::new(types::Fd(eventfd.as_raw_fd()), readable).multi(true).build();
        self.push(entry.user_data(Tag::BELL.0))
    }

    /// True: [`Ring::enter`] has something to hand over or to run.
    pub(crate) fn wants_enter(&mut self) -> bool {
        let submissions = self.ring.submission();
        !submissions.is_empty() || submissions.taskrun()
    }

    /// True: [`Ring::collect`] would find something.
    pub(crate) fn has_completions(&mut self) -> bool {
        !self.ring.completion().is_empty()
    }

    /// Hands over what was pushed and runs what waits to complete, without sleeping.
    pub(crate) fn enter(&mut self) -> io::Result<()> {
        let submissions = self.ring.submission().len() as u32;
        self.counters.enters.add(1);
        // GETEVENTS: under DEFER_TASKRUN completions run only when they are asked for.
        // SAFETY: no argument; what the submissions point to is owned by `flights` and `buffers`.
        let entered =
            unsafe { self.ring.submitter().enter::<libc::sigset_t>(submissions, 0, ENTER_GETEVENTS, None) };
        Self::harmless(entered)
    }

    /// Like [`Ring::enter`], and sleeps until something completes or the time is over (`None`: never).
    pub(crate) fn enter_and_sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let submissions = self.ring.submission().len() as u32;
        self.counters.enters.add(1);
        let Some(timeout) = timeout else {
            // SAFETY: as in `enter`.
            let entered = unsafe {
                self.ring.submitter().enter::<libc::sigset_t>(submissions, 1, ENTER_GETEVENTS, None)
            };
            return Self::harmless(entered);
        };
        let timespec = types::Timespec::from(timeout);
        let arguments = types::SubmitArgs::new().timespec(&timespec);
        let flags = ENTER_GETEVENTS | ENTER_EXT_ARG;
        // SAFETY: `arguments` and `timespec` outlive the call and match EXT_ARG; submissions as in `enter`.
        let entered = unsafe { self.ring.submitter().enter(submissions, 1, flags, Some(&arguments)) };
        Self::harmless(entered)
    }

    /// Takes all completions from the ring, for [`Ring::next_event`].
    pub(crate) fn collect(&mut self) {
        self.collected.extend(self.ring.completion());
    }

    /// The next of what was collected; nothing when all is told. Completions that are of no interest, or only a
    /// part of the whole, are passed over.
    pub(crate) fn next_event(&mut self) -> io::Result<Option<Event>> {
        while let Some(entry) = self.collected.get(self.next) {
            let entry = entry.clone();
            self.next += 1;
            if let Some(event) = self.event(&entry)? {
                return Ok(Some(event));
            }
        }
        self.collected.clear();
        self.next = 0;
        Ok(None)
    }

    /// What was received.
    pub(crate) fn bytes(&self, lent: &Lent) -> &[u8] {
        self.buffers.bytes(lent)
    }

    /// The kernel may receive into it again after [`Ring::publish_buffers`].
    pub(crate) fn give_back(&mut self, lent: Lent) {
        self.buffers.give_back(lent);
    }

    /// Before receives that ended for want of buffers are armed again.
    pub(crate) fn publish_buffers(&mut self) {
        self.buffers.publish();
    }

    /// `entry` is one of `collected`, each told once.
    fn event(&mut self, entry: &cqueue::Entry) -> io::Result<Option<Event>> {
        let tag = Tag(entry.user_data());
        let armed = cqueue::more(entry.flags());
        if !armed {
            self.outstanding -= 1;
        }
        let result = match entry.result() {
            count if count >= 0 => Ok(count as usize),
            code => Err(io::Error::from_raw_os_error(-code)),
        };
        match tag.operation() {
            Operation::Receive => {
                // SAFETY: a completion of `receive`, which names `GROUP`, and told once.
                let lent = unsafe { self.buffers.lent(entry) };
                Ok(Some(Event::Received { connection: tag.connection(), result, lent, armed }))
            }
            Operation::Flight => self.landed(tag.index(), result),
            Operation::Accept => {
                // SAFETY: a descriptor that the kernel has just made for us; nobody else knows it.
                let result = result.map(|fd| unsafe { OwnedFd::from_raw_fd(fd as RawFd) });
                Ok(Some(Event::Accepted { result, armed }))
            }
            Operation::Bell => Ok(Some(Event::Rung { armed })),
            Operation::Cancel => Ok(None),
        }
    }

    /// A send or write came back: done, failed, or to be continued.
    fn landed(&mut self, index: u32, result: io::Result<usize>) -> io::Result<Option<Event>> {
        let flight = self.flights.get(index);
        let result = match result {
            Ok(count) => {
                flight.begin += count;
                if flight.begin == flight.end {
                    Ok(())
                } else if count == 0 {
                    Err(io::Error::from(io::ErrorKind::WriteZero))
                } else {
                    // Part of it. MSG_WAITALL makes that rare for sockets, a full disk makes it happen for files.
                    if let Purpose::Write { offset, .. } = &mut flight.purpose {
                        *offset += count as u64;
                    }
                    self.launch(index)?;
                    return Ok(None);
                }
            }
            Err(error) => Err(error),
        };
        let Flight { purpose, buffer, begin, .. } = self.flights.remove(index);
        Ok(Some(match purpose {
            Purpose::Send(connection) => {
                self.counters.send_bytes.add(begin as u64);
                Event::Sent { connection, result, buffer }
            }
            Purpose::Write { file, token, .. } => {
                self.counters.file_bytes.add(begin as u64);
                Event::Written { file, token, result, buffer }
            }
            Purpose::Sync { file, token } => Event::Synced { file, token, result },
        }))
    }

    fn start(&mut self, flight: Flight) -> io::Result<()> {
        let index = self.flights.insert(flight);
        self.launch(index)
    }

    fn launch(&mut self, index: u32) -> io::Result<()> {
        let flight = self.flights.get(index);
        let fd = types::Fd(flight.fd);
        let rest = &flight.buffer[flight.begin..flight.end];
        let (start, len) = (rest.as_ptr(), rest.len() as u32);
        let entry = match flight.purpose {
            Purpose::Send(_) => {
                // WAITALL: the kernel itself goes on after a part, one completion for the whole.
                opcode::Send::new(fd, start, len).flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL).build()
            }
            Purpose::Write { offset, .. } => opcode::Write::new(fd, start, len).offset(offset).build(),
            Purpose::Sync { .. } => opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC).build(),
        };
        self.push(entry.user_data(Tag::flight(index).0))
    }

    fn push(&mut self, entry: squeue::Entry) -> io::Result<()> {
        // SAFETY: entries are made in this file only. What they point to is a buffer in `flights`, which stays
        // there until the completion is seen and whose heap bytes do not move with it, or the receive buffers.
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.enter()?;
        }
        self.outstanding += 1;
        Ok(())
    }

    /// Errors of an enter after which the next one goes on: a signal, a full completion ring, a time-out.
    fn harmless(entered: io::Result<usize>) -> io::Result<()> {
        match entered {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                Some(libc::EINTR | libc::EBUSY | libc::EAGAIN | libc::ETIME) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Cancels all operations and waits for their last completions. True: the kernel holds nothing of ours.
    fn wind_down(&mut self) -> bool {
        self.collected.drain(..self.next);
        self.next = 0;
        let give_up = Instant::now() + WIND_DOWN;
        let cancel_all = types::CancelBuilder::any().all();
        let entry = opcode::AsyncCancel2::new(cancel_all).build().user_data(Tag::CANCEL.0);
        if self.push(entry).is_err() {
            return false;
        }
        while self.outstanding > 0 {
            if Instant::now() > give_up || self.enter_and_sleep(Some(WIND_DOWN_STEP)).is_err() {
                return false;
            }
            self.collect();
            for entry in self.collected.drain(..) {
                if !cqueue::more(entry.flags()) {
                    self.outstanding -= 1;
                }
                if let Operation::Accept = Tag(entry.user_data()).operation()
                    && entry.result() >= 0
                {
                    // SAFETY: as in `event`; it is closed at once.
                    drop(unsafe { OwnedFd::from_raw_fd(entry.result()) });
                }
            }
        }
        true
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if self.outstanding > 0 && !self.wind_down() {
            // A device that does not answer, or a ring that never ran. The kernel may still write to or read
            // from these: better lost than used twice.
            std::mem::forget(std::mem::take(&mut self.flights));
            std::mem::forget(std::mem::replace(&mut self.buffers, RecvBuffers::new(0, 0)));
        }
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("outstanding", &self.outstanding).finish_non_exhaustive()
    }
}

const ENTER_GETEVENTS: u32 = 1;
const ENTER_EXT_ARG: u32 = 8;

/// How long a dropped ring waits for the kernel: longer than a slow disk takes for a write.
const WIND_DOWN: Duration = Duration::from_secs(5);
const WIND_DOWN_STEP: Duration = Duration::from_millis(20);

/// A send, write or sync under way.
#[derive(Debug)]
struct Flight {
    purpose: Purpose,
    fd: RawFd,
    buffer: Vec<u8>,
    /// What is left is `buffer[begin..end]`.
    begin: usize,
    end: usize,
}

#[derive(Debug)]
enum Purpose {
    Send(Connection),
    Write { file: FileSlot, offset: u64, token: u64 },
    Sync { file: FileSlot, token: u64 },
}

/// Flights by index; places are used again. At most one send a connection and `files_in_flight`.
#[derive(Debug, Default)]
struct Flights {
    places: Vec<Option<Flight>>,
    free: Vec<u32>,
    max: usize,
}

impl Flights {
    fn new(max: usize) -> Flights {
        // Pages that are never used are never made: a large bound costs addresses only.
        Flights { places: Vec::with_capacity(max), free: Vec::with_capacity(max), max }
    }

    fn insert(&mut self, flight: Flight) -> u32 {
        if let Some(index) = self.free.pop() {
            self.places[index as usize] = Some(flight);
            return index;
        }
        assert!(self.places.len() < self.max, "one send a connection, and bounded writes");
        self.places.push(Some(flight));
        self.places.len() as u32 - 1
    }

    fn get(&mut self, index: u32) -> &mut Flight {
        self.places[index as usize].as_mut().expect("a completion names a flight that is under way")
    }

    fn remove(&mut self, index: u32) -> Flight {
        self.free.push(index);
        self.places[index as usize].take().expect("a completion names a flight that is under way")
    }
}

/// The `user_data` of an operation: 4 bits of what it is, then 28 bits of a connection's generation and 32 of its
/// slot, or 32 bits of a flight's index.
#[derive(Clone, Copy)]
struct Tag(u64);

#[derive(Clone, Copy)]
enum Operation {
    Receive,
    Flight,
    Accept,
    Bell,
    Cancel,
}

impl Tag {
    const ACCEPT: Tag = Tag(2 << 60);
    const BELL: Tag = Tag(3 << 60);
    const CANCEL: Tag = Tag(4 << 60);

    fn receive(connection: Connection) -> Tag {
        Tag(u64::from(connection.generation) << 32 | u64::from(connection.slot))
    }

    fn flight(index: u32) -> Tag {
        Tag(1 << 60 | u64::from(index))
    }

    fn operation(self) -> Operation {
        match self.0 >> 60 {
            0 => Operation::Receive,
            1 => Operation::Flight,
            2 => Operation::Accept,
            3 => Operation::Bell,
            4 => Operation::Cancel,
            other => unreachable!("no operation is tagged {other}"),
        }
    }

    fn connection(self) -> Connection {
        Connection { slot: self.0 as u32, generation: (self.0 >> 32) as u32 & Connection::GENERATION_MAX }
    }

    fn index(self) -> u32 {
        self.0 as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_back_as_they_went_out() {
        for slot in [0, 1, u32::MAX] {
            for generation in [0, 1, Connection::GENERATION_MAX] {
                let connection = Connection { slot, generation };
                let tag = Tag::receive(connection);
                assert!(matches!(tag.operation(), Operation::Receive));
                assert_eq!(tag.connection(), connection);
            }
            let tag = Tag::flight(slot);
            assert!(matches!(tag.operation(), Operation::Flight));
            assert_eq!(tag.index(), slot);
        }
        assert!(matches!(Tag::ACCEPT.operation(), Operation::Accept));
        assert!(matches!(Tag::BELL.operation(), Operation::Bell));
        assert!(matches!(Tag::CANCEL.operation(), Operation::Cancel));
    }
}
