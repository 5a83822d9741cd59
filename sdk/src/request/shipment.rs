//! SHIP, TRACK, SIGN and CONFIRM_RECEIPT.

use protocol::structs as wire;
use protocol::{Parsed, messages, text, text_of};

use super::sealed::Wire;
use super::{Ask, Changes, Request};
use crate::shop::{self, OrderBrief, Shipment, Tracked};
use crate::values::{MicrosUtc, OrderId, SkuId, UserId};

/// Records that units of an order were handed to a carrier.
#[derive(Clone, Debug)]
pub struct Ship {
    order: OrderId,
    version: u32,
    carrier: String,
    tracking: String,
    lines: Vec<wire::SentLine>,
}

impl Ship {
    pub(crate) fn new(order: OrderId) -> Ship {
        Ship { order, version: 0, carrier: String::new(), tracking: String::new(), lines: Vec::new() }
    }
}

impl Request<Ship> {
    /// So many units of the order's line with this sku. Without any such line, all that is left of the order goes.
    pub fn line(mut self, sku: SkuId, quantity: u32) -> Self {
        self.ask.lines.push(wire::SentLine { sku: sku.0, quantity });
        self
    }

    /// Who carries it (at most 16 bytes of printable ASCII), under which number (at most 40).
    pub fn carried_by(mut self, carrier: &str, tracking: &str) -> Self {
        (self.ask.carrier, self.ask.tracking) = (carrier.into(), tracking.into());
        self
    }

    /// Only if the order has this version, else VERSION_CONFLICT; 0: any.
    pub fn version(mut self, version: u32) -> Self {
        self.ask.version = version;
        self
    }
}

impl Wire for Ship {
    type Question = messages::Ship;
    type Reply = messages::ShipAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::ShipHead {
        let (order, version) = (self.order.0, self.version);
        wire::ShipHead {
            request,
            order,
            version,
            carrier: text(&self.carrier),
            tracking: text(&self.tracking),
        }
    }

    fn items(&self, _: bool) -> Vec<wire::SentLine> {
        self.lines.clone()
    }

    fn item_count(&self) -> usize {
        self.lines.len()
    }

    fn texts_fit(&self) -> bool {
        super::fits(&self.carrier, 16) && super::fits(&self.tracking, 40)
    }
}

impl Ask for Ship {
    type Answer = OrderBrief;

    fn read(answer: &Parsed<'_, messages::ShipAnswer>) -> Option<OrderBrief> {
        shop::brief(&answer.head)
    }
}

impl Changes for Ship {}

/// Reads what was sent of an order.
#[derive(Clone, Debug)]
pub struct Track {
    pub(crate) user: UserId,
    pub(crate) order: OrderId,
}

impl Wire for Track {
    type Question = messages::Track;
    type Reply = messages::TrackAnswer;
    const CHANGES: bool = false;

    fn head(&self, _: u128) -> wire::TrackHead {
        wire::TrackHead { request: 0, user: self.user.0, order: self.order.0, number: 0, note: [0; 40] }
    }
}

impl Ask for Track {
    type Answer = Tracked;

    fn read(answer: &Parsed<'_, messages::TrackAnswer>) -> Option<Tracked> {
        let order = shop::brief(&answer.head.brief)?;
        let mut shipments: Vec<Shipment> = Vec::new();
        for it in answer.items.iter() {
            if shipments.last().is_none_or(|last| last.number != it.number) {
                let words = |field: &[u8]| text_of(field).map(String::from);
                shipments.push(Shipment {
                    number: it.number,
                    sent_at: MicrosUtc(it.at),
                    carrier: words(&it.carrier)?,
                    tracking: words(&it.tracking)?,
                    note: words(&it.note)?,
                    noted_at: MicrosUtc(it.noted_at),
                    lines: Vec::new(),
                });
            }
            shipments.last_mut()?.lines.push((SkuId(it.sku), it.quantity));
        }
        Some(Tracked { order, shipments })
    }
}

/// Records where a shipment is, in its carrier's words.
#[derive(Clone, Debug)]
pub struct TrackNote {
    pub(crate) order: OrderId,
    pub(crate) number: u16,
    pub(crate) note: String,
}

impl Wire for TrackNote {
    type Question = messages::Track;
    type Reply = messages::TrackAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::TrackHead {
        let TrackNote { order, number, note } = self;
        wire::TrackHead { request, user: 0, order: order.0, number: *number, note: text(note) }
    }

    fn texts_fit(&self) -> bool {
        super::fits(&self.note, 40)
    }
}

impl Ask for TrackNote {
    type Answer = OrderBrief;

    fn read(answer: &Parsed<'_, messages::TrackAnswer>) -> Option<OrderBrief> {
        shop::brief(&answer.head.brief)
    }
}

impl Changes for TrackNote {}

/// Records that the buyer signed for an order.
#[derive(Clone, Debug)]
pub struct Sign {
    pub(crate) order: OrderId,
}

impl Wire for Sign {
    type Question = messages::Sign;
    type Reply = messages::SignAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::SignHead {
        wire::SignHead { request, order: self.order.0, version: 0 }
    }
}

impl Ask for Sign {
    type Answer = OrderBrief;

    fn read(answer: &Parsed<'_, messages::SignAnswer>) -> Option<OrderBrief> {
        shop::brief(&answer.head)
    }
}

impl Changes for Sign {}

/// The buyer has it all.
#[derive(Clone, Debug)]
pub struct ConfirmReceipt {
    pub(crate) user: UserId,
    pub(crate) order: OrderId,
}

impl Wire for ConfirmReceipt {
    type Question = messages::ConfirmReceipt;
    type Reply = messages::ConfirmReceiptAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::ConfirmReceiptHead {
        wire::ConfirmReceiptHead { request, user: self.user.0, order: self.order.0, version: 0 }
    }
}

impl Ask for ConfirmReceipt {
    type Answer = OrderBrief;

    fn read(answer: &Parsed<'_, messages::ConfirmReceiptAnswer>) -> Option<OrderBrief> {
        shop::brief(&answer.head)
    }
}

impl Changes for ConfirmReceipt {}
