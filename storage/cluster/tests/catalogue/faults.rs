//! What is asked twice, what dies in the middle, and what nobody knows the outcome of.

use std::num::NonZeroU32;

use domain::{Intent, MinorUnits, Reason, Refusal, RequestKey, SkuId, UserId, Verdict};
use servers::proxy::Proxy;
use storage::NotDecided;
use storage_cluster::links::Servers;
use storage_cluster::mysql::{Ending, Standing, end, look};
use storage_cluster::redis::{Ask, Judged, Judgement, Own, Reserved, Terms, Verdict as Judging, Window};
use storage_cluster::shelf::{Attempt, HoldId, Holder};

use crate::shop::{Node, Shop, now, stock};

/// A shop with ten units of sku 7, open.
async fn shop_with_ten() -> (Shop, Node) {
    let shop = Shop::start().await;
    let node = shop.node().await;
    node.ask_and_open(&shop.put_sku(7)).await;
    node.ask_and_open(&shop.adjust(7, 10)).await;
    (shop, node)
}

fn on_hand(verdict: &Verdict) -> u64 {
    let Verdict::Shelf(shelf) = verdict else { panic!("{verdict:?}") };
    shelf.on_hand
}

/// The home's connection of a node goes through a proxy.
async fn node_behind(shop: &Shop, proxy: &Proxy) -> Node {
    let servers = shop.servers();
    let port = shop.mariadb.port().to_string();
    let home = servers.mysql[0].replace(&port, &proxy.port().to_string());
    shop.node_of(&Servers { mysql: vec![home, servers.mysql[1].clone()], ..servers }).await
}

#[tokio::test]
async fn what_is_asked_twice_is_done_once_on_whichever_node() {
    let (shop, one) = shop_with_ten().await;
    let other = shop.node().await;
    let take = shop.adjust(7, -4);
    let first = one.ask(&take).await.unwrap();
    assert_eq!(other.ask_again(&take).await.as_ref(), Ok(&first));
    assert_eq!(one.ask(&take).await.as_ref(), Ok(&first), "without the flag, too");
    assert_eq!((one.units(stock(7)).await, one.held(stock(7)).await), (Some(6), 0));
    assert_eq!(shop.number("home", "SELECT SUM(n1) FROM stock_delta"), 6);

    let Intent::StockAdjust(mut another) = take else { unreachable!() };
    another.on_hand_delta = -1;
    let reused = Refusal::of(Reason::RequestIdReused);
    assert_eq!(other.ask(&Intent::StockAdjust(another)).await, Ok(Verdict::Refused(reused)));
}

#[tokio::test]
async fn a_retrys_refusal_stands_whatever_comes_after_it() {
    let (shop, node) = shop_with_ten().await;
    let Intent::SkuPut(mut put) = shop.put_sku(7) else { unreachable!() };
    put.replaces = 2;
    let early = Intent::SkuPut(put);
    let conflict = Verdict::Refused(Refusal::of(Reason::VersionConflict).with(2, 1));
    assert_eq!(node.ask(&early).await.as_ref(), Ok(&conflict), "a first ask leaves nothing behind");
    assert_eq!(shop.number("home", "SELECT COUNT(*) FROM request_keys_0 WHERE kind = 3"), 0);
    assert_eq!(node.ask_again(&early).await.as_ref(), Ok(&conflict));

    // By now it would be right; an earlier ask of it that comes late hears the same as the client has.
    let Intent::SkuPut(mut second) = shop.put_sku(7) else { unreachable!() };
    (second.replaces, second.sku.unit_price) = (1, MinorUnits(1));
    node.ask(&Intent::SkuPut(second)).await.unwrap();
    assert_eq!(node.ask(&early).await.as_ref(), Ok(&conflict));
    let Intent::SkuPut(mut another) = early else { unreachable!() };
    another.sku.unit_price = MinorUnits(7);
    let reused = Verdict::Refused(Refusal::of(Reason::RequestIdReused));
    assert_eq!(node.ask(&Intent::SkuPut(another)).await, Ok(reused));
}

/// RESERVE, as a node does before it dies.
async fn reserved_by_a_node_that_died(node: &Node, take: &Intent<'_>, units: u32) -> Own {
    let key = take.request().unwrap();
    let own = Own { holder: Holder { user: key.who, request: key.id }, hold: HoldId(77) };
    let shelf = node.links.redis.look(stock(7)).await.unwrap().shelf.unwrap();
    let terms = Terms { epoch: shelf.epoch, catalogue: shelf.catalogue, window: Window::default() };
    let ask = Ask {
        holder: own.holder,
        attempt: Attempt(1),
        hold: own.hold,
        units: NonZeroU32::new(units).unwrap(),
        body: take.body_hash(),
    };
    assert_eq!(node.links.redis.reserve(stock(7), &terms, &[ask]).await, Ok(vec![Reserved::Taken]));
    own
}

#[tokio::test]
async fn a_node_that_dies_with_units_in_hand_is_gone_on_for_by_the_next() {
    let (shop, node) = shop_with_ten().await;
    let take = shop.adjust(7, -4);
    let own = reserved_by_a_node_that_died(&node, &take, 4).await;
    assert_eq!(node.units(stock(7)).await, Some(6));
    let other = shop.node().await;
    assert_eq!(on_hand(&other.ask_again(&take).await.unwrap()), 6);
    assert_eq!((node.units(stock(7)).await, node.held(stock(7)).await), (Some(6), 0), "taken once");
    let mut home = node.links.home().lease().await.unwrap();
    let stands = look(&mut home, &[take.request().unwrap()]).await.unwrap();
    assert!(matches!(&stands[..], [Some(Standing::Done { hold, .. })] if *hold == Some(own.hold)));
}

#[tokio::test]
async fn a_node_that_dies_with_units_in_hand_and_is_not_asked_again_loses_none() {
    let (shop, node) = shop_with_ten().await;
    let take = shop.adjust(7, -4);
    let own = reserved_by_a_node_that_died(&node, &take, 4).await;
    // What the reconciler does: the key row in the home, then the record.
    let key = RequestKey { who: UserId(0), id: take.request().unwrap().id };
    let mut home = node.links.home().lease().await.unwrap();
    let stands = end(&mut home, &[(key, Ending::Dead(Attempt(1)))]).await.unwrap();
    assert_eq!(stands, [Standing::Dead(Attempt(1))]);
    let epoch = node.fence(stock(7)).unwrap();
    let judgement = Judgement { own, verdict: Judging::Dead(Attempt(1)) };
    assert_eq!(node.links.redis.judge(stock(7), epoch, &[judgement]).await, Ok(vec![Judged::Freed]));
    assert_eq!(node.units(stock(7)).await, Some(10));

    // Asked again all the same, it is attempt 2.
    assert_eq!(on_hand(&node.ask_again(&take).await.unwrap()), 6);
    assert_eq!((node.units(stock(7)).await, node.held(stock(7)).await), (Some(6), 0));
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_done() {
    let (shop, node) = shop_with_ten().await;
    let proxy = Proxy::to(shop.mariadb.port());
    let behind = node_behind(&shop, &proxy).await;
    behind.ask(&Intent::SkuGet(SkuId(7))).await.unwrap();
    proxy.cut_behind(b"\x03COMMIT");
    let take = shop.adjust(7, -4);
    let decided = behind.ask_at(now(), false, &take).await;
    assert_eq!(decided.outcome.as_ref().map(on_hand), Ok(6), "{decided:?}");
    assert!(decided.trouble.is_some());
    assert_eq!((node.units(stock(7)).await, node.held(stock(7)).await), (Some(6), 0));
    assert_eq!(shop.number("home", "SELECT SUM(n1) FROM stock_delta"), 6);
    assert_eq!(node.ask_again(&take).await, decided.outcome);
}

#[tokio::test]
async fn a_connection_that_dies_before_commit_changes_nothing_and_gives_back() {
    let (shop, node) = shop_with_ten().await;
    let proxy = Proxy::to(shop.mariadb.port());
    let behind = node_behind(&shop, &proxy).await;
    behind.ask(&Intent::SkuGet(SkuId(7))).await.unwrap();
    proxy.cut_behind(b"INSERT INTO stock_delta");
    let take = shop.adjust(7, -4);
    let outcome = behind.ask(&take).await;
    assert!(matches!(outcome, Err(NotDecided::Unavailable { .. })), "{outcome:?}");
    assert_eq!((node.units(stock(7)).await, node.held(stock(7)).await), (Some(10), 0));
    assert_eq!(on_hand(&behind.ask_again(&take).await.unwrap()), 6);
    assert_eq!(node.units(stock(7)).await, Some(6));
}

#[tokio::test]
async fn without_redis_units_come_and_go_where_nobody_buys() {
    let (shop, node) = shop_with_ten().await;
    shop.redis.pause();
    assert_eq!(on_hand(&node.ask(&shop.adjust(7, 5)).await.unwrap()), 15, "what comes needs no Redis");
    let take = shop.adjust(7, -4);
    let outcome = node.ask(&take).await;
    assert!(matches!(outcome, Err(NotDecided::Unavailable { .. })), "{outcome:?}");
    shop.redis.resume();
    let mut tries = 0;
    while node.ask_again(&take).await.is_err() {
        tries += 1;
        assert!(tries < 50, "it is never there again");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(shop.number("home", "SELECT SUM(n1) FROM stock_delta"), 11);
}
