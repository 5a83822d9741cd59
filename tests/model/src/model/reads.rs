//! What only looks.

use domain::fact::RequestKey;
use domain::intent::{LIST_LOOKS_MAX, List, SaleSku, Scan};
use domain::verdict::{
    HistoryView, Holdings, OrderBrief, OrderPage, Page, SaleSummary, SaleView, ShelfView, SkuView,
    digest_freight, digest_limit, digest_order, digest_switch, digest_user_count,
};
use domain::{MicrosUtc, OrderId, Reason, Refusal, RequestId, SaleId, SkuId, UserId, Verdict, WarehouseId};

use super::{Model, OneOrder, Subject};

impl Model {
    pub(super) fn get(&self, user: UserId, order: OrderId) -> Result<Verdict, Refusal> {
        Ok(Verdict::OrderFound(Box::new(self.order_of(user, order)?.view.clone())))
    }

    pub(super) fn get_by_request(
        &self,
        now: MicrosUtc,
        user: UserId,
        id: RequestId,
    ) -> Result<Verdict, Refusal> {
        self.request_in_window(now, id)?;
        let made = (self.requests.get(&RequestKey { who: user, id }))
            .filter(|request| request.body.starts_with("Create"))
            .ok_or(Refusal::of(Reason::OrderNotFound))?;
        match made.about {
            Subject::Order(order) => self.get(user, order),
            Subject::Sku(_)
            | Subject::Sale(_)
            | Subject::Freight(..)
            | Subject::Shelf(..)
            | Subject::Shelves { .. }
            | Subject::Switch { .. }
            | Subject::Limit
            | Subject::Hold(_)
            | Subject::Letters
            | Subject::Payment(_)
            | Subject::Case(..)
            | Subject::Coupon(_)
            | Subject::CouponTaken(..) => Err(Refusal::of(Reason::OrderNotFound)),
        }
    }

    pub(super) fn list(&self, list: &List) -> Result<Verdict, Refusal> {
        let made = |id: OrderId| (id.ms(), id.sequence());
        let older: Vec<OrderBrief> = (self.orders.values().rev())
            .map(|order| order.view.brief)
            .filter(|brief| brief.user == list.user)
            .filter(|brief| list.before == OrderId(0) || made(brief.order) < made(list.before))
            .collect();
        let mut page = OrderPage { items: Vec::new(), next: OrderId(0) };
        for (place, brief) in older.iter().enumerate() {
            if page.items.len() == usize::from(list.limit) || place == usize::from(LIST_LOOKS_MAX) {
                page.next = older[place - 1].order;
                break;
            }
            if list.state == 0 || brief.state.number() == list.state {
                page.items.push(*brief);
            }
        }
        Ok(Verdict::Orders(Box::new(page)))
    }

    pub(super) fn scan(&self, scan: &Scan) -> Result<Verdict, Refusal> {
        let made = |id: OrderId| (id.ms(), id.sequence());
        // Orders are made in the order of their time and sequence; the slot between these is the user's.
        let mut older: Vec<&OneOrder> = (self.orders.values())
            .filter(|it| scan.user == UserId(0) || it.view.brief.user == scan.user)
            .filter(|it| scan.before == OrderId(0) || made(it.view.brief.order) < made(scan.before))
            .collect();
        // With a user, orders that are too new are looked at; without one, they are leapt over.
        if scan.user == UserId(0) && scan.to.0 != 0 {
            older.retain(|it| it.view.brief.created_at < scan.to);
        }
        older.sort_by_key(|it| std::cmp::Reverse(made(it.view.brief.order)));
        let any_line = scan.sku == SkuId(0) && scan.sale == SaleId(0);
        let (mut items, mut looks, mut next) = (Vec::new(), 0, OrderId(0));
        for it in older {
            if looks >= usize::from(LIST_LOOKS_MAX) || items.len() == usize::from(scan.limit) {
                return Ok(Verdict::Orders(Box::new(OrderPage { items, next })));
            }
            let brief = it.view.brief;
            if brief.created_at < scan.from {
                break;
            }
            let found = it.view.lines.iter().position(|line| {
                (scan.sku == SkuId(0) || line.sku == scan.sku)
                    && (scan.sale == SaleId(0) || line.sale == scan.sale)
            });
            looks += if any_line { 1 } else { found.map_or(it.view.lines.len(), |at| at + 1) };
            let in_time = scan.to.0 == 0 || brief.created_at < scan.to;
            if found.is_some() && in_time && (scan.state == 0 || brief.state.number() == scan.state) {
                items.push(brief);
            }
            next = brief.order;
        }
        Ok(Verdict::Orders(Box::new(OrderPage { items, next: OrderId(0) })))
    }

    pub(super) fn history(&self, user: UserId, order: OrderId) -> Result<Verdict, Refusal> {
        let rows = self.order_of(user, order)?.history.clone();
        Ok(Verdict::History(Box::new(HistoryView { order, rows })))
    }

    pub(super) fn sku_get(&self, now: MicrosUtc, sku: SkuId) -> Result<Verdict, Refusal> {
        let known = self.skus.get(&sku).ok_or(Refusal::of(Reason::SkuNotFound))?;
        Ok(Verdict::SkuFound(Box::new(SkuView {
            sku: *known,
            sale: self.sale_speaking(now, sku).map_or(SaleId(0), |sale| sale.summary.sale.id),
            stock: self.sum_of_shelves(sku),
        })))
    }

    pub(super) fn sku_list(&self, after: SkuId, limit: u16) -> Verdict {
        let found = self.skus.values().filter(|sku| sku.id > after).copied();
        Verdict::Skus(Box::new(page(found, limit)))
    }

    pub(super) fn sale_get(&self, sale: SaleId) -> Result<Verdict, Refusal> {
        let known = self.sales.get(&sale).ok_or(Refusal::of(Reason::SkuNotFound))?;
        let skus = known.prices.iter().map(|(&sku, &unit_price)| SaleSku { sku, unit_price }).collect();
        Ok(Verdict::SaleFound(Box::new(SaleView { summary: known.summary, skus })))
    }

    pub(super) fn sale_list(&self, after: SaleId, limit: u16) -> Verdict {
        let found = self.sales.values().map(|sale| sale.summary).filter(|summary| summary.sale.id > after);
        Verdict::Sales(Box::new(page(found, limit)))
    }

    pub(super) fn stock_get(&self, sku: SkuId, warehouse: WarehouseId) -> Result<Verdict, Refusal> {
        if !self.skus.contains_key(&sku) {
            return Err(Refusal::of(Reason::SkuNotFound));
        }
        if warehouse == WarehouseId(0) {
            return Ok(Verdict::Shelf(self.sum_of_shelves(sku)));
        }
        let shelf = self.shelves.get(&(sku, warehouse)).copied().unwrap_or_default();
        Ok(Verdict::Shelf(shelf.view(sku, warehouse)))
    }

    pub(super) fn holdings(&self) -> Holdings {
        let mut holdings = Holdings {
            at: self.time,
            shelves: self.shelves.iter().map(|(place, shelf)| shelf.view(place.0, place.1)).collect(),
            sales: self.sales.values().map(|sale| sale.summary).collect::<Vec<SaleSummary>>(),
            user_counts: self.taken_by_user.len() as u64,
            limits: self.limits_at(self.time).count() as u64,
            limits_digest: (self.limits_at(self.time))
                .fold(0, |sum, limit| sum.wrapping_add(digest_limit(limit))),
            switches: self.switches.len() as u64,
            switches_digest: (self.switches.values())
                .fold(0, |sum, switch| sum.wrapping_add(digest_switch(switch))),
            requests: (self.requests.keys())
                .filter(|key| self.time.since(key.id.time()) <= self.request_window)
                .count() as u64,
            ..Holdings::default()
        };
        self.count_payments(&mut holdings);
        self.count_shipments(&mut holdings);
        self.hold_coupons_out(&mut holdings);
        for rule in self.freight.values() {
            holdings.freight_rules += 1;
            holdings.freight_digest = holdings.freight_digest.wrapping_add(digest_freight(rule));
        }
        self.count_cases(&mut holdings);
        for order in self.orders.values() {
            let brief = order.view.brief;
            let state = usize::from(brief.state.number()) - 1;
            let row = digest_order(brief.order, brief.user, brief.state, brief.version, brief.total);
            holdings.orders[state] += 1;
            holdings.totals[state] = holdings.totals[state].wrapping_add(brief.total.0);
            holdings.orders_digest = holdings.orders_digest.wrapping_add(row);
        }
        for (&(sale, user), &units) in &self.taken_by_user {
            let row = digest_user_count(sale, user, units);
            holdings.user_counts_digest = holdings.user_counts_digest.wrapping_add(row);
        }
        holdings
    }

    /// The order, if it is there and this user's; user 0 (an operator) may see any.
    pub(super) fn order_of(&self, user: UserId, order: OrderId) -> Result<&OneOrder, Refusal> {
        (self.orders.get(&order))
            .filter(|found| user == UserId(0) || found.view.brief.user == user)
            .ok_or(Refusal::of(Reason::OrderNotFound))
    }

    fn sum_of_shelves(&self, sku: SkuId) -> ShelfView {
        let mut sum = ShelfView {
            sku,
            warehouse: WarehouseId(0),
            on_hand: 0,
            held: 0,
            safety: 0,
            unavailable: 0,
            sold: 0,
            sellable: 0,
        };
        // Three shelves full of nonsense pass 64 bits; what is read then is «too many».
        for (_, shelf) in self.shelves_of(sku) {
            sum.on_hand = sum.on_hand.saturating_add(shelf.on_hand);
            sum.held = sum.held.saturating_add(shelf.held);
            sum.safety = sum.safety.saturating_add(shelf.safety);
            sum.unavailable = sum.unavailable.saturating_add(shelf.unavailable);
            sum.sold = sum.sold.saturating_add(shelf.sold);
            sum.sellable = sum.sellable.saturating_add(shelf.sellable());
        }
        sum
    }
}

/// The first `limit` items, and whether there are more.
pub(super) fn page<T>(found: impl Iterator<Item = T>, limit: u16) -> Page<T> {
    let mut items: Vec<T> = found.take(usize::from(limit) + 1).collect();
    let more = items.len() > usize::from(limit);
    items.truncate(usize::from(limit));
    Page { items, more }
}
