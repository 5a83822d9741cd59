//! Desks: the rules of the ledger over rows that somebody else keeps.
//!
//! A desk is a small, short-lived [`Ledger`] for one transaction: the rows that it needs are laid, the ledger decides,
//! and what changed is read off. So a store that keeps rows (tables, and whatever counts units for them) refuses the same
//! things for the same reasons as one that keeps a ledger, and no rule is written twice. It goes like this:
//!
//! 1. [`Desk::needs`] says which rows are missing; the caller reads them and lays them ([`Desk::lay`]); again, until
//!    nothing is missing. A row may name others: the request its order, the order its skus and shelves.
//! 2. [`Desk::decide`] decides intent by intent, [`Desk::expire`] what is over; facts come out as they do of a ledger.
//! 3. [`Desk::changes`] says which rows are now what, or gone, and by how much each count over all users moved.
//!
//! A desk stands at one instant and knows nothing but what was laid. It is asked for at most as much as its
//! [`DeskSize`] says. What changes the catalogue (skus, sales, freight, coupons, switches) is decided alone, for what
//! others need hangs on it.
//!
//! # Counts over all users
//!
//! Units of a shelf, a sale's cap and a coupon's quota are counted over all users ([`Shared`]). Who knows
//! their rows lays them. A shard of a cluster does not: what is left to give is known in one place elsewhere, which gives
//! units away before the shard decides. There a desk is [given](Desk::give) exactly these units, and nothing else can be
//! had. Which these are says [`Desk::wanted`] of a desk before it, on which there were as many as one likes. (PREPARE
//! looks at caps and quotas and takes nothing of them: of these, what is known is laid. And a shelf that is short, for
//! units were lost that somebody holds, is laid as it is.) Either way the counts that an order moved come out as
//! differences, never as sums.
//!
//! # Who decides what
//!
//! | answered | intents |
//! | --- | --- |
//! | on a desk, where the user's rows lie | CREATE, PREPARE, CANCEL, CONFIRM_RECEIPT, REPAIR, GET (also by request), HISTORY; STOCK_RESERVE, STOCK_RELEASE, STOCK_COMMIT, STOCK_EXTEND; PAY_OPEN, PAY_CALLBACK, PAY_GET, PAY_CLOSE, REFUND, REFUND_RESULT; COUPON_CLAIM, COUPON_CHECK, COUPON_GET; SHIP, TRACK, SIGN; AFTERSALE open, get, decide, receive; expiry and completion |
//! | on a desk, where catalogue and counts lie | SKU_PUT, SKU_GET, SALE_PUT, FREIGHT_PUT, COUPON_DEFINE, LIMIT_PUT, SWITCH; STOCK_GET, STOCK_ADJUST, STOCK_TRANSFER, STOCK_RETURN; a dead letter parked or ended |
//! | from tables, without a desk | LIST, ORDERS_SCAN, SALE_GET, SKU_LIST, SALE_LIST and the lists of freight, switches, limits, coupons and dead letters; AUDIT; cursors, each a comparison with one row |
//!
//! [`Answered::of`] is this table, as the compiler sees it.

mod answered;
mod lay;
mod moved;
mod needs;
mod order;
mod read;
mod row;
mod size;
mod sound;
mod watch;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::mem;

pub use answered::Answered;
pub use moved::{Moved, QuotaMoved, ShelfMoved};
pub use needs::{Need, Task};
pub use order::OrderOnDesk;
pub use row::{About, FailedRefund, HoldRecord, Key, LedTo, Place, Row, RowFault, Shared};
pub use size::DeskSize;

use crate::coupon::CouponCounts;
use crate::fact::Facts;
use crate::ids::{CouponId, Making, Makings, OrderId, SaleId, SkuId, UserId};
use crate::intent::{Envelope, Intent};
use crate::ledger::Ledger;
use crate::ledger::requests::OrderIds;
use crate::ledger::timers::Timers;
use crate::request::Rules;
use crate::units::MicrosUtc;
use crate::verdict::Verdict;
use moved::Numbers;
use watch::{Touched, Watch};

/// Where one transaction is decided.
#[derive(Debug)]
pub struct Desk {
    ledger: Ledger,
    size: DeskSize,
    now: MicrosUtc,
    /// What was asked for, and in which round.
    told: BTreeMap<Need, u32>,
    round: u32,
    /// What this round asks for.
    missing: Vec<Need>,
    /// Nothing was missing.
    is_ready: bool,
    /// Rows that name others which are not here yet.
    waiting: Vec<Row>,
    /// Whether their sales are here or not.
    places: BTreeMap<(SkuId, SaleId), Place>,
    made: BTreeMap<Making, OrderId>,
    /// Orders and holds that may change.
    whole_orders: BTreeSet<OrderId>,
    whole_holds: BTreeSet<u64>,
    /// Lines of the orders and holds that were laid, and of what is asked.
    laid_lines: usize,
    asked_lines: usize,
    /// Whatever is counted over all users, as it stood when it was laid, given or looked at last.
    stood: BTreeMap<Shared, Numbers>,
    /// By how much it moved since somebody asked.
    moved: BTreeMap<Shared, Numbers>,
    /// Shelves that were made since then.
    made_shelves: BTreeSet<Shared>,
    /// What single users have of sales, as it stood last; so for coupons.
    counted: BTreeMap<(SaleId, UserId), u64>,
    coupons_taken: BTreeMap<(CouponId, UserId), CouponCounts>,
    /// Other rows that were changed since then.
    touched: BTreeSet<Key>,
    /// Units that the latest decision took or gave back, step by step.
    steps: Vec<(Shared, i64)>,
    /// Room for the rows that one decision touches.
    spare: Vec<Key>,
}

/// What decisions changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows as they are now; or nothing, where they are gone (or never were). By key.
    pub rows: Vec<(Key, Option<Row>)>,
    /// By how much each count over all users moved; by key.
    pub moved: Vec<Moved>,
}

impl Desk {
    /// An empty desk at this instant. `seed` is that of [`Ledger::new`].
    pub fn new(size: DeskSize, rules: Rules, seed: u64, now: MicrosUtc) -> Desk {
        let mut desk = Desk {
            ledger: Ledger::with_timers(size.bounds(), rules, seed, Timers::new()),
            size,
            now,
            told: BTreeMap::new(),
            round: 0,
            missing: Vec::new(),
            is_ready: false,
            waiting: Vec::new(),
            places: BTreeMap::new(),
            made: BTreeMap::new(),
            whole_orders: BTreeSet::new(),
            whole_holds: BTreeSet::new(),
            laid_lines: 0,
            asked_lines: 0,
            stood: BTreeMap::new(),
            moved: BTreeMap::new(),
            made_shelves: BTreeSet::new(),
            counted: BTreeMap::new(),
            coupons_taken: BTreeMap::new(),
            touched: BTreeSet::new(),
            steps: Vec::new(),
            spare: Vec::new(),
        };
        desk.begin(now);
        desk
    }

    /// Takes everything off the desk, which stands at this instant from here. Cheaper than a new one: what is large of it
    /// (the calendar of timers) stays.
    pub fn clear(&mut self, now: MicrosUtc, seed: u64) {
        while let Some(timed) = self.ledger.timers.next() {
            self.ledger.disarm(timed);
        }
        let timers = mem::replace(&mut self.ledger.timers, Timers::nowhere());
        self.ledger = Ledger::with_timers(self.size.bounds(), self.ledger.rules, seed, timers);
        self.told.clear();
        self.waiting.clear();
        self.places.clear();
        self.made.clear();
        self.whole_orders.clear();
        self.whole_holds.clear();
        self.laid_lines = 0;
        self.stood.clear();
        self.moved.clear();
        self.made_shelves.clear();
        self.counted.clear();
        self.coupons_taken.clear();
        self.touched.clear();
        (self.round, self.is_ready) = (0, false);
        self.begin(now);
    }

    fn begin(&mut self, now: MicrosUtc) {
        self.now = now;
        self.ledger.clock = now;
        self.ledger.requests.advance(now); // Requests that are laid fall into their generations at once.
    }

    fn room(&mut self) -> Touched {
        Touched::of(mem::take(&mut self.spare), mem::take(&mut self.steps))
    }

    /// What this desk is large enough for.
    pub const fn size(&self) -> DeskSize {
        self.size
    }

    /// By which rules it decides.
    pub const fn rules(&self) -> &Rules {
        &self.ledger.rules
    }

    /// Decides an intent, as [`Ledger::apply`] does. An order or hold that is made gets the next of `makings`.
    ///
    /// # Panics
    /// Where rows are missing, or the intent is one that is [read off tables](Answered).
    pub fn decide(
        &mut self,
        envelope: Envelope,
        intent: &Intent<'_>,
        makings: &mut Makings,
        facts: &mut impl Facts,
    ) -> Verdict {
        assert!(self.is_ready, "a desk decides when it has the rows that it needs");
        assert!(Answered::of(intent) != Answered::FromTables, "this is read off tables: {intent:?}");
        let making = makings.next(self.now);
        self.ledger.ids = OrderIds::at(making);
        let mut watch = Watch::new(facts, self.room());
        let verdict = self.ledger.apply(self.now, envelope, intent, &mut watch);
        if self.ledger.ids.are_past(making) {
            makings.used(making);
        }
        let touched = watch.touched;
        self.note(touched);
        verdict
    }

    /// Ends what is over of what lies here (unpaid orders, open holds), and completes delivered orders: see
    /// [`Ledger::expire`]. Says how many. Nobody else's business lies on such a desk.
    ///
    /// # Panics
    /// Where rows are missing.
    pub fn expire(&mut self, facts: &mut impl Facts) -> usize {
        assert!(self.is_ready, "a desk decides when it has the rows that it needs");
        let mut watch = Watch::new(facts, self.room());
        let ended = self.ledger.expire(self.now, usize::MAX, &mut watch);
        let touched = watch.touched;
        self.note(touched);
        ended
    }

    /// Units that the latest decision has to be given, for it to be what it is: of each count over all users the most
    /// that it took at any time. Units that came back behind those that it took are no help to it.
    pub fn wanted(&self) -> BTreeMap<Shared, u64> {
        let mut sums: BTreeMap<Shared, (i64, i64)> = BTreeMap::new();
        for &(shared, units) in &self.steps {
            let (sum, most) = sums.entry(shared).or_default();
            *sum = sum.saturating_add(units);
            *most = (*most).max(*sum);
        }
        let wanted =
            |(shared, (_, most))| u64::try_from(most).ok().filter(|&it| it > 0).map(|it| (shared, it));
        sums.into_iter().filter_map(wanted).collect()
    }

    /// What changed since this was asked last.
    pub fn changes(&mut self) -> Changes {
        let made = mem::take(&mut self.made_shelves);
        let moved = mem::take(&mut self.moved).into_iter();
        let moved = moved.filter(|(shared, by)| *by != Numbers::default() || made.contains(shared));
        let moved = moved.map(|(shared, by)| self.moved_by(shared, by)).collect();
        let touched = mem::take(&mut self.touched).into_iter();
        Changes { rows: touched.map(|key| (key, self.row_of(&key))).collect(), moved }
    }
}
