//! What the store's tests share: an unkind disk, a small shop, and a store that lives on it.
#![allow(dead_code, missing_docs, clippy::unwrap_used)] // Helpers of tests; each test binary uses its part.

// The simulator's own: what is unkind there is unkind here.
#[path = "../../../tests/sim/src/disk.rs"]
pub mod mem_disk;

use std::sync::Arc;

use domain::fact::Fact;
use domain::intent::{AdjustReason, AskedLine, Cancel, Create, Envelope, Lines, Sku, SkuPut, StockAdjust};
use domain::{
    Currency, Intent, LedgerBounds, Micros, MicrosUtc, MinorUnits, OrderId, Quantity, RequestId, SellerId,
    SkuId, UserId, Verdict, WarehouseId,
};
use storage::embedded::disk::{DurabilityPath, HotDisk, ReadDisk};
use storage::embedded::reader::{self, Reading};
use storage::embedded::{
    ClockReading, Config, Durability, Fatal, FusedStore, OpenError, OpenReport, Progress, open,
};
use storage::{Answer, Share, Store, Submitted, Ticket};

use mem_disk::{End, MemDisk, MemHot};

pub const SKU: SkuId = SkuId(7);
pub const EUR: Currency = Currency(978);
/// 2026-01-01, in microseconds.
pub const START: i64 = 1_767_225_600_000_000;

pub fn small_bounds() -> LedgerBounds {
    LedgerBounds {
        orders_max: 4_000,
        lines_max: 4_000,
        client_bytes_max: 1 << 20,
        history_rows_max: 24_000,
        request_ids_max: 13_000,
        changes_max: 9_000,
        payments_max: 6_000,
        shipments_max: 6_000,
        sent_lines_max: 6_000,
        cases_max: 6_000,
        user_counts_max: 1_000,
        skus_max: 64,
        shelves_max: 64,
        sales_max: 16,
        sale_skus_max: 64,
        holds_max: 64,
        hold_lines_max: 64,
        limits_max: 64,
        dead_letters_max: 8,
        coupons_max: 64,
        coupon_skus_max: 1_000,
        coupon_users_max: 6_000,
        coupon_orders_max: 6_000,
    }
}

/// Tiny segments and groups, so that a short history rolls, and has several checkpoints.
pub fn tiny(path: DurabilityPath) -> Config {
    Config {
        ledger: small_bounds(),
        segment_bytes: 64 << 10,
        checkpoint_bytes: 24 << 10,
        group_bytes: 16 << 10,
        durability: Durability::Always(path),
        batches: 8,
        batches_reserved: 2,
        batch_intents: 16,
        ..Config::default()
    }
}

/// The same, and every opening reads all of the journal.
pub fn tiny_without_checkpoints(path: DurabilityPath) -> Config {
    Config { checkpoint_bytes: 0, ..tiny(path) }
}

pub fn at(micros: i64) -> ClockReading {
    ClockReading { wall: MicrosUtc(START + micros), boot: Micros(micros) }
}

/// A request id of this instant.
pub fn request_id(micros: i64, n: u64) -> RequestId {
    RequestId((((START + micros) / 1_000) as u128) << 80 | u128::from(n))
}

/// What an opening by another process finds, and what the ledger then holds. It changes no fact, and the process is killed.
pub fn look(disk: &MemDisk, clock: &mut i64, config: Config) -> Result<(OpenReport, Verdict), OpenError> {
    let disk = disk.next_process();
    let opened = open(Arc::new(disk.clone()), config, at(*clock), &mut |_| ());
    let opened = opened.inspect_err(|_| disk.end(End::Kill, MemHot::new(&disk)))?;
    let report = opened.report.clone();
    let store = opened.fused_inline().unwrap();
    let mut life = Life { disk: disk.clone(), hot: MemHot::new(&disk), store, micros: *clock };
    let holdings = life.ask(Intent::Holdings).outcome.unwrap();
    *clock = life.micros;
    drop(life.store);
    disk.end(End::Kill, life.hot);
    Ok((report, holdings))
}

/// A store in memory, and the hot disk under it.
#[derive(Debug)]
pub struct Life {
    pub disk: MemDisk,
    pub hot: MemHot,
    pub store: FusedStore<MemHot>,
    pub micros: i64,
}

impl Life {
    pub fn open(disk: &MemDisk, config: Config, micros: i64) -> Result<Life, OpenError> {
        let opened = open(Arc::new(disk.clone()), config, at(micros), &mut |_| ())?;
        let store =
            opened.fused_inline().map_err(|source| OpenError::Folder { place: "memory".into(), source })?;
        Ok(Life { disk: disk.clone(), hot: MemHot::new(disk), store, micros })
    }

    pub fn turn(&mut self, micros: i64) -> Result<Progress, Fatal> {
        self.micros += micros;
        self.store.turn(at(self.micros), &mut self.hot)
    }

    /// Turns until all is settled; the answers that came.
    pub fn settle(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        for _ in 0..100_000 {
            self.turn(100).unwrap();
            answers.extend(take_answers(&mut self.store));
            if self.store.engine().is_settled() {
                return answers;
            }
        }
        panic!("it does not settle: {:?}", self.store);
    }

    /// Submits one intent and turns until it is answered.
    pub fn ask(&mut self, intent: Intent<'_>) -> Answer {
        submit(&mut self.store, &[intent]);
        let answers = self.settle();
        assert_eq!(answers.len(), 1);
        answers.into_iter().next().unwrap()
    }

    /// A sku and its stock.
    pub fn set_up_shop(&mut self, units: i64) {
        let micros = self.micros;
        assert!(self.ask(sku_put(micros)).outcome.is_ok());
        assert!(self.ask(stock(micros, units)).outcome.is_ok());
    }
}

/// Submits intents with their place as ticket.
pub fn submit<H: HotDisk>(store: &mut FusedStore<H>, intents: &[Intent<'_>]) {
    let mut batch = store.lend(Share::Any).unwrap();
    for (ticket, &intent) in intents.iter().enumerate() {
        let ticket = Ticket(ticket as u64);
        batch.push(&Submitted { ticket, envelope: Envelope::default(), deadline: None, intent }).unwrap();
    }
    store.submit(batch);
}

pub fn take_answers(store: &mut impl Store) -> Vec<Answer> {
    let mut taken = Vec::new();
    while let Some(mut answers) = store.poll() {
        taken.append(&mut answers);
        store.give_back(answers);
    }
    taken
}

pub fn sku_put(micros: i64) -> Intent<'static> {
    Intent::SkuPut(SkuPut {
        request: request_id(micros, 1 << 60),
        replaces: 0,
        sku: Sku {
            id: SKU,
            version: 0,
            seller: SellerId(0),
            currency: EUR,
            unit_price: MinorUnits(250),
            hold_seconds: 900,
            open: true,
            weight_grams: 0,
        },
    })
}

pub fn stock(micros: i64, units: i64) -> Intent<'static> {
    Intent::StockAdjust(StockAdjust {
        request: request_id(micros, 2 << 60),
        sku: SKU,
        warehouse: WarehouseId(1),
        on_hand_delta: units,
        safety_delta: 0,
        unavailable_delta: 0,
        reason: AdjustReason::Received,
    })
}

pub const ONE_LINE: [AskedLine; 1] =
    [AskedLine { sku: SKU, warehouse: WarehouseId(1), quantity: Quantity::parse(1).unwrap() }];

pub fn create<'a>(user: u64, request: RequestId, client_bytes: &'a [u8]) -> Intent<'a> {
    Intent::Create(Create {
        user: UserId(user),
        request,
        hold: 0,
        coupons: domain::coupon::CouponIds::NONE,
        currency: EUR,
        total: MinorUnits(250),
        lines: Lines::parse(&ONE_LINE).unwrap(),
        client_bytes,
    })
}

pub fn cancel(user: u64, request: RequestId, order: OrderId) -> Intent<'static> {
    Intent::Cancel(Cancel { user: UserId(user), request, order, version: 0, why: 0 })
}

/// Every fact of a folder, as text, and what reading came to.
pub fn facts(disk: &impl ReadDisk) -> (Vec<String>, Reading) {
    let mut facts = Vec::new();
    let reading = reader::read(disk, u64::MAX, |record| {
        assert_eq!(record.position, facts.len() as u64 + 1, "positions have no gap");
        facts.push(format!("{:?} {:?} {:?}", record.begins_entry, record.stamp, record.fact));
    });
    (facts, reading)
}

/// Orders made, in the order of their facts, each with all that belongs to it.
pub fn orders(disk: &MemDisk) -> Vec<OrderId> {
    let mut created = Vec::new();
    let mut reserved = Vec::new();
    reader::read(disk, u64::MAX, |record| match *record.fact {
        Fact::OrderCreated(order) => created.push(order.order),
        Fact::StockReserved { order, .. } => reserved.push(order),
        Fact::SkuChanged(_)
        | Fact::FreightChanged(_)
        | Fact::SaleChanged { .. }
        | Fact::StockAdjusted(_)
        | Fact::HoldMade { .. }
        | Fact::HoldExtended { .. }
        | Fact::HoldEnded { .. }
        | Fact::StockTransferred { .. }
        | Fact::StockReturned { .. }
        | Fact::StockReduced { .. }
        | Fact::StockReleased { .. }
        | Fact::OrderConfirmed { .. }
        | Fact::StockException { .. }
        | Fact::OrderCancelled { .. }
        | Fact::RefundDone { .. }
        | Fact::CursorMoved { .. }
        | Fact::LetterParked { .. }
        | Fact::LetterEnded { .. }
        | Fact::SwitchChanged { .. }
        | Fact::LimitChanged(_)
        | Fact::PaymentOpened { .. }
        | Fact::PaymentFailed { .. }
        | Fact::PaymentSuccess { .. }
        | Fact::PaymentMismatched { .. }
        | Fact::PaymentRepeated { .. }
        | Fact::PaymentOverdrawn { .. }
        | Fact::RefundRequested { .. }
        | Fact::RefundFailed { .. }
        | Fact::RefundSettled { .. }
        | Fact::OrderShipped { .. }
        | Fact::AftersaleChanged(_)
        | Fact::ShipmentTracked { .. }
        | Fact::OrderDelivered { .. }
        | Fact::OrderCompleted { .. }
        | Fact::CouponDefined { .. }
        | Fact::CouponClaimed { .. }
        | Fact::CouponLocked { .. }
        | Fact::CouponReleased { .. }
        | Fact::CouponUsed { .. } => (),
    });
    assert_eq!(created, reserved, "nothing is half there");
    created
}

/// Runs a test with seeds: those given first, then fresh ones; `TIDEGATE_SEED` runs one alone.
pub fn with_seeds(kept: &[u64], fresh: usize, mut test: impl FnMut(u64)) {
    if let Ok(seed) = std::env::var("TIDEGATE_SEED") {
        let digits = seed.trim_start_matches("0x");
        return test(u64::from_str_radix(digits, 16).unwrap());
    }
    for seed in kept.iter().copied().chain(std::iter::repeat_with(|| fastrand::u64(..)).take(fresh)) {
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(seed)));
        if let Err(why) = run {
            eprintln!("again with TIDEGATE_SEED={seed:#x}");
            std::panic::resume_unwind(why);
        }
    }
}
