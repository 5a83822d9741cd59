//! Once warm, a turn of the reactor allocates nothing: counted, not believed.

#![allow(clippy::unwrap_used)] // The lint spares only functions marked as tests, not their helpers.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use reactor::{Connection, Output, Received};
use support::Server;

mod support;

/// Counts what the threads allocate that asked to be counted.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    if COUNTED.try_with(Cell::get).unwrap_or(false) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: passes every call on to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(start, layout, new_size) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_warm_echo_allocates_nothing() {
    let server = Server::start(|connection: Connection, bytes: &[u8], out: &mut Output| {
        // This is the reactor's thread.
        if !COUNTED.replace(true) {
            drop(std::hint::black_box(Box::new(1)));
        }
        // Whole messages of 100 bytes, so that carrying a rest over is exercised, too.
        let whole = bytes.len() - bytes.len() % 100;
        for message in bytes[..whole].chunks(100) {
            out.write(connection, message).unwrap();
        }
        Received::Taken(whole)
    });
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    let mut rounds = |rounds: usize| {
        for _ in 0..rounds {
            for client in &mut clients {
                client.write_all(&[1; 770]).unwrap();
            }
            for client in &mut clients {
                client.write_all(&[1; 830]).unwrap();
            }
            for client in &mut clients {
                client.read_exact(&mut [0; 1600]).unwrap();
            }
        }
    };
    rounds(100);
    let warm = ALLOCATIONS.load(Ordering::Relaxed);
    assert!(warm > 0, "the counter counts, at least the first call's own");
    rounds(1_000);
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - warm, 0);
}
