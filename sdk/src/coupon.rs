//! Coupons, as a shop tells of them.

use protocol::Status;
use protocol::structs as wire;

use crate::values::{CouponId, Currency, MicrosUtc, SaleId, SkuId, UserId};

/// What a coupon takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Benefit {
    /// So many minor units.
    Amount(i64),
    /// A part of what is left to pay of the lines in its scope.
    Percent {
        /// Hundredths of a percent, 1 to 10,000.
        basis_points: u16,
        /// The most that it takes off, in minor units; 0: no cap.
        cap: i64,
    },
}

/// Which lines a coupon is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CouponScope {
    /// Every line.
    All,
    /// Lines of the skus that it names.
    Skus,
    /// Lines that sell in this sale.
    Sale(SaleId),
}

/// A coupon and how often it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// Its id.
    pub id: CouponId,
    /// Counts from 1; one more with each definition.
    pub version: u32,
    /// Of its amounts, and of the baskets that it is good for.
    pub currency: Currency,
    /// What it takes off.
    pub benefit: Benefit,
    /// What the goods in its scope must come to before any coupon, in minor units.
    pub threshold: i64,
    /// The lines that it is good for.
    pub scope: CouponScope,
    /// The first instant at which it can be claimed and used.
    pub opens: MicrosUtc,
    /// The first instant at which it cannot any more.
    pub closes: MicrosUtc,
    /// How often it can be claimed (or, without `must_claim`, used) over all users; 0: no limit.
    pub quota: u64,
    /// How often one user can; 0: no limit.
    pub user_quota: u32,
    /// An order has at most one coupon of each group.
    pub group: u32,
    /// Coupons of an order are applied by rank, the lowest first, then by id.
    pub rank: u16,
    /// A user must claim it first; each claim is good for one use.
    pub must_claim: bool,
    /// Claims over all users.
    pub claimed: u64,
    /// Uses by orders that wait for payment.
    pub locked: u64,
    /// Uses by orders that were paid, or cost nothing.
    pub used: u64,
}

/// A coupon with its skus, and what a user has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouponWithSkus {
    /// The coupon.
    pub coupon: Coupon,
    /// What the user who was named has of it.
    pub taken: CouponTaken,
    /// The skus of its scope, by id.
    pub skus: Vec<SkuId>,
}

/// What a user has of a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CouponTaken {
    /// The coupon.
    pub coupon: CouponId,
    /// Whose.
    pub user: UserId,
    /// Claims.
    pub claimed: u64,
    /// Uses by orders that wait for payment.
    pub locked: u64,
    /// Uses by orders that were paid, or cost nothing.
    pub used: u64,
}

/// What coupons would do for a basket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouponsChecked {
    /// What the basket costs without them, in minor units.
    pub goods: i64,
    /// What those that are good for it take off together, in minor units.
    pub discount: i64,
    /// Each, in the order of the request.
    pub coupons: Vec<CouponChecked>,
}

/// What a coupon would do for a basket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CouponChecked {
    /// Which.
    pub coupon: CouponId,
    /// What it would take off behind those that are applied before it, in minor units; 0 where it cannot be used.
    pub discount: i64,
    /// Why it cannot be used; nothing where it can.
    pub why_not: Option<Status>,
    /// As in a refusal.
    pub asked: i64,
    /// As in a refusal.
    pub there: i64,
}

/// A coupon of an order, and what it took off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CouponShare {
    /// Which.
    pub coupon: CouponId,
    /// Minor units of the order's currency.
    pub discount: i64,
}

pub(crate) fn shares(coupons: wire::Coupons, discounts: wire::CouponDiscounts) -> Vec<CouponShare> {
    let both = coupons.to_array().into_iter().zip(discounts.to_array());
    both.filter(|(coupon, _)| *coupon != 0)
        .map(|(coupon, discount)| CouponShare { coupon: CouponId(coupon), discount })
        .collect()
}

pub(crate) fn taken(from: &wire::CouponTaken) -> CouponTaken {
    let wire::CouponTaken { coupon, user, claimed, locked, used } = *from;
    CouponTaken { coupon: CouponId(coupon), user: UserId(user), claimed, locked, used }
}

pub(crate) fn checked(from: &wire::CouponChecked) -> Option<CouponChecked> {
    let wire::CouponChecked { coupon, discount, asked, there, status } = *from;
    let why_not = match status {
        0 => None,
        code => Some(Status::from_code(code)?),
    };
    Some(CouponChecked { coupon: CouponId(coupon), discount, why_not, asked, there })
}

pub(crate) fn coupon(from: &wire::Coupon) -> Option<Coupon> {
    let wire::Coupon {
        coupon,
        amount,
        threshold,
        opens,
        closes,
        quota,
        claimed,
        locked,
        used,
        version,
        user_quota,
        group,
        sale,
        currency,
        basis_points,
        rank,
        scope,
        must_claim,
    } = *from;
    Some(Coupon {
        id: CouponId(coupon),
        version,
        currency: Currency(currency),
        benefit: match basis_points {
            0 => Benefit::Amount(amount),
            basis_points => Benefit::Percent { basis_points, cap: amount },
        },
        threshold,
        scope: match scope {
            1 => CouponScope::All,
            2 => CouponScope::Skus,
            3 => CouponScope::Sale(SaleId(sale)),
            _ => return None,
        },
        opens: MicrosUtc(opens),
        closes: MicrosUtc(closes),
        quota,
        user_quota,
        group,
        rank,
        must_claim,
        claimed,
        locked,
        used,
    })
}
