//! Orders that leave memory and come back: who may go, and what becomes of their rows.
//!
//! A hand goes round over all rows. An order that it finds untouched ages, and one that is old enough and waits for
//! no timer may rest. So nothing is kept in order of use, and an order that is used pays one byte for it.

use super::{LinesPlace, LiveOrder, NONE, Orders};
use crate::image::Flat;
use crate::order;

/// What is known of an order's rest, in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RestMarks(u8);

impl Flat for RestMarks {
    const BYTES: usize = 1;

    fn put(&self, out: &mut alloc::vec::Vec<u8>) {
        self.0.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        u8::take(from).map(RestMarks)
    }
}

/// How often the hand came by.
const AGE: u8 = 0b11;
/// It was handed out to be kept at rest, and nobody has said yet whether it is.
const LEAVING: u8 = 1 << 2;
/// It was handed out before: an older state of it may be kept.
const WAS_KEPT: u8 = 1 << 3;
/// And that state is the one of now.
const UNCHANGED: u8 = 1 << 4;
/// Nobody's row.
const FREE: u8 = 1 << 5;
/// It changed since it was handed out.
const CHANGED: u8 = 1 << 6;

impl RestMarks {
    /// Of an order that changed just now and never rested.
    pub(crate) const AWAKE: RestMarks = RestMarks(0);
    /// Of an order that came back just now.
    pub(crate) const WOKEN: RestMarks = RestMarks(WAS_KEPT | UNCHANGED);

    /// Of an order that changes: whatever was handed out, or lies at rest, is not it any more.
    #[inline]
    pub(crate) const fn touched(self) -> RestMarks {
        let changed = if self.is_leaving() { CHANGED } else { 0 };
        RestMarks(self.0 & (WAS_KEPT | LEAVING) | changed)
    }

    /// Of an order that was handed out, changed, and stays: what is kept of it is an older state.
    pub(crate) const fn staying(self) -> RestMarks {
        RestMarks(self.0 & WAS_KEPT)
    }

    /// Of an order in an image: what was handed out is not known any more.
    pub(super) const fn read_back(self) -> RestMarks {
        RestMarks(self.0 & (WAS_KEPT | UNCHANGED | FREE))
    }

    pub(crate) const fn was_kept(self) -> bool {
        self.0 & WAS_KEPT != 0
    }

    /// Whether what lies at rest is what it is now.
    pub(crate) const fn is_unchanged(self) -> bool {
        self.0 & UNCHANGED != 0
    }

    pub(crate) const fn is_leaving(self) -> bool {
        self.0 & LEAVING != 0
    }

    pub(crate) const fn is_changed(self) -> bool {
        self.0 & CHANGED != 0
    }

    pub(crate) const fn leaving(self) -> RestMarks {
        RestMarks(self.0 | LEAVING | WAS_KEPT)
    }

    pub(super) const fn is_free(self) -> bool {
        self.0 & FREE != 0
    }

    const fn age(self) -> u8 {
        self.0 & AGE
    }

    const fn older(self) -> RestMarks {
        if self.age() == AGE { self } else { RestMarks(self.0 + 1) }
    }
}

/// Whom the hand found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    /// Nobody who may rest.
    Nobody,
    /// An order that may rest when it is older.
    Tired,
    /// An order that may rest.
    Asleep(u32),
}

impl Orders {
    /// Moves the hand on by one row, to whoever is there: an order is asleep when nobody touched it for the last `age`
    /// rounds, and no timer waits for it.
    pub(crate) fn next_to_rest(&mut self, age: u8) -> Found {
        self.hand = if self.hand + 1 < self.rows.len() { self.hand + 1 } else { 0 };
        let slot = self.hand as u32;
        let Some(&LiveOrder { rest, state, .. }) = self.rows.get(self.hand) else { return Found::Nobody };
        if rest.is_free() || rest.is_leaving() || order::is_timed(state) {
            return Found::Nobody;
        }
        if rest.age() >= age {
            return Found::Asleep(slot);
        }
        self.rows[slot as usize].rest = rest.older();
        Found::Tired
    }

    /// Rows that the hand goes over in a round.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The order changes.
    #[inline]
    pub(crate) fn touch_row(&mut self, slot: u32) {
        let rest = self.at(slot).rest;
        if rest != rest.touched() {
            self.rows[slot as usize].rest = rest.touched();
        }
    }

    /// Takes the order out of memory. Its payments, shipments, coupons and cases are gone already.
    pub(crate) fn remove(&mut self, slot: u32) {
        let LiveOrder { id, user, older, newer, .. } = *self.at(slot);
        self.by_id.remove(self.id_tag(id), slot);
        self.by_making.remove(id.making(), slot);
        if older != NONE {
            self.rows[older as usize].newer = newer;
        }
        let tag = self.user_tag(user);
        match (newer, older) {
            (NONE, NONE) => self.by_user.remove(tag, slot),
            (NONE, older) => self.by_user.replace(tag, slot, older),
            (newer, _) => self.rows[newer as usize].older = older,
        }
        self.free_parts(slot);
        let row = &mut self.rows[slot as usize];
        (row.rest, row.timer_next) = (RestMarks(FREE), self.free_rows);
        self.free_rows = slot;
        self.rows_used -= 1;
    }

    /// Adds an order that comes back, whose parts are there, among those of its user and all others.
    pub(super) fn put_back(&mut self, order: LiveOrder) -> u32 {
        let (id, user, making) = (order.id, order.user, order.id.making());
        // It is older than most that are here: so far the walk from the newest is the user's own orders.
        let (mut newer, mut older) = (NONE, self.newest_of(user).unwrap_or(NONE));
        while older != NONE && self.at(older).id.making() > making {
            (newer, older) = (older, self.at(older).older);
        }
        let slot = self.add_row(LiveOrder { older, newer, ..order });
        if older != NONE {
            self.rows[older as usize].newer = slot;
        }
        let tag = self.user_tag(user);
        match (newer, older) {
            (NONE, NONE) => self.by_user.insert(tag, slot),
            (NONE, older) => self.by_user.replace(tag, older, slot),
            (newer, _) => self.rows[newer as usize].older = slot,
        }
        self.by_id.insert(self.id_tag(id), slot);
        let Orders { by_making, rows, .. } = self;
        by_making.insert(making, slot, |it| rows[it as usize].id.making());
        slot
    }

    /// Frees lines, client bytes and history.
    fn free_parts(&mut self, slot: u32) {
        let LiveOrder { lines, rare, history, .. } = *self.at(slot);
        match lines {
            LinesPlace::Here(_) => (),
            LinesPlace::Pooled { first, plain: true } => self.plain_lines.free_from(first),
            LinesPlace::Pooled { first, plain: false } => self.whole_lines.free_from(first),
        }
        self.history.free_from(history);
        if rare != NONE {
            let row = self.rare.at_mut(rare);
            let client_bytes = core::mem::replace(&mut row.client_bytes, NONE);
            self.client_bytes.free_from(client_bytes);
            self.rare.free_from(rare);
        }
    }
}
