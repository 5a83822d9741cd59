//! Fences, sums and the batches of what comes back.

use std::collections::BTreeMap;

use storage_cluster::mysql::{
    BATCH_MAX, Committed, Database, Fenced, Limits, Raised, ReturnBatch, begin_openings, compact,
    confirm_return, next_return, numbers, raise, raise_fences, shelves_with_returns, sum,
};
use storage_cluster::shelf::{Epoch, ShardNo, ShelfKey};

use crate::changes::cancel;
use crate::shard::{CAP, FIRST, Orders, STOCK, Shard};

const SHARD: ShardNo = ShardNo(0);

#[tokio::test]
async fn a_fence_only_rises_and_its_sum_is_of_live_orders() {
    let shard = Shard::start().await;
    shard.commit(&Orders::of(1, 10)).await;
    let mut lease = shard.database.lease().await.unwrap();
    let third = Epoch::parse(3).unwrap();
    assert_eq!(raise(&mut lease, STOCK, third).await, Ok(Raised::Sum(10)));
    assert_eq!(raise(&mut lease, STOCK, third).await, Ok(Raised::There { epoch: third }));
    assert_eq!(raise(&mut lease, STOCK, FIRST).await, Ok(Raised::There { epoch: third }));
    assert_eq!(raise(&mut lease, CAP, third).await, Ok(Raised::Sum(0)), "a shelf of its own");
    let refused = shard.commit(&Orders::of(11, 2)).await;
    let fenced = Committed::Fenced { shelf: STOCK, epoch: Some(third) };
    assert_eq!(refused, [fenced.clone(), fenced]);
}

#[tokio::test]
async fn every_epoch_that_the_home_makes_is_another_one() {
    let shard = Shard::start().await;
    let both = BTreeMap::from([(STOCK, None), (CAP, None)]);
    let other = Database::new(&shard.server.url("shop"), Limits::DEFAULT).unwrap();
    let mut made = Vec::new();
    for _ in 0..10 {
        let (mut a, mut b) = (shard.database.lease().await.unwrap(), other.lease().await.unwrap());
        let (a, b) = tokio::join!(begin_openings(&mut a, &both), begin_openings(&mut b, &both));
        made.extend(a.unwrap().into_iter().chain(b.unwrap()));
    }
    for shelf in [STOCK, CAP] {
        let epoch = |(of, fenced): &(ShelfKey, Fenced)| match fenced {
            Fenced::Raised { epoch, sum: 0 } => (*of == shelf).then_some(epoch.get()),
            other => panic!("{other:?}"),
        };
        let mut epochs: Vec<_> = made.iter().filter_map(epoch).collect();
        epochs.sort_unstable();
        assert_eq!(epochs, (2..=21).collect::<Vec<_>>(), "above the first, with which they are made");
    }
    let mut lease = shard.database.lease().await.unwrap();
    let new = ShelfKey::CouponQuota(domain::CouponId(1));
    let seen_elsewhere = BTreeMap::from([(new, Epoch::parse(7))]);
    let eighth = Epoch::parse(8).unwrap();
    let begun = begin_openings(&mut lease, &seen_elsewhere).await;
    assert_eq!(begun, Ok(BTreeMap::from([(new, Fenced::Raised { epoch: eighth, sum: 0 })])));
    let there = Fenced::There { epoch: eighth };
    let raised = raise_fences(&mut lease, &BTreeMap::from([(new, eighth)])).await;
    assert_eq!(raised, Ok(BTreeMap::from([(new, there)])));
}

/// The heart of it: whatever commits under an epoch is in the sum that ends it, and nothing commits under it afterwards.
#[tokio::test]
async fn the_sum_under_the_fence_is_what_was_and_will_be_committed() {
    let shard = Shard::start().await;
    let buyers = [shard.server.url("shop"), shard.server.url("shop")];
    let buyers = buyers.map(|url| Database::new(&url, Limits::DEFAULT).unwrap());
    let mut epoch = FIRST;
    for round in 0..15_u64 {
        let batches: Vec<_> = (0..6).map(|at| at_epoch(1 + round * 1_000 + at * 100, epoch)).collect();
        let buying = async |buyer: usize| {
            let mut made = 0;
            for orders in batches.iter().skip(buyer).step_by(2) {
                let outcomes = storage_cluster::mysql::commit(
                    &buyers[buyer],
                    &shard.slices,
                    &orders.batch,
                    &mut orders.clone(),
                )
                .await;
                for outcome in outcomes {
                    match outcome {
                        Committed::Now => made += 1,
                        Committed::Fenced { .. } => (),
                        other => panic!("{other:?}"),
                    }
                }
            }
            made
        };
        let mut lease = shard.database.lease().await.unwrap();
        let next = epoch.next();
        let before = shard.over_slices("units", "order_items");
        let opening = async {
            tokio::time::sleep(std::time::Duration::from_millis(round)).await;
            raise(&mut lease, STOCK, next).await.unwrap()
        };
        let (a, b, raised) = tokio::join!(buying(0), buying(1), opening);
        let Raised::Sum(summed) = raised else { panic!("{raised:?}") };
        assert_eq!(summed, before + a + b, "round {round}");
        assert_eq!(shard.over_slices("units", "order_items"), summed);
        epoch = next;
    }
}

fn at_epoch(first: u64, epoch: Epoch) -> Orders {
    let mut orders = Orders::of(first, 32);
    orders.batch.iter_mut().for_each(|one| one.shelves = vec![(STOCK, epoch)]);
    orders
}

#[tokio::test]
async fn compacting_changes_no_sum() {
    let shard = Shard::start().await;
    for first in 0..8 {
        shard.commit(&Orders::of(1 + first * 4, 4)).await;
    }
    cancel(&shard, &Orders::of(1, 0), &[]).await;
    let mut lease = shard.database.lease().await.unwrap();
    let before = numbers(&mut lease, STOCK).await.unwrap();
    assert_eq!((before.units, before.each), (32, [0, 32, 0, 0, 0, 0]), "all of them are held");
    assert_eq!(compact(&mut lease, STOCK, 5).await, Ok(5));
    assert_eq!(sum(&mut lease, STOCK).await, Ok(32));
    assert_eq!(compact(&mut lease, STOCK, 1_000).await, Ok(4));
    assert_eq!(compact(&mut lease, STOCK, 1_000).await, Ok(0), "one row is as few as it gets");
    assert_eq!(numbers(&mut lease, STOCK).await, Ok(before));
    assert_eq!(shard.number("SELECT COUNT(*) FROM stock_delta"), 1);
    assert_eq!(raise(&mut lease, STOCK, FIRST.next()).await, Ok(Raised::Sum(32)));
}

#[tokio::test]
async fn a_batch_of_returns_is_sent_until_it_is_confirmed_and_never_changes() {
    let shard = Shard::start().await;
    let orders = Orders::of(1, 6);
    shard.commit(&orders).await;
    let mut lease = shard.database.lease().await.unwrap();
    assert_eq!(next_return(&mut lease, SHARD, STOCK).await, Ok(None));
    cancel(&shard, &orders, &[0, 1]).await;
    let first = ReturnBatch { shelf: STOCK, epoch: FIRST, number: 1, units: 2 };
    assert_eq!(next_return(&mut lease, SHARD, STOCK).await, Ok(Some(first)));
    cancel(&shard, &orders, &[2, 3, 4]).await;
    assert_eq!(next_return(&mut lease, SHARD, STOCK).await, Ok(Some(first)), "what comes meanwhile waits");
    assert_eq!(shelves_with_returns(&mut lease, 10).await, Ok(vec![STOCK]));
    confirm_return(&mut lease, SHARD, &first).await.unwrap();
    let second = ReturnBatch { number: 2, units: 3, ..first };
    assert_eq!(next_return(&mut lease, SHARD, STOCK).await, Ok(Some(second)));
    confirm_return(&mut lease, SHARD, &second).await.unwrap();
    assert_eq!(next_return(&mut lease, SHARD, STOCK).await, Ok(None));
    assert_eq!(shelves_with_returns(&mut lease, 10).await, Ok(vec![]));
}

#[tokio::test]
async fn a_raised_fence_voids_what_was_on_its_way() {
    let shard = Shard::start().await;
    let orders = Orders::of(1, 6);
    shard.commit(&orders).await;
    cancel(&shard, &orders, &[0]).await;
    let mut lease = shard.database.lease().await.unwrap();
    next_return(&mut lease, SHARD, STOCK).await.unwrap().unwrap();
    cancel(&shard, &orders, &[1]).await;
    let next = FIRST.next();
    assert_eq!(raise(&mut lease, STOCK, next).await, Ok(Raised::Sum(4)), "both are in the sum");
    assert_eq!(next_return(&mut lease, SHARD, STOCK).await, Ok(None));
    cancel(&shard, &orders, &[2]).await;
    let first_of_next = ReturnBatch { shelf: STOCK, epoch: next, number: 1, units: 1 };
    assert_eq!(next_return(&mut lease, SHARD, STOCK).await, Ok(Some(first_of_next)));
}

#[tokio::test]
async fn two_relays_number_without_gaps_and_send_every_unit_once() {
    let shard = Shard::start().await;
    let other = Database::new(&shard.server.url("shop"), Limits::DEFAULT).unwrap();
    let mut seen = Vec::<ReturnBatch>::new();
    for round in 0..10 {
        let orders = Orders::of(1 + round * BATCH_MAX as u64, BATCH_MAX as u64);
        shard.commit(&orders).await;
        let relay = async |database: &Database| {
            let mut lease = database.lease().await.unwrap();
            let mut sent = Vec::new();
            for _ in 0..8 {
                if let Ok(Some(batch)) = next_return(&mut lease, SHARD, STOCK).await {
                    sent.push(batch);
                    confirm_return(&mut lease, SHARD, &batch).await.unwrap();
                }
            }
            sent
        };
        let cancelling = async {
            for at in 0..BATCH_MAX {
                cancel(&shard, &orders, &[at]).await;
            }
        };
        let (a, b, ()) = tokio::join!(relay(&shard.database), relay(&other), cancelling);
        seen.extend(a.into_iter().chain(b));
    }
    let mut lease = shard.database.lease().await.unwrap();
    while let Some(batch) = next_return(&mut lease, SHARD, STOCK).await.unwrap() {
        seen.push(batch);
        confirm_return(&mut lease, SHARD, &batch).await.unwrap();
    }
    // Two relays may both send a batch before it is confirmed, always with the same content.
    seen.sort_unstable_by_key(|batch| (batch.number, batch.units));
    seen.dedup();
    let numbers: Vec<_> = seen.iter().map(|batch| batch.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(seen.iter().map(|batch| batch.units).sum::<u64>(), 10 * BATCH_MAX as u64);
}
