//! Whether a ledger has room for facts that were made under other bounds.
//!
//! A live ledger looks for room before it decides. A journal may hold more than the bounds of today allow: that is
//! a setting to change, not a bug, so replay asks here before each fact, with the same sums as the live ledger.

use core::fmt;

use crate::aftersale::CaseState;
use crate::coupon::CouponShare;
use crate::fact::{Fact, Line, OrderCreated, Stamp};
use crate::hold::HoldEnd;
use crate::ids::{CouponId, OrderId, SaleId, SkuId, UserId, WarehouseId};
use crate::ledger::Ledger;
use crate::ledger::orders::{NONE, Orders};
use crate::ledger::shipments::Shipments;
use crate::order::State;

/// A bound of [`LedgerBounds`](crate::LedgerBounds) below what the facts need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassedBound {
    /// Its name there.
    pub name: &'static str,
    /// Its value.
    pub value: usize,
}

impl fmt::Display for PassedBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} is less than what the journal holds", self.name, self.value)
    }
}

impl core::error::Error for PassedBound {}

impl Ledger {
    /// Whether this fact fits.
    pub(super) fn judge_room_for_fact(&self, stamp: &Stamp, fact: &Fact<'_>) -> Result<(), PassedBound> {
        let bounds = &self.bounds;
        match fact {
            Fact::OrderCreated(created) => return self.judge_room_for_created(stamp, created),
            Fact::OrderConfirmed { order, .. } => {
                self.judge_room_to_count_again(*order)?;
                self.judge_room_for_row()?;
                // Units that were found for it are what a request asked for; else that is behind us.
                let slot = self.orders.find(*order).expect("facts name orders that were created");
                if self.orders.at(slot).state != State::StockException {
                    return Ok(());
                }
            }
            Fact::StockException { .. } => return self.judge_room_for_row(),
            Fact::CouponDefined { coupon, skus } => {
                let replaced = self.coupons.find(coupon.id);
                within(self.coupons.has_room(bounds, replaced), "coupons_max", bounds.coupons_max)?;
                let fits = self.coupons.has_room_for_skus(bounds, replaced, skus.len());
                within(fits, "coupon_skus_max", bounds.coupon_skus_max)?;
            }
            Fact::CouponClaimed { coupon, user } => self.judge_room_to_take([*coupon], *user)?,
            Fact::CouponLocked { order, coupons } => return self.judge_room_for_coupons(*order, coupons),
            Fact::CouponReleased { .. } | Fact::CouponUsed { .. } => return Ok(()),
            Fact::PaymentOpened { .. } => {
                within(self.payments.has_room(bounds, 1), "payments_max", bounds.payments_max)?;
                self.judge_room_for_row()?;
            }
            Fact::PaymentFailed { .. } | Fact::RefundRequested { .. } => self.judge_room_for_row()?,
            Fact::PaymentSuccess { .. } => (),
            Fact::PaymentRepeated { .. } => {
                within(self.payments.has_room(bounds, 1), "payments_max", bounds.payments_max)?;
            }
            Fact::PaymentMismatched { .. }
            | Fact::PaymentOverdrawn { .. }
            | Fact::RefundFailed { .. }
            | Fact::RefundSettled { .. } => return Ok(()),
            Fact::OrderCancelled { .. } | Fact::RefundDone { .. } => self.judge_room_for_row()?,
            Fact::OrderShipped { number, whole, units, .. } => {
                within(self.shipments.has_room(bounds), "shipments_max", bounds.shipments_max)?;
                let lines = Shipments::arena_lines(*number, *whole, units.len());
                let fits = self.shipments.has_room_for_lines(bounds, lines);
                within(fits, "sent_lines_max", bounds.sent_lines_max)?;
                self.judge_room_for_row()?;
            }
            Fact::AftersaleChanged(case) => {
                let fits = case.state != CaseState::Open || self.cases.has_room(bounds);
                within(fits, "cases_max", bounds.cases_max)?;
            }
            // A shipment has its room for a note with it.
            Fact::ShipmentTracked { .. } => (),
            Fact::OrderDelivered { .. } | Fact::OrderCompleted { .. } => self.judge_room_for_row()?,
            Fact::SkuChanged(sku) => {
                let fits = self.goods.has_room_for_sku(bounds) || self.goods.find_sku(sku.id).is_some();
                within(fits, "skus_max", bounds.skus_max)?;
            }
            Fact::SaleChanged { sale, skus } => {
                let replaced = self.goods.find_sale(sale.id);
                let fits = self.goods.has_room_for_sale(bounds, replaced);
                within(fits, "sales_max", bounds.sales_max)?;
                let fits = self.goods.has_room_for_items(bounds, replaced, skus.len());
                within(fits, "sale_skus_max", bounds.sale_skus_max)?;
            }
            Fact::StockAdjusted(change) => {
                self.judge_room_for_shelf(change.sku, change.warehouse)?;
                if change.order != OrderId(0) {
                    return Ok(());
                }
            }
            Fact::HoldMade { units, .. } => {
                within(self.holds.has_room(bounds), "holds_max", bounds.holds_max)?;
                let fits = self.holds.has_room_for_lines(bounds, units.len());
                within(fits, "hold_lines_max", bounds.hold_lines_max)?;
            }
            Fact::HoldEnded { end: HoldEnd::Taken, .. } => return Ok(()), // The order remembers the request.
            Fact::HoldEnded { .. } | Fact::HoldExtended { .. } => (),
            Fact::StockTransferred { sku, to, .. } => self.judge_room_for_shelf(*sku, *to)?,
            Fact::StockReturned { sku, warehouse, .. } => self.judge_room_for_shelf(*sku, *warehouse)?,
            Fact::LetterParked { subscriber, position, .. } => {
                let fits = self.has_room_for_letter(*subscriber, *position);
                within(fits, "dead_letters_max", bounds.dead_letters_max)?;
            }
            Fact::LetterEnded { .. } => (),
            Fact::LimitChanged(limit) => {
                let fits = !limit.any() || self.limits.has_room(bounds, stamp.at, limit.user);
                within(fits, "limits_max", bounds.limits_max)?;
            }
            Fact::SwitchChanged { .. } => (), // As many as ever fit.
            Fact::FreightChanged(_) => (), // Their number is no setting; the request's room is looked for below.
            // Their number is no setting, so what was made fits.
            Fact::CursorMoved { .. } => return Ok(()),
            Fact::StockReserved { .. } | Fact::StockReduced { .. } | Fact::StockReleased { .. } => {
                return Ok(());
            }
        }
        // What is left remembers its request, if it has one.
        if stamp.request.is_some() { self.judge_room_for_ids(stamp, (1, 1)) } else { Ok(()) }
    }

    /// Whether every order and hold that can still end, or be paid, has the room for it that a live ledger keeps.
    pub(super) fn judge_room_for_ends(&self) -> Result<(), PassedBound> {
        let (bounds, kept) = (&self.bounds, self.kept_ids());
        let (ids, changes) = self.requests.len();
        let fits = self.orders.has_room_for_rows(bounds, self.rows_kept);
        within(fits, "history_rows_max", bounds.history_rows_max)?;
        let fits = self.payments.has_room(bounds, self.unopened);
        within(fits, "payments_max", bounds.payments_max)?;
        within(changes + kept <= bounds.changes_max, "changes_max", bounds.changes_max)?;
        within(ids + kept <= bounds.request_ids_max, "request_ids_max", bounds.request_ids_max)
    }

    fn judge_room_for_created(&self, stamp: &Stamp, created: &OrderCreated<'_>) -> Result<(), PassedBound> {
        let bounds = &self.bounds;
        let (lines, bytes) = Orders::pooled_of(created);
        within(self.orders.len() < bounds.orders_max, "orders_max", bounds.orders_max)?;
        within(self.orders.has_room_for_lines(bounds, lines), "lines_max", bounds.lines_max)?;
        let fits = self.orders.has_room_for_client_bytes(bounds, bytes);
        within(fits, "client_bytes_max", bounds.client_bytes_max)?;
        let fits = self.counts.len() + created.lines.len() <= bounds.user_counts_max
            || self.counts.len() + self.new_counts(created) <= bounds.user_counts_max;
        within(fits, "user_counts_max", bounds.user_counts_max)?;
        self.judge_room_for_ids(stamp, (1, 0))
    }

    fn judge_room_for_shelf(&self, sku: SkuId, warehouse: WarehouseId) -> Result<(), PassedBound> {
        let bounds = &self.bounds;
        let fits = self.goods.has_room_for_shelf(bounds) || self.goods.find_shelf(sku, warehouse).is_some();
        within(fits, "shelves_max", bounds.shelves_max)
    }

    /// An order that was cancelled and is confirmed now is counted again.
    fn judge_room_to_count_again(&self, order: OrderId) -> Result<(), PassedBound> {
        let bounds = &self.bounds;
        let cancelled = self.orders.find(order).filter(|&it| self.orders.at(it).state == State::Cancelled);
        let counts = self.counts.len() + cancelled.map_or(0, |slot| self.counts_again(slot));
        within(counts <= bounds.user_counts_max, "user_counts_max", bounds.user_counts_max)
    }

    fn judge_room_for_coupons(&self, order: OrderId, coupons: &[CouponShare]) -> Result<(), PassedBound> {
        let bounds = &self.bounds;
        let slot = self.orders.find(order).expect("facts name orders that were created");
        let fits = self.orders.coupons(slot) != NONE || self.coupons.has_room_for_order(bounds);
        within(fits, "coupon_orders_max", bounds.coupon_orders_max)?;
        self.judge_room_to_take(coupons.iter().map(|share| share.coupon), self.orders.at(slot).user)
    }

    fn judge_room_to_take(
        &self,
        coupons: impl IntoIterator<Item = CouponId>,
        user: UserId,
    ) -> Result<(), PassedBound> {
        let bounds = &self.bounds;
        let known = coupons.into_iter().filter_map(|coupon| self.coupons.find(coupon));
        let users = self.coupons.users() + self.coupons.new_users(known, user);
        within(users <= bounds.coupon_users_max, "coupon_users_max", bounds.coupon_users_max)
    }

    fn judge_room_for_row(&self) -> Result<(), PassedBound> {
        let bounds = &self.bounds;
        within(self.orders.has_room_for_rows(bounds, 1), "history_rows_max", bounds.history_rows_max)
    }

    /// Whether so many ids, and so many of them in rows of their own, fit.
    fn judge_room_for_ids(&self, stamp: &Stamp, (ids, changes): (usize, usize)) -> Result<(), PassedBound> {
        let bounds = &self.bounds;
        let fits = |needed| self.requests.has_room(bounds, stamp.at, needed);
        if fits((ids, changes)) {
            return Ok(());
        }
        within(!fits((ids, 0)), "changes_max", bounds.changes_max)?;
        Err(PassedBound { name: "request_ids_max", value: bounds.request_ids_max })
    }

    /// Pairs of sale and user that an order is the first to count.
    fn new_counts(&self, created: &OrderCreated<'_>) -> usize {
        let is_new = |&(at, line): &(usize, &Line)| {
            line.sale != SaleId(0)
                && self.counts.units(line.sale, created.user) == 0
                && created.lines[..at].iter().all(|earlier| earlier.sale != line.sale)
        };
        created.lines.iter().enumerate().filter(is_new).count()
    }
}

fn within(fits: bool, name: &'static str, value: usize) -> Result<(), PassedBound> {
    if fits { Ok(()) } else { Err(PassedBound { name, value }) }
}
