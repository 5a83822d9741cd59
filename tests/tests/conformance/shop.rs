//! A shop behind a real server, in front of either store.

use std::future::IntoFuture;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use e2e::Server;
use e2e::cluster::Cluster;
use serde_json::Value;
use tempfile::TempDir;
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{
    AdjustReason, BatchOrder, BatchOutcome, Currency, Error, GatewayId, Money, Order, OrderBrief, OrderId,
    Payment, SkuId, State, Status, TestGateway, UserId, WarehouseId,
};

const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate-under-test");
const KEY: &[u8; 32] = b"the key of a gateway that obeys.";
/// What becomes due is at most a second late; on a machine that does other things too, somewhat more.
const SOON: Duration = Duration::from_secs(20);

/// The only gateway, which is played.
pub const GATEWAY: GatewayId = GatewayId(1);
/// A buyer, and another one.
pub const BUYER: UserId = UserId(7);
pub const OTHER: UserId = UserId(8);
/// Operators' requests are nobody's.
pub const OPERATOR: UserId = UserId(0);
/// The sku that every shop has ten units of, in one warehouse.
pub const SKU: SkuId = SkuId(1);
pub const HERE: WarehouseId = WarehouseId(1);
pub const THERE: WarehouseId = WarehouseId(2);

/// Which store.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Embedded,
    Cluster,
}

/// A shop with ten units of [`SKU`] at 19.99 EUR, where unpaid orders expire from the first second on.
#[derive(Debug)]
pub struct Shop {
    pub client: Client,
    server: Server,
    cluster: Option<Cluster>,
    _folder: TempDir,
}

impl Shop {
    pub fn open(kind: Kind) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let cluster = match kind {
            Kind::Embedded => None,
            Kind::Cluster => Some(Cluster::start()),
        };
        let config = configuration(&folder, &cluster.as_ref().map_or(String::new(), Cluster::in_store));
        if let Some(cluster) = &cluster {
            let made = cluster.run(TIDEGATE, &["cluster", "init"]);
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        let server = Server::start_with(TIDEGATE, &["--config", config.to_str().unwrap()]);
        let client = Client::connect_with(server.patiently()).unwrap();
        let shop = Shop { client, server, cluster, _folder: folder };
        shop.has(SKU, HERE, 10);
        shop
    }

    /// Closes: everything has to add up.
    pub fn closes(self) {
        match &self.cluster {
            None => {
                let audit = self.ask(self.client.audit()).unwrap();
                assert!(audit.ok, "{audit:?}\n{}", self.server.log());
            }
            Some(_) => self.settles(),
        }
    }

    /// Waits until what came back can be sold again: in a cluster units come back in the databases first, and a moment
    /// later in Redis.
    pub fn settles(&self) {
        if let Some(cluster) = &self.cluster {
            self.comes_to_agree(cluster);
        }
    }

    /// Waits until Redis has of every shelf what the databases say is left.
    fn comes_to_agree(&self, cluster: &Cluster) {
        let begun = Instant::now();
        loop {
            let said = cluster.run(TIDEGATE, &["cluster", "status", "--json"]);
            let status: Value = serde_json::from_slice(&said.stdout).unwrap();
            let shelves = status["shelves"].as_array().unwrap();
            let wrong: Vec<&Value> = shelves.iter().filter(|shelf| shelf["state"] != "agrees").collect();
            if !shelves.is_empty() && wrong.is_empty() {
                return;
            }
            assert!(begun.elapsed() < SOON, "{wrong:#?}\n{}", self.server.log());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits for an answer.
    pub fn ask<R: IntoFuture>(&self, request: R) -> R::Output {
        self.client.wait(request)
    }

    /// A sku at 19.99 EUR, and so many units of it in a warehouse.
    pub fn has(&self, sku: SkuId, warehouse: WarehouseId, units: i64) {
        match self.ask(self.client.sku_put(sku, eur(19_99))) {
            Ok(_) => (),
            // It is there: another warehouse gets some.
            Err(refused) => assert_eq!(refused.refused(), Some(Status::VersionConflict), "{refused}"),
        }
        let adjust = self.client.stock_adjust(sku, warehouse).on_hand(units, AdjustReason::Received);
        self.ask(adjust).unwrap();
    }

    /// An order of so many units of [`SKU`], at its price.
    pub fn buys(&self, user: UserId, units: u32) -> Result<OrderBrief, Error> {
        self.ask(self.client.create(user, eur(19_99 * i64::from(units))).line(SKU, units))
    }

    /// The same, and paid.
    pub fn buys_and_pays(&self, user: UserId, units: u32) -> (OrderId, Payment) {
        let order = self.buys(user, units).unwrap().order;
        let payment = self.opens(user, order);
        (order, self.ask(self.gateway().paid(&self.client, &payment)).unwrap())
    }

    /// An attempt to pay.
    pub fn opens(&self, user: UserId, order: OrderId) -> Payment {
        self.ask(self.client.pay_open(user, order, GATEWAY)).unwrap()
    }

    /// The gateway: it says what it is told to.
    pub fn gateway(&self) -> TestGateway {
        TestGateway::new(GATEWAY, KEY)
    }

    /// An order, as it is now.
    pub fn order(&self, user: UserId, order: OrderId) -> Order {
        self.ask(self.client.get(user, order)).unwrap()
    }

    pub fn state(&self, order: OrderId) -> State {
        self.order(OPERATOR, order).brief.state
    }

    /// Waits until an order is in this state.
    pub fn becomes(&self, order: OrderId, state: State) {
        let begun = Instant::now();
        while self.state(order) != state {
            assert!(begun.elapsed() < SOON, "{order} is {:?}, not {state:?}", self.state(order));
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Units of [`SKU`] over all warehouses: on hand, held, sellable.
    pub fn shelf(&self) -> (u64, u64, u64) {
        let shelf = self.ask(self.client.stock_get(SKU)).unwrap();
        (shelf.on_hand, shelf.held, shelf.sellable)
    }

    /// Waits until so many units of [`SKU`] can be sold: units that come back may take a moment.
    pub fn comes_to_sell(&self, units: u64) {
        let begun = Instant::now();
        while self.shelf().2 != units {
            assert!(begun.elapsed() < SOON, "{:?}, not {units} to sell", self.shelf());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks until it is no refusal of this kind any more: what one order gave back another one has a moment later.
    pub fn comes_to<T: std::fmt::Debug>(&self, not_yet: Status, ask: impl Fn() -> Result<T, Error>) -> T {
        let begun = Instant::now();
        loop {
            match ask() {
                Ok(done) => return done,
                Err(refused) => assert_eq!(refused.refused(), Some(not_yet), "{refused}"),
            }
            assert!(begun.elapsed() < SOON, "still {not_yet:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends a batch, and again what nothing was done for, as long as it takes: what became of each order.
    pub fn batch(&self, mut orders: Vec<BatchOrder>) -> Vec<BatchOutcome> {
        let begun = Instant::now();
        loop {
            let request = self.client.batch(orders.clone()).deadline(Duration::from_secs(60));
            let outcomes = self.ask(request).unwrap();
            let undecided = |outcome: &BatchOutcome| matches!(outcome, BatchOutcome::NotDone { status, .. } if *status == Status::StoreUnavailable);
            if !outcomes.iter().any(undecided) {
                return outcomes;
            }
            assert!(begun.elapsed() < SOON, "{outcomes:?}");
            orders.iter_mut().for_each(|order| order.asked_before = true);
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the server said:\n{}", self.server.log());
        }
    }
}

/// Why something was refused.
#[track_caller]
pub fn why<T: std::fmt::Debug>(answer: Result<T, Error>) -> Status {
    let refused = answer.expect_err("it is refused");
    refused.refused().unwrap_or_else(|| panic!("{refused}"))
}

/// Euros, in cents.
pub const fn eur(minor_units: i64) -> Money {
    Money::new(minor_units, Currency::EUR)
}

fn configuration(folder: &TempDir, store: &str) -> PathBuf {
    let (key, file) = (folder.path().join("key"), folder.path().join("tidegate.toml"));
    std::fs::write(&key, KEY).unwrap();
    let text = format!(
        "[store]\nopening_grace_seconds = 0\n{store}\n\
         [payments]\ngateways = [{{ id = 1, key_file = {key:?} }}]\nhold_extension_seconds = 0\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}
