//! Money from fact to fact: what arrived, what it did, and what went back.

use domain::fact::{Actor, Fact};
use domain::order::State;
use domain::payment::{ATTEMPTS_MAX, PaymentState, RefundState};
use domain::verdict::{Holdings, digest_payment};
use domain::{Currency, MinorUnits, OrderId, PaymentId, Stamp};

use super::Auditor;
use super::books::{OrderBook, PaymentBook};
use super::orders::Together;
use super::tally::Rule;

/// What the facts of one entry say of an order's money.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Money {
    /// Money came that pays the order.
    pub(super) settled: bool,
    /// Money came that the order has no use for.
    pub(super) surplus: bool,
    /// The gateway is to send that money back.
    pub(super) sent_back: bool,
    /// A refund went through.
    pub(super) went_back: bool,
}

impl PaymentBook {
    /// What is left of money that came as it was asked for.
    pub(super) fn kept_for_order(&self) -> i128 {
        if self.is_of_order() { self.arrived - self.refunded } else { 0 }
    }

    /// What went back of money that came as it was asked for.
    pub(super) fn refunded_of_order(&self) -> i128 {
        if self.is_of_order() { self.refunded } else { 0 }
    }

    fn is_of_order(&self) -> bool {
        match self.state {
            PaymentState::Paid | PaymentState::Surplus => true,
            PaymentState::Open | PaymentState::Failed | PaymentState::Closed | PaymentState::Mismatched => {
                false
            }
        }
    }

    fn on_its_way(&self) -> i128 {
        if self.refund.2 == RefundState::Asked { self.refund.1 } else { 0 }
    }
}

impl OrderBook {
    /// What is left of the money that paid the order.
    pub(super) fn kept(&self) -> i128 {
        let paid = self.payments.iter().filter(|it| it.state == PaymentState::Paid);
        paid.map(|it| it.arrived - it.refunded).sum()
    }
}

impl Auditor {
    /// A fact about a payment; others are taken elsewhere.
    pub(super) fn payment_fact(&mut self, stamp: &Stamp, fact: &Fact<'_>, together: &mut Together) {
        match *fact {
            Fact::PaymentOpened { payment, order, version, gateway, pay_until } => {
                together.asked_for += 1;
                let Some(book) = self.books.orders.get_mut(&order) else {
                    return self.no_such_payment(order, payment, together);
                };
                let first = book.payments.is_empty();
                let right = payment == PaymentId::new(order, (book.payments.len() as u16).wrapping_add(1))
                    && book.payments.len() < usize::from(ATTEMPTS_MAX)
                    && gateway.0 != 0
                    && if first { pay_until >= book.pay_until } else { pay_until == book.pay_until };
                book.payments.push(PaymentBook {
                    gateway,
                    state: PaymentState::Open,
                    arrived: 0,
                    currency: book.currency,
                    refunded: 0,
                    refund: (0, 0, RefundState::None),
                });
                book.pay_until = pay_until;
                let state = book.state;
                self.tally.check(Rule::Payments, right && waits(state), || {
                    format!("payment {} of order {} in {state:?}", payment.0, order.0)
                });
                self.move_with_money(order, State::Paying, version, state == State::PendingPayment, together);
            }
            Fact::PaymentFailed { payment, order, version, by_gateway } => {
                together.asked_for += 1;
                let Some((book, it)) = self.payment_book(order, payment) else {
                    return self.no_such_payment(order, payment, together);
                };
                let latest = usize::from(payment.attempt()) == book.payments.len();
                let moves = latest && book.state == State::Paying;
                let state = if by_gateway { PaymentState::Failed } else { PaymentState::Closed };
                let by_whom = it.says_so(stamp, by_gateway);
                self.tally.check(Rule::Payments, it.state == PaymentState::Open && by_whom, || {
                    format!("payment {} failed in {:?}, by {:?}", payment.0, it.state, stamp.actor)
                });
                self.put_payment(order, payment, PaymentBook { state, ..it });
                self.move_with_money(order, State::PendingPayment, version, moves, together);
            }
            Fact::PaymentSuccess { payment, order, amount, reference: _, surplus } => {
                let state = if surplus { PaymentState::Surplus } else { PaymentState::Paid };
                self.money_arrived(stamp, (order, payment), (amount, None), state, together);
            }
            Fact::PaymentMismatched { payment, order, amount, currency, reference: _ } => {
                let state = PaymentState::Mismatched;
                self.money_arrived(stamp, (order, payment), (amount, Some(currency)), state, together);
            }
            Fact::RefundRequested { payment, order, version, number, amount, currency, .. } => {
                let about = (number, amount, currency);
                self.refund_requested(stamp, (order, payment), version, about, together);
            }
            Fact::RefundFailed { payment, order, number } => {
                together.asked_for += 1;
                self.refund_came_out(stamp, (order, payment), number, None, together);
            }
            Fact::RefundSettled { payment, order, number, amount, currency } => {
                together.asked_for += 1;
                together.of(order).money.went_back = true;
                self.refund_came_out(stamp, (order, payment), number, Some((amount, currency)), together);
            }
            Fact::SkuChanged(_)
            | Fact::FreightChanged(_)
            | Fact::SaleChanged { .. }
            | Fact::StockAdjusted(_)
            | Fact::StockTransferred { .. }
            | Fact::SwitchChanged { .. }
            | Fact::LimitChanged(_)
            | Fact::CursorMoved { .. }
            | Fact::LetterParked { .. }
            | Fact::LetterEnded { .. }
            | Fact::CouponDefined { .. }
            | Fact::CouponClaimed { .. }
            | Fact::CouponLocked { .. }
            | Fact::CouponReleased { .. }
            | Fact::CouponUsed { .. }
            | Fact::StockReturned { .. }
            | Fact::HoldMade { .. }
            | Fact::HoldExtended { .. }
            | Fact::HoldEnded { .. }
            | Fact::OrderCreated(_)
            | Fact::StockReserved { .. }
            | Fact::StockReduced { .. }
            | Fact::StockReleased { .. }
            | Fact::OrderConfirmed { .. }
            | Fact::OrderCancelled { .. }
            | Fact::RefundDone { .. }
            | Fact::OrderShipped { .. }
            | Fact::AftersaleChanged(_)
            | Fact::ShipmentTracked { .. }
            | Fact::OrderDelivered { .. }
            | Fact::OrderCompleted { .. } => (),
        }
    }

    fn money_arrived(
        &mut self,
        stamp: &Stamp,
        (order, payment): (OrderId, PaymentId),
        (amount, currency): (MinorUnits, Option<Currency>),
        state: PaymentState,
        together: &mut Together,
    ) {
        together.asked_for += 1;
        let Some((book, it)) = self.payment_book(order, payment) else {
            return self.no_such_payment(order, payment, together);
        };
        let currency = currency.unwrap_or(book.currency);
        let equal = currency == book.currency && amount == book.total;
        let wanted = waits(book.state) || book.state == State::Cancelled && book.ended_by_timer;
        let settled = state == PaymentState::Paid && it.can_be_settled(stamp, (amount, currency));
        let right = match state {
            PaymentState::Paid => (equal || settled) && wanted,
            PaymentState::Surplus => equal && !waits(book.state),
            PaymentState::Mismatched => !equal && amount.0 >= 0,
            PaymentState::Open | PaymentState::Failed | PaymentState::Closed => false,
        };
        let right = right && (settled || !it.state.has_arrived() && it.says_so(stamp, true));
        let from = book.state;
        self.tally.check(Rule::Payments, right, || {
            let (order, amount) = (order.0, amount.0);
            format!("{amount} came for order {order} in {from:?} as {state:?}, by {:?}", stamp.actor)
        });
        self.put_payment(
            order,
            payment,
            PaymentBook { state, arrived: i128::from(amount.0), currency, ..it },
        );
        let money = &mut together.of(order).money;
        money.settled |= state == PaymentState::Paid;
        money.surplus |= state == PaymentState::Surplus;
    }

    fn refund_requested(
        &mut self,
        stamp: &Stamp,
        (order, payment): (OrderId, PaymentId),
        version: u32,
        (number, amount, currency): (u16, MinorUnits, Currency),
        together: &mut Together,
    ) {
        let follows = {
            let money = &mut together.of(order).money;
            money.sent_back |= money.surplus;
            money.surplus || money.went_back
        };
        let is_this = |&mut (refund, about, _): &mut (u16, i128, u16)| {
            (refund, about) == (number, i128::from(amount.0))
        };
        let of_case = together.of(order).case_refund.take_if(is_this);
        let follows = follows || of_case.is_some();
        if !follows {
            together.asked_for += 1;
        }
        let Some((book, it)) = self.payment_book(order, payment) else {
            return self.no_such_payment(order, payment, together);
        };
        let asked = i128::from(amount.0);
        let next = match it.refund {
            // One that failed is asked for again; a case asks for its own again, and for no other's.
            (last, was, RefundState::Failed)
                if was == asked && of_case.is_none_or(|(_, _, had)| had == last) =>
            {
                last
            }
            (last, _, _) => last.saturating_add(1),
        };
        let by_whom = match stamp.actor {
            Actor::User(user) => user == book.user,
            Actor::Operator(_) => true,
            Actor::Gateway(_) => follows,
            Actor::Timer => false,
        };
        let right = asked > 0
            && it.refunded + it.on_its_way() + asked <= it.arrived
            && it.refund.2 != RefundState::Asked
            && number == next
            && currency == it.currency
            && by_whom;
        // Money that came late, and money of an order that was paid and is cancelled, move it to REFUNDING.
        let cancelled = !follows && it.state == PaymentState::Paid && version != book.version;
        let may_end = match book.state {
            State::Confirmed => true,
            State::PartShipped | State::Shipped => matches!(stamp.actor, Actor::Operator(_)),
            State::Reserving
            | State::PendingPayment
            | State::Paying
            | State::Paid
            | State::StockException
            | State::Delivered
            | State::Completed
            | State::Failed
            | State::Cancelled
            | State::Refunding
            | State::Refunded => false,
        };
        let moves = book.state == State::Cancelled && follows || may_end && cancelled;
        self.tally.check(Rule::Refunds, right, || {
            format!("{asked} of {it:?} of order {} asked back, as number {number}", order.0)
        });
        self.put_payment(order, payment, PaymentBook { refund: (number, asked, RefundState::Asked), ..it });
        self.move_with_money(order, State::Refunding, version, moves, together);
    }

    fn refund_came_out(
        &mut self,
        stamp: &Stamp,
        (order, payment): (OrderId, PaymentId),
        number: u16,
        settled: Option<(MinorUnits, Currency)>,
        together: &mut Together,
    ) {
        let Some((_, it)) = self.payment_book(order, payment) else {
            return self.no_such_payment(order, payment, together);
        };
        let (last, about, state) = it.refund;
        let open = match settled {
            Some((amount, currency)) => {
                state != RefundState::Done && i128::from(amount.0) == about && currency == it.currency
            }
            None => state == RefundState::Asked,
        };
        let right = open && number == last && number > 0 && it.says_so(stamp, true);
        self.tally.check(Rule::Refunds, right, || {
            format!("refund {number} of payment {} came out as {settled:?}: {it:?}", payment.0)
        });
        let (refunded, state) = match settled {
            Some((amount, _)) => (it.refunded + i128::from(amount.0), RefundState::Done),
            None => (it.refunded, RefundState::Failed),
        };
        self.put_payment(order, payment, PaymentBook { refunded, refund: (last, about, state), ..it });
    }

    /// Once all is read: goods went to who paid for them, and no money is kept without use or refund.
    pub(super) fn judge_paid_orders(&mut self) {
        for (id, order) in &self.books.orders {
            let paying = order.payments.iter().filter(|it| it.state == PaymentState::Paid).count();
            let free = order.total == MinorUnits::ZERO;
            let right = paying == usize::from(order.sold && !free)
                && order.payments.iter().all(|it| it.state != PaymentState::Surplus || it.refund.0 > 0)
                && (order.state != State::Refunded || order.kept() == 0);
            self.tally.check(Rule::PaidOrders, right, || {
                format!("order {} in {:?}: {:?}", id.0, order.state, order.payments)
            });
        }
    }

    pub(super) fn compare_payments(&mut self, holdings: &Holdings) {
        let (mut counts, mut digest) = ([0_u64; 6], 0_u64);
        let (mut arrived, mut refunded) = (0_i64, 0_i64);
        for (&id, order) in &self.books.orders {
            for (at, it) in order.payments.iter().enumerate() {
                counts[usize::from(it.state.number()) - 1] += 1;
                arrived = arrived.wrapping_add(it.arrived as i64);
                refunded = refunded.wrapping_add(it.refunded as i64);
                let money = [it.arrived, it.refunded, it.on_its_way()].map(|sum| MinorUnits(sum as i64));
                let payment = PaymentId::new(id, (at as u16).wrapping_add(1));
                digest = digest.wrapping_add(digest_payment(payment, it.state, it.refund.2, money));
            }
        }
        let theirs = (holdings.payments, holdings.arrived, holdings.refunded, holdings.payments_digest);
        self.tally.check(Rule::StorePayments, theirs == (counts, arrived, refunded, digest), || {
            let (has, money) = (holdings.payments, (holdings.arrived, holdings.refunded));
            format!(
                "the store has {has:?} with {money:?}, the facts make {counts:?}, {:?}",
                (arrived, refunded)
            )
        });
    }

    /// Moves an order where its money moves it; elsewhere its version stays as it is.
    fn move_with_money(
        &mut self,
        order: OrderId,
        to: State,
        version: u32,
        moves: bool,
        together: &mut Together,
    ) {
        if moves {
            self.step(order, to, version, |_| true, together);
            return;
        }
        let stands = self.books.orders.get(&order).map(|it| it.version);
        self.tally.check(Rule::Transitions, stands == Some(version), || {
            format!("order {} stays, and went from version {stands:?} to {version}", order.0)
        });
    }

    fn payment_book(&self, order: OrderId, payment: PaymentId) -> Option<(&OrderBook, PaymentBook)> {
        let book = self.books.orders.get(&order)?;
        let place = usize::from(payment.attempt()).checked_sub(1)?;
        let it = book.payments.get(place).filter(|_| payment.is_of(order))?;
        Some((book, *it))
    }

    fn put_payment(&mut self, order: OrderId, payment: PaymentId, it: PaymentBook) {
        if let Some(book) = self.books.orders.get_mut(&order) {
            book.payments[usize::from(payment.attempt()) - 1] = it;
        }
    }

    fn no_such_payment(&mut self, order: OrderId, payment: PaymentId, together: &mut Together) {
        together.of(order).blame();
        self.tally.check(Rule::Payments, false, || {
            format!("payment {} of order {} is not there", payment.0, order.0)
        });
    }
}

impl PaymentBook {
    /// Whether an operator may take this money, which waited for one, for its order's total.
    fn can_be_settled(&self, stamp: &Stamp, (amount, currency): (MinorUnits, Currency)) -> bool {
        self.state == PaymentState::Mismatched
            && matches!(stamp.actor, Actor::Operator(_))
            && (i128::from(amount.0), currency) == (self.arrived, self.currency)
            && self.refunded + self.on_its_way() == 0
    }

    /// Whether who says this may: the attempt's own gateway, or a buyer or operator who closes it.
    fn says_so(&self, stamp: &Stamp, as_gateway: bool) -> bool {
        match stamp.actor {
            Actor::Gateway(gateway) => as_gateway && gateway == self.gateway,
            Actor::User(_) | Actor::Operator(_) => !as_gateway,
            Actor::Timer => false,
        }
    }
}

fn waits(state: State) -> bool {
    matches!(state, State::PendingPayment | State::Paying)
}
