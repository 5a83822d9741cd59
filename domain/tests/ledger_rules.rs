//! The shop's rules, a row a case: what is told, and what the ledger answers to the last step of it.

mod shop;

use domain::intent::List;
use domain::{Intent, LedgerBounds, OrderId, UserId, Verdict};
use shop::{BOUNDS, Shop, check};

const SHOP: &str = "sku 1 price 500; sku 2 price 30 hold 20; stock 1@1 +10; stock 2@1 +5; stock 2@3 +9;";

fn in_shop(story: &str, answer: &str) {
    check(&format!("{SHOP} {story}"), answer);
}

#[test]
fn an_order_holds_all_its_lines_or_nothing() {
    in_shop("create A lines 1@1x2", "A PendingPayment v1");
    in_shop("create A lines 1@1x2; shelf 1@1", "10 on hand, 2 held, 0 sold, 8 sellable");
    in_shop("create A lines 1@1x2,2@1x6", "InsufficientStock line 1 asked 6 there 5");
    in_shop("create A lines 1@1x2,2@1x6; shelf 1@1", "10 on hand, 0 held, 0 sold, 10 sellable");
    in_shop("create A lines 1@1x10; create B lines 1@1x1", "SoldOut line 0 asked 1 there 0");
    in_shop("create A lines 1@9x1", "SoldOut line 0 asked 1 there 0");
    in_shop("create A lines 1@1x1,2@1x2 bytes 9; get A by 1", "A PendingPayment total 560 lines 2 bytes 9");
    in_shop("create A lines 1@1x2; facts", "OrderCreated StockReserved");
}

#[test]
fn the_server_chooses_the_lowest_warehouse_that_has_enough() {
    in_shop("prepare lines 2@0x5", "total 150 from [1] for 20 s");
    in_shop("prepare lines 2@0x6", "total 180 from [3] for 20 s");
    in_shop("prepare lines 2@0x10", "InsufficientStock line 0 asked 10 there 9");
    in_shop("prepare lines 1@1x1,2@0x1", "total 530 from [1, 1] for 20 s");
    in_shop("sku 3; create A lines 3@0x1", "SoldOut line 0 asked 1 there 0");
    in_shop("stock 2@2 +7; prepare lines 2@0x6", "total 180 from [2] for 20 s");
}

#[test]
fn what_is_kept_back_does_not_sell() {
    in_shop(
        "stock 1@1 +0 safety 4 unavailable 3; create A lines 1@1x4",
        "InsufficientStock line 0 asked 4 there 3",
    );
    in_shop("stock 1@1 -11", "InvalidField");
    in_shop("create A lines 1@1x4; stock 1@1 -7", "InsufficientStock asked 7 there 6");
    in_shop("create A lines 1@1x4; stock 1@1 -6", "4 on hand, 4 held, 0 sold, 0 sellable");
    in_shop("stock 7@1 +1", "SkuNotFound");
    in_shop("shelf 1@8", "0 on hand, 0 held, 0 sold, 0 sellable");
    in_shop("shelf 2@0", "14 on hand, 0 held, 0 sold, 14 sellable");
}

#[test]
fn a_cancel_gives_back_once() {
    in_shop("create A lines 1@1x2; cancel A", "A Cancelled v2");
    in_shop("create A lines 1@1x2; cancel A; facts", "OrderCancelled StockReleased");
    in_shop("create A lines 1@1x2; cancel A; shelf 1@1", "10 on hand, 0 held, 0 sold, 10 sellable");
    in_shop("create A lines 1@1x2; cancel A; cancel A", "WrongState asked 12 there 12");
    in_shop("create A lines 1@1x2; cancel A twice", "RequestIdReused");
    in_shop("create A lines 1@1x2; cancel A version 2", "VersionConflict asked 2 there 1");
    in_shop("create A lines 1@1x2; cancel A by 7", "OrderNotFound");
    in_shop(
        "create A lines 1@1x2; cancel A by 0; history A",
        "PendingPayment by User(UserId(1)), Cancelled by Operator(0)",
    );
}

#[test]
fn an_unpaid_order_ends_when_its_time_is_over_and_never_before() {
    in_shop("create A lines 1@1x2; at 60", "0 expired");
    in_shop("create A lines 1@1x2; at 61", "1 expired");
    in_shop("create A lines 1@1x2,2@1x1; at 21", "1 expired"); // the shortest hold of its lines
    in_shop("create A lines 1@1x2; at 61; facts", "OrderCancelled StockReleased");
    in_shop("create A lines 1@1x2; at 61; shelf 1@1", "10 on hand, 0 held, 0 sold, 10 sellable");
    in_shop(
        "create A lines 1@1x2; at 61; history A",
        "PendingPayment by User(UserId(1)), Cancelled by Timer",
    );
    in_shop("create A lines 1@1x2; cancel A; at 61", "0 expired");
    in_shop("create A lines 1@1x2; at 61; cancel A", "WrongState asked 12 there 12");
    in_shop("create A lines 1@1x1; create B lines 2@1x1; create C lines 1@1x1; cancel C; at 99", "2 expired");
}

#[test]
fn a_free_order_is_confirmed_at_once_and_its_cancel_brings_the_units_back() {
    let free = "sku 5 price 0; stock 5@1 +3; create A lines 5@1x2;";
    in_shop(&format!("{free} get A"), "A Confirmed total 0 lines 1 bytes 0");
    in_shop(&format!("{free} facts"), "OrderCreated StockReserved StockReduced OrderConfirmed");
    in_shop(&format!("{free} shelf 5@1"), "1 on hand, 0 held, 2 sold, 1 sellable");
    in_shop(&format!("{free} at 100"), "0 expired");
    in_shop(&format!("{free} cancel A"), "A Refunded v3");
    in_shop(&format!("{free} cancel A; facts"), "RefundDone StockAdjusted");
    in_shop(&format!("{free} cancel A; shelf 5@1"), "3 on hand, 0 held, 2 sold, 3 sellable");
    in_shop(&format!("{free} cancel A; cancel A"), "WrongState asked 12 there 14");
    let rows = "PendingPayment by User(UserId(1)), Confirmed by User(UserId(1)), Refunded by User(UserId(1))";
    in_shop(&format!("{free} cancel A; history A"), rows);
}

#[test]
fn the_same_request_is_answered_as_it_stands_and_never_done_twice() {
    in_shop("create A lines 1@1x2; again A lines 1@1x2 total 1000", "A PendingPayment v1");
    in_shop("create A lines 1@1x2; cancel A; again A lines 1@1x2 total 1000", "A Cancelled v2");
    in_shop(
        "create A lines 1@1x10; again A lines 1@1x10 total 5000; shelf 1@1",
        "10 on hand, 10 held, 0 sold, 0 sellable",
    );
    in_shop("create A lines 1@1x2; again A lines 1@1x3", "RequestIdReused");
    in_shop("create A lines 1@1x2; again A lines 1@1x2 user 2", "? PendingPayment v1"); // another who
    in_shop("create A lines 1@1x2 age 86400", "A PendingPayment v1");
    in_shop("create A lines 1@1x2 age 86401", "RequestIdExpired asked -86401 there 0");
    in_shop("create A lines 1@1x2 age -301", "RequestIdExpired asked 301 there 0");
    in_shop("create A lines 1@1x2; getreq A", "A PendingPayment total 1000 lines 1 bytes 0");
    in_shop("create A lines 1@1x2; at 86401; getreq A", "RequestIdExpired asked 0 there 86401");
    in_shop("create A lines 1@1x2; at 86401; get A by 1", "A Cancelled total 1000 lines 1 bytes 0");
}

#[test]
fn sale_windows_prices_and_limits() {
    let sale = "sale 7 skus 1:400,2:20 closed_from 5 opens 10 closes 20 user 3 order 2 cap 4;";
    in_shop(&format!("{sale} prepare lines 1@1x1"), "total 500 from [1] for 60 s");
    in_shop(&format!("{sale} at 5; prepare lines 1@1x1"), "SaleNotOpen line 0 asked 5 there 10");
    in_shop(&format!("{sale} at 10; prepare lines 1@1x1"), "total 400 from [1] for 30 s");
    in_shop(&format!("{sale} at 20; prepare lines 1@1x1"), "SaleEnded line 0 asked 20 there 20");
    in_shop(
        &format!("{sale} at 20; sale 7 skus 2:20 opens 10 closes 20 replaces 1; prepare lines 1@1x1"),
        "total 500 from [1] for 60 s",
    );
    in_shop(&format!("{sale} at 10; prepare lines 2@1x1,1@1x2"), "OrderLimit line 0 asked 3 there 2");
    let open = format!("{sale} at 10; create A lines 1@1x2;");
    in_shop(&format!("{open} create B lines 2@1x2"), "UserLimit line 0 asked 2 there 1");
    in_shop(
        &format!("{open} create B lines 2@1x1; create C lines 2@1x1"),
        "UserLimit line 0 asked 1 there 0",
    );
    in_shop(&format!("{open} cancel A; create B lines 2@1x2"), "B PendingPayment v1");
    in_shop(
        &format!("{open} create B user 2 lines 2@1x2; create C user 3 lines 2@1x1"),
        "SaleCap line 0 asked 1 there 0",
    );
    in_shop(&format!("{open} create B user 2 lines 2@1x2; taken 7"), "4 of 2 skus");
    in_shop(&format!("{open} at 41; taken 7"), "0 of 2 skus"); // expired after the sale's own hold time
    in_shop(
        &format!("{open} sale 7 skus 1:400 opens 10 closes 20 user 2 replaces 1; create B lines 1@1x1"),
        "UserLimit line 0 asked 1 there 0",
    );
}

#[test]
fn windows_over_one_sku_may_not_overlap() {
    let sale = "sale 7 skus 1:400 opens 10 closes 20;";
    in_shop(&format!("{sale} sale 8 skus 2:1,1:1 opens 19 closes 30"), "InvalidField line 1");
    in_shop(&format!("{sale} sale 8 skus 1:1 opens 20 closes 30"), "sale 8 v1");
    in_shop(
        &format!("{sale} sale 8 skus 1:1 opens 20 closes 30; at 25; prepare lines 1@1x1"),
        "total 1 from [1] for 30 s",
    );
    in_shop(
        &format!("{sale} sale 8 skus 1:1 opens 1 closes 10; at 15; prepare lines 1@1x1"),
        "total 400 from [1] for 30 s",
    );
    in_shop(&format!("{sale} sale 7 skus 1:300 opens 5 closes 25 replaces 1"), "sale 7 v2");
    in_shop("sale 7 skus 1:1,1:2", "InvalidField line 1");
    in_shop("sale 7 skus 9:1", "SkuNotFound line 0");
    in_shop("sale 7 skus 1:1 opens 10 closes 10", "InvalidField");
    in_shop("sale 7 skus 1:1 closed_from 11 opens 10 closes 20", "InvalidField");
    in_shop("sale 7 skus 1:1 hold 0", "InvalidField");
}

#[test]
fn versions_are_replaced_by_name() {
    in_shop("sku 1 price 600", "VersionConflict asked 0 there 1");
    in_shop("sku 1 price 600 replaces 1", "sku 1 v2");
    in_shop("sku 9 replaces 1", "VersionConflict asked 1 there 0");
    in_shop("sale 7 replaces 4", "VersionConflict asked 4 there 0");
    in_shop("sku 0", "InvalidField");
    in_shop("sku 9 hold 0", "InvalidField");
    in_shop("sku 9 hold 2592001", "InvalidField");
    in_shop("sku 9 currency 0", "InvalidField");
}

#[test]
fn prices_are_the_servers_and_the_total_shown_must_match() {
    in_shop("create A lines 1@1x2 total 999", "PriceChanged asked 999 there 1000");
    in_shop("sku 3 price 9223372036854775807; create A lines 3@1x2 total 1", "InvalidField line 0");
    in_shop("sku 3 price 9223372036854775807; create A lines 3@1x1,1@1x1 total 1", "InvalidField");
    in_shop(
        "sku 3 currency 840; create A lines 1@1x1,3@1x1 total 1",
        "CurrencyMismatch line 1 asked 978 there 840",
    );
    in_shop("create A lines 1@1x1 total -1", "InvalidField");
    in_shop("create A user 0 lines 1@1x1", "InvalidField");
}

/// Each row is wrong in every way from its own answer on: the order of the checks is the order of the rows.
#[test]
fn the_first_check_that_fails_answers() {
    let all = "sku 3 currency 840 closed; sale 7 skus 3:9 closed_from 0 opens 900 user 1 order 1 cap 1; create B lines 1@1x1;";
    let row = |told: &str, create: &str, answer| in_shop(&format!("{all} {told} {create}"), answer);
    let lines = "lines 3@1x99,9@1x1 hold 5 total 1";
    row("", &format!("create A user 0 {lines} age 90000"), "InvalidField");
    row("", &format!("create A {lines} age 90000"), "RequestIdExpired asked -90000 there 0");
    row("", &format!("again B {lines}"), "RequestIdReused");
    row("", &format!("create A {lines}"), "SkuNotFound line 1");
    let lines = "lines 3@1x99,1@1x1 hold 5 total 1";
    row("", &format!("create A {lines}"), "SkuClosed line 0");
    let told = "sku 3 currency 840 replaces 1;";
    row(told, &format!("create A {lines}"), "SaleNotOpen line 0 asked 0 there 900");
    let told = "sku 3 currency 840 replaces 1; at 900;";
    row(told, &format!("create A {lines}"), "HoldNotFound");
    let lines = "lines 3@1x99,1@1x1 total 1";
    row(told, &format!("create A {lines}"), "CurrencyMismatch line 0 asked 978 there 840");
    let told = "sku 3 replaces 1; at 900;";
    row(told, &format!("create A {lines}"), "PriceChanged asked 1 there 1391");
    row(told, "create A lines 3@1x99,1@1x1 total 1391", "OrderLimit line 0 asked 99 there 1");
    let told = "sku 3 replaces 1; at 900; sale 7 skus 3:9 opens 900 closes 2000 user 1 cap 1 replaces 1;";
    row(told, "create A lines 3@1x99 total 891", "UserLimit line 0 asked 99 there 1");
    let told = "sku 3 replaces 1; at 900; sale 7 skus 3:9 opens 900 closes 2000 cap 1 replaces 1;";
    row(told, "create A lines 3@1x99 total 891", "SaleCap line 0 asked 99 there 1");
    let told = "sku 3 replaces 1; at 900; sale 7 skus 3:9 opens 900 closes 2000 replaces 1;";
    row(told, "create A lines 3@1x99 total 891", "SoldOut line 0 asked 99 there 0");
}

#[test]
fn a_user_sees_only_own_orders_newest_first() {
    let orders = "create A user 5 lines 1@1x1; create B user 5 lines 1@1x1; create X user 6 lines 1@1x1; create C user 5 lines 1@1x1;";
    in_shop(&format!("{orders} list 5"), "C B A");
    in_shop(&format!("{orders} list 5 limit 2"), "C B …");
    in_shop(&format!("{orders} list 5 limit 3"), "C B A");
    in_shop(&format!("{orders} list 5 before B"), "A");
    in_shop(&format!("{orders} list 5 before A"), "");
    in_shop(&format!("{orders} list 5 before X"), "B A"); // another's order is a place like any other
    in_shop(&format!("{orders} cancel B; list 5 state 12"), "B");
    in_shop(&format!("{orders} list 7"), "");
    in_shop(&format!("{orders} list 5 state 99"), "InvalidField");
    in_shop(&format!("{orders} list 5 limit 101"), "InvalidField");
    in_shop(&format!("{orders} get X by 5"), "OrderNotFound");
}

#[test]
fn a_page_looks_at_a_bounded_number_of_orders() {
    // A robot's user: of ten thousand orders only the oldest is in the state that is asked for.
    let bounds = LedgerBounds {
        orders_max: 10_000,
        history_rows_max: 60_000,
        request_ids_max: 31_000,
        changes_max: 21_000,
        payments_max: 10_000,
        ..BOUNDS
    };
    let mut shop = Shop::new(bounds);
    shop.tell("sku 1 price 5 hold 900");
    shop.tell("stock 1@1 +10000");
    shop.tell("create oldest user 5 lines 1@1x1");
    shop.tell("cancel oldest");
    for n in 1..10_000 {
        let said = shop.tell(&format!("create o{n} user 5 lines 1@1x1"));
        assert_eq!(said, format!("o{n} PendingPayment v1"));
    }

    assert_eq!(shop.tell("list 5 state 12"), " …");
    let mut list = List { user: UserId(5), before: OrderId(0), state: 12, limit: 1 };
    let mut newest_first: Vec<OrderId> = shop.orders.iter().map(|order| order.1).rev().collect();
    let mut found = Vec::new();
    for looks in [4_096, 4_096, 10_000 - 2 * 4_096] {
        let Verdict::Orders(page) = shop.read(&Intent::List(list)) else { panic!("a page") };
        found.extend(page.items.iter().map(|brief| brief.order));
        let seen: Vec<OrderId> = newest_first.drain(..looks).collect();
        let last = if newest_first.is_empty() { OrderId(0) } else { seen[looks - 1] };
        assert_eq!(page.next, last);
        list.before = page.next;
    }
    assert_eq!(found, [shop.orders[0].1]);
}
