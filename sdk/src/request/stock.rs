//! STOCK_RESERVE, STOCK_RELEASE, STOCK_COMMIT, STOCK_EXTEND, STOCK_TRANSFER and STOCK_RETURN.

use protocol::structs as wire;
use protocol::{Parsed, messages};

use super::sealed::Wire;
use super::{Ask, Changes, Request};
use crate::shop::{self, Hold, Shelf, Transferred};
use crate::values::{HoldId, SkuId, UserId, WarehouseId};

/// How long a hold lasts, unless told otherwise: a quarter of an hour.
const HOLD_SECONDS: u32 = 900;

/// Sets units aside without an order.
#[derive(Clone, Debug)]
pub struct StockReserve {
    user: UserId,
    hold_seconds: u32,
    lines: Vec<wire::AskedLine>,
}

impl StockReserve {
    pub(crate) fn new(user: UserId) -> StockReserve {
        StockReserve { user, hold_seconds: HOLD_SECONDS, lines: Vec::new() }
    }
}

impl Request<StockReserve> {
    /// Adds a line: `quantity` units, 1 to 1,000,000, from whichever warehouse has enough. 1 to 256 lines, each sku
    /// once.
    pub fn line(self, sku: SkuId, quantity: u32) -> Self {
        self.line_from(sku, WarehouseId(0), quantity)
    }

    /// Adds a line from this warehouse.
    pub fn line_from(mut self, sku: SkuId, warehouse: WarehouseId, quantity: u32) -> Self {
        self.ask.lines.push(wire::AskedLine { sku: sku.0, warehouse: warehouse.0, quantity });
        self
    }

    /// For how long, 1 to 2,592,000 seconds (30 days).
    pub fn hold_seconds(mut self, seconds: u32) -> Self {
        self.ask.hold_seconds = seconds;
        self
    }
}

impl Wire for StockReserve {
    type Question = messages::StockReserve;
    type Reply = messages::StockReserveAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::StockReserveHead {
        wire::StockReserveHead { request, user: self.user.0, hold_seconds: self.hold_seconds }
    }

    fn items(&self, _asked_before: bool) -> Vec<wire::AskedLine> {
        self.lines.clone()
    }

    fn item_count(&self) -> usize {
        self.lines.len()
    }
}

impl Ask for StockReserve {
    type Answer = Hold;

    fn read(answer: &Parsed<'_, messages::StockReserveAnswer>) -> Option<Hold> {
        shop::hold(&answer.head)
    }
}

impl Changes for StockReserve {}

/// Frees what a hold set aside.
#[derive(Clone, Debug)]
pub struct StockRelease {
    pub(crate) user: UserId,
    pub(crate) hold: HoldId,
}

impl Wire for StockRelease {
    type Question = messages::StockRelease;
    type Reply = messages::StockReleaseAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::EndHoldHead {
        wire::EndHoldHead { request, user: self.user.0, hold: self.hold.0 }
    }
}

impl Ask for StockRelease {
    type Answer = Hold;

    fn read(answer: &Parsed<'_, messages::StockReleaseAnswer>) -> Option<Hold> {
        shop::hold(&answer.head)
    }
}

impl Changes for StockRelease {}

/// Sells what a hold set aside, without an order.
#[derive(Clone, Debug)]
pub struct StockCommit {
    pub(crate) user: UserId,
    pub(crate) hold: HoldId,
}

impl Wire for StockCommit {
    type Question = messages::StockCommit;
    type Reply = messages::StockCommitAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::EndHoldHead {
        wire::EndHoldHead { request, user: self.user.0, hold: self.hold.0 }
    }
}

impl Ask for StockCommit {
    type Answer = Hold;

    fn read(answer: &Parsed<'_, messages::StockCommitAnswer>) -> Option<Hold> {
        shop::hold(&answer.head)
    }
}

impl Changes for StockCommit {}

/// Makes a hold longer.
#[derive(Clone, Debug)]
pub struct StockExtend {
    pub(crate) user: UserId,
    pub(crate) hold: HoldId,
    pub(crate) hold_seconds: u32,
}

impl Wire for StockExtend {
    type Question = messages::StockExtend;
    type Reply = messages::StockExtendAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::StockExtendHead {
        let StockExtend { user, hold, hold_seconds } = *self;
        wire::StockExtendHead { request, user: user.0, hold: hold.0, hold_seconds }
    }
}

impl Ask for StockExtend {
    type Answer = Hold;

    fn read(answer: &Parsed<'_, messages::StockExtendAnswer>) -> Option<Hold> {
        shop::hold(&answer.head)
    }
}

impl Changes for StockExtend {}

/// Moves units between two warehouses.
#[derive(Clone, Debug)]
pub struct StockTransfer {
    pub(crate) sku: SkuId,
    pub(crate) from: WarehouseId,
    pub(crate) to: WarehouseId,
    pub(crate) units: u64,
}

impl Wire for StockTransfer {
    type Question = messages::StockTransfer;
    type Reply = messages::StockTransferAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::StockTransferHead {
        let StockTransfer { sku, from, to, units } = *self;
        wire::StockTransferHead { request, sku: sku.0, units, from: from.0, to: to.0 }
    }
}

impl Ask for StockTransfer {
    type Answer = Transferred;

    fn read(answer: &Parsed<'_, messages::StockTransferAnswer>) -> Option<Transferred> {
        let wire::StockTransferAnswerHead { from, to } = &answer.head;
        Some(Transferred { from: shop::shelf(from), to: shop::shelf(to) })
    }
}

impl Changes for StockTransfer {}

/// Takes sold units back onto a shelf.
#[derive(Clone, Debug)]
pub struct StockReturn {
    pub(crate) sku: SkuId,
    pub(crate) warehouse: WarehouseId,
    pub(crate) units: u64,
}

impl Wire for StockReturn {
    type Question = messages::StockReturn;
    type Reply = messages::StockReturnAnswer;
    const CHANGES: bool = true;

    fn head(&self, request: u128) -> wire::StockReturnHead {
        let StockReturn { sku, warehouse, units } = *self;
        wire::StockReturnHead { request, sku: sku.0, units, warehouse: warehouse.0 }
    }
}

impl Ask for StockReturn {
    type Answer = Shelf;

    fn read(answer: &Parsed<'_, messages::StockReturnAnswer>) -> Option<Shelf> {
        Some(shop::shelf(&answer.head))
    }
}

impl Changes for StockReturn {}
