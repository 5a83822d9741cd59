//! Servers that others wrote, as the cluster store's tests need them: on a private port of loopback, with a folder of
//! their own, ended by pid when dropped, and mistreated on purpose: killed, paused, restarted old or empty, flushed.
//!
//! For tests, benches and `xtask` only; nothing that ships may use it. What a server says is asked without the client
//! that is under test ([`resp`]).

pub mod mariadb;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod resp;

use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fmt, thread};

/// How long a server may take until it answers, on a machine that does other things too.
pub const START_MAX: Duration = Duration::from_secs(30);

/// A program that is not installed. Its text says how it gets there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The program's name.
    pub program: &'static str,
    /// The Debian package that has it.
    pub package: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Missing { program, package } = self;
        write!(f, "{program} is not installed: `apt-get install {package}`")
    }
}

impl std::error::Error for Missing {}

/// Where a program lies: in `PATH`, or where Debian puts what only root starts.
///
/// # Errors
/// [`Missing`] where it is not.
pub fn find(program: &'static str, package: &'static str) -> Result<PathBuf, Missing> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .ok_or(Missing { program, package })
}

/// Looks again and again until it is so.
///
/// # Panics
/// Where it is not within [`START_MAX`]: what was waited for is in the message.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < START_MAX, "waited {START_MAX:?} in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
