//! `tidegate admin` against the real server: what an operator types, and what the terminal says.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use e2e::Server;
use serde_json::Value;

struct Operator {
    server: Server,
}

impl Operator {
    fn new() -> Operator {
        Operator { server: Server::start(env!("CARGO_BIN_EXE_tidegate-under-test")) }
    }

    /// What it prints; it must succeed.
    fn does(&self, line: &str) -> String {
        let (code, out, err) = self.types(line);
        assert_eq!(code, Some(0), "{line}: {err}");
        out
    }

    /// The same as JSON.
    fn reads(&self, line: &str) -> Value {
        serde_json::from_str(&self.does(&format!("--json {line}"))).unwrap()
    }

    fn types(&self, line: &str) -> (Option<i32>, String, String) {
        let args: Vec<&str> = std::iter::once("admin").chain(line.split(' ')).collect();
        let ran = self.server.run(&args);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    }
}

#[test]
fn an_operator_sets_up_a_shop_and_looks_at_it() {
    let operator = Operator::new();
    assert!(operator.does("sku put 1 --price 19.99 --currency EUR --hold-seconds 60").contains("19.99 EUR"));
    operator.does("sku put 1 --price 18.50 --currency EUR --replaces 1");
    assert_eq!(operator.reads("sku get 1")["sku"]["unit_price"]["minor_units"], 18_50);
    assert_eq!(operator.reads("sku list")["items"][0]["version"], 2);

    operator.does("stock adjust 1 --warehouse 2 --on-hand 10");
    operator.does("stock adjust 1 --warehouse 2 --on-hand -3 --reason adjusted --safety 2");
    let shelf = operator.reads("stock get 1 --warehouse 2");
    assert_eq!((&shelf["on_hand"], &shelf["safety"], &shelf["sellable"]), (&7.into(), &2.into(), &5.into()));

    let sale =
        "sale put 5 --opens 2020-01-01T00:00:00Z --closes 2090-01-01T00:00:00Z --sku 1=9.99 --user-limit 1";
    assert!(operator.does(sale).contains("2020-01-01T00:00:00Z"));
    assert_eq!(operator.reads("sale get 5")["skus"][0]["unit_price_minor"], 9_99);
    assert!(operator.does("sale list").lines().nth(1).unwrap().contains("0 of no limit"));
    assert_eq!(operator.reads("stats")["created"], 0);
}

#[test]
fn an_operator_finds_and_ends_an_order() {
    let operator = Operator::new();
    operator.does("sku put 1 --price 19.99 --currency EUR");
    operator.does("stock adjust 1 --warehouse 1 --on-hand 10");
    assert_eq!(operator.does("order list 7"), "none\n");

    use tidegate_sdk::{Currency, Money, SkuId, UserId, blocking};
    let shop = blocking::Client::connect_with(operator.server.patiently()).unwrap();
    let placed =
        shop.wait(shop.create(UserId(7), Money::new(39_98, Currency::EUR)).line(SkuId(1), 2)).unwrap();

    let listed = operator.reads("order list 7 --state pending_payment");
    assert_eq!(listed["items"][0]["order"], placed.order.to_string());
    assert!(operator.does(&format!("order get {}", placed.order)).contains("39.98 EUR"));
    assert_eq!(operator.reads(&format!("order cancel {} --why 12", placed.order))["state"], "CANCELLED");
    let history = operator.does(&format!("order history {}", placed.order));
    assert!(history.lines().last().unwrap().contains("operator 0"), "{history}");

    let (code, _, err) = operator.types(&format!("order cancel {}", placed.order));
    let says =
        "error: WRONG_STATE: it is CANCELLED: see how it got there with `tidegate admin order history`\n";
    assert_eq!((code, err.as_str()), (Some(1), says));
}

#[test]
fn an_operator_sets_stock_aside_and_moves_it() {
    let operator = Operator::new();
    operator.does("sku put 1 --price 19.99 --currency EUR");
    operator.does("stock adjust 1 --warehouse 1 --on-hand 10");
    let text_of = |hold: &Value, field: &str| hold[field].as_str().unwrap().to_string();
    let units = |warehouse: u32| {
        let shelf = operator.reads(&format!("stock get 1 --warehouse {warehouse}"));
        (shelf["on_hand"].as_u64().unwrap(), shelf["held"].as_u64().unwrap())
    };

    let hold = operator.reads("stock reserve 1 --warehouse 1 --units 4 --seconds 60");
    let id = text_of(&hold, "hold");
    assert_eq!((text_of(&hold, "state"), units(1)), ("OPEN".into(), (10, 4)));
    let longer = operator.reads(&format!("stock extend {id} --seconds 600"));
    assert!(text_of(&longer, "until") > text_of(&hold, "until"));
    assert!(operator.does(&format!("stock release {id}")).contains("RELEASED"));
    assert_eq!(units(1), (10, 0));
    let (code, _, err) = operator.types(&format!("stock release {id}"));
    assert!(code == Some(1) && err.starts_with("error: HOLD_NOT_FOUND: "), "{err}");

    let id = text_of(&operator.reads("stock reserve 1 --units 3 --user 7"), "hold");
    assert_eq!(text_of(&operator.reads(&format!("stock commit {id}")), "state"), "COMMITTED");
    assert_eq!(units(1), (7, 0));
    assert_eq!(operator.reads("stock return 1 --warehouse 1 --units 3")["on_hand"], 10);
    let moved = operator.reads("stock transfer 1 --from 1 --to 2 --units 6");
    assert_eq!((&moved["from"]["on_hand"], &moved["to"]["on_hand"]), (&4.into(), &6.into()));
    assert_eq!((units(1), units(2)), ((4, 0), (6, 0)));
}

#[test]
fn an_operator_defines_coupons_and_hands_them_out() {
    let operator = Operator::new();
    operator.does("sku put 1 --price 19.99 --currency EUR");
    let window = "--opens 2026-01-01T00:00:00Z --closes 2090-01-01T00:00:00Z";
    let put = format!("coupon put 7 --percent 12.5 --cap 10.00 --threshold 20 --currency EUR {window}");
    let shown = operator.does(&format!("{put} --quota 100 --user-quota 1 --must-claim --sku 1"));
    assert!(
        shown.contains("12.50 %, at most EUR 10.00") || shown.contains("12.50 %, at most 10.00"),
        "{shown}"
    );
    assert_eq!(operator.reads("coupon claim 7 --user 42")["claimed"], 1);
    let check = operator.reads("coupon check 7 --user 42 --currency EUR --line 1=2");
    assert_eq!((&check["goods_minor"], &check["discount_minor"]), (&39_98.into(), &4_99.into()));
    let small = operator.does("coupon check 7 --user 42 --currency EUR --line 1=1");
    assert!(small.contains("COUPON_NOT_APPLICABLE"), "{small}");
    let found = operator.reads("coupon get 7 --user 42");
    assert_eq!((&found["taken"]["claimed"], &found["coupon"]["basis_points"]), (&1.into(), &1_250.into()));
    assert!(operator.does("coupon list").contains("1 claimed, 0 locked, 0 used"));
    let (code, _, err) = operator.types("coupon claim 9 --user 42");
    assert!(code == Some(1) && err.starts_with("error: COUPON_NOT_FOUND: see which there are"), "{err}");
}

#[test]
fn an_operator_says_what_sending_costs() {
    let operator = Operator::new();
    operator.does("sku put 1 --price 19.99 --currency EUR --weight-grams 1500");
    operator.does("stock adjust 1 --warehouse 1 --on-hand 10");
    assert_eq!(operator.does("freight list"), "none\n");
    let put = "freight put 0 --currency EUR --base 4.90 --by weight --first 2000 --step 1000 --each 1.50";
    assert!(operator.does(&format!("{put} --free-from 100.00")).contains("1.50 EUR each 1000 g"));
    operator.does("freight put 7 --currency EUR --base 3.00");
    operator.does("freight put 7 --currency EUR --base 3.50 --replaces 1");
    let rule = operator.reads("freight get 7 --currency EUR");
    assert_eq!(
        (&rule["base_minor"], &rule["version"], &rule["by"]),
        (&350.into(), &2.into(), &"total".into())
    );
    let listed = operator.reads("freight list --limit 1");
    assert_eq!((&listed["items"][0]["free_from_minor"], &listed["more"]), (&10_000.into(), &true.into()));
    assert_eq!(operator.reads("freight list --after-seller 0 --after-currency EUR")["items"][0], rule);

    use tidegate_sdk::{Currency, Money, SkuId, UserId, blocking};
    let shop = blocking::Client::connect_with(operator.server.patiently()).unwrap();
    let placed =
        shop.wait(shop.create(UserId(7), Money::new(46_38, Currency::EUR)).line(SkuId(1), 2)).unwrap();
    let order = operator.reads(&format!("order get {}", placed.order));
    assert_eq!((&order["freight_minor"], &order["lines"][0]["freight_minor"]), (&6_40.into(), &6_40.into()));

    let (code, _, err) = operator.types("freight get 9 --currency EUR");
    assert!(code == Some(1) && err.contains("seller 9 has no rule in EUR"), "{err}");
    assert_eq!(operator.types(&format!("{put} --free-from x")).0, Some(2));
}

#[test]
fn what_goes_wrong_is_said_in_one_sentence() {
    let operator = Operator::new();
    let check = |line: &str, code: i32, says: &str| {
        let (was, _, err) = operator.types(line);
        assert_eq!(was, Some(code), "{line}: {err}");
        assert!(err.contains(says), "{line}: {err}");
    };
    check("sku get 9", 1, "SKU_NOT_FOUND: see which there are with `tidegate admin sku list`");
    check("stock adjust 9 --warehouse 1", 2, "nothing would change: give --on-hand");
    check("sku put 1 --price nine --currency EUR", 2, "is no price in EUR: write it like 19.99");
    check("--target 127.0.0.1:1 stats", 1, "no server answers at 127.0.0.1:1");
}
