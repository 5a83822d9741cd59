//! `cargo xtask sim`: simulates stores over a disk in memory that loses, tears, fails and rots (`tests/sim`), and prints
//! what was done to them. A violation comes with its seed and the last steps before it.

use anyhow::{Result, bail};

/// How long to simulate, and from which seed on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: cargo xtask sim --steps 1000000")]
pub struct Args {
    /// Seed of the first store, decimal or 0x…; drawn and printed where none is given.
    #[arg(long, env = "TIDEGATE_SEED", value_parser = seed)]
    seed: Option<u64>,
    /// Turns of an engine and openings, over all stores.
    #[arg(long, default_value_t = 100_000)]
    steps: u64,
}

fn seed(given: &str) -> Result<u64, std::num::ParseIntError> {
    match given.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => given.parse(),
    }
}

/// Simulates, and prints the table.
pub fn run(args: &Args) -> Result<()> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed               {seed:#x}");
    match ::sim::run(seed, args.steps) {
        Ok(tally) => {
            println!("{tally}");
            Ok(())
        }
        Err(violation) => bail!("{violation}"),
    }
}
