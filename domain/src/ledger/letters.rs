//! Dead letters of subscribers.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::ops::Bound;

use alloc::vec::Vec;

use crate::cursor::CursorName;
use crate::fact::{Fact, Facts, RequestKey};
use crate::ids::{TraceId, UserId};
use crate::intent::{Intent, LetterEnd, LetterList, LetterPark, PAGE_MAX};
use crate::ledger::image::{ImageFault, ImagePart, Reading, put_many, put_text};
use crate::ledger::{Ledger, by_operator};
use crate::letter::{DeadLetter, LETTER_REASON_BYTES_MAX, LetterReason};
use crate::refusal::{Reason, Refusal};
use crate::table::Imaged;
use crate::units::MicrosUtc;
use crate::verdict::{LetterPage, Verdict};

/// What a letter takes, about, with its share of the map.
const LETTER_BYTES: usize = 128 + LETTER_REASON_BYTES_MAX;

/// All of them, by subscriber and position.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    rows: BTreeMap<(CursorName, u64), Parked>,
    /// Those that are known by their number alone: only a desk has such.
    elsewhere: usize,
}

#[derive(Debug)]
struct Parked {
    at: MicrosUtc,
    reason: Box<str>,
}

impl Letters {
    pub(crate) const fn bytes(letters_max: usize) -> u64 {
        (letters_max * LETTER_BYTES) as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len() + self.elsewhere
    }

    /// There are so many, those that are here included.
    pub(crate) fn set_len(&mut self, letters: usize) {
        self.elsewhere = letters.saturating_sub(self.rows.len());
    }

    /// When it was parked, and why.
    pub(crate) fn row(&self, subscriber: CursorName, position: u64) -> Option<(MicrosUtc, &str)> {
        self.rows.get(&(subscriber, position)).map(|parked| (parked.at, &*parked.reason))
    }

    /// Whose they are, and the positions of their facts.
    pub(crate) fn all(&self) -> impl Iterator<Item = (CursorName, u64)> {
        self.rows.keys().copied()
    }

    pub(crate) fn has(&self, subscriber: CursorName, position: u64) -> bool {
        self.rows.contains_key(&(subscriber, position))
    }

    pub(crate) fn park(&mut self, at: MicrosUtc, of: (CursorName, u64), reason: LetterReason<'_>) {
        self.rows.insert(of, Parked { at, reason: reason.as_str().into() });
    }

    pub(crate) fn end(&mut self, subscriber: CursorName, position: u64) {
        self.rows.remove(&(subscriber, position));
    }
}

/// All of it is small.
impl ImagePart for Letters {
    fn put_head(&self, out: &mut Vec<u8>) {
        put_many(self.rows.iter().map(|(&of, parked)| (of, parked.at)), out);
        self.rows.values().for_each(|parked| put_text(&parked.reason, out));
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        for letter in from.many(("dead_letters_max", from.bounds.dead_letters_max))? {
            let (of, at) = letter?;
            self.rows.insert(of, Parked { at, reason: Box::default() });
        }
        for parked in self.rows.values_mut() {
            parked.reason = from.text()?;
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        Vec::new()
    }
}

impl Ledger {
    pub(super) fn park_letter(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        park: &LetterPark<'_>,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let LetterPark { request, subscriber, position, reason } = *park;
        if position == 0 {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let key = RequestKey { who: UserId(0), id: request };
        let body = Intent::LetterPark(*park).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        if !self.has_room_for_letter(subscriber, position) {
            return Err(Refusal::of(Reason::Overloaded));
        }
        self.judge_room_for_change(now)?;

        // Doing.
        let fact = Fact::LetterParked { subscriber, position, reason };
        self.enter_one(&by_operator(now, trace, key, body), &fact, facts);
        Ok(self.letters_parked())
    }

    pub(super) fn end_letter(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        end: &LetterEnd,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let LetterEnd { request, subscriber, position, retry } = *end;
        let key = RequestKey { who: UserId(0), id: request };
        let body = Intent::LetterEnd(*end).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        if !self.letters.has(subscriber, position) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        self.judge_room_for_change(now)?;

        // Doing.
        let fact = Fact::LetterEnded { subscriber, position, retried: retry };
        self.enter_one(&by_operator(now, trace, key, body), &fact, facts);
        Ok(self.letters_parked())
    }

    pub(super) fn list_letters(&self, list: &LetterList) -> Result<Verdict, Refusal> {
        let LetterList { after, limit } = *list;
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut behind = self.letters.rows.range((from, Bound::Unbounded));
        let items = behind.by_ref().take(limit.into()).map(|(&(subscriber, position), parked)| {
            let Parked { at, reason } = parked;
            DeadLetter { subscriber, position, at: *at, reason: reason.clone() }
        });
        let items = items.collect();
        let (more, parked) = (behind.next().is_some(), self.letters.len() as u64);
        Ok(Verdict::Letters(Box::new(LetterPage { items, more, parked })))
    }

    /// How many there are, as a change of them is answered.
    pub(super) fn letters_parked(&self) -> Verdict {
        Verdict::LettersParked(self.letters.len() as u64)
    }

    pub(super) fn has_room_for_letter(&self, subscriber: CursorName, position: u64) -> bool {
        self.letters.len() < self.bounds.dead_letters_max || self.letters.has(subscriber, position)
    }
}
