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
    let bounds = LedgerBounds { client_bytes_max: 4 * 27, ..BOUNDS };
    let mut shop = check(bounds, "create o{n} lines 1@1x1 bytes 10", 4);
    assert_eq!(shop.tell("create P lines 1@1x1"), "P PendingPayment v1");
    all_end(shop);
}

#[test]
fn history_rows() {
    all_end(check(LedgerBounds { history_rows_max: 48, ..BOUNDS }, "create o{n} lines 1@1x1", 8));
    // A free order is confirmed at once, and can be cancelled after that: two rows.
    all_end(check(LedgerBounds { history_rows_max: 8, ..BOUNDS }, "create o{n} lines 2@1x1", 4));
}

#[test]
fn request_ids() {
    // The seven that set up the shop, then three for each order: its own, its payment's and its cancel's.
    let bounds = LedgerBounds { request_ids_max: 7 + 15, ..BOUNDS };
    let mut shop = check(bounds, "create o{n} lines 1@1x1", 5);
    assert_eq!(shop.tell("stock 1@1 +1"), "Overloaded", "what is kept for cancels is not for operators");
    all_end(shop);

    let mut shop = check(bounds, "stock 1@1 +1", 15);
    // Ids that left the window make room for the entry that needs it.
    shop.now.0 += shop::TWO_DAYS.0;
    assert_eq!(shop.tell("stock 1@1 +1"), "1016 on hand, 0 held, 0 sold, 1016 sellable");
    assert_eq!(shop.holdings().requests, 1);
}

#[test]
fn changes() {
    // One for each order's payment, and one for its cancel.
    let bounds = LedgerBounds { changes_max: 7 + 12, ..BOUNDS };
    let mut shop = check(bounds, "create o{n} lines 1@1x1", 6);
    assert_eq!(shop.tell("stock 1@1 +1"), "Overloaded");
    assert_eq!(shop.tell("pay o100"), "o100.1 Open, o100 Paying v2");
    assert_eq!(shop.tell("cancel o100"), "o100 Cancelled v3");
    assert_eq!(shop.tell("stock 1@1 +1"), "Overloaded", "both took the places that were kept for them");
    all_end(check(bounds, "stock 1@1 +1", 12));
}

#[test]
fn payments() {
    let bounds = LedgerBounds { payments_max: 6, ..BOUNDS };
    let mut shop = check(bounds, "create o{n} lines 1@1x1", 6);
    assert!(shop.tell("create P lines 2@1x1").starts_with("P Confirmed"), "what is free needs no payment");
    assert_eq!(shop.tell("pay o100"), "o100.1 Open, o100 Paying v2");
    assert_eq!(shop.tell("pay o100"), "Overloaded", "what is kept for the others' first is not for a second");
    assert_eq!(shop.tell("cancel o101"), "o101 Cancelled v2");
    assert_eq!(shop.tell("pay o100"), "o100.2 Open, o100 Paying v2");
    all_end(shop);
}

/// Whatever bound a flood of orders fills, each order of it can be paid, and all that can happen to its money does.
#[test]
fn a_flood_of_orders_leaves_each_of_them_room_to_be_paid() {
    let filled = [
        LedgerBounds { orders_max: 5, ..BOUNDS },
        LedgerBounds { history_rows_max: 30, ..BOUNDS },
        LedgerBounds { request_ids_max: 7 + 15, ..BOUNDS },
        LedgerBounds { changes_max: 7 + 10, ..BOUNDS },
        LedgerBounds { payments_max: 5, ..BOUNDS },
    ];
    for bounds in filled {
        let mut shop = check(bounds, "create o{n} lines 1@1x1", 5);
        for order in 100..105 {
            assert_eq!(shop.tell(&format!("pay o{order}")), format!("o{order}.1 Open, o{order} Paying v2"));
        }
        assert!(shop.tell("failed o100.1").ends_with("PendingPayment v3"), "its money may still come");
        assert!(shop.tell("paid o101.1").ends_with("Confirmed v3"));
        assert!(shop.tell("cancel o102").ends_with("Cancelled v3"));
        assert_eq!(shop.tell("at 9000"), "3 expired");
        assert!(shop.tell("paid o100.1").ends_with("Confirmed v5"), "revived");
        assert!(shop.tell("cancel o100").ends_with("Refunding v6"));
        assert!(shop.tell("refunded o100.1").ends_with("Refunded v7"));
        assert!(shop.tell("paid o102.1").ends_with("Refunding v4"));
        assert!(shop.tell("unrefunded o102.1").ends_with("Refunding v4"));
        assert!(shop.tell("refunded o102.1").ends_with("Refunded v5"));
        assert!(shop.tell("paid o103.1 amount 4").ends_with("Cancelled v3"), "recorded");
        assert!(shop.tell("paid o104.1").ends_with("Confirmed v4"));
    }
}

/// With bounds like the default ones, only smaller: a flood of creates ends at `orders_max`, every order can be paid, and
/// one in eight can be paid for once more, closed or refunded by an operator, however many orders wait.
#[test]
fn a_flood_up_to_orders_max_leaves_a_share_for_second_attempts() {
    let (of, all) = (|bound: usize| bound / 80_000, LedgerBounds::DEFAULT);
    let bounds = LedgerBounds {
        orders_max: of(all.orders_max),
        history_rows_max: of(all.history_rows_max),
        request_ids_max: of(all.request_ids_max),
        changes_max: of(all.changes_max),
        payments_max: of(all.payments_max),
        ..BOUNDS
    };
    assert_eq!((bounds.orders_max, bounds.short_of_orders()), (100, None));
    let mut shop = check(bounds, "create o{n} user {n} lines 1@1x1", 100);
    for order in 100..200 {
        assert_eq!(shop.tell(&format!("pay o{order}")), format!("o{order}.1 Open, o{order} Paying v2"));
    }
    for order in 100..106 {
        assert!(shop.tell(&format!("failed o{order}.1")).ends_with("PendingPayment v3"));
        assert_eq!(shop.tell(&format!("pay o{order}")), format!("o{order}.2 Open, o{order} Paying v4"));
    }
    for order in 106..112 {
        assert_eq!(shop.tell(&format!("pay o{order}")), format!("o{order}.2 Open, o{order} Paying v2"));
    }
    assert!(shop.tell("close o100.2").ends_with("PendingPayment v5"));
    for order in 112..200 {
        assert!(shop.tell(&format!("paid o{order}.1")).ends_with("Confirmed v3"));
    }
    assert!(shop.tell("refund o150.1 amount 1").contains("refund 1 of 1 Asked"));
    assert!(
        shop.tell("paid o151.1 reference 2").starts_with("Overloaded"),
        "twelve payments more, and no thirteenth"
    );
}

#[test]
fn bounds_that_end_before_orders_max_are_named() {
    let all = LedgerBounds::DEFAULT;
    let short = |bounds: LedgerBounds| bounds.short_of_orders().map(|short| (short.name, short.needed));
    assert_eq!(short(all), None);
    assert_eq!(short(LedgerBounds { orders_max: 8_000_001, ..all }), Some(("payments_max", 9_000_001)));
    let rows = LedgerBounds { history_rows_max: 48_000_000, ..all };
    assert_eq!(short(rows), Some(("history_rows_max", 49_000_000)));
    assert_eq!(
        short(LedgerBounds { request_ids_max: 24_999_999, ..all }),
        Some(("request_ids_max", 25_000_000))
    );
    assert_eq!(short(LedgerBounds { changes_max: 16_000_000, ..all }), Some(("changes_max", 17_000_000)));
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
