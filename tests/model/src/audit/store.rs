//! What the facts add up to, against what a store says that it holds.

use std::collections::BTreeMap;

use domain::MicrosUtc;
use domain::verdict::{Holdings, ShelfView, digest_order, digest_user_count};

use super::Auditor;
use super::tally::Rule;

impl Auditor {
    pub(super) fn compare(&mut self, holdings: &Holdings) {
        let at = if self.time == MicrosUtc(i64::MIN) { MicrosUtc::default() } else { self.time };
        self.tally.check(Rule::StoreTime, holdings.at == at, || {
            format!("the store stands at {}, the facts end at {}", holdings.at.0, at.0)
        });
        self.compare_shelves(&holdings.shelves);
        self.compare_sales(holdings);
        self.compare_orders(holdings);
        self.compare_payments(holdings);
        self.compare_shipments(holdings);
        self.compare_coupons(holdings);
        self.compare_cases(holdings);
        self.compare_users(holdings);
        self.compare_switches(holdings);
        self.compare_limits(holdings, at);
        self.compare_freight(holdings);

        let remembered = (self.requests.iter())
            .filter(|key| at.since(key.id.time()) <= self.request_window)
            .count() as u64;
        self.tally.check(Rule::StoreRequests, holdings.requests == remembered, || {
            format!("the store remembers {} requests, the facts {remembered}", holdings.requests)
        });
    }

    fn compare_shelves(&mut self, shelves: &[ShelfView]) {
        let theirs: BTreeMap<_, _> = shelves.iter().map(|it| ((it.sku, it.warehouse), it)).collect();
        self.tally.check(
            Rule::Shelves,
            theirs.len() == shelves.len() && theirs.keys().eq(self.books.shelves.keys()),
            || format!("the store has {} shelves, the facts {}", shelves.len(), self.books.shelves.len()),
        );
        for (place, shelf) in &self.books.shelves {
            let Some(view) = theirs.get(place) else { continue };
            let (sku, warehouse) = (place.0.0, place.1.0);
            self.tally.check(Rule::Held, i128::from(view.held) == shelf.held, || {
                format!(
                    "sku {sku} in warehouse {warehouse}: the store holds {}, not {}",
                    view.held, shelf.held
                )
            });
            let ours = [shelf.on_hand, shelf.sold, shelf.safety, shelf.unavailable];
            let theirs = [view.on_hand, view.sold, view.safety, view.unavailable].map(i128::from);
            // What can be sold follows from `held`; where that differs it is told above.
            let sellable =
                i128::from(view.held) != shelf.held || i128::from(view.sellable) == shelf.sellable();
            self.tally.check(Rule::Shelves, ours == theirs && sellable, || {
                format!("sku {sku} in warehouse {warehouse}: the store has {view:?}, not {shelf:?}")
            });
        }
    }

    fn compare_sales(&mut self, holdings: &Holdings) {
        let ours = self.books.sales.values().map(|book| (book.sale, book.taken));
        let theirs = holdings.sales.iter().map(|it| (it.sale, i128::from(it.taken_units)));
        self.tally.check(Rule::StoreSales, theirs.clone().eq(ours.clone()), || {
            let differing = ours.zip(theirs).find(|(ours, theirs)| ours != theirs);
            format!("the facts make it, and the store has it: {differing:?}")
        });
    }

    fn compare_orders(&mut self, holdings: &Holdings) {
        let (mut counts, mut totals, mut digest) = ([0_u64; 14], [0_i64; 14], 0_u64);
        for (&id, order) in &self.books.orders {
            let state = usize::from(order.state.number()) - 1;
            counts[state] += 1;
            totals[state] = totals[state].wrapping_add(order.total.0);
            let row = digest_order(id, order.user, order.state, order.version, order.total);
            digest = digest.wrapping_add(row);
        }
        let equal = (holdings.orders, holdings.totals, holdings.orders_digest) == (counts, totals, digest);
        self.tally.check(Rule::StoreOrders, equal, || {
            format!("orders by state: the store has {:?}, the facts make {counts:?}", holdings.orders)
        });
    }

    fn compare_users(&mut self, holdings: &Holdings) {
        let counts = self.books.taken_by_user.len() as u64;
        let digest = (self.books.taken_by_user.iter()).fold(0_u64, |sum, (&(sale, user), &units)| {
            sum.wrapping_add(digest_user_count(sale, user, units as u64))
        });
        let equal = (holdings.user_counts, holdings.user_counts_digest) == (counts, digest);
        self.tally.check(Rule::StoreUsers, equal, || {
            format!("pairs of sale and user: the store has {}, the facts make {counts}", holdings.user_counts)
        });
    }
}
