//! Requests remembered: each (who, request id) of the window, exactly, and what it led to.
//!
//! The ids lie where they are needed anyway, in the orders that they made; the others (cancels, operators') have
//! rows of their own. An id is forgotten only when its own time has left the window: ids of about the same time
//! are linked into a generation, and a generation that has left is taken apart a few ids at a time.

mod image;

use alloc::vec;
use alloc::vec::Vec;

use crate::fact::{Request, RequestKey};
use crate::ids::{OrderId, RequestId, UserId};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::orders::{NONE, Orders};
use crate::refusal::{Reason, Refusal};
use crate::request::Rules;
use crate::slot_table::{HashKey, SlotTable, Tag};
use crate::table::Table;
use crate::units::MicrosUtc;

/// Generations that the window is cut into, and a few more for what is ahead of time or not yet taken apart.
const GENERATIONS: usize = 256;
const GENERATIONS_A_WINDOW: i64 = 250;
/// Ids that one intent takes out at most, besides its own work. More than it adds: leaving ids never pile up.
const FORGET_MAX: usize = 4;
/// Set in the slots of changes, to tell them from those of orders.
const CHANGE: u32 = 1 << 31;

/// What a remembered request led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// This order was made or ended.
    Order(u32),
    /// This sku was put.
    Sku(u32),
    /// This sale was put.
    Sale(u32),
    /// This freight rule was put.
    Freight(u32),
    /// This shelf was adjusted, or sold units came back to it.
    Shelf(u32),
    /// This hold was made, ended or extended.
    Hold(u32),
    /// Something was set for a user.
    Limit,
    /// A switch was changed: this is the version that it made.
    Switch { version: u32 },
    /// Units went from one shelf to the other.
    Shelves { from: u32, to: u32 },
    /// This payment was opened or closed, or a refund of it was asked for.
    Payment(u32),
    /// This after-sales case was opened, decided, or its goods came.
    Case(u32),
    /// A dead letter was parked or ended.
    Letters,
    /// This coupon was defined.
    Coupon(u32),
    /// This (coupon, user) pair was claimed.
    CouponTaken(u32),
}

/// A request that made no order.
#[derive(Clone, Copy, Debug)]
struct Change {
    who: UserId,
    id: [u64; 2],
    body: u64,
    subject: Subject,
    /// The next of its generation, or the next unused row.
    next: u32,
}

/// Ids of about the same time, in the order in which they came.
#[derive(Clone, Copy, Debug)]
struct Generation {
    head: u32,
    tail: u32,
    ids: u32,
}

const EMPTY: Generation = Generation { head: NONE, tail: NONE, ids: 0 };

#[derive(Debug)]
pub(crate) struct Requests {
    key: HashKey,
    table: SlotTable,
    changes: Table<Change>,
    unused_changes: u32,
    changes_used: usize,
    /// At the generation's number modulo [`GENERATIONS`].
    generations: Vec<Generation>,
    /// Number of the oldest generation that is still linked; all from here on lie less than [`GENERATIONS`] apart.
    oldest: i64,
    generation_micros: i64,
    /// Ids whose generation left the window, soon to be taken out.
    leaving: Generation,
    rules: Rules,
    /// Ids of an earlier time may have been forgotten, by the rules of before.
    remembered_from: MicrosUtc,
    /// Holds that forgotten requests led to, until the ledger has heard of it: at most [`FORGET_MAX`].
    left_holds: Vec<u32>,
}

impl Requests {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        SlotTable::bytes(bounds.request_ids_max)
            + (bounds.changes_max * size_of::<Change>() + GENERATIONS * size_of::<Generation>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds, key: HashKey, rules: Rules) -> Requests {
        Requests {
            key,
            table: SlotTable::with_rows_max(bounds.request_ids_max),
            changes: Table::with_rows_max(bounds.changes_max),
            unused_changes: NONE,
            changes_used: 0,
            generations: vec![EMPTY; GENERATIONS],
            oldest: i64::MIN,
            generation_micros: generation_micros(&rules),
            leaving: EMPTY,
            rules,
            remembered_from: MicrosUtc(i64::MIN),
            left_holds: Vec::with_capacity(FORGET_MAX),
        }
    }

    /// REQUEST_ID_EXPIRED for an id that may have been forgotten, known or not.
    #[inline]
    pub(crate) fn judge(&self, now: MicrosUtc, id: RequestId) -> Result<(), Refusal> {
        if id.time() < self.remembered_from {
            return Err(Refusal::of(Reason::RequestIdExpired).with(id.time().0, now.0));
        }
        self.rules.judge_request(now, id)
    }

    /// What this request led to, and the hash of its body, if it is remembered.
    #[inline]
    pub(crate) fn find(&self, orders: &Orders, key: RequestKey) -> Option<(Subject, u64)> {
        let slot = self.table.find(self.tag(key), |slot| self.key_of(orders, slot) == key)?;
        if slot & CHANGE == 0 {
            return Some((Subject::Order(slot), orders.at(slot).body));
        }
        let change = &self.changes[(slot & !CHANGE) as usize];
        Some((change.subject, change.body))
    }

    /// Ids that are remembered, and how many of them in rows of their own.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.table.len(), self.changes_used)
    }

    /// Loads what [`Requests::find`] will look at first, for the keys of these tags.
    #[inline]
    pub(crate) fn touch(&self, tags: &[Tag]) {
        self.table.touch(tags);
    }

    /// Whether so many more ids, `changes` of them in rows of their own, fit once the entry that brings them has
    /// taken out what left the window.
    #[inline]
    pub(crate) fn has_room(
        &self,
        orders: &Orders,
        bounds: &LedgerBounds,
        now: MicrosUtc,
        (ids, changes): (usize, usize),
    ) -> bool {
        let (ids, changes) = (self.table.len() + ids, self.changes_used + changes);
        if ids <= bounds.request_ids_max && changes <= bounds.changes_max {
            return true;
        }
        let (gone, gone_changes) = self.about_to_leave(orders, now);
        ids - gone <= bounds.request_ids_max && changes - gone_changes <= bounds.changes_max
    }

    /// Remembers the request that made an order; its key is in the order's row.
    pub(crate) fn remember_order(&mut self, orders: &mut Orders, now: MicrosUtc, slot: u32) {
        self.advance(orders, now);
        self.table.insert(self.tag(self.key_of(orders, slot)), slot);
        self.link(orders, slot);
    }

    /// Remembers a request that made no order.
    pub(crate) fn remember_change(
        &mut self,
        orders: &mut Orders,
        now: MicrosUtc,
        request: Request,
        subject: Subject,
    ) {
        self.advance(orders, now);
        let Request { key: RequestKey { who, id }, body } = request;
        let change = Change { who, id: [(id.0 >> 64) as u64, id.0 as u64], body, subject, next: NONE };
        let at = if self.unused_changes == NONE {
            self.changes.push(change)
        } else {
            let at = self.unused_changes;
            self.unused_changes = self.changes[at as usize].next;
            self.changes[at as usize] = change;
            at
        };
        self.changes_used += 1;
        self.table.insert(self.tag(request.key), at | CHANGE);
        self.link(orders, at | CHANGE);
    }

    /// Takes out a few of the ids that have left the window by now, once an entry. Forgetting changes no answer,
    /// for an id outside the window is refused known or not.
    pub(crate) fn advance(&mut self, orders: &mut Orders, now: MicrosUtc) {
        let earliest = self.rules.earliest(now);
        let first_inside = earliest.0.div_euclid(self.generation_micros);
        if self.oldest < first_inside {
            self.retire(orders, first_inside);
        }
        for _ in 0..FORGET_MAX {
            let slot = self.leaving.head;
            if slot == NONE {
                return;
            }
            self.leaving.head = self.next_of(orders, slot);
            self.set_next(orders, slot, NONE);
            let key = self.key_of(orders, slot);
            if key.id.time() >= earliest {
                // Put here under other rules, before a restart: it comes back for its own time.
                self.link(orders, slot);
                continue;
            }
            self.table.remove(self.tag(key), slot);
            if slot & CHANGE != 0 {
                let at = slot & !CHANGE;
                if let Subject::Hold(hold) = self.changes[at as usize].subject {
                    self.left_holds.push(hold);
                }
                self.changes[at as usize].next = self.unused_changes;
                self.unused_changes = at;
                self.changes_used -= 1;
            }
        }
    }

    /// A hold that a forgotten request led to, each time once.
    #[inline]
    pub(crate) fn left_hold(&mut self) -> Option<u32> {
        self.left_holds.pop()
    }

    /// How many ids, and how many of them in rows of their own, the next [`Requests::advance`] will take out.
    fn about_to_leave(&self, orders: &Orders, now: MicrosUtc) -> (usize, usize) {
        let earliest = self.rules.earliest(now);
        let first_inside = earliest.0.div_euclid(self.generation_micros);
        let end = first_inside.min(self.oldest.saturating_add(GENERATIONS as i64));
        let retiring = (self.oldest..end).map(|number| self.generations[place_of(number)]);
        let (mut gone, mut steps) = ((0, 0), 0);
        for generation in core::iter::once(self.leaving).chain(retiring) {
            let mut slot = generation.head;
            while slot != NONE && steps < FORGET_MAX {
                steps += 1;
                if self.key_of(orders, slot).id.time() < earliest {
                    gone.0 += 1;
                    gone.1 += usize::from(slot & CHANGE != 0);
                }
                slot = self.next_of(orders, slot);
            }
        }
        gone
    }

    /// How many remembered ids are inside the window at this instant.
    pub(crate) fn count(&self, orders: &Orders, now: MicrosUtc) -> u64 {
        let earliest = self.rules.earliest(now);
        let first_inside = earliest.0.div_euclid(self.generation_micros);
        let mut inside = 0;
        for number in self.oldest..self.oldest.saturating_add(GENERATIONS as i64) {
            let generation = self.generations[place_of(number)];
            if number > first_inside {
                inside += u64::from(generation.ids);
            } else if number == first_inside {
                let mut slot = generation.head;
                while slot != NONE {
                    inside += u64::from(self.key_of(orders, slot).id.time() >= earliest);
                    slot = self.next_of(orders, slot);
                }
            }
        }
        inside
    }

    /// Moves every generation before `first_inside` to those that leave: a step each, whatever is in it.
    fn retire(&mut self, orders: &mut Orders, first_inside: i64) {
        let end = first_inside.min(self.oldest.saturating_add(GENERATIONS as i64));
        for number in self.oldest..end {
            let gone = core::mem::replace(&mut self.generations[place_of(number)], EMPTY);
            if gone.head == NONE {
                continue;
            }
            if self.leaving.head == NONE {
                self.leaving = gone;
            } else {
                self.set_next(orders, self.leaving.tail, gone.head);
                self.leaving.tail = gone.tail;
            }
        }
        self.oldest = first_inside;
    }

    fn link(&mut self, orders: &mut Orders, slot: u32) {
        let number = self.key_of(orders, slot).id.time().0.div_euclid(self.generation_micros);
        let newest = self.oldest + GENERATIONS as i64 - 1;
        let place = place_of(number.clamp(self.oldest, newest));
        let Generation { head, tail, ids } = self.generations[place];
        if head == NONE {
            self.generations[place] = Generation { head: slot, tail: slot, ids: 1 };
        } else {
            self.set_next(orders, tail, slot);
            self.generations[place] = Generation { head, tail: slot, ids: ids + 1 };
        }
    }

    #[inline]
    fn key_of(&self, orders: &Orders, slot: u32) -> RequestKey {
        if slot & CHANGE == 0 {
            let order = orders.at(slot);
            return RequestKey { who: order.user, id: order.request() };
        }
        let Change { who, id: [high, low], .. } = self.changes[(slot & !CHANGE) as usize];
        RequestKey { who, id: RequestId(u128::from(high) << 64 | u128::from(low)) }
    }

    fn next_of(&self, orders: &Orders, slot: u32) -> u32 {
        if slot & CHANGE == 0 {
            orders.at(slot).request_next
        } else {
            self.changes[(slot & !CHANGE) as usize].next
        }
    }

    fn set_next(&mut self, orders: &mut Orders, slot: u32, next: u32) {
        if slot & CHANGE == 0 {
            orders.at_mut(slot).request_next = next;
        } else {
            self.changes[(slot & !CHANGE) as usize].next = next;
        }
    }

    #[inline]
    pub(crate) fn tag(&self, key: RequestKey) -> Tag {
        self.key.tag3(key.who.0, (key.id.0 >> 64) as u64, key.id.0 as u64)
    }
}

/// How long the ids of one generation are apart.
const fn generation_micros(rules: &Rules) -> i64 {
    (rules.request_window.0 + rules.request_ahead.0) / GENERATIONS_A_WINDOW + 1
}

const fn place_of(generation: i64) -> usize {
    generation.rem_euclid(GENERATIONS as i64) as usize
}

/// Draws order ids: `(ms, sequence)` only grows, also where the clock stands still or an id came from a journal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OrderIds {
    last_ms: u64,
    /// The next sequence of that millisecond.
    next_sequence: u16,
}

impl OrderIds {
    /// The id that the next order gets.
    #[inline]
    pub(crate) fn next(&self, now: MicrosUtc, user: UserId) -> OrderId {
        let now_ms = (now.0.div_euclid(1_000) - OrderId::EPOCH_MS).max(0) as u64;
        let slot = OrderId::slot_of(user);
        if now_ms > self.last_ms {
            OrderId::new(now_ms, slot, 0)
        } else if self.next_sequence < OrderId::SEQUENCES_PER_MS {
            OrderId::new(self.last_ms, slot, self.next_sequence)
        } else {
            OrderId::new(self.last_ms + 1, slot, 0)
        }
    }

    /// This id exists now.
    #[inline]
    pub(crate) fn used(&mut self, order: OrderId) {
        let (ms, sequence) = (order.ms(), order.sequence());
        if (ms, sequence + 1) > (self.last_ms, self.next_sequence) {
            (self.last_ms, self.next_sequence) = (ms, sequence + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_ids_only_grow_and_a_full_millisecond_takes_the_next() {
        let mut ids = OrderIds::default();
        let now = |ms: i64| MicrosUtc((OrderId::EPOCH_MS + ms) * 1_000);
        let mut draw = |ms, user| {
            let id = ids.next(now(ms), UserId(user));
            ids.used(id);
            (id.ms(), id.sequence(), id)
        };
        assert_eq!((draw(5, 1).0, draw(5, 2).1), (5, 1));
        for sequence in 2..OrderId::SEQUENCES_PER_MS {
            assert_eq!(draw(5, 1).1, sequence);
        }
        let (ms, sequence, _) = draw(5, 1);
        assert_eq!((ms, sequence), (6, 0), "the millisecond is full");
        let (ms, sequence, id) = draw(3, 7);
        assert_eq!((ms, sequence), (6, 1), "a clock that stands back does not matter");
        assert_eq!(id.slot(), OrderId::slot_of(UserId(7)));
        assert_eq!(draw(9, 1).0, 9);
    }
}
