//! Images of a ledger: all that it knows at one instant, as bytes, from which it goes on as if it had never stopped.
//!
//! An image begins with what is small (sums, links, lists of operators), then come the tables, row by row. It is
//! written a piece at a time while the ledger goes on; [`Table`](crate::table::Table) says how. What can be found
//! anew from the rows (the indexes, the calendar of timers) is not in it.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use crate::image::{Flat, ImageSource, Unreadable};
use crate::ledger::orders::NONE;
use crate::ledger::room::PassedBound;
use crate::ledger::{Ledger, LedgerBounds};
use crate::request::Rules;
use crate::table::{Imaged, RowsFault};

/// Of the layout of all rows: another one is another version.
pub(super) const IMAGE_VERSION: u16 = 2;

/// An image that is being written.
#[derive(Debug)]
pub(super) struct Writing {
    /// What is small, as it was at the image's instant, until it is written.
    head: Option<Vec<u8>>,
    /// The table that is being written, counted over all parts.
    table: usize,
}

/// Why no ledger could be made of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFault {
    /// Its source had no more bytes.
    Unreadable,
    /// Bytes in it mean nothing: it is not an image, or damaged.
    Nonsense,
    /// It was written by a newer version of this program, or by one too old.
    Version(u16),
    /// It holds more than the bounds of today allow.
    PassedBound(PassedBound),
}

/// A part of the ledger, as images see it.
pub(super) trait ImagePart {
    /// Appends what is small.
    fn put_head(&self, out: &mut Vec<u8>);

    /// Takes what is small.
    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault>;

    /// Its tables, each with the name of its bound.
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)>;
}

/// Reads values one by one.
pub(super) struct Reading<'a> {
    from: &'a mut dyn ImageSource,
    bytes: Vec<u8>,
    pub(super) bounds: LedgerBounds,
}

impl Ledger {
    /// Begins an image of what the ledger knows now. What is entered from here on is not in it.
    ///
    /// # Panics
    /// Where another one was begun and neither written to its end nor given up.
    pub fn begin_image(&mut self) {
        assert!(self.image.is_none(), "one image at a time");
        let mut head = Vec::new();
        IMAGE_VERSION.put(&mut head);
        self.put_own(&mut head);
        for part in self.parts() {
            part.put_head(&mut head);
        }
        for part in self.parts() {
            part.tables().into_iter().for_each(|(_, table)| table.begin_image());
        }
        self.image = Some(Box::new(Writing { head: Some(head), table: 0 }));
    }

    /// Whether an image was begun and is not written to its end.
    pub fn has_image(&self) -> bool {
        self.image.is_some()
    }

    /// Appends the next piece of the image that was begun to `out`, until that has `bytes` or a few thousand more
    /// (what is small comes in one piece). True: that was the last one.
    pub fn write_image(&mut self, out: &mut Vec<u8>, bytes: usize) -> bool {
        let Some(mut image) = self.image.take() else { return true };
        if let Some(head) = image.head.take() {
            out.extend_from_slice(&head);
        }
        let mut parts = self.parts();
        let mut tables = parts.iter_mut().flat_map(|part| part.tables()).skip(image.table);
        for (_, table) in &mut tables {
            if !table.write_image(out, bytes) {
                drop(tables);
                self.image = Some(image);
                return false;
            }
            image.table += 1;
        }
        true
    }

    /// Gives up the image that was begun, if there is one.
    pub fn give_up_image(&mut self) {
        if self.image.take().is_some() {
            for part in self.parts() {
                part.tables().into_iter().for_each(|(_, table)| table.end_image());
            }
        }
    }

    /// The ledger that an image is of, to which facts that came behind it can be [replayed](Ledger::replay). `seed`
    /// need not be that of the ledger that wrote it.
    ///
    /// # Errors
    /// Where the image is damaged, of another version, or holds more than the bounds allow.
    ///
    /// # Panics
    /// Where [`LedgerBounds::fault`] names something.
    pub fn from_image(
        bounds: LedgerBounds,
        rules: Rules,
        seed: u64,
        from: &mut dyn ImageSource,
    ) -> Result<Ledger, ImageFault> {
        let mut ledger = Ledger::new(bounds, rules, seed);
        let mut reading = Reading::of(from, bounds);
        let version = reading.one()?;
        if version != IMAGE_VERSION {
            return Err(ImageFault::Version(version));
        }
        ledger.take_own(&mut reading)?;
        for part in ledger.parts() {
            part.take_head(&mut reading)?;
        }
        for part in ledger.parts() {
            for (name, table) in part.tables() {
                // Rows of this one are pieces of several bytes.
                let pieces = name == "client_bytes_max";
                let value = if pieces { bounds.client_bytes_max } else { table.rows_max() };
                table.read_image(reading.from).map_err(|fault| match fault {
                    RowsFault::Unreadable => ImageFault::Unreadable,
                    RowsFault::Nonsense => ImageFault::Nonsense,
                    RowsFault::TooMany => ImageFault::PassedBound(PassedBound { name, value }),
                })?;
            }
        }
        ledger.index()?;
        Ok(ledger)
    }

    /// In the order in which they stand in an image.
    pub(super) fn parts(&mut self) -> [&mut dyn ImagePart; 15] {
        // Every field is named: a new one is a part, is written by `put_own`, or is said to be neither.
        let Ledger {
            goods,
            orders,
            payments,
            failed_refunds,
            shipments,
            cases,
            counts,
            holds,
            coupons,
            requests,
            cursors,
            letters,
            freight,
            switches,
            limits,
            // Of the one who reads.
            bounds: _,
            rules: _,
            // Found anew.
            timers: _,
            completions: _,
            clock: _,
            rests: _,
            scratch: _,
            image: _,
            // In `put_own`.
            at: _,
            ids: _,
            can_end: _,
            unopened: _,
            rows_kept: _,
            sums: _,
            at_rest: _,
        } = self;
        [
            goods,
            orders,
            payments,
            failed_refunds,
            shipments,
            cases,
            counts,
            holds,
            coupons,
            requests,
            cursors,
            letters,
            freight,
            switches,
            limits,
        ]
    }

    /// What stands in no part.
    fn put_own(&self, out: &mut Vec<u8>) {
        self.at.put(out);
        self.ids.put(out);
        self.sums.put(out);
        [self.can_end, self.unopened, self.rows_kept].map(|count| count as u64).put(out);
        self.at_rest.put(out);
    }

    pub(super) fn take_own(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        self.at = from.one()?;
        self.clock = self.at;
        self.ids = from.one()?;
        self.sums = from.one()?;
        let counts: [u64; 3] = from.one()?;
        [self.can_end, self.unopened, self.rows_kept] = counts.map(|count| count as usize);
        self.at_rest = from.one()?;
        self.rests = true;
        Ok(())
    }

    /// Finds anew what is not in an image.
    fn index(&mut self) -> Result<(), ImageFault> {
        self.goods.index();
        self.orders.index(&self.bounds)?;
        self.counts.index();
        self.holds.index();
        self.coupons.index();
        self.requests.index(&self.bounds, self.at)?;
        self.timers.index(&self.orders, &self.holds);
        self.orders.delivered().for_each(|(at, slot)| self.completions.add(at, slot));
        Ok(())
    }
}

impl<'a> Reading<'a> {
    /// Values of an image that holds at most so many.
    pub(super) fn of(from: &'a mut dyn ImageSource, bounds: LedgerBounds) -> Reading<'a> {
        Reading { from, bytes: Vec::new(), bounds }
    }

    /// Where they come from.
    pub(super) fn source(&mut self) -> &mut dyn ImageSource {
        self.from
    }
}

impl Reading<'_> {
    /// The next value.
    pub(super) fn one<T: Flat>(&mut self) -> Result<T, ImageFault> {
        self.bytes.clear();
        self.bytes.resize(T::BYTES, 0);
        self.from.fill(&mut self.bytes)?;
        T::take(&mut &self.bytes[..]).ok_or(ImageFault::Nonsense)
    }

    /// The values that [`put_many`] wrote, at most so many.
    pub(super) fn many<T: Flat>(
        &mut self,
        (name, most): (&'static str, usize),
    ) -> Result<impl Iterator<Item = Result<T, ImageFault>>, ImageFault> {
        let count: u64 = self.one()?;
        if count > most as u64 {
            return Err(ImageFault::PassedBound(PassedBound { name, value: most }));
        }
        Ok((0..count).map(|_| self.one()))
    }

    /// The text that [`put_text`] wrote.
    pub(super) fn text(&mut self) -> Result<Box<str>, ImageFault> {
        let bytes: u16 = self.one()?;
        let mut text = vec![0; usize::from(bytes)];
        self.from.fill(&mut text)?;
        let text = alloc::string::String::from_utf8(text).map_err(|_| ImageFault::Nonsense)?;
        Ok(text.into())
    }
}

/// The slots of a table of so many rows that no list of free ones names: where an index finds its rows anew.
pub(super) fn in_use(rows: usize, mut free: u32, next: impl Fn(u32) -> u32) -> impl Iterator<Item = u32> {
    let mut is_free = vec![false; rows];
    while free != NONE {
        is_free[free as usize] = true;
        free = next(free);
    }
    (0..).zip(is_free).filter(|(_, is_free)| !is_free).map(|(slot, _)| slot)
}

/// Appends how many there are, then all of them.
pub(super) fn put_many<T: Flat>(many: impl ExactSizeIterator<Item = T>, out: &mut Vec<u8>) {
    (many.len() as u64).put(out);
    many.for_each(|one| one.put(out));
}

/// Appends a short text.
pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    (text.len() as u16).put(out);
    out.extend_from_slice(text.as_bytes());
}

impl From<Unreadable> for ImageFault {
    fn from(_: Unreadable) -> ImageFault {
        ImageFault::Unreadable
    }
}

impl fmt::Display for ImageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageFault::Unreadable => write!(f, "the image ends before it should"),
            ImageFault::Nonsense => write!(f, "the image holds bytes that mean nothing"),
            ImageFault::Version(version) => {
                write!(f, "the image has version {version}, and this program reads {IMAGE_VERSION}")
            }
            ImageFault::PassedBound(PassedBound { name, value }) => {
                write!(f, "{name} = {value} is less than what the image holds")
            }
        }
    }
}

impl core::error::Error for ImageFault {}
