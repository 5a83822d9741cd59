//! Coupons: what they take off, whose they are, how often there are.

use std::time::Duration;

use tidegate_sdk::{Benefit, CouponId, Currency, Error, OrderBrief, Status, UserId};

use crate::shop::{BUYER, OTHER, SKU, Shop, eur, why};

const FIVE_OFF: CouponId = CouponId(5);

fn buys(shop: &Shop, user: UserId) -> Result<OrderBrief, Error> {
    shop.ask(shop.client.create(user, eur(14_99)).coupon(FIVE_OFF).line(SKU, 1))
}

pub fn a_coupon_makes_an_order_cheaper_and_comes_back(shop: &Shop) {
    let (client, now) = (&shop.client, shop.client.server_time());
    let until = now.after(Duration::from_secs(3_600));
    let five_off = client.coupon_define(FIVE_OFF, Currency::EUR, Benefit::Amount(5_00), now, until);
    assert_eq!(shop.ask(five_off.user_quota(1)), Ok(1));
    let priced = shop.ask(client.prepare(BUYER, Currency::EUR).coupon(FIVE_OFF).line(SKU, 1)).unwrap();
    assert_eq!((priced.total, priced.discount), (14_99, 5_00));

    let placed = buys(shop, BUYER).unwrap();
    let order = shop.order(BUYER, placed.order);
    let shares: Vec<_> = order.coupons.iter().map(|share| (share.coupon, share.discount)).collect();
    assert_eq!((order.discount, shares), (5_00, vec![(FIVE_OFF, 5_00)]));
    assert_eq!(why(buys(shop, BUYER)), Status::CouponUserLimit);
    shop.ask(client.cancel(BUYER, placed.order)).unwrap();
    shop.comes_to_sell(10);
    buys(shop, BUYER).unwrap();
    let unknown = client.create(BUYER, eur(14_99)).coupon(CouponId(9)).line(SKU, 1);
    assert_eq!(why(shop.ask(unknown)), Status::CouponNotFound);
}

pub fn a_coupon_is_there_for_so_many(shop: &Shop) {
    let (client, now) = (&shop.client, shop.client.server_time());
    let until = now.after(Duration::from_secs(3_600));
    let five_off = client.coupon_define(FIVE_OFF, Currency::EUR, Benefit::Amount(5_00), now, until);
    shop.ask(five_off.quota(2)).unwrap();
    let first = buys(shop, BUYER).unwrap();
    buys(shop, BUYER).unwrap();
    assert_eq!(why(buys(shop, OTHER)), Status::CouponExhausted);
    shop.ask(client.cancel(BUYER, first.order)).unwrap();
    shop.comes_to(Status::CouponExhausted, || buys(shop, OTHER));
    assert_eq!(shop.ask(client.coupon_get(FIVE_OFF)).unwrap().coupon.locked, 2);
}

pub fn a_claimed_coupon_is_the_claimants(shop: &Shop) {
    let (client, now) = (&shop.client, shop.client.server_time());
    let until = now.after(Duration::from_secs(3_600));
    let five_off = client.coupon_define(FIVE_OFF, Currency::EUR, Benefit::Amount(5_00), now, until);
    shop.ask(five_off.quota(1).must_claim()).unwrap();
    assert_eq!(why(buys(shop, BUYER)), Status::CouponNotFound, "it is not his yet");
    let taken = shop.ask(client.coupon_claim(BUYER, FIVE_OFF)).unwrap();
    assert_eq!((taken.claimed, taken.locked, taken.used), (1, 0, 0));
    assert_eq!(why(shop.ask(client.coupon_claim(OTHER, FIVE_OFF))), Status::CouponExhausted);
    let placed = buys(shop, BUYER).unwrap();
    let payment = shop.opens(BUYER, placed.order);
    shop.ask(shop.gateway().paid(client, &payment)).unwrap();
    let found = shop.ask(client.coupon_get(FIVE_OFF).of_user(BUYER)).unwrap();
    assert_eq!((found.taken.locked, found.taken.used), (0, 1));
}
