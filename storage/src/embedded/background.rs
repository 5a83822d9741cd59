//! Threads that work behind those who serve.

use std::io;
use std::thread::JoinHandle;

/// How a thread of the store steps behind those who serve. Each calls it first, for itself.
#[derive(Clone, Copy, Debug)]
pub struct Background {
    /// Takes how nice the calling thread is to be, 0 to 19. Where the system refuses, all works, less politely.
    pub step_back: fn(nice: i32),
}

impl Background {
    /// By niceness alone.
    pub const NICE: Background = Background {
        // On Linux this is the priority of the calling thread alone.
        step_back: |nice| {
            let _ = rustix::process::setpriority_process(None, nice);
        },
    };
}

/// Of threads that nobody waits for: the scheduler still gives them a share of a full core.
const NICEST: i32 = 19;

impl Background {
    /// Starts a thread that nobody waits for.
    pub(crate) fn spawn(
        self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        self.spawn_at(name, NICEST, work)
    }

    /// The same, as nice as said.
    pub(crate) fn spawn_at(
        self,
        name: &str,
        nice: i32,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name(name.into()).spawn(move || {
            (self.step_back)(nice);
            work();
        })
    }
}
