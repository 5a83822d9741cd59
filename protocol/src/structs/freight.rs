//! FREIGHT_PUT and FREIGHT_LIST.

use crate::plain::plain;

plain! {
    /// What a seller takes for sending goods sold in a currency: nothing from `free_from` on; else `base` for the
    /// first `first` of what it goes by, and `per_step` for each `step` begun beyond.
    pub struct FreightPutHead / ArchivedFreightPutHead {
        /// 48 bits of Unix milliseconds, then 80 random bits; the same on every ask.
        pub request: u128,
        /// The seller's goods go free when they cost so much after discounts, or more, minor units; 0: they never do.
        pub free_from: i64,
        /// What `first` costs, minor units, 0 or more.
        pub base: i64,
        /// How much of what it goes by is in `base`: minor units, grams or units.
        pub first: u64,
        /// How much more a further `per_step` covers; 0: `base` is for any basket, and `per_step` is 0.
        pub step: u64,
        /// What each step begun beyond `first` costs, minor units, 0 or more.
        pub per_step: i64,
        /// Whose goods; 0 is the shop.
        pub seller: u32,
        /// The version that this one replaces; 0: the rule is new.
        pub replaces: u32,
        /// ISO 4217 numeric; never 0. Baskets in other currencies have rules of their own.
        pub currency: u16,
        /// What it goes by: 1 what the goods cost after discounts, 2 what they weigh, 3 how many units there are.
        pub by: u8,
    }

    /// The version that stands now.
    pub struct FreightPutAnswerHead / ArchivedFreightPutAnswerHead {
        /// Whose goods.
        pub seller: u32,
        /// The rule's version.
        pub version: u32,
        /// In which currency.
        pub currency: u16,
    }

    /// Which rules, by seller and then by currency.
    pub struct FreightListHead / ArchivedFreightListHead {
        /// Rules up to that of this seller and `after_currency` are left out; 0 and 0 start at the beginning.
        pub after_seller: u32,
        /// See `after_seller`.
        pub after_currency: u16,
        /// Items wanted, 1 to 100.
        pub limit: u16,
    }

    /// A freight rule; FREIGHT_PUT says what its fields mean.
    pub struct FreightRule / ArchivedFreightRule {
        /// From which sum on goods go free, minor units; 0: never.
        pub free_from: i64,
        /// What `first` costs, minor units.
        pub base: i64,
        /// How much is in `base`: minor units, grams or units.
        pub first: u64,
        /// How much more a `per_step` covers; 0: there are no steps.
        pub step: u64,
        /// What each step begun costs, minor units.
        pub per_step: i64,
        /// Whose goods; 0 is the shop.
        pub seller: u32,
        /// Counts from 1; one more with each FREIGHT_PUT.
        pub version: u32,
        /// ISO 4217 numeric.
        pub currency: u16,
        /// What it goes by: 1 total, 2 weight, 3 count.
        pub by: u8,
    }
}
