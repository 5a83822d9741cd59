//! `tidegate check`: whether this machine can serve, row by row, each with its remedy.
//!
//! A row judges numbers in a function of its own, without looking at the machine, so that every verdict has a test.

mod cluster;

use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use affinity::{Machine, Wishes};
use anyhow::Context;
use domain::{LedgerBounds, ShortBound};
use reactor::{Bounds, SetupError};
use rustix::process::{Resource, getrlimit};
use storage::embedded::disk::DurabilityPath;
use storage::embedded::{DiskBudget, DiskLevel, DiskUse, Expiry, Probe, Retention};

use super::cluster::{Overview, runtime};
use crate::cli::print;
use crate::config::Config;
use crate::serve::Settings;

/// Look whether this machine can serve: kernel, io_uring, limits, cores, disk, and whether the bounds fit each other
///
/// Prints a table with pass, warn or fail, and what to do. Exits 1 when something fails. It writes for some tens of
/// milliseconds beside the data folder, and leaves nothing behind. With [store] mode = "cluster" it looks at the servers
/// of [store.cluster] instead of disk and bounds.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate check --data /var/lib/tidegate")]
pub struct Check {
    /// The TOML file to read first.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
    /// The data folder whose disk to measure. It need not exist.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Check {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(self.config.as_deref())?;
        let Settings { store, cluster, wishes, .. } = Settings::of(&config)?;
        let rows = if let Some(servers) = cluster {
            let mut rows = machine(&Machine::read(None)?, &wishes);
            rows.extend(cluster::rows(&runtime()?.block_on(Overview::of(&servers))?));
            rows
        } else {
            let data = self.data.unwrap_or(config.store.data);
            let mut rows = look(&data, &store.disk)?;
            rows.push(orders(&store.ledger));
            rows.push(retention(&data, &store.retention));
            rows
        };
        print(&table(&rows, std::io::stdout().is_terminal()))?;
        let failed = rows.iter().any(|row| row.verdict == Fail);
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// One thing looked at.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    verdict: Verdict,
    what: &'static str,
    /// What there is. May have several lines.
    found: String,
    /// What to do about it; empty when nothing.
    remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    Warn,
    Fail,
}

use Verdict::{Fail, Pass, Warn};

fn look(data: &Path, budget: &DiskBudget) -> anyhow::Result<Vec<Row>> {
    let here = Machine::read(Some(data))?;
    let mut rows = machine(&here, &Wishes::default());
    rows.push(disk_interrupts(&here));
    rows.extend(disk(data, budget));
    Ok(rows)
}

fn machine(machine: &Machine, wishes: &Wishes) -> Vec<Row> {
    let uname = rustix::system::uname();
    let bounds = Bounds::DEFAULT;
    vec![
        kernel(&uname.release().to_string_lossy()),
        io_uring(reactor::try_out(&bounds)),
        descriptors(getrlimit(Resource::Nofile).current, bounds.connections as u64),
        locked_memory(getrlimit(Resource::Memlock).current),
        cores(machine, wishes),
    ]
}

fn row(verdict: Verdict, what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Row {
    Row { verdict, what, found: found.into(), remedy: remedy.into() }
}

fn kernel(release: &str) -> Row {
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    let version = numbers.next().zip(numbers.next());
    match version {
        Some(version) if version >= (6, 1) => row(Pass, "kernel", release, ""),
        Some(_) => row(Fail, "kernel", release, "run Linux 6.1 or later"),
        None => row(Warn, "kernel", release, "its version cannot be read; Linux 6.1 or later is needed"),
    }
}

/// Whether as many orders as are allowed can wait for payment.
fn orders(bounds: &LedgerBounds) -> Row {
    match bounds.short_of_orders() {
        None => row(Pass, "bounds", format!("{} orders can wait for payment at once", bounds.orders_max), ""),
        Some(ShortBound { name, value, needed }) => {
            // The configuration has no «_max» in its names.
            let name = name.trim_end_matches("_max");
            let found = format!("[bounds] {name} = {value} ends before orders = {}", bounds.orders_max);
            row(Warn, "bounds", found, format!("set {name} to {needed} or more, or fewer orders"))
        }
    }
}

/// What becomes of the journal's older segments.
fn retention(data: &Path, retention: &Retention) -> Row {
    let what = "journal";
    let Retention { bytes, seconds, expiry } = retention;
    let bounds = match (bytes, seconds) {
        (0, seconds) => format!("{seconds} s"),
        (bytes, 0) => format!("{} MiB", bytes >> 20),
        (bytes, seconds) => format!("{} MiB or {seconds} s", bytes >> 20),
    };
    let place = match expiry {
        Expiry::Keep => return row(Pass, what, "all of it is kept, for ever", ""),
        Expiry::Delete => return row(Pass, what, format!("what is beyond {bounds} is deleted"), ""),
        Expiry::Archive(place) => place,
    };
    let found = format!("what is beyond {bounds} goes to {}", place.display());
    let device = |folder: &Path| -> anyhow::Result<u64> { Ok(nearest(folder)?.metadata()?.dev()) };
    let is_inside = || -> anyhow::Result<bool> {
        Ok(std::path::absolute(place)?.starts_with(std::path::absolute(data)?))
    };
    match (is_inside(), device(place), device(data)) {
        (Ok(true), ..) => {
            row(Fail, what, found, "that lies in the data folder: name another [journal] archive_dir")
        }
        (Ok(false), Ok(theirs), Ok(ours)) if theirs == ours => {
            row(Pass, what, format!("{found}, on the same file system: without copying"), "")
        }
        (Ok(false), Ok(_), Ok(_)) => row(Pass, what, format!("{found}, by copying"), ""),
        (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => {
            row(Fail, what, format!("{found}: {why:#}"), "name another [journal] archive_dir")
        }
    }
}

fn io_uring(tried: Result<(), SetupError>) -> Row {
    match tried {
        Ok(()) => row(Pass, "io_uring", "a message was served through rings with the default bounds", ""),
        Err(error) => row(Fail, "io_uring", "does not serve here", error.to_string()),
    }
}

/// Descriptors that are no connections: rings, segments, standard streams.
const OTHER_DESCRIPTORS: u64 = 64;
/// With fewer than these, not even a small shop is served.
const DESCRIPTORS_MIN: u64 = 256;

fn descriptors(limit: Option<u64>, connections: u64) -> Row {
    let what = "open files";
    let wanted = connections + OTHER_DESCRIPTORS;
    let remedy =
        format!("for {connections} connections: ulimit -n {wanted}, or LimitNOFILE={wanted} for systemd");
    match limit {
        Some(limit) if limit < DESCRIPTORS_MIN => row(Fail, what, format!("RLIMIT_NOFILE {limit}"), remedy),
        Some(limit) if limit < wanted => row(Warn, what, format!("RLIMIT_NOFILE {limit}"), remedy),
        Some(limit) => row(Pass, what, format!("RLIMIT_NOFILE {limit}"), ""),
        None => row(Pass, what, "RLIMIT_NOFILE unlimited", ""),
    }
}

/// Kernels that count ring memory here want about this for a few reactors.
const LOCKED_BYTES_WANTED: u64 = 4 << 20;

fn locked_memory(limit: Option<u64>) -> Row {
    let what = "locked memory";
    match limit {
        Some(bytes) if bytes < LOCKED_BYTES_WANTED => row(
            Warn,
            what,
            format!("RLIMIT_MEMLOCK {} KiB", bytes >> 10),
            "should io_uring fail without root: ulimit -l 16384, or LimitMEMLOCK=16M for systemd",
        ),
        Some(bytes) => row(Pass, what, format!("RLIMIT_MEMLOCK {} KiB", bytes >> 10), ""),
        None => row(Pass, what, "RLIMIT_MEMLOCK unlimited", ""),
    }
}

fn cores(machine: &Machine, wishes: &Wishes) -> Row {
    match affinity::plan(machine, wishes) {
        Ok(plan) if machine.usable_cpus() == 1 => {
            let remedy = "one cpu serves, but clients and disk share it: give it two";
            row(Warn, "cores", plan.to_string(), remedy)
        }
        Ok(plan) => row(Pass, "cores", plan.to_string(), ""),
        Err(error) => row(Fail, "cores", "no plan", error.to_string()),
    }
}

fn disk_interrupts(machine: &Machine) -> Row {
    let what = "disk interrupts";
    match machine.disk_cpus.as_slice() {
        [] => row(Pass, what, "not found; nothing is kept off their cpu", ""),
        cpus => row(Pass, what, format!("arrive on cpu {}", list(cpus)), ""),
    }
}

fn list(cpus: &[usize]) -> String {
    cpus.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

/// The disk under the folder, or under its nearest parent that exists.
fn disk(data: &Path, budget: &DiskBudget) -> Vec<Row> {
    let folder = match nearest(data) {
        Ok(folder) => folder,
        Err(error) => {
            return vec![row(Fail, "data folder", format!("{error:#}"), "name another with --data")];
        }
    };
    let mut rows = vec![];
    let looked = rustix::fs::statvfs(&folder).map_err(std::io::Error::from).and_then(|stat| {
        let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
        // A folder that is not there yet takes nothing.
        if data.is_dir() { DiskUse::of(data) } else { Ok(DiskUse { folder_bytes: 0, free_bytes }) }
    });
    match looked {
        Ok(found) => rows.extend([space(found.free_bytes), within(budget, found)]),
        Err(error) => rows.push(row(Warn, "disk space", format!("cannot be read: {error}"), "")),
    }
    // In a folder of its own: a server that runs on the data folder is not disturbed, and nothing is left.
    let measured = tempfile::Builder::new()
        .prefix(".tidegate-check-")
        .tempdir_in(&folder)
        .and_then(|scratch| storage::embedded::probe(scratch.path()));
    match measured {
        Ok(probe) => rows.extend(sync_latency(&probe)),
        Err(error) => rows.push(cannot_probe(&folder, &error)),
    }
    rows
}

fn nearest(data: &Path) -> anyhow::Result<PathBuf> {
    let absolute = std::path::absolute(data).with_context(|| format!("{} is no path", data.display()))?;
    let found = absolute.ancestors().find(|folder| folder.exists()).context("no parent of it exists")?;
    anyhow::ensure!(found.is_dir(), "{} is a file", found.display());
    Ok(found.to_owned())
}

/// Below this the journal cannot even prepare its next segments.
const SPACE_MIN_BYTES: u64 = 256 << 20;
/// An hour or two of a busy sale.
const SPACE_WANTED_BYTES: u64 = 10 << 30;

fn space(free_bytes: u64) -> Row {
    let found = format!("{:.1} GiB free", free_bytes as f64 / f64::from(1 << 30));
    let remedy = "free some, or name another folder with --data";
    match free_bytes {
        free if free < SPACE_MIN_BYTES => row(Fail, "disk space", found, remedy),
        free if free < SPACE_WANTED_BYTES => row(Warn, "disk space", found, remedy),
        _ => row(Pass, "disk space", found, ""),
    }
}

/// What the data folder takes of what it may come to, as the server judges it.
fn within(budget: &DiskBudget, found: DiskUse) -> Row {
    let mib = |bytes: u64| bytes >> 20;
    let told = format!("{} of {} MiB", mib(found.folder_bytes), mib(budget.bytes_max(found)));
    let remedy = "free some, or raise [store] disk_budget_bytes";
    match budget.judge(found, DiskLevel::Enough) {
        DiskLevel::Enough => row(Pass, "disk budget", told, ""),
        DiskLevel::Warned => row(Warn, "disk budget", told, remedy),
        DiskLevel::Stopped => {
            row(Fail, "disk budget", format!("{told}: new orders are switched off"), remedy)
        }
    }
}

fn cannot_probe(folder: &Path, error: &std::io::Error) -> Row {
    let found = format!("{}: {error}", folder.display());
    let forbidden = [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem].contains(&error.kind());
    let remedy = if forbidden {
        "give the server's user a folder that it may write"
    } else if error.kind() == ErrorKind::InvalidInput {
        "this file system has no O_DIRECT: use ext4 or xfs on a disk of the machine (no tmpfs, no overlay)"
    } else {
        "name another folder with --data"
    };
    row(Fail, "disk writes", found, remedy)
}

/// A commit slower than this is felt by each buyer.
const COMMIT_US_SLOW: u64 = 5_000;
/// Durable in less than this is faster than any disk without a battery or capacitor: somebody only says so.
const COMMIT_US_TOO_FAST: u64 = 8;

fn sync_latency(probe: &Probe) -> [Row; 2] {
    let chosen = probe.faster_path();
    let by_dsync =
        latency("O_DSYNC writes", probe.dsync_us_p50, probe.dsync_us_p99, chosen == DurabilityPath::Dsync);
    let by_fsync =
        latency("write, fdatasync", probe.fsync_us_p50, probe.fsync_us_p99, chosen == DurabilityPath::Fsync);
    [by_dsync, by_fsync]
}

fn latency(what: &'static str, p50_us: u64, p99_us: u64, chosen: bool) -> Row {
    let note = if chosen { "; `auto` takes this one" } else { "" };
    let found = format!("4 KiB durable in p50 {p50_us} us, p99 {p99_us} us{note}");
    if chosen && p50_us > COMMIT_US_SLOW {
        row(
            Warn,
            what,
            found,
            "each order waits this long: use a disk with a write cache that survives power loss",
        )
    } else if chosen && p50_us < COMMIT_US_TOO_FAST {
        row(
            Warn,
            what,
            found,
            "no disk is so fast: make sure that it keeps what it acknowledges (no memory disk)",
        )
    } else {
        row(Pass, what, found, "")
    }
}

fn table(rows: &[Row], coloured: bool) -> String {
    let width = rows.iter().map(|row| row.what.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Row { verdict, what, found, remedy } in rows {
        let (word, colour) = match verdict {
            Pass => ("pass", "32"),
            Warn => ("warn", "33"),
            Fail => ("FAIL", "31"),
        };
        let word = if coloured { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() };
        let indent = " ".repeat(4 + 2 + width + 2);
        let found = found.lines().map(str::trim).collect::<Vec<_>>().join(&format!("\n{indent}"));
        let _ = writeln!(text, "{word}  {what:width$}  {found}");
        if !remedy.is_empty() {
            let _ = writeln!(text, "{indent}-> {remedy}");
        }
    }
    let count = |wanted: Verdict| rows.iter().filter(|row| row.verdict == wanted).count();
    let _ = writeln!(text, "{} passed, {} warned, {} failed", count(Pass), count(Warn), count(Fail));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(row: Row, verdict: Verdict) {
        assert_eq!(row.verdict, verdict, "{row:?}");
        assert_eq!(row.remedy.is_empty(), verdict == Pass, "what is wrong has a remedy: {row:?}");
    }

    #[test]
    fn an_archive_lies_beside_the_data_folder() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        let archived = |place: &str| Retention {
            bytes: 1 << 30,
            seconds: 0,
            expiry: Expiry::Archive(root.path().join(place)),
        };
        check(retention(&data, &archived("archive")), Pass);
        check(retention(&data, &archived("data/archive")), Fail);
        check(retention(&data, &Retention::DEFAULT), Pass);
        std::fs::write(root.path().join("file"), "").unwrap();
        check(retention(&data, &archived("file/archive")), Fail);
    }

    #[test]
    fn kernels_from_6_1_on_will_do() {
        check(kernel("6.1.0-18-amd64"), Pass);
        check(kernel("6.18.44"), Pass);
        check(kernel("7.0-rc1"), Pass);
        check(kernel("6.0.9"), Fail);
        check(kernel("5.15.0-generic"), Fail);
        check(kernel("unreadable"), Warn);
    }

    #[test]
    fn bounds_that_end_before_the_orders_do_are_named() {
        check(orders(&LedgerBounds::DEFAULT), Pass);
        let row = orders(&LedgerBounds { payments_max: 8_000_000, ..LedgerBounds::DEFAULT });
        assert_eq!(row.found, "[bounds] payments = 8000000 ends before orders = 8000000");
        assert_eq!(row.remedy, "set payments to 9000000 or more, or fewer orders");
        check(row, Warn);
    }

    #[test]
    fn a_ring_that_cannot_be_made_says_why() {
        check(io_uring(Ok(())), Pass);
        let row = io_uring(Err(SetupError::Forbidden));
        assert!(row.remedy.contains("kernel.io_uring_disabled=0"), "{row:?}");
        check(row, Fail);
    }

    #[test]
    fn limits_are_judged_by_what_is_served() {
        check(descriptors(Some(100), 16_384), Fail);
        check(descriptors(Some(1_024), 16_384), Warn);
        check(descriptors(Some(20_000), 16_384), Pass);
        check(descriptors(None, 16_384), Pass);
        check(locked_memory(Some(64 << 10)), Warn);
        check(locked_memory(Some(8 << 20)), Pass);
        check(locked_memory(None), Pass);
    }

    #[test]
    fn one_cpu_serves_but_two_are_better() {
        let cpu = |id| affinity::Cpu { id, core: id, node: 0 };
        let one = Machine { cpus: vec![cpu(0)], quota_millicpus: None, disk_cpus: vec![] };
        let cores = |machine: &Machine| cores(machine, &Wishes::default());
        check(cores(&one), Warn);
        let two = Machine { cpus: vec![cpu(0), cpu(1)], disk_cpus: vec![1], ..one.clone() };
        check(cores(&two), Pass);
        assert_eq!(disk_interrupts(&two).found, "arrive on cpu 1");
        check(cores(&Machine { cpus: vec![], ..one }), Fail);
    }

    #[test]
    fn disks_are_judged_by_the_path_that_auto_takes() {
        check(space(100 << 20), Fail);
        check(space(1 << 30), Warn);
        check(space(100 << 30), Pass);
        let probe = |dsync, fsync| Probe {
            dsync_us_p50: dsync,
            dsync_us_p99: dsync,
            fsync_us_p50: fsync,
            fsync_us_p99: fsync,
        };
        let verdicts = |probe: Probe| sync_latency(&probe).map(|row| row.verdict);
        assert_eq!(verdicts(probe(100, 130)), [Pass, Pass]);
        assert_eq!(verdicts(probe(9_000, 12_000)), [Warn, Pass]);
        assert_eq!(verdicts(probe(9_000, 7_000)), [Pass, Warn]);
        assert_eq!(verdicts(probe(2, 3)), [Warn, Pass]);
    }

    #[test]
    fn a_folder_that_cannot_be_used_says_why() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        std::fs::write(&file, "").unwrap();
        let rows = disk(&file.join("data"), &DiskBudget::DEFAULT);
        assert!(rows[0].found.contains("is a file"), "{rows:?}");
        check(rows.into_iter().next().unwrap(), Fail);
        check(cannot_probe(&file, &ErrorKind::PermissionDenied.into()), Fail);
        check(cannot_probe(&file, &ErrorKind::InvalidInput.into()), Fail);
    }

    #[test]
    fn a_folder_is_judged_by_its_budget() {
        let budget = DiskBudget { bytes: 100 << 20, ..DiskBudget::DEFAULT };
        for (mib, verdict) in [(79, Pass), (80, Warn), (90, Fail)] {
            let found = DiskUse { folder_bytes: mib << 20, free_bytes: 1 << 40 };
            let told = within(&budget, found);
            assert!(told.found.starts_with(&format!("{mib} of 100 MiB")), "{told:?}");
            check(told, verdict);
        }
    }

    #[test]
    fn looking_leaves_nothing_behind() {
        let scratch = tempfile::tempdir().unwrap();
        let rows = look(&scratch.path().join("not/there/yet"), &DiskBudget::DEFAULT).unwrap();
        assert!(rows.iter().any(|row| row.what == "O_DSYNC writes"), "{rows:?}");
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_table_is_plain_text() {
        let rows = [row(Pass, "kernel", "6.18", ""), row(Fail, "io_uring", "not\n  here", "do this")];
        let expected = "pass  kernel    6.18\nFAIL  io_uring  not\n                here\n                -> do \
                        this\n1 passed, 0 warned, 1 failed\n";
        assert_eq!(table(&rows, false), expected);
        assert!(table(&rows, true).starts_with("\x1b[32mpass\x1b[0m  kernel"));
    }
}
