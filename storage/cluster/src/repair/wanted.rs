//! Which shelves somebody wants opened: told by whoever met one that is closed, on any thread, one entry a shelf.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::shelf::ShelfKey;

/// Shelves that wait to be looked at. One that finds no place is found by the opener's own rounds.
pub const WANTED_MAX: usize = 4_096;

/// Why a shelf is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Redis has no epoch of it, or another one than a fence. It is opened where that is still so.
    Closed,
    /// Redis is without something that it had in this epoch and incarnation: opened whatever it says of itself.
    Lost,
}

/// The list, shared by all who tell and the one who opens.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    shelves: Mutex<BTreeMap<ShelfKey, Why>>,
    told: Notify,
}

impl Wanted {
    /// Nothing is wanted.
    pub fn new() -> Wanted {
        Wanted::default()
    }

    /// Tells of a shelf. A second time changes nothing, unless it is worse than it seemed. Says whether there was a place.
    pub fn tell(&self, shelf: ShelfKey, why: Why) -> bool {
        let mut shelves = self.shelves();
        if shelves.len() >= WANTED_MAX && !shelves.contains_key(&shelf) {
            return false;
        }
        let known = shelves.entry(shelf).or_insert(why);
        *known = why.max(*known);
        drop(shelves);
        self.shared.told.notify_one();
        true
    }

    /// Takes all that were told of.
    pub(super) fn take(&self) -> BTreeMap<ShelfKey, Why> {
        std::mem::take(&mut *self.shelves())
    }

    /// Returns when something was told of since it was last waited for.
    pub(super) async fn told(&self) {
        self.shared.told.notified().await;
    }

    fn shelves(&self) -> MutexGuard<'_, BTreeMap<ShelfKey, Why>> {
        // Nothing that holds the lock can panic in the middle of a change.
        self.shared.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{SkuId, WarehouseId};

    fn shelf(sku: u64) -> ShelfKey {
        ShelfKey::Stock(SkuId(sku), WarehouseId(1))
    }

    #[test]
    fn a_shelf_has_one_entry_and_the_worst_that_is_known_of_it() {
        let wanted = Wanted::new();
        let other_thread = wanted.clone();
        assert!(wanted.tell(shelf(1), Why::Closed));
        assert!(other_thread.tell(shelf(1), Why::Lost) && wanted.tell(shelf(1), Why::Closed));
        assert_eq!(wanted.take(), BTreeMap::from([(shelf(1), Why::Lost)]));
        assert_eq!(wanted.take(), BTreeMap::new());
    }

    #[test]
    fn a_full_list_takes_no_further_shelf_and_keeps_those_it_has() {
        let wanted = Wanted::new();
        assert!((0..WANTED_MAX as u64).all(|sku| wanted.tell(shelf(sku), Why::Closed)));
        assert!(!wanted.tell(shelf(WANTED_MAX as u64), Why::Closed));
        assert!(wanted.tell(shelf(7), Why::Lost), "it is in it");
        assert_eq!(wanted.take().len(), WANTED_MAX);
    }
}
