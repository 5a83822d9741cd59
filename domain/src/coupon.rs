//! What a coupon is, for which basket it is good, what it takes off, and how that is spread over the lines.
//!
//! Pure functions: who has claimed and used what is counted in the ledger, which asks here. The rules, exactly:
//!
//! - Coupons of one order are applied by `rank`, then by id, each to what the earlier ones left of the lines in its
//!   scope. At most one coupon of each `group`.
//! - A coupon is good for a basket in its currency, inside its window, with a line in its scope, where the goods in
//!   its scope, at their prices before any coupon, reach its threshold, and where it takes something off.
//! - It takes its amount off, at most what is left; or its percentage of what is left, rounded down, at most its cap.
//! - Each line in scope gets its part of that, in the ratio of what is left of the lines, rounded down. What rounding
//!   left over goes to the largest line (the first of them, where several are equally large); where that would take
//!   a line below 0, the rest goes to the next largest.

use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::ids::{CouponId, SaleId, SkuId};
use crate::image::{Flat, flat};
use crate::intent::CouponDefine;
use crate::refusal::{Reason, Refusal};
use crate::units::{Currency, MicrosUtc, MinorUnits};

/// Coupons of one order, at most.
pub const COUPONS_MAX: usize = 4;
/// Skus that one coupon can name, at most.
pub const COUPON_SKUS_MAX: usize = 60_000;
/// The whole, in basis points.
pub const BASIS_POINTS: u16 = 10_000;

/// What is known of a coupon, but for its skus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coupon {
    /// Never 0.
    pub id: CouponId,
    /// Counts from 1; one more with each COUPON_DEFINE.
    pub version: u32,
    /// Of its amounts, and of the baskets that it is good for; never 0.
    pub currency: Currency,
    /// What it takes off.
    pub benefit: Benefit,
    /// What the goods in its scope must come to, before any coupon; 0 or more.
    pub threshold: MinorUnits,
    /// The lines that it is good for.
    pub scope: CouponScope,
    /// The first instant at which it can be claimed and used; before `closes`.
    pub opens: MicrosUtc,
    /// The first instant at which it cannot any more.
    pub closes: MicrosUtc,
    /// How often it can be claimed (or, without `must_claim`, used) over all users; 0: no limit.
    pub quota: u64,
    /// How often one user can claim it (or, without `must_claim`, use it); 0: no limit.
    pub user_quota: u32,
    /// An order has at most one coupon of each group. Coupons that nobody put in a group share group 0.
    pub group: u32,
    /// Coupons of an order are applied by rank, the lowest first, then by id.
    pub rank: u16,
    /// A user must claim it before using it, each claim is good for one use. Otherwise whoever names it uses it.
    pub must_claim: bool,
}

/// What a coupon takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Benefit {
    /// An amount, 1 or more.
    Amount(MinorUnits),
    /// A part.
    Percent {
        /// Hundredths of a percent, 1 to [`BASIS_POINTS`].
        basis_points: u16,
        /// The most that it takes off; 0: no cap.
        cap: MinorUnits,
    },
}

/// Basis points, with 0 for an amount: a part is never 0.
impl Flat for Benefit {
    const BYTES: usize = <(u16, MinorUnits)>::BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        match *self {
            Benefit::Amount(amount) => (0_u16, amount).put(out),
            Benefit::Percent { basis_points, cap } => (basis_points, cap).put(out),
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (basis_points, amount) = Flat::take(from)?;
        Some(match basis_points {
            0 => Benefit::Amount(amount),
            _ => Benefit::Percent { basis_points, cap: amount },
        })
    }
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

impl Flat for CouponScope {
    const BYTES: usize = <(u8, SaleId)>::BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        match *self {
            CouponScope::All => (1_u8, SaleId(0)).put(out),
            CouponScope::Skus => (2_u8, SaleId(0)).put(out),
            CouponScope::Sale(sale) => (3_u8, sale).put(out),
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        match <(u8, SaleId)>::take(from)? {
            (1, SaleId(0)) => Some(CouponScope::All),
            (2, SaleId(0)) => Some(CouponScope::Skus),
            (3, sale) => Some(CouponScope::Sale(sale)),
            _ => None,
        }
    }
}

flat! {
    CouponShare { coupon: CouponId, discount: MinorUnits }
    Coupon {
        id: CouponId,
        version: u32,
        currency: Currency,
        benefit: Benefit,
        threshold: MinorUnits,
        scope: CouponScope,
        opens: MicrosUtc,
        closes: MicrosUtc,
        quota: u64,
        user_quota: u32,
        group: u32,
        rank: u16,
        must_claim: bool,
    }
    CouponCounts { claimed: u64, locked: u64, used: u64 }
}

/// The coupons that somebody wants to use for one order: none of them twice, in the order of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CouponIds([CouponId; COUPONS_MAX]);

/// What a coupon did for an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CouponShare {
    /// Which.
    pub coupon: CouponId,
    /// What it took off.
    pub discount: MinorUnits,
}

/// How often a coupon was taken: over all users, or by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CouponCounts {
    /// Claims; for ever.
    pub claimed: u64,
    /// Uses by orders that wait for payment.
    pub locked: u64,
    /// Uses by orders that were paid, or cost nothing.
    pub used: u64,
}

/// A line of a basket, as coupons see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CouponLine {
    /// What.
    pub sku: SkuId,
    /// The sale that it sells in; 0: none.
    pub sale: SaleId,
    /// Price of the whole line, before any coupon; 0 or more.
    pub goods: MinorUnits,
    /// What coupons took off so far, at most `goods`.
    pub discount: MinorUnits,
    /// What was left of it before the coupon that is being applied; 0 where that is not for it.
    size: i64,
}

impl CouponIds {
    /// No coupon.
    pub const NONE: CouponIds = CouponIds([CouponId(0); COUPONS_MAX]);

    /// The one way in: ids from the front, none twice, then zeros.
    pub fn parse(ids: [u64; COUPONS_MAX]) -> Option<CouponIds> {
        let count = ids.iter().position(|&id| id == 0).unwrap_or(COUPONS_MAX);
        let gapless = ids[count..].iter().all(|&id| id == 0);
        let each_once = (1..count).all(|at| !ids[..at].contains(&ids[at]));
        (gapless && each_once).then_some(CouponIds(ids.map(CouponId)))
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0[0] == CouponId(0)
    }

    /// Each, in the order of the request.
    pub fn iter(&self) -> impl Iterator<Item = CouponId> {
        self.0.into_iter().take_while(|id| *id != CouponId(0))
    }

    /// As on the wire: zeros stand for none.
    pub fn to_array(&self) -> [u64; COUPONS_MAX] {
        self.0.map(|id| id.0)
    }
}

impl CouponCounts {
    /// Orders that have it: waiting or paid.
    pub const fn uses(&self) -> u64 {
        self.locked + self.used
    }
}

impl CouponLine {
    /// A line before any coupon.
    pub const fn new(sku: SkuId, sale: SaleId, goods: MinorUnits) -> CouponLine {
        CouponLine { sku, sale, goods, discount: MinorUnits::ZERO, size: 0 }
    }

    /// What is left to pay. Neither part is below 0, so the difference fits.
    const fn left(&self) -> i64 {
        self.goods.0 - self.discount.0
    }
}

/// Whether the fields of a coupon can be right at all. A sku that is 0 or repeated is named as item.
pub fn judge_fields(define: &CouponDefine<'_>) -> Result<(), Refusal> {
    let Coupon { id, version: _, currency, benefit, threshold, scope, opens, closes, .. } = *define.coupon;
    let benefit_is_right = match benefit {
        Benefit::Amount(amount) => amount > MinorUnits::ZERO,
        Benefit::Percent { basis_points, cap } => {
            (1..=BASIS_POINTS).contains(&basis_points) && cap >= MinorUnits::ZERO
        }
    };
    let skus_are_right = match scope {
        CouponScope::All => define.skus.is_empty(),
        CouponScope::Skus => (1..=COUPON_SKUS_MAX).contains(&define.skus.len()),
        CouponScope::Sale(sale) => define.skus.is_empty() && sale != SaleId(0),
    };
    let right = id != CouponId(0)
        && currency != Currency(0)
        && threshold >= MinorUnits::ZERO
        && opens < closes
        && benefit_is_right
        && skus_are_right;
    if right { Ok(()) } else { Err(Refusal::of(Reason::InvalidField)) }
}

/// Whether a coupon that was taken so often may be replaced by this one: a quota cannot fall below what was taken,
/// and how it is taken stays, once it was.
pub fn judge_replaced(old: &Coupon, new: &Coupon, taken: &CouponCounts) -> Result<(), Refusal> {
    let count = if old.must_claim { taken.claimed } else { taken.uses() };
    if count > 0 && old.must_claim != new.must_claim {
        return Err(Refusal::of(Reason::InvalidField));
    }
    if new.quota != 0 && new.quota < count {
        return Err(Refusal::of(Reason::CouponExhausted).with(number(new.quota), number(count)));
    }
    Ok(())
}

/// Whether it can be claimed and used now.
pub fn judge_window(coupon: &Coupon, now: MicrosUtc) -> Result<(), Refusal> {
    if now < coupon.opens {
        return Err(Refusal::of(Reason::CouponNotApplicable).with(now.0, coupon.opens.0));
    }
    if now >= coupon.closes {
        return Err(Refusal::of(Reason::CouponExpired).with(now.0, coupon.closes.0));
    }
    Ok(())
}

/// Whether a user may claim it once more.
pub fn judge_claim(coupon: &Coupon, all: &CouponCounts, users: &CouponCounts) -> Result<(), Refusal> {
    if !coupon.must_claim {
        return Err(Refusal::of(Reason::CouponNotApplicable));
    }
    within(Reason::CouponUserLimit, u64::from(coupon.user_quota), users.claimed)?;
    within(Reason::CouponExhausted, coupon.quota, all.claimed)
}

/// Whether a user may use it once more.
pub fn judge_use(coupon: &Coupon, all: &CouponCounts, users: &CouponCounts) -> Result<(), Refusal> {
    if coupon.must_claim {
        return match users.claimed {
            0 => Err(Refusal::of(Reason::CouponNotFound)),
            claimed => within(Reason::CouponUsed, claimed, users.uses()),
        };
    }
    within(Reason::CouponUserLimit, u64::from(coupon.user_quota), users.uses())?;
    within(Reason::CouponExhausted, coupon.quota, all.uses())
}

/// Takes off what the coupon takes off, line by line, and says how much that is. `skus` are its own, sorted. The
/// lines together cost no more than fits money. Refused: no line was changed.
pub fn apply(coupon: &Coupon, skus: &[SkuId], lines: &mut [CouponLine]) -> Result<MinorUnits, Refusal> {
    let (mut goods, mut left) = (0, 0);
    for line in lines.iter_mut() {
        let in_scope = match coupon.scope {
            CouponScope::All => true,
            CouponScope::Skus => skus.binary_search(&line.sku).is_ok(),
            CouponScope::Sale(sale) => line.sale == sale,
        };
        line.size = if in_scope { line.left() } else { 0 };
        goods += if in_scope { line.goods.0 } else { 0 };
        left += line.size;
    }
    let discount = match coupon.benefit {
        Benefit::Amount(amount) => amount.0.min(left),
        Benefit::Percent { basis_points, cap } => {
            let part = part_of(left, i64::from(basis_points), i64::from(BASIS_POINTS));
            if cap == MinorUnits::ZERO { part } else { part.min(cap.0) }
        }
    };
    if goods < coupon.threshold.0 || discount == 0 {
        return Err(Refusal::of(Reason::CouponNotApplicable).with(goods, coupon.threshold.0));
    }
    spread(discount, left, lines);
    Ok(MinorUnits(discount))
}

/// Spreads a discount, above 0, over lines whose sizes come to `left`, at least as much.
fn spread(discount: i64, left: i64, lines: &mut [CouponLine]) {
    let mut rest = discount;
    for line in lines.iter_mut() {
        let part = part_of(discount, line.size, left);
        line.discount.0 += part;
        rest -= part;
    }
    // Less than 1 a line is left over, so the largest nearly always bears it: another is only asked where many
    // lines of a few minor units have no large one among them.
    while rest > 0 {
        let can_bear = lines.iter().enumerate().filter(|(_, line)| line.size > 0 && line.left() > 0);
        let largest = can_bear.max_by_key(|&(at, line)| (line.size, Reverse(at)));
        let (at, _) = largest.expect("the lines together bear the discount");
        let more = rest.min(lines[at].left());
        lines[at].discount.0 += more;
        rest -= more;
    }
}

/// `whole × part / of`, rounded down: no sum is too large on the way. `part` is at most `of`, which is not 0.
fn part_of(whole: i64, part: i64, of: i64) -> i64 {
    (i128::from(whole) * i128::from(part) / i128::from(of)) as i64
}

/// One more stays within a limit; 0 is none. A limit may have been lowered below `taken`.
fn within(reason: Reason, limit: u64, taken: u64) -> Result<(), Refusal> {
    if limit == 0 || taken < limit {
        return Ok(());
    }
    Err(Refusal::of(reason).with(1, 0))
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn coupon(benefit: Benefit) -> Coupon {
        Coupon {
            id: CouponId(1),
            version: 1,
            currency: Currency(978),
            benefit,
            threshold: MinorUnits::ZERO,
            scope: CouponScope::All,
            opens: MicrosUtc(10),
            closes: MicrosUtc(20),
            quota: 3,
            user_quota: 2,
            group: 0,
            rank: 0,
            must_claim: false,
        }
    }

    fn amount(amount: i64) -> Coupon {
        coupon(Benefit::Amount(MinorUnits(amount)))
    }

    fn percent(basis_points: u16, cap: i64) -> Coupon {
        coupon(Benefit::Percent { basis_points, cap: MinorUnits(cap) })
    }

    fn basket(goods: &[i64]) -> Vec<CouponLine> {
        let line = |(at, &goods): (usize, &i64)| {
            CouponLine::new(SkuId(at as u64 + 1), SaleId(at as u32 % 2), MinorUnits(goods))
        };
        goods.iter().enumerate().map(line).collect()
    }

    /// Coupons one after the other on lines of these prices: what is off each line in the end. Sku n is line n − 1,
    /// and every second line sells in sale 1.
    #[track_caller]
    fn check(goods: &[i64], coupons: &[(&Coupon, &[u64])], off: &[i64]) {
        let mut lines = basket(goods);
        let mut sum = 0;
        for (coupon, skus) in coupons {
            let skus: Vec<SkuId> = skus.iter().map(|&sku| SkuId(sku)).collect();
            sum += apply(coupon, &skus, &mut lines).expect("it is good for this basket").0;
        }
        let discounts: Vec<i64> = lines.iter().map(|line| line.discount.0).collect();
        assert_eq!((discounts.as_slice(), sum), (off, off.iter().sum()));
    }

    #[test]
    fn a_discount_is_spread_to_the_minor_unit() {
        check(&[1_000], &[(&amount(300), &[])], &[300]);
        check(&[1_000, 2_000, 3_000], &[(&amount(600), &[])], &[100, 200, 300]);
        check(&[100, 200, 100], &[(&amount(10), &[])], &[2, 6, 2]); // 2.5, 5, 2.5: 1 left over to the largest
        check(&[100, 100, 100], &[(&amount(11), &[])], &[5, 3, 3]); // the first of equals
        check(&[0, 50, 0], &[(&amount(7), &[])], &[0, 7, 0]);
        check(&[30, 70], &[(&amount(1_000), &[])], &[30, 70]); // never below 0
        check(&[1, 1, 1, 1], &[(&amount(3), &[])], &[1, 1, 1, 0]); // nor by what rounding left over
        check(&[1, 3, 1, 1, 1, 1, 1, 1], &[(&amount(9), &[])], &[1, 3, 1, 1, 1, 1, 1, 0]);
        check(&[i64::MAX / 2, i64::MAX / 2], &[(&percent(10_000, 0), &[])], &[i64::MAX / 2; 2]);
    }

    #[test]
    fn a_percentage_is_rounded_down_and_capped() {
        check(&[999], &[(&percent(1_000, 0), &[])], &[99]);
        check(&[1_000, 1_000], &[(&percent(1_500, 200), &[])], &[100, 100]);
        check(&[i64::MAX], &[(&percent(9_999, 0), &[])], &[9_222_449_699_651_090_329]);
    }

    #[test]
    fn a_coupon_takes_off_what_earlier_ones_left_of_its_scope() {
        let of_skus = Coupon { scope: CouponScope::Skus, ..amount(100) };
        let of_sale = Coupon { scope: CouponScope::Sale(SaleId(1)), ..percent(5_000, 0) };
        check(&[1_000, 500, 80], &[(&of_skus, &[1, 3])], &[93, 0, 7]);
        check(&[1_000, 500, 80], &[(&of_sale, &[])], &[0, 250, 0]);
        check(&[1_000, 500], &[(&amount(600), &[]), (&of_sale, &[])], &[400, 200 + 150]);
        check(&[1_000, 500], &[(&of_sale, &[]), (&amount(600), &[])], &[480, 250 + 120]);
    }

    #[test]
    fn a_coupon_that_takes_nothing_off_is_not_spent() {
        let refused = |coupon: &Coupon, goods: &[i64]| {
            let mut lines = basket(goods);
            let refusal = apply(coupon, &[SkuId(9)], &mut lines).expect_err("it is not good for this basket");
            assert_eq!(refusal.reason, Reason::CouponNotApplicable);
            assert!(lines.iter().all(|line| line.discount == MinorUnits::ZERO));
            (refusal.asked, refusal.there)
        };
        let threshold = Coupon { threshold: MinorUnits(500), ..amount(1) };
        assert_eq!(refused(&threshold, &[250, 249]), (499, 500));
        assert_eq!(refused(&Coupon { scope: CouponScope::Skus, ..amount(1) }, &[100]), (0, 0));
        assert_eq!(refused(&amount(5), &[0, 0]), (0, 0));
        assert_eq!(refused(&percent(50, 0), &[199]), (199, 0));
        check(&[250, 250], &[(&threshold, &[])], &[1, 0]);
        // The threshold is about prices: another coupon before it changes nothing.
        check(&[250, 250], &[(&amount(100), &[]), (&threshold, &[])], &[51, 50]);
    }

    #[test]
    fn random_spreads_add_up_and_stay_within_their_lines() {
        for seed in 0..2_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let top = 10_i64.pow(random.u32(0..12));
            let goods: Vec<i64> = (0..random.usize(1..40)).map(|_| random.i64(0..=top)).collect();
            let mut lines = basket(&goods);
            for _ in 0..3 {
                let coupon = if random.bool() {
                    amount(random.i64(1..=top * 3))
                } else {
                    percent(random.u16(1..=10_000), random.i64(0..=top))
                };
                let before: i64 = lines.iter().map(|line| line.discount.0).sum();
                let discount = apply(&coupon, &[], &mut lines).map_or(0, |discount| discount.0);
                let after: i64 = lines.iter().map(|line| line.discount.0).sum();
                assert_eq!(after - before, discount, "seed {seed}");
                assert!(
                    lines.iter().all(|line| (0..=line.goods.0).contains(&line.discount.0)),
                    "seed {seed}"
                );
            }
        }
    }

    #[test]
    fn a_coupon_is_taken_within_its_window_and_quotas() {
        let public = amount(1);
        let reason = |judged: Result<(), Refusal>| judged.err().map(|refusal| refusal.reason);
        let at = |now| reason(judge_window(&public, MicrosUtc(now)));
        assert_eq!([at(9), at(10), at(19)], [Some(Reason::CouponNotApplicable), None, None]);
        assert_eq!(at(20), Some(Reason::CouponExpired));

        let counts = |claimed, locked, used| CouponCounts { claimed, locked, used };
        let used = |coupon: &Coupon, all, users| reason(judge_use(coupon, &all, &users));
        assert_eq!(used(&public, counts(0, 1, 1), counts(0, 1, 0)), None);
        assert_eq!(used(&public, counts(0, 1, 1), counts(0, 1, 1)), Some(Reason::CouponUserLimit));
        assert_eq!(used(&public, counts(0, 2, 1), counts(0, 0, 0)), Some(Reason::CouponExhausted));
        let unlimited = Coupon { quota: 0, user_quota: 0, ..public };
        assert_eq!(used(&unlimited, counts(0, u64::MAX / 2, 9), counts(0, 9, 9)), None);

        let claimed = Coupon { must_claim: true, ..public };
        assert_eq!(used(&claimed, counts(3, 0, 0), counts(0, 0, 0)), Some(Reason::CouponNotFound));
        assert_eq!(used(&claimed, counts(3, 0, 1), counts(2, 0, 1)), None);
        assert_eq!(used(&claimed, counts(3, 1, 1), counts(2, 1, 1)), Some(Reason::CouponUsed));

        let claim = |coupon: &Coupon, all, users| reason(judge_claim(coupon, &all, &users));
        assert_eq!(claim(&public, counts(0, 0, 0), counts(0, 0, 0)), Some(Reason::CouponNotApplicable));
        assert_eq!(claim(&claimed, counts(2, 0, 0), counts(1, 0, 0)), None);
        assert_eq!(claim(&claimed, counts(2, 0, 0), counts(2, 0, 0)), Some(Reason::CouponUserLimit));
        assert_eq!(claim(&claimed, counts(3, 0, 0), counts(0, 0, 0)), Some(Reason::CouponExhausted));
    }

    #[test]
    fn a_new_version_keeps_what_was_taken() {
        let public = amount(1);
        let taken = CouponCounts { claimed: 0, locked: 1, used: 1 };
        let reason = |new: &Coupon| judge_replaced(&public, new, &taken).err().map(|refusal| refusal.reason);
        assert_eq!(reason(&Coupon { quota: 2, ..public }), None);
        assert_eq!(reason(&Coupon { quota: 0, ..public }), None);
        assert_eq!(reason(&Coupon { quota: 1, ..public }), Some(Reason::CouponExhausted));
        assert_eq!(reason(&Coupon { must_claim: true, ..public }), Some(Reason::InvalidField));
    }

    #[test]
    fn a_list_of_coupons_has_no_gap_and_names_each_once() {
        assert_eq!(CouponIds::parse([0; 4]), Some(CouponIds::NONE));
        let three = CouponIds::parse([7, 3, 9, 0]).expect("three coupons");
        assert_eq!(three.iter().collect::<Vec<_>>(), [CouponId(7), CouponId(3), CouponId(9)]);
        assert!(CouponIds::parse([7, 0, 9, 0]).is_none());
        assert!(CouponIds::parse([7, 9, 3, 9]).is_none());
    }
}
