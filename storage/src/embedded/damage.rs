//! Why a folder cannot be read without losing something, and where: what an opening refuses, in a sentence each.

use std::io;

use domain::ImageFault;

use super::record::BadEntry;

/// A place in the journal, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The segment's file name.
    pub file: String,
    /// Bytes from its beginning.
    pub offset: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.file, self.offset)
    }
}

/// Why a folder cannot be read as a journal without losing something.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The operating system cannot read it.
    #[error("{file} cannot be read: {source}")]
    Io {
        /// The file, or what the folder is called.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A segment does not begin with a good header.
    #[error("the header of {file} is damaged (at byte 0)")]
    BadHeader {
        /// The segment.
        file: String,
    },
    /// A segment is shorter than its header says.
    #[error("{file} has {bytes} bytes and should have {expected}")]
    CutShort {
        /// The segment.
        file: String,
        /// As it is.
        bytes: u64,
        /// As its header says.
        expected: u64,
    },
    /// A newer version of Tidegate wrote it.
    #[error("{file} has format version {version}, newer than this version of Tidegate: use a newer one")]
    Newer {
        /// The segment.
        file: String,
        /// Of the format.
        version: u16,
    },
    /// Segments of two stores lie in one folder.
    #[error("{file} belongs to another store than {other}: take one of them away")]
    Foreign {
        /// A segment.
        file: String,
        /// A segment of the other store.
        other: String,
    },
    /// A group that was acknowledged, or may have been, is not readable any more.
    #[error("the journal is damaged at {missing}: group {group} is not readable, but {evidence} {why}")]
    Middle {
        /// Where the chain ends.
        missing: Place,
        /// The number of the group that is missing there.
        group: u64,
        /// What shows that it was more than a torn tail.
        evidence: Place,
        /// How that shows it.
        why: Evidence,
    },
    /// A checkpoint does not say what was written to it.
    #[error(
        "the checkpoint is damaged at {place}: {why} (without that file, a start reads the whole journal)"
    )]
    Checkpoint {
        /// Of the piece that was being read.
        place: Place,
        /// What is wrong with it.
        why: ImageFault,
    },
    /// The journal that a checkpoint goes on in is not there, or another.
    #[error("{checkpoint} goes on in {file}, which is missing or does not hold group {group}")]
    NotBehind {
        /// The checkpoint.
        checkpoint: String,
        /// The segment.
        file: String,
        /// The last group that is in the checkpoint.
        group: u64,
    },
    /// The journal's older segments are not here.
    #[error(
        "the journal begins behind fact {behind}, with {file}; what stood before was archived or deleted: name the \
         archive to have it read"
    )]
    BeginsLater {
        /// The oldest segment that is here.
        file: String,
        /// Position of the last fact that is not.
        behind: u64,
    },
    /// The first group of the oldest segment cannot be read, so nobody knows what it goes on behind.
    #[error("the journal is damaged at {place}: the oldest group that is here is not readable")]
    Oldest {
        /// Where it should stand.
        place: Place,
    },
    /// There is a cold store, but no journal at all.
    #[error("the folder cold is there, but the journal is missing; without it no order can be trusted")]
    NoJournal,
    /// A group is whole, but an entry in it makes no sense.
    #[error("the journal is damaged at {place}: an entry is whole but wrong, {why}")]
    Entry {
        /// Of the group.
        place: Place,
        /// What is wrong with the entry.
        why: BadEntry,
    },
}

/// What shows that the end of the chain is not merely a torn tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A good group says that the missing one was durable.
    SaysItWasDurable,
    /// A good group or header was written by a later run.
    OfALaterRun,
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Evidence::SaysItWasDurable => "says that it was durable",
            Evidence::OfALaterRun => "was written by a later run",
        })
    }
}
