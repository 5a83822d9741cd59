//! Work that comes one by one and is cheaper done together: who waits for the same thing goes along.
//!
//! Nobody is kept waiting for company. The first one's round begins at once; whoever comes while it is under way goes
//! along in the next. So rounds are as large as the flood makes them.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Lines of jobs, one a key. How long they are is bounded by whoever pushes: an ask waits in one line at a time.
pub(super) struct Gather<K, J> {
    lines: RefCell<HashMap<K, Line<J>>>,
    /// Rounds of one key that may be under way at once.
    rounds_max: usize,
    /// Jobs of one round, at most.
    jobs_max: usize,
}

struct Line<J> {
    waiting: VecDeque<J>,
    rounds: usize,
}

impl<K: Copy + Eq + Hash, J> Gather<K, J> {
    pub fn new(rounds_max: usize, jobs_max: usize) -> Gather<K, J> {
        Gather { lines: RefCell::default(), rounds_max, jobs_max }
    }

    /// Puts a job into its line. Says whether somebody has to go and do [rounds](Gather::next_round) of this key, until
    /// there is none left.
    #[must_use]
    pub fn push(&self, key: K, job: J) -> bool {
        let mut lines = self.lines.borrow_mut();
        let line = lines.entry(key).or_insert_with(|| Line { waiting: VecDeque::new(), rounds: 0 });
        line.waiting.push_back(job);
        let goes = line.rounds < self.rounds_max;
        line.rounds += usize::from(goes);
        goes
    }

    /// The jobs of the next round, in the order in which they came; none: this runner's work is done.
    pub fn next_round(&self, key: K) -> Vec<J> {
        let mut lines = self.lines.borrow_mut();
        let line = lines.get_mut(&key).expect("a line stays as long as it has a runner");
        if line.waiting.is_empty() {
            line.rounds -= 1;
            if line.rounds == 0 {
                lines.remove(&key);
            }
            return Vec::new();
        }
        let jobs = line.waiting.len().min(self.jobs_max);
        line.waiting.drain(..jobs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_during_a_round_goes_along_in_the_next() {
        let gather = Gather::new(1, 3);
        assert!(gather.push('a', 1), "the first one needs a runner");
        assert_eq!(gather.next_round('a'), [1]);
        for job in 2..=5 {
            assert!(!gather.push('a', job), "there is one");
        }
        assert!(gather.push('b', 9), "each key has its own");
        assert_eq!(gather.next_round('a'), [2, 3, 4]);
        assert_eq!(gather.next_round('a'), [5]);
        assert!(gather.next_round('a').is_empty());
        assert!(gather.push('a', 6), "the line was left");
    }

    #[test]
    fn as_many_rounds_as_may_be_are_under_way_at_once() {
        let gather = Gather::new(2, 1);
        let runners = (0..4).filter(|job| gather.push('a', *job)).count();
        assert_eq!(runners, 2);
        assert_eq!([gather.next_round('a'), gather.next_round('a')], [[0], [1]]);
        assert_eq!([gather.next_round('a'), gather.next_round('a')], [[2], [3]]);
        assert!(gather.next_round('a').is_empty() && gather.next_round('a').is_empty());
        assert!(gather.lines.borrow().is_empty());
    }
}
