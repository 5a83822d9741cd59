//! The reconciler: whatever stands under a record's request id, the record ends, and its units are where they belong.

use std::time::Duration;

use domain::UserId;
use storage_cluster::mysql::{self, Committed, Ending, Standing};
use storage_cluster::redis::Reserved;
use storage_cluster::repair::{Reconciled, Trouble, database_of, reconcile_shelf};
use storage_cluster::shelf::{Attempt, HoldId, Holder};

use crate::world::{Buy, HOME, OTHER, STOCK, World};

/// Every record is older than any ask takes.
const NO_AGE: Duration = Duration::ZERO;

async fn reconcile(world: &World) -> Reconciled {
    reconcile_shelf(&world.links, STOCK, NO_AGE).await
}

fn freed(units: u64) -> Reconciled {
    Reconciled { freed: units, freed_units: units, ..Reconciled::default() }
}

async fn end(world: &World, buy: &Buy, ending: Ending) -> Standing {
    let no = database_of(&world.links, buy.own().holder);
    let mut lease = world.links.database(no).lease().await.unwrap();
    mysql::end(&mut lease, &[(buy.key, ending)]).await.unwrap().remove(0)
}

#[tokio::test]
async fn who_died_before_its_commit_gives_its_units_back_and_cannot_commit_any_more() {
    let world = World::open().await;
    for of in [HOME, OTHER] {
        let buy = world.reserve(of).await;
        let young = reconcile_shelf(&world.links, STOCK, Duration::from_secs(15)).await;
        assert_eq!(young, Reconciled::default(), "its node may be at work");
        assert_eq!(reconcile(&world).await, freed(1));
        assert_eq!(world.commit(&buy).await, Committed::DeadInTheWay(Some(Attempt(1))));
        let again = world.again(&buy, Attempt(2));
        assert_eq!(world.reserve_again(&again).await, Reserved::Taken);
        assert_eq!(world.commit(&again).await, Committed::Now, "who asks once more buys");
        world.finish(&again).await;
        world.assert_whole(STOCK).await;
    }
    assert_eq!(world.units_and_held(STOCK).await, (998, 0));
}

#[tokio::test]
async fn who_died_behind_its_commit_has_bought() {
    let world = World::open().await;
    let buys = [world.reserve(HOME).await, world.reserve(OTHER).await];
    for buy in &buys {
        assert_eq!(world.commit(buy).await, Committed::Now);
    }
    world.cancel(&buys[1]).await; // an order that has ended was sold all the same
    assert_eq!(reconcile(&world).await, Reconciled { sold: 2, ..Reconciled::default() });
    assert_eq!(world.units_and_held(STOCK).await, (998, 0));
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn an_order_that_bought_with_another_hold_never_had_these_units() {
    let world = World::open().await;
    let held = world.reserve(OTHER).await;
    let bought = Buy { hold: HoldId(99), ..held };
    assert_eq!(world.commit(&bought).await, Committed::Now);
    assert_eq!(reconcile(&world).await, freed(1));
    assert_eq!(world.units_and_held(STOCK).await, (1_000, 0));
}

#[tokio::test]
async fn what_is_refused_has_no_units() {
    let world = World::open().await;
    let buy = world.reserve(OTHER).await;
    end(&world, &buy, Ending::Refused { body_hash: 7, refusal: vec![3] }).await;
    assert_eq!(reconcile(&world).await, freed(1));
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn a_later_attempt_that_has_seen_the_record_ends_with_it() {
    let world = World::open().await;
    let buy = world.reserve(OTHER).await;
    assert_eq!(end(&world, &buy, Ending::Dead(Attempt(1))).await, Standing::Dead(Attempt(1)));
    let later = world.again(&buy, Attempt(2));
    assert_eq!(world.reserve_again(&later).await, Reserved::Seen { hold: buy.hold });
    assert_eq!(reconcile(&world).await, freed(1));
    let seen = Buy { hold: buy.hold, ..later };
    assert_eq!(world.commit(&seen).await, Committed::DeadInTheWay(Some(Attempt(2))));
    world.assert_whole(STOCK).await;
}

/// An operator's key rows stand in the home, wherever its user number would be.
#[tokio::test]
async fn what_an_operator_held_is_judged_in_the_home() {
    let world = World::open().await;
    let nobody = Holder { user: UserId(0), request: domain::RequestId(1) };
    assert_eq!(database_of(&world.links, nobody), HOME);
    let buy = world.reserve_by(UserId(0)).await;
    assert_eq!(reconcile(&world).await, freed(1));
    let mut home = world.links.home().lease().await.unwrap();
    assert_eq!(mysql::look(&mut home, &[buy.key]).await.unwrap(), [Some(Standing::Dead(Attempt(1)))]);
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn a_request_that_did_something_else_bought_with_the_hold_that_it_names() {
    let world = World::open().await;
    let [sold, other] = [world.reserve_by(UserId(0)).await, world.reserve_by(UserId(0)).await];
    for (buy, hold) in [(sold, sold.hold), (other, HoldId(99))] {
        let table = mysql_key_table(UserId(0));
        let text = format!(
            "INSERT INTO request_keys_{table} (user, request, kind, attempt, body_hash, subject, hold, said) \
             VALUES (0, x'{:032x}', 2, 0, 7, 0, x'{:032x}', x'00')",
            buy.key.id.0, hold.0
        );
        world.home.sql("home", &text).unwrap();
    }
    assert_eq!(reconcile(&world).await, Reconciled { sold: 1, ..freed(1) });
    assert_eq!(world.units_and_held(STOCK).await, (999, 0));
}

fn mysql_key_table(user: UserId) -> u16 {
    domain::OrderId::slot_of(user) % u16::from(mysql::KEY_TABLES)
}

#[tokio::test]
async fn records_of_a_database_that_does_not_answer_stay_and_keep_no_others_from_ending() {
    let world = World::open().await;
    // More than a page, oldest first those that cannot be judged.
    for of in [OTHER, HOME] {
        for _ in 0..100 {
            world.reserve(of).await;
        }
    }
    world.other.pause();
    let done = reconcile(&world).await;
    assert_eq!((done.freed, done.left), (100, 100));
    assert!(matches!(done.trouble, Some(Trouble::Mysql(_))), "{done:?}");
    assert_eq!(world.units_and_held(STOCK).await, (900, 100));
    world.other.resume();
    assert_eq!(reconcile(&world).await, freed(100));
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn two_reconcilers_at_once_give_each_unit_back_once() {
    let world = World::open().await;
    let other = world.another_node().await;
    for at in 0..60 {
        let buy = world.reserve(if at % 2 == 0 { HOME } else { OTHER }).await;
        if at % 3 == 0 {
            assert_eq!(world.commit(&buy).await, Committed::Now);
        }
    }
    let (a, b) = tokio::join!(reconcile(&world), reconcile_shelf(&other, STOCK, NO_AGE));
    // One may have been in the other's way; then it is done the next time.
    let last = reconcile(&world).await;
    let ended = [&a, &b, &last].map(|done| done.freed + done.sold).iter().sum::<u64>();
    assert_eq!(ended, 60, "{a:?} {b:?} {last:?}");
    assert_eq!(world.units_and_held(STOCK).await, (980, 0));
    world.assert_whole(STOCK).await;
}

#[tokio::test]
async fn an_old_record_of_redis_that_was_lost_since_is_nobodys() {
    let world = World::open().await;
    world.reserve(OTHER).await;
    world.redis.flush_all();
    assert_eq!(reconcile(&world).await, Reconciled::default());
    world.reopen().await;
    assert_eq!(reconcile(&world).await, Reconciled::default());
    world.assert_whole(STOCK).await;
}
