//! What operators put in the way of everybody: switches, and lists of users. Whatever was made while one stood was not stopped by it.

use domain::coupon::CouponScope;
use domain::fact::{Actor, Fact};
use domain::hold::HoldEnd;
use domain::limit::{UserLimit, UserList};
use domain::switch::{Deed, Note, Scope, Stops, Switch};
use domain::verdict::{Holdings, digest_limit, digest_switch};
use domain::{MicrosUtc, OrderId, SaleId, SkuId, Stamp, UserId};

use super::Auditor;
use super::books::Books;
use super::tally::Rule;

impl Auditor {
    /// Each change counts one on, and a switch stops something until it is cleared.
    pub(super) fn switch_changed(
        &mut self,
        at: MicrosUtc,
        scope: Scope,
        stops: Stops,
        version: u32,
        note: Note<'_>,
    ) {
        let books = &mut self.books;
        let follows = Some(version) == books.switch_changes.checked_add(1);
        let known = match scope {
            Scope::All => true,
            Scope::Sale(sale) => books.sales.contains_key(&sale),
            Scope::Sku(sku) => books.skus.contains_key(&sku),
        };
        let right = follows && known && (stops.any() || books.switches.contains_key(&scope));
        self.tally.check(Rule::Switches, right, || {
            format!("a switch of {scope:?} was changed to {stops:?} as version {version}")
        });
        books.switch_changes = version;
        if stops.any() {
            let switch = Switch { scope, stops, version, since: at, note: note.as_str().into() };
            books.switches.insert(scope, switch);
        } else {
            books.switches.remove(&scope);
        }
    }

    /// A fact that came to be although a switch stopped it. What gives units back, money that arrived and all that
    /// follows from it are stopped by none.
    pub(super) fn judge_switches(&mut self, stamp: &Stamp, fact: &Fact<'_>) {
        if self.books.switches.is_empty() {
            return;
        }
        let of_sku = |sku: &SkuId| vec![Scope::Sku(*sku)];
        let (deed, mut scopes) = match fact {
            Fact::OrderCreated(created) => {
                let lines = created.lines.iter().map(|line| (line.sku, line.sale));
                (Deed::Creating, lines.flat_map(scopes_of).collect())
            }
            Fact::HoldMade { units, .. } => {
                let speaking =
                    |sku| self.books.sale_speaking(stamp.at, sku).map_or(SaleId(0), |it| it.sale.id);
                let lines = units.iter().map(|units| (units.sku, speaking(units.sku)));
                (Deed::Creating, lines.flat_map(scopes_of).collect())
            }
            Fact::PaymentOpened { order, .. } => (Deed::Paying, self.scopes_of_order(*order)),
            Fact::SkuChanged(sku) => (Deed::Changing, of_sku(&sku.id)),
            Fact::FreightChanged(_) => (Deed::Changing, Vec::new()),
            Fact::SaleChanged { sale, skus } => {
                let skus = skus.iter().map(|item| Scope::Sku(item.sku));
                (Deed::Changing, skus.chain([Scope::Sale(sale.id)]).collect())
            }
            Fact::StockAdjusted(adjusted) if adjusted.order == OrderId(0) => {
                (Deed::Changing, of_sku(&adjusted.sku))
            }
            Fact::StockTransferred { sku, .. } | Fact::StockReturned { sku, .. } => {
                (Deed::Changing, of_sku(sku))
            }
            Fact::HoldEnded { end: HoldEnd::Committed, units, .. } => {
                (Deed::Changing, units.iter().map(|units| Scope::Sku(units.sku)).collect())
            }
            Fact::CouponDefined { coupon, skus } => {
                let sale = match coupon.scope {
                    CouponScope::Sale(sale) => Some(Scope::Sale(sale)),
                    CouponScope::All | CouponScope::Skus => None,
                };
                (Deed::Changing, skus.iter().map(|sku| Scope::Sku(*sku)).chain(sale).collect())
            }
            Fact::CouponClaimed { .. } => (Deed::Changing, Vec::new()),
            Fact::HoldExtended { .. } | Fact::LimitChanged(_) => (Deed::Changing, Vec::new()),
            // Time passes, whatever is stopped.
            Fact::OrderCompleted { .. } if stamp.actor == Actor::Timer => return,
            // A refund that goes through is stopped by none.
            Fact::AftersaleChanged(_) if matches!(stamp.actor, Actor::Gateway(_)) => return,
            Fact::AftersaleChanged(case) => (Deed::Changing, self.scopes_of_order(case.order)),
            Fact::OrderShipped { order, .. }
            | Fact::ShipmentTracked { order, .. }
            | Fact::OrderDelivered { order, .. }
            | Fact::OrderCompleted { order, .. } => (Deed::Changing, self.scopes_of_order(*order)),
            Fact::StockAdjusted(_)
            | Fact::HoldEnded { .. }
            | Fact::SwitchChanged { .. }
            | Fact::CouponLocked { .. }
            | Fact::CouponReleased { .. }
            | Fact::CouponUsed { .. }
            | Fact::CursorMoved { .. }
            | Fact::LetterParked { .. }
            | Fact::LetterEnded { .. }
            | Fact::StockReserved { .. }
            | Fact::StockReduced { .. }
            | Fact::StockReleased { .. }
            | Fact::OrderConfirmed { .. }
            | Fact::StockException { .. }
            | Fact::OrderCancelled { .. }
            | Fact::RefundDone { .. }
            | Fact::PaymentFailed { .. }
            | Fact::PaymentSuccess { .. }
            | Fact::PaymentMismatched { .. }
            | Fact::PaymentRepeated { .. }
            | Fact::PaymentOverdrawn { .. }
            | Fact::RefundRequested { .. }
            | Fact::RefundFailed { .. }
            | Fact::RefundSettled { .. } => return,
        };
        scopes.push(Scope::All);
        let stopped = scopes
            .into_iter()
            .find(|scope| self.books.switches.get(scope).is_some_and(|switch| switch.stops.stop(deed)));
        self.tally.check(Rule::Switches, stopped.is_none(), || {
            format!("a switch of {stopped:?} stopped what was done: {deed:?}")
        });
    }

    pub(super) fn limit_changed(&mut self, at: MicrosUtc, limit: &UserLimit) {
        let right = limit.user != UserId(0) && limit.counts(at) && (limit.any() || limit.until.0 == 0);
        self.tally.check(Rule::Blocked, right, || format!("what was set is out of range: {limit:?}"));
        self.books.limits.insert(limit.user, *limit);
        if !limit.any() {
            self.books.limits.remove(&limit.user);
        }
    }

    /// New orders and holds are nobody's who is blocked.
    pub(super) fn judge_blocked(&mut self, at: MicrosUtc, user: UserId) {
        let list = self.books.limit_of(user, at).map_or(UserList::Ordinary, |limit| limit.list);
        self.tally.check(Rule::Blocked, list != UserList::Blocked, || {
            format!("user {} was blocked and made something new", user.0)
        });
    }

    pub(super) fn compare_limits(&mut self, holdings: &Holdings, at: MicrosUtc) {
        let counting = self.books.limits.values().filter(|limit| limit.counts(at));
        let (count, digest) =
            counting.fold((0_u64, 0_u64), |(count, sum), it| (count + 1, sum.wrapping_add(digest_limit(it))));
        let equal = (holdings.limits, holdings.limits_digest) == (count, digest);
        self.tally.check(Rule::StoreLimits, equal, || {
            format!(
                "users for whom something is set: the store has {}, the facts make {count}",
                holdings.limits
            )
        });
    }

    pub(super) fn compare_switches(&mut self, holdings: &Holdings) {
        let switches = &self.books.switches;
        let digest = switches.values().fold(0_u64, |sum, it| sum.wrapping_add(digest_switch(it)));
        let equal = (holdings.switches, holdings.switches_digest) == (switches.len() as u64, digest);
        self.tally.check(Rule::StoreSwitches, equal, || {
            format!("switches: the store has {}, the facts make {}", holdings.switches, switches.len())
        });
    }

    fn scopes_of_order(&self, order: OrderId) -> Vec<Scope> {
        let lines = self.books.orders.get(&order).into_iter().flat_map(|order| &order.lines);
        lines.map(|line| (line.sku, line.sale)).flat_map(scopes_of).collect()
    }
}

/// The sku, and the sale if there is one.
fn scopes_of((sku, sale): (SkuId, SaleId)) -> impl Iterator<Item = Scope> {
    [Some(Scope::Sku(sku)), (sale != SaleId(0)).then_some(Scope::Sale(sale))].into_iter().flatten()
}

impl Books {
    /// What counts for a user.
    pub(super) fn limit_of(&self, user: UserId, at: MicrosUtc) -> Option<&UserLimit> {
        self.limits.get(&user).filter(|limit| limit.counts(at))
    }
}
