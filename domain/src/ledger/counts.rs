//! How many units of a sale each user holds or bought: what the per-user limit counts.

use alloc::vec;
use alloc::vec::Vec;

use crate::ids::{SaleId, UserId};
use crate::image::{Flat, flat};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::image::{ImageFault, ImagePart, Reading, in_use};
use crate::ledger::orders::NONE;
use crate::slot_table::{HashKey, SlotTable, Tag};
use crate::table::{Imaged, Table};
use crate::verdict::digest_user_count;

/// Units that one user can have of one sale, limit or not: a bound of the row.
pub(crate) const USER_UNITS_MAX: u64 = u32::MAX as u64;

/// One (sale, user) pair; kept only while units are counted. A free row links to the next free one by `units`.
#[derive(Clone, Copy, Debug)]
struct Count {
    user: UserId,
    sale: SaleId,
    units: u32,
}

const _: () = assert!(size_of::<Count>() == 16);

#[derive(Debug)]
pub(crate) struct UserCounts {
    key: HashKey,
    table: SlotTable,
    rows: Table<Count>,
    unused: u32,
    digest: u64,
}

flat! { Count { user: UserId, sale: SaleId, units: u32 } }

impl ImagePart for UserCounts {
    fn put_head(&self, out: &mut Vec<u8>) {
        (self.unused, self.digest).put(out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        (self.unused, self.digest) = from.one()?;
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        vec![("user_counts_max", &mut self.rows)]
    }
}

impl UserCounts {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        SlotTable::bytes(bounds.user_counts_max) + (bounds.user_counts_max * size_of::<Count>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds, key: HashKey) -> UserCounts {
        UserCounts {
            key,
            table: SlotTable::with_rows_max(bounds.user_counts_max),
            rows: Table::with_rows_max(bounds.user_counts_max),
            unused: NONE,
            digest: 0,
        }
    }

    /// Finds the index anew, of a table that was read.
    pub(crate) fn index(&mut self) {
        for slot in in_use(self.rows.len(), self.unused, |free| self.rows[free as usize].units) {
            let Count { user, sale, .. } = self.rows[slot as usize];
            self.table.insert(self.tag(sale, user), slot);
        }
    }

    /// Pairs that have units counted.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// [`digest_user_count`] of all pairs.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// Units that this user has of this sale.
    #[inline]
    pub(crate) fn units(&self, sale: SaleId, user: UserId) -> u64 {
        self.find(sale, user).map_or(0, |slot| u64::from(self.rows[slot as usize].units))
    }

    /// Loads what [`UserCounts::units`] will look at first, for the pairs of these tags.
    #[inline]
    pub(crate) fn touch(&self, tags: &[Tag]) {
        self.table.touch(tags);
    }

    /// Counts units; there is room for the pair, and for the units in it.
    #[inline]
    pub(crate) fn add(&mut self, sale: SaleId, user: UserId, units: u64) {
        let Some(slot) = self.find(sale, user) else {
            let row = Count { user, sale, units: units as u32 };
            let slot = self.keep(row);
            self.table.insert(self.tag(sale, user), slot);
            self.digest = self.digest.wrapping_add(digest_user_count(sale, user, units));
            return;
        };
        let before = u64::from(self.rows[slot as usize].units);
        self.set(slot, before, before + units);
    }

    /// Gives counted units back; a pair without any is forgotten.
    pub(crate) fn give_back(&mut self, sale: SaleId, user: UserId, units: u64) {
        let slot = self.find(sale, user).expect("an order's units are counted until they go back");
        let before = u64::from(self.rows[slot as usize].units);
        let after = before.checked_sub(units).expect("an order's units are counted until they go back");
        self.set(slot, before, after);
        if after == 0 {
            self.table.remove(self.tag(sale, user), slot);
            self.rows[slot as usize].units = self.unused;
            self.unused = slot;
        }
    }

    fn set(&mut self, slot: u32, before: u64, after: u64) {
        let row = &mut self.rows[slot as usize];
        row.units = u32::try_from(after).expect("the bound of the row was looked at");
        let (was, is) =
            (digest_user_count(row.sale, row.user, before), digest_user_count(row.sale, row.user, after));
        self.digest = self.digest.wrapping_sub(was);
        if after > 0 {
            self.digest = self.digest.wrapping_add(is);
        }
    }

    fn keep(&mut self, row: Count) -> u32 {
        if self.unused == NONE {
            return self.rows.push(row);
        }
        let slot = self.unused;
        self.unused = self.rows[slot as usize].units;
        self.rows[slot as usize] = row;
        slot
    }

    #[inline]
    fn find(&self, sale: SaleId, user: UserId) -> Option<u32> {
        self.table.find(self.tag(sale, user), |slot| {
            let row = &self.rows[slot as usize];
            row.user == user && row.sale == sale
        })
    }

    #[inline]
    pub(crate) fn tag(&self, sale: SaleId, user: UserId) -> Tag {
        self.key.tag(user.0, u64::from(sale.0))
    }
}
