//! Stock that moves without an order: between warehouses, and back from a buyer.

mod shop;

use shop::check;

const SHELVES: &str = "sku 1 price 0; sku 2 price 5; stock 1@1 +10; stock 2@1 +10; ";

fn after(story: &str, answer: &str) {
    check(&format!("{SHELVES}{story}"), answer);
}

#[test]
fn a_transfer_moves_what_nobody_holds() {
    after("transfer 1@1 2 units 4 twice", "6 left, 4 there");
    after("transfer 1@1 2 units 4; shelf 1@0", "10 on hand, 0 held, 0 sold, 10 sellable");
    after("create A lines 2@1x7; transfer 2@1 2 units 4", "InsufficientStock asked 4 there 3");
    after("create A lines 2@1x7; transfer 2@1 2 units 3", "7 left, 3 there");
    after("stock 2@1 +0 safety 10; transfer 2@1 2 units 10", "0 left, 10 there");
}

#[test]
fn a_transfer_that_cannot_be_is_refused() {
    after("transfer 1@1 1 units 1", "InvalidField");
    after("transfer 1@0 1 units 1", "InvalidField");
    after("transfer 1@1 0 units 1", "InvalidField");
    after("transfer 1@1 2 units 0", "InvalidField");
    after("transfer 9@1 2 units 1", "SkuNotFound");
    after("transfer 1@2 1 units 1", "InsufficientStock asked 1 there 0");
    after("stock 1@2 +9223372036854775807; transfer 1@1 2 units 1", "InvalidField");
}

#[test]
fn no_more_comes_back_than_was_sold() {
    after("return 1@1 units 1", "InsufficientStock asked 1 there 0");
    after("create A lines 1@1x3; return 1@1 units 4", "InsufficientStock asked 4 there 3");
    after("create A lines 1@1x3; return 1@2 units 2 twice", "2 on hand, 0 held, 0 sold, 2 sellable");
    after(
        "create A lines 1@1x3; return 1@2 units 2; return 1@1 units 2",
        "InsufficientStock asked 2 there 1",
    );
    // What the order's own refund brought back does not come back again.
    after("create A lines 1@1x3; cancel A; return 1@1 units 1", "InsufficientStock asked 1 there 0");
    after("create A lines 2@1x3; return 2@1 units 1", "InsufficientStock asked 1 there 0");
}

#[test]
fn a_return_that_cannot_be_is_refused() {
    after("return 1@0 units 1", "InvalidField");
    after("return 1@1 units 0", "InvalidField");
    after("return 9@1 units 1", "SkuNotFound");
}
