//! COUPON_DEFINE, COUPON_CLAIM, COUPON_CHECK, COUPON_GET and COUPON_LIST, and the coupons of a basket.

use crate::plain::plain;

plain! {
    /// The coupons of a basket, filled from the front; none twice, at most one of each group.
    pub struct Coupons / ArchivedCoupons {
        /// 0: none.
        pub first: u64,
        /// 0: none.
        pub second: u64,
        /// 0: none.
        pub third: u64,
        /// 0: none.
        pub fourth: u64,
    }

    /// What each of an order's coupons took off, in their places; minor units.
    pub struct CouponDiscounts / ArchivedCouponDiscounts {
        /// By the first.
        pub first: i64,
        /// By the second.
        pub second: i64,
        /// By the third.
        pub third: i64,
        /// By the fourth.
        pub fourth: i64,
    }

    /// A coupon as the operator wants it: this is the whole of it.
    pub struct CouponDefineHead / ArchivedCouponDefineHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Never 0.
        pub coupon: u64,
        /// Minor units that it takes off, 1 or more. With `basis_points`, the most that it takes off; 0: no cap.
        pub amount: i64,
        /// Minor units that the goods in its scope must come to, before any coupon; 0 or more.
        pub threshold: i64,
        /// The first instant at which it can be claimed and used, µs UTC; before `closes`.
        pub opens: i64,
        /// The first instant at which it cannot any more, µs UTC.
        pub closes: i64,
        /// How often it can be claimed (or, without `must_claim`, used) over all users; 0: no limit.
        pub quota: u64,
        /// The version that this one replaces; 0: the coupon is new.
        pub replaces: u32,
        /// How often one user can claim it (or, without `must_claim`, use it); 0: no limit.
        pub user_quota: u32,
        /// An order has at most one coupon of each group.
        pub group: u32,
        /// With `scope` 3, the sale; else 0.
        pub sale: u32,
        /// ISO 4217 numeric; never 0. It is good for baskets in this currency only.
        pub currency: u16,
        /// Hundredths of a percent that it takes off, 1 to 10,000; 0: it takes `amount` off.
        pub basis_points: u16,
        /// Coupons of an order are applied by rank, the lowest first, then by id.
        pub rank: u16,
        /// 1: every line, 2: lines of the skus that are its items, 3: lines that sell in `sale`.
        pub scope: u8,
        /// A user must claim it first; each claim is good for one use.
        pub must_claim: bool,
    }

    /// A sku of a coupon's scope.
    pub struct CouponSku / ArchivedCouponSku {
        /// The sku; each once.
        pub sku: u64,
    }

    /// The version that stands now.
    pub struct CouponDefineAnswerHead / ArchivedCouponDefineAnswerHead {
        /// The coupon.
        pub coupon: u64,
        /// Its version.
        pub version: u32,
    }

    /// A coupon to be claimed.
    pub struct CouponClaimHead / ArchivedCouponClaimHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Who claims; never 0.
        pub user: u64,
        /// The coupon; never 0.
        pub coupon: u64,
    }

    /// What a user has of a coupon.
    pub struct CouponTaken / ArchivedCouponTaken {
        /// The coupon.
        pub coupon: u64,
        /// Whose.
        pub user: u64,
        /// Claims.
        pub claimed: u64,
        /// Uses by orders that wait for payment.
        pub locked: u64,
        /// Uses by orders that were paid, or cost nothing.
        pub used: u64,
    }

    /// A basket, to see what coupons would do for it; neither stock nor limits are looked at.
    pub struct CouponCheckHead / ArchivedCouponCheckHead {
        /// Who asks; never 0.
        pub user: u64,
        /// One at least.
        pub coupons: Coupons,
        /// ISO 4217 numeric.
        pub currency: u16,
    }

    /// What coupons would do for a basket.
    pub struct CouponCheckAnswerHead / ArchivedCouponCheckAnswerHead {
        /// What it costs without them, minor units.
        pub goods: i64,
        /// What those that are good for it take off together, minor units.
        pub discount: i64,
    }

    /// What the coupon in the same place of the request would do.
    pub struct CouponChecked / ArchivedCouponChecked {
        /// The coupon.
        pub coupon: u64,
        /// What it would take off behind those that are applied before it, minor units; 0 where it cannot be used.
        pub discount: i64,
        /// As in a refusal.
        pub asked: i64,
        /// As in a refusal.
        pub there: i64,
        /// 0, or why it cannot be used.
        pub status: u16,
    }

    /// Which coupon.
    pub struct CouponGetHead / ArchivedCouponGetHead {
        /// Whose claims and uses are told; 0: nobody's.
        pub user: u64,
        /// The coupon.
        pub coupon: u64,
    }

    /// What is known of a coupon; the fields of COUPON_DEFINE, and how often it was taken.
    pub struct Coupon / ArchivedCoupon {
        /// Its id.
        pub coupon: u64,
        /// Minor units that it takes off; with `basis_points`, the most that it takes off, 0: no cap.
        pub amount: i64,
        /// Minor units that the goods in its scope must come to, before any coupon.
        pub threshold: i64,
        /// The first instant at which it can be claimed and used, µs UTC.
        pub opens: i64,
        /// The first instant at which it cannot any more, µs UTC.
        pub closes: i64,
        /// How often it can be claimed (or, without `must_claim`, used) over all users; 0: no limit.
        pub quota: u64,
        /// Claims over all users.
        pub claimed: u64,
        /// Uses by orders that wait for payment.
        pub locked: u64,
        /// Uses by orders that were paid, or cost nothing.
        pub used: u64,
        /// Counts from 1; one more with each COUPON_DEFINE.
        pub version: u32,
        /// How often one user can claim it (or, without `must_claim`, use it); 0: no limit.
        pub user_quota: u32,
        /// An order has at most one coupon of each group.
        pub group: u32,
        /// With `scope` 3, the sale; else 0.
        pub sale: u32,
        /// ISO 4217 numeric.
        pub currency: u16,
        /// Hundredths of a percent that it takes off; 0: it takes `amount` off.
        pub basis_points: u16,
        /// Coupons of an order are applied by rank, the lowest first, then by id.
        pub rank: u16,
        /// 1: every line, 2: lines of the skus that are its items, 3: lines that sell in `sale`.
        pub scope: u8,
        /// A user must claim it first; each claim is good for one use.
        pub must_claim: bool,
    }

    /// A coupon, and what a user has of it.
    pub struct CouponGetAnswerHead / ArchivedCouponGetAnswerHead {
        /// The coupon.
        pub coupon: Coupon,
        /// What the user has of it.
        pub taken: CouponTaken,
    }

    /// Which coupons, by id.
    pub struct CouponListHead / ArchivedCouponListHead {
        /// Coupons up to this one are left out; 0 starts at the beginning.
        pub after: u64,
        /// Items wanted, 1 to 100.
        pub limit: u16,
    }
}

impl Coupons {
    /// No coupon.
    pub const NONE: Coupons = Coupons { first: 0, second: 0, third: 0, fourth: 0 };

    /// In their order.
    pub const fn to_array(self) -> [u64; 4] {
        let Coupons { first, second, third, fourth } = self;
        [first, second, third, fourth]
    }

    /// In their order; zeros stand for none.
    pub const fn of(ids: [u64; 4]) -> Coupons {
        let [first, second, third, fourth] = ids;
        Coupons { first, second, third, fourth }
    }
}

impl CouponDiscounts {
    /// In the places of their coupons.
    pub const fn to_array(self) -> [i64; 4] {
        let CouponDiscounts { first, second, third, fourth } = self;
        [first, second, third, fourth]
    }

    /// In the places of their coupons.
    pub const fn of(discounts: [i64; 4]) -> CouponDiscounts {
        let [first, second, third, fourth] = discounts;
        CouponDiscounts { first, second, third, fourth }
    }
}
