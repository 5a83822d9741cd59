//! The simulator: the real engine, journal and checkpoints over a disk in memory ([`disk`]) that loses, tears, fails
//! and rots, turned by one seed, killed anywhere and opened again; the plain model answers every intent beside it.
//!
//! It knows neither wire nor threads nor real files; those have tests of their own (`tests/`, `xtask crash`).
#![forbid(unsafe_code)]

pub mod disk;
mod draw;
mod judge;
mod world;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use world::World;

/// A store lives for so many steps, many processes long; then the next one begins with the next seed.
pub const STEPS_A_STORE: u64 = 2_000;

/// What was simulated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Turns of an engine, and openings.
    pub steps: u64,
    /// Stores, each from an empty folder to its audit.
    pub stores: u64,
    /// Intents submitted.
    pub asked: u64,
    /// Answers that the model gave as well.
    pub answers: u64,
    /// Facts that the journals held in the end.
    pub facts: u64,
    /// Openings that served.
    pub openings: u64,
    /// Of these, with a checkpoint.
    pub from_checkpoints: u64,
    /// Audits of data folders that older facts had left.
    pub audits_behind_checkpoints: u64,
    /// Orders that were at rest when a process ended.
    pub at_rest: u64,
    /// Segments in the archives at the ends of stores.
    pub archived: u64,
    /// What was done to them.
    pub faults: Faults,
    /// How long it took.
    pub elapsed: Duration,
}

/// Faults by kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Processes killed.
    pub kills: u64,
    /// Power cuts.
    pub power_cuts: u64,
    /// Of both, in the middle of an opening.
    pub inside_openings: u64,
    /// Times that the cold store began to fail.
    pub cold_errors: u64,
    /// Operations that failed.
    pub io_errors: u64,
    /// Bits turned over in what was durable.
    pub flipped_bits: u64,
    /// Of these, such that the opening refused.
    pub refused_bits: u64,
    /// Refused checkpoints that were taken away, where the one before stood in.
    pub checkpoints_lost: u64,
    /// Times that the disk was full for a while.
    pub full_disks: u64,
    /// Jumps of the wall clock.
    pub clock_jumps: u64,
    /// Writes of dead processes that landed in a later one's life.
    pub late_writes: u64,
    /// Unsynced sectors that power cuts took.
    pub lost_sectors: u64,
    /// Changes of names that power cuts took.
    pub lost_names: u64,
}

/// What must not happen, happened.
#[derive(Debug)]
pub struct Violation {
    /// The seed of the store that it happened to.
    pub seed: u64,
    /// The step of its life at which it showed.
    pub step: u64,
    /// Steps of the stores before it.
    pub steps_before: u64,
    /// What, and the last steps before.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { seed, step, what, steps_before: _ } = self;
        writeln!(f, "VIOLATION at step {step}: {what}")?;
        write!(f, "again with: cargo xtask sim --seed {seed:#x} --steps {STEPS_A_STORE}")
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let a_second = self.steps as f64 / self.elapsed.as_secs_f64().max(1e-9);
        writeln!(f, "steps              {:>12}   ({a_second:.0}/s)", self.steps)?;
        let Faults {
            kills,
            power_cuts,
            inside_openings,
            cold_errors,
            io_errors,
            flipped_bits,
            refused_bits,
            checkpoints_lost,
            full_disks,
            clock_jumps,
            late_writes,
            lost_sectors,
            lost_names,
        } = self.faults;
        let rows = [
            ("stores", self.stores),
            ("intents asked", self.asked),
            ("answers judged", self.answers),
            ("facts audited", self.facts),
            ("openings", self.openings),
            ("  from checkpoints", self.from_checkpoints),
            ("  audited behind checkpoints", self.audits_behind_checkpoints),
            ("at rest at ends", self.at_rest),
            ("segments archived", self.archived),
            ("kills", kills),
            ("power cuts", power_cuts),
            ("  inside openings", inside_openings),
            ("I/O errors", io_errors),
            ("  of the cold store", cold_errors),
            ("bits flipped", flipped_bits),
            ("  refused", refused_bits),
            ("  checkpoints lost", checkpoints_lost),
            ("full disks", full_disks),
            ("clock jumps", clock_jumps),
            ("late writes", late_writes),
            ("sectors lost", lost_sectors),
            ("names lost", lost_names),
        ];
        for (name, count) in rows {
            writeln!(f, "{name:<18} {count:>12}")?;
        }
        write!(f, "{:<18} {:>12}", "violations", 0)
    }
}

/// Lets one store after the other live, until so many steps are done. The first has this seed, the next the next.
///
/// # Errors
/// The first violation. A panic of what is simulated counts as one.
pub fn run(seed: u64, steps: u64) -> Result<Tally, Box<Violation>> {
    let began = Instant::now();
    let mut tally = Tally::default();
    while tally.steps < steps {
        let seed = seed.wrapping_add(tally.stores);
        let mut world = World::new(seed, (steps - tally.steps).min(STEPS_A_STORE));
        let lived = catch_unwind(AssertUnwindSafe(|| world.live(&mut tally)));
        let lived = lived.unwrap_or_else(|why| Err(said(&*why)));
        if let Err(what) = lived {
            let what = format!("{what}{}", world.story());
            return Err(Box::new(Violation { seed, step: world.step(), steps_before: tally.steps, what }));
        }
        tally.stores += 1;
    }
    tally.elapsed = began.elapsed();
    Ok(tally)
}

/// What a panic said.
fn said(why: &(dyn std::any::Any + Send)) -> String {
    let said = why.downcast_ref::<String>().cloned();
    said.or_else(|| why.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_else(|| "a panic".into())
}
