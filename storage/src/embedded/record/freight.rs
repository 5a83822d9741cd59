//! Freight rules, to bytes and back.

use domain::fact::Fact;
use domain::freight::{FreightBy, FreightRule};
use domain::{Currency, MinorUnits, SellerId};

use super::decode::{BadEntry, Cursor};
use super::encode::EntryWriter;
use super::kind;

impl EntryWriter<'_> {
    pub(super) fn freight(&mut self, rule: &FreightRule) {
        let FreightRule { seller, currency, version, by, free_from, base, first, step, per_step } = *rule;
        self.kind(kind::FREIGHT_CHANGED);
        self.u32(seller.0);
        self.u16(currency.0);
        self.u32(version);
        self.u8(by.number());
        self.i64(free_from.0);
        self.i64(base.0);
        self.u64(first);
        self.u64(step);
        self.i64(per_step.0);
    }
}

/// Reads a FreightChanged.
pub(super) fn freight<'a>(from: &mut Cursor<'_>) -> Result<Fact<'a>, BadEntry> {
    Ok(Fact::FreightChanged(FreightRule {
        seller: SellerId(from.u32()?),
        currency: Currency(from.u16()?),
        version: from.u32()?,
        by: FreightBy::from_number(from.u8()?).ok_or(BadEntry::Field("what freight goes by"))?,
        free_from: MinorUnits(from.i64()?),
        base: MinorUnits(from.i64()?),
        first: from.u64()?,
        step: from.u64()?,
        per_step: MinorUnits(from.i64()?),
    }))
}
