//! Holds in an image.

use alloc::vec;
use alloc::vec::Vec;

use super::{Cell, HoldRow, Holds};
use crate::fact::ShelfUnits;
use crate::hold::{Hold, HoldState};
use crate::image::{Flat, flat};
use crate::ledger::image::{ImageFault, ImagePart, Reading, in_use};
use crate::ledger::timers::TimedLinks;
use crate::table::Imaged;
use crate::units::MicrosUtc;

flat! {
    HoldRow { hold: Hold, made: MicrosUtc, first_cell: u32, requests: u32, timer_next: u32, timer_prev: u32 }
    Cell { units: ShelfUnits, next: u32 }
}

impl ImagePart for Holds {
    fn put_head(&self, out: &mut Vec<u8>) {
        [self.free_rows, self.free_cells].put(out);
        [self.rows_used, self.open, self.cells_used].map(|count| count as u64).put(out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        [self.free_rows, self.free_cells] = from.one()?;
        let counts: [u64; 3] = from.one()?;
        [self.rows_used, self.open, self.cells_used] = counts.map(|count| count as usize);
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        vec![("holds_max", &mut self.rows), ("hold_lines_max", &mut self.cells)]
    }
}

impl Holds {
    /// Those that the timer has.
    pub(crate) fn timed(&self) -> impl Iterator<Item = TimedLinks> {
        let armed = (0..).zip(self.rows.iter()).filter(|(_, row)| row.hold.state == HoldState::Open);
        armed.map(|(slot, row)| {
            let HoldRow { hold, timer_prev, timer_next, .. } = row;
            TimedLinks { slot, until: hold.until, prev: *timer_prev, next: *timer_next }
        })
    }

    /// Finds the index anew.
    pub(crate) fn index(&mut self) {
        for slot in in_use(self.rows.len(), self.free_rows, |free| self.rows[free as usize].timer_next) {
            self.by_id.insert(self.tag(self.at(slot).hold.id), slot);
        }
    }
}
