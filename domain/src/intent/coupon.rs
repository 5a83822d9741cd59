//! What is asked about coupons, besides using them: defining, claiming and trying them.

use crate::coupon::{Coupon, CouponIds};
use crate::ids::{CouponId, RequestId, SkuId, UserId};
use crate::intent::Lines;
use crate::units::Currency;

/// A coupon as the operator wants it: this is the whole of it.
///
/// Checked in this order: fields → request id → version → skus (and sale) known → what was taken of it stays
/// within it (COUPON_EXHAUSTED; INVALID_FIELD where it was claimed and shall not be, or the other way round) →
/// bounds of the ledger. Orders that have it keep the discount that they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CouponDefine<'a> {
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// The version that this one replaces; 0: the coupon is new.
    pub replaces: u32,
    /// The coupon itself; its `version` is the server's to say and ignored here.
    pub coupon: &'a Coupon,
    /// The skus of its scope, each once, 1 to [`COUPON_SKUS_MAX`](crate::coupon::COUPON_SKUS_MAX); none for another
    /// scope.
    pub skus: &'a [SkuId],
}

/// A user takes a coupon, for one order later.
///
/// Checked in this order: request id → coupon known → it is to be claimed (COUPON_NOT_APPLICABLE) → window → the
/// user's quota → the quota of all → bounds of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CouponClaim {
    /// Who; never 0.
    pub user: UserId,
    /// Makes asking twice harmless.
    pub request: RequestId,
    /// Which.
    pub coupon: CouponId,
}

/// What coupons would do for a basket: neither stock nor limits are judged, and nothing is locked.
///
/// Checked as for PREPARE up to the price. Each coupon is then judged in the order of the request; one that CREATE
/// would refuse is left out with its reason, and the others are applied without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CouponCheck<'a> {
    /// Whose claims and uses count; never 0.
    pub user: UserId,
    /// Must be the currency of every sku.
    pub currency: Currency,
    /// 1 or more.
    pub coupons: CouponIds,
    /// 1 to [`LINES_MAX`](super::LINES_MAX) lines, each sku once.
    pub lines: Lines<'a>,
}
