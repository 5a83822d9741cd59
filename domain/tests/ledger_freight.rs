//! What sending costs, from the rule to the order.

mod shop;

use shop::check;

/// Sku 1 weighs 1.5 kg, sku 2 nothing; sku 3 is another seller's.
const SHELVES: &str = "sku 1 price 1000 grams 1500; sku 2 price 250; sku 3 price 400 seller 7 grams 100; \
                       stock 1@1 +10; stock 2@1 +10; stock 3@1 +10; ";

fn after(story: &str, answer: &str) {
    check(&format!("{SHELVES}{story}"), answer);
}

#[test]
fn a_rule_is_versioned_like_a_sku() {
    after("freight by count base 490 twice", "freight of 0 v1");
    after("freight by count base 490; freight by count base 590", "VersionConflict asked 0 there 1");
    after("freight by count base 490; freight by count base 590 replaces 1", "freight of 0 v2");
    after("freight by count base 490 replaces 3", "VersionConflict asked 3 there 0");
    after("freight by count base 490; freight by count base 5 currency 840", "freight of 0 v1");
    after("freight by count base -1", "InvalidField");
    after("freight by count base 1 each 1", "InvalidField");
    after("freight by count base 1 currency 0", "InvalidField");
}

#[test]
fn rules_are_listed_by_seller_and_currency() {
    let rules = "freight seller 7 by count base 1; freight by count base 2 currency 978; \
                 freight by count base 3 currency 840; ";
    after(&format!("{rules}rules"), "0/840=3 0/978=2 7/978=1");
    after(&format!("{rules}rules limit 2"), "0/840=3 0/978=2 …");
    after(&format!("{rules}rules seller 0 in 840"), "0/978=2 7/978=1");
    after(&format!("{rules}rules limit 0"), "InvalidField");
}

#[test]
fn freight_is_in_the_total_and_on_the_lines() {
    const BY_WEIGHT: &str = "freight by weight base 490 first 2000 step 1000 each 150; ";
    after(&format!("{BY_WEIGHT}prepare lines 1@1x1"), "total 1490 freight 490 from [1] for 60 s");
    after(&format!("{BY_WEIGHT}prepare lines 1@1x2"), "total 2640 freight 640 from [1] for 60 s");
    after(&format!("{BY_WEIGHT}create A lines 1@1x1; get A"), "A PendingPayment total 1490 lines 1 bytes 0");
    after(&format!("{BY_WEIGHT}create A lines 1@1x1,2@1x4; freights A"), "245 245");
    after(&format!("{BY_WEIGHT}create A lines 1@1x1 total 1000"), "PriceChanged asked 1000 there 1490");
    after(
        &format!(
            "{BY_WEIGHT}prepare lines 1@1x1; freight by weight base 0 replaces 1; create A lines 1@1x1 total 1490"
        ),
        "PriceChanged asked 1490 there 1000",
    );
    // An order keeps what it was made with.
    after(
        &format!("{BY_WEIGHT}create A lines 1@1x1; freight by weight base 0 replaces 1; get A"),
        "A PendingPayment total 1490 lines 1 bytes 0",
    );
}

#[test]
fn each_seller_takes_for_its_own_goods() {
    let rules =
        "freight by total base 490 free 2000; freight seller 7 by count base 300 first 1 step 1 each 50; ";
    after(&format!("{rules}create A lines 1@1x1,3@1x2; freights A"), "490 350");
    after(&format!("{rules}create A lines 1@1x2,3@1x1; freights A"), "0 300");
    after(&format!("{rules}create A lines 2@1x1; freights A"), "490");
    after("freight seller 7 by count base 300; create A lines 1@1x1; freights A", "0");
}

#[test]
fn a_rule_speaks_for_its_currency_alone() {
    after("freight by count base 490 currency 840; create A lines 1@1x1; freights A", "0");
    after(
        "freight by count base 490 currency 840; sku 4 price 10 currency 840; stock 4@1 +1; \
         create A lines 4@1x1 currency 840; freights A",
        "490",
    );
}

#[test]
fn free_goods_that_cost_to_send_wait_for_payment() {
    after("sku 4 price 0; stock 4@1 +9; create A lines 4@1x1", "A Confirmed v2");
    after(
        "sku 4 price 0; stock 4@1 +9; freight by count base 300; create A lines 4@1x1",
        "A PendingPayment v1",
    );
    after(
        "sku 4 price 0; sku 5 price 0; stock 4@1 +9; stock 5@1 +9; freight by count base 100; \
         create A lines 4@1x1,5@1x3; freights A",
        "25 75",
    );
}

#[test]
fn more_than_money_can_be_is_refused() {
    after("freight by count base 9223372036854775807; create A lines 1@1x1", "InvalidField");
    after(
        "freight by count base 9223372036854774807; prepare lines 1@1x1",
        "total 9223372036854775807 freight \
          9223372036854774807 from [1] for 60 s",
    );
    after("freight by count base 1 step 1 each 9223372036854775807; create A lines 1@1x2", "InvalidField");
}

#[test]
fn what_an_order_bore_goes_back_to_the_shelf_without_it() {
    after(
        "freight by count base 490; create A lines 1@1x3,2@1x1; cancel A; shelf 1@1",
        "10 on hand, 0 held, 0 sold, 10 sellable",
    );
    after(
        "freight by count base 490; create A lines 1@1x1; cancel A; get A",
        "A Cancelled total 1490 lines 1 bytes 0",
    );
}

#[test]
fn freight_is_reckoned_on_what_is_left_after_discounts() {
    const COUPON: &str = "coupon 1 off 300; freight by total base 490 free 1000; ";
    // Ten euros go free, seven do not.
    after(&format!("{COUPON}create A lines 1@1x1; freights A"), "0");
    after(&format!("{COUPON}create A lines 1@1x1 with 1; freights A"), "490");
    after(
        &format!("{COUPON}create A lines 1@1x1 with 1; get A"),
        "A PendingPayment total 1190 lines 1 bytes 0",
    );
    // A line that costs nothing any more bears nothing.
    after(
        "coupon 1 off 250 of 2; freight by count base 490; create A lines 1@1x1,2@1x1 with 1; freights A",
        "490 0",
    );
}
