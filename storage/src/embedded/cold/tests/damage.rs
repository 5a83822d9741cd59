//! Flipped bits and lost files: an error that names the place or nothing at all, never another answer, never a panic.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// Every file below a folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// All that the store answers, or what is wrong with it.
fn everything(data: &Path) -> Result<Vec<String>, ColdError> {
    let store = DiskCold::open(data, IDENTITY, SMALL, Background::NICE)?;
    let mut said = Vec::new();
    for made in 1..=6 {
        for through in [10, LATEST] {
            let mut bytes = Vec::new();
            let version = store.read(made, through, &mut bytes)?;
            said.push(format!("{made} {version:?} {bytes:?}"));
        }
    }
    for user in 1..=3 {
        let mut page = Vec::new();
        let ask = UserAsk { user: UserId(user), before_made: LATEST, state: None, limit: 9, looks_max: 9 };
        let last = store.of_user(ask, &mut page)?;
        said.push(format!("{page:?} {last}"));
    }
    let mut due = Vec::new();
    store.due(None, MicrosUtc(99), 9, &mut due)?;
    store.newest(LATEST, 9, &mut |made, bytes| {
        said.push(format!("{made} {bytes:?}"));
        ControlFlow::Continue(())
    })?;
    said.push(format!("{due:?}"));
    Ok(said)
}

/// A small store with something in each tree.
fn small_store() -> TempDir {
    let data = data_folder();
    let mut store = DiskCold::open(data.path(), IDENTITY, SMALL, Background::NICE).unwrap();
    let orders: Vec<_> = (1..=5).map(|made| (made, 1, Some(made as i64), false)).collect();
    put(&mut store, &batch(10, &orders));
    sync(&mut store).unwrap();
    put(&mut store, &batch(20, &[(1, 2, Some(9), true), (2, 2, None, true)]));
    sync(&mut store).unwrap();
    data
}

#[test]
fn a_flipped_bit_anywhere_is_an_error_or_harmless() {
    let good = small_store();
    let expected = everything(good.path()).unwrap();
    // Upkeep of that opening may have moved things about; from here on nothing does.
    let folder = good.path().join("cold");
    let (mut flips, mut errors) = (0, 0);
    for file in files(&folder) {
        let name = file.strip_prefix(&folder).unwrap();
        let bytes = fs::read(&file).unwrap();
        for at in 0..bytes.len() {
            let bad = data_folder();
            copy(&folder, &bad.path().join("cold"));
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(bad.path().join("cold").join(name), flipped).unwrap();
            flips += 1;
            match everything(bad.path()) {
                Ok(said) => assert_eq!(said, expected, "byte {at} of {name:?}"),
                Err(ColdError::Damaged { place, why }) => {
                    errors += 1;
                    assert!(place.contains("cold") && !why.is_empty(), "{place}: {why}");
                }
                Err(error) => panic!("byte {at} of {name:?}: {error}"),
            }
        }
    }
    println!("{flips} flips, {errors} errors");
    assert!(errors > flips / 2);
}

#[test]
fn a_lost_file_is_an_error_or_nobody_needed_it() {
    let good = small_store();
    let expected = everything(good.path()).unwrap();
    let folder = good.path().join("cold");
    let (mut files_lost, mut errors) = (0, 0);
    for file in files(&folder) {
        let name = file.strip_prefix(&folder).unwrap();
        let bad = data_folder();
        copy(&folder, &bad.path().join("cold"));
        fs::remove_file(bad.path().join("cold").join(name)).unwrap();
        files_lost += 1;
        match everything(bad.path()) {
            // Only the list of a version that another has followed may be: its tree deletes it when it is opened.
            Ok(said) => {
                assert!(name.file_name().unwrap().to_string_lossy().starts_with('v'), "without {name:?}");
                assert_eq!(said, expected, "without {name:?}");
            }
            Err(ColdError::Damaged { .. }) => errors += 1,
            Err(error) => panic!("without {name:?}: {error}"),
        }
    }
    println!("{files_lost} files lost, {errors} errors");
    assert!(errors > files_lost / 2);
}

#[test]
fn orders_that_are_older_than_the_mark_are_an_error() {
    let data = data_folder();
    let mut store = DiskCold::open(data.path(), IDENTITY, SMALL, Background::NICE).unwrap();
    put(&mut store, &batch(10, &[(1, 1, None, false)]));
    sync(&mut store).unwrap();
    drop(store);
    let (orders, aside) = (data.path().join("cold/orders"), data_folder());
    copy(&orders, aside.path());
    let mut store = DiskCold::open(data.path(), IDENTITY, SMALL, Background::NICE).unwrap();
    put(&mut store, &batch(20, &[(2, 1, None, false)]));
    sync(&mut store).unwrap();
    drop(store);

    fs::remove_dir_all(&orders).unwrap();
    copy(aside.path(), &orders);
    let opened = DiskCold::open(data.path(), IDENTITY, SMALL, Background::NICE);
    assert!(
        matches!(&opened, Err(ColdError::Damaged { place, .. }) if place.ends_with("orders")),
        "{opened:?}"
    );
}
