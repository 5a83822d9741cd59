//! Both cold stores do the same: the one on disk and the one of the simulator, in scripts and in random histories.

mod damage;
mod desks;
mod histories;
mod scripts;
mod views;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use domain::order::State;
use domain::verdict::OrderBrief;
use domain::{Currency, MicrosUtc, MinorUnits, UserId};
use tempfile::TempDir;

use super::{
    ColdError, ColdSettings, ColdStore, DiskCold, DueKey, LATEST, MemoryCold, MemoryFolder, Resting,
    RestingBatch, Standing, UserAsk, order_made_at,
};
use crate::embedded::Background;
use crate::embedded::journal::Identity;

const IDENTITY: Identity = Identity { store: 0x5107, salt: 0x5A17, ledger_seed: 7 };
/// So small that the trees are written and merged all the time.
const SMALL: ColdSettings = ColdSettings { cache_bytes: 1 << 20, write_buffer_bytes: 8 << 10 };
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a store lies, and whether it is a real one.
enum Place {
    Disk(TempDir),
    Memory(MemoryFolder),
}

/// An empty data folder, in memory where the system has a place for that: these tests are about bytes and their order,
/// and wait for thousands of syncs.
fn data_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl Place {
    fn both() -> [Place; 2] {
        [Place::Disk(data_folder()), Place::Memory(MemoryFolder::new())]
    }

    fn open(&self) -> Box<dyn ColdStore> {
        match self {
            Place::Disk(data) => {
                Box::new(DiskCold::open(data.path(), IDENTITY, SMALL, Background::NICE).unwrap())
            }
            Place::Memory(folder) => Box::new(MemoryCold::open(folder)),
        }
    }
}

/// An order of user 1 to 3 as it stands at its `version`, due if that says so.
fn brief(made: u64, version: u32) -> OrderBrief {
    let user = UserId(1 + made % 3);
    OrderBrief {
        order: order_made_at(made, user),
        user,
        state: State::ALL[version as usize % State::ALL.len()],
        version,
        total: MinorUnits(1_000 + made as i64),
        currency: Currency(156),
        created_at: MicrosUtc(made as i64),
        pay_until: MicrosUtc(made as i64 + 900),
    }
}

fn record(made: u64, version: u32) -> Vec<u8> {
    let length = 1 + (made * 31 + u64::from(version) * 17) % 300;
    format!("{made} in version {version} ").bytes().cycle().take(length as usize).collect()
}

/// A batch of `(made, version, due, was_kept)`.
fn batch(through: u64, orders: &[(u64, u32, Option<i64>, bool)]) -> RestingBatch {
    let mut batch = RestingBatch::new();
    batch.begin(through);
    for &(made, version, due, was_kept) in orders {
        let record = record(made, version);
        let due = due.map(MicrosUtc);
        batch.push(Resting { brief: brief(made, version), due, was_kept, record: &record });
    }
    batch
}

fn sync(store: &mut dyn ColdStore) -> Result<Standing, ColdError> {
    store.begin_sync();
    let began = Instant::now();
    loop {
        if let Some(result) = store.synced() {
            return result;
        }
        assert!(began.elapsed() < PATIENCE, "the sync does not end");
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn put(store: &mut dyn ColdStore, batch: &RestingBatch) {
    let began = Instant::now();
    while !store.has_room() {
        assert!(began.elapsed() < PATIENCE, "there is no room any more");
        std::thread::sleep(Duration::from_micros(100));
    }
    store.put(batch).unwrap();
}

/// The version of an order that is read, its record checked.
fn version_at(store: &dyn ColdStore, made: u64, through: u64) -> Option<u32> {
    let mut bytes = vec![0xEE];
    store.read(made, through, &mut bytes).unwrap()?;
    let found = (0..1_000).find(|&version| record(made, version) == bytes);
    Some(found.expect("the record is of that order"))
}

/// Which orders of a user are listed, and the cursor.
fn listed(
    store: &dyn ColdStore,
    user: u64,
    before_made: u64,
    limit: usize,
    looks_max: usize,
) -> (Vec<u64>, u64) {
    let mut page = Vec::new();
    let ask = UserAsk { user: UserId(user), before_made, state: None, limit, looks_max };
    let last = store.of_user(ask, &mut page).unwrap();
    (page.iter().map(|brief| brief.created_at.0 as u64).collect(), last)
}

fn due_by(store: &dyn ColdStore, after: Option<DueKey>, until: i64, limit: usize) -> Vec<(i64, u64)> {
    let mut found = Vec::new();
    store.due(after, MicrosUtc(until), limit, &mut found).unwrap();
    found.iter().map(|&(due, made)| (due.0, made)).collect()
}

/// All orders, newest first, and the cursor.
fn scanned(store: &dyn ColdStore, before_made: u64, looks_max: usize) -> (Vec<u64>, u64) {
    let mut found = Vec::new();
    let last = store.newest(before_made, looks_max, &mut |made, _| {
        found.push(made);
        ControlFlow::Continue(())
    });
    (found, last.unwrap())
}
