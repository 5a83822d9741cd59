//! Child processes: ended by their id when done with, and asked how much of a core they use.

use std::process::{Child, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// Between two looks at /proc.
const SAMPLE_EVERY: Duration = Duration::from_millis(200);
/// A process that does not end in this time is killed.
const END_WITHIN: Duration = Duration::from_secs(20);

/// A server that ends when this is dropped: by SIGTERM, and by SIGKILL when that does not help.
#[derive(Debug)]
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to end.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let until = Instant::now() + END_WITHIN;
        while Instant::now() < until {
            if self.0.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How much of one core two processes used. 100 is one whole core.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Cpu {
    /// Of the server.
    pub server_percent: f64,
    /// Of the load generator.
    pub generator_percent: f64,
}

/// CPU seconds that server and generator used, sample by sample.
#[derive(Debug, Default)]
pub struct Samples(Vec<Sample>);

#[derive(Clone, Copy, Debug)]
struct Sample {
    seconds: f64,
    server: f64,
    generator: f64,
}

/// Waits for the generator to end, and watches both meanwhile.
pub fn watch(server: u32, generator: Child) -> Result<(Output, Samples)> {
    let pids = [server, generator.id()];
    let over = AtomicBool::new(false);
    thread::scope(|threads| {
        let samples = threads.spawn(|| sample(pids, &over));
        let output = generator.wait_with_output();
        over.store(true, Ordering::Relaxed);
        let samples = samples.join().expect("sampling never panics");
        Ok((output.context("the load generator cannot be waited for")?, samples))
    })
}

impl Samples {
    /// The use in that stretch of about so many seconds in which the generator did most: before it lies the
    /// set-up of the shop, behind it the audit.
    pub fn busiest(&self, seconds: f64) -> Cpu {
        let stretches = (0..self.0.len()).map(|from| stretch(&self.0[from..], seconds));
        stretches.max_by(|a, b| a.generator_percent.total_cmp(&b.generator_percent)).unwrap_or_default()
    }
}

/// The use in the first so many seconds of these samples; none where they are fewer.
fn stretch(samples: &[Sample], seconds: f64) -> Cpu {
    let mut sum = Sample { seconds: 0.0, server: 0.0, generator: 0.0 };
    for sample in samples {
        sum.seconds += sample.seconds;
        sum.server += sample.server;
        sum.generator += sample.generator;
        // Whole samples within the stretch: the last one may reach over its end.
        if sum.seconds + SAMPLE_EVERY.as_secs_f64() >= seconds {
            let percent = |used: f64| used / sum.seconds * 100.0;
            return Cpu { server_percent: percent(sum.server), generator_percent: percent(sum.generator) };
        }
    }
    Cpu::default()
}

/// Looks at both until it is over.
fn sample(pids: [u32; 2], over: &AtomicBool) -> Samples {
    let mut samples = Samples::default();
    let mut before = pids.map(cpu_seconds);
    let mut looked = Instant::now();
    while !over.load(Ordering::Relaxed) {
        thread::sleep(SAMPLE_EVERY);
        let now = pids.map(cpu_seconds);
        let seconds = looked.elapsed().as_secs_f64();
        looked = Instant::now();
        if let ([Some(server_before), Some(generator_before)], [Some(server), Some(generator)]) =
            (before, now)
        {
            let (server, generator) = (server - server_before, generator - generator_before);
            samples.0.push(Sample { seconds, server, generator });
        }
        before = now;
    }
    samples
}

/// User and system time that a process used so far; nothing when it is gone.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks = ticks_used(&stat)?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Fields 14 and 15 of /proc/PID/stat. The name, field 2, may hold spaces and brackets; what follows may not.
fn ticks_used(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "77 (a) b (c)) S 1 77 77 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 12345 0 0";
        assert_eq!(ticks_used(stat), Some(300));
        assert_eq!(ticks_used("no process"), None);
    }

    #[test]
    fn the_use_is_that_of_the_busiest_stretch() {
        let sample = |server, generator| Sample { seconds: 0.2, server, generator };
        // Set-up, one second of load, audit.
        let mut samples = vec![sample(0.1, 0.0); 3];
        samples.extend([sample(0.2, 0.15); 5]);
        samples.extend([sample(0.2, 0.0); 10]);
        let cpu = Samples(samples).busiest(1.0);
        assert_eq!((cpu.server_percent.round(), cpu.generator_percent.round()), (100.0, 75.0));
        assert_eq!(Samples::default().busiest(1.0), Cpu::default());
    }
}
