//! `tidegate admin events`: follows what happens, a JSON object a line, until it is told to stop.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{Actor, Event, EventFilter, EventItem, EventType, SaleId, SkuId, StartAt, UserId};

use crate::cli::BadUsage;

/// Which events, and from where on.
#[derive(Debug, Args)]
pub struct Follow {
    /// "now", a position to begin behind (0: the beginning), or "cursor:NAME", which the server keeps and moves on.
    #[arg(long, default_value = "now", value_name = "WHERE")]
    from: String,
    /// Only this type, such as OrderCreated; may be given more than once.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only of this user's orders.
    #[arg(long)]
    user: Option<u64>,
    /// Only what names this sku.
    #[arg(long)]
    sku: Option<u64>,
    /// Only what names this sale.
    #[arg(long)]
    sale: Option<u32>,
    /// End after so many; otherwise it goes on until it is interrupted.
    #[arg(long, value_name = "EVENTS")]
    limit: Option<u64>,
}

impl Follow {
    /// Prints each event as it comes.
    pub fn print(self, client: &Client) -> anyhow::Result<()> {
        let mut events = client.subscribe(self.filter()?, start_at(&self.from)?);
        let mut out = std::io::stdout().lock();
        for _ in 0..self.limit.unwrap_or(u64::MAX) {
            let event = client.wait(events.next())?;
            let written = writeln!(out, "{}", json_of(&event)).and_then(|()| out.flush());
            match written {
                // Whoever reads has enough, as `head` does.
                Err(why) if why.kind() == std::io::ErrorKind::BrokenPipe => break,
                other => other?,
            }
        }
        client.wait(events.flush())?;
        Ok(())
    }

    fn filter(&self) -> Result<EventFilter, BadUsage> {
        let mut filter = EventFilter::ALL;
        for name in &self.types {
            let nearest =
                || EventType::ALL.iter().min_by_key(|known| strsim::damerau_levenshtein(name, known.name()));
            let known = EventType::from_name(name).ok_or_else(|| {
                let meant = nearest().map_or("", |nearest| nearest.name());
                BadUsage(format!("«{name}» is no type of event; did you mean «{meant}»?"))
            })?;
            filter = filter.of_type(known);
        }
        filter = self.user.map_or(filter, |user| filter.user(UserId(user)));
        filter = self.sku.map_or(filter, |sku| filter.sku(SkuId(sku)));
        Ok(self.sale.map_or(filter, |sale| filter.sale(SaleId(sale))))
    }
}

fn start_at(from: &str) -> Result<StartAt, BadUsage> {
    if from == "now" {
        return Ok(StartAt::Now);
    }
    if let Some(name) = from.strip_prefix("cursor:") {
        let fits =
            (1..=32).contains(&name.len()) && name.bytes().all(|it| it == b' ' || it.is_ascii_graphic());
        return match fits {
            true => Ok(StartAt::Cursor(name.to_owned())),
            false => Err(BadUsage("a cursor's name has 1 to 32 printable ASCII characters".to_owned())),
        };
    }
    from.parse()
        .map(StartAt::Behind)
        .map_err(|_| BadUsage(format!("«{from}» is nowhere to begin: say now, a position, or cursor:NAME")))
}

/// Ids are strings, because many readers round large numbers; what does not apply is left out.
fn json_of(event: &Event) -> Value {
    let Event {
        position,
        previous,
        again,
        at,
        event,
        schema,
        actor,
        request,
        trace,
        order,
        payment,
        user,
        amount,
        state,
        version,
        reason,
        why,
        items,
    } = event;
    let mut row =
        json!({ "position": position, "previous": previous, "at": at.to_string(), "schema": schema });
    let mut put = |key: &str, value: Value| row[key] = value;
    put("event", event.map_or_else(|number| json!(number), |event| json!(event.name())));
    match actor {
        Actor::User(user) => put("by_user", json!(user.to_string())),
        Actor::Operator(key) => put("by_operator", json!(key)),
        Actor::Timer => put("by_timer", json!(true)),
        Actor::Gateway(gateway) => put("by_gateway", json!(gateway.0)),
    }
    if let Some(request) = request {
        put("request", json!(request.to_string()));
    }
    if let Some(position) = again {
        put("again", json!(position));
    }
    if *trace != 0 {
        put("trace", json!(format!("{trace:032x}")));
    }
    if let Some(order) = order {
        put("order", json!(order.to_string()));
    }
    if let Some(payment) = payment {
        put("payment", json!(payment.to_string()));
    }
    if let Some(user) = user {
        put("user", json!(user.to_string()));
    }
    if let Some(amount) = amount {
        put("amount", json!(amount.to_string()));
    }
    if let Some(state) = state {
        put("state", json!(state.to_string()));
    }
    for (key, number) in [("version", *version), ("reason", u32::from(*reason)), ("why", u32::from(*why))] {
        if number != 0 {
            put(key, json!(number));
        }
    }
    put(
        "items",
        items
            .iter()
            .filter(|item| item.sku.0 != 0 || item.sale.0 != 0 || item.coupon.0 != 0)
            .map(item_json)
            .collect(),
    );
    row
}

fn item_json(item: &EventItem) -> Value {
    let EventItem { sku, warehouse, sale, units, safety_delta, unavailable_delta, .. } = *item;
    let EventItem { unit_price, coupon, amount, .. } = *item;
    if coupon.0 != 0 {
        return json!({ "coupon": coupon.to_string(), "discount_minor": amount });
    }
    let mut row = json!({ "sku": sku.to_string() });
    let numbers = [
        ("warehouse", i64::from(warehouse.0)),
        ("sale", i64::from(sale.0)),
        ("units", units),
        ("safety_delta", safety_delta),
        ("unavailable_delta", unavailable_delta),
        ("unit_price_minor", unit_price),
    ];
    for (key, number) in numbers.into_iter().filter(|(_, number)| *number != 0) {
        row[key] = json!(number);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_begin_is_now_a_position_or_a_cursor() {
        let told = |from| start_at(from).map_err(|why| why.to_string());
        assert_eq!(told("now"), Ok(StartAt::Now));
        assert_eq!(told("0"), Ok(StartAt::Behind(0)));
        assert_eq!(told("cursor:mail 2"), Ok(StartAt::Cursor("mail 2".into())));
        for nonsense in ["", "-1", "cursor:", "cursor:ä", "then"] {
            assert!(told(nonsense).is_err(), "{nonsense}");
        }
    }
}
