//! A server that did not do what a loop wanted of it.

use crate::mysql::{Fault, TxFault};
use crate::redis::Failed;

/// A server that did not do what was wanted of it. All that mends is tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// A database.
    #[error(transparent)]
    Mysql(#[from] Fault),
    /// Redis.
    #[error(transparent)]
    Redis(#[from] Failed),
    /// Where events go.
    #[error(transparent)]
    Sink(#[from] super::sink::SinkFault),
}

impl From<TxFault> for Trouble {
    /// What mends is repeated whatever became of it.
    fn from(fault: TxFault) -> Trouble {
        Trouble::Mysql(fault.into_fault())
    }
}
