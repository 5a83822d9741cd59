//! The end of the process: the disk failed, and nothing that is in memory may be promised any more.

use std::io;

/// A write or sync of the journal failed. There is no second try: after a failed sync the system may have
/// dropped the very bytes, and the next sync would report success.
#[derive(Debug, thiserror::Error)]
#[error("the journal {what}: {source}; the process ends at once, what was acknowledged is on disk")]
pub struct Fatal {
    what: String,
    source: io::Error,
}

impl Fatal {
    pub(crate) fn write(group: u64, source: io::Error) -> Fatal {
        Fatal { what: format!("could not write group {group}"), source }
    }

    pub(crate) fn sync(source: io::Error) -> Fatal {
        Fatal { what: "could not sync".into(), source }
    }

    /// Ends the process, as it must; one sentence goes to stderr.
    pub fn abort(&self) -> ! {
        tracing::error!("{self}");
        eprintln!("tidegate: {self}");
        std::process::abort()
    }
}
