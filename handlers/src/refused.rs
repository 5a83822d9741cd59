//! Why a request is answered with a status, before the store has seen it or by the store.

use domain::refusal::{Reason, Refusal};
use protocol::{Status, structs};
use storage::NotDecided;

/// What an answer that says no is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: Status,
    pub(crate) body: structs::Refusal,
    pub(crate) retry_after_ms: u32,
    /// For the log: the field, or what else was wrong.
    pub(crate) what: &'static str,
}

impl Refused {
    /// The whole request, without numbers.
    pub(crate) const fn of(status: Status, what: &'static str) -> Refused {
        Refused { status, body: structs::Refusal::WHOLE, retry_after_ms: 0, what }
    }

    /// A bound is reached; nothing was done.
    pub(crate) const fn later(status: Status, retry_after_ms: u32, what: &'static str) -> Refused {
        Refused { status, body: structs::Refusal::WHOLE, retry_after_ms, what }
    }

    /// A field is out of its range.
    pub(crate) const fn field(name: &'static str) -> Refused {
        Refused::of(Status::InvalidField, name)
    }

    /// A field of an item, counted from 0, is out of its range.
    pub(crate) const fn item(name: &'static str, place: usize) -> Refused {
        let body = structs::Refusal { line: place as u32, asked: 0, there: 0 };
        Refused { status: Status::InvalidField, body, retry_after_ms: 0, what: name }
    }
}

impl From<Status> for Refused {
    /// The body is not what the kind says.
    fn from(status: Status) -> Refused {
        Refused::of(status, "the body's size or counts")
    }
}

/// The shop's no. `retry_after_ms` is told where a bound is the reason.
pub(crate) fn from_refusal(refusal: &Refusal, retry_after_ms: u32) -> Refused {
    let Refusal { reason, line, asked, there } = *refusal;
    let retry_after_ms = if reason == Reason::Overloaded { retry_after_ms } else { 0 };
    let body = structs::Refusal { line, asked, there };
    Refused { status: status_of(reason), body, retry_after_ms, what: "decided by the store" }
}

/// No decision.
pub(crate) fn from_not_decided(why: NotDecided) -> Refused {
    let (status, retry_after_ms) = match why {
        NotDecided::Overloaded { retry_after_ms } => (Status::Overloaded, retry_after_ms),
        NotDecided::DeadlineExceeded => (Status::DeadlineExceeded, 0),
        NotDecided::Draining => (Status::Draining, 0),
        NotDecided::Unavailable { retry_after_ms } => (Status::StoreUnavailable, retry_after_ms),
        NotDecided::SwitchedOff { retry_after_ms } => (Status::SwitchedOff, retry_after_ms),
        NotDecided::NotServed => (Status::UnknownKind, 0),
        NotDecided::OutcomeUnknown => (Status::OutcomeUnknown, 0),
    };
    Refused::later(status, retry_after_ms, "not decided by the store")
}

const fn status_of(reason: Reason) -> Status {
    match reason {
        Reason::InvalidField => Status::InvalidField,
        Reason::OrderNotFound => Status::OrderNotFound,
        Reason::SkuNotFound => Status::SkuNotFound,
        Reason::RequestIdReused => Status::RequestIdReused,
        Reason::WrongState => Status::WrongState,
        Reason::VersionConflict => Status::VersionConflict,
        Reason::PriceChanged => Status::PriceChanged,
        Reason::CurrencyMismatch => Status::CurrencyMismatch,
        Reason::RequestIdExpired => Status::RequestIdExpired,
        Reason::SoldOut => Status::SoldOut,
        Reason::InsufficientStock => Status::InsufficientStock,
        Reason::UserLimit => Status::UserLimit,
        Reason::OrderLimit => Status::OrderLimit,
        Reason::SaleNotOpen => Status::SaleNotOpen,
        Reason::SaleEnded => Status::SaleEnded,
        Reason::SaleCap => Status::SaleCap,
        Reason::SkuClosed => Status::SkuClosed,
        Reason::HoldNotFound => Status::HoldNotFound,
        Reason::HoldExpired => Status::HoldExpired,
        Reason::Overloaded => Status::Overloaded,
        Reason::AmountMismatch => Status::AmountMismatch,
        Reason::PaymentNotFound => Status::PaymentNotFound,
        Reason::AlreadyPaid => Status::AlreadyPaid,
        Reason::RefundExceedsPaid => Status::RefundExceedsPaid,
        Reason::SwitchedOff => Status::SwitchedOff,
        Reason::Blocked => Status::Blocked,
        Reason::CouponNotFound => Status::CouponNotFound,
        Reason::CouponUsed => Status::CouponUsed,
        Reason::CouponExpired => Status::CouponExpired,
        Reason::CouponNotApplicable => Status::CouponNotApplicable,
        Reason::CouponExhausted => Status::CouponExhausted,
        Reason::CouponUserLimit => Status::CouponUserLimit,
    }
}
