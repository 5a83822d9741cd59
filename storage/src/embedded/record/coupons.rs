//! Facts about coupons, to bytes and back.

use domain::coupon::{Benefit, COUPON_SKUS_MAX, COUPONS_MAX, Coupon, CouponScope, CouponShare};
use domain::fact::Fact;
use domain::{CouponId, Currency, MicrosUtc, MinorUnits, OrderId, SaleId, SkuId, UserId};

use super::decode::{BadEntry, Cursor};
use super::encode::EntryWriter;
use super::kind;

/// A coupon without its skus, and their number.
pub(super) const COUPON_BYTES: usize = 8 + 4 + 2 + (1 + 8 + 2) + 8 + (1 + 4) + 8 + 8 + 8 + 4 + 4 + 2 + 1 + 4;
pub(super) const COUPON_SKU_BYTES: usize = 8;
pub(super) const CLAIMED_BYTES: usize = 8 + 8;
const SHARE_BYTES: usize = 8 + 8;
/// The coupons of an order: locked, released or used.
pub(super) const ORDER_COUPONS_BYTES_MAX: usize = 8 + 1 + COUPONS_MAX * SHARE_BYTES;

/// Room for the lists of a fact.
#[derive(Debug, Default)]
pub(super) struct Room {
    skus: Vec<SkuId>,
    shares: Vec<CouponShare>,
}

impl EntryWriter<'_> {
    /// Writes a fact about coupons; others are written elsewhere.
    pub(super) fn coupon(&mut self, fact: &Fact<'_>) {
        match *fact {
            Fact::CouponDefined { ref coupon, skus } => self.defined(coupon, skus),
            Fact::CouponClaimed { coupon, user } => {
                self.kind(kind::COUPON_CLAIMED);
                self.u64(coupon.0);
                self.u64(user.0);
            }
            Fact::CouponLocked { order, coupons } => self.shares(kind::COUPON_LOCKED, order, coupons),
            Fact::CouponReleased { order, coupons } => self.shares(kind::COUPON_RELEASED, order, coupons),
            Fact::CouponUsed { order, coupons } => self.shares(kind::COUPON_USED, order, coupons),
            Fact::SkuChanged(_)
            | Fact::FreightChanged(_)
            | Fact::SaleChanged { .. }
            | Fact::StockAdjusted(_)
            | Fact::StockTransferred { .. }
            | Fact::CursorMoved { .. }
            | Fact::LetterParked { .. }
            | Fact::LetterEnded { .. }
            | Fact::SwitchChanged { .. }
            | Fact::LimitChanged(_)
            | Fact::AftersaleChanged(_)
            | Fact::OrderShipped { .. }
            | Fact::ShipmentTracked { .. }
            | Fact::OrderDelivered { .. }
            | Fact::OrderCompleted { .. }
            | Fact::StockReturned { .. }
            | Fact::HoldMade { .. }
            | Fact::HoldExtended { .. }
            | Fact::HoldEnded { .. }
            | Fact::OrderCreated(_)
            | Fact::StockReserved { .. }
            | Fact::StockReduced { .. }
            | Fact::StockReleased { .. }
            | Fact::OrderConfirmed { .. }
            | Fact::StockException { .. }
            | Fact::OrderCancelled { .. }
            | Fact::RefundDone { .. }
            | Fact::PaymentOpened { .. }
            | Fact::PaymentFailed { .. }
            | Fact::PaymentSuccess { .. }
            | Fact::PaymentMismatched { .. }
            | Fact::PaymentRepeated { .. }
            | Fact::PaymentOverdrawn { .. }
            | Fact::RefundRequested { .. }
            | Fact::RefundFailed { .. }
            | Fact::RefundSettled { .. } => unreachable!("only facts about coupons come here"),
        }
    }

    fn defined(&mut self, coupon: &Coupon, skus: &[SkuId]) {
        let Coupon {
            id,
            version,
            currency,
            benefit,
            threshold,
            scope,
            opens,
            closes,
            quota,
            user_quota,
            group,
            rank,
            must_claim,
        } = *coupon;
        let (benefit, amount, basis_points) = match benefit {
            Benefit::Amount(amount) => (1, amount, 0),
            Benefit::Percent { basis_points, cap } => (2, cap, basis_points),
        };
        let (scope, sale) = match scope {
            CouponScope::All => (1, 0),
            CouponScope::Skus => (2, 0),
            CouponScope::Sale(sale) => (3, sale.0),
        };
        self.kind(kind::COUPON_DEFINED);
        self.u64(id.0);
        self.u32(version);
        self.u16(currency.0);
        self.u8(benefit);
        self.i64(amount.0);
        self.u16(basis_points);
        self.i64(threshold.0);
        self.u8(scope);
        self.u32(sale);
        self.i64(opens.0);
        self.i64(closes.0);
        self.u64(quota);
        self.u32(user_quota);
        self.u32(group);
        self.u16(rank);
        self.u8(must_claim.into());
        self.u32(skus.len() as u32);
        for sku in skus {
            self.u64(sku.0);
        }
    }

    fn shares(&mut self, kind: u8, order: OrderId, coupons: &[CouponShare]) {
        self.kind(kind);
        self.u64(order.0);
        self.u8(coupons.len() as u8);
        for CouponShare { coupon, discount } in coupons {
            self.u64(coupon.0);
            self.i64(discount.0);
        }
    }
}

/// Whether this kind of fact is about coupons.
pub(super) const fn is_coupon(kind: u8) -> bool {
    kind::COUPON_DEFINED <= kind && kind <= kind::COUPON_USED
}

/// Reads a fact of such a kind. `room` is for its lists.
pub(super) fn coupon<'a>(kind: u8, from: &mut Cursor<'_>, room: &'a mut Room) -> Result<Fact<'a>, BadEntry> {
    Ok(match kind {
        kind::COUPON_DEFINED => {
            let coupon = defined(from)?;
            Fact::CouponDefined { coupon, skus: skus(from, &mut room.skus)? }
        }
        kind::COUPON_CLAIMED => {
            Fact::CouponClaimed { coupon: CouponId(from.u64()?), user: UserId(from.u64()?) }
        }
        kind::COUPON_LOCKED => {
            let order = OrderId(from.u64()?);
            Fact::CouponLocked { order, coupons: shares(from, &mut room.shares)? }
        }
        kind::COUPON_RELEASED => {
            let order = OrderId(from.u64()?);
            Fact::CouponReleased { order, coupons: shares(from, &mut room.shares)? }
        }
        // COUPON_USED: the caller told the kinds apart.
        _ => {
            let order = OrderId(from.u64()?);
            Fact::CouponUsed { order, coupons: shares(from, &mut room.shares)? }
        }
    })
}

fn defined(from: &mut Cursor<'_>) -> Result<Coupon, BadEntry> {
    Ok(Coupon {
        id: CouponId(from.u64()?),
        version: from.u32()?,
        currency: Currency(from.u16()?),
        benefit: match (from.u8()?, MinorUnits(from.i64()?), from.u16()?) {
            (1, amount, 0) => Benefit::Amount(amount),
            (2, cap, basis_points) => Benefit::Percent { basis_points, cap },
            _ => return Err(BadEntry::Field("benefit")),
        },
        threshold: MinorUnits(from.i64()?),
        scope: match (from.u8()?, from.u32()?) {
            (1, 0) => CouponScope::All,
            (2, 0) => CouponScope::Skus,
            (3, sale) => CouponScope::Sale(SaleId(sale)),
            _ => return Err(BadEntry::Field("scope")),
        },
        opens: MicrosUtc(from.i64()?),
        closes: MicrosUtc(from.i64()?),
        quota: from.u64()?,
        user_quota: from.u32()?,
        group: from.u32()?,
        rank: from.u16()?,
        must_claim: from.flag("must_claim flag")?,
    })
}

fn skus<'a>(from: &mut Cursor<'_>, skus: &'a mut Vec<SkuId>) -> Result<&'a [SkuId], BadEntry> {
    let count = from.u32()? as usize;
    if count > COUPON_SKUS_MAX {
        return Err(BadEntry::Field("number of skus"));
    }
    from.has(count * COUPON_SKU_BYTES)?;
    skus.clear();
    for _ in 0..count {
        skus.push(SkuId(from.u64()?));
    }
    Ok(skus)
}

fn shares<'a>(
    from: &mut Cursor<'_>,
    shares: &'a mut Vec<CouponShare>,
) -> Result<&'a [CouponShare], BadEntry> {
    let count = usize::from(from.u8()?);
    if count == 0 || count > COUPONS_MAX {
        return Err(BadEntry::Field("number of coupons"));
    }
    from.has(count * SHARE_BYTES)?;
    shares.clear();
    for _ in 0..count {
        shares.push(CouponShare { coupon: CouponId(from.u64()?), discount: MinorUnits(from.i64()?) });
    }
    Ok(shares)
}
