//! The command line: which commands there are, and how their failures are told.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::commands;

/// The order server for flash sales: one binary, one port, nothing oversold.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 110)]
#[command(after_help = "Example: tidegate config print --default > tidegate.toml")]
struct Cli {
    /// What to log to stderr: error, warn, info, debug, trace, or a filter like «info,handlers=debug».
    #[arg(long, global = true, env = "TIDEGATE_LOG", default_value = "info", value_name = "LEVEL")]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Admin(commands::admin::Admin),
    Audit(commands::audit::Audit),
    Backup(commands::backup::Backup),
    Check(commands::check::Check),
    Cluster(commands::cluster::Cluster),
    Demo(commands::demo::Demo),
    Inspect(commands::inspect::Inspect),
    Load(Box<commands::load::Load>),
    Reconcile(commands::reconcile::Reconcile),
    Restore(commands::backup::Restore),
    Serve(commands::serve::Serve),
    VerifyBackup(commands::backup::VerifyBackup),
    Config(commands::config::Config),
}

/// The command was asked in a way that cannot work: exit 2, where any other failure exits 1.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadUsage(pub String);

/// Parses the command line, runs the command and tells its failure in one sentence on stderr.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            if told.use_stderr() && told.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                say(&in_a_sentence(&told));
                return ExitCode::from(2);
            }
            // Help, which is asked for (exit 0) or shown because no command was named (exit 2). When even printing
            // it fails there is nobody to tell.
            let _ = told.print();
            return if told.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    match start_log(&cli.log).and_then(|()| cli.command.run()) {
        Ok(code) => code,
        Err(failure) => {
            say(&format_args!("error: {failure:#}"));
            if failure.is::<BadUsage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// Writes text to stdout. A reader that went away (`| head`) is no failure of ours.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(failed) if failed.kind() != io::ErrorKind::BrokenPipe => Err(failed.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a line to stderr, where people read it. When that fails there is nobody to tell.
pub fn say(line: &dyn Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Command::Admin(command) => command.run(),
            Command::Audit(command) => command.run(),
            Command::Backup(command) => command.run(),
            Command::Check(command) => command.run(),
            Command::Cluster(command) => command.run(),
            Command::Demo(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Load(command) => command.run(),
            Command::Reconcile(command) => command.run(),
            Command::Restore(command) => command.run(),
            Command::Serve(command) => command.run(),
            Command::VerifyBackup(command) => command.run(),
            Command::Config(command) => command.run(),
        }
    }
}

/// Clap tells bad usage in paragraphs: what is wrong, perhaps a tip, the usage, where help is. One line is enough.
fn in_a_sentence(told: &clap::Error) -> String {
    let text = told.to_string();
    let paragraphs = text.split("\n\n").map(|it| it.split_whitespace().collect::<Vec<_>>().join(" "));
    let said = paragraphs
        .filter(|it| !it.is_empty() && !it.starts_with("Usage:") && !it.starts_with("For more information"));
    said.chain(["see --help".to_owned()]).collect::<Vec<_>>().join("; ")
}

fn start_log(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|_| {
        BadUsage(format!("--log {filter:?} is no log level: use error, warn, info, debug or trace"))
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn bad_usage_is_one_line_that_keeps_the_tip() {
        let told = Cli::try_parse_from(["tidegate", "serve", "--lisen", "1"]).expect_err("a typo");
        assert_eq!(
            in_a_sentence(&told),
            "error: unexpected argument '--lisen' found; tip: a similar argument exists: '--listen'; see --help"
        );
        let told = Cli::try_parse_from(["tidegate", "serve", "--listen", "here"]).expect_err("no address");
        assert!(!in_a_sentence(&told).contains('\n'));
    }

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "`{}` has no example in after_help", command.get_name());
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
