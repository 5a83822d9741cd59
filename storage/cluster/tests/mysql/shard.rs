//! A shard of a test: its own mariadbd, one shelf that is open, and a desk that takes one unit of each shelf.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::desk::{Moved, QuotaMoved, ShelfMoved};
use domain::order::State;
use domain::verdict::HistoryRow;
use domain::{
    Actor, Currency, MicrosUtc, MinorUnits, OrderId, RequestId, RequestKey, SaleId, SkuId, UserId,
    WarehouseId,
};
use servers::mariadb::Mariadb;
use storage_cluster::mysql::{
    Ask, Committed, CountKey, CountKind, Counts, Database, Desk, EventRow, ItemRow, Limits, NewOrder,
    OrderRow, Prepared, Raised, Role, SliceRules, Slices, commit, migrate, raise, read_slices, tend_slices,
};
use storage_cluster::shelf::{Attempt, Epoch, HoldId, ShelfKey};

/// The shelf that every order takes one unit of.
pub const STOCK: ShelfKey = ShelfKey::Stock(SkuId(17), WarehouseId(3));
/// Another one, of no order unless a test says so.
pub const CAP: ShelfKey = ShelfKey::SaleCap(SaleId(5));
/// The epoch in which [`Shard::start`] opens both.
pub const FIRST: Epoch = Epoch::FIRST;
/// What [`Orders`] refuses with.
pub const OVER_THE_LIMIT: &str = "over the limit";

/// One database with all tables, as home and as shard.
pub struct Shard {
    pub server: Mariadb,
    pub database: Database,
    pub slices: Slices,
}

impl Shard {
    pub async fn start() -> Shard {
        let server = Mariadb::start(&["shop"]).unwrap();
        let database = Database::new(&server.url("shop"), Limits::DEFAULT).unwrap();
        Shard::make(server, database).await
    }

    /// Like [`Shard::start`], with time-outs that a test can wait for.
    pub async fn start_impatient() -> Shard {
        let server = Mariadb::start(&["shop"]).unwrap();
        let limits = Limits {
            connect: Duration::from_millis(700),
            statement: Duration::from_millis(700),
            commit: Duration::from_millis(300),
            ..Limits::DEFAULT
        };
        let database = Database::new(&server.url("shop"), limits).unwrap();
        Shard::make(server, database).await
    }

    async fn make(server: Mariadb, database: Database) -> Shard {
        let patient = Database::new(&server.url("shop"), Limits::DEFAULT).unwrap();
        migrate(&patient, Role::Home).await.unwrap();
        migrate(&patient, Role::Shard).await.unwrap();
        let mut lease = patient.lease().await.unwrap();
        tend_slices(&mut lease, &SliceRules::DEFAULT).await.unwrap();
        let slices = read_slices(&mut lease, &SliceRules::DEFAULT).await.unwrap();
        for shelf in [STOCK, CAP] {
            assert_eq!(raise(&mut lease, shelf, FIRST).await, Ok(Raised::Sum(0)));
        }
        drop(lease);
        Shard { server, database, slices }
    }

    /// Commits orders of [`Orders`].
    pub async fn commit(&self, orders: &Orders) -> Vec<Committed<&'static str>> {
        commit(&self.database, &self.slices, &orders.batch, &mut orders.clone()).await
    }

    /// The first field of a query's first row, asked with the server's own client.
    pub fn number(&self, query: &str) -> i64 {
        let rows = self.server.sql("shop", query).unwrap();
        rows.first().unwrap_or_else(|| panic!("no row: {query}")).split('\t').next().unwrap().parse().unwrap()
    }

    /// A sum over a column of all tables of this kind: `orders`, `order_items`, `order_history`.
    pub fn over_slices(&self, what: &str, table: &str) -> i64 {
        let number = |slice: &storage_cluster::mysql::Slice| {
            self.number(&format!("SELECT COALESCE(SUM({what}), 0) FROM {table}_{}", slice.name()))
        };
        self.slices.all().iter().map(number).sum()
    }
}

/// Orders to make, and the desk that makes them.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    pub batch: Vec<Prepared>,
    /// What a user may have of the sale; 0: any number.
    pub limit: u64,
    /// The record of each order.
    pub record: Vec<u8>,
}

impl Orders {
    /// So many orders of as many users, from this number on.
    pub fn of(first: u64, count: u64) -> Orders {
        Orders { batch: (first..first + count).map(prepared).collect(), limit: 0, record: vec![7; 200] }
    }
}

impl Desk for Orders {
    type Refusal = &'static str;

    fn decide(&mut self, at: usize, counts: &Counts) -> Result<NewOrder, &'static str> {
        let Prepared { ask, order, shelves, counts: counted } = &self.batch[at];
        let counted: Vec<_> = counted.iter().map(|key| (*key, counts.get(key) + 1)).collect();
        if counted.iter().any(|(_, units)| self.limit > 0 && *units > self.limit) {
            return Err(OVER_THE_LIMIT);
        }
        let item = |(shelf, epoch): &(ShelfKey, Epoch)| ItemRow {
            shelf: *shelf,
            units: 1,
            hold: hold(*order),
            epoch: *epoch,
        };
        Ok(NewOrder {
            row: OrderRow {
                id: *order,
                user: ask.key.who,
                state: State::PendingPayment,
                version: 1,
                made_at: now(),
                due_at: Some(MicrosUtc(now().0 + 600_000_000)),
                total: MinorUnits(1_999),
                currency: Currency(978),
                record: self.record.clone(),
            },
            items: shelves.iter().map(item).collect(),
            moved: shelves.iter().map(|(shelf, _)| held(*shelf, 1)).collect(),
            history: vec![HistoryRow {
                from: None,
                to: State::PendingPayment,
                at: now(),
                actor: Actor::User(ask.key.who),
                why: 0,
                version: 1,
            }],
            counts: counted,
            events: vec![EventRow { order: *order, at: now(), body: vec![1; 40] }],
        })
    }
}

/// For tests that do something else at the same time, on threads.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The first ask of the user of this number, for one unit of [`STOCK`].
pub fn prepared(number: u64) -> Prepared {
    let user = UserId(number);
    let key = RequestKey { who: user, id: request(number) };
    let ms = u64::try_from(now().0 / 1_000 - OrderId::EPOCH_MS).unwrap();
    Prepared {
        ask: Ask { key, attempt: Attempt(1), body_hash: 0xB0D7 },
        order: OrderId::new(ms, OrderId::slot_of(user), (number % 4_096) as u16),
        shelves: vec![(STOCK, FIRST)],
        counts: vec![CountKey { user, kind: CountKind::SaleUnits, subject: 5 }],
    }
}

pub fn request(number: u64) -> RequestId {
    RequestId(((now().0 / 1_000) as u128) << 80 | u128::from(number))
}

/// So many units of a shelf are held from now on (below 0: are not any more).
pub fn held(shelf: ShelfKey, units: i64) -> Moved {
    match shelf {
        ShelfKey::Stock(sku, warehouse) => {
            Moved::Shelf(sku, warehouse, ShelfMoved { held: units, ..ShelfMoved::default() })
        }
        ShelfKey::SaleCap(sale) => Moved::Cap(sale, units),
        ShelfKey::CouponQuota(coupon) => {
            Moved::Quota(coupon, QuotaMoved { locked: units, ..QuotaMoved::default() })
        }
    }
}

/// The hold that an order of [`Orders`] bought with.
pub fn hold(order: OrderId) -> HoldId {
    HoldId(u128::from(order.0) << 64 | 1)
}

pub fn now() -> MicrosUtc {
    MicrosUtc(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap())
}
