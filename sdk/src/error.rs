//! Why a request was not done. Three kinds that never mix: refused, not known, against the rules.

use std::fmt;
use std::time::Duration;

use protocol::{Status, Unencodable};

use crate::values::{MicrosUtc, RequestId, Scope, State};

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The shop said no, and nothing changed. Asking the same again is decided anew.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Nothing was done, as far as this request goes: it is safe to ask again, as a new request too.
    #[error("nothing was done: {cause}; ask again in {} ms", retry_after.as_millis())]
    TryAgain {
        /// What stood in the way.
        cause: Cause,
        /// Asking earlier is of no use.
        retry_after: Duration,
    },
    /// It may have been done. [`crate::Request::again`] with this id tells, and does it if it was not.
    #[error("it may have been done: {cause}; ask again with the request id {request}")]
    OutcomeUnknown {
        /// The id that was sent.
        request: RequestId,
        /// Why it is not known.
        cause: Cause,
    },
    /// One side broke the rules of the wire. Asking again does not help.
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// A decided «no».
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub status: Status,
    /// The first line (or item) to blame, counted from 0.
    pub line: Option<u32>,
    /// What was asked for: units, minor units, a version, a time in microseconds; 0 where there is no number.
    pub asked: i64,
    /// What there is, in the same unit.
    pub there: i64,
}

/// What stood between a request and its answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The server said so.
    #[error("the server answered {}", .0.name())]
    Status(Status),
    /// No server could be reached.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// The connection ended before the answer came.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The time given to the request was used up.
    #[error("its time was used up")]
    Deadline,
    /// After it was sent, the server broke the rules of the wire.
    #[error(transparent)]
    Violation(Violation),
}

/// A rule of the wire that somebody broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The request cannot be written as a frame: too few or too many lines, too many bytes.
    #[error("the request cannot be sent: {0}")]
    Unsendable(Unencodable),
    /// The server answered what no server of this version answers.
    #[error("the server does not keep to the wire: {0}")]
    Server(&'static str),
    /// The server answered a status that this client does not know; a newer client will.
    #[error("the server answered the status {0:04X}, which this client does not know: update it")]
    UnknownStatus(u16),
    /// The server did not accept us: another version of the wire, or a key is needed.
    #[error("the server did not open a session: {}", .0.name())]
    Session(Status),
}

impl std::error::Error for Refused {}

/// The status by name, and what would have to be different: `SOLD_OUT at line 2: asked for 1, there is 0`.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status.name())?;
        if let Some(line) = self.line {
            write!(f, " at line {line}")?;
        }
        let Refused { asked, there, .. } = *self;
        let is_time =
            matches!(self.status, Status::RequestIdExpired | Status::SaleNotOpen | Status::SaleEnded);
        let state = |number: i64| u8::try_from(number).ok().and_then(State::from_number);
        let is_time = is_time || (self.status == Status::Blocked && there != 0);
        if let (Status::WrongState, Some(there)) = (self.status, state(there)) {
            write!(f, ": it is {there}")
        } else if self.status == Status::SwitchedOff {
            match Scope::from_numbers(u8::try_from(asked).unwrap_or(0), there as u64) {
                Some(Scope::Sale(sale)) => write!(f, " by a switch of sale {sale}"),
                Some(Scope::Sku(sku)) => write!(f, " by a switch of sku {sku}"),
                Some(Scope::All) => write!(f, " by a switch of the whole shop"),
                None => write!(f, ": the server's disk is nearly full"),
            }
        } else if is_time {
            write!(f, ": asked for {}, there is {}", MicrosUtc(asked), MicrosUtc(there))
        } else if asked != 0 || there != 0 {
            write!(f, ": asked for {asked}, there is {there}")
        } else {
            Ok(())
        }
    }
}

impl From<Unencodable> for Violation {
    fn from(why: Unencodable) -> Violation {
        Violation::Unsendable(why)
    }
}

impl Error {
    /// The status of a refusal, if this is one.
    pub fn refused(&self) -> Option<Status> {
        match self {
            Error::Refused(refused) => Some(refused.status),
            Error::TryAgain { .. } | Error::OutcomeUnknown { .. } | Error::Violation(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_sentences() {
        let refused = |status, line, asked, there| Refused { status, line, asked, there }.to_string();
        assert_eq!(refused(Status::SoldOut, Some(2), 1, 0), "SOLD_OUT at line 2: asked for 1, there is 0");
        assert_eq!(refused(Status::OrderNotFound, None, 0, 0), "ORDER_NOT_FOUND");
        assert_eq!(refused(Status::WrongState, None, 12, 13), "WRONG_STATE: it is REFUNDING");
        assert_eq!(
            refused(Status::SaleNotOpen, None, 0, 1_000_000),
            "SALE_NOT_OPEN: asked for 1970-01-01T00:00:00Z, there is 1970-01-01T00:00:01Z"
        );
        let unknown = Error::OutcomeUnknown { request: RequestId(0xAB), cause: Cause::Deadline };
        assert_eq!(
            unknown.to_string(),
            "it may have been done: its time was used up; ask again with the request id \
             000000000000000000000000000000ab"
        );
    }
}
