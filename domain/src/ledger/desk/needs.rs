//! Which rows must lie on a desk before something is decided.

use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;
use core::mem;

use crate::coupon::{CouponIds, CouponScope};
use crate::cursor::CursorName;
use crate::fact::RequestKey;
use crate::ids::{CouponId, Making, OrderId, PaymentId, SaleId, SkuId, UserId, WarehouseId};
use crate::intent::{AskedLine, Intent, RepairAction};
use crate::ledger::Ledger;
use crate::ledger::desk::{Desk, Key, Place, RowFault, Shared};
use crate::ledger::orders::NONE;
use crate::ledger::requests::Subject;
use crate::switch::Scope;
use crate::units::Currency;

/// Rows that are missing. Where there are none, nothing is laid: that is an answer, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// This one.
    Row(Key),
    /// Every place of this sku in a sale.
    PlacesOfSku(SkuId),
    /// Every place in this sale.
    PlacesOfSale(SaleId),
    /// Every shelf of this sku.
    ShelvesOf(SkuId),
    /// Every switch that is set, and [`Key::SwitchVersion`].
    Switches,
}

/// What is to be decided.
#[derive(Clone, Copy, Debug)]
pub enum Task<'a> {
    /// An intent.
    Ask(&'a Intent<'a>),
    /// That this order is over or complete: its time ran out.
    EndOrder(OrderId),
    /// That this hold is over.
    EndHold(u64),
}

impl Desk {
    /// Which rows are missing for these tasks, all of one batch. The caller reads all of them, at one instant, lays
    /// them, and asks again; nothing is missing when this says nothing. Mostly that takes two or three rounds.
    ///
    /// # Errors
    /// Where rows that were laid contradict each other, name rows that are nowhere, or are too many.
    pub fn needs<'a>(&mut self, tasks: impl IntoIterator<Item = Task<'a>>) -> Result<Vec<Need>, RowFault> {
        self.round += 1;
        self.settle()?;
        self.asked_lines = 0;
        let mut asked = 0;
        for task in tasks {
            asked += 1;
            match task {
                Task::Ask(intent) => self.needs_of_intent(intent)?,
                Task::EndOrder(order) => self.whole_order(order)?,
                Task::EndHold(hold) => self.whole_hold(hold)?,
            }
        }
        if asked > self.size.intents || self.asked_lines > self.size.lines {
            return Err(RowFault::Full("what is asked of it at once"));
        }
        let missing = mem::take(&mut self.missing);
        self.is_ready = missing.is_empty();
        if self.is_ready {
            self.judge_rows()?;
        }
        Ok(missing)
    }

    fn needs_of_intent(&mut self, intent: &Intent<'_>) -> Result<(), RowFault> {
        let asked = if let Intent::GetByRequest { user, request } = *intent {
            Some(RequestKey { who: user, id: request })
        } else {
            intent.request()
        };
        if let Some(key) = asked {
            self.want(Key::Request(key));
        }
        // What was asked before came with what it led to, and no more is looked at; but by these two.
        let led_to = asked.and_then(|key| self.ledger.requests.find(&self.ledger.orders, key));
        let (is_prepare, is_letter) = (
            matches!(intent, Intent::Prepare(_)),
            matches!(intent, Intent::LetterPark(_) | Intent::LetterEnd(_)),
        );
        if led_to.is_some() && !is_prepare && !is_letter {
            return Ok(());
        }
        match intent {
            Intent::Create(create) => {
                self.basket(create.user, create.currency, create.lines.as_slice(), &create.coupons)?;
                if create.hold != 0 {
                    self.whole_hold(create.hold)?;
                }
            }
            Intent::Prepare(prepare) => {
                // Asked again, it is priced with the units of the hold that it made.
                if let Some((Subject::Hold(slot), _)) = led_to {
                    self.whole_hold(self.ledger.holds.at(slot).hold.id)?;
                }
                self.basket(prepare.user, prepare.currency, prepare.lines.as_slice(), &prepare.coupons)?;
            }
            Intent::GetByRequest { .. } => (), // Its request is enough.
            Intent::Cancel(cancel) => self.whole_order(cancel.order)?,
            Intent::ConfirmReceipt(confirm) => self.whole_order(confirm.order)?,
            Intent::Ship(ship) => self.whole_order(ship.order)?,
            Intent::TrackNote(note) => self.whole_order(note.order)?,
            Intent::Sign(sign) => self.whole_order(sign.order)?,
            Intent::CaseOpen(open) => self.whole_order(open.order)?,
            Intent::CaseDecide(decide) => self.whole_order(decide.order)?,
            Intent::CaseReceive(receive) => {
                self.whole_order(receive.order)?;
                self.shelves_of_case(receive.order, receive.number);
            }
            Intent::PayOpen(open) => self.whole_order(open.order)?,
            Intent::PayCallback(callback) => {
                if let Some(order) = self.order_of_payment(callback.payment) {
                    self.order_to_be_had_again(order)?;
                }
            }
            Intent::PayClose(close) => self.whole_order_of(close.payment)?,
            Intent::Refund(refund) => self.whole_order_of(refund.payment)?,
            Intent::RefundResult(result) => self.whole_order_of(result.payment)?,
            Intent::Repair(repair) => {
                self.order_to_be_had_again(repair.order)?;
                match repair.action {
                    RepairAction::Settle(payment) => self.whole_order_of(payment)?,
                    RepairAction::Restock => (),
                }
            }
            Intent::Get { order, .. }
            | Intent::History { order, .. }
            | Intent::Track { order, .. }
            | Intent::CaseList { order, .. } => self.want(Key::Order(*order)),
            Intent::PayGet { order: OrderId(0), payment, .. } => {
                if let Some(order) = self.order_of_payment(*payment) {
                    self.must_have(Key::Order(order))?;
                }
            }
            Intent::PayGet { order, .. } => self.want(Key::Order(*order)),
            Intent::SkuPut(put) => {
                self.want(Key::Sku(put.sku.id));
                self.want_all(Need::Switches);
            }
            Intent::SkuGet(sku) => {
                self.prices_of(*sku)?;
                self.want_all(Need::ShelvesOf(*sku));
            }
            Intent::SalePut(put) => {
                self.asked_lines += put.skus.len();
                self.want(Key::Sale(put.sale.id));
                self.want_all(Need::PlacesOfSale(put.sale.id));
                self.want_all(Need::Switches);
                for item in put.skus {
                    self.want(Key::Sku(item.sku));
                    self.want_all(Need::PlacesOfSku(item.sku));
                    self.sales_of(item.sku, |_| true)?;
                }
            }
            Intent::FreightPut(put) => {
                self.want(Key::Freight(put.rule.seller, put.rule.currency));
                self.want_all(Need::Switches);
            }
            Intent::StockGet { sku, .. } => {
                self.want(Key::Sku(*sku));
                self.want_all(Need::ShelvesOf(*sku));
            }
            Intent::StockAdjust(adjust) => self.stock_of(adjust.sku),
            Intent::StockTransfer(transfer) => self.stock_of(transfer.sku),
            Intent::StockReturn(back) => self.stock_of(back.sku),
            Intent::StockReserve(reserve) => {
                self.asked_lines += reserve.lines.as_slice().len();
                self.want(Key::Limit(reserve.user));
                self.want_all(Need::Switches);
                for line in reserve.lines.as_slice() {
                    self.prices_of(line.sku)?;
                    self.shelves_of(line);
                }
            }
            Intent::StockRelease(end) | Intent::StockCommit(end) => self.whole_hold(end.hold)?,
            Intent::StockExtend(extend) => {
                self.want(Key::Limit(extend.user));
                self.whole_hold(extend.hold)?;
            }
            Intent::LetterPark(park) => self.letter(park.subscriber, park.position),
            Intent::LetterEnd(end) => self.letter(end.subscriber, end.position),
            Intent::LimitPut(put) => {
                self.want(Key::Limit(put.limit.user));
                self.want_all(Need::Switches);
            }
            Intent::SwitchPut(put) => {
                self.want_all(Need::Switches);
                match put.scope {
                    Scope::All => (),
                    Scope::Sale(sale) => self.want(Key::Sale(sale)),
                    Scope::Sku(sku) => self.want(Key::Sku(sku)),
                }
            }
            Intent::CouponDefine(define) => {
                let id = define.coupon.id;
                self.asked_lines += define.skus.len();
                self.want_all(Need::Switches);
                self.want(Key::Coupon(id));
                self.want(Key::Shared(Shared::Quota(id)));
                define.skus.iter().for_each(|sku| self.want(Key::Sku(*sku)));
                match define.coupon.scope {
                    CouponScope::All | CouponScope::Skus => (),
                    CouponScope::Sale(sale) => self.want(Key::Sale(sale)),
                }
            }
            Intent::CouponClaim(claim) => {
                self.want(Key::Limit(claim.user));
                self.want_all(Need::Switches);
                self.coupons(claim.user, [claim.coupon]);
            }
            Intent::CouponCheck(check) => {
                self.asked_lines += check.lines.as_slice().len();
                for line in check.lines.as_slice() {
                    self.prices_of(line.sku)?;
                }
                // A preferred user sees prices before they count for all.
                self.want(Key::Limit(check.user));
                self.coupons(check.user, check.coupons.iter());
            }
            Intent::CouponGet { user, coupon } => self.coupons(*user, [*coupon]),
            // Answered from tables.
            Intent::List(_)
            | Intent::Scan(_)
            | Intent::SkuList { .. }
            | Intent::SaleGet(_)
            | Intent::SaleList { .. }
            | Intent::FreightList { .. }
            | Intent::SwitchList { .. }
            | Intent::LimitList { .. }
            | Intent::CouponList { .. }
            | Intent::LetterList(_)
            | Intent::CursorMove(_)
            | Intent::CursorGet(_)
            | Intent::Holdings => (),
        }
        Ok(())
    }

    /// A basket on its way to become an order, or to be priced.
    fn basket(
        &mut self,
        user: UserId,
        currency: Currency,
        lines: &[AskedLine],
        coupons: &CouponIds,
    ) -> Result<(), RowFault> {
        self.asked_lines += lines.len();
        self.want(Key::Limit(user));
        self.want_all(Need::Switches);
        for line in lines {
            if let Some(sale) = self.prices_of(line.sku)? {
                self.want(Key::Shared(Shared::Cap(sale)));
                self.want(Key::Count(sale, user));
            }
            self.shelves_of(line);
            let goods = &self.ledger.goods;
            if let Some(seller) = goods.find_sku(line.sku).map(|slot| goods.sku(slot).seller) {
                self.want(Key::Freight(seller, currency));
            }
        }
        self.coupons(user, coupons.iter());
        Ok(())
    }

    /// A sku, and the sale that speaks for it now, which this says once the sku's places are known.
    fn prices_of(&mut self, sku: SkuId) -> Result<Option<SaleId>, RowFault> {
        self.want(Key::Sku(sku));
        self.want_all(Need::PlacesOfSku(sku));
        let now = self.now;
        let speaking = self.places_of(sku).filter(|place| place.closed_from <= now);
        let speaking = speaking.max_by_key(|place| place.closed_from).map(|place| place.sale);
        self.sales_of(sku, |place| Some(place.sale) == speaking)?;
        Ok(speaking)
    }

    /// Such sales of a sku, as far as its places are known.
    fn sales_of(&mut self, sku: SkuId, such: impl Fn(&Place) -> bool) -> Result<(), RowFault> {
        let sales: Vec<_> = self.places_of(sku).filter(|place| such(place)).map(|it| it.sale).collect();
        sales.into_iter().try_for_each(|sale| self.must_have(Key::Sale(sale)))
    }

    fn places_of(&self, sku: SkuId) -> impl Iterator<Item = &Place> {
        self.places.range((sku, SaleId(0))..=(sku, SaleId(u32::MAX))).map(|(_, place)| place)
    }

    /// Where a line may leave from.
    fn shelves_of(&mut self, line: &AskedLine) {
        if line.warehouse == WarehouseId(0) {
            self.want_all(Need::ShelvesOf(line.sku));
        } else {
            self.want(Key::Shared(Shared::Shelf(line.sku, line.warehouse)));
        }
    }

    /// A sku whose stock an operator changes.
    fn stock_of(&mut self, sku: SkuId) {
        self.want(Key::Sku(sku));
        self.want_all(Need::ShelvesOf(sku));
        self.want_all(Need::Switches);
    }

    /// Coupons, and how often they were taken.
    fn coupons(&mut self, user: UserId, coupons: impl IntoIterator<Item = CouponId>) {
        for coupon in coupons {
            self.want(Key::Coupon(coupon));
            self.want(Key::Shared(Shared::Quota(coupon)));
            self.want(Key::CouponUser(coupon, user));
        }
    }

    /// An order, and all that may change with it.
    fn whole_order(&mut self, order: OrderId) -> Result<(), RowFault> {
        self.want_all(Need::Switches);
        self.want(Key::Order(order));
        let Some(slot) = self.ledger.orders.find(order) else { return Ok(()) };
        self.whole_orders.insert(order);
        let user = self.ledger.orders.at(slot).user;
        let mut at = 0;
        while let Some(line) = self.ledger.orders.line(slot, at) {
            at += 1;
            self.must_have(Key::Sku(line.sku))?;
            self.must_have(Key::Shared(Shared::Shelf(line.sku, line.warehouse)))?;
            if line.sale != SaleId(0) {
                self.must_have(Key::Sale(line.sale))?;
                self.want(Key::Shared(Shared::Cap(line.sale)));
                self.want(Key::Count(line.sale, user));
            }
        }
        let Ledger { orders, coupons, .. } = &self.ledger;
        let its: Vec<_> = coupons.of_order(orders.coupons(slot)).map(|share| share.coupon).collect();
        self.coupons(user, its);
        if self.ledger.orders.newest_payment(slot) != NONE {
            self.want(Key::FailedRefunds(order));
        }
        Ok(())
    }

    /// An order that money may come for after it was cancelled: what it had is taken again, within limits.
    fn order_to_be_had_again(&mut self, order: OrderId) -> Result<(), RowFault> {
        self.whole_order(order)?;
        if let Some(slot) = self.ledger.orders.find(order) {
            self.want(Key::Limit(self.ledger.orders.at(slot).user));
        }
        Ok(())
    }

    /// The order that a payment is of, and all that may change with it.
    fn whole_order_of(&mut self, payment: PaymentId) -> Result<(), RowFault> {
        self.want_all(Need::Switches);
        match self.order_of_payment(payment) {
            Some(order) => self.whole_order(order),
            None => Ok(()),
        }
    }

    /// The order that a payment is of, once that is known.
    fn order_of_payment(&mut self, payment: PaymentId) -> Option<OrderId> {
        let making: Making = payment.making();
        if let Some(slot) = self.ledger.orders.find_made(making) {
            return Some(self.ledger.orders.at(slot).id);
        }
        self.want(Key::Making(making));
        self.made.get(&making).copied()
    }

    /// Goods of a case may come to any shelf of their sku.
    fn shelves_of_case(&mut self, order: OrderId, number: u16) {
        let Some(slot) = self.ledger.orders.find(order) else { return };
        let mut cases = self.ledger.cases.newest_first(self.ledger.orders.newest_case(slot));
        let sku = cases.find(|(_, row)| row.case.number == number).map(|(_, row)| row.case.sku);
        drop(cases);
        if let Some(sku) = sku {
            self.want_all(Need::ShelvesOf(sku));
        }
    }

    /// A dead letter, and how many there are.
    fn letter(&mut self, subscriber: CursorName, position: u64) {
        self.want(Key::Letter(subscriber, position));
        self.want(Key::Letters);
    }

    /// A hold, and the shelves of its units.
    fn whole_hold(&mut self, hold: u64) -> Result<(), RowFault> {
        self.want_all(Need::Switches);
        self.want(Key::Hold(hold));
        let Some(slot) = self.ledger.holds.find(hold) else { return Ok(()) };
        self.whole_holds.insert(hold);
        let units: Vec<_> = self.ledger.holds.units(slot).collect();
        for it in units {
            self.must_have(Key::Sku(it.sku))?;
            self.must_have(Key::Shared(Shared::Shelf(it.sku, it.warehouse)))?;
        }
        Ok(())
    }

    /// A row that may be nowhere.
    fn want(&mut self, key: Key) {
        self.want_all(Need::Row(key));
    }

    fn want_all(&mut self, need: Need) {
        if let Entry::Vacant(told) = self.told.entry(need) {
            told.insert(self.round);
            self.missing.push(need);
        }
    }

    /// A row that others name: it is here, or it is asked for, once.
    pub(super) fn must_have(&mut self, key: Key) -> Result<(), RowFault> {
        if self.is_here(&key) || self.waiting.iter().any(|row| row.key() == key) {
            return Ok(());
        }
        match self.told.get(&Need::Row(key)) {
            Some(&round) if round < self.round => Err(RowFault::Missing(key)),
            Some(_) | None => {
                self.want(key);
                Ok(())
            }
        }
    }
}
