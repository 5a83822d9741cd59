//! The same round on Redis alone, behind sentinels and as a Cluster; and what a server, or the way to it, can do to it.

mod shop;

use std::time::{Duration, Instant};

use domain::{SkuId, WarehouseId};
use futures_util::future::join_all;
use servers::proxy::Proxy;
use servers::redis::{Redis, RedisCluster, Sentinels};
use servers::wait_until;
use shop::{CAP, CATALOGUE, SHELF, Shop, ask, ask_for, attempt, connect, epoch, open, own, terms};
use storage_cluster::redis::{
    Batch, CatalogueSet, Client, Failed, Finished, GivenBack, Judged, Judgement, Opened, Opening, Reserved,
    Returned, Settings, Timeouts, Verdict, Why,
};
use storage_cluster::shelf::{Attempt, CatalogueVersion, HoldId, ShardNo, ShelfKey};

// The three deployments

/// Every script once or more, on shelves of many slots.
async fn round(client: &Client) {
    for shelf in (1..=12).map(|sku| ShelfKey::Stock(SkuId(sku), WarehouseId(1))) {
        open(client, shelf, 1, 10).await;
        let asks = [ask_for(1, 0xA, 2), ask(2, 0xB), ask(3, 0xC), ask_for(4, 0xD, 9)];
        let said = client.reserve(shelf, &terms(1), &asks).await;
        let taken = Reserved::Taken;
        assert_eq!(said, Ok(vec![taken, taken, taken, Reserved::SoldOut { left: 6 }]), "{shelf}");
        let seen = client.reserve(shelf, &terms(1), &[attempt(2, 3, 0xE)]).await;
        assert_eq!(seen, Ok(vec![Reserved::Seen { hold: HoldId(0xC) }]));
        assert_eq!(client.finish(shelf, epoch(1), &[own(1, 0xA)]).await, Ok(vec![Finished::Ended]));
        assert_eq!(client.give_back(shelf, epoch(1), &[own(2, 0xB)]).await, Ok(vec![GivenBack::Ended]));
        let page = client.held_older_than(shelf, Duration::ZERO, 0).await.expect("an answer");
        assert_eq!(page.records.len(), 1);
        let dead = Judgement { own: own(3, 0xC), verdict: Verdict::Dead(Attempt(2)) };
        assert_eq!(client.judge(shelf, epoch(1), &[dead]).await, Ok(vec![Judged::Freed]));
        let batch = Batch { epoch: epoch(1), shard: ShardNo(1), number: 1, units: 2 };
        assert_eq!(client.return_batch(shelf, batch).await, Ok(Returned::Added));
        let version = CatalogueVersion(CATALOGUE.0 + 1);
        let set = client.set_catalogue(shelf, epoch(1), version).await;
        assert_eq!(set, Ok(CatalogueSet::Stands(version)));
        let look = client.look(shelf).await.expect("an answer");
        assert_eq!((look.open(), look.held), (Some(epoch(1)), 0));
        assert_eq!(look.shelf.map(|shelf| shelf.units), Some(10), "2 sold, 2 returned");
    }
    assert_eq!(client.check().await, Ok(vec![]));
}

#[tokio::test]
async fn a_round_on_one_server() {
    let server = Redis::start();
    round(&connect(server.url()).await).await;
}

#[tokio::test]
async fn a_round_behind_sentinels() {
    let servers = Sentinels::start();
    round(&connect(servers.url()).await).await;
}

#[tokio::test]
async fn a_round_on_a_cluster() {
    let cluster = RedisCluster::start();
    round(&connect(cluster.url()).await).await;
    for master in &cluster.masters {
        let keys = master.ask(&["DBSIZE"]).text();
        assert_ne!(keys, "0", "each master has some of the shelves");
    }
}

// Servers that lose something

/// Asks until there is an answer: a client finds its server again by itself.
async fn until_answered(client: &Client) -> Reserved {
    let begun = Instant::now();
    loop {
        match client.reserve(SHELF, &terms(1), &[ask(9, 0x9)]).await {
            Ok(said) => return said[0],
            Err(why) => assert!(begun.elapsed() < servers::START_MAX, "no answer any more: {why}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The next opening has a further epoch, and units flow again.
async fn opens_again(client: &Client) {
    open(client, SHELF, 2, 5).await;
    let said = client.reserve(SHELF, &terms(2), &[ask(9, 0x9)]).await;
    assert_eq!(said, Ok(vec![Reserved::Taken]));
}

/// The replica has not heard of the last RESERVE; it has the shelf, open, with a unit too many.
#[tokio::test]
async fn a_promoted_replica_that_missed_a_reserve_gives_nothing() {
    let mut servers = Sentinels::start();
    let client = connect(servers.url()).await;
    open(&client, SHELF, 1, 10).await;
    let shelf = shop::key("shelf");
    wait_until("the replica has the shelf", || servers.replica.ask(&["EXISTS", &shelf]).text() == "1");
    servers.cut_off_replica();
    assert_eq!(client.reserve(SHELF, &terms(1), &[ask(1, 0xA)]).await, Ok(vec![Reserved::Taken]));
    servers.fail_over();

    assert_eq!(until_answered(&client).await, Reserved::Closed);
    let look = client.look(SHELF).await.expect("an answer");
    assert_eq!((look.open(), look.held), (None, 0));
    assert_eq!(look.shelf.map(|shelf| (shelf.epoch, shelf.units)), Some((epoch(1), 10)), "the write is lost");
    opens_again(&client).await;
}

#[tokio::test]
async fn a_server_that_was_killed_and_came_back_with_everything_gives_nothing() {
    let mut shop = Shop::with(10).await;
    assert_eq!(shop.reserve(ask(1, 0xA)).await, Reserved::Taken);
    shop.server.restart();
    assert_eq!(until_answered(&shop.client).await, Reserved::Closed);
    assert_eq!(shop.units_and_held().await, (9, 1), "nothing is lost, but nobody can know");
    opens_again(&shop.client).await;
}

#[tokio::test]
async fn a_server_with_an_old_file_gives_nothing() {
    let mut shop = Shop::with(10).await;
    let old = shop.server.keep_files();
    assert_eq!(shop.reserve(ask(1, 0xA)).await, Reserved::Taken);
    shop.server.restart_with(&old);
    assert_eq!(until_answered(&shop.client).await, Reserved::Closed);
    assert_eq!(shop.units_and_held().await, (10, 0), "the unit is back, and is not given");
    opens_again(&shop.client).await;
}

#[tokio::test]
async fn an_empty_server_gives_nothing() {
    let mut shop = Shop::with(10).await;
    shop.server.restart_empty();
    assert_eq!(until_answered(&shop.client).await, Reserved::Closed);
    assert_eq!(shop.look().await.shelf, None);
    opens_again(&shop.client).await;
}

#[tokio::test]
async fn a_flushed_server_gives_nothing() {
    let shop = Shop::with(10).await;
    shop.server.flush_all();
    assert_eq!(shop.reserve(ask(1, 0xA)).await, Reserved::Closed);
    opens_again(&shop.client).await;
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_brought_again() {
    let shop = Shop::with(10).await;
    assert_eq!(shop.reserve(ask(1, 0xA)).await, Reserved::Taken);
    shop.server.ask(&["SCRIPT", "FLUSH", "SYNC"]);
    let asks = [ask(2, 0xB)];
    let terms = terms(1);
    let both =
        join_all([shop.client.reserve(SHELF, &terms, &asks), shop.client.reserve(SHELF, &terms, &asks)])
            .await;
    assert_eq!(both, [Ok(vec![Reserved::Taken]), Ok(vec![Reserved::Seen { hold: HoldId(0xB) }])]);
    assert_eq!(shop.units_and_held().await, (8, 2), "each ran once");
}

/// A third of the shelves is gone with its master; a Cluster that wants to be whole gives nothing meanwhile.
#[tokio::test]
async fn a_cluster_that_lost_a_master_gives_the_others_shelves_again_when_it_is_whole() {
    let mut cluster = RedisCluster::start();
    let client = connect(cluster.url()).await;
    let master_of = |shelf: ShelfKey| cluster.master_of(&format!("{{{shelf}}}"));
    let lost = master_of(SHELF);
    let other =
        (1..).map(|sku| ShelfKey::Stock(SkuId(sku), WarehouseId(2))).find(|shelf| master_of(*shelf) != lost);
    let other = other.expect("a shelf of another master");
    open(&client, SHELF, 1, 10).await;
    open(&client, other, 1, 10).await;
    cluster.masters[lost].kill();
    for shelf in [SHELF, other] {
        let begun = Instant::now();
        let said = client.reserve(shelf, &terms(1), &[ask(1, 0xA)]).await;
        assert!(
            begun.elapsed() < Timeouts::DEFAULT.call * 2,
            "{shelf}: {said:?} after {:?}",
            begun.elapsed()
        );
    }
    cluster.masters[lost].restart();
    assert_eq!(until_answered(&client).await, Reserved::Closed, "it has another incarnation");
    let said = client.reserve(other, &terms(1), &[ask(2, 0xB)]).await;
    assert_eq!(said, Ok(vec![Reserved::Taken]), "these were never closed");
    opens_again(&client).await;
}

// Calls without an answer

fn short() -> Timeouts {
    Timeouts { call: Duration::from_millis(200), ..Timeouts::DEFAULT }
}

#[tokio::test]
async fn a_paused_server_costs_a_call_its_time_and_may_do_it_later() {
    let shop = Shop::with(10).await;
    let client =
        Client::connect(&Settings { url: shop.server.url(), timeouts: short() }).await.expect("it answers");
    // The server has the script, so one write is all there is to it.
    shop.reserve(ask(8, 0x8)).await;
    shop.server.pause();
    let begun = Instant::now();
    let said = client.reserve(SHELF, &terms(1), &[ask(1, 0xA)]).await;
    assert!(matches!(said, Err(Failed::MayBeDone(Why::TimedOut(_)))), "{said:?}");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    shop.server.resume();
    assert_eq!(until_answered(&client).await, Reserved::Taken, "it goes on by itself");
    // User 1's lands late: nobody waits for it, and the record is there for the reconciler.
    wait_until("all are held", || shop.server.ask(&["HLEN", &shop::key("held")]).text() == "3");
    assert_eq!(shop.units_and_held().await, (7, 3));
}

#[tokio::test]
async fn a_connection_that_ends_behind_a_call_may_have_carried_it_and_it_is_not_sent_again() {
    let shop = Shop::with(10).await;
    let proxy = Proxy::to(shop.server.port());
    let client = connect(format!("redis://127.0.0.1:{}", proxy.port())).await;
    client.look(SHELF).await.expect("an answer");
    // The server has the script, so one write is all there is to it.
    shop.reserve(ask(8, 0x8)).await;
    proxy.cut_behind_next();
    let said = client.reserve(SHELF, &terms(1), &[ask(1, 0xA)]).await;
    assert!(matches!(said, Err(Failed::MayBeDone(_))), "{said:?}");
    wait_until("the call has landed", || shop.server.ask(&["HLEN", &shop::key("held")]).text() == "2");
    assert_eq!(until_answered(&client).await, Reserved::Taken, "it connects again by itself");
    assert_eq!(shop.units_and_held().await, (7, 3), "nothing was sent twice");
    let page = client.held_older_than(SHELF, Duration::ZERO, 0).await.expect("an answer");
    assert!(page.records.iter().all(|record| !record.shared), "a copy would have seen it: {page:?}");
}

/// The first call's answer is lost; the second's must not be taken for it.
#[tokio::test]
async fn an_answer_to_another_call_is_not_believed() {
    let shop = Shop::with(10).await;
    open(&shop.client, CAP, 1, 10).await;
    shop.reserve(ask(8, 0x8)).await;
    let proxy = Proxy::to(shop.server.port());
    let client = connect(format!("redis://127.0.0.1:{}", proxy.port())).await;
    client.look(SHELF).await.expect("an answer");
    proxy.swallow_answers(1);
    let (terms, asks) = (terms(1), [ask(1, 0xA)]);
    let first = client.reserve(SHELF, &terms, &asks);
    let second = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.look(CAP).await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(matches!(&first, Err(Failed::MayBeDone(Why::Garbled(_)))), "{first:?}");
    assert!(matches!(&second, Err(Failed::MayBeDone(_))), "{second:?}");
    assert_eq!(until_answered(&client).await, Reserved::Taken, "on a connection of its own");
    assert_eq!(shop.units_and_held().await, (7, 3));
}

#[tokio::test]
async fn nobody_there_is_said_at_once() {
    let begun = Instant::now();
    let said = Client::connect(&Settings::new(format!("redis://127.0.0.1:{}", servers::ports::free()))).await;
    assert!(matches!(&said, Err(Failed::NotDone(Why::Unreachable(_)))), "{said:?}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_paused_server_is_not_waited_for_at_the_beginning() {
    let server = Redis::start();
    server.pause();
    let begun = Instant::now();
    let said = Client::connect(&Settings::new(server.url())).await;
    assert!(matches!(&said, Err(Failed::NotDone(Why::Unreachable(_)))), "{said:?}");
    assert!(begun.elapsed() < Timeouts::DEFAULT.connect * 3, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_wrong_address_or_password_is_said_at_once() {
    for url in ["redis//nowhere", "rediss://127.0.0.1:1", "mysql://127.0.0.1:1"] {
        let said = Client::connect(&Settings::new(url)).await;
        assert!(matches!(&said, Err(Failed::NotDone(_))), "{url}: {said:?}");
    }
    let server = Redis::start();
    server.ask(&["ACL", "SETUSER", "shop", "on", ">secret", "~*", "+@all"]);
    server.ask(&["ACL", "SETUSER", "default", "off"]);
    let at = |who: &str| Settings::new(format!("redis://{who}127.0.0.1:{}", server.port()));
    for who in ["shop:wrong@", ""] {
        let said = Client::connect(&at(who)).await;
        assert!(matches!(&said, Err(Failed::NotDone(_))), "{who:?}: {said:?}");
    }
    let client = Client::connect(&at("shop:secret@")).await.expect("the right one");
    open(&client, SHELF, 1, 1).await;
}

#[tokio::test]
async fn a_call_without_a_connection_fails_within_its_time() {
    let mut shop = Shop::with(10).await;
    shop.server.kill();
    for _ in 0..3 {
        let begun = Instant::now();
        let said = shop.client.reserve(SHELF, &terms(1), &[ask(1, 0xA)]).await;
        assert!(said.is_err(), "{said:?}");
        assert!(begun.elapsed() < Timeouts::DEFAULT.call * 2, "{:?}", begun.elapsed());
    }
}

// What the server refuses to run

fn refused_with<T: std::fmt::Debug>(said: Result<T, Failed>, word: &str) {
    match said {
        Err(Failed::NotDone(Why::Refused(text))) => assert!(text.starts_with(word), "{text}"),
        other => panic!("{word} was expected: {other:?}"),
    }
}

#[tokio::test]
async fn a_full_server_takes_no_reserve_and_ends_records() {
    let shop = Shop::with(10).await;
    assert_eq!(shop.reserve(ask(1, 0xA)).await, Reserved::Taken);
    shop.server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    refused_with(shop.client.reserve(SHELF, &terms(1), &[ask(2, 0xB)]).await, "OOM");
    let opening = Opening { epoch: epoch(2), units: 5, catalogue: CATALOGUE };
    refused_with(shop.client.init(SHELF, opening).await, "OOM");
    assert_eq!(shop.client.finish(SHELF, epoch(1), &[own(1, 0xA)]).await, Ok(vec![Finished::Ended]));
    let batch = Batch { epoch: epoch(1), shard: ShardNo(0), number: 1, units: 1 };
    assert_eq!(shop.client.return_batch(SHELF, batch).await, Ok(Returned::Added));
    shop.server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(shop.units_and_held().await, (10, 0));
}

#[tokio::test]
async fn a_demoted_server_does_nothing() {
    let shop = Shop::with(10).await;
    let other = Redis::start();
    shop.server.ask(&["CONFIG", "SET", "replica-serve-stale-data", "yes"]);
    shop.server.ask(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]);
    refused_with(shop.client.reserve(SHELF, &terms(1), &[ask(1, 0xA)]).await, "READONLY");
    let found = shop.client.check().await.expect("an answer");
    let sentences: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(sentences.iter().any(|text| text.contains("is a replica")), "{sentences:?}");
}

#[tokio::test]
async fn a_server_that_evicts_does_not_fit() {
    let cluster = RedisCluster::start();
    let client = connect(cluster.url()).await;
    cluster.masters[1].ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let found = client.check().await.expect("an answer");
    let sentences: Vec<String> = found.iter().map(ToString::to_string).collect();
    let port = cluster.masters[1].port().to_string();
    let [one] = &sentences[..] else { panic!("one of three: {sentences:?}") };
    assert!(one.contains(&port) && one.contains("set it to noeviction"), "{one}");
}

// Calls of a turn

/// One connection carries them all at once: the server answers none before all are sent.
#[tokio::test]
async fn calls_of_one_turn_do_not_wait_for_each_other() {
    const CALLS: usize = 500;
    let shop = Shop::with(10).await;
    shop.reserve(ask(1, 0x1)).await;
    shop.server.pause();
    let shelves: Vec<ShelfKey> =
        (1..).map(|sku| ShelfKey::Stock(SkuId(sku), WarehouseId(9))).take(CALLS).collect();
    let (terms, asks) = (terms(1), [ask(1, 0xA)]);
    let calls = join_all(shelves.iter().map(|shelf| shop.client.reserve(*shelf, &terms, &asks)));
    let resume = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        shop.server.resume();
    };
    let (said, ()) = tokio::join!(calls, resume);
    assert!(said.iter().all(|one| *one == Ok(vec![Reserved::Closed])), "{said:?}");
}

#[tokio::test]
async fn nodes_that_ask_at_once_get_each_unit_once() {
    const NODES: u64 = 4;
    const ASKS: u64 = 50;
    let shop = Shop::with(100).await;
    let mut clients = Vec::new();
    for _ in 0..NODES {
        clients.push(connect(shop.server.url()).await);
    }
    let of_node = async |node: u64, client: &Client| {
        let mut taken = 0;
        for no in 0..ASKS {
            let user = node * ASKS + no + 1;
            let said =
                client.reserve(SHELF, &terms(1), &[ask(user, u128::from(user))]).await.expect("an answer");
            taken += u64::from(said == [Reserved::Taken]);
        }
        taken
    };
    let taken: u64 =
        join_all((0..).zip(&clients).map(|(node, client)| of_node(node, client))).await.into_iter().sum();
    assert_eq!((taken, shop.units_and_held().await), (100, (0, 100)));
    assert_eq!(
        shop.client.init(SHELF, Opening { epoch: epoch(1), units: 1, catalogue: CATALOGUE }).await,
        Ok(Opened::Passed { open: epoch(1) })
    );
}
