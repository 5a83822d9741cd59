//! Coupons, from the wire and back.

use domain::coupon::{BASIS_POINTS, Benefit, COUPONS_MAX, Coupon, CouponIds, CouponScope, CouponShare};
use domain::intent::{AskedLine, CouponCheck, CouponClaim, CouponDefine};
use domain::verdict::{CouponChecked, CouponSummary, CouponTaken, CouponView, CouponsChecked};
use domain::{CouponId, Intent, MicrosUtc, MinorUnits, RequestId, SaleId, SkuId, UserId, Verdict};
use protocol::{Header, Items, Meta, Parsed, messages, parse, structs};

use crate::create::{basket, buyer, known_currency, not_negative};
use crate::outlet::Outlet;
use crate::pen::{Pen, To};
use crate::reads::page;
use crate::refused::{Refused, from_refusal};

/// Room for the coupon of one COUPON_DEFINE.
#[derive(Debug, Default)]
pub(crate) struct Defined {
    coupon: Option<Coupon>,
    skus: Vec<SkuId>,
}

/// COUPON_DEFINE as an intent. `room` is for the coupon and its skus.
pub(crate) fn define<'a>(header: &Header, body: &[u8], room: &'a mut Defined) -> Result<Intent<'a>, Refused> {
    let Parsed { head, items, tail: _ } = parse::<messages::CouponDefine>(header, body)?;
    let structs::CouponDefineHead {
        request,
        coupon,
        amount,
        threshold,
        opens,
        closes,
        quota,
        replaces,
        user_quota,
        group,
        sale,
        currency,
        basis_points,
        rank,
        scope,
        must_claim,
    } = head;
    if opens < 0 {
        return Err(Refused::field("opens"));
    }
    if opens >= closes {
        return Err(Refused::field("closes"));
    }
    let coupon = Coupon {
        id: some_coupon(coupon)?,
        version: 0,
        currency: known_currency(currency)?,
        benefit: benefit(amount, basis_points)?,
        threshold: not_negative("threshold", threshold)?,
        scope: scope_from_wire(scope, sale)?,
        opens: MicrosUtc(opens),
        closes: MicrosUtc(closes),
        quota,
        user_quota,
        group,
        rank,
        must_claim,
    };
    skus_from_wire(items, coupon.scope, &mut room.skus)?;
    let (request, coupon) = (RequestId(request), room.coupon.insert(coupon));
    Ok(Intent::CouponDefine(CouponDefine { request, replaces, coupon, skus: &room.skus }))
}

/// COUPON_CLAIM as an intent.
pub(crate) fn claim(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::CouponClaimHead { request, user, coupon } =
        parse::<messages::CouponClaim>(header, body)?.head;
    let (user, coupon) = (buyer(user)?, some_coupon(coupon)?);
    Ok(Intent::CouponClaim(CouponClaim { user, request: RequestId(request), coupon }))
}

/// COUPON_CHECK as an intent. `lines` is room for its lines.
pub(crate) fn check<'a>(
    header: &Header,
    body: &[u8],
    lines: &'a mut Vec<AskedLine>,
) -> Result<Intent<'a>, Refused> {
    let Parsed { head, items, tail: _ } = parse::<messages::CouponCheck>(header, body)?;
    let structs::CouponCheckHead { user, coupons, currency } = head;
    let coupons = coupons_from_wire(coupons)?;
    if coupons.is_empty() {
        return Err(Refused::field("coupons"));
    }
    let (user, currency) = (buyer(user)?, known_currency(currency)?);
    Ok(Intent::CouponCheck(CouponCheck { user, currency, coupons, lines: basket(items, lines)? }))
}

/// COUPON_GET as an intent.
pub(crate) fn get(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::CouponGetHead { user, coupon } = parse::<messages::CouponGet>(header, body)?.head;
    Ok(Intent::CouponGet { user: UserId(user), coupon: some_coupon(coupon)? })
}

/// COUPON_LIST as an intent.
pub(crate) fn list(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::CouponListHead { after, limit } = parse::<messages::CouponList>(header, body)?.head;
    Ok(Intent::CouponList { after: CouponId(after), limit: page(limit)? })
}

/// Writes the answer to a request about coupons; others are answered elsewhere.
pub(crate) fn write(pen: &mut Pen, to: &mut To<'_, impl Outlet>, meta: &Meta, verdict: &Verdict) {
    if let Verdict::Coupon { coupon, version } = verdict {
        let head = structs::CouponDefineAnswerHead { coupon: coupon.0, version: *version };
        pen.answer::<messages::CouponDefineAnswer>(to, meta, &head, [], &[]);
    } else if let Verdict::CouponTaken(taken) = verdict {
        pen.answer::<messages::CouponClaimAnswer>(to, meta, &taken_to_wire(taken), [], &[]);
    } else if let Verdict::CouponsChecked(view) = verdict {
        // The coupons follow as items.
        let CouponsChecked { goods, discount, coupons } = &**view;
        let head = structs::CouponCheckAnswerHead { goods: goods.0, discount: discount.0 };
        let coupons = coupons.iter().map(checked_to_wire);
        pen.answer_read::<messages::CouponCheckAnswer>(to, meta, &head, coupons, &[]);
    } else if let Verdict::CouponFound(view) = verdict {
        let CouponView { summary, taken, skus } = &**view;
        let head =
            structs::CouponGetAnswerHead { coupon: coupon_to_wire(summary), taken: taken_to_wire(taken) };
        let skus = skus.iter().map(|sku| structs::CouponSku { sku: sku.0 });
        pen.answer_read::<messages::CouponGetAnswer>(to, meta, &head, skus, &[]);
    } else if let Verdict::Coupons(page) = verdict {
        let head = structs::PageHead { more: page.more };
        pen.answer_read::<messages::CouponListAnswer>(
            to,
            meta,
            &head,
            page.items.iter().map(coupon_to_wire),
            &[],
        );
    }
}

/// The coupons of a basket: without gaps, none twice.
pub(crate) fn coupons_from_wire(coupons: structs::Coupons) -> Result<CouponIds, Refused> {
    CouponIds::parse(coupons.to_array()).ok_or(Refused::field("coupons"))
}

/// The coupons of an order and what each took off.
pub(crate) fn shares_to_wire(shares: &[CouponShare]) -> (structs::Coupons, structs::CouponDiscounts) {
    let (mut coupons, mut discounts) = ([0; COUPONS_MAX], [0; COUPONS_MAX]);
    for (at, share) in shares.iter().enumerate() {
        (coupons[at], discounts[at]) = (share.coupon.0, share.discount.0);
    }
    (structs::Coupons::of(coupons), structs::CouponDiscounts::of(discounts))
}

/// What a user has of a coupon.
fn taken_to_wire(taken: &CouponTaken) -> structs::CouponTaken {
    let CouponTaken { coupon, user, counts } = *taken;
    let (coupon, user) = (coupon.0, user.0);
    structs::CouponTaken { coupon, user, claimed: counts.claimed, locked: counts.locked, used: counts.used }
}

/// A coupon and how often it was taken.
fn coupon_to_wire(summary: &CouponSummary) -> structs::Coupon {
    let CouponSummary { coupon, counts } = summary;
    let Coupon { id, version, currency, benefit, threshold, scope, opens, closes, quota, .. } = *coupon;
    let Coupon { user_quota, group, rank, must_claim, .. } = *coupon;
    let (amount, basis_points) = match benefit {
        Benefit::Amount(amount) => (amount, 0),
        Benefit::Percent { basis_points, cap } => (cap, basis_points),
    };
    let (scope, sale) = match scope {
        CouponScope::All => (1, 0),
        CouponScope::Skus => (2, 0),
        CouponScope::Sale(sale) => (3, sale.0),
    };
    structs::Coupon {
        coupon: id.0,
        amount: amount.0,
        threshold: threshold.0,
        opens: opens.0,
        closes: closes.0,
        quota,
        claimed: counts.claimed,
        locked: counts.locked,
        used: counts.used,
        version,
        user_quota,
        group,
        sale,
        currency: currency.0,
        basis_points,
        rank,
        scope,
        must_claim,
    }
}

/// What a coupon would do.
fn checked_to_wire(it: &CouponChecked) -> structs::CouponChecked {
    let CouponChecked { coupon, discount } = *it;
    let blank = structs::CouponChecked { coupon: coupon.0, discount: 0, asked: 0, there: 0, status: 0 };
    match discount {
        Ok(discount) => structs::CouponChecked { discount: discount.0, ..blank },
        Err(refusal) => {
            let Refused { status, body, .. } = from_refusal(&refusal, 0);
            structs::CouponChecked { asked: body.asked, there: body.there, status: status.code(), ..blank }
        }
    }
}

fn some_coupon(raw: u64) -> Result<CouponId, Refused> {
    if raw == 0 { Err(Refused::field("coupon")) } else { Ok(CouponId(raw)) }
}

fn benefit(amount: i64, basis_points: u16) -> Result<Benefit, Refused> {
    let amount = not_negative("amount", amount)?;
    match basis_points {
        0 if amount == MinorUnits::ZERO => Err(Refused::field("amount")),
        0 => Ok(Benefit::Amount(amount)),
        1..=BASIS_POINTS => Ok(Benefit::Percent { basis_points, cap: amount }),
        _ => Err(Refused::field("basis_points")),
    }
}

fn scope_from_wire(scope: u8, sale: u32) -> Result<CouponScope, Refused> {
    match (scope, sale) {
        (1, 0) => Ok(CouponScope::All),
        (2, 0) => Ok(CouponScope::Skus),
        (3, 0) | (1 | 2, _) => Err(Refused::field("sale")),
        (3, sale) => Ok(CouponScope::Sale(SaleId(sale))),
        _ => Err(Refused::field("scope")),
    }
}

/// The skus of the scope that names some, and of no other.
fn skus_from_wire(
    items: Items<'_, structs::CouponSku>,
    scope: CouponScope,
    skus: &mut Vec<SkuId>,
) -> Result<(), Refused> {
    skus.clear();
    for (place, structs::CouponSku { sku }) in items.iter().enumerate() {
        if sku == 0 {
            return Err(Refused::item("sku", place));
        }
        skus.push(SkuId(sku));
    }
    if skus.is_empty() == (scope == CouponScope::Skus) { Err(Refused::field("items")) } else { Ok(()) }
}
