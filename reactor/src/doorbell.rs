//! Wakes a sleeping reactor, once. Costs one atomic swap while it is awake.
//!
//! One byte of state decides everything, so that there is no order between two flags to argue about:
//!
//! ```text
//!            ring()             ring(): writes the eventfd
//!   AWAKE ─────────▶ RUNG ◀──────────────── ASLEEP
//!     ▲  begin_turn() │                       ▲
//!     ├───────────────┘                       │
//!     └── fall_asleep() if still AWAKE ───────┘        wake_up(), begin_turn(): back to AWAKE
//! ```
//!
//! Whoever has something for a reactor pushes it to a queue of theirs first and rings after that. `ring` is a
//! releasing swap and `begin_turn` an acquiring one on the same byte. If `begin_turn` reads RUNG, it happens after
//! the push, and the turn that follows finds what was pushed. If it came before the `ring`, the byte is RUNG from
//! then on, `fall_asleep` (a compare-and-set from AWAKE) fails, and another turn follows. If the reactor was asleep
//! already, the swap reads ASLEEP, and exactly one of the ringers that race here reads that: the one that writes
//! the eventfd, on which the ring of the reactor holds a poll.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::event::{EventfdFlags, eventfd};

const AWAKE: u8 = 0;
const RUNG: u8 = 1;
const ASLEEP: u8 = 2;

/// Rings a reactor from any thread. Clones ring the same one.
#[derive(Clone, Debug)]
pub struct Doorbell(Arc<Shared>);

/// Alone on its cache line: ringers of one reactor must not slow another.
#[derive(Debug)]
#[repr(align(128))]
struct Shared {
    state: AtomicU8,
    wakes: OwnedFd,
}

impl Doorbell {
    /// A turn of the reactor begins after this call, at once or when the one that is running ends. Push first,
    /// then ring.
    pub fn ring(&self) {
        if self.0.state.swap(RUNG, Ordering::AcqRel) == ASLEEP {
            // It cannot fail: the counter of an eventfd holds 2^64 - 2, one is added a sleep, and the
            // descriptor lives as long as any clone.
            let written = rustix::io::write(&self.0.wakes, &1u64.to_ne_bytes());
            debug_assert!(written.is_ok());
        }
    }

    pub(crate) fn new() -> std::io::Result<Doorbell> {
        let wakes = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Doorbell(Arc::new(Shared { state: AtomicU8::new(AWAKE), wakes })))
    }

    /// Before the queues are drained. True: somebody rang since the last turn.
    pub(crate) fn begin_turn(&self) -> bool {
        self.0.state.swap(AWAKE, Ordering::AcqRel) == RUNG
    }

    /// Cheap enough to ask while spinning.
    pub(crate) fn is_rung(&self) -> bool {
        self.0.state.load(Ordering::Relaxed) == RUNG
    }

    /// True: whoever rings from now on writes the eventfd. False: somebody rang, there is work.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.0.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// After a sleep, whatever ended it. Leaves RUNG standing for `begin_turn`.
    pub(crate) fn wake_up(&self) {
        // A failure means RUNG: then somebody else has taken us out of ASLEEP.
        let _ = self.0.state.compare_exchange(ASLEEP, AWAKE, Ordering::AcqRel, Ordering::Acquire);
    }

    /// What the ring polls. It is never read: a multishot poll reports each write anew.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.wakes.as_fd()
    }
}
