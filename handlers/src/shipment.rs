//! SHIP, TRACK, SIGN and CONFIRM_RECEIPT, from the wire and back.

use domain::intent::{ConfirmReceipt, SentLine, Ship, Sign, TrackNote};
use domain::shipment::{Waybill, Whereabouts};
use domain::verdict::ShipmentsView;
use domain::{Intent, Quantity, RequestId, SkuId, UserId};
use protocol::{Header, Parsed, messages, parse, structs, text, text_of};

use crate::create::some_order;
use crate::refused::Refused;

/// SHIP as an intent. `lines` is room for its lines.
pub(crate) fn ship<'a>(
    header: &Header,
    body: &[u8],
    lines: &'a mut Vec<SentLine>,
) -> Result<Intent<'a>, Refused> {
    let Parsed { head, items, tail: _ } = parse::<messages::Ship>(header, body)?;
    let structs::ShipHead { request, order, version, carrier, tracking } = head;
    lines.clear();
    for (place, line) in items.iter().enumerate() {
        let structs::SentLine { sku, quantity } = line;
        let quantity = Quantity::parse(quantity).ok_or(Refused::item("quantity", place))?;
        let sku = if sku == 0 { Err(Refused::item("sku", place)) } else { Ok(SkuId(sku)) }?;
        lines.push(SentLine { sku, quantity });
    }
    let waybill =
        Waybill { carrier: printable("carrier", &carrier)?, tracking: printable("tracking", &tracking)? };
    let (request, order) = (RequestId(request), some_order(order)?);
    Ok(Intent::Ship(Ship { request, order, version, waybill, lines }))
}

/// TRACK as an intent: a read, or where it names a shipment, a note about it.
pub(crate) fn track(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::TrackHead { request, user, order, number, note } =
        parse::<messages::Track>(header, body)?.head;
    let order = some_order(order)?;
    match number {
        0 if request != 0 => Err(Refused::field("request")),
        0 if note != [0; 40] => Err(Refused::field("note")),
        0 => Ok(Intent::Track { user: UserId(user), order }),
        _ if user != 0 => Err(Refused::field("user")),
        _ => {
            let note = Whereabouts(printable("note", &note)?);
            Ok(Intent::TrackNote(TrackNote { request: RequestId(request), order, number, note }))
        }
    }
}

/// SIGN as an intent.
pub(crate) fn sign(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::SignHead { request, order, version } = parse::<messages::Sign>(header, body)?.head;
    Ok(Intent::Sign(Sign { request: RequestId(request), order: some_order(order)?, version }))
}

/// CONFIRM_RECEIPT as an intent.
pub(crate) fn confirm_receipt(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::ConfirmReceiptHead { request, user, order, version } =
        parse::<messages::ConfirmReceipt>(header, body)?.head;
    let (user, request) = (UserId(user), RequestId(request));
    Ok(Intent::ConfirmReceipt(ConfirmReceipt { user, request, order: some_order(order)?, version }))
}

/// The items of TRACK's answer: one each line of each shipment.
pub(crate) fn tracked_to_wire(view: &ShipmentsView) -> impl ExactSizeIterator<Item = structs::TrackedLine> {
    let items: Vec<_> = (view.shipments.iter())
        .flat_map(|it| it.lines.iter().map(move |line| (it, line)))
        .map(|(it, line)| structs::TrackedLine {
            at: it.at.0,
            noted_at: it.noted_at.0,
            sku: line.sku.0,
            quantity: line.quantity.get(),
            number: it.number,
            carrier: it.waybill.carrier,
            tracking: it.waybill.tracking,
            note: it.note.0,
        })
        .collect();
    items.into_iter()
}

/// Text that can go to a terminal, and nothing behind its end.
fn printable<const N: usize>(name: &'static str, field: &[u8; N]) -> Result<[u8; N], Refused> {
    text_of(field).map(text).ok_or(Refused::field(name))
}
