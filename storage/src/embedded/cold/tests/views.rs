//! A look into a cold store that nobody has open.

use std::fs;

use super::damage::files;
use super::*;
use crate::embedded::FileDisk;
use crate::embedded::cold::ColdView;

fn view(data: &TempDir) -> Result<Option<ColdView>, ColdError> {
    ColdView::of(&data.path().join("cold"), IDENTITY)
}

/// Every file and what is in it.
fn bytes(data: &TempDir) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    files(data.path()).into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

#[test]
fn a_look_shows_orders_and_their_versions_and_changes_nothing() {
    let data = data_folder();
    let mut store = DiskCold::open(data.path(), IDENTITY, SMALL, Background::NICE).unwrap();
    put(&mut store, &batch(10, &[(1, 1, None, false), (3, 1, Some(5), false), (6, 1, None, false)]));
    put(&mut store, &batch(20, &[(3, 2, None, true)]));
    sync(&mut store).unwrap();
    assert!(matches!(view(&data), Err(ColdError::InUse { .. })));
    drop(store);
    // What a crash leaves, and an opening would take away.
    fs::write(data.path().join("cold/orders/tables/99"), b"half a table").unwrap();

    let before = bytes(&data);
    let look = view(&data).unwrap().unwrap();
    assert_eq!(look.standing(), Standing { through: 20, batches: 2 });
    let mut shown = Vec::new();
    look.versions(3, |version, bytes| shown.push((version.through, bytes.to_vec()))).unwrap();
    assert_eq!(shown, [(20, record(3, 2)), (10, record(3, 1))]);
    let mut all = Vec::new();
    let mut each = |made, brief: OrderBrief| {
        all.push((brief.user.0, made, brief.version));
        true
    };
    look.briefs(None, &mut each).unwrap();
    look.briefs(Some(UserId(2)), &mut each).unwrap();
    assert_eq!(all, [(1, 6, 1), (1, 3, 2), (2, 1, 1), (2, 1, 1)]);
    drop(look);
    assert_eq!(bytes(&data), before);
}

#[test]
fn without_a_cold_store_there_is_nothing_to_see_and_without_a_journal_nothing_is_believed() {
    let data = data_folder();
    assert!(ColdView::open(&FileDisk::at(data.path())).unwrap().is_none());
    drop(DiskCold::open(data.path(), IDENTITY, SMALL, Background::NICE).unwrap());
    let opened = ColdView::open(&FileDisk::at(data.path()));
    assert!(matches!(opened, Err(ColdError::Damaged { .. })), "{opened:?}");
}
