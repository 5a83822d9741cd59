//! Coupons, a row a case: what they take off, who can have them, and where they are when an order ends.

mod shop;

use domain::coupon::CouponIds;
use domain::intent::{Create, Lines};
use domain::{Intent, MinorUnits, UserId, Verdict};
use shop::{BOUNDS, EURO, Shop, check};

const SHOP: &str = "sku 1 price 500; sku 2 price 200; stock 1@1 +10; stock 2@1 +10;";
/// Three hundred off, once a user, twice in all.
const PUBLIC: &str = "coupon 1 off 300 quota 2 each 1;";
/// Three hundred off for who claimed it, once a user, twice in all.
const CLAIMED: &str = "coupon 1 off 300 quota 2 each 1 claim;";

fn in_shop(story: &str, answer: &str) {
    check(&format!("{SHOP} {story}"), answer);
}

#[test]
fn a_coupon_is_defined_by_versions() {
    in_shop("coupon 1 off 300 twice", "coupon 1 v1");
    in_shop("coupon 1 off 300; coupon 1 off 200", "VersionConflict asked 0 there 1");
    in_shop("coupon 1 off 300; coupon 1 off 200 replaces 1", "coupon 1 v2");
    in_shop("coupon 0 off 300", "InvalidField");
    in_shop("coupon 1 off 0", "InvalidField");
    in_shop("coupon 1 off -1", "InvalidField");
    in_shop("coupon 1 percent 0", "InvalidField");
    in_shop("coupon 1 percent 10001", "InvalidField");
    in_shop("coupon 1 percent 10000 cap -1", "InvalidField");
    in_shop("coupon 1 off 300 threshold -1", "InvalidField");
    in_shop("coupon 1 off 300 currency 0", "InvalidField");
    in_shop("coupon 1 off 300 opens 5 closes 5", "InvalidField");
    in_shop("coupon 1 off 300 of none", "InvalidField");
    in_shop("coupon 1 off 300 of 1,2,1", "InvalidField line 2");
    in_shop("coupon 1 off 300 of 1,0", "InvalidField line 1");
    in_shop("coupon 1 off 300 of 1,3", "SkuNotFound line 1");
    in_shop("coupon 1 off 300 sale 1", "SkuNotFound");
    in_shop(
        &format!("{PUBLIC} create A lines 1@1x1 with 1; coupon 1 off 9 quota 1 replaces 1"),
        "coupon 1 v2",
    );
    in_shop(
        &format!(
            "{PUBLIC} create A lines 1@1x1 with 1; create B user 2 lines 1@1x1 with 1; \
             coupon 1 off 9 quota 1 replaces 1"
        ),
        "CouponExhausted asked 1 there 2",
    );
    in_shop(&format!("{CLAIMED} claim 1; coupon 1 off 9 quota 2 replaces 1"), "InvalidField");
}

#[test]
fn a_coupon_makes_an_order_cheaper() {
    let basket = "lines 1@1x2,2@1x1 with 1";
    in_shop(&format!("{PUBLIC} create A {basket}; get A"), "A PendingPayment total 900 lines 2 bytes 0");
    in_shop(&format!("{PUBLIC} create A {basket} total 1200"), "PriceChanged asked 1200 there 900");
    in_shop(&format!("{PUBLIC} create A {basket}; facts"), "OrderCreated StockReserved CouponLocked");
    in_shop(&format!("{PUBLIC} prepare {basket}"), "total 900 from [1, 1] for 60 s");
    in_shop(
        &format!("{PUBLIC} prepare {basket}; coupons 1"),
        "0 claimed, 0 locked, 0 used; by all 0 claimed, 0 locked, 0 used",
    );
    in_shop(
        &format!("{PUBLIC} create A lines 1@1x1; again A lines 1@1x1 with 1 total 500"),
        "RequestIdReused",
    );
    in_shop("create A lines 1@1x1 with 9", "CouponNotFound line 0");
    in_shop("coupon 1 off 300 currency 840; create A lines 1@1x1 with 1", "CouponNotApplicable line 0");
    in_shop(
        "coupon 1 off 300 threshold 701; create A lines 1@1x1,2@1x1 with 1",
        "CouponNotApplicable line 0 asked 700 there 701",
    );
    in_shop(
        "coupon 1 off 300 threshold 700; create A lines 1@1x1,2@1x1 with 1; get A",
        "A PendingPayment total 400 lines 2 bytes 0",
    );
    in_shop("coupon 1 off 300 of 2; create A lines 1@1x1 with 1", "CouponNotApplicable line 0");
    in_shop(
        "coupon 1 off 300 of 2; create A lines 1@1x1,2@1x1 with 1; get A",
        "A PendingPayment total 500 lines 2 bytes 0",
    );
    in_shop(
        "coupon 1 off 300 opens 5; create A lines 1@1x1 with 1",
        "CouponNotApplicable line 0 asked 0 there 5",
    );
    in_shop(
        "coupon 1 off 300 closes 5; at 5; create A lines 1@1x1 with 1",
        "CouponExpired line 0 asked 5 there 5",
    );
    let sale = "sale 1 skus 1:400; coupon 1 percent 5000 sale 1;";
    in_shop(
        &format!("{sale} create A lines 1@1x1,2@1x1 with 1; get A"),
        "A PendingPayment total 400 lines 2 bytes 0",
    );
}

#[test]
fn coupons_stack_by_their_groups_in_their_order() {
    let two = "coupon 1 off 100 rank 2; coupon 2 percent 5000 rank 1;";
    in_shop(
        &format!("{two} create A lines 1@1x1 with 1,2; get A"),
        "A PendingPayment total 150 lines 1 bytes 0",
    );
    in_shop(
        &format!("{two} create A lines 1@1x1 with 2,1; get A"),
        "A PendingPayment total 150 lines 1 bytes 0",
    );
    let other = "coupon 1 off 100 rank 1; coupon 2 percent 5000 rank 2;";
    in_shop(
        &format!("{other} create A lines 1@1x1 with 2,1; get A"),
        "A PendingPayment total 200 lines 1 bytes 0",
    );
    let clash = "coupon 1 off 100 group 7; coupon 2 off 50 group 7; coupon 3 off 10;";
    in_shop(&format!("{clash} create A lines 1@1x1 with 1,3,2"), "CouponNotApplicable line 2");
    let four = "coupon 1 off 10; coupon 2 off 20; coupon 3 off 30; coupon 4 off 40;";
    in_shop(
        &format!("{four} create A lines 1@1x1 with 4,2,3,1; get A"),
        "A PendingPayment total 400 lines 1 bytes 0",
    );
    in_shop(&format!("{four} {clash} check 1,2,3,4 lines 1@1x1"), "100 of 500: 10, 20, 30, 40");
    in_shop(
        "coupon 1 off 500; coupon 2 off 500; create A lines 1@1x1 with 1,2",
        "CouponNotApplicable line 1 asked 500 there 0",
    );
}

#[test]
fn refusals_come_in_the_order_of_the_spec() {
    let sale = "sale 1 skus 1:400 user 1;";
    // The price before the limits, the limits before the coupon's quota, that before the stock.
    in_shop(
        &format!("{sale} {PUBLIC} create A lines 1@1x2 with 1 total 1"),
        "PriceChanged asked 1 there 500",
    );
    in_shop(&format!("{sale} {PUBLIC} create A lines 1@1x2 with 1"), "UserLimit line 0 asked 2 there 1");
    in_shop(&format!("{sale} create A lines 1@1x2 with 9 total 1"), "UserLimit line 0 asked 2 there 1");
    in_shop(&format!("{CLAIMED} create A lines 1@1x11 with 1"), "CouponNotFound line 0");
    in_shop(&format!("{PUBLIC} create A lines 1@1x11 with 1"), "InsufficientStock line 0 asked 11 there 10");
    in_shop(
        &format!("{PUBLIC} create A lines 1@1x11 with 1; coupons 1"),
        "0 claimed, 0 locked, 0 used; by all 0 claimed, 0 locked, 0 used",
    );
}

#[test]
fn coupon_over_use() {
    in_shop(
        &format!("{PUBLIC} create A lines 1@1x1 with 1; create B lines 1@1x1 with 1"),
        "CouponUserLimit line 0 asked 1 there 0",
    );
    in_shop(
        &format!(
            "{PUBLIC} create A lines 1@1x1 with 1; create B user 2 lines 1@1x1 with 1; \
             create C user 3 lines 1@1x1 with 1"
        ),
        "CouponExhausted line 0 asked 1 there 0",
    );
    in_shop(&format!("{CLAIMED} create A lines 1@1x1 with 1"), "CouponNotFound line 0");
    in_shop(
        &format!("{CLAIMED} claim 1; create A lines 1@1x1 with 1; create B lines 1@1x1 with 1"),
        "CouponUsed line 0 asked 1 there 0",
    );
    // Paid for, it stays used; the money goes back, the coupon does not.
    let paid = "create A lines 1@1x1 with 1; pay A; paid A.1;";
    in_shop(
        &format!("{CLAIMED} claim 1; {paid} create B lines 1@1x1 with 1"),
        "CouponUsed line 0 asked 1 there 0",
    );
    in_shop(
        &format!("{CLAIMED} claim 1; {paid} cancel A; refunded A.1; coupons 1"),
        "1 claimed, 0 locked, 1 used; by all 1 claimed, 0 locked, 1 used",
    );
}

#[test]
fn a_coupon_is_claimed_within_its_quotas() {
    in_shop(&format!("{CLAIMED} claim 1 twice"), "1 has 1 claimed, 0 locked, 0 used");
    in_shop(&format!("{CLAIMED} claim 1; facts"), "CouponClaimed");
    in_shop(&format!("{CLAIMED} claim 1; claim 1"), "CouponUserLimit asked 1 there 0");
    in_shop(&format!("{CLAIMED} claim 1; claim 1 user 2; claim 1 user 3"), "CouponExhausted asked 1 there 0");
    in_shop(&format!("{CLAIMED} claim 1 user 0"), "InvalidField");
    in_shop(&format!("{PUBLIC} claim 1"), "CouponNotApplicable");
    in_shop("claim 1", "CouponNotFound");
    in_shop("coupon 1 off 1 claim opens 5; claim 1", "CouponNotApplicable asked 0 there 5");
    in_shop("coupon 1 off 1 claim closes 5; at 5; claim 1", "CouponExpired asked 5 there 5");
    in_shop("coupon 1 off 1 claim; claim 1; claim 1; claim 1", "1 has 3 claimed, 0 locked, 0 used");
}

#[test]
fn a_coupon_is_used_at_payment() {
    let open = format!("{PUBLIC} create A lines 1@1x1 with 1; pay A;");
    in_shop(&format!("{open} coupons 1"), "0 claimed, 1 locked, 0 used; by all 0 claimed, 1 locked, 0 used");
    in_shop(&format!("{open} paid A.1"), "A.1 Paid 200, A Confirmed v3");
    in_shop(&format!("{open} paid A.1; facts"), "PaymentSuccess StockReduced CouponUsed OrderConfirmed");
    in_shop(
        &format!("{open} paid A.1; coupons 1"),
        "0 claimed, 0 locked, 1 used; by all 0 claimed, 0 locked, 1 used",
    );
}

#[test]
fn a_coupon_that_pays_for_all_is_used_at_once() {
    let free = "coupon 1 off 900 each 1; create A lines 1@1x1 with 1;";
    in_shop(
        &format!("{free} facts"),
        "OrderCreated StockReserved CouponLocked StockReduced CouponUsed OrderConfirmed",
    );
    in_shop(&format!("{free} get A"), "A Confirmed total 0 lines 1 bytes 0");
    in_shop(&format!("{free} coupons 1"), "0 claimed, 0 locked, 1 used; by all 0 claimed, 0 locked, 1 used");
    in_shop(
        &format!("{free} cancel A; create B lines 1@1x1 with 1"),
        "CouponUserLimit line 0 asked 1 there 0",
    );
}

#[test]
fn a_coupon_comes_back_on_cancel() {
    let open = format!("{PUBLIC} create A lines 1@1x1 with 1;");
    in_shop(&format!("{open} cancel A; facts"), "OrderCancelled StockReleased CouponReleased");
    in_shop(
        &format!("{open} cancel A; coupons 1"),
        "0 claimed, 0 locked, 0 used; by all 0 claimed, 0 locked, 0 used",
    );
    in_shop(
        &format!("{open} cancel A; create B lines 1@1x1 with 1; get B"),
        "B PendingPayment total 200 lines 1 bytes 0",
    );
}

#[test]
fn a_coupon_comes_back_on_expiry() {
    let open = format!("{PUBLIC} create A lines 1@1x1 with 1; create B user 2 lines 1@1x1 with 1;");
    in_shop(
        &format!("{open} at 62; coupons 1"),
        "0 claimed, 0 locked, 0 used; by all 0 claimed, 0 locked, 0 used",
    );
    in_shop(
        &format!("{open} at 62; create C user 3 lines 1@1x1 with 1; get C"),
        "C PendingPayment total 200 lines 1 bytes 0",
    );
    let claimed = format!("{CLAIMED} claim 1; create A lines 1@1x1 with 1; at 62;");
    in_shop(
        &format!("{claimed} create B lines 1@1x1 with 1; get B"),
        "B PendingPayment total 200 lines 1 bytes 0",
    );
}

#[test]
fn late_payment_takes_its_coupon_again() {
    let late = format!("{PUBLIC} create A lines 1@1x1 with 1; pay A; at 700;");
    in_shop(&format!("{late} paid A.1"), "A.1 Paid 200, A Confirmed v4");
    in_shop(
        &format!("{late} paid A.1; facts"),
        "PaymentSuccess StockReserved CouponLocked StockReduced CouponUsed OrderConfirmed",
    );
    in_shop(
        &format!("{late} paid A.1; coupons 1"),
        "0 claimed, 0 locked, 1 used; by all 0 claimed, 0 locked, 1 used",
    );
    // What it was promised inside the window holds when the window has closed.
    let closed = "coupon 1 off 300 closes 650; create A lines 1@1x1 with 1; pay A; at 700;";
    in_shop(&format!("{closed} paid A.1"), "A.1 Paid 200, A Confirmed v4");
}

#[test]
fn late_payment_whose_coupon_is_used_elsewhere() {
    let refunding = "A.1 Surplus 200 refund 1 of 200 Asked, A Refunding v4";
    let late = format!("{PUBLIC} create A lines 1@1x1 with 1; pay A; at 700; create B lines 1@1x1 with 1;");
    in_shop(&format!("{late} paid A.1"), refunding);
    in_shop(&format!("{late} paid A.1; facts"), "PaymentSuccess RefundRequested");
    in_shop(
        &format!("{late} paid A.1; coupons 1"),
        "0 claimed, 1 locked, 0 used; by all 0 claimed, 1 locked, 0 used",
    );
    let claimed = "claim 1; create A lines 1@1x1 with 1; pay A; at 700; create B lines 1@1x1 with 1;";
    in_shop(&format!("{CLAIMED} {claimed} pay B; paid B.1; paid A.1"), refunding);
    let others = "create A lines 1@1x1 with 1; pay A; at 700; create B user 2 lines 1@1x1 with 1; \
                  create C user 3 lines 1@1x1 with 1;";
    in_shop(&format!("{PUBLIC} {others} paid A.1"), refunding);
    in_shop(&format!("{PUBLIC} {others} cancel C; paid A.1"), "A.1 Paid 200, A Confirmed v4");
}

#[test]
fn check_says_what_each_coupon_would_do() {
    in_shop(&format!("{PUBLIC} check 1 lines 1@1x1,2@1x1"), "300 of 700: 300");
    in_shop(&format!("{PUBLIC} check 1,9 lines 1@1x99"), "300 of 49500: 300, CouponNotFound"); // no stock looked at
    in_shop(&format!("{CLAIMED} check 1 lines 1@1x1"), "0 of 500: CouponNotFound");
    in_shop(&format!("{CLAIMED} claim 1; check 1 lines 1@1x1"), "300 of 500: 300");
    in_shop(
        &format!("{CLAIMED} claim 1; create A lines 1@1x1 with 1; check 1 lines 1@1x1"),
        "0 of 500: CouponUsed asked 1 there 0",
    );
    in_shop(&format!("{PUBLIC} check 1 lines 3@1x1"), "SkuNotFound line 0");
    // One that cannot be used does not stand in the way of others of its group.
    let group = "coupon 1 off 10 group 7 claim; coupon 2 off 20 group 7; coupon 3 off 30 group 7;";
    in_shop(
        &format!("{group} check 1,2,3 lines 1@1x1"),
        "20 of 500: CouponNotFound, 20, CouponNotApplicable",
    );
}

#[test]
fn a_thousand_users_race_for_the_last_coupon() {
    let mut shop = Shop::new(BOUNDS);
    for step in
        ["sku 1 price 500", "stock 1@1 +2000", "coupon 1 off 300 quota 1", "coupon 2 off 9 quota 1 claim"]
    {
        shop.tell(step);
    }
    let (mut made, mut claimed) = (0, 0);
    for user in 1..=1_000 {
        claimed += usize::from(!shop.tell(&format!("claim 2 user {user}")).contains("Exhausted"));
        let lines = [shop::line("1@1x1")];
        let create = Create {
            user: UserId(user),
            request: shop.request(),
            hold: 0,
            coupons: CouponIds::parse([1, 0, 0, 0]).expect("one coupon"),
            currency: EURO,
            total: MinorUnits(200),
            lines: Lines::parse(&lines).expect("one line"),
            client_bytes: &[],
        };
        made += usize::from(matches!(shop.apply(&Intent::Create(create)), Verdict::Order(_)));
    }
    assert_eq!((made, claimed), (1, 1));
    assert_eq!(shop.tell("coupons 1"), "0 claimed, 1 locked, 0 used; by all 0 claimed, 1 locked, 0 used");
}

#[test]
fn full_is_an_answer() {
    let full = |story: &str, bounds, answer: &str| {
        let mut shop = Shop::new(bounds);
        let said = format!("{SHOP} {story}");
        let said = said.split(';').map(|step| shop.tell(step.trim())).last();
        assert_eq!(said.as_deref(), Some(answer), "{story}");
    };
    let one = domain::LedgerBounds { coupons_max: 1, coupon_skus_max: 1, ..BOUNDS };
    full("coupon 1 off 1; coupon 2 off 1", one, "Overloaded");
    full("coupon 1 off 1; coupon 1 off 1 of 1,2 replaces 1", one, "Overloaded");
    full("coupon 1 off 1 of 1; coupon 1 off 1 of 2 replaces 1", one, "coupon 1 v2");
    let one = domain::LedgerBounds { coupon_users_max: 1, ..BOUNDS };
    full("coupon 1 off 1 claim; claim 1; claim 1 user 2", one, "Overloaded");
    full("coupon 1 off 1 claim; claim 1; claim 1", one, "1 has 2 claimed, 0 locked, 0 used");
    full(
        "coupon 1 off 1; create A lines 1@1x1 with 1; create B user 2 lines 1@1x1 with 1",
        one,
        "Overloaded",
    );
    full(
        "coupon 1 off 1; create A lines 1@1x1 with 1; cancel A; create B user 2 lines 1@1x1 with 1",
        one,
        "B PendingPayment v1",
    );
    let one = domain::LedgerBounds { coupon_orders_max: 1, ..BOUNDS };
    full("coupon 1 off 1; create A lines 1@1x1 with 1; create B lines 1@1x1 with 1", one, "Overloaded");
    full("coupon 1 off 1; create A lines 1@1x1 with 1; create B lines 1@1x1", one, "B PendingPayment v1");
    let none = domain::LedgerBounds { lines_max: 0, ..BOUNDS };
    full("coupon 1 off 1; create A lines 1@1x1 with 1", none, "Overloaded");
}
