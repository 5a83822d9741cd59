//! The transaction that makes orders.

use domain::{RequestId, UserId};
use storage_cluster::mysql::{
    Committed, Database, FaultKind, Limits, Standing, TxFault, commit, forget_published, look,
    mark_published, order, orders, page_of_user, unpublished,
};
use storage_cluster::shelf::{Attempt, Epoch};

use crate::shard::{CAP, FIRST, OVER_THE_LIMIT, Orders, STOCK, Shard, hold, prepared};

const NOW: Committed<&str> = Committed::Now;

#[tokio::test]
async fn a_batch_stands_in_every_table() {
    let shard = Shard::start().await;
    let made = Orders::of(1, 64);
    assert_eq!(shard.commit(&made).await, vec![NOW; 64]);
    assert_eq!(shard.over_slices("1", "orders"), 64);
    assert_eq!(shard.over_slices("units", "order_items"), 64);
    assert_eq!(shard.over_slices("1", "order_history"), 64);
    assert_eq!(shard.number("SELECT COUNT(*) FROM user_counts WHERE units = 1"), 64);
    assert_eq!(shard.number("SELECT SUM(units) FROM stock_delta"), 64);
    assert_eq!(shard.number("SELECT COUNT(*) FROM stock_delta"), 1, "one row a batch and shelf");
    let keys = (0..8).map(|table| shard.number(&format!("SELECT COUNT(*) FROM request_keys_{table}")));
    assert_eq!(keys.sum::<i64>(), 64);
}

#[tokio::test]
async fn an_order_is_read_as_it_was_written() {
    let shard = Shard::start().await;
    let mut made = Orders::of(1, 2);
    made.batch[1].shelves.push((CAP, FIRST));
    shard.commit(&made).await;
    let mut lease = shard.database.lease().await.unwrap();
    let id = made.batch[1].order;
    let read = order(&mut lease, &shard.slices, id).await.unwrap().unwrap();
    assert_eq!((read.row.id, read.row.user, read.row.version), (id, UserId(2), 1));
    assert_eq!(read.row.record, made.record);
    let items: Vec<_> =
        read.items.iter().map(|item| (item.shelf, item.units, item.hold, item.epoch)).collect();
    assert_eq!(items, [(STOCK, 1, hold(id), FIRST), (CAP, 1, hold(id), FIRST)]);

    let known = look(&mut lease, &[made.batch[1].ask.key, prepared(99).ask.key]).await.unwrap();
    assert_eq!(known, [Some(Standing::Order { order: id, body_hash: 0xB0D7 }), None]);
    let mut both: Vec<_> = made.batch.iter().map(|one| one.order).collect();
    both.sort_unstable();
    let rows = orders(&mut lease, &shard.slices, &both).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), both);
    let nobodys = prepared(77).order;
    assert_eq!(order(&mut lease, &shard.slices, nobodys).await.unwrap(), None);
}

#[tokio::test]
async fn a_user_pages_through_orders_latest_first() {
    let shard = Shard::start().await;
    let mut made = Orders::of(1, 5);
    for (at, one) in made.batch.iter_mut().enumerate() {
        one.ask.key.who = UserId(1);
        one.ask.key.id.0 += (at as u128) << 80;
        one.counts.clear();
    }
    assert_eq!(shard.commit(&made).await, vec![NOW; 5]);
    let mut lease = shard.database.lease().await.unwrap();
    let mut seen = Vec::new();
    let mut before = RequestId(u128::MAX);
    loop {
        let page = page_of_user(&mut lease, UserId(1), before, 2).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        before = *last;
        seen.extend(page.iter().map(|(_, order)| *order));
    }
    let latest_first: Vec<_> = made.batch.iter().rev().map(|one| one.order).collect();
    assert_eq!(seen, latest_first);
}

#[tokio::test]
async fn one_bad_order_does_not_reach_the_other_sixty_three() {
    let shard = Shard::start().await;
    shard.commit(&Orders::of(1_000, 1)).await;
    let taken = shard.number(&format!("SELECT id FROM orders_{}", shard.slices.all()[0].name()));
    let mut batch = Orders::of(1, 64);
    batch.batch[17].order = domain::OrderId(taken as u64);
    let outcomes = shard.commit(&batch).await;
    for (at, outcome) in outcomes.iter().enumerate() {
        let wanted = if at == 17 { Committed::OrderIdTaken } else { NOW };
        assert_eq!(*outcome, wanted, "order {at}");
    }
    assert_eq!(shard.over_slices("1", "orders"), 64);
    assert_eq!(shard.number("SELECT SUM(units) FROM stock_delta"), 64);
}

#[tokio::test]
async fn a_record_that_is_too_long_fails_alone() {
    let shard = Shard::start().await;
    let mut batch = Orders::of(1, 1);
    batch.record = vec![0; 70_000];
    let outcomes = shard.commit(&batch).await;
    let [Committed::Failed(TxFault::NotDone(fault))] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!(fault.kind, FaultKind::Unfit);
    assert_eq!(shard.over_slices("1", "orders"), 0);
}

#[tokio::test]
async fn one_request_id_makes_one_order_whoever_is_first() {
    let shard = Shard::start().await;
    let other = Database::new(&shard.server.url("shop"), Limits::DEFAULT).unwrap();
    for round in 0..20 {
        // The same request ids from two nodes at once, each with order ids of its own.
        let (mine, mut theirs) = (Orders::of(1 + round * 64, 64), Orders::of(1 + round * 64, 64));
        for (own, their) in mine.batch.iter().zip(&mut theirs.batch) {
            their.ask.key = own.ask.key;
            their.order.0 += 1 << 22; // a millisecond later
        }
        let (desk_a, desk_b) = (&mut mine.clone(), &mut theirs.clone());
        let (a, b) = tokio::join!(
            commit(&shard.database, &shard.slices, &mine.batch, desk_a),
            commit(&other, &shard.slices, &theirs.batch, desk_b),
        );
        for (at, pair) in a.iter().zip(&b).enumerate() {
            match pair {
                (Committed::Now, Committed::Stands(Standing::Order { order, .. })) => {
                    assert_eq!(*order, mine.batch[at].order);
                }
                (Committed::Stands(Standing::Order { order, .. }), Committed::Now) => {
                    assert_eq!(*order, theirs.batch[at].order);
                }
                pair => panic!("order {at}: {pair:?}"),
            }
        }
    }
    assert_eq!(shard.over_slices("1", "orders"), 20 * 64);
    assert_eq!(shard.number("SELECT SUM(units) FROM stock_delta"), 20 * 64);
}

#[tokio::test]
async fn asked_twice_in_one_batch_the_second_hears_of_the_first() {
    let shard = Shard::start().await;
    let mut batch = Orders::of(1, 3);
    batch.batch[2].ask.key = batch.batch[0].ask.key;
    let stands = Committed::Stands(Standing::Order { order: batch.batch[0].order, body_hash: 0xB0D7 });
    assert_eq!(shard.commit(&batch).await, [NOW, NOW, stands]);
}

#[tokio::test]
async fn a_users_limit_holds_within_a_batch_and_between_nodes() {
    let shard = Shard::start().await;
    let other = Database::new(&shard.server.url("shop"), Limits::DEFAULT).unwrap();
    let of_one_user = |first| {
        let mut orders = Orders { limit: 5, ..Orders::of(first, 8) };
        for one in &mut orders.batch {
            one.ask.key.who = UserId(1);
            one.counts[0].user = UserId(1);
        }
        orders
    };
    let (mine, theirs) = (of_one_user(1), of_one_user(101));
    let (desk_a, desk_b) = (&mut mine.clone(), &mut theirs.clone());
    let (a, b) = tokio::join!(
        commit(&shard.database, &shard.slices, &mine.batch, desk_a),
        commit(&other, &shard.slices, &theirs.batch, desk_b),
    );
    let made = a.iter().chain(&b).filter(|outcome| **outcome == NOW).count();
    let refused =
        a.iter().chain(&b).filter(|outcome| **outcome == Committed::Refused(OVER_THE_LIMIT)).count();
    assert_eq!((made, refused), (5, 11), "{a:?} {b:?}");
    assert_eq!(shard.number("SELECT units FROM user_counts"), 5);
}

#[tokio::test]
async fn units_of_another_epoch_are_not_bought() {
    let shard = Shard::start().await;
    let mut batch = Orders::of(1, 3);
    batch.batch[1].shelves = vec![(STOCK, FIRST.next())];
    batch.batch[2].shelves = vec![(STOCK, FIRST), (domain_shelf(), FIRST)];
    let fenced = |shelf, epoch: Option<Epoch>| Committed::Fenced { shelf, epoch };
    let wanted = [NOW, fenced(STOCK, Some(FIRST)), fenced(domain_shelf(), None)];
    assert_eq!(shard.commit(&batch).await, wanted);
}

/// A shelf that no opener has ever opened here.
fn domain_shelf() -> storage_cluster::shelf::ShelfKey {
    storage_cluster::shelf::ShelfKey::CouponQuota(domain::CouponId(8))
}

#[tokio::test]
async fn an_attempt_that_saw_another_row_is_sent_back() {
    let shard = Shard::start().await;
    let mut batch = Orders::of(1, 1);
    batch.batch[0].ask.attempt = Attempt(2);
    assert_eq!(shard.commit(&batch).await, [Committed::DeadInTheWay(None)]);
}

#[tokio::test]
async fn events_wait_until_they_are_marked_and_not_by_their_numbers() {
    let shard = Shard::start().await;
    for first in 0..3 {
        shard.commit(&Orders::of(1 + first * 10, 10)).await;
    }
    let mut lease = shard.database.lease().await.unwrap();
    let waiting = unpublished(&mut lease, 100).await.unwrap();
    assert_eq!(waiting.iter().map(|one| one.events.len()).collect::<Vec<_>>(), [10, 10, 10]);
    assert_eq!(waiting[0].events[0].body, [1; 40]);
    // The last is published first: the others wait on.
    mark_published(&mut lease, &[waiting[2].seq]).await.unwrap();
    assert_eq!(unpublished(&mut lease, 100).await.unwrap(), waiting[..2]);
    assert_eq!(forget_published(&mut lease, 100).await, Ok(1));
}
