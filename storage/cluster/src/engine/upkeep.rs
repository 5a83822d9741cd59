//! What a node does besides answering: follows the catalogue, ends orders whose time ran out, mends.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use domain::OrderId;
use futures_util::future::join_all;
use tokio::task::spawn_local;

use super::node::Node;
use super::{Settings, change};
use crate::catalogue::Catalogue;
use crate::mysql::{self, BATCH_MAX, Fault};
use crate::repair::{LogFile, LogFileSettings, Nowhere, Repairs, Stop, Stopper, Wanted};
use crate::shelf::ShardNo;

/// How often a node asks what changed in the catalogue.
const CATALOGUE_EVERY: Duration = Duration::from_millis(200);
/// How often it looks for orders whose time ran out.
const DUE_EVERY: Duration = Duration::from_millis(500);
/// For so long nobody else looks for them when the node that does dies.
const DUE_LOCK_MS: u32 = 2_000;

/// Begins all of it. It ends when the stopper says so: each loop behind the step that it is at.
pub(super) fn begin(node: &Rc<Node>, settings: &Settings, wanted: Wanted) -> Stopper {
    let (stopper, stop) = Stop::new();
    let catalogue = Arc::clone(&node.catalogue);
    let repairs = Repairs::new(Rc::clone(&node.links), catalogue, wanted, settings.repairs);
    spawn_local(mend(repairs, settings.clone(), stop.clone()));
    spawn_local(follow_catalogue(Rc::clone(node), stop.clone()));
    spawn_local(end_what_is_due(Rc::clone(node), stop.clone()));
    let node = Rc::clone(node);
    spawn_local(async move { node.number.keep(stop).await });
    stopper
}

async fn mend(repairs: Repairs<Arc<Catalogue>>, settings: Settings, stop: Stop) {
    match settings.events {
        Some(path) => repairs.run(LogFile::new(LogFileSettings::new(path)), stop).await,
        None => repairs.run(Nowhere, stop).await,
    }
}

async fn follow_catalogue(node: Rc<Node>, mut stop: Stop) {
    while !stop.pause(CATALOGUE_EVERY).await {
        node.catch_up().await;
    }
}

async fn end_what_is_due(node: Rc<Node>, mut stop: Stop) {
    let owner = fastrand::u64(..);
    loop {
        let mut more = false;
        if alone(&node, owner).await {
            for (no, _) in node.links.databases() {
                more |= end_due_of(&node, no).await.unwrap_or_else(|fault| {
                    node.failed(no, &fault);
                    false
                });
            }
        }
        let pause = if more { Duration::ZERO } else { DUE_EVERY };
        if stop.pause(pause).await {
            return;
        }
    }
}

/// Whether this node looks now. An economy: two that end the same order find it ended.
async fn alone(node: &Node, owner: u64) -> bool {
    let taken =
        async { mysql::take_lock(&mut node.links.home().lease().await?, "expiry", owner, DUE_LOCK_MS).await };
    taken.await.unwrap_or(true)
}

/// Ends a batch of each slice. Says whether there may be more.
async fn end_due_of(node: &Rc<Node>, no: ShardNo) -> Result<bool, Fault> {
    let slices = node.links.read_slices(no).await?;
    let mut more = false;
    for slice in slices.all() {
        let mut lease = node.links.database(no).lease().await?;
        let due = mysql::due_orders(&mut lease, slice, BATCH_MAX).await?;
        drop(lease);
        let ids: Vec<OrderId> = due.iter().map(|row| row.id).collect();
        let ended = join_all(ids.iter().map(|order| change::end(node, *order))).await;
        let ended = ended.iter().filter(|ended| matches!(ended, Ok(true))).count();
        (0..ended).for_each(|_| node.counters.expired());
        more |= ended == BATCH_MAX;
    }
    Ok(more)
}
