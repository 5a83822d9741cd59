//! What a cold store promises, one promise a test, kept by both.

use super::*;
use crate::embedded::cold::{FORGET_PIECE, Faults};

#[test]
fn an_order_is_read_as_of_a_position_until_that_is_forgotten() {
    for place in Place::both() {
        let mut store = place.open();
        let store = &mut *store;
        put(store, &batch(10, &[(1, 1, None, false), (2, 1, None, false)]));
        put(store, &batch(20, &[(1, 2, None, true)]));
        put(store, &batch(30, &[(1, 3, None, true)]));
        let at = [9, 10, 19, 20, 29, 30, LATEST].map(|through| version_at(store, 1, through));
        assert_eq!(at, [None, Some(1), Some(1), Some(2), Some(2), Some(3), Some(3)]);

        // A checkpoint at 25: what had a successor by then goes, nothing else.
        assert_eq!(store.forget(25), Ok(false));
        let at = [19, 20, 29, 30].map(|through| version_at(store, 1, through));
        assert_eq!(at, [None, Some(2), Some(2), Some(3)]);
        assert_eq!(version_at(store, 2, 25), Some(1), "the newest version is never forgotten");
        assert_eq!(version_at(store, 3, LATEST), None);
    }
}

#[test]
fn an_opening_finds_what_was_synced_and_may_put_the_rest_again() {
    for place in Place::both() {
        let mut store = place.open();
        put(&mut *store, &batch(10, &[(1, 1, Some(70), false)]));
        let standing = sync(&mut *store).unwrap();
        assert_eq!(standing, Standing { through: 10, batches: 1 });
        put(&mut *store, &batch(20, &[(1, 2, None, true), (2, 1, None, false)]));
        drop(store);

        let mut store = place.open();
        assert_eq!(store.standing(), standing);
        assert_eq!(version_at(&*store, 1, 10), Some(1));
        assert_eq!(due_by(&*store, None, 70, 9), [(70, 1)]);

        // The replay is at 20 again, and rests them once more.
        put(&mut *store, &batch(20, &[(1, 2, None, true), (2, 1, None, false)]));
        assert_eq!(sync(&mut *store), Ok(Standing { through: 20, batches: 2 }));
        assert_eq!([10, 20].map(|through| version_at(&*store, 1, through)), [Some(1), Some(2)]);
        assert_eq!(due_by(&*store, None, 70, 9), []);
    }
}

#[test]
fn a_replay_that_rests_an_order_earlier_than_the_run_before_loses_no_version() {
    for place in Place::both() {
        let mut store = place.open();
        let store = &mut *store;
        put(store, &batch(10, &[(1, 1, None, false)]));
        put(store, &batch(40, &[(1, 4, Some(5), true)]));
        // After a crash, from a checkpoint at 10: this time there is room for less, and it rests at 20 already.
        put(store, &batch(20, &[(1, 2, None, true)]));
        let at = [10, 20, 39, 40].map(|through| version_at(store, 1, through));
        assert_eq!(at, [Some(1), Some(2), Some(2), Some(4)]);
        assert_eq!(store.forget(40), Ok(false));
        assert_eq!([39, 40].map(|through| version_at(store, 1, through)), [None, Some(4)]);
        assert_eq!(due_by(store, None, 9, 9), [(5, 1)]);
    }
}

#[test]
fn lists_are_newest_first_and_their_cursor_says_whether_any_is_older() {
    for place in Place::both() {
        let mut store = place.open();
        let store = &mut *store;
        let orders: Vec<_> = (1..=9).map(|made| (made, 1, None, false)).collect();
        put(store, &batch(10, &orders));
        put(store, &batch(20, &[(6, 2, None, true)]));
        // User 1 has 3, 6 and 9.
        assert_eq!(listed(store, 1, LATEST, 9, 99), (vec![9, 6, 3], 0));
        assert_eq!(listed(store, 1, LATEST, 2, 99), (vec![9, 6], 6));
        assert_eq!(listed(store, 1, 6, 1, 99), (vec![3], 0));
        assert_eq!(listed(store, 1, 9, 9, 1), (vec![6], 6), "the looks are over first");
        assert_eq!(listed(store, 1, 0, 9, 99), (vec![], 0));
        assert_eq!(listed(store, 4, LATEST, 9, 99), (vec![], 0));
        assert_eq!(scanned(store, LATEST, 99), ((1..=9).rev().collect(), 0));
        assert_eq!(scanned(store, 8, 2), (vec![7, 6], 6));

        let mut page = Vec::new();
        let state = Some(brief(6, 2).state);
        let ask = UserAsk { user: UserId(1), before_made: LATEST, state, limit: 9, looks_max: 99 };
        assert_eq!(store.of_user(ask, &mut page), Ok(0));
        assert_eq!(page, [brief(6, 2)], "only in that state, and as of the newest version");
    }
}

#[test]
fn due_orders_come_in_their_order_and_rest_anew_for_another_time() {
    for place in Place::both() {
        let mut store = place.open();
        let store = &mut *store;
        let dues =
            [(1, 1, Some(30), false), (2, 1, Some(-5), false), (3, 1, Some(30), false), (4, 1, None, false)];
        put(store, &batch(10, &dues));
        assert_eq!(due_by(store, None, 29, 9), [(-5, 2)]);
        assert_eq!(due_by(store, None, 30, 2), [(-5, 2), (30, 1)]);
        assert_eq!(due_by(store, Some((MicrosUtc(30), 1)), 30, 9), [(30, 3)]);
        assert_eq!(due_by(store, Some((MicrosUtc(30), 3)), 30, 9), []);
        put(store, &batch(20, &[(1, 2, Some(40), true), (2, 2, None, true)]));
        assert_eq!(due_by(store, None, i64::MAX, 9), [(30, 3), (40, 1)]);
    }
}

#[test]
fn forgetting_goes_a_piece_at_a_time_and_on_after_an_opening() {
    const ORDERS: u64 = 2 * FORGET_PIECE as u64 + 10;
    for place in Place::both() {
        let mut store = place.open();
        for version in 1..=2 {
            for first in (1..=ORDERS).step_by(100) {
                let orders: Vec<_> = (first..(first + 100).min(ORDERS + 1))
                    .map(|made| (made, version, None, version > 1))
                    .collect();
                put(&mut *store, &batch(u64::from(version) * 10, &orders));
            }
        }
        assert_eq!(store.forget(15), Ok(false), "nothing had a successor yet");
        assert_eq!(store.forget(20), Ok(true));
        sync(&mut *store).unwrap();
        drop(store);

        let mut store = place.open();
        let mut pieces = 1;
        while store.forget(20).unwrap() {
            pieces += 1;
        }
        assert!((2..=3).contains(&pieces), "{pieces} pieces behind the opening");
        let left = (1..=ORDERS).filter(|&made| version_at(&*store, made, 19).is_some()).count();
        let newest = (1..=ORDERS).filter(|&made| version_at(&*store, made, 20) == Some(2)).count();
        assert_eq!((left, newest as u64), (0, ORDERS));
    }
}

#[test]
fn a_failed_write_breaks_the_store_but_not_its_reads() {
    let data = data_folder();
    let mut store = DiskCold::open(data.path(), IDENTITY, SMALL, Background::NICE).unwrap();
    put(&mut store, &batch(10, &[(1, 1, None, false)]));
    sync(&mut store).unwrap();
    put(&mut store, &batch(20, &[(1, 2, None, true)]));
    let tables = data.path().join("cold/orders/tables");
    let aside = data.path().join("aside");
    std::fs::rename(&tables, &aside).unwrap();
    assert_eq!(sync(&mut store), Err(ColdError::Broken));
    std::fs::rename(&aside, &tables).unwrap();

    assert!(store.is_broken() && store.has_room(), "whoever puts is told at once");
    assert_eq!(store.put(&batch(30, &[(2, 1, None, false)])), Err(ColdError::Broken));
    assert_eq!(store.forget(20), Err(ColdError::Broken));
    assert_eq!(
        sync(&mut store),
        Err(ColdError::Broken),
        "the disk is well again, but what was put may be lost"
    );
    assert_eq!([10, 20].map(|through| version_at(&store, 1, through)), [Some(1), Some(2)]);
    drop(store);

    let store = DiskCold::open(data.path(), IDENTITY, SMALL, Background::NICE).unwrap();
    assert_eq!(store.standing(), Standing { through: 10, batches: 1 });
    assert_eq!(version_at(&store, 1, 10), Some(1));
}

#[test]
fn the_simulators_store_fails_as_it_is_told_to() {
    let folder = MemoryFolder::new();
    let mut store = MemoryCold::open(&folder);
    put(&mut store, &batch(10, &[(1, 1, None, false)]));
    folder.set_faults(Faults { reads: true, ..Faults::default() });
    assert!(matches!(store.read(1, LATEST, &mut Vec::new()), Err(ColdError::Io { .. })));
    folder.set_faults(Faults { syncs_hang: true, ..Faults::default() });
    store.begin_sync();
    assert_eq!(store.synced(), None);
    folder.set_faults(Faults::default());
    assert_eq!(store.synced(), Some(Ok(Standing { through: 10, batches: 1 })));
    folder.set_faults(Faults { writes: true, ..Faults::default() });
    assert!(matches!(store.put(&batch(20, &[])), Err(ColdError::Io { .. })));
    folder.set_faults(Faults::default());
    assert_eq!(store.put(&batch(20, &[])), Err(ColdError::Broken));
    assert_eq!(version_at(&store, 1, LATEST), Some(1));
}

#[test]
fn a_crash_of_the_simulator_keeps_as_many_batches_as_it_says() {
    let folder = MemoryFolder::new();
    let mut store = MemoryCold::open(&folder);
    put(&mut store, &batch(10, &[(1, 1, None, false)]));
    sync(&mut store).unwrap();
    for through in 11..=13 {
        put(&mut store, &batch(through, &[(through, 1, None, false)]));
    }
    folder.crash(2);
    let store = MemoryCold::open(&folder);
    assert_eq!(store.standing(), Standing { through: 12, batches: 3 });
    assert_eq!(scanned(&store, LATEST, 9), (vec![12, 11, 1], 0));
}

#[test]
fn a_folder_in_use_of_another_store_or_of_a_later_format_is_refused() {
    let data = data_folder();
    let open = |identity| DiskCold::open(data.path(), identity, SMALL, Background::NICE).map(drop);
    let store = DiskCold::open(data.path(), IDENTITY, SMALL, Background::NICE).unwrap();
    assert!(matches!(open(IDENTITY), Err(ColdError::InUse { .. })));
    drop(store);
    assert!(matches!(open(Identity { store: 1, ..IDENTITY }), Err(ColdError::Foreign { .. })));
    assert_eq!(open(IDENTITY), Ok(()));
}
