//! Cases of coupons.

use super::*;

const COUPON: Coupon = Coupon {
    coupon: 88,
    amount: 1_500,
    threshold: 5_000,
    opens: NOON,
    closes: NOON + 120 * MINUTE,
    quota: 1_000,
    claimed: 640,
    locked: 12,
    used: 97,
    version: 2,
    user_quota: 1,
    group: 7,
    sale: 0,
    currency: 978,
    basis_points: 2_000,
    rank: 10,
    scope: 2,
    must_claim: true,
};

const TAKEN: CouponTaken = CouponTaken { coupon: 88, user: 42, claimed: 1, locked: 0, used: 0 };

pub const TWO: Coupons = Coupons::of([88, 9, 0, 0]);

pub fn files() -> Vec<File> {
    vec![define(), claim(), check(), get(), list()]
}

fn define() -> File {
    let mut define = File::of("COUPON_DEFINE");
    let head = CouponDefineHead {
        request: REQUEST,
        coupon: 88,
        amount: 1_500,
        threshold: 5_000,
        opens: NOON,
        closes: NOON + 120 * MINUTE,
        quota: 1_000,
        replaces: 1,
        user_quota: 1,
        group: 7,
        sale: 0,
        currency: 978,
        basis_points: 2_000,
        rank: 10,
        scope: 2,
        must_claim: true,
    };
    let skus = vec![CouponSku { sku: 1_001 }, CouponSku { sku: 1_002 }];
    let off = CouponDefineHead { basis_points: 0, sale: 618, scope: 3, must_claim: false, ..head };
    define.message::<CouponDefine>(vec![
        ("a fifth off two skus, at most 15.00", head, skus, b""),
        ("15.00 off a sale", off, vec![], b""),
    ]);
    let answer = CouponDefineAnswerHead { coupon: 88, version: 2 };
    define.message::<CouponDefineAnswer>(vec![("replaced", answer, vec![], b"")]);
    let taken = refusal(Refusal::NO_LINE, 100, 640);
    define.refusal(Kind::CouponDefine.into(), Status::CouponExhausted, 0, taken);
    define
}

fn claim() -> File {
    let mut claim = File::of("COUPON_CLAIM");
    let head = CouponClaimHead { request: REQUEST, user: 42, coupon: 88 };
    claim.message::<CouponClaim>(vec![("by a user", head, vec![], b"")]);
    claim.message::<CouponClaimAnswer>(vec![("the user's first", TAKEN, vec![], b"")]);
    let none_left = refusal(Refusal::NO_LINE, 1, 0);
    claim.refusal(Kind::CouponClaim.into(), Status::CouponUserLimit, 0, none_left);
    claim.refusal(Kind::CouponClaim.into(), Status::CouponExhausted, 0, none_left);
    claim
}

fn check() -> File {
    let mut check = File::of("COUPON_CHECK");
    let head = CouponCheckHead { user: 42, coupons: TWO, currency: 978 };
    check.message::<CouponCheck>(vec![("two for a basket", head, vec![ASKED], b"")]);
    let good = CouponChecked { coupon: 88, discount: 800, asked: 0, there: 0, status: 0 };
    let status = Status::CouponNotApplicable.code();
    let too_small = CouponChecked { coupon: 9, discount: 0, asked: 3_998, there: 5_000, status };
    let answer = CouponCheckAnswerHead { goods: 3_998, discount: 800 };
    check.message::<CouponCheckAnswer>(vec![("one of them is good", answer, vec![good, too_small], b"")]);
    check.refusal(Kind::CouponCheck.into(), Status::SkuNotFound, 0, refusal(0, 0, 0));
    check
}

fn get() -> File {
    let mut get = File::of("COUPON_GET");
    get.message::<CouponGet>(vec![("a user's", CouponGetHead { user: 42, coupon: 88 }, vec![], b"")]);
    let head = CouponGetAnswerHead { coupon: COUPON, taken: TAKEN };
    get.message::<CouponGetAnswer>(vec![("of one sku", head, vec![CouponSku { sku: 1_001 }], b"")]);
    get.refusal(Kind::CouponGet.into(), Status::CouponNotFound, 0, WHOLE);
    get
}

fn list() -> File {
    let mut list = File::of("COUPON_LIST");
    list.message::<CouponList>(vec![("behind one", CouponListHead { after: 87, limit: 1 }, vec![], b"")]);
    list.message::<CouponListAnswer>(vec![("one of more", PageHead { more: true }, vec![COUPON], b"")]);
    list.refusal(Kind::CouponList.into(), Status::InvalidField, 0, WHOLE);
    list
}
