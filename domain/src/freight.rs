//! What sending a basket costs: a rule a seller and currency, and how its charge lies on the lines.
//!
//! A seller's charge hangs on that seller's lines of the basket alone, on what they cost after discounts, weigh or
//! count. It is spread over these lines in proportion to what they cost after discounts (to their units, where all
//! cost nothing), each part rounded down; what is left over goes to the largest part, the first of equals. So lines
//! add up to the order to the minor unit, and what a line bore can go back with it.

use crate::ids::SellerId;
use crate::image::{flat, flat_by_number};
use crate::refusal::{Reason, Refusal};
use crate::units::{Currency, MinorUnits};

/// Rules that a shop can have, at most.
pub const FREIGHT_RULES_MAX: usize = 65_536;

/// What a charge grows with. The numbers are on wire and disk, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FreightBy {
    /// What the goods cost after discounts, in minor units.
    Total = 1,
    /// What the goods weigh, in grams.
    Weight = 2,
    /// How many units there are.
    Count = 3,
}

impl FreightBy {
    /// Every way there is.
    pub const ALL: [FreightBy; 3] = [FreightBy::Total, FreightBy::Weight, FreightBy::Count];

    /// The number on wire and disk.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The way of this number, if there is one.
    pub fn from_number(number: u8) -> Option<FreightBy> {
        FreightBy::ALL.into_iter().find(|by| by.number() == number)
    }
}

/// What a seller takes for sending goods sold in a currency: nothing from `free_from` on; else `base` for the first
/// `first` of what it goes by, and `per_step` for each `step` begun beyond. Where there is no rule, nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreightRule {
    /// Whose goods.
    pub seller: SellerId,
    /// Never 0. Baskets in other currencies have rules of their own.
    pub currency: Currency,
    /// Counts from 1; one more with each FREIGHT_PUT.
    pub version: u32,
    /// What the charge grows with.
    pub by: FreightBy,
    /// The seller's goods go free when they cost so much after discounts, or more; 0: they never do.
    pub free_from: MinorUnits,
    /// What `first` costs, 0 or more.
    pub base: MinorUnits,
    /// How much of what it goes by is in `base`: minor units, grams or units.
    pub first: u64,
    /// How much more a further `per_step` covers; 0: `base` is for any basket, and `per_step` is 0.
    pub step: u64,
    /// What each step begun beyond `first` costs, 0 or more.
    pub per_step: MinorUnits,
}

flat_by_number!(FreightBy);
flat! {
    FreightRule {
        seller: SellerId,
        currency: Currency,
        version: u32,
        by: FreightBy,
        free_from: MinorUnits,
        base: MinorUnits,
        first: u64,
        step: u64,
        per_step: MinorUnits,
    }
}

/// A line as freight sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreightLine {
    /// Whose goods.
    pub seller: SellerId,
    /// What the line costs after its discounts.
    pub goods: MinorUnits,
    /// Units.
    pub units: u64,
    /// What all its units weigh, grams.
    pub grams: u64,
    /// Its part of the charge; 0 before [`charge`].
    pub freight: MinorUnits,
}

/// What the lines of one seller come to.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    goods: i64,
    units: u64,
    grams: u64,
}

impl FreightRule {
    /// INVALID_FIELD for a rule that says nothing that can be done.
    pub fn judge(&self) -> Result<(), Refusal> {
        let below_0 = self.free_from.0 < 0 || self.base.0 < 0 || self.per_step.0 < 0;
        let steps_of_nothing = self.step == 0 && self.per_step != MinorUnits::ZERO;
        if self.currency == Currency(0) || below_0 || steps_of_nothing {
            return Err(Refusal::of(Reason::InvalidField));
        }
        Ok(())
    }

    /// What it takes for these goods; nothing where that is more than money can be.
    fn of(&self, sum: Sum) -> Option<MinorUnits> {
        if self.free_from != MinorUnits::ZERO && sum.goods >= self.free_from.0 {
            return Some(MinorUnits::ZERO);
        }
        let measure = match self.by {
            FreightBy::Total => sum.goods as u64, // Never below 0.
            FreightBy::Weight => sum.grams,
            FreightBy::Count => sum.units,
        };
        let beyond = measure.saturating_sub(self.first);
        let steps = if self.step == 0 { 0 } else { beyond.div_ceil(self.step) };
        let more = self.per_step.0.checked_mul(i64::try_from(steps).ok()?)?;
        self.base.plus(MinorUnits(more))
    }
}

/// Charges every seller's lines by that seller's rule. The charge of all, or nothing where it is more than money can
/// be. Goods are 0 or more and add up.
pub fn charge<'r>(
    lines: &mut [FreightLine],
    rule_of: impl Fn(SellerId) -> Option<&'r FreightRule>,
) -> Option<MinorUnits> {
    let mut all = MinorUnits::ZERO;
    for at in 0..lines.len() {
        let (earlier, rest) = lines.split_at_mut(at);
        let seller = rest[0].seller;
        if earlier.iter().any(|line| line.seller == seller) {
            continue;
        }
        let Some(rule) = rule_of(seller) else { continue };
        let mut sum = Sum::default();
        for line in rest.iter().filter(|line| line.seller == seller) {
            sum.goods += line.goods.0;
            sum.units += line.units;
            sum.grams = sum.grams.checked_add(line.grams)?;
        }
        let freight = rule.of(sum)?;
        all = all.plus(freight)?;
        spread(freight, sum, seller, rest);
    }
    Some(all)
}

/// Lays a charge on the seller's lines, of which the first is one.
fn spread(freight: MinorUnits, sum: Sum, seller: SellerId, lines: &mut [FreightLine]) {
    let size = |line: &FreightLine| if sum.goods == 0 { line.units } else { line.goods.0 as u64 };
    let whole = if sum.goods == 0 { sum.units } else { sum.goods as u64 };
    let (mut left, mut largest) = (freight.0, 0);
    for at in 0..lines.len() {
        if lines[at].seller != seller {
            continue;
        }
        // A part of a charge is no larger than the charge.
        let part = (i128::from(freight.0) * i128::from(size(&lines[at])) / i128::from(whole)) as i64;
        lines[at].freight = MinorUnits(part);
        left -= part;
        if size(&lines[at]) > size(&lines[largest]) {
            largest = at;
        }
    }
    lines[largest].freight.0 += left;
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: SellerId = SellerId(0);
    /// 4.90 up to 2 kg, 1.50 for each kilogram begun beyond, free from 50.00 on.
    const BY_WEIGHT: FreightRule = FreightRule {
        seller: SHOP,
        currency: Currency(978),
        version: 1,
        by: FreightBy::Weight,
        free_from: MinorUnits(50_00),
        base: MinorUnits(4_90),
        first: 2_000,
        step: 1_000,
        per_step: MinorUnits(1_50),
    };

    fn line(seller: u32, goods: i64, units: u64, grams: u64) -> FreightLine {
        FreightLine {
            seller: SellerId(seller),
            goods: MinorUnits(goods),
            units,
            grams,
            freight: MinorUnits(0),
        }
    }

    /// The charge of all, then each line's part.
    fn check(rules: &[FreightRule], mut lines: Vec<FreightLine>, all: i64, parts: &[i64]) {
        let charged = charge(&mut lines, |seller| rules.iter().find(|rule| rule.seller == seller));
        assert_eq!(charged, Some(MinorUnits(all)), "{lines:?}");
        let borne: Vec<i64> = lines.iter().map(|line| line.freight.0).collect();
        assert_eq!(borne, parts, "{lines:?}");
    }

    extern crate std;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn a_charge_grows_with_weight_count_or_total_in_steps() {
        for (grams, freight) in [(0, 4_90), (2_000, 4_90), (2_001, 6_40), (3_000, 6_40), (3_001, 7_90)] {
            check(&[BY_WEIGHT], vec![line(0, 1_00, 1, grams)], freight, &[freight]);
        }
        let by_count = FreightRule { by: FreightBy::Count, first: 1, step: 2, ..BY_WEIGHT };
        for (units, freight) in [(1, 4_90), (2, 6_40), (3, 6_40), (4, 7_90)] {
            check(&[by_count], vec![line(0, 1_00, units, 9)], freight, &[freight]);
        }
        let by_total = FreightRule { by: FreightBy::Total, first: 10_00, step: 10_00, ..BY_WEIGHT };
        for (goods, freight) in [(10_00, 4_90), (10_01, 6_40), (49_99, 10_90)] {
            check(&[by_total], vec![line(0, goods, 1, 9)], freight, &[freight]);
        }
        let flat = FreightRule { step: 0, per_step: MinorUnits(0), ..BY_WEIGHT };
        check(&[flat], vec![line(0, 1, 1, u64::MAX)], 4_90, &[4_90]);
    }

    #[test]
    fn goods_of_enough_money_go_free_each_seller_for_itself() {
        check(&[BY_WEIGHT], vec![line(0, 50_00, 1, 9_000)], 0, &[0]);
        check(&[BY_WEIGHT], vec![line(0, 49_99, 1, 0)], 4_90, &[4_90]);
        let never = FreightRule { seller: SellerId(7), free_from: MinorUnits(0), ..BY_WEIGHT };
        let lines = vec![line(0, 50_00, 1, 0), line(7, 90_00, 1, 0), line(8, 1_00, 1, 0)];
        check(&[BY_WEIGHT, never], lines, 4_90, &[0, 4_90, 0]);
    }

    #[test]
    fn parts_add_up_and_the_largest_bears_what_is_left_over() {
        let flat = FreightRule { base: MinorUnits(1_00), step: 0, per_step: MinorUnits(0), ..BY_WEIGHT };
        check(&[flat], vec![line(0, 1, 1, 0), line(0, 1, 9, 0), line(0, 1, 5, 0)], 1_00, &[34, 33, 33]);
        check(&[flat], vec![line(0, 1, 1, 0), line(0, 2, 1, 0), line(0, 4, 1, 0)], 1_00, &[14, 28, 58]);
        // Where nothing costs anything, by units.
        check(&[flat], vec![line(0, 0, 1, 0), line(0, 0, 3, 0)], 1_00, &[25, 75]);
        check(&[flat], vec![line(0, 0, 9, 0), line(0, 5, 1, 0)], 1_00, &[0, 1_00]);
        let other = FreightRule { seller: SellerId(7), base: MinorUnits(10), ..flat };
        let mixed = vec![line(7, 1, 1, 0), line(0, 1, 1, 0), line(7, 2, 1, 0), line(0, 3, 1, 0)];
        check(&[flat, other], mixed, 1_10, &[3, 25, 7, 75]);
    }

    #[test]
    fn more_than_money_can_be_is_no_charge() {
        let dear = FreightRule { step: 1, first: 0, per_step: MinorUnits(i64::MAX / 2), ..BY_WEIGHT };
        let mut lines = [line(0, 0, 1, 3)];
        assert_eq!(charge(&mut lines, |_| Some(&dear)), None);
        let base = FreightRule { base: MinorUnits(i64::MAX), ..BY_WEIGHT };
        let mut lines = [line(0, 0, 1, 2_001)];
        assert_eq!(charge(&mut lines, |_| Some(&base)), None);
        let mut lines = [line(0, 0, 1, 0), line(1, 0, 1, 0)];
        assert_eq!(charge(&mut lines, |_| Some(&base)), None, "two sellers");
        let mut lines = [line(0, 0, 1, u64::MAX), line(0, 0, 1, 1)];
        assert_eq!(charge(&mut lines, |_| Some(&BY_WEIGHT)), None, "grams");
    }

    #[test]
    fn a_rule_that_cannot_be_is_refused() {
        assert_eq!(BY_WEIGHT.judge(), Ok(()));
        assert_eq!(FreightRule { step: 0, per_step: MinorUnits(0), ..BY_WEIGHT }.judge(), Ok(()));
        for wrong in [
            FreightRule { currency: Currency(0), ..BY_WEIGHT },
            FreightRule { free_from: MinorUnits(-1), ..BY_WEIGHT },
            FreightRule { base: MinorUnits(-1), ..BY_WEIGHT },
            FreightRule { per_step: MinorUnits(-1), ..BY_WEIGHT },
            FreightRule { step: 0, ..BY_WEIGHT },
        ] {
            assert_eq!(wrong.judge(), Err(Refusal::of(Reason::InvalidField)), "{wrong:?}");
        }
        for number in 0..=u8::MAX {
            assert_eq!(FreightBy::from_number(number).is_some(), (1..=3).contains(&number));
        }
    }
}
