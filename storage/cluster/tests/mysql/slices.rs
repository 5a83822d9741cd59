//! Slices: opened ahead, entered by all nodes at the same id.

use std::time::Duration;

use domain::OrderId;
use storage_cluster::mysql::{
    Committed, Database, Limits, NoSlice, SliceRules, order, read_slices, tend_slices,
};

use crate::shard::{Orders, Shard, now};

/// So few rows that a test fills a slice, and a lead that it can wait for.
const SMALL: SliceRules = SliceRules { lead: Duration::from_secs(1), orders_per_second_max: 249_980 };

#[tokio::test]
async fn a_full_slice_rolls_over_and_every_order_is_found() {
    assert_eq!(SMALL.open_at_rows(), 40);
    let mut shard = Shard::start().await;
    let mut made = Vec::new();
    for first in 0..12 {
        let mut lease = shard.database.lease().await.unwrap();
        tend_slices(&mut lease, &SMALL).await.unwrap();
        shard.slices = read_slices(&mut lease, &SMALL).await.unwrap();
        drop(lease);
        let orders = Orders::of(1 + first * 20, 20);
        assert_eq!(shard.commit(&orders).await, vec![Committed::Now; 20], "batch {first}");
        made.extend(orders.batch.iter().map(|one| one.order));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(shard.slices.all().len() >= 3, "{:?}", shard.slices);
    assert_eq!(shard.over_slices("1", "orders"), 240);
    let mut lease = shard.database.lease().await.unwrap();
    for id in made {
        assert!(order(&mut lease, &shard.slices, id).await.unwrap().is_some(), "{id:?}");
    }
}

#[tokio::test]
async fn a_batch_over_a_slices_beginning_goes_into_both() {
    let mut shard = Shard::start().await;
    shard.commit(&Orders::of(1, 40)).await;
    let mut lease = shard.database.lease().await.unwrap();
    tend_slices(&mut lease, &SMALL).await.unwrap();
    // With the long lead the ids of the next seconds are known already.
    shard.slices = read_slices(&mut lease, &SliceRules::DEFAULT).await.unwrap();
    drop(lease);
    let [_, next] = shard.slices.all() else { panic!("{:?}", shard.slices) };
    let mut orders = Orders::of(101, 10);
    for (at, one) in orders.batch.iter_mut().enumerate() {
        let ms = next.first_ms - 5 + at as u64;
        one.order = OrderId::new(ms, OrderId::slot_of(one.ask.key.who), at as u16);
    }
    assert_eq!(shard.commit(&orders).await, vec![Committed::Now; 10]);
    assert_eq!(shard.number(&format!("SELECT COUNT(*) FROM orders_{}", next.name())), 5);
}

#[tokio::test]
async fn ids_beyond_what_is_known_wait_for_another_look() {
    let shard = Shard::start().await;
    let mut orders = Orders::of(1, 1);
    let ms = u64::try_from(now().0 / 1_000 - OrderId::EPOCH_MS).unwrap() + 60_000;
    orders.batch[0].order = OrderId::new(ms, OrderId::slot_of(orders.batch[0].ask.key.who), 1);
    assert_eq!(shard.commit(&orders).await, [Committed::NoSlice(NoSlice::ReadAgain)]);
}

#[tokio::test]
async fn many_nodes_that_tend_at_once_open_one() {
    let shard = Shard::start().await;
    shard.commit(&Orders::of(1, 50)).await;
    let nodes: Vec<_> =
        (0..4).map(|_| Database::new(&shard.server.url("shop"), Limits::DEFAULT).unwrap()).collect();
    let tend = async |node: &Database| {
        let mut lease = node.lease().await.unwrap();
        tend_slices(&mut lease, &SMALL).await.map(drop)
    };
    let tended = tokio::join!(tend(&nodes[0]), tend(&nodes[1]), tend(&nodes[2]), tend(&nodes[3]));
    assert_eq!(tended, (Ok(()), Ok(()), Ok(()), Ok(())));
    let mut lease = shard.database.lease().await.unwrap();
    let slices = read_slices(&mut lease, &SMALL).await.unwrap();
    assert_eq!(slices.all().iter().map(|slice| slice.number).collect::<Vec<_>>(), [0, 1]);
}
