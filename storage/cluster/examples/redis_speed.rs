//! How many RESERVEs a second one connection carries: some calls in flight on one shelf, of so many asks each. Prints
//! a table; asserts nothing about speed.
//!
//! `cargo run --release -p storage-cluster --example redis_speed -- [seconds]`

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use domain::{RequestId, SkuId, UserId, WarehouseId};
use futures_util::future::join_all;
use servers::redis::Redis;
use storage_cluster::redis::{Ask, Client, Opening, Own, Reserved, Settings, Terms, Window};
use storage_cluster::shelf::{Attempt, CatalogueVersion, Epoch, HoldId, Holder, ShelfKey};

const SHELF: ShelfKey = ShelfKey::Stock(SkuId(1), WarehouseId(1));
const CATALOGUE: CatalogueVersion = CatalogueVersion(1);
/// Calls of a turn, and asks a call.
const SHAPES: &[(usize, usize)] = &[(1, 1), (64, 1), (16, 8), (8, 64)];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3);
    let server = Redis::start();
    let client = Client::connect(&Settings::new(server.url())).await.expect("the server answers");
    let mut run = Run { server, client, epoch: Epoch::FIRST, users: 0, span: Duration::from_secs(seconds) };
    println!("{:>8} {:>6} {:>8} {:>12} {:>14}", "calls", "asks", "what", "asks/s", "redis µs/ask");
    for (calls, asks) in SHAPES {
        run.measure("taken", 1 << 40, *calls, *asks).await;
        run.measure("sold out", 0, *calls, *asks).await;
    }
    run.finish().await;
}

struct Run {
    server: Redis,
    client: Client,
    epoch: Epoch,
    users: u64,
    span: Duration,
}

impl Run {
    /// On a shelf that was just opened with so many units.
    async fn measure(&mut self, what: &str, units: i64, calls: usize, asks: usize) {
        self.epoch = self.epoch.next();
        let opening = Opening { epoch: self.epoch, units, catalogue: CATALOGUE };
        self.client.init(SHELF, opening).await.expect("an answer");
        let terms = Terms { epoch: self.epoch, catalogue: CATALOGUE, window: Window::default() };
        let expected = if units == 0 { Reserved::SoldOut { left: 0 } } else { Reserved::Taken };
        let (mut answered, begun, busy) = (0_u64, Instant::now(), self.server_seconds());
        while begun.elapsed() < self.span {
            let turn: Vec<Vec<Ask>> = (0..calls).map(|_| self.some_asks(asks)).collect();
            for said in join_all(turn.iter().map(|asks| self.client.reserve(SHELF, &terms, asks))).await {
                let said = said.expect("an answer");
                assert!(said.iter().all(|one| *one == expected), "{said:?}");
                answered += said.len() as u64;
            }
        }
        self.print(what, calls, asks, (answered, begun.elapsed(), self.server_seconds() - busy));
    }

    /// Each order is finished, too: takes and finishes in turns.
    async fn finish(&mut self) {
        const ASKS: usize = 64;
        const CALLS: usize = 8;
        self.epoch = self.epoch.next();
        let opening = Opening { epoch: self.epoch, units: 1 << 40, catalogue: CATALOGUE };
        self.client.init(SHELF, opening).await.expect("an answer");
        let terms = Terms { epoch: self.epoch, catalogue: CATALOGUE, window: Window::default() };
        let (mut answered, begun, busy) = (0_u64, Instant::now(), self.server_seconds());
        while begun.elapsed() < self.span {
            let turn: Vec<Vec<Ask>> = (0..CALLS).map(|_| self.some_asks(ASKS)).collect();
            join_all(turn.iter().map(|asks| self.client.reserve(SHELF, &terms, asks))).await;
            let owns: Vec<Vec<Own>> = turn
                .iter()
                .map(|asks| asks.iter().map(|ask| Own { holder: ask.holder, hold: ask.hold }).collect())
                .collect();
            let said = join_all(owns.iter().map(|owns| self.client.finish(SHELF, self.epoch, owns))).await;
            assert!(said.iter().all(Result::is_ok), "{said:?}");
            answered += (CALLS * ASKS) as u64;
        }
        self.print("+ FINISH", CALLS, ASKS, (answered, begun.elapsed(), self.server_seconds() - busy));
    }

    /// Distinct users and requests, as in a sale.
    fn some_asks(&mut self, count: usize) -> Vec<Ask> {
        let one = |_| {
            self.users += 1;
            let holder = Holder { user: UserId(self.users), request: RequestId(fastrand::u128(..)) };
            let hold = HoldId(fastrand::u128(..));
            Ask { holder, attempt: Attempt(1), hold, units: NonZeroU32::MIN, body: fastrand::u64(..) }
        };
        (0..count).map(one).collect()
    }

    fn print(&self, what: &str, calls: usize, asks: usize, (answered, took, busy): (u64, Duration, f64)) {
        let a_second = answered as f64 / took.as_secs_f64();
        let a_piece_us = busy * 1e6 / answered as f64;
        println!("{calls:>8} {asks:>6} {what:>8} {a_second:>12.0} {a_piece_us:>14.2}");
    }

    /// What redis-server's main thread has used of a core.
    fn server_seconds(&self) -> f64 {
        let of = |name| self.server.info("cpu", name).parse::<f64>().expect("a number");
        of("used_cpu_user_main_thread") + of("used_cpu_sys_main_thread")
    }
}
