//! What buyers, operators and gateways ask about money.

use domain::intent::{
    PAGE_MAX, PayCallback, PayClose, PayOpen, PayOutcome, Refund, RefundResult, Repair, RepairAction, Scan,
};
use domain::order::State;
use domain::payment::PaymentState;
use domain::verdict::PaymentBrief;
use domain::{GatewayId, Intent, MicrosUtc, MinorUnits, OrderId, PaymentId, SaleId, SkuId, UserId, Verdict};

use super::{Envelope, History};

/// Gateways of the shop.
const GATEWAYS: u16 = 2;

impl History {
    pub(super) fn money(&mut self) -> Intent<'static> {
        let anybody = if self.dice.u8(0..4) == 0 { UserId(0) } else { self.user() };
        let request = self.request();
        match self.dice.u8(0..20) {
            0..=3 => {
                let (user, order) = (self.owner(anybody), self.order());
                let gateway = self.gateway();
                Intent::PayOpen(PayOpen { user, request, order, gateway })
            }
            4..=7 => Intent::PayCallback(self.callback()),
            8 => Intent::PayClose(PayClose { user: anybody, request, payment: self.payment() }),
            9 => {
                let payment = self.payment();
                let amount = MinorUnits(if self.dice.bool() { 0 } else { self.dice.i64(-1..900) });
                Intent::Refund(Refund { request, payment, amount, why: self.dice.u16(0..3) })
            }
            10..=14 => Intent::RefundResult(self.refund_result()),
            17..=19 => Intent::Repair(self.restock()),
            16 => Intent::Repair(self.repair()),
            _ => {
                let (order, payment) = match self.dice.u8(0..10) {
                    0 => (self.order(), self.payment()),
                    1..=4 => (self.order(), PaymentId(0)),
                    _ => (OrderId(0), self.payment()),
                };
                Intent::PayGet { user: anybody, order, payment }
            }
        }
    }

    /// Mostly right; now and then an amount, currency or gateway that is not.
    fn callback(&mut self) -> PayCallback {
        let payment = self.payment();
        let found = self.brief(payment);
        let outcome = if self.dice.u8(0..4) == 0 {
            PayOutcome::Failed
        } else {
            let asked = found.map_or(MinorUnits(5), |it| it.amount);
            let amount =
                if self.mostly() { asked } else { MinorUnits(asked.0.saturating_sub(self.dice.i64(-1..=1))) };
            // Few transfers, so that many callbacks come again and some are another charge; and some are not named.
            let reference = [1, 1, 1, 1, 1, 2, 3, 0][self.dice.usize(0..8)];
            PayOutcome::Succeeded { amount, currency: self.currency(), reference }
        };
        let gateway = found.map(|it| it.gateway).filter(|_| self.mostly());
        PayCallback { gateway: gateway.unwrap_or(GatewayId(1)), payment, outcome }
    }

    fn refund_result(&mut self) -> RefundResult {
        let mut payment = self.payment();
        // Few have a refund that failed and may go through after all.
        let tries = if self.dice.bool() { 12 } else { 0 };
        for _ in 0..tries {
            if self.model.failed_refund(payment).is_some() {
                break;
            }
            payment = self.payment();
        }
        let found = self.brief(payment);
        let (number, amount) = found.map_or((1, MinorUnits(1)), |it| (it.refund_number, it.refund_amount));
        let number = if self.mostly() { number } else { self.dice.u16(0..3) };
        let failed = self.model.failed_refund(payment).filter(|_| self.mostly());
        let (number, amount) = failed.unwrap_or((number, amount));
        let amount = if self.mostly() { amount } else { MinorUnits(self.dice.i64(0..50)) };
        let gateway = found.map(|it| it.gateway).filter(|_| self.mostly()).unwrap_or(GatewayId(1));
        RefundResult { gateway, payment, number, succeeded: self.dice.u8(0..3) != 0, amount }
    }

    /// Mostly of the order that the payment is of, at any version.
    fn repair(&mut self) -> Repair {
        let mut payment = self.payment();
        // Few payments are of another amount than was asked for.
        for _ in 0..8 {
            if self.brief(payment).is_some_and(|it| it.state == PaymentState::Mismatched) {
                break;
            }
            payment = self.payment();
        }
        let found = self.brief(payment).filter(|_| self.mostly());
        let (order, version) = found.map_or((self.order(), 1), |it| (it.order, it.order_version));
        let version = if self.dice.bool() { 0 } else { version };
        Repair { request: self.request(), order, version, action: RepairAction::Settle(payment) }
    }

    /// Mostly of an order that waits for units.
    fn restock(&mut self) -> Repair {
        let state = State::StockException.number();
        let (before, user, sku, sale) = (OrderId(0), UserId(0), SkuId(0), SaleId(0));
        let (from, to, limit) = (MicrosUtc(0), MicrosUtc(0), PAGE_MAX);
        let scan = Intent::Scan(Scan { before, user, state, sku, sale, from, to, limit });
        let Verdict::Orders(waiting) = self.model.answer(self.now, Envelope::default(), &scan) else {
            panic!("such a page is never refused");
        };
        let waiting = self.dice.choice(&waiting.items).map(|brief| brief.order);
        let order = waiting.filter(|_| self.mostly()).unwrap_or_else(|| self.order());
        let version = if self.mostly() { 0 } else { self.dice.u32(1..5) };
        Repair { request: self.request(), order, version, action: RepairAction::Restock }
    }

    fn brief(&mut self, payment: PaymentId) -> Option<PaymentBrief> {
        let read = Intent::PayGet { user: UserId(0), order: OrderId(0), payment };
        let answer = self.model.answer(self.now, Envelope::default(), &read);
        if let Verdict::Payment(brief) = answer { Some(brief) } else { None }
    }

    /// Mostly one that is there: few orders have any.
    fn payment(&mut self) -> PaymentId {
        if !self.mostly() {
            return PaymentId(self.dice.u64(..));
        }
        let mut first = PaymentId::new(self.order(), 1);
        for _ in 0..6 {
            if self.brief(first).is_some() {
                break;
            }
            first = PaymentId::new(self.order(), 1);
        }
        let attempt = if self.dice.bool() { 1 } else { self.dice.u16(0..4) };
        PaymentId(first.0 & !(0x3FF << 12) | u64::from(attempt) << 12)
    }

    /// The buyer who was drawn, or an operator, who may open a payment for anybody.
    fn owner(&mut self, anybody: UserId) -> UserId {
        if self.dice.bool() { UserId(0) } else { anybody }
    }

    fn gateway(&mut self) -> GatewayId {
        let none = u16::from(!self.mostly());
        GatewayId(self.dice.u16(1 - none..=GATEWAYS))
    }
}
