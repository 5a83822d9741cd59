//! The wire described for people and for other languages, from the same declarations that the code runs on.
//!
//! [`page`] renews the tables of `docs/WIRE.md`, [`python`] writes those of the Python client, and [`values`] reads
//! any frame by its table alone, which is how the golden vectors are checked a second time.

mod exchange;
mod page;
mod python;
mod values;

pub use page::{page, tables};
pub use python::python;
pub use values::values;

use crate::plain::{Field, Layout, Shape};

/// A field that is no struct, with its name and offset in the outermost struct.
struct Leaf {
    name: String,
    offset: usize,
    field: Field,
}

/// The fields of a struct, those of structs in it in their place: `brief.order`.
fn leaves(layout: &Layout) -> Vec<Leaf> {
    let mut found = Vec::new();
    for field in layout.fields {
        match field.shape {
            Shape::Struct(inner) => found.extend(leaves(inner).into_iter().map(|leaf| Leaf {
                name: format!("{}.{}", field.name, leaf.name),
                offset: field.offset + leaf.offset,
                field: leaf.field,
            })),
            Shape::Unsigned | Shape::Signed | Shape::Bool | Shape::Text => {
                found.push(Leaf { name: field.name.to_owned(), offset: field.offset, field: *field });
            }
        }
    }
    found
}

/// Doc lines as one sentence after the other.
fn prose(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// `u64`, `i64`, `bool`, `text`.
fn type_name(field: &Field) -> String {
    match field.shape {
        Shape::Unsigned => format!("u{}", field.bytes * 8),
        Shape::Signed => format!("i{}", field.bytes * 8),
        Shape::Bool => "bool".to_owned(),
        Shape::Text => "text".to_owned(),
        Shape::Struct(layout) => layout.name.to_owned(),
    }
}

/// `CREATE request`.
fn title(about: &crate::About) -> String {
    format!("{} {}", about.kind.name(), if about.answer { "answer" } else { "request" })
}
