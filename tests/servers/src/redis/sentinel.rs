//! A master, its replica, and three sentinels that promote the replica when the master is gone.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::{Redis, command};
use crate::process::Process;
use crate::resp::{Reply, ask};
use crate::{ports, wait_until};

/// What the sentinels call their master.
const SERVICE: &str = "tidegate";
/// How long a master may be silent before they promote; a test does not want to wait longer.
const DOWN_AFTER_MS: u32 = 400;
const SENTINELS: usize = 3;
const QUORUM: usize = 2;

/// The five servers.
#[derive(Debug)]
pub struct Sentinels {
    /// The first master.
    pub master: Redis,
    /// Its replica.
    pub replica: Redis,
    sentinels: Vec<(Process, u16)>,
    folder: TempDir,
}

impl Sentinels {
    /// Starts them, and waits until the replica has the master's state and the sentinels know it and each other.
    ///
    /// # Panics
    /// Where Redis is not installed or does not start.
    pub fn start() -> Sentinels {
        let master = Redis::start();
        let replica = Redis::start_with(&["--replicaof", "127.0.0.1", &master.port().to_string()]);
        wait_until("the replica has the master's state", || {
            replica.info("replication", "master_link_status") == "up"
        });
        let folder = tempfile::Builder::new().prefix("tidegate-sentinel-").tempdir().expect("a folder");
        let sentinels = (0..SENTINELS).map(|no| start_sentinel(&folder, no, master.port())).collect();
        let servers = Sentinels { master, replica, sentinels, folder };
        servers.wait_until_they_know_all();
        servers
    }

    /// Where clients find the sentinels.
    pub fn url(&self) -> String {
        let ports: Vec<u16> = self.sentinels.iter().map(|(_, port)| *port).collect();
        let nodes: String = ports[1..].iter().map(|port| format!("node=127.0.0.1:{port}&")).collect();
        format!("redis-sentinel://127.0.0.1:{}?{nodes}sentinelServiceName={SERVICE}", ports[0])
    }

    /// The replica misses what the master is told from here on. (A replica that was merely paused would find it in its
    /// socket. Sentinels promote one that has been cut off for some seconds only.)
    ///
    /// # Panics
    /// Where the replica does not notice.
    pub fn cut_off_replica(&self) {
        self.master.ask(&["ACL", "SETUSER", "default", "-psync", "-sync"]);
        self.master.ask(&["CLIENT", "KILL", "TYPE", "replica"]);
        wait_until("the replica is cut off", || {
            self.replica.info("replication", "master_link_status") == "down"
        });
    }

    /// The master is killed, and the replica is promoted with what it has.
    ///
    /// # Panics
    /// Where the sentinels do not promote it.
    pub fn fail_over(&mut self) {
        self.master.kill();
        let port = self.replica.port();
        wait_until("the sentinels promote the replica", || {
            self.replica.info("replication", "role") == "master"
                && self.sentinels.iter().all(|(_, sentinel)| master_of(*sentinel) == Some(port))
        });
    }

    /// Leaves all of them running: their process ids. Their folders stay.
    ///
    /// # Panics
    /// Where one does not run.
    pub fn leave(self) -> Vec<u32> {
        let _stays = self.folder.keep();
        let mut pids = vec![self.master.leave().0, self.replica.leave().0];
        pids.extend(self.sentinels.into_iter().map(|(process, _)| process.leave()));
        pids
    }

    fn wait_until_they_know_all(&self) {
        for (_, port) in &self.sentinels {
            wait_until("a sentinel knows the replica and the other sentinels", || {
                let of_master = |what: &str| match ask(*port, &["SENTINEL", what, SERVICE]) {
                    Ok(Reply::List(list)) => list.len(),
                    Ok(_) | Err(_) => 0,
                };
                of_master("replicas") == 1 && of_master("sentinels") == SENTINELS - 1
            });
        }
    }
}

/// Which port a sentinel calls the master's.
fn master_of(sentinel: u16) -> Option<u16> {
    match ask(sentinel, &["SENTINEL", "get-master-addr-by-name", SERVICE]).ok()? {
        Reply::List(address) => address.into_iter().nth(1)?.text().parse().ok(),
        Reply::Text(_) | Reply::Number(_) | Reply::Nil | Reply::Error(_) => None,
    }
}

fn start_sentinel(folder: &TempDir, no: usize, master: u16) -> (Process, u16) {
    let port = ports::free();
    let file = folder.path().join(format!("{no}.conf"));
    let settings = format!(
        "port {port}\nbind 127.0.0.1\nprotected-mode no\ndir {}\n\
         sentinel monitor {SERVICE} 127.0.0.1 {master} {QUORUM}\n\
         sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n\
         sentinel failover-timeout {SERVICE} 3000\n",
        folder.path().display()
    );
    fs::write(&file, settings).expect("a folder of ours");
    let mut command: Command = command();
    command.arg(&file).arg("--sentinel");
    let log = folder.path().join(format!("{no}.log"));
    let process = Process::start(&mut command, &log).expect("redis-server can be started");
    wait_until("a sentinel answers", || matches!(ask(port, &["PING"]), Ok(Reply::Text(_))));
    (process, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_that_was_cut_off_is_promoted_without_the_last_write() {
        let mut servers = Sentinels::start();
        servers.master.ask(&["SET", "k", "1"]);
        wait_until("the replica has it", || servers.replica.ask(&["GET", "k"]) == Reply::Text("1".into()));
        let before = servers.master.info("replication", "master_replid");
        servers.cut_off_replica();
        servers.master.ask(&["SET", "k", "2"]);
        servers.fail_over();
        assert_eq!(servers.replica.ask(&["GET", "k"]), Reply::Text("1".into()));
        assert_ne!(servers.replica.info("replication", "master_replid"), before, "another incarnation");
    }
}
