//! End to end: the real program, real sockets, real crashes. The tests are in `tests/`; here is what they start
//! the program with.

pub mod cluster;
pub mod feed;
mod frozen;
mod small_disk;
pub mod wire;

pub use frozen::Frozen;
pub use small_disk::SmallDisk;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tempfile::TempDir;

/// A server is ready within this, or the test has failed.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running `tidegate serve` on a free port of this machine, with a folder of its own. It is killed when dropped.
#[derive(Debug)]
pub struct Server {
    binary: PathBuf,
    folder: TempDir,
    data: PathBuf,
    environment: Vec<(String, String)>,
    child: Child,
    address: String,
}

impl Server {
    /// Starts the binary and waits until it is ready. `binary` is `env!("CARGO_BIN_EXE_tidegate-under-test")`.
    ///
    /// # Panics
    /// Where it does not become ready: its log is the message.
    pub fn start(binary: &str) -> Server {
        Server::start_with(binary, &[])
    }

    /// The same with more flags of `serve`.
    ///
    /// # Panics
    /// Where it does not become ready: its log is the message.
    pub fn start_with(binary: &str, flags: &[&str]) -> Server {
        Server::start_in(binary, flags, &[])
    }

    /// The same with more variables of the environment, which it has again when it is restarted.
    ///
    /// # Panics
    /// Where it does not become ready: its log is the message.
    pub fn start_in(binary: &str, flags: &[&str], environment: &[(&str, &str)]) -> Server {
        Server::start_on(binary, None, flags, environment)
    }

    /// The same with a data folder elsewhere, which stays when it ends.
    ///
    /// # Panics
    /// Where it does not become ready: its log is the message.
    pub fn start_on(
        binary: &str,
        data: Option<&Path>,
        flags: &[&str],
        environment: &[(&str, &str)],
    ) -> Server {
        let folder = tempfile::Builder::new().prefix("tidegate-test-").tempdir().expect("a temporary folder");
        let data = data.map_or_else(|| folder.path().join("data"), Path::to_owned);
        let environment: Vec<_> =
            environment.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let log = folder.path().join("serve.log");
        let (child, address) =
            serve(Path::new(binary), &data, &log, flags, &environment).expect("the server starts");
        Server { binary: binary.into(), folder, data, environment, child, address }
    }

    /// Where it listens, host:port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A client of it that is not put off by a machine that stands still for some seconds.
    pub fn patiently(&self) -> tidegate_sdk::Builder {
        let long = Duration::from_secs(60);
        tidegate_sdk::Client::builder(&self.address).deadline(long).connect_within(long).silence_max(long)
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("serve.log")
    }

    /// Kill -9, and nothing else.
    ///
    /// # Panics
    /// Where it ended by itself before.
    pub fn kill(&mut self) {
        let ended = self.child.try_wait().expect("it is our child");
        assert!(ended.is_none(), "it ended by itself: {}", self.log());
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// SIGTERM, and what it ends with.
    ///
    /// # Panics
    /// Where it does not end within this time: its log is the message.
    pub fn terminate(&mut self, within: Duration) -> ExitStatus {
        self.ask_to_end();
        self.ended(within)
    }

    /// SIGTERM, and nothing else.
    ///
    /// # Panics
    /// Where it is not there any more.
    pub fn ask_to_end(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it is our child");
    }

    /// What it ends with.
    ///
    /// # Panics
    /// Where it does not end within this time: its log is the message.
    pub fn ended(&mut self, within: Duration) -> ExitStatus {
        let asked = Instant::now();
        loop {
            frozen::let_ended_ones_go(self.child.id());
            if let Some(ended) = self.child.try_wait().expect("it is our child") {
                return ended;
            }
            assert!(asked.elapsed() < within, "it does not end: {}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops one of its threads, the first whose name begins so, until the value is dropped.
    ///
    /// # Panics
    /// Where there is no such thread, or the system does not let us stop it.
    pub fn freeze(&self, name: &str) -> Frozen {
        Frozen::thread_of(self.child.id(), name)
    }

    /// Seconds of processor time that it has used.
    ///
    /// # Panics
    /// Where it is not there any more.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        // Behind the name, which may hold anything, fields 14 and 15 of proc(5) are at 11 and 12.
        let (_, fields) = stat.rsplit_once(')').expect("the name is in parentheses");
        let ticks = fields.split_whitespace().skip(11).take(2).map(|it| it.parse::<f64>().expect("ticks"));
        ticks.sum::<f64>() / rustix::param::clock_ticks_per_second() as f64
    }

    /// Starts it again on the same folder, and another port.
    ///
    /// # Panics
    /// Where it does not become ready: its log is the message.
    pub fn restart(&mut self) {
        self.restart_with(&[]);
    }

    /// The same with more flags of `serve`.
    ///
    /// # Panics
    /// Where it does not become ready: its log is the message.
    pub fn restart_with(&mut self, flags: &[&str]) {
        self.try_restart(flags).expect("the server starts");
    }

    /// The same where it may not start.
    ///
    /// # Errors
    /// What it said.
    pub fn try_restart(&mut self, flags: &[&str]) -> io::Result<()> {
        let (child, address) = serve(&self.binary, &self.data, &self.log_file(), flags, &self.environment)?;
        (self.child, self.address) = (child, address);
        Ok(())
    }

    /// Runs a command of the same binary to its end, with `TIDEGATE_TARGET` set to this server.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(&self.binary);
        command.args(args).env("TIDEGATE_TARGET", &self.address).current_dir(self.folder.path());
        command.stdin(Stdio::null()).output().expect("the binary starts")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts `serve` and reads where it listens from its ready line.
fn serve(
    binary: &Path,
    data: &Path,
    log: &Path,
    flags: &[&str],
    environment: &[(String, String)],
) -> io::Result<(Child, String)> {
    let mut child = Command::new(binary)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .arg("--data")
        .arg(data)
        .args(flags)
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(log)?)
        .spawn()?;
    let started = Instant::now();
    loop {
        let said = fs::read_to_string(log)?;
        let ready = said.lines().find_map(|line| line.split_once(" ready on "));
        if let Some(address) = ready.and_then(|(_, rest)| rest.split_once(": ")) {
            return Ok((child, address.0.to_string()));
        }
        if started.elapsed() > READY_WITHIN || child.try_wait()?.is_some() {
            let _ = child.kill();
            let _ = child.wait();
            return Err(io::Error::other(format!("it is not ready: {said}")));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Lets this process have so many files open, where the system allows it to.
///
/// # Panics
/// Where it does not.
pub fn allow_open_files(files: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < files) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(files), ..limit })
            .expect("the hard limit is higher");
    }
}
