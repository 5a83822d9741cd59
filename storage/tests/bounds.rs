//! A journal that holds more than today's bounds allow: the opening names the bound and changes nothing, and a
//! ledger with just enough room can still end every order.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

mod common;

use common::mem_disk::{End, MemDisk, MemHot};
use common::{EUR, Life, START, cancel, create, request_id, tiny};
use domain::aftersale::CaseKind;
use domain::coupon::{Benefit, Coupon, CouponIds, CouponScope};
use domain::cursor::CursorName;
use domain::intent::{
    AskedLine, CaseOpen, CouponClaim, CouponDefine, Create, EndHold, LetterEnd, LetterPark, LimitPut, Lines,
    Sale, SalePut, SaleSku, SentLine, Ship, Sign, Sku, SkuPut, StockAdjust, StockReserve,
};
use domain::letter::LetterReason;
use domain::limit::{UserLimit, UserList};
use domain::shipment::Waybill;
use domain::{
    CouponId, Intent, LedgerBounds, MicrosUtc, MinorUnits, OrderId, PassedBound, Quantity, SaleId, SellerId,
    SkuId, UserId, Verdict, WarehouseId,
};
use storage::embedded::disk::DurabilityPath::Dsync;
use storage::embedded::{Config, OpenError};
use storage::{NotDecided, Store};

/// A bound of the ledger, and how to set it.
type Bound = (&'static str, fn(&mut LedgerBounds, usize), usize);

/// What the history below needs, each from its own part of the story.
const NEEDED: [Bound; 16] = [
    ("orders_max", |bounds, to| bounds.orders_max = to, 4),
    ("lines_max", |bounds, to| bounds.lines_max = to, 2 + 2), // of the basket; with a discount
    ("client_bytes_max", |bounds, to| bounds.client_bytes_max = to, 27), // a piece for "gif"
    ("history_rows_max", |bounds, to| bounds.history_rows_max = to, 1 + 1 + 1 + 2 * 6), // confirmed, cancelled; ends, payments
    ("request_ids_max", |bounds, to| bounds.request_ids_max = to, 8 + 3 + 4 + 1 + 3 + 2), // shop, coupons, orders, cancel; ends, payments
    ("changes_max", |bounds, to| bounds.changes_max = to, 8 + 3 + 1 + 3 + 2), // shop, coupons, cancel; ends, payments
    ("payments_max", |bounds, to| bounds.payments_max = to, 2), // of the two that wait for payment
    ("user_counts_max", |bounds, to| bounds.user_counts_max = to, 3), // before the cancel gave one back
    ("skus_max", |bounds, to| bounds.skus_max = to, 3),
    ("shelves_max", |bounds, to| bounds.shelves_max = to, 3),
    ("sales_max", |bounds, to| bounds.sales_max = to, 2),
    ("sale_skus_max", |bounds, to| bounds.sale_skus_max = to, 2 + 1),
    ("coupons_max", |bounds, to| bounds.coupons_max = to, 2),
    ("coupon_skus_max", |bounds, to| bounds.coupon_skus_max = to, 2),
    ("coupon_users_max", |bounds, to| bounds.coupon_users_max = to, 2), // before the cancel gave one back
    ("coupon_orders_max", |bounds, to| bounds.coupon_orders_max = to, 2),
];

/// The same of what stands beside orders, for the second history.
const NEEDED_BESIDE: [Bound; 7] = [
    ("shipments_max", |bounds, to| bounds.shipments_max = to, 2),
    ("sent_lines_max", |bounds, to| bounds.sent_lines_max = to, 2), // of an order that went in two parcels
    ("cases_max", |bounds, to| bounds.cases_max = to, 1),
    ("holds_max", |bounds, to| bounds.holds_max = to, 2),
    ("hold_lines_max", |bounds, to| bounds.hold_lines_max = to, 1 + 2),
    ("limits_max", |bounds, to| bounds.limits_max = to, 2),
    ("dead_letters_max", |bounds, to| bounds.dead_letters_max = to, 2),
];

#[test]
fn each_bound_below_what_the_journal_holds_is_named_and_nothing_is_changed() {
    each_is_named(&a_history().0, &NEEDED, 4);
    each_is_named(&a_history_beside_orders().0, &NEEDED_BESIDE, 2);
}

fn each_is_named(disk: &MemDisk, needed: &[Bound], orders: u64) {
    for &(name, set, needed) in needed {
        for value in 0..needed {
            let mut ledger = common::small_bounds();
            set(&mut ledger, value);
            let before = disk.content();
            let process = disk.next_process();
            let opened = Life::open(&process, config(ledger), 1).map(|_| ());
            let error = opened.expect_err(&format!("{name} = {value}"));
            process.end(End::Kill, MemHot::new(&process));
            let told = error.to_string();
            let OpenError::TooSmall { bound, .. } = error else { panic!("{name} = {value}: {told}") };
            assert_eq!(bound, PassedBound { name, value });
            assert!(told.contains(&format!("the bound {name} = {value} ")) && told.contains("set a larger"));
            assert!(!told.contains('\n'), "one sentence: {told}");
            assert!(disk.content() == before, "{name} = {value}: the folder was changed");
        }
        let mut ledger = common::small_bounds();
        set(&mut ledger, needed);
        reopen(disk, config(ledger), |life| {
            assert_eq!(life.store.stats().orders, orders, "{name} = {needed}");
        });
    }
}

#[test]
fn just_enough_room_ends_every_order_and_refuses_the_next_one() {
    let (disk, open) = a_history();
    let mut ledger = common::small_bounds();
    for (_, set, needed) in NEEDED {
        set(&mut ledger, needed);
    }
    reopen(&disk, config(ledger), |life| {
        let next = life.ask(create(9, request_id(1, 90), b"")).outcome;
        assert!(matches!(next, Err(NotDecided::Overloaded { .. })), "{next:?}");
        for (n, &(user, order)) in open.iter().enumerate() {
            let ended = life.ask(cancel(user, request_id(1, 100 + n as u64), order)).outcome.unwrap();
            assert!(matches!(ended, Verdict::Order(_)), "{ended:?}");
        }
    });
    // And what it wrote is read again under the same bounds.
    reopen(&disk, config(ledger), |life| {
        let stats = life.store.stats();
        assert_eq!(stats.orders + stats.at_rest, 4, "in memory and at rest");
    });
}

#[test]
fn at_each_bound_beside_orders_the_next_one_is_refused_until_there_is_room() {
    let (disk, [sent, whole], hold) = a_history_beside_orders();
    let mut ledger = common::small_bounds();
    for (_, set, needed) in NEEDED_BESIDE {
        set(&mut ledger, needed);
    }
    let end_hold = |n| EndHold { user: UserId(1), request: request_id(1, n), hold };
    let end_letter =
        |n| LetterEnd { request: request_id(1, n), subscriber: subscriber(), position: 1, retry: false };
    let ordinary = |n| LimitPut {
        request: request_id(1, n),
        limit: UserLimit { user: UserId(11), list: UserList::Ordinary, sale_units: 0, until: MicrosUtc(0) },
    };
    reopen(&disk, config(ledger), |life| {
        let mut refused = |what: &str, intent| {
            let next = life.ask(intent).outcome;
            assert!(matches!(next, Err(NotDecided::Overloaded { .. })), "{what}: {next:?}");
        };
        let lines = one_of(&[8]);
        refused("shipment", Intent::Ship(ship(whole, 1, &[])));
        refused("case", Intent::CaseOpen(exchange(sent, 9, 2)));
        refused("hold", Intent::StockReserve(reserve(3, 3, &lines)));
        refused("letter", Intent::LetterPark(letter(4, 3)));
        refused("limit", Intent::LimitPut(blocked(5, 3)));

        // Who makes room has it at once; but a hold is remembered for as long as its request id.
        let mut done = |what: &str, intent| {
            let next = life.ask(intent).outcome;
            assert!(matches!(&next, Ok(it) if !matches!(it, Verdict::Refused(_))), "{what}: {next:?}");
        };
        done("the hold is given back", Intent::StockRelease(end_hold(11)));
        done("the letter is done with", Intent::LetterEnd(end_letter(13)));
        done("a letter", Intent::LetterPark(letter(14, 3)));
        done("a user is as all others", Intent::LimitPut(ordinary(15)));
        done("a limit", Intent::LimitPut(blocked(16, 3)));
    });
    // And what it wrote is read again under the same bounds.
    reopen(&disk, config(ledger), |life| assert_eq!(life.store.stats().orders, 2));
}

fn config(ledger: LedgerBounds) -> Config {
    Config { ledger, ..tiny(Dsync) }
}

/// The next process on this folder, killed when `judge` is through with it.
fn reopen(disk: &MemDisk, config: Config, judge: impl FnOnce(&mut Life)) {
    let disk = disk.next_process();
    let mut life = Life::open(&disk, config, 1).unwrap();
    life.settle();
    judge(&mut life);
    disk.end(End::Kill, life.hot);
}

/// A shop of three skus (the third is free of charge), two sales and two coupons, and four orders: one of one line
/// with a coupon that was claimed, a basket with client bytes, a free one, and one that had the other coupon and was
/// cancelled. Those that can still end, with their users.
fn a_history() -> (MemDisk, Vec<(u64, OrderId)>) {
    let disk = MemDisk::new(1).next_process();
    let mut life = Life::open(&disk, tiny(Dsync), 0).unwrap();
    for (sku, price) in [(7, 250), (8, 100), (9, 0)] {
        life.ask(put(sku, price)).outcome.unwrap();
        life.ask(received(sku)).outcome.unwrap();
    }
    let item = |sku, price| SaleSku { sku: SkuId(sku), unit_price: MinorUnits(price) };
    life.ask(sale(1, 0, &[item(7, 250), item(8, 100)])).outcome.unwrap();
    life.ask(sale(2, 3_600, &[item(7, 200)])).outcome.unwrap();

    life.ask(coupon(1, &[SkuId(7), SkuId(8)])).outcome.unwrap();
    life.ask(coupon(2, &[])).outcome.unwrap();
    let (request, coupon) = (request_id(0, 5_000), CouponId(1));
    life.ask(Intent::CouponClaim(CouponClaim { user: UserId(1), request, coupon })).outcome.unwrap();

    let mut order = |user, skus: &[u64], coupon, total, client_bytes| {
        let line = |&sku| AskedLine {
            sku: SkuId(sku),
            warehouse: WarehouseId(1),
            quantity: Quantity::parse(1).unwrap(),
        };
        let lines: Vec<AskedLine> = skus.iter().map(line).collect();
        let asked = Create {
            user: UserId(user),
            request: request_id(0, user),
            hold: 0,
            coupons: CouponIds::parse([coupon, 0, 0, 0]).unwrap(),
            currency: EUR,
            total: MinorUnits(total),
            lines: Lines::parse(&lines).unwrap(),
            client_bytes,
        };
        match life.ask(Intent::Create(asked)).outcome {
            Ok(Verdict::Order(brief)) => (user, brief.order),
            other => panic!("{other:?}"),
        }
    };
    let open =
        vec![order(1, &[7], 1, 200, b""), order(2, &[7, 8], 0, 350, b"gif"), order(3, &[9], 0, 0, b"")];
    let (user, ended) = order(4, &[7], 2, 200, b"");
    life.ask(cancel(user, request_id(0, 50), ended)).outcome.unwrap();
    disk.end(End::Kill, life.hot);
    (disk, open)
}

/// A shop of two skus that are free of charge, and two orders, at once confirmed: one that went to its buyer in two
/// parcels, with a case about it, and one that nobody has sent. Two holds, the second of two lines; two users with
/// limits, and two letters. Both orders, and the first hold.
fn a_history_beside_orders() -> (MemDisk, [OrderId; 2], u64) {
    let disk = MemDisk::new(1).next_process();
    let mut life = Life::open(&disk, tiny(Dsync), 0).unwrap();
    let mut done = |intent: Intent<'_>| {
        let verdict = life.ask(intent).outcome.unwrap();
        assert!(!matches!(verdict, Verdict::Refused(_)), "{intent:?}: {verdict:?}");
        verdict
    };
    for sku in [8, 9] {
        done(put(sku, 0));
        done(received(sku));
    }
    let orders = [1, 2].map(|user| {
        let lines = one_of(&[8, 9]);
        let asked = Create { user: UserId(user), lines: Lines::parse(&lines).unwrap(), ..free(user) };
        let Verdict::Order(brief) = done(Intent::Create(asked)) else { panic!("it makes an order") };
        brief.order
    });
    let [sent, _] = orders;
    let line = |sku| SentLine { sku: SkuId(sku), quantity: Quantity::parse(1).unwrap() };
    done(Intent::Ship(ship(sent, 30, &[line(8)])));
    done(Intent::Ship(ship(sent, 31, &[line(9)])));
    done(Intent::Sign(Sign { request: request_id(0, 32), order: sent, version: 0 }));
    done(Intent::CaseOpen(exchange(sent, 8, 33)));
    let [first, _] = [(40, &[8][..]), (41, &[8, 9])].map(|(n, skus)| {
        let verdict = done(Intent::StockReserve(reserve(n, 1, &one_of(skus))));
        let Verdict::Hold(hold) = verdict else { panic!("{verdict:?}") };
        hold.id
    });
    for user in [1, 2] {
        done(Intent::LimitPut(blocked(50 + user, user + 10)));
        done(Intent::LetterPark(letter(60 + user, user)));
    }
    disk.end(End::Kill, life.hot);
    (disk, orders, first)
}

/// One unit of each.
fn one_of(skus: &[u64]) -> Vec<AskedLine> {
    let quantity = Quantity::parse(1).unwrap();
    skus.iter().map(|&sku| AskedLine { sku: SkuId(sku), warehouse: WarehouseId(1), quantity }).collect()
}

fn free(n: u64) -> Create<'static> {
    let Intent::Create(asked) = create(n, request_id(0, n), b"") else { unreachable!("it is a create") };
    Create { total: MinorUnits(0), ..asked }
}

fn ship(order: OrderId, n: u64, lines: &[SentLine]) -> Ship<'_> {
    Ship { request: request_id(0, n), order, version: 0, waybill: Waybill::NONE, lines }
}

/// The unit of a sku comes back for another one.
fn exchange(order: OrderId, sku: u64, n: u64) -> CaseOpen {
    let (kind, sku, units, amount) = (CaseKind::Exchange, SkuId(sku), 1, MinorUnits(0));
    CaseOpen { user: UserId(0), request: request_id(0, n), order, kind, sku, units, amount, why: 1 }
}

fn reserve(n: u64, user: u64, lines: &[AskedLine]) -> StockReserve<'_> {
    let lines = Lines::parse(lines).unwrap();
    StockReserve { user: UserId(user), request: request_id(0, n), hold_seconds: 900, lines }
}

fn blocked(n: u64, user: u64) -> LimitPut {
    let limit = UserLimit { user: UserId(user), list: UserList::Blocked, sale_units: 0, until: MicrosUtc(0) };
    LimitPut { request: request_id(0, n), limit }
}

fn subscriber() -> CursorName {
    let mut name = [0; 32];
    name[0] = b'a';
    CursorName::parse(name).unwrap()
}

/// An event of this position that a subscriber could not do with.
fn letter(n: u64, position: u64) -> LetterPark<'static> {
    let reason = LetterReason::parse(b"no such account").unwrap();
    LetterPark { request: request_id(0, n), subscriber: subscriber(), position, reason }
}

fn put(sku: u64, price: i64) -> Intent<'static> {
    Intent::SkuPut(SkuPut {
        request: request_id(0, 1_000 + sku),
        replaces: 0,
        sku: Sku {
            id: SkuId(sku),
            version: 0,
            seller: SellerId(0),
            currency: EUR,
            unit_price: MinorUnits(price),
            hold_seconds: 900,
            open: true,
            weight_grams: 0,
        },
    })
}

fn received(sku: u64) -> Intent<'static> {
    let Intent::StockAdjust(stock) = common::stock(0, 10) else { unreachable!("it is a stock adjustment") };
    Intent::StockAdjust(StockAdjust { request: request_id(0, 2_000 + sku), sku: SkuId(sku), ..stock })
}

/// A coupon of 50 for an hour: one for these skus has to be claimed, one for all has not.
fn coupon(id: u64, skus: &'static [SkuId]) -> Intent<'static> {
    let coupon = Coupon {
        id: CouponId(id),
        version: 0,
        currency: EUR,
        benefit: Benefit::Amount(MinorUnits(50)),
        threshold: MinorUnits(0),
        scope: if skus.is_empty() { CouponScope::All } else { CouponScope::Skus },
        opens: MicrosUtc(START),
        closes: MicrosUtc(START + 3_600_000_000),
        quota: 0,
        user_quota: 0,
        group: 0,
        rank: 0,
        must_claim: !skus.is_empty(),
    };
    // As long as the test's process, so that intents are plain values.
    let coupon = Box::leak(Box::new(coupon));
    Intent::CouponDefine(CouponDefine { request: request_id(0, 4_000 + id), replaces: 0, coupon, skus })
}

/// A sale that opens so many seconds from now, for an hour.
fn sale(id: u32, opens_in_seconds: i64, skus: &[SaleSku]) -> Intent<'_> {
    let opens = START + opens_in_seconds * 1_000_000;
    Intent::SalePut(SalePut {
        request: request_id(0, 3_000 + u64::from(id)),
        replaces: 0,
        sale: Sale {
            id: SaleId(id),
            version: 0,
            closed_from: MicrosUtc(opens),
            opens: MicrosUtc(opens),
            closes: MicrosUtc(opens + 3_600_000_000),
            user_limit_units: 0,
            order_limit_units: 0,
            cap_units: 0,
            hold_seconds: 900,
        },
        skus,
    })
}
