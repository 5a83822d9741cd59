//! Attempts to pay: opened, told about by a gateway, closed, read. What goes back is in `refund.rs`.

use crate::fact::{Actor, Fact, Facts, Line, Request, RequestKey, Stamp};
use crate::ids::{GatewayId, OrderId, PaymentId, SaleId, TraceId, UserId};
use crate::intent::{Intent, PayCallback, PayClose, PayOpen, PayOutcome};
use crate::ledger::Ledger;
use crate::ledger::counts::USER_UNITS_MAX;
use crate::ledger::orders::NONE;
use crate::ledger::payments::Payment;
use crate::ledger::requests::Subject;
use crate::ledger::timers::Timed;
use crate::order::{self, Event, State};
use crate::payment::{self, ATTEMPTS_MAX, Arrival, PaymentState, REPEATS_MAX, Wanted};
use crate::refusal::{Reason, Refusal};
use crate::sale;
use crate::units::{Currency, MicrosUtc, MinorUnits};
use crate::verdict::{PaymentBrief, Verdict};

impl Ledger {
    pub(super) fn open_payment(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        open: &PayOpen,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        if open.gateway == GatewayId(0) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let key = RequestKey { who: open.user, id: open.request };
        let body = Intent::PayOpen(*open).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.order_of(open.user, open.order)?;
        let order = self.orders.at(slot);
        payment::judge_open(order.state)?;
        let newest = self.orders.newest_payment(slot);
        let attempt = self.payments.attempts_from(newest).next().map_or(0, |(_, it)| it.id.attempt()) + 1;
        let pay_until = match attempt {
            1 => order.pay_until.max(now.after(self.rules.payment_extension)),
            _ => order.pay_until,
        };
        self.judge_room_for_payment(now, slot, attempt, pay_until)?;

        // Doing.
        let (order, version) = (order.id, self.version_after(slot, Event::AttemptOpened));
        let stamp = Stamp { at: now, actor: acting(open.user), request: Some(Request { key, body }), trace };
        let (payment, gateway) = (PaymentId::new(order, attempt), open.gateway);
        self.enter_one(&stamp, &Fact::PaymentOpened { payment, order, version, gateway, pay_until }, facts);
        Ok(Verdict::Payment(self.payment_brief(self.orders.newest_payment(slot))))
    }

    /// Room for one more attempt, and for all that its money can do to the order. For the first one it was kept
    /// when the order was made, so a flood of orders cannot keep one from being paid.
    fn judge_room_for_payment(
        &self,
        now: MicrosUtc,
        slot: u32,
        attempt: u16,
        pay_until: MicrosUtc,
    ) -> Result<(), Refusal> {
        let state = self.orders.at(slot).state;
        let rows = self.rows_kept - order::rows_kept(state, true)
            + order::rows_kept(State::Paying, true)
            + usize::from(state != State::Paying);
        let fits = attempt == 1
            || self.payments_of(slot, |it| it.came_by == 0) < usize::from(ATTEMPTS_MAX)
                && self.payments.has_room(&self.bounds, self.unopened + 1)
                && self.orders.has_room_for_rows(&self.bounds, rows)
                && self.judge_room_for_change(now).is_ok();
        if fits && self.timers.reaches(now, pay_until) {
            Ok(())
        } else {
            Err(Refusal::of(Reason::Overloaded))
        }
    }

    /// A gateway's word, verified. What it had said before changes nothing; money that arrived always has room, but where
    /// it came again and again by one attempt.
    pub(super) fn called_back(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        callback: &PayCallback,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        let slot = self.payment_of_gateway(callback.gateway, callback.payment)?;
        let stamp = Stamp { at: now, actor: Actor::Gateway(callback.gateway), request: None, trace };
        match callback.outcome {
            PayOutcome::Failed => {
                if self.payments.at(slot).state == PaymentState::Open {
                    self.fail_payment(&stamp, slot, true, facts);
                }
            }
            PayOutcome::Succeeded { amount, .. } if amount < MinorUnits::ZERO => {
                return Err(Refusal::of(Reason::InvalidField));
            }
            PayOutcome::Succeeded { amount, currency, reference } => {
                let slot = if self.payments.at(slot).state.has_arrived() {
                    self.take_money_again(&stamp, slot, (amount, currency), reference, facts)?
                } else {
                    self.take_money(&stamp, slot, (amount, currency), reference, facts);
                    slot
                };
                if self.payments.at(slot).state == PaymentState::Mismatched {
                    return Ok(Verdict::Mismatched(self.payment_brief(slot)));
                }
                return Ok(Verdict::Payment(self.payment_brief(slot)));
            }
        }
        Ok(Verdict::Payment(self.payment_brief(slot)))
    }

    /// The first money of this attempt came. From here nothing refuses.
    fn take_money(
        &mut self,
        stamp: &Stamp,
        slot: u32,
        (amount, currency): (MinorUnits, Currency),
        reference: u64,
        facts: &mut impl Facts,
    ) {
        let (payment, order_slot) = (*self.payments.at(slot), self.payments.at(slot).order);
        let wanted = self.wanted(order_slot);
        let arrival =
            payment::judge_arrival(&wanted, (amount, currency), || self.can_be_had_again(order_slot));
        let (payment, order) = (payment.id, self.orders.at(order_slot).id);
        let success = |surplus| Fact::PaymentSuccess { payment, order, amount, reference, surplus };
        match arrival {
            Arrival::Mismatched => {
                let mismatched = Fact::PaymentMismatched { payment, order, amount, currency, reference };
                self.enter_one(stamp, &mismatched, facts);
            }
            Arrival::Settles | Arrival::Revives => {
                let again = arrival == Arrival::Revives;
                self.confirm_paid(stamp, order_slot, &success(false), again, facts);
            }
            Arrival::SentBack(reason) => {
                let version = self.version_after(order_slot, Event::SentBackLate);
                facts.begin(stamp);
                self.enter(stamp, &success(true), facts);
                let (number, why) = (1, 0);
                let refund =
                    Fact::RefundRequested { payment, order, version, number, amount, currency, reason, why };
                self.enter(stamp, &refund, facts);
                facts.end();
            }
        }
    }

    /// Money came by an attempt that has its money. The transfer that was told of before changes nothing; another one,
    /// or another amount, is money of its own, and what the gateway means is for people to find out. Says which payment
    /// the gateway spoke of.
    fn take_money_again(
        &mut self,
        stamp: &Stamp,
        slot: u32,
        (amount, currency): (MinorUnits, Currency),
        reference: u64,
        facts: &mut impl Facts,
    ) -> Result<u32, Refusal> {
        let Payment { id, order: order_slot, came_by, .. } = *self.payments.at(slot);
        let attempt = if came_by == 0 { id.attempt() } else { came_by };
        let newest = self.orders.newest_payment(order_slot);
        let told = self.payments.attempts_from(newest).filter(|(_, it)| {
            (it.id.attempt() == attempt || it.came_by == attempt)
                && (it.money.arrived, it.currency) == (amount, currency)
                && payment::same_transfer(it.reference, reference)
        });
        // Where no transfer is named it can be more than one of them: the first that came.
        if let Some((known, _)) = told.last() {
            return Ok(known);
        }
        let repeats = self.payments_of(order_slot, |it| it.came_by != 0);
        if repeats >= usize::from(REPEATS_MAX) || !self.payments.has_room(&self.bounds, self.unopened + 1) {
            return Err(Refusal::of(Reason::Overloaded));
        }
        let order = self.orders.at(order_slot).id;
        let payment = PaymentId::new(order, self.payments.at(newest).id.attempt() + 1);
        let repeated = Fact::PaymentRepeated { payment, order, attempt, amount, currency, reference };
        self.enter_one(stamp, &repeated, facts);
        Ok(self.orders.newest_payment(order_slot))
    }

    /// This money pays the order: what it holds becomes sold, or where units of it are gone, people are to see to
    /// it. `again`: what it had held is taken anew first.
    pub(super) fn confirm_paid(
        &mut self,
        stamp: &Stamp,
        slot: u32,
        success: &Fact<'_>,
        again: bool,
        facts: &mut impl Facts,
    ) {
        let gone = !again && !self.units_are_there(slot);
        let event = match (again, gone) {
            (true, _) => Event::SettledLate,
            (false, true) => Event::UnitsGone,
            (false, false) => Event::Settled,
        };
        let (order, version) = (self.orders.at(slot).id, self.version_after(slot, event));
        let units = self.units_of(slot);
        facts.begin(stamp);
        self.enter(stamp, success, facts);
        if again {
            self.enter(stamp, &Fact::StockReserved { order, units: &units }, facts);
            self.enter_coupons(stamp, slot, |order, coupons| Fact::CouponLocked { order, coupons }, facts);
        }
        if !gone {
            self.enter(stamp, &Fact::StockReduced { order, units: &units }, facts);
        }
        self.enter_coupons(stamp, slot, |order, coupons| Fact::CouponUsed { order, coupons }, facts);
        let moved = if gone {
            Fact::StockException { order, version, units: &units }
        } else {
            Fact::OrderConfirmed { order, version }
        };
        self.enter(stamp, &moved, facts);
        facts.end();
        self.scratch.put_units_back(units);
    }

    /// Whether all that the order holds is on its shelves: units may be lost, whoever holds them. Of several orders
    /// that hold what is left, the first to be paid has it.
    fn units_are_there(&self, slot: u32) -> bool {
        self.orders.lines(slot).all(|line| {
            let shelf = self.goods.find_shelf(line.sku, line.warehouse).expect("lines name known shelves");
            self.goods.shelf(shelf).shelf.on_hand >= line.quantity.units()
        })
    }

    pub(super) fn close_payment(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        close: &PayClose,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let key = RequestKey { who: close.user, id: close.request };
        let body = Intent::PayClose(*close).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.payment_of(close.user, close.payment)?;
        match self.payments.at(slot).state {
            PaymentState::Open => self.judge_room_for_change(now)?,
            PaymentState::Failed | PaymentState::Closed => {
                return Ok(Verdict::Payment(self.payment_brief(slot)));
            }
            PaymentState::Paid | PaymentState::Surplus | PaymentState::Mismatched => {
                return Err(Refusal::of(Reason::AlreadyPaid));
            }
        }

        // Doing.
        let stamp = Stamp { at: now, actor: acting(close.user), request: Some(Request { key, body }), trace };
        self.fail_payment(&stamp, slot, false, facts);
        Ok(Verdict::Payment(self.payment_brief(slot)))
    }

    pub(super) fn get_payment(
        &self,
        user: UserId,
        order: OrderId,
        payment: PaymentId,
    ) -> Result<Verdict, Refusal> {
        let slot = match (order, payment) {
            (OrderId(0), PaymentId(0)) => return Err(Refusal::of(Reason::InvalidField)),
            (OrderId(0), payment) => self.payment_of(user, payment)?,
            (order, PaymentId(0)) => {
                let order = self.order_of(user, order)?;
                self.newest_attempt(order).ok_or(Refusal::of(Reason::PaymentNotFound))?
            }
            (_, _) => return Err(Refusal::of(Reason::InvalidField)),
        };
        Ok(Verdict::Payment(self.payment_brief(slot)))
    }

    /// An open attempt brings nothing. Where it was the order's latest, the order waits for another.
    fn fail_payment(&mut self, stamp: &Stamp, slot: u32, by_gateway: bool, facts: &mut impl Facts) {
        let it = self.payments.at(slot);
        let (payment, order) = (it.id, self.orders.at(it.order));
        let version = if self.newest_attempt(it.order) == Some(slot) {
            self.version_after(it.order, Event::AttemptFailed)
        } else {
            order.version
        };
        let failed = Fact::PaymentFailed { payment, order: order.id, version, by_gateway };
        self.enter_one(stamp, &failed, facts);
    }

    /// The order's version after this event: the same where it leads nowhere.
    pub(super) fn version_after(&self, order: u32, event: Event) -> u32 {
        let order = self.orders.at(order);
        order.version + u32::from(order::step(order.state, event).is_ok())
    }

    /// The payment, if it is there and of this user's order; 0 reads any. To others it does not exist.
    pub(super) fn payment_of(&self, user: UserId, payment: PaymentId) -> Result<u32, Refusal> {
        self.find_payment(payment)
            .filter(|&slot| user == UserId(0) || self.orders.at(self.payments.at(slot).order).user == user)
            .ok_or(Refusal::of(Reason::PaymentNotFound))
    }

    /// The payment, if it was opened for this gateway.
    pub(super) fn payment_of_gateway(&self, gateway: GatewayId, payment: PaymentId) -> Result<u32, Refusal> {
        self.find_payment(payment)
            .filter(|&slot| self.payments.at(slot).gateway == gateway)
            .ok_or(Refusal::of(Reason::PaymentNotFound))
    }

    pub(super) fn find_payment(&self, payment: PaymentId) -> Option<u32> {
        let order = self.orders.find_made(payment.making())?;
        let mut attempts = self.payments.attempts_from(self.orders.newest_payment(order));
        attempts.find(|(_, it)| it.id == payment).map(|(slot, _)| slot)
    }

    /// The order's latest attempt that was opened.
    fn newest_attempt(&self, order: u32) -> Option<u32> {
        let mut attempts = self.payments.attempts_from(self.orders.newest_payment(order));
        attempts.find(|(_, it)| it.came_by == 0).map(|(slot, _)| slot)
    }

    /// How many payments of the order are such.
    fn payments_of(&self, order: u32, are: impl Fn(&Payment) -> bool) -> usize {
        self.payments.attempts_from(self.orders.newest_payment(order)).filter(|(_, it)| are(it)).count()
    }

    pub(super) fn payment_brief(&self, slot: u32) -> PaymentBrief {
        let it = self.payments.at(slot);
        let order = self.orders.at(it.order);
        PaymentBrief {
            payment: it.id,
            order: order.id,
            order_state: order.state,
            order_version: order.version,
            pay_until: order.pay_until,
            gateway: it.gateway,
            state: it.state,
            amount: order.total,
            currency: order.currency,
            arrived: it.money.arrived,
            arrived_currency: it.currency,
            refunded: it.money.refunded,
            refund_number: it.money.refund_number,
            refund_amount: it.money.refund_amount,
            refund_state: it.money.refund,
        }
    }

    pub(super) fn wanted(&self, order: u32) -> Wanted {
        let latest = self.orders.latest_step(order);
        let it = self.orders.at(order);
        Wanted {
            state: it.state,
            cancelled_by_timer: it.state == State::Cancelled && latest.is_some_and(|step| step.by_timer),
            total: it.total,
            currency: it.currency,
        }
    }

    /// Whether all that a cancelled order had can be taken again: the units of each line from its shelf, within
    /// the cap and the user's limit of each sale, and the quotas of its coupons, as they are now.
    pub(super) fn can_be_had_again(&self, slot: u32) -> bool {
        let user = self.orders.at(slot).user;
        let stock_left = self.orders.lines(slot).all(|line| {
            let shelf = self.goods.find_shelf(line.sku, line.warehouse).expect("lines name known shelves");
            self.goods.shelf(shelf).shelf.sellable() >= line.quantity.units()
        });
        let within_limits = self.orders.lines(slot).filter(|line| line.sale != SaleId(0)).all(|line| {
            let units = self.orders.lines(slot).filter(|it| it.sale == line.sale);
            let units: u64 = units.map(|it| it.quantity.units()).sum();
            let has = self.counts.units(line.sale, user);
            let row = self.goods.sale(self.goods.find_sale(line.sale).expect("lines name known sales"));
            let limit = self.user_limit(&row.sale, user, self.clock);
            sale::judge_user_limit(limit, has, units).is_ok()
                && sale::judge_cap(&row.sale, row.taken_units, units).is_ok()
                && has + units <= USER_UNITS_MAX
        });
        stock_left
            && within_limits
            && self.coupons_can_be_had_again(slot)
            && self.counts.len() + self.counts_again(slot) <= self.bounds.user_counts_max
    }

    /// Pairs of sale and user that have nothing counted until this order is counted again.
    pub(super) fn counts_again(&self, slot: u32) -> usize {
        let user = self.orders.at(slot).user;
        let is_new = |&(at, ref line): &(usize, Line)| {
            line.sale != SaleId(0)
                && self.counts.units(line.sale, user) == 0
                && self.orders.lines(slot).take(at).all(|earlier| earlier.sale != line.sale)
        };
        self.orders.lines(slot).enumerate().filter(is_new).count()
    }
}

/// What the facts do.
impl Ledger {
    pub(super) fn payment_opened(
        &mut self,
        stamp: &Stamp,
        (payment, order): (PaymentId, OrderId),
        version: u32,
        gateway: GatewayId,
        pay_until: MicrosUtc,
    ) {
        let slot = self.known(order);
        let (state, currency) = (self.orders.at(slot).state, self.orders.at(slot).currency);
        let older = self.orders.newest_payment(slot);
        let row = self.payments.add((payment, 0), slot, older, gateway, currency);
        self.orders.set_newest_payment(slot, row);
        self.unopened -= usize::from(older == NONE);
        self.rows_kept -= order::rows_kept(state, older != NONE);
        self.rows_kept += order::rows_kept(state, true);
        if pay_until != self.orders.at(slot).pay_until {
            self.disarm(Timed::Order(slot));
            self.orders.at_mut(slot).pay_until = pay_until;
            self.arm(Timed::Order(slot));
        }
        self.follow(stamp, slot, version, State::Paying, 0);
        self.remember(stamp, Subject::payment(payment));
    }

    pub(super) fn payment_failed(
        &mut self,
        stamp: &Stamp,
        (payment, order): (PaymentId, OrderId),
        version: u32,
        by_gateway: bool,
    ) {
        let slot = self.known_payment(payment);
        let state = if by_gateway { PaymentState::Failed } else { PaymentState::Closed };
        self.payments.change(slot, |it| it.state = state);
        let order = self.known(order);
        self.follow(stamp, order, version, State::PendingPayment, 0);
        self.remember(stamp, Subject::payment(self.payments.at(slot).id));
    }

    pub(super) fn money_arrived(
        &mut self,
        stamp: &Stamp,
        payment: PaymentId,
        state: PaymentState,
        (amount, currency): (MinorUnits, Currency),
        reference: u64,
    ) {
        let slot = self.known_payment(payment);
        self.payments.change(slot, |it| {
            let settled = it.state == PaymentState::Mismatched && state == PaymentState::Paid;
            assert!(settled || !it.state.has_arrived(), "money of one attempt arrives once: {it:?}");
            it.state = state;
            it.money.arrived = amount;
            it.currency = currency;
            it.reference = reference;
        });
        // A gateway has no request; an operator who takes the money for the total has.
        self.remember(stamp, Subject::order(self.orders.at(self.payments.at(slot).order).id));
    }

    pub(super) fn money_came_again(
        &mut self,
        (payment, order): (PaymentId, OrderId),
        attempt: u16,
        (amount, currency): (MinorUnits, Currency),
        reference: u64,
        stamp: &Stamp,
    ) {
        let by = self.known_payment(PaymentId::new(order, attempt));
        let Payment { order: slot, gateway, .. } = *self.payments.at(by);
        let older = self.orders.newest_payment(slot);
        let row = self.payments.add((payment, attempt), slot, older, gateway, currency);
        self.orders.set_newest_payment(slot, row);
        self.money_arrived(stamp, payment, PaymentState::Mismatched, (amount, currency), reference);
    }

    /// Moves the order on where the fact says that its version changed.
    pub(super) fn follow(&mut self, stamp: &Stamp, slot: u32, version: u32, to: State, why: u16) {
        if version != self.orders.at(slot).version {
            self.transit(stamp, slot, to, version, why);
        }
    }

    pub(super) fn known_payment(&self, payment: PaymentId) -> u32 {
        self.find_payment(payment).expect("facts name payments that were opened")
    }
}

/// Who acts when this user asks; 0 is an operator.
pub(super) const fn acting(user: UserId) -> Actor {
    match user {
        UserId(0) => Actor::Operator(0),
        user => Actor::User(user),
    }
}
