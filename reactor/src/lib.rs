//! Sockets and files through io_uring, bounded: bytes in, bytes out.
//!
//! Nothing here knows what the bytes mean. A `Service` (see `service.rs`) is given them and writes its own; one
//! object of it lives on each reactor's thread and is never shared.
