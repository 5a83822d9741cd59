//! The after-sales cases in memory: a row each, linked from its order's rare part. Orders without one pay nothing.

use alloc::vec;
use alloc::vec::Vec;

use crate::aftersale::Case;
use crate::image::{Flat, flat};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::image::{ImageFault, ImagePart, Reading};
use crate::ledger::orders::NONE;
use crate::table::{Imaged, Table};
use crate::units::MicrosUtc;
use crate::verdict::digest_case;

/// A case as it lies in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CaseRow {
    pub(crate) case: Case,
    pub(crate) opened_at: MicrosUtc,
    pub(crate) changed_at: MicrosUtc,
    /// The order's case before this one.
    older: u32,
}

const CASE_BYTES_MAX: usize = 64;
const _: () = assert!(size_of::<CaseRow>() <= CASE_BYTES_MAX);

/// All cases. Their slots count from 0 in the order in which they were opened.
#[derive(Debug)]
pub(crate) struct Cases {
    rows: Table<CaseRow>,
    digest: u64,
}

flat! { CaseRow { case: Case, opened_at: MicrosUtc, changed_at: MicrosUtc, older: u32 } }

impl ImagePart for Cases {
    fn put_head(&self, out: &mut Vec<u8>) {
        self.digest.put(out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        self.digest = from.one()?;
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        vec![("cases_max", &mut self.rows)]
    }
}

impl Cases {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        (bounds.cases_max * size_of::<CaseRow>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds) -> Cases {
        Cases { rows: Table::with_rows_max(bounds.cases_max), digest: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// [`digest_case`] of every case, summed up.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// Whether one more fits.
    pub(crate) fn has_room(&self, bounds: &LedgerBounds) -> bool {
        self.rows.len() < bounds.cases_max
    }

    pub(crate) fn at(&self, slot: u32) -> &CaseRow {
        &self.rows[slot as usize]
    }

    /// An order's cases from the one in `newest` on, newest first.
    pub(crate) fn newest_first(&self, newest: u32) -> impl Iterator<Item = (u32, &CaseRow)> {
        let slot = |slot: u32| (slot != NONE).then_some(slot);
        core::iter::successors(slot(newest), move |&it| slot(self.at(it).older)).map(|it| (it, self.at(it)))
    }

    /// Adds a case. There is room for it.
    pub(crate) fn add(&mut self, at: MicrosUtc, case: Case, older: u32) -> u32 {
        self.rows.push(CaseRow { case, opened_at: at, changed_at: at, older });
        self.digest = self.digest.wrapping_add(digest_case(&case, at, at));
        self.rows.len() as u32 - 1
    }

    /// The case is this from here.
    pub(crate) fn change(&mut self, slot: u32, at: MicrosUtc, case: Case) {
        let row = &mut self.rows[slot as usize];
        let before = digest_case(&row.case, row.opened_at, row.changed_at);
        (row.case, row.changed_at) = (case, at);
        let now = digest_case(&row.case, row.opened_at, row.changed_at);
        self.digest = self.digest.wrapping_sub(before).wrapping_add(now);
    }
}
