//! The tables of `docs/WIRE.md`, and putting them where the page has markers.

use std::fmt::Write;

use super::exchange::exchange;
use super::{leaves, prose, title, type_name};
use crate::event::EventType;
use crate::header::{HEADER_BYTES, HEADER_FIELDS};
use crate::kind::Kind;
use crate::message::About;
use crate::messages;
use crate::plain::{Layout, Plain};
use crate::status::Status;
use crate::{bounds, structs};

/// Ends a table on the page.
const END: &str = "<!-- end -->";

/// The page with each table between `<!-- table: NAME -->` and `<!-- end -->` as the code has it now. Where the page
/// lacks a table, repeats one, or asks for one that there is not, a sentence that says so.
pub fn page(old: &str) -> Result<String, String> {
    let mut missing = tables();
    let mut new = String::with_capacity(old.len());
    let mut rest = old;
    while let Some((before, marked)) = rest.split_once("<!-- table: ") {
        let (name, after) = marked.split_once(" -->").ok_or("a table's marker has no end: ` -->`")?;
        let at = missing.iter().position(|(title, _)| title == name);
        let at = at.ok_or_else(|| format!("the page asks for `{name}` twice, or there is no such table"))?;
        let (_, table) = missing.remove(at);
        let (_, behind) = after.split_once(END).ok_or_else(|| format!("the table `{name}` has no {END}"))?;
        new.extend([before, "<!-- table: ", name, " -->\n", table.as_str(), END]);
        rest = behind;
    }
    match missing.first() {
        Some((name, _)) => Err(format!("the page has no place for a table: <!-- table: {name} -->{END}")),
        None => Ok(new + rest),
    }
}

/// Every table, with its name, in the order of the page.
pub fn tables() -> Vec<(String, String)> {
    let mut all = vec![
        ("header".to_owned(), header()),
        ("bounds".to_owned(), limits()),
        ("kinds".to_owned(), kinds()),
        ("statuses".to_owned(), statuses()),
        ("events".to_owned(), events()),
        ("refusal".to_owned(), layout(&structs::Refusal::LAYOUT)),
        ("exchange".to_owned(), exchange()),
    ];
    all.extend(messages::ALL.iter().map(|about| (title(about), message(about))));
    all
}

fn header() -> String {
    let mut table = String::from("| offset | size | field | |\n| ---: | ---: | --- | --- |\n");
    for (offset, size, name, meaning) in HEADER_FIELDS {
        row(&mut table, format_args!("{offset} | {size} | `{name}` | {meaning}"));
    }
    table
}

fn limits() -> String {
    let rows = [
        (bounds::FRAME_BYTES_MAX, "bytes of a frame"),
        (bounds::FRAME_BYTES_MAX_BEFORE_HELLO, "bytes of a frame before HELLO is answered"),
        (bounds::LINES_MAX as usize, "lines of an order"),
        (bounds::CLIENT_BYTES_MAX as usize, "the client's own bytes in an order"),
        (bounds::PAGE_MAX as usize, "items of a page"),
        (bounds::SALE_SKUS_MAX as usize, "skus of a sale"),
        (bounds::BATCH_ITEMS_MAX as usize, "orders of a BATCH"),
        (bounds::HISTORY_ROWS_MAX as usize, "rows of a HISTORY answer"),
        (bounds::EVENT_ITEMS_MAX as usize, "items of a SUBSCRIBE answer"),
        (bounds::KINDS_MAX as usize, "kinds that HELLO's answer names"),
        (bounds::INVARIANTS_MAX as usize, "invariants that AUDIT's answer names"),
    ];
    let mut table = String::from("| at most | of |\n| ---: | --- |\n");
    for (most, what) in rows {
        row(&mut table, format_args!("{most} | {what}"));
    }
    table
}

fn kinds() -> String {
    let mut table = String::from(
        "| kind | name | body in this version | what it asks for |\n| --- | --- | --- | --- |\n",
    );
    for kind in Kind::ALL {
        let pinned = messages::ALL.iter().any(|about| about.kind == *kind);
        let body = if pinned { "yes" } else { "not yet" };
        row(&mut table, format_args!("{:04X} | {} | {body} | {}", kind.code(), kind.name(), kind.meaning()));
    }
    table
}

fn statuses() -> String {
    let mut table = String::from("| status | name | class | what it means |\n| --- | --- | --- | --- |\n");
    for status in Status::ALL {
        let (name, class, meaning) = (status.name(), status.class().name(), status.meaning());
        row(&mut table, format_args!("{:04X} | {name} | {class} | {meaning}", status.code()));
    }
    table
}

fn events() -> String {
    let mut table = String::from("| type | name | what happened |\n| ---: | --- | --- |\n");
    for event in EventType::ALL {
        row(&mut table, format_args!("{} | {} | {}", event.number(), event.name(), event.meaning()));
    }
    table
}

/// Head, items and tail of a message.
fn message(about: &About) -> String {
    let kind = about.kind_code().0;
    let mut text = format!("Kind `{kind:04X}`. ");
    let (head, item) = (about.head.bytes, about.item.bytes);
    if head == 0 {
        text += "No head.";
    } else {
        let _ = write!(text, "Head, {head} bytes, at {HEADER_BYTES} of the frame: {}", prose(about.head.doc));
        text += "\n\n";
        text += &layout(about.head);
    }
    if about.items_max > 0 {
        let (least, most) = (about.items_min, about.items_max);
        let (at, doc) = (HEADER_BYTES + head, prose(about.item.doc));
        let _ = write!(text, "\n\nItems, {least} to {most} of {item} bytes each, from {at} on: {doc}\n\n");
        text += &layout(about.item);
    } else {
        text += "\n\nNo items.";
    }
    if let Some(tail) = about.tail {
        let (field, most) = (tail.field, tail.bytes_max);
        let _ = write!(text, "\n\nThen `{field}` bytes of the client's own, at most {most}.");
    }
    while text.ends_with('\n') {
        text.pop();
    }
    text.replace("\n\n\n", "\n\n") + "\n"
}

fn layout(layout: &Layout) -> String {
    let mut table =
        String::from("| offset | size | field | type | unit, bounds |\n| ---: | ---: | --- | --- | --- |\n");
    for leaf in leaves(layout) {
        let (offset, bytes, name) = (leaf.offset, leaf.field.bytes, &leaf.name);
        let (of, doc) = (type_name(&leaf.field), prose(leaf.field.doc));
        row(&mut table, format_args!("{offset} | {bytes} | `{name}` | {of} | {doc}"));
    }
    table
}

fn row(table: &mut String, cells: std::fmt::Arguments<'_>) {
    let _ = writeln!(table, "| {cells} |");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_renewed_in_its_place_and_nothing_else_of_it_changes() {
        let mut old = String::from("before\n");
        for (name, _) in tables() {
            let _ = write!(old, "<!-- table: {name} -->stale{END}\nbetween {name}\n");
        }
        let new = page(&old).expect("the page has every table");
        assert!(new.starts_with("before\n<!-- table: header -->\n| offset"));
        assert!(!new.contains("stale") && new.contains("between CREATE request\n"));
        assert_eq!(page(&new).as_ref(), Ok(&new), "renewing twice changes nothing");
    }

    #[test]
    fn a_page_that_lacks_a_table_or_asks_for_none_is_told() {
        check("", "<!-- table: header -->");
        check("<!-- table: heading --><!-- end -->", "`heading`");
        check("<!-- table: header -->", "has no <!-- end -->");
        check("<!-- table: header", "has no end");
    }

    fn check(old: &str, expected: &str) {
        let told = page(old).expect_err("something is wrong with this page");
        assert!(told.contains(expected), "{told}");
    }
}
