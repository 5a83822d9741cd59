//! How much a ledger can hold. All of it is reserved when it is made, and becomes real memory as it is used.

use core::fmt;

use crate::ledger::cases::Cases;
use crate::ledger::counts::UserCounts;
use crate::ledger::coupons::Coupons;
use crate::ledger::failed_refunds::FailedRefunds;
use crate::ledger::freight::FreightRules;
use crate::ledger::goods::Goods;
use crate::ledger::holds::Holds;
use crate::ledger::letters::Letters;
use crate::ledger::limits::Limits;
use crate::ledger::orders::Orders;
use crate::ledger::payments::Payments;
use crate::ledger::requests::Requests;
use crate::ledger::shipments::Shipments;
use crate::ledger::timers::Timers;
use crate::order::{self, State};

/// What a ledger can hold at most. Reaching one is OVERLOADED for what would grow it; reading, cancelling and
/// expiring always go on, and so does paying: each order keeps room for its end and for its first attempt to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerBounds {
    /// Orders in memory: those that wait for a timer, and those that were used lately.
    pub orders_max: usize,
    /// Lines of orders with more than one line (or a discounted one); the plain line of an order is free.
    pub lines_max: usize,
    /// The clients' own bytes, in pieces of [`LedgerBounds::CLIENT_PIECE_BYTES`]: an order's last piece counts as a whole one.
    pub client_bytes_max: usize,
    /// Transitions of orders in memory behind their first; 6 are kept for each order that waits for payment.
    pub history_rows_max: usize,
    /// Request ids, over the whole window: one for each order, one for its cancel, and one for each attempt to pay.
    pub request_ids_max: usize,
    /// Request ids that made no order: cancels and payments opened (room for the end and the first attempt of each order
    /// is kept), and operators'.
    pub changes_max: usize,
    /// Attempts to pay. Room for the first one of each order that waits for it is kept, and for all that its money can
    /// do: what arrives is never refused.
    pub payments_max: usize,
    /// Shipments.
    pub shipments_max: usize,
    /// Lines of shipments of orders that do not go at once.
    pub sent_lines_max: usize,
    /// After-sales cases.
    pub cases_max: usize,
    /// (sale, user) pairs that have units counted.
    pub user_counts_max: usize,
    /// Skus.
    pub skus_max: usize,
    /// (sku, warehouse) pairs.
    pub shelves_max: usize,
    /// Sales.
    pub sales_max: usize,
    /// (sale, sku) pairs.
    pub sale_skus_max: usize,
    /// Holds: open ones, and ended ones as long as a request that led to them is remembered.
    pub holds_max: usize,
    /// Lines of open holds.
    pub hold_lines_max: usize,
    /// Users for whom something is set.
    pub limits_max: usize,
    /// Facts that subscribers parked.
    pub dead_letters_max: usize,
    /// Coupons.
    pub coupons_max: usize,
    /// (coupon, sku) pairs.
    pub coupon_skus_max: usize,
    /// (coupon, user) pairs that have a claim, or a use that was not given back.
    pub coupon_users_max: usize,
    /// Orders that were made with coupons.
    pub coupon_orders_max: usize,
}

/// A bound that keeps `orders_max` from being reached; see [`LedgerBounds::short_of_orders`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortBound {
    /// Its name in [`LedgerBounds`].
    pub name: &'static str,
    /// Its value.
    pub value: usize,
    /// What `orders_max` orders need.
    pub needed: usize,
}

impl fmt::Display for ShortBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ShortBound { name, value, needed } = self;
        write!(
            f,
            "{name} = {value} is less than the {needed} that orders_max orders need which wait for payment"
        )
    }
}

/// One order in so many finds room for a second attempt, for closing one or for an operator's refund while all orders
/// that fit wait for payment.
const SHARED_BY: usize = 8;
/// What [`LedgerBounds::DEFAULT`] may come to.
const DEFAULT_BYTES_MAX: u64 = 8 << 30;
/// Slots have 31 bits: one bit says what kind of row a request id leads to.
const ROWS_MAX: usize = 1 << 31;

impl LedgerBounds {
    /// Client bytes are kept in pieces of so many.
    pub const CLIENT_PIECE_BYTES: usize = 27;

    /// For a machine with 8 GiB: eight million orders.
    pub const DEFAULT: LedgerBounds = LedgerBounds {
        orders_max: 8_000_000,
        lines_max: 8_000_000,
        client_bytes_max: 256 << 20,
        history_rows_max: 50_000_000,
        request_ids_max: 26_000_000,
        changes_max: 18_000_000,
        payments_max: 9_000_000,
        shipments_max: 4_000_000,
        sent_lines_max: 4_000_000,
        cases_max: 1_000_000,
        user_counts_max: 8_000_000,
        skus_max: 1_000_000,
        shelves_max: 1_000_000,
        sales_max: 10_000,
        sale_skus_max: 1_000_000,
        holds_max: 1_000_000,
        hold_lines_max: 2_000_000,
        limits_max: 100_000,
        dead_letters_max: 10_000,
        coupons_max: 10_000,
        coupon_skus_max: 1_000_000,
        coupon_users_max: 2_000_000,
        coupon_orders_max: 2_000_000,
    };

    /// The first bound that is too small for `orders_max` orders which all wait for payment, and for a share of an
    /// eighth beside them: for second attempts, closed ones and operators' refunds, for which no order keeps room. Such
    /// bounds are no fault, but orders are refused before `orders_max` is reached, and then so is what has no share.
    pub const fn short_of_orders(&self) -> Option<ShortBound> {
        let orders = self.orders_max;
        // What CREATE keeps for each order, itself included.
        let bounds = [
            ("history_rows_max", self.history_rows_max, order::rows_kept(State::PendingPayment, false)),
            ("request_ids_max", self.request_ids_max, 3),
            ("changes_max", self.changes_max, 2),
            ("payments_max", self.payments_max, 1),
        ];
        let mut at = 0;
        while at < bounds.len() {
            let (name, value, of_order) = bounds[at];
            let needed = orders.saturating_mul(of_order).saturating_add(orders / SHARED_BY);
            if value < needed {
                return Some(ShortBound { name, value, needed });
            }
            at += 1;
        }
        None
    }

    /// Bytes that a ledger with these bounds takes when all of them are reached.
    pub const fn bytes(&self) -> u64 {
        Orders::bytes(self)
            + Requests::bytes(self)
            + Payments::bytes(self)
            + FailedRefunds::BYTES_MAX
            + Shipments::bytes(self)
            + Cases::bytes(self)
            + UserCounts::bytes(self)
            + Goods::bytes(self)
            + FreightRules::BYTES_MAX
            + Holds::bytes(self)
            + Letters::bytes(self.dead_letters_max)
            + Limits::bytes(self)
            + Coupons::bytes(self)
            + Timers::bytes()
    }

    /// What is wrong with these bounds, if something is.
    pub const fn fault(&self) -> Option<&'static str> {
        if self.orders_max >= ROWS_MAX
            || self.lines_max >= ROWS_MAX
            || self.history_rows_max >= ROWS_MAX
            || self.request_ids_max >= ROWS_MAX
            || self.changes_max >= ROWS_MAX
            || self.payments_max >= ROWS_MAX
            || self.shipments_max >= ROWS_MAX
            || self.sent_lines_max >= ROWS_MAX
            || self.cases_max >= ROWS_MAX
            || self.user_counts_max >= ROWS_MAX
            || self.skus_max >= ROWS_MAX
            || self.shelves_max >= ROWS_MAX
            || self.sales_max >= ROWS_MAX
            || self.sale_skus_max >= ROWS_MAX
            || self.holds_max >= ROWS_MAX
            || self.hold_lines_max >= ROWS_MAX
            || self.limits_max >= ROWS_MAX
            || self.dead_letters_max >= ROWS_MAX
            || self.coupons_max >= ROWS_MAX
            || self.coupon_skus_max >= ROWS_MAX
            || self.coupon_users_max >= ROWS_MAX
            || self.coupon_orders_max >= ROWS_MAX
        {
            return Some("a bound of the ledger is 2^31 or more");
        }
        if self.client_bytes_max >= u32::MAX as usize {
            return Some("client_bytes_max is 4 GiB or more");
        }
        None
    }
}

impl Default for LedgerBounds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

const _: () = assert!(LedgerBounds::DEFAULT.bytes() <= DEFAULT_BYTES_MAX);
const _: () = assert!(LedgerBounds::DEFAULT.fault().is_none());
const _: () = assert!(LedgerBounds::DEFAULT.short_of_orders().is_none());
