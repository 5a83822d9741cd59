//! Why the shop said no. A refusal changed nothing and is decided anew when asked again.

/// A decided «no»: the reason, and what would have to be different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was wrong.
    pub reason: Reason,
    /// The first failing line (or item), counted from 0; [`Refusal::NO_LINE`] where no line is to blame.
    pub line: u32,
    /// What was asked for: units, a price, a version, a time in microseconds; 0 where there is no number.
    pub asked: i64,
    /// What there is, in the same unit as `asked`.
    pub there: i64,
}

impl Refusal {
    /// Stands in [`Refusal::line`] when the refusal is about the whole request.
    pub const NO_LINE: u32 = u32::MAX;

    /// A refusal of the whole request, without numbers.
    pub const fn of(reason: Reason) -> Refusal {
        Refusal { reason, line: Self::NO_LINE, asked: 0, there: 0 }
    }

    /// The same refusal, blamed on a line.
    #[must_use]
    pub const fn at_line(self, line: usize) -> Refusal {
        Refusal { line: line as u32, ..self }
    }

    /// The same refusal, with what was asked and what there is.
    #[must_use]
    pub const fn with(self, asked: i64, there: i64) -> Refusal {
        Refusal { asked, there, ..self }
    }
}

/// Every reason that the ledger gives. The wire has a status of the same name for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A field is out of its range, or a sum of money does not fit; `line` names the item, if it is one.
    InvalidField,
    /// No such order, or it belongs to somebody else.
    OrderNotFound,
    /// No such sku (or sale, for the kinds that name one).
    SkuNotFound,
    /// This request id was used for another kind or body.
    RequestIdReused,
    /// The order's state does not allow this. `asked`: the state wanted, `there`: the state it is in.
    WrongState,
    /// `asked`: the version named, `there`: the version that stands.
    VersionConflict,
    /// `asked`: the total that the client showed, `there`: the total now. Minor units.
    PriceChanged,
    /// `asked`: the currency of the request, `there`: the sku's. ISO 4217 numeric.
    CurrencyMismatch,
    /// The request id's own time is outside the window. `asked`: its time, `there`: ledger time. Microseconds.
    RequestIdExpired,
    /// Nothing sellable on that shelf. `asked`: units.
    SoldOut,
    /// Some, but fewer than asked. Units.
    InsufficientStock,
    /// `asked`: units of the sale in this basket, `there`: what this user may still take.
    UserLimit,
    /// `asked`: units of the sale in this basket, `there`: the most that one order may have.
    OrderLimit,
    /// `asked`: ledger time, `there`: when it opens. Microseconds.
    SaleNotOpen,
    /// `asked`: ledger time, `there`: when it closed. Microseconds.
    SaleEnded,
    /// `asked`: units of the sale in this basket, `there`: what the cap still leaves.
    SaleCap,
    /// The operator closed this sku.
    SkuClosed,
    /// The hold named does not exist (any more), or belongs to somebody else.
    HoldNotFound,
    /// The hold's timer was first. `asked`: ledger time, `there`: until when it lasted. Microseconds.
    HoldExpired,
    /// No such coupon, or one that must be claimed and that this user has not. `line` names it, by its place in the
    /// request; so do the refusals that follow.
    CouponNotFound,
    /// All that this user claimed of it is in use. `asked`: uses, `there`: 0.
    CouponUsed,
    /// `asked`: ledger time, `there`: when it closed. Microseconds.
    CouponExpired,
    /// Not for this basket, or not yet. `asked`: goods in its scope, `there`: what they must come to; or `asked`:
    /// ledger time, `there`: when it opens.
    CouponNotApplicable,
    /// Its quota is taken. `asked`: uses or claims, `there`: what is left.
    CouponExhausted,
    /// This user's quota of it is taken. `asked`: uses or claims, `there`: what is left.
    CouponUserLimit,
    /// A bound of the ledger is reached (orders, request ids, user counts …): full is an answer. Nothing was
    /// done; ask again later.
    Overloaded,
    /// Another amount or currency than was asked for. `asked`: the amount that came, `there`: the amount that was
    /// to come. Money that came is recorded all the same ([`Verdict::Mismatched`](crate::Verdict::Mismatched)).
    AmountMismatch,
    /// No such payment, or it belongs to somebody else or to another gateway, or it has no such refund.
    PaymentNotFound,
    /// The order's money is there already, or that of the attempt.
    AlreadyPaid,
    /// `asked`: the refund, `there`: what the payment still has that is not on its way back. Minor units.
    RefundExceedsPaid,
    /// An operator switched this off. `asked`: number of the switch's scope (1 the whole shop, 2 a sale, 3 a sku),
    /// `there`: id of the sale or sku.
    SwitchedOff,
    /// An operator blocked this user. `asked`: ledger time, `there`: until when (microseconds); 0 and 0: for ever.
    Blocked,
}

impl Reason {
    /// Every reason. Its place is its number where a refusal is kept, so new ones come at the end.
    pub const ALL: [Reason; 32] = [
        Reason::InvalidField,
        Reason::OrderNotFound,
        Reason::SkuNotFound,
        Reason::RequestIdReused,
        Reason::WrongState,
        Reason::VersionConflict,
        Reason::PriceChanged,
        Reason::CurrencyMismatch,
        Reason::RequestIdExpired,
        Reason::SoldOut,
        Reason::InsufficientStock,
        Reason::UserLimit,
        Reason::OrderLimit,
        Reason::SaleNotOpen,
        Reason::SaleEnded,
        Reason::SaleCap,
        Reason::SkuClosed,
        Reason::HoldNotFound,
        Reason::HoldExpired,
        Reason::CouponNotFound,
        Reason::CouponUsed,
        Reason::CouponExpired,
        Reason::CouponNotApplicable,
        Reason::CouponExhausted,
        Reason::CouponUserLimit,
        Reason::Overloaded,
        Reason::AmountMismatch,
        Reason::PaymentNotFound,
        Reason::AlreadyPaid,
        Reason::RefundExceedsPaid,
        Reason::SwitchedOff,
        Reason::Blocked,
    ];

    /// Its place in [`Reason::ALL`].
    pub fn number(self) -> u8 {
        let at = Self::ALL.iter().position(|reason| *reason == self);
        at.expect("every reason is in the list") as u8
    }

    /// The reason of this number, if there is one.
    pub fn from_number(number: u8) -> Option<Reason> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_number() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_number(reason.number()), Some(reason));
        }
        // The last one of the enum: whoever adds another one behind it is told here.
        assert_eq!(Reason::ALL.len(), Reason::Blocked as usize + 1);
        assert_eq!(Reason::from_number(Reason::ALL.len() as u8), None);
    }
}
