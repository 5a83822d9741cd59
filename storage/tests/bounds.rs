//! A journal that holds more than today's bounds allow: the opening names the bound and changes nothing, and a
//! ledger with just enough room can still end every order.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

mod common;

use common::mem_disk::{End, MemDisk, MemHot};
use common::{EUR, Life, START, cancel, create, request_id, tiny};
use domain::coupon::{Benefit, Coupon, CouponIds, CouponScope};
use domain::intent::{
    AskedLine, CouponClaim, CouponDefine, Create, Lines, Sale, SalePut, SaleSku, Sku, SkuPut, StockAdjust,
};
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

#[test]
fn each_bound_below_what_the_journal_holds_is_named_and_nothing_is_changed() {
    let (disk, _) = a_history();
    for (name, set, needed) in NEEDED {
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
        reopen(&disk, config(ledger), |life| assert_eq!(life.store.stats().orders, 4, "{name} = {needed}"));
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
    reopen(&disk, config(ledger), |life| assert_eq!(life.store.stats().orders, 4));
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
