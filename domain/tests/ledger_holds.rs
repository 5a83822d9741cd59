//! Holds from their making to their end: by CREATE, by somebody, by the timer.

mod shop;

use shop::{BOUNDS, Shop, check};

const SHELVES: &str =
    "sku 1 price 10 hold 40; sku 2 price 5 hold 20; stock 1@1 +10; stock 2@1 +10; stock 2@2 +10; ";

fn after(story: &str, answer: &str) {
    check(&format!("{SHELVES}{story}"), answer);
}

#[test]
fn a_hold_sets_units_aside_and_gives_them_back() {
    after("reserve H lines 1@1x4 seconds 60 twice", "Open until 60");
    after("reserve H lines 1@1x4; shelf 1@1", "10 on hand, 4 held, 0 sold, 6 sellable");
    after("reserve H lines 1@1x4; create A lines 1@1x7", "InsufficientStock line 0 asked 7 there 6");
    after(
        "reserve H lines 1@1x4,2@2x3; release H twice; shelf 1@1",
        "10 on hand, 0 held, 0 sold, 10 sellable",
    );
    after("reserve H lines 1@1x4; release H", "Released until 60");
    after("reserve H lines 1@1x4; release H; release H", "HoldNotFound");
}

#[test]
fn committed_units_are_sold_without_an_order() {
    after("reserve H lines 1@1x4; commit H twice", "Committed until 60");
    after("reserve H lines 1@1x4; commit H; shelf 1@1", "6 on hand, 0 held, 4 sold, 6 sellable");
    after("reserve H lines 1@1x4; commit H; return 1@1 units 5", "InsufficientStock asked 5 there 4");
    after("reserve H lines 1@1x4; commit H; create A lines 1@1x1 hold H", "HoldNotFound");
}

#[test]
fn a_hold_is_its_users() {
    after("reserve H user 5 lines 1@1x4; release H by 6", "HoldNotFound");
    after("reserve H user 5 lines 1@1x4; create A user 6 lines 1@1x4 hold H", "HoldNotFound");
    after("reserve H user 5 lines 1@1x4; release H by 0", "Released until 60");
    after("reserve H user 0 lines 1@1x4; create A user 6 lines 1@1x4 hold H", "HoldNotFound");
    after("release 77", "HoldNotFound");
}

#[test]
fn a_hold_ends_by_the_fact_not_by_the_hour() {
    after("reserve H lines 1@1x4 seconds 60; at 59; shelf 1@1", "10 on hand, 4 held, 0 sold, 6 sellable");
    after("reserve H lines 1@1x4 seconds 60; at 61; shelf 1@1", "10 on hand, 0 held, 0 sold, 10 sellable");
    after("reserve H lines 1@1x4; at 61; facts", "HoldEnded");
    after("reserve H lines 1@1x4; at 61; release H", "HoldExpired asked 61 there 60");
    after("reserve H lines 1@1x4; at 61; create A lines 1@1x4 hold H", "HoldExpired asked 61 there 60");
    // Of a hold older than the window of request ids, nobody knows why it is gone.
    after("reserve H lines 1@1x4; at 61; at 90000; release H", "HoldNotFound");
}

#[test]
fn a_hold_becomes_longer_and_never_shorter() {
    after("reserve H lines 1@1x4 seconds 60; at 50; extend H seconds 100 twice", "Open until 150");
    after("reserve H lines 1@1x4 seconds 60; extend H seconds 10", "Open until 60");
    after("reserve H lines 1@1x4 seconds 60; extend H seconds 0", "InvalidField");
    after(
        "reserve H lines 1@1x4; at 50; extend H seconds 100; at 149; at 151; release H",
        "HoldExpired asked 151 there 150",
    );
}

#[test]
fn create_takes_a_hold_over_in_the_same_step() {
    after("reserve H lines 1@1x10; create A lines 1@1x10 hold H", "A PendingPayment v1");
    after(
        "reserve H lines 1@1x10; create A lines 1@1x10 hold H; facts",
        "HoldEnded OrderCreated StockReserved",
    );
    after(
        "reserve H lines 1@1x4; create A lines 1@1x10 hold H; shelf 1@1",
        "10 on hand, 10 held, 0 sold, 0 sellable",
    );
    // What the order does not take is free again.
    after(
        "reserve H lines 1@1x8,2@1x2; create A lines 1@1x3 hold H; shelf 1@1",
        "10 on hand, 3 held, 0 sold, 7 sellable",
    );
    after("reserve H lines 1@1x4; create A lines 1@1x4 hold H; create B lines 1@1x1 hold H", "HoldNotFound");
    after("reserve H lines 1@1x4; create A lines 1@1x4 hold H; at 30; release H", "HoldNotFound");
    // Safety that came later does not break the promise.
    after("reserve H lines 1@1x4; stock 1@1 +0 safety 9; create A lines 1@1x4 hold H", "A PendingPayment v1");
    after(
        "reserve H lines 1@1x4; stock 1@1 +0 safety 9; create A lines 1@1x5 hold H",
        "InsufficientStock line 0 asked 5 there 4",
    );
    // A refusal leaves the hold as it was.
    after("reserve H lines 1@1x4; create A lines 1@1x4 total 9 hold H; release H", "Released until 60");
}

#[test]
fn a_leaked_hold_is_freed_by_its_timer() {
    // Whoever made it went away: nobody released, took over or extended it.
    for made in ["reserve H lines 1@1x10 seconds 30", "prepare lines 1@1x10 holds H"] {
        after(&format!("{made}; create A user 9 lines 1@1x1"), "SoldOut line 0 asked 1 there 0");
        after(&format!("{made}; at 41; create A user 9 lines 1@1x10"), "A PendingPayment v1");
        after(&format!("{made}; at 41; shelf 1@1"), "10 on hand, 0 held, 0 sold, 10 sellable");
    }
    // The CREATE that was to take it over was refused: the hold stands, and still ends.
    after(
        "prepare lines 1@1x10 holds H; create A lines 1@1x11 hold H; at 41; shelf 1@1",
        "10 on hand, 0 held, 0 sold, 10 sellable",
    );
    // The order that took it over was not paid.
    after(
        "prepare lines 1@1x10 holds H; create A lines 1@1x10 hold H; at 41; shelf 1@1",
        "10 on hand, 0 held, 0 sold, 10 sellable",
    );
}

#[test]
fn no_under_selling_after_cancel_of_what_took_a_hold_over() {
    after(
        "reserve H lines 1@1x10,2@1x3; create A lines 1@1x6 hold H; cancel A; shelf 1@1",
        "10 on hand, 0 held, 0 sold, 10 sellable",
    );
    after(
        "reserve H lines 1@1x10,2@1x3; create A lines 1@1x6 hold H; cancel A; shelf 2@1",
        "10 on hand, 0 held, 0 sold, 10 sellable",
    );
    after("reserve H lines 1@1x10; create A lines 1@1x10 hold H; cancel A; release H", "HoldNotFound");
    after(
        "reserve H lines 1@1x10; create A lines 1@1x10 hold H; cancel A; create B user 9 lines 1@1x10",
        "B PendingPayment v1",
    );
    // The limits of a sale count what orders take, not what holds set aside.
    after(
        "sale 1 skus 1:5 user 4 cap 4; prepare user 2 lines 1@1x4 holds P; create A user 2 lines 1@1x4 hold P; \
         cancel A; create B user 2 lines 1@1x4",
        "B PendingPayment v1",
    );
}

#[test]
fn a_hold_keeps_units_not_prices_and_limits() {
    const HELD: &str = "prepare lines 1@1x10 holds P; ";
    after(
        &format!("{HELD}sku 1 price 11 replaces 1; create A lines 1@1x10 hold P total 100"),
        "PriceChanged asked 100 there 110",
    );
    after(
        &format!("{HELD}sku 1 price 11 replaces 1; create A lines 1@1x10 hold P total 110"),
        "A PendingPayment v1",
    );
    after(
        &format!("{HELD}sku 1 price 10 closed replaces 1; create A lines 1@1x10 hold P"),
        "SkuClosed line 0",
    );
    after(
        &format!("{HELD}sale 1 skus 1:10 user 9; create A lines 1@1x10 hold P"),
        "UserLimit line 0 asked 10 there 9",
    );
    // Other goods than those held are judged as for anybody.
    after(
        &format!("{HELD}create A lines 2@1x10 hold P; shelf 1@1"),
        "10 on hand, 0 held, 0 sold, 10 sellable",
    );
    after(&format!("{HELD}create A lines 2@1x11 hold P"), "InsufficientStock line 0 asked 11 there 10");
}

#[test]
fn prepare_holds_what_create_takes_over() {
    after("prepare lines 1@0x4 holds P twice", "total 40 from [1] for 40 s");
    after("prepare lines 1@0x10 holds P; create A lines 1@0x10 hold P", "A PendingPayment v1");
    after("prepare user 5 lines 1@0x4 holds P; create A user 6 lines 1@0x4 hold P", "HoldNotFound");
    after(
        "prepare lines 1@0x4,2@0x1 holds P; at 21; create A lines 1@0x4 hold P",
        "HoldExpired asked 21 there 20",
    );
    // Asked again it is priced anew, with its own units.
    after(
        "prepare lines 1@0x10 holds P again_after sku_1_price_11_hold_40_replaces_1",
        "total 110 from [1] for 40 s",
    );
    after("prepare lines 1@0x10 holds P again_after at_41", "HoldExpired asked 41 there 40");
}

#[test]
fn a_reserve_that_cannot_be_is_refused() {
    after("reserve H lines 1@1x1,9@1x1", "SkuNotFound line 1");
    after("reserve H lines 1@1x11", "InsufficientStock line 0 asked 11 there 10");
    after("reserve H lines 1@3x1", "SoldOut line 0 asked 1 there 0");
    after("reserve H lines 1@1x1 seconds 0", "InvalidField");
    after("reserve H lines 1@1x1 seconds 2592001", "InvalidField");
    // An operator may set aside what is not open to buyers.
    after("sku 1 price 10 closed replaces 1; reserve H user 0 lines 1@1x1", "Open until 60");
}

#[test]
fn full_of_holds_is_an_answer_and_ends_go_on() {
    let mut shop = Shop::new(domain::LedgerBounds { holds_max: 2, hold_lines_max: 3, ..BOUNDS });
    for step in SHELVES.split(';').map(str::trim).filter(|step| !step.is_empty()) {
        shop.tell(step);
    }
    assert_eq!(shop.tell("reserve A lines 1@1x1,2@1x1"), "Open until 60");
    assert_eq!(shop.tell("reserve B lines 1@1x1,2@1x1"), "Overloaded", "four lines");
    assert_eq!(shop.tell("reserve B lines 1@1x1"), "Open until 60");
    assert_eq!(shop.tell("release A"), "Released until 60");
    // Its lines are free again, its row is not: its requests are still remembered.
    assert_eq!(shop.tell("reserve C lines 1@1x1"), "Overloaded");
    shop.now.0 += shop::TWO_DAYS.0;
    for _ in 0..3 {
        shop.tell("stock 1@1 +1"); // Ids that left the window are forgotten a few at a time.
    }
    assert_eq!(shop.expire(10), 1);
    assert!(shop.tell("reserve C lines 1@1x1,2@1x1").starts_with("Open"));
    assert!(shop.tell("reserve D lines 1@1x1").starts_with("Open"));
}

#[test]
fn room_for_the_end_of_a_hold_is_kept() {
    // Five that set up the shop, then two for each hold: its own and that of its end.
    let mut shop = Shop::new(domain::LedgerBounds { request_ids_max: 9, ..BOUNDS });
    for step in SHELVES.split(';').map(str::trim).filter(|step| !step.is_empty()) {
        shop.tell(step);
    }
    assert_eq!(shop.tell("reserve A lines 1@1x1"), "Open until 60");
    assert_eq!(shop.tell("reserve B lines 1@1x1"), "Open until 60");
    assert_eq!(shop.tell("reserve C lines 1@1x1"), "Overloaded");
    assert_eq!(shop.tell("stock 1@1 +1"), "Overloaded", "what is kept for ends is not for operators");
    assert_eq!(shop.tell("extend A seconds 90"), "Overloaded");
    assert_eq!(shop.tell("release A"), "Released until 60");
    assert_eq!(shop.tell("commit B"), "Committed until 60");
}
