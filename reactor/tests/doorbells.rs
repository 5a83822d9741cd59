//! Two reactors that sleep as often as they can and talk through queues: no wake may be lost.

#![allow(clippy::unwrap_used)] // The lint spares only functions marked as tests, not their helpers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;
use reactor::{Bounds, Connection, Doorbell, Next, Output, Reactor, Received, Service, Turn};
use support::eventually;

mod support;

/// Passes a number on, one higher, until it is high enough.
struct Player {
    from: Arc<ArrayQueue<u64>>,
    to: Arc<ArrayQueue<u64>>,
    other: Doorbell,
    last: u64,
    gives_way: bool,
}

impl Service for Player {
    fn opened(&mut self, _connection: Connection, _out: &mut Output) {}
    fn received(&mut self, _connection: Connection, _bytes: &[u8], _out: &mut Output) -> Received {
        Received::Close
    }
    fn closed(&mut self, _connection: Connection) {}
    fn turn(&mut self, _turn: Turn<'_>) -> Next {
        while let Some(ball) = self.from.pop() {
            self.to.push(ball + 1).unwrap();
            self.other.ring();
            if ball >= self.last {
                return Next::Stop;
            }
        }
        // Idle, without a time-out: a lost wake hangs for good, and the test with it.
        Next::Idle
    }
    fn gives_way(&self) -> bool {
        self.gives_way
    }
}

/// So many balls fly between two reactors until each has been hit `hits` times.
fn play(spin_us: u64, gives_way: bool, balls: u64, hits: u64) -> (u64, u64) {
    let bounds = Bounds { spin_us, ..Bounds::NO_SOCKETS };
    let (left, right) = (Reactor::new(&bounds).unwrap(), Reactor::new(&bounds).unwrap());
    let to_left = Arc::new(ArrayQueue::new(2 * balls as usize + 2));
    let to_right = Arc::new(ArrayQueue::new(2 * balls as usize + 2));
    let mut players = [
        Player {
            from: to_left.clone(),
            to: to_right.clone(),
            other: right.doorbell(),
            last: hits,
            gives_way,
        },
        Player { from: to_right, to: to_left.clone(), other: left.doorbell(), last: hits, gives_way },
    ];
    let counters = [left.counters(), right.counters()];
    let bell = left.doorbell();
    let [ref mut a, ref mut b] = players;
    std::thread::scope(|scope| {
        let playing = [scope.spawn(move || left.run(a).unwrap()), scope.spawn(move || right.run(b).unwrap())];
        for _ in 0..balls {
            to_left.push(0).unwrap();
            bell.ring();
        }
        let give_up = Instant::now() + Duration::from_secs(60);
        while !playing.iter().all(|player| player.is_finished()) {
            if Instant::now() > give_up {
                eprintln!("a wake was lost: {:?} {:?}", counters[0], counters[1]);
                std::process::abort();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let sum = |count: fn(&reactor::Counters) -> u64| counters.iter().map(|counters| count(counters)).sum();
    (sum(|counters| counters.sleeps.get()), sum(|counters| counters.doorbells.get()))
}

#[test]
fn who_gives_way_sleeps_at_once() {
    const MINUTE_US: u64 = 60_000_000;
    let (sleeps, _) = play(MINUTE_US, true, 1, 1_000);
    assert!(sleeps > 100, "it would spin for a minute: {sleeps}");
}

#[test]
fn no_wake_is_lost_when_each_message_meets_a_sleeper() {
    let (sleeps, doorbells) = play(0, false, 1, 20_000);
    assert!(sleeps > 1_000, "the test is to put them to sleep: {sleeps}");
    assert!(doorbells <= sleeps, "a sleep is ended by one ring: {doorbells} of {sleeps}");
}

#[test]
fn no_wake_is_lost_when_messages_race_with_falling_asleep() {
    for spin_us in [0, 1, 3, 10] {
        play(spin_us, false, 3, 10_000);
    }
}

#[test]
fn a_ring_from_a_plain_thread_ends_a_sleep() {
    struct Until(Arc<ArrayQueue<()>>);
    impl Service for Until {
        fn opened(&mut self, _connection: Connection, _out: &mut Output) {}
        fn received(&mut self, _connection: Connection, _bytes: &[u8], _out: &mut Output) -> Received {
            Received::Close
        }
        fn closed(&mut self, _connection: Connection) {}
        fn turn(&mut self, _turn: Turn<'_>) -> Next {
            if self.0.pop().is_some() { Next::Stop } else { Next::Idle }
        }
    }
    let reactor = Reactor::new(&Bounds::NO_SOCKETS).unwrap();
    let (bell, counters) = (reactor.doorbell(), reactor.counters());
    let queue = Arc::new(ArrayQueue::new(1));
    let mut service = Until(queue.clone());
    let running = std::thread::spawn(move || reactor.run(&mut service).unwrap());
    eventually("it sleeps", || {
        let enters = counters.enters.get();
        std::thread::sleep(Duration::from_millis(50));
        enters > 0 && counters.enters.get() == enters
    });
    queue.push(()).unwrap();
    bell.ring();
    running.join().unwrap();
}
