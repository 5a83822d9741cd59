//! Each comparison of each script, one at a time, on a real server. The rules by their names in `docs/CLUSTER.md`.

mod shop;

use std::time::Duration;

use domain::MicrosUtc;
use shop::{CATALOGUE, SHELF, Shop, ask, ask_for, attempt, epoch, key, open, own, terms};
use storage_cluster::redis::{
    Ask, Batch, CatalogueSet, Finished, GivenBack, Judged, Judgement, NotNow, Opened, Opening, Own, PAGE_MAX,
    Reserved, Returned, Terms, Verdict, Window,
};
use storage_cluster::shelf::{Attempt, CatalogueVersion, HoldId, ShardNo};

// RESERVE

#[tokio::test]
async fn reserve_takes_units_and_writes_the_record() {
    let shop = Shop::with(10).await;
    assert_eq!(shop.reserve(ask_for(1, 0xA, 3)).await, Reserved::Taken);
    assert_eq!(shop.units_and_held().await, (7, 1));
    let page = shop.client.held_older_than(SHELF, Duration::ZERO, 0).await.expect("an answer");
    let [record] = page.records[..] else { panic!("one record: {page:?}") };
    assert_eq!((record.own, record.attempt, record.shared), (own(1, 0xA), Attempt(1), false));
    assert_eq!((record.units, record.body, page.epoch), (3, 0xB0D1, Some(epoch(1))));
}

#[tokio::test]
async fn a_shelf_that_nobody_opened_is_closed() {
    let shop = Shop::closed().await;
    assert_eq!(shop.reserve(ask(1, 0xA)).await, Reserved::Closed);
}

#[tokio::test]
async fn another_epoch_is_stale_whatever_the_record_says() {
    let shop = Shop::with(10).await;
    assert_eq!(shop.reserve(ask(1, 0xA)).await, Reserved::Taken);
    for asked in [2, 3] {
        let said = shop.reserve_under(terms(asked), ask(1, 0xA)).await;
        assert_eq!(said, Reserved::Stale { open: epoch(1) }, "asked in epoch {asked}");
    }
    assert_eq!(shop.units_and_held().await, (9, 1));
}

/// `NoIncarnationCheck`, `SeenBeforeIncarnation`.
#[tokio::test]
async fn another_incarnation_is_closed_whatever_the_record_says() {
    let shop = Shop::with(10).await;
    assert_eq!(shop.reserve(ask(1, 0xA)).await, Reserved::Taken);
    shop.become_another_incarnation();
    assert_eq!(shop.reserve(ask(1, 0xB)).await, Reserved::Closed, "its own record is not answered");
    assert_eq!(shop.reserve(ask(2, 0xC)).await, Reserved::Closed, "and no unit is given");
    assert_eq!(shop.units_and_held().await, (9, 1));
}

#[tokio::test]
async fn who_asks_again_sees_its_record_and_no_unit_moves() {
    let shop = Shop::with(10).await;
    assert_eq!(shop.reserve(ask_for(1, 0xA, 2)).await, Reserved::Taken);
    let again = Ask { attempt: Attempt(2), ..ask_for(1, 0xB, 2) };
    assert_eq!(shop.reserve(again).await, Reserved::Seen { hold: HoldId(0xA) });
    assert_eq!(shop.units_and_held().await, (8, 1));
}

/// `AttemptNotRaised`: a dead row of the attempt that took it would end a record that the next one may be committing.
#[tokio::test]
async fn a_record_takes_the_attempt_of_who_sees_it() {
    let shop = Shop::with(10).await;
    shop.reserve(ask(1, 0xA)).await;
    assert_eq!(shop.reserve(attempt(2, 1, 0xB)).await, Reserved::Seen { hold: HoldId(0xA) });
    assert_eq!(shop.judge(1, 0xA, Verdict::Dead(Attempt(1))).await, Judged::Later { attempt: Attempt(2) });
    assert_eq!(shop.units_and_held().await, (9, 1));
}

/// `SharedMarkIgnored`.
#[tokio::test]
async fn what_another_ask_has_seen_is_not_given_back_by_who_took_it() {
    let shop = Shop::with(10).await;
    shop.reserve(ask(1, 0xA)).await;
    shop.reserve(ask(1, 0xB)).await;
    assert_eq!(shop.give_back(1, 0xA).await, GivenBack::Shared);
    assert_eq!(shop.units_and_held().await, (9, 1));
}

/// `ReserveRepeated`: nothing here sends one twice; where a network does, the copy is not another ask.
#[tokio::test]
async fn a_second_copy_of_a_reserve_takes_nothing_and_shares_nothing() {
    let shop = Shop::with(10).await;
    assert_eq!(shop.reserve(ask(1, 0xA)).await, Reserved::Taken);
    assert_eq!(shop.reserve(ask(1, 0xA)).await, Reserved::Seen { hold: HoldId(0xA) });
    assert_eq!(shop.give_back(1, 0xA).await, GivenBack::Ended);
    assert_eq!(shop.units_and_held().await, (10, 0));
}

/// `LowerAttemptServed`.
#[tokio::test]
async fn an_attempt_below_the_records_is_refused() {
    let shop = Shop::with(10).await;
    shop.reserve(attempt(3, 1, 0xA)).await;
    assert_eq!(shop.reserve(attempt(2, 1, 0xB)).await, Reserved::LowerAttempt { attempt: Attempt(3) });
    assert_eq!(shop.give_back(1, 0xA).await, GivenBack::Ended, "it has not seen it");
}

#[tokio::test]
async fn the_same_request_with_another_body_is_told_so_and_leaves_no_trace() {
    let shop = Shop::with(10).await;
    shop.reserve(ask(1, 0xA)).await;
    let other = Ask { body: 0xFFFF, ..attempt(2, 1, 0xB) };
    assert_eq!(shop.reserve(other).await, Reserved::Reused);
    assert_eq!(shop.give_back(1, 0xA).await, GivenBack::Ended, "not shared");
}

#[tokio::test]
async fn a_record_of_another_epoch_counts_as_absent() {
    let shop = Shop::with(10).await;
    shop.reserve(ask(1, 0xA)).await;
    shop.server.ask(&["HSET", &key("shelf"), "epoch", "2"]);
    assert_eq!(shop.client.finish(SHELF, epoch(2), &[own(1, 0xA)]).await, Ok(vec![Finished::Gone]));
    assert_eq!(shop.client.give_back(SHELF, epoch(2), &[own(1, 0xA)]).await, Ok(vec![GivenBack::Gone]));
    let page = shop.client.held_older_than(SHELF, Duration::ZERO, 0).await.expect("an answer");
    assert_eq!((page.looked_at, page.records), (1, vec![]));
    assert_eq!(shop.reserve_under(terms(2), ask(1, 0xB)).await, Reserved::Taken);
    assert_eq!(shop.units_and_held().await, (8, 1), "one record a request");
}

#[tokio::test]
async fn another_catalogue_version_is_told_the_shelfs() {
    let shop = Shop::with(10).await;
    shop.reserve(ask(1, 0xA)).await;
    for version in [39, 41] {
        let under = Terms { catalogue: CatalogueVersion(version), ..terms(1) };
        assert_eq!(
            shop.reserve_under(under, ask(2, 0xB)).await,
            Reserved::StaleCatalogue { version: CATALOGUE }
        );
        // Whoever has its units has them, whatever changed since.
        assert_eq!(shop.reserve_under(under, ask(1, 0xC)).await, Reserved::Seen { hold: HoldId(0xA) });
    }
    assert_eq!(shop.units_and_held().await, (9, 1));
}

#[tokio::test]
async fn a_window_is_compared_with_rediss_clock() {
    let shop = Shop::with(10).await;
    let now = shop.look().await.now;
    let at = |seconds: i64| Some(MicrosUtc(now.0 + seconds * 1_000_000));
    let in_window = |from, until| Terms { window: Window { from, until }, ..terms(1) };
    let side = |said| {
        let Reserved::NotNow { side, now: told } = said else { return None };
        assert!((now.0..now.0 + 60_000_000).contains(&told.0), "Redis's clock, {told:?}");
        Some(side)
    };
    assert_eq!(side(shop.reserve_under(in_window(at(600), None), ask(1, 1)).await), Some(NotNow::Early));
    assert_eq!(side(shop.reserve_under(in_window(None, at(-1)), ask(1, 2)).await), Some(NotNow::Late));
    assert_eq!(
        side(shop.reserve_under(in_window(at(-9), at(0)), ask(1, 3)).await),
        Some(NotNow::Late),
        "exclusive"
    );
    assert_eq!(shop.reserve_under(in_window(at(-9), at(600)), ask(1, 4)).await, Reserved::Taken);
    assert_eq!(shop.reserve_under(in_window(None, None), ask(2, 5)).await, Reserved::Taken);
}

#[tokio::test]
async fn what_is_not_there_is_not_given_and_how_many_there_are_is_told() {
    let shop = Shop::with(3).await;
    assert_eq!(shop.reserve(ask_for(1, 0xA, 4)).await, Reserved::SoldOut { left: 3 });
    assert_eq!(shop.reserve(ask_for(1, 0xB, 3)).await, Reserved::Taken);
    assert_eq!(shop.reserve(ask(2, 0xC)).await, Reserved::SoldOut { left: 0 });
    assert_eq!(shop.units_and_held().await, (0, 1));
    let below = Shop::with(-5).await;
    assert_eq!(below.reserve(ask(1, 0xA)).await, Reserved::SoldOut { left: 0 }, "a cap below what is sold");
}

#[tokio::test]
async fn asks_of_one_call_stand_or_fall_alone_in_their_order() {
    let shop = Shop::with(5).await;
    let asks = [ask_for(1, 1, 3), ask_for(2, 2, 3), ask_for(3, 3, 2), attempt(2, 1, 4), ask(4, 5)];
    // User 1's second ask is for one unit under the same body hash, which no client does; the record's units stand.
    let said = shop.client.reserve(SHELF, &terms(1), &asks).await.expect("an answer");
    let expected = [
        Reserved::Taken,
        Reserved::SoldOut { left: 2 },
        Reserved::Taken,
        Reserved::Seen { hold: HoldId(1) },
        Reserved::SoldOut { left: 0 },
    ];
    assert_eq!(said, expected);
    assert_eq!(shop.units_and_held().await, (0, 2));
    assert_eq!(shop.give_back(1, 1).await, GivenBack::Shared, "seen within the same call");
}

// FINISH

#[tokio::test]
async fn finish_removes_the_record_and_no_unit_comes_back() {
    let shop = Shop::with(10).await;
    shop.reserve(ask_for(1, 0xA, 3)).await;
    let finish = async |of, who: &[Own]| shop.client.finish(SHELF, epoch(of), who).await;
    assert_eq!(finish(2, &[own(1, 0xA)]).await, Ok(vec![Finished::Gone]), "of another epoch");
    assert_eq!(finish(1, &[own(1, 0xA), own(2, 0xB)]).await, Ok(vec![Finished::Ended, Finished::Gone]));
    assert_eq!(finish(1, &[own(1, 0xA)]).await, Ok(vec![Finished::Gone]), "once");
    assert_eq!(shop.units_and_held().await, (7, 0));
}

/// `FinishByRequest`.
#[tokio::test]
async fn finish_leaves_a_record_under_another_hold_id() {
    let shop = Shop::with(10).await;
    shop.reserve(ask(1, 0xA)).await;
    assert_eq!(shop.client.finish(SHELF, epoch(1), &[own(1, 0xB)]).await, Ok(vec![Finished::Gone]));
    assert_eq!(shop.units_and_held().await, (9, 1));
}

// Giving back

#[tokio::test]
async fn what_is_given_back_is_free_once() {
    let shop = Shop::with(10).await;
    shop.reserve(ask_for(1, 0xA, 3)).await;
    assert_eq!(shop.client.give_back(SHELF, epoch(2), &[own(1, 0xA)]).await, Ok(vec![GivenBack::Gone]));
    let twice = shop.client.give_back(SHELF, epoch(1), &[own(1, 0xA), own(1, 0xA)]).await;
    assert_eq!(twice, Ok(vec![GivenBack::Ended, GivenBack::Gone]));
    assert_eq!(shop.give_back(1, 0xA).await, GivenBack::Gone);
    assert_eq!(shop.units_and_held().await, (10, 0));
}

// The reconciler

/// `AttemptNotCompared`, `HoldIdsLeftOut`: what each verdict does to user 1's record of attempt 2 and hold A, 3 units.
#[tokio::test]
async fn a_record_ends_as_mysql_judged_it() {
    let rows = [
        (Verdict::Dead(Attempt(1)), Judged::Later { attempt: Attempt(2) }, (7, 1)),
        (Verdict::Dead(Attempt(2)), Judged::Freed, (10, 0)),
        (Verdict::Dead(Attempt(3)), Judged::Freed, (10, 0)),
        (Verdict::Refused, Judged::Freed, (10, 0)),
        (Verdict::Order(HoldId(0xA)), Judged::Sold, (7, 0)),
        (Verdict::Order(HoldId(0xB)), Judged::Freed, (10, 0)),
    ];
    let shop = Shop::closed().await;
    for (of, (verdict, said, left)) in (1..).zip(rows) {
        open(&shop.client, SHELF, of, 10).await;
        let record = Ask { attempt: Attempt(2), ..ask_for(1, 0xA, 3) };
        assert_eq!(shop.reserve_under(terms(of), record).await, Reserved::Taken);
        let judgement = Judgement { own: own(1, 0xA), verdict };
        let judged = shop.client.judge(SHELF, epoch(of), &[judgement]).await;
        assert_eq!(judged, Ok(vec![said]), "{verdict:?}");
        assert_eq!(shop.units_and_held().await, left, "{verdict:?}");
        if said != (Judged::Later { attempt: Attempt(2) }) {
            assert_eq!(
                shop.client.judge(SHELF, epoch(of), &[judgement]).await,
                Ok(vec![Judged::Gone]),
                "once"
            );
        }
    }
}

#[tokio::test]
async fn a_judgement_of_another_record_ends_nothing() {
    let shop = Shop::with(10).await;
    shop.reserve(ask(1, 0xA)).await;
    assert_eq!(shop.judge(1, 0xB, Verdict::Dead(Attempt(9))).await, Judged::Gone, "another hold id");
    assert_eq!(shop.judge(2, 0xA, Verdict::Dead(Attempt(9))).await, Judged::Gone, "another holder");
    assert_eq!(shop.units_and_held().await, (9, 1));
}

#[tokio::test]
async fn held_records_come_in_pages_by_age_and_being_seen_makes_them_young() {
    let shop = Shop::with(1_000).await;
    for first in [0_u64, 60, 120] {
        let asks: Vec<Ask> = (first..first + 60).map(|user| ask(user + 1, u128::from(user) + 1)).collect();
        shop.client.reserve(SHELF, &terms(1), &asks).await.expect("an answer");
    }
    let page = async |age, skip| shop.client.held_older_than(SHELF, age, skip).await.expect("an answer");
    let (first, second) = (page(Duration::ZERO, 0).await, page(Duration::ZERO, PAGE_MAX).await);
    assert_eq!((first.looked_at, first.records.len()), (PAGE_MAX, PAGE_MAX));
    assert_eq!((second.looked_at, second.records.len()), (180 - PAGE_MAX, 180 - PAGE_MAX));
    assert_eq!(page(Duration::from_secs(60), 0).await.looked_at, 0, "none is a minute old");

    let oldest = first.records[0];
    let again = Ask { holder: oldest.own.holder, attempt: Attempt(2), ..ask(0, 0xBEEF) };
    assert_eq!(shop.reserve(again).await, Reserved::Seen { hold: oldest.own.hold });
    let last = *page(Duration::ZERO, 179).await.records.last().expect("the youngest");
    assert_eq!((last.own, last.attempt, last.shared), (oldest.own, Attempt(2), true));
    assert!(last.at > oldest.at);
}

/// `RecordDroppedEarly`.
#[tokio::test]
async fn nothing_of_a_shelf_expires() {
    let shop = Shop::with(10).await;
    shop.reserve(ask(1, 0xA)).await;
    for of in ["shelf", "held", "ages"] {
        assert_eq!(shop.server.ask(&["TTL", &key(of)]), servers::resp::Reply::Number(-1), "{of}");
    }
}

// RETURN

/// `ReturnWithoutNumbers`.
#[tokio::test]
async fn a_batch_is_added_once_and_only_when_it_is_the_next() {
    let shop = Shop::with(10).await;
    let send = async |shard, number| {
        let batch = Batch { epoch: epoch(1), shard: ShardNo(shard), number, units: 5 };
        let said = shop.client.return_batch(SHELF, batch).await.expect("an answer");
        (said, shop.units_and_held().await.0)
    };
    assert_eq!(send(0, 2).await, (Returned::Gap { last: 0 }, 10));
    assert_eq!(send(0, 1).await, (Returned::Added, 15));
    assert_eq!(send(0, 1).await, (Returned::Added, 15), "an earlier copy had added it");
    assert_eq!(send(0, 2).await, (Returned::Added, 20));
    assert_eq!(send(0, 1).await, (Returned::Added, 20), "a late copy of an older one");
    assert_eq!(send(0, 4).await, (Returned::Gap { last: 2 }, 20));
    assert_eq!(send(1, 1).await, (Returned::Added, 25), "each shard counts for itself");
    let look = shop.look().await;
    let mut returned = look.shelf.expect("the shelf is there").returned;
    returned.sort_unstable();
    assert_eq!(returned, [(ShardNo(0), 2), (ShardNo(1), 1)]);
}

/// `ReturnToAnyIncarnation`.
#[tokio::test]
async fn a_batch_is_added_in_its_epoch_and_incarnation_only() {
    let shop = Shop::closed().await;
    let batch = |of| Batch { epoch: epoch(of), shard: ShardNo(0), number: 1, units: 5 };
    assert_eq!(shop.client.return_batch(SHELF, batch(2)).await, Ok(Returned::NotYet), "no shelf");
    open(&shop.client, SHELF, 2, 10).await;
    assert_eq!(
        shop.client.return_batch(SHELF, batch(3)).await,
        Ok(Returned::NotYet),
        "not open in epoch 3 yet"
    );
    assert_eq!(shop.client.return_batch(SHELF, batch(1)).await, Ok(Returned::Void { open: epoch(2) }));
    shop.become_another_incarnation();
    assert_eq!(shop.client.return_batch(SHELF, batch(2)).await, Ok(Returned::NotYet), "another incarnation");
    assert_eq!(shop.client.return_batch(SHELF, batch(1)).await, Ok(Returned::Void { open: epoch(2) }));
    assert_eq!(shop.units_and_held().await, (10, 0));
}

// INIT

/// `InitTwice` and `InitOverAnyEpoch` in the script: the opener sends it once; a copy changes nothing.
#[tokio::test]
async fn init_opens_over_a_lower_epoch_only() {
    let shop = Shop::closed().await;
    let init = async |of, units| {
        let opening = Opening { epoch: epoch(of), units, catalogue: CATALOGUE };
        shop.client.init(SHELF, opening).await.expect("an answer")
    };
    assert_eq!(init(5, 10).await, Opened::Now);
    assert_eq!(init(5, 99).await, Opened::Passed { open: epoch(5) });
    assert_eq!(init(4, 99).await, Opened::Passed { open: epoch(5) });
    assert_eq!(shop.units_and_held().await, (10, 0));
    assert_eq!(init(6, 20).await, Opened::Now);
    assert_eq!(shop.units_and_held().await, (20, 0));
}

#[tokio::test]
async fn init_begins_anew_and_writes_the_servers_incarnation() {
    let shop = Shop::with(10).await;
    shop.reserve(ask(1, 0xA)).await;
    let batch = Batch { epoch: epoch(1), shard: ShardNo(0), number: 1, units: 5 };
    shop.client.return_batch(SHELF, batch).await.expect("an answer");
    shop.become_another_incarnation();
    assert_eq!(shop.look().await.open(), None);
    open(&shop.client, SHELF, 2, 7).await;
    let look = shop.look().await;
    assert_eq!((look.open(), look.held), (Some(epoch(2)), 0), "{look:?}");
    let shelf = look.shelf.expect("the shelf is there");
    assert_eq!((shelf.units, shelf.returned, shelf.catalogue), (7, vec![], CATALOGUE));
    assert_eq!(shelf.incarnation, shop.server.info("replication", "master_replid"));
}

// The catalogue

#[tokio::test]
async fn the_catalogue_version_only_rises() {
    let shop = Shop::with(10).await;
    let set = async |of, version| {
        shop.client.set_catalogue(SHELF, epoch(of), CatalogueVersion(version)).await.expect("an answer")
    };
    assert_eq!(set(1, 42).await, CatalogueSet::Stands(CatalogueVersion(42)));
    assert_eq!(set(1, 41).await, CatalogueSet::Stands(CatalogueVersion(42)));
    assert_eq!(set(2, 43).await, CatalogueSet::Stale { open: epoch(1) });
    let under = |version| Terms { catalogue: CatalogueVersion(version), ..terms(1) };
    assert_eq!(shop.reserve_under(under(42), ask(1, 0xA)).await, Reserved::Taken);
    shop.become_another_incarnation();
    assert_eq!(set(1, 44).await, CatalogueSet::Closed);
}
