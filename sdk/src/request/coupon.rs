//! COUPON_DEFINE, COUPON_CLAIM, COUPON_CHECK, COUPON_GET and COUPON_LIST.

use protocol::structs as wire;
use protocol::{Parsed, messages};

use super::sealed::Wire;
use super::{Ask, Changes, Request};
use crate::coupon::{
    self, Benefit, Coupon, CouponChecked, CouponScope, CouponTaken, CouponWithSkus, CouponsChecked,
};
use crate::shop::Page;
use crate::values::{CouponId, Currency, MicrosUtc, SaleId, SkuId, UserId};

/// Coupons of one page unless asked for fewer.
const PAGE: u16 = 100;

/// The coupons of a basket; where they are too many, such that the server refuses them.
pub(super) fn to_wire(coupons: &[CouponId]) -> wire::Coupons {
    let mut ids = [0; 4];
    for (place, coupon) in coupons.iter().enumerate() {
        match ids.get_mut(place) {
            Some(id) => *id = coupon.0,
            None => ids[0] = 0, // A gap: INVALID_FIELD, instead of an order without it.
        }
    }
    wire::Coupons::of(ids)
}

/// Makes or replaces a coupon.
#[derive(Clone, Debug)]
pub struct CouponDefine {
    coupon: CouponId,
    replaces: u32,
    currency: Currency,
    benefit: Benefit,
    threshold: i64,
    scope: CouponScope,
    opens: MicrosUtc,
    closes: MicrosUtc,
    quota: u64,
    user_quota: u32,
    group: u32,
    rank: u16,
    must_claim: bool,
    skus: Vec<wire::CouponSku>,
}

impl CouponDefine {
    pub(crate) fn new(
        coupon: CouponId,
        currency: Currency,
        benefit: Benefit,
        (opens, closes): (MicrosUtc, MicrosUtc),
    ) -> CouponDefine {
        CouponDefine {
            coupon,
            replaces: 0,
            currency,
            benefit,
            threshold: 0,
            scope: CouponScope::All,
            opens,
            closes,
            quota: 0,
            user_quota: 0,
            group: 0,
            rank: 0,
            must_claim: false,
            skus: Vec::new(),
        }
    }
}

impl Request<CouponDefine> {
    /// The version that this one replaces. Without it the coupon must be new; otherwise VERSION_CONFLICT.
    pub fn replaces(mut self, version: u32) -> Self {
        self.ask.replaces = version;
        self
    }

    /// What the goods in its scope must come to before any coupon, in minor units. Default 0.
    pub fn threshold(mut self, minor_units: i64) -> Self {
        self.ask.threshold = minor_units;
        self
    }

    /// Good for lines of this sku, and of others added so; at most 60,000, each once. Without any it is good for
    /// every line.
    pub fn sku(mut self, sku: SkuId) -> Self {
        self.ask.scope = CouponScope::Skus;
        self.ask.skus.push(wire::CouponSku { sku: sku.0 });
        self
    }

    /// Good for lines that sell in this sale.
    pub fn sale(mut self, sale: SaleId) -> Self {
        self.ask.scope = CouponScope::Sale(sale);
        self
    }

    /// How often it can be claimed (or, where nobody must claim it, used) over all users. Default 0: no limit.
    pub fn quota(mut self, times: u64) -> Self {
        self.ask.quota = times;
        self
    }

    /// How often one user can. Default 0: no limit.
    pub fn user_quota(mut self, times: u32) -> Self {
        self.ask.user_quota = times;
        self
    }

    /// An order has at most one coupon of each group. Default 0.
    pub fn group(mut self, group: u32) -> Self {
        self.ask.group = group;
        self
    }

    /// Coupons of an order are applied by rank, the lowest first, then by id. Default 0.
    pub fn rank(mut self, rank: u16) -> Self {
        self.ask.rank = rank;
        self
    }

    /// A user must claim it first; each claim is good for one use.
    pub fn must_claim(mut self) -> Self {
        self.ask.must_claim = true;
        self
    }
}

impl Wire for CouponDefine {
    type Question = messages::CouponDefine;
    type Reply = messages::CouponDefineAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::CouponDefineHead {
        let (amount, basis_points) = match self.benefit {
            Benefit::Amount(minor_units) => (minor_units, 0),
            Benefit::Percent { basis_points, cap } => (cap, basis_points),
        };
        let (scope, sale) = match self.scope {
            CouponScope::All => (1, 0),
            CouponScope::Skus => (2, 0),
            CouponScope::Sale(sale) => (3, sale.0),
        };
        wire::CouponDefineHead {
            request,
            coupon: self.coupon.0,
            amount,
            threshold: self.threshold,
            opens: self.opens.0,
            closes: self.closes.0,
            quota: self.quota,
            replaces: self.replaces,
            user_quota: self.user_quota,
            group: self.group,
            sale,
            currency: self.currency.0,
            basis_points,
            rank: self.rank,
            scope,
            must_claim: self.must_claim,
        }
    }

    fn items(&self, _asked_before: bool) -> Vec<wire::CouponSku> {
        self.skus.clone()
    }

    fn item_count(&self) -> usize {
        self.skus.len()
    }
}

/// The answer is the version that stands now.
impl Ask for CouponDefine {
    type Answer = u32;

    fn read(answer: &Parsed<'_, messages::CouponDefineAnswer>) -> Option<u32> {
        Some(answer.head.version)
    }
}

impl Changes for CouponDefine {}

/// Takes a coupon for a user.
#[derive(Clone, Debug)]
pub struct CouponClaim {
    pub(crate) user: UserId,
    pub(crate) coupon: CouponId,
}

impl Wire for CouponClaim {
    type Question = messages::CouponClaim;
    type Reply = messages::CouponClaimAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::CouponClaimHead {
        wire::CouponClaimHead { request, user: self.user.0, coupon: self.coupon.0 }
    }
}

impl Ask for CouponClaim {
    type Answer = CouponTaken;

    fn read(answer: &Parsed<'_, messages::CouponClaimAnswer>) -> Option<CouponTaken> {
        Some(coupon::taken(&answer.head))
    }
}

impl Changes for CouponClaim {}

/// Reads what coupons would do for a basket.
#[derive(Clone, Debug)]
pub struct CouponCheck {
    user: UserId,
    currency: Currency,
    coupons: Vec<CouponId>,
    lines: Vec<wire::AskedLine>,
}

impl CouponCheck {
    pub(crate) fn new(user: UserId, currency: Currency) -> CouponCheck {
        CouponCheck { user, currency, coupons: Vec::new(), lines: Vec::new() }
    }
}

impl Request<CouponCheck> {
    /// Adds a coupon: one to four, each once.
    pub fn coupon(mut self, coupon: CouponId) -> Self {
        self.ask.coupons.push(coupon);
        self
    }

    /// Adds a line: `quantity` units, 1 to 1,000,000. 1 to 256 lines, each sku once.
    pub fn line(mut self, sku: SkuId, quantity: u32) -> Self {
        self.ask.lines.push(wire::AskedLine { sku: sku.0, warehouse: 0, quantity });
        self
    }
}

impl Wire for CouponCheck {
    type Question = messages::CouponCheck;
    type Reply = messages::CouponCheckAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::CouponCheckHead {
        let coupons = to_wire(&self.coupons);
        wire::CouponCheckHead { user: self.user.0, coupons, currency: self.currency.0 }
    }

    fn items(&self, _asked_before: bool) -> Vec<wire::AskedLine> {
        self.lines.clone()
    }

    fn item_count(&self) -> usize {
        self.lines.len()
    }
}

impl Ask for CouponCheck {
    type Answer = CouponsChecked;

    fn read(answer: &Parsed<'_, messages::CouponCheckAnswer>) -> Option<CouponsChecked> {
        let wire::CouponCheckAnswerHead { goods, discount } = answer.head;
        let coupons: Option<Vec<CouponChecked>> =
            answer.items.iter().map(|item| coupon::checked(&item)).collect();
        Some(CouponsChecked { goods, discount, coupons: coupons? })
    }
}

/// Reads a coupon with its skus.
#[derive(Clone, Debug)]
pub struct CouponGet {
    coupon: CouponId,
    user: UserId,
}

impl CouponGet {
    pub(crate) fn new(coupon: CouponId) -> CouponGet {
        CouponGet { coupon, user: UserId(0) }
    }
}

impl Request<CouponGet> {
    /// Tells what this user has of it, too.
    pub fn of_user(mut self, user: UserId) -> Self {
        self.ask.user = user;
        self
    }
}

impl Wire for CouponGet {
    type Question = messages::CouponGet;
    type Reply = messages::CouponGetAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::CouponGetHead {
        wire::CouponGetHead { user: self.user.0, coupon: self.coupon.0 }
    }
}

impl Ask for CouponGet {
    type Answer = CouponWithSkus;

    fn read(answer: &Parsed<'_, messages::CouponGetAnswer>) -> Option<CouponWithSkus> {
        let wire::CouponGetAnswerHead { coupon, taken } = &answer.head;
        let skus = answer.items.iter().map(|item| SkuId(item.sku)).collect();
        Some(CouponWithSkus { coupon: coupon::coupon(coupon)?, taken: coupon::taken(taken), skus })
    }
}

/// Reads coupons by id, without their skus.
#[derive(Clone, Debug)]
pub struct CouponList {
    after: CouponId,
    limit: u16,
}

impl CouponList {
    pub(crate) fn new() -> CouponList {
        CouponList { after: CouponId(0), limit: PAGE }
    }
}

impl Request<CouponList> {
    /// Only coupons above this one: the last one of a page brings the next page.
    pub fn after(mut self, coupon: CouponId) -> Self {
        self.ask.after = coupon;
        self
    }

    /// Coupons of one page, 1 to 100. Default 100.
    pub fn limit(mut self, coupons: u16) -> Self {
        self.ask.limit = coupons;
        self
    }
}

impl Wire for CouponList {
    type Question = messages::CouponList;
    type Reply = messages::CouponListAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::CouponListHead {
        wire::CouponListHead { after: self.after.0, limit: self.limit }
    }
}

impl Ask for CouponList {
    type Answer = Page<Coupon>;

    fn read(answer: &Parsed<'_, messages::CouponListAnswer>) -> Option<Page<Coupon>> {
        let items: Option<Vec<Coupon>> = answer.items.iter().map(|item| coupon::coupon(&item)).collect();
        Some(Page { items: items?, more: answer.head.more })
    }
}
