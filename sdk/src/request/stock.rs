//! STOCK_TRANSFER and STOCK_RETURN.

use protocol::structs as wire;
use protocol::{Parsed, messages};

use super::sealed::Wire;
use super::{Ask, Changes};
use crate::shop::{self, Shelf, Transferred};
use crate::values::{SkuId, WarehouseId};

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
