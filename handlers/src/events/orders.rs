//! What events say of their order beyond the fact: whose it is, its money, its lines. Facts behind the first do not
//! repeat it, so it is kept for the orders seen last, and read again from the log for others.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use domain::fact::{Line, OrderCreated};
use domain::{Fact, OrderId};

use super::{EventLog, LogFailed};

/// Lines of orders that are kept, at most; the oldest orders go first.
const LINES_MAX: usize = 1 << 18;
/// Orders taken along when one has to be read again: those made behind it mostly end behind it, too.
const TAKEN_ALONG: usize = 4_096;

/// What is known of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownOrder {
    pub(super) user: u64,
    pub(super) total: i64,
    pub(super) currency: u16,
    pub(super) lines: Vec<OrderLine>,
}

/// A line of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderLine {
    pub(super) sku: u64,
    pub(super) unit_price: i64,
    pub(super) units: u32,
    pub(super) warehouse: u32,
    pub(super) sale: u32,
}

/// The orders seen last.
#[derive(Debug, Default)]
pub(super) struct Orders {
    known: HashMap<OrderId, Rc<KnownOrder>>,
    oldest_first: VecDeque<OrderId>,
    lines: usize,
}

impl Orders {
    /// Keeps what the fact that makes an order says.
    pub(super) fn learn(&mut self, created: &OrderCreated<'_>) {
        let OrderCreated { order, user, total, currency, lines, .. } = created;
        if self.known.contains_key(order) {
            return;
        }
        let lines: Vec<_> = lines.iter().map(known_line).collect();
        self.lines += lines.len();
        let known = KnownOrder { user: user.0, total: total.0, currency: currency.0, lines };
        self.known.insert(*order, Rc::new(known));
        self.oldest_first.push_back(*order);
        while self.lines > LINES_MAX {
            let Some(oldest) = self.oldest_first.pop_front() else { break };
            self.lines -= self.known.remove(&oldest).map_or(0, |gone| gone.lines.len());
        }
    }

    /// What is known of an order; read from the log where it was forgotten. Nothing for an order that no fact made.
    pub(super) fn get(
        &mut self,
        order: OrderId,
        log: &mut impl EventLog,
    ) -> Result<Option<Rc<KnownOrder>>, LogFailed> {
        if let Some(known) = self.known.get(&order) {
            return Ok(Some(Rc::clone(known)));
        }
        let mut behind = 0;
        log.read_from_order(order, &mut |fact| {
            if let Fact::OrderCreated(created) = fact {
                // Ids grow with time alone from the bits above the slot on; the slot is the user's.
                let not_before =
                    (created.order.ms(), created.order.sequence()) >= (order.ms(), order.sequence());
                if not_before {
                    self.learn(created);
                    behind += 1;
                }
            }
            behind < TAKEN_ALONG
        })?;
        Ok(self.known.get(&order).map(Rc::clone))
    }
}

fn known_line(line: &Line) -> OrderLine {
    let Line { sku, warehouse, sale, quantity, unit_price, seller: _, parcel: _, discount: _, freight: _ } =
        line;
    OrderLine {
        sku: sku.0,
        unit_price: unit_price.0,
        units: quantity.get(),
        warehouse: warehouse.0,
        sale: sale.0,
    }
}
