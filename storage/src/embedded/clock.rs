//! Ledger time: never goes back, follows the boot-time clock, and leans toward the wall clock.
//!
//! Only [`ClockReading::now`] reads clocks; all else is told.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::planted::{self, Bug};
use domain::{Micros, MicrosUtc};

/// How far behind the last durable time the wall clock may be at opening.
const BEHIND_MAX: Micros = Micros::from_seconds(5 * 60);
/// Of the time that passes, one part in so many goes to closing the distance to the wall clock.
const SLEW: i64 = 10;

/// What the machine's clocks say at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The wall clock, which somebody may set.
    pub wall: MicrosUtc,
    /// Time since the machine started, sleep included; only grows.
    pub boot: Micros,
}

impl ClockReading {
    /// Reads both clocks: the one place in this crate that does.
    pub fn now() -> ClockReading {
        let wall = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_micros() as i64,
            Err(before) => -(before.duration().as_micros() as i64),
        };
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        ClockReading { wall: MicrosUtc(wall), boot: Micros(boot.tv_sec * 1_000_000 + boot.tv_nsec / 1_000) }
    }
}

/// The wall clock is too far behind the last durable time to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the wall clock is {} s behind the last order in the journal: set the clock, or start with --accept-clock",
    behind.0 / 1_000_000
)]
pub struct ClockBehind {
    /// How far.
    pub behind: Micros,
}

/// The ledger's clock. The same readings give the same times.
#[derive(Clone, Debug)]
pub struct LedgerClock {
    time: MicrosUtc,
    boot: Micros,
    /// Microseconds that passed and were not yet turned into a tenth.
    passed: i64,
}

impl LedgerClock {
    /// Starts at the wall clock, or at the last durable time where that is later.
    pub fn start(
        reading: ClockReading,
        last_durable: MicrosUtc,
        accept_clock: bool,
    ) -> Result<LedgerClock, ClockBehind> {
        let behind = last_durable.since(reading.wall);
        if behind > BEHIND_MAX && !accept_clock {
            return Err(ClockBehind { behind });
        }
        let last_durable = if planted::is(Bug::ClockGoesBack) { reading.wall } else { last_durable };
        Ok(LedgerClock { time: reading.wall.max(last_durable), boot: reading.boot, passed: 0 })
    }

    /// Ledger time at this reading.
    pub fn now(&mut self, reading: ClockReading) -> MicrosUtc {
        let elapsed = (reading.boot.0 - self.boot.0).max(0);
        self.boot = Micros(self.boot.0.max(reading.boot.0));
        let unslewed = self.time.after(Micros(elapsed));
        let passed = self.passed + elapsed;
        self.passed = passed % SLEW;
        let distance = reading.wall.since(unslewed).0;
        let slew = distance.clamp(-(passed / SLEW), passed / SLEW);
        // `passed / SLEW` exceeds `elapsed` never, since less than ten were carried over: time does not go back.
        self.time = unslewed.after(Micros(slew)).max(self.time);
        self.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(wall: i64, boot: i64) -> ClockReading {
        ClockReading { wall: MicrosUtc(wall), boot: Micros(boot) }
    }

    fn clock(reading: ClockReading, last: i64) -> LedgerClock {
        LedgerClock::start(reading, MicrosUtc(last), false).unwrap()
    }

    #[test]
    fn it_starts_at_the_later_of_wall_clock_and_last_durable_time() {
        assert_eq!(clock(at(1_000, 5), 900).now(at(1_000, 5)), MicrosUtc(1_000));
        assert_eq!(clock(at(1_000, 5), 1_100).now(at(1_000, 5)), MicrosUtc(1_100));
    }

    #[test]
    fn more_than_five_minutes_behind_refuses_to_start_unless_told() {
        let last = MicrosUtc(1_000_000_000);
        let start = |behind, accept| LedgerClock::start(at(last.0 - behind, 0), last, accept);
        assert!(start(300_000_000, false).is_ok());
        let refused = start(300_000_001, false).unwrap_err();
        assert_eq!(refused.behind, Micros(300_000_001));
        assert!(refused.to_string().contains("--accept-clock"));
        assert!(start(300_000_001, true).is_ok());
    }

    #[test]
    fn it_leans_to_the_wall_clock_by_a_tenth_however_finely_it_is_read() {
        for step in [1, 7, 1_000, 1_000_000] {
            let mut behind = clock(at(0, 0), 0);
            let mut ahead = clock(at(0, 0), 0);
            let mut boot = 0;
            let mut times = (MicrosUtc(0), MicrosUtc(0));
            while boot < 1_000_000 {
                boot += step;
                let now =
                    (behind.now(at(1_000_000_000 + boot, boot)), ahead.now(at(boot - 1_000_000_000, boot)));
                assert!(now.0 >= times.0 && now.1 >= times.1, "never back");
                times = now;
            }
            assert_eq!(times.0, MicrosUtc(boot + boot / 10), "step {step}");
            assert_eq!(times.1, MicrosUtc(boot - boot / 10), "step {step}");
        }
    }

    #[test]
    fn it_meets_the_wall_clock_and_stays_with_it() {
        let mut clock = clock(at(0, 0), 50);
        assert_eq!(clock.now(at(1_000, 1_000)), MicrosUtc(1_000));
        assert_eq!(clock.now(at(2_000, 2_000)), MicrosUtc(2_000));
    }
}
