//! What a mixed shop is asked beside its orders, and how much of it.

use std::collections::VecDeque;

use crate::errands::Errand;
use crate::market::OnSale;
use crate::random::{below, mix};

/// Orders that may be looked at: the latest so many.
const RECENT_MAX: usize = 4_096;

/// Of 100 things that begin, so many are orders; …
const ORDERS: u64 = 12;
/// … looks at one order; …
const GETS: u64 = 40;
/// … looks at the orders of a user; …
const LISTS: u64 = 15;
/// … looks at a shelf; …
const STOCK_GETS: u64 = 25;
/// … units that come in; the rest are holds without an order, which are sold or freed afterwards.
const STOCK_ADJUSTS: u64 = 3;
const _: () = assert!(ORDERS + GETS + LISTS + STOCK_GETS + STOCK_ADJUSTS <= 100);

/// Errands and whom they are about.
#[derive(Debug)]
pub(super) struct Errands {
    /// (user, order) of orders that are there; the oldest is written over.
    recent: Vec<(u64, u64)>,
    oldest: usize,
    /// What earlier answers led to.
    owed: VecDeque<Errand>,
    owed_max: usize,
    /// Things that began.
    begun: u64,
}

impl Errands {
    pub(super) fn new(in_flight_max: usize) -> Errands {
        Errands {
            recent: Vec::with_capacity(RECENT_MAX),
            oldest: 0,
            owed: VecDeque::with_capacity(in_flight_max),
            owed_max: in_flight_max,
            begun: 0,
        }
    }

    /// What an earlier answer led to: it goes before anything new.
    pub(super) fn owed(&mut self) -> Option<Errand> {
        self.owed.pop_front()
    }

    /// What begins now; nothing: an order. Orders take the goods before `held`, holds take those behind.
    pub(super) fn begin(&mut self, seed: u64, goods: &[OnSale], held: &[OnSale]) -> Option<Errand> {
        let chance = mix(seed.wrapping_add(self.begun));
        self.begun += 1;
        let pick = |goods: &[OnSale]| goods[below(mix(chance) as u32, goods.len() as u64) as usize].sku;
        let share = chance % 100;
        if share < ORDERS || self.recent.is_empty() {
            return None;
        }
        let (user, order) = self.recent[below((chance >> 32) as u32, self.recent.len() as u64) as usize];
        Some(if share < ORDERS + GETS {
            Errand::Get { user, order }
        } else if share < ORDERS + GETS + LISTS {
            Errand::List { user }
        } else if share < ORDERS + GETS + LISTS + STOCK_GETS {
            Errand::StockGet { sku: pick(goods) }
        } else if share < ORDERS + GETS + LISTS + STOCK_GETS + STOCK_ADJUSTS {
            Errand::StockAdjust { sku: pick(goods) }
        } else {
            Errand::Reserve { user, sku: pick(held), sells: chance >> 63 == 1 }
        })
    }

    /// This order is there.
    pub(super) fn note(&mut self, user: u64, order: u64) {
        if self.recent.len() < RECENT_MAX {
            self.recent.push((user, order));
        } else {
            self.recent[self.oldest] = (user, order);
            self.oldest = (self.oldest + 1) % RECENT_MAX;
        }
    }

    /// An answer led to this. (Bounded: an errand in flight owes one at most; what does not fit is left to its
    /// timer.)
    pub(super) fn owe(&mut self, errand: Errand) {
        if self.owed.len() < self.owed_max {
            self.owed.push_back(errand);
        }
    }
}

/// Goods that orders are made of, and goods that are only held: the last tenth. So a record can say what orders took.
pub(super) fn split(goods: &[OnSale]) -> (&[OnSale], &[OnSale]) {
    goods.split_at(goods.len() - (goods.len() / 10).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::Market;
    use crate::plan::{LoadPlan, Mixed, Scenario};

    #[test]
    fn the_mix_is_what_it_says() {
        let market = Market::planned(&LoadPlan::new("nowhere:1", Scenario::Mixed(Mixed::default())));
        let (goods, held) = split(&market.goods);
        assert_eq!((goods.len(), held.len()), (900, 100));
        let mut errands = Errands::new(4);
        assert_eq!(errands.begin(7, goods, held), None, "there is nothing to look at yet");
        errands.note(1, 10);
        let mut counts = std::collections::BTreeMap::<&str, u64>::new();
        for _ in 0..100_000 {
            let errand = errands.begin(7, goods, held);
            *counts.entry(errand.map_or("order", |errand| errand.kind().name())).or_default() += 1;
        }
        for (name, share) in [
            ("order", ORDERS),
            ("GET", GETS),
            ("LIST", LISTS),
            ("STOCK_GET", STOCK_GETS),
            ("STOCK_ADJUST", STOCK_ADJUSTS),
            ("STOCK_RESERVE", 5),
        ] {
            let found = counts[name] as f64 / 1_000.0;
            assert!((found - share as f64).abs() < 0.5, "{name}: {found} of 100, not {share}");
        }
    }

    #[test]
    fn the_latest_orders_are_looked_at() {
        let mut errands = Errands::new(1);
        for order in 0..2 * RECENT_MAX as u64 {
            errands.note(1, order);
        }
        assert_eq!(errands.recent.len(), RECENT_MAX);
        assert!(errands.recent.iter().all(|&(_, order)| order >= RECENT_MAX as u64));
        errands.owe(Errand::Release { user: 1, hold: 1 });
        errands.owe(Errand::Release { user: 1, hold: 2 });
        assert_eq!(errands.owed(), Some(Errand::Release { user: 1, hold: 1 }));
        assert_eq!(errands.owed(), None, "what is owed is bounded");
    }
}
