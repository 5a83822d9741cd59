//! SPEC, row by row: what the shop says to each request, in the shop's words.

use domain::fact::Actor;
use domain::intent::{
    AdjustReason, AskedLine, Cancel, Create, Envelope, Lines, List, Sale, SalePut, SaleSku, Sku, SkuPut,
    StockAdjust,
};
use domain::order::State;
use domain::{
    Currency, Intent, Micros, MicrosUtc, MinorUnits, OrderId, Quantity, Refusal, RequestId, SaleId, SellerId,
    SkuId, UserId, Verdict, WarehouseId,
};
use model::{Model, NotDue};

const START: MicrosUtc = MicrosUtc(1_767_225_600_000_000);
const HOUR: i64 = 3_600;

#[test]
fn a_create_is_checked_in_the_order_of_spec() {
    // Each row breaks one check more than the row below it, and the first check answers.
    check(|shop| shop.basket(1, "9x1 6x1 8x9", 0), "SkuNotFound line 0: 0 of 0");
    check(|shop| shop.basket(1, "8x9 6x1", 0), "SkuClosed line 1: 0 of 0");
    check(|shop| shop.after(HOUR).basket(1, "7x99 8x9", 0), "SaleEnded line 1: 3600 s of 3600 s");
    check(|shop| shop.hold(5).basket(1, "8x9", 0), "HoldNotFound");
    check(|shop| shop.currency(840).basket(1, "8x9", 0), "CurrencyMismatch line 0: 840 of 978");
    check(|shop| shop.basket(1, "7x99 8x9", 1), "PriceChanged: 1 of 25650");
    check(|shop| shop.basket(1, "7x99 8x9", 25_650), "OrderLimit line 1: 9 of 3");
    check(|shop| shop.basket(1, "7x99 8x3", 25_050), "InsufficientStock line 0: 99 of 10");
    check(|shop| shop.basket(1, "7x10 8x3", 2_800), "PendingPayment v1");
}

#[test]
fn limits_count_what_is_held_and_give_it_back() {
    check(|shop| shop.buy(1, "8x3", 300).basket(1, "8x2", 200), "UserLimit line 0: 2 of 1");
    check(|shop| shop.buy(1, "8x3", 300).cancel(1, 0).basket(1, "8x3", 300), "PendingPayment v1");
    check(|shop| shop.buy(1, "8x3", 300).buy(2, "8x3", 300).basket(3, "8x3", 300), "SaleCap line 0: 3 of 2");
    check(|shop| shop.buy(1, "8x3", 300).after(30).expire().basket(1, "8x3", 300), "PendingPayment v1");
}

#[test]
fn stock_is_sold_once() {
    check(|shop| shop.buy(1, "7x10", 2_500).basket(2, "7x5", 1_250), "InsufficientStock line 0: 5 of 4");
    check(|shop| shop.buy(1, "7x10", 2_500).basket(2, "7x4", 1_000), "PendingPayment v1");
    check(
        |shop| shop.buy(1, "7x10", 2_500).buy(2, "7x4", 1_000).basket(3, "7x1", 250),
        "SoldOut line 0: 1 of 0",
    );
    check(|shop| shop.from(2).basket(1, "7x5", 1_250), "InsufficientStock line 0: 5 of 4");
    check(|shop| shop.from(3).basket(1, "7x1", 250), "SoldOut line 0: 1 of 0");
}

#[test]
fn a_request_does_something_once() {
    check(|shop| shop.buy(1, "7x1", 250).again().basket(1, "7x1", 250), "PendingPayment v1");
    check(|shop| shop.buy(1, "7x1", 250).again().basket(1, "7x2", 500), "RequestIdReused");
    check(|shop| shop.buy(1, "7x1", 250).again().basket(2, "7x1", 250), "PendingPayment v1");
    check(|shop| shop.buy(1, "7x1", 250).after(60).expire().again().basket(1, "7x1", 250), "Cancelled v2");
    check(|shop| shop.stamped(-24 * HOUR).basket(1, "7x1", 250), "PendingPayment v1");
    check(|shop| shop.stamped(-24 * HOUR - 1).basket(1, "7x1", 250), "RequestIdExpired: -86401 s of 0 s");
    check(|shop| shop.stamped(300).basket(1, "7x1", 250), "PendingPayment v1");
    check(|shop| shop.stamped(301).basket(1, "7x1", 250), "RequestIdExpired: 301 s of 0 s");
}

#[test]
fn an_order_ends_before_it_is_paid_or_when_it_was_free() {
    check(|shop| shop.buy(1, "7x1", 250).cancel_says(1, 0), "Cancelled v2");
    check(|shop| shop.buy(1, "7x1", 250).cancel_says(0, 1), "Cancelled v2");
    check(|shop| shop.buy(1, "7x1", 250).cancel_says(2, 0), "OrderNotFound");
    check(|shop| shop.buy(1, "7x1", 250).cancel_says(1, 2), "VersionConflict: 2 of 1");
    check(|shop| shop.buy(1, "7x1", 250).cancel(1, 0).cancel_says(1, 0), "WrongState: 12 of 12");
    check(|shop| shop.basket(1, "5x2", 0), "Confirmed v2");
    check(|shop| shop.buy(1, "5x2", 0).cancel_says(1, 0), "Refunded v3");
    check(|shop| shop.buy(1, "5x2", 0).stock(5), "8 on hand, 0 held, 2 sold");
    check(|shop| shop.buy(1, "5x2", 0).cancel(1, 0).stock(5), "10 on hand, 0 held, 2 sold");
}

#[test]
fn the_timer_ends_what_is_due_and_nothing_else() {
    let mut shop = Shop::open();
    shop.buy(1, "7x1", 250);
    let order = shop.last;
    assert_eq!(shop.model.expire_one(START.after(Micros(60_000_000 - 1)), order), Err(NotDue));
    assert_eq!(shop.model.expire_one(START.after(Micros(60_000_000)), order), Ok(()));
    assert_eq!(shop.model.expire(START.after(Micros(90_000_000))), []);
    let Verdict::History(history) = shop.ask(&Intent::History { user: UserId(1), order }) else {
        panic!("the order has a history");
    };
    let rows: Vec<_> = history.rows.iter().map(|row| (row.from, row.to, row.actor, row.version)).collect();
    let (pending, ended) = (State::PendingPayment, State::Cancelled);
    assert_eq!(rows, [(None, pending, Actor::User(UserId(1)), 1), (Some(pending), ended, Actor::Timer, 2)]);
}

#[test]
fn operators_replace_what_they_saw() {
    check(|shop| shop.put_sku(7, 0), "VersionConflict: 0 of 1");
    check(|shop| shop.put_sku(7, 1), "sku v2");
    check(|shop| shop.put_sku(9, 1), "VersionConflict: 1 of 0");
    check(|shop| shop.put_sale(3, 8, 1, 0), "sale v2");
    check(|shop| shop.put_sale(4, 9, 0, 0), "SkuNotFound line 0: 0 of 0");
    check(|shop| shop.put_sale(4, 8, 0, HOUR - 1), "InvalidField line 0: 0 of 0");
    check(|shop| shop.put_sale(4, 8, 0, HOUR), "sale v1");
    check(|shop| shop.buy(1, "7x3", 750).adjust(7, -8), "InsufficientStock: 8 of 7");
    check(|shop| shop.adjust(7, -11), "InvalidField");
    check(|shop| shop.adjust(7, -10), "0 on hand, 0 held, 0 sold");
}

#[test]
fn a_page_looks_at_a_bounded_number_of_orders() {
    let mut shop = Shop::open();
    shop.adjust(7, 10_000);
    shop.buy(1, "7x1", 250);
    let oldest = shop.last;
    shop.cancel(1, 0);
    let made: Vec<OrderId> = (1..10_000).map(|_| shop.buy(1, "7x1", 250).last).collect();

    let mut list = List { user: UserId(1), before: OrderId(0), state: State::Cancelled.number(), limit: 1 };
    let mut page = |before| {
        list.before = before;
        let Verdict::Orders(page) = shop.ask(&Intent::List(list)) else { panic!("a page") };
        (page.items.iter().map(|brief| brief.order).collect::<Vec<_>>(), page.next)
    };
    let (first, second) = (made[made.len() - 4_096], made[made.len() - 2 * 4_096]);
    assert_eq!(page(OrderId(0)), (vec![], first));
    assert_eq!(page(first), (vec![], second));
    assert_eq!(page(second), (vec![oldest], OrderId(0)));
}

/// Asks the last question in a new shop and compares what it says.
#[track_caller]
fn check(ask: impl FnOnce(&mut Shop) -> String, expected: &str) {
    assert_eq!(ask(&mut Shop::open()), expected);
}

/// Sku 5 is free, 6 closed, 7 costs 250, 8 is in sale 3 for 100 (3 an order, 4 a user, 8 in all; one hour). Ten
/// units of each in warehouse 1, and four more of sku 7 in warehouse 2.
struct Shop {
    model: Model,
    now: MicrosUtc,
    stamp_seconds: i64,
    requests: u128,
    hold: u64,
    currency: Currency,
    warehouse: WarehouseId,
    last: OrderId,
}

impl Shop {
    fn open() -> Shop {
        let mut shop = Shop {
            model: Model::new(Micros::from_seconds(24 * 3_600)),
            now: START,
            stamp_seconds: 0,
            requests: 0,
            hold: 0,
            currency: Currency(978),
            warehouse: WarehouseId(0),
            last: OrderId(0),
        };
        for sku in 5..=8 {
            assert_eq!(shop.put_sku(sku, 0), "sku v1");
            assert_eq!(shop.adjust(sku, 10), "10 on hand, 0 held, 0 sold");
        }
        shop.warehouse = WarehouseId(2);
        assert_eq!(shop.adjust(7, 4), "4 on hand, 0 held, 0 sold");
        shop.warehouse = WarehouseId(0);
        assert_eq!(shop.put_sale(3, 8, 0, 0), "sale v1");
        shop
    }

    fn after(&mut self, seconds: i64) -> &mut Shop {
        self.now = self.now.after(Micros(seconds * 1_000_000));
        self.stamp_seconds += seconds;
        self
    }

    /// The next request id is made this long after now.
    fn stamped(&mut self, seconds: i64) -> &mut Shop {
        self.stamp_seconds = seconds;
        self
    }

    /// The next request has the id of the last one.
    fn again(&mut self) -> &mut Shop {
        self.requests -= 1;
        self.stamp_seconds = 0;
        self
    }

    fn hold(&mut self, hold: u64) -> &mut Shop {
        self.hold = hold;
        self
    }

    fn currency(&mut self, currency: u16) -> &mut Shop {
        self.currency = Currency(currency);
        self
    }

    fn from(&mut self, warehouse: u32) -> &mut Shop {
        self.warehouse = WarehouseId(warehouse);
        self
    }

    fn expire(&mut self) -> &mut Shop {
        assert_eq!(self.model.expire(self.now), [self.last]);
        self
    }

    fn buy(&mut self, user: u64, lines: &str, total: i64) -> &mut Shop {
        let said = self.basket(user, lines, total);
        assert!(said.starts_with("PendingPayment") || said.starts_with("Confirmed"), "{said}");
        self
    }

    fn cancel(&mut self, user: u64, version: u32) -> &mut Shop {
        let said = self.cancel_says(user, version);
        assert!(said.starts_with("Cancelled") || said.starts_with("Refunded"), "{said}");
        self
    }

    /// Lines are written `sku x units`.
    fn basket(&mut self, user: u64, lines: &str, total: i64) -> String {
        let line = |text: &str| {
            let (sku, units) = text.split_once('x')?;
            let quantity = Quantity::parse(units.parse().ok()?)?;
            Some(AskedLine { sku: SkuId(sku.parse().ok()?), warehouse: self.warehouse, quantity })
        };
        let lines: Vec<_> = lines.split(' ').map(|text| line(text).expect("a line")).collect();
        let create = Create {
            user: UserId(user),
            request: self.request(),
            hold: self.hold,
            coupons: domain::coupon::CouponIds::NONE,
            currency: self.currency,
            total: MinorUnits(total),
            lines: Lines::parse(&lines).expect("a basket"),
            client_bytes: b"",
        };
        self.says(&Intent::Create(create))
    }

    fn cancel_says(&mut self, user: u64, version: u32) -> String {
        let (user, request) = (UserId(user), self.request());
        self.says(&Intent::Cancel(Cancel { user, request, order: self.last, version, why: 0 }))
    }

    fn put_sku(&mut self, id: u64, replaces: u32) -> String {
        let unit_price = MinorUnits(if id == 5 { 0 } else { 250 });
        let (id, open, currency) = (SkuId(id), id != 6, self.currency);
        let sku = Sku {
            id,
            version: 0,
            seller: SellerId(0),
            currency,
            unit_price,
            hold_seconds: 60,
            open,
            weight_grams: 0,
        };
        let request = self.request();
        self.says(&Intent::SkuPut(SkuPut { request, replaces, sku }))
    }

    /// A sale of one sku for one hour, which begins this many seconds after the start.
    fn put_sale(&mut self, id: u32, sku: u64, replaces: u32, begins: i64) -> String {
        let opens = START.after(Micros(begins * 1_000_000));
        let sale = Sale {
            id: SaleId(id),
            version: 0,
            closed_from: opens,
            opens,
            closes: opens.after(Micros(HOUR * 1_000_000)),
            user_limit_units: 4,
            order_limit_units: 3,
            cap_units: 8,
            hold_seconds: 30,
        };
        let skus = [SaleSku { sku: SkuId(sku), unit_price: MinorUnits(100) }];
        let request = self.request();
        self.says(&Intent::SalePut(SalePut { request, replaces, sale, skus: &skus }))
    }

    fn adjust(&mut self, sku: u64, units: i64) -> String {
        let adjust = StockAdjust {
            request: self.request(),
            sku: SkuId(sku),
            warehouse: WarehouseId(self.warehouse.0.max(1)),
            on_hand_delta: units,
            safety_delta: 0,
            unavailable_delta: 0,
            reason: AdjustReason::Received,
        };
        self.says(&Intent::StockAdjust(adjust))
    }

    fn stock(&mut self, sku: u64) -> String {
        self.says(&Intent::StockGet { sku: SkuId(sku), warehouse: WarehouseId(0) })
    }

    fn request(&mut self) -> RequestId {
        self.requests += 1;
        let ms = START.0 / 1_000 + self.stamp_seconds * 1_000;
        RequestId((ms as u128) << 80 | self.requests)
    }

    fn ask(&mut self, intent: &Intent<'_>) -> Verdict {
        self.model.answer(self.now, Envelope::default(), intent)
    }

    fn says(&mut self, intent: &Intent<'_>) -> String {
        match self.ask(intent) {
            Verdict::Refused(refusal) => in_words(&refusal),
            Verdict::Order(brief) => {
                self.last = brief.order;
                format!("{:?} v{}", brief.state, brief.version)
            }
            Verdict::Sku { version, .. } => format!("sku v{version}"),
            Verdict::Sale { version, .. } => format!("sale v{version}"),
            Verdict::Shelf(shelf) => {
                format!("{} on hand, {} held, {} sold", shelf.on_hand, shelf.held, shelf.sold)
            }
            Verdict::Hold(_)
            | Verdict::Payment(_)
            | Verdict::Mismatched(_)
            | Verdict::Shipments(_)
            | Verdict::Case(_)
            | Verdict::Cases(_)
            | Verdict::Transferred(_)
            | Verdict::Priced(_)
            | Verdict::OrderFound(_)
            | Verdict::Orders(_)
            | Verdict::History(_)
            | Verdict::SkuFound(_)
            | Verdict::Skus(_)
            | Verdict::Freight { .. }
            | Verdict::FreightRules(_)
            | Verdict::SaleFound(_)
            | Verdict::Sales(_)
            | Verdict::Switched { .. }
            | Verdict::Switches(_)
            | Verdict::Limited
            | Verdict::Limits(_)
            | Verdict::Cursor(_)
            | Verdict::LettersParked(_)
            | Verdict::Letters(_)
            | Verdict::Holdings(_)
            | Verdict::Coupon { .. }
            | Verdict::CouponTaken(_)
            | Verdict::CouponsChecked(_)
            | Verdict::CouponFound(_)
            | Verdict::Coupons(_) => panic!("no row asks for this in words"),
        }
    }
}

/// Instants as seconds since the start.
fn in_words(refusal: &Refusal) -> String {
    let Refusal { reason, line, asked, there } = *refusal;
    let number = |number: i64| match number.checked_sub(START.0) {
        Some(micros) if number > START.0 / 2 => format!("{} s", micros / 1_000_000),
        _ => number.to_string(),
    };
    let numbers = format!("{} of {}", number(asked), number(there));
    match (line, asked, there) {
        (Refusal::NO_LINE, 0, 0) => format!("{reason:?}"),
        (Refusal::NO_LINE, ..) => format!("{reason:?}: {numbers}"),
        (line, ..) => format!("{reason:?} line {line}: {numbers}"),
    }
}
