//! Orders a second of the MySQL commit, on one and on two mariadbd of this machine, beside the chain that most shops
//! have: one order a transaction, a statement a row.
//!
//! `cargo run --release -p storage-cluster --example mysql_commits [seconds]`

use std::error::Error;
use std::time::{Duration, Instant};

use domain::desk::{Moved, QuotaMoved, ShelfMoved};
use domain::order::State;
use domain::verdict::HistoryRow;
use domain::{
    Actor, Currency, MicrosUtc, MinorUnits, OrderId, RequestId, RequestKey, SkuId, UserId, WarehouseId,
};
use mysql_async::prelude::Queryable;
use servers::mariadb::Mariadb;
use storage_cluster::mysql::{
    Ask, BATCH_MAX, Committed, CountKey, CountKind, Counts, Database, Desk, EventRow, ItemRow, Limits,
    NewOrder, OrderRow, Prepared, Role, SliceRules, Slices, commit, migrate, raise, read_slices, tend_slices,
};
use storage_cluster::shelf::{Attempt, Epoch, HoldId, ShelfKey};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A server as a shop would have it: room for its pages, and a log that is not full every second.
const ROOM: &[&str] = &["--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M"];
/// Bytes of an order's record and of its event: what an order of one line comes to.
const RECORD_BYTES: usize = 200;
const EVENT_BYTES: usize = 120;

fn main() -> Outcome<()> {
    let seconds = std::env::args().nth(1).map_or(Ok(5), |word| word.parse())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(Duration::from_secs(seconds)))
}

async fn measure(time: Duration) -> Outcome<()> {
    println!("| what | servers | batches at once | orders/s | p50 ms | p99 ms | mariadbd CPU | this CPU |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (servers, at_once) in [(1, 1), (1, 2), (1, 4), (2, 1), (2, 2), (2, 4)] {
        let shards = start(servers).await?;
        let (cpu, own) = (cpu_of(&shards)?, cpu_seconds("self")?);
        let begun = Instant::now();
        let mut waits = batches(&shards, at_once, time).await?;
        let elapsed = begun.elapsed().as_secs_f64();
        let orders = waits.len() * BATCH_MAX;
        row("64 orders a transaction", servers, at_once, orders, elapsed, &mut waits);
        println!(
            " {:.2} | {:.2} |",
            (cpu_of(&shards)? - cpu) / elapsed,
            (cpu_seconds("self")? - own) / elapsed
        );
    }
    for (servers, at_once) in [(1, 16), (1, 64)] {
        let shards = start(servers).await?;
        let (cpu, own) = (cpu_of(&shards)?, cpu_seconds("self")?);
        let begun = Instant::now();
        let mut waits = one_by_one(&shards[0], at_once, time).await?;
        let elapsed = begun.elapsed().as_secs_f64();
        let orders = waits.len();
        row("an order a transaction, a row a statement", servers, at_once, orders, elapsed, &mut waits);
        println!(
            " {:.2} | {:.2} |",
            (cpu_of(&shards)? - cpu) / elapsed,
            (cpu_seconds("self")? - own) / elapsed
        );
    }
    Ok(())
}

fn row(what: &str, servers: usize, at_once: usize, orders: usize, elapsed: f64, waits: &mut [Duration]) {
    waits.sort_unstable();
    let at = |share: f64| waits[(waits.len() as f64 * share) as usize].as_secs_f64() * 1_000.0;
    let per_second = orders as f64 / elapsed;
    let (p50, p99) = (at(0.5), at(0.99));
    print!("| {what} | {servers} | {at_once} | {per_second:.0} | {p50:.1} | {p99:.1} |");
}

struct Shard {
    server: Mariadb,
    database: Database,
    slices: Slices,
}

async fn start(servers: usize) -> Outcome<Vec<Shard>> {
    let mut shards = Vec::new();
    for _ in 0..servers {
        let mut server = Mariadb::start(&["shop"])?;
        server.restart_with(ROOM)?;
        let database = Database::new(&server.url("shop"), Limits { connections: 8, ..Limits::DEFAULT })?;
        migrate(&database, Role::Shard).await?;
        let mut lease = database.lease().await?;
        tend_slices(&mut lease, &SliceRules::DEFAULT).await?;
        let slices = read_slices(&mut lease, &FAR).await?;
        for sku in 0..SKUS {
            raise(&mut lease, shelf(sku), Epoch::FIRST).await?;
        }
        drop(lease);
        shards.push(Shard { server, database, slices });
    }
    Ok(shards)
}

/// One look is enough for a whole measurement.
const FAR: SliceRules = SliceRules { lead: Duration::from_secs(3_600), ..SliceRules::DEFAULT };
const SKUS: u64 = 1_000;

fn shelf(number: u64) -> ShelfKey {
    ShelfKey::Stock(SkuId(1 + number % SKUS), WarehouseId(1))
}

/// How long each batch took; so many at once on each shard.
async fn batches(shards: &[Shard], at_once: usize, time: Duration) -> Outcome<Vec<Duration>> {
    let until = Instant::now() + time;
    let mut at_work = Vec::new();
    for (number, shard) in (0..at_once).flat_map(|round| shards.iter().map(move |shard| (round, shard))) {
        at_work.push(Box::pin(async move {
            let (mut waits, mut first) = (Vec::new(), (number as u64) << 40);
            while Instant::now() < until {
                let begun = Instant::now();
                let mut desk = One { batch: (first..first + BATCH_MAX as u64).map(prepared).collect() };
                let batch = desk.batch.clone();
                let outcomes = commit(&shard.database, &shard.slices, &batch, &mut desk).await;
                if let Some(other) = outcomes.iter().find(|outcome| **outcome != Committed::Now) {
                    return Err(format!("{other:?}"));
                }
                waits.push(begun.elapsed());
                first += BATCH_MAX as u64;
            }
            Ok(waits)
        }));
    }
    all(at_work).await
}

/// The same rows, one statement each, an order a transaction, over prepared statements.
async fn one_by_one(shard: &Shard, at_once: usize, time: Duration) -> Outcome<Vec<Duration>> {
    let until = Instant::now() + time;
    let slice = shard.slices.all()[0].name();
    let url = shard.server.url("shop");
    let mut at_work = Vec::new();
    for number in 0..at_once as u64 {
        let (url, slice) = (url.clone(), slice.clone());
        at_work.push(Box::pin(async move {
            let mut conn = mysql_async::Conn::new(mysql_async::Opts::from_url(&url).map_err(text)?)
                .await
                .map_err(text)?;
            let mut waits = Vec::new();
            let mut next = number << 40;
            while Instant::now() < until {
                let begun = Instant::now();
                chain(&mut conn, &slice, &prepared(next)).await.map_err(text)?;
                waits.push(begun.elapsed());
                next += 1;
            }
            conn.disconnect().await.map_err(text)?;
            Ok(waits)
        }));
    }
    all(at_work).await
}

fn text(why: impl std::fmt::Display) -> String {
    why.to_string()
}

async fn chain(conn: &mut mysql_async::Conn, slice: &str, one: &Prepared) -> Result<(), mysql_async::Error> {
    let (user, order, table) = (one.ask.key.who.0, one.order.0, user_table(one));
    let request = one.ask.key.id.0.to_be_bytes().to_vec();
    let ShelfKey::Stock(sku, warehouse) = one.shelves[0].0 else { return Ok(()) };
    conn.query_drop("START TRANSACTION").await?;
    let fence =
        "SELECT epoch FROM fences WHERE shelf_kind = 1 AND shelf_id = ? AND place = ? LOCK IN SHARE MODE";
    let _: Option<u64> = conn.exec_first(fence, (sku.0, warehouse.0)).await?;
    let key = format!("INSERT INTO request_keys_{table} VALUES (?, ?, 1, 0, 1, ?, '')");
    conn.exec_drop(key, (user, request, order)).await?;
    let row = format!("INSERT INTO orders_{slice} VALUES (?, ?, 2, 1, 1, 2, 1999, 978, ?)");
    conn.exec_drop(row, (order, user, vec![7_u8; RECORD_BYTES])).await?;
    let item = format!("INSERT INTO order_items_{slice} VALUES (?, 1, ?, ?, 1, ?, 1)");
    conn.exec_drop(item, (order, sku.0, warehouse.0, vec![9_u8; 16])).await?;
    let history = format!("INSERT INTO order_history_{slice} VALUES (?, 1, 0, 2, 1, 1, ?, 0)");
    conn.exec_drop(history, (order, user)).await?;
    let count = "INSERT INTO user_counts VALUES (?, 1, 5, 1) ON DUPLICATE KEY UPDATE units = units + 1";
    conn.exec_drop(count, (user,)).await?;
    let delta = "INSERT INTO stock_delta (shelf_kind, shelf_id, place, epoch, units) VALUES (1, ?, ?, 1, 1)";
    conn.exec_drop(delta, (sku.0, warehouse.0)).await?;
    let event = "INSERT INTO outbox (events) VALUES (?)";
    conn.exec_drop(event, (vec![1_u8; EVENT_BYTES],)).await?;
    conn.query_drop("COMMIT").await
}

fn user_table(one: &Prepared) -> u16 {
    OrderId::slot_of(one.ask.key.who) % u16::from(storage_cluster::mysql::KEY_TABLES)
}

/// Runs all at once, to their ends.
async fn all<F>(mut at_work: Vec<std::pin::Pin<Box<F>>>) -> Outcome<Vec<Duration>>
where
    F: Future<Output = Result<Vec<Duration>, String>>,
{
    let mut waits = Vec::new();
    let mut failed = None;
    std::future::poll_fn(|context| {
        at_work.retain_mut(|one| match one.as_mut().poll(context) {
            std::task::Poll::Pending => true,
            std::task::Poll::Ready(Ok(more)) => {
                waits.extend(more);
                false
            }
            std::task::Poll::Ready(Err(why)) => {
                failed = Some(why);
                false
            }
        });
        if at_work.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    failed.map_or(Ok(waits), |why| Err(why.into()))
}

/// Makes orders of one line.
struct One {
    batch: Vec<Prepared>,
}

impl Desk for One {
    type Refusal = ();

    fn decide(&mut self, at: usize, counts: &Counts) -> Result<NewOrder, ()> {
        let Prepared { ask, order, shelves, counts: counted } = &self.batch[at];
        let made_at = MicrosUtc(order.ms() as i64 * 1_000);
        Ok(NewOrder {
            row: OrderRow {
                id: *order,
                user: ask.key.who,
                state: State::PendingPayment,
                version: 1,
                made_at,
                due_at: Some(MicrosUtc(made_at.0 + 600_000_000)),
                total: MinorUnits(1_999),
                currency: Currency(978),
                record: vec![7; RECORD_BYTES],
            },
            items: shelves
                .iter()
                .map(|(shelf, epoch)| ItemRow { shelf: *shelf, units: 1, hold: HoldId(9), epoch: *epoch })
                .collect(),
            moved: shelves
                .iter()
                .map(|(shelf, _)| match shelf {
                    ShelfKey::Stock(sku, warehouse) => {
                        Moved::Shelf(*sku, *warehouse, ShelfMoved { held: 1, ..ShelfMoved::default() })
                    }
                    ShelfKey::SaleCap(sale) => Moved::Cap(*sale, 1),
                    ShelfKey::CouponQuota(coupon) => Moved::Quota(*coupon, QuotaMoved::default()),
                })
                .collect(),
            history: vec![HistoryRow {
                from: None,
                to: State::PendingPayment,
                at: made_at,
                actor: Actor::User(ask.key.who),
                why: 0,
                version: 1,
            }],
            counts: counted.iter().map(|key| (*key, counts.get(key) + 1)).collect(),
            events: vec![EventRow { order: *order, at: made_at, body: vec![1; EVENT_BYTES] }],
        })
    }
}

/// Users all over the slots, order ids that grow with time.
fn prepared(number: u64) -> Prepared {
    let user = UserId(1 + number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 100_000_000);
    let unix_ms = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis());
    let ms = unix_ms as u64 - OrderId::EPOCH_MS as u64;
    let key = RequestKey { who: user, id: RequestId(unix_ms << 80 | u128::from(number)) };
    Prepared {
        ask: Ask { key, attempt: Attempt(1), body_hash: 1 },
        order: OrderId::new(ms, OrderId::slot_of(user), (number ^ number >> 40 << 10) as u16),
        shelves: vec![(shelf(number), Epoch::FIRST)],
        counts: vec![CountKey { user, kind: CountKind::SaleUnits, subject: 5 }],
    }
}

/// Seconds of processor time that the servers had.
fn cpu_of(shards: &[Shard]) -> Outcome<f64> {
    let pids = shards.iter().filter_map(|shard| shard.server.pid());
    pids.map(|pid| cpu_seconds(&pid.to_string())).sum()
}

fn cpu_seconds(process: &str) -> Outcome<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / TICKS_PER_SECOND)
}
