//! Orders at rest: a line of summary, and what they are as JSON lines.

use std::io::{ErrorKind, Write};

use domain::verdict::OrderBrief;
use domain::{OrderId, RestingOrder, UserId};
use serde_json::{Map, Value, json};
use storage::embedded::FileDisk;
use storage::embedded::cold::{ColdError, ColdView, Statistics, Version, made_at};

use super::as_of;

/// One row about the cold store, where there is one; and what is wrong with it.
pub(super) fn row(disk: &FileDisk) -> (String, Option<ColdError>) {
    match ColdView::open(disk) {
        Ok(None) => (String::new(), None),
        Ok(Some(view)) => {
            let Statistics { orders_about, disk_bytes } = view.statistics();
            let through = view.standing().through;
            let row = format!(
                "cold              about {orders_about} orders at rest, synced up to fact {through}, {disk_bytes} bytes\n"
            );
            (row, None)
        }
        Err(ColdError::InUse { .. }) => {
            ("cold              in use by a server: not looked at\n".into(), None)
        }
        Err(error) => (format!("cold              damaged: {error}\n"), Some(error)),
    }
}

/// Prints the orders at rest: all versions of one, or the newest of each, by user.
pub(super) fn print(
    disk: &FileDisk,
    order: Option<OrderId>,
    user: Option<UserId>,
    mut out: impl Write,
) -> anyhow::Result<()> {
    let Some(view) = ColdView::open(disk)? else { return Ok(()) };
    let mut written = Ok(());
    let mut result = Ok(());
    if let Some(order) = order {
        result = view.versions(made_at(order), |version, record| {
            if written.is_ok() {
                let mut row = Map::new();
                row.insert("order".into(), json!(order.0));
                put_version(&mut row, version, record);
                written = writeln!(out, "{}", Value::Object(row));
            }
        });
    } else {
        let mut inner = Ok(());
        view.briefs(user, |made, brief| {
            let mut row = of_brief(&brief);
            let mut is_newest = true;
            inner = view.versions(made, |version, record| {
                if std::mem::take(&mut is_newest) {
                    put_version(&mut row, version, record);
                }
            });
            written = writeln!(out, "{}", Value::Object(row));
            inner.is_ok() && written.is_ok()
        })?;
        result = result.and(inner);
    }
    match written.and_then(|()| out.flush()) {
        Err(failed) if failed.kind() != ErrorKind::BrokenPipe => return Err(failed.into()),
        Ok(()) | Err(_) => (), // A reader that went away (`| head`) is no failure of ours.
    }
    Ok(result?)
}

fn of_brief(brief: &OrderBrief) -> Map<String, Value> {
    let OrderBrief { order, user, state, version, total, currency, created_at, pay_until } = *brief;
    let row = [
        ("order", json!(order.0)),
        ("user", json!(user.0)),
        ("state", json!(as_of::state(state.number()))),
        ("version", json!(version)),
        ("total", json!(total.0)),
        ("currency", json!(currency.0)),
        ("created_at_us", json!(created_at.0)),
        ("pay_until_us", json!(pay_until.0)),
    ];
    row.map(|(key, value)| (key.to_owned(), value)).into_iter().collect()
}

/// A version of an order: what the cold store keeps beside its record, and what is in the record, or why nobody can read
/// it.
fn put_version(row: &mut Map<String, Value>, version: Version, record: &[u8]) {
    let Version { through, due } = version;
    match RestingOrder::read(record) {
        Ok(RestingOrder { brief, lines }) => {
            // An older version was in another state than the newest, of which the brief above may be.
            row.extend(of_brief(&brief));
            row.insert("lines".into(), lines.iter().map(as_of::line).collect());
        }
        Err(fault) => drop(row.insert("fault".into(), json!(fault.to_string()))),
    }
    row.insert("through".into(), json!(through));
    row.insert("due_us".into(), json!(due.map(|due| due.0)));
    row.insert("record_bytes".into(), json!(record.len()));
}
