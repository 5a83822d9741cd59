//! The shipments in memory: a row each, linked from its order's rare part. Orders without one pay nothing.

use alloc::vec;
use alloc::vec::Vec;

use crate::fact::{Line, ShelfUnits};
use crate::ids::OrderId;
use crate::image::{Flat, flat};
use crate::ledger::balance::ShipmentBalance;
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::image::{ImageFault, ImagePart, Reading};
use crate::ledger::rest::{put_counted, take_counted};
use crate::pool::{NONE, Pool, linked};
use crate::shipment::{Waybill, Whereabouts};
use crate::table::Imaged;
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
    /// What went of each line; [`NONE`]: all of every line.
    sent: u32,
}

const SHIPMENT_BYTES_MAX: usize = 88;
const _: () = assert!(size_of::<Shipment>() <= SHIPMENT_BYTES_MAX);

/// Units that went of one line.
#[derive(Clone, Copy, Debug)]
struct Sent {
    quantity: Quantity,
    /// The line's place in its order.
    line: u16,
    next: u32,
}

/// What a carrier said last of a shipment.
#[derive(Clone, Copy, Debug)]
struct Note {
    at: MicrosUtc,
    whereabouts: Whereabouts,
    /// Of the free ones; a shipment has one at most.
    next: u32,
}

/// A shipment with all that is known of it, as it rests.
#[derive(Clone, Debug)]
pub(crate) struct ShipmentRecord {
    row: Shipment,
    /// Nothing: all of every line.
    sent: Option<Vec<Sent>>,
    note: Option<Note>,
}

impl ShipmentRecord {
    /// Takes those of an order, newest first.
    pub(crate) fn take_all(from: &mut &[u8]) -> Option<Vec<ShipmentRecord>> {
        let rows: Vec<Shipment> = take_counted(from)?;
        rows.into_iter()
            .map(|row| {
                let sent = if bool::take(from)? { Some(take_counted(from)?) } else { None };
                Some(ShipmentRecord { row, sent, note: Flat::take(from)? })
            })
            .collect()
    }
}

impl ShipmentRecord {
    /// The shipment of an order with these lines. Nothing where it names a line that is not there.
    pub(crate) fn balance(&self, lines: &[Line]) -> Option<ShipmentBalance> {
        let units = |line: &Line, quantity| ShelfUnits { sku: line.sku, warehouse: line.warehouse, quantity };
        let units = match &self.sent {
            None => lines.iter().map(|line| units(line, line.quantity)).collect(),
            Some(sent) => {
                let went = |it: &Sent| Some(units(lines.get(usize::from(it.line))?, it.quantity));
                sent.iter().map(went).collect::<Option<_>>()?
            }
        };
        let Shipment { waybill, at, number, .. } = self.row;
        let note = self.note.map(|note| (note.at, note.whereabouts));
        Some(ShipmentBalance { number, at, waybill, units, note })
    }
}

/// The shipments of all orders in memory.
#[derive(Debug)]
pub(crate) struct Shipments {
    rows: Pool<Shipment>,
    sent: Pool<Sent>,
    /// The latest of each shipment that has any.
    notes: Pool<Note>,
    /// That were ever sent.
    shipments: u64,
    digest: u64,
}

flat! {
    Shipment {
        waybill: Waybill,
        at: MicrosUtc,
        older: u32,
        number: u16,
        note: u32,
        sent: u32,
    }
    Sent { quantity: Quantity, line: u16, next: u32 }
    Note { at: MicrosUtc, whereabouts: Whereabouts, next: u32 }
}

linked! { Shipment { older } Sent { next } Note { next } }

impl ImagePart for Shipments {
    fn put_head(&self, out: &mut Vec<u8>) {
        [self.rows.state(), self.sent.state(), self.notes.state()].put(out);
        (self.shipments, self.digest).put(out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        let [rows, sent, notes] = from.one()?;
        self.rows.set_state(rows);
        self.sent.set_state(sent);
        self.notes.set_state(notes);
        (self.shipments, self.digest) = from.one()?;
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        vec![
            ("shipments_max", self.rows.table()),
            ("sent_lines_max", self.sent.table()),
            ("shipments_max", self.notes.table()),
        ]
    }
}

impl Shipments {
    pub(crate) const fn bytes(bounds: &LedgerBounds) -> u64 {
        (bounds.shipments_max * (size_of::<Shipment>() + size_of::<Note>())
            + bounds.sent_lines_max * size_of::<Sent>()) as u64
    }

    pub(crate) fn new(bounds: &LedgerBounds) -> Shipments {
        Shipments {
            rows: Pool::with_rows_max(bounds.shipments_max),
            sent: Pool::with_rows_max(bounds.sent_lines_max),
            notes: Pool::with_rows_max(bounds.shipments_max),
            shipments: 0,
            digest: 0,
        }
    }

    /// Shipments that were ever sent.
    pub(crate) fn count(&self) -> u64 {
        self.shipments
    }

    /// [`digest_shipment`] of every shipment, summed up.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// Whether one more fits.
    pub(crate) fn has_room(&self, bounds: &LedgerBounds) -> bool {
        self.rows.used() < bounds.shipments_max
    }

    /// Whether so many more lines fit.
    pub(crate) fn has_room_for_lines(&self, bounds: &LedgerBounds, arena_lines: usize) -> bool {
        self.sent.used() + arena_lines <= bounds.sent_lines_max
    }

    /// Lines that go to the arena: none where an order goes at once.
    pub(crate) const fn arena_lines(number: u16, whole: bool, lines: usize) -> usize {
        if number == 1 && whole { 0 } else { lines }
    }

    /// An order's shipments from the one in `newest` on, newest first.
    pub(crate) fn newest_first(&self, newest: u32) -> impl Iterator<Item = &Shipment> {
        self.rows.from(newest).map(|(_, row)| row)
    }

    /// Units that went with this shipment of the line at this place, which has so many.
    pub(crate) fn units(&self, shipment: &Shipment, line: usize, has: Quantity) -> u32 {
        if shipment.sent == NONE {
            return has.get();
        }
        let found = self.sent.from(shipment.sent).find(|(_, it)| usize::from(it.line) == line);
        found.map_or(0, |(_, it)| it.quantity.get())
    }

    /// Adds a shipment of these units; `places` says of which line each is. There is room for it.
    pub(crate) fn add(
        &mut self,
        order: OrderId,
        shipment: (MicrosUtc, u16, Waybill),
        older: u32,
        units: &[ShelfUnits],
        places: Option<impl DoubleEndedIterator<Item = u16> + ExactSizeIterator>,
    ) -> u32 {
        let (at, number, waybill) = shipment;
        let sent = places.map_or(NONE, |places| {
            let row = |(it, line): (&ShelfUnits, u16)| Sent { quantity: it.quantity, line, next: NONE };
            self.sent.add_all(units.iter().zip(places).map(row))
        });
        self.shipments += 1;
        self.digest = self.digest.wrapping_add(digest_shipment(order, number, at, &waybill, units));
        self.rows.add(Shipment { waybill, at, older, number, note: NONE, sent })
    }

    /// Appends an order's shipments from the one in `newest` on, newest first.
    pub(crate) fn put_records(&self, newest: u32, out: &mut Vec<u8>) {
        put_counted(self.newest_first(newest).copied(), out);
        for row in self.newest_first(newest) {
            (row.sent != NONE).put(out);
            if row.sent != NONE {
                put_counted(self.sent.from(row.sent).map(|(_, it)| *it), out);
            }
            self.notes.from(row.note).next().map(|(_, it)| *it).put(out);
        }
    }

    /// Whether an order's shipments fit.
    pub(crate) fn has_room_for_records(&self, bounds: &LedgerBounds, records: &[ShipmentRecord]) -> bool {
        let sent = records.iter().flat_map(|it| &it.sent).map(Vec::len).sum();
        self.rows.used() + records.len() <= bounds.shipments_max && self.has_room_for_lines(bounds, sent)
    }

    /// Adds an order's shipments, newest first, which were here before; says where the newest is. There is room for
    /// them.
    pub(crate) fn add_all(&mut self, records: &[ShipmentRecord]) -> u32 {
        records.iter().rev().fold(NONE, |older, record| {
            let sent = record.sent.iter().flat_map(|it| it.iter().copied().rev());
            let sent = sent.fold(NONE, |next, it| self.sent.add(Sent { next, ..it }));
            let note = record.note.map_or(NONE, |note| self.notes.add(Note { next: NONE, ..note }));
            self.rows.add(Shipment { older, note, sent, ..record.row })
        })
    }

    /// An order leaves memory, whose newest shipment is this; the sums still count them.
    pub(crate) fn forget_from(&mut self, newest: u32) {
        let mut slot = newest;
        while slot != NONE {
            let Shipment { sent, note, older, .. } = *self.rows.at(slot);
            self.sent.free_from(sent);
            self.notes.free_from(note);
            slot = older;
        }
        self.rows.free_from(newest);
    }

    /// What a carrier said last, and when.
    pub(crate) fn note(&self, shipment: &Shipment) -> (MicrosUtc, Whereabouts) {
        let note = self.notes.from(shipment.note).next();
        note.map_or((shipment.at, Whereabouts::NONE), |(_, note)| (note.at, note.whereabouts))
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
        let at = self.rows.at(slot).note;
        let before = self.note(self.rows.at(slot));
        let row = Note { at: note.0, whereabouts: note.1, next: NONE };
        if at == NONE {
            self.rows.at_mut(slot).note = self.notes.add(row);
        } else {
            *self.notes.at_mut(at) = row;
        }
        let digest = |(at, note): (MicrosUtc, Whereabouts)| digest_note(order, number, at, &note);
        let before = if at == NONE { 0 } else { digest(before) };
        self.digest = self.digest.wrapping_sub(before).wrapping_add(digest(note));
    }

    /// The order's shipment of this number.
    fn find(&self, newest: u32, number: u16) -> Option<u32> {
        self.rows.from(newest).find(|(_, it)| it.number == number).map(|(slot, _)| slot)
    }
}
