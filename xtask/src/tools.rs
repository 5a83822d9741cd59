//! Running other programs: cargo, python3, redis-server; finding out that one is missing, and getting it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::thread;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The folder of the workspace. Cargo says it anew at each run: what was compiled in may be another clone's, where
/// two share their build output.
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let said = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let xtask = said.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        xtask.parent().expect("xtask/ lies in the workspace's folder").to_path_buf()
    });
    &ROOT
}

/// The cargo that runs us, in the folder of the workspace.
pub fn cargo<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(args);
    command
}

/// Runs a command to its end with its output as it is, and fails when it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{} does not start", shown(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// Like [`run`], and gives each line of output to `each` after it was shown.
pub fn run_watched(command: &mut Command, each: &mut (dyn FnMut(&str) + Send)) -> Result<()> {
    if std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} does not start", shown(command)))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let each = Mutex::new(each);
    thread::scope(|threads| {
        threads.spawn(|| show_lines(out, std::io::stdout(), &each));
        threads.spawn(|| show_lines(err, std::io::stderr(), &each));
    });
    let status = child.wait()?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// The command as a person would type it.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut line = program.to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

/// True when the program starts and says its version.
pub fn is_there(program: &str, args: &[&str]) -> bool {
    let quiet = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// Builds a binary of the workspace and says where it lies.
pub fn build_binary(package: &str, release: bool) -> Result<PathBuf> {
    let mut command = cargo(["build", "--quiet", "--message-format", "json", "--package", package]);
    if release {
        command.arg("--release");
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("{} failed: mend what the compiler says above", shown(&command));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back();
    executable.with_context(|| format!("package {package} has no binary"))
}

/// Makes sure that a program is there. As root on a system with apt it is installed, its services kept from
/// starting; otherwise the error is the line to run.
pub fn need(program: &str, debian_package: &str) -> Result<()> {
    if is_there(program, &["--version"]) {
        return Ok(());
    }
    if !is_root() || !is_there("apt-get", &["--version"]) {
        bail!(
            "{program} is missing: install it first, on Debian with `sudo apt-get install {debian_package}`"
        );
    }
    eprintln!("{program} is missing: installing {debian_package} with apt");
    let _no_services = NoServices::begin()?;
    let apt =
        |args: &[&str]| run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(args));
    apt(&["update", "-qq"])?;
    apt(&["install", "-y", "-qq", "--no-install-recommends", debian_package])
}

/// While this lives, packages that are installed do not start their services. Debian asks this file first.
struct NoServices {
    made: bool,
}

impl NoServices {
    const POLICY: &str = "/usr/sbin/policy-rc.d";

    fn begin() -> Result<NoServices> {
        // One that is already there (containers ship it) says the same, or is somebody's wish.
        if Path::new(Self::POLICY).exists() {
            return Ok(NoServices { made: false });
        }
        fs::write(Self::POLICY, "#!/bin/sh\nexit 101\n")?;
        fs::set_permissions(Self::POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(NoServices { made: true })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.made && fs::remove_file(Self::POLICY).is_err() {
            eprintln!("remove {} by hand: it keeps services from starting", Self::POLICY);
        }
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Copies lines to `shown` as they come. Bytes that are no text are shown as such, not lost.
fn show_lines(from: Option<impl Read>, mut shown: impl Write, each: &Mutex<&mut (dyn FnMut(&str) + Send)>) {
    let Some(from) = from else { return };
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        // Nobody may be reading us any more; the work goes on, and its exit code still counts.
        let _ = shown.write_all(&line).and_then(|()| shown.flush());
        let text = without_colours(&String::from_utf8_lossy(&line));
        if let Ok(mut each) = each.lock() {
            each(text.trim_end());
        }
        line.clear();
    }
}

/// The text without the escape sequences that colour it.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            chars.find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(without_colours("\u{1b}[1;32m Summary\u{1b}[0m 3 passed"), " Summary 3 passed");
    }

    #[test]
    fn a_failing_command_is_named_and_its_lines_are_seen() {
        let mut seen = Vec::new();
        let mut sh = Command::new("sh");
        let why = run_watched(sh.args(["-c", "echo one; exit 3"]), &mut |line| seen.push(line.to_string()));
        assert_eq!(seen, ["one"]);
        assert!(why.unwrap_err().to_string().starts_with("sh -c echo one; exit 3 failed"));
    }
}
