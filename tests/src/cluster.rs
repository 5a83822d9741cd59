//! The servers of a cluster store, of a test's own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use servers::mariadb::Mariadb;
use servers::redis::Redis;
use tempfile::TempDir;

/// Databases of a cluster here; the first is the home.
pub const DATABASES: [&str; 2] = ["tidegate_0", "tidegate_1"];

/// Redis, and a mariadbd with [`DATABASES`], on private ports, and the configuration that names them. They end with
/// this value.
#[derive(Debug)]
pub struct Cluster {
    /// Gives units away.
    pub redis: Redis,
    /// Has all databases: to Tidegate they are as many servers.
    pub mariadb: Mariadb,
    folder: TempDir,
}

impl Cluster {
    /// Starts them, with nothing in the databases.
    ///
    /// # Panics
    /// Where one is not installed, or does not get ready.
    pub fn start() -> Cluster {
        let folder =
            tempfile::Builder::new().prefix("tidegate-cluster-").tempdir().expect("a temporary folder");
        let mariadb = Mariadb::start(&DATABASES).expect("mariadbd starts");
        let cluster = Cluster { redis: Redis::start(), mariadb, folder };
        let (redis, urls) = (cluster.redis.url(), DATABASES.map(|name| cluster.mariadb.url(name)));
        cluster.configure(&redis, &urls);
        cluster
    }

    /// Names other servers in the configuration.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn configure(&self, redis: &str, mysql: &[String]) {
        let text = format!("[store]\n{}", in_store(redis, mysql));
        fs::write(self.config(), text).expect("the folder is ours");
    }

    /// What a configuration's section `[store]` ends with to have these servers.
    pub fn in_store(&self) -> String {
        in_store(&self.redis.url(), &DATABASES.map(|name| self.mariadb.url(name)))
    }

    /// The configuration: what else a test wants goes in as variables or flags.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("tidegate.toml")
    }

    /// Runs a command to its end with this configuration: `tidegate <words> --config …`.
    ///
    /// # Panics
    /// Where the binary cannot be run.
    pub fn run(&self, binary: &str, words: &[&str]) -> Output {
        let config = self.config();
        Command::new(binary).args(words).arg("--config").arg(config).output().expect("the binary runs")
    }
}

/// With time for servers on a machine that does other things too.
fn in_store(redis: &str, mysql: &[String]) -> String {
    format!(
        "mode = \"cluster\"\n\n[store.cluster]\nredis = {redis:?}\nmysql = {mysql:?}\n\
         mysql_connect_ms = 5000\nmysql_acquire_ms = 5000\n"
    )
}
