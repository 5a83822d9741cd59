//! What an opener has to know of a shelf besides what stands in fences and deltas.

use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::mysql::{Fault, Lease};
use crate::shelf::{CatalogueVersion, ShelfKey};

/// What shelves there are, and what is in them before anything is counted: an image of the catalogue.
pub trait Totals {
    /// Reads what changed since. An opener calls it behind its bump: a total changes only under the locked fence of a shelf that
    /// was closed for it, so that of the opening with the highest number is the one that stands.
    ///
    /// # Errors
    /// The home's.
    fn refresh(&self, home: &mut Lease<'_>) -> impl Future<Output = Result<(), Fault>>;

    /// Units before any were counted: a sale's cap, a coupon's quota; 0 for stock, whose units come as deltas of the home.
    /// Below [`crate::shelf::NUMBER_MAX`].
    fn total(&self, shelf: ShelfKey) -> u64;

    /// The version of what a node judges the shelf's buyers by.
    fn version(&self, shelf: ShelfKey) -> CatalogueVersion;

    /// All shelves that are to be open.
    fn shelves(&self) -> Vec<ShelfKey>;
}

impl Totals for Catalogue {
    fn refresh(&self, home: &mut Lease<'_>) -> impl Future<Output = Result<(), Fault>> {
        Catalogue::refresh(self, home)
    }

    fn total(&self, shelf: ShelfKey) -> u64 {
        Catalogue::total(self, shelf)
    }

    fn version(&self, shelf: ShelfKey) -> CatalogueVersion {
        self.version_of(shelf)
    }

    fn shelves(&self) -> Vec<ShelfKey> {
        Catalogue::shelves(self)
    }
}

/// As the threads of a node share it.
impl<T: Totals> Totals for Arc<T> {
    fn refresh(&self, home: &mut Lease<'_>) -> impl Future<Output = Result<(), Fault>> {
        T::refresh(self, home)
    }

    fn total(&self, shelf: ShelfKey) -> u64 {
        T::total(self, shelf)
    }

    fn version(&self, shelf: ShelfKey) -> CatalogueVersion {
        T::version(self, shelf)
    }

    fn shelves(&self) -> Vec<ShelfKey> {
        T::shelves(self)
    }
}
