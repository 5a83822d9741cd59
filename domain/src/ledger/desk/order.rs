//! An order as it lies on a desk, for whoever keeps more of it than its record.

use alloc::vec::Vec;

use crate::ids::OrderId;
use crate::ledger::desk::{Desk, Key, Row};
use crate::order;
use crate::units::{Micros, MicrosUtc};
use crate::verdict::{HistoryRow, OrderBrief};

/// What stands beside an order's record where orders are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderOnDesk {
    /// The order in a few words.
    pub brief: OrderBrief,
    /// When its timer runs out, if one runs: that of its payment, or of its completion.
    pub due: Option<MicrosUtc>,
    /// Every transition, oldest first.
    pub history: Vec<HistoryRow>,
}

impl Desk {
    /// The order as it is here, if it is.
    pub fn order(&self, order: OrderId) -> Option<OrderOnDesk> {
        let orders = &self.ledger.orders;
        let slot = orders.find(order)?;
        let brief = orders.at(slot).brief();
        let completion = self.ledger.rules.completion;
        let due = if order::is_timed(brief.state) {
            Some(brief.pay_until)
        } else if order::waits_for_completion(brief.state) && completion > Micros(0) {
            Some(orders.delivered_at(slot).after(completion))
        } else {
            None
        };
        Some(OrderOnDesk { brief, due, history: orders.history(slot) })
    }

    /// Failed refunds of an order that lies here.
    pub fn failed_refunds(&self, order: OrderId) -> Option<Row> {
        self.row_of(&Key::FailedRefunds(order))
    }
}
