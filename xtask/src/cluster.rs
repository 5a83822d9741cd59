//! `cargo xtask cluster up` and `down`: Redis and two MySQL shards on private ports of loopback, with all that they write
//! under `target/cluster/`, and the configuration that names them.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use servers::mariadb::{self, Mariadb};
use servers::redis::{Redis, RedisCluster, Sentinels};

use crate::tools;

/// Starts the servers of a cluster, or ends them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: cargo xtask cluster up --sentinel")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Installs what is missing (as root, with apt), starts Redis and two MySQL shards, prints the configuration.
    Up {
        /// A master, its replica and three sentinels.
        #[arg(long, conflicts_with = "redis_cluster")]
        sentinel: bool,
        /// Three masters that share the slots.
        #[arg(long)]
        redis_cluster: bool,
    },
    /// Ends them, and deletes what they wrote.
    Down,
}

const SHARDS: usize = 2;
const DATABASE: &str = "tidegate";
/// What a shard gets more than one of a test: room for its pages, and a log that is not full every second.
const ROOM: &[&str] = &["--innodb-buffer-pool-size=512M", "--innodb-log-file-size=256M"];
/// How long a server may take to end before it is killed.
const END_MAX: Duration = Duration::from_secs(20);

/// Starts or ends them.
pub fn run(args: &Args) -> Result<()> {
    match args.command {
        Command::Up { sentinel, redis_cluster } => up(sentinel, redis_cluster),
        Command::Down => down(),
    }
}

/// Gets the servers that the cluster store's tests start.
pub fn need_servers() -> Result<()> {
    for (program, package) in [
        ("redis-server", "redis-server"),
        ("mariadbd", mariadb::SERVER_PACKAGE),
        ("mariadb", mariadb::CLIENT_PACKAGE),
    ] {
        // Where only root looks for programs, too: not everybody has it in the path.
        if servers::find(program, package).is_err() {
            tools::need(program, package)?;
        }
    }
    Ok(())
}

fn folder() -> PathBuf {
    tools::root().join("target/cluster")
}

fn up(sentinel: bool, redis_cluster: bool) -> Result<()> {
    let folder = folder();
    if folder.join(PIDS).exists() {
        bail!("a cluster was started before: end it with `cargo xtask cluster down`");
    }
    need_servers()?;
    fs::create_dir_all(&folder)?;
    // All that the servers write goes where `down` finds it.
    if tempfile::env::override_temp_dir(&folder).is_err() {
        bail!("somebody chose another folder for temporary files");
    }
    let mut shards = Vec::new();
    for number in 0..SHARDS {
        let mut shard = Mariadb::start_in(&folder.join(format!("mariadb-{number}")), &[DATABASE])?;
        shard.restart_with(ROOM)?;
        shards.push(shard);
    }
    let mysql: Vec<String> = shards.iter().map(|shard| format!("\"{}\"", shard.url(DATABASE))).collect();
    let (redis, mut pids) = if sentinel {
        let servers = Sentinels::start();
        (servers.url(), servers.leave())
    } else if redis_cluster {
        let servers = RedisCluster::start();
        (servers.url(), servers.leave())
    } else {
        let server = Redis::start();
        (server.url(), vec![server.leave().0])
    };
    pids.extend(shards.into_iter().filter_map(Mariadb::leave));
    let lines: Vec<String> =
        pids.into_iter().filter_map(|pid| Some(format!("{pid} {}", born(pid)?))).collect();
    fs::write(folder.join(PIDS), lines.join("\n"))?;

    let configuration = configuration(&redis, &mysql);
    let file = folder.join("tidegate.toml");
    fs::write(&file, &configuration)?;
    println!("# {}\n{configuration}", file.display());
    Ok(())
}

fn configuration(redis: &str, mysql: &[String]) -> String {
    let mysql = mysql.join(", ");
    format!("[store]\nmode = \"cluster\"\n\n[store.cluster]\nredis = \"{redis}\"\nmysql = [{mysql}]\n")
}

/// A line a process: its id, and when it was born. An id alone may be somebody else's by the time of `down`.
const PIDS: &str = "pids";

fn down() -> Result<()> {
    let folder = folder();
    let Ok(lines) = fs::read_to_string(folder.join(PIDS)) else {
        bail!("no cluster was started here: `cargo xtask cluster up` starts one");
    };
    let ours: Vec<u32> = lines.lines().filter_map(still_runs).collect();
    for pid in &ours {
        signal(*pid, Signal::TERM);
    }
    let begun = Instant::now();
    while lines.lines().any(|line| still_runs(line).is_some()) {
        if begun.elapsed() > END_MAX {
            lines.lines().filter_map(still_runs).for_each(|pid| signal(pid, Signal::KILL));
        }
        thread::sleep(Duration::from_millis(50));
    }
    fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be deleted", folder.display()))?;
    println!("ended {} servers", ours.len());
    Ok(())
}

/// The process of a line, where it is still that one.
fn still_runs(line: &str) -> Option<u32> {
    let (pid, was_born) = line.split_once(' ')?;
    let pid = pid.parse().ok()?;
    (born(pid)? == was_born.parse::<u64>().ok()?).then_some(pid)
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It fails only where the process has ended meanwhile.
        let _ = kill_process(pid, signal);
    }
}

/// When a process was born, in ticks since the machine was started; nothing where it has ended.
fn born(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // Behind the name, which may have blanks and brackets: state is field 3, the birth field 22.
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    let state = fields.next()?;
    let born = fields.nth(18)?.parse().ok()?;
    (state != "Z").then_some(born)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_id_and_birth() {
        let own = std::process::id();
        let born = born(own).unwrap();
        assert_eq!(still_runs(&format!("{own} {born}")), Some(own));
        assert_eq!(still_runs(&format!("{own} {}", born + 1)), None, "another process with the id");
        assert_eq!(still_runs("4194305 1"), None, "no machine has so many processes");
        assert_eq!(still_runs("nonsense"), None);
    }

    #[test]
    fn the_configuration_names_every_server() {
        let mysql = ["\"mysql://a\"".to_string(), "\"mysql://b\"".to_string()];
        let text = configuration("redis://127.0.0.1:1", &mysql);
        assert!(text.contains("redis = \"redis://127.0.0.1:1\"\nmysql = [\"mysql://a\", \"mysql://b\"]\n"));
        assert!(text.starts_with("[store]\nmode = \"cluster\"\n"));
    }
}
