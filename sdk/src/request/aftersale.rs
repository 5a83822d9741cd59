//! AFTERSALE_OPEN, AFTERSALE_GET, AFTERSALE_DECIDE and AFTERSALE_RECEIVE.

use protocol::structs as wire;
use protocol::{Parsed, messages};

use super::sealed::Wire;
use super::{Ask, Changes, Request};
use crate::shop::{self, Aftersale, Returned};
use crate::values::{OrderId, SkuId, UserId, WarehouseId};

/// Opens an after-sales case about one line of an order.
#[derive(Clone, Debug)]
pub struct AftersaleOpen {
    pub(crate) user: UserId,
    pub(crate) order: OrderId,
    pub(crate) sku: SkuId,
    pub(crate) amount: i64,
    pub(crate) units: u32,
    pub(crate) exchange: bool,
    pub(crate) why: u16,
}

impl Request<AftersaleOpen> {
    /// So many units come back first. Without this, money goes back alone.
    pub fn returning(mut self, units: u32) -> Self {
        (self.ask.units, self.ask.exchange) = (units, false);
        self
    }

    /// So many units come back, and as many new ones of the sku go for them; no money moves.
    pub fn exchanging(mut self, units: u32) -> Self {
        (self.ask.units, self.ask.exchange) = (units, true);
        self
    }

    /// So much is to go back, in minor units. Without this, all that the line still has, and for goods that come back
    /// their part of what was paid for them.
    pub fn amount(mut self, minor_units: i64) -> Self {
        self.ask.amount = minor_units;
        self
    }

    /// The shop's own number for why.
    pub fn why(mut self, why: u16) -> Self {
        self.ask.why = why;
        self
    }
}

impl Wire for AftersaleOpen {
    type Question = messages::AftersaleOpen;
    type Reply = messages::AftersaleOpenAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::AftersaleOpenHead {
        let AftersaleOpen { user, order, sku, amount, units, exchange, why } = *self;
        let kind = match (exchange, units) {
            (true, _) => 3,
            (false, 0) => 1,
            (false, _) => 2,
        };
        let (user, order, sku) = (user.0, order.0, sku.0);
        wire::AftersaleOpenHead { request, user, order, sku, amount, units, why, kind }
    }
}

impl Ask for AftersaleOpen {
    type Answer = Aftersale;

    fn read(answer: &Parsed<'_, messages::AftersaleOpenAnswer>) -> Option<Aftersale> {
        shop::aftersale(&answer.head)
    }
}

impl Changes for AftersaleOpen {}

/// Reads the after-sales cases of an order.
#[derive(Clone, Debug)]
pub struct AftersaleGet {
    pub(crate) user: UserId,
    pub(crate) order: OrderId,
}

impl Wire for AftersaleGet {
    type Question = messages::AftersaleGet;
    type Reply = messages::AftersaleGetAnswer;
    const CHANGES: bool = false;

    fn head(&self, _: u128) -> wire::AftersaleGetHead {
        wire::AftersaleGetHead { user: self.user.0, order: self.order.0 }
    }
}

impl Ask for AftersaleGet {
    type Answer = Vec<Aftersale>;

    fn read(answer: &Parsed<'_, messages::AftersaleGetAnswer>) -> Option<Vec<Aftersale>> {
        answer.items.iter().map(|it| shop::aftersale(&it)).collect()
    }
}

/// Decides an after-sales case.
#[derive(Clone, Debug)]
pub struct AftersaleDecide {
    pub(crate) order: OrderId,
    pub(crate) number: u16,
    pub(crate) accept: bool,
    pub(crate) amount: i64,
    pub(crate) why: u16,
}

impl Request<AftersaleDecide> {
    /// So much goes back, in minor units. Without this, what was asked for.
    pub fn amount(mut self, minor_units: i64) -> Self {
        self.ask.amount = minor_units;
        self
    }

    /// The shop's own number for why.
    pub fn why(mut self, why: u16) -> Self {
        self.ask.why = why;
        self
    }
}

impl Wire for AftersaleDecide {
    type Question = messages::AftersaleDecide;
    type Reply = messages::AftersaleDecideAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::AftersaleDecideHead {
        let AftersaleDecide { order, number, accept, amount, why } = *self;
        wire::AftersaleDecideHead { request, order: order.0, amount, number, why, accept }
    }
}

impl Ask for AftersaleDecide {
    type Answer = Aftersale;

    fn read(answer: &Parsed<'_, messages::AftersaleDecideAnswer>) -> Option<Aftersale> {
        shop::aftersale(&answer.head)
    }
}

impl Changes for AftersaleDecide {}

/// Records that the goods of a case came back. An exchange gives the new ones then, or is SOLD_OUT and stays as it is.
#[derive(Clone, Debug)]
pub struct AftersaleReceive {
    pub(crate) order: OrderId,
    pub(crate) number: u16,
    pub(crate) returned: Returned,
    pub(crate) warehouse: WarehouseId,
}

impl Request<AftersaleReceive> {
    /// They came to this warehouse. Without this, to the one that they were sent from.
    pub fn at(mut self, warehouse: WarehouseId) -> Self {
        self.ask.warehouse = warehouse;
        self
    }
}

impl Wire for AftersaleReceive {
    type Question = messages::AftersaleReceive;
    type Reply = messages::AftersaleReceiveAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::AftersaleReceiveHead {
        let AftersaleReceive { order, number, returned, warehouse } = *self;
        let condition = match returned {
            Returned::Sellable => 1,
            Returned::Unavailable => 2,
            Returned::Lost => 3,
        };
        wire::AftersaleReceiveHead { request, order: order.0, warehouse: warehouse.0, number, condition }
    }
}

impl Ask for AftersaleReceive {
    type Answer = Aftersale;

    fn read(answer: &Parsed<'_, messages::AftersaleReceiveAnswer>) -> Option<Aftersale> {
        shop::aftersale(&answer.head)
    }
}

impl Changes for AftersaleReceive {}
