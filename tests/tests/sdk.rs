//! The SDK against the real server: what its documentation promises, and the examples that the README shows.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::process::Command;
use std::time::Duration;

use e2e::Server;
use tidegate_sdk::{
    AdjustReason, BatchOrder, BatchOutcome, Benefit, Client, CouponId, Currency, Error, EventFilter,
    EventType, FreightBy, HoldState, MicrosUtc, Money, OrderId, SaleId, SellerId, SkuId, StartAt, State,
    Status, UserId, WarehouseId,
};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const PRICE: Money = Money::new(19_99, Currency::EUR);
const SKU: SkuId = SkuId(1);

/// A server that has 10 units of sku 1 for 19.99 EUR.
async fn shop() -> (Server, Client) {
    let server = Server::start(TIDEGATE);
    let client = server.patiently().connect().await.unwrap();
    assert_eq!(client.sku_put(SKU, PRICE).await, Ok(1));
    let shelf = client.stock_adjust(SKU, WarehouseId(1)).on_hand(10, AdjustReason::Received).await.unwrap();
    assert_eq!((shelf.on_hand, shelf.sellable), (10, 10));
    (server, client)
}

fn total(units: i64) -> Money {
    Money::new(19_99 * units, Currency::EUR)
}

#[tokio::test]
async fn an_order_lives_and_ends() {
    let (_server, client) = shop().await;
    let user = UserId(7);
    let priced = client.prepare(user, Currency::EUR).line(SKU, 2).await.unwrap();
    assert_eq!((priced.total, priced.lines.len()), (39_98, 1));

    let placed =
        client.create(user, total(2)).line(SKU, 2).client_bytes(*b"a gift").trace(0xABC).await.unwrap();
    assert_eq!((placed.user, placed.state, placed.version), (user, State::PendingPayment, 1));
    assert!(placed.order.made_at() <= client.server_time().after(Duration::from_secs(1)));

    let order = client.get(user, placed.order).await.unwrap();
    assert_eq!((order.brief, order.client_bytes.as_slice()), (placed, b"a gift".as_slice()));
    assert_eq!((order.lines[0].sku, order.lines[0].quantity, order.lines[0].unit_price), (SKU, 2, 19_99));
    assert_eq!(client.get_by_request(user, order.request).await.unwrap(), order);
    assert_eq!(client.list(user).await.unwrap().items, [placed]);

    let ended = client.cancel(user, placed.order).version(1).why(12).await.unwrap();
    assert_eq!((ended.state, ended.version), (State::Cancelled, 2));
    let rows = client.history(user, placed.order).await.unwrap();
    let steps: Vec<_> = rows.iter().map(|row| (row.from, row.to, row.why)).collect();
    let pending = State::PendingPayment;
    assert_eq!(steps, [(None, pending, 0), (Some(pending), State::Cancelled, 12)]);
    assert_eq!(client.stock_get(SKU).await.unwrap().sellable, 10);
}

#[tokio::test]
async fn a_hold_becomes_an_order_and_units_move_without_one() {
    let (_server, client) = shop().await;
    let (user, operator) = (UserId(7), UserId(0));
    let sellable = async || client.stock_get(SKU).await.unwrap().sellable;

    let held = client.prepare_hold(user, Currency::EUR).line(SKU, 10).await.unwrap();
    assert_eq!((held.priced.total, sellable().await), (19_990, 0));
    let refused = client.create(UserId(8), total(1)).line(SKU, 1).await;
    assert!(matches!(refused, Err(Error::Refused(refused)) if refused.status == Status::SoldOut));
    let placed = client.create(user, total(10)).line(SKU, 10).hold(held.hold).await.unwrap();
    assert_eq!(client.get(user, placed.order).await.unwrap().hold, Some(held.hold));
    client.cancel(user, placed.order).await.unwrap();
    assert_eq!(sellable().await, 10);

    let hold = client.stock_reserve(user).line(SKU, 4).hold_seconds(60).await.unwrap();
    assert_eq!((hold.state, sellable().await), (HoldState::Open, 6));
    let longer = client.stock_extend(user, hold.hold, 600).await.unwrap();
    assert!(longer.until > hold.until);
    assert_eq!(client.stock_commit(user, hold.hold).await.unwrap().state, HoldState::Committed);
    let other = client.stock_reserve(operator).line_from(SKU, WarehouseId(1), 1).await.unwrap();
    assert_eq!(client.stock_release(operator, other.hold).await.unwrap().state, HoldState::Released);
    let gone = client.stock_release(user, hold.hold).await;
    assert!(matches!(gone, Err(Error::Refused(refused)) if refused.status == Status::HoldNotFound));

    let back = client.stock_return(SKU, WarehouseId(2), 4).await.unwrap();
    assert_eq!((back.on_hand, sellable().await), (4, 10));
    let moved = client.stock_transfer(SKU, WarehouseId(2), WarehouseId(1), 4).await.unwrap();
    assert_eq!((moved.from.on_hand, moved.to.on_hand), (0, 10));
    assert!(client.audit().await.unwrap().ok);
}

#[tokio::test]
async fn coupons_make_orders_cheaper_and_come_back() {
    let (_server, client) = shop().await;
    let (user, now) = (UserId(7), client.server_time());
    let (five, tenth) = (CouponId(5), CouponId(10));
    let until = now.after(Duration::from_secs(3_600));
    let off = Benefit::Amount(5_00);
    let defined = client.coupon_define(five, Currency::EUR, off, now, until).quota(1).must_claim();
    assert_eq!(defined.group(1).sku(SKU).await, Ok(1));
    let part = Benefit::Percent { basis_points: 1_000, cap: 0 };
    let defined = client.coupon_define(tenth, Currency::EUR, part, now, until).group(2).rank(1).user_quota(1);
    assert_eq!(defined.await, Ok(1));

    let check = || client.coupon_check(user, Currency::EUR).coupon(five).coupon(tenth).line(SKU, 1);
    let checked = check().await.unwrap();
    let said: Vec<_> = checked.coupons.iter().map(|it| (it.coupon, it.discount, it.why_not)).collect();
    assert_eq!(said, [(five, 0, Some(Status::CouponNotFound)), (tenth, 1_99, None)]);
    let taken = client.coupon_claim(user, five).await.unwrap();
    assert_eq!((taken.claimed, taken.locked, taken.used), (1, 0, 0));
    let other = client.coupon_claim(UserId(8), five).await.unwrap_err();
    assert_eq!(other.refused(), Some(Status::CouponExhausted));
    assert_eq!(check().await.unwrap().discount, 5_00 + 1_49);

    let priced = client.prepare(user, Currency::EUR).coupon(five).coupon(tenth).line(SKU, 1).await.unwrap();
    assert_eq!((priced.total, priced.discount, priced.lines[0].discount), (13_50, 6_49, 6_49));
    let cheap = Money::new(13_50, Currency::EUR);
    let create = || client.create(user, cheap).coupon(tenth).coupon(five).line(SKU, 1);
    let placed = create().await.unwrap();
    let order = client.get(user, placed.order).await.unwrap();
    let shares: Vec<_> = order.coupons.iter().map(|share| (share.coupon, share.discount)).collect();
    assert_eq!((order.discount, shares), (6_49, vec![(five, 5_00), (tenth, 1_49)]));
    assert_eq!(create().await.unwrap_err().refused(), Some(Status::CouponUserLimit));
    let too_many = (1..=5).map(CouponId).fold(client.create(user, cheap), |it, coupon| it.coupon(coupon));
    assert_eq!(too_many.line(SKU, 1).await.unwrap_err().refused(), Some(Status::InvalidField));

    client.cancel(user, placed.order).await.unwrap();
    let back = client.coupon_get(five).of_user(user).await.unwrap();
    assert_eq!((back.taken.claimed, back.taken.locked, back.skus), (1, 0, vec![SKU]));
    assert_eq!(client.coupon_list().after(five).await.unwrap().items.len(), 1);
    create().await.unwrap();

    let types = EventFilter::ALL.of_type(EventType::CouponLocked).of_type(EventType::CouponReleased);
    let mut events = client.subscribe(types, StartAt::Behind(0));
    let locked = events.next().await.unwrap();
    assert_eq!(
        (locked.event, locked.order, locked.user),
        (Ok(EventType::CouponLocked), Some(placed.order), Some(user))
    );
    let items: Vec<_> = locked.items.iter().map(|item| (item.coupon, item.amount)).collect();
    assert_eq!(items, [(five, 5_00), (tenth, 1_49)]);
    assert_eq!(events.next().await.unwrap().event, Ok(EventType::CouponReleased));
    assert!(client.audit().await.unwrap().ok);
}

#[tokio::test]
async fn a_thousand_users_race_for_the_last_coupon() {
    let (_server, client) = shop().await;
    let (now, coupon) = (client.server_time(), CouponId(5));
    let until = now.after(Duration::from_secs(3_600));
    client.stock_adjust(SKU, WarehouseId(1)).on_hand(2_000, AdjustReason::Received).await.unwrap();
    client.coupon_define(coupon, Currency::EUR, Benefit::Amount(5_00), now, until).quota(1).await.unwrap();
    let mut asked = tokio::task::JoinSet::new();
    for user in 1..=1_000 {
        let client = client.clone();
        asked.spawn(async move {
            client.create(UserId(user), Money::new(14_99, Currency::EUR)).coupon(coupon).line(SKU, 1).await
        });
    }
    let (mut placed, mut exhausted) = (0, 0);
    while let Some(answer) = asked.join_next().await {
        match answer.unwrap() {
            Ok(_) => placed += 1,
            Err(refused) if refused.refused() == Some(Status::CouponExhausted) => exhausted += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((placed, exhausted), (1, 999));
    assert_eq!(client.coupon_get(coupon).await.unwrap().coupon.locked, 1);
}

#[tokio::test]
async fn sending_costs_what_the_seller_says() {
    let (_server, client) = shop().await;
    let (user, seller) = (UserId(7), SellerId(0));
    let rule = client.freight_put(seller, Money::new(4_90, Currency::EUR)).free_from(50_00);
    assert_eq!(rule.steps(FreightBy::Count, 1, 1, 50).await.unwrap(), 1);
    let found = client.freight_list().await.unwrap().items[0];
    assert_eq!((found.by, found.per_step.minor_units, found.version), (FreightBy::Count, 50, 1));

    let priced = client.prepare(user, Currency::EUR).line(SKU, 2).await.unwrap();
    assert_eq!((priced.total, priced.freight), (2 * 19_99 + 5_40, 5_40));
    let goods_alone = client.create(user, total(2)).line(SKU, 2).await;
    assert!(matches!(goods_alone, Err(Error::Refused(refused)) if refused.status == Status::PriceChanged));
    let placed = client.create(user, Money::new(priced.total, Currency::EUR)).line(SKU, 2).await.unwrap();
    let order = client.get(user, placed.order).await.unwrap();
    assert_eq!((order.freight, order.lines[0].freight), (5_40, 5_40));
    let free = client.prepare(user, Currency::EUR).line(SKU, 3).await.unwrap();
    assert_eq!((free.total, free.freight), (3 * 19_99, 0));

    let again = client.freight_put(seller, Money::new(0, Currency::EUR)).await;
    assert!(matches!(again, Err(Error::Refused(refused)) if refused.status == Status::VersionConflict));
    assert!(client.audit().await.unwrap().ok);
}

#[tokio::test]
async fn asking_twice_does_once() {
    let (_server, client) = shop().await;
    let request = client.new_request_id();
    let once = client.create(UserId(7), total(1)).line(SKU, 1).request_id(request).await.unwrap();
    let twice = client.create(UserId(7), total(1)).line(SKU, 1).again(request).await.unwrap();
    assert_eq!(once, twice);
    assert_eq!(client.stock_get(SKU).await.unwrap().held, 1);
    let other = client.create(UserId(7), total(2)).line(SKU, 2).again(request).await.unwrap_err();
    assert_eq!(other.refused(), Some(Status::RequestIdReused));
}

#[tokio::test]
async fn a_killed_server_is_asked_again_when_it_is_back() {
    let (mut server, client) = shop().await;
    let request = client.new_request_id();
    let before = client.create(UserId(7), total(1)).line(SKU, 1).request_id(request).await.unwrap();
    server.kill();
    let gone = client.create(UserId(8), total(1)).line(SKU, 1).deadline(Duration::from_millis(300)).await;
    assert!(matches!(gone, Err(Error::TryAgain { .. } | Error::OutcomeUnknown { .. })), "{gone:?}");

    server.restart();
    let client = server.patiently().connect().await.unwrap();
    let after = client.create(UserId(7), total(1)).line(SKU, 1).again(request).await.unwrap();
    assert_eq!(before, after, "acknowledged once, there for ever");
}

#[tokio::test]
async fn refusals_say_what_would_have_to_be_different() {
    let (_server, client) = shop().await;
    let refused = |answer: Result<_, Error>| match answer {
        Err(Error::Refused(refused)) => (refused.status, refused.line, refused.asked, refused.there),
        other => panic!("{other:?}"),
    };
    let create = |money, sku, units| client.create(UserId(7), money).line(sku, units);
    assert_eq!(refused(create(total(1), SkuId(99), 1).await), (Status::SkuNotFound, Some(0), 0, 0));
    assert_eq!(refused(create(total(11), SKU, 11).await), (Status::InsufficientStock, Some(0), 11, 10));
    let cheap = Money::new(1, Currency::EUR);
    assert_eq!(refused(create(cheap, SKU, 1).await), (Status::PriceChanged, None, 1, 19_99));
    let unknown = client.get(UserId(7), OrderId(5)).await.unwrap_err();
    assert_eq!(unknown.refused(), Some(Status::OrderNotFound));
    let stale = client.sku_put(SKU, PRICE).replaces(9).await.unwrap_err();
    assert_eq!(stale.refused(), Some(Status::VersionConflict));
}

#[tokio::test]
async fn a_sale_has_its_price_its_window_and_its_limits() {
    let (_server, client) = shop().await;
    let now = client.server_time().0;
    let (opens, closes) = (MicrosUtc(now - 1_000_000), MicrosUtc(now + 60_000_000));
    client.sale_put(SaleId(5), opens, closes).sku(SKU, 9_99).user_limit(2).cap(3).await.unwrap();
    assert_eq!(client.sku_get(SKU).await.unwrap().sale, Some(SaleId(5)));
    let sale = client.sale_get(SaleId(5)).await.unwrap();
    assert_eq!((sale.sale.opens, sale.sale.cap_units, sale.skus), (opens, 3, vec![(SKU, 9_99)]));
    assert_eq!(client.sale_list().await.unwrap().items, [sale.sale]);

    let price = |units: i64| Money::new(9_99 * units, Currency::EUR);
    client.create(UserId(7), price(2)).line(SKU, 2).await.unwrap();
    let status = |answer: Result<_, Error>| answer.unwrap_err().refused();
    assert_eq!(status(client.create(UserId(7), price(1)).line(SKU, 1).await), Some(Status::UserLimit));
    assert_eq!(status(client.create(UserId(8), price(2)).line(SKU, 2).await), Some(Status::SaleCap));
}

#[tokio::test]
async fn a_batch_answers_each_order_for_itself() {
    let (_server, client) = shop().await;
    let order = |user, sku, quantity| BatchOrder {
        request: client.new_request_id(),
        asked_before: false,
        user: UserId(user),
        sku,
        warehouse: None,
        quantity,
        total: total(quantity.into()),
    };
    let orders = vec![order(1, SKU, 1), order(2, SkuId(99), 1), order(3, SKU, 9), order(4, SKU, 1)];
    let outcomes = client.batch(orders).await.unwrap();
    let accepted: Vec<_> =
        outcomes.iter().map(|outcome| matches!(outcome, BatchOutcome::Accepted(_))).collect();
    assert_eq!(accepted, [true, false, true, false]);
    match outcomes[3] {
        BatchOutcome::NotDone { status, asked, there, .. } => {
            assert_eq!((status, asked, there), (Status::SoldOut, 1, 0));
        }
        BatchOutcome::Accepted(order) => panic!("oversold by {order}"),
    }
}

#[tokio::test]
async fn lists_go_page_by_page() {
    let (_server, client) = shop().await;
    for sku in 2..=7 {
        client.sku_put(SkuId(sku), PRICE).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut after = SkuId(0);
    loop {
        let page = client.sku_list().after(after).limit(3).await.unwrap();
        seen.extend(page.items.iter().map(|sku| sku.id.0));
        if !page.more {
            break;
        }
        after = page.items.last().unwrap().id;
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);

    let mut orders = Vec::new();
    for _ in 0..5 {
        orders.push(client.create(UserId(7), total(1)).line(SKU, 1).await.unwrap().order);
    }
    orders.reverse();
    let first = client.list(UserId(7)).limit(3).await.unwrap();
    let second = client.list(UserId(7)).limit(3).before(first.next.unwrap()).await.unwrap();
    let ids = |page: &tidegate_sdk::OrderPage| page.items.iter().map(|o| o.order).collect();
    let (first_ids, second_ids): (Vec<_>, Vec<_>) = (ids(&first), ids(&second));
    assert_eq!([first_ids, second_ids].concat(), orders, "newest first");
    assert_eq!((first.next, second.next), (Some(orders[2]), None));
}

#[tokio::test]
async fn operators_see_how_the_server_is_and_drain_it() {
    let (_server, client) = shop().await;
    client.create(UserId(7), total(1)).line(SKU, 1).await.unwrap();
    let stats = client.stats().await.unwrap();
    assert_eq!((stats.created, stats.orders, stats.draining), (1, 1, false));
    client.drain(true).await.unwrap();
    let late = client.create(UserId(8), total(1)).line(SKU, 1).deadline(Duration::from_millis(200)).await;
    assert!(matches!(late, Err(Error::TryAgain { .. })), "{late:?}");
    client.drain(false).await.unwrap();
    assert!(client.create(UserId(8), total(1)).line(SKU, 1).await.is_ok());
}

#[test]
fn the_life_of_an_order_runs_on_a_server_of_its_own_and_tells_each_event() {
    let ran = Command::new(env!("CARGO_BIN_EXE_order-lifecycle"))
        .args(["--tidegate", env!("CARGO_BIN_EXE_tidegate-under-test")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    // Of the lines of events, position and name.
    let told: Vec<(&str, &str)> = said
        .lines()
        .filter(|line| line.starts_with(' '))
        .filter_map(|line| line.split_once("  ").map(|(_, rest)| rest.trim()))
        .filter_map(|line| line.split_once("  "))
        .map(|(position, rest)| (position, rest.split_whitespace().next().unwrap_or_default()))
        .collect();
    let expected = [
        "SkuChanged",
        "StockAdjusted",
        "StockReserved",
        "StockReleased",
        "OrderCreated",
        "StockReserved",
        "PaymentOpened",
        "PaymentSuccess",
        "StockReduced",
        "OrderConfirmed",
        "OrderShipped",
        "ShipmentTracked",
        "OrderDelivered",
        "OrderCompleted",
        "RefundRequested",
        "RefundDone",
        "RefundDone",
    ];
    assert_eq!(told.iter().map(|(_, name)| *name).collect::<Vec<_>>(), expected, "{said}");
    let positions: Vec<u64> = told.iter().map(|(position, _)| position.parse().unwrap()).collect();
    assert_eq!(positions, (1..=17).collect::<Vec<u64>>(), "every fact, and in order");
    assert!(said.trim_end().ends_with("is REFUNDED, version 7"), "{said}");
}

#[tokio::test]
async fn the_examples_of_the_readme_run() {
    let (server, _client) = shop().await;
    for example in [env!("CARGO_BIN_EXE_place-order"), env!("CARGO_BIN_EXE_flash-shop")] {
        let ran = Command::new(example).arg(server.address()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{example}: {said}{}", String::from_utf8_lossy(&ran.stderr));
        assert!(said.contains("CANCELLED") || said.contains("\"ordered\": 300"), "{said}");
    }
}
