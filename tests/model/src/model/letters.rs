//! Dead letters: a fact stands there once a subscriber, until it is retried or dropped.

use domain::intent::{LetterEnd, LetterList, LetterPark};
use domain::letter::DeadLetter;
use domain::verdict::LetterPage;
use domain::{MicrosUtc, Reason, Refusal, Verdict};

use super::{Model, Subject};

impl Model {
    pub(super) fn letter_park(&mut self, now: MicrosUtc, park: &LetterPark<'_>) -> Subject {
        let LetterPark { request: _, subscriber, position, reason } = *park;
        self.letters.insert((subscriber, position), (now, reason.as_str().to_owned()));
        Subject::Letters
    }

    pub(super) fn letter_end(&mut self, end: &LetterEnd) -> Result<Subject, Refusal> {
        let LetterEnd { request: _, subscriber, position, retry: _ } = *end;
        match self.letters.remove(&(subscriber, position)) {
            Some(_) => Ok(Subject::Letters),
            None => Err(Refusal::of(Reason::InvalidField)),
        }
    }

    pub(super) fn letter_list(&self, list: &LetterList) -> Verdict {
        let LetterList { after, limit } = *list;
        let letters = self.letters.iter().filter(|(of, _)| after.is_none_or(|after| **of > after));
        let mut items: Vec<_> = letters
            .map(|(&(subscriber, position), (at, reason))| {
                let reason = reason.as_str().into();
                DeadLetter { subscriber, position, at: *at, reason }
            })
            .collect();
        let more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        Verdict::Letters(Box::new(LetterPage { items, more, parked: self.letters.len() as u64 }))
    }
}
