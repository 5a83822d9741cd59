//! What is asked next: the orders of each scenario, one at a time, without a clock and without sockets.

mod errands;
mod history;
mod lives;
mod regulars;

use self::errands::Errands;
use self::history::History;
pub(crate) use self::lives::Life;
use self::lives::Lives;
use self::regulars::Regulars;
use crate::errands::Errand;
use crate::life::Act;
use crate::market::{Market, OnSale};
use crate::plan::{LoadPlan, Scenario};
use crate::purchases::ORDER_LINES_MAX;
use crate::random::{below, distinct_user, mix};

/// An order on its way out. One object is filled again and again, so nothing is allocated for an order.
#[derive(Clone, Debug)]
pub(crate) struct Basket {
    /// Counts the orders of a run from 0; an order that is asked again keeps its number.
    pub(crate) number: u64,
    pub(crate) user: u64,
    pub(crate) request: u128,
    /// What the buyer was shown, minor units.
    pub(crate) total: i64,
    /// Units of all lines.
    pub(crate) units: u64,
    pub(crate) asked_before: bool,
    /// Where its order lives from now on, in scenarios that go on behind CREATE; else [`NO_PLACE`].
    pub(crate) place: u32,
    /// (sku, units).
    pub(crate) lines: Vec<(u64, u32)>,
}

/// The place of an order that nothing more is asked for.
pub(crate) const NO_PLACE: u32 = u32::MAX;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The basket is filled: send it.
    Ask,
    /// The order in this place goes on: send this, under this request id.
    Act { place: u32, act: Act, request: u128 },
    /// Send this, under this request id.
    Errand { errand: Errand, request: u128 },
    /// Set the price of this sku (a place in the market's goods); the orders behind it wait for the answer.
    SetPrice(PriceChange),
    /// Answers must come first.
    Wait,
    /// Everything was asked.
    Over,
}

/// A price that is to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PriceChange {
    /// Place in the market's goods.
    pub(crate) goods: u32,
    pub(crate) unit_price: i64,
    pub(crate) request: u128,
    pub(crate) asked_before: bool,
}

/// The orders of a run.
#[derive(Debug)]
pub(crate) struct Orders {
    pub(crate) market: Market,
    play: Play,
    seed: u64,
    /// New in each run, whatever the seed: request ids and users that come once must never come twice.
    nonce: u64,
    /// The next new order.
    next: u64,
    /// Acts and errands so far.
    acts: u64,
    /// So many new orders, at most.
    limit: u64,
}

#[derive(Debug)]
enum Play {
    /// `users` buyers from the first on, each as often as chance wants.
    Flash {
        first_user: u64,
        users: u64,
    },
    Steady {
        /// So many take turns; nothing: everybody buys once.
        users: Option<u64>,
    },
    SoldOut(Regulars),
    Cart,
    Lifecycle {
        lives: Lives,
        /// Of each order.
        lines: u64,
    },
    Mixed {
        lives: Lives,
        errands: Errands,
    },
    Replay(History),
}

/// Request ids of acts are made of numbers from here on: no run makes so many orders.
const ACTS: u64 = 1 << 63;
/// Lines of a cart, at least and at most.
const CART_LINES: (u64, u64) = (2, 8);
/// Lines of a basket in a mixed shop, at least and at most.
const MIXED_LINES: (u64, u64) = (1, 4);
/// Users of one seed, at most: the next seed's begin behind them.
pub(crate) const USERS_MAX: u64 = 1_000_000_000;

impl Basket {
    pub(crate) fn new() -> Basket {
        let lines = Vec::with_capacity(ORDER_LINES_MAX);
        Basket {
            number: 0,
            user: 0,
            request: 0,
            total: 0,
            units: 0,
            asked_before: false,
            place: NO_PLACE,
            lines,
        }
    }

    fn begin(&mut self, number: u64, user: u64, request: u128) {
        self.number = number;
        self.user = user;
        self.request = request;
        self.total = 0;
        self.units = 0;
        self.asked_before = false;
        self.place = NO_PLACE;
        self.lines.clear();
    }

    fn add(&mut self, sku: u64, units: u32, unit_price: i64) {
        self.lines.push((sku, units));
        self.units += u64::from(units);
        // A history's totals were checked when it was read; made-up prices are small.
        self.total = self.total.saturating_add(unit_price.saturating_mul(i64::from(units)));
    }
}

impl Orders {
    /// The orders of this plan, over a market that is set up.
    pub(crate) fn new(plan: &LoadPlan, market: Market) -> Orders {
        let in_flight_max = plan.connections as usize * plan.pipeline as usize;
        let play = match &plan.scenario {
            Scenario::Flash => Play::Flash {
                first_user: 1 + mix(plan.seed) % 1_000_000 * USERS_MAX,
                users: plan.users.clamp(1, USERS_MAX),
            },
            Scenario::Steady => Play::Steady { users: plan.free.then_some(plan.users.clamp(1, USERS_MAX)) },
            Scenario::SoldOut => Play::SoldOut(Regulars::new()),
            Scenario::Cart => Play::Cart,
            Scenario::Lifecycle(lifecycle) => Play::Lifecycle {
                lives: Lives::new(in_flight_max, lifecycle.until),
                lines: lifecycle.lines.into(),
            },
            Scenario::Mixed(_) => {
                Play::Mixed { lives: Lives::new(in_flight_max, None), errands: Errands::new(in_flight_max) }
            }
            Scenario::Replay(replay) => Play::Replay(History::new(replay.purchases.clone(), &market)),
        };
        let limit = plan.requests_max.unwrap_or(u64::MAX);
        Orders { market, play, seed: mix(plan.seed), nonce: fastrand::u64(..), next: 0, acts: 0, limit }
    }

    /// How many new orders there will be, where that is known.
    pub(crate) fn expected(&self) -> Option<u64> {
        let all = match &self.play {
            Play::Replay(history) => history.len(),
            Play::Flash { .. }
            | Play::Steady { .. }
            | Play::SoldOut(_)
            | Play::Cart
            | Play::Lifecycle { .. }
            | Play::Mixed { .. } => u64::MAX,
        };
        Some(all.min(self.limit)).filter(|&count| count < u64::MAX)
    }

    /// Decides what comes next; `server_ms` goes into new request ids.
    pub(crate) fn next(&mut self, server_ms: u64, basket: &mut Basket) -> Step {
        let number = self.next;
        if let Some(step) = self.next_of_lives(server_ms) {
            return step;
        }
        if let Some(errand) = self.next_errand() {
            let request = self.request_id(server_ms, ACTS + self.acts);
            self.acts += 1;
            return Step::Errand { errand, request };
        }
        if number >= self.limit {
            return Step::Over;
        }
        let request = self.request_id(server_ms, number);
        let chance = mix(self.seed.wrapping_add(number));
        match &mut self.play {
            Play::Flash { first_user, users } => {
                basket.begin(number, *first_user + below(chance as u32, *users), request);
                one_line(&self.market, mix(chance), basket);
            }
            Play::Steady { users } => {
                let user =
                    users.map_or_else(|| distinct_user(self.nonce, number), |users| 1 + number % users);
                basket.begin(number, user, request);
                let goods = self.market.goods[below(chance as u32, self.market.goods.len() as u64) as usize];
                basket.add(goods.sku, 1, goods.price);
            }
            Play::SoldOut(regulars) => {
                if regulars.ask_again(chance, basket) {
                    // The next chance is another one: a retry is no new order and does not count as one.
                    self.seed = self.seed.wrapping_add(1);
                    return Step::Ask;
                }
                basket.begin(number, distinct_user(self.nonce, number), request);
                one_line(&self.market, mix(chance), basket);
                regulars.note(basket);
            }
            Play::Cart => {
                basket.begin(number, distinct_user(self.nonce, number), request);
                let (least, most) = CART_LINES;
                fill_cart(&self.market.goods, least + chance % (most - least + 1), chance, basket);
            }
            Play::Lifecycle { lives, lines } => {
                basket.begin(number, distinct_user(self.nonce, number), request);
                fill_cart(&self.market.goods, *lines, chance, basket);
                basket.place = lives.begin(number, basket.user, basket.total, mix(chance));
            }
            Play::Mixed { lives, errands: _ } => {
                basket.begin(number, distinct_user(self.nonce, number), request);
                let (least, most) = MIXED_LINES;
                let (goods, _) = errands::split(&self.market.goods);
                fill_cart(goods, least + chance % (most - least + 1), chance, basket);
                basket.place = lives.begin(number, basket.user, basket.total, mix(chance));
            }
            Play::Replay(history) => match history.next(number, request, basket, &self.market) {
                Step::Ask => (),
                other @ (Step::Act { .. }
                | Step::Errand { .. }
                | Step::SetPrice(_)
                | Step::Wait
                | Step::Over) => return other,
            },
        }
        self.next += 1;
        Step::Ask
    }

    /// What comes before new orders: those under way go on, and what cannot begin waits.
    fn next_of_lives(&mut self, server_ms: u64) -> Option<Step> {
        let request = self.request_id(server_ms, ACTS + self.acts);
        let lives = self.lives_mut()?;
        if let Some((place, act, _)) = lives.next() {
            self.acts += 1;
            return Some(Step::Act { place, act, request });
        }
        let (has_room, is_empty) = (lives.has_room(), lives.is_empty());
        let waits = if self.next >= self.limit { !is_empty } else { !has_room };
        waits.then_some(Step::Wait)
    }

    /// An order was answered with this order id (0: it was not accepted), or will never be. `place` is that of its
    /// basket.
    pub(crate) fn settled(&mut self, number: u64, place: u32, order: u64) {
        match &mut self.play {
            Play::SoldOut(regulars) => regulars.settled(number, order),
            Play::Replay(history) => history.settled(number),
            Play::Lifecycle { lives, .. } | Play::Mixed { lives, .. } if order == 0 => lives.end(place),
            Play::Lifecycle { lives, .. } => lives.created(place, order),
            Play::Mixed { lives, errands } => {
                errands.note(lives.at(place).user, order);
                lives.created(place, order);
            }
            Play::Flash { .. } | Play::Steady { .. } | Play::Cart => (),
        }
    }

    /// The order in this place, which is under way.
    pub(crate) fn life(&self, place: u32) -> &Life {
        match &self.play {
            Play::Lifecycle { lives, .. } | Play::Mixed { lives, .. } => lives.at(place),
            Play::Flash { .. } | Play::Steady { .. } | Play::SoldOut(_) | Play::Cart | Play::Replay(_) => {
                unreachable!("in no other scenario is an order under way")
            }
        }
    }

    /// The act that was asked for of the order in this place was done; `payment`: about which payment, 0: none.
    pub(crate) fn act_done(&mut self, place: u32, payment: u64) {
        if let Some(lives) = self.lives_mut() {
            lives.done(place, payment);
        }
    }

    /// It was refused, or nobody knows: nothing more is asked for of that order.
    pub(crate) fn act_failed(&mut self, place: u32) {
        if let Some(lives) = self.lives_mut() {
            lives.end(place);
        }
    }

    /// What is asked beside orders, as long as new orders come.
    fn next_errand(&mut self) -> Option<Errand> {
        let Play::Mixed { errands, .. } = &mut self.play else { return None };
        if let Some(owed) = errands.owed() {
            return Some(owed);
        }
        let (goods, held) = errands::split(&self.market.goods);
        if self.next < self.limit { errands.begin(self.seed, goods, held) } else { None }
    }

    /// An errand was done, and leads to this one.
    pub(crate) fn owe(&mut self, errand: Errand) {
        if let Play::Mixed { errands, .. } = &mut self.play {
            errands.owe(errand);
        }
    }

    fn lives_mut(&mut self) -> Option<&mut Lives> {
        match &mut self.play {
            Play::Lifecycle { lives, .. } | Play::Mixed { lives, .. } => Some(lives),
            Play::Flash { .. } | Play::Steady { .. } | Play::SoldOut(_) | Play::Cart | Play::Replay(_) => {
                None
            }
        }
    }

    /// Whether anybody wants to know the order ids of accepted orders.
    pub(crate) fn wants_order_ids(&self) -> bool {
        matches!(self.play, Play::SoldOut(_) | Play::Lifecycle { .. } | Play::Mixed { .. })
    }

    /// The order that an order which is asked again was answered with at first.
    pub(crate) fn order_of(&self, number: u64) -> Option<u64> {
        match &self.play {
            Play::SoldOut(regulars) => regulars.order_of(number),
            Play::Replay(_)
            | Play::Flash { .. }
            | Play::Steady { .. }
            | Play::Cart
            | Play::Lifecycle { .. }
            | Play::Mixed { .. } => None,
        }
    }

    /// The price change under way was answered (with the sku's new version, where it was accepted).
    pub(crate) fn price_set(&mut self, version: Option<u32>) {
        if let Play::Replay(history) = &mut self.play {
            history.price_set(version, &mut self.market);
        }
    }

    /// The price change under way was lost, or cannot be done now: it is asked again.
    pub(crate) fn price_lost(&mut self) {
        if let Play::Replay(history) = &mut self.play {
            history.price_lost();
        }
    }

    /// 48 bits of time, then 80 that no other request has.
    fn request_id(&self, server_ms: u64, number: u64) -> u128 {
        let random = mix(self.nonce.wrapping_add(number));
        u128::from(server_ms) << 80 | u128::from(self.nonce as u16) << 64 | u128::from(random)
    }
}

/// The goods that only orders take: what a record says of them can be verified.
pub(crate) fn goods_of_orders<'a>(scenario: &Scenario, goods: &'a [OnSale]) -> &'a [OnSale] {
    match scenario {
        Scenario::Mixed(_) => errands::split(goods).0,
        Scenario::Flash
        | Scenario::Steady
        | Scenario::SoldOut
        | Scenario::Cart
        | Scenario::Lifecycle(_)
        | Scenario::Replay(_) => goods,
    }
}

/// One line of one sku; one in four wants two units.
fn one_line(market: &Market, chance: u64, basket: &mut Basket) {
    let goods = market.goods[below(chance as u32, market.goods.len() as u64) as usize];
    let units = if chance >> 62 == 0 { 2 } else { 1 };
    basket.add(goods.sku, units, goods.price);
}

/// So many lines, each of another sku, one to three units each.
fn fill_cart(goods: &[OnSale], wanted: u64, chance: u64, basket: &mut Basket) {
    let wanted = wanted.min(goods.len() as u64);
    let mut chance = chance;
    while (basket.lines.len() as u64) < wanted {
        chance = mix(chance);
        let one = goods[below(chance as u32, goods.len() as u64) as usize];
        if basket.lines.iter().all(|&(sku, _)| sku != one.sku) {
            basket.add(one.sku, 1 + (chance >> 62) as u32 % 3, one.price);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(scenario: Scenario, change: impl FnOnce(&mut LoadPlan)) -> Orders {
        let mut plan = LoadPlan::new("nowhere:1", scenario);
        plan.seed = 7;
        change(&mut plan);
        Orders::new(&plan, Market::planned(&plan))
    }

    fn ask(orders: &mut Orders, count: usize) -> Vec<Basket> {
        let mut basket = Basket::new();
        let mut asked = Vec::new();
        for _ in 0..count {
            assert_eq!(orders.next(1_000, &mut basket), Step::Ask);
            asked.push(basket.clone());
        }
        asked
    }

    #[test]
    fn a_flash_sale_has_many_users_few_skus_and_an_end() {
        let mut flash = orders(Scenario::Flash, |plan| plan.requests_max = Some(200_000));
        let asked = ask(&mut flash, 200_000);
        assert_eq!(flash.next(1_000, &mut Basket::new()), Step::Over);
        let count =
            |of: fn(&Basket) -> u64| asked.iter().map(of).collect::<std::collections::HashSet<_>>().len();
        assert!(count(|basket| basket.user) > 100_000);
        assert_eq!(count(|basket| basket.lines[0].0), 4);
        assert_eq!(count(|basket| basket.units), 2, "some want one unit, some two");
        assert!(asked.iter().all(|basket| basket.lines.len() == 1 && !basket.asked_before));
    }

    #[test]
    fn no_request_id_comes_twice_and_each_carries_its_time() {
        let mut ids: Vec<u128> =
            ask(&mut orders(Scenario::Steady, |_| ()), 100_000).iter().map(|b| b.request).collect();
        assert!(ids.iter().all(|id| id >> 80 == 1_000));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 100_000);
    }

    #[test]
    fn steady_users_buy_once() {
        let mut users: Vec<u64> =
            ask(&mut orders(Scenario::Steady, |_| ()), 100_000).iter().map(|b| b.user).collect();
        users.sort_unstable();
        users.dedup();
        assert_eq!(users.len(), 100_000);
    }

    #[test]
    fn users_of_a_free_sale_take_turns_and_pay_nothing() {
        let mut orders = orders(Scenario::Steady, |plan| (plan.free, plan.users) = (true, 3));
        let asked = ask(&mut orders, 6);
        assert_eq!(asked.iter().map(|basket| basket.user).collect::<Vec<_>>(), [1, 2, 3, 1, 2, 3]);
        assert!(asked.iter().all(|basket| basket.total == 0 && basket.units == 1));
    }

    #[test]
    fn a_cart_names_each_sku_once_and_adds_up() {
        let mut carts = orders(Scenario::Cart, |plan| plan.skus = 5);
        let prices: std::collections::HashMap<u64, i64> =
            carts.market.goods.iter().map(|goods| (goods.sku, goods.price)).collect();
        for basket in ask(&mut carts, 10_000) {
            let mut skus: Vec<u64> = basket.lines.iter().map(|line| line.0).collect();
            skus.sort_unstable();
            skus.dedup();
            assert_eq!(skus.len(), basket.lines.len());
            assert!((2..=5).contains(&skus.len()), "five skus make no longer basket");
            let total: i64 = basket.lines.iter().map(|(sku, units)| prices[sku] * i64::from(*units)).sum();
            assert_eq!(total, basket.total);
        }
    }

    #[test]
    fn who_has_an_order_asks_for_it_again() {
        let mut soldout = orders(Scenario::SoldOut, |_| ());
        let first = ask(&mut soldout, 100);
        for basket in &first {
            assert!(!basket.asked_before, "nobody has an order yet");
            soldout.settled(
                basket.number,
                NO_PLACE,
                if basket.number % 2 == 0 { 5_000 + basket.number } else { 0 },
            );
        }
        let again: Vec<Basket> =
            ask(&mut soldout, 20_000).into_iter().filter(|basket| basket.asked_before).collect();
        assert!((100..1_000).contains(&again.len()), "{} of 20,000", again.len());
        for basket in again {
            let before = &first[basket.number as usize];
            assert_eq!(
                (basket.user, basket.request, &basket.lines),
                (before.user, before.request, &before.lines)
            );
            assert_eq!(soldout.order_of(basket.number), Some(5_000 + basket.number));
        }
    }
}
