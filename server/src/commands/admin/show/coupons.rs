//! Coupons, laid out.

use serde_json::{Value, json};
use tidegate_sdk::{
    Benefit, Coupon, CouponChecked, CouponScope, CouponTaken, CouponWithSkus, CouponsChecked, Currency,
    Money, Page,
};

use super::{Shown, last_of, limit, paged, pairs, table};

pub fn coupon(found: &CouponWithSkus) -> Shown {
    let CouponWithSkus { coupon, taken, skus } = found;
    let mut rows = coupon_rows(coupon);
    if taken.user.0 != 0 {
        rows.push(("user", taken.user.to_string()));
        rows.push(("of the user", counts(taken.claimed, taken.locked, taken.used)));
    }
    let mut text = pairs(&rows);
    if !skus.is_empty() {
        let rows: Vec<_> = skus.iter().map(|sku| vec![sku.to_string()]).collect();
        text.push('\n');
        text.push_str(&table(&["sku"], &rows));
    }
    let mut json = json!({
        "coupon": coupon_json(coupon), "skus": skus.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    if taken.user.0 != 0 {
        json["taken"] = taken_json(taken);
    }
    Shown { text, json }
}

pub fn coupons(page: &Page<Coupon>) -> Shown {
    let row = |coupon: &Coupon| {
        vec![
            coupon.id.to_string(),
            benefit(coupon),
            coupon.opens.to_string(),
            coupon.closes.to_string(),
            limit(coupon.quota),
            counts(coupon.claimed, coupon.locked, coupon.used),
            coupon.version.to_string(),
        ]
    };
    let heads = ["coupon", "takes off", "opens", "closes", "quota", "taken", "version"];
    let next = last_of(page).map(|coupon| format!("--after {}", coupon.id));
    paged(&heads, &page.items, row, coupon_json, next)
}

pub fn coupon_taken(taken: &CouponTaken) -> Shown {
    let rows = [
        ("coupon", taken.coupon.to_string()),
        ("user", taken.user.to_string()),
        ("taken", counts(taken.claimed, taken.locked, taken.used)),
    ];
    Shown { text: pairs(&rows), json: taken_json(taken) }
}

pub fn coupons_checked(checked: &CouponsChecked, currency: Currency) -> Shown {
    let money = |minor| Money::new(minor, currency).to_string();
    let row = |it: &CouponChecked| {
        let why = it.why_not.map_or("good".into(), |status| status.name().to_owned());
        vec![it.coupon.to_string(), money(it.discount), why]
    };
    let rows: Vec<_> = checked.coupons.iter().map(row).collect();
    let (goods, left) = (money(checked.goods), money(checked.goods - checked.discount));
    let sums = pairs(&[("goods", goods), ("discount", money(checked.discount)), ("left", left)]);
    let coupons: Vec<Value> = (checked.coupons.iter())
        .map(|it| {
            json!({
                "coupon": it.coupon.to_string(), "discount_minor": it.discount,
                "why_not": it.why_not.map(|status| status.name().to_owned()), "asked": it.asked, "there": it.there,
            })
        })
        .collect();
    Shown {
        text: format!("{sums}\n{}", table(&["coupon", "takes off", "state"], &rows)),
        json: json!({
            "goods_minor": checked.goods, "discount_minor": checked.discount, "coupons": coupons,
        }),
    }
}

fn coupon_rows(coupon: &Coupon) -> Vec<(&'static str, String)> {
    let scope = match coupon.scope {
        CouponScope::All => "every line".into(),
        CouponScope::Skus => "its skus".into(),
        CouponScope::Sale(sale) => format!("sale {sale}"),
    };
    vec![
        ("coupon", coupon.id.to_string()),
        ("takes off", benefit(coupon)),
        ("from", Money::new(coupon.threshold, coupon.currency).to_string()),
        ("good for", scope),
        ("opens", coupon.opens.to_string()),
        ("closes", coupon.closes.to_string()),
        ("quota", limit(coupon.quota)),
        ("quota a user", limit(coupon.user_quota.into())),
        ("group", coupon.group.to_string()),
        ("rank", coupon.rank.to_string()),
        ("must be claimed", if coupon.must_claim { "yes".into() } else { "no".into() }),
        ("taken", counts(coupon.claimed, coupon.locked, coupon.used)),
        ("version", coupon.version.to_string()),
    ]
}

fn coupon_json(coupon: &Coupon) -> Value {
    let (amount, basis_points) = match coupon.benefit {
        Benefit::Amount(amount) => (amount, 0),
        Benefit::Percent { basis_points, cap } => (cap, basis_points),
    };
    let (scope, sale) = match coupon.scope {
        CouponScope::All => ("all", None),
        CouponScope::Skus => ("skus", None),
        CouponScope::Sale(sale) => ("sale", Some(sale.to_string())),
    };
    json!({
        "coupon": coupon.id.to_string(), "version": coupon.version, "currency": coupon.currency.to_string(),
        "amount_minor": amount, "basis_points": basis_points, "threshold_minor": coupon.threshold,
        "scope": scope, "sale": sale, "opens": coupon.opens.to_string(), "closes": coupon.closes.to_string(),
        "quota": coupon.quota, "user_quota": coupon.user_quota, "group": coupon.group, "rank": coupon.rank,
        "must_claim": coupon.must_claim, "claimed": coupon.claimed, "locked": coupon.locked, "used": coupon.used,
    })
}

fn taken_json(taken: &CouponTaken) -> Value {
    json!({
        "coupon": taken.coupon.to_string(), "user": taken.user.to_string(), "claimed": taken.claimed,
        "locked": taken.locked, "used": taken.used,
    })
}

fn benefit(coupon: &Coupon) -> String {
    let money = |minor| Money::new(minor, coupon.currency).to_string();
    match coupon.benefit {
        Benefit::Amount(amount) => money(amount),
        Benefit::Percent { basis_points, cap } => {
            let percent = format!("{}.{:02} %", basis_points / 100, basis_points % 100);
            if cap == 0 { percent } else { format!("{percent}, at most {}", money(cap)) }
        }
    }
}

fn counts(claimed: u64, locked: u64, used: u64) -> String {
    format!("{claimed} claimed, {locked} locked, {used} used")
}
