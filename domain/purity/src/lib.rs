//! Proves that `domain` is pure: it is linked here into a library without std, with a panic handler and an
//! allocator of its own. Were std among its dependencies, there would be two panic handlers and no library.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

use domain::intent::Envelope;
use domain::{Fact, Facts, Intent, Ledger, LedgerBounds, MicrosUtc, Rules, Stamp, Verdict};

/// Takes one intent all the way through a ledger, so that the linker needs all of it. 1: the ledger answered.
#[unsafe(no_mangle)]
pub extern "C" fn domain_purity(seed: u64, now: i64) -> i32 {
    let mut ledger = Ledger::new(LedgerBounds::DEFAULT, Rules::DEFAULT, seed);
    let verdict = ledger.apply(MicrosUtc(now), Envelope::default(), &Intent::Holdings, &mut Counted(0));
    let expired = ledger.expire(MicrosUtc(now), 1, &mut Counted(0));
    i32::from(matches!(verdict, Verdict::Holdings(_)) && expired == 0)
}

/// Counts facts.
struct Counted(usize);

impl Facts for Counted {
    fn begin(&mut self, _stamp: &Stamp) {}
    fn fact(&mut self, _fact: &Fact<'_>) {
        self.0 += 1;
    }
    fn end(&mut self) {}
}

#[panic_handler]
fn panicked(_info: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

const HEAP_BYTES: usize = 1 << 20;

/// Hands memory out once and takes none back: enough for linking, which is all that this is for.
struct Bump {
    heap: core::cell::UnsafeCell<[u8; HEAP_BYTES]>,
    used: AtomicUsize,
}

// SAFETY: `used` is atomic and only grows, so no two allocations share a byte of `heap`.
unsafe impl Sync for Bump {}

// SAFETY: a block lies within `heap`, is aligned as asked, and is never handed out twice; null says «no room».
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.heap.get() as usize;
        let take = |used: usize| {
            let begin = (base + used).checked_next_multiple_of(layout.align())? - base;
            let end = begin.checked_add(layout.size())?;
            (end <= HEAP_BYTES).then_some(end)
        };
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            // SAFETY: `end` is at most the heap's size, and `layout.size()` before it is inside, too.
            Ok(used) => unsafe {
                let end = take(used).unwrap_or(HEAP_BYTES);
                self.heap.get().cast::<u8>().add(end - layout.size())
            },
            Err(_) => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _block: *mut u8, _layout: Layout) {}
}

#[global_allocator]
static HEAP: Bump = Bump { heap: core::cell::UnsafeCell::new([0; HEAP_BYTES]), used: AtomicUsize::new(0) };
