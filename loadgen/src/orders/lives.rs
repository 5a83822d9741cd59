//! The orders of a lifecycle that are under way, each in a place of its own until it is over.

use std::collections::VecDeque;

use crate::life::{Act, Standing, Way};

/// Orders under way at once, at most, however many requests may be in flight.
const LIVES_MAX: usize = 1 << 16;

/// Orders under way. As many places as requests may be in flight: an order has one at most.
#[derive(Debug)]
pub(crate) struct Lives {
    lives: Vec<Life>,
    /// Places without an order.
    free: Vec<u32>,
    /// Places whose last request was answered, the longest waiting first.
    ready: VecDeque<u32>,
    /// The last act of every order; nothing: each goes its way to the end.
    until: Option<Act>,
}

/// An order under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// Of the order in this run.
    pub(crate) number: u64,
    pub(crate) user: u64,
    pub(crate) order: u64,
    /// 0 before it is opened.
    pub(crate) payment: u64,
    pub(crate) total: i64,
    pub(crate) standing: Standing,
    /// What is still to come, the next act first.
    left: &'static [Act],
}

impl Lives {
    /// Room for as many orders as requests may be in flight; `until` ends each behind this act, and none is cancelled.
    pub(crate) fn new(in_flight_max: usize, until: Option<Act>) -> Lives {
        let places = in_flight_max.clamp(1, LIVES_MAX);
        let nobody = Life {
            number: 0,
            user: 0,
            order: 0,
            payment: 0,
            total: 0,
            standing: Standing::CREATED,
            left: &[],
        };
        Lives {
            lives: vec![nobody; places],
            free: (0..places as u32).rev().collect(),
            ready: VecDeque::with_capacity(places),
            until,
        }
    }

    /// Nobody is under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.free.len() == self.lives.len()
    }

    pub(crate) fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// An order is about to be asked for; its place. There is room.
    pub(crate) fn begin(&mut self, number: u64, user: u64, total: i64, chance: u64) -> u32 {
        let place = self.free.pop().expect("whoever begins looked for room first");
        let left = match self.until {
            None => Way::by_chance(chance).acts(),
            Some(last) => {
                let all = Way::Delivered.acts();
                let count = all.iter().position(|&act| act == last).map_or(all.len(), |at| at + 1);
                &all[..count]
            }
        };
        self.lives[place as usize] =
            Life { number, user, order: 0, payment: 0, total, standing: Standing::CREATED, left };
        place
    }

    /// The order that waits longest, and what is to be asked for it now.
    pub(crate) fn next(&mut self) -> Option<(u32, Act, &Life)> {
        let place = self.ready.pop_front()?;
        let life = &self.lives[place as usize];
        Some((place, *life.left.first()?, life))
    }

    /// Whom a request or an answer is about.
    pub(crate) fn at(&self, place: u32) -> &Life {
        &self.lives[place as usize]
    }

    /// It was accepted.
    pub(crate) fn created(&mut self, place: u32, order: u64) {
        self.lives[place as usize].order = order;
        self.go_on(place);
    }

    /// Its next act was done; `payment` is the payment that it is about, 0: none.
    pub(crate) fn done(&mut self, place: u32, payment: u64) {
        let life = &mut self.lives[place as usize];
        let (&act, left) = life.left.split_first().expect("only what was left was asked for");
        life.standing = life.standing.after(act);
        life.left = left;
        life.payment = life.payment.max(payment);
        self.go_on(place);
    }

    /// It ends here: it was refused something, or nobody knows.
    pub(crate) fn end(&mut self, place: u32) {
        self.free.push(place);
    }

    fn go_on(&mut self, place: u32) {
        if self.lives[place as usize].left.is_empty() {
            self.end(place);
        } else {
            self.ready.push_back(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_goes_its_way_and_makes_room() {
        let mut lives = Lives::new(1, None);
        let place = lives.begin(0, 7, 990, 39);
        assert!(!lives.has_room() && lives.next().is_none(), "nothing is asked before the order is accepted");
        lives.created(place, 100);
        let mut acts = Vec::new();
        while let Some((place, act, life)) = lives.next() {
            assert_eq!((life.order, life.user, life.total), (100, 7, 990));
            acts.push(act);
            lives.done(place, if act == Act::PayOpen { 55 } else { 0 });
            assert_eq!(lives.at(place).payment, 55, "a payment is remembered");
        }
        assert_eq!(acts, Way::Delivered.acts());
        assert!(lives.is_empty());
    }

    #[test]
    fn who_waits_longest_goes_on_first() {
        let mut lives = Lives::new(2, None);
        let [one, two] = [lives.begin(0, 1, 1, 39), lives.begin(1, 2, 1, 39)];
        lives.created(two, 12);
        lives.created(one, 11);
        assert_eq!(lives.next().map(|(_, _, life)| life.order), Some(12));
        lives.end(two);
        assert!(lives.has_room() && !lives.is_empty());
        assert_eq!(lives.next().map(|(_, _, life)| life.order), Some(11));
    }

    #[test]
    fn until_ends_every_order_at_the_same_act() {
        let mut lives = Lives::new(1, Some(Act::PayCallback));
        for chance in 0..40 {
            let place = lives.begin(chance, 1, 1, chance);
            lives.created(place, 1);
            let mut last = None;
            while let Some((place, act, _)) = lives.next() {
                last = Some(act);
                lives.done(place, 1);
            }
            assert_eq!(last, Some(Act::PayCallback));
            assert!(lives.is_empty());
        }
    }
}
