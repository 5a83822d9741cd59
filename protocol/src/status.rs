//! Every status that an answer can carry, by number, name and meaning.

/// Declares the enum, its numbers, names, classes and meanings at once, so that they cannot differ.
macro_rules! statuses {
    ($($code:literal $variant:ident $class:ident $name:literal $meaning:literal;)+) => {
        /// Why a request was not done. An answer with any of these has a [`crate::structs::Refusal`] as its body.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Status {
            $(#[doc = $meaning] $variant = $code,)+
        }

        impl Status {
            /// Every status, by number.
            pub const ALL: &[Status] = &[$(Status::$variant),+];

            /// The status of this number, if there is one. 0 is none: it says that all went well.
            pub const fn from_code(code: u16) -> Option<Status> {
                match code {
                    $($code => Some(Status::$variant),)+
                    _ => None,
                }
            }

            /// The name in logs, docs and SDKs.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Status::$variant => $name,)+
                }
            }

            /// What it means, in a sentence; after a colon, what `asked` and `there` hold.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Status::$variant => $meaning,)+
                }
            }

            /// What a client may do about it.
            pub const fn class(self) -> Class {
                match self {
                    $(Status::$variant => Class::$class,)+
                }
            }
        }
    };
}

/// What a client may do about a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Decided: no, and nothing changed. Asking the same again at once gives the same answer.
    Refused,
    /// Nothing was done. Ask again, not before the time that the answer names.
    TryAgain,
    /// It may have been done. Ask again with the same request id, which tells.
    OutcomeUnknown,
    /// About the connection, not the request: it is closed. What was unanswered on it has an unknown outcome.
    Session,
}

impl Class {
    /// The name in docs and SDKs.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Refused => "refused",
            Class::TryAgain => "try again",
            Class::OutcomeUnknown => "outcome unknown",
            Class::Session => "session",
        }
    }
}

statuses! {
    0x0001 BadFrame Session "BAD_FRAME" "Length or magic is wrong; the connection is closed.";
    0x0002 UnsupportedVersion Session "UNSUPPORTED_VERSION" "The server does not speak this version of the wire; the connection is closed.";
    0x0003 FrameTooLarge Session "FRAME_TOO_LARGE" "The frame is longer than allowed now; the connection is closed.";
    0x0004 BadChecksum Session "BAD_CHECKSUM" "The frame's checksum does not match; the connection is closed.";
    0x0005 UnknownKind Refused "UNKNOWN_KIND" "This build does not serve this kind.";
    0x0006 AuthRequired Session "AUTH_REQUIRED" "The first frame was no HELLO, or a key is needed; the connection is closed.";
    0x0007 AuthFailed Session "AUTH_FAILED" "The key or its proof is wrong; the connection is closed.";
    0x0008 Forbidden Refused "FORBIDDEN" "The key may not do this.";
    0x0009 GoingAway Session "GOING_AWAY" "The connection ends: nothing more is taken on it; connect again.";
    0x0101 Overloaded TryAgain "OVERLOADED" "A bound is reached; nothing was done.";
    0x0102 RateLimited TryAgain "RATE_LIMITED" "This user or connection asks too fast; nothing was done.";
    0x0103 DeadlineExceeded TryAgain "DEADLINE_EXCEEDED" "The time left was used up before the step; nothing was done.";
    0x0104 Draining TryAgain "DRAINING" "The server takes no new orders any more; nothing was done.";
    0x0105 StoreUnavailable TryAgain "STORE_UNAVAILABLE" "What the step needs cannot be reached; nothing was done.";
    0x0106 OutcomeUnknown OutcomeUnknown "OUTCOME_UNKNOWN" "It may have been done: ask again with the same request id.";
    0x0107 TooManyInFlight TryAgain "TOO_MANY_IN_FLIGHT" "This connection has too many unanswered requests; nothing was done.";
    0x0108 SwitchedOff Refused "SWITCHED_OFF" "An operator switched this off: the switch's scope (1 the whole shop, 2 a sale, 3 a sku), its id. Scope 0: the server did, for its disk is nearly full.";
    0x0201 InvalidField Refused "INVALID_FIELD" "A field is out of its range, or the body is not what the kind says.";
    0x0202 OrderNotFound Refused "ORDER_NOT_FOUND" "No such order, or it belongs to somebody else.";
    0x0203 SkuNotFound Refused "SKU_NOT_FOUND" "No such sku (or sale, for the kinds that name one).";
    0x0204 RequestIdReused Refused "REQUEST_ID_REUSED" "This request id was used for another kind or body.";
    0x0205 WrongState Refused "WRONG_STATE" "The order's state does not allow this: the state wanted, the state it is in.";
    0x0206 VersionConflict Refused "VERSION_CONFLICT" "Another version stands: the one named, the one that stands.";
    0x0207 PriceChanged Refused "PRICE_CHANGED" "The total is another now: the one shown, the one now (minor units).";
    0x0208 CurrencyMismatch Refused "CURRENCY_MISMATCH" "The sku sells in another currency: the one asked, the sku's (ISO 4217).";
    0x0209 RequestIdExpired Refused "REQUEST_ID_EXPIRED" "The request id's own time is outside the window: its time, the server's (microseconds).";
    0x020A CursorTooOld Refused "CURSOR_TOO_OLD" "The events behind this cursor are gone: the position asked, the oldest to begin behind.";
    0x0301 SoldOut Refused "SOLD_OUT" "Nothing sellable on that shelf: the units asked, 0.";
    0x0302 InsufficientStock Refused "INSUFFICIENT_STOCK" "Fewer units than asked: the units asked, the units there.";
    0x0303 UserLimit Refused "USER_LIMIT" "More units of the sale than one user may take: asked, still allowed.";
    0x0304 OrderLimit Refused "ORDER_LIMIT" "More units of the sale than one order may have: asked, allowed.";
    0x0305 SaleNotOpen Refused "SALE_NOT_OPEN" "The sale has not opened: the server's time, when it opens (microseconds).";
    0x0306 SaleEnded Refused "SALE_ENDED" "The sale is over: the server's time, when it closed (microseconds).";
    0x0307 SaleCap Refused "SALE_CAP" "More units than the sale's cap leaves: asked, left.";
    0x0308 SkuClosed Refused "SKU_CLOSED" "The operator closed this sku.";
    0x0309 HoldNotFound Refused "HOLD_NOT_FOUND" "No such hold.";
    0x030A HoldExpired Refused "HOLD_EXPIRED" "The hold ended by time.";
    0x0401 AmountMismatch Refused "AMOUNT_MISMATCH" "Another amount or currency was paid than asked for.";
    0x0402 BadSignature Refused "BAD_SIGNATURE" "The callback's signature is wrong.";
    0x0403 PaymentNotFound Refused "PAYMENT_NOT_FOUND" "No such payment.";
    0x0404 AlreadyPaid Refused "ALREADY_PAID" "The order is paid.";
    0x0405 RefundExceedsPaid Refused "REFUND_EXCEEDS_PAID" "More would go back than was paid.";
    0x0501 CouponNotFound Refused "COUPON_NOT_FOUND" "No such coupon.";
    0x0502 CouponUsed Refused "COUPON_USED" "The coupon was used.";
    0x0503 CouponExpired Refused "COUPON_EXPIRED" "The coupon's time is over.";
    0x0504 CouponNotApplicable Refused "COUPON_NOT_APPLICABLE" "The coupon does not fit this basket.";
    0x0505 CouponExhausted Refused "COUPON_EXHAUSTED" "The coupon's quota is used up.";
    0x0506 CouponUserLimit Refused "COUPON_USER_LIMIT" "This user had as many of this coupon as one may.";
    0x0601 Blocked Refused "BLOCKED" "An operator blocked this user: the server's time, until when (microseconds; 0: for ever).";
    0x0F01 Internal OutcomeUnknown "INTERNAL" "A bug of the server, logged with the trace id; it may have been done.";
}

impl Status {
    /// The number on the wire.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The status of this name, if there is one.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.iter().copied().find(|status| status.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_statuses_agree() {
        for code in 0..=u16::MAX {
            match Status::from_code(code) {
                Some(status) => {
                    assert_eq!((status.code(), Status::from_name(status.name())), (code, Some(status)));
                }
                None => assert!(Status::ALL.iter().all(|status| status.code() != code)),
            }
        }
        assert!(Status::ALL.is_sorted());
        assert_eq!(Status::from_code(0), None, "0 says that all went well");
    }
}
