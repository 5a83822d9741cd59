//! The shipments in memory: a row each, linked from its order's rare part. Orders without one pay nothing.

use alloc::vec;
use alloc::vec::Vec;

use crate::fact::ShelfUnits;
use crate::ids::OrderId;
use crate::image::{Flat, flat};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::image::{ImageFault, ImagePart, Reading};
use crate::ledger::orders::NONE;
use crate::shipment::{Waybill, Whereabouts};
use crate::table::{Imaged, Table};
use crate::units::{MicrosUtc, Quantity};
use crate::verdict::{digest_note, digest_shipment};

/// A shipment as it lies in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shipment {
    pub(crate) waybill: Waybill,
    pub(crate) at: MicrosUtc,
    /// The order's shipment before this one.
    pub(crate) older: u32,
    pub(crate) number: u16,
    /// Its row of the notes; [`NONE`]: none.
    note: u32,
    /// What went of each line, in the arena; nothing: all of every line.
    sent: Option<SentPlace>,
}

const SHIPMENT_BYTES_MAX: usize = 88;
const _: () = assert!(size_of::<Shipment>() <= SHIPMENT_BYTES_MAX);

#[derive(Clone, Copy, Debug)]
struct SentPlace {
    first: u32,
    count: u16,
}

/// Units that went of one line.
#[derive(Clone, Copy, Debug)]
struct Sent {
    quantity: Quantity,
    /// The line's place in its order.
    line: u16,
}

/// All shipments. Their slots count from 0 in the order in which they were sent.
#[derive(Debug)]
pub(crate) struct Shipments {
    rows: Table<Shipment>,
    sent: Table<Sent>,
    /// The latest of each shipment that has any.
    notes: Table<(MicrosUtc, Whereabouts)>,
    digest: u64,
}

flat! {
    Shipment {
        waybill: Waybill,
        at: MicrosUtc,
        older: u32,
        number: u16,
        note: u32,
        sent: Option<SentPlace>,
    }
    SentPlace { first: u32, count: u16 }
    Sent { quantity: Quantity, line: u16 }
}

impl ImagePart for Shipments {
    fn put_head(&self, out: &mut Vec<u8>) {
        self.digest.put(out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        self.digest = from.one()?;
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        vec![
            ("shipments_max", &mut self.rows),
            ("sent_lines_max", &mut self.sent),
            ("shipments_max", &mut self.notes),
        ]
    }
}

impl Shipments {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        (bounds.shipments_max * (size_of::<Shipment>() + size_of::<(MicrosUtc, Whereabouts)>())
            + bounds.sent_lines_max * size_of::<Sent>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds) -> Shipments {
        Shipments {
            rows: Table::with_rows_max(bounds.shipments_max),
            sent: Table::with_rows_max(bounds.sent_lines_max),
            notes: Table::with_rows_max(bounds.shipments_max),
            digest: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// [`digest_shipment`] of every shipment, summed up.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// Whether one more fits.
    pub(crate) fn has_room(&self, bounds: &LedgerBounds) -> bool {
        self.rows.len() < bounds.shipments_max
    }

    /// Whether so many more lines fit.
    pub(crate) fn has_room_for_lines(&self, bounds: &LedgerBounds, arena_lines: usize) -> bool {
        self.sent.len() + arena_lines <= bounds.sent_lines_max
    }

    /// Lines that go to the arena: none where an order goes at once.
    pub(crate) const fn arena_lines(number: u16, whole: bool, lines: usize) -> usize {
        if number == 1 && whole { 0 } else { lines }
    }

    /// An order's shipments from the one in `newest` on, newest first.
    pub(crate) fn newest_first(&self, newest: u32) -> impl Iterator<Item = &Shipment> {
        let row = |slot: u32| (slot != NONE).then(|| &self.rows[slot as usize]);
        core::iter::successors(row(newest), move |it| row(it.older))
    }

    /// Units that went with this shipment of the line at this place, which has so many.
    pub(crate) fn units(&self, shipment: &Shipment, line: usize, has: Quantity) -> u32 {
        let Some(SentPlace { first, count }) = shipment.sent else { return has.get() };
        let sent = &self.sent[first as usize..first as usize + usize::from(count)];
        // They lie in the order of the lines.
        let found = sent.binary_search_by_key(&line, |it| usize::from(it.line));
        found.map_or(0, |at| sent[at].quantity.get())
    }

    /// Adds a shipment of these units; `places` says of which line each is. There is room for it.
    pub(crate) fn add(
        &mut self,
        order: OrderId,
        shipment: (MicrosUtc, u16, Waybill),
        older: u32,
        units: &[ShelfUnits],
        places: Option<impl Iterator<Item = u16>>,
    ) -> u32 {
        let (at, number, waybill) = shipment;
        let sent = places.map(|places| {
            let sent = units.iter().zip(places).map(|(it, line)| Sent { quantity: it.quantity, line });
            SentPlace { first: self.sent.extend(sent), count: units.len() as u16 }
        });
        self.digest = self.digest.wrapping_add(digest_shipment(order, number, at, &waybill, units));
        self.rows.push(Shipment { waybill, at, older, number, note: NONE, sent })
    }

    /// What a carrier said last, and when.
    pub(crate) fn note(&self, shipment: &Shipment) -> (MicrosUtc, Whereabouts) {
        self.notes.get(shipment.note as usize).copied().unwrap_or((shipment.at, Whereabouts::NONE))
    }

    /// The order's shipment of this number now is where this note says.
    pub(crate) fn set_note(
        &mut self,
        order: OrderId,
        newest: u32,
        number: u16,
        note: (MicrosUtc, Whereabouts),
    ) {
        let slot = self.find(newest, number).expect("notes are about shipments that were sent");
        let at = self.rows[slot as usize].note;
        let before = self.note(&self.rows[slot as usize]);
        if at == NONE {
            self.rows[slot as usize].note = self.notes.len() as u32;
            self.notes.push(note);
        } else {
            self.notes[at as usize] = note;
        }
        let digest = |(at, note): (MicrosUtc, Whereabouts)| digest_note(order, number, at, &note);
        let before = if at == NONE { 0 } else { digest(before) };
        self.digest = self.digest.wrapping_sub(before).wrapping_add(digest(note));
    }

    /// The order's shipment of this number.
    fn find(&self, newest: u32, number: u16) -> Option<u32> {
        let mut slot = newest;
        while slot != NONE && self.rows[slot as usize].number != number {
            slot = self.rows[slot as usize].older;
        }
        (slot != NONE).then_some(slot)
    }
}
