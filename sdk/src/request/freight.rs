//! FREIGHT_PUT and FREIGHT_LIST.

use protocol::structs as wire;
use protocol::{Parsed, messages};

use super::sealed::Wire;
use super::{Ask, Changes, Request};
use crate::shop::{self, FreightBy, FreightRule, Page};
use crate::values::{Currency, Money, SellerId};

/// Rules of one page, unless told otherwise.
const PAGE: u16 = 100;

/// Makes or replaces what a seller takes for sending goods sold in a currency.
#[derive(Clone, Debug)]
pub struct FreightPut {
    seller: SellerId,
    base: Money,
    by: FreightBy,
    free_from: i64,
    first: u64,
    step: u64,
    per_step: i64,
    replaces: u32,
}

impl FreightPut {
    pub(crate) fn new(seller: SellerId, base: Money) -> FreightPut {
        let (free_from, first, step, per_step) = (0, 0, 0, 0);
        FreightPut { seller, base, by: FreightBy::Total, free_from, first, step, per_step, replaces: 0 }
    }
}

impl Request<FreightPut> {
    /// The version that this one replaces. Without it the rule must be new; otherwise VERSION_CONFLICT.
    pub fn replaces(mut self, version: u32) -> Self {
        self.ask.replaces = version;
        self
    }

    /// The seller's goods go free when they cost so much after discounts, or more; in minor units of the base's
    /// currency.
    pub fn free_from(mut self, minor_units: i64) -> Self {
        self.ask.free_from = minor_units;
        self
    }

    /// The base covers the first `first` of what the charge goes by (minor units, grams or units); each `step` begun
    /// beyond costs `per_step`, in minor units of the base's currency. Without this the base is for any basket.
    pub fn steps(mut self, by: FreightBy, first: u64, step: u64, per_step: i64) -> Self {
        (self.ask.by, self.ask.first, self.ask.step, self.ask.per_step) = (by, first, step, per_step);
        self
    }
}

impl Wire for FreightPut {
    type Question = messages::FreightPut;
    type Reply = messages::FreightPutAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::FreightPutHead {
        wire::FreightPutHead {
            request,
            free_from: self.free_from,
            base: self.base.minor_units,
            first: self.first,
            step: self.step,
            per_step: self.per_step,
            seller: self.seller.0,
            replaces: self.replaces,
            currency: self.base.currency.0,
            by: match self.by {
                FreightBy::Total => 1,
                FreightBy::Weight => 2,
                FreightBy::Count => 3,
            },
        }
    }
}

/// The answer is the version that stands now.
impl Ask for FreightPut {
    type Answer = u32;

    fn read(answer: &Parsed<'_, messages::FreightPutAnswer>) -> Option<u32> {
        Some(answer.head.version)
    }
}

impl Changes for FreightPut {}

/// Reads freight rules by seller and currency.
#[derive(Clone, Debug)]
pub struct FreightList {
    after: (SellerId, Currency),
    limit: u16,
}

impl FreightList {
    pub(crate) fn new() -> FreightList {
        FreightList { after: (SellerId(0), Currency(0)), limit: PAGE }
    }
}

impl Request<FreightList> {
    /// Only rules above this one: the last one of a page brings the next page.
    pub fn after(mut self, seller: SellerId, currency: Currency) -> Self {
        self.ask.after = (seller, currency);
        self
    }

    /// Rules of one page, 1 to 100. Default 100.
    pub fn limit(mut self, rules: u16) -> Self {
        self.ask.limit = rules;
        self
    }
}

impl Wire for FreightList {
    type Question = messages::FreightList;
    type Reply = messages::FreightListAnswer;
    const CHANGES: bool = false;

    fn head(&self, _request: u128) -> wire::FreightListHead {
        let (seller, currency) = self.after;
        wire::FreightListHead { after_seller: seller.0, after_currency: currency.0, limit: self.limit }
    }
}

impl Ask for FreightList {
    type Answer = Page<FreightRule>;

    fn read(answer: &Parsed<'_, messages::FreightListAnswer>) -> Option<Page<FreightRule>> {
        let items: Option<Vec<_>> = answer.items.iter().map(|item| shop::freight_rule(&item)).collect();
        Some(Page { items: items?, more: answer.head.more })
    }
}
