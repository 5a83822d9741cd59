//! How the threads of a server end together: serving ones first, the engine after the last of them.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use domain::Micros;
use reactor::{Doorbell, Next};
use storage::embedded::Progress;

use super::watch::{Pulse, Turns};

/// While it drains a thread looks at the time at least so often.
const DRAIN_POLL: Duration = Duration::from_millis(10);

/// Shared by all threads of a server.
#[derive(Debug)]
pub(super) struct Control {
    /// Set once: what was not answered by then is given up.
    drain_until: OnceLock<Instant>,
    drain_for: Duration,
    /// Reactors that still serve.
    serving: AtomicUsize,
    members: Mutex<Vec<Member>>,
    at_last: Mutex<Vec<AtLast>>,
}

/// What is done when the last reactor has given its last answer.
struct AtLast(Box<dyn FnOnce() + Send>);

/// A thread that takes turns.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) turns: Arc<Turns>,
    bell: Doorbell,
}

impl Control {
    pub(super) fn new(reactors: usize, drain_seconds: u32) -> Control {
        Control {
            drain_until: OnceLock::new(),
            drain_for: Duration::from_secs(u64::from(drain_seconds)),
            serving: AtomicUsize::new(reactors),
            members: Mutex::new(Vec::new()),
            at_last: Mutex::new(Vec::new()),
        }
    }

    /// To be done when nobody serves any more: once, by whichever reactor is the last.
    pub(super) fn at_last(&self, then: impl FnOnce() + Send + 'static) {
        self.last().push(AtLast(Box::new(then)));
    }

    /// A thread of this name takes turns: it hears of changes, and shows that it goes on.
    pub(super) fn join(&self, name: &str, bell: Doorbell) -> Pulse {
        let (pulse, turns) = Pulse::new();
        self.members().push(Member { name: name.to_owned(), turns, bell });
        pulse
    }

    /// Looks at all who joined, in their order.
    pub(super) fn with_members<T>(&self, look: impl FnOnce(&[Member]) -> T) -> T {
        look(&self.members())
    }

    /// Every thread begins to end.
    pub(super) fn drain(&self) {
        let _ = self.drain_until.set(Instant::now() + self.drain_for);
        self.ring_all();
    }

    /// Until when to drain, once it has begun.
    pub(super) fn drain_until(&self) -> Option<Instant> {
        self.drain_until.get().copied()
    }

    /// A reactor has given its last answer.
    pub(super) fn reactor_ended(&self) {
        if self.serving.fetch_sub(1, Ordering::AcqRel) == 1 {
            let then = std::mem::take(&mut *self.last());
            then.into_iter().for_each(|AtLast(then)| then());
        }
        self.ring_all();
    }

    /// Whether the engine has nobody left to answer.
    pub(super) fn nobody_serves(&self) -> bool {
        self.serving.load(Ordering::Acquire) == 0
    }

    /// Every thread has a turn soon.
    pub(super) fn ring_all(&self) {
        for member in self.members().iter() {
            member.bell.ring();
        }
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.members.lock().expect("no holder of this lock panics")
    }

    fn last(&self) -> MutexGuard<'_, Vec<AtLast>> {
        self.at_last.lock().expect("no holder of this lock panics")
    }
}

impl fmt::Debug for AtLast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtLast").finish_non_exhaustive()
    }
}

/// When the engine wants its next turn, in the reactor's words.
pub(super) fn next(progress: Progress) -> Next {
    match progress {
        Progress::Again => Next::Again,
        Progress::Within(span) => Next::Within(Duration::from_micros(span.0.max(0) as u64)),
        Progress::Idle => Next::Idle,
    }
}

/// The same, but no later than when the gateway has to close somebody who is silent.
pub(super) fn no_later_than(next: Next, silent: Option<Micros>) -> Next {
    // A millisecond at least: ledger time may run a little slower than the reactor's.
    let span = silent.map(|span| Duration::from_micros(span.0.max(1_000) as u64));
    match next {
        Next::Idle => span.map_or(Next::Idle, Next::Within),
        Next::Within(earlier) => Next::Within(span.map_or(earlier, |span| earlier.min(span))),
        Next::Again => Next::Again,
        Next::Stop => Next::Stop,
    }
}

/// The same while draining, when time itself is an event.
pub(super) fn next_while_draining(progress: Progress) -> Next {
    match next(progress) {
        Next::Within(span) => Next::Within(span.min(DRAIN_POLL)),
        Next::Idle => Next::Within(DRAIN_POLL),
        Next::Again => Next::Again,
        Next::Stop => Next::Stop,
    }
}
