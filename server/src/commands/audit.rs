//! `tidegate audit`: recomputes everything from facts with code of its own, and says which invariants hold.
//!
//! A folder is read from outside and changed by nothing. First the facts are judged alone; only when they make
//! sense are they replayed into a ledger, as a server would, and what that holds is compared with the sums. Where the
//! first facts were deleted, both begin with a checkpoint.

mod room;

use std::fmt::Write as _;
use std::fs::File;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use domain::fact::{Facts, Stamp};
use domain::intent::Envelope;
use domain::verdict::Holdings;
use domain::{Fact, Intent, Ledger, MicrosUtc, Rules, Verdict};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::Serialize;
use storage::embedded::FileDisk;
use storage::embedded::balance::{self, Beginning, NoBalance};
use storage::embedded::cold::ColdView;
use storage::embedded::reader::Reading;
use tidegate_sdk::blocking::Client;
use tidegate_sdk::{Error, Refused, Status};

use self::room::Room;
use super::admin::told;
use crate::begun::Begun;
use crate::cli::{BadUsage, print};
use crate::config::Config;
use crate::folders::{ArchiveFlag, Folders, WholeJournal};
use crate::serve::Settings;

/// Recompute everything from the facts, and say which invariants hold
///
/// Prints each invariant with what it counted, and exits 1 when one fails. With --data it reads a folder that no
/// server uses, and changes nothing; with --target a server audits itself at a fixed position while orders go on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate audit --data /var/lib/tidegate
Example: tidegate audit --target 127.0.0.1:7171 --json")]
pub struct Audit {
    /// The data folder to read.
    #[arg(long, value_name = "DIR", required_unless_present = "target")]
    data: Option<PathBuf>,
    /// The server to ask.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "data")]
    target: Option<String>,
    #[command(flatten)]
    archive: ArchiveFlag,
    /// The TOML file of the folder's server: how long it remembers requests, and where its archive is.
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
    /// Print one JSON object instead of the table.
    #[arg(long)]
    json: bool,
}

/// What an audit found, wherever it was made.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// Every invariant holds.
    pub ok: bool,
    /// Position that it began behind, with a checkpoint as the opening balance; 0: with the first fact.
    pub begins_behind: u64,
    /// Position of the last fact looked at; 0 where there is none.
    pub position: u64,
    /// Units that ever came to the shelves.
    pub stock: i64,
    /// Units sold, those that came back later included.
    pub sold: u64,
    /// Units that unpaid orders hold.
    pub held: u64,
    /// Orders made.
    pub orders: u64,
    /// Units promised beyond what their shelf had.
    pub oversold: u64,
    /// Orders made again: for a request that had made one, or under an id that was taken.
    pub duplicate_orders: u64,
    /// Orders that the facts made and the store does not hold.
    pub lost: u64,
    /// How long it took.
    pub millis: u64,
    /// Every invariant that was judged.
    pub invariants: Vec<Judged>,
}

/// One invariant, and how it fared.
#[derive(Debug, Serialize)]
pub struct Judged {
    /// Short and stable: what scripts look for.
    pub name: String,
    /// What it says, in a sentence.
    pub says: &'static str,
    /// How often it was looked at.
    pub counted: u64,
    /// How often it did not hold.
    pub violations: u64,
    /// The first violation in words, with its position. A server keeps it in its log.
    pub first: Option<String>,
}

impl Audit {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let finding = match (self.data, self.target) {
            (Some(data), _) => {
                let config = Config::load(self.config.as_deref())?;
                let rules = Settings::of(&config)?.store.rules;
                audit_folder(&self.archive.beside(&data, Some(&config))?, rules)?
            }
            (None, Some(target)) => audit_server(&target)?,
            (None, None) => {
                return Err(BadUsage("name a folder with --data, or a server with --target".into()).into());
            }
        };
        let text = if self.json {
            format!("{}\n", serde_json::to_string_pretty(&finding)?)
        } else {
            table(&finding, std::io::stdout().is_terminal())
        };
        print(&text)?;
        Ok(if finding.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Audits a folder that no server uses, up to its end.
///
/// # Errors
/// Where a server uses it, it holds no journal, or neither its first fact nor a checkpoint to begin with. A journal that
/// cannot be read on from there is a finding.
pub fn audit_folder(folders: &Folders, rules: Rules) -> anyhow::Result<Finding> {
    let data = &folders.data;
    let _unused = hold_still(data)?;
    let began = Instant::now();
    let mut replay = Replay::of(folders, rules, u64::MAX)?;
    let reading = replay.read(u64::MAX, |_, _| ());
    if reading.summary.segments == 0 && reading.damage.is_none() {
        anyhow::bail!("{} holds no journal: name the data folder of a server", data.display());
    }
    if let Some(damage) = reading.damage {
        replay.begun.auditor.cannot_go_on(&damage.to_string());
    }
    // The journal is read twice: the auditor judges an entry when it has all of it, and a ledger panics over facts
    // that contradict each other. So it gets them when all are known to be sound, and then room is known as well.
    let sound = replay.begun.auditor.sound_so_far();
    let held = if sound { Some(holdings(replay.ledger(u64::MAX)?)) } else { None };
    let report = replay.begun.auditor.finish(held.as_ref());
    Ok(finding(&report, reading.summary.facts, began))
}

/// The ledger of a folder that no server uses, as a server would have it, and the time of its last fact. The facts are
/// audited before, and `each` sees them, from the first one on.
///
/// # Errors
/// Where the folder cannot be read or is used, or the facts do not pass.
pub(super) fn ledger_of(
    folders: &Folders,
    rules: Rules,
    mut each: impl FnMut(&Stamp, &Fact<'_>),
) -> anyhow::Result<(Ledger, MicrosUtc)> {
    let _unused = hold_still(&folders.data)?;
    let replay = Replay::of_all(folders, rules)?;
    let (ledger, now, _) = replay.through(u64::MAX, &mut each)?;
    Ok((ledger, now))
}

/// The ledger up to a position (a fact in the middle of an entry brings the whole entry) of a folder that may be used,
/// the time of its last fact, and that fact's position.
///
/// # Errors
/// Where the folder cannot be read, or the facts do not pass.
pub(super) fn ledger_through(
    folders: &Folders,
    rules: Rules,
    through: u64,
) -> anyhow::Result<(Ledger, MicrosUtc, u64)> {
    Replay::of(folders, rules, through)?.through(through, &mut |_, _| ())
}

/// A journal that is judged and then replayed.
struct Replay {
    disk: WholeJournal,
    rules: Rules,
    /// The orders at rest, where it begins behind a checkpoint.
    cold: Option<ColdView>,
    begun: Begun,
    room: Room,
}

impl Replay {
    /// From where its facts begin, which is at `through` or before.
    fn of(folders: &Folders, rules: Rules, through: u64) -> anyhow::Result<Replay> {
        let beginning = match balance::beginning(&folders.journal(), through) {
            // Reading the journal says what is wrong with it.
            Err(NoBalance::Damaged(_)) => Beginning::First,
            beginning => beginning?,
        };
        Replay::from(folders, rules, beginning)
    }

    /// From its first fact on; where that is gone, reading says so.
    fn of_all(folders: &Folders, rules: Rules) -> anyhow::Result<Replay> {
        Replay::from(folders, rules, Beginning::First)
    }

    fn from(folders: &Folders, rules: Rules, beginning: Beginning) -> anyhow::Result<Replay> {
        let disk = folders.journal();
        let cold = match &beginning {
            Beginning::First => None,
            Beginning::Behind(_) => ColdView::open(&FileDisk::at(&folders.data))?,
        };
        let mut room = Room::default();
        let at_rest = cold.as_ref().map(ColdView::at_rest);
        let begun = Begun::at(&disk, beginning, rules, at_rest, |order| room.make_for_order(order))?;
        room.make_for_ends(begun.open_holds);
        Ok(Replay { disk, rules, cold, begun, room })
    }

    /// Judges the facts up to a position.
    fn read(&mut self, through: u64, mut each: impl FnMut(&Stamp, &Fact<'_>)) -> Reading {
        let room = &mut self.room;
        self.begun.read(&self.disk, through, |record| {
            room.make_for(record.fact);
            each(record.stamp, record.fact);
        })
    }

    /// Judges the facts up to a position, and replays them: the ledger, the time of the last one, and its position.
    fn through(
        mut self,
        through: u64,
        each: &mut impl FnMut(&Stamp, &Fact<'_>),
    ) -> anyhow::Result<(Ledger, MicrosUtc, u64)> {
        let reading = self.read(through, each);
        if let Some(damage) = reading.damage {
            anyhow::bail!("{damage}");
        }
        if reading.summary.segments == 0 {
            anyhow::bail!("it holds no journal: name the data folder of a server");
        }
        if !self.begun.auditor.sound_so_far() {
            anyhow::bail!("its facts contradict each other: `tidegate audit --data` says where");
        }
        let (ledger, now) = self.ledger(through)?;
        Ok((ledger, now, reading.summary.facts))
    }

    /// A ledger that replays the journal up to a position, and the time of its last fact. The facts were read up to
    /// there and passed the audit, so they contradict nothing.
    fn ledger(&self, through: u64) -> anyhow::Result<(Ledger, MicrosUtc)> {
        let Replay { disk, rules, cold, begun, room } = self;
        let mut ledger = match &begun.checkpoint {
            None => Ledger::new(room.bounds(), *rules, 0),
            Some(checkpoint) => {
                let at_rest = cold.as_ref().map(ColdView::at_rest);
                checkpoint.whole_ledger(disk, at_rest, *rules, room.bounds())?
            }
        };
        let mut now = ledger.last_entry_at();
        begun.read_again(disk, through, |record| {
            now = record.stamp.at;
            ledger.replay(record.stamp, record.fact).expect("its bounds were made for these facts");
        });
        Ok((ledger, now))
    }
}

/// Asks a server to audit itself.
fn audit_server(target: &str) -> anyhow::Result<Finding> {
    let builder = tidegate_sdk::Client::builder(target).connections(1).client_name("tidegate-audit");
    let client = Client::connect_with(builder).map_err(|why| told(why, target))?;
    let told = client.wait(client.audit()).map_err(|why| {
        if let Error::Refused(Refused { status: Status::SwitchedOff, .. }) = why {
            return anyhow::anyhow!(
                "the server at {target} has more orders than requests.audit_orders: audit a backup with --data"
            );
        }
        told(why, target)
    })?;
    let invariants = told.invariants.into_iter().map(|(name, counted, violations)| Judged {
        says: model::says(&name).unwrap_or("(an invariant of another version of Tidegate)"),
        name,
        counted,
        violations,
        first: None,
    });
    Ok(Finding {
        ok: told.ok,
        begins_behind: told.begins_behind,
        position: told.position,
        stock: told.stock,
        sold: told.sold,
        held: told.held,
        orders: told.orders,
        oversold: told.oversold,
        duplicate_orders: told.duplicate_orders,
        lost: told.lost,
        millis: told.millis,
        invariants: invariants.collect(),
    })
}

/// Takes the folder's lock as a reader, which a folder on a read-only disk has as well: no server can start on it
/// until the value is dropped.
fn hold_still(data: &Path) -> anyhow::Result<File> {
    let name = data.display();
    let folder = File::open(data).with_context(|| format!("{name} cannot be read: name a data folder"))?;
    match flock(&folder, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(folder),
        Err(Errno::WOULDBLOCK) => {
            anyhow::bail!("{name} is used by a server: ask that with --target, or audit a copy")
        }
        Err(failed) => Err(failed).with_context(|| format!("{name} cannot be locked")),
    }
}

fn holdings((mut ledger, now): (Ledger, MicrosUtc)) -> Holdings {
    struct Silence;
    impl Facts for Silence {
        fn begin(&mut self, _: &Stamp) {}
        fn fact(&mut self, _: &Fact<'_>) {}
        fn end(&mut self) {}
    }
    let Verdict::Holdings(held) = ledger.apply(now, Envelope::default(), &Intent::Holdings, &mut Silence)
    else {
        unreachable!("a ledger answers HOLDINGS with what it holds");
    };
    *held
}

fn finding(report: &model::AuditReport, position: u64, began: Instant) -> Finding {
    // Sums pass 64 bits only where the journal is nonsense, and then the invariants tell.
    let wide = |sum: i128| u64::try_from(sum.max(0)).unwrap_or(u64::MAX);
    let totals = report.totals;
    Finding {
        ok: report.ok(),
        begins_behind: report.begins_behind,
        position,
        stock: i64::try_from(totals.stock).unwrap_or(if totals.stock < 0 { i64::MIN } else { i64::MAX }),
        sold: wide(totals.sold),
        held: wide(totals.held),
        orders: totals.orders.iter().sum(),
        oversold: wide(totals.oversold),
        duplicate_orders: totals.duplicate_orders,
        lost: totals.lost,
        millis: began.elapsed().as_millis() as u64,
        invariants: (report.invariants.iter())
            .map(|it| Judged {
                name: it.name.into(),
                says: it.says,
                counted: it.counted,
                violations: it.violations,
                first: it.first.clone(),
            })
            .collect(),
    }
}

/// The finding for a person: a row an invariant, the totals, and the verdict last.
fn table(finding: &Finding, coloured: bool) -> String {
    let paint = |word: &str, colour: &str| match coloured {
        true => format!("\x1b[{colour}m{word}\x1b[0m"),
        false => word.to_owned(),
    };
    let width = finding.invariants.iter().map(|it| it.name.len()).max().unwrap_or(0).max("invariant".len());
    let mut text =
        format!("      {:width$}  {:>13}  {:>10}  what it says\n", "invariant", "counted", "violations");
    for Judged { name, says, counted, violations, first } in &finding.invariants {
        let word = if *violations == 0 { paint("ok", "32") + "  " } else { paint("FAIL", "31") };
        let (counted, violations) = (grouped(*counted), grouped(*violations));
        let _ = writeln!(text, "{word}  {name:width$}  {counted:>13}  {violations:>10}  {says}");
        if let Some(first) = first {
            let _ = writeln!(text, "      {:width$}  first {first}", "");
        }
    }
    let _ = writeln!(
        text,
        "\nstock {}{}, sold {}, held {}, orders {}; oversold {}, duplicate orders {}, lost {}",
        if finding.stock < 0 { "-" } else { "" },
        grouped(finding.stock.unsigned_abs()),
        grouped(finding.sold),
        grouped(finding.held),
        grouped(finding.orders),
        grouped(finding.oversold),
        grouped(finding.duplicate_orders),
        grouped(finding.lost)
    );
    if finding.begins_behind > 0 {
        let behind = grouped(finding.begins_behind);
        let _ = writeln!(text, "began behind position {behind}, with a checkpoint as the opening balance");
    }
    let failed: Vec<_> =
        (finding.invariants.iter()).filter(|it| it.violations > 0).map(|it| it.name.as_str()).collect();
    let verdict = match finding.ok {
        true => format!("{}: {} invariants hold", paint("ok", "32"), finding.invariants.len()),
        false => format!("{}: {}", paint("FAILED", "31"), failed.join(", ")),
    };
    let _ = writeln!(text, "{verdict}, up to position {} ({} ms)", grouped(finding.position), finding.millis);
    text
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_what_failed_and_where() {
        let judged = |name: &str, violations, first: Option<&str>| Judged {
            name: name.into(),
            says: "all is well",
            counted: 1_234_567,
            violations,
            first: first.map(str::to_owned),
        };
        let finding = Finding {
            ok: false,
            begins_behind: 900,
            position: 1_000,
            stock: 10,
            sold: 0,
            held: 7,
            orders: 3,
            oversold: 0,
            duplicate_orders: 0,
            lost: 0,
            millis: 4,
            invariants: vec![
                judged("time", 0, None),
                judged("money", 2, Some("at position 9: a cent is missing")),
            ],
        };
        let expected = "      \
      invariant        counted  violations  what it says
ok    time           1,234,567           0  all is well
FAIL  money          1,234,567           2  all is well
                 first at position 9: a cent is missing

stock 10, sold 0, held 7, orders 3; oversold 0, duplicate orders 0, lost 0
began behind position 900, with a checkpoint as the opening balance
FAILED: money, up to position 1,000 (4 ms)
";
        let told = table(&finding, false);
        assert!(told.lines().skip(1).eq(expected.lines().skip(1)), "{told}");
        assert!(table(&finding, true).contains("\x1b[31mFAIL\x1b[0m  money"));
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
