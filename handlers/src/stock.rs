//! Stock that is held without an order, or moves without being held, from the wire and back.

use domain::hold::Hold;
use domain::intent::{
    AskedLine, EndHold, SHELF_UNITS_MAX, StockExtend, StockReserve, StockReturn, StockTransfer,
};
use domain::verdict::TransferView;
use domain::{Intent, RequestId, UserId, WarehouseId};
use protocol::{Header, Parsed, messages, parse, structs};

use crate::catalogue::{hold_time, shelf_to_wire, some_sku};
use crate::create::basket;
use crate::refused::Refused;

/// STOCK_RESERVE as an intent. `lines` is room for its lines.
pub(crate) fn reserve<'a>(
    header: &Header,
    body: &[u8],
    lines: &'a mut Vec<AskedLine>,
) -> Result<Intent<'a>, Refused> {
    let Parsed { head, items, tail: _ } = parse::<messages::StockReserve>(header, body)?;
    let structs::StockReserveHead { request, user, hold_seconds } = head;
    Ok(Intent::StockReserve(StockReserve {
        user: UserId(user),
        request: RequestId(request),
        hold_seconds: hold_time(hold_seconds)?,
        lines: basket(items, lines)?,
    }))
}

/// STOCK_RELEASE as an intent.
pub(crate) fn release(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    end_hold(&parse::<messages::StockRelease>(header, body)?.head).map(Intent::StockRelease)
}

/// STOCK_COMMIT as an intent.
pub(crate) fn commit(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    end_hold(&parse::<messages::StockCommit>(header, body)?.head).map(Intent::StockCommit)
}

/// STOCK_EXTEND as an intent.
pub(crate) fn extend(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::StockExtendHead { request, user, hold, hold_seconds } =
        parse::<messages::StockExtend>(header, body)?.head;
    Ok(Intent::StockExtend(StockExtend {
        user: UserId(user),
        request: RequestId(request),
        hold: some_hold(hold)?,
        hold_seconds: hold_time(hold_seconds)?,
    }))
}

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

/// A hold, for the wire.
pub(crate) fn hold_to_wire(hold: &Hold) -> structs::HoldBrief {
    let Hold { id, user, state, until } = *hold;
    structs::HoldBrief { hold: id, user: user.0, until: until.0, state: state.number() }
}

/// Both shelves of a transfer, for the wire.
pub(crate) fn transfer_to_wire(view: &TransferView) -> structs::StockTransferAnswerHead {
    let TransferView { from, to } = view;
    structs::StockTransferAnswerHead { from: shelf_to_wire(from), to: shelf_to_wire(to) }
}

fn end_hold(head: &structs::EndHoldHead) -> Result<EndHold, Refused> {
    let structs::EndHoldHead { request, user, hold } = *head;
    Ok(EndHold { user: UserId(user), request: RequestId(request), hold: some_hold(hold)? })
}

fn some_hold(raw: u64) -> Result<u64, Refused> {
    if raw == 0 { Err(Refused::field("hold")) } else { Ok(raw) }
}

fn some_warehouse(name: &'static str, raw: u32) -> Result<WarehouseId, Refused> {
    if raw == 0 { Err(Refused::field(name)) } else { Ok(WarehouseId(raw)) }
}

fn some_units(raw: u64) -> Result<u64, Refused> {
    if (1..=SHELF_UNITS_MAX).contains(&raw) { Ok(raw) } else { Err(Refused::field("units")) }
}
