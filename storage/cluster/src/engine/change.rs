//! What becomes of an order: decided on a desk by what was read, then once more inside the transaction, by what it
//! reads under its locks.
//!
//! Units that an order gave back are not taken again in a cluster: money that comes for such an order goes back.

use std::collections::BTreeMap;
use std::rc::Rc;

use domain::desk::{Desk, Key, Moved, Row, RowFault, Task};
use domain::{MicrosUtc, OrderId, RestingOrder, UserId, Verdict};
use storage::embedded::record::Entries;
use storage::{NotDecided, Outcome};
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use super::node::{Node, lay_counts};
use super::orders::{READS_MAX, replay};
use super::plan::{Give, Known, lay};
use super::rows::{Written, count_keys, rows_of};
use super::worker::Asked;
use crate::mysql::{self, Change, ChangeDesk, Changed, ChangedOrder, CountKey, Found, TxFault};
use crate::shelf::{ShardNo, ShelfKey};

/// What is done to an order.
#[derive(Clone)]
pub(super) enum What {
    /// What somebody asks for.
    Asked(Asked),
    /// Its time ran out.
    End(OrderId),
}

/// A change that waits for its transaction.
pub(super) struct Changing {
    what: What,
    now: MicrosUtc,
    known: Known,
    counted: Vec<Key>,
    change: Change,
    reply: oneshot::Sender<(Changed<NotChanged>, Option<Verdict>)>,
}

/// Why the desk inside the transaction changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotChanged {
    /// It came to something else by what stands there now: this is the answer.
    Nothing(Option<Box<Verdict>>),
    /// It would write what was not locked: the order has changed since it was read.
    Again,
    /// Rows make no sense together.
    Unsound(RowFault),
}

/// How often a change is begun: somebody else may change the order meanwhile.
const TRIES: usize = 5;

/// Changes an order, or says why not.
pub(super) async fn change(node: &Rc<Node>, asked: &Asked) -> Outcome {
    let submitted = asked.submitted();
    let (envelope, intent) = (submitted.envelope, submitted.intent);
    let request = intent.request().map(|key| (key, intent.body_hash()));
    for _ in 0..TRIES {
        let known = request.iter().map(|(key, _)| (Key::Request(*key), None)).collect();
        let planned = plan(node, &What::Asked(asked.clone()), known).await?;
        let (verdict, again) = match planned {
            Planned::Nothing { verdict, no } => {
                // It may be refused because it was done before.
                if let (Some((key, _)), Some(no)) = (request, no)
                    && let Some(standing) = node.look_in(no, key).await?
                {
                    return replay(node, envelope, &intent, key, &standing).await;
                }
                (verdict, false)
            }
            Planned::Change { no, mut plan } => {
                plan.change.request = request;
                let (changed, verdict) = run(node, no, *plan).await;
                match changed {
                    Changed::Now => (verdict, false),
                    Changed::Stands(standing) => {
                        let (key, _) = request.expect("only a request id can stand in the way");
                        return replay(node, envelope, &intent, key, &standing).await;
                    }
                    Changed::Refused(NotChanged::Nothing(verdict)) => (verdict.map(|it| *it), false),
                    Changed::Refused(NotChanged::Unsound(fault)) => return Err(node.unsound(fault)),
                    Changed::Failed(TxFault::Unknown(fault)) => {
                        node.failed(no, &fault);
                        return Err(NotDecided::OutcomeUnknown);
                    }
                    Changed::Failed(TxFault::NotDone(fault)) => return Err(node.failed(no, &fault)),
                    Changed::Fenced { shelf, .. } => {
                        node.open(shelf);
                        return Err(node.unavailable());
                    }
                    Changed::Refused(NotChanged::Again)
                    | Changed::NoOrder
                    | Changed::Moved { .. }
                    | Changed::NoSlice(_) => (None, true),
                }
            }
        };
        if !again {
            return verdict.ok_or_else(|| node.unavailable());
        }
    }
    Err(node.unavailable())
}

/// Ends an order whose time ran out. Says whether it was still to be ended.
pub(super) async fn end(node: &Rc<Node>, order: OrderId) -> Result<bool, NotDecided> {
    match plan(node, &What::End(order), Known::new()).await? {
        Planned::Nothing { .. } => Ok(false),
        Planned::Change { no, plan } => match run(node, no, *plan).await {
            (Changed::Now, _) => Ok(true),
            (Changed::Failed(fault), _) => Err(node.failed(no, fault.fault())),
            (_, _) => Ok(false),
        },
    }
}

enum Planned {
    /// Nothing is to be written.
    Nothing {
        verdict: Option<Verdict>,
        /// Where the order lies, if there is one.
        no: Option<ShardNo>,
    },
    Change {
        no: ShardNo,
        plan: Box<Plan>,
    },
}

struct Plan {
    what: What,
    now: MicrosUtc,
    known: Known,
    counted: Vec<Key>,
    change: Change,
}

/// Finds out which order it is, and what would be written.
async fn plan(node: &Rc<Node>, what: &What, mut known: Known) -> Result<Planned, NotDecided> {
    for _ in 0..READS_MAX {
        let now = node.now();
        let decided = node.on_desk(now, |desk, entries| -> Result<_, RowFault> {
            let missing = lay_for(node, what, desk, &known)?;
            if !missing.is_empty() {
                return Ok(Err(missing));
            }
            let verdict = decide(what, desk, entries);
            Ok(Ok((verdict, entries.take().is_empty(), desk.changes())))
        });
        match decided.map_err(|fault| node.unsound(fault))? {
            Err(missing) => node.read(user_shard(node, &known), &missing, &mut known).await?,
            Ok((verdict, true, _)) => {
                let no = order_in(&known).map(|order| node.links.of_order(order));
                return Ok(Planned::Nothing { verdict, no });
            }
            Ok((_, false, changes)) => {
                let order = changes.rows.iter().find_map(|(key, _)| order_of(key));
                let Some((order, version)) = order.and_then(|it| Some((it, version_of(&known, it)?))) else {
                    return Err(node.unsound(RowFault::Nonsense));
                };
                let shelves = changes.moved.iter().map(|moved| (ShelfKey::from(moved.of()), None)).collect();
                let counted = changes.rows.iter().map(|(key, _)| *key);
                let counted: Vec<Key> = counted.filter(|key| !count_keys(key).is_empty()).collect();
                let counts = counted.iter().flat_map(count_keys).collect();
                let change = Change { order, version, request: None, shelves, counts };
                let no = node.links.of_order(order);
                let plan = Plan { what: what.clone(), now, known, counted, change };
                return Ok(Planned::Change { no, plan: Box::new(plan) });
            }
        }
    }
    Err(node.unavailable())
}

/// Goes along with all other changes of this shard.
async fn run(node: &Rc<Node>, no: ShardNo, plan: Plan) -> (Changed<NotChanged>, Option<Verdict>) {
    let Plan { what, now, known, counted, change } = plan;
    let (reply, said) = oneshot::channel();
    if node.changing.push(no, Changing { what, now, known, counted, change, reply }) {
        spawn_local(run_changes(Rc::clone(node), no));
    }
    said.await.expect("a round answers all its changes")
}

async fn run_changes(node: Rc<Node>, no: ShardNo) {
    loop {
        let round = node.changing.next_round(no);
        let Some(newest) = round.iter().map(|job| job.change.order).max_by_key(|order| order.ms()) else {
            return;
        };
        let batch: Vec<Change> = round.iter().map(|job| job.change.clone()).collect();
        let mut desk = Deciding { node: &node, jobs: &round, verdicts: vec![None; round.len()] };
        let outcomes = match node.links.slices_for(no, newest).await {
            Ok(slices) => mysql::change(node.links.database(no), &slices, &batch, &mut desk).await,
            Err(fault) => batch.iter().map(|_| Changed::Failed(TxFault::NotDone(fault.clone()))).collect(),
        };
        let verdicts = desk.verdicts;
        for ((job, outcome), verdict) in round.into_iter().zip(outcomes).zip(verdicts) {
            // Who does not wait any more was given up with its whole thread.
            let _ = job.reply.send((outcome, verdict));
        }
    }
}

struct Deciding<'a> {
    node: &'a Node,
    jobs: &'a [Changing],
    verdicts: Vec<Option<Verdict>>,
}

impl ChangeDesk for Deciding<'_> {
    type Refusal = NotChanged;

    fn decide(&mut self, at: usize, found: Found<'_>) -> Result<ChangedOrder, NotChanged> {
        let Changing { what, now, known, counted, change, .. } = &self.jobs[at];
        let mut known = known.clone();
        known.extend(rows_of(found.order).map_err(NotChanged::Unsound)?);
        lay_counts(counted, found.counts, &mut known);
        let (verdict, written, led_to) = self.node.on_desk(*now, |desk, entries| {
            let missing = lay_for(self.node, what, desk, &known).map_err(NotChanged::Unsound)?;
            if let Some(key) = missing.first() {
                return Err(NotChanged::Unsound(RowFault::Missing(*key)));
            }
            let verdict = decide(what, desk, entries);
            let entries = entries.take();
            if entries.is_empty() {
                return Err(NotChanged::Nothing(verdict.map(Box::new)));
            }
            let changes = desk.changes();
            let led_to = led_to(&changes.rows);
            let written = Written::of(desk, changes, found.order.version, entries);
            Ok((verdict, written.map_err(|_| NotChanged::Unsound(RowFault::Nonsense))?, led_to))
        })?;
        let is_locked =
            |moved: &Moved| change.shelves.iter().any(|(shelf, _)| *shelf == ShelfKey::from(moved.of()));
        let is_counted = |(key, _): &(CountKey, u64)| change.counts.contains(key);
        if !written.moved.iter().all(is_locked) || !written.counts.iter().all(is_counted) {
            return Err(NotChanged::Again);
        }
        self.verdicts[at] = verdict;
        let Written { row, history, moved, counts, events } = written;
        Ok(ChangedOrder { row, history, moved, items: Vec::new(), hold: None, led_to, counts, events })
    }
}

/// Lays what is needed; no units are to be had.
fn lay_for(node: &Node, what: &What, desk: &mut Desk, known: &Known) -> Result<Vec<Key>, RowFault> {
    let none = BTreeMap::new();
    let nothing_is_none = |_: &Key| false;
    match what {
        What::Asked(asked) => {
            let intent = asked.submitted().intent;
            lay(desk, &node.catalogue, known, Give::Exactly(&none), Task::Ask(&intent), nothing_is_none)
        }
        What::End(order) => {
            lay(desk, &node.catalogue, known, Give::Exactly(&none), Task::EndOrder(*order), nothing_is_none)
        }
    }
}

/// Timers answer nobody.
fn decide(what: &What, desk: &mut Desk, entries: &mut Entries) -> Option<Verdict> {
    match what {
        What::Asked(asked) => {
            let submitted = asked.submitted();
            let mut makings = domain::Makings::of_all();
            Some(desk.decide(submitted.envelope, &submitted.intent, &mut makings, entries))
        }
        What::End(_) => {
            desk.expire(entries);
            None
        }
    }
}

/// The bytes of the row that says what the request led to.
fn led_to(rows: &[(Key, Option<Row>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows.iter().filter_map(|(key, row)| matches!(key, Key::Request(_)).then_some(row.as_ref()?)) {
        row.put(&mut bytes);
    }
    bytes
}

/// The order that is this row.
const fn order_of(key: &Key) -> Option<OrderId> {
    if let Key::Order(order) = *key { Some(order) } else { None }
}

fn order_in(known: &Known) -> Option<OrderId> {
    known.iter().filter(|(_, row)| row.is_some()).find_map(|(key, _)| order_of(key))
}

/// The version of an order that was read.
fn version_of(known: &Known, order: OrderId) -> Option<u32> {
    let Some(Row::Order(_, record)) = known.get(&Key::Order(order))? else { return None };
    Some(RestingOrder::read(record).ok()?.brief.version)
}

/// Where the rows lie of the user whose order was read.
fn user_shard(node: &Node, known: &Known) -> ShardNo {
    order_in(known).map_or(node.shard_of(UserId(0)), |order| node.links.of_order(order))
}
