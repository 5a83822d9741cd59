//! The after-sales cases in memory: a row each, linked from its order's rare part. Orders without one pay nothing.

use alloc::vec;
use alloc::vec::Vec;

use crate::aftersale::Case;
use crate::image::{Flat, flat};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::image::{ImageFault, ImagePart, Reading};
use crate::pool::{Pool, linked};
use crate::table::Imaged;
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

/// The cases of all orders in memory.
#[derive(Debug)]
pub(crate) struct Cases {
    rows: Pool<CaseRow>,
    /// That were ever opened.
    cases: u64,
    digest: u64,
}

flat! { CaseRow { case: Case, opened_at: MicrosUtc, changed_at: MicrosUtc, older: u32 } }

linked! { CaseRow { older } }

impl ImagePart for Cases {
    fn put_head(&self, out: &mut Vec<u8>) {
        (self.rows.state(), (self.cases, self.digest)).put(out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        let rows;
        (rows, (self.cases, self.digest)) = from.one()?;
        self.rows.set_state(rows);
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        vec![("cases_max", self.rows.table())]
    }
}

impl Cases {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        (bounds.cases_max * size_of::<CaseRow>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds) -> Cases {
        Cases { rows: Pool::with_rows_max(bounds.cases_max), cases: 0, digest: 0 }
    }

    /// Cases that were ever opened.
    pub(crate) fn count(&self) -> u64 {
        self.cases
    }

    /// [`digest_case`] of every case, summed up.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// Whether one more fits.
    pub(crate) fn has_room(&self, bounds: &LedgerBounds) -> bool {
        self.has_room_for(bounds, 1)
    }

    /// Whether so many more fit.
    pub(crate) fn has_room_for(&self, bounds: &LedgerBounds, cases: usize) -> bool {
        self.rows.used() + cases <= bounds.cases_max
    }

    pub(crate) fn at(&self, slot: u32) -> &CaseRow {
        self.rows.at(slot)
    }

    /// An order's cases from the one in `newest` on, newest first.
    pub(crate) fn newest_first(&self, newest: u32) -> impl Iterator<Item = (u32, &CaseRow)> {
        self.rows.from(newest)
    }

    /// Adds a case. There is room for it.
    pub(crate) fn add(&mut self, at: MicrosUtc, case: Case, older: u32) -> u32 {
        self.cases += 1;
        self.digest = self.digest.wrapping_add(digest_case(&case, at, at));
        self.rows.add(CaseRow { case, opened_at: at, changed_at: at, older })
    }

    /// Adds an order's cases, newest first, which were here before; says where the newest is. There is room for them.
    pub(crate) fn add_all(&mut self, cases: &[CaseRow]) -> u32 {
        self.rows.add_all(cases.iter().copied())
    }

    /// An order leaves memory, whose newest case is this; the sums still count them.
    pub(crate) fn forget_from(&mut self, newest: u32) {
        self.rows.free_from(newest);
    }

    /// The case is this from here.
    pub(crate) fn change(&mut self, slot: u32, at: MicrosUtc, case: Case) {
        let row = self.rows.at_mut(slot);
        let before = digest_case(&row.case, row.opened_at, row.changed_at);
        (row.case, row.changed_at) = (case, at);
        let now = digest_case(&row.case, row.opened_at, row.changed_at);
        self.digest = self.digest.wrapping_sub(before).wrapping_add(now);
    }
}
