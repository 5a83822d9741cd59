//! A process of ours: started, paused, ended by its pid, never by its name.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to end when it is asked to.
const END_MAX: Duration = Duration::from_secs(20);

/// A running server. It is killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a command whose output goes to a file.
    ///
    /// # Errors
    /// The program cannot be started, or the file not be written.
    pub fn start(command: &mut Command, log: &Path) -> io::Result<Process> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Process { child })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGSTOP: it keeps its sockets, and answers nothing. Its threads stop one by one: waits for the last.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
        let begun = Instant::now();
        while !self.is_stopped() && begun.elapsed() < END_MAX {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(mut self) {
        self.kill_and_wait();
    }

    /// SIGTERM, and waits until it has ended as it likes; killed where it does not.
    pub fn end(mut self) -> Option<ExitStatus> {
        self.signal(Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < END_MAX {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Leaves it running when this process ends. Who does that ends it by the pid that comes back.
    pub fn leave(self) -> u32 {
        let pid = self.pid();
        std::mem::forget(self);
        pid
    }

    /// Whether every thread of it stands still. One that ends meanwhile does, too.
    fn is_stopped(&self) -> bool {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.pid())) else { return true };
        threads.flatten().all(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // Behind the name, which may have blanks and brackets, stands the state.
            stat.rsplit(')')
                .next()
                .is_none_or(|rest| rest.trim_start().starts_with(['T', 'Z', 'X']) || rest.is_empty())
        })
    }

    fn signal(&self, signal: Signal) {
        // It fails only where the process has ended, and then there is nothing left to stop or to wake.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    fn kill_and_wait(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_and_wait();
    }
}
