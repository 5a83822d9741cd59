//! Sockets and files through io_uring, bounded: bytes in, bytes out.
//!
//! Nothing here knows what the bytes mean. A [`Service`] is given them and writes its own; one object of it lives
//! on each reactor's thread and is never shared.

mod service;

pub use service::{Connection, Next, Received, Service, Turn};
