//! What all tasks of a worker share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use domain::desk::{Desk, DeskSize, Key, Row, RowFault};
use domain::{Makings, MicrosUtc, OrderId, RequestKey, UserId};
use futures_util::future::join_all;
use storage::NotDecided;
use storage::embedded::record::Entries;
use storage::embedded::{ClockBehind, ClockReading, LedgerClock};
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use super::Settings;
use super::change::Changing;
use super::commit::Committing;
use super::counters::Counters;
use super::gather::Gather;
use super::plan::Known;
use super::rows::{count_keys, row_of_counts, rows_of};
use super::shelves::{self, Ending, Remembered, Reserving};
use crate::catalogue::Catalogue;
use crate::links::Links;
use crate::mysql::{self, BATCH_MAX, CountKey, Counts, Fault, Numbers, OrderRow, Standing};
use crate::repair::{NodeLease, Wanted, Why};
use crate::shelf::{ShardNo, ShelfKey};

/// A worker's node: its links, what it knows, and the lines in which asks wait for each other's company.
pub(super) struct Node {
    pub links: Rc<Links>,
    /// The node's number, as long as it is surely its own.
    pub number: NodeLease,
    pub catalogue: Arc<Catalogue>,
    pub counters: Arc<Counters>,
    pub retry_after_ms: u32,
    pub left_for: Duration,
    pub shelves: Remembered,
    pub reserving: Gather<ShelfKey, Reserving>,
    pub finishing: Gather<ShelfKey, Ending>,
    pub committing: Gather<ShardNo, Committing>,
    pub changing: Gather<ShardNo, Changing>,
    refreshing: Gather<(), oneshot::Sender<bool>>,
    looking: Gather<ShardNo, Looking>,
    reading: Gather<ShardNo, Reading>,
    /// Shelves that somebody should open.
    wanted: Wanted,
    /// Where the next order id is drawn, and by which number.
    makings: RefCell<Option<(u16, Makings)>>,
    /// For operators' changes, one after the other.
    pub home_desk: tokio::sync::Mutex<Desk>,
    clock: RefCell<LedgerClock>,
    desk: RefCell<(Desk, Entries)>,
    seed: Cell<u64>,
}

struct Looking {
    key: RequestKey,
    reply: oneshot::Sender<Result<Option<Standing>, Fault>>,
}

struct Reading {
    order: OrderId,
    reply: oneshot::Sender<Result<Option<OrderRow>, Fault>>,
}

/// Rounds of one shelf, and of one shard, that are under way at once.
const ROUNDS_A_SHELF: usize = 2;
const ROUNDS_A_SHARD: usize = 2;

impl Node {
    pub fn new(
        (links, number, catalogue): (Rc<Links>, NodeLease, Arc<Catalogue>),
        settings: &Settings,
        wanted: Wanted,
        counters: Arc<Counters>,
    ) -> Result<Node, ClockBehind> {
        let Settings { rules, retry_after_ms, left_for, .. } = *settings;
        let seed = fastrand::u64(..);
        let clock = LedgerClock::start(ClockReading::now(), MicrosUtc(0), true)?;
        let desk = Desk::new(DeskSize::ONE, rules, seed, MicrosUtc(0));
        Ok(Node {
            links,
            number,
            catalogue,
            counters,
            retry_after_ms,
            left_for,
            shelves: Remembered::default(),
            reserving: Gather::new(ROUNDS_A_SHELF, shelves::ROUND_MAX),
            finishing: Gather::new(1, shelves::ROUND_MAX),
            committing: Gather::new(ROUNDS_A_SHARD, BATCH_MAX),
            changing: Gather::new(ROUNDS_A_SHARD, BATCH_MAX),
            refreshing: Gather::new(1, usize::MAX),
            looking: Gather::new(1, BATCH_MAX),
            reading: Gather::new(1, BATCH_MAX),
            wanted,
            makings: RefCell::new(None),
            home_desk: tokio::sync::Mutex::new(Desk::new(DeskSize::ANY_ONE, rules, seed, MicrosUtc(0))),
            clock: RefCell::new(clock),
            desk: RefCell::new((desk, Entries::new())),
            seed: Cell::new(seed),
        })
    }

    /// This node's time: never goes back.
    pub fn now(&self) -> MicrosUtc {
        self.clock.borrow_mut().now(ClockReading::now())
    }

    /// Nothing was done; ask again.
    pub const fn unavailable(&self) -> NotDecided {
        NotDecided::Unavailable { retry_after_ms: self.retry_after_ms }
    }

    /// What came of work on a database, as far as a client is concerned.
    pub fn failed(&self, no: ShardNo, fault: &Fault) -> NotDecided {
        tracing::debug!(database = self.links.database(no).name(), %fault, "not done");
        self.unavailable()
    }

    /// Rows contradict each other: somebody else's hand, or a bug. Nothing is decided by them.
    pub fn unsound(&self, fault: RowFault) -> NotDecided {
        tracing::error!(%fault, "rows contradict each other");
        self.unavailable()
    }

    /// Tells the opener of a shelf. Where that has no room, the next ask tells it.
    pub fn open(&self, shelf: ShelfKey) {
        self.wanted.tell(shelf, Why::Closed);
    }

    /// Where order ids are drawn from; nothing while the node's number may be somebody else's.
    pub fn makings(&self) -> Option<Makings> {
        let number = self.number.number()?;
        let mut drawn = self.makings.borrow_mut();
        if drawn.as_ref().is_none_or(|(of, _)| *of != number) {
            *drawn = Some((number, Makings::of_node(number)?));
        }
        drawn.as_ref().map(|(_, makings)| makings.clone())
    }

    /// Order ids up to where `makings` stands were used.
    pub fn used(&self, makings: Makings) {
        if let Some((_, mine)) = &mut *self.makings.borrow_mut() {
            *mine = makings;
        }
    }

    /// A desk that stands at this instant, empty, for one decision, and where its facts go.
    pub fn on_desk<T>(&self, now: MicrosUtc, decide: impl FnOnce(&mut Desk, &mut Entries) -> T) -> T {
        let (desk, entries) = &mut *self.desk.borrow_mut();
        self.seed.set(self.seed.get().wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1));
        desk.clear(now, self.seed.get());
        entries.take();
        decide(desk, entries)
    }

    /// Waits until the catalogue's image has all that was changed before this call. Says whether it is so.
    pub async fn catch_up(self: &Rc<Self>) -> bool {
        let (reply, done) = oneshot::channel();
        if self.refreshing.push((), reply) {
            let node = Rc::clone(self);
            spawn_local(async move {
                loop {
                    let round = node.refreshing.next_round(());
                    if round.is_empty() {
                        return;
                    }
                    let is_done = node.refresh().await;
                    for reply in round {
                        // Who does not wait any more was given up with its whole thread.
                        let _ = reply.send(is_done);
                    }
                }
            });
        }
        done.await.expect("a round answers all its asks")
    }

    async fn refresh(&self) -> bool {
        let read = async { self.catalogue.refresh(&mut self.links.home().lease().await?).await };
        let read = read.await.map_err(|fault| self.failed(self.links.home_no(), &fault));
        read.is_ok()
    }

    /// What stands under a user's request id.
    pub async fn look(self: &Rc<Self>, key: RequestKey) -> Result<Option<Standing>, NotDecided> {
        self.look_in(self.links.of_user(key.who), key).await
    }

    /// What stands under a request id in this database: an operator's lies beside the order that it is about.
    pub async fn look_in(
        self: &Rc<Self>,
        no: ShardNo,
        key: RequestKey,
    ) -> Result<Option<Standing>, NotDecided> {
        let (reply, said) = oneshot::channel();
        if self.looking.push(no, Looking { key, reply }) {
            let node = Rc::clone(self);
            spawn_local(async move { node.run_looks(no).await });
        }
        said.await.expect("a round answers all its asks").map_err(|fault| self.failed(no, &fault))
    }

    async fn run_looks(&self, no: ShardNo) {
        loop {
            let round = self.looking.next_round(no);
            if round.is_empty() {
                return;
            }
            let keys: Vec<RequestKey> = round.iter().map(|it| it.key).collect();
            let looked = async { mysql::look(&mut self.links.database(no).lease().await?, &keys).await };
            match looked.await {
                Ok(said) => {
                    round.into_iter().zip(said).for_each(|(job, said)| drop(job.reply.send(Ok(said))))
                }
                Err(fault) => round.into_iter().for_each(|job| drop(job.reply.send(Err(fault.clone())))),
            }
        }
    }

    /// An order's row, if there is such an order.
    pub async fn order(self: &Rc<Self>, order: OrderId) -> Result<Option<OrderRow>, NotDecided> {
        let no = self.links.of_order(order);
        let (reply, said) = oneshot::channel();
        if self.reading.push(no, Reading { order, reply }) {
            let node = Rc::clone(self);
            spawn_local(async move { node.run_reads(no).await });
        }
        said.await.expect("a round answers all its asks").map_err(|fault| self.failed(no, &fault))
    }

    async fn run_reads(&self, no: ShardNo) {
        loop {
            let round = self.reading.next_round(no);
            let Some(newest) = round.iter().map(|it| it.order).max_by_key(|order| order.ms()) else { return };
            let ids: Vec<OrderId> = round.iter().map(|it| it.order).collect();
            let read = async {
                let slices = self.links.slices_for(no, newest).await?;
                let mut lease = self.links.database(no).lease().await?;
                mysql::orders(&mut lease, &slices, &ids).await
            };
            match read.await {
                Ok(rows) => {
                    let rows: BTreeMap<OrderId, OrderRow> =
                        rows.into_iter().map(|row| (row.id, row)).collect();
                    round.into_iter().for_each(|job| drop(job.reply.send(Ok(rows.get(&job.order).cloned()))));
                }
                Err(fault) => round.into_iter().for_each(|job| drop(job.reply.send(Err(fault.clone())))),
            }
        }
    }

    /// Reads rows of a user that a desk asked for, and says of each what it is.
    pub async fn read(
        self: &Rc<Self>,
        no: ShardNo,
        keys: &[Key],
        known: &mut Known,
    ) -> Result<(), NotDecided> {
        let counted: Vec<CountKey> = keys.iter().flat_map(count_keys).collect();
        if !counted.is_empty() {
            let read =
                async { mysql::user_counts(&mut self.links.database(no).lease().await?, &counted).await };
            let counts = read.await.map_err(|fault| self.failed(no, &fault))?;
            lay_counts(keys, &counts, known);
        }
        let shared = |key: &Key| if let Key::Shared(one) = *key { Some(ShelfKey::from(one)) } else { None };
        let shelves: Vec<ShelfKey> = keys.iter().filter_map(shared).collect();
        self.add_up(&shelves, known).await?;
        for key in keys {
            match *key {
                Key::Order(order) | Key::FailedRefunds(order) => match self.order(order).await? {
                    Some(row) => known.extend(rows_of(&row).map_err(|fault| self.unsound(fault))?),
                    None => known.extend([(Key::Order(order), None), (Key::FailedRefunds(order), None)]),
                },
                Key::Making(making) => {
                    let order = self.order_made(making).await?;
                    known.insert(*key, order.map(|order| Row::Making(making, order)));
                }
                // Nobody sets units aside without an order yet.
                Key::Hold(_) => drop(known.insert(*key, None)),
                Key::Request(request) => {
                    let standing = self.look(request).await?;
                    let row = standing.as_ref().and_then(|it| super::orders::request_row(request, it));
                    known.insert(*key, row);
                }
                Key::Count(..)
                | Key::CouponUser(..)
                | Key::Sku(_)
                | Key::Sale(_)
                | Key::Place(..)
                | Key::Freight(..)
                | Key::Coupon(_)
                | Key::Limit(_)
                | Key::Switch(_)
                | Key::SwitchVersion
                | Key::Shared(_)
                | Key::Letter(..)
                | Key::Letters => (),
            }
        }
        Ok(())
    }

    /// What is counted over all users, as it stands in all databases: not of one instant.
    async fn add_up(&self, shelves: &[ShelfKey], known: &mut Known) -> Result<(), NotDecided> {
        if shelves.is_empty() {
            return Ok(());
        }
        let each = self.links.databases().map(async |(no, database)| {
            let read = async { mysql::numbers_of(&mut database.lease().await?, shelves).await };
            read.await.map_err(|fault| self.failed(no, &fault))
        });
        let mut sums: BTreeMap<ShelfKey, Numbers> = BTreeMap::new();
        for theirs in join_all(each).await {
            for (shelf, numbers) in theirs? {
                sums.entry(shelf).or_default().add(numbers);
            }
        }
        let row = |shelf: &ShelfKey| (Key::Shared((*shelf).into()), sums.get(shelf).map(|it| it.row(*shelf)));
        known.extend(shelves.iter().map(row));
        Ok(())
    }

    /// Which order was made then: its slot is not known, so all shards are asked.
    async fn order_made(&self, making: domain::Making) -> Result<Option<OrderId>, NotDecided> {
        for (no, database) in self.links.databases() {
            let read = async {
                let slices = self.links.slices_for(no, making.any_order()).await?;
                mysql::order_made(&mut database.lease().await?, &slices, making).await
            };
            if let Some(order) = read.await.map_err(|fault| self.failed(no, &fault))? {
                return Ok(Some(order));
            }
        }
        Ok(None)
    }

    /// The shard of a user's rows.
    pub fn shard_of(&self, user: UserId) -> ShardNo {
        self.links.of_user(user)
    }
}

/// Lays what was counted of a user, for those of the keys that are counts.
pub(super) fn lay_counts(keys: &[Key], counts: &Counts, known: &mut Known) {
    for key in keys.iter().filter(|key| !count_keys(key).is_empty()) {
        known.insert(*key, row_of_counts(key, counts));
    }
}
