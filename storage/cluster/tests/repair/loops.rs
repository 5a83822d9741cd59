//! All loops of a node, and of two nodes, while servers are mistreated.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use servers::redis::Sentinels;
use storage_cluster::mysql::Committed;
use storage_cluster::repair::{Counters, Nowhere, Repairs, Settings, Stop, Wanted, Why};

use crate::world::{Catalogue, HOME, OTHER, STOCK, World, ms, stock};

/// Faster than a node's own, so that a test ends soon.
const SETTINGS: Settings = Settings {
    held_age: ms(600),
    probe_every: ms(50),
    round_every: ms(500),
    reconcile_every: ms(100),
    relay_every: ms(50),
    tidy_every: ms(200),
};

fn repairs(world: &World, wanted: &Wanted) -> Repairs<Arc<Catalogue>> {
    Repairs::new(Rc::clone(&world.links), Arc::clone(&world.totals), wanted.clone(), SETTINGS)
}

/// Runs the loops beside a test, and ends them behind it.
async fn beside(world: &World, wanted: &Wanted, test: impl Future<Output = ()>) -> Arc<Counters> {
    let repairs = repairs(world, wanted);
    let counters = repairs.counters();
    let (stopper, stop) = Stop::new();
    let all = async {
        tokio::join!(repairs.run(Nowhere, stop), async {
            test.await;
            stopper.stop()
        })
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("loops end when they are told");
    counters
}

async fn until_open(world: &World) {
    let begun = Instant::now();
    while world.try_to_reserve(OTHER).await.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the shelf stays closed");
        tokio::time::sleep(ms(10)).await;
    }
}

/// Nothing is held, and nothing on its way.
async fn at_rest(world: &World, sold: i64) {
    let begun = Instant::now();
    while world.units_and_held(STOCK).await != (1_000 - sold, 0) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", world.units_and_held(STOCK).await);
        tokio::time::sleep(ms(20)).await;
    }
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn a_node_mends_whatever_others_left() {
    let mut world = World::start().await;
    let (links, totals) = (Rc::clone(&world.links), Arc::clone(&world.totals));
    let wanted = Wanted::new();
    let node = Repairs::new(links, totals, wanted.clone(), SETTINGS);
    let counters = node.counters();
    let (stopper, stop) = Stop::new();
    let test = async {
        until_open(&world).await; // and holds a unit, which nobody ends
        let bought = world.buy(OTHER).await;
        world.cancel(&bought).await;
        let left = world.reserve(HOME).await;
        assert_eq!(world.commit(&left).await, Committed::Now);
        at_rest(&world, 1).await;
        assert_eq!(counters.returned_units.get(), 1);
        assert_eq!(counters.reconciled_sold.get(), 1);
        assert!(counters.reconciled_freed_units.get() >= 1);

        world.redis.restart_empty();
        until_open(&world).await;
        at_rest(&world, 1).await;
        world.redis.flush_all();
        wanted.tell(STOCK, Why::Closed);
        until_open(&world).await;
        at_rest(&world, 1).await;
        servers_wait(|| counters.published_events.get() == 3).await;
        servers_wait(|| counters.outbox_lag_rows.get() == 0).await;
        stopper.stop();
    };
    tokio::join!(node.run(Nowhere, stop), test);
    assert!(counters.opened.get() >= 3);
    assert!(counters.closed_ms_max.get() < 10_000, "{counters:?}");
    assert_eq!(counters.closed_now.get(), 0);
}

async fn servers_wait(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain");
        tokio::time::sleep(ms(20)).await;
    }
}

#[tokio::test]
async fn two_nodes_mend_while_a_database_comes_and_goes() {
    let world = World::open().await;
    let wanted = Wanted::new();
    let second = Repairs::new(world.another_node().await, Arc::clone(&world.totals), Wanted::new(), SETTINGS);
    let (stop_second, stop) = Stop::new();
    let mut sold = 0;
    let test = async {
        for _ in 0..3 {
            until_open(&world).await;
            for of in [HOME, OTHER] {
                world.buy(of).await;
                sold += 1;
            }
            world.redis.flush_all();
            world.other.pause();
            tokio::time::sleep(ms(300)).await;
            assert!(world.try_to_reserve(HOME).await.is_none(), "no sum without the other database");
            world.other.resume();
        }
        until_open(&world).await;
        at_rest(&world, sold).await;
        stop_second.stop();
    };
    let both = async { tokio::join!(beside(&world, &wanted, test), second.run(Nowhere, stop)) };
    let (counters, ()) = both.await;
    assert!(counters.opened.get() + second.counters().opened.get() >= 3);
}

/// The replica that is promoted has the shelf, open, and neither the last orders nor the last hold.
#[tokio::test]
async fn a_fail_over_that_lost_writes_sells_nothing_twice() {
    let mut sentinels = Sentinels::start();
    let world = World::behind(&sentinels).await;
    let wanted = Wanted::new();
    let test = async {
        until_open(&world).await;
        world.buy(OTHER).await;
        at_rest(&world, 1).await;
        sentinels.cut_off_replica();
        world.buy(HOME).await;
        let held = world.reserve(OTHER).await;
        sentinels.fail_over();
        until_open(&world).await;
        assert!(matches!(world.commit(&held).await, Committed::Fenced { .. }));
        at_rest(&world, 2).await;
    };
    let counters = beside(&world, &wanted, test).await;
    assert!(counters.opened.get() >= 2);
}

/// A sale of 1,000 skus is open about two seconds after every server answers again.
#[tokio::test]
async fn a_thousand_shelves_are_opened_together() {
    let mut world = World::start().await;
    (0..1_000).for_each(|sku| world.totals.put(stock(sku), 10, 1));
    let wanted = Wanted::new();
    let node = repairs(&world, &wanted);
    let counters = node.counters();
    let (stopper, stop) = Stop::new();
    let test = async {
        let mut took = Vec::new();
        for _ in 0..2 {
            let begun = Instant::now();
            let all = counters.opened.get() + 1_000;
            servers_wait(|| counters.opened.get() >= all).await;
            took.push(begun.elapsed());
            world.redis.restart_empty();
        }
        println!("1,000 shelves opened in {took:?}");
        assert!(took.iter().all(|took| *took < Duration::from_secs(10)), "{took:?}");
        let all = counters.opened.get() + 1_000;
        servers_wait(|| counters.opened.get() >= all).await;
        stopper.stop();
    };
    tokio::join!(node.run(Nowhere, stop), test);
    for sku in [0, 500, 999] {
        assert_eq!(world.units_and_held(stock(sku)).await, (10, 0));
    }
}
