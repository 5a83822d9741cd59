//! Stock that moves without being held, from the wire and back.

use domain::intent::{SHELF_UNITS_MAX, StockReturn, StockTransfer};
use domain::verdict::TransferView;
use domain::{Intent, RequestId, WarehouseId};
use protocol::{Header, messages, parse, structs};

use crate::catalogue::{shelf_to_wire, some_sku};
use crate::refused::Refused;

/// STOCK_TRANSFER as an intent.
pub(crate) fn transfer(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::StockTransferHead { request, sku, units, from, to } =
        parse::<messages::StockTransfer>(header, body)?.head;
    if to == from {
        return Err(Refused::field("to"));
    }
    Ok(Intent::StockTransfer(StockTransfer {
        request: RequestId(request),
        sku: some_sku(sku)?,
        from: some_warehouse("from", from)?,
        to: some_warehouse("to", to)?,
        units: some_units(units)?,
    }))
}

/// STOCK_RETURN as an intent.
pub(crate) fn take_back(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::StockReturnHead { request, sku, units, warehouse } =
        parse::<messages::StockReturn>(header, body)?.head;
    Ok(Intent::StockReturn(StockReturn {
        request: RequestId(request),
        sku: some_sku(sku)?,
        warehouse: some_warehouse("warehouse", warehouse)?,
        units: some_units(units)?,
    }))
}

/// Both shelves of a transfer, for the wire.
pub(crate) fn transfer_to_wire(view: &TransferView) -> structs::StockTransferAnswerHead {
    let TransferView { from, to } = view;
    structs::StockTransferAnswerHead { from: shelf_to_wire(from), to: shelf_to_wire(to) }
}

fn some_warehouse(name: &'static str, raw: u32) -> Result<WarehouseId, Refused> {
    if raw == 0 { Err(Refused::field(name)) } else { Ok(WarehouseId(raw)) }
}

fn some_units(raw: u64) -> Result<u64, Refused> {
    if (1..=SHELF_UNITS_MAX).contains(&raw) { Ok(raw) } else { Err(Refused::field("units")) }
}
