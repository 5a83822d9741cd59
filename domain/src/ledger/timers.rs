//! Timers: a calendar of half seconds, each with the list of orders whose time to pay, and of holds whose time,
//! ends in it.
//!
//! Arming and disarming take the same few steps for one of them and for ten million, and nothing is ever moved
//! from one list to another, as a hierarchical wheel would have to. What finds the earliest list with somebody
//! in it is a bitmap with three levels of summary above it.

use alloc::vec;
use alloc::vec::Vec;

use crate::intent::HOLD_SECONDS_MAX;
use crate::ledger::holds::Holds;
use crate::ledger::orders::{NONE, Orders};
use crate::units::MicrosUtc;

/// A tick is 2^19 microseconds: about half a second, the most by which the calendar itself is late.
const TICK_SHIFT: u32 = 19;
/// 2^23 ticks are 50 days: the longest hold, and 20 days by which expiring may lag before CREATE has to wait.
const TICKS: usize = 1 << 23;
const _: () = assert!((TICKS as i64) << TICK_SHIFT > (HOLD_SECONDS_MAX as i64 + 20 * 24 * 3_600) * 1_000_000);

/// What is armed now ends in 30 days at most, so it lies in reach of what is over for 20.
const LATE_TICKS_MAX: i64 = (20 * 24 * 3_600 * 1_000_000) >> TICK_SHIFT;

/// Set in what a list names, to tell holds from orders.
const HOLD: u32 = 1 << 31;

/// Which orders and holds are to be expired when.
#[derive(Debug)]
pub(crate) struct Timers {
    /// The [`List`] of each tick, at the tick's number modulo [`TICKS`]; plain words, for their zeros come free.
    lists: Vec<u64>,
    /// A bit a list that is not empty, then a bit a word of the level below that is not 0.
    levels: [Vec<u64>; 4],
    /// The earliest tick with somebody in it; meaningless while nothing is armed.
    first: i64,
    armed: usize,
}

/// Who has a timer, by slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timed {
    /// An order that waits for payment.
    Order(u32),
    /// An open hold.
    Hold(u32),
}

/// The rows that lists link.
#[derive(Debug)]
pub(crate) struct TimedRows<'a> {
    pub(crate) orders: &'a mut Orders,
    pub(crate) holds: &'a mut Holds,
}

/// A row that is armed, and its neighbours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimedLinks {
    pub(crate) slot: u32,
    pub(crate) until: MicrosUtc,
    pub(crate) prev: u32,
    pub(crate) next: u32,
}

/// First and last of a tick, each + 1; 0: nobody.
#[derive(Clone, Copy, Debug)]
struct List(u64);

impl Timers {
    pub(crate) const fn bytes() -> u64 {
        (TICKS * size_of::<u64>() + TICKS / 8 + TICKS / 8 / 64 + TICKS / 8 / 64 / 64 + 8) as u64
    }

    pub(crate) fn new() -> Timers {
        let words = |level: u32| vec![0; (TICKS >> (6 * level)).div_ceil(64)];
        Timers { lists: vec![0; TICKS], levels: [words(0), words(1), words(2), words(3)], first: 0, armed: 0 }
    }

    /// A calendar that nobody can be in.
    pub(crate) const fn nowhere() -> Timers {
        Timers {
            lists: Vec::new(),
            levels: [Vec::new(), Vec::new(), Vec::new(), Vec::new()],
            first: 0,
            armed: 0,
        }
    }

    /// Whether what ends at `until` can be armed at `now`: the calendar reaches 50 days on from the earliest in it,
    /// and comes to an end only when expiring lags by weeks.
    #[inline]
    pub(crate) fn reaches(&self, now: MicrosUtc, until: MicrosUtc) -> bool {
        let begin = if self.armed == 0 { tick_of(now) } else { self.first.min(tick_of(now)) };
        tick_of(until) - begin < TICKS as i64
    }

    /// The same, of what was armed elsewhere before: it may be over by weeks, but then nobody else may be in here.
    pub(crate) fn takes(&self, now: MicrosUtc, until: MicrosUtc) -> bool {
        let is_late = |tick: i64| tick_of(now) - tick > LATE_TICKS_MAX;
        self.reaches(now, until) && (self.armed == 0 || !is_late(tick_of(until)) && !is_late(self.first))
    }

    /// Puts somebody at the end of its tick's list.
    pub(crate) fn arm(&mut self, mut rows: TimedRows<'_>, timed: Timed) {
        let entry = timed.entry();
        let tick = tick_of(rows.until(entry));
        let place = place_of(tick);
        if self.armed == 0 || tick < self.first {
            self.first = tick;
        }
        assert!(tick - self.first < TICKS as i64, "the calendar's reach was looked at");
        self.armed += 1;
        match List(self.lists[place]).ends() {
            None => {
                self.lists[place] = List::of(entry, entry).0;
                self.mark(place);
            }
            Some((head, tail)) => {
                *rows.next(tail) = entry;
                *rows.prev(entry) = tail;
                self.lists[place] = List::of(head, entry).0;
            }
        }
    }

    /// Takes somebody out who is armed.
    pub(crate) fn disarm(&mut self, mut rows: TimedRows<'_>, timed: Timed) {
        let entry = timed.entry();
        let tick = tick_of(rows.until(entry));
        let prev = core::mem::replace(rows.prev(entry), NONE);
        let next = core::mem::replace(rows.next(entry), NONE);
        if prev != NONE {
            *rows.next(prev) = next;
        }
        if next != NONE {
            *rows.prev(next) = prev;
        }
        let place = place_of(tick);
        let (head, tail) = List(self.lists[place]).ends().expect("who is armed is in the list of its tick");
        self.armed -= 1;
        if head == entry && tail == entry {
            self.lists[place] = 0;
            self.unmark(place);
            if tick == self.first && self.armed > 0 {
                self.first = self.earliest_from(tick);
            }
            return;
        }
        let head = if head == entry { next } else { head };
        let tail = if tail == entry { prev } else { tail };
        self.lists[place] = List::of(head, tail).0;
    }

    /// Who is to be expired next: of the earliest tick, the one armed first.
    pub(crate) fn next(&self) -> Option<Timed> {
        if self.armed == 0 {
            return None;
        }
        let (head, _) =
            List(self.lists[place_of(self.first)]).ends().expect("the first tick has somebody in it");
        Some(Timed::of(head))
    }

    /// When the next one is due: its tick is over by then.
    pub(crate) fn next_due(&self) -> Option<MicrosUtc> {
        (self.armed > 0).then(|| MicrosUtc((self.first + 1) << TICK_SHIFT))
    }

    /// Finds the calendar anew, of rows whose links are as they were.
    pub(crate) fn index(&mut self, orders: &Orders, holds: &Holds) {
        let holds = holds.timed().map(|timed| TimedLinks { slot: timed.slot | HOLD, ..timed });
        for TimedLinks { slot: entry, until, prev, next } in orders.timed().chain(holds) {
            let tick = tick_of(until);
            let place = place_of(tick);
            self.first = if self.armed == 0 { tick } else { self.first.min(tick) };
            self.armed += 1;
            let head = if prev == NONE { (u64::from(entry) + 1) << 32 } else { 0 };
            let tail = if next == NONE { u64::from(entry) + 1 } else { 0 };
            self.lists[place] |= head | tail;
            self.mark(place);
        }
    }

    fn mark(&mut self, place: usize) {
        let mut bit = place;
        for level in &mut self.levels {
            let word = &mut level[bit / 64];
            let was_empty = *word == 0;
            *word |= 1 << (bit % 64);
            if !was_empty {
                return;
            }
            bit /= 64;
        }
    }

    fn unmark(&mut self, place: usize) {
        let mut bit = place;
        for level in &mut self.levels {
            let word = &mut level[bit / 64];
            *word &= !(1 << (bit % 64));
            if *word != 0 {
                return;
            }
            bit /= 64;
        }
    }

    /// The first tick from this one on that has somebody in it; there is one.
    fn earliest_from(&self, tick: i64) -> i64 {
        let from = place_of(tick);
        let place = self.set_from(0, from).or_else(|| self.set_from(0, 0)).expect("somebody is armed");
        tick + (place.wrapping_sub(from) & (TICKS - 1)) as i64
    }

    /// The first set bit of a level from `bit` on.
    fn set_from(&self, level: usize, bit: usize) -> Option<usize> {
        let words = self.levels.get(level)?;
        let word = words.get(bit / 64)? & (u64::MAX << (bit % 64));
        if word != 0 {
            return Some(bit / 64 * 64 + word.trailing_zeros() as usize);
        }
        let next = self.set_from(level + 1, bit / 64 + 1)?;
        Some(next * 64 + words[next].trailing_zeros() as usize)
    }
}

impl Timed {
    #[inline]
    const fn entry(self) -> u32 {
        match self {
            Timed::Order(slot) => slot,
            Timed::Hold(slot) => slot | HOLD,
        }
    }

    const fn of(entry: u32) -> Timed {
        if entry & HOLD == 0 { Timed::Order(entry) } else { Timed::Hold(entry & !HOLD) }
    }
}

impl TimedRows<'_> {
    #[inline]
    fn until(&self, entry: u32) -> MicrosUtc {
        match Timed::of(entry) {
            Timed::Order(slot) => self.orders.at(slot).pay_until,
            Timed::Hold(slot) => self.holds.at(slot).hold.until,
        }
    }

    #[inline]
    fn next(&mut self, entry: u32) -> &mut u32 {
        match Timed::of(entry) {
            Timed::Order(slot) => &mut self.orders.at_mut(slot).timer_next,
            Timed::Hold(slot) => &mut self.holds.at_mut(slot).timer_next,
        }
    }

    #[inline]
    fn prev(&mut self, entry: u32) -> &mut u32 {
        match Timed::of(entry) {
            Timed::Order(slot) => &mut self.orders.at_mut(slot).timer_prev,
            Timed::Hold(slot) => &mut self.holds.at_mut(slot).timer_prev,
        }
    }
}

impl List {
    const fn of(head: u32, tail: u32) -> List {
        List((head as u64 + 1) << 32 | (tail as u64 + 1))
    }

    const fn ends(self) -> Option<(u32, u32)> {
        if self.0 == 0 { None } else { Some(((self.0 >> 32) as u32 - 1, self.0 as u32 - 1)) }
    }
}

/// The tick in which an instant lies.
const fn tick_of(at: MicrosUtc) -> i64 {
    at.0 >> TICK_SHIFT
}

const fn place_of(tick: i64) -> usize {
    tick as usize & (TICKS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    use crate::fact::{OrderCreated, Request, RequestKey};
    use crate::hold::{Hold, HoldState};
    use crate::ids::{OrderId, RequestId, UserId};
    use crate::ledger::LedgerBounds;
    use crate::slot_table::HashKey;
    use crate::units::{Currency, MinorUnits};

    const BEGIN: i64 = 1_750_000_000_000_000;

    /// The rows, and the calendar over them.
    struct Shop {
        orders: Orders,
        holds: Holds,
        timers: Timers,
    }

    impl Shop {
        fn new(seed: u64) -> Shop {
            let bounds = LedgerBounds {
                orders_max: 5_000,
                holds_max: 5_000,
                hold_lines_max: 1,
                dead_letters_max: 1,
                ..LedgerBounds::DEFAULT
            };
            let key = HashKey::new(seed);
            let (orders, holds) = (Orders::new(&bounds, key), Holds::new(&bounds, key));
            Shop { orders, holds, timers: Timers::new() }
        }

        fn rows(&mut self) -> (&mut Timers, TimedRows<'_>) {
            (&mut self.timers, TimedRows { orders: &mut self.orders, holds: &mut self.holds })
        }

        fn arm(&mut self, hold: bool, until: i64) -> Timed {
            let timed = if hold { self.hold(until) } else { self.order(until) };
            let (timers, rows) = self.rows();
            timers.arm(rows, timed);
            timed
        }

        fn disarm(&mut self, timed: Timed) {
            let (timers, rows) = self.rows();
            timers.disarm(rows, timed);
        }

        fn hold(&mut self, until: i64) -> Timed {
            let until = MicrosUtc(until);
            let id = self.holds.open() as u64;
            let hold = Hold { id, user: UserId(1), state: HoldState::Open, until };
            Timed::Hold(self.holds.add(hold, MicrosUtc(BEGIN), &[]))
        }

        fn order(&mut self, until: i64) -> Timed {
            let created = OrderCreated {
                order: OrderId(self.orders.len() as u64),
                user: UserId(1),
                hold: 0,
                currency: Currency(978),
                discount: MinorUnits::ZERO,
                freight: MinorUnits::ZERO,
                total: MinorUnits(1),
                pay_until: MicrosUtc(until),
                lines: &[],
                client_bytes: &[],
            };
            let request = Request { key: RequestKey { who: UserId(1), id: RequestId(0) }, body: 0 };
            Timed::Order(self.orders.add(MicrosUtc(BEGIN), request, &created))
        }

        fn until(&mut self, timed: Timed) -> i64 {
            self.rows().1.until(timed.entry()).0
        }
    }

    /// Arms, disarms and expires at random, beside an ordered set of (tick, when armed) with whom.
    fn check(seed: u64, span_seconds: i64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut shop = Shop::new(seed);
        let mut model: BTreeSet<(i64, u32, u32)> = BTreeSet::new();
        let mut now = BEGIN;
        for step in 0..4_000 {
            match random.u8(..4) {
                0 | 1 => {
                    let until = now + 1 + random.i64(0..span_seconds * 1_000_000);
                    assert!(shop.timers.reaches(MicrosUtc(now), MicrosUtc(until)));
                    let timed = shop.arm(random.bool(), until);
                    model.insert((until >> TICK_SHIFT, step, timed.entry()));
                }
                2 => {
                    let some = model.iter().nth(random.usize(..=model.len()) % model.len().max(1)).copied();
                    let Some(armed) = some else { continue };
                    shop.disarm(Timed::of(armed.2));
                    model.remove(&armed);
                }
                _ => {
                    now += random.i64(0..span_seconds * 100_000);
                    while shop.timers.next_due().is_some_and(|due| due <= MicrosUtc(now)) {
                        let timed = shop.timers.next().expect("somebody is due");
                        let first = model.pop_first().map(|armed| Timed::of(armed.2));
                        assert_eq!(first, Some(timed), "seed {seed}");
                        assert!(shop.until(timed) <= now, "expired too early");
                        shop.disarm(timed);
                    }
                    let late = model.iter().map(|armed| now - shop.until(Timed::of(armed.2))).max();
                    assert!(late.unwrap_or(0) < 1_000_000, "{late:?} us late, seed {seed}");
                }
            }
            let first = model.first().map(|&(tick, ..)| MicrosUtc((tick + 1) << TICK_SHIFT));
            assert_eq!(shop.timers.next_due(), first, "seed {seed}");
        }
    }

    #[test]
    fn orders_and_holds_expire_in_the_order_of_their_ticks_and_at_most_a_second_late() {
        for seed in 0..4 {
            check(seed, 3);
            check(seed, 900);
            check(seed, i64::from(HOLD_SECONDS_MAX));
        }
    }

    #[test]
    fn the_calendar_ends_fifty_days_after_its_earliest_order() {
        let mut shop = Shop::new(1);
        let day = 24 * 3_600 * 1_000_000;
        let timed = shop.arm(false, BEGIN + day);
        let later = |days| MicrosUtc(BEGIN + days * day);
        assert!(shop.timers.reaches(later(20), later(50)));
        assert!(!shop.timers.reaches(later(22), later(52)), "expiring lags by three weeks");
        shop.disarm(timed);
        assert!(shop.timers.reaches(later(22), later(52)));
    }
}
