//! `tidegate backup`, `restore` and `verify-backup`: copies of a data folder, made while a server uses it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use storage::embedded::backup::{Copied, copy};
use storage::embedded::disk::{Disk, ReadDisk};
use storage::embedded::{FileDisk, reader};

use crate::cli::print;
use crate::folders::{ArchiveFlag, Folders};

/// Copy a data folder, also while a server uses it
///
/// The copy ends behind a group of the journal, so it opens as if the server had ended there; nothing is stopped, and
/// nothing that was acknowledged before the backup began is missing. Into the same folder again, only what is new is
/// copied, and segments that have left the data folder since are there; a first backup wants the archive for them. Prints
/// the position of the last fact in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: tidegate backup --data tidegate-data --to /mnt/backup/tidegate")]
pub struct Backup {
    /// The data folder of the server.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    archive: ArchiveFlag,
    /// An empty folder, or one with an earlier backup of the same store. Made where it is missing.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// Make a data folder of a backup, up to its end or to a position
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidegate restore --from /mnt/backup/tidegate --to tidegate-data\n  tidegate restore --from /mnt/backup/tidegate --to tidegate-yesterday --through 123456789\n\nWhich position was when, `tidegate inspect DIR --records` tells."
)]
pub struct Restore {
    /// The backup.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    archive: ArchiveFlag,
    /// An empty folder. Made where it is missing.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Leave out what came behind this fact. What was made durable together stays together, so it may end a few facts
    /// before it.
    #[arg(long, value_name = "POSITION")]
    through: Option<u64>,
}

/// Read a backup to its end, and say whether a server would start with it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: tidegate verify-backup /mnt/backup/tidegate\n\n`tidegate audit --data DIR` recomputes what it holds as well."
)]
pub struct VerifyBackup {
    /// The backup.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    archive: ArchiveFlag,
}

impl Backup {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let copied = copy_folder(&self.archive.beside(&self.data, None)?, &self.to, u64::MAX)?;
        print(&format!("{} holds the store {:032x} {copied}\n", self.to.display(), copied.store_id))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Restore {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let empty = !self.to.is_dir() || std::fs::read_dir(&self.to)?.next().is_none();
        ensure!(empty, "{} is not empty: a restore never changes what is there", self.to.display());
        let copied =
            copy_folder(&self.archive.beside(&self.from, None)?, &self.to, self.through.unwrap_or(u64::MAX))?;
        print(&format!(
            "{to} holds the store {:032x} {copied}; start it with `tidegate serve --data {to}`\n",
            copied.store_id,
            to = self.to.display(),
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl VerifyBackup {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let disk = self.archive.beside(&self.dir, None)?.journal();
        let mut last_at_us = 0;
        let reading = reader::read(&disk, u64::MAX, |record| last_at_us = record.stamp.at.0);
        let damage = reading.damage.or_else(|| {
            let checkpoints = reader::checkpoints(&disk).unwrap_or_default();
            checkpoints.into_iter().find_map(|checkpoint| checkpoint.damage)
        });
        let facts = reading.summary.facts;
        let place = self.dir.display();
        if let Some(damage) = damage {
            print(&format!("{place}: {damage}\n"))?;
            return Ok(ExitCode::FAILURE);
        }
        ensure!(reading.summary.segments > 0, "{place} holds no journal: name a backup");
        print(&format!("{place} is whole up to fact {facts}, made at {last_at_us} µs since 1970\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn copy_folder(folders: &Folders, to: &Path, through: u64) -> anyhow::Result<Copied> {
    let from = &folders.data;
    ensure!(from.is_dir(), "{} is no folder: name a data folder or a backup", from.display());
    let same = to.is_dir() && from.canonicalize()? == to.canonicalize()?;
    ensure!(!same, "{} cannot be copied to itself", from.display());
    let disk = FileDisk::make(to).with_context(|| format!("{} cannot be made", to.display()))?;
    ensure!(disk.lock()?, "{} is used by another process: stop it, or name another folder", disk.place());
    Ok(copy(&folders.journal(), &disk, through)?)
}
