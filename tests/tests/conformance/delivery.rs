//! The way of an order to its buyer, and back.

use tidegate_sdk::{AftersaleState, Returned, State, Status};

use crate::shop::{BUYER, HERE, SKU, Shop, why};

pub fn an_order_is_sent_in_parts_and_arrives(shop: &Shop) {
    let client = &shop.client;
    let (order, _) = shop.buys_and_pays(BUYER, 3);
    let part = client.ship(order).line(SKU, 2).carried_by("DHL", "JJD 77");
    assert_eq!(shop.ask(part).unwrap().state, State::PartShipped);
    assert_eq!(why(shop.ask(client.cancel(BUYER, order))), Status::WrongState);
    shop.ask(client.track_note(order, 1, "Leipzig")).unwrap();
    assert_eq!(why(shop.ask(client.ship(order).line(SKU, 2))), Status::InsufficientStock);
    assert_eq!(shop.ask(client.ship(order)).unwrap().state, State::Shipped);
    let tracked = shop.ask(client.track(BUYER, order)).unwrap();
    assert_eq!(
        (tracked.shipments[0].carrier.as_str(), tracked.shipments[0].note.as_str()),
        ("DHL", "Leipzig")
    );
    assert_eq!(tracked.shipments[1].lines, [(SKU, 1)]);
    assert_eq!(shop.ask(client.sign(order)).unwrap().state, State::Delivered);
    assert_eq!(shop.ask(client.confirm_receipt(BUYER, order)).unwrap().state, State::Completed);
}

pub fn what_arrived_may_come_back(shop: &Shop) {
    let client = &shop.client;
    let (order, _) = shop.buys_and_pays(BUYER, 2);
    shop.ask(client.ship(order)).unwrap();
    shop.ask(client.sign(order)).unwrap();
    shop.ask(client.aftersale_open(BUYER, order, SKU).returning(1)).unwrap();
    shop.ask(client.aftersale_decide(order, 1, true)).unwrap();
    let back = shop.ask(client.aftersale_receive(order, 1, Returned::Sellable).at(HERE)).unwrap();
    assert_eq!(back.state, AftersaleState::Refunding);
    shop.comes_to_sell(9);
}
