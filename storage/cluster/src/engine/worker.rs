//! The worker: a thread with a runtime of its own, the lanes of its reactors, and a task an intent.
//!
//! What is at work is bounded by the batches of the lanes: each goes back when its last intent has its answer.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use storage::{Answer, Handle, IntentBatch, Lane, LaneBounds, NotDecided, Outcome, Ring, Submitted, lane};
use tokio::runtime;
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};

use super::Settings;
use super::counters::Counters;
use super::node::Node;
use super::plan::Known;
use super::way::Way;
use super::{change, create, home, orders, read, upkeep};
use crate::catalogue::Catalogue;
use crate::links::{Links, NoLink};
use crate::mysql::Fault;
use crate::repair::{LeaseTimes, NoNumber, Wanted, lease_node};

/// The engine of one worker thread, before it runs.
#[derive(Debug)]
pub struct Worker {
    settings: Settings,
    lanes: Vec<Lane>,
    bell: Arc<Bell>,
    counters: Arc<Counters>,
}

/// Ends a worker from any thread.
#[derive(Clone, Debug)]
pub struct Leaver(Arc<Bell>);

/// Why a worker ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// It could not begin.
    #[error(transparent)]
    NoLink(#[from] NoLink),
    /// No number is to be had.
    #[error(transparent)]
    NoNumber(#[from] NoNumber),
    /// The catalogue could not be read.
    #[error("the catalogue cannot be read: {0}")]
    Catalogue(Fault),
    /// The machine's clock, or its runtime.
    #[error("{0}")]
    Machine(String),
}

/// Wakes the worker's runtime.
#[derive(Debug, Default)]
struct Bell {
    news: Notify,
    leaving: AtomicBool,
}

impl Ring for Bell {
    fn ring(&self) {
        self.news.notify_one();
    }
}

/// A worker, and a door to it for each of the threads that these bells wake.
pub fn start(settings: Settings, bells: Vec<Arc<dyn Ring>>) -> (Worker, Vec<Handle>) {
    let bell = Arc::new(Bell::default());
    let counters = Arc::new(Counters::default());
    let (lanes, handles) = bells
        .into_iter()
        .map(|its| lane(settings.lanes, Arc::clone(&bell) as _, its, Arc::clone(&counters) as _))
        .unzip();
    (Worker { settings, lanes, bell, counters }, handles)
}

impl Leaver {
    /// What was taken is answered, then [`Worker::run`] returns.
    pub fn leave(&self) {
        self.0.leaving.store(true, Ordering::Release);
        self.0.ring();
    }
}

impl Worker {
    /// Who ends it.
    pub fn leaver(&self) -> Leaver {
        Leaver(Arc::clone(&self.bell))
    }

    /// What it counts.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Connects, calls `ready`, and serves on this thread until somebody [leaves](Leaver::leave).
    ///
    /// # Errors
    /// It cannot begin. Later a server that is away makes answers, and no end.
    pub fn run(self, ready: impl FnOnce()) -> Result<(), Ended> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|why| Ended::Machine(format!("no runtime can be made: {why}")))?;
        LocalSet::new().block_on(&runtime, self.serve(ready))
    }

    async fn serve(self, ready: impl FnOnce()) -> Result<(), Ended> {
        let Worker { settings, lanes, bell, counters } = self;
        let wanted = Wanted::new();
        let node = begin(&settings, counters, wanted.clone()).await?;
        let upkeep = upkeep::begin(&node, &settings, wanted);
        let lanes: Vec<Rc<Served>> = lanes.into_iter().map(|it| Served::new(it, settings.lanes)).collect();
        ready();
        loop {
            for lane in &lanes {
                while let Some(batch) = lane.lane.submitted() {
                    take(&node, lane, &bell, batch);
                }
                lane.flush();
            }
            if bell.leaving.load(Ordering::Acquire) && lanes.iter().all(|lane| lane.is_settled()) {
                upkeep.stop();
                return Ok(());
            }
            bell.news.notified().await;
        }
    }
}

/// Connects, leases a number, and reads the catalogue.
async fn begin(settings: &Settings, counters: Arc<Counters>, wanted: Wanted) -> Result<Rc<Node>, Ended> {
    let links = Rc::new(Links::connect(&settings.servers).await?);
    let catalogue = Arc::new(Catalogue::new());
    let read = async { catalogue.refresh(&mut links.home().lease().await?).await };
    read.await.map_err(Ended::Catalogue)?;
    let number = lease_node(Rc::clone(&links), LeaseTimes::DEFAULT).await?;
    let node = Node::new((links, number, catalogue), settings, wanted, counters);
    node.map(Rc::new).map_err(|why| Ended::Machine(why.to_string()))
}

/// A lane, and the answers that are on their way into it.
struct Served {
    lane: Lane,
    pending: RefCell<Pending>,
}

struct Pending {
    answers: Vec<Answer>,
    /// Vectors that are not on their way.
    free: Vec<Vec<Answer>>,
    /// Batches at work.
    batches: usize,
}

impl Served {
    fn new(lane: Lane, bounds: LaneBounds) -> Rc<Served> {
        let free = (0..bounds.answer_vectors).map(|_| Vec::new()).collect();
        Rc::new(Served { lane, pending: RefCell::new(Pending { answers: Vec::new(), free, batches: 0 }) })
    }

    /// Hands over what there is, as far as there are vectors; the rest waits for one to come back.
    fn flush(&self) {
        let pending = &mut *self.pending.borrow_mut();
        while let Some(mut back) = self.lane.given_back() {
            back.clear();
            pending.free.push(back);
        }
        if pending.answers.is_empty() {
            return;
        }
        if let Some(free) = pending.free.pop() {
            self.lane.answer(std::mem::replace(&mut pending.answers, free));
            self.lane.ring();
        }
    }

    fn is_settled(&self) -> bool {
        let pending = self.pending.borrow();
        pending.batches == 0 && pending.answers.is_empty() && self.lane.is_empty()
    }
}

/// A batch at work. It goes back to its lane with its last intent.
struct Taken {
    batch: Option<IntentBatch>,
    lane: Rc<Served>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.lane.pending.borrow_mut().batches -= 1;
        if let Some(mut batch) = self.batch.take() {
            batch.clear();
            self.lane.lane.free(batch);
        }
    }
}

/// One intent of a batch at work.
#[derive(Clone)]
pub(super) struct Asked {
    taken: Rc<Taken>,
    place: usize,
}

impl Asked {
    pub fn submitted(&self) -> Submitted<'_> {
        self.taken.batch.as_ref().expect("it is here until it is dropped").at(self.place)
    }
}

fn take(node: &Rc<Node>, lane: &Rc<Served>, bell: &Arc<Bell>, batch: IntentBatch) {
    let intents = batch.len();
    lane.pending.borrow_mut().batches += 1;
    let taken = Rc::new(Taken { batch: Some(batch), lane: Rc::clone(lane) });
    for place in 0..intents {
        let asked = Asked { taken: Rc::clone(&taken), place };
        let (node, bell) = (Rc::clone(node), Arc::clone(bell));
        spawn_local(async move {
            let outcome = answer(&node, &asked).await;
            node.counters.answered(&outcome);
            let answer = Answer { ticket: asked.submitted().ticket, position: 0, at: node.now(), outcome };
            asked.taken.lane.pending.borrow_mut().answers.push(answer);
            drop(asked);
            bell.ring();
        });
    }
}

async fn answer(node: &Rc<Node>, asked: &Asked) -> Outcome {
    let submitted = asked.submitted();
    if submitted.deadline.is_some_and(|deadline| deadline <= node.now()) {
        return Err(NotDecided::DeadlineExceeded);
    }
    let (envelope, intent) = (submitted.envelope, submitted.intent);
    match Way::of(&intent) {
        Way::Create => create::create(node, asked).await,
        Way::Change => change::change(node, asked).await,
        Way::Read(user) => orders::answer(node, envelope, &intent, user, Known::new()).await,
        Way::List(list) => read::list(node, &list).await,
        Way::Home => home::decide(node, envelope, &intent).await,
        Way::NotServed => Err(NotDecided::NotServed),
    }
}
