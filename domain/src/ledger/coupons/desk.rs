//! Coupons on a desk.

use super::Coupons;
use crate::coupon::CouponCounts;
use crate::ids::UserId;

impl Coupons {
    /// So often it was taken by all.
    pub(crate) fn set_counts(&mut self, coupon: u32, counts: CouponCounts) {
        self.rows[coupon as usize].counts = counts;
    }

    /// How many uses or claims its quota has room for, whatever it says; a quota of 0 has no end and stays.
    pub(crate) fn set_quota(&mut self, coupon: u32, quota: u64) {
        let quota_now = &mut self.rows[coupon as usize].coupon.quota;
        if *quota_now != 0 {
            *quota_now = quota;
        }
    }

    /// So often this user took it, once or more. There is room for the pair. Says nothing where the numbers do not
    /// fit.
    pub(crate) fn set_user(&mut self, coupon: u32, user: UserId, counts: CouponCounts) -> Option<()> {
        let CouponCounts { claimed, locked, used } = counts;
        let [claimed, locked, used] = [claimed, locked, used].map(|it| u32::try_from(it).ok());
        let (claimed, locked, used) = (claimed?, locked?, used?);
        let slot = self.user_or_new(coupon, user);
        let id = self.at(coupon).coupon.id;
        let row = &mut self.users[slot as usize];
        let before = row.digest(id);
        (row.claimed, row.locked, row.used) = (claimed, locked, used);
        self.digest = self.digest.wrapping_sub(before).wrapping_add(row.digest(id));
        Some(())
    }
}
