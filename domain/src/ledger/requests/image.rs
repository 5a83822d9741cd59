//! Remembered requests in an image.

use alloc::vec;
use alloc::vec::Vec;

use super::{Change, EMPTY, GENERATIONS, Generation, Halves, Made, OrderIds, Requests, Subject};
use super::{generation_micros, place_of};
use crate::ids::{OrderId, UserId};
use crate::image::{Flat, flat};
use crate::ledger::bounds::LedgerBounds;
use crate::ledger::image::{ImageFault, ImagePart, Reading};
use crate::ledger::room::PassedBound;
use crate::pool::NONE;
use crate::table::Imaged;
use crate::units::MicrosUtc;

flat! {
    Change { who: UserId, id: [u64; 2], body: u64, subject: Subject, next: u32 }
    Made { order: OrderId, hash_and_time: u64, time: u32, next: u32 }
    Generation { head: u32, tail: u32, ids: u32 }
    OrderIds { last_ms: u64, next_sequence: u16 }
}

impl Flat for Subject {
    const BYTES: usize = <(u8, ([u32; 2], u16))>::BYTES;

    fn put(&self, out: &mut Vec<u8>) {
        let mut of_order = 0;
        let (kind, places): (u8, _) = match *self {
            Subject::Order(order) => (1, order.0),
            Subject::Sku(slot) => (2, [slot, 0]),
            Subject::Sale(slot) => (3, [slot, 0]),
            Subject::Freight(slot) => (4, [slot, 0]),
            Subject::Shelf(slot) => (5, [slot, 0]),
            Subject::Hold(slot) => (6, [slot, 0]),
            Subject::Limit => (7, [0, 0]),
            Subject::Switch { version } => (8, [version, 0]),
            Subject::Shelves { from, to } => (9, [from, to]),
            Subject::Payment(payment) => (10, payment.0),
            Subject::Case { order, number } => {
                of_order = number;
                (11, order.0)
            }
            Subject::Letters => (12, [0, 0]),
            Subject::Coupon(slot) => (13, [slot, 0]),
            Subject::CouponTaken(slot) => (14, [slot, 0]),
        };
        (kind, (places, of_order)).put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (kind, ([slot, to], number)) = <(u8, ([u32; 2], u16))>::take(from)?;
        let id = Halves([slot, to]);
        Some(match kind {
            1 => Subject::Order(id),
            2 => Subject::Sku(slot),
            3 => Subject::Sale(slot),
            4 => Subject::Freight(slot),
            5 => Subject::Shelf(slot),
            6 => Subject::Hold(slot),
            7 => Subject::Limit,
            8 => Subject::Switch { version: slot },
            9 => Subject::Shelves { from: slot, to },
            10 => Subject::Payment(id),
            11 => Subject::Case { order: id, number },
            12 => Subject::Letters,
            13 => Subject::Coupon(slot),
            14 => Subject::CouponTaken(slot),
            _ => return None,
        })
    }
}

impl ImagePart for Requests {
    fn put_head(&self, out: &mut Vec<u8>) {
        // What is kept of the hashes is of this key.
        self.key.put(out);
        [self.made.state(), self.changes.state()].put(out);
        (self.generation_micros, self.oldest).put(out);
        self.remembered_from.max(self.forgot_before()).put(out);
        self.leaving.put(out);
        Generation::put_all(&self.generations, out);
    }

    fn take_head(&mut self, from: &mut Reading<'_>) -> Result<(), ImageFault> {
        self.key = from.one()?;
        let [made, changes] = from.one()?;
        self.made.set_state(made);
        self.changes.set_state(changes);
        (self.generation_micros, self.oldest) = from.one()?;
        self.remembered_from = from.one()?;
        self.leaving = from.one()?;
        for generation in &mut self.generations {
            *generation = from.one()?;
        }
        Ok(())
    }

    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Imaged)> {
        vec![("request_ids_max", self.made.table()), ("changes_max", self.changes.table())]
    }
}

impl Requests {
    /// Ids of an earlier time may be forgotten by now: all generations before the oldest are.
    fn forgot_before(&self) -> MicrosUtc {
        MicrosUtc(self.oldest.saturating_mul(self.generation_micros))
    }

    /// Finds the index anew, at the time of the image's last entry. Where the window is another one now, so are its
    /// generations.
    pub(crate) fn index(&mut self, bounds: &LedgerBounds, at: MicrosUtc) -> Result<(), ImageFault> {
        let generation_micros = generation_micros(&self.rules);
        let places = (0..GENERATIONS as i64).map(|behind| place_of(self.oldest.saturating_add(behind)));
        let lists: Vec<u32> = places.map(|place| self.generations[place].head).collect();
        let lists = core::iter::once(self.leaving.head).chain(lists);
        let is_as_before = self.generation_micros == generation_micros;
        if !is_as_before {
            self.generations.fill(EMPTY);
            self.leaving = EMPTY;
            self.generation_micros = generation_micros;
            self.oldest = self.rules.earliest(at).0.div_euclid(generation_micros);
        }
        for mut slot in lists {
            while slot != NONE {
                if self.table.len() == bounds.request_ids_max {
                    let value = bounds.request_ids_max;
                    return Err(ImageFault::PassedBound(PassedBound { name: "request_ids_max", value }));
                }
                self.table.insert(self.tag_and_time(slot).0, slot);
                let next = self.next_of(slot);
                if !is_as_before {
                    self.set_next(slot, NONE);
                    self.link(slot);
                }
                slot = next;
            }
        }
        Ok(())
    }
}
