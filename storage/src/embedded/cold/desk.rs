//! Questions to the cold store and its answers, without ever waiting for a disk.
//!
//! Whoever asks hands buffers along and gets them back with the answer, so nothing is allocated once warm. Puts,
//! reads and forgets are answered in the order in which they were asked, so a read sees every put before it. A sync
//! covers all that was asked before it, and may be answered later than what was asked behind it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::embedded::background::Background;
use crossbeam_queue::ArrayQueue;
use domain::{MicrosUtc, PageFilter, PagePart};

use super::pages::page;
use super::store::{ColdError, ColdStore, DueKey, RestingBatch, Standing, Statistics, Version};
use crate::lane::Ring;

/// Questions without an answer yet, at most.
pub const IN_FLIGHT_MAX: usize = 1024;
/// How long the thread sleeps where it waits for a sync, or for room to put.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// Puts between two looks at the statistics.
const STATISTICS_EVERY: u32 = 64;

/// A question. `token` comes back with the answer.
pub enum Ask {
    /// Put orders to rest.
    Rest(RestingBatch),
    /// Read the newest version of an order through at most a fact.
    Read {
        /// Comes back.
        token: u64,
        /// Which order.
        made: u64,
        /// [`super::LATEST`], but while the journal is replayed.
        through: u64,
        /// For its bytes.
        record: Vec<u8>,
    },
    /// Look for the orders of a page.
    Page {
        /// Comes back.
        token: u64,
        /// Which.
        filter: PageFilter,
    },
    /// Read which orders are due.
    Due {
        /// Comes back.
        token: u64,
        /// Only those behind.
        after: Option<DueKey>,
        /// Only those due by then.
        until: MicrosUtc,
        /// How many, at most.
        limit: usize,
        /// They are added here.
        found: Vec<DueKey>,
    },
    /// Forget a piece of what was superseded by this fact.
    Forget {
        /// Where the last durable checkpoint stands.
        through: u64,
    },
    /// Make durable all that was asked before.
    Sync {
        /// Comes back.
        token: u64,
    },
}

/// An answer.
#[derive(Debug)]
pub enum Answer {
    /// They are at rest, or the store is broken. The batch still holds what was put.
    Rested {
        /// The batch, to be used again.
        batch: RestingBatch,
        /// Whether they are.
        result: Result<(), ColdError>,
    },
    /// The order; nothing where there is none.
    Read {
        /// Of the question.
        token: u64,
        /// Of the question.
        made: u64,
        /// Its bytes.
        record: Vec<u8>,
        /// Which version it is.
        result: Result<Option<Version>, ColdError>,
    },
    /// What was found for a page.
    Page {
        /// Of the question.
        token: u64,
        /// Orders at rest, and some that came back since.
        result: Result<PagePart, ColdError>,
    },
    /// What is due.
    Due {
        /// Of the question.
        token: u64,
        /// In order of due.
        found: Vec<DueKey>,
        /// Whether that is so.
        result: Result<(), ColdError>,
    },
    /// A piece was forgotten; true: there is more.
    Forgot(Result<bool, ColdError>),
    /// All that was asked before is durable, or the store is broken.
    Synced {
        /// Of the question.
        token: u64,
        /// How far it is durable.
        result: Result<Standing, ColdError>,
    },
}

/// A question that there is no room for now. Ask again after some answers.
#[derive(Debug)]
pub struct Full(pub Ask);

/// Where the engine asks.
pub trait ColdDesk: Send + fmt::Debug {
    /// Asks. Never blocks; at most [`IN_FLIGHT_MAX`] questions are without an answer.
    fn ask(&mut self, ask: Ask) -> Result<(), Full>;

    /// The next answer, if there is one.
    fn collect(&mut self) -> Option<Answer>;

    /// Questions without an answer that was collected.
    fn in_flight(&self) -> usize;

    /// Whether a write or sync has failed: no order rests any more, no sync succeeds.
    fn is_broken(&self) -> bool;

    /// How far it was when it was opened.
    fn opened_at(&self) -> Standing;

    /// What there is to show, as of a while ago.
    fn statistics(&self) -> Statistics;
}

/// Does everything within [`ColdDesk::collect`]. For the simulator and for tests.
#[derive(Debug)]
pub struct InlineDesk<S> {
    store: S,
    opened_at: Standing,
    asks: VecDeque<Ask>,
    syncs: VecDeque<u64>,
}

impl<S: ColdStore> InlineDesk<S> {
    /// Over this store.
    pub fn new(store: S) -> InlineDesk<S> {
        InlineDesk { opened_at: store.standing(), store, asks: VecDeque::new(), syncs: VecDeque::new() }
    }
}

impl<S: ColdStore> ColdDesk for InlineDesk<S> {
    fn ask(&mut self, ask: Ask) -> Result<(), Full> {
        if self.in_flight() == IN_FLIGHT_MAX {
            return Err(Full(ask));
        }
        self.asks.push_back(ask);
        Ok(())
    }

    fn collect(&mut self) -> Option<Answer> {
        loop {
            if !self.syncs.is_empty()
                && let Some(result) = self.store.synced()
            {
                let token = self.syncs.pop_front().expect("it is not empty");
                return Some(Answer::Synced { token, result });
            }
            if matches!(self.asks.front(), Some(Ask::Rest(_))) && !self.store.has_room() {
                return None;
            }
            match serve(&mut self.store, self.asks.pop_front()?) {
                Served::Answer(answer) => return Some(answer),
                Served::Syncing(token) => self.syncs.push_back(token),
            }
        }
    }

    fn in_flight(&self) -> usize {
        self.asks.len() + self.syncs.len()
    }

    fn is_broken(&self) -> bool {
        self.store.is_broken()
    }

    fn opened_at(&self) -> Standing {
        self.opened_at
    }

    fn statistics(&self) -> Statistics {
        self.store.statistics()
    }
}

/// Of the thread: requests wait for its answers, so it gives way to those that serve, but not to all. Its share of a
/// core that is full is a quarter.
const NICE: i32 = 5;

/// Answers on a thread of its own.
pub struct ThreadDesk {
    shared: Arc<Shared>,
    opened_at: Standing,
    in_flight: usize,
    thread: Option<JoinHandle<()>>,
}

/// Between the two threads. Both queues are as long as there are questions without an answer, so neither is ever full.
struct Shared {
    asks: ArrayQueue<Ask>,
    answers: ArrayQueue<Answer>,
    ring: Arc<dyn Ring>,
    stop: AtomicBool,
    is_broken: AtomicBool,
    orders_about: AtomicU64,
    disk_bytes: AtomicU64,
}

impl ThreadDesk {
    /// Starts the thread. It rings after each answer, whether or not anybody sleeps.
    pub fn start(
        store: impl ColdStore + 'static,
        ring: Arc<dyn Ring>,
        background: Background,
    ) -> io::Result<ThreadDesk> {
        let opened_at = store.standing();
        let shared = Arc::new(Shared {
            asks: ArrayQueue::new(IN_FLIGHT_MAX),
            answers: ArrayQueue::new(IN_FLIGHT_MAX),
            ring,
            stop: AtomicBool::new(false),
            is_broken: AtomicBool::new(false),
            orders_about: AtomicU64::new(0),
            disk_bytes: AtomicU64::new(0),
        });
        shared.show(&store);
        let theirs = Arc::clone(&shared);
        let thread = background.spawn_at("cold", NICE, move || serve_all(store, &theirs))?;
        Ok(ThreadDesk { shared, opened_at, in_flight: 0, thread: Some(thread) })
    }
}

impl ColdDesk for ThreadDesk {
    fn ask(&mut self, ask: Ask) -> Result<(), Full> {
        if self.in_flight == IN_FLIGHT_MAX {
            return Err(Full(ask));
        }
        self.shared.asks.push(ask).map_err(Full)?;
        self.in_flight += 1;
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
        Ok(())
    }

    fn collect(&mut self) -> Option<Answer> {
        let answer = self.shared.answers.pop()?;
        self.in_flight -= 1;
        Some(answer)
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn is_broken(&self) -> bool {
        self.shared.is_broken.load(Ordering::Relaxed)
    }

    fn opened_at(&self) -> Standing {
        self.opened_at
    }

    fn statistics(&self) -> Statistics {
        Statistics {
            orders_about: self.shared.orders_about.load(Ordering::Relaxed),
            disk_bytes: self.shared.disk_bytes.load(Ordering::Relaxed),
        }
    }
}

impl Drop for ThreadDesk {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic of that thread has been printed by it; there is nothing to save here.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn answer(&self, answer: Answer) {
        self.answers.push(answer).expect("there are no more questions than the queue has room for");
        self.ring.ring();
    }

    fn show(&self, store: &impl ColdStore) {
        let Statistics { orders_about, disk_bytes } = store.statistics();
        self.orders_about.store(orders_about, Ordering::Relaxed);
        self.disk_bytes.store(disk_bytes, Ordering::Relaxed);
    }
}

/// The thread: one question after the other, and sleeps where there is none.
fn serve_all(mut store: impl ColdStore, shared: &Shared) {
    let mut syncs = VecDeque::new();
    let mut next: Option<Ask> = None;
    let mut puts = 0_u32;
    while !shared.stop.load(Ordering::Relaxed) {
        if !syncs.is_empty()
            && let Some(result) = store.synced()
        {
            let token = syncs.pop_front().expect("it is not empty");
            shared.is_broken.store(store.is_broken(), Ordering::Relaxed);
            shared.show(&store);
            shared.answer(Answer::Synced { token, result });
        }
        next = next.or_else(|| shared.asks.pop());
        let is_put = matches!(next, Some(Ask::Rest(_)));
        if is_put && !store.has_room() {
            // What was asked behind it waits too, or it would not see what is being put.
            std::thread::park_timeout(LOOK_AGAIN);
            continue;
        }
        match next.take().map(|ask| serve(&mut store, ask)) {
            Some(Served::Answer(answer)) => {
                shared.is_broken.store(store.is_broken(), Ordering::Relaxed);
                shared.answer(answer);
            }
            Some(Served::Syncing(token)) => syncs.push_back(token),
            None if syncs.is_empty() => std::thread::park(),
            None => std::thread::park_timeout(LOOK_AGAIN),
        }
        puts += u32::from(is_put);
        if puts == STATISTICS_EVERY {
            puts = 0;
            shared.show(&store);
        }
    }
}

enum Served {
    Answer(Answer),
    Syncing(u64),
}

fn serve(store: &mut impl ColdStore, ask: Ask) -> Served {
    Served::Answer(match ask {
        Ask::Rest(batch) => {
            let result = store.put(&batch);
            Answer::Rested { batch, result }
        }
        Ask::Read { token, made, through, mut record } => {
            let result = store.read(made, through, &mut record);
            Answer::Read { token, made, record, result }
        }
        Ask::Page { token, filter } => Answer::Page { token, result: page(store, &filter) },
        Ask::Due { token, after, until, limit, mut found } => {
            let result = store.due(after, until, limit, &mut found);
            Answer::Due { token, found, result }
        }
        Ask::Forget { through } => Answer::Forgot(store.forget(through)),
        Ask::Sync { token } => {
            store.begin_sync();
            return Served::Syncing(token);
        }
    })
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ask::Rest(_) => "Rest",
            Ask::Read { .. } => "Read",
            Ask::Page { .. } => "Page",
            Ask::Due { .. } => "Due",
            Ask::Forget { .. } => "Forget",
            Ask::Sync { .. } => "Sync",
        })
    }
}

impl fmt::Debug for ThreadDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadDesk").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}
