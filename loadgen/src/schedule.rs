//! When requests are due. An open loop keeps to it whatever the server does, and latency counts from it, so a
//! stall shows in every request that should have left during it.

/// When the n-th request of a run is due, counted from 0, in nanoseconds since its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Evenly spaced.
    Even {
        /// Requests a second; never 0.
        per_second: u64,
    },
    /// As a history went, stretched or pressed to a length.
    Trace {
        /// When each request is due, ascending, in nanoseconds.
        due_ns: Vec<u64>,
    },
}

impl Schedule {
    /// The times of a history (microseconds, ascending); the first is due at once. With `seconds` the whole of
    /// it takes that long, without it takes as long as it took.
    pub fn of_trace(at_us: impl Iterator<Item = i64> + Clone, seconds: Option<u32>) -> Schedule {
        let first = at_us.clone().next().unwrap_or(0);
        let last = at_us.clone().last().unwrap_or(first);
        // One microsecond more than the span, so that a history of a single instant divides as well.
        let span_us = i128::from(last) - i128::from(first) + 1;
        let length_ns = seconds.map_or(span_us * 1_000, |seconds| i128::from(seconds) * 1_000_000_000);
        let due = |at: i64| {
            let since_us = (i128::from(at) - i128::from(first)).max(0);
            u64::try_from(since_us * length_ns / span_us).unwrap_or(u64::MAX)
        };
        Schedule::Trace { due_ns: at_us.map(due).collect() }
    }

    /// When request `n` is due. Nothing: the history is over.
    pub fn due_ns(&self, n: u64) -> Option<u64> {
        match self {
            Schedule::Even { per_second } => {
                let due = u128::from(n) * 1_000_000_000 / u128::from((*per_second).max(1));
                Some(u64::try_from(due).unwrap_or(u64::MAX))
            }
            Schedule::Trace { due_ns } => usize::try_from(n).ok().and_then(|n| due_ns.get(n)).copied(),
        }
    }

    /// How many requests are due before this time.
    pub fn due_by(&self, end_ns: u64) -> u64 {
        match self {
            Schedule::Even { per_second } => {
                let due = (u128::from(end_ns) * u128::from(*per_second)).div_ceil(1_000_000_000);
                u64::try_from(due).unwrap_or(u64::MAX)
            }
            Schedule::Trace { due_ns } => due_ns.partition_point(|&due| due < end_ns) as u64,
        }
    }

    /// Requests a second that it asks for, over its whole length.
    pub fn per_second(&self) -> f64 {
        match self {
            Schedule::Even { per_second } => *per_second as f64,
            Schedule::Trace { due_ns } => {
                let length_ns = due_ns.last().copied().unwrap_or(0).max(1);
                due_ns.len() as f64 * 1e9 / length_ns as f64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_requests_do_not_drift() {
        let three = Schedule::Even { per_second: 3 };
        let due: Vec<_> = (0..7).filter_map(|n| three.due_ns(n)).collect();
        let third = 1_000_000_000 / 3;
        assert_eq!(due, [0, third, 2 * third, 1_000_000_000, 4 * third + 1, 5 * third + 1, 2_000_000_000]);
        assert_eq!(Schedule::Even { per_second: 50_000 }.due_ns(50_000 * 3_600), Some(3_600_000_000_000));
        for (end_ns, due) in
            [(0, 0), (1, 1), (third, 1), (third + 1, 2), (1_000_000_000, 3), (1_000_000_001, 4)]
        {
            assert_eq!(three.due_by(end_ns), due, "before {end_ns}");
        }
        assert_eq!(three.due_ns(u64::MAX), Some(u64::MAX), "the end of time, not the beginning");
    }

    #[test]
    fn a_trace_keeps_its_pace_or_is_pressed_to_a_length() {
        let at = [5_000_000, 6_000_000, 6_000_000, 9_000_000];
        let own = Schedule::of_trace(at.iter().copied(), None);
        assert_eq!(own, Schedule::Trace { due_ns: vec![0, 1_000_000_000, 1_000_000_000, 4_000_000_000] });
        assert_eq!((own.due_by(0), own.due_by(1_000_000_000), own.due_by(1_000_000_001)), (0, 1, 3));
        let pressed = Schedule::of_trace(at.iter().copied(), Some(2));
        let due: Vec<_> = (0..5).map(|n| pressed.due_ns(n).map(|ns| ns / 1_000_000)).collect();
        assert_eq!(due, [Some(0), Some(499), Some(499), Some(1_999), None]);
        let instant = Schedule::of_trace([7, 7].into_iter(), Some(2));
        assert_eq!(instant, Schedule::Trace { due_ns: vec![0, 0] });
        assert_eq!(Schedule::of_trace([].into_iter(), None).due_ns(0), None);
        let whole_of_time = Schedule::of_trace([i64::MIN, i64::MAX].into_iter(), Some(1));
        assert_eq!(whole_of_time.due_ns(0), Some(0));
    }
}
