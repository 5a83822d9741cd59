//! A log line that a flood of the same event cannot turn into a flood of lines.

use std::time::{Duration, Instant};

/// Lets one line a second through.
#[derive(Debug)]
pub(crate) struct Seldom {
    silent_until: Option<Instant>,
    unsaid: u64,
}

const PAUSE: Duration = Duration::from_secs(1);

impl Seldom {
    pub(crate) fn new() -> Seldom {
        Seldom { silent_until: None, unsaid: 0 }
    }

    /// Calls `line` with how many were left unsaid since the last, or counts this one as unsaid.
    pub(crate) fn say(&mut self, line: impl FnOnce(u64)) {
        let now = Instant::now();
        if self.silent_until.is_some_and(|until| now < until) {
            self.unsaid += 1;
            return;
        }
        line(self.unsaid);
        self.unsaid = 0;
        self.silent_until = Some(now + PAUSE);
    }
}
