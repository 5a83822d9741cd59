//! What subscribers say of their cursors and dead letters.

use domain::CursorName;
use domain::intent::{CursorMove, LetterEnd, LetterList, LetterPark};
use domain::letter::LetterReason;

use super::History;

impl History {
    pub(super) fn cursor(&mut self) -> CursorName {
        let mut name = [0; 32];
        name[0] = self.dice.u8(b'a'..=b'c');
        CursorName::parse(name).expect("a letter")
    }

    /// To the first fact at most: whether a position is there is looked at before the ledger.
    pub(super) fn cursor_move(&mut self) -> CursorMove {
        CursorMove { name: self.cursor(), position: self.dice.u64(0..=1), forget: self.dice.u8(0..4) == 0 }
    }

    pub(super) fn letter_park(&mut self) -> LetterPark<'static> {
        let reason = if self.dice.bool() { &b"no such account"[..] } else { b"?" };
        let reason = LetterReason::parse(reason).expect("printable");
        LetterPark { request: self.request(), subscriber: self.cursor(), position: self.letter(), reason }
    }

    pub(super) fn letter_end(&mut self) -> LetterEnd {
        let (subscriber, position) = (self.cursor(), self.letter());
        LetterEnd { request: self.request(), subscriber, position, retry: self.dice.bool() }
    }

    pub(super) fn letter_list(&mut self) -> LetterList {
        let after = self.dice.bool().then(|| (self.cursor(), self.letter()));
        LetterList { after, limit: self.dice.u16(0..4) }
    }

    /// Position 1 is there behind the first fact; 0 never is.
    pub(super) fn letter(&mut self) -> u64 {
        u64::from(self.mostly())
    }
}
