//! Payment timers: a calendar of half seconds, each with the list of orders whose time to pay ends in it.
//!
//! Arming and disarming take the same few steps for one order and for ten million, and nothing is ever moved
//! from one list to another, as a hierarchical wheel would have to. What finds the earliest list with somebody
//! in it is a bitmap with three levels of summary above it.

use alloc::vec;
use alloc::vec::Vec;

use crate::intent::HOLD_SECONDS_MAX;
use crate::ledger::orders::{NONE, Orders};
use crate::units::MicrosUtc;

/// A tick is 2^19 microseconds: about half a second, the most by which the calendar itself is late.
const TICK_SHIFT: u32 = 19;
/// 2^23 ticks are 50 days: the longest hold, and 20 days by which expiring may lag before CREATE has to wait.
const TICKS: usize = 1 << 23;
const _: () = assert!((TICKS as i64) << TICK_SHIFT > (HOLD_SECONDS_MAX as i64 + 20 * 24 * 3_600) * 1_000_000);

/// Which orders are to be expired when.
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

/// First and last order of a tick, each slot + 1; 0: nobody.
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

    /// Whether an order that ends at `pay_until` can be armed at `now`: the calendar reaches 50 days on from the
    /// earliest order in it, and comes to an end only when expiring lags by weeks.
    #[inline]
    pub(crate) fn reaches(&self, now: MicrosUtc, pay_until: MicrosUtc) -> bool {
        let begin = if self.armed == 0 { tick_of(now) } else { self.first.min(tick_of(now)) };
        tick_of(pay_until) - begin < TICKS as i64
    }

    /// Puts an order at the end of its tick's list.
    pub(crate) fn arm(&mut self, orders: &mut Orders, slot: u32) {
        let tick = tick_of(orders.at(slot).pay_until);
        let place = place_of(tick);
        if self.armed == 0 || tick < self.first {
            self.first = tick;
        }
        assert!(tick - self.first < TICKS as i64, "the calendar's reach was looked at");
        self.armed += 1;
        match List(self.lists[place]).ends() {
            None => {
                self.lists[place] = List::of(slot, slot).0;
                self.mark(place);
            }
            Some((head, tail)) => {
                orders.at_mut(tail).timer_next = slot;
                orders.at_mut(slot).timer_prev = tail;
                self.lists[place] = List::of(head, slot).0;
            }
        }
    }

    /// Takes an armed order out.
    pub(crate) fn disarm(&mut self, orders: &mut Orders, slot: u32) {
        let order = orders.at_mut(slot);
        let tick = tick_of(order.pay_until);
        let (prev, next) = (order.timer_prev, order.timer_next);
        (order.timer_prev, order.timer_next) = (NONE, NONE);
        if prev != NONE {
            orders.at_mut(prev).timer_next = next;
        }
        if next != NONE {
            orders.at_mut(next).timer_prev = prev;
        }
        let place = place_of(tick);
        let (head, tail) = List(self.lists[place]).ends().expect("an armed order is in the list of its tick");
        self.armed -= 1;
        if head == slot && tail == slot {
            self.lists[place] = 0;
            self.unmark(place);
            if tick == self.first && self.armed > 0 {
                self.first = self.earliest_from(tick);
            }
            return;
        }
        let head = if head == slot { next } else { head };
        let tail = if tail == slot { prev } else { tail };
        self.lists[place] = List::of(head, tail).0;
    }

    /// The order to be expired next: of the earliest tick, the one armed first.
    pub(crate) fn next(&self) -> Option<u32> {
        if self.armed == 0 {
            return None;
        }
        let (head, _) =
            List(self.lists[place_of(self.first)]).ends().expect("the first tick has somebody in it");
        Some(head)
    }

    /// When the next order is due: its tick is over by then.
    pub(crate) fn next_due(&self) -> Option<MicrosUtc> {
        (self.armed > 0).then(|| MicrosUtc((self.first + 1) << TICK_SHIFT))
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
    use crate::ids::{OrderId, RequestId, UserId};
    use crate::ledger::LedgerBounds;
    use crate::slot_table::HashKey;
    use crate::units::{Currency, MinorUnits};

    const BEGIN: i64 = 1_750_000_000_000_000;

    fn order_until(orders: &mut Orders, pay_until: i64) -> u32 {
        let created = OrderCreated {
            order: OrderId(orders.len() as u64),
            user: UserId(1),
            hold: 0,
            currency: Currency(978),
            discount: MinorUnits::ZERO,
            freight: MinorUnits::ZERO,
            total: MinorUnits(1),
            pay_until: MicrosUtc(pay_until),
            lines: &[],
            client_bytes: &[],
        };
        let request = Request { key: RequestKey { who: UserId(1), id: RequestId(0) }, body: 0 };
        orders.add(MicrosUtc(BEGIN), request, &created)
    }

    /// Arms, disarms and expires at random, beside an ordered set of (tick, slot).
    fn check(seed: u64, span_seconds: i64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let bounds = LedgerBounds { orders_max: 5_000, ..LedgerBounds::DEFAULT };
        let mut orders = Orders::new(&bounds, HashKey::new(seed));
        let mut timers = Timers::new();
        let mut model: BTreeSet<(i64, u32)> = BTreeSet::new();
        let mut now = BEGIN;
        for _ in 0..4_000 {
            match random.u8(..4) {
                0 | 1 => {
                    let pay_until = now + 1 + random.i64(0..span_seconds * 1_000_000);
                    assert!(timers.reaches(MicrosUtc(now), MicrosUtc(pay_until)));
                    let slot = order_until(&mut orders, pay_until);
                    timers.arm(&mut orders, slot);
                    model.insert((pay_until >> TICK_SHIFT, slot));
                }
                2 => {
                    let some = model.iter().nth(random.usize(..=model.len()) % model.len().max(1)).copied();
                    let Some(armed) = some else { continue };
                    timers.disarm(&mut orders, armed.1);
                    model.remove(&armed);
                }
                _ => {
                    now += random.i64(0..span_seconds * 100_000);
                    while timers.next_due().is_some_and(|due| due <= MicrosUtc(now)) {
                        let slot = timers.next().expect("somebody is due");
                        assert_eq!(model.pop_first().map(|armed| armed.1), Some(slot), "seed {seed}");
                        assert!(orders.at(slot).pay_until <= MicrosUtc(now), "expired too early");
                        timers.disarm(&mut orders, slot);
                    }
                    let late = orders_late(&model, &orders, now);
                    assert!(late < 1_000_000, "{late} us late, seed {seed}");
                }
            }
            let first = model.first().map(|&(tick, _)| MicrosUtc((tick + 1) << TICK_SHIFT));
            assert_eq!(timers.next_due(), first, "seed {seed}");
        }
    }

    /// By how much the latest of the orders still armed is late.
    fn orders_late(armed: &BTreeSet<(i64, u32)>, orders: &Orders, now: i64) -> i64 {
        armed.iter().map(|&(_, slot)| now - orders.at(slot).pay_until.0).max().unwrap_or(0)
    }

    #[test]
    fn orders_expire_in_the_order_of_their_ticks_and_at_most_a_second_late() {
        for seed in 0..4 {
            check(seed, 3);
            check(seed, 900);
            check(seed, i64::from(HOLD_SECONDS_MAX));
        }
    }

    #[test]
    fn the_calendar_ends_fifty_days_after_its_earliest_order() {
        let mut orders = Orders::new(&LedgerBounds::DEFAULT, HashKey::new(1));
        let mut timers = Timers::new();
        let day = 24 * 3_600 * 1_000_000;
        let slot = order_until(&mut orders, BEGIN + day);
        timers.arm(&mut orders, slot);
        let later = |days| MicrosUtc(BEGIN + days * day);
        assert!(timers.reaches(later(20), later(50)));
        assert!(!timers.reaches(later(22), later(52)), "expiring lags by three weeks");
        timers.disarm(&mut orders, slot);
        assert!(timers.reaches(later(22), later(52)));
    }
}
