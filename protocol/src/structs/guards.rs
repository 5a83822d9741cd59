//! LIMIT_PUT, LIMIT_LIST, SWITCH and SWITCH_LIST.

use crate::plain::plain;

plain! {
    /// What is set for one user; this is the whole of it.
    pub struct UserLimit / ArchivedUserLimit {
        /// Who; never 0.
        pub user: u64,
        /// The first instant at which none of this counts any more, µs UTC; 0: it counts until it is changed.
        pub until: i64,
        /// Units that the user may take of each sale that has a per-user limit, instead of that limit; 0: as it says.
        pub sale_units: u32,
        /// 0 none, 1 blocked (makes nothing new: BLOCKED), 2 preferred (buys in a sale before it opens, from its
        /// `closed_from` on).
        pub list: u8,
    }

    /// What is to count for one user from now on. With list 0, no units and no time, nothing is set any more.
    pub struct LimitPutHead / ArchivedLimitPutHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// The whole of what is set.
        pub limit: UserLimit,
    }

    /// Which users, by id.
    pub struct LimitListHead / ArchivedLimitListHead {
        /// Only users above this one.
        pub after: u64,
        /// Items wanted, 1 to 100.
        pub limit: u16,
    }

    /// A switch to be set, replaced or cleared.
    pub struct SwitchHead / ArchivedSwitchHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// Id of the sale or sku; 0 for the whole shop.
        pub id: u64,
        /// The version that this one replaces; 0: none is set for this scope.
        pub replaces: u32,
        /// What it is about: 1 the whole shop, 2 a sale, 3 a sku.
        pub scope: u8,
        /// The sum of what it stops: 1 creating, 2 paying, 4 changing anything. 0 clears it.
        pub stops: u8,
        /// Why, for other operators: printable ASCII, zero padded.
        pub note: [u8; 96],
    }

    /// The switch was changed.
    pub struct SwitchAnswerHead / ArchivedSwitchAnswerHead {
        /// The version that this change made.
        pub version: u32,
    }

    /// Which switches, in the order of scopes and ids.
    pub struct SwitchListHead / ArchivedSwitchListHead {
        /// Only switches behind this one: its id.
        pub after_id: u64,
        /// Items wanted, 1 to 100.
        pub limit: u16,
        /// Its scope; 0, with `after_id` 0, starts at the beginning.
        pub after_scope: u8,
    }

    /// A switch that is set.
    pub struct SwitchItem / ArchivedSwitchItem {
        /// Id of the sale or sku; 0 for the whole shop.
        pub id: u64,
        /// When it was changed last, µs UTC.
        pub since: i64,
        /// Counts over all changes of all switches.
        pub version: u32,
        /// What it is about: 1 the whole shop, 2 a sale, 3 a sku.
        pub scope: u8,
        /// The sum of what it stops: 1 creating, 2 paying, 4 changing anything.
        pub stops: u8,
        /// Why, for other operators: printable ASCII, zero padded.
        pub note: [u8; 96],
    }
}
