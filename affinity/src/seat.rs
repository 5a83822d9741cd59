//! Seats a thread takes itself: a core to stay on, and how much it gives way.

use std::fmt;
use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Where a thread runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Pinned to this CPU.
    Cpu(usize),
    /// Wherever the scheduler puts it.
    Anywhere,
}

impl Seat {
    /// Seats the calling thread.
    pub fn take(self) -> io::Result<()> {
        match self {
            Seat::Cpu(cpu) => pin_current_thread(cpu),
            Seat::Anywhere => Ok(()),
        }
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seat::Cpu(cpu) => write!(f, "cpu {cpu}"),
            Seat::Anywhere => f.write_str("any cpu"),
        }
    }
}

/// Keeps the calling thread, and threads that it starts later, on one CPU.
pub fn pin_current_thread(cpu: usize) -> io::Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

/// CPUs that the process may use and the calling thread, being pinned, does not: room for its helpers. Empty where
/// there are none, as on one core.
pub fn cpus_left_to_others() -> io::Result<Vec<usize>> {
    // The mask of the process is that of its first thread, which nothing here pins.
    let process = sched_getaffinity(Some(rustix::process::getpid()))?;
    let own = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&cpu| process.is_set(cpu) && !own.is_set(cpu)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_leaves_the_rest_of_the_process_s_cpus_to_others() {
        let process = sched_getaffinity(Some(rustix::process::getpid())).unwrap();
        let cpu = (0..CpuSet::MAX_CPU).find(|&cpu| process.is_set(cpu)).unwrap();
        std::thread::spawn(move || {
            pin_current_thread(cpu).unwrap();
            let left = cpus_left_to_others().unwrap();
            assert_eq!(left.len() as u32, process.count() - 1);
            assert!(!left.contains(&cpu));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_pinned_thread_may_run_on_that_cpu_only() {
        let allowed = sched_getaffinity(None).unwrap();
        let cpu = (0..CpuSet::MAX_CPU).find(|&cpu| allowed.is_set(cpu)).unwrap();
        std::thread::spawn(move || {
            Seat::Cpu(cpu).take().unwrap();
            let pinned = sched_getaffinity(None).unwrap();
            assert!(pinned.is_set(cpu));
            assert_eq!(pinned.count(), 1);
        })
        .join()
        .unwrap();
        assert_eq!(
            sched_getaffinity(None).unwrap().count(),
            allowed.count(),
            "the others are free as before"
        );
    }

    #[test]
    fn a_cpu_that_does_not_exist_is_an_error() {
        assert!(pin_current_thread(CpuSet::MAX_CPU).is_err());
        assert!(pin_current_thread(CpuSet::MAX_CPU - 1).is_err());
    }
}
