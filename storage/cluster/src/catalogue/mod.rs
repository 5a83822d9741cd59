//! The catalogue: skus, sales and whatever else operators put. The home has it; each node keeps an image of it, from which
//! orders are judged, and hears of changes by their numbers.

mod decide;
mod holdings;
mod image;
mod judge;
mod lists;
mod sums;
mod taking;
mod told;

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use domain::desk::{Desk, Key, Need, Place, Row, RowFault};
use domain::intent::SaleSku;
use domain::switch::Scope;
use domain::verdict::Page;
use domain::{MicrosUtc, SaleId, SkuId, WarehouseId};

use crate::mysql::{CatalogueRow, Fault, Lease, read_catalogue};
use crate::redis::Window;
use crate::shelf::{CatalogueVersion, ShelfKey};
use image::{Image, places_of};

pub use decide::{Decided, decide};
pub use judge::Asked;

/// Units that a cap or quota without bound gives away: more than anybody takes, and a number that a script computes with.
pub const UNBOUNDED_UNITS: u64 = 1 << 52;

/// A node's image of the catalogue, shared by its threads. It may be behind the home: what is taken from a shelf is taken
/// by the version of it that the judgement was made by ([`Catalogue::version_of`]), and Redis knows of newer ones.
#[derive(Debug, Default)]
pub struct Catalogue {
    image: RwLock<Image>,
}

impl Catalogue {
    /// Nothing yet: [`Catalogue::refresh`] it.
    pub fn new() -> Catalogue {
        Catalogue::default()
    }

    /// Reads what was changed since the last time; all, the first time.
    ///
    /// # Errors
    /// The home's; the image stays as it was.
    pub async fn refresh(&self, home: &mut Lease<'_>) -> Result<(), Fault> {
        let rows = read_catalogue(home, self.change()).await?;
        self.apply(rows);
        Ok(())
    }

    /// The number of the last change that is in the image.
    pub fn change(&self) -> u64 {
        self.read().change()
    }

    /// Lays what the catalogue has of this need; false: it is not the catalogue's (a count over all users, a user's row, a
    /// request).
    ///
    /// Other threads may refresh the image between two calls. So the [version](Catalogue::version_of) that is shown to
    /// Redis is asked for before the first row is laid: a judgement may be by a newer version than it says, and never by
    /// an older one.
    ///
    /// # Errors
    /// The desk's.
    pub fn lay(&self, desk: &mut Desk, need: &Need) -> Result<bool, RowFault> {
        let image = self.read();
        match *need {
            Need::Row(key) => {
                if !Image::has(&key) {
                    return Ok(false);
                }
                image.rows(key..=key).try_for_each(|row| desk.lay(row.clone()))?;
            }
            Need::PlacesOfSku(sku) => {
                image.rows(places_of(sku)).try_for_each(|row| desk.lay(row.clone()))?;
            }
            Need::PlacesOfSale(sale) => {
                image.places_of_sale(sale).try_for_each(|place| desk.lay(Row::Place(place)))?;
            }
            Need::Switches => {
                let all = Key::Switch(Scope::All)..=Key::SwitchVersion;
                image.rows(all).try_for_each(|row| desk.lay(row.clone()))?;
            }
            Need::ShelvesOf(_) => return Ok(false),
        }
        Ok(true)
    }

    /// The version of what speaks for a shelf: the highest number of a change of, for stock, its sku, the sku's places and
    /// their sales; for a cap, the sale; for a quota, the coupon. It only grows.
    pub fn version_of(&self, shelf: ShelfKey) -> CatalogueVersion {
        let image = self.read();
        let version = match shelf {
            ShelfKey::Stock(sku, _) => image.version_of(sku),
            ShelfKey::SaleCap(sale) => image.changed(Key::Sale(sale)),
            ShelfKey::CouponQuota(coupon) => image.changed(Key::Coupon(coupon)),
        };
        CatalogueVersion(version)
    }

    /// When what is judged of a shelf at this instant holds: since when, and until when. (Before and after it, another
    /// sale speaks for the sku, or the same one otherwise; or the coupon is not to be had.)
    pub fn window_of(&self, shelf: ShelfKey, now: MicrosUtc) -> Window {
        let image = self.read();
        match shelf {
            ShelfKey::Stock(sku, _) => image.window_of_sku(sku, now),
            ShelfKey::SaleCap(sale) => image.sale(sale).map_or(Window::default(), |sale| Window {
                from: None, // Preferred users buy before it opens.
                until: Some(sale.closes),
            }),
            ShelfKey::CouponQuota(coupon) => image.coupon(coupon).map_or(Window::default(), |coupon| {
                Window { from: Some(coupon.opens), until: Some(coupon.closes) }
            }),
        }
    }

    /// In which warehouses a sku has a shelf, ascending.
    pub fn warehouses_of(&self, sku: SkuId) -> Vec<WarehouseId> {
        self.read().warehouses_of(sku).collect()
    }

    /// Units of a shelf before any were counted: a sale's cap, a coupon's quota, [`UNBOUNDED_UNITS`] where it has none; 0
    /// for stock, whose units come as deltas of the home.
    pub fn total(&self, shelf: ShelfKey) -> u64 {
        let image = self.read();
        let bound = match shelf {
            ShelfKey::Stock(..) => return 0,
            ShelfKey::SaleCap(sale) => image.sale(sale).map_or(0, |sale| sale.cap_units),
            ShelfKey::CouponQuota(coupon) => image.coupon(coupon).map_or(0, |coupon| coupon.quota),
        };
        if bound == 0 { UNBOUNDED_UNITS } else { bound.min(UNBOUNDED_UNITS) }
    }

    /// All shelves that are to be open: every stock, and of every sale and coupon what its cap or quota counts, whether it
    /// has one or not. (A cap that comes later finds counted what was sold before it.)
    pub fn shelves(&self) -> Vec<ShelfKey> {
        let image = self.read();
        let shelf = |row: &Row| image::shelf_to_open(row);
        image.all_rows().filter_map(shelf).collect()
    }

    /// Whether there is room for these rows besides all others, by the bounds that a ledger has.
    pub fn has_room_for(&self, rows: &[(Key, Option<Row>)]) -> bool {
        self.read().has_room_for(rows)
    }

    /// Whether a shelf is of something that there is.
    fn has(&self, shelf: ShelfKey) -> bool {
        let key = match shelf {
            ShelfKey::Stock(..) => Key::Shared(shelf.into()),
            ShelfKey::SaleCap(sale) => Key::Sale(sale),
            ShelfKey::CouponQuota(coupon) => Key::Coupon(coupon),
        };
        self.read().row(key).is_some()
    }

    /// The cap or quota that this row bounds otherwise than the one that it replaces.
    fn bounds_otherwise(&self, row: &Row) -> Option<ShelfKey> {
        self.read().bounds_otherwise(row)
    }

    /// All shelves whose version grows with these rows.
    fn shelves_by(&self, rows: &[CatalogueRow]) -> BTreeSet<ShelfKey> {
        self.read().shelves_by(rows)
    }

    /// The skus of a sale, by id.
    fn skus_of_sale(&self, sale: SaleId) -> Vec<SaleSku> {
        let image = self.read();
        let skus = image.places_of_sale(sale);
        skus.map(|Place { sku, unit_price, .. }| SaleSku { sku, unit_price }).collect()
    }

    /// Limits of users that are over by now, at most so many.
    fn limits_over(&self, now: MicrosUtc, most: usize) -> Vec<Key> {
        self.read().limits_over(now).take(most).collect()
    }

    /// Every row that there is, by key.
    fn each_row(&self, each: impl FnMut(&Row)) {
        self.read().all_rows().for_each(each);
    }

    /// A page of such rows from the first on: of those that `pick` takes.
    fn page<T>(
        &self,
        keys: (Bound<Key>, Bound<Key>),
        limit: u16,
        pick: impl Fn(&Row) -> Option<T>,
    ) -> Page<T> {
        let image = self.read();
        let mut all = image.rows_between(keys).filter_map(pick);
        let items = all.by_ref().take(usize::from(limit)).collect();
        Page { items, more: all.next().is_some() }
    }

    /// What was read joins the image. Rows that it has in a newer form stay.
    pub(crate) fn apply(&self, rows: Vec<CatalogueRow>) {
        if rows.is_empty() {
            return;
        }
        // Nothing that holds the lock panics in the middle of a change.
        self.image.write().unwrap_or_else(PoisonError::into_inner).apply(rows);
    }

    fn read(&self) -> RwLockReadGuard<'_, Image> {
        self.image.read().unwrap_or_else(PoisonError::into_inner)
    }
}
