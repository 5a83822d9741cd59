//! After-sales, from the wire and back.

use domain::aftersale::{CaseKind, Condition};
use domain::intent::{CaseDecide, CaseOpen, CaseReceive};
use domain::verdict::CaseView;
use domain::{Intent, MinorUnits, RequestId, SkuId, UserId, WarehouseId};
use protocol::{Header, messages, parse, structs};

use crate::create::some_order;
use crate::refused::Refused;

/// AFTERSALE_OPEN as an intent.
pub(crate) fn open(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::AftersaleOpenHead { request, user, order, sku, amount, units, why, kind } =
        parse::<messages::AftersaleOpen>(header, body)?.head;
    let kind = CaseKind::from_number(kind).ok_or(Refused::field("kind"))?;
    if sku == 0 {
        return Err(Refused::field("sku"));
    }
    let (user, request, order) = (UserId(user), RequestId(request), some_order(order)?);
    let (sku, amount) = (SkuId(sku), MinorUnits(amount));
    Ok(Intent::CaseOpen(CaseOpen { user, request, order, kind, sku, units, amount, why }))
}

/// AFTERSALE_GET as an intent.
pub(crate) fn get(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::AftersaleGetHead { user, order } = parse::<messages::AftersaleGet>(header, body)?.head;
    Ok(Intent::CaseList { user: UserId(user), order: some_order(order)? })
}

/// AFTERSALE_DECIDE as an intent.
pub(crate) fn decide(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::AftersaleDecideHead { request, order, amount, number, why, accept } =
        parse::<messages::AftersaleDecide>(header, body)?.head;
    let (request, order, amount) = (RequestId(request), some_order(order)?, MinorUnits(amount));
    Ok(Intent::CaseDecide(CaseDecide { request, order, number, accept, amount, why }))
}

/// AFTERSALE_RECEIVE as an intent.
pub(crate) fn receive(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::AftersaleReceiveHead { request, order, warehouse, number, condition } =
        parse::<messages::AftersaleReceive>(header, body)?.head;
    let condition = Condition::from_number(condition).ok_or(Refused::field("condition"))?;
    let (request, order, warehouse) = (RequestId(request), some_order(order)?, WarehouseId(warehouse));
    Ok(Intent::CaseReceive(CaseReceive { request, order, number, warehouse, condition }))
}

pub(crate) fn case_to_wire(view: &CaseView) -> structs::Aftersale {
    let CaseView { case, currency, opened_at, changed_at, order_state, order_version } = *view;
    structs::Aftersale {
        order: case.order.0,
        sku: case.sku.0,
        amount: case.amount.0,
        opened_at: opened_at.0,
        changed_at: changed_at.0,
        units: case.units,
        order_version,
        number: case.number,
        currency: currency.0,
        refund: case.refund,
        why: case.why,
        kind: case.kind.number(),
        state: case.state.number(),
        order_state: order_state.number(),
    }
}
