//! Where events go from the outbox.

use crate::mysql::EventRow;
use crate::shelf::ShardNo;

/// Takes events out of the store. It is given them at least once: after an error, or when a node died behind it, the
/// same ones come again. Those of one order come in the order in which they became true.
pub trait Sink {
    /// Takes events of one database. They count as published when this returns, so it keeps them before.
    ///
    /// # Errors
    /// It may have kept some of them, or all; they come again.
    fn publish(&mut self, of: ShardNo, events: Vec<EventRow>) -> impl Future<Output = Result<(), SinkFault>>;
}

/// A sink that did not take its events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sink of events: {0}")]
pub struct SinkFault(pub String);

/// For who has no use for events: they are published nowhere, and the outbox stays short.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Sink for Nowhere {
    async fn publish(&mut self, _: ShardNo, _: Vec<EventRow>) -> Result<(), SinkFault> {
        Ok(())
    }
}
