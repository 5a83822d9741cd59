//! ACK, as a request of its own.

use protocol::structs as wire;
use protocol::{Parsed, messages, text};

use super::sealed::Wire;
use super::{Ask, Written};
use crate::attempts::{Asker, Options};
use crate::error::Error;

/// Moves a named cursor on, or forgets it. Moving it twice does nothing twice, so it carries no request id.
#[derive(Clone, Debug)]
pub struct Ack {
    pub(crate) cursor: String,
    pub(crate) position: u64,
    pub(crate) forget: bool,
}

impl Ack {
    /// Asks outside of a [`crate::Request`], within the time that a stream has for it.
    pub(crate) async fn ask(&self, asker: &Asker) -> Result<(), Error> {
        let deadline = std::time::Duration::from_secs(10);
        let options = Options { deadline, trace: 0, request: None, asked_before: false };
        asker.ask(&Written(self), &options).await.map(drop)
    }
}

impl Wire for Ack {
    type Question = messages::Ack;
    type Reply = messages::AckAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::AckHead {
        wire::AckHead {
            cursor: text(&self.cursor),
            position: self.position,
            subscription: 0,
            credit_events: 0,
            credit_bytes: 0,
            partition: 0,
            forget: self.forget,
        }
    }
}

impl Ask for Ack {
    type Answer = u64;

    fn read(answer: &Parsed<'_, messages::AckAnswer>) -> Option<u64> {
        Some(answer.head.position)
    }
}
