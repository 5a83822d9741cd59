//! Coupons, how often each was taken and by whom, and which orders have which.

mod desk;
mod image;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::coupon::{COUPONS_MAX, Coupon, CouponCounts, CouponShare};
use crate::ids::{CouponId, SkuId, UserId};
use crate::ledger::bounds::LedgerBounds;
use crate::pool::{Linked, NONE, Pool};
use crate::slot_table::{HashKey, SlotTable, Tag};
use crate::table::Table;
use crate::units::MinorUnits;
use crate::verdict::digest_coupon_user;

#[derive(Clone, Debug)]
pub(crate) struct CouponRow {
    pub(crate) coupon: Coupon,
    pub(crate) counts: CouponCounts,
    /// Sorted.
    pub(crate) skus: Vec<SkuId>,
}

/// What became of a coupon in somebody's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    /// One more may be used.
    Claimed,
    /// An order that waits for payment has it.
    Locked,
    /// That order ended; it has it no more.
    Released,
    /// That order is paid.
    Used,
}

/// One (coupon, user) pair; kept only while something is counted. A free row links to the next free one by
/// `coupon`.
#[derive(Clone, Copy, Debug)]
struct UserRow {
    user: UserId,
    coupon: u32,
    claimed: u32,
    locked: u32,
    used: u32,
}

const _: () = assert!(size_of::<UserRow>() == 24);

/// The coupons of an order, in the order of application; those behind a [`NONE`] are none. A free row links to the
/// next free one by the first.
#[derive(Clone, Copy, Debug)]
struct OrderRow {
    coupons: [u32; COUPONS_MAX],
    discounts: [MinorUnits; COUPONS_MAX],
}

/// Bytes that an ordered map takes for one (id, slot), its nodes half full.
const ORDERED_BYTES: usize = 32;

#[derive(Debug)]
pub(crate) struct Coupons {
    key: HashKey,
    rows: Vec<CouponRow>,
    slots: SlotTable,
    /// For lists and audits only.
    by_id: BTreeMap<CouponId, u32>,
    /// Skus that all coupons together name.
    skus: usize,
    users: Table<UserRow>,
    user_slots: SlotTable,
    unused_users: u32,
    digest: u64,
    orders: Pool<OrderRow>,
}

impl Linked for OrderRow {
    fn next(&self) -> u32 {
        self.coupons[0]
    }

    fn set_next(&mut self, next: u32) {
        self.coupons[0] = next;
    }
}

impl Coupons {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        SlotTable::bytes(bounds.coupons_max)
            + SlotTable::bytes(bounds.coupon_users_max)
            + (bounds.coupons_max * (size_of::<CouponRow>() + ORDERED_BYTES)
                + bounds.coupon_skus_max * size_of::<SkuId>()
                + bounds.coupon_users_max * size_of::<UserRow>()
                + bounds.coupon_orders_max * size_of::<OrderRow>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds, key: HashKey) -> Coupons {
        Coupons {
            key,
            rows: Vec::with_capacity(bounds.coupons_max),
            slots: SlotTable::with_rows_max(bounds.coupons_max),
            by_id: BTreeMap::new(),
            skus: 0,
            users: Table::with_rows_max(bounds.coupon_users_max),
            user_slots: SlotTable::with_rows_max(bounds.coupon_users_max),
            unused_users: NONE,
            digest: 0,
            orders: Pool::with_rows_max(bounds.coupon_orders_max),
        }
    }

    // Coupons

    pub(crate) fn find(&self, id: CouponId) -> Option<u32> {
        self.slots.find(self.key.tag(id.0, 0), |slot| self.at(slot).coupon.id == id)
    }

    pub(crate) fn at(&self, slot: u32) -> &CouponRow {
        &self.rows[slot as usize]
    }

    /// Coupons, and the skus that all of them together name.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.rows.len(), self.skus)
    }

    /// Whether a coupon fits, in the place of the one that is at `replaced`.
    pub(crate) fn has_room(&self, bounds: &LedgerBounds, replaced: Option<u32>) -> bool {
        replaced.is_some() || self.rows.len() < bounds.coupons_max
    }

    /// Whether the skus of a coupon fit, in the place of those of the coupon that is at `replaced`.
    pub(crate) fn has_room_for_skus(
        &self,
        bounds: &LedgerBounds,
        replaced: Option<u32>,
        skus: usize,
    ) -> bool {
        let freed = replaced.map_or(0, |slot| self.at(slot).skus.len());
        self.skus - freed + skus <= bounds.coupon_skus_max
    }

    /// Makes or replaces a coupon, and says where it is.
    pub(crate) fn put(&mut self, coupon: Coupon, skus: &[SkuId]) -> u32 {
        let mut sorted = Vec::from(skus);
        sorted.sort_unstable();
        self.skus += skus.len();
        if let Some(slot) = self.find(coupon.id) {
            let row = &mut self.rows[slot as usize];
            self.skus -= row.skus.len();
            (row.coupon, row.skus) = (coupon, sorted);
            return slot;
        }
        let slot = self.rows.len() as u32;
        self.rows.push(CouponRow { coupon, counts: CouponCounts::default(), skus: sorted });
        self.slots.insert(self.key.tag(coupon.id.0, 0), slot);
        self.by_id.insert(coupon.id, slot);
        slot
    }

    /// Coupons by id, from the first above `after`.
    pub(crate) fn after(&self, after: CouponId) -> impl Iterator<Item = &CouponRow> {
        use core::ops::Bound::{Excluded, Unbounded};
        self.by_id.range((Excluded(after), Unbounded)).map(|(_, &slot)| self.at(slot))
    }

    // Users

    /// (coupon, user) pairs that have something counted.
    pub(crate) fn users(&self) -> usize {
        self.user_slots.len()
    }

    /// [`digest_coupon_user`] of all pairs.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// How often this user took this coupon.
    pub(crate) fn taken_by(&self, coupon: u32, user: UserId) -> CouponCounts {
        self.find_user(coupon, user)
            .map_or(CouponCounts::default(), |slot| self.users[slot as usize].counts())
    }

    /// How often each user claimed each coupon, where one did. A free row counts nothing.
    pub(crate) fn claims(&self) -> impl Iterator<Item = (CouponId, UserId, u64)> {
        let claims = self.users.iter().filter(|row| row.claimed > 0);
        claims.map(|row| (self.at(row.coupon).coupon.id, row.user, u64::from(row.claimed)))
    }

    /// Pairs that would be new if this user took these coupons.
    pub(crate) fn new_users(&self, coupons: impl Iterator<Item = u32>, user: UserId) -> usize {
        coupons.filter(|&coupon| self.find_user(coupon, user).is_none()).count()
    }

    /// Where the pair is that has something counted.
    pub(crate) fn find_user(&self, coupon: u32, user: UserId) -> Option<u32> {
        self.user_slots.find(self.user_tag(coupon, user), |slot| {
            let row = &self.users[slot as usize];
            row.user == user && row.coupon == coupon
        })
    }

    /// The coupon and the user of a pair.
    pub(crate) fn pair(&self, slot: u32) -> (u32, UserId) {
        let row = &self.users[slot as usize];
        (row.coupon, row.user)
    }

    /// Counts what became of a coupon. There is room for the pair, and a pair that has nothing left is forgotten.
    pub(crate) fn take(&mut self, coupon: u32, user: UserId, taking: Taking) {
        let counts = &mut self.rows[coupon as usize].counts;
        taking.count(&mut counts.claimed, &mut counts.locked, &mut counts.used);
        let slot = self.user_or_new(coupon, user);
        let id = self.at(coupon).coupon.id;
        let row = &mut self.users[slot as usize];
        let before = row.digest(id);
        taking.count(&mut row.claimed, &mut row.locked, &mut row.used);
        self.digest = self.digest.wrapping_sub(before).wrapping_add(row.digest(id));
        if row.counts() == CouponCounts::default() {
            row.coupon = self.unused_users;
            self.unused_users = slot;
            self.user_slots.remove(self.user_tag(coupon, user), slot);
        }
    }

    fn user_or_new(&mut self, coupon: u32, user: UserId) -> u32 {
        if let Some(slot) = self.find_user(coupon, user) {
            return slot;
        }
        let row = UserRow { user, coupon, claimed: 0, locked: 0, used: 0 };
        let slot = match self.unused_users {
            NONE => self.users.push(row),
            unused => {
                self.unused_users = self.users[unused as usize].coupon;
                self.users[unused as usize] = row;
                unused
            }
        };
        self.user_slots.insert(self.user_tag(coupon, user), slot);
        slot
    }

    fn user_tag(&self, coupon: u32, user: UserId) -> Tag {
        self.key.tag(user.0, u64::from(coupon))
    }

    // Orders

    /// Orders that have coupons, or had.
    pub(crate) fn has_room_for_order(&self, bounds: &LedgerBounds) -> bool {
        self.orders.used() < bounds.coupon_orders_max
    }

    /// Keeps which coupons an order has, and says where.
    pub(crate) fn keep_for_order(&mut self, shares: &[CouponShare]) -> u32 {
        let mut row = OrderRow { coupons: [NONE; COUPONS_MAX], discounts: [MinorUnits::ZERO; COUPONS_MAX] };
        for (at, share) in shares.iter().enumerate() {
            row.coupons[at] = self.find(share.coupon).expect("orders have known coupons");
            row.discounts[at] = share.discount;
        }
        self.orders.add(row)
    }

    /// The slots of an order's coupons, in the order of application; [`NONE`] has none.
    pub(crate) fn slots_of_order(&self, order: u32) -> impl Iterator<Item = u32> {
        let coupons = if order == NONE { [NONE; COUPONS_MAX] } else { self.orders.at(order).coupons };
        coupons.into_iter().take_while(|&slot| slot != NONE)
    }

    /// An order's coupons and what they took off, in the order of application; [`NONE`] has none.
    pub(crate) fn of_order(&self, order: u32) -> impl Iterator<Item = CouponShare> {
        self.slots_of_order(order).enumerate().map(move |(at, slot)| CouponShare {
            coupon: self.at(slot).coupon.id,
            discount: self.orders.at(order).discounts[at],
        })
    }

    /// The order that has these coupons leaves memory.
    pub(crate) fn forget_order(&mut self, order: u32) {
        if order != NONE {
            self.orders.at_mut(order).coupons[0] = NONE;
            self.orders.free_from(order);
        }
    }
}

impl UserRow {
    fn counts(&self) -> CouponCounts {
        let UserRow { claimed, locked, used, .. } = *self;
        CouponCounts { claimed: claimed.into(), locked: locked.into(), used: used.into() }
    }

    /// Nothing counted leaves no trace.
    fn digest(&self, coupon: CouponId) -> u64 {
        let counts = self.counts();
        if counts == CouponCounts::default() { 0 } else { digest_coupon_user(coupon, self.user, &counts) }
    }
}

/// A number that a taking adds to or takes from.
trait Count {
    fn up(&mut self);
    fn down(&mut self);
}

impl Taking {
    fn count<N: Count>(self, claimed: &mut N, locked: &mut N, used: &mut N) {
        match self {
            Taking::Claimed => claimed.up(),
            Taking::Locked => locked.up(),
            Taking::Released => locked.down(),
            Taking::Used => {
                locked.down();
                used.up();
            }
        }
    }
}

macro_rules! counts {
    ($($number:ty),+) => {
        $(impl Count for $number {
            fn up(&mut self) {
                *self = self.checked_add(1).expect("room for one more was looked at");
            }

            fn down(&mut self) {
                *self = self.checked_sub(1).expect("only locked coupons are used and given back");
            }
        })+
    };
}
counts!(u32, u64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coupon::{Benefit, CouponScope};
    use crate::units::{Currency, MicrosUtc};

    fn coupon(id: u64) -> Coupon {
        Coupon {
            id: CouponId(id),
            version: 1,
            currency: Currency(978),
            benefit: Benefit::Amount(MinorUnits(1)),
            threshold: MinorUnits::ZERO,
            scope: CouponScope::All,
            opens: MicrosUtc(0),
            closes: MicrosUtc(1),
            quota: 0,
            user_quota: 0,
            group: 0,
            rank: 0,
            must_claim: false,
        }
    }

    #[test]
    fn pairs_are_counted_until_nothing_is_left_and_their_rows_serve_others() {
        let bounds = LedgerBounds { coupons_max: 4, coupon_users_max: 2, ..LedgerBounds::DEFAULT };
        let mut coupons = Coupons::new(&bounds, HashKey::new(3));
        let (one, other) = (coupons.put(coupon(7), &[]), coupons.put(coupon(9), &[]));
        coupons.take(one, UserId(1), Taking::Locked);
        coupons.take(one, UserId(2), Taking::Locked);
        assert_eq!((coupons.users(), coupons.at(one).counts.locked), (2, 2));
        coupons.take(one, UserId(1), Taking::Released);
        assert_eq!(coupons.new_users([one, other].into_iter(), UserId(2)), 1);
        coupons.take(other, UserId(2), Taking::Claimed); // in the row that was left
        coupons.take(one, UserId(2), Taking::Used);
        assert_eq!(coupons.users(), 2);
        let two = |claimed, used| CouponCounts { claimed, locked: 0, used };
        assert_eq!(coupons.taken_by(one, UserId(2)), two(0, 1));
        assert_eq!(coupons.taken_by(other, UserId(2)), two(1, 0));
        assert_eq!(coupons.taken_by(one, UserId(1)), two(0, 0));
        let rows = [(7, two(0, 1)), (9, two(1, 0))];
        let digest = rows.iter().map(|(id, counts)| digest_coupon_user(CouponId(*id), UserId(2), counts));
        assert_eq!(coupons.digest(), digest.fold(0, u64::wrapping_add));
    }

    #[test]
    fn a_new_version_gives_the_skus_of_the_old_one_back() {
        let bounds = LedgerBounds { coupons_max: 1, coupon_skus_max: 3, ..LedgerBounds::DEFAULT };
        let mut coupons = Coupons::new(&bounds, HashKey::new(3));
        let slot = coupons.put(coupon(7), &[SkuId(3), SkuId(1)]);
        assert_eq!(coupons.at(slot).skus, [SkuId(1), SkuId(3)]);
        assert!(!coupons.has_room(&bounds, None) && coupons.has_room(&bounds, Some(slot)));
        assert!(coupons.has_room_for_skus(&bounds, Some(slot), 3));
        assert!(!coupons.has_room_for_skus(&bounds, None, 2));
        assert_eq!(coupons.put(coupon(7), &[SkuId(5)]), slot);
        assert!(coupons.has_room_for_skus(&bounds, None, 2));
    }
}
