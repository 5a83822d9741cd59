//! What deciding over rows costs: one-line CREATEs a second on one core, in batches of 64, a desk a batch.
//!
//! As a shard of a cluster decides: the catalogue comes as rows, each order's units are given, and its rows are written
//! as bytes. Everything is distinct that can be (users, request ids), and the per-user limit is on.
//! Run it with `cargo run --release -p domain --example desk_cost [batches]`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use domain::coupon::CouponIds;
use domain::desk::{Desk, DeskSize, Key, Need, Place, Row, Shared, Task};
use domain::intent::{AskedLine, Create, Envelope, Lines, Sale, Sku};
use domain::{
    Currency, Fact, Facts, Intent, Makings, MicrosUtc, MinorUnits, Quantity, RequestId, Rules, SaleId,
    SellerId, SkuId, Stamp, UserId, Verdict, WarehouseId,
};

const BEGIN: MicrosUtc = MicrosUtc(1_750_000_000_000_000);
const BATCH: usize = DeskSize::BATCH.intents;
/// Between two batches: 20,000 orders a second.
const BATCH_MICROS: i64 = 3_200;

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

/// Nanoseconds of each step of a batch.
#[derive(Clone, Copy, Default)]
struct Spent {
    clear: u128,
    lay: u128,
    decide: u128,
    write: u128,
}

fn main() {
    let batches = std::env::args().nth(1).map_or(2_000, |word| word.parse().expect("a number of batches"));
    println!("{batches} batches of {BATCH} one-line creates, a desk each; ns an order, of the median batch");
    for (name, skus) in [("1,000 skus", 1_000), ("one hot sku", 1)] {
        let mut spent = run(skus, batches);
        let all = |it: &Spent| it.clear + it.lay + it.decide + it.write;
        spent.sort_by_key(all);
        let median = spent[spent.len() / 2];
        let of_one = |ns: u128| ns as f64 / BATCH as f64;
        println!(
            "{name:>12}: clear {:>4.0}, lay {:>5.0}, decide {:>5.0}, write {:>5.0}: {:>6.0} orders/s",
            of_one(median.clear),
            of_one(median.lay),
            of_one(median.decide),
            of_one(median.write),
            1e9 / of_one(all(&median)),
        );
    }
}

fn run(skus: u64, batches: usize) -> Vec<Spent> {
    let catalogue = catalogue(skus);
    let mut random = fastrand::Rng::with_seed(1);
    let mut makings = Makings::of_node(5).expect("a node");
    let mut desk = Desk::new(DeskSize::BATCH, Rules::DEFAULT, 42, BEGIN);
    let mut bytes = Vec::new();
    let mut all = Vec::with_capacity(batches);
    for batch in 0..batches {
        let now = MicrosUtc(BEGIN.0 + batch as i64 * BATCH_MICROS);
        let quantity = Quantity::parse(1).expect("one is a quantity");
        let line = |_| AskedLine { sku: SkuId(random.u64(1..=skus)), warehouse: WarehouseId(1), quantity };
        let lines: Vec<_> = (0..BATCH).map(line).collect();
        let mut random = fastrand::Rng::with_seed(batch as u64);
        let intents: Vec<_> = lines.iter().map(|line| create(now, line, &mut random)).collect();
        let mut spent = Spent::default();
        let mut step = Instant::now();
        let mut lap = |into: &mut u128| {
            *into = step.elapsed().as_nanos();
            step = Instant::now();
        };
        desk.clear(now, 42);
        lap(&mut spent.clear);
        lay(&mut desk, &intents, &catalogue);
        lap(&mut spent.lay);
        for (intent, line) in intents.iter().zip(&lines) {
            let given = [Shared::Shelf(line.sku, line.warehouse), Shared::Cap(SaleId(1))];
            given.iter().for_each(|&it| desk.give(it, 1).expect("it is here"));
            let verdict = desk.decide(Envelope::default(), intent, &mut makings, &mut Dropped);
            assert!(matches!(verdict, Verdict::Order(_)), "{verdict:?}");
            given.iter().for_each(|&it| desk.give(it, 0).expect("it is here"));
        }
        lap(&mut spent.decide);
        let changes = desk.changes();
        bytes.clear();
        changes.rows.iter().flat_map(|(_, row)| row).for_each(|row| row.put(&mut bytes));
        black_box((&bytes, &changes.moved));
        lap(&mut spent.write);
        all.push(spent);
    }
    all
}

/// Until nothing is missing: rows of the catalogue, and nothing for users and requests, who are all new.
fn lay(desk: &mut Desk, intents: &[Intent<'_>], catalogue: &BTreeMap<Key, Row>) {
    loop {
        let needs = desk.needs(intents.iter().map(Task::Ask)).expect("the rows are whole");
        if needs.is_empty() {
            return;
        }
        for need in needs {
            match need {
                Need::Row(Key::Shared(_)) | Need::ShelvesOf(_) | Need::Switches | Need::PlacesOfSale(_) => (),
                Need::Row(key) => lay_row(desk, catalogue.get(&key)),
                Need::PlacesOfSku(sku) => lay_row(desk, catalogue.get(&Key::Place(sku, SaleId(1)))),
            }
        }
    }
}

fn lay_row(desk: &mut Desk, row: Option<&Row>) {
    if let Some(row) = row {
        desk.lay(row.clone()).expect("there is room");
    }
}

/// Skus that all are in one sale.
fn catalogue(skus: u64) -> BTreeMap<Key, Row> {
    let sale = Sale {
        id: SaleId(1),
        version: 1,
        closed_from: BEGIN,
        opens: BEGIN,
        closes: MicrosUtc(BEGIN.0 * 2),
        user_limit_units: 2,
        order_limit_units: 2,
        cap_units: 1_000_000_000,
        hold_seconds: 900,
    };
    let sku = |id| Sku {
        id: SkuId(id),
        version: 1,
        seller: SellerId(0),
        currency: Currency(978),
        unit_price: MinorUnits(1_000),
        hold_seconds: 900,
        open: true,
        weight_grams: 0,
    };
    let place = |id| Place { sku: SkuId(id), sale: sale.id, closed_from: BEGIN, unit_price: MinorUnits(900) };
    let of_sku = |id| [Row::Sku(sku(id)), Row::Place(place(id))];
    let rows = (1..=skus).flat_map(of_sku).chain([Row::Sale(sale)]);
    rows.map(|row| (row.key(), row)).collect()
}

fn create<'a>(now: MicrosUtc, line: &'a AskedLine, random: &mut fastrand::Rng) -> Intent<'a> {
    Intent::Create(Create {
        user: UserId(random.u64(1..)),
        request: RequestId(((now.0 / 1_000) as u128) << 80 | random.u128(..) >> 48),
        hold: 0,
        coupons: CouponIds::NONE,
        currency: Currency(978),
        total: MinorUnits(900),
        lines: Lines::parse(std::slice::from_ref(line)).expect("one line is a basket"),
        client_bytes: &[],
    })
}
