//! The transactions that make orders: what the shop says of each, by what its transaction read under its locks.

use std::rc::Rc;

use domain::desk::{Key, RowFault, Task};
use domain::verdict::OrderBrief;
use domain::{Refusal, Verdict};
use tokio::sync::oneshot;

use super::create::{Got, Plan};
use super::node::{Node, lay_counts};
use super::plan::{Give, lay};
use super::rows::Written;
use super::worker::Asked;
use crate::mysql::{self, Committed, Counts, Desk, ItemRow, NewOrder, Prepared, TxFault};
use crate::shelf::{ShardNo, ShelfKey};

/// An order that waits for its transaction.
pub(super) struct Committing {
    pub asked: Asked,
    pub plan: Plan,
    pub got: Vec<Got>,
    pub prepared: Prepared,
    pub reply: oneshot::Sender<(Committed<NotMade>, Option<OrderBrief>)>,
}

/// Why the desk inside the transaction makes no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotMade {
    /// The shop refuses it.
    Refused(Refusal),
    /// It judged by a catalogue that has changed since.
    Changed,
    /// Rows make no sense together.
    Unsound(RowFault),
}

/// Commits what waits for this shard, round by round, until nothing does.
pub(super) async fn run_commits(node: Rc<Node>, no: ShardNo) {
    loop {
        let round = node.committing.next_round(no);
        let Some(newest) = round.iter().map(|job| job.plan.order).max_by_key(|order| order.ms()) else {
            return;
        };
        let batch: Vec<Prepared> = round.iter().map(|job| job.prepared.clone()).collect();
        let mut desk = Deciding { node: &node, jobs: &round, made: vec![None; round.len()] };
        let outcomes = match node.links.slices_for(no, newest).await {
            Ok(slices) => mysql::commit(node.links.database(no), &slices, &batch, &mut desk).await,
            Err(fault) => batch.iter().map(|_| Committed::Failed(TxFault::NotDone(fault.clone()))).collect(),
        };
        let made = desk.made;
        node.counters.committed(round.len());
        for ((job, outcome), made) in round.into_iter().zip(outcomes).zip(made) {
            // Who does not wait any more was given up with its whole thread.
            let _ = job.reply.send((outcome, made));
        }
    }
}

/// Decides inside the transaction, by what it read under its locks, with exactly the units that Redis gave.
struct Deciding<'a> {
    node: &'a Node,
    jobs: &'a [Committing],
    made: Vec<Option<OrderBrief>>,
}

impl Desk for Deciding<'_> {
    type Refusal = NotMade;

    fn decide(&mut self, at: usize, counts: &Counts) -> Result<NewOrder, NotMade> {
        let Committing { asked, plan, got, .. } = &self.jobs[at];
        let mut known = plan.known.clone();
        lay_counts(&plan.counted, counts, &mut known);
        let given = got.iter().map(|one| (one.shared, one.units.into())).collect();
        let submitted = asked.submitted();
        let (brief, written) = self.node.on_desk(plan.now, |desk, entries| {
            let task = Task::Ask(&submitted.intent);
            let as_none = |key: &Key| matches!(key, Key::Count(..));
            let missing = lay(desk, &self.node.catalogue, &known, Give::Exactly(&given), task, as_none)
                .map_err(NotMade::Unsound)?;
            if let Some(key) = missing.first() {
                return Err(NotMade::Unsound(RowFault::Missing(*key)));
            }
            let mut makings = plan.makings.clone();
            let verdict = desk.decide(submitted.envelope, &submitted.intent, &mut makings, entries);
            if let Verdict::Refused(refusal) = verdict {
                let has_changed = self.node.catalogue.change() != plan.catalogue;
                return Err(if has_changed { NotMade::Changed } else { NotMade::Refused(refusal) });
            }
            let Verdict::Order(brief) = verdict else { return Err(NotMade::Unsound(RowFault::Nonsense)) };
            let changes = desk.changes();
            let written = Written::of(desk, changes, 0, entries.take());
            written.map(|written| (brief, written)).map_err(|_| NotMade::Unsound(RowFault::Nonsense))
        })?;
        self.made[at] = Some(brief);
        let Written { row, history, moved, counts, events } = written;
        let items = got.iter().map(|one| ItemRow {
            shelf: ShelfKey::from(one.shared),
            units: one.units,
            hold: one.hold,
            epoch: one.epoch,
        });
        Ok(NewOrder { row, items: items.collect(), moved, history, counts, events })
    }
}
