//! Named cursors of subscribers.

use alloc::collections::BTreeMap;

use alloc::vec::Vec;

use crate::cursor::{CURSORS_MAX, CursorName};
use crate::fact::{Actor, Fact, Facts, Stamp};
use crate::ids::TraceId;
use crate::intent::CursorMove;
use crate::ledger::Ledger;
use crate::ledger::image::{ImageFault, ImagePart, Reading, put_many};
use crate::refusal::{Reason, Refusal};
use crate::table::Imaged;
use crate::units::MicrosUtc;
use crate::verdict::Verdict;

/// All of them, by name; at most [`CURSORS_MAX`].
pub(crate) type Cursors = BTreeMap<CursorName, u64>;

/// All of it is small.
impl ImagePart for Cursors {
    fn put_head(&self, out: &mut Vec<u8>) {
        put_many(self.iter().map(|(&name, &position)| (name, position)), out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        for cursor in from.many(("cursors", CURSORS_MAX))? {
            let (name, position) = cursor?;
            self.insert(name, position);
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        Vec::new()
    }
}

impl Ledger {
    pub(super) fn move_cursor(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        wanted: &CursorMove,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let CursorMove { name, position, forget } = *wanted;
        let there = self.cursors.get(&name).copied();
        let position = if forget { 0 } else { position };
        if there.is_some_and(|there| there >= position && !forget) || (there.is_none() && forget) {
            return Ok(Verdict::Cursor(there.unwrap_or(0)));
        }
        if there.is_none() && self.cursors.len() >= CURSORS_MAX {
            return Err(Refusal::of(Reason::Overloaded));
        }

        // Doing.
        let stamp = Stamp { at: now, actor: Actor::Operator(0), request: None, trace };
        self.enter_one(&stamp, &Fact::CursorMoved { name, position, forgotten: forget }, facts);
        Ok(Verdict::Cursor(position))
    }

    pub(super) fn get_cursor(&self, name: CursorName) -> Verdict {
        Verdict::Cursor(self.cursors.get(&name).copied().unwrap_or(0))
    }

    pub(super) fn cursor_moved(&mut self, name: CursorName, position: u64, forgotten: bool) {
        if forgotten {
            self.cursors.remove(&name);
        } else {
            self.cursors.insert(name, position);
        }
    }
}
