//! DEAD_LETTERS: parking what a subscriber cannot take, and what becomes of it.

use protocol::structs::{self as wire, DeadLettersHead};
use protocol::{Parsed, messages, text, text_of};

use super::sealed::Wire;
use super::{Ask, Changes, Request};
use crate::events::{DeadLetter, DeadLetters};
use crate::values::MicrosUtc;

/// What DEAD_LETTERS is asked to do.
const READ: u8 = 0;
const PARK: u8 = 1;
const RETRY: u8 = 2;
const DROP: u8 = 3;
/// Letters of a page, where nothing is said.
const PAGE: u16 = 100;

/// Parks an event that a subscriber cannot take.
#[derive(Clone, Debug)]
pub struct ParkLetter {
    pub(crate) subscriber: String,
    pub(crate) position: u64,
    pub(crate) reason: String,
}

/// Tells a subscriber of what it parked again, or drops that.
#[derive(Clone, Debug)]
pub struct EndLetter {
    pub(crate) subscriber: String,
    pub(crate) position: u64,
    pub(crate) retry: bool,
}

/// Reads what is parked, a page at a time.
#[derive(Clone, Debug)]
pub struct ListLetters {
    after: (String, u64),
    limit: u16,
}

impl ListLetters {
    pub(crate) fn new() -> ListLetters {
        ListLetters { after: (String::new(), 0), limit: PAGE }
    }
}

impl Request<ListLetters> {
    /// Only letters behind the one of this subscriber and position: the last one of a page brings the next page, and
    /// position 0 the first one of a subscriber.
    pub fn after(mut self, subscriber: impl Into<String>, position: u64) -> Self {
        self.ask.after = (subscriber.into(), position);
        self
    }

    /// Letters of one page, 1 to 100. Default 100.
    pub fn limit(mut self, letters: u16) -> Self {
        self.ask.limit = letters;
        self
    }
}

fn head(request: u128, subscriber: &str, position: u64, action: u8) -> DeadLettersHead {
    let subscriber = text(subscriber);
    DeadLettersHead { request, subscriber, reason: [0; 64], position, partition: 0, limit: 0, action }
}

impl Wire for ParkLetter {
    type Question = messages::DeadLetters;
    type Reply = messages::DeadLettersAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> DeadLettersHead {
        let ParkLetter { subscriber, position, reason } = self;
        DeadLettersHead { reason: text(reason), ..head(request, subscriber, *position, PARK) }
    }
}

impl Wire for EndLetter {
    type Question = messages::DeadLetters;
    type Reply = messages::DeadLettersAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> DeadLettersHead {
        let EndLetter { subscriber, position, retry } = self;
        head(request, subscriber, *position, if *retry { RETRY } else { DROP })
    }
}

impl Wire for ListLetters {
    type Question = messages::DeadLetters;
    type Reply = messages::DeadLettersAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> DeadLettersHead {
        let (subscriber, position) = &self.after;
        DeadLettersHead { limit: self.limit, ..head(0, subscriber, *position, READ) }
    }
}

impl Ask for ParkLetter {
    type Answer = u64;

    fn read(answer: &Parsed<'_, messages::DeadLettersAnswer>) -> Option<u64> {
        Some(answer.head.parked)
    }
}

impl Ask for EndLetter {
    type Answer = u64;

    fn read(answer: &Parsed<'_, messages::DeadLettersAnswer>) -> Option<u64> {
        Some(answer.head.parked)
    }
}

impl Ask for ListLetters {
    type Answer = DeadLetters;

    fn read(answer: &Parsed<'_, messages::DeadLettersAnswer>) -> Option<DeadLetters> {
        let items = answer.items.iter().map(|item| letter(&item)).collect::<Option<_>>()?;
        Some(DeadLetters { items, more: answer.head.more, parked: answer.head.parked })
    }
}

impl Changes for ParkLetter {}
impl Changes for EndLetter {}

fn letter(item: &wire::DeadLetter) -> Option<DeadLetter> {
    let wire::DeadLetter { subscriber, reason, position, at, partition: _ } = item;
    let (subscriber, reason) = (text_of(subscriber)?.to_owned(), text_of(reason)?.to_owned());
    Some(DeadLetter { subscriber, position: *position, at: MicrosUtc(*at), reason })
}
