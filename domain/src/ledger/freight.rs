//! FREIGHT_PUT and FREIGHT_LIST, and what a basket's freight comes to.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::fact::{Fact, Facts, RequestKey};
use crate::freight::{FREIGHT_RULES_MAX, FreightLine, FreightRule, charge};
use crate::ids::{SellerId, TraceId, UserId};
use crate::intent::{AskedLine, FreightPut, Intent};
use crate::ledger::catalogue::next_version;
use crate::ledger::create::Scratch;
use crate::ledger::image::{ImageFault, ImagePart, Reading, put_many};
use crate::ledger::read::{judge_limit, page_of};
use crate::ledger::{Ledger, by_operator};
use crate::refusal::{Reason, Refusal};
use crate::table::Imaged;
use crate::units::{Currency, MicrosUtc, MinorUnits};
use crate::verdict::{Verdict, digest_freight};

/// All rules; none is ever taken away. At most [`FREIGHT_RULES_MAX`], so the memory grows with what is used.
#[derive(Debug, Default)]
pub(crate) struct FreightRules {
    rows: Vec<FreightRule>,
    slots: BTreeMap<(SellerId, Currency), u32>,
}

impl FreightRules {
    /// What they take when all are there; the map's nodes are half full.
    pub(crate) const BYTES_MAX: u64 = (FREIGHT_RULES_MAX * (size_of::<FreightRule>() + 32)) as u64;

    pub(crate) fn at(&self, slot: u32) -> &FreightRule {
        &self.rows[slot as usize]
    }

    pub(crate) fn all(&self) -> &[FreightRule] {
        &self.rows
    }

    pub(crate) fn find(&self, seller: SellerId, currency: Currency) -> Option<&FreightRule> {
        self.slot(seller, currency).map(|slot| self.at(slot))
    }

    /// Where a rule is.
    pub(crate) fn slot(&self, seller: SellerId, currency: Currency) -> Option<u32> {
        self.slots.get(&(seller, currency)).copied()
    }

    /// Makes or replaces a rule, and says where it is.
    pub(crate) fn put(&mut self, rule: FreightRule) -> u32 {
        let key = (rule.seller, rule.currency);
        let slot = *self.slots.entry(key).or_insert(self.rows.len() as u32);
        match self.rows.get_mut(slot as usize) {
            Some(there) => *there = rule,
            None => self.rows.push(rule),
        }
        slot
    }

    /// Whether one more fits.
    pub(crate) fn has_room(&self) -> bool {
        self.rows.len() < FREIGHT_RULES_MAX
    }

    /// Rules by seller and currency, from the first above these.
    fn after(&self, after: (SellerId, Currency)) -> impl Iterator<Item = &FreightRule> {
        use core::ops::Bound::{Excluded, Unbounded};
        self.slots.range((Excluded(after), Unbounded)).map(|(_, &slot)| self.at(slot))
    }

    /// How many, and all of them in a number.
    pub(crate) fn digest(&self) -> (u64, u64) {
        let digest = self.rows.iter().fold(0, |sum: u64, rule| sum.wrapping_add(digest_freight(rule)));
        (self.rows.len() as u64, digest)
    }
}

/// All of it is small.
impl ImagePart for FreightRules {
    fn put_head(&self, out: &mut Vec<u8>) {
        put_many(self.rows.iter().copied(), out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        for rule in from.many(("freight rules", FREIGHT_RULES_MAX))? {
            self.put(rule?);
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        Vec::new()
    }
}

impl Ledger {
    pub(super) fn put_freight(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        put: &FreightPut,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        put.rule.judge()?;
        let key = RequestKey { who: UserId(0), id: put.request };
        let body = Intent::FreightPut(*put).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let FreightRule { seller, currency, .. } = put.rule;
        let there = self.freight.find(seller, currency).map(|rule| rule.version);
        let version = next_version(put.replaces, there)?;
        if there.is_none() && !self.freight.has_room() {
            return Err(Refusal::of(Reason::Overloaded));
        }
        self.judge_room_for_change(now)?;

        // Doing.
        let changed = Fact::FreightChanged(FreightRule { version, ..put.rule });
        self.enter_one(&by_operator(now, trace, key, body), &changed, facts);
        Ok(Verdict::Freight { seller, currency, version })
    }

    pub(super) fn list_freight(&self, after: (SellerId, Currency), limit: u16) -> Result<Verdict, Refusal> {
        judge_limit(limit)?;
        Ok(Verdict::FreightRules(page_of(self.freight.after(after).copied(), limit).into()))
    }

    /// What sending the basket costs, priced and discounted. Fills `scratch.freight` where anybody takes anything.
    #[inline]
    pub(super) fn freight(
        &self,
        currency: Currency,
        asked: &[AskedLine],
        scratch: &mut Scratch,
    ) -> Result<MinorUnits, Refusal> {
        if self.freight.rows.is_empty() {
            return Ok(MinorUnits::ZERO); // Nearly every shop: the lines were never filled.
        }
        self.freight_by_rules(currency, asked, scratch)
    }

    #[inline(never)]
    fn freight_by_rules(
        &self,
        currency: Currency,
        asked: &[AskedLine],
        scratch: &mut Scratch,
    ) -> Result<MinorUnits, Refusal> {
        let Scratch { planned, coupon_lines, freight: lines, .. } = scratch;
        lines.clear();
        lines.extend(asked.iter().zip(planned).enumerate().map(|(at, (line, planned))| {
            let goods = planned.unit_price.times(line.quantity).expect("the basket was priced");
            let discount = coupon_lines.get(at).map_or(0, |line| line.discount.0); // None without coupons.
            let units = line.quantity.units();
            FreightLine {
                seller: planned.seller,
                goods: MinorUnits(goods.0 - discount),
                units,
                grams: units * u64::from(self.goods.sku(planned.sku).weight_grams),
                freight: MinorUnits::ZERO,
            }
        }));
        charge(lines, |seller| self.freight.find(seller, currency)).ok_or(Refusal::of(Reason::InvalidField))
    }
}
