//! The ledger: keeps the values, lets pure functions decide, and changes by facts alone.
//!
//! [`Ledger::apply`] first looks at everything (nothing is changed by a refusal), then makes facts; each goes to
//! the caller and through the same `evolve` that [`Ledger::replay`] uses, so a replayed ledger is the live one
//! by construction. It knows no clock, disk or thread, and all of its memory is bounded by [`LedgerBounds`].

mod aftersale;
mod balance;
mod bounds;
mod cancel;
mod cases;
mod catalogue;
mod choice;
mod completions;
mod counts;
mod coupon;
mod coupons;
mod create;
mod cursors;
pub mod desk;
mod evolve;
mod failed_refunds;
mod freight;
mod goods;
mod guards;
mod hold;
mod holds;
mod image;
mod letters;
mod limits;
mod measure;
mod orders;
mod pages;
mod pay;
mod payments;
mod read;
mod refund;
mod repair;
mod requests;
mod rest;
mod room;
mod ship;
mod shipments;
mod stock;
mod switches;
mod timers;
mod warm;

use alloc::boxed::Box;

pub use balance::{Balance, CaseBalance, OrderBalance, PaymentBalance, ShelfBalance, ShipmentBalance};
pub use bounds::{LedgerBounds, ShortBound};
pub use image::ImageFault;
pub use pages::{Look, PageFilter, PagePart};
pub use rest::{Looked, Needs, RecordFault, Resting, RestingOrder};
pub use room::PassedBound;

use crate::fact::{Actor, Fact, Facts, Request, RequestKey, Stamp};
use crate::freight::FreightRule;
use crate::hold::HoldEnd;
use crate::ids::{OrderId, PaymentId, TraceId};
use crate::intent::{Envelope, Intent};
use crate::refusal::{Reason, Refusal};
use crate::request::Rules;
use crate::slot_table::HashKey;
use crate::units::MicrosUtc;
use crate::verdict::{ShelfView, Verdict};
use cases::Cases;
use completions::Completions;
use counts::UserCounts;
use coupons::Coupons;
use create::Spare;
use cursors::Cursors;
use evolve::Sums;
use failed_refunds::FailedRefunds;
use freight::FreightRules;
use goods::Goods;
use holds::Holds;
use image::Writing;
use letters::Letters;
use limits::Limits;
use orders::Orders;
use payments::Payments;
use requests::{OrderIds, Requests, Subject};
use shipments::Shipments;
use switches::Switches;
use timers::{Timed, Timers};

/// Orders, stock, sales and limits, in memory.
#[derive(Debug)]
pub struct Ledger {
    bounds: LedgerBounds,
    rules: Rules,
    /// The latest time that anybody came with.
    clock: MicrosUtc,
    /// The time of the last entry.
    at: MicrosUtc,
    orders: Orders,
    requests: Requests,
    counts: UserCounts,
    goods: Goods,
    cursors: Cursors,
    letters: Letters,
    freight: FreightRules,
    holds: Holds,
    coupons: Coupons,
    timers: Timers,
    completions: Completions,
    ids: OrderIds,
    payments: Payments,
    failed_refunds: FailedRefunds,
    shipments: Shipments,
    cases: Cases,
    switches: Switches,
    limits: Limits,
    /// Orders that can still end: for each of them room for a request id is kept, as for open holds.
    can_end: usize,
    /// Orders that wait for payment and have no attempt: for the first of each of them all that it needs is kept.
    unopened: usize,
    /// History rows that are kept free for what must always find room.
    rows_kept: usize,
    sums: Sums,
    /// Orders at rest.
    at_rest: u64,
    /// The hand goes round, or orders came back: what changes one has to say so.
    rests: bool,
    scratch: Spare,
    /// The image that is being written.
    image: Option<Box<Writing>>,
}

impl Ledger {
    /// An empty ledger. `seed` keys the hashes of its tables: two ledgers with other seeds answer the same, and
    /// nobody who does not know it can aim ids at one place.
    ///
    /// # Panics
    /// Where [`LedgerBounds::fault`] names something.
    pub fn new(bounds: LedgerBounds, rules: Rules, seed: u64) -> Ledger {
        Ledger::with_timers(bounds, rules, seed, Timers::new())
    }

    /// An empty ledger with a calendar that nobody is in.
    fn with_timers(bounds: LedgerBounds, rules: Rules, seed: u64, timers: Timers) -> Ledger {
        if let Some(fault) = bounds.fault() {
            panic!("{fault}");
        }
        let key = HashKey::new(seed);
        Ledger {
            bounds,
            rules,
            clock: MicrosUtc(i64::MIN),
            at: MicrosUtc(0),
            orders: Orders::new(&bounds, key),
            requests: Requests::new(&bounds, key, rules),
            counts: UserCounts::new(&bounds, key),
            goods: Goods::new(&bounds, key),
            cursors: Cursors::new(),
            letters: Letters::default(),
            freight: FreightRules::default(),
            holds: Holds::new(&bounds, key),
            coupons: Coupons::new(&bounds, key),
            timers,
            completions: Completions::default(),
            ids: OrderIds::default(),
            payments: Payments::new(&bounds),
            failed_refunds: FailedRefunds::new(),
            shipments: Shipments::new(&bounds),
            cases: Cases::new(&bounds),
            switches: Switches::default(),
            limits: Limits::default(),
            can_end: 0,
            unopened: 0,
            rows_kept: 0,
            sums: Sums::default(),
            at_rest: 0,
            rests: false,
            scratch: Spare::default(),
            image: None,
        }
    }

    /// Decides an intent. `now` is ledger time; a `now` before an earlier one counts as that one.
    ///
    /// What was decided to change is given to `facts` as one entry and is done when this returns. A refusal, a
    /// read and a request asked before give no fact and change nothing.
    pub fn apply(
        &mut self,
        now: MicrosUtc,
        envelope: Envelope,
        intent: &Intent<'_>,
        facts: &mut impl Facts,
    ) -> Verdict {
        self.clock = self.clock.max(now);
        let (now, trace) = (self.clock, envelope.trace);
        if self.is_guarded()
            && let Err(refusal) = self.judge_guards(now, intent)
        {
            return Verdict::Refused(refusal);
        }
        let decided = match intent {
            Intent::Create(create) => self.create(now, trace, create, facts),
            Intent::Prepare(prepare) => self.prepare(now, trace, prepare, facts),
            Intent::Cancel(cancel) => self.cancel(now, trace, cancel, facts),
            Intent::SkuPut(put) => self.put_sku(now, trace, put, facts),
            Intent::SalePut(put) => self.put_sale(now, trace, put, facts),
            Intent::FreightPut(put) => self.put_freight(now, trace, put, facts),
            Intent::FreightList { seller, currency, limit } => {
                self.list_freight((*seller, *currency), *limit)
            }
            Intent::StockAdjust(adjust) => self.adjust_stock(now, trace, adjust, facts),
            Intent::StockTransfer(transfer) => self.transfer_stock(now, trace, transfer, facts),
            Intent::StockReturn(back) => self.return_stock(now, trace, back, facts),
            Intent::StockReserve(reserve) => self.reserve_stock(now, trace, reserve, facts),
            Intent::StockRelease(end) => self.end_hold(now, trace, intent, (end, HoldEnd::Released), facts),
            Intent::StockCommit(end) => self.end_hold(now, trace, intent, (end, HoldEnd::Committed), facts),
            Intent::StockExtend(extend) => self.extend_hold(now, trace, extend, facts),
            Intent::Get { user, order } => self.get(*user, *order),
            Intent::GetByRequest { user, request } => self.get_by_request(now, *user, *request),
            Intent::List(list) => self.list(list),
            Intent::History { user, order } => self.history(*user, *order),
            Intent::SkuGet(sku) => self.get_sku(now, *sku),
            Intent::SkuList { after, limit } => self.list_skus(*after, *limit),
            Intent::SaleGet(sale) => self.get_sale(*sale),
            Intent::SaleList { after, limit } => self.list_sales(*after, *limit),
            Intent::StockGet { sku, warehouse } => self.get_stock(*sku, *warehouse),
            Intent::Holdings => Ok(Verdict::Holdings(self.holdings().into())),
            Intent::CursorMove(wanted) => self.move_cursor(now, trace, wanted, facts),
            Intent::CursorGet(name) => Ok(self.get_cursor(*name)),
            Intent::PayOpen(open) => self.open_payment(now, trace, open, facts),
            Intent::PayCallback(callback) => self.called_back(now, trace, callback, facts),
            Intent::PayGet { user, order, payment } => self.get_payment(*user, *order, *payment),
            Intent::PayClose(close) => self.close_payment(now, trace, close, facts),
            Intent::Refund(refund) => self.ask_refund(now, trace, refund, facts),
            Intent::RefundResult(result) => self.refund_result(now, trace, result, facts),
            Intent::Repair(repair) => self.repair(now, trace, repair, facts),
            Intent::LetterPark(park) => self.park_letter(now, trace, park, facts),
            Intent::LetterEnd(end) => self.end_letter(now, trace, end, facts),
            Intent::LetterList(list) => self.list_letters(list),
            Intent::LimitPut(put) => self.put_limit(now, trace, put, facts),
            Intent::LimitList { after, limit } => self.list_limits(now, *after, *limit),
            Intent::Scan(scan) => self.scan_orders(scan),
            Intent::SwitchPut(put) => self.put_switch(now, trace, put, facts),
            Intent::SwitchList { after, limit } => self.list_switches(*after, *limit),
            Intent::Ship(ship) => self.ship(now, trace, ship, facts),
            Intent::Track { user, order } => self.track(*user, *order),
            Intent::TrackNote(note) => self.note_tracking(now, trace, note, facts),
            Intent::Sign(sign) => self.sign(now, trace, sign, facts),
            Intent::ConfirmReceipt(confirm) => self.confirm_receipt(now, trace, confirm, facts),
            Intent::CouponDefine(define) => self.define_coupon(now, trace, define, facts),
            Intent::CouponClaim(claim) => self.claim_coupon(now, trace, claim, facts),
            Intent::CouponCheck(check) => self.check_coupons(now, check),
            Intent::CouponGet { user, coupon } => self.get_coupon(*user, *coupon),
            Intent::CouponList { after, limit } => self.list_coupons(*after, *limit),
            Intent::CaseOpen(open) => self.open_case(now, trace, open, facts),
            Intent::CaseList { user, order } => self.list_cases(*user, *order),
            Intent::CaseDecide(decide) => self.decide_case(now, trace, decide, facts),
            Intent::CaseReceive(receive) => self.receive_case(now, trace, receive, facts),
        };
        decided.unwrap_or_else(Verdict::Refused)
    }

    /// Does what a fact says, again. Facts come in the order in which they were made, from an empty ledger on; when
    /// the last one is in, [`Ledger::judge_replayed`] has a word.
    ///
    /// # Errors
    /// Where the fact was made under a larger bound than this ledger has; it was not done, and none may follow.
    ///
    /// # Panics
    /// Where the facts contradict each other: they cannot come from a ledger. (`audit` names what is wrong.)
    pub fn replay(&mut self, stamp: &Stamp, fact: &Fact<'_>) -> Result<(), PassedBound> {
        self.judge_room_for_fact(stamp, fact)?;
        self.clock = self.clock.max(stamp.at);
        self.evolve(stamp, fact);
        Ok(())
    }

    /// Whether what was replayed can go on: every order that can still end needs room for its end.
    ///
    /// # Errors
    /// Where a bound leaves less room than that.
    pub fn judge_replayed(&self) -> Result<(), PassedBound> {
        self.judge_room_for_ends()
    }

    /// Ends unpaid orders and open holds whose time is over by `now`, then completes delivered orders, at most
    /// `ends_max` in all, of each the earliest first; each is an entry of its own. Says how many: fewer than
    /// `ends_max` means that nothing more is due.
    pub fn expire(&mut self, now: MicrosUtc, ends_max: usize, facts: &mut impl Facts) -> usize {
        self.clock = self.clock.max(now);
        let mut expired = 0;
        while expired < ends_max && self.timers.next_due().is_some_and(|due| due <= self.clock) {
            match self.timers.next().expect("somebody is due") {
                Timed::Order(slot) => self.expire_one(self.clock, slot, facts),
                Timed::Hold(slot) => self.expire_hold(self.clock, slot, facts),
            }
            expired += 1;
        }
        while expired < ends_max && self.next_completion().is_some_and(|(due, _)| due <= self.clock) {
            let (_, slot) = self.next_completion().expect("somebody is due");
            self.complete_one(self.clock, slot, facts);
            expired += 1;
        }
        expired
    }

    /// When [`Ledger::expire`] has something to do next: at most about half a second after an order's or hold's time.
    pub fn next_due(&self) -> Option<MicrosUtc> {
        let completion = self.next_completion().map(|(due, _)| due);
        self.timers.next_due().into_iter().chain(completion).min()
    }

    /// Time of the last entry.
    pub fn last_entry_at(&self) -> MicrosUtc {
        self.at
    }

    /// Orders in memory.
    pub fn orders(&self) -> usize {
        self.orders.len()
    }

    /// What this ledger can hold.
    pub fn bounds(&self) -> &LedgerBounds {
        &self.bounds
    }

    /// Whether this request was asked before, and then what it led to. `body` is only called where it matters.
    #[inline]
    fn asked_before(
        &self,
        now: MicrosUtc,
        key: RequestKey,
        body: impl FnOnce() -> u64,
    ) -> Result<Option<Verdict>, Refusal> {
        self.requests.judge(now, key.id)?;
        match self.requests.find(&self.orders, key) {
            None => Ok(None),
            Some((subject, hash)) if hash == body() => Ok(Some(self.as_it_stands(subject))),
            Some(_) => Err(Refusal::of(Reason::RequestIdReused)),
        }
    }

    /// The answer that a change gets, now.
    fn as_it_stands(&self, subject: Subject) -> Verdict {
        match subject {
            // Asking again names the same order, so it was woken for that.
            Subject::Order(order) => Verdict::Order(self.orders.at(self.known(OrderId(order.id()))).brief()),
            Subject::Sku(slot) => {
                let sku = self.goods.sku(slot);
                Verdict::Sku { sku: sku.id, version: sku.version }
            }
            Subject::Sale(slot) => {
                let sale = &self.goods.sale(slot).sale;
                Verdict::Sale { sale: sale.id, version: sale.version }
            }
            Subject::Freight(slot) => {
                let FreightRule { seller, currency, version, .. } = *self.freight.at(slot);
                Verdict::Freight { seller, currency, version }
            }
            Subject::Shelf(slot) => Verdict::Shelf(ShelfView::of(self.goods.shelf(slot))),
            Subject::Limit => Verdict::Limited,
            Subject::Switch { version } => Verdict::Switched { version },
            Subject::Hold(slot) => Verdict::Hold(self.holds.at(slot).hold),
            Subject::Shelves { from, to } => self.transferred(from, to),
            Subject::Case { order, number } => self.case_answer(self.known_case(OrderId(order.id()), number)),
            Subject::Payment(payment) => {
                Verdict::Payment(self.payment_brief(self.known_payment(PaymentId(payment.id()))))
            }
            Subject::Letters => self.letters_parked(),
            Subject::Coupon(slot) => {
                let coupon = &self.coupons.at(slot).coupon;
                Verdict::Coupon { coupon: coupon.id, version: coupon.version }
            }
            Subject::CouponTaken(slot) => self.coupon_taken(slot),
        }
    }

    /// Request ids that room is kept for: one for the end of each order and hold that can still end, and one for
    /// the first attempt to pay of each order that waits for it.
    #[inline]
    fn kept_ids(&self) -> usize {
        self.can_end + self.unopened + self.holds.open()
    }

    /// Whether a request that makes no order can be remembered, besides what is kept.
    fn judge_room_for_change(&self, now: MicrosUtc) -> Result<(), Refusal> {
        let needed = (self.kept_ids() + 1, self.kept_ids() + 1);
        if self.requests.has_room(&self.bounds, now, needed) {
            return Ok(());
        }
        Err(Refusal::of(Reason::Overloaded))
    }

    /// An entry of one fact.
    fn enter_one(&mut self, stamp: &Stamp, fact: &Fact<'_>, facts: &mut impl Facts) {
        facts.begin(stamp);
        self.enter(stamp, fact, facts);
        facts.end();
    }

    /// Makes a fact: from here it is true, in the journal and in this ledger.
    #[inline]
    fn enter(&mut self, stamp: &Stamp, fact: &Fact<'_>, facts: &mut impl Facts) {
        facts.fact(fact);
        self.evolve(stamp, fact);
    }
}

/// The stamp of what an operator does.
fn by_operator(at: MicrosUtc, trace: TraceId, key: RequestKey, body: u64) -> Stamp {
    Stamp { at, actor: Actor::Operator(0), request: Some(Request { key, body }), trace }
}
