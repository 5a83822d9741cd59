//! A shop behind a real server, in front of either store.

use std::future::IntoFuture;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use e2e::Server;
use tempfile::TempDir;
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{
    AdjustReason, Currency, Error, GatewayId, Money, Order, OrderBrief, OrderId, Payment, SkuId, State,
    Status, TestGateway, UserId, WarehouseId,
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
}

/// A shop with ten units of [`SKU`] at 19.99 EUR, where unpaid orders expire from the first second on.
#[derive(Debug)]
pub struct Shop {
    pub client: Client,
    server: Server,
    _folder: TempDir,
}

impl Shop {
    pub fn open(kind: Kind) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let store = match kind {
            Kind::Embedded => String::new(),
        };
        let config = configuration(&folder, &store);
        let server = Server::start_with(TIDEGATE, &["--config", config.to_str().unwrap()]);
        let client = Client::connect_with(server.patiently()).unwrap();
        let shop = Shop { client, server, _folder: folder };
        shop.has(SKU, HERE, 10);
        shop
    }

    /// Closes: everything has to add up.
    pub fn closes(self) {
        let audit = self.ask(self.client.audit()).unwrap();
        assert!(audit.ok, "{audit:?}\n{}", self.server.log());
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
