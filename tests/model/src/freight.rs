//! What sending costs, from the rules that stand: for the model that answers and for the audit.

use std::collections::{BTreeMap, BTreeSet};

use domain::freight::{FreightBy, FreightRule};
use domain::{Currency, SellerId};

/// The rules that stand.
pub(crate) type Rules = BTreeMap<(SellerId, Currency), FreightRule>;

/// A line, as far as sending it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) seller: SellerId,
    /// After discounts.
    pub(crate) goods: i128,
    pub(crate) units: i128,
    pub(crate) grams: i128,
}

/// What each line bears; nothing where some of it is more than money can be.
pub(crate) fn parts(rules: &Rules, currency: Currency, lines: &[Sent]) -> Option<Vec<i64>> {
    let mut parts = vec![0; lines.len()];
    let sellers: BTreeSet<SellerId> = lines.iter().map(|line| line.seller).collect();
    for seller in sellers {
        let Some(rule) = rules.get(&(seller, currency)) else { continue };
        let of_seller: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].seller == seller).collect();
        let sum = |part: fn(&Sent) -> i128| of_seller.iter().map(|&at| part(&lines[at])).sum::<i128>();
        let goods = sum(|line| line.goods);
        let cost = cost(rule, goods, sum(|line| line.grams), sum(|line| line.units))?;

        let size = |at: usize| if goods == 0 { lines[at].units } else { lines[at].goods };
        let whole: i128 = of_seller.iter().map(|&at| size(at)).sum();
        for &at in &of_seller {
            parts[at] = i64::try_from(i128::from(cost).checked_mul(size(at))? / whole).ok()?;
        }
        let spread: i64 = of_seller.iter().map(|&at| parts[at]).sum();
        // The first of the largest: the last of them when looked at backwards.
        if let Some(&largest) = of_seller.iter().rev().max_by_key(|&&at| size(at)) {
            parts[largest] += cost - spread;
        }
    }
    Some(parts)
}

fn cost(rule: &FreightRule, goods: i128, grams: i128, units: i128) -> Option<i64> {
    if rule.free_from.0 > 0 && goods >= i128::from(rule.free_from.0) {
        return Some(0);
    }
    let measure = match rule.by {
        FreightBy::Total => goods,
        FreightBy::Weight => grams,
        FreightBy::Count => units,
    };
    let (beyond, step) = (measure - i128::from(rule.first), i128::from(rule.step));
    let steps = if beyond > 0 && step > 0 { (beyond + step - 1) / step } else { 0 };
    let more = steps.checked_mul(i128::from(rule.per_step.0))?;
    i64::try_from(more.checked_add(i128::from(rule.base.0))?).ok()
}

/// Whether a rule's fields are in their ranges.
pub(crate) fn in_range(rule: &FreightRule) -> bool {
    let money = [rule.free_from, rule.base, rule.per_step];
    rule.currency != Currency(0)
        && money.iter().all(|amount| amount.0 >= 0)
        && (rule.step > 0 || rule.per_step.0 == 0)
}
