//! After-sales cases from fact to fact: what they are about, and that units and money follow.

use domain::aftersale::{CASES_OF_ORDER_MAX, Case, CaseKind, CaseState};
use domain::fact::{Actor, StockAdjusted};
use domain::intent::AdjustReason;
use domain::order::State;
use domain::verdict::{Holdings, digest_case};
use domain::{SkuId, Stamp, WarehouseId};

use super::Auditor;
use super::books::{CaseBook, LineBook, OrderBook};
use super::orders::Together;
use super::payments::Money;
use super::tally::Rule;

impl OrderBook {
    /// Whether the cases of the line that this one is about take no more than the line cost and the buyer got.
    fn covers(&self, case: &Case) -> bool {
        let Some(place) = self.lines.iter().position(|line| line.sku == case.sku) else { return false };
        let cases = self.cases.iter().map(|it| it.case);
        let (amount, units) = cases.filter(|it| it.sku == case.sku).fold((0, 0), |(amount, units), it| {
            let money = if it.state == CaseState::Refused { 0 } else { it.amount.0 };
            (amount + i128::from(money), units + i128::from(away(&it)))
        });
        let has_goods = (case.kind == CaseKind::Refund) == (case.units == 0);
        let no_money = case.kind != CaseKind::Exchange || case.amount.0 == 0 && case.refund == 0;
        amount <= self.lines[place].total
            && units <= i128::from(self.sent[place])
            && case.amount.0 >= 0
            && has_goods
            && no_money
    }

    /// Units that exchanges gave beside those of the lines, and from where.
    pub(super) fn exchanged(&self) -> impl Iterator<Item = ((SkuId, WarehouseId), u32)> {
        let done = self
            .cases
            .iter()
            .map(|it| it.case)
            .filter(|it| it.kind == CaseKind::Exchange && it.state == CaseState::Done);
        done.filter_map(|it| {
            let line = self.lines.iter().find(|line| line.sku == it.sku)?;
            Some(((line.sku, line.warehouse), it.units))
        })
    }
}

impl Auditor {
    pub(super) fn aftersale_changed(&mut self, stamp: &Stamp, case: &Case, together: &mut Together) {
        let Money { went_back, number_back, .. } = together.of(case.order).money;
        if !went_back {
            together.asked_for += 1;
        }
        let Some(order) = self.books.orders.get_mut(&case.order) else {
            together.of(case.order).blame();
            self.tally.check(Rule::Aftersale, false, || format!("order {} is not there", case.order.0));
            return;
        };
        let place = usize::from(case.number).wrapping_sub(1);
        let before = order.cases.get(place).copied();
        let now = CaseBook { case: *case, opened_at: stamp.at, changed_at: stamp.at };
        let moves = match before {
            None => {
                let opens = place == order.cases.len() && case.number <= CASES_OF_ORDER_MAX;
                if opens {
                    order.cases.push(now);
                }
                let by_whom = match stamp.actor {
                    Actor::User(user) => user == order.user,
                    Actor::Operator(_) => true,
                    Actor::Timer | Actor::Gateway(_) => false,
                };
                opens && by_whom && case.state == CaseState::Open && case.refund == 0 && !went_back
            }
            Some(before) => {
                order.cases[place] = CaseBook { opened_at: before.opened_at, ..now };
                let from = before.case;
                let same = (from.kind, from.sku, from.units) == (case.kind, case.sku, case.units);
                let by_whom = match stamp.actor {
                    Actor::Operator(_) => !went_back,
                    Actor::Gateway(_) => {
                        went_back && from.amount == case.amount && number_back == Some(case.refund)
                    }
                    Actor::User(_) | Actor::Timer => false,
                };
                same && by_whom && leads(&from, case, went_back)
            }
        };
        let alive = went_back
            || case.state == CaseState::Refused
            || matches!(
                order.state,
                State::Confirmed | State::PartShipped | State::Shipped | State::Delivered | State::Completed
            );
        let right = moves && alive && order.covers(case);
        self.tally.check(Rule::Aftersale, right, || {
            format!("case {} of order {}: from {before:?} to {case:?}", case.number, case.order.0)
        });
        let parts = together.of(case.order);
        let received = before.is_some_and(|it| it.case.state == CaseState::AwaitingGoods)
            && matches!(case.state, CaseState::Refunding | CaseState::Done);
        parts.goods = received.then_some((case.sku, case.units));
        if received && case.kind == CaseKind::Exchange {
            self.give_instead(case, together);
        }
        let parts = together.of(case.order);
        if case.state == CaseState::Refunding {
            let had = before.map_or(0, |it| it.case.refund);
            parts.case_refund = Some((case.refund, i128::from(case.amount.0), had));
        }
    }

    /// An exchange takes as many units as come back from where the line was sent, before they are there. It is no
    /// purchase: nothing that counts purchases grows.
    fn give_instead(&mut self, case: &Case, together: &mut Together) {
        let Some(order) = self.books.orders.get(&case.order) else { return };
        let Some(line) = order.lines.iter().find(|line| line.sku == case.sku) else { return };
        let given = LineBook { units: case.units, ..*line };
        self.hold(&given, 0);
        self.sell(&given);
        together.of(case.order).instead = Some(given);
    }

    /// Units of an order came back: those of a case here, and those of a refund are judged with it.
    pub(super) fn units_returned(&mut self, returned: &StockAdjusted, together: &mut Together) {
        let parts = together.of(returned.order);
        let Some((sku, units)) = parts.goods.take() else {
            return together.push_returned(returned);
        };
        let units = i128::from(units);
        let unavailable = i128::from(returned.unavailable_delta);
        let right = returned.sku == sku
            && i128::from(returned.on_hand_delta) == units
            && returned.safety_delta == 0
            && (unavailable == 0 || unavailable == units)
            && returned.reason == AdjustReason::Returned
            && returned.warehouse.0 != 0;
        self.tally.check(Rule::Units, right, || {
            format!("{returned:?} came back by a case of {units} units of sku {}", sku.0)
        });
        if right {
            let shelf = self.books.shelves.entry((sku, returned.warehouse)).or_default();
            shelf.on_hand += units;
            shelf.returned += units;
            shelf.came_back += units;
            shelf.unavailable += unavailable;
        }
    }

    pub(super) fn compare_cases(&mut self, holdings: &Holdings) {
        let cases = self.books.orders.values().flat_map(|order| &order.cases);
        let ours = cases.fold((0_u64, 0_u64), |(count, sum), it| {
            (count + 1, sum.wrapping_add(digest_case(&it.case, it.opened_at, it.changed_at)))
        });
        let theirs = (holdings.cases, holdings.cases_digest);
        self.tally.check(Rule::StoreCases, ours == theirs, || {
            format!("the store has {} cases, the facts make {}, or other ones", theirs.0, ours.0)
        });
    }
}

/// Units that the buyer has no more because of this case, or that are asked back.
fn away(case: &Case) -> u32 {
    match (case.state, case.kind) {
        (CaseState::Done, CaseKind::Exchange) => 0,
        // It is refused behind a refund that failed, and its goods had come back.
        (CaseState::Refused, _) if case.refund > 0 => case.units,
        (CaseState::Refused, _) => 0,
        (CaseState::Open | CaseState::AwaitingGoods | CaseState::Refunding | CaseState::Done, _) => {
            case.units
        }
    }
}

/// Whether a case may go from here to there; `went_back`: by its refund.
fn leads(from: &Case, to: &Case, went_back: bool) -> bool {
    let goods = from.kind != CaseKind::Refund;
    match (from.state, to.state) {
        (CaseState::Refunding, CaseState::Done) => went_back,
        (CaseState::Open | CaseState::AwaitingGoods | CaseState::Refunding, CaseState::Refused) => true,
        (CaseState::Open | CaseState::AwaitingGoods, CaseState::AwaitingGoods) => goods,
        (CaseState::Open, CaseState::Refunding) => !goods,
        (CaseState::AwaitingGoods | CaseState::Refunding, CaseState::Refunding) => true,
        (CaseState::AwaitingGoods, CaseState::Done) => to.amount.0 == 0,
        (CaseState::Open | CaseState::Done | CaseState::Refused, _)
        | (CaseState::AwaitingGoods | CaseState::Refunding, _) => false,
    }
}
