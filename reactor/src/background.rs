//! A thread that steps behind those who serve.

use std::io;

/// How long such a thread may go on when somebody who serves wants its core, nanoseconds: the least that Linux grants.
/// The usual 3 ms are what a request beside it would wait.
const SLICE_NS: u64 = 100_000;

/// Makes the calling thread as nice as said to all others, 0 not at all to 19 most, and lets it keep a core only for
/// short slices when others wait for that. What is refused is logged, and all works, less politely.
///
/// Slices of ordinary threads are Linux 6.12 and later; an earlier kernel sets the niceness alone.
pub fn step_back(nice: i32) {
    if let Err(why) = set(nice) {
        tracing::debug!(%why, "a background thread keeps its priority");
    }
}

fn set(nice: i32) -> io::Result<()> {
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER as u32,
        sched_flags: 0,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: SLICE_NS,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads the structure, whose size stands in it, within the call and writes nothing.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes() -> libc::sched_attr {
        // SAFETY: all zeroes are a value of it.
        let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
        let bytes = size_of_val(&attributes);
        // SAFETY: the kernel writes at most so many bytes, to a structure of that size.
        let result = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, bytes, 0) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
        attributes
    }

    #[test]
    fn a_thread_steps_back_alone() {
        let before = attributes();
        std::thread::spawn(|| {
            step_back(19);
            let after = attributes();
            assert_eq!((after.sched_policy, after.sched_nice), (libc::SCHED_OTHER as u32, 19));
            // A kernel without slices for ordinary threads tells none.
            assert!([0, SLICE_NS].contains(&after.sched_runtime), "{}", after.sched_runtime);
        })
        .join()
        .unwrap();
        assert_eq!(attributes().sched_nice, before.sched_nice);
    }
}
