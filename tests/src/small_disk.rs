//! A file system of a few megabytes that can be filled: a tmpfs of a test's own, which only root may mount.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;

/// The file system, until it is dropped. Whoever writes to it has to end before.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts one of so many bytes. Nothing, and a line of why on stderr, where this process may not.
    ///
    /// # Panics
    /// Where root may not either.
    pub fn mount(bytes: u64) -> Option<SmallDisk> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("NOT RUN: a mount needs root, who alone may mount a file system");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("tidegate-disk-").tempdir().expect("a temporary folder");
        let options = std::ffi::CString::new(format!("size={bytes}")).expect("there is no zero in it");
        match mount("tmpfs", folder.path(), "tmpfs", MountFlags::empty(), options.as_c_str()) {
            Ok(()) => Some(SmallDisk(folder)),
            Err(rustix::io::Errno::PERM) => {
                eprintln!("NOT RUN: a mount needs the right to mount, which this container's root has not");
                None
            }
            Err(why) => panic!("tmpfs cannot be mounted: {why}"),
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left, as somebody else's file would; [`SmallDisk::make_room`] gives it back.
    ///
    /// # Panics
    /// Where writing fails for another reason.
    pub fn fill(&self) {
        let mut file = File::options().append(true).create(true).open(self.ballast()).expect("a file");
        // Small pieces in the end, so that nothing is left.
        for piece in [1 << 16, 4_096, 1] {
            while let Err(why) = fill_with(&mut file, piece) {
                assert_eq!(why.kind(), ErrorKind::Interrupted, "{why}");
            }
        }
    }

    /// Takes away what [`SmallDisk::fill`] wrote.
    ///
    /// # Panics
    /// Where it wrote nothing.
    pub fn make_room(&self) {
        fs::remove_file(self.ballast()).expect("it was filled");
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Detached: where something still has a file open, it goes with the last of them.
        if let Err(why) = unmount(self.path(), UnmountFlags::DETACH) {
            eprintln!("{} stays mounted: {why}", self.path().display());
        }
    }
}

/// Writes until there is no room for one more piece.
fn fill_with(file: &mut File, piece: usize) -> io::Result<()> {
    let zeros = vec![0; piece];
    loop {
        match file.write_all(&zeros) {
            Ok(()) => (),
            Err(why) if why.kind() == ErrorKind::StorageFull => return Ok(()),
            Err(why) => return Err(why),
        }
    }
}
