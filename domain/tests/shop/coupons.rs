//! What stories say of coupons.

use domain::coupon::{Benefit, Coupon, CouponCounts, CouponIds, CouponScope};
use domain::intent::{AskedLine, CouponCheck, CouponClaim, CouponDefine, Lines};
use domain::verdict::CouponChecked;
use domain::{CouponId, Currency, Intent, MinorUnits, SaleId, SkuId, UserId, Verdict};

use super::{EURO, Shop, line, refused, value};

impl Shop {
    /// `coupon 1 off 300 | percent 1500 [cap 500] [threshold 1000] [of 1,2 | sale 3] [opens 0] [closes 1000]
    /// [quota 3] [each 1] [group 1] [rank 2] [claim] [replaces 1] [currency 840] [twice]`; a group of its own,
    /// where none is named.
    pub fn tell_coupon(&mut self, words: &[&str]) -> String {
        let id: u64 = words[1].parse().expect("a coupon");
        let time = |name, otherwise: &str| {
            self.seconds(&value::<String>(words, name).unwrap_or_else(|| otherwise.to_owned()))
        };
        let benefit = match value(words, "off") {
            Some(amount) => Benefit::Amount(MinorUnits(amount)),
            None => Benefit::Percent {
                basis_points: value(words, "percent").expect("an amount or a percentage"),
                cap: MinorUnits(value(words, "cap").unwrap_or(0)),
            },
        };
        let named: String = value(words, "of").unwrap_or_default();
        let skus: Vec<SkuId> = named.split(',').filter_map(|sku| sku.parse().ok()).map(SkuId).collect();
        let scope = match value(words, "sale") {
            Some(sale) => CouponScope::Sale(SaleId(sale)),
            None if words.contains(&"of") => CouponScope::Skus,
            None => CouponScope::All,
        };
        let coupon = Coupon {
            id: CouponId(id),
            version: 0,
            currency: Currency(value(words, "currency").unwrap_or(EURO.0)),
            benefit,
            threshold: MinorUnits(value(words, "threshold").unwrap_or(0)),
            scope,
            opens: time("opens", "0"),
            closes: time("closes", "1000"),
            quota: value(words, "quota").unwrap_or(0),
            user_quota: value(words, "each").unwrap_or(0),
            group: value(words, "group").unwrap_or(100 + id as u32),
            rank: value(words, "rank").unwrap_or(0),
            must_claim: words.contains(&"claim"),
        };
        let (request, replaces) = (self.request(), value(words, "replaces").unwrap_or(0));
        let define = CouponDefine { request, replaces, coupon: &coupon, skus: &skus };
        let verdict = self.changed(&Intent::CouponDefine(define), words);
        self.words(&verdict)
    }

    /// `claim 1 [user 5] [twice]`
    pub fn tell_claim(&mut self, words: &[&str]) -> String {
        let coupon = CouponId(words[1].parse().expect("a coupon"));
        let (user, request) = (UserId(value(words, "user").unwrap_or(1)), self.request());
        let verdict = self.changed(&Intent::CouponClaim(CouponClaim { user, request, coupon }), words);
        self.words(&verdict)
    }

    /// `check 1,2 lines 1@1x2 [user 5]`
    pub fn tell_check(&mut self, words: &[&str]) -> String {
        let listed: String = value(words, "lines").expect("a basket has lines");
        let lines: Vec<AskedLine> = listed.split(',').map(line).collect();
        let lines = Lines::parse(&lines).expect("the story's baskets are baskets");
        let currency = Currency(value(words, "currency").unwrap_or(EURO.0));
        let user = UserId(value(words, "user").unwrap_or(1));
        let check = CouponCheck { user, currency, coupons: coupons(words[1]), lines };
        let verdict = self.read(&Intent::CouponCheck(check));
        self.words(&verdict)
    }

    /// `coupons 1 [user 5]`: how often it was taken, and by this user.
    pub fn tell_taken(&mut self, words: &[&str]) -> String {
        let coupon = CouponId(words[1].parse().expect("a coupon"));
        let user = UserId(value(words, "user").unwrap_or(1));
        let verdict = self.read(&Intent::CouponGet { user, coupon });
        self.words(&verdict)
    }
}

/// `with 1,2`, of a basket.
pub fn of_basket(words: &[&str]) -> CouponIds {
    value::<String>(words, "with").map_or(CouponIds::NONE, |listed| coupons(&listed))
}

/// What the ledger says of coupons, in words.
pub fn words(verdict: &Verdict) -> Option<String> {
    if let Verdict::Coupon { coupon, version } = verdict {
        return Some(format!("coupon {} v{version}", coupon.0));
    }
    if let Verdict::CouponTaken(it) = verdict {
        return Some(format!("{} has {}", it.user.0, counts(&it.counts)));
    }
    if let Verdict::CouponFound(it) = verdict {
        let (by_user, by_all) = (counts(&it.taken.counts), counts(&it.summary.counts));
        return Some(format!("{by_user}; by all {by_all}"));
    }
    if let Verdict::CouponsChecked(it) = verdict {
        let each: Vec<String> = it.coupons.iter().map(checked).collect();
        return Some(format!("{} of {}: {}", it.discount.0, it.goods.0, each.join(", ")));
    }
    None
}

fn coupons(listed: &str) -> CouponIds {
    let mut ids = [0; 4];
    for (id, word) in ids.iter_mut().zip(listed.split(',')) {
        *id = word.parse().expect("a coupon");
    }
    CouponIds::parse(ids).expect("the story's coupons are a list")
}

fn counts(it: &CouponCounts) -> String {
    format!("{} claimed, {} locked, {} used", it.claimed, it.locked, it.used)
}

fn checked(it: &CouponChecked) -> String {
    match &it.discount {
        Ok(discount) => format!("{}", discount.0),
        Err(refusal) => refused(refusal),
    }
}
