//! Recomputes a journal from its facts, or from an opening balance on, and says which invariants hold.
//!
//! The facts come from a disk, so nothing about them is taken for granted: nonsense is a violation, never a panic.
//! One fault is told once, under the invariant that it breaks, and the books go on as if it had been done right;
//! so what the lines of an order say moves the shelves, and the stock facts beside it are held against it.

mod aftersale;
mod books;
mod catalogue;
mod coupons;
mod freight;
mod holds;
mod letters;
mod opening;
mod operators;
mod orders;
mod payments;
mod shipping;
mod stock;
mod store;
mod tally;

use std::collections::BTreeSet;

use domain::fact::{Actor, RequestKey, StockAdjusted};
use domain::intent::AdjustReason;
use domain::verdict::Holdings;
use domain::{CursorName, Fact, Micros, MicrosUtc, OrderId, Stamp, UserId};

use books::Books;
use orders::Together;
use tally::{Rule, Tally};

pub use opening::Opening;
pub use tally::{Invariant, says};

/// The position of the first fact of a journal.
pub const FIRST_POSITION: u64 = 1;

/// Reads entries in order, and judges them at the end.
#[derive(Debug)]
pub struct Auditor {
    request_window: Micros,
    next_position: u64,
    /// Position that it began behind, with an opening balance; 0: it began with the first fact.
    begins_behind: u64,
    /// Time of the last entry.
    time: MicrosUtc,
    requests: BTreeSet<RequestKey>,
    books: Books,
    /// The entry that is being read.
    together: Option<Together>,
    tally: Tally,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// Every invariant that was judged, in a fixed order.
    pub invariants: Vec<Invariant>,
    /// What the facts add up to.
    pub totals: Totals,
    /// Position that the facts began behind, with an opening balance; 0: they began with the first.
    pub begins_behind: u64,
}

/// What the facts add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Facts read: those behind an opening balance, where there is one.
    pub facts: u64,
    /// Units that ever came to the shelves: what is there now plus what was sold.
    pub stock: i128,
    /// Units sold, those that came back later included.
    pub sold: i128,
    /// Units that unpaid orders and open holds have set aside.
    pub held: i128,
    /// Orders by state: the count of state n stands at n − 1.
    pub orders: [u64; 14],
    /// Units promised beyond what their shelf had, by the facts that were read.
    pub oversold: i128,
    /// Orders made again: for a request that had made one, or under an id that was taken.
    pub duplicate_orders: u64,
    /// Orders that the facts made and the store does not hold; 0 where no store was compared.
    pub lost: u64,
}

impl AuditReport {
    /// Whether every invariant holds.
    pub fn ok(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The invariants that do not hold.
    pub fn failed(&self) -> impl Iterator<Item = &Invariant> {
        self.invariants.iter().filter(|invariant| invariant.violations > 0)
    }
}

impl Auditor {
    /// Starts before the first fact. Requests count as remembered for `request_window` after the time in their ids.
    pub fn new(request_window: Micros) -> Auditor {
        Auditor {
            request_window,
            next_position: FIRST_POSITION,
            begins_behind: 0,
            time: MicrosUtc(i64::MIN),
            requests: BTreeSet::new(),
            books: Books::default(),
            together: None,
            tally: Tally::default(),
        }
    }

    /// The facts of one stamp, in their order. `position` is that of the first of them; each fact takes one.
    pub fn entry(&mut self, position: u64, stamp: &Stamp, facts: &[Fact<'_>]) {
        for (place, fact) in facts.iter().enumerate() {
            self.fact(position.saturating_add(place as u64), place == 0, stamp, fact);
        }
    }

    /// The next fact, for who reads them one by one. Those of one entry share its stamp.
    pub fn fact(&mut self, position: u64, begins_entry: bool, stamp: &Stamp, fact: &Fact<'_>) {
        if begins_entry {
            self.settle_entry();
        }
        self.tally.at(position);
        let expected = self.next_position;
        self.tally.check(Rule::Positions, position == expected, || {
            format!("the facts go on at position {position}, not at {expected}")
        });
        self.next_position = position.saturating_add(1);
        self.books.totals.facts += 1;
        let mut together = match self.together.take() {
            Some(begun) => begun,
            None => Together::beginning(position, self.judge_stamp(stamp, fact)),
        };
        self.take(stamp, fact, &mut together);
        self.together = Some(together);
    }

    /// The journal cannot be read on from here, for this reason: facts are missing, and how many is not known.
    pub fn cannot_go_on(&mut self, why: &str) {
        self.tally.at(self.next_position);
        self.tally.check(Rule::Positions, false, || format!("the facts end here: {why}"));
    }

    /// Whether every invariant holds so far: then the facts can be replayed.
    pub fn sound_so_far(&mut self) -> bool {
        self.settle_entry();
        self.tally.sound()
    }

    /// Judges what is left to judge, and compares with what the store says it holds after the last entry.
    pub fn finish(mut self, holdings: Option<&Holdings>) -> AuditReport {
        self.settle_entry();
        self.judge_end();
        let mut totals = self.totals();
        if let Some(holdings) = holdings {
            self.compare(holdings);
            let kept: u64 = holdings.orders.iter().fold(0, |sum, count| sum.saturating_add(*count));
            totals.lost = (self.books.orders.len() as u64).saturating_sub(kept);
        }
        // An opening balance was compared with what its store summed up.
        let with_store = holdings.is_some() || self.begins_behind > 0;
        AuditReport {
            invariants: self.tally.invariants(with_store),
            totals,
            begins_behind: self.begins_behind,
        }
    }

    /// The entry that was read is whole.
    fn settle_entry(&mut self) {
        if let Some(together) = self.together.take() {
            self.tally.at(together.position);
            self.settle(&together);
        }
    }

    /// When, who, and for which request: says whether that had done something before.
    fn judge_stamp(&mut self, stamp: &Stamp, first: &Fact<'_>) -> bool {
        let before = self.time;
        self.tally.check(Rule::Time, stamp.at >= before, || {
            format!("time went back by {} µs", before.since(stamp.at).0)
        });
        self.time = self.time.max(stamp.at);

        let mut again = false;
        if let Some(request) = stamp.request {
            let key = request.key;
            again = !self.requests.insert(key);
            self.tally.check(Rule::RequestIds, !again, || {
                format!("request {:032x} of {} did something twice", key.id.0, key.who.0)
            });
        }
        let right_asker = match (stamp.actor, stamp.request) {
            (Actor::User(user), Some(request)) => user != UserId(0) && request.key.who == user,
            (Actor::Operator(key), Some(request)) => request.key.who == UserId(u64::from(key)),
            (Actor::Timer, request) => request.is_none(),
            // A cursor never moves back, so it needs no request to be remembered by.
            (Actor::Operator(_), None) => matches!(first, Fact::CursorMoved { .. }),
            (Actor::User(_), None) => false,
            (Actor::Gateway(gateway), request) => gateway.0 != 0 && request.is_none(),
        };
        self.tally.check(Rule::Entries, right_asker, || {
            format!("facts by {:?} for request {:?}", stamp.actor, stamp.request.map(|request| request.key))
        });
        again
    }

    fn take(&mut self, stamp: &Stamp, fact: &Fact<'_>, together: &mut Together) {
        self.judge_switches(stamp, fact);
        match fact {
            Fact::SkuChanged(sku) => {
                self.by_an_operator(stamp);
                together.asked_for += 1;
                self.sku_changed(sku);
            }
            Fact::SaleChanged { sale, skus } => {
                self.by_an_operator(stamp);
                together.asked_for += 1;
                self.sale_changed(sale, skus);
            }
            Fact::FreightChanged(rule) => {
                self.by_an_operator(stamp);
                together.asked_for += 1;
                self.freight_changed(rule);
            }
            Fact::StockAdjusted(adjusted) if adjusted.order == OrderId(0) => {
                self.by_an_operator(stamp);
                together.asked_for += 1;
                self.stock_adjusted(adjusted);
            }
            Fact::StockAdjusted(returned) => self.units_returned(returned, together),
            Fact::HoldMade { hold, user, until, units } => {
                self.hold_made(stamp, (*hold, *user, *until), units, together);
            }
            Fact::HoldExtended { hold, until } => self.hold_extended(stamp, *hold, *until, together),
            Fact::HoldEnded { hold, end, units } => self.hold_ended(stamp, (*hold, *end), units, together),
            Fact::StockTransferred { sku, from, to, units } => {
                self.by_an_operator(stamp);
                together.asked_for += 1;
                self.stock_transferred(*sku, *from, *to, *units);
            }
            Fact::StockReturned { sku, warehouse, units } => {
                self.by_an_operator(stamp);
                together.asked_for += 1;
                self.stock_returned(*sku, *warehouse, *units);
            }
            Fact::CursorMoved { name, position, forgotten } => {
                self.by_an_operator(stamp);
                together.asked_for += 1;
                self.cursor_moved(*name, *position, *forgotten);
            }
            Fact::LetterParked { subscriber, position, reason: _ } => {
                self.letter_parked(stamp, (*subscriber, *position), together);
            }
            Fact::LetterEnded { subscriber, position, retried: _ } => {
                self.letter_ended(stamp, (*subscriber, *position), together);
            }
            Fact::LimitChanged(limit) => {
                self.by_an_operator(stamp);
                together.asked_for += 1;
                self.limit_changed(stamp.at, limit);
            }
            Fact::SwitchChanged { scope, stops, version, note } => {
                self.by_an_operator(stamp);
                together.asked_for += 1;
                self.switch_changed(stamp.at, *scope, *stops, *version, *note);
            }
            Fact::OrderCreated(created) => self.order_created(stamp, created, together),
            Fact::StockReserved { order, units } => together.of(*order).reserved.push(units.to_vec()),
            Fact::StockReduced { order, units } => together.of(*order).reduced.push(units.to_vec()),
            Fact::StockReleased { order, units } => together.of(*order).released.push(units.to_vec()),
            Fact::OrderConfirmed { order, version } => {
                self.order_confirmed(stamp, *order, *version, together);
            }
            Fact::StockException { order, version, units } => {
                self.stock_exception(*order, *version, units, together);
            }
            Fact::OrderCancelled { order, version, reason, why: _ } => {
                self.order_cancelled(stamp, *order, *version, *reason, together);
            }
            Fact::RefundDone { order, version, amount, why: _ } => {
                self.refund_done(stamp, *order, *version, *amount, together);
            }
            Fact::PaymentOpened { .. }
            | Fact::PaymentFailed { .. }
            | Fact::PaymentSuccess { .. }
            | Fact::PaymentMismatched { .. }
            | Fact::PaymentRepeated { .. }
            | Fact::PaymentOverdrawn { .. }
            | Fact::RefundRequested { .. }
            | Fact::RefundFailed { .. }
            | Fact::RefundSettled { .. } => self.payment_fact(stamp, fact, together),
            Fact::OrderShipped { order, version, number, whole, waybill, units } => {
                self.order_shipped(stamp, (*order, *version), (*number, *whole), waybill, units, together);
            }
            Fact::AftersaleChanged(case) => self.aftersale_changed(stamp, case, together),
            Fact::ShipmentTracked { order, number, note } => {
                self.shipment_tracked(stamp, *order, *number, *note, together);
            }
            Fact::OrderDelivered { order, version } => {
                self.order_delivered(stamp, *order, *version, together);
            }
            Fact::OrderCompleted { order, version } => {
                self.order_completed(stamp, *order, *version, together);
            }
            Fact::CouponDefined { coupon, skus } => {
                self.by_an_operator(stamp);
                together.asked_for += 1;
                self.coupon_defined(coupon, skus);
            }
            Fact::CouponClaimed { coupon, user } => {
                together.asked_for += 1;
                self.coupon_claimed(stamp, *coupon, *user);
            }
            Fact::CouponLocked { order, coupons } => together.of(*order).locked.push(coupons.to_vec()),
            Fact::CouponReleased { order, coupons } => {
                together.of(*order).coupons_released.push(coupons.to_vec());
            }
            Fact::CouponUsed { order, coupons } => together.of(*order).used.push(coupons.to_vec()),
        }
    }

    /// A cursor moves on, never back and never past the facts that there are.
    fn cursor_moved(&mut self, name: CursorName, position: u64, forgotten: bool) {
        let there = self.books.cursors.get(&name).copied();
        let moves_on = match there {
            Some(there) => forgotten || position > there,
            None => !forgotten,
        };
        let right = moves_on && position < self.next_position && (!forgotten || position == 0);
        self.tally.check(Rule::Cursors, right, || {
            format!("cursor {} went from {there:?} to {position}", name.as_str())
        });
        if forgotten {
            self.books.cursors.remove(&name);
        } else {
            self.books.cursors.insert(name, position);
        }
    }

    fn by_an_operator(&mut self, stamp: &Stamp) {
        let by_one = match stamp.actor {
            Actor::Operator(_) => true,
            Actor::User(_) | Actor::Timer | Actor::Gateway(_) => false,
        };
        self.tally.check(Rule::Entries, by_one, || format!("{:?} did an operator's work", stamp.actor));
    }

    /// A shelf changed by an operator: no field below 0; nothing taken that an order holds, unless it was lost.
    fn stock_adjusted(&mut self, adjusted: &StockAdjusted) {
        let known = self.books.skus.contains_key(&adjusted.sku) && adjusted.warehouse.0 != 0;
        self.tally.check(Rule::Catalogue, known, || {
            format!("units came to sku {} in warehouse {}", adjusted.sku.0, adjusted.warehouse.0)
        });

        let shelf = self.books.shelves.entry((adjusted.sku, adjusted.warehouse)).or_default();
        let delta = i128::from(adjusted.on_hand_delta);
        match adjusted.reason {
            AdjustReason::Received => shelf.received += delta,
            AdjustReason::Adjusted | AdjustReason::Lost => shelf.adjusted += delta,
            AdjustReason::Returned => shelf.returned += delta,
        }
        shelf.on_hand += delta;
        shelf.safety += i128::from(adjusted.safety_delta);
        shelf.unavailable += i128::from(adjusted.unavailable_delta);

        let shelf = *shelf;
        let lost = adjusted.reason == AdjustReason::Lost;
        let missing = match delta {
            0.. => 0, // A shelf that lost units may get some of them back.
            _ if lost => -shelf.on_hand,
            _ => shelf.held.max(0) - shelf.on_hand,
        };
        self.books.totals.oversold += missing.max(0);
        self.tally.check(Rule::Oversold, missing <= 0, || {
            format!(
                "sku {} in warehouse {}: {} units are there, {} are held",
                adjusted.sku.0, adjusted.warehouse.0, shelf.on_hand, shelf.held
            )
        });
        self.tally.check(Rule::Shelves, !lost || delta < 0, || {
            format!("{delta} units of sku {} were lost", adjusted.sku.0)
        });
        self.tally.check(Rule::Shelves, shelf.safety >= 0 && shelf.unavailable >= 0, || {
            format!(
                "sku {} in warehouse {}: safety {}, unavailable {}",
                adjusted.sku.0, adjusted.warehouse.0, shelf.safety, shelf.unavailable
            )
        });
    }

    fn totals(&self) -> Totals {
        let mut totals = self.books.totals;
        for shelf in self.books.shelves.values() {
            totals.stock += shelf.on_hand + shelf.sold;
            totals.sold += shelf.sold;
            totals.held += shelf.held;
        }
        for order in self.books.orders.values() {
            totals.orders[usize::from(order.state.number()) - 1] += 1;
        }
        totals
    }
}
