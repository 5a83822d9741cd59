//! What deciding costs: nanoseconds a CREATE, a sold-out refusal and an expiry, and bytes a resident order.
//!
//! Everything is distinct that can be (users, request ids), the per-user limit is on, and one run has a thousand
//! skus, the other a single hot one. Facts are looked at and dropped, so this is the ledger alone.
//! Run it with `cargo run --release -p domain --example apply_cost [orders]`.

use std::hint::black_box;
use std::time::Instant;

use domain::intent::{
    AdjustReason, AskedLine, Create, Envelope, Lines, Sale, SalePut, SaleSku, Sku, SkuPut, StockAdjust,
};
use domain::{
    Currency, Fact, Facts, Intent, Ledger, LedgerBounds, MicrosUtc, MinorUnits, Quantity, RequestId, Rules,
    SaleId, SellerId, SkuId, Stamp, UserId, Verdict, WarehouseId,
};

const BEGIN: MicrosUtc = MicrosUtc(1_750_000_000_000_000);
/// Requests that arrive together, as in a turn of the engine; a round number, so that the stock comes out even.
const TURN: usize = 250;
/// So many requests a microsecond keep the order ids' milliseconds as full as a busy server does.
const REQUESTS_A_MICROSECOND: usize = 1;

/// Where facts go here: nowhere, but not unseen.
#[derive(Default)]
struct Dropped(usize);

impl Facts for Dropped {
    fn begin(&mut self, stamp: &Stamp) {
        black_box(stamp);
    }
    fn fact(&mut self, fact: &Fact<'_>) {
        black_box(fact);
        self.0 += 1;
    }
    fn end(&mut self) {}
}

struct Shop {
    ledger: Ledger,
    facts: Dropped,
    random: fastrand::Rng,
    skus: u64,
    asked: u64,
}

fn main() {
    let orders: usize =
        std::env::args().nth(1).map_or(5_000_000, |word| word.parse().expect("a number of orders"));
    let orders = orders / 1_000 * 1_000;
    println!("{orders} one-line creates, per-user limit on, turns of {TURN}");
    for (name, skus) in [("1,000 skus", 1_000), ("one hot sku", 1)] {
        for warm in [false, true] {
            run(name, skus, orders, warm);
        }
    }
}

fn run(name: &str, skus: u64, orders: usize, warm: bool) {
    let mut shop = Shop::new(skus, orders);
    let before = resident_bytes();
    let create_ns = shop.creates(orders, warm, true);
    let bytes = (resident_bytes() - before) as f64 / orders as f64;
    let refused_ns = shop.creates(orders, warm, false);
    let expiry_ns = shop.expiries(orders);
    let warm = if warm { "warmed" } else { "cold" };
    println!(
        "{name:>12} {warm:>7}: create {create_ns:>4.0} ns, sold out {refused_ns:>4.0} ns, expiry {expiry_ns:>4.0} ns, \
         {bytes:.0} B an order"
    );
}

impl Shop {
    /// A sale over all skus, with just enough stock for the orders to come.
    fn new(skus: u64, orders: usize) -> Shop {
        let ledger = Ledger::new(LedgerBounds::DEFAULT, Rules::DEFAULT, 42);
        let random = fastrand::Rng::with_seed(1);
        let mut shop = Shop { ledger, facts: Dropped::default(), random, skus, asked: 0 };
        let mut items = Vec::new();
        for id in 1..=skus {
            let sku = Sku {
                id: SkuId(id),
                version: 0,
                seller: SellerId(0),
                currency: Currency(978),
                unit_price: MinorUnits(1_000),
                hold_seconds: 900,
                open: true,
                weight_grams: 0,
            };
            items.push(SaleSku { sku: sku.id, unit_price: MinorUnits(900) });
            let request = shop.request_id(BEGIN);
            shop.operate(Intent::SkuPut(SkuPut { request, replaces: 0, sku }));
            let request = shop.request_id(BEGIN);
            shop.operate(Intent::StockAdjust(StockAdjust {
                request,
                sku: sku.id,
                warehouse: WarehouseId(1),
                on_hand_delta: (orders as u64 / skus) as i64,
                safety_delta: 0,
                unavailable_delta: 0,
                reason: AdjustReason::Received,
            }));
        }
        let sale = Sale {
            id: SaleId(1),
            version: 0,
            closed_from: BEGIN,
            opens: BEGIN,
            closes: MicrosUtc(BEGIN.0 * 2),
            user_limit_units: 2,
            order_limit_units: 2,
            cap_units: 0,
            hold_seconds: 900,
        };
        let request = shop.request_id(BEGIN);
        shop.operate(Intent::SalePut(SalePut { request, replaces: 0, sale, skus: &items }));
        shop
    }

    fn operate(&mut self, intent: Intent<'_>) {
        let verdict = self.ledger.apply(BEGIN, Envelope::default(), &intent, &mut self.facts);
        assert!(!matches!(verdict, Verdict::Refused(_)), "{verdict:?}");
    }

    /// Nanoseconds that the end of an unpaid order takes when its time is over: those of the median turn.
    fn expiries(&mut self, orders: usize) -> f64 {
        let now = MicrosUtc(BEGIN.0 + 2 * 900 * 1_000_000);
        let mut turns_ns = Vec::with_capacity(orders / TURN);
        loop {
            let begin = Instant::now();
            let expired = self.ledger.expire(now, TURN, &mut self.facts);
            turns_ns.push(begin.elapsed().as_nanos());
            if expired < TURN {
                break;
            }
        }
        median_of_one(turns_ns)
    }

    /// Nanoseconds a CREATE: those of the median turn, which other programs on the machine do not disturb.
    /// Making the requests is not counted.
    fn creates(&mut self, requests: usize, warm: bool, stocked: bool) -> f64 {
        let mut turns_ns = Vec::with_capacity(requests / TURN);
        for _ in 0..requests / TURN {
            let now = MicrosUtc(BEGIN.0 + (self.asked as usize / REQUESTS_A_MICROSECOND) as i64);
            let lines: Vec<AskedLine> = (0..TURN).map(|_| self.next_line()).collect();
            let turn: Vec<Intent<'_>> = lines.iter().map(|line| self.next_create(now, line)).collect();
            let begin = Instant::now();
            for some in turn.chunks(Ledger::WARMED_AT_ONCE) {
                if warm {
                    self.ledger.warm(now, some.iter().copied());
                }
                for intent in some {
                    let verdict = self.ledger.apply(now, Envelope::default(), intent, &mut self.facts);
                    assert_eq!(matches!(verdict, Verdict::Order(_)), stocked, "{verdict:?}");
                }
            }
            turns_ns.push(begin.elapsed().as_nanos());
        }
        median_of_one(turns_ns)
    }

    fn next_line(&mut self) -> AskedLine {
        self.asked += 1;
        let quantity = Quantity::parse(1).expect("one is a quantity");
        AskedLine { sku: SkuId(1 + self.asked % self.skus), warehouse: WarehouseId(1), quantity }
    }

    fn next_create<'a>(&mut self, now: MicrosUtc, line: &'a AskedLine) -> Intent<'a> {
        Intent::Create(Create {
            user: UserId(self.random.u64(1..)),
            request: self.request_id(now),
            hold: 0,
            coupons: domain::coupon::CouponIds::NONE,
            currency: Currency(978),
            total: MinorUnits(900),
            lines: Lines::parse(std::slice::from_ref(line)).expect("one line is a basket"),
            client_bytes: &[],
        })
    }

    fn request_id(&mut self, now: MicrosUtc) -> RequestId {
        RequestId(((now.0 / 1_000) as u128) << 80 | self.random.u128(..) >> 48)
    }
}

/// The median turn, by what was in it.
fn median_of_one(mut turns_ns: Vec<u128>) -> f64 {
    turns_ns.sort_unstable();
    turns_ns[turns_ns.len() / 2] as f64 / TURN as f64
}

/// Bytes of this process in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells about this process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has a resident size");
    let kib: u64 =
        line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number of KiB");
    kib * 1_024
}
