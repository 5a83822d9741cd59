//! Rows that come and go, each linked to the next of its owner: lines, payments, history and whatever else an order
//! has any number of.
//!
//! All rows of one kind lie in one table, and a free one serves the next that comes, whoever its owner is. Rows are
//! taken one by one, so no room is ever lost between them.

use crate::image::Flat;
use crate::table::Table;

/// Stands for «no slot» wherever rows are linked.
pub(crate) const NONE: u32 = u32::MAX;

/// A row that knows the next one of its owner.
pub(crate) trait Linked {
    /// Where that is; [`NONE`]: there is none.
    fn next(&self) -> u32;

    /// It is there from here.
    fn set_next(&mut self, next: u32);
}

/// Rows whose link is a field.
macro_rules! linked {
    ($($row:ty { $link:ident })+) => {
        $(impl $crate::pool::Linked for $row {
            #[inline]
            fn next(&self) -> u32 {
                self.$link
            }

            #[inline]
            fn set_next(&mut self, next: u32) {
                self.$link = next;
            }
        })+
    };
}
pub(crate) use linked;

/// Rows of all owners.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    rows: Table<T>,
    /// The first of the rows that nobody has.
    free: u32,
    used: usize,
}

impl<T: Linked + Clone> Pool<T> {
    /// An empty pool whose rows never move. Its memory becomes real as it is used.
    pub(crate) fn with_rows_max(rows_max: usize) -> Pool<T> {
        Pool { rows: Table::with_rows_max(rows_max), free: NONE, used: 0 }
    }

    /// Rows that somebody has.
    #[inline]
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    #[inline]
    pub(crate) fn at(&self, slot: u32) -> &T {
        &self.rows[slot as usize]
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, slot: u32) -> &mut T {
        &mut self.rows[slot as usize]
    }

    /// Adds a row, and says where. There is room for it.
    #[inline]
    pub(crate) fn add(&mut self, row: T) -> u32 {
        self.used += 1;
        if self.free == NONE {
            return self.rows.push(row);
        }
        let slot = self.free;
        self.free = self.at(slot).next();
        *self.at_mut(slot) = row;
        slot
    }

    /// Adds rows that follow each other in this order, and says where the first is; [`NONE`]: there are none. There
    /// is room for them.
    pub(crate) fn add_all(&mut self, rows: impl DoubleEndedIterator<Item = T>) -> u32 {
        rows.rev().fold(NONE, |next, mut row| {
            row.set_next(next);
            self.add(row)
        })
    }

    /// The rows from this one on; [`NONE`] has none.
    #[inline]
    pub(crate) fn from(&self, first: u32) -> impl Iterator<Item = (u32, &T)> {
        let row = |slot: u32| (slot != NONE).then(|| (slot, self.at(slot)));
        core::iter::successors(row(first), move |(_, it)| row(it.next()))
    }

    /// Nobody has the rows from this one on any more.
    pub(crate) fn free_from(&mut self, first: u32) {
        let mut slot = first;
        while slot != NONE {
            let free = self.free;
            let row = self.at_mut(slot);
            let next = row.next();
            row.set_next(free);
            self.free = slot;
            self.used -= 1;
            slot = next;
        }
    }
}

/// In an image the rows stand in a table, and this stands in what is small.
impl<T: Flat + Linked + Clone> Pool<T> {
    pub(crate) fn state(&self) -> (u32, u64) {
        (self.free, self.used as u64)
    }

    pub(crate) fn set_state(&mut self, (free, used): (u32, u64)) {
        (self.free, self.used) = (free, used as usize);
    }

    pub(crate) fn table(&mut self) -> &mut Table<T> {
        &mut self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[derive(Clone, Debug)]
    struct Row(u8, u32);

    impl Linked for Row {
        fn next(&self) -> u32 {
            self.1
        }

        fn set_next(&mut self, next: u32) {
            self.1 = next;
        }
    }

    fn rows(of: &[u8]) -> impl DoubleEndedIterator<Item = Row> {
        of.iter().map(|&it| Row(it, NONE))
    }

    fn read(pool: &Pool<Row>, first: u32) -> Vec<u8> {
        pool.from(first).map(|(_, row)| row.0).collect()
    }

    #[test]
    fn rows_of_one_owner_serve_others_once_it_has_gone() {
        let mut pool = Pool::with_rows_max(5);
        let (one, other) = (pool.add_all(rows(b"abc")), pool.add_all(rows(b"de")));
        assert_eq!((read(&pool, one), read(&pool, other)), (b"abc".to_vec(), b"de".to_vec()));
        pool.free_from(one);
        assert_eq!((pool.used(), read(&pool, NONE)), (2, Vec::new()));
        let third = pool.add_all(rows(b"xyz"));
        assert_eq!((read(&pool, third), read(&pool, other)), (b"xyz".to_vec(), b"de".to_vec()));
        assert_eq!(pool.used(), 5);
        let newest = pool.add_all(rows(b""));
        assert_eq!(newest, NONE);
    }
}
