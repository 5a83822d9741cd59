//! Connections that have not said HELLO yet, the one that waits longest first.
//!
//! A list through the slots, so that each step is O(1) and its memory is that of the connections: whoever greets or
//! goes leaves no trace behind, however fast connections come and go.

use domain::MicrosUtc;

use crate::outlet::Client;

/// Bytes that a connection takes here.
pub(crate) const NEWCOMER_BYTES: usize = size_of::<Place>();

/// Nobody.
const NONE: u32 = u32::MAX;

/// A connection's place in the list.
#[derive(Clone, Copy, Debug)]
struct Place {
    since: MicrosUtc,
    generation: u32,
    earlier: u32,
    later: u32,
    is_in: bool,
}

/// The list, and the places of all slots.
#[derive(Debug)]
pub(crate) struct Newcomers {
    places: Vec<Place>,
    first: u32,
    last: u32,
}

impl Newcomers {
    /// For slots below `max`.
    pub(crate) fn new(max: u32) -> Newcomers {
        Newcomers { places: Vec::with_capacity(max as usize), first: NONE, last: NONE }
    }

    /// Somebody is there. Times do not go back.
    pub(crate) fn add(&mut self, client: Client, since: MicrosUtc) {
        self.remove(client.slot);
        let Client { slot, generation } = client;
        let out = Place { since, generation, earlier: NONE, later: NONE, is_in: false };
        let places = self.places.len().max(slot as usize + 1);
        self.places.resize(places, out);
        self.places[slot as usize] = Place { earlier: self.last, is_in: true, ..out };
        match self.last {
            NONE => self.first = slot,
            last => self.places[last as usize].later = slot,
        }
        self.last = slot;
    }

    /// Whoever has this slot greeted or is gone. Not being in the list is fine.
    pub(crate) fn remove(&mut self, slot: u32) {
        let Some(place) = self.places.get_mut(slot as usize).filter(|place| place.is_in) else { return };
        place.is_in = false;
        let Place { earlier, later, .. } = *place;
        match earlier {
            NONE => self.first = later,
            earlier => self.places[earlier as usize].later = later,
        }
        match later {
            NONE => self.last = earlier,
            later => self.places[later as usize].earlier = earlier,
        }
    }

    /// Who waits longest, and since when.
    #[inline]
    pub(crate) fn first(&self) -> Option<(Client, MicrosUtc)> {
        let Place { since, generation, .. } = *self.places.get(self.first as usize)?;
        Some((Client { slot: self.first, generation }, since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Comes (+ slot) and goes (− slot); who is left, the longest waiting first.
    fn check(steps: &[i64], left: &[u32]) {
        let mut newcomers = Newcomers::new(8);
        for (now, &step) in (1..).zip(steps) {
            if step > 0 {
                newcomers.add(Client { slot: step as u32, generation: now as u32 }, MicrosUtc(now));
            } else {
                newcomers.remove(-step as u32);
            }
        }
        let mut there = Vec::new();
        let mut before = MicrosUtc(0);
        while let Some((client, since)) = newcomers.first() {
            assert!(
                since > before && since.0 == i64::from(client.generation),
                "in the order in which they came"
            );
            before = since;
            there.push(client.slot);
            newcomers.remove(client.slot);
        }
        assert_eq!(there, left, "{steps:?}");
        assert_eq!((newcomers.first, newcomers.last), (NONE, NONE));
    }

    #[test]
    fn who_came_first_is_first_whoever_leaves_in_between() {
        check(&[], &[]);
        check(&[3], &[3]);
        check(&[3, 1, 2], &[3, 1, 2]);
        check(&[3, 1, 2, -3], &[1, 2]); // the first leaves
        check(&[3, 1, 2, -1], &[3, 2]);
        check(&[3, 1, 2, -2], &[3, 1]); // the last leaves
        check(&[3, 1, 2, -2, 2], &[3, 1, 2]);
        check(&[3, 1, -3, -1, 1], &[1]);
        check(&[3, 1, -3, -3, -7], &[1]); // twice, and never there
        check(&[3, 1, 3], &[1, 3]); // the slot's next connection
    }

    #[test]
    fn churn_takes_no_more_memory_than_the_slots() {
        let mut newcomers = Newcomers::new(4);
        newcomers.add(Client { slot: 0, generation: 0 }, MicrosUtc(0)); // silent all the while
        for generation in 0..10_000 {
            newcomers.add(Client { slot: 1, generation }, MicrosUtc(1));
            newcomers.remove(1);
        }
        assert_eq!(newcomers.places.len(), 2);
        assert_eq!(newcomers.first().map(|(client, _)| client.slot), Some(0));
    }
}
