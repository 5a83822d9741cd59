//! Which warehouse each line leaves from, and so which parcel it is in.
//!
//! A line names its warehouse or leaves it to the shop, which then looks for few parcels (adr/0018): first the
//! warehouses that the basket uses anyway, then, again and again, the one that can serve most of the lines left;
//! the lowest number wins a draw. A line is never split.

use alloc::vec::Vec;

use crate::fact::ShelfUnits;
use crate::ids::{SkuId, WarehouseId};
use crate::intent::{AskedLine, LINES_MAX, WAREHOUSES_A_SKU_MAX};
use crate::ledger::Ledger;
use crate::ledger::create::Planned;
use crate::refusal::{Reason, Refusal};

/// A line that a warehouse can serve. At most [`SERVERS_MAX`] a basket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Server {
    warehouse: WarehouseId,
    line: u16,
}

/// What is looked at to choose the warehouses of one basket.
const SERVERS_MAX: usize = LINES_MAX * WAREHOUSES_A_SKU_MAX;
const _: () = assert!(SERVERS_MAX * size_of::<Server>() <= 128 << 10);

/// The lines of a basket that have no warehouse yet.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    lines: [u64; LINES_MAX / 64],
    count: usize,
}

impl Ledger {
    /// The warehouse and the parcel of each line; every line has its units there. Units of `taken` count as there.
    #[inline]
    pub(super) fn choose_shelves(
        &self,
        asked: &[AskedLine],
        planned: &mut [Planned],
        taken: &[ShelfUnits],
        servers: &mut Vec<Server>,
    ) -> Result<(), Refusal> {
        for (at, (line, planned)) in asked.iter().zip(planned.iter_mut()).enumerate() {
            let wanted = line.quantity.units();
            let there = if line.warehouse == WarehouseId(0) {
                self.first_that_serves(line, planned, taken)
            } else {
                self.sellable(planned.sku, line.sku, line.warehouse, taken)
            };
            if there < wanted {
                let reason = if there == 0 { Reason::SoldOut } else { Reason::InsufficientStock };
                return Err(Refusal::of(reason).at_line(at).with(wanted as i64, there as i64));
            }
        }
        if planned.len() > 1 {
            self.gather(asked, planned, taken, servers);
        }
        Ok(())
    }

    /// Sets the line's warehouse to that of its hold, or to the lowest-numbered one that can serve it. The units
    /// there; where none can, the most units anywhere.
    fn first_that_serves(&self, line: &AskedLine, planned: &mut Planned, taken: &[ShelfUnits]) -> u64 {
        let wanted = line.quantity.units();
        if let Some((warehouse, there)) = self.of_hold(line, planned.sku, taken) {
            planned.warehouse = warehouse;
            return there;
        }
        let mut most = 0;
        for (_, row) in self.goods.shelves_of(planned.sku) {
            let there = row.shelf.sellable_with(units_of(taken, row.sku, row.warehouse));
            most = most.max(there);
            if there >= wanted {
                planned.warehouse = row.warehouse;
                break;
            }
        }
        most
    }

    /// The warehouse where the hold has units of this line, if it can serve all of it: PREPARE chose it, and the
    /// buyer was told.
    #[inline]
    fn of_hold(&self, line: &AskedLine, sku: u32, taken: &[ShelfUnits]) -> Option<(WarehouseId, u64)> {
        let held = taken.iter().find(|it| it.sku == line.sku)?;
        let there = self.sellable(sku, line.sku, held.warehouse, taken);
        (there >= line.quantity.units()).then_some((held.warehouse, there))
    }

    #[inline]
    fn sellable(&self, slot: u32, sku: SkuId, warehouse: WarehouseId, taken: &[ShelfUnits]) -> u64 {
        let shelf = self.goods.shelf_of(slot, warehouse);
        let own = units_of(taken, sku, warehouse);
        shelf.map_or(0, |shelf| self.goods.shelf(shelf).shelf.sellable_with(own))
    }

    /// Chooses anew for the lines that name no warehouse, of which each can be served by one, and numbers parcels.
    ///
    /// At most [`SERVERS_MAX`] pairs, looked through at most twice for each size of parcel. As those sizes add up
    /// to the number of lines, there are at most 22 of them.
    #[inline(never)] // One line has nothing to gather, and nearly every basket is one line.
    fn gather(
        &self,
        asked: &[AskedLine],
        planned: &mut [Planned],
        taken: &[ShelfUnits],
        servers: &mut Vec<Server>,
    ) {
        let first = planned[0].warehouse;
        if planned.iter().all(|line| line.warehouse == first) {
            return; // No rule finds fewer, or a lower number.
        }
        let mut left = Left::default();
        servers.clear();
        for (at, (line, planned)) in asked.iter().zip(planned.iter()).enumerate() {
            if line.warehouse != WarehouseId(0) || self.of_hold(line, planned.sku, taken).is_some() {
                continue;
            }
            left.add(at);
            for (_, row) in self.goods.shelves_of(planned.sku) {
                let there = row.shelf.sellable_with(units_of(taken, row.sku, row.warehouse));
                if there >= line.quantity.units() {
                    servers.push(Server { warehouse: row.warehouse, line: at as u16 });
                }
            }
        }
        servers.sort_unstable();
        let mut used = [WarehouseId(0); LINES_MAX]; // 0 is no warehouse, so places that stay empty find none
        for (at, line) in planned.iter().enumerate().filter(|&(at, _)| !left.has(at)) {
            used[at] = line.warehouse;
        }
        used.sort_unstable();
        for lines in of_each_warehouse(servers) {
            if used.binary_search(&lines[0].warehouse).is_ok() {
                left.serve(lines, planned);
            }
        }
        // All warehouses that serve this many of the lines left, by number; then those that serve fewer. Serving
        // lines makes none serve more, so this takes the best one each time.
        let mut wanted = left.count;
        while left.count > 0 {
            let mut next = 0;
            for lines in of_each_warehouse(servers) {
                let serves = left.count_of(lines);
                if serves >= wanted {
                    left.serve(lines, planned);
                } else {
                    next = next.max(serves);
                }
            }
            wanted = next;
        }
        number_parcels(planned);
    }
}

impl Left {
    fn add(&mut self, at: usize) {
        self.lines[at / 64] |= 1 << (at % 64);
        self.count += 1;
    }

    fn has(&self, at: usize) -> bool {
        self.lines[at / 64] & 1 << (at % 64) != 0
    }

    fn count_of(&self, lines: &[Server]) -> usize {
        lines.iter().filter(|it| self.has(usize::from(it.line))).count()
    }

    /// Those of these lines that are left go from their warehouse.
    fn serve(&mut self, lines: &[Server], planned: &mut [Planned]) {
        for it in lines {
            let at = usize::from(it.line);
            if self.has(at) {
                planned[at].warehouse = it.warehouse;
                self.lines[at / 64] &= !(1 << (at % 64));
                self.count -= 1;
            }
        }
    }
}

/// The lines of each warehouse, by its number.
fn of_each_warehouse(servers: &[Server]) -> impl Iterator<Item = &[Server]> {
    servers.chunk_by(|one, next| one.warehouse == next.warehouse)
}

/// Parcels count from 0 in the order in which their warehouses stand in the lines.
fn number_parcels(planned: &mut [Planned]) {
    let mut next = 0;
    for at in 0..planned.len() {
        let (before, line) = planned.split_at_mut(at);
        let same = before.iter().find(|other| other.warehouse == line[0].warehouse);
        line[0].parcel = same.map_or(next, |other| other.parcel);
        next = next.max(line[0].parcel + 1);
    }
}

/// Units that a hold has on a shelf.
#[inline]
fn units_of(taken: &[ShelfUnits], sku: SkuId, warehouse: WarehouseId) -> u64 {
    let of_shelf = taken.iter().find(|it| it.sku == sku && it.warehouse == warehouse);
    of_shelf.map_or(0, |it| it.quantity.units())
}
