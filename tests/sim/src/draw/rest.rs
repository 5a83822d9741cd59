//! What is asked more seldom: coupons, after-sales, freight, cursors, letters, limits, switches, moves of stock. Each
//! has tables of its own in a checkpoint and records of its own in the journal.

use domain::aftersale::{CaseKind, Condition};
use domain::coupon::{Benefit, Coupon, CouponIds, CouponScope};
use domain::cursor::CursorName;
use domain::freight::{FreightBy, FreightRule};
use domain::intent::{
    CaseDecide, CaseOpen, CaseReceive, CouponClaim, CouponDefine, CursorMove, FreightPut, LetterEnd,
    LetterPark, LimitPut, PAGE_MAX, StockReturn, StockTransfer, SwitchPut,
};
use domain::letter::LetterReason;
use domain::limit::{UserLimit, UserList};
use domain::switch::{Note, Scope, Stops};
use domain::{
    CouponId, Currency, Intent, Micros, MicrosUtc, MinorUnits, RequestId, SellerId, UserId, Verdict,
    WarehouseId,
};
use fastrand::Rng;

use super::{Drawn, EUR, USERS, order, sku};
use crate::judge::Judge;

const COUPONS: u64 = 3;

/// A coupon as somebody might define it.
pub(super) fn coupon(dice: &mut Rng, now: MicrosUtc) -> Coupon {
    Coupon {
        id: CouponId(dice.u64(1..=COUPONS)),
        version: 0,
        currency: EUR,
        benefit: Benefit::Amount(MinorUnits(dice.i64(1..40))),
        threshold: MinorUnits(0),
        scope: CouponScope::All,
        opens: now.after(Micros(dice.i64(-1_000_000..1_000))),
        closes: now.after(Micros(dice.i64(1_000_000..3_600_000_000))),
        quota: dice.u64(0..20),
        user_quota: dice.u32(0..4),
        group: 1,
        rank: 1,
        must_claim: dice.u8(0..3) == 0,
    }
}

/// One of them, for half of all baskets.
pub(super) fn coupons_of_basket(dice: &mut Rng) -> CouponIds {
    let one = if dice.bool() { 0 } else { dice.u64(1..=COUPONS) };
    CouponIds::parse([one, 0, 0, 0]).unwrap_or(CouponIds::NONE)
}

/// Draws one.
pub(super) fn intent<'a>(
    dice: &mut Rng,
    judge: &mut Judge,
    now: MicrosUtc,
    request: RequestId,
    drawn: &'a Drawn,
) -> Intent<'a> {
    let user = UserId(dice.u64(1..=USERS));
    match dice.u8(0..16) {
        0 | 1 => {
            let coupon = &drawn.coupon;
            let found = judge.read(&Intent::CouponGet { user: UserId(0), coupon: coupon.id });
            let replaces =
                if let Verdict::CouponFound(found) = found { found.summary.coupon.version } else { 0 };
            Intent::CouponDefine(CouponDefine { request, replaces, coupon, skus: &[] })
        }
        2 | 3 => {
            let coupon = CouponId(dice.u64(1..=COUPONS));
            Intent::CouponClaim(CouponClaim { user, request, coupon })
        }
        4 => Intent::CouponGet { user, coupon: CouponId(dice.u64(1..=COUPONS)) },
        5..=7 => case(dice, judge, request),
        8 => Intent::FreightPut(freight(dice, judge, request)),
        9 => {
            let (name, position, forget) = (cursor(dice), dice.u64(0..=judge.heard()), dice.u8(0..4) == 0);
            Intent::CursorMove(CursorMove { name, position, forget })
        }
        10 => {
            let (subscriber, position) = (cursor(dice), letter(dice, judge));
            let reason = LetterReason::parse(b"no such account").expect("printable");
            Intent::LetterPark(LetterPark { request, subscriber, position, reason })
        }
        11 => {
            let (subscriber, position) = (cursor(dice), letter(dice, judge));
            Intent::LetterEnd(LetterEnd { request, subscriber, position, retry: dice.bool() })
        }
        12 => {
            let list = UserList::from_number(dice.u8(0..3)).expect("three lists");
            let until = now.after(Micros(dice.i64(1..3_000_000)));
            Intent::LimitPut(LimitPut { request, limit: UserLimit { user, list, sale_units: 3, until } })
        }
        13 => switch(dice, judge, request),
        14 => {
            let (from, to) = (WarehouseId(dice.u32(1..3)), WarehouseId(dice.u32(1..3)));
            Intent::StockTransfer(StockTransfer { request, sku: sku(dice), from, to, units: dice.u64(1..9) })
        }
        _ => {
            let (sku, warehouse) = (sku(dice), WarehouseId(1));
            Intent::StockReturn(StockReturn { request, sku, warehouse, units: dice.u64(1..3) })
        }
    }
}

fn case(dice: &mut Rng, judge: &mut Judge, request: RequestId) -> Intent<'static> {
    let order = order(dice, judge);
    let number = dice.u16(1..3);
    match dice.u8(0..4) {
        0 | 1 => {
            let kind = *dice.choice(&[CaseKind::Refund, CaseKind::ReturnRefund]).expect("a choice");
            let units = if kind == CaseKind::Refund { 0 } else { 1 };
            let (user, amount) = (UserId(0), MinorUnits(dice.i64(0..20)));
            Intent::CaseOpen(CaseOpen { user, request, order, kind, sku: sku(dice), units, amount, why: 1 })
        }
        2 => {
            let accept = dice.u8(0..4) != 0;
            Intent::CaseDecide(CaseDecide { request, order, number, accept, amount: MinorUnits(0), why: 1 })
        }
        _ => {
            let (warehouse, condition) = (WarehouseId(1), Condition::Sellable);
            Intent::CaseReceive(CaseReceive { request, order, number, warehouse, condition })
        }
    }
}

fn freight(dice: &mut Rng, judge: &mut Judge, request: RequestId) -> FreightPut {
    let list = Intent::FreightList { seller: SellerId(0), currency: Currency(0), limit: PAGE_MAX };
    let stands = if let Verdict::FreightRules(rules) = judge.read(&list) {
        rules.items.first().map_or(0, |rule| rule.version)
    } else {
        0
    };
    let rule = FreightRule {
        seller: SellerId(1),
        currency: EUR,
        version: 0,
        by: *dice.choice(&FreightBy::ALL).expect("a choice"),
        free_from: MinorUnits(dice.i64(0..100)),
        base: MinorUnits(dice.i64(0..20)),
        first: dice.u64(0..3),
        step: dice.u64(1..3),
        per_step: MinorUnits(dice.i64(0..5)),
    };
    FreightPut { request, replaces: stands, rule }
}

/// Sets one, or clears the first that is set: a shop that stands still tells nothing new.
fn switch(dice: &mut Rng, judge: &mut Judge, request: RequestId) -> Intent<'static> {
    let set = judge.read(&Intent::SwitchList { after: None, limit: PAGE_MAX });
    let first = if let Verdict::Switches(page) = set { page.items.first().cloned() } else { None };
    let note = Note::parse(b"").expect("no words are a note");
    let (scope, replaces, stops) = match first {
        Some(switch) => (switch.scope, switch.version, Stops::default()),
        None => (Scope::Sku(sku(dice)), 0, Stops::parse(dice.u8(1..8)).expect("three bits")),
    };
    Intent::SwitchPut(SwitchPut { request, scope, replaces, stops, note })
}

/// Of a fact that is there: whether it is, is looked at before the ledger.
fn letter(dice: &mut Rng, judge: &Judge) -> u64 {
    dice.u64(0..=judge.heard().min(2))
}

fn cursor(dice: &mut Rng) -> CursorName {
    let mut name = [0; 32];
    name[0] = dice.u8(b'a'..=b'c');
    CursorName::parse(name).expect("a letter")
}
