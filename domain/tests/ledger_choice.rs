//! From which warehouses a basket goes that leaves the choice to the shop.

mod shop;

use domain::intent::WAREHOUSES_A_SKU_MAX;
use domain::{LedgerBounds, SkuId};
use shop::{BOUNDS, Shop, check};

/// Where units are, as `sku@warehouse+units`; then a story; then the answer to its last step.
fn among(stock: &str, story: &str, answer: &str) {
    let skus: String = (1..=5).map(|sku| format!("sku {sku} price 10; ")).collect();
    let stocked = |place: &str| {
        let (shelf, units) = place.split_once('+').expect("sku@warehouse+units");
        format!("stock {shelf} +{units}; ")
    };
    let stock: String = stock.split(' ').map(stocked).collect();
    check(&format!("{skus}{stock}{story}"), answer);
}

#[test]
fn one_warehouse_for_the_whole_basket_comes_first() {
    among("1@1+9 1@2+9 2@2+9", "prepare lines 1@0x1,2@0x1", "total 20 from [2, 2] for 60 s");
    among("1@1+9 1@3+9 2@2+9 2@3+9", "prepare lines 1@0x1,2@0x1", "total 20 from [3, 3] for 60 s");
    // Of several, the lowest number.
    among("1@7+9 1@4+9 2@4+9 2@7+9", "prepare lines 1@0x1,2@0x1", "total 20 from [4, 4] for 60 s");
    among("1@7+9 1@4+9", "prepare lines 1@0x1", "total 10 from [4] for 60 s");
    // What it has too little of, it does not serve.
    among("1@1+1 1@2+9 2@1+9 2@2+9", "prepare lines 1@0x2,2@0x1", "total 30 from [2, 2] for 60 s");
}

#[test]
fn else_few_parcels_the_fullest_first() {
    among(
        "1@1+9 2@1+9 1@2+9 2@2+9 3@2+9 4@3+9",
        "prepare lines 1@0x1,2@0x1,3@0x1,4@0x1",
        "total 40 from [2, 2, 2, 3] for 60 s",
    );
    // Two lines each way: the lower number.
    among(
        "1@5+9 2@5+9 3@6+9 4@6+9 2@4+9 3@4+9",
        "prepare lines 1@0x1,2@0x1,3@0x1,4@0x1",
        "total 40 from [5, 4, 4, 6] for 60 s",
    );
    among("1@2+9 2@1+9", "prepare lines 1@0x1,2@0x1", "total 20 from [2, 1] for 60 s");
}

#[test]
fn a_warehouse_that_the_basket_names_serves_more_of_it() {
    among("1@5+9 2@1+9 2@5+9", "prepare lines 1@5x1,2@0x1", "total 20 from [5, 5] for 60 s");
    // Where it can.
    among("1@5+9 2@1+9 2@5+1", "prepare lines 1@5x1,2@0x2", "total 30 from [5, 1] for 60 s");
    // Of two that are named, the lower number, and what is named stays.
    among(
        "1@5+9 2@3+9 3@5+9 3@3+9 3@1+9",
        "prepare lines 1@5x1,2@3x1,3@0x1",
        "total 30 from [5, 3, 3] for 60 s",
    );
}

#[test]
fn a_line_is_never_split() {
    among("1@1+3 1@2+4", "create A lines 1@0x5", "InsufficientStock line 0 asked 5 there 4");
    among("1@1+3 1@2+4 2@1+9", "create A lines 2@0x1,1@0x5", "InsufficientStock line 1 asked 5 there 4");
    among("1@1+9", "create A lines 1@0x1,2@0x1", "SoldOut line 1 asked 1 there 0");
}

#[test]
fn parcels_are_numbered_in_the_order_of_the_lines() {
    among("1@2+9 2@1+9 3@2+9", "create A lines 1@0x1,2@0x1,3@0x1; parcels A", "0@2 1@1 0@2");
    among("1@2+9 2@1+9 3@2+9", "create A lines 1@2x1,2@1x1,3@2x1; parcels A", "0@2 1@1 0@2");
    among("1@1+9 2@1+9", "create A lines 1@0x1,2@0x1; parcels A", "0@1 0@1");
}

#[test]
fn what_prepare_chose_and_held_is_what_create_takes() {
    let shelves = "1@2+9 2@2+9 1@3+9 2@3+9";
    among(
        shelves,
        "prepare lines 1@0x2,2@0x2 holds P; stock 1@1 +9; stock 2@1 +9; create A lines 1@0x2,2@0x2 hold P; parcels A",
        "0@2 0@2",
    );
    // More than the hold's warehouse has: chosen anew.
    among(
        shelves,
        "prepare lines 1@0x2,2@0x2 holds P; stock 2@3 +9; create A lines 1@0x2,2@0x12 hold P; parcels A",
        "0@2 1@3",
    );
    // A line that the hold does not have goes with those that it has.
    among(
        "1@2+9 3@1+9 3@2+9",
        "prepare lines 1@0x2 holds P; create A lines 3@0x1,1@0x2 hold P; parcels A",
        "0@2 0@2",
    );
}

#[test]
fn a_hold_and_an_order_choose_alike() {
    among(
        "1@1+9 1@2+9 2@2+9",
        "reserve H lines 1@0x1,2@0x1; shelf 1@1",
        "9 on hand, 0 held, 0 sold, 9 sellable",
    );
    among(
        "1@1+9 1@2+9 2@2+9",
        "reserve H lines 1@0x1,2@0x1; shelf 1@2",
        "9 on hand, 1 held, 0 sold, 8 sellable",
    );
}

#[test]
fn a_sku_lies_in_so_many_warehouses_and_no_more() {
    let mut shop = Shop::new(LedgerBounds { shelves_max: 200, ..BOUNDS });
    shop.tell("sku 1 price 10");
    for warehouse in 1..=WAREHOUSES_A_SKU_MAX {
        assert!(shop.tell(&format!("stock 1@{warehouse} +1")).starts_with("1 on hand"));
    }
    assert_eq!(shop.tell("stock 1@65 +1"), "InvalidField asked 65 there 64");
    assert_eq!(shop.tell("transfer 1@1 65 units 1"), "InvalidField asked 65 there 64");
    assert_eq!(shop.tell("transfer 1@1 2 units 1"), "0 left, 2 there");
    assert_eq!(shop.tell("stock 1@64 +1"), "2 on hand, 0 held, 0 sold, 2 sellable");
}

/// The largest basket over the most warehouses, each line in warehouses of its own but for pairs that share one.
#[test]
fn the_widest_basket_is_chosen_for_too() {
    let lines = domain::intent::LINES_MAX as u64;
    let mut shop = Shop::new(LedgerBounds { shelves_max: 20_000, ..BOUNDS });
    for sku in 1..=lines {
        shop.tell(&format!("sku {sku} price 1"));
    }
    let basket: Vec<String> = (1..=lines).map(|sku| format!("{}@0x1", SkuId(sku).0)).collect();
    for sku in 1..=lines {
        shop.tell(&format!("stock {sku}@{} +1", sku * 2));
        shop.tell(&format!("stock {sku}@{} +1", sku.div_ceil(2) * 2 + 1_001));
    }
    assert_eq!(shop.tell(&format!("create A lines {}", basket.join(","))), "A PendingPayment v1");
    let parcels = shop.tell("parcels A");
    assert!(parcels.starts_with("0@1003 0@1003 1@1005 1@1005 "), "{parcels}");
    assert!(parcels.ends_with(" 127@1257 127@1257"), "{parcels}");
}
