//! Switches: what operators stopped stays stopped, and nothing else does.

mod shop;

use shop::check;

const SHELVES: &str = "sku 1 price 10; sku 2 price 5; stock 1@1 +10; stock 2@1 +10; \
                       sale 7 skus 2:4 closes 500; create O lines 1@1x1; create P lines 2@1x1; ";

fn after(story: &str, answer: &str) {
    check(&format!("{SHELVES}{story}"), answer);
}

#[test]
fn a_switch_that_stops_creating_lets_no_order_in_and_everything_else_on() {
    for scope in ["all", "sku:1"] {
        let stop = format!("switch {scope} stops creating; ");
        let off =
            if scope == "all" { "SwitchedOff asked 1 there 0" } else { "SwitchedOff line 0 asked 3 there 1" };
        after(&format!("{stop} create A lines 1@1x1"), off);
        after(&format!("{stop} prepare lines 1@1x1"), off);
        after(&format!("{stop} prepare lines 1@1x1 holds H"), off);
        after(&format!("{stop} reserve H lines 1@1x1"), off);
        after(&format!("{stop} pay O"), "O.1 Open, O Paying v2");
        after(&format!("{stop} cancel O"), "O Cancelled v2");
        after(&format!("{stop} stock 1@1 +1"), "11 on hand, 1 held, 0 sold, 10 sellable");
    }
    after("switch sku:1 stops creating; create A lines 2@1x1", "A PendingPayment v1");
    after("switch sku:1 stops creating; create A lines 2@1x1,1@1x1", "SwitchedOff line 1 asked 3 there 1");
}

#[test]
fn a_switch_of_a_sale_is_about_what_sells_in_it_now() {
    after("switch sale:7 stops creating; create A lines 1@1x1,2@1x1", "SwitchedOff line 1 asked 2 there 7");
    after("switch sale:7 stops creating; create A lines 1@1x1", "A PendingPayment v1");
    after(
        "sale 8 skus 1:4 opens 100; switch sale:8 stops creating; create A lines 1@1x1",
        "A PendingPayment v1",
    );
    // An order is of the sale that it was made in.
    after("switch sale:7 stops paying; pay P", "SwitchedOff asked 2 there 7");
    after("switch sale:7 stops paying; pay O", "O.1 Open, O Paying v2");
}

#[test]
fn a_switch_that_stops_paying_still_takes_money() {
    after("switch all stops paying; pay O", "SwitchedOff asked 1 there 0");
    after("switch sku:1 stops paying; pay O", "SwitchedOff asked 3 there 1");
    after("switch all stops paying; create A lines 1@1x1", "A PendingPayment v1");
    after("pay O; switch all stops paying; pay O", "SwitchedOff asked 1 there 0");
    after("pay O; switch all stops paying; paid O.1", "O.1 Paid 10, O Confirmed v3");
    after("pay O; switch all stops changing; paid O.1", "O.1 Paid 10, O Confirmed v3");
    after(
        "pay O; cancel O; switch all stops changing; paid O.1; refunded O.1",
        "O.1 Surplus 10 refund 1 of 10 Done, O Refunded v5",
    );
}

#[test]
fn read_only_refuses_what_changes_and_lets_units_go_back() {
    for refused in [
        "create A lines 1@1x1",
        "pay O",
        "stock 1@1 +1",
        "transfer 1@1 2 units 1",
        "sku 1 price 20 replaces 1",
        "sale 9 skus 1:3",
    ] {
        after(&format!("switch all stops changing; {refused}"), "SwitchedOff asked 1 there 0");
    }
    for refused in
        ["stock 1@1 +1", "transfer 1@1 2 units 1", "return 1@1 units 1", "sku 1 price 20 replaces 1", "pay O"]
    {
        after(&format!("switch sku:1 stops changing; {refused}"), "SwitchedOff asked 3 there 1");
    }
    after(
        "switch sku:1 stops changing; sale 9 skus 2:3,1:3 opens 600 closes 700",
        "SwitchedOff line 1 asked 3 there 1",
    );
    after("switch sale:7 stops changing; sale 7 skus 2:3 replaces 1", "SwitchedOff asked 2 there 7");
    after("switch sku:1 stops changing; stock 2@1 +1", "11 on hand, 1 held, 0 sold, 10 sellable");
    after(
        "reserve H lines 1@1x1; switch all stops changing; extend H seconds 9",
        "SwitchedOff asked 1 there 0",
    );
    after("reserve H lines 1@1x1; switch sku:1 stops changing; commit H", "SwitchedOff asked 3 there 1");
    after("pay O; switch all stops changing; close O.1", "SwitchedOff asked 1 there 0");

    after("reserve H lines 1@1x1; switch all stops changing; release H", "Released until 60");
    after("switch all stops changing; cancel O", "O Cancelled v2");
    after("switch all stops changing; at 70", "2 expired");
    after("switch all stops changing; get O", "O PendingPayment total 10 lines 1 bytes 0");
    after("switch all stops changing; clear all replaces 1; create A lines 1@1x1", "A PendingPayment v1");
}

#[test]
fn a_request_asked_before_is_answered_whatever_was_switched_off_since() {
    after("switch all stops creating; again O lines 1@1x1 total 10", "O PendingPayment v1");
    after("switch all stops creating; again O lines 1@1x2 total 20", "RequestIdReused");
    after(
        "switch all stops creating; create A lines 1@1x1 age 90000",
        "RequestIdExpired asked -90000 there 0",
    );
}

#[test]
fn a_switch_is_changed_version_by_version() {
    after("switch all stops creating twice", "switched v1");
    after("switch all stops creating; switch all stops paying", "VersionConflict asked 0 there 1");
    after(
        "switch all stops creating; switch all stops paying replaces 1; pay O",
        "SwitchedOff asked 1 there 0",
    );
    after(
        "switch all stops creating; switch all stops paying replaces 1; create A lines 1@1x1",
        "A PendingPayment v1",
    );
    after("switch sku:1 stops creating; clear sku:1 replaces 1; create A lines 1@1x1", "A PendingPayment v1");
    // One set anew is told from the one that was cleared.
    after(
        "switch all stops creating; clear all replaces 1; switch all stops creating; clear all replaces 1",
        "VersionConflict asked 1 there 3",
    );
    after("clear all replaces 1", "VersionConflict asked 1 there 0");
    after("clear all", "InvalidField");
    after("switch sku:9 stops creating", "SkuNotFound");
    after("switch sale:9 stops creating", "SkuNotFound");
}

#[test]
fn switches_are_listed_in_the_order_of_their_scopes() {
    let three = "switch sku:2 stops creating note sold_by_mistake; switch all stops paying; switch sale:7 stops changing; ";
    after(&format!("{three} switches limit 2"), "All stops 2 v2 , Sale(SaleId(7)) stops 4 v3  …");
    after(&format!("{three} switches after sale:7"), "Sku(SkuId(2)) stops 1 v1 sold_by_mistake");
    after("switches", "");
    after("switches limit 0", "InvalidField");
}
