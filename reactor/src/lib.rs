//! Sockets and files through io_uring, bounded: bytes in, bytes out.
//!
//! Nothing here knows what the bytes mean. A [`Service`] is given them and writes its own; one object of it lives on
//! each reactor's thread and is never shared. `examples/echo.rs` is the smallest use.
//!
//! What is unsafe stands in four files: `ring` owns whatever the kernel may still read or write, `buffers` what it
//! receives into, `huge_pages` passes an allocator's calls on, and `background` asks for shorter slices. All are safe to use for the rest.
#![deny(unsafe_code)]

mod service;

mod reactor;

mod acceptor;
#[allow(unsafe_code)]
mod background;
mod bounds;
#[allow(unsafe_code)]
mod buffers;
mod connections;
mod counters;
mod doorbell;
mod files;
#[allow(unsafe_code)]
mod huge_pages;
mod output;
mod pool;
mod probe;
#[allow(unsafe_code)]
mod ring;
mod seldom;
mod setup;

pub use acceptor::{Acceptor, Stopper};
pub use background::step_back;
pub use bounds::Bounds;
pub use counters::{Counter, Counters};
pub use doorbell::Doorbell;
pub use files::{FileDone, FileQueue, FileSlot, Full};
pub use huge_pages::HugePages;
pub use output::{Output, Refused};
pub use probe::try_out;
pub use reactor::{Inlet, Reactor, RunError};
pub use service::{Connection, Ended, Next, Received, Service, Turn};
pub use setup::SetupError;
