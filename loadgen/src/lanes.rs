//! The connections of a run and what is in flight on each.

use reactor::Connection;

use crate::errands::Errand;
use crate::life::Act;

/// A request in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) what: What,
    /// Of the order; of a price, the place of its sku.
    pub(crate) number: u64,
    pub(crate) units: u64,
    /// Where its order lives; see `Basket`.
    pub(crate) place: u32,
    /// From when its latency counts, nanoseconds since the start.
    pub(crate) since_ns: u64,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Order,
    /// An order for the second time.
    Again,
    /// What is next for an order under way.
    Act(Act),
    /// A request that stands for itself.
    Errand(Errand),
    /// A price to be set.
    Price,
}

/// As many lanes as connections are wanted; each has one, or waits for one.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    /// The lane of a connection, by its slot in the reactor.
    of_slot: Vec<u32>,
    /// Lanes that wait for a connection.
    waiting: Vec<u32>,
    in_flight: usize,
    /// Where the search for room begins.
    next: u32,
}

#[derive(Debug)]
struct Lane {
    connection: Option<Connection>,
    places: Vec<Option<Sent>>,
    /// Places without a request.
    free: Vec<u32>,
}

const NO_LANE: u32 = u32::MAX;

impl Lanes {
    /// `connections` lanes, `pipeline` requests in flight on each, over reactor slots below `slots`.
    pub(crate) fn new(connections: u32, pipeline: u32, slots: usize) -> Lanes {
        let lane = || Lane {
            connection: None,
            places: vec![None; pipeline as usize],
            // The lowest place on top.
            free: (0..pipeline).rev().collect(),
        };
        Lanes {
            lanes: (0..connections).map(|_| lane()).collect(),
            of_slot: vec![NO_LANE; slots],
            waiting: (0..connections).rev().collect(),
            in_flight: 0,
            next: 0,
        }
    }

    /// How many lanes there are.
    pub(crate) fn count(&self) -> u32 {
        self.lanes.len() as u32
    }

    pub(crate) fn connected(&self) -> u32 {
        (self.lanes.len() - self.waiting.len()) as u32
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Gives a lane that waits to a connection. Nothing: none waits.
    pub(crate) fn join(&mut self, connection: Connection) -> Option<u32> {
        let of_slot = self.of_slot.get_mut(connection.slot as usize)?;
        let lane = self.waiting.pop()?;
        *of_slot = lane;
        self.lanes[lane as usize].connection = Some(connection);
        Some(lane)
    }

    /// The lane of a connection that has gone; it waits for another one.
    pub(crate) fn leave(&mut self, connection: Connection) -> Option<u32> {
        let lane = self.of(connection)?;
        self.of_slot[connection.slot as usize] = NO_LANE;
        self.lanes[lane as usize].connection = None;
        self.waiting.push(lane);
        Some(lane)
    }

    pub(crate) fn of(&self, connection: Connection) -> Option<u32> {
        let lane = *self.of_slot.get(connection.slot as usize)?;
        let is_its = self.lanes.get(lane as usize)?.connection == Some(connection);
        is_its.then_some(lane)
    }

    pub(crate) fn connection(&self, lane: u32) -> Option<Connection> {
        self.lanes[lane as usize].connection
    }

    pub(crate) fn has_room(&self, lane: u32) -> bool {
        !self.lanes[lane as usize].free.is_empty()
    }

    /// The next lane, going round, that is connected and has room.
    pub(crate) fn next_with_room(&mut self) -> Option<u32> {
        let count = self.count();
        let round = (0..count).map(|step| (self.next + step) % count);
        let found = round.into_iter().find(|&lane| {
            let lane = &self.lanes[lane as usize];
            lane.connection.is_some() && !lane.free.is_empty()
        })?;
        self.next = (found + 1) % count;
        Some(found)
    }

    /// Notes a request and gives the correlation that its answer will carry. The lane has room.
    pub(crate) fn take_room(&mut self, lane: u32, sent: Sent) -> u64 {
        let lane = &mut self.lanes[lane as usize];
        let place = lane.free.pop().expect("whoever asks looked for room first");
        lane.places[place as usize] = Some(sent);
        self.in_flight += 1;
        place.into()
    }

    /// The request that an answer belongs to. Nothing: none in flight has this correlation.
    pub(crate) fn give_room(&mut self, lane: u32, correlation: u64) -> Option<Sent> {
        let lane = &mut self.lanes[lane as usize];
        let sent = lane.places.get_mut(usize::try_from(correlation).ok()?)?.take()?;
        lane.free.push(correlation as u32);
        self.in_flight -= 1;
        Some(sent)
    }

    /// Takes back all that is in flight on a lane.
    pub(crate) fn drain(&mut self, lane: u32, mut each: impl FnMut(Sent)) {
        for place in 0..self.lanes[lane as usize].places.len() {
            if let Some(sent) = self.give_room(lane, place as u64) {
                each(sent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Sent = Sent { what: What::Order, number: 7, units: 1, place: 0, since_ns: 0 };

    fn connection(slot: u32, generation: u32) -> Connection {
        Connection { slot, generation }
    }

    #[test]
    fn an_answer_finds_its_request_once() {
        let mut lanes = Lanes::new(1, 2, 4);
        let lane = lanes.join(connection(3, 0)).expect("a lane waits");
        let correlation = lanes.take_room(lane, SENT);
        assert_eq!((lanes.in_flight(), lanes.has_room(lane)), (1, true));
        assert_eq!(lanes.give_room(lane, correlation), Some(SENT));
        assert_eq!(lanes.give_room(lane, correlation), None, "answered twice");
        assert_eq!(lanes.give_room(lane, u64::MAX), None, "never asked");
        assert_eq!(lanes.in_flight(), 0);
    }

    #[test]
    fn a_lane_outlives_its_connection() {
        let mut lanes = Lanes::new(1, 1, 4);
        let lane = lanes.join(connection(3, 0)).expect("a lane waits");
        assert_eq!(lanes.join(connection(2, 0)), None, "as many lanes as connections wanted");
        lanes.take_room(lane, SENT);
        assert!(!lanes.has_room(lane));
        assert_eq!(lanes.leave(connection(3, 0)), Some(lane));
        assert_eq!(lanes.leave(connection(3, 0)), None);
        let mut unknown = Vec::new();
        lanes.drain(lane, |sent| unknown.push(sent));
        assert_eq!((unknown, lanes.in_flight()), (vec![SENT], 0));
        assert_eq!(lanes.join(connection(3, 1)), Some(lane));
        assert_eq!(lanes.of(connection(3, 0)), None, "the old connection of this slot is not the new one");
    }

    #[test]
    fn room_is_given_in_turn() {
        let mut lanes = Lanes::new(3, 1, 4);
        for slot in 0..3 {
            lanes.join(connection(slot, 0)).expect("a lane waits");
        }
        let found: Vec<_> = (0..4)
            .map(|_| {
                let lane = lanes.next_with_room()?;
                lanes.take_room(lane, SENT);
                Some(lane)
            })
            .collect();
        assert_eq!(found, [Some(0), Some(1), Some(2), None]);
    }
}
