//! What becomes of money: whether an order can be paid, what to do with what arrived, and what may go back.
//!
//! Pure decisions over values. A callback speaks of one attempt; money that arrived is always a fact, whatever the
//! order's state, so nothing here can refuse it. What can be decided is only what it is used for.

use crate::fact::RefundReason;
use crate::image::{flat, flat_by_number};
use crate::order::State;
use crate::refusal::{Reason, Refusal};
use crate::units::{Currency, MinorUnits};

/// Attempts to pay one order, at most: more is OVERLOADED.
pub const ATTEMPTS_MAX: u16 = 16;
/// Payments of one order that came by an attempt which had its money already, at most: more is OVERLOADED, and the
/// gateway that says so has gone mad.
pub const REPEATS_MAX: u16 = 16;
/// Refunds that failed and were asked for otherwise since, over all payments, at most: leaving one more behind is
/// OVERLOADED.
pub const FAILED_REFUNDS_MAX: usize = 1 << 16;
/// Refunds of one payment, at most, failed ones that are asked again not counted: more is OVERLOADED.
pub const REFUNDS_MAX: u16 = 1_000;

/// Where an attempt stands. The numbers are on the wire, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PaymentState {
    /// The gateway has not said anything yet.
    Open = 1,
    /// The gateway said that no money will come.
    Failed = 2,
    /// Given up by the buyer or an operator.
    Closed = 3,
    /// Its money paid the order.
    Paid = 4,
    /// Its money came when the order could not use it; all of it goes back.
    Surplus = 5,
    /// Another amount or currency came, or money once more by an attempt that had its money; an operator sends it
    /// back, or takes it for what was to be paid.
    Mismatched = 6,
}

/// Where the latest refund of a payment stands. The numbers are on the wire, so they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RefundState {
    /// None was asked for.
    None = 0,
    /// Asked for; the gateway has not said how it went.
    Asked = 1,
    /// The gateway could not; the money is still there.
    Failed = 2,
    /// The money went back.
    Done = 3,
}

impl PaymentState {
    /// Every state, by number.
    pub const ALL: [PaymentState; 6] = [
        PaymentState::Open,
        PaymentState::Failed,
        PaymentState::Closed,
        PaymentState::Paid,
        PaymentState::Surplus,
        PaymentState::Mismatched,
    ];

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state of this number, if there is one.
    pub const fn from_number(number: u8) -> Option<PaymentState> {
        match number {
            1..=6 => Some(Self::ALL[number as usize - 1]),
            _ => None,
        }
    }

    /// Whether its money is there.
    pub const fn has_arrived(self) -> bool {
        match self {
            PaymentState::Paid | PaymentState::Surplus | PaymentState::Mismatched => true,
            PaymentState::Open | PaymentState::Failed | PaymentState::Closed => false,
        }
    }
}

impl RefundState {
    /// Every state, by number.
    pub const ALL: [RefundState; 4] =
        [RefundState::None, RefundState::Asked, RefundState::Failed, RefundState::Done];

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state of this number, if there is one.
    pub const fn from_number(number: u8) -> Option<RefundState> {
        match number {
            0..=3 => Some(Self::ALL[number as usize]),
            _ => None,
        }
    }
}

/// The money of one payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// What arrived; 0 before.
    pub arrived: MinorUnits,
    /// What went back of it; more than arrived only where a refund that was said to have failed went through.
    pub refunded: MinorUnits,
    /// What the latest refund is about; 0 where there was none.
    pub refund_amount: MinorUnits,
    /// Counts refunds; 0 where there was none.
    pub refund_number: u16,
    /// Where the latest refund stands.
    pub refund: RefundState,
}

flat_by_number!(PaymentState, RefundState);
flat! {
    Money {
        arrived: MinorUnits,
        refunded: MinorUnits,
        refund_amount: MinorUnits,
        refund_number: u16,
        refund: RefundState,
    }
}

impl Money {
    /// Before anything arrived.
    pub const NONE: Money = Money {
        arrived: MinorUnits::ZERO,
        refunded: MinorUnits::ZERO,
        refund_amount: MinorUnits::ZERO,
        refund_number: 0,
        refund: RefundState::None,
    };

    /// What is left and not on its way back; never below 0.
    pub const fn left(&self) -> MinorUnits {
        let on_its_way = match self.refund {
            RefundState::Asked => self.refund_amount.0,
            RefundState::None | RefundState::Failed | RefundState::Done => 0,
        };
        not_below_zero(self.arrived.0.saturating_sub(self.refunded.0).saturating_sub(on_its_way))
    }

    /// What has not gone back yet; never below 0.
    pub const fn kept(&self) -> MinorUnits {
        not_below_zero(self.arrived.0.saturating_sub(self.refunded.0))
    }

    /// How much more went back than came.
    pub const fn beyond(&self) -> MinorUnits {
        not_below_zero(self.refunded.0.saturating_sub(self.arrived.0))
    }

    /// Whether a refund is on its way.
    pub const fn is_asked(&self) -> bool {
        matches!(self.refund, RefundState::Asked)
    }

    /// The number of a refund of this amount: a failed one that is asked for again keeps its number, so that a
    /// gateway which did send the money after all does not send it twice.
    pub const fn next_number(&self, amount: MinorUnits) -> u16 {
        match self.refund {
            RefundState::Failed if amount.0 == self.refund_amount.0 => self.refund_number,
            RefundState::None | RefundState::Asked | RefundState::Failed | RefundState::Done => {
                self.refund_number + 1
            }
        }
    }

    /// The number of a case's refund of this amount; `own` is the one that it had, 0 for none. It keeps its own and
    /// takes no other: what one case waits for never ends another.
    pub const fn next_number_of_case(&self, own: u16, amount: MinorUnits) -> u16 {
        if own == self.refund_number { self.next_number(amount) } else { self.refund_number + 1 }
    }

    /// Whether asking for the refund of this number leaves one behind that failed, and may go through after all.
    pub const fn leaves_behind(&self, number: u16) -> bool {
        matches!(self.refund, RefundState::Failed) && number != self.refund_number
    }

    /// The money after this refund was asked for.
    #[must_use]
    pub fn ask_back(self, number: u16, amount: MinorUnits) -> Money {
        assert!(!self.is_asked() && amount.0 > 0 && amount <= self.left(), "more back than came: {self:?}");
        Money { refund_amount: amount, refund_number: number, refund: RefundState::Asked, ..self }
    }

    /// The money after the latest refund failed.
    #[must_use]
    pub fn refund_failed(self) -> Money {
        Money { refund: RefundState::Failed, ..self }
    }

    /// The money after the latest refund went through; nothing where the sum has no number any more.
    #[must_use]
    pub fn refund_settled(self) -> Option<Money> {
        Some(Money { refund: RefundState::Done, ..self.went_back(self.refund_amount)? })
    }

    /// The money after an earlier refund of this amount, which was said to have failed, went through after all.
    /// Nothing where the sum has no number any more.
    #[must_use]
    pub fn went_back(self, amount: MinorUnits) -> Option<Money> {
        let refunded = self.refunded.0.checked_add(amount.0)?;
        Some(Money { refunded: MinorUnits(refunded), ..self })
    }
}

const fn not_below_zero(amount: i64) -> MinorUnits {
    MinorUnits(if amount < 0 { 0 } else { amount })
}

/// Whether an attempt can be opened: the money is wanted, and was not there before.
pub const fn judge_open(state: State) -> Result<(), Refusal> {
    match state {
        State::PendingPayment | State::Paying => Ok(()),
        State::Paid
        | State::StockException
        | State::Confirmed
        | State::PartShipped
        | State::Shipped
        | State::Delivered
        | State::Completed => Err(Refusal::of(Reason::AlreadyPaid)),
        State::Reserving | State::Failed | State::Cancelled | State::Refunding | State::Refunded => {
            let (wanted, is) = (State::Paying.number() as i64, state.number() as i64);
            Err(Refusal::of(Reason::WrongState).with(wanted, is))
        }
    }
}

/// What the first money of an attempt does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is recorded and waits for an operator.
    Mismatched,
    /// It pays the order: what is held becomes sold.
    Settles,
    /// It pays an order that its timer had cancelled: what was held is taken again, and sold.
    Revives,
    /// It goes back. A cancelled order is in REFUNDING until it did; others stay as they are.
    SentBack(RefundReason),
}

/// Whether two references of the gateway may be of one transfer: where one of them is 0, it names none.
pub const fn same_transfer(one: u64, other: u64) -> bool {
    one == other || one == 0 || other == 0
}

/// What an order is, for money that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where the order stands.
    pub state: State,
    /// It was the payment timer that cancelled it.
    pub cancelled_by_timer: bool,
    /// What is to be paid.
    pub total: MinorUnits,
    /// Of the total.
    pub currency: Currency,
}

/// What the first money of an attempt does to its order. `can_be_had` says whether all that a cancelled order had can be
/// taken again: stock, limits, cap; it is only asked where that matters.
pub fn judge_arrival(
    order: &Wanted,
    (amount, currency): (MinorUnits, Currency),
    can_be_had: impl FnOnce() -> bool,
) -> Arrival {
    if amount != order.total || currency != order.currency {
        return Arrival::Mismatched;
    }
    match order.state {
        State::PendingPayment | State::Paying => Arrival::Settles,
        State::Cancelled if order.cancelled_by_timer && can_be_had() => Arrival::Revives,
        // Nothing enters RESERVING and FAILED yet; money that came there all the same is not kept.
        State::Cancelled | State::Reserving | State::Failed => Arrival::SentBack(RefundReason::Late),
        State::Paid
        | State::StockException
        | State::Confirmed
        | State::PartShipped
        | State::Shipped
        | State::Delivered
        | State::Completed
        | State::Refunding
        | State::Refunded => Arrival::SentBack(RefundReason::Duplicate),
    }
}

/// Whether an operator may take money that waits for one, for its order's total: how that pays the order.
pub fn judge_settle(
    (attempt, money, currency): (PaymentState, &Money, Currency),
    order: &Wanted,
    can_be_had: impl FnOnce() -> bool,
) -> Result<Arrival, Refusal> {
    let wrong_state = || {
        let (wanted, is) = (State::Confirmed.number() as i64, order.state.number() as i64);
        Refusal::of(Reason::WrongState).with(wanted, is)
    };
    match attempt {
        PaymentState::Mismatched => (),
        PaymentState::Paid | PaymentState::Surplus => return Err(Refusal::of(Reason::AlreadyPaid)),
        PaymentState::Open | PaymentState::Failed | PaymentState::Closed => return Err(wrong_state()),
    }
    // What goes back, or went, is no longer there to be taken.
    if money.left() != money.arrived {
        return Err(wrong_state());
    }
    if currency != order.currency {
        let (asked, there) = (i64::from(currency.0), i64::from(order.currency.0));
        return Err(Refusal::of(Reason::CurrencyMismatch).with(asked, there));
    }
    match judge_arrival(order, (order.total, order.currency), can_be_had) {
        settles @ (Arrival::Settles | Arrival::Revives) => Ok(settles),
        Arrival::SentBack(RefundReason::Duplicate) => Err(Refusal::of(Reason::AlreadyPaid)),
        Arrival::SentBack(
            RefundReason::Late | RefundReason::Cancelled | RefundReason::Operator | RefundReason::Aftersale,
        )
        | Arrival::Mismatched => Err(wrong_state()),
    }
}

/// The amount of a refund that is asked for: `asked`, or all that is left where that is 0.
pub const fn judge_refund(money: &Money, order: State, asked: MinorUnits) -> Result<MinorUnits, Refusal> {
    if asked.0 < 0 {
        return Err(Refusal::of(Reason::InvalidField));
    }
    let left = money.left();
    if asked.0 > left.0 || left.0 == 0 {
        return Err(Refusal::of(Reason::RefundExceedsPaid).with(asked.0, left.0));
    }
    if money.is_asked() {
        let state = order.number() as i64;
        return Err(Refusal::of(Reason::WrongState).with(state, state));
    }
    let amount = if asked.0 == 0 { left } else { asked };
    match judge_number(money.next_number(amount)) {
        Ok(_) => Ok(amount),
        Err(full) => Err(full),
    }
}

/// The number of the refund that a case asks for; `own` is the one that it had, 0 for none.
pub fn judge_case_refund(money: &Money, order: State, asked: MinorUnits, own: u16) -> Result<u16, Refusal> {
    let amount = judge_refund(money, order, asked)?;
    judge_number(money.next_number_of_case(own, amount))
}

const fn judge_number(number: u16) -> Result<u16, Refusal> {
    if number > REFUNDS_MAX { Err(Refusal::of(Reason::Overloaded)) } else { Ok(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EURO: Currency = Currency(978);
    const ZERO: MinorUnits = MinorUnits::ZERO;

    #[test]
    fn numbers_and_states_agree() {
        for number in 0..=u8::MAX {
            let (payment, refund) = (PaymentState::from_number(number), RefundState::from_number(number));
            assert_eq!(payment.map(PaymentState::number), (1..=6).contains(&number).then_some(number));
            assert_eq!(refund.map(RefundState::number), (number <= 3).then_some(number));
        }
    }

    /// What money does that arrives by an open attempt, in each state of the order.
    #[test]
    fn money_that_arrived_has_a_place_in_every_state() {
        for state in State::ALL {
            for (by_timer, can_be_had) in [(false, false), (false, true), (true, false), (true, true)] {
                let order =
                    Wanted { state, cancelled_by_timer: by_timer, total: MinorUnits(500), currency: EURO };
                let judged = |money| judge_arrival(&order, money, || can_be_had);
                let does = match state {
                    State::PendingPayment | State::Paying => Arrival::Settles,
                    State::Cancelled if by_timer && can_be_had => Arrival::Revives,
                    State::Cancelled | State::Reserving | State::Failed => {
                        Arrival::SentBack(RefundReason::Late)
                    }
                    State::Paid
                    | State::StockException
                    | State::Confirmed
                    | State::PartShipped
                    | State::Shipped
                    | State::Delivered
                    | State::Completed
                    | State::Refunding
                    | State::Refunded => Arrival::SentBack(RefundReason::Duplicate),
                };
                assert_eq!(judged((MinorUnits(500), EURO)), does, "{state:?}");
                for other in [(499, EURO), (501, EURO), (500, Currency(840))] {
                    assert_eq!(judged((MinorUnits(other.0), other.1)), Arrival::Mismatched, "{state:?}");
                }
            }
        }
    }

    #[test]
    fn never_more_goes_back_than_came() {
        let money = Money { arrived: MinorUnits(100), ..Money::NONE };
        let judged = |money: &Money, asked| judge_refund(money, State::Confirmed, MinorUnits(asked));
        assert_eq!(judged(&money, 0), Ok(MinorUnits(100)));
        assert_eq!(judged(&money, 101), Err(Refusal::of(Reason::RefundExceedsPaid).with(101, 100)));
        assert_eq!(judged(&money, -1), Err(Refusal::of(Reason::InvalidField)));
        let asked = money.ask_back(1, MinorUnits(60));
        assert_eq!(judged(&asked, 41), Err(Refusal::of(Reason::RefundExceedsPaid).with(41, 40)));
        assert_eq!(judged(&asked, 40).map_err(|no| no.reason), Err(Reason::WrongState));
        let failed = asked.refund_failed();
        assert_eq!(judged(&failed, 0), Ok(MinorUnits(100)));
        assert_eq!((failed.next_number(MinorUnits(60)), failed.next_number(MinorUnits(61))), (1, 2));
        let of_case = [0, 1, 2].map(|own| failed.next_number_of_case(own, MinorUnits(60)));
        assert_eq!(of_case, [2, 1, 2], "a case keeps its own number");
        let settled = asked.refund_settled().expect("a small sum");
        assert_eq!(judged(&settled, 0), Ok(MinorUnits(40)));
        let all = settled.ask_back(2, MinorUnits(40)).refund_settled().expect("a small sum");
        assert_eq!(judged(&all, 0), Err(Refusal::of(Reason::RefundExceedsPaid).with(0, 0)));
        // A refund that failed and went after all takes what is there, and more.
        assert_eq!((failed.leaves_behind(1), failed.leaves_behind(2)), (false, true));
        let again = failed.ask_back(2, MinorUnits(100)).refund_settled().expect("a small sum");
        let beyond = again.went_back(MinorUnits(60)).expect("a small sum");
        assert_eq!((beyond.left(), beyond.kept(), beyond.beyond()), (ZERO, ZERO, MinorUnits(60)));
        assert_eq!(judged(&beyond, 1), Err(Refusal::of(Reason::RefundExceedsPaid).with(1, 0)));
        assert_eq!(beyond.went_back(MinorUnits(i64::MAX)), None);
    }
}
