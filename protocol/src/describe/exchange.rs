//! The example exchange of `docs/WIRE.md`: real frames.

use std::fmt::Write;

use super::title;
use crate::kind::Kind;
use crate::message::{Message, Meta, append, append_refusal};
use crate::messages::{Create, CreateAnswer, Hello};
use crate::plain;
use crate::status::Status;
use crate::structs::{AskedLine, Coupons, CreateHead, HelloHead, OrderBrief, Refusal};

/// 2026-06-18 12:00:00 UTC.
const NOON_MS: u64 = 1_781_784_000_000;

/// HELLO; a CREATE and its answer; another CREATE and its refusal.
pub(super) fn exchange() -> String {
    let request = u128::from(NOON_MS) << 80 | 0x7A11_5EED;
    let create = CreateHead {
        request,
        user: 42,
        hold: 0,
        coupons: Coupons::NONE,
        total: 1_999,
        currency: 978,
        client_bytes: 0,
    };
    let line = AskedLine { sku: 1_001, warehouse: 0, quantity: 1 };
    let noon_us = NOON_MS as i64 * 1_000;
    let order = OrderBrief {
        order: 0x1211_D1E5_B028_6001,
        user: 42,
        total: 1_999,
        created_at: noon_us,
        pay_until: noon_us + 900_000_000,
        version: 1,
        currency: 978,
        state: 2,
    };
    let sold_out = Refusal { line: 0, asked: 1, there: 0 };
    let mut text = String::from("```text\n");
    let hello = HelloHead { client: plain::text("afternoon-client"), client_version: plain::text("0.1.0") };
    show::<Hello>(&mut text, "client", 1, &hello, &[]);
    text += "server: HELLO answer (not shown: it is long)\n\n";
    show::<Create>(&mut text, "client", 2, &create, &[line]);
    show::<CreateAnswer>(&mut text, "server", 2, &order, &[]);
    show::<Create>(&mut text, "client", 3, &CreateHead { request: request + 1, ..create }, &[line]);
    let mut frame = Vec::new();
    append_refusal(&mut frame, &numbered(3), Kind::Create.into(), Status::SoldOut, &sold_out);
    dump(&mut text, "server: CREATE answer SOLD_OUT", &frame);
    text.pop();
    text + "```\n"
}

fn numbered(correlation: u64) -> Meta {
    Meta { correlation, ..Meta::default() }
}

fn show<M: Message>(text: &mut String, who: &str, correlation: u64, head: &M::Head, items: &[M::Item]) {
    let mut frame = Vec::new();
    append::<M>(&mut frame, &numbered(correlation), head, items.iter().copied(), b"")
        .expect("the example keeps to the bounds");
    dump(text, &format!("{who}: {}", title(&M::ABOUT)), &frame);
}

/// The frame as rows of 16 bytes.
fn dump(text: &mut String, caption: &str, frame: &[u8]) {
    let _ = writeln!(text, "{caption}, {} bytes", frame.len());
    for (at, row) in frame.chunks(16).enumerate() {
        let bytes: Vec<_> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = writeln!(text, "{:04}  {}", at * 16, bytes.join(" "));
    }
    text.push('\n');
}
