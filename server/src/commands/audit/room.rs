//! How large a ledger has to be for a journal, whatever the configuration of its server was.

use domain::{Fact, LedgerBounds, OrderBalance};

/// What the ledger has to hold that was seen so far.
#[derive(Default)]
pub(super) struct Room {
    orders: usize,
    lines: usize,
    client_bytes: usize,
    changes: usize,
    payments: usize,
    shipments: usize,
    sent_lines: usize,
    cases: usize,
    skus: usize,
    shelves: usize,
    sales: usize,
    sale_skus: usize,
    holds: usize,
    hold_lines: usize,
    limits: usize,
    letters: usize,
    coupons: usize,
    coupon_skus: usize,
    coupon_users: usize,
    coupon_orders: usize,
}

impl Room {
    /// For what a fact adds.
    pub(super) fn make_for(&mut self, fact: &Fact<'_>) {
        match fact {
            Fact::SkuChanged(_) => {
                self.skus += 1;
                self.changes += 1;
            }
            Fact::FreightChanged(_) => self.changes += 1, // Their number is no setting.
            Fact::SaleChanged { skus, .. } => {
                self.sales += 1;
                self.sale_skus += skus.len();
                self.changes += 1;
            }
            Fact::HoldMade { units, .. } => {
                self.holds += 1;
                self.hold_lines += units.len();
                self.changes += 1;
            }
            Fact::LimitChanged(_) => {
                self.limits += 1;
                self.changes += 1;
            }
            Fact::CouponDefined { skus, .. } => {
                self.coupons += 1;
                self.coupon_skus += skus.len();
                self.changes += 1;
            }
            Fact::CouponClaimed { .. } => {
                self.coupon_users += 1;
                self.changes += 1;
            }
            Fact::CouponLocked { coupons, .. } => {
                self.coupon_orders += 1;
                self.coupon_users += coupons.len();
            }
            Fact::SwitchChanged { .. }
            | Fact::HoldExtended { .. }
            | Fact::HoldEnded { .. }
            | Fact::LetterEnded { .. } => self.changes += 1,
            Fact::LetterParked { .. } => {
                self.letters += 1;
                self.changes += 1;
            }
            Fact::StockAdjusted(_) | Fact::StockTransferred { .. } | Fact::StockReturned { .. } => {
                self.shelves += 1;
                self.changes += 1;
            }
            Fact::OrderCreated(created) => {
                self.orders += 1;
                self.lines += created.lines.len();
                self.client_bytes +=
                    created.client_bytes.len().next_multiple_of(LedgerBounds::CLIENT_PIECE_BYTES);
            }
            Fact::OrderConfirmed { .. }
            | Fact::StockException { .. }
            | Fact::OrderCancelled { .. }
            | Fact::RefundDone { .. } => {
                self.changes += 1;
            }
            Fact::PaymentOpened { .. } => {
                self.payments += 1;
                self.changes += 1;
            }
            Fact::PaymentRepeated { .. } => self.payments += 1,
            Fact::PaymentFailed { .. } | Fact::RefundRequested { .. } => self.changes += 1,
            Fact::OrderShipped { units, .. } => {
                self.shipments += 1;
                self.sent_lines += units.len();
                self.changes += 1;
            }
            Fact::AftersaleChanged(_) => {
                self.cases += 1;
                self.changes += 1;
            }
            Fact::ShipmentTracked { .. } | Fact::OrderDelivered { .. } | Fact::OrderCompleted { .. } => {
                self.changes += 1;
            }
            Fact::StockReserved { .. }
            | Fact::StockReduced { .. }
            | Fact::StockReleased { .. }
            | Fact::PaymentSuccess { .. }
            | Fact::PaymentMismatched { .. }
            | Fact::PaymentOverdrawn { .. }
            | Fact::RefundFailed { .. }
            | Fact::RefundSettled { .. }
            | Fact::CursorMoved { .. }
            | Fact::CouponReleased { .. }
            | Fact::CouponUsed { .. } => (),
        }
    }

    /// For an order of an opening balance, which may have been at rest.
    pub(super) fn make_for_order(&mut self, order: &OrderBalance) {
        self.orders += 1;
        self.lines += order.lines.len();
        self.client_bytes += order.client_bytes.next_multiple_of(LedgerBounds::CLIENT_PIECE_BYTES);
        self.changes += order.history.len();
        self.payments += order.payments.len();
        self.shipments += order.shipments.len();
        self.sent_lines += order.shipments.iter().map(|it| it.units.len()).sum::<usize>();
        self.cases += order.cases.len();
        self.coupon_orders += usize::from(!order.coupons.is_empty());
    }

    /// For the ends of so many holds that are open already.
    pub(super) fn make_for_ends(&mut self, holds: usize) {
        self.changes += holds;
    }

    /// Under which all of it fits.
    pub(super) fn bounds(&self) -> LedgerBounds {
        LedgerBounds {
            orders_max: self.orders + 1,
            lines_max: self.lines + 1,
            client_bytes_max: self.client_bytes + 1,
            // Each order keeps room for its end and its first payment, each hold for its end.
            history_rows_max: 6 * (self.orders + self.payments) + self.changes + 1,
            request_ids_max: 3 * self.orders + self.holds + self.changes + 1,
            changes_max: 2 * self.orders + self.holds + self.changes + 1,
            payments_max: self.orders + self.payments + 1,
            shipments_max: self.shipments + 1,
            sent_lines_max: self.sent_lines + 1,
            cases_max: self.cases + 1,
            user_counts_max: self.lines + 1,
            skus_max: self.skus + 1,
            shelves_max: self.shelves + 1,
            sales_max: self.sales + 1,
            sale_skus_max: self.sale_skus + 1,
            holds_max: self.holds + 1,
            hold_lines_max: self.hold_lines + 1,
            limits_max: self.limits + 1,
            dead_letters_max: self.letters + 1,
            coupons_max: self.coupons + 1,
            coupon_skus_max: self.coupon_skus + 1,
            coupon_users_max: self.coupon_users + 1,
            coupon_orders_max: self.coupon_orders + 1,
        }
    }
}
