//! Rows of one kind, numbered from 0, which an image can be made of while they change.
//!
//! An image is of one instant, and is written a piece at a time, so that nobody waits for it. Rows lie in chunks: who
//! changes a row for the first time after that instant first keeps a copy of its chunk, unless the chunk was written
//! already. At most the whole table is kept once; in practice what is touched while the image is written.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::{Deref, Index, IndexMut, Range};
use core::slice::SliceIndex;

use crate::image::{Flat, ImageSource, Unreadable};

/// Bytes of a chunk, about: few enough to be copied in passing.
const CHUNK_BYTES: usize = 4_096;

/// The rows. They are read like a slice; changing one goes through the index, which sees to images.
#[derive(Debug)]
pub(crate) struct Table<T> {
    rows: Vec<T>,
    rows_max: usize,
    image: Option<Box<Image<T>>>,
}

/// An image on its way.
#[derive(Debug)]
struct Image<T> {
    /// Rows at its instant.
    rows: usize,
    /// Whether it was said how many.
    begun: bool,
    /// The first chunk that is not written yet.
    next: usize,
    /// Chunks as they were, where they changed since and are not written yet.
    kept: Vec<Option<Box<[T]>>>,
}

/// Why rows could not be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowsFault {
    /// The source ended.
    Unreadable,
    /// They mean nothing.
    Nonsense,
    /// They are more than fit.
    TooMany,
}

impl<T> Table<T> {
    const ROWS_A_CHUNK: usize = if size_of::<T>() > CHUNK_BYTES { 1 } else { CHUNK_BYTES / size_of::<T>() };

    /// An empty table whose rows never move. Its memory becomes real as it is used.
    pub(crate) fn with_rows_max(rows_max: usize) -> Table<T> {
        Table { rows: Vec::with_capacity(rows_max), rows_max, image: None }
    }

    /// Adds a row behind all others, and says where. There is room for it.
    #[inline]
    pub(crate) fn push(&mut self, row: T) -> u32 {
        assert!(self.rows.len() < self.rows_max, "room for a row was looked for");
        self.rows.push(row);
        self.rows.len() as u32 - 1
    }

    /// The rows of a chunk, of a table of so many rows.
    fn span(chunk: usize, rows: usize) -> Range<usize> {
        let first = chunk * Self::ROWS_A_CHUNK;
        first..rows.min(first + Self::ROWS_A_CHUNK)
    }
}

impl<T: Clone> Table<T> {
    /// Keeps a copy of this row's chunk, if the image needs it.
    #[cold]
    #[inline(never)]
    fn keep(&mut self, row: usize) {
        let Some(image) = &mut self.image else { return };
        let chunk = row / Self::ROWS_A_CHUNK;
        if chunk < image.next {
            return;
        }
        // Rows behind those of the image lie in chunks that it does not have, or behind its rows of the last one.
        if let Some(kept @ None) = image.kept.get_mut(chunk) {
            *kept = Some(self.rows[Self::span(chunk, image.rows)].into());
        }
    }
}

impl<T> Deref for Table<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.rows
    }
}

impl<T, I: SliceIndex<[T]>> Index<I> for Table<T> {
    type Output = I::Output;

    #[inline]
    fn index(&self, at: I) -> &I::Output {
        &self.rows[at]
    }
}

impl<T: Clone> IndexMut<usize> for Table<T> {
    #[inline]
    fn index_mut(&mut self, row: usize) -> &mut T {
        if self.image.is_some() {
            self.keep(row);
        }
        &mut self.rows[row]
    }
}

/// What images are made of and made into: tables, whatever their rows are.
pub(crate) trait Imaged {
    /// The image is of this instant.
    fn begin_image(&mut self);

    /// Appends how many rows there are, then rows, until `out` has `bytes` or more; true: those were the last ones.
    fn write_image(&mut self, out: &mut Vec<u8>, bytes: usize) -> bool;

    /// There will be no more of this image.
    fn end_image(&mut self);

    /// Reads what was written, into an empty table.
    fn read_image(&mut self, from: &mut dyn ImageSource) -> Result<(), RowsFault>;

    /// Passes over what was written, and says how many rows it was.
    fn pass_image(&self, from: &mut dyn ImageSource) -> Result<u64, RowsFault>;

    /// Rows that fit.
    fn rows_max(&self) -> usize;
}

impl<T: Flat + Clone> Imaged for Table<T> {
    fn begin_image(&mut self) {
        let rows = self.rows.len();
        let kept = vec![const { None }; rows.div_ceil(Self::ROWS_A_CHUNK)];
        self.image = Some(Box::new(Image { rows, begun: false, next: 0, kept }));
    }

    fn write_image(&mut self, out: &mut Vec<u8>, bytes: usize) -> bool {
        let Some(image) = &mut self.image else { return true };
        if !image.begun {
            (image.rows as u64).put(out);
            image.begun = true;
        }
        while image.next < image.kept.len() && out.len() < bytes {
            match image.kept[image.next].take() {
                Some(kept) => T::put_all(&kept, out),
                None => T::put_all(&self.rows[Self::span(image.next, image.rows)], out),
            }
            image.next += 1;
        }
        let done = image.next == image.kept.len();
        if done {
            self.image = None;
        }
        done
    }

    fn end_image(&mut self) {
        self.image = None;
    }

    fn read_image(&mut self, from: &mut dyn ImageSource) -> Result<(), RowsFault> {
        let mut count = [0; u64::BYTES];
        from.fill(&mut count)?;
        let mut left = u64::from_le_bytes(count);
        if left > self.rows_max as u64 {
            return Err(RowsFault::TooMany);
        }
        let mut bytes = vec![0; Self::ROWS_A_CHUNK * T::BYTES];
        while left > 0 {
            let rows = left.min(Self::ROWS_A_CHUNK as u64) as usize;
            let bytes = &mut bytes[..rows * T::BYTES];
            from.fill(bytes)?;
            let rest = &mut &bytes[..];
            for _ in 0..rows {
                self.rows.push(T::take(rest).ok_or(RowsFault::Nonsense)?);
            }
            left -= rows as u64;
        }
        Ok(())
    }

    fn pass_image(&self, from: &mut dyn ImageSource) -> Result<u64, RowsFault> {
        let mut count = [0; u64::BYTES];
        from.fill(&mut count)?;
        let rows = u64::from_le_bytes(count);
        let mut left = rows;
        let mut bytes = vec![0; Self::ROWS_A_CHUNK * T::BYTES];
        while left > 0 {
            let rows = left.min(Self::ROWS_A_CHUNK as u64);
            from.fill(&mut bytes[..rows as usize * T::BYTES])?;
            left -= rows;
        }
        Ok(rows)
    }

    fn rows_max(&self) -> usize {
        self.rows_max
    }
}

impl From<Unreadable> for RowsFault {
    fn from(_: Unreadable) -> RowsFault {
        RowsFault::Unreadable
    }
}
