//! A store that keeps rows on paper, in an ordered map, and decides each intent on a desk that is cleared behind it.
//!
//! It hears what the ledger is asked, and must answer alike, make the same facts, and end with the same sums. What
//! changes something in a user's shard is decided twice: with all rows, and as a cluster decides it, with exactly those
//! units that were asked for before.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use domain::coupon::CouponCounts;
use domain::desk::{Answered, Changes, Desk, DeskSize, Key, Need, Row, Shared, Task};
use domain::fact::{Fact, Facts, Stamp};
use domain::intent::Envelope;
use domain::request::Rules;
use domain::shelf::Shelf;
use domain::verdict::{
    CouponSummary, Holdings, SaleSummary, digest_coupon_user, digest_freight, digest_limit, digest_order,
    digest_switch, digest_user_count,
};
use domain::{
    Intent, Makings, MicrosUtc, OrderId, RestingOrder, SaleId, SkuId, UserId, Verdict, WarehouseId,
};

use super::{History, seed_to_run_again};

/// Histories with a new seed in each run: a desk an intent takes its time.
const NEW_ON_PAPER: usize = 300;
/// Intents that were decided on paper with what was given, over all histories.
static GIVEN: AtomicU64 = AtomicU64::new(0);

/// A store that keeps rows and decides on desks, each cleared behind its intent, says the same as the ledger, makes the
/// same facts, and ends with the same sums.
#[test]
fn rows_on_desks_answer_every_history_alike() {
    if let Some(seed) = seed_to_run_again() {
        History::run(seed, true);
        return;
    }
    for _ in 0..NEW_ON_PAPER {
        let seed = fastrand::u64(..);
        println!("TIDEGATE_SEED={seed:#x}");
        History::run(seed, true);
    }
    let given = GIVEN.load(Relaxed);
    assert!(given > 10 * NEW_ON_PAPER as u64, "only {given} were decided as a cluster does");
}

/// All rows of a shop, by key, as bytes.
pub struct Paper {
    rows: BTreeMap<Key, Vec<u8>>,
    desk: Desk,
    makings: Makings,
    /// Decided as a cluster decides.
    pub given: u64,
}

/// Entries in words, to compare them.
#[derive(Debug, Default)]
pub struct Told {
    pub entries: Vec<String>,
}

impl Facts for Told {
    fn begin(&mut self, stamp: &Stamp) {
        self.entries.push(format!("{stamp:?}"));
    }

    fn fact(&mut self, fact: &Fact<'_>) {
        let entry = self.entries.last_mut().expect("an entry was begun");
        *entry += &format!("\n  {fact:?}");
    }

    fn end(&mut self) {}
}

impl Paper {
    pub fn new(now: MicrosUtc, seed: u64) -> Paper {
        let desk = Desk::new(DeskSize::ONE, Rules::DEFAULT, seed, now);
        Paper { rows: BTreeMap::new(), desk, makings: Makings::of_all(), given: 0 }
    }

    /// What rows on a desk answer, and the facts; nothing where it is read off tables.
    pub fn ask(
        &mut self,
        now: MicrosUtc,
        envelope: Envelope,
        intent: &Intent<'_>,
    ) -> Option<(Verdict, Told)> {
        if Answered::of(intent) == Answered::FromTables {
            return None;
        }
        let mut told = Told::default();
        let makings = self.makings.clone();
        self.desk.clear(now, 1);
        self.lay(Task::Ask(intent), |_, _| false);
        let verdict = self.desk.decide(envelope, intent, &mut self.makings, &mut told);
        let (wanted, changes) = (self.desk.wanted(), self.desk.changes());
        assert_eq!(told.entries.is_empty(), changes == Changes::default(), "{intent:?}: {changes:?}");
        if Answered::of(intent) == Answered::ByAShard && !told.entries.is_empty() {
            let given = self.ask_shard((now, envelope, makings), intent, (wanted, &changes));
            assert_eq!(given, (verdict.clone(), told.entries.clone()), "given what it wants: {intent:?}");
        }
        self.write(changes);
        Some((verdict, told))
    }

    /// The same on a desk that knows no count over all users, and is given what the first one took.
    fn ask_shard(
        &mut self,
        (now, envelope, mut makings): (MicrosUtc, Envelope, Makings),
        intent: &Intent<'_>,
        (given, wanted): (BTreeMap<Shared, u64>, &Changes),
    ) -> (Verdict, Vec<String>) {
        self.given += 1;
        self.desk.clear(now, 2);
        // PREPARE looks at caps and quotas, and takes nothing of them. Which orders have lost what they held, the
        // shelf's home says.
        let only_shelves = matches!(intent, Intent::Prepare(_));
        let is_given = |it: &Shared, row: Option<&Row>| match it {
            Shared::Shelf(..) => !row.is_some_and(is_short),
            Shared::Cap(_) | Shared::Quota(_) => !only_shelves,
        };
        self.lay(Task::Ask(intent), is_given);
        for (shared, units) in given {
            if is_given(&shared, self.row(Key::Shared(shared)).as_ref()) {
                self.desk.give(shared, units).expect("it is here");
            }
        }
        let mut told = Told::default();
        let verdict = self.desk.decide(envelope, intent, &mut makings, &mut told);
        assert_eq!(self.desk.changes(), *wanted, "given what it wants: {intent:?}");
        (verdict, told.entries)
    }

    /// The time of this order or hold is over; says what was done about it.
    pub fn end(&mut self, now: MicrosUtc, task: Task<'_>) -> Told {
        let mut told = Told::default();
        self.desk.clear(now, 3);
        self.lay(task, |_, _| false);
        assert_eq!(self.desk.expire(&mut told), 1, "{task:?} is over");
        let changes = self.desk.changes();
        self.write(changes);
        told
    }

    /// Lays all that the task needs, but for what is given: of that there is nothing.
    fn lay(&mut self, task: Task<'_>, is_given: impl Fn(&Shared, Option<&Row>) -> bool) {
        loop {
            let needs = self.desk.needs([task]).expect("the rows are whole");
            if needs.is_empty() {
                return;
            }
            let mut shared = Vec::new();
            for need in needs {
                match need {
                    Need::Row(key @ Key::Shared(it)) if is_given(&it, self.row(key).as_ref()) => {
                        shared.push(it)
                    }
                    Need::Row(key) => self.lay_rows(key..=key),
                    Need::PlacesOfSku(sku) => {
                        self.lay_rows(Key::Place(sku, SaleId(0))..=Key::Place(sku, SaleId(u32::MAX)));
                    }
                    Need::PlacesOfSale(sale) => self.lay_places(sale),
                    // Who was given units of a shelf lays no other.
                    Need::ShelvesOf(sku) if is_given(&Shared::Shelf(sku, WarehouseId(0)), None) => (),
                    Need::ShelvesOf(sku) => self.lay_rows(shelf(sku, 0)..=shelf(sku, u32::MAX)),
                    Need::Switches => {
                        self.lay_rows(Key::Switch(domain::switch::Scope::All)..=Key::SwitchVersion);
                    }
                }
            }
            for shared in shared {
                // What it is of is asked for beside it, and may be nowhere.
                let _ = self.desk.give(shared, 0);
            }
        }
    }

    fn row(&self, key: Key) -> Option<Row> {
        self.rows.get(&key).map(|bytes| Row::parse(bytes).expect("it was written"))
    }

    fn lay_rows(&mut self, keys: RangeInclusive<Key>) {
        for bytes in self.rows.range(keys).map(|(_, bytes)| bytes) {
            self.desk.lay(Row::parse(bytes).expect("it was written")).expect("there is room");
        }
    }

    fn lay_places(&mut self, sale: SaleId) {
        let places = self.rows.iter().filter(|(key, _)| matches!(key, Key::Place(_, its) if *its == sale));
        for (_, bytes) in places {
            self.desk.lay(Row::parse(bytes).expect("it was written")).expect("there is room");
        }
    }

    fn write(&mut self, changes: Changes) {
        let Changes { rows, moved } = changes;
        for (key, row) in rows {
            match row {
                Some(row) => self.put(key, &row),
                None => drop(self.rows.remove(&key)),
            }
        }
        for moved in moved {
            let key = Key::Shared(moved.of());
            let after = moved.applied(self.row(key)).unwrap_or_else(|| panic!("below 0: {moved:?}"));
            self.put(key, &after);
        }
    }

    fn put(&mut self, key: Key, row: &Row) {
        assert_eq!(row.key(), key);
        let mut bytes = Vec::new();
        row.put(&mut bytes);
        assert_eq!(Row::parse(&bytes).as_ref(), Ok(row), "what was written is read");
        self.rows.insert(key, bytes);
    }

    /// The sums over all rows are those of the ledger.
    pub fn compare(&self, held: &Holdings) {
        let mut sums = Holdings { at: held.at, ..empty() };
        let (mut shelves, mut caps, mut coupons) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (mut sales, mut quotas) = (BTreeMap::new(), BTreeMap::new());
        for bytes in self.rows.values() {
            let add = |sum: &mut u64, digest: u64| *sum = sum.wrapping_add(digest);
            match Row::parse(bytes).expect("it was written") {
                Row::Shelf(sku, warehouse, shelf) => drop(shelves.insert((sku, warehouse), shelf)),
                Row::Sale(sale) => drop(sales.insert(sale.id, sale)),
                Row::Cap(sale, units) => drop(caps.insert(sale, units)),
                Row::Coupon(coupon, _) => drop(coupons.insert(coupon.id, coupon)),
                Row::Quota(coupon, counts) => drop(quotas.insert(coupon, counts)),
                Row::Order(_, record) => {
                    let brief = RestingOrder::read(&record).expect("it is a record").brief;
                    let state = usize::from(brief.state.number()) - 1;
                    sums.orders[state] += 1;
                    sums.totals[state] = sums.totals[state].wrapping_add(brief.total.0);
                    let digest =
                        digest_order(brief.order, brief.user, brief.state, brief.version, brief.total);
                    add(&mut sums.orders_digest, digest);
                }
                Row::Count(sale, user, units) => {
                    sums.user_counts += 1;
                    add(&mut sums.user_counts_digest, digest_user_count(sale, user, units.into()));
                }
                Row::CouponUser(coupon, user, counts) => {
                    sums.coupon_users += 1;
                    add(&mut sums.coupon_users_digest, digest_coupon_user(coupon, user, &counts));
                }
                Row::Limit(limit) if limit.counts(held.at) => {
                    sums.limits += 1;
                    add(&mut sums.limits_digest, digest_limit(&limit));
                }
                Row::Switch(switch) => {
                    sums.switches += 1;
                    add(&mut sums.switches_digest, digest_switch(&switch));
                }
                Row::Freight(rule) => {
                    sums.freight_rules += 1;
                    add(&mut sums.freight_digest, digest_freight(&rule));
                }
                Row::Request(key, _) => {
                    let earliest = held.at.0 - Rules::DEFAULT.request_window.0;
                    sums.requests += u64::from(key.id.time().0 >= earliest);
                }
                Row::Limit(_)
                | Row::Sku(_)
                | Row::Place(_)
                | Row::SwitchVersion(_)
                | Row::Hold(_)
                | Row::FailedRefunds(..)
                | Row::Making(..)
                | Row::Letter(..)
                | Row::Letters(_) => (),
            }
        }
        sums.sales = (sales.into_values())
            .map(|sale| SaleSummary { sale, taken_units: caps.get(&sale.id).copied().unwrap_or(0) })
            .collect();
        sums.coupons = (coupons.into_values())
            .map(|coupon| CouponSummary {
                coupon,
                counts: quotas.get(&coupon.id).copied().unwrap_or(CouponCounts::default()),
            })
            .collect();
        let numbers = |(&(sku, warehouse), shelf): (&(SkuId, WarehouseId), &Shelf)| {
            let Shelf { on_hand, held, safety, unavailable, sold, returned: _ } = *shelf;
            (sku, warehouse, [on_hand, held, safety, unavailable, sold, shelf.sellable()])
        };
        let shelves: Vec<_> = shelves.iter().map(numbers).collect();
        let held_shelves: Vec<_> = (held.shelves.iter())
            .map(|it| {
                let numbers = [it.on_hand, it.held, it.safety, it.unavailable, it.sold, it.sellable];
                (it.sku, it.warehouse, numbers)
            })
            .collect();
        assert_eq!(shelves, held_shelves);
        // What only orders know is compared where each is read.
        let of_orders = Holdings { shelves: held.shelves.clone(), ..sums };
        let wanted = Holdings {
            payments: of_orders.payments,
            arrived: 0,
            refunded: 0,
            payments_digest: 0,
            shipments: 0,
            shipments_digest: 0,
            cases: 0,
            cases_digest: 0,
            ..held.clone()
        };
        assert_eq!(of_orders, wanted);
    }

    /// Every order that there is.
    pub fn orders(&self) -> Vec<OrderId> {
        let order = |key: &Key| if let Key::Order(order) = key { Some(*order) } else { None };
        self.rows.keys().filter_map(order).collect()
    }
}

impl History {
    /// The ledger ended these, in any order.
    pub(super) fn end_on_paper(&mut self, tasks: Vec<Task<'_>>) {
        let Some(paper) = &mut self.paper else { return };
        let mut told = self.listeners.told.as_mut().map(std::mem::take).unwrap_or_default().entries;
        let ended = tasks.into_iter().flat_map(|task| paper.end(self.now, task).entries);
        let mut on_paper: Vec<String> = ended.collect();
        told.sort();
        on_paper.sort();
        assert_eq!(on_paper, told, "rows end otherwise{}", self.story());
    }

    /// Each order reads alike, and so do all sums.
    pub(super) fn compare_paper_at_the_end(&mut self, live: &Holdings) {
        let Some(paper) = &mut self.paper else { return };
        GIVEN.fetch_add(paper.given, Relaxed);
        paper.compare(live);
        for order in paper.orders() {
            let user = UserId(0);
            let reads = [
                Intent::Get { user, order },
                Intent::History { user, order },
                Intent::Track { user, order },
                Intent::CaseList { user, order },
            ];
            for read in reads {
                let ours = self.model.answer(self.now, Envelope::default(), &read);
                let on_paper = paper.ask(self.now, Envelope::default(), &read).map(|(verdict, _)| verdict);
                assert_eq!(on_paper, Some(ours), "{read:?}");
            }
        }
    }
}

/// Some of what is held is not there any more.
fn is_short(row: &Row) -> bool {
    if let Row::Shelf(_, _, shelf) = row { shelf.held > shelf.on_hand } else { false }
}

fn shelf(sku: SkuId, warehouse: u32) -> Key {
    Key::Shared(Shared::Shelf(sku, WarehouseId(warehouse)))
}

fn empty() -> Holdings {
    Holdings {
        at: MicrosUtc(0),
        shelves: Vec::new(),
        sales: Vec::new(),
        orders: [0; 14],
        totals: [0; 14],
        orders_digest: 0,
        user_counts: 0,
        user_counts_digest: 0,
        requests: 0,
        payments: [0; 6],
        arrived: 0,
        refunded: 0,
        payments_digest: 0,
        limits: 0,
        limits_digest: 0,
        switches: 0,
        switches_digest: 0,
        shipments: 0,
        shipments_digest: 0,
        coupons: Vec::new(),
        coupon_users: 0,
        coupon_users_digest: 0,
        freight_rules: 0,
        freight_digest: 0,
        cases: 0,
        cases_digest: 0,
    }
}
