//! `tidegate demo --cluster`: the same sale on a node of a cluster, and an audit by sums.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail};
use loadgen::{LoadPlan, Report, Scenario};
use storage_cluster::links;
use storage_cluster::shelf::ShelfKey;

use super::{Demo, OwnServer, went_well};
use crate::cli::{BadUsage, print, say};
use crate::commands::cluster::{Overview, runtime};
use crate::commands::load::{command_line, generator_core, publish, stop_on_signals};
use crate::config::Config;
use crate::serve::servers;

/// How long the sale goes on where nobody says: all servers share this machine with it.
const SECONDS: u32 = 10;

impl Demo {
    pub(super) fn run_on_cluster(self) -> anyhow::Result<ExitCode> {
        let stop = stop_on_signals()?;
        let brought = Brought::up(self.config.as_deref())?;
        let config = Config::load(Some(&brought.config))?;
        let servers = servers(&config.store_cluster)?;
        let runtime = runtime()?;
        runtime.block_on(links::init(&servers))?;
        let before = runtime.block_on(Overview::of(&servers))?;
        if !before.shelves.is_empty() {
            let used = "this cluster has shelves already: the demo sells from one with nothing in it";
            return Err(BadUsage(used.to_owned()).into());
        }

        let server = OwnServer::start("--config", brought.config.as_os_str())?;
        let mut plan = LoadPlan::new(&server.address, Scenario::Flash);
        (plan.seconds_max, plan.requests_max) = (Some(self.seconds.unwrap_or(SECONDS)), None);
        plan.core = generator_core();
        plan.command = command_line(None);
        let report = loadgen::run(&plan, &mut loadgen::bar(stop)).with_context(|| server.last_words())?;
        publish(&report, self.json.as_deref(), self.html.as_deref())?;
        // While the node lives: it ends what is left of orders on their way.
        let overview = runtime.block_on(Overview::of(&servers))?;
        let audited = audit(&overview, &report);
        server.end()?;

        let sold_as_planned = audited.and_then(|told| went_well(&report).map(|()| told));
        match &sold_as_planned {
            Ok(told) => print(&format!("\n  {told}\n{NEXT}"))?,
            Err(wrong) => say(&format_args!("\n  {wrong}")),
        }
        Ok(if sold_as_planned.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

const NEXT: &str = "
  Try next, with servers that stay:
    cargo xtask cluster up                                  Redis and two databases; prints their configuration
    tidegate cluster init --config target/cluster/tidegate.toml
    tidegate serve --config target/cluster/tidegate.toml    as often as you like, each with another --listen
    tidegate cluster status --config target/cluster/tidegate.toml
";

/// The units that buyers were promised are those that the databases sum up, and Redis has the rest.
fn audit(overview: &Overview, report: &Report) -> Result<String, String> {
    if !overview.is_well() || overview.shelves.is_empty() {
        return Err(
            "The audit FAILED: `tidegate cluster status` tells which server or shelf is wrong.".to_owned()
        );
    }
    let is_stock = |shelf: ShelfKey| matches!(shelf, ShelfKey::Stock(..));
    let stock = overview.shelves.iter().filter(|shelf| is_stock(shelf.shelf));
    let (left, in_redis) = stock.fold((0, 0), |(left, in_redis), shelf| {
        (left + shelf.left(), in_redis + shelf.in_redis.map_or(0, |it| it.units))
    });
    let signed = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
    let (had, promised) = (signed(report.stock_units), signed(report.accepted_units));
    // Who got no answer may have an order.
    let most = promised + signed(report.unknown);
    let sold = had - left;
    let sums = format!(
        "Audit by sums: {promised} units promised; the databases sum up {sold} of {had}, Redis has {in_redis} left"
    );
    if (promised..=most).contains(&sold) && sold <= had {
        Ok(sums)
    } else {
        Err(format!("{sums}: it FAILED."))
    }
}

/// The servers of the demo. Those that it started end with this value.
struct Brought {
    config: PathBuf,
    checkout: Option<PathBuf>,
}

impl Brought {
    fn up(config: Option<&Path>) -> anyhow::Result<Brought> {
        if let Some(config) = config {
            return Ok(Brought { config: config.to_owned(), checkout: None });
        }
        let here = env::current_dir().context("the folder that this was started in is gone")?;
        let Some(checkout) = here.ancestors().find(|folder| folder.join("xtask/Cargo.toml").is_file()) else {
            let told = "the demo starts a cluster's servers only in a checkout of Tidegate: run it there, or name the \
                        configuration of a cluster with --config";
            return Err(BadUsage(told.to_owned()).into());
        };
        say(&"starting Redis and two databases (cargo xtask cluster up)");
        xtask(checkout, "up")?;
        let config = checkout.join("target/cluster/tidegate.toml");
        Ok(Brought { config, checkout: Some(checkout.to_owned()) })
    }
}

impl Drop for Brought {
    fn drop(&mut self) {
        let Some(checkout) = &self.checkout else { return };
        if let Err(why) = xtask(checkout, "down") {
            say(&format_args!("the servers may still run ({why:#}): `cargo xtask cluster down` ends them"));
        }
    }
}

fn xtask(checkout: &Path, what: &str) -> anyhow::Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["xtask", "cluster", what]).current_dir(checkout).stdin(Stdio::null()).stdout(Stdio::null());
    let ended =
        command.status().context("cargo cannot be run: install Rust, or name a cluster with --config")?;
    if !ended.success() {
        bail!("`cargo xtask cluster {what}` failed: it says why above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_of_others_is_not_started_again() {
        let brought = Brought::up(Some(Path::new("mine.toml"))).unwrap();
        assert_eq!((brought.config.as_path(), brought.checkout.as_deref()), (Path::new("mine.toml"), None));
    }
}
