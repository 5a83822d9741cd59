//! Answers laid out for people (tables, times in UTC, money with its currency) and for programs (JSON).

mod coupons;

pub use coupons::{coupon, coupon_taken, coupons, coupons_checked};

use serde_json::{Value, json};
use tidegate_sdk::{
    Actor, Aftersale, AftersaleKind, AftersaleState, DeadLetter, HistoryRow, Hold, HoldState, Line,
    MicrosUtc, Money, Order, OrderBrief, OrderPage, Page, Payment, RefundNow, Sale, SaleWithSkus, Shelf,
    Shipment, Sku, SkuId, SkuNow, Stats, Tracked, Transferred, text_of,
};

/// One answer in both ways.
#[derive(Debug)]
pub struct Shown {
    pub text: String,
    pub json: Value,
}

pub fn sku_now(now: &SkuNow) -> Shown {
    let mut rows = sku_rows(&now.sku);
    rows.push(("sale now", now.sale.map_or("none".into(), |sale| sale.to_string())));
    let sale = now.sale.map(|sale| sale.to_string());
    Shown {
        text: format!("{}\n{}", pairs(&rows), pairs(&stock_rows(&now.stock)[1..])),
        json: json!({"sku": sku_json(&now.sku), "stock": shelf_json(&now.stock), "sale": sale}),
    }
}

pub fn skus(page: &Page<Sku>) -> Shown {
    let row = |sku: &Sku| {
        let open = if sku.open { "open" } else { "closed" };
        let hold = format!("{} s", sku.hold_seconds);
        vec![sku.id.to_string(), sku.unit_price.to_string(), open.into(), hold, sku.version.to_string()]
    };
    let heads = ["sku", "price", "state", "hold", "version"];
    paged(&heads, &page.items, row, sku_json, last_of(page).map(|sku| format!("--after {}", sku.id)))
}

pub fn sale(found: &SaleWithSkus) -> Shown {
    let mut text = pairs(&sale_rows(&found.sale));
    if !found.skus.is_empty() {
        let rows: Vec<_> =
            found.skus.iter().map(|(sku, price)| vec![sku.to_string(), price.to_string()]).collect();
        text.push('\n');
        text.push_str(&table(&["sku", "price (minor units)"], &rows));
    }
    let skus: Vec<Value> = found
        .skus
        .iter()
        .map(|(sku, price)| json!({"sku": sku.to_string(), "unit_price_minor": price}))
        .collect();
    Shown { text, json: json!({"sale": sale_json(&found.sale), "skus": skus}) }
}

pub fn sales(page: &Page<Sale>) -> Shown {
    let row = |sale: &Sale| {
        let cap = limit(sale.cap_units);
        let taken = format!("{} of {cap}", sale.taken_units);
        vec![
            sale.id.to_string(),
            sale.opens.to_string(),
            sale.closes.to_string(),
            taken,
            sale.version.to_string(),
        ]
    };
    let heads = ["sale", "opens", "closes", "units taken", "version"];
    paged(&heads, &page.items, row, sale_json, last_of(page).map(|sale| format!("--after {}", sale.id)))
}

pub fn shelf(shelf: &Shelf) -> Shown {
    Shown { text: pairs(&stock_rows(shelf)), json: shelf_json(shelf) }
}

pub fn hold(hold: &Hold) -> Shown {
    let Hold { hold, user, until, state } = *hold;
    let state = match state {
        HoldState::Open => "OPEN",
        HoldState::Taken => "TAKEN",
        HoldState::Committed => "COMMITTED",
        HoldState::Released => "RELEASED",
        HoldState::Expired => "EXPIRED",
    };
    let rows = [
        ("hold", hold.to_string()),
        ("user", user.to_string()),
        ("until", until.to_string()),
        ("state", state.into()),
    ];
    Shown {
        text: pairs(&rows),
        json: json!({
            "hold": hold.to_string(), "user": user.to_string(), "until": until.to_string(), "state": state,
        }),
    }
}

pub fn transferred(shelves: &Transferred) -> Shown {
    let Transferred { from, to } = shelves;
    Shown {
        text: format!("{}\n{}", pairs(&stock_rows(from)), pairs(&stock_rows(to))),
        json: json!({"from": shelf_json(from), "to": shelf_json(to)}),
    }
}

pub fn order(order: &Order) -> Shown {
    let currency = order.brief.total.currency;
    let money = |minor| Money::new(minor, currency).to_string();
    let mut rows = brief_rows(&order.brief);
    rows.push(("discount", money(order.discount)));
    for share in &order.coupons {
        rows.push(("by coupon", format!("{}: {}", share.coupon, money(share.discount))));
    }
    rows.push(("freight", money(order.freight)));
    rows.push(("request", order.request.to_string()));
    if let Some(hold) = order.hold {
        rows.push(("took over hold", hold.to_string()));
    }
    rows.push(("client bytes", order.client_bytes.len().to_string()));
    let line_row = |line: &Line| {
        let sale = line.sale.map_or("".into(), |sale| sale.to_string());
        let (price, warehouse) = (money(line.unit_price), line.warehouse.to_string());
        vec![line.sku.to_string(), line.quantity.to_string(), price, warehouse, sale]
    };
    let lines: Vec<_> = order.lines.iter().map(line_row).collect();
    let text =
        format!("{}\n{}", pairs(&rows), table(&["sku", "units", "price", "warehouse", "sale"], &lines));
    let lines: Vec<Value> = order.lines.iter().map(line_json).collect();
    let hex: String = order.client_bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut json = brief_json(&order.brief);
    json["request"] = json!(order.request.to_string());
    json["hold"] = json!(order.hold.map(|hold| hold.to_string()));
    json["discount_minor"] = json!(order.discount);
    json["freight_minor"] = json!(order.freight);
    json["lines"] = json!(lines);
    json["client_bytes_hex"] = json!(hex);
    Shown { text, json }
}

pub fn order_brief(brief: &OrderBrief) -> Shown {
    Shown { text: pairs(&brief_rows(brief)), json: brief_json(brief) }
}

pub fn orders(page: &OrderPage) -> Shown {
    let row = |brief: &OrderBrief| {
        let (order, total) = (brief.order.to_string(), brief.total.to_string());
        vec![order, brief.state.to_string(), total, brief.created_at.to_string(), brief.version.to_string()]
    };
    let heads = ["order", "state", "total", "made", "version"];
    let mut shown =
        paged(&heads, &page.items, row, brief_json, page.next.map(|next| format!("--before {next}")));
    shown.json["next"] = json!(page.next.map(|next| next.to_string()));
    shown
}

/// Orders of more than one user.
pub fn scanned(page: &OrderPage) -> Shown {
    let row = |brief: &OrderBrief| {
        let (order, user, total) = (brief.order.to_string(), brief.user.to_string(), brief.total.to_string());
        vec![
            order,
            user,
            brief.state.to_string(),
            total,
            brief.created_at.to_string(),
            brief.version.to_string(),
        ]
    };
    let heads = ["order", "user", "state", "total", "made", "version"];
    let mut shown =
        paged(&heads, &page.items, row, brief_json, page.next.map(|next| format!("--before {next}")));
    shown.json["next"] = json!(page.next.map(|next| next.to_string()));
    shown
}

pub fn history(rows: &[HistoryRow]) -> Shown {
    let who = |actor: Actor| match actor {
        Actor::User(user) => format!("user {user}"),
        Actor::Operator(key) => format!("operator {key}"),
        Actor::Timer => "timer".to_string(),
        Actor::Gateway(gateway) => format!("gateway {gateway}"),
    };
    let row = |row: &HistoryRow| {
        let from = row.from.map_or("-".into(), |state| state.to_string());
        vec![
            row.at.to_string(),
            row.version.to_string(),
            from,
            row.to.to_string(),
            who(row.actor),
            row.why.to_string(),
        ]
    };
    let laid_out: Vec<_> = rows.iter().map(row).collect();
    let json_row = |row: &HistoryRow| {
        json!({"at": row.at.to_string(), "version": row.version, "from": row.from.map(|state| state.name()),
               "to": row.to.name(), "by": who(row.actor), "why": row.why})
    };
    Shown {
        text: table(&["at", "version", "from", "to", "by", "why"], &laid_out),
        json: rows.iter().map(json_row).collect(),
    }
}

pub fn aftersales(cases: &[Aftersale]) -> Shown {
    let state = |it: &Aftersale| match it.state {
        AftersaleState::Open => "OPEN",
        AftersaleState::AwaitingGoods => "AWAITING_GOODS",
        AftersaleState::Refunding => "REFUNDING",
        AftersaleState::Done => "DONE",
        AftersaleState::Refused => "REFUSED",
    };
    let kind = |it: &Aftersale| match it.kind {
        AftersaleKind::Refund => "refund",
        AftersaleKind::ReturnRefund => "return",
        AftersaleKind::Exchange => "exchange",
    };
    let row = |it: &Aftersale| {
        let (number, sku, units) = (it.number.to_string(), it.sku.to_string(), it.units.to_string());
        vec![
            number,
            kind(it).into(),
            state(it).into(),
            sku,
            units,
            it.amount.to_string(),
            it.changed_at.to_string(),
        ]
    };
    let rows: Vec<_> = cases.iter().map(row).collect();
    let json_row = |it: &Aftersale| {
        json!({"order": it.order.to_string(), "number": it.number, "kind": kind(it), "state": state(it),
               "sku": it.sku.to_string(), "units": it.units, "amount": money_json(it.amount), "refund": it.refund, "why": it.why,
               "opened_at": it.opened_at.to_string(), "changed_at": it.changed_at.to_string(),
               "order_state": it.order_state.name(), "order_version": it.order_version})
    };
    let heads = ["case", "kind", "state", "sku", "units back", "amount", "since"];
    let text = if rows.is_empty() { "none\n".into() } else { table(&heads, &rows) };
    Shown { text, json: cases.iter().map(json_row).collect() }
}

pub fn tracked(found: &Tracked) -> Shown {
    let lines = |it: &Shipment| {
        let line = |(sku, units): &(SkuId, u32)| format!("{units} of {sku}");
        it.lines.iter().map(line).collect::<Vec<_>>().join(", ")
    };
    let row = |it: &Shipment| {
        let said = if it.note.is_empty() { "-".into() } else { format!("{} ({})", it.note, it.noted_at) };
        let who = |text: &str| if text.is_empty() { "-".into() } else { text.to_string() };
        let (carrier, tracking) = (who(&it.carrier), who(&it.tracking));
        vec![it.number.to_string(), it.sent_at.to_string(), carrier, tracking, lines(it), said]
    };
    let rows: Vec<_> = found.shipments.iter().map(row).collect();
    let json_line = |(sku, units): &(SkuId, u32)| json!({"sku": sku.to_string(), "units": units});
    let json_row = |it: &Shipment| {
        json!({"shipment": it.number, "sent_at": it.sent_at.to_string(), "carrier": it.carrier,
               "tracking": it.tracking, "note": it.note, "noted_at": it.noted_at.to_string(),
               "lines": it.lines.iter().map(json_line).collect::<Value>()})
    };
    let brief = order_brief(&found.order);
    let laid_out = table(&["shipment", "sent", "carrier", "tracking", "units", "last seen"], &rows);
    Shown {
        text: format!("{}\n{laid_out}", brief.text),
        json: json!({"order": brief.json, "shipments": found.shipments.iter().map(json_row).collect::<Value>()}),
    }
}

pub fn payment(it: &Payment) -> Shown {
    let state = format!("{:?}", it.state).to_uppercase();
    let refund_state = |refund: &RefundNow| format!("{:?}", refund.state).to_uppercase();
    let mut rows = vec![
        ("payment", it.payment.to_string()),
        ("order", it.order.to_string()),
        ("order state", it.order_state.to_string()),
        ("order version", it.order_version.to_string()),
        ("gateway", it.gateway.to_string()),
        ("state", state.clone()),
        ("amount", it.amount.to_string()),
        ("arrived", it.arrived.to_string()),
        ("went back", it.refunded.to_string()),
        ("held until", it.pay_until.to_string()),
    ];
    if let Some(refund) = &it.refund {
        rows.push(("refund", format!("{} of {}: {}", refund.number, refund.amount, refund_state(refund))));
    }
    let refund = it.refund.as_ref().map(|refund| {
        json!({"number": refund.number, "amount": money_json(refund.amount), "state": refund_state(refund)})
    });
    Shown {
        text: pairs(&rows),
        json: json!({
            "payment": it.payment.to_string(),
            "order": it.order.to_string(),
            "order_state": it.order_state.name(),
            "order_version": it.order_version,
            "gateway": it.gateway.0,
            "state": state,
            "amount": money_json(it.amount),
            "arrived": money_json(it.arrived),
            "refunded": money_json(it.refunded),
            "pay_until": it.pay_until.to_string(),
            "refund": refund,
        }),
    }
}

pub fn stats(stats: &Stats) -> Shown {
    let name = |field| text_of(field).unwrap_or("?").to_string();
    let (server, store_mode) = (name(&stats.server), name(&stats.store_mode));
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_string();
    let of = |count: u64, most: u64| format!("{count} of {most}");
    let level = ["", ": make room", ": new orders are switched off"];
    let level = level.get(usize::from(stats.disk_level)).unwrap_or(&"");
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / 1_048_576.0);
    let rows = [
        ("server", server.clone()),
        ("store", format!("{store_mode} {:032x}", stats.store)),
        ("time", MicrosUtc(stats.server_time).to_string()),
        ("up", format!("{} s", stats.uptime_us / 1_000_000)),
        ("threads", format!("{} reactors, {} workers, {} cores", stats.reactors, stats.workers, stats.cores)),
        ("draining", yes(stats.draining)),
        ("durable", yes(stats.durable)),
        ("connections", of(stats.connections, stats.connections_max)),
        ("accepted", stats.accepted.to_string()),
        ("cut off", stats.cut_off.to_string()),
        ("frames", format!("{} in, {} out, {} bad", stats.frames_in, stats.frames_out, stats.bad_frames)),
        ("bytes", format!("{} in, {} out", mib(stats.bytes_in), mib(stats.bytes_out))),
        ("in flight", stats.in_flight.to_string()),
        ("decided", stats.decided.to_string()),
        ("created", stats.created.to_string()),
        ("refused", stats.refused.to_string()),
        ("not decided", stats.not_decided.to_string()),
        ("turned away", stats.turned_away.to_string()),
        ("expired", stats.expired.to_string()),
        ("orders", of(stats.orders, stats.orders_max)),
        ("at rest", format!("{} orders, {} on disk", stats.orders_at_rest, mib(stats.cold_bytes))),
        (
            "position",
            format!(
                "{}, durable {}, kept behind {}",
                stats.last_position, stats.durable_position, stats.journal_begins_behind
            ),
        ),
        ("journal", format!("{} groups, {}", stats.journal_groups, mib(stats.journal_bytes))),
        (
            "journal write",
            format!("p50 {} µs, p99 {} µs", stats.journal_write_us_p50, stats.journal_write_us_p99),
        ),
        ("memory", mib(stats.resident_bytes)),
        (
            "checkpoint",
            format!(
                "{} and {} facts behind the journal, of at most {}",
                mib(stats.checkpoint_lag_bytes),
                stats.checkpoint_lag_facts,
                mib(stats.checkpoint_lag_bytes_max)
            ),
        ),
        ("disk", format!("{} of {}{}", mib(stats.disk_bytes), mib(stats.disk_bytes_max), level)),
    ];
    let mut json = json!({
        "server": server, "store_mode": store_mode, "store": format!("{:032x}", stats.store),
        "server_time": MicrosUtc(stats.server_time).to_string(), "uptime_us": stats.uptime_us,
        "reactors": stats.reactors, "workers": stats.workers, "cores": stats.cores,
        "draining": stats.draining, "durable": stats.durable,
        "connections": stats.connections, "connections_max": stats.connections_max,
        "accepted": stats.accepted, "cut_off": stats.cut_off,
        "frames_in": stats.frames_in, "frames_out": stats.frames_out, "bad_frames": stats.bad_frames,
        "bytes_in": stats.bytes_in, "bytes_out": stats.bytes_out, "in_flight": stats.in_flight,
        "decided": stats.decided, "created": stats.created, "refused": stats.refused,
        "not_decided": stats.not_decided, "turned_away": stats.turned_away, "expired": stats.expired,
        "orders": stats.orders, "orders_max": stats.orders_max,
        "last_position": stats.last_position, "durable_position": stats.durable_position,
        "journal_groups": stats.journal_groups, "journal_bytes": stats.journal_bytes,
        "journal_write_us_p50": stats.journal_write_us_p50, "journal_write_us_p99": stats.journal_write_us_p99,
        "resident_bytes": stats.resident_bytes,
        "disk_bytes": stats.disk_bytes, "disk_bytes_max": stats.disk_bytes_max, "disk_level": stats.disk_level,
        "checkpoint_lag_bytes": stats.checkpoint_lag_bytes,
        "checkpoint_lag_bytes_max": stats.checkpoint_lag_bytes_max,
        "checkpoint_lag_facts": stats.checkpoint_lag_facts,
    });
    // By themselves: the macro takes no more at once.
    json["orders_at_rest"] = stats.orders_at_rest.into();
    json["cold_bytes"] = stats.cold_bytes.into();
    json["journal_begins_behind"] = stats.journal_begins_behind.into();
    Shown { text: pairs(&rows), json }
}

fn sku_rows(sku: &Sku) -> Vec<(&'static str, String)> {
    vec![
        ("sku", sku.id.to_string()),
        ("price", sku.unit_price.to_string()),
        ("state", if sku.open { "open" } else { "closed" }.into()),
        ("hold", format!("{} s", sku.hold_seconds)),
        ("seller", sku.seller.to_string()),
        ("weight", format!("{} g", sku.weight_grams)),
        ("version", sku.version.to_string()),
    ]
}

fn sku_json(sku: &Sku) -> Value {
    json!({"sku": sku.id.to_string(), "unit_price": money_json(sku.unit_price), "open": sku.open,
           "hold_seconds": sku.hold_seconds, "seller": sku.seller.to_string(), "weight_grams": sku.weight_grams,
           "version": sku.version})
}

fn sale_rows(sale: &Sale) -> Vec<(&'static str, String)> {
    vec![
        ("sale", sale.id.to_string()),
        ("closed from", sale.closed_from.to_string()),
        ("opens", sale.opens.to_string()),
        ("closes", sale.closes.to_string()),
        ("units a user", limit(sale.user_limit_units.into())),
        ("units an order", limit(sale.order_limit_units.into())),
        ("cap", limit(sale.cap_units)),
        ("units taken", sale.taken_units.to_string()),
        ("hold", format!("{} s", sale.hold_seconds)),
        ("version", sale.version.to_string()),
    ]
}

fn sale_json(sale: &Sale) -> Value {
    json!({"sale": sale.id.to_string(), "closed_from": sale.closed_from.to_string(),
           "opens": sale.opens.to_string(), "closes": sale.closes.to_string(),
           "user_limit_units": sale.user_limit_units, "order_limit_units": sale.order_limit_units,
           "cap_units": sale.cap_units, "taken_units": sale.taken_units,
           "hold_seconds": sale.hold_seconds, "version": sale.version})
}

fn stock_rows(shelf: &Shelf) -> Vec<(&'static str, String)> {
    vec![
        ("sku", shelf.sku.to_string()),
        ("warehouse", shelf.warehouse.map_or("all".into(), |warehouse| warehouse.to_string())),
        ("on hand", shelf.on_hand.to_string()),
        ("held", shelf.held.to_string()),
        ("safety", shelf.safety.to_string()),
        ("unavailable", shelf.unavailable.to_string()),
        ("sellable", shelf.sellable.to_string()),
        ("sold", shelf.sold.to_string()),
    ]
}

fn shelf_json(shelf: &Shelf) -> Value {
    let warehouse = shelf.warehouse.map(|warehouse| warehouse.to_string());
    json!({"sku": shelf.sku.to_string(), "warehouse": warehouse, "on_hand": shelf.on_hand, "held": shelf.held,
           "safety": shelf.safety, "unavailable": shelf.unavailable, "sellable": shelf.sellable, "sold": shelf.sold})
}

fn brief_rows(brief: &OrderBrief) -> Vec<(&'static str, String)> {
    vec![
        ("order", brief.order.to_string()),
        ("user", brief.user.to_string()),
        ("state", brief.state.to_string()),
        ("total", brief.total.to_string()),
        ("made", brief.created_at.to_string()),
        ("pay until", brief.pay_until.to_string()),
        ("version", brief.version.to_string()),
    ]
}

fn brief_json(brief: &OrderBrief) -> Value {
    json!({"order": brief.order.to_string(), "user": brief.user.to_string(), "state": brief.state.name(),
           "total": money_json(brief.total), "created_at": brief.created_at.to_string(),
           "pay_until": brief.pay_until.to_string(), "version": brief.version})
}

fn line_json(line: &Line) -> Value {
    json!({"sku": line.sku.to_string(), "quantity": line.quantity, "unit_price_minor": line.unit_price,
           "discount_minor": line.discount, "freight_minor": line.freight, "seller": line.seller.to_string(),
           "warehouse": line.warehouse.to_string(), "sale": line.sale.map(|sale| sale.to_string()),
           "parcel": line.parcel})
}

pub fn letters(letters: &[DeadLetter]) -> Shown {
    let row = |letter: &DeadLetter| {
        let DeadLetter { subscriber, position, at, reason } = letter;
        vec![subscriber.clone(), position.to_string(), at.to_string(), reason.clone()]
    };
    let json = |letter: &DeadLetter| {
        let DeadLetter { subscriber, position, at, reason } = letter;
        json!({"subscriber": subscriber, "position": position, "at": at.to_string(), "reason": reason})
    };
    paged(&["subscriber", "position", "parked", "reason"], letters, row, json, None)
}

fn money_json(money: Money) -> Value {
    json!({"minor_units": money.minor_units, "currency": money.currency.to_string()})
}

/// A number of units where 0 means that there is no limit.
fn limit(units: u64) -> String {
    if units == 0 { "no limit".into() } else { units.to_string() }
}

/// What the next page comes behind; nothing on the last page.
pub fn last_of<T>(page: &Page<T>) -> Option<&T> {
    page.items.last().filter(|_| page.more)
}

/// A page as a table, with the flag that brings the next one.
pub fn paged<T>(
    heads: &[&str],
    items: &[T],
    row: impl Fn(&T) -> Vec<String>,
    json: impl Fn(&T) -> Value,
    next: Option<String>,
) -> Shown {
    let rows: Vec<_> = items.iter().map(row).collect();
    let mut text = match (rows.is_empty(), &next) {
        (false, _) => table(heads, &rows),
        (true, None) => "none\n".into(),
        (true, Some(_)) => "none here\n".into(),
    };
    if let Some(next) = &next {
        text.push_str(&format!("There is more: add {next}\n"));
    }
    let items: Vec<Value> = items.iter().map(json).collect();
    Shown { text, json: json!({"items": items, "more": next.is_some()}) }
}

/// Names and values, a line each.
pub fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

/// Columns as wide as their widest cell; numbers to the right.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].len()]).max().unwrap_or(0)
    };
    let is_number = |cell: &String| cell.bytes().all(|byte| byte.is_ascii_digit());
    let widths: Vec<(usize, bool)> = (0..heads.len())
        .map(|column| (width(column), rows.iter().all(|row| is_number(&row[column]))))
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(
                |(cell, (width, right))| {
                    if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
                },
            )
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(&mut heads.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use tidegate_sdk::{Currency, OrderId, State, UserId};

    use super::*;

    #[test]
    fn a_page_is_a_table_that_says_how_to_go_on() {
        let brief = |order, minor_units| OrderBrief {
            order: OrderId(order),
            user: UserId(7),
            state: State::PendingPayment,
            version: 1,
            total: Money::new(minor_units, Currency::EUR),
            created_at: MicrosUtc(0),
            pay_until: MicrosUtc(900_000_000),
        };
        let items = vec![brief(382_516_920_123_392_001, 39_98), brief(9, 5)];
        let page = OrderPage { items, next: Some(OrderId(9)) };
        let shown = orders(&page);
        let expected = [
            "             order  state            total      made                  version",
            "382516920123392001  PENDING_PAYMENT  39.98 EUR  1970-01-01T00:00:00Z        1",
            "                 9  PENDING_PAYMENT  0.05 EUR   1970-01-01T00:00:00Z        1",
            "There is more: add --before 9",
        ];
        assert_eq!(shown.text.lines().collect::<Vec<_>>(), expected);
        assert_eq!(shown.json["items"][0]["order"], "382516920123392001", "a string: no reader rounds it");
        assert_eq!(shown.json["items"][0]["total"], json!({"minor_units": 3998, "currency": "EUR"}));
        assert_eq!((&shown.json["more"], &shown.json["next"]), (&json!(true), &json!("9")));

        let none = orders(&OrderPage { items: Vec::new(), next: None });
        assert_eq!((none.text.as_str(), none.json["items"].as_array().map(Vec::len)), ("none\n", Some(0)));
        assert_eq!((&none.json["more"], &none.json["next"]), (&json!(false), &json!(null)));
        // The server looked at as many orders as it looks at for a page, and none was in the state asked for.
        let none_here = orders(&OrderPage { items: Vec::new(), next: Some(OrderId(9)) });
        assert_eq!(none_here.text, "none here\nThere is more: add --before 9\n");
    }

    #[test]
    fn pairs_stand_under_each_other() {
        let text = pairs(&[("on hand", "5".into()), ("held", "12".into())]);
        assert_eq!(text, "on hand  5\nheld     12\n");
    }
}
