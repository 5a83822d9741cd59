//! Each rule of the protocol, broken: what then goes wrong, and where it shows. A rule that can be broken without
//! anything going wrong is an economy, and is said to be one.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use cluster_model::{ECONOMIES, Found, Model, Mutation, NEEDED, Property, Rules, Scenario, search};

/// More states than any of these searches needs.
const STATES_MAX: usize = 3_000_000;

/// Breaks a rule and finds what it is known to break, in every scenario that `NEEDED` names for it.
fn breaks(mutation: Mutation) {
    let mut shown = 0;
    for found in NEEDED.iter().filter(|found| found.mutation == mutation) {
        let scenario = *Scenario::named(found.scenario).unwrap();
        let model = Model { scenario, rules: Rules::without(mutation) };
        let outcome = search(&model, &[found.breaks], STATES_MAX);
        let violation = outcome.violation.unwrap_or_else(|| {
            panic!("{mutation:?} goes unnoticed in «{}» ({} states)", found.scenario, outcome.states)
        });
        println!("{mutation:?} in «{}», found among {} states:\n{violation}", found.scenario, outcome.states);
        assert_eq!(violation.property, found.breaks);
        assert!(violation.trace.len() > 2, "a trace tells how it came about");
        shown += 1;
    }
    assert!(shown > 0, "{mutation:?} is in no row of NEEDED");
}

/// Breaks a rule, and nothing goes wrong.
fn breaks_nothing(mutation: Mutation) {
    let (_, name) = ECONOMIES.iter().find(|(economy, _)| *economy == mutation).unwrap();
    let model = Model { scenario: *Scenario::named(name).unwrap(), rules: Rules::without(mutation) };
    let outcome = search(&model, Property::ALL, STATES_MAX);
    assert!(outcome.exhausted);
    if let Some(violation) = outcome.violation {
        panic!("{mutation:?} is a guard after all, move it to NEEDED:\n{violation}");
    }
}

#[test]
fn every_mutation_is_judged_here() {
    for mutation in Mutation::ALL {
        let needed = NEEDED.iter().any(|found| found.mutation == *mutation);
        let economy = ECONOMIES.iter().any(|(economy, _)| economy == mutation);
        assert!(needed != economy, "{mutation:?} belongs into one of NEEDED and ECONOMIES");
    }
}

#[test]
fn the_page_has_a_row_for_each() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CLUSTER.md");
    let page = fs::read_to_string(page).unwrap();
    let has = |begin: &str, end: &str| {
        let found = page.lines().any(|line| line.starts_with(begin) && line.ends_with(end));
        assert!(found, "docs/CLUSTER.md: no row that begins with «{begin}» and ends with «{end}»");
    };
    for found in NEEDED {
        let Found { mutation, scenario, breaks } = found;
        has(&format!("| {mutation:?}: "), &format!(" | {scenario} | {breaks:?} |"));
    }
    for (mutation, _) in ECONOMIES {
        has(&format!("| {mutation:?}: "), " |");
    }
}

macro_rules! each {
    ($check:ident: $($test:ident $mutation:ident,)+) => {$(
        #[test]
        fn $test() {
            $check(Mutation::$mutation);
        }
    )+};
}

each! { breaks:
    no_fence_on_create NoFenceOnCreate,
    no_fence_on_cancel NoFenceOnCancel,
    return_without_numbers ReturnWithoutNumbers,
    a_batch_that_grows_after_sending BatchGrowsAfterSending,
    the_sum_before_the_fence SumBeforeFence,
    the_sum_after_the_fence SumAfterFence,
    init_before_all_shards_are_fenced InitBeforeAllFenced,
    init_sent_twice InitTwice,
    a_fence_that_may_fall FenceMayFall,
    a_return_to_any_incarnation ReturnToAnyIncarnation,
    no_incarnation_check NoIncarnationCheck,
    seen_answered_before_the_incarnation_check SeenBeforeIncarnation,
    an_attempt_that_seen_does_not_raise AttemptNotRaised,
    the_shared_mark_ignored SharedMarkIgnored,
    reserve_repeated_with_one_hold_id ReserveRepeated,
    a_held_record_dropped_early RecordDroppedEarly,
    a_dead_row_that_ends_later_attempts_records AttemptNotCompared,
    give_back_before_the_dead_row GiveBackBeforeDead,
    hold_ids_left_out HoldIdsLeftOut,
    finish_by_request_id FinishByRequest,
    revival_without_compare RevivalWithoutCompare,
    a_dead_row_deleted DeadRowDeleted,
    a_key_that_is_not_unique KeyNotUnique,
    an_answer_before_the_commit AnswerBeforeCommit,
    a_retry_that_does_not_look RetryDoesNotLook,
    a_refusal_without_a_row RefusalWithoutRow,
    a_refusal_that_is_not_kept RefusalNotKept,
    a_retry_without_the_flag FlagForgotten,
    an_answer_heard_after_its_ask_was_given_up LateAnswerHeard,
}

each! { breaks_nothing:
    init_over_any_epoch_spares_an_opening InitOverAnyEpoch,
    a_lower_attempt_that_is_served_fails_at_its_row LowerAttemptServed,
}
