//! `cargo xtask bench`: gets what the peers need, builds in release, and hands over to the `benches` crate.

use anyhow::Result;

use crate::tools;

/// What to measure. Everything is handed to the benches.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Flags of the benches, such as `--json bench.json`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds the server and the benches with all optimisations, and runs the benches.
pub fn run(args: &Args) -> Result<()> {
    let without_redis = ["--help", "-h", "--no-redis"];
    if !args.rest.iter().any(|arg| without_redis.contains(&arg.as_str())) {
        tools::need("redis-server", "redis-server")?;
    }
    let server = tools::build_binary("tidegate", true)?;
    let benches = tools::build_binary("benches", true)?;
    tools::run(std::process::Command::new(benches).env("TIDEGATE_BIN", server).args(&args.rest))
}
