//! A healthy journal passes the audit; with one fault planted in it, exactly the invariant that it breaks is named.

mod faults;

use domain::coupon::CouponCounts;
use domain::fact::{Fact, OrderCreated, Stamp};
use domain::order::State;
use domain::verdict::{CouponSummary, Holdings, SaleSummary, ShelfView, digest_order, digest_user_count};
use domain::{Micros, SkuId};
use model::{AuditReport, Auditor};

use faults::{BUYER, Journal, ON_SALE, PLAIN, SALE, START, WAREHOUSE, coupon, line, sale};

const DAY: Micros = Micros::from_seconds(24 * 3_600);

#[test]
fn each_fault_is_named_and_nothing_else() {
    for faults in faults::ALL {
        faults(&mut |expected, plant| {
            let report = audited(
                |journal| {
                    plant(journal);
                    journal.adjusts(|_| ()); // A fault is told once, and the journal goes on.
                },
                None,
            );
            assert_named(expected, &report);
        });
    }
}

/// What is on disk never has more, but the rule stands.
#[test]
fn an_order_keeps_no_more_client_bytes_than_it_may() {
    let report = audited(
        |journal| {
            journal.creates(&[line(PLAIN, 1)], |order| order.client_bytes = &[7; 1_025]);
        },
        None,
    );
    assert_named(&["baskets"], &report);
}

#[test]
fn a_journal_that_ends_in_damage_has_a_gap() {
    let mut auditor = Auditor::new(DAY);
    Journal::healthy(|position, stamp, facts| auditor.entry(position, stamp, facts)).adjusts(|_| ());
    assert!(auditor.sound_so_far());
    auditor.cannot_go_on("the segment is cut short");
    assert!(!auditor.sound_so_far());
    assert_named(&["positions"], &auditor.finish(None));
}

#[test]
fn what_the_store_holds() {
    compare(&[], |_| ());
    compare(&["store-time"], |store| store.at.0 += 1);
    compare(&["shelves"], |store| store.shelves[0].on_hand -= 1);
    compare(&["shelves"], |store| store.shelves[1].sold += 1);
    compare(&["shelves"], |store| store.shelves.truncate(1));
    compare(&["held"], |store| store.shelves[1].held -= 1);
    compare(&["store-sales"], |store| store.sales[0].taken_units -= 1);
    compare(&["store-sales"], |store| store.sales.clear());
    compare(&["store-orders"], |store| store.orders[1] -= 1);
    compare(&["store-orders"], |store| store.totals[1] -= 1);
    compare(&["store-orders"], |store| store.orders_digest ^= 1);
    compare(&["store-users"], |store| store.user_counts += 1);
    compare(&["store-users"], |store| store.user_counts_digest ^= 1);
    compare(&["store-requests"], |store| store.requests -= 1);
    compare(&["store-coupons"], |store| store.coupons[0].counts.used += 1);
    compare(&["store-coupons"], |store| store.coupons.clear());
    compare(&["store-coupons"], |store| store.coupon_users += 1);
    compare(&["store-coupons"], |store| store.coupon_users_digest ^= 1);
}

#[test]
fn the_totals_add_up() {
    let report = audited(
        |journal| {
            journal.creates(&[line(PLAIN, 11), line(ON_SALE, 2)], |_| ());
            journal.requests -= 1;
            journal.creates(&[line(ON_SALE, 1)], |_| ());
        },
        Some(&Holdings::default()),
    );
    let totals = report.totals;
    assert_eq!((totals.stock, totals.sold, totals.held), (20, 0, 14));
    assert_eq!((totals.oversold, totals.duplicate_orders, totals.lost), (1, 1, 2));
    assert_eq!(totals.orders[usize::from(State::PendingPayment.number()) - 1], 2);
    let positions = &report.invariants[0];
    assert_eq!((positions.name, positions.counted, positions.violations), ("positions", 10, 0));
}

/// The report on a healthy journal that goes on like this.
fn audited(goes_on: impl FnOnce(&mut Journal<'_>), store: Option<&Holdings>) -> AuditReport {
    let mut auditor = Auditor::new(DAY);
    let mut tell = |position, stamp: &Stamp, facts: &[Fact<'_>]| auditor.entry(position, stamp, facts);
    goes_on(&mut Journal::healthy(&mut tell));
    auditor.finish(store)
}

/// A healthy journal against a store that holds something else.
#[track_caller]
fn compare(expected: &[&str], differ: impl FnOnce(&mut Holdings)) {
    let mut auditor = Auditor::new(DAY);
    let mut journal = Journal::healthy(|position, stamp, facts| auditor.entry(position, stamp, facts));
    let order = journal.creates(&[line(PLAIN, 2), line(ON_SALE, 1)], |_| ());
    drop(journal);
    let mut store = holdings_of_the_healthy_store(&order);
    differ(&mut store);
    assert_named(expected, &auditor.finish(Some(&store)));
}

#[track_caller]
fn assert_named(expected: &[&str], report: &AuditReport) {
    let named: Vec<_> = report.failed().map(|invariant| invariant.name).collect();
    assert_eq!(named, expected, "{:#?}", report.failed().collect::<Vec<_>>());
    assert_eq!(report.ok(), expected.is_empty());
    assert!(report.failed().all(|invariant| invariant.first.is_some()));
}

/// After [`Journal::healthy`] and one order of 2 plain units and 1 on sale.
fn holdings_of_the_healthy_store(order: &OrderCreated<'_>) -> Holdings {
    let shelf = |sku: SkuId, held| ShelfView {
        sku,
        warehouse: WAREHOUSE,
        on_hand: 10,
        held,
        safety: 0,
        unavailable: 0,
        sold: 0,
        sellable: 10 - held,
    };
    let pending = usize::from(State::PendingPayment.number()) - 1;
    let mut store = Holdings {
        at: START,
        shelves: vec![shelf(PLAIN, 2), shelf(ON_SALE, 1)],
        sales: vec![SaleSummary { sale: sale(), taken_units: 1 }],
        orders_digest: digest_order(order.order, BUYER, State::PendingPayment, 1, order.total),
        user_counts: 1,
        user_counts_digest: digest_user_count(SALE, BUYER, 1),
        requests: 7,
        coupons: vec![CouponSummary { coupon: coupon(), counts: CouponCounts::default() }],
        ..Holdings::default()
    };
    store.orders[pending] = 1;
    store.totals[pending] = 600;
    store
}
