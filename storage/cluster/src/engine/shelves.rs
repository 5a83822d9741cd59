//! Shelves as a worker asks them: RESERVE, FINISH and giving back, many asks a call, and what it remembers of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::task::spawn_local;

use super::node::Node;
use crate::redis::{Ask, CALL_MAX, Failed, Own, Reserved, Terms, Window};
use crate::shelf::{CatalogueVersion, Epoch, ShelfKey};

/// What a worker remembers of shelves. At most what the catalogue has: nobody asks for another.
#[derive(Default)]
pub(super) struct Remembered(RefCell<HashMap<ShelfKey, Shelf>>);

#[derive(Default)]
struct Shelf {
    /// In which it was open when somebody asked last.
    epoch: Option<Epoch>,
    /// Units that it had when somebody wanted more than these.
    left: Option<(u64, Instant)>,
}

impl Remembered {
    /// The epoch to ask in. Nobody knows one: the first; the shelf then says which.
    pub fn epoch(&self, shelf: ShelfKey) -> Epoch {
        self.0.borrow().get(&shelf).and_then(|it| it.epoch).unwrap_or(Epoch::FIRST)
    }

    /// It is open in this one.
    pub fn set_epoch(&self, shelf: ShelfKey, epoch: Epoch) {
        self.0.borrow_mut().entry(shelf).or_default().epoch = Some(epoch);
    }

    /// It has no more than these.
    pub fn set_left(&self, shelf: ShelfKey, units: u64) {
        self.0.borrow_mut().entry(shelf).or_default().left = Some((units, Instant::now()));
    }

    /// How many it had, where that is no longer ago than `age`.
    pub fn left(&self, shelf: ShelfKey, age: std::time::Duration) -> Option<u64> {
        let (units, at) = self.0.borrow().get(&shelf)?.left?;
        (at.elapsed() <= age).then_some(units)
    }
}

/// An ask on its way to a shelf.
pub(super) struct Reserving {
    ask: Ask,
    catalogue: CatalogueVersion,
    window: Window,
    reply: oneshot::Sender<Said>,
}

/// What RESERVE said, and in which epoch it was asked.
pub(super) type Said = Result<(Reserved, Epoch), Failed>;

/// A record that ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub own: Own,
    pub epoch: Epoch,
}

/// RESERVE: goes along with all others that ask this shelf now.
pub(super) async fn reserve(
    node: &Rc<Node>,
    shelf: ShelfKey,
    ask: Ask,
    (catalogue, window): (CatalogueVersion, Window),
) -> Said {
    let (reply, said) = oneshot::channel();
    if node.reserving.push(shelf, Reserving { ask, catalogue, window, reply }) {
        spawn_local(run_reserve(Rc::clone(node), shelf));
    }
    said.await.expect("a round answers all its asks")
}

async fn run_reserve(node: Rc<Node>, shelf: ShelfKey) {
    loop {
        let mut round = node.reserving.next_round(shelf);
        if round.is_empty() {
            return;
        }
        // Those that judged by the same catalogue go in one call; that is nearly always all of them.
        while let Some(first) = round.first() {
            let same = (first.catalogue, first.window);
            let (together, apart): (Vec<_>, Vec<_>) =
                round.into_iter().partition(|it| (it.catalogue, it.window) == same);
            call(&node, shelf, same, together).await;
            round = apart;
        }
    }
}

async fn call(
    node: &Node,
    shelf: ShelfKey,
    (catalogue, window): (CatalogueVersion, Window),
    round: Vec<Reserving>,
) {
    let epoch = node.shelves.epoch(shelf);
    let asks: Vec<Ask> = round.iter().map(|it| it.ask).collect();
    node.counters.reserved(asks.len());
    match node.links.redis.reserve(shelf, &Terms { epoch, catalogue, window }, &asks).await {
        Ok(said) => {
            for (job, said) in round.into_iter().zip(said) {
                if let Reserved::Stale { open } = said {
                    node.shelves.set_epoch(shelf, open);
                }
                // Who does not wait any more was given up with its whole thread.
                let _ = job.reply.send(Ok((said, epoch)));
            }
        }
        Err(failed) => round.into_iter().for_each(|job| drop(job.reply.send(Err(failed.clone())))),
    }
}

/// FINISH, whenever it fits: what is not finished here the reconciler finishes.
pub(super) fn finish(node: &Rc<Node>, shelf: ShelfKey, ending: Ending) {
    if node.finishing.push(shelf, ending) {
        let node = Rc::clone(node);
        spawn_local(async move {
            loop {
                let round = node.finishing.next_round(shelf);
                if round.is_empty() {
                    return;
                }
                for (epoch, records) in by_epoch(round) {
                    let _ = node.links.redis.finish(shelf, epoch, &records).await;
                }
            }
        });
    }
}

/// Gives back what an ask took and nobody else has seen. Without an answer the reconciler does it.
pub(super) async fn give_back(node: &Node, shelf: ShelfKey, ending: Ending) {
    let _ = node.links.redis.give_back(shelf, ending.epoch, &[ending.own]).await;
}

fn by_epoch(mut round: Vec<Ending>) -> Vec<(Epoch, Vec<Own>)> {
    round.sort_by_key(|ending| ending.epoch);
    let of_one = |endings: &[Ending]| (endings[0].epoch, endings.iter().map(|it| it.own).collect());
    round.chunk_by(|one, other| one.epoch == other.epoch).map(of_one).collect()
}

/// A round of [`Node::reserving`] and [`Node::finishing`] has at most as many as fit into a call.
pub(super) const ROUND_MAX: usize = CALL_MAX;
