//! The relay of returns: what comes back is in Redis once, whatever happens on the way.

use std::collections::BTreeMap;

use storage_cluster::repair::{Ended, Openings, Relayed, Wanted, Why, look_at, open_shelves, relay_returns};
use storage_cluster::shelf::ShardNo;

use crate::world::{HOME, OTHER, STOCK, World};

async fn relay(world: &World, of: ShardNo) -> Relayed {
    relay_returns(&world.links, of, &Wanted::new()).await
}

fn sent(units: u64, batches: u64) -> Relayed {
    Relayed { units, batches, ..Relayed::default() }
}

async fn bought_and_cancelled(world: &World, of: ShardNo, orders: u64) {
    for _ in 0..orders {
        let buy = world.buy(of).await;
        world.cancel(&buy).await;
    }
}

#[tokio::test]
async fn what_comes_back_of_each_database_is_added_once() {
    let world = World::open().await;
    for (round, of) in [HOME, OTHER, OTHER, HOME].into_iter().enumerate() {
        bought_and_cancelled(&world, of, 3).await;
        assert_eq!(world.units_and_held(STOCK).await, (997, 0), "round {round}");
        world.assert_whole(STOCK).await;
        assert_eq!(relay(&world, of).await, sent(3, 1), "what is loose is one batch");
        assert_eq!(relay(&world, of).await, sent(0, 0));
        assert_eq!(world.units_and_held(STOCK).await, (1_000, 0));
        world.assert_whole(STOCK).await;
    }
}

#[tokio::test]
async fn a_return_whose_answer_is_lost_is_sent_again_and_added_once() {
    let (world, proxy) = World::behind_proxy().await;
    world.reopen().await;
    bought_and_cancelled(&world, OTHER, 1).await;
    relay(&world, OTHER).await; // the server has the script by now
    for round in 0..4 {
        bought_and_cancelled(&world, OTHER, 2).await;
        if round % 2 == 0 {
            proxy.cut_behind_next()
        } else {
            proxy.cut()
        }
        // An answer may be faster than the cut.
        let first = relay(&world, OTHER).await;
        assert!(first.units == 0 || first.units == 2, "{first:?}");
        proxy.mend();
        world.wait_for_redis().await;
        world.cancel(&world.buy(OTHER).await).await; // another one comes behind the batch on its way
        let then = relay(&world, OTHER).await;
        assert_eq!((first.units + then.units, then.trouble), (3, None), "round {round}");
        assert_eq!(world.units_and_held(STOCK).await, (1_000, 0));
        world.assert_whole(STOCK).await;
    }
}

#[tokio::test]
async fn two_relays_at_once_add_each_unit_once() {
    let world = World::open().await;
    let other = world.another_node().await;
    for _ in 0..6 {
        bought_and_cancelled(&world, OTHER, 4).await;
        let wanted = Wanted::new();
        tokio::join!(relay(&world, OTHER), relay_returns(&other, OTHER, &wanted));
    }
    relay(&world, OTHER).await;
    assert_eq!(world.units_and_held(STOCK).await, (1_000, 0));
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn what_was_on_its_way_when_a_shelf_was_opened_is_in_its_sum() {
    let world = World::open().await;
    bought_and_cancelled(&world, OTHER, 2).await;
    world.redis.flush_all();
    let wanted = Wanted::new();
    let done = relay_returns(&world.links, OTHER, &wanted).await;
    assert_eq!(done, Relayed { waiting: 1, ..Relayed::default() });
    assert!(wanted.tell(STOCK, Why::Closed));

    // A batch of the epoch before; the opener is between its steps; loose units behind it.
    let mut openings = Openings::begin(&world.links, BTreeMap::from([(STOCK, None)])).await;
    bought_elsewhere_is_refused(&world).await;
    openings.raise(&world.links).await;
    openings.init(&world.links, &*world.totals).await;
    assert_eq!(world.units_and_held(STOCK).await, (1_000, 0));
    assert_eq!(relay(&world, OTHER).await, sent(0, 0), "nothing of an older epoch is sent");
    bought_and_cancelled(&world, OTHER, 1).await;
    assert_eq!(relay(&world, OTHER).await, sent(1, 1), "numbers begin anew");
    world.assert_whole(STOCK).await;
}

/// Until the shelf is open again it gives nothing.
async fn bought_elsewhere_is_refused(world: &World) {
    let noticed = look_at(&world.links, &*world.totals, &[STOCK]).await;
    assert_eq!(noticed.closed.len(), 1);
}

#[tokio::test]
async fn a_batch_behind_one_that_redis_lost_opens_the_shelf_anew() {
    let world = World::open().await;
    for _ in 0..2 {
        bought_and_cancelled(&world, OTHER, 1).await;
        relay(&world, OTHER).await;
    }
    // A machine that came back from a snapshot of its memory: the same incarnation, and a batch less.
    let key = format!("tg:{{{STOCK}}}:shelf");
    world.redis.ask(&["HSET", &key, "r1", "1", "units", "998"]);
    bought_and_cancelled(&world, OTHER, 1).await;
    let wanted = Wanted::new();
    let done = relay_returns(&world.links, OTHER, &wanted).await;
    assert_eq!(done, Relayed { gaps: 1, ..Relayed::default() });
    let ended = open_shelves(&world.links, &*world.totals, &BTreeMap::from([(STOCK, None)])).await;
    assert!(matches!(ended[&STOCK], Ended::Open(_)));
    assert_eq!(world.units_and_held(STOCK).await, (1_000, 0));
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn old_batches_go_and_numbers_go_on() {
    let world = World::open().await;
    for _ in 0..3 {
        bought_and_cancelled(&world, OTHER, 1).await;
        relay(&world, OTHER).await;
    }
    let batches = || world.number(OTHER, "SELECT COUNT(*) FROM return_batches");
    assert_eq!(batches(), 3);
    storage_cluster::repair::tidy(&world.links, OTHER).await.unwrap();
    assert_eq!(batches(), 1, "the last one has the number");
    bought_and_cancelled(&world, OTHER, 1).await;
    assert_eq!(relay(&world, OTHER).await, sent(1, 1));
    assert_eq!(world.number(OTHER, "SELECT MAX(number) FROM return_batches"), 4);
    bought_and_cancelled(&world, OTHER, 1).await;
    world.reopen().await;
    storage_cluster::repair::tidy(&world.links, OTHER).await.unwrap();
    assert_eq!(batches(), 0, "of an older epoch nothing is of use");
    assert_eq!(world.number(OTHER, "SELECT COUNT(*) FROM loose_units"), 0);
    world.assert_whole(STOCK).await;
}
