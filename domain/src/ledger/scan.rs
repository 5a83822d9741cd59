//! ORDERS_SCAN: orders of everybody, newest first, a bounded piece of work a page.

use alloc::vec::Vec;

use crate::ids::{OrderId, SaleId, SkuId, UserId};
use crate::intent::{LIST_LOOKS_MAX, PAGE_MAX, Scan};
use crate::ledger::Ledger;
use crate::ledger::orders::NONE;
use crate::order::State;
use crate::refusal::{Reason, Refusal};
use crate::units::MicrosUtc;
use crate::verdict::{OrderPage, Verdict};

impl Ledger {
    pub(super) fn scan_orders(&self, scan: &Scan) -> Result<Verdict, Refusal> {
        let state = State::from_number(scan.state);
        if !(1..=PAGE_MAX).contains(&scan.limit) || (state.is_none() && scan.state != 0) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let mut next = self.first_scanned(scan)?;
        let (mut items, mut looks, mut last) = (Vec::new(), 0, OrderId(0));
        while next != NONE && looks < usize::from(LIST_LOOKS_MAX) && items.len() < usize::from(scan.limit) {
            let order = self.orders.at(next);
            if order.created_at < scan.from {
                next = NONE;
                break;
            }
            let (fits, looked) = self.has_line(next, scan.sku, scan.sale);
            let in_time = scan.to == MicrosUtc(0) || order.created_at < scan.to;
            if fits && in_time && state.is_none_or(|state| state == order.state) {
                items.push(order.brief());
            }
            looks += looked;
            last = order.id;
            next = if scan.user == UserId(0) { next.checked_sub(1).unwrap_or(NONE) } else { order.older };
        }
        let next = if next == NONE { OrderId(0) } else { last };
        Ok(Verdict::Orders(OrderPage { items, next }.into()))
    }

    /// The newest order that a page may show.
    fn first_scanned(&self, scan: &Scan) -> Result<u32, Refusal> {
        let behind = match scan.before {
            OrderId(0) => None,
            before => Some(self.order_of(scan.user, before)?),
        };
        if scan.user != UserId(0) {
            let newest = || self.orders.newest_of(scan.user).unwrap_or(NONE);
            return Ok(behind.map_or_else(newest, |slot| self.orders.at(slot).older));
        }
        let mut end = behind.map_or(self.orders.len(), |slot| slot as usize);
        if scan.to != MicrosUtc(0) {
            end = end.min(self.orders.made_before(scan.to));
        }
        Ok(end.checked_sub(1).map_or(NONE, |slot| slot as u32))
    }

    /// Whether one line of the order is of this sku and sale (0: any), and how many looks that took.
    fn has_line(&self, slot: u32, sku: SkuId, sale: SaleId) -> (bool, usize) {
        if sku == SkuId(0) && sale == SaleId(0) {
            return (true, 1);
        }
        let mut looks = 0;
        for line in self.orders.lines(slot) {
            looks += 1;
            if (sku == SkuId(0) || line.sku == sku) && (sale == SaleId(0) || line.sale == sale) {
                return (true, looks);
            }
        }
        (false, looks)
    }
}
