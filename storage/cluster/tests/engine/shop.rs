//! A shop on a cluster of a test: its own redis-server and two mariadbd, and nodes that are asked as a reactor asks them.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::intent::{
    AdjustReason, AskedLine, Cancel, Create, Envelope, Lines, Sale, SalePut, SaleSku, Sku, SkuPut,
    StockAdjust,
};
use domain::verdict::OrderBrief;
use domain::{
    Currency, Intent, MicrosUtc, MinorUnits, OrderId, Quantity, Refusal, RequestId, SaleId, SellerId, SkuId,
    UserId, Verdict, WarehouseId,
};
use servers::mariadb::Mariadb;
use servers::redis::Redis;
use storage::{Handle, NotDecided, Outcome, Ring, Share, Store, Submitted, Ticket};
use storage_cluster::engine::{self, Leaver};
use storage_cluster::links::{self, Servers};
use storage_cluster::mysql::{Limits, SliceRules};
use storage_cluster::redis;
use storage_cluster::shelf::ShardNo;

pub const EUR: Currency = Currency(978);
pub const PRICE: MinorUnits = MinorUnits(500);
pub const WAREHOUSE: WarehouseId = WarehouseId(1);
const HOME: ShardNo = ShardNo(0);

/// The servers, with all tables.
#[derive(Debug)]
pub struct Cluster {
    pub redis: Redis,
    pub shards: Vec<Mariadb>,
}

/// A node, and one door to it.
pub(crate) struct Node {
    handle: Handle,
    leaver: Leaver,
    thread: Option<JoinHandle<()>>,
    asked: u64,
}

/// Wakes the thread of a test.
struct Bell(Thread);

impl Ring for Bell {
    fn ring(&self) {
        self.0.unpark();
    }
}

impl Cluster {
    pub fn start() -> Cluster {
        let shards = (0..2).map(|_| Mariadb::start(&["shop"]).expect("mariadbd starts")).collect();
        let cluster = Cluster { redis: Redis::start(), shards };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime is made");
        runtime.block_on(links::init(&cluster.servers())).expect("the tables are made");
        cluster
    }

    pub fn servers(&self) -> Servers {
        Servers {
            redis: redis::Settings::new(self.redis.url()),
            mysql: self.shards.iter().map(|shard| shard.url("shop")).collect(),
            home: HOME,
            limits: Limits::DEFAULT,
            slices: SliceRules::DEFAULT,
        }
    }

    /// The first field of a query's first row, summed over all shards.
    pub fn sum(&self, query: &str) -> i64 {
        let of = |shard: &Mariadb| -> i64 {
            let rows = shard.sql("shop", query).expect("the server answers");
            let first = rows[0].split('\t').next().expect("a row has a field");
            first.parse().expect("it is a number")
        };
        self.shards.iter().map(of).sum()
    }

    /// Units that Redis would still give of a sku's stock.
    pub fn units_in_redis(&self, sku: u64) -> i64 {
        let key = format!("tg:{{stock.{sku}.{}}}:shelf", WAREHOUSE.0);
        self.redis.ask(&["HGET", &key, "units"]).text().parse().expect("units are a number")
    }

    /// Waits until this is so.
    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut(&Cluster) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{what} never comes");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Node {
    pub fn start(cluster: &Cluster) -> Node {
        let settings = engine::Settings::new(cluster.servers());
        let (worker, mut handles) = engine::start(settings, vec![Arc::new(Bell(thread::current()))]);
        let leaver = worker.leaver();
        let (ready, is_ready) = mpsc::channel();
        let thread = thread::spawn(move || {
            worker.run(move || ready.send(()).expect("the test waits")).expect("the node serves");
        });
        is_ready.recv_timeout(Duration::from_secs(20)).expect("the node begins");
        Node { handle: handles.remove(0), leaver, thread: Some(thread), asked: 0 }
    }

    /// Asks all of these at once, and waits for all answers, in their order.
    pub fn ask_all(&mut self, asked: &[(Envelope, Intent<'_>)]) -> Vec<Outcome> {
        let first = self.asked;
        self.asked += asked.len() as u64;
        let mut answers: Vec<Option<Outcome>> = vec![None; asked.len()];
        let (mut sent, mut got) = (0, 0);
        let begun = Instant::now();
        while got < asked.len() {
            if sent < asked.len()
                && let Some(mut batch) = self.handle.lend(Share::Any)
            {
                while let Some((envelope, intent)) = asked.get(sent) {
                    let ticket = Ticket(first + sent as u64);
                    let submitted =
                        Submitted { ticket, envelope: *envelope, deadline: None, intent: *intent };
                    if batch.push(&submitted).is_err() {
                        break;
                    }
                    sent += 1;
                }
                self.handle.submit(batch);
            }
            while let Some(mut some) = self.handle.poll() {
                for answer in some.drain(..) {
                    let at = (answer.ticket.0 - first) as usize;
                    assert!(answers[at].replace(answer.outcome).is_none(), "answered twice");
                    got += 1;
                }
                self.handle.give_back(some);
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{got} of {} answers", asked.len());
            thread::park_timeout(Duration::from_millis(1));
        }
        answers.into_iter().map(|answer| answer.expect("all came")).collect()
    }

    /// Asks until there is a decision.
    pub fn ask(&mut self, intent: Intent<'_>) -> Verdict {
        let mut envelope = Envelope::default();
        for _ in 0..400 {
            match self.ask_all(&[(envelope, intent)]).remove(0) {
                Ok(verdict) => return verdict,
                Err(NotDecided::Unavailable { .. } | NotDecided::OutcomeUnknown) => {
                    envelope.asked_before = true;
                    thread::sleep(Duration::from_millis(25));
                }
                Err(other) => panic!("{other:?}: {intent:?}"),
            }
        }
        panic!("no decision in ten seconds: {intent:?}");
    }

    pub fn order(&mut self, intent: Intent<'_>) -> OrderBrief {
        let verdict = self.ask(intent);
        let Verdict::Order(brief) = verdict else { panic!("{verdict:?}") };
        brief
    }

    pub fn refusal(&mut self, intent: Intent<'_>) -> Refusal {
        let verdict = self.ask(intent);
        let Verdict::Refused(refusal) = verdict else { panic!("{verdict:?}") };
        refusal
    }

    /// A sku for [`PRICE`], with so many units.
    pub fn stock(&mut self, sku: u64, units: i64) {
        self.stock_held_for(sku, units, 900);
    }

    /// The same; who does not pay has them for so long.
    pub fn stock_held_for(&mut self, sku: u64, units: i64, hold_seconds: u32) {
        let put = Sku {
            id: SkuId(sku),
            version: 0,
            seller: SellerId(0),
            currency: EUR,
            unit_price: PRICE,
            hold_seconds,
            open: true,
            weight_grams: 0,
        };
        let put = Intent::SkuPut(SkuPut { request: request(), replaces: 0, sku: put });
        assert!(matches!(self.ask(put), Verdict::Sku { version: 1, .. }));
        let adjust = StockAdjust {
            request: request(),
            sku: SkuId(sku),
            warehouse: WAREHOUSE,
            on_hand_delta: units,
            safety_delta: 0,
            unavailable_delta: 0,
            reason: AdjustReason::Received,
        };
        let Verdict::Shelf(shelf) = self.ask(Intent::StockAdjust(adjust)) else { panic!("no shelf") };
        assert_eq!(shelf.sellable, units as u64);
    }

    /// A sale of this sku that has begun; so many units a user, so many in all.
    pub fn sale(&mut self, sale: u32, sku: u64, user_limit_units: u32, cap_units: u64) {
        let now = now();
        let put = Sale {
            id: SaleId(sale),
            version: 0,
            closed_from: MicrosUtc(now.0 - 2_000_000),
            opens: MicrosUtc(now.0 - 1_000_000),
            closes: MicrosUtc(now.0 + 3_600_000_000),
            user_limit_units,
            order_limit_units: 0,
            cap_units,
            hold_seconds: 900,
        };
        let skus = [SaleSku { sku: SkuId(sku), unit_price: PRICE }];
        let put = Intent::SalePut(SalePut { request: request(), replaces: 0, sale: put, skus: &skus });
        assert!(matches!(self.ask(put), Verdict::Sale { version: 1, .. }));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.leaver.leave();
        if let Some(thread) = self.thread.take()
            && !thread::panicking()
        {
            thread.join().expect("the node ends well");
        }
    }
}

/// One line of this sku.
pub fn line(sku: u64, units: u32) -> AskedLine {
    AskedLine { sku: SkuId(sku), warehouse: WAREHOUSE, quantity: Quantity::parse(units).expect("a quantity") }
}

/// A basket at the price of every sku.
pub fn create(user: u64, request: RequestId, lines: &[AskedLine]) -> Intent<'_> {
    let units: i64 = lines.iter().map(|line| i64::from(line.quantity.get())).sum();
    Intent::Create(Create {
        user: UserId(user),
        request,
        hold: 0,
        coupons: domain::coupon::CouponIds::default(),
        currency: EUR,
        total: MinorUnits(units * PRICE.0),
        lines: Lines::parse(lines).expect("a basket"),
        client_bytes: b"",
    })
}

pub fn cancel(user: u64, order: OrderId) -> Intent<'static> {
    Intent::Cancel(Cancel { user: UserId(user), request: request(), order, version: 0, why: 7 })
}

/// A fresh one, of now.
pub fn request() -> RequestId {
    let ms = u128::from(now().0.unsigned_abs() / 1_000);
    RequestId(ms << 80 | u128::from(fastrand::u64(..)))
}

pub fn now() -> MicrosUtc {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    MicrosUtc(since.as_micros() as i64)
}
