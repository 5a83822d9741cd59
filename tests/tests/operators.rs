//! What operators put in everybody's way, on the real server: through terminal and SDK, and over a kill.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::time::Duration;

use e2e::Server;
use serde_json::Value;
use tidegate_sdk::{
    AdjustReason, Client, Currency, Error, MicrosUtc, Money, OrderId, SaleId, Scope, SkuId, State, Status,
    Stops, UserId, UserList, WarehouseId,
};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const PRICE: Money = Money::new(10_00, Currency::EUR);
const SKU: SkuId = SkuId(1);
const USER: UserId = UserId(7);
const CREATING: Stops = Stops { creating: true, paying: false, changing: false };

/// A server that has 10 units of sku 1 for 10 EUR.
async fn shop() -> (Server, Client) {
    let server = Server::start(TIDEGATE);
    let client = server.patiently().connect().await.unwrap();
    client.sku_put(SKU, PRICE).await.unwrap();
    client.stock_adjust(SKU, WarehouseId(1)).on_hand(10, AdjustReason::Received).await.unwrap();
    (server, client)
}

/// What `tidegate admin --json` prints.
fn reads(server: &Server, line: &str) -> Value {
    let (code, out, err) = types(server, &format!("--json {line}"));
    assert_eq!(code, Some(0), "{line}: {err}");
    serde_json::from_str(&out).unwrap()
}

fn types(server: &Server, line: &str) -> (Option<i32>, String, String) {
    let args: Vec<&str> = std::iter::once("admin").chain(line.split(' ')).collect();
    let ran = server.run(&args);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ran.status.code(), text(ran.stdout), text(ran.stderr))
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Error>) -> (Status, i64, i64) {
    match answer {
        Err(Error::Refused(refused)) => (refused.status, refused.asked, refused.there),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_switched_off_stays_off_over_a_kill() {
    let (mut server, client) = shop().await;
    let request = client.new_request_id();
    let placed = client.create(USER, PRICE).line(SKU, 1).request_id(request).await.unwrap();
    let version = client.switch_put(Scope::Sku(SKU), CREATING).note("price was wrong").await.unwrap();
    assert_eq!(refused(client.switch_put(Scope::Sku(SKU), CREATING).await), (Status::VersionConflict, 0, 1));

    server.kill();
    server.restart();
    let client = server.patiently().connect().await.unwrap();
    let off = (Status::SwitchedOff, 3, 1);
    assert_eq!(refused(client.create(USER, PRICE).line(SKU, 1).await), off);
    assert_eq!(refused(client.prepare(USER, Currency::EUR).line(SKU, 1).await), off);
    assert_eq!(client.create(USER, PRICE).line(SKU, 1).again(request).await.unwrap(), placed);
    let listed = client.switch_list().await.unwrap();
    assert_eq!((listed.items.len(), listed.more), (1, false));
    let switch = &listed.items[0];
    assert_eq!((switch.scope, switch.stops, switch.version), (Scope::Sku(SKU), CREATING, version));
    assert_eq!(switch.note, "price was wrong");
    assert!(client.audit().await.unwrap().ok);

    client.switch_clear(Scope::Sku(SKU), version).await.unwrap();
    client.create(USER, PRICE).line(SKU, 1).await.unwrap();
    assert_eq!(client.switch_list().await.unwrap().items, []);
    assert!(client.audit().await.unwrap().ok);
}

#[tokio::test]
async fn an_operator_makes_the_shop_read_only_and_lets_it_go_on() {
    let (server, client) = shop().await;
    let placed = client.create(USER, PRICE).line(SKU, 1).await.unwrap();
    assert_eq!(types(&server, "switch list").1, "no switch is set\n");
    let set = reads(&server, "switch set --stop creating --stop changing --note why");
    let switch = &set["switches"][0];
    assert_eq!((&switch["scope"], &switch["note"]), (&"all".into(), &"why".into()));
    assert_eq!(switch["stops"]["changing"], true);

    let (code, _, err) = types(&server, "stock adjust 1 --warehouse 1 --on-hand 1");
    let says = "SWITCHED_OFF by a switch of the whole shop: see why with `tidegate admin switch list`";
    assert!(code == Some(1) && err.contains(says), "{err}");
    assert_eq!(client.cancel(USER, placed.order).await.unwrap().state, State::Cancelled);

    // Set again, it is replaced; who set it need not look for its version.
    reads(&server, "switch set --stop paying");
    client.create(USER, PRICE).line(SKU, 1).await.unwrap();
    assert_eq!(reads(&server, "switch clear")["switches"], Value::Array(vec![]));
    let (code, _, err) = types(&server, "switch clear --sku 1");
    assert!(code == Some(1) && err.contains("no switch is set for sku 1"), "{err}");
    assert_eq!(types(&server, "switch set --sku 1").0, Some(2), "it does not say what to stop");
}

#[tokio::test]
async fn a_blocked_user_stays_blocked_over_a_kill_and_a_preferred_one_is_early() {
    let (mut server, client) = shop().await;
    let placed = client.create(USER, PRICE).line(SKU, 1).await.unwrap();
    let soon = client.server_time().after(Duration::from_secs(3_600));
    let sale = client.sale_put(SaleId(5), soon, soon.after(Duration::from_secs(60))).sku(SKU, 5_00);
    sale.closed_from(MicrosUtc(0)).user_limit(1).await.unwrap();
    client.limit_put(USER, UserList::Blocked).await.unwrap();
    let set = reads(&server, "limit put 8 --list preferred --sale-units 2");
    assert_eq!((&set["list"], &set["sale_units"]), (&"preferred".into(), &2.into()));

    server.kill();
    server.restart();
    let client = server.patiently().connect().await.unwrap();
    let half = Money::new(10_00, Currency::EUR);
    assert_eq!(refused(client.create(USER, half).line(SKU, 2).await), (Status::Blocked, 0, 0));
    assert_eq!(client.cancel(USER, placed.order).await.unwrap().state, State::Cancelled);
    client.create(UserId(8), half).line(SKU, 2).await.unwrap();
    assert_eq!(refused(client.create(UserId(9), half).line(SKU, 2).await).0, Status::SaleNotOpen);
    assert!(client.audit().await.unwrap().ok);

    let listed = client.limit_list().await.unwrap().items;
    let lists: Vec<_> = listed.iter().map(|it| (it.user, it.list, it.until)).collect();
    assert_eq!(lists, [(USER, UserList::Blocked, None), (UserId(8), UserList::Preferred, None)]);
    assert_eq!(reads(&server, "limit get 7")["list"], "blocked");
    assert_eq!(reads(&server, "limit put 7")["list"], "ordinary");
    assert_eq!(reads(&server, "limit list")["items"].as_array().unwrap().len(), 1);
    let (code, _, err) = types(&server, "limit put 7 --until 2090-01-01T00:00:00Z");
    assert!(code == Some(2) && err.contains("nothing would be set"), "{err}");
    assert!(client.audit().await.unwrap().ok);
}

#[tokio::test]
async fn orders_are_scanned_page_by_page_while_others_are_made() {
    let (server, client) = shop().await;
    let mut made = Vec::new();
    for user in 1..=5 {
        made.push(client.create(UserId(user), PRICE).line(SKU, 1).await.unwrap());
    }
    client.cancel(UserId(2), made[1].order).await.unwrap();

    let mut found = Vec::new();
    let mut next = Some(OrderId(0));
    while let Some(before) = next {
        let page =
            client.orders_scan().before(before).in_state(State::PendingPayment).limit(2).await.unwrap();
        found.extend(page.items.iter().map(|brief| brief.user.0));
        next = page.next;
        client.create(UserId(9), PRICE).line(SKU, 1).await.unwrap();
    }
    assert_eq!(found, [5, 4, 3, 1], "newest first; what came meanwhile is in front of the first page");

    let scanned = reads(&server, "order scan --user 3 --sku 1");
    assert_eq!(scanned["items"][0]["order"], made[2].order.to_string());
    let scanned = reads(&server, "order scan --state cancelled --from 2020-01-01T00:00:00Z");
    assert_eq!(scanned["items"].as_array().unwrap().len(), 1);
    assert_eq!(reads(&server, "order scan --to 2020-01-01T00:00:00Z")["items"], Value::Array(vec![]));
    let first = reads(&server, "order scan --limit 1");
    let older = reads(&server, &format!("order scan --limit 3 --before {}", first["next"].as_str().unwrap()));
    assert_eq!(older["items"].as_array().unwrap().len(), 3);
    // A cursor is a place in time: nothing was made before this one, whether there is such an order or not.
    assert!(client.orders_scan().before(OrderId(5)).await.unwrap().items.is_empty());
}
