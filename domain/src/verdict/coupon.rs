//! What the ledger answers about coupons.

use alloc::vec::Vec;

use crate::coupon::{Coupon, CouponCounts};
use crate::ids::{CouponId, SkuId, UserId};
use crate::refusal::Refusal;
use crate::units::MinorUnits;
use crate::verdict::mix;

/// A coupon in a user's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CouponTaken {
    /// Which.
    pub coupon: CouponId,
    /// Whose.
    pub user: UserId,
    /// How often the user claimed and used it.
    pub counts: CouponCounts,
}

/// A coupon and how often it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CouponSummary {
    /// The coupon.
    pub coupon: Coupon,
    /// Over all users.
    pub counts: CouponCounts,
}

/// A coupon with its skus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouponView {
    /// The coupon and how often it was taken.
    pub summary: CouponSummary,
    /// What the user who was named has of it.
    pub taken: CouponTaken,
    /// The skus of its scope, by id.
    pub skus: Vec<SkuId>,
}

/// What coupons would do for a basket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouponsChecked {
    /// What the basket costs without them.
    pub goods: MinorUnits,
    /// What those that are good for it take off together.
    pub discount: MinorUnits,
    /// Each, in the order of the request.
    pub coupons: Vec<CouponChecked>,
}

/// What a coupon would do for a basket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CouponChecked {
    /// Which.
    pub coupon: CouponId,
    /// What it would take off, behind those that are applied before it; or why it cannot be used.
    pub discount: Result<MinorUnits, Refusal>,
}

/// The row of a (coupon, user) pair in [`Holdings::coupon_users_digest`](super::Holdings::coupon_users_digest).
pub fn digest_coupon_user(coupon: CouponId, user: UserId, counts: &CouponCounts) -> u64 {
    mix(mix(coupon.0, user.0), mix(counts.claimed, counts.locked << 32 | counts.used))
}
