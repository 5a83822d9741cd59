//! A frame as lines of `field = value`, read by the tables alone: code that shares nothing with [`crate::parse`].

use std::fmt::Write;

use super::{leaves, title};
use crate::header::Header;
use crate::message::About;
use crate::messages;
use crate::plain::{Field, Layout, Plain, Shape, text_of};
use crate::structs::Refusal;

/// What a frame says, a line each: header fields, `head.FIELD`, `item.N.FIELD` and `tail` (hex); the first line
/// names the message. Nothing where the body is not as long as the tables say.
pub fn values(header: &Header, body: &[u8]) -> Option<String> {
    let Header { length: _, flags, kind, status, time_ms, correlation, trace, items } = header;
    let about = messages::ALL.iter().find(|about| about.kind_code() == *kind);
    let (name, head, item) = match about {
        _ if !status.is_ok() => ("refusal".to_owned(), &Refusal::LAYOUT, None),
        Some(about) => (title(about), about.head, Some(*about)),
        None => return None,
    };
    // Counted first: items of no bytes would let a header of 4 billion items pass the look at the body's length.
    if *items > item.map_or(0, |about| about.items_max) {
        return None;
    }
    let mut text = String::new();
    let _ = writeln!(text, "message = {name}");
    let _ = writeln!(text, "kind = 0x{:04X}\nstatus = 0x{:04X}", kind.0, status.0);
    let _ = writeln!(text, "flags = {}\ntime_ms = {time_ms}\ncorrelation = {correlation}", flags.0);
    let _ = writeln!(text, "trace = 0x{trace:032x}\nitems = {items}");
    let (head_bytes, mut rest) = body.split_at_checked(head.bytes)?;
    structure(&mut text, "head", head, head_bytes);
    if let Some(About { item, .. }) = item {
        for place in 0..*items {
            let (bytes, behind) = rest.split_at_checked(item.bytes)?;
            structure(&mut text, &format!("item.{place}"), item, bytes);
            rest = behind;
        }
    }
    let has_tail = item.is_some_and(|about| about.tail.is_some());
    if has_tail {
        let _ = writeln!(text, "tail = {}", hex(rest));
    }
    (has_tail || rest.is_empty()).then_some(text)
}

/// Bytes as hex digits, in their order.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn structure(text: &mut String, prefix: &str, layout: &Layout, bytes: &[u8]) {
    for leaf in leaves(layout) {
        let value = value(&leaf.field, &bytes[leaf.offset..leaf.offset + leaf.field.bytes]);
        let _ = writeln!(text, "{prefix}.{} = {value}", leaf.name);
    }
}

fn value(field: &Field, bytes: &[u8]) -> String {
    let mut wide = [0; 16];
    wide[..bytes.len().min(16)].copy_from_slice(&bytes[..bytes.len().min(16)]);
    let number = u128::from_le_bytes(wide);
    match field.shape {
        // Ids of this size are made of parts: hex shows them.
        Shape::Unsigned if field.bytes == 16 => format!("0x{number:032x}"),
        Shape::Unsigned | Shape::Bool => number.to_string(),
        Shape::Signed => (number as u64).cast_signed().to_string(),
        Shape::Text => {
            text_of(bytes).map_or_else(|| format!("0x{}", hex(bytes)), |text| format!("\"{text}\""))
        }
        Shape::Struct(layout) => unreachable!("{} was taken apart into its leaves", layout.name),
    }
}
