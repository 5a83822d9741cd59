//! Histories by hand: good ones, and such with one fault each, which must be found and named.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

use history::{Verdict, judge};

/// One sku, 7, of which nothing was taken and some units are sellable.
fn life(units_before: u64, sellable: u64, rows: &str) -> String {
    let rows = rows.split(';').map(str::trim).filter(|row| !row.is_empty()).map(|row| {
        // `> 3 2` stands for: user 103 asks under id 3 for 2 units of sku 7.
        match row.strip_prefix("> ").and_then(|row| row.split_once(' ')) {
            Some((number, units)) => format!("> {number} 10{number} {number:0>32} 100 7*{units}\n"),
            None => format!("{row}\n"),
        }
    });
    format!("tidegate-record 1 1000 978\nsku 7 {units_before} {sellable}\n{}", rows.collect::<String>())
}

fn judged(lives: &[String]) -> Verdict {
    judge(lives.iter().map(|life| life.as_bytes()).collect()).unwrap()
}

/// A sku with two units: these rows are right.
fn right(rows: &str) {
    let verdict = judged(&[life(0, 2, rows)]);
    assert!(verdict.is_good(), "{rows}: {verdict}");
}

/// The same: these rows hold one fault, named by these words.
fn wrong(rows: &str, words: &str) {
    let verdict = judged(&[life(0, 2, rows)]);
    assert_eq!(verdict.violations, 1, "{rows}: {verdict}");
    assert!(verdict.told[0].contains(words), "{rows}: {verdict}");
}

#[test]
fn one_request_is_one_order() {
    right("> 1 1; < 1 ACCEPTED 1; + 1; < 1 ACCEPTED 1");
    right("> 1 1; < 1 UNKNOWN; + 1; < 1 ACCEPTED 1");
    wrong("> 1 1; < 1 ACCEPTED 1; + 1; < 1 ACCEPTED 2", "became order 1 and order 2");
    wrong("> 1 1; < 1 ACCEPTED 1; > 2 1; < 2 ACCEPTED 1", "order 1 is request");
    wrong("> 1 1; > 2 1; < 1 ACCEPTED 1; < 2 ACCEPTED 1", "order 1 is request");
}

#[test]
fn an_order_is_not_forgotten() {
    wrong("> 1 1; < 1 ACCEPTED 1; + 1; < 1 USER_LIMIT", "was refused at row");
    wrong("> 1 2; < 1 ACCEPTED 1; + 1; < 1 SOLD_OUT", "was refused at row");
    // What decides nothing may be said at any time, and a refusal may cross the answer.
    right("> 1 1; < 1 ACCEPTED 1; + 1; < 1 OVERLOADED; + 1; < 1 REQUEST_ID_EXPIRED");
    right("> 1 1; + 1; < 1 ACCEPTED 1; < 1 USER_LIMIT");
    // Refused first: decided anew when it is asked again.
    right("> 1 1; < 1 USER_LIMIT; + 1; < 1 ACCEPTED 1");
}

#[test]
fn an_id_is_one_request() {
    let raw = "tidegate-record 1 1000 978\n> 1 101 0a 100 7*1\n> 2 102 0a 100 7*1\n";
    assert!(judge(vec![raw.as_bytes()]).unwrap().is_good(), "another user may use the same id");
    let raw = "tidegate-record 1 1000 978\n> 1 101 0a 100 7*1\n> 2 101 0a 100 7*1\n";
    let verdict = judge(vec![raw.as_bytes()]).unwrap();
    assert_eq!(verdict.violations, 1);
    assert!(verdict.told[0].contains("was made by two requests"), "{verdict}");
}

#[test]
fn ids_count_up_in_real_time() {
    right("> 1 1; > 2 1; < 2 ACCEPTED 1; < 1 ACCEPTED 2");
    wrong("> 1 1; < 1 ACCEPTED 2; > 2 1; < 2 ACCEPTED 1", "and became the earlier order 1");
    // Millisecond before sequence; the slot between them tells of the user and not of the time.
    let (early, late) = (5 << 22 | 1_000 << 12 | 7, 5 << 22 | 3 << 12 | 8);
    right(&format!("> 1 1; < 1 ACCEPTED {early}; > 2 1; < 2 ACCEPTED {late}"));
    wrong(&format!("> 1 1; < 1 ACCEPTED {late}; > 2 1; < 2 ACCEPTED {early}"), "became the earlier order");
}

#[test]
fn stock_is_never_oversold() {
    right("> 1 1; < 1 ACCEPTED 1; > 2 1; < 2 ACCEPTED 2");
    right("> 1 2; > 2 1; < 2 UNKNOWN; < 1 ACCEPTED 1");
    let verdict = judged(&[life(0, 2, "> 1 1; < 1 ACCEPTED 1; > 2 2; < 2 ACCEPTED 2")]);
    assert!(verdict.told[0].contains("oversold at row 6: 3 of 2 units"), "{verdict}");
    assert!(verdict.told[1].contains("at least 1 of 2 were gone"), "{verdict}");
}

#[test]
fn what_was_cancelled_can_be_sold_again_and_not_before() {
    right("> 1 2; < 1 ACCEPTED 1; ! 1 CANCEL; = 1 ACCEPTED 0; > 2 2; < 2 ACCEPTED 2");
    right("> 1 2; < 1 ACCEPTED 1; ! 1 CANCEL; > 2 2; < 2 ACCEPTED 2; = 1 UNKNOWN");
    // Sold before anybody asked for the cancel, and a cancel afterwards makes it no better.
    let early = "> 1 2; < 1 ACCEPTED 1; > 2 2; < 2 ACCEPTED 2; ! 1 CANCEL; = 1 ACCEPTED 0";
    let verdict = judged(&[life(0, 2, early)]);
    assert!(verdict.told[0].contains("oversold"), "{verdict}");
    // Units of a paid order come back some time after its refund was asked for, or never.
    right(
        "> 1 2; < 1 ACCEPTED 1; ! 1 PAY_OPEN; = 1 ACCEPTED 1; ! 1 PAY_CALLBACK; = 1 ACCEPTED 1; ! 1 CANCEL; \
         = 1 ACCEPTED 1; > 2 1; < 2 SOLD_OUT; > 3 1; < 3 ACCEPTED 2",
    );
}

#[test]
fn sold_out_is_said_only_when_all_may_be_gone() {
    right("> 1 2; < 1 ACCEPTED 1; > 2 1; < 2 SOLD_OUT");
    // Asked for before the refusal was answered, so it may have been first.
    right("> 2 1; > 1 2; < 2 SOLD_OUT; < 1 ACCEPTED 1");
    right("> 1 2; < 1 UNKNOWN; > 2 1; < 2 SOLD_OUT");
    wrong("> 1 1; < 1 ACCEPTED 1; > 2 1; < 2 SOLD_OUT", "was told SoldOut");
    wrong("> 2 1; < 2 SOLD_OUT; > 1 2; < 1 ACCEPTED 1", "was told SoldOut");
    // What was itself refused took nothing.
    let both = "> 1 2; < 1 SOLD_OUT; > 2 2; < 2 SOLD_OUT";
    assert_eq!(judged(&[life(0, 2, both)]).violations, 2);
    // All of it came back before this was asked.
    wrong(
        "> 1 2; < 1 ACCEPTED 1; ! 1 CANCEL; = 1 ACCEPTED 0; > 2 1; < 2 SOLD_OUT",
        "when there was enough of [(7, 1)]",
    );
    right("> 1 2; < 1 ACCEPTED 1; > 2 1; ! 1 CANCEL; = 1 ACCEPTED 0; < 2 SOLD_OUT");
}

#[test]
fn insufficient_means_some_but_too_few() {
    right("> 1 1; < 1 ACCEPTED 1; > 2 2; < 2 INSUFFICIENT_STOCK");
    right("> 1 3; < 1 INSUFFICIENT_STOCK");
    wrong("> 1 2; < 1 INSUFFICIENT_STOCK", "was told InsufficientStock");
    wrong("> 1 2; < 1 ACCEPTED 1; > 2 1; < 2 INSUFFICIENT_STOCK", "was told InsufficientStock");
}

#[test]
fn one_line_of_a_basket_is_enough_for_its_refusal() {
    let basket = |said: &str| {
        let rows = "tidegate-record 1 1000 978\nsku 7 0 1\nsku 8 0 5\n> 1 101 01 100 7*1\n< 1 ACCEPTED 1\n";
        judged(&[format!("{rows}> 2 102 02 100 8*1 7*1\n< 2 {said}\n")])
    };
    assert!(basket("SOLD_OUT").is_good());
    assert_eq!(basket("INSUFFICIENT_STOCK").violations, 1);
}

#[test]
fn a_crash_loses_no_unit_and_turns_no_time_back() {
    let before = life(0, 9, "> 1 2; < 1 ACCEPTED 5; > 2 1; < 2 UNKNOWN; > 3 1; < 3 SOLD_OUT; > 4 1");
    // The refusal is a fault of its own, made here so that it counts nowhere else.
    let faults = |units: u64, rows: &str| judged(&[before.clone(), life(units, 9, rows)]).violations - 1;
    assert_eq!(faults(2, ""), 0, "what was unknown is not there");
    assert_eq!(faults(4, ""), 0, "or it is, and what had no answer as well");
    assert_eq!(faults(1, ""), 1, "what was acknowledged is lost");
    assert_eq!(faults(5, ""), 1, "more is there than anybody asked for");
    assert_eq!(faults(3, "> 5 1; < 5 ACCEPTED 6"), 0);
    assert_eq!(faults(3, "> 5 1; < 5 ACCEPTED 4"), 1, "an id from before the crash");
    assert_eq!(faults(3, "> 5 1; < 5 ACCEPTED 5"), 1, "an order from before the crash");
    let cancelled = life(0, 9, "> 1 2; < 1 ACCEPTED 5; ! 1 CANCEL");
    for units in [0, 2] {
        let verdict = judged(&[cancelled.clone(), life(units, 9, "")]);
        assert!(verdict.is_good(), "nobody knows whether it was cancelled: {verdict}");
    }
}

#[test]
fn a_torn_last_row_is_left_out_and_a_wrong_row_is_named() {
    let mut torn = life(0, 2, "> 1 1; < 1 ACCEPTED 1");
    torn.push_str("< 1 ACCEP");
    assert!(judged(&[torn]).is_good());
    let error = judge(vec![life(0, 2, "> 1 1; < 9 ACCEPTED 1").as_bytes()]).unwrap_err();
    assert_eq!(error.to_string(), "record 1, row 4: this number was not asked before");
    for row in ["x 1", "sku 7", "> 1", "< 1 ACCEPTED", "> 1 1 0g 1 7*1", "> 1 1 0a 1 7"] {
        let record = format!("tidegate-record 1 1000 978\n> 0 1 0b 1 7*1\n{row}\n");
        assert!(judge(vec![record.as_bytes()]).is_err(), "{row}");
    }
}

#[test]
fn many_faults_are_counted_and_some_told() {
    let rows: String = (0..100).map(|number| format!("> {number} 1; < {number} SOLD_OUT;")).collect();
    let verdict = judged(&[life(0, 2, &rows)]);
    assert_eq!((verdict.violations, verdict.told.len()), (100, history::TOLD_MAX));
    assert_eq!((verdict.requests, verdict.refusals, verdict.accepted), (100, 100, 0));
}
