//! What changes the shop besides CREATE: cancels, the payment timer, skus, sales and shelves.

use std::collections::BTreeSet;

use domain::fact::Actor;
use domain::intent::{AdjustReason, Cancel, HOLD_SECONDS_MAX, SALE_SKUS_MAX, SalePut, SkuPut, StockAdjust};
use domain::limit::UserList;
use domain::order::State;
use domain::switch::Stops;
use domain::verdict::{HistoryRow, SaleSummary};
use domain::{
    Currency, GatewayId, Intent, MicrosUtc, MinorUnits, OrderId, Reason, Refusal, SaleId, SkuId, UserId,
    WarehouseId,
};

use super::payments::wrong_state;
use super::{Model, OneSale, Subject, coupons, shipping, stock};

impl Model {
    pub(super) fn cancel(&mut self, now: MicrosUtc, cancel: &Cancel) -> Result<Subject, Refusal> {
        let brief = self.order_of(cancel.user, cancel.order)?.view.brief;
        if cancel.version != 0 && cancel.version != brief.version {
            let (asked, there) = (i64::from(cancel.version), i64::from(brief.version));
            return Err(Refusal::of(Reason::VersionConflict).with(asked, there));
        }
        let actor = match cancel.user {
            UserId(0) => Actor::Operator(0),
            user => Actor::User(user),
        };
        match brief.state {
            State::PendingPayment | State::Paying => self.end_unpaid(now, brief.order, actor, cancel.why),
            State::StockException | State::Confirmed => {
                self.cancel_paid(now, brief.order, actor, cancel.why)?
            }
            // On its way, only an operator knows whether it is lost or taken back.
            State::PartShipped | State::Shipped if cancel.user == UserId(0) => {
                self.cancel_paid(now, brief.order, actor, cancel.why)?;
            }
            State::Reserving
            | State::Paid
            | State::PartShipped
            | State::Shipped
            | State::Delivered
            | State::Completed
            | State::Failed
            | State::Cancelled
            | State::Refunding
            | State::Refunded => {
                let (wanted, there) = (State::Cancelled.number(), brief.state.number());
                return Err(Refusal::of(Reason::WrongState).with(i64::from(wanted), i64::from(there)));
            }
        }
        Ok(Subject::Order(brief.order))
    }

    pub(super) fn sku_put(&mut self, put: &SkuPut) -> Result<Subject, Refusal> {
        let standing = self.skus.get(&put.sku.id).map_or(0, |sku| sku.version);
        let mut sku = put.sku;
        sku.version = next_version(put.replaces, standing)?;
        self.skus.insert(sku.id, sku);
        Ok(Subject::Sku(sku.id))
    }

    pub(super) fn sale_put(&mut self, put: &SalePut<'_>) -> Result<Subject, Refusal> {
        let standing = self.sales.get(&put.sale.id);
        let version = next_version(put.replaces, standing.map_or(0, |it| it.summary.sale.version))?;
        let taken_units = standing.map_or(0, |it| it.summary.taken_units);
        if let Some(at) = put.skus.iter().position(|item| !self.skus.contains_key(&item.sku)) {
            return Err(Refusal::of(Reason::SkuNotFound).at_line(at));
        }
        if let Some(at) = put.skus.iter().position(|item| self.overlaps_another(put, item.sku)) {
            return Err(Refusal::of(Reason::InvalidField).at_line(at));
        }

        let mut sale = put.sale;
        sale.version = version;
        let prices = put.skus.iter().map(|item| (item.sku, item.unit_price)).collect();
        self.sales.insert(sale.id, OneSale { summary: SaleSummary { sale, taken_units }, prices });
        Ok(Subject::Sale(sale.id))
    }

    pub(super) fn stock_adjust(&mut self, adjust: &StockAdjust) -> Result<Subject, Refusal> {
        if !self.skus.contains_key(&adjust.sku) {
            return Err(Refusal::of(Reason::SkuNotFound));
        }
        let place = (adjust.sku, adjust.warehouse);
        let mut shelf = self.shelves.get(&place).copied().unwrap_or_default();
        let held_back = shelf.on_hand.saturating_sub(shelf.held);
        shelf.on_hand = moved(shelf.on_hand, adjust.on_hand_delta)?;
        shelf.safety = moved(shelf.safety, adjust.safety_delta)?;
        shelf.unavailable = moved(shelf.unavailable, adjust.unavailable_delta)?;
        let lost = adjust.reason == AdjustReason::Lost;
        if lost && adjust.on_hand_delta >= 0 {
            return Err(Refusal::of(Reason::InvalidField));
        }
        if adjust.on_hand_delta < 0 && shelf.on_hand < shelf.held && !lost {
            let asked = adjust.on_hand_delta.saturating_neg();
            return Err(Refusal::of(Reason::InsufficientStock).with(asked, held_back as i64));
        }
        self.may_lie_in(adjust.sku, adjust.warehouse)?;

        self.shelves.insert(place, shelf);
        Ok(Subject::Shelf(place.0, place.1))
    }

    /// PENDING_PAYMENT → CONFIRMED: what was held is sold. Where some of it is gone, → STOCK_EXCEPTION: it is let go.
    pub(super) fn settle(&mut self, now: MicrosUtc, order: OrderId, actor: Actor) {
        let lines = self.orders[&order].view.lines.clone();
        let there = |sku, warehouse| self.shelves[&(sku, warehouse)].on_hand;
        if lines.iter().all(|line| there(line.sku, line.warehouse) >= line.quantity.units()) {
            self.confirm(now, order, actor);
            return;
        }
        for line in lines {
            self.shelves.entry((line.sku, line.warehouse)).or_default().held -= line.quantity.units();
        }
        self.use_coupons(order);
        self.move_to(now, order, State::StockException, actor, 0);
    }

    /// Units that were found for an order become its own, those that are kept as safety included.
    pub(super) fn restock(&mut self, now: MicrosUtc, order: OrderId) -> Result<(), Refusal> {
        let (state, lines) = (self.orders[&order].view.brief.state, self.orders[&order].view.lines.clone());
        if state != State::StockException {
            return Err(wrong_state(State::Confirmed, state));
        }
        for (at, line) in lines.iter().enumerate() {
            let shelf = &self.shelves[&(line.sku, line.warehouse)];
            let spare = shelf.on_hand.saturating_sub(shelf.held).saturating_sub(shelf.unavailable);
            let asked = line.quantity.units();
            if spare < asked {
                let reason = if spare == 0 { Reason::SoldOut } else { Reason::InsufficientStock };
                return Err(Refusal::of(reason).at_line(at).with(asked as i64, spare as i64));
            }
        }
        for line in &lines {
            let shelf = self.shelves.entry((line.sku, line.warehouse)).or_default();
            shelf.on_hand -= line.quantity.units();
            shelf.sold += line.quantity.units();
        }
        self.move_to(now, order, State::Confirmed, Actor::Operator(0), 0);
        Ok(())
    }

    /// What is held is sold.
    pub(super) fn confirm(&mut self, now: MicrosUtc, order: OrderId, actor: Actor) {
        for line in self.orders[&order].view.lines.clone() {
            let shelf = self.shelves.entry((line.sku, line.warehouse)).or_default();
            shelf.held -= line.quantity.units();
            shelf.on_hand -= line.quantity.units();
            shelf.sold += line.quantity.units();
        }
        self.use_coupons(order);
        self.move_to(now, order, State::Confirmed, actor, 0);
    }

    /// PENDING_PAYMENT → CANCELLED: holds, limits and caps go back.
    pub(super) fn end_unpaid(&mut self, now: MicrosUtc, order: OrderId, actor: Actor, why: u16) {
        for line in self.orders[&order].view.lines.clone() {
            self.shelves.entry((line.sku, line.warehouse)).or_default().held -= line.quantity.units();
        }
        self.give_coupons_back(order);
        self.give_limits_back(order);
        self.move_to(now, order, State::Cancelled, actor, why);
    }

    /// To REFUNDED: what was sold and never sent comes back to its shelves, and stays counted as sold once.
    pub(super) fn take_back(&mut self, now: MicrosUtc, order: OrderId, actor: Actor, why: u16) {
        let sold = self.orders[&order].history.iter().any(|row| row.to == State::Confirmed);
        for line in self.orders[&order].view.lines.clone().iter().filter(|_| sold) {
            let left = line.quantity.units() - u64::from(self.orders[&order].sent(line.sku));
            let shelf = self.shelves.entry((line.sku, line.warehouse)).or_default();
            shelf.on_hand += left;
            shelf.returned += left;
        }
        self.give_limits_back(order);
        self.move_to(now, order, State::Refunded, actor, why);
    }

    pub(super) fn give_limits_back(&mut self, order: OrderId) {
        let view = self.orders[&order].view.clone();
        for line in &view.lines {
            let Some(sale) = self.sales.get_mut(&line.sale) else { continue };
            let pair = (line.sale, view.brief.user);
            let left = self.taken_by_user[&pair] - line.quantity.units();
            sale.summary.taken_units -= line.quantity.units();
            self.taken_by_user.insert(pair, left);
            if left == 0 {
                self.taken_by_user.remove(&pair);
            }
        }
    }

    pub(super) fn move_to(&mut self, now: MicrosUtc, order: OrderId, to: State, actor: Actor, why: u16) {
        let Some(order) = self.orders.get_mut(&order) else { return };
        let brief = &mut order.view.brief;
        let from = Some(brief.state);
        brief.state = to;
        brief.version += 1;
        order.history.push(HistoryRow { from, to, at: now, actor, why, version: brief.version });
    }

    fn overlaps_another(&self, put: &SalePut<'_>, sku: SkuId) -> bool {
        self.sales.values().any(|other| {
            let theirs = other.summary.sale;
            theirs.id != put.sale.id
                && other.prices.contains_key(&sku)
                && theirs.closed_from < put.sale.closes
                && put.sale.closed_from < theirs.closes
        })
    }
}

/// What an operator puts has its fields in their ranges; of a sale's skus the first wrong one is to blame. The
/// ranges of other intents are in their types.
pub(super) fn fields_in_range(intent: &Intent<'_>) -> Result<(), Refusal> {
    let hold_times = 1..=HOLD_SECONDS_MAX;
    let in_range = match intent {
        Intent::SkuPut(SkuPut { sku, .. }) => {
            sku.id != SkuId(0)
                && sku.currency != Currency(0)
                && sku.unit_price >= MinorUnits::ZERO
                && hold_times.contains(&sku.hold_seconds)
        }
        Intent::SalePut(SalePut { sale, skus, .. }) => {
            let mut seen = BTreeSet::new();
            let wrong = skus.iter().position(|item| {
                !seen.insert(item.sku) || item.sku == SkuId(0) || item.unit_price < MinorUnits::ZERO
            });
            let whole = sale.id != SaleId(0)
                && sale.closed_from <= sale.opens
                && sale.opens < sale.closes
                && hold_times.contains(&sale.hold_seconds)
                && skus.len() <= SALE_SKUS_MAX;
            if let (true, Some(at)) = (whole, wrong) {
                return Err(Refusal::of(Reason::InvalidField).at_line(at));
            }
            whole
        }
        Intent::LimitPut(put) => {
            let sets = put.limit.list != UserList::Ordinary || put.limit.sale_units != 0;
            put.limit.user != UserId(0) && (sets || put.limit.until == MicrosUtc(0))
        }
        Intent::SwitchPut(put) => put.stops != Stops::default() || put.replaces != 0,
        Intent::FreightPut(put) => crate::freight::in_range(&put.rule),
        Intent::StockAdjust(adjust) => adjust.warehouse != WarehouseId(0),
        Intent::StockTransfer(transfer) => stock::is_a_transfer(transfer),
        Intent::StockReturn(back) => stock::is_a_return(back.warehouse, back.units),
        Intent::LetterPark(park) => park.position != 0,
        Intent::LetterList(list) => (1..=domain::intent::PAGE_MAX).contains(&list.limit),
        Intent::StockReserve(reserve) => hold_times.contains(&reserve.hold_seconds),
        Intent::StockExtend(extend) => hold_times.contains(&extend.hold_seconds),
        Intent::StockRelease(_) | Intent::StockCommit(_) => true,
        Intent::CouponDefine(define) => coupons::is_a_coupon(define)?,
        Intent::CouponClaim(claim) => claim.user != UserId(0),
        Intent::CouponCheck(check) => check.user != UserId(0) && !check.coupons.is_empty(),
        Intent::PayOpen(open) => open.gateway != GatewayId(0),
        Intent::Ship(ship) => return shipping::named_once(ship.lines),
        Intent::CouponGet { .. }
        | Intent::CouponList { .. }
        | Intent::Create(_)
        | Intent::Cancel(_)
        | Intent::Prepare(_)
        | Intent::Get { .. }
        | Intent::GetByRequest { .. }
        | Intent::List(_)
        | Intent::History { .. }
        | Intent::SkuGet(_)
        | Intent::SkuList { .. }
        | Intent::SaleGet(_)
        | Intent::SaleList { .. }
        | Intent::FreightList { .. }
        | Intent::StockGet { .. }
        | Intent::CursorMove(_)
        | Intent::CursorGet(_)
        | Intent::LetterEnd(_)
        | Intent::SwitchList { .. }
        | Intent::Scan(_)
        | Intent::LimitList { .. }
        | Intent::Holdings
        | Intent::PayCallback(_)
        | Intent::PayGet { .. }
        | Intent::PayClose(_)
        | Intent::Refund(_)
        | Intent::RefundResult(_)
        | Intent::Repair(_)
        | Intent::Track { .. }
        | Intent::CaseOpen(_)
        | Intent::CaseList { .. }
        | Intent::CaseDecide(_)
        | Intent::CaseReceive(_)
        | Intent::TrackNote(_)
        | Intent::Sign(_)
        | Intent::ConfirmReceipt(_) => true,
    };
    if in_range { Ok(()) } else { Err(Refusal::of(Reason::InvalidField)) }
}

/// The version after the one that stands, if that is the one to be replaced.
pub(super) fn next_version(replaces: u32, standing: u32) -> Result<u32, Refusal> {
    if replaces != standing {
        return Err(Refusal::of(Reason::VersionConflict).with(i64::from(replaces), i64::from(standing)));
    }
    Ok(standing + 1)
}

/// Operators count from 0 to `i64::MAX`, as their deltas do.
fn moved(units: u64, delta: i64) -> Result<u64, Refusal> {
    (units.checked_add_signed(delta))
        .filter(|units| *units <= i64::MAX as u64)
        .ok_or(Refusal::of(Reason::InvalidField))
}
