//! A cluster of a test's own: Redis, two databases on two servers, and buyers who stop where the test wants them to.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::desk::{Moved, ShelfMoved};
use domain::order::State;
use domain::{Currency, MicrosUtc, MinorUnits, OrderId, RequestId, RequestKey, SkuId, UserId, WarehouseId};
use servers::mariadb::Mariadb;
use servers::proxy::Proxy;
use servers::redis::{Redis, Sentinels};
use storage_cluster::links::{Links, Servers, init};
use storage_cluster::mysql::{
    self, Ask, Change, ChangeDesk, Changed, ChangedOrder, Committed, Counts, Desk, EventRow, Fault, Found,
    ItemRow, Lease, Limits, NewOrder, OrderRow, Prepared, SliceRules,
};
use storage_cluster::redis::{self, Own, Reserved, Terms, Timeouts, Window};
use storage_cluster::repair::{Ended, Totals, open_shelf};
use storage_cluster::shelf::{Attempt, CatalogueVersion, Epoch, HoldId, Holder, ShardNo, ShelfKey};

pub const HOME: ShardNo = ShardNo(0);
pub const OTHER: ShardNo = ShardNo(1);
/// The shelf that a test is about.
pub const STOCK: ShelfKey = stock(17);

pub const fn stock(sku: u64) -> ShelfKey {
    ShelfKey::Stock(SkuId(sku), WarehouseId(3))
}

/// Tests pause a database and wait for it, on a machine that does other things too.
const IMPATIENT: Limits =
    Limits { connect: ms(2_000), statement: ms(3_000), commit: ms(3_000), ..Limits::DEFAULT };

pub struct World {
    pub redis: Redis,
    pub home: Mariadb,
    pub other: Mariadb,
    pub servers: Servers,
    pub links: Rc<Links>,
    pub totals: Arc<Catalogue>,
    next: Cell<u64>,
}

/// What operators put, without an operator.
#[derive(Debug, Default)]
pub struct Catalogue(Mutex<BTreeMap<ShelfKey, (u64, CatalogueVersion)>>);

impl Catalogue {
    pub fn put(&self, shelf: ShelfKey, total: u64, version: u64) {
        self.0.lock().unwrap().insert(shelf, (total, CatalogueVersion(version)));
    }
}

impl Totals for Catalogue {
    async fn refresh(&self, _: &mut Lease<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn total(&self, shelf: ShelfKey) -> u64 {
        self.0.lock().unwrap().get(&shelf).map_or(0, |(total, _)| *total)
    }

    fn version(&self, shelf: ShelfKey) -> CatalogueVersion {
        self.0.lock().unwrap().get(&shelf).map_or(CatalogueVersion(0), |(_, version)| *version)
    }

    fn shelves(&self) -> Vec<ShelfKey> {
        self.0.lock().unwrap().keys().copied().collect()
    }
}

/// A buyer with units in hand.
#[derive(Clone, Copy, Debug)]
pub struct Buy {
    pub key: RequestKey,
    pub shelf: ShelfKey,
    pub units: u32,
    pub attempt: Attempt,
    pub hold: HoldId,
    pub epoch: Epoch,
    pub order: OrderId,
}

impl Buy {
    pub fn own(&self) -> Own {
        Own { holder: Holder { user: self.key.who, request: self.key.id }, hold: self.hold }
    }
}

impl World {
    /// With one shelf of 1,000 units, which nobody has opened.
    pub async fn start() -> World {
        let redis = Redis::start();
        let url = redis.url();
        World::with(redis, url, IMPATIENT).await
    }

    /// The nodes reach Redis by this address.
    pub async fn with(redis: Redis, url: String, limits: Limits) -> World {
        let (home, other) = (Mariadb::start(&["home"]).unwrap(), Mariadb::start(&["other"]).unwrap());
        let timeouts = Timeouts { reconnect: (ms(10), ms(100)), ..Timeouts::DEFAULT };
        let servers = Servers {
            redis: redis::Settings { url, timeouts },
            mysql: vec![home.url("home"), other.url("other")],
            home: HOME,
            limits,
            slices: SliceRules::DEFAULT,
        };
        let patient = Servers { limits: Limits::DEFAULT, ..servers.clone() };
        init(&patient).await.unwrap();
        let links = Rc::new(Links::connect(&servers).await.unwrap());
        let totals = Arc::new(Catalogue::default());
        totals.put(STOCK, 1_000, 40);
        World { redis, home, other, servers, links, totals, next: Cell::new(1) }
    }

    /// Whose transactions wait for locks as long as they should.
    pub async fn patient() -> World {
        let redis = Redis::start();
        let url = redis.url();
        World::with(redis, url, Limits::DEFAULT).await
    }

    /// Whose nodes reach Redis through a proxy.
    pub async fn behind_proxy() -> (World, Proxy) {
        let redis = Redis::start();
        let proxy = Proxy::to(redis.port());
        let url = format!("redis://127.0.0.1:{}", proxy.port());
        (World::with(redis, url, IMPATIENT).await, proxy)
    }

    /// Whose nodes reach Redis through sentinels; its own Redis is nobody's.
    pub async fn behind(sentinels: &Sentinels) -> World {
        World::with(Redis::start(), sentinels.url(), IMPATIENT).await
    }

    /// With its shelf open in epoch 1.
    pub async fn open() -> World {
        let world = World::start().await;
        world.reopen().await;
        world
    }

    /// Opens the shelf: it has to succeed.
    pub async fn reopen(&self) -> Epoch {
        match open_shelf(&self.links, &*self.totals, STOCK).await {
            Ended::Open(epoch) => epoch,
            other => panic!("{other:?}"),
        }
    }

    /// An operator moves units of the shelf; below 0 they come.
    pub fn put_stock(&self, units: i64) {
        let text = format!(
            "INSERT INTO stock_delta (shelf_kind, shelf_id, place, epoch, units, n1, n2, n3, n4, n5, n6) \
             VALUES (1, 17, 3, 0, {units}, 0, 0, 0, 0, 0, 0)"
        );
        self.home.sql("home", &text).unwrap();
    }

    /// Until the client has a connection again.
    pub async fn wait_for_redis(&self) {
        while self.links.redis.look(STOCK).await.is_err() {
            tokio::time::sleep(ms(20)).await;
        }
    }

    /// Another node over the same servers.
    pub async fn another_node(&self) -> Rc<Links> {
        Rc::new(Links::connect(&self.servers).await.unwrap())
    }

    /// A user of this database whom no test has met.
    pub fn user(&self, of: ShardNo) -> UserId {
        loop {
            let user = UserId(self.fresh());
            if self.links.of_user(user) == of {
                return user;
            }
        }
    }

    fn fresh(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    /// RESERVE of one unit by somebody new.
    pub async fn reserve(&self, of: ShardNo) -> Buy {
        self.reserve_by(self.user(of)).await
    }

    pub async fn reserve_by(&self, user: UserId) -> Buy {
        let open = self.links.redis.look(STOCK).await.unwrap().open().unwrap();
        let buy = self.wish(user, open);
        assert_eq!(self.reserve_again(&buy).await, Reserved::Taken);
        buy
    }

    /// Nothing where the shelf is closed, or was opened meanwhile, or Redis does not answer.
    pub async fn try_to_reserve(&self, of: ShardNo) -> Option<Buy> {
        let buy = self.wish(self.user(of), self.links.redis.look(STOCK).await.ok()?.open()?);
        (self.ask(&buy).await.ok()? == Reserved::Taken).then_some(buy)
    }

    fn wish(&self, user: UserId, open: Epoch) -> Buy {
        let request = RequestId((now().0 / 1_000) as u128 * (1 << 80) + u128::from(self.fresh()));
        Buy {
            key: RequestKey { who: user, id: request },
            shelf: STOCK,
            units: 1,
            attempt: Attempt(1),
            hold: HoldId(u128::from(self.fresh()) << 64 | 1),
            epoch: open,
            order: self.order_id(user),
        }
    }

    /// The same wish under another attempt, with a fresh hold id and a fresh order id.
    pub fn again(&self, buy: &Buy, attempt: Attempt) -> Buy {
        let hold = HoldId(u128::from(self.fresh()) << 64 | 1);
        Buy { attempt, hold, order: self.order_id(buy.key.who), ..*buy }
    }

    /// RESERVE with these words.
    pub async fn reserve_again(&self, buy: &Buy) -> Reserved {
        self.ask(buy).await.unwrap()
    }

    async fn ask(&self, buy: &Buy) -> Result<Reserved, redis::Failed> {
        let catalogue = self.totals.version(buy.shelf);
        let terms = Terms { epoch: buy.epoch, catalogue, window: Window::default() };
        let ask = redis::Ask {
            holder: buy.own().holder,
            attempt: buy.attempt,
            hold: buy.hold,
            units: NonZeroU32::new(buy.units).unwrap(),
            body: 7,
        };
        Ok(self.links.redis.reserve(buy.shelf, &terms, &[ask]).await?[0])
    }

    fn order_id(&self, user: UserId) -> OrderId {
        let ms = u64::try_from(now().0 / 1_000 - OrderId::EPOCH_MS).unwrap();
        OrderId::new(ms, OrderId::slot_of(user), (self.fresh() % 4_096) as u16)
    }

    pub async fn commit(&self, buy: &Buy) -> Committed<()> {
        let no = self.links.of_user(buy.key.who);
        let slices = self.links.slices_for(no, buy.order).await.unwrap();
        let prepared = Prepared {
            ask: Ask { key: buy.key, attempt: buy.attempt, body_hash: 7 },
            order: buy.order,
            shelves: vec![(buy.shelf, buy.epoch)],
            counts: Vec::new(),
        };
        let batch = std::slice::from_ref(&prepared);
        mysql::commit(self.links.database(no), &slices, batch, &mut Seller(*buy)).await.remove(0)
    }

    pub async fn finish(&self, buy: &Buy) {
        self.links.redis.finish(buy.shelf, buy.epoch, &[buy.own()]).await.unwrap();
    }

    /// From RESERVE to FINISH.
    pub async fn buy(&self, of: ShardNo) -> Buy {
        let buy = self.reserve(of).await;
        assert_eq!(self.commit(&buy).await, Committed::Now);
        self.finish(&buy).await;
        buy
    }

    pub async fn cancel(&self, buy: &Buy) {
        let no = self.links.of_user(buy.key.who);
        let slices = self.links.slices_for(no, buy.order).await.unwrap();
        let change = Change {
            order: buy.order,
            version: 1,
            request: None,
            shelves: vec![(buy.shelf, None)],
            counts: Vec::new(),
        };
        let batch = std::slice::from_ref(&change);
        let changed = mysql::change(self.links.database(no), &slices, batch, &mut Canceller(*buy)).await;
        assert_eq!(changed, [Changed::Now]);
    }

    pub fn server(&self, of: ShardNo) -> (&Mariadb, &'static str) {
        if of == HOME { (&self.home, "home") } else { (&self.other, "other") }
    }

    /// The first field of a query's first row, asked with the server's own client.
    pub fn number(&self, of: ShardNo, query: &str) -> i64 {
        let (server, database) = self.server(of);
        server.sql(database, query).unwrap()[0].split('\t').next().unwrap().parse().unwrap()
    }

    /// What Redis can give of the shelf, and how many units are held.
    pub async fn units_and_held(&self, shelf: ShelfKey) -> (i64, i64) {
        let look = self.links.redis.look(shelf).await.unwrap();
        assert!(look.open().is_some(), "{shelf} is closed: {look:?}");
        let (mut held, mut skip) = (0, 0);
        loop {
            let page = self.links.redis.held_older_than(shelf, Duration::ZERO, skip).await.unwrap();
            held += page.records.iter().map(|record| i64::from(record.units)).sum::<i64>();
            skip += page.looked_at;
            if page.looked_at < redis::PAGE_MAX {
                return (look.shelf.unwrap().units, held);
            }
        }
    }

    /// Nothing was lost and nothing is promised twice: Redis has the total less what live orders have, less what is held,
    /// less what is on its way back.
    pub async fn assert_whole(&self, shelf: ShelfKey) {
        let (units, held) = self.units_and_held(shelf).await;
        let (mut sold, mut on_the_way) = (0, 0);
        for (no, database) in self.links.databases() {
            sold += mysql::sum(&mut database.lease().await.unwrap(), shelf).await.unwrap();
            let ShelfKey::Stock(sku, _) = shelf else { panic!("{shelf} is no stock") };
            for of in ["loose_units", "return_batches"] {
                let unsent = if of == "loose_units" { "" } else { "AND NOT confirmed" };
                on_the_way += self.number(no, &format!(
                    "SELECT COALESCE(SUM(units), 0) FROM {of} JOIN fences USING (shelf_kind, shelf_id, place, epoch) \
                     WHERE shelf_kind = 1 AND shelf_id = {} {unsent}", sku.0));
            }
        }
        let total = i64::try_from(self.totals.total(shelf)).unwrap();
        assert_eq!(units + held + on_the_way, total - sold, "{shelf}: {units} + {held} + {on_the_way}");
    }
}

#[derive(Clone, Copy)]
struct Seller(Buy);

impl Desk for Seller {
    type Refusal = ();

    fn decide(&mut self, _: usize, _: &Counts) -> Result<NewOrder, ()> {
        let Buy { key, shelf, units, hold, epoch, order, .. } = self.0;
        Ok(NewOrder {
            row: OrderRow {
                id: order,
                user: key.who,
                state: State::PendingPayment,
                version: 1,
                made_at: now(),
                due_at: None,
                total: MinorUnits(1_999),
                currency: Currency(978),
                record: vec![7; 20],
            },
            items: vec![ItemRow { shelf, units, hold, epoch }],
            moved: vec![held(shelf, i64::from(units))],
            history: Vec::new(),
            counts: Vec::new(),
            events: vec![EventRow { order, at: now(), body: b"created".to_vec() }],
        })
    }
}

struct Canceller(Buy);

impl ChangeDesk for Canceller {
    type Refusal = ();

    fn decide(&mut self, _: usize, found: Found<'_>) -> Result<ChangedOrder, ()> {
        let mut row = found.order.clone();
        (row.state, row.version) = (State::Cancelled, row.version + 1);
        let Buy { shelf, units, order, .. } = self.0;
        Ok(ChangedOrder {
            row,
            history: Vec::new(),
            moved: vec![held(shelf, -i64::from(units))],
            items: Vec::new(),
            hold: None,
            led_to: Vec::new(),
            counts: Vec::new(),
            events: vec![EventRow { order, at: now(), body: b"cancelled".to_vec() }],
        })
    }
}

/// So many units of a shelf are held from now on (below 0: are not any more).
fn held(shelf: ShelfKey, units: i64) -> Moved {
    let ShelfKey::Stock(sku, warehouse) = shelf else { panic!("{shelf} is no stock") };
    Moved::Shelf(sku, warehouse, ShelfMoved { held: units, ..ShelfMoved::default() })
}

pub fn now() -> MicrosUtc {
    MicrosUtc(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap())
}

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn epoch(raw: u64) -> Epoch {
    Epoch::parse(raw).unwrap()
}
