//! Once warm, an order and a refusal cost no allocation on the way in and out, and little time.
#![allow(unsafe_code)] // A counting allocator cannot be written without; only this test has it.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Instant;

use domain::Verdict;
use domain::refusal::{Reason, Refusal};
use handlers::Taken;
use storage::Outcome;
use support::*;

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

/// Frames of one segment.
const FRAMES: usize = 32;
const ROUNDS: u32 = 2_000;

/// Allocations, and nanoseconds a request, of many segments of CREATEs that are all answered so.
fn cost(outcome: &Outcome) -> (u64, u128) {
    let mut house = House::new().known();
    house.store().records = false;
    house.out.counts_only = true;
    let segment = create().repeat(FRAMES);
    let mut round = || {
        assert_eq!(house.give(&segment), Taken::Bytes(segment.len()));
        house.store().answer_all(outcome);
        house.turn();
    };
    (0..100).for_each(|_| round());
    let (before, began) = (ALLOCATIONS.get(), Instant::now());
    (0..ROUNDS).for_each(|_| round());
    let spent = began.elapsed().as_nanos() / u128::from(ROUNDS) / FRAMES as u128;
    let allocations = ALLOCATIONS.get() - before;
    assert!(house.out.frames > u64::from(ROUNDS) * FRAMES as u64, "every request was answered");
    (allocations, spent)
}

#[test]
fn a_create_allocates_nothing_accepted_or_refused() {
    let sold_out = Ok(Verdict::Refused(Refusal::of(Reason::SoldOut).with(1, 0)));
    for (what, outcome) in [("accepted", order()), ("refused", sold_out)] {
        let (allocations, nanoseconds) = cost(&outcome);
        println!(
            "{what}: {nanoseconds} ns a request, frame to frame, both checksums and the fake store included"
        );
        assert_eq!(allocations, 0, "{what}");
    }
}
