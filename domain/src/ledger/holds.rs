//! The holds in memory, their units, and how long they are known.
//!
//! A row stays while its hold is open or a remembered request leads to it, so that asking again is answered; then
//! it is used again. Units lie in linked cells and go back as soon as the hold ends.

mod desk;
mod image;

use crate::fact::ShelfUnits;
use crate::hold::{Hold, HoldState};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::orders::NONE;
use crate::slot_table::{HashKey, SlotTable, Tag};
use crate::table::Table;
use crate::units::MicrosUtc;

/// A hold as it lies in memory.
#[derive(Clone, Debug)]
pub(crate) struct HoldRow {
    pub(crate) hold: Hold,
    /// The time in the id of the request that made it.
    pub(crate) made: MicrosUtc,
    first_cell: u32,
    /// Remembered requests that lead here.
    requests: u32,
    /// Neighbours in the timer's list; the first one links free rows, too.
    pub(crate) timer_next: u32,
    pub(crate) timer_prev: u32,
}

/// Units on one shelf, and the cell of the hold's next.
#[derive(Clone, Copy, Debug)]
struct Cell {
    units: ShelfUnits,
    next: u32,
}

#[derive(Debug)]
pub(crate) struct Holds {
    key: HashKey,
    rows: Table<HoldRow>,
    by_id: SlotTable,
    free_rows: u32,
    rows_used: usize,
    open: usize,
    cells: Table<Cell>,
    free_cells: u32,
    cells_used: usize,
}

impl Holds {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        SlotTable::bytes(bounds.holds_max)
            + (bounds.holds_max * size_of::<HoldRow>() + bounds.hold_lines_max * size_of::<Cell>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds, key: HashKey) -> Holds {
        Holds {
            key,
            rows: Table::with_rows_max(bounds.holds_max),
            by_id: SlotTable::with_rows_max(bounds.holds_max),
            free_rows: NONE,
            rows_used: 0,
            open: 0,
            cells: Table::with_rows_max(bounds.hold_lines_max),
            free_cells: NONE,
            cells_used: 0,
        }
    }

    /// Holds that can still end: for each of them room for the request that ends it is kept.
    #[inline]
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    #[inline]
    pub(crate) fn at(&self, slot: u32) -> &HoldRow {
        &self.rows[slot as usize]
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, slot: u32) -> &mut HoldRow {
        &mut self.rows[slot as usize]
    }

    /// The slots of those that are open.
    pub(crate) fn all_open(&self) -> impl Iterator<Item = u32> {
        let open = (0..).zip(self.rows.iter()).filter(|(_, row)| row.hold.state == HoldState::Open);
        open.map(|(slot, _)| slot)
    }

    pub(crate) fn find(&self, id: u64) -> Option<u32> {
        self.by_id.find(self.tag(id), |slot| self.at(slot).hold.id == id)
    }

    pub(crate) fn has_room(&self, bounds: &LedgerBounds) -> bool {
        self.rows_used < bounds.holds_max
    }

    pub(crate) fn has_room_for_lines(&self, bounds: &LedgerBounds, lines: usize) -> bool {
        self.cells_used + lines <= bounds.hold_lines_max
    }

    /// Adds an open hold. There is room for it, and its id is new.
    pub(crate) fn add(&mut self, hold: Hold, made: MicrosUtc, units: &[ShelfUnits]) -> u32 {
        let mut first_cell = NONE;
        for &units in units.iter().rev() {
            first_cell = self.add_cell(Cell { units, next: first_cell });
        }
        let (timer_next, timer_prev) = (NONE, NONE);
        let row = HoldRow { hold, made, first_cell, requests: 0, timer_next, timer_prev };
        let slot = if self.free_rows == NONE {
            self.rows.push(row)
        } else {
            let slot = self.free_rows;
            self.free_rows = self.at(slot).timer_next;
            self.rows[slot as usize] = row;
            slot
        };
        self.by_id.insert(self.tag(hold.id), slot);
        self.rows_used += 1;
        self.open += 1;
        slot
    }

    /// What it holds, in the order of its lines; nothing once it has ended.
    pub(crate) fn units(&self, slot: u32) -> impl Iterator<Item = ShelfUnits> {
        let mut next = self.at(slot).first_cell;
        core::iter::from_fn(move || {
            let cell = self.cells.get(next as usize)?;
            next = cell.next;
            Some(cell.units)
        })
    }

    /// An open hold ends. What led to it is remembered before, or [`Holds::forgotten`] never frees it.
    pub(crate) fn end(&mut self, slot: u32, state: HoldState) {
        let row = &mut self.rows[slot as usize];
        assert!(row.hold.state == HoldState::Open, "only open holds end: {:?}", row.hold);
        row.hold.state = state;
        let mut cell = core::mem::replace(&mut row.first_cell, NONE);
        while cell != NONE {
            let next = core::mem::replace(&mut self.cells[cell as usize].next, self.free_cells);
            self.free_cells = cell;
            self.cells_used -= 1;
            cell = next;
        }
        self.open -= 1;
        self.free_if_over(slot);
    }

    /// A request that leads here is remembered.
    pub(crate) fn remembered(&mut self, slot: u32) {
        self.rows[slot as usize].requests += 1;
    }

    /// A request that led here is forgotten.
    pub(crate) fn forgotten(&mut self, slot: u32) {
        self.rows[slot as usize].requests -= 1;
        self.free_if_over(slot);
    }

    fn free_if_over(&mut self, slot: u32) {
        let row = &self.rows[slot as usize];
        if row.requests > 0 || row.hold.state == HoldState::Open {
            return;
        }
        let tag = self.tag(row.hold.id);
        self.by_id.remove(tag, slot);
        self.rows[slot as usize].timer_next = self.free_rows;
        self.free_rows = slot;
        self.rows_used -= 1;
    }

    fn add_cell(&mut self, cell: Cell) -> u32 {
        self.cells_used += 1;
        if self.free_cells == NONE {
            return self.cells.push(cell);
        }
        let at = self.free_cells;
        self.free_cells = self.cells[at as usize].next;
        self.cells[at as usize] = cell;
        at
    }

    fn tag(&self, id: u64) -> Tag {
        self.key.tag(id, 2)
    }
}
