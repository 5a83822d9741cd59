//! The processes of a round: each ends with us, and all that it prints goes to a file.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail};

use crate::tools;

/// An opening replays a journal; this much is generous for seconds of load.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running `tidegate serve`.
pub(super) struct Server {
    pub address: SocketAddr,
    pub process: Process,
}

impl Server {
    /// Waits until it accepts connections.
    pub fn wait_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_err() {
            if self.process.has_ended()? {
                bail!("the server did not open its folder: {}", last_line(&self.process.log));
            }
            if started.elapsed() > READY_WITHIN {
                bail!("the server is not ready after {READY_WITHIN:?}; see {}", self.process.log.display());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Fails when it has ended by itself.
    pub fn still_runs(&mut self) -> Result<()> {
        if self.process.has_ended()? {
            bail!("the server ended by itself before it was killed: {}", last_line(&self.process.log));
        }
        Ok(())
    }

    /// Kill -9, and nothing else: no handler runs.
    pub fn kill(&mut self) -> Result<()> {
        // It may be gone: a server whose disk fails ends itself.
        if !self.process.has_ended()? {
            self.process.child.kill()?;
            self.process.child.wait()?;
        }
        Ok(())
    }

    /// SIGTERM: it drains and must end well.
    pub fn terminate(&mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.process.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let status = self.process.wait(READY_WITHIN)?;
        if !status.success() {
            bail!("the server did not drain well ({status}): {}", last_line(&self.process.log));
        }
        Ok(())
    }
}

/// A child that never outlives us; all it prints goes to a file.
pub(super) struct Process {
    child: Child,
    pub log: PathBuf,
}

impl Process {
    pub fn spawn(command: &mut Command, log: &Path) -> Result<Process> {
        let file = fs::File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{} does not start", tools::shown(command)))?;
        Ok(Process { child, log: log.to_path_buf() })
    }

    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    pub fn wait(&mut self, at_most: Duration) -> Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if started.elapsed() > at_most {
                bail!("it did not end within {at_most:?}; see {}", self.log.display());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program said last: its one sentence, where it failed.
pub(super) fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_string()
}
