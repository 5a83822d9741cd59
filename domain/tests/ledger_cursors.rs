//! Named cursors of subscribers: kept, moved on and forgotten.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

mod shop;

use domain::cursor::CURSORS_MAX;
use domain::intent::CursorMove;
use domain::{CursorName, Intent, Reason, Refusal, Verdict};
use shop::Shop;

fn name(of: &str) -> CursorName {
    let mut padded = [0; 32];
    padded[..of.len()].copy_from_slice(of.as_bytes());
    CursorName::parse(padded).unwrap()
}

fn moved(of: &str, position: u64) -> Intent<'static> {
    Intent::CursorMove(CursorMove { name: name(of), position, forget: false })
}

fn forgotten(of: &str) -> Intent<'static> {
    Intent::CursorMove(CursorMove { name: name(of), position: 0, forget: true })
}

#[test]
fn a_cursor_moves_on_and_never_back_and_replay_knows_it() {
    let mut shop = Shop::new(shop::BOUNDS);
    let steps = [
        (Intent::CursorGet(name("a")), 0),
        (moved("a", 7), 7),
        (moved("b", 3), 3),
        (moved("a", 5), 7),
        (moved("a", 9), 9),
        (Intent::CursorGet(name("a")), 9),
        (forgotten("a"), 0),
        (forgotten("a"), 0),
        (Intent::CursorGet(name("a")), 0),
        (Intent::CursorGet(name("b")), 3),
        (moved("a", 1), 1),
    ];
    for (at, (intent, stands)) in steps.into_iter().enumerate() {
        assert_eq!(shop.apply(&intent), Verdict::Cursor(stands), "step {at}");
        for read in ["a", "b"] {
            shop.read(&Intent::CursorGet(name(read)));
        }
    }
}

#[test]
fn one_cursor_too_many_is_overloaded_and_a_forgotten_one_makes_room() {
    let mut shop = Shop::new(shop::BOUNDS);
    for number in 0..CURSORS_MAX as u64 {
        assert_eq!(shop.apply(&moved(&number.to_string(), number)), Verdict::Cursor(number));
    }
    let full = Verdict::Refused(Refusal::of(Reason::Overloaded));
    assert_eq!(shop.apply(&moved("one more", 1)), full);
    assert_eq!(shop.apply(&moved("7", 8)), Verdict::Cursor(8), "those that are there go on");
    assert_eq!(shop.apply(&forgotten("8")), Verdict::Cursor(0));
    assert_eq!(shop.apply(&moved("one more", 1)), Verdict::Cursor(1));
}
