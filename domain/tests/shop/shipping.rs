//! The story's words about an order on its way.

use domain::Intent;
use domain::intent::{ConfirmReceipt, SentLine, Ship, Sign, TrackNote};
use domain::shipment::{Waybill, Whereabouts};
use domain::verdict::ShipmentsView;
use domain::{Quantity, SkuId, UserId};

use super::{Shop, value};

impl Shop {
    /// `ship A [lines 1x2,2x1] [carrier DHL] [tracking 12] [version 3] [twice]`, `sign A`, `receive A [by 7]`,
    /// `track A [by 7]`, `note A 1 Leipzig`; by operators where nobody is named, and the receipt by the buyer.
    pub fn tell_shipping(&mut self, words: &[&str]) -> String {
        let (order, buyer, _) = self.named(words[1]);
        let by = value(words, "by").map(UserId);
        let (request, version) = (self.request(), value(words, "version").unwrap_or(0));
        let listed: String = value(words, "lines").unwrap_or_default();
        let lines: Vec<SentLine> = listed.split(',').filter(|text| !text.is_empty()).map(sent).collect();
        let text = |name| value::<String>(words, name).unwrap_or_default();
        let waybill = Waybill { carrier: filled(&text("carrier")), tracking: filled(&text("tracking")) };
        let intent = match words[0] {
            "ship" => Intent::Ship(Ship { request, order, version, waybill, lines: &lines }),
            "sign" => Intent::Sign(Sign { request, order, version }),
            "note" => {
                let number = words[2].parse().expect("which shipment");
                Intent::TrackNote(TrackNote { request, order, number, note: Whereabouts(filled(words[3])) })
            }
            "receive" => {
                let user = by.unwrap_or(buyer);
                Intent::ConfirmReceipt(ConfirmReceipt { user, request, order, version })
            }
            _ => {
                let verdict = self.read(&Intent::Track { user: by.unwrap_or(UserId(0)), order });
                return self.words(&verdict);
            }
        };
        let verdict = self.apply(&intent);
        if words.contains(&"twice") {
            let entries = self.mirror.entries;
            assert_eq!(self.apply(&intent), verdict, "the same again");
            assert_eq!(self.mirror.entries, entries, "nothing is done twice");
        }
        self.words(&verdict)
    }
}

/// `A Shipped: 1 by DHL 12: 1x2 2x1; 2 …`, and where the latest note says it is.
pub fn shipments(order: &str, view: &ShipmentsView) -> String {
    let one = |it: &domain::verdict::ShipmentView| {
        let text = |bytes: &[u8]| {
            let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
            String::from_utf8_lossy(&bytes[..end]).into_owned()
        };
        let lines: Vec<String> =
            it.lines.iter().map(|line| format!("{}x{}", line.sku.0, line.quantity.get())).collect();
        let mut said =
            format!("{} by {} {}:", it.number, text(&it.waybill.carrier), text(&it.waybill.tracking));
        said += &format!(" {}", lines.join(" "));
        if it.note != Whereabouts::NONE {
            said += &format!(" in {} after {} s", text(&it.note.0), it.noted_at.since(it.at).0 / 1_000_000);
        }
        said
    };
    let all: Vec<String> = view.shipments.iter().map(one).collect();
    format!("{order} {:?}: {}", view.order.state, all.join("; "))
}

/// `skuxunits`
fn sent(text: &str) -> SentLine {
    let (sku, units) = text.split_once('x').expect("skuxunits");
    let quantity = Quantity::parse(units.parse().expect("units")).expect("a quantity");
    SentLine { sku: SkuId(sku.parse().expect("a sku")), quantity }
}

fn filled<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}
