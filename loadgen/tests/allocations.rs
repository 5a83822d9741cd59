//! Once warm, the generator allocates nothing for a request: it shares two cores with what it measures.
#![allow(unsafe_code)] // A counting allocator cannot be written without; only this test has it.

#[allow(clippy::unwrap_used, dead_code)] // a step that fails is the test's failure; other tests use the rest
mod toy;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use loadgen::{Lifecycle, LoadPlan, Mixed, Progress, Scenario, Watcher};
use toy::Toy;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter is a plain cell that allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Answers before the first look that counts, and between it and the last.
const ANSWERS: u64 = 5_000;
/// Nobody waits longer for them. How long they take is not what is tested.
const GIVE_UP_SECONDS: u32 = 600;

/// Looks at the thread of the load, which is the one that tells the progress.
#[derive(Default)]
struct Counts {
    /// (answers, allocations) at the first look behind enough answers.
    warm: Option<(u64, u64)>,
    /// The same at the first look behind enough more: the end.
    last: Option<(u64, u64)>,
}

impl Watcher for Counts {
    fn step(&mut self, _what: &str) {}

    fn progress(&mut self, progress: &Progress) {
        let seen = (progress.answered, ALLOCATIONS.get());
        match self.warm {
            None if seen.0 >= ANSWERS => self.warm = Some(seen),
            Some(warm) if self.last.is_none() && seen.0 >= warm.0 + ANSWERS => self.last = Some(seen),
            None | Some(_) => (),
        }
    }

    fn is_stopped(&self) -> bool {
        self.last.is_some()
    }

    fn done(&mut self) {}
}

#[test]
fn a_warm_load_allocates_nothing() {
    let toy = Toy::open();
    let scenarios = [
        Scenario::Flash,
        Scenario::Steady,
        Scenario::SoldOut,
        Scenario::Cart,
        Scenario::Lifecycle(Lifecycle::default()),
        Scenario::Mixed(Mixed::default()),
    ];
    for scenario in scenarios {
        let plan = LoadPlan {
            connections: 8,
            requests_max: None,
            seconds_max: Some(GIVE_UP_SECONDS),
            ..LoadPlan::new(&toy.address, scenario)
        };
        let mut counts = Counts::default();
        loadgen::run(&plan, &mut counts).expect("the toy shop is open");
        let name = plan.scenario.name();
        let (Some(warm), Some(last)) = (counts.warm, counts.last) else {
            panic!("{name}: too few answers in {GIVE_UP_SECONDS} s");
        };
        // A connection's first longer send or receive grows a buffer, once; a request costs nothing.
        let (answers, allocations) = (last.0 - warm.0, last.1 - warm.1);
        assert!(allocations < 64, "{name}: {allocations} for {answers} answers");
    }
}
