//! Breadth first through all states: the first violation found has a shortest trace.
//!
//! A state that was seen is remembered by its 64-bit number only. Two states with one number would hide one of them:
//! with ten million states that happens once in 400,000 searches.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use crate::properties::{Property, broken_at_rest, broken_now};
use crate::story::Story;
use crate::world::{Model, World};

/// What a search found.
#[derive(Debug)]
pub struct Outcome {
    /// Different states, up to exchanging like request ids.
    pub states: usize,
    /// Actions tried.
    pub steps: usize,
    /// The longest way to a state, in actions.
    pub depth: usize,
    /// Whether there is nothing more to try.
    pub exhausted: bool,
    /// The first violation, nearest to the beginning.
    pub violation: Option<Violation>,
}

/// How a property is broken.
#[derive(Debug)]
pub struct Violation {
    /// Which.
    pub property: Property,
    /// What happened, from the beginning, in words.
    pub trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?} is broken:", self.property)?;
        let mut number = 0;
        for line in &self.trace {
            if line.starts_with(' ') {
                writeln!(f, "     {line}")?;
            } else {
                number += 1;
                writeln!(f, "{number:>4} {line}")?;
            }
        }
        Ok(())
    }
}

/// Tries everything that can happen, until one of these properties is broken, nothing new comes, or there are too many
/// states.
pub fn search(model: &Model, judged: &[Property], states_max: usize) -> Outcome {
    let beginning = model.beginning();
    let mut seen = Seen::default();
    let number = beginning.fingerprint(model);
    seen.insert(number, number);
    let mut outcome = Outcome { states: 1, steps: 0, depth: 0, exhausted: false, violation: None };
    let (mut level, mut actions) = (vec![(number, beginning)], Vec::new());
    while !level.is_empty() {
        let mut next_level = Vec::new();
        for (from, world) in &level {
            model.actions(world, &mut actions);
            for action in &actions {
                let next = model.after(world, *action, &mut Story::untold());
                outcome.steps += 1;
                let number = next.fingerprint(model);
                if seen.contains_key(&number) {
                    continue;
                }
                seen.insert(number, *from);
                outcome.states += 1;
                if is_broken(model, &next, judged) {
                    outcome.violation = Some(tell(model, &seen, number, judged));
                    return outcome;
                }
                next_level.push((number, next));
            }
        }
        outcome.depth += usize::from(!next_level.is_empty());
        level = next_level;
        if outcome.states > states_max {
            return outcome;
        }
    }
    outcome.exhausted = true;
    outcome
}

/// Of each state, its number and that of the state before it.
type Seen = HashMap<u64, u64, BuildHasherDefault<AsItIs>>;

fn is_broken(model: &Model, world: &World, judged: &[Property]) -> bool {
    broken_now(model, world, judged).is_some()
        || broken_at_rest(model, world, judged, &mut Story::untold()).is_some()
}

/// Goes the way to a state once more, and tells it.
fn tell(model: &Model, seen: &Seen, last: u64, judged: &[Property]) -> Violation {
    let mut way = vec![last];
    while let Some(before) = seen.get(&way[way.len() - 1]).filter(|before| **before != way[way.len() - 1]) {
        way.push(*before);
    }
    let (mut world, mut actions, mut story) = (model.beginning(), Vec::new(), Story::told());
    for number in way.iter().rev().skip(1) {
        model.actions(&world, &mut actions);
        // Like request ids may have changed places: any action to a state of this number is a way there.
        let leads = |action: &&crate::Action| {
            model.after(&world, **action, &mut Story::untold()).fingerprint(model) == *number
        };
        let action = *actions.iter().find(leads).expect("a state that was reached can be reached again");
        world = model.after(&world, action, &mut story);
    }
    let property = broken_now(model, &world, judged)
        .or_else(|| broken_at_rest(model, &world, judged, &mut story))
        .expect("a state that was broken is broken again");
    Violation { property, trace: story.lines() }
}

/// Mixes small values into 64 well-spread bits: each is multiplied into 128 and folded.
#[derive(Default)]
pub struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
        #[expect(clippy::cast_possible_truncation, reason = "the two halves are folded")]
        let folded = product as u64 ^ (product >> 64) as u64;
        self.0 = folded.rotate_left(23);
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mix(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.mix(value as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A hash of a number that is one already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only whole numbers are keys");
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
