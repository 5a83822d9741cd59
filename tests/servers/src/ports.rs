//! Ports that nobody has at the moment.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that the kernel gives to outgoing connections: a server that was killed finds its port still free
/// when it comes back.
const FIRST: u32 = 14_000;
const COUNT: u32 = 16_000;

/// A port that could be bound a moment ago. Who binds it may still find it taken, and asks for another.
///
/// # Panics
/// Where none of [`COUNT`] is free.
pub fn free() -> u16 {
    // Tests run in many processes at once, each of which begins elsewhere.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let own = std::process::id().wrapping_mul(2_654_435_761) % COUNT;
    (0..COUNT)
        .map(|_| FIRST + (own + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .map(|port| u16::try_from(port).expect("the range ends below 65,536"))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("one of sixteen thousand ports is free")
}
