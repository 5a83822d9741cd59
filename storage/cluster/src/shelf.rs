//! The protocol's words that both Redis and MySQL use: shelves, epochs, attempts, hold ids.

use std::fmt;

use domain::desk::Shared;
use domain::{CouponId, RequestId, SaleId, SkuId, UserId, WarehouseId};

/// Numbers that a script computes with are below this: Lua holds them exactly.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// What is counted over all users: each has a key and a slot of its own in Redis, an epoch, a fence, a sum.
///
/// Shelves of a basket are asked in their order, so that two baskets never wait for each other in a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShelfKey {
    /// Units of a sku in a warehouse.
    Stock(SkuId, WarehouseId),
    /// Units that a sale may sell, over all its skus and users.
    SaleCap(SaleId),
    /// How often a coupon may be used, by whomever.
    CouponQuota(CouponId),
}

/// A short word without blanks or braces, for keys and log lines: `stock.17.3`, `cap.5`, `quota.9`.
impl fmt::Display for ShelfKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShelfKey::Stock(sku, warehouse) => write!(f, "stock.{}.{}", sku.0, warehouse.0),
            ShelfKey::SaleCap(sale) => write!(f, "cap.{}", sale.0),
            ShelfKey::CouponQuota(coupon) => write!(f, "quota.{}", coupon.0),
        }
    }
}

/// The protocol's name of what the domain counts over all users.
impl From<Shared> for ShelfKey {
    fn from(shared: Shared) -> ShelfKey {
        match shared {
            Shared::Shelf(sku, warehouse) => ShelfKey::Stock(sku, warehouse),
            Shared::Cap(sale) => ShelfKey::SaleCap(sale),
            Shared::Quota(coupon) => ShelfKey::CouponQuota(coupon),
        }
    }
}

/// And the other way round.
impl From<ShelfKey> for Shared {
    fn from(shelf: ShelfKey) -> Shared {
        match shelf {
            ShelfKey::Stock(sku, warehouse) => Shared::Shelf(sku, warehouse),
            ShelfKey::SaleCap(sale) => Shared::Cap(sale),
            ShelfKey::CouponQuota(coupon) => Shared::Quota(coupon),
        }
    }
}

/// Which INIT opened a shelf. Redis gives under one, a fence row admits one; it only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The first that a shelf is opened with.
    pub const FIRST: Epoch = Epoch(1);

    /// 1 to [`NUMBER_MAX`]; 0 is «never opened», and no epoch.
    pub const fn parse(raw: u64) -> Option<Epoch> {
        if raw == 0 || raw > NUMBER_MAX { None } else { Some(Epoch(raw)) }
    }

    /// As a column or an argument.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The one above.
    ///
    /// # Panics
    /// Above [`NUMBER_MAX`]: a thousand openings a second for 285,000 years.
    pub const fn next(self) -> Epoch {
        assert!(self.0 < NUMBER_MAX, "epochs are used up");
        Epoch(self.0 + 1)
    }
}

/// Under which number an ask works, from 1; `dead n` in its key row ends all up to n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(pub u32);

/// The id of one RESERVE, fresh and random each time; an order's lines carry those that it bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(pub u128);

/// Who holds units, and for which of its requests. A request id alone names nothing: two users may have made the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// The buyer.
    pub user: UserId,
    /// The request.
    pub request: RequestId,
}

/// Which version of sku and sale a node judged by: one number a shelf, which grows with every change of either. Up to
/// [`NUMBER_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogueVersion(pub u64);

/// A MySQL shard, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardNo(pub u16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_numbers_that_a_script_computes_with() {
        assert_eq!(Epoch::parse(0), None, "never opened");
        assert_eq!(Epoch::parse(1), Some(Epoch::FIRST));
        assert_eq!(Epoch::parse(NUMBER_MAX).map(Epoch::get), Some(NUMBER_MAX));
        assert_eq!(Epoch::parse(NUMBER_MAX + 1), None, "a Lua number would round it");
        assert_eq!(Epoch::FIRST.next().get(), 2);
    }

    #[test]
    fn shelves_have_names_of_their_own() {
        assert_eq!(ShelfKey::Stock(SkuId(17), WarehouseId(3)).to_string(), "stock.17.3");
        assert_eq!(ShelfKey::SaleCap(SaleId(5)).to_string(), "cap.5");
        assert_eq!(ShelfKey::CouponQuota(CouponId(9)).to_string(), "quota.9");
    }
}
