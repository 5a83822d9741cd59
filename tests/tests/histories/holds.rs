//! What buyers and operators ask about units without an order.

use domain::fact::ShelfUnits;
use domain::intent::{AskedLine, EndHold, Lines, StockExtend, StockReserve};
use domain::{UserId, WarehouseId};

use super::History;

impl History {
    pub(super) fn stock_reserve<'a>(&mut self, lines: &'a [AskedLine]) -> StockReserve<'a> {
        let user = if self.dice.u8(0..6) == 0 { UserId(0) } else { self.user() };
        let lines = Lines::parse(lines).expect("drawn as a basket");
        let hold_seconds = if self.mostly() { self.hold_seconds() } else { 0 };
        StockReserve { user, request: self.request(), hold_seconds, lines }
    }

    pub(super) fn end_hold(&mut self) -> EndHold {
        let (hold, user) = self.hold();
        let user = if self.dice.u8(0..6) == 0 { UserId(0) } else { user };
        EndHold { user, request: self.request(), hold }
    }

    pub(super) fn stock_extend(&mut self) -> StockExtend {
        let EndHold { user, request, hold } = self.end_hold();
        StockExtend { user, request, hold, hold_seconds: self.hold_seconds() }
    }

    /// A hold that was made lately, most of the time, and whose it is.
    pub(super) fn hold(&mut self) -> (u64, UserId) {
        let from = self.listeners.holds.len().saturating_sub(6);
        let made = self.dice.choice(&self.listeners.holds[from..]).map(|it| (it.0, it.1));
        let (hold, user) = made.unwrap_or((self.dice.u64(..), UserId(1)));
        if self.mostly() { (hold, user) } else { (hold, self.user()) }
    }

    /// What was held last, from wherever it is: so that orders take over what they want.
    pub(super) fn lines_of_a_hold(&mut self) -> Option<Vec<AskedLine>> {
        let (.., held) = self.listeners.holds.last()?;
        let line = |it: &ShelfUnits| {
            let warehouse = if self.dice.u8(0..4) == 0 { it.warehouse } else { WarehouseId(0) };
            AskedLine { sku: it.sku, warehouse, quantity: it.quantity }
        };
        Some(held.iter().map(line).collect())
    }

    /// These are the lines of the last hold, whatever their warehouses.
    pub(super) fn wants_what_was_held_last(&self, lines: &[AskedLine]) -> bool {
        let held = self.listeners.holds.last().map_or(&[][..], |(.., held)| held);
        lines.iter().map(|line| line.sku).eq(held.iter().map(|it| it.sku))
    }

    /// The last hold, which was made, and whose it is.
    pub(super) fn last_hold(&self) -> (u64, UserId) {
        self.listeners.holds.last().map_or((0, UserId(1)), |it| (it.0, it.1))
    }
}
