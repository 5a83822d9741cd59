//! The tables of the Python client, as a module of plain tuples.

use std::fmt::Write;

use super::{leaves, type_name};
use crate::event::EventType;
use crate::kind::Kind;
use crate::message::About;
use crate::messages;
use crate::plain::{Layout, Plain};
use crate::status::Status;
use crate::structs::Refusal;

/// `sdk/python/tidegate/_tables.py`.
pub fn python() -> String {
    let mut text = String::from(
        "\"\"\"Kinds, statuses and layouts of the wire. Written by a command, not by hand:\n\
         cargo run -p protocol --example wire_tables -- --write\n\"\"\"\n",
    );
    text += "\n# number: name\nKINDS = {\n";
    for kind in Kind::ALL {
        let _ = writeln!(text, "    0x{:04X}: \"{}\",", kind.code(), kind.name());
    }
    text += "}\n\n# number: (name, class, meaning)\nSTATUSES = {\n";
    for status in Status::ALL {
        let (name, class, meaning) = (status.name(), status.class().name(), status.meaning());
        let _ = writeln!(text, "    0x{:04X}: (\"{name}\", \"{class}\", \"{meaning}\"),", status.code());
    }
    text += "}\n\n# number: name\nEVENTS = {\n";
    for event in EventType::ALL {
        let _ = writeln!(text, "    {}: \"{}\",", event.number(), event.name());
    }
    text += "}\n\n# struct: ((field, type, bytes), ...), without gaps and in this order\nLAYOUTS = {\n";
    for layout in layouts() {
        let _ = writeln!(text, "    \"{}\": (", layout.name);
        for leaf in leaves(layout) {
            let (name, of, bytes) = (&leaf.name, type_name(&leaf.field), leaf.field.bytes);
            let _ = writeln!(text, "        (\"{name}\", \"{of}\", {bytes}),");
        }
        text += "    ),\n";
    }
    text += "}\n\n# kind in the header: (head, item, items at least, items at most, field with the bytes behind them, at most)\n";
    text += "MESSAGES = {\n";
    for about in messages::ALL {
        let About { head, item, items_min, items_max, tail, .. } = about;
        let (field, most) = match tail {
            Some(tail) => (format!("\"{}\"", tail.field), tail.bytes_max),
            None => ("None".to_owned(), 0),
        };
        let (code, head, item) = (about.kind_code().0, head.name, item.name);
        let _ = writeln!(
            text,
            "    0x{code:04X}: (\"{head}\", \"{item}\", {items_min}, {items_max}, {field}, {most}),"
        );
    }
    text + "}\n"
}

/// Every struct that a message or a refusal is made of, once, by name.
fn layouts() -> Vec<&'static Layout> {
    let of_messages = messages::ALL.iter().flat_map(|about| [about.head, about.item]);
    let mut all: Vec<_> = of_messages.chain([&Refusal::LAYOUT]).collect();
    all.sort_by_key(|layout| layout.name);
    all.dedup_by_key(|layout| layout.name);
    all
}
