//! Requests remembered: each (who, request id) of the window, exactly, and what it led to.
//!
//! An id that made an order lies in that order, which may be at rest: here are 48 bits of its hash and the order's
//! id, and who finds it confirms it there. The others (cancels, operators') lie here. An id is forgotten only when its
//! own time has left the window: ids of about the same time are linked into a generation, and a generation that has
//! left is taken apart a few ids at a time.

mod image;

use alloc::vec;
use alloc::vec::Vec;

use crate::fact::{Request, RequestKey};
use crate::ids::{Making, OrderId, PaymentId, RequestId, UserId};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::orders::Orders;
use crate::pool::{NONE, Pool, linked};
use crate::refusal::{Reason, Refusal};
use crate::request::Rules;
use crate::slot_table::{HashKey, SlotTable, Tag};
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
    Order(Halves),
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
    Payment(Halves),
    /// This after-sales case of an order was opened, decided, or its goods came.
    Case { order: Halves, number: u16 },
    /// A dead letter was parked or ended.
    Letters,
    /// This coupon was defined.
    Coupon(u32),
    /// This (coupon, user) pair was claimed.
    CouponTaken(u32),
}

/// A 64-bit id in two halves: what may rest has no slot to be named by, and a whole word would make every row larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Halves([u32; 2]);

impl Halves {
    pub(super) const fn of(id: u64) -> Halves {
        Halves([(id >> 32) as u32, id as u32])
    }

    pub(super) const fn id(self) -> u64 {
        (self.0[0] as u64) << 32 | self.0[1] as u64
    }
}

impl Subject {
    pub(crate) const fn order(id: OrderId) -> Subject {
        Subject::Order(Halves::of(id.0))
    }

    pub(crate) const fn payment(id: PaymentId) -> Subject {
        Subject::Payment(Halves::of(id.0))
    }

    pub(crate) const fn case(order: OrderId, number: u16) -> Subject {
        Subject::Case { order: Halves::of(order.0), number }
    }
}

/// A request that made an order: all else is in the order.
#[derive(Clone, Copy, Debug)]
struct Made {
    order: OrderId,
    /// 48 bits of its key's hash, and the upper 16 of its time.
    hash_and_time: u64,
    /// The lower 32 bits of its time, milliseconds.
    time: u32,
    /// The next of its generation, or the next unused row.
    next: u32,
}

const MADE_BYTES_MAX: usize = 24;
const _: () = assert!(size_of::<Made>() <= MADE_BYTES_MAX);

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

const _: () = assert!(size_of::<Change>() == 48);

linked! { Made { next } Change { next } }

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
    made: Pool<Made>,
    changes: Pool<Change>,
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
            + (bounds.request_ids_max * size_of::<Made>()) as u64
            + (bounds.changes_max * size_of::<Change>() + GENERATIONS * size_of::<Generation>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds, key: HashKey, rules: Rules) -> Requests {
        Requests {
            key,
            table: SlotTable::with_rows_max(bounds.request_ids_max),
            made: Pool::with_rows_max(bounds.request_ids_max),
            changes: Pool::with_rows_max(bounds.changes_max),
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
    ///
    /// # Panics
    /// Where [`Requests::asleep`] names an order.
    #[inline]
    pub(crate) fn find(&self, orders: &Orders, key: RequestKey) -> Option<(Subject, u64)> {
        let mut made = None;
        let slot = self.find_slot(key, |order| is_made_by(orders, order, key, &mut made))?;
        if let Some(order) = made.map(|slot| orders.at(slot)) {
            return Some((Subject::order(order.id), order.body));
        }
        let change = self.changes.at(slot & !CHANGE);
        Some((change.subject, change.body))
    }

    /// The order that this request made, if it is remembered.
    ///
    /// # Panics
    /// Where [`Requests::asleep`] names an order.
    pub(crate) fn find_made(&self, orders: &Orders, key: RequestKey) -> Option<u32> {
        let mut made = None;
        self.find_slot(key, |order| is_made_by(orders, order, key, &mut made));
        made
    }

    /// An order at rest that may have been made by this request: who wants to find it needs that order.
    #[inline]
    pub(crate) fn asleep(&self, orders: &Orders, key: RequestKey) -> Option<OrderId> {
        let mut asleep = None;
        self.find_slot(key, |order| {
            if orders.find(order).is_none() {
                asleep = Some(order);
            }
            false
        });
        asleep
    }

    /// Where this request is; `made_it` says whether it made that order, which has its hash.
    #[inline]
    fn find_slot(&self, key: RequestKey, mut made_it: impl FnMut(OrderId) -> bool) -> Option<u32> {
        let hash = self.hash(key);
        self.table.find(tag_of(hash), |slot| {
            if slot & CHANGE == 0 {
                let made = self.made.at(slot);
                return made.hash() == hash & HASH && made_it(made.order);
            }
            self.changes.at(slot & !CHANGE).key() == key
        })
    }

    /// Ids that are remembered, and how many of them made no order.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.table.len(), self.changes.used())
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
        bounds: &LedgerBounds,
        now: MicrosUtc,
        (ids, changes): (usize, usize),
    ) -> bool {
        let (ids, changes) = (self.table.len() + ids, self.changes.used() + changes);
        if ids <= bounds.request_ids_max && changes <= bounds.changes_max {
            return true;
        }
        let (gone, gone_changes) = self.about_to_leave(now);
        ids - gone <= bounds.request_ids_max && changes - gone_changes <= bounds.changes_max
    }

    /// Remembers the request that made an order.
    pub(crate) fn remember_order(&mut self, now: MicrosUtc, key: RequestKey, order: OrderId) {
        self.advance(now);
        let hash = self.hash(key);
        let slot = self.made.add(Made::new(order, hash, key.id));
        self.table.insert(tag_of(hash), slot);
        self.link(slot);
    }

    /// Remembers a request that made no order.
    pub(crate) fn remember_change(&mut self, now: MicrosUtc, request: Request, subject: Subject) {
        self.advance(now);
        let Request { key: RequestKey { who, id }, body } = request;
        let change = Change { who, id: [(id.0 >> 64) as u64, id.0 as u64], body, subject, next: NONE };
        let at = self.changes.add(change);
        self.table.insert(self.tag(request.key), at | CHANGE);
        self.link(at | CHANGE);
    }

    /// Takes out a few of the ids that have left the window by now, once an entry. Forgetting changes no answer,
    /// for an id outside the window is refused known or not.
    pub(crate) fn advance(&mut self, now: MicrosUtc) {
        let earliest = self.rules.earliest(now);
        let first_inside = earliest.0.div_euclid(self.generation_micros);
        if self.oldest < first_inside {
            self.retire(first_inside);
        }
        for _ in 0..FORGET_MAX {
            let slot = self.leaving.head;
            if slot == NONE {
                return;
            }
            self.leaving.head = self.next_of(slot);
            self.set_next(slot, NONE);
            let (tag, time) = self.tag_and_time(slot);
            if time >= earliest {
                // Put here under other rules, before a restart: it comes back for its own time.
                self.link(slot);
                continue;
            }
            self.table.remove(tag, slot);
            if slot & CHANGE == 0 {
                self.made.free_from(slot);
                continue;
            }
            let at = slot & !CHANGE;
            if let Subject::Hold(hold) = self.changes.at(at).subject {
                self.left_holds.push(hold);
            }
            self.changes.free_from(at);
        }
    }

    /// A hold that a forgotten request led to, each time once.
    #[inline]
    pub(crate) fn left_hold(&mut self) -> Option<u32> {
        self.left_holds.pop()
    }

    /// How many ids, and how many of them in rows of their own, the next [`Requests::advance`] will take out.
    fn about_to_leave(&self, now: MicrosUtc) -> (usize, usize) {
        let earliest = self.rules.earliest(now);
        let first_inside = earliest.0.div_euclid(self.generation_micros);
        let end = first_inside.min(self.oldest.saturating_add(GENERATIONS as i64));
        let retiring = (self.oldest..end).map(|number| self.generations[place_of(number)]);
        let (mut gone, mut steps) = ((0, 0), 0);
        for generation in core::iter::once(self.leaving).chain(retiring) {
            let mut slot = generation.head;
            while slot != NONE && steps < FORGET_MAX {
                steps += 1;
                if self.tag_and_time(slot).1 < earliest {
                    gone.0 += 1;
                    gone.1 += usize::from(slot & CHANGE != 0);
                }
                slot = self.next_of(slot);
            }
        }
        gone
    }

    /// How many remembered ids are inside the window at this instant.
    pub(crate) fn count(&self, now: MicrosUtc) -> u64 {
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
                    inside += u64::from(self.tag_and_time(slot).1 >= earliest);
                    slot = self.next_of(slot);
                }
            }
        }
        inside
    }

    /// The keys of those that made no order.
    pub(crate) fn change_keys(&self) -> Vec<RequestKey> {
        let mut keys = Vec::with_capacity(self.changes.used());
        for generation in self.generations.iter().chain([&self.leaving]) {
            let mut slot = generation.head;
            while slot != NONE {
                if slot & CHANGE != 0 {
                    keys.push(self.changes.at(slot & !CHANGE).key());
                }
                slot = self.next_of(slot);
            }
        }
        keys
    }

    /// Moves every generation before `first_inside` to those that leave: a step each, whatever is in it.
    fn retire(&mut self, first_inside: i64) {
        let end = first_inside.min(self.oldest.saturating_add(GENERATIONS as i64));
        for number in self.oldest..end {
            let gone = core::mem::replace(&mut self.generations[place_of(number)], EMPTY);
            if gone.head == NONE {
                continue;
            }
            if self.leaving.head == NONE {
                self.leaving = gone;
            } else {
                self.set_next(self.leaving.tail, gone.head);
                self.leaving.tail = gone.tail;
            }
        }
        self.oldest = first_inside;
    }

    fn link(&mut self, slot: u32) {
        let number = self.tag_and_time(slot).1.0.div_euclid(self.generation_micros);
        let newest = self.oldest + GENERATIONS as i64 - 1;
        let place = place_of(number.clamp(self.oldest, newest));
        let Generation { head, tail, ids } = self.generations[place];
        if head == NONE {
            self.generations[place] = Generation { head: slot, tail: slot, ids: 1 };
        } else {
            self.set_next(tail, slot);
            self.generations[place] = Generation { head, tail: slot, ids: ids + 1 };
        }
    }

    /// Where the index has it, and the time in its id.
    #[inline]
    fn tag_and_time(&self, slot: u32) -> (Tag, MicrosUtc) {
        if slot & CHANGE == 0 {
            let made = self.made.at(slot);
            return (tag_of(made.hash()), made.time());
        }
        let key = self.changes.at(slot & !CHANGE).key();
        (self.tag(key), key.id.time())
    }

    fn next_of(&self, slot: u32) -> u32 {
        if slot & CHANGE == 0 { self.made.at(slot).next } else { self.changes.at(slot & !CHANGE).next }
    }

    fn set_next(&mut self, slot: u32, next: u32) {
        if slot & CHANGE == 0 {
            self.made.at_mut(slot).next = next;
        } else {
            self.changes.at_mut(slot & !CHANGE).next = next;
        }
    }

    #[inline]
    pub(crate) fn tag(&self, key: RequestKey) -> Tag {
        tag_of(self.hash(key))
    }

    #[inline]
    fn hash(&self, key: RequestKey) -> u64 {
        self.key.hash3(key.who.0, (key.id.0 >> 64) as u64, key.id.0 as u64)
    }
}

/// Whether this request made this order, and then where it is.
#[inline]
fn is_made_by(orders: &Orders, order: OrderId, key: RequestKey, made: &mut Option<u32>) -> bool {
    let slot = orders.find(order).expect("an order that may have this request was woken");
    let order = orders.at(slot);
    let it_did = order.request() == key.id && order.user == key.who;
    *made = it_did.then_some(slot);
    it_did
}

/// What is kept of a hash.
const HASH: u64 = !0 << 16;

/// The index needs 32 bits, which are among those that are kept.
#[inline]
const fn tag_of(hash: u64) -> Tag {
    Tag::of(hash)
}

impl Made {
    #[inline]
    fn new(order: OrderId, hash: u64, id: RequestId) -> Made {
        let ms = (id.0 >> 80) as u64;
        Made { order, hash_and_time: hash & HASH | ms >> 32, time: ms as u32, next: NONE }
    }

    #[inline]
    const fn hash(&self) -> u64 {
        self.hash_and_time & HASH
    }

    #[inline]
    const fn time(&self) -> MicrosUtc {
        MicrosUtc(((self.hash_and_time & !HASH) << 32 | self.time as u64) as i64 * 1_000)
    }
}

impl Change {
    #[inline]
    fn key(&self) -> RequestKey {
        let [high, low] = self.id;
        RequestKey { who: self.who, id: RequestId(u128::from(high) << 64 | u128::from(low)) }
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
    /// The next order is made at this time, unless the clock is ahead of it.
    pub(crate) const fn at(making: Making) -> OrderIds {
        let order = making.any_order();
        OrderIds { last_ms: order.ms(), next_sequence: order.sequence() }
    }

    /// Whether an order was made then or later, since they stood [there](OrderIds::at).
    pub(crate) const fn are_past(&self, making: Making) -> bool {
        let order = making.any_order();
        self.last_ms > order.ms() || self.next_sequence > order.sequence()
    }

    /// When the newest order was made; all were made then or before.
    pub(crate) fn last(&self) -> Making {
        OrderId::new(self.last_ms, 0, self.next_sequence.saturating_sub(1)).making()
    }

    /// `(ms, sequence)` of the newest id; nothing before the first.
    pub(crate) fn newest(&self) -> Option<(u64, u16)> {
        self.next_sequence.checked_sub(1).map(|sequence| (self.last_ms, sequence))
    }

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
