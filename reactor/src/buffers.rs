//! Memory that the kernel receives into: a ring of provided buffers, shared by all connections of a reactor.
//!
//! The kernel takes a buffer when bytes arrive, so that connections that are silent hold none. A buffer is in one of
//! two hands: the kernel's, or ours from the completion that names it ([`RecvBuffers::lent`]) until
//! [`RecvBuffers::give_back`].

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::{IoUring, cqueue, types::BufRingEntry};

/// The one group of provided buffers that a ring has.
pub(crate) const GROUP: u16 = 0;

/// The ring of provided buffers.
#[derive(Debug)]
pub(crate) struct RecvBuffers {
    entries: Pages,
    bytes: Pages,
    count: usize,
    buffer_bytes: usize,
    /// Counts each buffer ever given to the kernel; it wraps, as the kernel's own does.
    tail: u16,
}

/// A filled buffer, ours to read until it is given back.
#[derive(Debug)]
#[must_use = "a buffer that is not given back is lost"]
pub(crate) struct Lent {
    id: u16,
    len: usize,
}

impl RecvBuffers {
    /// `count` is a power of two of at most 32,768, or 0: then there is nothing to receive into.
    pub(crate) fn new(count: usize, buffer_bytes: usize) -> RecvBuffers {
        let entries = Pages::zeroed(count * size_of::<BufRingEntry>());
        let bytes = Pages::zeroed(count * buffer_bytes);
        let mut buffers = RecvBuffers { entries, bytes, count, buffer_bytes, tail: 0 };
        for id in 0..count {
            buffers.put(id as u16);
        }
        buffers
    }

    /// Makes the buffers known to the kernel.
    ///
    /// # Safety
    /// Until the ring has no operation left that could receive, these buffers must live.
    pub(crate) unsafe fn register(&mut self, ring: &IoUring) -> std::io::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let address = self.entries.start.as_ptr() as u64;
        // SAFETY: `entries` is page-aligned, holds `count` entries, and lives as long as the caller promises.
        unsafe { ring.submitter().register_buf_ring_with_flags(address, self.count as u16, GROUP, 0)? };
        self.publish();
        Ok(())
    }

    /// The buffer that a receive has filled, if it filled one.
    ///
    /// # Safety
    /// The entry is the completion of a receive with [`GROUP`], and is handed in once.
    pub(crate) unsafe fn lent(&self, entry: &cqueue::Entry) -> Option<Lent> {
        let id = cqueue::buffer_select(entry.flags())?;
        let len = usize::try_from(entry.result()).unwrap_or(0);
        assert!((id as usize) < self.count && len <= self.buffer_bytes, "the kernel names a buffer of ours");
        Some(Lent { id, len })
    }

    /// What was received.
    pub(crate) fn bytes(&self, lent: &Lent) -> &[u8] {
        let start = lent.id as usize * self.buffer_bytes;
        // SAFETY: `lent` was made by `lent()` from a completion, so the range is inside `bytes`, and the kernel
        // does not touch the buffer again before `give_back`, which takes `lent` away. All of it was zeroed at
        // the start, so it is initialised whatever the kernel wrote.
        unsafe { std::slice::from_raw_parts(self.bytes.start.as_ptr().add(start), lent.len) }
    }

    /// The kernel may fill it again after the next [`RecvBuffers::publish`].
    pub(crate) fn give_back(&mut self, lent: Lent) {
        self.put(lent.id);
    }

    /// Shows the kernel what was given back: one store for all of a turn.
    pub(crate) fn publish(&mut self) {
        if self.count == 0 {
            return;
        }
        let entries = self.entries.start.as_ptr().cast::<BufRingEntry>();
        // SAFETY: the tail lies inside the first entry, aligned for a u16, in memory that lives as long as `self`;
        // the kernel only reads it. Release: the entries are written before the tail that shows them.
        unsafe {
            let tail = BufRingEntry::tail(entries).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }

    fn put(&mut self, id: u16) {
        let place = self.tail as usize & (self.count - 1);
        // SAFETY: `place < count` and `id < count`, so both pointers stay inside their allocations. The kernel
        // reads an entry only once the tail has passed it, and it holds no more than `count` buffers, so this
        // place is not one that it still has to read. The setters leave alone the field that the tail shares.
        unsafe {
            let address = self.bytes.start.as_ptr().add(id as usize * self.buffer_bytes);
            let entry = &mut *self.entries.start.as_ptr().cast::<BufRingEntry>().add(place);
            entry.set_addr(address as u64);
            entry.set_len(self.buffer_bytes as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
    }
}

/// Zeroed memory on page boundaries.
#[derive(Debug)]
struct Pages {
    start: NonNull<u8>,
    layout: Layout,
}

const PAGE_BYTES: usize = 4096;

impl Pages {
    fn zeroed(len: usize) -> Pages {
        let layout =
            Layout::from_size_align(len.max(1), PAGE_BYTES).expect("bounds keep the size far below isize");
        // SAFETY: the size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout));
        Pages { start, layout }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, freed once.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

// SAFETY: `Pages` owns its memory; nothing in it belongs to a thread.
unsafe impl Send for Pages {}
