//! Payments as SPEC tells them: attempts, what a gateway says, and what goes back.

use domain::aftersale::Case;
use domain::fact::Actor;
use domain::intent::{
    PayCallback, PayClose, PayOpen, PayOutcome, Refund, RefundResult, Repair, RepairAction,
};
use domain::order::State;
use domain::payment::{ATTEMPTS_MAX, PaymentState, REFUNDS_MAX, REPEATS_MAX, RefundState};
use domain::verdict::{Holdings, PaymentBrief, digest_payment};
use domain::{
    Currency, GatewayId, Micros, MicrosUtc, MinorUnits, OrderId, PaymentId, Reason, Refusal, SaleId, UserId,
    Verdict,
};

use super::{Model, OneOrder, Subject};

/// Who begins to pay has at least this long from then.
const TIME_TO_PAY: Micros = Micros::from_seconds(600);

/// An attempt to pay, or money that came by one once more.
#[derive(Clone, Debug)]
pub(super) struct OnePayment {
    gateway: GatewayId,
    /// The attempt by which it came once more; 0: an attempt.
    came_by: u16,
    reference: u64,
    state: PaymentState,
    arrived: i64,
    currency: Currency,
    refunded: i64,
    refund_number: u16,
    refund_amount: i64,
    pub(super) refund: RefundState,
    /// Number and amount of each refund that failed before another was asked for.
    failed: Vec<(u16, i64)>,
}

impl OnePayment {
    fn new(gateway: GatewayId, came_by: u16, currency: Currency) -> OnePayment {
        OnePayment {
            gateway,
            came_by,
            reference: 0,
            state: PaymentState::Open,
            arrived: 0,
            currency,
            refunded: 0,
            refund_number: 0,
            refund_amount: 0,
            refund: RefundState::None,
            failed: Vec::new(),
        }
    }

    pub(super) fn left(&self) -> i64 {
        let on_its_way = if self.refund == RefundState::Asked { self.refund_amount } else { 0 };
        let left = i128::from(self.arrived) - i128::from(self.refunded) - i128::from(on_its_way);
        left.max(0) as i64
    }

    pub(super) fn ask_back(&mut self, amount: i64) {
        self.ask_back_as(self.next_number(amount), amount);
    }

    pub(super) fn ask_back_as(&mut self, number: u16, amount: i64) {
        if self.refund == RefundState::Failed && number != self.refund_number {
            self.failed.push((self.refund_number, self.refund_amount));
        }
        self.refund_number = number;
        self.refund_amount = amount;
        self.refund = RefundState::Asked;
    }

    /// A case asks for its own refund again, if it is the latest, and for no other's.
    pub(super) fn next_number_of(&self, case: &Case, amount: i64) -> u16 {
        if case.refund == self.refund_number { self.next_number(amount) } else { self.refund_number + 1 }
    }

    pub(super) fn next_number(&self, amount: i64) -> u16 {
        let again = self.refund == RefundState::Failed && self.refund_amount == amount;
        self.refund_number + u16::from(!again)
    }
}

impl Model {
    pub(super) fn pay_open(&mut self, now: MicrosUtc, open: &PayOpen) -> Result<Subject, Refusal> {
        let order = self.order_of(open.user, open.order)?;
        let (brief, payments) = (order.view.brief, order.payments.len());
        let attempts = order.payments.iter().filter(|it| it.came_by == 0).count();
        match brief.state {
            State::PendingPayment | State::Paying => (),
            State::Reserving | State::Failed | State::Cancelled | State::Refunding | State::Refunded => {
                return Err(wrong_state(State::Paying, brief.state));
            }
            State::Paid
            | State::StockException
            | State::Confirmed
            | State::PartShipped
            | State::Shipped
            | State::Delivered
            | State::Completed => return Err(Refusal::of(Reason::AlreadyPaid)),
        }
        if attempts == usize::from(ATTEMPTS_MAX) {
            return Err(Refusal::of(Reason::Overloaded));
        }
        let order = self.orders.get_mut(&open.order).ok_or(Refusal::of(Reason::OrderNotFound))?;
        order.payments.push(OnePayment::new(open.gateway, 0, brief.currency));
        if attempts == 0 {
            let brief = &mut order.view.brief;
            brief.pay_until = brief.pay_until.max(now.after(TIME_TO_PAY));
        }
        if brief.state == State::PendingPayment {
            self.move_to(now, open.order, State::Paying, acting(open.user), 0);
        }
        Ok(Subject::Payment(PaymentId::new(open.order, payments as u16 + 1)))
    }

    pub(super) fn pay_close(&mut self, now: MicrosUtc, close: &PayClose) -> Result<Option<Subject>, Refusal> {
        let (_, it) = self.payment(close.user, close.payment)?;
        match it.state {
            PaymentState::Open => self.fail(now, close.payment, PaymentState::Closed, acting(close.user)),
            PaymentState::Failed | PaymentState::Closed => return Ok(None),
            PaymentState::Paid | PaymentState::Surplus | PaymentState::Mismatched => {
                return Err(Refusal::of(Reason::AlreadyPaid));
            }
        }
        Ok(Some(Subject::Payment(close.payment)))
    }

    pub(super) fn pay_callback(&mut self, now: MicrosUtc, said: &PayCallback) -> Result<Verdict, Refusal> {
        let (id, it) = self.payment_of(said.gateway, said.payment)?;
        let actor = Actor::Gateway(said.gateway);
        match said.outcome {
            PayOutcome::Failed if it.state == PaymentState::Open => {
                self.fail(now, said.payment, PaymentState::Failed, actor);
                self.time = now;
            }
            PayOutcome::Failed => (),
            PayOutcome::Succeeded { amount, .. } if amount.0 < 0 => {
                return Err(Refusal::of(Reason::InvalidField));
            }
            PayOutcome::Succeeded { amount, currency, reference } if it.state.has_arrived() => {
                let payment = self.money_again(now, (id, said.payment), (amount, currency), reference)?;
                let brief = self.payment_brief(payment);
                return Ok(if brief.state == PaymentState::Mismatched {
                    Verdict::Mismatched(brief)
                } else {
                    Verdict::Payment(brief)
                });
            }
            PayOutcome::Succeeded { amount, currency, reference } => {
                let state = self.take_money(now, id, (amount, currency), actor);
                let it = self.payment_mut(said.payment);
                (it.state, it.arrived, it.currency) = (state, amount.0, currency);
                it.reference = reference;
                if state == PaymentState::Surplus {
                    it.ask_back(amount.0);
                }
                self.time = now;
            }
        }
        let brief = self.payment_brief(said.payment);
        let came = matches!(said.outcome, PayOutcome::Succeeded { .. });
        if came && brief.state == PaymentState::Mismatched {
            return Ok(Verdict::Mismatched(brief));
        }
        Ok(Verdict::Payment(brief))
    }

    /// What an attempt that has its money brings once more: the same is nothing, else a payment of its own.
    fn money_again(
        &mut self,
        now: MicrosUtc,
        (id, payment): (OrderId, PaymentId),
        (amount, currency): (MinorUnits, Currency),
        reference: u64,
    ) -> Result<PaymentId, Refusal> {
        let payments = &mut self.orders.get_mut(&id).expect("it was found").payments;
        let named = payment.attempt();
        let by = match payments[usize::from(named) - 1].came_by {
            0 => named,
            by => by,
        };
        for (place, it) in payments.iter().enumerate() {
            let number = place as u16 + 1;
            let named = it.reference != 0 && reference != 0;
            let told =
                (it.arrived, it.currency) == (amount.0, currency) && (!named || it.reference == reference);
            if (number == by || it.came_by == by) && told {
                return Ok(PaymentId::new(id, number));
            }
        }
        if payments.iter().filter(|it| it.came_by != 0).count() == usize::from(REPEATS_MAX) {
            return Err(Refusal::of(Reason::Overloaded));
        }
        let gateway = payments[usize::from(by) - 1].gateway;
        let mut again = OnePayment::new(gateway, by, currency);
        (again.state, again.arrived, again.reference) = (PaymentState::Mismatched, amount.0, reference);
        payments.push(again);
        let number = payments.len() as u16;
        self.time = now;
        Ok(PaymentId::new(id, number))
    }

    /// What money does to its order; says what its attempt is from there on.
    fn take_money(
        &mut self,
        now: MicrosUtc,
        id: OrderId,
        (amount, currency): (MinorUnits, Currency),
        actor: Actor,
    ) -> PaymentState {
        let order = &self.orders[&id];
        let brief = order.view.brief;
        if (amount, currency) != (brief.total, brief.currency) {
            return PaymentState::Mismatched;
        }
        let by_timer = order.history.last().is_some_and(|row| row.actor == Actor::Timer);
        match brief.state {
            State::PendingPayment | State::Paying => {
                self.settle(now, id, actor);
                PaymentState::Paid
            }
            State::Cancelled if by_timer && self.can_be_had_again(now, id) => {
                self.take_again(id);
                self.confirm(now, id, actor);
                PaymentState::Paid
            }
            State::Cancelled => {
                self.move_to(now, id, State::Refunding, actor, 0);
                PaymentState::Surplus
            }
            State::Reserving
            | State::Failed
            | State::Paid
            | State::StockException
            | State::Confirmed
            | State::PartShipped
            | State::Shipped
            | State::Delivered
            | State::Completed
            | State::Refunding
            | State::Refunded => PaymentState::Surplus,
        }
    }

    /// Money that is not what was asked for is taken for it, as if that had come; or units are found.
    pub(super) fn repair(&mut self, now: MicrosUtc, repair: &Repair) -> Result<Subject, Refusal> {
        let brief = self.order_of(UserId(0), repair.order)?.view.brief;
        if repair.version != 0 && repair.version != brief.version {
            let (asked, there) = (i64::from(repair.version), i64::from(brief.version));
            return Err(Refusal::of(Reason::VersionConflict).with(asked, there));
        }
        let payment = match repair.action {
            RepairAction::Settle(payment) => payment,
            RepairAction::Restock => {
                self.restock(now, repair.order)?;
                return Ok(Subject::Order(repair.order));
            }
        };
        let (id, it) = self.payment(UserId(0), payment)?;
        if id != repair.order {
            return Err(Refusal::of(Reason::PaymentNotFound));
        }
        match it.state {
            PaymentState::Paid | PaymentState::Surplus => return Err(Refusal::of(Reason::AlreadyPaid)),
            PaymentState::Mismatched if it.left() == it.arrived => (),
            PaymentState::Mismatched | PaymentState::Open | PaymentState::Failed | PaymentState::Closed => {
                return Err(wrong_state(State::Confirmed, brief.state));
            }
        }
        if it.currency != brief.currency {
            let (asked, there) = (i64::from(it.currency.0), i64::from(brief.currency.0));
            return Err(Refusal::of(Reason::CurrencyMismatch).with(asked, there));
        }
        let by_timer = self.orders[&id].history.last().is_some_and(|row| row.actor == Actor::Timer);
        match brief.state {
            State::PendingPayment | State::Paying => (),
            State::Cancelled if by_timer && self.can_be_had_again(now, id) => self.take_again(id),
            State::Cancelled | State::Reserving | State::Failed => {
                return Err(wrong_state(State::Confirmed, brief.state));
            }
            State::Paid
            | State::StockException
            | State::Confirmed
            | State::PartShipped
            | State::Shipped
            | State::Delivered
            | State::Completed
            | State::Refunding
            | State::Refunded => return Err(Refusal::of(Reason::AlreadyPaid)),
        }
        self.settle(now, id, Actor::Operator(0));
        self.payment_mut(payment).state = PaymentState::Paid;
        Ok(Subject::Order(id))
    }

    fn can_be_had_again(&self, now: MicrosUtc, id: OrderId) -> bool {
        let view = &self.orders[&id].view;
        self.coupons_can_be_had_again(id)
            && view.lines.iter().all(|line| {
                let stock = self.shelves[&(line.sku, line.warehouse)].sellable() >= line.quantity.units();
                let Some(sale) = self.sales.get(&line.sale).filter(|_| line.sale != SaleId(0)) else {
                    return stock;
                };
                let all: u64 =
                    view.lines.iter().filter(|it| it.sale == line.sale).map(|it| it.quantity.units()).sum();
                let has = self.taken_by_user.get(&(line.sale, view.brief.user)).copied().unwrap_or(0);
                let limit = self.user_limit_of(&sale.summary.sale, view.brief.user, now);
                let cap = sale.summary.sale.cap_units;
                stock
                    && (limit == 0 || has + all <= limit)
                    && (cap == 0 || sale.summary.taken_units + all <= cap)
            })
    }

    fn take_again(&mut self, id: OrderId) {
        self.lock_coupons(id);
        let view = self.orders[&id].view.clone();
        for line in &view.lines {
            let units = line.quantity.units();
            self.shelves.entry((line.sku, line.warehouse)).or_default().held += units;
            let Some(sale) = self.sales.get_mut(&line.sale) else { continue };
            sale.summary.taken_units += units;
            *self.taken_by_user.entry((line.sale, view.brief.user)).or_default() += units;
        }
    }

    pub(super) fn refund(&mut self, refund: &Refund) -> Result<Subject, Refusal> {
        let (id, it) = self.payment(UserId(0), refund.payment)?;
        let (asked, left) = (refund.amount.0, it.left());
        if asked < 0 {
            return Err(Refusal::of(Reason::InvalidField));
        }
        if asked > left || left == 0 {
            return Err(Refusal::of(Reason::RefundExceedsPaid).with(asked, left));
        }
        if it.refund == RefundState::Asked {
            let state = self.orders[&id].view.brief.state;
            return Err(wrong_state(state, state));
        }
        let amount = if asked == 0 { left } else { asked };
        if it.next_number(amount) > REFUNDS_MAX {
            return Err(Refusal::of(Reason::Overloaded));
        }
        self.payment_mut(refund.payment).ask_back(amount);
        Ok(Subject::Payment(refund.payment))
    }

    pub(super) fn refund_result(&mut self, now: MicrosUtc, said: &RefundResult) -> Result<Verdict, Refusal> {
        let (id, it) = self.payment_of(said.gateway, said.payment)?;
        if said.number == 0 || said.number > it.refund_number {
            return Err(Refusal::of(Reason::PaymentNotFound));
        }
        let latest = said.number == it.refund_number;
        let failed = it.failed.iter().find(|(number, _)| *number == said.number).map(|(_, amount)| *amount);
        let about = if latest { Some(it.refund_amount) } else { failed };
        if about.is_some_and(|about| said.amount.0 != about) {
            return Err(Refusal::of(Reason::AmountMismatch).with(said.amount.0, about.unwrap_or(0)));
        }
        let unsettled = if latest { it.refund != RefundState::Done } else { failed.is_some() };
        if unsettled && said.succeeded {
            let Some(refunded) = it.refunded.checked_add(said.amount.0) else {
                return Err(Refusal::of(Reason::AmountMismatch).with(said.amount.0, it.arrived));
            };
            let it = self.payment_mut(said.payment);
            it.refunded = refunded;
            if latest {
                it.refund = RefundState::Done;
            }
            it.failed.retain(|(number, _)| *number != said.number);
            self.case_settled(now, id, said.payment, said.number);
            self.went_back(now, id, said);
            self.time = now;
        } else if latest && it.refund == RefundState::Asked {
            self.payment_mut(said.payment).refund = RefundState::Failed;
            self.time = now;
        }
        let brief = self.payment_brief(said.payment);
        if brief.refunded > brief.arrived {
            Ok(Verdict::Mismatched(brief))
        } else {
            Ok(Verdict::Payment(brief))
        }
    }

    /// An order that is to be refunded asks for what is left, and is REFUNDED when nothing is.
    fn went_back(&mut self, now: MicrosUtc, id: OrderId, said: &RefundResult) {
        let state = self.orders[&id].view.brief.state;
        let it = self.payment_mut(said.payment);
        if state == State::Refunding && it.left() > 0 {
            let left = it.left();
            if it.refund == RefundState::Done && it.next_number(left) <= REFUNDS_MAX {
                it.ask_back(left);
            }
            return;
        }
        let counts = |it: &&OnePayment| matches!(it.state, PaymentState::Paid | PaymentState::Surplus);
        let nothing_left =
            self.orders[&id].payments.iter().filter(counts).all(|it| it.arrived <= it.refunded);
        if nothing_left && matches!(state, State::Refunding | State::Delivered | State::Completed) {
            let counted = |to| matches!(to, State::Confirmed | State::StockException);
            let counted = self.orders[&id].history.iter().any(|row| counted(row.to));
            let actor = Actor::Gateway(said.gateway);
            if counted {
                self.take_back(now, id, actor, 0);
            } else {
                self.move_to(now, id, State::Refunded, actor, 0);
            }
        }
    }

    /// The payment that paid the order.
    pub(super) fn paying(&self, id: OrderId) -> Option<PaymentId> {
        let place = self.orders[&id].payments.iter().position(|it| it.state == PaymentState::Paid)?;
        Some(PaymentId::new(id, place as u16 + 1))
    }

    /// The number of the refund of this payment that is on its way, and its amount.
    pub(super) fn payment_asked_back(&self, payment: PaymentId) -> Option<(u16, i64)> {
        let (_, order) = self.orders.iter().find(|(id, _)| payment.is_of(**id))?;
        let it = order.payments.get(usize::from(payment.attempt()).checked_sub(1)?)?;
        (it.refund == RefundState::Asked).then_some((it.refund_number, it.refund_amount))
    }

    /// A refund of this payment that failed before another was asked for, and may still go through: its number and
    /// amount.
    pub fn failed_refund(&self, payment: PaymentId) -> Option<(u16, MinorUnits)> {
        let (_, it) = self.payment(UserId(0), payment).ok()?;
        it.failed.first().map(|&(number, amount)| (number, MinorUnits(amount)))
    }

    /// A paid order is cancelled: its money is asked back; says no where a part of it is on its way.
    pub(super) fn cancel_paid(
        &mut self,
        now: MicrosUtc,
        id: OrderId,
        actor: Actor,
        why: u16,
    ) -> Result<(), Refusal> {
        let state = self.orders[&id].view.brief.state;
        let paying = self.orders[&id].payments.iter().position(|it| it.state == PaymentState::Paid);
        let Some(attempt) = paying.map(|place| place as u16 + 1) else {
            self.take_back(now, id, actor, why);
            return Ok(());
        };
        let it = self.payment_mut(PaymentId::new(id, attempt));
        if it.arrived <= it.refunded {
            self.take_back(now, id, actor, why);
            return Ok(());
        }
        if it.refund == RefundState::Asked {
            return Err(wrong_state(State::Refunding, state));
        }
        let left = it.left();
        if it.next_number(left) > REFUNDS_MAX {
            return Err(Refusal::of(Reason::Overloaded));
        }
        it.ask_back(left);
        self.move_to(now, id, State::Refunding, actor, why);
        Ok(())
    }

    pub(super) fn pay_get(
        &self,
        user: UserId,
        order: OrderId,
        payment: PaymentId,
    ) -> Result<Verdict, Refusal> {
        let payment = match (order.0, payment.0) {
            (0, 0) => return Err(Refusal::of(Reason::InvalidField)),
            (0, _) => payment,
            (_, 0) => {
                let payments = &self.order_of(user, order)?.payments;
                let newest = payments.iter().rposition(|it| it.came_by == 0);
                PaymentId::new(order, newest.map_or(0, |place| place as u16 + 1))
            }
            (_, _) => return Err(Refusal::of(Reason::InvalidField)),
        };
        self.payment(user, payment)?;
        Ok(Verdict::Payment(self.payment_brief(payment)))
    }

    pub(super) fn payment_brief(&self, payment: PaymentId) -> PaymentBrief {
        let (id, order) = self.orders.iter().find(|(id, _)| payment.is_of(**id)).expect("it was found");
        let (it, brief) = (&order.payments[usize::from(payment.attempt()) - 1], order.view.brief);
        PaymentBrief {
            payment,
            order: *id,
            order_state: brief.state,
            order_version: brief.version,
            pay_until: brief.pay_until,
            gateway: it.gateway,
            state: it.state,
            amount: brief.total,
            currency: brief.currency,
            arrived: MinorUnits(it.arrived),
            arrived_currency: it.currency,
            refunded: MinorUnits(it.refunded),
            refund_number: it.refund_number,
            refund_amount: MinorUnits(it.refund_amount),
            refund_state: it.refund,
        }
    }

    pub(super) fn count_payments(&self, holdings: &mut Holdings) {
        for (id, order) in &self.orders {
            for (place, it) in order.payments.iter().enumerate() {
                let asked_back = if it.refund == RefundState::Asked { it.refund_amount } else { 0 };
                let money = [it.arrived, it.refunded, asked_back].map(MinorUnits);
                let payment = PaymentId::new(*id, place as u16 + 1);
                holdings.payments[usize::from(it.state.number()) - 1] += 1;
                holdings.arrived = holdings.arrived.wrapping_add(it.arrived);
                holdings.refunded = holdings.refunded.wrapping_add(it.refunded);
                let row = digest_payment(payment, it.state, it.refund, money);
                holdings.payments_digest = holdings.payments_digest.wrapping_add(row);
            }
        }
    }

    fn fail(&mut self, now: MicrosUtc, payment: PaymentId, state: PaymentState, actor: Actor) {
        self.payment_mut(payment).state = state;
        let (id, order) = self.orders.iter().find(|(id, _)| payment.is_of(**id)).expect("it was found");
        let newer = &order.payments[usize::from(payment.attempt())..];
        let latest = newer.iter().all(|it| it.came_by != 0);
        if latest && order.view.brief.state == State::Paying {
            self.move_to(now, *id, State::PendingPayment, actor, 0);
        }
    }

    /// The payment, if its order is there and this user's; user 0 (an operator) may see any.
    fn payment(&self, user: UserId, payment: PaymentId) -> Result<(OrderId, OnePayment), Refusal> {
        let of = |(id, order): (&OrderId, &OneOrder)| {
            let it = order.payments.get(usize::from(payment.attempt()).checked_sub(1)?)?;
            let right = payment.is_of(*id) && (user == UserId(0) || order.view.brief.user == user);
            right.then(|| (*id, it.clone()))
        };
        self.orders.iter().find_map(of).ok_or(Refusal::of(Reason::PaymentNotFound))
    }

    /// The payment, if it was opened for this gateway.
    fn payment_of(&self, gateway: GatewayId, payment: PaymentId) -> Result<(OrderId, OnePayment), Refusal> {
        let found = self.payment(UserId(0), payment)?;
        if found.1.gateway == gateway { Ok(found) } else { Err(Refusal::of(Reason::PaymentNotFound)) }
    }

    pub(super) fn payment_mut(&mut self, payment: PaymentId) -> &mut OnePayment {
        let order = self.orders.iter_mut().find(|(id, _)| payment.is_of(**id)).expect("it was found").1;
        &mut order.payments[usize::from(payment.attempt()) - 1]
    }
}

fn acting(user: UserId) -> Actor {
    match user {
        UserId(0) => Actor::Operator(0),
        user => Actor::User(user),
    }
}

pub(super) fn wrong_state(wanted: State, is: State) -> Refusal {
    Refusal::of(Reason::WrongState).with(i64::from(wanted.number()), i64::from(is.number()))
}
