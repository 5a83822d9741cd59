//! After-sales cases: opened, decided, their goods received, their money sent back or other goods given for them.

use crate::aftersale::{self, CASES_OF_ORDER_MAX, Case, CaseKind, CaseState, Condition, LineLeft};
use crate::fact::{Fact, Facts, Line, RefundReason, Request, RequestKey, ShelfUnits, Stamp, StockAdjusted};
use crate::ids::{OrderId, TraceId, UserId, WarehouseId};
use crate::intent::{AdjustReason, CaseDecide, CaseOpen, CaseReceive, Intent};
use crate::ledger::cases::CaseRow;
use crate::ledger::pay::acting;
use crate::ledger::requests::Subject;
use crate::ledger::{Ledger, by_operator};
use crate::payment;
use crate::refusal::{Reason, Refusal};
use crate::units::{MicrosUtc, MinorUnits, Quantity};
use crate::verdict::{CaseView, CasesView, Verdict};

impl Ledger {
    pub(super) fn open_case(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        open: &CaseOpen,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let key = RequestKey { who: open.user, id: open.request };
        let body = Intent::CaseOpen(*open).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.order_of(open.user, open.order)?;
        aftersale::judge_order(self.orders.at(slot).state)?;
        let found = self.orders.lines(slot).enumerate().find(|(_, line)| line.sku == open.sku);
        let (place, line) = found.ok_or(Refusal::of(Reason::SkuNotFound))?;
        let left = self.left_of_line(slot, place, &line, 0);
        left.judge_units(open.kind, open.units)?;
        let amount = left.judge_amount(&line, open.kind, open.units, open.amount)?;
        let number = self.cases_of(slot) + 1;
        if number > CASES_OF_ORDER_MAX || !self.cases.has_room(&self.bounds) {
            return Err(Refusal::of(Reason::Overloaded));
        }
        self.judge_room_for_change(now)?;

        // Doing.
        let stamp = Stamp { at: now, actor: acting(open.user), request: Some(Request { key, body }), trace };
        let CaseOpen { order, kind, sku, units, why, .. } = *open;
        let state = CaseState::Open;
        let case = Case { order, number, kind, state, sku, units, amount, refund: 0, why };
        self.enter_one(&stamp, &Fact::AftersaleChanged(case), facts);
        Ok(self.case_answer(self.orders.newest_case(slot)))
    }

    pub(super) fn decide_case(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        decide: &CaseDecide,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let key = RequestKey { who: UserId(0), id: decide.request };
        let body = Intent::CaseDecide(*decide).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.order_of(UserId(0), decide.order)?;
        let (row, case) = self.case_of(slot, decide.number)?;
        self.judge_undecided(slot, &case)?;
        let mut case = Case { why: decide.why, ..case };
        if decide.accept {
            case.amount = self.judge_accepted(slot, &case, decide.amount)?;
            case.state = match (case.kind, case.state) {
                (CaseKind::ReturnRefund, CaseState::Open | CaseState::AwaitingGoods)
                | (CaseKind::Exchange, _) => CaseState::AwaitingGoods,
                (CaseKind::Refund | CaseKind::ReturnRefund, _) => CaseState::Refunding,
            };
        } else {
            case.state = CaseState::Refused;
        }
        if case.state == CaseState::Refunding {
            case.refund = self.judge_case_refund(slot, &case)?;
        }
        self.judge_room_for_change(now)?;

        // Doing.
        let stamp = by_operator(now, trace, key, body);
        facts.begin(&stamp);
        self.enter(&stamp, &Fact::AftersaleChanged(case), facts);
        self.refund_case(&stamp, slot, &case, facts);
        facts.end();
        Ok(self.case_answer(row))
    }

    pub(super) fn receive_case(
        &mut self,
        now: MicrosUtc,
        trace: TraceId,
        receive: &CaseReceive,
        facts: &mut impl Facts,
    ) -> Result<Verdict, Refusal> {
        // Looking.
        let key = RequestKey { who: UserId(0), id: receive.request };
        let body = Intent::CaseReceive(*receive).body_hash();
        if let Some(answer) = self.asked_before(now, key, || body)? {
            return Ok(answer);
        }
        let slot = self.order_of(UserId(0), receive.order)?;
        let (row, case) = self.case_of(slot, receive.number)?;
        if case.state != CaseState::AwaitingGoods {
            return Err(Refusal::of(Reason::WrongState));
        }
        aftersale::judge_order(self.orders.at(slot).state)?;
        let from = self.orders.lines(slot).find(|line| line.sku == case.sku);
        let from = from.expect("a case is about a line of its order").warehouse;
        let warehouse = if receive.warehouse == WarehouseId(0) { from } else { receive.warehouse };
        self.judge_room_for_shelf_of(case.sku, warehouse)?;
        let instead = self.judge_instead(&case, from)?;
        let mut case = Case { state: CaseState::Done, ..case };
        if case.amount > MinorUnits::ZERO {
            case.refund = self.judge_case_refund(slot, &case)?;
            case.state = CaseState::Refunding;
        }
        self.judge_room_for_change(now)?;

        // Doing.
        let stamp = by_operator(now, trace, key, body);
        facts.begin(&stamp);
        self.enter(&stamp, &Fact::AftersaleChanged(case), facts);
        self.give_instead(&stamp, case.order, instead, facts);
        let back = |unavailable: u32| StockAdjusted {
            sku: case.sku,
            warehouse,
            on_hand_delta: i64::from(case.units),
            safety_delta: 0,
            unavailable_delta: i64::from(unavailable),
            reason: AdjustReason::Returned,
            order: case.order,
        };
        match receive.condition {
            Condition::Sellable => self.enter(&stamp, &Fact::StockAdjusted(back(0)), facts),
            Condition::Unavailable => self.enter(&stamp, &Fact::StockAdjusted(back(case.units)), facts),
            Condition::Lost => (),
        }
        self.refund_case(&stamp, slot, &case, facts);
        facts.end();
        Ok(self.case_answer(row))
    }

    pub(super) fn list_cases(&self, user: UserId, order: OrderId) -> Result<Verdict, Refusal> {
        let slot = self.order_of(user, order)?;
        let rows = self.cases.newest_first(self.orders.newest_case(slot));
        let mut cases: alloc::vec::Vec<_> = rows.map(|(_, row)| self.case_view(row)).collect();
        cases.reverse();
        Ok(Verdict::Cases(CasesView { order: self.orders.at(slot).brief(), cases }.into()))
    }

    /// The case that this refund of the order's paying payment is of went through, if there is one.
    pub(super) fn settle_case(&mut self, stamp: &Stamp, payment: u32, refund: u16, facts: &mut impl Facts) {
        let slot = self.payments.at(payment).order;
        if self.paying_payment(slot) != Some(payment) {
            return;
        }
        let mut cases = self.cases.newest_first(self.orders.newest_case(slot)).map(|(_, row)| row.case);
        let waits = |case: &Case| case.state == CaseState::Refunding && case.refund == refund;
        let found = cases.find(waits);
        drop(cases);
        if let Some(case) = found {
            let done = Case { state: CaseState::Done, ..case };
            self.enter(stamp, &Fact::AftersaleChanged(done), facts);
        }
    }

    pub(super) fn case_answer(&self, row: u32) -> Verdict {
        Verdict::Case(self.case_view(self.cases.at(row)).into())
    }

    fn case_view(&self, row: &CaseRow) -> CaseView {
        let order = self.orders.at(self.known(row.case.order));
        CaseView {
            case: row.case,
            currency: order.currency,
            opened_at: row.opened_at,
            changed_at: row.changed_at,
            order_state: order.state,
            order_version: order.version,
        }
    }

    /// The order's case of this number, and its row.
    fn case_of(&self, slot: u32, number: u16) -> Result<(u32, Case), Refusal> {
        let mut rows = self.cases.newest_first(self.orders.newest_case(slot));
        let found = rows.find(|(_, row)| row.case.number == number);
        found.map(|(at, row)| (at, row.case)).ok_or_else(|| {
            let there = i64::from(self.cases_of(slot));
            Refusal::of(Reason::InvalidField).with(i64::from(number), there)
        })
    }

    /// The row of a case that was opened.
    pub(super) fn known_case(&self, order: OrderId, number: u16) -> u32 {
        let (row, _) = self.case_of(self.known(order), number).expect("a remembered request opened it");
        row
    }

    fn cases_of(&self, slot: u32) -> u16 {
        self.cases.newest_first(self.orders.newest_case(slot)).next().map_or(0, |(_, row)| row.case.number)
    }

    /// What the line still has beside the order's cases but the one of this number.
    fn left_of_line(&self, slot: u32, place: usize, line: &Line, but: u16) -> LineLeft {
        let sent = self.sent_of_line(slot, place, line.quantity);
        let rows = self.cases.newest_first(self.orders.newest_case(slot)).map(|(_, row)| row.case);
        LineLeft::of(line, sent, rows.filter(|case| case.number != but))
    }

    /// A case can be decided until its money is on its way.
    fn judge_undecided(&self, slot: u32, case: &Case) -> Result<(), Refusal> {
        let money = self.paying_payment(slot).map(|payment| self.payments.at(payment).money);
        let on_its_way = money.is_some_and(|money| money.is_asked() && money.refund_number == case.refund);
        match case.state {
            CaseState::Open | CaseState::AwaitingGoods => Ok(()),
            CaseState::Refunding if !on_its_way => Ok(()),
            CaseState::Refunding | CaseState::Done | CaseState::Refused => {
                Err(Refusal::of(Reason::WrongState))
            }
        }
    }

    /// The amount that is accepted: `asked`, or what the buyer asked for where that is 0.
    fn judge_accepted(&self, slot: u32, case: &Case, asked: MinorUnits) -> Result<MinorUnits, Refusal> {
        aftersale::judge_order(self.orders.at(slot).state)?;
        let mut lines = self.orders.lines(slot).enumerate();
        let found = lines.find(|(_, line)| line.sku == case.sku);
        let (place, line) = found.expect("a case is about a line of its order");
        let left = self.left_of_line(slot, place, &line, case.number);
        if asked == MinorUnits::ZERO {
            return Ok(case.amount);
        }
        left.judge_amount(&line, case.kind, case.units, asked)
    }

    /// The units that an exchange gives for those that come back, from where the line was sent; nothing, of the
    /// other cases. It is no sale: neither a sale's cap nor what its user may have counts them again.
    fn judge_instead(&self, case: &Case, from: WarehouseId) -> Result<Option<ShelfUnits>, Refusal> {
        match case.kind {
            CaseKind::Refund | CaseKind::ReturnRefund => return Ok(None),
            CaseKind::Exchange => (),
        }
        let shelf = self.goods.find_shelf(case.sku, from).expect("a line was held on a shelf");
        aftersale::judge_exchange(&self.goods.shelf(shelf).shelf, case.units)?;
        let quantity = Quantity::parse(case.units).expect("a case of an exchange has units of a line");
        Ok(Some(ShelfUnits { sku: case.sku, warehouse: from, quantity }))
    }

    /// Held and sold at once, before the old units come back: these are never given for themselves.
    fn give_instead(
        &mut self,
        stamp: &Stamp,
        order: OrderId,
        instead: Option<ShelfUnits>,
        facts: &mut impl Facts,
    ) {
        let Some(units) = instead else { return };
        self.enter(stamp, &Fact::StockReserved { order, units: &[units] }, facts);
        self.enter(stamp, &Fact::StockReduced { order, units: &[units] }, facts);
    }

    /// The number of the refund that sends the case's amount of the order's money back.
    fn judge_case_refund(&self, slot: u32, case: &Case) -> Result<u16, Refusal> {
        let Some(payment) = self.paying_payment(slot) else {
            return Err(Refusal::of(Reason::RefundExceedsPaid).with(case.amount.0, 0));
        };
        let money = self.payments.at(payment).money;
        let state = self.orders.at(slot).state;
        let number = payment::judge_case_refund(&money, state, case.amount, case.refund)?;
        if !self.has_room_for_refund(&money, number) {
            return Err(Refusal::of(Reason::Overloaded));
        }
        Ok(number)
    }

    /// Asks for the money of a case that is REFUNDING now.
    fn refund_case(&mut self, stamp: &Stamp, slot: u32, case: &Case, facts: &mut impl Facts) {
        if case.state != CaseState::Refunding {
            return;
        }
        let payment = self.paying_payment(slot).expect("money that goes back was paid");
        let (payment, currency) = (self.payments.at(payment).id, self.payments.at(payment).currency);
        let asked = Fact::RefundRequested {
            payment,
            order: case.order,
            version: self.orders.at(slot).version,
            number: case.refund,
            amount: case.amount,
            currency,
            reason: RefundReason::Aftersale,
            why: case.why,
        };
        self.enter(stamp, &asked, facts);
    }
}

/// What the facts do.
impl Ledger {
    pub(super) fn aftersale_changed(&mut self, stamp: &Stamp, case: &Case) {
        let slot = self.known(case.order);
        let newest = self.orders.newest_case(slot);
        let found = self.cases.newest_first(newest).find(|(_, row)| row.case.number == case.number);
        match found.map(|(at, _)| at) {
            Some(row) => self.cases.change(row, stamp.at, *case),
            None => {
                let row = self.cases.add(stamp.at, *case, newest);
                self.orders.set_newest_case(slot, row);
            }
        }
        self.remember(stamp, Subject::case(case.order, case.number));
    }
}
