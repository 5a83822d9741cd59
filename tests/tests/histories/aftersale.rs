//! What buyers and operators ask about money of a line, goods that come back, and others for them.

use domain::aftersale::{CaseKind, CaseState, Condition};
use domain::intent::{CaseDecide, CaseOpen, CaseReceive};
use domain::order::State;
use domain::{Intent, MinorUnits, OrderId, SkuId, UserId, Verdict, WarehouseId};

use super::{Envelope, History};

impl History {
    pub(super) fn aftersale(&mut self) -> Intent<'static> {
        let request = self.request();
        let sold = [State::Confirmed, State::PartShipped, State::Shipped, State::Delivered, State::Completed];
        match self.dice.u8(0..10) {
            0..=3 => {
                let from = self.dice.usize(0..sold.len());
                let order = self.order_in(&sold[from..]);
                let user = self.buyer_of(order);
                let sku = self.sku_of(order);
                let kinds = [CaseKind::Refund, CaseKind::ReturnRefund, CaseKind::Exchange];
                let kind = *self.dice.choice(&kinds).expect("a choice");
                let goods = kind != CaseKind::Refund;
                let units = if goods == self.mostly() { self.dice.u32(1..4) } else { 0 };
                let no_money = kind == CaseKind::Exchange && self.mostly();
                let amount = if no_money { MinorUnits(0) } else { self.case_amount() };
                let why = self.dice.u16(0..3);
                Intent::CaseOpen(CaseOpen { user, request, order, kind, sku, units, amount, why })
            }
            4..=6 => {
                let states = [CaseState::Open, CaseState::AwaitingGoods, CaseState::Refunding];
                let from = self.dice.usize(0..3);
                let (order, number) = self.case_in(&states[from..]);
                let (accept, amount, why) =
                    (self.dice.u8(0..4) != 0, self.case_amount(), self.dice.u16(0..3));
                let amount = if self.dice.bool() { MinorUnits(0) } else { amount };
                Intent::CaseDecide(CaseDecide { request, order, number, accept, amount, why })
            }
            7..=8 => {
                let (order, number) = self.case_in(&[CaseState::AwaitingGoods]);
                let conditions = [Condition::Sellable, Condition::Unavailable, Condition::Lost];
                let condition = *self.dice.choice(&conditions).expect("a choice");
                let warehouse = WarehouseId(self.dice.u32(0..=self.world.warehouses));
                Intent::CaseReceive(CaseReceive { request, order, number, warehouse, condition })
            }
            _ => {
                let (order, _) = self.case_in(&CaseState::ALL);
                Intent::CaseList { user: self.buyer_of(order), order }
            }
        }
    }

    fn case_amount(&mut self) -> MinorUnits {
        MinorUnits(if self.dice.bool() { 0 } else { self.dice.i64(-1..60) })
    }

    /// Mostly a sku of the order.
    fn sku_of(&mut self, order: OrderId) -> SkuId {
        let lines = self.view(order).map_or(Vec::new(), |view| view.lines);
        match self.dice.choice(&lines) {
            Some(line) if self.mostly() => line.sku,
            _ => self.sku(),
        }
    }

    /// Mostly a case in one of these states, where one is soon found.
    fn case_in(&mut self, states: &[CaseState]) -> (OrderId, u16) {
        for _ in 0..12 {
            let read = Intent::CaseList { user: UserId(0), order: self.order() };
            let Verdict::Cases(view) = self.model.answer(self.now, Envelope::default(), &read) else {
                continue;
            };
            if let Some(it) = view.cases.iter().find(|it| states.contains(&it.case.state)) {
                return (it.case.order, it.case.number);
            }
        }
        (self.order(), self.dice.u16(0..3))
    }
}
