//! Whoever looks on while a run goes on: a progress bar on a terminal, or nobody.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::text::{counted, grouped, rounded};

/// Is told how a run goes on, ten times a second, and may stop it.
pub trait Watcher {
    /// Something takes a moment; this is what.
    fn step(&mut self, what: &str);
    /// The load is under way.
    fn progress(&mut self, progress: &Progress);
    /// True: end now, with a report.
    fn is_stopped(&self) -> bool;
    /// The last call.
    fn done(&mut self);
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Since the first request.
    pub seconds: f64,
    /// Of at most so many.
    pub seconds_max: Option<u32>,
    /// Orders asked for, without those that are asked for again.
    pub asked: u64,
    /// Of at most so many.
    pub asked_max: Option<u64>,
    /// Answers.
    pub answered: u64,
    /// Orders accepted.
    pub accepted: u64,
    /// Answers that said no.
    pub refused: u64,
    /// Connections that are there.
    pub connected: u32,
}

/// Looks on in silence; can be stopped.
#[derive(Clone, Debug, Default)]
pub struct Silent {
    /// Set it to end the run.
    pub stop: Arc<AtomicBool>,
}

/// Draws a bar on the terminal that stderr is.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
    last: (f64, u64),
}

/// A bar where stderr is a terminal; elsewhere nothing is drawn. `stop` ends the run.
pub fn bar(stop: Arc<AtomicBool>) -> Bar {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(1) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("  {spinner} {wide_msg}").expect("a template of known keys"));
    bar.enable_steady_tick(Duration::from_millis(100));
    Bar { bar, stop, last: (0.0, 0) }
}

impl Watcher for Silent {
    fn step(&mut self, _what: &str) {}

    fn progress(&mut self, _progress: &Progress) {}

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn done(&mut self) {}
}

impl Watcher for Bar {
    fn step(&mut self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    fn progress(&mut self, progress: &Progress) {
        if self.last == (0.0, 0) {
            let style = ProgressStyle::with_template("  {bar:24.cyan/blue} {percent:>3} %  {wide_msg}");
            self.bar.set_style(style.expect("a template of known keys").progress_chars("━╸─"));
            self.bar.set_length(1_000);
        }
        let by_count = progress.asked_max.map(|max| progress.asked as f64 / max.max(1) as f64);
        let by_time = progress.seconds_max.map(|max| progress.seconds / f64::from(max.max(1)));
        let share = by_count.unwrap_or(0.0).max(by_time.unwrap_or(0.0)).min(1.0);
        self.bar.set_position((share * 1_000.0) as u64);
        let (seconds, answered) = self.last;
        let rate = (progress.answered - answered) as f64 / (progress.seconds - seconds).max(1e-3);
        self.last = (progress.seconds, progress.answered);
        self.bar.set_message(match progress.connected {
            0 => format!("no connection · {} answered so far", grouped(progress.answered)),
            _ => format!(
                "{} answers/s · {} · {} refused",
                rounded(rate),
                counted(progress.accepted, "order", "orders"),
                grouped(progress.refused)
            ),
        });
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn done(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_watches_may_stop() {
        let silent = Silent::default();
        assert!(!silent.is_stopped());
        silent.stop.store(true, Ordering::Relaxed);
        assert!(silent.is_stopped());
    }
}
