//! Whether the threads of a server go on: each shows a turn, and one beside them looks.
//!
//! A thread that hangs cannot say so. So nobody asks it: it counts its turns, somebody rings its doorbell, and looks a
//! while later whether it has had a turn since. What is proved is the way of an order, sockets or engine, not only
//! that the process is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::control::Control;
use super::notify::Notifier;

/// Looks in the time that systemd waits for a sign of life: one turn in four of them is enough to be believed alive.
const LOOKS: u32 = 8;
/// Signs of life in that time: systemd asks for at least two.
const SIGNS: u32 = 2;

/// Counts the turns of one thread. Dropped with what the thread runs, it says that the thread has ended.
#[derive(Debug)]
pub(super) struct Pulse(Arc<Turns>);

/// Turns of a thread so far. Alone on its cache lines, as its thread writes it in every turn.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Turns(AtomicU64);

/// The count of a thread that has ended. No thread lives to have so many turns.
const ENDED: u64 = u64::MAX;

impl Pulse {
    pub(super) fn new() -> (Pulse, Arc<Turns>) {
        let turns = Arc::new(Turns::default());
        (Pulse(Arc::clone(&turns)), turns)
    }

    /// A turn is through.
    pub(super) fn beat(&self) {
        // Load and store, no locked instruction: there is one writer.
        self.0.0.store(self.0.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.0.0.store(ENDED, Ordering::Relaxed);
    }
}

impl Turns {
    fn so_far(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Looks after the threads of a server.
#[derive(Debug)]
pub struct Watch {
    control: Arc<Control>,
    /// What each had counted when it was asked for a turn.
    asked_at: Vec<u64>,
}

impl Watch {
    pub(super) fn over(control: Arc<Control>) -> Watch {
        Watch { control, asked_at: Vec::new() }
    }

    /// The name of a thread that has had no turn since the last look, and asks all for another one.
    pub fn look(&mut self) -> Option<String> {
        let ending = self.control.drain_until().is_some();
        let still = self.control.with_members(|members| {
            let asked_at = &self.asked_at;
            let still = members.iter().enumerate().find(|(place, member)| {
                let so_far = member.turns.so_far();
                // Who has ended had better be meant to.
                if so_far == ENDED { !ending } else { asked_at.get(*place) == Some(&so_far) }
            });
            let still = still.map(|(_, member)| member.name.clone());
            self.asked_at = members.iter().map(|member| member.turns.so_far()).collect();
            still
        });
        self.control.ring_all();
        still
    }

    /// Tells systemd that the server is alive, as long as it is: to be run on a thread of its own, until the process
    /// ends. Returns at once where systemd did not ask.
    pub fn tell(mut self, notifier: &Notifier) {
        let Some(within) = notifier.watchdog() else { return };
        let mut told = Instant::now();
        let mut stands = false;
        self.look();
        loop {
            std::thread::sleep(within / LOOKS);
            match self.look() {
                None => {
                    if std::mem::take(&mut stands) {
                        tracing::info!("all threads go on again");
                    }
                    if told.elapsed() + within / LOOKS > within / SIGNS {
                        notifier.alive();
                        told = Instant::now();
                    }
                }
                Some(thread) => {
                    if !std::mem::replace(&mut stands, true) {
                        let for_ms = (within / LOOKS).as_millis() as u64;
                        tracing::warn!(
                            thread,
                            for_ms,
                            "a thread stands still; systemd hears nothing until it goes on"
                        );
                    }
                }
            }
        }
    }
}

/// How long systemd waits for a sign of life, from its variables: `WATCHDOG_USEC`, and `WATCHDOG_PID` where only that
/// process is meant.
pub(super) fn watchdog(usec: Option<&str>, pid: Option<&str>, own_pid: u32) -> Option<Duration> {
    let is_meant = pid.is_none_or(|pid| pid.parse() == Ok(own_pid));
    let usec = usec?.parse().ok().filter(|&usec: &u64| usec > 0 && is_meant)?;
    Some(Duration::from_micros(usec))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bell() -> reactor::Doorbell {
        reactor::Reactor::new(&reactor::Bounds::NO_SOCKETS).expect("a ring").doorbell()
    }

    #[test]
    fn a_thread_without_a_turn_since_the_last_look_is_named() {
        let control = Arc::new(Control::new(1, 1));
        let engine = control.join("engine", bell());
        let socket = control.join("reactor-0", bell());
        let mut watch = Watch::over(Arc::clone(&control));
        assert_eq!(watch.look(), None, "nobody was asked yet");
        engine.beat();
        socket.beat();
        assert_eq!(watch.look(), None);
        socket.beat();
        assert_eq!(watch.look().as_deref(), Some("engine"));
        engine.beat();
        assert_eq!(watch.look().as_deref(), Some("reactor-0"));
    }

    #[test]
    fn a_thread_that_ended_is_missed_unless_all_end() {
        let control = Arc::new(Control::new(1, 1));
        let engine = control.join("engine", bell());
        let mut watch = Watch::over(Arc::clone(&control));
        drop(engine);
        for _ in 0..2 {
            assert_eq!(watch.look().as_deref(), Some("engine"));
        }
        control.drain();
        assert_eq!(watch.look(), None);
    }

    #[test]
    fn systemd_says_whom_it_watches_and_how() {
        let half_a_second = Some(Duration::from_millis(500));
        for (usec, pid, wanted) in [
            (Some("500000"), None, half_a_second),
            (Some("500000"), Some("7"), half_a_second),
            (Some("500000"), Some("8"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, Some("7"), None),
        ] {
            assert_eq!(watchdog(usec, pid, 7), wanted, "{usec:?} {pid:?}");
        }
    }
}
