//! What operators put in everybody's way, and how they change what there is.

use tidegate_sdk::{Scope, SkuId, State, Status, Stops, UserList};

use crate::shop::{BUYER, OTHER, SKU, Shop, eur, why};

pub fn a_blocked_user_makes_no_orders(shop: &Shop) {
    let client = &shop.client;
    let before = shop.buys(BUYER, 1).unwrap();
    shop.ask(client.limit_put(BUYER, UserList::Blocked)).unwrap();
    assert_eq!(why(shop.buys(BUYER, 1)), Status::Blocked);
    shop.buys(OTHER, 1).unwrap();
    // What he has is paid for and cancelled as ever.
    assert_eq!(shop.ask(client.cancel(BUYER, before.order)).unwrap().state, State::Cancelled);
    shop.ask(client.limit_put(BUYER, UserList::Ordinary)).unwrap();
    shop.buys(BUYER, 1).unwrap();
}

pub fn a_switch_stops_new_orders_and_nothing_else(shop: &Shop) {
    let client = &shop.client;
    let before = shop.buys(BUYER, 1).unwrap();
    let stops = Stops { creating: true, ..Stops::default() };
    shop.ask(client.switch_put(Scope::Sku(SKU), stops).note("a wrong price")).unwrap();
    assert_eq!(why(shop.buys(BUYER, 1)), Status::SwitchedOff);
    assert_eq!(shop.ask(client.cancel(BUYER, before.order)).unwrap().state, State::Cancelled);
    shop.ask(client.switch_clear(Scope::Sku(SKU), 1)).unwrap();
    shop.comes_to_sell(10);
    shop.buys(BUYER, 1).unwrap();
}

pub fn the_catalogue_is_changed_over_the_version_that_was_seen(shop: &Shop) {
    let client = &shop.client;
    assert_eq!(why(shop.ask(client.sku_put(SKU, eur(1_00)))), Status::VersionConflict);
    assert_eq!(why(shop.ask(client.sku_put(SKU, eur(1_00)).replaces(9))), Status::VersionConflict);
    let request = client.new_request_id();
    let put = || client.sku_put(SKU, eur(24_99)).replaces(1);
    assert_eq!(shop.ask(put().request_id(request)), Ok(2));
    assert_eq!(shop.ask(put().again(request)), Ok(2), "asked twice, done once");
    let found = shop.ask(client.sku_get(SKU)).unwrap();
    assert_eq!((found.sku.version, found.sku.unit_price), (2, eur(24_99)));
    for sku in 2..=5 {
        shop.ask(client.sku_put(SkuId(sku), eur(1_00))).unwrap();
    }
    let first = shop.ask(client.sku_list().limit(3)).unwrap();
    let rest = shop.ask(client.sku_list().limit(3).after(first.items[2].id)).unwrap();
    let skus: Vec<u64> = first.items.iter().chain(&rest.items).map(|sku| sku.id.0).collect();
    assert_eq!((skus, first.more, rest.more), (vec![1, 2, 3, 4, 5], true, false));
    assert_eq!(why(shop.ask(client.sku_get(SkuId(99)))), Status::SkuNotFound);
}
