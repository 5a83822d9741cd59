//! The opener: after whatever Redis lost, beside other openers, and cut off between its steps.

use std::collections::BTreeMap;
use std::time::Instant;

use storage_cluster::mysql::{self, Committed, Fenced};
use storage_cluster::redis::Failed;
use storage_cluster::repair::{Ended, Openings, Trouble, look_at, open_shelf, open_shelves};
use storage_cluster::shelf::{Epoch, ShelfKey};

use crate::world::{HOME, OTHER, STOCK, World, epoch, stock};

/// The shelf of each test, opened from nothing.
fn one() -> BTreeMap<ShelfKey, Option<Epoch>> {
    BTreeMap::from([(STOCK, None)])
}

async fn closed(world: &World) -> Vec<ShelfKey> {
    let noticed = look_at(&world.links, &*world.totals, &[STOCK]).await;
    assert_eq!((noticed.unknown, noticed.trouble), (0, None));
    noticed.closed.into_keys().collect()
}

#[tokio::test]
async fn a_shelf_is_opened_with_what_operators_put_and_nobody_bought() {
    let world = World::start().await;
    assert_eq!(closed(&world).await, [STOCK]);
    world.put_stock(-50); // an operator's delta, in the home
    assert_eq!(open_shelf(&world.links, &*world.totals, STOCK).await, Ended::Open(epoch(1)));
    assert_eq!(world.units_and_held(STOCK).await, (1_050, 0));
    assert_eq!(closed(&world).await, []);
    for of in [HOME, OTHER, OTHER] {
        world.buy(of).await;
    }
    world.reserve(OTHER).await;
    assert_eq!(world.units_and_held(STOCK).await, (1_046, 1));
    assert_eq!(world.reopen().await, epoch(2));
    assert_eq!(
        world.units_and_held(STOCK).await,
        (1_047, 0),
        "who held a unit cannot commit with it any more"
    );
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn whatever_redis_lost_it_has_again() {
    let mut world = World::open().await;
    for round in 0..4 {
        let old = world.redis.keep_files();
        world.buy(HOME).await;
        let held = world.reserve(OTHER).await;
        match round {
            0 => world.redis.flush_all(),
            1 => world.redis.restart_empty(),
            2 => world.redis.restart_with(&old),
            _ => world.redis.restart(),
        }
        world.wait_for_redis().await;
        assert_eq!(closed(&world).await, [STOCK], "round {round}");
        let before = held.epoch;
        assert!(world.reopen().await > before);
        world.assert_whole(STOCK).await;
        let after = Committed::Fenced { shelf: STOCK, epoch: Some(before.next()) };
        assert_eq!(world.commit(&held).await, after, "round {round}: what was held before is not sold");
    }
    assert_eq!(world.units_and_held(STOCK).await, (996, 0));
}

#[tokio::test]
async fn of_two_openers_the_further_one_opens() {
    let world = World::open().await;
    let other = world.another_node().await;
    for round in 0..8 {
        world.buy(if round % 2 == 0 { HOME } else { OTHER }).await;
        world.redis.flush_all();
        let (a, b) = tokio::join!(
            open_shelf(&world.links, &*world.totals, STOCK),
            open_shelf(&other, &*world.totals, STOCK)
        );
        let open = world.links.redis.look(STOCK).await.unwrap().open();
        let opened: Vec<Epoch> = [&a, &b]
            .into_iter()
            .filter_map(|ended| match ended {
                Ended::Open(epoch) => Some(*epoch),
                Ended::Passed(_) => None,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(open, opened.iter().max().copied(), "{a:?} {b:?}");
        world.assert_whole(STOCK).await;
    }
    assert_eq!(world.units_and_held(STOCK).await, (992, 0));
}

#[tokio::test]
async fn an_opener_that_dies_midway_leaves_a_closed_shelf_that_the_next_one_opens() {
    let world = World::open().await;
    let buy = world.reserve(OTHER).await;
    let home_buy = world.reserve(HOME).await;

    // Dead behind the bump: the home refuses what Redis gives, the other database does not know yet.
    Openings::begin(&world.links, one()).await;
    assert_eq!(closed(&world).await, [STOCK]);
    let fenced = |at| Committed::Fenced { shelf: STOCK, epoch: Some(epoch(at)) };
    assert_eq!(world.commit(&home_buy).await, fenced(2));
    assert_eq!(world.commit(&buy).await, Committed::Now, "it is in the sum of whoever comes next");

    // Dead before INIT: nobody buys.
    let mut openings = Openings::begin(&world.links, one()).await;
    openings.raise(&world.links).await;
    assert_eq!(closed(&world).await, [STOCK]);
    let late = world.reserve(OTHER).await;
    assert_eq!(world.commit(&late).await, fenced(3));

    assert_eq!(world.reopen().await, epoch(4));
    assert_eq!(world.units_and_held(STOCK).await, (999, 0));
    world.assert_whole(STOCK).await;

    // It was not dead, only slow: its INIT is too late for anything.
    openings.init(&world.links, &*world.totals).await;
    assert_eq!(openings.ended()[&STOCK], Ended::Passed(epoch(4)));
    world.buy(OTHER).await;
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn an_opener_gives_up_where_another_one_has_the_fence() {
    let world = World::open().await;
    let mut slow = Openings::begin(&world.links, one()).await;
    assert_eq!(world.reopen().await, epoch(3));
    slow.raise(&world.links).await;
    slow.init(&world.links, &*world.totals).await;
    assert_eq!(slow.ended()[&STOCK], Ended::Passed(epoch(3)));
    assert_eq!(closed(&world).await, []);
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn an_init_without_an_answer_is_not_sent_again() {
    let (world, proxy) = World::behind_proxy().await;
    world.totals.put(stock(1), 1, 1);
    assert_eq!(open_shelf(&world.links, &*world.totals, stock(1)).await, Ended::Open(epoch(1)));
    let mut last = 0;
    loop {
        proxy.cut_behind_next(); // the server has the script by now
        let ended = open_shelf(&world.links, &*world.totals, STOCK).await;
        last += 1;
        world.wait_for_redis().await;
        match ended {
            Ended::InDoubt(Failed::MayBeDone(_)) => break,
            // An answer may be faster than the cut.
            Ended::Open(_) => assert!(last < 50, "no answer is ever lost"),
            other => panic!("{other:?}"),
        }
    }
    // It was done, and somebody buys under it before anybody knows.
    assert_eq!(world.buy(OTHER).await.epoch, epoch(last));
    assert_eq!(world.reopen().await, epoch(last + 1));
    assert_eq!(world.units_and_held(STOCK).await, (999, 0));
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn while_a_database_does_not_answer_its_shelves_stay_as_they_are() {
    let world = World::open().await;
    world.buy(OTHER).await;
    world.other.pause();
    let noticed = look_at(&world.links, &*world.totals, &[STOCK]).await;
    assert_eq!((noticed.unknown, noticed.closed.len()), (1, 0));
    world.buy(HOME).await;

    world.redis.flush_all();
    let noticed = look_at(&world.links, &*world.totals, &[STOCK]).await;
    assert_eq!((noticed.unknown, noticed.closed.len()), (1, 0), "nobody begins what cannot end");
    let ended = open_shelf(&world.links, &*world.totals, STOCK).await;
    assert!(matches!(ended, Ended::NotOpened(Trouble::Mysql(_))), "{ended:?}");
    assert_eq!(world.links.redis.look(STOCK).await.unwrap().shelf, None, "no INIT");
    world.other.resume();
    world.reopen().await;
    assert_eq!(world.units_and_held(STOCK).await, (998, 0));
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn an_epoch_is_above_whatever_was_seen_anywhere() {
    let world = World::open().await;
    // The home came back from an old copy, say.
    world.home.sql("home", "UPDATE fences SET epoch = 0").unwrap();
    mysql::raise_fences(
        &mut world.links.database(OTHER).lease().await.unwrap(),
        &BTreeMap::from([(STOCK, epoch(70))]),
    )
    .await
    .unwrap();
    let noticed = look_at(&world.links, &*world.totals, &[STOCK]).await;
    assert_eq!(noticed.closed, BTreeMap::from([(STOCK, Some(epoch(70)))]));
    let ended = open_shelves(&world.links, &*world.totals, &noticed.closed).await;
    assert_eq!(ended, BTreeMap::from([(STOCK, Ended::Open(epoch(71)))]));
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn an_older_version_is_noticed_and_an_opening_carries_the_total_that_stands() {
    let world = World::open().await;
    let cap = ShelfKey::SaleCap(domain::SaleId(5));
    world.totals.put(cap, 10, 40);
    assert_eq!(open_shelf(&world.links, &*world.totals, cap).await, Ended::Open(epoch(1)));
    world.totals.put(cap, 4, 41);
    world.totals.put(STOCK, 1_000, 41);
    let noticed = look_at(&world.links, &*world.totals, &[STOCK, cap]).await;
    assert_eq!(noticed.closed, BTreeMap::new());
    assert_eq!(noticed.older.into_keys().collect::<Vec<_>>(), [STOCK, cap]);
    assert_eq!(open_shelf(&world.links, &*world.totals, cap).await, Ended::Open(epoch(2)));
    assert_eq!(world.units_and_held(cap).await, (4, 0));
}

#[tokio::test]
async fn many_shelves_in_one_transaction_are_as_many_openings() {
    let world = World::open().await;
    let shelves: BTreeMap<_, _> = (0..20).map(|sku| (stock(sku), None)).collect();
    shelves.keys().for_each(|shelf| world.totals.put(*shelf, 10, 1));
    // Another opener has one of them in the other database, and is further.
    let taken = BTreeMap::from([(stock(7), epoch(9))]);
    let mut lease = world.links.database(OTHER).lease().await.unwrap();
    let raised = mysql::raise_fences(&mut lease, &taken).await.unwrap();
    assert_eq!(raised[&stock(7)], Fenced::Raised { epoch: epoch(9), sum: 0 });
    let mut ended = open_shelves(&world.links, &*world.totals, &shelves).await;
    assert_eq!(ended.remove(&stock(7)), Some(Ended::Passed(epoch(9))));
    // Its own shelf was open before.
    assert_eq!(ended.remove(&STOCK), Some(Ended::Open(epoch(2))));
    assert!(ended.values().all(|ended| *ended == Ended::Open(epoch(1))), "{ended:?}");
    for shelf in ended.keys() {
        assert_eq!(world.units_and_held(*shelf).await, (10, 0));
    }
}

#[test]
fn one_shelf_that_somebody_has_locked_keeps_no_other_from_opening() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = &runtime.block_on(World::patient());
    let shelves: BTreeMap<_, _> = (17..20).map(|sku| (stock(sku), None)).collect();
    shelves.keys().for_each(|shelf| world.totals.put(*shelf, 10, 1));
    runtime.block_on(open_shelves(&world.links, &*world.totals, &shelves));
    let other = &world.other;
    let asleep = "FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'";
    let ended = std::thread::scope(|threads| {
        let locked =
            "START TRANSACTION; SELECT * FROM fences WHERE shelf_id = 18 FOR UPDATE; SELECT SLEEP(30)";
        threads.spawn(move || other.sql("other", locked));
        servers::wait_until("the lock is taken", || {
            world.number(OTHER, &format!("SELECT COUNT(*) {asleep}")) > 0
        });
        let ended = runtime.block_on(open_shelves(&world.links, &*world.totals, &shelves));
        let id = world.number(OTHER, &format!("SELECT id {asleep}"));
        other.sql("other", &format!("KILL {id}")).unwrap();
        ended
    });
    assert!(matches!(ended[&stock(18)], Ended::NotOpened(_)), "{ended:?}");
    for sku in [17, 19] {
        assert_eq!(ended[&stock(sku)], Ended::Open(epoch(2)));
    }
}

/// The heart of it: whatever is bought while shelves are opened again and again is in a sum, or is not sold.
#[tokio::test]
async fn buyers_and_openers_together_lose_nothing() {
    let world = World::open().await;
    let (mut sold, begun) = (0_i64, Instant::now());
    while begun.elapsed().as_millis() < 2_500 {
        let buying = async {
            let mut bought = 0;
            for at in 0..12 {
                let Some(buy) = world.try_to_reserve(if at % 2 == 0 { HOME } else { OTHER }).await else {
                    continue;
                };
                match world.commit(&buy).await {
                    Committed::Now => bought += 1,
                    Committed::Fenced { .. } => (),
                    other => panic!("{other:?}"),
                }
                world.finish(&buy).await;
            }
            bought
        };
        let opening = async {
            world.redis.flush_all();
            for _ in 0..3 {
                world.reopen().await;
            }
        };
        sold += tokio::join!(buying, opening).0;
    }
    world.reopen().await;
    assert!(sold > 0);
    assert_eq!(world.units_and_held(STOCK).await, (1_000 - sold, 0));
    world.assert_whole(STOCK).await;
}
