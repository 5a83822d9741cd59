//! GET, LIST, HISTORY and ORDERS_SCAN: reading orders, from the wire and back.

use domain::fact::Actor;
use domain::intent::{List, PAGE_MAX, Scan};
use domain::order::State;
use domain::verdict::{HistoryRow, OrderView};
use domain::{Intent, MicrosUtc, OrderId, RequestId, SaleId, SkuId, UserId};
use protocol::{Header, messages, parse, structs};

use crate::coupon::shares_to_wire;
use crate::create::{brief_to_wire, buyer, some_order};
use crate::refused::Refused;

/// GET as an intent: by order, or by user and request id.
pub(crate) fn get(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::GetHead { request, user, order } = parse::<messages::Get>(header, body)?.head;
    match (request, order) {
        (0, order) => Ok(Intent::Get { user: UserId(user), order: some_order(order)? }),
        (request, 0) => Ok(Intent::GetByRequest { user: buyer(user)?, request: RequestId(request) }),
        (_, _) => Err(Refused::field("order")),
    }
}

/// LIST as an intent.
pub(crate) fn list(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::ListHead { user, before, limit, state } = parse::<messages::List>(header, body)?.head;
    if state != 0 && State::from_number(state).is_none() {
        return Err(Refused::field("state"));
    }
    Ok(Intent::List(List { user: buyer(user)?, before: OrderId(before), state, limit: page(limit)? }))
}

/// ORDERS_SCAN as an intent.
pub(crate) fn scan(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::OrdersScanHead { before, user, sku, from, to, sale, limit, state } =
        parse::<messages::OrdersScan>(header, body)?.head;
    if state != 0 && State::from_number(state).is_none() {
        return Err(Refused::field("state"));
    }
    if from < 0 {
        return Err(Refused::field("from"));
    }
    if to < 0 {
        return Err(Refused::field("to"));
    }
    Ok(Intent::Scan(Scan {
        before: OrderId(before),
        user: UserId(user),
        state,
        sku: SkuId(sku),
        sale: SaleId(sale),
        from: MicrosUtc(from),
        to: MicrosUtc(to),
        limit: page(limit)?,
    }))
}

/// HISTORY as an intent.
pub(crate) fn history(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::HistoryHead { user, order } = parse::<messages::History>(header, body)?.head;
    Ok(Intent::History { user: UserId(user), order: some_order(order)? })
}

/// The head of GET's answer.
pub(crate) fn order_to_wire(view: &OrderView) -> structs::OrderHead {
    // The lines follow as items.
    let OrderView { brief, request, hold, coupons, discount, freight, lines: _, client_bytes } = view;
    let (coupons, coupon_discounts) = shares_to_wire(coupons);
    structs::OrderHead {
        brief: brief_to_wire(brief),
        request: request.0,
        hold: *hold,
        coupons,
        coupon_discounts,
        discount: discount.0,
        freight: freight.0,
        // At most CLIENT_BYTES_MAX came in with the CREATE.
        client_bytes: client_bytes.len() as u16,
    }
}

/// A row of HISTORY's answer.
pub(crate) fn row_to_wire(row: &HistoryRow) -> structs::HistoryRow {
    let HistoryRow { from, to, at, actor, why, version } = *row;
    let (actor, actor_id) = match actor {
        Actor::User(user) => (1, user.0),
        Actor::Operator(key) => (2, u64::from(key)),
        Actor::Timer => (3, 0),
        Actor::Gateway(gateway) => (4, u64::from(gateway.0)),
    };
    let from = from.map_or(0, State::number);
    structs::HistoryRow { at: at.0, actor_id, version, why, from, to: to.number(), actor }
}

/// Items wanted, 1 to [`PAGE_MAX`].
pub(crate) fn page(limit: u16) -> Result<u16, Refused> {
    if (1..=PAGE_MAX).contains(&limit) { Ok(limit) } else { Err(Refused::field("limit")) }
}
