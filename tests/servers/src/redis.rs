//! Redis as an operator runs it: alone, with a replica and three sentinels, or as a Cluster of three masters.
//!
//! `noeviction`, an append-only file, no snapshots. What is written is in the file (of the page cache) before it is
//! answered, so a killed server comes back with all of it; `Redis::kill` then `Redis::restart` is a crash, and
//! [`Redis::restart_empty`] a lost disk.

mod cluster;
mod sentinel;

pub use cluster::RedisCluster;
pub use sentinel::Sentinels;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use tempfile::TempDir;

use crate::process::Process;
use crate::resp::{Reply, ask};
use crate::{Missing, find, ports, wait_until};

/// A port may be taken between the look and the start.
const START_TRIES: usize = 8;

/// The program and where it comes from.
const PROGRAM: (&str, &str) = ("redis-server", "redis-server");

/// Whether Redis is installed; what to install if not.
///
/// # Errors
/// [`Missing`].
pub fn installed() -> Result<(), Missing> {
    find(PROGRAM.0, PROGRAM.1).map(|_| ())
}

/// One redis-server.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
}

/// The append-only file of an instant, to come back with later.
#[derive(Debug)]
pub struct OldFiles(TempDir);

impl Redis {
    /// One server alone.
    ///
    /// # Panics
    /// Where it is not installed or does not start.
    pub fn start() -> Redis {
        Redis::start_with(&[])
    }

    /// One server with further settings, as words of its command line (`["--maxmemory", "8mb"]`).
    ///
    /// # Panics
    /// Where it is not installed or does not start.
    pub fn start_with(settings: &[&str]) -> Redis {
        for _ in 0..START_TRIES {
            let folder = tempfile::Builder::new().prefix("tidegate-redis-").tempdir().expect("a folder");
            let mut server = Redis {
                process: None,
                folder,
                port: ports::free(),
                settings: settings.iter().map(|word| (*word).into()).collect(),
            };
            if server.try_start() {
                return server;
            }
        }
        panic!("redis-server does not start, {START_TRIES} times on different ports");
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder: the log, and the append-only file.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends a command past every client that is under test.
    ///
    /// # Panics
    /// Where it does not answer, or with an error.
    pub fn ask(&self, words: &[&str]) -> Reply {
        match ask(self.port, words) {
            Ok(Reply::Error(why)) => panic!("{words:?}: {why}"),
            Ok(reply) => reply,
            Err(why) => panic!("{words:?}: {why}"),
        }
    }

    /// A line of INFO, empty where there is none.
    pub fn info(&self, section: &str, name: &str) -> String {
        let text = self.ask(&["INFO", section]).text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().to_owned()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// SIGSTOP: it takes connections and bytes, and answers nothing.
    pub fn pause(&self) {
        self.running().pause();
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.running().resume();
    }

    /// Kills it where it runs, and starts it on its port with what its append-only file has.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.try_start(), "redis-server does not come back; its log: {}", self.log());
    }

    /// The same, with nothing.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn restart_empty(&mut self) {
        self.kill();
        fs::remove_dir_all(self.files()).expect("its files can be removed");
        self.restart();
    }

    /// Copies the append-only file as it is now.
    ///
    /// # Panics
    /// Where it cannot be read.
    pub fn keep_files(&self) -> OldFiles {
        let folder = tempfile::Builder::new().prefix("tidegate-redis-old-").tempdir().expect("a folder");
        copy_files(&self.files(), folder.path()).expect("its files can be copied");
        OldFiles(folder)
    }

    /// Kills it, and starts it with files that were kept before: what was written since is lost.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn restart_with(&mut self, old: &OldFiles) {
        self.kill();
        fs::remove_dir_all(self.files()).expect("its files can be removed");
        fs::create_dir(self.files()).expect("its folder is there");
        copy_files(old.0.path(), &self.files()).expect("old files can be copied");
        self.restart();
    }

    /// FLUSHALL: every key is gone, the server is the same.
    pub fn flush_all(&self) {
        self.ask(&["FLUSHALL", "SYNC"]);
    }

    /// Leaves it running; its process id and its folder, which stay.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn leave(mut self) -> (u32, PathBuf) {
        let process = self.process.take().expect("it runs");
        (process.leave(), self.folder.keep())
    }

    /// What it wrote of itself.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("appendonlydir")
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("it runs")
    }

    /// False where its port was taken meanwhile.
    fn try_start(&mut self) -> bool {
        let mut command = command();
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--protected-mode", "no"]);
        command.arg("--dir").arg(self.folder.path());
        command.args(["--maxmemory-policy", "noeviction", "--save", "", "--appendonly", "yes"]);
        // A replica of a test is there at once, and an unpaused one does not need the master's whole state again.
        command.args(["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]);
        command.args(&self.settings);
        let log = self.folder.path().join("log");
        let mut process = Process::start(&mut command, &log).expect("redis-server can be started");
        let port = self.port;
        let mut runs = true;
        wait_until("redis-server answers", || {
            runs = process.is_running();
            !runs || matches!(ask(port, &["PING"]), Ok(Reply::Text(_)))
        });
        self.process = runs.then_some(process);
        runs
    }
}

/// # Panics
/// Where it is not installed: the message says what to do.
fn command() -> Command {
    Command::new(find(PROGRAM.0, PROGRAM.1).unwrap_or_else(|missing| panic!("{missing}")))
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(server: &Redis) -> Reply {
        server.ask(&["GET", "k"])
    }

    #[test]
    fn a_server_is_killed_comes_back_is_emptied_and_comes_back_old() {
        let mut server = Redis::start();
        server.ask(&["SET", "k", "1"]);
        server.restart();
        assert_eq!(get(&server), Reply::Text("1".into()), "the append-only file has it");
        let old = server.keep_files();
        server.ask(&["SET", "k", "2"]);
        server.restart_with(&old);
        assert_eq!(get(&server), Reply::Text("1".into()), "the old file has the old value");
        server.flush_all();
        assert_eq!(get(&server), Reply::Nil);
        server.ask(&["SET", "k", "3"]);
        server.restart_empty();
        assert_eq!(get(&server), Reply::Nil);
    }

    #[test]
    fn a_paused_server_says_nothing_and_goes_on_where_it_was() {
        let server = Redis::start();
        server.pause();
        let port = server.port();
        let asked = std::thread::spawn(move || ask(port, &["INCR", "k"]));
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!asked.is_finished(), "a stopped process answers nothing");
        server.resume();
        assert_eq!(asked.join().expect("no panic").expect("an answer"), Reply::Number(1));
    }

    #[test]
    fn the_pid_of_a_dropped_server_is_gone() {
        let server = Redis::start();
        let port = server.port();
        drop(server);
        assert!(ask(port, &["PING"]).is_err());
    }
}
