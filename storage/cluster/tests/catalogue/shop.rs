//! A cluster of a test: redis-server, two databases in one mariadbd (the home and a shard), and nodes.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::desk::{Desk, DeskSize};
use domain::intent::{AdjustReason, Envelope, Sku, SkuPut, StockAdjust};
use domain::request::Rules;
use domain::{Currency, Intent, MicrosUtc, MinorUnits, RequestId, SellerId, SkuId, Verdict, WarehouseId};
use servers::mariadb::Mariadb;
use servers::redis::Redis;
use storage::Outcome;
use storage_cluster::catalogue::{Asked, Catalogue, Decided, decide};
use storage_cluster::links::{self, Links, Servers};
use storage_cluster::mysql::{Limits, Raised, SliceRules, raise};
use storage_cluster::redis::{Opened, Opening, Settings};
use storage_cluster::shelf::{Epoch, ShardNo, ShelfKey};
use tokio::sync::Mutex;

/// Where everything is in stock.
pub const HERE: WarehouseId = WarehouseId(1);
pub const THERE: WarehouseId = WarehouseId(2);

pub struct Shop {
    pub mariadb: Rc<Mariadb>,
    pub redis: Rc<Redis>,
    asked: Cell<u64>,
}

/// A node: connections, an image, and a desk of its own.
pub struct Node {
    pub links: Links,
    pub catalogue: Catalogue,
    desk: Mutex<Desk>,
    mariadb: Rc<Mariadb>,
}

impl Shop {
    pub async fn start() -> Shop {
        let mariadb = Rc::new(Mariadb::start(&["home", "shard"]).unwrap());
        let shop = Shop { mariadb, redis: Rc::new(Redis::start()), asked: Cell::new(0) };
        links::init(&shop.servers()).await.unwrap();
        shop
    }

    pub fn servers(&self) -> Servers {
        Servers {
            redis: Settings::new(self.redis.url()),
            mysql: vec![self.mariadb.url("home"), self.mariadb.url("shard")],
            home: ShardNo(0),
            limits: Limits::DEFAULT,
            slices: SliceRules::DEFAULT,
        }
    }

    pub async fn node(&self) -> Node {
        self.node_of(&self.servers()).await
    }

    pub async fn node_of(&self, servers: &Servers) -> Node {
        let desk = Desk::new(DeskSize::ANY_ONE, Rules::DEFAULT, 1, now());
        Node {
            links: Links::connect(servers).await.unwrap(),
            catalogue: Catalogue::new(),
            desk: Mutex::new(desk),
            mariadb: Rc::clone(&self.mariadb),
        }
    }

    /// A request id of now that nobody has.
    pub fn request(&self) -> RequestId {
        self.asked.set(self.asked.get() + 1);
        RequestId((now().0 / 1_000) as u128 * (1 << 80) + u128::from(self.asked.get()))
    }

    pub fn sql(&self, database: &str, statements: &str) {
        self.mariadb.sql(database, statements).unwrap();
    }

    /// The first field of a query's first row, asked with the server's own client.
    pub fn number(&self, database: &str, query: &str) -> i64 {
        let rows = self.mariadb.sql(database, query).unwrap();
        rows.first().unwrap_or_else(|| panic!("no row: {query}")).split('\t').next().unwrap().parse().unwrap()
    }

    pub fn put_sku(&self, sku: u64) -> Intent<'static> {
        let sku = Sku {
            id: SkuId(sku),
            version: 0,
            seller: SellerId(0),
            currency: Currency(978),
            unit_price: MinorUnits(500),
            hold_seconds: 600,
            open: true,
            weight_grams: 0,
        };
        Intent::SkuPut(SkuPut { request: self.request(), replaces: 0, sku })
    }

    /// Units come (below 0: go).
    pub fn adjust(&self, sku: u64, units: i64) -> Intent<'static> {
        Intent::StockAdjust(StockAdjust {
            request: self.request(),
            sku: SkuId(sku),
            warehouse: HERE,
            on_hand_delta: units,
            safety_delta: 0,
            unavailable_delta: 0,
            reason: AdjustReason::Adjusted,
        })
    }
}

impl Node {
    pub async fn ask_at(&self, now: MicrosUtc, asked_before: bool, intent: &Intent<'_>) -> Decided {
        let envelope = Envelope { asked_before, ..Envelope::default() };
        let mut desk = self.desk.lock().await;
        decide(&self.links, &self.catalogue, &mut desk, Asked { now, envelope, intent }).await
    }

    pub async fn ask(&self, intent: &Intent<'_>) -> Outcome {
        self.ask_at(now(), false, intent).await.outcome
    }

    pub async fn ask_again(&self, intent: &Intent<'_>) -> Outcome {
        self.ask_at(now(), true, intent).await.outcome
    }

    /// Asks, and opens what is to be opened.
    pub async fn ask_and_open(&self, intent: &Intent<'_>) -> Verdict {
        let Decided { outcome, to_open, trouble } = self.ask_at(now(), false, intent).await;
        self.open(&to_open).await;
        outcome.unwrap_or_else(|why| panic!("{why:?}, {trouble:?}: {intent:?}"))
    }

    /// Opens shelves in the epoch above the home's fence, with whatever is loose summed.
    pub async fn open(&self, shelves: &BTreeSet<ShelfKey>) {
        for shelf in shelves {
            let epoch = self.fence(*shelf).map_or(Epoch::FIRST, Epoch::next);
            let mut sum = 0;
            for (_, database) in self.links.databases() {
                let mut lease = database.lease().await.unwrap();
                let Raised::Sum(units) = raise(&mut lease, *shelf, epoch).await.unwrap() else {
                    panic!("{shelf} was raised by another one")
                };
                sum += units;
            }
            self.catalogue.refresh(&mut self.links.home().lease().await.unwrap()).await.unwrap();
            let total = i64::try_from(self.catalogue.total(*shelf)).unwrap();
            let catalogue = self.catalogue.version_of(*shelf);
            let opening = Opening { epoch, units: total - sum, catalogue };
            assert_eq!(self.links.redis.init(*shelf, opening).await.unwrap(), Opened::Now);
        }
    }

    /// The home's fence.
    pub fn fence(&self, shelf: ShelfKey) -> Option<Epoch> {
        let (kind, id, place) = match shelf {
            ShelfKey::Stock(sku, warehouse) => (1, sku.0, warehouse.0),
            ShelfKey::SaleCap(sale) => (2, sale.0.into(), 0),
            ShelfKey::CouponQuota(coupon) => (3, coupon.0, 0),
        };
        let query = format!(
            "SELECT epoch FROM fences WHERE shelf_kind = {kind} AND shelf_id = {id} AND place = {place}"
        );
        let rows = self.mariadb.sql("home", &query).unwrap();
        Epoch::parse(rows.first()?.trim().parse().unwrap())
    }

    /// Units that Redis gives away; nothing where it has no such shelf.
    pub async fn units(&self, shelf: ShelfKey) -> Option<i64> {
        Some(self.links.redis.look(shelf).await.unwrap().shelf?.units)
    }

    /// Records that Redis holds.
    pub async fn held(&self, shelf: ShelfKey) -> u64 {
        self.links.redis.look(shelf).await.unwrap().held
    }
}

pub fn stock(sku: u64) -> ShelfKey {
    ShelfKey::Stock(SkuId(sku), HERE)
}

pub fn now() -> MicrosUtc {
    MicrosUtc(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap())
}
