//! Money from fact to fact: what arrived, what it did, and what went back.

use domain::fact::{Actor, Fact};
use domain::order::State;
use domain::payment::{ATTEMPTS_MAX, PaymentState, REPEATS_MAX, RefundState};
use domain::verdict::{Holdings, digest_payment};
use domain::{Currency, GatewayId, MinorUnits, OrderId, PaymentId, Stamp};

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
    /// Its number, where it was of what paid the order.
    pub(super) number_back: Option<u16>,
    /// More went back by it than came, and that is said.
    pub(super) overdrawn: bool,
}

impl PaymentBook {
    /// What is left of money that came as it was asked for.
    pub(super) fn kept_for_order(&self) -> i128 {
        if self.is_of_order() { (self.arrived - self.refunded).max(0) } else { 0 }
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
        paid.map(|it| (it.arrived - it.refunded).max(0)).sum()
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
                    && book.payments.iter().filter(|it| it.came_by == 0).count() < usize::from(ATTEMPTS_MAX)
                    && gateway.0 != 0
                    && if first { pay_until >= book.pay_until } else { pay_until == book.pay_until };
                book.payments.push(PaymentBook::new(gateway, book.currency));
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
                let newer = &book.payments[usize::from(payment.attempt())..];
                let latest = newer.iter().all(|it| it.came_by != 0);
                let moves = latest && book.state == State::Paying;
                let state = if by_gateway { PaymentState::Failed } else { PaymentState::Closed };
                let by_whom = it.says_so(stamp, by_gateway);
                self.tally.check(Rule::Payments, it.state == PaymentState::Open && by_whom, || {
                    format!("payment {} failed in {:?}, by {:?}", payment.0, it.state, stamp.actor)
                });
                self.put_payment(order, payment, PaymentBook { state, ..it });
                self.move_with_money(order, State::PendingPayment, version, moves, together);
            }
            Fact::PaymentSuccess { payment, order, amount, reference, surplus } => {
                let state = if surplus { PaymentState::Surplus } else { PaymentState::Paid };
                self.money_arrived(stamp, (order, payment), (amount, None, reference), state, together);
            }
            Fact::PaymentMismatched { payment, order, amount, currency, reference } => {
                let (state, money) = (PaymentState::Mismatched, (amount, Some(currency), reference));
                self.money_arrived(stamp, (order, payment), money, state, together);
            }
            Fact::PaymentRepeated { payment, order, attempt, amount, currency, reference } => {
                let money = (amount, currency, reference);
                self.money_came_again(stamp, (order, payment), attempt, money, together);
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
                let paid =
                    self.payment_book(order, payment).map(|(_, it)| it.state) == Some(PaymentState::Paid);
                let money = &mut together.of(order).money;
                (money.went_back, money.number_back) = (true, paid.then_some(number));
                self.refund_came_out(stamp, (order, payment), number, Some((amount, currency)), together);
            }
            Fact::PaymentOverdrawn { payment, order, beyond, currency } => {
                self.payment_overdrawn((order, payment), (beyond, currency), together);
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
            | Fact::StockException { .. }
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
        (amount, currency, reference): (MinorUnits, Option<Currency>, u64),
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
            PaymentBook { state, arrived: i128::from(amount.0), currency, reference, ..it },
        );
        let money = &mut together.of(order).money;
        money.settled |= state == PaymentState::Paid;
        money.surplus |= state == PaymentState::Surplus;
    }

    /// An attempt that has its money brought other money: a payment of its own, and told once.
    fn money_came_again(
        &mut self,
        stamp: &Stamp,
        (order, payment): (OrderId, PaymentId),
        attempt: u16,
        (amount, currency, reference): (MinorUnits, Currency, u64),
        together: &mut Together,
    ) {
        together.asked_for += 1;
        let Some((book, by)) = self.payment_book(order, PaymentId::new(order, attempt)) else {
            return self.no_such_payment(order, payment, together);
        };
        let arrived = i128::from(amount.0);
        let told = |(place, it): (usize, &PaymentBook)| {
            (place + 1 == usize::from(attempt) || it.came_by == attempt)
                && (it.arrived, it.currency) == (arrived, currency)
                && (it.reference == reference || it.reference == 0 || reference == 0)
        };
        let right = payment == PaymentId::new(order, (book.payments.len() as u16).wrapping_add(1))
            && book.payments.iter().filter(|it| it.came_by != 0).count() < usize::from(REPEATS_MAX)
            && by.came_by == 0
            && by.state.has_arrived()
            && by.says_so(stamp, true)
            && arrived >= 0
            && !book.payments.iter().enumerate().any(told);
        self.tally.check(Rule::Payments, right, || {
            format!("{arrived} came for order {} once more, as payment {}: {by:?}", order.0, payment.0)
        });
        let again = PaymentBook {
            state: PaymentState::Mismatched,
            arrived,
            came_by: attempt,
            reference,
            ..PaymentBook::new(by.gateway, currency)
        };
        if let Some(book) = self.books.orders.get_mut(&order) {
            book.payments.push(again);
        }
    }

    /// The refund before it took more than there was, and by so much.
    fn payment_overdrawn(
        &mut self,
        (order, payment): (OrderId, PaymentId),
        (beyond, currency): (MinorUnits, Currency),
        together: &mut Together,
    ) {
        let Some((_, it)) = self.payment_book(order, payment) else {
            return self.no_such_payment(order, payment, together);
        };
        let money = &mut together.of(order).money;
        let right = money.overdrawn && it.overdraft() == i128::from(beyond.0) && currency == it.currency;
        money.overdrawn = false;
        self.tally.check(Rule::Refunds, right, || {
            format!("{} more went back than came, of payment {}: {it:?}", beyond.0, payment.0)
        });
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
            State::StockException | State::Confirmed => true,
            State::PartShipped | State::Shipped => matches!(stamp.actor, Actor::Operator(_)),
            State::Reserving
            | State::PendingPayment
            | State::Paying
            | State::Paid
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
        let mut it = it;
        if it.refund.2 == RefundState::Failed && number != it.refund.0 {
            it.failed.push((it.refund.0, it.refund.1));
        }
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
        let mut it = it;
        let (last, about, state) = it.refund;
        let left_behind = it.failed.iter().position(|(failed, _)| *failed == number);
        let right = match (settled, left_behind) {
            (Some((amount, currency)), None) => {
                let open = number == last && number > 0 && state != RefundState::Done;
                open && i128::from(amount.0) == about && currency == it.currency
            }
            // One that had failed, and went after all.
            (Some((amount, currency)), Some(place)) => {
                i128::from(amount.0) == it.failed[place].1 && currency == it.currency
            }
            (None, _) => number == last && state == RefundState::Asked,
        };
        self.tally.check(Rule::Refunds, right && it.says_so(stamp, true), || {
            format!("refund {number} of payment {} came out as {settled:?}: {it:?}", payment.0)
        });
        match (settled, left_behind) {
            (Some(_), Some(place)) => {
                it.failed.remove(place);
            }
            (Some(_), None) => it.refund.2 = RefundState::Done,
            (None, _) => it.refund.2 = RefundState::Failed,
        }
        it.refunded += settled.map_or(0, |(amount, _)| i128::from(amount.0));
        together.of(order).money.overdrawn = settled.is_some() && it.overdraft() > 0;
        self.put_payment(order, payment, it);
    }

    /// Once all is read: goods went to who paid for them, and no money is kept without use or refund.
    pub(super) fn judge_paid_orders(&mut self) {
        for (id, order) in &self.books.orders {
            let paying = order.payments.iter().filter(|it| it.state == PaymentState::Paid).count();
            let free = order.total == MinorUnits::ZERO;
            let right = paying == usize::from(order.counted && !free)
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
        Some((book, it.clone()))
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
    fn new(gateway: GatewayId, currency: Currency) -> PaymentBook {
        PaymentBook {
            gateway,
            state: PaymentState::Open,
            arrived: 0,
            currency,
            refunded: 0,
            refund: (0, 0, RefundState::None),
            failed: Vec::new(),
            came_by: 0,
            reference: 0,
        }
    }

    /// How much more went back than came.
    fn overdraft(&self) -> i128 {
        (self.refunded - self.arrived).max(0)
    }

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
