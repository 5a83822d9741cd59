//! The disk as a process meets it: through a mount, with plain files. It needs root and /dev/fuse.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use powercut::{Losses, PowerCutDisk};
use rustix::fs::OFlags;

/// Mounts a disk and gives it to the test, or says loudly that it does not.
fn with_disk(test: impl FnOnce(&mut PowerCutDisk, &Path)) {
    if let Some(what) = powercut::missing() {
        eprintln!("NOT RUN: a mount needs {what}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut disk = PowerCutDisk::mount(folder.path(), 7).unwrap();
    test(&mut disk, folder.path());
}

fn sync_folder(folder: &Path) {
    File::open(folder).unwrap().sync_all().unwrap();
}

#[test]
fn what_was_synced_with_its_name_is_there_after_a_cut() {
    with_disk(|disk, root| {
        let folder = root.join("data");
        fs::create_dir(&folder).unwrap();
        sync_folder(root);
        let mut file = File::create(folder.join("a.new")).unwrap();
        file.write_all(&[7; 3_000_000]).unwrap();
        file.sync_data().unwrap();
        fs::rename(folder.join("a.new"), folder.join("a")).unwrap();
        sync_folder(&folder);
        drop(file);
        let losses = disk.cut();
        assert_eq!(losses, Losses::default());
        assert!(fs::read(folder.join("a")).is_err(), "there is no power");
        disk.power_on().unwrap();
        assert!(fs::read(folder.join("a")).unwrap() == [7; 3_000_000]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    });
}

#[test]
fn writes_with_o_dsync_are_durable_and_others_are_not() {
    with_disk(|disk, root| {
        let path = root.join("a");
        let plain = File::create(&path).unwrap();
        plain.write_all_at(&[1; 65_536], 0).unwrap();
        plain.sync_all().unwrap();
        sync_folder(root);
        let flags = (OFlags::DSYNC | OFlags::DIRECT).bits() as i32;
        let dsync = OpenOptions::new().write(true).custom_flags(flags).open(&path).unwrap();
        let mut losses = Losses::default();
        // Enough blocks that every fate is met.
        for block in 0..8_u64 {
            plain.write_all_at(&[2; 4_096], block * 8_192).unwrap();
            dsync.write_all_at(&Aligned([3; 4_096]).0, block * 8_192 + 4_096).unwrap();
        }
        drop((plain, dsync));
        losses += disk.cut();
        disk.power_on().unwrap();
        let found = fs::read(&path).unwrap();
        assert_eq!(losses.writes, 8, "{losses:?}");
        assert_eq!((losses.names, losses.sizes_dropped), (0, 0), "{losses:?}");
        for block in found.chunks(8_192) {
            assert!(block[..4_096].iter().all(|&byte| byte == 1 || byte == 2));
            assert!(block[4_096..].iter().all(|&byte| byte == 3));
        }
        let lost = found.chunks(8_192).filter(|block| block[..4_096].contains(&1)).count() as u64;
        assert_eq!(lost, losses.writes_dropped + losses.writes_torn, "{losses:?}");
    });
}

/// O_DIRECT wants it in memory as on the disk.
#[repr(align(4096))]
struct Aligned([u8; 4_096]);

#[test]
fn a_cut_in_the_middle_of_a_write_fails_it() {
    with_disk(|disk, root| {
        let path = root.join("a");
        File::create(&path).unwrap().sync_all().unwrap();
        sync_folder(root);
        let dsync =
            OpenOptions::new().write(true).custom_flags(OFlags::DSYNC.bits() as i32).open(&path).unwrap();
        let (losses, written) = std::thread::scope(|threads| {
            let writer = threads.spawn(|| {
                (0..).find(|&block| dsync.write_all_at(&[1; 4_096], block * 4_096).is_err()).unwrap()
            });
            let losses = disk.cut_at_write(5, std::time::Duration::from_secs(60));
            (losses, writer.join().unwrap())
        });
        drop(dsync);
        assert_eq!(losses.writes, 1, "{losses:?}");
        disk.power_on().unwrap();
        let found = fs::read(&path).unwrap();
        let durable = written as usize * 4_096;
        assert!(found[..durable].iter().all(|&byte| byte == 1), "what was acknowledged is there");
        assert!(found.len() == durable || found.len() == durable + 4_096);
    });
}

#[test]
fn names_that_nobody_synced_come_and_go() {
    with_disk(|disk, root| {
        let mut losses = Losses::default();
        let (mut kept, mut made) = (0, 0);
        for round in 0..20 {
            for file in 0..4 {
                File::create(root.join(format!("{round}-{file}"))).unwrap();
            }
            made += 4;
            losses += disk.cut();
            disk.power_on().unwrap();
            let there = fs::read_dir(root).unwrap().count() as u64;
            assert!(there >= kept, "what survived one cut survives the next");
            kept = there;
        }
        assert_eq!((losses.names, losses.names_dropped), (made, made - kept));
        assert!(kept > 0 && kept < made, "{kept} of {made}");
    });
}

#[test]
fn a_file_without_a_name_lives_as_long_as_it_is_held() {
    with_disk(|_, root| {
        let path = root.join("a");
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).unwrap();
        file.write_all_at(b"still here", 0).unwrap();
        fs::remove_file(&path).unwrap();
        let mut found = [0; 10];
        file.read_exact_at(&mut found, 0).unwrap();
        assert_eq!(&found, b"still here");
        assert!(File::open(&path).is_err());
        assert!(fs::remove_dir(root.join("b")).is_err());
    });
}

#[test]
fn a_lying_disk_loses_what_it_called_durable() {
    if let Some(what) = powercut::missing() {
        eprintln!("NOT RUN: a mount needs {what}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut disk = PowerCutDisk::mount_lying(folder.path(), 7).unwrap();
    for file in 0..8 {
        let mut file = File::create(folder.path().join(file.to_string())).unwrap();
        file.write_all(b"lost").unwrap();
        file.sync_all().unwrap();
        sync_folder(folder.path());
    }
    disk.cut();
    disk.power_on().unwrap();
    assert!(fs::read_dir(folder.path()).unwrap().count() < 8);
}
