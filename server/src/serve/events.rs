//! The thread that sends events: it follows the journal from outside, and gives way to those who serve.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::Thread;
use std::time::Duration;

use anyhow::Context;
use domain::{Fact, OrderId, Stamp};
use handlers::{Broadcaster, EventDesk, EventLog, LIVE_MAX, LogFailed, Pace, Subscription};
use protocol::structs::Event;
use reactor::Doorbell;
use storage::embedded::follow::{Follower, Standing, Unreadable};
use storage::embedded::{ClockReading, Counters, FileDisk};

use crate::folders::Folders;

/// How nice the thread is to serving threads: they get ten times its share of a core that both want.
const NICE: i32 = 10;
/// How soon it looks for what became durable, at first and after a while in which nothing did.
const LOOK_EVERY: Duration = Duration::from_millis(1);
const LOOK_SELDOM: Duration = Duration::from_millis(16);
/// How long it sleeps at most while somebody is subscribed: heartbeats are due.
const SLEEP_MAX: Duration = Duration::from_millis(250);
/// Facts that are read at once, about.
const PIECE_FACTS: u64 = 1_024;
/// Places in the journal that are remembered: one each subscriber that is on its way to the end.
const STANDINGS_MAX: usize = 1_024;
/// How often a durable group that does not show is looked for, and how long between.
const LOOKS_MAX: u32 = 20;
const LOOK_AGAIN: Duration = Duration::from_millis(5);

type Bell = Arc<dyn Fn() + Send + Sync>;
type Work = (Arc<Subscription>, Bell);

/// The thread, from which each gateway gets a desk. It ends with the last of them.
#[derive(Debug)]
pub(super) struct Sender {
    work: SyncSender<Work>,
    thread: Thread,
    live: SyncSender<Event>,
    /// Somebody listens to refusals.
    listened: Arc<AtomicBool>,
}

/// A gateway's way to the thread.
struct Desk {
    work: SyncSender<Work>,
    thread: Thread,
    ready: Arc<AtomicBool>,
    bell: Bell,
    live: SyncSender<Event>,
    listened: Arc<AtomicBool>,
}

impl Sender {
    /// Starts the thread; `counters` tell it what is durable.
    pub(super) fn start(
        folders: &Folders,
        counters: Arc<Counters>,
        subscriptions_max: usize,
    ) -> anyhow::Result<Sender> {
        let (work, to_do) = sync_channel(subscriptions_max.max(1));
        let (live, told) = sync_channel(LIVE_MAX);
        let listened = Arc::new(AtomicBool::new(false));
        let now_listened = Arc::clone(&listened);
        let log = Journal {
            follower: Follower::new(FileDisk::at(&folders.data)),
            archive: folders.archive.as_deref().map(|place| Follower::new(FileDisk::at(place))),
            counters,
            standings: VecDeque::new(),
        };
        let thread = std::thread::Builder::new()
            .name("tidegate-events".to_owned())
            .spawn(move || send(log, &to_do, &told, &now_listened))
            .context("a thread cannot be started: raise the limit of processes (ulimit -u)")?;
        Ok(Sender { work, thread: thread.thread().clone(), live, listened })
    }

    /// A desk for the gateway whose thread this bell wakes.
    pub(super) fn desk(&self, doorbell: Doorbell) -> Box<dyn EventDesk> {
        let ready = Arc::new(AtomicBool::new(false));
        let offered = Arc::clone(&ready);
        let bell = Arc::new(move || {
            offered.store(true, Ordering::Release);
            doorbell.ring();
        });
        let (work, thread) = (self.work.clone(), self.thread.clone());
        let (live, listened) = (self.live.clone(), Arc::clone(&self.listened));
        Box::new(Desk { work, thread, ready, bell, live, listened })
    }
}

impl EventDesk for Desk {
    fn subscribe(&mut self, subscription: Arc<Subscription>) -> bool {
        let taken = self.work.try_send((subscription, Arc::clone(&self.bell))).is_ok();
        self.thread.unpark();
        taken
    }

    fn nudge(&mut self) {
        self.thread.unpark();
    }

    fn ready(&mut self) -> bool {
        self.ready.swap(false, Ordering::AcqRel)
    }

    fn wants_refusals(&self) -> bool {
        self.listened.load(Ordering::Relaxed)
    }

    fn tell_refusal(&mut self, refusal: Event) {
        // Full: they are samples.
        let _ = self.live.try_send(refusal);
    }
}

/// The thread's whole life.
fn send(log: Journal, to_do: &Receiver<Work>, told: &Receiver<Event>, listened: &AtomicBool) {
    reactor::step_back(NICE);
    let counters = Arc::clone(&log.counters);
    let mut broadcaster = Broadcaster::new(log);
    let mut rests = true;
    loop {
        // Nothing at all to do until somebody subscribes.
        let first =
            if rests { to_do.recv().map_err(|_| TryRecvError::Disconnected) } else { to_do.try_recv() };
        let mut next = first;
        while let Ok((subscription, bell)) = next {
            broadcaster.add(subscription, bell, ClockReading::now().wall);
            next = to_do.try_recv();
        }
        if next.is_err_and(|why| why == TryRecvError::Disconnected) {
            return;
        }
        told.try_iter().take(LIVE_MAX).for_each(|refusal| broadcaster.tell_refusal(refusal));
        let durable = counters.durable_position();
        let pace = broadcaster.turn(ClockReading::now().wall);
        rests = pace == Pace::Rest;
        listened.store(broadcaster.wants_refusals(), Ordering::Relaxed);
        match pace {
            Pace::Again | Pace::Rest => (),
            Pace::Wait => std::thread::park_timeout(SLEEP_MAX),
            Pace::Follow => wait_for_more(&counters, durable),
        }
    }
}

/// Until something became durable, somebody nudged, or a heartbeat may be due.
fn wait_for_more(counters: &Counters, durable: u64) {
    let (mut slept, mut step) = (Duration::ZERO, LOOK_EVERY);
    while slept < SLEEP_MAX && counters.durable_position() == durable {
        let began = std::time::Instant::now();
        std::thread::park_timeout(step);
        let took = began.elapsed();
        if took < step {
            return; // Nudged.
        }
        slept += took;
        step = (step * 2).min(LOOK_SELDOM);
    }
}

/// The journal's facts, from wherever a subscriber is.
struct Journal {
    follower: Follower<FileDisk>,
    /// Only for what made an order: events themselves come from the data folder, at its pace.
    archive: Option<Follower<FileDisk>>,
    counters: Arc<Counters>,
    /// Where reading went on last, the oldest first.
    standings: VecDeque<Standing>,
}

impl EventLog for Journal {
    fn durable(&self) -> u64 {
        self.counters.durable_position()
    }

    fn read(&mut self, after: u64, each: &mut dyn FnMut(u64, &Stamp, &Fact<'_>)) -> Result<u64, LogFailed> {
        let through = self.durable();
        let known = self.standings.iter().position(|standing| standing.next_fact() == after + 1);
        let mut standing = match known.and_then(|place| self.standings.remove(place)) {
            Some(standing) => standing,
            None => self.follower.seek(after).map_err(failed)?,
        };
        let mut looks = 0;
        while standing.next_fact() <= through && standing.next_fact() <= after + PIECE_FACTS {
            let read = self.follower.next(&mut standing, after, through, |record| {
                each(record.position, record.stamp, record.fact);
            });
            if read.map_err(failed)? {
                looks = 0;
                continue;
            }
            // It is durable, so it is there; but a page that was read while it was written may be a moment old.
            looks += 1;
            if looks > LOOKS_MAX {
                let next = standing.next_fact();
                let why = format!("the fact at position {next} is durable and cannot be found");
                return Err(LogFailed::Broken(why));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        if self.standings.len() >= STANDINGS_MAX {
            self.standings.pop_front();
        }
        self.standings.push_back(standing);
        Ok(after.max(standing.next_fact() - 1))
    }

    fn read_from_order(
        &mut self,
        order: OrderId,
        each: &mut dyn FnMut(&Fact<'_>) -> bool,
    ) -> Result<(), LogFailed> {
        let through = self.durable();
        match read_from_order(&mut self.follower, order, through, each) {
            Err(Unreadable::Gone { .. }) => (),
            read => return read.map_err(failed),
        }
        // Its segment has left the data folder. Where it was deleted, or somebody took the archive away, the event comes
        // without what only the making of the order says: that is no reason to end a stream.
        let Some(archive) = &mut self.archive else { return Ok(()) };
        if let Err(why) = read_from_order(archive, order, through, each) {
            tracing::warn!(%why, "an event comes without what the archive has of its order");
        }
        Ok(())
    }
}

fn read_from_order(
    follower: &mut Follower<FileDisk>,
    order: OrderId,
    through: u64,
    each: &mut dyn FnMut(&Fact<'_>) -> bool,
) -> Result<(), Unreadable> {
    let mut standing = follower.seek_order(order, through)?;
    let mut goes_on = true;
    while goes_on {
        let read = follower.next(&mut standing, 0, through, |record| {
            goes_on = goes_on && each(record.fact);
        });
        goes_on = read? && goes_on;
    }
    Ok(())
}

fn failed(why: Unreadable) -> LogFailed {
    match why {
        Unreadable::Gone { oldest } => LogFailed::Gone { oldest },
        Unreadable::Damaged(damage) => LogFailed::Broken(damage.to_string()),
    }
}
