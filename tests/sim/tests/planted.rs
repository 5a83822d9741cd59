//! Each planted bug is found within so many steps, from the same seed on; where one is not, the disk is too kind.

use sim::run;
use storage::planted::{Bug, plant};

/// The first store's seed.
const SEED: u64 = 1;

/// Plants the bug and simulates: something must be wrong within so many steps.
fn check(bug: Bug, steps_max: u64) {
    plant(Some(bug));
    // What it does to the store is often a panic; one line of each is enough.
    std::panic::set_hook(Box::new(|_| ()));
    let found = run(SEED, steps_max);
    drop(std::panic::take_hook());
    match found {
        Ok(tally) => panic!("{bug:?} was not found\n{tally}"),
        Err(violation) => {
            let steps = violation.steps_before + violation.step;
            let what = violation.what.lines().next().unwrap_or_default().to_string();
            println!("{bug:?}: {steps} steps: {what}");
        }
    }
}

macro_rules! found {
    ($($name:ident: $bug:ident within $steps:literal;)*) => {
        $(#[test]
        fn $name() {
            check(Bug::$bug, $steps);
        })*
    };
}

found! {
    answer_before_durable: AnswerBeforeDurable within 100_000;
    group_checksum_skipped: GroupChecksumSkipped within 400_000;
    last_block_not_read: LastBlockNotRead within 100_000;
    segment_end_passed: SegmentEndPassed within 100_000;
    folder_not_synced: FolderNotSynced within 100_000;
    segment_not_synced: SegmentNotSynced within 100_000;
    later_group_counts: LaterGroupCounts within 100_000;
    sync_counts_late_writes: SyncCountsLateWrites within 100_000;
    opened_without_dsync: OpenedWithoutDsync within 100_000;
    write_error_ignored: WriteErrorIgnored within 100_000;
    sync_error_ignored: SyncErrorIgnored within 400_000;
    seal_omitted: SealOmitted within 100_000;
    durable_through_omitted: DurableThroughOmitted within 100_000;
    rest_not_judged: RestNotJudged within 100_000;
    read_not_synced: ReadNotSynced within 100_000;
    cut_names_wrong_group: CutNamesWrongGroup within 100_000;
    torn_tail_reused: TornTailReused within 400_000;
    entry_split: EntrySplit within 100_000;
    release_replayed_twice: ReleaseReplayedTwice within 100_000;
    spare_reused: SpareReused within 400_000;
    checkpoint_before_group: CheckpointBeforeGroup within 100_000;
    checkpoint_not_synced: CheckpointNotSynced within 100_000;
    frame_checksum_skipped: FrameChecksumSkipped within 400_000;
    checkpoint_inside_group: CheckpointInsideGroup within 1_000_000;
    rest_before_durable: RestBeforeDurable within 400_000;
    cold_not_synced: ColdNotSynced within 400_000;
    woken_as_of_now: WokenAsOfNow within 400_000;
    segment_gone_early: SegmentGoneEarly within 100_000;
    archive_not_synced: ArchiveNotSynced within 100_000;
    forgotten_by_newest: ForgottenByNewest within 1_000_000;
    clock_goes_back: ClockGoesBack within 100_000;
}
