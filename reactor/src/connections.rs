//! The table of a reactor's connections: a place each, used again under a new name.

use std::os::fd::OwnedFd;

use crate::bounds::CONNECTION_BYTES;
use crate::service::Connection;

/// Places by slot.
#[derive(Debug)]
pub(crate) struct Connections {
    places: Vec<Place>,
    free: Vec<u32>,
    max: usize,
    live: usize,
}

/// One connection, or the room for one.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) generation: u32,
    pub(crate) phase: Phase,
    /// There unless free. Open until no operation on it is left, so that none can hit a descriptor used again.
    pub(crate) socket: Option<OwnedFd>,
    /// A receive is armed: completions of it will come.
    pub(crate) receiving: bool,
    /// The other side has sent its last byte.
    pub(crate) input_over: bool,
    /// Our last byte has been sent, and the other side was told so.
    pub(crate) output_over: bool,
    /// Somebody looks at it before the turn ends: it has something to send.
    pub(crate) dirty: bool,
    /// Length of the send under way; 0: none.
    pub(crate) sending_bytes: usize,
    /// Received, and waiting for the rest of its message.
    pub(crate) carry: Vec<u8>,
    /// Written, and waiting for the end of the turn or of the send under way.
    pub(crate) out: Vec<u8>,
}

/// Where a connection is in its life. It only moves down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Free,
    /// Bytes go both ways.
    Open,
    /// The service has ended it: what was written leaves, what still comes is thrown away.
    Closing,
    /// Nothing goes any more; it is gone when the last operation on it has completed.
    Dead,
}

const _: () = assert!(size_of::<Place>() + 2 * size_of::<u32>() + 128 <= CONNECTION_BYTES);

impl Connections {
    pub(crate) fn new(max: usize) -> Connections {
        Connections { places: Vec::new(), free: Vec::new(), max, live: 0 }
    }

    /// A place for a socket; full: the socket back.
    pub(crate) fn insert(&mut self, socket: OwnedFd) -> Result<Connection, OwnedFd> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.places.len() < self.max => {
                self.places.push(Place::free());
                self.places.len() as u32 - 1
            }
            None => return Err(socket),
        };
        let place = &mut self.places[slot as usize];
        place.socket = Some(socket);
        place.phase = Phase::Open;
        self.live += 1;
        Ok(Connection { slot, generation: place.generation })
    }

    /// The place of a name that is still good.
    pub(crate) fn get(&mut self, connection: Connection) -> Option<&mut Place> {
        let place = self.places.get_mut(connection.slot as usize)?;
        (place.generation == connection.generation && place.phase != Phase::Free).then_some(place)
    }

    /// The same, to look only.
    pub(crate) fn peek(&self, connection: Connection) -> Option<&Place> {
        let place = self.places.get(connection.slot as usize)?;
        (place.generation == connection.generation && place.phase != Phase::Free).then_some(place)
    }

    /// Frees the place and closes the socket. Its buffers come back.
    pub(crate) fn remove(&mut self, connection: Connection) -> Option<[Vec<u8>; 2]> {
        let place = self.get(connection)?;
        debug_assert!(!place.receiving && place.sending_bytes == 0, "the kernel is done with it");
        let generation = place.generation;
        let Place { carry, out, .. } = std::mem::replace(place, Place::free());
        if generation < Connection::GENERATION_MAX {
            place.generation = generation + 1;
            self.free.push(connection.slot);
        }
        self.live -= 1;
        Some([carry, out])
    }

    /// Connections that have a place.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// The name of the connection in a slot, for walks over all of `0..slots()`.
    pub(crate) fn name(&self, slot: usize) -> Option<Connection> {
        let place = &self.places[slot];
        (place.phase != Phase::Free).then_some(Connection { slot: slot as u32, generation: place.generation })
    }

    /// Slots ever used.
    pub(crate) fn slots(&self) -> usize {
        self.places.len()
    }
}

impl Place {
    fn free() -> Place {
        Place {
            generation: 0,
            phase: Phase::Free,
            socket: None,
            receiving: false,
            input_over: false,
            output_over: false,
            dirty: false,
            sending_bytes: 0,
            carry: Vec::new(),
            out: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> OwnedFd {
        std::fs::File::open("/dev/null").unwrap().into()
    }

    #[test]
    fn a_place_is_used_again_a_name_never() {
        let mut table = Connections::new(2);
        let first = table.insert(socket()).unwrap();
        let other = table.insert(socket()).unwrap();
        assert!(table.insert(socket()).is_err(), "full");
        assert_ne!(first, other);

        assert!(table.remove(first).is_some());
        assert!(table.get(first).is_none() && table.peek(first).is_none() && table.remove(first).is_none());
        let again = table.insert(socket()).unwrap();
        assert_eq!(again.slot, first.slot);
        assert_ne!(again, first);
        assert!(table.get(first).is_none(), "the old name stays dead");
        assert_eq!(table.live(), 2);
    }

    #[test]
    fn a_place_whose_names_are_used_up_rests() {
        let mut table = Connections::new(1);
        let first = table.insert(socket()).unwrap();
        table.remove(first);
        table.places[0].generation = Connection::GENERATION_MAX;
        let last = table.insert(socket()).unwrap();
        assert_eq!(last.generation, Connection::GENERATION_MAX);
        table.remove(last);
        assert!(table.insert(socket()).is_err());
        assert!(table.get(first).is_none());
    }

    #[test]
    fn a_name_from_elsewhere_is_nobody() {
        let mut table = Connections::new(1);
        assert!(table.get(Connection { slot: 7, generation: 0 }).is_none());
        let one = table.insert(socket()).unwrap();
        assert!(table.get(Connection { generation: 1, ..one }).is_none());
        assert_eq!(table.name(0), Some(one));
    }
}
