//! Why a folder cannot be opened, each in one sentence.

use std::io;

use domain::PassedBound;

use crate::embedded::clock::ClockBehind;
use crate::embedded::cold::ColdError;
use crate::embedded::config::{BadConfig, Config};
use crate::embedded::damage::Damage;

/// Why a folder could not be opened. Each is one sentence that says what to do; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The settings do not go together.
    #[error("the configuration is wrong: {0}")]
    Config(#[from] BadConfig),
    /// Another process has the folder.
    #[error("{place} is used by another process: stop it, or name another folder")]
    InUse {
        /// The folder.
        place: String,
    },
    /// The folder is not there or cannot be written.
    #[error("{place} cannot be used as a data folder ({source}): make it writable, or name another folder")]
    Folder {
        /// The folder.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds something, but no journal.
    #[error("{place} holds {file}, which is not Tidegate's: name an empty folder, or a data folder")]
    NotOurs {
        /// The folder.
        place: String,
        /// One of the files.
        file: String,
    },
    /// What is there cannot be read without losing something.
    #[error("{place}: {damage}; nothing was changed, look with `tidegate inspect {place}`, restore a copy")]
    Damaged {
        /// The folder.
        place: String,
        /// What and where.
        damage: Damage,
    },
    /// The oldest segments are gone, and no checkpoint stands in for them.
    #[error(
        "{place}: the journal begins with {file}, and no checkpoint goes on behind it: copy all segments before it \
         back from the archive, or restore a backup; nothing was changed"
    )]
    NoBeginning {
        /// The folder.
        place: String,
        /// The oldest segment.
        file: String,
    },
    /// Segments cannot go where they are to go.
    #[error(
        "{place} cannot be the archive of segments ({why}): name another folder in [journal] archive_dir"
    )]
    Archive {
        /// The archive.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The journal holds more than the ledger may.
    #[error("{place} holds more than the bound {} = {} allows: set a larger one, then start again", bound.name, bound.value)]
    TooSmall {
        /// The folder.
        place: String,
        /// The first bound that was passed, as configured.
        bound: PassedBound,
    },
    /// There is no room for one more segment.
    #[error("{place} has no room for one more segment of {bytes} bytes: make room, then start again")]
    Full {
        /// The folder.
        place: String,
        /// Of a segment.
        bytes: u64,
    },
    /// The orders at rest cannot be used.
    #[error("{place}: {error}")]
    Cold {
        /// The folder.
        place: String,
        /// Why not, and what to do.
        error: ColdError,
    },
    /// The wall clock cannot be believed.
    #[error(transparent)]
    Clock(#[from] ClockBehind),
}

/// Says what went wrong with the folder that is being opened.
pub(super) struct Blame {
    place: String,
    segment_bytes: u64,
}

impl Blame {
    pub(super) fn new(place: String, config: &Config) -> Blame {
        Blame { place, segment_bytes: config.segment_bytes as u64 }
    }

    pub(super) fn in_use(&self) -> OpenError {
        OpenError::InUse { place: self.place.clone() }
    }

    pub(super) fn not_ours(&self, file: &str) -> OpenError {
        OpenError::NotOurs { place: self.place.clone(), file: file.to_owned() }
    }

    pub(super) fn folder(&self, source: io::Error) -> OpenError {
        OpenError::Folder { place: self.place.clone(), source }
    }

    /// Without its oldest segments a journal is not damaged: it lacks a checkpoint that goes on in it.
    pub(super) fn damaged(&self, damage: Damage) -> OpenError {
        let place = self.place.clone();
        if let Damage::BeginsLater { file, .. } = damage {
            return OpenError::NoBeginning { place, file };
        }
        OpenError::Damaged { place, damage }
    }

    pub(super) fn cold(&self, error: ColdError) -> OpenError {
        OpenError::Cold { place: self.place.clone(), error }
    }

    pub(super) fn too_small(&self, bound: PassedBound) -> OpenError {
        OpenError::TooSmall { place: self.place.clone(), bound }
    }

    pub(super) fn cannot_write(&self, source: io::Error) -> OpenError {
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return OpenError::Full { place: self.place.clone(), bytes: self.segment_bytes };
        }
        self.folder(source)
    }
}
