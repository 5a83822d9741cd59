//! What a ledger holds, entity by entity: the opening balance of whoever goes on from here with books of their own.
//!
//! [`Ledger::balance`] is all but the orders, of which there are many: those in memory are shown one by one
//! ([`Ledger::each_record`]), those at rest lie elsewhere, and [`OrderBalance::read`] takes either apart. How an order
//! came to its state is in its history; how a shelf did is not known any more.

use alloc::vec::Vec;

use crate::aftersale::Case;
use crate::coupon::CouponShare;
use crate::cursor::CursorName;
use crate::fact::{Line, RequestKey, ShelfUnits};
use crate::freight::FreightRule;
use crate::hold::Hold;
use crate::ids::{CouponId, GatewayId, Making, PaymentId, RequestId, SaleId, SkuId, UserId};
use crate::intent::Sku;
use crate::ledger::Ledger;
use crate::ledger::cases::CaseRow;
use crate::ledger::payments::Payment;
use crate::ledger::read::sale_view;
use crate::ledger::rest::{Record, RecordFault};
use crate::limit::UserLimit;
use crate::payment::{Money, PaymentState};
use crate::shipment::{Waybill, Whereabouts};
use crate::switch::Switch;
use crate::units::{Currency, MicrosUtc, MinorUnits};
use crate::verdict::{CouponSummary, HistoryRow, Holdings, OrderBrief, SaleView, ShelfView};

/// All that a ledger holds but its orders.
#[derive(Clone, Debug)]
pub struct Balance {
    /// What the ledger itself sums up, of its orders as well.
    pub holdings: Holdings,
    /// `(ms, sequence)` of the newest id of an order or a hold; nothing before the first.
    pub newest_id: Option<(u64, u16)>,
    /// Orders that are not in memory.
    pub orders_at_rest: u64,
    /// Every sku.
    pub skus: Vec<Sku>,
    /// Every sale with its skus.
    pub sales: Vec<SaleView>,
    /// Every shelf.
    pub shelves: Vec<ShelfBalance>,
    /// Every freight rule.
    pub freight: Vec<FreightRule>,
    /// Every open hold, and what it holds.
    pub holds: Vec<(Hold, Vec<ShelfUnits>)>,
    /// Every coupon.
    pub coupons: Vec<CouponSummary>,
    /// How often somebody claimed a coupon.
    pub claims: Vec<(CouponId, UserId, u64)>,
    /// What is set for users; it may be over by now.
    pub limits: Vec<UserLimit>,
    /// Every switch that is set.
    pub switches: Vec<Switch>,
    /// How often any switch was changed.
    pub switch_changes: u32,
    /// Where each subscriber stands.
    pub cursors: Vec<(CursorName, u64)>,
    /// What they parked.
    pub letters: Vec<(CursorName, u64)>,
    /// Remembered requests that made no order; some may have left the window. The others are in their orders.
    pub requests: Vec<RequestKey>,
    /// Refunds that failed, were asked for otherwise and may yet go through: payment, number, amount.
    pub failed_refunds: Vec<(PaymentId, u16, MinorUnits)>,
}

/// A shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShelfBalance {
    /// Its numbers.
    pub view: ShelfView,
    /// Sold units that came back to it, by orders or by STOCK_RETURN.
    pub came_back: u64,
}

/// An order, with all that later facts are judged by.
#[derive(Clone, Debug)]
pub struct OrderBalance {
    /// The order in a few words.
    pub brief: OrderBrief,
    /// The request that made it.
    pub request: RequestId,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Bytes of the client's own.
    pub client_bytes: usize,
    /// Its coupons, in the order in which they were applied.
    pub coupons: Vec<CouponShare>,
    /// Every transition, oldest first.
    pub history: Vec<HistoryRow>,
    /// Every payment, oldest first.
    pub payments: Vec<PaymentBalance>,
    /// Every shipment, oldest first.
    pub shipments: Vec<ShipmentBalance>,
    /// Every after-sales case, oldest first.
    pub cases: Vec<CaseBalance>,
}

/// A payment of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentBalance {
    /// Which one.
    pub payment: PaymentId,
    /// By whom it is paid.
    pub gateway: GatewayId,
    /// Where it stands.
    pub state: PaymentState,
    /// What arrived and what went back.
    pub money: Money,
    /// In which it arrived; the order's before.
    pub currency: Currency,
    /// The gateway's own number of the transfer.
    pub reference: u64,
    /// The attempt by which it came once more; 0: it is an attempt that was opened.
    pub came_by: u16,
}

/// A shipment of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipmentBalance {
    /// Counts the order's shipments from 1.
    pub number: u16,
    /// When it was handed to its carrier.
    pub at: MicrosUtc,
    /// Who carries it, under which number.
    pub waybill: Waybill,
    /// What went, in the order of the order's lines.
    pub units: Vec<ShelfUnits>,
    /// What its carrier said last, and when.
    pub note: Option<(MicrosUtc, Whereabouts)>,
}

/// An after-sales case of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseBalance {
    /// The case.
    pub case: Case,
    /// When it was opened.
    pub opened_at: MicrosUtc,
    /// When it came to its state.
    pub changed_at: MicrosUtc,
}

impl Ledger {
    /// What it holds now, without its orders. Copies all of it: for audits, not for who serves.
    pub fn balance(&self) -> Balance {
        let shelf = |row| ShelfBalance { view: ShelfView::of(row), came_back: row.shelf.returned };
        let hold = |slot| (self.holds.at(slot).hold, self.holds.units(slot).collect());
        Balance {
            holdings: self.holdings(),
            newest_id: self.ids.newest(),
            orders_at_rest: self.at_rest,
            skus: self.goods.skus_after(SkuId(0)).copied().collect(),
            sales: self.goods.sales_after(SaleId(0)).map(|row| sale_view(&self.goods, row)).collect(),
            shelves: self.goods.all_shelves().map(shelf).collect(),
            freight: self.freight.all().to_vec(),
            holds: self.holds.all_open().map(hold).collect(),
            coupons: self.all_coupons(),
            claims: self.coupons.claims().collect(),
            limits: self.limits.all().copied().collect(),
            switches: self.switches.all().cloned().collect(),
            switch_changes: self.switches.changes(),
            cursors: self.cursors.iter().map(|(&name, &position)| (name, position)).collect(),
            letters: self.letters.all().collect(),
            requests: self.requests.change_keys(),
            failed_refunds: self.failed_refunds.all().collect(),
        }
    }

    /// Shows each order in memory, newest first: when it was made, and the record that it would rest as.
    pub fn each_record(&self, mut each: impl FnMut(Making, &[u8])) {
        let mut record = Vec::new();
        for slot in self.orders.made_before(Making::MAX) {
            record.clear();
            self.put_record(slot, &mut record);
            each(self.orders.at(slot).id.making(), &record);
        }
    }

    /// Whether the order that was made then lies elsewhere, if there is one: it is not in memory, and others were made
    /// after it.
    pub fn may_be_at_rest(&self, made: Making) -> bool {
        self.may_rest(made)
    }
}

impl OrderBalance {
    /// Takes a record apart.
    ///
    /// # Errors
    /// Where it is damaged or of another version.
    pub fn read(record: &[u8]) -> Result<OrderBalance, RecordFault> {
        let Record { order, payments, shipments, coupons, cases } = Record::read(record)?;
        let shipments = shipments.iter().rev().map(|it| it.balance(&order.lines)).collect::<Option<_>>();
        Ok(OrderBalance {
            brief: order.brief(),
            request: order.request(),
            client_bytes: order.client_bytes(),
            history: order.history().ok_or(RecordFault::Nonsense)?,
            coupons,
            payments: payments.iter().rev().map(PaymentBalance::of).collect(),
            shipments: shipments.ok_or(RecordFault::Nonsense)?,
            cases: cases.iter().rev().map(CaseBalance::of).collect(),
            lines: order.lines,
        })
    }
}

impl PaymentBalance {
    fn of(row: &Payment) -> PaymentBalance {
        let Payment {
            id,
            reference,
            money,
            order: _,
            older: _,
            gateway,
            currency,
            state,
            reason: _,
            came_by,
        } = *row;
        PaymentBalance { payment: id, gateway, state, money, currency, reference, came_by }
    }
}

impl CaseBalance {
    fn of(row: &CaseRow) -> CaseBalance {
        let CaseRow { case, opened_at, changed_at, .. } = *row;
        CaseBalance { case, opened_at, changed_at }
    }
}
