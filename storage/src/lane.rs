//! The way between a thread that serves and the thread that decides: whole batches there, whole vectors of answers back.
//!
//! Of the four rings each is as long as there are things to go round in it, so a push never fails and nothing is
//! allocated once warm.

use std::fmt;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use crate::batch::IntentBatch;
use crate::store::{Answer, Share, Stats, Store};

/// Wakes a thread that may sleep. Called after every push; whether it has to do something is its business.
pub trait Ring: Send + Sync {
    /// Something was pushed for that thread.
    fn ring(&self);
}

/// Tells what a store counted, from any thread.
pub trait Count: Send + Sync {
    /// All of it, as of about now.
    fn stats(&self) -> Stats;
}

/// What goes round in a lane.
#[derive(Clone, Copy, Debug)]
pub struct LaneBounds {
    /// Batches of intents.
    pub batches: usize,
    /// Of these, batches that creates cannot use.
    pub batches_reserved: usize,
    /// Intents in a batch, at most.
    pub batch_intents: usize,
    /// Vectors of answers.
    pub answer_vectors: usize,
}

/// The end of the thread that decides. It owns the vectors of answers, and [`Lane::given_back`] returns them to it.
pub struct Lane {
    rings: Arc<Rings>,
    handle: Arc<dyn Ring>,
}

/// The end of the thread that serves: its door to the store.
pub struct Handle {
    rings: Arc<Rings>,
    decider: Arc<dyn Ring>,
    count: Arc<dyn Count>,
    free: Vec<IntentBatch>,
    reserved: usize,
}

#[derive(Debug)]
struct Rings {
    submitted: ArrayQueue<IntentBatch>,
    free: ArrayQueue<IntentBatch>,
    answered: ArrayQueue<Vec<Answer>>,
    given_back: ArrayQueue<Vec<Answer>>,
}

/// A lane between two threads, each of which is woken by its ring.
pub fn lane(
    bounds: LaneBounds,
    decider: Arc<dyn Ring>,
    handle: Arc<dyn Ring>,
    count: Arc<dyn Count>,
) -> (Lane, Handle) {
    let LaneBounds { batches, batches_reserved, batch_intents, answer_vectors } = bounds;
    let rings = Arc::new(Rings {
        submitted: ArrayQueue::new(batches),
        free: ArrayQueue::new(batches),
        answered: ArrayQueue::new(answer_vectors),
        given_back: ArrayQueue::new(answer_vectors),
    });
    let free = (0..batches).map(|_| IntentBatch::with_capacity(batch_intents)).collect();
    let lane = Lane { rings: Arc::clone(&rings), handle };
    (lane, Handle { rings, decider, count, free, reserved: batches_reserved })
}

impl Lane {
    /// The next batch, in the order submitted.
    pub fn submitted(&self) -> Option<IntentBatch> {
        self.rings.submitted.pop()
    }

    /// Whether nothing waits to be decided.
    pub fn is_empty(&self) -> bool {
        self.rings.submitted.is_empty()
    }

    /// Gives a batch back, emptied. That is no news to a sleeping thread: it finds it when it needs one.
    pub fn free(&self, batch: IntentBatch) {
        self.rings.free.push(batch).expect("the ring is as long as there are batches");
    }

    /// Hands answers over. [`Lane::ring`] tells of them.
    pub fn answer(&self, answers: Vec<Answer>) {
        self.rings.answered.push(answers).expect("the ring is as long as there are vectors");
    }

    /// A vector whose answers left.
    pub fn given_back(&self) -> Option<Vec<Answer>> {
        self.rings.given_back.pop()
    }

    /// Wakes the handle's thread.
    pub fn ring(&self) {
        self.handle.ring();
    }
}

impl Handle {
    /// The same door, where what was counted is told of more than the thread behind it.
    #[must_use]
    pub fn counting(self, count: Arc<dyn Count>) -> Handle {
        Handle { count, ..self }
    }
}

impl Store for Handle {
    fn lend(&mut self, share: Share) -> Option<IntentBatch> {
        while let Some(batch) = self.rings.free.pop() {
            self.free.push(batch);
        }
        lend(&mut self.free, self.reserved, share)
    }

    fn submit(&mut self, batch: IntentBatch) {
        if batch.is_empty() {
            self.free.push(batch);
            return;
        }
        self.rings.submitted.push(batch).expect("the ring is as long as there are batches");
        self.decider.ring();
    }

    fn poll(&mut self) -> Option<Vec<Answer>> {
        self.rings.answered.pop()
    }

    fn give_back(&mut self, answers: Vec<Answer>) {
        self.rings.given_back.push(answers).expect("the ring is as long as there are vectors");
        self.decider.ring();
    }

    fn stats(&self) -> Stats {
        self.count.stats()
    }
}

/// A free batch, unless only the reserved ones are left and the share is not theirs.
pub(crate) fn lend(free: &mut Vec<IntentBatch>, reserved: usize, share: Share) -> Option<IntentBatch> {
    let kept = match share {
        Share::Any => reserved,
        Share::Reserved => 0,
    };
    if free.len() > kept { free.pop() } else { None }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("rings", &self.rings).finish_non_exhaustive()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("free_batches", &self.free.len()).finish_non_exhaustive()
    }
}
