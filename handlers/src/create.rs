//! PREPARE, CREATE and CANCEL: what makes and ends orders, from the wire and back.

use domain::coupon::CouponIds;
use domain::intent::{AskedLine, Cancel, Create, Lines, NotABasket, Prepare};
use domain::verdict::{OrderBrief, PricedView};
use domain::{Currency, Intent, MinorUnits, OrderId, Quantity, RequestId, SkuId, UserId, WarehouseId};
use protocol::{Header, Items, Parsed, messages, parse, structs};

use crate::coupon::coupons_from_wire;
use crate::refused::Refused;

/// CREATE as an intent. `lines` is room for its lines.
pub(crate) fn create<'a>(
    header: &Header,
    body: &'a [u8],
    lines: &'a mut Vec<AskedLine>,
) -> Result<Intent<'a>, Refused> {
    let Parsed { head, items, tail } = parse::<messages::Create>(header, body)?;
    // `client_bytes` is their number, which `parse` has compared with what is there.
    let structs::CreateHead { request, user, hold, coupons, total, currency, client_bytes: _ } = head;
    Ok(Intent::Create(Create {
        user: buyer(user)?,
        request: RequestId(request),
        hold,
        coupons: coupons_from_wire(coupons)?,
        currency: known_currency(currency)?,
        total: not_negative("total", total)?,
        lines: basket(items, lines)?,
        client_bytes: tail,
    }))
}

/// PREPARE as an intent. `lines` is room for its lines.
pub(crate) fn prepare<'a>(
    header: &Header,
    body: &'a [u8],
    lines: &'a mut Vec<AskedLine>,
) -> Result<Intent<'a>, Refused> {
    let Parsed { head, items, tail: _ } = parse::<messages::Prepare>(header, body)?;
    let structs::PrepareHead { request, user, coupons, currency, hold } = head;
    if !hold && request != 0 {
        return Err(Refused::field("request"));
    }
    Ok(Intent::Prepare(Prepare {
        user: buyer(user)?,
        coupons: coupons_from_wire(coupons)?,
        currency: known_currency(currency)?,
        lines: basket(items, lines)?,
        hold: hold.then_some(RequestId(request)),
    }))
}

/// CANCEL as an intent.
pub(crate) fn cancel(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::CancelHead { request, user, order, version, why } =
        parse::<messages::Cancel>(header, body)?.head;
    Ok(Intent::Cancel(Cancel {
        user: UserId(user),
        request: RequestId(request),
        order: some_order(order)?,
        version,
        why,
    }))
}

/// A one-line CREATE of a BATCH. `lines` is room for its line.
pub(crate) fn batch_item<'a>(
    place: usize,
    item: &structs::BatchItem,
    lines: &'a mut Vec<AskedLine>,
) -> Result<Create<'a>, Refused> {
    let structs::BatchItem { request, user, sku, total, warehouse, quantity, currency, asked_before: _ } =
        *item;
    lines.clear();
    lines.push(line_from_wire(place, &structs::AskedLine { sku, warehouse, quantity })?);
    Ok(Create {
        user: buyer(user)?,
        request: RequestId(request),
        hold: 0,
        coupons: CouponIds::NONE,
        currency: known_currency(currency)?,
        total: not_negative("total", total)?,
        lines: Lines::parse(lines).map_err(|why| from_not_a_basket(why, place))?,
        client_bytes: &[],
    })
}

/// The order in a few words, for the wire.
pub(crate) fn brief_to_wire(brief: &OrderBrief) -> structs::OrderBrief {
    let OrderBrief { order, user, state, version, total, currency, created_at, pay_until } = *brief;
    structs::OrderBrief {
        order: order.0,
        user: user.0,
        total: total.0,
        created_at: created_at.0,
        pay_until: pay_until.0,
        version,
        currency: currency.0,
        state: state.number(),
    }
}

/// The head of PREPARE's answer.
pub(crate) fn priced_to_wire(view: &PricedView) -> structs::PrepareAnswerHead {
    // The lines follow as items.
    let PricedView { total, discount, freight, hold_seconds, hold, hold_until, lines: _ } = view;
    structs::PrepareAnswerHead {
        total: total.0,
        discount: discount.0,
        freight: freight.0,
        hold: *hold,
        hold_until: hold_until.0,
        hold_seconds: *hold_seconds,
    }
}

/// A decided line, for the wire.
pub(crate) fn line_to_wire(line: &domain::fact::Line) -> structs::Line {
    let domain::fact::Line { sku, seller, warehouse, sale, quantity, unit_price, discount, freight, parcel } =
        *line;
    structs::Line {
        sku: sku.0,
        unit_price: unit_price.0,
        discount: discount.0,
        freight: freight.0,
        seller: seller.0,
        warehouse: warehouse.0,
        sale: sale.0,
        quantity: quantity.get(),
        parcel,
    }
}

/// A user that is somebody.
pub(crate) fn buyer(raw: u64) -> Result<UserId, Refused> {
    if raw == 0 { Err(Refused::field("user")) } else { Ok(UserId(raw)) }
}

/// An order's id that names something.
pub(crate) fn some_order(raw: u64) -> Result<OrderId, Refused> {
    if raw == 0 { Err(Refused::field("order")) } else { Ok(OrderId(raw)) }
}

/// A currency that is one.
pub(crate) fn known_currency(raw: u16) -> Result<Currency, Refused> {
    if raw == 0 { Err(Refused::field("currency")) } else { Ok(Currency(raw)) }
}

/// Money that is 0 or more.
pub(crate) fn not_negative(name: &'static str, raw: i64) -> Result<MinorUnits, Refused> {
    if raw < 0 { Err(Refused::field(name)) } else { Ok(MinorUnits(raw)) }
}

pub(crate) fn basket<'a>(
    items: Items<'_, structs::AskedLine>,
    lines: &'a mut Vec<AskedLine>,
) -> Result<Lines<'a>, Refused> {
    lines.clear();
    for (place, line) in items.iter().enumerate() {
        lines.push(line_from_wire(place, &line)?);
    }
    Lines::parse(lines).map_err(|why| from_not_a_basket(why, 0))
}

fn line_from_wire(place: usize, line: &structs::AskedLine) -> Result<AskedLine, Refused> {
    let structs::AskedLine { sku, warehouse, quantity } = *line;
    let quantity = Quantity::parse(quantity).ok_or(Refused::item("quantity", place))?;
    Ok(AskedLine { sku: SkuId(sku), warehouse: WarehouseId(warehouse), quantity })
}

/// `first` is the place of the basket's first line.
fn from_not_a_basket(why: NotABasket, first: usize) -> Refused {
    match why {
        NotABasket::Count => Refused::field("items"),
        NotABasket::NoSku(line) => Refused::item("sku", first + line),
        NotABasket::Repeated(line) => Refused::item("sku", first + line),
    }
}
