//! `cargo xtask test`: every check of the project, one after the other, stopping at the first that fails. Its
//! last lines are the runners' own summaries and their sum, because that is what CI shows of a long log.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{cluster, crash, tidy, tools};

/// Which checks to run.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: cargo xtask test tidy tests")]
pub struct Args {
    /// Only these steps, in their usual order; none named: all.
    #[arg(value_parser = STEPS.map(|step| step.name))]
    steps: Vec<String>,
}

/// One check.
struct Step {
    name: &'static str,
    /// What to do when it fails.
    remedy: &'static str,
    run: fn(&mut Tally) -> Result<()>,
}

/// Cheap checks first: who forgot to format hears it in a second, not after ten minutes.
const STEPS: [Step; 10] = [
    Step { name: "fmt", remedy: "run `cargo fmt --all`", run: fmt },
    Step { name: "clippy", remedy: "mend what clippy names above", run: clippy },
    Step { name: "tidy", remedy: "do what each line above says", run: |_| tidy::run() },
    Step { name: "purity", remedy: "take `std` out of what domain/ depends on", run: purity },
    Step { name: "tests", remedy: "mend the tests named above", run: tests },
    Step {
        name: "planted",
        remedy: "make the simulated disk unkind enough to find the bug again",
        run: planted,
    },
    Step { name: "doc-tests", remedy: "mend the examples named above", run: doc_tests },
    Step { name: "python", remedy: "mend sdk/python, or the vectors it reads", run: python },
    Step { name: "crash", remedy: "run it again with the seed printed above", run: short_crash },
    Step { name: "power-cut", remedy: "run it again with the seed printed above", run: short_power_cut },
];

/// Runs the steps asked for.
pub fn run(args: &Args) -> Result<()> {
    let mut tally = Tally::default();
    let mut outcome = Ok(());
    for step in STEPS.iter().filter(|step| args.steps.is_empty() || args.steps.iter().any(|s| s == step.name))
    {
        println!("\n──── {} ────", step.name);
        let started = Instant::now();
        outcome = (step.run)(&mut tally).with_context(|| {
            format!("the step «{}» failed; {}, then run the tests again", step.name, step.remedy)
        });
        tally.steps.push((step.name, started.elapsed(), outcome.is_ok()));
        if outcome.is_err() {
            break;
        }
    }
    tally.print();
    outcome
}

/// What ran, and what the runners said of it.
#[derive(Default)]
struct Tally {
    steps: Vec<(&'static str, Duration, bool)>,
    /// The runners' own last lines.
    summaries: Vec<String>,
    passed: u64,
    failed: u64,
}

impl Tally {
    /// Reads one line of a runner of tests: nextest's or libtest's summary, or Python's two.
    fn note(&mut self, line: &str) {
        let line = line.trim();
        if line.starts_with("Summary [") || line.starts_with("test result: ") {
            self.passed += count_before(line, " passed");
            self.failed += count_before(line, " failed") + count_before(line, " timed out");
        } else if line.starts_with("Ran ") && line.contains(" test") {
            self.passed += line.split(' ').nth(1).and_then(|ran| ran.parse().ok()).unwrap_or(0);
        } else if line.starts_with("FAILED (") {
            let failed = count_after(line, "failures=") + count_after(line, "errors=");
            self.passed = self.passed.saturating_sub(failed);
            self.failed += failed;
        } else {
            return;
        }
        // Of the dozens of lines of `cargo test`, those of crates without such tests say nothing.
        if !line.contains(" 0 passed; 0 failed") {
            self.summaries.push(line.to_string());
        }
    }

    fn print(&self) {
        println!("\n──── what ran ────");
        for (name, elapsed, ok) in &self.steps {
            println!("{name:<10} {:<6} {:>7.1} s", if *ok { "ok" } else { "FAILED" }, elapsed.as_secs_f64());
        }
        println!();
        for summary in &self.summaries {
            println!("{summary}");
        }
        if self.passed + self.failed > 0 {
            println!("{} passed, {} failed", self.passed, self.failed);
        }
    }
}

fn fmt(_: &mut Tally) -> Result<()> {
    have_components()?;
    tools::run(&mut tools::cargo(["fmt", "--all", "--check"]))
}

fn clippy(_: &mut Tally) -> Result<()> {
    have_components()?;
    let flags = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    tools::run(&mut tools::cargo(flags))
}

/// Linking `domain` into a library with its own panic handler fails as soon as anything brings `std` along.
fn purity(_: &mut Tally) -> Result<()> {
    let manifest = "domain/purity/Cargo.toml";
    tools::run(&mut tools::cargo(["build", "--quiet", "--release", "--manifest-path", manifest]))
}

fn tests(tally: &mut Tally) -> Result<()> {
    cluster::need_servers()?;
    tools::need("redis-server", "redis-server")?;
    let nextest = tools::is_there("cargo-nextest", &["nextest", "--version"]);
    let mut command = if nextest {
        tools::cargo(["nextest", "run", "--workspace", "--no-fail-fast"])
    } else {
        tools::cargo(["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests", "--examples"])
    };
    tools::run_watched(&mut command, &mut |line| tally.note(line))
}

/// Apart from the other tests, because with this feature the store can be told to go wrong.
fn planted(tally: &mut Tally) -> Result<()> {
    let mut command =
        tools::cargo(["test", "--package", "sim", "--features", "planted", "--test", "planted"]);
    tools::run_watched(&mut command, &mut |line| tally.note(line))
}

fn doc_tests(tally: &mut Tally) -> Result<()> {
    let mut command = tools::cargo(["test", "--workspace", "--doc", "--no-fail-fast"]);
    tools::run_watched(&mut command, &mut |line| tally.note(line))
}

fn python(tally: &mut Tally) -> Result<()> {
    tools::need("python3", "python3")?;
    let mut command = Command::new("python3");
    // No bytecode: a test run leaves nothing behind in the tree.
    command.args(["-B", "-m", "unittest", "discover"]).current_dir(tools::root().join("sdk/python"));
    let before = tally.passed;
    tools::run_watched(&mut command, &mut |line| tally.note(line))?;
    if tally.passed == before {
        bail!("python3 found no tests in sdk/python");
    }
    Ok(())
}

fn short_crash(tally: &mut Tally) -> Result<()> {
    let summary = crash::rounds(&crash::Args::short())?;
    tally.summaries.push(summary);
    Ok(())
}

/// Where nothing can be mounted the rounds are not played, and the last lines of the run say so.
fn short_power_cut(tally: &mut Tally) -> Result<()> {
    let summary = match crash::rounds(&crash::Args::short_power_cut()) {
        Err(why) if why.is::<crash::NotHere>() => {
            let said = format!("power-cut: NOT RUN, nothing is proved about power cuts: {why}");
            println!("{said}");
            said
        }
        played => played?,
    };
    tally.summaries.push(summary);
    Ok(())
}

/// A minimal toolchain lacks rustfmt and clippy.
fn have_components() -> Result<()> {
    if tools::is_there("cargo", &["fmt", "--version"]) && tools::is_there("cargo", &["clippy", "--version"]) {
        return Ok(());
    }
    if !tools::is_there("rustup", &["--version"]) {
        bail!("rustfmt or clippy is missing: install the components of your Rust that bring them");
    }
    tools::run(Command::new("rustup").args(["component", "add", "rustfmt", "clippy"]))
}

/// The number that stands right before `word`; 0 where `word` is not there.
fn count_before(line: &str, word: &str) -> u64 {
    let Some((before, _)) = line.split_once(word) else { return 0 };
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
    digits.parse().unwrap_or(0)
}

/// The number that stands right after `word`; 0 where `word` is not there.
fn count_after(line: &str, word: &str) -> u64 {
    let Some((_, after)) = line.split_once(word) else { return 0 };
    let digits = after.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests_of_tally {
    use super::*;

    /// What the lines add up to, and how many of them are shown again.
    fn check(lines: &[&str], passed: u64, failed: u64, shown: usize) {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.note(line));
        assert_eq!((tally.passed, tally.failed, tally.summaries.len()), (passed, failed, shown), "{lines:?}");
    }

    #[test]
    fn every_runner_is_understood() {
        check(&["     Summary [   1.234s] 7 tests run: 7 passed, 0 skipped"], 7, 0, 1);
        check(&["Summary [ 9s] 9 tests run: 6 passed (1 slow), 2 failed, 1 timed out, 3 skipped"], 6, 3, 1);
        check(&["test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured"], 12, 0, 1);
        check(&["test result: FAILED. 12 passed; 2 failed; 0 ignored"], 12, 2, 1);
        check(&["test result: ok. 0 passed; 0 failed; 0 ignored"], 0, 0, 0);
        check(&["Ran 5 tests in 0.001s", "", "OK"], 5, 0, 1);
        check(&["Ran 5 tests in 0.001s", "", "FAILED (failures=1, errors=2)"], 2, 3, 2);
        check(&["test queue::summary ... ok", "7 passed the door"], 0, 0, 0);
    }
}
