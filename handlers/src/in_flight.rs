//! Requests that the store has not answered: who asked, and where the answer goes.

use domain::TraceId;
use protocol::{Flags, Kind, Meta};
use storage::{Share, Ticket};

use crate::events::Row;
use crate::outlet::Client;

/// Bytes that an unanswered request takes.
pub(crate) const PENDING_BYTES: usize = size_of::<Slot>();
const NONE: u32 = u32::MAX;

/// A request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) client: Client,
    pub(crate) correlation: u64,
    pub(crate) trace: TraceId,
    pub(crate) place: Place,
}

/// Where its answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A frame of its own, answering a request of this kind.
    Frame(Kind),
    /// A frame of its own; what it asked is watched at this row of the refusals.
    Watched { kind: Kind, row: Row },
    /// An item of a BATCH; what it asked may be watched, at this row of the refusals.
    Item { batch: u32, item: u32, watched: Option<Row> },
    /// A subscription that begins at a named cursor.
    Subscribe,
    /// The desk that audits.
    Audit,
}

impl Pending {
    /// The header of the answer.
    pub(crate) const fn meta(&self, retry_after_ms: u32) -> Meta {
        Meta {
            flags: Flags::NONE,
            time_ms: retry_after_ms,
            correlation: self.correlation,
            trace: self.trace.0,
        }
    }
}

/// A slab of them: never more than its bound, and a ticket names a request once.
#[derive(Debug)]
pub(crate) struct InFlight {
    slots: Vec<Slot>,
    first_free: u32,
    len: u32,
    max: u32,
    reserved: u32,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// How often the slot was used: the upper half of its tickets.
    uses: u32,
    holds: Holds,
}

#[derive(Clone, Copy, Debug)]
enum Holds {
    Request(Pending),
    Free { next: u32 },
}

impl InFlight {
    /// At most `max`, of which the last `reserved` are for [`Share::Reserved`].
    pub(crate) fn new(max: u32, reserved: u32) -> InFlight {
        InFlight { slots: Vec::with_capacity(max as usize), first_free: NONE, len: 0, max, reserved }
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// A ticket for a request; nothing when all places of this share are taken.
    pub(crate) fn insert(&mut self, share: Share, pending: Pending) -> Option<Ticket> {
        let max = match share {
            Share::Any => self.max - self.reserved,
            Share::Reserved => self.max,
        };
        if self.len >= max {
            return None;
        }
        self.len += 1;
        if self.first_free == NONE {
            let place = self.slots.len() as u32;
            self.slots.push(Slot { uses: 0, holds: Holds::Request(pending) });
            return Some(ticket(place, 0));
        }
        let place = self.first_free;
        let slot = &mut self.slots[place as usize];
        let Holds::Free { next } = slot.holds else { unreachable!("the free list holds free slots") };
        self.first_free = next;
        slot.holds = Holds::Request(pending);
        Some(ticket(place, slot.uses))
    }

    /// Takes the request out. Panics for a ticket that is not out: the store answers each once, and an answer
    /// given to the wrong client would be worse than a stop.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Pending {
        let (place, uses) = (ticket.0 as u32, (ticket.0 >> 32) as u32);
        let slot = &mut self.slots[place as usize];
        assert_eq!(slot.uses, uses, "the store answered a ticket twice");
        let Holds::Request(pending) = slot.holds else { unreachable!("a ticket out names a request") };
        *slot = Slot { uses: uses.wrapping_add(1), holds: Holds::Free { next: self.first_free } };
        self.first_free = place;
        self.len -= 1;
        pending
    }
}

const fn ticket(place: u32, uses: u32) -> Ticket {
    Ticket((uses as u64) << 32 | place as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(correlation: u64) -> Pending {
        let client = Client { slot: 1, generation: 2 };
        Pending { client, correlation, trace: TraceId(3), place: Place::Frame(Kind::Create) }
    }

    #[test]
    fn a_full_table_keeps_its_reserved_places_and_gives_places_back() {
        let mut table = InFlight::new(3, 1);
        let first = table.insert(Share::Any, asked(1)).unwrap();
        let second = table.insert(Share::Any, asked(2)).unwrap();
        assert_eq!(table.insert(Share::Any, asked(3)), None);
        let third = table.insert(Share::Reserved, asked(3)).unwrap();
        assert_eq!(table.insert(Share::Reserved, asked(4)), None);

        assert_eq!(table.remove(second).correlation, 2);
        let again = table.insert(Share::Reserved, asked(5)).unwrap();
        assert_ne!(again, second, "a ticket is never used twice");
        for (ticket, correlation) in [(again, 5), (first, 1), (third, 3)] {
            assert_eq!(table.remove(ticket).correlation, correlation);
        }
        assert_eq!(table.len(), 0);
    }
}
