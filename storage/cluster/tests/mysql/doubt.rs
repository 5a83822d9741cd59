//! When COMMIT's answer does not come: the key row is made dead, and what stands there then decides.

use std::time::Duration;

use servers::proxy::Proxy;
use storage_cluster::mysql::{
    Committed, Database, Ending, Fault, FaultKind, Limits, Standing, TxFault, commit, end, look,
};
use storage_cluster::shelf::Attempt;

use crate::shard::{Orders, Shard, runtime};

#[tokio::test]
async fn a_connection_that_dies_behind_commit_leaves_an_order_and_the_dead_row_finds_it() {
    let shard = Shard::start().await;
    let proxy = Proxy::to(shard.server.port());
    let url = shard.server.url("shop").replace(&shard.server.port().to_string(), &proxy.port().to_string());
    let behind = Database::new(&url, Limits::DEFAULT).unwrap();
    let batch = Orders::of(1, 3);
    proxy.cut_behind(b"\x03COMMIT"); // the byte before it says: a statement
    let outcomes = commit(&behind, &shard.slices, &batch.batch, &mut batch.clone()).await;
    for outcome in &outcomes {
        let Committed::Failed(TxFault::Unknown(Fault { kind: FaultKind::Lost, .. })) = outcome else {
            panic!("{outcome:?}");
        };
    }
    let mut lease = shard.database.lease().await.unwrap();
    let ends: Vec<_> = batch.batch.iter().map(|one| (one.ask.key, Ending::Dead(Attempt(1)))).collect();
    let standing = end(&mut lease, &ends).await.unwrap();
    for (standing, asked) in standing.iter().zip(&batch.batch) {
        assert_eq!(*standing, Standing::Order { order: asked.order, body_hash: 0xB0D7 });
    }
}

#[tokio::test]
async fn a_connection_that_dies_before_commit_leaves_nothing_and_says_so() {
    let shard = Shard::start().await;
    let proxy = Proxy::to(shard.server.port());
    let url = shard.server.url("shop").replace(&shard.server.port().to_string(), &proxy.port().to_string());
    let behind = Database::new(&url, Limits::DEFAULT).unwrap();
    let batch = Orders::of(1, 3);
    proxy.cut_behind(b"INSERT INTO orders_");
    let outcomes = commit(&behind, &shard.slices, &batch.batch, &mut batch.clone()).await;
    for outcome in &outcomes {
        let Committed::Failed(TxFault::NotDone(Fault { kind: FaultKind::Lost, .. })) = outcome else {
            panic!("{outcome:?}");
        };
    }
    // Not even later: the server ends what its client left open.
    let key = batch.batch[0].ask.key;
    let mut lease = shard.database.lease().await.unwrap();
    let dead = end(&mut lease, &[(key, Ending::Dead(Attempt(1)))]).await;
    assert_eq!(dead, Ok(vec![Standing::Dead(Attempt(1))]));
    assert_eq!(shard.over_slices("1", "orders"), 0);
}

#[test]
fn a_commit_that_lands_late_is_an_order_all_the_same() {
    let runtime = runtime();
    let shard = &runtime.block_on(Shard::start_impatient());
    let batch = &Orders::of(1, 1);
    // Everything goes on but COMMIT, for this client's time.
    let hold = "BACKUP STAGE START; BACKUP STAGE BLOCK_COMMIT; SELECT SLEEP(1.5); BACKUP STAGE END";
    std::thread::scope(|threads| {
        let held = threads.spawn(|| shard.server.sql("shop", hold).unwrap());
        std::thread::sleep(Duration::from_millis(500));
        let outcomes = runtime.block_on(shard.commit(batch));
        let [Committed::Failed(TxFault::Unknown(fault))] = outcomes.as_slice() else {
            panic!("{outcomes:?}")
        };
        assert_eq!(fault.kind, FaultKind::TimedOut);
        held.join().unwrap();
    });
    // The COMMIT that hung lands now, for its client's absence is noticed only when it is answered. The dead row waits
    // for the key row's lock, and then says what stands.
    let patient = Database::new(&shard.server.url("shop"), Limits::DEFAULT).unwrap();
    let standing = runtime.block_on(async {
        let mut lease = patient.lease().await.unwrap();
        end(&mut lease, &[(batch.batch[0].ask.key, Ending::Dead(Attempt(1)))]).await.unwrap()
    });
    assert_eq!(standing, [Standing::Order { order: batch.batch[0].order, body_hash: 0xB0D7 }]);
    assert_eq!(shard.over_slices("1", "orders"), 1);
}

#[tokio::test]
async fn a_dead_row_keeps_its_attempt_out_and_lets_the_next_one_in() {
    let shard = Shard::start().await;
    let batch = Orders::of(1, 1);
    let key = batch.batch[0].ask.key;
    let attempt = |number| {
        let mut batch = batch.clone();
        batch.batch[0].ask.attempt = Attempt(number);
        batch
    };
    let mut lease = shard.database.lease().await.unwrap();
    let dead = |number| Ok(vec![Standing::Dead(Attempt(number))]);
    assert_eq!(end(&mut lease, &[(key, Ending::Dead(Attempt(1)))]).await, dead(1));
    assert_eq!(end(&mut lease, &[(key, Ending::Dead(Attempt(1)))]).await, dead(1), "twice does nothing more");
    assert_eq!(shard.commit(&attempt(1)).await, [Committed::DeadInTheWay(Some(Attempt(1)))]);
    assert_eq!(shard.commit(&attempt(3)).await, [Committed::DeadInTheWay(Some(Attempt(1)))]);
    assert_eq!(end(&mut lease, &[(key, Ending::Dead(Attempt(3)))]).await, dead(1), "over dead 2 only");
    assert_eq!(end(&mut lease, &[(key, Ending::Dead(Attempt(2)))]).await, dead(2));
    assert_eq!(shard.commit(&attempt(3)).await, [Committed::Now]);
    let order = Standing::Order { order: batch.batch[0].order, body_hash: 0xB0D7 };
    assert_eq!(end(&mut lease, &[(key, Ending::Dead(Attempt(4)))]).await, Ok(vec![order.clone()]));
    assert_eq!(look(&mut lease, &[key]).await, Ok(vec![Some(order)]));
}

#[tokio::test]
async fn a_refusal_for_good_stands_whatever_comes_after_it() {
    let shard = Shard::start().await;
    let batch = Orders::of(1, 2);
    let [key, sold] = [batch.batch[0].ask.key, batch.batch[1].ask.key];
    let refused = |refusal: &[u8]| Ending::Refused { body_hash: 0xB0D7, refusal: refusal.to_vec() };
    let stands = Standing::Refused { body_hash: 0xB0D7, refusal: b"sold out".to_vec() };
    let mut lease = shard.database.lease().await.unwrap();
    end(&mut lease, &[(key, Ending::Dead(Attempt(1)))]).await.unwrap();
    assert_eq!(end(&mut lease, &[(key, refused(b"sold out"))]).await, Ok(vec![stands.clone()]));
    for ending in [Ending::Dead(Attempt(2)), refused(b"sale ended")] {
        assert_eq!(end(&mut lease, &[(key, ending)]).await, Ok(vec![stands.clone()]));
    }
    assert_eq!(shard.commit(&batch).await, [Committed::Stands(stands), Committed::Now]);
    let order = Standing::Order { order: batch.batch[1].order, body_hash: 0xB0D7 };
    assert_eq!(
        end(&mut lease, &[(sold, refused(b"sold out"))]).await,
        Ok(vec![order]),
        "an order there wins"
    );
}

#[tokio::test]
async fn a_commit_and_a_dead_row_at_once_agree() {
    let shard = Shard::start().await;
    let other = Database::new(&shard.server.url("shop"), Limits::DEFAULT).unwrap();
    let mut orders = 0;
    for round in 0..30 {
        let batch = Orders::of(1 + round * 8, 8);
        let ends: Vec<_> = batch.batch.iter().map(|one| (one.ask.key, Ending::Dead(Attempt(1)))).collect();
        let mut lease = other.lease().await.unwrap();
        let (made, standing) = tokio::join!(shard.commit(&batch), end(&mut lease, &ends));
        for (made, standing) in made.iter().zip(standing.unwrap()) {
            match (made, standing) {
                (Committed::Now, Standing::Order { .. }) => orders += 1,
                (Committed::DeadInTheWay(Some(Attempt(1))), Standing::Dead(Attempt(1))) => (),
                pair => panic!("{pair:?}"),
            }
        }
    }
    assert_eq!(shard.over_slices("1", "orders"), orders);
    assert_eq!(shard.number("SELECT COALESCE(SUM(units), 0) FROM stock_delta"), orders);
}
