//! What the facts add up to so far. Sums are wide, so that no nonsense from a disk can overflow them.

use std::collections::{BTreeMap, BTreeSet};

use domain::aftersale::Case;
use domain::coupon::{Coupon, CouponCounts, CouponShare};
use domain::hold::HoldState;
use domain::intent::{Sale, Sku};
use domain::limit::UserLimit;
use domain::order::State;
use domain::payment::{PaymentState, RefundState};
use domain::shipment::Whereabouts;
use domain::switch::{Scope, Switch};
use domain::{
    CouponId, Currency, CursorName, GatewayId, MicrosUtc, MinorUnits, OrderId, SaleId, SkuId, UserId,
    WarehouseId,
};

use super::Totals;

/// Everything that later facts are judged by.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) skus: BTreeMap<SkuId, Sku>,
    pub(super) sales: BTreeMap<SaleId, SaleBook>,
    pub(super) freight: crate::freight::Rules,
    /// The sales that a sku is in.
    pub(super) sales_of: BTreeMap<SkuId, Vec<SaleId>>,
    pub(super) shelves: BTreeMap<(SkuId, WarehouseId), ShelfBook>,
    pub(super) orders: BTreeMap<OrderId, OrderBook>,
    pub(super) holds: BTreeMap<u64, HoldBook>,
    pub(super) coupons: BTreeMap<CouponId, CouponBook>,
    /// By coupon and user; a pair that has nothing is not there.
    pub(super) coupon_users: BTreeMap<(CouponId, UserId), CouponCounts>,
    /// `(ms, sequence)` of the last order.
    pub(super) last_id: Option<(u64, u16)>,
    /// Units by sale and user; a pair without units is not there.
    pub(super) taken_by_user: BTreeMap<(SaleId, UserId), i128>,
    /// Where each subscriber stands.
    pub(super) cursors: BTreeMap<CursorName, u64>,
    /// What they parked.
    pub(super) letters: BTreeSet<(CursorName, u64)>,
    pub(super) limits: BTreeMap<UserId, UserLimit>,
    /// Those that are set.
    pub(super) switches: BTreeMap<Scope, Switch>,
    /// How often any switch was changed.
    pub(super) switch_changes: u32,
    /// Shipments of all orders.
    pub(super) shipments: u64,
    pub(super) shipments_digest: u64,
    pub(super) totals: Totals,
}

#[derive(Debug)]
pub(super) struct SaleBook {
    pub(super) sale: Sale,
    pub(super) prices: BTreeMap<SkuId, MinorUnits>,
    /// Units that its orders hold or bought.
    pub(super) taken: i128,
}

/// `on_hand` and `held` move with each fact; the sums beside them are what they are held against at the end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ShelfBook {
    pub(super) on_hand: i128,
    pub(super) held: i128,
    pub(super) safety: i128,
    pub(super) unavailable: i128,
    pub(super) received: i128,
    pub(super) returned: i128,
    pub(super) adjusted: i128,
    /// Came from other warehouses, less what went to them.
    pub(super) transferred: i128,
    /// Of `returned`, what was sold before, and not booked by hand.
    pub(super) came_back: i128,
    pub(super) sold: i128,
    /// Of `sold`, what holds sold before an opening balance, which does not know them any more.
    pub(super) sold_before: i128,
}

#[derive(Debug)]
pub(super) struct OrderBook {
    pub(super) user: UserId,
    pub(super) state: State,
    pub(super) version: u32,
    pub(super) total: MinorUnits,
    pub(super) pay_until: MicrosUtc,
    pub(super) lines: Box<[LineBook]>,
    pub(super) currency: Currency,
    /// The payment timer cancelled it.
    pub(super) ended_by_timer: bool,
    /// Its units were sold: once at most, and then for ever, also where they came back.
    pub(super) sold: bool,
    /// It was paid (or free) and counts, its units sold or not.
    pub(super) counted: bool,
    /// What its lines are cheaper by, and by which coupons.
    pub(super) discount: MinorUnits,
    pub(super) coupons: Vec<CouponShare>,
    /// Attempts to pay, in their order.
    pub(super) payments: Vec<PaymentBook>,
    /// Units of each line that were sent.
    pub(super) sent: Box<[u32]>,
    /// The latest note about each shipment, and when it came.
    pub(super) shipments: Vec<Option<(MicrosUtc, Whereabouts)>>,
    /// After-sales cases, in their order.
    pub(super) cases: Vec<CaseBook>,
}

/// An after-sales case, and when it was opened and came to its state.
#[derive(Clone, Copy, Debug)]
pub(super) struct CaseBook {
    pub(super) case: Case,
    pub(super) opened_at: MicrosUtc,
    pub(super) changed_at: MicrosUtc,
}

/// An attempt to pay.
#[derive(Clone, Debug)]
pub(super) struct PaymentBook {
    pub(super) gateway: GatewayId,
    pub(super) state: PaymentState,
    pub(super) arrived: i128,
    /// In which it arrived; the order's before.
    pub(super) currency: Currency,
    pub(super) refunded: i128,
    /// The latest refund: its number, what it is about, where it stands.
    pub(super) refund: (u16, i128, RefundState),
    /// Refunds that failed before another was asked for, and did not go through since: number and amount.
    pub(super) failed: Vec<(u16, i128)>,
    /// The attempt by which it came once more; 0: it is an attempt.
    pub(super) came_by: u16,
    /// The gateway's own number of the transfer.
    pub(super) reference: u64,
}

#[derive(Debug)]
pub(super) struct CouponBook {
    pub(super) coupon: Coupon,
    pub(super) counts: CouponCounts,
}

#[derive(Debug)]
pub(super) struct HoldBook {
    pub(super) user: UserId,
    pub(super) until: MicrosUtc,
    pub(super) state: HoldState,
    pub(super) lines: Vec<LineBook>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineBook {
    pub(super) sku: SkuId,
    pub(super) warehouse: WarehouseId,
    pub(super) sale: SaleId,
    pub(super) units: u32,
    /// What it costs.
    pub(super) total: i128,
}

/// What happens to the units of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Hold,
    Sell,
    Free,
    Return,
}

/// Units by shelf, as orders and holds say it.
#[derive(Debug, Default)]
pub(super) struct OnShelves {
    /// Set aside by those that are open.
    pub(super) held: BTreeMap<(SkuId, WarehouseId), i128>,
    /// Sold, those that came back later included.
    pub(super) sold: BTreeMap<(SkuId, WarehouseId), i128>,
}

impl Books {
    /// The sale that speaks for a sku: the latest whose `closed_from` has come.
    pub(super) fn sale_speaking(&self, at: MicrosUtc, sku: SkuId) -> Option<&SaleBook> {
        (self.sales_of.get(&sku).into_iter().flatten())
            .filter_map(|sale| self.sales.get(sale))
            .filter(|book| book.sale.closed_from <= at)
            .max_by_key(|book| book.sale.closed_from)
    }

    /// What orders and holds say of each shelf.
    pub(super) fn on_shelves(&self) -> OnShelves {
        let OnShelves { mut held, mut sold } = OnShelves::default();
        for order in self.orders.values() {
            let side = match order.state {
                State::PendingPayment | State::Paying => &mut held,
                State::Reserving | State::StockException | State::Failed | State::Cancelled => continue,
                // Late money that goes back sold nothing, nor did an order whose units were gone.
                State::Refunding | State::Refunded if !order.sold => continue,
                State::Paid
                | State::Confirmed
                | State::PartShipped
                | State::Shipped
                | State::Delivered
                | State::Completed
                | State::Refunding
                | State::Refunded => &mut sold,
            };
            for line in &order.lines {
                *side.entry((line.sku, line.warehouse)).or_default() += i128::from(line.units);
            }
            for (place, units) in order.exchanged() {
                *sold.entry(place).or_default() += i128::from(units);
            }
        }
        for book in self.holds.values() {
            let side = match book.state {
                HoldState::Open => &mut held,
                HoldState::Committed => &mut sold,
                HoldState::Taken | HoldState::Released | HoldState::Expired => continue,
            };
            for line in &book.lines {
                *side.entry((line.sku, line.warehouse)).or_default() += i128::from(line.units);
            }
        }
        OnShelves { held, sold }
    }

    /// Moves the units of a line on its shelf.
    pub(super) fn move_units(&mut self, line: &LineBook, by: Move) {
        let shelf = self.shelves.entry((line.sku, line.warehouse)).or_default();
        let units = i128::from(line.units);
        match by {
            Move::Hold => shelf.held += units,
            Move::Free => shelf.held -= units,
            Move::Sell => {
                shelf.held -= units;
                shelf.on_hand -= units;
                shelf.sold += units;
            }
            Move::Return => {
                shelf.on_hand += units;
                shelf.returned += units;
                shelf.came_back += units;
            }
        }
    }

    /// Counts units of a sale for a user, or takes them off again.
    pub(super) fn count(&mut self, user: UserId, line: &LineBook, sign: i128) {
        let Some(book) = self.sales.get_mut(&line.sale) else { return };
        let units = sign * i128::from(line.units);
        book.taken += units;
        let of_user = self.taken_by_user.entry((line.sale, user)).or_default();
        *of_user += units;
        if *of_user == 0 {
            self.taken_by_user.remove(&(line.sale, user));
        }
    }
}

impl ShelfBook {
    pub(super) fn sellable(&self) -> i128 {
        (self.on_hand - self.held - self.safety - self.unavailable).max(0)
    }
}
