//! Units that operators bring and take, sales and coupons whose bounds change, two nodes at once.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use domain::coupon::{Benefit, Coupon, CouponScope};
use domain::intent::{CouponDefine, Sale, SalePut, SaleSku, StockTransfer};
use domain::verdict::ShelfView;
use domain::{
    CouponId, Currency, Intent, MicrosUtc, MinorUnits, Reason, Refusal, SaleId, SkuId, UserId, Verdict,
};
use storage_cluster::redis::{Ask, Reserved, Terms, Window};
use storage_cluster::shelf::{Attempt, HoldId, Holder, ShelfKey};

use crate::shop::{HERE, Node, Shop, THERE, now, stock};

const SALE: SaleId = SaleId(5);

fn sale(cap_units: u64) -> Sale {
    let (hour, now) = (3_600_000_000, now().0);
    Sale {
        id: SALE,
        version: 0,
        closed_from: MicrosUtc(now - hour),
        opens: MicrosUtc(now - hour),
        closes: MicrosUtc(now + hour),
        user_limit_units: 0,
        order_limit_units: 0,
        cap_units,
        hold_seconds: 60,
    }
}

fn on_hand(verdict: &Verdict) -> u64 {
    let Verdict::Shelf(ShelfView { on_hand, .. }) = verdict else { panic!("{verdict:?}") };
    *on_hand
}

/// A buyer takes units out of Redis, and no more is heard of them.
async fn reserve(node: &Node, shelf: ShelfKey, user: u64, units: u32) -> Reserved {
    let look = node.links.redis.look(shelf).await.unwrap().shelf.unwrap();
    let terms = Terms { epoch: look.epoch, catalogue: look.catalogue, window: Window::default() };
    let holder = Holder { user: UserId(user), request: domain::RequestId(u128::from(user)) };
    let ask = Ask {
        holder,
        attempt: Attempt(1),
        hold: HoldId(user.into()),
        units: NonZeroU32::new(units).unwrap(),
        body: 1,
    };
    node.links.redis.reserve(shelf, &terms, &[ask]).await.unwrap()[0]
}

#[tokio::test]
async fn units_come_by_deltas_and_a_shelf_is_opened_with_them() {
    let shop = Shop::start().await;
    let node = shop.node().await;
    node.ask_and_open(&shop.put_sku(7)).await;
    let decided = node.ask_at(now(), false, &shop.adjust(7, 10)).await;
    assert_eq!(on_hand(&decided.outcome.unwrap()), 10);
    assert_eq!(decided.to_open, BTreeSet::from([stock(7)]), "it was never opened");
    node.open(&decided.to_open).await;
    assert_eq!(node.units(stock(7)).await, Some(10));

    let decided = node.ask_at(now(), false, &shop.adjust(7, 5)).await;
    assert_eq!(on_hand(&decided.outcome.unwrap()), 15);
    assert_eq!(decided.to_open, BTreeSet::new());
    assert_eq!(node.units(stock(7)).await, Some(10), "the relay of returns brings them");
    assert_eq!(shop.number("home", "SELECT SUM(units) FROM loose_units WHERE epoch = 1"), 5);
    assert_eq!(shop.number("home", "SELECT COUNT(*) FROM outbox"), 3, "each change is told");
}

#[tokio::test]
async fn units_that_an_operator_takes_are_taken_from_redis_first() {
    let shop = Shop::start().await;
    let node = shop.node().await;
    node.ask_and_open(&shop.put_sku(7)).await;
    node.ask_and_open(&shop.adjust(7, 10)).await;
    let decided = node.ask_at(now(), false, &shop.adjust(7, -4)).await;
    assert_eq!(on_hand(&decided.outcome.unwrap()), 6);
    assert_eq!(decided.to_open, BTreeSet::new(), "it sold on");
    assert_eq!((node.units(stock(7)).await, node.held(stock(7)).await), (Some(6), 0));
    assert_eq!(shop.number("home", "SELECT COUNT(*) FROM request_keys_0 WHERE hold IS NOT NULL"), 1);

    let transfer = Intent::StockTransfer(StockTransfer {
        request: shop.request(),
        sku: SkuId(7),
        from: HERE,
        to: THERE,
        units: 6,
    });
    let decided = node.ask_at(now(), false, &transfer).await;
    assert!(matches!(decided.outcome, Ok(Verdict::Transferred(_))), "{decided:?}");
    let there = ShelfKey::Stock(SkuId(7), THERE);
    assert_eq!(decided.to_open, BTreeSet::from([there]), "a new shelf");
    node.open(&decided.to_open).await;
    assert_eq!((node.units(stock(7)).await, node.units(there).await), (Some(0), Some(6)));
}

#[tokio::test]
async fn what_redis_has_not_is_taken_of_a_closed_shelf_and_never_of_a_buyer() {
    let shop = Shop::start().await;
    let node = shop.node().await;
    node.ask_and_open(&shop.put_sku(7)).await;
    node.ask_and_open(&shop.adjust(7, 10)).await;
    // A buyer's order of 7 is on its way: Redis gave, and no database knows it yet.
    assert_eq!(reserve(&node, stock(7), 3, 7).await, Reserved::Taken);
    let decided = node.ask_at(now(), false, &shop.adjust(7, -5)).await;
    assert_eq!(on_hand(&decided.outcome.unwrap()), 5, "the buyer's COMMIT meets the fence");
    assert_eq!(decided.to_open, BTreeSet::from([stock(7)]));
    assert_eq!(shop.number("shard", "SELECT MIN(epoch) FROM fences WHERE shelf_kind = 1"), 2);
    node.open(&decided.to_open).await;
    assert_eq!(node.units(stock(7)).await, Some(5), "what nobody bought is there again");

    // Asked for more than there is it is refused, as a ledger does.
    let refused = node.ask(&shop.adjust(7, -6)).await;
    assert_eq!(refused, Ok(Verdict::Refused(Refusal::of(Reason::InvalidField))));
    assert_eq!((node.units(stock(7)).await, node.held(stock(7)).await), (Some(5), 0));
}

#[tokio::test]
async fn a_cap_that_changes_closes_its_shelf_before_it_counts() {
    let shop = Shop::start().await;
    let node = shop.node().await;
    node.ask_and_open(&shop.put_sku(7)).await;
    node.ask_and_open(&shop.adjust(7, 10)).await;
    let skus = [SaleSku { sku: SkuId(7), unit_price: MinorUnits(400) }];
    let cap = ShelfKey::SaleCap(SALE);
    let put = |replaces, cap| {
        Intent::SalePut(SalePut { request: shop.request(), replaces, sale: sale(cap), skus: &skus })
    };
    node.ask_and_open(&put(0, 100)).await;
    assert_eq!(node.units(cap).await, Some(100));
    assert_eq!(reserve(&node, cap, 3, 30).await, Reserved::Taken);

    let decided = node.ask_at(now(), false, &put(1, 20)).await;
    assert_eq!(decided.outcome, Ok(Verdict::Sale { sale: SALE, version: 2 }));
    assert!(decided.to_open.contains(&cap));
    assert_eq!(node.fence(cap).map(|epoch| epoch.get()), Some(2), "whoever took under the old cap is fenced");
    node.open(&decided.to_open).await;
    assert_eq!(node.units(cap).await, Some(20));

    // Another hour, the same cap: it stays open, under the new version.
    let longer = SalePut { request: shop.request(), replaces: 2, sale: sale(20), skus: &skus };
    assert_eq!(node.ask(&Intent::SalePut(longer)).await, Ok(Verdict::Sale { sale: SALE, version: 3 }));
    let shelf = node.links.redis.look(cap).await.unwrap().shelf.unwrap();
    assert_eq!((shelf.units, shelf.catalogue), (20, node.catalogue.version_of(cap)));
    let shelf = node.links.redis.look(stock(7)).await.unwrap().shelf.unwrap();
    assert_eq!(shelf.catalogue, node.catalogue.version_of(stock(7)), "its stock knows, too");
}

#[tokio::test]
async fn a_quota_that_changes_closes_its_shelf_too() {
    let shop = Shop::start().await;
    let node = shop.node().await;
    let coupon = |quota| Coupon {
        id: CouponId(9),
        version: 0,
        currency: Currency(978),
        benefit: Benefit::Amount(MinorUnits(100)),
        threshold: MinorUnits(0),
        scope: CouponScope::All,
        opens: MicrosUtc(1),
        closes: MicrosUtc(now().0 + 3_600_000_000),
        quota,
        user_quota: 0,
        group: 0,
        rank: 0,
        must_claim: false,
    };
    let quota = ShelfKey::CouponQuota(CouponId(9));
    for (replaces, units) in [(0, 50), (1, 60)] {
        let coupon = coupon(units);
        let define = CouponDefine { request: shop.request(), replaces, coupon: &coupon, skus: &[] };
        node.ask_and_open(&Intent::CouponDefine(define)).await;
        assert_eq!(node.units(quota).await, Some(units as i64));
    }
    assert_eq!(node.fence(quota).map(|epoch| epoch.get()), Some(3), "closed in 2, open in 3");
}

#[tokio::test]
async fn two_nodes_know_each_others_changes_and_only_one_replaces_a_version() {
    let shop = Shop::start().await;
    let (one, other) = (shop.node().await, shop.node().await);
    one.ask_and_open(&shop.put_sku(7)).await;
    other.ask_and_open(&shop.adjust(7, 3)).await;
    let found = other.ask(&Intent::SkuGet(SkuId(7))).await.unwrap();
    let Verdict::SkuFound(view) = &found else { panic!("{found:?}") };
    assert_eq!((view.sku.version, view.stock.on_hand), (1, 3));
    assert_eq!(one.ask(&Intent::SkuGet(SkuId(7))).await.as_ref(), Ok(&found));

    // Both replace version 1 at the same time: their images say the same.
    let replace = |price| {
        let Intent::SkuPut(mut put) = shop.put_sku(7) else { unreachable!() };
        (put.replaces, put.sku.unit_price) = (1, MinorUnits(price));
        Intent::SkuPut(put)
    };
    let (dear, cheap) = (replace(900), replace(100));
    let (first, second) = tokio::join!(one.ask(&dear), other.ask(&cheap));
    let conflict = Refusal::of(Reason::VersionConflict).with(1, 2);
    let mut said = [first.unwrap(), second.unwrap()];
    said.sort_by_key(|verdict| matches!(verdict, Verdict::Refused(_)));
    assert_eq!(said, [Verdict::Sku { sku: SkuId(7), version: 2 }, Verdict::Refused(conflict)]);
}
