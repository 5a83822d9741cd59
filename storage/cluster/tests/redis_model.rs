//! Random calls on one shelf, answered by real scripts and by a plain shelf of a hundred lines beside them: the same
//! answers, the same units, the same records, after every call. Again with `TIDEGATE_SEED`.

mod shop;

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use shop::{CATALOGUE, SHELF, Shop, ask_for, epoch, own, terms};
use storage_cluster::redis::{
    Ask, Batch, CALL_MAX, Finished, GivenBack, Judged, Judgement, Opened, Opening, Own, Reserved, Returned,
    Terms, Verdict,
};
use storage_cluster::shelf::{Attempt, CatalogueVersion, Epoch, HoldId, Holder, ShardNo};

/// Calls of one run.
const CALLS: usize = 3_000;

/// Seeds of bugs that this test has found stay here, each with a word on what it was.
const KEPT: &[u64] = &[0x51];

#[derive(Clone, Copy, Debug, PartialEq)]
struct Record {
    attempt: Attempt,
    shared: bool,
    hold: HoldId,
    units: u32,
    body: u64,
}

#[derive(Debug, Default)]
struct Plain {
    epoch: Option<Epoch>,
    another_incarnation: bool,
    units: i64,
    catalogue: CatalogueVersion,
    records: BTreeMap<Holder, Record>,
    returned: BTreeMap<ShardNo, u64>,
}

impl Plain {
    fn reserve(&mut self, terms: &Terms, ask: &Ask) -> Reserved {
        match self.epoch {
            None => return Reserved::Closed,
            Some(_) if self.another_incarnation => return Reserved::Closed,
            Some(open) if open != terms.epoch => return Reserved::Stale { open },
            Some(_) => (),
        }
        if let Some(record) = self.records.get_mut(&ask.holder) {
            if record.body != ask.body {
                return Reserved::Reused;
            }
            if ask.attempt < record.attempt {
                return Reserved::LowerAttempt { attempt: record.attempt };
            }
            if record.hold != ask.hold {
                (record.attempt, record.shared) = (ask.attempt, true);
            }
            return Reserved::Seen { hold: record.hold };
        }
        if terms.catalogue != self.catalogue {
            return Reserved::StaleCatalogue { version: self.catalogue };
        }
        let units = ask.units.get();
        if self.units < i64::from(units) {
            return Reserved::SoldOut { left: u64::try_from(self.units).unwrap_or(0) };
        }
        self.units -= i64::from(units);
        let Ask { holder, attempt, hold, body, .. } = *ask;
        self.records.insert(holder, Record { attempt, shared: false, hold, units, body });
        Reserved::Taken
    }

    fn record(&self, of: Epoch, own: &Own) -> Option<Record> {
        let record = self.records.get(&own.holder).filter(|record| record.hold == own.hold);
        record.filter(|_| self.epoch == Some(of)).copied()
    }

    fn end(&mut self, own: &Own, units: u32) {
        self.records.remove(&own.holder);
        self.units += i64::from(units);
    }

    fn finish(&mut self, of: Epoch, own: &Own) -> Finished {
        match self.record(of, own) {
            None => Finished::Gone,
            Some(_) => {
                self.end(own, 0);
                Finished::Ended
            }
        }
    }

    fn give_back(&mut self, of: Epoch, own: &Own) -> GivenBack {
        match self.record(of, own) {
            None => GivenBack::Gone,
            Some(record) if record.shared => GivenBack::Shared,
            Some(record) => {
                self.end(own, record.units);
                GivenBack::Ended
            }
        }
    }

    fn judge(&mut self, of: Epoch, judgement: &Judgement) -> Judged {
        let Judgement { own, verdict } = judgement;
        let Some(record) = self.record(of, own) else { return Judged::Gone };
        match *verdict {
            Verdict::Dead(n) if n < record.attempt => Judged::Later { attempt: record.attempt },
            Verdict::Order(bought) if bought == record.hold => {
                self.end(own, 0);
                Judged::Sold
            }
            Verdict::Dead(_) | Verdict::Refused | Verdict::Order(_) => {
                self.end(own, record.units);
                Judged::Freed
            }
        }
    }

    fn return_batch(&mut self, batch: Batch) -> Returned {
        match self.epoch {
            None => return Returned::NotYet,
            Some(open) if open > batch.epoch => return Returned::Void { open },
            Some(open) if open < batch.epoch || self.another_incarnation => return Returned::NotYet,
            Some(_) => (),
        }
        let last = self.returned.entry(batch.shard).or_default();
        if batch.number > *last + 1 {
            return Returned::Gap { last: *last };
        }
        if batch.number == *last + 1 {
            *last = batch.number;
            self.units += i64::try_from(batch.units).expect("a few");
        }
        Returned::Added
    }

    fn init(&mut self, opening: Opening) -> Opened {
        match self.epoch {
            Some(open) if open >= opening.epoch => Opened::Passed { open },
            Some(_) | None => {
                let Opening { epoch, units, catalogue } = opening;
                *self = Plain { epoch: Some(epoch), units, catalogue, ..Plain::default() };
                Opened::Now
            }
        }
    }
}

#[tokio::test]
async fn the_scripts_answer_as_a_plain_shelf_does() {
    let seed = std::env::var("TIDEGATE_SEED").ok().map(|text| {
        u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("TIDEGATE_SEED is a number in hex")
    });
    let seeds = seed.map_or_else(|| [KEPT, &[fastrand::u64(..)]].concat(), |seed| vec![seed]);
    for seed in seeds {
        eprintln!("again with TIDEGATE_SEED={seed:#x}");
        run(seed).await;
    }
}

async fn run(seed: u64) {
    let shop = Shop::closed().await;
    let (mut plain, mut rng, mut asked) = (Plain::default(), Rng::with_seed(seed), Asked::default());
    for call in 0..CALLS {
        let at = format!("call {call}; again with TIDEGATE_SEED={seed:#x}");
        one_call(&shop, &mut plain, &mut rng, &mut asked, &at).await;
        let look = shop.look().await;
        let units = look.shelf.as_ref().map(|shelf| (shelf.epoch, shelf.units, shelf.catalogue));
        assert_eq!(units, plain.epoch.map(|epoch| (epoch, plain.units, plain.catalogue)), "{at}");
        assert_eq!(look.held, plain.records.len() as u64, "{at}");
        assert_eq!(look.open(), plain.epoch.filter(|_| !plain.another_incarnation), "{at}");
    }
    let page = shop.client.held_older_than(SHELF, Duration::ZERO, 0).await.expect("an answer");
    for record in page.records {
        let Record { attempt, shared, hold, units, body } = plain.records[&record.own.holder];
        let held = (record.attempt, record.shared, record.own.hold, record.units, record.body);
        assert_eq!(held, (attempt, shared, hold, units, body), "seed {seed:#x}");
    }
}

/// What a run has asked so far: the last hold ids, so that calls about records hit some.
#[derive(Default)]
struct Asked {
    holds: u128,
}

async fn one_call(shop: &Shop, plain: &mut Plain, rng: &mut Rng, asked: &mut Asked, at: &str) {
    // Mostly the shelf's epoch, sometimes one beside it.
    let open = plain.epoch.map_or(0, Epoch::get);
    let of =
        epoch(if rng.u8(..) < 20 { (open + rng.u64(0..3)).saturating_sub(1).max(1) } else { open.max(1) });
    match rng.u8(0..100) {
        0..40 => {
            let terms = some_terms(rng, of);
            let asks: Vec<Ask> = (0..some_count(rng)).map(|_| some_ask(rng, asked)).collect();
            let said = shop.client.reserve(SHELF, &terms, &asks).await.expect("an answer");
            let expected: Vec<Reserved> = asks.iter().map(|ask| plain.reserve(&terms, ask)).collect();
            assert_eq!(said, expected, "{asks:?} under {terms:?}, {at}");
        }
        40..55 => {
            let owns = some_owns(rng, plain);
            let said = shop.client.finish(SHELF, of, &owns).await.expect("an answer");
            assert_eq!(said, owns.iter().map(|own| plain.finish(of, own)).collect::<Vec<_>>(), "{at}");
        }
        55..65 => {
            let owns = some_owns(rng, plain);
            let said = shop.client.give_back(SHELF, of, &owns).await.expect("an answer");
            assert_eq!(said, owns.iter().map(|own| plain.give_back(of, own)).collect::<Vec<_>>(), "{at}");
        }
        65..80 => {
            let judgements: Vec<Judgement> = some_owns(rng, plain)
                .into_iter()
                .map(|own| {
                    let verdict = match rng.u8(0..8) {
                        0..4 => Verdict::Dead(Attempt(rng.u32(1..5))),
                        4 => Verdict::Refused,
                        5 | 6 => Verdict::Order(own.hold),
                        _ => Verdict::Order(HoldId(own.hold.0 + 1)),
                    };
                    Judgement { own, verdict }
                })
                .collect();
            let said = shop.client.judge(SHELF, of, &judgements).await.expect("an answer");
            assert_eq!(said, judgements.iter().map(|one| plain.judge(of, one)).collect::<Vec<_>>(), "{at}");
        }
        80..92 => {
            let shard = ShardNo(rng.u16(0..3));
            let last = plain.returned.get(&shard).copied().unwrap_or(0);
            let batch =
                Batch { epoch: of, shard, number: (last + rng.u64(0..3)).max(1), units: rng.u64(1..20) };
            let said = shop.client.return_batch(SHELF, batch).await.expect("an answer");
            assert_eq!(said, plain.return_batch(batch), "{batch:?}, {at}");
        }
        92..97 => {
            let catalogue = CatalogueVersion(CATALOGUE.0 + rng.u64(0..2));
            let opening = Opening { epoch: of, units: rng.i64(-3..60), catalogue };
            let said = shop.client.init(SHELF, opening).await.expect("an answer");
            assert_eq!(said, plain.init(opening), "{opening:?}, {at}");
        }
        97 => {
            let opening = Opening { epoch: epoch(open + 1), units: rng.i64(0..60), catalogue: CATALOGUE };
            let said = shop.client.init(SHELF, opening).await.expect("an answer");
            assert_eq!(said, plain.init(opening), "{opening:?}, {at}");
        }
        98 if plain.epoch.is_some() => {
            shop.become_another_incarnation();
            plain.another_incarnation = true;
        }
        _ => {
            shop.server.flush_all();
            *plain = Plain::default();
        }
    }
}

fn some_terms(rng: &mut Rng, of: Epoch) -> Terms {
    let other = u64::from(rng.u8(..) < 20);
    Terms { catalogue: CatalogueVersion(CATALOGUE.0 + other), ..terms(of.get()) }
}

/// Mostly few, sometimes as many as a call takes.
fn some_count(rng: &mut Rng) -> usize {
    if rng.u8(..) < 10 { CALL_MAX } else { rng.usize(1..6) }
}

/// Few users, so that they meet their own records.
fn some_ask(rng: &mut Rng, asked: &mut Asked) -> Ask {
    // Now and then a copy of the last one.
    asked.holds += u128::from(rng.u8(..) > 20);
    let one = ask_for(rng.u64(1..30), asked.holds, rng.u32(1..5));
    Ask { attempt: Attempt(rng.u32(1..5)), body: u64::from(rng.u8(..) < 10), ..one }
}

/// Some that are held, some that are not.
fn some_owns(rng: &mut Rng, plain: &Plain) -> Vec<Own> {
    let held: Vec<Own> =
        plain.records.iter().map(|(holder, record)| Own { holder: *holder, hold: record.hold }).collect();
    let mut some = |_| match rng.choice(&held) {
        Some(one) if rng.u8(..) > 40 => *one,
        Some(_) | None => own(rng.u64(1..30), rng.u128(0..50)),
    };
    (0..3).map(&mut some).collect()
}
