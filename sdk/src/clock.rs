//! The server's time as this client knows it, and request ids made of it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use crate::values::{MicrosUtc, RequestId};

/// Follows the server's clock: set by every HELLO, and where the server says that we are wrong.
///
/// Between those it runs with the monotonic clock, so somebody who sets the wall clock of this machine changes no
/// request id.
#[derive(Debug)]
pub struct ServerClock {
    started: Instant,
    /// The server's time at `started`, in microseconds.
    at_start_us: AtomicI64,
}

impl ServerClock {
    /// Starts from this machine's wall clock, until a server says better.
    pub fn new() -> ServerClock {
        ServerClock { started: Instant::now(), at_start_us: AtomicI64::new(MicrosUtc::now().0) }
    }

    /// The server's time is this, now.
    pub fn set(&self, now: MicrosUtc) {
        // Alone in its word, and nothing else hangs on it: relaxed is enough.
        self.at_start_us.store(now.0.saturating_sub(self.elapsed_us()), Ordering::Relaxed);
    }

    /// The server's time.
    pub fn now(&self) -> MicrosUtc {
        MicrosUtc(self.at_start_us.load(Ordering::Relaxed).saturating_add(self.elapsed_us()))
    }

    /// A request id that nobody has: the server's time, and 80 random bits.
    pub fn request_id(&self) -> RequestId {
        let ms = (self.now().0 / 1_000).clamp(0, (1 << 48) - 1) as u128;
        let random = u128::from(fastrand::u64(..)) << 16 | u128::from(fastrand::u16(..));
        RequestId(ms << 80 | random)
    }

    fn elapsed_us(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_carry_the_servers_time_and_do_not_repeat() {
        let clock = ServerClock::new();
        clock.set(MicrosUtc(1_700_000_000_123_000));
        let ids: Vec<RequestId> = (0..1_000).map(|_| clock.request_id()).collect();
        for id in &ids {
            let ms = (id.0 >> 80) as i64;
            assert!((1_700_000_000_123..1_700_000_010_123).contains(&ms), "{id}");
        }
        let different: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
    }

    #[test]
    fn a_clock_before_the_epoch_makes_ids_of_time_0() {
        let clock = ServerClock::new();
        clock.set(MicrosUtc(i64::MIN));
        assert_eq!(clock.request_id().0 >> 80, 0);
    }
}
