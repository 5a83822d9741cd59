//! After-sales, a row a case: money back for a line, with its goods or without, or other goods for them.

mod shop;

use shop::{BOUNDS, Shop, check};

/// Two units of 500 and three of 100: 1,300, delivered.
const DELIVERED: &str = "sku 1 price 500; sku 2 price 100; stock 1@1 +10; stock 2@2 +10;
    create A lines 1@1x2,2@2x3; pay A; paid A.1; ship A; sign A;";

fn delivered(story: &str, answer: &str) {
    check(&format!("{DELIVERED} {story}"), answer);
}

#[test]
fn money_for_a_line_goes_back_once_it_is_decided() {
    delivered("case A sku 1 amount 200 twice", "A.1 Open 200 of 1");
    delivered("case A sku 1 by 7", "OrderNotFound");
    delivered("case A sku 1", "A.1 Open 1000 of 1");
    delivered("case A sku 1 by 0", "A.1 Open 1000 of 1");
    let open = "case A sku 1 amount 200;";
    delivered(&format!("{open} accept A.1 twice"), "A.1 Refunding 200 of 1");
    delivered(&format!("{open} accept A.1; facts"), "AftersaleChanged RefundRequested");
    delivered(
        &format!("{open} accept A.1; payment A.1"),
        "A.1 Paid 1300 refund 1 of 200 Asked, A Delivered v5",
    );
    delivered(&format!("{open} accept A.1; refunded A.1; facts"), "RefundSettled AftersaleChanged");
    delivered(&format!("{open} accept A.1; refunded A.1; cases A"), "A Delivered: A.1 Done 200 of 1");
    delivered(&format!("{open} accept A.1 amount 150"), "A.1 Refunding 150 of 1");
    delivered(&format!("{open} refuse A.1 twice"), "A.1 Refused 200 of 1");
    delivered(&format!("{open} refuse A.1; case A sku 1"), "A.2 Open 1000 of 1");
    delivered(&format!("{open} cases A by 7"), "OrderNotFound");
}

#[test]
fn goods_come_back_before_their_money_goes() {
    let open = "case A sku 1 units 1;";
    delivered(open, "A.1 Open 500 of 1x1");
    delivered(&format!("{open} accept A.1"), "A.1 AwaitingGoods 500 of 1x1");
    delivered(&format!("{open} accept A.1; facts"), "AftersaleChanged");
    let accepted = format!("{open} accept A.1;");
    delivered(&format!("{accepted} goods A.1 twice"), "A.1 Refunding 500 of 1x1");
    delivered(&format!("{accepted} goods A.1; facts"), "AftersaleChanged StockAdjusted RefundRequested");
    delivered(&format!("{accepted} goods A.1; shelf 1@1"), "9 on hand, 0 held, 2 sold, 9 sellable");
    delivered(&format!("{accepted} goods A.1 at 2; shelf 1@2"), "1 on hand, 0 held, 0 sold, 1 sellable");
    delivered(
        &format!("{accepted} goods A.1 unavailable; shelf 1@1"),
        "9 on hand, 0 held, 2 sold, 8 sellable",
    );
    delivered(&format!("{accepted} goods A.1 lost; facts"), "AftersaleChanged RefundRequested");
    delivered(&format!("{accepted} goods A.1; refunded A.1; cases A"), "A Delivered: A.1 Done 500 of 1x1");
    delivered(&format!("{accepted} refuse A.1"), "A.1 Refused 500 of 1x1");
    delivered(&format!("{open} goods A.1"), "WrongState");
    delivered(&format!("{accepted} goods A.1; goods A.1"), "WrongState");
    delivered("goods A.1", "InvalidField asked 1 there 0");
}

#[test]
fn a_line_never_gives_back_more_than_it_has() {
    delivered("case A sku 1 amount 1001", "RefundExceedsPaid asked 1001 there 1000");
    delivered("case A sku 1 amount 700; case A sku 1 amount 301", "RefundExceedsPaid asked 301 there 300");
    delivered("case A sku 1 amount 700; case A sku 1", "A.2 Open 300 of 1");
    delivered("case A sku 1; case A sku 1", "RefundExceedsPaid");
    delivered("case A sku 1 units 3", "InsufficientStock asked 3 there 2");
    delivered("case A sku 1 units 2; case A sku 1 units 1", "InsufficientStock asked 1 there 0");
    delivered("case A sku 1 units 0", "InvalidField");
    delivered("case A sku 9", "SkuNotFound");
    delivered(
        "case A sku 1 amount 700; case A sku 1 amount 200; accept A.2 amount 301",
        "RefundExceedsPaid asked 301 there 300",
    );
    // Money that went back otherwise is gone.
    delivered(
        "refund A.1 amount 1200; refunded A.1; case A sku 1 amount 200; accept A.1",
        "RefundExceedsPaid asked 200 there 100",
    );
}

#[test]
fn refund_racing_refund() {
    let two = "case A sku 1 amount 200; case A sku 2 amount 100; accept A.1;";
    delivered(&format!("{two} accept A.2"), "WrongState asked 9 there 9");
    delivered(&format!("{two} refunded A.1; accept A.2"), "A.2 Refunding 100 of 2");
    delivered(&format!("{two} refund A.1 amount 5"), "WrongState asked 9 there 9");
    delivered(&format!("{two} refuse A.1"), "WrongState");
    delivered(&format!("{two} unrefunded A.1; refuse A.1"), "A.1 Refused 200 of 1");
    delivered(&format!("{two} unrefunded A.1; accept A.1"), "A.1 Refunding 200 of 1");
    delivered(
        &format!("{two} unrefunded A.1; accept A.1; payment A.1"),
        "A.1 Paid 1300 refund 1 of 200 Asked, A Delivered v5",
    );
    delivered(
        &format!("{two} unrefunded A.1; accept A.2; refunded A.1; cases A"),
        "A Delivered: A.1 Refunding 200 of 1, A.2 Done 100 of 2",
    );
    // Said to have failed, and went through after all.
    delivered(
        &format!("{two} unrefunded A.1; refunded A.1; cases A"),
        "A Delivered: A.1 Done 200 of 1, A.2 Open 100 of 2",
    );
}

#[test]
fn cases_of_equal_amounts_never_share_a_refund() {
    let two = "case A sku 1 amount 100; case A sku 2 amount 100; accept A.2; unrefunded A.1;";
    // Another case asks for as much: another refund, and it alone is done by it.
    delivered(
        &format!("{two} accept A.1; payment A.1"),
        "A.1 Paid 1300 refund 2 of 100 Asked, A Delivered v5",
    );
    delivered(
        &format!("{two} accept A.1; refunded A.1; cases A"),
        "A Delivered: A.1 Done 100 of 1, A.2 Refunding 100 of 2",
    );
    delivered(&format!("{two} accept A.1; refuse A.2"), "A.2 Refused 100 of 2");
    delivered(
        &format!("{two} refuse A.2; accept A.1; refunded A.1; cases A"),
        "A Delivered: A.1 Done 100 of 1, A.2 Refused 100 of 2",
    );
    // The case itself asks again, or an operator for it: it is the same refund, sent once.
    let again = "refund 1 of 100 Asked, A Delivered v5";
    delivered(&format!("{two} accept A.2; payment A.1"), &format!("A.1 Paid 1300 {again}"));
    delivered(&format!("{two} refund A.1 amount 100; payment A.1"), &format!("A.1 Paid 1300 {again}"));
    delivered(&format!("{two} refund A.1 amount 100; refuse A.2"), "WrongState");
    delivered(
        &format!("{two} refund A.1 amount 100; refunded A.1; cases A"),
        "A Delivered: A.1 Open 100 of 1, A.2 Done 100 of 2",
    );
    // What an operator asked for before it was no case's.
    delivered(
        "refund A.1 amount 100; unrefunded A.1; case A sku 1 amount 100; accept A.1; payment A.1",
        "A.1 Paid 1300 refund 2 of 100 Asked, A Delivered v5",
    );
}

#[test]
fn when_all_of_it_went_back_the_order_is_refunded() {
    let all = "case A sku 1; accept A.1; refunded A.1; case A sku 2; accept A.2;";
    delivered(&format!("{all} refunded A.1"), "A.1 Paid 1300 refund 2 of 300 Done, A Refunded v6");
    delivered(&format!("{all} refunded A.1; facts"), "RefundSettled AftersaleChanged RefundDone");
    delivered(&format!("{all} refunded A.1; case A sku 2"), "WrongState asked 9 there 14");
    delivered(&format!("{all} refunded A.1; shelf 1@1"), "8 on hand, 0 held, 2 sold, 8 sellable");
}

#[test]
fn money_can_go_back_before_and_after_goods_are_on_their_way() {
    let paid = "sku 1 price 500; stock 1@1 +10; create A lines 1@1x2; pay A; paid A.1;";
    check(&format!("{paid} case A sku 1 amount 100; accept A.1"), "A.1 Refunding 100 of 1");
    check(&format!("{paid} case A sku 1 units 1"), "InsufficientStock asked 1 there 0");
    check(&format!("{paid} ship A lines 1x1; case A sku 1 units 1"), "A.1 Open 500 of 1x1");
    check(&format!("{paid} cancel A; case A sku 1"), "WrongState asked 9 there 13");
    check(&format!("{paid} case A sku 1; cancel A; accept A.1"), "WrongState asked 9 there 13");
    check(&format!("{paid} case A sku 1; cancel A; refuse A.1"), "A.1 Refused 1000 of 1");
    check(&format!("{paid} case A sku 1 amount 10; accept A.1; cancel A"), "WrongState asked 13 there 6");
    check(&format!("{paid} ship A; sign A; receive A; case A sku 1 units 2"), "A.1 Open 1000 of 1x2");
    check("sku 1 price 500; stock 1@1 +10; create A lines 1@1x2; case A sku 1", "WrongState asked 9 there 2");
}

#[test]
fn goods_that_cost_nothing_come_back_without_money() {
    let free = "sku 3 price 0; stock 3@1 +5; create F lines 3@1x4; ship F; sign F;";
    check(&format!("{free} case F sku 3"), "RefundExceedsPaid");
    check(&format!("{free} case F sku 3 units 2; accept F.1; goods F.1"), "F.1 Done 0 of 3x2");
    check(
        &format!("{free} case F sku 3 units 2; accept F.1; goods F.1; shelf 3@1"),
        "3 on hand, 0 held, 4 sold, 3 sellable",
    );
}

/// One unit of sku 1 comes back for another one.
const EXCHANGE: &str = "exchange A sku 1 units 1; accept A.1;";

fn exchanged(story: &str, answer: &str) {
    delivered(&format!("{EXCHANGE} {story}"), answer);
}

#[test]
fn an_exchange_gives_a_new_unit_for_the_old_one() {
    delivered("exchange A sku 1 units 1 twice", "A.1 Open 0 of 1x1");
    exchanged("cases A", "A Delivered: A.1 AwaitingGoods 0 of 1x1");
    exchanged("goods A.1 twice", "A.1 Done 0 of 1x1");
    exchanged("goods A.1; facts", "AftersaleChanged StockReserved StockReduced StockAdjusted");
    // Ten came, two were sold, one more went, and one is back.
    exchanged("goods A.1; shelf 1@1", "8 on hand, 0 held, 3 sold, 8 sellable");
    exchanged("goods A.1 unavailable; shelf 1@1", "8 on hand, 0 held, 3 sold, 7 sellable");
    exchanged("goods A.1 lost; shelf 1@1", "7 on hand, 0 held, 3 sold, 7 sellable");
    exchanged("goods A.1 lost; facts", "AftersaleChanged StockReserved StockReduced");
    // The new one leaves from where the line was sent, wherever the old one came to.
    exchanged("goods A.1 at 2; shelf 1@1", "7 on hand, 0 held, 3 sold, 7 sellable");
    exchanged("goods A.1 at 2; shelf 1@2", "1 on hand, 0 held, 0 sold, 1 sellable");
    exchanged("refuse A.1; shelf 1@1", "8 on hand, 0 held, 2 sold, 8 sellable");
    exchanged("goods A.1; goods A.1", "WrongState");
    exchanged("goods A.1; refuse A.1", "WrongState");
    exchanged("goods A.1; accept A.1", "WrongState");
    delivered("exchange A sku 1 units 0", "InvalidField");
    delivered("exchange A sku 1 units 3", "InsufficientStock asked 3 there 2");
    delivered("exchange A sku 9 units 1", "SkuNotFound");
    delivered("exchange A sku 1 units 1 by 7", "OrderNotFound");
    check(
        "sku 1 price 500; stock 1@1 +10; create A lines 1@1x2; pay A; paid A.1; exchange A sku 1 units 1",
        "InsufficientStock asked 1 there 0",
    );
}

#[test]
fn an_exchange_of_a_sold_out_sku_stays_open() {
    let sold_out = "stock 1@1 -8;";
    exchanged(&format!("{sold_out} goods A.1"), "SoldOut asked 1 there 0");
    exchanged(&format!("{sold_out} goods A.1 at 2"), "SoldOut asked 1 there 0");
    exchanged(&format!("{sold_out} goods A.1; cases A"), "A Delivered: A.1 AwaitingGoods 0 of 1x1");
    exchanged(&format!("{sold_out} goods A.1; shelf 1@1"), "0 on hand, 0 held, 2 sold, 0 sellable");
    exchanged(&format!("{sold_out} goods A.1; refuse A.1"), "A.1 Refused 0 of 1x1");
    // New stock comes: the same units are received.
    exchanged(&format!("{sold_out} goods A.1; stock 1@1 +1; goods A.1"), "A.1 Done 0 of 1x1");
    exchanged(
        &format!("{sold_out} goods A.1; stock 1@1 +1; goods A.1; shelf 1@1"),
        "1 on hand, 0 held, 3 sold, 1 sellable",
    );
    // Or the buyer takes the money.
    exchanged(
        &format!("{sold_out} goods A.1; refuse A.1; case A sku 1 units 1; accept A.2; goods A.2"),
        "A.2 Refunding 500 of 1x1",
    );
    // What others hold is not there either, and some are fewer than all.
    exchanged("create B lines 1@1x8; goods A.1", "SoldOut asked 1 there 0");
    delivered(
        "exchange A sku 1 units 2; accept A.1; stock 1@1 -7; goods A.1",
        "InsufficientStock asked 2 there 1",
    );
}

#[test]
fn an_exchanged_unit_can_come_back_again() {
    let both = "exchange A sku 1 units 2; accept A.1;";
    delivered(&format!("{both} exchange A sku 1 units 1"), "InsufficientStock asked 1 there 0");
    delivered(&format!("{both} case A sku 1 units 1"), "InsufficientStock asked 1 there 0");
    let done = format!("{both} goods A.1;");
    delivered(&format!("{done} exchange A sku 1 units 2"), "A.2 Open 0 of 1x2");
    delivered(
        &format!("{done} exchange A sku 1 units 2; accept A.2; goods A.2; shelf 1@1"),
        "8 on hand, 0 held, 6 sold, 8 sellable",
    );
    let back = format!("{done} case A sku 1 units 2; accept A.2; goods A.2;");
    delivered(&back, "A.2 Refunding 1000 of 1x2");
    delivered(&format!("{back} shelf 1@1"), "10 on hand, 0 held, 4 sold, 10 sellable");
    // Units whose money went back are not with the buyer any more.
    delivered(&format!("{back} exchange A sku 1 units 1"), "InsufficientStock asked 1 there 0");
    delivered(&format!("{back} refunded A.1; exchange A sku 1 units 1"), "InsufficientStock asked 1 there 0");
}

#[test]
fn exchange_moves_no_money() {
    delivered("exchange A sku 1 units 1 amount 1", "InvalidField");
    delivered("exchange A sku 1 units 1; accept A.1 amount 1", "InvalidField");
    let money = "A.1 Paid 1300, A Delivered v5";
    delivered("payment A.1", money);
    exchanged("goods A.1; payment A.1", money);
    // What the line gives back stays whole, and a refund on its way is in nobody's way.
    exchanged("goods A.1; case A sku 1", "A.2 Open 1000 of 1");
    exchanged("case A sku 2; accept A.2; goods A.1", "A.1 Done 0 of 1x1");
}

#[test]
fn an_exchange_counts_against_no_limit() {
    let sale = "sku 1 price 500; stock 1@1 +10; sale 5 cap 3 user 2 skus 1:400;
        create A lines 1@1x2 user 7; pay A; paid A.1; ship A;
        exchange A sku 1 units 2; accept A.1; goods A.1;";
    check(sale, "A.1 Done 0 of 1x2");
    check(&format!("{sale} create B lines 1@1x1 user 8"), "B PendingPayment v1");
    check(&format!("{sale} create B lines 1@1x2 user 8"), "SaleCap line 0 asked 2 there 1");
    check(&format!("{sale} create B lines 1@1x1 user 7"), "UserLimit line 0 asked 1 there 0");
}

#[test]
fn goods_that_came_back_stay_back_when_their_money_is_refused() {
    let failed = "case A sku 1 units 2; accept A.1; goods A.1; unrefunded A.1; refuse A.1;";
    delivered(failed, "A.1 Refused 1000 of 1x2");
    delivered(&format!("{failed} case A sku 1 units 1"), "InsufficientStock asked 1 there 0");
    delivered(&format!("{failed} case A sku 1"), "A.2 Open 1000 of 1");
}

#[test]
fn cases_are_bounded() {
    let mut shop = Shop::new(BOUNDS);
    for step in DELIVERED.split(';').map(str::trim).filter(|step| !step.is_empty()) {
        shop.tell(step);
    }
    for number in 1..=32 {
        assert_eq!(shop.tell("case A sku 1 amount 1"), format!("A.{number} Open 1 of 1"));
    }
    assert_eq!(shop.tell("case A sku 1 amount 1"), "Overloaded");
    let mut shop = Shop::new(domain::LedgerBounds { cases_max: 1, ..BOUNDS });
    for step in DELIVERED.split(';').map(str::trim).filter(|step| !step.is_empty()) {
        shop.tell(step);
    }
    shop.tell("case A sku 1 amount 1");
    assert_eq!(shop.tell("case A sku 2 amount 1"), "Overloaded");
    assert_eq!(shop.tell("accept A.1"), "A.1 Refunding 1 of 1");
}
