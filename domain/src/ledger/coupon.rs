//! Coupons decided: defined, claimed, tried, read; and what they do for a basket on its way to an order.

use alloc::vec::Vec;

use crate::coupon::{self, COUPONS_MAX, Coupon, CouponIds, CouponLine, CouponScope, CouponShare};
use crate::fact::{Actor, Fact, Facts, Request, RequestKey, Stamp};
use crate::ids::{CouponId, OrderId, SkuId, TraceId, UserId};
use crate::intent::{CouponCheck, CouponClaim, CouponDefine, Intent};
use crate::ledger::catalogue::next_version;
use crate::ledger::coupons::{CouponRow, Taking};
use crate::ledger::create::Scratch;
use crate::ledger::orders::NONE;
use crate::ledger::read::{judge_limit, page_of};
use crate::ledger::requests::Subject;
use crate::ledger::{Ledger, by_operator};
use crate::refusal::{Reason, Refusal};
use crate::units::{Currency, MicrosUtc, MinorUnits};
use crate::verdict::{CouponChecked, CouponSummary, CouponTaken, CouponView, CouponsChecked, Verdict};

/// A coupon that is to be applied.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    slot: u32,
    /// Its place in the request.
    at: usize,
}

impl Ledger {
    pub(super) fn define_coupon(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        define: &CouponDefine<'_>,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        coupon::judge_fields(define)?;
        judge_each_once(define.skus)?;
        let key = RequestKey { who: UserId(0), id: define.request };
        let body = Intent::CouponDefine(*define).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.coupons.find(define.coupon.id);
        let old = slot.map(|slot| self.coupons.at(slot));
        let version = next_version(define.replaces, old.map(|row| row.coupon.version))?;
        self.judge_coupon_scope(define)?;
        if let Some(CouponRow { coupon, counts, .. }) = old {
            coupon::judge_replaced(coupon, define.coupon, counts)?;
        }
        let fits = self.coupons.has_room(&self.bounds, slot)
            && self.coupons.has_room_for_skus(&self.bounds, slot, define.skus.len());
        if !fits {
            return Err(Refusal::of(Reason::Overloaded));
        }
        self.judge_room_for_change(now)?;

        // Doing.
        let coupon = Coupon { version, ..*define.coupon };
        let defined = Fact::CouponDefined { coupon, skus: define.skus };
        self.enter_one(&by_operator(now, trace, key, body), &defined, facts);
        Ok(Verdict::Coupon { coupon: coupon.id, version })
    }

    fn judge_coupon_scope(&self, define: &CouponDefine<'_>) -> Result<(), Refusal> {
        match define.coupon.scope {
            CouponScope::All => Ok(()),
            CouponScope::Skus => match define.skus.iter().position(|&sku| self.goods.find_sku(sku).is_none())
            {
                Some(item) => Err(Refusal::of(Reason::SkuNotFound).at_line(item)),
                None => Ok(()),
            },
            CouponScope::Sale(sale) if self.goods.find_sale(sale).is_none() => {
                Err(Refusal::of(Reason::SkuNotFound))
            }
            CouponScope::Sale(_) => Ok(()),
        }
    }

    pub(super) fn claim_coupon(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        claim: &CouponClaim,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let CouponClaim { user, request, coupon } = *claim;
        if user == UserId(0) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let key = RequestKey { who: user, id: request };
        let body = Intent::CouponClaim(*claim).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.known_coupon(coupon)?;
        let row = self.coupons.at(slot);
        let by_user = self.coupons.taken_by(slot, user);
        if !row.coupon.must_claim {
            return Err(Refusal::of(Reason::CouponNotApplicable));
        }
        coupon::judge_window(&row.coupon, now)?;
        coupon::judge_claim(&row.coupon, &row.counts, &by_user)?;
        if by_user.claimed == u64::from(u32::MAX) || !self.has_room_to_take([slot].into_iter(), user) {
            return Err(Refusal::of(Reason::Overloaded));
        }
        self.judge_room_for_change(now)?;

        // Doing.
        let request = Some(Request { key, body });
        let stamp = Stamp { at: now, actor: Actor::User(user), request, trace };
        self.enter_one(&stamp, &Fact::CouponClaimed { coupon, user }, facts);
        Ok(self.coupon_taken(self.coupons.find_user(slot, user).expect("the fact counted the claim")))
    }

    pub(super) fn check_coupons(&self, now: MicrosUtc, check: &CouponCheck<'_>) -> Result<Verdict, Refusal> {
        let CouponCheck { user, currency, coupons: ids, lines } = *check;
        if user == UserId(0) || ids.is_empty() {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let mut scratch = Scratch::default();
        let goods = self.price_lines(now, (user, currency), lines.as_slice(), &mut scratch)?;
        scratch.set_coupon_lines(lines.as_slice());
        let mut checked: Vec<CouponChecked> =
            ids.iter().map(|coupon| CouponChecked { coupon, discount: Ok(MinorUnits::ZERO) }).collect();
        let mut wanted = Vec::with_capacity(COUPONS_MAX);
        for (at, it) in checked.iter_mut().enumerate() {
            let judged = self.judge_coupon(now, currency, it.coupon, &wanted);
            match judged.and_then(|slot| self.judge_use(slot, user).map(|()| slot)) {
                Ok(slot) => wanted.push(Wanted { slot, at }),
                Err(refusal) => it.discount = Err(refusal),
            }
        }
        self.put_in_order(&mut wanted);
        for Wanted { slot, at } in wanted {
            let CouponRow { coupon, skus, .. } = self.coupons.at(slot);
            checked[at].discount = coupon::apply(coupon, skus, &mut scratch.coupon_lines);
        }
        let discount = checked.iter().filter_map(|it| it.discount.ok()).map(|it| it.0).sum();
        let view = CouponsChecked { goods, discount: MinorUnits(discount), coupons: checked };
        Ok(Verdict::CouponsChecked(view.into()))
    }

    pub(super) fn get_coupon(&self, user: UserId, coupon: CouponId) -> Result<Verdict, Refusal> {
        let slot = self.known_coupon(coupon)?;
        let row = self.coupons.at(slot);
        let taken = CouponTaken { coupon, user, counts: self.coupons.taken_by(slot, user) };
        let view = CouponView { summary: summary_of(row), taken, skus: row.skus.clone() };
        Ok(Verdict::CouponFound(view.into()))
    }

    pub(super) fn list_coupons(&self, after: CouponId, limit: u16) -> Result<Verdict, Refusal> {
        judge_limit(limit)?;
        Ok(Verdict::Coupons(page_of(self.coupons.after(after).map(summary_of), limit).into()))
    }

    pub(super) fn all_coupons(&self) -> Vec<CouponSummary> {
        self.coupons.after(CouponId(0)).map(summary_of).collect()
    }

    pub(super) fn coupon_taken(&self, pair: u32) -> Verdict {
        let (slot, user) = self.coupons.pair(pair);
        let coupon = self.coupons.at(slot).coupon.id;
        Verdict::CouponTaken(CouponTaken { coupon, user, counts: self.coupons.taken_by(slot, user) })
    }
}

/// What coupons do for a basket.
impl Ledger {
    /// Applies the coupons to the scratch's lines and says what they take off together. Which took what is in the
    /// scratch's shares, in the order of application. Quotas are looked at later, by [`Ledger::judge_uses`].
    pub(super) fn apply_coupons(
        &self,
        now: MicrosUtc,
        currency: Currency,
        ids: &CouponIds,
        lines: &mut [CouponLine],
        shares: &mut Vec<CouponShare>,
    ) -> Result<MinorUnits, Refusal> {
        let mut wanted = [Wanted::default(); COUPONS_MAX];
        let mut count = 0;
        for (at, id) in ids.iter().enumerate() {
            let judged = self.judge_coupon(now, currency, id, &wanted[..at]);
            wanted[at] = Wanted { slot: judged.map_err(|refusal| refusal.at_line(at))?, at };
            count += 1;
        }
        self.put_in_order(&mut wanted[..count]);
        let mut sum = 0;
        for &Wanted { slot, at } in &wanted[..count] {
            let CouponRow { coupon, skus, .. } = self.coupons.at(slot);
            let discount = coupon::apply(coupon, skus, lines).map_err(|refusal| refusal.at_line(at))?;
            shares.push(CouponShare { coupon: coupon.id, discount });
            sum += discount.0;
        }
        Ok(MinorUnits(sum))
    }

    /// Whether the user may use each once more.
    pub(super) fn judge_uses(&self, user: UserId, ids: &CouponIds) -> Result<(), Refusal> {
        for (at, id) in ids.iter().enumerate() {
            let slot = self.known_coupon(id).map_err(|refusal| refusal.at_line(at))?;
            self.judge_use(slot, user).map_err(|refusal| refusal.at_line(at))?;
        }
        Ok(())
    }

    /// Room for an order with these coupons, which are known.
    pub(super) fn has_room_for_coupons(&self, user: UserId, ids: &CouponIds) -> bool {
        let slots = ids.iter().filter_map(|id| self.coupons.find(id));
        ids.is_empty()
            || (self.coupons.has_room_for_order(&self.bounds) && self.has_room_to_take(slots, user))
    }

    /// Whether an order that gave its coupons back can have them again: within their quotas as they are now.
    pub(super) fn coupons_can_be_had_again(&self, slot: u32) -> bool {
        let (user, place) = (self.orders.at(slot).user, self.orders.coupons(slot));
        let mut slots = self.coupons.slots_of_order(place);
        slots.all(|coupon| self.judge_use(coupon, user).is_ok())
            && self.has_room_to_take(self.coupons.slots_of_order(place), user)
    }

    /// Makes the fact that this order's coupons were locked, released or used, where it has any.
    pub(super) fn enter_coupons(
        &mut self,
        stamp: &Stamp,
        slot: u32,
        fact: for<'a> fn(OrderId, &'a [CouponShare]) -> Fact<'a>,
        facts: &mut impl Facts,
    ) {
        let place = self.orders.coupons(slot);
        if place == NONE {
            return;
        }
        let mut shares = [CouponShare::default(); COUPONS_MAX];
        let mut count = 0;
        for share in self.coupons.of_order(place) {
            shares[count] = share;
            count += 1;
        }
        let order = self.orders.at(slot).id;
        self.enter(stamp, &fact(order, &shares[..count]), facts);
    }

    /// Coupon known → inside its window → this currency → no other of its group.
    fn judge_coupon(
        &self,
        now: MicrosUtc,
        currency: Currency,
        id: CouponId,
        earlier: &[Wanted],
    ) -> Result<u32, Refusal> {
        let slot = self.known_coupon(id)?;
        let coupon = &self.coupons.at(slot).coupon;
        coupon::judge_window(coupon, now)?;
        let clashes = |it: &Wanted| self.coupons.at(it.slot).coupon.group == coupon.group;
        if coupon.currency != currency || earlier.iter().any(clashes) {
            return Err(Refusal::of(Reason::CouponNotApplicable));
        }
        Ok(slot)
    }

    fn judge_use(&self, slot: u32, user: UserId) -> Result<(), Refusal> {
        let row = self.coupons.at(slot);
        coupon::judge_use(&row.coupon, &row.counts, &self.coupons.taken_by(slot, user))
    }

    fn put_in_order(&self, wanted: &mut [Wanted]) {
        wanted.sort_unstable_by_key(|it| {
            let coupon = &self.coupons.at(it.slot).coupon;
            (coupon.rank, coupon.id)
        });
    }

    fn has_room_to_take(&self, coupons: impl Iterator<Item = u32>, user: UserId) -> bool {
        self.coupons.users() + self.coupons.new_users(coupons, user) <= self.bounds.coupon_users_max
    }

    fn known_coupon(&self, id: CouponId) -> Result<u32, Refusal> {
        self.coupons.find(id).ok_or(Refusal::of(Reason::CouponNotFound))
    }
}

/// What the facts do.
impl Ledger {
    pub(super) fn coupon_defined(&mut self, stamp: &Stamp, coupon: Coupon, skus: &[SkuId]) {
        let slot = self.coupons.put(coupon, skus);
        self.remember(stamp, Subject::Coupon(slot));
    }

    pub(super) fn coupon_claimed(&mut self, stamp: &Stamp, coupon: CouponId, user: UserId) {
        let slot = self.coupons.find(coupon).expect("facts name coupons that were defined");
        self.coupons.take(slot, user, Taking::Claimed);
        let pair = self.coupons.find_user(slot, user).expect("the claim was counted");
        self.remember(stamp, Subject::CouponTaken(pair));
    }

    pub(super) fn coupons_taken(&mut self, order: OrderId, shares: &[CouponShare], taking: Taking) {
        let slot = self.known(order);
        let user = self.orders.at(slot).user;
        if self.orders.coupons(slot) == NONE {
            let place = self.coupons.keep_for_order(shares);
            self.orders.set_coupons(slot, place);
        }
        for share in shares {
            let coupon = self.coupons.find(share.coupon).expect("facts name coupons that were defined");
            self.coupons.take(coupon, user, taking);
        }
    }
}

fn summary_of(row: &CouponRow) -> CouponSummary {
    CouponSummary { coupon: row.coupon, counts: row.counts }
}

/// The first sku that is 0 or repeats an earlier one is named.
fn judge_each_once(skus: &[SkuId]) -> Result<(), Refusal> {
    let mut by_sku: Vec<(SkuId, usize)> = skus.iter().enumerate().map(|(at, &sku)| (sku, at)).collect();
    by_sku.sort_unstable();
    let repeated = by_sku.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min();
    let nameless = skus.iter().position(|&sku| sku == SkuId(0));
    match repeated.into_iter().chain(nameless).min() {
        Some(item) => Err(Refusal::of(Reason::InvalidField).at_line(item)),
        None => Ok(()),
    }
}
