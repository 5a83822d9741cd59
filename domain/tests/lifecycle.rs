//! Every state of an order beside everything that can be asked of it: what leads on, what leaves the state, and
//! what is refused. A refusal changes nothing, and no request gets another answer than the one that stands here.

mod shop;

use shop::{BOUNDS, Shop};

const SHOP: &str = "sku 1 price 500; stock 1@1 +10;";

/// All that can be asked of order A, and the hour at which its time to pay is long over.
const ASKED: &[&str] = &[
    "pay A",
    "close A.1",
    "paid A.1",
    "failed A.1",
    "paid A.1 amount 1",
    "cancel A",
    "cancel A by 0",
    "refund A.1 amount 1",
    "refunded A.1",
    "unrefunded A.1",
    "ship A",
    "ship A lines 1x1",
    "sign A",
    "receive A",
    "case A sku 1 amount 1",
    "exchange A sku 1 units 1",
    "restock A",
    "at 9000",
];

/// Asks each of [`ASKED`] of an order that came here by `story`. `answers` has a line for each that is not refused
/// with WRONG_STATE: the state that it leads to, `stays` where something is done in the same state, `nothing` where
/// it is answered and nothing is done, or the refusal.
fn in_state(state: &str, story: &str, answers: &str) {
    let mut found = String::new();
    for ask in ASKED {
        let mut shop = Shop::new(BOUNDS);
        for step in format!("{SHOP} {story}").split(';').map(str::trim).filter(|step| !step.is_empty()) {
            shop.tell(step);
        }
        let state_of = |shop: &mut Shop| {
            let order = shop.tell("get A");
            order.split(' ').nth(1).unwrap_or_default().to_owned()
        };
        assert_eq!(state_of(&mut shop), state, "{story}");
        let (before, entries) = (shop.holdings(), shop.mirror.entries);
        let answer = shop.tell(ask);
        let (after, changed) = (state_of(&mut shop), shop.mirror.entries > entries);
        if !changed {
            assert_eq!((shop.holdings(), after.as_str()), (before, state), "{ask} did something: {answer}");
        }
        let refusal = answer.split([' ', ':']).next().unwrap_or_default();
        let is_refusal = refusal.ends_with(char::is_alphabetic) && refusal != "A";
        let says = match (changed, is_refusal) {
            (false, true) => refusal,
            (false, false) => "nothing",
            (true, _) if after == state => "stays",
            (true, _) => &after,
        };
        if says != "WrongState" {
            found += &format!("{ask:<20} {says}\n");
        }
    }
    let answers: String = answers
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .fold(String::new(), |all, line| all + line + "\n");
    assert_eq!(found, answers, "in {state}, after {story}");
}

#[test]
fn pending_payment() {
    in_state(
        "PendingPayment",
        "create A lines 1@1x2",
        "
        pay A                Paying
        close A.1            PaymentNotFound
        paid A.1             PaymentNotFound
        failed A.1           PaymentNotFound
        paid A.1 amount 1    PaymentNotFound
        cancel A             Cancelled
        cancel A by 0        Cancelled
        refund A.1 amount 1  PaymentNotFound
        refunded A.1         PaymentNotFound
        unrefunded A.1       PaymentNotFound
        at 9000              Cancelled
        ",
    );
}

#[test]
fn pending_payment_after_a_failed_attempt() {
    in_state(
        "PendingPayment",
        "create A lines 1@1x2; pay A; failed A.1",
        "
        pay A                Paying
        close A.1            nothing
        paid A.1             Confirmed
        failed A.1           nothing
        paid A.1 amount 1    stays
        cancel A             Cancelled
        cancel A by 0        Cancelled
        refund A.1 amount 1  RefundExceedsPaid
        refunded A.1         PaymentNotFound
        unrefunded A.1       PaymentNotFound
        at 9000              Cancelled
        ",
    );
}

#[test]
fn paying() {
    in_state(
        "Paying",
        "create A lines 1@1x2; pay A",
        "
        pay A                stays
        close A.1            PendingPayment
        paid A.1             Confirmed
        failed A.1           PendingPayment
        paid A.1 amount 1    stays
        cancel A             Cancelled
        cancel A by 0        Cancelled
        refund A.1 amount 1  RefundExceedsPaid
        refunded A.1         PaymentNotFound
        unrefunded A.1       PaymentNotFound
        at 9000              Cancelled
        ",
    );
}

#[test]
fn confirmed() {
    in_state(
        "Confirmed",
        "create A lines 1@1x2; pay A; paid A.1",
        "
        pay A                AlreadyPaid
        close A.1            AlreadyPaid
        paid A.1             nothing
        failed A.1           nothing
        paid A.1 amount 1    stays
        cancel A             Refunding
        cancel A by 0        Refunding
        refund A.1 amount 1  stays
        refunded A.1         PaymentNotFound
        unrefunded A.1       PaymentNotFound
        ship A               Shipped
        ship A lines 1x1     PartShipped
        case A sku 1 amount 1 stays
        exchange A sku 1 units 1 InsufficientStock
        at 9000              nothing
        ",
    );
}

#[test]
fn confirmed_without_money() {
    in_state(
        "Confirmed",
        "sku 2 price 0; stock 2@1 +1; create A lines 2@1x1",
        "
        pay A                AlreadyPaid
        close A.1            PaymentNotFound
        paid A.1             PaymentNotFound
        failed A.1           PaymentNotFound
        paid A.1 amount 1    PaymentNotFound
        cancel A             Refunded
        cancel A by 0        Refunded
        refund A.1 amount 1  PaymentNotFound
        refunded A.1         PaymentNotFound
        unrefunded A.1       PaymentNotFound
        ship A               Shipped
        ship A lines 1x1     SkuNotFound
        case A sku 1 amount 1 SkuNotFound
        exchange A sku 1 units 1 SkuNotFound
        at 9000              nothing
        ",
    );
}

#[test]
fn stock_exception() {
    in_state(
        "StockException",
        "create A lines 1@1x2; stock 1@1 -9 lost; pay A; paid A.1; stock 1@1 +1",
        "
        pay A                AlreadyPaid
        close A.1            AlreadyPaid
        paid A.1             nothing
        failed A.1           nothing
        paid A.1 amount 1    stays
        cancel A             Refunding
        cancel A by 0        Refunding
        refund A.1 amount 1  stays
        refunded A.1         PaymentNotFound
        unrefunded A.1       PaymentNotFound
        restock A            Confirmed
        at 9000              nothing
        ",
    );
}

#[test]
fn stock_exception_whose_money_went_back() {
    in_state(
        "StockException",
        "create A lines 1@1x2; stock 1@1 -9 lost; pay A; paid A.1; refund A.1; refunded A.1",
        "
        pay A                AlreadyPaid
        close A.1            AlreadyPaid
        paid A.1             nothing
        failed A.1           nothing
        paid A.1 amount 1    stays
        cancel A             Refunded
        cancel A by 0        Refunded
        refund A.1 amount 1  RefundExceedsPaid
        refunded A.1         nothing
        unrefunded A.1       nothing
        restock A            InsufficientStock
        at 9000              nothing
        ",
    );
}

#[test]
fn part_shipped() {
    in_state(
        "PartShipped",
        "create A lines 1@1x2; pay A; paid A.1; ship A lines 1x1",
        "
        pay A                AlreadyPaid
        close A.1            AlreadyPaid
        paid A.1             nothing
        failed A.1           nothing
        paid A.1 amount 1    stays
        cancel A by 0        Refunding
        refund A.1 amount 1  stays
        refunded A.1         PaymentNotFound
        unrefunded A.1       PaymentNotFound
        ship A               Shipped
        ship A lines 1x1     Shipped
        case A sku 1 amount 1 stays
        exchange A sku 1 units 1 stays
        at 9000              nothing
        ",
    );
}

#[test]
fn shipped() {
    in_state(
        "Shipped",
        "create A lines 1@1x2; pay A; paid A.1; ship A",
        "
        pay A                AlreadyPaid
        close A.1            AlreadyPaid
        paid A.1             nothing
        failed A.1           nothing
        paid A.1 amount 1    stays
        cancel A by 0        Refunding
        refund A.1 amount 1  stays
        refunded A.1         PaymentNotFound
        unrefunded A.1       PaymentNotFound
        sign A               Delivered
        case A sku 1 amount 1 stays
        exchange A sku 1 units 1 stays
        at 9000              nothing
        ",
    );
}

#[test]
fn delivered() {
    in_state(
        "Delivered",
        "create A lines 1@1x2; pay A; paid A.1; ship A; sign A",
        "
        pay A                AlreadyPaid
        close A.1            AlreadyPaid
        paid A.1             nothing
        failed A.1           nothing
        paid A.1 amount 1    stays
        refund A.1 amount 1  stays
        refunded A.1         PaymentNotFound
        unrefunded A.1       PaymentNotFound
        receive A            Completed
        case A sku 1 amount 1 stays
        exchange A sku 1 units 1 stays
        at 9000              nothing
        ",
    );
}

#[test]
fn completed() {
    in_state(
        "Completed",
        "create A lines 1@1x2; pay A; paid A.1; ship A; sign A; receive A",
        "
        pay A                AlreadyPaid
        close A.1            AlreadyPaid
        paid A.1             nothing
        failed A.1           nothing
        paid A.1 amount 1    stays
        refund A.1 amount 1  stays
        refunded A.1         PaymentNotFound
        unrefunded A.1       PaymentNotFound
        case A sku 1 amount 1 stays
        exchange A sku 1 units 1 stays
        at 9000              nothing
        ",
    );
}

#[test]
fn part_shipped_and_taken_back() {
    in_state(
        "Refunding",
        "create A lines 1@1x2; pay A; paid A.1; ship A lines 1x1; cancel A by 0",
        "
        close A.1            AlreadyPaid
        paid A.1             nothing
        failed A.1           nothing
        paid A.1 amount 1    stays
        refund A.1 amount 1  RefundExceedsPaid
        refunded A.1         Refunded
        unrefunded A.1       stays
        at 9000              nothing
        ",
    );
}

#[test]
fn cancelled_by_the_timer() {
    in_state(
        "Cancelled",
        "create A lines 1@1x2; pay A; at 700",
        "
        close A.1            stays
        paid A.1             Confirmed
        failed A.1           stays
        paid A.1 amount 1    stays
        refund A.1 amount 1  RefundExceedsPaid
        refunded A.1         PaymentNotFound
        unrefunded A.1       PaymentNotFound
        at 9000              nothing
        ",
    );
}

#[test]
fn cancelled_by_its_buyer() {
    in_state(
        "Cancelled",
        "create A lines 1@1x2; pay A; cancel A",
        "
        close A.1            stays
        paid A.1             Refunding
        failed A.1           stays
        paid A.1 amount 1    stays
        refund A.1 amount 1  RefundExceedsPaid
        refunded A.1         PaymentNotFound
        unrefunded A.1       PaymentNotFound
        at 9000              nothing
        ",
    );
}

#[test]
fn refunding() {
    in_state(
        "Refunding",
        "create A lines 1@1x2; pay A; paid A.1; cancel A",
        "
        close A.1            AlreadyPaid
        paid A.1             nothing
        failed A.1           nothing
        paid A.1 amount 1    stays
        refund A.1 amount 1  RefundExceedsPaid
        refunded A.1         Refunded
        unrefunded A.1       stays
        at 9000              nothing
        ",
    );
}

#[test]
fn refunded() {
    in_state(
        "Refunded",
        "create A lines 1@1x2; pay A; paid A.1; cancel A; refunded A.1",
        "
        close A.1            AlreadyPaid
        paid A.1             nothing
        failed A.1           nothing
        paid A.1 amount 1    stays
        refund A.1 amount 1  RefundExceedsPaid
        refunded A.1         nothing
        unrefunded A.1       nothing
        at 9000              nothing
        ",
    );
}
