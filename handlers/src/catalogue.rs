//! Skus, sales and shelves, from the wire and back.

use domain::intent::{AdjustReason, HOLD_SECONDS_MAX, Sale, SalePut, SaleSku, Sku, SkuPut, StockAdjust};
use domain::verdict::{SaleSummary, ShelfView, SkuView};
use domain::{Intent, MicrosUtc, RequestId, SaleId, SellerId, SkuId, WarehouseId};
use protocol::{Header, Items, Parsed, messages, parse, structs};

use crate::create::{known_currency, not_negative};
use crate::reads::page;
use crate::refused::Refused;

/// SKU_PUT as an intent.
pub(crate) fn sku_put(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::SkuPutHead {
        request,
        sku,
        unit_price,
        replaces,
        seller,
        hold_seconds,
        weight_grams,
        currency,
        open,
    } = parse::<messages::SkuPut>(header, body)?.head;
    let sku = Sku {
        id: some_sku(sku)?,
        version: 0,
        seller: SellerId(seller),
        currency: known_currency(currency)?,
        unit_price: not_negative("unit_price", unit_price)?,
        hold_seconds: hold_time(hold_seconds)?,
        open,
        weight_grams,
    };
    Ok(Intent::SkuPut(SkuPut { request: RequestId(request), replaces, sku }))
}

/// SALE_PUT as an intent. `skus` is room for its skus.
pub(crate) fn sale_put<'a>(
    header: &Header,
    body: &[u8],
    skus: &'a mut Vec<SaleSku>,
) -> Result<Intent<'a>, Refused> {
    let Parsed { head, items, tail: _ } = parse::<messages::SalePut>(header, body)?;
    let structs::SalePutHead {
        request,
        closed_from,
        opens,
        closes,
        cap_units,
        sale,
        replaces,
        user_limit_units,
        order_limit_units,
        hold_seconds,
    } = head;
    if closed_from < 0 || closed_from > opens {
        return Err(Refused::field("closed_from"));
    }
    if opens >= closes {
        return Err(Refused::field("closes"));
    }
    let sale = Sale {
        id: some_sale(sale)?,
        version: 0,
        closed_from: MicrosUtc(closed_from),
        opens: MicrosUtc(opens),
        closes: MicrosUtc(closes),
        user_limit_units,
        order_limit_units,
        cap_units,
        hold_seconds: hold_time(hold_seconds)?,
    };
    sale_skus(items, skus)?;
    Ok(Intent::SalePut(SalePut { request: RequestId(request), replaces, sale, skus }))
}

/// STOCK_ADJUST as an intent.
pub(crate) fn stock_adjust(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::StockAdjustHead {
        request,
        sku,
        on_hand_delta,
        safety_delta,
        unavailable_delta,
        warehouse,
        reason,
    } = parse::<messages::StockAdjust>(header, body)?.head;
    if warehouse == 0 {
        return Err(Refused::field("warehouse"));
    }
    let reason = match reason {
        1 => AdjustReason::Received,
        2 => AdjustReason::Adjusted,
        3 => AdjustReason::Returned,
        // 4 is a transfer, in events.
        5 => AdjustReason::Lost,
        _ => return Err(Refused::field("reason")),
    };
    Ok(Intent::StockAdjust(StockAdjust {
        request: RequestId(request),
        sku: some_sku(sku)?,
        warehouse: WarehouseId(warehouse),
        on_hand_delta,
        safety_delta,
        unavailable_delta,
        reason,
    }))
}

/// STOCK_GET as an intent.
pub(crate) fn stock_get(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::StockGetHead { sku, warehouse } = parse::<messages::StockGet>(header, body)?.head;
    Ok(Intent::StockGet { sku: some_sku(sku)?, warehouse: WarehouseId(warehouse) })
}

/// SKU_GET as an intent.
pub(crate) fn sku_get(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::SkuGetHead { sku } = parse::<messages::SkuGet>(header, body)?.head;
    Ok(Intent::SkuGet(some_sku(sku)?))
}

/// SKU_LIST as an intent.
pub(crate) fn sku_list(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::SkuListHead { after, limit } = parse::<messages::SkuList>(header, body)?.head;
    Ok(Intent::SkuList { after: SkuId(after), limit: page(limit)? })
}

/// SALE_GET as an intent.
pub(crate) fn sale_get(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::SaleGetHead { sale } = parse::<messages::SaleGet>(header, body)?.head;
    Ok(Intent::SaleGet(some_sale(sale)?))
}

/// SALE_LIST as an intent.
pub(crate) fn sale_list(header: &Header, body: &[u8]) -> Result<Intent<'static>, Refused> {
    let structs::SaleListHead { after, limit } = parse::<messages::SaleList>(header, body)?.head;
    Ok(Intent::SaleList { after: SaleId(after), limit: page(limit)? })
}

/// A sku, for the wire.
pub(crate) fn sku_to_wire(sku: &Sku) -> structs::Sku {
    let Sku { id, version, seller, currency, unit_price, hold_seconds, open, weight_grams } = *sku;
    structs::Sku {
        sku: id.0,
        unit_price: unit_price.0,
        version,
        seller: seller.0,
        hold_seconds,
        weight_grams,
        currency: currency.0,
        open,
    }
}

/// A sku and what speaks for it, for the wire.
pub(crate) fn sku_view_to_wire(view: &SkuView) -> structs::SkuGetAnswerHead {
    let SkuView { sku, sale, stock } = view;
    structs::SkuGetAnswerHead { sku: sku_to_wire(sku), stock: shelf_to_wire(stock), sale: sale.0 }
}

/// A shelf, for the wire.
pub(crate) fn shelf_to_wire(shelf: &ShelfView) -> structs::Shelf {
    let ShelfView { sku, warehouse, on_hand, held, safety, unavailable, sold, sellable } = *shelf;
    structs::Shelf { sku: sku.0, on_hand, held, safety, unavailable, sold, sellable, warehouse: warehouse.0 }
}

/// A sale and what it took, for the wire.
pub(crate) fn sale_to_wire(summary: &SaleSummary) -> structs::Sale {
    let SaleSummary { sale, taken_units } = *summary;
    let Sale {
        id,
        version,
        closed_from,
        opens,
        closes,
        user_limit_units,
        order_limit_units,
        cap_units,
        hold_seconds,
    } = sale;
    structs::Sale {
        closed_from: closed_from.0,
        opens: opens.0,
        closes: closes.0,
        cap_units,
        taken_units,
        sale: id.0,
        version,
        user_limit_units,
        order_limit_units,
        hold_seconds,
    }
}

/// A sku in a sale, for the wire.
pub(crate) fn sale_sku_to_wire(sku: &SaleSku) -> structs::SaleSku {
    let SaleSku { sku, unit_price } = *sku;
    structs::SaleSku { sku: sku.0, unit_price: unit_price.0 }
}

/// The skus of a sale, each once.
fn sale_skus(items: Items<'_, structs::SaleSku>, skus: &mut Vec<SaleSku>) -> Result<(), Refused> {
    skus.clear();
    for (place, item) in items.iter().enumerate() {
        let structs::SaleSku { sku, unit_price } = item;
        let unit_price =
            not_negative("unit_price", unit_price).map_err(|_| Refused::item("unit_price", place))?;
        let sku = some_sku(sku).map_err(|_| Refused::item("sku", place))?;
        skus.push(SaleSku { sku, unit_price });
    }
    // Seldom asked and bounded by the frame, so a list of places is made for it.
    let mut places: Vec<usize> = (0..skus.len()).collect();
    places.sort_by_key(|&place| (skus[place].sku, place));
    let repeated = places.windows(2).filter(|pair| skus[pair[0]].sku == skus[pair[1]].sku);
    match repeated.map(|pair| pair[1]).min() {
        Some(place) => Err(Refused::item("sku", place)),
        None => Ok(()),
    }
}

pub(crate) fn some_sku(raw: u64) -> Result<SkuId, Refused> {
    if raw == 0 { Err(Refused::field("sku")) } else { Ok(SkuId(raw)) }
}

fn some_sale(raw: u32) -> Result<SaleId, Refused> {
    if raw == 0 { Err(Refused::field("sale")) } else { Ok(SaleId(raw)) }
}

pub(crate) fn hold_time(seconds: u32) -> Result<u32, Refused> {
    if (1..=HOLD_SECONDS_MAX).contains(&seconds) { Ok(seconds) } else { Err(Refused::field("hold_seconds")) }
}
