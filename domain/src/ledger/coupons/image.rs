//! Coupons in an image. Those that operators defined are few and have lists of skus, so they stand in the head.

use alloc::vec;
use alloc::vec::Vec;

use super::{CouponRow, Coupons, OrderRow, UserRow};
use crate::coupon::{COUPONS_MAX, Coupon, CouponCounts};
use crate::ids::UserId;
use crate::image::{Flat, flat};
use crate::ledger::image::{ImageFault, ImagePart, Reading, in_use, put_many};
use crate::table::Imaged;
use crate::units::MinorUnits;

flat! {
    UserRow { user: UserId, coupon: u32, claimed: u32, locked: u32, used: u32 }
    OrderRow { coupons: [u32; COUPONS_MAX], discounts: [MinorUnits; COUPONS_MAX] }
}

impl ImagePart for Coupons {
    fn put_head(&self, out: &mut Vec<u8>) {
        put_many(self.rows.iter().map(|row| (row.coupon, row.counts)), out);
        for row in &self.rows {
            put_many(row.skus.iter().copied(), out);
        }
        (self.unused_users, self.digest).put(out);
        self.orders.state().put(out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        let (coupons_max, skus_max) = (from.bounds.coupons_max, from.bounds.coupon_skus_max);
        for row in from.many::<(Coupon, CouponCounts)>(("coupons_max", coupons_max))? {
            let (coupon, counts) = row?;
            self.rows.push(CouponRow { coupon, counts, skus: Vec::new() });
        }
        for row in &mut self.rows {
            row.skus = from.many(("coupon_skus_max", skus_max - self.skus))?.collect::<Result<_, _>>()?;
            self.skus += row.skus.len();
        }
        (self.unused_users, self.digest) = from.one()?;
        let orders = from.one()?;
        self.orders.set_state(orders);
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        vec![("coupon_users_max", &mut self.users), ("coupon_orders_max", self.orders.table())]
    }
}

impl Coupons {
    /// Finds the indexes anew.
    pub(crate) fn index(&mut self) {
        for (slot, row) in (0..).zip(&self.rows) {
            self.slots.insert(self.key.tag(row.coupon.id.0, 0), slot);
            self.by_id.insert(row.coupon.id, slot);
        }
        for slot in in_use(self.users.len(), self.unused_users, |free| self.users[free as usize].coupon) {
            let UserRow { user, coupon, .. } = self.users[slot as usize];
            self.user_slots.insert(self.user_tag(coupon, user), slot);
        }
    }
}
