//! Named cursors of subscribers.

use alloc::collections::BTreeMap;

use crate::cursor::{CURSORS_MAX, CursorName};
use crate::fact::{Actor, Fact, Facts, Stamp};
use crate::ids::TraceId;
use crate::intent::CursorMove;
use crate::ledger::Ledger;
use crate::refusal::{Reason, Refusal};
use crate::units::MicrosUtc;
use crate::verdict::Verdict;

/// All of them, by name; at most [`CURSORS_MAX`].
pub(crate) type Cursors = BTreeMap<CursorName, u64>;

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
