//! `tidegate config`: shows the configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::print;
use crate::config::Config as Configuration;

/// Show the configuration
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate config print --default > tidegate.toml")]
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Print(Print),
}

/// Print the whole configuration as TOML, each key with a comment
///
/// Without --default it is the one that `serve` would run with: defaults, overruled by the file, overruled by
/// TIDEGATE_<SECTION>_<KEY> of the environment.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate config print --default > tidegate.toml
Example: TIDEGATE_SERVER_LISTEN=0.0.0.0:7171 tidegate config print --config tidegate.toml")]
struct Print {
    /// Print the defaults, whatever file and environment say.
    #[arg(long, conflicts_with = "config")]
    default: bool,
    /// The TOML file to read first.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
}

impl Config {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Action::Print(Print { default, config }) = self.action;
        let configuration =
            if default { Configuration::default() } else { Configuration::load(config.as_deref())? };
        print(&configuration.to_toml())?;
        Ok(ExitCode::SUCCESS)
    }
}
