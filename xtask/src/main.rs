//! The project's own commands: `cargo xtask test`, `tidy`, `crash`, `sim`, `model`, `cluster`, `bench`,
//! `lifecycle`.
//! Each is a file here; this one only
//! names them. They need nothing but Rust and a C compiler, and say what to install where they need more.

mod bench;
mod cluster;
mod crash;
mod lifecycle;
mod model;
mod sim;
mod suite;
mod tidy;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything that must be green before a change lands; CI runs exactly this.
    Test(suite::Args),
    /// What a machine can see of our rules: arrows, licences, unsafe, docs held to code.
    Tidy,
    /// Kills a loaded server with -9, restarts it, and proves that nothing acknowledged was lost.
    Crash(crash::Args),
    /// Simulates stores over a disk that loses, tears, fails and rots; the plain model judges every answer.
    Sim(sim::Args),
    /// Tries everything that can happen to the cluster's protocol, at small bounds.
    Model(model::Args),
    /// Starts the servers that the cluster store needs, or ends them.
    Cluster(cluster::Args),
    /// Measures Tidegate beside its peers; what follows goes to the benches (try `--help`).
    Bench(bench::Args),
    /// Prints docs/LIFECYCLE.md from the table of an order's states.
    Lifecycle(lifecycle::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Test(args) => suite::run(&args),
        Command::Tidy => tidy::run(),
        Command::Crash(args) => crash::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Model(args) => model::run(&args),
        Command::Cluster(args) => cluster::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Lifecycle(args) => lifecycle::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why:#}");
            // 2 says: nothing was tried, for this machine lacks what it needs.
            if why.is::<crash::NotHere>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
