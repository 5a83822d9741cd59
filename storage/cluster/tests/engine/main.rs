//! The engine against servers of its own: what a reactor hears, and what stands in Redis and MySQL afterwards.

mod lives;
mod shop;

use std::time::Duration;

use domain::intent::{Envelope, List};
use domain::order::State;
use domain::{Intent, OrderId, Reason, UserId, Verdict};

use shop::{Cluster, Node, cancel, create, line, request};

/// What most tests sell.
const SKU: u64 = 17;

/// Units of live orders, and what Redis would still give, are what was put there.
fn nothing_is_lost(cluster: &Cluster, sku: u64, units: i64) {
    let query =
        format!("SELECT COALESCE(SUM(units), 0) FROM stock_delta WHERE shelf_kind = 1 AND shelf_id = {sku}");
    cluster.wait_until("Redis with all units", |cluster| {
        -cluster.sum(&query) == cluster.units_in_redis(sku) && cluster.units_in_redis(sku) <= units
    });
}

#[test]
fn an_order_is_made_read_and_cancelled() {
    let cluster = Cluster::start();
    let mut node = Node::start(&cluster);
    node.stock(SKU, 10);

    let lines = [line(SKU, 3)];
    let made = node.order(create(1, request(), &lines));
    assert_eq!((made.user, made.state, made.version), (UserId(1), State::PendingPayment, 1));
    nothing_is_lost(&cluster, SKU, 10);
    assert_eq!(cluster.units_in_redis(SKU), 7);

    let get = Intent::Get { user: UserId(1), order: made.order };
    let Verdict::OrderFound(found) = node.ask(get) else { panic!("it is there") };
    assert_eq!((found.brief, found.lines.len()), (made, 1));
    let elses = Intent::Get { user: UserId(2), order: made.order };
    assert_eq!(node.refusal(elses).reason, Reason::OrderNotFound);

    let ended = node.order(cancel(1, made.order));
    assert_eq!((ended.order, ended.state), (made.order, State::Cancelled));
    cluster.wait_until("what came back", |cluster| cluster.units_in_redis(SKU) == 10);
    let Verdict::History(history) = node.ask(Intent::History { user: UserId(1), order: made.order }) else {
        panic!("it has one")
    };
    assert_eq!(
        history.rows.iter().map(|row| row.to).collect::<Vec<_>>(),
        [State::PendingPayment, State::Cancelled]
    );
    assert_eq!(node.refusal(cancel(1, made.order)).reason, Reason::WrongState);
}

#[test]
fn a_request_id_makes_one_order() {
    let cluster = Cluster::start();
    let mut node = Node::start(&cluster);
    node.stock(SKU, 10);

    let id = request();
    let (one, two) = ([line(SKU, 1)], [line(SKU, 2)]);
    let made = node.order(create(1, id, &one));
    let again = Envelope { asked_before: true, ..Envelope::default() };
    for envelope in [again, Envelope::default()] {
        let answers = node.ask_all(&[(envelope, create(1, id, &one)), (envelope, create(1, id, &two))]);
        assert_eq!(answers[0], Ok(Verdict::Order(made)));
        let Ok(Verdict::Refused(refusal)) = answers[1] else { panic!("{:?}", answers[1]) };
        assert_eq!(refusal.reason, Reason::RequestIdReused);
    }
    let by_request = Intent::GetByRequest { user: UserId(1), request: id };
    let Verdict::OrderFound(found) = node.ask(by_request) else { panic!("it is found") };
    assert_eq!(found.brief.order, made.order);
    nothing_is_lost(&cluster, SKU, 10);
}

#[test]
fn what_is_there_is_sold_and_nothing_else() {
    let cluster = Cluster::start();
    let mut node = Node::start(&cluster);
    let mut other = Node::start(&cluster);
    node.stock(SKU, 100);
    node.order(create(9_999, request(), &[line(SKU, 1)]));

    let one = [line(SKU, 1)];
    let asks = |users: std::ops::Range<u64>| -> Vec<_> {
        users.map(|user| (Envelope::default(), create(user, request(), &one))).collect()
    };
    let (here, there) = (asks(1..101), asks(101..201));
    let outcomes = std::thread::scope(|scope| {
        let other = scope.spawn(|| other.ask_all(&there));
        let mut outcomes = node.ask_all(&here);
        outcomes.extend(other.join().expect("the other node answers"));
        outcomes
    });
    let made = outcomes.iter().filter(|it| matches!(it, Ok(Verdict::Order(_)))).count();
    let sold_out = |outcome: &&storage::Outcome| matches!(outcome, Ok(Verdict::Refused(refusal)) if refusal.reason == Reason::SoldOut);
    assert_eq!(
        (made, outcomes.iter().filter(sold_out).count()),
        (99, 101),
        "{:?}",
        outcomes.iter().find(|it| !matches!(it, Ok(Verdict::Order(_))))
    );
    nothing_is_lost(&cluster, SKU, 100);
    assert_eq!(cluster.units_in_redis(SKU), 0);
    assert_eq!(cluster.sum("SELECT COUNT(*) FROM user_counts"), 0, "no sale was on");
}

#[test]
fn limits_and_caps_hold() {
    let cluster = Cluster::start();
    let mut node = Node::start(&cluster);
    node.stock(SKU, 100);
    node.sale(5, SKU, 2, 7);

    let one = [line(SKU, 1)];
    // Five at once of one user, who may have two.
    let asks: Vec<_> = (0..5).map(|_| (Envelope::default(), create(1, request(), &one))).collect();
    node.order(create(2, request(), &one));
    let outcomes = node.ask_all(&asks);
    let refused = |reason: Reason| {
        outcomes.iter().filter(|it| matches!(it, Ok(Verdict::Refused(why)) if why.reason == reason)).count()
    };
    let made = outcomes.iter().filter(|it| matches!(it, Ok(Verdict::Order(_)))).count();
    assert_eq!((made, refused(Reason::UserLimit)), (2, 3), "{outcomes:?}");
    // Three of seven are taken.
    let asks: Vec<_> = (10..20).map(|user| (Envelope::default(), create(user, request(), &one))).collect();
    let outcomes = node.ask_all(&asks);
    let made = outcomes.iter().filter(|it| matches!(it, Ok(Verdict::Order(_)))).count();
    let capped = |outcome: &&storage::Outcome| matches!(outcome, Ok(Verdict::Refused(refusal)) if refusal.reason == Reason::SaleCap);
    assert_eq!((made, outcomes.iter().filter(capped).count()), (4, 6), "{outcomes:?}");
    nothing_is_lost(&cluster, SKU, 100);
}

#[test]
fn a_flushed_redis_is_opened_again_and_has_what_is_left() {
    let cluster = Cluster::start();
    let mut node = Node::start(&cluster);
    node.stock(SKU, 10);
    let made = node.order(create(1, request(), &[line(SKU, 4)]));
    cluster.redis.flush_all();
    let next = node.order(create(2, request(), &[line(SKU, 6)]));
    assert_ne!(made.order, next.order);
    assert_eq!(node.refusal(create(3, request(), &[line(SKU, 1)])).reason, Reason::SoldOut);
    nothing_is_lost(&cluster, SKU, 10);
}

#[test]
fn pages_of_a_users_orders_go_from_the_newest_to_the_oldest() {
    let cluster = Cluster::start();
    let mut node = Node::start(&cluster);
    node.stock(SKU, 100);
    let one = [line(SKU, 1)];
    let mut made: Vec<OrderId> = Vec::new();
    for _ in 0..5 {
        made.push(node.order(create(1, request(), &one)).order);
        std::thread::sleep(Duration::from_millis(2));
    }
    node.order(create(2, request(), &one));
    made.reverse();
    let mut page = |before, limit| {
        let list = Intent::List(List { user: UserId(1), before, state: 0, limit });
        let Verdict::Orders(page) = node.ask(list) else { panic!("a page") };
        (page.items.iter().map(|brief| brief.order).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(page(OrderId(0), 100), (made.clone(), OrderId(0)));
    let (first, next) = page(OrderId(0), 2);
    assert_eq!((first, next), (made[..2].to_vec(), made[1]));
    assert_eq!(page(next, 3).0, made[2..]);
}
