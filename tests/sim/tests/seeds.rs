//! Stores that live by a seed: nothing acknowledged is lost, nothing is half there, and every answer is the model's.

use sim::{STEPS_A_STORE, Tally, run};

/// Stores with seeds that stay, one behind the other from here on.
const KEPT: u64 = 1;
/// How many of them; and how many with a new seed in each run.
const STORES: (u64, u64) = (12, 8);

/// Seeds of stores that found something once, and what it was.
const FOUND: &[(u64, &str)] = &[
    (0x89, "a page was made before what was asked earlier and waited for its order"),
    (0xa24_5a29_f708_c762, "two checkpoints were taken away, which is one more than there is a journal for"),
];

fn check(seed: u64, steps: u64) -> Tally {
    println!("seed {seed:#x}");
    run(seed, steps).unwrap_or_else(|violation| panic!("{violation}"))
}

#[test]
fn stores_that_found_something_once_find_nothing_more() {
    for (seed, found) in FOUND {
        println!("{found}");
        assert_eq!(check(*seed, STEPS_A_STORE).stores, 1);
    }
}

#[test]
fn stores_with_kept_seeds_lose_nothing_and_meet_every_fault() {
    let tally = check(KEPT, STORES.0 * STEPS_A_STORE);
    println!("{tally}");
    let faults = tally.faults;
    for (what, count) in [
        ("openings from checkpoints", tally.from_checkpoints),
        ("audits behind checkpoints", tally.audits_behind_checkpoints),
        ("segments archived", tally.archived),
        ("kills", faults.kills),
        ("power cuts", faults.power_cuts),
        ("crashes inside openings", faults.inside_openings),
        ("I/O errors", faults.io_errors),
        ("flipped bits that are refused", faults.refused_bits),
        ("full disks", faults.full_disks),
        ("clock jumps", faults.clock_jumps),
        ("late writes", faults.late_writes),
        ("sectors lost", faults.lost_sectors),
        ("names lost", faults.lost_names),
    ] {
        assert!(count > 0, "the dice have become too tame: no {what}");
    }
    assert!(tally.answers > tally.steps / 4, "most turns answer something");
}

#[test]
fn stores_with_fresh_seeds_lose_nothing() {
    let seed = std::env::var("TIDEGATE_SEED").ok();
    let seed = seed.map(|it| u64::from_str_radix(it.trim_start_matches("0x"), 16).expect("hexadecimal"));
    check(seed.unwrap_or_else(|| fastrand::u64(..)), STORES.1 * STEPS_A_STORE);
}

#[test]
fn the_same_seed_does_the_same() {
    let once =
        |tally: Tally| (tally.asked, tally.answers, tally.facts, tally.openings, tally.faults.lost_sectors);
    assert_eq!(once(check(5, STEPS_A_STORE)), once(check(5, STEPS_A_STORE)));
}
