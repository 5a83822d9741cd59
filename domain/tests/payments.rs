//! Payments, a row a case: each classic wound of shop software, and what happens here instead.

mod shop;

use shop::check;

const SHOP: &str = "sku 1 price 500; stock 1@1 +10;";
/// An order of 1,000 with one attempt open.
const OPEN: &str = "create A lines 1@1x2; pay A;";
/// Its buyer paid after the timer had ended it.
const EXPIRED: &str = "create A lines 1@1x2; pay A; at 700;";

fn in_shop(story: &str, answer: &str) {
    check(&format!("{SHOP} {story}"), answer);
}

fn paying(story: &str, answer: &str) {
    in_shop(&format!("{OPEN} {story}"), answer);
}

fn expired(story: &str, answer: &str) {
    in_shop(&format!("{EXPIRED} {story}"), answer);
}

#[test]
fn an_order_is_paid_by_its_attempt() {
    in_shop("create A lines 1@1x2; pay A", "A.1 Open, A Paying v2");
    in_shop("create A lines 1@1x2; pay A twice", "A.1 Open, A Paying v2");
    in_shop("create A lines 1@1x2; pay A by 7", "OrderNotFound");
    in_shop("create A lines 1@1x2; pay A gateway 0", "InvalidField");
    paying("paid A.1", "A.1 Paid 1000, A Confirmed v3");
    paying("paid A.1; facts", "PaymentSuccess StockReduced OrderConfirmed");
    paying("paid A.1; shelf 1@1", "8 on hand, 0 held, 2 sold, 8 sellable");
    paying(
        "paid A.1; history A",
        "PendingPayment by User(UserId(1)), Paying by User(UserId(1)), Confirmed by Gateway(GatewayId(1))",
    );
    paying("payment A", "A.1 Open, A Paying v2");
    paying("payment A.1 by 7", "PaymentNotFound");
    paying("paid A.1; at 100000", "0 expired");
    paying("paid A.1; pay A", "AlreadyPaid");
    paying("cancel A; pay A", "WrongState asked 3 there 12");
}

#[test]
fn the_first_attempt_extends_the_hold_once() {
    in_shop("create A lines 1@1x2; at 50; pay A; at 649", "0 expired");
    in_shop("create A lines 1@1x2; at 50; pay A; at 651", "1 expired");
    in_shop("create A lines 1@1x2; at 50; pay A; at 600; pay A; at 651", "1 expired");
    in_shop("sku 2 hold 3600; stock 2@1 +1; create A lines 2@1x1; pay A; at 3599", "0 expired");
}

#[test]
fn an_attempt_that_fails_or_is_closed_leaves_the_order_waiting() {
    paying("failed A.1", "A.1 Failed, A PendingPayment v3");
    paying("failed A.1; failed A.1", "A.1 Failed, A PendingPayment v3");
    paying("failed A.1; pay A", "A.2 Open, A Paying v4");
    paying("failed A.1; at 700", "1 expired");
    paying("close A.1", "A.1 Closed, A PendingPayment v3");
    paying("close A.1; close A.1", "A.1 Closed, A PendingPayment v3");
    paying("close A.1 by 7", "PaymentNotFound");
    paying("paid A.1; close A.1", "AlreadyPaid");
    paying("pay A", "A.2 Open, A Paying v2");
    paying("pay A; failed A.1", "A.1 Failed, A Paying v2"); // the latest attempt is still open
    paying("pay A; failed A.2", "A.2 Failed, A PendingPayment v3");
    paying("pay A; failed A.2; paid A.1", "A.1 Paid 1000, A Confirmed v4");
}

#[test]
fn late_payment_with_stock_left() {
    expired("payment A.1", "A.1 Open, A Cancelled v3");
    expired("paid A.1", "A.1 Paid 1000, A Confirmed v4");
    expired("paid A.1; facts", "PaymentSuccess StockReserved StockReduced OrderConfirmed");
    expired("paid A.1; shelf 1@1", "8 on hand, 0 held, 2 sold, 8 sellable");
    let sale = "sale 1 skus 1:400 user 2 cap 4 hold 30;";
    in_shop(&format!("{sale} {EXPIRED} taken 1"), "0 of 1 skus");
    in_shop(&format!("{sale} {EXPIRED} paid A.1; taken 1"), "2 of 1 skus");
}

#[test]
fn late_payment_without_stock_left() {
    let sold_out = "create B user 2 lines 1@1x9;";
    expired(&format!("{sold_out} paid A.1"), "A.1 Surplus 1000 refund 1 of 1000 Asked, A Refunding v4");
    expired(&format!("{sold_out} paid A.1; facts"), "PaymentSuccess RefundRequested");
    expired(&format!("{sold_out} paid A.1; shelf 1@1"), "10 on hand, 9 held, 0 sold, 1 sellable");
    expired(
        &format!("{sold_out} paid A.1; refunded A.1"),
        "A.1 Surplus 1000 refund 1 of 1000 Done, A Refunded v5",
    );
    // Nothing comes back that was not sold: the order had lost its units before.
    expired(&format!("{sold_out} paid A.1; refunded A.1; facts"), "RefundSettled RefundDone");
    let limit = "sale 1 skus 1:400 user 2 hold 30;";
    let used = "create B lines 1@1x1;"; // of the same user, who may have two
    in_shop(
        &format!("{limit} {EXPIRED} {used} paid A.1"),
        "A.1 Surplus 800 refund 1 of 800 Asked, A Refunding v4",
    );
    let cap = "sale 1 skus 1:400 cap 2 hold 30;";
    in_shop(
        &format!("{cap} {EXPIRED} create B user 2 lines 1@1x1; paid A.1"),
        "A.1 Surplus 800 refund 1 of 800 Asked, A Refunding v4",
    );
}

#[test]
fn late_payment_of_what_somebody_cancelled_goes_back() {
    paying("cancel A; paid A.1", "A.1 Surplus 1000 refund 1 of 1000 Asked, A Refunding v4");
    paying("cancel A by 0; paid A.1", "A.1 Surplus 1000 refund 1 of 1000 Asked, A Refunding v4");
    paying("cancel A; paid A.1; shelf 1@1", "10 on hand, 0 held, 0 sold, 10 sellable");
}

#[test]
fn paying_and_expiring_race_and_the_log_decides() {
    // Its time is over, and its expiry is not in the log: payment wins.
    let mut shop = shop::Shop::new(shop::BOUNDS);
    for step in SHOP.split(';').chain(OPEN.split(';')).map(str::trim).filter(|step| !step.is_empty()) {
        shop.tell(step);
    }
    shop.now = shop.seconds("9000");
    assert_eq!(shop.tell("paid A.1"), "A.1 Paid 1000, A Confirmed v3");
    assert_eq!(shop.tell("at 9001"), "0 expired");
}

#[test]
fn second_attempt_also_paid() {
    let duplicate = "A.2 Surplus 1000 refund 1 of 1000 Asked, A Confirmed v3";
    paying("pay A; paid A.1; paid A.2", duplicate);
    paying("pay A; paid A.1; paid A.2; paid A.2", duplicate);
    paying("pay A; paid A.1; paid A.2; facts", "PaymentSuccess RefundRequested");
    paying(
        "pay A; paid A.1; paid A.2; refunded A.2",
        "A.2 Surplus 1000 refund 1 of 1000 Done, A Confirmed v3",
    );
    paying("pay A; paid A.2; paid A.1; payment A.2", "A.2 Paid 1000, A Confirmed v3");
    paying(
        "failed A.1; pay A; paid A.2; paid A.1",
        "A.1 Surplus 1000 refund 1 of 1000 Asked, A Confirmed v5",
    );
}

#[test]
fn double_payment() {
    paying("paid A.1; paid A.1", "A.1 Paid 1000, A Confirmed v3");
    paying("paid A.1; paid A.1; shelf 1@1", "8 on hand, 0 held, 2 sold, 8 sellable");
}

/// By another transfer, or of another amount: a payment of its own, which an operator sends back or settles.
#[test]
fn a_second_charge_of_the_same_attempt_is_a_fact() {
    let charged = "paid A.1; paid A.1 reference 9;";
    paying(charged, "AmountMismatch: A.2 Mismatched 1000, A Confirmed v3");
    paying(&format!("{charged} facts"), "PaymentRepeated");
    paying(&format!("{charged} payment A.1"), "A.1 Paid 1000, A Confirmed v3");
    paying(&format!("{charged} shelf 1@1"), "8 on hand, 0 held, 2 sold, 8 sellable");
    // Each of the two callbacks may come again, under either name.
    paying(&format!("{charged} paid A.1"), "A.1 Paid 1000, A Confirmed v3");
    paying(&format!("{charged} paid A.1 reference 9"), "AmountMismatch: A.2 Mismatched 1000, A Confirmed v3");
    paying(&format!("{charged} paid A.2 reference 9"), "AmountMismatch: A.2 Mismatched 1000, A Confirmed v3");
    paying(&format!("{charged} paid A.1 reference 9; payment A.3"), "PaymentNotFound");
    // A callback that names no transfer, as a statement may not, can be the one that came.
    paying("paid A.1; paid A.1 reference 0", "A.1 Paid 1000, A Confirmed v3");
    paying("paid A.1 reference 0; paid A.1 reference 7", "A.1 Paid 1000, A Confirmed v3");
    paying("paid A.1; paid A.1 reference 0 amount 7", "AmountMismatch: A.2 Mismatched 7, A Confirmed v3");
    // Another amount or currency of the same transfer contradicts what was said, and may be money as well.
    paying("paid A.1; paid A.1 amount 5", "AmountMismatch: A.2 Mismatched 5, A Confirmed v3");
    paying("paid A.1; paid A.1 currency 840", "AmountMismatch: A.2 Mismatched 1000, A Confirmed v3");
    paying("paid A.1; paid A.1 amount -1", "InvalidField");
    paying("paid A.1 amount 5; paid A.1; settle A.2; payment A.2", "A.2 Paid 1000, A Confirmed v3");
    paying(&format!("{charged} settle A.2"), "AlreadyPaid");
    // It goes back by itself, and the order does not move with it.
    paying(&format!("{charged} refund A.2"), "A.2 Mismatched 1000 refund 1 of 1000 Asked, A Confirmed v3");
    paying(
        &format!("{charged} refund A.2; refunded A.2"),
        "A.2 Mismatched 1000 refund 1 of 1000 Done, A Confirmed v3",
    );
    paying(
        &format!("{charged} cancel A; refunded A.1"),
        "A.1 Paid 1000 refund 1 of 1000 Done, A Refunded v5",
    );
    // It is no attempt: the buyer's own is the latest, and fails as such.
    paying("paid A.1 amount 5; pay A; paid A.1; payment A", "A.2 Open, A Paying v2");
    paying("paid A.1 amount 5; pay A; paid A.1; failed A.2", "A.2 Failed, A PendingPayment v3");
    paying("paid A.1 amount 5; paid A.1; pay A; paid A.3", "A.3 Paid 1000, A Confirmed v3");
}

#[test]
fn a_gateway_gone_mad_is_bounded() {
    let charges = |many: u64| (1..=many).map(|at| format!(" paid A.1 reference {at};")).collect::<String>();
    paying(&charges(17), "AmountMismatch: A.17 Mismatched 1000, A Confirmed v3");
    paying(&charges(18), "Overloaded");
    paying(
        &format!("{} paid A.1 reference 4", charges(18)),
        "AmountMismatch: A.4 Mismatched 1000, A Confirmed v3",
    );
    // Attempts are counted apart.
    let wrong = "paid A.1 amount 5; paid A.1 amount 6; paid A.1 amount 7;";
    paying(&format!("{wrong} {} pay A", "pay A;".repeat(14)), "A.18 Open, A Paying v2");
    paying(&format!("{wrong} {} pay A", "pay A;".repeat(15)), "Overloaded");
}

#[test]
fn stale_webhook() {
    paying("paid A.1; failed A.1", "A.1 Paid 1000, A Confirmed v3");
    paying("failed A.1; paid A.1", "A.1 Paid 1000, A Confirmed v4"); // out of order: money is a fact
    paying("close A.1; paid A.1", "A.1 Paid 1000, A Confirmed v4");
    paying("close A.1; failed A.1", "A.1 Closed, A PendingPayment v3");
    paying("cancel A; failed A.1", "A.1 Failed, A Cancelled v3");
}

#[test]
fn paid_without_order() {
    paying("paid A.2", "PaymentNotFound");
    paying("paid A.0", "PaymentNotFound");
    paying("paid A.1 gateway 2", "PaymentNotFound");
    paying("failed A.1 gateway 2", "PaymentNotFound");
    paying("paid A.2; payment A.1", "A.1 Open, A Paying v2");
}

#[test]
fn another_amount_is_recorded_and_left_to_people() {
    paying("paid A.1 amount 999", "AmountMismatch: A.1 Mismatched 999, A Paying v2");
    paying("paid A.1 amount 1001", "AmountMismatch: A.1 Mismatched 1001, A Paying v2");
    paying("paid A.1 currency 840", "AmountMismatch: A.1 Mismatched 1000, A Paying v2");
    paying("paid A.1 amount -1", "InvalidField");
    paying(
        "paid A.1 amount 9223372036854775807; paid A.1; payment A.1",
        "A.1 Mismatched 9223372036854775807, A Paying v2",
    );
    paying("paid A.1 amount 999; facts", "PaymentMismatched");
    paying("paid A.1 amount 999; refund A.1", "A.1 Mismatched 999 refund 1 of 999 Asked, A Paying v2");
    paying("paid A.1 amount 999; pay A; paid A.2", "A.2 Paid 1000, A Confirmed v3");
    paying("paid A.1; pay A; cancel A; payment A.1", "A.1 Paid 1000 refund 1 of 1000 Asked, A Refunding v4");
}

#[test]
fn an_operator_takes_another_amount_for_the_total() {
    let less = "paid A.1 amount 999;";
    paying(&format!("{less} settle A.1"), "A Confirmed v3");
    paying(&format!("{less} settle A.1 twice"), "A Confirmed v3");
    paying(&format!("{less} settle A.1 version 2"), "A Confirmed v3");
    paying(&format!("{less} settle A.1; payment A"), "A.1 Paid 999, A Confirmed v3");
    paying(&format!("{less} settle A.1; facts"), "PaymentSuccess StockReduced OrderConfirmed");
    paying(&format!("{less} settle A.1; shelf 1@1"), "8 on hand, 0 held, 2 sold, 8 sellable");
    paying(&format!("{less} settle A.1; paid A.1 amount 999"), "A.1 Paid 999, A Confirmed v3");
    paying(
        &format!("{less} settle A.1; cancel A; payment A"),
        "A.1 Paid 999 refund 1 of 999 Asked, A Refunding v4",
    );
    paying(&format!("{less} settle A.1; refund A.1 amount 1000"), "RefundExceedsPaid asked 1000 there 999");
    paying(&format!("pay A; {less} paid A.2; settle A.1"), "AlreadyPaid");
    paying(&format!("{less} settle A.1; settle A.1"), "AlreadyPaid");
    paying(&format!("{less} settle A.1 version 1"), "VersionConflict asked 1 there 2");
    paying(&format!("{less} settle A.2"), "PaymentNotFound");
    paying(&format!("{less} create B lines 1@1x1; settle A.1 of B"), "PaymentNotFound");
    paying("settle A.1", "WrongState asked 6 there 3");
    paying("paid A.1; settle A.1", "AlreadyPaid");
    paying("paid A.1 currency 840; settle A.1", "CurrencyMismatch asked 840 there 978");
    // What is on its way back, or went, cannot pay any more; what the gateway could not send back can.
    paying(&format!("{less} refund A.1; settle A.1"), "WrongState asked 6 there 3");
    paying(&format!("{less} refund A.1 amount 1; refunded A.1; settle A.1"), "WrongState asked 6 there 3");
    paying(&format!("{less} refund A.1; unrefunded A.1; settle A.1"), "A Confirmed v3");
    // Of an order that its timer ended, when all of it can be had again; never of one that somebody ended.
    expired(&format!("{less} settle A.1"), "A Confirmed v4");
    expired(&format!("{less} settle A.1; shelf 1@1"), "8 on hand, 0 held, 2 sold, 8 sellable");
    expired(&format!("{less} create B user 2 lines 1@1x9; settle A.1"), "WrongState asked 6 there 12");
    paying(&format!("{less} cancel A; settle A.1"), "WrongState asked 6 there 12");
}

#[test]
fn a_paid_order_is_cancelled_by_sending_its_money_back() {
    paying("paid A.1; cancel A", "A Refunding v4");
    paying("paid A.1; cancel A; facts", "RefundRequested");
    paying("paid A.1; cancel A; refunded A.1", "A.1 Paid 1000 refund 1 of 1000 Done, A Refunded v5");
    paying("paid A.1; cancel A; refunded A.1; facts", "RefundSettled RefundDone StockAdjusted");
    paying("paid A.1; cancel A; refunded A.1; shelf 1@1", "10 on hand, 0 held, 2 sold, 10 sellable");
    paying(
        "paid A.1; cancel A; refunded A.1; refunded A.1",
        "A.1 Paid 1000 refund 1 of 1000 Done, A Refunded v5",
    );
    paying("paid A.1; cancel A; cancel A", "WrongState asked 12 there 13");
    expired("paid A.1; cancel A; refunded A.1; shelf 1@1", "10 on hand, 0 held, 2 sold, 10 sellable");
    let sale = "sale 1 skus 1:400 user 2 hold 30;";
    in_shop(&format!("{sale} {OPEN} paid A.1; cancel A; taken 1"), "2 of 1 skus");
    in_shop(&format!("{sale} {OPEN} paid A.1; cancel A; refunded A.1; taken 1"), "0 of 1 skus");
}

#[test]
fn a_refund_that_fails_is_kept_and_may_be_asked_again() {
    let failed = "paid A.1; cancel A; unrefunded A.1;";
    paying(failed, "A.1 Paid 1000 refund 1 of 1000 Failed, A Refunding v4");
    paying(&format!("{failed} unrefunded A.1"), "A.1 Paid 1000 refund 1 of 1000 Failed, A Refunding v4");
    // Asked again it keeps its number: a gateway that did send it does not send it twice.
    paying(&format!("{failed} refund A.1"), "A.1 Paid 1000 refund 1 of 1000 Asked, A Refunding v4");
    paying(
        &format!("{failed} refund A.1; refunded A.1"),
        "A.1 Paid 1000 refund 1 of 1000 Done, A Refunded v5",
    );
    paying(&format!("{failed} refunded A.1"), "A.1 Paid 1000 refund 1 of 1000 Done, A Refunded v5");
    paying(&format!("{failed} refund A.1 amount 400"), "A.1 Paid 1000 refund 2 of 400 Asked, A Refunding v4");
    paying(
        &format!("{failed} refund A.1 amount 400; refunded A.1"),
        "A.1 Paid 1000 refund 3 of 600 Asked, A Refunding v4",
    );
}

/// Whatever was asked for since: the money left, and that is a fact.
#[test]
fn a_refund_that_failed_and_went_through_after_another_was_asked_is_booked() {
    let other = "paid A.1; refund A.1 amount 300; unrefunded A.1; refund A.1 amount 500;";
    let first = format!("{other} refunded A.1 number 1 amount 300;");
    paying(&first, "A.1 Paid 1000 refund 2 of 500 Asked, A Confirmed v3");
    paying(&format!("{first} facts"), "RefundSettled");
    paying(&format!("{first} refunded A.1"), "A.1 Paid 1000 refund 2 of 500 Done, A Confirmed v3");
    paying(&format!("{first} refund A.1 amount 201"), "RefundExceedsPaid asked 201 there 200");
    // Told again it is nothing; another amount than was asked for is refused; so is what nobody asked for.
    paying(
        &format!("{first} refunded A.1 number 1 amount 300; refund A.1 amount 201"),
        "RefundExceedsPaid asked 201 there 200",
    );
    paying(&format!("{other} refunded A.1 number 1 amount 299"), "AmountMismatch asked 299 there 300");
    paying(
        &format!("{other} unrefunded A.1 number 1 amount 300"),
        "A.1 Paid 1000 refund 2 of 500 Asked, A Confirmed v3",
    );
    paying(
        &format!("{other} refunded A.1; refunded A.1 number 1 amount 300; payment A.1"),
        "A.1 Paid 1000 refund 2 of 500 Done, A Confirmed v3",
    );
    // Of an order that is to be refunded whole: what is left then is asked for, and when nothing is, it is REFUNDED.
    let cancelled = "paid A.1; refund A.1 amount 300; unrefunded A.1; cancel A; unrefunded A.1;";
    let late = format!("{cancelled} refunded A.1 number 1 amount 300;");
    paying(&late, "A.1 Paid 1000 refund 2 of 1000 Failed, A Refunding v4");
    paying(&format!("{late} refund A.1"), "A.1 Paid 1000 refund 3 of 700 Asked, A Refunding v4");
    paying(&format!("{late} refund A.1; refunded A.1"), "A.1 Paid 1000 refund 3 of 700 Done, A Refunded v5");
}

#[test]
fn more_went_back_than_came_and_that_is_told() {
    let twice = "paid A.1; refund A.1 amount 300; unrefunded A.1; cancel A; refunded A.1;";
    paying(&format!("{twice} payment A.1"), "A.1 Paid 1000 refund 2 of 1000 Done, A Refunded v5");
    let beyond = format!("{twice} refunded A.1 number 1 amount 300;");
    let said = "AmountMismatch: A.1 Paid 1000 refund 2 of 1000 Done beyond 300, A Refunded v5";
    paying(&beyond, said);
    paying(&format!("{beyond} refunded A.1 number 1 amount 300"), said);
    paying(&format!("{beyond} facts"), "RefundSettled PaymentOverdrawn");
    paying(&format!("{beyond} refund A.1 amount 1"), "RefundExceedsPaid asked 1 there 0");
    // The earlier one first: the order is REFUNDED by it, and the later one takes what is not there.
    let first =
        "paid A.1; refund A.1; unrefunded A.1; refund A.1 amount 400; refunded A.1 number 1 amount 1000;";
    paying(&format!("{first} facts"), "RefundSettled");
    paying(&format!("{first} refunded A.1; facts"), "RefundSettled PaymentOverdrawn");
    paying(&format!("{first} unrefunded A.1; refund A.1"), "RefundExceedsPaid");
    paying(&format!("{first} cancel A"), "A Refunded v4");
}

#[test]
fn parts_go_back_and_never_more_than_was_paid() {
    paying("refund A.1", "RefundExceedsPaid");
    paying("paid A.1; refund A.1 amount 300", "A.1 Paid 1000 refund 1 of 300 Asked, A Confirmed v3");
    paying("paid A.1; refund A.1 amount 1001", "RefundExceedsPaid asked 1001 there 1000");
    paying("paid A.1; refund A.1 amount -1", "InvalidField");
    let part = "paid A.1; refund A.1 amount 300;";
    paying(&format!("{part} refund A.1 amount 701"), "RefundExceedsPaid asked 701 there 700");
    paying(&format!("{part} refund A.1 amount 700"), "WrongState asked 6 there 6"); // one at a time
    paying(&format!("{part} cancel A"), "WrongState asked 13 there 6");
    paying(&format!("{part} refunded A.1 amount 299"), "AmountMismatch asked 299 there 300");
    paying(&format!("{part} refunded A.1 number 2"), "PaymentNotFound");
    paying(&format!("{part} refunded A.1 number 0"), "PaymentNotFound");
    paying(&format!("{part} refunded A.1 gateway 2"), "PaymentNotFound");
    let back = format!("{part} refunded A.1;");
    paying(&back, "A.1 Paid 1000 refund 1 of 300 Done, A Confirmed v3");
    paying(&format!("{back} cancel A; payment A"), "A.1 Paid 1000 refund 2 of 700 Asked, A Refunding v4");
    paying(&format!("{back} cancel A; refunded A.1"), "A.1 Paid 1000 refund 2 of 700 Done, A Refunded v5");
    let all = format!("{back} refund A.1; refunded A.1;");
    paying(&all, "A.1 Paid 1000 refund 2 of 700 Done, A Confirmed v3");
    paying(&format!("{all} refund A.1"), "RefundExceedsPaid");
    paying(&format!("{all} cancel A"), "A Refunded v4");
    paying(&format!("{all} cancel A; shelf 1@1"), "10 on hand, 0 held, 2 sold, 10 sellable");
}

/// Three units, and everybody who pays late or twice wants them: three are sold, and all other money goes back.
#[test]
fn oversell_at_flash() {
    let flash = "sku 3 price 100; stock 3@1 +3; create A lines 3@1x3; pay A; at 700; create B user 2 lines 3@1x3; pay B; \
                 pay B;";
    let sold = "0 on hand, 0 held, 3 sold, 0 sellable";
    in_shop(&format!("{flash} paid A.1"), "A.1 Surplus 300 refund 1 of 300 Asked, A Refunding v4");
    in_shop(&format!("{flash} paid A.1; paid B.2; paid B.1; shelf 3@1"), sold);
    in_shop(&format!("{flash} paid B.1; paid A.1; paid B.2; shelf 3@1"), sold);
    in_shop(&format!("{flash} paid B.1; paid A.1; refunded A.1; shelf 3@1"), sold);
    in_shop(&format!("{flash} cancel B; paid A.1; paid B.1; shelf 3@1"), sold);
    in_shop(&format!("{flash} paid B.1; create C user 3 lines 3@1x1"), "SoldOut line 0 asked 1 there 0");
}

/// Whatever an attempt comes to, units that nobody paid for come back by themselves.
#[test]
fn leaked_hold() {
    let free = "10 on hand, 0 held, 0 sold, 10 sellable";
    paying("at 601; shelf 1@1", free);
    paying("failed A.1; at 601; shelf 1@1", free);
    paying("close A.1; at 601; shelf 1@1", free);
    paying("pay A; pay A; failed A.3; at 601; shelf 1@1", free);
    paying("paid A.1 amount 999; at 601; shelf 1@1", free);
    paying("cancel A; shelf 1@1", free);
}

/// What an ended order had can all be sold again, and be taken within the same limits.
#[test]
fn under_selling_after_cancel() {
    let sale = "sale 1 skus 1:400 user 2 cap 2 hold 30;";
    let again = "create Z lines 1@1x2";
    for ended in [
        "cancel A;",
        "at 700;",
        "failed A.1; cancel A;",
        "paid A.1; cancel A; refunded A.1;",
        "paid A.1; cancel A; unrefunded A.1; refund A.1; refunded A.1;",
        "cancel A; paid A.1; refunded A.1;",
        "at 700; paid A.1; cancel A; refunded A.1;",
    ] {
        in_shop(&format!("{sale} {OPEN} {ended} {again}"), "Z PendingPayment v1");
        in_shop(&format!("{OPEN} {ended} create Z lines 1@1x10"), "Z PendingPayment v1");
    }
}

#[test]
fn attempts_of_an_order_are_bounded() {
    let opened = "pay A;".repeat(15);
    paying(&opened, "A.16 Open, A Paying v2");
    paying(&format!("{opened} pay A"), "Overloaded");
    paying(&format!("{opened} pay A; paid A.3"), "A.3 Paid 1000, A Confirmed v3");
}
