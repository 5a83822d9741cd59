//! How orders are made, found and ended.

use tidegate_sdk::{
    BatchOrder, BatchOutcome, Currency, Error, Money, OrderId, OrderPage, RequestId, SkuId, State, Status,
};

use crate::shop::{BUYER, HERE, OTHER, SKU, Shop, eur, why};

pub fn an_order_is_made_found_and_cancelled(shop: &Shop) {
    let client = &shop.client;
    let priced = shop.ask(client.prepare(BUYER, Currency::EUR).line(SKU, 2)).unwrap();
    assert_eq!((priced.total, priced.lines.len()), (39_98, 1));

    let placed = shop.ask(client.create(BUYER, eur(39_98)).line(SKU, 2).client_bytes(*b"a gift")).unwrap();
    assert_eq!((placed.user, placed.state, placed.version), (BUYER, State::PendingPayment, 1));
    assert_eq!(shop.shelf(), (10, 2, 8));

    let order = shop.order(BUYER, placed.order);
    assert_eq!((order.brief, order.client_bytes.as_slice()), (placed, b"a gift".as_slice()));
    let line = &order.lines[0];
    assert_eq!((line.sku, line.quantity, line.unit_price), (SKU, 2, 19_99));
    assert_eq!(shop.ask(client.get_by_request(BUYER, order.request)).unwrap(), order);
    assert_eq!(shop.ask(client.list(BUYER)).unwrap().items, [placed]);

    let ended = shop.ask(client.cancel(BUYER, placed.order).version(1).why(12)).unwrap();
    assert_eq!((ended.state, ended.version), (State::Cancelled, 2));
    let rows = shop.ask(client.history(BUYER, placed.order)).unwrap();
    let steps: Vec<_> = rows.iter().map(|row| (row.from, row.to, row.why)).collect();
    let pending = State::PendingPayment;
    assert_eq!(steps, [(None, pending, 0), (Some(pending), State::Cancelled, 12)]);
    shop.comes_to_sell(10);
}

pub fn a_request_asked_again_is_answered_again(shop: &Shop) {
    let client = &shop.client;
    let request = client.new_request_id();
    let once = shop.ask(client.create(BUYER, eur(19_99)).line(SKU, 1).request_id(request)).unwrap();
    let twice = shop.ask(client.create(BUYER, eur(19_99)).line(SKU, 1).again(request)).unwrap();
    assert_eq!(once, twice);
    assert_eq!(shop.shelf().1, 1, "its units were taken once");
    let other = shop.ask(client.create(BUYER, eur(39_98)).line(SKU, 2).again(request));
    assert_eq!(why(other), Status::RequestIdReused);
    // It is answered when there is nothing left to sell, too.
    shop.buys(OTHER, 9).unwrap();
    let later = shop.ask(client.create(BUYER, eur(19_99)).line(SKU, 1).again(request)).unwrap();
    assert_eq!(once, later);

    let request = client.new_request_id();
    let ended = shop.ask(client.cancel(BUYER, once.order).request_id(request)).unwrap();
    assert_eq!(shop.ask(client.cancel(BUYER, once.order).again(request)).unwrap(), ended);
}

pub fn a_request_id_is_one_users_own(shop: &Shop) {
    let client = &shop.client;
    let request = client.new_request_id();
    let mine = shop.ask(client.create(BUYER, eur(19_99)).line(SKU, 1).request_id(request)).unwrap();
    let others = shop.ask(client.create(OTHER, eur(39_98)).line(SKU, 2).request_id(request)).unwrap();
    assert_ne!(mine.order, others.order);
    assert_eq!(shop.ask(client.get_by_request(OTHER, request)).unwrap().brief, others);
}

pub fn a_request_id_counts_only_within_its_window(shop: &Shop) {
    let client = &shop.client;
    let at = |seconds: i64| {
        let ms = client.server_time().0 / 1_000 + seconds * 1_000;
        RequestId((ms as u128) << 80 | 7)
    };
    let asks = |request| shop.ask(client.create(BUYER, eur(19_99)).line(SKU, 1).request_id(request));
    assert_eq!(why(asks(at(-86_460))), Status::RequestIdExpired, "more than a day old");
    assert_eq!(why(asks(at(360))), Status::RequestIdExpired, "more than five minutes ahead");
    asks(at(-86_340)).unwrap();
    asks(at(240)).unwrap();
}

pub fn sold_out_is_an_answer(shop: &Shop) {
    let told = |answer| match answer {
        Err(Error::Refused(refused)) => (refused.status, refused.line, refused.asked, refused.there),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(shop.buys(BUYER, 11)), (Status::InsufficientStock, Some(0), 11, 10));
    let order = shop.buys(BUYER, 10).unwrap().order;
    assert_eq!(told(shop.buys(OTHER, 1)), (Status::SoldOut, Some(0), 1, 0));
    assert_eq!(shop.shelf(), (10, 10, 0));
    // What comes back is sold again.
    shop.ask(shop.client.cancel(BUYER, order)).unwrap();
    shop.comes_to_sell(10);
    shop.comes_to(Status::SoldOut, || shop.buys(OTHER, 1));
}

pub fn a_basket_is_all_or_nothing(shop: &Shop) {
    let (client, second) = (&shop.client, SkuId(2));
    shop.has(second, HERE, 3);
    let basket = |units| {
        let total = eur(19_99 * (4 + i64::from(units)));
        shop.ask(client.create(BUYER, total).line(SKU, 4).line(second, units))
    };
    match basket(4) {
        Err(Error::Refused(refused)) => {
            let told = (refused.status, refused.line, refused.asked, refused.there);
            assert_eq!(told, (Status::InsufficientStock, Some(1), 4, 3));
        }
        other => panic!("{other:?}"),
    }
    shop.comes_to_sell(10);
    let placed = basket(3).unwrap();
    assert_eq!(shop.order(BUYER, placed.order).lines.len(), 2);
    assert_eq!(shop.ask(client.stock_get(second)).unwrap().sellable, 0);
    shop.ask(client.cancel(BUYER, placed.order)).unwrap();
    shop.comes_to_sell(10);
}

pub fn the_buyer_pays_what_was_shown_to_him(shop: &Shop) {
    let client = &shop.client;
    let asks = |money: Money, sku| shop.ask(client.create(BUYER, money).line(sku, 1));
    assert_eq!(why(asks(eur(19_99), SkuId(99))), Status::SkuNotFound);
    assert_eq!(why(asks(Money::new(19_99, Currency::USD), SKU)), Status::CurrencyMismatch);
    match asks(eur(18_99), SKU) {
        Err(Error::Refused(refused)) => {
            assert_eq!((refused.status, refused.there), (Status::PriceChanged, 19_99));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(shop.ask(client.sku_put(SKU, eur(24_99)).replaces(1)), Ok(2));
    assert_eq!(why(asks(eur(19_99), SKU)), Status::PriceChanged);
    asks(eur(24_99), SKU).unwrap();
    assert_eq!(shop.ask(client.sku_put(SKU, eur(24_99)).replaces(2).closed()), Ok(3));
    assert_eq!(why(asks(eur(24_99), SKU)), Status::SkuClosed);
}

pub fn an_order_that_costs_nothing_is_confirmed_at_once(shop: &Shop) {
    let (client, gift) = (&shop.client, SkuId(3));
    shop.ask(client.sku_put(gift, eur(0))).unwrap();
    let adjust = client.stock_adjust(gift, HERE).on_hand(2, tidegate_sdk::AdjustReason::Received);
    shop.ask(adjust).unwrap();
    let placed = shop.ask(client.create(BUYER, eur(0)).line(gift, 2)).unwrap();
    assert_eq!(placed.state, State::Confirmed);
    let shelf = shop.ask(client.stock_get(gift)).unwrap();
    assert_eq!((shelf.on_hand, shelf.held, shelf.sold), (0, 0, 2));
    assert_eq!(shop.ask(client.cancel(BUYER, placed.order)).unwrap().state, State::Refunded);
    assert_eq!(shop.ask(client.stock_get(gift)).unwrap().on_hand, 2);
}

pub fn a_cancel_compares_the_version(shop: &Shop) {
    let client = &shop.client;
    let order = shop.buys(BUYER, 1).unwrap().order;
    assert_eq!(why(shop.ask(client.cancel(BUYER, order).version(2))), Status::VersionConflict);
    assert_eq!(why(shop.ask(client.cancel(OTHER, order))), Status::OrderNotFound);
    assert_eq!(shop.ask(client.cancel(BUYER, order).version(1)).unwrap().version, 2);
    assert_eq!(why(shop.ask(client.cancel(BUYER, order))), Status::WrongState);
}

pub fn an_order_is_its_buyers_own(shop: &Shop) {
    let client = &shop.client;
    let order = shop.buys(BUYER, 1).unwrap().order;
    let request = shop.order(BUYER, order).request;
    assert_eq!(why(shop.ask(client.get(OTHER, order))), Status::OrderNotFound);
    assert_eq!(why(shop.ask(client.history(OTHER, order))), Status::OrderNotFound);
    assert_eq!(why(shop.ask(client.get_by_request(OTHER, request))), Status::OrderNotFound);
    assert_eq!(why(shop.ask(client.get(BUYER, OrderId(5)))), Status::OrderNotFound);
    assert!(shop.ask(client.list(OTHER)).unwrap().items.is_empty());
}

pub fn lists_go_page_by_page_newest_first(shop: &Shop) {
    let client = &shop.client;
    let mut orders: Vec<OrderId> = (0..5).map(|_| shop.buys(BUYER, 1).unwrap().order).collect();
    orders.reverse();
    let first = shop.ask(client.list(BUYER).limit(3)).unwrap();
    let second = shop.ask(client.list(BUYER).limit(3).before(first.next.unwrap())).unwrap();
    let ids = |page: &OrderPage| page.items.iter().map(|brief| brief.order).collect::<Vec<_>>();
    assert_eq!([ids(&first), ids(&second)].concat(), orders);
    assert_eq!((first.next, second.next), (Some(orders[2]), None));
    shop.ask(client.cancel(BUYER, orders[1])).unwrap();
    let cancelled = shop.ask(client.list(BUYER).in_state(State::Cancelled)).unwrap();
    assert_eq!(ids(&cancelled), [orders[1]]);
}

pub fn nobody_pays_and_the_units_come_back(shop: &Shop) {
    let client = &shop.client;
    assert_eq!(shop.ask(client.sku_put(SKU, eur(19_99)).replaces(1).hold_seconds(1)), Ok(2));
    let order = shop.buys(BUYER, 10).unwrap().order;
    assert_eq!(why(shop.buys(OTHER, 1)), Status::SoldOut);
    shop.becomes(order, State::Cancelled);
    shop.comes_to_sell(10);
    let rows = shop.ask(client.history(BUYER, order)).unwrap();
    assert_eq!(rows.len(), 2);
    shop.comes_to(Status::SoldOut, || shop.buys(OTHER, 1));
}

pub fn a_rush_sells_what_there_is_and_no_more(shop: &Shop) {
    const BUYERS: u64 = 200;
    let client = &shop.client;
    let batch = |users: std::ops::Range<u64>| -> Vec<BatchOrder> {
        let order = |user| BatchOrder {
            request: client.new_request_id(),
            asked_before: false,
            user: tidegate_sdk::UserId(user),
            sku: SKU,
            warehouse: None,
            quantity: 1,
            total: eur(19_99),
        };
        users.map(order).collect()
    };
    let outcomes: Vec<BatchOutcome> = std::thread::scope(|threads| {
        let asked: Vec<_> = (0..4)
            .map(|quarter| {
                let users = 100 + quarter * BUYERS / 4..100 + (quarter + 1) * BUYERS / 4;
                let orders = batch(users);
                threads.spawn(move || shop.batch(orders))
            })
            .collect();
        asked.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let accepted = outcomes.iter().filter(|it| matches!(it, BatchOutcome::Accepted(_))).count();
    let sold_out =
        |it: &&BatchOutcome| matches!(it, BatchOutcome::NotDone { status, .. } if *status == Status::SoldOut);
    let sold_out = outcomes.iter().filter(sold_out).count();
    assert_eq!((accepted, sold_out), (10, BUYERS as usize - 10), "{outcomes:?}");
    assert_eq!(shop.shelf(), (10, 10, 0));
}

pub fn of_a_batch_each_order_stands_or_falls_alone(shop: &Shop) {
    let client = &shop.client;
    let order = |user, sku, quantity: u32| BatchOrder {
        request: client.new_request_id(),
        asked_before: false,
        user: tidegate_sdk::UserId(user),
        sku,
        warehouse: None,
        quantity,
        total: eur(19_99 * i64::from(quantity)),
    };
    let orders = vec![order(1, SKU, 1), order(2, SkuId(99), 1), order(3, SKU, 20), order(4, SKU, 1)];
    let outcomes = shop.batch(orders);
    let said: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            BatchOutcome::Accepted(_) => None,
            BatchOutcome::NotDone { status, .. } => Some(*status),
        })
        .collect();
    assert_eq!(said, [None, Some(Status::SkuNotFound), Some(Status::InsufficientStock), None]);
}
