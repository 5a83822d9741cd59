//! Where the journal lies: the data folder, and the archive that its older segments went to. Read as one.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use storage::embedded::{FileDisk, Joined};

use crate::config::Config;

/// The journal of a data folder and its archive.
pub type WholeJournal = Joined<FileDisk, FileDisk>;

/// Where the journal lies.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The data folder.
    pub data: PathBuf,
    /// Where segments are that left it.
    pub archive: Option<PathBuf>,
}

impl Folders {
    /// As a server is configured. An archive counts though nothing goes there any more.
    pub fn of(config: &Config) -> Folders {
        Folders { data: config.store.data.clone(), archive: named(&config.journal.archive_dir) }
    }

    /// Both to read, as they are now.
    pub fn journal(&self) -> WholeJournal {
        Joined::new(FileDisk::at(&self.data), self.archive.as_deref().map(FileDisk::at))
    }
}

/// `--archive` of the commands that read a data folder.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ArchiveFlag {
    /// The folder of segments that left the data folder ([journal] archive_dir of its server): with it the journal is read
    /// from its first fact on.
    #[arg(long, value_name = "DIR", env = "TIDEGATE_JOURNAL_ARCHIVE_DIR")]
    archive: Option<PathBuf>,
}

impl ArchiveFlag {
    /// The journal of a data folder, with the archive that was named, here or else in its server's configuration.
    ///
    /// # Errors
    /// Where the archive is no folder.
    pub fn beside(&self, data: &Path, config: Option<&Config>) -> anyhow::Result<Folders> {
        let configured = || config.and_then(|config| named(&config.journal.archive_dir));
        let archive = self.archive.as_deref().and_then(named).or_else(configured);
        if let Some(archive) = &archive {
            let is_there = archive.is_dir();
            ensure!(is_there, "the archive {} is no folder: name that of its server", archive.display());
        }
        Ok(Folders { data: data.to_owned(), archive })
    }
}

fn named(place: &Path) -> Option<PathBuf> {
    (!place.as_os_str().is_empty()).then(|| place.to_owned())
}
