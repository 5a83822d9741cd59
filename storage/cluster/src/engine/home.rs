//! What is decided where the catalogue lies.

use std::rc::Rc;

use domain::Intent;
use domain::intent::Envelope;
use storage::Outcome;

use super::node::Node;
use crate::catalogue::{self, Asked, Decided};

/// One after the other: an operator's changes are few, and the home decides them one by one anyway.
pub(super) async fn decide(node: &Rc<Node>, envelope: Envelope, intent: &Intent<'_>) -> Outcome {
    let mut desk = node.home_desk.lock().await;
    let asked = Asked { now: node.now(), envelope, intent };
    let Decided { outcome, to_open, trouble } =
        catalogue::decide(&node.links, &node.catalogue, &mut desk, asked).await;
    if let Some(trouble) = trouble {
        tracing::debug!(trouble, "not decided at home");
    }
    to_open.into_iter().for_each(|shelf| node.open(shelf));
    outcome
}
