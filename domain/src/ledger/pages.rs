//! LIST and ORDERS_SCAN: orders of one user or of everybody, newest first, a bounded piece of work a page.
//!
//! A page is made of two parts, the orders in memory and those at rest, each looked through as far as its bounds let
//! it. Between them only what both have looked at can be shown.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::fact::Line;
use crate::ids::{Making, OrderId, SaleId, SkuId, UserId};
use crate::intent::{Intent, LIST_LOOKS_MAX, List, Scan};
use crate::ledger::Ledger;
use crate::ledger::read::judge_limit;
use crate::order::State;
use crate::refusal::{Reason, Refusal};
use crate::units::MicrosUtc;
use crate::verdict::{OrderBrief, OrderPage, Verdict};

/// What a look through some of the orders found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PagePart {
    /// Orders that the page wants, newest first, at most as many as it wants.
    pub items: Vec<OrderBrief>,
    /// The last order that was looked at; nothing: there was none.
    pub looked_to: Option<OrderId>,
    /// There are more behind it, which were not looked at.
    pub more: bool,
}

/// What a page asks of each order, in memory or at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFilter {
    /// Whose orders; 0: everybody's.
    pub user: UserId,
    /// Only orders made before.
    pub before: Making,
    /// At most so many orders.
    pub limit: usize,
    state: Option<State>,
    from: MicrosUtc,
    to: MicrosUtc,
    sku: SkuId,
    sale: SaleId,
}

/// What a page says to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It belongs there.
    Wanted,
    /// It does not.
    Passed,
    /// Neither does it, nor any that was made before it.
    Over,
}

impl PageFilter {
    /// Orders, or lines of orders, that one page looks at at most.
    pub const LOOKS_MAX: usize = LIST_LOOKS_MAX as usize;

    /// What a LIST or an ORDERS_SCAN asks; nothing for other intents, and for what is refused anyway.
    pub fn of(intent: &Intent<'_>) -> Option<PageFilter> {
        if let Intent::List(list) = intent {
            return PageFilter::of_list(list).ok();
        }
        if let Intent::Scan(scan) = intent {
            return PageFilter::of_scan(scan).ok();
        }
        None
    }

    fn of_list(list: &List) -> Result<PageFilter, Refusal> {
        if list.user == UserId(0) {
            return Err(Refusal::of(Reason::InvalidField));
        }
        let state = state_of(list.state)?;
        judge_limit(list.limit)?;
        Ok(PageFilter {
            user: list.user,
            before: behind(list.before),
            limit: list.limit.into(),
            state,
            from: MicrosUtc(i64::MIN),
            to: MicrosUtc(0),
            sku: SkuId(0),
            sale: SaleId(0),
        })
    }

    /// An order whose id ran ahead of the clock counts as made when its id says.
    fn of_scan(scan: &Scan) -> Result<PageFilter, Refusal> {
        judge_limit(scan.limit)?;
        let state = state_of(scan.state)?;
        let Scan { user, from, to, sku, sale, .. } = *scan;
        let leaps = user == UserId(0) && to != MicrosUtc(0);
        let before = behind(scan.before).min(if leaps { Making::at(to) } else { Making::MAX });
        Ok(PageFilter { user, before, limit: scan.limit.into(), state, from, to, sku, sale })
    }

    /// Whether lines have to be looked at.
    pub fn asks_lines(&self) -> bool {
        self.sku != SkuId(0) || self.sale != SaleId(0)
    }

    /// What the page says to this order, and how many looks that took. Its lines are only asked for where they matter.
    pub fn look<L: Iterator<Item = Line>>(
        &self,
        order: &OrderBrief,
        lines: impl FnOnce() -> L,
    ) -> (Look, usize) {
        if order.created_at < self.from {
            return (Look::Over, 1);
        }
        let (fits, looks) = if self.asks_lines() { self.has_line(lines()) } else { (true, 1) };
        let in_time = self.to == MicrosUtc(0) || order.created_at < self.to;
        let wanted = fits && in_time && self.state.is_none_or(|state| state == order.state);
        (if wanted { Look::Wanted } else { Look::Passed }, looks)
    }

    /// Looks through orders, newest first, as far as a page goes.
    pub fn part<L: Iterator<Item = Line>>(&self, orders: impl Iterator<Item = (OrderBrief, L)>) -> PagePart {
        let mut part = PagePart::default();
        let mut looks = 0;
        for (order, lines) in orders {
            if looks >= Self::LOOKS_MAX || part.items.len() >= self.limit {
                part.more = true;
                break;
            }
            let (look, looked) = self.look(&order, || lines);
            part.looked_to = Some(order.order);
            match look {
                Look::Wanted => part.items.push(order),
                Look::Passed => (),
                Look::Over => break,
            }
            looks += looked;
        }
        part
    }

    /// Whether one line is of the sku and sale, and how many looks that took.
    fn has_line(&self, lines: impl Iterator<Item = Line>) -> (bool, usize) {
        let mut looks = 0;
        for line in lines {
            looks += 1;
            let of_sku = self.sku == SkuId(0) || line.sku == self.sku;
            if of_sku && (self.sale == SaleId(0) || line.sale == self.sale) {
                return (true, looks);
            }
        }
        (false, looks)
    }
}

impl Ledger {
    /// A page of LIST or ORDERS_SCAN, of the orders in memory and of what was found at rest; `resting` may hold orders
    /// that are in memory as well, and misses none that is at rest now.
    pub fn page(&self, filter: &PageFilter, resting: &PagePart) -> Verdict {
        Verdict::Orders(self.page_of(filter, resting).into())
    }

    pub(super) fn list(&self, list: &List) -> Result<Verdict, Refusal> {
        let filter = PageFilter::of_list(list)?;
        Ok(Verdict::Orders(self.page_of(&filter, &PagePart::default()).into()))
    }

    pub(super) fn scan_orders(&self, scan: &Scan) -> Result<Verdict, Refusal> {
        let filter = PageFilter::of_scan(scan)?;
        Ok(Verdict::Orders(self.page_of(&filter, &PagePart::default()).into()))
    }

    fn page_of(&self, filter: &PageFilter, resting: &PagePart) -> OrderPage {
        let orders: Box<dyn Iterator<Item = u32> + '_> = if filter.user == UserId(0) {
            Box::new(self.orders.made_before(filter.before))
        } else {
            Box::new(self.orders.of_user(filter.user, filter.before))
        };
        let here = filter.part(orders.map(|slot| (self.orders.at(slot).brief(), self.orders.lines(slot))));
        let asleep = |order: &&OrderBrief| self.orders.find(order.order).is_none();
        let asleep = resting.items.iter().filter(asleep).copied();
        // Behind the place that one part did not get past, the other one knows only half of what there is.
        let ends = [&here, resting].into_iter().filter(|part| part.more).filter_map(|part| part.looked_to);
        let end = ends.max_by_key(|order| order.making());
        let looked_to = here.looked_to.into_iter().chain(resting.looked_to).map(OrderId::making).min();
        let mut items: Vec<_> = here.items.into_iter().chain(asleep).collect();
        items.retain(|order| end.is_none_or(|end| order.order.making() >= end.making()));
        items.sort_by_key(|order| core::cmp::Reverse(order.order.making()));
        items.truncate(filter.limit);
        // A full page ends with its last order where there is anything behind it.
        let full = items.last().filter(|_| items.len() == filter.limit).map(|last| last.order);
        let next = match full.filter(|last| looked_to.is_some_and(|to| to < last.making())) {
            Some(last) => last,
            None => end.unwrap_or(OrderId(0)),
        };
        OrderPage { items, next }
    }
}

/// What stands behind this order, newest first: 0, everything. Only its place counts, so it need not be there.
const fn behind(order: OrderId) -> Making {
    if order.0 == 0 { Making::MAX } else { order.making() }
}

/// The state of this number; 0: any.
fn state_of(number: u8) -> Result<Option<State>, Refusal> {
    match (number, State::from_number(number)) {
        (0, _) => Ok(None),
        (_, None) => Err(Refusal::of(Reason::InvalidField)),
        (_, state) => Ok(state),
    }
}
