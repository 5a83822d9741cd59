//! `tidegate load --scenario replay` against the real server: a shop's history goes through, and what it comes to,
//! sku by sku and user by user, is what the file says.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use e2e::Server;
use serde_json::Value;
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{OrderId, SkuId, UserId};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const HEADER: &str = "order,user,at,sku,quantity,unit_price_minor\n";

/// What a file comes to, read by three lines of our own: units of each sku, money of each user.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    units: BTreeMap<u64, u64>,
    money: BTreeMap<u64, i64>,
}

impl Sums {
    fn add(&mut self, sku: u64, user: u64, quantity: u64, unit_price: i64) {
        *self.units.entry(sku).or_default() += quantity;
        *self.money.entry(user).or_default() += quantity as i64 * unit_price;
    }

    fn of(text: &str) -> Sums {
        let mut sums = Sums::default();
        for row in text.lines().skip(1) {
            let fields: Vec<&str> = row.split(',').collect();
            let [user, sku, quantity] = [1, 3, 4].map(|at| fields[at].parse().unwrap());
            sums.add(sku, user, quantity, fields[5].parse().unwrap());
        }
        sums
    }

    /// The same of the server, asked sku by sku and user by user.
    fn ask(server: &Server, like: &Sums) -> Sums {
        let client = Client::connect_with(server.patiently()).unwrap();
        let mut sums = Sums::default();
        for &sku in like.units.keys() {
            let shelf = client.wait(client.stock_get(SkuId(sku))).unwrap();
            sums.units.insert(sku, shelf.held + shelf.sold);
        }
        for &user in like.money.keys() {
            let mut before = OrderId(0);
            loop {
                let page = client.wait(client.list(UserId(user)).before(before)).unwrap();
                let money: i64 = page.items.iter().map(|order| order.total.minor_units).sum();
                *sums.money.entry(user).or_default() += money;
                let Some(next) = page.next else { break };
                before = next;
            }
        }
        sums
    }
}

/// Replays a file and gives the report; the exit code must be 0.
fn replay(server: &Server, file: &Path, flags: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let paths = ["--file", file.to_str().unwrap(), "--json", report.to_str().unwrap()];
    let ran = server.run(&[&["load", "--scenario", "replay"][..], &paths, flags].concat());
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap()
}

#[test]
fn real_purchases_go_through() {
    let server = Server::start(TIDEGATE);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cdnow-first-3000.csv");
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("r.txt");
    let record = record.to_str().unwrap();
    let report = replay(&server, &file, &["--record", record]);
    assert_eq!((&report["sent"], &report["accepted"]), (&3_000.into(), &3_000.into()));
    assert_eq!((&report["audit"]["ok"], &report["durable"]), (&true.into(), &true.into()));
    let expected = Sums::of(&fs::read_to_string(&file).unwrap());
    assert_eq!(Sums::ask(&server, &expected), expected);
    let verified = server.run(&["load", "--verify", record]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// A shop that changes prices between orders, sells baskets of up to 256 lines, names skus twice, and now and then
/// writes down an order of nothing. The file, what it comes to, and how many orders are of nothing.
fn made_up_shop(orders: u64, seed: u64) -> (String, Sums, u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut text, mut sums, mut of_nothing) = (HEADER.to_owned(), Sums::default(), 0);
    let mut prices: Vec<i64> = (0..300).map(|sku| 100 + sku).collect();
    for order in 1..=orders {
        let user = random.u64(1..=40);
        if random.u8(..3) == 0 {
            prices[random.usize(..300)] = random.i64(0..5_000);
        }
        let is_of_nothing = random.u8(..20) == 0;
        of_nothing += u64::from(is_of_nothing);
        let lines = match random.u8(..10) {
            0 => 256,
            1 => random.usize(1..=256),
            _ => random.usize(1..=5),
        };
        let first = random.usize(..300);
        for line in 0..lines {
            let sku = (first + line) % 300;
            for _ in 0..1 + usize::from(random.u8(..8) == 0) {
                let quantity = if is_of_nothing { 0 } else { random.u64(1..=9) };
                let (minute, price) = (order * 59 / orders, prices[sku]);
                writeln!(
                    text,
                    "{order},{user},1997-03-01T10:{minute:02}:00Z,{sku_id},{quantity},{price}",
                    sku_id = 500 + sku
                )
                .unwrap();
                sums.add(500 + sku as u64, user, quantity, price);
            }
        }
    }
    (text, sums, of_nothing)
}

#[test]
fn changing_prices_long_baskets_repeated_skus_and_orders_of_nothing() {
    let seed = std::env::var("TIDEGATE_SEED")
        .ok()
        .and_then(|seed| u64::from_str_radix(seed.trim_start_matches("0x"), 16).ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("again with TIDEGATE_SEED={seed:#x}");
    let (text, expected, of_nothing) = made_up_shop(600, seed);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.csv");
    fs::write(&file, text).unwrap();
    let server = Server::start(TIDEGATE);
    let report = replay(&server, &file, &[]);
    assert_eq!((&report["sent"], &report["accepted"]), (&600.into(), &(600 - of_nothing).into()));
    let invalid = report["refused"].get("INVALID_FIELD").and_then(Value::as_u64).unwrap_or(0);
    assert_eq!(invalid, of_nothing, "{}", report["refused"]);
    assert_eq!(report["audit"]["ok"], true);
    assert_eq!(Sums::ask(&server, &expected), expected);
    // Once more: prices are set back, stock is filled up, everything sells again.
    let again = replay(&server, &file, &[]);
    assert_eq!((&again["accepted"], &again["audit"]["ok"]), (&(600 - of_nothing).into(), &true.into()));
}

#[test]
fn little_stock_is_sold_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.csv");
    let mut text = HEADER.to_owned();
    for order in 1..=100 {
        writeln!(text, "{order},{order},1997-03-01T10:00:00Z,7,3,100").unwrap();
    }
    fs::write(&file, text).unwrap();
    let server = Server::start(TIDEGATE);
    let report = replay(&server, &file, &["--stock", "100"]);
    assert_eq!((&report["accepted"], &report["accepted_units"]), (&33.into(), &99.into()));
    assert_eq!(report["refused"]["INSUFFICIENT_STOCK"], 67, "one unit is left, and each wants three");
}

#[test]
fn a_bad_line_stops_it_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.csv");
    fs::write(&file, format!("{HEADER}1,1,1997-03-01T10:00:00Z,7,3,100\n2,1,1997-03-01T10:00:00Z,7,x,100\n"))
        .unwrap();
    let server = Server::start(TIDEGATE);
    let ran = server.run(&["load", "--scenario", "replay", "--file", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("nothing was sent: line 3: quantity «x»"), "{said}");
    let client = Client::connect_with(server.patiently()).unwrap();
    assert!(client.wait(client.stock_get(SkuId(7))).is_err(), "the sku was never set up");
}
