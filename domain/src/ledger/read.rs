//! What can be read of a ledger.

use alloc::vec::Vec;

use crate::fact::RequestKey;
use crate::ids::{OrderId, RequestId, SaleId, SkuId, UserId, WarehouseId};
use crate::intent::PAGE_MAX;
use crate::ledger::Ledger;
use crate::ledger::goods::{Goods, SaleRow, ShelfRow};
use crate::refusal::{Reason, Refusal};
use crate::units::{MicrosUtc, MinorUnits};
use crate::verdict::{
    HistoryView, Holdings, OrderView, Page, SaleSummary, SaleView, ShelfView, SkuView, Verdict,
};

impl Ledger {
    pub(super) fn get(&self, user: UserId, order: OrderId) -> Result<Verdict, Refusal> {
        let slot = self.order_of(user, order)?;
        Ok(self.order_found(slot))
    }

    pub(super) fn get_by_request(
        &self,
        now: MicrosUtc,
        user: UserId,
        request: RequestId,
    ) -> Result<Verdict, Refusal> {
        self.requests.judge(now, request)?;
        // A cancel has a request id of its own; only the CREATE's names its order.
        let made = self.requests.find_made(&self.orders, RequestKey { who: user, id: request });
        made.map(|slot| self.order_found(slot)).ok_or(Refusal::of(Reason::OrderNotFound))
    }

    pub(super) fn history(&self, user: UserId, order: OrderId) -> Result<Verdict, Refusal> {
        let slot = self.order_of(user, order)?;
        Ok(Verdict::History(HistoryView { order, rows: self.orders.history(slot) }.into()))
    }

    pub(super) fn get_sku(&self, now: MicrosUtc, sku: SkuId) -> Result<Verdict, Refusal> {
        let slot = self.known_sku(sku)?;
        let sale =
            self.goods.speaking(slot, now).map_or(SaleId(0), |item| self.goods.sale(item.sale).sale.id);
        let view = SkuView { sku: *self.goods.sku(slot), sale, stock: self.sum_of_shelves(slot) };
        Ok(Verdict::SkuFound(view.into()))
    }

    pub(super) fn list_skus(&self, after: SkuId, limit: u16) -> Result<Verdict, Refusal> {
        judge_limit(limit)?;
        Ok(Verdict::Skus(page_of(self.goods.skus_after(after).copied(), limit).into()))
    }

    pub(super) fn get_sale(&self, sale: SaleId) -> Result<Verdict, Refusal> {
        let slot = self.goods.find_sale(sale).ok_or(Refusal::of(Reason::SkuNotFound))?;
        Ok(Verdict::SaleFound(sale_view(&self.goods, self.goods.sale(slot)).into()))
    }

    pub(super) fn list_sales(&self, after: SaleId, limit: u16) -> Result<Verdict, Refusal> {
        judge_limit(limit)?;
        Ok(Verdict::Sales(page_of(self.goods.sales_after(after).map(summary_of), limit).into()))
    }

    pub(super) fn get_stock(&self, sku: SkuId, warehouse: WarehouseId) -> Result<Verdict, Refusal> {
        let slot = self.known_sku(sku)?;
        if warehouse == WarehouseId(0) {
            return Ok(Verdict::Shelf(self.sum_of_shelves(slot)));
        }
        let shelf = self.goods.find_shelf(sku, warehouse);
        let empty = ShelfView::empty(sku, warehouse);
        Ok(Verdict::Shelf(shelf.map_or(empty, |shelf| ShelfView::of(self.goods.shelf(shelf)))))
    }

    pub(super) fn holdings(&self) -> Holdings {
        let (limits, limits_digest) = self.limits.digest(self.at);
        Holdings {
            at: self.at,
            shelves: self.goods.all_shelves().map(ShelfView::of).collect(),
            sales: self.goods.sales_after(SaleId(0)).map(summary_of).collect(),
            orders: self.sums.orders,
            totals: self.sums.totals,
            orders_digest: self.sums.digest,
            user_counts: self.counts.len() as u64,
            user_counts_digest: self.counts.digest(),
            requests: self.requests.count(self.at),
            payments: self.payments.sums().payments,
            arrived: self.payments.sums().arrived,
            refunded: self.payments.sums().refunded,
            payments_digest: self.payments.sums().digest,
            limits,
            limits_digest,
            switches: self.switches.len() as u64,
            switches_digest: self.switches.digest(),
            shipments: self.shipments.count(),
            shipments_digest: self.shipments.digest(),
            coupons: self.all_coupons(),
            coupon_users: self.coupons.users() as u64,
            coupon_users_digest: self.coupons.digest(),
            freight_rules: self.freight.digest().0,
            freight_digest: self.freight.digest().1,
            cases: self.cases.count(),
            cases_digest: self.cases.digest(),
        }
    }

    /// The order, if it is there and this user's; 0 reads any. To others it does not exist.
    pub(super) fn order_of(&self, user: UserId, order: OrderId) -> Result<u32, Refusal> {
        self.orders
            .find(order)
            .filter(|&slot| user == UserId(0) || self.orders.at(slot).user == user)
            .ok_or(Refusal::of(Reason::OrderNotFound))
    }

    fn order_found(&self, slot: u32) -> Verdict {
        let order = self.orders.at(slot);
        let lines: Vec<_> = self.orders.lines(slot).collect();
        // What was decided fits, and so do its parts.
        let sum =
            |part: fn(&crate::fact::Line) -> MinorUnits| MinorUnits(lines.iter().map(|it| part(it).0).sum());
        let (discount, freight) = (sum(|line| line.discount), sum(|line| line.freight));
        let view = OrderView {
            brief: order.brief(),
            request: order.request(),
            hold: self.orders.hold(slot),
            coupons: self.coupons.of_order(self.orders.coupons(slot)).collect(),
            discount,
            freight,
            lines,
            client_bytes: self.orders.client_bytes(slot),
        };
        Verdict::OrderFound(view.into())
    }

    fn known_sku(&self, sku: SkuId) -> Result<u32, Refusal> {
        self.goods.find_sku(sku).ok_or(Refusal::of(Reason::SkuNotFound))
    }

    fn sum_of_shelves(&self, sku: u32) -> ShelfView {
        let mut sum = ShelfView::empty(self.goods.sku(sku).id, WarehouseId(0));
        for (_, row) in self.goods.shelves_of(sku) {
            let one = ShelfView::of(row);
            // Warehouses can be filled to the brim each; a sum beyond 64 bits shows the most there is to show.
            sum.on_hand = sum.on_hand.saturating_add(one.on_hand);
            sum.held = sum.held.saturating_add(one.held);
            sum.safety = sum.safety.saturating_add(one.safety);
            sum.unavailable = sum.unavailable.saturating_add(one.unavailable);
            sum.sold = sum.sold.saturating_add(one.sold);
            sum.sellable = sum.sellable.saturating_add(one.sellable);
        }
        sum
    }
}

impl ShelfView {
    const fn empty(sku: SkuId, warehouse: WarehouseId) -> ShelfView {
        ShelfView { sku, warehouse, on_hand: 0, held: 0, safety: 0, unavailable: 0, sold: 0, sellable: 0 }
    }

    pub(super) fn of(row: &ShelfRow) -> ShelfView {
        let crate::shelf::Shelf { on_hand, held, safety, unavailable, sold, returned: _ } = row.shelf;
        let (sku, warehouse, sellable) = (row.sku, row.warehouse, row.shelf.sellable());
        ShelfView { sku, warehouse, on_hand, held, safety, unavailable, sold, sellable }
    }
}

/// A sale with its skus.
pub(super) fn sale_view(goods: &Goods, row: &SaleRow) -> SaleView {
    SaleView { summary: summary_of(row), skus: goods.skus_of_sale(row) }
}

fn summary_of(row: &SaleRow) -> SaleSummary {
    SaleSummary { sale: row.sale, taken_units: row.taken_units }
}

pub(super) fn judge_limit(limit: u16) -> Result<(), Refusal> {
    if (1..=PAGE_MAX).contains(&limit) { Ok(()) } else { Err(Refusal::of(Reason::InvalidField)) }
}

pub(super) fn page_of<T>(mut all: impl Iterator<Item = T>, limit: u16) -> Page<T> {
    let items = all.by_ref().take(usize::from(limit)).collect();
    Page { items, more: all.next().is_some() }
}
