//! What frames about coupons ask of the store, and how its answers come back.

mod support;

use domain::coupon::{Benefit, Coupon as Defined, CouponCounts, CouponScope};
use domain::refusal::{Reason, Refusal as No};
use domain::verdict::{
    CouponChecked as Checked, CouponSummary, CouponTaken as Taken, CouponView, CouponsChecked, Page,
};
use domain::{CouponId, Currency, MicrosUtc, MinorUnits, SaleId, SkuId, UserId, Verdict};
use protocol::structs::*;
use protocol::{Status, messages};
use support::*;

const DEFINE: CouponDefineHead = CouponDefineHead {
    request: 1,
    coupon: 88,
    amount: 700,
    threshold: 5_000,
    opens: 10,
    closes: 20,
    quota: 100,
    replaces: 1,
    user_quota: 2,
    group: 7,
    sale: 0,
    currency: 978,
    basis_points: 0,
    rank: 3,
    scope: 1,
    must_claim: true,
};
const CHECK: CouponCheckHead =
    CouponCheckHead { user: 9, coupons: Coupons { first: 88, ..Coupons::NONE }, currency: 978 };

fn define(head: CouponDefineHead, skus: &[u64]) -> Vec<u8> {
    let skus: Vec<CouponSku> = skus.iter().map(|&sku| CouponSku { sku }).collect();
    frame::<messages::CouponDefine>(&head, &skus, &[])
}

fn becomes(bytes: &[u8], intent: &str) {
    let mut house = House::new().known();
    house.give(bytes);
    assert_eq!(house.heard(), []);
    assert_eq!(house.store().intents(), [intent]);
}

#[test]
fn frames_about_coupons_become_their_intents() {
    let coupon = |benefit: &str, scope: &str| {
        format!(
            "Coupon {{ id: CouponId(88), version: 0, currency: Currency(978), benefit: {benefit}, \
             threshold: MinorUnits(5000), scope: {scope}, opens: MicrosUtc(10), closes: MicrosUtc(20), quota: 100, \
             user_quota: 2, group: 7, rank: 3, must_claim: true }}"
        )
    };
    let defines = |head, skus: &[u64], benefit: &str, scope: &str, named: &str| {
        let coupon = coupon(benefit, scope);
        let intent = format!(
            "CouponDefine(CouponDefine {{ request: RequestId(1), replaces: 1, coupon: {coupon}, skus: [{named}] }})"
        );
        becomes(&define(head, skus), &intent);
    };
    defines(DEFINE, &[], "Amount(MinorUnits(700))", "All", "");
    let percent = "Percent { basis_points: 1500, cap: MinorUnits(700) }";
    let head = CouponDefineHead { basis_points: 1_500, scope: 2, ..DEFINE };
    defines(head, &[7, 8], percent, "Skus", "SkuId(7), SkuId(8)");
    let head = CouponDefineHead { scope: 3, sale: 5, ..DEFINE };
    defines(head, &[], "Amount(MinorUnits(700))", "Sale(SaleId(5))", "");
    becomes(
        &frame::<messages::CouponClaim>(&CouponClaimHead { request: 1, user: 9, coupon: 88 }, &[], &[]),
        "CouponClaim(CouponClaim { user: UserId(9), request: RequestId(1), coupon: CouponId(88) })",
    );
    becomes(
        &frame::<messages::CouponCheck>(&CHECK, &[LINE], &[]),
        "CouponCheck(CouponCheck { user: UserId(9), currency: Currency(978), \
         coupons: CouponIds([CouponId(88), CouponId(0), CouponId(0), CouponId(0)]), \
         lines: Lines([AskedLine { sku: SkuId(7), warehouse: WarehouseId(1), quantity: Quantity(2) }]) })",
    );
    becomes(
        &frame::<messages::CouponGet>(&CouponGetHead { user: 0, coupon: 88 }, &[], &[]),
        "CouponGet { user: UserId(0), coupon: CouponId(88) }",
    );
    becomes(
        &frame::<messages::CouponList>(&CouponListHead { after: 3, limit: 100 }, &[], &[]),
        "CouponList { after: CouponId(3), limit: 100 }",
    );
}

#[test]
fn wrong_fields_never_reach_the_store() {
    let check = |head: CouponCheckHead| frame::<messages::CouponCheck>(&head, &[LINE], &[]);
    let claim = |head: CouponClaimHead| frame::<messages::CouponClaim>(&head, &[], &[]);
    let claimed = CouponClaimHead { request: 1, user: 9, coupon: 88 };
    for (place, bytes) in [
        define(CouponDefineHead { coupon: 0, ..DEFINE }, &[]),
        define(CouponDefineHead { amount: 0, ..DEFINE }, &[]),
        define(CouponDefineHead { amount: -1, basis_points: 1, ..DEFINE }, &[]),
        define(CouponDefineHead { basis_points: 10_001, ..DEFINE }, &[]),
        define(CouponDefineHead { threshold: -1, ..DEFINE }, &[]),
        define(CouponDefineHead { opens: 20, ..DEFINE }, &[]),
        define(CouponDefineHead { opens: -1, ..DEFINE }, &[]),
        define(CouponDefineHead { currency: 0, ..DEFINE }, &[]),
        define(CouponDefineHead { scope: 0, ..DEFINE }, &[]),
        define(CouponDefineHead { scope: 4, sale: 1, ..DEFINE }, &[]),
        define(CouponDefineHead { scope: 3, ..DEFINE }, &[]),
        define(CouponDefineHead { sale: 5, ..DEFINE }, &[]),
        define(CouponDefineHead { scope: 2, ..DEFINE }, &[]),
        define(CouponDefineHead { scope: 2, ..DEFINE }, &[7, 0]),
        define(DEFINE, &[7]),
        claim(CouponClaimHead { user: 0, ..claimed }),
        claim(CouponClaimHead { coupon: 0, ..claimed }),
        check(CouponCheckHead { coupons: Coupons::NONE, ..CHECK }),
        check(CouponCheckHead { coupons: Coupons::of([88, 88, 0, 0]), ..CHECK }),
        check(CouponCheckHead { coupons: Coupons::of([88, 0, 9, 0]), ..CHECK }),
        check(CouponCheckHead { user: 0, ..CHECK }),
        frame::<messages::CouponGet>(&CouponGetHead { user: 9, coupon: 0 }, &[], &[]),
        frame::<messages::CouponList>(&CouponListHead { after: 0, limit: 0 }, &[], &[]),
        frame::<messages::CouponList>(&CouponListHead { after: 0, limit: 101 }, &[], &[]),
    ]
    .iter()
    .enumerate()
    {
        let mut house = House::new().known();
        assert_eq!(house.ask(bytes).status(), Some(Status::InvalidField), "case {place}");
        assert_eq!(house.store().intents(), [""; 0], "case {place}");
    }
}

#[test]
fn answers_about_coupons_come_back_whole() {
    let coupon = Defined {
        id: CouponId(88),
        version: 2,
        currency: Currency(978),
        benefit: Benefit::Percent { basis_points: 1_500, cap: MinorUnits(700) },
        threshold: MinorUnits(5_000),
        scope: CouponScope::Sale(SaleId(5)),
        opens: MicrosUtc(10),
        closes: MicrosUtc(20),
        quota: 100,
        user_quota: 2,
        group: 7,
        rank: 3,
        must_claim: true,
    };
    let counts = CouponCounts { claimed: 3, locked: 2, used: 1 };
    let summary = CouponSummary { coupon, counts };
    let taken = Taken { coupon: CouponId(88), user: UserId(9), counts };
    let mut house = House::new().known();

    let defined = Verdict::Coupon { coupon: CouponId(88), version: 2 };
    let head = house.ask_store(&define(DEFINE, &[]), Ok(defined)).read::<messages::CouponDefineAnswer>().head;
    assert_eq!((head.coupon, head.version), (88, 2));

    let claim =
        frame::<messages::CouponClaim>(&CouponClaimHead { request: 1, user: 9, coupon: 88 }, &[], &[]);
    let heard = house.ask_store(&claim, Ok(Verdict::CouponTaken(taken)));
    let ours = CouponTaken { coupon: 88, user: 9, claimed: 3, locked: 2, used: 1 };
    assert_eq!(heard.read::<messages::CouponClaimAnswer>().head, ours);

    let get = frame::<messages::CouponGet>(&CouponGetHead { user: 9, coupon: 88 }, &[], &[]);
    let view = CouponView { summary, taken, skus: vec![SkuId(7)] };
    let heard = house.ask_store(&get, Ok(Verdict::CouponFound(view.into())));
    let found = heard.read::<messages::CouponGetAnswer>();
    let Coupon { amount, basis_points, scope, sale, claimed, .. } = found.head.coupon;
    assert_eq!((amount, basis_points, scope, sale, claimed), (700, 1_500, 3, 5, 3));
    assert_eq!((found.head.taken, found.items.get(0)), (ours, Some(CouponSku { sku: 7 })));

    let list = frame::<messages::CouponList>(&CouponListHead { after: 0, limit: 1 }, &[], &[]);
    let page = Page { items: vec![summary], more: true };
    let heard = house.ask_store(&list, Ok(Verdict::Coupons(page.into())));
    let listed = heard.read::<messages::CouponListAnswer>();
    assert_eq!((listed.head.more, listed.items.get(0)), (true, Some(found.head.coupon)));

    let check = frame::<messages::CouponCheck>(&CHECK, &[LINE], &[]);
    let too_small = No::of(Reason::CouponNotApplicable).with(400, 5_000);
    let coupons = vec![
        Checked { coupon: CouponId(88), discount: Ok(MinorUnits(60)) },
        Checked { coupon: CouponId(9), discount: Err(too_small) },
    ];
    let checked = CouponsChecked { goods: MinorUnits(400), discount: MinorUnits(60), coupons };
    let heard = house.ask_store(&check, Ok(Verdict::CouponsChecked(checked.into())));
    let checked = heard.read::<messages::CouponCheckAnswer>();
    assert_eq!((checked.head.goods, checked.head.discount), (400, 60));
    let status = Status::CouponNotApplicable.code();
    let good = CouponChecked { coupon: 88, discount: 60, asked: 0, there: 0, status: 0 };
    let refused = CouponChecked { coupon: 9, discount: 0, asked: 400, there: 5_000, status };
    assert_eq!((checked.items.get(0), checked.items.get(1)), (Some(good), Some(refused)));
}
