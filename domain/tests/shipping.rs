//! An order on its way to its buyer, a row a case: in parts or at once, and what can still happen to it there.

mod shop;

use shop::{BOUNDS, Shop, check};

const SHOP: &str = "sku 1 price 500; sku 2 price 100; stock 1@1 +10; stock 2@2 +10;";
/// An order of two lines from two warehouses, paid.
const PAID: &str = "create A lines 1@1x2,2@2x3; pay A; paid A.1;";

fn paid(story: &str, answer: &str) {
    check(&format!("{SHOP} {PAID} {story}"), answer);
}

/// All of it is on its way.
fn shipped(story: &str, answer: &str) {
    paid(&format!("ship A carrier DHL tracking 77; {story}"), answer);
}

#[test]
fn an_order_is_sent_at_once_and_arrives() {
    paid("ship A", "A Shipped v4");
    paid("ship A; facts", "OrderShipped");
    paid("ship A twice", "A Shipped v4");
    paid("ship A lines 1x2,2x3", "A Shipped v4");
    shipped("track A", "A Shipped: 1 by DHL 77: 1x2 2x3");
    shipped("track A by 7", "OrderNotFound");
    shipped("track A by 1", "A Shipped: 1 by DHL 77: 1x2 2x3");
    shipped("shelf 1@1", "8 on hand, 0 held, 2 sold, 8 sellable");
    shipped("sign A twice", "A Delivered v5");
    shipped("sign A; receive A twice", "A Completed v6");
    shipped("sign A; receive A by 0", "A Completed v6");
    shipped("sign A; receive A by 7", "OrderNotFound");
    shipped("sign A version 3", "VersionConflict asked 3 there 4");
}

#[test]
fn an_order_of_several_warehouses_is_sent_in_parts() {
    paid("ship A lines 1x2", "A PartShipped v4");
    paid("ship A lines 1x1", "A PartShipped v4");
    paid("ship A lines 1x2; ship A lines 2x2; ship A lines 2x1", "A Shipped v6");
    paid("ship A lines 2x1; ship A", "A Shipped v5");
    paid("ship A lines 2x1; ship A; track A", "A Shipped: 1 by  : 2x1; 2 by  : 1x2 2x2");
    paid("ship A lines 2x3,1x2; track A", "A Shipped: 1 by  : 1x2 2x3");
}

#[test]
fn never_more_is_sent_than_was_bought() {
    paid("ship A lines 1x3", "InsufficientStock line 0 asked 3 there 2");
    paid("ship A lines 2x1,1x3", "InsufficientStock line 1 asked 3 there 2");
    paid("ship A lines 1x1; ship A lines 1x2", "InsufficientStock line 0 asked 2 there 1");
    paid("ship A lines 1x1; ship A lines 2x9,1x2", "InsufficientStock line 0 asked 9 there 3");
    paid("ship A lines 3x1", "SkuNotFound line 0");
    paid("ship A lines 1x1,1x1", "InvalidField line 1");
    paid("ship A version 2", "VersionConflict asked 2 there 3");
}

#[test]
fn only_what_is_paid_is_sent_and_only_what_is_sent_arrives() {
    check(&format!("{SHOP} create A lines 1@1x2; ship A"), "WrongState asked 8 there 2");
    check(&format!("{SHOP} create A lines 1@1x2; pay A; ship A"), "WrongState asked 8 there 3");
    paid("sign A", "WrongState asked 9 there 6");
    paid("receive A", "WrongState asked 10 there 6");
    paid("ship A lines 1x1; sign A", "WrongState asked 9 there 7");
    shipped("receive A", "WrongState asked 10 there 8");
    shipped("ship A", "WrongState asked 8 there 8");
    shipped("sign A; sign A", "WrongState asked 9 there 9");
}

#[test]
fn cancel_racing_ship_and_the_log_decides() {
    paid("cancel A; ship A", "WrongState asked 8 there 13");
    paid("cancel A; refunded A.1; ship A", "WrongState asked 8 there 14");
    shipped("cancel A", "WrongState asked 12 there 8");
    paid("ship A lines 1x1; cancel A", "WrongState asked 12 there 7");
}

#[test]
fn a_parcel_that_is_lost_or_taken_back_is_refunded() {
    shipped("cancel A by 0", "A Refunding v5");
    shipped("cancel A by 0; facts", "RefundRequested");
    shipped("cancel A by 0; sign A", "WrongState asked 9 there 13");
    shipped("cancel A by 0; refunded A.1", "A.1 Paid 1300 refund 1 of 1300 Done, A Refunded v6");
    // What was sent comes back by hand, once it is there.
    shipped("cancel A by 0; refunded A.1; facts", "RefundSettled RefundDone");
    shipped("cancel A by 0; refunded A.1; return 1@1 units 2", "10 on hand, 0 held, 2 sold, 10 sellable");
    // What was never sent comes back by itself.
    let part = "ship A lines 1x1;";
    paid(&format!("{part} cancel A by 0"), "A Refunding v5");
    paid(&format!("{part} cancel A by 0; refunded A.1; shelf 1@1"), "9 on hand, 0 held, 2 sold, 9 sellable");
    paid(
        &format!("{part} cancel A by 0; refunded A.1; shelf 2@2"),
        "10 on hand, 0 held, 3 sold, 10 sellable",
    );
    paid(
        &format!("{part} cancel A by 0; unrefunded A.1; refund A.1"),
        "A.1 Paid 1300 refund 1 of 1300 Asked, A Refunding v5",
    );
    shipped("sign A; cancel A by 0", "WrongState asked 12 there 9");
}

#[test]
fn an_order_without_a_price_is_sent_and_taken_back_too() {
    let free = "sku 3 price 0; stock 3@1 +5; create F lines 3@1x4;";
    check(&format!("{free} ship F"), "F Shipped v3");
    check(&format!("{free} ship F; cancel F by 0"), "F Refunded v4");
    check(&format!("{free} ship F; cancel F by 0; shelf 3@1"), "1 on hand, 0 held, 4 sold, 1 sellable");
    check(
        &format!("{free} ship F lines 3x1; cancel F by 0; shelf 3@1"),
        "4 on hand, 0 held, 4 sold, 4 sellable",
    );
}

#[test]
fn a_delivered_order_completes_by_itself_after_a_while() {
    let delivered = "at 100; sign A;";
    shipped(&format!("{delivered} at 864099"), "0 expired");
    shipped(&format!("{delivered} at 864100"), "1 expired");
    shipped(&format!("{delivered} at 864100; facts"), "OrderCompleted");
    shipped(&format!("{delivered} at 864100; get A"), "A Completed total 1300 lines 2 bytes 0");
    shipped(&format!("{delivered} receive A; at 864100"), "0 expired");
    // One that was refunded whole is out of the line, and those behind it are not.
    let two = "create B lines 1@1x1; pay B; paid B.1; ship B; sign B; create C lines 1@1x1; pay C; paid C.1; ship C; sign C;";
    let refunded = "refund B.1; refunded B.1;";
    shipped(&format!("{delivered} {two} {refunded} at 864100"), "2 expired");
    shipped(&format!("{two} {delivered} receive A; at 864100"), "2 expired");
}

#[test]
fn a_carrier_says_where_a_shipment_is() {
    shipped("note A 1 Leipzig", "A Shipped v4");
    shipped(
        "at 60; note A 1 Leipzig twice; track A",
        "A Shipped: 1 by DHL 77: 1x2 2x3 in Leipzig after 60 s",
    );
    shipped(
        "note A 1 Leipzig; at 60; note A 1 Ulm; track A",
        "A Shipped: 1 by DHL 77: 1x2 2x3 in Ulm after 60 s",
    );
    shipped("note A 2 Leipzig", "InvalidField asked 2 there 1");
    shipped("note A 0 Leipzig", "InvalidField asked 0 there 1");
    paid("note A 1 Leipzig", "InvalidField asked 1 there 0");
    paid(
        "ship A lines 1x1; ship A; note A 1 Ulm; track A",
        "A Shipped: 1 by  : 1x1 in Ulm after 0 s; 2 by  : 1x1 2x3",
    );
}

#[test]
fn shipments_of_an_order_are_bounded() {
    let mut shop = Shop::new(BOUNDS);
    shop.tell("sku 1 price 5");
    shop.tell("stock 1@1 +100");
    for step in ["create A lines 1@1x40", "pay A", "paid A.1"] {
        shop.tell(step);
    }
    for sent in 1..=31 {
        assert_eq!(shop.tell("ship A lines 1x1"), format!("A PartShipped v{}", sent + 3));
    }
    assert_eq!(shop.tell("ship A lines 1x1"), "Overloaded");
    assert_eq!(shop.tell("ship A"), "A Shipped v35");
}

#[test]
fn full_of_shipments_orders_can_still_be_taken_back() {
    let mut shop = Shop::new(domain::LedgerBounds { shipments_max: 1, sent_lines_max: 1, ..BOUNDS });
    shop.tell("sku 1 price 5");
    shop.tell("stock 1@1 +100");
    for order in ["A", "B"] {
        for step in ["create * lines 1@1x4", "pay *", "paid *.1"] {
            shop.tell(&step.replace('*', order));
        }
    }
    assert_eq!(shop.tell("ship A lines 1x1"), "A PartShipped v4");
    assert_eq!(shop.tell("ship B"), "Overloaded");
    assert_eq!(shop.tell("cancel B"), "B Refunding v4");
    assert_eq!(shop.tell("cancel A by 0"), "A Refunding v5");
}
