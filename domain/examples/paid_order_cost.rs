//! What an order with two lines and one payment costs: nanoseconds of each step, and bytes while it is resident.
//!
//! Run it with `cargo run --release -p domain --example paid_order_cost [orders]`.

use std::hint::black_box;
use std::time::Instant;

use domain::intent::{
    AdjustReason, AskedLine, Create, Envelope, Lines, PayCallback, PayOpen, PayOutcome, Sku, SkuPut,
    StockAdjust,
};
use domain::{
    Currency, Fact, Facts, GatewayId, Intent, Ledger, LedgerBounds, MicrosUtc, MinorUnits, OrderId,
    PaymentId, Quantity, RequestId, Rules, SellerId, SkuId, Stamp, UserId, Verdict, WarehouseId,
};

const BEGIN: MicrosUtc = MicrosUtc(1_750_000_000_000_000);
const EURO: Currency = Currency(978);
const GATEWAY: GatewayId = GatewayId(1);

/// Where facts go here: nowhere, but not unseen.
struct Dropped;

impl Facts for Dropped {
    fn begin(&mut self, stamp: &Stamp) {
        black_box(stamp);
    }
    fn fact(&mut self, fact: &Fact<'_>) {
        black_box(fact);
    }
    fn end(&mut self) {}
}

struct Shop {
    ledger: Ledger,
    random: fastrand::Rng,
    asked: i64,
}

fn main() {
    let orders: usize =
        std::env::args().nth(1).map_or(1_000_000, |word| word.parse().expect("a number of orders"));
    let mut shop = Shop {
        ledger: Ledger::new(LedgerBounds::DEFAULT, Rules::DEFAULT, 42),
        random: fastrand::Rng::with_seed(1),
        asked: 0,
    };
    for id in [1, 2] {
        shop.stock(SkuId(id), orders as i64);
    }
    let before = resident_bytes();
    let mut made = Vec::with_capacity(orders);
    let create_ns = timed(orders, || made.push(shop.create()));
    let bytes_of_ids = (made.capacity() * size_of::<(UserId, OrderId)>()) as f64;
    let created = (resident_bytes() - before) as f64 - bytes_of_ids;
    let mut unpaid = made.iter();
    let open_ns = timed(orders, || shop.open(*unpaid.next().expect("one each")));
    let opened = (resident_bytes() - before) as f64 - bytes_of_ids;
    let mut open = made.iter();
    let paid_ns = timed(orders, || shop.pay(*open.next().expect("one each")));
    let paid = (resident_bytes() - before) as f64 - bytes_of_ids;
    println!("{orders} orders of two lines, each paid by its first attempt, no sale");
    for (step, ns, bytes) in
        [("created", create_ns, created), ("PAY_OPEN", open_ns, opened), ("PAY_CALLBACK", paid_ns, paid)]
    {
        println!("{step:>13} {ns:>5.0} ns, {:>4.0} B an order since the start", bytes / orders as f64);
    }
}

fn timed(times: usize, mut step: impl FnMut()) -> f64 {
    let begin = Instant::now();
    for _ in 0..times {
        step();
    }
    begin.elapsed().as_nanos() as f64 / times as f64
}

impl Shop {
    fn stock(&mut self, sku: SkuId, units: i64) {
        let offer = Sku {
            id: sku,
            version: 0,
            seller: SellerId(0),
            currency: EURO,
            unit_price: MinorUnits(500),
            hold_seconds: 900,
            open: true,
            weight_grams: 0,
        };
        let request = self.request_id();
        self.ask(&Intent::SkuPut(SkuPut { request, replaces: 0, sku: offer }));
        let request = self.request_id();
        self.ask(&Intent::StockAdjust(StockAdjust {
            request,
            sku,
            warehouse: WarehouseId(1),
            on_hand_delta: units,
            safety_delta: 0,
            unavailable_delta: 0,
            reason: AdjustReason::Received,
        }));
    }

    fn create(&mut self) -> (UserId, OrderId) {
        let (user, request) = (UserId(self.random.u64(1..)), self.request_id());
        let line = |sku| AskedLine {
            sku: SkuId(sku),
            warehouse: WarehouseId(1),
            quantity: Quantity::parse(1).expect("one is a quantity"),
        };
        let lines = [line(1), line(2)];
        let create = Intent::Create(Create {
            user,
            request,
            hold: 0,
            currency: EURO,
            total: MinorUnits(1_000),
            lines: Lines::parse(&lines).expect("two skus"),
            coupons: domain::coupon::CouponIds::NONE,
            client_bytes: &[],
        });
        let Verdict::Order(brief) = self.ask(&create) else { panic!("it is an order") };
        (user, brief.order)
    }

    fn open(&mut self, (user, order): (UserId, OrderId)) {
        let request = self.request_id();
        self.ask(&Intent::PayOpen(PayOpen { user, request, order, gateway: GATEWAY }));
    }

    fn pay(&mut self, (_, order): (UserId, OrderId)) {
        let outcome = PayOutcome::Succeeded { amount: MinorUnits(1_000), currency: EURO, reference: order.0 };
        let payment = PaymentId::new(order, 1);
        self.ask(&Intent::PayCallback(PayCallback { gateway: GATEWAY, payment, outcome }));
    }

    fn ask(&mut self, intent: &Intent<'_>) -> Verdict {
        self.asked += 1;
        let now = MicrosUtc(BEGIN.0 + self.asked);
        let verdict = self.ledger.apply(now, Envelope::default(), intent, &mut Dropped);
        assert!(!matches!(verdict, Verdict::Refused(_)), "{verdict:?}");
        verdict
    }

    fn request_id(&mut self) -> RequestId {
        let now = BEGIN.0 + self.asked;
        RequestId(((now / 1_000) as u128) << 80 | self.random.u128(..) >> 48)
    }
}

/// Bytes of this process in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells about this process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has a resident size");
    let kib: u64 =
        line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number of KiB");
    kib * 1_024
}
