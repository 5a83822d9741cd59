//! Answers in a word, and those that a run must have heard.

use domain::Verdict;
use domain::aftersale::{CaseKind, CaseState};
use domain::order::State;
use domain::payment::PaymentState;
use domain::verdict::HistoryRow;

/// What the histories of a run must have heard: every answer but OVERLOADED, which is about bounds.
pub(super) const ANSWERS: &[&str] = &[
    "PendingPayment",
    "Confirmed",
    "Cancelled",
    "Refunded",
    "Sku",
    "Sale",
    "Shelf",
    "Hold Open",
    "Hold Taken",
    "Hold Committed",
    "Hold Released",
    "Hold Expired",
    "Transferred",
    "Priced",
    "OrderFound",
    "Orders",
    "History",
    "SkuFound",
    "Skus",
    "SaleFound",
    "Freight",
    "FreightRules",
    "Sales",
    "Limited",
    "Limits",
    "Switched",
    "Switches",
    "Holdings",
    "refused InvalidField",
    "refused OrderNotFound",
    "refused SkuNotFound",
    "refused RequestIdReused",
    "refused WrongState",
    "refused VersionConflict",
    "refused PriceChanged",
    "refused CurrencyMismatch",
    "refused RequestIdExpired",
    "refused SoldOut",
    "refused InsufficientStock",
    "refused UserLimit",
    "refused OrderLimit",
    "refused SaleNotOpen",
    "refused SaleEnded",
    "refused SaleCap",
    "refused SkuClosed",
    "refused HoldNotFound",
    "refused HoldExpired",
    "payment Open of Paying",
    "payment Failed of PendingPayment",
    "payment Closed of PendingPayment",
    "payment Paid of Confirmed",
    "payment Paid of Refunding",
    "payment Paid of Refunded",
    "payment Paid of StockException",
    "History, restocked",
    "payment Surplus of one who had paid",
    "payment Surplus of Refunding",
    "payment Surplus of Refunded",
    "Mismatched",
    "PartShipped",
    "Shipped",
    "Delivered",
    "Completed",
    "Refunding",
    "1 shipments",
    "case Open",
    "case AwaitingGoods",
    "case Refunding",
    "case Done",
    "exchanged",
    "case Refused",
    "Cases",
    "2 shipments",
    "payment settled",
    "charged again",
    "refused AmountMismatch",
    "refused PaymentNotFound",
    "refused AlreadyPaid",
    "refused RefundExceedsPaid",
    "refused SwitchedOff",
    "refused Blocked",
    "Coupon",
    "CouponTaken",
    "CouponsChecked",
    "CouponFound",
    "Coupons",
    "refused CouponNotFound",
    "refused CouponUsed",
    "refused CouponExpired",
    "refused CouponNotApplicable",
    "refused CouponExhausted",
    "refused CouponUserLimit",
];

/// The answer in a word.
pub(super) fn in_a_word(answer: &Verdict) -> String {
    match answer {
        Verdict::Refused(refusal) => format!("refused {:?}", refusal.reason),
        Verdict::Order(brief) => format!("{:?}", brief.state),
        Verdict::Sku { .. } => "Sku".into(),
        Verdict::Sale { .. } => "Sale".into(),
        Verdict::Shelf(_) => "Shelf".into(),
        Verdict::Hold(hold) => format!("Hold {:?}", hold.state),
        Verdict::Transferred(_) => "Transferred".into(),
        Verdict::Priced(_) => "Priced".into(),
        Verdict::OrderFound(_) => "OrderFound".into(),
        Verdict::Orders(_) => "Orders".into(),
        Verdict::History(view) if view.rows.iter().any(is_restocked) => "History, restocked".into(),
        Verdict::History(_) => "History".into(),
        Verdict::SkuFound(_) => "SkuFound".into(),
        Verdict::Skus(_) => "Skus".into(),
        Verdict::Freight { .. } => "Freight".into(),
        Verdict::FreightRules(_) => "FreightRules".into(),
        Verdict::SaleFound(_) => "SaleFound".into(),
        Verdict::Sales(_) => "Sales".into(),
        Verdict::Cursor(_) => "Cursor".into(),
        Verdict::LettersParked(_) => "LettersParked".into(),
        Verdict::Letters(_) => "Letters".into(),
        Verdict::Limited => "Limited".into(),
        Verdict::Limits(_) => "Limits".into(),
        Verdict::Switched { .. } => "Switched".into(),
        Verdict::Switches(_) => "Switches".into(),
        Verdict::Holdings(_) => "Holdings".into(),
        Verdict::Payment(brief) if brief.state == PaymentState::Paid && brief.arrived != brief.amount => {
            "payment settled".into()
        }
        Verdict::Payment(brief) if brief.state == PaymentState::Surplus && goes_on(brief.order_state) => {
            "payment Surplus of one who had paid".into()
        }
        Verdict::Payment(brief) => format!("payment {:?} of {:?}", brief.state, brief.order_state),
        Verdict::Mismatched(brief) if brief.refunded > brief.arrived => "beyond what came".into(),
        Verdict::Mismatched(brief)
            if (brief.arrived, brief.arrived_currency) == (brief.amount, brief.currency) =>
        {
            "charged again".into()
        }
        Verdict::Mismatched(_) => "Mismatched".into(),
        Verdict::Coupon { .. } => "Coupon".into(),
        Verdict::CouponTaken(_) => "CouponTaken".into(),
        Verdict::CouponsChecked(_) => "CouponsChecked".into(),
        Verdict::CouponFound(_) => "CouponFound".into(),
        Verdict::Coupons(_) => "Coupons".into(),
        Verdict::Case(view) if view.case.kind == CaseKind::Exchange && view.case.state == CaseState::Done => {
            "exchanged".into()
        }
        Verdict::Case(view) => format!("case {:?}", view.case.state),
        Verdict::Cases(_) => "Cases".into(),
        Verdict::Shipments(view) => format!("{} shipments", view.shipments.len().min(2)),
    }
}

/// Paid, and on its way to the buyer.
fn goes_on(state: State) -> bool {
    match state {
        State::Paid
        | State::Confirmed
        | State::PartShipped
        | State::Shipped
        | State::Delivered
        | State::Completed => true,
        State::Reserving
        | State::PendingPayment
        | State::Paying
        | State::StockException
        | State::Failed
        | State::Cancelled
        | State::Refunding
        | State::Refunded => false,
    }
}

fn is_restocked(row: &HistoryRow) -> bool {
    (row.from, row.to) == (Some(State::StockException), State::Confirmed)
}
