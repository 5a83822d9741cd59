//! Once warm, the generator allocates nothing for a request: it shares two cores with what it measures.
#![allow(unsafe_code)] // A counting allocator cannot be written without; only this test has it.

#[allow(clippy::unwrap_used, dead_code)] // a step that fails is the test's failure; other tests use the rest
mod toy;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use loadgen::{LoadPlan, Progress, Scenario, Watcher};
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

/// Looks at the thread of the load, which is the one that tells the progress.
struct Counts {
    /// (answers, allocations) so far.
    seen: Vec<(u64, u64)>,
}

impl Watcher for Counts {
    fn step(&mut self, _what: &str) {}

    fn progress(&mut self, progress: &Progress) {
        self.seen.push((progress.answered, ALLOCATIONS.get()));
    }

    fn is_stopped(&self) -> bool {
        false
    }

    fn done(&mut self) {}
}

#[test]
fn a_warm_load_allocates_nothing() {
    let toy = Toy::open();
    for scenario in [Scenario::Flash, Scenario::Steady, Scenario::SoldOut, Scenario::Cart] {
        let plan = LoadPlan {
            connections: 8,
            requests_max: None,
            seconds_max: Some(1),
            ..LoadPlan::new(&toy.address, scenario)
        };
        let mut counts = Counts { seen: Vec::with_capacity(100) };
        loadgen::run(&plan, &mut counts).expect("the toy shop is open");
        let (Some(warm), Some(last)) = (counts.seen.get(2), counts.seen.last()) else {
            panic!("a second has ten looks: {:?}", counts.seen);
        };
        let name = plan.scenario.name();
        assert!(last.0 > warm.0 + 1_000, "{name}: {:?}", counts.seen);
        // A connection's first longer send or receive grows a buffer, once; a request costs nothing.
        let (answers, allocations) = (last.0 - warm.0, last.1 - warm.1);
        assert!(
            allocations < 64 && allocations * 100 < answers,
            "{name}: {allocations} for {answers} answers"
        );
    }
}
