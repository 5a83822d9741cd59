//! A history's orders, and the prices that change between them.
//!
//! A price is set when no order that shows the old one is on its way, and no order behind the change leaves before
//! it is set: so each order meets the price that it shows, as it did in the shop.

use super::{Basket, PriceChange, Step};
use crate::market::Market;
use crate::purchases::Purchases;
use crate::random::mix;

/// Where a replay stands.
#[derive(Debug)]
pub(super) struct History {
    purchases: Purchases,
    /// Orders on their way that name this sku; by place in the market's goods.
    on_their_way: Vec<u32>,
    changing: Option<Changing>,
    /// Changes so far.
    changes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Changing {
    change: PriceChange,
    sent: bool,
}

impl History {
    pub(super) fn new(purchases: Purchases, market: &Market) -> History {
        History { purchases, on_their_way: vec![0; market.goods.len()], changing: None, changes: 0 }
    }

    pub(super) fn len(&self) -> u64 {
        self.purchases.orders().len() as u64
    }

    pub(super) fn next(&mut self, number: u64, request: u128, basket: &mut Basket, market: &Market) -> Step {
        if let Some(changing) = &mut self.changing {
            if changing.sent {
                return Step::Wait;
            }
            changing.sent = true;
            return Step::SetPrice(changing.change);
        }
        let order = usize::try_from(number).ok().and_then(|at| self.purchases.orders().get(at));
        let Some(order) = order else { return Step::Over };
        let lines = self.purchases.lines(order);
        let other_price =
            lines.iter().find(|line| market.goods[line.goods as usize].price != line.unit_price);
        if let Some(line) = other_price {
            if self.on_their_way[line.goods as usize] > 0 {
                return Step::Wait;
            }
            // Two changes can stand before one order: each gets an id of its own.
            self.changes += 1;
            let request = request ^ u128::from(mix(self.changes));
            let change =
                PriceChange { goods: line.goods, unit_price: line.unit_price, request, asked_before: false };
            self.changing = Some(Changing { change, sent: true });
            return Step::SetPrice(change);
        }
        basket.begin(number, order.user, request);
        for line in lines {
            self.on_their_way[line.goods as usize] += 1;
            basket.add(market.goods[line.goods as usize].sku, line.quantity, line.unit_price);
        }
        // Where an order shows two prices of one sku, this is not what its lines come to: the server will say so.
        basket.total = order.total;
        Step::Ask
    }

    /// An order is not on its way any more.
    pub(super) fn settled(&mut self, number: u64) {
        let order = usize::try_from(number).ok().and_then(|at| self.purchases.orders().get(at));
        for line in order.map_or(&[][..], |order| self.purchases.lines(order)) {
            self.on_their_way[line.goods as usize] -= 1;
        }
    }

    /// The change was answered. A price that the server refuses (below 0) counts as set: the orders that show it
    /// are sent, and refused as well.
    pub(super) fn price_set(&mut self, version: Option<u32>, market: &mut Market) {
        let Some(Changing { change, .. }) = self.changing.take() else { return };
        let goods = &mut market.goods[change.goods as usize];
        goods.price = change.unit_price;
        goods.version = version.unwrap_or(goods.version);
    }

    pub(super) fn price_lost(&mut self) {
        if let Some(changing) = &mut self.changing {
            changing.sent = false;
            changing.change.asked_before = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::market::Market;
    use crate::orders::{Basket, NO_PLACE, Orders, Step};
    use crate::plan::{LoadPlan, Replay, Scenario};
    use crate::purchases::{HEADER, Purchases};

    /// Plays rows of `order,user,sku,quantity,price`, answering everything on the way whenever nothing else is
    /// left to do. What was done, in order: `order:total`, `price sku=price`, `|` for waiting.
    fn check(rows: &[&str], expected: &str) {
        let mut text = format!("{HEADER}\n");
        for row in rows {
            let (head, tail) = row.split_once(' ').expect("two halves");
            text += &format!("{head},1997-01-01T00:00:00Z,{tail}\n");
        }
        let purchases = Purchases::read(text.as_bytes()).expect("a good file");
        let plan = LoadPlan::new("nowhere:1", Scenario::Replay(Replay { purchases, stock: None }));
        let mut orders = Orders::new(&plan, Market::planned(&plan));
        let (mut basket, mut done) = (Basket::new(), Vec::new());
        let (mut on_their_way, mut price_asked) = (Vec::new(), false);
        loop {
            match orders.next(1, &mut basket) {
                Step::Ask => {
                    done.push(format!("{}:{}", basket.user, basket.total));
                    on_their_way.push(basket.number);
                }
                Step::SetPrice(change) => {
                    let sku = orders.market.goods[change.goods as usize].sku;
                    done.push(format!("price {sku}={}", change.unit_price));
                    price_asked = true;
                }
                Step::Wait => {
                    done.push("|".to_owned());
                    on_their_way.drain(..).for_each(|number| orders.settled(number, NO_PLACE, 0));
                    if std::mem::take(&mut price_asked) {
                        orders.price_set(Some(2));
                    }
                }
                Step::Act { .. } | Step::Errand { .. } => panic!("a history has orders only"),
                Step::Over => break,
            }
        }
        assert_eq!(done.join(" "), expected);
    }

    #[test]
    fn one_price_needs_no_waiting() {
        check(&["1,7 10,1,100", "2,8 10,2,100", "3,9 11,1,5"], "7:100 8:200 9:5");
    }

    #[test]
    fn a_price_waits_for_the_orders_before_it_and_the_orders_behind_it_wait_for_the_price() {
        check(&["1,7 10,1,100", "2,8 10,1,120", "3,9 10,1,120"], "7:100 | price 10=120 | 8:120 9:120");
        // Nobody is on the way with the sku that changes: nobody is waited for.
        check(&["1,7 10,1,100", "2,8 11,1,5", "3,9 11,1,6"], "7:100 8:5 | price 11=6 | 9:6");
        check(
            &["1,7 10,1,100", "2,8 10,1,120", "3,9 10,1,100"],
            "7:100 | price 10=120 | 8:120 | price 10=100 | 9:100",
        );
    }

    #[test]
    fn a_basket_with_two_new_prices_sets_both() {
        check(
            &["1,7 10,1,100", "1,7 11,1,5", "2,8 10,1,120", "2,8 11,1,6"],
            "7:105 | price 10=120 | price 11=6 | 8:126",
        );
    }

    #[test]
    fn two_prices_of_one_sku_in_one_order_are_shown_as_they_were() {
        check(&["1,7 10,1,100", "1,7 10,1,120"], "7:220");
    }

    #[test]
    fn a_lost_price_is_asked_again_with_its_request_id() {
        let text =
            format!("{HEADER}\n1,7,1997-01-01T00:00:00Z,10,1,100\n2,7,1997-01-01T00:00:00Z,10,1,120\n");
        let purchases = Purchases::read(text.as_bytes()).expect("a good file");
        let plan = LoadPlan::new("nowhere:1", Scenario::Replay(Replay { purchases, stock: None }));
        let mut orders = Orders::new(&plan, Market::planned(&plan));
        let mut basket = Basket::new();
        assert_eq!(orders.next(1, &mut basket), Step::Ask);
        orders.settled(0, NO_PLACE, 0);
        let Step::SetPrice(first) = orders.next(1, &mut basket) else { panic!("the price changes") };
        assert_eq!(orders.next(2, &mut basket), Step::Wait);
        orders.price_lost();
        let Step::SetPrice(again) = orders.next(3, &mut basket) else { panic!("it is asked again") };
        assert_eq!((again.request, again.asked_before), (first.request, true));
    }
}
