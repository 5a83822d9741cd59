//! Which names stand in which folders: as every process sees them, as they are on the platter, and the changes
//! between the two. It knows nothing of what is in a file.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use fastrand::Rng;

use crate::Losses;

/// The number of the folder in which all others lie.
pub(crate) const ROOT: u64 = 1;

/// (folder, name) → what has this name.
type Table = BTreeMap<(u64, OsString), u64>;

/// All names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    seen: Table,
    durable: Table,
    /// In the order in which they were made.
    unsynced: Vec<Change>,
}

/// A name comes, goes, or both at once.
#[derive(Debug)]
struct Change {
    node: u64,
    gone: Option<(u64, OsString)>,
    come: Option<(u64, OsString)>,
}

impl Names {
    /// What has this name.
    pub fn get(&self, folder: u64, name: &OsStr) -> Option<u64> {
        self.seen.get(&(folder, name.to_owned())).copied()
    }

    /// Every name of a folder, in order.
    pub fn list(&self, folder: u64) -> impl Iterator<Item = (&OsStr, u64)> {
        self.seen
            .range((folder, OsString::new())..)
            .take_while(move |((of, _), _)| *of == folder)
            .map(|((_, name), &node)| (name.as_os_str(), node))
    }

    /// A new name.
    pub fn add(&mut self, folder: u64, name: &OsStr, node: u64) {
        self.change(Change { node, gone: None, come: Some((folder, name.to_owned())) });
    }

    /// A name goes.
    pub fn remove(&mut self, folder: u64, name: &OsStr) {
        let gone = (folder, name.to_owned());
        if let Some(&node) = self.seen.get(&gone) {
            self.change(Change { node, gone: Some(gone), come: None });
        }
    }

    /// A name becomes another one, in one step; what had that one loses it.
    pub fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr)) {
        let (gone, come) = ((from.0, from.1.to_owned()), (to.0, to.1.to_owned()));
        if let Some(&node) = self.seen.get(&gone) {
            self.change(Change { node, gone: Some(gone), come: Some(come) });
        }
    }

    /// Makes durable what changed in a folder. A move between two folders is durable with the first of them.
    pub fn sync(&mut self, folder: u64) {
        let in_folder = |name: &Option<(u64, OsString)>| name.as_ref().is_some_and(|(of, _)| *of == folder);
        self.unsynced.retain(|change| {
            let is_synced = in_folder(&change.gone) || in_folder(&change.come);
            if is_synced {
                change.apply(&mut self.durable);
            }
            !is_synced
        });
    }

    /// The power goes: of what was not synced, each change by itself is kept or dropped.
    pub fn cut(&mut self, rng: &mut Rng, losses: &mut Losses) {
        for change in std::mem::take(&mut self.unsynced) {
            losses.names += 1;
            if rng.bool() {
                change.apply(&mut self.durable);
            } else {
                losses.names_dropped += 1;
            }
        }
        self.seen.clone_from(&self.durable);
    }

    /// Everything that has a name, had one on the platter, or may have one after a cut.
    pub fn named(&self) -> impl Iterator<Item = u64> {
        let unsynced = self.unsynced.iter().map(|change| change.node);
        self.seen.values().chain(self.durable.values()).copied().chain(unsynced)
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }
}

impl Change {
    /// A change says what has the name, so it stands without those before it: a platter may have taken a rename
    /// and not the creation that came first.
    fn apply(&self, table: &mut Table) {
        if let Some(gone) = &self.gone
            && table.get(gone) == Some(&self.node)
        {
            table.remove(gone);
        }
        if let Some(come) = &self.come {
            table.insert(come.clone(), self.node);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What many cuts leave of `a` and `b`, as `name=node`.
    fn after_cuts(make: impl Fn(&mut Names)) -> BTreeSet<String> {
        (0..200)
            .map(|seed| {
                let mut names = Names::default();
                make(&mut names);
                names.cut(&mut Rng::with_seed(seed), &mut Losses::default());
                let told = |(name, node): (&OsStr, u64)| format!("{}={node}", name.display());
                names.list(ROOT).map(told).collect::<Vec<_>>().join(" ")
            })
            .collect()
    }

    fn add(names: &mut Names, name: &str, node: u64) {
        names.add(ROOT, OsStr::new(name), node);
    }

    fn rename(names: &mut Names, from: &str, to: &str) {
        names.rename((ROOT, OsStr::new(from)), (ROOT, OsStr::new(to)));
    }

    #[test]
    fn names_become_durable_one_by_one_or_all_by_a_sync_of_their_folder() {
        let two = |names: &mut Names| {
            add(names, "a", 2);
            add(names, "b", 3);
        };
        assert_eq!(after_cuts(two), ["", "a=2", "a=2 b=3", "b=3"].map(String::from).into());
        let synced = |names: &mut Names| {
            two(names);
            names.sync(ROOT);
        };
        assert_eq!(after_cuts(synced), ["a=2 b=3"].map(String::from).into());
        let other_folder = |names: &mut Names| {
            add(names, "a", 2);
            names.sync(2);
        };
        assert_eq!(after_cuts(other_folder), ["", "a=2"].map(String::from).into());
    }

    #[test]
    fn a_rename_is_never_half_there() {
        let over = |names: &mut Names| {
            add(names, "a", 2);
            add(names, "b", 3);
            names.sync(ROOT);
            rename(names, "a", "b");
        };
        assert_eq!(after_cuts(over), ["a=2 b=3", "b=2"].map(String::from).into());
        let made_and_renamed = |names: &mut Names| {
            add(names, "a", 2);
            rename(names, "a", "b");
        };
        assert_eq!(after_cuts(made_and_renamed), ["", "a=2", "b=2"].map(String::from).into());
    }

    #[test]
    fn a_removal_may_be_undone() {
        let removed = |names: &mut Names| {
            add(names, "a", 2);
            names.sync(ROOT);
            names.remove(ROOT, OsStr::new("a"));
        };
        assert_eq!(after_cuts(removed), ["", "a=2"].map(String::from).into());
    }
}
