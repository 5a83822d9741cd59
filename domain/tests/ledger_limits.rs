//! Users who are blocked, preferred, or have a limit of their own.

mod shop;

use domain::LedgerBounds;
use shop::{BOUNDS, Shop, check};

const SHELVES: &str = "sku 1 price 10; sku 2 price 5; stock 1@1 +10; stock 2@1 +10; \
                       sale 7 skus 2:4 closed_from 0 opens 100 closes 500 user 2; create O user 5 lines 1@1x1; ";

fn after(story: &str, answer: &str) {
    check(&format!("{SHELVES}{story}"), answer);
}

#[test]
fn a_blocked_user_makes_nothing_new_and_keeps_what_is_there() {
    for new in [
        "create A user 5 lines 1@1x1",
        "prepare user 5 lines 1@1x1",
        "prepare user 5 lines 1@1x1 holds H",
        "reserve H user 5 lines 1@1x1",
    ] {
        after(&format!("limit 5 blocked twice; {new}"), "Blocked");
    }
    after("reserve H user 5 lines 1@1x1; limit 5 blocked; extend H seconds 90", "Blocked");
    after("limit 5 blocked; create A user 6 lines 1@1x1", "A PendingPayment v1");
    after("limit 5 blocked; limit 5; create A user 5 lines 1@1x1", "A PendingPayment v1");
    after("limit 5 blocked; again O user 5 lines 1@1x1 total 10", "O PendingPayment v1");
    after("limit 5 blocked; pay O", "O.1 Open, O Paying v2");
    after("limit 5 blocked; cancel O", "O Cancelled v2");
    after("reserve H user 5 lines 1@1x1; limit 5 blocked; release H", "Released until 60");
    after("pay O; at 700; limit 5 blocked; paid O.1", "O.1 Paid 10, O Confirmed v4");
}

#[test]
fn a_block_ends_by_itself() {
    after("limit 5 blocked until 50; create A user 5 lines 1@1x1", "Blocked asked 0 there 50");
    after("limit 5 blocked until 50; at 49; create A user 5 lines 1@1x1", "Blocked asked 49 there 50");
    after("limit 5 blocked until 50; at 50; create A user 5 lines 1@1x1", "A PendingPayment v1");
    after("limit 5 blocked until 50; at 50; limits", "");
    after("at 50; limit 5 blocked until 50", "InvalidField");
}

#[test]
fn a_preferred_user_buys_before_the_sale_opens_and_within_its_limits() {
    after("create A user 5 lines 2@1x1", "SaleNotOpen line 0 asked 0 there 100");
    after("limit 5 preferred; create A user 5 lines 2@1x1", "A PendingPayment v1");
    after("limit 5 preferred; prepare user 5 lines 2@1x1", "total 4 from [1] for 30 s");
    after("limit 5 preferred; create A user 5 lines 2@1x3", "UserLimit line 0 asked 3 there 2");
    after("limit 5 preferred; create A user 6 lines 2@1x1", "SaleNotOpen line 0 asked 0 there 100");
    after(
        "limit 5 preferred until 50; at 50; create A user 5 lines 2@1x1",
        "SaleNotOpen line 0 asked 50 there 100",
    );
    after("limit 5 preferred; at 500; create A user 5 lines 2@1x1", "SaleEnded line 0 asked 500 there 500");
}

#[test]
fn a_user_may_have_a_limit_of_their_own() {
    after("limit 5 units 3; at 100; create A user 5 lines 2@1x3", "A PendingPayment v1");
    after("limit 5 units 3; at 100; create A user 5 lines 2@1x4", "UserLimit line 0 asked 4 there 3");
    after("limit 5 units 1; at 100; create A user 5 lines 2@1x2", "UserLimit line 0 asked 2 there 1");
    after("limit 5 units 3; at 100; create A user 6 lines 2@1x3", "UserLimit line 0 asked 3 there 2");
    after(
        "limit 5 units 3; limit 5; at 100; create A user 5 lines 2@1x3",
        "UserLimit line 0 asked 3 there 2",
    );
    // A sale without a per-user limit has none for anybody.
    after("sale 8 skus 1:9; limit 5 units 1; create A user 5 lines 1@1x3", "A PendingPayment v1");
    // What was taken stays taken, and a late payment is judged by what counts then.
    after(
        "at 100; create A user 5 lines 2@1x2; limit 5 units 1; create B user 5 lines 2@1x1",
        "UserLimit line 0 asked 1 there 0",
    );
}

#[test]
fn limits_are_listed_by_user() {
    let three = "limit 9 blocked; limit 5 preferred units 4 until 50; limit 7 units 2; ";
    after(&format!("{three} limits limit 2"), "5 Preferred units 4 until 50, 7 Ordinary units 2 …");
    after(&format!("{three} limits after 7"), "9 Blocked units 0");
    after(&format!("{three} limit 5; limits limit 1"), "7 Ordinary units 2 …");
    after("limits limit 0", "InvalidField");
    after("limit 0 blocked", "InvalidField");
    after("limit 5 until 50", "InvalidField");
}

#[test]
fn a_full_list_is_an_answer_and_what_ended_makes_room() {
    let mut shop = Shop::new(LedgerBounds { limits_max: 2, ..BOUNDS });
    assert_eq!(shop.tell("limit 1 blocked until 50"), "limited");
    assert_eq!(shop.tell("limit 2 blocked"), "limited");
    assert_eq!(shop.tell("limit 3 blocked"), "Overloaded");
    assert_eq!(shop.tell("limit 2 preferred"), "limited", "who is listed is changed");
    assert_eq!(shop.tell("limit 4"), "limited", "to set nothing needs no room");
    shop.tell("at 50");
    assert_eq!(shop.tell("limit 3 blocked"), "limited");
    assert_eq!(shop.tell("limit 1 blocked"), "Overloaded");
    assert_eq!(shop.tell("limits"), "2 Preferred units 0, 3 Blocked units 0");
}
