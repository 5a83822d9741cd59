//! After-sales cases: a buyer wants money of a line back, with the goods or without, or other units for them.
//!
//! Pure decisions over values. What goes back is asked of the gateway like every other refund.

use crate::fact::Line;
use crate::ids::{OrderId, SkuId};
use crate::image::{flat, flat_by_number};
use crate::order::State;
use crate::refusal::{Reason, Refusal};
use crate::shelf::Shelf;
use crate::units::MinorUnits;

/// Cases of one order, at most: more is OVERLOADED.
pub const CASES_OF_ORDER_MAX: u16 = 32;

/// What the buyer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CaseKind {
    /// Money, and keeps the goods or never gets them.
    Refund = 1,
    /// Money for units that come back.
    ReturnRefund = 2,
    /// Other units of the same sku for units that come back; no money moves.
    Exchange = 3,
}

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum CaseState {
    /// An operator is to decide.
    Open = 1,
    /// It was accepted, and the goods are on their way back.
    AwaitingGoods = 2,
    /// The gateway is to send the money back.
    Refunding = 3,
    /// The money went back, or there was none; of an exchange, the other units are on their way.
    Done = 4,
    /// An operator said no.
    Refused = 5,
}

/// In which condition goods came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Condition {
    /// They can be sold again.
    Sellable = 1,
    /// They are on the shelf, and cannot be sold as they are: `unavailable` grows with `on_hand`.
    Unavailable = 2,
    /// They are not kept.
    Lost = 3,
}

/// A case, with everything that was decided about it so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The order.
    pub order: OrderId,
    /// Counts the order's cases from 1.
    pub number: u16,
    /// What the buyer wants.
    pub kind: CaseKind,
    /// Where it stands.
    pub state: CaseState,
    /// The line that it is about: an order has each sku once.
    pub sku: SkuId,
    /// Units that come back; 0 where none do.
    pub units: u32,
    /// What goes back, of the line's total; 0 for an exchange.
    pub amount: MinorUnits,
    /// The number of the refund that was asked for; 0 before.
    pub refund: u16,
    /// The shop's own number for why, of who spoke last.
    pub why: u16,
}

flat_by_number!(CaseKind, CaseState);
flat! {
    Case {
        order: OrderId,
        number: u16,
        kind: CaseKind,
        state: CaseState,
        sku: SkuId,
        units: u32,
        amount: MinorUnits,
        refund: u16,
        why: u16,
    }
}

impl CaseKind {
    /// The number on the wire and on disk.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind of this number, if there is one.
    pub const fn from_number(number: u8) -> Option<CaseKind> {
        match number {
            1 => Some(CaseKind::Refund),
            2 => Some(CaseKind::ReturnRefund),
            3 => Some(CaseKind::Exchange),
            _ => None,
        }
    }
}

impl Case {
    /// Units of the line that the buyer has no more because of this case, or that are asked back.
    pub const fn units_away(&self) -> u32 {
        match (self.state, self.kind) {
            (CaseState::Open | CaseState::AwaitingGoods | CaseState::Refunding, _)
            | (CaseState::Done, CaseKind::Refund | CaseKind::ReturnRefund) => self.units,
            // The buyer has as many as before, and may send them back, too.
            (CaseState::Done, CaseKind::Exchange) => 0,
            // Goods that came back stay back, whatever becomes of their money: it was asked for when they came.
            (CaseState::Refused, _) => {
                if self.refund == 0 {
                    0
                } else {
                    self.units
                }
            }
        }
    }
}

impl CaseState {
    /// Every state, by number.
    pub const ALL: [CaseState; 5] = [
        CaseState::Open,
        CaseState::AwaitingGoods,
        CaseState::Refunding,
        CaseState::Done,
        CaseState::Refused,
    ];

    /// The number on the wire and on disk.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state of this number, if there is one.
    pub const fn from_number(number: u8) -> Option<CaseState> {
        match number {
            1..=5 => Some(Self::ALL[number as usize - 1]),
            _ => None,
        }
    }

    /// Whether its amount counts against the line.
    pub const fn counts(self) -> bool {
        match self {
            CaseState::Open | CaseState::AwaitingGoods | CaseState::Refunding | CaseState::Done => true,
            CaseState::Refused => false,
        }
    }
}

impl Condition {
    /// The condition of this number, if there is one.
    pub const fn from_number(number: u8) -> Option<Condition> {
        match number {
            1 => Some(Condition::Sellable),
            2 => Some(Condition::Unavailable),
            3 => Some(Condition::Lost),
            _ => None,
        }
    }

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// What a line still has for another case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineLeft {
    /// Of its total, what no case is about.
    pub amount: MinorUnits,
    /// Units that the buyer got and that come back by no case.
    pub units: u32,
}

impl LineLeft {
    /// What is left of a line of which so many units were sent, beside these cases of it.
    pub fn of(line: &Line, sent: u32, cases: impl Iterator<Item = Case>) -> LineLeft {
        let goods = line.unit_price.0.saturating_mul(i64::from(line.quantity.get()));
        let total = goods.saturating_sub(line.discount.0).saturating_add(line.freight.0);
        let mut left = LineLeft { amount: MinorUnits(total), units: sent };
        for case in cases.filter(|case| case.sku == line.sku) {
            if case.state.counts() {
                left.amount = MinorUnits((left.amount.0 - case.amount.0).max(0));
            }
            left.units = left.units.saturating_sub(case.units_away());
        }
        left
    }

    /// What a case is about that asks for this amount; 0: all that is left for money alone, and for goods their
    /// part of what was paid for the line's goods, to the cent, but never more than is left. An exchange asks for 0.
    pub fn judge_amount(
        &self,
        line: &Line,
        kind: CaseKind,
        units: u32,
        asked: MinorUnits,
    ) -> Result<MinorUnits, Refusal> {
        if asked.0 < 0 || kind == CaseKind::Exchange && asked.0 != 0 {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let too_much = Refusal::of(Reason::RefundExceedsPaid).with(asked.0, self.amount.0);
        if asked > self.amount {
            return Err(too_much);
        }
        match kind {
            CaseKind::Refund if self.amount.0 == 0 => Err(too_much),
            CaseKind::Refund if asked.0 == 0 => Ok(self.amount),
            CaseKind::ReturnRefund if asked.0 == 0 => {
                let goods = i128::from(line.unit_price.0) * i128::from(line.quantity.get());
                let paid = goods - i128::from(line.discount.0);
                // At most what the line costs, which is 64 bits.
                let part = (paid * i128::from(units) / i128::from(line.quantity.get())) as i64;
                Ok(MinorUnits(part.clamp(0, self.amount.0)))
            }
            CaseKind::Refund | CaseKind::ReturnRefund | CaseKind::Exchange => Ok(asked),
        }
    }

    /// Whether so many units can come back by another case: none for money alone, else 1 to what is left.
    pub const fn judge_units(&self, kind: CaseKind, units: u32) -> Result<(), Refusal> {
        match kind {
            CaseKind::Refund if units != 0 => Err(Refusal::of(Reason::InvalidField)),
            CaseKind::ReturnRefund | CaseKind::Exchange if units == 0 => {
                Err(Refusal::of(Reason::InvalidField))
            }
            CaseKind::ReturnRefund | CaseKind::Exchange if units > self.units => {
                Err(Refusal::of(Reason::InsufficientStock).with(units as i64, self.units as i64))
            }
            CaseKind::Refund | CaseKind::ReturnRefund | CaseKind::Exchange => Ok(()),
        }
    }
}

/// Whether a shelf can give so many units for those that come back: what came back itself is not among them.
pub const fn judge_exchange(shelf: &Shelf, units: u32) -> Result<(), Refusal> {
    let there = shelf.sellable();
    if there >= units as u64 {
        return Ok(());
    }
    let reason = if there == 0 { Reason::SoldOut } else { Reason::InsufficientStock };
    Err(Refusal::of(reason).with(units as i64, there as i64))
}

/// Whether an order in this state can have cases that go on: it is paid, and its money is not on its way back.
pub const fn judge_order(state: State) -> Result<(), Refusal> {
    match state {
        State::Confirmed | State::PartShipped | State::Shipped | State::Delivered | State::Completed => {
            Ok(())
        }
        State::Reserving
        | State::PendingPayment
        | State::Paying
        | State::Paid
        | State::StockException
        | State::Failed
        | State::Cancelled
        | State::Refunding
        | State::Refunded => {
            let (wanted, is) = (State::Delivered.number() as i64, state.number() as i64);
            Err(Refusal::of(Reason::WrongState).with(wanted, is))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SaleId, SellerId, WarehouseId};
    use crate::units::Quantity;

    /// Three units of 500, 100 off, 50 of freight: 1,450.
    const LINE: Line = Line {
        sku: SkuId(1),
        seller: SellerId(0),
        warehouse: WarehouseId(1),
        sale: SaleId(0),
        quantity: match Quantity::parse(3) {
            Some(three) => three,
            None => panic!("three is a quantity"),
        },
        parcel: 0,
        unit_price: MinorUnits(500),
        discount: MinorUnits(100),
        freight: MinorUnits(50),
    };

    fn case(state: CaseState, units: u32, amount: i64) -> Case {
        let (order, number, kind) = (OrderId(1), 1, CaseKind::ReturnRefund);
        Case {
            order,
            number,
            kind,
            state,
            sku: SkuId(1),
            units,
            amount: MinorUnits(amount),
            refund: 0,
            why: 0,
        }
    }

    #[test]
    fn numbers_and_states_agree() {
        for number in 0..=u8::MAX {
            let state = CaseState::from_number(number).map(CaseState::number);
            assert_eq!(state, (1..=5).contains(&number).then_some(number));
            let kind = CaseKind::from_number(number).map(CaseKind::number);
            assert_eq!(kind, (1..=3).contains(&number).then_some(number));
            let condition = Condition::from_number(number).map(Condition::number);
            assert_eq!(condition, (1..=3).contains(&number).then_some(number));
        }
    }

    #[test]
    fn a_line_never_gives_back_more_than_it_cost() {
        let left = |cases: &[Case]| LineLeft::of(&LINE, 2, cases.iter().copied());
        assert_eq!(left(&[]), LineLeft { amount: MinorUnits(1_450), units: 2 });
        let two = [case(CaseState::Done, 1, 450), case(CaseState::Open, 1, 1_000)];
        assert_eq!(left(&two), LineLeft { amount: MinorUnits(0), units: 0 });
        let refused = [case(CaseState::Refused, 2, 1_450)];
        assert_eq!(left(&refused), left(&[]));
        // Its goods came back, and its money did not go.
        let unpaid = [Case { refund: 1, ..case(CaseState::Refused, 2, 1_450) }];
        assert_eq!(left(&unpaid), LineLeft { amount: MinorUnits(1_450), units: 0 });
        let other = [Case { sku: SkuId(2), ..case(CaseState::Done, 1, 450) }];
        assert_eq!(left(&other), left(&[]));
    }

    #[test]
    fn units_are_away_until_others_take_their_place() {
        let left = |state| {
            let exchange = Case { kind: CaseKind::Exchange, ..case(state, 2, 0) };
            LineLeft::of(&LINE, 2, [exchange].into_iter()).units
        };
        let of_states = CaseState::ALL.map(|state| (state, left(state)));
        let expected = [
            (CaseState::Open, 0),
            (CaseState::AwaitingGoods, 0),
            (CaseState::Refunding, 0),
            (CaseState::Done, 2),
            (CaseState::Refused, 2),
        ];
        assert_eq!(of_states, expected);
    }

    #[test]
    fn a_shelf_gives_what_can_be_sold() {
        let shelf = Shelf { on_hand: 5, held: 1, safety: 1, unavailable: 1, ..Shelf::default() };
        assert_eq!(judge_exchange(&shelf, 2), Ok(()));
        let few = Refusal::of(Reason::InsufficientStock).with(3, 2);
        assert_eq!(judge_exchange(&shelf, 3), Err(few));
        let none = Refusal::of(Reason::SoldOut).with(1, 0);
        assert_eq!(judge_exchange(&Shelf::default(), 1), Err(none));
    }

    #[test]
    fn amounts_follow_what_was_paid_for_the_goods() {
        let left = LineLeft { amount: MinorUnits(1_450), units: 3 };
        let asked = |kind, units, asked| left.judge_amount(&LINE, kind, units, MinorUnits(asked));
        assert_eq!(asked(CaseKind::Refund, 0, 0), Ok(MinorUnits(1_450)));
        assert_eq!(asked(CaseKind::Refund, 0, 7), Ok(MinorUnits(7)));
        assert_eq!(asked(CaseKind::ReturnRefund, 1, 0), Ok(MinorUnits(466)));
        assert_eq!(asked(CaseKind::ReturnRefund, 3, 0), Ok(MinorUnits(1_400)));
        assert_eq!(asked(CaseKind::Refund, 0, -1), Err(Refusal::of(Reason::InvalidField)));
        let too_much = Refusal::of(Reason::RefundExceedsPaid).with(1_451, 1_450);
        assert_eq!(asked(CaseKind::Refund, 0, 1_451), Err(too_much));
        let little = LineLeft { amount: MinorUnits(10), units: 3 };
        assert_eq!(little.judge_amount(&LINE, CaseKind::ReturnRefund, 3, MinorUnits(0)), Ok(MinorUnits(10)));
        let nothing = LineLeft { amount: MinorUnits(0), units: 3 };
        assert!(nothing.judge_amount(&LINE, CaseKind::Refund, 0, MinorUnits(0)).is_err());
        assert_eq!(nothing.judge_amount(&LINE, CaseKind::ReturnRefund, 1, MinorUnits(0)), Ok(MinorUnits(0)));
        assert_eq!(asked(CaseKind::Exchange, 3, 0), Ok(MinorUnits(0)));
        assert_eq!(asked(CaseKind::Exchange, 3, 1), Err(Refusal::of(Reason::InvalidField)));
    }
}
