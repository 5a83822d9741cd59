//! Units that are gone while orders hold them, a row a case: who is paid for them waits for people, who find units
//! for the order after all or send its money back.

mod shop;

use shop::check;

/// Two orders of two users hold 3 units each of a shelf that has 4 left; both begin to pay. Of their sale nobody may
/// have more than 3 units.
const SHORT: &str = "sku 1 price 500; stock 1@1 +10; sale 1 skus 1:500 user 3 cap 20;
    create A lines 1@1x3; create B user 2 lines 1@1x3; pay A; pay B; stock 1@1 -6 lost;";
/// The second to be paid.
const EXCEPTED: &str = "paid A.1; paid B.1;";

fn short(story: &str, answer: &str) {
    check(&format!("{SHORT} {story}"), answer);
}

fn excepted(story: &str, answer: &str) {
    short(&format!("{EXCEPTED} {story}"), answer);
}

#[test]
fn units_are_lost_whoever_holds_them() {
    short("shelf 1@1", "4 on hand, 6 held, 0 sold, 0 sellable");
    short("stock 1@1 -1", "InsufficientStock asked 1 there 0");
    short("stock 1@1 -1 lost", "3 on hand, 6 held, 0 sold, 0 sellable");
    short("stock 1@1 -5 lost", "InvalidField");
    short("stock 1@1 +1 lost", "InvalidField");
    short("stock 1@1 +1", "5 on hand, 6 held, 0 sold, 0 sellable");
    short("transfer 1@1 2 units 1", "InsufficientStock asked 1 there 0");
    short("create C user 3 lines 1@1x1", "SoldOut line 0 asked 1 there 0");
    short("reserve H user 3 lines 1@1x1", "SoldOut line 0 asked 1 there 0");
}

#[test]
fn a_paid_order_whose_units_are_gone_waits_for_people() {
    short("paid A.1", "A.1 Paid 1500, A Confirmed v3");
    excepted("payment B.1", "B.1 Paid 1500, B StockException v3");
    excepted("facts", "PaymentSuccess StockException");
    excepted("shelf 1@1", "1 on hand, 0 held, 3 sold, 1 sellable");
    excepted("paid B.1", "B.1 Paid 1500, B StockException v3");
    excepted("at 100000", "0 expired");
    // It is paid, so it counts.
    excepted("taken 1", "6 of 1 skus");
    excepted("create C user 2 lines 1@1x1", "UserLimit line 0 asked 1 there 0");
    // Who ends before the money comes takes nothing from who is paid.
    short("cancel A; paid B.1", "B.1 Paid 1500, B Confirmed v3");
    // Money of another amount that is taken for the total meets the same shelf.
    short("paid A.1; paid B.1 amount 1499; settle B.1", "B StockException v3");
    // Late money finds what is free, or goes back.
    short("paid A.1; at 700; paid B.1", "B.1 Surplus 1500 refund 1 of 1500 Asked, B Refunding v4");
}

#[test]
fn units_are_found_for_it_after_all() {
    excepted("restock B", "InsufficientStock line 0 asked 3 there 1");
    excepted("stock 1@1 -1 lost; restock B", "SoldOut line 0 asked 3 there 0");
    excepted("stock 1@1 +2; restock B", "B Confirmed v4");
    excepted("stock 1@1 +2; restock B twice", "B Confirmed v4");
    excepted("stock 1@1 +2; restock B version 3", "B Confirmed v4");
    excepted("stock 1@1 +2; restock B version 2", "VersionConflict asked 2 there 3");
    excepted("stock 1@1 +2; restock B; facts", "StockReserved StockReduced OrderConfirmed");
    excepted("stock 1@1 +2; restock B; shelf 1@1", "0 on hand, 0 held, 6 sold, 0 sellable");
    excepted("stock 1@1 +2; restock B; taken 1", "6 of 1 skus");
    excepted("stock 1@1 +2; restock B; ship B", "B Shipped v5");
    excepted("stock 1@1 +2; restock B; restock B", "WrongState asked 6 there 6");
    excepted("stock 1@1 +2; restock A", "WrongState asked 6 there 6");
    // Its own warehouse sends it: units of another come there first.
    excepted("stock 1@2 +9; restock B", "InsufficientStock line 0 asked 3 there 1");
    excepted("stock 1@2 +9; transfer 1@2 1 units 2; restock B", "B Confirmed v4");
    // Units that are put in as safety are this order's: nobody else can have them.
    let kept = "stock 1@1 +2 safety 3;";
    excepted(&format!("{kept} create C user 3 lines 1@1x1"), "SoldOut line 0 asked 1 there 0");
    excepted(&format!("{kept} restock B; stock 1@1 +0 safety -3"), "0 on hand, 0 held, 6 sold, 0 sellable");
    // What cannot be sold, or somebody else holds, is not its.
    excepted("stock 1@1 +2 unavailable 1; restock B", "InsufficientStock line 0 asked 3 there 2");
    excepted(
        "stock 1@1 +2; create C user 3 lines 1@1x1; restock B",
        "InsufficientStock line 0 asked 3 there 2",
    );
}

#[test]
fn or_its_money_goes_back() {
    let asked = "B.1 Paid 1500 refund 1 of 1500 Asked, B Refunding v4";
    excepted("cancel B; payment B.1", asked);
    excepted("cancel B by 0; payment B.1", asked);
    let done = "B.1 Paid 1500 refund 1 of 1500 Done, B Refunded v5";
    excepted("cancel B; refunded B.1", done);
    // Nothing comes back to the shelf that never left it; limits and cap do.
    excepted("cancel B; refunded B.1; facts", "RefundSettled RefundDone");
    excepted("cancel B; refunded B.1; shelf 1@1", "1 on hand, 0 held, 3 sold, 1 sellable");
    excepted("cancel B; refunded B.1; taken 1", "3 of 1 skus");
    excepted("cancel B; restock B", "WrongState asked 6 there 13");
    // With its money back by REFUND, it ends at once.
    excepted("refund B.1; refunded B.1; cancel B", "B Refunded v4");
    excepted("refund B.1; refunded B.1; cancel B; taken 1", "3 of 1 skus");
    // Found and then cancelled, it goes back like any paid order.
    excepted(
        "stock 1@1 +2; restock B; cancel B; refunded B.1; shelf 1@1",
        "3 on hand, 0 held, 6 sold, 3 sellable",
    );
}

#[test]
fn a_coupon_of_it_is_used() {
    let shop = "sku 1 price 500; stock 1@1 +4; coupon 1 off 50;
        create A lines 1@1x4 with 1; pay A; stock 1@1 -1 lost; paid A.1;";
    check(&format!("{shop} facts"), "PaymentSuccess CouponUsed StockException");
    check(&format!("{shop} stock 1@1 +1; restock A; facts"), "StockReserved StockReduced OrderConfirmed");
}

#[test]
fn a_hold_on_a_short_shelf_neither_sells_nor_becomes_an_order() {
    let holds = "sku 1 price 500; stock 1@1 +6;
        reserve H lines 1@1x3; reserve I user 2 lines 1@1x3; stock 1@1 -2 lost;";
    check(&format!("{holds} create A lines 1@1x3 hold H"), "InsufficientStock line 0 asked 3 there 1");
    check(&format!("{holds} release I; create A user 1 lines 1@1x3 hold H"), "A PendingPayment v1");
    check(&format!("{holds} commit H; shelf 1@1"), "1 on hand, 3 held, 3 sold, 0 sellable");
    check(&format!("{holds} commit H; commit I"), "InsufficientStock line 0 asked 3 there 1");
    check(&format!("{holds} commit H; release I; shelf 1@1"), "1 on hand, 0 held, 3 sold, 1 sellable");
}

#[test]
fn every_line_of_a_basket_must_be_there() {
    let basket = "sku 1 price 500; sku 2 price 100; stock 1@1 +2; stock 2@1 +2;
        create A lines 1@1x1,2@1x2; pay A; stock 2@1 -1 lost; paid A.1;";
    check(&format!("{basket} shelf 1@1"), "2 on hand, 0 held, 0 sold, 2 sellable");
    check(&format!("{basket} shelf 2@1"), "1 on hand, 0 held, 0 sold, 1 sellable");
    check(&format!("{basket} restock A"), "InsufficientStock line 1 asked 2 there 1");
    check(&format!("{basket} stock 2@1 +1; restock A"), "A Confirmed v4");
}
