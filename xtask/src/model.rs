//! `cargo xtask model`: searches the model of the cluster's protocol (`tests/cluster-model`) through scenarios, and prints
//! how much there was to try. A violation comes with its steps.

use std::time::Instant;

use anyhow::{Result, bail};
use cluster_model::{LARGE, Model, Mutation, Property, Rules, SCENARIOS, Scenario, search};

/// What to search.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples: cargo xtask model; cargo xtask model --large retries; \
                        cargo xtask model --without NoFenceOnCreate fail-over")]
pub struct Args {
    /// Only these scenarios; none named: all.
    scenarios: Vec<String>,
    /// The larger scenarios: a minute and some gigabytes each.
    #[arg(long)]
    large: bool,
    /// Break this rule, named as in docs/CLUSTER.md, and say what goes wrong.
    #[arg(long, value_parser = mutation)]
    without: Option<Mutation>,
    /// Give up on a scenario past this many states.
    #[arg(long, default_value_t = 60_000_000)]
    states_max: usize,
}

fn mutation(given: &str) -> Result<Mutation, String> {
    let named = Mutation::ALL.iter().find(|mutation| format!("{mutation:?}") == given);
    named.copied().ok_or_else(|| format!("no such rule; there are {:?}", Mutation::ALL))
}

/// Searches, and prints a row a scenario.
pub fn run(args: &Args) -> Result<()> {
    let all = if args.large { LARGE } else { SCENARIOS };
    let wanted = |scenario: &&Scenario| {
        args.scenarios.is_empty() || args.scenarios.iter().any(|name| name == scenario.name)
    };
    let chosen: Vec<&Scenario> = all.iter().filter(wanted).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = all.iter().map(|scenario| scenario.name).collect();
        bail!("no such scenario; there are: {}", names.join(", "));
    }
    let rules = args.without.map_or(Rules::KEPT, Rules::without);
    println!("{:24} {:>12} {:>13} {:>6} {:>8}", "scenario", "states", "steps", "depth", "seconds");
    for scenario in chosen {
        let started = Instant::now();
        let outcome = search(&Model { scenario: *scenario, rules }, Property::ALL, args.states_max);
        println!(
            "{:24} {:>12} {:>13} {:>6} {:>8.1}",
            scenario.name,
            outcome.states,
            outcome.steps,
            outcome.depth,
            started.elapsed().as_secs_f64()
        );
        if let Some(violation) = outcome.violation {
            bail!("in «{}», {violation}", scenario.name);
        }
        if !outcome.exhausted {
            bail!("«{}» has more than {} states", scenario.name, args.states_max);
        }
    }
    println!("everything that can happen was tried, and nothing goes wrong");
    Ok(())
}
