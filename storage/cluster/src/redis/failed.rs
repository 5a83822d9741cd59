//! No answer that counts: what is surely not done apart from what may have been, for only the first may be forgotten.

use fred::error::{Error, ErrorKind};

/// A call without an answer of its script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// Redis has not done it, and never will.
    #[error("Redis has not done it: {0}")]
    NotDone(Why),
    /// It was done, or will be at any later time, or never.
    #[error("Redis may have done it: {0}")]
    MayBeDone(Why),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// There is no connection, or it broke.
    #[error("no connection ({0})")]
    Unreachable(String),
    /// Nothing came in time.
    #[error("no answer in time ({0})")]
    TimedOut(String),
    /// The server's own words.
    #[error("the server says: {0}")]
    Refused(String),
    /// So many calls wait for an answer that this one was not sent.
    #[error("too many calls wait for an answer")]
    TooManyInFlight,
    /// An answer that no script of ours gives, or one to another call: its connection is not to be trusted.
    #[error("an answer that does not fit: {0:?}")]
    Garbled(String),
    /// The address or the settings are wrong.
    #[error("{0}")]
    Settings(String),
}

/// Words that a server's error begins with when the script was not run at all. (Scripts that write begin with `#!lua`:
/// the server compares memory, role and replicas before it runs them, not in their middle.)
const NOT_RUN: &[&str] = &[
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    NOSCRIPT,
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
];

/// The server does not have the script (yet, or since it was restarted or promoted).
const NOSCRIPT: &str = "NOSCRIPT";

/// What a server adds to an error that came from inside a script.
const INSIDE_A_SCRIPT: &str = "script:";

/// Whether the server says that it does not have the script, so that it has not run it.
pub(super) fn is_noscript(error: &Error) -> bool {
    first_word(error.details()) == NOSCRIPT
}

impl Failed {
    /// Of a call that was given to the client library.
    pub(super) fn of(error: &Error) -> Failed {
        let said = error.details().to_owned();
        if NOT_RUN.contains(&first_word(&said)) && !said.contains(INSIDE_A_SCRIPT) {
            return Failed::NotDone(Why::Refused(said));
        }
        match error.kind() {
            ErrorKind::Backpressure => Failed::NotDone(Why::TooManyInFlight),
            ErrorKind::Config | ErrorKind::Url | ErrorKind::InvalidArgument => {
                Failed::NotDone(Why::Settings(said))
            }
            ErrorKind::Timeout => Failed::MayBeDone(Why::TimedOut(said)),
            ErrorKind::IO | ErrorKind::Canceled => Failed::MayBeDone(Why::Unreachable(said)),
            ErrorKind::Auth
            | ErrorKind::Routing
            | ErrorKind::InvalidCommand
            | ErrorKind::Protocol
            | ErrorKind::Unknown
            | ErrorKind::Cluster
            | ErrorKind::Parse
            | ErrorKind::Sentinel
            | ErrorKind::NotFound => Failed::MayBeDone(Why::Refused(said)),
        }
    }
}

fn first_word(said: &str) -> &str {
    said.split_ascii_whitespace().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_says_it_did_not_run_is_not_done() {
        let of = |kind, said: &'static str| Failed::of(&Error::new(kind, said));
        let not_done = |failed: Failed| matches!(failed, Failed::NotDone(_));
        assert!(not_done(of(ErrorKind::Unknown, "OOM command not allowed when used memory > 'maxmemory'.")));
        assert!(not_done(of(ErrorKind::Unknown, "READONLY You can't write against a read only replica.")));
        assert!(not_done(of(ErrorKind::Unknown, "NOSCRIPT No matching script.")));
        assert!(!not_done(of(
            ErrorKind::Unknown,
            "NOPERM this user has no permissions script: 3f1, on @user_script:9"
        )));
        assert!(!not_done(of(ErrorKind::Unknown, "ERR something else")));
        assert!(!not_done(of(ErrorKind::Timeout, "Request timed out.")));
        assert!(!not_done(of(ErrorKind::IO, "Connection closed.")));
        assert!(!not_done(of(ErrorKind::Canceled, "Canceled.")), "it may have been on its way");
    }
}
