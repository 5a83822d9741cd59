//! Money, end to end: a real server with two gateways, what an operator types, kills in between, and floods.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use e2e::Server;
use e2e::wire::{Wire, create, frame, unix_ms};
use protocol::structs::{PayCallbackHead, PayOpenHead};
use protocol::{GatewayKey, Signed, messages};
use serde_json::Value;
use tempfile::TempDir;
use tidegate_sdk::{
    Currency, Error, EventFilter, EventType, GatewayId, Money, OrderId, Payment, PaymentState, RefundState,
    SkuId, StartAt, State, Status, TestGateway, UserId, WarehouseId, blocking,
};

const BINARY: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const KEYS: [&str; 2] = ["the key of the first gateway 1234", "the key of the second gateway 567"];
const FIRST: GatewayId = GatewayId(1);
const PRICE: i64 = 19_99;

/// A shop with sku 1 at 19.99 EUR, and two gateways.
struct House {
    server: Server,
    config: PathBuf,
    folder: TempDir,
}

impl House {
    fn new(more: &str) -> House {
        let folder = tempfile::tempdir().unwrap();
        let mut gateways = Vec::new();
        for (place, key) in KEYS.iter().enumerate() {
            let file = folder.path().join(format!("key-{place}"));
            fs::write(&file, format!("{key}\n")).unwrap();
            gateways.push(format!("{{ id = {}, key_file = {:?} }}", place + 1, file));
        }
        let config = folder.path().join("tidegate.toml");
        fs::write(&config, format!("[payments]\ngateways = [{}]\n{more}", gateways.join(", "))).unwrap();
        let server = Server::start_with(BINARY, &["--config", config.to_str().unwrap()]);
        let house = House { server, config, folder };
        house.does(&["admin", "sku", "put", "1", "--price", "19.99", "--currency", "EUR"]);
        house.does(&["admin", "stock", "adjust", "1", "--warehouse", "1", "--on-hand", "100000"]);
        house
    }

    fn client(&self) -> blocking::Client {
        blocking::Client::connect_with(self.server.patiently()).unwrap()
    }

    /// What it prints; it must succeed.
    fn does(&self, args: &[&str]) -> String {
        let (code, out, err) = self.types(args);
        assert_eq!(code, Some(0), "{args:?}: {err}{out}");
        out
    }

    fn types(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let ran = self.server.run(args);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    }

    /// `admin pay simulate`, as JSON.
    fn simulates(&self, payment: &Payment, more: &[&str]) -> Value {
        let (payment, config) = (payment.payment.to_string(), self.config.to_str().unwrap());
        let mut args = vec!["admin", "--json", "pay", "simulate", &payment, "--config", config];
        args.extend(more);
        serde_json::from_str(&self.does(&args)).unwrap()
    }

    fn reconciles(&self, statement: &str, more: &[&str]) -> (Option<i32>, Value) {
        let (file, report) =
            (self.folder.path().join("statement.csv"), self.folder.path().join("report.json"));
        fs::write(&file, statement).unwrap();
        let mut args = vec!["reconcile", "--statement", file.to_str().unwrap()];
        args.extend(["--json", report.to_str().unwrap()]);
        args.extend(more);
        let (code, _, err) = self.types(&args);
        let report = fs::read_to_string(&report).unwrap_or_else(|why| panic!("{why}: {err}"));
        (code, serde_json::from_str(&report).unwrap())
    }

    fn audits(&self) {
        assert!(self.does(&["audit", "--target", self.server.address()]).contains("ok"));
    }
}

/// An order of two units by this user, and its first attempt to pay.
fn order(client: &blocking::Client, user: u64) -> (OrderId, Payment) {
    let create = client.create(UserId(user), Money::new(2 * PRICE, Currency::EUR)).line(SkuId(1), 2);
    let order = client.wait(create).unwrap().order;
    (order, client.wait(client.pay_open(UserId(user), order, FIRST)).unwrap())
}

fn first_gateway() -> TestGateway {
    TestGateway::new(FIRST, KEYS[0].as_bytes())
}

fn status(refused: Error) -> Status {
    refused.refused().unwrap_or_else(|| panic!("{refused}"))
}

#[test]
fn money_comes_goes_back_and_outlives_a_kill() {
    let mut house = House::new("");
    let (client, gateway) = (house.client(), first_gateway());
    let (paid_order, payment) = order(&client, 7);
    assert_eq!(payment.order_state, State::Paying);

    // Another gateway cannot speak of it, nor can anybody with a key of his own.
    let second = TestGateway::new(GatewayId(2), KEYS[1].as_bytes());
    assert_eq!(status(client.wait(second.paid(&client, &payment)).unwrap_err()), Status::PaymentNotFound);
    let forger = TestGateway::new(FIRST, b"a key that he made up himself!!!");
    assert_eq!(status(client.wait(forger.paid(&client, &payment)).unwrap_err()), Status::BadSignature);

    let paid = client.wait(gateway.paid(&client, &payment)).unwrap();
    assert_eq!((paid.state, paid.order_state), (PaymentState::Paid, State::Confirmed));
    house.server.kill();
    house.server.restart_with(&["--config", house.config.to_str().unwrap()]);

    // Said again behind the kill, it is known; and what is cancelled goes back, after a failure.
    let client = house.client();
    assert_eq!(client.wait(gateway.paid(&client, &payment)).unwrap().order_version, paid.order_version);
    assert_eq!(client.wait(client.cancel(UserId(7), paid_order)).unwrap().state, State::Refunding);
    let asked = client.wait(client.pay_get(UserId(7), payment.payment)).unwrap();
    let failed = client.wait(gateway.refund_failed(&client, &asked).unwrap()).unwrap();
    assert_eq!(failed.refund.unwrap().state, RefundState::Failed);
    client.wait(client.refund(payment.payment)).unwrap();
    let done = house.simulates(&payment, &["--refund"]);
    assert_eq!((&done["order_state"], &done["refund"]["state"]), (&"REFUNDED".into(), &"DONE".into()));
    let shelf = client.wait(client.stock_get(SkuId(1)).warehouse(WarehouseId(1))).unwrap();
    assert_eq!((shelf.on_hand, shelf.held), (100_000, 0));
    house.audits();
}

#[test]
fn an_operator_settles_what_is_not_what_was_asked_for() {
    let house = House::new("");
    let client = house.client();
    let (order, payment) = order(&client, 7);
    let (simulated, config) = (payment.payment.to_string(), house.config.to_str().unwrap());
    let args = ["admin", "pay", "simulate", &simulated, "--config", config, "--amount", "9.99"];
    let (code, _, err) = house.types(&args);
    assert!(code == Some(1) && err.contains("AMOUNT_MISMATCH"), "{err}");
    assert!(house.server.log().contains("other money came than was asked for"), "{}", house.server.log());
    let settled = house.does(&["admin", "pay", "settle", &simulated]);
    assert!(settled.contains("CONFIRMED") && settled.contains("9.99 EUR"), "{settled}");
    let history = client.wait(client.history(UserId(7), order)).unwrap();
    assert_eq!(history.last().unwrap().to, State::Confirmed);
    house.audits();
}

#[test]
fn a_paid_order_whose_units_are_gone_waits_for_people_and_is_repaired() {
    let mut house = House::new("");
    let (client, gateway) = (house.client(), first_gateway());
    let orders = [7, 8, 9].map(|user| order(&client, user));
    let adjust = ["admin", "stock", "adjust", "1", "--warehouse", "1"];
    let adjusts = |more: &[&str]| house.types(&[&adjust, more].concat());
    // A count finds 2 units of the 6 that three buyers hold. That they are gone has to be said.
    let (code, _, err) = adjusts(&["--on-hand", "-99998", "--reason", "adjusted"]);
    assert!(code == Some(1) && err.contains("INSUFFICIENT_STOCK"), "{err}");
    assert_eq!(adjusts(&["--on-hand", "-99998", "--reason", "lost"]).0, Some(0));

    let paid = orders.map(|(_, payment)| client.wait(gateway.paid(&client, &payment)).unwrap());
    assert_eq!(
        paid.map(|payment| (payment.state, payment.order_state)),
        [State::Confirmed, State::StockException, State::StockException]
            .map(|state| (PaymentState::Paid, state))
    );
    assert!(house.server.log().contains("paid, and its units are gone"), "{}", house.server.log());
    let [_, (found, _), (given_up, _)] = orders;
    let waiting = house.does(&["admin", "order", "scan", "--state", "stock_exception"]);
    assert!([found, given_up].iter().all(|order| waiting.contains(&order.to_string())), "{waiting}");
    let filter = EventFilter::ALL.of_type(EventType::StockException);
    let mut events = client.subscribe(filter, StartAt::Behind(0));
    for order in [found, given_up] {
        let event = client.wait(events.next()).unwrap();
        assert_eq!(
            (event.order, event.state, event.items[0].units),
            (Some(order), Some(State::StockException), 2)
        );
    }
    drop(events);
    house.server.kill();
    house.server.restart_with(&["--config", house.config.to_str().unwrap()]);

    // Two units turn up, kept for who paid: nobody else can have them.
    let client = house.client();
    let restock = ["admin", "order", "restock", &found.to_string()];
    let (code, _, err) = house.types(&restock);
    assert!(code == Some(1) && err.contains("SOLD_OUT"), "{err}");
    assert_eq!(house.types(&[&adjust[..], &["--on-hand", "2", "--safety", "2"]].concat()).0, Some(0));
    let create = client.create(UserId(10), Money::new(PRICE, Currency::EUR)).line(SkuId(1), 1);
    assert_eq!(status(client.wait(create).unwrap_err()), Status::SoldOut);
    assert!(house.does(&restock).contains("CONFIRMED"));
    assert_eq!(house.types(&[&adjust[..], &["--safety", "-2"]].concat()).0, Some(0));
    assert_eq!(status(client.wait(client.restock(found)).unwrap_err()), Status::WrongState);

    // The other one's money goes back.
    assert_eq!(client.wait(client.cancel(UserId(9), given_up)).unwrap().state, State::Refunding);
    let asked = client.wait(client.pay_latest(UserId(9), given_up)).unwrap();
    let done = client.wait(gateway.refunded(&client, &asked).unwrap()).unwrap();
    assert_eq!(done.order_state, State::Refunded);
    let shelf = client.wait(client.stock_get(SkuId(1)).warehouse(WarehouseId(1))).unwrap();
    assert_eq!((shelf.on_hand, shelf.held, shelf.sold), (0, 0, 4));
    house.audits();
}

#[test]
fn a_statement_is_reconciled_and_what_was_missed_is_repaired() {
    let house = House::new("");
    let (client, gateway) = (house.client(), first_gateway());
    let (_, heard) = order(&client, 1);
    client.wait(gateway.paid(&client, &heard)).unwrap();
    let (_, missed) = order(&client, 2);
    let (_, failed) = order(&client, 3);
    let (_, late) = order(&client, 4);
    client.wait(client.cancel(UserId(4), late.order)).unwrap();
    let (_, less) = order(&client, 5);
    let (_, differs) = order(&client, 6);
    client.wait(gateway.paid(&client, &differs)).unwrap();
    let (_, sent_back) = order(&client, 7);
    client.wait(gateway.paid(&client, &sent_back)).unwrap();
    client.wait(client.refund(sent_back.payment).amount(300)).unwrap();

    let at = "2026-01-31T23:59:59Z";
    let statement = format!(
        "payment,status,amount_minor,currency,at,reference,refund\n\
         {},paid,3998,EUR,{at},1,\n\
         {},paid,3998,EUR,{at},2,\n\
         {},failed,,,{at},,\n\
         {},paid,3998,EUR,{at},4,\n\
         {},paid,3997,EUR,{at},5,\n\
         {},paid,3999,EUR,{at},6,\n\
         {},refunded,300,EUR,{at},7,1\n\
         12345,paid,700,EUR,{at},8,\n\
         ,paid,800,EUR,{at},9,\n",
        heard.payment,
        missed.payment,
        failed.payment,
        late.payment,
        less.payment,
        differs.payment,
        sent_back.payment,
    );
    // Looking changes nothing.
    let before = client.wait(client.stats()).unwrap();
    let (code, report) = house.reconciles(&statement, &[]);
    assert_eq!((code, &report["repaired"], &report["left"]), (Some(1), &0.into(), &8.into()), "{report:#}");
    assert_eq!(client.wait(client.stats()).unwrap().created, before.created);
    assert_eq!(client.wait(client.pay_get(UserId(0), missed.payment)).unwrap().state, PaymentState::Open);

    let with_keys = ["--repair", "--config", house.config.to_str().unwrap()];
    let (code, report) = house.reconciles(&statement, &with_keys);
    let counts = serde_json::json!({
        "amount_differs": 1, "missing_callback": 4, "missing_refund_result": 1, "paid_without_order": 2,
        "waits_for_people": 1,
    });
    assert_eq!((code, &report["counts"]), (Some(1), &counts), "{report:#}");
    assert_eq!((&report["rows"], &report["repaired"], &report["left"]), (&9.into(), &5.into(), &4.into()));
    let stands = |payment: &Payment| {
        let found = client.wait(client.pay_get(UserId(0), payment.payment)).unwrap();
        (found.state, found.order_state)
    };
    assert_eq!(stands(&missed), (PaymentState::Paid, State::Confirmed));
    assert_eq!(stands(&failed), (PaymentState::Failed, State::PendingPayment));
    assert_eq!(stands(&late), (PaymentState::Surplus, State::Refunding));
    assert_eq!(stands(&less), (PaymentState::Mismatched, State::Paying));
    assert_eq!(client.wait(client.pay_get(UserId(0), sent_back.payment)).unwrap().refunded.minor_units, 300);

    // Again, it finds only what people have to do; and when they have done it, nothing.
    let (code, report) = house.reconciles(&statement, &with_keys);
    assert_eq!((code, &report["repaired"], &report["left"]), (Some(1), &0.into(), &4.into()), "{report:#}");
    client.wait(client.settle(less.order, less.payment)).unwrap();
    let clean: String = statement.lines().take(6).map(|line| format!("{line}\n")).collect();
    let (code, report) = house.reconciles(&clean, &[]);
    assert_eq!((code, &report["left"]), (Some(0), &0.into()), "{report:#}");
    house.audits();
}

/// In a folder that no server uses, what went through is known, and so is which of it stands in no line.
#[test]
fn a_statement_is_reconciled_with_a_folder_both_ways() {
    let mut house = House::new("");
    let (client, gateway) = (house.client(), first_gateway());
    let [told, untold, back] = [1, 2, 3].map(|user| order(&client, user).1);
    for payment in [&told, &untold, &back] {
        client.wait(gateway.paid(&client, payment)).unwrap();
    }
    let asked = client.wait(client.refund(back.payment).amount(300)).unwrap();
    client.wait(gateway.refunded(&client, &asked).unwrap()).unwrap();
    drop(client);
    let data = house.server.data().to_str().unwrap().to_owned();
    let statement = |more: &str| {
        format!(
            "payment,status,amount_minor,currency,at,reference\n\
             {},paid,3998,EUR,2000-01-01T00:00:00Z,1\n{},paid,3998,EUR,2100-01-01T00:00:00Z,3\n{more}",
            told.payment, back.payment,
        )
    };
    // A folder in use is not read.
    let file = house.folder.path().join("statement.csv");
    fs::write(&file, statement("")).unwrap();
    let (code, _, err) = house.types(&["reconcile", "--statement", file.to_str().unwrap(), "--data", &data]);
    assert!(code == Some(1) && err.contains("is used by a server"), "{err}");
    house.server.kill();

    let (code, report) = house.reconciles(&statement(""), &["--data", &data]);
    let counts = serde_json::json!({ "not_in_statement": 2 });
    assert_eq!(
        (code, &report["counts"], &report["both_ways"]),
        (Some(1), &counts, &true.into()),
        "{report:#}"
    );
    let found = &report["findings"];
    assert_eq!(found[0]["payment"], untold.payment.to_string());
    assert_eq!(
        (&found[0]["line"], &found[0]["ledger"]["status"]),
        (&Value::Null, &"paid".into()),
        "{report:#}"
    );
    assert_eq!(found[1]["payment"], back.payment.to_string());
    assert_eq!(found[1]["ledger"]["status"], "refunded");

    let rest = format!(
        "{},paid,3998,EUR,2026-01-01T00:00:00Z,2\n{},refunded,300,EUR,2026-01-01T00:00:00Z,4\n",
        untold.payment, back.payment
    );
    let (code, report) = house.reconciles(&statement(&rest), &["--data", &data]);
    assert_eq!((code, &report["left"]), (Some(0), &0.into()), "{report:#}");
}

#[test]
fn a_statement_with_a_wrong_line_is_refused_before_anything_is_sent() {
    let house = House::new("");
    let client = house.client();
    let (_, missed) = order(&client, 2);
    let file = house.folder.path().join("wrong.csv");
    let line = format!("{},paid,3998,EUR,2026-01-31T23:59:59Z\n", missed.payment);
    fs::write(&file, format!("payment,status,amount_minor,currency,at\n{line}1,paid,1e3,EUR,now\n")).unwrap();
    let file = file.to_str().unwrap();
    let config = house.config.to_str().unwrap();
    let (code, out, err) = house.types(&["reconcile", "--statement", file, "--repair", "--config", config]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.ends_with("wrong.csv: line 3: amount_minor «1e3» is no whole number\n"), "{err}");
    assert_eq!(client.wait(client.pay_get(UserId(0), missed.payment)).unwrap().state, PaymentState::Open);
    // Without keys nothing can be repaired, and that is said before anything is looked at.
    let (code, _, err) = house.types(&["reconcile", "--statement", file, "--repair"]);
    assert_eq!(code, Some(1), "{err}");
    let good = house.folder.path().join("good.csv");
    fs::write(&good, format!("payment,status,amount_minor,currency,at\n{line}")).unwrap();
    let (code, _, err) = house.types(&["reconcile", "--statement", good.to_str().unwrap(), "--repair"]);
    assert!(code == Some(2) && err.contains("[payments]"), "{err}");
}

/// Creates flood the server from many connections that do not wait, until it refuses them. Payments are asked for on a
/// plain socket, once each: a refusal would be seen.
#[test]
fn payments_go_on_while_creates_flood() {
    let house = House::new("[requests]\nin_flight = 48\nin_flight_reserved = 16\n");
    let client = house.client();
    let orders: Vec<OrderId> = (1..=ORDERS_PAID)
        .map(|user| {
            let create = client.create(UserId(user), Money::new(PRICE, Currency::EUR)).line(SkuId(1), 1);
            client.wait(create).unwrap().order
        })
        .collect();
    let done = AtomicBool::new(false);
    let address = house.server.address();
    let floods: Vec<Flood> = thread::scope(|scope| {
        let floods: Vec<_> = (0..CONNECTIONS)
            .map(|n| {
                scope.spawn({
                    let done = &done;
                    move || flood(address, n, done)
                })
            })
            .collect();
        let mut wire = Wire::connect(address);
        for (place, order) in orders.iter().enumerate() {
            pay(&mut wire, place as u64 + 1, *order);
        }
        done.store(true, Ordering::Relaxed);
        floods.into_iter().map(|flood| flood.join().unwrap()).collect()
    });
    let (made, refused) = floods.iter().fold((0, 0), |sums, it| (sums.0 + it.made, sums.1 + it.refused));
    assert!(refused > 0, "{made} orders, and the flood was no flood");
    for order in orders {
        assert_eq!(client.wait(client.get(UserId(0), order)).unwrap().brief.state, State::Confirmed);
    }
    house.audits();
}

/// Orders that are paid while creates flood.
const ORDERS_PAID: u64 = 200;
/// Connections of the flood, and creates that each sends without waiting.
const CONNECTIONS: u64 = 6;
const AT_ONCE: u64 = 200;

/// What became of a flood's creates.
struct Flood {
    made: u64,
    refused: u64,
}

fn flood(address: &str, connection: u64, done: &AtomicBool) -> Flood {
    let (mut wire, mut all) = (Wire::connect(address), Flood { made: 0, refused: 0 });
    let mut number = (connection + 1) << 32;
    while !done.load(Ordering::Relaxed) {
        let creates: Vec<u8> = (0..AT_ONCE).flat_map(|n| create(number + n, unix_ms())).collect();
        number += AT_ONCE;
        wire.send(&creates);
        for _ in 0..AT_ONCE {
            let heard = wire.hear().unwrap();
            match heard.status() {
                None => all.made += 1,
                Some(Status::Overloaded) => all.refused += 1,
                Some(other) => panic!("a create was refused as {}", other.name()),
            }
        }
    }
    all
}

/// Opens an attempt, and the gateway says that its money came.
fn pay(wire: &mut Wire, user: u64, order: OrderId) {
    let request = u128::from(unix_ms()) << 80 | u128::from(user);
    let open = PayOpenHead { request, user, order: order.0, gateway: FIRST.0 };
    wire.send(&frame::<messages::PayOpen>(1, &open, &[]));
    let opened = wire.hear().unwrap();
    assert_eq!(opened.status(), None, "PAY_OPEN");
    let payment = protocol::parse::<messages::PayOpenAnswer>(&opened.header, &opened.body).unwrap().head;
    let said = PayCallbackHead {
        payment: payment.payment,
        amount: payment.amount,
        reference: user,
        signed_at: unix_ms() as i64 * 1_000,
        currency: payment.currency,
        gateway: FIRST.0,
        outcome: 1,
        signature_first: 0,
        signature_second: 0,
    };
    let said = said.signed(&GatewayKey::new(KEYS[0].as_bytes()));
    wire.send(&frame::<messages::PayCallback>(2, &said, &[]));
    assert_eq!(wire.hear().unwrap().status(), None, "PAY_CALLBACK");
}
