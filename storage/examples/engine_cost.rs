//! What an order costs the engine: no network, no handler, real files and the write on the same thread.
//!
//! `cargo run --release -p storage --example engine_cost -- [orders] [skus]` prints nanoseconds a create, durable
//! and then sold out, and what the journal did. A `null` disk that completes at once shows the engine alone.
#![allow(clippy::unwrap_used)] // A measurement: what fails, fails loudly.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use domain::intent::{AdjustReason, AskedLine, Create, Envelope, Lines, Sku, SkuPut, StockAdjust};
use domain::{Currency, Intent, MinorUnits, Quantity, RequestId, SellerId, SkuId, UserId, WarehouseId};
use storage::embedded::disk::{FileDone, HotDisk};
use storage::embedded::{BlockingFiles, ClockReading, Config, FileDisk, FusedStore, open};
use storage::{Ring, Share, Store, Submitted, Ticket};

/// Requests submitted a turn, as 64 connections with 16 in flight bring them at most.
const A_TURN: u64 = 1_024;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().unwrap());
    let orders = arguments.next().unwrap_or(1_000_000);
    let skus = arguments.next().unwrap_or(1_000);
    run::<NullDisk>("null disk", orders, skus);
    run::<BlockingFiles>("blocking files", orders, skus);
}

/// Nobody sleeps here who had to be woken.
struct Nobody;

impl Ring for Nobody {
    fn ring(&self) {}
}

fn run<H: HotDisk<File = File> + Default>(name: &str, orders: u64, skus: u64) {
    let dir = tempfile::tempdir_in(".").unwrap();
    let disk = Arc::new(FileDisk::at(dir.path()));
    let config = Config { segments_ahead: 6, ..Config::default() };
    let opened = open(disk, config, ClockReading::now(), &mut |_| ()).unwrap();
    let path = opened.report.path;
    let mut store: FusedStore<H> = opened.fused(Arc::new(Nobody)).unwrap();
    let mut hot = H::default();
    let stocked = (1..=skus).flat_map(|sku| [sku_put(sku), stock(sku, orders.div_ceil(skus) as i64)]);
    submit(&mut store, stocked, &mut hot);

    let made = timed(&mut store, &mut hot, 1..orders + 1, skus);
    let stats = store.stats();
    let sold_out = timed(&mut store, &mut hot, orders + 1..2 * orders + 1, skus);
    println!(
        "{name} ({}), {skus} skus: {made} ns a durable create, {sold_out} ns a sold-out answer",
        path.name()
    );
    println!(
        "  {} created of {orders}, {} groups, {} bytes of journal an order, write p50 {} us, p99 {} us",
        stats.created,
        stats.groups,
        stats.bytes / stats.created.max(1),
        stats.write_us_p50,
        stats.write_us_p99
    );
}

/// Nanoseconds an answer.
fn timed<H: HotDisk>(store: &mut FusedStore<H>, hot: &mut H, users: Range<u64>, skus: u64) -> u128 {
    let asked = u128::from(users.end - users.start);
    let now_ms = ClockReading::now().wall.0 as u128 / 1_000;
    let lines: Vec<_> = (1..=skus)
        .map(|sku| {
            [AskedLine { sku: SkuId(sku), warehouse: WarehouseId(1), quantity: Quantity::parse(1).unwrap() }]
        })
        .collect();
    let started = Instant::now();
    let intents = users.map(|user| {
        Intent::Create(Create {
            user: UserId(user),
            request: RequestId(now_ms << 80 | u128::from(user)),
            hold: 0,
            coupons: domain::coupon::CouponIds::NONE,
            currency: Currency(978),
            total: MinorUnits(250),
            lines: Lines::parse(&lines[(user % skus) as usize]).unwrap(),
            client_bytes: &[],
        })
    });
    submit(store, intents, hot);
    started.elapsed().as_nanos() / asked
}

/// Submits all intents, a turn's worth at a time, and waits for every answer.
fn submit<'a, H: HotDisk>(
    store: &mut FusedStore<H>,
    mut intents: impl Iterator<Item = Intent<'a>>,
    hot: &mut H,
) {
    let mut waiting = 0;
    let mut more = true;
    while more || waiting > 0 {
        let mut batch = if waiting < A_TURN { store.lend(Share::Any) } else { None };
        while let Some(mut lent) = batch.take() {
            let mut full = false;
            while waiting < A_TURN && !full {
                let Some(intent) = intents.next() else {
                    more = false;
                    break;
                };
                let (ticket, envelope) = (Ticket(0), Envelope::default());
                lent.push(&Submitted { ticket, envelope, deadline: None, intent }).unwrap();
                waiting += 1;
                full = lent.len() == Config::default().batch_intents;
            }
            store.submit(lent);
            batch = if full && more { store.lend(Share::Any) } else { None };
        }
        store.turn(ClockReading::now(), hot).unwrap();
        while let Some(answers) = store.poll() {
            waiting -= answers.len() as u64;
            store.give_back(answers);
        }
    }
}

fn request(n: u64) -> RequestId {
    RequestId((ClockReading::now().wall.0 as u128 / 1_000) << 80 | u128::from(n))
}

fn sku_put(sku: u64) -> Intent<'static> {
    Intent::SkuPut(SkuPut {
        request: request(1 << 60 | sku),
        replaces: 0,
        sku: Sku {
            id: SkuId(sku),
            version: 0,
            seller: SellerId(0),
            currency: Currency(978),
            unit_price: MinorUnits(250),
            hold_seconds: 900,
            open: true,
            weight_grams: 0,
        },
    })
}

fn stock(sku: u64, units: i64) -> Intent<'static> {
    Intent::StockAdjust(StockAdjust {
        request: request(2 << 60 | sku),
        sku: SkuId(sku),
        warehouse: WarehouseId(1),
        on_hand_delta: units,
        safety_delta: 0,
        unavailable_delta: 0,
        reason: AdjustReason::Received,
    })
}

/// Keeps nothing: what is written counts as durable at once.
#[derive(Debug, Default)]
struct NullDisk {
    done: VecDeque<FileDone>,
    adopted: Vec<File>,
}

impl HotDisk for NullDisk {
    type File = File;
    type Slot = usize;

    fn adopt(&mut self, file: File) -> usize {
        self.adopted.push(file);
        self.adopted.len() - 1
    }

    fn release(&mut self, _: usize) {}

    fn write(&mut self, _: usize, _: u64, buffer: Vec<u8>, _: Range<usize>, token: u64) {
        self.done.push_back(FileDone { token, result: Ok(()), buffer: Some(buffer) });
    }

    fn sync_data(&mut self, _: usize, token: u64) {
        self.done.push_back(FileDone { token, result: Ok(()), buffer: None });
    }

    fn completed(&mut self) -> Option<FileDone> {
        self.done.pop_front()
    }
}
