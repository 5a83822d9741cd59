//! Units on shelves, held and moved without an order.

use tidegate_sdk::{AdjustReason, Currency, HoldState, SkuId, Status};

use crate::shop::{BUYER, HERE, OPERATOR, OTHER, SKU, Shop, THERE, eur, why};

pub fn a_shelf_counts_what_came_and_what_is_held(shop: &Shop) {
    let client = &shop.client;
    shop.buys(BUYER, 4).unwrap();
    let adjust = client.stock_adjust(SKU, HERE).safety(1).unavailable(2);
    let shelf = shop.ask(adjust).unwrap();
    assert_eq!((shelf.on_hand, shelf.held, shelf.safety, shelf.unavailable), (10, 4, 1, 2));
    assert_eq!(shelf.sellable, 3);
    let too_many = client.stock_adjust(SKU, HERE).on_hand(-7, AdjustReason::Adjusted);
    assert_eq!(why(shop.ask(too_many)), Status::InsufficientStock, "what is held is promised");
    let request = client.new_request_id();
    let fewer = || client.stock_adjust(SKU, HERE).on_hand(-3, AdjustReason::Adjusted);
    let once = shop.ask(fewer().request_id(request)).unwrap();
    assert_eq!((once.on_hand, once.sellable), (7, 0));
    assert_eq!(shop.ask(fewer().again(request)).unwrap().on_hand, 7, "asked twice, done once");
    assert_eq!(why(shop.buys(OTHER, 1)), Status::SoldOut);
    assert_eq!(why(shop.ask(client.stock_get(SkuId(99)))), Status::SkuNotFound);
}

pub fn the_server_finds_a_warehouse_that_has_it(shop: &Shop) {
    let client = &shop.client;
    shop.has(SKU, THERE, 20);
    let order = shop.buys(BUYER, 15).unwrap().order;
    assert_eq!(shop.order(BUYER, order).lines[0].warehouse, THERE);
    let from_here =
        |units: u32| client.create(OTHER, eur(19_99 * i64::from(units))).line_from(SKU, HERE, units);
    assert_eq!(why(shop.ask(from_here(11))), Status::InsufficientStock, "a line is not split");
    shop.ask(from_here(10)).unwrap();
    assert_eq!(why(shop.ask(from_here(1))), Status::SoldOut);
    assert_eq!(shop.shelf(), (30, 25, 5));
}

pub fn a_hold_sets_units_aside_until_it_ends(shop: &Shop) {
    let client = &shop.client;
    let hold = shop.ask(client.stock_reserve(BUYER).line(SKU, 4).hold_seconds(60)).unwrap();
    assert_eq!((hold.state, shop.shelf().2), (HoldState::Open, 6));
    let longer = shop.ask(client.stock_extend(BUYER, hold.hold, 600)).unwrap();
    assert!(longer.until > hold.until);
    assert_eq!(shop.ask(client.stock_commit(BUYER, hold.hold)).unwrap().state, HoldState::Committed);
    assert_eq!(shop.shelf(), (6, 0, 6));
    assert_eq!(why(shop.ask(client.stock_release(BUYER, hold.hold))), Status::HoldNotFound);

    let hold = shop.ask(client.stock_reserve(OPERATOR).line(SKU, 2)).unwrap();
    assert_eq!(shop.ask(client.stock_release(OPERATOR, hold.hold)).unwrap().state, HoldState::Released);
    shop.comes_to_sell(6);
    shop.ask(client.stock_reserve(BUYER).line(SKU, 6).hold_seconds(1)).unwrap();
    assert_eq!(why(shop.buys(OTHER, 1)), Status::SoldOut);
    // Nobody took it over in time.
    shop.comes_to_sell(6);
}

pub fn a_hold_becomes_an_order(shop: &Shop) {
    let client = &shop.client;
    let held = shop.ask(client.prepare_hold(BUYER, Currency::EUR).line(SKU, 10)).unwrap();
    assert_eq!((held.priced.total, shop.shelf().2), (19_990, 0));
    assert_eq!(why(shop.buys(OTHER, 1)), Status::SoldOut);
    let takes = |user| shop.ask(client.create(user, eur(19_990)).line(SKU, 10).hold(held.hold));
    assert_eq!(why(takes(OTHER)), Status::HoldNotFound, "it is not his");
    let placed = takes(BUYER).unwrap();
    assert_eq!(shop.order(BUYER, placed.order).hold, Some(held.hold));
    assert_eq!(shop.shelf(), (10, 10, 0));
    shop.ask(client.cancel(BUYER, placed.order)).unwrap();
    shop.comes_to_sell(10);
}

pub fn units_move_between_warehouses_and_come_back(shop: &Shop) {
    let client = &shop.client;
    let moved = shop.ask(client.stock_transfer(SKU, HERE, THERE, 4)).unwrap();
    assert_eq!((moved.from.on_hand, moved.to.on_hand), (6, 4));
    assert_eq!(why(shop.ask(client.stock_transfer(SKU, HERE, THERE, 7))), Status::InsufficientStock);
    let (order, _) = shop.buys_and_pays(BUYER, 5);
    assert_eq!(shop.order(BUYER, order).lines[0].warehouse, HERE);
    let back = shop.ask(client.stock_return(SKU, THERE, 2)).unwrap();
    assert_eq!(back.on_hand, 6);
    shop.comes_to_sell(7);
}
