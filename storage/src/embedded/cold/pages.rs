//! What LIST and ORDERS_SCAN find among the orders at rest.

use std::ops::ControlFlow;

use domain::fact::Line;
use domain::verdict::OrderBrief;
use domain::{PageFilter, PagePart, RestingOrder, UserId};

use super::store::{ColdError, ColdStore, LATEST, UserAsk, made_at};

/// Orders that are read at once: most pages ask for fewer, and end early.
const ORDERS_AT_ONCE: usize = 128;

/// Looks through the orders at rest as far as this page goes.
pub(super) fn page(store: &impl ColdStore, filter: &PageFilter) -> Result<PagePart, ColdError> {
    let mut orders =
        Orders { store, filter, before: filter.before.0, is_over: false, read: Vec::new(), fault: None };
    let part = filter.part(&mut orders);
    match orders.fault {
        Some(fault) => Err(fault),
        None => Ok(part),
    }
}

/// Orders at rest, newest first; ends early at a fault.
struct Orders<'a, S> {
    store: &'a S,
    filter: &'a PageFilter,
    before: u64,
    is_over: bool,
    /// Those that come next, the first of them last.
    read: Vec<(OrderBrief, Vec<Line>)>,
    fault: Option<ColdError>,
}

impl<S: ColdStore> Orders<'_, S> {
    fn read_more(&mut self) -> Result<(), ColdError> {
        let last = if self.filter.user == UserId(0) { self.read_all()? } else { self.read_of_user()? };
        (self.before, self.is_over) = (last, last == 0);
        self.read.reverse();
        Ok(())
    }

    fn read_of_user(&mut self) -> Result<u64, ColdError> {
        let mut page = Vec::new();
        let ask = UserAsk {
            user: self.filter.user,
            before_made: self.before,
            state: None,
            limit: ORDERS_AT_ONCE.min(self.filter.limit + 1),
            looks_max: ORDERS_AT_ONCE,
        };
        let last = self.store.of_user(ask, &mut page)?;
        let mut record = Vec::new();
        for brief in page {
            let mut lines = Vec::new();
            if self.filter.asks_lines() {
                let made = made_at(brief.order);
                if self.store.read(made, LATEST, &mut record)?.is_some() {
                    lines = order_of(made, &record)?.lines;
                }
            }
            self.read.push((brief, lines));
        }
        Ok(last)
    }

    fn read_all(&mut self) -> Result<u64, ColdError> {
        let (read, mut fault) = (&mut self.read, None);
        let last = self.store.newest(self.before, ORDERS_AT_ONCE, &mut |made, record| {
            match order_of(made, record) {
                Ok(order) => read.push((order.brief, order.lines)),
                Err(damage) => {
                    fault = Some(damage);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        fault.map_or(Ok(last), Err)
    }
}

impl<S: ColdStore> Iterator for Orders<'_, S> {
    type Item = (OrderBrief, std::vec::IntoIter<Line>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.read.is_empty() && !self.is_over {
            if let Err(fault) = self.read_more() {
                self.fault = Some(fault);
                return None;
            }
        }
        self.read.pop().map(|(brief, lines)| (brief, lines.into_iter()))
    }
}

fn order_of(made: u64, record: &[u8]) -> Result<RestingOrder, ColdError> {
    RestingOrder::read(record).map_err(|fault| ColdError::Damaged {
        place: format!("the order made at {made}"),
        why: fault.to_string(),
    })
}
