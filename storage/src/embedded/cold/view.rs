//! A look into a cold store that no server has open. It changes nothing.
//!
//! The trees tidy up as they are opened, so what is opened is a mirror: a temporary folder with copies of the small
//! files and links to the tables.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use domain::UserId;
use domain::verdict::OrderBrief;
use lsm_tree::AbstractTree;
use rustix::fs::FlockOperation;
use tempfile::TempDir;

use super::disk::{ColdSettings, FOLDER, lock};
use super::judge::TABLES;
use super::layout::{older_key, order_key, user_key};
use super::mark::Mark;
use super::store::{ColdError, OrdersAtRest, Standing, Statistics, Version};
use super::trees::{NOW, TREES, Trees};
use super::upkeep::io_error;
use crate::embedded::chain::identity_of;
use crate::embedded::disk::ReadDisk;
use crate::embedded::file_disk::FileDisk;
use crate::embedded::journal::Identity;

/// The cold store of a data folder, to look at.
#[derive(Debug)]
pub struct ColdView {
    trees: Trees,
    standing: Standing,
    /// Gone when it is dropped, behind the trees.
    _mirror: TempDir,
    /// No server starts here meanwhile: it would delete tables that are being read.
    _lock: File,
}

impl ColdView {
    /// Opens the cold store of a data folder; nothing where there is none.
    pub fn open(disk: &FileDisk) -> Result<Option<ColdView>, ColdError> {
        let folder = disk.dir().join(FOLDER);
        if !folder.is_dir() {
            return Ok(None);
        }
        let identity = identity_of(disk).ok().flatten().ok_or_else(|| ColdError::Damaged {
            place: disk.place(),
            why: "no segment of the journal can be read, and without it nothing in the cold store".into(),
        })?;
        ColdView::of(&folder, identity)
    }

    pub(super) fn of(folder: &Path, identity: Identity) -> Result<Option<ColdView>, ColdError> {
        let lock = lock(folder, FlockOperation::NonBlockingLockShared)?;
        let Some(mark) = Mark::read(folder, identity)? else { return Ok(None) };
        let mirror = mirror(folder)?;
        let trees = Trees::open(folder, Some(mirror.path()), identity, &mark, ColdSettings::default())?;
        Ok(Some(ColdView { trees, standing: mark.standing, _mirror: mirror, _lock: lock }))
    }

    /// How far the last sync went. There may be more.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// How much there is.
    pub fn statistics(&self) -> Statistics {
        self.trees.statistics()
    }

    /// The way in for whoever has a checkpoint.
    pub fn at_rest(&self) -> &dyn OrdersAtRest {
        &self.trees
    }

    /// Shows all versions of an order, newest first, with their records.
    pub fn versions(&self, made: u64, mut each: impl FnMut(Version, &[u8])) -> Result<(), ColdError> {
        let Some((newest, value)) = self.trees.newest_version(made)? else { return Ok(()) };
        if let Some((_, record)) = self.trees.opener.version(&order_key(made), &value) {
            each(newest, record);
        }
        let versions = older_key(made, u64::MAX)..=older_key(made, 0);
        for entry in self.trees.older.range(versions, NOW, None) {
            let (key, value) = self.trees.entry("older", entry)?;
            let (version, record) =
                self.trees.opener.version(&key, &value).ok_or_else(|| self.trees.damaged("older", &key))?;
            // A copy whose successor was lost in a crash.
            if version != newest {
                each(version, record);
            }
        }
        Ok(())
    }

    /// Shows what LIST shows of the orders at rest, of one user or of all: by user, each user's newest first. Goes on
    /// while `each` says so.
    pub fn briefs(
        &self,
        user: Option<UserId>,
        mut each: impl FnMut(u64, OrderBrief) -> bool,
    ) -> Result<(), ColdError> {
        let (first, last) = (user.unwrap_or(UserId(0)), user.unwrap_or(UserId(u64::MAX)));
        let keys = user_key(first, u64::MAX)..=user_key(last, 0);
        for entry in self.trees.by_user.range(keys, NOW, None) {
            let (key, value) = self.trees.entry("by_user", entry)?;
            let brief = self.trees.opener.brief(&key, &value);
            let (made, brief) = brief.ok_or_else(|| self.trees.damaged("by_user", &key))?;
            if !each(made, brief) {
                break;
            }
        }
        Ok(())
    }
}

/// The same trees in another folder.
fn mirror(folder: &Path) -> Result<TempDir, ColdError> {
    let place = folder.display().to_string();
    let mirrored = || -> io::Result<TempDir> {
        let folder = folder.canonicalize()?;
        let mirror = tempfile::tempdir()?;
        for tree in TREES {
            let (from, to) = (folder.join(tree), mirror.path().join(tree));
            if !from.is_dir() {
                continue; // Made by an opening that got no further; or the trees will say that it is missing.
            }
            fs::create_dir_all(to.join(TABLES))?;
            for entry in fs::read_dir(&from)? {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    fs::copy(entry.path(), to.join(entry.file_name()))?;
                }
            }
            for entry in fs::read_dir(from.join(TABLES))? {
                let entry = entry?;
                symlink(entry.path(), to.join(TABLES).join(entry.file_name()))?;
            }
        }
        Ok(mirror)
    };
    mirrored().map_err(|error| io_error(place, &error))
}
