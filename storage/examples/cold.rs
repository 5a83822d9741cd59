//! Measures the cold store alone: `cargo run --release -p storage --example cold -- FOLDER [ORDERS]`. The folder is on
//! the disk that is to be measured; what is made in it is deleted again.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use domain::order::State;
use domain::verdict::OrderBrief;
use domain::{Currency, MicrosUtc, MinorUnits, UserId};
use storage::Ring;
use storage::embedded::Background;
use storage::embedded::cold::{
    Answer, Ask, BATCH_ORDERS_MAX, ColdDesk, ColdSettings, ColdStore, DiskCold, LATEST, Resting,
    RestingBatch, ThreadDesk, UserAsk, order_made_at,
};
use storage::embedded::journal::Identity;

const RECORD_BYTES: usize = 200;
const USERS: u64 = 100_000;
/// This one has many.
const BUYER: UserId = UserId(7);
const BUYER_ORDERS: u64 = 100_000;
const READS: usize = 200_000;
const PAGES: usize = 200;
const TURN: Duration = Duration::from_millis(10);
const ME: Identity = Identity::of_a_trial(0xC01D);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("name a folder on the disk that is to be measured")?;
    let orders: u64 = args.next().map_or(Ok(2_000_000), |orders| orders.parse())?;
    let data = tempfile::tempdir_in(folder)?;
    let mut store = DiskCold::open(data.path(), ME, ColdSettings::default(), Background::NICE)?;

    insert(&mut store, orders)?;
    let began = Instant::now();
    store.begin_sync();
    while store.synced().transpose()?.is_none() {
        sleep(Duration::from_micros(100));
    }
    println!("sync of what was left: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    let statistics = store.statistics();
    println!("on disk: {:.0} B an order", statistics.disk_bytes as f64 / orders as f64);
    println!("{}", memory()?);

    read(&store, orders)?;
    first_pages(&store)?;
    drop(store);
    opening(data.path())?;
    read_beside_puts(data.path(), orders)
}

fn insert(store: &mut DiskCold, orders: u64) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let (mut waited, mut longest) = (Duration::ZERO, Duration::ZERO);
    for first in (0..orders).step_by(BATCH_ORDERS_MAX) {
        let one = Instant::now();
        while !store.has_room() {
            sleep(Duration::from_micros(100));
        }
        waited += one.elapsed();
        let one = Instant::now();
        store.put(&batch(first, (first + BATCH_ORDERS_MAX as u64).min(orders), orders))?;
        longest = longest.max(one.elapsed());
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "inserts of {RECORD_BYTES} B: {:.0} a second; {:.0} ms of {:.0} waited for room; longest batch {:.1} ms",
        orders as f64 / seconds,
        waited.as_secs_f64() * 1e3,
        seconds * 1e3,
        longest.as_secs_f64() * 1e3
    );
    Ok(())
}

fn batch(first: u64, end: u64, orders: u64) -> RestingBatch {
    let mut batch = RestingBatch::new();
    batch.begin(end);
    for made in first..end {
        let user = user_of(made, orders);
        let mut record = [0; RECORD_BYTES];
        let mut noise = fastrand::Rng::with_seed(made);
        record[..RECORD_BYTES / 2].fill_with(|| noise.u8(..));
        let brief = OrderBrief {
            order: order_made_at(made + 1, user),
            user,
            state: State::Confirmed,
            version: 3,
            total: MinorUnits(1_000),
            currency: Currency(156),
            created_at: MicrosUtc(made as i64),
            pay_until: MicrosUtc(made as i64),
        };
        let due = (made % 10 == 0).then_some(MicrosUtc(made as i64));
        batch.push(Resting { brief, due, was_kept: false, record: &record });
    }
    batch
}

/// The buyer's orders lie all over the others'.
fn user_of(made: u64, orders: u64) -> UserId {
    if made.is_multiple_of((orders / BUYER_ORDERS.min(orders)).max(1)) {
        return BUYER;
    }
    UserId(1_000 + made.wrapping_mul(0x9E37_79B9_7F4A_7C15) % USERS)
}

fn read(store: &DiskCold, orders: u64) -> Result<(), Box<dyn Error>> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut record = Vec::new();
    let mut took = Vec::with_capacity(READS);
    for _ in 0..READS {
        let began = Instant::now();
        let found = store.read(random.u64(1..=orders), LATEST, &mut record)?;
        took.push(began.elapsed());
        assert!(found.is_some() && record.len() == RECORD_BYTES);
    }
    let sum: Duration = took.iter().sum();
    println!("random reads: {:.0} a second, {}", READS as f64 / sum.as_secs_f64(), percentiles(took));
    Ok(())
}

fn first_pages(store: &DiskCold) -> Result<(), Box<dyn Error>> {
    let mut took = Vec::with_capacity(PAGES);
    let mut page = Vec::new();
    let first = UserAsk { user: BUYER, before_made: LATEST, state: None, limit: 100, looks_max: 4_096 };
    let paid = UserAsk { state: Some(State::Paid), ..first };
    for _ in 0..PAGES {
        page.clear();
        let began = Instant::now();
        store.of_user(first, &mut page)?;
        took.push(began.elapsed());
        assert_eq!(page.len(), 100);
    }
    println!("first page of a user with {BUYER_ORDERS} orders: {}", percentiles(took));
    page.clear();
    let began = Instant::now();
    store.of_user(paid, &mut page)?;
    println!(
        "the same, of a state that none is in, 4096 looks: {:.0} µs",
        began.elapsed().as_secs_f64() * 1e6
    );
    Ok(())
}

fn opening(data: &Path) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    drop(DiskCold::open(data, ME, ColdSettings::default(), Background::NICE)?);
    println!("opening and closing: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

struct Nobody;

impl Ring for Nobody {
    fn ring(&self) {}
}

/// What a read takes through the desk while 50,000 orders a second come to rest and a sync is always under way.
fn read_beside_puts(data: &Path, orders: u64) -> Result<(), Box<dyn Error>> {
    let store = DiskCold::open(data, ME, ColdSettings::default(), Background::NICE)?;
    let mut desk = ThreadDesk::start(store, Arc::new(Nobody), Background::NICE)?;
    let mut random = fastrand::Rng::with_seed(2);
    let (mut took, mut syncs) = (Vec::new(), Vec::new());
    let mut sync_began = Instant::now();
    desk.ask(Ask::Sync { token: 0 }).map_err(|_| "there is room")?;
    for turn in 0..1_000 {
        let first = orders + turn * BATCH_ORDERS_MAX as u64;
        let put = Ask::Rest(batch(first, first + BATCH_ORDERS_MAX as u64, orders));
        desk.ask(put).map_err(|_| "there is room")?;
        let began = Instant::now();
        let read =
            Ask::Read { token: turn, made: random.u64(1..=orders), through: LATEST, record: Vec::new() };
        desk.ask(read).map_err(|_| "there is room")?;
        while took.len() as u64 <= turn || began.elapsed() < TURN {
            match desk.collect() {
                Some(Answer::Read { result, .. }) => {
                    result?;
                    took.push(began.elapsed());
                }
                Some(Answer::Synced { result, .. }) => {
                    result?;
                    syncs.push(sync_began.elapsed());
                    sync_began = Instant::now();
                    desk.ask(Ask::Sync { token: turn }).map_err(|_| "there is room")?;
                }
                Some(_) => (),
                None => sleep(Duration::from_micros(20)),
            }
        }
    }
    println!("a put of 512 and a read behind it, beside syncs: {}", percentiles(took));
    println!("{} syncs: {}", syncs.len(), percentiles(syncs));
    Ok(())
}

fn percentiles(mut took: Vec<Duration>) -> String {
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    format!("p50 {:.0} µs, p99 {:.0} µs, longest {:.0} µs", at(0.5), at(0.99), at(1.0))
}

fn memory() -> Result<String, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let lines = status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"));
    let io = std::fs::read_to_string("/proc/self/io")?;
    let written = io.lines().filter(|line| line.starts_with("write_bytes"));
    Ok(lines
        .chain(written)
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", "))
}
