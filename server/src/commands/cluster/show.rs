//! A cluster laid out for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};
use storage_cluster::catalogue::UNBOUNDED_UNITS;
use storage_cluster::{mysql, redis};

use super::SlicesHere;
use super::overview::{DatabaseNow, InRedis, Overview, ShelfNow, ShelfState};
use crate::commands::admin::show::{Shown, table};

/// All servers, and the shelves of which so many are shown.
pub fn overview(overview: &Overview, shelves_max: usize) -> Shown {
    let Overview { redis, databases, shelves } = overview;
    let mut text = match redis {
        Ok(servers) => {
            let heads = ["redis", "version", "up", "replicas", "incarnation"];
            table(&heads, &servers.iter().map(redis_row).collect::<Vec<_>>())
        }
        Err(why) => format!("redis cannot be asked: {why}\n"),
    };
    for unfit in redis.iter().flatten().flat_map(|server| &server.unfit) {
        let _ = writeln!(text, "{unfit}");
    }
    let heads = ["database", "slots", "version", "up", "unpublished"];
    let _ = write!(text, "\n{}", table(&heads, &databases.iter().map(database_row).collect::<Vec<_>>()));
    for DatabaseNow { alive, .. } in databases {
        if let Err(why) = alive {
            let _ = writeln!(text, "{why}");
        }
    }
    let _ = write!(text, "\n{}", shelves_text(shelves, shelves_max));
    Shown { text, json: overview_json(overview) }
}

/// The slices of all databases.
pub fn slices(databases: &[SlicesHere]) -> Shown {
    let row = |name: &str, here: &mysql::SliceHere| {
        let begun = if here.has_begun { "begun" } else { "to come" };
        vec![name.to_owned(), here.slice.name(), here.orders.to_string(), begun.to_owned()]
    };
    let all = databases.iter().flat_map(|(name, here)| here.iter().map(move |here| (name, here)));
    let rows: Vec<_> = all.clone().map(|(name, here)| row(name, here)).collect();
    let json: Vec<Value> = all
        .map(|(name, mysql::SliceHere { slice, orders, has_begun })| {
            json!({
                "database": name, "slice": slice.name(), "month": slice.month, "number": slice.number,
                "first_ms": slice.first_ms, "orders": orders, "has_begun": has_begun,
            })
        })
        .collect();
    let orders_max = databases.iter().flat_map(|(_, here)| here).map(|here| here.orders).max().unwrap_or(0);
    let mut text = table(&["database", "slice", "orders", "since"], &rows);
    let _ = writeln!(text, "the largest table has {orders_max} of at most {} rows", mysql::ROWS_MAX);
    Shown { text, json: json!({"slices": json, "orders_max": orders_max, "rows_max": mysql::ROWS_MAX}) }
}

fn redis_row(server: &redis::Alive) -> Vec<String> {
    let redis::Alive { server, version, up_seconds, incarnation, replicas, unfit: _ } = server;
    vec![server.clone(), version.clone(), span(*up_seconds), replicas.to_string(), incarnation.clone()]
}

fn database_row(database: &DatabaseNow) -> Vec<String> {
    let DatabaseNow { name, is_home, slots, alive } = database;
    let name = if *is_home { format!("{name} (home)") } else { name.clone() };
    let slots = slots.map_or("?".to_owned(), |slots| slots.to_string());
    let [version, up, unpublished] = match alive {
        Ok(it) => [it.version.clone(), span(it.up_seconds), it.unpublished.to_string()],
        Err(_) => ["cannot be asked".to_owned(), String::new(), String::new()],
    };
    vec![name, slots, version, up, unpublished]
}

/// Those that do not agree first.
fn shelves_text(shelves: &[ShelfNow], shelves_max: usize) -> String {
    if shelves.is_empty() {
        return "no shelves\n".to_owned();
    }
    let mut ordered: Vec<&ShelfNow> = shelves.iter().collect();
    ordered.sort_by_key(|shelf| (shelf.state, shelf.shelf));
    let cell = |number: i64| number.to_string();
    // Of what has no bound only so much is known that there is enough.
    let units_of = |shelf: &ShelfNow, units: i64| match shelf.total {
        UNBOUNDED_UNITS => "enough".to_owned(),
        _ => cell(units),
    };
    let rows: Vec<Vec<String>> = ordered
        .iter()
        .take(shelves_max)
        .map(|shelf| {
            let redis = shelf.in_redis.map_or(["-".to_owned(), "-".to_owned()], |InRedis { units, held }| {
                [units_of(shelf, units), held.to_string()]
            });
            let by_database = shelf.taken.iter().map(|&taken| cell(taken)).collect::<Vec<_>>().join(" ");
            let [units, held] = redis;
            let left = units_of(shelf, shelf.left());
            let state = shelf.state.word().to_owned();
            vec![
                shelf.shelf.to_string(),
                state,
                shelf.epoch.to_string(),
                left,
                units,
                held,
                cell(shelf.returning),
                by_database,
            ]
        })
        .collect();
    let heads = ["shelf", "state", "epoch", "left", "in redis", "held", "returning", "taken by database"];
    let mut text = table(&heads, &rows);
    let count = |state| shelves.iter().filter(|shelf| shelf.state == state).count();
    let states =
        [ShelfState::Agrees, ShelfState::Held, ShelfState::Moving, ShelfState::Closed, ShelfState::Differs];
    let counted: Vec<String> = states
        .into_iter()
        .filter(|&state| count(state) > 0)
        .map(|state| format!("{} {}", count(state), state.word()))
        .collect();
    let _ = writeln!(text, "{} shelves: {}", shelves.len(), counted.join(", "));
    if count(ShelfState::Differs) > 0 {
        text.push_str("Where a shelf differs, Redis and the databases disagree with nothing on its way: look into it.\n");
    }
    text
}

fn overview_json(overview: &Overview) -> Value {
    let Overview { redis, databases, shelves } = overview;
    let redis = match redis {
        Ok(servers) => servers.iter().map(redis_json).collect::<Vec<_>>().into(),
        Err(why) => json!({"error": why}),
    };
    let databases: Vec<Value> = databases.iter().map(database_json).collect();
    let shelves: Vec<Value> = shelves.iter().map(shelf_json).collect();
    json!({"ok": overview.is_well(), "redis": redis, "databases": databases, "shelves": shelves})
}

fn redis_json(server: &redis::Alive) -> Value {
    let redis::Alive { server, version, up_seconds, incarnation, replicas, unfit } = server;
    let unfit: Vec<String> = unfit.iter().map(ToString::to_string).collect();
    json!({
        "server": server, "version": version, "up_seconds": up_seconds, "incarnation": incarnation,
        "replicas": replicas, "unfit": unfit,
    })
}

fn database_json(database: &DatabaseNow) -> Value {
    let DatabaseNow { name, is_home, slots, alive } = database;
    let mut json = json!({"database": name, "home": is_home, "slots": slots});
    match alive {
        Ok(mysql::Alive { version, up_seconds, unpublished }) => {
            json["version"] = json!(version);
            json["up_seconds"] = json!(up_seconds);
            json["unpublished"] = json!(unpublished);
        }
        Err(why) => json["error"] = json!(why.to_string()),
    }
    json
}

fn shelf_json(shelf: &ShelfNow) -> Value {
    let ShelfNow { shelf: key, epoch, total, taken, returning, in_redis, state } = shelf;
    json!({
        "shelf": key.to_string(), "state": state.word(), "epoch": epoch, "total": total, "taken": taken,
        "left": shelf.left(), "returning": returning,
        "in_redis": in_redis.map(|it| it.units), "held": in_redis.map(|it| it.held),
    })
}

/// `3 d 4 h`, `5 min`, `12 s`: two units at most.
fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min"),
        3_600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use domain::{SaleId, SkuId, WarehouseId};
    use storage_cluster::shelf::ShelfKey;

    use super::*;

    fn shelf(shelf: ShelfKey, taken: Vec<i64>, in_redis: Option<(i64, u64)>, state: ShelfState) -> ShelfNow {
        let in_redis = in_redis.map(|(units, held)| InRedis { units, held });
        ShelfNow { shelf, epoch: 2, total: 100, taken, returning: 0, in_redis, state }
    }

    fn found() -> Overview {
        let redis = redis::Alive {
            server: "127.0.0.1:6379".into(),
            version: "7.0.15".into(),
            up_seconds: 90,
            incarnation: "c0ffee".into(),
            replicas: 1,
            unfit: vec![],
        };
        let said = "b:2/tidegate: no connection within 2s".into();
        let away = mysql::Fault { kind: mysql::FaultKind::Unreachable, said };
        let alive = mysql::Alive { version: "10.11.14".into(), up_seconds: 90_061, unpublished: 3 };
        let database =
            |name: &str, is_home, alive| DatabaseNow { name: name.into(), is_home, slots: Some(512), alive };
        Overview {
            redis: Ok(vec![redis]),
            databases: vec![
                database("a:1/tidegate", true, Ok(alive)),
                database("b:2/tidegate", false, Err(away)),
            ],
            shelves: vec![
                shelf(
                    ShelfKey::Stock(SkuId(7), WarehouseId(1)),
                    vec![30, 20],
                    Some((50, 0)),
                    ShelfState::Agrees,
                ),
                shelf(ShelfKey::SaleCap(SaleId(5)), vec![1, 0], Some((98, 0)), ShelfState::Differs),
            ],
        }
    }

    #[test]
    fn what_is_wrong_stands_first_and_in_words() {
        let shown = overview(&found(), 1);
        let lines: Vec<&str> = shown.text.lines().collect();
        assert_eq!(lines[1], "127.0.0.1:6379  7.0.15   1 min         1  c0ffee");
        assert_eq!(lines[4], "a:1/tidegate (home)    512  10.11.14         1 d 1 h            3");
        assert!(lines[6].starts_with("b:2/tidegate: no connection within 2s: "), "with what to do");
        assert!(lines[9].starts_with("cap.5  differs"), "{}", lines[9]);
        assert_eq!(lines[10], "2 shelves: 1 agrees, 1 differs", "of which one is shown");
        assert_eq!(shown.json["ok"], json!(false));
        assert_eq!(shown.json["databases"][1]["error"], json!(lines[6]));
        assert_eq!(shown.json["shelves"][0]["left"], json!(50));
        let down = Overview { redis: Err("nobody is there".into()), ..found() };
        assert!(overview(&down, 1).text.starts_with("redis cannot be asked: nobody is there\n"));
    }

    #[test]
    fn spans_have_two_units_at_most() {
        for (seconds, text) in [(59, "59 s"), (3_599, "59 min"), (3_660, "1 h 1 min"), (180_000, "2 d 2 h")] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn slices_say_how_full_they_are() {
        let slice = |number| mysql::Slice { first_ms: 1, month: 202_611, number };
        let here = |number, orders, has_begun| mysql::SliceHere { slice: slice(number), orders, has_begun };
        let shown = slices(&[("a:1/t".into(), vec![here(0, 280_000, true), here(1, 0, false)])]);
        let lines: Vec<&str> = shown.text.lines().collect();
        assert_eq!(lines[1], "a:1/t     202611_00  280000  begun");
        assert_eq!(lines[2], "a:1/t     202611_01       0  to come");
        assert_eq!(lines[3], "the largest table has 280000 of at most 500000 rows");
        assert_eq!(shown.json["slices"][0]["orders"], json!(280_000));
    }
}
