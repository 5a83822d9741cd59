//! What goes wrong with a database, and whether anything may have been done all the same.

use std::fmt;

use mysql_async::{DriverError, Error};

/// What a database, or the way to it, did not do. Its text ends with what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}: {}", .kind.remedy())]
pub struct Fault {
    /// What it is.
    pub kind: FaultKind,
    /// The database's own words, or ours, with the database's name.
    pub said: String,
}

/// Kinds of faults, as who has to act tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The configured address is no `mysql://user:password@host:port/database`.
    Address,
    /// Nobody answers there, or not in time.
    Unreachable,
    /// User or password are wrong, or may not do this.
    Login,
    /// There is no such database.
    NoDatabase,
    /// A setting of the server breaks a promise.
    Setting,
    /// A table or a column is not there.
    Schema,
    /// The server does not write: a replica, or told so.
    ReadOnly,
    /// The disk is full.
    Full,
    /// All connections that this node may have are at work.
    NoConnection,
    /// A statement's time is over.
    TimedOut,
    /// The connection broke.
    Lost,
    /// A lock was not to be had in time, or transactions waited for each other.
    Locked,
    /// A key that exists already.
    Duplicate,
    /// A value that does not fit its column, or a statement that is too long.
    Unfit,
    /// Rows that no transaction of ours leaves behind.
    Corrupt,
    /// Anything else that the server says.
    Other,
}

/// A transaction that did not end well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TxFault {
    /// Rolled back, or never begun: nothing was done, and nothing will be.
    #[error("nothing was done: {0}")]
    NotDone(Fault),
    /// COMMIT was sent and its answer did not come: it may have been done, or be done later.
    #[error("the outcome is unknown: {0}")]
    Unknown(Fault),
}

impl From<Fault> for TxFault {
    /// Whatever goes wrong before COMMIT is sent.
    fn from(fault: Fault) -> TxFault {
        TxFault::NotDone(fault)
    }
}

impl TxFault {
    /// What went wrong.
    pub const fn fault(&self) -> &Fault {
        match self {
            TxFault::NotDone(fault) | TxFault::Unknown(fault) => fault,
        }
    }

    /// The fault, for who does the work again whatever became of it.
    pub fn into_fault(self) -> Fault {
        match self {
            TxFault::NotDone(fault) | TxFault::Unknown(fault) => fault,
        }
    }
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, said: impl fmt::Display) -> Fault {
        Fault { kind, said: said.to_string() }
    }

    /// What the driver says, told apart.
    pub(super) fn of(error: &Error) -> Fault {
        let kind = match error {
            Error::Server(said) => FaultKind::of_code(said.code),
            Error::Io(_) | Error::Driver(DriverError::ConnectionClosed) => FaultKind::Lost,
            Error::Url(_) => FaultKind::Address,
            // Packets that make no sense: what comes next on this connection is anybody's guess.
            Error::Driver(_) | Error::Other(_) => FaultKind::Lost,
        };
        Fault::new(kind, error)
    }
}

impl FaultKind {
    /// Whether one order of a batch alone can be the cause: then its half is tried without it.
    pub fn may_be_one_orders(self) -> bool {
        match self {
            FaultKind::Locked | FaultKind::Duplicate | FaultKind::Unfit => true,
            FaultKind::Address
            | FaultKind::Unreachable
            | FaultKind::Login
            | FaultKind::NoDatabase
            | FaultKind::Setting
            | FaultKind::Schema
            | FaultKind::ReadOnly
            | FaultKind::Full
            | FaultKind::NoConnection
            | FaultKind::TimedOut
            | FaultKind::Lost
            | FaultKind::Corrupt
            | FaultKind::Other => false,
        }
    }

    /// Whether the connection may serve on after it.
    pub(super) fn spares_the_connection(self) -> bool {
        !matches!(self, FaultKind::TimedOut | FaultKind::Lost | FaultKind::Unreachable | FaultKind::Corrupt)
    }

    /// What to do.
    pub fn remedy(self) -> &'static str {
        match self {
            FaultKind::Address => "write it as mysql://user:password@host:port/database",
            FaultKind::Unreachable => "see that the server runs and that its host and port are right",
            FaultKind::Login => "correct user and password, and grant the user all rights on its database",
            FaultKind::NoDatabase => "create the database, then run `tidegate cluster init`",
            FaultKind::Setting => "set it so in the server's configuration and restart the server",
            FaultKind::Schema => "run `tidegate cluster init`",
            FaultKind::ReadOnly => "name the primary in the configuration, or end its read-only mode",
            FaultKind::Full => "make room on the server's disk",
            FaultKind::NoConnection => "allow more connections, or offer less load",
            FaultKind::TimedOut | FaultKind::Lost => "see whether the server is alive and not overloaded",
            FaultKind::Locked => "ask again; if it lasts, look for a transaction that does not end",
            FaultKind::Duplicate => "ask again with the same request id",
            FaultKind::Unfit => "this is a bug of the node: report it with these words",
            FaultKind::Corrupt => "run `tidegate audit`",
            FaultKind::Other => "look it up in the server's manual",
        }
    }

    /// Told by the server's number for it. MariaDB and MySQL agree on these.
    fn of_code(code: u16) -> FaultKind {
        match code {
            1044 | 1045 | 1142 | 1143 | 1227 | 1251 | 1275 | 1698 => FaultKind::Login,
            1049 => FaultKind::NoDatabase,
            1051 | 1054 | 1146 => FaultKind::Schema,
            1290 | 1792 | 1836 => FaultKind::ReadOnly,
            1021 | 1026 | 1114 => FaultKind::Full,
            1040 | 1129 | 1130 | 1203 | 1226 => FaultKind::Unreachable,
            1053 | 1077 | 1079 | 1152 | 1158..=1161 | 1184 | 1317 | 1927 | 2006 | 2013 => FaultKind::Lost,
            1205 | 1213 => FaultKind::Locked,
            1022 | 1062 | 1586 => FaultKind::Duplicate,
            1048 | 1153 | 1264 | 1292 | 1366 | 1406 => FaultKind::Unfit,
            _ => FaultKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_orders_own_fault_halves_a_batch() {
        for code in [1205, 1213, 1062, 1406] {
            assert!(FaultKind::of_code(code).may_be_one_orders(), "{code}");
        }
        for code in [1045, 1049, 1146, 1290, 1114, 1927, 9_999] {
            assert!(!FaultKind::of_code(code).may_be_one_orders(), "{code}");
        }
    }

    #[test]
    fn a_fault_says_what_to_do() {
        let fault = Fault::new(FaultKind::Schema, "Table 'shop.fences' doesn't exist");
        assert_eq!(fault.to_string(), "Table 'shop.fences' doesn't exist: run `tidegate cluster init`");
    }
}
