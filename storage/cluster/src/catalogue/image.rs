//! The image itself: rows by key, and the number of the change that each came with.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, RangeInclusive};

use domain::coupon::Coupon;
use domain::desk::{Key, Place, Row, Shared};
use domain::freight::FREIGHT_RULES_MAX;
use domain::intent::Sale;
use domain::ledger::LedgerBounds;
use domain::{CouponId, MicrosUtc, SaleId, SkuId, UserId, WarehouseId};

use crate::mysql::CatalogueRow;
use crate::redis::Window;
use crate::shelf::ShelfKey;

/// All rows that there are. Of those that are gone only this is kept: when a sku lost a place, for versions never fall.
#[derive(Debug, Default)]
pub(super) struct Image {
    change: u64,
    rows: BTreeMap<Key, Kept>,
    /// The last change by which a sku lost a place in a sale.
    left: BTreeMap<SkuId, u64>,
    /// Places that there are, by sale.
    by_sale: BTreeSet<(SaleId, SkuId)>,
    sizes: Sizes,
}

#[derive(Debug)]
struct Kept {
    changed: u64,
    row: Row,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    skus: usize,
    sales: usize,
    places: usize,
    freight: usize,
    coupons: usize,
    coupon_skus: usize,
    limits: usize,
    shelves: usize,
}

impl Image {
    pub fn change(&self) -> u64 {
        self.change
    }

    /// Whether such a row lies here, where it is anywhere, with all that it says. (Of a shelf it lies here that there is
    /// one.)
    pub fn has(key: &Key) -> bool {
        match key {
            Key::Sku(_)
            | Key::Sale(_)
            | Key::Place(..)
            | Key::Freight(..)
            | Key::Coupon(_)
            | Key::Limit(_)
            | Key::Switch(_)
            | Key::SwitchVersion => true,
            Key::Shared(_)
            | Key::Request(_)
            | Key::Order(_)
            | Key::Count(..)
            | Key::CouponUser(..)
            | Key::Hold(_)
            | Key::FailedRefunds(_)
            | Key::Making(_)
            | Key::Letter(..)
            | Key::Letters => false,
        }
    }

    pub fn row(&self, key: Key) -> Option<&Row> {
        self.rows.get(&key).map(|kept| &kept.row)
    }

    /// Such rows that there are, by key.
    pub fn rows_between(&self, keys: (Bound<Key>, Bound<Key>)) -> impl Iterator<Item = &Row> {
        self.rows.range(keys).map(|(_, kept)| &kept.row)
    }

    /// All rows that there are, by key.
    pub fn all_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values().map(|kept| &kept.row)
    }

    /// Such rows that there are, by key.
    pub fn rows(&self, keys: RangeInclusive<Key>) -> impl Iterator<Item = &Row> {
        self.rows.range(keys).map(|(_, kept)| &kept.row)
    }

    /// The number of its last change; 0: there is none.
    pub fn changed(&self, key: Key) -> u64 {
        self.rows.get(&key).map_or(0, |kept| kept.changed)
    }

    pub fn sale(&self, sale: SaleId) -> Option<&Sale> {
        if let Some(Row::Sale(sale)) = self.row(Key::Sale(sale)) { Some(sale) } else { None }
    }

    pub fn coupon(&self, coupon: CouponId) -> Option<&Coupon> {
        if let Some(Row::Coupon(coupon, _)) = self.row(Key::Coupon(coupon)) { Some(coupon) } else { None }
    }

    /// The number of the last change of what speaks for a sku: itself, its places, those that it lost, their sales.
    pub fn version_of(&self, sku: SkuId) -> u64 {
        let lost = self.left.get(&sku).copied().unwrap_or(0);
        let places = self.rows.range(places_of(sku)).map(|(key, kept)| {
            let of_sale = if let Key::Place(_, sale) = *key { self.changed(Key::Sale(sale)) } else { 0 };
            kept.changed.max(of_sale)
        });
        places.fold(lost.max(self.changed(Key::Sku(sku))), u64::max)
    }

    /// Limits of users that are over, some of them.
    pub fn limits_over(&self, now: MicrosUtc) -> impl Iterator<Item = Key> {
        let all = Key::Limit(UserId(0))..=Key::Limit(UserId(u64::MAX));
        let over = move |row: &Row| if let Row::Limit(limit) = row { !limit.counts(now) } else { false };
        self.rows(all).filter(move |row| over(row)).map(Row::key)
    }

    /// Every place in a sale.
    pub fn places_of_sale(&self, sale: SaleId) -> impl Iterator<Item = Place> {
        let its = self.by_sale.range((sale, SkuId(0))..=(sale, SkuId(u64::MAX)));
        its.filter_map(|(sale, sku)| place_of(self.row(Key::Place(*sku, *sale))?))
    }

    pub fn warehouses_of(&self, sku: SkuId) -> impl Iterator<Item = WarehouseId> {
        self.rows(shelves_of(sku))
            .filter_map(|row| if let Row::Shelf(_, warehouse, _) = row { Some(*warehouse) } else { None })
    }

    /// The sale that speaks is the one that began to last; what it says changes when it opens, when it closes, and when
    /// another one begins to speak.
    pub fn window_of_sku(&self, sku: SkuId, now: MicrosUtc) -> Window {
        let (mut speaking, mut next) = (None::<Place>, None::<MicrosUtc>);
        for place in self.rows(places_of(sku)).filter_map(place_of) {
            if place.closed_from > now {
                next = Some(next.map_or(place.closed_from, |next| next.min(place.closed_from)));
            } else if speaking.is_none_or(|speaks| speaks.closed_from < place.closed_from) {
                speaking = Some(place);
            }
        }
        let Some(Sale { opens, closes, .. }) = speaking.and_then(|place| self.sale(place.sale)).copied()
        else {
            return Window { from: None, until: next };
        };
        // Before it opens only preferred users buy; they may go on when it has.
        let from = speaking.map(|place| if now < opens { place.closed_from } else { opens });
        let closes = if now < closes { Some(closes) } else { None };
        Window { from, until: closes.into_iter().chain(next).min() }
    }

    /// The cap or quota that a row bounds otherwise than the one that it replaces, if it replaces one.
    pub fn bounds_otherwise(&self, row: &Row) -> Option<ShelfKey> {
        if let Row::Sale(sale) = row {
            let before = self.sale(sale.id)?;
            return (before.cap_units != sale.cap_units).then_some(ShelfKey::SaleCap(sale.id));
        }
        if let Row::Coupon(coupon, _) = row {
            let before = self.coupon(coupon.id)?;
            let is_same = (before.quota, before.must_claim) == (coupon.quota, coupon.must_claim);
            return (!is_same).then_some(ShelfKey::CouponQuota(coupon.id));
        }
        None
    }

    /// All shelves whose version grows with these rows, which are here.
    pub fn shelves_by(&self, rows: &[CatalogueRow]) -> BTreeSet<ShelfKey> {
        let mut shelves = BTreeSet::new();
        let stock_of = |sku| self.warehouses_of(sku).map(move |warehouse| ShelfKey::Stock(sku, warehouse));
        for CatalogueRow { key, .. } in rows {
            match *key {
                Key::Sku(sku) | Key::Place(sku, _) => shelves.extend(stock_of(sku)),
                Key::Sale(sale) => {
                    shelves.insert(ShelfKey::SaleCap(sale));
                    shelves.extend(self.places_of_sale(sale).flat_map(|place| stock_of(place.sku)));
                }
                Key::Coupon(coupon) => {
                    shelves.insert(ShelfKey::CouponQuota(coupon));
                }
                Key::Shared(_)
                | Key::Freight(..)
                | Key::Limit(_)
                | Key::Switch(_)
                | Key::SwitchVersion
                | Key::Request(_)
                | Key::Order(_)
                | Key::Count(..)
                | Key::CouponUser(..)
                | Key::Hold(_)
                | Key::FailedRefunds(_)
                | Key::Making(_)
                | Key::Letter(..)
                | Key::Letters => (),
            }
        }
        shelves
    }

    /// What was read joins what is here. All up to a number came at once, so what is not newer than this is old.
    pub fn apply(&mut self, rows: Vec<CatalogueRow>) {
        let known = self.change;
        for CatalogueRow { key, changed, row } in rows.into_iter().filter(|row| row.changed > known) {
            self.change = self.change.max(changed);
            if let Key::Place(sku, sale) = key {
                if row.is_some() {
                    self.by_sale.insert((sale, sku));
                } else {
                    self.by_sale.remove(&(sale, sku));
                    let left = self.left.entry(sku).or_default();
                    *left = changed.max(*left);
                }
            }
            row.iter().for_each(|row| self.sizes.count(row, usize::saturating_add));
            let before = match row {
                Some(row) => self.rows.insert(key, Kept { changed, row }),
                None => self.rows.remove(&key),
            };
            before.iter().for_each(|kept| self.sizes.count(&kept.row, usize::saturating_sub));
        }
    }

    /// Whether there is room for these rows besides all others, by the bounds that a ledger has.
    pub fn has_room_for(&self, rows: &[(Key, Option<Row>)]) -> bool {
        let mut sizes = self.sizes;
        for (key, row) in rows {
            row.iter().for_each(|row| sizes.count(row, usize::saturating_add));
            self.row(*key).iter().for_each(|row| sizes.count(row, usize::saturating_sub));
        }
        sizes.fit()
    }
}

impl Sizes {
    fn count(&mut self, row: &Row, add: impl Fn(usize, usize) -> usize) {
        let (size, by) = match row {
            Row::Sku(_) => (&mut self.skus, 1),
            Row::Sale(_) => (&mut self.sales, 1),
            Row::Place(_) => (&mut self.places, 1),
            Row::Freight(_) => (&mut self.freight, 1),
            Row::Coupon(_, skus) => {
                self.coupon_skus = add(self.coupon_skus, skus.len());
                (&mut self.coupons, 1)
            }
            Row::Limit(_) => (&mut self.limits, 1),
            Row::Shelf(..) => (&mut self.shelves, 1),
            // Each desk has all switches, and judges their number itself.
            Row::Switch(_)
            | Row::SwitchVersion(_)
            | Row::Cap(..)
            | Row::Quota(..)
            | Row::Request(..)
            | Row::Order(..)
            | Row::Count(..)
            | Row::CouponUser(..)
            | Row::Hold(_)
            | Row::FailedRefunds(..)
            | Row::Making(..)
            | Row::Letter(..)
            | Row::Letters(_) => return,
        };
        *size = add(*size, by);
    }

    fn fit(&self) -> bool {
        const BOUNDS: LedgerBounds = LedgerBounds::DEFAULT;
        let Sizes { skus, sales, places, freight, coupons, coupon_skus, limits, shelves } = *self;
        skus <= BOUNDS.skus_max
            && sales <= BOUNDS.sales_max
            && places <= BOUNDS.sale_skus_max
            && freight <= FREIGHT_RULES_MAX
            && coupons <= BOUNDS.coupons_max
            && coupon_skus <= BOUNDS.coupon_skus_max
            && limits <= BOUNDS.limits_max
            && shelves <= BOUNDS.shelves_max
    }
}

/// The shelf that is open as long as there is this row, if it is of one.
pub(super) fn shelf_to_open(row: &Row) -> Option<ShelfKey> {
    match row {
        Row::Shelf(sku, warehouse, _) => Some(ShelfKey::Stock(*sku, *warehouse)),
        Row::Sale(sale) => Some(ShelfKey::SaleCap(sale.id)),
        Row::Coupon(coupon, _) => Some(ShelfKey::CouponQuota(coupon.id)),
        Row::Sku(_)
        | Row::Place(_)
        | Row::Freight(_)
        | Row::Limit(_)
        | Row::Switch(_)
        | Row::SwitchVersion(_)
        | Row::Cap(..)
        | Row::Quota(..)
        | Row::Request(..)
        | Row::Order(..)
        | Row::Count(..)
        | Row::CouponUser(..)
        | Row::Hold(_)
        | Row::FailedRefunds(..)
        | Row::Making(..)
        | Row::Letter(..)
        | Row::Letters(_) => None,
    }
}

pub(super) fn places_of(sku: SkuId) -> RangeInclusive<Key> {
    Key::Place(sku, SaleId(0))..=Key::Place(sku, SaleId(u32::MAX))
}

pub(super) fn shelves_of(sku: SkuId) -> RangeInclusive<Key> {
    let shelf = |warehouse| Key::Shared(Shared::Shelf(sku, WarehouseId(warehouse)));
    shelf(0)..=shelf(u32::MAX)
}

fn place_of(row: &Row) -> Option<Place> {
    if let Row::Place(place) = row { Some(*place) } else { None }
}
