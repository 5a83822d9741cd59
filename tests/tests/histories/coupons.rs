//! What buyers and operators ask about coupons.

use domain::coupon::{Benefit, Coupon, CouponIds, CouponScope};
use domain::intent::{AskedLine, CouponCheck, CouponClaim, CouponDefine, Lines, PAGE_MAX};
use domain::{CouponId, Intent, Micros, MinorUnits, SaleId, SkuId, UserId, Verdict};

use super::{Envelope, History};

/// Coupons of the shop: few, so that they clash and run out.
const COUPONS: u64 = 5;

impl History {
    /// A coupon as somebody might define it, and the skus that it names.
    pub(super) fn coupon(&mut self) -> (Coupon, Vec<SkuId>) {
        let span = *self.dice.choice(&[2_000_000_i64, 3_600_000_000, 360_000_000_000]).expect("a choice");
        let opens = self.now.after(Micros(self.dice.i64(-span..=span / 8)));
        let lasts = Micros(if self.mostly() { self.dice.i64(1..=4 * span) } else { 0 });
        let benefit = if self.dice.bool() {
            Benefit::Amount(MinorUnits(self.dice.i64(0..900)))
        } else {
            let cap = MinorUnits(if self.dice.bool() { 0 } else { self.dice.i64(0..400) });
            let basis_points = if self.mostly() { self.dice.u16(1..=10_000) } else { self.dice.u16(..) };
            Benefit::Percent { basis_points, cap }
        };
        let scope = match self.dice.u8(0..5) {
            0 => CouponScope::Skus,
            1 => CouponScope::Sale(SaleId(self.dice.u32(0..=self.world.sales))),
            _ => CouponScope::All,
        };
        let skus = match scope {
            CouponScope::Skus => (0..self.dice.usize(0..6)).map(|_| self.sku()).collect(),
            CouponScope::All | CouponScope::Sale(_) if self.mostly() => Vec::new(),
            CouponScope::All | CouponScope::Sale(_) => vec![self.sku()],
        };
        let few = |dice: &mut fastrand::Rng| if dice.bool() { 0 } else { dice.u32(1..=4) };
        let coupon = Coupon {
            id: self.coupon_id(),
            version: self.dice.u32(0..3),
            currency: self.currency(),
            benefit,
            threshold: MinorUnits(if self.dice.bool() { 0 } else { self.dice.i64(-1..2_000) }),
            scope,
            opens,
            closes: opens.after(lasts),
            quota: u64::from(few(&mut self.dice)) * 2,
            user_quota: few(&mut self.dice),
            group: self.dice.u32(0..4),
            rank: self.dice.u16(0..3),
            must_claim: self.dice.u8(0..3) == 0,
        };
        (coupon, skus)
    }

    pub(super) fn coupon_define<'a>(&mut self, coupon: &'a Coupon, skus: &'a [SkuId]) -> CouponDefine<'a> {
        let get = Intent::CouponGet { user: UserId(0), coupon: coupon.id };
        let found = self.model.answer(self.now, Envelope::default(), &get);
        let stands = if let Verdict::CouponFound(found) = found { found.summary.coupon.version } else { 0 };
        CouponDefine { request: self.request(), replaces: self.version_near(stands), coupon, skus }
    }

    pub(super) fn coupon_claim(&mut self) -> CouponClaim {
        CouponClaim { user: self.user(), request: self.request(), coupon: self.coupon_id() }
    }

    pub(super) fn coupon_check<'a>(&mut self, lines: &'a [AskedLine]) -> CouponCheck<'a> {
        let lines = Lines::parse(lines).expect("drawn as a basket");
        CouponCheck { user: self.user(), currency: self.currency(), coupons: self.coupons(), lines }
    }

    pub(super) fn coupon_read(&mut self) -> Intent<'static> {
        if self.dice.bool() {
            return Intent::CouponGet { user: self.user(), coupon: self.coupon_id() };
        }
        let limit = *self.dice.choice(&[1, 2, PAGE_MAX]).expect("a choice");
        Intent::CouponList { after: CouponId(self.dice.u64(0..=COUPONS)), limit }
    }

    /// None for half of all baskets.
    pub(super) fn coupons_of_basket(&mut self) -> CouponIds {
        if self.dice.bool() { CouponIds::NONE } else { self.coupons() }
    }

    /// Now and then a coupon that was claimed lately, and whose it is.
    pub(super) fn claim_to_use(&mut self) -> Option<(CouponIds, UserId)> {
        if self.dice.u8(0..3) > 0 {
            return None;
        }
        let from = self.listeners.claims.len().saturating_sub(4);
        let (coupon, user) = *self.dice.choice(&self.listeners.claims[from..])?;
        CouponIds::parse([coupon.0, 0, 0, 0]).map(|coupon| (coupon, user))
    }

    /// One or two, now and then up to four.
    fn coupons(&mut self) -> CouponIds {
        let mut ids: Vec<u64> = (1..=COUPONS).collect();
        self.dice.shuffle(&mut ids);
        let most = if self.mostly() { 2 } else { 4 };
        ids.truncate(self.dice.usize(1..=most));
        ids.resize(4, 0);
        CouponIds::parse(ids.try_into().expect("four")).expect("each once")
    }

    fn coupon_id(&mut self) -> CouponId {
        let least = u64::from(self.mostly());
        CouponId(self.dice.u64(least..=COUPONS))
    }
}
