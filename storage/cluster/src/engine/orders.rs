//! Answers to what was asked before: by what stands under its request id.

use std::rc::Rc;

use domain::desk::{Key, LedTo, Row, RowFault, Task};
use domain::intent::Envelope;
use domain::{Intent, Reason, Refusal, RequestKey, Verdict};
use storage::{NotDecided, Outcome};

use super::node::Node;
use super::plan::{Give, Known, lay};
use crate::mysql::Standing;
use crate::refused::take_refusal;

/// What stands under a request id, as a row; nothing where nothing was done.
pub(super) fn request_row(key: RequestKey, standing: &Standing) -> Option<Row> {
    match standing {
        Standing::Order { order, .. } => Some(Row::Request(key, LedTo::Made(*order))),
        // What does not parse is noticed where it is laid: it is then missing.
        Standing::Done { led_to, .. } => Row::parse(led_to).ok(),
        Standing::Dead(_) | Standing::Refused { .. } => None,
    }
}

/// Answers an intent by what its request id led to before.
pub(super) async fn replay(
    node: &Rc<Node>,
    envelope: Envelope,
    intent: &Intent<'_>,
    key: RequestKey,
    standing: &Standing,
) -> Outcome {
    match standing {
        Standing::Refused { body_hash, .. } if *body_hash != intent.body_hash() => {
            Ok(Verdict::Refused(Refusal::of(Reason::RequestIdReused)))
        }
        Standing::Refused { refusal, .. } => match take_refusal(refusal) {
            Some(refusal) => Ok(Verdict::Refused(refusal)),
            None => Err(node.unsound(RowFault::Nonsense)),
        },
        Standing::Dead(_) => Err(node.unavailable()),
        Standing::Order { .. } | Standing::Done { .. } => {
            let row = request_row(key, standing).ok_or_else(|| node.unsound(RowFault::Nonsense))?;
            let known = Known::from([(Key::Request(key), Some(row))]);
            answer(node, envelope, intent, key.who, known).await
        }
    }
}

/// Answers an intent that changes nothing: a read, or what was asked before. `known` has what was read already.
pub(super) async fn answer(
    node: &Rc<Node>,
    envelope: Envelope,
    intent: &Intent<'_>,
    user: domain::UserId,
    mut known: Known,
) -> Outcome {
    for _ in 0..READS_MAX {
        let now = node.now();
        let decided = node.on_desk(now, |desk, entries| {
            let missing = lay(desk, &node.catalogue, &known, Give::AsItIs, Task::Ask(intent), |_| false)?;
            if !missing.is_empty() {
                return Ok(Err(missing));
            }
            let mut makings = domain::Makings::of_all();
            let verdict = desk.decide(envelope, intent, &mut makings, entries);
            Ok::<_, RowFault>(Ok((verdict, entries.take().is_empty())))
        });
        match decided.map_err(|fault| node.unsound(fault))? {
            Ok((verdict, true)) => return Ok(verdict),
            // It would change something now: what stood there is gone, or was never there.
            Ok((_, false)) => return Err(node.unavailable()),
            Err(missing) => node.read(node.shard_of(user), &missing, &mut known).await?,
        }
    }
    Err(NotDecided::Unavailable { retry_after_ms: node.retry_after_ms })
}

/// How often rows are read for one decision: what one names the next has.
pub(super) const READS_MAX: usize = 6;
