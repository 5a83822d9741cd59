//! What operators put in everybody's way, on the real server: through terminal and SDK, and over a kill.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use e2e::Server;
use serde_json::Value;
use tidegate_sdk::{
    AdjustReason, Client, Currency, Error, Money, Scope, SkuId, State, Status, Stops, UserId, WarehouseId,
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
