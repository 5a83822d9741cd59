//! Subscribers: their cursors and dead letters.

use domain::CursorName;
use domain::fact::Stamp;

use super::Auditor;
use super::orders::Together;
use super::tally::Rule;

impl Auditor {
    /// A subscriber parks a fact that is there.
    pub(super) fn letter_parked(
        &mut self,
        stamp: &Stamp,
        (subscriber, position): (CursorName, u64),
        together: &mut Together,
    ) {
        self.by_an_operator(stamp);
        together.asked_for += 1;
        let there = (1..self.next_position).contains(&position);
        self.tally.check(Rule::Letters, there, || {
            format!("{} parked position {position}, and no fact is there", subscriber.as_str())
        });
        self.books.letters.insert((subscriber, position));
    }

    /// What ends was parked.
    pub(super) fn letter_ended(
        &mut self,
        stamp: &Stamp,
        (subscriber, position): (CursorName, u64),
        together: &mut Together,
    ) {
        self.by_an_operator(stamp);
        together.asked_for += 1;
        let parked = self.books.letters.remove(&(subscriber, position));
        self.tally.check(Rule::Letters, parked, || {
            format!("{} had not parked position {position} that it is told of again", subscriber.as_str())
        });
    }
}
