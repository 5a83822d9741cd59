//! `tidegate cluster`: the servers of a cluster store, made ready and looked at. They are asked themselves, so that it
//! works while no `serve` does.

mod overview;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use storage_cluster::links::{self, Servers};
use storage_cluster::mysql;

use super::admin::show::Shown;
use crate::cli::{print, say};
use crate::config::Config;
use crate::serve::servers;

pub use overview::{DatabaseNow, Overview};

/// Make the tables of a cluster store, and look at its servers
///
/// They are those of [store.cluster] in the configuration.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate cluster init --config tidegate.toml
Example: tidegate cluster status --config tidegate.toml")]
pub struct Cluster {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Init(Init),
    Status(Status),
    Slices(SlicesOf),
}

/// Make all tables, or bring them to this version's form; deal users out over the databases
///
/// Once for a cluster, and after each update. Done again it changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate cluster init --config tidegate.toml")]
struct Init {
    #[command(flatten)]
    named: Named,
}

/// Show whether each server lives, who has which users, and whether Redis and the databases agree on every shelf
///
/// Exits 1 when a server cannot be asked or does not fit, or a shelf does not agree.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate cluster status --config tidegate.toml --shelves 100")]
struct Status {
    #[command(flatten)]
    named: Named,
    /// How many shelves to show, those first that do not agree. With --json all are.
    #[arg(long, value_name = "N", default_value_t = 20)]
    shelves: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Show the tables that orders lie in, with their orders counted
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate cluster slices --config tidegate.toml")]
struct SlicesOf {
    #[command(flatten)]
    named: Named,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Which cluster.
#[derive(Debug, clap::Args)]
struct Named {
    /// The TOML file that names its servers; TIDEGATE_STORE_CLUSTER_<KEY> of the environment beats it.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
}

impl Named {
    fn servers(&self) -> anyhow::Result<Servers> {
        Ok(servers(&Config::load(self.config.as_deref())?.store_cluster)?)
    }
}

impl Cluster {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = runtime()?;
        match self.action {
            Action::Init(Init { named }) => runtime.block_on(init(&named.servers()?)),
            Action::Status(Status { named, shelves, json }) => {
                let overview = runtime.block_on(Overview::of(&named.servers()?))?;
                tell(&show::overview(&overview, shelves), json)?;
                Ok(if overview.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Action::Slices(SlicesOf { named, json }) => {
                let slices = runtime.block_on(slices(&named.servers()?))?;
                tell(&show::slices(&slices), json)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// What asks the servers: one thread, this one.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder
        .enable_all()
        .build()
        .context("no sockets can be waited for: raise the limit of open files (ulimit -n)")
}

async fn init(servers: &Servers) -> anyhow::Result<ExitCode> {
    links::init(servers).await?;
    let databases = servers.mysql.len();
    say(&format_args!("the tables are there in all {databases} databases; `tidegate serve` may start"));
    Ok(ExitCode::SUCCESS)
}

/// A database's name, and its slices.
type SlicesHere = (String, Vec<mysql::SliceHere>);

async fn slices(servers: &Servers) -> anyhow::Result<Vec<SlicesHere>> {
    let mut all = Vec::with_capacity(servers.mysql.len());
    for url in &servers.mysql {
        let database = mysql::Database::new(url, servers.limits)?;
        let here = mysql::slices_here(&mut database.lease().await?).await?;
        all.push((database.name().to_owned(), here));
    }
    Ok(all)
}

fn tell(shown: &Shown, json: bool) -> anyhow::Result<()> {
    let text = if json { format!("{:#}\n", shown.json) } else { shown.text.clone() };
    print(&text)
}
