//! Coupons: what they take off a basket, who may take them, and where they go with their orders.

use std::collections::{BTreeMap, BTreeSet};

use domain::coupon::{Benefit, COUPON_SKUS_MAX, Coupon, CouponCounts, CouponIds, CouponScope, CouponShare};
use domain::intent::{CouponCheck, CouponClaim, CouponDefine};
use domain::verdict::{
    CouponChecked, CouponSummary, CouponTaken, CouponView, CouponsChecked, Holdings, Page, digest_coupon_user,
};
use domain::{
    CouponId, Currency, MicrosUtc, MinorUnits, OrderId, Reason, Refusal, SaleId, SkuId, UserId, Verdict,
};

use super::{Model, Subject, reads};

/// Every coupon, and what became of each in each user's hands.
#[derive(Clone, Debug, Default)]
pub(super) struct Coupons {
    defined: BTreeMap<CouponId, (Coupon, BTreeSet<SkuId>)>,
    /// A pair that has nothing is not there.
    taken: BTreeMap<(CouponId, UserId), CouponCounts>,
}

/// A line of a basket on its way through its coupons.
#[derive(Clone, Copy, Debug)]
pub(super) struct Priced {
    pub(super) sku: SkuId,
    pub(super) sale: SaleId,
    pub(super) goods: i128,
    pub(super) off: i128,
}

impl Model {
    pub(super) fn coupon_define(&mut self, define: &CouponDefine<'_>) -> Result<Subject, Refusal> {
        let wanted = define.coupon;
        let standing = self.coupons.defined.get(&wanted.id).map(|(coupon, _)| *coupon);
        let version = standing.map_or(0, |coupon| coupon.version);
        if define.replaces != version {
            let (asked, there) = (i64::from(define.replaces), i64::from(version));
            return Err(Refusal::of(Reason::VersionConflict).with(asked, there));
        }
        if let Some(at) = define.skus.iter().position(|sku| !self.skus.contains_key(sku)) {
            return Err(Refusal::of(Reason::SkuNotFound).at_line(at));
        }
        if matches!(wanted.scope, CouponScope::Sale(sale) if !self.sales.contains_key(&sale)) {
            return Err(Refusal::of(Reason::SkuNotFound));
        }
        if let Some(standing) = standing {
            let all = self.coupons.by_all(wanted.id);
            let gone = if standing.must_claim { all.claimed } else { all.locked + all.used };
            if gone > 0 && standing.must_claim != wanted.must_claim {
                return Err(Refusal::of(Reason::InvalidField));
            }
            if wanted.quota != 0 && gone > wanted.quota {
                let numbers = (wanted.quota as i64, gone as i64);
                return Err(Refusal::of(Reason::CouponExhausted).with(numbers.0, numbers.1));
            }
        }
        let coupon = Coupon { version: version + 1, ..*wanted };
        self.coupons.defined.insert(coupon.id, (coupon, define.skus.iter().copied().collect()));
        Ok(Subject::Coupon(coupon.id))
    }

    pub(super) fn coupon_claim(&mut self, now: MicrosUtc, claim: &CouponClaim) -> Result<Subject, Refusal> {
        let CouponClaim { user, coupon: id, .. } = *claim;
        let coupon = *self.coupons.known(id)?;
        if !coupon.must_claim {
            return Err(Refusal::of(Reason::CouponNotApplicable));
        }
        inside_window(&coupon, now)?;
        let mine = self.coupons.by(id, user);
        if coupon.user_quota != 0 && mine.claimed >= u64::from(coupon.user_quota) {
            return Err(Refusal::of(Reason::CouponUserLimit).with(1, 0));
        }
        if coupon.quota != 0 && self.coupons.by_all(id).claimed >= coupon.quota {
            return Err(Refusal::of(Reason::CouponExhausted).with(1, 0));
        }
        self.coupons.taken.entry((id, user)).or_default().claimed += 1;
        Ok(Subject::CouponTaken(id, user))
    }

    /// The coupons one by one in the order of the request, then those that pass by rank and id.
    pub(super) fn coupon_check(&self, now: MicrosUtc, check: &CouponCheck<'_>) -> Result<Verdict, Refusal> {
        let mut lines = self.priced(now, (check.user, check.currency), check.lines.as_slice())?;
        let goods: i128 = lines.iter().map(|line| line.goods).sum();
        let ids: Vec<CouponId> = check.coupons.iter().collect();
        let mut good: Vec<CouponId> = Vec::new();
        let mut said: BTreeMap<CouponId, Result<MinorUnits, Refusal>> = BTreeMap::new();
        for &id in &ids {
            let fits = (self.fits(now, check.currency, id, &good))
                .and_then(|()| self.coupons.may_use(id, check.user));
            match fits {
                Ok(()) => good.push(id),
                Err(refusal) => {
                    said.insert(id, Err(refusal));
                }
            }
        }
        for id in self.by_rank(&good) {
            let off = self.take_off(id, &mut lines);
            said.insert(id, off.map(|off| MinorUnits(off as i64)));
        }
        let discount: i128 = lines.iter().map(|line| line.off).sum();
        let coupons = ids.iter().map(|id| CouponChecked { coupon: *id, discount: said[id] }).collect();
        let (goods, discount) = (MinorUnits(goods as i64), MinorUnits(discount as i64));
        Ok(Verdict::CouponsChecked(Box::new(CouponsChecked { goods, discount, coupons })))
    }

    pub(super) fn coupon_get(&self, user: UserId, id: CouponId) -> Result<Verdict, Refusal> {
        self.coupons.known(id)?;
        let summary = self.coupons.summary(id);
        let taken = CouponTaken { coupon: id, user, counts: self.coupons.by(id, user) };
        let skus = self.coupons.defined[&id].1.iter().copied().collect();
        Ok(Verdict::CouponFound(Box::new(CouponView { summary, taken, skus })))
    }

    pub(super) fn coupon_list(&self, after: CouponId, limit: u16) -> Verdict {
        let found = self.coupons.defined.keys().filter(|id| **id > after).map(|id| self.coupons.summary(*id));
        let page: Page<CouponSummary> = reads::page(found, limit);
        Verdict::Coupons(Box::new(page))
    }

    pub(super) fn coupon_as_it_stands(&self, id: CouponId) -> Verdict {
        Verdict::Coupon { coupon: id, version: self.coupons.defined[&id].0.version }
    }

    pub(super) fn coupon_taken(&self, coupon: CouponId, user: UserId) -> Verdict {
        Verdict::CouponTaken(CouponTaken { coupon, user, counts: self.coupons.by(coupon, user) })
    }

    /// What a basket's coupons take off its lines, and which took what.
    pub(super) fn discount(
        &self,
        now: MicrosUtc,
        currency: Currency,
        ids: &CouponIds,
        lines: &mut [Priced],
    ) -> Result<Vec<CouponShare>, Refusal> {
        let ids: Vec<CouponId> = ids.iter().collect();
        for (at, &id) in ids.iter().enumerate() {
            self.fits(now, currency, id, &ids[..at]).map_err(|refusal| refusal.at_line(at))?;
        }
        let mut shares = Vec::new();
        for coupon in self.by_rank(&ids) {
            let at = ids.iter().position(|id| *id == coupon).unwrap_or(0);
            let off = self.take_off(coupon, lines).map_err(|refusal| refusal.at_line(at))?;
            shares.push(CouponShare { coupon, discount: MinorUnits(off as i64) });
        }
        Ok(shares)
    }

    /// Whether the user may use each of them once more.
    pub(super) fn may_use_all(&self, user: UserId, ids: &CouponIds) -> Result<(), Refusal> {
        for (at, id) in ids.iter().enumerate() {
            self.coupons.may_use(id, user).map_err(|refusal| refusal.at_line(at))?;
        }
        Ok(())
    }

    /// Whether a cancelled order's coupons are still there for it; windows were judged when it was made.
    pub(super) fn coupons_can_be_had_again(&self, order: OrderId) -> bool {
        let view = &self.orders[&order].view;
        view.coupons.iter().all(|share| self.coupons.may_use(share.coupon, view.brief.user).is_ok())
    }

    pub(super) fn lock_coupons(&mut self, order: OrderId) {
        self.count_coupons(order, |counts| counts.locked += 1);
    }

    pub(super) fn use_coupons(&mut self, order: OrderId) {
        self.count_coupons(order, |counts| {
            counts.locked -= 1;
            counts.used += 1;
        });
    }

    pub(super) fn give_coupons_back(&mut self, order: OrderId) {
        self.count_coupons(order, |counts| counts.locked -= 1);
    }

    pub(super) fn hold_coupons_out(&self, holdings: &mut Holdings) {
        holdings.coupons = self.coupons.defined.keys().map(|id| self.coupons.summary(*id)).collect();
        holdings.coupon_users = self.coupons.taken.len() as u64;
        for ((coupon, user), counts) in &self.coupons.taken {
            let row = digest_coupon_user(*coupon, *user, counts);
            holdings.coupon_users_digest = holdings.coupon_users_digest.wrapping_add(row);
        }
    }

    fn count_coupons(&mut self, order: OrderId, change: impl Fn(&mut CouponCounts)) {
        let view = &self.orders[&order].view;
        for share in &view.coupons {
            let pair = (share.coupon, view.brief.user);
            let counts = self.coupons.taken.entry(pair).or_default();
            change(counts);
            if *counts == CouponCounts::default() {
                self.coupons.taken.remove(&pair);
            }
        }
    }

    /// Known, in its window, in this currency, alone in its group.
    fn fits(
        &self,
        now: MicrosUtc,
        currency: Currency,
        id: CouponId,
        others: &[CouponId],
    ) -> Result<(), Refusal> {
        let coupon = self.coupons.known(id)?;
        inside_window(coupon, now)?;
        let group_is_taken = others.iter().any(|other| self.coupons.defined[other].0.group == coupon.group);
        if coupon.currency != currency || group_is_taken {
            return Err(Refusal::of(Reason::CouponNotApplicable));
        }
        Ok(())
    }

    fn by_rank(&self, ids: &[CouponId]) -> Vec<CouponId> {
        let mut sorted = ids.to_vec();
        sorted.sort_by_key(|id| (self.coupons.defined[id].0.rank, *id));
        sorted
    }

    fn take_off(&self, id: CouponId, lines: &mut [Priced]) -> Result<i128, Refusal> {
        let (coupon, skus) = &self.coupons.defined[&id];
        let meant: Vec<usize> = (0..lines.len())
            .filter(|&at| match coupon.scope {
                CouponScope::All => true,
                CouponScope::Skus => skus.contains(&lines[at].sku),
                CouponScope::Sale(sale) => lines[at].sale == sale,
            })
            .collect();
        let goods: i128 = meant.iter().map(|&at| lines[at].goods).sum();
        let left: Vec<i128> = meant.iter().map(|&at| lines[at].goods - lines[at].off).collect();
        let all: i128 = left.iter().sum();
        let off = match coupon.benefit {
            Benefit::Amount(amount) => i128::from(amount.0),
            Benefit::Percent { basis_points, cap } => {
                let part = all * i128::from(basis_points) / 10_000;
                if cap.0 == 0 { part } else { part.min(i128::from(cap.0)) }
            }
        };
        let off = off.min(all);
        if off == 0 || goods < i128::from(coupon.threshold.0) {
            let numbers = (goods as i64, coupon.threshold.0);
            return Err(Refusal::of(Reason::CouponNotApplicable).with(numbers.0, numbers.1));
        }
        // Each its part, rounded down; the rest from the largest line on.
        let mut parts: Vec<i128> = left.iter().map(|left| off * left / all).collect();
        let mut rest = off - parts.iter().sum::<i128>();
        let mut largest_first: Vec<usize> = (0..meant.len()).collect();
        largest_first.sort_by_key(|&at| (-left[at], at));
        for at in largest_first {
            let more = rest.min(left[at] - parts[at]);
            parts[at] += more;
            rest -= more;
        }
        for (place, &at) in meant.iter().enumerate() {
            lines[at].off += parts[place];
        }
        Ok(off)
    }
}

impl Coupons {
    fn known(&self, id: CouponId) -> Result<&Coupon, Refusal> {
        self.defined.get(&id).map(|(coupon, _)| coupon).ok_or(Refusal::of(Reason::CouponNotFound))
    }

    fn by(&self, id: CouponId, user: UserId) -> CouponCounts {
        self.taken.get(&(id, user)).copied().unwrap_or_default()
    }

    /// Counted anew each time, user by user.
    fn by_all(&self, id: CouponId) -> CouponCounts {
        let mut all = CouponCounts::default();
        for (_, counts) in self.taken.iter().filter(|((coupon, _), _)| *coupon == id) {
            all.claimed += counts.claimed;
            all.locked += counts.locked;
            all.used += counts.used;
        }
        all
    }

    fn summary(&self, id: CouponId) -> CouponSummary {
        CouponSummary { coupon: self.defined[&id].0, counts: self.by_all(id) }
    }

    fn may_use(&self, id: CouponId, user: UserId) -> Result<(), Refusal> {
        let coupon = self.known(id)?;
        let (mine, all) = (self.by(id, user), self.by_all(id));
        let (my_uses, uses) = (mine.locked + mine.used, all.locked + all.used);
        if coupon.must_claim {
            return match mine.claimed {
                0 => Err(Refusal::of(Reason::CouponNotFound)),
                claimed if my_uses < claimed => Ok(()),
                _ => Err(Refusal::of(Reason::CouponUsed).with(1, 0)),
            };
        }
        if coupon.user_quota != 0 && my_uses >= u64::from(coupon.user_quota) {
            return Err(Refusal::of(Reason::CouponUserLimit).with(1, 0));
        }
        if coupon.quota != 0 && uses >= coupon.quota {
            return Err(Refusal::of(Reason::CouponExhausted).with(1, 0));
        }
        Ok(())
    }
}

/// Whether the fields of a coupon can be right at all; of its skus the first wrong one is to blame.
pub(super) fn is_a_coupon(define: &CouponDefine<'_>) -> Result<bool, Refusal> {
    let coupon = define.coupon;
    let named = define.skus.len();
    let right = coupon.id.0 != 0
        && coupon.currency.0 != 0
        && coupon.threshold.0 >= 0
        && coupon.opens < coupon.closes
        && match coupon.benefit {
            Benefit::Amount(amount) => amount.0 > 0,
            Benefit::Percent { basis_points, cap } => {
                basis_points > 0 && basis_points <= 10_000 && cap.0 >= 0
            }
        }
        && match coupon.scope {
            CouponScope::All => named == 0,
            CouponScope::Skus => named > 0 && named <= COUPON_SKUS_MAX,
            CouponScope::Sale(sale) => named == 0 && sale.0 != 0,
        };
    let mut seen = BTreeSet::from([SkuId(0)]);
    match define.skus.iter().position(|sku| !seen.insert(*sku)) {
        Some(at) if right => Err(Refusal::of(Reason::InvalidField).at_line(at)),
        Some(_) | None => Ok(right),
    }
}

fn inside_window(coupon: &Coupon, now: MicrosUtc) -> Result<(), Refusal> {
    if now < coupon.opens {
        return Err(Refusal::of(Reason::CouponNotApplicable).with(now.0, coupon.opens.0));
    }
    if now >= coupon.closes {
        return Err(Refusal::of(Reason::CouponExpired).with(now.0, coupon.closes.0));
    }
    Ok(())
}
