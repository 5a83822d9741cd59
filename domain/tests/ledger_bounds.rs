//! Every bound, filled: what would grow it is OVERLOADED and changes nothing, and orders can still end.

mod shop;

use domain::LedgerBounds;
use shop::{BOUNDS, Shop};

/// Two plain skus, a free one, a sale over one of them, and stock for all.
const SHOP: [&str; 7] = [
    "sku 1 price 5 hold 50",
    "sku 2 price 0",
    "sku 3 price 1",
    "stock 1@1 +1000",
    "stock 2@1 +1000",
    "stock 3@1 +1000",
    "sale 1 skus 3:2",
];

/// Repeats a step (`{n}` counts from 100) until it is refused, which must be after `fits` times.
fn check(bounds: LedgerBounds, step: &str, fits: usize) -> Shop {
    let mut shop = Shop::new(bounds);
    for step in SHOP {
        let said = shop.tell(step);
        assert!(!said.contains("Overloaded"), "{step}: {said}");
    }
    for n in 0..fits {
        let step = step.replace("{n}", &(100 + n).to_string());
        let said = shop.tell(&step);
        assert!(!said.contains("Overloaded"), "«{step}» fits only {n} times");
    }
    let step = step.replace("{n}", &(100 + fits).to_string());
    let before = shop.holdings();
    assert_eq!(shop.tell(&step), "Overloaded", "«{step}» after {fits} times");
    assert_eq!(shop.holdings(), before, "a refusal changes nothing");
    shop
}

/// Every order of the story can still be ended, by its buyer or by its timer.
fn all_end(mut shop: Shop) {
    for (n, (name, ..)) in shop.orders.clone().into_iter().enumerate() {
        if n % 2 == 0 {
            let said = shop.tell(&format!("cancel {name}"));
            assert!(said.contains("Cancelled") || said.contains("Refunded"), "{said}");
        }
    }
    shop.tell("at 100");
    let holdings = shop.holdings();
    assert!(holdings.shelves.iter().all(|shelf| shelf.held == 0), "an order could not end: {holdings:?}");
    assert_eq!(holdings.user_counts, 0);
}

#[test]
fn orders() {
    all_end(check(LedgerBounds { orders_max: 7, ..BOUNDS }, "create o{n} user {n} lines 1@1x1", 7));
}

#[test]
fn lines() {
    // An order with one plain line takes none.
    let bounds = LedgerBounds { lines_max: 9, ..BOUNDS };
    let mut shop = check(bounds, "create o{n} user {n} lines 1@1x1,3@1x1", 4);
    assert_eq!(shop.tell("create P lines 1@1x1"), "P PendingPayment v1");
    all_end(shop);
}

#[test]
fn client_bytes() {
    let bounds = LedgerBounds { client_bytes_max: 50, ..BOUNDS };
    let mut shop = check(bounds, "create o{n} lines 1@1x1 bytes 10", 4);
    assert_eq!(shop.tell("create P lines 1@1x1"), "P PendingPayment v1");
    all_end(shop);
}

#[test]
fn history_rows() {
    all_end(check(LedgerBounds { history_rows_max: 8, ..BOUNDS }, "create o{n} lines 1@1x1", 8));
    // A free order is confirmed at once, and can be cancelled after that: two rows.
    all_end(check(LedgerBounds { history_rows_max: 8, ..BOUNDS }, "create o{n} lines 2@1x1", 4));
}

#[test]
fn request_ids() {
    // The seven that set up the shop, then two for each order: its own and its cancel's.
    let bounds = LedgerBounds { request_ids_max: 7 + 10, ..BOUNDS };
    let mut shop = check(bounds, "create o{n} lines 1@1x1", 5);
    assert_eq!(shop.tell("stock 1@1 +1"), "Overloaded", "what is kept for cancels is not for operators");
    all_end(shop);

    let mut shop = check(bounds, "stock 1@1 +1", 10);
    // Ids that left the window make room for the entry that needs it.
    shop.now.0 += shop::TWO_DAYS.0;
    assert_eq!(shop.tell("stock 1@1 +1"), "1011 on hand, 0 held, 0 sold, 1011 sellable");
    assert_eq!(shop.holdings().requests, 1);
}

#[test]
fn changes() {
    let bounds = LedgerBounds { changes_max: 7 + 6, ..BOUNDS };
    let mut shop = check(bounds, "create o{n} lines 1@1x1", 6);
    assert_eq!(shop.tell("stock 1@1 +1"), "Overloaded");
    assert_eq!(shop.tell("cancel o100"), "o100 Cancelled v2");
    assert_eq!(shop.tell("stock 1@1 +1"), "Overloaded", "the cancel took the place that was kept for it");
    all_end(check(bounds, "stock 1@1 +1", 6));
}

#[test]
fn user_counts() {
    let bounds = LedgerBounds { user_counts_max: 4, ..BOUNDS };
    let mut shop = check(bounds, "create o{n} user {n} lines 3@1x1", 4);
    assert_eq!(shop.tell("create P user 9 lines 1@1x1"), "P PendingPayment v1", "no sale, no count");
    assert_eq!(shop.tell("cancel o100"), "o100 Cancelled v2");
    assert_eq!(shop.tell("create Q user 9 lines 3@1x1"), "Q PendingPayment v1", "a count was given back");
}

#[test]
fn skus_shelves_and_sales() {
    let mut shop = check(LedgerBounds { skus_max: 8, ..BOUNDS }, "sku {n}", 5);
    assert_eq!(shop.tell("sku 1 replaces 1"), "sku 1 v2");
    let mut shop = check(LedgerBounds { shelves_max: 8, ..BOUNDS }, "stock 1@{n} +1", 5);
    assert_eq!(shop.tell("stock 1@1 +0"), "1000 on hand, 0 held, 0 sold, 1000 sellable");
    let mut shop = check(LedgerBounds { sales_max: 4, ..BOUNDS }, "sale {n}", 3);
    assert_eq!(shop.tell("sale 1 replaces 1"), "sale 1 v2");
}

#[test]
fn skus_of_sales() {
    let bounds = LedgerBounds { sale_skus_max: 4, ..BOUNDS };
    // Far apart in time, so that they may name one sku.
    let mut shop = check(bounds, "sale {n} skus 1:1 opens 9{n}00 closes 9{n}50", 3);
    assert_eq!(shop.tell("sale 1 skus 3:1 replaces 1"), "sale 1 v2", "what it replaces makes room");
    assert_eq!(shop.tell("sale 1 skus 3:1,2:1 replaces 2"), "Overloaded");
    assert_eq!(shop.tell("sale 100 replaces 1"), "sale 100 v2");
    assert_eq!(shop.tell("sale 1 skus 3:1,2:1 replaces 2"), "sale 1 v3");
}

#[test]
fn what_is_wrong_with_bounds_is_said() {
    assert_eq!(LedgerBounds::DEFAULT.fault(), None);
    let wide = LedgerBounds { client_bytes_max: usize::MAX, ..BOUNDS };
    assert!(wide.fault().is_some_and(|said| said.contains("client_bytes_max")));
    assert!(LedgerBounds { orders_max: 1 << 31, ..BOUNDS }.fault().is_some());
    assert!(BOUNDS.bytes() < LedgerBounds::DEFAULT.bytes());
}
