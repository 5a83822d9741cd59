//! Numbers as they came. A kind or status of a later build keeps its number, and is never taken for another.

use std::fmt;

use crate::kind::Kind;
use crate::status::Status;

/// A kind as it stands in a header: of a request, or with [`KindCode::ANSWER`] of its answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindCode(pub u16);

impl KindCode {
    /// Added to a request's kind to give its answer's.
    pub const ANSWER: u16 = 0x8000;
    /// Kind of the answer to bytes that were no request: they had no kind that could be trusted.
    pub const NO_REQUEST: KindCode = KindCode(Self::ANSWER);

    /// The request's kind, if this build knows it. The same for a request and for its answer.
    pub const fn known(self) -> Option<Kind> {
        Kind::from_code(self.0 & !Self::ANSWER)
    }

    /// Whether this is an answer.
    pub const fn is_answer(self) -> bool {
        self.0 & Self::ANSWER != 0
    }

    /// The kind of the answer to a request of this kind.
    pub const fn answer(self) -> KindCode {
        KindCode(self.0 | Self::ANSWER)
    }
}

/// A status as it stands in a header: 0 in requests and in answers that are not refusals.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(pub u16);

impl StatusCode {
    /// No refusal.
    pub const OK: StatusCode = StatusCode(0);

    /// The status, if this build knows it; nothing for [`StatusCode::OK`].
    pub const fn known(self) -> Option<Status> {
        Status::from_code(self.0)
    }

    /// Whether the answer is no refusal.
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }
}

impl From<Status> for StatusCode {
    fn from(status: Status) -> StatusCode {
        StatusCode(status.code())
    }
}

impl From<Kind> for KindCode {
    fn from(kind: Kind) -> KindCode {
        KindCode(kind.code())
    }
}

/// `CREATE`, `CREATE answer`, or the bare number.
impl fmt::Display for KindCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some(kind) => f.write_str(kind.name())?,
            None => write!(f, "kind {:04X}", self.0 & !Self::ANSWER)?,
        }
        if self.is_answer() { f.write_str(" answer") } else { Ok(()) }
    }
}

/// `OK`, `SOLD_OUT`, or the bare number.
impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known() {
            Some(status) => f.write_str(status.name()),
            None if self.is_ok() => f.write_str("OK"),
            None => write!(f, "status {:04X}", self.0),
        }
    }
}

impl fmt::Debug for KindCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
