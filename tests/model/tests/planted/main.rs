//! A healthy journal passes the audit; with one fault planted in it, exactly the invariant that it breaks is named.

mod faults;

use std::cell::RefCell;

use domain::coupon::CouponCounts;
use domain::fact::{Fact, OrderCreated, Stamp};
use domain::order::State;
use domain::verdict::{CouponSummary, Holdings, SaleSummary, ShelfView, digest_order, digest_user_count};
use domain::{Balance, Ledger, LedgerBounds, Micros, OrderBalance, Quantity, Rules, SkuId};
use model::{AuditReport, Auditor, Opening};

use faults::{BUYER, Journal, ON_SALE, PLAIN, SALE, START, WAREHOUSE, coupon, line, sale};

const DAY: Micros = Micros::from_seconds(24 * 3_600);
/// Enough for the healthy journal and an order.
const SMALL: LedgerBounds = LedgerBounds {
    orders_max: 4,
    lines_max: 16,
    history_rows_max: 64,
    request_ids_max: 64,
    changes_max: 32,
    payments_max: 8,
    user_counts_max: 16,
    skus_max: 4,
    shelves_max: 4,
    sales_max: 4,
    sale_skus_max: 4,
    coupons_max: 4,
    coupon_users_max: 4,
    coupon_orders_max: 4,
    ..LedgerBounds::NONE
};

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

#[test]
fn behind_an_opening_balance_each_fault_is_named_as_well() {
    for faults in faults::ALL {
        faults(&mut |expected, plant| {
            let listener = Listener::new();
            let mut journal =
                Journal::healthy(|position, stamp, facts| listener.borrow_mut().hear(position, stamp, facts));
            let begins_behind = journal.position - 1;
            let (balance, _) = listener.borrow().balance();
            let auditor = Opening::new(DAY, begins_behind, balance).opened();
            listener.replace(Listener::Auditor(Box::new(auditor)));
            plant(&mut journal);
            journal.adjusts(|_| ());
            drop(journal);
            let Listener::Auditor(auditor) = listener.into_inner() else { unreachable!("it became one") };
            let report = auditor.finish(None);
            assert_eq!(report.begins_behind, begins_behind);
            assert_named(expected, &report);
        });
    }
}

#[test]
fn an_opening_balance_that_does_not_add_up_is_named() {
    open(&[], |_, _| ());
    open(&["held"], |balance, _| balance.shelves[0].view.held += 1);
    open(&["shelves"], |balance, _| balance.holdings.shelves[0].on_hand += 1);
    open(&["store-sales"], |balance, _| balance.holdings.sales[0].taken_units += 1);
    open(&["store-orders"], |balance, _| balance.holdings.orders_digest ^= 1);
    open(&["store-payments"], |balance, _| balance.holdings.arrived += 1);
    open(&["store-shipments"], |balance, _| balance.holdings.shipments += 1);
    open(&["store-cases"], |balance, _| balance.holdings.cases += 1);
    open(&["store-coupons"], |balance, _| balance.claims.push((coupon().id, BUYER, 1)));
    open(&["store-users"], |balance, _| balance.holdings.user_counts_digest ^= 1);
    open(&["store-limits"], |balance, _| balance.holdings.limits += 1);
    open(&["store-switches"], |balance, _| balance.holdings.switches += 1);
    open(&["store-freight"], |balance, _| balance.holdings.freight_rules += 1);
    open(&["store-requests"], |balance, _| balance.requests.clear());
    open(&["order-ids"], |balance, _| balance.newest_id = None);
    // Orders that are not what the sums say.
    open(&["held", "store-sales", "store-orders", "store-users", "store-requests"], |_, orders| {
        orders.clear()
    });
    open(&["order-ids"], |_, orders| orders.push(orders[0].clone()));
    open(&["held", "store-sales", "store-users"], |_, orders| {
        orders[0].lines[1].quantity = Quantity::parse(2).expect("in range");
    });
    open(&["held", "shelves", "store-orders"], |_, orders| orders[0].brief.state = State::Confirmed);
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

/// Who hears the facts of a journal: first a ledger, then an audit that begins with what the ledger holds.
enum Listener {
    Ledger(Box<Ledger>),
    Auditor(Box<Auditor>),
}

impl Listener {
    fn new() -> RefCell<Listener> {
        RefCell::new(Listener::Ledger(Box::new(Ledger::new(SMALL, Rules::DEFAULT, 7))))
    }

    fn hear(&mut self, position: u64, stamp: &Stamp, facts: &[Fact<'_>]) {
        match self {
            Listener::Ledger(ledger) => {
                facts.iter().for_each(|fact| ledger.replay(stamp, fact).expect("there is room"));
            }
            Listener::Auditor(auditor) => auditor.entry(position, stamp, facts),
        }
    }

    /// What the ledger holds, and its orders.
    fn balance(&self) -> (Balance, Vec<OrderBalance>) {
        let Listener::Ledger(ledger) = self else { unreachable!("it hears nothing else yet") };
        let mut orders = Vec::new();
        ledger.each_record(|_, record| orders.push(OrderBalance::read(record).expect("a record")));
        (ledger.balance(), orders)
    }
}

/// An opening balance after [`Journal::healthy`] and one order of 2 plain units and 1 on sale, that differs like this.
#[track_caller]
fn open(expected: &[&str], differ: impl FnOnce(&mut Balance, &mut Vec<OrderBalance>)) {
    let listener = Listener::new();
    let mut journal =
        Journal::healthy(|position, stamp, facts| listener.borrow_mut().hear(position, stamp, facts));
    journal.creates(&[line(PLAIN, 2), line(ON_SALE, 1)], |_| ());
    let (mut balance, mut orders) = listener.borrow().balance();
    differ(&mut balance, &mut orders);
    let mut opening = Opening::new(DAY, journal.position - 1, balance);
    orders.iter().for_each(|order| opening.order(order));
    assert_named(expected, &opening.opened().finish(None));
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
