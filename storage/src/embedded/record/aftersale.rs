//! Facts about after-sales cases, to bytes and back.

use domain::aftersale::{Case, CaseKind, CaseState};
use domain::fact::Fact;
use domain::{MinorUnits, OrderId, SkuId};

use super::decode::{BadEntry, Cursor};
use super::encode::EntryWriter;
use super::kind;

impl EntryWriter<'_> {
    /// Writes AftersaleChanged.
    pub(super) fn case(&mut self, case: &Case) {
        let Case { order, number, kind, state, sku, units, amount, refund, why } = *case;
        self.kind(kind::AFTERSALE_CHANGED);
        self.u64(order.0);
        self.u16(number);
        self.u8(kind.number());
        self.u8(state.number());
        self.u64(sku.0);
        self.u32(units);
        self.i64(amount.0);
        self.u16(refund);
        self.u16(why);
    }
}

/// Reads AftersaleChanged.
pub(super) fn changed<'a>(from: &mut Cursor<'_>) -> Result<Fact<'a>, BadEntry> {
    let (order, number) = (OrderId(from.u64()?), from.u16()?);
    let kind = CaseKind::from_number(from.u8()?).ok_or(BadEntry::Field("kind of a case"))?;
    let state = CaseState::from_number(from.u8()?).ok_or(BadEntry::Field("state of a case"))?;
    let (sku, units, amount) = (SkuId(from.u64()?), from.u32()?, MinorUnits(from.i64()?));
    let (refund, why) = (from.u16()?, from.u16()?);
    Ok(Fact::AftersaleChanged(Case { order, number, kind, state, sku, units, amount, refund, why }))
}
