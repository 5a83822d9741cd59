//! Orders at rest: what leaves memory comes back as it was, and what is no record is refused.

mod shop;

use std::ops::ControlFlow;

use domain::intent::{LIST_LOOKS_MAX, List, PAGE_MAX};
use domain::order::State;
use domain::{
    Intent, Ledger, LedgerBounds, Making, Needs, OrderId, PageFilter, PagePart, RecordFault, RequestId,
    RestingOrder, Rules, UserId, Verdict,
};
use shop::{BOUNDS, Shop};

/// An order of three lines with everything that an order can have.
const STORY: [&str; 14] = [
    "sku 1 price 500",
    "sku 2 price 30",
    "sku 3 price 7",
    "stock 1@1 +10",
    "stock 2@1 +10",
    "stock 3@2 +10",
    "coupon 7 off 20",
    "create A user 5 lines 1@1x2,2@1x1,3@2x4 bytes 100 with 7",
    "pay A",
    "paid A.1",
    "ship A lines 1x1,3x2",
    "note A 1 Leipzig",
    "ship A",
    "sign A",
];

fn a_shop(steps: &[&str]) -> Shop {
    let mut shop = Shop::new(BOUNDS);
    for step in steps {
        shop.tell(step);
    }
    shop
}

/// Lets everybody rest who may, at once. The records, with what LIST shows.
fn rest(shop: &mut Shop) -> Vec<(OrderId, Vec<u8>)> {
    let mut records = Vec::new();
    shop.ledger.rest(2 * shop.ledger.rows(), 0, |order| {
        records.push((order.brief.order, order.record.to_vec()));
        ControlFlow::Continue(())
    });
    for (order, _) in &records {
        assert!(shop.ledger.rested(*order), "nothing has changed it");
    }
    records
}

/// All that can be read of an order.
fn reads(user: UserId, order: OrderId) -> [Intent<'static>; 6] {
    let payment = domain::PaymentId::new(order, 1);
    [
        Intent::Get { user, order },
        Intent::History { user, order },
        Intent::Track { user, order },
        Intent::CaseList { user, order },
        Intent::PayGet { user, order, payment: domain::PaymentId(0) },
        Intent::PayGet { user, order: OrderId(0), payment },
    ]
}

#[test]
fn an_order_comes_back_with_all_that_it_had() {
    let mut shop = a_shop(&STORY);
    let (order, user, request) = shop.named("A");
    let before: Vec<_> = reads(user, order).iter().map(|intent| shop.read(intent)).collect();
    let held = shop.holdings();
    let records = rest(&mut shop);
    assert_eq!((records.len(), shop.ledger.orders(), shop.ledger.at_rest()), (1, 0, 1));

    let needs = Needs::Order { making: order.making(), is_there: false };
    for intent in reads(user, order) {
        assert_eq!(shop.ledger.needs(&intent), needs, "{intent:?}");
    }
    let needs = Needs::Order { making: order.making(), is_there: true };
    assert_eq!(shop.ledger.needs(&Intent::GetByRequest { user, request }), needs, "a remembered request");
    assert_eq!(shop.holdings(), held, "nothing adds up to anything else");

    shop.ledger.wake(&records[0].1).unwrap();
    assert_eq!((shop.ledger.orders(), shop.ledger.at_rest()), (1, 0));
    let after: Vec<_> = reads(user, order).iter().map(|intent| shop.read(intent)).collect();
    assert_eq!(after, before);
    assert!(matches!(shop.read(&Intent::GetByRequest { user, request }), Verdict::OrderFound(_)));
    assert_eq!(rest(&mut shop), [], "what is kept as it is goes without being handed out");
    assert_eq!((shop.ledger.orders(), shop.ledger.at_rest()), (0, 1));
}

#[test]
fn an_order_that_changes_after_it_was_handed_out_stays() {
    let mut shop = a_shop(&STORY[..STORY.len() - 1]);
    let (order, ..) = shop.named("A");
    let mut handed_out = 0;
    shop.ledger.rest(2 * shop.ledger.rows(), 0, |_| {
        handed_out += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(handed_out, 1, "an order on its way is not handed out twice");
    shop.tell("sign A");
    assert_eq!(rest(&mut shop), [], "nor before it is known what became of the first time");
    assert!(!shop.ledger.rested(order), "what was handed out is not it any more");
    assert_eq!(shop.ledger.orders(), 1);
    assert_eq!((rest(&mut shop).len(), shop.ledger.orders()), (1, 0));
}

#[test]
fn orders_that_wait_for_a_timer_never_rest() {
    let mut shop = a_shop(&STORY[..8]);
    assert_eq!(rest(&mut shop), []);
    shop.tell("pay A");
    assert_eq!(rest(&mut shop), []);
    shop.tell("cancel A");
    assert_eq!(rest(&mut shop).len(), 1);
}

#[test]
fn an_order_rests_after_two_rounds_in_which_nobody_touched_it() {
    let mut shop = a_shop(&STORY[..10]);
    let round = |shop: &mut Shop| {
        let mut records = 0;
        let rows = shop.ledger.rows();
        shop.ledger.rest(rows, Ledger::REST_ROUNDS, |_| {
            records += 1;
            ControlFlow::Continue(())
        });
        records
    };
    assert_eq!((round(&mut shop), round(&mut shop)), (0, 0));
    shop.tell("ship A");
    assert_eq!((round(&mut shop), round(&mut shop), round(&mut shop)), (0, 0, 1));
}

#[test]
fn what_is_no_record_is_refused_and_changes_nothing() {
    let mut shop = a_shop(&STORY);
    let (_, record) = rest(&mut shop).remove(0);
    for end in 0..record.len() {
        assert_eq!(shop.ledger.wake(&record[..end]), Err(RecordFault::Nonsense), "the first {end} bytes");
    }
    let mut longer = record.clone();
    longer.push(0);
    assert_eq!(shop.ledger.wake(&longer), Err(RecordFault::Nonsense));
    let mut newer = record.clone();
    newer[0] = 9;
    assert_eq!(shop.ledger.wake(&newer), Err(RecordFault::Version(9)));
    assert_eq!((shop.ledger.orders(), shop.ledger.at_rest()), (0, 1));
}

#[test]
fn an_order_that_finds_no_room_is_refused() {
    let (_, record) = rest(&mut a_shop(&STORY)).remove(0);
    for (name, bounds) in [
        ("orders_max", LedgerBounds { orders_max: 0, ..BOUNDS }),
        ("payments_max", LedgerBounds { payments_max: 0, ..BOUNDS }),
        ("shipments_max", LedgerBounds { shipments_max: 1, ..BOUNDS }),
        ("coupon_orders_max", LedgerBounds { coupon_orders_max: 0, ..BOUNDS }),
    ] {
        let mut ledger = Ledger::new(bounds, Rules::DEFAULT, 1);
        let Err(RecordFault::PassedBound(bound)) = ledger.wake(&record) else { panic!("{name} has room") };
        assert_eq!((bound.name, ledger.orders()), (name, 0));
    }
}

#[test]
fn a_page_shows_what_rests_as_it_is_and_what_is_awake_as_it_is_now() {
    let steps = ["create A user 5 lines 1@1x1", "create B user 5 lines 1@1x1", "create C user 5 lines 1@1x1"];
    let mut shop = a_shop(&STORY[..4]);
    for step in steps.iter().chain(&["cancel A", "cancel B", "cancel C"]) {
        shop.tell(step);
    }
    let records = rest(&mut shop);
    let [a, b, c] = ["A", "B", "C"].map(|name| shop.named(name).0);
    let briefs: Vec<_> =
        records.iter().map(|(_, record)| RestingOrder::read(record).unwrap().brief).collect();
    let list = |limit| Intent::List(List { user: UserId(5), before: OrderId(0), state: 0, limit });
    let page = |shop: &Shop, limit| {
        let filter = PageFilter::of(&list(limit)).unwrap();
        let mut newest_first = briefs.clone();
        newest_first.sort_by_key(|brief| std::cmp::Reverse(brief.order));
        let part = filter.part(newest_first.into_iter().map(|brief| (brief, std::iter::empty())));
        let Verdict::Orders(page) = shop.ledger.page(&filter, &part) else { panic!("it is a page") };
        (page.items.iter().map(|brief| brief.order).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(page(&shop, 9), (vec![c, b, a], OrderId(0)));
    assert_eq!(page(&shop, 2), (vec![c, b], b));
    // B comes back: it is shown once, and a page that was found with it at rest ends where it was looked at.
    let record = &records.iter().find(|(order, _)| *order == b).unwrap().1;
    shop.ledger.wake(record).unwrap();
    assert_eq!(page(&shop, 9), (vec![c, b, a], OrderId(0)));
    assert_eq!(page(&shop, 2), (vec![c, b], b));
    let awake = shop.apply(&list(9));
    let Verdict::Orders(awake) = awake else { panic!("it is a page") };
    let awake: Vec<_> = awake.items.iter().map(|it| (it.order, it.state)).collect();
    assert_eq!(awake, [(b, State::Cancelled)], "what is in memory alone");
}

#[test]
fn a_part_that_looked_no_further_hides_what_lies_behind_it() {
    let shop = a_shop(&STORY[..8]);
    let (order, user, _) = shop.named("A");
    let filter =
        PageFilter::of(&Intent::List(List { user, before: OrderId(0), state: 0, limit: PAGE_MAX })).unwrap();
    let later = OrderId::new(order.ms() + 1, order.slot(), 0);
    let part = PagePart { items: Vec::new(), looked_to: Some(later), more: true };
    let Verdict::Orders(page) = shop.ledger.page(&filter, &part) else { panic!("it is a page") };
    assert_eq!((page.items.len(), page.next), (0, later), "{LIST_LOOKS_MAX} looks may find nothing");
}

#[test]
fn nobody_is_asked_for_who_was_not_made_yet() {
    let mut shop = a_shop(&STORY);
    let (order, user, _) = shop.named("A");
    rest(&mut shop);
    let later = OrderId::new(order.ms() + 1, order.slot(), 0);
    assert_eq!(shop.ledger.needs(&Intent::Get { user, order: later }), Needs::Nothing);
    assert!(order.making() < later.making() && Making::at(shop.now) >= order.making());
    let request = RequestId(1 << 90);
    assert_eq!(shop.ledger.needs(&Intent::GetByRequest { user, request }), Needs::Nothing);
}
