//! A mariadbd of its own: private folder, private port of loopback, durable as the cluster store demands it, small.
//!
//! Making a data folder takes seconds and starting from a ready one a fraction of one, so the first start of a build
//! makes a folder beside the build's output and every start copies it. Who asks such a server something in a test does
//! it by [`Mariadb::sql`], with MariaDB's own client, not with the one under test.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::Process;
use crate::{START_MAX, find, ports};

/// Who connects. The password is no secret: the server listens on loopback only and its data is a test's.
pub const USER: &str = "tidegate";
/// See [`USER`].
pub const PASSWORD: &str = "tidegate";

/// The Debian package of mariadbd and mariadb-install-db.
pub const SERVER_PACKAGE: &str = "mariadb-server-core";
/// The Debian package of MariaDB's own client.
pub const CLIENT_PACKAGE: &str = "mariadb-client-core";

/// How long a connection may take to say its first bytes.
const GREETING_MAX: Duration = Duration::from_millis(500);

/// A mariadbd. It is killed when dropped, and its folder goes with it where it is a temporary one.
#[derive(Debug)]
pub struct Mariadb {
    process: Option<Process>,
    folder: PathBuf,
    port: u16,
    options: Vec<String>,
    _temporary: Option<TempDir>,
}

impl Mariadb {
    /// Starts one in a temporary folder, with these databases.
    ///
    /// # Errors
    /// mariadbd is not installed, or does not get ready: its last words are in the error.
    pub fn start(databases: &[&str]) -> io::Result<Mariadb> {
        let temporary = tempfile::Builder::new().prefix("tidegate-mariadb-").tempdir()?;
        let mut server = Mariadb::start_in(&temporary.path().join("server"), databases)?;
        server._temporary = Some(temporary);
        Ok(server)
    }

    /// Starts one in a folder that stays. What lies there from an earlier start is served again.
    ///
    /// # Errors
    /// As [`Mariadb::start`].
    pub fn start_in(folder: &Path, databases: &[&str]) -> io::Result<Mariadb> {
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        if !folder.join("data").is_dir() {
            copy_folder(&template()?, &folder.join("data"))?;
        }
        fs::write(folder.join("init.sql"), init_sql(databases))?;
        let mut server =
            Mariadb { process: None, folder, port: ports::free(), options: Vec::new(), _temporary: None };
        server.launch()?;
        Ok(server)
    }

    /// Where a client connects: `mysql://user:password@127.0.0.1:port/database`.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// Its port on loopback; the same for all its life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id; nothing while it is dead.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// SIGKILL: what it has not written is lost.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts it again on the same port and data, after [`Mariadb::kill`] or an orderly end that this begins with.
    ///
    /// # Errors
    /// It does not get ready.
    pub fn restart(&mut self) -> io::Result<()> {
        self.restart_with(&[])
    }

    /// Like [`Mariadb::restart`], with further options of mariadbd, until the next restart.
    ///
    /// # Errors
    /// It does not get ready.
    pub fn restart_with(&mut self, options: &[&str]) -> io::Result<()> {
        if let Some(process) = self.process.take() {
            process.end();
        }
        self.options = options.iter().map(ToString::to_string).collect();
        self.launch()
    }

    /// SIGSTOP: connections stay, and nothing answers.
    pub fn pause(&self) {
        if let Some(process) = &self.process {
            process.pause();
        }
    }

    /// SIGCONT.
    pub fn resume(&self) {
        if let Some(process) = &self.process {
            process.resume();
        }
    }

    /// Runs statements with MariaDB's own client: the rows of all of them, fields parted by tabs.
    ///
    /// # Errors
    /// The client is not installed, or a statement fails: what the server said.
    pub fn sql(&self, database: &str, statements: &str) -> io::Result<Vec<String>> {
        let client = find("mariadb", CLIENT_PACKAGE).map_err(missing)?;
        let output = Command::new(client)
            .args(["--no-defaults", "--batch", "--skip-column-names", "--protocol=tcp", "--host=127.0.0.1"])
            .arg(format!("--port={}", self.port))
            .args([format!("--user={USER}"), format!("--password={PASSWORD}")])
            .args([database, "--execute", statements])
            .output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_string()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_string).collect())
    }

    /// Leaves it running when this process ends. Who does that ends it by the pid that comes back.
    pub fn leave(mut self) -> Option<u32> {
        self.process.take().map(Process::leave)
    }

    fn launch(&mut self) -> io::Result<()> {
        let mariadbd = find("mariadbd", SERVER_PACKAGE).map_err(missing)?;
        let (data, log) = (self.folder.join("data"), self.folder.join("log"));
        let mut command = Command::new(mariadbd);
        command
            .arg("--no-defaults") // it has to be the first
            .args(as_root())
            .arg(option("datadir", &data))
            .arg(option("init-file", &self.folder.join("init.sql")))
            .arg(option("tmpdir", &self.folder))
            .arg(option("pid-file", &self.folder.join("pid")))
            // Relative to the data folder: the name of a unix socket has 107 bytes at most.
            .arg("--socket=socket")
            .arg(format!("--port={}", self.port))
            .args(OPTIONS)
            .args(&self.options);
        let mut process = Process::start(&mut command, &log)?;
        let begun = Instant::now();
        while !self.greets() {
            if !process.is_running() || begun.elapsed() > START_MAX {
                return Err(io::Error::other(format!("mariadbd does not get ready: {}", last_words(&log))));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.process = Some(process);
        Ok(())
    }

    /// Whether it sends its first packet. It listens earlier than it serves.
    fn greets(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let Ok(mut stream) = TcpStream::connect_timeout(&address, GREETING_MAX) else { return false };
        let mut head = [0; 5];
        let waits = stream.set_read_timeout(Some(GREETING_MAX));
        waits.is_ok() && stream.read_exact(&mut head).is_ok() && head[4] == PROTOCOL_VERSION
    }
}

/// The first byte of a greeting; an error packet begins with 255.
const PROTOCOL_VERSION: u8 = 10;

/// Small, for every start copies it; the same in the template, or each server would begin by making another one.
const LOG_FILE: &str = "--innodb-log-file-size=16M";

/// Durable as the cluster store demands; otherwise small, for a test's server shares its machine with others.
const OPTIONS: &[&str] = &[
    "--skip-networking=OFF",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--server-id=1",
    "--log-bin=binlog",
    "--binlog-format=ROW",
    "--sync-binlog=1",
    "--innodb-flush-log-at-trx-commit=1",
    "--transaction-isolation=READ-COMMITTED",
    "--innodb-lock-wait-timeout=2",
    "--innodb-buffer-pool-size=64M",
    LOG_FILE,
    "--performance-schema=OFF",
    "--max-connections=128",
];

/// Only who is told so by name runs as root.
fn as_root() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// Runs at each start, before anybody is served.
fn init_sql(databases: &[&str]) -> String {
    let mut sql = format!("CREATE OR REPLACE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n");
    let _ = writeln!(sql, "GRANT ALL ON *.* TO '{USER}'@'127.0.0.1';");
    for database in databases {
        let _ = writeln!(sql, "CREATE DATABASE IF NOT EXISTS `{database}`;");
    }
    sql
}

/// A data folder as mariadb-install-db leaves it, made once a build and version.
fn template() -> io::Result<PathBuf> {
    let mariadbd = find("mariadbd", SERVER_PACKAGE).map_err(missing)?;
    let install = find("mariadb-install-db", SERVER_PACKAGE).map_err(missing)?;
    let version = Command::new(mariadbd).arg("--version").stderr(Stdio::null()).output()?.stdout;
    let version = String::from_utf8_lossy(&version);
    // «mariadbd  Ver 10.11.4-MariaDB for debian-linux-gnu on x86_64»
    let version = version.split_whitespace().skip_while(|word| *word != "Ver").nth(1).unwrap_or("unknown");
    let build = std::env::current_exe()?;
    let build = build.parent().ok_or_else(|| io::Error::other("the program lies in no folder"))?;
    let template = build.join(format!("mariadb-template-{version}"));
    if template.is_dir() {
        return Ok(template);
    }
    // Several tests may be here at once: one makes it, the others wait. The lock goes with its file's last handle.
    let lock = File::create(build.join("mariadb-template.lock"))?;
    lock.lock()?;
    if template.is_dir() {
        return Ok(template);
    }
    let made = tempfile::Builder::new().prefix("mariadb-template-").tempdir_in(build)?;
    let output = Command::new(install)
        .args(["--no-defaults", "--basedir=/usr", "--skip-test-db"])
        .args(["--auth-root-authentication-method=normal", LOG_FILE])
        .args(as_root())
        .arg(option("datadir", made.path()))
        .arg(option("tmpdir", made.path()))
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("mariadb-install-db failed: {}", said.trim())));
    }
    fs::rename(made.keep(), &template)?;
    Ok(template)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The end of a log, for who has to say why.
fn last_words(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().rev().take(8).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

fn missing(missing: crate::Missing) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_serves_is_killed_and_comes_back_with_what_was_committed() {
        let mut server = Mariadb::start(&["a", "b"]).unwrap();
        server.sql("a", "CREATE TABLE t (n INT PRIMARY KEY); INSERT INTO t VALUES (1), (2)").unwrap();
        server.kill();
        assert!(server.sql("a", "SELECT 1").is_err());
        server.restart().unwrap();
        assert_eq!(server.sql("a", "SELECT n FROM t ORDER BY n").unwrap(), ["1", "2"]);
        assert!(server.sql("b", "SELECT n FROM t").unwrap_err().to_string().contains("1146"));
    }

    #[test]
    fn it_is_as_durable_as_the_store_demands() {
        let server = Mariadb::start(&["a"]).unwrap();
        let asked = "SELECT @@sync_binlog, @@innodb_flush_log_at_trx_commit, @@log_bin, @@tx_isolation, \
                     @@innodb_lock_wait_timeout, @@bind_address";
        assert_eq!(server.sql("a", asked).unwrap(), ["1\t1\t1\tREAD-COMMITTED\t2\t127.0.0.1"]);
    }
}
