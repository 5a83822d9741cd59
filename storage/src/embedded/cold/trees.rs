//! The five trees themselves: how they are set up, and changed and read with the place named where it fails.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lsm_tree::config::FilterPolicy;
use lsm_tree::{
    AbstractTree, AnyTree, Cache, Config, DescriptorTable, Guard, IterGuardImpl, SeqNo,
    SequenceNumberCounter, Slice,
};

use super::disk::ColdSettings;
use super::judge::{self, CURRENT};
use super::layout::Opener;
use super::mark::Mark;
use super::store::ColdError;
use super::upkeep::tree_error;
use crate::embedded::journal::Identity;

/// Their names, as in the folder.
pub(super) const TREES: [&str; 5] = ["orders", "older", "superseded", "by_user", "due"];
/// Table files that are kept open, at most.
const OPEN_FILES_MAX: usize = 256;
/// Every tree is asked for what it has, never for what it had: versions in the trees' own sense are not used.
pub(super) const NOW: SeqNo = SeqNo::MAX;

/// The trees, for whichever thread works on them.
#[derive(Clone)]
pub(super) struct Trees {
    pub(super) folder: PathBuf,
    pub(super) orders: AnyTree,
    pub(super) older: AnyTree,
    pub(super) superseded: AnyTree,
    pub(super) by_user: AnyTree,
    pub(super) due: AnyTree,
    pub(super) opener: Opener,
    /// Counts changes; shared by all trees.
    pub(super) changes: SequenceNumberCounter,
}

impl Trees {
    /// Opens those of a folder, or, so that nothing in it is touched, a mirror of it.
    pub(super) fn open(
        folder: &Path,
        mirror: Option<&Path>,
        identity: Identity,
        mark: &Mark,
        settings: ColdSettings,
    ) -> Result<Trees, ColdError> {
        let cache = Arc::new(Cache::with_capacity_bytes(settings.cache_bytes));
        let files = Arc::new(DescriptorTable::new(OPEN_FILES_MAX));
        let (changes, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
        let tree = |name: &str| {
            let path = folder.join(name);
            let place = path.display().to_string();
            if mark.standing.batches > 0 && !path.join(CURRENT).is_file() {
                return Err(ColdError::Damaged { place, why: format!("{CURRENT} is missing") });
            }
            judge::judge(&path)?;
            let config = Config::new(mirror.unwrap_or(folder).join(name), changes.clone(), visible.clone())
                .use_cache(Arc::clone(&cache))
                .use_descriptor_table(Some(Arc::clone(&files)));
            let config = if name == "orders" {
                // Who asks for an order mostly names one that is there, so the last level, nine tenths of all, goes
                // without filters.
                config.expect_point_read_hits(true)
            } else {
                // These are read by ranges, which filters are of no use to.
                config.filter_policy(FilterPolicy::disabled())
            };
            config.open().map_err(|error| tree_error(place, error))
        };
        let [orders, older, superseded, by_user, due] = TREES.map(tree);
        let trees = Trees {
            folder: folder.to_owned(),
            orders: orders?,
            older: older?,
            superseded: superseded?,
            by_user: by_user?,
            due: due?,
            opener: Opener::new(identity),
            changes: changes.clone(),
        };
        let last_change = trees.orders.get_highest_persisted_seqno().unwrap_or(0);
        if last_change < mark.last_change {
            let place = folder.join("orders").display().to_string();
            let why = "it is older than the mark beside it".into();
            return Err(ColdError::Damaged { place, why });
        }
        for (_, tree) in trees.in_order_of_writing() {
            let next = tree.get_highest_persisted_seqno().map_or(0, |last| last + 1);
            changes.fetch_max(next);
            visible.fetch_max(next);
        }
        Ok(trees)
    }

    /// The copy of a version before what replaces it.
    pub(super) fn in_order_of_writing(&self) -> [(&'static str, &AnyTree); 5] {
        let Trees { folder: _, orders, older, superseded, by_user, due, opener: _, changes: _ } = self;
        [("older", older), ("superseded", superseded), ("by_user", by_user), ("due", due), ("orders", orders)]
    }

    /// Returns the bytes that it takes in memory. Each change has a number of its own: of two with the same number and
    /// key, the trees would not know the later one.
    pub(super) fn insert(&self, tree: &AnyTree, key: &[u8], value: &[u8]) -> u64 {
        tree.insert(key, value, self.changes.next()).0
    }

    pub(super) fn remove(&self, tree: &AnyTree, key: &[u8]) -> u64 {
        tree.remove(key, self.changes.next()).0
    }

    pub(super) fn entry(&self, tree: &str, entry: IterGuardImpl) -> Result<(Slice, Slice), ColdError> {
        entry.into_inner().map_err(|error| self.fault(tree, &[], error))
    }

    pub(super) fn fault(&self, tree: &str, key: &[u8], error: lsm_tree::Error) -> ColdError {
        tree_error(self.place(tree, key), error)
    }

    pub(super) fn damaged(&self, tree: &str, key: &[u8]) -> ColdError {
        ColdError::Damaged { place: self.place(tree, key), why: "its checksum does not match".into() }
    }

    fn place(&self, tree: &str, key: &[u8]) -> String {
        let mut place = self.folder.join(tree).display().to_string();
        if !key.is_empty() {
            place.push_str(", key ");
            place.extend(key.iter().map(|byte| format!("{byte:02x}")));
        }
        place
    }
}

impl fmt::Debug for Trees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trees").field("folder", &self.folder).finish_non_exhaustive()
    }
}
