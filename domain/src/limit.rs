//! What operators set for single users: lists of blocked and preferred ones, and limits of their own.

use crate::ids::UserId;
use crate::image::{flat, flat_by_number};
use crate::units::MicrosUtc;

/// The list that a user is on. The numbers are on the wire and on disk, so they never change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum UserList {
    /// None.
    #[default]
    Ordinary = 0,
    /// Makes no new orders and no holds (BLOCKED); orders that are there are paid, cancelled and refunded as ever.
    Blocked = 1,
    /// Buys in a sale from its `closed_from` on, at its price and within its limits, before it opens to all.
    Preferred = 2,
}

impl UserList {
    /// The number on the wire and on disk.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The list of this number, if there is one.
    pub const fn from_number(number: u8) -> Option<UserList> {
        match number {
            0 => Some(UserList::Ordinary),
            1 => Some(UserList::Blocked),
            2 => Some(UserList::Preferred),
            _ => None,
        }
    }
}

/// What is set for one user; this is the whole of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserLimit {
    /// Who; never 0.
    pub user: UserId,
    /// The list.
    pub list: UserList,
    /// Units that the user may take of a sale, instead of what each sale that has a per-user limit says; 0: as it
    /// says.
    pub sale_units: u32,
    /// The first instant at which none of this counts any more; 0: it counts until it is changed.
    pub until: MicrosUtc,
}

flat_by_number!(UserList);
flat! { UserLimit { user: UserId, list: UserList, sale_units: u32, until: MicrosUtc } }

impl UserLimit {
    /// Whether it sets anything; one that does not takes what was set away.
    pub const fn any(&self) -> bool {
        self.sale_units != 0
            || match self.list {
                UserList::Ordinary => false,
                UserList::Blocked | UserList::Preferred => true,
            }
    }

    /// Whether it still counts.
    pub const fn counts(&self, now: MicrosUtc) -> bool {
        self.until.0 == 0 || now.0 < self.until.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_numbers_and_times_end() {
        for number in 0..=u8::MAX {
            assert_eq!(UserList::from_number(number).map(UserList::number), (number < 3).then_some(number));
        }
        let limit =
            UserLimit { user: UserId(1), list: UserList::Ordinary, sale_units: 0, until: MicrosUtc(5) };
        assert!(!limit.any() && UserLimit { sale_units: 1, ..limit }.any());
        assert!(UserLimit { list: UserList::Blocked, ..limit }.any());
        assert_eq!([4, 5, 6].map(|now| limit.counts(MicrosUtc(now))), [true, false, false]);
        assert!(UserLimit { until: MicrosUtc(0), ..limit }.counts(MicrosUtc(i64::MAX)));
    }
}
