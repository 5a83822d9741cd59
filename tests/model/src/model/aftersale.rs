//! After-sales as SPEC tells it: money of a line goes back, with the goods or without, or others come for them.

use domain::aftersale::{CASES_OF_ORDER_MAX, Case, CaseKind, CaseState, Condition};
use domain::intent::{CaseDecide, CaseOpen, CaseReceive};
use domain::order::State;
use domain::payment::{REFUNDS_MAX, RefundState};
use domain::verdict::{CaseView, CasesView, Holdings, digest_case};
use domain::{
    MicrosUtc, MinorUnits, OrderId, PaymentId, Reason, Refusal, SkuId, UserId, Verdict, WarehouseId,
};

use super::{Model, OneOrder, Subject, payments};

/// A case, and when it was opened and came to its state.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneCase {
    case: Case,
    opened_at: MicrosUtc,
    changed_at: MicrosUtc,
}

impl OneOrder {
    /// What a line cost, and what of it the cases but the one of this number have left.
    fn left_of(&self, sku: SkuId, but: u16) -> (i64, i64, u32) {
        let Some(line) = self.view.lines.iter().find(|line| line.sku == sku) else { return (0, 0, 0) };
        let goods = line.unit_price.0 * i64::from(line.quantity.get()) - line.discount.0;
        let cases = self.cases.iter().map(|it| it.case);
        let others = cases.filter(|it| it.sku == sku && it.number != but);
        let (mut amount, mut units) = (goods + line.freight.0, self.sent(sku));
        for other in others {
            let (refused, done) = (other.state == CaseState::Refused, other.state == CaseState::Done);
            amount -= if refused { 0 } else { other.amount.0 };
            // The buyer has an exchanged unit again; one that came back before its refund failed is gone.
            let has_them = refused && other.refund == 0 || done && other.kind == CaseKind::Exchange;
            units -= if has_them { 0 } else { other.units };
        }
        (goods, amount, units)
    }

    fn case(&self, number: u16) -> Result<Case, Refusal> {
        let found = usize::from(number).checked_sub(1).and_then(|place| self.cases.get(place));
        let there = self.cases.len() as i64;
        found.map(|it| it.case).ok_or(Refusal::of(Reason::InvalidField).with(i64::from(number), there))
    }
}

impl Model {
    pub(super) fn case_open(&mut self, now: MicrosUtc, open: &CaseOpen) -> Result<Subject, Refusal> {
        let order = self.order_of(open.user, open.order)?;
        can_have_cases(order.view.brief.state)?;
        let line = order.view.lines.iter().find(|line| line.sku == open.sku);
        let quantity = line.ok_or(Refusal::of(Reason::SkuNotFound))?.quantity;
        let (goods, left, units) = order.left_of(open.sku, 0);
        if (open.kind == CaseKind::Refund) != (open.units == 0) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        if open.units > units {
            let asked = i64::from(open.units);
            return Err(Refusal::of(Reason::InsufficientStock).with(asked, i64::from(units)));
        }
        let asked = open.amount.0;
        if asked < 0 || open.kind == CaseKind::Exchange && asked > 0 {
            return Err(Refusal::of(Reason::InvalidField));
        }
        if asked > left || open.kind == CaseKind::Refund && left == 0 {
            return Err(Refusal::of(Reason::RefundExceedsPaid).with(asked, left));
        }
        let amount = match (asked, open.kind) {
            (_, CaseKind::Exchange) => 0,
            (0, CaseKind::Refund) => left,
            (0, CaseKind::ReturnRefund) => {
                let part = i128::from(goods) * i128::from(open.units) / i128::from(quantity.get());
                part.min(i128::from(left)) as i64
            }
            (asked, _) => asked,
        };
        let number = order.cases.len() as u16 + 1;
        if number > CASES_OF_ORDER_MAX {
            return Err(Refusal::of(Reason::Overloaded));
        }
        let case = Case {
            order: open.order,
            number,
            kind: open.kind,
            state: CaseState::Open,
            sku: open.sku,
            units: open.units,
            amount: MinorUnits(amount),
            refund: 0,
            why: open.why,
        };
        if let Some(order) = self.orders.get_mut(&open.order) {
            order.cases.push(OneCase { case, opened_at: now, changed_at: now });
        }
        Ok(Subject::Case(open.order, number))
    }

    pub(super) fn case_decide(&mut self, now: MicrosUtc, decide: &CaseDecide) -> Result<Subject, Refusal> {
        let order = self.order_of(UserId(0), decide.order)?;
        let mut case = order.case(decide.number)?;
        let on_its_way = self
            .paying(decide.order)
            .is_some_and(|it| self.payment_asked_back(it).is_some_and(|(number, _)| number == case.refund));
        match case.state {
            CaseState::Open | CaseState::AwaitingGoods => (),
            CaseState::Refunding if !on_its_way => (),
            CaseState::Refunding | CaseState::Done | CaseState::Refused => {
                return Err(Refusal::of(Reason::WrongState));
            }
        }
        case.why = decide.why;
        if decide.accept {
            can_have_cases(order.view.brief.state)?;
            let (_, left, _) = order.left_of(case.sku, case.number);
            let asked = decide.amount.0;
            if asked < 0 || case.kind == CaseKind::Exchange && asked > 0 {
                return Err(Refusal::of(Reason::InvalidField));
            }
            if asked > left {
                return Err(Refusal::of(Reason::RefundExceedsPaid).with(asked, left));
            }
            if asked > 0 {
                case.amount = decide.amount;
            }
            let waits_for_goods = case.units > 0 && case.state != CaseState::Refunding;
            case.state = if waits_for_goods { CaseState::AwaitingGoods } else { CaseState::Refunding };
            if case.state == CaseState::Refunding {
                case.refund = self.ask_back_for(&case)?;
            }
        } else {
            case.state = CaseState::Refused;
        }
        self.put_case(now, case);
        Ok(Subject::Case(decide.order, decide.number))
    }

    pub(super) fn case_receive(&mut self, now: MicrosUtc, receive: &CaseReceive) -> Result<Subject, Refusal> {
        let order = self.order_of(UserId(0), receive.order)?;
        let mut case = order.case(receive.number)?;
        if case.state != CaseState::AwaitingGoods {
            return Err(Refusal::of(Reason::WrongState));
        }
        can_have_cases(order.view.brief.state)?;
        let sent_from = order.view.lines.iter().find(|line| line.sku == case.sku).map(|line| line.warehouse);
        let warehouse = match receive.warehouse {
            WarehouseId(0) => sent_from.unwrap_or_default(),
            warehouse => warehouse,
        };
        self.may_lie_in(case.sku, warehouse)?;
        if case.kind == CaseKind::Exchange {
            self.give_others(&case, sent_from.unwrap_or_default())?;
        }
        case.state = CaseState::Done;
        if case.amount.0 > 0 {
            case.refund = self.ask_back_for(&case)?;
            case.state = CaseState::Refunding;
        }
        let units = u64::from(case.units);
        let unavailable = match receive.condition {
            Condition::Sellable => Some(0),
            Condition::Unavailable => Some(units),
            Condition::Lost => None,
        };
        if let Some(unavailable) = unavailable {
            let shelf = self.shelves.entry((case.sku, warehouse)).or_default();
            shelf.on_hand += units;
            shelf.returned += units;
            shelf.unavailable += unavailable;
        }
        self.put_case(now, case);
        Ok(Subject::Case(receive.order, receive.number))
    }

    pub(super) fn case_list(&self, user: UserId, id: OrderId) -> Result<Verdict, Refusal> {
        let order = self.order_of(user, id)?;
        let cases = order.cases.iter().map(|it| view(order, it)).collect();
        Ok(Verdict::Cases(Box::new(CasesView { order: order.view.brief, cases })))
    }

    /// A refund of this payment went through: the case that waits for it is done.
    pub(super) fn case_settled(&mut self, now: MicrosUtc, id: OrderId, payment: PaymentId, refund: u16) {
        if self.paying(id) != Some(payment) {
            return;
        }
        let waits = |it: &&OneCase| it.case.state == CaseState::Refunding && it.case.refund == refund;
        let newest = self.orders[&id].cases.iter().rev().find(waits).map(|it| it.case);
        if let Some(case) = newest {
            self.put_case(now, Case { state: CaseState::Done, ..case });
        }
    }

    pub(super) fn case_answer(&self, order: OrderId, number: u16) -> Verdict {
        let order = &self.orders[&order];
        Verdict::Case(Box::new(view(order, &order.cases[usize::from(number) - 1])))
    }

    pub(super) fn count_cases(&self, holdings: &mut Holdings) {
        for it in self.orders.values().flat_map(|order| &order.cases) {
            let row = digest_case(&it.case, it.opened_at, it.changed_at);
            holdings.cases += 1;
            holdings.cases_digest = holdings.cases_digest.wrapping_add(row);
        }
    }

    /// As many units as come back leave for the buyer; no purchase, so nothing else counts them.
    fn give_others(&mut self, case: &Case, from: WarehouseId) -> Result<(), Refusal> {
        let shelf = self.shelves.entry((case.sku, from)).or_default();
        let (wanted, there) = (u64::from(case.units), shelf.sellable());
        if there < wanted {
            let reason = if there == 0 { Reason::SoldOut } else { Reason::InsufficientStock };
            return Err(Refusal::of(reason).with(wanted as i64, there as i64));
        }
        shelf.on_hand -= wanted;
        shelf.sold += wanted;
        Ok(())
    }

    fn put_case(&mut self, now: MicrosUtc, case: Case) {
        let Some(order) = self.orders.get_mut(&case.order) else { return };
        let it = &mut order.cases[usize::from(case.number) - 1];
        (it.case, it.changed_at) = (case, now);
    }

    /// Asks for the case's amount of what paid the order, and says as which refund.
    fn ask_back_for(&mut self, case: &Case) -> Result<u16, Refusal> {
        let (id, amount) = (case.order, case.amount);
        let state = self.orders[&id].view.brief.state;
        let Some(payment) = self.paying(id) else {
            return Err(Refusal::of(Reason::RefundExceedsPaid).with(amount.0, 0));
        };
        let it = self.payment_mut(payment);
        let left = it.left();
        if amount.0 > left || left == 0 {
            return Err(Refusal::of(Reason::RefundExceedsPaid).with(amount.0, left));
        }
        if it.refund == RefundState::Asked {
            return Err(payments::wrong_state(state, state));
        }
        let number = it.next_number_of(case, amount.0);
        if number > REFUNDS_MAX {
            return Err(Refusal::of(Reason::Overloaded));
        }
        it.ask_back_as(number, amount.0);
        Ok(number)
    }
}

fn view(order: &OneOrder, it: &OneCase) -> CaseView {
    let brief = order.view.brief;
    CaseView {
        case: it.case,
        currency: brief.currency,
        opened_at: it.opened_at,
        changed_at: it.changed_at,
        order_state: brief.state,
        order_version: brief.version,
    }
}

/// Paid, and its money is not on its way back as a whole.
fn can_have_cases(state: State) -> Result<(), Refusal> {
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
        | State::Refunded => Err(payments::wrong_state(State::Delivered, state)),
    }
}
