//! ORDERS_SCAN: orders of everybody by what they are, a bounded piece of work a page.

mod shop;

use domain::intent::LIST_LOOKS_MAX;
use domain::{LedgerBounds, Verdict};
use shop::{BOUNDS, Shop, check};

const ORDERS: &str = "sku 1 price 10; sku 2 price 5; stock 1@1 +90; stock 2@1 +90; sale 7 skus 2:4 closes 500; \
                      create A user 5 lines 1@1x1; at 10; create B user 6 lines 2@1x1; create C user 5 lines 1@1x1,2@1x1; \
                      at 20; cancel B; create D user 6 lines 1@1x1; ";

fn after(story: &str, answer: &str) {
    check(&format!("{ORDERS}{story}"), answer);
}

#[test]
fn orders_of_everybody_are_read_newest_first() {
    after("scan", "D C B A");
    after("scan limit 2", "D C …");
    after("scan limit 2 before C", "B A");
    after("scan limit 1 before B", "A");
    after("scan before A", "");
}

#[test]
fn each_filter_leaves_out_what_it_is_not_about() {
    after("scan state 12", "B");
    after("scan sku 1", "D C A");
    after("scan sku 2", "C B");
    after("scan sale 7", "C B");
    after("scan sku 1 sale 7", "");
    after("scan user 5", "C A");
    after("scan user 5 before C", "A");
    after("scan from 10", "D C B");
    after("scan from 11", "D");
    after("scan to 10", "A");
    after("scan to 20 sku 1", "C A");
    after("scan from 10 to 20", "C B");
    after("scan user 6 to 20", "B");
    after("scan user 7", "");
}

#[test]
fn a_scan_that_cannot_be_is_refused() {
    after("scan limit 0", "InvalidField");
    after("scan state 15", "InvalidField");
    after("scan user 5 before B", "A"); // only its place counts
}

#[test]
fn one_page_looks_at_no_more_than_its_bound() {
    let orders = usize::from(LIST_LOOKS_MAX) + 10;
    let mut shop = Shop::new(LedgerBounds {
        orders_max: orders,
        payments_max: orders,
        history_rows_max: 40 * orders,
        request_ids_max: 4 * orders,
        changes_max: 4 * orders,
        ..BOUNDS
    });
    shop.tell("sku 1 price 10");
    shop.tell("sku 2 price 10");
    shop.tell("stock 1@1 +100000");
    for order in 0..orders {
        shop.quietly(&format!("create o{order} lines 1@1x1 total 10"));
    }
    // Nothing fits, and yet there is a next page, until the oldest was looked at.
    assert_eq!(shop.tell("scan sku 2"), " …");
    assert_eq!(shop.tell("scan sku 2 before o10"), "");
    assert_eq!(shop.tell("scan sku 2 before o9"), "");
    let Verdict::Orders(page) = shop.scanned("scan sku 2") else { panic!("a page") };
    assert_eq!(page.next, shop.named("o10").0, "behind the last order that was looked at");
}
