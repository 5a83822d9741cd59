//! Dead letters of subscribers: parked, told again or dropped, and never more than the bound.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

mod shop;

use domain::intent::{LetterEnd, LetterList, LetterPark};
use domain::letter::{DeadLetter, LetterReason};
use domain::{CursorName, Intent, Reason, Refusal, RequestId, Verdict};
use shop::{BEGIN, BOUNDS, Shop};

fn name(of: &str) -> CursorName {
    let mut padded = [0; 32];
    padded[..of.len()].copy_from_slice(of.as_bytes());
    CursorName::parse(padded).unwrap()
}

fn request(number: u128) -> RequestId {
    RequestId(((BEGIN.0 / 1_000) as u128) << 80 | 1 << 40 | number)
}

fn park(number: u128, of: &str, position: u64, reason: &'static str) -> Intent<'static> {
    let reason = LetterReason::parse(reason.as_bytes()).unwrap();
    Intent::LetterPark(LetterPark { request: request(number), subscriber: name(of), position, reason })
}

fn end(number: u128, of: &str, position: u64, retry: bool) -> Intent<'static> {
    Intent::LetterEnd(LetterEnd { request: request(number), subscriber: name(of), position, retry })
}

fn list(after: Option<(&str, u64)>, limit: u16) -> Intent<'static> {
    Intent::LetterList(LetterList { after: after.map(|(of, position)| (name(of), position)), limit })
}

fn refused(reason: Reason) -> Verdict {
    Verdict::Refused(Refusal::of(reason))
}

#[test]
fn a_letter_is_parked_once_and_ends_once() {
    let mut shop = Shop::new(BOUNDS);
    let steps = [
        (park(1, "a", 7, "no such bin"), Verdict::LettersParked(1)),
        (park(1, "a", 7, "no such bin"), Verdict::LettersParked(1)), // Asked again.
        (park(1, "a", 7, "another"), refused(Reason::RequestIdReused)),
        (park(2, "b", 7, "closed"), Verdict::LettersParked(2)),
        (park(3, "a", 7, "still no such bin"), Verdict::LettersParked(2)),
        (park(4, "a", 0, "nothing is there"), refused(Reason::InvalidField)),
        (end(5, "a", 8, true), refused(Reason::InvalidField)),
        (end(6, "a", 7, true), Verdict::LettersParked(1)),
        (end(6, "a", 7, true), Verdict::LettersParked(1)), // Asked again.
        (end(6, "a", 7, false), refused(Reason::RequestIdReused)),
        (end(7, "a", 7, true), refused(Reason::InvalidField)),
        (park(8, "a", 7, "not yet"), Verdict::LettersParked(2)),
        (end(9, "b", 7, false), Verdict::LettersParked(1)),
        (end(10, "a", 7, false), Verdict::LettersParked(0)),
    ];
    for (at, (intent, answer)) in steps.into_iter().enumerate() {
        assert_eq!(shop.apply(&intent), answer, "step {at}");
        shop.read(&list(None, 100));
    }
}

#[test]
fn a_list_goes_by_name_and_position_a_page_at_a_time() {
    let mut shop = Shop::new(BOUNDS);
    for (number, (of, position)) in [("b", 3), ("a", 9), ("b", 1), ("a", 10)].into_iter().enumerate() {
        shop.apply(&park(number as u128, of, position, "why not"));
    }
    let mut page = |after, limit| {
        let Verdict::Letters(page) = shop.apply(&list(after, limit)) else { panic!("a page") };
        assert_eq!(page.parked, 4);
        assert!(page.items.iter().all(|it| &*it.reason == "why not"));
        let name = |it: &DeadLetter| (it.subscriber.as_str().to_owned(), it.position);
        (page.items.iter().map(name).collect::<Vec<_>>(), page.more)
    };
    let letters = |of: &[(&str, u64)]| of.iter().map(|&(of, at)| (of.to_owned(), at)).collect::<Vec<_>>();
    assert_eq!(page(None, 100), (letters(&[("a", 9), ("a", 10), ("b", 1), ("b", 3)]), false));
    assert_eq!(page(None, 3), (letters(&[("a", 9), ("a", 10), ("b", 1)]), true));
    assert_eq!(page(Some(("b", 1)), 3), (letters(&[("b", 3)]), false));
    assert_eq!(page(Some(("b", 0)), 1), (letters(&[("b", 1)]), true));
    assert_eq!(shop.apply(&list(None, 0)), refused(Reason::InvalidField));
    assert_eq!(shop.apply(&list(None, 101)), refused(Reason::InvalidField));
}

#[test]
fn one_letter_too_many_is_overloaded_and_an_ended_one_makes_room() {
    let mut shop = Shop::new(BOUNDS);
    for position in 1..=BOUNDS.dead_letters_max as u64 {
        assert_eq!(
            shop.apply(&park(position.into(), "a", position, "why")),
            Verdict::LettersParked(position)
        );
    }
    assert_eq!(shop.apply(&park(50, "a", 99, "why")), refused(Reason::Overloaded));
    assert_eq!(
        shop.apply(&park(51, "a", 1, "anew")),
        Verdict::LettersParked(4),
        "those that are there go on"
    );
    assert_eq!(shop.apply(&end(52, "a", 2, false)), Verdict::LettersParked(3));
    assert_eq!(shop.apply(&park(50, "a", 99, "why")), Verdict::LettersParked(4));
}
