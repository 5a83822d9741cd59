//! Facts about an order's way to its buyer, to bytes and back.

use domain::OrderId;
use domain::fact::{Fact, ShelfUnits};
use domain::shipment::{Waybill, Whereabouts};

use super::decode::{BadEntry, Cursor, Decoder};
use super::encode::EntryWriter;
use super::kind;

impl EntryWriter<'_> {
    /// Writes OrderShipped.
    pub(super) fn shipped(
        &mut self,
        (order, version): (OrderId, u32),
        (number, whole): (u16, bool),
        waybill: &Waybill,
        units: &[ShelfUnits],
    ) {
        self.moved(kind::ORDER_SHIPPED, order, version);
        self.u16(number);
        self.u8(u8::from(whole));
        self.bytes(&waybill.carrier);
        self.bytes(&waybill.tracking);
        self.shelves(units);
    }

    /// Writes ShipmentTracked.
    pub(super) fn tracked(&mut self, order: OrderId, number: u16, note: &Whereabouts) {
        self.kind(kind::SHIPMENT_TRACKED);
        self.u64(order.0);
        self.u16(number);
        self.bytes(&note.0);
    }

    /// Writes a fact that says no more than where the order went.
    pub(super) fn moved(&mut self, kind: u8, order: OrderId, version: u32) {
        self.kind(kind);
        self.u64(order.0);
        self.u32(version);
    }
}

impl Decoder {
    /// Reads a fact of a kind of which [`is_shipment`] holds.
    pub(super) fn shipment<'a>(&'a mut self, kind: u8, from: &mut Cursor<'_>) -> Result<Fact<'a>, BadEntry> {
        let order = OrderId(from.u64()?);
        if kind == kind::SHIPMENT_TRACKED {
            let (number, note) = (from.u16()?, Whereabouts(from.array()?));
            return Ok(Fact::ShipmentTracked { order, number, note });
        }
        let version = from.u32()?;
        Ok(match kind {
            kind::ORDER_SHIPPED => {
                let (number, whole) = (from.u16()?, from.flag("whole flag")?);
                let waybill = Waybill { carrier: from.array()?, tracking: from.array()? };
                Fact::OrderShipped { order, version, number, whole, waybill, units: self.units(from)? }
            }
            kind::ORDER_DELIVERED => Fact::OrderDelivered { order, version },
            // ORDER_COMPLETED: the caller told the kinds apart.
            _ => Fact::OrderCompleted { order, version },
        })
    }
}

/// Whether this kind of fact is about an order's way to its buyer.
pub(super) const fn is_shipment(kind: u8) -> bool {
    kind::ORDER_SHIPPED <= kind && kind <= kind::SHIPMENT_TRACKED
}
