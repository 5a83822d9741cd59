//! Orders from fact to fact: how one is made, where it may go, and what its step does to the shelves.

use std::collections::BTreeMap;

use domain::coupon::CouponShare;
use domain::fact::{Actor, CancelReason, Line, OrderCreated, ShelfUnits, StockAdjusted};
use domain::intent::{CLIENT_BYTES_MAX, LINES_MAX};
use domain::limit::UserList;
use domain::order::State;
use domain::{Micros, MicrosUtc, MinorUnits, OrderId, SaleId, SkuId, Stamp, UserId, WarehouseId};

use super::Auditor;
use super::books::{LineBook, Move, OnShelves, OrderBook, ShelfBook};
use super::holds::units_on;
use super::payments::Money;
use super::tally::Rule;

/// What the facts of one entry did to each order: judged when the entry is whole, as its parts belong together.
#[derive(Debug, Default)]
pub(super) struct Together {
    /// Of its first fact.
    pub(super) position: u64,
    /// Its request had done something before.
    asked_again: bool,
    /// Changes that somebody asked for; a request asks for one.
    pub(super) asked_for: usize,
    pub(super) by_timer: usize,
    orders: BTreeMap<OrderId, Parts>,
    /// The hold that ended for an order to take it over, and what it held; 0: none.
    taken_over: u64,
    taken: Vec<LineBook>,
}

/// The facts of one entry about one order.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// A fact here was no fact that could be: it is blamed, and what came with it is not judged.
    impossible: bool,
    pub(super) created: bool,
    pub(super) confirmed: bool,
    /// It was paid, and its units were gone.
    pub(super) excepted: bool,
    /// Its units were gone before, and some were found for it.
    pub(super) restocked: bool,
    /// It was cancelled before, and is had again.
    pub(super) revived: bool,
    pub(super) cancelled: bool,
    refunded: bool,
    /// Units that come back with its refund: those that were never sent.
    units_return: Vec<LineBook>,
    /// Units of a case here that may come back.
    pub(super) goods: Option<(SkuId, u32)>,
    /// What an exchange here gives for units that come back.
    pub(super) instead: Option<LineBook>,
    /// The refund that a case here asks for, about how much, and the one that it had before; 0: none.
    pub(super) case_refund: Option<(u16, i128, u16)>,
    /// What became of its money.
    pub(super) money: Money,
    pub(super) reserved: Vec<Vec<ShelfUnits>>,
    pub(super) reduced: Vec<Vec<ShelfUnits>>,
    pub(super) released: Vec<Vec<ShelfUnits>>,
    returned: Vec<StockAdjusted>,
    pub(super) locked: Vec<Vec<CouponShare>>,
    pub(super) coupons_released: Vec<Vec<CouponShare>>,
    pub(super) used: Vec<Vec<CouponShare>>,
}

impl Parts {
    /// Here is a fact that cannot be: what came with it is not judged.
    pub(super) fn blame(&mut self) {
        self.impossible = true;
    }
}

impl Together {
    pub(super) fn beginning(position: u64, asked_again: bool) -> Together {
        Together { position, asked_again, ..Together::default() }
    }

    pub(super) fn of(&mut self, order: OrderId) -> &mut Parts {
        self.orders.entry(order).or_default()
    }

    pub(super) fn takes_over(&mut self, hold: u64, lines: &[LineBook]) {
        self.taken_over = hold;
        self.taken = lines.to_vec();
    }

    pub(super) fn push_returned(&mut self, returned: &StockAdjusted) {
        self.of(returned.order).returned.push(*returned);
    }
}

impl Auditor {
    pub(super) fn order_created(
        &mut self,
        stamp: &Stamp,
        created: &OrderCreated<'_>,
        together: &mut Together,
    ) {
        together.asked_for += 1;
        self.tally.check(
            Rule::Entries,
            stamp.actor == Actor::User(created.user) && created.hold == together.taken_over,
            || {
                format!(
                    "an order of user {} over hold {}, by {:?}",
                    created.user.0, created.hold, stamp.actor
                )
            },
        );
        let taken = self.books.orders.contains_key(&created.order);
        self.judge_id(stamp.at, created.order, created.user, taken);
        self.books.totals.duplicate_orders += u64::from(taken || together.asked_again);
        let parts = together.of(created.order);
        if taken {
            parts.impossible = true;
            return;
        }
        parts.created = true;

        self.judge_basket(created);
        self.judge_offers(stamp.at, created);
        self.judge_money(created);
        self.judge_freight(created);
        let lines: Box<[LineBook]> = created.lines.iter().map(LineBook::from).collect();
        self.judge_limits(stamp.at, created.user, &lines);
        self.judge_blocked(stamp.at, created.user);
        let hold = std::mem::take(&mut together.taken);
        together.taken_over = 0;
        for line in &lines {
            self.hold(line, units_on(&hold, line));
            self.books.count(created.user, line, 1);
        }
        let order = OrderBook {
            user: created.user,
            state: State::PendingPayment,
            version: 1,
            total: created.total,
            pay_until: created.pay_until,
            lines,
            currency: created.currency,
            ended_by_timer: false,
            sold: false,
            counted: false,
            discount: created.discount,
            coupons: Vec::new(),
            payments: Vec::new(),
            sent: created.lines.iter().map(|_| 0).collect(),
            shipments: Vec::new(),
            cases: Vec::new(),
        };
        self.books.orders.insert(created.order, order);
    }

    pub(super) fn order_confirmed(
        &mut self,
        stamp: &Stamp,
        id: OrderId,
        version: u32,
        together: &mut Together,
    ) {
        // Only money that came in this entry confirms, or that there is nothing to pay.
        let settled = together.of(id).money.settled;
        let restocked = self.books.orders.get(&id).is_some_and(|it| it.state == State::StockException);
        if !settled && !together.of(id).created {
            together.asked_for += 1;
        }
        let revived = self.books.orders.get(&id).is_some_and(|order| order.state == State::Cancelled);
        let may = |order: &OrderBook| match order.state {
            State::PendingPayment | State::Paying => settled || order.total == MinorUnits::ZERO,
            State::Cancelled => settled && order.ended_by_timer,
            State::StockException => !settled && matches!(stamp.actor, Actor::Operator(_)),
            State::Reserving
            | State::Paid
            | State::Confirmed
            | State::PartShipped
            | State::Shipped
            | State::Delivered
            | State::Completed
            | State::Failed
            | State::Refunding
            | State::Refunded => false,
        };
        if !self.step(id, State::Confirmed, version, may, together) {
            return;
        }
        let parts = together.of(id);
        (parts.confirmed, parts.revived, parts.restocked) = (true, revived, restocked);
        if revived {
            self.take_again(id);
        }
        if restocked {
            self.restock(id);
        }
        self.sell_all(id);
        if let Some(order) = self.books.orders.get_mut(&id) {
            (order.sold, order.counted) = (true, true);
        }
    }

    /// An order is paid and waits for people: some of its units are not on their shelves. It lets go of all.
    pub(super) fn stock_exception(
        &mut self,
        id: OrderId,
        version: u32,
        units: &[ShelfUnits],
        together: &mut Together,
    ) {
        let settled = together.of(id).money.settled;
        let may = |order: &OrderBook| settled && matches!(order.state, State::PendingPayment | State::Paying);
        if !self.step(id, State::StockException, version, may, together) {
            return;
        }
        together.of(id).excepted = true;
        together.of(id).released.push(units.to_vec());
        let Some(order) = self.books.orders.get_mut(&id) else { return };
        order.counted = true;
        let gone = order.lines.iter().any(|line| {
            let shelf = self.books.shelves.get(&(line.sku, line.warehouse));
            shelf.is_none_or(|shelf| shelf.on_hand < i128::from(line.units))
        });
        self.tally.check(Rule::Exceptions, gone, || {
            format!("order {} waits for units that were on their shelves", id.0)
        });
        self.move_all(id, Move::Free);
    }

    /// A cancelled order is had again: its units were free, and within the limits of today.
    fn take_again(&mut self, id: OrderId) {
        let Some(order) = self.books.orders.get(&id) else { return };
        let (user, lines) = (order.user, order.lines.clone());
        for line in &lines {
            self.hold(line, 0);
            self.books.count(user, line, 1);
        }
    }

    /// Units were found for an order whose own were gone: of those that nobody holds, and that can be sold.
    fn restock(&mut self, id: OrderId) {
        let Some(order) = self.books.orders.get(&id) else { return };
        for line in &order.lines.clone() {
            let shelf = self.books.shelves.get(&(line.sku, line.warehouse)).copied().unwrap_or_default();
            let spare = (shelf.on_hand - shelf.held - shelf.unavailable).max(0);
            self.hold_of(line, spare);
        }
    }

    pub(super) fn order_cancelled(
        &mut self,
        stamp: &Stamp,
        id: OrderId,
        version: u32,
        reason: CancelReason,
        together: &mut Together,
    ) {
        match stamp.actor {
            Actor::Timer => together.by_timer += 1,
            Actor::User(_) | Actor::Operator(_) | Actor::Gateway(_) => together.asked_for += 1,
        }
        let may = |order: &OrderBook| matches!(order.state, State::PendingPayment | State::Paying);
        if !self.step(id, State::Cancelled, version, may, together) {
            return;
        }
        together.of(id).cancelled = true;
        self.move_all(id, Move::Free);
        self.uncount(id);
        let Some(order) = self.books.orders.get_mut(&id) else { return };
        order.ended_by_timer = reason == CancelReason::Timer;
        let order = &*order;
        let by_whom = match reason {
            CancelReason::User => stamp.actor == Actor::User(order.user),
            CancelReason::Timer => stamp.actor == Actor::Timer,
            CancelReason::Operator | CancelReason::Risk => matches!(stamp.actor, Actor::Operator(_)),
        };
        self.tally.check(Rule::Entries, by_whom, || {
            format!("order {} ended by {:?}, as {reason:?}", id.0, stamp.actor)
        });
        if reason == CancelReason::Timer {
            let pay_until = order.pay_until;
            self.tally.check(Rule::Expiry, stamp.at >= pay_until, || {
                format!("order {} expired {} µs early", id.0, pay_until.since(stamp.at).0)
            });
        }
    }

    pub(super) fn refund_done(
        &mut self,
        stamp: &Stamp,
        id: OrderId,
        version: u32,
        amount: MinorUnits,
        together: &mut Together,
    ) {
        let after_payment = together.of(id).money.went_back;
        if !after_payment {
            together.asked_for += 1;
        }
        let before = self.books.orders.get(&id).map(|order| (order.state, order.sold, order.counted));
        let may = |order: &OrderBook| {
            let nothing_left = order.payments.iter().all(|it| it.kept_for_order() == 0);
            match order.state {
                State::StockException | State::Confirmed | State::PartShipped | State::Shipped => {
                    !after_payment && order.kept() == 0
                }
                State::Refunding | State::Delivered | State::Completed => after_payment && nothing_left,
                State::Reserving
                | State::PendingPayment
                | State::Paying
                | State::Paid
                | State::Failed
                | State::Cancelled
                | State::Refunded => false,
            }
        };
        if !self.step(id, State::Refunded, version, may, together) {
            return;
        }
        let (state, sold, counted) = before.unwrap_or((State::Refunded, false, false));
        together.of(id).refunded = true;
        // What reached the buyer comes back by hand; what was never sent comes back by itself.
        if sold {
            let left = self.books.orders.get(&id).map(OrderBook::left_to_send).unwrap_or_default();
            for line in &left {
                self.books.move_units(line, Move::Return);
            }
            together.of(id).units_return = left;
        }
        if counted {
            self.uncount(id);
        }
        let Some(order) = self.books.orders.get(&id) else { return };
        let by_whom = match stamp.actor {
            Actor::User(user) => {
                user == order.user && matches!(state, State::StockException | State::Confirmed)
            }
            Actor::Operator(_) => true,
            Actor::Gateway(_) => after_payment,
            Actor::Timer => false,
        };
        self.tally.check(Rule::Entries, by_whom, || format!("order {} refunded by {:?}", id.0, stamp.actor));
        // Several totals of one order may pass 64 bits; what is told then is «too much to tell».
        let paid: i128 = order.payments.iter().map(|it| it.refunded_of_order()).sum();
        let paid = paid.min(i128::from(i64::MAX));
        self.tally.check(Rule::Money, i128::from(amount.0) == paid, || {
            format!("{} of {paid} went back for order {}", amount.0, id.0)
        });
    }

    /// The entry is whole: each step has its stock fact, with the units of its lines, and nothing else is there.
    pub(super) fn settle(&mut self, together: &Together) {
        let one_change = (together.asked_for == 1) != (together.by_timer > 0) && together.asked_for <= 1;
        self.tally.check(Rule::Entries, one_change, || {
            format!("{} changes and {} expiries in one entry", together.asked_for, together.by_timer)
        });
        self.tally.check(Rule::Entries, together.taken_over == 0, || {
            format!("hold {} was taken over by no order", together.taken_over)
        });
        for (id, parts) in &together.orders {
            if parts.impossible {
                continue;
            }
            let Some(order) = self.books.orders.get(id) else {
                self.tally.check(Rule::Transitions, false, || format!("order {} is not there", id.0));
                continue;
            };
            let made = parts.created || parts.revived || parts.restocked || parts.instead.is_some();
            let sold = parts.confirmed || parts.instead.is_some();
            let whole = parts.reserved.len() == usize::from(made)
                && parts.reduced.len() == usize::from(sold)
                && parts.released.len() == usize::from(parts.cancelled || parts.excepted)
                && parts.returned.is_empty() == parts.units_return.is_empty()
                && (parts.confirmed && !parts.restocked || parts.excepted)
                    == (parts.money.settled || parts.created && order.total == MinorUnits::ZERO)
                && parts.case_refund.is_none()
                && !parts.money.overdrawn
                && parts.money.surplus == parts.money.sent_back;
            self.tally.check(Rule::Entries, whole, || {
                format!("order {} moved without its units, or its units without it", id.0)
            });
            let lines = parts.instead.as_ref().map_or(&*order.lines, std::slice::from_ref);
            let mut units = parts.reserved.iter().chain(&parts.reduced).chain(&parts.released);
            let equal = units.all(|units| units.iter().map(Same::from).eq(lines.iter().map(Same::from)))
                && returns_all(&parts.returned, &parts.units_return);
            self.tally
                .check(Rule::Units, equal, || format!("units of order {} are not those of its lines", id.0));
            self.settle_coupons(*id, parts);
        }
    }

    /// Every shelf against its orders and its sums, once all is read.
    pub(super) fn judge_end(&mut self) {
        self.judge_paid_orders();
        let OnShelves { held, sold } = self.books.on_shelves();
        for (place, shelf) in &self.books.shelves {
            let (sku, warehouse) = (place.0.0, place.1.0);
            let open = held.get(place).copied().unwrap_or(0);
            self.tally.check(Rule::Held, shelf.held == open, || {
                format!(
                    "sku {sku} in warehouse {warehouse}: {} held, {open} by open orders and holds",
                    shelf.held
                )
            });
            let gone = sold.get(place).copied().unwrap_or(0) + shelf.sold_before;
            let left = shelf.received + shelf.returned + shelf.adjusted + shelf.transferred - gone;
            self.tally.check(Rule::Shelves, shelf.on_hand == left && shelf.sold == gone, || {
                format!("sku {sku} in warehouse {warehouse}: {} on hand, sums leave {left}", shelf.on_hand)
            });
        }
    }

    /// Compares state and version, and adds one. What may not be is blamed and not done.
    pub(super) fn step(
        &mut self,
        id: OrderId,
        to: State,
        version: u32,
        may: impl FnOnce(&OrderBook) -> bool,
        together: &mut Together,
    ) -> bool {
        let Some(order) = self.books.orders.get_mut(&id) else {
            self.tally.check(Rule::Transitions, false, || format!("order {} is not there", id.0));
            together.of(id).impossible = true;
            return false;
        };
        let (from, total) = (order.state, order.total.0);
        if !may(order) {
            self.tally.check(Rule::Transitions, false, || {
                format!("order {} with total {total} went from {from:?} to {to:?}", id.0)
            });
            together.of(id).impossible = true;
            return false;
        }
        let next = order.version.checked_add(1);
        let before = order.version;
        order.state = to;
        order.version = version;
        self.tally.check(Rule::Transitions, Some(version) == next, || {
            format!("order {} went from version {before} to {version}", id.0)
        });
        true
    }

    pub(super) fn judge_id(&mut self, at: MicrosUtc, id: OrderId, user: UserId, taken: bool) {
        let pair = (id.ms(), id.sequence());
        let now_ms = at.0.div_euclid(1_000).saturating_sub(OrderId::EPOCH_MS);
        let grows = self.books.last_id < Some(pair) && id.ms() as i64 >= now_ms;
        let right = !taken && grows && id.slot() == OrderId::slot_of(user);
        self.tally.check(Rule::OrderIds, right, || {
            let fault = if taken { "is taken" } else { "does not grow or has another user's slot" };
            format!("order id {} {fault}", id.0)
        });
        self.books.last_id = self.books.last_id.max(Some(pair));
    }

    fn judge_basket(&mut self, created: &OrderCreated<'_>) {
        let lines = created.lines;
        let mut skus: Vec<_> = lines.iter().map(|line| line.sku).collect();
        skus.sort_unstable();
        skus.dedup();
        let right = (1..=LINES_MAX).contains(&lines.len())
            && skus.len() == lines.len()
            && skus.iter().all(|sku| self.books.skus.contains_key(sku))
            && lines.iter().all(|line| line.warehouse != WarehouseId(0))
            && lines.iter().map(|line| line.parcel).eq(parcels_of(lines))
            && created.client_bytes.len() <= CLIENT_BYTES_MAX
            && created.user != UserId(0);
        self.tally.check(Rule::Baskets, right, || {
            format!("order {} of user {} has {} lines", created.order.0, created.user.0, lines.len())
        });
    }

    /// Each line against the catalogue of that time, and the hold time that follows from all.
    fn judge_offers(&mut self, at: MicrosUtc, created: &OrderCreated<'_>) {
        let mut hold_seconds = Some(u32::MAX);
        let early =
            self.books.limit_of(created.user, at).is_some_and(|limit| limit.list == UserList::Preferred);
        for line in created.lines {
            let Some(sku) = self.books.skus.get(&line.sku) else {
                hold_seconds = None; // An unknown sku is blamed on the basket; nothing follows from it.
                continue;
            };
            let speaking = self.books.sale_speaking(at, line.sku).map(|book| book.sale);
            let open = sku.open
                && match speaking {
                    None => line.sale == SaleId(0),
                    Some(sale) => line.sale == sale.id && (early || sale.opens <= at) && at < sale.closes,
                };
            self.tally.check(Rule::SaleOpen, open, || {
                format!("order {}: sku {} was not open in sale {}", created.order.0, line.sku.0, line.sale.0)
            });

            // A line in the wrong sale is told above; its price is judged by the sale that it names.
            let named = self.books.sales.get(&line.sale);
            let price = match named {
                None => Some(sku.unit_price),
                Some(book) => book.prices.get(&line.sku).copied(),
            };
            let right = price.is_none_or(|price| price == line.unit_price)
                && sku.currency == created.currency
                && sku.seller == line.seller;
            self.tally.check(Rule::Prices, right, || {
                let price = price.map_or(0, |price| price.0);
                let (order, sku, asked) = (created.order.0, line.sku.0, line.unit_price.0);
                format!("order {order}: sku {sku} went for {asked}, its price was {price}")
            });
            let seconds = named.map_or(sku.hold_seconds, |book| book.sale.hold_seconds);
            hold_seconds = hold_seconds.map(|shortest| shortest.min(seconds));
        }
        if let Some(seconds) = hold_seconds.filter(|_| !created.lines.is_empty()) {
            let right = at.after(Micros::from_seconds(seconds));
            self.tally.check(Rule::PayUntil, created.pay_until == right, || {
                format!("order {} holds until {}, not {}", created.order.0, created.pay_until.0, right.0)
            });
        }
    }

    fn judge_money(&mut self, created: &OrderCreated<'_>) {
        let (mut discount, mut freight, mut total) = (0_i128, 0_i128, 0_i128);
        for line in created.lines {
            discount += i128::from(line.discount.0);
            freight += i128::from(line.freight.0);
            let goods = i128::from(line.unit_price.0) * i128::from(line.quantity.get());
            total += goods - i128::from(line.discount.0) + i128::from(line.freight.0);
        }
        let none_below_0 = total >= 0
            && created.lines.iter().all(|line| {
                let goods = i128::from(line.unit_price.0) * i128::from(line.quantity.get());
                line.discount.0 >= 0 && i128::from(line.discount.0) <= goods && line.freight.0 >= 0
            });
        let right = discount == i128::from(created.discount.0)
            && freight == i128::from(created.freight.0)
            && total == i128::from(created.total.0);
        self.tally.check(Rule::Money, right && none_below_0, || {
            format!("order {} has total {}, its lines make {total}", created.order.0, created.total.0)
        });
    }

    /// Limits and cap of the sale versions now in force, over all lines of each sale.
    fn judge_limits(&mut self, at: MicrosUtc, user: UserId, lines: &[LineBook]) {
        let mut units_by_sale: BTreeMap<SaleId, i128> = BTreeMap::new();
        for line in lines {
            *units_by_sale.entry(line.sale).or_default() += i128::from(line.units);
        }
        for (id, units) in units_by_sale {
            let Some(book) = self.books.sales.get(&id) else { continue };
            let own = self.books.limit_of(user, at).map_or(0, |limit| limit.sale_units);
            let of_sale = book.sale.user_limit_units;
            let user_limit = if own == 0 || of_sale == 0 { of_sale } else { own };
            let limits = [
                (Rule::OrderLimit, i128::from(book.sale.order_limit_units), 0),
                (
                    Rule::UserLimit,
                    i128::from(user_limit),
                    self.books.taken_by_user.get(&(id, user)).copied().unwrap_or(0),
                ),
                (Rule::Cap, i128::from(book.sale.cap_units), book.taken),
            ];
            for (rule, limit, before) in limits {
                self.tally.check(rule, limit == 0 || before + units <= limit, || {
                    format!("user {} took {units} units of sale {} beside {before} of {limit}", user.0, id.0)
                });
            }
        }
    }

    /// Sets a line's units aside. `freed` of them came from the hold that the order takes over: these it was
    /// promised, whatever else may be sold.
    pub(super) fn hold(&mut self, line: &LineBook, freed: i128) {
        let shelf = self.books.shelves.get(&(line.sku, line.warehouse)).copied().unwrap_or_default();
        // Of a shelf that lost units, nobody gets what others hold.
        let sellable = ShelfBook { held: shelf.held + freed, ..shelf }.sellable() + freed;
        self.hold_of(line, sellable.min((shelf.on_hand - shelf.held).max(0)));
    }

    /// Sets a line's units aside, of so many that it may have.
    fn hold_of(&mut self, line: &LineBook, sellable: i128) {
        let missing = i128::from(line.units) - sellable;
        self.books.totals.oversold += missing.max(0);
        self.tally.check(Rule::Oversold, missing <= 0, || {
            let (sku, warehouse) = (line.sku.0, line.warehouse.0);
            format!("sku {sku} in warehouse {warehouse}: {} units taken of {sellable}", line.units)
        });
        self.books.move_units(line, Move::Hold);
    }

    /// What the order holds is sold: it is on its shelves, whoever else holds what is not.
    fn sell_all(&mut self, id: OrderId) {
        let Some(order) = self.books.orders.get(&id) else { return };
        for line in order.lines.clone() {
            self.sell(&line);
        }
    }

    /// Held units leave their shelf, which has them.
    pub(super) fn sell(&mut self, line: &LineBook) {
        self.books.move_units(line, Move::Sell);
        let left = self.books.shelves.get(&(line.sku, line.warehouse)).map_or(0, |shelf| shelf.on_hand);
        self.books.totals.oversold += (-left).max(0);
        self.tally.check(Rule::Oversold, left >= 0, || {
            let (sku, warehouse) = (line.sku.0, line.warehouse.0);
            format!(
                "sku {sku} in warehouse {warehouse}: {} units sold, {} of them not there",
                line.units, -left
            )
        });
    }

    fn move_all(&mut self, id: OrderId, by: Move) {
        let Some(order) = self.books.orders.get(&id) else { return };
        for line in order.lines.clone() {
            self.books.move_units(&line, by);
        }
    }

    fn uncount(&mut self, id: OrderId) {
        let Some(order) = self.books.orders.get(&id) else { return };
        let user = order.user;
        for line in order.lines.clone() {
            self.books.count(user, &line, -1);
        }
    }
}

impl From<&Line> for LineBook {
    fn from(line: &Line) -> LineBook {
        let Line { sku, warehouse, sale, quantity, .. } = *line;
        let goods = i128::from(line.unit_price.0) * i128::from(quantity.get());
        let total = goods - i128::from(line.discount.0) + i128::from(line.freight.0);
        LineBook { sku, warehouse, sale, units: quantity.get(), total }
    }
}

/// A shelf and its units, told from a line and from a stock fact alike.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Same(u64, u32, u32);

impl From<&LineBook> for Same {
    fn from(line: &LineBook) -> Same {
        Same(line.sku.0, line.warehouse.0, line.units)
    }
}

impl From<&ShelfUnits> for Same {
    fn from(units: &ShelfUnits) -> Same {
        Same(units.sku.0, units.warehouse.0, units.quantity.get())
    }
}

/// The parcel of each line: each warehouse is one, counted from 0 where it comes up first.
fn parcels_of(lines: &[Line]) -> impl Iterator<Item = u32> {
    let mut numbers: BTreeMap<WarehouseId, u32> = BTreeMap::new();
    lines.iter().map(move |line| {
        let next = numbers.len() as u32;
        *numbers.entry(line.warehouse).or_insert(next)
    })
}

/// Whether every unit of the lines came back, each line once, in any order.
fn returns_all(returned: &[StockAdjusted], lines: &[LineBook]) -> bool {
    let mut expected: Vec<_> = lines.iter().map(Same::from).collect();
    let mut came: Vec<_> = (returned.iter())
        .filter(|it| it.safety_delta == 0 && it.unavailable_delta == 0)
        .filter(|it| it.reason == domain::intent::AdjustReason::Returned)
        .filter_map(|it| Some(Same(it.sku.0, it.warehouse.0, u32::try_from(it.on_hand_delta).ok()?)))
        .collect();
    expected.sort();
    came.sort();
    came.len() == returned.len() && came == expected
}
