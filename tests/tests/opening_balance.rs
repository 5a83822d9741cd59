//! A shop that deletes the oldest of its journal: audits begin behind a checkpoint then, and come to the figures of one that
//! has read everything.
#![allow(clippy::unwrap_used)] // a step that fails is the test's failure

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use domain::fact::ShelfUnits;
use domain::{Balance, Fact, LedgerBounds, Quantity, Rules};
use e2e::Server;
use model::Opening;
use serde_json::Value;
use storage::embedded::FileDisk;
use storage::embedded::balance::{Beginning, beginning};
use storage::embedded::cold::ColdView;
use storage::embedded::reader::read_behind;

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
/// Of the gateway that the load plays.
const LOADS_KEY: &str = "tidegate load is not a real gateway";
/// How long checkpoints and segments may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What an audit counts, wherever it begins.
const FIGURES: [&str; 8] =
    ["position", "stock", "sold", "held", "orders", "oversold", "duplicate_orders", "lost"];

/// A shop with small segments, whose orders rest soon.
struct Shop {
    folder: tempfile::TempDir,
    server: Server,
}

impl Shop {
    /// `on_expiry` is what becomes of segments that no start needs.
    fn open(on_expiry: &str) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let config = write_config(folder.path(), on_expiry);
        let server = Server::start_with(TIDEGATE, &["--config", config.to_str().unwrap()]);
        Shop { folder, server }
    }

    fn data(&self) -> String {
        self.server.data().to_str().unwrap().to_owned()
    }

    fn archive(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    /// Sells until many orders rest, and all segments of before that have left: then both checkpoints know of them. Orders of
    /// every state.
    fn sell_until_segments_leave(&self) {
        let (began, mut resting_at) = (Instant::now(), None);
        while resting_at.is_none_or(|position| self.stat("journal_begins_behind") < position) {
            self.sell("lifecycle", 1_500);
            if resting_at.is_none() && self.stat("orders_at_rest") > 500 {
                resting_at = Some(self.stat("last_position"));
            }
            assert!(began.elapsed() < PATIENCE, "nothing leaves: {}", self.server.log());
        }
        // Some wait for their payment.
        self.sell("steady", 300);
        self.sell("lifecycle", 500);
    }

    fn sell(&self, scenario: &str, orders: u32) {
        let Output { status, stdout, stderr } = self.load(scenario, orders).wait_with_output().unwrap();
        let said = [stdout, stderr].map(|it| String::from_utf8(it).unwrap());
        assert!(status.success(), "{scenario}: {said:?}");
    }

    fn load(&self, scenario: &str, orders: u32) -> Child {
        let orders = orders.to_string();
        let load = ["load", "--target", self.server.address(), "--scenario", scenario, "--no-audit"];
        let mut command = Command::new(TIDEGATE);
        command.args(load).args(["--orders", &orders, "--connections", "4", "--skus", "20"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn stat(&self, name: &str) -> u64 {
        let stats: Value = serde_json::from_str(&self.says(&["admin", "--json", "stats"])).unwrap();
        stats[name].as_u64().unwrap()
    }

    /// What a command that succeeds says.
    fn says(&self, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.server.run(args);
        assert!(status.success(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// What a command that fails says.
    fn complains(&self, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.server.run(args);
        assert!(!status.success(), "{args:?}: {}", String::from_utf8_lossy(&stdout));
        String::from_utf8(stderr).unwrap()
    }

    fn audited(&self, args: &[&str]) -> Value {
        let args = [&["audit", "--json"], args].concat();
        let Output { stdout, stderr, .. } = self.server.run(&args);
        serde_json::from_slice(&stdout)
            .unwrap_or_else(|_| panic!("{args:?}: {}", String::from_utf8_lossy(&stderr)))
    }

    /// Its checkpoints, the oldest first.
    fn checkpoints(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.server.data()).unwrap().map(|file| file.unwrap().path());
        let mut found: Vec<_> =
            files.filter(|it| it.extension().is_some_and(|it| it == "checkpoint")).collect();
        found.sort();
        found
    }
}

fn write_config(folder: &Path, on_expiry: &str) -> PathBuf {
    let (config, key) = (folder.join(format!("{on_expiry}.toml")), folder.join("key"));
    fs::write(&key, LOADS_KEY).unwrap();
    let archive = match on_expiry {
        "archive" => format!("archive_dir = {:?}\n", folder.join("archive")),
        _ => String::new(),
    };
    let text = format!(
        "[store]\nrest_after_seconds = 1\n[journal]\nsegment_bytes = 1048576\ngroup_bytes = 262144\n\
         checkpoint_bytes = 1048576\non_expiry = \"{on_expiry}\"\nretain_bytes = 1048576\n{archive}\
         [payments]\ngateways = [{{ id = 1, key_file = {key:?} }}]\n"
    );
    fs::write(&config, text).unwrap();
    config
}

#[track_caller]
fn assert_same_figures(one: &Value, other: &Value) {
    for figure in FIGURES {
        assert_eq!(one[figure], other[figure], "{figure}: {one:#} and {other:#}");
    }
}

#[test]
fn an_audit_behind_a_checkpoint_comes_to_the_figures_of_a_whole_one() {
    let mut shop = Shop::open("archive");
    shop.sell_until_segments_leave();
    shop.server.terminate(PATIENCE);
    let (data, archive) = (shop.data(), shop.archive());
    let archive = archive.to_str().unwrap();

    let whole = shop.audited(&["--data", &data, "--archive", archive]);
    assert_eq!((&whole["ok"], &whole["begins_behind"]), (&true.into(), &0.into()), "{whole:#}");
    let short = shop.audited(&["--data", &data]);
    assert_eq!(short["ok"], true, "{short:#}");
    let behind = short["begins_behind"].as_u64().unwrap();
    assert!(behind > 0 && behind < short["position"].as_u64().unwrap(), "{short:#}");
    assert_same_figures(&whole, &short);
    let table = shop.says(&["audit", "--data", &data]);
    assert!(table.contains("with a checkpoint as the opening balance"), "{table}");

    // How things were is known from there on.
    let (order, sku) = an_order(&shop, archive);
    let position = short["position"].as_u64().unwrap();
    for at in [behind, behind + 1, (behind + position) / 2, position] {
        let at = at.to_string();
        let args = ["inspect", &data, "--as-of", &at, "--order", &order, "--sku", &sku];
        let there = shop.says(&args);
        assert!(there.contains("\"history\""), "{there}");
        assert_eq!(there, shop.says(&[&args[..], &["--archive", archive]].concat()));
    }
    let before = (behind - 1).to_string();
    let said = shop.complains(&["inspect", &data, "--as-of", &before, "--sku", &sku]);
    assert!(said.contains(&format!("the oldest checkpoint is of position {behind}")), "{said}");
}

/// One of the first orders, which rests, and its sku.
fn an_order(shop: &Shop, archive: &str) -> (String, String) {
    let facts = shop.says(&["inspect", &shop.data(), "--archive", archive, "--records"]);
    let facts = facts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let made = facts.filter(|fact| fact["fact"] == "OrderCreated").nth(40).unwrap();
    (made["order"].to_string(), made["lines"][0]["sku"].to_string())
}

#[test]
fn a_server_that_deletes_its_oldest_facts_is_audited_while_it_sells() {
    let mut shop = Shop::open("delete");
    shop.sell_until_segments_leave();
    let target = shop.server.address().to_owned();
    let load = shop.load("lifecycle", 6_000);
    for _ in 0..3 {
        let found = shop.audited(&["--target", &target]);
        assert_eq!(found["ok"], true, "{found:#}");
        assert!(found["begins_behind"].as_u64().unwrap() > 0, "{found:#}");
    }
    assert!(load.wait_with_output().unwrap().status.success());

    let serving = shop.audited(&["--target", &target]);
    shop.server.kill();
    let stopped = shop.audited(&["--data", &shop.data()]);
    assert_eq!((&serving["ok"], &stopped["ok"]), (&true.into(), &true.into()), "{serving:#}{stopped:#}");
    assert_same_figures(&serving, &stopped);
}

#[test]
fn what_is_wrong_at_the_checkpoint_or_behind_it_is_found() {
    let mut shop = Shop::open("delete");
    shop.sell_until_segments_leave();
    shop.server.terminate(PATIENCE);
    let here = FileDisk::at(&shop.server.data());
    let view = ColdView::open(&here).unwrap().unwrap();
    let Beginning::Behind(checkpoint) = beginning(&here, u64::MAX).unwrap() else { panic!("segments left") };
    let ledger = checkpoint.ledger(&here, Rules::DEFAULT, LedgerBounds::NONE).unwrap();
    assert!(ledger.at_rest() > 0);

    // Judged like this, with what was in the checkpoint and each fact changed.
    let named = |change: &dyn Fn(&mut Balance), edit: &mut dyn FnMut(&mut Vec<ShelfUnits>)| -> Vec<_> {
        let mut balance = ledger.balance();
        change(&mut balance);
        let mut opening = Opening::new(Rules::DEFAULT.request_window, checkpoint.position(), balance);
        checkpoint.each_order(&ledger, Some(view.at_rest()), |order| opening.order(order)).unwrap();
        let mut auditor = opening.opened();
        let reading = read_behind(&here, &checkpoint, u64::MAX, |record| {
            let mut hear = |fact: &Fact<'_>| {
                auditor.fact(record.position, record.begins_entry, record.stamp, fact);
            };
            if let Fact::StockReduced { order, units } = record.fact {
                let mut units = units.to_vec();
                edit(&mut units);
                return hear(&Fact::StockReduced { order: *order, units: &units });
            }
            hear(record.fact);
        });
        assert!(reading.damage.is_none());
        let report = auditor.finish(None);
        report.failed().map(|invariant| invariant.name).collect()
    };
    assert_eq!(named(&|_| (), &mut |_| ()), [""; 0]);

    let mut first = true;
    let mut one_unit_more = |units: &mut Vec<ShelfUnits>| {
        if std::mem::take(&mut first) {
            units[0].quantity = Quantity::parse(units[0].quantity.get() + 1).unwrap();
        }
    };
    assert_eq!(named(&|_| (), &mut one_unit_more), ["units"]);
    assert_eq!(named(&|balance| balance.shelves[0].view.held += 1, &mut |_| ()), ["held"]);
    let one_sold_less = |balance: &mut Balance| {
        let mut shelves = balance.shelves.iter_mut().map(|shelf| &mut shelf.view);
        shelves.find(|view| view.sold > 0).unwrap().sold -= 1;
    };
    assert_eq!(named(&one_sold_less, &mut |_| ()), ["shelves"]);
    assert_eq!(named(&|balance| balance.holdings.orders[5] ^= 1, &mut |_| ()), ["store-orders"]);
}

#[test]
fn of_two_checkpoints_one_may_rot_and_of_orders_at_rest_none() {
    let mut shop = Shop::open("delete");
    shop.sell_until_segments_leave();
    shop.server.terminate(PATIENCE);
    let data = shop.data();
    let sound = shop.audited(&["--data", &data]);
    let checkpoints = shop.checkpoints();
    assert_eq!(checkpoints.len(), 2, "{checkpoints:?}");

    rot(&checkpoints[0]);
    let newer = shop.audited(&["--data", &data]);
    assert_eq!(newer["ok"], true, "{newer:#}");
    assert!(newer["begins_behind"].as_u64() > sound["begins_behind"].as_u64(), "{newer:#}");
    assert_same_figures(&sound, &newer);

    rot(&checkpoints[1]);
    let said = shop.complains(&["audit", "--data", &data]);
    assert!(said.contains("of the checkpoints none can be read"), "{said}");
    rot(&checkpoints[0]);
    assert_eq!(shop.audited(&["--data", &data])["begins_behind"], sound["begins_behind"]);

    fs::rename(shop.server.data().join("cold"), shop.folder.path().join("cold")).unwrap();
    let said = shop.complains(&["audit", "--data", &data]);
    assert!(said.contains("orders were at rest, and the folder cold has 0 of them"), "{said}");
}

/// Turns a bit in the middle of a file, or back again.
fn rot(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}
