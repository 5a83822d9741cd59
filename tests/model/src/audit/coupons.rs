//! Coupons from fact to fact: how they change, who takes them, and that they go where their orders go.

use std::collections::BTreeSet;

use domain::coupon::{Benefit, COUPONS_MAX, Coupon, CouponCounts, CouponScope, CouponShare};
use domain::fact::Actor;
use domain::verdict::{CouponSummary, Holdings, digest_coupon_user};
use domain::{CouponId, Currency, MicrosUtc, OrderId, SkuId, Stamp, UserId};

use super::Auditor;
use super::books::CouponBook;
use super::orders::Parts;
use super::tally::Rule;

/// What becomes of a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Becomes {
    Claimed,
    Locked,
    Released,
    Used,
}

impl Auditor {
    pub(super) fn coupon_defined(&mut self, coupon: &Coupon, skus: &[SkuId]) {
        let before = self.books.coupons.get(&coupon.id);
        let standing = before.map_or(0, |book| book.coupon.version);
        let known = match coupon.scope {
            CouponScope::All => skus.is_empty(),
            CouponScope::Skus => !skus.is_empty() && skus.iter().all(|sku| self.books.skus.contains_key(sku)),
            CouponScope::Sale(sale) => skus.is_empty() && self.books.sales.contains_key(&sale),
        };
        let each_once = skus.iter().collect::<BTreeSet<_>>().len() == skus.len();
        let takes_off = match coupon.benefit {
            Benefit::Amount(amount) => amount.0 > 0,
            Benefit::Percent { basis_points, cap } => (1..=10_000).contains(&basis_points) && cap.0 >= 0,
        };
        let right = Some(coupon.version) == standing.checked_add(1)
            && coupon.id.0 != 0
            && coupon.opens < coupon.closes
            && coupon.threshold.0 >= 0
            && known
            && each_once
            && takes_off;
        self.tally.check(Rule::Coupons, right, || {
            format!("coupon {} went from version {standing} to {coupon:?}", coupon.id.0)
        });
        let counts = before.map_or(CouponCounts::default(), |book| book.counts);
        self.books.coupons.insert(coupon.id, CouponBook { coupon: *coupon, counts });
        let taken = if coupon.must_claim { counts.claimed } else { counts.uses() };
        self.tally.check(Rule::CouponQuota, coupon.quota == 0 || taken <= coupon.quota, || {
            format!(
                "coupon {} was taken {taken} times, and is to be taken {} times",
                coupon.id.0, coupon.quota
            )
        });
    }

    pub(super) fn coupon_claimed(&mut self, stamp: &Stamp, id: CouponId, user: UserId) {
        self.tally.check(Rule::Entries, stamp.actor == Actor::User(user), || {
            format!("user {} claimed a coupon, by {:?}", user.0, stamp.actor)
        });
        self.judge_blocked(stamp.at, user);
        let coupon = self.books.coupons.get(&id).map(|book| book.coupon);
        let right = coupon.is_some_and(|it| it.must_claim && is_open(&it, stamp.at));
        self.tally.check(Rule::Coupons, right, || format!("coupon {} cannot be claimed now", id.0));
        self.count_coupon(id, user, Becomes::Claimed);
    }

    /// The coupons of a new order were good for it.
    fn judge_coupons(&mut self, id: OrderId, currency: Currency, shares: &[CouponShare]) {
        let at = self.time;
        let coupons: Vec<Coupon> = (shares.iter())
            .filter_map(|share| self.books.coupons.get(&share.coupon))
            .map(|book| book.coupon)
            .collect();
        let groups: BTreeSet<u32> = coupons.iter().map(|coupon| coupon.group).collect();
        let right = coupons.len() == shares.len()
            && groups.len() == shares.len()
            && shares.len() <= COUPONS_MAX
            && coupons.iter().all(|it| is_open(it, at) && it.currency == currency)
            && coupons.is_sorted_by_key(|it| (it.rank, it.id))
            && shares.iter().all(|share| share.discount.0 > 0);
        self.tally.check(Rule::Coupons, right, || {
            format!("coupons of order {} cannot be used together, or now: {shares:?}", id.0)
        });
    }

    /// The entry is whole: its orders' coupons went where the orders went.
    pub(super) fn settle_coupons(&mut self, id: OrderId, parts: &Parts) {
        let Some(order) = self.books.orders.get_mut(&id) else { return };
        if parts.created {
            order.coupons = parts.locked.first().cloned().unwrap_or_default();
        }
        let (user, discount, currency) = (order.user, order.discount, order.currency);
        let coupons = order.coupons.clone();
        let any = !coupons.is_empty();
        let whole = parts.locked.len() == usize::from(any && (parts.created || parts.revived))
            && parts.used.len()
                == usize::from(any && (parts.confirmed && !parts.restocked || parts.excepted))
            && parts.coupons_released.len() == usize::from(any && parts.cancelled);
        let mut told = parts.locked.iter().chain(&parts.used).chain(&parts.coupons_released);
        let same = told.all(|shares| *shares == coupons);
        self.tally.check(Rule::Coupons, whole && same, || {
            format!("order {} moved without its coupons, or its coupons without it", id.0)
        });
        if parts.created {
            let off: i128 = coupons.iter().map(|share| i128::from(share.discount.0)).sum();
            self.tally.check(Rule::Coupons, off == i128::from(discount.0), || {
                format!("coupons of order {} take {off} off, its lines {}", id.0, discount.0)
            });
            self.judge_coupons(id, currency, &coupons);
        }
        for (becomes, facts) in [
            (Becomes::Locked, &parts.locked),
            (Becomes::Used, &parts.used),
            (Becomes::Released, &parts.coupons_released),
        ] {
            for share in facts.iter().flatten() {
                self.count_coupon(share.coupon, user, becomes);
            }
        }
    }

    pub(super) fn compare_coupons(&mut self, holdings: &Holdings) {
        let ours =
            self.books.coupons.values().map(|it| CouponSummary { coupon: it.coupon, counts: it.counts });
        let equal = holdings.coupons.iter().copied().eq(ours);
        self.tally.check(Rule::StoreCoupons, equal, || "a coupon is another one in the store".to_owned());
        let rows = self.books.coupon_users.iter();
        let digest = rows.map(|((coupon, user), counts)| digest_coupon_user(*coupon, *user, counts));
        let digest = digest.fold(0_u64, u64::wrapping_add);
        let users = self.books.coupon_users.len() as u64;
        let equal = (holdings.coupon_users, holdings.coupon_users_digest) == (users, digest);
        self.tally.check(Rule::StoreCoupons, equal, || {
            format!("the store counts {} users of coupons, the facts {users}", holdings.coupon_users)
        });
    }

    /// Counts, and judges the quotas where one more was taken.
    fn count_coupon(&mut self, id: CouponId, user: UserId, becomes: Becomes) {
        let Some(book) = self.books.coupons.get_mut(&id) else {
            self.tally.check(Rule::Coupons, false, || format!("coupon {} is not there", id.0));
            return;
        };
        let pair = self.books.coupon_users.entry((id, user)).or_default();
        let moved = [&mut book.counts, pair].map(|counts| becomes.count(counts));
        if *pair == CouponCounts::default() {
            self.books.coupon_users.remove(&(id, user));
        }
        self.tally.check(Rule::Coupons, moved == [true; 2], || {
            format!("coupon {} of user {} was {becomes:?}, and no order had it", id.0, user.0)
        });
        self.judge_quota(id, user, becomes);
    }

    /// Claims, or uses where nobody must claim, stay within the quotas; uses within the claims. A quota that was
    /// lowered does not take back what somebody has.
    fn judge_quota(&mut self, id: CouponId, user: UserId, becomes: Becomes) {
        let Some(book) = self.books.coupons.get(&id) else { return };
        let (coupon, all) = (book.coupon, book.counts);
        let mine = self.books.coupon_users.get(&(id, user)).copied().unwrap_or_default();
        let (quota, user_quota) = (coupon.quota, u64::from(coupon.user_quota));
        let within = |taken: u64, by_one: u64| {
            (quota == 0 || taken <= quota) && (user_quota == 0 || by_one <= user_quota)
        };
        let right = match becomes {
            Becomes::Claimed => within(all.claimed, mine.claimed),
            Becomes::Locked if coupon.must_claim => mine.uses() <= mine.claimed,
            Becomes::Locked => within(all.uses(), mine.uses()),
            Becomes::Released | Becomes::Used => return,
        };
        self.tally.check(Rule::CouponQuota, right, || {
            format!("coupon {} was {becomes:?} too often: by all {all:?}, by user {} {mine:?}", id.0, user.0)
        });
    }
}

impl Becomes {
    /// Whether that could be.
    fn count(self, counts: &mut CouponCounts) -> bool {
        match self {
            Becomes::Claimed => counts.claimed += 1,
            Becomes::Locked => counts.locked += 1,
            Becomes::Released | Becomes::Used => {
                let Some(locked) = counts.locked.checked_sub(1) else { return false };
                counts.locked = locked;
                counts.used += u64::from(self == Becomes::Used);
            }
        }
        true
    }
}

fn is_open(coupon: &Coupon, at: MicrosUtc) -> bool {
    coupon.opens <= at && at < coupon.closes
}
