//! What was known of an order, a sku or a sale behind a position: the facts up to it, replayed.

use anyhow::ensure;
use domain::fact::{Facts, Line, Stamp};
use domain::intent::Envelope;
use domain::verdict::{HistoryRow, OrderView, SaleView, ShelfView, SkuView};
use domain::{Actor, Fact, Intent, OrderId, Rules, SaleId, SkuId, UserId, Verdict};
use serde_json::{Map, Value, json};
use tidegate_sdk::State;

use crate::commands::audit::ledger_through;
use crate::folders::Folders;

/// What is shown. Each that is given is.
pub(super) struct Wanted {
    pub order: Option<u64>,
    pub sku: Option<u64>,
    pub sale: Option<u32>,
}

impl Wanted {
    pub(super) const fn is_nothing(&self) -> bool {
        self.order.is_none() && self.sku.is_none() && self.sale.is_none()
    }
}

/// All of it, as one JSON object. What was not there yet is null.
pub(super) fn show(
    folders: &Folders,
    rules: Rules,
    position: u64,
    wanted: &Wanted,
) -> anyhow::Result<String> {
    let (mut ledger, now, last) = ledger_through(folders, rules, position)?;
    ensure!(last >= position, "the journal ends at position {last}, before {position}");
    let mut shown = Map::new();
    shown.insert("position".into(), json!(last));
    shown.insert("at_us".into(), json!(now.0));
    let mut ask = |intent: &Intent<'_>| ledger.apply(now, Envelope::default(), intent, &mut Never);
    if let Some(order) = wanted.order.map(OrderId) {
        shown.insert("order".into(), order_of(&mut ask, order));
    }
    if let Some(sku) = wanted.sku.map(SkuId) {
        shown.insert("sku".into(), sku_of(&mut ask, sku));
    }
    if let Some(sale) = wanted.sale.map(SaleId) {
        shown.insert("sale".into(), sale_of(&mut ask, sale));
    }
    Ok(serde_json::to_string_pretty(&Value::Object(shown))? + "\n")
}

/// Reading makes no facts.
struct Never;

impl Facts for Never {
    fn begin(&mut self, _: &Stamp) {}
    fn fact(&mut self, _: &Fact<'_>) {}
    fn end(&mut self) {}
}

fn order_of(ask: &mut impl FnMut(&Intent<'_>) -> Verdict, order: OrderId) -> Value {
    let user = UserId(0); // An operator, who may see all.
    let Verdict::OrderFound(found) = ask(&Intent::Get { user, order }) else { return Value::Null };
    let OrderView { brief, hold, discount, freight, lines, .. } = *found;
    let Verdict::History(history) = ask(&Intent::History { user, order }) else { return Value::Null };
    json!({
        "order": brief.order.0,
        "user": brief.user.0,
        "state": state(brief.state.number()),
        "version": brief.version,
        "total": brief.total.0,
        "discount": discount.0,
        "freight": freight.0,
        "currency": brief.currency.0,
        "created_at_us": brief.created_at.0,
        "pay_until_us": brief.pay_until.0,
        "hold": hold,
        "lines": lines.iter().map(line).collect::<Vec<_>>(),
        "history": history.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn sku_of(ask: &mut impl FnMut(&Intent<'_>) -> Verdict, sku: SkuId) -> Value {
    let Verdict::SkuFound(found) = ask(&Intent::SkuGet(sku)) else { return Value::Null };
    let SkuView { sku, sale, stock } = *found;
    let ShelfView { on_hand, held, safety, unavailable, sold, sellable, .. } = stock;
    json!({
        "sku": sku.id.0,
        "version": sku.version,
        "seller": sku.seller.0,
        "unit_price": sku.unit_price.0,
        "currency": sku.currency.0,
        "open": sku.open,
        "sale": sale.0,
        "on_hand": on_hand,
        "held": held,
        "safety": safety,
        "unavailable": unavailable,
        "sold": sold,
        "sellable": sellable,
    })
}

fn sale_of(ask: &mut impl FnMut(&Intent<'_>) -> Verdict, sale: SaleId) -> Value {
    let Verdict::SaleFound(found) = ask(&Intent::SaleGet(sale)) else { return Value::Null };
    let SaleView { summary, skus } = *found;
    let sale = summary.sale;
    json!({
        "sale": sale.id.0,
        "version": sale.version,
        "closed_from_us": sale.closed_from.0,
        "opens_us": sale.opens.0,
        "closes_us": sale.closes.0,
        "user_limit_units": sale.user_limit_units,
        "order_limit_units": sale.order_limit_units,
        "cap_units": sale.cap_units,
        "taken_units": summary.taken_units,
        "skus": skus.iter().map(|it| json!({ "sku": it.sku.0, "unit_price": it.unit_price.0 })).collect::<Vec<_>>(),
    })
}

pub(super) fn line(line: &Line) -> Value {
    let Line { sku, warehouse, sale, quantity, parcel, unit_price, discount, freight, .. } = *line;
    json!({
        "sku": sku.0,
        "warehouse": warehouse.0,
        "sale": sale.0,
        "quantity": quantity.get(),
        "parcel": parcel,
        "unit_price": unit_price.0,
        "discount": discount.0,
        "freight": freight.0,
    })
}

fn row(row: &HistoryRow) -> Value {
    let HistoryRow { from, to, at, actor, why, version } = *row;
    let by = match actor {
        Actor::User(user) => json!({ "user": user.0 }),
        Actor::Operator(key) => json!({ "operator": key }),
        Actor::Timer => json!("timer"),
        Actor::Gateway(gateway) => json!({ "gateway": gateway.0 }),
    };
    json!({
        "from": from.map(|from| state(from.number())),
        "to": state(to.number()),
        "at_us": at.0,
        "by": by,
        "why": why,
        "version": version,
    })
}

pub(super) fn state(number: u8) -> String {
    State::from_number(number).map_or_else(|| number.to_string(), |state| state.name().to_owned())
}
